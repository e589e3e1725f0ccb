"""Why is no server found? `examine` looks, for some seconds, and says what it has seen and what is most likely.

It looks at the network cards, asks the network as a `Finder` does, and, given an address, calls that: whether it is in
a network of ours, whether somebody takes the call, how long that takes, who it is, whether the clocks differ. It joins
nothing and appears in nobody's list: it says ``hello`` and hangs up. (A server of version 0.1.0 does not know that
word: it refuses, and writes a line into its log.) What it makes of all that is in ``rollcall/client/diagnosis.py``.

It runs in the thread that calls it and looks up every `STEP` seconds whether somebody said stop.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Tuple

from protocol import MAX_SERVER_LINE, Error, __version__, decode, encode
from rollcall.client.asker import ANY, Arrived, Asker, Sent
from rollcall.client.diagnosis import (
    BLOCKED,
    CONNECTED,
    FAILED,
    MUTE,
    NO_NAME,
    NO_ROUTE,
    NO_WAY,
    REFUSED,
    ROLLCALL,
    SILENT,
    Call,
    Diagnosis,
    Seen,
    likeliest,
)
from rollcall.client.dial import STEP, Cancelled, connect, resolve, stranger
from rollcall.client.finder import Findings, Found, Server, describe
from rollcall.program.os_errors import is_blocked, number_of, reason
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic
from rollcall.wire.discovery import new_question, read_answer
from rollcall.wire.errors import ProtocolError
from rollcall.wire.interfaces import Interface, interfaces
from rollcall.wire.lines import MAX_CLIENT_LINE
from rollcall.wire.messages import Hello, RoomInfo
from rollcall.wire.text import printable

ASK_AT = (0.0, 0.7)
LISTEN = 1.5
"""Seconds: when it asks the network, and how long it waits for answers."""

FIRST_WORDS = 2.0
"""Seconds that who has taken the call has to say something."""

CLOCKS_DIFFER = 30.0
"""Seconds by which two clocks may differ before it is worth a word. Rollcall itself does not mind."""

NEIGHBOURS = "/proc/net/arp"

_REFUSALS = {"bad_message": "of an older version", "code_required": "whose room is closed"}
"""What a refusal of our greeting tells: that the word is not known, or that it is heard inside TLS only."""


@dataclass(frozen=True)
class Report:
    """``facts`` are what was seen, a line each; ``seconds`` is how long a call to the address took, or None."""

    diagnosis: Diagnosis
    facts: Tuple[str, ...]
    servers: Tuple[Server, ...]
    seconds: Optional[float] = None

    def to_json(self) -> Dict[str, Any]:
        """The report as one JSON object."""
        found = [{**asdict(one), "addresses": [str(address) for address in one.addresses]} for one in self.servers]
        more = {"facts": list(self.facts), "servers": found, "seconds": self.seconds}
        return {"event": "report", **self.diagnosis._asdict(), **more}


def examine(
    address: Optional[Address], stopping: Callable[[], bool] = lambda: False, platform: str = sys.platform
) -> Report:
    """Look, and say what is most likely. Takes `LISTEN` seconds; with an address up to 7 more, and where its name must
    be looked up as long as the system takes. Raises `Cancelled` if ``stopping()`` came true meanwhile."""
    cards = _cards()
    seen = Seen(networks=tuple(dict.fromkeys(text for card in cards for text in _networks(card))), address=address)
    call: Optional[Call] = None
    if address is not None:
        try:
            ip = str(resolve(address, stopping)[0][4][0])
        except OSError as error:
            call = Call(NO_NAME, words=reason(error))
        else:
            seen = replace(seen, ip=ip, network=next((text for text in seen.networks if _is_in(ip, text)), ""))
            seen = replace(
                seen, own=ip in ("127.0.0.1", "::1") or ip in [one.ip for card in cards for one in card.addresses]
            )
    seen, asked = _ask(seen, stopping)
    if address is not None and call is None:
        call = _call(Address(seen.ip, address.port), seen, stopping)
        seen = replace(seen, neighbour=_neighbour(seen.ip))
    seen = replace(seen, call=call)
    facts = (*map(_card_in_words, cards), *asked, *_about_servers(seen), *_about_call(seen))
    seconds = call.seconds if call is not None and call.end == CONNECTED else None
    return Report(likeliest(seen, platform), facts, seen.servers, seconds)


# --- what this computer has ---------------------------------------------------------------------------------------


def _cards() -> List[Interface]:
    try:
        found = interfaces()
    except OSError:
        return []
    return [card for card in found if card.up and not card.loopback and card.addresses]


def _networks(card: Interface) -> List[str]:
    return [str(ipaddress.ip_interface(f"{one.ip}/{one.prefix}").network) for one in card.addresses if not one.is_ipv6]


def _is_in(ip: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(ip.partition("%")[0]) in ipaddress.ip_network(network)
    except ValueError:
        return False


def _card_in_words(card: Interface) -> str:
    addresses = ", ".join(f"{one.ip}/{one.prefix}" for one in card.addresses)
    remark = " (a VPN)" if card.is_vpn else " (inside this computer)" if card.is_inside else ""
    return f"this computer: {printable(card.name)} has {addresses}{remark}"


def _neighbour(ip: str) -> Optional[bool]:
    """Whether the hardware address that belongs to this one is known (Linux; None where the system does not say)."""
    try:
        with open(NEIGHBOURS, encoding="ascii", errors="replace") as table:
            rows = [line.split() for line in table]
    except OSError:
        return None
    return any(len(row) > 3 and row[0] == ip and int(row[2], 16) & 0x2 for row in rows[1:])  # ATF_COM


# --- asking the network -------------------------------------------------------------------------------------------


def _ask(seen: Seen, stopping: Callable[[], bool]) -> Tuple[Seen, List[str]]:
    """The servers that answer, whether questions left, and the same in words."""
    also = [seen.ip] if seen.ip and ":" not in seen.ip else []
    findings, asker, sent = Findings(also), Asker(also), {}
    servers: Dict[str, Server] = {}
    ahead: Optional[float] = None
    began, times = monotonic(), list(ASK_AT)
    try:
        asker.refresh()
        while True:
            passed = monotonic() - began
            if stopping():
                raise Cancelled
            if times and passed >= times[0]:
                times.pop(0)
                question = new_question()
                findings.asked(question)
                sent = {one.way.ip: one for one in asker.ask(question) if not one.way.loopback}
            if passed >= LISTEN:
                break
            for arrived in asker.receive(min(STEP, LISTEN - passed)):
                for event in findings.heard(arrived, asker.own, monotonic()):
                    if isinstance(event, Found):
                        servers[event.server.key] = event.server
                        ahead = _ahead(arrived) if arrived.ip == seen.ip else ahead
    finally:
        asker.close()
    errors = tuple(one.error for one in sent.values() if one.way.ip != ANY)
    seen = replace(seen, servers=tuple(servers.values()), sent=errors, clock_ahead=ahead)
    return seen, [_sent_in_words(one) for one in sent.values()]


def _ahead(arrived: Arrived) -> Optional[float]:
    answer = read_answer(arrived.data)
    return None if answer is None or answer.time is None else answer.time - time.time()


def _sent_in_words(sent: Sent) -> str:
    way = sent.way
    what = "a question to that address" if way.ip == ANY else f"a question by {printable(way.card)} ({way.ip})"
    return f"{what}: sent" if sent.error is None else f"{what}: could not be sent: {reason(sent.error)}"


def _about_servers(seen: Seen) -> List[str]:
    found = [f"answers: {describe(Found(server))}, {printable(server.app)}" for server in seen.servers]
    return found or ["no server has answered"]


# --- calling an address -------------------------------------------------------------------------------------------


def _call(target: Address, seen: Seen, stopping: Callable[[], bool]) -> Call:
    began = monotonic()
    try:
        sock = connect(target, stopping)
    except OSError as error:
        return Call(_end_of(error), monotonic() - began, words=reason(error))
    seconds = monotonic() - began
    with sock:
        known = next((one for one in seen.servers if target in one.addresses), None)
        if known is not None:  # it has said who it is
            return Call(CONNECTED, seconds, ROLLCALL, known.app)
        who, app = _who_is_there(sock)
        return Call(CONNECTED, seconds, who, app)


def _end_of(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return NO_NAME
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    if is_blocked(error):
        return BLOCKED
    if number_of(error) in NO_ROUTE or error.errno in NO_ROUTE:
        return NO_WAY
    return SILENT if isinstance(error, TimeoutError) else FAILED


def _who_is_there(sock: socket.socket) -> Tuple[str, str]:
    """Who answers when it is greeted, and what it calls itself."""
    sock.settimeout(FIRST_WORDS)
    try:
        sock.sendall(encode(Hello(f"rollcall {__version__}")))
        data = sock.recv(MAX_CLIENT_LINE)
    except socket.timeout:
        return MUTE, ""
    except OSError:
        data = b""
    if not data:
        return "it hangs up without a word", ""
    kind = stranger(data)
    if kind:
        return kind, ""
    try:
        message = decode(data.partition(b"\n")[0], MAX_SERVER_LINE)
    except ProtocolError:
        return "something else", ""
    if isinstance(message, RoomInfo):
        return ROLLCALL, message.app
    if isinstance(message, Error):
        return ROLLCALL, _REFUSALS.get(message.code, "")
    return "something else", ""


def _about_call(seen: Seen) -> List[str]:
    if seen.address is None or seen.call is None or not seen.ip:
        return []
    call, where = seen.call, f"in this computer's network {seen.network}" if seen.network else "in another network"
    facts = [f"{seen.ip} is {'this computer' if seen.own else where}"]
    if call.end == CONNECTED:
        who = call.who + (f", {printable(call.app)}" if call.app else "")
        facts.append(f"a call to port {seen.address.port} is taken after {call.seconds * 1000:.1f} ms by {who}")
    else:
        facts.append(f"a call to port {seen.address.port} fails after {call.seconds:.1f} s: {call.words}")
    if seen.neighbour is not None and seen.network and call.end in (SILENT, NO_WAY):
        known = "is known, so it is there" if seen.neighbour else "is not to be had, so it may not be there"
        facts.append(f"the hardware address of {seen.ip} {known}")
    if seen.clock_ahead is not None and abs(seen.clock_ahead) >= CLOCKS_DIFFER:
        side = "ahead of" if seen.clock_ahead > 0 else "behind"
        facts.append(f"its clock is {abs(seen.clock_ahead):.0f} s {side} this computer's")
    return facts
