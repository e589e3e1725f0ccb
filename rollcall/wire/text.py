"""Text from strangers: which characters may stand in it, and how to show it safely.

Names, addresses and messages are written by somebody else. `check_name` and `forbidden_character` say what is taken,
`printable` makes anything safe for a log or a terminal, and `quoted` marks where it begins and ends. No state, no
threads.

The standards: RFC 8259 section 8.2 (no lone surrogates), Unicode Standard Annex 9 (characters that reorder text), the
Unicode property Default_Ignorable_Code_Point (characters that show nothing, DerivedCoreProperties.txt).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Iterator, Optional

from rollcall.wire.errors import ProtocolError

MAX_NAME = 64
"""Characters (code points) of a name."""

# Characters that reorder the text around them: a name must not rewrite the row that it stands in
# (Unicode Standard Annex 9, explicit directional formatting characters).
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters and symbols that show nothing: fillers of Hangul, the empty pattern of Braille, a note without its head.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
# What shows nothing although `str.isprintable` says otherwise: the ignorable characters that are letters and marks
# (joiners, fillers, selectors of a variant), and the empty pattern of Braille. All else of that kind are format
# characters (Cf): a name may have some, because they join emoji, and a log shows none.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
MOST_MARKS = 5
"""Marks on one letter. Vietnamese has two, Hebrew with all its points and accents four; what a tower of them covers are
the rows above and below."""

_FORBIDDEN_CATEGORIES = frozenset(("Cc", "Cs", "Zl", "Zp"))


def forbidden_character(text: str) -> Optional[str]:
    """The first character that may not stand in text of ours, as ``U+XXXX``, or None."""
    if text.isprintable():
        return None
    for char in text:
        if unicodedata.category(char) in _FORBIDDEN_CATEGORIES or char in _BIDI_CONTROLS:
            return f"U+{ord(char):04X}"
    return None


def seen(text: str) -> str:
    """The text without what shows nothing: for comparing names as people do."""
    if text.isascii():
        return text
    return "".join(char for char in text if unicodedata.category(char) != "Cf" and not _UNSEEN.match(char))


def highest_stack(text: str) -> int:
    """How many marks stand on the letter that has most (Unicode categories Mn and Me; what shows nothing is no letter
    between them)."""
    highest = here = 0
    for char in text:
        category = unicodedata.category(char)
        here = here + 1 if category in ("Mn", "Me") else here if category == "Cf" else 0
        highest = max(highest, here)
    return highest


def _escaped(text: str) -> Iterator[str]:
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        is_shown = char.isprintable() and not _UNSEEN.match(char) and marks <= MOST_MARKS
        yield char if is_shown else char.encode("unicode_escape").decode()


def printable(text: object, limit: int = 120) -> str:
    """Any text, cut to ``limit`` characters and with what is not printable, or shows nothing, or is stacked too high,
    escaped: safe in a log or a terminal."""
    whole = str(text)
    shown = whole[:limit]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(_escaped(shown))
    return shown + "…" if len(whole) > limit else shown


def quoted(text: object, limit: int = 120) -> str:
    """As `printable`, in quotes that the text cannot close: what it says is not mistaken for what the log says."""
    whole = str(text)
    inside = printable(whole[:limit].replace("\\", "\\\\").replace('"', '\\"'), 2 * limit)
    return f'"{inside}"' + ("…" if len(whole) > limit else "")


def check_name(name: object) -> str:
    """The name without the space around it. Raises `ProtocolError` (``invalid_name``) if it cannot be one."""
    right = f"1 to {MAX_NAME} characters, no control characters"
    if not isinstance(name, str):
        raise ProtocolError("invalid_name", f"name: must be text of {right}")
    trimmed = name.strip()
    if not trimmed:
        raise ProtocolError("invalid_name", f"name: is empty; it needs {right}")
    if len(trimmed) > MAX_NAME:
        raise ProtocolError("invalid_name", f"name: has {len(trimmed)} characters; it may have {right}")
    bad = forbidden_character(trimmed)
    if bad:
        raise ProtocolError("invalid_name", f"name: contains the character {bad}; it may have {right}")
    if not any(unicodedata.category(char)[0] in "LNPS" and char not in _BLANK for char in trimmed):
        raise ProtocolError("invalid_name", f"name: has no visible character; it needs {right}")
    if not trimmed.isascii() and highest_stack(trimmed) > MOST_MARKS:
        raise ProtocolError("invalid_name", f"name: has more than {MOST_MARKS} marks on one letter")
    return trimmed


def counted(number: float, noun: str) -> str:
    """The number with its noun, in the singular for one: ``1 client``, ``2 clients``."""
    return f"{number:.10g} {noun}" if number == 1 else f"{number:.10g} {noun}s"


def short_name(name: str) -> str:
    """For a tile that is read from 8 m: "Mia L." for "Mia Lee"."""
    last, comma, first = name.partition(",")
    words = f"{first} {last}".split() if comma and first.strip() else name.split()
    return f"{words[0]} {words[-1][0]}." if len(words) > 1 and words[-1][0].isalpha() else name
