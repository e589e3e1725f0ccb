"""What the desktop client remembers from one start to the next: servers, name, theme, size of the window.

One small JSON file, ``settings.json``, in the platform's place for such files (`settings_folder`). `SettingsFile.load`
reads it, `SettingsFile.save` writes it; what is in between is a frozen `Settings`, so that nobody changes it by
accident. Losing it costs a person some typing, so nothing here is ever fatal: both calls return a sentence for the
person instead of raising.

The file may have been edited, cut short by a full disk, or written by another version. Keys that this version does not
know are ignored; a theme that it does not know, a size that no screen has and servers beyond the bound fall back.
Anything else that is wrong counts as damage: the file is put aside, where a person can still look into it, and the
client starts with the defaults.

A save is a new file that takes the old one's place in one step (POSIX ``rename``, Windows ``MoveFileEx``): whoever
reads sees the old settings or the new, whole, even after a crash. No threads, no lock: of two saves the later wins.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from rollcall.program.folders import settings_folder
from rollcall.wire.text import MAX_NAME, forbidden_character, printable

MAX_SERVERS = 8
MAX_SERVER = 300
"""Characters of one server's text: a host name has at most 253 (RFC 1035), then the port."""
MAX_FILE = 64 * 1024
"""Bytes. Our own files have a few hundred."""
THEMES = ("light", "dark")
WIDTHS = (480, 10_000)
HEIGHTS = (360, 10_000)
"""Pixels: the smallest and the largest window that is remembered."""


class DamagedError(ValueError):
    """The settings cannot be used; ``str()`` says why, in words that follow a colon."""


@dataclass(frozen=True)
class Settings:
    """What is remembered.

    ``servers`` are texts as typed (``192.168.1.20:8080``), the most recent first, at most `MAX_SERVERS`. ``theme`` is
    one of `THEMES`. ``width`` and ``height`` are pixels, 0 if never remembered. ``connected``: the person was
    connected and did not disconnect, so the next start connects again.
    """

    servers: Tuple[str, ...] = ()
    name: str = ""
    theme: str = "light"
    width: int = 0
    height: int = 0
    connected: bool = False

    def with_server(self, server: str) -> Settings:
        """These settings with ``server`` in front, once; unchanged if it is no text that may be remembered."""
        server = server.strip()
        if not server or len(server) > MAX_SERVER or forbidden_character(server):
            return self
        others = tuple(known for known in self.servers if known != server)
        return replace(self, servers=(server, *others)[:MAX_SERVERS])


class SettingsFile:
    """The file ``settings.json`` in ``folder``, by default the platform's place. Does nothing until asked to."""

    def __init__(self, folder: Optional[Path] = None) -> None:
        self.folder = settings_folder() if folder is None else folder
        self.path = self.folder / "settings.json"

    def load(self) -> Tuple[Settings, str]:
        """The settings and a sentence for the person, empty if all is well or there is no file yet. Never raises.

        A file that cannot be read or used is put aside as ``settings.json.damaged``; an earlier one is overwritten.
        """
        try:
            with open(self.path, "rb") as file:
                data = file.read(MAX_FILE + 1)
            return _parse(data), ""
        except FileNotFoundError:
            return Settings(), ""
        except OSError as error:
            return Settings(), self._put_aside(f"could not be read: {_reason(error)}")
        except DamagedError as error:
            return Settings(), self._put_aside(f"is damaged: {error}")

    def save(self, settings: Settings) -> str:
        """Write ``settings`` in one step. Returns a sentence that says why it could not be done, or nothing."""
        try:
            fields = asdict(_checked(asdict(settings)))
        except DamagedError as error:
            return f"The settings could not be saved: {error}."
        text = json.dumps(fields, ensure_ascii=False, indent=2) + "\n"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # 0700: XDG Base Directory, "Referencing"
            _write(self.path, text.encode())
        except OSError as error:
            return f"The settings could not be saved in {printable(self.path, 1000)}: {_reason(error)}."
        return ""

    def _put_aside(self, why: str) -> str:
        aside = self.path.with_name(self.path.name + ".damaged")
        sentence = f"The settings file {printable(self.path, 1000)} {why}. Rollcall starts with its default settings"
        try:
            os.replace(self.path, aside)
        except OSError as error:
            return f"{sentence}; the file could not be put aside: {_reason(error)}."
        return f"{sentence}; the old file is now {printable(aside, 1000)}."


def _parse(data: bytes) -> Settings:
    if len(data) > MAX_FILE:
        raise DamagedError(f"it is larger than {MAX_FILE // 1024} KiB")
    try:
        fields = json.loads(data.decode("utf-8-sig"))  # some editors put a byte order mark in front
    except UnicodeDecodeError:
        raise DamagedError("it is not UTF-8 text") from None
    except (ValueError, RecursionError):  # the latter: brackets in brackets
        raise DamagedError("it is not JSON") from None
    if not isinstance(fields, dict):
        raise DamagedError("it is not a JSON object")
    return _checked(fields)


def _checked(fields: Dict[str, Any]) -> Settings:
    """The settings in ``fields``, the same rules for what is read and what is written. Raises `DamagedError`."""
    known = {**asdict(Settings()), **fields}
    servers, theme = known["servers"], _text("theme", known["theme"], MAX_NAME)
    if not isinstance(servers, (list, tuple)):
        raise DamagedError('"servers" must be a list of texts')
    if not isinstance(known["connected"], bool):
        raise DamagedError('"connected" must be true or false')
    return Settings(
        servers=tuple([_text("servers", server, MAX_SERVER) for server in servers][:MAX_SERVERS]),
        name=_text("name", known["name"], MAX_NAME),
        theme=theme if theme in THEMES else THEMES[0],
        width=_size("width", known["width"], WIDTHS),
        height=_size("height", known["height"], HEIGHTS),
        connected=known["connected"],
    )


def _text(key: str, value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise DamagedError(f'"{key}" must be text of at most {limit} characters')
    bad = forbidden_character(value)
    if bad:
        raise DamagedError(f'"{key}" contains the character {bad}')
    return value


def _size(key: str, value: object, bounds: Tuple[int, int]) -> int:
    if type(value) is not int:  # True is an int, too
        raise DamagedError(f'"{key}" must be a whole number')
    return value if bounds[0] <= value <= bounds[1] else 0


def _write(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of ``path`` in one step. Raises `OSError`, and then leaves nothing behind."""
    descriptor, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".tmp", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # before the rename: else a power cut may leave an empty file under the new name
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
