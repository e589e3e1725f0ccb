"""device.py: two machines with one disk are two, one machine is one, and nobody learns what either is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from rollcall.client.device import device_id, machine_id, new_random_part
from rollcall.wire.fields import MAX_TEXT

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the files of Linux")


def machine(folder: Path, card: str, machine_file: str = "3f" * 16, kind: str = "0") -> Path:
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/machine-id").write_text(machine_file + "\n")
    for name, address, is_hardware in (
        ("lo", "00:00:00:00:00:00", False),
        ("eth0", card, True),
        ("wifi", "ff:ff", True),
    ):
        place = folder / "sys/class/net" / name
        place.mkdir(parents=True)
        (place / "address").write_text(address + "\n")
        (place / "addr_assign_type").write_text(kind + "\n")
        if is_hardware:
            (place / "device").mkdir()
    return folder


@linux
def test_a_copied_disk_is_another_machine_and_the_same_one_is_the_same(tmp_path: Path) -> None:
    """The random part and the machine's id are on the disk, and so are the same."""
    kept = new_random_part()
    one, copy = machine(tmp_path / "1", "00:16:3e:00:00:01"), machine(tmp_path / "2", "00:16:3e:00:00:02")
    assert device_id(kept, machine_id(one)) == device_id(kept, machine_id(one))
    assert device_id(kept, machine_id(one)) != device_id(kept, machine_id(copy))


@linux
def test_an_address_that_was_made_up_tells_nothing(tmp_path: Path) -> None:
    one, later = machine(tmp_path / "1", "02:00:00:00:00:01", kind="1"), machine(tmp_path / "2", "02:99", kind="1")
    assert machine_id(one) == machine_id(later) == "3f" * 16 + "\n"
    assert machine_id(tmp_path) == "\n", "a system that says nothing"


def test_two_users_and_two_settings_are_two_and_the_parts_are_not_in_it() -> None:
    first, second = new_random_part(), new_random_part()
    assert first != second and len(first) == 32
    made = device_id(first, "the machine")
    assert made != device_id(second, "the machine") and made != device_id(first, "another")
    assert re.fullmatch("[0-9a-f]{32}", made) and len(made) <= MAX_TEXT and first not in made
    assert device_id("\ud800", "\ud800"), "whatever stands in a settings file"


def test_this_machine_is_the_same_twice() -> None:
    assert machine_id() == machine_id()
