"""Where this program stands and what it is called, as a script or frozen into an executable.

PyInstaller sets ``sys.frozen``, and ``sys._MEIPASS`` to the folder with the files that it brings along. In the programs
of one file that is a temporary folder, which is gone afterwards, and sometimes before: cleaners take away what is old
in there, and a program in a classroom runs for days. Then whatever is read later fails, with errors that mislead (a
name's encoding is read for the first address: "No such file or directory"). So such a program reads at its start what
it may need later (`load_early`), asks the cleaner to pass by, and says so if its files are gone nevertheless
(`OwnFiles`). Nothing else in the project needs to know the difference, but the window's icon. No threads.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import List, Optional

if sys.platform != "win32":
    import fcntl


def is_frozen() -> bool:
    """True if this is an executable."""
    return bool(getattr(sys, "frozen", False))


def program_name(script: str) -> str:
    """What a person types to start this: ``script``, or the executable's name without ``.exe`` if it is frozen."""
    if not is_frozen():
        return script
    name = Path(sys.executable).name
    return name[:-4] if name.lower().endswith(".exe") else name


def program_folder() -> Path:
    """The folder with the program, or with the executable if it is frozen; of a link, where it leads to."""
    if is_frozen():
        return Path(sys.executable).resolve().parent
    return Path(__file__).resolve().parents[2]


def bundled_file(name: str) -> Optional[Path]:
    """The file of that name inside the executable; None if there is none, or if this is no executable."""
    folder = getattr(sys, "_MEIPASS", None) if is_frozen() else None
    file = Path(folder) / name if folder else None
    return file if file is not None and file.is_file() else None


EARLY = ("encodings.idna", "encodings.punycode", "encodings.utf_8_sig", "getpass")
"""What is imported late otherwise: for host names (socket.getaddrinfo), for files with a byte order mark, the login
name."""


def load_early() -> None:
    """In an executable: import now what its files may be gone for later."""
    if is_frozen():
        for module in EARLY:
            importlib.import_module(module)


class OwnFiles:
    """The files that this executable brought along, from its start on; of a script there are none."""

    def __init__(self) -> None:
        folder = getattr(sys, "_MEIPASS", None) if is_frozen() else None
        self._folder = Path(folder) if folder else None
        self._names: List[str] = []
        self._hold: Optional[int] = None
        try:
            self._names = os.listdir(folder) if folder else []
            if folder and sys.platform != "win32":
                # "Applications may use this to temporarily exclude certain directory subtrees from the aging algorithm:
                # the applications can take a BSD file lock themselves" (tmpfiles.d(5), "Age").
                self._hold = os.open(folder, os.O_RDONLY)
                fcntl.flock(self._hold, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pass  # no locks here, or gone already; no reason not to start

    def loss(self) -> str:
        """A sentence for the person if some of them are gone, or nothing."""
        if self._folder is None or all(os.path.lexists(self._folder / name) for name in self._names):
            return ""
        return (
            f"Somebody, perhaps a clean-up of temporary files, has removed files of this program from {self._folder}. "
            "Close it and start it again."
        )

    def close(self) -> None:
        """Let go of the folder."""
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None
