"""calls.py and derivation.py: the first line of what came, how a call ended, keys that a thread derives."""

from __future__ import annotations

import pytest

from protocol import Error, Ping
from rollcall.client import derivation
from rollcall.client.calls import Ended, Ending, ending_of, first_line
from rollcall.client.dial import Cancelled, NotOurs
from rollcall.wire.address import Address
from rollcall.wire.codes import fold
from rollcall.wire.errors import ProtocolError
from rollcall.wire.scram_keys import Challenge, derive_client_keys

ADDRESS = Address("10.0.0.1")
CHALLENGE = Challenge(b"a" * 16, 4)


@pytest.mark.parametrize("data", [b"", b"{", b'{"type":"ping"}', b"{}\n", b"{" * 9000, b'{"type":1}\n'])
def test_what_is_no_whole_message_is_none(data: bytes) -> None:
    assert first_line(data) is None
    assert first_line(b'{"type":"ping"}\n' + data) == Ping()


def test_how_a_call_ended_in_words() -> None:
    error = Error("no_tls", "No.")
    assert ending_of(Ended("no", error, "ask"), None, ADDRESS) == Ending("no", error, "ask")
    assert ending_of(Ended("closed"), "no answer for 5 s", ADDRESS).cause == "no answer for 5 s"
    assert ending_of(NotOurs("a web server"), None, ADDRESS) == Ending("a web server")
    assert ending_of(Cancelled(), "hung up", ADDRESS) == Ending("stopped")
    assert "out of order: x" in ending_of(ProtocolError("bad_message", "x"), None, ADDRESS).cause
    assert "nothing listens at 10.0.0.1:8080" in ending_of(ConnectionRefusedError(), None, ADDRESS).cause


def test_keys_are_derived_and_what_goes_wrong_is_raised_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    code = fold("KDWH-9RTC-4MXF")
    assert derivation.derive(code, CHALLENGE, lambda: False) == derive_client_keys(code, CHALLENGE)
    with pytest.raises(Cancelled):
        derivation.derive(code, CHALLENGE, lambda: True)

    def fails(*unused: object) -> None:
        raise MemoryError("too little")

    monkeypatch.setattr(derivation, "derive_client_keys", fails)
    with pytest.raises(MemoryError, match="too little"):
        derivation.derive(code, CHALLENGE, lambda: False)
