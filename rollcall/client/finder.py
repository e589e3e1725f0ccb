"""Which servers are there? A `Finder` asks the network as long as somebody wants to know, and tells what it hears.

It has one thread, ``finder``: that asks at once, after 1, 2 and 4 seconds, and then every `REGULARLY` seconds; and from
the beginning again when the network has changed (a cable, another Wi-Fi, a VPN). What it hears becomes events in a
queue, as with a `Client`: whoever shows them does so in its own thread. Nothing is remembered beyond its end.

An answer is a hint and proves nothing: anybody on the network can send one, in any room's name. So the finder bounds
how many there are, takes the sender of the datagram for the address and never what is written in it, and believes only
answers to questions of its own, each once. A server that is reached by several addresses (two cards, the loopback
interface) is one `Server` with several: its answers have the same ``epoch``, which is random, and the same port.

`Findings` is the state without sockets and threads, so that a test can play an hour in a millisecond.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Union

from rollcall.client.asker import Arrived, Asker, Sent, Way
from rollcall.client.trust import Trust
from rollcall.program.os_errors import reason
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic
from rollcall.wire.discovery import Answer, Pace, new_question, read_answer
from rollcall.wire.text import counted, printable

ASK_AFTER = (0.0, 1.0, 2.0, 4.0)
REGULARLY = 3.0
"""Seconds: when it is asked, from the beginning and from each change of the network on; then how often."""

GONE_AFTER = 10.0
"""Seconds without an answer: three questions were not answered."""

LOOK_AGAIN = 1.0
"""Seconds between two looks whether the network has changed."""

MOST, MOST_FROM_ONE = 50, 8
"""Addresses with their ports that are kept, in all and of one computer. Who is asked by address has one in any case."""

QUESTIONS = 8
"""Questions of ours that may still be answered."""

READS = 500
"""Datagrams that are looked at in a second."""

STUCK_AFTER = 2.0
"""Seconds that the thread has to end. It waits for nobody."""


NOBODY = Trust()


@dataclass(frozen=True)
class Server:
    """A server that has answered. ``key`` is the same as long as it is there. ``addresses`` has at least one, the best
    first; ``own`` tells that it runs on this computer. ``here`` is None where it does not tell. ``fingerprint`` is what
    it says of its certificate, ``hello`` that it knows this message. Everything but the addresses is what somebody on
    the network says; ``name`` and ``app`` hold no control characters, and are escaped for show by `describe`."""

    key: str
    addresses: Tuple[Address, ...]
    name: str
    closed: bool
    here: Optional[int]
    own: bool
    app: str
    protocol: int
    fingerprint: str
    hello: bool


@dataclass(frozen=True)
class Found:
    """A server is there, or what it says has changed: take it in place of the one with this key."""

    server: Server


@dataclass(frozen=True)
class Gone:
    """A server has not answered for `GONE_AFTER` seconds; this was the last that it said."""

    server: Server


@dataclass(frozen=True)
class Asking:
    """Which networks are asked now: told at the beginning and when that changes. ``cards`` are the network cards by
    which questions leave, without the loopback interface; empty means that this computer is on no network. ``problem``
    is why they do not leave by some, a sentence without its full stop, or empty."""

    cards: Tuple[str, ...]
    problem: str = ""


FinderEvent = Union[Found, Gone, Asking]


def was_met(server: Server, trust: Trust) -> bool:
    """Whether it says to be a server that was met before. A hint, as all that it says: a fingerprint is no secret, and
    only who has the key to it can be joined as that server."""
    return server.fingerprint != "" and trust.find(server.fingerprint) is not None


def met_words(server: Server, trust: Trust) -> str:
    """That for people."""
    return "met before" if was_met(server, trust) else "not met before"


def to_json(event: FinderEvent, trust: Trust = NOBODY) -> Dict[str, Any]:
    """The event as a JSON object; ``event`` names its kind. ``trust`` has the servers that were met."""
    if isinstance(event, Asking):
        return {"event": "asking", **asdict(event)}
    fields = {**asdict(event.server), "addresses": [str(one) for one in event.server.addresses]}
    fields["met"] = was_met(event.server, trust)
    return {"event": "found" if isinstance(event, Found) else "gone", **fields}


def describe(event: FinderEvent, trust: Trust = NOBODY) -> str:
    """The event as one line for people."""
    if isinstance(event, Found):
        server = event.server
        where = "on this computer" if server.own else ""
        here = f"{server.here} here" if server.here is not None else ""
        met = met_words(server, trust)
        facts = ", ".join(filter(None, ("closed" if server.closed else "open", here, where, met)))
        return f"{server.addresses[0]}  {printable(server.name)}  ({facts})"
    if isinstance(event, Gone):
        return f"{event.server.addresses[0]}  {printable(event.server.name)}  (gone)"
    asked = ", ".join(map(printable, event.cards)) if event.cards else "only this computer, which is on no network"
    return f"asking {asked}" + (f"; {event.problem}" if event.problem else "")


class _Place:
    """One address and port that has answered."""

    def __init__(self, address: Address, rank: Tuple[int, int], order: int) -> None:
        self.address, self.rank, self.order = address, rank, order
        self.key = ""
        self.answer: Answer
        self.heard_at = 0.0


class Findings:
    """Who has answered, as plain state for one thread; ``now`` is monotonic seconds. ``always`` are addresses that have
    a place even when all are taken."""

    def __init__(self, always: Sequence[str] = ()) -> None:
        self.always = frozenset(always)
        self._places: Dict[Tuple[str, int], _Place] = {}
        self._told: Dict[str, Server] = {}
        self._questions: OrderedDict[str, Set[Tuple[str, int]]] = OrderedDict()
        self._count = 0

    def asked(self, question: str) -> None:
        """A question has been sent."""
        self._questions[question] = set()
        if len(self._questions) > QUESTIONS:
            self._questions.popitem(last=False)

    def heard(self, arrived: Arrived, own: Sequence[str], now: float) -> List[FinderEvent]:
        """A datagram has come. ``own`` are the addresses of this computer."""
        answer = read_answer(arrived.data)
        who_answered = self._questions.get(answer.question) if answer is not None else None
        if answer is None or who_answered is None:
            return []
        source = (arrived.ip, answer.port)
        if source in who_answered or not self._has_place_for(source):
            return []
        who_answered.add(source)
        place = self._places.get(source)
        if place is None:
            self._count += 1
            address = Address(arrived.ip, answer.port)
            place = self._places[source] = _Place(address, _rank(arrived, own), self._count)
        before, place.key = place.key, f"{answer.room.epoch or arrived.ip}:{answer.port}"
        place.answer, place.heard_at = answer, now
        return self._tell({before, place.key} - {""}, own)

    def _has_place_for(self, source: Tuple[str, int]) -> bool:
        if source in self._places:
            return True
        if sum(ip == source[0] for ip, _ in self._places) >= MOST_FROM_ONE:
            return False
        return len(self._places) < MOST or source[0] in self.always

    def expire(self, own: Sequence[str], now: float) -> List[FinderEvent]:
        """Forget who has been silent for too long."""
        gone = [source for source, place in self._places.items() if now - place.heard_at >= GONE_AFTER]
        return self._tell({self._places.pop(source).key for source in gone}, own)

    def next_end(self) -> Optional[float]:
        """When `expire` has something to do, if nobody answers."""
        return min((place.heard_at + GONE_AFTER for place in self._places.values()), default=None)

    def _tell(self, keys: Set[str], own: Sequence[str]) -> List[FinderEvent]:
        found: List[FinderEvent] = []
        for key in sorted(keys):
            server = self._server(key, own)
            if server is None:
                if key in self._told:
                    found.append(Gone(self._told.pop(key)))
            elif self._told.get(key) != server:
                self._told[key] = server
                found.append(Found(server))
        return found

    def _server(self, key: str, own: Sequence[str]) -> Optional[Server]:
        places = [place for place in self._places.values() if place.key == key]
        places.sort(key=lambda place: (place.rank, place.order))
        if not places:
            return None
        answer = places[0].answer  # of the address that a click would lead to
        return Server(
            key=key,
            addresses=tuple(place.address for place in places),
            name=answer.room.server_name,
            closed=answer.room.closed,
            here=answer.here,
            own=any(_is_own(place.address.host, own) for place in places),
            app=answer.room.app,
            protocol=answer.room.protocol,
            fingerprint=answer.fingerprint,
            hello=answer.hello,
        )


def _is_own(ip: str, own: Sequence[str]) -> bool:
    return ip in own or ip.startswith("127.")


def _rank(arrived: Arrived, own: Sequence[str]) -> Tuple[int, int]:
    """The lower the better: this computer's own address for itself, which never changes; then real networks before
    VPNs, and addresses that somebody gave before those that a computer gave itself."""
    if arrived.ip.startswith("127."):
        return (0, 0)
    aside = 2 if arrived.way.aside else 1
    return (aside if arrived.ip not in own else 0, 2 if ipaddress.ip_address(arrived.ip).is_link_local else 1)


class Finder:
    """Asks until `stop`, and puts a `FinderEvent` into ``events`` for all that it hears. ``also`` are addresses in
    digits (IPv4) that are asked by themselves, such as the one that was used last: they need not be on this network."""

    def __init__(
        self, events: queue.Queue[FinderEvent], also: Sequence[str] = (), clock: Callable[[], float] = monotonic
    ) -> None:
        self._events = events
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="finder", daemon=True)
        self._bell, self._bell_in = socket.socketpair()  # closing the one end wakes who waits at the other
        self._also = tuple(also)  # one store: the thread reads it
        # From here on: the finder's thread only.
        self._asker = Asker(also)
        self._findings = Findings(also)
        self._asking: Optional[Asking] = None
        self._pace = Pace(READS)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask_also(self, also: Sequence[str]) -> None:
        """These addresses by themselves, in the place of the ones before: within `LOOK_AGAIN` seconds."""
        self._also = tuple(also)

    def stop(self) -> bool:
        """End the thread; nothing is put into the queue after that. False if it did not end in time. Once only."""
        self._bell_in.close()
        if self._thread.is_alive():
            self._thread.join(STUCK_AFTER)
            if self._thread.is_alive():
                return False
        self._bell.close()
        return True

    def _tell(self, events: Sequence[FinderEvent]) -> None:
        for event in events:
            with suppress(queue.Full):
                self._events.put_nowait(event)

    def _run(self) -> None:
        try:
            self._ask_and_listen()
        except Exception as error:
            self._tell([Asking((), f"an error in this program: {error!r}")])
            raise
        finally:
            self._asker.close()

    def _ask_and_listen(self) -> None:
        began = next_ask = next_look = self._clock()
        steps = list(ASK_AFTER)
        while not self._is_told_to_stop():
            now = self._clock()
            if now >= next_look:
                next_look = now + LOOK_AGAIN
                self._asker.ask_also(self._also)
                self._findings.always = frozenset(self._also)
                if self._asker.refresh():
                    began, steps, next_ask = now, list(ASK_AFTER), now
            if now >= next_ask:
                self._ask()
                steps = [step for step in steps if began + step > now]
                next_ask = began + steps[0] if steps else now + REGULARLY
            self._tell(self._findings.expire(self._asker.own, now))
            until = min(next_look, next_ask, self._findings.next_end() or next_ask)
            self._listen(until - now)

    def _listen(self, seconds: float) -> None:
        for arrived in self._asker.receive(seconds, self._bell):
            now = self._clock()
            self._tell(self._findings.heard(arrived, self._asker.own, now))
            pause = self._pace.one_more(now)
            if pause and self._is_told_to_stop(pause):
                return

    def _is_told_to_stop(self, seconds: float = 0.0) -> bool:
        self._bell.settimeout(seconds)
        try:
            return self._bell.recv(1) == b""
        except (BlockingIOError, socket.timeout):
            return False

    def _ask(self) -> None:
        question = new_question()
        self._findings.asked(question)
        asking = _asking(self._asker.ask(question))
        if asking != self._asking:
            self._asking = asking
            self._tell([asking])


def _asking(sent: Sequence[Sent]) -> Asking:
    cards = [one.way.card for one in sent if one.error is None and _is_network(one.way)]
    failed = [one for one in sent if one.error is not None and _is_network(one.way)]
    problem = ""
    if failed and failed[0].error is not None:
        problem = f"no question could be sent by {counted(len(failed), 'network card')}: {reason(failed[0].error)}"
    return Asking(tuple(dict.fromkeys(cards)), problem)


def _is_network(way: Way) -> bool:
    return not way.loopback and way.card != ""
