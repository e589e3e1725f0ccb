"""`client.py` as a program: its command line, its lines of output, and its end.

Shows what happens to a client on stdout until it ends, SECONDS have passed, or a signal says goodbye. The main thread
never waits for whoever reads the output: a member stays in the roster, and leaves when it is told to, whether somebody
watches or not. The client itself is given to it (see ``client.py``), as something that can be started and stopped.

One thread, ``goodbye``, for as long as the server may take to answer one, while the main thread shows what still
happens; it is left behind after `LEAVING` seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import queue
import sys
import threading
import time
from typing import Callable, Optional, Protocol, Sequence, Tuple

from protocol import __version__
from rollcall.client import events
from rollcall.client.dial import STEP
from rollcall.client.events import Dropped, Event
from rollcall.client.login import login_name
from rollcall.program.outlet import Outlet, standard
from rollcall.program.signals import Signals
from rollcall.wire.address import parse_address
from rollcall.wire.clock import monotonic
from rollcall.wire.text import check_name

LEAVING, LAST_LINES = 0.6, 0.2
"""Seconds that the program takes at most for its goodbye, and then for what it has still to print."""


class Running(Protocol):
    """What the program needs of a client."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


def read_arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    """The command line, checked: ``server`` is an `Address` (or None, with ``find`` or ``doctor``), ``name`` one that
    servers take. Exits with 2 if not."""
    parser = argparse.ArgumentParser(
        prog="client.py",
        description="Join a Rollcall server and print what happens; or find out which servers there are.",
        epilog="Exit code: 0 after a normal end, 1 if refused, never connected or nothing found, 2 on bad usage.",
    )
    parser.add_argument("server", nargs="?", metavar="HOST[:PORT]", help="the server, such as 192.168.1.20:8080")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--find", action="store_true", help="list the servers of this network, and join none")
    instead.add_argument("--doctor", action="store_true", help="say why none is found, or why HOST cannot be reached")
    parser.add_argument("--name", metavar="N", help="the name in the roster (default: the login name)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--for", dest="seconds", metavar="SECONDS", type=float, help="leave after so long")
    parser.add_argument("--no-reconnect", action="store_true", help="end when the connection ends")
    parser.add_argument("--version", action="version", version=f"Rollcall client {__version__}")
    arguments = parser.parse_args(argv)
    if arguments.seconds is not None and not 0 < arguments.seconds <= threading.TIMEOUT_MAX:
        parser.error("--for: must be a number of seconds above 0")
    if arguments.server is None and not (arguments.find or arguments.doctor):
        parser.error("the following arguments are required: HOST[:PORT] (--find lists the servers of this network)")
    try:
        arguments.server = None if arguments.server is None else parse_address(arguments.server)
        arguments.name = check_name(arguments.name if arguments.name is not None else login_name())
    except ValueError as error:
        parser.error(str(error))
    return arguments


def outlets(dropped: Callable[[int], str]) -> Tuple[Outlet, Outlet]:
    """Where the program complains, and where it prints; ``dropped`` is the line for so many that are missing."""

    def complain(trouble: str) -> None:
        if not output.reader_has_gone:  # ``| head`` is no error
            complaints.put(f"client.py: {trouble}")

    complaints = Outlet("stderr", standard(sys.stderr), lambda trouble: None)
    output = Outlet("stdout", standard(sys.stdout), complain, dropped)
    return complaints, output


def show(client: Running, happened: queue.Queue[Event], arguments: argparse.Namespace) -> int:
    """Run a client, which puts what happens into ``happened``, and show it. Returns the exit code."""

    complaints, output = outlets(lambda lines: _line(Dropped(lines), arguments.json))
    signals = Signals()
    complaints.start()
    output.start()
    client.start()
    code = _follow(client, happened, signals, arguments, output)
    stop_outlets(complaints, output)
    return 0 if output.reader_has_gone else code


def stop_outlets(complaints: Outlet, output: Outlet) -> None:
    """What is still to be printed has `LAST_LINES` seconds."""
    deadline = monotonic() + LAST_LINES
    output.stop(LAST_LINES)
    complaints.stop(deadline - monotonic())


def _follow(
    client: Running, happened: queue.Queue[Event], signals: Signals, arguments: argparse.Namespace, output: Outlet
) -> int:
    deadline = monotonic() + arguments.seconds if arguments.seconds else math.inf
    connected = ended = False
    while not ended and not signals.pending and monotonic() < deadline and not output.reader_has_gone:
        try:
            event = happened.get(timeout=min(STEP, max(0.0, deadline - monotonic())))
        except queue.Empty:
            continue
        _print(event, arguments.json, output)
        connected = connected or isinstance(event, events.Connected)
        ended = isinstance(event, events.Stopped)
    _leave(client, happened, arguments.json, output)
    return 1 if ended or not (connected or signals.pending) else 0


def _leave(client: Running, happened: queue.Queue[Event], as_json: bool, output: Outlet) -> None:
    """Say goodbye, and show what still happens meanwhile; for `LEAVING` seconds at most."""
    deadline = monotonic() + LEAVING
    goodbye = threading.Thread(target=client.stop, name="goodbye", daemon=True)
    goodbye.start()
    while monotonic() < deadline:
        is_over = not goodbye.is_alive()  # before the look: what it has still said is there then
        try:
            _print(happened.get_nowait(), as_json, output)
        except queue.Empty:
            if is_over:
                return
            goodbye.join(STEP / 10)


def _print(event: Event, as_json: bool, output: Outlet) -> None:
    if not output.is_off:
        output.put(_line(event, as_json))


def _line(event: Event, as_json: bool) -> str:
    return json.dumps(events.to_json(event)) if as_json else f"{time.strftime('%H:%M:%S')} {events.describe(event)}"
