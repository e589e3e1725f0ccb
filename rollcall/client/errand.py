"""What `client.py` may come for as a teacher, and then goes: to remove somebody, or to get a code for a substitute.

`Errand` sees the events of the client, says what is to be sent, and knows when it is over. It is for one thread, the
one that takes the events. An act needs a roster (whom?) or a welcome, so it is sent when that has come, once.
"""

from __future__ import annotations

import argparse
import re
from typing import Callable, List, Optional, Sequence, Tuple

from protocol import Entry, Message
from rollcall.client import events
from rollcall.client.events import Event
from rollcall.wire.messages import Kick, Substitute
from rollcall.wire.text import quoted

WAIT = 15.0
"""Seconds that an errand may take, where nobody says how long."""

_REF = 1
_ID = re.compile(r"#(\d{1,15})")


class Errand:
    """One act. ``kick`` is a name or ``#7``, an id; empty for a substitute's code. ``act`` sends a message.

    It is over when `result` (what to print) or `problem` (why not, a sentence without a full stop) is there.
    """

    def __init__(self, kick: str, minutes: int, message: str, act: Callable[[Message], bool]) -> None:
        self.result = ""
        self.problem = ""
        self._kick, self._minutes, self._message = kick, minutes, message
        self._act = act
        self._own_id = 0
        self._was_sent = False
        self._whom = ""
        self._cause = "the client has ended"

    @classmethod
    def of(cls, arguments: argparse.Namespace, act: Callable[[Message], bool]) -> Optional[Errand]:
        """The errand of a command line, if there is one."""
        if not (arguments.kick or arguments.substitute):
            return None
        return cls(arguments.kick or "", arguments.minutes, arguments.message, act)

    @property
    def is_over(self) -> bool:
        return bool(self.result or self.problem)

    def see(self, event: Event) -> None:
        """One more thing has happened."""
        if isinstance(event, events.Connected):
            if event.welcome is None:
                self.problem = "an original server knows no teachers"
            else:
                self._own_id = event.welcome.member_id
                if not self._kick:
                    self._send(Substitute(_REF))
        elif isinstance(event, events.RosterReplaced) and self._kick and not self._was_sent:
            self._remove(event.entries)
        elif isinstance(event, events.Denied):
            self.problem = event.message or f"{event.act}: denied"
        elif isinstance(event, events.Done) and event.ref == _REF:
            note = f" ({event.note})" if event.note else ""
            self.result = event.code if not self._kick else f"{self._whom} is out{note}"
        elif isinstance(event, events.Disconnected):
            self._cause = event.cause  # but a refusal that follows says more
        elif isinstance(event, events.Refused):
            self.problem = event.message or event.code
        elif isinstance(event, events.Stopped):
            self.problem = self._cause

    def _remove(self, entries: Sequence[Entry]) -> None:
        found = whom(self._kick, [entry for entry in entries if entry.id != self._own_id])
        if len(found) == 1:
            self._whom = f"{quoted(found[0].label)} (#{found[0].id})"
            self._send(Kick(found[0].id, self._minutes, self._message, _REF))
        elif not found:
            self.problem = f"nobody here is called {quoted(self._kick)}"
        else:
            ids = ", ".join(f"#{entry.id} ({entry.observed_ip or entry.ip})" for entry in found)
            self.problem = (
                f"{len(found)} are called {quoted(self._kick)}: {ids}; say which, such as --kick '#{found[0].id}'"
            )

    def _send(self, message: Message) -> None:
        self._was_sent = True
        if not self._act(message):
            self.problem = "the connection ended before the server had heard of it"


def whom(kick: str, entries: Sequence[Entry]) -> Tuple[Entry, ...]:
    """Who is meant: that id, or all of that name, written just so or, if nobody is, in other capitals."""
    match = _ID.fullmatch(kick.strip())
    if match is not None:
        return tuple(entry for entry in entries if entry.id == int(match.group(1)))
    wanted = kick.strip()
    exact: List[Entry] = [entry for entry in entries if entry.name == wanted]
    return tuple(exact or [entry for entry in entries if entry.name.casefold() == wanted.casefold()])
