"""Measure the window: ``python benchmarks/window.py``. Needs Tk and a display.

How long the window is busy, and so deaf to the mouse, with a roster of 1,000: for the first snapshot, for a change of
one row, and for the longest turn while 1,000 changes come at once. Beside it, in the same run, what one would write
first: a table that is emptied and filled anew for each change. Each time includes what Tk draws (``update``). Medians
of `RUNS`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import tkinter as tk
from dataclasses import replace
from pathlib import Path
from tkinter import ttk
from typing import Callable, Dict, List, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from client_gui import ClientWindow
from protocol import LATE, Departure, Entry, Welcome
from rollcall.client.events import Connected, Event, RosterReplaced, RosterUpdated
from run import Bar

RUNS = 7
MEMBERS = 1000
WELCOME = Welcome(2, "Room", 1, 1, "epoch", int(time.time()), 5.0, 20.0, 2000, "token")


def entry(number: int) -> Entry:
    return Entry("192.168.1.9", 40000, number, f"Student {number * 7919 % MEMBERS:04}", "192.168.1.9", number)


CLASS = tuple(entry(number) for number in range(1, MEMBERS + 1))


class Window:
    """The real window, whose events come from here."""

    def __init__(self) -> None:
        self.root = tk.Tk(className="Rollcall")
        self.window = ClientWindow(self.root, "h:1", "Me")
        self.root.after_cancel(self.window._turn)  # turns are taken by `turn` alone
        self.root.update()
        self.take(Connected("h:1", 5.0, 20.0, WELCOME))

    def turn(self) -> float:
        """One turn and what Tk then has to draw; how long that takes."""
        begun = time.perf_counter()
        self.window._take_turn()
        self.root.after_cancel(self.window._turn)
        self.root.update()
        return time.perf_counter() - begun

    def take(self, *events: Event) -> List[float]:
        """Give it these events; how long each turn took until it had taken all."""
        for event in events:
            self.window._events.put(event)
        turns: List[float] = []
        while not turns or not self.window._events.empty():
            turns.append(self.turn())
        return turns

    def close(self) -> None:
        self.window.close()


def snapshot() -> float:
    window = Window()
    turns = window.take(RosterReplaced(CLASS, 1))
    window.close()
    return max(turns)


def one_change() -> float:
    """The median of a few changes: late, back, gone, come."""
    window = Window()
    window.take(RosterReplaced(CLASS, 1))
    changes: List[Event] = []
    for number in range(100, 130):
        changes.append(RosterUpdated((replace(CLASS[number], state=LATE),), (), 2))
        changes.append(RosterUpdated((), (Departure(number + 200, "lost"),), 3))
        changes.append(RosterUpdated((entry(2000 + number),), (), 4))
    times = [max(window.take(change)) for change in changes]
    window.close()
    return statistics.median(times)


def burst() -> float:
    """1,000 changes at once, each an event; the longest turn."""
    window = Window()
    window.take(RosterReplaced(CLASS, 1))
    turns = window.take(*(RosterUpdated((replace(member, state=LATE),), (), 2) for member in CLASS))
    window.close()
    return max(turns)


def plain_table() -> float:
    """Empty a table, fill it anew and draw it, as one would do it for each change at first."""
    root = tk.Tk(className="Rollcall")
    root.geometry("860x400")
    tree = ttk.Treeview(root, columns=("name", "state", "for", "address"), show="headings")
    tree.pack(fill="both", expand=True)

    def fill() -> float:
        begun = time.perf_counter()
        tree.delete(*tree.get_children())
        for member in sorted(CLASS, key=lambda member: member.name):
            tree.insert("", "end", values=(member.name, member.state, "0:01", f"{member.ip}:{member.port}"))
        root.update()
        return time.perf_counter() - begun

    fill()
    seconds = fill()
    root.destroy()
    return seconds


def main(argv: Sequence[str] = ()) -> int:
    """Measure and print; returns 0 if every mark is met, else 1. argparse exits with 2 on bad usage."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/window.py",
        description="How long the window is busy with a roster of 1,000, and a plain table beside it. Needs a display.",
    )
    parser.parse_args(argv)
    measures: Dict[str, Callable[[], float]] = {
        "snapshot": snapshot, "change": one_change, "burst": burst, "plain": plain_table,
    }  # fmt: skip
    samples: Dict[str, List[float]] = {name: [] for name in measures}
    for _ in range(RUNS):
        for name, measure in measures.items():
            samples[name].append(measure() * 1000)
    medians = {name: statistics.median(times) for name, times in samples.items()}
    print(f"a plain table, filled anew with {MEMBERS:,} rows: {medians['plain']:.1f} ms")
    bars = [
        Bar(f"ms for a snapshot of {MEMBERS:,} ({medians['snapshot'] / medians['plain']:.2f} x plain)",
            medians["snapshot"], most=150.0),
        Bar(f"ms for one change among {MEMBERS:,} ({medians['change'] / medians['plain']:.2f} x plain)",
            medians["change"], most=10.0),
        Bar("ms of the longest turn while 1,000 changes come at once", medians["burst"], most=50.0),
    ]  # fmt: skip
    print(*(bar.line() for bar in bars), sep="\n")
    return 0 if all(bar.is_met for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
