"""TLS for one peer's socket: a `Connection` whose bytes are encrypted, under the same rules.

An ``SSLSocket`` must not be shared by a thread that reads and one that writes: it corrupts the session. So TLS runs in
memory (`ssl.MemoryBIO`), and the socket stays an ordinary one: bytes come from the kernel outside the lock, as in the
clear, and are decrypted under it; what is encrypted goes out without waiting. The rules, and what keeps them:

- The backlog holds the plaintext, which many connections share. At most one record is encrypted ahead: its plaintext
  counts as sent when its last byte is with the kernel.
- A read can owe a write (the answer to a key update, an alert). It goes out with whatever is sent next, and is tried at
  once; a peer that makes us owe more than `MAX_OWED` bytes without taking them is hung up.
- Until the handshake is done nothing else is sent. Afterwards the last message is followed by close_notify, then by
  FIN; nobody waits for the peer's. A stream that ends without close_notify was cut: `OSError`, never an end.

A peer **is** the fingerprint of its certificate: no authority vouches for a machine in a classroom, so clients check no
chain, name or date. What they compare is `fingerprint`, and the code on the board is proven bound to the certificate.

Import this module where TLS is wanted, not before: ``ssl`` takes 10 ms and 4 MiB, and some Pythons have none.
"""

from __future__ import annotations

import errno
import math
import ssl
from collections import deque
from typing import Callable, Optional

from rollcall.wire.binding import fingerprint as fingerprint
from rollcall.wire.binding import grouped as grouped
from rollcall.wire.connection import BACKLOGGED, FAILED, SENT, Connection

ALPN = "rollcall/2"
"""What a client offers in its hello (RFC 7301). Whoever does not is a browser or a scanner."""

TLS_HELLO = 0x16
"""The first byte of a TLS client: a record that holds a message of the handshake (RFC 8446, 5.1)."""

RECORD = 1400
"""Bytes encrypted at once; TLS allows 16 KiB. What a record passes through, and a third more, stays in memory until
the connection ends, for each client that was ever sent a roster; the server's part of a handshake was as long already.
Besides, a record is in one packet of the network: its first byte can be read as soon as its last one."""

MAX_OWED = 16 * 1024
"""Bytes that TLS itself may owe a peer that does not take them. The answer to a key update is 27 bytes."""

MAX_HANDSHAKE = 64 * 1024
"""Bytes of the peer within which the handshake must be done; ours take 2 KiB, a long chain of certificates 10 KiB."""

_HANDSHAKE_SIZE = 2048
"""Bytes asked of the kernel at once during the handshake: the side for received bytes keeps what it ever held, too."""


_receive_raw = Connection.receive
_send_raw = Connection._send_some_locked


def _here(step: Callable[[], bool]) -> bool:
    return step()


class NotRollcall(ConnectionAbortedError):
    """The peer speaks TLS, but did not agree on `ALPN`: something else calls, or listens there."""


class PlainAnswer(ConnectionAbortedError):
    """In the place of a ServerHello came what begins a plain line: this server has no TLS.

    ``first`` are the bytes that came. Every other end of a handshake says nothing about what the server can do.
    """

    def __init__(self, first: bytes) -> None:
        super().__init__(errno.ECONNABORTED, "the server answered in the clear")
        self.first = first


def server_context(certificate: str, key: Optional[str] = None) -> ssl.SSLContext:
    """What every TLS connection of a server is made from. The arguments are paths of PEM files; without ``key`` the
    first holds both. Raises OSError, of which `ssl.SSLError` is one; a key with a password is never asked for it."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    # No resumption. OpenSSL still remembers TLS 1.2 sessions for five minutes, at most 20,480 of 1 KiB each.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.load_cert_chain(certificate, key, password="")
    return context


def client_context() -> ssl.SSLContext:
    """What every TLS connection of a client is made from; make it once."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(protocol: int) -> ssl.SSLContext:
    # Python itself lets OpenSSL release the buffers of connections that are idle (SSL_MODE_RELEASE_BUFFERS).
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | getattr(ssl, "OP_NO_RENEGOTIATION", 0)
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2; all those of 1.3 are of this kind
    context.set_alpn_protocols([ALPN])
    return context


class SecureConnection(Connection):
    """Takes over ``plain``, a connection in the clear of which at most ``first`` was read, and speaks TLS on it.

    `handshake` comes first, and waits in the reader's own thread. ``plain`` is not used any more, except that `hang_up`
    by whoever still holds it works. Everything else is as `Connection` says; a `receive` can be empty without being the
    end (`nothing_yet`), because it asks the kernel once, whether or not that completes a record.
    """

    __slots__ = (
        "_ahead", "_at_hand", "_context", "_ended", "_incoming", "_is_server", "_outgoing", "_ready",
        "_tls", "nothing_yet",
    )  # fmt: skip

    is_secure = True

    def __init__(self, plain: Connection, context: ssl.SSLContext, first: bytes = b"") -> None:
        super().__init__(
            plain._socket, plain.label, plain.session_id, plain._trace, plain._clock, plain.receive_size, plain.peer
        )
        self._is_server = context.protocol == ssl.PROTOCOL_TLS_SERVER
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._incoming.write(first)
        self._context: Optional[ssl.SSLContext] = context  # until the handshake begins
        self._tls: ssl.SSLObject
        self._ahead = 0  # bytes of plaintext in `_outgoing`, encrypted; they are the first of the backlog
        self._at_hand: Optional[bytes] = None  # what `receive` returns without asking the kernel
        self._ended = False  # the peer's close_notify was read
        self._ready = False
        self.nothing_yet = False
        self._finished = True  # nothing is sent before the handshake is done
        self._lock = plain._lock  # one descriptor, one lock: it must not be shut down by one and closed by the other
        with self._lock:
            plain._finished = True  # not a word in the clear from now on

    @property
    def peer_certificate(self) -> bytes:
        """The server's certificate (DER), for a client after the handshake."""
        return self._tls.getpeercert(binary_form=True) or b""

    def describe(self) -> str:
        """The version of TLS and the cipher, for a log: ``TLSv1.3 TLS_AES_256_GCM_SHA384``."""
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else ''}"

    # --- the reader's thread ----------------------------------------------------------------------------------

    def handshake(self, deadline: float = math.inf, compute: Callable[[Callable[[], bool]], bool] = _here) -> None:
        """Wait until both sides have agreed on keys, at most until ``deadline`` of this connection's clock. The waiting
        is done here; ``compute`` calls each step, which never waits, in a thread of its choice.

        Raises `PlainAnswer` (a client only), `NotRollcall`, TimeoutError, or another OSError when it failed or was hung
        up. Whatever it was, the connection can only be closed then.
        """
        received = self._incoming.pending
        while not compute(self._step):
            if deadline != math.inf and not self._readable_within(deadline - self._clock()):
                raise TimeoutError(errno.ETIMEDOUT, "the TLS handshake took too long")
            raw = self._socket.recv(_HANDSHAKE_SIZE)
            if not raw:
                raise ConnectionResetError(errno.ECONNRESET, "the connection ended within the TLS handshake")
            if not self._is_server and not received and raw[:1] == b"{":
                raise PlainAnswer(raw)
            received += len(raw)
            if received > MAX_HANDSHAKE:
                raise ConnectionAbortedError(errno.ECONNABORTED, "the TLS handshake has no end")
            with self._lock:
                self._incoming.write(raw)

    def _step(self) -> bool:
        """One step of the handshake; True when it is done."""
        with self._lock:
            done = True
            try:
                if self._context is not None:  # only now: the session is of the thread that computes
                    self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_side=self._is_server)
                    self._context = None
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            except ssl.SSLError as error:
                raise self._failure_locked(error) from None
            self._push_locked()
            if self._broken:
                raise ConnectionAbortedError(errno.ECONNABORTED, "hung up within the TLS handshake")
            if not done:
                return False
            self._ready = True
            if self._tls.selected_alpn_protocol() != ALPN:
                raise NotRollcall(errno.ECONNABORTED, f"the peer speaks TLS without {ALPN}")
            self._finished = self._ending
            data = self._decrypt_locked(RECORD)  # the peer's first lines may have come with the last of its handshake
            self._at_hand = data if data or self._ended else None
            return True

    def receive(self) -> bytes:
        """Wait once for bytes of the peer, and decrypt what is whole. Empty at the end of the stream, after `hang_up`,
        and when no record is complete: then `nothing_yet` is True.

        Raises OSError when the connection broke; so it did if the stream ended without close_notify.
        """
        if self._at_hand is not None:
            data, self._at_hand = self._at_hand, b"" if self._ended else None
            self.nothing_yet = False
            return data
        raw = _receive_raw(self)
        with self._lock:
            if raw:
                self._incoming.write(raw)
                data = self._decrypt_locked(len(raw))
                if self._ended:
                    self._at_hand = b""
                self.nothing_yet = not (data or self._ended)
                return data
            self.nothing_yet = False
            if self._broken:
                return b""  # by hang_up
            self._broken = True
            raise ConnectionResetError(errno.ECONNRESET, "the connection was cut: it ended without close_notify")

    def _decrypt_locked(self, size: int) -> bytes:
        """What the last ``size`` bytes that came complete. What TLS owes the peer afterwards is sent, or waits for the
        next send."""
        data = b""
        try:
            while size:
                part = self._tls.read(size)
                if not part:
                    self._ended = True
                    break
                data = data + part if data else part
                # A heartbeat is one record; to read once more only to be told that there is no other costs as much.
                size = (len(part) == size and self._tls.pending()) or self._incoming.pending
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = True
        except ssl.SSLError as error:
            raise self._failure_locked(error) from None
        if self._outgoing.pending and not self._push_locked() and self._outgoing.pending - self._ahead > MAX_OWED:
            self._broken = True
            raise ConnectionAbortedError(errno.ECONNABORTED, "the peer makes TLS answer and takes no answers")
        return data

    def _failure_locked(self, error: ssl.SSLError) -> OSError:
        """The session is lost: tell the peer by an alert, if it is taken at once, and send nothing any more."""
        self._push_locked()
        self._broken = True
        reason = error.reason or error.strerror or "failed"
        return ConnectionAbortedError(errno.ECONNABORTED, f"TLS: {reason.lower().replace('_', ' ')}")

    # --- any thread -------------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """End the conversation in both directions, from any thread; a blocked `receive` returns empty."""
        self._say_goodbye()
        super().hang_up()

    def close(self) -> None:
        """Give the descriptor back. Only when no other thread and no selector uses it."""
        self._say_goodbye()
        super().close()

    def _say_goodbye(self) -> None:
        """close_notify, where nothing is in its way: behind half a line it would call a cut stream a whole one."""
        with self._lock:
            if not self._broken and self._backlog is None:
                self._close_notify_locked()
                self._push_locked()

    def _close_notify_locked(self) -> None:
        if self._ready:
            try:
                self._tls.unwrap()  # the second time it writes nothing
            except ssl.SSLError:
                pass  # it wants to read the peer's, which nobody waits for

    def _end_locked(self) -> int:
        self._close_notify_locked()
        if not self._push_locked():
            if self._broken:
                return FAILED
            self._backlog = deque()  # empty: nothing of ours is left, but `flush` has to come again
            self._moved_at = self._clock()
            return BACKLOGGED
        return super()._end_locked()

    def send(self, data: bytes, last: bool = False, if_free: bool = False) -> int:
        """Send without ever waiting: see `Connection.send`."""
        if len(data) > RECORD or last or self._trace is not None:
            return super().send(data, last, if_free)
        # Nearly all that is sent is a pong with nothing in its way. It takes the same steps in fewer calls.
        with self._lock:
            if not (self._finished or self._broken or self._backlog is not None):
                try:
                    self._tls.write(data)
                except ssl.SSLError:
                    self._broken = True  # after an alert: the reader has read it or is about to
                    return FAILED
                sealed = self._outgoing.read()  # behind what TLS owes, if it owes anything
                taken = _send_raw(self, sealed)
                if taken == len(sealed):
                    return SENT
                if taken < 0:
                    return FAILED
                self._outgoing.write(sealed[taken:])  # as in `_push_locked`
                self._ahead = len(data)
                return self._keep_locked(memoryview(data))
        return super().send(data, False, if_free)

    def _send_some_locked(self, data: bytes | memoryview) -> int:
        """How many bytes went out encrypted, to the last byte of their record; 0 if none, -1 if the connection broke.
        Whoever gets less than all comes back with the rest, which begins with what is encrypted ahead."""
        taken = 0
        while not self._outgoing.pending or self._push_locked():
            taken += self._ahead
            self._ahead = 0
            if taken == len(data):
                return taken
            try:
                # What is encrypted ahead is whole records, so whoever comes back with at most one is at its beginning.
                self._ahead = self._tls.write(data if len(data) <= RECORD else memoryview(data)[taken : taken + RECORD])
            except ssl.SSLError:
                self._broken = True  # after an alert: the reader has read it or is about to
                break
            if not self._push_locked():
                break
        return -1 if self._broken else taken

    def _push_locked(self) -> bool:
        """Give the kernel what is encrypted. True if it has all of it."""
        if self._outgoing.pending and not self._broken:
            sealed = self._outgoing.read()
            taken = _send_raw(self, sealed)
            if taken > 0 and self._backlog is not None:
                self._moved_at = self._clock()
            if 0 <= taken < len(sealed):
                # Back to where it was, which is empty now and has the room. As an object of its own it would cost a
                # stuck client two pages: it would lie in the gap that OpenSSL's own buffer of 16 KiB has just left.
                self._outgoing.write(sealed[taken:])
                return False
        return not self._broken
