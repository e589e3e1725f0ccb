"""ending.py: after the last line nothing keeps the process."""

from __future__ import annotations

import sys
from typing import List

import pytest

from tests.helpers import Program, full_pipe

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that can be filled")

CLINGING = """
import atexit, logging, threading
from rollcall.program.ending import run

def main():
    threading.Thread(target=threading.Event().wait).start()
    atexit.register(threading.Event().wait)
    print("stopped", end="")
    return 7

run(main)
"""


def test_neither_a_thread_nor_an_exit_handler_keeps_it() -> None:
    with Program("-c", CLINGING) as program:
        assert program.wait() == 7
        assert program.lines == ["stopped"]


UNREAD = """
import sys
from rollcall.program.ending import run

sys.stdout = open(1, "w")  # with a buffer, which Python would flush, and wait
run(lambda: sys.stdout.write("stopped") and 3)
"""


@posix
def test_what_nobody_reads_does_not_keep_it() -> None:
    with full_pipe() as pipe, Program("-c", UNREAD, stdout=pipe) as program:
        assert program.wait() == 3


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        ("sys.exit()", 0, []),
        ("sys.exit(2)", 2, []),
        ("sys.exit('no')", 1, ["no"]),
        ("sys.stdout.write('help') and sys.exit()", 0, ["help"]),
    ],
)
def test_what_argparse_wishes_is_obeyed(end: str, code: int, words: List[str]) -> None:
    with Program("-c", f"import sys; from rollcall.program.ending import run; run(lambda: {end})") as program:
        assert (program.wait(), program.lines) == (code, words)
