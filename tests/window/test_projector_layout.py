"""projector_layout.py: what a class sees, and that it can be read from 8 m."""

from __future__ import annotations

from typing import List

import pytest

from protocol import HERE, LEFT, LOST
from rollcall.window.people import EXCUSED, MISSING, SILENT, Person, of_class
from rollcall.window.projector_layout import DASHED, DOTTED, MANY, SOLID, grid, picture
from rollcall.wire.class_messages import PersonRow

STATES = [HERE] * 3 + [SILENT, LOST, MISSING, EXCUSED, LEFT]
ROWS = [PersonRow(f"k{n}", f"Name{n} Last", state, note="secret") for n, state in enumerate(STATES)]
ROWS += [PersonRow("g1", "Herr Klein", HERE, class_name="guest"), PersonRow("g2", "maxi", HERE, class_name="guest")]


def people(rows: List[PersonRow]) -> List[Person]:
    return [of_class(row, {}) for row in rows]


def test_who_is_here_is_named_and_the_missing_are_a_number() -> None:
    shown = picture("7b", people(ROWS), has_class=True, show_missing=False)
    assert [tile.name for tile in shown.tiles] == ["Name0 L.", "Name1 L.", "Name2 L.", "Name3 L."]
    assert ("1 missing", "bad") in shown.numbers and shown.guests == "+ 2 guests"
    assert "Klein" not in repr(shown) and "secret" not in repr(shown) and "guest" not in repr(shown.numbers)


def test_who_asks_for_the_missing_sees_their_names_and_each_state_has_sign_outline_and_word() -> None:
    shown = picture("7b", people(ROWS), has_class=True, show_missing=True)
    assert len(shown.tiles) == len(STATES)
    looks = {(tile.sign, tile.outline, tile.word) for tile in shown.tiles}
    assert looks >= {("●", SOLID, ""), ("◐", DASHED, "not answering"), ("○", DOTTED, "missing")}
    assert len({sign for sign, _, _ in looks}) == len(looks), "told apart by the sign alone"


def test_two_who_would_be_called_alike_have_their_whole_names() -> None:
    alike = [PersonRow(name, name, HERE) for name in ("Mia Lee", "Mia Lang", "Al Po")]
    assert [tile.name for tile in picture("7b", people(alike), False, False).tiles] == ["Al P.", "Mia Lang", "Mia Lee"]


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1024, 768), (3840, 2160)])
@pytest.mark.parametrize("count", [0, 1, 12, 30, MANY, MANY + 1, 100, 1000])
def test_the_letters_are_large_enough_and_everybody_has_a_place(width: int, height: int, count: int) -> None:
    plan = grid(count, 8.0, round(0.94 * width), round(0.83 * height), height)
    assert plan.size >= height / (30 if count <= MANY else 50)
    on_page = max(1, plan.on_page(count))
    assert plan.pages * on_page >= count and (plan.pages - 1) * on_page < max(1, count)
    assert plan.columns * (plan.size * 8.0) <= width and plan.rows * plan.size * 2.3 <= height
    assert count > 30 or width < 1920 or plan.pages == 1, "a class has one page"


def test_zoomed_letters_are_larger_and_need_more_pages() -> None:
    usual, large = (grid(30, 8.0, 1800, 900, 1080, zoom) for zoom in (1.0, 2.0))
    assert large.size >= 2 * 1080 / 30 and large.pages > usual.pages == 1
