"""Errors of the operating system that Python has no words for: those of Windows' sockets, and of folders there.

On Windows a socket fails with the numbers of Winsock. Where Python raises the error itself, its text is in the language
of Windows; of a number that ``connect_ex`` or ``SO_ERROR`` hands back, ``os.strerror`` says "Unknown error" there. Here
are the number's class and its words. Source of the numbers: Microsoft, "Windows Sockets Error Codes".

No state. Everything here runs on any platform, and takes any number.
"""

from __future__ import annotations

import errno
import os
from typing import Dict, Optional

BLOCKED = 10013
"""WSAEACCES. Of ``connect``: a firewall or a virus scanner does not allow it. Of ``bind``: somebody has the port for
himself (SO_EXCLUSIVEADDRUSE), or Windows keeps it back for itself."""

WINSOCK: Dict[int, str] = {
    BLOCKED: "blocked by security software, such as a firewall or a virus scanner",
    10024: "this program has too many connections open",
    10047: "this computer does not speak that kind of address",
    10048: "in use by another program",
    10049: "this computer has no such address",
    10050: "the network is down",
    10051: "the network cannot be reached",
    10052: "the network broke the connection",
    10053: "this computer gave up the connection",
    10054: "the other side broke the connection",
    10055: "the system has no room for another connection",
    10060: "no answer",
    10061: "nothing listens there",
    10064: "that computer is down",
    10065: "that computer cannot be reached",
    11001: "the name is not known",
    11002: "the name server does not answer",
    11003: "the name server cannot answer",
    11004: "the name has no address",
}

_AS_C_HAS_IT = {10004, 10009, 10013, 10014, 10022, 10024}
"""The numbers that are those of C plus 10,000. All others are the same in Python's ``errno`` on Windows."""


def socket_error(code: int) -> OSError:
    """The error for a number that a socket call has handed back, of the class that Python would raise, with its words.

    ``winerror`` is told only by Windows' own Python; ``errno`` is what Python makes of it.
    """
    words = WINSOCK.get(code) or os.strerror(code)
    if os.name == "nt":
        return OSError(0, words, None, code)
    return OSError(code - 10000 if code in _AS_C_HAS_IT else code, words)


def reason(error: OSError) -> str:
    """Why, in words, without a full stop."""
    number = number_of(error)
    words = WINSOCK.get(number) if number is not None else None
    return words or error.strerror or str(error)


def file_reason(error: OSError) -> str:
    """Why a file could not be opened, in words, without a full stop.

    Of a folder Windows says that access is denied (Microsoft, "CreateFileW": a directory takes
    FILE_FLAG_BACKUP_SEMANTICS), which sends people to look for rights that they have.
    """
    is_refused = isinstance(error, PermissionError)
    if isinstance(error, IsADirectoryError) or (is_refused and os.path.isdir(error.filename or "")):
        return "it is a folder, not a file"
    return error.strerror or str(error)


def is_blocked(error: OSError) -> bool:
    """The system did not permit it: its own rights, or what guards it."""
    return number_of(error) == BLOCKED or error.errno in (errno.EACCES, errno.EPERM)


def is_taken(error: OSError) -> bool:
    """The port is somebody else's; the next one may be free."""
    return error.errno == errno.EADDRINUSE or number_of(error) == BLOCKED


def number_of(error: OSError) -> Optional[int]:
    """The system's own number of the error."""
    winerror: Optional[int] = getattr(error, "winerror", None)
    return error.errno if winerror is None else winerror
