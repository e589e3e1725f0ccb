"""The machine that the server runs on: descriptors, stacks, processors, and the addresses that people can type.

Each function asks the operating system for something once, at the start of the program, and copes with a no.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from typing import Dict, List

log = logging.getLogger("rollcall.server")

OWN_DESCRIPTORS = 16
"""Descriptors that the server needs for itself: the listening socket, the selectors, the log."""

STACK = 256 * 1024
"""Bytes of stack for each thread. Nothing here calls deep. Of the usual 8 MiB a handler touches no more, but each of
them then needs a page table of its own, 4 KiB; seven of these share one. Before Python 3.11 a call in Python needs the
C stack, too, and 1,000 of them, which Python allows, need more than this: there the usual size stays."""

PATIENCE_PER_CLIENT = 0.0001
"""Seconds, see `run_on_one_cpu`: those who wait look up 10,000 times a second at most, however many they are."""


def plain_ip(address: str) -> str:
    """The address as people write it: an IPv4 address that came through an IPv6 socket loses its ``::ffff:``."""
    return address[7:] if address.startswith("::ffff:") else address


def reachable_addresses(host: str, port: int) -> List[str]:
    """The addresses that a student can type, best guess first. Nothing is sent to find them."""
    if host not in ("0.0.0.0", "::"):
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    found: Dict[str, None] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a UDP socket only asks the routing table for the local address (documentation net, RFC 5737).
            probe.connect(("192.0.2.1", 9))
            found[probe.getsockname()[0]] = None
        except OSError:
            pass  # no route: the machine is on no network
    try:
        for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM):
            found[str(info[4][0])] = None
    except OSError:
        pass
    others = [ip for ip in found if not ip.startswith("127.") and ip != "0.0.0.0"]
    return [f"{ip}:{port}" for ip in [*others, "127.0.0.1"]]


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
    if sys.version_info >= (3, 11):
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
