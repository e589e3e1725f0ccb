"""Finding a person in text: in a line of a log, of a table, of a class list, however the name is written there.

A name is found if its words stand beside each other, under the same spellings and in any order (see ``names.py``):
"Jörg Größl" is found in ``joined: "Groessl, Joerg" (client-7)``. HTML's escapes are read as what they mean.

No state, no threads. `without_lines` reads and replaces a file; errors are OSError.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Iterable, List, Sequence, Tuple

from rollcall.program.files import patiently, replace
from rollcall.server.names import Spellings, words_of
from rollcall.wire.text import quoted

MOST_LINE = 10_000
"""Characters of a line that are looked at."""

MARKS: Tuple[Tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
"""How a file begins that says how it is encoded (Unicode Standard, 23.8)."""


_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""With their ends; ``splitlines`` would cut at other characters as well."""


class NameSearch:
    """Looks for any of some names, and for ``in_logs`` only as a log has them: alone in quotes. ``others`` are names of
    other people: that of Anna Mia Lee is not that of Mia Lee. Immutable."""

    def __init__(self, names: Iterable[str], in_logs: Iterable[str] = (), others: Iterable[str] = ()) -> None:
        self.names: Tuple[str, ...] = tuple(dict.fromkeys(names))
        self._words = [words_of(name) for name in self.names]
        known = (words_of(name) for name in others)
        self._others = [other for other in known if any(_where(name, other) for name in self._words)]
        self._quoted = [quoted(name) for name in in_logs]

    def is_in(self, text: str) -> bool:
        """Whether one of the names stands in the text."""
        if any(name in text for name in self._quoted):
            return True
        words = list(words_of(html.unescape(text[:MOST_LINE])))
        for other in self._others:
            for at in _where(other, words):
                words[at : at + len(other)] = [frozenset()] * len(other)
        return any(_where(name, words) for name in self._words)

    def without_lines(self, file: Path) -> int:
        """Take all lines out of a file in which a name stands; how many there were. A file without any stays as it is,
        and whatever it was encoded in, the other lines stay as they are."""
        lines, encoding = _read(file)
        kept = [line for line in lines if not self.is_in(line)]
        if len(kept) < len(lines):
            replace(file, "".join(kept).encode(encoding))
        return len(lines) - len(kept)

    def count(self, file: Path) -> int:
        """In how many of its lines a name stands."""
        return sum(map(self.is_in, _read(file)[0]))

    def blanked(self, text: str) -> str:
        """The text, or a sign that something stood there."""
        return "(removed)" if self.is_in(text) else text


def _read(file: Path) -> Tuple[List[str], str]:
    """The lines with their ends, and the encoding."""
    data = patiently(file.read_bytes)
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "utf-8")
    if b"\0" in data[:2] and encoding == "utf-8":  # UTF-16 without its mark: a letter of ASCII has a zero byte
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"  # the letters of Windows-1252, and never an error
        text = data.decode(encoding)
    return _LINES.findall(text), encoding


def _where(name: Sequence[Spellings], words: Sequence[Spellings]) -> List[int]:
    """From which words on the name stands there."""
    size = len(name)
    windows = ((at, words[at : at + size]) for at in range(len(words) - size + 1))
    return [at for at, window in windows if all(any(word & other for other in window) for word in name)]
