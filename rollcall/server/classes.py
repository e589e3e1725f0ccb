"""The classes: a folder with a text file for each, one name a line. That is the one truth, for us and for any editor.

A file ``7b.txt`` is the class 7b. A line is a name, and a group after a semicolon or a tab where there is one; empty
lines and what follows a ``#`` at the beginning of a line are for people. We write UTF-8. What an editor saved otherwise
is read all the same, as ``class_text.py`` reads what is imported.

Here is all the I/O of classes: every call waits for the disk, none for anything else. A file is replaced in one step,
so whoever reads sees the old list or the new one. Whatever is wrong is a `ClassError` with a sentence; a file that
cannot be read does not hide the others.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple, TypeVar

from rollcall.program import files
from rollcall.program.os_errors import reason
from rollcall.server.class_text import MAX_BYTES, MAX_GROUP, MAX_NAMES, ClassError, Oddity, Preview, preview, text_of
from rollcall.server.facts import Person
from rollcall.server.names import key
from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name, counted, forbidden_character, printable

T = TypeVar("T")

SUFFIX = ".txt"
MAX_CLASSES = 500
MAX_CLASS_NAME = 40

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?")
"""Names that Windows keeps for devices, whatever follows a full stop, and with spaces before it (Microsoft, "Naming
Files, Paths, and Namespaces"; `os.path.isreserved` of Python 3.13)."""


@dataclass(frozen=True)
class ClassList:
    """A class as it stands in its file."""

    name: str
    people: Tuple[Person, ...]
    oddities: Tuple[Oddity, ...] = ()


def check_class_name(name: str) -> str:
    """The name of a class, which must be one of a file on every system. Raises `ClassError`."""
    name = unicodedata.normalize("NFC", name.strip())
    right = f'1 to {MAX_CLASS_NAME} characters, none of \\ / : * ? " < > |, no full stop at its begin or end'
    if not name or len(name) > MAX_CLASS_NAME or re.search(r'[\\/:*?"<>|]', name) or name != name.strip(". "):
        raise ClassError(f'"{printable(name, MAX_CLASS_NAME)}" cannot be the name of a class; it has {right}')
    if _RESERVED.fullmatch(name) or forbidden_character(name):
        raise ClassError(f'"{printable(name, MAX_CLASS_NAME)}" cannot be the name of a file; choose another one')
    return name


class ClassFolder:
    """The classes in ``folder``, which is made when the first one is written. Keeps nothing in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> List[str]:
        """The classes that have a file, in the order of their names. No folder: none."""
        try:
            entries = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ClassError(f"{self.folder}: {reason(error)}") from None
        found = []
        for entry in entries:
            name = unicodedata.normalize("NFC", entry)
            if name.lower().endswith(SUFFIX) and not name.startswith("."):
                found.append(name[: -len(SUFFIX)])
        return sorted(found)[:MAX_CLASSES]

    def path(self, name: str) -> Path:
        """Where the file of a class is, or would be. The spelling of one that is there counts, on any file system."""
        name = check_class_name(name)
        for entry in os.listdir(self.folder) if self.folder.is_dir() else ():
            if unicodedata.normalize("NFC", entry).lower() == f"{name}{SUFFIX}".lower():
                return self.folder / entry
        return self.folder / f"{name}{SUFFIX}"

    def read(self, name: str) -> ClassList:
        """The class of that name. Raises `ClassError`, also if there is none."""
        path = self.path(name)
        text, _ = _told(path, lambda: text_of(load(path)))
        people, oddities = _people(text, name)
        if not people:
            raise ClassError(f"{path}: there is no name in it; write one a line")
        return ClassList(name, people, oddities)

    def read_all(self) -> Tuple[Dict[str, Tuple[Person, ...]], List[str]]:
        """All classes that can be read, and a sentence for each that cannot."""
        lists: Dict[str, Tuple[Person, ...]] = {}
        troubles: List[str] = []
        for name in self.names():
            try:
                lists[name] = self.read(name).people
            except ClassError as error:
                troubles.append(str(error))
        return lists, troubles

    def write(self, name: str, people: Sequence[Person]) -> Path:
        """Put this list in the place of the one before. Raises `ClassError`; then the old one is still there."""
        path = self.path(name)
        if not people:
            raise ClassError("a class needs at least one name")
        if len(people) > MAX_NAMES:
            raise ClassError(f"{counted(len(people), 'name')}; a class may have at most {MAX_NAMES}")
        lines = [_line(person) for person in people]
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.replace(path, ("\n".join(lines) + "\n").encode("utf-8"))
        except OSError as error:
            raise ClassError(f"{path} cannot be written: {reason(error)}") from None
        return path

    def rename(self, name: str, before: str, after: str) -> None:
        """Somebody of the class is called otherwise now. Raises `ClassError`."""
        people = self.read(name).people
        names = [person.name for person in people]
        if before not in names:
            raise ClassError(f'"{printable(before)}" is not in {name}')
        if after in names:
            raise ClassError(f'"{printable(after)}" is in {name} already')
        self.write(name, [replace(one, name=after) if one.name == before else one for one in people])

    def forget(self, name: str) -> List[str]:
        """Take somebody out of every class, whatever case, accents and order the name has there; returns the classes
        that had it. One that has nobody else goes as a whole."""
        found = []
        for class_name in self.names():
            path = self.path(class_name)
            try:
                people = self.read(class_name).people
            except ClassError:
                continue
            rest = [person for person in people if key(person.name) != key(name)]
            if len(rest) == len(people):
                continue
            found.append(class_name)
            if rest:
                self.write(class_name, rest)
            else:
                try:
                    files.remove(path)
                except OSError as error:
                    raise ClassError(f"{path} cannot be removed: {reason(error)}") from None
        return found


def load(path: Path) -> bytes:
    """The bytes of a file that somebody wants to import. Raises `ClassError`: a folder, a pipe, too large, unreadable,
    or changed while it was read."""
    try:
        before = os.stat(path)
        if stat.S_ISDIR(before.st_mode):
            raise ClassError(f"{path} is a folder; name the file with the list in it")
        if before.st_size > MAX_BYTES:
            size = f"{before.st_size / 1e6:.0f} MB"
            raise ClassError(f"{path} has {size}; more than {MAX_BYTES // 1_000_000} MB is no class list")
        data = files.read(path, MAX_BYTES + 1)
        after = os.stat(path)
    except OSError as error:
        raise ClassError(f"{path} cannot be read: {reason(error)}") from None
    if len(data) > MAX_BYTES or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ClassError(f"{path} was changed while it was read; try again when whoever writes it has finished")
    return data


def import_file(path: Path, swap: bool = False, class_name: str = "") -> Preview:
    """What the file says, before anything of it is kept. Raises `ClassError`, with the path."""
    return _told(path, lambda: preview(load(path), swap, class_name))


def _told(path: Path, act: Callable[[], T]) -> T:
    """What ``act`` returns; what it has to say about the file has the path before it."""
    try:
        return act()
    except ClassError as error:
        text = str(error)
        raise ClassError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def _people(text: str, class_name: str) -> Tuple[Tuple[Person, ...], Tuple[Oddity, ...]]:
    people: Dict[str, Person] = {}
    by_key: Dict[str, str] = {}
    oddities: List[Oddity] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, group = line.replace("\t", ";").partition(";")
        try:
            name = check_name(" ".join(name.split()))
        except ProtocolError as error:
            oddities.append(Oddity(number, str(error)))
            continue
        if name in people:
            oddities.append(Oddity(number, f'"{printable(name)}" stands in it already'))
            continue
        if len(people) >= MAX_NAMES:
            raise ClassError(f"it has more than {MAX_NAMES} names; a class may have at most so many")
        if key(name) in by_key:
            other = by_key[key(name)]
            oddities.append(
                Oddity(number, f'"{printable(name)}" and "{printable(other)}" cannot be told apart when typed')
            )
        by_key[key(name)] = name
        people[name] = Person(name, " ".join(group.split())[:MAX_GROUP], class_name)
    return tuple(people.values()), tuple(oddities)


def _line(person: Person) -> str:
    try:
        name = check_name(person.name)
    except ProtocolError as error:
        raise ClassError(f'"{printable(person.name, 40)}" cannot be in a class: {error}') from None
    # What separates the group, and a remark's sign, cannot stand in a name of the file.
    name = name.replace(";", ",").lstrip("# ") or "?"
    group = " ".join(person.group.replace(";", ",").split())[:MAX_GROUP]
    return f"{name}; {group}" if group else name
