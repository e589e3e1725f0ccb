"""journal.py: in order, all of it, and nothing that nobody wants."""

from __future__ import annotations

import logging
import threading
from typing import List

import pytest

from rollcall.server import journal as journal_module
from rollcall.server.journal import FAULTS_AT_ONCE, LEAST_AT_ONCE, MOST, PERIOD, Journal
from tests.helpers import PATIENCE, FakeClock, wait_until

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


def about(journal: Journal, count: int, address: str, level: int = logging.WARNING, kind: str = "bad_message") -> None:
    for number in range(count):
        member = kind == "joined"
        journal.note(log, level, kind + ": client-%d from %s", number, address, about=address, member=member)


def test_what_is_said_about_one_address_is_limited_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    journal = Journal(clock=clock)
    with caplog.at_level(logging.DEBUG):
        about(journal, FAULTS_AT_ONCE + 7, "10.0.0.9")
        about(journal, 3, "10.0.0.8")
        about(journal, LEAST_AT_ONCE, "10.0.0.9", logging.INFO, "joined")  # another kind, and nobody's fault
        about(journal, FAULTS_AT_ONCE + 1, "10.0.0.9", logging.INFO, "a browser")  # no member
        about(journal, LEAST_AT_ONCE * 3, "10.0.0.9", logging.DEBUG, "ping")
        about(journal, LEAST_AT_ONCE * 3, "", logging.INFO, "about nobody")
        journal._write_waiting()
        shown = [message.split(":")[0] for message in caplog.messages]
        assert {kind: shown.count(kind) for kind in set(shown)} == {
            "bad_message": FAULTS_AT_ONCE + 3,
            "joined": LEAST_AT_ONCE,
            "a browser": FAULTS_AT_ONCE,
            "ping": LEAST_AT_ONCE * 3,
            "about nobody": LEAST_AT_ONCE * 3,
        }
        caplog.clear()
        clock.advance(PERIOD)
        about(journal, 1, "10.0.0.9")
        journal._write_waiting()
    last = f"bad_message: client-{FAULTS_AT_ONCE + 6} from 10.0.0.9"
    assert caplog.messages == [
        f"lines left out about 10.0.0.9: 7, the last: {last}",
        f"lines left out about 10.0.0.9: 1, the last: a browser: client-{FAULTS_AT_ONCE} from 10.0.0.9",
        "bad_message: client-0 from 10.0.0.9",
    ]
    assert journal.stop() and len(journal._shares) == 0


def test_how_many_were_left_out_is_said_by_itself_when_the_flood_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "PERIOD", 0.05)
    monkeypatch.setattr(journal_module, "GATHER", 0.01)
    journal = Journal()
    with caplog.at_level(logging.INFO):
        journal.start()
        about(journal, FAULTS_AT_ONCE + 7, "10.0.0.9")
        wait_until(lambda: "lines left out about 10.0.0.9: 7" in caplog.text, "the count")
        journal.stop()


def test_what_was_left_out_is_said_at_the_end_and_nothing_is_limited_afterwards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO):
        journal.start()
        about(journal, FAULTS_AT_ONCE + 7, "10.0.0.9")
        journal.stop()
        assert caplog.messages[-1].startswith("lines left out about 10.0.0.9: 7")
        about(journal, FAULTS_AT_ONCE + 7, "10.0.0.9")
    assert len(caplog.messages) == 2 * FAULTS_AT_ONCE + 8


def test_more_addresses_than_anybody_has_share_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MOST_SHARES", 5)
    journal = Journal(clock=FakeClock())
    with caplog.at_level(logging.INFO):
        for number in range(100):
            about(journal, 1, f"fe80::{number:x}")
        journal._write_waiting()
        assert len(caplog.messages) == 5 + FAULTS_AT_ONCE and len(journal._shares) == 6
        journal.stop()
    assert caplog.messages[-1].startswith(f"lines left out about other addresses: {95 - FAULTS_AT_ONCE}")


def test_a_bug_of_ours_that_a_peer_can_trigger_is_limited_as_well(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(clock=FakeClock())
    for _ in range(FAULTS_AT_ONCE + 1):
        try:
            raise ValueError("a bug")
        except ValueError:
            journal.note_exception(log, "the handler of %s failed", "client-1", about="10.0.0.9")
    journal.stop()
    assert caplog.text.count("Traceback") == FAULTS_AT_ONCE
    assert caplog.messages[-1] == "lines left out about 10.0.0.9: 1, the last: the handler of client-1 failed"
