"""The two datagrams by which a client finds servers that nobody has typed in: "who is there?", and what room this is.

A client sends its question to a multicast group and to the broadcast address of each network that it is on; each server
that hears it answers to the sender alone, in one datagram. Both are one line of JSON, as on TCP:

- the question has a random text, ``question``, and is padded with spaces to `QUESTION_SIZE` bytes. No answer is longer
  than the question it is for, so no server can be used to throw more at somebody than was thrown at it;
- the answer is a ``room`` (`RoomInfo`) with that text and a few fields of its own. Where the server is, it does not
  say: that is where the datagram came from, and the TCP port.

Anybody on the network can send either. Everything is bounded here, in size first, and what is wrong in any way is
nothing: `read_question` and `read_answer` never raise. An answer is a hint and proves nothing.

The numbers (docs/HEARTBEAT.md has them too): the group lies in the IPv4 Local Scope, which stays within a site (RFC
2365, section 6.1), and TTL 1 keeps it within one network. The port is none that systems give out by themselves (Linux
from 32768, Windows and macOS from 49152). Discovery is for IPv4; who has IPv6 alone types an address. No state, no
threads, no sockets but those that are handed in.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import re
import secrets
import socket
import sys
from dataclasses import dataclass, replace
from typing import Any, Dict, Optional, Sequence, Tuple

from rollcall.wire import fields as read
from rollcall.wire.errors import ProtocolError
from rollcall.wire.fields import MAX_TEXT
from rollcall.wire.messages import READERS, RoomInfo, to_fields

GROUP = "239.255.114.108"
PORT = 28480
TTL = 1

QUESTION_SIZE = 1200
"""Bytes of a question; with the headers of IP and UDP it fits every network unbroken (as in RFC 9000, section 14)."""

MAX_DATAGRAM = 1472
"""Bytes: what an Ethernet frame carries. More is neither question nor answer."""

RECEIVE_SIZE = MAX_DATAGRAM + 1
"""What to receive with: whatever is longer shows, and is cut."""

LOOPBACK, LOOPBACK_BROADCAST = "127.0.0.1", "127.255.255.255"

MAX_HERE = 50_000

_QUESTION = re.compile(r"[0-9A-Za-z_-]{8,64}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_ABOUT_ONE = (10040, 10052, 10054)  # WSAEMSGSIZE, WSAENETRESET, WSAECONNRESET
_PRIVATE = tuple(
    ipaddress.IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")
)
"""Private (RFC 1918), link-local (RFC 3927) and loopback addresses: whom a server answers without being told to."""

Networks = Tuple[ipaddress.IPv4Network, ...]


@dataclass(frozen=True)
class Answer:
    """What a server says of itself. ``question`` is the text of the question; ``port`` is its TCP port; ``here`` how
    many are in the room, or None. ``fingerprint`` is that of its certificate, if it has one, ``hello`` whether it knows
    that message, and ``time`` what its clock says (Unix seconds)."""

    room: RoomInfo
    port: int
    question: str
    here: Optional[int] = None
    fingerprint: str = ""
    hello: bool = False
    time: Optional[float] = None


def new_question() -> str:
    """A text that nobody else has: 128 random bits."""
    return secrets.token_hex(16)


def encode_question(question: str) -> bytes:
    """The datagram that asks."""
    return _line({"type": "find", "question": question})[:-1].ljust(QUESTION_SIZE - 1) + b"\n"


def read_question(data: bytes) -> Optional[str]:
    """The text of a question, or None if this is none."""
    if not QUESTION_SIZE <= len(data) <= MAX_DATAGRAM:
        return None
    fields = _object(data, "find")
    question = fields.get("question") if fields is not None else None
    return question if isinstance(question, str) and _QUESTION.fullmatch(question) else None


def encode_answer(answer: Answer) -> bytes:
    """The datagram that answers. What belongs to a conversation (names, record, proofs) is left out."""
    room = replace(answer.room, nonce="", names=None, record="", record_days=None)
    more = {key: value for key, value in vars(answer).items() if key != "room" and value not in (None, "")}
    return _line({**to_fields(room), **more})


def read_answer(data: bytes) -> Optional[Answer]:
    """What a server says of itself, or None if this is no answer."""
    if len(data) > MAX_DATAGRAM:
        return None
    fields = _object(data, "room")
    try:
        return None if fields is None else _answer(fields)
    except ProtocolError:
        return None


def _answer(fields: Dict[str, Any]) -> Answer:
    room = READERS["room"]({**fields, "names": None})
    assert isinstance(room, RoomInfo)
    here = read.integer_or(None, fields, "here")
    time: Any = fields.get("time")
    fingerprint = read.text_or("", fields, "fingerprint", MAX_TEXT)
    return Answer(
        room=room,
        port=read.integer(fields, "port", 1, 65535),
        question=read.text(fields, "question", MAX_TEXT),
        here=here if here is None else min(here, MAX_HERE),
        fingerprint=fingerprint if _FINGERPRINT.fullmatch(fingerprint) else "",
        hello=fields.get("hello") is True,
        time=float(time) if type(time) in (int, float) and 0 <= time <= read.MAX_INTEGER else None,
    )


def _object(data: bytes, kind: str) -> Optional[Dict[str, Any]]:
    try:
        fields = read.parse_object(data)
    except ProtocolError:
        return None
    return fields if fields["type"] == kind else None


def _line(fields: Dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


class Pace:
    """How many datagrams are looked at: ``most`` a second, so that a flood of them is nobody's work but the system's,
    which throws away what does not fit into the buffer. For one thread; ``now`` is monotonic seconds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = -1
        self._count = 0

    def one_more(self, now: float) -> float:
        """One was looked at. For so many seconds no other may be, 0 for "go on"."""
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        self._count += 1
        return max(0.001, self._second + 1 - now) if self._count >= self._most else 0.0


# --- networks and sockets -------------------------------------------------------------------------------------------


def parse_networks(text: str) -> Networks:
    """Networks as ``192.0.2.0/24``, with commas or spaces between. Raises ValueError with a sentence."""
    found = []
    for word in re.split(r"[\s,;]+", text.strip()) if text.strip() else ():
        try:
            found.append(ipaddress.IPv4Network(word, strict=False))
        except ValueError:
            raise ValueError(f"{word!r} is no network; write them as 192.0.2.0/24, with commas between") from None
    return tuple(found)


def is_answered(ip: str, more: Sequence[ipaddress.IPv4Network] = ()) -> bool:
    """True if a server answers to this address: it is in no network where answers could do harm, or in one of those
    that its settings name as well."""
    try:
        address = ipaddress.IPv4Address(ip)
    except ValueError:
        return False
    return any(address in network for network in (*_PRIVATE, *more))


def share_port(sock: socket.socket) -> None:
    """Let other servers of this computer have the same UDP port; before it is bound.

    Of multicast and broadcast each of them gets its copy. Of a question to one address only one of them hears: on Linux
    the one that began last (socket(7), ip(7): SO_REUSEADDR, which servers of several people can share; SO_REUSEPORT
    would want one person's). The BSDs and macOS want SO_REUSEPORT beside it for that. On Windows it is left open which
    (Microsoft, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE").
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT") and not sys.platform.startswith(("linux", "android")):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def asking_socket(ip: str) -> socket.socket:
    """A socket that asks the network of this own address, by multicast and by broadcast. Raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, TTL)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)  # a server on this computer hears it, too
        if ip != "0.0.0.0":
            # Whatever the routing table says, and also where it says nothing: no default route, or one into a VPN.
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ip))
        sock.bind((ip, 0))
        sock.setblocking(False)
        return sock
    except BaseException:
        sock.close()
        raise


def receive(sock: socket.socket) -> Optional[Tuple[bytes, str, int]]:
    """The next datagram, and the address and port that it came from; None if there is none. Raises OSError.

    What is only about one datagram is a datagram of no bytes: on Windows one that is too long is an error, and so is,
    instead of the next, that an earlier one of ours did not arrive.
    """
    try:
        data, (ip, port) = sock.recvfrom(RECEIVE_SIZE)
        return data, str(ip), int(port)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError as error:
        if error.errno == errno.ECONNREFUSED or getattr(error, "winerror", None) in _ABOUT_ONE:
            return b"", "", 0
        raise
