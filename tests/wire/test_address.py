"""address.py: what people type for a server."""

from __future__ import annotations

import pytest

from rollcall.wire.address import parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", 8080),
        (" 10.0.0.1:9 ", "10.0.0.1", 9),
        ("[fe80::1]:81", "fe80::1", 81),
        ("[::1]", "::1", 8080),
        ("::1", "::1", 8080),
    ],
)
def test_addresses_that_people_type(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert (address.host, address.port) == (host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["", ":80", "h:", "h:0", "h:65536", "h:x", "a b:1", "[]:1", "[x:1", "h:²", "ws://h"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_address(text)
