"""config.py: what beats what, and one clear message for everything that is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest

from rollcall.server import config
from rollcall.server.config import ConfigError, load
from rollcall.server.settings import OPTIONS, ServerConfig
from rollcall.wire.text import printable
from tests.helpers import make_link

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
        # the value as it stands there, and what to do about it
        ("[server]\nport = 8080.0 # ours\n", ["line 2: port = 8080.0 is wrong: it must be a whole number"]),
        ("[server]\nport = 1_000_000\n", ["port = 1_000_000 is wrong"]),
        ("[server]\nport = 0x1ffff\n", ["port = 0x1ffff is wrong"]),
        ("server.port = 99999\n", ["line 1: port = 99999 is wrong"]),
        ('[server]\n"port" = "8080"\n', ['line 2: port = "8080" is wrong', "from 0 to 65535, without quotes"]),
        ("[server]\nname = 12\n", ["name = 12 is wrong", "1 to 64 characters, in straight quotes"]),
        ('[server]\none_cpu = "true"\n', ['one_cpu = "true"', "true or false, without quotes"]),
        ('[server]\nname = "C:\\foo"\n', [r'name = "C:\foo" is wrong']),
        ('[server]\nhost = "10.0.0.5:8080"\n', ["line 2", 'did you mean host = "10.0.0.5" and port = 8080?']),
        ('[server]\nhost = "192.168.1.010"\n', ['host = "192.168.1.010" is wrong', "did you mean 192.168.1.10?"]),
        (
            '[server]\ndiscoverable_networks = "192.0.2.0/24, everyone"\n',
            ["line 2: discoverable_networks = ", "is wrong: 'everyone' is no network; write them as 192.0.2.0/24"],
        ),
        ('[server]\ndiscoverable_networks = ["192.0.2.0/24"]\n', ["text of 0 to 500 characters, in straight quotes"]),
        ("[server]\nheartbeat_interval = 0.05\n", ["heartbeat_interval = 0.05", "from 0.1 to 86400"]),
        ("[server]\nheartbeat_interval = nan\n", ["heartbeat_interval = nan", "a number from 0.1"]),
        ("[server]\nmessage_rate = inf\n", ["message_rate = inf", "from 0 to 1000000"]),
        ("[server]\nmax_clients = 0\n", ["max_clients = 0", "from 1 to 50000"]),
        ("[server]\nmax_clients = [1]\n", ["max_clients = [1]"]),
        (
            "[server]\nheartbeat_interval = 61\n",
            ["line 2: heartbeat_interval = 61 is too long", "at most half", "(60)"],
        ),
        ("[server]\nheartbeat_interval = 61.50\n", ["heartbeat_interval = 61.50", "120, which is the default"]),
        (
            "[server]\nheartbeat_interval = 9\nconnection_timeout = 10.0\n",
            [
                "line 3: connection_timeout = 10.0 is too short for heartbeat_interval = 9",
                "at least twice as long (18)",
            ],
        ),
        ("[server]\nconnection_timeout = 10\n", ["line 2", "connection_timeout = 10", "heartbeat_interval = 60"]),
        ("x = " + "[" * 5000, ["cannot be read: it nests too deeply"]),
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
    ("line", "advice"),
    [
        ("name = “Room 12”", 'text needs straight quotes: name = "Room 12"'),
        ("name = ‘Room’", 'text needs straight quotes: name = "Room"'),
        ("name = Room 12", 'text needs straight quotes: name = "Room 12"'),
        ("host = 0.0.0.0", 'text needs straight quotes: host = "0.0.0.0"'),
        ("host = ::", 'text needs straight quotes: host = "::"'),
        ('name = "Room', 'the quotes behind the text are missing: name = "Room"'),
        ("name = 'Room", 'the quotes behind the text are missing: name = "Room"'),
        (r'name = "a\school"', r"in text a \ is written twice: \\"),
        ('name = "the "best" room"', r"quotes inside of text are written \""),
        ("heartbeat_interval = 2,5", "a number has a point, not a comma: heartbeat_interval = 2.5"),
        ("max_clients = 1 000", "a number has no marks between its thousands: max_clients = 1000"),
        ("max_clients = 1'000", "a number has no marks between its thousands: max_clients = 1000"),
        ("max_clients = 1,000", "a number has no marks between its thousands: max_clients = 1000"),
        ("max_clients = 10.000.000", "a number has no marks between its thousands: max_clients = 10000000"),
        ("heartbeat_interval = .5", "a number has a digit before its point: heartbeat_interval = 0.5"),
        ("heartbeat_interval = 5.", "a number has a digit behind its point: heartbeat_interval = 5.0"),
        ("heartbeat_interval = 60s", "a number stands alone, without a unit: heartbeat_interval = 60"),
        ("heartbeat_interval = 60 sec.  # a minute", "a number stands alone, without a unit: heartbeat_interval = 60"),
        ("port = 08080", "a number has no 0 before it: port = 8080"),
        ("port =", "the value behind = is missing"),
        ("port = # later", "the value behind = is missing"),
        ("port = 8080;", "nothing stands behind the value: port = 8080"),
        ("one_cpu = True", "it must be true, in small letters: one_cpu = true"),
        ("one_cpu = no", "it must be false, in small letters: one_cpu = false"),
        ("// our room", "# begins a comment"),
        ("; our room", "# begins a comment"),
        ("-- our room", "# begins a comment"),
        ("our room", "# begins a comment"),
        ("port = 8080 // our room", "# begins a comment"),
        ("port: 8080", "between a key and its value stands one =, such as port = 8080"),
        ("port == 8080", "between a key and its value stands one =, such as port = 8080"),
        ("port 8080", "between a key and its value stands =, such as port = 8080"),
        ("heartbeat interval = 5", "a key has no spaces: heartbeat_interval"),
        ("[server", "a section is written [server], alone on its line"),
        ("port = 8080\u00a0", "it contains an invisible character (U+00A0); delete the line and type it again"),
        ("\u200bport = 8080", "it contains an invisible character (U+200B); delete the line and type it again"),
        ('name = "a\x01b"', "it contains an invisible character (U+0001); delete the line and type it again"),
        (r"{\rtf1\ansi", "this is rich text (RTF); in the editor choose plain text when you save it"),
        ("...", "a setting is written KEY = VALUE, and # begins a comment"),
        ("port = --1", "it is not TOML (Invalid value (at line 4, column 8))"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_that_is_no_toml_is_shown_with_what_to_do(tmp_path: Path, line: str, advice: str, end: str) -> None:
    text = end.join(['# the name = “Room” of "us"', "", "[extra]" if line == "[server" else "[server]", line, ""])
    (tmp_path / "config.toml").write_bytes(text.encode())
    with pytest.raises(ConfigError) as caught:
        load(["--config", str(tmp_path / "config.toml")])
    assert str(caught.value).startswith(f"{tmp_path / 'config.toml'}, line 4: {advice}. The line is: ")
    assert str(caught.value).endswith(printable(line.strip()))


def test_what_stands_there_twice_names_both_lines(tmp_path: Path) -> None:
    twice = "[server]\nport = 1 # first\nname = 'a'\n'port'=2\n"
    assert ", line 4: 'port' is there twice, first in line 2; keep one of the two" in complaint(tmp_path, twice)
    twice = "[server]\nport = 1\n[server] # again\n"
    assert ", line 3: [server] is there twice, first in line 1; keep one of the two" in complaint(tmp_path, twice)


def test_what_never_ends_is_told_where_it_begins(tmp_path: Path) -> None:
    message = complaint(tmp_path, '[server]\nport = [80\nname = "a"\n')
    assert ", line 2: " in message or ", line 3: " in message
    assert ", line 2: " in complaint(tmp_path, '[server]\nname = """Room\nport = 1\n')


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--host", "10.0.0.5:80"],
            "--host '10.0.0.5:80' is wrong: it must be an address of this computer without a port",
        ),
        (["--host", "192.168.20"], "--host '192.168.20' is wrong"),
        (["--host", "not a host"], "--host 'not a host' is wrong"),
        (["--port", "x"], "--port: 'x' is not a port; it must be a whole number from 0 to 65535"),
        (["--port", "70000"], "--port: '70000' is not a port"),
        (["--name", "a\x07"], "--name"),
        (["--host", ""], "--host '' is wrong: it must be text of 1 to 253 characters"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path: Path, arguments: List[str], words: str) -> None:
    assert words in complaint(tmp_path, "[server]\n", *arguments)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: it is a folder, not a file$"):
        load(["--config", str(tmp_path)])
    (tmp_path / "latin.toml").write_bytes(b'[server]\nname = "Zo\xeb"\n')
    with pytest.raises(ConfigError, match=r"latin.toml, line 2: is not UTF-8 .*choose UTF-8 when you save it"):
        load(["--config", str(tmp_path / "latin.toml")])
    (tmp_path / "notepad.toml").write_bytes("[server]\r\n".encode("utf-16"))
    with pytest.raises(ConfigError, match="it is UTF-16"):
        load(["--config", str(tmp_path / "notepad.toml")])


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


def test_a_file_that_was_named_must_be_there(places: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--config {places / 'none.toml'}: there is no such file")):
        load(["--config", str(places / "none.toml")])
    (places / "room.toml.txt").write_text("[server]\n")
    with pytest.raises(ConfigError, match=r"there is no such file; did you mean room.toml.txt\?"):
        load(["--config", str(places / "room.toml")])


def test_without_any_file_the_defaults_are_taken(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "bundled_file", lambda name: None)
    settings = load([]).config
    assert not settings.file_found
    assert all(getattr(settings, option.key) == option.default for option in OPTIONS)


@pytest.mark.parametrize(
    "name", ["config.toml.txt", "Config.toml", "CONFIG.TOML.TXT", "config.toml.toml", "config.toml.rtf"]
)
def test_a_file_whose_name_is_nearly_right_is_not_passed_over_in_silence(places: Path, name: str) -> None:
    (places / name).write_text("[server]\nport = 9000\n")
    if (places / "config.toml").exists():
        pytest.skip("here capitals do not count")
    with pytest.raises(
        ConfigError, match=re.escape(f"{places / name}: is not read, because of its name; call it config.toml")
    ):
        load([])
    (places / "config.toml").write_text("[server]\nport = 9001\n")
    (places / "config.toml.bak").write_text("")
    arguments = load([])
    assert arguments.config.port == 9001
    assert arguments.warnings == (f"{places / name} is not read; the settings are those of config.toml",)


def test_an_error_names_the_file_that_a_link_leads_to(places: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.toml"
    edited.write_text("[server]\nport = -1\n")
    make_link(places / "config.toml", edited)
    with pytest.raises(ConfigError, match=re.escape(f"{edited}, line 2: port = -1 is wrong")):
        load([])


def test_a_backslash_that_has_become_a_control_character_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[server]\nname = "C:\\new"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(["--config", str(tmp_path / "config.toml")])
    assert 'line 2: name = "C:\\new" is wrong' in str(caught.value)
    assert str(caught.value).endswith(r"but contains U+000A; in text a \ is written twice: \\")


class TestCodes:
    """The settings of a room with a code."""

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('join_code = "short1"', "join_code is wrong: this code is too short: it has 6"),
            ('join_code = "password1"', "join_code is wrong: this code is among the first that anybody tries"),
            ('join_code = "KDWH-9RTC-ä"', "join_code is wrong: this code contains 'ä'"),
            ('join_code = "SUB-KDWH-9RTC"', "begins with SUB, as the codes for substitutes do"),
            ("join_code = 12345678", "join_code is wrong: it must be text of 0 to 256 characters, in straight quotes"),
            ('teacher_code = "KDWH-9RTC"', "teacher_code is wrong: this code is too short: it has 8"),
            ('teacher_code = "auto"', "teacher_code is wrong: this code is too short"),
            (
                'teacher_code = "kdwh9rtc4mxf"\njoin_code = "KDWH-9RTC-4MXF"',
                "line 2: teacher_code is wrong: this code is the same as the join code",
            ),
            ('teacher = "code"', 'line 2: teacher = "code" needs a teacher_code'),
            ('teacher = "everybody"', 'teacher = "everybody" is wrong: it must be "this machine", "code" or "nobody"'),
            ('teacher = "nobody"\nteacher_code = "MQT7XXPDR3GK"', "line 3: teacher_code is of no use to anybody"),
            ('tls_key = "a.key"', "tls_key belongs to a tls_certificate"),
        ],
    )
    def test_what_is_wrong_is_told_without_the_code(self, tmp_path: Path, text: str, words: str) -> None:
        message = complaint(tmp_path, f"[server]\n{text}\n")
        assert words in message
        assert "password1" not in message and "kdwh9rtc4mxf" not in message and "MQT7" not in message

    def test_the_command_line_beats_the_environment_which_beats_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = '[server]\njoin_code = "KDWH-9RTC-4MXF"\nteacher_code = "MQT7-XXPD-R3GK"\n'
        assert loaded(tmp_path, text).join_code == "KDWH-9RTC-4MXF"
        monkeypatch.setenv("ROLLCALL_JOIN_CODE", "CDFG-HJKM-3467")
        monkeypatch.setenv("ROLLCALL_TEACHER_CODE", "")
        settings = loaded(tmp_path, text)
        assert (settings.join_code, settings.sources["join_code"]) == ("CDFG-HJKM-3467", "environment")
        assert settings.teacher_code == "MQT7-XXPD-R3GK"
        assert loaded(tmp_path, text, "--join-code", "").join_code == ""
        assert loaded(tmp_path, text, "--join-code", " Auto").join_code == "auto"
        monkeypatch.setenv("ROLLCALL_TEACHER_CODE", "short")
        message = complaint(tmp_path, text)
        assert message.startswith("ROLLCALL_TEACHER_CODE is wrong: this code is too short")
        message = complaint(tmp_path, text, "--teacher-code", "CDFG-HJKM-3467")
        assert message.startswith("--teacher-code is wrong: this code is the same as the join code")

    def test_codes_are_not_shown_with_the_settings(self, tmp_path: Path) -> None:
        text = '[server]\njoin_code = "KDWH-9RTC-4MXF"\nteacher_code = "MQT7-XXPD-R3GK"\n'
        settings = loaded(tmp_path, text)
        shown = "\n".join(settings.describe()) + repr(settings)
        assert "KDWH" not in shown and "MQT7" not in shown and "(set)" in shown
        shown = "\n".join(loaded(tmp_path, "", "--join-code", "auto").describe())
        assert re.search(r'^join_code +.*"auto" +\(command line\)$', shown, re.MULTILINE)

    def test_a_line_that_is_no_toml_is_shown_without_the_code(self, tmp_path: Path) -> None:
        message = complaint(tmp_path, '[server]\njoin_code = KDWH-9RTC-4MXF\n')
        assert "line 2" in message and "straight quotes" in message and "KDWH" not in message


def test_downloads_is_a_switch_or_a_folder_that_is_meant_from_the_settings(tmp_path: Path) -> None:
    assert ServerConfig().downloads_folder == ROOT / "downloads"
    assert ServerConfig(downloads=False).downloads_folder is ServerConfig(board=False).downloads_folder is None
    assert loaded(tmp_path, '[server]\ndownloads = "files"\n').downloads_folder == tmp_path / "files"
    absolute = (tmp_path / "elsewhere").as_posix()
    assert loaded(tmp_path, f'[server]\ndownloads = "{absolute}"\n').downloads_folder == tmp_path / "elsewhere"
    for wrong in ("1", '""', '"a\\tb"', "[]"):
        words = complaint(tmp_path, f"[server]\ndownloads = {wrong}\n")
        assert "line 2: downloads = " in words and "true or false, or text of 1 to 1000 characters" in words


def test_names_for_browsers_are_names(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[server]\nboard_names = "roll.example, roll"\n').board_names == "roll.example, roll"
    assert loaded(tmp_path, '[server]\nboard_names = " http://roll.example/; b "\n').board_names == "roll.example, b"
    for wrong in ("roll:8080", "a b_$", "192.168.1.010"):
        assert "board_names" in complaint(tmp_path, f'[server]\nboard_names = "{wrong}"\n'), wrong
