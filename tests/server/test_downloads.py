"""rollcall/server/downloads.py: the files of one folder, and no others."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path
from typing import List, Optional, Tuple

import pytest

from rollcall.server.downloads import BLOCK, MAX_FILES, Downloads, NotSatisfiable, requested_range, system_of
from tests.helpers import make_link, wait_until

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def content(found: Downloads, name: str) -> Optional[bytes]:
    file = found.open(name)
    if file is None:
        return None
    with file:
        return b"".join(file.blocks(0, file.size))


def test_the_plain_files_of_the_folder_are_offered_with_their_sums(tmp_path: Path) -> None:
    (tmp_path / "rollcall-client.exe").write_bytes(b"x" * 200_000)
    (tmp_path / "a.deb").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"secret")
    (tmp_path / "folder").mkdir()
    found = Downloads(tmp_path)
    assert [(offer.name, offer.size, offer.system) for offer in found.offers()] == [
        ("a.deb", 0, "Linux"), ("rollcall-client.exe", 200_000, "Windows"),
    ]  # fmt: skip
    assert found.offers()[1].sum == hashlib.sha256(b"x" * 200_000).hexdigest()
    assert content(found, "rollcall-client.exe") == b"x" * 200_000
    for name in (".hidden", "folder", "", ".", "..", "A.DEB", "a.deb ", "a.deb.", "folder/../a.deb", "./a.deb", "\0",
                 "CON", "nul.txt", "a.deb:stream", "..\\x", str(tmp_path / "a.deb")):  # fmt: skip
        assert found.open(name) is None, name


def test_links_and_what_is_no_file_are_not_handed_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = tmp_path / "downloads"
    folder.mkdir()
    make_link(folder / "link", secret)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
    found = Downloads(folder)
    assert found.offers() == [] and found.open("link") is None and found.open("pipe") is None


@posix
def test_a_link_that_takes_the_place_of_a_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "downloads"
    folder.mkdir()
    found = Downloads(folder)
    monkeypatch.setattr(found, "_names", lambda: ["file", "pipe"])
    make_link(folder / "file", tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    assert found.open("file") is None and found.open("pipe") is None, "and nobody waits for a pipe"


def test_no_folder_is_no_downloads(tmp_path: Path) -> None:
    for found in (Downloads(None), Downloads(tmp_path / "none")):
        assert found.offers() == [] and found.open("x") is None


def test_a_folder_full_of_files_is_bounded(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 5):
        (tmp_path / f"{number:04}").touch()
    assert len(Downloads(tmp_path).offers()) == MAX_FILES


def test_a_file_that_is_replaced_is_sent_to_its_end_and_one_that_is_changed_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.exe"
    path.write_bytes(b"1" * (3 * BLOCK))
    found = Downloads(tmp_path)
    file = found.open("a.exe")
    assert file is not None
    if os.name != "nt":  # where an open file can be replaced
        with file:
            blocks = file.blocks(0, file.size)
            first = next(blocks)
            (tmp_path / "new").write_bytes(b"2" * (3 * BLOCK))
            os.replace(tmp_path / "new", path)
            assert first + b"".join(blocks) == b"1" * (3 * BLOCK), "the old one, whole"
        file = found.open("a.exe")
        assert file is not None
    with file:
        blocks = file.blocks(0, file.size)
        next(blocks)
        with path.open("r+b") as writer:
            writer.truncate(BLOCK + 1)
        os.utime(path, ns=(1, 1))
        assert list(blocks) == [], "no mixture"
        assert found.sum_of("a.exe", file) == "", "nor a sum of one"
    assert found.offers()[0].sum == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_sum_is_computed_once_for_all_who_wait_and_again_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.exe"
    path.write_bytes(b"1")
    found, computed, go, real = Downloads(tmp_path), [], threading.Event(), hashlib.sha256

    def slow() -> hashlib._Hash:
        computed.append(1)
        go.wait(10)
        return real()

    monkeypatch.setattr(hashlib, "sha256", slow)
    sums: List[str] = []
    threads = [threading.Thread(target=lambda: sums.append(found.offers()[0].sum)) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: computed, "one of them to begin")
    go.set()
    for thread in threads:
        thread.join()
    assert sums == [real(b"1").hexdigest()] * 4 and len(computed) == 1
    path.write_bytes(b"22")
    assert found.offers()[0].sum == real(b"22").hexdigest() and len(computed) == 2


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("rollcall-0.1.0-windows-amd64.zip", "Windows"), ("rollcall-client.EXE", "Windows"), ("x-win64.zip", "Windows"),
        ("rollcall-0.1.0-macos-arm64.tar.gz", "macOS"), ("x-darwin.zip", "macOS"), ("Rollcall.dmg", "macOS"),
        ("rollcall-0.1.0-linux-x86_64.tar.gz", "Linux"), ("rollcall_0.1.0_amd64.deb", "Linux"), ("SHA256SUMS", ""),
    ],
)  # fmt: skip
def test_the_name_tells_for_which_system_it_is(name: str, system: str) -> None:
    assert system_of(name) == system


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-", (0, 100)), ("bytes=0-0", (0, 1)), ("bytes=50-59", (50, 10)), ("bytes=90-1000", (90, 10)),
        ("bytes=-10", (90, 10)), ("bytes=-1000", (0, 100)), ("", None), ("bytes=5-2", None), ("bytes=0-1,5-6", None),
        ("lines=0-1", None), ("bytes=-", None), ("bytes=x-", None), ("bytes=0-" + "9" * 30, None), ("bytes=²-", None),
    ],
)  # fmt: skip
def test_ranges(text: str, expected: Optional[Tuple[int, int]]) -> None:
    assert requested_range(text, 100) == expected


@pytest.mark.parametrize(("text", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_ranges_outside_the_file(text: str, size: int) -> None:
    with pytest.raises(NotSatisfiable):
        requested_range(text, size)
