"""The code on the board: how it is folded, when it is too weak, and how a new one is made.

A code is read aloud, copied from a board and typed by hand, so that two people who mean the same code write it in many
ways. `fold` makes one of them: letters A to Z and digits, capitals, without spaces and hyphens, with O as 0 and I and L
as 1. Only folded codes are compared, and only folded codes go into `rollcall.wire.scram`; as they are ASCII, nothing
is left for SASLprep (RFC 4013) to do.

`join_code` and `teacher_code` take what somebody set and refuse it with the reason, `new_code` makes one. A sentence of
this module never repeats a code: such sentences end up in logs and on projectors. No state, no threads.
"""

from __future__ import annotations

import re
import secrets
import string
from typing import Callable, NewType, Sequence

from rollcall.wire.text import printable

Folded = NewType("Folded", str)
"""A code as `fold` leaves it. What derives a key takes nothing else."""

LEAST_FOR_JOINING = 8
"""Characters of a join code after folding, at least."""

LEAST_FOR_TEACHING = 10
"""Characters of a teacher's code after folding, at least."""

MOST = 64
"""Characters of a code after folding, at most."""

SUBSTITUTE = "SUB"
"""How the codes for substitutes begin, and no other: by it a client knows which user name a code is for."""

_MOST_TYPED = 4 * MOST  # with every space and hyphen that somebody may put between them

ALPHABET = "CDFGHJKMNPQRTWXY34679"
"""What new codes are made of. Nothing that is taken for something else when it is read from a board or aloud (O and 0;
I, L and 1; B and 8; S and 5; Z and 2; U and V), and no vowel, so that no group spells a word."""

_GROUPS, _GROUP = 3, 4  # 21 to the power of 12: 52.7 bits

_SAME = str.maketrans("OIL", "011")
_KNOWN = frozenset(string.ascii_letters + string.digits)
# What keyboards, word processors and chat programs make of a hyphen; the last is invisible.
_HYPHENS = frozenset("-_\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad")

_FIRST_GUESSES = """
    password passwort passwords kennwort motdepasse contrasena senha123 wachtwoord parola haslo123 letmein welcome
    willkommen bienvenue changeme default secret secrets topsecret admin administrator root guest student students
    teacher teachers lehrer professor school schule classroom class lesson lessons homework education university
    college rollcall attendance register roster heartbeat joincode teachercode code room monday tuesday wednesday
    thursday friday computer internet network server client windows google facebook qwerty qwertz azerty qwertyui
    qwertyuiop qwertzui qwertzuiop azertyui azertyuiop asdfghjk asdfghjkl yxcvbnm zxcvbnm qazwsxedc q1w2e3r4
    1q2w3e4r 1q2w3e4r5t 1qaz2wsx abcdefgh abcdefghi abcdefghij abcdefghijk abcd1234 abc12345 abc123 a1b2c3d4
    aabbccdd 1234abcd 12345678 123456789 1234567890 0123456789 01234567 012345678 87654321 987654321 9876543210
    11223344 1122334455 iloveyou sunshine princess football baseball basketball superman batman starwars pokemon
    minecraft fortnite dragon master monkey shadow michael jennifer jordan charlie trustno1 whatever hello
    helloworld testing test example sample correcthorsebatterystaple
"""


class UnfitCode(ValueError):
    """This cannot be a code. ``str(error)`` is the reason, for the person who set or typed it; it holds no code."""


def fold(text: str) -> Folded:
    """The code that somebody means who writes ``text``; empty if it has neither a letter nor a digit.

    Raises `UnfitCode` for a character that stands in no code: it was meant as something, and leaving it out would make
    two codes into one.
    """
    if len(text) > _MOST_TYPED:
        raise UnfitCode(f"is {len(text)} characters long; a code has at most {MOST}")
    kept = []
    for char in text:
        if char in _KNOWN:  # before upper(), which makes ASCII of characters that are none
            kept.append(char)
        elif not char.isspace() and char not in _HYPHENS:
            shown = f"{char!r}" if char.isprintable() else printable(char)
            raise UnfitCode(f"contains {shown}; a code has letters from A to Z and digits, spaces and hyphens between")
    folded = Folded("".join(kept).upper().translate(_SAME))
    if len(folded) > MOST:
        raise UnfitCode(f"has {len(folded)} letters and digits; a code has at most {MOST}")
    return folded


_GUESSED = "|".join(sorted((fold(word) for word in _FIRST_GUESSES.split()), key=len, reverse=True))
# A year, a date or a number behind the word is the second thing that is tried.
_A_GUESS = re.compile(f"(?:{_GUESSED})[0-9]{{0,6}}")
_REPEATED = re.compile(r"(.+?)\1+", re.DOTALL)


def weakness(code: Folded, least: int) -> str:
    """Why nobody should rely on this code, as the end of a sentence; empty if nothing speaks against it.

    ``least`` is how many characters it must have. What is repeated counts once: it is as quickly guessed.
    """
    if len(code) < least:
        return f"is too short: it has {len(code)} letters and digits, and needs {least}"
    repeated = _REPEATED.fullmatch(code)
    part = repeated.group(1) if repeated else code
    if len(part) == 1:
        return "is one character repeated"
    if _A_GUESS.fullmatch(part):
        return "is among the first that anybody tries"
    if len(part) < least:
        return f"repeats the same {len(part)} characters"
    return ""


def join_code(text: str) -> Folded:
    """The folded code of a closed room. Raises `UnfitCode` with the reason why this one does not do."""
    return _strong(text, LEAST_FOR_JOINING)


def teacher_code(text: str, joining: Folded = Folded("")) -> Folded:
    """The folded code of the teacher, in a room that is joined with ``joining`` (empty: with none).

    Raises `UnfitCode` also if it is, or contains, the code that the whole class knows.
    """
    code = _strong(text, LEAST_FOR_TEACHING)
    if joining and joining in code:
        what = "is the same as" if code == joining else "contains"
        raise UnfitCode(f"{what} the join code, which the whole class knows")
    return code


def _strong(text: str, least: int) -> Folded:
    code = fold(text)
    reason = weakness(code, least)
    if not reason and code.startswith(SUBSTITUTE):
        reason = f"begins with {SUBSTITUTE}, as the codes for substitutes do"
    if reason:
        raise UnfitCode(reason)
    return code


def new_code(choose: Callable[[Sequence[str]], str] = secrets.choice) -> str:
    """A new code of 52.7 bits, grouped for reading aloud, such as ``KDWH-9RTC-4MXF``. It will do for teaching, too."""
    while True:
        groups = ["".join(choose(ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS)]
        code = "-".join(groups)
        if not weakness(fold(code), LEAST_FOR_TEACHING):  # one in 85 million repeats itself
            return code


def substitute_code(choose: Callable[[Sequence[str]], str] = secrets.choice) -> str:
    """A new code for a substitute, such as ``SUB-KDWH-9RTC-4MXF``: as hard to guess as `new_code`."""
    return f"{SUBSTITUTE}-{new_code(choose)}"
