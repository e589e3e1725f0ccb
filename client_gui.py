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

import argparse
import queue
import re
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence

from client import Client
from protocol import __version__
from rollcall.client.events import Event
from rollcall.client.login import login_name
from rollcall.program.crash import CrashReporter, spoken
from rollcall.program.frozen import program_name
from rollcall.window.model import CONNECTED, OFFLINE, REFUSED, ClientModel, Row
from rollcall.window.settings import Settings, SettingsFile, default_folder
from rollcall.window.table_order import as_csv, as_text
from rollcall.wire.address import DEFAULT_PORT, Address, parse_address
from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name

try:
    import tkinter as tk
    from tkinter import filedialog, messagebox, ttk

    from rollcall.window.activity import ActivityLog
    from rollcall.window.connection_bar import ConnectionBar
    from rollcall.window.latency import LatencyStrip
    from rollcall.window.table import RosterTable
    from rollcall.window.theme import DARK, LIGHT, Theme, be_crisp, set_text
except ImportError:  # said in a sentence by main()
    if not TYPE_CHECKING:
        tk = None

TURN = 50
"""Milliseconds between two looks into the queue."""

EVENTS_PER_TURN = 200
TURN_BUDGET = 0.015
"""So many events and so many seconds at most before the window may redraw and answer the mouse."""

LOOK = 500
"""Milliseconds between two looks whether another thread failed."""

NOTICE = 15.0
"""Seconds that a sentence about something else stands in the place of the connection's state."""

LONGEST = 240
"""Characters of that place; more would push the table out of a small window."""

MOST_EVENTS = 10_000
"""Events that may wait for the window. Then the client reads no more, and TCP holds the server back."""

SIZE, LEAST_SIZE = (860, 700), (480, 360)
UNSAFE_ON_X11 = re.compile(
    "[\U00010000-\U0010ffff\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757"
    "\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]"
)
"""What Tk 8.6 cannot draw on X11: what is beyond the Basic Multilingual Plane is a box at best, and with a font of
coloured emoji (Unicode's Emoji_Presentation) some builds abort."""

HINT = "The server prints its address when it starts; type it here, such as 192.168.1.20:8080."


class ClientWindow:
    """The window and what it drives. Build it, run ``root.mainloop()``, and `close` it.

    ``server`` and ``name`` come before what is remembered in ``settings_file``.
    """

    def __init__(
        self, root: tk.Tk, server: str = "", name: str = "", settings_file: Optional[SettingsFile] = None
    ) -> None:
        self.root = root
        self.model = ClientModel()
        self.settings_file = settings_file
        self.settings, damage = settings_file.load() if settings_file is not None else (Settings(), "")
        self._notice, self._notice_until = "", 0.0
        self._notify(damage)
        self.theme = Theme(root)
        self.theme.use(self.settings.theme)
        self._client: Optional[Client] = None
        self._events: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
        self._closers: List[threading.Thread] = []
        self.closed = False
        self._complaint = ""
        self._is_x11 = root.tk.call("tk", "windowingsystem") == "x11"
        self._beaten = -1
        # What a test puts something else in place of.
        self.ask_file: Callable[..., str] = filedialog.asksaveasfilename
        self.show_message: Callable[..., object] = messagebox.showinfo
        remembered = self.settings.servers[0] if self.settings.servers else ""
        self.server_text = tk.StringVar(root, server or remembered)
        self.name_text = tk.StringVar(root, name or self.settings.name or login_name())
        self.filter_text = tk.StringVar(root, "")
        self.status_text = tk.StringVar(root, "")
        self.count_text = tk.StringVar(root, "")
        self.round_trip_text = tk.StringVar(root, "")
        self._build()
        self._refresh()
        self._turn = root.after(TURN, self._take_turn)

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        root, px = self.root, self.theme.px
        root.minsize(px(LEAST_SIZE[0]), px(LEAST_SIZE[1]))
        wanted = (self.settings.width or px(SIZE[0]), self.settings.height or px(SIZE[1]))
        width, height = min(wanted[0], root.winfo_screenwidth()), min(wanted[1], root.winfo_screenheight())
        root.geometry(f"{width}x{height}")
        root.protocol("WM_DELETE_WINDOW", self.close)
        _set_icon(root)
        body = self.body = ttk.Frame(root, padding=px(8))
        body.pack(fill="both", expand=True)
        body.columnconfigure(0, weight=1)
        body.rowconfigure(2, weight=3, minsize=px(100))
        body.rowconfigure(4, weight=1, minsize=px(72))
        self.bar = ConnectionBar(
            body, self.theme, self.server_text, self.name_text, self.status_text, self.toggle, self.connect,
            self.retry_now,
        )  # fmt: skip
        self.bar.offer(self.settings.servers)
        self.bar.grid(row=0, column=0, sticky="ew", pady=(0, px(6)))
        self._build_toolbar(body)
        self.table = RosterTable(body, self.theme, self._tk_text)
        self.table.grid(row=2, column=0, sticky="nsew")
        self._build_latency(body)
        self.log = ActivityLog(body, self.theme, self.model.log, self._tk_text, self.save_log, self.copy_log)
        self.log.grid(row=4, column=0, sticky="nsew")
        self._build_menus()
        self._bind_keys()
        (self.bar.name_field if self.server_text.get() else self.bar.server_field).focus_set()

    def _build_toolbar(self, body: ttk.Frame) -> None:
        px = self.theme.px
        bar = ttk.Frame(body)
        bar.grid(row=1, column=0, sticky="ew", pady=(0, px(6)))
        bar.columnconfigure(0, weight=1)
        ttk.Label(bar, textvariable=self.count_text, style="Count.TLabel").grid(row=0, column=0, sticky="w")
        ttk.Label(bar, text="Filter", style="Muted.TLabel").grid(row=0, column=1, padx=px(6))
        self.filter_field = ttk.Entry(bar, textvariable=self.filter_text, width=16)
        self.filter_field.grid(row=0, column=2)
        self.filter_text.trace_add("write", lambda *unused: self.table.filter_by(self.filter_text.get()))
        self.menu_button = ttk.Menubutton(bar, text="Menu", direction="below")
        self.menu_button.grid(row=0, column=3, padx=(px(8), 0))

    def _build_latency(self, body: ttk.Frame) -> None:
        px = self.theme.px
        bar = ttk.Frame(body)
        bar.grid(row=3, column=0, sticky="ew", pady=px(5))
        bar.columnconfigure(1, weight=1)
        ttk.Label(bar, text="Round trip", style="Strong.TLabel").grid(row=0, column=0, padx=(0, px(10)))
        self.strip = LatencyStrip(bar, self.theme)
        self.strip.grid(row=0, column=1, sticky="ew")
        trip = ttk.Label(bar, textvariable=self.round_trip_text, style="Muted.TLabel", width=26, anchor="e")
        trip.grid(row=0, column=2)

    def _build_menus(self) -> None:
        self.menu, self.context_menu = tk.Menu(self.root, tearoff=False), tk.Menu(self.root, tearoff=False)
        for menu in (self.context_menu, self.menu):
            menu.add_command(label="Copy address", command=self.copy_address)
            menu.add_command(label="Copy roster as text", command=lambda: self.copy_roster(as_text))
            menu.add_command(label="Copy roster as CSV", command=lambda: self.copy_roster(as_csv))
        self.dark = tk.BooleanVar(self.root, self.theme.name == DARK)
        self.menu.add_separator()
        self.menu.add_checkbutton(label="Dark theme", variable=self.dark, command=self.switch_theme)
        if DARK not in self.theme.names:
            self.menu.entryconfigure("Dark theme", state="disabled", label="Dark theme (needs the package sv-ttk)")
        self.menu.add_command(label="About Rollcall", command=self.about)
        self.menu.add_separator()
        self.menu.add_command(label="Quit", command=self.close, accelerator="Ctrl+Q")
        self.menu_button.configure(menu=self.menu)

    def _bind_keys(self) -> None:
        root, tree = self.root, self.table.tree
        root.bind("<F5>", lambda event: self.retry_now())
        root.bind("<Escape>", lambda event: self.filter_text.set(""))
        is_mac = sys.platform == "darwin"
        if is_mac:
            root.createcommand("::tk::mac::Quit", self.close)  # else Tk would exit without a goodbye
        for modifier in ("Control", "Command") if is_mac else ("Control",):
            for key in "fF":  # with Caps Lock, too
                root.bind(f"<{modifier}-{key}>", lambda event: self._focus_filter())
            for key in "qQ":
                root.bind(f"<{modifier}-{key}>", lambda event: self.close())
            for key in "cC":
                tree.bind(f"<{modifier}-{key}>", lambda event: self.copy_roster(as_text, least=1))
        buttons = ("<Button-2>", "<Control-Button-1>") if is_mac else ("<Button-3>",)
        for button in buttons:
            tree.bind(button, self._context)
        for key in ("<Shift-F10>", "<Menu>" if sys.platform.startswith("linux") else "<App>"):
            try:
                tree.bind(key, self._context)
            except tk.TclError:
                pass  # this platform has no such key

    # --- what a person does -----------------------------------------------------------------------------------

    def toggle(self) -> None:
        """The button: connect, or disconnect."""
        if self._client is not None:
            self.disconnect()
            self._remember(connected=False)
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
        self.settings = self.settings.with_server(str(address))
        self.server_text.set(str(address))
        self.bar.offer(self.settings.servers)
        self._remember(name=name, connected=True)
        self.model.begin(str(address))
        self._client.start()
        self._refresh()

    def connect_as_before(self) -> None:
        """At the start: connect to the last server, unless the person had disconnected."""
        if self.settings.connected:
            self.connect()

    def _complain(self, sentence: str, field: ttk.Entry) -> None:
        self._complaint = sentence[0].upper() + sentence[1:] + ("" if sentence.endswith(".") else ".")
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

    def switch_theme(self) -> None:
        """As the menu's "Dark theme" says, now and at the next start."""
        self.theme.use(DARK if self.dark.get() else LIGHT)
        for part in (self.table, self.strip, self.log):
            part.paint()
        self._remember(theme=self.theme.name)
        self._refresh()

    def copy_address(self) -> None:
        """The addresses of the selected members, or where this window is connected to."""
        rows = self.table.selected()
        self._copy("\n".join(str(Address(row.ip, row.port)) for row in rows) if rows else self.server_text.get())

    def copy_roster(self, form: Callable[[List[Row], float], str], least: int = 2) -> None:
        """At least so many selected members in that form, or else all that the filter lets through."""
        chosen = self.table.selected()
        self._copy(form(chosen if len(chosen) >= least else self.table.listed(), time.time()))

    def copy_log(self) -> None:
        """The activity log, as it is filtered."""
        self._copy(self.log.as_text())

    def save_log(self) -> None:
        """Ask for a file and write the activity log to it, as it is filtered."""
        name = time.strftime("rollcall %Y-%m-%d %H-%M.txt")
        file = self._ask(
            self.ask_file, parent=self.root, title="Save the activity log", initialfile=name, defaultextension=".txt"
        )
        if not file:
            return
        try:
            self.log.save_to(Path(file))
        except OSError as error:
            self._notify(f"The log was not saved: {file}: {error.strerror or error}. Choose another place.")
        else:
            self._notify(f"Saved the log to {file}.")

    def about(self) -> None:
        """Who we are."""
        text = f"Rollcall {__version__}\n\nWho is connected right now, and are they really still there?"
        self._ask(self.show_message, "About Rollcall", text, parent=self.root)

    def _ask(self, dialog: Callable[..., Any], *arguments: object, **options: object) -> Any:
        """What a dialog answers; nothing if the window was closed meanwhile, which takes the dialog with it."""
        try:
            return dialog(*arguments, **options)
        except tk.TclError:
            if self.closed:
                return None
            raise

    def close(self) -> None:
        """End every thread and then the window."""
        if self.closed:
            return
        self.closed = True
        self.root.after_cancel(self._turn)
        self._remember(width=self.root.winfo_width(), height=self.root.winfo_height())
        self.root.withdraw()  # gone for the person at once, while the threads end
        self.root.update_idletasks()
        self.disconnect()
        for closer in self._closers:
            closer.join()
        self.root.destroy()

    def _copy(self, text: str) -> None:
        self.root.clipboard_clear()
        self.root.clipboard_append(text)  # whole: nothing of it is drawn

    def _focus_filter(self) -> None:
        self.filter_field.focus_set()
        self.filter_field.selection_range(0, "end")

    def _context(self, event: Any) -> None:
        tree = self.table.tree
        item = tree.identify_row(event.y) if event.num != "??" else ""
        if item and item not in tree.selection():
            tree.selection_set(item)
        self.context_menu.tk_popup(event.x_root, event.y_root)

    def _remember(self, **changes: Any) -> None:
        """Keep something for the next start. What cannot be written is told once, and is no reason to stop."""
        settings = Settings(**{**vars(self.settings), **changes})
        if self.settings_file is not None and settings != self.settings:
            self._notify(self.settings_file.save(settings))
        self.settings = settings

    def _notify(self, sentence: str) -> None:
        """Show a sentence in the place of the state for a while; in the log it stays. Nothing if it is empty."""
        if sentence:
            self._notice, self._notice_until = sentence, time.monotonic() + NOTICE
            self.model.note(time.time(), sentence)

    # --- what happens -----------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        # First: a turn that fails, which is reported, must not be the last.
        self._turn = self.root.after(TURN, self._take_turn)
        now, wall = time.monotonic(), time.time()
        for _ in range(EVENTS_PER_TURN):
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            self.model.apply(event, now, wall)
            if self._client is not None and self.model.phase == REFUSED:
                self.disconnect()  # its threads have nothing more to do
            if time.monotonic() - now > TURN_BUDGET:
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
        set_text(self.count_text, self._count())
        set_text(self.round_trip_text, model.round_trip_text())
        if self.root.title() != model.title():
            self.root.title(model.title())

    def _count(self) -> str:
        if self.model.phase != CONNECTED and not self.model.count:
            return "Nobody yet"
        count = f"{self.model.count} {'here' if self.model.phase == CONNECTED else 'last seen here'}"
        listed = len(self.table.listed())
        return f"{count}, {listed} shown" if self.table.order.filter.strip() else count

    def _show_state(self) -> None:
        model, now = self.model, time.monotonic()
        notice = self._notice if now < self._notice_until else ""
        said = self._complaint or notice or (HINT if self._is_first_start() else model.status(now))
        # A server may send a message of 1,000 characters; all of it is in the log.
        set_text(self.status_text, self._tk_text(said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"))
        self.bar.show(model, now, self._client is not None, bool(self._complaint))

    def _is_first_start(self) -> bool:
        return self.model.phase == OFFLINE and not self.settings.servers and not self.server_text.get()

    def _tk_text(self, text: str) -> str:
        return UNSAFE_ON_X11.sub("\ufffd", text) if self._is_x11 else text


def _set_icon(root: tk.Tk) -> None:
    """The window's icon, from the folder ``icons`` beside the program or inside the frozen one."""
    folder = Path(getattr(sys, "_MEIPASS", Path(__file__).resolve().parent)) / "icons"
    try:
        root.iconphoto(True, tk.PhotoImage(master=root, file=str(folder / "rollcall.png")))
    except tk.TclError:
        pass  # a window without an icon is a window all the same


def _arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    prog = program_name("client_gui.py")
    parser = argparse.ArgumentParser(prog=prog, description="Rollcall's window: see who is here.")
    parser.add_argument("--server", metavar="HOST[:PORT]", default="", help="the server, such as 192.168.1.20:8080")
    parser.add_argument("--name", metavar="N", default="", help="the name in the roster (default: the login name)")
    parser.add_argument("--connect", action="store_true", help="connect at once")
    parser.add_argument("--version", action="version", version=f"Rollcall {__version__}")
    arguments = parser.parse_args(argv)
    try:
        if arguments.server:
            parse_address(arguments.server)
        if arguments.name:
            arguments.name = check_name(arguments.name)
    except ValueError as error:
        parser.error(str(error))
    if arguments.connect and not arguments.server:
        parser.error("--connect needs --server HOST[:PORT]")
    return arguments


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Show the window until it is closed. Returns the exit code: 0, 1 (no window can be shown, or an error that nobody
    expected), 2 (bad usage)."""
    reporter = CrashReporter("rollcall-client", __version__, default_folder(), _show_error)
    return reporter.run(lambda: _run(argv, reporter))


def _run(argv: Optional[Sequence[str]], reporter: CrashReporter) -> int:
    with spoken("Rollcall", _show_text):
        arguments = _arguments(argv)
    program = program_name("client_gui.py")
    if tk is None:
        print(
            f"{program}: this Python has no Tk. On Debian or Ubuntu: apt install python3-tk. "
            "Without a window: client.py",
            file=sys.stderr,
        )
        return 1
    be_crisp()
    try:
        root = tk.Tk(className="Rollcall")
    except tk.TclError as error:
        print(f"{program}: no window can be shown: {error}. Without a window: client.py", file=sys.stderr)
        return 1
    reporter.watch(root)
    window = ClientWindow(root, arguments.server, arguments.name, SettingsFile())

    def end(number: int, frame: Optional[FrameType]) -> None:
        try:
            root.after_idle(window.close)
        except tk.TclError:  # it has been closed and still waits for something: do not
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def look() -> None:
        root.after(LOOK, look)  # first: the window may be closed while a dialog is shown
        reporter.show_waiting()

    # Python runs a handler between two Tk callbacks; the window's own turn makes sure that there is always one soon.
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), end)
    if arguments.connect:
        window.connect()
    elif not arguments.server:
        window.connect_as_before()
    look()
    root.mainloop()
    return 0


def _show_error(title: str, text: str) -> None:
    _with_root(messagebox.showerror, title, text)


def _show_text(title: str, text: str) -> None:
    _with_root(messagebox.showinfo, title, text)


def _with_root(show: Callable[..., object], title: str, text: str) -> None:
    """A dialog, with a window behind it or without."""
    if tk._default_root is not None:  # type: ignore[attr-defined]
        show(title, text)
        return
    root = tk.Tk(className="Rollcall")
    root.withdraw()
    show(title, text, parent=root)
    root.destroy()


if __name__ == "__main__":
    sys.exit(main())
