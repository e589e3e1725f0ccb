"""Who sits at the server's own machine: whoever can read the file that the server writes there at each start.

The file (`file_name`, one for each port, mode 0600, in the folder of the server's data) holds a random key, the epoch
of that start and the fingerprint of the server's certificate (empty if it has none). A client that can read it proves
so in its ``register``, by an HMAC (RFC 2104) over the ``nonce`` that this connection was given in ``room``, the epoch
and, inside TLS, the channel binding of `rollcall.wire.binding`. So neither the key nor anything that could be used
again crosses the wire, and addresses decide nothing.

A client gives the proof to nobody but the server of the file (`OwnMachine.proof_for`): one that only looks like it
could pass the proof on. So a server that has a certificate takes it inside TLS only; one that has none is
only as safe as the way to it, which a client must know to be its own machine (a loopback address).

The server's side: `OwnMachine.new`, `to_text`, `proof`. The client's: `from_text`, `proof_for`. Both bring the file's
content themselves. No I/O, no threads, and no state that changes.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from dataclasses import dataclass, field

KEY_SIZE = 32
"""Bytes of the key."""

MAX_FILE = 4096
"""Bytes of the file that a client reads; there are about 250."""


@dataclass(frozen=True)
class OwnMachine:
    """What the file says. ``fingerprint`` is `rollcall.wire.secure.fingerprint` of the certificate, or empty."""

    key: bytes = field(repr=False)
    epoch: str
    fingerprint: str = ""

    @classmethod
    def new(cls, epoch: str, fingerprint: str = "") -> OwnMachine:
        """For a server that starts."""
        return cls(secrets.token_bytes(KEY_SIZE), epoch, fingerprint)

    @classmethod
    def from_text(cls, text: str) -> OwnMachine:
        """What `to_text` wrote. Raises ValueError if it is something else."""
        try:
            content = json.loads(text)
            key, epoch, fingerprint = content["key"], content["epoch"], content["fingerprint"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError("this is no key of a server") from None
        if not all(isinstance(value, str) for value in (key, epoch, fingerprint)):
            raise ValueError("this is no key of a server")
        if not re.fullmatch(rf"[0-9a-f]{{{2 * KEY_SIZE}}}", key) or not re.fullmatch(r"([0-9a-f]{64})?", fingerprint):
            raise ValueError("this is no key of a server")
        return cls(bytes.fromhex(key), epoch, fingerprint)

    def to_text(self) -> str:
        """For a file of mode 0600."""
        return json.dumps({"key": self.key.hex(), "epoch": self.epoch, "fingerprint": self.fingerprint}) + "\n"

    def proof(self, nonce: str, binding: bytes = b"") -> str:
        """The ``proof`` of ``register``, 64 digits. ``binding`` is that of the certificate; empty in the clear."""
        said = f"rollcall own machine\n{nonce}\n{self.epoch}\n{binding.hex()}"  # no line break is in any of them
        return hmac.digest(self.key, said.encode("utf-8"), "sha256").hex()

    def proof_for(self, nonce: str, epoch: str, fingerprint: str = "", binding: bytes = b"") -> str:
        """The proof for the server that said ``nonce`` and ``epoch`` and showed the certificate with this
        ``fingerprint`` and ``binding`` (both empty in the clear). Empty if that is not the server of this file."""
        if not nonce or (epoch, fingerprint) != (self.epoch, self.fingerprint):
            return ""
        return self.proof(nonce, binding)


def file_name(port: int) -> str:
    """The file in the folder of the server's data (`rollcall.program.folders.data_folder`), for the port that it
    listens on."""
    return f"own-machine-{port}.json"
