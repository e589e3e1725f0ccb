"""Keep this computer awake for a while: a server that sleeps in the middle of a lesson sees nobody.

`Awake.hold` and `release` may be called again and again, from one thread; what holds ends with this process in any
case. Windows is told by ``SetThreadExecutionState`` (Microsoft, "System Sleep Criteria"), for the thread that calls;
macOS has ``caffeinate -w`` (its manual), which watches our process; systemd has ``systemd-inhibit``, whose lock lasts
as long as the program below it, a ``cat`` that ends when our end of its pipe is closed. Where none of them is there,
nothing happens.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import List, Optional

_CONTINUOUS, _SYSTEM_REQUIRED = 0x80000000, 0x00000001
STUCK_AFTER = 2.0
"""Seconds that the helper has to end."""


def helper_command(platform: str = sys.platform) -> Optional[List[str]]:
    """What keeps this platform awake as long as it runs; None if there is nothing of that kind."""
    if platform == "darwin" and shutil.which("caffeinate"):
        return ["caffeinate", "-i", "-w", str(os.getpid())]
    if platform.startswith("linux") and shutil.which("systemd-inhibit"):
        who = ["--what=sleep:idle", "--who=Rollcall", "--why=a lesson goes on", "--mode=block"]
        return ["systemd-inhibit", *who, "cat"]
    return None


class Awake:
    """Holds this computer awake, or not. One thread."""

    def __init__(self) -> None:
        self._helper: Optional[subprocess.Popen[bytes]] = None
        self.is_held = False

    def hold(self) -> None:
        """From now on. Does nothing if it is so already."""
        if self.is_held:
            return
        self.is_held = True
        if sys.platform == "win32":
            self._tell_windows(_CONTINUOUS | _SYSTEM_REQUIRED)
            return
        command = helper_command()
        if command is not None:
            try:
                self._helper = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            except OSError:
                self._helper = None  # then it sleeps as it would have

    def release(self) -> None:
        """No longer."""
        if not self.is_held:
            return
        self.is_held = False
        if sys.platform == "win32":
            self._tell_windows(_CONTINUOUS)
            return
        helper, self._helper = self._helper, None
        if helper is not None:
            if helper.stdin is not None:
                helper.stdin.close()
            helper.terminate()
            try:
                helper.wait(STUCK_AFTER)
            except subprocess.TimeoutExpired:
                helper.kill()
                helper.wait(STUCK_AFTER)

    def _tell_windows(self, state: int) -> None:
        if sys.platform == "win32":
            import ctypes

            ctypes.windll.kernel32.SetThreadExecutionState(ctypes.c_uint(state))
