"""Where this program stands and what it is called, as a script or frozen into an executable.

PyInstaller sets ``sys.frozen``, and ``sys._MEIPASS`` to the folder with the files that it brings along; in the programs
of one file it is a temporary folder that is gone afterwards. Nothing else in the project needs to know the difference,
but the window's icon. The core layer: no state, no threads.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional


def program_name(script: str) -> str:
    """What a person types to start this: ``script``, or the executable's name without ``.exe`` if it is frozen."""
    if not getattr(sys, "frozen", False):
        return script
    name = Path(sys.executable).name
    return name[:-4] if name.lower().endswith(".exe") else name


def program_folder() -> Path:
    """The folder with the program, or with the executable if it is frozen; of a link, where it leads to."""
    if getattr(sys, "frozen", False):
        return Path(sys.executable).resolve().parent
    return Path(__file__).resolve().parents[2]


def bundled_file(name: str) -> Optional[Path]:
    """The file of that name inside the executable; None if there is none, or if this is no executable."""
    folder = getattr(sys, "_MEIPASS", None) if getattr(sys, "frozen", False) else None
    file = Path(folder) / name if folder else None
    return file if file is not None and file.is_file() else None
