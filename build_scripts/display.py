"""Tk, and a display to show windows on, for tests and for the executables' smoke test.

Standard library only, as `environment`, which brings what is missing where it can.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import Dict, Iterator, List

from environment import SetupError, apt_install, say

DISPLAY_TIMEOUT = 30.0
"""Seconds that Xvfb has to start."""


def need_tk() -> None:
    """Make sure that this Python has Tk. Raises `SetupError`."""
    # In a process of its own: Tk may have come only with the package.
    probe: List[str] = [sys.executable, "-c", "import tkinter"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return
    if sys.platform.startswith("linux") and sys.executable.startswith("/usr/bin/"):
        apt_install(["python3-tk"], "the window needs Tk, and this Python has none")
        if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return
    raise SetupError("this Python was built without Tk; use one that has it (python -m tkinter shows a window)")


@contextmanager
def display() -> Iterator[Dict[str, str]]:
    """The environment for a program with a window: with a display of its own (``ROLLCALL_DISPLAY=required``) where
    there is none, for as long as the block runs. Raises `SetupError` where that is not possible."""
    env = dict(os.environ)
    if not sys.platform.startswith("linux") or env.get("DISPLAY"):
        yield env
        return
    if shutil.which("Xvfb") is None:
        apt_install(["xvfb"], "windows need a display, and Xvfb is not installed")
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        os.close(write_end)
        try:
            number = _display_number(read_end)
            env.update(DISPLAY=f":{number}", ROLLCALL_DISPLAY="required")
            say(f"Xvfb shows :{number}")
            yield env
        finally:
            os.close(read_end)
            server.terminate()


def _display_number(read_end: int) -> str:
    digits = b""
    while not digits.endswith(b"\n"):
        ready, _, _ = select.select([read_end], [], [], DISPLAY_TIMEOUT)
        piece = os.read(read_end, 16) if ready else b""
        if not piece:
            raise SetupError("Xvfb did not start; try it by hand: Xvfb :99")
        digits += piece
    return digits.decode().strip()
