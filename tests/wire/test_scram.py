"""Both sides of the exchange: the RFC's own, and everything that somebody between them may try."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import re
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rollcall.wire import scram
from rollcall.wire.codes import Folded, fold, join_code, new_code
from rollcall.wire.scram import CLASS, MAX_MESSAGE, TEACHER, ClientExchange, ScramError, ServerExchange
from rollcall.wire.scram_keys import (
    MAX_ITERATIONS,
    MIN_ITERATIONS,
    Challenge,
    Credentials,
    ServerKeys,
    derive_client_keys,
    derive_server_keys,
    packed,
    stored_key_of,
)
from tests.helpers import ROOT

FEW = 10
"""Iterations: a test is not slow on purpose."""

CODES = {CLASS: Folded("SUNF10WER7"), TEACHER: Folded("KDWH9RTC4MXF")}
KEYS = {user: derive_server_keys(code, iterations=FEW) for user, code in CODES.items()}
SERVER = Credentials(KEYS, b"s" * 32)
BINDING, OTHER_BINDING = hashlib.sha256(b"this server's").digest(), hashlib.sha256(b"somebody else's").digest()


class Ends(NamedTuple):
    """Both ends of one exchange, and what went over the wire."""

    client: ClientExchange
    server: ServerExchange
    sent: List[str]


def ends(user: str = CLASS, client_sees: bytes = BINDING) -> Ends:
    return Ends(ClientExchange(user, client_sees, FEW), ServerExchange(SERVER, BINDING), [])


def talk(both: Ends, code: str, on_the_way: Callable[[int, str], str] = lambda number, message: message) -> None:
    """The whole exchange; ``on_the_way`` may change each message."""

    def carry(message: str) -> str:
        both.sent.append(message)
        return on_the_way(len(both.sent) - 1, message)

    both.server.asked(carry(both.client.first()))
    challenge = both.client.challenged(carry(both.server.challenge()))
    keys = derive_client_keys(Folded(code), challenge)
    both.client.verify(carry(both.server.verify(carry(both.client.final(keys)))))


def refused(
    both: Ends, code: str, on_the_way: Callable[[int, str], str] = lambda number, message: message
) -> ScramError:
    with pytest.raises(ScramError) as caught:
        talk(both, code, on_the_way)
    assert not both.client.proven
    return caught.value


# What it is for


@pytest.mark.parametrize("user", CODES)
def test_who_knows_the_code_and_a_server_that_does_prove_it_to_each_other(user: str) -> None:
    both = ends(user)
    talk(both, CODES[user])
    assert both.client.proven and both.server.proven and both.server.user == user
    assert max(map(len, both.sent)) < 200
    assert not any(CODES[user] in message for message in both.sent)


@pytest.mark.parametrize(("user", "code"), [(CLASS, "SUNF10WER8"), (TEACHER, CODES[CLASS]), ("nobody", "KDWH9RTC4MXF")])
def test_who_does_not_know_it_hears_the_same_whoever_he_says_he_is(user: str, code: str) -> None:
    both = ends(user)
    error = refused(both, code)
    assert (error.code, error.reason, str(error)) == ("bad_code", "invalid-proof", "this is not the code")
    assert not both.server.proven


def test_a_server_that_does_not_know_the_code_is_found_out() -> None:
    client, thief = ClientExchange(CLASS, BINDING, FEW), KEYS[CLASS]
    poser = ServerKeys(thief.stored_key, b"?" * 32, thief.salt, thief.iterations)
    both = Ends(client, ServerExchange(Credentials({CLASS: poser}, b""), BINDING), [])
    error = refused(both, CODES[CLASS])
    assert (error.code, error.reason) == ("bad_message", "not-the-server")


def test_keys_are_kept_and_nothing_is_derived_again() -> None:
    first = ends()
    first.server.asked(first.client.first())
    challenge = first.client.challenged(first.server.challenge())
    keys = derive_client_keys(CODES[CLASS], challenge)  # both have hung up meanwhile
    for _ in range(2):
        again = ends()
        again.server.asked(again.client.first())
        assert keys.fit(again.client.challenged(again.server.challenge()))
        again.client.verify(again.server.verify(again.client.final(keys)))
        assert again.client.proven and again.server.proven


def test_keys_for_another_challenge_are_not_used() -> None:
    both = ends()
    both.server.asked(both.client.first())
    challenge = both.client.challenged(both.server.challenge())
    for other in (Challenge(challenge.salt, FEW + 1), Challenge(b"x" * 16, FEW)):
        with pytest.raises(ValueError, match="another challenge"):
            both.client.final(derive_client_keys(CODES[CLASS], other))
    both.server.verify(both.client.final(derive_client_keys(CODES[CLASS], challenge)))


def test_every_exchange_has_nonces_of_its_own() -> None:
    nonces = set()
    for _ in range(20):
        both = ends()
        talk(both, CODES[CLASS])
        nonces.add(re.findall("r=([^,]+)", both.sent[0])[0])
        nonces.add(re.findall("r=([^,]+)", both.sent[1])[0][24:])
    assert {len(nonce) for nonce in nonces} == {24} and len(nonces) == 40


# The RFC's own


RFC_7677 = (
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


def test_the_exchange_of_rfc_7677(monkeypatch: pytest.MonkeyPatch) -> None:
    # The RFC's example is not bound to a certificate, and nothing of ours takes that; all else is the same.
    client_first, server_first, client_final, server_final = RFC_7677
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    keys = derive_client_keys(Folded("pencil"), Challenge(salt, 4096))
    known = ServerKeys(stored_key_of(keys.client_key), keys.server_key, salt, 4096)
    server = ServerExchange(Credentials({"user": known}, b""), b"", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    assert server.asked(client_first.replace("n,,", "p=tls-server-end-point,,")) == "user"
    monkeypatch.setattr(scram, "_GS2_HEADER", b"n,,")
    client = ClientExchange("user", b"", 4096, "rOprNGfwEbeRWgbNEkqO")
    assert client.first() == client_first
    assert server.challenge() == server_first
    assert client.challenged(server_first) == Challenge(salt, 4096)
    assert client.final(keys) == client_final
    assert server.verify(client_final) == server_final
    client.verify(server_final)
    assert client.proven and server.proven


def by_the_book(code: bytes, sent: Sequence[str], binding: bytes) -> Tuple[bytes, bytes]:
    """Proof and signature as RFC 5802, section 3, writes them down, from what was sent and by other functions."""
    salt, count = re.findall("s=([^,]+),i=([0-9]+)", sent[1])[0]
    without_proof = sent[2].rpartition(",p=")[0]
    assert without_proof.startswith("c=" + base64.b64encode(b"p=tls-server-end-point,," + binding).decode() + ",r=")
    said = ",".join((sent[0].partition(",,")[2], sent[1], without_proof)).encode()
    salted = block = hmac.new(code, base64.b64decode(salt) + b"\0\0\0\1", hashlib.sha256).digest()
    for _ in range(int(count) - 1):
        block = hmac.new(code, block, hashlib.sha256).digest()
        salted = bytes(one ^ other for one, other in zip(salted, block))
    client_key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    signature = hmac.new(hashlib.sha256(client_key).digest(), said, hashlib.sha256).digest()
    server_key = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    proof = bytes(one ^ other for one, other in zip(client_key, signature))
    return proof, hmac.new(server_key, said, hashlib.sha256).digest()


def test_with_channel_binding_it_is_what_rfc_5802_says() -> None:
    both = ends(TEACHER)
    talk(both, CODES[TEACHER])
    proof, signature = by_the_book(CODES[TEACHER].encode(), both.sent, BINDING)
    assert both.sent[2].endswith(",p=" + packed(proof))
    assert both.sent[3] == "v=" + packed(signature)


def test_optional_extensions_are_ignored_and_signed() -> None:
    both = ends()
    with_extension = both.client.first() + ",x=anything=at all,Y=z"
    both.client._bare += ",x=anything=at all,Y=z"
    both.server.asked(with_extension)
    challenge = both.client.challenged(both.server.challenge())
    final = both.client.final(derive_client_keys(CODES[CLASS], challenge))
    both.client.verify(both.server.verify(final) + ",x=y")
    assert both.client.proven


# What somebody between them may try


@given(
    which=st.integers(0, 3),
    place=st.integers(0, 2**16),
    change=st.sampled_from(["replace", "insert", "delete"]),
    byte=st.characters(max_codepoint=255) | st.sampled_from("0123456789,=pnrscive+/"),
)
def test_no_message_can_be_changed_by_a_byte(which: int, place: int, change: str, byte: str) -> None:
    def meddle(number: int, message: str) -> str:
        if number != which:
            return message
        at = place % len(message)
        changed = message[:at] + ("" if change == "delete" else byte) + message[at + (change != "insert") :]
        assume(changed != message)
        return changed

    both = ends()
    refused(both, CODES[CLASS], meddle)
    assert both.server.proven == (which == 3)


@settings(max_examples=40)
@given(st.text(max_size=60) | st.from_regex(r"(p=[a-z-]+,,)?([a-z]=[^,]*,?){0,6}", fullmatch=True))
def test_any_text_is_refused_at_every_step(text: str) -> None:
    for step in range(4):

        def instead(number: int, message: str, step: int = step) -> str:
            return text if number == step else message

        assert str(refused(ends(), CODES[CLASS], instead)).isprintable()


def test_a_replayed_exchange_is_refused_on_both_sides() -> None:
    first = ends()
    talk(first, CODES[CLASS])

    def the_clients_again(server: ServerExchange) -> None:
        server.asked(first.sent[0])
        server.challenge()
        server.verify(first.sent[2])

    server = ServerExchange(SERVER, BINDING)
    with pytest.raises(ScramError, match="does not belong to this conversation"):
        the_clients_again(server)
    assert not server.proven
    client = ClientExchange(CLASS, BINDING, FEW)
    client.first()
    with pytest.raises(ScramError) as caught:
        client.challenged(first.sent[1])
    assert caught.value.reason == "other-nonce"
    again = refused(ends(), CODES[CLASS], lambda number, message: first.sent[3] if number == 3 else message)
    assert again.reason == "not-the-server"


def test_a_relayed_proof_is_refused_and_the_server_knows_why() -> None:
    both = ends(client_sees=OTHER_BINDING)
    error = refused(both, CODES[CLASS])
    assert (error.code, error.reason) == ("bad_code", "channel-bindings-dont-match")
    assert "shown another certificate" in str(error) and not both.server.proven
    wrong_too = refused(ends(client_sees=OTHER_BINDING), "SUNF10WER8")
    assert wrong_too.reason == "invalid-proof", "a stranger cannot make the server believe in a relay"


def test_a_relay_cannot_put_the_right_certificate_in() -> None:
    theirs, ours = (packed(b"p=tls-server-end-point,," + binding) for binding in (OTHER_BINDING, BINDING))
    error = refused(ends(client_sees=OTHER_BINDING), CODES[CLASS], lambda number, text: text.replace(theirs, ours))
    assert error.reason == "invalid-proof"


def test_a_relay_cannot_take_the_binding_away() -> None:
    error = refused(ends(), CODES[CLASS], lambda number, text: text.replace("p=tls-server-end-point", "y"))
    assert error.reason == "server-does-support-channel-binding"


def guess(words: Sequence[str], sent: Sequence[str]) -> Optional[str]:
    """What somebody does at home who posed as the server: try word after word on the proof that he got."""
    for word in words:
        proof, _ = by_the_book(fold(word).encode(), sent, OTHER_BINDING)
        if sent[2].endswith(packed(proof)):
            return word
    return None


@pytest.mark.parametrize("code", ["sunflower 7", new_code(random.Random(12).choice)])
def test_who_posed_as_the_server_finds_a_code_that_is_on_a_list_and_no_other(code: str) -> None:
    # This is what channel binding does not stop, and why a code wants to be made by the program. It is not refused as
    # weak: no list of ours is as long as a guesser's.
    poser = Credentials({CLASS: derive_server_keys(Folded("Q"), iterations=FEW)}, b"")
    both = Ends(ClientExchange(CLASS, OTHER_BINDING, FEW), ServerExchange(poser, OTHER_BINDING), [])
    assert refused(both, join_code(code)).reason == "invalid-proof"
    words = ["snowflake 1", "rainbow 99", *(f"sunflower {number}" for number in range(10)), "lighthouse"]
    found = guess(words, both.sent)
    assert found == ("sunflower 7" if code == "sunflower 7" else None)


@pytest.mark.parametrize(
    ("count", "salt", "least", "reason"),
    [
        (1, 16, MIN_ITERATIONS, "too-few-iterations"),
        (MIN_ITERATIONS - 1, 16, MIN_ITERATIONS, "too-few-iterations"),
        (MIN_ITERATIONS, 16, MIN_ITERATIONS + 1, "too-few-iterations"),  # it asked for more when it was met first
        (MAX_ITERATIONS + 1, 16, MIN_ITERATIONS, "too-many-iterations"),
        (9_999_999_999, 16, MIN_ITERATIONS, "too-many-iterations"),
        (10_000_000_000, 16, MIN_ITERATIONS, "invalid-encoding"),
        (MIN_ITERATIONS, 15, MIN_ITERATIONS, "bad-salt"),
        (MIN_ITERATIONS, 65, MIN_ITERATIONS, "bad-salt"),
        (MIN_ITERATIONS, 16, MIN_ITERATIONS, ""),
        (MAX_ITERATIONS, 64, MIN_ITERATIONS, ""),
    ],
)
def test_a_challenge_out_of_bounds_is_refused_before_anything_is_derived(
    count: int, salt: int, least: int, reason: str
) -> None:
    client = ClientExchange(CLASS, BINDING, least)
    nonce = client.first().partition("r=")[2]
    message = f"r={nonce}{'x' * 16},s={packed(bytes(salt))},i={count}"
    if not reason:
        assert client.challenged(message) == Challenge(bytes(salt), count)
        return
    with pytest.raises(ScramError) as caught:
        client.challenged(message)
    assert caught.value.reason == reason


def test_the_least_count_is_the_real_one_where_nothing_is_said() -> None:
    client = ClientExchange(CLASS, BINDING)
    server = ServerExchange(SERVER, BINDING)
    server.asked(client.first())
    with pytest.raises(ScramError, match="wants the code to be protected by 10 iterations only, and at least 600000"):
        client.challenged(server.challenge())


CLIENT_FIRST = "p=tls-server-end-point,,n=class,r=fyko+d2lbbFgONRv9qkxdawL"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (CLIENT_FIRST.replace("p=tls-server-end-point", "n"), "server-does-support-channel-binding"),
        (CLIENT_FIRST.replace("p=tls-server-end-point", "y"), "server-does-support-channel-binding"),
        (CLIENT_FIRST.replace("server-end-point", "unique"), "unsupported-channel-binding-type"),
        (CLIENT_FIRST.replace(",,", ",a=teacher,"), "other-error"),
        (CLIENT_FIRST.replace("n=", "m=x,n="), "extensions-not-supported"),
        (CLIENT_FIRST + ",m=x", "extensions-not-supported"),
        (CLIENT_FIRST + ",r=x", "invalid-encoding"),
        (CLIENT_FIRST + ",", "invalid-encoding"),
        (CLIENT_FIRST + "\n", "invalid-encoding"),
        (CLIENT_FIRST.replace("class", ""), "invalid-encoding"),
        (CLIENT_FIRST.replace("class", "cl\u00e4ss"), "invalid-encoding"),
        (CLIENT_FIRST.replace("class", "a=2Bb"), "invalid-encoding"),
        ("p=tls-server-end-point,,r=fyko+d2lbbFgONRv9qkxdawL,n=class", "invalid-encoding"),
        (CLIENT_FIRST.replace("fyko", "fy\u00e4ko"), "invalid-encoding"),
        (CLIENT_FIRST.replace("fyko+d2lb", ""), "other-error"),
        (CLIENT_FIRST.replace("fyko", "f" * 240), "other-error"),
        (CLIENT_FIRST + ",x=" + "y" * MAX_MESSAGE, "other-error"),
        ("", "invalid-encoding"),
    ],
    ids=lambda text: text[:60],
)
def test_first_messages_that_a_server_refuses(message: str, reason: str) -> None:
    server = ServerExchange(SERVER, BINDING)
    with pytest.raises(ScramError) as caught:
        server.asked(message)
    assert (caught.value.code, caught.value.reason) == ("bad_message", reason)
    with pytest.raises(ScramError, match="out of turn"):
        server.asked(CLIENT_FIRST)
    with pytest.raises(ScramError, match="out of turn"):
        server.challenge()


@pytest.mark.parametrize(
    ("pattern", "instead", "reason"),
    [
        (r"p=.*", "p=" + packed(bytes(31)), "invalid-encoding"),
        (r"p=.*", "p=" + packed(bytes(33)), "invalid-encoding"),
        (r"p=.*", "p=", "invalid-encoding"),
        (r"p=.*", "p=" + packed(bytes(32))[:-2] + "B=", "invalid-encoding"),
        (r",p=.*", "", "invalid-encoding"),
        (r"$", ",x=y", "invalid-encoding"),  # the proof is the last
        (r",p=", ",m=x,p=", "extensions-not-supported"),
        (r",p=", ",x=y,p=", "invalid-proof"),
        (r"r=...", "r=abc", "other-error"),
        (r",r=", "x,r=", "invalid-encoding"),
        (r"c=(.*),(r=.*),p", r"\2,c=\1,p", "invalid-encoding"),
    ],
)
def test_proofs_that_a_server_refuses(pattern: str, instead: str, reason: str) -> None:
    error = refused(
        ends(), CODES[CLASS], lambda number, text: re.sub(pattern, instead, text, count=1) if number == 2 else text
    )
    assert error.reason == reason


@pytest.mark.parametrize("message", ["e=invalid-proof", "e=no-resources,x=y", "e=" + "x" * 900])
def test_a_server_that_refuses_gives_its_reason(message: str) -> None:
    error = refused(ends(), CODES[CLASS], lambda number, text: message if number == 3 else text)
    assert error.code == "bad_code" and message[2:].startswith(error.reason[:11]) and len(str(error)) < 100


def test_nothing_is_taken_out_of_turn() -> None:
    client = ClientExchange(CLASS, BINDING, FEW)
    for early in (lambda: client.challenged(RFC_7677[1]), client.first):
        with pytest.raises(ScramError, match="out of turn"):
            early()
    both = ends()
    talk(both, CODES[CLASS])
    for late in (lambda: both.client.verify(both.sent[3]), lambda: both.server.verify(both.sent[2])):
        with pytest.raises(ScramError, match="out of turn"):
            late()


# The example of the documentation


def test_the_worked_example_is_what_the_program_does() -> None:
    (page,) = [text for text in (file.read_text("utf-8") for file in ROOT.glob("docs/*.md")) if "ClientProof" in text]
    sent = re.findall(r'^\{"type":"auth","data":"([^"]+)"\}$', page, re.MULTILINE)
    named = dict(re.findall(r"^\| (code|folded|salt|iterations|channel binding) \| `([^`]+)` \|", page, re.MULTILINE))
    assert len(sent) == 4 and len(named) == 5
    code, binding = join_code(named["code"]), bytes.fromhex(named["channel binding"])
    challenge = Challenge(bytes.fromhex(named["salt"]), int(named["iterations"]))
    assert code == named["folded"] and challenge.iterations == MIN_ITERATIONS
    nonce, whole_nonce = (re.findall("r=([^,]+)", message)[0] for message in sent[:2])
    keys = derive_client_keys(code, challenge)
    known = ServerKeys(stored_key_of(keys.client_key), keys.server_key, challenge.salt, challenge.iterations)
    client = ClientExchange(CLASS, binding, nonce=nonce)
    server = ServerExchange(Credentials({CLASS: known}, b""), binding, whole_nonce[len(nonce) :])
    assert client.first() == sent[0]
    assert server.asked(sent[0]) == CLASS and server.challenge() == sent[1]
    assert client.challenged(sent[1]) == challenge and client.final(keys) == sent[2]
    assert server.verify(sent[2]) == sent[3]
    client.verify(sent[3])
    assert client.proven and server.proven
    values = dict(re.findall(r"^\| (\w+) \| [^|]+ \| `([0-9a-f]{64})` \|$", page, re.MULTILINE))
    assert values["ClientKey"] == keys.client_key.hex() and values["ServerKey"] == keys.server_key.hex()
    assert values["StoredKey"] == known.stored_key.hex()
    assert sent[2].endswith(",p=" + packed(bytes.fromhex(values["ClientProof"])))
    assert sent[3] == "v=" + packed(bytes.fromhex(values["ServerSignature"]))
    either = (bytes.fromhex(values[name]) for name in ("ClientKey", "ClientSignature"))
    assert bytes(one ^ other for one, other in zip(*either)).hex() == values["ClientProof"]
    salted = bytes.fromhex(values["SaltedPassword"])
    assert hmac.digest(salted, b"Client Key", "sha256") == keys.client_key
