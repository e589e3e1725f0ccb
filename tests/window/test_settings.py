"""What the client remembers: round trips, damage of every kind, and saves that fail half way."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, List

import pytest

from rollcall.program.folders import fallback_folder, settings_folder
from rollcall.window.settings import MAX_FILE, MAX_SERVERS, Settings, SettingsFile

FULL = Settings(("192.168.1.20:8080", "klasse-7b.local:8080", "[::1]:9"), "Zoë 李", "dark", 900, 640, True)


def damaged_copy(store: SettingsFile) -> Path:
    return store.folder / "settings.json.damaged"


def names(folder: Path) -> List[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_nothing_remembered_yet(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path / "not" / "there")
    assert store.load() == (Settings(), "")
    assert not store.folder.exists(), "reading makes no folder"


def test_round_trip(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path / "deep" / "folder with a space")
    for value in (FULL, Settings()):
        assert store.save(value) == ""
        assert SettingsFile(store.folder).load() == (value, "")
        assert names(store.folder) == ["settings.json"]
    assert store.save(FULL) == ""
    assert "Zoë 李" in store.path.read_text(encoding="utf-8"), "readable for a person"


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SettingsFile(tmp_path / "new")
        assert store.save(FULL) == ""
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_servers_most_recent_first_once_and_bounded() -> None:
    value = Settings()
    for number in range(MAX_SERVERS + 3):
        value = value.with_server(f" host{number}:8080 ")
    assert value.servers == tuple(f"host{number}:8080" for number in range(MAX_SERVERS + 2, 2, -1))
    again = value.with_server("host5:8080")
    assert again.servers[0] == "host5:8080"
    assert sorted(again.servers) == sorted(value.servers)


@pytest.mark.parametrize("server", ["", "  ", "x" * 301, "a\x00b", "a\nb", "a\u202eb", "\ud800"])
def test_a_server_that_may_not_be_remembered_is_not(server: str) -> None:
    assert FULL.with_server(server) is FULL


DAMAGE = {
    "empty": b"",
    "cut short": b'{"name": "An',
    "not UTF-8": b'{"name": "\xff"}',
    "nulls": b"\0" * 300,
    "a list": b"[]",
    "a number": b"7",
    "nested too deep": b"[" * MAX_FILE,
    "a very long number": b'{"width": ' + b"9" * 5000 + b"}x",
    "too large": b'{"x": "' + b"y" * MAX_FILE + b'"}',
    "name: null": b'{"name": null}',
    "name: number": b'{"name": 7}',
    "name: too long": json.dumps({"name": "x" * 65}).encode(),
    "name: line feed": b'{"name": "a\\nb"}',
    "name: half a surrogate pair": b'{"name": "\\ud800"}',
    "name: turns the direction": b'{"name": "\\u202eabc"}',
    "servers: text": b'{"servers": "a:1"}',
    "servers: number in it": b'{"servers": ["a:1", 7]}',
    "servers: too long": json.dumps({"servers": ["x" * 301]}).encode(),
    "servers: escape": b'{"servers": ["\\u001b[2J"]}',
    "theme: list": b'{"theme": ["dark"]}',
    "width: text": b'{"width": "900"}',
    "width: truth": b'{"width": true}',
    "width: fraction": b'{"width": 900.5}',
    "height: not a number": b'{"height": NaN}',
    "connected: number": b'{"connected": 1}',
}


@pytest.mark.parametrize("data", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_is_put_aside_and_said(tmp_path: Path, data: bytes) -> None:
    store = SettingsFile(tmp_path)
    store.path.write_bytes(data)
    value, sentence = store.load()
    assert value == Settings()
    assert "is damaged" in sentence and str(store.path) in sentence and str(damaged_copy(store)) in sentence
    assert sentence.endswith(".") and sentence.isprintable()
    assert damaged_copy(store).read_bytes() == data
    assert store.load() == (Settings(), ""), "the next start is quiet"
    assert store.save(FULL) == ""
    assert store.load() == (FULL, "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"name": "An", "colour": "teal", "plugins": {"a": [1]}}, Settings(name="An")),
        ({"theme": "sepia"}, Settings()),
        ({"width": 479, "height": 359}, Settings()),
        ({"width": 480, "height": 360}, Settings(width=480, height=360)),
        ({"width": 10_000, "height": 10_000}, Settings(width=10_000, height=10_000)),
        ({"width": 10_001, "height": -5}, Settings()),
        ({"servers": [f"h{n}:1" for n in range(20)]}, Settings(servers=tuple(f"h{n}:1" for n in range(8)))),
        ({}, Settings()),
    ],
)
def test_what_another_version_may_have_written(tmp_path: Path, written: Any, meant: Settings) -> None:
    store = SettingsFile(tmp_path)
    store.path.write_text(json.dumps(written), encoding="utf-8")
    assert store.load() == (meant, "")
    assert names(tmp_path) == ["settings.json"]


def test_a_byte_order_mark_is_no_damage(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path)
    store.path.write_bytes(b'\xef\xbb\xbf{"name": "An"}')
    assert store.load() == (Settings(name="An"), "")


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path)
    store.path.mkdir()
    value, sentence = store.load()
    assert value == Settings() and "could not be read" in sentence
    assert damaged_copy(store).is_dir()
    assert store.save(FULL) == "" and store.load() == (FULL, "")


def test_damaged_and_cannot_be_put_aside(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path)
    store.path.write_bytes(b"{")
    (damaged_copy(store) / "full").mkdir(parents=True)
    value, sentence = store.load()
    assert value == Settings() and "is damaged" in sentence and "could not be put aside" in sentence
    assert store.path.read_bytes() == b"{"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Rollcall"
    folder.write_text("mine")
    store = SettingsFile(folder)
    value, _ = store.load()
    assert value == Settings()
    sentence = store.save(FULL)
    assert "could not be saved" in sentence and str(store.path) in sentence
    assert folder.read_text() == "mine"
    assert names(tmp_path) == ["Rollcall"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    store = SettingsFile(tmp_path)
    assert store.save(FULL) == ""
    before = store.path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        sentence = store.save(Settings(name="other"))
    assert os.strerror(number) in sentence
    assert names(tmp_path) == ["settings.json"] and store.path.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SettingsFile(tmp_path)
    assert store.save(FULL) == ""
    original = tempfile.mkstemp

    def mkstemp(**arguments: Any) -> Any:
        descriptor, name = original(**arguments)
        os.close(descriptor)
        return os.open("/dev/full", os.O_WRONLY), name

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", mkstemp)
        sentence = store.save(Settings(name="other"))
    assert os.strerror(errno.ENOSPC) in sentence
    assert names(tmp_path) == ["settings.json"] and store.load() == (FULL, "")


@pytest.mark.parametrize("bad", [Settings(name="a\nb"), Settings(name="\ud800"), Settings(servers=("x" * 301,))])
def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, bad: Settings) -> None:
    store = SettingsFile(tmp_path)
    assert store.save(FULL) == ""
    assert "could not be saved" in store.save(bad)
    assert store.load() == (FULL, "")


def test_saves_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    values = [Settings(tuple(f"{n}-{m}:8080" * 20 for m in range(n)), name=f"writer {n}") for n in range(4)]
    sentences: List[str] = []
    start = threading.Barrier(len(values) + 1)

    def write(value: Settings) -> None:
        start.wait(30)
        sentences.extend(SettingsFile(tmp_path).save(value) for _ in range(25))

    assert SettingsFile(tmp_path).save(values[0]) == ""
    threads = [threading.Thread(target=write, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    start.wait(30)
    seen = [SettingsFile(tmp_path).load() for _ in range(100)]
    for thread in threads:
        thread.join(30)
    seen.append(SettingsFile(tmp_path).load())
    assert names(tmp_path) == ["settings.json"]
    assert seen[-1][0] in values
    if sys.platform != "win32":  # there a file that another thread has open cannot be replaced: said, not raised
        assert len(sentences) == 100 and set(sentences) == {""}
        assert all(value in values and sentence == "" for value, sentence in seen)


def test_the_fallback_is_where_platformdirs_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platformdirs = pytest.importorskip("platformdirs")
    for value in (None, "", "  ", str(tmp_path / "config")):
        if value is None:
            monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_CONFIG_HOME", value)
        expected = Path(platformdirs.user_config_dir("Rollcall", appauthor=False))
        assert fallback_folder() == expected == settings_folder() == SettingsFile().folder


def test_without_platformdirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert SettingsFile().folder == fallback_folder()
    if sys.platform.startswith("linux"):
        assert SettingsFile().path == tmp_path / "Rollcall" / "settings.json"
