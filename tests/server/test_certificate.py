"""certificate.py: made once, never silently replaced, and every error says what to do."""

from __future__ import annotations

import datetime
import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import List, Optional

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from rollcall.program import files
from rollcall.server.certificate import (
    CannotMake,
    Certificate,
    CertificateError,
    given_certificate,
    own_certificate,
)
from rollcall.wire.secure import fingerprint
from tests.helpers import PATIENCE, ROOT, held_open

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
OPEN = serialization.NoEncryption()


def parts(file: Path) -> List[str]:
    """The key and the certificate of a file that holds both."""
    key, head, rest = file.read_text().partition("-----BEGIN CERTIFICATE-----")
    return [key, head + rest]


def split(tmp_path: Path, name: str = "given") -> List[Path]:
    """A certificate and its key in files of their own."""
    key, certificate = parts(own_certificate(tmp_path / "made", name).file)
    files = [tmp_path / f"{name}.crt", tmp_path / f"{name}.key"]
    for file, text in zip(files, (certificate, key)):
        file.write_text(text)
    return files


class TestOwn:
    """The certificate that the server makes for itself."""

    def test_it_is_made_once_and_kept(self, tmp_path: Path) -> None:
        folder = tmp_path / "data" / "rollcall"
        first = own_certificate(folder, "room-1")
        assert own_certificate(folder, "room-1") == first
        assert own_certificate(folder, "room-2").fingerprint != first.fingerprint
        assert sorted(file.name for file in folder.iterdir()) == ["room-1.pem", "room-2.pem"]
        assert first.fingerprint == fingerprint(first.der)
        assert first.grouped.replace(" ", "") == first.fingerprint and len(first.grouped.split(" ")) == 16
        assert isinstance(first.context(), ssl.SSLContext)

    def test_no_copy_of_the_key_stays_where_somebody_holds_the_file_for_a_moment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = held_open(monkeypatch, "unlink", 3)
        file = own_certificate(tmp_path, "room").file
        assert len(refused) == 3 and list(tmp_path.iterdir()) == [file]

    def test_it_is_valid_whatever_the_clock_says(self, tmp_path: Path) -> None:
        made = x509.load_der_x509_certificate(own_certificate(tmp_path, "room").der)
        year_of = {made.not_valid_before_utc.year, made.not_valid_after_utc.year}
        assert year_of == {1970, 9999}
        assert made.not_valid_after_utc == datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
        key = made.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
        assert isinstance(made.signature_hash_algorithm, hashes.SHA256)
        made.verify_directly_issued_by(made)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
    def test_nobody_else_can_read_the_key(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            file = own_certificate(tmp_path / "new", "room").file
        finally:
            os.umask(before)
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        file.chmod(0o644)
        own_certificate(file.parent, "room")
        assert file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("damage", ["empty", "cut", "no key", "no certificate", "rubbish", "another's key", "bits"])
    def test_a_damaged_one_is_never_replaced(self, tmp_path: Path, damage: str) -> None:
        file = own_certificate(tmp_path, "room").file
        text = file.read_text()
        key, certificate = parts(file)
        other = parts(own_certificate(tmp_path, "other").file)[0]
        middle = len(text) - 400
        damaged = {
            "empty": "",
            "cut": text[:-100],
            "no key": certificate,
            "no certificate": key,
            "rubbish": "\x00\xff" * 1000,
            "another's key": other + certificate,
            "bits": text[:middle] + "AAAAAAAA" + text[middle + 8 :],
        }[damage]
        file.write_text(damaged, encoding="latin-1")
        with pytest.raises(CertificateError) as caught:
            own_certificate(tmp_path, "room")
        said = str(caught.value)
        assert said.startswith(f"{file}: ")
        assert "put the file back from a copy" in said and "delete it" in said
        assert file.read_text(encoding="latin-1") == damaged
        file.write_text(text)
        own_certificate(tmp_path, "room")

    @pytest.mark.parametrize("check", [True, False])
    def test_one_that_cannot_be_read_now_is_not_to_be_deleted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: bool
    ) -> None:
        file = own_certificate(tmp_path, "room").file
        before = file.read_bytes()
        monkeypatch.setattr(files, "PATIENCE", 0.0)
        with monkeypatch.context() as long:
            held_open(long, "open", 1000, file.name)
            with pytest.raises(CertificateError) as caught:
                own_certificate(tmp_path, "room", check)
        said = str(caught.value)
        assert "room.pem: cannot be read: Permission denied" in said and "start the server again" in said
        assert "Nothing in it is known to be wrong" in said and "elete" not in said and "copy" not in said
        assert file.read_bytes() == before

    def test_two_servers_that_start_at_once_have_the_same(self, tmp_path: Path) -> None:
        made: List[str] = []
        barrier = threading.Barrier(4)

        def start() -> None:
            barrier.wait()
            made.append(own_certificate(tmp_path, "room").fingerprint)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(made) == 4 and len(set(made)) == 1
        assert [file.name for file in tmp_path.iterdir()] == ["room.pem"]

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("a file")
        with pytest.raises(CertificateError, match=r"cannot be kept there: .*may write to"):
            own_certificate(tmp_path / "data", "room")

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ulimit -f")
    def test_a_full_disk_leaves_nothing_behind(self, tmp_path: Path) -> None:
        code = f"""
import signal
from pathlib import Path
from rollcall.server.certificate import CertificateError, own_certificate
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    own_certificate(Path({str(tmp_path)!r}), "room")
except CertificateError as error:
    print(error)
"""
        command = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-B", "-c", code]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", timeout=PATIENCE, check=True)
        assert "room.pem: the certificate of this server cannot be kept there: File too large" in done.stdout
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a" * 200, "a\n"])
    def test_the_name_must_be_one_for_a_file(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ValueError, match="no name for a file"):
            own_certificate(tmp_path, name)

    def test_without_the_package_an_old_one_is_used_and_a_new_one_cannot_be_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = own_certificate(tmp_path, "room")
        for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"] + ["cryptography"]:
            monkeypatch.setitem(sys.modules, name, None)
        assert own_certificate(tmp_path, "room") == made
        with pytest.raises(CannotMake) as caught:
            own_certificate(tmp_path, "other")
        assert str(caught.value).endswith("-m pip install cryptography") and sys.executable in str(caught.value)
        assert "\n" not in str(caught.value)
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        with pytest.raises(CannotMake, match=r"built without it$"):
            own_certificate(tmp_path, "other")

    def test_a_python_without_tls_says_so_and_makes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "ssl", None)
        with pytest.raises(CertificateError, match="this Python has no TLS"):
            own_certificate(tmp_path, "room")
        with pytest.raises(CertificateError, match="this Python has no TLS"):
            given_certificate(tmp_path / "room.pem", None)
        assert list(tmp_path.iterdir()) == []


class TestGiven:
    """A certificate that somebody brings along."""

    def test_two_files_or_one(self, tmp_path: Path) -> None:
        certificate, key = split(tmp_path)
        given = given_certificate(certificate, key)
        assert given == Certificate(certificate, key, given.der, fingerprint(given.der))
        both = tmp_path / "both.pem"
        both.write_text(certificate.read_text() + key.read_text())
        assert given_certificate(both, None).der == given.der
        both.write_text("Bag Attributes\n" + key.read_text() + certificate.read_text())
        assert given_certificate(both, None).der == given.der

    def test_of_a_chain_the_first_is_the_servers(self, tmp_path: Path) -> None:
        certificate, key = split(tmp_path)
        der = given_certificate(certificate, key).der
        chain = tmp_path / "chain.pem"
        chain.write_text(certificate.read_text() + parts(own_certificate(tmp_path, "ca").file)[1])
        assert given_certificate(chain, key).der == der

    def test_windows_line_ends_are_no_damage(self, tmp_path: Path) -> None:
        certificate, key = split(tmp_path)
        for file in (certificate, key):
            file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        given_certificate(certificate, key)

    @pytest.mark.parametrize(
        ("what", "said"),
        [
            ("missing", "given.crt: cannot be read: No such file or directory"),
            ("missing key", "given.key: cannot be read: No such file or directory"),
            ("folder", ": cannot be read: it is a folder, not a file."),
            ("swapped", "given.key: there is no certificate in this file: it holds a key"),
            ("no key", "given.crt: there is no private key in this file"),
            ("binary", "given.crt: there is no certificate in this file: it is damaged or something else"),
            ("other key", "the key does not belong to the certificate"),
            ("password", "given.key: the key is protected by a password"),
            ("old password", "given.key: the key is protected by a password"),
            ("weak", "too weak to be safe today"),
            ("cut", "there is no certificate in this file"),
            ("base64", "the certificate is damaged"),
            ("control", "cannot be read"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, what: str, said: str) -> None:
        certificate, key = split(tmp_path)
        first: Path = certificate
        second: Optional[Path] = key
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        secret = serialization.BestAvailableEncryption(b"secret")
        if what == "missing":
            certificate.unlink()
        elif what == "missing key":
            key.unlink()
        elif what == "folder":
            first = tmp_path
        elif what == "swapped":
            first, second = key, certificate
        elif what == "no key":
            second = None
        elif what == "binary":
            certificate.write_bytes(ssl.PEM_cert_to_DER_cert(certificate.read_text()))
        elif what == "other key":
            second = split(tmp_path, "other")[1]
        elif what == "password":
            key.write_bytes(loaded.private_bytes(PEM, PKCS8, secret))
        elif what == "old password":
            key.write_bytes(loaded.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, secret))
        elif what == "weak":
            first, second = weak(tmp_path), None
        elif what == "cut":
            certificate.write_text(certificate.read_text()[:-60])
        elif what == "base64":
            certificate.write_text(certificate.read_text().replace("MII", "M!I", 1))
        elif what == "control":
            first = tmp_path / "\x1b[2J"
        with pytest.raises(CertificateError) as caught:
            given_certificate(first, second)
        assert said in str(caught.value)
        assert str(caught.value).isprintable()


def weak(folder: Path) -> Path:
    """A certificate with a key of 1,024 bits, as OpenSSL's security level 2 does not take it."""
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2000, 1, 1))
        .not_valid_after(datetime.datetime(2100, 1, 1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "weak.pem"
    file.write_bytes(built.public_bytes(PEM) + key.private_bytes(PEM, PKCS8, OPEN))
    return file


def test_neither_package_is_imported_before_it_is_needed() -> None:
    code = "import sys; import rollcall.server.certificate; assert not {'ssl', 'cryptography'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=PATIENCE, check=True)
