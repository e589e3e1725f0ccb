"""Names as people read, sort and look for them. No widgets.

``fold`` takes away what a person does not type when looking for somebody: capitals, accents, ligatures. The order of
names stands on it, with numbers as numbers, so that "Student 2" comes before "Student 10" and "Éva" beside "Eva"
(the first two levels of Unicode's UTS 10, without a language of its own: a class has names of many).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Callable, Tuple

from rollcall.wire.text import seen

_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i", "ŋ": "n", "ß": "ss"}
)
"""Letters that Unicode does not take apart, and that nobody types who does not have them on the keyboard."""

_NUMBERS = re.compile(r"(\d{1,18})")

_NOBODY = re.compile(
    r"(student|pupil|sch[uü]ler(in)?|[eé]l[eè]ve|alumn[oa]|user|guest|gast|admin(istrator)?|root|teacher|lehrer(in)?|test(er)?"
    r"|name|me|pc|computer|laptop|client|desktop|my name|your name|first and last name)[\s\d._#-]*"
)
"""What stands in a field where no name does: accounts, roles and machines, with a number or without."""


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """The text without capitals, accents and what shows nothing: "Björk" and "bjork" are the same."""
    apart = unicodedata.normalize("NFKD", seen(text).casefold())
    return "".join(char for char in apart if not unicodedata.combining(char)).translate(_PLAIN)


def name_key(name: str) -> Tuple[Tuple[Tuple[int, int, str], ...], str]:
    """By this, names sort as people sort them. What is the same but for accents and capitals keeps together."""
    parts = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBERS.split(fold(name)) if part]
    return (tuple(parts), name)


def first_name(name: str) -> str:
    """What somebody is called to the face: the first word, or what comes behind the comma of "Lee, Mia"."""
    last, comma, first = name.partition(",")
    words = (first if comma and first.strip() else last).split()
    return words[0] if words else name


def is_nobodys_name(name: str) -> bool:
    """True for what is an account or a machine and no name, such as "student01"."""
    return _NOBODY.fullmatch(name.strip().casefold()) is not None


def clipped(text: str, width: int, measure: Callable[[str], int]) -> str:
    """As much of the text as fits into ``width`` pixels, with "…" for the rest."""
    if measure(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle].rstrip() + "…") <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"
