"""Somebody sets the clock of the server's machine by a day, forwards or backwards: nobody goes because of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.watched import proven, watched
from tests.helpers import wait_until

DAY = 86_400.0


@pytest.mark.parametrize("step", [DAY, -DAY], ids=["forwards", "backwards"])
@pytest.mark.parametrize("room", ["open", "closed"])
def test_a_day_more_or_less_ends_nobody_and_keeps_nobody(
    step: float, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    folder = tmp_path if room == "closed" else None
    with watched(folder, heartbeat_interval=0.2, connection_timeout=1.0, registration_timeout=1.0) as seen:
        with seen.member("Ann") as ann, seen.member("Mute"):
            monkeypatch.setattr(time, "time", lambda: real() + step)

            def only_the_mute_one_is_gone() -> bool:
                seen.beat()
                ann.send({"type": "ping"})
                ann.until_type("pong")
                return len(seen.server.room.roster) == 2

            wait_until(only_the_mute_one_is_gone, "the lease of the mute one to run out, and no other")
            assert seen.roster() == ["Ann", "Witness"]
            ann.send({"type": "leave"})
            ann.rest()
        if folder is not None:
            with proven(seen.port) as late:  # the certificate knows no date
                late.register("Late")
                assert late.until_type("welcome")
                late.send({"type": "leave"})
                late.rest()
