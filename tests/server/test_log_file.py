"""log_file.py: it has a bound, it may be moved, and what cannot be written is said."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Iterator

import pytest

from rollcall.server.log_file import LogFile
from tests.helpers import held_open, needs_full


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


def test_the_bound_counts_what_is_written_on_every_system(path: Path) -> None:
    file = LogFile(path, 0.001)
    file.write("first\n")
    file.write("x\n" * 497)
    assert path.stat().st_size == 1000 and b"\r" not in path.read_bytes()
    file.write("\udcff\n")
    file.close()
    assert path.read_bytes() == b"\\udcff\n" and path.with_name("rollcall.log.1").stat().st_size == 1000


def test_who_reads_the_older_file_for_a_moment_does_not_end_the_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = held_open(monkeypatch, "replace", 3)
    file = LogFile(path, 0.001)
    for number in range(3):
        file.write(f"{number}" * 600 + "\n")
    file.close()
    assert len(refused) == 3 and path.read_bytes() == b"2" * 600 + b"\n"
    assert path.with_name("rollcall.log.1").read_bytes() == b"1" * 600 + b"\n"


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere an open file can be replaced")
def test_windows_waits_for_who_has_the_older_file_open(path: Path) -> None:
    older = path.with_name("rollcall.log.1")
    older.write_bytes(b"older\n")
    file = LogFile(path, 0.001)
    file.write("x" * 600 + "\n")
    reader = os.open(older, os.O_RDONLY)
    timer = threading.Timer(0.05, os.close, (reader,))
    timer.start()
    file.write("y" * 600 + "\n")
    timer.join()
    file.close()
    assert older.read_bytes() == b"x" * 600 + b"\n" and path.read_bytes() == b"y" * 600 + b"\n"


def test_without_a_limit_it_grows(path: Path) -> None:
    file = LogFile(path, 0)
    for _ in range(100):
        file.write("x" * 1000 + "\n")
    file.close()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name] and path.stat().st_size == 100_100


@pytest.mark.skipif(sys.platform == "win32", reason="Windows moves no open file")
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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no devices among its files")
def test_a_device_is_no_file_to_be_moved(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    file = LogFile(link, 0.001)
    for _ in range(3):
        file.write("x" * 1000 + "\n")
    file.close()
    assert link.is_symlink() and [entry.name for entry in tmp_path.iterdir()] == ["null"]


@needs_full
def test_a_full_disk_is_an_error_and_leaves_nothing_behind() -> None:
    file = LogFile(Path("/dev/full"), 10)
    with pytest.raises(OSError, match="No space left"):
        file.write("x\n")
    assert file.stream is None
