"""What a room can check and prove: its codes, its certificate, and the key for whoever sits at this machine.

`room_keys` makes a `RoomKeys` of the settings before the server listens: whatever is wrong stops it there, with a
sentence that says what to do. An open room needs nothing of all this and pays for nothing: its certificate is looked at
only as far as its fingerprint goes, and TLS is loaded when the first client asks for it. A room with a code has
everything ready, or does not start.

Codes stand here as keys only (`rollcall.wire.scram_keys`), derived at the start (0.4 s each) and kept from one start to
the next (`rollcall.server.kept_codes`). A substitute's code is derived in the thread of the teacher who asks for it.

No lock: what changes after the start (the context of TLS, a substitute) is one reference that is put in place whole.
"""

from __future__ import annotations

import datetime
import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Optional, Tuple

from rollcall.program import files
from rollcall.server import kept_codes
from rollcall.server.certificate import (
    CannotMake,
    CannotRead,
    Certificate,
    CertificateError,
    given_certificate,
    own_certificate,
)
from rollcall.server.kept_codes import KeptCodes
from rollcall.server.settings import AUTO, ServerConfig
from rollcall.wire.binding import NoBinding, end_point
from rollcall.wire.codes import fold, new_code, substitute_code
from rollcall.wire.messages import NOBODY, SUBSTITUTE, THIS_MACHINE
from rollcall.wire.own_machine import OwnMachine, file_name
from rollcall.wire.scram import CLASS, TEACHER
from rollcall.wire.scram_keys import MIN_ITERATIONS, Credentials, derive_server_keys
from rollcall.wire.text import printable

if TYPE_CHECKING:
    import ssl

Warn = Callable[[str], None]


class KeysError(Exception):
    """The room cannot be opened like this. ``str(error)`` says what is wrong and what to do."""


class RoomKeys:
    """The keys of one run of the server. Thread-safe. Without arguments: an open room without TLS, for tests.

    ``closed``: members need the code. ``teacher`` says what makes a teacher, one of `rollcall.wire.messages.PROOFS`.
    ``shown_code`` is the join code for people. ``own_machine`` is there once `let_in_own_machine` has written it.
    ``iterations`` are fewer in tests only.
    """

    def __init__(
        self,
        kept: Optional[KeptCodes] = None,
        certificate: Optional[Certificate] = None,
        shown_code: str = "",
        teacher: str = THIS_MACHINE,
        file: Optional[Path] = None,
        warn: Warn = lambda text: None,
        iterations: int = MIN_ITERATIONS,
    ) -> None:
        self._kept = KeptCodes() if kept is None else kept
        self._file = file
        self._warn = warn
        self._iterations = iterations
        self._tls: Optional[Tuple[ssl.SSLContext, bytes]] = None
        self._is_told = False  # that the certificate cannot be read now
        self.certificate = certificate
        self.shown_code = shown_code
        self.teacher = teacher
        self.closed = CLASS in self._kept.keys
        self.has_teacher_code = TEACHER in self._kept.keys
        self.own_machine: Optional[OwnMachine] = None
        self._own_file: Optional[Path] = None

    # --- TLS ------------------------------------------------------------------------------------------------------

    def tls(self) -> Optional[Tuple[ssl.SSLContext, bytes]]:
        """What TLS connections are made from, and the channel binding of this server; None if it has no TLS."""
        if self._tls is None and self.certificate is not None:
            try:
                self._tls = self.certificate.context(), end_point(self.certificate.der)
            except CannotRead as error:  # now: the next who asks for TLS may have it
                if not self._is_told:
                    self._is_told = True
                    self._warn(f"{error} Until it can be read this server offers no TLS.")
            except (CertificateError, NoBinding) as error:  # never in a room with a code: see `_certificate`
                self._warn(f"{error} This server offers no TLS.")
                self.certificate = None
        return self._tls

    # --- codes ----------------------------------------------------------------------------------------------------

    def credentials(self) -> Credentials:
        """What an exchange that begins now is checked with."""
        kept = self._kept
        keys = {user: known for user, known in kept.keys.items() if user != SUBSTITUTE or self.substitute_is_valid()}
        return Credentials(keys, kept.secret)

    def substitute_is_valid(self) -> bool:
        """Whether the substitute's day goes on, by the clock on the wall: the code is good until midnight."""
        return SUBSTITUTE in self._kept.keys and time.time() < self._kept.substitute_until

    def new_substitute(self) -> str:
        """A code for a substitute, until midnight; the one before ends. Takes 0.4 s: for a thread of its own."""
        code = substitute_code()
        keys = derive_server_keys(fold(code), iterations=self._iterations)
        tomorrow = datetime.date.today() + datetime.timedelta(days=1)
        until = datetime.datetime.combine(tomorrow, datetime.time()).timestamp()
        before = self._kept
        self._kept = replace(before, keys={**before.keys, SUBSTITUTE: keys}, substitute_until=until)
        if self._file is not None:
            kept_codes.write(self._file, self._kept, self._warn)
        return code

    # --- this machine ---------------------------------------------------------------------------------------------

    def let_in_own_machine(self, folder: Optional[Path], port: int, epoch: str) -> None:
        """Write the key for whoever sits here. Where it cannot be written nobody is let in for that."""
        if folder is None:
            return
        file = folder / file_name(port)
        ours = OwnMachine.new(epoch, "" if self.certificate is None else self.certificate.fingerprint)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if file.is_symlink():  # it was put there for us to write over something else
                files.remove(file)
            files.replace(file, ours.to_text().encode("ascii"))
        except OSError as error:
            why = error.strerror or str(error)
            where = printable(str(file), 300)
            self._warn(f"{where}: cannot be written ({why}): the window on this machine is nobody special")
            return
        self.own_machine, self._own_file = ours, file

    def forget_own_machine(self) -> None:
        """Remove the file at the end, unless another server has written its own there."""
        file, ours = self._own_file, self.own_machine
        self.own_machine = self._own_file = None
        if file is None or ours is None:
            return
        try:
            if files.read(file, 4096) == ours.to_text().encode("ascii"):
                files.remove(file)
        except OSError:
            pass  # it says nothing any more anyway

    # --- for people -----------------------------------------------------------------------------------------------

    def describe(self) -> List[str]:
        """The lines of the start that say who can come in, and as what."""
        if self.closed:
            lines = [f"This room is closed: to join takes the code {printable(self.shown_code)}"]
        else:
            lines = ["This room is open: whoever reaches this server can join, without a code"]
        if self.certificate is None:
            lines.append("No TLS: nothing that passes is encrypted")
        else:
            lines.append(f"Certificate: {self.certificate.grouped}")
        return lines

    def how_to_teach(self) -> str:
        """What somebody is told who wants to be a teacher and has proven nothing."""
        ways = []
        if self.has_teacher_code:
            ways.append("with the teacher's code")
        if self.teacher == THIS_MACHINE:
            ways.append("in the window on the server's own machine")
        return f"a teacher joins {' or '.join(ways)}" if ways else "this server takes no teachers"


# --- the start ----------------------------------------------------------------------------------------------------


def room_keys(config: ServerConfig, folder: Optional[Path], warn: Warn, iterations: int = MIN_ITERATIONS) -> RoomKeys:
    """The keys that these settings ask for. ``folder`` is that of the server's data, or None if there is none; ``warn``
    gets a sentence about what goes wrong and stops nothing. Raises `KeysError`."""
    name = server_name_of(config)
    trouble = "" if folder is None else files.keep_to_ourselves(folder)
    if trouble:
        warn(f"{printable(str(folder), 300)}: {trouble}. Whoever can could put a code and keys of his own there")
    certificate = _certificate(config, folder, name, warn)
    file = None if folder is None else folder / f"{name}.json"
    before = KeptCodes() if file is None else kept_codes.read(file, warn)
    if before is None:  # it is there, and may be whole
        before, file = KeptCodes(), None
    kept = KeptCodes(before.secret, {}, before.join_code if config.join_code == AUTO else "", before.substitute_until)
    if config.join_code == AUTO and not kept.join_code:
        kept.join_code = new_code()
    shown = kept.join_code or config.join_code
    for user, code in ((CLASS, shown), (TEACHER, config.teacher_code)):
        if code:
            kept.keys[user] = derive_server_keys(fold(code), before.keys.get(user), iterations)
    if config.teacher != NOBODY and SUBSTITUTE in before.keys and before.substitute_until > time.time():
        kept.keys[SUBSTITUTE] = before.keys[SUBSTITUTE]
    if file is not None and kept != before:
        kept_codes.write(file, kept, warn)
    return RoomKeys(kept, certificate, shown, config.teacher, file, warn, iterations)


def server_name_of(config: ServerConfig) -> str:
    """The name under which this configured server keeps what is its own: the same at each start, and another for each
    settings file that ``--config`` names and each port. What the program has beside it may move with the program."""
    if config.file is None or not config.file_named:
        return f"server-{config.port}"
    path = str(config.file.resolve()).encode("utf-8", "surrogateescape")
    return f"server-{config.port}-{hashlib.sha256(path).hexdigest()[:12]}"


def _certificate(config: ServerConfig, folder: Optional[Path], name: str, warn: Warn) -> Optional[Certificate]:
    """The certificate, or None where none is needed and there is none."""
    needed = "join_code" if config.join_code else "teacher_code" if config.teacher_code else ""
    try:
        if config.tls_certificate:
            key = config.path_of(config.tls_key) if config.tls_key else None
            given = given_certificate(config.path_of(config.tls_certificate), key)
            end_point(given.der)
            return given
        if folder is not None:
            return own_certificate(folder, name, check=bool(needed))
        why = "this user has no folder to keep a certificate in: set HOME, or tls_certificate"
    except CannotMake as error:
        why = str(error)
        if not needed:
            return None
    except (CertificateError, NoBinding) as error:
        if needed or config.tls_certificate:
            raise KeysError(str(error)) from None
        warn(f"{error} Until then this server offers no TLS.")
        return None
    if not needed:
        return None
    if needed == "teacher_code":
        why += ", or open the window on this machine, which needs no teacher_code"
    raise KeysError(f"{needed} needs TLS: {why}")
