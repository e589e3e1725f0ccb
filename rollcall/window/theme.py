"""How the window looks: the theme, one palette for each, and sizes that follow the screen.

The widgets are drawn by `sv-ttk` where it is installed and can be loaded, in light or dark, else by the platform's own
ttk theme, which has only its own look: decoration is never a reason not to start. What Tk draws without ttk (the
state's pill, the log, the latency strip) takes its colours from here. A state is never told by colour alone: a shape
and a word stand beside it.

Belongs to the window and its thread.
"""

from __future__ import annotations

import re
import sys
import tkinter as tk
from dataclasses import dataclass
from pathlib import Path
from tkinter import font as tk_font
from tkinter import ttk
from typing import Any, Dict, Tuple

from rollcall.program.frozen import bundled_file, program_folder

try:
    import sv_ttk  # type: ignore[import-not-found,import-untyped,unused-ignore]
except Exception:  # not there, or whatever else is wrong with it
    sv_ttk = None  # type: ignore[assignment,unused-ignore]

LIGHT, DARK = "light", "dark"

UNSAFE_ON_X11 = re.compile(
    "[\U00010000-\U0010ffff\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757"
    "\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]"
)
"""What Tk 8.6 cannot draw on X11: what is beyond the Basic Multilingual Plane is a box at best, and with a font of
coloured emoji (Unicode's Emoji_Presentation) some builds abort."""


@dataclass(frozen=True)
class Palette:
    """Colours of one theme. Each text has a contrast of at least 4.5:1 on what it stands on (WCAG 2.1, 1.4.3)."""

    window: str
    surface: str  # the table, the log, the latency strip
    text: str
    muted: str
    good: str
    late: str
    bad: str
    own: str  # the background of our own row
    selected: str
    gap: str
    pill_text: str
    pills: Dict[str, str]


PALETTES: Dict[str, Palette] = {
    LIGHT: Palette(
        window="#fafafa", surface="#ffffff", text="#1c1c1c", muted="#5f6368", good="#176b3a", late="#8a4b00",
        bad="#a31515", own="#e2eefb", selected="#cfe4f7", gap="#f3d4d0", pill_text="#ffffff",
        pills={"offline": "#555b61", "connecting": "#8a4b00", "connected": "#176b3a", "reconnecting": "#8a4b00",
               "refused": "#a31515"},
    ),
    DARK: Palette(
        window="#1c1c1c", surface="#202020", text="#f2f2f2", muted="#a8adb3", good="#6fd08c", late="#f0b35a",
        bad="#ff8f85", own="#22384d", selected="#24405a", gap="#5a2a26", pill_text="#10161c",
        pills={"offline": "#a8adb3", "connecting": "#f0b35a", "connected": "#6fd08c", "reconnecting": "#f0b35a",
               "refused": "#ff8f85"},
    ),
}  # fmt: skip

# sv-ttk names its fonts and gives them sizes in pixels, which do not grow with the screen's density.
_SV_FONTS: Dict[str, int] = {
    "SunValleyCaptionFont": 12, "SunValleyBodyFont": 14, "SunValleyBodyStrongFont": 14, "SunValleyBodyLargeFont": 18,
    "SunValleySubtitleFont": 20, "SunValleyTitleFont": 28,
}  # fmt: skip


DENSITIES = (48.0, 960.0)
"""Dots to the inch that somebody may have chosen; anything else is a slip in a file."""


APP_ID = "Rollcall.Client"
"""By this the taskbar of Windows groups windows, and knows the icon that somebody has pinned. Without it a window of
Python is a window of Python."""

_CRISP: Tuple[Tuple[str, str, Any], ...] = (
    ("user32", "SetProcessDpiAwarenessContext", -4),  # per monitor, version 2: Windows 10, 1703
    ("shcore", "SetProcessDpiAwareness", 2),  # per monitor: Windows 8.1
    ("user32", "SetProcessDPIAware", None),  # as the first monitor: older
)
"""Library, function and argument, the best first (Microsoft, "Setting the default DPI awareness for a process")."""


def be_crisp() -> None:
    """On Windows: tell the system that we draw in real pixels, and which program this is. Before the first `tk.Tk`;
    elsewhere nothing to do."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID(ctypes.c_wchar_p(APP_ID))
        for library, function, argument in _CRISP:
            try:
                claim = getattr(ctypes.WinDLL(library), function)
            except (AttributeError, OSError):
                continue  # this Windows has not got it
            is_context = function.endswith("Context")  # a handle, which is as long as a pointer
            claim(*([] if argument is None else [ctypes.c_void_p(argument) if is_context else argument]))
            return


def monitor_dots(root: tk.Tk) -> float:
    """Dots to the inch of the monitor that the window is on; 0 where the system draws all alike."""
    if sys.platform == "win32":
        import ctypes

        try:
            return float(ctypes.windll.user32.GetDpiForWindow(ctypes.c_void_p(int(root.wm_frame(), 16))))
        except AttributeError:
            pass  # before Windows 10, 1607
    return 0.0


def dots_per_inch(root: tk.Tk) -> float:
    """The density that text is drawn with.

    On X11 the library for fonts, Xft, takes ``Xft.dpi`` of the resource database, which desktops set to what the person
    chose, and Tk the size of the monitor in millimetres, as the X server has it: 192 and 96 on the same screen.
    """
    chosen = _xft_dpi(root) if has_xft(root) else 0.0
    return chosen if DENSITIES[0] <= chosen <= DENSITIES[1] else root.winfo_fpixels("1i")


def _xft_dpi(root: tk.Tk) -> float:
    """``Xft.dpi``, or 0. Tk reads the whole database but shows each program only what is called after it, so this asks
    as a program of that name; its window never comes to the screen."""
    other: Any = tk.Tk(screenName=str(root.winfo_screen()), baseName="xft", className="Xft")
    try:
        return float(other.option_get("dpi", "Dpi") or 0)
    except ValueError:
        return 0.0
    finally:
        other.destroy()


def has_xft(root: tk.Tk) -> bool:
    """True if this Tk draws text on X11 with Xft, as nearly all do."""
    try:
        return str(root.tk.call("::tk::pkgconfig", "get", "fontsystem")) == "xft"
    except tk.TclError:
        return False  # not X11


def is_x11(root: tk.Misc) -> bool:
    """True if this window is on an X display, whatever the operating system."""
    return str(root.tk.call("tk", "windowingsystem")) == "x11"


def drawable(root: tk.Misc, text: str) -> str:
    """The text without what Tk cannot draw on this platform."""
    return UNSAFE_ON_X11.sub("\ufffd", text) if is_x11(root) else text


class Theme:
    """The look of one window: `use` a name of `names`; ``palette`` and ``scale`` are what it draws with."""

    def __init__(self, root: tk.Tk) -> None:
        self._root = root
        dots = dots_per_inch(root)
        if is_x11(root):
            # For what Tk itself measures in points or millimetres. Also, it turns the pixels of a font into points with
            # this, and Xft turns them back with its own density: unless they agree, pixels are not pixels.
            root.tk.call("tk", "scaling", dots / 72)
        # Never smaller: macOS and some X servers say that an inch has 72 dots, whatever the screen.
        self.scale: float = max(1.0, dots / 96)
        """Pixels for what is one pixel on a screen of 96 dots in an inch."""
        self._is_modern = sv_ttk is not None
        self.problem = "" if self._is_modern else "needs the package sv-ttk"
        """Why there is only the plain look, in words that follow "Dark theme"; empty if there is more."""
        self.failure = ""
        """What went wrong with the other, in Tcl's words."""
        self._plain = str(ttk.Style(root).theme_use())
        self.name = LIGHT
        self.palette = PALETTES[LIGHT]
        self.row_height = 0
        """Pixels of a row of the table, once a look is in use."""

    @property
    def names(self) -> Tuple[str, ...]:
        """The looks that there are."""
        return (LIGHT, DARK) if self._is_modern else (LIGHT,)

    def size_window(
        self, remembered: Tuple[int, int], usual: Tuple[int, int], least: Tuple[int, int]
    ) -> Tuple[int, int]:
        """Give the window the ``remembered`` size, or where that is 0 the ``usual`` one, no larger than the screen;
        nobody makes it smaller than ``least``. Returns the size. All are for a screen of 96 dots to the inch."""
        self._root.minsize(self.px(least[0]), self.px(least[1]))
        width = min(self.px(remembered[0] or usual[0]), self._root.winfo_screenwidth())
        height = min(self.px(remembered[1] or usual[1]), self._root.winfo_screenheight())
        self._root.geometry(f"{width}x{height}")
        return self._usual(width, height)

    def follow_screen(self) -> bool:
        """The window may have come to a monitor of another density (Windows tells each program, and Tk 8.6 does not
        listen): True if so, and what ttk does not draw must be painted anew. The window is as large as before then, for
        the eye; distances between its parts stay as they are."""
        dots = monitor_dots(self._root)
        scale = max(1.0, dots / 96)
        if not dots or scale == self.scale:
            return False
        ratio, self.scale = scale / self.scale, scale
        self._root.tk.call("tk", "scaling", dots / 72)
        for name in tk_font.names(self._root):
            font = tk_font.Font(self._root, name=name, exists=True)
            font.configure(size=font.cget("size"))  # Tk counts the pixels of a point only now
        self.use(self.name)
        self._root.minsize(*(round(ratio * side) for side in self._root.minsize()))
        width, height = self._root.winfo_width(), self._root.winfo_height()
        self._root.geometry(f"{round(ratio * width)}x{round(ratio * height)}")
        return True

    def window_size(self) -> Tuple[int, int]:
        """The window's size as `size_window` takes it; 0 and 0 before it is on the screen."""
        width, height = self._root.winfo_width(), self._root.winfo_height()
        return (0, 0) if width <= 1 else self._usual(width, height)

    def _usual(self, width: int, height: int) -> Tuple[int, int]:
        return round(width / self.scale), round(height / self.scale)

    def drawable(self, text: str) -> str:
        """The text without what Tk cannot draw on this platform."""
        return drawable(self._root, text)

    def px(self, pixels: float) -> int:
        """Pixels of this screen for pixels of a usual one."""
        return max(1, round(pixels * self.scale))

    def use(self, name: str) -> None:
        """Change the look. What ttk does not draw must be painted anew afterwards."""
        style = ttk.Style(self._root)
        if self._is_modern:
            try:
                self._use_modern(name if name in self.names else LIGHT)
            except Exception as error:  # such as: Tcl cannot name the folder in this locale
                self._is_modern, self.problem, self.failure = False, "sv-ttk could not be loaded", str(error)
        if not self._is_modern:
            style.theme_use("clam" if self._plain == "default" else self._plain)  # Tk's own on X11 is from 1995
            if is_x11(self._root):  # there they are pixels
                for widget in ("TScrollbar", "TCombobox"):
                    style.configure(widget, arrowsize=self.px(14))
        self.name = name if name in self.names else LIGHT
        self.palette = PALETTES[self.name]
        self._root.configure(background=self.palette.window)
        line = tk_font.Font(self._root, font=self.body_font).metrics("linespace")
        self.row_height = line + self.px(8)
        style.configure("Treeview", rowheight=self.row_height)
        colours = self.palette
        style.map("Treeview", background=[("selected", colours.selected)], foreground=[("selected", colours.text)])
        style.configure("Treeview.Heading", padding=(self.px(2), self.px(2)))
        style.configure("Muted.TLabel", foreground=self.palette.muted)
        style.configure("Strong.TLabel", font=self.strong_font)
        self._count_font = tk_font.Font(self._root, font=self.strong_font)
        self._count_font.configure(size=round(1.5 * self._count_font.actual("size")))
        style.configure("Count.TLabel", font=self._count_font)

    def _use_modern(self, name: str) -> None:
        sv_ttk.set_theme(name, self._root)
        for font, size in _SV_FONTS.items():
            tk_font.Font(self._root, name=font, exists=True).configure(size=-self.px(size))
        # Its own is a family of Windows; elsewhere that would be the same as running text.
        tk_font.Font(self._root, name="SunValleyBodyStrongFont", exists=True).configure(weight="bold")

    @property
    def body_font(self) -> str:
        """The name of the font for running text."""
        return "SunValleyBodyFont" if self._is_modern else "TkDefaultFont"

    @property
    def strong_font(self) -> Any:
        """The same, but stronger."""
        if self._is_modern:
            return "SunValleyBodyStrongFont"
        actual = tk_font.Font(self._root, font="TkDefaultFont").actual()
        return (actual["family"], actual["size"], "bold")


def set_text(variable: tk.StringVar, text: str) -> None:
    """Set a text only if it is another: Tk redraws for each call."""
    if variable.get() != text:
        variable.set(text)


def set_option(widget: Any, option: str, value: str) -> None:
    """Configure a widget only if that changes it."""
    if str(widget.cget(option)) != value:
        widget.configure(**{option: value})


def set_icon(root: tk.Tk) -> None:
    """The window's icon, from the folder ``icons`` beside the program or inside the frozen one. Windows takes the size
    that it needs, for the title and for the taskbar, from one file of its own kind."""
    try:
        if str(root.tk.call("tk", "windowingsystem")) == "win32":
            root.tk.call("wm", "iconbitmap", str(root), "-default", str(_icon("rollcall.ico")))
        else:
            # Read by us: Tcl may not know how to name the file in this locale.
            root.iconphoto(True, tk.PhotoImage(master=root, data=_icon("rollcall.png").read_bytes()))
    except (OSError, tk.TclError):
        pass  # a window without an icon is a window all the same


def _icon(name: str) -> Path:
    return bundled_file(f"icons/{name}") or program_folder() / "icons" / name
