"""A school morning, by the clock and to the second: what the server computes is what a person would write by hand."""

from __future__ import annotations

from typing import Dict, List, Tuple

from rollcall.server import facts
from rollcall.server.verdicts import lesson_table, term_table
from tests.server.school import CLASS_7B, CLASS_9A, School, at, clock_of, written

NAMES = [person.name for person in CLASS_7B]
FIRST, EARLY, LATE, ABSENT = NAMES[1], NAMES[2:22], NAMES[22:24], NAMES[24:]
MIA, GROESSL, HOLM, BERG, HORN = "Mia Lee", "Jörg Größl", "Søren Holm", "Finn Berg", "Uta Horn"
Row = Tuple[str, ...]


def play() -> School:
    """7b from 08:00 to 10:30, 9a from 10:40. Everything is told to the server as it happens."""
    school = School("07:30")
    book = school.book
    school.note(book.set_class(["7b"]))
    school.join_all("07:41", [FIRST])
    for number, name in enumerate(EARLY):  # 07:58:00 to 08:02:45
        school.join_all(clock_of(at("07:58") + 15 * number), [name])
        if clock_of(school.clock.wall) == "08:00:00":
            school.note(book.begin())
            assert school.counts == {"here": 10, "expected": 17}
    school.to("08:03")
    mia = school.join("mia", "mia")
    school.join("visitor", "Herr Vogt")
    school.note(book.mark([ABSENT[0]], facts.MARK_EXCUSED, "Ms Gray", note="dentist"))
    school.note(book.mark([ABSENT[1]], facts.MARK_HERE, "Ms Gray"))
    assert school.counts == {"here": 22, "expected": 4, "excused": 1}
    school.to("08:05")
    assert school.counts == {"here": 22, "missing": 4, "excused": 1}
    assert [entry.proposal for entry in book.class_list().entries if entry.name == "mia"] == [MIA]  # type: ignore[union-attr]
    school.join_all("08:12", LATE)
    assert school.note(book.accept_all("Ms Gray")).count == 1
    assert school.counts == {"here": 25, "missing": 1, "excused": 1}
    assert mia == school.members["mia"]
    return school


def rest_of_the_morning(school: School) -> None:
    school.to("08:15")
    school.lose(HOLM, silent_for=20)
    school.to("08:18")
    school.join(HOLM)  # it crashed, and is back with its row
    school.to("08:20")
    names = list(school.members)
    school.kill()
    school.clock.advance(60)
    school.restart()
    assert school.counts["silent"] == 24, "nobody is missing because of the server"
    for number, name in enumerate(names):
        school.to(clock_of(at("08:21") + number // 4))
        school.join(name, "Herr Vogt" if name == "visitor" else "")
    assert school.counts == {"here": 25, "missing": 1, "excused": 1}
    school.to("08:25")
    school.note(school.book.mark([BERG], facts.MARK_NOTE, "Ms Gray", note="=1+1"))
    school.to("08:30")
    school.sleep_until("08:40")
    for name in names:
        if name != "visitor":
            school.lose(name, silent_for=600)
    school.to("08:40:06")
    for name in names:
        if name != "visitor":
            school.join(name)
    school.to("09:15")
    school.lose(HORN, silent_for=20)
    school.to("09:16:40")
    school.join(HORN)
    school.to("09:40")
    school.leave(BERG)
    drill(school, [name for name in names if name not in ("visitor", BERG)])
    school.to("10:30")
    school.note(school.book.end())


def drill(school: School, names: List[str]) -> None:
    """All vanish at 10:12 and are back by 10:24; Größl stays away for good."""
    school.to("10:12:20")
    for name in names:
        school.lose(name, silent_for=20)
    event = school.book.class_list().event  # type: ignore[union-attr]
    assert event is not None and (clock_of(event.begin), event.count) == ("10:12:00", 23)
    school.to("10:24")
    for name in names:
        if name != GROESSL:
            school.join(name)


def by_hand() -> Dict[str, Row]:
    """The register of 7b, written by hand."""
    whole = str(2 * 3600 + 1800)
    rows: Dict[str, Row] = {}
    for number, name in enumerate(EARLY):
        came = at("07:58") + 15 * number
        late = max(0.0, came - at("08:00"))
        rows[name] = ("on time", "stayed", "present", clock_of(came), "10:30:00", f"{float(whole) - late:g}", "")
    for name in LATE:
        rows[name] = ("late by 720 s", "stayed", "late", "08:12:00", "10:30:00", f"{float(whole) - 720:g}", "")
    for name in ABSENT:
        rows[name] = ("never", "", "unexcused", "", "", "0", "")
    rows[ABSENT[0]] = ("never", "", "excused", "", "", "0", "")
    rows[ABSENT[1]] = ("on time", "stayed", "present", "", "", "0", "")
    rows[MIA] = ("on time", "stayed", "present", "08:03:00", "10:30:00", f"{9000 - 180:g}", "")
    rows[GROESSL] = (
        "on time",
        "lost at 10:12:00",
        "present",
        "07:41:00",
        "10:12:00",
        f"{at('10:12') - at('08:00'):g}",
        "",
    )
    *_, holm_came, _, _, _ = rows[HOLM]
    rows[HOLM] = ("on time", "stayed", "present", holm_came, "10:30:00", f"{9000 - 200:g}", "08:14:40-08:18:00")
    rows[HORN] = (*rows[HORN][:5], f"{9000 - 720 - 120:g}", "09:14:40-09:16:40")
    rows[BERG] = (*rows[BERG][:1], "left early at 09:40:00", *rows[BERG][2:4], "09:40:00", "", "")
    present = at("09:40") - max(at("08:00"), at("07:58") + 15 * EARLY.index(BERG))
    rows[BERG] = (*rows[BERG][:5], f"{present:g}", "")
    return rows


def test_a_school_morning_is_what_a_person_would_write_by_hand() -> None:
    school = play()
    rest_of_the_morning(school)
    seven_b = school.ended[0]
    lines = school.lines(seven_b.id)
    assert {name: written(line) for name, line in lines.items()} == by_hand()
    assert (lines[ABSENT[0]].note or lines[MIA]).note == "dentist"
    assert lines[ABSENT[1]].found.came == facts.NEVER, "the computer's finding stays beside the mark"

    table = school.book.table(seven_b.id)
    assert table is not None and table.counted
    assert [(clock_of(one.begin), clock_of(one.end), one.why) for one in table.pauses] == [
        ("08:20:00", "08:21:00", facts.DOWN),
        ("08:30:00", "08:40:00", facts.ASLEEP),
    ]
    assert [(clock_of(drill.begin), drill.count) for drill in table.drills] == [("10:12:00", 23)]
    guests = [(guest.name, clock_of(guest.first), clock_of(guest.last)) for guest in table.guests]
    assert guests == [("Herr Vogt", "08:03:00", "10:30:00")]

    # From the record alone, as a report of another day: the same.
    kinds = (facts.Stay, facts.Pause, facts.Mark, facts.Identification)
    stays, pauses, marks, said = ([one for one in school.record.values() if isinstance(one, kind)] for kind in kinds)
    again = lesson_table(table.lesson, stays, pauses, marks, said)  # type: ignore[arg-type]
    assert [written(line) for line in again.lines] == [written(line) for line in table.lines]
    assert again.guests == table.guests and again.drills == table.drills


def test_the_next_class_is_another_lesson_and_a_laptop_left_on_is_a_guest_in_it() -> None:
    school = play()
    rest_of_the_morning(school)
    for name in list(school.members):
        if name not in (MIA, "mia"):
            school.leave(name) if name != "visitor" else None
    school.to("10:36")
    nine = [person.name for person in CLASS_9A]
    for number, name in enumerate(nine[:6]):
        school.to(clock_of(at("10:36") + 30 * number))
        school.join(name)
    now = school.book.class_list()
    assert now is not None and now.comes == "9a" and now.classes == ("7b",)
    school.to("10:40")
    school.note(school.book.begin_class(["9a"]))
    assert school.counts == {"here": 6, "expected": 2}
    school.to("10:50")
    assert school.counts == {"here": 6, "missing": 2}
    school.to("11:30")
    school.note(school.book.end())
    seven_b, nine_a = school.ended
    assert [clock_of(one) for one in (seven_b.begin, seven_b.end)] == ["08:00:00", "10:30:00"]
    table = school.book.table(nine_a.id)
    assert table is not None
    assert [line.counts for line in table.lines] == ["present"] * 6 + ["unexcused"] * 2
    assert [guest.name for guest in table.guests] == ["Herr Vogt", "mia"]

    first = school.book.table(seven_b.id)
    assert first is not None
    terms = [term_table(name, [first, table]) for name in ("7b", "9a")]
    assert [len(term.lessons) for term in terms] == [1, 1]
    totals = {row.name: (row.present, row.late, row.left_early, row.excused, row.unexcused) for row in terms[0].rows}
    assert totals[MIA] == (1, 0, 0, 0, 0) and totals[HORN] == (1, 1, 0, 0, 0) and totals[BERG] == (1, 0, 1, 0, 0)
    assert totals[ABSENT[0]] == (0, 0, 0, 1, 0) and totals[ABSENT[2]] == (0, 0, 0, 0, 1)
