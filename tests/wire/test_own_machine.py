"""own_machine.py: who can read the server's file proves it to that server only, and to nobody twice."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from rollcall.wire.fields import MAX_TEXT
from rollcall.wire.own_machine import MAX_FILE, OwnMachine, file_name

PRINT = "3f" * 32


def test_the_file_says_what_was_written_and_the_proof_is_an_hmac() -> None:
    ours = OwnMachine.new("Xk3f", PRINT)
    text = ours.to_text()
    assert OwnMachine.from_text(text) == ours and len(text) < MAX_FILE
    assert json.loads(text) == {"key": ours.key.hex(), "epoch": "Xk3f", "fingerprint": PRINT}
    assert ours.key.hex() not in repr(ours)
    said = b"rollcall own machine\nn0nce\nXk3f\n0102"
    right = hmac.new(ours.key, said, hashlib.sha256).hexdigest()
    assert ours.proof("n0nce", b"\x01\x02") == right and len(right) <= MAX_TEXT
    assert OwnMachine.new("Xk3f").key != ours.key
    assert file_name(8080) != file_name(8081)


def test_the_proof_is_for_the_server_of_the_file_only() -> None:
    ours, without = OwnMachine.new("Xk3f", PRINT), OwnMachine.new("Xk3f")
    assert ours.proof_for("n", "Xk3f", PRINT, b"b") == ours.proof("n", b"b")
    assert without.proof_for("n", "Xk3f") == without.proof("n")
    assert ours.proof_for("n", "Xk3f") == "", "in the clear to a server that has TLS: somebody is between"
    assert ours.proof_for("n", "Xk3f", "00" * 32, b"b") == ""
    assert without.proof_for("n", "Xk3f", PRINT, b"b") == ""
    assert ours.proof_for("n", "other", PRINT, b"b") == ""
    assert ours.proof_for("", "Xk3f", PRINT, b"b") == ""
    assert len({ours.proof("n"), ours.proof("m"), ours.proof("n", b"b"), without.proof("n")}) == 4


@pytest.mark.parametrize(
    "text",
    [
        "", "no json", "[]", "{}", '{"key":1,"epoch":"e","fingerprint":""}', "[" * 2000,
        json.dumps({"key": "ab" * 31, "epoch": "e", "fingerprint": ""}),
        json.dumps({"key": "ab" * 32, "epoch": "e", "fingerprint": "zz"}),
        json.dumps({"key": "ab" * 32, "epoch": "e"}),
    ],
)  # fmt: skip
def test_anything_else_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="no key of a server"):
        OwnMachine.from_text(text)
