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
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence

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
from rollcall.window.notices import HINT, Notices, shortened
from rollcall.window.settings import Memory, Settings, SettingsFile
from rollcall.wire.address import DEFAULT_PORT, Address, parse_address
from rollcall.wire.clock import monotonic
from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name

try:
    import tkinter as tk
    from tkinter import filedialog, messagebox, ttk

    from rollcall.window.body import Body, Texts
    from rollcall.window.clipboard import Clipboard
    from rollcall.window.dialogs import answer, load_dialogs, open_root, show_error, show_text
    from rollcall.window.fields import FieldText, StandIns, select_all_with_control_a
    from rollcall.window.menus import Menus
    from rollcall.window.theme import DARK, LIGHT, Theme, set_icon, set_text
except ImportError:  # said in a sentence by main()
    if not TYPE_CHECKING:
        tk = show_error = show_text = None

TURN, CHECK = 50, 5000
"""Milliseconds between two looks into the queue, and at whether the files of this executable are still there."""

EVENTS_PER_TURN, TURN_BUDGET = 200, 0.015
"""So many events and so many seconds at most before the window may redraw and answer the mouse."""

ABOUT = f"Rollcall {__version__}\n\nWho is connected right now, and are they really still there?"
SIZE, LEAST_SIZE = (860, 700), (480, 360)


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
        self.memory = Memory(settings_file)
        self.notices = Notices(lambda sentence: self.model.note(time.time(), sentence), clock)
        self.notices.show(self.memory.damage)
        self.theme = Theme(root)
        self.theme.use(self.memory.settings.theme)
        if self.theme.failure:
            self.model.note(time.time(), f"only the plain look: {self.theme.problem}: {self.theme.failure}")
        self._client: Optional[Client] = None
        self._events: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
        self._closers: List[threading.Thread] = []
        self.closed = False
        self._beaten = -1
        # What a test puts something else in place of.
        self.ask_file: Callable[..., str] = filedialog.asksaveasfilename
        self.show_message: Callable[..., object] = messagebox.showinfo
        remembered = self.memory.settings.servers[0] if self.memory.settings.servers else ""
        self.stand_ins = StandIns(root)
        self.clipboard = Clipboard(root, self.stand_ins)
        self.server_text = FieldText(root, self.stand_ins, server or remembered)
        self.name_text = FieldText(root, self.stand_ins, name or self.memory.settings.name or login_name())
        self.filter_text = FieldText(root, self.stand_ins)
        self.status_text = tk.StringVar(root, "")
        self.count_text = tk.StringVar(root, "")
        self.round_trip_text = tk.StringVar(root, "")
        self._build()
        self._take_turn()

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        root = self.root
        remembered = (self.memory.settings.width, self.memory.settings.height)
        self._opened_with = self.theme.size_window(remembered, SIZE, LEAST_SIZE)
        select_all_with_control_a(root)
        root.protocol("WM_DELETE_WINDOW", self.close)
        set_icon(root)
        typed, written = (self.server_text, self.name_text, self.filter_text), (self.status_text, self.count_text)
        texts = Texts(*typed, *written, self.round_trip_text)
        self.body = Body(root, self.theme, texts, self, self.model.log, self.clipboard.copy)
        self.body.pack(fill="both", expand=True)
        self.bar, self.toolbar, self.table = self.body.bar, self.body.toolbar, self.body.table
        self.strip, self.log = self.body.strip, self.body.log
        self._offer()
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
        except ValueError as error:
            is_name = isinstance(error, ProtocolError)
            self._complain(str(error), self.bar.name_field if is_name else self.bar.server_field)
            return
        self._client = Client(address, name, self._events)
        self.notices.complaint = ""
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
        self.bar.offer([self.stand_ins.shown(server) for server in self.memory.settings.servers])

    def connect_as_before(self) -> None:
        """At the start: connect to the last server, unless the person had disconnected."""
        if self.memory.settings.connected:
            self.connect()

    def _complain(self, sentence: str, field: ttk.Entry) -> None:
        self.notices.complaint = sentence[0].upper() + sentence[1:] + ("" if sentence.endswith((".", "?")) else ".")
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

    def _follow_screen(self, event: Any) -> None:
        """The window was moved or resized, perhaps to another monitor."""
        if event.widget is self.root and self.theme.follow_screen():
            self.body.paint()

    def switch_theme(self) -> None:
        """As the menu's "Dark theme" says, now and at the next start."""
        self.theme.use(DARK if self.menus.dark.get() else LIGHT)
        self.body.paint()
        self._remember(lambda before: replace(before, theme=self.theme.name))
        self._refresh()

    def copy_address(self) -> None:
        """The addresses of the selected members, or where this window is connected to."""
        rows = self.table.selected()
        self.clipboard.copy("\n".join([str(Address(row.ip, row.port)) for row in rows] or [self.server_text.get()]))

    def copy_roster(self, form: Callable[[List[Row], float], str], least: int = 2) -> None:
        """At least so many selected members in that form, or else all that the filter lets through."""
        chosen = self.table.selected()
        self.clipboard.copy(form(chosen if len(chosen) >= least else self.table.listed(), time.time()))

    def save_log(self) -> None:
        """Ask for a file and write the activity log to it, as it is filtered."""
        ask = partial(answer, self.ask_file, lambda: self.closed, parent=self.root)
        self.notices.show(self.log.save(ask))

    def about(self) -> None:
        """Who we are."""
        answer(self.show_message, lambda: self.closed, title="About Rollcall", message=ABOUT, parent=self.root)

    def close(self) -> None:
        """End every thread and then the window."""
        if self.closed:
            return
        self.closed = True
        self.root.after_cancel(self._turn)
        size = self.theme.window_size()
        if size[0] and size != self._opened_with:  # else it would undo what another window has made of it
            self._remember(lambda before: replace(before, width=size[0], height=size[1]))
        self.root.withdraw()  # gone for the person at once, while the threads end
        self.root.update_idletasks()
        self.disconnect()
        self.clipboard.hand_over()
        deadline = monotonic() + GOODBYE + STUCK_AFTER + 0.5  # a client that cannot end says so before
        for closer in self._closers:
            closer.join(max(0.0, deadline - monotonic()))
        self.root.destroy()

    def _remember(self, edit: Callable[[Settings], Settings]) -> None:
        """What cannot be written is told once, and is no reason to stop."""
        self.notices.show_once(self.memory.change(edit))

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
        is_first_start = model.phase == OFFLINE and not self.memory.settings.servers and not self.server_text.get()
        said = self.notices.text() or (HINT if is_first_start else model.status(now))
        set_text(self.status_text, self.theme.drawable(shortened(said)))
        self.bar.show(model, now, self._client is not None, bool(self.notices.complaint))


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
    root = open_root(program)
    if root is None:
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
        window.notices.show_once(own_files.loss())

    if arguments.connect:
        window.connect()
    elif not arguments.server:
        window.connect_as_before()
    look()
    check()
    root.mainloop()
    signals.close()
    return 0


if __name__ == "__main__":
    run(main)
