"""Minutes of coming and going, half of it inside TLS: what the server holds afterwards is what it held before.

``pytest --long tests/faults/test_soak.py`` takes ten minutes, with ``--soak 20`` twenty seconds.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections import deque
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Deque, List, NamedTuple, Tuple

import pytest

from tests.closed_room import TlsClient
from tests.faults.test_half_calls import linger
from tests.helpers import RawClient, ServerProgram, wait_until

CROWD = 40
"""Members at a time."""

LOOKS = 40
"""How often the server's memory is read."""

MOST_GROWTH = 2048
"""KiB between the second quarter and the last: the first one fills caches. What leaked 50 bytes for each of the 20,000
who come and go in ten minutes, however slow the machine, would be seen."""


class Look(NamedTuple):
    """What a process has."""

    kib: int
    threads: int
    descriptors: int


def look(pid: int) -> Look:
    memory = re.search(r"^Rss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert memory is not None
    counts = [len(os.listdir(f"/proc/{pid}/{folder}")) for folder in ("task", "fd")]
    return Look(int(memory.group(1)), *counts)


def come(port: int, number: int) -> RawClient:
    """Every other one inside TLS."""
    client = TlsClient(port) if number % 2 else RawClient(port)
    client.register(f"Member {number}")
    client.until_type("welcome")
    return client


def go(client: RawClient, chance: random.Random) -> None:
    """In one of the ways in which clients go."""
    how = chance.randrange(4)
    with suppress(OSError):
        if how == 0:
            client.send({"type": "leave"})
        elif how == 1:
            linger(client.socket)
        elif how == 2:
            client.send(b"no message\n")
    client.close()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured where /proc tells")
def test_coming_and_going_leaves_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seconds = float(request.config.getoption("--soak"))
    chance = random.Random(6)
    looks: List[Tuple[float, Look]] = []
    number = 0
    with ServerProgram(tmp_path, max_clients=4 * CROWD, message_rate=0) as server, ExitStack() as stack:
        come(server.port, 1).close()  # loads TLS
        wait_until(lambda: "lost: " in server.text, "the first to be gone")
        before = look(server.pid)
        crowd: Deque[RawClient] = deque()
        stack.callback(lambda: list(map(RawClient.close, crowd)))
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            while len(crowd) < CROWD:
                crowd.append(come(server.port, number))
                number += 1
            chance.choice(crowd).send({"type": "ping", "seq": number})
            go(crowd.popleft(), chance)
            if time.monotonic() - begun > seconds * len(looks) / LOOKS:
                looks.append((time.monotonic() - begun, look(server.pid)))
        while crowd:
            go(crowd.popleft(), chance)
        wait_until(lambda: look(server.pid)[1:] == before[1:], f"threads and descriptors as before: {before}")
        print(f"{number} members came and went in {seconds:g} s; before: {before}; after: {look(server.pid)}")
        for at, seen in looks:
            print(f"{at:5.0f} s: {seen.kib} KiB, {seen.threads} threads, {seen.descriptors} descriptors")
        early, late = (
            max(seen.kib for _, seen in looks[LOOKS * quarter // 4 : LOOKS * (quarter + 1) // 4]) for quarter in (1, 3)
        )
        assert late - early <= MOST_GROWTH, looks
        assert max(seen.threads for _, seen in looks) <= before.threads + 2 * CROWD
        assert server.stop() == 0
        assert "Traceback" not in server.text
