"""folders.py: the place on each platform, and none that nobody meant."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest

from rollcall.program.folders import data_folder, settings_folder

Place = Callable[[], Optional[Path]]
PLACES = {"settings": settings_folder, "data": data_folder}
WINDOWS = ("LOCALAPPDATA", "USERPROFILE")
users = pytest.mark.skipif(sys.platform == "win32", reason="there is no list of users")


def here(text: str) -> str:
    """A path from the root as the system below has it, where a path without a drive is no absolute one."""
    return f"C:{text}" if os.name == "nt" and text.startswith("/") else text


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing, and no package that asks Windows (here it would answer for Linux)."""
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(sys.modules, "platformdirs", None)


def with_environment(monkeypatch: pytest.MonkeyPatch, environment: Dict[str, str]) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, here(value))


@pytest.mark.parametrize(
    ("platform", "environment", "settings", "data"),
    [
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/Rollcall", "/l/Rollcall"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Local/Rollcall", "/u/AppData/Local/Rollcall"),
        ("win32", {"LOCALAPPDATA": "%USERPROFILE%/x", "USERPROFILE": "/u"}, "/u/AppData/Local/Rollcall",
         "/u/AppData/Local/Rollcall"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/Rollcall",
         "/h/Library/Application Support/Rollcall"),
        ("darwin", {"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "/h/Library/Application Support/Rollcall",
         "/h/Library/Application Support/Rollcall"),
        ("linux", {"HOME": "/h"}, "/h/.config/Rollcall", "/h/.local/share/Rollcall"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}, "/c/Rollcall", "/d/Rollcall"),
        ("linux", {"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}, "/c/Rollcall", "/d/Rollcall"),
        ("freebsd14", {"HOME": "/h"}, "/h/.config/Rollcall", "/h/.local/share/Rollcall"),
    ],
)  # fmt: skip
def test_the_place_on_each_platform(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: Dict[str, str], settings: str, data: str
) -> None:
    with_environment(monkeypatch, environment)
    monkeypatch.setattr(sys, "platform", platform)
    assert (settings_folder(), data_folder()) == (Path(here(settings)), Path(here(data)))


@pytest.mark.parametrize("value", ["", "  ", "config", "./config", "~/.config", "$HOME/.config", ".."])
@pytest.mark.parametrize(
    "variable", [*(pytest.param(name, marks=users) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME")), *WINDOWS]
)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_variable_with_a_relative_path_is_ignored(
    monkeypatch: pytest.MonkeyPatch, place: Place, variable: str, value: str
) -> None:
    monkeypatch.setattr(sys, "platform", "win32" if variable in WINDOWS else "linux")
    without = place()
    monkeypatch.setenv(variable, value)
    assert place() == without
    assert without is None or without.is_absolute()


@users
@pytest.mark.parametrize(("listed", "expected"), [("/from/the/list", "/from/the/list/.config/Rollcall"), ("", None)])
@pytest.mark.parametrize("place", ["HOME unset", "HOME=~", "HOME="])
def test_without_a_home_in_the_environment_the_list_of_users_says_it(
    monkeypatch: pytest.MonkeyPatch, listed: str, expected: Optional[str], place: str
) -> None:
    import pwd

    with_environment(monkeypatch, dict([place.split("=")]) if "=" in place else {})
    fields = ("somebody", "x", os.getuid(), 1, "", listed, "")
    monkeypatch.setattr(pwd, "getpwuid", lambda number: pwd.struct_passwd(fields))
    assert settings_folder() == (Path(expected) if expected else None)


@users
def test_a_user_whom_nobody_knows_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 2_000_000_017)  # as in a container that is started with such a number
    assert settings_folder() is None and data_folder() is None


def test_windows_itself_is_asked_where_the_package_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # with the real package
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    asked: List[Any] = []

    def user_data_dir(*name: str, **more: Any) -> str:
        asked.append((name, more))
        return here("/known/R")

    monkeypatch.setattr(platformdirs, "user_data_dir", user_data_dir)
    assert settings_folder() == data_folder() == Path(here("/known/R"))
    assert asked == [(("Rollcall",), {"appauthor": False})] * 2
    monkeypatch.setenv("LOCALAPPDATA", here("/l"))
    assert settings_folder() == data_folder() == Path(here("/l/Rollcall")), "with the package or without, the same"
    assert len(asked) == 2
