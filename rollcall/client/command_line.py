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
import os
import queue
import sys
import threading
import time
from functools import partial
from typing import Callable, Optional, Protocol, Sequence, Tuple

from protocol import Message, __version__
from rollcall.client import events
from rollcall.client.dial import STEP
from rollcall.client.errand import WAIT, Errand
from rollcall.client.events import Dropped, Event
from rollcall.client.login import login_name
from rollcall.program.outlet import Outlet, standard
from rollcall.program.signals import Signals
from rollcall.wire.address import parse_address
from rollcall.wire.clock import monotonic
from rollcall.wire.codes import UnfitCode, fold
from rollcall.wire.messages import MAX_KICK_MINUTES, MAX_SENTENCE
from rollcall.wire.text import check_name, forbidden_character

LEAVING, LAST_LINES = 0.6, 0.2
"""Seconds that the program takes at most for its goodbye, and then for what it has still to print."""

JOIN_CODE, TEACHER_CODE = "ROLLCALL_JOIN_CODE", "ROLLCALL_TEACHER_CODE"
"""Variables of the environment that hold a code: what stands on a command line, everybody on the machine can read."""


class Running(Protocol):
    """What the program needs of a client."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def act(self, message: Message) -> bool: ...


def read_arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    """The command line, checked: ``server`` is an `Address` (or None, with ``find`` or ``doctor``), ``name`` one that
    servers take, ``options`` are for the client. Exits with 2 if not."""
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
    door = parser.add_argument_group("rooms with a code")
    door.add_argument("--join-code", metavar="CODE", help=f"the code on the board (better in {JOIN_CODE})")
    door.add_argument("--teacher", action="store_true", help="be a teacher: with the code, or at the server's machine")
    door.add_argument(
        "--teacher-code", metavar="CODE", help=f"the teacher's code, with --teacher (better in {TEACHER_CODE})"
    )
    acts = parser.add_argument_group("as a teacher, do one thing and leave")
    acts.add_argument("--kick", metavar="NAME", help="remove somebody; '#7' is whoever has that id")
    acts.add_argument("--minutes", metavar="N", type=int, help="for how long that one may not come back (0 to 240)")
    acts.add_argument("--message", metavar="TEXT", help="a sentence for that person")
    acts.add_argument("--substitute", action="store_true", help="print a code for a substitute, good until midnight")
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
    _read_acts(parser, arguments)
    reconnect = not (arguments.no_reconnect or arguments.kick or arguments.substitute)
    arguments.options = {"reconnect": reconnect, "code": _read_code(parser, arguments), "teacher": arguments.teacher}
    return arguments


def _read_acts(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.kick is not None and not arguments.kick.strip():
        parser.error("--kick: whom? A name, or an id such as '#7'")
    if arguments.kick and arguments.substitute:
        parser.error("--kick and --substitute: one at a time")
    if arguments.kick is None and (arguments.minutes is not None or arguments.message is not None):
        parser.error("--minutes and --message belong to --kick")
    arguments.minutes, arguments.message = arguments.minutes or 0, arguments.message or ""
    if not 0 <= arguments.minutes <= MAX_KICK_MINUTES:
        parser.error(f"--minutes: must be from 0 to {MAX_KICK_MINUTES}")
    if len(arguments.message) > MAX_SENTENCE or forbidden_character(arguments.message):
        parser.error(f"--message: must be one line of at most {MAX_SENTENCE} characters")
    arguments.teacher = arguments.teacher or bool(arguments.kick) or arguments.substitute


def _read_code(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    """The code for the user that this client wants to be. The other one is not even read."""
    given, option, variable = arguments.join_code, "--join-code", JOIN_CODE
    if arguments.teacher:
        if given is not None:
            parser.error("--join-code: a teacher has --teacher-code, or sits at the server's machine")
        given, option, variable = arguments.teacher_code, "--teacher-code", TEACHER_CODE
    elif arguments.teacher_code is not None:
        parser.error("--teacher-code: only with --teacher")
    code = given if given is not None else os.environ.get(variable, "")
    try:
        if not fold(code) and given is not None:
            raise UnfitCode("is empty")
    except UnfitCode as error:
        parser.error(f"{option if given is not None else variable}: {error}")
    return str(code)


def _complain(complaints: Outlet, output: Outlet, trouble: str) -> None:
    if not output.reader_has_gone:  # ``| head`` is no error
        complaints.put(f"client.py: {trouble}")


def outlets(dropped: Callable[[int], str]) -> Tuple[Outlet, Outlet]:
    """Where the program complains, and where it prints; ``dropped`` is the line for so many that are missing."""
    complaints = Outlet("stderr", standard(sys.stderr), lambda trouble: None)
    output = Outlet("stdout", standard(sys.stdout), lambda trouble: _complain(complaints, output, trouble), dropped)
    return complaints, output


def show(client: Running, happened: queue.Queue[Event], arguments: argparse.Namespace) -> int:
    """Run a client, which puts what happens into ``happened``, and show it. Returns the exit code."""

    complaints, output = outlets(lambda lines: _line(Dropped(lines), arguments.json))
    signals = Signals()
    errand = Errand.of(arguments, client.act)
    complaints.start()
    output.start()
    client.start()
    complain = partial(_complain, complaints, output)
    code = _follow(client, happened, signals, arguments, output, errand, complain)
    stop_outlets(complaints, output)
    return 0 if output.reader_has_gone else code


def stop_outlets(complaints: Outlet, output: Outlet) -> None:
    """What is still to be printed has `LAST_LINES` seconds."""
    deadline = monotonic() + LAST_LINES
    output.stop(LAST_LINES)
    complaints.stop(deadline - monotonic())


def _follow(
    client: Running,
    happened: queue.Queue[Event],
    signals: Signals,
    arguments: argparse.Namespace,
    output: Outlet,
    errand: Optional[Errand],
    complain: Callable[[str], None],
) -> int:
    seconds = arguments.seconds or (WAIT if errand is not None else math.inf)
    deadline = monotonic() + seconds
    connected = ended = False
    shown = output if errand is None or arguments.json else None  # who came for one thing wants to read that
    while not ended and not signals.pending and monotonic() < deadline and not output.reader_has_gone:
        try:
            event = happened.get(timeout=min(STEP, max(0.0, deadline - monotonic())))
        except queue.Empty:
            continue
        _print(event, arguments.json, shown)
        _explain(event, shown is None, complain)
        connected = connected or isinstance(event, events.Connected)
        ended = isinstance(event, events.Stopped)
        if errand is not None:
            errand.see(event)
            ended = errand.is_over
    _leave(client, happened, arguments.json, shown)
    if errand is not None:
        return _finish(errand, arguments.json, output, complain, seconds)
    return 1 if ended or not (connected or signals.pending) else 0


def _explain(event: Event, is_silent: bool, complain: Callable[[str], None]) -> None:
    """What whoever started this program has to do, or to know."""
    if isinstance(event, events.CodeNeeded):
        option, variable = ("--join-code", JOIN_CODE) if event.user == "class" else ("--teacher-code", TEACHER_CODE)
        complain(f"{events.describe(event)}: {option}, or {variable} in the environment")
    if isinstance(event, events.ServerWarning) and is_silent:
        complain(events.describe(event))


def _finish(errand: Errand, as_json: bool, output: Outlet, complain: Callable[[str], None], seconds: float) -> int:
    """Print what has come of it. The code of a substitute is in no event: it is what was asked for."""
    if not errand.result:
        complain(errand.problem or f"no answer within {seconds:g} s")
        return 1
    output.put(json.dumps({"result": errand.result}) if as_json else errand.result)
    return 0


def _leave(client: Running, happened: queue.Queue[Event], as_json: bool, output: Optional[Outlet]) -> None:
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


def _print(event: Event, as_json: bool, output: Optional[Outlet]) -> None:
    if output is not None and not output.is_off:
        output.put(_line(event, as_json))


def _line(event: Event, as_json: bool) -> str:
    return json.dumps(events.to_json(event)) if as_json else f"{time.strftime('%H:%M:%S')} {events.describe(event)}"
