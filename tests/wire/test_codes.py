"""Codes as people write them, codes that nobody should use, and new ones."""

from __future__ import annotations

import itertools
import math
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.wire import codes
from rollcall.wire.codes import ALPHABET, UnfitCode, fold, join_code, new_code, teacher_code, weakness


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kdwh-9rtc-4mxf", "KDWH9RTC4MXF"),
        ("  KDWH 9RTC\t4MXF\n", "KDWH9RTC4MXF"),
        ("KDWH\u20139RTC\u20144MXF", "KDWH9RTC4MXF"),  # a word processor's dashes
        ("KDWH\u00a09RTC\u00ad4MXF", "KDWH9RTC4MXF"),  # a no-break space, an invisible hyphen
        ("Oil Il0o", "0111100"),
        ("- -", ""),
        ("", ""),
    ],
)
def test_folding(typed: str, meant: str) -> None:
    assert fold(typed) == meant


@pytest.mark.parametrize("typed", ["müsli1234", "stra\u00dfe 12", "\u017fchool 12", "d\u0131no 1234", "\uff21BCD1234"])
def test_a_letter_that_is_not_in_the_alphabet_is_never_taken_for_one(typed: str) -> None:
    with pytest.raises(UnfitCode, match=r"contains '.'; a code has letters from A to Z and digits"):
        fold(typed)


@pytest.mark.parametrize("typed", ["abc\x00defgh", "abc\u202edefgh", "abc.defgh", "abc,defgh", "abc\ud800defgh"])
def test_other_characters_are_refused_and_shown_safely(typed: str) -> None:
    with pytest.raises(UnfitCode) as refused:
        join_code(typed)
    assert str(refused.value).isprintable()


@given(st.text(alphabet=ALPHABET + ALPHABET.lower() + "oOiIlL01 -", max_size=40))
def test_folding_twice_is_folding_once(typed: str) -> None:
    assert fold(fold(typed)) == fold(typed)
    assert fold(typed.swapcase()) == fold(typed) == fold(" ".join(typed))


@given(st.text(max_size=20))
def test_what_is_folded_is_plain(typed: str) -> None:
    try:
        assert re.fullmatch("[A-HJKMNP-Z0-9]*", fold(typed))
    except UnfitCode as refused:
        assert str(refused).isprintable()


def test_a_code_has_an_end() -> None:
    assert len(fold("Q" * codes.MOST)) == codes.MOST
    for far_too_long in ("Q" * (codes.MOST + 1), " " * 1_000_000):
        with pytest.raises(UnfitCode, match="at most 64"):
            fold(far_too_long)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "too short: it has 0 letters"),
        ("kdwh-9rt", "too short: it has 7 letters and digits, and needs 8"),
        ("zzzzzzzz", "one character repeated"),
        ("ILIL-ILIL", "one character repeated"),
        ("password", "first that anybody tries"),
        ("Pass-Word", "first that anybody tries"),
        ("PASSW0RD", "first that anybody tries"),
        ("password 2024", "first that anybody tries"),
        ("code123456", "first that anybody tries"),
        ("classroom7", "first that anybody tries"),
        ("12345678", "first that anybody tries"),
        ("school school", "first that anybody tries"),
        ("k7k7k7k7", "repeats the same 2 characters"),
        ("kdwhkdwhkdwh", "repeats the same 4 characters"),
    ],
)
def test_weak_join_codes_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(UnfitCode, match=reason) as refused:
        join_code(text)
    assert not text or text.lower() not in str(refused.value).lower(), "the code must not end up in a log"


@pytest.mark.parametrize("text", ["kdwh-9rtc", "sunflower 7", "blue horse 12", "passwords are bad"])
def test_codes_that_do(text: str) -> None:
    assert join_code(text) == fold(text)


def test_every_listed_word_is_refused_alone_and_with_a_year() -> None:
    words = codes._FIRST_GUESSES.split()
    assert len(words) > 100
    for word in words:
        for text in (word, f"{word}2024", word * 2):
            assert weakness(fold(text), 0), text


def test_a_teachers_code_is_longer_and_another_one() -> None:
    joining = join_code("kdwh-9rtc-4m")
    with pytest.raises(UnfitCode, match="needs 10"):
        teacher_code("kdwh-9rtx", joining)
    with pytest.raises(UnfitCode, match="is the same as the join code"):
        teacher_code("KDWH 9RTC 4M", joining)
    with pytest.raises(UnfitCode, match="contains the join code"):
        teacher_code("KDWH 9RTC 4M 2", joining)
    assert teacher_code("KDWH 9RTX 4M", joining) == "KDWH9RTX4M"
    assert teacher_code("KDWH 9RTC 4M") == "KDWH9RTC4M", "an open room has no join code"


def test_new_codes_have_50_bits_and_no_look_alikes() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert not set(ALPHABET) & set("OIL01B8S5Z2UVAEIOU")
    code = new_code()
    assert re.fullmatch(f"[{ALPHABET}]{{4}}(-[{ALPHABET}]{{4}}){{2}}", code)
    bits = (len(code) - 2) * math.log2(len(ALPHABET))
    assert bits >= 50
    assert f"{bits:.1f} bits" in str(new_code.__doc__)


def test_new_codes_are_random_and_fit_to_teach_with() -> None:
    made = {new_code(random.Random(seed).choice) for seed in range(500)}
    assert len(made) == 500
    assert all(teacher_code(code) for code in made)


def test_a_new_code_is_never_one_that_would_be_refused() -> None:
    drawn = itertools.chain("CCCCCCCCCCCC", "KDWHKDWHKDWH", itertools.cycle("KDWH9RTC4MXF"))
    assert new_code(lambda letters: next(drawn)) == "KDWH-9RTC-4MXF"
