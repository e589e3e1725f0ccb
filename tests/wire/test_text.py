"""text.py: what may stand in a name, and how a stranger's text is shown."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator

import pytest

from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name, counted, printable, quoted, seen
from tests.test_house import MODULES


@pytest.mark.parametrize("name", ["\u3164", "\U0001d159", "\u2800\u2800", "\u115f\u1160", "\u200b"])
def test_a_name_that_shows_nothing_is_none(name: str) -> None:
    with pytest.raises(ProtocolError, match="no visible character"):
        check_name(name)


def test_text_for_logs_is_bounded_and_escaped() -> None:
    assert printable("a\x1b[31m\n\ud800") == "a\\x1b[31m\\n\\ud800"
    assert printable("x" * 200, 10) == "x" * 10 + "…"


def test_one_is_one() -> None:
    assert [counted(number, "client") for number in (0, 1, 2)] == ["0 clients", "1 client", "2 clients"]
    assert [counted(number, "message") for number in (0.5, 1.0, 50.0)] == ["0.5 messages", "1 message", "50 messages"]


def words_behind_numbers(file: Path) -> Iterator[str]:
    """Each word that ends in "s" and stands behind something that a text of this file puts in."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"%[dsg] ([a-z]+s)\b", node.value)
        elif isinstance(node, ast.JoinedStr):
            for value, text in zip(node.values, node.values[1:]):
                if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                    assert isinstance(text.value, str)
                    yield from re.findall(r"^ ([a-z]+s)\b", text.value)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.stem))
def test_no_text_counts_one_clients(file: Path) -> None:
    verbs_and_units = {"is", "has", "was", "does", "needs", "takes", "ms", "this"}
    verbs_and_units |= {"answers", "says", "lets", "fails", "begins"}
    limits_above_one = {"bytes", "characters", "levels", "rows", "values", "descriptors", "connections", "times"}
    limits_above_one |= {"iterations", "letters"}  # of a code and its proof
    limits_above_one |= {"marks"}  # on a letter
    limits_above_one |= {"names", "classes", "minutes", "lessons", "texts"}  # of a class and its day
    assert set(words_behind_numbers(file)) <= verbs_and_units | limits_above_one, "use text.counted"


@pytest.mark.parametrize(
    "char",
    "\u200b\u00ad\ufff9\ufffb\U000e0001\U000e0041\u200d\u200e\u202e\u2060\ufeff\u061c\u180e"  # format characters
    "\ufe0f\ufe00\U000e0100\u034f\u17b4\u180b\u3164\u115f\uffa0\u2800"  # letters and marks that show nothing
    "\u00a0\u2003\u3000\u2028\ue000\ud800\x7f\x9b",
    ids=lambda char: f"U+{ord(char):04X}",
)
def test_what_cannot_be_seen_is_escaped(char: str) -> None:
    shown = printable(f"Ann{char}")
    assert shown.isascii() and shown.startswith("Ann\\") and shown.isprintable()


@pytest.mark.parametrize("text", ["Zoë", "Łukasz", "李雷", "प्रिया", "😀", "Ann & Ben"])
def test_what_can_be_seen_is_shown(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("name", ["👩\u200d🚀", "❤\ufe0f", "🏴\U000e0067\U000e0062\U000e007f"])
def test_a_name_may_have_emoji_that_are_joined(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ann", '"Ann"'),
        ('Ann" (session 5)', '"Ann\\" (session 5)"'),
        ("Ann\\", '"Ann\\\\"'),
        ("a\nb\u200b", '"a\\nb\\u200b"'),
        ("x" * 200, '"' + "x" * 120 + '"…'),
        ('"' * 200, '"' + '\\"' * 120 + '"…'),
    ],
    ids=["plain", "quote", "backslash", "unseen", "long", "quotes"],
)
def test_a_quoted_text_says_where_it_ends(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_marks_stack_on_a_letter_as_in_any_script_and_no_higher() -> None:
    """A tower of them covers the rows above and below, in a log, on a terminal, on the board."""
    hebrew, thai, keycap = "\u05d1\u05bc\u05b7\u0591\u05bd", "\u0e19\u0e49\u0e33", "1\ufe0f\u20e3"
    for name in ("e\u0301" * 32, "o\u0302\u0323\u0309x", hebrew, thai, keycap):
        assert check_name(name) == name
    for tower in ("a" + "\u0300" * 6, "x a" + "\u0489" * 50 + " b", "a" + "\u0300\u200d" * 6):
        with pytest.raises(ProtocolError, match="more than 5 marks on one letter"):
            check_name(tower)
    assert printable("a" + "\u0300" * 7) == "a" + "\u0300" * 5 + "\\u0300" * 2


def test_what_is_seen_of_a_text() -> None:
    assert seen("M\u00adi\u200ba\ufeff \u2060Lee\ufe0f\u3164") == "Mia Lee"
    assert seen("Zo\u00eb \u674e") == "Zo\u00eb \u674e"
