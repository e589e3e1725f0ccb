"""``client.py --find`` and ``client.py --doctor``: which servers are there, and if there are none, why?

Both print a line for each thing that is seen, or with ``--json`` an object, and join nothing. The finder and the doctor
do the work; here is only the program around them, which prints as that of ``command_line.py`` does: a reader that hangs
does not hold it up, and a signal ends it.
"""

from __future__ import annotations

import argparse
import json
import queue
from typing import Callable, Dict, List, Optional

from rollcall.client.command_line import outlets, stop_outlets
from rollcall.client.diagnosis import FOUND, WELL
from rollcall.client.dial import STEP, Cancelled, resolve, say
from rollcall.client.doctor import examine
from rollcall.client.events import Dropped, describe, to_json
from rollcall.client.finder import Asking, Finder, FinderEvent, Found
from rollcall.client.finder import describe as finder_line
from rollcall.client.finder import to_json as finder_object
from rollcall.client.known_file import met_before
from rollcall.program.outlet import Outlet
from rollcall.program.signals import Signals
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic

LOOK_FOR = 3.0
"""Seconds that it looks without ``--for``: three questions."""


def look(arguments: argparse.Namespace) -> int:
    """Find, or ask the doctor; the exit code: 0 if a server was found (or nothing is wrong), else 1."""

    def dropped(lines: int) -> str:
        return json.dumps(to_json(Dropped(lines))) if arguments.json else describe(Dropped(lines))

    complaints, output = outlets(dropped)
    signals = Signals()
    complaints.start()
    output.start()
    code = _examine(arguments, signals, output) if arguments.doctor else _find(arguments, signals, complaints, output)
    stop_outlets(complaints, output)
    return 0 if output.reader_has_gone else code


def _in_digits(address: Optional[Address], stopping: Callable[[], bool]) -> List[str]:
    """The addresses that somebody wants to be asked by themselves."""
    return [] if address is None else [str(found[4][0]) for found in resolve(address, stopping)]


def _find(arguments: argparse.Namespace, signals: Signals, complaints: Outlet, output: Outlet) -> int:
    happened: queue.Queue[FinderEvent] = queue.Queue()
    try:
        also = _in_digits(arguments.server, lambda: bool(signals.pending))
    except OSError as error:
        complaints.put(f"client.py: {say(error, arguments.server)}")
        return 1
    except Cancelled:
        return 1
    finder, trust = Finder(happened, also), met_before()
    deadline = monotonic() + (arguments.seconds or LOOK_FOR)
    shown: Dict[str, str] = {}
    any_found = False
    finder.start()
    try:
        while not signals.pending and not output.reader_has_gone:
            left = deadline - monotonic()
            if left <= 0:
                break
            try:
                event = happened.get(timeout=min(STEP, left))
            except queue.Empty:
                continue
            line = json.dumps(finder_object(event, trust)) if arguments.json else finder_line(event, trust)
            about = "" if isinstance(event, Asking) else event.server.key
            if shown.get(about) != line:  # people need not see that a server has one more address
                output.put(line)
                shown[about] = line
            any_found = any_found or isinstance(event, Found)
    finally:
        finder.stop()
    if not any_found and not arguments.json:
        output.put("no server has answered; client.py --doctor says why that may be")
    return 0 if any_found else 1


def _examine(arguments: argparse.Namespace, signals: Signals, output: Outlet) -> int:
    try:
        report = examine(arguments.server, lambda: bool(signals.pending) or output.reader_has_gone)
    except Cancelled:
        return 1
    if arguments.json:
        output.put(json.dumps(report.to_json()))
    else:
        for fact in report.facts:
            output.put(fact)
        output.put(f"Most likely: {report.diagnosis.sentence}.")
        output.put(f"What to do: {report.diagnosis.advice}")
    return 0 if report.diagnosis.cause in (WELL, FOUND) else 1
