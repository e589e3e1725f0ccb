"""client_gui.py: the real window on a real display, with the real server."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

import client_gui
from helpers import PATIENCE, ROOT, Program, RawClient, ServerProgram, running_server

tk: Any = pytest.importorskip("tkinter", reason="this Python has no Tk")
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

    def __init__(self, server: str = "", name: str = "Me") -> None:
        self.root = tk.Tk(className="Rollcall")
        self.window = client_gui.ClientWindow(self.root, server, name)

    def until(self, true: Callable[[], Any], what: str) -> None:
        """Let the window live until something is true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            self.root.update()
            assert time.monotonic() < deadline, f"still not: {what}; status {self.status!r}, rows {self.rows()}"
            threading.Event().wait(0.005)

    def rows(self) -> List[List[str]]:
        table = self.window.table
        return [[str(value) for value in table.item(item, "values")] for item in table.get_children()]

    def names(self) -> List[str]:
        return [row[0] for row in self.rows()]

    @property
    def status(self) -> str:
        return self.window.status_text.get()

    def state(self, widget: Any) -> str:
        return str(widget.cget("state"))

    def tags(self, name: str) -> List[str]:
        table = self.window.table
        (item,) = [item for item in table.get_children() if table.item(item, "values")[0] == name]
        return list(table.item(item, "tags"))


@contextmanager
def driven(server: str = "", name: str = "Me") -> Iterator[Driven]:
    built = Driven(server, name)
    try:
        yield built
    finally:
        built.window.close()


def test_it_connects_shows_the_roster_and_disconnects() -> None:
    with running_server(name="Room 12", **SHORT) as (server, port), driven(f"127.0.0.1:{port}") as me:
        assert me.status == "Not connected."
        me.window.connect_button.invoke()
        me.until(lambda: me.names() == ["Me (you)"], "our own row")
        me.until(lambda: me.status == f"Connected to Room 12 at 127.0.0.1:{port}.", "connected")
        assert "own" in me.tags("Me (you)") and me.rows()[0][3] == "● here"
        me.until(lambda: me.window.round_trip_text.get().endswith(" ms"), "a round trip")
        with RawClient(port) as ann:
            ann.register("Ann", roster=False)
            me.until(lambda: me.names() == ["Me (you)", "Ann"], "Ann")
            assert me.window.count_text.get() == "2 here" and me.root.title() == "2 here – Rollcall"
            me.until(lambda: me.rows()[1][3] == "◐ late", "Ann to be late")
            assert "late" in me.tags("Ann")
        me.until(lambda: me.names() == ["Me (you)"], "Ann gone")
        assert "Ann lost" in me.window.log.get("1.0", "end")
        assert me.state(me.window.server_field) == "disabled"
        me.window.connect_button.invoke()
        me.until(lambda: me.status == "Not connected.", "disconnected")
        me.until(lambda: len(server.roster) == 0, "the server to know")
        assert me.state(me.window.server_field) == "normal"
        me.window.connect_button.invoke()
        me.until(lambda: me.status.startswith("Connected"), "connected again")


@pytest.mark.parametrize(
    ("server", "port", "name", "words"),
    [
        ("", "8080", "Me", "is not a server address"),
        ("h", "99999", "Me", "'99999' is not a port; it must be a whole number from 1 to 65535"),
        ("h", "", "Me", "'' is not a port"),
        ("h:x", "8080", "Me", "'x' is not a port"),
        ("h", "8080", "  ", "Name: is empty"),
        ("h", "8080", "x" * 65, "Name: has 65 characters"),
    ],
)
def test_what_is_wrong_in_a_field_is_a_sentence(server: str, port: str, name: str, words: str) -> None:
    with driven() as me:
        me.window.server_text.set(server)
        me.window.port_text.set(port)
        me.window.name_text.set(name)
        me.window.connect_button.invoke()
        me.root.update()
        assert words in me.status
        assert me.window.connect_button.cget("text") == "Connect"


def test_a_complaint_goes_when_it_is_put_right() -> None:
    with running_server() as (_, port), driven() as me:
        me.window.connect_button.invoke()
        assert "is not a server address" in me.status
        me.window.server_text.set(f"127.0.0.1:{port}")
        me.window.connect_button.invoke()
        me.until(lambda: me.status.startswith("Connected"), "connected")
        assert me.window.port_text.get() == str(port)


def test_nobody_listening_is_said_and_retried_on_demand() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with driven(f"127.0.0.1:{port}") as me:
        me.window.connect_button.invoke()
        me.until(lambda: "nothing listens at" in me.status and "Trying again" in me.status, "the sentence")
        me.until(lambda: me.state(me.window.retry_button) == "normal", "the button")
        with running_server(port_attempts=1) as (_, other):
            me.window.connect_button.invoke()
            me.window.server_text.set(f"127.0.0.1:{other}")
            me.window.connect_button.invoke()
            me.until(lambda: me.status.startswith("Connected"), "connected")


def test_a_full_server_is_said_and_tried_again() -> None:
    with running_server(max_clients=1) as (_, port), RawClient(port) as first:
        first.register("First")
        first.until_type("client_list")
        with driven(f"127.0.0.1:{port}") as me:
            me.window.connect_button.invoke()
            me.until(lambda: "the server is full" in me.status and "Trying again in" in me.status, "the sentence")
            first.send({"type": "leave"})
            first.rest()
            me.window.retry_button.invoke()
            me.until(lambda: me.status.startswith("Connected"), "connected")


def test_being_replaced_is_a_refusal_with_advice_and_no_reconnect() -> None:
    with running_server() as (_, port), driven(f"127.0.0.1:{port}") as me:
        me.window.connect_button.invoke()
        me.until(lambda: me.status.startswith("Connected"), "connected")
        assert me.window._client is not None
        token = me.window._client._resume_token
        with RawClient(port) as thief:
            thief.register("Me", resume_token=token)
            me.until(lambda: me.status.startswith("Refused: "), "refused")
            assert "this one stays out" in me.status
            assert me.window.connect_button.cget("text") == "Connect"
            assert "stale" in me.tags("Me (you)")


def test_the_server_dies_and_comes_back_and_the_old_roster_stays_greyed(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server:
        port = server.port
        with driven(f"127.0.0.1:{port}") as me:
            me.window.connect_button.invoke()
            me.until(lambda: me.names() == ["Me (you)"], "our own row")
            server.kill()
            me.until(lambda: "stale" in me.tags("Me (you)"), "grey")
            assert me.status.startswith(("Lost the connection: ", "No connection: "))
            assert me.window.count_text.get() == "1 last seen here"
            with ServerProgram(tmp_path, port=port, **SHORT):
                me.until(lambda: me.status.startswith("Connected"), "connected again")
                me.until(lambda: me.tags("Me (you)") == ["own"], "fresh again")


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_a_server_that_sleeps_is_noticed(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server, driven(server.address) as me:
        me.window.connect_button.invoke()
        me.until(lambda: me.status.startswith("Connected"), "connected")
        server.send_signal(signal.SIGSTOP)
        me.until(lambda: "no answer for" in me.status, "no answer")
        server.send_signal(signal.SIGCONT)
        me.until(lambda: me.status.startswith("Connected"), "connected again")


def test_hostile_and_foreign_names_are_shown_and_crash_nothing() -> None:
    names = ["x" * 64, "李" * 64, "e\u0301" * 32, "👩‍🚀 Ada", "עדנה", "{[$x]} %s \\", '"; exit']
    with running_server() as (_, port), driven(f"127.0.0.1:{port}") as me:
        crowd = [RawClient(port) for _ in names]
        for client, name in zip(crowd, names):
            client.register(name)
            client.until_type("client_list")
        me.window.connect_button.invoke()
        me.until(lambda: len(me.names()) == len(names) + 1, "all of them")
        shown = me.names()
        for name in names:
            assert name in shown or "👩" in name
        for client in crowd:
            client.close()


def test_selection_and_scrolling_survive_changes() -> None:
    with running_server(max_clients=200) as (_, port), driven(f"127.0.0.1:{port}") as me:
        crowd = [RawClient(port) for _ in range(60)]
        for number, client in enumerate(crowd):
            client.register(f"Student {number}", roster=False)
        me.window.connect_button.invoke()
        me.until(lambda: len(me.names()) == 61, "everyone")
        table = me.window.table
        chosen = table.get_children()[30]
        table.selection_set(chosen)
        table.yview_moveto(0.5)
        me.root.update()
        top = table.yview()[0]
        crowd.pop().close()
        me.until(lambda: len(me.names()) == 60, "one gone")
        assert table.selection() == (chosen,)
        assert abs(table.yview()[0] - top) < 0.05
        for client in crowd:
            client.close()


def test_the_smallest_size_still_shows_the_status() -> None:
    with driven() as me:
        me.root.geometry("480x360")
        me.until(lambda: me.root.winfo_width() == 480 and me.root.winfo_height() == 360, "the size")
        for widget in (me.window.status, me.window.connect_button, me.window.table, me.window.log):
            assert widget.winfo_ismapped() and widget.winfo_height() > 10
            bottom = widget.winfo_rooty() - me.root.winfo_rooty() + widget.winfo_height()
            assert bottom <= 360, f"{widget} ends at {bottom}"


@pytest.mark.parametrize("moment", ["connecting", "waiting", "connected"])
def test_closing_ends_every_thread_whatever_they_are_doing(moment: str) -> None:
    before = threading.active_count()
    with running_server() as (_, port), socket.create_server(("127.0.0.1", 0), backlog=0) as mute:
        threads = threading.active_count()
        target = {"connecting": mute.getsockname()[1], "waiting": 1, "connected": port}[moment]
        me = Driven(f"127.0.0.1:{target}")
        me.window.connect_button.invoke()
        words = {"connecting": "Connecting", "waiting": "Trying again", "connected": "Connected"}[moment]
        me.until(lambda: words in me.status, moment)
        me.window.close()
        assert {thread.name for thread in threading.enumerate()}.isdisjoint({"reader", "heartbeat", "goodbye"})
        me.window.close()
        assert threads >= before


def test_the_program_connects_by_itself_and_ends_cleanly(tmp_path: Path) -> None:
    with ServerProgram(tmp_path) as server:
        arguments = ["--server", server.address, "--name", "Demo", "--connect"]
        with Program(ROOT / "client_gui.py", *arguments) as program:
            server.wait_for_line("joined: Demo")
            assert program.stop() == 0
            assert program.text == ""
        server.wait_for_line("left: Demo")


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
