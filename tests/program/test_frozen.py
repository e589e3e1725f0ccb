"""frozen.py: what a program is called and where its files are, as a script and as an executable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rollcall.program.frozen import bundled_file, program_folder, program_name

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
    try:
        link.symlink_to(executable)
    except OSError:
        pytest.skip("this user may not make symbolic links")
    monkeypatch.setattr(sys, "executable", str(link))
    assert program_folder() == executable.parent
