"""The pages in a real Chromium: what a person sees, hears from a screen reader, and gets."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple

import pytest

from rollcall.server.settings import ServerConfig
from server import RollcallServer
from tests.helpers import RawClient, running_server, wait_until
from tests.webdriver import Chromium, needs_axe, needs_chromium

pytestmark = needs_chromium

SIZES = ((320, 640), (1024, 768), (1920, 1080))
NASTY = "<img/src=x/onerror=alert(1)><b>Eve"

# Of every element with text of its own: what it says, and its contrast with what is behind it (WCAG 2.2).
_CONTRASTS = """
const number = colour => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(part => part / 255).map(part =>
  part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4).reduce((sum, part, place) =>
  sum + part * [0.2126, 0.7152, 0.0722][place], 0);
const found = [];
for (const element of document.body.querySelectorAll("*")) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  if (!own || !element.offsetParent || ["SCRIPT", "NOSCRIPT"].includes(element.tagName)) continue;
  let behind = element;
  while (behind && (number(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
  const paper = light(number(getComputedStyle(behind || document.documentElement).backgroundColor));
  const ink = light(number(getComputedStyle(element).color));
  found.push([(Math.max(paper, ink) + 0.05) / (Math.min(paper, ink) + 0.05), element.textContent.trim().slice(0, 40)]);
}
return found;
"""

_FITS = """
const list = document.querySelector("#tiles"), tile = document.querySelector(".tile:not([hidden])");
return list.scrollHeight <= list.clientHeight + 1 && parseFloat(getComputedStyle(tile).fontSize) >= arguments[0]
  && document.querySelector("#pager").hidden !== arguments[1];
"""
"""Whether nothing is below the edge, the text is so large at least, and there are pages or not."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


def roles(browser: Chromium) -> List[Tuple[str, str]]:
    """What a screen reader is told: role and name of each element."""
    nodes: List[Dict[str, Any]] = browser.command("Accessibility.getFullAXTree")["nodes"]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]


def assert_can_be_used(browser: Chromium, landmarks: Set[str]) -> None:
    """At every size, in light and in dark: nothing to the side, everything legible, landmarks, one first heading."""
    for width, height in SIZES:
        for dark in (False, True):
            browser.look_like(width, height, dark)
            assert browser.run("return document.documentElement.scrollWidth") <= width
            contrasts: List[Tuple[float, str]] = browser.run(_CONTRASTS)
            assert contrasts and min(contrasts)[0] >= 4.5, (width, dark, min(contrasts))
    found = roles(browser)
    assert landmarks <= {role for role, _ in found}
    assert browser.run("return document.querySelectorAll('h1').length") == 1
    assert not [name for role, name in found if role in ("link", "button", "list") and not name and role != "list"]
    assert browser.run("return document.documentElement.lang") == "en"


def test_a_student_gets_the_program(browser: Chromium, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "rollcall-client-9-linux.tar.gz").write_bytes(content)
    (tmp_path / f"{NASTY.replace('/', '')}.exe").write_bytes(b"x")
    with running_server(downloads=str(tmp_path), name="Room 12") as (_, port):
        browser.open(f"http://127.0.0.1:{port}/")
        assert_can_be_used(browser, {"banner", "main", "contentinfo", "heading", "link"})
        assert browser.text("h1") == "Room 12" and browser.text(".button") == "Get the program for Linux"
        assert hashlib.sha256(content).hexdigest() in browser.text("main")
        assert f"127.0.0.1:{port}" == browser.text(".address")
        browser.run("document.querySelector('.button').click()")
        got = browser.folder / "rollcall-client-9-linux.tar.gz"
        wait_until(lambda: got.is_file() and got.read_bytes() == content, "the program to be downloaded")
        browser.open(f"http://127.0.0.1:{port}/nothing")
        assert_can_be_used(browser, {"banner", "main"})
        assert browser.text("h1") == "Not Found"
        complaints = [line for line in browser.complaints() if "404 (Not Found)" not in line]
        assert complaints == [], "of the policy, of scripts, of anything from elsewhere"


def test_the_board_follows_and_is_exact_at_once(browser: Chromium) -> None:
    with running_server(name="Room 12", max_clients=300) as (server, port), ExitStack() as stack:
        browser.look_like(1920, 1080)
        browser.open(f"http://127.0.0.1:{port}/board")
        wait_until(lambda: browser.run("return document.documentElement.dataset.rev") == "0", "the first event")
        assert "Nobody is here yet." in browser.text("main")
        clients = [stack.enter_context(RawClient(port)) for _ in range(200)]
        for number, client in enumerate(clients):
            client.register(NASTY if number == 0 else f"Student {number}", roster=False)
        wait_until(lambda: len(server.room.roster) == 200, "200 to be here")
        rev = str(server.room.roster.rev)
        wait_until(lambda: browser.run("return document.documentElement.dataset.rev") == rev, "the board to know")
        rows = sorted(entry.name for entry in server.room.roster.snapshot().entries)
        names = browser.run("return [...document.querySelectorAll('.name')].map(one => one.textContent).sort()")
        assert names == rows and NASTY in names and not browser.run("return document.querySelectorAll('img').length")
        assert browser.text(".count") == "200 here"
        for client in clients[:150]:
            client.send({"type": "leave"})
        wait_until(lambda: browser.run("return document.querySelectorAll('.tile').length") == 50, "150 to leave")
        assert browser.text(".count").split("\n") == ["50 here", "150 gone"]
        order = browser.run("return [...document.querySelectorAll('.name')].slice(0, 2).map(one => one.textContent)")
        assert order == ["Student 150", "Student 151"]
        assert browser.complaints() == []
        heard = [name for role, name in roles(browser) if role in ("heading", "list")]
        assert "Room 12" in heard and "Who is here" in heard
        assert_can_be_used(browser, {"banner", "main", "contentinfo", "list", "listitem", "status"})


def test_a_member_that_does_not_answer_is_told_by_sign_outline_and_word(browser: Chromium) -> None:
    with running_server(heartbeat_interval=0.2, connection_timeout=60) as (_, port), RawClient(port) as ann:
        browser.look_like(1024, 768)
        browser.open(f"http://127.0.0.1:{port}/board")
        ann.register("Ann", roster=False)
        wait_until(lambda: browser.text("body").count("not answering") == 2, "Ann to be late")
        assert browser.text(".count").split("\n") == ["0 here", "1 not answering"]
        style = "return getComputedStyle(document.querySelector('.tile'), arguments[0])[arguments[1]]"
        assert browser.run(style, None, "borderTopStyle") == "dashed"
        assert "linear-gradient" in browser.run(style, "::before", "backgroundImage")
        assert_can_be_used(browser, {"status"})
        ann.send({"type": "ping"})
        wait_until(lambda: browser.run(style, None, "borderTopStyle") == "solid", "Ann to be back")


@pytest.mark.parametrize(("people", "least", "pages"), [(40, 30, False), (70, 50, False), (200, 50, True)])
def test_the_wall_can_be_read_from_eight_metres(browser: Chromium, people: int, least: int, pages: bool) -> None:
    with running_server(max_clients=300) as (_, port), ExitStack() as stack:
        for number in range(people):
            stack.enter_context(RawClient(port)).register(f"Maximilian Student {number}", roster=False)
        browser.open(f"http://127.0.0.1:{port}/board")
        count = "return document.querySelectorAll('.tile').length"
        wait_until(lambda: browser.run(count) == people, "everyone to be on the board")
        for width, height in SIZES[1:]:
            browser.look_like(width, height)
            wanted = (height / least, pages)
            wait_until(partial(browser.run, _FITS, *wanted), "the size that fits, which can be read from the back")
        if pages:
            first = browser.texts(".tile:not([hidden]) .name")
            assert 20 < len(first) < people and browser.text("#pager").startswith("Page 1 of ")
            browser.run("document.querySelector('#pager').click()")
            assert browser.text("#pager").endswith("go on"), "pages can be held"


@needs_axe
def test_axe_finds_nothing_on_any_page_at_any_size_in_light_and_in_dark(browser: Chromium, tmp_path: Path) -> None:
    (tmp_path / "classes").mkdir()
    (tmp_path / "classes" / "7b.txt").write_text("".join(f"Student {number}\n" for number in range(30)))
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "rollcall-client-9-linux.tar.gz").write_bytes(b"x")
    (tmp_path / "downloads" / "rollcall-client-9-windows.exe").write_bytes(b"x")

    def look_at(path: str, ready: str = "body", host: str = "127.0.0.1", most: int = 2) -> None:
        browser.open(f"http://{host}:{port}{path}")
        wait_until(lambda: browser.run("return !!document.querySelector(arguments[0])", ready), ready)
        looks = ((SIZES[0], False), (SIZES[2], True), (SIZES[0], True), (SIZES[2], False))
        for (width, height), dark in looks[:most]:
            browser.look_like(width, height, dark)
            assert browser.violations() == [], (path, host, width, dark)

    folders = {"downloads": str(tmp_path / "downloads"), "classes": str(tmp_path / "classes")}
    settings: Dict[str, Any] = {**folders, "heartbeat_interval": 0.5, "connection_timeout": 60}
    with running_server(**settings) as (server, port):
        with RawClient(port) as ann, RawClient(port) as silent, RawClient(port) as guest:
            for client, name in ((ann, "Student 1"), (silent, "Student 2"), (guest, "Zoe Lee")):
                client.register(name, roster=False)
            with RawClient(port) as gone:
                gone.register("Ben")
            look_at("/board", "#absent:not([hidden])", most=4)
            browser.run("document.documentElement.lang = ''")
            assert "html-has-lang" in browser.violations()[0], "it looks"
            server.room.open_classroom()
            server.room.classroom.choose(["7b"])
            look_at("/board", "#other:not([hidden])", most=4)
            server.room.viewers.closed = True
            look_at("/board", ".numbers")
        look_at("/", most=4)
        look_at("/nothing")
        look_at("/", host="foreign.localhost")
        assert browser.text("h1") == "Misdirected Request"
        browser.complaints()


def test_a_board_that_loses_the_server_keeps_its_picture_and_comes_back(browser: Chromium) -> None:
    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0))
    server.start()
    port = server.address[1]
    with RawClient(port) as ann:
        ann.register("Ann", roster=False)
        browser.look_like(1024, 768)
        browser.open(f"http://127.0.0.1:{port}/board")
        wait_until(lambda: browser.texts(".tile .name") == ["Ann"], "Ann to be shown")
        server.stop()
    wait_until(lambda: "The server does not answer: this is as of " in browser.text("main"), "the board to notice")
    assert browser.texts(".tile .name") == ["Ann"]
    assert_can_be_used(browser, {"alert"})
    again = RollcallServer(ServerConfig(host="127.0.0.1", port=port))
    again.start()
    try:
        wait_until(lambda: "Nobody is here yet." in browser.text("main"), "the board to be back")
        assert browser.run("return document.querySelector('#notice').hidden")
    finally:
        again.stop()
        browser.open("about:blank")
        browser.complaints()


def test_in_a_closed_room_a_link_shows_names_to_one_browser(browser: Chromium) -> None:
    with running_server() as (server, port), RawClient(port) as ann:
        server.room.viewers.closed = True
        ann.register("Ann", roster=False)
        ann.until_type("welcome")
        browser.look_like(1024, 768)
        browser.open(f"http://127.0.0.1:{port}/board")
        assert browser.text(".count") == "1 here" and "Ann" not in browser.text("body")
        assert "Names are shown to whoever opens the link" in browser.text("main")
        browser.open(f"http://127.0.0.1:{port}{server.room.viewers.link()}")
        assert browser.url == f"http://127.0.0.1:{port}/board", "the secret does not stay in the address bar"
        wait_until(lambda: browser.texts(".tile .name") == ["Ann"], "Ann to be shown")
        assert browser.run("return document.cookie") == "" and browser.complaints() == []


def test_without_javascript_everything_is_there_and_comes_anew(tmp_path: Path) -> None:
    with running_server(name="Room 12") as (_, port), RawClient(port) as ann:
        ann.register("Ann", roster=False)
        ann.until_type("welcome")
        with Chromium(tmp_path, javascript=False) as browser:
            browser.open(f"http://127.0.0.1:{port}/board")
            assert browser.texts(".tile .name") == ["Ann"] and browser.text(".count") == "1 here"
            assert "asked again every 10 seconds" in browser.text("footer")
            assert browser.run("return document.querySelector('meta[http-equiv=refresh]').content") == "10"
            assert browser.run("return document.documentElement.dataset.rev") is None, "no script has run"
            browser.open(f"http://127.0.0.1:{port}/")
            assert browser.text("h1") == "Room 12"
