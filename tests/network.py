"""Networks for tests: network namespaces of Linux, with cards, addresses and routes as a test wants them.

Nothing in one reaches anything outside of it. They need root (and `ip` of iproute2); tests skip where they cannot be.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Union

import pytest

from tests.helpers import Program

IP = shutil.which("ip") or "/usr/sbin/ip"
_numbers = itertools.count(1)

TUNNEL = """
import fcntl, os, signal, struct
tunnel = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tunnel, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
print("ready", flush=True)
signal.pause()
"""


class Network:
    """One namespace. Its loopback interface is up."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ip(self, command: str) -> None:
        """``ip`` with these arguments, inside."""
        subprocess.run([IP, "-n", self.name, *command.split()], check=True, capture_output=True, encoding="utf-8")

    def card(self, name: str, *addresses: str) -> None:
        """A network card with a cable in it."""
        self.ip(f"link add {name} type veth peer name {name}-far")
        for end in (f"{name}-far", name):
            self.ip(f"link set {end} addrgenmode none up")
        for address in addresses:
            self.ip(f"addr add {address} dev {name}" + (" nodad" if ":" in address else ""))

    def cable(self, other: Network, name: str, own: str, far: str) -> None:
        """A cable to another namespace: a card called ``name`` at each end, with these addresses."""
        self.ip(f"link add {name} type veth peer name {name} netns {other.name}")
        for network, address in ((self, own), (other, far)):
            network.ip(f"addr add {address} dev {name}")
            network.ip(f"link set {name} up")

    def lose(self, address: str, name: str) -> None:
        """From now on nothing that is sent to ``address`` arrives, and nobody is told: its card is called otherwise."""
        self.ip(f"neigh replace {address} lladdr 02:00:00:00:00:99 dev {name} nud permanent")

    def find(self, address: str, name: str) -> None:
        """What is sent to ``address`` arrives again."""
        self.ip(f"neigh del {address} dev {name}")

    def program(self, *arguments: Union[str, Path]) -> Program:
        """Python with these arguments, inside."""
        command = ("netns", "exec", self.name, sys.executable, "-u", *arguments)
        return Program(*command, executable=Path(IP))

    @contextmanager
    def tunnel(self, address: str) -> Iterator[None]:
        """``tun0``, as a VPN makes it, for as long as its program runs."""
        with self.program("-c", TUNNEL) as holder:
            holder.wait_for_line("^ready$")
            self.ip(f"addr add {address} dev tun0")
            self.ip("link set tun0 up")
            yield


@contextmanager
def network() -> Iterator[Network]:
    """A namespace of its own, with the loopback interface; skips the test where there can be none."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or not os.path.exists(IP):
        pytest.skip("network namespaces need Linux, root and iproute2")
    built = Network(f"rollcall-{os.getpid()}-{next(_numbers)}")
    made = subprocess.run([IP, "netns", "add", built.name], capture_output=True, encoding="utf-8", check=False)
    if made.returncode != 0:
        pytest.skip(f"no network namespace to be had: {made.stderr.strip()}")
    try:
        built.ip("link set lo up")
        yield built
    finally:
        subprocess.run([IP, "netns", "del", built.name], check=True)
