"""What schools export and people paste, as a list of names: nobody knows beforehand what it looks like.

`preview` reads bytes in any encoding and separation that occurs, and says what it made of them before anybody writes
anything: how many names, the first three, whether first and last name may be the wrong way round, which class is meant
where a column names several. Only name and group are kept; nothing else of the export survives.

Encodings are told by their byte order mark, by the zero bytes of UTF-16, and by UTF-8 being valid, which other text is
not by chance; the rest is Windows-1252, as Excel writes it in Western Europe. Whatever is no text at all is told in
words by its first bytes. Separation: RFC 4180, with comma, semicolon or tab.

Bounds: `MAX_BYTES`, `MAX_NAMES`, `MAX_COLUMNS`. No state, no I/O, no threads.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from rollcall.server.facts import Person
from rollcall.server.names import words_of
from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name, counted, printable

MAX_BYTES = 2_000_000
MAX_NAMES = 1000
MAX_COLUMNS = 100
MAX_ROWS = 20_000
"""Lines of an export. It may hold a whole school, of which one class is meant."""
MAX_GROUP = 32
MOST_ODDITIES = 50
"""Sentences about single lines. What is beyond them is counted."""


class ClassError(Exception):
    """A class list that cannot be read or written; the sentence says why, and what to do."""


class Oddity(NamedTuple):
    """Something about one line, numbered from 1, that a person should look at."""

    line: int
    text: str


@dataclass(frozen=True)
class Preview:
    """What was read. ``class_names`` are the classes that a column names: with more than one, the question is which;
    ``people`` are those of ``class_name`` then, or all of them while that is empty."""

    people: Tuple[Person, ...]
    class_names: Tuple[str, ...]
    class_name: str
    can_swap: bool
    oddities: Tuple[Oddity, ...]
    encoding: str

    @property
    def count(self) -> int:
        return len(self.people)

    @property
    def first_three(self) -> Tuple[str, ...]:
        return tuple(person.name for person in self.people[:3])

    @property
    def needs_class(self) -> bool:
        """Whether somebody must say which class is meant before it can be kept."""
        return len(self.class_names) > 1 and not self.class_name


SAVE_AS = "save it as CSV, or copy and paste the columns"
_KINDS: Tuple[Tuple[bytes, str], ...] = (
    (b"PK\x03\x04", f"it is a workbook (.xlsx, .ods) or another packed file; {SAVE_AS}"),
    (b"\xd0\xcf\x11\xe0", f"it is a workbook of an old Excel (.xls); {SAVE_AS}"),
    (b"\x89PNG", "it is a picture; a class list is text, with one name a line"),
    (b"\xff\xd8\xff", "it is a picture; a class list is text, with one name a line"),
    (b"GIF8", "it is a picture; a class list is text, with one name a line"),
    (b"BM", "it is a picture; a class list is text, with one name a line"),
    (b"RIFF", "it is a picture or a sound; a class list is text, with one name a line"),
    (b"%PDF", "it is a PDF; copy the names from it and paste them"),
    (b"{\\rtf", "it is a formatted text (.rtf); save it as plain text"),
)
_TEXT_MAY_BEGIN_SO = (b"BM", b"RIFF", b"GIF8")  # a name may begin with these letters, too


def text_of(data: bytes) -> Tuple[str, str]:
    """The text of a file, and the name of its encoding. Raises `ClassError` if it is none."""
    if len(data) > MAX_BYTES:
        raise ClassError(f"it has more than {MAX_BYTES // 1_000_000} MB; a class list is much smaller")
    for begins, words in _KINDS:
        if data.startswith(begins) and (begins not in _TEXT_MAY_BEGIN_SO or b"\0" in data[:512]):
            raise ClassError(words)
    text, encoding = _decoded(data)
    head = text.lstrip()[:500].lower()
    if head.startswith(("<!doctype html", "<html", "<table", "<?xml")):
        raise ClassError(f"it is a web page, whatever its name says; open it in a spreadsheet and {SAVE_AS}")
    strange = re.search(r"[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]", text)
    if strange:
        line = text.count("\n", 0, strange.start()) + 1
        what = f"U+{ord(strange.group()):04X}"
        raise ClassError(f"line {line} has the character {what}, so it is no text; a class list has one name a line")
    return text, encoding


def _decoded(data: bytes) -> Tuple[str, str]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), encoding
            except UnicodeDecodeError as error:
                raise ClassError(f"it says that it is {encoding.upper()}, and is not (byte {error.start})") from None
    even, odd = data[0:2000:2].count(0), data[1:2000:2].count(0)
    if max(even, odd) > len(data[:2000]) // 4:
        encoding = "utf-16-be" if even > odd else "utf-16-le"
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            pass  # binary data: the zero bytes tell it below
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "windows-1252"


# --- rows and columns -----------------------------------------------------------------------------------------

_DELIMITERS = "\t;,"
Row = Tuple[int, List[str]]


def _rows(text: str) -> Tuple[List[Row], str]:
    """The lines that are not empty, cut into cells, with their numbers; and by what they are cut (empty: one cell)."""
    best: Tuple[List[Row], str, int] = ([], "", 0)
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        rows = _cut(text, delimiter)
        widths = Counter(len(cells) for _, cells in rows)
        width, number = max(widths.items(), key=lambda item: (item[1], item[0])) if widths else (1, 0)
        # Most lines have as many cells as each other, or it is only a comma in some names.
        if width > 1 and 2 * number > len(rows) and number > best[2]:
            best = rows, delimiter, number
    if best[1]:
        return best[0], best[1]
    lines = ((number, line.strip().strip('"')) for number, line in enumerate(text.splitlines(), 1))
    return [(number, [line]) for number, line in lines if line], ""


def _cut(text: str, delimiter: str) -> List[Row]:
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    found: List[Row] = []
    begun = 1
    try:
        for cells in reader:
            stripped = [" ".join(cell.split()) for cell in cells]
            if any(stripped):
                found.append((begun, stripped))
            if reader.line_num - begun > 20:
                raise ClassError(f'line {begun}: a quotation mark (") begins a text there that does not end')
            begun = reader.line_num + 1
    except csv.Error as error:
        raise ClassError(f"line {reader.line_num}: {error}") from None
    return found


_TITLES: Dict[str, Tuple[str, ...]] = {
    "first": (
        *("vorname", "vornamen", "rufname", "first", "first name", "firstname", "forename", "given name", "givenname"),
        *("prenom", "nombre", "nome", "imie", "ad", "adi", "fornavn", "fornamn", "voornaam", "etunimi"),
    ),
    "last": (
        *("nachname", "familienname", "zuname", "last", "last name", "lastname", "surname", "family name"),
        *("nom", "nom de famille", "apellido", "apellidos", "cognome", "nazwisko", "soyad", "soyadi", "etternavn"),
        *("efternamn", "efternavn", "achternaam", "sukunimi", "familyname"),
    ),
    "name": (
        *("name", "names", "namen", "schueler", "student", "student name", "full name", "fullname", "pupil"),
        *("name vorname", "vorname name", "vor und nachname", "display name", "schuelername", "eleve", "alumno"),
    ),
    "group": ("group", "gruppe", "gruppen", "team", "kursgruppe", "groupe", "grupo", "gruppo", "grupa", "set"),
    "class": ("class", "klasse", "class name", "form", "classe", "clase", "klasa", "sinif", "klass", "kurs", "course"),
}
_MEANING = {title: kind for kind, titles in _TITLES.items() for title in titles}


def _meaning(cell: str) -> str:
    """What a column holds by its title; empty if it is none that we know."""
    words = [min(word, key=lambda way: (-len(way), way)) for word in words_of(cell)]
    plain = " ".join(min(word, key=len) for word in words_of(cell))
    return _MEANING.get(" ".join(words), "") or _MEANING.get(plain, "")


@dataclass
class _Columns:
    """Where in a row the name stands (one column, or first and last), the group and the class; -1: nowhere."""

    first: int
    last: int = -1
    group: int = -1
    class_: int = -1

    def cell(self, cells: Sequence[str], column: int) -> str:
        return cells[column] if 0 <= column < len(cells) else ""


def _columns(rows: List[Row]) -> Tuple[_Columns, List[Row]]:
    """The columns, by the header if there is one, or else by what stands in them; and the rows without the header."""
    kinds = [_meaning(cell) for cell in rows[0][1]]
    by_kind = {kind: kinds.index(kind) for kind in set(kinds) if kind}
    if by_kind.keys() & {"first", "last", "name"}:
        group, class_ = by_kind.get("group", -1), by_kind.get("class", -1)
        if "first" in by_kind and ("last" in by_kind or "name" in by_kind):
            last = by_kind.get("last", by_kind.get("name", -1))  # "Name, Vorname": then the name is the last one
            return _Columns(by_kind["first"], last, group, class_), rows[1:]
        name = by_kind.get("name", by_kind.get("last", by_kind.get("first", 0)))
        return _Columns(name, -1, group, class_), rows[1:]
    return _guessed(rows), rows


_NAME_LIKE = re.compile(r"[^\W\d_][^\d@/\\<>|#]*")


def _guessed(rows: List[Row]) -> _Columns:
    """Without a header: the first columns with names in them, and one that repeats."""
    width = max(len(cells) for _, cells in rows)
    values = [[cells[column] for _, cells in rows if column < len(cells) and cells[column]] for column in range(width)]
    repeats = [column for column in range(width) if _repeats(values[column], len(rows))]
    names = [
        column
        for column in range(width)
        if column not in repeats
        and values[column]
        and sum(_NAME_LIKE.fullmatch(cell) is not None for cell in values[column]) * 5 >= 4 * len(values[column])
    ]
    if not names:
        names = [column for column in range(width) if values[column]][:1]
    whole = [column for column in names if _are_whole_names(values[column])]
    class_ = repeats[0] if repeats else -1
    if whole or len(names) < 2 or names[1] != names[0] + 1:
        return _Columns((whole or names)[0], -1, -1, class_)
    return _Columns(names[0], names[1], -1, class_)


def _are_whole_names(cells: Sequence[str]) -> bool:
    return sum(" " in cell or "," in cell for cell in cells) * 5 >= 4 * len(cells)


def _repeats(cells: Sequence[str], rows: int) -> bool:
    """Whether it is a column of classes: short words, each many times."""
    if rows < 4 or len(cells) < rows or any(len(cell) > 20 for cell in cells):
        return False
    return 4 * len(set(cells)) <= rows


# --- people ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    line: int
    person: Person
    row: Tuple[str, ...]


class _Notes:
    """Oddities, bounded."""

    def __init__(self) -> None:
        self._kept: List[Oddity] = []
        self._more = 0

    def add(self, line: int, text: str) -> None:
        if len(self._kept) < MOST_ODDITIES:
            self._kept.append(Oddity(line, text))
        else:
            self._more += 1

    def all(self) -> Tuple[Oddity, ...]:
        kept = sorted(self._kept)
        if self._more:
            kept.append(Oddity(0, f"and {counted(self._more, 'more line')}"))
        return tuple(kept)


def preview(data: bytes, swap: bool = False, class_name: str = "") -> Preview:
    """What a class list says. ``swap``: first and last name are the other way round; ``class_name``: only that class.

    Raises `ClassError` if it is no class list.
    """
    text, encoding = text_of(data)
    rows, _ = _rows(text)
    if not rows:
        raise ClassError("it is empty; a class list has one name a line")
    if len(rows) > MAX_ROWS:
        raise ClassError(f"it has {counted(len(rows), 'line')}; there may be at most {MAX_ROWS}")
    widest = max(rows, key=lambda row: len(row[1]))
    if len(widest[1]) > MAX_COLUMNS:
        what = f"line {widest[0]} has {counted(len(widest[1]), 'column')}; there may be at most {MAX_COLUMNS}"
        raise ClassError(f"{what}: keep those with the names")
    columns, rows = _columns(rows)
    notes = _Notes()
    found = [one for one in (_person(row, columns, swap, notes) for row in rows) if one is not None]
    class_names = tuple(sorted({one.person.class_name for one in found if one.person.class_name}))
    if class_name:
        found = [one for one in found if one.person.class_name == class_name]
        if not found:
            raise ClassError(f'nobody in it is of the class "{printable(class_name, 40)}"')
    elif len(class_names) == 1:
        class_name = class_names[0]
    if not found:
        raise ClassError("there is no name in it; a class list has one name a line")
    needs_class = len(class_names) > 1 and not class_name
    people = tuple(one.person for one in found) if needs_class else _without_doubles(found, notes)
    if len(people) > MAX_NAMES and not needs_class:
        raise ClassError(f"it has {counted(len(people), 'name')}; a class may have at most {MAX_NAMES}")
    can_swap = columns.last >= 0 or any("," in "".join(one.row) for one in found)
    return Preview(people, class_names, class_name, can_swap, notes.all(), encoding)


def _person(row: Row, columns: _Columns, swap: bool, notes: _Notes) -> Optional[_Found]:
    line, cells = row
    first, last = columns.cell(cells, columns.first), columns.cell(cells, columns.last)
    if columns.last < 0:
        first, last = _taken_apart(first)
    name = f"{last} {first}" if swap and first and last else f"{first} {last}"
    name = " ".join(name.split())
    if not name:
        notes.add(line, "has no name")
        return None
    try:
        name = check_name(name)
    except ProtocolError as error:
        notes.add(line, str(error))
        return None
    if not any(char.isalpha() for char in name):
        notes.add(line, f'"{printable(name, 40)}" has no letter, and was left out')
        return None
    group = columns.cell(cells, columns.group)[:MAX_GROUP]
    class_name = columns.cell(cells, columns.class_)[:40]
    return _Found(line, Person(name, group, class_name), tuple(cells))


def _taken_apart(cell: str) -> Tuple[str, str]:
    """First and last name of one cell: ``Lee, Mia`` is turned round, and a number or a dash before it goes."""
    cell = re.sub(r"^\s*(?:\d{1,4}[.):]?\s+|[-–*•]\s+)", "", cell).strip()
    last, comma, first = cell.partition(",")
    return (first.strip(), last.strip()) if comma and first.strip() and last.strip() else (cell.strip(", "), "")


def _without_doubles(found: Sequence[_Found], notes: _Notes) -> Tuple[Person, ...]:
    """Whoever stands there twice with everything alike is there once; two people of one name get a letter each."""
    by_name: Dict[Tuple[str, ...], List[_Found]] = {}
    for one in found:
        by_name.setdefault(_alike(one.person.name), []).append(one)
    letters: Dict[int, str] = {}
    doubles: Set[int] = set()
    for same in by_name.values():
        rows: Dict[Tuple[str, ...], _Found] = {}
        for one in same:
            cells = tuple(cell.casefold() for cell in one.row)
            if cells in rows:
                doubles.add(id(one))
                notes.add(one.line, f'"{printable(one.person.name)}" stands in line {rows[cells].line} already')
            else:
                rows[cells] = one
        if len(rows) > 1:
            for number, one in enumerate(rows.values()):
                letters[id(one)] = _letter(number)
                new = f"{one.person.name} {letters[id(one)]}"
                notes.add(
                    one.line,
                    f'"{printable(one.person.name)}" is there {len(rows)} times: this one is "{printable(new)}"',
                )
    return tuple(
        replace(one.person, name=f"{one.person.name} {letters[id(one)]}") if id(one) in letters else one.person
        for one in found
        if id(one) not in doubles
    )


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def _alike(name: str) -> Tuple[str, ...]:
    """The same for names between which nobody who types them makes a difference."""
    return tuple(sorted(min(word, key=lambda way: (len(way), way)) for word in words_of(name)))
