"""One line as a JSON object, and the fields of that object: types, ranges and lengths are bounded here, once.

`parse_object` reads a line; the others take one field each and raise `ProtocolError` (``bad_message``) with a sentence
that names the field and says what is right. The standard is RFC 8259 (JSON), read strictly: no NaN or Infinity
(section 6). No state, no threads.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import forbidden_character

MAX_TEXT = 64
MAX_NESTING = 16
"""Nothing of ours nests deeper than three. json's C scanner recurses, and a handler thread's stack is small."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

MAX_SECONDS = 1_000_000.0

_STRUCTURE = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def _check_nesting(line: bytes) -> None:
    """Refuse deep nesting before json sees it: its scanner recurses in C on the thread's own small stack."""
    if line.count(b"[") + line.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    in_string = False
    for match in _STRUCTURE.finditer(line):
        token = match.group()
        if token == b'"':
            in_string = not in_string
        elif in_string or len(token) == 2:
            continue
        elif token in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise ProtocolError("bad_message", f"the line nests deeper than {MAX_NESTING} levels")
        else:
            depth -= 1


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_parse = json.JSONDecoder(parse_constant=_no_constant).decode


def parse_object(line: bytes) -> Dict[str, Any]:
    """The JSON object of one line. Raises `ProtocolError` (``bad_message``)."""
    _check_nesting(line)
    try:
        fields = _parse(line.decode("utf-8"))
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
    """Text of at most ``limit`` characters without control characters; ``default`` if it is not there."""
    value = fields.get(key, default)
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
    """True or false."""
    value = fields.get(key, default)
    if type(value) is not bool:
        raise wrong(key, "true or false")
    return value


def choice(fields: Mapping[str, Any], key: str, choices: Tuple[str, ...], default: Optional[str] = None) -> str:
    """One of ``choices``."""
    value = fields.get(key, default)
    if value not in choices:
        raise wrong(key, "one of " + ", ".join(choices))
    return str(value)


def rows(fields: Mapping[str, Any], key: str) -> List[Mapping[str, Any]]:
    """A list of objects; empty if the field is not there."""
    value = fields.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise wrong(key, "a list of objects")
    return value
