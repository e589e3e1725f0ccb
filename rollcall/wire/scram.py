"""Both sides prove that they know the code, and neither says it: SCRAM-SHA-256-PLUS (RFC 5802 and RFC 7677).

Four messages. The client names a user, ``class`` or ``teacher``, and a nonce; the server answers with a longer nonce, a
salt and a count of iterations; the client proves that it knows the code; the server proves that it does. The proofs
cover all that was said before, both nonces and the server's certificate (`rollcall.wire.binding`), so that none of
it can be changed, replayed or passed on to another server.

`ClientExchange` and `ServerExchange` are one exchange each: messages in, messages out, no I/O, no clock, no threads.
Every message that is not right ends the exchange with a `ScramError`; nothing is repaired.

What this does not stop is whoever poses as the server and then guesses codes offline, with the client's proof to
compare with; only keys that are slow to derive do (`rollcall.wire.scram_keys`). No connection waits for that: a client
without keys for the server's `Challenge` hangs up, derives, and calls again.

The package scramp is not used: its client takes a password only and derives it anew for each exchange, and the version
for Python 3.9 compares keys in a time that depends on them.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Match, Optional, Pattern

from rollcall.wire.errors import ProtocolError
from rollcall.wire.scram_keys import (
    BASE64,
    HASH,
    MAX_ITERATIONS,
    MAX_SALT,
    MIN_ITERATIONS,
    MIN_SALT,
    SIZE,
    Challenge,
    ClientKeys,
    Credentials,
    ServerKeys,
    packed,
    stored_key_of,
    unpacked,
)
from rollcall.wire.text import printable

CLASS, TEACHER = "class", "teacher"
"""The user names: who has the join code, who has the teacher's."""

MAX_MESSAGE = 1000
"""Characters of a message. Ours have about 150."""

MIN_NONCE, MAX_NONCE = 16, 256
"""Characters that each side adds to the nonce. Ours adds 24, which are 144 bits."""

_ENDED = -1
_GS2_HEADER = b"p=tls-server-end-point,,"  # RFC 5802, section 6: bound so, and nobody acts for somebody else

# The grammar of RFC 5802, section 7, in ASCII. Optional extensions are ignored, as it wants, unless they are called
# like something that has its place; "m", the mandatory ones, is refused in `_parse`. Base64 is checked in `_bytes`.
_NONCE = r"[\x21-\x2b\x2d-\x7e]+"
_EXTENSIONS = r"(?:,[A-Zbdf-hj-loqtuw-z]=[\x20-\x2b\x2d-\x7e]+)*"
_CLIENT_FIRST = re.compile(
    rf"(?P<flag>[ny]|p=[A-Za-z0-9.-]+),(?P<identity>a=[\x20-\x2b\x2d-\x7e]+)?,"
    rf"(?P<bare>n=(?P<user>(?:[\x20-\x2b\x2d-\x3c\x3e-\x7e]|=2C|=3D)+),r=(?P<nonce>{_NONCE}){_EXTENSIONS})"
)
_SERVER_FIRST = re.compile(rf"r=(?P<nonce>{_NONCE}),s=(?P<salt>{BASE64}),i=(?P<count>[1-9][0-9]{{0,9}}){_EXTENSIONS}")
_CLIENT_FINAL = re.compile(
    rf"(?P<bare>c=(?P<binding>{BASE64}),r=(?P<nonce>{_NONCE}){_EXTENSIONS}),p=(?P<proof>{BASE64})"
)
_SERVER_FINAL = re.compile(rf"(?:e=(?P<error>[\x20-\x2b\x2d-\x3c\x3e-\x7e]+)|v=(?P<signature>{BASE64})){_EXTENSIONS}")
_MANDATORY_EXTENSION = re.compile(r"(?:^|,)m=")


class ScramError(ProtocolError):
    """The exchange is over, and nobody has proven anything to whoever raises this.

    ``code`` is ``bad_code`` where the proof was not right, else ``bad_message``. ``reason`` is for programs and logs: a
    server's are those of RFC 5802, section 7 (``server-error-value``); a client's own stand at the functions that raise
    them. ``str(error)`` is for a person.
    """

    def __init__(self, reason: str, message: str, code: str = "bad_message") -> None:
        super().__init__(code, message)
        self.reason = reason


class _Exchange:
    """Whose turn it is. A message that was refused, or did not belong here, leaves the exchange ended for ever."""

    def __init__(self) -> None:
        self.proven = False
        self._step = 0

    def _begin(self, step: int) -> None:
        now, self._step = self._step, _ENDED
        if now != step:
            raise ScramError("other-error", "this message of the exchange is out of turn")


class ClientExchange(_Exchange):
    """The client's side of one exchange: `first`, `challenged`, `final`, `verify`, in this order.

    ``binding`` is `rollcall.wire.binding.end_point` of the certificate that this connection was shown.
    ``least_iterations`` is what this server must ask for at least: as many as it ever did, and never fewer than
    `MIN_ITERATIONS` but in tests. The server is one that knows the code when `proven` is true, not before.
    """

    def __init__(
        self,
        user: str,
        binding: bytes,
        least_iterations: int = MIN_ITERATIONS,
        nonce: Optional[str] = None,
    ) -> None:
        super().__init__()
        self._nonce = _new_nonce() if nonce is None else nonce
        self._bare = f"n={user},r={self._nonce}"
        self._binding = binding
        self._least_iterations = least_iterations
        self._server_first = ""
        self._whole_nonce = ""
        self._challenge: Optional[Challenge] = None
        self._signature = b""

    def first(self) -> str:
        """The first message."""
        self._begin(0)
        self._step = 1
        return _GS2_HEADER.decode() + self._bare

    def challenged(self, server_first: str) -> Challenge:
        """Read the server's first message: what it wants to have derived.

        Raises `ScramError`, before anything is derived: ``other-nonce`` (a replay), ``too-few-iterations``,
        ``too-many-iterations``, ``bad-salt``, or one of RFC 5802.
        """
        self._begin(1)
        found = _parse(_SERVER_FIRST, server_first)
        self._whole_nonce = found["nonce"]
        added = len(self._whole_nonce) - len(self._nonce)
        if not self._whole_nonce.startswith(self._nonce) or not MIN_NONCE <= added <= MAX_NONCE:
            raise ScramError("other-nonce", "the server's answer does not belong to what it was asked")
        salt, iterations = _bytes(found["salt"]), int(found["count"])
        if iterations < self._least_iterations:
            raise ScramError(
                "too-few-iterations",
                f"the server wants the code to be protected by {iterations} iterations only, and at least "
                f"{self._least_iterations} are right: it may be somebody who wants to guess the code",
            )
        if iterations > MAX_ITERATIONS:
            raise ScramError(
                "too-many-iterations", f"the server wants {iterations} iterations; {MAX_ITERATIONS} is the most"
            )
        if not MIN_SALT <= len(salt) <= MAX_SALT:
            raise ScramError(
                "bad-salt", f"the server's salt has {len(salt)} bytes; it needs from {MIN_SALT} to {MAX_SALT}"
            )
        self._server_first = server_first
        self._challenge = Challenge(salt, iterations)
        self._step = 2
        return self._challenge

    def final(self, keys: ClientKeys) -> str:
        """The second message, the proof. ``keys`` must fit the challenge (ValueError)."""
        if self._challenge is None or not keys.fit(self._challenge):
            raise ValueError("these keys were derived for another challenge")
        self._begin(2)
        bare = f"c={packed(_GS2_HEADER + self._binding)},r={self._whole_nonce}"
        said = _auth_message(self._bare, self._server_first, bare)
        proof = _xor(keys.client_key, hmac.digest(stored_key_of(keys.client_key), said, HASH))
        self._signature = hmac.digest(keys.server_key, said, HASH)
        self._step = 3
        return f"{bare},p={packed(proof)}"

    def verify(self, server_final: str) -> None:
        """Read the server's second message: its own proof.

        Raises `ScramError`: ``not-the-server`` if it does not know the code, or the reason that it gives.
        """
        self._begin(3)
        found = _parse(_SERVER_FINAL, server_final)
        if found["error"]:
            reason = printable(found["error"], 40)
            raise ScramError(reason, f"the server does not take the code ({reason})", "bad_code")
        if not hmac.compare_digest(_bytes(found["signature"]), self._signature):
            raise ScramError("not-the-server", "the server could not prove that it knows the code")
        self.proven = True


class ServerExchange(_Exchange):
    """The server's side of one exchange: `asked`, `challenge`, `verify`, in this order.

    ``binding`` is `rollcall.wire.binding.end_point` of the certificate that this connection was shown. The peer is the
    `user` that it says when `proven` is true, not before.
    """

    def __init__(self, credentials: Credentials, binding: bytes, nonce: Optional[str] = None) -> None:
        super().__init__()
        self.user = ""
        self._credentials = credentials
        self._binding = binding
        self._nonce = _new_nonce() if nonce is None else nonce  # the whole one, once the client's part is known
        self._client_first_bare = ""
        self._server_first = ""
        self._keys: ServerKeys  # from `challenge` on

    def asked(self, client_first: str) -> str:
        """Read the client's first message: the user that it wants to be. Nothing is computed yet.

        Raises `ScramError`.
        """
        self._begin(0)
        found = _parse(_CLIENT_FIRST, client_first)
        if found["flag"] in ("n", "y"):
            raise ScramError(
                "server-does-support-channel-binding", "a code is only taken bound to this server's certificate"
            )
        if found["flag"].encode() + b",," != _GS2_HEADER:
            raise ScramError("unsupported-channel-binding-type", "the channel binding must be tls-server-end-point")
        if found["identity"]:
            raise ScramError("other-error", "nobody acts for somebody else here: the identity (a=) must be empty")
        if not MIN_NONCE <= len(found["nonce"]) <= MAX_NONCE:
            raise ScramError("other-error", f"the nonce must have {MIN_NONCE} to {MAX_NONCE} characters")
        self.user = found["user"]
        self._client_first_bare = found["bare"]
        self._nonce = found["nonce"] + self._nonce
        self._step = 1
        return self.user

    def challenge(self) -> str:
        """The server's first message."""
        self._begin(1)
        self._keys = self._credentials.find(self.user)
        self._server_first = f"r={self._nonce},s={packed(self._keys.salt)},i={self._keys.iterations}"
        self._step = 2
        return self._server_first

    def verify(self, client_final: str) -> str:
        """Read the client's proof: the server's second message, its own.

        Raises `ScramError` (``bad_code``): ``invalid-proof`` if the client does not know the code, and
        ``channel-bindings-dont-match`` if it does and was shown another certificate: somebody stands between.
        """
        self._begin(2)
        found = _parse(_CLIENT_FINAL, client_final)
        if not hmac.compare_digest(found["nonce"], self._nonce):
            raise ScramError("other-error", "the proof does not belong to this conversation")
        said = _auth_message(self._client_first_bare, self._server_first, found["bare"])
        proof, binding = _bytes(found["proof"]), _bytes(found["binding"])
        if len(proof) != SIZE:
            raise ScramError("invalid-encoding", f"the proof must have {SIZE} bytes")
        client_key = _xor(proof, hmac.digest(self._keys.stored_key, said, HASH))
        if not hmac.compare_digest(stored_key_of(client_key), self._keys.stored_key):
            raise ScramError("invalid-proof", "this is not the code", "bad_code")
        if not hmac.compare_digest(binding, _GS2_HEADER + self._binding):
            raise ScramError(
                "channel-bindings-dont-match",
                "the code is right, but you were shown another certificate than this server's: a program between "
                "you and the server reads along",
                "bad_code",
            )
        self.proven = True
        return f"v={packed(hmac.digest(self._keys.server_key, said, HASH))}"


def _new_nonce() -> str:
    return secrets.token_urlsafe(18)


def _parse(grammar: Pattern[str], message: str) -> Match[str]:
    if len(message) > MAX_MESSAGE:
        raise ScramError("other-error", f"the message has {len(message)} characters; at most {MAX_MESSAGE} are taken")
    if _MANDATORY_EXTENSION.search(message):
        raise ScramError("extensions-not-supported", "the message wants an extension (m=), and there is none here")
    found = grammar.fullmatch(message)
    if found is None:
        raise ScramError("invalid-encoding", "the message is not as RFC 5802 says")
    return found


def _bytes(text: str) -> bytes:
    try:
        return unpacked(text)
    except ValueError:
        raise ScramError("invalid-encoding", "the message holds base64 that is not right") from None


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(SIZE, "big")


def _auth_message(client_first_bare: str, server_first: str, client_final_bare: str) -> bytes:
    """All that was said, as both sign it (RFC 5802, section 3)."""
    return f"{client_first_bare},{server_first},{client_final_bare}".encode("ascii")
