"""A TLS 1.3 client whose records are made here, one by one: empty ones, key updates, alerts, whatever breaks rules.

The handshake is done by `ssl`; afterwards what the client sends is encrypted here, with the keys that `ssl` writes into
a key log (RFC 8446, 5.2 to 5.4 and 7.1 to 7.3). What the server sends is still read by `ssl`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import select
import socket
import ssl
import struct
from pathlib import Path
from typing import Tuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rollcall.wire.secure import client_context
from tests.helpers import PATIENCE

ALERT, HANDSHAKE, DATA = 21, 22, 23
CLOSE_NOTIFY, INTERNAL_ERROR = b"\x01\x00", b"\x02\x50"
KEY_UPDATE = b"\x18\x00\x00\x01\x01"
"""With the request that the peer updates its key as well (RFC 8446, 4.6.3)."""


def shake(sock: socket.socket, context: ssl.SSLContext) -> Tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """A client's handshake, whose last bytes are still to be sent: they are in the second of the buffers."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    while True:
        try:
            tls.do_handshake()
            return tls, incoming, outgoing
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))


class RawTls:
    """A TLS client on ``sock``; constructing it does the handshake. ``folder`` is for the key log."""

    def __init__(self, sock: socket.socket, folder: Path) -> None:
        self.socket = sock
        sock.settimeout(PATIENCE)
        context = client_context()
        log = folder / "keys"
        context.keylog_filename = str(log)
        self.tls, self._in, out = shake(sock, context)
        sock.sendall(out.read())
        cipher = self.tls.cipher()
        assert self.tls.version() == "TLSv1.3" and cipher is not None
        self._hash = "sha384" if cipher[0].endswith("SHA384") else "sha256"
        self._key_size = 32 if "AES_256" in cipher[0] else 16
        secret = re.findall(r"^CLIENT_TRAFFIC_SECRET_0 \w+ (\w+)$", log.read_text(), re.MULTILINE)[-1]
        self._use(bytes.fromhex(secret))

    def _use(self, secret: bytes) -> None:
        self._secret = secret
        self._aead = AESGCM(self._expand(b"key", self._key_size))
        self._iv = int.from_bytes(self._expand(b"iv", 12), "big")
        self._number = 0

    def _expand(self, label: bytes, length: int) -> bytes:
        """HKDF-Expand-Label without context; one block is always enough here."""
        label = b"tls13 " + label
        info = struct.pack("!HB", length, len(label)) + label + b"\x00"
        return hmac.new(self._secret, info + b"\x01", self._hash).digest()[:length]

    def record(self, content: bytes, kind: int = DATA) -> bytes:
        """The next record, encrypted."""
        inner = content + bytes([kind])
        head = struct.pack("!BHH", DATA, 0x0303, len(inner) + 16)
        nonce = (self._iv ^ self._number).to_bytes(12, "big")
        self._number += 1
        return head + self._aead.encrypt(nonce, inner, head)

    def key_update(self) -> bytes:
        """The record that tells of a new key and asks for one, after which the new key is used."""
        record = self.record(KEY_UPDATE, HANDSHAKE)
        self._use(self._expand(b"traffic upd", hashlib.new(self._hash).digest_size))
        return record

    def send(self, content: bytes, kind: int = DATA) -> None:
        self.socket.sendall(self.record(content, kind))

    def absorb(self) -> None:
        """Take from the kernel what has come, without looking at it."""
        while select.select([self.socket], [], [], 0)[0]:
            self._in.write(self.socket.recv(65536))

    def receive(self) -> bytes:
        """What the server says next; empty after its close_notify. ConnectionResetError if it cuts the stream."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                raw = self.socket.recv(65536)
                if not raw:
                    raise ConnectionResetError("cut") from None
                self._in.write(raw)
            except ssl.SSLZeroReturnError:
                return b""
