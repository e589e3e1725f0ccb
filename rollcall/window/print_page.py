"""One page of paper: who was here at this second, and an empty box for everybody else. No widgets.

HTML, because every system has something that prints it: the page is opened where the person reads the web. Names come
from strangers and are escaped.
"""

from __future__ import annotations

import time
from html import escape
from typing import List

from protocol import HERE
from rollcall.window.diary import day_text
from rollcall.window.names import name_key
from rollcall.window.people import GUESTS, Person, numbers
from rollcall.wire.clock import local_time

_STYLE = """
@page { size: A4; margin: 18mm }
body { font: 11pt/1.45 sans-serif; color: #000; margin: 0 auto; max-width: 174mm }
h1 { font-size: 18pt; margin: 0 } p { margin: 2mm 0 5mm }
ul { columns: 2; column-gap: 10mm; list-style: none; margin: 0; padding: 0 }
li { break-inside: avoid; border-bottom: 1px solid #bbb; padding: .6mm 0 } small { color: #444; float: right }
.many { columns: 3; font-size: 9pt; line-height: 1.25 }
"""
MANY = 60
"""People above whom there are three columns of smaller letters, so that it stays one page."""


def page(title: str, people: List[Person], has_class: bool, wall: float) -> str:
    """The page. ``wall`` is the second that it is about."""
    shown = sorted(people, key=lambda person: (person.group == GUESTS, name_key(person.name)))
    summary = " · ".join(escape(number.text) for number in numbers(people, has_class))
    at = time.strftime("%H:%M:%S", local_time(wall))
    lines = "\n".join(_line(person, wall) for person in shown)
    kind = ' class="many"' if len(shown) > MANY else ""
    return (
        f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"</head>\n<body><h1>{escape(title)}</h1><p>{day_text(wall)}, {at} · {summary}</p>\n"
        f"<ul{kind}>\n{lines}\n</ul></body></html>\n"
    )


def _line(person: Person, wall: float) -> str:
    box = "☑" if person.state == HERE else "☐"
    words = [] if person.state == HERE else [person.words(wall).partition(" ")[2].rstrip(" •")]
    if person.group == GUESTS:
        words.append("guest")
    said = f"<small>{escape(', '.join(words))}</small>" if words else ""
    return f"<li>{said}{box} {escape(person.name)}</li>"
