"""The files that are handed out: those of one folder, and no others.

What a browser asks for is never made into a path. It is looked up among the names that the folder has at this moment:
plain files, not hidden, no links. So ``..``, a device's name, another drive or a NUL are simply not there. What is
found is opened once, without following a link that may have taken its place since, and looked at again as an open file.

The SHA-256 of a file is computed when it is first asked for, by the thread of whoever asks, once for all who ask at the
same time, and kept until the file changes. Bytes are read in blocks (`BLOCK`): thirty downloads hold thirty of them.
No lock: the table of sums is a dict, whose ``setdefault`` is atomic.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from rollcall.program.files import patiently

BLOCK = 64 * 1024
"""Bytes read and sent at once."""

MAX_FILES = 200
"""Files that are offered; of more only the first, by name."""

SUM_PATIENCE = 10.0
"""Seconds that one browser waits for a sum which another one is having computed."""

WINDOWS, MACOS, LINUX, OTHER = "Windows", "macOS", "Linux", ""
SYSTEMS = (WINDOWS, MACOS, LINUX)

_KINDS: Tuple[Tuple[str, re.Pattern[str]], ...] = (
    (WINDOWS, re.compile(r"windows|win(32|64)|\.(exe|msi)$", re.IGNORECASE)),
    (MACOS, re.compile(r"macos|darwin|\.(dmg|pkg)$", re.IGNORECASE)),
    (LINUX, re.compile(r"linux|\.(deb|rpm|appimage)$", re.IGNORECASE)),
)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True)
class Offer:
    """A file as the page shows it. ``sum`` is the SHA-256 in hexadecimal, or empty if it is not known yet."""

    name: str
    size: int
    system: str
    sum: str


class NotSatisfiable(Exception):
    """The range that was asked for lies outside the file, which has ``size`` bytes (RFC 9110, section 15.5.17)."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class _Sum:
    """The sum of one state of a file, once somebody has computed it."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.value = ""


class OpenFile:
    """A file that is being sent. Use it in a ``with`` statement; one thread."""

    def __init__(self, descriptor: int, status: os.stat_result) -> None:
        self._descriptor = descriptor
        self._status = status

    @property
    def size(self) -> int:
        return self._status.st_size

    @property
    def key(self) -> Tuple[int, ...]:
        """What is another one when the file is another one."""
        return _key(self._status)

    def blocks(self, start: int, length: int) -> Iterator[bytes]:
        """So many bytes from ``start``, in blocks. Ends early if somebody changes the file meanwhile: a mixture of two
        files is worse than an end that the browser notices."""
        os.lseek(self._descriptor, start, os.SEEK_SET)
        while length > 0:
            block = os.read(self._descriptor, min(BLOCK, length))
            if not block or _key(os.fstat(self._descriptor)) != self.key:
                return
            length -= len(block)
            yield block

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *unused: object) -> None:
        os.close(self._descriptor)


class Downloads:
    """The files of ``folder``; None is no downloads. Thread-safe."""

    def __init__(self, folder: Optional[Path]) -> None:
        self.folder = folder
        self._sums: Dict[Tuple[str, Tuple[int, ...]], _Sum] = {}

    def offers(self) -> List[Offer]:
        """What there is, by name, each with its sum."""
        found = []
        for name in self._names():
            file = self._open_listed(name)
            if file is not None:
                with file:
                    found.append(Offer(name, file.size, system_of(name), self.sum_of(name, file)))
        return found

    def open(self, name: str) -> Optional[OpenFile]:
        """The file of that name, or None if there is none to hand out."""
        return self._open_listed(name) if name in self._names() else None

    def _open_listed(self, name: str) -> Optional[OpenFile]:
        assert self.folder is not None
        path, flags = self.folder / name, os.O_RDONLY
        for more in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"):  # what the platform has
            flags |= getattr(os, more, 0)
        try:
            descriptor = patiently(lambda: os.open(path, flags))
        except OSError:
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return None
        return OpenFile(descriptor, status)

    def sum_of(self, name: str, file: OpenFile) -> str:
        """The SHA-256 of this open file in hexadecimal; empty if it changes while it is read, or takes too long."""
        if len(self._sums) > 4 * MAX_FILES:
            self._sums.clear()  # files that were replaced again and again
        fresh = _Sum()
        known = self._sums.setdefault((name, file.key), fresh)
        if known is not fresh:
            known.ready.wait(SUM_PATIENCE)
            return known.value
        try:
            digest, left = hashlib.sha256(), file.size
            for block in file.blocks(0, file.size):
                digest.update(block)
                left -= len(block)
            known.value = "" if left else digest.hexdigest()
        finally:
            if not known.value:
                self._sums.pop((name, file.key), None)
            known.ready.set()
        return known.value

    def _names(self) -> List[str]:
        """Plain files that are not hidden, sorted, at most `MAX_FILES`."""
        if self.folder is None:
            return []
        try:
            with os.scandir(self.folder) as entries:
                names = [entry.name for entry in entries if _is_plain(entry)]
        except OSError:
            return []  # no such folder
        return sorted(names)[:MAX_FILES]


def system_of(name: str) -> str:
    """For which system a file is, by its name; `OTHER` if that does not tell."""
    return next((system for system, pattern in _KINDS if pattern.search(name)), OTHER)


def requested_range(text: str, size: int) -> Optional[Tuple[int, int]]:
    """Start and length of a ``Range`` in a file of so many bytes. None for the whole: no range, several (which need not
    be answered, RFC 9110, section 14.2), or nonsense. Raises `NotSatisfiable`."""
    match = _RANGE.fullmatch(text.strip())
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:  # the last bytes
        length = min(int(last), size)
        start = size - length
    else:
        start, end = int(first), int(last) if last else size - 1
        if last and end < start:
            return None
        length = min(end, size - 1) - start + 1
    if length <= 0 or start >= size:
        raise NotSatisfiable(size)
    return start, length


def _key(status: os.stat_result) -> Tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _is_plain(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or not entry.name.isprintable():
        return False
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    hidden = getattr(status, "st_file_attributes", 0) & getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0)
    return stat.S_ISREG(status.st_mode) and not hidden
