"""Sentences that stand in the place of the connection's state for a while. Without Tk: the clock comes in."""

from __future__ import annotations

from typing import Callable, Set

NOTICE = 15.0
"""Seconds that a sentence about something else stands there."""

LONGEST = 700
"""Characters of that place on the card: the longest warning of ours fits, with the fingerprint to compare."""


def shortened(text: str) -> str:
    """What fits there. A server may send a message of 1,000 characters; all of it is in the diary."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


class Notices:
    """One sentence at a time. ``keep`` gets each of them as well, for the log; ``clock`` is monotonic seconds."""

    def __init__(self, keep: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._keep = keep
        self._clock = clock
        self._notice, self._until = "", 0.0
        self._told: Set[str] = set()
        self.complaint = ""
        """What is wrong with what the person typed: stands there until it is right."""

    def show(self, sentence: str, log: bool = True) -> None:
        """Show a sentence for a while; in the diary it stays, if that is of interest. Nothing if it is empty."""
        if sentence:
            self._notice, self._until = sentence, self._clock() + NOTICE
            if log:
                self._keep(sentence)

    def show_once(self, sentence: str) -> None:
        """`show`, but nothing that was told before."""
        if sentence not in self._told:
            self._told.add(sentence)
            self.show(sentence)

    def clear(self) -> None:
        """Whatever stood there is done with."""
        self.complaint, self._until = "", self._clock()

    def text(self) -> str:
        """What stands there now instead of the state; empty for nothing."""
        return self.complaint or (self._notice if self._clock() < self._until else "")
