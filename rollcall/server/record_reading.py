"""The record as those read it who make reports of it, or go on with a lesson after a restart.

What a run did not live to write is added here, in the same way as its successor would: a stay that was open when the
server died has ended with its last sign of life, and between two runs the server was down.

Everything here has a connection of its own that cannot write, in the calling thread; it waits for the disk, and for
another program's lock at most a second. Errors are `RecordError`, with a sentence for a person.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple, Type

from rollcall.program.files import Hold
from rollcall.server.facts import CRASHED, DOWN, Identification, Lesson, Mark, Pause, Stay
from rollcall.server.record_file import LOCK, RecordError, reading
from rollcall.server.record_tables import columns_of, fact_of
from rollcall.wire.text import printable

if TYPE_CHECKING:
    import sqlite3


class Recorded(NamedTuple):
    """What the record knows of a time, each kind from the oldest to the newest. ``alive`` is the last sign of life of
    any run in it; ``is_running`` says that a server writes to it now."""

    stays: Tuple[Stay, ...] = ()
    pauses: Tuple[Pause, ...] = ()
    lessons: Tuple[Lesson, ...] = ()
    marks: Tuple[Mark, ...] = ()
    identifications: Tuple[Identification, ...] = ()
    alive: float = 0.0
    is_running: bool = False


class _Run(NamedTuple):
    run: int
    began: float
    alive: float
    ended: Optional[float]


def load(
    folder: Path, since: float = float("-inf"), until: float = float("inf"), but_run: Optional[int] = None
) -> Recorded:
    """Lessons, stays and pauses that touch the time from ``since`` to ``until``, and all words of teachers about them.

    What goes on touches every time. Identifications of a whole class are always there. ``but_run`` is a run that gives
    no sign of life: who asks for what was before it. Raises `RecordError`.
    """
    is_running = is_held(folder)
    with reading(folder) as connection:
        if connection is None:
            return Recorded(is_running=is_running)
        runs = [_Run(*row) for row in connection.execute("SELECT run, began, alive, ended FROM runs ORDER BY run")]
        runs = [run for run in runs if run.run != but_run]
        if not is_running:
            runs = [run._replace(ended=run.alive if run.ended is None else run.ended) for run in runs]
        span = "(began IS NULL OR began <= ?) AND (ended IS NULL OR ended >= ?) ORDER BY began, id"
        stays = _stays(connection, span, since, until, {run.run: run for run in runs})
        lessons = _select(connection, Lesson, f"WHERE {span}", until, since)
        pauses = _select(connection, Pause, f"WHERE {span}", until, since)
        pauses += _downs(runs, since, until, [one for one in pauses if one.why == DOWN])
        known = {lesson.id for lesson in lessons}
        marks = [mark for mark in _select(connection, Mark, "ORDER BY at, id") if mark.lesson in known]
        said = _select(connection, Identification, "ORDER BY at, id")
        return Recorded(
            tuple(stays),
            tuple(sorted(pauses, key=lambda pause: (pause.begin, pause.id))),
            tuple(lessons),
            tuple(marks),
            tuple(word for word in said if not word.lesson or word.lesson in known),
            max((run.ended or run.alive for run in runs), default=0.0),
            is_running,
        )


def _select(connection: sqlite3.Connection, kind: Type[Any], condition: str, *values: float) -> List[Any]:
    found = []
    for row in connection.execute(f"{columns_of(kind)} {condition}", values):
        try:
            found.append(fact_of(kind, row))
        except (ValueError, TypeError) as error:
            name, key = kind.__name__.lower(), printable(row[0])
            raise RecordError(f"the record has been changed by hand: {name} {key}: {printable(error)}") from None
    return found


def _stays(connection: sqlite3.Connection, span: str, since: float, until: float, runs: Dict[int, _Run]) -> List[Stay]:
    found = _select(connection, Stay, f"WHERE {span}", until, since)
    if any(stay.end is None for stay in found):
        owners = dict(connection.execute("SELECT id, run FROM stays WHERE ended IS NULL"))
        found = [stay if stay.end is not None else _open_stay(stay, runs.get(owners.get(stay.id, 0))) for stay in found]
        found = [stay for stay in found if stay.end is None or stay.end >= since]
    return found


def _open_stay(stay: Stay, run: Optional[_Run]) -> Stay:
    """A stay without an end: it goes on, or its run has died."""
    values = {name: getattr(stay, name) for name in ("id", "member", "name", "begin", "device", "role")}
    seen = stay.seen if run is None else max(stay.seen, run.alive)
    if run is not None and run.ended is None:
        return Stay(seen=seen, **values)
    return Stay(seen=seen, end=seen, how=CRASHED, **values)


def _downs(runs: List[_Run], since: float, until: float, told: List[Pause]) -> List[Pause]:
    """The times between two runs, in which the server did not run, if they have not been ``told``: a server that goes
    on with a lesson tells them itself."""
    found = []
    for before, after in zip(runs, runs[1:]):
        begin, end = before.alive if before.ended is None else before.ended, after.began
        is_told = any(one.begin < end and (one.end is None or one.end > begin) for one in told)
        if begin < end and since <= end and begin <= until and not is_told:  # not if the clock was put back
            found.append(Pause(f"down-{before.run}", begin, end, DOWN))
    return found


def is_held(folder: Path) -> bool:
    """Whether a server writes to the record in that folder at this moment."""
    if not (folder / LOCK).exists():
        return False
    try:
        Hold(folder / LOCK).close()
    except BlockingIOError:
        return True
    except OSError:
        pass  # a folder that may not be written: nobody who writes is here
    return False
