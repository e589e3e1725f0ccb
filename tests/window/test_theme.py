"""theme.py: what can be read on what."""

from __future__ import annotations

import sys
from typing import Any, List, Tuple

import pytest

from tests.helpers import Program, wait_until

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
    loud = [text for text, _ in palette.loud.values()]
    pairs: List[Tuple[str, str]] = [*palette.loud.values(), *((palette.surface, text) for text in loud)]
    grounds = (palette.window, palette.surface, palette.selected)
    pairs += [(text, ground) for text in (palette.text, palette.muted, palette.accent, *loud) for ground in grounds]
    pairs += [(palette.muted, palette.group), (palette.loud["bad"][0], palette.gap)]
    for text, ground in pairs:
        assert contrast(text, ground) >= LEAST_CONTRAST, f"{text} on {ground}"
    for ground in grounds:
        assert contrast(palette.accent, ground) >= 3, "the bar at a selected line, and the ring of the focus"


@pytest.mark.usefixtures("needs_display")
def test_what_the_platform_draws_by_itself_can_be_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "sv_ttk", None)
    root = theme.tk.Tk()
    try:
        look = theme.Theme(root)
        look.use(theme.LIGHT)
        style = theme.ttk.Style(root)
        for widget in ("TLabel", "TFrame", "TCheckbutton"):
            ground = str(style.lookup(widget, "background"))
            for text in (look.palette.text, look.palette.muted, *(text for text, _ in look.palette.loud.values())):
                assert contrast(text, ground) >= LEAST_CONTRAST, f"{text} on {ground} of {widget}"
    finally:
        root.destroy()


@pytest.mark.parametrize(("platform", "text"), [("darwin", "Command-Q"), ("win32", "Ctrl+Q"), ("linux", "Ctrl+Q")])
def test_a_menu_names_keys_as_its_platform_does(platform: str, text: str) -> None:
    menus: Any = pytest.importorskip("rollcall.window.menus")
    assert menus.accelerator("Q", platform) == text


@pytest.mark.usefixtures("needs_display")
def test_a_monitor_of_another_density_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    root = theme.tk.Tk()
    scaling = root.tk.call("tk", "scaling")
    try:
        look = theme.Theme(root)
        look.use(theme.LIGHT)
        look.size_window((400, 300), (200, 100))
        root.update()
        font = theme.tk_font.Font(root, font=look.body_font)
        before, scale = font.metrics("linespace"), look.scale
        assert not look.follow_screen(), "this platform has one density"
        monkeypatch.setattr(theme, "monitor_dots", lambda root: 2 * 96 * scale)
        assert look.follow_screen() and not look.follow_screen()
        # A window manager takes its time.
        wait_until(lambda: bool(root.update() or root.winfo_width() > 600 * scale), "the larger window")
        assert look.scale == 2 * scale
        assert (root.winfo_width(), root.winfo_height()) == pytest.approx((800 * scale, 600 * scale), abs=2)
        assert root.minsize() == pytest.approx((400 * scale, 200 * scale), abs=2)
        assert font.metrics("linespace") == pytest.approx(2 * before, abs=3)
    finally:
        root.tk.call("tk", "scaling", scaling)  # Tk keeps it for the whole process
        root.destroy()


def taskbar_icon(root: Any) -> int:
    """The handle of the large icon of all our windows; 0 elsewhere than on Windows."""
    if sys.platform != "win32":
        return 0
    import ctypes

    ask = ctypes.WinDLL("user32").GetClassLongPtrW
    ask.restype = ctypes.c_size_t
    return int(ask(ctypes.c_void_p(int(root.wm_frame(), 16)), -14))  # GCLP_HICON


@pytest.mark.usefixtures("needs_display")
def test_the_window_has_an_icon(monkeypatch: pytest.MonkeyPatch) -> None:
    root = theme.tk.Tk()
    try:
        root.update()
        before = taskbar_icon(root)
        asked: List[str] = []
        icon = theme._icon

        def find(name: str) -> Any:
            asked.append(name)
            return icon(name)

        monkeypatch.setattr(theme, "_icon", find)
        theme.set_icon(root)
        is_windows = root.tk.call("tk", "windowingsystem") == "win32"
        assert asked == ["rollcall.ico" if is_windows else "rollcall.png"]
        root.update()
        assert not is_windows or taskbar_icon(root) != before
        monkeypatch.setattr(theme, "_icon", lambda name: icon("nothing.of.that.name"))
        theme.set_icon(root)  # without a complaint
    finally:
        root.destroy()


@pytest.mark.skipif(sys.platform != "win32", reason="Windows only")
def test_the_window_draws_in_real_pixels_of_each_monitor() -> None:
    script = """
import ctypes
from rollcall.window.theme import APP_ID, be_crisp
be_crisp()
user32 = ctypes.WinDLL("user32")
user32.GetThreadDpiAwarenessContext.restype = ctypes.c_void_p
print(user32.GetAwarenessFromDpiAwarenessContext(ctypes.c_void_p(user32.GetThreadDpiAwarenessContext())))
name = ctypes.c_wchar_p()
print(ctypes.WinDLL("shell32").GetCurrentProcessExplicitAppUserModelID(ctypes.byref(name)), name.value == APP_ID)
"""
    with Program("-c", script) as program:
        assert program.wait() == 0, program.text
        assert program.lines[0] == "2"
        assert program.lines[1] in ("0 True", "-2147467263 False")  # the latter: Wine takes no such name (E_NOTIMPL)
