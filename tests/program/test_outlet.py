"""outlet.py: whoever has something to say never waits, and nothing that fails to be said grows."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from rollcall.program import outlet as module
from rollcall.program.outlet import CHUNK, MOST, Outlet, StandardStream, standard
from tests.helpers import PATIENCE, wait_until


class Reader:
    """Takes what is written, when it is let; or fails."""

    def __init__(self) -> None:
        self.held, self.go_on = threading.Event(), threading.Event()
        self.writes: List[str] = []
        self.error: Any = None

    def __call__(self, text: str) -> None:
        self.held.set()
        assert self.go_on.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        self.writes.append(text)

    @property
    def lines(self) -> List[str]:
        return "".join(self.writes).splitlines()


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.go_on.set()


def test_lines_come_in_order_and_whole_and_short_ones_together(reader: Reader) -> None:
    outlet = Outlet("stdout", reader, print)
    lines = [f"line {number}" for number in range(500)] + ["x" * 5000, "end"]
    for line in lines:
        outlet.put(line)
    reader.go_on.set()
    outlet.start()
    assert outlet.stop(PATIENCE)
    assert reader.lines == lines
    assert all(text.endswith("\n") and (len(text) <= CHUNK or text.count("\n") == 1) for text in reader.writes)
    assert len(reader.writes) < 20


def test_a_reader_that_hangs_holds_up_nobody_and_what_waits_is_bounded(reader: Reader) -> None:
    troubles: List[str] = []
    outlet = Outlet("stdout", reader, troubles.append)
    outlet.start()
    outlet.put("first")
    assert reader.held.wait(PATIENCE)
    for number in range(MOST + 5):
        outlet.put(str(number))
    assert troubles == ["stdout takes no more: what it should show is dropped and counted"]
    reader.go_on.set()
    wait_until(lambda: len(reader.lines) == 1 + MOST + 1, "all that waited")
    assert reader.lines[-1] == "(5 lines are missing here: nobody took more)"
    outlet.put("again")
    assert outlet.stop(PATIENCE)
    assert reader.lines[-1] == "again" and len(troubles) == 1


def test_long_lines_are_bounded_by_their_length(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TEXT", 1000)
    outlet = Outlet("stdout", reader, lambda trouble: None)
    outlet.put("a" * 5000)  # alone: however long it is
    for _ in range(3):
        outlet.put("b" * 300)
    reader.go_on.set()
    outlet.start()
    assert outlet.stop(PATIENCE)
    assert [line[0] for line in reader.lines] == ["a", "("]


def test_a_reader_that_hangs_does_not_hold_up_the_end(reader: Reader) -> None:
    outlet = Outlet("stdout", reader, print)
    outlet.start()
    outlet.put("first")
    assert reader.held.wait(PATIENCE)
    assert not outlet.stop(0.01), "it says so instead of waiting"


@pytest.mark.parametrize(
    ("error", "why", "has_gone"),
    [
        (OSError(28, "No space left on device"), "No space left on device", False),
        (BrokenPipeError(32, "Broken pipe"), "Broken pipe", True),
        (ValueError("I/O operation on closed file"), "I/O operation on closed file", False),
    ],
)
def test_what_fails_is_switched_off_with_one_sentence(
    reader: Reader, error: Exception, why: str, has_gone: bool
) -> None:
    troubles: List[str] = []
    outlet = Outlet("stdout", reader, troubles.append)
    reader.error = error
    reader.go_on.set()
    outlet.start()
    for _ in range(3 * MOST):
        outlet.put("x")
    wait_until(lambda: outlet.is_off, "the end of the outlet")
    assert outlet.stop(PATIENCE)
    assert [trouble for trouble in troubles if "takes no more" not in trouble] == [f"stdout is switched off: {why}"]
    assert outlet.reader_has_gone is has_gone
    outlet.put("later")
    assert not outlet._lines and reader.writes == []


def test_an_outlet_that_was_never_there_takes_everything() -> None:
    outlet = Outlet("stdout", standard(None), print)
    outlet.start()
    outlet.put("x")
    assert outlet.is_off and outlet.stop(PATIENCE) and not outlet._lines


def test_a_stream_is_written_past_its_buffer_and_cannot_fail_at_a_character(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="ascii") as stream:
        StandardStream(stream)("Zoë \ud800\n")
        assert (tmp_path / "out").read_bytes() == b"Zo\\xeb \\ud800" + os.linesep.encode()


def test_a_stream_that_is_no_file_will_do() -> None:
    stream = io.StringIO()
    StandardStream(stream)("Zoë\n")
    assert stream.getvalue() == "Zoë\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_that_refuses_instead_of_waiting_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = "".join(f"{number}\n" for number in range(50_000))
    with open(reading, "rb") as source, open(writing, "w", encoding="utf-8") as target:
        writer = threading.Thread(target=StandardStream(target), args=(text,))
        writer.start()
        assert source.read(len(text)) == text.encode()
        writer.join()
