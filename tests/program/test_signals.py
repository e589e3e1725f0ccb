"""signals.py: every goodbye is heard once, and what was to be ignored is."""

from __future__ import annotations

import signal
import sys
from typing import List

import pytest

from tests.helpers import Program

SIGHUP = getattr(signal, "SIGHUP", 0)  # not on Windows
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals as POSIX has them")

HEAR = """
import signal
from rollcall.program import signals as module
module.SAME_SIGNAL = {same}
signals = module.Signals()
for number in {numbers}:
    signal.raise_signal(number)
print(signals.wait() if signals.pending else "nothing", signals.pending)
"""


@pytest.mark.parametrize(
    ("same", "numbers", "code"),
    [
        (60.0, [signal.SIGTERM, signal.SIGTERM], 0),
        (60.0, [signal.SIGINT, signal.SIGINT, signal.SIGTERM], 0),
        pytest.param(-1.0, [signal.SIGTERM, signal.SIGTERM], -signal.SIGTERM, marks=posix),
        pytest.param(60.0, [SIGHUP], 0, marks=posix),
        pytest.param(-1.0, [SIGHUP, SIGHUP], 0, marks=posix),
        pytest.param(-1.0, [signal.SIGTERM, SIGHUP], 0, marks=posix),
        pytest.param(-1.0, [SIGHUP, signal.SIGINT], -signal.SIGINT, marks=posix),
    ],
    ids=str,
)
def test_a_signal_that_comes_twice_at_once_is_one_and_a_later_one_does_not_wait(
    same: float, numbers: List[int], code: int
) -> None:
    with Program("-c", HEAR.format(same=same, numbers=[int(number) for number in numbers])) as program:
        assert program.wait() == code, program.text
        if not code:
            assert program.lines == [f"{int(numbers[0])} False"]


@posix
@pytest.mark.parametrize("name", ["HUP", "INT", "TERM"])
def test_a_signal_that_was_ignored_before_stays_ignored(name: str) -> None:
    number = int(getattr(signal, f"SIG{name}"))
    script = HEAR.format(same=60.0, numbers=[number])
    with Program("-c", script, shell=f"""trap '' {name}; exec "$@" """) as program:
        assert program.wait() == 0, program.text
        assert program.lines == ["nothing False"]
