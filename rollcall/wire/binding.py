"""What ties a proof to one server's certificate: the channel binding ``tls-server-end-point`` (RFC 5929, section 4).

It is the hash of the certificate, by the hash function of the certificate's own signature, or SHA-256 where that is MD5
or SHA-1. Both ends compute it: the server from the certificate that it shows, the client from the one that it was
shown. Whoever stands between them with a certificate of his own gets proofs that nobody takes.

Python's ssl does not tell how a certificate is signed, and the client has nothing but the standard library, so
`end_point` reads the one field itself. The certificate comes from a stranger: every length is checked against what
is there, only definite lengths are taken (DER, X.690 section 10.1), nothing recurses, and nothing but the algorithm of
the signature is looked at. No state, no threads.
"""

from __future__ import annotations

import hashlib
from typing import Dict, Tuple

MAX_CERTIFICATE = 64 * 1024
"""Bytes. Ours have about 500, and those of authorities a few thousand."""

_SEQUENCE, _OID, _EXPLICIT_0, _EXPLICIT_1 = 0x30, 0x06, 0xA0, 0xA1

_PKCS_1 = bytes.fromhex("2a864886f70d0101")  # 1.2.840.113549.1.1
_ECDSA = bytes.fromhex("2a8648ce3d04")  # 1.2.840.10045.4
_NIST_HASH = bytes.fromhex("6086480165030402")  # 2.16.840.1.101.3.4.2
_NIST_SIGNATURE = bytes.fromhex("6086480165030403")  # 2.16.840.1.101.3.4.3
_RSA_PSS = _PKCS_1 + b"\x0a"
_MGF_1 = _PKCS_1 + b"\x08"

# RFC 3279, 4055, 5754, 5758: the hash function that an algorithm of signature names.
_HASH_OF_SIGNATURE: Dict[bytes, str] = {
    _PKCS_1 + b"\x04": "md5",
    _PKCS_1 + b"\x05": "sha1",
    _PKCS_1 + b"\x0b": "sha256",
    _PKCS_1 + b"\x0c": "sha384",
    _PKCS_1 + b"\x0d": "sha512",
    _PKCS_1 + b"\x0e": "sha224",
    _ECDSA + b"\x01": "sha1",
    _ECDSA + b"\x03\x01": "sha224",
    _ECDSA + b"\x03\x02": "sha256",
    _ECDSA + b"\x03\x03": "sha384",
    _ECDSA + b"\x03\x04": "sha512",
    _NIST_SIGNATURE + b"\x01": "sha224",  # DSA
    _NIST_SIGNATURE + b"\x02": "sha256",
}
_HASHES: Dict[bytes, str] = {
    bytes.fromhex("2b0e03021a"): "sha1",  # 1.3.14.3.2.26
    _NIST_HASH + b"\x01": "sha256",
    _NIST_HASH + b"\x02": "sha384",
    _NIST_HASH + b"\x03": "sha512",
    _NIST_HASH + b"\x04": "sha224",
}
_PSS_DEFAULT = "sha1"  # where the parameters name none (RFC 4055, section 3.1)
_TOO_WEAK = frozenset(("md5", "sha1"))


def fingerprint(certificate: bytes) -> str:
    """The SHA-256 of a certificate (DER), 64 digits: who a server is."""
    return hashlib.sha256(certificate).hexdigest()


def grouped(digits: str) -> str:
    """A fingerprint to be read and compared by people: ``3f2a 91bc ...``, sixteen groups of four."""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


class NoBinding(ValueError):
    """Nothing can be bound to this certificate. ``str(error)`` says why, and what certificate would do."""


def end_point(certificate: bytes) -> bytes:
    """The channel binding of a server that shows this certificate (DER): 28, 32, 48 or 64 bytes.

    Raises `NoBinding` if it is no certificate, or one that RFC 5929 leaves undefined: a signature without a hash
    function of its own (Ed25519, Ed448), or with two.
    """
    if len(certificate) > MAX_CERTIFICATE:
        raise NoBinding(f"the certificate has {len(certificate)} bytes; at most {MAX_CERTIFICATE} are read")
    name = _signature_hash(certificate)
    return hashlib.new("sha256" if name in _TOO_WEAK else name, certificate).digest()


def _signature_hash(certificate: bytes) -> str:
    """``Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`` (RFC 5280, section 4.1)."""
    body, rest = _take(certificate, _SEQUENCE)
    if rest:
        raise _unreadable()
    _, after_tbs = _take(body, _SEQUENCE)
    algorithm, _ = _take(after_tbs, _SEQUENCE)
    oid, parameters = _take(algorithm, _OID)
    name = _pss_hash(parameters) if oid == _RSA_PSS else _HASH_OF_SIGNATURE.get(oid, "")
    if not name:
        raise NoBinding(
            "the certificate's signature has no hash function that a proof could be bound with (RFC 5929); "
            "it needs one with RSA or ECDSA and SHA-256, SHA-384 or SHA-512"
        )
    return name


def _pss_hash(parameters: bytes) -> str:
    """The hash function of RSASSA-PSS-params (RFC 4055, section 3.1); empty if it has two, or one that is not known."""
    sequence, _ = _take(parameters, _SEQUENCE)
    digest = of_mask = _PSS_DEFAULT
    if sequence[:1] == bytes((_EXPLICIT_0,)):
        field, sequence = _take(sequence, _EXPLICIT_0)
        digest = _HASHES.get(_algorithm(field)[0], "")
    if sequence[:1] == bytes((_EXPLICIT_1,)):
        field, _ = _take(sequence, _EXPLICIT_1)
        mask, inner = _algorithm(field)
        of_mask = _HASHES.get(_algorithm(inner)[0], "") if mask == _MGF_1 else ""
    return digest if digest == of_mask else ""


def _algorithm(data: bytes) -> Tuple[bytes, bytes]:
    """The OID of an AlgorithmIdentifier, and its parameters."""
    sequence, _ = _take(data, _SEQUENCE)
    return _take(sequence, _OID)


def _take(data: bytes, tag: int) -> Tuple[bytes, bytes]:
    """The content of the first element, which must have this tag, and what comes after it."""
    if len(data) < 2 or data[0] != tag:
        raise _unreadable()
    start, size = 2, data[1]
    if size >= 0x80:  # the length of the length; 0x80 would be BER's indefinite form
        start += size & 0x7F
        if not 2 < start <= 5 or len(data) < start:
            raise _unreadable()
        size = int.from_bytes(data[2:start], "big")
    if len(data) - start < size:
        raise _unreadable()
    return data[start : start + size], data[start + size :]


def _unreadable() -> NoBinding:
    return NoBinding("this is no certificate in DER")
