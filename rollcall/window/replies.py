"""Questions to the server whose answers somebody waits for: a report, a preview, whether it was done. No widgets.

Each question gets a ``ref`` of its own, and whoever asks hands in what is to be called with the `Reply`. That comes
once in any case: what the server says, or why there will be nothing, also when the connection ends meanwhile. A report
comes in pieces, which are put together here and are bounded: the server is a stranger, too. One thread only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, NamedTuple

from rollcall.client import events
from rollcall.window.class_book import Act
from rollcall.window.words import sentence
from rollcall.wire.class_messages import MAX_PIECE, ImportClass

MAX_CHARACTERS = 20_000_000
"""Of one report. A term of 1,000 people is shorter."""

NOBODY_TO_ASK = "That was not done: there is no connection. Try again when there is one."
TOO_LONG = "That report is too long to be shown here; take it from the server's own folder."


class Reply(NamedTuple):
    """``text`` is the report, ``note`` what else the server says; ``why`` is a sentence if it was not done."""

    text: str = ""
    note: str = ""
    why: str = ""


Then = Callable[[Reply], object]


class _Open:
    def __init__(self, then: Then) -> None:
        self.then = then
        self.pieces: List[str] = []
        self.size = 0


class Replies:
    """``send`` gives a message to the server; False if there is none."""

    def __init__(self, send: Callable[[Act], bool]) -> None:
        self._send = send
        self._open: Dict[int, _Open] = {}
        self._last = 0

    def ask(self, question: Any, then: Then) -> None:
        """Send one of `rollcall.wire.class_messages`; ``then`` is called with what becomes of it."""
        self._last += 1
        self._open[self._last] = _Open(then)
        if not self._send(replace(question, ref=self._last)):
            self._answer(self._last, Reply(why=NOBODY_TO_ASK))

    def send_list(self, class_name: str, text: str, then: Then, **how: Any) -> None:
        """A class list, piece by piece: the next one when the server has taken the one before, so that it never has
        more of ours to read than one line. ``how`` is as in `ImportClass`."""
        pieces = [text[at : at + MAX_PIECE] for at in range(0, len(text), MAX_PIECE)] or [""]

        def send(number: int) -> None:
            question = ImportClass(class_name, number, len(pieces), pieces[number - 1], **how)
            is_last = number == len(pieces)
            self.ask(question, lambda reply: then(reply) if is_last or reply.why else send(number + 1))

        send(1)

    def take(self, event: events.Event) -> bool:
        """An event of the client. True if it was the answer to something that was asked here."""
        if isinstance(event, (events.Disconnected, events.Refused, events.Stopped)):
            self.give_up()
        elif isinstance(event, events.Reported):
            return self._collect(event)
        elif isinstance(event, events.Done) and event.ref in self._open:
            text = "".join(self._open[event.ref].pieces)
            return self._answer(event.ref, Reply(text, event.note))
        elif isinstance(event, events.Denied) and event.ref in self._open:
            return self._answer(event.ref, Reply(why=sentence(event.message)))
        return False

    def _collect(self, event: events.Reported) -> bool:
        asked = self._open.get(event.ref) if event.ref is not None else None
        if asked is not None and event.ref is not None:
            asked.size += len(event.text)
            if asked.size > MAX_CHARACTERS:
                return self._answer(event.ref, Reply(why=TOO_LONG))
            asked.pieces.append(event.text)
        return True

    def give_up(self) -> None:
        """There is no connection any more: nothing will be answered."""
        for ref in list(self._open):
            self._answer(ref, Reply(why=NOBODY_TO_ASK))

    def _answer(self, ref: int, reply: Reply) -> bool:
        asked = self._open.pop(ref, None)
        if asked is not None:
            asked.then(reply)
        return True
