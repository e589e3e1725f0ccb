"""The head of a request of HTTP, as far as this server answers one: GET and HEAD, and nothing else.

Python's own parser (``http.server``) reads from a file object that blocks, takes 100 lines of 64 KiB, and answers in
its own words. Here a `HeadReader` is fed with what came, however it was split, and holds at most `MAX_HEAD` bytes. It
gives one `Head`, or raises `Refused` with the status and a sentence, as soon as it can be known. It reads no body: a
request that has one is refused, so nothing that follows a head is ever looked at.

The standards: RFC 9110 (meaning), RFC 9112 (syntax on the wire). No state beyond one head, no threads, no network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Tuple
from urllib.parse import unquote_to_bytes

MAX_HEAD = 8 * 1024
"""Bytes of a head, its end included. A browser sends half a kilobyte; cookies of other servers at the same address come
along, and make it two."""

_BEGINNINGS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELET", b"OPTIO", b"PATCH", b"TRACE", b"CONNE", b"PRI *")
"""The first bytes, five at most, of the methods of RFC 9110, section 9, of PATCH (RFC 5789) and of the preface of
HTTP/2 (RFC 9113, section 3.4)."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]{1,8000}) HTTP/([0-9])\.([0-9])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_ABSOLUTE = re.compile(r"http://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_END = re.compile(rb"\r?\n\r?\n")


class Refused(Exception):
    """No head that is answered. ``status`` is the code of RFC 9110, section 15; ``str()`` is a sentence."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Head:
    """What a browser asks for.

    ``path`` is decoded and may hold anything: it is for comparing, not for opening. ``query`` is as it came. ``fields``
    have names in lower case; one that came several times is joined by commas (RFC 9110, section 5.3), cookies by
    semicolons. ``host`` is empty where none was given.
    """

    method: str
    path: str
    query: str
    host: str
    fields: Mapping[str, str]


def calls_by_http(first: bytes) -> Optional[bool]:
    """Whether these first bytes of a connection are a browser's. None if more of them are needed, five at most."""
    if any(first.startswith(beginning) for beginning in _BEGINNINGS):
        return True
    return None if any(beginning.startswith(first) for beginning in _BEGINNINGS) else False


class HeadReader:
    """Collects the bytes of one head."""

    def __init__(self) -> None:
        self._held = b""
        self._line_is_right = False

    def feed(self, data: bytes) -> Optional[Head]:
        """The head, once it is complete. Raises `Refused`."""
        self._held += data[: MAX_HEAD + 1]
        line, newline, _ = self._held.partition(b"\n")
        if newline and not self._line_is_right:
            _request_line(line)  # what speaks an older or a newer HTTP may wait for an answer to this line already
            self._line_is_right = True
        end = _END.search(self._held)
        if (end.end() if end else len(self._held)) > MAX_HEAD:
            raise Refused(431, f"A request may have a head of {MAX_HEAD} bytes; this one has more.")
        return _parse(self._held[: end.start()]) if end else None


def _parse(data: bytes) -> Head:
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    method, target = _request_line(lines[0])
    fields = _fields(lines[1:])
    if method not in ("GET", "HEAD"):
        raise Refused(405, "Pages can be read here (GET and HEAD), and nothing else can be done with them.")
    if fields.get("content-length", "0") != "0" or "transfer-encoding" in fields:
        raise Refused(400, "A page is asked for without a body.")
    host = fields.get("host", "")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute:  # what a proxy would get; its host is the one that counts (RFC 9112, section 3.2.2)
        host, target = absolute.group(1), absolute.group(2) or "/"
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise Refused(400, "What is asked for is no path of this server.")
    return Head(method, unquote_to_bytes(path).decode("utf-8", "replace"), query, host, fields)


def _request_line(line: bytes) -> Tuple[str, str]:
    """Method and target. Raises `Refused`."""
    match = _REQUEST_LINE.fullmatch(line[:-1] if line.endswith(b"\r") else line)
    if match is None:
        raise Refused(400, "This is no request of HTTP/1.1.")
    if match.group(3) != b"1":
        raise Refused(505, "This server answers HTTP/1.1.")
    return match.group(1).decode(), match.group(2).decode()


def _fields(lines: list[bytes]) -> Dict[str, str]:
    fields: Dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Refused(400, "A line of the request's head is none.")
        name, value = match.group(1).decode().lower(), match.group(2).decode("latin-1").rstrip(" \t")
        if name in fields:
            if name in ("host", "content-length"):
                raise Refused(400, f"The request has two lines {name!r}.")
            value = fields[name] + ("; " if name == "cookie" else ", ") + value
        fields[name] = value
    return fields
