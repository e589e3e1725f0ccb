"""Draw ``docs/architecture.svg``: which thread takes which lock. Run it after a change: ``draw_architecture.py``.

Each process is a grid: a row for each thread, with what it waits for, and a column for each thing that threads share.
A mark where they cross says what the thread does with it. The picture brings both its own paper and its own ink, for
light and for dark, so that it can be read on any page. Standard library only.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import List, NamedTuple, Tuple

TARGET = Path(__file__).resolve().parent.parent / "docs" / "architecture.svg"
WIDTH, ROW, FIRST_COLUMN, COLUMN, BOX = 1688, 34, 368, 92, 88
LOCKS, PUTS, TAKES = "●", "▼", "■"


class Shared(NamedTuple):
    """A column: what threads share, in two lines, and whether a lock of ours guards it."""

    name: str
    what: str
    locked: bool


class Grid(NamedTuple):
    """A process: its columns, and for each thread its name, what it waits for, and a mark or a point per column."""

    title: str
    shared: Tuple[Shared, ...]
    threads: Tuple[Tuple[str, str, str], ...]


SERVER = Grid(
    "A server",
    (
        Shared("Room", "connections", True),
        Shared("Gate", "not yet in", True),
        Shared("Bans", "who was kicked", True),
        Shared("Attempts", "wrong codes", True),
        Shared("Roster", "leases", True),
        Shared("LessonBook", "who is missing", True),
        Shared("Classroom", "opened once", True),
        Shared("Followers", "teachers", True),
        Shared("Sweeper", "when to wake", True),
        Shared("Connection", "order of bytes", True),
        Shared("Publisher", "inbox, bell", False),
        Shared("Record", "queue", False),
        Shared("Journal", "queue", False),
        Shared("Outlet", "lines", True),
    ),
    (
        ("main", "a signal, then the end of all the others", "●··●·●●·●●■▼▼●"),
        ("accept", "somebody who connects", "●●··●···●●··▼●"),
        ("client-N", "its own client (one for each connection)", "●●●●●●●●●●▼▼▼●"),
        ("sweeper", "the next lease that is due", "●···●●··●●▼▼▼●"),
        ("publisher", "its bell, or a slow socket that takes more", "····●●···●■·▼●"),
        ("beacon", "who asks the network for servers", "····●······▼··"),
        ("classroom", "the next second of a lesson", "●···●●·●·●▼▼▼●"),
        ("record", "facts, and a disk that writes them", "·····●·····■▼·"),
        ("handshakes", "somebody's next step of a TLS handshake", "·········●··▼·"),
        ("journal", "something that was noted", "············■●"),
        ("outlet", "a line, and whoever reads it (several)", "·············●"),
        ("ends", "the end of the session (only on Windows)", "··············"),
    ),
)
CLIENT = Grid(
    "A client with a window",
    (
        Shared("Client", "what goes on", True),
        Shared("Connection", "order of bytes", True),
        Shared("events", "to be shown", False),
        Shared("answer", "name, or keys", False),
    ),
    (
        ("main", "the person, and every 50 ms the events", "●·■·"),
        ("reader", "the server, or the time to try again", "●●▼■"),
        ("heartbeat", "the next ping, or the answer to the last", "●●▼·"),
        ("resolver", "the system, which looks up a name", "···▼"),
        ("deriver", "the processor: keys in place of a code", "···▼"),
        ("finder", "servers that answer, or the next question", "··▼·"),
        ("doctor", "the network: why is no server found?", "····"),
        ("goodbye", "the last words of a client that ends", "●●··"),
        ("ends", "the end of the session (only on Windows)", "····"),
    ),
)
MEANING = ((40, LOCKS, "takes its lock, for a moment"), (276, PUTS, "puts something in"), (440, TAKES, "takes it out"))

STYLE = """
  .paper { fill: #ffffff } .panel { fill: #f3f5f8; stroke: #c6cdd6 } .line { stroke: #c6cdd6 }
  .ink { fill: #1f2328 } .soft { fill: #59636e } .mark { fill: #0b5cad }
  .box { fill: #ffffff; stroke: #0b5cad; stroke-width: 1.5 } .open { stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } .panel { fill: #161b22; stroke: #3d444d } .line { stroke: #3d444d }
    .ink { fill: #f0f6fc } .soft { fill: #a4adb8 } .mark { fill: #6cb6ff }
    .box { fill: #0d1117; stroke: #6cb6ff }
  }"""


def picture() -> str:
    """The whole file."""
    server, below = _grid(SERVER, 16)
    client, end = _grid(CLIENT, below + 16)
    height = end + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="title">',
        '<title id="title">The threads of a server and of a client, and which of them takes which lock</title>',
        f"<style>{STYLE}\n</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        *server,
        *client,
    ]
    for x, mark, meaning in MEANING:
        parts += [_mark(mark, x, end + 22), _text(x + 16, end + 27, meaning, "soft")]
    parts.append(_text(WIDTH - 32, end + 27, "solid box: a lock of ours; dashed: none needed", "soft", "end"))
    return "\n".join([*parts, "</svg>", ""])


def _grid(grid: Grid, top: int) -> Tuple[List[str], int]:
    """The parts of one process, and where it ends."""
    first_row = top + 92
    last_row = first_row + ROW * (len(grid.threads) - 1)
    bottom = last_row + 26
    parts = [
        f'<rect class="panel" x="16" y="{top}" width="{WIDTH - 32}" height="{bottom - top}" rx="8"/>',
        _text(32, top + 34, grid.title, "ink", size=17),
        _text(32, top + 56, "each thread, and what it waits for", "soft"),
    ]
    for number, shared in enumerate(grid.shared):
        x = FIRST_COLUMN + COLUMN * number + COLUMN // 2
        kind = "box" if shared.locked else "box open"
        parts += [
            f'<line class="line" x1="{x}" y1="{top + 58}" x2="{x}" y2="{last_row}"/>',
            f'<rect class="{kind}" x="{x - BOX // 2}" y="{top + 14}" width="{BOX}" height="44" rx="5"/>',
            _text(x, top + 33, shared.name, "ink", "middle"),
            _text(x, top + 50, shared.what, "soft", "middle", 11),
        ]
    for number, (name, waits_for, marks) in enumerate(grid.threads):
        y = first_row + ROW * number
        end = FIRST_COLUMN + COLUMN * len(marks) - COLUMN // 2
        parts += [
            f'<line class="line" x1="{FIRST_COLUMN - 12}" y1="{y}" x2="{end}" y2="{y}"/>',
            _text(32, y + 5, name, "ink"),
            _text(104, y + 5, waits_for, "soft", size=12),
        ]
        for column, mark in enumerate(marks):
            if mark != "·":
                parts.append(_mark(mark, FIRST_COLUMN + COLUMN * column + COLUMN // 2, y))
    return parts, bottom


def _mark(mark: str, x: int, y: int) -> str:
    """Drawn, not written: not every font has these characters, and none has them in one size."""
    if mark == LOCKS:
        return f'<circle class="mark" cx="{x}" cy="{y}" r="6"/>'
    if mark == TAKES:
        return f'<rect class="mark" x="{x - 6}" y="{y - 6}" width="12" height="12"/>'
    return f'<path class="mark" d="M{x - 7} {y - 6}h14l-7 12z"/>'


def _text(x: int, y: int, words: str, kind: str, anchor: str = "start", size: int = 13) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def main() -> int:
    """Write the file."""
    TARGET.write_bytes(picture().encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
