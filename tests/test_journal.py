"""journal.py: in order, all of it, and nothing that nobody wants."""

from __future__ import annotations

import logging
import threading

import pytest

from journal import Journal

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
