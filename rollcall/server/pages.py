"""The pages that a browser gets, as HTML: the student's page, the board, and what is said instead of a page.

Each is one file with one stylesheet inside (``page_parts.py``); only the board has a script, and without it the page
comes anew every ten seconds. Everything that was written by somebody else (names, files, the room) goes through
`escape`: it is text, never markup. The pages have landmarks, one heading of the first level, and a live region on the
board; what a picture or a colour says is said in words, too.

What browsers and systems say about a program that nobody has signed is quoted word for word, in English as they have
it, with where it can be read. Functions from values to text: no state, no threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple
from urllib.parse import quote

from rollcall.server.board_lines import BoardState
from rollcall.server.downloads import LINUX, MACOS, SYSTEMS, WINDOWS, Offer
from rollcall.server.page_parts import ICON, SCRIPT, STYLE
from rollcall.wire.text import counted

RELOAD = 10
"""Seconds after which a board without JavaScript asks again."""


@dataclass(frozen=True)
class Place:
    """What every page knows: the room's name, the address that people type, and whether a code is needed. ``system`` is
    the reader's, as `system_of_agent` says."""

    room: str
    address: str
    closed: bool
    system: str


def system_of_agent(agent: str) -> str:
    """Windows, macOS or Linux, by what a browser says of itself (``User-Agent``); empty for phones, tablets and others.

    An iPad calls itself a Mac by default, and cannot be told from one here: that page shows the other systems, too.
    """
    if any(word in agent for word in ("Android", "iPhone", "iPad", "CrOS", "Mobile")):
        return ""
    for word, system in (("Windows", WINDOWS), ("Macintosh", MACOS), ("Mac OS X", MACOS), ("Linux", LINUX)):
        if word in agent:
            return system
    return ""


_MARKUP: Dict[int, str] = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def escape(text: str) -> str:
    """The text as text, also within quotes. (Python's ``html`` does the same, and brings all names of characters.)"""
    return text.translate(_MARKUP)


def student_page(place: Place, offers: Sequence[Offer], downloads: bool) -> str:
    """What this is, the program, three steps. ``downloads`` is False where files are not handed out at all."""
    own = [offer for offer in offers if offer.system == place.system and place.system]
    get = _get(place, own, [offer for offer in offers if offer not in own], downloads)
    code = " It will ask for the code of this room, which your teacher has." if place.closed else ""
    return _page(
        place.room,
        "page",
        f"""<header><p>Rollcall</p><h1>{escape(place.room)}</h1>
<p>Here the roll is called by a small program: while it runs, everyone in the room sees that you are here.</p></header>
<main>
{get}
<h2>Three steps</h2>
<ol>
<li><strong>Get the program</strong> with the button above. Is it on this computer already? Then start it.</li>
<li><strong>Open it.</strong> Nobody has paid for a signature of it, so browser and system ask first:
{_warnings(place.system)}</li>
<li><strong>Type your name and this address:</strong> <span class="address">{escape(place.address)}</span>, and
join.{code}</li>
</ol>
{_not_allowed(place.system)}
</main>
<footer><p><a href="/board">Who is here</a>: the board, for any screen with a browser.</p></footer>""",
    )


def _get(place: Place, own: List[Offer], others: List[Offer], downloads: bool) -> str:
    parts = ['<h2 class="unseen">Get the program</h2>']
    if own:
        first, *more = own
        parts.append(
            f'<p><a class="button" href="{_href(first)}" download>Get the program for {escape(place.system)}</a></p>'
            f"<p>{_facts(first)}</p>"
        )
        others = [*more, *others]
    elif others:
        what = f"for {place.system}" if place.system else "for phones and tablets, as far as this browser tells,"
        parts.append(f"<p><strong>There is no program {escape(what)} here.</strong></p>")
    if others:
        title = "Other computers, other forms" if own else "What there is"
        files = "".join(f'<li><a href="{_href(offer)}" download>{_facts(offer)}</a></li>' for offer in others)
        fold = f"<details{'' if own else ' open'}><summary>{title}</summary>"
        parts.append(f'{fold}<ul class="files">{files}</ul></details>')
    if not own:
        parts.append(_without(place, downloads, bool(others)))
    return "\n".join(parts)


def _facts(offer: Offer) -> str:
    total = f'<span class="sum">SHA-256 {offer.sum}</span>' if offer.sum else ""
    return f"{escape(offer.name)}, {offer.size / 1e6:.1f} MB{total}"


def _href(offer: Offer) -> str:
    return f"/downloads/{quote(offer.name, safe='')}"


def _without(place: Place, downloads: bool, any_files: bool) -> str:
    """How to take part without a file of ours."""
    none = "<p><strong>The program cannot be downloaded here.</strong> Ask your teacher for it.</p>"
    missing, hint = "" if any_files else none, ""
    if downloads and not any_files:
        hint = (
            '<p class="soft">For the teacher: <code>python build_scripts/build.py --downloads</code> makes the program '
            "for the system that it runs on, and puts it here.</p>"
        )
    return (
        f"{missing}<p>With Python 3.9 or newer and a copy of Rollcall nothing need be downloaded: "
        f"<code>python client_gui.py --server {escape(place.address)}</code></p>{hint}"
    )


_SAYS: Mapping[str, Tuple[Tuple[str, str], ...]] = {
    WINDOWS: (
        (
            "<strong>Edge</strong>: <q>… isn't commonly downloaded. Make sure you trust … before you open it.</q> "
            "Point at it, press <q>…</q>, then <q>Keep</q>, <q>Show more</q>, <q>Keep anyway</q>.",
            "Microsoft Edge's list of downloads; "
            "learn.microsoft.com/deployedge/microsoft-edge-security-downloads-interruptions",
        ),
        (
            "<strong>Chrome</strong>: <q>Insecure download blocked</q>, because this page is read over http. Press the "
            "arrow beside it, then <q>Keep</q>.",
            "Chrome's list of downloads; Chromium's source, chrome/browser/download, “insecure download blocking”",
        ),
        (
            "<strong>Windows</strong>: <q>Windows protected your PC. Microsoft Defender SmartScreen prevented an "
            "unrecognized app from starting. Running this app might put your PC at risk.</q> Press <q>More info</q>, "
            "then <q>Run anyway</q>.",
            "the window of Microsoft Defender SmartScreen, Windows 10 and 11; “More info” unfolds the second button",
        ),
    ),
    MACOS: (
        (
            "<strong>Safari, Chrome</strong> may ask whether downloads from here are allowed: <q>Allow</q>, "
            "<q>Keep</q>. Double-click what came, and drag Rollcall to Applications.",
            "the browser's question, its list of downloads",
        ),
        (
            "<strong>macOS</strong>: <q>Apple could not verify “Rollcall” is free of malware that may harm your Mac or "
            "compromise your privacy.</q> Press <q>Done</q>. In System Settings choose <q>Privacy &amp; Security</q>, "
            "go down to Security and press <q>Open Anyway</q>, which is there for about an hour.",
            "Apple Support, “Safely open apps on your Mac”, support.apple.com/102445",
        ),
        (
            "<strong>macOS 15 or newer</strong> then asks whether Rollcall may find devices on the local network: "
            "<q>Allow</q>, or it finds no server.",
            "Apple, Technical Note TN3179, “Understanding local network privacy”; System Settings, Privacy &amp; "
            "Security",
        ),
    ),
    LINUX: (
        (
            "<strong>Chromium, Chrome</strong>: <q>Insecure download blocked</q>, because this page is read over http. "
            "Press the arrow beside it, then <q>Keep</q>.",
            "Chrome's list of downloads; Chromium's source, chrome/browser/download, “insecure download blocking”",
        ),
        (
            "<strong>Unpack it</strong> (double-click) and start <code>rollcall-client</code> in the folder that "
            "comes. A .deb is installed with <code>sudo apt install ./FILE.deb</code>.",
            "apt(8)",
        ),
    ),
}


def _warnings(system: str) -> str:
    """What each system asks, the reader's own unfolded."""
    parts = []
    for name in sorted(SYSTEMS, key=lambda name: name != system):
        says = "".join(f'<p>{text} <span class="soft">({source})</span></p>' for text, source in _SAYS[name])
        parts.append(f"<details{' open' if name == system else ''}><summary>{name}</summary>{says}</details>")
    return "".join(parts)


_PLACES: Mapping[str, str] = {
    WINDOWS: r"<code>rollcall-client.exe</code> in <code>C:\Program Files\Rollcall</code>, and a shortcut for all",
    MACOS: "<code>Rollcall.app</code> in <code>/Applications</code>",
    LINUX: "the <code>.deb</code>, or <code>rollcall-client</code> in <code>/usr/local/bin</code>",
}


def _not_allowed(system: str) -> str:
    order = sorted(SYSTEMS, key=lambda name: name != system)
    places = "".join(f"<li>{name}: {_PLACES[name]}</li>" for name in order)
    return f"""<h2>Not allowed here? Ask for it to be installed once</h2>
<p>On a school's computer only its administrator may add programs. Ask your teacher: it is done once, for everybody.</p>
<details><summary>For the administrator</summary><p>Install one file, for all users; it needs no rights, writes only to
the user's own settings, and connects to the teacher's computer only (TCP, {escape(_PORT_HINT)}).</p>
<ul>{places}</ul></details>"""


_PORT_HINT = "the port behind the colon of the address above"


def board_page(place: Place, state: BoardState, downloads: bool) -> str:
    """Who is here, on the wall. What stands in it is the state of this moment; the script goes on from there."""
    tiles = "".join(_tile(tile.name, tile.late) for tile in state.tiles)
    if state.more:
        tiles += f'<li class="tile more">{state.more}</li>'
    anybody = state.anybody
    numbers = " numbers" if anybody and not tiles else ""
    late = f'<span class="late" id="late"{_hidden(not state.late)}>{state.late} not answering</span>'
    absent = f'<span class="bad" id="absent"{_hidden(not state.absent)}>{state.absent}</span>'
    other = f'<span class="soft" id="other"{_hidden(not state.other)}>{state.other}</span>'
    there = "Get the program, and be the first" if downloads else "Be the first"
    return _page(
        f"{place.room}: who is here",
        f"board{numbers}",
        f"""<header><h1>{escape(place.room)}</h1>
<p class="count"><span class="here" id="here">{state.here_text}</span>{late}{absent}{other}</p>
<button type="button" id="pager" hidden></button>
<p class="clock"><span class="unseen">Time: </span><span id="clock">{state.at}</span></p></header>
<main><h2 class="unseen">Who is here</h2>
<p class="notice" id="notice" role="alert" hidden></p>
<p class="unseen" id="said" role="status"></p>
<ul class="tiles{" many" if len(state.tiles) > 40 else ""}" id="tiles" aria-label="Who is here">{tiles}</ul>
<p class="alone" id="alone"{_hidden(anybody)}>Nobody is here yet. {there}: http://{escape(place.address)}</p>
<p class="soft" id="locked"{_hidden(state.named)}>Names are shown to whoever opens the link that the teacher's window
copies.</p></main>
<footer><a href="/">To take part</a>: http://{escape(place.address)}
<noscript>· as of {state.at}, asked again every {counted(RELOAD, "second")}</noscript></footer>
<script>{SCRIPT}</script>""",
        head=f'<noscript><meta http-equiv="refresh" content="{RELOAD}"></noscript>',
    )


def _hidden(hidden: bool) -> str:
    return " hidden" if hidden else ""


def _tile(name: str, late: bool) -> str:
    kind, state, word = ("tile silent", "state", "not answering") if late else ("tile", "unseen", "here")
    shown, how = escape(name), f'<span class="{state}">{word}</span>'
    return f'<li class="{kind}" title="{shown}"><span class="name">{shown}</span>{how}</li>'


def message_page(place: Place, title: str, sentences: Iterable[str]) -> str:
    """What is said instead of a page: a title and sentences."""
    body = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return _page(
        title,
        "page",
        f"""<header><p>Rollcall</p><h1>{escape(title)}</h1></header>
<main>
{body}
<p>This server is at <a href="http://{escape(place.address)}/">http://{escape(place.address)}/</a>.</p>
</main>""",
    )


def _page(title: str, kind: str, body: str, head: str = "") -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<link rel="icon" href="{ICON}">
{head}
<style>{STYLE}</style>
</head>
<body class="{kind}">
{body}
</body>
</html>
"""
