"""Where this platform keeps what a program remembers. No state; nothing is made or opened here."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def settings_folder() -> Path:
    """Where this platform keeps a program's settings: what ``platformdirs`` says, or the same without it."""
    try:
        from platformdirs import user_config_dir
    except ImportError:
        return fallback_folder()
    return Path(user_config_dir("Rollcall", appauthor=False))


def fallback_folder() -> Path:
    """`settings_folder` with the standard library only (on Linux: XDG Base Directory Specification)."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "").strip() or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME", "")
        base = base if base.strip() else os.path.expanduser("~/.config")
    return Path(base) / "Rollcall"
