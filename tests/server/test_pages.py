"""rollcall/server/pages.py and page_parts.py: what the pages say, to whom, and in which colours."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Dict, List, Optional, Tuple

import pytest

from protocol import LATE, Entry
from rollcall.server.board_lines import board_state
from rollcall.server.downloads import SYSTEMS, Offer, system_of
from rollcall.server.page_parts import BOARD_POLICY, POLICY, SCRIPT, STYLE
from rollcall.server.pages import Place, board_page, message_page, student_page, system_of_agent

NASTY = "<img src=x onerror=alert(1)>\"'&</script>"
PLACE = Place("Room 12", "192.168.1.20:8080", False, "Windows")


def offer(name: str) -> Offer:
    return Offer(name, 9_100_000, system_of(name), "ab" * 32)


OFFERS = [offer(name) for name in ("rollcall-client.exe", "x-linux.tar.gz", "x.deb", "x-macos.tar.gz", "notes")]
STATE = board_state(5, [Entry("h", 1, 1, "Ann", "h"), Entry("h", 1, 2, "Ben", "h", 0, LATE)], named=True)


class Outline(HTMLParser):
    """The elements of a page, and that each is closed."""

    VOID = ("meta", "link", "br", "img", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: List[str] = []
        self.tags: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


PAGES = {
    "student": student_page(PLACE, OFFERS, True),
    "empty": student_page(PLACE, [], True),
    "board": board_page(PLACE, STATE, True),
    "message": message_page(PLACE, "Not Found", ["There is no such page here."]),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_page_is_one_well_formed_file_with_landmarks(page: str) -> None:
    outline = Outline(page)
    names = [tag for tag, _ in outline.tags]
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert [names.count(name) for name in ("title", "main", "h1", "header", "style")] == [1, 1, 1, 1, 1]
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    for tag, attributes in outline.tags:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes), "not permitted"
        for name in ("src", "href"):
            target = attributes.get(name) or "/"
            assert target.startswith(("/", "data:image/", "http://192.168.1.20:8080/")), f"{tag} from elsewhere"
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_policy_permits_this_stylesheet_and_this_script_and_nothing_else() -> None:
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    (style,) = re.findall(r"<style>(.*?)</style>", PAGES["board"], re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", PAGES["board"], re.DOTALL)
    assert (style, script) == (STYLE, SCRIPT) and "<script" not in PAGES["student"]
    for policy in (POLICY, BOARD_POLICY):
        assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
        assert f"'sha256-{digest(style)}'" in policy
        assert "base-uri 'none'" in policy and "frame-ancestors 'none'" in policy and "form-action 'none'" in policy
    assert f"script-src 'sha256-{digest(script)}'" in BOARD_POLICY and "script" not in POLICY


def test_text_from_others_is_never_markup() -> None:
    place = Place(NASTY, NASTY, True, "Windows")
    state = board_state(1, [Entry("h", 1, 1, NASTY, "h"), Entry("h", 1, 2, NASTY, "h", 0, LATE)], named=True)
    closed = Place("R", "a:1", True, "Windows")
    for made, plain in (
        (student_page(place, [offer(f"{NASTY}.exe")], True), student_page(closed, OFFERS[:1], True)),
        (board_page(place, state, True), board_page(PLACE, STATE, True)),
        (message_page(place, NASTY, [NASTY]), message_page(PLACE, "x", ["y"])),
    ):
        assert [tag for tag, _ in Outline(made).tags] == [tag for tag, _ in Outline(plain).tags]
        assert "<img" not in made.replace(SCRIPT, "")


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0", "Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15", "macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Linux"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/130.0 Mobile", ""),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", ""),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)", ""), ("curl/8", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_browser_tells_its_system(agent: str, system: str) -> None:
    assert system_of_agent(agent) == system


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_student_gets_the_program_for_this_computer_and_reads_what_it_will_ask(system: str) -> None:
    page = student_page(Place("Room 12", "10.0.0.5:8080", False, system), OFFERS, True)
    (button,) = re.findall(r'<a class="button" href="([^"]+)" download>Get the program for (\w+)</a>', page)
    wanted = next(one for one in OFFERS if one.system == system)
    assert button == (f"/downloads/{wanted.name}", system)
    assert all(f"/downloads/{one.name}" in page for one in OFFERS) and page.count("SHA-256") == len(OFFERS)
    opened = re.findall(r"<details open><summary>(\w+)</summary>", page)
    assert opened == [system] and page.index(f"<summary>{system}<") == min(
        page.index(f"<summary>{name}<") for name in SYSTEMS
    )
    assert '<span class="address">10.0.0.5:8080</span>' in page and "code" not in page.partition("<ol>")[2][:400]


def test_without_files_the_page_says_so_and_what_to_do() -> None:
    page = student_page(PLACE, [], True)
    assert "cannot be downloaded here" in page and "python client_gui.py --server 192.168.1.20:8080" in page
    assert "build.py --downloads" in page and 'class="button"' not in page
    assert "build.py" not in student_page(PLACE, [], False), "it was switched off"
    other = student_page(Place("R", "a:1", False, "macOS"), OFFERS[:1], True)
    assert "There is no program for macOS here." in other and "<details open><summary>What there is" in other
    assert "phones and tablets" in student_page(Place("R", "a:1", False, ""), OFFERS, True)


def test_a_closed_room_says_that_the_program_will_ask_for_the_code() -> None:
    assert "It will ask for the code" in student_page(Place("R", "a:1", True, "Linux"), OFFERS, True)
    assert "It will ask for the code" not in PAGES["student"]


def test_the_board_without_javascript_shows_the_same() -> None:
    page = board_page(PLACE, STATE, True)
    assert re.findall(r'<li class="([a-z ]+)" title="(\w+)"><span class="name">\2<', page) == [
        ("tile", "Ann"), ("tile silent", "Ben"),
    ]  # fmt: skip
    assert '<span class="state">not answering</span>' in page and '<meta http-equiv="refresh"' in page
    assert 'id="here">1 here<' in page and 'id="late">1 not answering<' in page
    assert 'role="status"' in page and 'role="alert"' in page
    numbers = board_page(PLACE, board_state(5, [Entry("h", 1, 1, "Ann", "h")], named=False), True)
    assert "Ann" not in numbers and 'class="board numbers"' in numbers and 'id="locked">' in numbers
    empty = board_page(PLACE, board_state(0, [], named=True), True)
    assert 'id="alone">Nobody is here yet.' in empty and 'id="late" hidden>' in empty


def colours(block: str) -> Dict[str, str]:
    found = re.findall(r"--([a-z]+):#([0-9a-f]{3,6})\b", block)
    return {name: "".join(2 * digit for digit in value) if len(value) == 3 else value for name, value in found}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_colours_can_be_told_apart_in_light_and_in_dark() -> None:
    light, dark = (colours(block) for block in re.findall(r":root\{([^}]*)\}", STYLE))
    assert set(light) == set(dark) and len(light) == 12
    for theme in (light, dark):
        for text, paper in (
            ("ink", "paper"), ("soft", "paper"), ("soft", "panel"), ("ink", "panel"), ("good", "paper"),
            ("bad", "paper"), ("warn", "paper"), ("warn", "warnbg"), ("ink", "goodbg"), ("ink", "warnbg"),
            ("accent", "paper"), ("onaccent", "accent"),
        ):  # fmt: skip
            assert contrast(theme[text], theme[paper]) >= 4.5, (text, paper)
        for line, paper in (("line", "paper"), ("line", "panel"), ("good", "goodbg"), ("warn", "warnbg")):
            assert contrast(theme[line], theme[paper]) >= 3.0, (line, paper)
