"""config.py: what beats what, and one clear message for everything that is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest

from rollcall.server import config
from rollcall.server.config import OPTIONS, ConfigError, ServerConfig, load

ROOT = Path(__file__).resolve().parents[2]


def loaded(folder: Path, text: str, *arguments: str) -> ServerConfig:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(["--config", str(file), *arguments]).config


def complaint(folder: Path, text: str, *arguments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, *arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_command_line_beats_the_file_and_the_file_beats_the_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[server]\nport = 9000\nname = "Room 12"\n', "--port", "9001", "--host", "127.0.0.1")
    assert (settings.port, settings.name, settings.host, settings.max_clients) == (9001, "Room 12", "127.0.0.1", 100)
    assert settings.sources["port"] == settings.sources["host"] == "command line"
    assert settings.sources["name"] == "config.toml"
    assert "max_clients" not in settings.sources
    shown = "\n".join(settings.describe())
    assert re.search(r"^port +.*9001.*\(command line\)$", shown, re.MULTILINE)
    assert re.search(r"^max_clients +.*100.*\(default\)$", shown, re.MULTILINE)


def test_a_port_on_the_command_line_is_tried_alone(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[server]\n", "--port", "9001").port_attempts == 1
    assert loaded(tmp_path, "[server]\n").port_attempts == 6


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    settings = load(["--config", str(tmp_path / "none.toml")]).config
    assert not settings.file_found
    assert all(getattr(settings, option.key) == option.default for option in OPTIONS)


def test_the_original_keys_have_the_original_defaults() -> None:
    settings = ServerConfig()
    assert (settings.host, settings.port, settings.max_clients) == ("0.0.0.0", 8080, 100)
    assert (settings.heartbeat_interval, settings.connection_timeout) == (60, 120)


def test_whole_numbers_and_fractions_are_times(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[server]\nheartbeat_interval = 0.1\nconnection_timeout = 1\n")
    assert (settings.heartbeat_interval, settings.connection_timeout) == (0.1, 1.0)


def test_windows_files_with_a_mark_and_carriage_returns_are_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 9000\r\n")
    assert load(["--config", str(file)]).config.port == 9000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nprot = 1\n", ["line 2", "prot", "did you mean port?"]),
        ("[server]\nconnection_timout = 1\n", ["line 2", "did you mean connection_timeout?"]),
        ("[server]\nxyzzy = 1\n", ["line 2", "xyzzy", "the keys are host, port"]),
        ("[sever]\nport = 1\n", ["line 1", "[sever]", "did you mean [server]?"]),
        ("port = 1\n", ["line 1", "port", "every setting belongs below [server]"]),
        ("server = 1\n", ["line 1", "must be a section"]),
        ("[server]\n\nport = 99999\n", ["line 3", "port = 99999", "a whole number from 0 to 65535"]),
        ("[server]\nport = true\n", ["port = true", "a whole number"]),
        ("[server]\nport = 8080.5\n", ["port = 8080.5", "a whole number"]),
        ('[server]\nport = "8080"\n', ['port = "8080"', "a whole number"]),
        ("[server]\nhost = 5\n", ["host = 5", "text of 1 to 253 characters"]),
        ('[server]\nhost = ""\n', ['host = ""', "text of 1 to 253"]),
        ('[server]\nname = "   "\n', ["line 2", "name", "1 to 64 characters"]),
        ("[server]\nheartbeat_interval = 0.05\n", ["heartbeat_interval = 0.05", "from 0.1 to 86400"]),
        ("[server]\nheartbeat_interval = nan\n", ["heartbeat_interval = nan", "a number from 0.1"]),
        ("[server]\nmessage_rate = inf\n", ["message_rate = inf", "from 0 to 1000000"]),
        ("[server]\nmax_clients = 0\n", ["max_clients = 0", "from 1 to 50000"]),
        ("[server]\nmax_clients = [1]\n", ["max_clients = [1]"]),
        ("[server]\nheartbeat_interval = 61\n", ["connection_timeout = 120", "at least twice as long (122)"]),
        ("[server]\nconnection_timeout = 10\n", ["line 2", "connection_timeout = 10", "heartbeat_interval = 60"]),
        ("[server]\nport = = 1\n", ["not valid TOML", "line 2"]),
        ("[server]\nport = 1\nport = 2\n", ["not valid TOML"]),
        ("x = " + "[" * 5000, ["not valid TOML"]),
    ],
)
def test_what_is_wrong_is_one_message_that_says_where_and_what_is_right(
    tmp_path: Path, text: str, words: List[str]
) -> None:
    message = complaint(tmp_path, text)
    assert str(tmp_path / "config.toml") in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "x"], "--port: 'x' is not a port; it must be a whole number from 0 to 65535"),
        (["--port", "70000"], "--port: '70000' is not a port"),
        (["--name", "a\x07"], "--name"),
        (["--host", ""], "--host '' is wrong: it must be text of 1 to 253 characters"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path: Path, arguments: List[str], words: str) -> None:
    assert words in complaint(tmp_path, "[server]\n", *arguments)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(["--config", str(tmp_path)])
    (tmp_path / "latin.toml").write_bytes(b'[server]\nname = "Zo\xeb"\n')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(["--config", str(tmp_path / "latin.toml")])


def test_the_file_in_the_repository_explains_every_key_and_shows_the_defaults() -> None:
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    settings = load(["--config", str(ROOT / "config.toml")]).config
    for option in OPTIONS:
        assert getattr(settings, option.key) == option.default
        assert re.search(rf"^# .+\n{option.key} = ", text, re.MULTILINE), f"{option.key} has no comment above it"
    assert set(settings.sources) == {option.key for option in OPTIONS}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as that of the program, and a file as the one inside the executable."""
    packed = tmp_path / "packed.toml"
    packed.write_text('[server]\nname = "Packed"\n')
    beside = tmp_path / "beside"
    beside.mkdir()
    monkeypatch.setattr(config, "program_folder", lambda: beside)
    monkeypatch.setattr(config, "bundled_file", lambda name: packed if name == "config.toml" else None)
    return beside


def test_the_settings_are_looked_for_beside_the_program() -> None:
    assert load([]).config.file == ROOT / "config.toml"


def test_an_executable_without_a_file_beside_it_takes_the_one_inside(places: Path) -> None:
    settings = load([]).config
    assert settings.name == "Packed" and settings.file_found
    assert settings.sources == {"name": "bundled default"}


def test_the_file_beside_an_executable_beats_the_one_inside(places: Path) -> None:
    (places / "config.toml").write_text("[server]\nport = 9000\n")
    settings = load([]).config
    assert (settings.name, settings.port) == ("Rollcall", 9000)
    assert settings.sources == {"port": "config.toml"}


def test_a_file_that_was_named_is_not_replaced_by_the_one_inside(places: Path) -> None:
    assert not load(["--config", str(places / "none.toml")]).config.file_found


def test_an_error_names_the_file_that_a_link_leads_to(places: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.toml"
    edited.write_text("[server]\nport = -1\n")
    try:
        (places / "config.toml").symlink_to(edited)
    except OSError:
        pytest.skip("this user may not make symbolic links")
    with pytest.raises(ConfigError, match=re.escape(f"{edited}, line 2: port = -1 is wrong")):
        load([])
