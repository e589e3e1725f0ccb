"""keys.py and kept_codes.py: what a room needs is there before it opens, or it says what to do."""

from __future__ import annotations

import builtins
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, List

import pytest

from rollcall.program import files
from rollcall.server.certificate import own_certificate
from rollcall.server.kept_codes import KeptCodes
from rollcall.server.keys import KeysError, room_keys, server_name_of
from rollcall.server.settings import ServerConfig
from rollcall.wire import scram_keys
from rollcall.wire.codes import fold, join_code
from rollcall.wire.own_machine import file_name
from rollcall.wire.scram_keys import derive_server_keys
from server import main
from tests.closed_room import ITERATIONS, JOIN, TEACH, keys_for
from tests.helpers import held_open, make_link


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a thousand iterations made is read again, which it is not for anybody else."""
    monkeypatch.setattr(scram_keys, "MIN_ITERATIONS", ITERATIONS)


@pytest.fixture
def no_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "cryptography":
            raise ModuleNotFoundError("No module named 'cryptography'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)


def refusal(folder: Path, **settings: Any) -> str:
    with pytest.raises(KeysError) as caught:
        keys_for(folder, **settings)
    said = str(caught.value)
    assert "\n" not in said
    return said


class TestCodes:
    """Keys stay as long as their code does."""

    def test_salt_and_count_stay_as_long_as_the_code_and_no_longer(self, tmp_path: Path, few: None) -> None:
        first = keys_for(tmp_path, join_code=JOIN, teacher_code=TEACH).credentials()
        again = keys_for(tmp_path, join_code="kdwh 9rtc 4mxf", teacher_code=TEACH).credentials()
        other = keys_for(tmp_path, join_code="CDFG-HJKM-3467", teacher_code=TEACH).credentials()
        salts = [[one.find(user).salt for user in ("class", "teacher", "no such")] for one in (first, again, other)]
        assert salts[0] == salts[1]
        assert salts[2][0] != salts[0][0] and salts[2][1:] == salts[0][1:]
        assert len({tuple(salts[0])}) == 1 and len(set(salts[0])) == 3

    def test_a_code_of_the_servers_own_stays_and_is_a_strong_one(self, tmp_path: Path, few: None) -> None:
        first, second = keys_for(tmp_path, join_code="auto"), keys_for(tmp_path, join_code="auto")
        assert first.shown_code == second.shown_code and join_code(first.shown_code)
        assert first.closed and first.describe()[0].endswith(first.shown_code)
        keys_for(tmp_path, join_code=JOIN)
        assert keys_for(tmp_path, join_code="auto").shown_code != first.shown_code

    def test_the_file_is_its_owners_and_holds_no_code_that_somebody_chose(self, tmp_path: Path) -> None:
        keys_for(tmp_path, join_code=JOIN, teacher_code=TEACH)
        file = tmp_path / "server-0.json"
        assert not {str(fold(code)) for code in (JOIN, TEACH)} & set(file.read_text().split('"'))
        assert JOIN not in file.read_text() and TEACH not in file.read_text()
        if sys.platform != "win32":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    @pytest.mark.parametrize("damage", ["", "{}", "[]", "\x00", '{"secret":"AA==","keys":{}}', "weaker"])
    def test_a_damaged_file_is_put_aside_and_told(self, tmp_path: Path, damage: str) -> None:
        file = tmp_path / "server-0.json"
        text = KeptCodes(keys={"class": derive_server_keys(fold(JOIN), None, ITERATIONS)}).to_text()
        file.write_text(text if damage == "weaker" else damage)
        warnings: List[str] = []
        assert keys_for(tmp_path, warnings, join_code=JOIN).closed
        assert len(warnings) == 1 and str(file) in warnings[0] and "new one" in warnings[0]
        assert (tmp_path / "server-0.json.damaged").exists()
        assert json.loads(file.read_text())["keys"]["class"]

    def test_a_file_that_somebody_holds_open_for_a_moment_is_no_damaged_one(
        self, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = keys_for(tmp_path, join_code="auto")
        before = (tmp_path / "server-0.json").read_bytes()
        warnings: List[str] = []
        with monkeypatch.context() as moment:
            refused = held_open(moment, "open", 3, "server-0.json")
            again = keys_for(tmp_path, warnings, join_code="auto")
        assert len(refused) == 3 and again.shown_code == first.shown_code and not warnings
        assert (tmp_path / "server-0.json").read_bytes() == before

    def test_a_file_that_cannot_be_read_stays_as_it_is(
        self, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "server-0.json"
        first = keys_for(tmp_path, join_code="auto")
        before = file.read_bytes()
        warnings: List[str] = []
        monkeypatch.setattr(files, "PATIENCE", 0.0)
        with monkeypatch.context() as long:
            held_open(long, "open", 1000, file.name)
            other = keys_for(tmp_path, warnings, join_code="auto")
            other.new_substitute()
        assert other.closed and other.shown_code != first.shown_code
        assert len(warnings) == 1 and str(file) in warnings[0] and "left as it is" in warnings[0]
        assert "elete" not in warnings[0]
        assert file.read_bytes() == before and not list(tmp_path.glob("*.damaged"))
        assert keys_for(tmp_path, warnings, join_code="auto").shown_code == first.shown_code and len(warnings) == 1

    def test_a_folder_that_takes_no_file_costs_a_warning(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        own_certificate(tmp_path, "server-0")
        monkeypatch.setattr(files, "replace", full)
        warnings: List[str] = []
        keys = keys_for(tmp_path, warnings, join_code=JOIN)
        keys.let_in_own_machine(tmp_path, 8080, "e")
        assert keys.closed and keys.own_machine is None
        assert ["No space left" in text for text in warnings] == [True, True]

    def test_each_configured_server_has_its_own(self, tmp_path: Path) -> None:
        files = [tmp_path / "a.toml", tmp_path / "b.toml"]
        configs = [ServerConfig(port=8080), ServerConfig(port=8081)]
        configs += [ServerConfig(port=8080, file=file, file_named=True) for file in files]
        assert len({server_name_of(config) for config in configs}) == 4
        assert server_name_of(configs[2]) == server_name_of(ServerConfig(port=8080, file=files[0], file_named=True))
        moved = [ServerConfig(port=8080, file=file) for file in files]
        assert {server_name_of(config) for config in moved} == {"server-8080"}


class TestCertificate:
    """Needed in a room with a code, welcome in any other."""

    def test_an_open_room_does_without(self, tmp_path: Path, no_cryptography: None) -> None:
        warnings: List[str] = []
        keys = keys_for(tmp_path, warnings)
        assert keys.tls() is None and not warnings
        assert keys.describe() == [
            "This room is open: whoever reaches this server can join, without a code",
            "No TLS: nothing that passes is encrypted",
        ]
        assert room_keys(ServerConfig(), None, warnings.append).tls() is None and not warnings

    def test_a_room_with_a_code_says_what_to_install(self, tmp_path: Path, no_cryptography: None) -> None:
        for key, code, more in (("join_code", JOIN, ""), ("teacher_code", TEACH, "open the window on this machine")):
            said = refusal(tmp_path, **{key: code})
            assert said.startswith(f"{key} needs TLS: ") and "-m pip install cryptography" in said
            assert ("open the window" in said) == bool(more)
            assert code not in said

    def test_one_that_was_made_before_needs_nothing_installed(
        self, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        made = own_certificate(tmp_path, "server-0")
        request.getfixturevalue("no_cryptography")
        assert keys_for(tmp_path, join_code=JOIN).certificate == made

    def test_a_damaged_one_stops_a_closed_room_and_is_told_in_an_open_one(self, tmp_path: Path) -> None:
        file = own_certificate(tmp_path, "server-0").file
        file.write_text("rubbish")
        assert str(file) in refusal(tmp_path, join_code=JOIN)
        warnings: List[str] = []
        assert keys_for(tmp_path, warnings).tls() is None
        assert len(warnings) == 1 and str(file) in warnings[0] and "no TLS" in warnings[0]

    def test_in_an_open_room_it_is_looked_at_when_somebody_asks(self, tmp_path: Path) -> None:
        file = own_certificate(tmp_path, "server-0").file
        other = own_certificate(tmp_path, "other").file.read_text().partition("-----BEGIN CERTIFICATE")[0]
        file.write_text(other + "-----BEGIN CERTIFICATE" + file.read_text().partition("-----BEGIN CERTIFICATE")[2])
        warnings: List[str] = []
        keys = keys_for(tmp_path, warnings)
        assert keys.certificate is not None and not warnings
        assert keys.tls() is None and keys.tls() is None and keys.certificate is None
        assert len(warnings) == 1 and "does not belong" in warnings[0]

    def test_one_that_somebody_holds_open_is_read_when_the_next_client_asks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = own_certificate(tmp_path, "server-0").file
        warnings: List[str] = []
        keys = keys_for(tmp_path, warnings)
        aside = file.rename(tmp_path / "aside")
        assert keys.tls() is None and keys.tls() is None
        assert len(warnings) == 1 and "cannot be read" in warnings[0] and "Until it can be read" in warnings[0]
        aside.rename(file)
        assert keys.tls() is not None

    def test_a_python_without_tls_is_told_once_to_an_open_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own_certificate(tmp_path, "server-0")
        monkeypatch.setitem(sys.modules, "ssl", None)
        warnings: List[str] = []
        keys = keys_for(tmp_path, warnings)
        assert not warnings and keys.tls() is None and keys.tls() is None
        assert len(warnings) == 1 and "no TLS (its module ssl is missing)" in warnings[0]
        assert "this Python has no TLS" in refusal(tmp_path, join_code=JOIN)

    def test_one_of_the_users_own_is_meant_from_the_settings_file(self, tmp_path: Path) -> None:
        made = own_certificate(tmp_path / "there", "mine")
        config: Any = {"tls_certificate": "there/mine.pem", "file": tmp_path / "config.toml"}
        assert keys_for(tmp_path / "data", join_code=JOIN, **config).certificate == made
        assert "none.pem" in refusal(tmp_path, tls_certificate="none.pem")

    def test_without_a_folder_a_closed_room_says_what_to_set(self) -> None:
        with pytest.raises(KeysError, match="no folder to keep a certificate in: set HOME, or tls_certificate"):
            room_keys(ServerConfig(join_code=JOIN), None, lambda text: None, ITERATIONS)


def test_where_no_own_file_can_be_there_is_no_own_machine(tmp_path: Path) -> None:
    keys = keys_for(tmp_path)
    keys.let_in_own_machine(None, 8080, "e")
    keys.forget_own_machine()


@pytest.mark.skipif(sys.platform == "win32", reason="the mode of a folder says nothing there")
def test_nobody_else_puts_anything_into_the_folder_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, warnings = tmp_path / "data", []  # type: Path, List[str]
    folder.mkdir()
    folder.chmod(0o777)
    keys_for(folder, warnings)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert len(warnings) == 1 and str(folder) in warnings[0] and "could put a code" in warnings[0]
    keys_for(folder, warnings)
    assert len(warnings) == 1, "it is so no more"
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    keys_for(folder, warnings)
    assert len(warnings) == (1 if folder.stat().st_uid == 0 else 2), "what is the system's is safe"
    monkeypatch.setattr("rollcall.program.files.ROOT", -1)
    keys_for(folder, warnings)
    assert "belongs to another user" in warnings[-1] and "HOME" in warnings[-1]


def test_the_own_file_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    make_link(tmp_path / file_name(8080), precious)
    keys = keys_for(tmp_path)
    keys.let_in_own_machine(tmp_path, 8080, "e")
    assert precious.read_text() == "precious" and keys.own_machine is not None
    assert not (tmp_path / file_name(8080)).is_symlink()
    keys.forget_own_machine()
    assert not (tmp_path / file_name(8080)).exists()


def test_the_own_file_goes_though_somebody_holds_it_open_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = keys_for(tmp_path)
    keys.let_in_own_machine(tmp_path, 8080, "e")
    assert (tmp_path / file_name(8080)).exists()
    refused = held_open(monkeypatch, "unlink", 3)
    keys.forget_own_machine()
    assert len(refused) == 3 and not (tmp_path / file_name(8080)).exists()
    assert keys.own_machine is None and not (tmp_path / file_name(8080)).exists()


def test_a_substitute_outlives_a_restart_until_midnight(tmp_path: Path, few: None) -> None:
    keys = keys_for(tmp_path)
    keys.new_substitute()
    again = keys_for(tmp_path)
    assert again.substitute_is_valid() and not again.closed
    assert again.credentials().find("substitute") == keys.credentials().find("substitute")
    assert not keys_for(tmp_path, teacher="nobody").substitute_is_valid()


def test_the_program_ends_with_2_and_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_cryptography: None
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text(f'[server]\nport = 0\njoin_code = "{JOIN}"\n')
    assert main(["--config", str(tmp_path / "config.toml"), "--host", "127.0.0.1"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "pip install cryptography" in line
