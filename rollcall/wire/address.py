"""Where a server is, as people type and paste it. No state, no threads, no network.

`parse_address` reads generously what can only mean one thing: a scheme and a path, spaces, quotes, brackets, invisible
characters, a comma where a colon belongs. What could mean two things is refused with "did you mean …?". Nothing is ever
read as another computer: the operating system would take ``192.168.1.010`` for ``.8`` and ``192.168.20`` for
``192.168.0.20`` (`inet_aton`), so addresses in digits are checked here, as the standards have them: RFC 6943 section
3.1.1 (four decimal numbers, no leading zeros), RFC 4291 (IPv6), RFC 4007 section 11 (``%eth0``, the scope of a
link-local address), RFC 6874 (the same in a URL: ``%25eth0``), RFC 1123 section 2.1 (names; "_" and other
alphabets, which networks use, are taken as well).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from rollcall.wire.text import printable

DEFAULT_PORT = 8080

MAX_HOST = 253
"""Characters of a host name (RFC 1035, section 2.3.4)."""

MAX_PREFIX = 128
"""The longest prefix of a network: a computer shows its own address as ``10.0.0.5/24``; the host is ``10.0.0.5``."""

_WRAPPING = "\"'`´<>()*«»‹›‘’‚‛“”„‟"
# What input methods for wide characters type instead of ASCII (U+FF01 to U+FF5E), and their full stop.
_NARROW: Mapping[int, int] = {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0x3002: ord(".")}
_REMARK = re.compile(r"\s+\([^()]*\)\s*$")  # the server writes "(only on this computer)" behind an address
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?[/\\]+", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\[\]]*)\](.*)")
_PORT_FOLLOWS = re.compile(r"\s*[:,;]\s*|\s+(?:port\s*)?(?=\d)", re.IGNORECASE)
_BETWEEN = r"[\s.,;:_/]+"
_NUMBERS = re.compile(_BETWEEN.join([r"(\d{1,5})"] * 4) + rf"(?:{_BETWEEN}(\d{{1,5}}))?")
# Digits that somebody has read as letters from a blackboard: no name ends in a label of one to three of these, a digit
# among them or a single "l" (names of the highest level have two letters at least, and no digit).
_MISREAD = re.compile(r"(?=.*[OoIl])(?:[0-9OoIl]{1,3}\.){3}(?:(?=[OoIl]*[0-9])[0-9OoIl]{1,3}|[OoIl])")
_AS_DIGITS: Mapping[int, str] = {ord("O"): "0", ord("o"): "0", ord("I"): "1", ord("l"): "1"}
_COMMAS = re.compile(r"\d+,\d+,\d+,\d+(?!\d)")
_LABEL = re.compile(r"\w(?:[\w-]{0,61}\w)?")
_LIKE_A_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_SCOPE = re.compile(r"[^\s%\[\]/\\]{1,64}")


@dataclass(frozen=True)
class Address:
    """Where a server is. ``str()`` gives it as a person types it."""

    host: str
    port: int = field(default=DEFAULT_PORT)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether that is this computer, by an address which is another computer on any other (RFC 1122, section
    3.2.1.3; RFC 4291, section 2.5.3; RFC 6761, section 6.3)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def parse_address(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """``HOST``, ``HOST:PORT``, ``[IPv6]:PORT`` or a bare IPv6 address, and whatever came along when it was pasted.

    Raises ValueError with a sentence for the person who typed it.
    """
    bare, path = _unwrap(text)
    host, port_text = _split(bare)
    shown = f"{printable(text.strip())!r} is not a server address"
    wrong = _what_is_wrong(host)
    if wrong is not None:
        meant = _meant(bare)
        raise ValueError(f"{shown}; {wrong if meant is None else f'did you mean {meant}?'}")
    if host in ("0.0.0.0", "::"):
        raise ValueError(f"{shown}: a server means all of its own by it; type one that the server shows")
    if port_text is None and re.fullmatch(r"[0-9]{3,5}", path) and int(path) > MAX_PREFIX:
        raise ValueError(f"{shown}; did you mean {Address(host, int(path))}?")
    return Address(host, default_port if port_text is None else parse_port(port_text))


def parse_host(text: str) -> str:
    """An address to listen on, or a name of this computer: the same without a port.

    Raises ValueError with the rest of a sentence that began with the value.
    """
    bare, _ = _unwrap(text)
    host, port_text = _split(bare)
    right = "it must be an address of this computer without a port, such as 127.0.0.1, or 0.0.0.0 for all of them"
    wrong = _what_is_wrong(host)
    if wrong is not None:
        meant = _meant(bare)
        hint = "" if meant is None else f"; did you mean {_split(meant)[0]}?"
        raise ValueError(right + hint)
    if port_text is not None:
        raise ValueError(f'{right}; did you mean host = "{host}" and port = {printable(port_text)}?')
    return host


def parse_port(text: str, lowest: int = 1) -> int:
    """A TCP port that a person typed. Raises ValueError with a sentence for that person."""
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not lowest <= int(digits) <= 65535:
        raise ValueError(f"{printable(text)!r} is not a port; it must be a whole number from {lowest} to 65535")
    return int(digits)


def _unwrap(text: str) -> Tuple[str, str]:
    """Address and path without what came along: invisible characters, quotes, a remark, a scheme, a full stop."""
    visible = "".join(char for char in text.translate(_NARROW) if unicodedata.category(char) != "Cf")
    bare = _REMARK.sub("", visible).strip().strip(_WRAPPING).strip()
    bare = unicodedata.normalize("NFC", _SCHEME.sub("", bare, count=1) if _SCHEME.match(bare) else bare)
    end = re.search(r"[/\\?#]", bare)
    path = bare[end.end() :].strip("/\\ ") if end else ""
    return (bare[: end.start()] if end else bare).strip().rstrip(".,;!" + _WRAPPING).rstrip(), path


def _split(bare: str) -> Tuple[str, Optional[str]]:
    """Host and port as they stand there; what is wrong with them is found later."""
    match = _BRACKETS.fullmatch(bare)
    if match:
        host, rest = match.group(1).strip(), match.group(2)
        if "::" in host:
            host = re.sub(r"%25(?=.)", "%", host)  # as URLs write the "%" of a scope
        return host, _PORT_FOLLOWS.sub("", f" {rest}", count=1) if rest.strip() else None
    if bare.count(":") > 1:
        match = re.fullmatch(r"(\S+?)[\s,;]+(?:port\s*)?(\d+)", bare, re.IGNORECASE)
        return (match.group(1), match.group(2)) if match and _is_ipv6(match.group(1)) else (bare, None)
    tight = re.sub(r"\s*\.\s*", ".", bare)
    if _COMMAS.match(tight):
        tight = tight.replace(",", ".", 3)
    separator = _PORT_FOLLOWS.search(tight)
    if separator is None:
        return tight, None
    return tight[: separator.start()].rstrip("."), tight[separator.end() :]


def _what_is_wrong(host: str) -> Optional[str]:
    """None for an address in digits, or what can be a name; else what the person should know."""
    if ":" in host and "." in host.partition(":")[0]:  # 10.0.0.5:8080:8080
        return "type HOST or HOST:PORT, such as 192.168.1.20:8080"
    if ":" in host:
        return (
            None if _is_ipv6(host) else "an IPv6 address with a port is written [ADDRESS]:PORT, such as [fd00::5]:8080"
        )
    labels = host.split(".")
    if _MISREAD.fullmatch(host):
        return "an address in digits has no letters"
    if _LIKE_A_NUMBER.fullmatch(labels[-1]):
        numbers = [label for label in labels if re.fullmatch(r"0|[1-9][0-9]{0,2}", label) and int(label) <= 255]
        if len(numbers) == len(labels) == 4:
            return None
        return (
            "in digits it is four numbers from 0 to 255, such as 192.168.1.20, and a port may follow: 192.168.1.20:8080"
        )
    # A name is looked up in its compatible form (RFC 3491), in which "²" is "2": that would be another host.
    if len(host) <= MAX_HOST and unicodedata.is_normalized("NFKC", host) and all(map(_LABEL.fullmatch, labels)):
        return None
    return "type HOST or HOST:PORT, such as 192.168.1.20:8080"


def _is_ipv6(host: str) -> bool:
    address, percent, scope = host.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return not percent or _SCOPE.fullmatch(scope) is not None


def _meant(bare: str) -> Optional[str]:
    """What was probably meant, if these are the numbers of an address, and perhaps of a port."""
    before, _, last = bare.rpartition(":")
    if _is_ipv6(before) and re.fullmatch(r"[0-9]{1,5}", last):
        return f"[{before}]:{last}"
    host, _ = _split(bare)
    if _MISREAD.fullmatch(host):
        bare = host.translate(_AS_DIGITS) + bare[len(host) :]
    match = _NUMBERS.fullmatch(bare.strip(" .,;:"))
    if match is None:
        return None
    host = ".".join(str(int(number)) for number in match.groups()[:4])
    port = int(match.group(5) or DEFAULT_PORT)
    if _what_is_wrong(host) is not None or not 0 < port <= 65535:
        return None
    return f"{host}:{port}" if match.group(5) else host
