"""frozen.py: what a program is called and where its files are, as a script and as an executable."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rollcall.program.frozen import OwnFiles, bundled_file, program_folder, program_name
from tests.helpers import make_link

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if this were the executable of that path, with an unpacked folder that holds ``config.toml``."""
    file, unpacked = tmp_path / "bin here" / "rollcall-server", tmp_path / "_MEI1"
    for folder in (file.parent, unpacked):
        folder.mkdir()
    file.touch()
    (unpacked / "config.toml").write_text('[server]\nname = "Packed"\n')
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(unpacked), raising=False)
    monkeypatch.setattr(sys, "executable", str(file))
    return file


def test_a_script_is_called_by_its_file_and_stands_beside_the_modules() -> None:
    assert program_name("server.py") == "server.py"
    assert program_folder() == ROOT
    assert bundled_file("config.toml") is None


def test_an_executable_is_called_by_its_name(executable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program_name("server.py") == "rollcall-server"
    monkeypatch.setattr(sys, "executable", str(executable) + ".exe")
    assert program_name("server.py") == "rollcall-server"


def test_an_executable_has_its_files_beside_it_and_inside(executable: Path) -> None:
    assert program_folder() == executable.parent
    inside = bundled_file("config.toml")
    assert inside is not None and inside.read_text().endswith('"Packed"\n')
    assert bundled_file("other.toml") is None


def test_a_link_to_an_executable_stands_where_the_executable_does(
    executable: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    make_link(link, executable)
    monkeypatch.setattr(sys, "executable", str(link))
    assert program_folder() == executable.parent


def test_files_that_are_gone_are_said_with_what_to_do(executable: Path, tmp_path: Path) -> None:
    own = OwnFiles()
    assert own.loss() == ""
    (tmp_path / "_MEI1" / "config.toml").unlink()
    said = own.loss()
    assert str(tmp_path / "_MEI1") in said and said.endswith("start it again.")
    (tmp_path / "_MEI1").rmdir()
    assert own.loss() == said
    own.close()
    own.close()


def test_a_program_whose_files_are_gone_from_the_start_starts(executable: Path, tmp_path: Path) -> None:
    (tmp_path / "_MEI1" / "config.toml").unlink()
    (tmp_path / "_MEI1").rmdir()
    OwnFiles().close()


def test_a_script_has_no_files_that_may_go() -> None:
    own = OwnFiles()
    assert own.loss() == ""
    own.close()


@pytest.mark.skipif(sys.platform == "win32", reason="BSD locks")
def test_a_cleaner_passes_by_as_long_as_the_program_runs(executable: Path, tmp_path: Path) -> None:
    import fcntl

    own = OwnFiles()
    cleaner = os.open(tmp_path / "_MEI1", os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):  # systemd-tmpfiles: "some directory is locked: it is skipped"
            fcntl.flock(cleaner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        own.close()
        fcntl.flock(cleaner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(cleaner)
