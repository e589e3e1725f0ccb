"""What is measured: each function runs one server once and returns its figures.

Memory is KiB, bytes are megabytes of 10**6, times are seconds or, where the name says so, milliseconds.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterator, List, Set, Tuple

from browsers import folder_with_program

from crowd import LEAVE_LINE, PING_LINE, Crowd, Member, hello, percentile
from servers import HERE, ROLLCALL, TLS, Running, Server, compiled, openssl

Sample = Dict[str, float]
REST = 3.0
"""Seconds after the joins before the memory is read: late work of the joins is done by then, the record's included."""

AT_ONCE = 20
"""Members that are read after each join: all of them would take longer than the server's pushes are apart, and then
the load, not the server, decided how fast a class joins."""

BOARDS = 20
MOVES, AWAY, REST_OF_CLASS = 20, 1.5, 8.0
"""Of a class that a board follows: so many a second go or fall silent; seconds until who has gone is back, and until
everything is over in the end."""

STUCK = 20
CHURN = 40
"""Members that come, and as many that go, each second while others are stuck."""


class Failed(Exception):
    """The server did not manage this; ``str()`` says what happened."""


def pings(server: Server, folder: Path, clients: int, in_flight: int, seconds: float) -> Sample:
    """Heartbeats in a closed loop: whenever one is answered, the next client in turn sends one. The load comes from the
    compiled generator. Raises `Failed`."""
    with Running(server, folder) as running:
        if server.tls:
            warm(running.port)
        running.rest()
        before, begun_cpu = running.resident_kib(), running.cpu_seconds()
        generator = compiled("generator", folder, *openssl())  # the same one, with TLS or without
        arguments = [generator, str(running.port), str(clients), str(in_flight), f"{seconds:g}"]
        arguments += [server.hello, server.ping, *(["tls"] if server.tls else [])]
        with subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        ) as driver:
            assert driver.stdin is not None and driver.stdout is not None
            try:
                if driver.stdout.readline() != "joined\n":
                    raise Failed("not every client was served")
                join_cpu = running.cpu_seconds() - begun_cpu
                time.sleep(REST)
                all_cpu = running.cpu_seconds() - begun_cpu
                memory = (running.resident_kib() - before) / clients
                cpu = running.cpu_seconds()
                output, _ = driver.communicate("go\n", timeout=seconds + 60)
                if not output:
                    raise Failed("a client was hung up")
            except subprocess.TimeoutExpired:
                raise Failed("it stopped answering") from None
            finally:
                driver.kill()
            figures: Sample = json.loads(output)
            cpu = (running.cpu_seconds() - cpu) / (figures["pings_per_second"] * seconds)
        more = {"join_cpu": join_cpu, "join_cpu_all": all_cpu, "cpu_per_100k": cpu * 100_000}
        return {**figures, "kib_per_client": memory, **more}


def warm(port: int) -> None:
    """The first client inside TLS, for which an open room loads it: 5 MiB, however many come afterwards."""
    from rollcall.wire.secure import client_context

    with socket.create_connection(("127.0.0.1", port)) as sock, client_context().wrap_socket(sock) as tls:
        tls.sendall(b'{"type":"hello"}\n')
        tls.recv(4096)


@contextmanager
def _helper(*arguments: str, script: str = "crowd.py") -> Iterator[subprocess.Popen[str]]:
    """A program of its own that has said "ready"."""
    command = [sys.executable, str(HERE / script), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise Failed("the helper process could not connect")
            yield process
        finally:
            process.kill()


@contextmanager
def steady_pings(port: int, clients: int, rate: float, result: Sample) -> Iterator[None]:
    """Meanwhile a second process pings at a fixed rate; ``result`` gets its round trips (ms) in the end."""
    with _helper("ping", str(port), str(clients), f"{rate:g}") as process:
        yield
        output, _ = process.communicate()  # closes its standard input, which ends it
        result.update(json.loads(output))


def joins(folder: Path, count: int, packed: bool) -> Sample:
    """``count`` clients join as fast as they can and follow the roster; then one more comes. All must end with exactly
    the roster that the server has. Meanwhile 20 members ping 200 times a second."""
    others = 20
    trips: Sample = {}
    with Running(ROLLCALL, folder) as running:
        crowd = Crowd(running.port)
        try:
            with steady_pings(running.port, others, 200, trips):
                begun = time.monotonic()
                for number in range(count):
                    crowd.join(hello(number, packed=packed))
                    crowd.pump(0, AT_ONCE)
                joined = time.monotonic()
                final = others + count
                exact = crowd.until(lambda: crowd.current.get(final) == count, "everyone exact")
                (roster,) = crowd.rosters()
                assert len(roster) == final
                pushed = sum(member.received for member in crowd.members)
                crowd.join(hello(count, packed=packed))
                at = time.monotonic()
                late = crowd.until(lambda: crowd.current.get(final + 1) == count + 1, "everyone exact") - at
                (roster,) = crowd.rosters()
                assert len(roster) == final + 1
                late_pushed = sum(member.received for member in crowd.members) - pushed
        finally:
            crowd.close()
    return {
        "mb_pushed": pushed / 1e6,
        "joining": joined - begun,
        "exact_after_last": exact - joined,
        "late_mb": late_pushed / 1e6,
        "late_exact": late,
        "pong_p99_ms": trips["p99"],
        "pong_worst_ms": trips["worst"],
    }


def bell(folder: Path, count: int) -> Sample:
    """``count`` real clients come into a closed room at one instant, while another member pings."""
    code = "KDWH-9RTC-4MXF"
    with Running(TLS, folder, join_code=code) as running:
        ring = [sys.executable, str(HERE / "bell.py"), "ring", str(running.port), str(count), code]
        with _helper("others", str(running.port), code, script="bell.py") as other:
            done = subprocess.run(ring, stdout=subprocess.PIPE, encoding="utf-8", check=False)
            if done.returncode != 0:
                raise Failed("not all came in")
            trips: Sample = json.loads(other.communicate("")[0])
    figures: Sample = json.loads(done.stdout)
    return {**figures, "pong_p99_ms": trips["p99"], "pong_worst_ms": trips["worst"]}


def recorded(server: Server, folder: Path, count: int, seconds: float) -> Sample:
    """``count`` clients that join as fast as they can, and their heartbeats: of a server that writes down who is here,
    or of one that does not. ``joining`` is until all are welcomed, and ``join_cpu`` what the server used until then;
    ``join_cpu_all`` has what it does about them afterwards. ``missing`` are those who are not in the database in the
    end; 0 where there is none."""
    own = Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(compiled("generator", folder, *openssl()), own)
    found = pings(server, own, count, 64, seconds)
    missing = 0
    record = own / "Rollcall" / "record.db"
    if record.exists():
        with closing(sqlite3.connect(record)) as database:
            rows = database.execute("SELECT name FROM stays WHERE ended IS NOT NULL").fetchall()
        missing = len({f"Student {number}" for number in range(count)} - {name for (name,) in rows})
    elif server is not ROLLCALL:
        missing = count
    kept = ("join_cpu", "join_cpu_all", "pings_per_second", "cpu_per_100k")
    return {
        "joining": count / found["joins_per_second"],
        **{name: found[name] for name in kept},
        "missing": missing,
    }


def _churn(crowd: Crowd, seconds: float, number: int, turn: Callable[[], None] = lambda: None) -> int:
    """For so long, `CHURN` members a second come and as many go; the next free number."""
    end = due = time.monotonic()
    end += seconds
    while time.monotonic() < end:
        crowd.pump(max(0.0, due - time.monotonic()))
        if time.monotonic() >= due:
            crowd.leave(crowd.members[0])
            crowd.join(hello(number))
            number, due = number + 1, due + 1 / CHURN
        turn()
    return number


def slow_peers(folder: Path, members: int, seconds: float) -> Sample:
    """Round trips of 64 clients, while members come and go; then the same while 20 others do not read any more."""
    without: Sample = {}
    with_them: Sample = {}
    with Running(ROLLCALL, folder) as running:
        crowd = Crowd(running.port)
        stuck: List[socket.socket] = []
        try:
            for number in range(members):
                crowd.join(hello(number))
                crowd.pump(0, AT_ONCE)
            crowd.until(lambda: crowd.registered == members, "registered")
            number = _churn(crowd, 1.0, members)
            with steady_pings(running.port, 64, 640, without):
                number = _churn(crowd, seconds, number)
            before = running.resident_kib()
            for _ in range(STUCK):
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.connect(("127.0.0.1", running.port))
                sock.sendall(hello(number, packed=False))
                stuck.append(sock)

            def ask_for_more() -> None:
                for sock in stuck:
                    sock.sendall(b'{"type":"resync"}\n')

            # Whole rosters until the kernel's buffers are full; then nobody asks any more.
            number = _churn(crowd, 3.0, number, ask_for_more)
            with steady_pings(running.port, 64, 640, with_them):
                number = _churn(crowd, seconds, number)
                memory = (running.resident_kib() - before) / STUCK
            _churn(crowd, 11.0, number)
        finally:
            for sock in stuck:
                sock.close()
            crowd.close()
    dropped = (folder / "log").read_text().count("slow_consumer")
    ratio = with_them["p99"] / without["p99"]
    return {
        "p99_ms_without": without["p99"], "p99_ms_with": with_them["p99"], "p99_ratio": ratio,
        "kib_per_stuck": memory, "dropped": dropped,
    }  # fmt: skip


def browsers(folder: Path, boards: int, downloads: int, seconds: float) -> Sample:
    """Round trips of 64 clients in a class of 200 of which 40 a second come and go; then the same while boards are open
    and files of 9 MB are downloaded, each of them again and again."""
    without: Sample = {}
    with_boards: Sample = {}
    with_all: Sample = {}
    settings = {"max_clients": 300, "downloads": str(folder_with_program(folder))}
    with Running(ROLLCALL, folder, **settings) as running:
        crowd = Crowd(running.port)
        try:
            for number in range(200):
                crowd.join(hello(number))
                crowd.pump(0, AT_ONCE)
            crowd.until(lambda: crowd.registered == 200, "registered")
            number = _churn(crowd, 1.0, 200)
            with steady_pings(running.port, 64, 640, without):
                number = _churn(crowd, seconds, number)
            before = running.resident_kib()
            with _helper("boards", str(running.port), str(boards), script="browsers.py"):
                with steady_pings(running.port, 64, 640, with_boards):
                    number = _churn(crowd, seconds, number)
                with _helper("downloads", str(running.port), str(downloads), script="browsers.py") as loaders:
                    with steady_pings(running.port, 64, 640, with_all):
                        number = _churn(crowd, seconds, number)
                        memory = running.resident_kib() - before
                    output, _ = loaders.communicate()
        finally:
            crowd.close()
    loaded: Sample = json.loads(output)
    return {
        "p99_ms_without": without["p99"], "p99_ms_boards": with_boards["p99"], "p99_ms_all": with_all["p99"],
        "worst_ms_all": with_all["worst"], "boards_ratio": with_boards["p99"] / without["p99"],
        "mib_for_all": memory / 1024, **loaded,
    }  # fmt: skip


def follow(server: Server, folder: Path, count: int, seconds: float) -> Sample:
    """How much later than a window's client a board knows who is here, in a class that joins, comes and goes (half say
    goodbye, half are cut off), and falls silent; beside 20 boards more. Milliseconds over each change of each person.
    Raises `Failed` if the two do not end with the same people, or not with those who are left."""
    settings = {"heartbeat_interval": 2.0, "connection_timeout": 6.0, "lesson_interval": 2.0, "lesson_timeout": 6.0}
    with Running(server, folder, max_clients=count + 50, **settings) as running:
        crowd = Crowd(running.port)
        try:
            with _helper(str(running.port), str(folder / "Rollcall"), script="following.py") as follower:
                with _helper("boards", str(running.port), str(BOARDS), script="browsers.py"):
                    cpu = running.cpu_seconds()
                    silent = _class_of(crowd, count, seconds)
                    cpu = running.cpu_seconds() - cpu
                output, _ = follower.communicate()
        finally:
            crowd.close()
    found = json.loads(output)
    if not found["exact"] or found["here"] != count - silent:
        raise Failed(f"{count - silent} are left, the board shows {found['here']}")
    board, listed = found["board"], found["listed"] or [0.0]
    return {
        "median_ms": percentile(board, 0.5), "p99_ms": percentile(board, 0.99), "worst_ms": max(board),
        "first_ms": min(board), "listed_ms": percentile(listed, 0.5), "changes": len(board), "states": found["states"],
        "cpu_s": cpu,
    }  # fmt: skip


def _class_of(crowd: Crowd, count: int, seconds: float) -> int:
    """They join, come and go, and every tenth falls silent for good; the number of those. All others end up here."""
    for number in range(count):
        crowd.join(hello(number))
        crowd.pump(0, AT_ONCE)
    crowd.until(lambda: crowd.registered == count, "registered")
    crowd.ping_all()
    numbers = dict(zip(crowd.members, range(count)))
    away: Deque[Tuple[float, int]] = deque()
    silent: Set[Member] = set()
    begun = now = time.monotonic()
    beats = deque((begun + number / count, member) for number, member in enumerate(crowd.members))
    moves = 0
    while now < begun + seconds + REST_OF_CLASS or away:
        crowd.pump(0.005)
        now = time.monotonic()
        while beats and now >= beats[0][0]:
            due, member = beats.popleft()
            if member.closed and member in numbers and member not in silent:
                raise Failed("somebody was lost who did beat; the machine is too busy for this measurement")
            if member in numbers and member not in silent:
                member.socket.send(PING_LINE)
                beats.append((due + 1.0, member))
        if now < begun + seconds and moves < (now - begun) * MOVES:
            moves += 1
            while crowd.members[0] in silent:
                crowd.members.append(crowd.members.pop(0))
            member = crowd.members[0]
            if moves % 10 == 0 and len(silent) < count // 10:
                silent.add(member)
            else:
                away.append((now + AWAY, numbers.pop(member)))
                if moves % 2:
                    member.socket.send(LEAVE_LINE)
                crowd.leave(member)
        if away and now >= away[0][0]:
            number = away.popleft()[1]
            member = crowd.join(hello(number))
            numbers[member] = number
            beats.append((beats[-1][0], member))
    return len(silent)


def _beat(
    crowd: Crowd, interval: float, seconds: float, silent: Set[Member], turn: Callable[[Member, float], None]
) -> None:
    """For so long, each member that is not silent pings once in an interval, evenly spread. Raises `Failed` if this
    process is so late with it that a member could be taken for silent: then the load is the bottleneck, not the server.
    """
    members = list(crowd.members)
    random.Random(1).shuffle(members)
    due = time.monotonic()
    end, number = due + seconds, 0
    while due < end:
        crowd.pump(max(0.0, min(0.01, due - time.monotonic())))
        while due <= time.monotonic():
            if time.monotonic() - due > interval / 2:
                raise Failed("the load could not keep up; the machine is too busy for this measurement")
            member = members[number % len(members)]
            if member not in silent and not member.closed:
                member.socket.send(PING_LINE)
                turn(member, time.monotonic())
            number, due = number + 1, due + interval / len(members)


def expiry(folder: Path, count: int, silent_count: int, seconds: float) -> Sample:
    """How long after its deadline a silent member's end reaches another client, one falling silent every now and then,
    while all others beat every two seconds."""
    interval, timeout = 2.0, 5.0
    with Running(ROLLCALL, folder, heartbeat_interval=interval, connection_timeout=timeout) as running:
        crowd = Crowd(running.port)
        try:
            with _helper("watch", str(running.port)) as watcher:
                last: Dict[Member, float] = {}
                silent: Set[Member] = set()
                for number in range(1, count):
                    crowd.join(hello(number, roster=False))
                    crowd.pump(0, AT_ONCE)
                    if number % 2000 == 0:
                        crowd.ping_all()  # so many joins take so long that the first would be late already
                crowd.until(lambda: crowd.registered == count - 1, "registered")
                crowd.ping_all()
                chance = random.Random(2)
                stops = sorted(chance.uniform(interval, seconds) for _ in range(silent_count))
                begun = time.monotonic()

                def turn(member: Member, now: float) -> None:
                    last[member] = now
                    if stops and now - begun >= stops[0]:
                        stops.pop(0)
                        silent.add(member)

                _beat(crowd, interval, seconds + timeout + 1.0, silent, turn)
                running.process.terminate()  # ends the watcher
                output, _ = watcher.communicate()
        finally:
            crowd.close()
    deadlines = {member.id: last[member] + timeout for member in silent}
    # What the end of the server brings is no expiry.
    at = {int(number): float(moment) for moment, number in (line.split() for line in output.splitlines())}
    late = [at[number] - deadline for number, deadline in deadlines.items() if number in at]
    if len(late) != silent_count or len(at) != silent_count:
        raise Failed(f"{silent_count} fell silent, {len(at)} were reported lost")
    return {
        "median_ms": percentile(late, 0.5) * 1000,
        "p99_ms": percentile(late, 0.99) * 1000,
        "worst_ms": max(late) * 1000,
    }


def stay(folder: Path, count: int, seconds: float) -> Sample:
    """``count`` clients register, stay on heartbeats of 60 seconds, and leave."""
    with Running(ROLLCALL, folder) as running:
        threads, descriptors = running.threads(), running.descriptors()
        resident = running.resident_kib()
        crowd = Crowd(running.port)
        answered = 0
        asked: List[Member] = []

        def pong(member: Member) -> None:
            nonlocal answered
            answered += 1

        crowd.on_pong = pong
        try:
            for number in range(count):
                crowd.join(hello(number, roster=False))
                crowd.pump(0, AT_ONCE)
            crowd.until(lambda: crowd.registered == count, "registered")
            _beat(crowd, 60.0, REST, set(), lambda member, now: asked.append(member))
            memory = (running.resident_kib() - resident) / count
            cpu, begun = running.cpu_seconds(), time.monotonic()
            _beat(crowd, 60.0, seconds, set(), lambda member, now: asked.append(member))
            cpu = (running.cpu_seconds() - cpu) / (time.monotonic() - begun)
            crowd.until(lambda: answered == len(asked), "every pong")
            lost = sum(member.closed for member in crowd.members)
        finally:
            crowd.close()
        deadline = time.monotonic() + 30.0
        while (running.threads(), running.descriptors()) != (threads, descriptors) and time.monotonic() < deadline:
            time.sleep(0.1)
        left: Dict[str, Any] = {
            "threads_left": running.threads() - threads, "descriptors_left": running.descriptors() - descriptors,
        }  # fmt: skip
    return {"lost": lost, "cpu_at_rest": cpu, "kib_per_client": memory, **left}
