"""What a server may know this computer by: made from the machine and from a random part that its user keeps.

Neither alone would do. Computers of one classroom are often copies of one disk, with whatever random number was kept on
it, and often even with the machine's id (``/etc/machine-id``, the registry's MachineGuid) unless whoever copied it
took care; so the hardware address of a network card goes in as well, which no copy has. And what the machine tells is
no secret: without the random part anybody who once saw the machine could say that he is it.

`device_id` is a hash, so nobody learns the parts. That it may change (another network card, a system made anew) costs
little: a resume token of the run before is then worth nothing. No state, no threads; reads a file or asks the system.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from contextlib import suppress
from pathlib import Path

_MACHINE_IDS = ("etc/machine-id", "var/lib/dbus/machine-id")  # machine-id(5), and where D-Bus kept it before


def new_random_part() -> str:
    """To be kept beside the settings of this user, 128 bits."""
    return secrets.token_hex(16)


def device_id(random_part: str, machine: str) -> str:
    """32 hexadecimal digits: the same for the same parts, and telling nothing about them."""
    return hashlib.sha256(f"rollcall device\n{machine}\n{random_part}".encode("utf-8", "replace")).hexdigest()[:32]


def machine_id(root: Path = Path("/")) -> str:
    """What this machine is told by, as far as the system says; may be empty. ``root`` is where Linux has its files."""
    if sys.platform == "win32":
        return f"{_machine_guid()}\n{_node()}"
    if sys.platform == "darwin":
        return _host_uuid()
    return f"{_machine_file(root)}\n{_network_card(root)}"


def _machine_file(root: Path) -> str:
    for name in _MACHINE_IDS:
        with suppress(OSError, UnicodeDecodeError):
            return (root / name).read_text(encoding="ascii").strip()[:64]
    return ""


def _network_card(root: Path) -> str:
    """The lowest address that a card of this machine was made with (sysfs; ``device`` stands for hardware, type 0 of
    ``addr_assign_type`` is "permanent")."""
    found = []
    with suppress(OSError):
        for card in (root / "sys/class/net").iterdir():
            with suppress(OSError, UnicodeDecodeError):
                is_made_so = (card / "addr_assign_type").read_text(encoding="ascii").strip() == "0"
                if is_made_so and (card / "device").exists():
                    found.append((card / "address").read_text(encoding="ascii").strip()[:64])
    return min(found, default="")


def _machine_guid() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])[:64]
    except OSError:
        return ""


def _node() -> str:
    """The hardware address as Windows gives it; one that Python made up (RFC 4122, section 4.5) is none."""
    import uuid

    node = uuid.getnode()
    return "" if node >> 40 & 1 else f"{node:012x}"


def _host_uuid() -> str:
    """macOS: ``gethostuuid(3)``, which comes from the hardware."""
    import ctypes

    try:
        answer, wait = ctypes.create_string_buffer(16), (ctypes.c_long * 2)(1, 0)  # a timespec: one second
        return answer.raw.hex() if ctypes.CDLL(None).gethostuuid(answer, wait) == 0 else ""
    except (OSError, AttributeError):
        return ""
