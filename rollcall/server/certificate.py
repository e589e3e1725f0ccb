"""The certificate by which clients know this server again.

A server is the fingerprint of its certificate: clients that met it once compare that and nothing else, no authority and
no date. So a certificate is made once and kept, and never silently replaced: a server that comes back with another one
is a stranger to every client in the room. What is wrong with a file is said, with what to do about it.

The server's own certificate stands with its key in one file (``NAME.pem``, mode 0600, in the folder of the server's
data), which is written whole or not at all. To make it takes the package ``cryptography``; to use it, as to use one
that was brought along (`given_certificate`), only what comes with Python. No state, no threads; ``ssl`` and
``cryptography`` are imported when they are needed.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import errno
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from rollcall.program import files
from rollcall.program.os_errors import file_reason
from rollcall.wire.binding import fingerprint, grouped
from rollcall.wire.text import printable

if TYPE_CHECKING:
    import ssl

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

PEM_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s(.+?)-----END CERTIFICATE-----", re.DOTALL)

LARGEST_FILE = 256 * 1024
"""Bytes of a PEM file; a long chain has 10 KiB. Whatever is larger is something else."""

NOT_BEFORE = datetime.datetime(1970, 1, 1)
NOT_AFTER = datetime.datetime(9999, 12, 31, 23, 59, 59)
"""A clock whose battery is dead says 1970 or 2000; RFC 5280, 4.1.2.5 has the second for "no date at all"."""


class CertificateError(Exception):
    """There is no certificate to be had. ``str(error)`` says what is wrong and what to do, in a sentence or two."""


class CannotRead(CertificateError):
    """A file cannot be read now: somebody holds it open, or this user may not read it. What is in it may be whole."""


class CannotMake(CertificateError):
    """There is none yet, and the package that makes one is not installed."""


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, which belong together and can be used."""

    file: Path
    key_file: Optional[Path]  # None: the first file holds both
    der: bytes
    fingerprint: str

    @property
    def grouped(self) -> str:
        """The fingerprint for people, in groups of four."""
        return grouped(self.fingerprint)

    def context(self) -> ssl.SSLContext:
        """What the server's TLS connections are made from. Raises `CertificateError`."""
        _need_ssl()
        return _context(self.file, self.key_file)


def own_certificate(folder: Path, name: str, check: bool = True) -> Certificate:
    """The certificate ``name`` of this server, made and kept in ``folder`` if it is not there yet.

    One for each configured server: ``name`` says which, and is part of the file's name. Without ``check`` TLS is not
    loaded, which takes 11 ms and 1.9 MiB, and whether the certificate can be used is for `Certificate.context` to find
    out. Raises `CertificateError`; `CannotMake` if ``cryptography`` would be needed.
    """
    if not SAFE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a file")
    if check:
        _need_ssl()
    file = folder / f"{name}.pem"
    try:
        if not file.exists():
            _write_once(file, _make())
        if os.name != "nt" and file.stat().st_mode & 0o077:
            file.chmod(0o600)  # it holds the key
    except OSError as error:
        why = error.strerror or str(error)
        raise CertificateError(
            f"{_shown(file)}: the certificate of this server cannot be kept there: {why}. "
            "The folder must be one that the server may write to."
        ) from None
    try:
        return _load(file, None, check)
    except CannotRead as error:
        raise CannotRead(
            f"{error} Nothing in it is known to be wrong, so it stays as it is: close what has it open, or let the "
            "server's user read it, and start the server again."
        ) from None
    except CertificateError as error:
        raise CertificateError(
            f"{error} Clients know this server by it: put the file back from a copy. Or delete it: then the server "
            "makes a new one, and to clients that met it before it is a server that they do not know."
        ) from None


def given_certificate(file: Path, key_file: Optional[Path]) -> Certificate:
    """A certificate that somebody brought along: PEM files (RFC 7468), the server's own certificate first. Without
    ``key_file`` the first holds both. Raises `CertificateError`."""
    _need_ssl()
    return _load(file, key_file)


def _need_ssl() -> None:
    try:
        import ssl  # noqa: F401
    except ImportError:
        raise CertificateError(
            "this Python has no TLS (its module ssl is missing): run the server with another Python."
        ) from None


# --- reading ------------------------------------------------------------------------------------------------------


def _load(file: Path, key_file: Optional[Path], check: bool = True) -> Certificate:
    text = _read(file)
    match = PEM_CERTIFICATE.search(text)
    if match is None:
        there = "it holds a key" if "PRIVATE KEY-----" in text else "it is damaged or something else"
        raise CertificateError(
            f"{_shown(file)}: there is no certificate in this file: {there}. "
            'It must be in PEM form, text that has a line "-----BEGIN CERTIFICATE-----".'
        )
    key_text = text if key_file is None else _read(key_file)
    where = file if key_file is None else key_file
    if "PRIVATE KEY-----" not in key_text:
        raise CertificateError(
            f"{_shown(where)}: there is no private key in this file. "
            'It must be in PEM form, text that has a line "-----BEGIN PRIVATE KEY-----".'
        )
    if "ENCRYPTED" in key_text:
        raise CertificateError(
            f"{_shown(where)}: the key is protected by a password, and a server that starts by itself can ask nobody. "
            "Take the password off (openssl pkey -in OLD -out NEW) and let only the server read the file."
        )
    try:
        der = base64.b64decode("".join(match.group(1).split()), validate=True)
    except binascii.Error:
        raise CertificateError(f"{_shown(file)}: the certificate is damaged.") from None
    if check:
        _context(file, key_file)
    return Certificate(file, key_file, der, fingerprint(der))


def _read(file: Path) -> str:
    try:
        return files.read(file, LARGEST_FILE).decode("ascii", "replace")
    except OSError as error:
        kind = CertificateError if error.errno in (errno.EISDIR, errno.EINVAL) else CannotRead  # what is no file
        raise kind(f"{_shown(file)}: cannot be read: {file_reason(error)}.") from None


def _context(file: Path, key_file: Optional[Path]) -> ssl.SSLContext:
    import ssl

    from rollcall.wire.secure import server_context

    try:
        return files.patiently(lambda: server_context(str(file), None if key_file is None else str(key_file)))
    except ssl.SSLError as error:
        reason = error.reason or ""
        if reason == "KEY_VALUES_MISMATCH":
            text = "the key does not belong to the certificate; take the two that were made together"
        elif reason.endswith("_TOO_SMALL") or reason.endswith("_TOO_WEAK"):
            text = "too weak to be safe today; it takes a key of 2048 bits (RSA) or 256 (EC), and SHA-256"
        else:
            text = f"the certificate or its key is damaged ({reason.lower().replace('_', ' ') or 'unreadable'})"
        where = _shown(file) if key_file is None else f"{_shown(file)}, {_shown(key_file)}"
        raise CertificateError(f"{where}: {text}.") from None
    except OSError as error:
        raise CannotRead(f"{_shown(file)}: cannot be read: {file_reason(error)}.") from None


def _shown(file: Path) -> str:
    return printable(str(file), 300)


# --- making -------------------------------------------------------------------------------------------------------


def _make() -> bytes:
    """A new key (P-256, FIPS 186-4) and its certificate, signed by itself, as PEM."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        more = "" if isinstance(error, ModuleNotFoundError) else f" ({printable(str(error), 200)})"
        what = f'to make a certificate takes the package "cryptography"{more}'
        if getattr(sys, "frozen", False):
            raise CannotMake(f"{what}, and this program was built without it") from None
        python = printable(sys.executable or "python", 300)
        raise CannotMake(f"{what}; install it: {python} -m pip install cryptography") from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rollcall")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _write_once(file: Path, data: bytes) -> None:
    """Write the file whole or not at all, and never over one that is there: two servers may start at once."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)  # 0600 from the start
    try:
        with open(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(part, file)
        except FileExistsError:
            pass  # the other server was faster: its certificate is the one
        except OSError:
            files.move(Path(part), file)  # a file system without links, such as FAT
    finally:
        with contextlib.suppress(OSError):
            files.remove(Path(part))  # it holds the key
