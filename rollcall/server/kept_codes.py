"""What a server keeps of its codes from one start to the next: the file ``NAME.json`` in the folder of its data.

Clients keep the keys that they derived of a code, for its salt and count. So these stay as long as the code does, and a
code that the server made itself (``join_code = "auto"``) stays until somebody deletes the file. It holds what can
check a proof, not the codes themselves, but for that one, which is on the board anyway; it is a secret all the same
(mode 0600). A file that is damaged is put aside and told: new salts are no harm, and a new code must be seen. One that
cannot be read, which says nothing about what is in it, stays as it is: this run keeps nothing.

No threads and no state.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from rollcall.program import files
from rollcall.wire.codes import UnfitCode, join_code
from rollcall.wire.scram_keys import SIZE, ServerKeys, packed, unpacked
from rollcall.wire.text import printable

LARGEST_FILE = 64 * 1024


@dataclass
class KeptCodes:
    """``keys`` by user name; ``join_code`` is the one that the server made, or empty; ``substitute_until`` is Unix
    time: when the keys of the user ``substitute`` are worth nothing any more. ``secret`` is for `Credentials`."""

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(SIZE), repr=False)
    keys: Dict[str, ServerKeys] = field(default_factory=dict)
    join_code: str = field(default="", repr=False)
    substitute_until: float = 0.0

    def to_text(self) -> str:
        """For a file of mode 0600."""
        content: Dict[str, Any] = {
            "secret": packed(self.secret),
            "keys": {user: keys.to_text() for user, keys in self.keys.items()},
            "join_code": self.join_code,
            "substitute_until": self.substitute_until,
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_text(cls, text: str) -> KeptCodes:
        """What `to_text` wrote. Raises ValueError."""
        try:
            content = json.loads(text)
            secret = unpacked(content["secret"])
            keys = {str(user): ServerKeys.from_text(known) for user, known in content["keys"].items()}
            code, until = content["join_code"], float(content["substitute_until"])
            if code:
                join_code(code)
        except (KeyError, TypeError, AttributeError, RecursionError, UnfitCode) as error:
            raise ValueError("it is not what the server wrote") from error
        if len(secret) != SIZE or not isinstance(code, str):
            raise ValueError("it is not what the server wrote")
        return cls(secret, keys, code, until)


def read(file: Path, warn: Callable[[str], None]) -> Optional[KeptCodes]:
    """What is kept in ``file``: nothing if it is not there, or was put aside as damaged; None if it is there and cannot
    be read, and then must not be written over. ``warn`` gets a sentence if it is there and of no use."""
    try:
        return KeptCodes.from_text(files.read(file, LARGEST_FILE).decode("utf-8"))
    except FileNotFoundError:
        return KeptCodes()
    except OSError as error:
        warn(
            f"{_said(file, error.strerror or str(error))} until the file can be read again; it is left as it is. "
            "Close what has it open, or let the server's user read it, and start the server again"
        )
        return None
    except ValueError:  # UnicodeDecodeError and JSONDecodeError, too
        warn(_said(file, "it is damaged"))
    try:
        files.put_aside(file, ".damaged")
    except OSError:
        pass  # then `write` fails as well, and says so
    return KeptCodes()


def _said(file: Path, why: str) -> str:
    return (
        f"{printable(str(file), 300)}: what was kept of this room's codes cannot be read ({why}). "
        "Clients have to derive their keys again, and a code that the server made itself is a new one"
    )


def write(file: Path, kept: KeptCodes, warn: Callable[[str], None]) -> None:
    """Keep it. A file that cannot be written costs clients half a second at the next start, and is told."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(file, kept.to_text().encode("utf-8"))
    except OSError as error:
        warn(
            f"{printable(str(file), 300)}: this room's codes cannot be kept there: {error.strerror or error}. "
            "After the next start clients have to derive their keys again, and a code of the server's own is a new one"
        )
