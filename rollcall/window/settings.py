"""What the desktop client remembers from one start to the next: servers, name, theme, size of the window.

One small JSON file, ``settings.json``, in the platform's place for such files (`settings_folder`). `SettingsFile.load`
reads it, `SettingsFile.change` changes it; what is in between is a frozen `Settings`, so that nobody changes it by
accident. Losing it costs a person some typing, so nothing here is ever fatal: both calls return a sentence for the
person instead of raising.

The file is not ours alone. Two windows of one person share it, and a person or another version may have written into
it: a change reads it again, writes only the keys that it means, and leaves the others as they stand, known or not. It
does so under a lock (`files.locked`), and in one step.

What stands in the file may be wrong. A theme that this version does not know, a size that no screen has and servers
beyond the bound fall back. Anything else counts as damage: the file is put aside, where a person can still look into
it, and the client starts with the defaults. A file that may not be *read* says nothing about what is in it: it stays
where it is, and is not written either.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, NamedTuple, Optional, Tuple

from rollcall.program import files
from rollcall.program.folders import settings_folder
from rollcall.wire.text import MAX_NAME, forbidden_character, printable

MAX_SERVERS = 8
MAX_SERVER = 300
"""Characters of one server's text: a host name has at most 253 (RFC 1035), then the port."""
MAX_FILE = 64 * 1024
"""Bytes. Our own files have a few hundred."""
THEMES = ("light", "dark")
WIDTHS = (360, 10_000)
HEIGHTS = (240, 10_000)
"""Pixels of a screen of 96 dots to the inch: the smallest and the largest window that is remembered."""
PERCENT = (50, 300)
"""Of zooming."""

DEFAULTS = "Rollcall starts with its default settings"


class DamagedError(ValueError):
    """The settings cannot be used; ``str()`` says why, in words that follow a colon."""


@dataclass(frozen=True)
class Settings:
    """What is remembered.

    ``servers`` are texts as typed (``192.168.1.20:8080``), the most recent first, at most `MAX_SERVERS`. ``theme`` is
    one of `THEMES`. ``width`` and ``height`` (with the list) and ``small_width`` and ``small_height`` (without) are
    pixels of a screen of 96 dots to the inch, so that a window has the same size in hand on another screen; 0 if never
    remembered. ``zoom`` is percent. ``own``: this is the person's own computer; only then there is a ``name``, and only
    then ``connected`` may be true: the person was connected and did not leave, so the next start joins by itself.
    ``teacher``: as one.
    """

    servers: Tuple[str, ...] = ()
    name: str = ""
    theme: str = "light"
    width: int = 0
    height: int = 0
    small_width: int = 0
    small_height: int = 0
    zoom: int = 100
    own: bool = False
    teacher: bool = False
    connected: bool = False

    def with_server(self, server: str) -> Settings:
        """These settings with ``server`` in front, once; unchanged if it is no text that may be remembered."""
        server = server.strip()
        if not server or len(server) > MAX_SERVER or forbidden_character(server):
            return self
        others = tuple(known for known in self.servers if known != server)
        return replace(self, servers=(server, *others)[:MAX_SERVERS])


    def joined(self, server: str, name: str, own: bool, is_teacher: bool) -> Settings:
        """These settings after somebody was let in there. Whoever's computer it is not leaves nothing but the server
        (an empty one is none)."""
        return replace(
            self.with_server(server), name=name if own else "", own=own, teacher=own and is_teacher, connected=own
        )


class _Content(NamedTuple):
    """What the file says, and every key that stands in it, known or not."""

    settings: Settings
    fields: Dict[str, Any]


class SettingsFile:
    """The file ``settings.json`` in ``folder``, by default the platform's place. Does nothing until asked to.

    Where this user has no place for settings, nothing is kept from one start to the next. One thread only; other
    windows and programs have a `SettingsFile` of their own.
    """

    def __init__(self, folder: Optional[Path] = None) -> None:
        place = settings_folder() if folder is None else folder
        self._has_place = place is not None
        self.path = (place or Path()) / "settings.json"
        self._known = Settings()  # as last read or written

    @property
    def folder(self) -> Optional[Path]:
        """Where the file is; None where this user has no place for it."""
        return self.path.parent if self._has_place else None

    def load(self) -> Tuple[Settings, str]:
        """The settings and a sentence for the person, empty if all is well or there is no file yet. Never raises.

        A file that cannot be used is put aside as ``settings.json.damaged``; an earlier one is overwritten.
        """
        if not self._has_place:
            return self._known, "This user has no home folder (HOME is not set): nothing is kept for the next start."
        sentence = ""
        try:
            self._known = self._read().settings
        except FileNotFoundError:
            pass
        except OSError as error:
            sentence = f"{self._name} could not be read: {_reason(error)}. {DEFAULTS} and leaves the file as it is."
        except DamagedError as damage:
            try:
                with self._locked():
                    sentence = self._rescue()
            except OSError as error:
                sentence = f"{self._name} is damaged: {damage}. It could not be put aside: {_reason(error)}."
            sentence += f" {DEFAULTS}." if sentence else ""
        return self._known, sentence

    def change(self, edit: Callable[[Settings], Settings]) -> Tuple[Settings, str]:
        """Change what ``edit`` changes in the settings as they are by now, whoever wrote them; the file is written only
        if that is something. Returns the settings and a sentence that says why they could not be saved, or nothing.
        Where that fails, the change holds for this run all the same. Never raises."""
        if not self._has_place:
            self._known = edit(self._known)
            return self._known, ""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # 0700: XDG Base Directory, "Referencing"
            with self._locked():
                sentence = self._change(edit)
        except OSError as error:
            self._known = edit(self._known)
            sentence = f"The settings could not be saved in {printable(self.path, 1000)}: {_reason(error)}."
        except DamagedError as error:
            sentence = f"The settings could not be saved: {error}."
        return self._known, sentence

    def _change(self, edit: Callable[[Settings], Settings]) -> str:
        """`change`, under the lock. Raises `OSError`, and `DamagedError` if the new settings are none."""
        sentence = ""
        try:
            before, fields = self._read()
            after = edit(before)
        except FileNotFoundError:
            before, fields = Settings(), {}
            after = edit(self._known)  # all that we know is written anew
        except DamagedError:
            sentence = self._rescue()
            before, fields = Settings(), {}
            after = edit(self._known)
        after = _checked(asdict(after))
        old, new = asdict(before), asdict(after)
        changed = {key: value for key, value in new.items() if value != old[key]}
        if changed:
            files.replace(self.path, _encoded({**fields, **changed}, new))
        self._known = after
        return sentence

    def _read(self) -> _Content:
        """Raises `OSError` or `DamagedError`."""
        return _parse(files.read(self.path, MAX_FILE + 1))

    def _rescue(self) -> str:
        """Put a damaged file aside and say so; under the lock, and only if it is still damaged: another window may have
        put it aside and written a good one. Raises `OSError`."""
        try:
            self._known = self._read().settings
            return ""
        except FileNotFoundError:
            return ""
        except DamagedError as error:
            aside = files.put_aside(self.path, ".damaged")
            return f"{self._name} is damaged: {error}. It is now {printable(aside, 1000)}."

    def _locked(self) -> ContextManager[None]:
        return files.locked(self.path.with_name(self.path.name + ".lock"))

    @property
    def _name(self) -> str:
        return f"The settings file {printable(self.path, 1000)}"


class Memory:
    """What one window remembers: the settings as they were last read, and the file, if there is one."""

    def __init__(self, file: Optional[SettingsFile]) -> None:
        self._file = file
        self.folder = file.folder if file is not None else None
        """Where this person's files are; None where nothing is kept."""
        self.settings, self.damage = file.load() if file is not None else (Settings(), "")

    def change(self, edit: Callable[[Settings], Settings]) -> str:
        """Keep something for the next start. A sentence that says why it cannot be kept, or nothing."""
        if self._file is None:
            self.settings = edit(self.settings)
            return ""
        self.settings, sentence = self._file.change(edit)
        return sentence


def _parse(data: bytes) -> _Content:
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
    return _Content(_checked(fields), fields)


def _checked(fields: Dict[str, Any]) -> Settings:
    """The settings in ``fields``, the same rules for what is read and what is written. Raises `DamagedError`."""
    known = {**asdict(Settings()), **fields}
    servers, theme = known["servers"], _text("theme", known["theme"], MAX_NAME)
    if not isinstance(servers, (list, tuple)):
        raise DamagedError('"servers" must be a list of texts')
    for key in ("connected", "own", "teacher"):
        if not isinstance(known[key], bool):
            raise DamagedError(f'"{key}" must be true or false')
    return Settings(
        servers=tuple([_text("servers", server, MAX_SERVER) for server in servers][:MAX_SERVERS]),
        name=_text("name", known["name"], MAX_NAME),
        theme=theme if theme in THEMES else THEMES[0],
        width=_size("width", known["width"], WIDTHS),
        height=_size("height", known["height"], HEIGHTS),
        small_width=_size("small_width", known["small_width"], WIDTHS),
        small_height=_size("small_height", known["small_height"], HEIGHTS),
        zoom=_size("zoom", known["zoom"], PERCENT) or 100,
        own=known["own"],
        teacher=known["teacher"],
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


def _encoded(fields: Dict[str, Any], own: Dict[str, Any]) -> bytes:
    """The text of a file with all ``fields``; only ``own``, our keys, if the others would make it unreadable for us."""
    for is_ascii in (False, True):  # half a surrogate pair can only be written as \\ud800
        try:
            data = (json.dumps(fields, ensure_ascii=is_ascii, indent=2) + "\n").encode()
        except (UnicodeEncodeError, RecursionError):
            continue
        if len(data) <= MAX_FILE:
            return data
    return (json.dumps(own, ensure_ascii=False, indent=2) + "\n").encode()


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
