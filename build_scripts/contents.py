"""What stays out of the executables.

PyInstaller takes along everything that the standard library might use one day. None of this is used by our programs;
each entry was measured. Who begins to use a module of the list takes it off: ``tests/test_build.py`` compares it with
what the programs import. `rollcall.spec` reads this file, inside the build's environment.
"""

from __future__ import annotations

import fnmatch
import re
import sys
from pathlib import Path
from typing import Iterable, Tuple

UNUSED_MODULES = (
    # Compressed archives other than zip: shutil and zipfile can do without.
    "_bz2", "_lzma", "bz2", "lzma", "tarfile",
    # What random, statistics and csv reach for.
    "_decimal", "_pydecimal", "decimal", "fractions", "numbers", "statistics", "_statistics",
    # Mail, web, XML and what belongs to it.
    "ftplib", "http", "mimetypes", "netrc", "urllib.error", "urllib.request",
    "xml", "xmlrpc",
    # Certificates in mails, which cryptography can do as well; of mail it needs the form of addresses only.
    "cryptography.hazmat.primitives.serialization.pkcs7", "email._header_value_parser", "email.feedparser",
    "email.generator", "email.headerregistry", "email.message", "email.parser", "email.policy", "importlib.metadata",
    # A tool for programmers, and what it would save its numbers with.
    "_compat_pickle", "_pickle", "pickle", "tracemalloc",
    # Tools for programmers.
    "_pyrepl", "bdb", "cmd", "code", "codeop", "doctest", "pdb", "pydoc", "pydoc_data", "rlcompleter", "test",
    "unittest",
    # Other ways to run things at once.
    "_asyncio", "_multiprocessing", "_posixshmem", "asyncio", "concurrent", "multiprocessing",
    # Foreign packages that some of the above look for.
    "PIL", "numpy", "pkg_resources", "setuptools",
)  # fmt: skip

UNUSED_IN_CLIENT = ("cryptography", "email")
"""What makes the server's certificate, and what that looks for."""

_UNUSED_FILES = (
    # Time zones, the names of months, and the dialogs of Tk in other languages: the window speaks English.
    "_tcl_data/tzdata/*", "_tcl_data/msgs/*", "_tk_data/msgs/*",
    # Tcl's own packages for web and tests, and Tk's pictures of itself.
    "_tcl_data/http1.0/*", "_tcl_data/opt0.4/*", "*/http-*.tm", "*/tcltest-*.tm", "_tk_data/images/*",
)  # fmt: skip

_UNUSED_ON_X11 = (
    # Characters of several bytes in Tcl's own conversions. Python speaks UTF-8 to Tk; on Windows Tcl needs what its
    # system speaks.
    "big5", "cns11643", "cp932", "cp936", "cp949", "cp950", "ebcdic", "euc-*", "gb*", "iso2022*", "jis*", "ksc*",
    "mac*", "shiftjis",
)  # fmt: skip


def wanted(destination: str, platform: str = sys.platform) -> bool:
    """True if this file of Python, Tcl or Tk belongs into an executable. ``destination`` is its path in there."""
    path = destination.replace("\\", "/")
    unused = list(_UNUSED_FILES)
    if platform.startswith("linux"):
        unused += [f"_tcl_data/encoding/{name}.enc" for name in _UNUSED_ON_X11]
    return not any(fnmatch.fnmatch(path, pattern) for pattern in unused)


def newest_glibc(files: Iterable[str]) -> str:
    """The oldest C library that has everything these ELF files ask of it, such as ``2.36``.

    A symbol's version stands in the file as text (``GLIBC_2.34``); what a file defines itself is not called that.
    """
    found = {(2, 0)}
    for file in files:
        data = Path(file).read_bytes()
        if data.startswith(b"\x7fELF"):
            numbers: Iterable[Tuple[bytes, bytes]] = re.findall(rb"\0GLIBC_(\d+)\.(\d+)", data)
            found.update((int(major), int(minor)) for major, minor in numbers)
    return "{}.{}".format(*max(found))
