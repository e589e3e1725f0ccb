"""Which lines the list has, in which order, and the list as text for other programs. No widgets.

`TableOrder` keeps the people by key, in groups: who needs attention stands first, then who is here, who is not, and
guests. Within a group they are sorted by a column, and what is the same there by name. The order is computed anew when
something changed: sorting a thousand short keys takes about a millisecond, less than moving one row on the screen.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from rollcall.window.members import UNKNOWN
from rollcall.window.names import fold, name_key
from rollcall.window.people import GROUPS, GUESTS, PRESENT, RANK, Number, Person, since_text
from rollcall.wire.clock import local_time
from rollcall.wire.text import counted

NAME, STATE, SINCE, FOR, ADDRESS = "name", "state", "since", "for", "address"
COLUMNS: Dict[str, str] = {
    NAME: "Name", STATE: "State", SINCE: "Since", FOR: "Here for", ADDRESS: "Address",
}  # fmt: skip
USUAL = (NAME, STATE, SINCE)
"""The columns that are always shown; the others are for who asks for them."""

GROUP = "group "
"""What the key of a group's heading begins with."""


def duration_text(seconds: float) -> str:
    """``0:07``, ``12:34``, ``1:02:03``, ``2 d 3 h``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def stayed_text(person: Person, wall: float) -> str:
    """How long somebody has been here, or was; empty where nobody knows."""
    return "" if person.state == UNKNOWN or person.arrived is None else duration_text(person.stayed(wall))


def _address_key(person: Person) -> Tuple[Any, ...]:
    """Addresses as numbers, so that .9 comes before .10; what is no address comes after them."""
    try:
        ip = ipaddress.ip_address(person.ip.partition("%")[0])
    except ValueError:
        return (9, 0, person.ip.casefold(), person.port)
    return (ip.version, int(ip), "", person.port)


def _key(person: Person, column: str) -> Tuple[Any, ...]:
    if column == STATE:
        return (RANK.get(person.state, len(RANK)),)
    if column == ADDRESS:
        return _address_key(person)
    if column == SINCE:
        return (person.since is None, person.since or 0.0)
    # Durations grow for all who are here alike, so the order of arrival is theirs; who went comes last.
    return (person.went is not None, -(person.arrived or 0.0))


class TableOrder:
    """The people to show and their order. One thread only."""

    def __init__(self) -> None:
        self.people: Dict[str, Person] = {}
        self.column = NAME
        self.descending = False
        self.filter = ""
        self.number: Optional[Number] = None
        self.changed: Dict[str, None] = {}
        """Keys of those who are new, different or gone, in that order, until the table has shown it."""
        self.version = 0
        """Another number whenever somebody is new, different or gone."""
        self.moved: Dict[str, str] = {}
        self._names: Dict[str, Tuple[Any, ...]] = {}

    def update(self, shown: Iterable[Person], gone: Iterable[str], moved: Optional[Mapping[str, str]] = None) -> None:
        """Take what changed: people, keys of those who are no longer shown, and who has another key now."""
        for person in shown:
            self.people[person.key] = person
            self._names[person.key] = (name_key(person.name), person.key)
            self.changed[person.key] = None
            self.version += 1
        for key in gone:
            if self.people.pop(key, None) is not None:
                del self._names[key]
                self.changed[key] = None
                self.version += 1
        self.moved.update(moved or {})

    def replace(self, people: Iterable[Person]) -> None:
        """Take these and nobody else; what is as before is no change."""
        new = {person.key: person for person in people}
        self.revise(new.values(), [key for key in self.people if key not in new])

    def revise(self, people: Iterable[Person], gone: Iterable[str]) -> None:
        """As `update`; what is as before is no change."""
        self.update([person for person in people if self.people.get(person.key) != person], gone)

    def sort_by(self, column: str) -> None:
        """A click on a heading: sort by that column, or the other way round if it is sorted by it already."""
        self.descending = column == self.column and not self.descending
        self.column = column

    @property
    def is_filtered(self) -> bool:
        """True if not everyone is shown."""
        return bool(self.filter.strip()) or self.number is not None

    def groups(self) -> List[Tuple[str, List[str]]]:
        """Each group that has anybody, top to bottom, and the keys in it in their order."""
        wanted = fold(self.filter.strip())
        found: Dict[str, List[str]] = {group: [] for group in GROUPS}
        number = self.number
        for key, person in self.people.items():
            if (number is None or number.lets_through(person)) and (not wanted or _matches(person, wanted)):
                found[person.group].append(key)
        for keys in found.values():
            keys.sort(key=self._names.__getitem__, reverse=self.descending and self.column == NAME)
            if self.column != NAME:
                keys.sort(key=lambda key: _key(self.people[key], self.column), reverse=self.descending)
        return [(group, keys) for group, keys in found.items() if keys]

    def lines(self) -> List[str]:
        """The keys of all lines, top to bottom: headings of groups, and people."""
        return [line for group, keys in self.groups() for line in (GROUP + group, *keys)]

    def heading(self, group: str, count: int) -> str:
        """What stands above a group."""
        title = GROUPS[group]
        if group == PRESENT and any(p.state == UNKNOWN for p in self.people.values()):
            title = "LAST SEEN HERE"
        text = f"{title} · {count}"
        proposals = sum(bool(person.proposal) for person in self.people.values()) if group == GUESTS else 0
        accept = f"Accept {'all ' if proposals > 1 else ''}{counted(proposals, 'proposal')}"
        return f"{text}     {accept}" if proposals else text


def _matches(person: Person, wanted: str) -> bool:
    texts = (person.name, person.proposal, person.address, person.words(0.0).partition(" for ")[0])
    return any(wanted in fold(text) for text in texts)


def as_table(people: Iterable[Person], wall: float) -> str:
    """The people as lines whose cells are parted by tabs: pasted into a spreadsheet or a table, they are columns."""
    lines = ["\t".join(COLUMNS.values())]
    for person in people:
        stayed = stayed_text(person, wall)
        cells = (person.label, person.words(wall).rstrip(" •"), since_text(person), stayed, person.address)
        lines.append("\t".join(str(_harmless(cell)) for cell in cells))
    return "\n".join(lines) + "\n"


def as_csv(people: Iterable[Person], wall: float) -> str:
    """The people as comma-separated values (RFC 4180), times in ISO 8601.

    A name is written by a stranger, and spreadsheets take what begins with = + - @ for a formula: such cells get an
    apostrophe in front, as OWASP advises.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["name", "state", "seconds", "arrived", "went", "address", "port"])
    for person in people:
        cells = [person.name, person.state, int(person.stayed(wall)), _iso(person.arrived), _iso(person.went)]
        writer.writerow([_harmless(cell) for cell in (*cells, person.ip, person.port)])
    return file.getvalue()


def _iso(wall: Optional[float]) -> str:
    return "" if wall is None else time.strftime("%Y-%m-%dT%H:%M:%S%z", local_time(wall))


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
