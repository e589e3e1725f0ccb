"""The desktop client: a window with the live roster.

``python client_gui.py``, or double-click the bundled program. The network is `client.Client`'s business, in its reader
and heartbeat threads; what happens comes through a queue, which the window empties with ``after``, for a bounded time
and a bounded number of events a turn, so that it never freezes. What is shown is decided without Tk, in ``model.py``
and ``table_order.py`` of ``rollcall/window``; what is remembered is in ``settings.py`` there. The rest of that room and
this file are only widgets, and nothing else in the project imports tkinter.

Only the main thread touches Tk. A client that ends says goodbye first, which can take a moment: a thread of its own
does that while the window goes on, and closing the window joins every thread before Tk is destroyed (Tk objects that
are collected in another thread abort the process).
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Set

from client import GOODBYE, MOST_EVENTS, STUCK_AFTER, Client
from protocol import __version__
from rollcall.client.events import Connected, Event
from rollcall.client.login import login_name
from rollcall.program.crash import CrashReporter, spoken
from rollcall.program.ending import run
from rollcall.program.folders import settings_folder
from rollcall.program.frozen import OwnFiles, is_frozen, load_early, program_name
from rollcall.program.signals import Signals
from rollcall.window.arguments import read_arguments
from rollcall.window.model import CONNECTED, OFFLINE, REFUSED, ClientModel, Row
from rollcall.window.settings import Settings, SettingsFile
from rollcall.wire.address import DEFAULT_PORT, Address, parse_address
from rollcall.wire.clock import monotonic
from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name

try:
    import tkinter as tk
    from tkinter import filedialog, messagebox, ttk

    from rollcall.window.activity import ActivityLog
    from rollcall.window.clipboard import Clipboard
    from rollcall.window.connection_bar import ConnectionBar
    from rollcall.window.dialogs import answer, load_dialogs, show_error, show_text
    from rollcall.window.fields import FieldText, StandIns, select_all_with_control_a
    from rollcall.window.latency import LatencyBar
    from rollcall.window.menus import Menus
    from rollcall.window.table import RosterTable
    from rollcall.window.theme import DARK, LIGHT, Theme, be_crisp, set_icon, set_text
    from rollcall.window.toolbar import Toolbar
except ImportError:  # said in a sentence by main()
    if not TYPE_CHECKING:
        tk = show_error = show_text = None

TURN = 50
"""Milliseconds between two looks into the queue."""

EVENTS_PER_TURN = 200
TURN_BUDGET = 0.015
"""So many events and so many seconds at most before the window may redraw and answer the mouse."""

CHECK = 5000
"""Milliseconds between two looks at whether the files of this executable are still there."""

NOTICE = 15.0
"""Seconds that a sentence about something else stands in the place of the connection's state."""

LONGEST = 240
"""Characters of that place; more would push the table out of a small window."""

SIZE, LEAST_SIZE = (860, 700), (480, 360)
HINT = "The server prints its address when it starts; type it here, such as 192.168.1.20:8080."


class ClientWindow:
    """The window and what it drives. Build it, run ``root.mainloop()``, and `close` it.

    ``server`` and ``name`` come before what is remembered in ``settings_file``. ``clock`` is monotonic seconds.
    """

    def __init__(
        self,
        root: tk.Tk,
        server: str = "",
        name: str = "",
        settings_file: Optional[SettingsFile] = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.root = root
        self._clock = clock
        self.model = ClientModel()
        self.settings_file = settings_file
        self.settings, damage = settings_file.load() if settings_file is not None else (Settings(), "")
        self._notice, self._notice_until = "", 0.0
        self._told: Set[str] = set()
        self.notify(damage)
        self.theme = Theme(root)
        self.theme.use(self.settings.theme)
        if self.theme.failure:
            self.model.note(time.time(), f"only the plain look: {self.theme.problem}: {self.theme.failure}")
        self._client: Optional[Client] = None
        self._events: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
        self._closers: List[threading.Thread] = []
        self.closed = False
        self._complaint = ""
        self._beaten = -1
        # What a test puts something else in place of.
        self.ask_file: Callable[..., str] = filedialog.asksaveasfilename
        self.show_message: Callable[..., object] = messagebox.showinfo
        remembered = self.settings.servers[0] if self.settings.servers else ""
        self.stand_ins = StandIns(root)
        self.clipboard = Clipboard(root, self.stand_ins)
        self.server_text = FieldText(root, self.stand_ins, server or remembered)
        self.name_text = FieldText(root, self.stand_ins, name or self.settings.name or login_name())
        self.filter_text = FieldText(root, self.stand_ins)
        self.status_text = tk.StringVar(root, "")
        self.count_text = tk.StringVar(root, "")
        self.round_trip_text = tk.StringVar(root, "")
        self._build()
        self._refresh()
        self._turn = root.after(TURN, self._take_turn)

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        root, px = self.root, self.theme.px
        remembered = (self.settings.width, self.settings.height)
        self._opened_with = self.theme.size_window(remembered, SIZE, LEAST_SIZE)
        select_all_with_control_a(root)
        root.protocol("WM_DELETE_WINDOW", self.close)
        set_icon(root)
        body = self.body = ttk.Frame(root, padding=px(8))
        body.pack(fill="both", expand=True)
        body.columnconfigure(0, weight=1)
        body.rowconfigure(2, weight=3, minsize=px(100))
        body.rowconfigure(4, weight=1, minsize=px(72))
        self.bar = ConnectionBar(
            body, self.theme, self.server_text, self.name_text, self.status_text, self.toggle, self.connect,
            self.retry_now,
        )  # fmt: skip
        self._offer()
        self.bar.grid(row=0, column=0, sticky="ew", pady=(0, px(6)))
        self.toolbar = Toolbar(body, self.theme, self.count_text, self.filter_text)
        self.toolbar.grid(row=1, column=0, sticky="ew", pady=(0, px(6)))
        self.server_text.belongs_to(self.bar.server_field)
        self.name_text.belongs_to(self.bar.name_field)
        self.filter_text.belongs_to(self.toolbar.filter_field)
        self.filter_text.trace_add("write", lambda *unused: self.table.filter_by(self.filter_text.get()))
        self.table = RosterTable(body, self.theme, self.theme.drawable)
        self.table.grid(row=2, column=0, sticky="nsew")
        latency = LatencyBar(body, self.theme, self.round_trip_text)
        latency.grid(row=3, column=0, sticky="ew", pady=px(5))
        self.strip = latency.strip
        copy = self.clipboard.copy
        self.log = ActivityLog(body, self.theme, self.model.log, self.theme.drawable, self.save_log, copy)
        self.log.grid(row=4, column=0, sticky="nsew")
        self.menus = Menus(self)
        root.bind("<Configure>", self._follow_screen, add="+")
        (self.bar.name_field if self.server_text.get() else self.bar.server_field).focus_set()

    # --- what a person does -----------------------------------------------------------------------------------

    def toggle(self) -> None:
        """The button: connect, or disconnect."""
        if self._client is not None:
            self.disconnect()
            self._remember(lambda before: replace(before, connected=False))
        else:
            self.connect()

    def connect(self) -> None:
        """Start a client for what the fields say, or say what is wrong with them."""
        if self._client is not None:
            return
        if not self.server_text.get().strip():
            self._complain(HINT, self.bar.server_field)
            return
        try:
            address = parse_address(self.server_text.get(), DEFAULT_PORT)
            name = check_name(self.name_text.get())
        except ProtocolError as error:
            self._complain(str(error), self.bar.name_field)
            return
        except ValueError as error:
            self._complain(str(error), self.bar.server_field)
            return
        self._client = Client(address, name, self._events)
        self._complaint = ""
        self.server_text.set(str(address))
        self.model.begin(str(address))
        self._client.start()
        self._refresh()

    def _welcomed(self, client: Client) -> None:
        """The server has let us in: only now it is one to be remembered, and not a slip of the finger."""
        server = str(client.address)
        self._remember(lambda before: replace(before.with_server(server), name=client.name, connected=True))
        self._offer()

    def _offer(self) -> None:
        self.bar.offer([self.stand_ins.shown(server) for server in self.settings.servers])

    def connect_as_before(self) -> None:
        """At the start: connect to the last server, unless the person had disconnected."""
        if self.settings.connected:
            self.connect()

    def _complain(self, sentence: str, field: ttk.Entry) -> None:
        self._complaint = sentence[0].upper() + sentence[1:] + ("" if sentence.endswith((".", "?")) else ".")
        self._refresh()
        self.bar.complain_about(field)

    def disconnect(self) -> None:
        """Say goodbye, in a thread of its own: the server may take its time to answer."""
        client, self._client = self._client, None
        if client is None:
            return
        self._events = queue.Queue(MOST_EVENTS)  # what the old one still says is of no interest any more
        self.model.end()
        closer = threading.Thread(target=client.stop, name="goodbye", daemon=True)
        closer.start()
        self._closers = [thread for thread in self._closers if thread.is_alive()] + [closer]

    def retry_now(self) -> None:
        """Skip the wait before the next attempt, if there is one."""
        if self._client is not None and self.model.phase != CONNECTED:
            self._client.retry_now()

    def _paint(self) -> None:
        for part in (self.table, self.strip, self.log):
            part.paint()

    def _follow_screen(self, event: Any) -> None:
        """The window was moved or resized, perhaps to another monitor."""
        if event.widget is self.root and self.theme.follow_screen():
            self._paint()

    def switch_theme(self) -> None:
        """As the menu's "Dark theme" says, now and at the next start."""
        self.theme.use(DARK if self.menus.dark.get() else LIGHT)
        self._paint()
        self._remember(lambda before: replace(before, theme=self.theme.name))
        self._refresh()

    def copy_address(self) -> None:
        """The addresses of the selected members, or where this window is connected to."""
        rows = self.table.selected()
        addresses = [str(Address(row.ip, row.port)) for row in rows] or [self.server_text.get()]
        self.clipboard.copy("\n".join(addresses))

    def copy_roster(self, form: Callable[[List[Row], float], str], least: int = 2) -> None:
        """At least so many selected members in that form, or else all that the filter lets through."""
        chosen = self.table.selected()
        self.clipboard.copy(form(chosen if len(chosen) >= least else self.table.listed(), time.time()))

    def save_log(self) -> None:
        """Ask for a file and write the activity log to it, as it is filtered."""
        ask = partial(answer, self.ask_file, lambda: self.closed, parent=self.root)
        self.notify(self.log.save(ask))

    def about(self) -> None:
        """Who we are."""
        text = f"Rollcall {__version__}\n\nWho is connected right now, and are they really still there?"
        answer(self.show_message, lambda: self.closed, title="About Rollcall", message=text, parent=self.root)

    def close(self) -> None:
        """End every thread and then the window."""
        if self.closed:
            return
        self.closed = True
        self.root.after_cancel(self._turn)
        self._remember_size()
        self.root.withdraw()  # gone for the person at once, while the threads end
        self.root.update_idletasks()
        self.disconnect()
        self.clipboard.hand_over()
        deadline = monotonic() + GOODBYE + STUCK_AFTER + 0.5  # a client that cannot end says so before
        for closer in self._closers:
            closer.join(max(0.0, deadline - monotonic()))
        self.root.destroy()

    def _remember(self, edit: Callable[[Settings], Settings]) -> None:
        """Keep something for the next start. What cannot be written is told once, and is no reason to stop."""
        if self.settings_file is None:
            self.settings = edit(self.settings)
            return
        self.settings, sentence = self.settings_file.change(edit)
        self.tell_once(sentence)

    def _remember_size(self) -> None:
        """Only if it is another than at the start: else it would undo what another window has made of it."""
        width, height = self.theme.window_size()
        if width and (width, height) != self._opened_with:
            self._remember(lambda before: replace(before, width=width, height=height))

    def tell_once(self, sentence: str) -> None:
        """`notify`, but nothing that was told before."""
        if sentence not in self._told:
            self._told.add(sentence)
            self.notify(sentence)

    def notify(self, sentence: str) -> None:
        """Show a sentence in the place of the state for a while; in the log it stays. Nothing if it is empty."""
        if sentence:
            self._notice, self._notice_until = sentence, self._clock() + NOTICE
            self.model.note(time.time(), sentence)

    # --- what happens -----------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        # First: a turn that fails, which is reported, must not be the last.
        self._turn = self.root.after(TURN, self._take_turn)
        now, wall = self._clock(), time.time()
        self.model.look_at_clocks(now, wall)
        for _ in range(EVENTS_PER_TURN):
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            self.model.apply(event, now, wall)
            if self._client is not None and isinstance(event, Connected):
                self._welcomed(self._client)
            if self._client is not None and self.model.phase == REFUSED:
                self.disconnect()  # its threads have nothing more to do
            if self._clock() - now > TURN_BUDGET:
                break
        self.model.expire(now)
        self._refresh()

    def _refresh(self) -> None:
        model, wall = self.model, time.time()
        self.table.update_rows(model.take_changes(), wall)
        self.table.tick(wall)
        self.log.show_new(model.logged)
        if self._beaten != model.beaten:
            self._beaten = model.beaten
            self.strip.draw(model.beats)
        self._show_state()
        set_text(self.count_text, model.count_text(self.table.shown_count))
        set_text(self.round_trip_text, model.round_trip_text())
        if self.root.title() != model.title():
            self.root.title(model.title())

    def _show_state(self) -> None:
        model, now = self.model, self._clock()
        notice = self._notice if now < self._notice_until else ""
        is_first_start = model.phase == OFFLINE and not self.settings.servers and not self.server_text.get()
        said = self._complaint or notice or (HINT if is_first_start else model.status(now))
        # A server may send a message of 1,000 characters; all of it is in the log.
        set_text(self.status_text, self.theme.drawable(said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"))
        self.bar.show(model, now, self._client is not None, bool(self._complaint))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Show the window until it is closed. Returns the exit code: 0, 1 (no window can be shown, or an error that nobody
    expected), 2 (bad usage)."""
    load_early()
    own_files = OwnFiles()

    def show(title: str, text: str) -> None:
        show_error(title, "\n\n".join(filter(None, (text, own_files.loss()))))

    reporter = CrashReporter("rollcall-client", __version__, settings_folder(), show)
    try:
        return reporter.run(lambda: _run(argv, reporter, own_files))
    finally:
        own_files.close()


def _run(argv: Optional[Sequence[str]], reporter: CrashReporter, own_files: OwnFiles) -> int:
    with spoken("Rollcall", show_text):
        arguments = read_arguments(argv)
    program = program_name("client_gui.py")
    if tk is None:
        missing = "this Python has no Tk. On Debian or Ubuntu: apt install python3-tk"
        print(f"{program}: {missing}. Without a window: client.py", file=sys.stderr)
        return 1
    be_crisp()
    try:
        root = tk.Tk(className="Rollcall")
    except tk.TclError as error:
        print(f"{program}: no window can be shown: {error}. Without a window: client.py", file=sys.stderr)
        return 1
    reporter.watch(root)
    window = ClientWindow(root, arguments.server, arguments.name, SettingsFile())
    if is_frozen():
        load_dialogs(root)
    signals = Signals()

    def look() -> None:
        if signals.pending:
            window.close()
            return
        root.after(TURN, look)  # first: the window may be closed while a dialog is shown
        reporter.show_waiting()

    def check() -> None:
        root.after(CHECK, check)
        window.tell_once(own_files.loss())

    if arguments.connect:
        window.connect()
    elif not arguments.server:
        window.connect_as_before()
    look()
    check()
    root.mainloop()
    return 0


if __name__ == "__main__":
    run(main)
