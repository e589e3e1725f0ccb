"""The one error for what a peer sends outside the protocol. The bottom of the house: it imports nothing of ours."""

from __future__ import annotations


class ProtocolError(ValueError):
    """The peer sent something outside the protocol.

    ``code`` is one of `ERROR_CODES`; ``str(error)`` is one sentence for a person that names the field and says
    what would be right. It never repeats unbounded or unescaped text of the peer.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
