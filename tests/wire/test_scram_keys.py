"""Keys in place of a code: the RFC's own, how long they stay, how they are written down, and whose they are."""

from __future__ import annotations

import base64
import re
from typing import Tuple

import pytest

from rollcall.wire.codes import Folded
from rollcall.wire.scram import CLASS, TEACHER
from rollcall.wire.scram_keys import (
    MAX_ITERATIONS,
    MIN_ITERATIONS,
    MIN_SALT,
    Challenge,
    ClientKeys,
    Credentials,
    ServerKeys,
    derive_client_keys,
    derive_server_keys,
    packed,
    stored_key_of,
    unpacked,
)

CODE, OTHER = Folded("KDWH9RTC4MXF"), Folded("XF4MRTC9KDWH")
SALT = bytes(range(16))
FEW = 10


def far_too_quick() -> Tuple[ServerKeys, ServerKeys]:
    return derive_server_keys(CODE, iterations=FEW), derive_server_keys(OTHER, iterations=FEW)


def test_the_keys_of_rfc_5803s_form() -> None:
    # PostgreSQL's and RFC 7677's password: pencil, salt W22ZaJ0SNY7soEsUEjb6gQ==, 4096 iterations
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    keys = derive_client_keys(Folded("pencil"), Challenge(salt, 4096))
    kept = ServerKeys(stored_key_of(keys.client_key), keys.server_key, salt, 4096)
    assert kept.to_text() == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_salt_and_count_stay_as_long_as_the_code_does() -> None:
    kept, other = far_too_quick()
    assert len(kept.salt) == MIN_SALT and kept.salt != other.salt
    assert derive_server_keys(CODE, kept, FEW + 1) == kept
    changed = derive_server_keys(OTHER, kept, FEW + 1)
    assert changed.salt not in (kept.salt, other.salt) and changed.iterations == FEW + 1
    assert changed == derive_server_keys(OTHER, changed)


def test_keys_answer_their_own_challenge_only() -> None:
    keys = derive_client_keys(CODE, Challenge(SALT, FEW))
    assert keys.fit(Challenge(SALT, FEW))
    assert not keys.fit(Challenge(SALT, FEW + 1))
    assert not keys.fit(Challenge(SALT[::-1], FEW))


def test_no_key_is_ever_shown() -> None:
    keys = derive_client_keys(CODE, Challenge(SALT, FEW))
    for shown in (repr(keys), repr(far_too_quick()[0])):
        assert "salt" in shown and "key" not in shown.replace("ClientKeys", "").replace("ServerKeys", "")


def test_keys_are_written_down_and_read_again() -> None:
    client = ClientKeys(b"c" * 32, b"s" * 32, SALT, MIN_ITERATIONS)
    server = ServerKeys(b"k" * 32, b"s" * 32, SALT, MAX_ITERATIONS)
    assert ClientKeys.from_text(client.to_text()) == client
    assert ServerKeys.from_text(server.to_text()) == server
    with pytest.raises(ValueError, match="no keys of SCRAM-SHA-256-CLIENT"):
        ClientKeys.from_text(server.to_text())
    with pytest.raises(ValueError, match="no keys of SCRAM-SHA-256"):
        ServerKeys.from_text(client.to_text())


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (r"\$600000:", "$599999:"),
        (r"\$600000:", "$2000001:"),
        (r"\$600000:", "$99999999999:"),
        (r"\$600000:", "$-600000:"),
        (r":[^$]*\$", ":" + packed(SALT[:-1]) + "$"),
        (r":[^$]*\$", ":" + packed(bytes(65)) + "$"),
        (r":[^$]*\$", ":$"),
        (r"[^:]*$", packed(bytes(31))),
        (r"[^:]*$", packed(bytes(32))[:-2] + "B="),
        (r"$", "\n"),
        (r".*", ""),
    ],
)
def test_keys_that_are_broken_or_too_weak_are_not_read(pattern: str, instead: str) -> None:
    text = ServerKeys(b"k" * 32, b"s" * 32, SALT, MIN_ITERATIONS).to_text()
    broken = re.sub(pattern, lambda match: instead, text, count=1)
    assert broken != text
    with pytest.raises(ValueError):
        ServerKeys.from_text(broken)


def test_a_user_that_there_is_not_looks_like_any_other_and_stays_so() -> None:
    known, _ = far_too_quick()
    secret = b"s" * 32
    credentials = Credentials({CLASS: known}, secret)
    assert credentials.find(CLASS) is known
    fake = credentials.find(TEACHER)
    assert (len(fake.salt), fake.iterations) == (len(known.salt), known.iterations)
    assert fake == Credentials({CLASS: known}, secret).find(TEACHER), "also after a restart"
    assert fake.salt != credentials.find("=2C").salt != Credentials({}, b"t" * 32).find("=2C").salt
    assert Credentials({}, secret).find(CLASS).iterations == MIN_ITERATIONS


@pytest.mark.parametrize(
    "text", ["A", "AA", "AA=", "AA=A", "AB==", "AA==\n", "AA== ", "AAA=AAA=", "A-_A", "\u0100AAA", ""]
)
def test_base64_is_written_in_one_way(text: str) -> None:
    if not text:
        assert unpacked(text) == b""
    else:
        with pytest.raises(ValueError):
            unpacked(text)
    assert unpacked("AA==") == b"\0"
