"""Who stands in the list and as what: a person of the roster, or a name that a class expects. No widgets.

Where there is no class, a person is a row of the model. Where there is one, it is a `PersonRow` of the server's: each
name that is expected with what has become of it, and guests. Both become a `Person`, and everything that shows people
(the teacher's table, its numbers, the projector, what is copied) shows those. A state is never told by a colour alone:
it has a sign and a word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, NamedTuple, Optional

from protocol import HERE, KICKED, LATE, LEFT, LOST, REPLACED
from rollcall.window.diary import minute_text
from rollcall.window.members import UNKNOWN, VANISHED, Row
from rollcall.window.words import span_text
from rollcall.wire.class_messages import PersonRow
from rollcall.wire.text import counted

SILENT, EXPECTED, MISSING, EXCUSED, OUT = "silent", "expected", "missing", "excused", "out"
"""States beside those of the roster. Silent: here, and not answering; out: has gone out for a while, and said so."""

WORDS: Dict[str, str] = {
    MISSING: "○ missing",
    SILENT: "◐ not answering",
    LOST: "✕ connection lost",
    VANISHED: "✕ gone",
    LEFT: "– left",
    HERE: "● here",
    UNKNOWN: "◌ last seen here",
    EXPECTED: "○ expected",
    EXCUSED: "~ excused",
    OUT: "→ out",
    KICKED: "– removed",
    REPLACED: "– elsewhere now",
}
"""A sign and a word for each state, in the order in which states sort: what needs attention first."""

RANK: Dict[str, int] = {state: number for number, state in enumerate(WORDS)}

GUEST = "guest"
"""What stands in the place of the class for who is on no list."""

ATTENTION, PRESENT, QUIET, GUESTS = "attention", "present", "quiet", "guests"
GROUPS: Dict[str, str] = {ATTENTION: "NEEDS ATTENTION", PRESENT: "HERE", QUIET: "NOT HERE", GUESTS: "GUESTS"}
"""The groups of the list, top to bottom, with their titles."""

_LOUD = frozenset((MISSING, SILENT, LOST, VANISHED, LEFT))
_PRESENT = frozenset((HERE, UNKNOWN))
GONE = frozenset((LOST, LEFT, VANISHED, KICKED, REPLACED))


@dataclass(frozen=True)
class Person:
    """One line of the list. ``key`` stays the same for the same person; ``since``, ``arrived``, ``went`` and ``silent``
    (since when there is no answer) are Unix time. ``late_by`` are minutes after the lesson's begin, ``proposal`` is the
    name of the list that a guest seems to be, ``hint`` what a teacher should know; ``marked``: there is a mark or a
    note, which is only shown in the person's own dialog. More than one of ``computers`` has
    this name: who is it?"""

    key: str
    name: str
    state: str
    group: str
    since: Optional[float] = None
    arrived: Optional[float] = None
    went: Optional[float] = None
    silent: Optional[float] = None
    own: bool = False
    member: Optional[int] = None
    ip: str = ""
    port: int = 0
    address: str = ""
    late_by: int = 0
    proposal: str = ""
    marked: bool = False
    hint: str = ""
    computers: int = 1

    def stayed(self, wall: float) -> float:
        """Seconds from the arrival until now, or until it went."""
        return 0.0 if self.arrived is None else max(0.0, (wall if self.went is None else self.went) - self.arrived)

    def words(self, wall: float) -> str:
        """The state in words, at that time."""
        text = WORDS.get(self.state, f"– {self.state}")
        if self.state == SILENT and self.silent is not None:
            return f"{text} for {span_text(wall - self.silent)}"
        if self.state in (LOST, LEFT, VANISHED) and self.arrived is not None and self.went is not None:
            return f"{text}, was here {self._from_to()}"
        if self.state == HERE and self.late_by:
            text += f", late by {self.late_by} min"
        if self.computers > 1:
            text += f", {counted(self.computers, 'computer')}?"
        return f"{text}  •" if self.marked else text

    def _from_to(self) -> str:
        """``07:58–08:40``; within a minute how long."""
        came, went = minute_text(self.arrived or 0.0), minute_text(self.went or 0.0)
        return f"{came}–{went}" if came != went else span_text(self.stayed(0.0))

    @property
    def label(self) -> str:
        """The name, with a mark on our own row."""
        return f"{self.name} (you)" if self.own else self.name


class Number(NamedTuple):
    """A number of the headline, which is a filter: it lets through ``states`` of ``group`` (empty: of any)."""

    text: str
    kind: str  # "good", "warn", "bad" or "muted"
    states: frozenset[str]
    guests: bool = False

    def lets_through(self, person: Person) -> bool:
        """True for whom this number counts."""
        return person.state in self.states and (person.group == GUESTS) == self.guests


def group_of(state: str) -> str:
    """Where somebody in that state stands in the list."""
    return ATTENTION if state in _LOUD else PRESENT if state in _PRESENT else QUIET


def of_row(row: Row) -> Person:
    """A person of the roster, where no class is expected."""
    state = SILENT if row.state == LATE else row.state
    since = row.went if row.went is not None else row.silent if state == SILENT else row.arrived
    return Person(
        str(row.id), row.name, state, group_of(state), since, row.arrived, row.went, row.silent, row.own, row.id,
        row.ip, row.port, row.address,
    )  # fmt: skip


def of_class(row: PersonRow, roster: Mapping[int, Row]) -> Person:
    """A name that a class expects, or a guest, as the server judges it; ``roster`` has the rows by the server's ids."""
    member = next((one for one in row.members if one in roster), None)
    there = roster[member] if member is not None else None
    is_guest = row.class_name == GUEST
    person = Person(
        key=row.key, name=row.name or row.typed, state=row.state, group=GUESTS if is_guest else group_of(row.state),
        since=row.since, went=row.since if row.state in GONE else None, late_by=round(row.late_by / 60),
        silent=row.since if row.state == SILENT else None, proposal=row.proposal, marked=bool(row.mark or row.note),
        hint=_hint(row), member=member, arrived=row.came,
        computers=max(1, len(row.members)),
    )  # fmt: skip
    if there is None:
        return person
    arrived = there.arrived if row.came is None else row.came  # the class knows more than this run of the server
    return replace(person, own=there.own, ip=there.ip, port=there.port, address=there.address, arrived=arrived)


def last_seen(person: Person) -> Person:
    """The same while there is no connection: who was here, answering or not, was last seen so."""
    if person.state not in (HERE, SILENT):
        return person
    group = GUESTS if person.group == GUESTS else group_of(UNKNOWN)
    return replace(person, state=UNKNOWN, group=group, since=person.arrived, silent=None)


def _hint(row: PersonRow) -> str:
    """What a teacher should know, in one line each."""
    lines = [f"same computer as {row.same_computer}"] if row.same_computer else []
    if len(row.members) > 1:
        lines.append(f"{counted(len(row.members), 'computer')} have this name: both theirs, or two people?")
    return "\n".join(lines)


def numbers(people: List[Person], has_class: bool) -> List[Number]:
    """The numbers of the headline. They add up, and there is none for nobody. Without a class nobody is missing and
    nothing is "of"."""
    count: Dict[str, int] = {}
    for person in people:
        if person.group != GUESTS:
            count[person.state] = count.get(person.state, 0) + 1
    found: List[Number] = []

    def add(kind: str, words: str, *states: str) -> None:
        number = sum(count.get(state, 0) for state in states)
        if number:
            found.append(Number(f"{number} {words}", kind, frozenset(states)))

    if not has_class:
        add("good", "here", HERE)
        add("muted", "last seen here", UNKNOWN)
        add("warn", "not answering", SILENT)
        add("bad", "gone", *GONE)
        return found
    total = sum(count.values())
    if UNKNOWN in count:
        found.append(Number(f"{count[UNKNOWN]} of {total} last seen here", "muted", frozenset((UNKNOWN,))))
    else:
        found.append(Number(f"{count.get(HERE, 0)} of {total} here", "good", frozenset((HERE,))))
    add("warn", "not answering", SILENT)
    add("bad", "lost", LOST, VANISHED)
    add("bad", "missing", MISSING)
    add("bad", "left", LEFT, KICKED, REPLACED)
    add("muted", "expected", EXPECTED)
    add("muted", "excused", EXCUSED)
    add("muted", "out", OUT)
    guests = [person for person in people if person.group == GUESTS and person.state in (HERE, SILENT, UNKNOWN)]
    if guests:
        states = frozenset(person.state for person in guests)
        found.append(Number(counted(len(guests), "guest"), "muted", states, guests=True))
    return found


def since_text(person: Person) -> str:
    """The time of day since when it is so."""
    return "" if person.since is None else minute_text(person.since)
