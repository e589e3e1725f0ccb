"""How the window looks: the theme, one palette for each, and sizes that follow the screen.

The widgets are drawn by `sv-ttk` where it is installed and can be loaded, in light or dark, else by the platform's own
ttk theme, which has only its own look: decoration is never a reason not to start. What Tk draws without ttk (bands,
numbers, the log, the latency strip) takes its colours from here. A state is never told by colour alone: a shape and a
word stand beside it. When the look, the screen or the zoom is another, the window's faces are built anew.

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

from rollcall.program.files import patiently
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
    """Colours of one theme. Each text has a contrast of at least 4.5:1 on what it stands on (WCAG 2.1, 1.4.3), and what
    marks something without words 3:1 (1.4.11)."""

    window: str
    surface: str  # the table, the log, the latency strip
    text: str
    muted: str
    accent: str  # links, and the bar at a selected row
    line: str
    selected: str
    group: str  # behind the heading of a group
    gap: str
    loud: Dict[str, Tuple[str, str]]  # by loudness: the text, and what it stands on


PALETTES: Dict[str, Palette] = {
    LIGHT: Palette(
        window="#fafafa", surface="#ffffff", text="#1c1c1c", muted="#5f6368", accent="#005fb8", line="#dcdfe3",
        selected="#e2eefb", group="#f3f4f6", gap="#f3d4d0",
        loud={"good": ("#176b3a", "#e6f4ea"), "warn": ("#8a4b00", "#fdf0d8"), "bad": ("#a31515", "#fbe4e1"),
              "muted": ("#5f6368", "#f3f4f6")},
    ),
    DARK: Palette(
        window="#1c1c1c", surface="#202020", text="#f2f2f2", muted="#a8adb3", accent="#57c8ff", line="#3a3d40",
        selected="#24405a", group="#2a2c2e", gap="#5a2a26",
        loud={"good": ("#6fd08c", "#15301f"), "warn": ("#f0b35a", "#372a12"), "bad": ("#ff8f85", "#401f1c"),
              "muted": ("#a8adb3", "#2a2c2e")},
    ),
}  # fmt: skip

# sv-ttk names its fonts and gives them sizes in pixels, which do not grow with the screen's density.
_SV_FONTS: Dict[str, int] = {
    "SunValleyCaptionFont": 12, "SunValleyBodyFont": 14, "SunValleyBodyStrongFont": 14, "SunValleyBodyLargeFont": 18,
    "SunValleySubtitleFont": 20, "SunValleyTitleFont": 28,
}  # fmt: skip
_TK_FONTS = ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont", "TkCaptionFont", "TkSmallCaptionFont")
"""Those of Tk itself, in points or pixels as the platform has them."""

ZOOMS = (50, 300)
"""Percent: the smallest and the largest."""


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
        self._density: float = max(1.0, dots / 96)
        self.zoom = 100
        """Percent of the usual size."""
        self._tk_fonts = {name: int(tk_font.Font(root, name=name, exists=True).cget("size")) for name in _TK_FONTS}
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
    def scale(self) -> float:
        """Pixels for what is one pixel on a screen of 96 dots to the inch, at the usual size."""
        return self._density * self.zoom / 100

    def zoom_to(self, percent: int) -> None:
        """Another size of everything. What the window shows must be built anew afterwards."""
        self.use(self.name, max(ZOOMS[0], min(ZOOMS[1], percent)))

    @property
    def density(self) -> float:
        """The same without zoom: what the size of a window is measured in."""
        return self._density

    @property
    def names(self) -> Tuple[str, ...]:
        """The looks that there are."""
        return (LIGHT, DARK) if self._is_modern else (LIGHT,)

    def size_window(self, size: Tuple[int, int], least: Tuple[int, int]) -> Tuple[int, int]:
        """Give the window this ``size``, no larger than the screen; nobody makes it smaller than ``least``. Returns the
        size. Both are for a screen of 96 dots to the inch."""
        self.bound_window(least)
        width = min(self._dots(size[0]), self._root.winfo_screenwidth())
        height = min(self._dots(size[1]), self._root.winfo_screenheight())
        self._root.geometry(f"{width}x{height}")
        return self._usual(width, height)

    def bound_window(self, least: Tuple[int, int]) -> None:
        """Nobody makes the window smaller than that, or than the screen if that is less."""
        screen = self._root.winfo_screenwidth(), self._root.winfo_screenheight()
        self._root.minsize(*(min(self._dots(side), most) for side, most in zip(least, screen)))

    def follow_screen(self) -> bool:
        """The window may have come to a monitor of another density (Windows tells each program, and Tk 8.6 does not
        listen): True if so, and what it shows must be built anew. For the eye, the window is as large as before."""
        dots = monitor_dots(self._root)
        density = max(1.0, dots / 96)
        if not dots or density == self._density:
            return False
        ratio, self._density = density / self._density, density
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
        return self._usual(width, height) if self._root.winfo_viewable() else (0, 0)

    def _usual(self, width: int, height: int) -> Tuple[int, int]:
        return round(width / self._density), round(height / self._density)

    def _dots(self, pixels: int) -> int:
        """As `px`, for what zooming leaves as it is."""
        return max(1, round(pixels * self._density))

    def drawable(self, text: str) -> str:
        """The text without what Tk cannot draw on this platform."""
        return drawable(self._root, text)

    def px(self, pixels: float) -> int:
        """Pixels of this screen for pixels of a usual one."""
        return max(1, round(pixels * self.scale))

    def use(self, name: str, zoom: int = 0) -> None:
        """Change the look, and the ``zoom`` (percent) if one is given. What the window shows must be built anew
        afterwards."""
        self.zoom = zoom or self.zoom
        style = ttk.Style(self._root)
        for font, size in self._tk_fonts.items():
            tk_font.Font(self._root, name=font, exists=True).configure(size=round(size * self.zoom / 100) or size)
        if self._is_modern:
            try:
                self._use_modern(name if name in self.names else LIGHT)
            except Exception as error:  # such as: Tcl cannot name the folder in this locale
                self._is_modern, self.problem, self.failure = False, "sv-ttk could not be loaded", str(error)
        self.name = name if name in self.names else LIGHT
        self.palette = PALETTES[self.name]
        if not self._is_modern:
            self._use_plain(style)
        self._root.configure(background=self.palette.window)
        self._make_fonts()
        line = tk_font.Font(self._root, font=self.body_font).metrics("linespace")
        self.row_height = line + self.px(4)
        self._style_table(style)
        style.configure("Muted.TLabel", foreground=self.palette.muted)
        style.configure("Strong.TLabel", font=self.strong_font)
        style.configure("Title.TLabel", font=self.title_font)
        style.configure("Small.TLabel", font=self.small_font, foreground=self.palette.muted)
        style.configure("Found.TLabel", font=self.small_font, foreground=self.palette.muted)
        style.configure("Found.TLabel", background=self.palette.surface)
        style.configure("Placeholder.TLabel", foreground=self.palette.muted, background=self.palette.surface)
        # sv-ttk recolours what is there when a window that exists hears of the theme: now, while there is nothing yet.
        self._root.winfo_id()
        self._root.update_idletasks()

    def _use_plain(self, style: ttk.Style) -> None:
        """The platform's own, on our ground: its texts are as good to read as with the other look."""
        style.theme_use("clam" if self._plain == "default" else self._plain)  # Tk's own on X11 is from 1995
        if is_x11(self._root):
            for widget in ("TScrollbar", "TCombobox"):
                style.configure(widget, arrowsize=self.px(14))  # there they are pixels
            style.configure(".", background=self.palette.window, foreground=self.palette.text)
            style.configure("Accent.TButton", background=self.palette.accent, foreground=self.palette.surface)
            style.map("Accent.TButton", background=[("active", self.palette.text)])
        for widget in ("TLabel", "TFrame", "TCheckbutton"):
            style.configure(widget, background=self.palette.window)

    def _style_table(self, style: ttk.Style) -> None:
        colours = self.palette
        style.configure("Treeview", rowheight=self.row_height, indent=0)
        # The words keep their colours on a selected line.
        style.map("Treeview", background=[("selected", colours.selected)], foreground=[])
        if not self._is_modern:
            style.configure("Treeview", background=colours.surface, fieldbackground=colours.surface)
        style.configure("Treeview.Heading", padding=(self.px(2), self.px(1)))
        # No triangle: what stands below a heading cannot be folded. The image is the bar at a selected row.
        where = {"side": "left", "sticky": ""}
        parts: Any = [("Treeitem.image", where), ("Treeitem.text", where)]
        padded: Any = [("Treeitem.padding", {"sticky": "nswe", "children": parts})]
        style.layout("Item", padded)
        style.configure("Item", padding=0)

    def _make_fonts(self) -> None:
        family = str(tk_font.Font(self._root, font=self.body_font).actual("family"))

        def font(size: int, **options: Any) -> tk_font.Font:
            return tk_font.Font(self._root, family=family, size=-self.px(size), **options)

        self.small_font = font(12)
        self.small_strong_font = font(12, weight="bold")
        self.title_font = font(22, weight="bold")
        self.word_font = font(17)
        self.link_font = tk_font.Font(self._root, font=self.body_font)
        self.link_font.configure(underline=True)
        self.name_fonts = [font(size, weight="bold") for size in (60, 44, 34, 28, 22, 18, 14)]
        """For a name that is to be as large as there is room, the largest first."""

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

    def measure(self, text: str) -> int:
        """Pixels of a running text."""
        # By a font that widgets have: one that nobody has is made and forgotten for each call, which takes 0.5 ms.
        return tk_font.Font(self._root, name=self.body_font, exists=True).measure(text)

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
            root.iconphoto(True, tk.PhotoImage(master=root, data=patiently(_icon("rollcall.png").read_bytes)))
    except (OSError, tk.TclError):
        pass  # a window without an icon is a window all the same


def _icon(name: str) -> Path:
    return bundled_file(f"icons/{name}") or program_folder() / "icons" / name
