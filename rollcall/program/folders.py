"""Where this platform keeps what a program remembers. No state; nothing is made or opened here.

Settings are a few lines that a person chose; data is what piles up. On Linux they are apart (XDG Base Directory
Specification 0.8), on Windows and macOS one folder holds both.

An answer is always an absolute path. The environment is written by people and by programs that start us: a variable
that is empty or holds a relative path is ignored, as the specification demands, and so is a home folder that is no
absolute path; else a folder would be made wherever the program happens to be started, or one that is called ``~``.
Where nothing says who is at home here (a service, an account without an entry), the answer is None: nothing is kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Optional

NAME = "Rollcall"


def settings_folder() -> Optional[Path]:
    """Where a program's settings are kept, or None if this user has no such place."""
    return _windows() if sys.platform == "win32" else _unix("XDG_CONFIG_HOME", ".config")


def data_folder() -> Optional[Path]:
    """Where a program's data is kept, or None if this user has no such place."""
    return _windows() if sys.platform == "win32" else _unix("XDG_DATA_HOME", ".local/share")


def _unix(variable: str, below_home: str) -> Optional[Path]:
    if sys.platform == "darwin":
        variable, below_home = "", "Library/Application Support"
    base = _absolute(os.environ.get(variable))
    if base is None:
        home = _home()
        base = home / below_home if home is not None else None
    return base / NAME if base is not None else None


def _home() -> Optional[Path]:
    """``HOME``, or what the list of users says."""
    given = _absolute(os.environ.get("HOME"))
    if given is not None or sys.platform == "win32":
        return given
    import pwd

    try:
        return _absolute(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def _windows() -> Optional[Path]:
    """``LOCALAPPDATA``, or what the system says, if the package ``platformdirs`` is there to ask it, or the profile.

    The variable comes first, as on other systems: a server without the package and a client that brings it along must
    look in one place, also where somebody has set another.
    """
    local = _absolute(os.environ.get("LOCALAPPDATA"))
    if local is not None:
        return local / NAME
    try:
        from platformdirs import user_data_dir
    except ImportError:
        said = None
    else:
        said = _absolute(user_data_dir(NAME, appauthor=False))
    if said is not None:
        return said
    profile = _absolute(os.environ.get("USERPROFILE"))
    return profile / "AppData" / "Local" / NAME if profile is not None else None


def _absolute(text: Optional[str]) -> Optional[Path]:
    return Path(text) if text and os.path.isabs(text) else None
