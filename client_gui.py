"""The desktop client: a window with the live roster.

``python client_gui.py``, or double-click the bundled program. The network is `client.Client`'s business, in its reader
and heartbeat threads; what happens comes through a queue, which the window empties with ``after``, a bounded number of
events a turn, so that it never freezes. What is shown is decided in ``client_model.py``; here are only widgets.

Only the main thread touches Tk. A client that ends says goodbye first, which can take a moment: a thread of its own
does that while the window goes on, and closing the window joins every thread before Tk is destroyed (Tk objects that
are collected in another thread abort the process). Nothing else in the project imports tkinter.
"""

from __future__ import annotations

import argparse
import queue
import re
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from client import Client, login_name
from client_model import CONNECTED, OFFLINE, REFUSED, ClientModel, Row
from events import Event
from protocol import DEFAULT_PORT, Address, ProtocolError, __version__, check_name, parse_address, parse_port

try:
    import tkinter as tk
    from tkinter import font as tk_font
    from tkinter import ttk
except ImportError:  # said in a sentence by main()
    if not TYPE_CHECKING:
        tk = None

TURN = 50
"""Milliseconds between two looks into the queue."""

EVENTS_PER_TURN = 200
"""So many events at most before the window may redraw and answer the mouse."""

COLUMNS = (
    ("name", "Name", 200),
    ("address", "Address", 220),
    ("since", "Connected since", 130),
    ("state", "State", 90),
)

# Text on its background: each pair has a contrast of at least 4.5:1 (WCAG 2.1, 1.4.3).
PHASE_COLOURS: Dict[str, str] = {CONNECTED: "#1b6e3c", OFFLINE: "#4a4a4a", REFUSED: "#a31515"}
WAITING_COLOUR = "#8a4b00"
STALE_COLOUR = "#5f5f5f"
OWN_BACKGROUND = "#e3eefb"
MARKS = {"here": "● here", "late": "◐ late", "unknown": "○ unknown"}


class ClientWindow:
    """The window and what it drives. Build it, run ``root.mainloop()``, and `close` it."""

    def __init__(self, root: tk.Tk, server: str = "", name: str = "") -> None:
        self.root = root
        self.model = ClientModel()
        self._client: Optional[Client] = None
        self._events: queue.Queue[Event] = queue.Queue()
        self._closers: List[threading.Thread] = []
        self._closed = False
        self._complaint = ""
        # Tk on X11 draws what is beyond the Basic Multilingual Plane as boxes at best; some builds of 8.6 crash.
        self._bmp_only = root.tk.call("tk", "windowingsystem") == "x11"
        self._shown_log = 0
        self._turn: Optional[str] = None
        address = parse_address(server) if server else None
        self.server_text = tk.StringVar(root, address.host if address else "")
        self.port_text = tk.StringVar(root, str(address.port if address else DEFAULT_PORT))
        self.name_text = tk.StringVar(root, name or login_name())
        self.status_text = tk.StringVar(root, "Not connected.")
        self.count_text = tk.StringVar(root, "")
        self.round_trip_text = tk.StringVar(root, "")
        self._build()
        self._refresh()
        self._turn = root.after(TURN, self._take_turn)

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        root = self.root
        root.minsize(480, 360)
        root.geometry("760x640")
        root.protocol("WM_DELETE_WINDOW", self.close)
        root.columnconfigure(0, weight=1)
        root.rowconfigure(2, weight=3)
        root.rowconfigure(4, weight=1)
        style = ttk.Style(root)
        if style.theme_use() == "default":  # Tk's own look on X11 is from 1995
            style.theme_use("clam")
        line = tk_font.Font(root, name="TkDefaultFont", exists=True).metrics("linespace")
        style.configure("Treeview", rowheight=line + 8)
        self._build_form()
        self._build_status()
        self._build_table()
        self._build_log()
        root.bind("<Return>", lambda event: self.connect() if not self.model.is_running else None)
        root.bind("<F5>", lambda event: self.retry_now())
        (self.name_field if self.server_text.get() else self.server_field).focus_set()

    def _build_form(self) -> None:
        form = ttk.Frame(self.root, padding=(12, 12, 12, 6))
        form.grid(row=0, column=0, sticky="ew")
        form.columnconfigure(1, weight=2)
        form.columnconfigure(5, weight=1)
        self.server_field = ttk.Entry(form, textvariable=self.server_text)
        self.port_field = ttk.Entry(form, textvariable=self.port_text, width=6)
        self.name_field = ttk.Entry(form, textvariable=self.name_text)
        fields = (("Server", self.server_field), ("Port", self.port_field), ("Name", self.name_field))
        for number, (label, field) in enumerate(fields):
            ttk.Label(form, text=label).grid(row=0, column=2 * number, padx=(0 if number == 0 else 10, 4))
            field.grid(row=0, column=2 * number + 1, sticky="ew")
        self.connect_button = ttk.Button(form, text="Connect", command=self.toggle, width=11)
        self.connect_button.grid(row=0, column=6, padx=(12, 0))

    def _build_status(self) -> None:
        bar = ttk.Frame(self.root, padding=(12, 2, 12, 8))
        bar.grid(row=1, column=0, sticky="ew")
        bar.columnconfigure(0, weight=1)
        self.status = ttk.Label(bar, textvariable=self.status_text, justify="left", wraplength=700)
        self.status.grid(row=0, column=0, sticky="ew")
        bar.bind("<Configure>", lambda event: self.status.configure(wraplength=max(100, event.width - 130)))
        self.retry_button = ttk.Button(bar, text="Retry now", command=self.retry_now)
        self.retry_button.grid(row=0, column=1, padx=(12, 0), sticky="ne")

    def _build_table(self) -> None:
        frame = ttk.Frame(self.root, padding=(12, 0, 12, 0))
        frame.grid(row=2, column=0, sticky="nsew")
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(0, weight=1)
        self.table = ttk.Treeview(frame, columns=[key for key, _, _ in COLUMNS], show="headings", height=4)
        for key, title, width in COLUMNS:
            self.table.heading(key, text=title, anchor="w")
            self.table.column(key, width=width, minwidth=60, anchor="w")
        self.table.tag_configure("late", foreground=WAITING_COLOUR)
        self.table.tag_configure("stale", foreground=STALE_COLOUR)
        self.table.tag_configure("own", background=OWN_BACKGROUND)
        scrollbar = ttk.Scrollbar(frame, orient="vertical", command=self.table.yview)
        self.table.configure(yscrollcommand=scrollbar.set)
        self.table.grid(row=0, column=0, sticky="nsew")
        scrollbar.grid(row=0, column=1, sticky="ns")
        facts = ttk.Frame(self.root, padding=(12, 4, 12, 4))
        facts.grid(row=3, column=0, sticky="ew")
        facts.columnconfigure(0, weight=1)
        ttk.Label(facts, textvariable=self.count_text).grid(row=0, column=0, sticky="w")
        ttk.Label(facts, textvariable=self.round_trip_text).grid(row=0, column=1, sticky="e")

    def _build_log(self) -> None:
        frame = ttk.Frame(self.root, padding=(12, 0, 12, 12))
        frame.grid(row=4, column=0, sticky="nsew")
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(0, weight=1)
        self.log = tk.Text(frame, height=5, wrap="word", state="disabled", relief="flat", borderwidth=4)
        self.log.configure(font="TkDefaultFont", background="#fafafa", foreground="#222222", takefocus=False)
        scrollbar = ttk.Scrollbar(frame, orient="vertical", command=self.log.yview)
        self.log.configure(yscrollcommand=scrollbar.set)
        self.log.grid(row=0, column=0, sticky="nsew")
        scrollbar.grid(row=0, column=1, sticky="ns")

    # --- what a person does -----------------------------------------------------------------------------------

    def toggle(self) -> None:
        """The button: connect, or disconnect."""
        if self._client is not None:
            self.disconnect()
        else:
            self.connect()

    def connect(self) -> None:
        """Start a client for what the fields say, or say what is wrong with them."""
        if self._client is not None:
            return
        try:
            address = self._address()
            name = check_name(self.name_text.get())
        except ProtocolError as error:
            self._complain(str(error), self.name_field)
            return
        except ValueError as error:
            self._complain(str(error), self.server_field)
            return
        self.server_text.set(address.host)
        self.port_text.set(str(address.port))
        self._client = Client(address, name, self._events)
        self._complaint = ""
        self.model.begin(str(address))
        self._client.start()
        self._refresh()

    def _address(self) -> Address:
        """The fields as an address. A port typed behind the server's name wins over the port field."""
        return parse_address(self.server_text.get(), parse_port(self.port_text.get()))

    def _complain(self, sentence: str, field: ttk.Entry) -> None:
        self._complaint = sentence[0].upper() + sentence[1:] + "."
        self._refresh()
        field.focus_set()
        field.selection_range(0, "end")

    def disconnect(self) -> None:
        """Say goodbye, in a thread of its own: the server may take its time to answer."""
        client, self._client = self._client, None
        if client is None:
            return
        self._events = queue.Queue()  # what it still says is of no interest any more
        self.model.end()
        closer = threading.Thread(target=client.stop, name="goodbye", daemon=True)
        closer.start()
        self._closers = [thread for thread in self._closers if thread.is_alive()] + [closer]

    def retry_now(self) -> None:
        """Skip the wait before the next attempt."""
        if self._client is not None:
            self._client.retry_now()

    def close(self) -> None:
        """End every thread and then the window."""
        if self._closed:
            return
        self._closed = True
        if self._turn is not None:
            self.root.after_cancel(self._turn)
        self.root.withdraw()  # gone for the person at once, while the threads end
        self.root.update_idletasks()
        self.disconnect()
        for closer in self._closers:
            closer.join()
        self.root.destroy()

    # --- what happens -----------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        now, wall = time.monotonic(), time.time()
        for _ in range(EVENTS_PER_TURN):
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            self.model.apply(event, now, wall)
            if self._client is not None and self.model.phase == REFUSED:
                self.disconnect()  # its threads have nothing more to do
        self._refresh()
        self._turn = self.root.after(TURN, self._take_turn)

    def _refresh(self) -> None:
        changes = self.model.take_changes()
        for row in changes.shown:
            self._show_row(row)
        for member in changes.gone:
            if self.table.exists(str(member)):
                self.table.delete(str(member))
        self._show_log()
        model = self.model
        if self._complaint:
            self._show_status(self._complaint, PHASE_COLOURS[REFUSED])
        else:
            colour = PHASE_COLOURS.get(model.phase, WAITING_COLOUR)
            self._show_status(model.status(time.monotonic()), colour)
        set_text(self.count_text, f"{model.count} {'here' if model.phase == CONNECTED else 'last seen here'}")
        set_text(self.round_trip_text, f"Round trip {model.round_trip_text()}")
        self._show_buttons()
        if self.root.title() != model.title():
            self.root.title(model.title())

    def _show_row(self, row: Row) -> None:
        tags = ["stale"] if row.stale else [row.state] if row.state == "late" else []
        if row.own:
            tags.append("own")
        values = (row.name + (" (you)" if row.own else ""), row.address, row.since, MARKS.get(row.state, row.state))
        shown = [self._tk_text(value) for value in values]
        if self.table.exists(str(row.id)):
            self.table.item(str(row.id), values=shown, tags=tags)
        else:
            self.table.insert("", 0 if row.own else "end", iid=str(row.id), values=shown, tags=tags)

    def _show_log(self) -> None:
        fresh = min(self.model.logged - self._shown_log, len(self.model.log))
        if not fresh:
            return
        self._shown_log = self.model.logged
        lines = list(self.model.log)[-fresh:]
        at_end = self.log.yview()[1] >= 0.999
        self.log.configure(state="normal")
        self.log.insert("end", "".join(self._tk_text(line) + "\n" for line in lines))
        surplus = int(self.log.index("end-1c").split(".")[0]) - len(self.model.log) - 1
        if surplus > 0:
            self.log.delete("1.0", f"{surplus + 1}.0")
        self.log.configure(state="disabled")
        if at_end:
            self.log.see("end")

    def _show_status(self, text: str, colour: str) -> None:
        set_text(self.status_text, self._tk_text(text))
        if str(self.status.cget("foreground")) != colour:
            self.status.configure(foreground=colour)

    def _tk_text(self, text: str) -> str:
        return re.sub("[\U00010000-\U0010ffff]", "\ufffd", text) if self._bmp_only else text

    def _show_buttons(self) -> None:
        running = self._client is not None
        set_option(self.connect_button, "text", "Disconnect" if running else "Connect")
        for field in (self.server_field, self.port_field, self.name_field):
            set_option(field, "state", "disabled" if running else "normal")
        waiting = running and self.model.is_running and self.model.phase != CONNECTED
        set_option(self.retry_button, "state", "normal" if waiting else "disabled")


def set_text(variable: tk.StringVar, text: str) -> None:
    """Set a text only if it is another: Tk redraws for each call."""
    if variable.get() != text:
        variable.set(text)


def set_option(widget: Any, option: str, value: str) -> None:
    """Configure a widget only if that changes it."""
    if str(widget.cget(option)) != value:
        widget.configure(**{option: value})


def _arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="client_gui.py", description="Rollcall's window: see who is here.")
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
    """Show the window until it is closed. Returns the exit code: 0, 1 (no window can be shown), 2 (bad usage)."""
    arguments = _arguments(argv)
    if tk is None:
        print(
            "client_gui.py: this Python has no Tk. On Debian or Ubuntu: apt install python3-tk. "
            "Without a window: client.py",
            file=sys.stderr,
        )
        return 1
    try:
        root = tk.Tk(className="Rollcall")
    except tk.TclError as error:
        print(f"client_gui.py: no window can be shown: {error}. Without a window: client.py", file=sys.stderr)
        return 1
    window = ClientWindow(root, arguments.server, arguments.name)
    # Python runs a handler between two Tk callbacks; the window's own turn makes sure that there is always one soon.
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda number, frame: root.after_idle(window.close))
    if arguments.connect:
        window.connect()
    root.mainloop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
