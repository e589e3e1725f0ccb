"""The server's answer to "who is there?", so that nobody need type an address (see ``rollcall/wire/discovery.py``).

A `Beacon` is one thread with one UDP socket, on a port that all servers of this computer share. It answers each
question with one datagram that says what room this is, and keeps to a few rules, because a question may come from
anybody, with any sender written on it:

- only private, link-local and loopback addresses are answered, and those that the settings name;
- never with more bytes than the question has, so there is nothing to gain from a forged sender;
- at most `ANSWERS_TO_ONE` a second to one address and `ANSWERS` in all, and the same question of one asker once: it
  comes by multicast and by broadcast, over each network that both are on;
- at most `READS` datagrams a second are looked at, then the thread sleeps until the second is over: a flood costs the
  members nothing, the system throws away what does not fit into the socket's buffer.

It listens on every network card that has an address, and looks again every `LOOK_AGAIN` seconds whether there are
others now. Whatever goes wrong ends the beacon with one line in the log and nothing else: the server goes on, and is
reached by typing its address. No lock: nothing here is shared.
"""

from __future__ import annotations

import logging
import selectors
import socket
import struct
import sys
import threading
from collections import OrderedDict
from typing import Callable, Dict, List, Sequence, Set, Tuple

from rollcall.program.os_errors import reason
from rollcall.server.journal import Journal
from rollcall.wire.clock import monotonic
from rollcall.wire.discovery import (
    GROUP,
    LOOPBACK,
    PORT,
    QUESTION_SIZE,
    Answer,
    Networks,
    Pace,
    encode_answer,
    is_answered,
    read_question,
    receive,
    share_port,
)
from rollcall.wire.interfaces import interfaces

log = logging.getLogger("rollcall.server")

ANSWERS_TO_ONE, ANSWERS, READS = 4, 300, 1000
"""In one second."""

REMEMBERED = 10 * ANSWERS
"""Questions that were answered and are still known."""

LOOK_AGAIN = 3.0
"""Seconds between two looks at the network cards."""

STUCK_AFTER = 2.0
"""Seconds that the thread has to end. It waits for nobody."""

Describe = Callable[[str], Answer]
"""Makes the answer to a question, whose text it is given."""

_Card = Tuple[int, str]  # its number and one of its addresses


class Limits:
    """How much is answered. For one thread; ``now`` is monotonic seconds."""

    def __init__(self) -> None:
        self._second = -1
        self._answers = 0
        self._answers_to: Dict[str, int] = {}
        self._answered: OrderedDict[Tuple[str, int, str], None] = OrderedDict()

    def has_had_enough(self, ip: str, now: float) -> bool:
        """True if this address gets no answer in this second, whatever it asks."""
        if int(now) != self._second:
            self._second, self._answers = int(now), 0
            self._answers_to.clear()
        return self._answers >= ANSWERS or self._answers_to.get(ip, 0) >= ANSWERS_TO_ONE

    def is_new(self, ip: str, port: int, question: str) -> bool:
        """False if this question was answered before; True counts as an answer."""
        key = (ip, port, question)
        if key in self._answered:
            return False
        self._answered[key] = None
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        self._answers += 1
        self._answers_to[ip] = self._answers_to.get(ip, 0) + 1
        return True


class Beacon:
    """Answers for a server that listens at the TCP address ``host``, with what ``describe`` says.

    ``networks`` are answered beside the private ones. `start` and `stop` as for every thread of the server. Only a
    server that listens for IPv4 can be found: for others nothing is started.
    """

    def __init__(
        self,
        host: str,
        describe: Describe,
        journal: Journal,
        networks: Networks = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._host = "0.0.0.0" if host == "::" else host
        self._is_only_here = host.startswith("127.")
        self._describe = describe
        self._journal = journal
        self._networks = networks
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="beacon", daemon=True)
        self._bell, self._bell_in = socket.socketpair()  # closing the one end wakes who waits at the other
        # From here on: the beacon's thread only. Receives what was asked of all, and what was asked of this address;
        # the first answers, and is the only one unless the server listens at one address of several.
        self._sockets: List[socket.socket] = []
        self._joined: Set[_Card] = set()
        self._limits = Limits()
        self._pace = Pace(READS)

    def start(self) -> None:
        """Start the thread."""
        if ":" not in self._host:
            try:
                self._thread.start()
            except RuntimeError as error:  # the system has no thread for us
                self._journal.note(log, logging.WARNING, "this server is not found by itself: %s", error)

    def stop(self) -> bool:
        """Stop and join the thread. False if it did not end."""
        self._bell_in.close()
        if self._thread.is_alive():
            self._thread.join(STUCK_AFTER)
            if self._thread.is_alive():
                self._journal.note(log, logging.ERROR, "the beacon did not end within %g s", STUCK_AFTER)
                return False
        self._bell.close()
        return True

    # --- its thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._open()
            self._answer_all()
        except OSError as error:
            message = "this server is not found by itself, its address must be typed: UDP port %d: %s"
            self._journal.note(log, logging.WARNING, message, PORT, reason(error))
        except Exception:
            self._journal.note_exception(log, "this server is not found by itself any more: an error in the beacon")
        finally:
            for sock in self._sockets:
                sock.close()

    def _open(self) -> None:
        """The port. Who listens at one address answers from that address, and no other; but what is asked of all must
        be received at none in particular (on Windows, and for a broadcast anywhere)."""
        for host in dict.fromkeys((self._host, "0.0.0.0")):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets.append(sock)
            share_port(sock)
            sock.setblocking(False)
            sock.bind((host, PORT))

    def _answer_all(self) -> None:
        next_look = 0.0
        with selectors.DefaultSelector() as selector:
            for sock in (self._bell, *self._sockets):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                now = self._clock()
                if now >= next_look:
                    next_look = now + LOOK_AGAIN
                    self._join()
                ready = [key.fileobj for key, _ in selector.select(next_look - now)]
                if self._bell in ready:
                    return
                for sock in self._sockets:
                    got = receive(sock) if sock in ready else None
                    if got is None:
                        continue
                    self._answer(*got)
                    pause = self._pace.one_more(self._clock())
                    if pause and self._is_told_to_stop(pause):
                        return

    def _is_told_to_stop(self, seconds: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def _answer(self, data: bytes, ip: str, port: int) -> None:
        # The cheapest first: nearly all of a flood ends before anything is parsed. What comes from the port itself was
        # asked by nobody: it is another server's answer, or somebody wants two of them to talk to each other.
        if len(data) < QUESTION_SIZE or port in (0, PORT) or self._limits.has_had_enough(ip, self._clock()):
            return
        if not is_answered(ip, self._networks) or (self._is_only_here and not ip.startswith("127.")):
            return
        question = read_question(data)
        if question is None or not self._limits.is_new(ip, port, question):
            return
        answer = encode_answer(self._describe(question))
        if len(answer) <= len(data):
            try:
                self._sockets[0].sendto(answer, (ip, port))
            except OSError as error:
                self._journal.note(log, logging.DEBUG, "no answer to %s: %s", ip, reason(error), about=ip)

    def _join(self) -> None:
        """Be a member of the group on every card that there is now. A card that takes no more members, or has just
        gone, is no fault: broadcast reaches us there, or we look again."""
        try:
            now = set(_cards(self._host))
        except OSError:
            now = {(0, "0.0.0.0")}  # whichever card the system chooses
        for option, cards in (
            (socket.IP_DROP_MEMBERSHIP, self._joined - now),
            (socket.IP_ADD_MEMBERSHIP, now - self._joined),
        ):
            for card in cards:
                try:
                    self._sockets[-1].setsockopt(socket.IPPROTO_IP, option, _membership(*card))
                except OSError as error:
                    self._journal.note(log, logging.DEBUG, "multicast at %s: %s", card[1], reason(error))
        self._joined = now


def _cards(host: str) -> Sequence[_Card]:
    """Each card that is up with the address to join at; of a server that listens at one address only that one's."""
    found: List[_Card] = []
    for card in interfaces():
        ips = [address.ip for address in card.addresses if not address.is_ipv6]
        if card.up and (host in ips or (host == "0.0.0.0" and ips)):
            found.append((card.index, host if host in ips else ips[0]))
    if host.startswith("127.") and host != LOOPBACK:
        found.append((0, LOOPBACK))
    return found


def _membership(index: int, ip: str) -> bytes:
    """``struct ip_mreq``, or on Linux ``ip_mreqn``: by the number of the card, for two may have one address (ip(7))."""
    group, own = socket.inet_aton(GROUP), socket.inet_aton(ip)
    if index and sys.platform.startswith(("linux", "android")):
        return struct.pack("@4s4si", group, own, index)
    return group + own
