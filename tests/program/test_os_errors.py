"""os_errors.py: numbers of Windows' sockets become words, and errors of the class that Python would raise."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

import pytest

from rollcall.client.dial import MAC_PERMISSION, say
from rollcall.program.os_errors import BLOCKED, WINSOCK, file_reason, is_blocked, is_taken, reason, socket_error
from rollcall.wire.address import Address

HERE = Address("192.168.1.20", 8080)


class WindowsError(OSError):
    """What Python on Windows raises: ``errno`` as in C, and beside it the system's own number."""

    def __init__(self, code: int, winerror: int) -> None:
        super().__init__(code, "Zugriff verweigert")
        self.winerror = winerror


@pytest.mark.parametrize("code", sorted(WINSOCK))
def test_every_number_of_winsock_has_words(code: int) -> None:
    error = socket_error(code)
    assert reason(error) == WINSOCK[code]
    sentence = say(error, HERE)
    assert "Unknown" not in sentence and str(code) not in sentence and not sentence.endswith(".")
    assert reason(WindowsError(errno.EINVAL, code)) == WINSOCK[code], "whatever language Windows speaks"


def test_other_numbers_keep_the_systems_words() -> None:
    assert reason(socket_error(errno.ENOSPC)) == os.strerror(errno.ENOSPC)
    assert reason(OSError("it is odd")) == "it is odd"


@pytest.mark.skipif(sys.platform != "win32", reason="Windows only: numbers become classes there")
def test_a_number_is_of_the_class_that_python_raises() -> None:
    assert isinstance(socket_error(10061), ConnectionRefusedError)
    assert isinstance(socket_error(10060), TimeoutError)
    assert isinstance(socket_error(10054), ConnectionResetError)
    assert isinstance(socket_error(BLOCKED), PermissionError)


def test_what_security_software_blocks_is_told_as_such() -> None:
    for error in (socket_error(BLOCKED), WindowsError(errno.EACCES, BLOCKED), PermissionError(errno.EPERM, "no")):
        assert is_blocked(error)
        assert "security software or a firewall blocks it" in say(error, HERE)
    assert not is_blocked(socket_error(10061))


def test_of_a_folder_is_said_that_it_is_one_whatever_the_system_says(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        tmp_path.read_bytes()
    of_windows = PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
    assert file_reason(caught.value) == file_reason(of_windows) == "it is a folder, not a file"
    closed = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "closed"))
    assert file_reason(closed) == "Permission denied" and file_reason(OSError("odd")) == "odd"


def test_a_port_that_windows_keeps_is_as_good_as_taken() -> None:
    assert is_taken(OSError(errno.EADDRINUSE, "busy")) and is_taken(WindowsError(errno.EACCES, BLOCKED))
    assert not is_taken(PermissionError(errno.EACCES, "ports below 1024"))


@pytest.mark.parametrize("code", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN])
def test_on_a_mac_the_permission_may_be_what_is_missing(code: int) -> None:
    error = OSError(code, os.strerror(code))
    assert say(error, HERE, "darwin").endswith(f"is this computer on the network? {MAC_PERMISSION}")
    assert say(error, HERE, "linux").endswith("is this computer on the network?")


def test_a_name_that_nobody_can_look_up_now_is_not_said_to_be_wrong() -> None:
    assert "is not known here" in say(socket.gaierror(socket.EAI_NONAME, "no"), Address("pc-7"))
    assert say(socket.gaierror(socket.EAI_AGAIN, "later"), Address("pc-7")) == (
        "nobody answers what address pc-7 has; is this computer on the network?"
    )
