"""report_html.py: one page that needs nothing, and into which nobody gets anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import List, Optional, Tuple

from hypothesis import given
from hypothesis import strategies as st

from rollcall.server.report_html import page
from rollcall.server.sheet import BAD, DISCLAIMER, Cell, Column, Sheet, Table

COLUMNS = (Column("Name"), Column("Came"), Column("Min", numeric=True), Column("25 Nov\n08:00", narrow=True))


class Seen(HTMLParser):
    """What a browser makes of a page: its elements in order, and its text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: List[str] = []
        self.attributes: List[Tuple[str, Optional[str]]] = []
        self.texts: List[str] = []
        self.feed(data.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def sheet(text: str) -> Sheet:
    rows = ((Cell(text), Cell("late", BAD, text), Cell("90"), Cell("☑")),)
    return Sheet(text, (text,), (Table(COLUMNS, rows, text), Table(COLUMNS, (), "Guests", text)), (text,))


def test_the_page_needs_nothing_and_runs_nothing() -> None:
    text = page(sheet("Mia Lee")).decode()
    assert "default-src 'none'" in text and "prefers-color-scheme: dark" in text and "size: A4;" in text
    assert not re.search(r"https?:|//|src=|href=|url\(|@import|<script|<img|<link|\son\w+=", text)
    assert text.rstrip().endswith(f"<p>{DISCLAIMER}</p>\n</footer>\n</body>\n</html>")
    assert "A4 landscape" in page(Sheet("t", (), (), landscape=True)).decode()
    (row,) = (line for line in text.splitlines() if line.startswith("<tr><td"))
    assert "Mia Lee" in row and 'class="bad"' in row and row.endswith("</tr>"), "a row is a line"
    assert 'aria-label="ticked"' in row and "08:00</th>" in text


@given(
    st.text(max_size=30) | st.sampled_from(["<script>alert(1)</script>", '"><img onerror=x>', "</style>", "&lt;b&gt;"])
)
def test_what_strangers_wrote_is_text(text: str) -> None:
    plain, other = Seen(page(sheet("x"))), Seen(page(sheet(f"x{text}")))
    assert other.tags == plain.tags and other.attributes == plain.attributes
    assert all(char.isprintable() or char == "\n" for char in "".join(other.texts))


def test_names_are_shown_as_they_are() -> None:
    for name in ("Größl & Söhne", "O'Neil", "<b>", "Zoë", "李小龍", "ليلى"):
        assert name in Seen(page(sheet(name))).texts
    assert "\\u202eevil" in "".join(Seen(page(sheet("\u202eevil"))).texts)
