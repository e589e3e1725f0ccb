"""The start of a server with a class: which lists ``--class`` means, files that are imported first, and the first
lines about the lesson. In the main thread, before anybody is served; it may wait for the disk. No state."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

from rollcall.server.class_text import ClassError
from rollcall.server.classes import ClassFolder, import_file
from rollcall.server.classroom import ALWAYS, folder_of
from rollcall.server.lesson import Refused
from rollcall.server.room import Room
from rollcall.server.settings import ServerConfig
from rollcall.wire.text import counted, printable


def classes_of(
    config: ServerConfig, data: Optional[Path], given: Sequence[str], say: Callable[[str], None]
) -> Tuple[str, ...]:
    """The names of the classes that ``--class`` means; what is a file is imported under its own name. Raises
    `ClassError`."""
    if not given:
        return ()
    if data is None and not config.classes:
        raise ClassError(f"{printable(given[0])}: there is no place for class lists; name one with the setting classes")
    folder = ClassFolder(folder_of(config, data))
    return tuple(_one(folder, text, say) for text in given)


def _one(folder: ClassFolder, text: str, say: Callable[[str], None]) -> str:
    known = {name.lower(): name for name in folder.names()}
    if text.lower() in known:
        name = known[text.lower()]
        folder.read(name)
        return name
    path = Path(text).expanduser()
    if not path.suffix and not path.exists():
        there = ", ".join(known.values()) or "none yet"
        raise ClassError(f"{printable(text)}: there is no such class (there are: {there}); to import one name its file")
    found = import_file(path)
    if found.needs_class:
        raise ClassError(f"{path}: a column names several classes ({', '.join(found.class_names)}); one file for each")
    folder.write(path.stem, found.people)
    say(f"Imported {path.stem}: {counted(found.count, 'name')} ({', '.join(found.first_three)} …)")
    for oddity in found.oddities[:10]:
        say(f"  line {oddity.line}: {oddity.text}")
    return path.stem


def begin(room: Room, classes: Sequence[str]) -> List[str]:
    """Open the class, or the record where everything is recorded; what the start says about it."""
    if not classes and room.config.record != ALWAYS:
        return []
    room.open_classroom()
    if classes:
        try:
            room.classroom.choose(classes)
        except Refused as why:
            return [f"--class: {why}"]
    return _described(room)


def _described(room: Room) -> List[str]:
    """The lines of the start about the class and its times."""
    current = room.classroom.current()
    if current is None:
        return []
    config = room.config
    names = ", ".join(map(printable, current.classes))
    lines = [
        f"Class {names}: {counted(current.listed, 'name')}; everybody types the name that stands on the list",
        f"Silent after {1.5 * config.heartbeat_interval:g} s, lost after {config.connection_timeout:g} s",
    ]
    if current.listed + 20 > config.max_clients:
        whom = f"{counted(current.listed, 'name')} and some guests"
        lines.append(f"max_clients is {config.max_clients}: too few for {whom}")
    if room.classroom.is_recorded:
        lines.append(f"Who is here is written down for {counted(config.record_days, 'day')}, in {room.data}")
    return lines
