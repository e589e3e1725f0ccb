"""Networks for tests: network namespaces of Linux, with cards, addresses and routes as a test wants them.

Nothing in one reaches anything outside of it. They need root (and `ip` of iproute2); tests skip where they cannot be.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Iterator, Union

import pytest

from tests.helpers import Program

IP = shutil.which("ip") or "/usr/sbin/ip"
CLONE_NEWNET = 0x40000000  # <linux/sched.h>
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
        self._ends = 0

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

    def plug(self, other: Network, card: str, *addresses: str, isolated: bool = False) -> None:
        """This namespace is a switch: a cable from it to a new card of another one. Isolated ends do not reach each
        other, as in the Wi-Fi for guests."""
        if not self._ends:
            self.ip("link add br0 type bridge")
            self.ip("link set br0 up")
        self._ends += 1
        end = f"end{self._ends}"
        self.ip(f"link add {end} type veth peer name {card} netns {other.name}")
        self.ip(f"link set {end} master br0 up addrgenmode none")
        if isolated:
            self.ip(f"link set {end} type bridge_slave isolated on")
        other.ip(f"link set {card} up addrgenmode none")
        for address in addresses:
            other.ip(f"addr add {address} dev {card} broadcast +")

    def set(self, name: str, value: int) -> None:
        """A setting of the kernel below ``net.``, such as ``ipv4/ip_forward``."""
        with inside(self):
            try:
                Path("/proc/sys/net", name).write_text(str(value))
            except OSError as error:
                pytest.skip(f"this system does not let us set {name}: {error.strerror}")

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


@contextmanager
def inside(net: Network) -> Iterator[None]:
    """This thread is in the namespace, and so are sockets that it makes and threads that it starts (setns(2))."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(namespace: IO[bytes]) -> None:
        assert libc.setns(namespace.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{net.name}", "rb") as there:
        enter(there)
        try:
            yield
        finally:
            enter(home)
