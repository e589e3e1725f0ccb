"""crash.py: an error that nobody expected reaches the log and, once, the person."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import Any, Callable, List, Tuple

import pytest

import client_gui
from rollcall.program import crash
from rollcall.program.crash import MAX_LOG, MOST_DIALOGS, CrashReporter, spoken
from tests.helpers import Program, held_open, wait_until
from tests.x11 import Screen


@pytest.fixture(scope="module", autouse=True)
def display() -> None:
    """Tk keeps its connection to the display for the life of the process: it is no test's leftover."""
    try:
        import tkinter
    except ImportError:
        return  # needs_display says so
    try:
        tkinter.Tk().destroy()
    except tkinter.TclError:
        pass


class Told:
    """A reporter whose dialogs are kept in ``dialogs``."""

    def __init__(self, folder: Path) -> None:
        self.dialogs: List[Tuple[str, str]] = []
        self.reporter = CrashReporter("rollcall-client", "1.2.3", folder, self.show)

    def show(self, title: str, text: str) -> None:
        self.dialogs.append((title, text))

    def report(self, error: Exception) -> None:
        try:
            raise error
        except Exception as caught:
            self.reporter.report(type(caught), caught, caught.__traceback__)

    @property
    def log(self) -> str:
        return self.reporter.log_file.read_text(encoding="utf-8")


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "settings folder")


def test_an_error_is_logged_with_time_and_version_and_the_dialog_names_the_log(told: Told) -> None:
    told.report(ValueError("seven dwarfs"))
    assert "--- 2" in told.log and "rollcall-client 1.2.3" in told.log and "MainThread" in told.log
    assert 'Traceback (most recent call last):\n  File "' in told.log and "ValueError: seven dwarfs\n" in told.log
    ((title, text),) = told.dialogs
    assert "Rollcall" in title and "ValueError: seven dwarfs" in text and str(told.reporter.log_file) in text
    assert told.reporter.log_file.name == "rollcall-client.log"


def test_an_error_that_repeats_is_shown_once_and_counted(told: Told) -> None:
    for number in range(120):
        told.report(ValueError(f"number {number}"))
    assert len(told.dialogs) == 1
    assert told.log.count("Traceback") == 1 and told.log.count("\n--- ") == 2
    assert "ValueError at " in told.log and ": 10 times" in told.log and ": 100 times" in told.log


def test_a_log_that_somebody_holds_open_for_a_moment_is_the_log(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    file = told.reporter.log_file
    file.parent.mkdir()
    file.write_bytes(b"x" * MAX_LOG)
    refused = held_open(monkeypatch, "replace", 3)
    told.report(ValueError("seven dwarfs"))
    assert len(refused) == 3 and told.reporter.log_file == file and "seven dwarfs" in told.log
    assert sorted(entry.name for entry in file.parent.iterdir()) == [file.name, file.name + ".old"]


def test_a_run_shows_a_few_dialogs_at_most_and_logs_the_rest(told: Told) -> None:
    for number in range(MOST_DIALOGS + 3):
        try:
            # A line of its own for each: that is what makes errors different.
            exec(compile("\n" * number + "raise OSError('no')", "made up", "exec"))
        except OSError as error:
            told.reporter.report(OSError, error, error.__traceback__)
    assert len(told.dialogs) == MOST_DIALOGS
    assert told.log.count("OSError: no") == MOST_DIALOGS + 3


def test_an_error_in_another_thread_waits_for_the_main_thread(told: Told) -> None:
    def program() -> int:
        work: List[Callable[[], Any]] = [lambda: int("x"), sys.exit]
        threads = [threading.Thread(target=target, name="reader") for target in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told.dialogs == []
        told.reporter.show_waiting()
        return 0

    assert told.reporter.run(program) == 0
    ((_, text),) = told.dialogs  # SystemExit is no error
    assert "ValueError" in text and ", reader\n" in told.log


def test_an_error_that_ends_the_program_is_reported_and_the_hooks_go_back(told: Told) -> None:
    before = sys.excepthook, threading.excepthook
    assert told.reporter.run(lambda: 1 // 0) == 1
    assert (sys.excepthook, threading.excepthook) == before
    assert "ZeroDivisionError" in told.dialogs[0][1] and "ZeroDivisionError" in told.log
    with pytest.raises(SystemExit):
        told.reporter.run(lambda: sys.exit(2))
    assert len(told.dialogs) == 1


def test_ctrl_c_is_no_crash(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    told.reporter.report(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert told.dialogs == [] and not told.reporter.log_file.exists()
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_with_a_console_it_is_printed_too(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    told.report(ValueError("printed"))
    assert "ValueError: printed" in capsys.readouterr().err


def test_without_a_console_everything_works(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    told.report(ValueError("silent"))
    assert "ValueError: silent" in told.log and len(told.dialogs) == 1


def test_a_dialog_that_fails_or_fails_again_inside_harms_nothing(told: Told, tmp_path: Path) -> None:
    def show(title: str, text: str) -> None:
        tries.append(text)
        reporter.report(KeyError, KeyError("inside"), None)  # a callback that the dialog's own loop ran
        raise RuntimeError("no display")

    tries: List[str] = []
    reporter = CrashReporter("rollcall-client", "1", tmp_path, show)
    for error in (ValueError("outside"), TypeError("afterwards")):
        reporter.report(type(error), error, None)
    log = reporter.log_file.read_text(encoding="utf-8")
    assert "outside" in log and "inside" in log and "afterwards" in log
    assert len(tries) == 1  # where one could not be shown, no other is tried


def test_where_the_folder_cannot_be_written_a_temporary_file_takes_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = Told(tmp_path / "file")
    told.report(ValueError("elsewhere"))
    try:
        assert "ValueError: elsewhere" in told.log
        assert str(told.reporter.log_file) in told.dialogs[0][1]
        assert tmp_path not in told.reporter.log_file.parents
    finally:
        told.reporter.log_file.unlink()


def test_without_a_folder_a_temporary_file_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reporter = CrashReporter("rollcall-client", "0.0", None, lambda title, text: None)
    for error in (ValueError("once"), TypeError("again")):
        reporter.report(type(error), error, None)
    try:
        log = reporter.log_file.read_text(encoding="utf-8")
        assert "ValueError: once" in log and "TypeError: again" in log and reporter.log_file.is_absolute()
        assert list(tmp_path.iterdir()) == [], "nothing where the program happens to be started"
    finally:
        reporter.log_file.unlink()


def test_where_nothing_can_be_written_the_dialog_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(crash, "_append", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told = Told(tmp_path)
    told.report(ValueError("lost"))
    assert "ValueError: lost" in told.dialogs[0][1] and "could not be written" in told.dialogs[0][1]


def test_the_log_has_a_bounded_size(told: Told) -> None:
    told.reporter.log_file.parent.mkdir(parents=True)
    told.reporter.log_file.write_text("x" * MAX_LOG)
    told.report(ValueError("y" * 3 * MAX_LOG))
    assert 0 < told.reporter.log_file.stat().st_size < MAX_LOG
    assert told.reporter.log_file.with_name("rollcall-client.log.old").stat().st_size == MAX_LOG


@pytest.mark.parametrize("arguments", [["--help"], ["--nonsense"], ["--version"]])
def test_what_argparse_says_is_a_dialog_where_there_is_no_console(
    told: Told, monkeypatch: pytest.MonkeyPatch, arguments: List[str]
) -> None:
    parser = argparse.ArgumentParser(prog="rollcall-client")
    parser.add_argument("--version", action="version", version="Rollcall 1.2.3")
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit), spoken("Rollcall", told.show):
        parser.parse_args(arguments)
    ((title, text),) = told.dialogs
    assert title == "Rollcall" and ("usage: rollcall-client" in text or text == "Rollcall 1.2.3")
    assert sys.stdout is None and sys.stderr is None


def test_with_a_console_argparse_prints(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    with spoken("Rollcall", told.show):
        print("here")
    assert told.dialogs == [] and capsys.readouterr().out == "here\n"


@pytest.mark.usefixtures("needs_display")
def test_an_error_in_a_callback_of_tk_is_reported_and_the_window_lives_on(told: Told) -> None:
    import tkinter as tk

    root = tk.Tk()
    try:
        told.reporter.watch(root)
        calls: List[int] = []

        def fail() -> None:
            calls.append(1)
            raise ValueError("in a callback")

        root.after(0, fail)
        root.after(1, fail)
        root.after(2, root.quit)
        root.mainloop()
        assert len(calls) == 2 and len(told.dialogs) == 1 and "in a callback" in told.dialogs[0][1]
    finally:
        root.destroy()


@pytest.mark.usefixtures("needs_display")
@pytest.mark.parametrize(
    "arguments, code, shown", [(["--help"], 0, "usage: client_gui.py"), (["--connect"], 2, "--connect needs --server")]
)
def test_the_client_without_a_console_answers_in_a_dialog(
    monkeypatch: pytest.MonkeyPatch, arguments: List[str], code: int, shown: str
) -> None:
    texts: List[str] = []
    monkeypatch.setattr("rollcall.window.dialogs.messagebox.showinfo", lambda title, text, **more: texts.append(text))
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        client_gui.main(arguments)
    assert ended.value.code == code
    assert len(texts) == 1 and shown in texts[0]


@pytest.mark.usefixtures("needs_display")
def test_an_error_while_the_window_is_made_is_a_dialog_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts: List[str] = []
    roots: List[Any] = []

    def broken(root: Any, *unused: object) -> None:
        roots.append(root)
        raise RuntimeError("no window today")

    monkeypatch.setattr("rollcall.window.dialogs.messagebox.showerror", lambda title, text, **more: texts.append(text))
    monkeypatch.setattr(client_gui, "ClientWindow", broken)
    monkeypatch.setattr(client_gui, "settings_folder", lambda: tmp_path)
    try:
        assert client_gui.main([]) == 1
    finally:
        roots[0].destroy()
    assert "no window today" in texts[0] and str(tmp_path / "rollcall-client.log") in texts[0]
    assert "no window today" in (tmp_path / "rollcall-client.log").read_text(encoding="utf-8")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at an X display")
@pytest.mark.usefixtures("needs_display")
def test_the_window_can_be_closed_while_the_dialog_is_shown(tmp_path: Path) -> None:
    script = """
import sys, threading, client_gui
build = client_gui.ClientWindow.__init__
def build_and_fail(window, *arguments):
    build(window, *arguments)
    def fail():
        window.root.after(1, fail)
        raise ValueError("again and again")
    window.root.after(1, fail)
    threading.Thread(target=lambda: 1 // 0).start()
client_gui.ClientWindow.__init__ = build_and_fail
sys.exit(client_gui.main(["--no-find"]))
"""
    with Screen() as screen, Program("-c", script, env={"XDG_CONFIG_HOME": str(tmp_path)}) as program:
        wait_until(lambda: screen.shown("Dialog"), "the dialog")
        log = tmp_path / "Rollcall" / "rollcall-client.log"
        wait_until(lambda: "100 times by now" in log.read_text(encoding="utf-8"), "the error to repeat")
        assert len(screen.shown("Dialog")) == 1
        assert program.stop() == 0
        assert program.text.count("Traceback") == 2  # both are in the log, too; one dialog had no time any more
        assert log.read_text(encoding="utf-8").count("Traceback") == 2
