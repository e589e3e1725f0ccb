"""The record as a file: an SQLite database in the data folder, for one thread that writes and others that only read.

Two things are promised of it. What was committed stays, whatever kills the process or cuts the power: write-ahead
logging (https://sqlite.org/wal.html) with ``synchronous = FULL`` and, on macOS, ``fullfsync``. And what was deleted is
gone from the file: ``secure_delete`` overwrites it with zeros (https://sqlite.org/pragma.html), and `shrink` leaves no
older page behind in the log.

- `WritableRecord` belongs to one thread: SQLite's connections do. It holds a lock file as long as it is open, because
  two servers on one folder would each take the other's open stays for those of a crash. The system gives that lock back
  when a process dies.
- `reading` is a connection of its own that cannot write: a report never changes what it reports.

A database of a newer version is left alone. One that is damaged is put aside under another name, never deleted and
never overwritten, and a new one begins.

``sqlite3`` is imported where a record is opened: some builds of Python have none, and a server without a class never
needs it. Errors: `RecordError` is final and a sentence for a person; ``sqlite3.Error`` and ``OSError`` may pass.
"""

from __future__ import annotations

import contextlib
import os
import time
import urllib.parse
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from rollcall.program.files import Hold, move, put_aside
from rollcall.server.record_tables import SCHEMA, TABLES, VERSION, Row, Statement
from rollcall.wire.text import printable

if TYPE_CHECKING:
    import sqlite3

NAME = "record.db"
LOCK = "record.lock"
DAMAGED = ".damaged-"
"""Between the name of a damaged database and the time at which it was put aside."""

APPLICATION = 0x526F6C6C  # "Roll": says whose database it is (https://sqlite.org/pragma.html#pragma_application_id)

BUSY = 1.0
"""Seconds for which somebody else's lock on the database is waited for: another report, a backup, a viewer."""

_PRAGMAS = (
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA temp_store = MEMORY",  # what VACUUM sorts never lies in a temporary file
)


class RecordError(Exception):
    """The record cannot be used, and trying again will not help. ``str(error)`` is a sentence for a person."""


def sqlite() -> Any:
    """The module ``sqlite3``. Raises `RecordError` where this Python was built without it."""
    try:
        import sqlite3
    except ImportError:
        raise RecordError(
            "this Python was built without SQLite, so there can be no record: "
            "use the Python of python.org or of the system's packages"
        ) from None
    return sqlite3


def is_damaged(error: Exception) -> bool:
    """SQLITE_CORRUPT or SQLITE_NOTADB. (Python tells the number only since 3.11; to these two, and to hardly any other,
    it gives the plain class.)"""
    return type(error) is sqlite().DatabaseError


class WritableRecord:
    """The database at ``folder``, made if it is not there. For the thread that opens it.

    ``set_aside`` is where a damaged one was put, if that was the case. Raises `RecordError`, ``sqlite3.Error``,
    ``OSError``; `BlockingIOError` if another program has it open for writing.
    """

    def __init__(self, folder: Path, wall_clock: Callable[[], float] = time.time) -> None:
        sqlite()
        self.path = folder / NAME
        self.set_aside: Optional[Path] = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hold = Hold(folder / LOCK)
        try:
            try:
                self._connection = self._open()
            except sqlite().Error as error:
                if not is_damaged(error):
                    raise
                self.set_aside = _put_aside(self.path, wall_clock())
                self._connection = self._open()
        except BaseException:
            self._hold.close()
            raise

    def _open(self) -> sqlite3.Connection:
        new = not self.path.exists()
        connection: sqlite3.Connection = sqlite().connect(str(self.path), timeout=BUSY, isolation_level=None)
        try:
            if new and os.name != "nt":
                os.chmod(self.path, 0o600)  # before there is anything in it; the files beside it get the same mode
            version = _version(connection, self.path)
            for pragma in _PRAGMAS:
                connection.execute(pragma).close()
            connection.execute("PRAGMA journal_mode = WAL").close()  # where that cannot be, SQLite stays with another
            if version < VERSION:
                _make(connection)
            elif not new:
                _look_through(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def write(self, rows: Sequence[Row], then: Sequence[Statement] = ()) -> List[str]:
        """Write all rows, then the statements, in one transaction. Returns what was wrong with rows that the database
        will never take, which are left out: one that we made wrong must not keep the others out for ever."""
        wrong: List[str] = []
        with self.transaction():
            for table, some in groupby(rows, key=attrgetter("table")):
                wrong += self._replace(table, [row.values for row in some])
            for statement, values in then:
                self._connection.execute(statement, values)
        return wrong

    def _replace(self, table: str, rows: List[Tuple[Any, ...]]) -> List[str]:
        """All of them at once; where one is wrong, each by itself: those that stand there already are the same."""
        try:
            self._connection.executemany(_REPLACE[table], rows)
        except (sqlite().OperationalError, MemoryError):
            raise
        except (sqlite().Error, ValueError, OverflowError) as error:
            if is_damaged(error):
                raise
            if len(rows) == 1:
                return [f"{table} {printable(rows[0][0])}: {printable(error)}"]
            return [wrong for row in rows for wrong in self._replace(table, [row])]
        return []

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; committed, and on the disk, at the end."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite().Error):  # a full disk has rolled back already
                self._connection.execute("ROLLBACK")
            raise

    def run(self, statements: Sequence[Statement]) -> int:
        """Run them in one transaction; how many rows were changed."""
        with self.transaction():
            return sum(max(0, self._connection.execute(*statement).rowcount) for statement in statements)

    def shrink(self) -> None:
        """Leave nothing in the files but what the tables hold: the log is emptied, free pages go back to the system."""
        for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            self._connection.execute(statement).fetchall()

    def close(self) -> None:
        """Close the database, which empties the log, and let others have it."""
        try:
            self._connection.close()
        finally:
            self._hold.close()


_REPLACE: Dict[str, str] = {
    table: f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    for table, columns in TABLES.items()
}


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the database; 0 if it is new. Raises `RecordError` if it is not ours, or newer than we are."""
    connection.execute("BEGIN")  # all three of one moment: another thread or program may just be making it
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    finally:
        connection.rollback()
    if application != APPLICATION and (tables or application or version):
        raise RecordError(f"{path} is the database of another program; it is left alone. Move it to another place")
    if version > VERSION:
        raise RecordError(
            f"{path} was written by a newer Rollcall (version {version} of the record, this one knows {VERSION}); "
            "it is left alone. Use the newer Rollcall, or move the file to another place"
        )
    return version


def _make(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _look_through(connection: sqlite3.Connection) -> None:
    """Raises what SQLite raises of a damaged database, now and not in the middle of a lesson."""
    found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if found != "ok":
        raise sqlite().DatabaseError(found)


def _put_aside(path: Path, now: float) -> Path:
    """Rename a damaged database, and the log that belongs to it. The index of the log is made anew by whoever opens."""
    suffix = DAMAGED + time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    aside = put_aside(path, suffix)
    for ending in ("-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            move(beside, aside.with_name(aside.name + ending))
    return aside


def damaged_files(folder: Path) -> List[Path]:
    """Databases that were put aside, with what belongs to them."""
    return sorted(folder.glob(NAME + DAMAGED + "*"))


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[Optional[sqlite3.Connection]]:
    """A connection that cannot write, for the calling thread; None if there is no record yet. Raises `RecordError`."""
    sqlite3, path = sqlite(), folder / NAME
    if not path.exists():
        yield None
        return
    try:
        connection = _open_to_read(path)
    except (sqlite3.Error, OSError) as error:
        raise RecordError(f"{path} cannot be read: {said(error)}") from None
    try:
        with contextlib.closing(connection):
            yield connection if _version(connection, path) else None  # else it is just being made
    except sqlite3.Error as error:
        raise RecordError(f"{path} cannot be read: {said(error)}") from None


def _open_to_read(path: Path) -> sqlite3.Connection:
    # A log that nobody has yet put into the database is read as well, which takes a file beside it. In a folder that
    # may not be written there is no log where a server ended as it should: then nothing changes while we read.
    modes = ["mode=ro"]
    if not path.with_name(path.name + "-wal").exists():
        modes.append("mode=ro&immutable=1")
    for number, mode in enumerate(modes, 1):
        connection: sqlite3.Connection = sqlite().connect(_uri(path, mode), uri=True, timeout=BUSY)
        try:
            _version(connection, path)
            return connection
        except BaseException as error:
            connection.close()
            if number == len(modes) or not isinstance(error, sqlite().OperationalError):
                raise
    raise AssertionError("one of the two ways has returned or raised")


def _uri(path: Path, query: str) -> str:
    """As https://sqlite.org/uri.html wants it: a drive letter stands behind a slash, a share behind two."""
    name = urllib.parse.quote(path.absolute().as_posix())
    return f"file://{name if name.startswith('/') else '/' + name}?{query}"


def said(error: Exception) -> str:
    """Why, in words that tell what to do."""
    text = printable(getattr(error, "strerror", None) or error)
    if isinstance(error, BlockingIOError):
        return "another Rollcall on this computer keeps it"
    if "locked" in text:
        return "another program keeps it locked; close what has it open"
    if "full" in text:
        return "the disk is full"
    if "readonly" in text or "read-only" in text:
        return "it may not be written (read-only)"
    if "malformed" in text or "not a database" in text:
        return "it is damaged; python server.py --check-record says more"
    return text
