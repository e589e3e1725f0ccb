"""What the record holds: its tables, which value of which fact stands where, and statements about many rows at once.

Each kind of fact (`rollcall.server.facts`) has a table, and ``runs`` one row for each run of the server. A key stands
first. Times are Unix time in seconds; an ``ended`` of NULL is something that goes on. Lists are JSON. There is no
address anywhere, and a device's id only as long as a lesson needs it.

`VERSION` grows with each change of the tables; an older database is then made into a new one where it is opened.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type, Union

from rollcall.server.facts import CRASHED, STOPPED, Identification, Lesson, Mark, Pause, Person, Stay

VERSION = 1

Fact = Union[Stay, Pause, Lesson, Mark, Identification]

Statement = Tuple[str, Tuple[Any, ...]]


class _Kind(NamedTuple):
    """A table: its columns, and which field of the fact is in which; those without one are the record's own."""

    table: str
    columns: Tuple[Tuple[str, str], ...]


def _kind(table: str, text: str) -> _Kind:
    pairs = [column.partition("=") for column in text.split()]
    return _Kind(table, tuple((column, field if equals else column) for column, equals, field in pairs))


# "column" is the field of that name, "column=field" another one, "column=" none. Words of SQL are no columns.
_KINDS: Dict[Type[Any], _Kind] = {
    Stay: _kind("stays", "id run= member name role device began=begin seen ended=end how"),
    Pause: _kind("pauses", "id run= began=begin ended=end why lesson"),
    Lesson: _kind(
        "lessons",
        "id classes people began=begin ended=end begin_by end_by late_after left_early discarded written=",
    ),
    Mark: _kind("marks", "id lesson name kind at=when by minutes left_at=at note undone"),
    Identification: _kind("identifications", "id kind name at=when class_name typed stay lesson by undone"),
}
_RUNS = ("run", "began", "alive", "ended", "log_file")

TABLES: Dict[str, Tuple[str, ...]] = {
    "runs": _RUNS,
    **{kind.table: tuple(column for column, _ in kind.columns) for kind in _KINDS.values()},
}
"""The columns of each; the first one is the key."""

_WHOLE = ("run", "member", "minutes", "discarded", "undone")
_REAL = ("began", "alive", "seen", "ended", "at", "left_at", "late_after", "left_early", "written")


def _type(column: str) -> str:
    return "INTEGER" if column in _WHOLE else "REAL" if column in _REAL else "TEXT"


def _create(table: str, columns: Sequence[str]) -> str:
    first, *others = (f"{column} {_type(column)}" for column in columns)
    return f"CREATE TABLE {table} ({', '.join([first + ' PRIMARY KEY', *others])})"


SCHEMA: Tuple[str, ...] = (
    *(_create(table, columns) for table, columns in TABLES.items()),
    "CREATE INDEX stays_by_time ON stays (began)",
    "CREATE INDEX stays_open ON stays (run) WHERE ended IS NULL",
    "CREATE INDEX stays_devices ON stays (id) WHERE device <> ''",
    "CREATE INDEX lessons_by_time ON lessons (began)",
    "CREATE INDEX marks_by_lesson ON marks (lesson)",
)


class Row(NamedTuple):
    """One row of a table, whole: it replaces what stood there under the same key, its first value."""

    table: str
    values: Tuple[Any, ...]

    @property
    def key(self) -> Tuple[str, Any]:
        """By which a later row is known to be the same one."""
        return self.table, self.values[0]


_of_stay = attrgetter(*(field for _, field in _KINDS[Stay].columns if field))


def row_of(fact: Fact, run: int, now: float) -> Row:
    """A fact as it is written by that run at that time."""
    if type(fact) is Stay:  # a class comes at once: a third of the time
        key, *others = _of_stay(fact)
        return Row("stays", (key, run, *others))
    table, columns = _KINDS[type(fact)]
    own = {"run": run, "written": now}
    return Row(table, tuple(_to_column(getattr(fact, field)) if field else own[column] for column, field in columns))


def _to_column(value: Any) -> Any:
    if isinstance(value, tuple):
        # A name stands there as it is: whoever must be forgotten can be found.
        return json.dumps([_to_column(item) for item in value], ensure_ascii=False)
    if isinstance(value, Person):
        return [value.name, value.group, value.class_name]
    return int(value) if isinstance(value, bool) else value


def columns_of(kind: Type[Any]) -> str:
    """What to select for `fact_of`, and from where."""
    table, columns = _KINDS[kind]
    by_field = {field: column for column, field in columns if field}
    return f"SELECT {', '.join(by_field[field.name] for field in fields(kind))} FROM {table}"


def fact_of(kind: Type[Any], values: Sequence[Any]) -> Any:
    """The fact in a row that was selected by `columns_of`. Raises ValueError or TypeError if somebody changed it."""
    if kind is Stay or kind is Pause:
        return kind(*values)  # most rows are stays
    found = kind(*values)
    if kind is Lesson:
        people = tuple(Person(*item) for item in json.loads(found.people))
        return replace(found, classes=tuple(json.loads(found.classes)), people=people, discarded=bool(found.discarded))
    return replace(found, undone=bool(found.undone))


def is_open(fact: Fact) -> bool:
    """Whether it is something that goes on: then the run must show that it lives."""
    if isinstance(fact, Lesson):
        return fact.begin is not None and fact.end is None and not fact.discarded
    return isinstance(fact, Stay) and fact.end is None


def moves_devices(fact: Fact) -> bool:
    """Whether there may be ids of devices now that no lesson needs: one has ended, or somebody came in none."""
    return isinstance(fact, Lesson) or (isinstance(fact, Stay) and bool(fact.device))


# --- many rows at once ----------------------------------------------------------------------------------------


def start_of_run(run: int, now: float, log_file: Optional[str]) -> Row:
    """A server has started."""
    return Row("runs", (run, now, now, None, log_file))


def after_crash(run: int) -> List[Statement]:
    """Runs that did not end as they should have ended with their last sign of life, and so has all that was open."""
    alive = "coalesce((SELECT alive FROM runs WHERE runs.run = stays.run), seen)"
    return [
        (
            f"UPDATE stays SET ended = max(seen, {alive}), seen = max(seen, {alive}), how = ? "
            "WHERE ended IS NULL AND run <> ?",
            (CRASHED, run),
        ),
        ("UPDATE runs SET ended = alive WHERE ended IS NULL AND run <> ?", (run,)),
    ]


def sign_of_life(run: int, now: float) -> List[Statement]:
    """The run lives, and with it all that is open in it: one row says so for everybody."""
    return [("UPDATE runs SET alive = ? WHERE run = ?", (now, run))]


def end_of_run(run: int, now: float) -> List[Statement]:
    """The run ends as it should, and nothing of it goes on."""
    return [
        (
            "UPDATE stays SET ended = max(seen, ?), seen = max(seen, ?), how = ? WHERE ended IS NULL AND run = ?",
            (now, now, STOPPED, run),
        ),
        ("UPDATE runs SET alive = ?, ended = ? WHERE run = ?", (now, now, run)),
    ]


def devices_go() -> List[Statement]:
    """Where no lesson goes on, nobody needs to know which device it was."""
    no_lesson = "NOT EXISTS (SELECT 1 FROM lessons WHERE began IS NOT NULL AND ended IS NULL AND NOT discarded)"
    return [(f"UPDATE stays SET device = '' WHERE device <> '' AND {no_lesson}", ())]


def forget_before(before: float) -> List[Statement]:
    """All that was over by then. A lesson that nobody ended, or began, goes by when it was last heard of. Who a typed
    name is stays as long as its class has a lesson: else those who came under it would be strangers in hindsight."""
    old = "max(coalesce(ended, 0), coalesce(began, 0), written) < ?"
    gone = f"(SELECT id FROM lessons WHERE {old})"
    return [
        (f"DELETE FROM marks WHERE lesson IN {gone}", (before,)),
        (f"DELETE FROM identifications WHERE lesson IN {gone}", (before,)),
        (f"DELETE FROM lessons WHERE {old}", (before,)),
        ("DELETE FROM stays WHERE ended < ?", (before,)),
        ("DELETE FROM pauses WHERE ended < ?", (before,)),
        ("DELETE FROM identifications WHERE stay <> '' AND stay NOT IN (SELECT id FROM stays)", ()),
        (
            "DELETE FROM identifications WHERE at < ? AND lesson = '' AND stay = '' AND NOT EXISTS "
            "(SELECT 1 FROM lessons WHERE instr(classes, '\"' || class_name || '\"'))",
            (before,),
        ),
        ("DELETE FROM runs WHERE ended < ? AND run NOT IN (SELECT run FROM stays)", (before,)),
    ]
