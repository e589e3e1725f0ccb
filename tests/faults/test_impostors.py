"""Somebody says that he is somebody else: with a copied profile, with another's token or id, with a teacher's code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from rollcall.client import events
from tests.closed_room import ITERATIONS, JOIN
from tests.faults.test_bad_network import following
from tests.faults.watched import Watched, watched
from tests.helpers import RawClient


@pytest.fixture(params=["open", "closed"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Optional[Path]:
    """For `watched`: an open room or a closed one."""
    return tmp_path if request.param == "closed" else None


def joined(seen: Watched, name: str, **more: Any) -> tuple[RawClient, Dict[str, Any]]:
    """One more member, and its ``welcome``."""
    client = seen.enter(seen.port)
    client.register(name, **more)
    return client, client.until_type("welcome")


def gone(client: RawClient) -> None:
    client.send({"type": "leave"})
    client.rest()
    client.close()


def test_two_copies_of_one_profile_are_two_members_who_take_no_turns(folder: Optional[Path]) -> None:
    door: Dict[str, Any] = {"code": JOIN, "least_iterations": ITERATIONS} if folder is not None else {}
    with watched(folder, heartbeat_interval=0.1, connection_timeout=20.0) as seen:
        with following(seen.port, "Ann", device_id="d" * 32, **door) as first:
            first.wait_for(events.Connected)
            profile = {**door, "code": "", "trust": first.client.door.trust}  # what was kept, keys and all
            with following(seen.port, "Ann", device_id="d" * 32, **(profile if door else {})) as second:
                second.wait_for(events.RoundTrip, 3)
                before = first.count(events.RoundTrip)
                first.wait_for(events.RoundTrip, before + 3)
                assert first.count(events.Disconnected) == second.count(events.Disconnected) == 0
                assert seen.roster() == ["Ann", "Ann", "Witness"]


def test_another_members_token_takes_nobodys_row(folder: Optional[Path]) -> None:
    with watched(folder) as seen:
        ann, welcome = joined(seen, "Ann", device_id="hers")
        token = welcome["resume_token"]
        tries = ({"resume_token": token, "device_id": "his"}, {"resume_token": token, "device_id": ""})
        made_up = f"{welcome['member_id']}.{'0' * 32}", token[:-1], token + "0", token.swapcase(), ""
        for more in (*tries, *({"resume_token": other, "device_id": "hers"} for other in made_up)):
            eve, other = joined(seen, "Eve", **more)
            assert other["member_id"] != welcome["member_id"], more
            gone(eve)
        ann.send({"type": "ping", "seq": 5})
        assert ann.until_type("pong")["seq"] == 5, "she was not replaced"
        again, same = joined(seen, "Ann", resume_token=token, device_id="hers")
        assert same["member_id"] == welcome["member_id"]
        assert [message["code"] for message in ann.rest() if message["type"] == "error"] == ["replaced"]
        ann.close()
        gone(again)


@pytest.mark.parametrize("field", ["id", "member_id", "session_id"])
def test_another_members_id_in_a_line_is_nothing(field: str, folder: Optional[Path]) -> None:
    with watched(folder) as seen:
        ann, welcome = joined(seen, "Ann")
        eve, _ = joined(seen, "Eve", **{field: welcome.get(field, welcome["member_id"])})
        for line in ({"type": "ping", "seq": 1}, {"type": "resync"}, {"type": "kick", "id": welcome["member_id"]}):
            eve.send({field: welcome["member_id"], **line})
        denied = eve.until_type("denied")
        assert (denied["act"], denied["message"]) == ("kick", "only a teacher may do that")
        eve.send({"type": "leave", field: welcome["member_id"]})
        eve.rest()
        eve.close()
        assert seen.roster() == ["Ann", "Witness"]
        gone(ann)
