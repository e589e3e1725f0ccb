"""``config.toml`` and the command line, read once into one frozen, validated `ServerConfig`.

The command line beats the file, the file beats the default. The file is ``config.toml`` beside the program; an
executable without one takes the file that was packed into it. That it is missing is no error: the defaults are
sensible. But settings that somebody wrote are never passed over in silence: not a file that ``--config`` names, nor one
whose name is nearly right. Anything that is wrong is one `ConfigError`, whose text names the file, the line where there
is one, the key, the value as it stands there, and what is right; `server.main` prints it and exits with code 2.

`OPTIONS` is the one table of what can be configured: the validation, the printed settings, and the check
that the documentation is complete are all made from it. Nothing here is mutable and nothing starts a thread. The
format is TOML 1.0, read by ``tomllib`` (Python 3.11) or its twin ``tomli`` before that.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from protocol import __version__
from rollcall.program.files import patiently
from rollcall.program.frozen import bundled_file, program_folder, program_name
from rollcall.program.os_errors import file_reason
from rollcall.server.record_arguments import add_arguments
from rollcall.server.settings_text import explain, line_number, value_as_written
from rollcall.server.timetable import read_bells
from rollcall.wire.address import DEFAULT_PORT, parse_host, parse_port
from rollcall.wire.discovery import parse_networks
from rollcall.wire.messages import CODE, NOBODY, PROOFS, THIS_MACHINE
from rollcall.wire.text import MAX_NAME, check_name, printable

CONFIG_NAME = "config.toml"
SECTION = "server"
DOWNLOADS = "downloads"
HIDDEN_ENDINGS = (".txt", ".toml", ".rtf")
"""What editors put behind the name of a file that is saved as text; Windows and macOS hide it."""

DEFAULT, COMMAND_LINE, ENVIRONMENT, BUNDLED = "default", "command line", "environment", "bundled default"

AUTO = "auto"
"""The join code that the server makes itself."""

MOST_CODE, MOST_PATH = 256, 4096
"""Characters of a code as it is written, spaces and hyphens included, and of the name of a file."""

ENVIRONMENT_OF = {"join_code": "ROLLCALL_JOIN_CODE", "teacher_code": "ROLLCALL_TEACHER_CODE"}
"""What may stand in the environment, so that it is not in the list of processes."""

ARGUMENTS = ("host", "port", "name", "join_code", "teacher_code")
"""What the command line may say."""

LEAST_TIMEOUT = 0.2
VERSION_1_TIMEOUT = 150.0
"""Seconds: two and a half heartbeats of an original client."""


class ConfigError(Exception):
    """The configuration cannot be used. ``str(error)`` is the whole message for the person who wrote it."""


@dataclass(frozen=True)
class Option:
    """One key of the ``[server]`` section: its default, its bounds and what it is for."""

    key: str
    default: Any
    low: float
    high: float
    help: str
    choices: Tuple[str, ...] = ()
    is_secret: bool = False
    """Never shown: the settings are printed where a projector shows them."""
    or_text: int = 0
    """For a switch that may be text as well, such as a folder: how many characters at most."""

    @property
    def allowed(self) -> str:
        """What a value must be, as one phrase for an error message or a table."""
        if isinstance(self.default, bool):
            return "true or false" + (f", or text of 1 to {self.or_text} characters" if self.or_text else "")
        if self.choices:
            *most, last = (f'"{choice}"' for choice in self.choices)
            return f"{', '.join(most)} or {last}"
        if isinstance(self.default, tuple):
            return f"a list of at most {self.high:.0f} texts"
        if isinstance(self.default, str):
            return f"text of {self.low:.0f} to {self.high:.0f} characters"
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} from {self.low:g} to {self.high:.0f}"

    def accepts(self, value: Any) -> bool:
        """True if ``value`` has the right type and lies within the bounds. NaN never does."""
        if isinstance(self.default, bool):
            if not (self.or_text and isinstance(value, str)):
                return isinstance(value, bool)
            return 1 <= len(value) <= self.or_text and value.isprintable()
        if self.choices:
            return isinstance(value, str) and value in self.choices
        if isinstance(self.default, tuple):
            return isinstance(value, (list, tuple)) and len(value) <= self.high and all(map(_is_text, value))
        if isinstance(self.default, str):
            return isinstance(value, str) and self.low <= len(value) <= self.high and value.isprintable()
        types = (int,) if isinstance(self.default, int) else (int, float)
        return type(value) in types and self.low <= value <= self.high


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


OPTIONS: Tuple[Option, ...] = (
    Option("host", "0.0.0.0", 1, 253, "the address to listen on; 0.0.0.0 is every IPv4 address, :: every address"),
    Option("port", DEFAULT_PORT, 0, 65535, "the TCP port; 0 lets the system choose a free one"),
    Option("port_attempts", 6, 1, 100, "how many ports to try, from port upwards, when one is busy"),
    Option("name", "Rollcall", 1, MAX_NAME, "the name that clients show for this server"),
    Option("heartbeat_interval", 60.0, 0.1, 86_400, "seconds between two pings of a client; the server tells it"),
    Option("connection_timeout", 120.0, LEAST_TIMEOUT, 604_800, "seconds of silence after which a client is removed"),
    Option(
        "version_1_timeout", 0.0, 0, 604_800,
        "the same for clients of version 1, which beat every 60 s; 0 is the longer of 150 and connection_timeout",
    ),
    Option("registration_timeout", 10.0, 0.1, 300, "seconds that a new connection has to register"),
    Option("max_clients", 100, 1, 50_000, "how many clients may be connected at once"),
    Option("max_per_address", 0, 0, 50_000, "how many clients may come from one address; 0 is no limit"),
    Option("one_cpu", True, 0, 1, "keep the server on one processor, which makes it faster (Linux)"),
    Option("log_file_size", 10.0, 0, 100_000, "megabytes of the --log-file before a new one begins; 0 is no limit"),
    Option("message_rate", 50.0, 0, 1_000_000, "messages a second that one client may send; 0 is no limit"),
    Option("join_code", "", 0, MOST_CODE, "the code on the board; empty: open; auto: made here", is_secret=True),
    Option("teacher_code", "", 0, MOST_CODE, "the code that makes a teacher; empty: there is none", is_secret=True),
    Option("teacher", THIS_MACHINE, 0, 0, "what makes somebody a teacher", PROOFS),
    Option("tls_certificate", "", 0, MOST_PATH, "a certificate of your own (PEM); empty: the server makes its own"),
    Option("tls_key", "", 0, MOST_PATH, "the key of tls_certificate, if it is not in the same file"),
    Option("classes", "", 0, MOST_PATH, "the folder of class lists; empty: the one in the data folder"),
    Option("bells", (), 0, 50, "when lessons begin and end, such as 08:00-09:30; none: a teacher says so"),
    Option("late_after", 300.0, 0, 7200, "seconds after the begin of a lesson in which nobody is late or missing"),
    Option("lesson_interval", 5.0, 0.1, 3600, "heartbeat_interval of a server that is started with a class"),
    Option("lesson_timeout", 20.0, LEAST_TIMEOUT, 7200, "connection_timeout of a server that is started with a class"),
    Option("keep_awake", True, 0, 1, "keep this computer awake while a lesson goes on"),
    Option("record", "class", 0, 0, "when it is written down who was here", ("class", "always", "never")),
    Option("record_days", 180, 1, 3650, "for how many days that is kept"),
    Option("offer_names", "closed", 0, 0, "in which rooms the names are offered", ("closed", "always", "never")),
    Option("discoverable", True, 0, 1, "answer clients that ask the network which servers there are"),
    Option(
        "discoverable_networks", "", 0, 500,
        "networks that are answered beside private ones, such as 192.0.2.0/24, with commas between",
    ),
    Option("board", True, 0, 1, "answer browsers: a page for students at /, who is here at /board"),
    Option("downloads", True, 0, 1, "hand out the files of the folder downloads beside it, or of one", or_text=1000),
    Option("board_names", "", 0, 1000, "more names of this server that may stand in a browser's address bar"),
)
_BY_KEY: Mapping[str, Option] = {option.key: option for option in OPTIONS}

# In a sentence that shows a line of the file: what stands behind such a key.
_A_SECRET = re.compile(rf"\b({'|'.join(ENVIRONMENT_OF)})\b([\"']?\s*[=:]*\s*).+?(?=\. The line is: |$)")
_HIDDEN = r"\1\2…"


@dataclass(frozen=True)
class ServerConfig:
    """The settings in force. Times are seconds; see `OPTIONS` for bounds and meaning.

    ``sources`` says for each key where its value came from: ``default``, the file's name, ``bundled default`` (the file
    inside the executable), ``environment``, or ``command line``. ``file_named``: it is the one that ``--config`` names.
    """

    host: str = "0.0.0.0"
    port: int = DEFAULT_PORT
    port_attempts: int = 6
    name: str = "Rollcall"
    heartbeat_interval: float = 60.0
    connection_timeout: float = 120.0
    version_1_timeout: float = 0.0
    registration_timeout: float = 10.0
    max_clients: int = 100
    max_per_address: int = 0
    log_file_size: float = 10.0
    message_rate: float = 50.0
    one_cpu: bool = True
    join_code: str = field(default="", repr=False)
    teacher_code: str = field(default="", repr=False)
    teacher: str = THIS_MACHINE
    tls_certificate: str = ""
    tls_key: str = ""
    classes: str = ""
    bells: Tuple[str, ...] = ()
    late_after: float = 300.0
    lesson_interval: float = 5.0
    lesson_timeout: float = 20.0
    keep_awake: bool = True
    record: str = "class"
    record_days: int = 180
    offer_names: str = "closed"
    discoverable: bool = True
    discoverable_networks: str = ""
    board: bool = True
    downloads: Union[bool, str] = True
    board_names: str = ""
    file: Optional[Path] = None
    file_found: bool = False
    file_named: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def version_1_lease(self) -> float:
        """``version_1_timeout``, or what stands for its 0."""
        return self.version_1_timeout or max(VERSION_1_TIMEOUT, self.connection_timeout)

    def path_of(self, name: str) -> Path:
        """The file of this name, which stands in the settings file: it is meant from there, not from anywhere else."""
        return (self.file.parent if self.file is not None else Path()) / Path(name).expanduser()

    @property
    def downloads_folder(self) -> Optional[Path]:
        """The folder whose files are handed out, there or not; None if none are. One that the settings name is meant
        from where the settings are."""
        if not self.board or self.downloads is False:
            return None
        if self.downloads is True:
            return program_folder() / DOWNLOADS
        return self.path_of(str(self.downloads))

    def describe(self) -> List[str]:
        """The settings, a line each, with where they came from."""
        width = max(len(option.key) for option in OPTIONS)
        lines = []
        for option in OPTIONS:
            text = _toml(getattr(self, option.key))
            if option.is_secret and text not in ('""', f'"{AUTO}"'):
                text = "(set)"
            lines.append(f"{option.key:<{width}} = {text:<12} ({self.sources.get(option.key, DEFAULT)})")
        return lines


@dataclass(frozen=True)
class ServerArguments:
    """What the command line of the server says beside the settings. ``warnings`` are sentences for the log."""

    config: ServerConfig
    check_config: bool
    verbose: bool
    trace: bool
    log_file: Optional[Path]
    classes: Tuple[str, ...] = ()
    warnings: Tuple[str, ...] = ()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program_name("server.py"),
        description="Rollcall server: tells everyone on the LAN who is connected right now.",
        epilog="Settings come from config.toml; the command line overrides it, and ROLLCALL_JOIN_CODE and "
        "ROLLCALL_TEACHER_CODE stand for those of its options that others can see in the list of processes. "
        "Ctrl-C stops the server and tells every client.",
    )
    file_help = f"settings file (default: {CONFIG_NAME} beside the program)"
    parser.add_argument("--config", metavar="FILE", type=Path, help=file_help)
    parser.add_argument("--host", metavar="H", help="address to listen on, such as 0.0.0.0 or 127.0.0.1")
    parser.add_argument("--port", metavar="P", help="TCP port, tried alone; 0 picks a free one")
    parser.add_argument("--name", metavar="TEXT", help="the name that clients show for this server")
    parser.add_argument("--join-code", metavar="CODE", help="the code on the board; auto makes one, '' opens the room")
    parser.add_argument("--teacher-code", metavar="CODE", help="the code that makes a teacher")
    parser.add_argument("--check-config", action="store_true", help="check the settings, print them and exit")
    parser.add_argument("--verbose", action="store_true", help="log every ping and pong")
    parser.add_argument("--trace", action="store_true", help="print every line on the wire: < came in, > went out")
    parser.add_argument("--log-file", metavar="FILE", type=Path, help="append the log to FILE as well")
    parser.add_argument("--version", action="version", version=f"Rollcall server {__version__}")
    add_arguments(parser)
    return parser


def load(argv: Optional[Sequence[str]] = None) -> ServerArguments:
    """Read the command line and the file it names. Raises `ConfigError`; argparse exits with 2 on bad usage."""
    arguments = _parser().parse_args(argv)
    path = arguments.config or (program_folder() / CONFIG_NAME).resolve()  # a link's target is what a person edits
    text, source = _read_file(path), path.name
    alike = _names_alike(path)
    if text is None:
        if arguments.config is not None:
            hint = f"; did you mean {alike[0]}?" if alike else ""
            raise ConfigError(f"--config {path}: there is no such file{hint}")
        if alike:
            raise ConfigError(f"{path.parent / alike[0]}: is not read, because of its name; call it {path.name}")
    bundled = bundled_file(CONFIG_NAME) if text is None else None
    if bundled is not None:
        path, source = bundled, BUNDLED
        text = _read_file(path)
    values: Dict[str, Any] = {} if text is None else _check_file(path, text)
    sources = dict.fromkeys(values, source)
    for key in ARGUMENTS:
        given, by = getattr(arguments, key), COMMAND_LINE
        if given is None and os.environ.get(ENVIRONMENT_OF.get(key, "")):
            given, by = os.environ[ENVIRONMENT_OF[key]], ENVIRONMENT
        if given is not None:
            values[key] = _check_argument(key, given, by)
            sources[key] = by
    if arguments.port is not None:
        values["port_attempts"] = 1
        sources["port_attempts"] = COMMAND_LINE
    named = arguments.config is not None
    if arguments.classes:
        for key, lesson_key in (("heartbeat_interval", "lesson_interval"), ("connection_timeout", "lesson_timeout")):
            values[key] = values.get(lesson_key, _BY_KEY[lesson_key].default)
            sources[key] = lesson_key
    config = ServerConfig(**values, file=path, file_found=text is not None, file_named=named, sources=sources)
    _check_timeouts(config, path, text or "")
    _check_codes(config, path, text or "")
    _check_version_1(config, path, text or "")
    ignored = tuple(f"{path.parent / name} is not read; the settings are those of {path.name}" for name in alike)
    return ServerArguments(
        config,
        arguments.check_config,
        arguments.verbose,
        arguments.trace,
        arguments.log_file,
        tuple(arguments.classes or ()),
        ignored,
    )


def _read_file(path: Path) -> Optional[str]:
    try:
        data = patiently(path.read_bytes)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {file_reason(error)}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "it is UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else f"byte {error.start}"
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{path}, line {line}: is not UTF-8 text ({kind}); in the editor choose UTF-8 when you save it"
        raise ConfigError(message) from None


def _names_alike(path: Path) -> List[str]:
    """Other files beside ``path`` that somebody has probably meant to be it: editors add an ending, which some systems
    hide, and where capitals count ``Config.toml`` is another file."""
    wanted = path.name.lower()
    try:
        here = sorted(item.name for item in path.parent.iterdir() if item.name != path.name and item.is_file())
    except OSError:
        return []
    alike = [name for name in here if name.lower() in (wanted, *(wanted + ending for ending in HIDDEN_ENDINGS))]
    return [name for name in alike if not (path.exists() and path.samefile(path.parent / name))]


def _parse_toml(path: Path, text: str) -> Dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError:
            raise ConfigError(
                f"{path}: Python {sys.version_info[0]}.{sys.version_info[1]} needs the package tomli to read it; "
                "install it with: python -m pip install tomli"
            ) from None
    try:
        document: Dict[str, Any] = tomllib.loads(text)
        return document
    except tomllib.TOMLDecodeError as error:
        explained = explain(text, str(error), tomllib.loads, list(_BY_KEY))
        raise ConfigError(f"{path}{_A_SECRET.sub(_HIDDEN, explained)}") from None
    except RecursionError:
        raise ConfigError(f"{path}: cannot be read: it nests too deeply") from None


def _check_file(path: Path, text: str) -> Dict[str, Any]:
    text = text.replace("\r\n", "\n")
    document = _parse_toml(path, text)
    for section, content in document.items():
        if section != SECTION:
            what = f"[{section}]" if isinstance(content, dict) else printable(section)
            line = _line_of(text, rf"\[\s*{re.escape(section)}\s*\]|{re.escape(section)}\s*[=.]")
            hint = _hint(section, [SECTION], "[{}]") or f"; every setting belongs below [{SECTION}]"
            raise ConfigError(f"{path}{line}: {printable(what)} is not known{hint}")
        if not isinstance(content, dict):
            raise ConfigError(f"{path}{_line_of(text, SECTION)}: {SECTION} must be a section, written [{SECTION}]")
    values: Dict[str, Any] = document.get(SECTION, {})
    for key, value in values.items():
        where = f"{path}{_line_of_key(text, key)}"
        option = _BY_KEY.get(key)
        if option is None:
            hint = _hint(key, list(_BY_KEY)) or f"; the keys are {', '.join(_BY_KEY)}"
            raise ConfigError(f"{where}: {printable(key)} is not known{hint}")
        written = key if option.is_secret else f"{key} = {value_as_written(text, key, SECTION) or _toml(value)}"
        if not option.accepts(value):
            raise ConfigError(f"{where}: {written} is wrong: it must be {option.allowed}{_hint_about(option, value)}")
        values[key] = _convert(option, value, f"{where}: {written} is wrong")
    return values


def _hint_about(option: Option, value: Any) -> str:
    """What to do about a value of the wrong type."""
    if isinstance(option.default, str):
        if not isinstance(value, str):
            return ", in straight quotes"
        odd = next((char for char in value if not char.isprintable()), None)
        return "" if odd is None else f", but contains U+{ord(odd):04X}; in text a \\ is written twice: \\\\"
    return ", without quotes" if isinstance(value, str) else ""


def _check_argument(key: str, given: str, by: str) -> Any:
    option = _BY_KEY[key]
    if key == "port":
        try:
            return parse_port(given, lowest=0)
        except ValueError as error:
            raise ConfigError(f"--port: {error}") from None
    wrong = f"--{key} {printable(given)!r} is wrong"
    if option.is_secret:
        wrong = f"{_told_by(key, by)} is wrong"
    if not option.accepts(given):
        raise ConfigError(f"{wrong}: it must be {option.allowed}")
    return _convert(option, given, wrong)


def _convert(option: Option, value: Any, wrong: str) -> Any:
    """The value as the program takes it. ``wrong`` begins the sentence if it takes it not at all."""
    try:
        if option.key == "name":
            return check_name(value)
        if option.key == "host":
            return parse_host(value)
        if option.is_secret:
            return _check_code(option.key, value)
        if option.key == "bells":
            read_bells(value)
            return tuple(value)
        if option.key == "discoverable_networks":
            parse_networks(value)
        if option.key == "board_names":
            return ", ".join(parse_host(name) for name in re.split(r"[\s,;]+", value) if name)
    except ValueError as error:
        raise ConfigError(f"{wrong}: {error}") from None
    return float(value) if isinstance(option.default, float) else value


def _told_by(key: str, by: str) -> str:
    return ENVIRONMENT_OF[key] if by == ENVIRONMENT else "--" + key.replace("_", "-")


def _check_code(key: str, value: str) -> str:
    """The code as it was written, or ``auto``. Raises ValueError with the reason, which does not repeat it."""
    from rollcall.wire.codes import join_code, teacher_code

    if key == "join_code" and value.strip().lower() == AUTO:
        return AUTO
    if not value.strip():
        return ""
    try:
        (join_code if key == "join_code" else teacher_code)(value)
    except ValueError as error:
        raise ValueError(f"this code {error}") from None
    return value.strip()


def _check_codes(config: ServerConfig, path: Path, text: str) -> None:
    """The rules between the settings of a closed room, told about the one that is to be changed."""
    key = wrong = ""
    if config.teacher == CODE and not config.teacher_code:
        key, wrong = "teacher", f'= "{CODE}" needs a teacher_code, and there is none'
    elif config.teacher == NOBODY and config.teacher_code:
        key, wrong = "teacher_code", f'is of no use to anybody, because of teacher = "{NOBODY}"'
    elif config.tls_key and not config.tls_certificate:
        key, wrong = "tls_key", "belongs to a tls_certificate, and there is none"
    elif config.teacher_code and config.join_code and config.join_code != AUTO:
        from rollcall.wire.codes import join_code, teacher_code

        try:
            teacher_code(config.teacher_code, join_code(config.join_code))
        except ValueError as error:
            key, wrong = "teacher_code", f"is wrong: this code {error}"
    if wrong:
        by = config.sources.get(key, DEFAULT)
        where = _told_by(key, by) if by in (COMMAND_LINE, ENVIRONMENT) else f"{path}{_line_of_key(text, key)}: {key}"
        raise ConfigError(f"{where} {wrong}")


def _check_timeouts(config: ServerConfig, path: Path, text: str) -> None:
    """The rule between two keys is told about the one that stands in the file: that is the one to change."""
    interval, timeout = config.heartbeat_interval, config.connection_timeout
    if timeout >= 2 * interval:
        return
    why = "or one lost ping would remove a client that is there"
    if "connection_timeout" in config.sources:
        key, other = "connection_timeout", f"heartbeat_interval = {interval:g}"
        wrong = f"is too short for {other}: it must be at least twice as long ({2 * interval:g})"
    else:
        key, other = "heartbeat_interval", f"connection_timeout = {timeout:g}, which is the default"
        wrong = f"is too long for {other}: it may be at most half of that ({timeout / 2:g})"
    written = value_as_written(text, key, SECTION) or _toml(getattr(config, key))
    raise ConfigError(f"{path}{_line_of_key(text, key)}: {key} = {written} {wrong}, {why}")


def _line_of_key(text: str, key: str) -> str:
    number = line_number(text, key, SECTION)
    return "" if number is None else f", line {number}"


def _check_version_1(config: ServerConfig, path: Path, text: str) -> None:
    if 0 < config.version_1_timeout < LEAST_TIMEOUT:
        key = "version_1_timeout"
        written = value_as_written(text, key, SECTION) or _toml(config.version_1_timeout)
        right = f"it must be 0 or at least {LEAST_TIMEOUT:g}"
        raise ConfigError(f"{path}{_line_of_key(text, key)}: {key} = {written} is wrong: {right}")


def _line_of(text: str, pattern: str) -> str:
    """``", line N"`` of the first line that starts with ``pattern``, or nothing."""
    match = re.search(rf"""^[ \t'"]*(?:{pattern})""", text, re.MULTILINE)
    return f", line {text.count(chr(10), 0, match.start()) + 1}" if match else ""


def _hint(word: str, known: List[str], form: str = "{}") -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {form.format(close[0])}?" if close else ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{printable(value)}"' if isinstance(value, str) else printable(value)


# The table and the dataclass say the same; a difference between them would be a default that lies.
assert all(
    {item.name: item.default for item in fields(ServerConfig)}[option.key] == option.default for option in OPTIONS
)
