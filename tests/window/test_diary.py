"""diary.py: what happened, one line for one thing."""

from __future__ import annotations

from rollcall.window.diary import CONNECTION, LOG_LINES, PEOPLE, Diary, clock_text, day_text, with_days

WALL = 1_700_000_000.0


def test_an_outage_is_one_line_that_is_completed() -> None:
    diary = Diary()
    diary.over(WALL)
    diary.away(WALL, "server away", "no answer for 12 s")
    diary.note(WALL + 1, PEOPLE, "Ann joined")
    for attempt in range(5):
        diary.away(WALL + attempt, "no connection", "nothing listens")
    assert diary.lines[0].text == f"server away since {clock_text(WALL)}: no answer for 12 s"
    assert (diary.logged, diary.rewritten) == (2, 0)
    diary.over(WALL + 14)
    assert diary.lines[0].text == f"server away {clock_text(WALL)}–{clock_text(WALL + 14)}: no answer for 12 s"
    assert diary.lines[1].text == "Ann joined" and (diary.logged, diary.rewritten) == (2, 1)


def test_the_diary_is_bounded_and_an_outage_whose_line_is_gone_is_over_all_the_same() -> None:
    diary = Diary()
    diary.away(WALL, "server away", "x")
    for number in range(LOG_LINES):
        diary.note(WALL, CONNECTION, str(number))
    diary.over(WALL)
    assert len(diary.lines) == LOG_LINES and diary.lines[0].text == "0" and diary.rewritten == 0
    diary.away(WALL, "server away", "y")
    assert diary.lines[-1].text.endswith(": y")


def test_each_day_is_said_once() -> None:
    diary = Diary()
    for hours in (0, 1, 30):
        diary.note(WALL + 3600 * hours, PEOPLE, str(hours))
    lines = list(with_days(diary.lines))
    assert [line for line in lines if not line[0].isdigit()] == [day_text(WALL), day_text(WALL + 30 * 3600)]
    assert list(with_days(list(diary.lines)[:1], day_text(WALL))) == [f"{clock_text(WALL)}  0"]
