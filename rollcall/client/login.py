"""The name of the person at this computer, as far as the system knows it."""

from __future__ import annotations

import socket

from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name, printable


def login_name() -> str:
    """A name to begin with: the login name, or the machine's where there is none."""
    import getpass  # here, as it pulls in much that a server of names does not need

    try:
        return check_name(getpass.getuser())
    except (OSError, KeyError, ImportError, ProtocolError):
        return check_name(printable(socket.gethostname() or "somebody", 60))
