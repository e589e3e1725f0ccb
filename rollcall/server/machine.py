"""The machine that the server runs on: descriptors, stacks, processors, and the addresses that people can type.

Each function asks the operating system for something once, at the start of the program, and copes with a no.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import socket
import sys
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from rollcall.wire.address import Address
from rollcall.wire.interfaces import Interface, interfaces, scope_problem

log = logging.getLogger("rollcall.server")

OWN_DESCRIPTORS = 16
"""Descriptors that the server needs for itself: the listening socket, the selectors, the log."""

STACK = 256 * 1024
"""Bytes of stack for each thread. Nothing here calls deep. Of the usual 8 MiB a handler touches no more, but each of
them then needs a page table of its own, 4 KiB; seven of these share one. Before Python 3.11 a call in Python needs the
C stack, too, and 1,000 of them, which Python allows, need more than this: there the usual size stays. On Windows, too:
what is asked for there is committed at once, not only reserved (Microsoft, "_beginthreadex", on ``stack_size``)."""

PATIENCE_PER_CLIENT = 0.0001
"""Seconds, see `run_on_one_cpu`: those who wait look up 10,000 times a second at most, however many they are."""


ONLY_HERE = "only on this computer"

LOOK_AGAIN = 3.0
"""Seconds between two looks whether there is a network now."""


def plain_ip(address: str) -> str:
    """The address as people write it: an IPv4 address that came through an IPv6 socket loses its ``::ffff:``."""
    return address[7:] if address.startswith("::ffff:") else address


class Reachable(NamedTuple):
    """An address that a student can type, and what there is to know about it. ``str()`` is the line to show."""

    address: Address
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.address}  ({self.remark})" if self.remark else str(self.address)


def reachable_addresses(host: str, port: int) -> List[Reachable]:
    """Where a server that listens on ``host`` can be reached, best guess first, this computer's own last.

    Nothing is sent, no name server is asked, nothing waits. For all addresses (``0.0.0.0``, ``::``) these are the ones
    of every interface that is up: of real networks first, among them that with the default route, then private before
    public ones; those that a computer gives itself (link-local) after them; last what a VPN, containers or virtual
    machines see. A VPN is no guess for a classroom, even where it has taken the default route.
    """
    if host not in ("0.0.0.0", "::"):
        only_here = host.startswith("127.") or host == "::1"
        return [Reachable(Address(host, port), ONLY_HERE if only_here else _scope_remark(host))]
    families = (socket.AF_INET,) if host == "0.0.0.0" else (socket.AF_INET, socket.AF_INET6)
    default = [ip for ip in map(_default_source, families) if ip]
    try:
        found = _ranked(interfaces(), default, with_ipv6=host == "::")
    except OSError as error:
        log.info("the addresses are a guess: %s", error.strerror or error)
        found = {ip: "" for ip in default if not ip.startswith("127.") and ip != "::1"}
    return [Reachable(Address(ip, port), remark) for ip, remark in {**found, "127.0.0.1": ONLY_HERE}.items()]


def tell_addresses(
    say: Callable[..., None], host: str, port: int, once_there: bool = False, pages: bool = False
) -> bool:
    """``say`` where clients connect to, in lines, and what to tell a class, if there are ``pages`` for browsers. False
    if there is no network yet, so that it is worth to look again; with ``once_there`` nothing is said then."""
    reachable = reachable_addresses(host, port)
    missing = len(reachable) == 1 and host in ("0.0.0.0", "::")
    if missing and once_there:
        return False
    lines = [*map(str, reachable)]
    if missing:
        lines.append("no network yet: the address for the others will stand here when there is one")
    say("Clients connect to:", *(f"  {line}" for line in lines))
    best = reachable[0].address
    if pages and not missing and "%" not in best.host:  # no URL has a scope in it that a browser would take
        say(f"Open http://{best} in a browser,", f"or type {best} in the program.")
    return not missing


def listening_address(host: str, port: int) -> Tuple[int, Tuple[Any, ...]]:
    """Family and socket address to bind, with the scope of ``fe80::1%eth0``, which a pair of host and port loses.

    Raises OSError. A name stays a name: it is looked up when it is bound.
    """
    flags = socket.AI_NUMERICHOST | socket.AI_PASSIVE
    problem = scope_problem(host)
    if problem is not None:
        raise OSError(errno.EADDRNOTAVAIL, problem)
    try:
        family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)[0]
    except (socket.gaierror, UnicodeError):
        return socket.AF_INET, (host, port)
    return family, target


def own_address(listener: socket.socket) -> Tuple[str, int]:
    """Host and port that a socket listens on, with the scope that Python keeps in a part of its own."""
    host, port, *more = listener.getsockname()
    if more and more[1]:
        host += "%" + next((one.scope for one in interfaces() if one.index == more[1]), str(more[1]))
    return str(host), int(port)


def _ranked(found: List[Interface], default: List[str], with_ipv6: bool) -> Dict[str, str]:
    """The addresses, best first, each with a remark."""
    rows: List[Tuple[Tuple[bool, ...], str, str]] = []
    for interface in found:
        has_route = any(address.ip in default for address in interface.addresses)
        aside = interface.is_vpn or (interface.is_inside and not has_route)
        for address in interface.addresses if interface.up and not interface.loopback else ():
            if address.is_ipv6 and (not with_ipv6 or (aside and address.is_link_local)):
                continue
            public = not ipaddress.ip_address(address.ip).is_private
            rank = (aside, address.is_link_local, address.is_ipv6, not has_route, public)
            ip = f"{address.ip}%{interface.scope}" if address.is_ipv6 and address.is_link_local else address.ip
            remark = f"{interface.name}: {'a VPN' if interface.is_vpn else 'inside this computer'}" if aside else ""
            rows.append((rank, ip, remark or _scope_remark(ip)))
    rows.sort(key=lambda row: row[0])
    if rows and rows[0][0][:2] == (False, False):  # a real address: then nobody should type fe80::…
        rows = [row for row in rows if "%" not in row[1]]
    return {ip: remark for _, ip, remark in rows}


def _scope_remark(ip: str) -> str:
    return "after the % comes the network card of the computer that connects" if "%" in ip else ""


def _default_source(family: int) -> Optional[str]:
    """The own address on the way to everywhere else, if there is one.

    Connecting a UDP socket only asks the routing table (documentation nets, RFC 5737 and RFC 3849).
    """
    target = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None  # no route: the machine is on no network


def raise_descriptor_limit(max_clients: int, spare: int) -> None:
    """Each client is a descriptor, and the soft limit is often 1,024: take what the system allows, and say so if that
    is too little. The server then refuses in words whom it cannot hold. ``spare`` is how many connections there may be
    beyond the clients."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            hard = soft  # macOS refuses "unlimited"
    needed = max_clients + spare + OWN_DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < needed:
        message = "max_clients = %d needs %d descriptors; the system allows %d (ulimit -n)"
        log.warning(message, max_clients, needed, hard)


def use_small_stacks() -> None:
    """From now on threads get a stack of `STACK` bytes, where that is enough."""
    if sys.version_info >= (3, 11) and os.name != "nt":
        try:
            threading.stack_size(STACK)
        except ValueError:
            pass  # this platform wants more; its own size will do


def run_on_one_cpu(max_clients: int) -> None:
    """Keep this process on one processor, in long time slices, where the platform can (Linux).

    Only one Python thread runs at a time anyway. On several processors the others that wake find the interpreter's
    lock taken, and the handlers queue up behind it; on one, each runs undisturbed until it waits again, and the lock is
    free.
    Measured with 1,000 clients on two processors: about twice the heartbeats, and no fewer with both processors busy.

    Whoever waits for the interpreter's lock looks up every 5 ms and asks its owner to hurry. Thousands that wait would
    do nothing else (measured: a quarter of the heartbeats with 10,000), so the more clients there may be, the more
    patient they are. What runs for long must let the others in by itself, see `publisher.BREATH`.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    try:
        allowed = sorted(os.sched_getaffinity(0))
        cpu = allowed[os.getpid() % len(allowed)]  # two servers on one machine rarely choose the same
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        sys.setswitchinterval(max(sys.getswitchinterval(), max_clients * PATIENCE_PER_CLIENT))
    except OSError as error:
        log.info("one_cpu: not permitted here (%s)", error.strerror)
