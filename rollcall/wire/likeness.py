"""Is this newcomer somebody who has just gone? What can be said of members that are known by nothing but their rows.

A program that is started anew is a new member with a new id, and the row that says when the earlier one went would
stand beside it. Name and addresses tell that it is the same, but only as long as nobody else has them: three who call
themselves "student" behind one address may be any three, and who of them has gone must stay visible. So a *likeness*
stands for one member until two that have it are in the roster at once.

The window's model has the rows, and so has the roster, which counts them for the boards: both say the same. Plain state
for one thread, or for whoever holds the owner's lock. Bounded by those rows: a likeness that none has any more is
forgotten.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from protocol import Entry

GONE_FOR = 300.0
"""Seconds that a member who went is still shown."""

MAX_GONE = 500
"""Members shown who went; the oldest make room."""

Likeness = Tuple[str, str, str]


def likeness_of(entry: Entry) -> Likeness:
    """What a program that was started anew has in common with the one before; in version 1 only its whole address."""
    if entry.name:
        return (entry.name, entry.ip, entry.observed_ip)
    return ("", entry.ip, str(entry.port))


class _Alike:
    """Those of one likeness: how many are ``here``, of how many who ``went`` there are rows, and which of these rows
    a newcomer takes back: those in ``back`` as long as there were never several, those in ``unseen`` in any case."""

    __slots__ = ("back", "here", "several", "unseen", "went")

    def __init__(self) -> None:
        self.here = self.went = 0
        self.several = False
        self.back: List[int] = []
        self.unseen: List[int] = []


class Likenesses:
    """Counts who is alike. Members are known by the id of their row."""

    def __init__(self) -> None:
        self._alike: Dict[Likeness, _Alike] = {}

    def __len__(self) -> int:
        return len(self._alike)

    def arrive(self, likeness: Likeness) -> None:
        """A member is in the roster, or has taken this name."""
        alike = self._alike.setdefault(likeness, _Alike())
        alike.here += 1
        if alike.here > 1:
            alike.several = True
            alike.back.clear()

    def leave(self, likeness: Likeness) -> None:
        """A member is not in the roster any more, or has taken another name."""
        self._alike[likeness].here -= 1
        self._drop_if_nobody(likeness)

    def depart(self, likeness: Likeness, member: int, unseen: bool) -> None:
        """There is a row now for a member that went. ``unseen``: it may be that nobody went and all have new ids (the
        server started again); then as many as come are back, whichever of those who are alike they were."""
        alike = self._alike.setdefault(likeness, _Alike())
        alike.went += 1
        if unseen:
            alike.unseen.append(member)
        elif not alike.several:
            alike.back.append(member)

    def taken_back(self, likeness: Likeness) -> Optional[int]:
        """The row of somebody who went that a newcomer makes void, if any."""
        alike = self._alike.get(likeness)
        rows = (alike.back or alike.unseen) if alike is not None else []
        return rows[-1] if rows else None

    def forget(self, likeness: Likeness, member: int) -> None:
        """The row of a member that went is no longer shown."""
        alike = self._alike[likeness]
        alike.went -= 1
        for rows in (alike.back, alike.unseen):
            if member in rows:
                rows.remove(member)
        self._drop_if_nobody(likeness)

    def _drop_if_nobody(self, likeness: Likeness) -> None:
        alike = self._alike[likeness]
        if not (alike.here or alike.went):
            del self._alike[likeness]
