"""Lines that no client sends: made up by strategies, and real ones with something broken in them."""

from __future__ import annotations

import json
import random
from typing import Any, Callable, List

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults.watched import Watched, watched
from tests.helpers import RawClient

CORPUS: List[bytes] = [
    b'{"type":"register","client_ip":"192.168.1.5","client_port":50000}',
    b'{"type":"register","client_ip":"10.0.0.1","client_port":5,"protocol":2,"name":"Ann","resume_token":"7.x",'
    b'"device_id":"d","roster":false,"packed":true,"app":"a 1","instance":"5f5f","attempt":3,"role":"teacher"}',
    b'{"type":"ping"}',
    b'{"type":"ping","seq":12}',
    b'{"type":"resync"}',
    b'{"type":"leave"}',
    b'{"type":"hello","app":"a 1"}',
    b'{"type":"auth","data":"p=tls-server-end-point,,n=class,r=rOprNGfwEbeRWgbNEkqOclie"}',
    b'{"type":"kick","id":1,"minutes":10,"message":"Back later, please.","ref":1}',
    b'{"type":"substitute","ref":2}',
    b'{"type":"pong","seq":1,"rev":2}',
    b'{"type":"client_list","clients":[{"ip":"a","port":1}]}',
    b'{"type":"error","code":"kicked","message":"x"}',
    b'{"type":"packed","zlib":"eNqrViqpLEhVslJKzslMzSuJz8ksLlHSUUotyE/OAIpGZBunAblFqWVKVoY6UEXFSlbRsbVcAEwyEvY="}',
]
NOISE = [
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\u0000", b"\\ud800", b"\xe2\x80\xae", b"\r"),
    *(b'"', b"\\", b"{", b"}", b"[", b",", b":", b"1e999", b"-1", b"NaN", b"null", b"true", b"9" * 30, b"A" * 600),
]


def broken(line: bytes, chance: random.Random) -> bytes:
    """A real line with one to four things broken in it, still one line."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(line) + 1)
        other = chance.choice(CORPUS)
        line = chance.choice(
            (
                line[:at] + chance.choice(NOISE) + line[at:],
                line[:at] + line[at + chance.randint(1, 8) :],
                line[:at] + bytes([chance.randrange(256)]) + line[at + 1 :],
                line[:at] + other[chance.randrange(len(other)) :],
                line[:at] + line[at:] * chance.randint(2, 3),
            )
        )
    return line.replace(b"\n", b" ")[:9000]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_fields = st.sampled_from(sorted({key for line in CORPUS for key in json.loads(line)} - {"type"}))
_kinds = st.sampled_from(sorted({json.loads(line)["type"] for line in CORPUS}))
_messages = st.builds(
    lambda kind, fields: json.dumps({**fields, "type": kind}).encode("utf-8", "replace"),
    _kinds | st.text(max_size=8),
    st.dictionaries(_fields, _json, max_size=6),
)
_noise = st.binary(max_size=40).map(lambda noise: noise.replace(b"\n", b""))
made_up = st.lists(_messages | _noise, min_size=20, max_size=30)


class Speaker:
    """Says lines to a server, each time from where the one before was hung up: the first of a connection before a
    registration or after one, in either version."""

    STARTS = (b"", CORPUS[0], CORPUS[1].replace(b'"7.x"', b"null"))

    def __init__(self, seen: Watched, chance: random.Random) -> None:
        self._seen, self._chance = seen, chance
        self.lines = 0

    def say(self, lines: List[bytes]) -> None:
        """All of them, in a few connections; each is read until the server has answered or ended it."""
        waiting = list(lines)
        while waiting:
            with RawClient(self._seen.port) as client:
                start = self._chance.choice(self.STARTS)
                now, waiting = waiting[:8], waiting[8:]
                self.lines += len(now)
                try:
                    client.send(b"\n".join([start, *now] if start else now) + b"\n" + b'{"type":"ping","seq":7}\n')
                    client.send(b'{"type":"leave"}\n')
                except OSError:
                    pass  # it was hung up in the middle of it
                while client.raw_line():
                    pass


def noise(lines: int, batch: int, make: Callable[[], List[bytes]]) -> None:
    with watched(max_clients=1000) as seen:
        speaker = Speaker(seen, random.Random(1))
        while speaker.lines < lines:
            until = speaker.lines + batch
            while speaker.lines < until:
                speaker.say(make())
            seen.is_exact()


def test_thousands_of_broken_lines() -> None:
    chance = random.Random(2)
    noise(10_000, 2_500, lambda: [broken(chance.choice(CORPUS), chance) for _ in range(40)])


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_thousand_broken_lines() -> None:
    chance = random.Random()
    noise(100_000, 5_000, lambda: [broken(chance.choice(CORPUS), chance) for _ in range(40)])


def test_lines_that_somebody_made_up() -> None:
    with watched(max_clients=1000) as seen:
        speaker = Speaker(seen, random.Random(3))

        @seed(4)
        @settings(
            max_examples=20, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(made_up)
        def say(lines: List[Any]) -> None:
            speaker.say(lines)
            seen.beat()

        say()
        assert speaker.lines >= 400
