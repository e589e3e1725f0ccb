"""One line as a JSON object, and the fields of that object: types, ranges and lengths are bounded here, once.

`parse_object` reads a line; the others take one field each and raise `ProtocolError` (``bad_message``) with a sentence
that names the field and says what is right. An optional field that is null is absent. Those that end in ``_or`` never
raise: they read what a server may leave out. The standard is RFC 8259 (JSON), read strictly: no NaN or Infinity
(section 6). No state, no threads.
"""

from __future__ import annotations

import json
import sys
from itertools import accumulate
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple, TypeVar, Union

from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import forbidden_character

MAX_TEXT = 64
MAX_NESTING = 16
"""Nothing of ours nests deeper than three. json's C scanner recurses, and a handler thread's stack is small."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

MAX_SECONDS = 1_000_000.0

MAX_ROWS = 50_000
"""Rows of one line, that is objects in a list of the message: as many members as a server can be set to take."""

MAX_VALUES = 12 * MAX_ROWS
"""Values of one line, lists and objects included. Rows of ours have eight; the rest is room for newer servers. A value
can be an object of Python of 50 bytes and more for two bytes of the line, which are a few bits where it came packed."""

ROWS_BETWEEN_LOOKS = 1000
"""Rows that are read between two looks at whether somebody said stop: a few milliseconds."""

Default = TypeVar("Default", int, None)

Look = Callable[[], None]
"""Called between two pieces of a long work. It ends the work by raising."""


def no_look() -> None:
    """For whoever does not want to stop: a server, whose clients' lines are short."""


_MARKS = b'"[]{},'
_NO_MARKS = bytes(set(range(256)) - set(_MARKS))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # one level down, one level up; as signed bytes


def _check_structure(line: bytes, look: Look) -> None:
    """Refuse what nests too deep or holds too much, before json builds an object of any of it.

    json's scanner recurses in C on the thread's own small stack, and makes gigabytes of a line of millions of ``{}``.
    Only operations on whole strings of bytes: the largest line takes a fraction of a second.
    """
    brackets = line.count(b"[") + line.count(b"{")
    if brackets <= MAX_NESTING and brackets + line.count(b",") <= MAX_VALUES:
        return
    outside = _marks_outside_text(line, look)
    values = outside.count(b",") + outside.count(b"[") + outside.count(b"{")
    if values > MAX_VALUES:
        raise _too_many_values()
    look()
    steps = memoryview(outside.translate(_STEPS, b",")).cast("b")
    try:
        levels = bytes(accumulate(steps))
    except ValueError:  # below 0 or above 255
        what = f"the line nests deeper than {MAX_NESTING} levels, or its brackets do not match"
        raise ProtocolError("bad_message", what) from None
    if max(levels, default=0) > MAX_NESTING:
        raise ProtocolError("bad_message", f"the line nests deeper than {MAX_NESTING} levels")
    rows = levels.count(b"\x02\x03")  # the message is level 1, a list of it level 2, what stands in that level 3
    if rows > MAX_ROWS:
        raise ProtocolError("bad_message", f"the line has {rows} rows; it may have at most {MAX_ROWS}")


def _marks_outside_text(line: bytes, look: Look) -> bytes:
    """The brackets and commas of a line that stand in no text: its structure."""
    if b"\\" in line:  # after this, every quotation mark begins or ends a text
        line = line.replace(b"\\\\", b"").replace(b'\\"', b"")
        look()
    marks = line.translate(None, _NO_MARKS)
    if marks.count(b'"') > 4 * MAX_VALUES:  # two for a key, two for its value
        raise _too_many_values()
    look()
    # Every second part is outside. Two marks side by side change nothing for what follows; most texts go with them.
    return b"".join(marks.replace(b'""', b"").split(b'"')[::2])


def _too_many_values() -> ProtocolError:
    return ProtocolError("bad_message", f"the line holds more than {MAX_VALUES} values")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _whole_number(digits: str) -> Union[int, float]:
    """An integer; one that is far out of range as a float. `int` would take hours for millions of digits."""
    return int(digits) if len(digits) <= 20 else float(digits)


# Python has a bound of its own for the digits of an `int`, but not before 3.9.14 and 3.10.7.
_to_number = int if hasattr(sys, "get_int_max_str_digits") else _whole_number
_parse = json.JSONDecoder(parse_constant=_no_constant, parse_int=_to_number).decode


def parse_object(line: bytes, look: Look = no_look) -> Dict[str, Any]:
    """The JSON object of one line; ``look`` is called between its steps. Raises `ProtocolError` (``bad_message``)."""
    _check_structure(line, look)
    look()
    try:
        text_of_line = line.decode("utf-8")
        look()
        fields = _parse(text_of_line)
    except UnicodeDecodeError as error:
        raise ProtocolError("bad_message", f"the line is not UTF-8 (byte {error.start})") from None
    except ValueError as error:  # JSONDecodeError, NaN, and integers of thousands of digits
        where = f" (wrong at character {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
        message = f'the line is not JSON{where}; a line is one object, such as {{"type":"ping"}}'
        raise ProtocolError("bad_message", message) from None
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise ProtocolError("bad_message", 'the line must be an object with a "type", such as {"type":"ping"}')
    return fields


def wrong(field_name: str, right: str) -> ProtocolError:
    """The error for a field that is not what it must be; ``right`` says what that is."""
    return ProtocolError("bad_message", f"{field_name}: must be {right}")


def text(fields: Mapping[str, Any], key: str, limit: int, default: Optional[str] = None) -> str:
    """Text of at most ``limit`` characters without control characters; ``default`` where it is absent or null."""
    value = fields.get(key)
    if value is None:
        value = default
    if not isinstance(value, str) or len(value) > limit:
        raise wrong(key, f"text of at most {limit} characters")
    bad = forbidden_character(value)
    if bad:
        raise wrong(key, f"text without control characters; it contains {bad}")
    return value


def integer(fields: Mapping[str, Any], key: str, low: int = 0, high: int = MAX_INTEGER) -> int:
    """A whole number from ``low`` to ``high``, the bounds included."""
    value = fields.get(key)
    if type(value) is not int or not low <= value <= high:
        raise wrong(key, f"a whole number from {low} to {high}")
    return value


def optional_integer(fields: Mapping[str, Any], key: str) -> Optional[int]:
    """The same from 0 to `MAX_INTEGER`; None where the field is absent or null."""
    return None if fields.get(key) is None else integer(fields, key)


def seconds(fields: Mapping[str, Any], key: str) -> float:
    """Seconds from 0 to `MAX_SECONDS`, whole or not."""
    value: Any = fields.get(key)
    if type(value) not in (int, float) or not 0 <= value <= MAX_SECONDS:  # NaN fails both comparisons
        raise wrong(key, f"a number of seconds from 0 to {MAX_SECONDS:.0f}")
    return float(value)


def flag(fields: Mapping[str, Any], key: str, default: bool) -> bool:
    """True or false; ``default`` where it is absent or null."""
    value = fields.get(key)
    if value is None:
        return default
    if type(value) is not bool:
        raise wrong(key, "true or false")
    return value


def rows(fields: Mapping[str, Any], key: str, look: Look = no_look) -> Iterator[Mapping[str, Any]]:
    """The objects of a list, with a look after every `ROWS_BETWEEN_LOOKS`; none where it is absent or null."""
    value = fields.get(key)
    if value is None:
        value = []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise wrong(key, "a list of objects")
    return _looking(value, look)


def _looking(value: List[Mapping[str, Any]], look: Look) -> Iterator[Mapping[str, Any]]:
    for start in range(0, len(value), ROWS_BETWEEN_LOOKS):
        look()
        yield from value[start : start + ROWS_BETWEEN_LOOKS]


# --- optional fields of a server: whatever a newer one means by them, it is no reason to end the connection ---------


def text_or(default: str, fields: Mapping[str, Any], key: str, limit: int) -> str:
    """Text as `text` takes it; ``default`` for anything else."""
    value = fields.get(key)
    if not isinstance(value, str) or len(value) > limit or forbidden_character(value):
        return default
    return value


def integer_or(default: Default, fields: Mapping[str, Any], key: str) -> Union[int, Default]:
    """A whole number from 0 to `MAX_INTEGER`; ``default`` for anything else."""
    value = fields.get(key)
    return value if type(value) is int and 0 <= value <= MAX_INTEGER else default


def seconds_or_none(fields: Mapping[str, Any], key: str) -> Optional[float]:
    """Seconds; more than `MAX_SECONDS` count as so many. None for anything else."""
    value: Any = fields.get(key)
    return float(min(value, MAX_SECONDS)) if type(value) in (int, float) and value >= 0 else None


def choice_or(default: str, fields: Mapping[str, Any], key: str, choices: Tuple[str, ...]) -> str:
    """One of ``choices``; ``default`` for anything else."""
    value = fields.get(key)
    return value if isinstance(value, str) and value in choices else default
