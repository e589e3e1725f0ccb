"""What the client remembers: round trips, damage of every kind, and saves that fail half way."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from rollcall.program import files
from rollcall.program.folders import settings_folder
from rollcall.window.settings import MAX_FILE, MAX_SERVERS, Settings, SettingsFile
from tests.helpers import PATIENCE, ROOT, make_link, needs_full

FULL = Settings(
    ("192.168.1.20:8080", "klasse-7b.local:8080", "[::1]:9"), "Zoë 李", "dark", 900, 640, 500, 480, 125, True, True,
    True,
)  # fmt: skip


def damaged_copy(store: SettingsFile) -> Path:
    return store.path.parent / "settings.json.damaged"


def names(folder: Path) -> List[str]:
    """What is in the folder, but for the lock."""
    return sorted(entry.name for entry in folder.iterdir() if entry.name != "settings.json.lock")


def save(store: SettingsFile, value: Settings) -> str:
    """All keys anew; the sentence."""
    return store.change(lambda before: value)[1]


def test_nothing_remembered_yet(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path / "not" / "there")
    assert store.load() == (Settings(), "")
    assert not store.path.parent.exists(), "reading makes no folder"


def test_round_trip(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path / "deep" / "folder with a space")
    for value in (FULL, Settings()):
        assert save(store, value) == ""
        assert SettingsFile(store.path.parent).load() == (value, "")
        assert names(store.path.parent) == ["settings.json"]
    assert save(store, FULL) == ""
    assert "Zoë 李" in store.path.read_text(encoding="utf-8"), "readable for a person"


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SettingsFile(tmp_path / "new")
        assert save(store, FULL) == ""
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


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
    "own: text": b'{"own": "yes"}',
    "zoom: text": b'{"zoom": "large"}',
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
    assert save(store, FULL) == ""
    assert store.load() == (FULL, "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"name": "An", "colour": "teal", "plugins": {"a": [1]}}, Settings(name="An")),
        ({"theme": "sepia"}, Settings()),
        ({"width": 359, "height": 239, "zoom": 49, "small_width": 10}, Settings()),
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


@contextmanager
def as_somebody(folder: Path) -> Iterator[None]:
    """As a user who has the folder but not every right; root may read and write whatever it likes."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody, nobody)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder whose parents everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_a_file_that_may_not_be_read_is_left_where_it_is(public_folder: Path) -> None:
    store = SettingsFile(public_folder)
    store.path.write_bytes(b'{"name": "Ann"}')
    store.path.chmod(0)
    with as_somebody(public_folder):
        value, sentence = store.load()
        assert value == Settings() and "could not be read: Permission denied" in sentence
        assert "leaves the file as it is" in sentence and str(store.path) in sentence
        value, sentence = store.change(lambda before: replace(before, theme="dark"))
        assert value.theme == "dark", "for this run"
        assert "could not be saved" in sentence and "Permission denied" in sentence
        assert names(public_folder) == ["settings.json"]
        store.path.chmod(0o600)
        assert store.change(lambda before: replace(before, width=900)) == (Settings(name="Ann", width=900), "")


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to itself"])
def test_what_is_no_file_is_left_where_it_is(tmp_path: Path, kind: str) -> None:
    store = SettingsFile(tmp_path)
    if kind == "folder":
        store.path.mkdir()
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("Windows has no pipes among its files")
        os.mkfifo(store.path)
    else:
        make_link(store.path, store.path)
    before = store.path.lstat()
    value, sentence = store.load()
    assert value == Settings() and "could not be read" in sentence
    assert "could not be saved" in save(store, FULL)
    assert names(tmp_path) == ["settings.json"] and store.path.lstat().st_ino == before.st_ino


def test_damaged_and_cannot_be_put_aside(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path)
    store.path.write_bytes(b"{")
    (damaged_copy(store) / "full").mkdir(parents=True)
    value, sentence = store.load()
    assert value == Settings() and "is damaged" in sentence and "could not be put aside" in sentence
    assert "could not be saved" in save(store, FULL)
    assert store.path.read_bytes() == b"{", "not overwritten, as nobody else has what is in it"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Rollcall"
    folder.write_text("mine")
    store = SettingsFile(folder)
    value, _ = store.load()
    assert value == Settings()
    sentence = save(store, FULL)
    assert "could not be saved" in sentence and str(store.path) in sentence
    assert folder.read_text() == "mine"
    assert names(tmp_path) == ["Rollcall"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    store = SettingsFile(tmp_path)
    assert save(store, FULL) == ""
    before = store.path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        sentence = save(store, Settings(name="other"))
    assert os.strerror(number) in sentence
    assert names(tmp_path) == ["settings.json"] and store.path.read_bytes() == before


@needs_full
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SettingsFile(tmp_path)
    assert save(store, FULL) == ""
    original = tempfile.mkstemp

    def mkstemp(**arguments: Any) -> Any:
        descriptor, name = original(**arguments)
        os.close(descriptor)
        return os.open("/dev/full", os.O_WRONLY), name

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", mkstemp)
        sentence = save(store, Settings(name="other"))
    assert os.strerror(errno.ENOSPC) in sentence
    assert names(tmp_path) == ["settings.json"] and store.load() == (FULL, "")


@pytest.mark.parametrize("bad", [Settings(name="a\nb"), Settings(name="\ud800"), Settings(servers=("x" * 301,))])
def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, bad: Settings) -> None:
    store = SettingsFile(tmp_path)
    assert save(store, FULL) == ""
    assert "could not be saved" in save(store, bad)
    assert store.load() == (FULL, "")


def test_saves_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    values = [Settings(tuple(f"{n}-{m}:8080" * 20 for m in range(n)), name=f"writer {n}") for n in range(4)]
    sentences: List[str] = []
    start = threading.Barrier(len(values) + 1)

    def write(value: Settings) -> None:
        start.wait(30)
        sentences.extend(save(SettingsFile(tmp_path), value) for _ in range(25))

    assert save(SettingsFile(tmp_path), values[0]) == ""
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


def test_two_windows_do_not_undo_each_other(tmp_path: Path) -> None:
    one, other = SettingsFile(tmp_path), SettingsFile(tmp_path)
    save(one, FULL)
    assert other.load() == one.load()
    assert one.change(lambda before: replace(before, theme="light"))[1] == ""
    assert one.change(lambda before: before.with_server("new:1"))[1] == ""
    value, sentence = other.change(lambda before: replace(before, name="Ben"))
    assert sentence == "" and value == replace(FULL, theme="light", name="Ben").with_server("new:1")
    assert SettingsFile(tmp_path).load() == (value, "")


def test_a_change_leaves_what_it_does_not_mean(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path)
    written = {"theme": "sepia", "colour": "teal", "plugins": {"a": [1, None]}, "odd": "\ud800", "name": "Ann"}
    store.path.write_text(json.dumps(written))
    assert store.load() == (Settings(name="Ann"), "")
    assert store.change(lambda before: replace(before, width=900)) == (Settings(name="Ann", width=900), "")
    assert json.loads(store.path.read_text("utf-8")) == {**written, "width": 900}
    written_at = store.path.stat().st_mtime_ns, store.path.stat().st_ino
    assert store.change(lambda before: replace(before, width=900))[1] == ""
    assert (store.path.stat().st_mtime_ns, store.path.stat().st_ino) == written_at, "nothing to write"


@pytest.mark.parametrize(
    "other",
    ["x" * (MAX_FILE - 40), [[[[[[[[1] * 9000]]]]]]], json.loads("[" * 900 + "]" * 900)],
    ids=["long", "wide", "deep"],  # pytest puts them into the environment, where Windows has room for 32 KiB
)
def test_keys_of_others_never_make_the_file_one_that_cannot_be_read(tmp_path: Path, other: Any) -> None:
    store = SettingsFile(tmp_path)
    store.path.write_text(json.dumps({"name": "Ann", "other": other}))
    assert store.change(lambda before: replace(before, theme="dark"))[1] == ""
    assert SettingsFile(tmp_path).load() == (Settings(name="Ann", theme="dark"), "")


def test_a_file_that_went_or_was_damaged_meanwhile_is_written_anew_with_all_that_is_known(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path)
    save(store, FULL)
    store.path.unlink()
    assert store.change(lambda before: replace(before, width=901)) == (replace(FULL, width=901), "")
    store.path.write_bytes(b"{")
    value, sentence = store.change(lambda before: replace(before, width=902))
    assert value == replace(FULL, width=902) and "is damaged" in sentence
    assert damaged_copy(store).read_bytes() == b"{" and SettingsFile(tmp_path).load() == (value, "")


CHANGE = """
import sys
from dataclasses import replace
from pathlib import Path
from rollcall.window.settings import SettingsFile
store, key = SettingsFile(Path(sys.argv[1])), sys.argv[2]
for number in range(40):
    value = {"servers": (f"h:{number + 1}",), "name": str(number)}.get(key, 500 + number)
    assert store.change(lambda before: replace(before, **{key: value}))[1] == ""
"""


def test_programs_that_change_at_once_lose_nothing(tmp_path: Path) -> None:
    keys = ("servers", "name", "width", "height")
    running = [
        subprocess.Popen([sys.executable, "-c", CHANGE, str(tmp_path), key], cwd=ROOT, stderr=subprocess.PIPE)
        for key in keys
    ]
    said = [process.communicate(timeout=PATIENCE)[1] for process in running]
    assert not any(said) and [process.returncode for process in running] == [0] * 4, said
    assert SettingsFile(tmp_path).load() == (Settings(("h:40",), "39", "light", 539, 539), "")
    assert names(tmp_path) == ["settings.json"]


@pytest.mark.skipif(os.name != "posix", reason="not every user of Windows may make symbolic links")
@pytest.mark.parametrize("target", ["there", "not there yet", "damaged"])
def test_a_symbolic_link_stays_one(tmp_path: Path, target: str) -> None:
    elsewhere = tmp_path / "dotfiles" / "rollcall.json"
    elsewhere.parent.mkdir()
    if target != "not there yet":
        elsewhere.write_text("{" if target == "damaged" else '{"name": "Ann"}')
    store = SettingsFile(tmp_path / "config")
    store.path.parent.mkdir()
    make_link(store.path, Path("..") / "dotfiles" / "rollcall.json")
    sentence = store.load()[1]
    assert ("rollcall.json.damaged" in sentence) == (target == "damaged")
    value, sentence = store.change(lambda before: replace(before, theme="dark"))
    assert sentence == "" and store.path.is_symlink()
    assert json.loads(elsewhere.read_text())["theme"] == "dark" and store.load() == (value, "")
    assert value.name == ("Ann" if target == "there" else "")
    assert names(store.path.parent) == ["settings.json"]


class Scanner:
    """Holds files open as on Windows: for so long, opening or replacing them is refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str, refusals: int) -> None:
        self.left = refusals
        self._call = getattr(os, call)
        monkeypatch.setattr(files, "OTHERS_HOLD_FILES", True)
        monkeypatch.setattr(os, call, self)

    def __call__(self, path: Any, *more: Any, **options: Any) -> Any:
        if self.left and "lock" not in str(path) and str(path).startswith("/"):
            self.left -= 1
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return self._call(path, *more, **options)


@pytest.mark.skipif(sys.platform == "win32", reason="simulates Windows")
@pytest.mark.parametrize("call", ["open", "replace"])
def test_a_file_that_somebody_holds_open_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = SettingsFile(tmp_path)
    save(store, FULL)
    scanner = Scanner(monkeypatch, call, 3)
    assert store.load() == (FULL, "")
    assert store.change(lambda before: replace(before, name="Ben")) == (replace(FULL, name="Ben"), "")
    assert scanner.left == 0
    monkeypatch.setattr(files, "OTHERS_HOLD_FILES", False)
    scanner.left = 1
    sentences = store.load()[1], store.change(lambda before: replace(before, name="Cleo"))[1]
    assert scanner.left == 0 and "Permission denied" in "".join(sentences), "elsewhere it is what it says, at once"


@pytest.mark.skipif(sys.platform == "win32", reason="simulates Windows")
@pytest.mark.parametrize("call", ["open", "replace"])
def test_a_file_that_stays_held_open_is_neither_damaged_nor_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = SettingsFile(tmp_path)
    save(store, FULL)
    scanner = Scanner(monkeypatch, call, 1000)
    begun = time.monotonic()
    sentences = store.load()[1], save(SettingsFile(tmp_path), Settings())
    assert 0.2 <= time.monotonic() - begun < 5 and scanner.left < 1000
    scanner.left = 0
    assert all("damaged" not in sentence for sentence in sentences) and "could not be saved" in sentences[1]
    assert names(tmp_path) == ["settings.json"] and store.load() == (FULL, "")


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere an open file can be replaced")
def test_windows_waits_for_who_has_the_file_open(tmp_path: Path) -> None:
    store = SettingsFile(tmp_path)
    save(store, FULL)
    with open(store.path, "rb"):
        assert "could not be saved" in save(store, Settings())
    scanner = os.open(store.path, os.O_RDONLY)
    timer = threading.Timer(0.05, os.close, (scanner,))
    timer.start()
    assert save(store, Settings()) == "" and store.load() == (Settings(), "")
    timer.join()


def test_a_lock_that_somebody_holds_for_ever_is_waited_for_and_then_is_no_reason_not_to_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOCK_PATIENCE", 0.05)
    store = SettingsFile(tmp_path)
    with files.locked(tmp_path / "settings.json.lock"):
        begun = time.monotonic()
        assert save(store, FULL) == "" and time.monotonic() - begun >= 0.05
    assert store.load() == (FULL, "")


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_a_lock_that_may_not_be_had_is_no_reason_not_to_save(tmp_path: Path, public_folder: Path) -> None:
    linked = SettingsFile(public_folder / "read only")
    (public_folder / "elsewhere").mkdir()
    linked.path.parent.mkdir()
    make_link(linked.path, public_folder / "elsewhere" / "file")
    with as_somebody(public_folder):
        linked.path.parent.chmod(0o500)
        assert save(linked, FULL) == "" and linked.load() == (FULL, ""), "the folder may not be written, the target may"


def test_who_has_no_home_folder_is_told_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rollcall.window.settings.settings_folder", lambda: None)
    store = SettingsFile()
    value, sentence = store.load()
    assert value == Settings() and "no home folder" in sentence and "HOME" in sentence
    assert store.change(lambda before: replace(before, name="Ann")) == (Settings(name="Ann"), "")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_in_the_platforms_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    place = settings_folder()
    assert place is not None and SettingsFile().path == place / "settings.json"
