"""The file in which a person's windows keep the servers that they met: what stands in it, and where.

``known-servers.json`` beside the settings (see ``rollcall/window/known_servers.py``, which alone writes it). A program
without a window reads it to say of a server that was found whether it was met before. No state, no threads.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Optional, Tuple

from rollcall.client.trust import Trust
from rollcall.program import files
from rollcall.program.folders import settings_folder

NAME = "known-servers.json"

MAX_FILE = 256 * 1024
"""Bytes: 32 servers with keys have a tenth of it."""


def parse(data: bytes) -> Tuple[Trust, str]:
    """The servers, and the random part of what this computer is known by. Raises ValueError with the reason."""
    if len(data) > MAX_FILE:
        raise ValueError(f"it is larger than {MAX_FILE // 1024} KiB")
    try:
        content = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    random = content.get("device")
    if not isinstance(random, str) or not re.fullmatch("[0-9a-f]{32}", random):
        raise ValueError('"device" must be 32 hexadecimal digits')
    return Trust.from_json(content.get("servers")), random


def met_before(folder: Optional[Path] = None) -> Trust:
    """The servers that this person's windows have met, to compare with, without the keys; nobody, if that cannot be
    read. ``folder`` is where the settings are, by default the platform's place."""
    folder = settings_folder() if folder is None else folder
    if folder is None:
        return Trust()
    try:
        return parse(files.read(folder / NAME, MAX_FILE + 1))[0].without_keys()
    except (OSError, ValueError):
        return Trust()
