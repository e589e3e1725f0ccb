"""Wrong codes: how many there were, from where, and who has to wait before trying again.

Guessing must be slow, and must not lock out those who know the code: a class sits behind one router and types badly,
and one of them may be guessing. So the two codes are counted apart, and nothing is ever locked:

- ``teacher``: 30 wrong codes a minute in the whole room, whoever sends them. No success as anything forgives one.
- ``class``: a device (its `device_id`, at its address) that was wrong five times waits, 2 s at first and twice as long
  after each further one, up to 60 s. Its address has 60 wrong codes a minute for all its devices, and that bounds
  whoever changes his `device_id`. A success forgives the device what it did wrong as ``class``.

A minute is any 60 s, not one of a calendar. IPv6 addresses count as their /64 network: any machine can have all of one.
A code is counted as wrong before anybody looks at it (`Attempts.spend`), and taken back if it was right: otherwise a
thousand proofs that arrive at once would all be looked at.

Every table is bounded and forgets what was counted longest ago. That gives a guesser nothing: whoever makes it forget
one address has sent codes from a thousand others. `Attempts` owns its tables and their one lock, and does no
I/O: what the log should say is returned (`Tally`).
"""

from __future__ import annotations

import ipaddress
import math
import threading
from array import array
from collections import OrderedDict
from dataclasses import dataclass
from typing import Callable, Dict, List, Tuple, TypeVar

from protocol import Error
from rollcall.server.allowance import Refusal
from rollcall.wire.clock import monotonic
from rollcall.wire.scram import CLASS, TEACHER
from rollcall.wire.text import counted

MINUTE = 60.0

TEACHER_WRONG = 30
"""Wrong codes a minute as ``teacher``, of the whole room."""

ADDRESS_WRONG = 60
"""Wrong codes a minute as ``class``, of all devices at one address."""

DEVICE_WRONG = 5
"""Wrong codes of one device before it has to wait."""

DEVICE_FIRST_WAIT, DEVICE_MOST_WAIT = 2.0, 60.0
"""Seconds."""

DEVICE_REMEMBERED = 600.0
"""Seconds after which what a device did wrong is forgotten."""

MOST_REMEMBERED = 1024
"""Addresses, and devices, that are remembered."""

TALLY_INTERVAL = 10.0
"""Seconds from one report of wrong codes to the next: a guesser must not fill the log."""

MOST_TALLIED = 20
"""Addresses that a report names."""

ELSEWHERE = "other addresses"
"""Where the rest is from."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass
class Tally:
    """What came from one address since the last report: codes that were wrong, and tries that were refused unseen."""

    user: str
    address: str
    wrong: int = 0
    refused: int = 0

    def __str__(self) -> str:
        what = counted(self.wrong, "wrong code") if self.wrong else f"{counted(self.refused, 'code')} refused unseen"
        unseen = f", {self.refused} more refused unseen" if self.wrong and self.refused else ""
        return f"{what}, sent as {self.user} from {self.address}{unseen}"


class _Window:
    """The moments of the last minute at which something was spent. Exact, and 8 bytes for each."""

    __slots__ = ("_limit", "_times")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times = array("d")

    def wait(self, now: float) -> float:
        """Seconds until one more may be spent; 0 if now."""
        times = self._times
        while times and times[0] <= now - MINUTE:
            del times[0]
        return times[0] + MINUTE - now if len(times) >= self._limit else 0.0

    def spend(self, now: float) -> None:
        self._times.append(now)

    def take_back(self) -> None:
        """What was spent last was not wrong. Which one of many is taken back makes no difference to anybody."""
        if self._times:
            self._times.pop()


class _Device:
    """What one device did wrong as ``class``."""

    __slots__ = ("_wrong", "forgotten_at", "until")

    def __init__(self) -> None:
        self._wrong = 0
        self.until = 0.0  # monotonic seconds: it waits till then
        self.forgotten_at = 0.0

    def spend(self, now: float) -> None:
        self._wrong += 1
        self.forgotten_at = now + DEVICE_REMEMBERED
        further = self._wrong - DEVICE_WRONG
        if further >= 0:
            self.until = now + min(DEVICE_MOST_WAIT, DEVICE_FIRST_WAIT * 2.0 ** min(further, 10))


class _Table(OrderedDict[_Key, _Value]):
    """A dict of at most `MOST_REMEMBERED` entries: the one that was put longest ago makes room."""

    def put(self, key: _Key, value: _Value) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > MOST_REMEMBERED:
            self.popitem(last=False)


class Attempts:
    """Who may try a code now. ``clock`` gives monotonic seconds. Thread-safe.

    For each exchange: `check` once the user name is known, `spend` when the proof is there and before it is looked at,
    then `succeeded` or `failed`. Any user but ``teacher`` counts as ``class``. A device without `device_id` is counted
    by its address only.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        # Guards all that follows. Nothing under it waits or fails.
        self._lock = threading.Lock()
        self._teacher = _Window(TEACHER_WRONG)
        self._addresses: _Table[str, _Window] = _Table()
        self._devices: _Table[Tuple[str, str], _Device] = _Table()
        self._tallies: Dict[Tuple[str, str], Tally] = {}
        self._tallied_at = -TALLY_INTERVAL

    def check(self, user: str, address: str, device_id: str) -> None:
        """Raises `Refusal` (``rate_limited``, with ``retry_after``) if this one has to wait. Counts nothing wrong."""
        self._admit(user, address, device_id, count=False)

    def spend(self, user: str, address: str, device_id: str) -> None:
        """The same, and count a wrong code if not."""
        self._admit(user, address, device_id, count=True)

    def succeeded(self, user: str, address: str, device_id: str) -> None:
        """What was spent was right."""
        place = _place(address)
        with self._lock:
            if user == TEACHER:
                self._teacher.take_back()
                return
            if place in self._addresses:
                self._addresses[place].take_back()
            self._devices.pop((place, device_id), None)

    def failed(self, user: str, address: str) -> List[Tally]:
        """What was spent was wrong. Returns what the log should say now: nothing, if it has said something lately."""
        with self._lock:
            self._tally_locked(user, address).wrong += 1
            if self._clock() - self._tallied_at < TALLY_INTERVAL:
                return []
            return self._tallies_locked()

    def tallies(self) -> List[Tally]:
        """What the log has not said yet, for the end of the server."""
        with self._lock:
            return self._tallies_locked()

    def _admit(self, user: str, address: str, device_id: str, count: bool) -> None:
        place = _place(address)
        with self._lock:
            now = self._clock()
            device = self._devices.get((place, device_id)) if user != TEACHER else None
            if device is None or device.forgotten_at < now:
                device = _Device()
            window = self._teacher if user == TEACHER else self._addresses.get(place) or _Window(ADDRESS_WRONG)
            own, of_all = device.until - now, window.wait(now)
            if own <= 0 and of_all <= 0:
                if count:
                    window.spend(now)
                    device.spend(now)
                    if user != TEACHER:
                        self._addresses.put(place, window)
                        if device_id:  # else it has not said which one it is
                            self._devices.put((place, device_id), device)
                return
            self._tally_locked(user, address).refused += 1
        raise _must_wait(user, own, of_all)

    def _tally_locked(self, user: str, address: str) -> Tally:
        user = TEACHER if user == TEACHER else CLASS
        if (user, address) not in self._tallies and len(self._tallies) >= MOST_TALLIED:
            address = ELSEWHERE
        return self._tallies.setdefault((user, address), Tally(user, address))

    def _tallies_locked(self) -> List[Tally]:
        self._tallied_at = self._clock()
        said, self._tallies = self._tallies, {}
        return list(said.values())


def _must_wait(user: str, own: float, of_all: float) -> Refusal:
    wait = max(own, of_all, 1.0)
    if user == TEACHER:
        what = "somebody in this room has tried too many wrong codes for teachers"
    elif own >= of_all:
        what = "this device has sent too many wrong codes"
    else:
        what = "too many wrong codes have come from your network"
    return Refusal(Error("rate_limited", f"{what}; wait {math.ceil(wait)} s", wait))


def _place(address: str) -> str:
    """What an address is counted as. A machine has one IPv4 address, and of IPv6 as many as it likes in its network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
