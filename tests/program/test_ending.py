"""ending.py: after the last line nothing keeps the process."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import List

import pytest

from tests.helpers import ROOT, Program, ServerProgram, full_pipe

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that can be filled")

CLINGING = """
import atexit, logging, threading
from rollcall.program.ending import run

def main():
    threading.Thread(target=threading.Event().wait).start()
    atexit.register(threading.Event().wait)
    print("stopped", end="")
    return 7

run(main)
"""


def test_neither_a_thread_nor_an_exit_handler_keeps_it() -> None:
    with Program("-c", CLINGING) as program:
        assert program.wait() == 7
        assert program.lines == ["stopped"]


UNREAD = """
import sys
from rollcall.program.ending import run

sys.stdout = open(1, "w")  # with a buffer, which Python would flush, and wait
run(lambda: sys.stdout.write("stopped") and 3)
"""


@posix
def test_what_nobody_reads_does_not_keep_it() -> None:
    with full_pipe() as pipe, Program("-c", UNREAD, stdout=pipe) as program:
        assert program.wait() == 3


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        ("sys.exit()", 0, []),
        ("sys.exit(2)", 2, []),
        ("sys.exit('no')", 1, ["no"]),
        ("sys.stdout.write('help') and sys.exit()", 0, ["help"]),
    ],
)
def test_what_argparse_wishes_is_obeyed(end: str, code: int, words: List[str]) -> None:
    with Program("-c", f"import sys; from rollcall.program.ending import run; run(lambda: {end})") as program:
        assert (program.wait(), program.lines) == (code, words)


SPEAKING = """
import sys
from rollcall.program.ending import speak_utf8

sys.stdout = open(1, "w", encoding="cp1252", closefd=False)
{more}
speak_utf8({environ})
print("Łukasz", flush=True)
"""


def test_what_is_said_to_a_file_or_a_pipe_is_utf_8() -> None:
    with Program("-c", SPEAKING.format(environ={}, more="")) as program:
        assert (program.wait(), program.lines) == (0, ["Łukasz"])
    with Program("-c", SPEAKING.format(environ={}, more="sys.stderr = None")) as program:
        assert (program.wait(), program.lines) == (0, ["Łukasz"])


def test_who_wishes_another_encoding_gets_it() -> None:
    script = SPEAKING.format(environ={"PYTHONIOENCODING": "cp1252:backslashreplace"}, more="").replace("Ł", "Ö")
    with Program("-c", script) as program:
        assert (program.wait(), program.lines) == (0, ["\ufffdukasz"])


def test_settings_in_a_folder_with_umlauts_are_read_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "Übungsraum 7ß – Łukasz"
    folder.mkdir()
    log = folder / "Übung.log"
    legacy = {"PYTHONUTF8": "0", "PYTHONIOENCODING": ""}
    with ServerProgram(folder, "--log-file", str(log), env=legacy, name="Müller – Łukasz") as server:
        assert re.search('name += "Müller – Łukasz"', server.text)
        command = (ROOT / "client.py", server.address, "--name", "Jürgen Łukasz")
        with Program(*command, env=legacy) as client:
            client.wait_for_line("here: Jürgen Łukasz")
            assert client.stop() == 0
        server.wait_for_line('left: "Jürgen Łukasz"')
        assert server.stop() == 0
    assert 'joined: "Jürgen Łukasz"' in log.read_text(encoding="utf-8")
    with Program(ROOT / "server.py", "--config", folder / "gibt es nicht ü.toml", env=legacy) as server:
        assert server.wait() == 2
        assert "gibt es nicht ü.toml" in server.text
