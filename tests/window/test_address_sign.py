"""address_sign.py: which address is shown, how large, and what becomes of what a server says."""

from __future__ import annotations

from typing import Any

import pytest

tk: Any = pytest.importorskip("tkinter", reason="this Python has no Tk")
sign: Any = pytest.importorskip("rollcall.window.address_sign", reason="this Python has no Tk")
theme: Any = pytest.importorskip("rollcall.window.theme", reason="this Python has no Tk")


@pytest.mark.parametrize(
    ("connected", "told", "expected"),
    [
        ("192.168.1.20:8080", "10.0.0.5:8080", "192.168.1.20:8080"),
        ("127.0.0.1:8080", "10.0.0.5:8080", "10.0.0.5:8080"),
        ("[::1]:8080", "[fd00::5]:8080", "[fd00::5]:8080"),
        ("localhost:8080", "", "localhost:8080"),
        ("127.0.0.1:8080", "rm -rf / \n", "127.0.0.1:8080"),
    ],
)
def test_where_others_reach_the_server(connected: str, told: str, expected: str) -> None:
    assert sign.browsers_address(connected, told) == expected


def test_only_the_path_of_a_board_becomes_a_link() -> None:
    assert sign.link_of("h:1", "/board?link=pDq0-m_x") == "http://h:1/board?link=pDq0-m_x"
    assert sign.link_of("h:1", "/board") == "http://h:1/board"
    for path in ("", ".example/board", "/board?link=", "/board?link=a b", "/board\n", "/downloads/x.exe"):
        assert sign.link_of("h:1", path) == ""


@pytest.mark.usefixtures("needs_display")
def test_the_digits_fill_the_window_whatever_its_size() -> None:
    root = tk.Tk(className="Rollcall")
    try:
        shown = sign.AddressSign(root, theme.Theme(root))
        shown.open("[fe80::1%eth0]:8080")
        root.update()
        texts = [shown._canvas.itemcget(item, "text") for item in shown._canvas.find_all()]
        assert texts == ["[fe80::1%eth0]:8080", "in the program"]
        shown.open("192.168.1.20:8080")
        for size in ("1000x300", "500x400"):
            shown._window.geometry(size)
            root.update()
            canvas = shown._canvas
            width, height = canvas.winfo_width(), canvas.winfo_height()
            left, top, right, bottom = canvas.bbox("address")
            assert canvas.itemcget("address", "text") == "http://192.168.1.20:8080"
            assert 0.8 * width < right - left <= width or bottom - top > 0.35 * height
            assert left >= 0 and right <= width and bottom < height
        assert shown._canvas.find_withtag("sums") == (), "who is no teacher is not told"
        shown.show("192.168.1.20:8080", [f"{number:064x}  rollcall-{number}.exe" for number in range(8)])
        root.update()
        left, top, right, bottom = canvas.bbox("sums")
        assert left >= 0 and right <= canvas.winfo_width() and top > canvas.winfo_height() // 2
        text = canvas.itemcget("sums", "text")
        assert f"{5:064x}  rollcall-5.exe" in text and "rollcall-6" not in text and "and 2 more" in text
        shown._window.event_generate("<Escape>")
        root.update()
        assert not shown.is_open and len(root.winfo_children()) == 0
    finally:
        root.destroy()
