"""The channel binding of certificates signed in every way that there is, and of bytes that are none."""

from __future__ import annotations

import hashlib
import re
import ssl
from pathlib import Path
from typing import Dict, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.wire.binding import MAX_CERTIFICATE, NoBinding, end_point

CERTIFICATES: Dict[str, Tuple[str, bytes]] = {
    name: (hash_name, ssl.PEM_cert_to_DER_cert(pem))
    for name, hash_name, pem in re.findall(
        r"^(\S+) (\w+)\n(-----BEGIN CERTIFICATE-----\n.+?-----END CERTIFICATE-----\n)",
        (Path(__file__).parent / "certificates.pem").read_text(encoding="ascii"),
        re.MULTILINE | re.DOTALL,
    )
}
ECDSA = CERTIFICATES["ecdsa-sha256"][1]


def test_all_ways_to_sign_are_there() -> None:
    assert len(CERTIFICATES) == 18
    assert sum(hash_name == "none" for hash_name, _ in CERTIFICATES.values()) == 3


@pytest.mark.parametrize("name", CERTIFICATES)
def test_the_hash_is_that_of_the_signature_and_never_a_weak_one(name: str) -> None:
    hash_name, certificate = CERTIFICATES[name]
    if hash_name == "none":
        with pytest.raises(NoBinding, match="needs one with RSA or ECDSA and SHA-256"):
            end_point(certificate)
    else:
        assert end_point(certificate) == hashlib.new(hash_name, certificate).digest()


def test_rsa_pss_with_the_defaults_of_its_parameters() -> None:
    certificate = CERTIFICATES["rsa-pss-sha1"][1]
    pss = bytes.fromhex("06092a864886f70d01010a")
    assert certificate.count(pss + bytes.fromhex("3000")) == 2, "no hash and no mask named: SHA-1"
    hash_and_mask = bytes.fromhex("a00f300d06096086480165030402010500a11c301a06092a864886f70d010108")
    named = CERTIFICATES["rsa-pss-sha256"][1]
    assert named.count(hash_and_mask) == 2
    only_hash = named.replace(hash_and_mask[17:19], b"\xa2\x1c")  # no mask named: SHA-1, and so two hash functions
    with pytest.raises(NoBinding, match="no hash function"):
        end_point(only_hash)


@pytest.mark.parametrize(
    "not_a_certificate",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"\x30\x80" + ECDSA[4:] + b"\0\0",  # indefinite length: BER, not DER
        b"\x30\x84" + ECDSA[2:],  # the length is longer than anything that is read
        b"\x31" + ECDSA[1:],
        ECDSA + b"\0",
        ECDSA[:-1],
        b"-----BEGIN CERTIFICATE-----",
        bytes(MAX_CERTIFICATE + 1),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_is_no_certificate(not_a_certificate: bytes) -> None:
    with pytest.raises(NoBinding):
        end_point(not_a_certificate)


@given(st.integers(0, len(ECDSA) - 1), st.integers(0, 255), st.booleans())
def test_broken_certificates_do_not_break_the_reader(at: int, byte: int, cut: bool) -> None:
    broken = ECDSA[:at] if cut else ECDSA[:at] + bytes((byte,)) + ECDSA[at + 1 :]
    try:
        found = end_point(broken)
    except NoBinding as error:
        assert "certificate" in str(error)
    else:
        assert found == end_point(ECDSA) or broken != ECDSA


@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_not(data: bytes) -> None:
    try:
        end_point(b"\x30\x82" + len(data).to_bytes(2, "big") + data)
    except NoBinding:
        pass
