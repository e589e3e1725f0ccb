"""The plots of the documentation, as SVG, without a library: bars and lines are text."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Dict, List

Medians = Dict[str, Dict[str, Dict[str, float]]]
DARK, LIGHT, INK, GRID = "#1f5fa8", "#9cc3ea", "#24292f", "#d0d7de"
COLOURS = ("#1f5fa8", "#7a4fb5", "#b35a00", "#1b6e3c", "#a31515", "#6b6b6b", "#24292f")


def _text(x: float, y: float, words: str, anchor: str = "start", size: int = 13, colour: str = INK) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(words)}</text>'


def _page(width: int, height: int, title: str, parts: List[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
    head += f'font-family="sans-serif"><rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, _text(16, 26, title, size=16), *parts, "</svg>", ""])


def bars_plot(title: str, rows: Dict[str, List[float]], labels: List[str]) -> str:
    """Horizontal bars, for each row as many as there are labels."""
    longest = max(value for values in rows.values() for value in values)
    parts, y, colours = [], 62.0, (DARK, LIGHT)
    for number, label in enumerate(labels):
        parts.append(f'<rect x="{170 + 190 * number}" y="38" width="12" height="12" fill="{colours[number]}"/>')
        parts.append(_text(188 + 190 * number, 49, label))
    for name, values in rows.items():
        parts.append(_text(160, y + 11 * len(values) + 3, name, "end"))
        for number, value in enumerate(values):
            length = 400 * value / longest
            parts.append(f'<rect x="170" y="{y:g}" width="{length:.1f}" height="16" fill="{colours[number]}"/>')
            parts.append(_text(176 + length, y + 13, f"{value:,.0f}", size=12))
            y += 19
        y += 10
    return _page(660, int(y) + 8, title, parts)


def lines_plot(title: str, rows: Dict[str, Dict[int, float]], unit: str) -> str:
    """Lines over the number of clients, one for each row; equal steps between the counts that were measured."""
    counts = sorted({count for values in rows.values() for count in values})
    top = max(value for values in rows.values() for value in values.values()) * 1.08
    left, right, high, low = 70, 470, 50, 330
    at = {count: left + (right - left) * i / max(1, len(counts) - 1) for i, count in enumerate(counts)}
    parts = []
    for fifth in range(6):
        y = low - (low - high) * fifth / 5
        parts.append(f'<line x1="{left}" y1="{y:g}" x2="{right}" y2="{y:g}" stroke="{GRID}"/>')
        parts.append(_text(left - 8, y + 4, f"{top * fifth / 5:,.0f}", "end", 11))
    parts += [_text(at[count], low + 18, f"{count:,}", "middle", 12) for count in counts]
    parts.append(_text((left + right) / 2, low + 38, unit, "middle", 12))
    for number, (name, values) in enumerate(rows.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [(at[count], low - (low - high) * value / top) for count, value in sorted(values.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        y = 64 + 22 * number
        parts.append(f'<line x1="490" y1="{y}" x2="514" y2="{y}" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(520, y + 4, name, size=12))
    return _page(660, low + 52, title, parts)


def draw_plots(medians: Medians, folder: Path) -> None:
    """Write what the medians are enough for: ``heartbeats.svg`` and ``clients.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    few, every = (medians.get(f"1000 clients, {in_flight} in flight", {}) for in_flight in (64, 1000))
    rows = {name: [few[name]["pings_per_second"], every[name]["pings_per_second"]] for name in few if name in every}
    if rows:
        title = "Heartbeats answered in a second, 1,000 clients"
        (folder / "heartbeats.svg").write_text(
            bars_plot(title, rows, ["64 in flight", "all in flight"]), encoding="utf-8"
        )
    lines: Dict[str, Dict[int, float]] = {}
    for scenario, servers in medians.items():
        count, _, rest = scenario.partition(" clients, ")
        if rest == "64 in flight":
            for name, figures in servers.items():
                lines.setdefault(name, {})[int(count)] = figures["pings_per_second"]
    if any(len(values) > 1 for values in lines.values()):
        title = "Heartbeats answered in a second, 64 in flight"
        (folder / "clients.svg").write_text(lines_plot(title, lines, "clients"), encoding="utf-8")
