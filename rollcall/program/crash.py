"""An error that nobody expected: into a log file, and once to the person.

A program with a window may have no console: its ``sys.stdout`` and ``sys.stderr`` are None (PyInstaller's windowed
programs on Windows), and without this module an error would end it without a word. `CrashReporter` takes what reaches
``sys.excepthook``, ``threading.excepthook`` and Tk's ``report_callback_exception``, writes the traceback to a log file
and shows one dialog that names the file. `spoken` does the same for what argparse prints.

The same error may come twenty times a second, from a callback that repeats. It is written in full the first time and
then counted; a run shows at most `MOST_DIALOGS` dialogs, each error once, never two at a time. The log has a bounded
size: when it is full it becomes ``….log.old``, and the older one of that name goes.

No Tk here: whoever installs it gives a function that shows a dialog. It is called in the main thread only, because Tk
belongs there; what happened in another thread waits until the main thread calls `show_waiting`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import platform
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type

from rollcall.program.files import patiently

Show = Callable[[str, str], object]
"""Shows a title and a text, and returns when the person has seen it."""

MOST_DIALOGS = 3
MAX_LOG = 256 * 1024
"""Bytes of the log before it makes room. A report has 2 to 5 KiB."""
MAX_REPORT = 32 * 1024
"""Characters of one report; the end, which says most, is kept."""
COUNTED = (10, 100, 1_000, 10_000, 100_000)
"""How often an error must have come for another line in the log."""


class CrashReporter:
    """Reports errors of ``program``, which has that ``version``, to ``program.log`` in ``folder`` and with ``show``.

    Without a folder, or where it may not be written, the log is a temporary file.
    """

    def __init__(self, program: str, version: str, folder: Optional[Path], show: Show) -> None:
        self.program = program
        self.version = version
        self.log_file = (folder or Path()) / f"{program}.log"
        self._has_place = folder is not None
        self._show = show
        self._shown = 0
        self._showing = False
        # Guards the two below: errors come from any thread.
        self._lock = threading.Lock()
        self._seen: Dict[Tuple[str, str, int], int] = {}
        self._waiting: List[str] = []

    def run(self, program: Callable[[], int]) -> int:
        """Call ``program`` with the hooks in place; its exit code, or 1 if an error ended it. Main thread."""
        hooks = sys.excepthook, threading.excepthook
        sys.excepthook, threading.excepthook = self.report, self._report_of_thread
        try:
            return program()
        except Exception as error:
            self.report(type(error), error, error.__traceback__)
            return 1
        finally:
            sys.excepthook, threading.excepthook = hooks

    def watch(self, root: Any) -> None:
        """Take the errors of the callbacks of this ``tkinter.Tk``, too."""
        root.report_callback_exception = self.report

    def report(self, kind: Type[BaseException], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        """Log an error and say so. Any thread; the dialog comes at once in the main thread only. Never raises."""
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), trace)
            return
        frame = traceback.extract_tb(trace)[-1:]
        place = (kind.__name__, frame[0].filename, frame[0].lineno or 0) if frame else (kind.__name__, "", 0)
        with self._lock:
            count = self._seen[place] = self._seen.get(place, 0) + 1
        if count == 1:
            text = "".join(traceback.format_exception(kind, error, trace))
            last = "".join(traceback.format_exception_only(kind, error)).strip()
            _to_console(text)
            written = self._write(text[-MAX_REPORT:])
            with self._lock:
                self._waiting.append(_sentence(last, written, self.log_file))
        elif count in COUNTED:
            self._write(f"{kind.__name__} at {place[1]}:{place[2]}: {count} times by now\n")
        if threading.current_thread() is threading.main_thread():
            self.show_waiting()

    def show_waiting(self) -> None:
        """Show what other threads have reported. Main thread; the window calls it now and then. Never raises."""
        while not self._showing:
            with self._lock:
                if not self._waiting:
                    return
                text = self._waiting.pop(0)
            if self._shown == MOST_DIALOGS:
                continue  # it is in the log
            self._shown += 1
            self._showing = True  # a dialog runs callbacks of its own, which may fail as well
            try:
                self._show("Rollcall: an error", text)
            except Exception as error:
                # Tk is what broke, or the window was closed meanwhile: no time for more of them.
                self._shown = MOST_DIALOGS
                _to_console(f"the dialog could not be shown: {error}\n")
            finally:
                self._showing = False

    def _report_of_thread(self, args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, SystemExit):  # a thread may end that way
            self.report(args.exc_type, args.exc_value, args.exc_traceback)

    def _write(self, text: str) -> str:
        """Append to the log, or to a temporary file where that is not possible. What went wrong, or nothing."""
        head = f"--- {time.strftime('%Y-%m-%d %H:%M:%S %z')} {self.program} {self.version}, "
        head += f"Python {platform.python_version()}, {_system()}, {threading.current_thread().name}\n"
        try:
            try:
                if not self._has_place:
                    raise FileNotFoundError(errno.ENOENT, "there is no folder for it")
                patiently(lambda: _append(self.log_file, head + text))
            except OSError:
                # A name that nobody can know beforehand: in a folder for all, it might be somebody's trap.
                descriptor, name = tempfile.mkstemp(prefix=self.program + "-", suffix=".log")
                os.close(descriptor)
                self.log_file, self._has_place = Path(name), True
                _append(self.log_file, head + text)
        except OSError as error:
            return f"{self.log_file}: {error.strerror or error}"
        return ""


@contextlib.contextmanager
def spoken(title: str, show: Show) -> Iterator[None]:
    """Without a console, show in a dialog what is printed meanwhile, such as argparse's help and complaints."""
    if sys.stdout is not None and sys.stderr is not None:
        yield
        return
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            yield
        finally:
            if said.getvalue():
                show(title, said.getvalue().rstrip())


def _sentence(last: str, problem: str, log_file: Path) -> str:
    where = f"The log could not be written ({problem})." if problem else f"The details are in\n{log_file}"
    return f"Something went wrong in Rollcall that should not:\n\n{last[:500]}\n\n{where}"


def _system() -> str:
    """The system and its version. `platform.platform` asks another program for it on Windows, ``cmd``, which opens a
    console for a moment and may be what does not work."""
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        return f"Windows {version.major}.{version.minor}.{version.build}"
    system = os.uname()
    return f"{system.sysname} {system.release} {system.machine}"


def _append(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if file.stat().st_size + len(text) > MAX_LOG:
            os.replace(file, file.with_name(file.name + ".old"))
    except FileNotFoundError:
        pass
    with file.open("a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(text)


def _to_console(text: str) -> None:
    if sys.stderr is not None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            pass  # a console that has gone
