"""Does the server that we call run on this very machine, and can this user read the file that it wrote there?

Whoever can is a teacher without a code (`rollcall.wire.own_machine`). An address decides nothing: it only says whether
it is worth looking, and where a server without TLS may be told the proof. No state, no threads.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Optional

from rollcall.program import files
from rollcall.program.folders import data_folder
from rollcall.wire.own_machine import MAX_FILE, OwnMachine, file_name


def is_here(sock: socket.socket) -> bool:
    """Whether the peer of this connected socket is on this machine: a loopback address, or one of our own."""
    try:
        peer, own = (str(name[0]).partition("%")[0] for name in (sock.getpeername(), sock.getsockname()))
        return peer == own or ipaddress.ip_address(peer).is_loopback
    except (OSError, ValueError):
        return False


def read_key(port: int, folder: Optional[Path] = None) -> Optional[OwnMachine]:
    """What the server at this port has written for people at its own machine, if we may read it. ``folder`` is where,
    by default the platform's place for data."""
    folder = data_folder() if folder is None else folder
    if folder is None:
        return None
    try:
        return OwnMachine.from_text(files.read(folder / file_name(port), MAX_FILE).decode("ascii"))
    except (OSError, ValueError):
        return None
