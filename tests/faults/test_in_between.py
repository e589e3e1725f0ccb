"""Somebody stands between the clients and the server of a closed room: reads, passes on, pretends, guesses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterable, List, Optional, Tuple

from rollcall.server.certificate import own_certificate
from rollcall.wire.codes import fold, new_code
from rollcall.wire.scram import ClientExchange
from rollcall.wire.scram_keys import derive_client_keys
from tests.closed_room import CONTEXT, ITERATIONS, TlsClient, room_with_keys
from tests.proxy import DOWN, UP, Pair, TlsProxy

WORDS = ("football", "sunshine", "galileo9", "telescope", "mathematics", "gymnasium", "kepler-7b", "heisenberg")
"""A guesser's list. Those that are in the program's own list no server takes."""


def overheard(code: str, folder: Path) -> Tuple[Pair, bytes]:
    """What a program hears that shows its own certificate and passes on what a client says who knows the code; and what
    that client is bound to."""
    stranger = own_certificate(folder / "stranger", "stranger").context()
    with room_with_keys(folder, join_code=code) as (server, port), TlsProxy(port, stranger, CONTEXT) as proxy:
        with TlsClient(proxy.port) as ann:
            answer = ann.prove(code)
        assert len(server.room.roster) == 0
        assert (answer["type"], answer["code"]) == ("error", "bad_code")
        assert "another certificate" in answer["message"]
        (pair,) = proxy.pairs
        return pair, ann.binding


def guessed(pair: Pair, binding: bytes, candidates: Iterable[str]) -> Optional[str]:
    """The first of the candidates that would have led to the proof that was overheard."""
    said: List[str] = [json.loads(line)["data"] for line in pair.heard[UP].splitlines()]
    challenge = json.loads(pair.heard[DOWN].splitlines()[0])["data"]
    for candidate in candidates:
        exchange = ClientExchange("class", binding, ITERATIONS, nonce=said[0].rpartition("r=")[2])
        exchange.first()
        keys = derive_client_keys(fold(candidate), exchange.challenged(challenge))
        if exchange.final(keys) == said[1]:
            return candidate
    return None


def test_a_proof_that_is_passed_on_is_refused_and_a_word_can_be_guessed_from_it(tmp_path: Path) -> None:
    pair, binding = overheard("Kepler 7b", tmp_path)
    assert b"KEPLER" not in (pair.heard[UP] + pair.heard[DOWN]).upper(), "the code itself is not said"
    assert guessed(pair, binding, WORDS) == "kepler-7b"


def test_a_code_that_the_server_made_is_not_guessed(tmp_path: Path) -> None:
    code = new_code()
    pair, binding = overheard(code, tmp_path)
    assert guessed(pair, binding, [*WORDS, *(new_code() for _ in range(500))]) is None
    assert guessed(pair, binding, [code]) == code, "the guesser does it right"
