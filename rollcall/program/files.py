"""Small files that more than one program reads and writes: read whole, replaced in one step, changed under a lock.

A replacement is a new file that takes the old one's place (POSIX ``rename``, Windows ``MoveFileEx``): whoever reads
sees the old content or the new, whole, even after a crash. Where the path is a symbolic link, what it leads to is
replaced, and the link stays. Two programs that read, change and write do not undo each other if they do so within
`locked`.

On Windows a file that somebody else has open, a virus scanner or a backup, can often be neither opened nor replaced for
a moment. That is no failure of the file: every step here is tried again for `PATIENCE` seconds there, and what is
held for longer (a table in Excel) is told as that.

No threads and no state; whoever calls waits for the disk. Everything raises `OSError` and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, TypeVar

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

T = TypeVar("T")

PATIENCE = 0.2
"""Seconds for which a file is tried that somebody else holds open. A scanner is done with a small file in less."""
STEP = 0.02

LOCK_PATIENCE = 1.0
"""Seconds for which a lock is waited for. Who holds it writes one small file; longer than that it hangs."""
LOCK_STEP = 0.002
"""Seconds between two looks: short against the time that a write takes, or of several who write again and again one
never meets the moment in which the lock is free."""

HELD = (errno.EAGAIN, errno.EACCES, 0)
"""What is said where somebody has the lock: POSIX, Windows (Microsoft, "_locking"), Wine (which does not say)."""

ROOT = 0
"""The user who may do everything anyway."""
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

OTHERS_HOLD_FILES = sys.platform == "win32"
"""Whether a file that somebody else has open can be refused to us. Windows says "access denied" (5) or "sharing
violation" (32) then, which Python makes a `PermissionError`, as it does for a file that we really may not have."""


def patiently(act: Callable[[], T]) -> T:
    """What ``act`` returns, which is tried again while Windows says that somebody holds the file open."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except PermissionError as error:
            if not OTHERS_HOLD_FILES:
                raise
            if time.monotonic() >= deadline:
                error.strerror = f"{error.strerror}; perhaps another program has it open"
                raise
        time.sleep(STEP)


def read(path: Path, most: int) -> bytes:
    """The first ``most`` bytes of a regular file. Never waits for anything but the disk."""
    return patiently(lambda: _read(path, most))


def _read(path: Path, most: int) -> bytes:
    if os.path.isdir(path):  # Linux opens a folder, and Windows says that access is denied
        raise OSError(errno.EISDIR, "it is a folder, not a file", str(path))
    # A pipe in the place of the file would make us wait for somebody who writes into it.
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return file.read(most)


def replace(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of the file, which only its owner may read then. The folder must be there.

    What cannot be done leaves the old file, and nothing else, behind; the error is about ``path``.
    """
    try:
        _replace(os.path.realpath(path), data)
    except OSError as error:
        error.filename = str(path)  # nobody knows the new file
        if error.filename2 is not None:
            del error.filename2
        raise


def _replace(target: str, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(
        prefix=os.path.basename(target) + ".", suffix=".tmp", dir=os.path.dirname(target)
    )  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # before the rename: else a power cut may leave an empty file under the new name
        move(Path(temporary), Path(target))
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong before is what must be told
            remove(Path(temporary))
        raise


def keep_to_ourselves(folder: Path) -> str:
    """Let nobody else put files into this folder, if it is there: takes the right to write away from others. Returns
    what a person should know about it, as a sentence; empty if all is well. (Windows: folders of a user are.)"""
    if sys.platform == "win32":
        return ""
    try:
        found = folder.stat()
        if found.st_uid not in (os.geteuid(), ROOT) and os.geteuid() != ROOT:
            return "belongs to another user, who can put there what he likes; set HOME to a folder of the server's user"
        if found.st_mode & OTHERS_WRITE:
            folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS_WRITE)
            return "others could write into this folder; now only its user can"
    except FileNotFoundError:
        pass
    except OSError as error:
        return f"others may write into this folder: {error.strerror or error}"
    return ""


def remove(path: Path) -> None:
    """Delete the file. One that is not there is gone already."""
    with contextlib.suppress(FileNotFoundError):
        patiently(lambda: os.unlink(path))


def move(path: Path, target: Path) -> None:
    """Put the file in the place of ``target``, whatever stands there."""
    patiently(lambda: os.replace(path, target))


def put_aside(path: Path, suffix: str) -> Path:
    """Rename the file, or what a link leads to, to its name with ``suffix``; returns the new path."""
    target = Path(os.path.realpath(path))
    aside = target.with_name(target.name + suffix)
    move(target, aside)
    return aside


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock whose file is ``path``, against other threads and other programs that do the same.

    The file stays: to remove it would take the lock away from somebody who has just opened it. The system gives the
    lock back when a program ends, however it ends. It is an aid, not a condition: where there can be none (a network
    drive without locks, a folder that may not be written), or where somebody holds it for ever, the work goes on.
    """
    try:
        descriptor = _open_lock(path)
    except OSError:
        yield
        return
    try:
        is_ours = _lock(descriptor)
        try:
            yield
        finally:
            if is_ours and sys.platform == "win32":  # there closing the file does not give it back at once
                msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    return patiently(lambda: os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _lock(descriptor: int) -> bool:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in HELD or time.monotonic() >= deadline:
                return False
        time.sleep(LOCK_STEP)


class Hold:
    """The lock whose file is ``path``, held until `close`, against every other program and every other `Hold`.

    Raises `BlockingIOError` if somebody holds it, and other `OSError`s if the file cannot be made. Where the system has
    no locks (some network drives) it is held by everybody.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = _open_lock(path)
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:
                os.close(self._descriptor)
                raise BlockingIOError(error.errno, "somebody else holds it", str(path)) from None

    def close(self) -> None:
        """Let others have it. The system does the same when the process ends, however it ends."""
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # closing the file does not give it back at once there
                msvcrt.locking(self._descriptor, msvcrt.LK_UNLCK, 1)
        os.close(self._descriptor)
