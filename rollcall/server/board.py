"""Answers a browser that called at the port of the members.

The handler hands a connection over as soon as its first bytes are those of a request (`calls_by_http`), and that is the
end of its conversation in lines. One request is answered, GET or HEAD, and the connection is closed: ``/`` for the
student, ``/board`` for the wall, ``/board/events``, the files in ``/downloads/``, and for anything else a page that
says so. All of it happens in the browser's own handler thread, which alone may wait for that socket.

A browser's lease is the one that every connection has from the start, ``registration_timeout``: the head must be there
by then, and each block that the kernel takes of the answer renews it. A board that follows the events is a connection
of the publisher's, like a member's: pushes never wait for it, pass it by while it is backlogged, and drop it when it
takes no byte. Its handler only renews the lease, says `STILL_THERE` when nothing happens, and notices the end.

Nothing here owns a thread, a lock or state; what browsers have in common belongs to the `Room`.
"""

from __future__ import annotations

import base64
import logging
import time
from typing import Iterable, Optional, Tuple
from urllib.parse import parse_qs, quote

from rollcall.server.board_lines import STILL_THERE, board_state
from rollcall.server.downloads import NotSatisfiable, OpenFile, requested_range
from rollcall.server.http_head import Head, HeadReader, Refused
from rollcall.server.page_parts import BOARD_POLICY, POLICY
from rollcall.server.pages import Place, board_page, message_page, student_page, system_of_agent
from rollcall.server.room import Room
from rollcall.server.roster_lines import BOARD, BOARD_NUMBERS
from rollcall.wire.address import Address
from rollcall.wire.clock import BREATH
from rollcall.wire.connection import BACKLOGGED, SENT, Connection
from rollcall.wire.text import quoted

log = logging.getLogger("rollcall.board")

STILL_THERE_EVERY = 15.0
"""Seconds after which a board hears that the server is still there."""

DOWNLOAD_SHARE = 2.0
"""After each block a download rests so many times as long as all that run now take for one, in processor time: together
they take a third of it, and the heartbeats the rest. A `BREATH` at least: whoever sends gets the interpreter's lock
back before those who wait for it."""

LAST_WORDS = 1.0
"""Seconds that a browser has to close first, so that what it has not sent yet does not destroy the answer."""

LOOK_UP = 1.0
"""Seconds between two looks of a waiting handler whether it shall end, at most."""

MAX_CHATTER = 16 * 1024
"""Bytes that a browser may send behind its request before it is cut off. It has nothing to say there."""

UNTAKEN = 20.0
"""Seconds after which the system gives up a browser that acknowledges nothing: a tablet that sleeps (Linux)."""

_PLAIN = b"""This is a Rollcall server, not a web page.

To join, start the program Rollcall (rollcall-client, or python client_gui.py)
and type the same address there.
"""

_ALWAYS = (
    ("Connection", "close"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
)
"""On every answer. There is no ``Access-Control-Allow-Origin``: no page from elsewhere may read anything here."""

_HTML = "text/html; charset=utf-8"
Fields = Iterable[Tuple[str, str]]


_PHRASES = {
    200: "OK", 206: "Partial Content", 303: "See Other", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 416: "Range Not Satisfiable", 421: "Misdirected Request",
    431: "Request Header Fields Too Large", 503: "Service Unavailable", 505: "HTTP Version Not Supported",
}  # fmt: skip
"""The statuses that are used here (RFC 9110, section 15; RFC 6585, section 5), with their names."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date() -> str:
    """Now, as RFC 9110, section 5.6.7, writes it, whatever the language here."""
    now = time.gmtime()
    day = f"{_DAYS[now.tm_wday]}, {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year}"
    return f"{day} {time.strftime('%H:%M:%S', now)} GMT"


def serve(room: Room, connection: Connection, first: bytes) -> None:
    """Answer the browser whose first bytes these are; when this returns the conversation is over."""
    session, peer = connection.session_id, connection.peer
    crowded_out = room.meet_browser(session, peer)
    connection.speak_no_lines()  # and what it gets may be secret, or 9 MB
    connection.receive_size = 1024
    connection.give_up_after(UNTAKEN)
    try:
        _Answer(room, connection).run(first, crowded_out=crowded_out)
    finally:
        room.browsers.leave(session)


class _Answer:
    """The answer to one request, in the browser's handler thread."""

    def __init__(self, room: Room, connection: Connection) -> None:
        self._room = room
        self._connection = connection
        self._asked = "no request"
        self._without_body = False
        host, port = connection.own_address()
        self._place = Place(room.config.name, str(Address(host, port)), room.viewers.closed, "")

    def run(self, first: bytes, crowded_out: bool) -> None:
        """Read the head, answer it, and see the browser off."""
        try:
            if crowded_out:
                raise Refused(503, "Too many browsers from your address are being served. Try again in a minute.")
            head = self._read_head(first)
            if head is None:
                return
            self._asked = f"{head.method} {quoted(head.path)}"  # no query: it may hold the secret of a link
            self._trace("<", f"{head.method} {quote(head.path)} HTTP/1.1")
            self._without_body = head.method == "HEAD"
            self._answer(head)
        except Refused as refused:
            self._refuse(refused)
        self._connection.finish_sending()
        self._connection.drain(LAST_WORDS)

    def _read_head(self, data: bytes) -> Optional[Head]:
        reader = HeadReader()
        while data:
            head = reader.feed(data)
            if head is not None:
                return head
            data = self._connection.receive()
        return None  # it closed, or its time was over

    def _answer(self, head: Head) -> None:
        room = self._room
        if not room.config.board:
            self._send(404, "text/plain; charset=utf-8", _PLAIN)
            return
        if head.host not in room.own_names:
            raise Refused(421, f"This server does not answer to the name {quoted(head.host)}.")
        self._place = Place(
            self._place.room, self._place.address, self._place.closed,
            system_of_agent(head.fields.get("user-agent", "")),
        )  # fmt: skip
        if head.path == "/":
            offers = room.downloads.offers()
            self._page(200, student_page(self._place, offers, room.downloads.folder is not None))
        elif head.path == "/board":
            self._board(head)
        elif head.path == "/board/events":
            self._events(head)
        elif head.path.startswith("/downloads/"):
            self._download(head, head.path[len("/downloads/") :])
        else:
            raise Refused(404, "There is no such page here.")

    # --- the board --------------------------------------------------------------------------------------------

    def _board(self, head: Head) -> None:
        if head.query:
            try:
                token = parse_qs(head.query, max_num_fields=4).get("link", [""])[0]
            except ValueError:
                token = ""
            cookie = None if self._without_body else self._room.viewers.redeem(token)
            if token and cookie is None and not self._without_body:
                raise Refused(404, "This link was used already, or is of an earlier run of the server. Copy a new one.")
            extra = [("Set-Cookie", cookie)] if cookie else []
            self._send(303, _HTML, b"", [("Location", "/board"), *extra])
            return
        roster = self._room.roster
        roster.expire_gone(self._room.clock())
        rev, entries, gone = roster.snapshot()
        state = board_state(rev, entries, self._may_see_names(head), self._room.classroom.current(), gone)
        page = board_page(self._place, state, self._room.downloads.folder is not None)
        self._page(200, page, BOARD_POLICY)

    def _events(self, head: Head) -> None:
        """Hand the connection to the publisher, which sends every state from now on, until the browser goes."""
        origin = head.fields.get("origin")
        if origin is not None and origin != f"http://{head.host}":
            raise Refused(403, "The board's events are for its own page.")
        self._send_head(200, [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")])
        if self._without_body or not self._deliver(b"retry: 2000\n\n"):
            return
        room, connection = self._room, self._connection
        room.publisher.add(connection, BOARD if self._may_see_names(head) else BOARD_NUMBERS)
        step = min(LOOK_UP, room.config.registration_timeout / 4)
        due, budget = room.clock() + STILL_THERE_EVERY, MAX_CHATTER
        while budget > 0:
            if connection.readable_within(step):
                data = connection.receive()
                if not data:
                    return
                budget -= len(data)
            if connection.hung_up:
                return  # not every system wakes who waits (see `windows`)
            now = room.clock()
            if not connection.backlogged:
                room.roster.renew(connection.session_id, now)
                if now >= due:
                    due = now + STILL_THERE_EVERY
                    if connection.send(STILL_THERE) == BACKLOGGED:
                        room.publisher.finish(connection)
        connection.hang_up()

    def _may_see_names(self, head: Head) -> bool:
        return self._room.viewers.may_see_names(head.fields.get("cookie", ""))

    # --- downloads --------------------------------------------------------------------------------------------

    def _download(self, head: Head, name: str) -> None:
        file = self._room.downloads.open(name)
        if file is None:
            raise Refused(404, "There is no such file here.")
        with file:
            self._room.browsers.begins_an_answer(self._connection.session_id)
            self._send_file(head, name, file)

    def _send_file(self, head: Head, name: str, file: OpenFile) -> None:
        total = self._room.downloads.sum_of(name, file)
        if not total:
            raise Refused(503, "This file is just being replaced. Try again in a moment.")
        tag = f'"{total}"'
        fields = [
            ("Content-Type", "application/octet-stream"),
            ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}"),
            ("Accept-Ranges", "bytes"),
            ("ETag", tag),
            ("Repr-Digest", f"sha-256=:{base64.b64encode(bytes.fromhex(total)).decode()}:"),  # RFC 9530
            ("Cache-Control", "no-cache"),
            ("Content-Security-Policy", "default-src 'none'; sandbox"),
        ]
        wanted = None
        if head.method == "GET" and head.fields.get("if-range", tag) == tag:
            try:
                wanted = requested_range(head.fields.get("range", ""), file.size)
            except NotSatisfiable as error:
                self._send(416, _HTML, b"", [("Content-Range", f"bytes */{error.size}")])
                return
        start, length = wanted or (0, file.size)
        if wanted:
            fields.append(("Content-Range", f"bytes {start}-{start + length - 1}/{file.size}"))
        self._send_head(206 if wanted else 200, [*fields, ("Content-Length", str(length))])
        if self._without_body:
            return
        begun = time.thread_time()
        for block in file.blocks(start, length):
            if not self._deliver(block):
                return
            length -= len(block)
            ended = time.thread_time()
            time.sleep(max(BREATH, DOWNLOAD_SHARE * self._room.browsers.busy * (ended - begun)))
            begun = ended
        if length:
            label, peer = self._connection.label, self._connection.peer
            message = "cut off, because the file was changed: %s from %s: %s"
            self._room.journal.note(log, logging.WARNING, message, label, peer, quoted(name), about=peer)
            self._connection.hang_up()

    # --- sending ----------------------------------------------------------------------------------------------

    def _refuse(self, refused: Refused) -> None:
        title = _PHRASES[refused.status]
        sentences = [str(refused)]
        if refused.status == 421:
            sentences.append('Whoever runs it can add a name to "board_names" in config.toml.')
        page = message_page(self._place, title, sentences)
        more = [("Allow", "GET, HEAD")] if refused.status == 405 else []
        if refused.status == 503:
            more.append(("Retry-After", "30"))
        self._page(refused.status, page, more=more)

    def _page(self, status: int, page: str, policy: str = POLICY, more: Fields = ()) -> None:
        self._send(status, _HTML, page.encode(), [("Content-Security-Policy", policy), *more])

    def _send(self, status: int, kind: str, body: bytes, more: Fields = ()) -> None:
        fields = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"), *more]
        self._send_head(status, fields)
        if body and not self._without_body:
            self._deliver(body)

    def _send_head(self, status: int, fields: Fields) -> None:
        label, peer = self._connection.label, self._connection.peer
        message = "a browser: %s from %s: %s: %d"
        self._room.journal.note(log, logging.INFO, message, label, peer, self._asked, status, about=peer)
        line = f"HTTP/1.1 {status} {_PHRASES[status]}"
        self._trace(">", line)
        every = [("Date", _date()), *_ALWAYS, *fields]
        self._deliver("".join([f"{line}\r\n", *(f"{name}: {value}\r\n" for name, value in every), "\r\n"]).encode())

    def _deliver(self, data: bytes) -> bool:
        """Send these bytes, waiting for the browser to take them as long as its lease lasts, which that renews. False
        if it is gone."""
        room, connection = self._room, self._connection
        result = connection.send(data)
        while result == BACKLOGGED:
            connection.writable_within(LOOK_UP)
            result = connection.flush()
        if result == SENT:
            room.roster.renew(connection.session_id, room.clock())
        return result == SENT

    def _trace(self, direction: str, line: str) -> None:
        if self._room.trace is not None:
            self._room.trace(direction, self._connection, line.encode())
