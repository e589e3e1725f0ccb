"""lesson_start.py, and a teacher's import: what is no class list is said in words, and no list is lost by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from rollcall.server.class_text import MAX_BYTES, ClassError
from rollcall.server.lesson_start import classes_of
from rollcall.server.settings import ServerConfig
from tests.helpers import PATIENCE, ROOT
from tests.server.test_classroom import Teacher, lesson_server, write_class

GIGABYTES = 2 * 1024**3
PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 8
WIDE = "\n".join(",".join(f"Name{row}x{column}" for column in range(500)) for row in range(3))


def wrong_files(folder: Path) -> List[Tuple[Path, str]]:
    """Files that are no class list, and what is said of each."""
    found = []
    for name, data, said in (
        ("picture.csv", PICTURE, "it is a picture; a class list is text"),
        ("wide.csv", WIDE.encode(), "line 1 has 500 columns; there may be at most 100: keep those with the names"),
        ("large.csv", b"Ann Lee\n" * (MAX_BYTES // 8 + 1), "has 2 MB; more than 2 MB is no class list"),
        (
            "many.csv",
            b"".join(b"Kid%d Lee\n" % number for number in range(1001)),
            "1001 names; a class may have at most",
        ),
        ("empty.csv", b"", "it is empty; a class list has one name a line"),
    ):
        (folder / name).write_bytes(data)
        found.append((folder / name, said))
    (folder / "folder.csv").mkdir()
    found.append((folder / "folder.csv", "is a folder; name the file with the list in it"))
    with open(folder / "huge.csv", "wb") as file:
        file.truncate(GIGABYTES)
    found.append((folder / "huge.csv", "has 2147 MB; more than 2 MB is no class list"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.csv")
        found.append((folder / "pipe.csv", "it is not a regular file"))
    if os.name != "nt":
        (folder / "loop.csv").symlink_to(folder / "loop.csv")
        found.append((folder / "loop.csv", "cannot be read: "))
    return [*found, (folder / "missing.csv", "cannot be read: No such file")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sparse files by itself")
def test_what_is_no_class_list_is_said_in_words_and_the_lists_are_what_they_were(tmp_path: Path) -> None:
    write_class(tmp_path)
    before = (tmp_path / "classes" / "7b.txt").read_bytes()
    said: List[str] = []
    config = ServerConfig(host="127.0.0.1", port=0)
    wrong = wrong_files(tmp_path)
    for path, words in wrong:
        with pytest.raises(ClassError) as error:
            classes_of(config, tmp_path, ["7b", str(path)], said.append)
        assert words in str(error.value) and str(path) in str(error.value) and len(str(error.value).splitlines()) == 1
    assert not said and [file.name for file in (tmp_path / "classes").iterdir()] == ["7b.txt"]
    assert (tmp_path / "classes" / "7b.txt").read_bytes() == before
    home = {name: str(tmp_path) for name in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA")}
    (huge,) = (path for path, _ in wrong if path.name == "huge.csv")
    command = [sys.executable, str(ROOT / "server.py"), "--port", "0", "--class", str(huge)]
    done = subprocess.run(command, env={**os.environ, **home}, encoding="utf-8", capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)  # fmt: skip
    assert done.returncode == 2 and "has 2147 MB" in done.stderr and "Traceback" not in done.stderr


def test_a_teacher_who_sends_what_is_no_class_list_reads_why_and_goes_on(tmp_path: Path) -> None:
    write_class(tmp_path)
    before = (tmp_path / "classes" / "7b.txt").read_bytes()
    with lesson_server(tmp_path, "7b") as (_, port), Teacher(port) as teacher:

        def sent(text: str, size: int = 900) -> Dict[str, Any]:
            """The answer to the last piece."""
            pieces = [text[at : at + size] for at in range(0, len(text), size)] or [""]
            for number, piece in enumerate(pieces, 1):
                given = {"part": number, "parts": len(pieces), "text": piece, "write": True}
                answer = teacher.act("import_class", class_name="7b", **given)
                assert answer["type"] == "done" or number == len(pieces)
            return answer

        for text, words in (
            (PICTURE.decode("cp1252", "replace"), "it is no text"),
            ("\0\1\2" * 300, "it is no text"),
            (WIDE, "500 columns; there may be at most 100"),
            ("", "it is empty"),
            ("\n".join(f"Kid{number} Lee" for number in range(1001)), "1001 names; a class may have at most 1000"),
            ("ü" * (MAX_BYTES // 2 + 1), "it has more than 2 MB"),
        ):
            answer = sent(text, 1000)
            assert answer["type"] == "denied" and words in answer["message"], (text[:40], answer)
        assert (tmp_path / "classes" / "7b.txt").read_bytes() == before
        answer = teacher.act("import_class", class_name="../7b", part=1, parts=1, text="Ann Lee", write=True)
        assert answer["type"] == "denied" and "cannot be the name of a class" in answer["message"]
        assert sent("Ann Lee\nMia Moon\n")["note"].startswith("7b has 2 names")
