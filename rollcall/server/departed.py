"""Who went and has not come back: the number that a board shows where no class is expected.

The rule is the window's (``rollcall/window/model.py``), so that both say the same: whoever went counts for `GONE_FOR`
seconds, however they went; who comes back, as the same member or as one that is alike (``rollcall/wire/likeness.py``),
counts no more; of more than `MAX_GONE` the oldest are forgotten. Teachers are not counted.

Plain state under the lock of the `Roster` that owns it; ``now`` is monotonic seconds. No threads.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Optional, Tuple

from protocol import Entry
from rollcall.wire.likeness import GONE_FOR, MAX_GONE, Likeness, Likenesses, likeness_of
from rollcall.wire.messages import MEMBER


class Departed:
    """Counts them. `came`, `changed` and `went` are told of every row of the roster."""

    def __init__(self) -> None:
        self._gone: OrderedDict[int, Tuple[float, Likeness]] = OrderedDict()  # until when each counts
        self._alike = Likenesses()

    def __len__(self) -> int:
        return len(self._gone)

    def came(self, entry: Entry) -> None:
        """A row has begun."""
        if entry.role == MEMBER:
            likeness = likeness_of(entry)
            earlier = entry.id if entry.id in self._gone else self._alike.taken_back(likeness)
            self._alike.arrive(likeness)
            if earlier is not None:
                self._forget(earlier)

    def changed(self, before: Entry, after: Entry) -> None:
        """A row goes on, perhaps under another name."""
        if before.role == MEMBER:
            self._alike.leave(likeness_of(before))
        if after.role == MEMBER:
            self._alike.arrive(likeness_of(after))

    def went(self, entry: Entry, now: float) -> None:
        """A row has ended."""
        if entry.role == MEMBER:
            likeness = likeness_of(entry)
            self._gone[entry.id] = (now + GONE_FOR, likeness)
            self._alike.depart(likeness, entry.id, unseen=False)
            self._alike.leave(likeness)
            if len(self._gone) > MAX_GONE:
                self._forget(next(iter(self._gone)))

    def expire(self, now: float) -> bool:
        """Forget whose time is over. True if there was somebody."""
        before = len(self._gone)
        while self._gone and next(iter(self._gone.values()))[0] <= now:
            self._forget(next(iter(self._gone)))
        return len(self._gone) < before

    @property
    def next_end(self) -> Optional[float]:
        """When `expire` has something to do."""
        return next(iter(self._gone.values()))[0] if self._gone else None

    def _forget(self, member: int) -> None:
        self._alike.forget(self._gone.pop(member)[1], member)
