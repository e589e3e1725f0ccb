"""What can be configured: the table of all settings, and those in force as one frozen value.

`OPTIONS` is the one table: the validation, the printed settings, and the check that the documentation is complete are
all made from it. `ServerConfig` has a field for each. Where the values come from, and what is said about one that is
wrong, is ``config.py``'s business. Nothing here is mutable, does I/O or starts a thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, List, Mapping, Optional, Tuple, Union

from rollcall.program.frozen import program_folder
from rollcall.wire.address import DEFAULT_PORT
from rollcall.wire.messages import PROOFS, THIS_MACHINE
from rollcall.wire.text import MAX_NAME, printable

DOWNLOADS = "downloads"
DEFAULT = "default"
"""Where the value of a setting comes from that nobody has set."""

AUTO = "auto"
"""The join code that the server makes itself."""

MOST_CODE, MOST_PATH = 256, 4096
"""Characters of a code as it is written, spaces and hyphens included, and of the name of a file."""

LEAST_TIMEOUT = 0.2
VERSION_1_TIMEOUT = 150.0
"""Seconds: two and a half heartbeats of an original client."""


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
BY_KEY: Mapping[str, Option] = {option.key: option for option in OPTIONS}


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
            text = toml_text(getattr(self, option.key))
            if option.is_secret and text not in ('""', f'"{AUTO}"'):
                text = "(set)"
            lines.append(f"{option.key:<{width}} = {text:<12} ({self.sources.get(option.key, DEFAULT)})")
        return lines


def toml_text(value: Any) -> str:
    """A value as it would stand in the file, whatever it is; strange texts are escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_text, value)) + "]"
    return f'"{printable(value)}"' if isinstance(value, str) else printable(value)


# The table and the dataclass say the same; a difference between them would be a default that lies.
assert all(
    {item.name: item.default for item in fields(ServerConfig)}[option.key] == option.default for option in OPTIONS
)
