"""Where files of the person's own go: the folder for documents, as the system has it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Optional


def documents_folder() -> str:
    """The person's folder for documents, or home where there is none; empty where there is no home either."""
    try:
        home = Path.home()
    except RuntimeError:
        return ""
    for folder in (_told(home), home / "Documents", home):
        if folder is not None and folder.is_dir():
            return str(folder)
    return ""


def _told(home: Path) -> Optional[Path]:
    """What the system says: Windows by a function, desktops of freedesktop.org in a file (xdg-user-dirs)."""
    if sys.platform == "win32":
        import ctypes

        text = ctypes.create_unicode_buffer(260)
        # CSIDL_PERSONAL: also where it has been moved to another drive or into the cloud.
        failed = ctypes.windll.shell32.SHGetFolderPathW(None, 5, None, 0, text)
        return None if failed else Path(text.value)
    try:
        file = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "user-dirs.dirs"
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r'^XDG_DOCUMENTS_DIR="(.+)"$', text, re.MULTILINE)
    return Path(found.group(1).replace("$HOME", str(home))) if found else None
