"""Which call of a client is its newest: the order of reading is not the order of calling.

Each run of a client draws a random *instance* and numbers its calls. While the server does not run, a client may give
up and call again several times; afterwards all its calls wait in the listen queue, and are read in any order. So for
each instance its member and its newest attempt are remembered, while the member is here and for a while after it went
or found no seat: an older call, read later, takes no row and ends no connection.

Plain state of the `Roster`, which calls all of this under its lock. An instance is as secret as a resume token: it is
neither logged nor sent. Clients without one (older versions) are an empty text, which is never remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Dict, Optional, Tuple

REMEMBERED = 1024
"""Instances that are remembered after their members went, or when they found no seat, at least."""


class Instances:
    """Member and newest attempt of each instance. ``most`` is how many members there may be: as many, and at least
    `REMEMBERED`, are remembered of those that are not here."""

    def __init__(self, most: int) -> None:
        self._most = max(REMEMBERED, most)
        self._here: Dict[str, Tuple[int, int]] = {}
        self._gone: OrderedDict[str, Tuple[Optional[int], int]] = OrderedDict()  # None: it never had a row

    def newest(self, instance: str) -> Tuple[Optional[int], int]:
        """Its member, here or gone, and its newest attempt; None and 0 where nothing is known."""
        return self._here.get(instance) or self._gone.get(instance, (None, 0))

    def came(self, instance: str, member_id: int, attempt: int) -> None:
        """Its call got a row."""
        if instance:
            self._here[instance] = member_id, attempt
            self._gone.pop(instance, None)

    def went(self, instance: str) -> None:
        """Its row ends, or is taken over."""
        if instance:
            self._remember(instance, *self._here.pop(instance))

    def refused(self, instance: str, attempt: int) -> None:
        """Its client hears that there is no seat, and calls again later: what it called before is void all the same."""
        if instance in self._here:
            self._here[instance] = self._here[instance][0], attempt
        elif instance:
            self._remember(instance, self.newest(instance)[0], attempt)

    def _remember(self, instance: str, member_id: Optional[int], attempt: int) -> None:
        self._gone.pop(instance, None)  # the newest stand last
        self._gone[instance] = member_id, attempt
        if len(self._gone) > self._most:
            self._gone.popitem(last=False)
