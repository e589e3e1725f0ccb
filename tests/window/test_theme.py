"""theme.py: what can be read on what."""

from __future__ import annotations

from typing import Any, List, Tuple

import pytest

pytest.importorskip("tkinter", reason="this Python has no Tk")
theme: Any = pytest.importorskip("rollcall.window.theme")

LEAST_CONTRAST = 4.5


def luminance(colour: str) -> float:
    """WCAG 2.1, "relative luminance"."""
    parts = []
    for at in (1, 3, 5):
        value = int(colour[at : at + 2], 16) / 255
        parts.append(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", [theme.LIGHT, theme.DARK])
def test_every_text_can_be_read_on_what_it_stands_on(name: str) -> None:
    palette = theme.PALETTES[name]
    pairs: List[Tuple[str, str]] = [(palette.pill_text, pill) for pill in palette.pills.values()]
    texts = (palette.text, palette.muted, palette.late, palette.good, palette.bad)
    pairs += [(text, ground) for text in texts for ground in (palette.window, palette.surface)]
    pairs += [(text, ground) for text in texts[:3] for ground in (palette.own, palette.selected)]
    pairs += [(palette.bad, palette.gap)]
    for text, ground in pairs:
        assert contrast(text, ground) >= LEAST_CONTRAST, f"{text} on {ground}"


@pytest.mark.parametrize("name", [theme.LIGHT, theme.DARK])
def test_every_phase_of_the_connection_has_its_pill(name: str) -> None:
    assert set(theme.PALETTES[name].pills) == {"offline", "connecting", "connected", "reconnecting", "refused"}
