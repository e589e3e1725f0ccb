"""What the record holds: its tables, and the statements that are about many rows at once.

A key stands first in each table. Times are Unix time in seconds; an ``ended`` of NULL is something that goes on. Lists
and what is only shown again are JSON in one column. There is no address anywhere, and a device's id only as long as a
lesson needs it.

- ``runs``: one of the server, with its last sign of life. What was open when it died has ended then.
- ``stays``: somebody was connected under a name, from when to when, and how it ended. Facts: never changed afterwards.
- ``lessons``: class, begin, end, and the list as it was then.
- ``marks``: what a teacher said about somebody in a lesson.
- ``identities``: who a typed name is, in a class or in a lesson.
- ``pauses``: the server did not run, or nothing was counted.

`VERSION` grows with each change of the tables; an older database is then made into a new one where it is opened.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

VERSION = 1

TABLES: Dict[str, Tuple[str, ...]] = {
    "runs": ("run", "began", "alive", "ended", "log_file"),
    "stays": ("id", "run", "member", "name", "role", "device", "began", "ended", "how"),
    "lessons": ("id", "began", "ended", "classes", "list", "more"),
    "marks": ("id", "lesson", "name", "at", "more"),
    "identities": ("id", "class", "lesson", "typed", "listed", "at", "more"),
    "pauses": ("id", "run", "began", "ended", "why"),
}
"""The columns of each; the first one is the key."""

_NUMBERS = {"run": "INTEGER", "member": "INTEGER", "began": "REAL", "alive": "REAL", "ended": "REAL", "at": "REAL"}

SCHEMA: Tuple[str, ...] = (
    *(
        f"CREATE TABLE {table} ("
        + ", ".join(
            f"{column} {_NUMBERS.get(column, 'TEXT')}{'' if number else ' PRIMARY KEY'}"
            for number, column in enumerate(columns)
        )
        + ")"
        for table, columns in TABLES.items()
    ),
    "CREATE INDEX stays_by_time ON stays (began)",
    "CREATE INDEX stays_open ON stays (run) WHERE ended IS NULL",
    "CREATE INDEX devices ON stays (ended) WHERE device <> ''",
    "CREATE INDEX lessons_by_time ON lessons (began)",
    "CREATE INDEX marks_by_lesson ON marks (lesson)",
)

CRASHED = "crashed"
"""How a stay ended that was open when the server died, in a word of the record's own."""

Statement = Tuple[str, Tuple[Any, ...]]


class Row(NamedTuple):
    """One row of a table, whole: it replaces what stood there under the same key, its first value."""

    table: str
    values: Tuple[Any, ...]

    @property
    def key(self) -> Tuple[str, Any]:
        """By which a later row is known to be the same one."""
        return self.table, self.values[0]

    def get(self, column: str) -> Any:
        """The value of a column; None if the table has no such one."""
        columns = TABLES[self.table]
        return self.values[columns.index(column)] if column in columns else None

    def of_run(self, run: int) -> Row:
        """The same, with the run filled in where there is one."""
        columns = TABLES[self.table]
        at = columns.index("run") if "run" in columns else 0
        return self if not at else self._replace(values=(*self.values[:at], run, *self.values[at + 1 :]))


def is_open(row: Row) -> bool:
    """Whether it is something that goes on: then the run must show that it lives."""
    return row.table in ("stays", "lessons") and row.get("ended") is None


def ends_lesson(row: Row) -> bool:
    """Whether devices need not be known any longer."""
    return row.table == "lessons" and row.get("ended") is not None


def after_crash(run: int) -> List[Statement]:
    """Runs that did not end as they should have ended with their last sign of life, and so has all that was open."""
    alive = "(SELECT max(stays.began, runs.alive) FROM runs WHERE runs.run = stays.run)"
    return [
        (
            f"UPDATE stays SET ended = coalesce({alive}, began), how = ? WHERE ended IS NULL AND run <> ?",
            (CRASHED, run),
        ),
        ("UPDATE runs SET ended = alive WHERE ended IS NULL AND run <> ?", (run,)),
    ]


def sign_of_life(run: int, now: float) -> List[Statement]:
    """The run lives, and with it all that is open in it: one row says so for everybody."""
    return [("UPDATE runs SET alive = ? WHERE run = ?", (now, run))]


def end_of_run(run: int, now: float) -> List[Statement]:
    """The run ends as it should."""
    return [
        ("UPDATE stays SET ended = max(began, ?), how = ? WHERE ended IS NULL AND run = ?", (now, CRASHED, run)),
        ("UPDATE runs SET alive = ?, ended = ? WHERE run = ?", (now, now, run)),
    ]


def devices_go() -> List[Statement]:
    """Where no lesson goes on, nobody needs to know which device it was, except of those who are still here."""
    no_lesson = "NOT EXISTS (SELECT 1 FROM lessons WHERE ended IS NULL)"
    return [(f"UPDATE stays SET device = '' WHERE device <> '' AND ended IS NOT NULL AND {no_lesson}", ())]


def forget_before(before: float) -> List[Statement]:
    """All that had ended by then."""
    old_lessons = "SELECT id FROM lessons WHERE ended < ?"
    return [
        (f"DELETE FROM marks WHERE lesson IN ({old_lessons})", (before,)),
        (f"DELETE FROM identities WHERE lesson IN ({old_lessons})", (before,)),
        ("DELETE FROM lessons WHERE ended < ?", (before,)),
        ("DELETE FROM stays WHERE ended < ?", (before,)),
        ("DELETE FROM pauses WHERE ended < ?", (before,)),
        ("DELETE FROM identities WHERE lesson IS NULL AND at < ?", (before,)),
        ("DELETE FROM runs WHERE ended < ? AND run NOT IN (SELECT run FROM stays)", (before,)),
    ]


def start_of_run(run: int, now: float, log_file: Optional[str]) -> Row:
    """A server has started."""
    return Row("runs", (run, now, now, None, log_file))
