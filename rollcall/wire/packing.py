"""Long lines of a server, packed: zlib (RFC 1950) in base64 (RFC 4648), so that they are lines of JSON all the same."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any, Mapping

from rollcall.wire import fields as read

PACK_FROM = 1024
"""Lines shorter than this are not worth packing: base64 would give back what zlib saved."""


def pack(line: bytes) -> bytes:
    """The same line as a ``packed`` message, for clients that asked for it; short lines stay as they are.

    A snapshot shrinks to about a tenth. Level 1: the server packs once for all, but while a class is joining.
    """
    if len(line) < PACK_FROM:
        return line
    return b'{"type":"packed","zlib":"' + base64.b64encode(zlib.compress(line, 1)) + b'"}\n'


def unpack(fields: Mapping[str, Any], max_line: int) -> bytes:
    """The line in a ``packed`` message, of at most ``max_line`` bytes. Raises `ProtocolError` (``bad_message``)."""
    data = fields.get("zlib")
    if not isinstance(data, str):
        raise read.wrong("zlib", "a zlib stream in base64")
    inflater = zlib.decompressobj()
    try:
        line = inflater.decompress(base64.b64decode(data, validate=True), max_line)
    except (binascii.Error, zlib.error, ValueError):
        raise read.wrong("zlib", "a zlib stream in base64") from None
    if not inflater.eof:
        raise read.wrong("zlib", f"one whole zlib stream that unpacks to at most {max_line} bytes")
    return line
