"""From what was seen of the network to one sentence: why is no server found, and what can be done about it?

`likeliest` is plain logic over a `Seen`, which ``rollcall/client/doctor.py`` fills: no sockets, no clock, and the
platform is an argument, so that each cause can be tried on any machine. It names the likeliest cause, not a certain
one: a firewall that swallows calls and a computer that is switched off look nearly alike from the outside.

What tells them apart, in short: a refusal comes from a computer that is there. Silence from an address of this network
whose hardware address is known (ARP, RFC 826) is a firewall; where not even that is answered, nobody has the address,
or the network keeps its clients apart.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple

from rollcall.client.dial import MAC_PERMISSION
from rollcall.client.finder import Server
from rollcall.program.os_errors import is_blocked, reason
from rollcall.wire.address import Address
from rollcall.wire.discovery import PORT
from rollcall.wire.text import printable

CONNECTED, REFUSED, SILENT, NO_WAY, BLOCKED, NO_NAME, FAILED = (
    "connected", "refused", "silent", "no way", "blocked", "no name", "failed",
)  # fmt: skip
"""How a call (TCP) ended."""

ROLLCALL, MUTE = "a Rollcall server", "nobody who says anything"
"""Who answered it; or what `rollcall.client.dial.stranger` calls it."""

WELL, FOUND, NOTHING_HEARD = "all well", "servers found", "nothing heard"
NO_NETWORK, NO_ROUTER, OWN_FIREWALL, MAC, WRONG_NETWORK = (
    "no network", "no address given", "own firewall", "macOS permission", "wrong network",
)  # fmt: skip
FIREWALL, GUEST_NETWORK, NOT_RUNNING, WRONG_PORT = "server's firewall", "guest network", "not running", "wrong port"
OTHER_PROGRAM, HANGS, UNKNOWN_NAME, UNKNOWN = "another program", "hangs", "unknown name", "unknown"
CAUSES = (
    WELL, FOUND, NOTHING_HEARD, NO_NETWORK, NO_ROUTER, OWN_FIREWALL, MAC, WRONG_NETWORK, FIREWALL, GUEST_NETWORK,
    NOT_RUNNING, WRONG_PORT, OTHER_PROGRAM, HANGS, UNKNOWN_NAME, UNKNOWN,
)  # fmt: skip
"""With the first two nothing is wrong."""

NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, 10050, 10051, 10065)


class Call(NamedTuple):
    """What became of a call to the server's address: how it ended, after how many seconds, who answered, and what that
    calls itself."""

    end: str
    seconds: float = 0.0
    who: str = ""
    app: str = ""
    words: str = ""  # of the error, where there is no better


@dataclass(frozen=True)
class Seen:
    """What the doctor has seen. ``networks`` are those that this computer is on (``192.168.1.0/24``), ``sent`` says for
    each whether questions left, as None or the error. ``servers`` have answered. With an address that was asked about:
    its ``ip``, the network of ours that it belongs to, what became of a call, whether its hardware address is known
    (None: this system does not tell), how far its clock is ahead in seconds, and whether it is this very computer."""

    networks: Tuple[str, ...] = ()
    sent: Tuple[Optional[OSError], ...] = ()
    servers: Tuple[Server, ...] = ()
    address: Optional[Address] = None
    ip: str = ""
    network: str = ""
    call: Optional[Call] = None
    neighbour: Optional[bool] = None
    clock_ahead: Optional[float] = None
    own: bool = False

    @property
    def there(self) -> Tuple[Address, ...]:
        """Where servers of the computer that was asked about have answered."""
        return tuple(one for server in self.servers for one in server.addresses if one.host == self.ip)


class Diagnosis(NamedTuple):
    """The likeliest cause, as a word for programs and a sentence for people, and what to do about it."""

    cause: str
    sentence: str
    advice: str


def likeliest(seen: Seen, platform: str) -> Diagnosis:
    """The likeliest cause; ``platform`` as `sys.platform` has it."""
    if seen.address is not None and seen.call is not None:
        found = _about_address(seen, seen.address, seen.call, platform)
        others = [server for server in seen.servers if not any(one.host == seen.ip for one in server.addresses)]
        if others and found.cause != WELL:
            where = f"{others[0].addresses[0]} ({printable(others[0].name)})"
            other = f"A Rollcall server answers at {where}: try that one."
            return found._replace(advice=f"{other} {found.advice}")
        return found
    return _about_all(seen, platform)


def _about_all(seen: Seen, platform: str) -> Diagnosis:
    if seen.servers:
        names = ", ".join(f"{server.addresses[0]} ({printable(server.name)})" for server in seen.servers[:5])
        return Diagnosis(FOUND, f"There is a server: {names}", "Choose it in the window, or type that address.")
    if not seen.networks:
        return _no_network()
    errors = [error for error in seen.sent if error is not None]
    if errors and len(errors) == len(seen.sent):
        return _not_sent(errors[0], platform)
    if all(network.startswith("169.254.") for network in seen.networks):
        return _no_router()
    return Diagnosis(
        NOTHING_HEARD,
        "No server in this network answers: most likely none runs here, or this computer is in another network than "
        "the server's, or a firewall on the server's computer swallows the questions",
        "Is the server running? It shows the address to type; if that begins otherwise than this computer's, join the "
        "same Wi-Fi. Then ask again with that address.",
    )


def _no_network() -> Diagnosis:
    return Diagnosis(
        NO_NETWORK,
        "This computer is on no network",
        "Switch its Wi-Fi on, or put the cable in, and ask again.",
    )


def _no_router() -> Diagnosis:
    return Diagnosis(
        NO_ROUTER,
        "Nobody has given this computer an address, so it has taken one itself (169.254.x.x): most likely it has not "
        "really joined the network",
        "Join the Wi-Fi again with its password, or put the cable in again. Without a router it works where the server "
        "has an address that begins with 169.254, too.",
    )


def _not_sent(error: OSError, platform: str) -> Diagnosis:
    if platform == "darwin" and error.errno in NO_ROUTE:
        return _mac()
    if is_blocked(error):
        return _own_firewall()
    why = f"This computer cannot send anything: {reason(error)}"
    return Diagnosis(NO_NETWORK, why, "Leave the network and join it again.")


def _mac() -> Diagnosis:
    return Diagnosis(
        MAC,
        "macOS does not let this program use the local network, or there is none",
        f"{MAC_PERMISSION}; then start it again.",
    )


def _own_firewall() -> Diagnosis:
    return Diagnosis(
        OWN_FIREWALL,
        "A firewall or security software on this computer blocks what this program sends",
        f"Whoever looks after this computer must allow it: TCP, and UDP to port {PORT}.",
    )


def _about_address(seen: Seen, address: Address, call: Call, platform: str) -> Diagnosis:
    if call.end == NO_NAME:
        name = printable(address.host)
        sentence = f"The name {name} is not known in this network"
        return Diagnosis(UNKNOWN_NAME, sentence, "Check the spelling, or type the address in digits.")
    if call.end == CONNECTED:
        return _somebody_answers(seen, address, call)
    if not seen.networks and not seen.own:
        return _no_network()
    if call.end == REFUSED:
        return _wrong_port(seen) or Diagnosis(
            NOT_RUNNING,
            f"The computer {seen.ip} is there, and no program listens at port {address.port}: the server is not "
            "running, or has another port",
            "Start the server there, or compare the port with its line “Listening on”: it takes the next one when its "
            "own is busy.",
        )
    if call.end == BLOCKED:
        return _own_firewall()
    if call.end in (SILENT, NO_WAY):
        return _no_answer(seen, address, call, platform)
    return Diagnosis(UNKNOWN, f"{address} cannot be reached: {call.words}", "Check the address.")


def _wrong_port(seen: Seen) -> Optional[Diagnosis]:
    if not seen.there:
        return None
    right = seen.there[0]
    return Diagnosis(WRONG_PORT, f"The port is wrong: a Rollcall server is there, at {right}", f"Type {right}.")


def _somebody_answers(seen: Seen, address: Address, call: Call) -> Diagnosis:
    if call.who == ROLLCALL:
        advice = "Type this address and connect."
        if not seen.there:
            advice += (
                f" It is not found by itself: its computer does not let questions in (UDP port {PORT}), the network "
                "does not pass them on, or it has discoverable = false in its settings."
            )
        return Diagnosis(WELL, f"Nothing is wrong: a Rollcall server answers at {address}", advice)
    wrong_port = _wrong_port(seen)
    if wrong_port is not None:
        return wrong_port
    if call.who == MUTE:
        return Diagnosis(
            HANGS,
            f"Somebody takes the call at {address} and says nothing: the server's program hangs, or is another one",
            "Look at the server's computer: is it suspended? End the server there and start it again.",
        )
    return Diagnosis(
        OTHER_PROGRAM,
        f"Another program answers at {address}: {call.who or 'not a Rollcall server'}",
        "Compare address and port with the server's line “Listening on”.",
    )


def _no_answer(seen: Seen, address: Address, call: Call, platform: str) -> Diagnosis:
    if not seen.network:
        return Diagnosis(
            WRONG_NETWORK,
            f"{seen.ip} is in another network than this computer ({', '.join(seen.networks)}), and nothing there "
            "answers: most likely this computer is in the wrong one",
            "Join the network that the server's computer is in: the same Wi-Fi, not the guests', and no VPN.",
        )
    if platform == "darwin" and call.end == NO_WAY:
        return _mac()
    if seen.there or seen.neighbour or (seen.neighbour is None and call.end == SILENT):
        return Diagnosis(
            FIREWALL,
            f"The computer {seen.ip} lets no call through to port {address.port}: most likely its firewall blocks the "
            "server",
            "On the server's computer allow Rollcall (or Python) in the firewall, for private networks, and see that "
            "this network counts as private. There, 127.0.0.1 must work.",
        )
    return Diagnosis(
        GUEST_NETWORK,
        f"No computer with the address {seen.ip} answers in this network: most likely it is a guest network, which "
        "keeps its clients apart, or that computer is off or has another address now",
        "Compare the address with the one that the server shows. If it is right, use another Wi-Fi or a cable, or ask "
        "whoever runs the network to let its clients see each other (“client isolation” off).",
    )
