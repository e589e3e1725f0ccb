"""The roster as lines for the wire, each encoded once for all who get it.

No threads and no lock: a `RosterLines` belongs to the publisher's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, Iterable, Optional, Tuple

from protocol import Entry, delta_line, entry_json, entry_json_v1, list_line
from rollcall.server.board_lines import board_event, board_state
from rollcall.server.members import Changes, Snapshot
from rollcall.server.roster import Roster
from rollcall.wire.messages import MEMBER
from rollcall.wire.packing import pack

if TYPE_CHECKING:
    from rollcall.server.class_entries import ClassList

NEVER = -1
"""The revision that a connection has seen before its first snapshot."""

VERSION_1, VERSION_2, PACKED = "version 1", "version 2", "packed"
"""How a connection wants its roster: full lists; snapshot and deltas; the same, with long lines packed."""

BOARD, BOARD_NUMBERS = "board", "board without names"
"""The same for a browser's board: events, each of which is whole."""

FORMS = (BOARD, BOARD_NUMBERS, VERSION_1, VERSION_2, PACKED)
"""In the order in which they are sent: the boards are few and stand on a wall, beside a teacher's window."""

_WHOLE = (VERSION_1, BOARD, BOARD_NUMBERS)

Line = Tuple[int, bytes]


class RosterLines:
    """Encodes roster messages, each once, however many connections get it. Used by the publisher's thread only. For
    boards ``the_class`` is asked what has become of the class.

    All lines from one `begin` to the next `forget` lead to the same revision: a window and a board that are told in
    one push show the same people."""

    def __init__(
        self, roster: Roster, epoch: str, the_class: Callable[[], Optional[ClassList]] = lambda: None
    ) -> None:
        self._the_class = the_class
        self._roster = roster
        self._epoch = epoch
        # The JSON of each member's entry, as long as it is the same entry.
        self._fragments: Dict[int, Tuple[Entry, str]] = {}
        self._lines: Dict[Tuple[str, int], Line] = {}
        self._changes: Dict[int, Optional[Changes]] = {}
        self._snapshot: Optional[Snapshot] = None

    def begin(self, wanted: Iterable[Tuple[str, int]]) -> None:
        """Look at the roster. Then `line` knows these forms from these revisions on, and no others."""
        wanted = set(wanted)
        seen = {rev for form, rev in wanted if form not in _WHOLE and rev != NEVER}
        whole = any(form in _WHOLE or rev == NEVER for form, rev in wanted)
        self._snapshot, self._changes = self._roster.view(seen, whole)

    def forget(self) -> None:
        """The push is over: what comes next is about other revisions."""
        self._lines.clear()
        self._changes, self._snapshot = {}, None

    def line(self, form: str, seen: int) -> Line:
        """The line that brings a connection from revision ``seen`` to now, and the revision it has then."""
        key = (form, NEVER if form in _WHOLE else seen)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = self._encode(*key)
        return line

    def _encode(self, form: str, seen: int) -> Line:
        if form == PACKED:
            rev, line = self.line(VERSION_2, seen)
            return rev, pack(line)
        changes = self._changes[seen] if seen != NEVER else None
        if changes is not None:
            up = [self._fragment(entry) for entry in changes.up]
            for departure in changes.down:
                self._fragments.pop(departure.id, None)
            return changes.rev, delta_line(self._epoch, seen, changes.rev, up, changes.down)
        if seen != NEVER:
            return self.line(form, NEVER)
        assert self._snapshot is not None
        rev, entries, gone = self._snapshot
        if form == VERSION_1:
            # It cannot be told who is a teacher, and counts rows.
            return rev, list_line([entry_json_v1(entry) for entry in entries if entry.role == MEMBER])
        if form in (BOARD, BOARD_NUMBERS):
            return rev, board_event(board_state(rev, entries, form == BOARD, self._the_class(), gone))
        if len(self._fragments) > 2 * len(entries) + 100:
            self._fragments.clear()
        return rev, list_line([self._fragment(entry) for entry in entries], self._epoch, rev)

    def _fragment(self, entry: Entry) -> str:
        known = self._fragments.get(entry.id)
        if known is None or known[0] is not entry:
            known = self._fragments[entry.id] = (entry, entry_json(entry))
        return known[1]
