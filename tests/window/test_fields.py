"""fields.py: what is typed, what is drawn, and what is meant."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

tk: Any = pytest.importorskip("tkinter", reason="this Python has no Tk")
fields: Any = pytest.importorskip("rollcall.window.fields", reason="this Python has no Tk")
theme: Any = pytest.importorskip("rollcall.window.theme", reason="this Python has no Tk")
pytestmark = pytest.mark.usefixtures("needs_display")

WOMAN, STAR = "\N{WOMAN}", "\N{WHITE MEDIUM STAR}"


class Typing:
    """A field, what it is for, and somebody at the keyboard."""

    def __init__(self) -> None:
        from tkinter import ttk

        self.root = tk.Tk()
        self.is_x11 = theme.is_x11(self.root)
        self.stand_ins = fields.StandIns(self.root)
        fields.select_all_with_control_a(self.root)
        self.text = fields.FieldText(self.root, self.stand_ins, "ab")
        self.field = ttk.Entry(self.root, textvariable=self.text)
        self.text.belongs_to(self.field)
        self.field.pack()
        self.field.focus_force()
        self.root.update()

    def paste(self, text: str) -> None:
        self.root.clipboard_clear()
        self.root.clipboard_append(text)
        self.field.event_generate("<<Paste>>")
        self.root.update()

    def is_safe(self) -> bool:
        return not self.is_x11 or not theme.UNSAFE_ON_X11.search(self.field.get())


@pytest.fixture
def typing() -> Iterator[Typing]:
    built = Typing()
    yield built
    built.root.destroy()


@pytest.mark.parametrize("emoji", [WOMAN, STAR])
def test_an_emoji_is_kept_and_never_drawn(typing: Typing, emoji: str) -> None:
    typing.field.icursor(1)
    typing.field.insert("insert", emoji)  # as a key does
    assert typing.text.get() == f"a{emoji}b" and typing.is_safe()
    typing.field.insert("insert", "x")
    assert typing.text.get() == f"a{emoji}xb", "the cursor stays behind what was typed"
    typing.paste(f"1{emoji}{emoji}2")
    typing.field.insert("insert", "y")
    assert typing.text.get() == f"a{emoji}x1{emoji}{emoji}2yb" and typing.is_safe()
    typing.text.set(f"{emoji} Ada")
    assert typing.text.get() == f"{emoji} Ada" and typing.is_safe()
    assert typing.field.get().endswith(" Ada")
    typing.field.delete(0, 1 if typing.is_x11 else "end")
    assert emoji not in typing.text.get()


def test_what_a_field_begins_with_is_safe_too(typing: Typing) -> None:
    text = fields.FieldText(typing.root, typing.stand_ins, f"Ada {WOMAN}")
    typing.field.configure(textvariable=text)
    assert typing.is_safe() and text.get() == f"Ada {WOMAN}"
    assert typing.stand_ins.shown("plain ö 李") == "plain ö 李"


def test_there_is_an_end_of_stand_ins(typing: Typing) -> None:
    if not typing.is_x11:
        pytest.skip("nothing is replaced here")
    many = "".join(map(chr, range(0x10000, 0x10000 + fields.LAST - fields.FIRST + 3)))
    shown = typing.stand_ins.shown(many)
    assert not theme.UNSAFE_ON_X11.search(shown) and shown.endswith("\ufffd\ufffd") and shown.count("\ufffd") == 2
    assert typing.stand_ins.real(shown)[:-2] == many[:-2]


@pytest.mark.parametrize("key", ["<Control-a>", "<Control-Lock-A>"])
def test_control_a_selects_all(typing: Typing, key: str) -> None:
    if typing.root.tk.call("tk", "windowingsystem") == "aqua":
        pytest.skip("it is Command-A there")
    typing.field.icursor(2)
    typing.field.event_generate(key)
    typing.root.update()
    assert typing.field.selection_present() and typing.field.index("sel.first") == 0
    assert typing.field.index("sel.last") == 2
    typing.field.event_generate("<Home>")
    assert typing.field.index("insert") == 0, "the other key for the start of the line"
