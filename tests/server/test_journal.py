"""journal.py: in order, all of it, and nothing that nobody wants."""

from __future__ import annotations

import logging
import threading
from typing import List

import pytest

from rollcall.server import journal as journal_module
from rollcall.server.journal import MOST, Journal
from tests.helpers import PATIENCE, wait_until

log = logging.getLogger("rollcall.test")


def test_notes_become_log_lines_in_order_and_none_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO):
        journal.start()
        for number in range(500):
            journal.note(log, logging.INFO, "note %d of %s", number, "many")
        journal.note(log, logging.DEBUG, "nobody wants this")
        journal.stop()
    assert [record.getMessage() for record in caplog.records] == [f"note {n} of many" for n in range(500)]
    assert {record.threadName for record in caplog.records} <= {"journal", threading.current_thread().name}


def test_a_line_has_the_time_of_its_note(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(wall_clock=lambda: 1_700_000_000.25)
    with caplog.at_level(logging.INFO):
        journal.note(log, logging.INFO, "then")
        journal.stop()
    (record,) = caplog.records
    assert (record.created, record.msecs) == (1_700_000_000.25, 250)
    assert (record.name, record.levelno) == (log.name, logging.INFO)


def test_a_journal_that_never_ran_still_writes_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO):
        journal.note(log, logging.WARNING, "early")
        journal.stop()
    assert caplog.messages == ["early"]


def test_what_comes_after_the_end_is_written_at_once(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO):
        journal.start()
        assert journal.stop()
        journal.note(log, logging.INFO, "late")
    assert caplog.messages == ["late"]


def test_an_exception_is_noted_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    try:
        raise ValueError("a bug")
    except ValueError:
        journal.note_exception(log, "%s failed", "it")
    journal.stop()
    assert caplog.messages[0].startswith("it failed\nTraceback") and caplog.messages[0].endswith("ValueError: a bug")


class Terminal(logging.Handler):
    """One that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held, self.go_on = threading.Event(), threading.Event()
        self.lines: List[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.held.set()
        assert self.go_on.wait(PATIENCE)
        self.lines.append(record.getMessage())


def test_a_terminal_that_takes_no_more_holds_up_nobody_and_costs_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "STUCK_AFTER", 0.05)
    terminal, journal = Terminal(), Journal()
    stuck = logging.getLogger("rollcall.test.stuck")
    stuck.propagate = False
    for logger in (stuck, logging.getLogger("rollcall.journal")):
        logger.addHandler(terminal)
    try:
        journal.start()
        journal.note(stuck, logging.WARNING, "first")
        assert terminal.held.wait(PATIENCE)
        for number in range(MOST + 5):
            journal.note(stuck, logging.WARNING, "%d", number)
        assert not journal.stop(), "it says so instead of waiting"
        terminal.go_on.set()
        wait_until(lambda: not journal._thread.is_alive(), "the end")
        assert len(terminal.lines) == 1 + MOST + 1 and terminal.lines[-1].startswith("5 lines dropped")
    finally:
        for logger in (stuck, logging.getLogger("rollcall.journal")):
            logger.removeHandler(terminal)
