"""``config.toml`` and the command line, read once into one frozen, validated `ServerConfig`.

The command line beats the file, the file beats the default. The file is ``config.toml`` beside the program; an
executable without one takes the file that was packed into it. That it is missing is no error: the defaults are
sensible. But settings that somebody wrote are never passed over in silence: not a file that ``--config`` names, nor one
whose name is nearly right. Anything that is wrong is one `ConfigError`, whose text names the file, the line where there
is one, the key, the value as it stands there, and what is right; `server.main` prints it and exits with code 2.

What can be configured stands in ``settings.py``. The format is TOML 1.0, read by ``tomllib`` (Python 3.11) or its twin
``tomli`` before that.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from protocol import __version__
from rollcall.program.files import patiently
from rollcall.program.frozen import bundled_file, program_folder, program_name
from rollcall.program.os_errors import file_reason
from rollcall.server.record_arguments import add_arguments
from rollcall.server.settings import (
    AUTO,
    BY_KEY,
    DEFAULT,
    LEAST_TIMEOUT,
    Option,
    ServerConfig,
    toml_text,
)
from rollcall.server.settings_text import explain, line_number, value_as_written
from rollcall.server.timetable import read_bells
from rollcall.wire.address import parse_host, parse_port
from rollcall.wire.discovery import parse_networks
from rollcall.wire.messages import CODE, NOBODY
from rollcall.wire.text import check_name, printable

CONFIG_NAME = "config.toml"
SECTION = "server"
HIDDEN_ENDINGS = (".txt", ".toml", ".rtf")
"""What editors put behind the name of a file that is saved as text; Windows and macOS hide it."""

COMMAND_LINE, ENVIRONMENT, BUNDLED = "command line", "environment", "bundled default"

ENVIRONMENT_OF = {"join_code": "ROLLCALL_JOIN_CODE", "teacher_code": "ROLLCALL_TEACHER_CODE"}
"""What may stand in the environment, so that it is not in the list of processes."""

ARGUMENTS = ("host", "port", "name", "join_code", "teacher_code")
"""What the command line may say."""


class ConfigError(Exception):
    """The configuration cannot be used. ``str(error)`` is the whole message for the person who wrote it."""


# In a sentence that shows a line of the file: what stands behind such a key.
_A_SECRET = re.compile(rf"\b({'|'.join(ENVIRONMENT_OF)})\b([\"']?\s*[=:]*\s*).+?(?=\. The line is: |$)")
_HIDDEN = r"\1\2…"


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
            values[key] = values.get(lesson_key, BY_KEY[lesson_key].default)
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


def _parsetoml_text(path: Path, text: str) -> Dict[str, Any]:
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
        explained = explain(text, str(error), tomllib.loads, list(BY_KEY))
        raise ConfigError(f"{path}{_A_SECRET.sub(_HIDDEN, explained)}") from None
    except RecursionError:
        raise ConfigError(f"{path}: cannot be read: it nests too deeply") from None


def _check_file(path: Path, text: str) -> Dict[str, Any]:
    text = text.replace("\r\n", "\n")
    document = _parsetoml_text(path, text)
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
        option = BY_KEY.get(key)
        if option is None:
            hint = _hint(key, list(BY_KEY)) or f"; the keys are {', '.join(BY_KEY)}"
            raise ConfigError(f"{where}: {printable(key)} is not known{hint}")
        written = key if option.is_secret else f"{key} = {value_as_written(text, key, SECTION) or toml_text(value)}"
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
    option = BY_KEY[key]
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
    written = value_as_written(text, key, SECTION) or toml_text(getattr(config, key))
    raise ConfigError(f"{path}{_line_of_key(text, key)}: {key} = {written} {wrong}, {why}")


def _line_of_key(text: str, key: str) -> str:
    number = line_number(text, key, SECTION)
    return "" if number is None else f", line {number}"


def _check_version_1(config: ServerConfig, path: Path, text: str) -> None:
    if 0 < config.version_1_timeout < LEAST_TIMEOUT:
        key = "version_1_timeout"
        written = value_as_written(text, key, SECTION) or toml_text(config.version_1_timeout)
        right = f"it must be 0 or at least {LEAST_TIMEOUT:g}"
        raise ConfigError(f"{path}{_line_of_key(text, key)}: {key} = {written} is wrong: {right}")


def _line_of(text: str, pattern: str) -> str:
    """``", line N"`` of the first line that starts with ``pattern``, or nothing."""
    match = re.search(rf"""^[ \t'"]*(?:{pattern})""", text, re.MULTILINE)
    return f", line {text.count(chr(10), 0, match.start()) + 1}" if match else ""


def _hint(word: str, known: List[str], form: str = "{}") -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {form.format(close[0])}?" if close else ""
