"""text.py: what may stand in a name, and how a stranger's text is shown."""

from __future__ import annotations

import pytest

from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name, printable


@pytest.mark.parametrize("name", ["\u3164", "\u2800\u2800", "\u115f\u1160", "\u200b"])
def test_a_name_that_shows_nothing_is_none(name: str) -> None:
    with pytest.raises(ProtocolError, match="no visible character"):
        check_name(name)


def test_text_for_logs_is_bounded_and_escaped() -> None:
    assert printable("a\x1b[31m\n\ud800") == "a\\x1b[31m\\n\\ud800"
    assert printable("x" * 200, 10) == "x" * 10 + "…"
