"""The settings file as a person wrote it: where a key stands, its value letter by letter, what is wrong with a line.

A TOML reader says "Invalid value (at line 2, column 8)". Who edits ``config.toml`` is a teacher with a minute to spare:
`explain` says in their words what to do, and shows the line. It is called only after the reader has refused the text,
so its guesses never decide what is right. The standard is TOML 1.0. No state, no files, no threads.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Callable, List, Optional, Sequence, Tuple

from rollcall.wire.text import printable

_CURLY = "“”„‟‘’‚‛«»‹›`´"
_COMMENTS = ("//", ";", "--", "/*", "<!--", "'", "!")
_KEY = r"""(?:{section}\s*\.\s*)?["']?{key}["']?\s*="""
_VALUE = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'|[^#]*""")
_PLACE = re.compile(r"\(at line (\d+)")
_SETTING = re.compile(r"""["']?([\w-]+)["']?(\s*:=?\s*|\s*=+\s*|\s+)(.*)""")


def line_number(text: str, key: str, section: str) -> Optional[int]:
    """The number of the first line that gives this key a value, if one does."""
    pattern = _KEY.format(section=re.escape(section), key=re.escape(key))
    match = re.search(rf"^[ \t]*{pattern}", text, re.MULTILINE)
    return None if match is None else text.count("\n", 0, match.start()) + 1


def value_as_written(text: str, key: str, section: str) -> Optional[str]:
    """The value of this key as it stands there: ``8080.0`` is not ``8080`` for who looks for it."""
    number = line_number(text, key, section)
    if number is None:
        return None
    match = _VALUE.match(_line(text, number).partition("=")[2].strip())
    return printable(match.group().strip()) if match else None


def explain(text: str, problem: str, read: Callable[[str], object], known: Sequence[str]) -> str:
    """The rest of a sentence that began with the file's name: the line, what to do, and the line itself.

    ``problem`` is what the TOML reader said, ``read`` is that reader (it raises ValueError), ``known`` are the keys.
    """
    number = _line_of(text, problem, read)
    line = _line(text, number)
    if "Cannot overwrite a value" in problem or "twice" in problem:
        first = _first_like(text, number)
        if first is not None:
            what = re.split("[=#]", line)[0].strip()
            return f", line {number}: {printable(what)} is there twice, first in line {first}; keep one of the two"
    advice = _advice(line, known) or f"it is not TOML ({printable(problem)})"
    return f", line {number}: {advice}. The line is: {printable(line.strip())}"


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[min(number, len(lines)) - 1]


def _line_of(text: str, problem: str, read: Callable[[str], object]) -> int:
    """Where it is. What never ends is noticed only at the end of the file: then it is the first line that is wrong by
    itself."""
    match = _PLACE.search(problem)
    if match:
        return int(match.group(1))
    lines = text.rstrip("\n").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            read(line)
        except ValueError:
            return number
    return len(lines)


def _first_like(text: str, number: int) -> Optional[int]:
    """The line above that has the same key, or is the same section."""
    lines = text.split("\n")
    head = _head(lines[number - 1])
    return next((above for above, line in enumerate(lines[: number - 1], 1) if head and _head(line) == head), None)


def _head(line: str) -> str:
    return re.sub(r"""["'\s]""", "", re.split("[=#]", line)[0])


def _advice(line: str, known: Sequence[str]) -> Optional[str]:
    """What to do about this line, or None if nothing that people usually do explains it."""
    stripped = line.strip()
    if stripped.startswith(_COMMENTS):
        return "# begins a comment"
    if stripped.startswith("{\\rtf"):
        return "this is rich text (RTF); in the editor choose plain text when you save it"
    odd = _invisible(line)
    if odd:
        return f"it contains an invisible character (U+{ord(odd):04X}); delete the line and type it again"
    if stripped.startswith("["):
        return "a section is written [server], alone on its line"
    match = _SETTING.fullmatch(stripped)
    if match is None:
        return "a setting is written KEY = VALUE, and # begins a comment"
    key, between, value = match.groups()
    if not between.strip():
        words = re.sub(r"\s+", "_", f"{key} {value}".partition("=")[0].strip())
        if words in known:
            return f"a key has no spaces: {words}"
        is_one = key in known
        return f"between a key and its value stands =, such as {key} = {value}" if is_one else "# begins a comment"
    if between.strip() != "=":
        return f"between a key and its value stands one =, such as {key} = {value}"
    return _advice_about_value(key, value.strip())


def _invisible(line: str) -> Optional[str]:
    """The first character that shows nothing, where TOML allows none: a control character, or outside of text a space
    that is not the ordinary one."""
    outside = re.sub(r""""[^"]*"|'[^']*'""", "", line).replace(" ", "")
    bad = [char for char in line if char != "\t" and unicodedata.category(char) == "Cc"]
    bad += [char for char in outside if unicodedata.category(char) in ("Cf", "Zs", "Zl", "Zp")]
    return bad[0] if bad else None


def _advice_about_value(key: str, value: str) -> Optional[str]:
    bare = value.partition("#")[0].strip()
    inside = bare.strip(_CURLY + "\"'").strip()
    as_text = f'{key} = "{printable(inside)}"'
    rules: List[Tuple[bool, str]] = [
        (not bare, "the value behind = is missing"),
        (bare.lower() in ("true", "yes", "on"), f"it must be true, in small letters: {key} = true"),
        (bare.lower() in ("false", "no", "off"), f"it must be false, in small letters: {key} = false"),
        (bool(re.search(r"\s(//|;|--)", bare)), "# begins a comment"),
        (bare.endswith(";"), f"nothing stands behind the value: {key} = {bare.rstrip('; ')}"),
        (
            bool(re.fullmatch(r"[0-9]{1,3}([ ',.’][0-9]{3})+", bare)),
            f"a number has no marks between its thousands: {key} = {re.sub('[^0-9]', '', bare)}",
        ),
        (any(char in bare for char in _CURLY), f"text needs straight quotes: {as_text}"),
        (
            bool(re.fullmatch(r"[+-]?[0-9]+,[0-9]+", bare)),
            f"a number has a point, not a comma: {key} = {bare.replace(',', '.')}",
        ),
        (bool(re.fullmatch(r"0[0-9]+", bare)), f"a number has no 0 before it: {key} = {bare.lstrip('0') or '0'}"),
        (bool(re.fullmatch(r"\.[0-9]+", bare)), f"a number has a digit before its point: {key} = 0{bare}"),
        (bool(re.fullmatch(r"[0-9]+\.", bare)), f"a number has a digit behind its point: {key} = {bare}0"),
        (
            bool(re.fullmatch(r"[0-9.]+\s*[a-z%]+\.?", bare, re.IGNORECASE)),
            f"a number stands alone, without a unit: {key} = {re.split('[^0-9.]', bare)[0]}",
        ),
        (bare[0:1] in ("'", '"') and bare.count(bare[0]) == 1, f"the quotes behind the text are missing: {as_text}"),
        (bare[0:1] == '"' and "\\" in bare, "in text a \\ is written twice: \\\\"),
        (bare[0:1] == '"', 'quotes inside of text are written \\"'),
        (bool(re.match(r"[^\W\d]|[0-9.:]+$|\*", bare)), f"text needs straight quotes: {as_text}"),
    ]
    return next((advice for applies, advice in rules if applies), None)
