"""log_file.py: it has a bound, it may be moved, and what cannot be written is said."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

from rollcall.server.log_file import LogFile

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows moves no open file")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "rollcall.log"


def test_a_full_file_makes_room_and_one_older_one_is_kept(path: Path) -> None:
    file = LogFile(path, 0.001)
    for number in range(100):
        file.write(f"{number:03} {'ë' * 40}\n")
    file.close()
    older = path.with_name("rollcall.log.1")
    assert sorted(path.parent.iterdir()) == [path, older]
    assert all(0 < len(part.read_bytes()) <= 1000 for part in (path, older))
    numbers = [int(line[:3]) for part in (older, path) for line in part.read_text(encoding="utf-8").splitlines()]
    assert numbers == list(range(numbers[0], 100)) and len(numbers) > 10


def test_it_goes_on_where_the_last_run_ended(path: Path) -> None:
    path.write_text("before\n")
    file = LogFile(path, 0.001)
    file.write("after\n")
    file.write("x" * 995 + "\n")
    file.close()
    assert path.with_name("rollcall.log.1").read_text() == "before\nafter\n"


def test_without_a_limit_it_grows(path: Path) -> None:
    file = LogFile(path, 0)
    for _ in range(100):
        file.write("x" * 1000 + "\n")
    file.close()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name] and path.stat().st_size == 100_100


@posix
@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_a_file_that_somebody_took_away_begins_again(path: Path, how: str) -> None:
    file = LogFile(path, 10)
    file.write("before\n")
    if how == "moved":
        path.rename(path.with_name("elsewhere"))
    else:
        path.unlink()
    file.write("after\n")
    file.close()
    assert path.read_text() == "after\n"


@posix
def test_a_device_is_no_file_to_be_moved(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    file = LogFile(link, 0.001)
    for _ in range(3):
        file.write("x" * 1000 + "\n")
    file.close()
    assert link.is_symlink() and [entry.name for entry in tmp_path.iterdir()] == ["null"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_an_error_and_leaves_nothing_behind() -> None:
    file = LogFile(Path("/dev/full"), 10)
    with pytest.raises(OSError, match="No space left"):
        file.write("x\n")
    assert file.stream is None
