"""What stands in place of a code: keys that take long to derive, on purpose, and are kept (RFC 5802, sections 3 and 9).

Whoever posed as the server, or has stolen a server's keys, can try codes offline. The iterations make each try as
expensive as the one derivation of an honest client. A client keeps its keys (`ClientKeys`) for each server, salt and
count, so that it derives once; a server keeps what can check a proof and cannot make one (`ServerKeys`), with the same
salt and count for as long as the code is the same, and `Credentials` for all its users.

Deriving is `hashlib.pbkdf2_hmac`, that is OpenSSL's; there is no other one in Python 3.12 and newer. Codes are folded
and therefore ASCII: SASLprep (RFC 4013) would leave them as they are. No threads, and no state that changes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple, Union

from rollcall.wire.codes import Folded

MIN_ITERATIONS = 600_000
"""What a server asks for, and the least that a client answers: what it costs to try one code offline (0.4 s here)."""

MAX_ITERATIONS = 2_000_000
"""The most that a client computes for anybody."""

MIN_SALT, MAX_SALT = 16, 64
"""Bytes of a salt."""

HASH = "sha256"
SIZE = 32
"""Bytes of a key, a proof and a signature."""

BASE64 = r"[A-Za-z0-9+/]+={0,2}"
"""Roughly; `unpacked` is exact."""


@dataclass(frozen=True)
class Challenge:
    """What a server asks a client to derive its keys with."""

    salt: bytes
    iterations: int


@dataclass(frozen=True)
class ClientKeys:
    """What a client needs in place of the code, for this salt and count only. As secret as the code in this room."""

    client_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    salt: bytes
    iterations: int

    def fit(self, challenge: Challenge) -> bool:
        """Whether they answer this challenge without deriving anything."""
        return (self.salt, self.iterations) == (challenge.salt, challenge.iterations)

    def to_text(self) -> str:
        """For a file of mode 0600."""
        return _keys_as_text("SCRAM-SHA-256-CLIENT", self.client_key, self)

    @classmethod
    def from_text(cls, text: str) -> ClientKeys:
        """What `to_text` wrote. Raises ValueError if it is something else, or weaker than what is used today."""
        return cls(*_keys_from_text("SCRAM-SHA-256-CLIENT", text))


@dataclass(frozen=True)
class ServerKeys:
    """What a server keeps of a code: enough to check a proof, too little to make one.

    It is a secret all the same: guesses can be tried on it, and whoever has it can pose as the server.
    """

    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    salt: bytes
    iterations: int

    def to_text(self) -> str:
        """For a file of mode 0600, in the form of RFC 5803."""
        return _keys_as_text("SCRAM-SHA-256", self.stored_key, self)

    @classmethod
    def from_text(cls, text: str) -> ServerKeys:
        """What `to_text` wrote. Raises ValueError if it is something else, or weaker than what is used today."""
        return cls(*_keys_from_text("SCRAM-SHA-256", text))


def derive_client_keys(code: Folded, challenge: Challenge) -> ClientKeys:
    """The keys of this code, computed for as long as the challenge wants: 0.4 s for 600,000 iterations.

    For a thread that nobody waits for. A challenge of `ClientExchange.challenged` is within the bounds.
    """
    salted = hashlib.pbkdf2_hmac(HASH, code.encode("ascii"), challenge.salt, challenge.iterations)
    client_key, server_key = (hmac.digest(salted, what, HASH) for what in (b"Client Key", b"Server Key"))
    return ClientKeys(client_key, server_key, challenge.salt, challenge.iterations)


def derive_server_keys(code: Folded, kept: Optional[ServerKeys] = None, iterations: int = MIN_ITERATIONS) -> ServerKeys:
    """What a server keeps of this code: the same as ``kept`` if that is of this code, else with a new salt.

    Members keep their keys for a salt and a count; so both stay until the code changes. 0.4 s; twice that when it does.
    """
    if kept is not None:
        again = _server_keys(code, Challenge(kept.salt, kept.iterations))
        if hmac.compare_digest(again.stored_key, kept.stored_key):
            return again
    return _server_keys(code, Challenge(secrets.token_bytes(MIN_SALT), iterations))


def _server_keys(code: Folded, challenge: Challenge) -> ServerKeys:
    keys = derive_client_keys(code, challenge)
    return ServerKeys(stored_key_of(keys.client_key), keys.server_key, challenge.salt, challenge.iterations)


def _keys_as_text(kind: str, key: bytes, keys: Union[ClientKeys, ServerKeys]) -> str:
    salt, first, second = map(packed, (keys.salt, key, keys.server_key))
    return f"{kind}${keys.iterations}:{salt}${first}:{second}"


def _keys_from_text(kind: str, text: str) -> Tuple[bytes, bytes, bytes, int]:
    match = re.fullmatch(rf"{kind}\$([1-9][0-9]{{0,9}}):({BASE64})\$({BASE64}):({BASE64})", text)
    if match is None:
        raise ValueError(f"these are no keys of {kind}")
    iterations = int(match.group(1))
    salt, first, second = (unpacked(value) for value in match.groups()[1:])
    usable = MIN_ITERATIONS <= iterations <= MAX_ITERATIONS and MIN_SALT <= len(salt) <= MAX_SALT
    if not usable or len(first) != SIZE or len(second) != SIZE:
        raise ValueError(f"these keys of {kind} are outside the bounds")
    return first, second, salt, iterations


class Credentials:
    """The keys of all users of one server, and answers for all others. Immutable, shared by all threads.

    ``keys`` are those of the users that there are. ``secret`` is random (32 bytes) and kept as long as the keys: it
    makes the salt of a user that there is not, which must look like any other, today and tomorrow. So a stranger
    does not learn whether there is a teacher's code.
    """

    def __init__(self, keys: Mapping[str, ServerKeys], secret: bytes) -> None:
        self._keys = dict(keys)
        self._secret = secret
        self._iterations = max((known.iterations for known in self._keys.values()), default=MIN_ITERATIONS)

    def find(self, user: str) -> ServerKeys:
        """The keys of a user; of an unknown one such as no code fits."""
        nothing, salt = (
            hmac.digest(self._secret, what + user.encode("utf-8"), HASH) for what in (b"no key of ", b"salt of ")
        )
        # Made for everybody: whoever measures how long the answer takes learns nothing either.
        fake = ServerKeys(nothing, nothing, salt[:MIN_SALT], self._iterations)
        return self._keys.get(user, fake)


def stored_key_of(client_key: bytes) -> bytes:
    """What checks the client's key and does not tell it."""
    return hashlib.sha256(client_key).digest()


def packed(data: bytes) -> str:
    """Base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def unpacked(text: str) -> bytes:
    """Bytes of base64, in the one way in which they are written: otherwise the same proof would have many forms.

    Raises ValueError.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if packed(data) != text:
        raise ValueError("this is not base64")
    return data
