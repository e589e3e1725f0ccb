"""What this person's windows keep of the servers that they met, and the random part of what this computer is known by.

A small JSON file, ``known-servers.json``, beside the settings and, like them, for its owner only. On a computer that is
not the person's own it holds no keys: what stands in place of a code stays with who typed it. Two windows put together
what each has learned. What cannot be used is put aside; then every server is a stranger, which is said. What cannot be
read now may be whole: it is left as it is. One thread only.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Optional

from rollcall.client.device import device_id, machine_id, new_random_part
from rollcall.client.known_file import MAX_FILE, NAME, parse
from rollcall.client.trust import MAX_SERVERS, Trust
from rollcall.program import files
from rollcall.wire.text import printable


class KnownServers:
    """``trust`` is what is known, ``device_id`` what a server may know this computer by. ``folder`` is where the file
    is; None keeps everything for this run only."""

    def __init__(self, folder: Optional[Path]) -> None:
        self._path = None if folder is None else folder / NAME
        self.trust = Trust()
        self._may_write = True
        self._random = ""
        self.damage = self._load()
        if not self._random:
            self._random = new_random_part()
            self._write()
        self.device_id = device_id(self._random, machine_id())

    def keep(self, learned: Trust, with_keys: bool) -> None:
        """Keep what a client has learned, ``with_keys`` only on the person's own computer."""
        fresh = [known for known in learned.servers if self.trust.find(known.fingerprint) != known]
        self._load()
        new = {known.fingerprint for known in fresh}
        others = [known for known in self.trust.servers if known.fingerprint not in new]
        self.trust = replace(learned, servers=tuple([*fresh, *others][:MAX_SERVERS]))
        self._write(with_keys)

    def forget_keys(self) -> None:
        """It is not the person's own computer after all."""
        if not self._may_write:
            self._load()
        self.trust = self.trust.without_keys()
        self._may_write = True  # keys that stay are worse than servers that are forgotten
        self._write()

    def _load(self) -> str:
        """Read the file; a sentence for the person if it cannot be used."""
        if self._path is None:
            return ""
        try:
            trust, random = parse(files.read(self._path, MAX_FILE + 1))
        except OSError as error:
            self._may_write = isinstance(error, FileNotFoundError)
            return ""  # none yet; or not to be read now, and what is in it must not be lost
        except ValueError as error:
            self._may_write = True
            with suppress(OSError):
                files.put_aside(self._path, ".damaged")
            name = printable(self._path, 1000)
            return f"{name} is damaged: {error}. It was put aside: rooms with a code ask for it again."
        self._may_write = True
        self.trust = replace(self.trust, servers=trust.servers)
        self._random = random
        return ""

    def _write(self, with_keys: bool = False) -> None:
        if self._path is None or not self._may_write:
            return
        trust = self.trust if with_keys else self.trust.without_keys()
        content = {"device": self._random, "servers": trust.to_json()}
        with suppress(OSError):  # then the code is asked for again, which is no harm
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with files.locked(self._path.with_name(self._path.name + ".lock")):
                files.replace(self._path, (json.dumps(content, indent=2) + "\n").encode())
