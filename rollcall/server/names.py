"""Whose name is that? What people type, compared with what stands on a list.

A person types ``mia lee``, ``Lee, Mia`` or ``Müller`` for a name that the list has as Mia Sophie Lee or Mueller. Names
are the same here under case, accents and their spellings, apostrophes, hyphens, the order of first and last name, and a
left-out middle name; never by likeness of letters, because Lena and Lina are two people. What fits only in part
("mia") is a *proposal*: somebody looks at it before it counts.

Each word of a name has a set of *spellings*: ``müller`` has ``muller`` and ``mueller``. Two words are the same if they
share one. So Müller is both Muller and Mueller, and yet Michael is not Michal, which a rule "ae is a" would make of it.

The letters: Unicode Standard Annex 15 (what is left of é without its accent, NFKD) and, for those that it does not take
apart (ø, ł, ß, ı …), `_LETTERS`. Marks that are letters of their own (Hangul, Devanagari, kana) stay; combining classes
of Unicode tell them apart. A `Directory` answers for one list; it does not change. No I/O, no threads.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, Sequence, Set, Tuple, Union

Spellings = FrozenSet[str]

_LETTERS: Dict[str, Tuple[str, ...]] = {
    "ä": ("a", "ae"),
    "ö": ("o", "oe"),
    "ü": ("u", "ue"),
    "å": ("a", "aa"),
    "æ": ("ae", "a"),
    "ø": ("o", "oe"),
    "œ": ("oe", "o"),
    "ð": ("d", "dh"),
    "đ": ("d", "dj"),
    "þ": ("th",),
    "ł": ("l",),
    "ß": ("ss",),
    "ı": ("i",),
    "ħ": ("h",),
    "ĸ": ("k",),
    "ŋ": ("n", "ng"),
    "ŧ": ("t",),
    "ə": ("a", "e"),
    "ij": ("ij", "y"),
}
"""How letters are written where there is no such key. The first is the one that they are sorted by."""

_APOSTROPHES = re.compile("['’‘ʼʻ`´′＇ʹ]")
MOST_SPELLINGS = 32
"""Of one word. A word with more is compared by its first ones; nobody is called so."""

GENERIC = frozenset(
    re.findall(
        "[a-z]+",
        "admin administrator administrador anonymous arbeitsplatz class client computer desktop device edv eleve gast "
        "guest host ipad klasse konto laptop login mac macbook nobody notebook pc platz player pupil raum room root "
        "schueler schuelerin schuler schulerin schule school server station student test tablet teacher lehrer user "
        "username usuario utente workstation benutzer alumno alumna alunno ogrenci uczen",
    )
)
"""Words that are the names of accounts and computers, not of people."""


@lru_cache(maxsize=8192)
def words_of(name: str) -> Tuple[Spellings, ...]:
    """The words of a name in their order, each as the spellings that are the same. Never empty for a name that is not:
    one without any letter or digit is a word as it stands."""
    text = unicodedata.normalize("NFC", _APOSTROPHES.sub("", unicodedata.normalize("NFC", name)).casefold())
    words = re.findall(r"[^\W_]+", "".join(char if not _is_break(char) else " " for char in _joined_marks(text)))
    found = tuple(spelled for spelled in map(_spellings, words) if spelled)
    return found or (frozenset((text.strip(),)),)


def _is_break(char: str) -> bool:
    return not char.isalnum() and not unicodedata.category(char).startswith("M")


def _joined_marks(text: str) -> str:
    r"""Marks that are letters of their own made letters for ``\w``, which they are not: they would cut words."""
    if text.isascii():
        return text
    return "".join(_as_letter(char) if unicodedata.category(char) in ("Mc", "Mn") else char for char in text)


def _as_letter(mark: str) -> str:
    # A private letter would be no letter either: the mark's number, which no name has by chance.
    return "" if _is_accent(mark) else f"m{ord(mark):x}"


def _is_accent(char: str) -> bool:
    """A mark that a person may leave out: above or below a letter (from 200 on), points of Hebrew and Arabic."""
    combining = unicodedata.combining(char)
    return combining >= 200 or 10 <= combining <= 35


def _spellings(word: str) -> Spellings:
    found = [""]
    for char in word:
        ways = _LETTERS.get(char) or (_plain(char),)
        found = [begun + way for begun in found for way in ways][:MOST_SPELLINGS]
    return frozenset(found) - {""}


def _plain(char: str) -> str:
    """The letter without its accent."""
    if char.isascii():
        return char
    parts = unicodedata.normalize("NFKD", char)
    kept = "".join(part for part in parts if not _is_accent(part)).casefold()
    return "".join(_LETTERS[part][0] if part in _LETTERS else part for part in kept)


def _first(spellings: Spellings) -> str:
    if len(spellings) == 1:  # most words, and a class has a thousand of them
        return next(iter(spellings))
    return min(spellings, key=lambda spelling: (len(spelling), spelling))


@lru_cache(maxsize=8192)
def key(name: str) -> str:
    """The same for what is typed alike, in any order: by this a typed name is known again."""
    return " ".join(sorted(map(_first, words_of(name))))


@lru_cache(maxsize=8192)
def sort_key(name: str) -> Tuple[Tuple[Tuple[int, Union[int, str]], ...], str]:
    """Names sort by this as people sort them: without accents and case, "Student 2" before "Student 10"."""
    plain = " ".join(map(_first, words_of(name)))
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", plain)
    return tuple((0, int(part)) if part[0] in "0123456789" else (1, part.strip()) for part in parts), name


def is_login_like(name: str) -> bool:
    """``student01``, ``pc07``, ``user``: the name of an account or a computer, which somebody else has tomorrow."""
    plain = " ".join(map(_first, words_of(name)))
    if re.search(r"[^a-z0-9 ]", plain) or not plain:
        return False
    words = re.findall("[a-z]+", plain)
    if all(word in GENERIC for word in words):
        return True
    one = len(name.split()) == 1
    return one and (words[0] in GENERIC or re.search("[0-9].*[0-9]", plain) is not None)


def same(one: str, other: str) -> bool:
    """Whether that is the same name, whoever types which of them."""
    return min(_likeness(words_of(one), words_of(other)), _likeness(words_of(other), words_of(one))) < PART


WHOLE, ORDER, MIDDLE, PART, INITIALS, MORE, NONE = range(7)
"""How much of a name was typed, from all of it to nothing: the same words; in another order; without a middle name.
From `PART` on it is a proposal: words of it; beginnings of words; the name and more words."""


def _likeness(typed: Sequence[Spellings], listed: Sequence[Spellings]) -> int:
    if _same_joined(typed, listed):
        return WHOLE
    fitting = _fit(typed, listed)
    if len(fitting) == len(typed):
        if len(typed) == len(listed):
            return ORDER
        is_whole = len(typed) >= 2 and {0, len(listed) - 1} <= set(fitting)
        return MIDDLE if is_whole else PART
    fitting_back = _fit(listed, typed)
    if len(fitting_back) == len(listed):
        return MIDDLE if len(listed) >= 2 and {0, len(typed) - 1} <= set(fitting_back) else MORE
    return INITIALS if len(_fit(typed, listed, by_beginning=True)) == len(typed) else NONE


def _same_joined(one: Sequence[Spellings], other: Sequence[Spellings]) -> bool:
    if len(one) == len(other):
        return all(a & b for a, b in zip(one, other))
    return "".join(map(_first, one)) == "".join(map(_first, other))  # Anne-Marie and Annemarie


def _fit(words: Sequence[Spellings], others: Sequence[Spellings], by_beginning: bool = False) -> List[int]:
    """For each word that stands in ``others``, where: no two at the same place (Kuhn's algorithm, at most 64 words)."""
    taken: Dict[int, int] = {}

    def place(word: int, tried: Set[int]) -> bool:
        for at, other in enumerate(others):
            if at not in tried and (_begins(words[word], other) if by_beginning else words[word] & other):
                tried.add(at)
                if at not in taken or place(taken[at], tried):
                    taken[at] = word
                    return True
        return False

    for word in range(len(words)):
        place(word, set())
    return list(taken)


def _begins(word: Spellings, other: Spellings) -> bool:
    return any(whole.startswith(begun) for begun in word for whole in other)


MOST_FOUND = 4000
"""Answers that a list remembers: the same names are asked for again and again."""


@dataclass(frozen=True)
class Match:
    """What a typed name is on a list: a ``name`` that counts, or a ``proposal``, or neither (both empty)."""

    name: str = ""
    proposal: str = ""


class Directory:
    """The names of a list, found by what people type. It does not change; for up to 1,000 names and any thread."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names: Tuple[str, ...] = tuple(names)
        self._words = [words_of(name) for name in self.names]
        self._whole: Dict[str, List[int]] = {}
        self._by_word: Dict[str, Set[int]] = {}
        self._by_letter: Dict[str, Set[int]] = {}
        self._found: Dict[str, Match] = {}
        for number, words in enumerate(self._words):
            self._whole.setdefault("".join(map(_first, words)), []).append(number)
            for word in words:
                for spelling in word:
                    self._by_word.setdefault(spelling, set()).add(number)
                    self._by_letter.setdefault(spelling[:1], set()).add(number)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def find(self, typed: str) -> Match:
        """Who that is. What fits two of the list is nobody: neither of them may be counted for the other."""
        found = self._found.get(typed)
        if found is None:
            if len(self._found) >= MOST_FOUND:
                self._found = {}
            found = self._found[typed] = self._find(typed)
        return found

    def _find(self, typed: str) -> Match:
        words = words_of(typed)
        having = [self._having(word) for word in words]
        same = set(self._whole.get("".join(map(_first, words)), ()))
        best, found = self._best(words, same | set.intersection(*having))
        if best > ORDER:  # else nobody who lacks one of the words can be as near
            near = same.union(*having)
            beginning = set.intersection(*map(self._beginning_like, words))
            hits = Counter(number for numbers in having for number in numbers)
            covered = {number for number, count in hits.items() if count >= len(self._words[number])}
            best, found = self._best(words, same | set.intersection(*having) | covered | (near & beginning))
            if best == NONE:
                best, found = self._best(words, beginning)
        if best == NONE or len(found) != 1:
            return Match()
        name = self.names[found[0]]
        return Match(name=name) if best < PART else Match(proposal=name)

    def _having(self, word: Spellings) -> Set[int]:
        """Those who have that word. The caller does not change it: most words have one spelling, and their own set."""
        if len(word) == 1:
            return self._by_word.get(next(iter(word)), set())
        return set().union(*(self._by_word.get(spelling, set()) for spelling in word))

    def _beginning_like(self, word: Spellings) -> Set[int]:
        """Those who have a word with the same first letter."""
        return set().union(*(self._by_letter.get(spelling[:1], set()) for spelling in word))

    def _best(self, words: Sequence[Spellings], near: Set[int]) -> Tuple[int, List[int]]:
        best = NONE
        found: List[int] = []
        for number in near:
            likeness = _likeness(words, self._words[number])
            if likeness < best:
                best, found = likeness, [number]
            elif likeness == best and best != NONE:
                found.append(number)
        return best, found
