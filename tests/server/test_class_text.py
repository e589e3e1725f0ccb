"""Class lists as schools export them and people paste them."""

from __future__ import annotations

import codecs
from typing import List, Set, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.server.class_text import MAX_BYTES, ClassError, Preview, preview, text_of

unhurried = settings(deadline=None)  # a machine that does much else is no failure

NAMES = ("Mia Lee", "Jörg Größl", "Zoë O'Neil")
PLAIN = "Vorname;Nachname;Gruppe\nMia;Lee;A\nJörg;Größl;B\nZoë;O'Neil;A\n"


def names_of(found: Preview) -> List[str]:
    return [person.name for person in found.people]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PLAIN.encode("utf-8"), "utf-8"),
        (codecs.BOM_UTF8 + PLAIN.encode("utf-8"), "utf-8"),
        (codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"), "utf-16-be"),
        (PLAIN.encode("utf-16-le"), "utf-16-le"),
        (PLAIN.encode("utf-16-be"), "utf-16-be"),
        (PLAIN.encode("cp1252"), "windows-1252"),
        (PLAIN.replace("\n", "\r\n").encode("cp1252"), "windows-1252"),
        (PLAIN.replace("\n", "\r").encode("utf-8"), "utf-8"),
    ],
)
def test_every_encoding_that_occurs_is_read(data: bytes, encoding: str) -> None:
    found = preview(data)
    assert tuple(names_of(found)) == NAMES and found.encoding == encoding
    assert [person.group for person in found.people] == ["A", "B", "A"]
    assert found.count == 3 and found.first_three == NAMES and found.can_swap and not found.needs_class


@pytest.mark.parametrize(
    "text",
    [
        "Vorname,Nachname\nMia,Lee\nJörg,Größl\nZoë,O'Neil\n",
        "First name\tLast name\nMia\tLee\nJörg\tGrößl\nZoë\tO'Neil\n",
        '"Nachname";"Vorname"\n"Lee";"Mia"\n"Größl";"Jörg"\n"O\'Neil";"Zoë"\n',
        "Name;Vorname\nLee;Mia\nGrößl;Jörg\nO'Neil;Zoë\n",
        "Prénom,Nom\nMia,Lee\nJörg,Größl\nZoë,O'Neil\n",
        'Nr;Name;E-Mail\n1;"Lee, Mia";a@b.example\n2;"Größl, Jörg";c@b.example\n3;"O\'Neil, Zoë";d@b.example\n',
        "Mia Lee\nJörg Größl\nZoë O'Neil",
        "\n\n  Mia   Lee  \n\nJörg Größl\n \nZoë O'Neil\n",
        "1. Mia Lee\n2. Jörg Größl\n3. Zoë O'Neil\n",
        "- Mia Lee\n- Jörg Größl\n- Zoë O'Neil\n",
        "Lee, Mia\nGrößl, Jörg\nO'Neil, Zoë\n",
        "Name\nMia Lee\nJörg Größl\nZoë O'Neil\n",
        "1;Mia;Lee;17.03.2012\n2;Jörg;Größl;01.11.2012\n3;Zoë;O'Neil;24.12.2011\n",
        "1\tMia Lee\t2012\n2\tJörg Größl\t2011\n3\tZoë O'Neil\t2012\n",
    ],
)
def test_names_are_found_in_whatever_columns_they_stand(text: str) -> None:
    swap = text.startswith("Lee, Mia")  # nothing says which of the two is the first name: somebody is asked
    assert tuple(names_of(preview(text.encode(), swap=swap))) == NAMES


def test_first_and_last_name_can_be_swapped_before_anything_is_kept() -> None:
    data = b"Lee;Mia\nRoth;Ben\n"
    assert names_of(preview(data)) == ["Lee Mia", "Roth Ben"] and preview(data).can_swap
    assert names_of(preview(data, swap=True)) == ["Mia Lee", "Ben Roth"]
    assert not preview(b"Mia Lee\nBen Roth\n").can_swap


@pytest.mark.parametrize("header", ["Klasse;Vorname;Nachname\n", ""])
def test_a_column_of_classes_is_a_question(header: str) -> None:
    rows = "".join(
        f"{'7a' if number % 2 else '7b'};Vor{chr(97 + number)};Nach{chr(97 + number)}\n" for number in range(12)
    )
    found = preview((header + rows).encode())
    assert found.class_names == ("7a", "7b") and found.needs_class and found.count == 12
    chosen = preview((header + rows).encode(), class_name="7b")
    assert not chosen.needs_class and chosen.class_name == "7b" and chosen.count == 6
    assert names_of(chosen)[0] == "Vora Nacha"
    with pytest.raises(ClassError, match='nobody in it is of the class "8"'):
        preview((header + rows).encode(), class_name="8")
    one = preview(b"Klasse;Name\n7b;Mia Lee\n7b;Ben Roth\n")
    assert one.class_name == "7b" and not one.needs_class


def test_twins_get_a_letter_and_doubles_go_and_both_are_told_with_their_lines() -> None:
    rows = ("Vorname;Nachname;Geburtstag", "Mia;Lee;1.1.", "Ben;Roth;2.2.", "Mia;Lee;3.3.", "Ben;Roth;2.2.", ";;4.4.")
    found = preview("\n".join(rows).encode())
    assert names_of(found) == ["Mia Lee A", "Ben Roth", "Mia Lee B"]
    assert [one.line for one in found.oddities] == [2, 4, 5, 6]
    told = " ".join(one.text for one in found.oddities)
    assert '"Mia Lee B"' in told and "stands in line 3 already" in told and "has no name" in told


def test_spellings_that_nobody_tells_apart_are_twins() -> None:
    found = preview("Name;Nr\nJörg Müller;1\nJörg Müller;2\njorg muller;3\n".encode())
    assert names_of(found) == ["Jörg Müller A", "Jörg Müller B", "jorg muller C"]


@pytest.mark.parametrize("name", ['=HYPERLINK("x";"Mia")', "<b>Mia</b>", "+Mia", "@Mia Lee", "Robert'); DROP TABLE"])
def test_formulas_and_html_are_names_like_others(name: str) -> None:
    cell = name.replace('"', '""')
    assert names_of(preview(f'Nr;Name\n1;"{cell}"\n2;Ben Roth\n'.encode())) == [name, "Ben Roth"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"\n;;\n", "there is no name in it"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is a picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "it is a picture"),
        (b"BM\x36\0\0\0\0\0", "it is a picture"),
        (b"PK\x03\x04\x14\0\x06\0", "save it as CSV, or copy and paste the columns"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "save it as CSV, or copy and paste the columns"),
        (b"%PDF-1.7\n", "it is a PDF"),
        (b"{\\rtf1 Mia}", "save it as plain text"),
        (b"<html><table><tr><td>Mia", "it is a web page"),
        (bytes(range(256)) * 8, "so it is no text"),
        (b"Mia Lee\nBen\x07Roth\n", "line 2 has the character U+0007"),
        (b"\xef\xbb\xbfMia \xff Lee", "says that it is UTF-8, and is not"),
        (b"x" * (MAX_BYTES + 1), "more than 2 MB"),
        (("a;" * 499 + "a\n").encode() * 3, "500 columns; there may be at most 100"),
        (b'Name;Nr\n"Mia;1\n' + b"Ben;2\n" * 40, "a text there that does not end"),
        (b"1;2\n3;4\n", "there is no name in it"),
        ("".join(f"Vor{n} Nach{n}\n" for n in range(1001)).encode(), "1001 names; a class may have at most 1000"),
        (b"a b\n" * 20_001, "20001 lines"),
    ],
)
def test_what_is_no_class_list_is_said_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ClassError) as caught:
        preview(data)
    assert words in str(caught.value)


def test_a_name_may_begin_like_a_picture() -> None:
    assert names_of(preview(b"BMia Lee\nRIFFa Roth\n")) == ["BMia Lee", "RIFFa Roth"]


def test_one_strange_line_is_told_and_the_others_are_kept() -> None:
    found = preview(f"Mia Lee\n{'x' * 65}\n12345\nBen Roth\n".encode())
    assert names_of(found) == ["Mia Lee", "Ben Roth"]
    assert [one.line for one in found.oddities] == [2, 3]


def test_a_thousand_oddities_are_counted() -> None:
    found = preview(("Mia Lee\n" + "12345\n" * 900).encode())
    assert len(found.oddities) == 51 and found.oddities[-1].text == "and 850 more lines"


@unhurried
@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_a_sentence(data: bytes) -> None:
    try:
        found = preview(data)
    except ClassError as error:
        assert str(error)
    else:
        assert found.count >= 1 and all(person.name.strip() for person in found.people)


line = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@unhurried
@given(st.lists(line, min_size=1, max_size=8))
def test_any_text_in_any_encoding_says_the_same(lines: List[str]) -> None:
    text = "Name\n" + "\n".join(lines) + "\n"
    found: Set[Tuple[str, ...]] = set()
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        try:
            assert text_of(text.encode(encoding))[0] == text
            found.add(tuple(names_of(preview(text.encode(encoding)))))
        except ClassError as error:
            found.add((str(error),))
    assert len(found) == 1
