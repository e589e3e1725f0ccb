"""Resume tokens: a member's id and a proof that we gave it to this device, so that none is ever stored.

A token is worth something in one run of the server (one epoch), and with the ``device_id`` with which it was given
only: whoever copies it to another machine has nothing.

The proof is keyed BLAKE2 (RFC 7693). An HMAC of OpenSSL would keep 3 KiB for each thread that ever made one. No threads
and no lock: a `Tokens` never changes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Optional

PROOF = 18
"""Bytes, of which nobody guesses 144 bits."""


class Tokens:
    """The tokens of one run of the server; those of another run, with another ``key``, are worth nothing here."""

    def __init__(self, key: Optional[bytes] = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key

    def of(self, member_id: int, device_id: str = "") -> str:
        """The token of this member on this device, the same each time."""
        said = f"{member_id} {device_id}".encode()
        proof = hashlib.blake2b(said, key=self._key, digest_size=PROOF).digest()
        return f"{member_id}." + base64.urlsafe_b64encode(proof).decode()

    def member_of(self, token: str, device_id: str = "") -> Optional[int]:
        """Whose token this is; None if it is none of ours, or of another device. Compared in constant time."""
        digits = token.partition(".")[0]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            return None
        member_id = int(digits)
        return member_id if hmac.compare_digest(token.encode(), self.of(member_id, device_id).encode()) else None
