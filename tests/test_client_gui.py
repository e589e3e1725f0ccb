"""client_gui.py: the real window on a real display, with the real server."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import pytest

import client_gui
from client import Client
from protocol import __version__
from rollcall.client.events import Connecting, Refused
from rollcall.client.login import login_name
from rollcall.window.notices import NOTICE
from rollcall.window.settings import Settings, SettingsFile
from rollcall.window.table_order import COLUMNS, FOR, NAME, as_csv, as_text
from rollcall.wire.clock import monotonic
from tests.helpers import PATIENCE, ROOT, FakeClock, Program, RawClient, ServerProgram, running_server, screen
from tests.x11 import Screen

tk: Any = pytest.importorskip("tkinter", reason="this Python has no Tk")
theme_module: Any = pytest.importorskip("rollcall.window.theme", reason="this Python has no Tk")
LIGHT, DARK, PALETTES = theme_module.LIGHT, theme_module.DARK, theme_module.PALETTES
pytestmark = pytest.mark.usefixtures("needs_display")

SHORT: Dict[str, Any] = {"heartbeat_interval": 0.2, "connection_timeout": 1.0}


@pytest.fixture(scope="module", autouse=True)
def display() -> None:
    """Tk keeps its connection to the display for the life of the process: it is no test's leftover."""
    try:
        tk.Tk().destroy()
    except (AttributeError, tk.TclError):
        pass  # needs_display says why


class Driven:
    """A window and a person."""

    def __init__(
        self,
        server: str = "",
        name: str = "Me",
        settings: Optional[SettingsFile] = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.root = tk.Tk(className="Rollcall")
        self.window = client_gui.ClientWindow(self.root, server, name, settings, clock)
        self.tree = self.window.table.tree
        self.said: List[str] = []
        self.window.show_message = lambda title, message, **options: self.said.append(message)

    def until(self, true: Callable[[], Any], what: str) -> None:
        """Let the window live until something is true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            self.root.update()
            assert time.monotonic() < deadline, f"still not: {what}; status {self.status!r}, rows {self.rows()}"
            threading.Event().wait(0.005)

    def needs_focus(self) -> None:
        """Skip the test where nobody gives our window the focus: Wine without a window manager, or a busy desktop."""
        self.root.focus_force()
        self.root.update()
        if sys.platform == "win32" and self.root.focus_get() is None:
            pytest.skip("this desktop does not give a window the focus")

    def press(self, key: str, widget: Any = None) -> None:
        """A key, where the focus is or should be."""
        (widget or self.root).focus_force()
        self.root.update()
        (self.root.focus_get() or self.root).event_generate(key)
        self.root.update()

    def click_heading(self, column: str) -> None:
        self.root.update()
        left = sum(int(self.tree.column(key, "width")) for key in list(COLUMNS)[: list(COLUMNS).index(column)])
        x, y = left + 20, 8
        assert self.tree.identify_region(x, y) == "heading"
        for event in ("<Enter>", "<Motion>", "<Button-1>", "<ButtonRelease-1>"):
            self.tree.event_generate(event, x=x, y=y)
        self.root.update()

    def rows(self) -> List[List[str]]:
        return [[str(value) for value in self.tree.item(item, "values")] for item in self.tree.get_children()]

    def names(self) -> List[str]:
        return [row[0] for row in self.rows()]

    def item(self, name: str) -> str:
        (item,) = [item for item in self.tree.get_children() if self.tree.item(item, "values")[0] == name]
        return str(item)

    def tags(self, name: str) -> List[str]:
        return list(self.tree.item(self.item(name), "tags"))

    def values(self, name: str) -> List[str]:
        return [str(value) for value in self.tree.item(self.item(name), "values")]

    def is_connected(self) -> bool:
        return self.status.startswith("Connected to")

    @property
    def status(self) -> str:
        return self.window.status_text.get()

    @property
    def pill(self) -> str:
        return str(self.window.bar.pill.cget("text"))

    @property
    def log(self) -> str:
        return self.window.log.text.get("1.0", "end-1c")

    def state(self, widget: Any) -> str:
        return str(widget.cget("state"))


@contextmanager
def driven(
    server: str = "",
    name: str = "Me",
    settings: Optional[SettingsFile] = None,
    clock: Callable[[], float] = monotonic,
) -> Iterator[Driven]:
    built = Driven(server, name, settings, clock)
    try:
        yield built
    finally:
        built.window.close()


@contextmanager
def connected(port: int, name: str = "Me") -> Iterator[Driven]:
    with driven(f"127.0.0.1:{port}", name) as me:
        me.window.bar.connect_button.invoke()
        me.until(lambda: me.is_connected() and me.names(), "connected")
        yield me


@contextmanager
def class_of(port: int, names: Sequence[str]) -> Iterator[List[RawClient]]:
    """Members that are in the roster and do nothing."""
    crowd: List[RawClient] = []
    try:
        for name in names:
            crowd.append(RawClient(port))
            crowd[-1].register(name, roster=False)
            crowd[-1].until_type("welcome")
        yield crowd
    finally:
        for client in crowd:
            client.close()


def test_it_connects_shows_the_roster_and_disconnects() -> None:
    with running_server(name="Room 12", **SHORT) as (server, port), driven(f"127.0.0.1:{port}") as me:
        assert (me.status, me.pill, me.window.count_text.get()) == ("Not connected.", "Offline", "Nobody yet")
        me.window.bar.connect_button.invoke()
        me.until(lambda: me.names() == ["Me (you)"], "our own row")
        me.until(lambda: me.status == f"Connected to Room 12 at 127.0.0.1:{port}.", "connected")
        assert "own" in me.tags("Me (you)") and me.values("Me (you)")[1] == "● here" and me.pill == "Connected"
        me.until(lambda: " ms now, " in me.window.round_trip_text.get(), "a round trip")
        me.until(lambda: me.window.strip.find_withtag("trip"), "a bar in the strip")
        with class_of(port, ["Ann"]):
            me.until(lambda: me.names() == ["Ann", "Me (you)"], "Ann")
            assert me.window.count_text.get() == "2 here" and me.root.title() == "2 here – Rollcall"
            me.until(lambda: me.values("Ann")[1] == "◐ late", "Ann to be late")
            assert "late" in me.tags("Ann")
        me.until(lambda: me.values("Ann")[1].startswith("✕ connection lost "), "Ann gone")
        assert "muted" in me.tags("Ann") and me.window.count_text.get() == "1 here"
        assert "Ann joined" in me.log and "Ann lost the connection" in me.log
        assert me.state(me.window.bar.server_field) == "disabled"
        me.window.bar.connect_button.invoke()
        me.until(lambda: me.status == "Not connected.", "disconnected")
        me.until(lambda: len(server.room.roster) == 0, "the server to know")
        assert me.state(me.window.bar.server_field) == "normal"
        me.window.bar.connect_button.invoke()
        me.until(me.is_connected, "connected again")


def test_the_time_ticks_for_who_is_here_and_stands_for_who_went() -> None:
    with running_server() as (_, port), class_of(port, ["Ann"]) as (ann,), connected(port) as me:
        me.until(lambda: me.values("Me (you)")[2] not in ("", "0:00"), "a second")
        ann.send({"type": "leave"})
        me.until(lambda: me.values("Ann")[1].startswith("– left "), "Ann to leave")
        stopped = me.values("Ann")[2]
        first = me.values("Me (you)")[2]
        me.until(lambda: me.values("Me (you)")[2] != first, "another second")
        assert me.values("Ann")[2] == stopped


@pytest.mark.parametrize(
    ("server", "name", "words", "field"),
    [
        ("", "Me", "The server prints its address when it starts", "server"),
        ("h:99999", "Me", "'99999' is not a port; it must be a whole number from 1 to 65535", "server"),
        ("h:", "Me", "'' is not a port", "server"),
        ("h:x", "Me", "'x' is not a port", "server"),
        ("h", "  ", "Name: is empty", "name"),
        ("h", "x" * 65, "Name: has 65 characters", "name"),
    ],
)
def test_what_is_wrong_in_a_field_is_a_sentence_and_the_cursor_is_there(
    server: str, name: str, words: str, field: str
) -> None:
    with driven() as me:
        me.window.server_text.set(server)
        me.window.name_text.set(name)
        me.needs_focus()
        me.window.bar.connect_button.invoke()
        me.root.update()
        assert words in me.status
        assert me.window.bar.connect_button.cget("text") == "Connect"
        wanted = me.window.bar.server_field if field == "server" else me.window.bar.name_field
        assert me.root.focus_get() is wanted


def test_a_complaint_goes_when_it_is_put_right() -> None:
    with running_server() as (_, port), driven("h:x") as me:
        me.window.bar.connect_button.invoke()
        assert "is not a port" in me.status
        me.window.server_text.set(f" 127.0.0.1:{port} ")
        me.window.bar.connect_button.invoke()
        me.until(me.is_connected, "connected")
        assert me.window.server_text.get() == f"127.0.0.1:{port}"


def test_a_complaint_that_asks_ends_as_a_question() -> None:
    with driven("192.168.1.20/8080") as me:
        me.window.bar.connect_button.invoke()
        assert me.status.endswith("did you mean 192.168.1.20:8080?")


def test_a_longer_word_in_the_pill_cuts_nothing_off_the_sentence() -> None:
    with driven() as me:
        bar = me.window.bar
        me.root.after_cancel(me.window._turn)  # else the window puts back its own words
        me.root.update()
        me.window.status_text.set("word " * 40)
        for pill in ("Offline", "Offline now"):  # the sentence keeps its lines, and the bar its size
            bar.pill.configure(text=pill)
            for _ in range(3):  # a new layout can ask for another
                me.root.update()
            assert bar.status.winfo_reqwidth() <= bar.status.winfo_width()


def test_nobody_listening_is_said_and_retried_on_demand() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with driven(f"127.0.0.1:{port}") as me:
        me.window.bar.connect_button.invoke()
        me.until(lambda: "nothing listens at" in me.status and "Trying again" in me.status, "the sentence")
        me.until(lambda: me.pill.startswith("Retrying"), "the pill")
        me.until(lambda: me.state(me.window.bar.retry_button) == "normal", "the button")
        with running_server(port_attempts=1) as (_, other):
            me.window.bar.connect_button.invoke()
            me.window.server_text.set(f"127.0.0.1:{other}")
            me.press("<Return>", me.window.bar.server_field)
            me.until(me.is_connected, "connected")


def test_a_full_server_is_said_and_tried_again_with_a_key() -> None:
    with running_server(max_clients=1) as (_, port), class_of(port, ["First"]) as (first,):
        with driven(f"127.0.0.1:{port}") as me:
            me.window.bar.connect_button.invoke()
            me.until(lambda: "the server is full" in me.status and "Trying again in" in me.status, "the sentence")
            me.until(lambda: me.pill.startswith("Retrying in "), "when")
            first.send({"type": "leave"})
            first.rest()
            me.press("<F5>")
            me.until(me.is_connected, "connected")


def test_being_replaced_is_said_with_advice_and_no_reconnect() -> None:
    with running_server() as (_, port), connected(port) as me:
        assert me.window._client is not None
        token = me.window._client.door._papers[""].token
        me.window._client._may_doubt = False  # it has called again already, and was told the same
        with RawClient(port) as thief:
            thief.register("Me", resume_token=token)
            me.until(lambda: me.status.startswith("Replaced: "), "replaced")
            assert "this one stays out" in me.status and me.pill == "Replaced"
            assert me.window.bar.connect_button.cget("text") == "Connect"
            assert "muted" in me.tags("Me (you)")


def test_the_server_dies_and_comes_back_and_the_old_roster_stays_greyed(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server:
        port = server.port
        with connected(port) as me:
            server.kill()
            me.until(lambda: me.values("Me (you)")[1] == "○ unknown", "grey")
            assert "muted" in me.tags("Me (you)") and me.window.count_text.get() == "1 last seen here"
            assert me.status.startswith(("Lost the connection: ", "No connection: "))
            me.until(lambda: me.root.title() == "reconnecting – Rollcall", "the title")
            with ServerProgram(tmp_path, port=port, **SHORT):
                me.until(me.is_connected, "connected again")
                me.until(lambda: me.names() == ["Me (you)"] and "here" in me.tags("Me (you)"), "one fresh row")


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_a_server_that_sleeps_is_noticed_and_leaves_a_gap(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server, connected(server.port) as me:
        me.until(lambda: me.window.strip.find_withtag("trip"), "a beat")
        server.send_signal(signal.SIGSTOP)
        me.until(lambda: "no answer for" in me.status, "no answer")
        me.until(lambda: me.window.strip.find_withtag("gap"), "a gap in the strip")
        server.send_signal(signal.SIGCONT)
        me.until(me.is_connected, "connected again")


def test_hostile_and_foreign_names_are_shown_and_crash_nothing() -> None:
    names = ["x" * 64, "李" * 64, "e\u0301" * 32, "👩‍🚀 Ada", "עדנה", "{[$x]} %s \\", '"; exit', "-x"]
    with running_server() as (_, port), class_of(port, names), connected(port) as me:
        me.until(lambda: len(me.names()) == len(names) + 1, "all of them")
        shown = me.names()
        for name in names:
            assert name in shown or "👩" in name
        me.root.update()
        height = int(me.window.theme.row_height)
        boxes = [me.tree.bbox(item) for item in me.tree.get_children()]
        assert {box[3] for box in boxes if box} == {height}, "no name makes its row taller"
        assert me.tree.winfo_width() <= me.root.winfo_width()
        me.window.copy_roster(as_text)
        assert "x" * 64 in me.root.clipboard_get()


def test_the_place_in_a_long_table_survives_changes() -> None:
    names = [f"Student {number:02}" for number in range(60)]
    with running_server(max_clients=200) as (_, port), class_of(port, names) as crowd, connected(port) as me:
        me.until(lambda: len(me.names()) == 61, "everyone")
        chosen = me.item("Student 30")
        me.tree.selection_set(chosen)
        me.tree.yview("moveto", 0.4)
        me.root.update()
        top = me.tree.identify_row(me.window.theme.row_height * 2)
        with class_of(port, ["Aaron", "Abel"]):  # above what is to be seen
            crowd[59].send({"type": "leave"})
            me.until(lambda: len(me.names()) == 63 and me.window.count_text.get() == "62 here", "the changes")
            me.root.update()
            assert me.tree.selection() == (chosen,)
            assert me.tree.identify_row(me.window.theme.row_height * 2) == top


def test_headings_sort_the_filter_filters_and_escape_clears_it() -> None:
    with running_server() as (_, port), class_of(port, ["bea", "Abe", "Cal"]), connected(port, "Zoe") as me:
        me.until(lambda: me.names() == ["Abe", "bea", "Cal", "Zoe (you)"], "by name, without regard to case")
        me.click_heading(NAME)
        assert me.names() == ["Zoe (you)", "Cal", "bea", "Abe"]
        assert me.tree.heading(NAME, "text") == "Name ▼"
        me.click_heading(FOR)
        assert me.tree.heading(NAME, "text") == "Name" and me.tree.heading(FOR, "text") == "Connected for ▲"
        me.press("<Control-f>")
        assert me.root.focus_get() is me.window.toolbar.filter_field
        me.window.toolbar.filter_field.insert("end", "BE")
        me.until(lambda: sorted(me.names()) == ["Abe", "bea"], "filtered")
        me.until(lambda: me.window.count_text.get() == "4 here, 2 shown", "how many")
        with class_of(port, ["Bert", "Tom"]):
            me.until(lambda: me.window.count_text.get() == "6 here, 3 shown", "the filter goes on")
        me.press("<Escape>")
        assert len(me.names()) == 6 and me.window.filter_text.get() == ""


def test_the_theme_is_switched_and_remembered(tmp_path: Path) -> None:
    pytest.importorskip("sv_ttk")
    settings = SettingsFile(tmp_path)
    with driven(settings=settings) as me:
        assert me.window.log.text.cget("background") == PALETTES[LIGHT].surface
        me.window.menus.menu.invoke("Dark theme")
        me.root.update()
        assert me.window.log.text.cget("background") == PALETTES[DARK].surface
        assert me.window.strip.cget("background") == PALETTES[DARK].surface
        assert me.window.bar.pill.cget("background") == PALETTES[DARK].pills["offline"]
    with driven(settings=settings) as me:
        assert me.window.theme.name == DARK and me.window.menus.dark.get()


def test_without_the_theme_package_the_platform_s_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme_module, "sv_ttk", None)
    with running_server() as (_, port), connected(port) as me:
        me.root.update()
        assert me.window.theme.names == (LIGHT,)
        assert me.window.menus.menu.entrycget("Dark theme*", "state") == "disabled"
        assert me.window.bar.connect_button.winfo_ismapped()


def test_a_theme_package_that_fails_is_only_a_plainer_window(monkeypatch: pytest.MonkeyPatch) -> None:
    sv_ttk = pytest.importorskip("sv_ttk")

    def fail(name: str, root: Any) -> None:
        root.tk.call("source", "/no/such/sv.tcl")

    monkeypatch.setattr(sv_ttk, "set_theme", fail)
    with running_server() as (_, port), connected(port) as me:
        assert me.window.theme.names == (LIGHT,) and me.window.theme.body_font == "TkDefaultFont"
        (label,) = [me.window.menus.menu.entrycget("Dark theme*", "label")]
        assert "sv-ttk could not be loaded" in label and len(label) < 60
        assert "only the plain look: sv-ttk could not be loaded: couldn't read file" in me.log


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every folder has a name in every locale")
def test_a_folder_that_tcl_cannot_name_is_only_a_plainer_window(tmp_path: Path) -> None:
    sv_ttk = pytest.importorskip("sv_ttk")
    shutil.copytree(Path(sv_ttk.__file__).parent, tmp_path / "é" / "sv_ttk")
    script = MEASURE.replace("window.close()", "print(window.theme.failure, flush=True)\nwindow.close()")
    env = {**os.environ, "LC_ALL": "C", "PYTHONPATH": str(tmp_path / "é")}
    done = subprocess.run(
        [sys.executable, "-c", script, "modern"], cwd=ROOT, env=env, capture_output=True, encoding="utf-8",
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "couldn't read file" in done.stdout and "sv.tcl" in done.stdout, "the test sees the fault"


def test_an_executable_whose_files_are_gone_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked, windows = tmp_path / "_MEI1", []
    unpacked.mkdir()
    (unpacked / "base_library.zip").touch()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(unpacked), raising=False)
    monkeypatch.setattr(client_gui, "CHECK", 10)
    for variable in ("HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    said = []
    monkeypatch.setattr(client_gui, "show_error", lambda title, text: said.append(text))

    class Window(client_gui.ClientWindow):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            windows.append(self)

    def live(root: Any) -> None:
        (window,) = windows
        (unpacked / "base_library.zip").unlink()
        deadline = time.monotonic() + PATIENCE
        while "has removed files of this program" not in window.status_text.get():
            root.update()
            assert time.monotonic() < deadline
        logged = window.model.logged
        for _ in range(10):
            root.after(15, lambda: None)
            root.update()
        assert window.model.logged == logged
        root.report_callback_exception(ValueError, ValueError("no such file"), None)
        window.close()

    monkeypatch.setattr(client_gui, "ClientWindow", Window)
    monkeypatch.setattr(tk.Tk, "mainloop", live)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert client_gui.main([]) == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert "no such file" in said[0] and said[0].endswith("Close it and start it again.")


def test_a_name_with_an_emoji_is_sent_and_remembered_as_it_was_typed(tmp_path: Path) -> None:
    name, settings = "Ada \N{WOMAN}", SettingsFile(tmp_path)
    with running_server() as (server, port), driven(f"127.0.0.1:{port}", "A", settings) as me:
        field = me.window.bar.name_field
        field.delete(0, "end")
        field.insert("end", name)
        me.window.bar.connect_button.invoke()
        me.until(me.is_connected, "connected")
        me.until(lambda: settings.load()[0].name == name, "remembered")
        assert [entry.name for entry in server.room.roster.snapshot().entries] == [name]
        me.window.filter_text.set("\N{WOMAN}")
        me.until(lambda: len(me.names()) == 1, "the roster, and only that name")
    with driven("", "", settings) as me:
        assert me.window.name_text.get() == name


def test_the_first_start_says_what_to_do_and_the_next_reconnects(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    with running_server() as (_, port):
        with driven(name="", settings=settings) as me:
            assert me.window.name_text.get() == login_name()
            assert "The server prints its address" in me.status
            me.until(lambda: me.root.focus_lastfor() is me.window.bar.server_field, "the cursor where to type")
            me.window.server_text.set(f"127.0.0.1:{port}")
            me.window.name_text.set("Ann")
            me.press("<Return>", me.window.bar.name_field)
            me.until(me.is_connected, "connected")
        remembered = settings.load()[0]
        assert remembered.connected and remembered.name == "Ann" and remembered.servers == (f"127.0.0.1:{port}",)
        with driven(name="", settings=settings) as me:
            assert me.window.server_text.get() == f"127.0.0.1:{port}" and me.window.name_text.get() == "Ann"
            assert list(me.window.bar.server_field.cget("values")) == [f"127.0.0.1:{port}"]
            me.until(lambda: me.root.focus_lastfor() is me.window.bar.name_field, "the cursor in the name")
            me.window.connect_as_before()
            me.until(me.is_connected, "connected by itself")
            me.window.bar.connect_button.invoke()
        with driven(name="", settings=settings) as me:
            me.window.connect_as_before()
            assert me.status == "Not connected.", "the person had disconnected"


def test_damaged_settings_are_put_aside_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    with driven(settings=SettingsFile(tmp_path)) as me:
        assert "is damaged: it is not JSON" in me.status
        assert (tmp_path / "settings.json.damaged").exists()


def test_a_server_is_remembered_when_it_has_said_welcome(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        slip = f"127.0.0.1:{listener.getsockname()[1]}"
    with running_server() as (_, port), driven(slip, "Ann", settings) as me:
        me.window.bar.connect_button.invoke()
        me.until(lambda: "Trying again" in me.status, "that nobody listens there")
        assert settings.load()[0] == Settings() and list(me.window.bar.server_field.cget("values")) == []
        me.window.bar.connect_button.invoke()
        me.window.server_text.set(f"127.0.0.1:{port}")
        me.window.bar.connect_button.invoke()
        me.until(me.is_connected, "connected")
        assert settings.load()[0] == Settings((f"127.0.0.1:{port}",), "Ann", connected=True)
        assert list(me.window.bar.server_field.cget("values")) == [f"127.0.0.1:{port}"]


def test_two_windows_of_one_person_do_not_undo_each_other(tmp_path: Path) -> None:
    pytest.importorskip("sv_ttk")
    with running_server() as (_, port), running_server() as (_, other_port):
        with driven(f"127.0.0.1:{port}", "Ann", SettingsFile(tmp_path)) as one:
            with driven(f"127.0.0.1:{other_port}", "Ben", SettingsFile(tmp_path)) as other:
                one.window.menus.menu.invoke("Dark theme")
                for each in (one, other):
                    each.window.bar.connect_button.invoke()
                    each.until(each.is_connected, "connected")
                one.root.geometry("777x555")
                one.until(lambda: one.root.winfo_width() == 777, "the size")
            assert other.window.memory.settings.theme == DARK, "not what this window shows, but what is remembered"
        both = (f"127.0.0.1:{other_port}", f"127.0.0.1:{port}")
        remembered = SettingsFile(tmp_path).load()[0]
        assert remembered == Settings(both, "Ben", DARK, remembered.width, remembered.height, True)
        assert remembered.width and abs(remembered.width * one.window.theme.scale - 777) <= 1


def test_a_window_that_was_not_resized_leaves_the_remembered_size(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    with driven(settings=settings) as me:
        me.root.update()
        settings.change(lambda before: replace(before, width=600, height=500))  # another window's
    with driven(settings=settings):
        pass  # closed before it was on the screen
    assert settings.load()[0] == Settings(width=600, height=500)


SIZE_ON_A_SCREEN = """
import sys, tkinter
from pathlib import Path
import client_gui
from rollcall.window.settings import Settings, SettingsFile
root = tkinter.Tk(className="Rollcall")
window = client_gui.ClientWindow(root, settings_file=SettingsFile(Path(sys.argv[1])))
root.update()
print(root.winfo_width(), root.winfo_height())
if sys.argv[2:]:
    root.geometry(sys.argv[2])
    while f"{root.winfo_width()}x{root.winfo_height()}" != sys.argv[2]:
        root.update()
window.close()
"""


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb, for a screen of its own")
def test_the_size_is_the_same_in_hand_on_another_screen(tmp_path: Path) -> None:
    sizes = []
    for dpi, resize in ((192, ["1400x1200"]), (96, []), (192, [])):
        with screen(96) as display, Screen(display) as desktop:
            desktop.set_resources(f"Xft.dpi: {dpi}\n")
            done = subprocess.run(
                [sys.executable, "-c", SIZE_ON_A_SCREEN, str(tmp_path), *resize], cwd=ROOT, check=False,
                env={**os.environ, "DISPLAY": display}, capture_output=True, encoding="utf-8", timeout=PATIENCE,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        sizes.append(done.stdout.split())
    assert sizes[1:] == [["700", "600"], ["1400", "1200"]]


def test_the_size_of_the_window_is_remembered(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    with driven(settings=settings) as me:
        me.root.geometry("777x555")
        me.until(lambda: (me.root.winfo_width(), me.root.winfo_height()) == (777, 555), "the size")
    with driven(settings=settings) as me:
        me.until(lambda: (me.root.winfo_width(), me.root.winfo_height()) == (777, 555), "the same size")


def test_the_log_is_filtered_copied_and_saved(tmp_path: Path) -> None:
    with running_server(name="Room") as (_, port), connected(port) as me:
        with class_of(port, ["Ann"]):
            me.until(lambda: "Ann joined" in me.log, "Ann")
        log = me.window.log
        log.kind.set("People")
        log.kind.event_generate("<<ComboboxSelected>>")
        me.root.update()
        assert "Ann joined" in me.log and "connected to" not in me.log
        log.copy_button.invoke()
        assert me.root.clipboard_get().count("Ann joined") == 1 and "connected to" not in me.root.clipboard_get()
        log.kind.set("Connection")
        log.kind.event_generate("<<ComboboxSelected>>")
        me.root.update()
        assert "Ann" not in me.log and "(Room)" in me.log
        file = tmp_path / "log.txt"
        me.window.ask_file = lambda **options: str(file)
        log.save_button.invoke()
        assert log.as_text().startswith(file.read_text(encoding="utf-8")) and "(Room)" in file.read_text("utf-8")
        me.until(lambda: me.status == f"Saved the log to {file}.", "where it is")
        me.window.ask_file = lambda **options: str(tmp_path / "no such folder" / "log.txt")
        log.save_button.invoke()
        me.until(lambda: "was not saved" in me.status and "Choose another place" in me.status, "the failure")
        me.window.ask_file = lambda **options: ""
        log.save_button.invoke()


def test_the_roster_and_addresses_are_copied() -> None:
    with running_server() as (_, port), class_of(port, ["Ann", "=1+1"]), connected(port) as me:
        me.until(lambda: len(me.names()) == 3, "everyone")
        me.window.menus.menu.invoke("Copy address")
        assert me.root.clipboard_get() == f"127.0.0.1:{port}", "the server's, as no row is selected"
        me.tree.selection_set(me.item("Ann"))
        me.window.menus.context_menu.invoke("Copy address")
        assert me.root.clipboard_get() == "10.0.0.1:5000"
        me.window.menus.menu.invoke("Copy roster as CSV")
        rows = list(csv.DictReader(io.StringIO(me.root.clipboard_get())))
        assert {row["name"] for row in rows} == {"Ann", "Me", "'=1+1"}
        me.press("<Control-c>", me.tree)
        assert me.root.clipboard_get().splitlines()[0].split() == ["Name", "State", "Connected", "for", "Address"]
        assert me.root.clipboard_get().count("\n") == 2, "the selected row"
        me.tree.selection_set()
        me.press("<Control-C>", me.tree)  # with Caps Lock
        assert me.root.clipboard_get().count("\n") == 4, "all"


def test_the_context_menu_is_for_the_row_under_the_mouse() -> None:
    with running_server() as (_, port), class_of(port, ["Ann", "Ben"]), connected(port) as me:
        me.until(lambda: len(me.names()) == 3, "everyone")
        me.root.update()
        shown: List[Any] = []
        menu: Any = me.window.menus.context_menu
        menu.tk_popup = lambda x, y: shown.append((x, y))
        box: Any = me.tree.bbox(me.item("Ben"))
        x, y, _, height = box
        me.tree.event_generate("<Button-3>", x=x + 5, y=y + height // 2)
        assert me.tree.selection() == (me.item("Ben"),) and len(shown) == 1
        me.press("<Shift-F10>", me.tree)
        assert me.tree.selection() == (me.item("Ben"),) and len(shown) == 2


def test_about_names_the_version() -> None:
    with driven() as me:
        me.window.menus.menu.invoke("About Rollcall")
        assert __version__ in me.said[0]


def test_every_control_can_be_reached_with_the_tab_key() -> None:
    with driven("127.0.0.1:1") as me:
        me.window.bar.server_field.focus_force()
        me.root.update()
        reached: List[Any] = []
        while not reached or me.root.focus_get() is not me.window.bar.server_field:
            reached.append(me.root.focus_get())
            assert reached[-1] is not None and len(reached) < 30
            reached[-1].event_generate("<Tab>")
            me.root.update()
        window = me.window
        bar, toolbar = window.bar, window.toolbar
        wanted = [bar.server_field, bar.name_field, bar.connect_button, toolbar.filter_field]
        wanted += [toolbar.menu_button, window.table.tree, window.log.kind, window.log.copy_button]
        assert [widget for widget in reached if widget in wanted] == wanted, "in the order that they are seen"


def test_a_burst_of_events_is_taken_in_turns_and_the_window_lives_on() -> None:
    with driven() as me:
        for number in range(3 * client_gui.EVENTS_PER_TURN):
            me.window._events.put(Connecting("h:1", number))
        before = me.window.model.logged
        me.window._take_turn()
        assert 0 < me.window.model.logged - before <= client_gui.EVENTS_PER_TURN
        me.until(lambda: me.window.model.logged == before + 3 * client_gui.EVENTS_PER_TURN, "all of them")


def test_a_turn_that_fails_is_reported_and_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    with driven() as me:
        failures: List[Any] = []
        monkeypatch.setattr(me.root, "report_callback_exception", lambda *failure: failures.append(failure))
        apply = me.window.model.apply
        monkeypatch.setattr(me.window.model, "apply", lambda *event: 1 / 0)
        me.window._events.put(Connecting("h:1", 1))
        me.until(lambda: failures, "the failure")
        monkeypatch.setattr(me.window.model, "apply", apply)
        me.window._events.put(Connecting("h:1", 2))
        me.until(lambda: "connecting to h:1 (attempt 2)" in me.log, "the next event")
        assert failures[0][0] is ZeroDivisionError


def test_one_row_that_fails_does_not_take_the_others_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as (_, port), connected(port) as me:
        failures: List[Any] = []
        monkeypatch.setattr(me.root, "report_callback_exception", lambda *failure: failures.append(failure))
        insert: Any = me.tree.insert

        def fail_once(*arguments: Any, **options: Any) -> Any:
            if not failures and options["values"][0] == "Ann":
                raise tk.TclError("no")
            return insert(*arguments, **options)

        monkeypatch.setattr(me.tree, "insert", fail_once)
        with class_of(port, ["Ann", "Ben", "Cleo"]):
            me.until(lambda: "Ben" in me.names() and "Cleo" in me.names() and failures, "the others, and a report")
            me.window.table.sort_by(NAME)
            assert me.names()[0] == "Me (you)"


@pytest.mark.parametrize("dialog", ["ask_file", "show_message"])
def test_closing_while_a_dialog_is_open_ends_quietly(dialog: str) -> None:
    me = Driven()

    def close_meanwhile(*arguments: Any, **options: Any) -> str:
        me.window.close()
        return str(me.root.tk.call("winfo", "exists", "."))  # as the real dialogs: Tk is gone by then

    setattr(me.window, dialog, close_meanwhile)
    (me.window.save_log if dialog == "ask_file" else me.window.about)()
    assert me.window.closed


@pytest.mark.parametrize("host", ["192.168..1.20", ".foo", "x" * 64 + ".example"])
def test_a_host_that_is_no_name_is_said_at_once(host: str) -> None:
    with driven(host) as me:
        me.window.bar.connect_button.invoke()
        me.until(lambda: "is not a server address" in me.status or "Did you mean" in me.status, "the sentence")
        assert me.window._client is None, "no attempt is made"


def test_a_notice_gives_way_to_the_state_and_stays_in_the_log(tmp_path: Path) -> None:
    clock = FakeClock()
    (tmp_path / "settings.json").write_text("{")
    with driven(settings=SettingsFile(tmp_path), clock=clock) as me:
        assert "is damaged" in me.status
        clock.advance(NOTICE - 0.1)
        me.window._refresh()
        assert "is damaged" in me.status
        clock.advance(0.1)
        me.until(lambda: "is damaged" not in me.status, "the state again")
        assert "is damaged" in me.log


def test_a_long_message_of_a_server_leaves_the_table_in_sight() -> None:
    with driven("h:1") as me:
        me.window.model.begin("h:1")
        me.window.model.apply(Refused("kicked", "because " * 120, "stop"), 0.0, 0.0)
        me.root.geometry("500x380")
        me.until(lambda: me.status.endswith("…") and me.pill == "Refused", "the message")
        me.root.update()
        bottom = me.tree.winfo_rooty() - me.root.winfo_rooty() + me.tree.winfo_height()
        assert bottom < me.root.winfo_height() and me.tree.winfo_height() > 40


def test_what_is_copied_is_whole() -> None:
    names = ["Ada \N{WOMAN}", "\N{WHITE MEDIUM STAR}"]
    with running_server() as (_, port), class_of(port, names), connected(port) as me:
        me.until(lambda: len(me.names()) == 3, "everyone")
        me.window.copy_roster(as_csv)
        copied = me.root.clipboard_get()
        assert all(name in copied for name in names)
        if me.root.tk.call("tk", "windowingsystem") == "x11":
            assert "\ufffd" in me.names(), "such a font aborts some builds of Tk"


MEASURE = """
import sys, tkinter
from tkinter import font
import client_gui
from rollcall.window import theme
if sys.argv[1] == "plain":
    theme.sv_ttk = None
root = tkinter.Tk(className="Rollcall")
window = client_gui.ClientWindow(root, "127.0.0.1:1", "Me")
root.geometry("%dx%d" % tuple(window.theme.px(side) for side in client_gui.LEAST_SIZE))
root.update()
body = font.Font(root, font=window.theme.body_font)
inside = all(
    widget.winfo_ismapped() and widget.winfo_height() > 8 and widget.winfo_rootx() >= root.winfo_rootx()
    and widget.winfo_rooty() + widget.winfo_height() <= root.winfo_rooty() + root.winfo_height()
    and widget.winfo_rootx() + widget.winfo_width() <= root.winfo_rootx() + root.winfo_width()
    for bar in [window.bar]
    for widget in (bar.pill, bar.status, bar.connect_button, bar.server_field, bar.name_field, bar.retry_button,
        window.toolbar.filter_field, window.toolbar.menu_button, window.table.tree, window.strip, window.log.text,
        window.log.save_button)
)
columns = sum(window.table.tree.column(key, "width") for key in window.table.tree["columns"])
print(root.winfo_width(), window.theme.row_height, body.metrics("linespace"), int(inside),
    int(columns <= window.table.tree.winfo_width()))
window.close()
"""


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb, for a screen of its own")
@pytest.mark.parametrize("look", ["modern", "plain"])
def test_everything_has_its_place_at_the_smallest_size_on_usual_and_dense_screens(look: str) -> None:
    if look == "modern":
        pytest.importorskip("sv_ttk")
    measured = {}
    screens = [("usual", 96, ""), ("dense", 192, "")]
    screens += [("Xft.dpi", 96, "Xft.dpi:\t192\n"), ("Xft.dpi less", 192, "Xft.dpi: 96\n")]
    for name, dpi, resources in screens:
        with screen(dpi) as display, Screen(display) as desktop:
            desktop.set_resources(resources)
            done = subprocess.run(
                [sys.executable, "-c", MEASURE, look], cwd=ROOT, env={**os.environ, "DISPLAY": display},
                capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        measured[name] = [int(word) for word in done.stdout.split()]
    width, row, line, inside, columns = measured["usual"]
    assert (width, inside, columns) == (480, 1, 1) and row > line
    assert measured["Xft.dpi less"] == measured["usual"], "what the person chose, not what the monitor says"
    for dense in (measured["dense"], measured["Xft.dpi"]):
        assert abs(dense[0] - 960) < 5 and dense[3:] == [1, 1]
        assert 1.8 <= dense[1] / row <= 2.2 and 1.8 <= dense[2] / line <= 2.2, "twice the pixels, the same size in hand"


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb, for a screen of its own")
@pytest.mark.parametrize("chosen", ["", "much", "0", "100000", "-96", "nan"])
def test_a_density_that_cannot_be_is_not_taken(chosen: str) -> None:
    with screen(96) as display, Screen(display) as desktop:
        desktop.set_resources(f"Xft.dpi: {chosen}\n")
        script = "import tkinter; from rollcall.window.theme import Theme; print(Theme(tkinter.Tk()).scale)"
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "DISPLAY": display}, capture_output=True,
            encoding="utf-8", timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode == 0 and abs(float(done.stdout) - 1.0) < 0.01, done.stderr


@pytest.mark.parametrize("moment", ["connecting", "waiting", "connected"])
def test_closing_ends_every_thread_whatever_they_are_doing(moment: str) -> None:
    before = threading.active_count()
    with running_server() as (_, port), socket.create_server(("127.0.0.1", 0), backlog=0) as mute:
        threads = threading.active_count()
        target = {"connecting": mute.getsockname()[1], "waiting": 1, "connected": port}[moment]
        me = Driven(f"127.0.0.1:{target}")
        me.window.bar.connect_button.invoke()
        words = {"connecting": "Connecting", "waiting": "Trying again", "connected": "Connected"}[moment]
        me.until(lambda: words in me.status, moment)
        me.window.close()
        assert {thread.name for thread in threading.enumerate()}.isdisjoint({"reader", "heartbeat", "goodbye"})
        me.window.close()
        assert threads >= before


def test_closing_does_not_wait_for_a_goodbye_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    stop = Client.stop

    def never_ends(client: Any) -> None:
        released.wait(PATIENCE)
        stop(client)

    monkeypatch.setattr(client_gui, "STUCK_AFTER", 0.0)
    with running_server() as (_, port):
        me = Driven(f"127.0.0.1:{port}")
        me.window.bar.connect_button.invoke()
        me.until(me.is_connected, "the connection")
        monkeypatch.setattr(Client, "stop", never_ends)
        begun = time.monotonic()
        me.window.close()
        assert time.monotonic() - begun < 10
        released.set()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_the_program_connects_by_itself_and_ends_cleanly(tmp_path: Path, name: str) -> None:
    if not hasattr(signal, name):
        pytest.skip(f"this platform has no {name}")
    with ServerProgram(tmp_path) as server:
        arguments = ["--server", server.address, "--name", "Demo", "--connect"]
        with Program(ROOT / "client_gui.py", *arguments) as program:
            server.wait_for_line('joined: "Demo"')
            assert program.stop(getattr(signal, name)) == 0
            assert program.text == ""
        server.wait_for_line('left: "Demo"')


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a display is always there")
def test_without_a_display_it_says_so() -> None:
    with Program(ROOT / "client_gui.py", env={"DISPLAY": ""}) as program:
        assert program.wait() == 1
        (line,) = program.lines
        assert line.startswith("client_gui.py: no window can be shown: ") and "client.py" in line


def test_without_tk_it_says_so() -> None:
    script = "import sys; sys.modules['tkinter'] = None; import client_gui; sys.exit(client_gui.main([]))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("client_gui.py: this Python has no Tk.") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server", "h:x"], "'x' is not a port"),
        (["--nonsense"], "unrecognized arguments"),
        (["--name", "\x07"], "name: "),
        (["--connect"], "--connect needs --server"),
    ],
)
def test_bad_usage_is_a_sentence(arguments: List[str], words: str) -> None:
    with Program(ROOT / "client_gui.py", *arguments) as program:
        assert program.wait() == 2
        assert words in program.text and "Traceback" not in program.text
