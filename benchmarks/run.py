"""Measure the server, and others beside it.

``python benchmarks/run.py [--quick] [--only NAME] [--json FILE] [--plots FOLDER]``

Every server is a process of its own, and so are those that put load on it. The servers take turns, several times over,
and what is printed are medians and ratios: single figures of a shared machine mean little. Each mark that the
server is held against has its line, with ``met`` or ``MISSED``. Loads are bounded and go to 127.0.0.1 only.

Heartbeats are driven by a small C program that is compiled on the spot (``cc``); without a compiler that part is left
out. ``generator`` is its share of one processor: far below 1.00 it was not the bottleneck.

The servers: ``rollcall`` as it comes; ``TLS``, the same with clients inside TLS, where OpenSSL's headers are there
(Debian: libssl-dev), in an open room, so without a proof of the code; ``two cpus``, the same with ``one_cpu = false``;
``naive``, the plain form of it (``naive_server.py``); the library ``websockets`` with threads and with asyncio (in an
environment of their own); ``mosquitto`` with its PINGREQ, where it is installed; and ``C threads``, a thread for each
client without Python.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from plots import draw_plots
from scenarios import STUCK, Failed, Sample, bell, browsers, expiry, follow, joins, pings, recorded, slow_peers, stay
from servers import (
    NAIVE,
    RECORDED,
    ROLLCALL,
    SERVERS,
    SMALL_CLASS,
    TLS,
    WITH_CLASS,
    WS_ASYNCIO,
    WS_THREADS,
    Server,
    compiler,
)

COUNTS = (100, 1000, 5000, 10000)
RATIO = "x "
"""Before the name of a figure: how many times that of the first server."""

Samples = Dict[str, Dict[str, List[Sample]]]
"""Scenario, then server, then its runs."""


@dataclass(frozen=True)
class Bar:
    """A mark that a figure is held against."""

    what: str
    value: float
    least: Optional[float] = None
    most: Optional[float] = None

    @property
    def is_met(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def line(self) -> str:
        mark = f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"
        return f"{'met   ' if self.is_met else 'MISSED'}  {self.what}: {self.value:.2f} ({mark})"


@dataclass(frozen=True)
class Scenario:
    """Something to measure: how often (0: as often as the rest), with which servers, and what is expected of it.

    ``always`` names those servers without which its marks would be others: they are measured whoever else is. Where
    there are ``ratios``, each of these figures is also held against that of the first server in the same round: what
    else the machine had to do is then the same for both, or nearly so, and the median is one of ratios.
    """

    name: str
    run: Callable[[Server, Path], Sample]
    bars: Callable[[Dict[str, Sample]], List[Bar]]
    servers: Tuple[Server, ...] = (ROLLCALL,)
    rounds: int = 0
    always: Tuple[str, ...] = (ROLLCALL.name,)
    ratios: Tuple[str, ...] = ()


def name_of(clients: int, in_flight: int) -> str:
    """What a load of heartbeats is called."""
    return f"{clients} clients, {in_flight} in flight"


def pings_scenario(clients: int, in_flight: int, seconds: float) -> Scenario:
    """Heartbeats of all servers under one load."""
    name = name_of(clients, in_flight)

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        ours, found = medians[ROLLCALL.name], []
        for server, least in ((WS_THREADS, 7.0), (WS_ASYNCIO, 3.0), (NAIVE, 3.0)):
            if server.name in medians and (clients, in_flight) == (1000, 64):
                ratio = ours["pings_per_second"] / medians[server.name]["pings_per_second"]
                found.append(Bar(f"heartbeats against {server.name}, {name}", ratio, least=least))
        if TLS.name in medians and clients == 1000:
            ratio = medians[TLS.name]["pings_per_second"] / ours["pings_per_second"]
            found.append(Bar(f"heartbeats inside TLS against in the clear, {name}", ratio, least=0.7))
            if in_flight < clients:
                kib = medians[TLS.name]["kib_per_client"]
                found.append(Bar(f"KiB for an idle client inside TLS, {clients} clients", kib, most=40.0))
        if in_flight < clients and clients >= 1000:
            found.append(Bar(f"KiB for an idle client, {clients} clients", ours["kib_per_client"], most=16.0))
        if (clients, in_flight) == (1000, 64) and NAIVE.name in medians:  # else its runs failed, which is said
            least = min(5000.0, 0.9 * medians[NAIVE.name]["joins_per_second"])
            found.append(Bar(f"joins a second, {clients} clients", ours["joins_per_second"], least=round(least)))
        return found

    def run(server: Server, folder: Path) -> Sample:
        return pings(server, folder, clients, in_flight, seconds)

    always = (ROLLCALL.name, NAIVE.name) if (clients, in_flight) == (1000, 64) else (ROLLCALL.name,)
    return Scenario(name, run, bars, SERVERS, always=always)


def joins_scenario(count: int, packed: bool) -> Scenario:
    """A class that joins."""
    name = f"{count} join" + ("" if packed else ", unpacked")

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        ours = medians[ROLLCALL.name]
        if count != 1000 or not packed:
            return []
        return [
            Bar("MB pushed while 1,000 join", ours["mb_pushed"], most=40.0),
            Bar("seconds from the last of 1,000 joins until all are exact", ours["exact_after_last"], most=0.3),
            Bar("MB pushed for one late join to 1,000", ours["late_mb"], most=0.15),
            Bar("99th round trip (ms) of the others while 1,000 join", ours["pong_p99_ms"], most=250.0),
        ]

    return Scenario(name, lambda server, folder: joins(folder, count, packed), bars)


def bell_scenario(count: int) -> Scenario:
    """A class that comes back into a closed room."""

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        ours = medians[TLS.name]
        return [
            Bar(f"seconds until {count} with kept keys are in a closed room", ours["all_in"], most=3.0),
            Bar("99th round trip (ms) of another member meanwhile", ours["pong_p99_ms"], most=250.0),
        ]

    return Scenario(f"bell, {count} with TLS", lambda server, folder: bell(folder, count), bars, (TLS,), always=())


def recorded_scenario(count: int, seconds: float) -> Scenario:
    """A server that writes down who is here, without a class and with one, against the same without a record."""

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        found = []
        for server in (RECORDED, WITH_CLASS):
            if server.name in medians:
                ours, name = medians[server.name], f"{server.name} against without"
                found += [
                    Bar(f"processor time of heartbeats, {name}", ours[RATIO + "cpu_per_100k"], most=1.05),
                    Bar(f"seconds until {count} are welcomed, {name}", ours[RATIO + "joining"], most=1.05),
                    Bar(f"processor time until then, {name}", ours[RATIO + "join_cpu"], most=1.05),
                    Bar(f"missing in the database, {server.name}", ours["missing"], most=0),
                ]
        return found

    def run(server: Server, folder: Path) -> Sample:
        return recorded(server, folder, count, seconds)

    servers = (ROLLCALL, RECORDED, WITH_CLASS)
    ratios = ("joining", "join_cpu", "join_cpu_all", "pings_per_second", "cpu_per_100k")
    return Scenario("record", run, bars, servers, always=tuple(one.name for one in servers), ratios=ratios)


def slow_scenario(members: int, seconds: float) -> Scenario:
    """Twenty that do not read."""

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        ours = medians[ROLLCALL.name]
        return [
            Bar(f"99th round trip beside {STUCK} stopped clients against without", ours["p99_ratio"], most=1.5),
            Bar("KiB for a stopped client", ours["kib_per_stuck"], most=256.0),
            Bar("stopped clients that were dropped", ours["dropped"], least=STUCK),
        ]

    return Scenario(f"{STUCK} stopped", lambda server, folder: slow_peers(folder, members, seconds), bars)


def browsers_scenario(boards: int, downloads: int, seconds: float) -> Scenario:
    """A wall with boards, and a class that downloads the program."""

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        ours = medians[ROLLCALL.name]
        return [
            Bar(f"99th round trip (ms) beside {boards} boards, {downloads} downloads", ours["p99_ms_all"], most=50.0),
            Bar(f"MiB for {boards} boards, {downloads} downloads", ours["mib_for_all"], most=16.0),
            Bar("downloads that were cut off", ours["failed"], most=0),
        ]

    return Scenario("browsers", lambda server, folder: browsers(folder, boards, downloads, seconds), bars)


def follow_scenario(count: int, seconds: float) -> Scenario:
    """A board beside a window, without and with a list of the class."""

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        return [
            Bar(f"{which} ms from a window's client to a board, {count} people, {name}", of[figure], most=most)
            for name, of in medians.items()
            for which, figure, most in (("99th", "p99_ms", 50.0), ("longest", "worst_ms", 100.0))
        ]

    def run(server: Server, folder: Path) -> Sample:
        return follow(server, folder, count, seconds)

    names = (ROLLCALL.name, SMALL_CLASS.name)
    return Scenario("follow", run, bars, (ROLLCALL, SMALL_CLASS), always=names)


def expiry_scenario(count: int, silent: int, seconds: float) -> Scenario:
    """Members fall silent."""

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        ours = medians[ROLLCALL.name]
        return [
            Bar(f"median ms from deadline to push, {count} clients", ours["median_ms"], most=20.0),
            Bar(f"99th ms from deadline to push, {count} clients", ours["p99_ms"], most=50.0),
        ]

    return Scenario("expiry", lambda server, folder: expiry(folder, count, silent, seconds), bars)


def stay_scenario(count: int, seconds: float) -> Scenario:
    """A crowd that stays."""

    def bars(medians: Dict[str, Sample]) -> List[Bar]:
        ours = medians[ROLLCALL.name]
        return [
            Bar(f"lost of {count} clients in {seconds:g} s", ours["lost"], most=0),
            Bar("threads left over", ours["threads_left"], most=0),
            Bar("descriptors left over", ours["descriptors_left"], most=0),
        ]

    return Scenario("stay", lambda server, folder: stay(folder, count, seconds), bars, rounds=1)


def scenarios(quick: bool) -> List[Scenario]:
    """Everything there is."""
    found: List[Scenario] = []
    for count in (100, 1000) if quick else COUNTS:
        found += [pings_scenario(count, in_flight, 2.0 if quick else 4.0) for in_flight in sorted({64, count})]
    found += [joins_scenario(count, True) for count in ((200, 1000) if quick else (200, 1000, 2000))]
    found.append(bell_scenario(100))
    found.append(recorded_scenario(1000, 1.0))
    if quick:
        found += [slow_scenario(500, 3.0), browsers_scenario(20, 30, 3.0), follow_scenario(200, 8.0)]
        return [*found, expiry_scenario(1000, 30, 4.0), stay_scenario(1000, 10.0)]
    found.append(joins_scenario(200, False))
    found += [slow_scenario(500, 5.0), browsers_scenario(20, 30, 5.0), follow_scenario(200, 20.0)]
    return [*found, expiry_scenario(10000, 200, 20.0), stay_scenario(10000, 120.0)]


def median_of(runs: List[Sample]) -> Sample:
    """The median of each figure over several runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def with_ratios(found: Dict[str, Sample], ratios: Tuple[str, ...], first_name: str) -> Dict[str, Sample]:
    """The samples of one round with these ratios to that server's; a round in which that failed has no pairs."""
    first = found.get(first_name)
    if not ratios:
        return found
    if first is None:
        return {}
    return {
        name: {**sample, **{RATIO + figure: sample[figure] / first[figure] for figure in ratios}}
        for name, sample in found.items()
    }


def measure(wanted: List[Scenario], rounds: int) -> Samples:
    """Run everything, the servers in turn. What a server does not manage has no sample."""
    samples: Samples = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number in range(rounds):
            for scenario in wanted:
                chosen = scenario.servers if number < (scenario.rounds or rounds) else ()
                found: Dict[str, Sample] = {}
                for server in chosen:
                    print(
                        f"round {number + 1} of {rounds}: {scenario.name}: {server.name}", file=sys.stderr, flush=True
                    )
                    try:
                        found[server.name] = scenario.run(server, folder)
                    except (Failed, RuntimeError) as error:
                        print(f"    failed: {error}", file=sys.stderr, flush=True)
                for name, sample in with_ratios(found, scenario.ratios, chosen[0].name if chosen else "").items():
                    samples.setdefault(scenario.name, {}).setdefault(name, []).append(sample)
    return samples


def crowd_bars(medians: Dict[str, Dict[str, Sample]]) -> List[Bar]:
    """With all in flight there must be no collapse: these marks compare two loads."""
    found = []
    for count in (1000, 10000):
        few, every = medians.get(name_of(count, 64), {}), medians.get(name_of(count, count), {})
        if ROLLCALL.name in few and ROLLCALL.name in every:
            kept = every[ROLLCALL.name]["pings_per_second"] / few[ROLLCALL.name]["pings_per_second"]
            found.append(Bar(f"heartbeats with all in flight against 64, {count} clients", kept, least=0.8))
    return found


def report(medians: Dict[str, Dict[str, Sample]]) -> None:
    """Print the medians, a table for each scenario."""
    for name, servers in medians.items():
        titles = list(next(iter(servers.values())))
        width = [max(10, len(title) + 2) for title in titles]
        print(f"\n{name:22}" + "".join(f"{title:>{size}}" for title, size in zip(titles, width)))
        for server, row in servers.items():
            print(f"  {server:20}" + "".join(f"{row[title]:>{size}.2f}" for title, size in zip(titles, width)))


def main(argv: Optional[List[str]] = None) -> int:
    """Run the benchmarks; returns 0 if every mark is met, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clients, shorter, two runs of each instead of five")
    parser.add_argument(
        "--only", metavar="NAME", help="only what has NAME in its name: '1000 clients', 'join', 'expiry'"
    )
    parser.add_argument(
        "--servers", metavar="NAMES", help="only these, comma-separated, and those that a mark cannot do without"
    )
    parser.add_argument("--rounds", metavar="N", type=int, help="how many runs of each (default: 5)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every sample to FILE")
    parser.add_argument("--plots", metavar="FOLDER", type=Path, help="draw the plots of the documentation there")
    arguments = parser.parse_args(argv)
    if not Path("/proc/self/smaps_rollup").exists():
        raise SystemExit("benchmarks read the memory of processes from /proc and need Linux")
    everything = scenarios(arguments.quick)
    wanted = [scenario for scenario in everything if arguments.only is None or arguments.only in scenario.name]
    if not wanted:
        names = "; ".join(scenario.name for scenario in everything)
        parser.error(f"--only: nothing here has {arguments.only!r} in its name; there are: {names}")
    chosen = None if arguments.servers is None else {name.strip() for name in arguments.servers.split(",")}
    unknown = sorted((chosen or set()) - {server.name for server in SERVERS})
    if unknown:
        names = "; ".join(server.name for server in SERVERS)
        parser.error(f"--servers: there is no {', '.join(map(repr, unknown))}; there are: {names}")
    wanted = [restrict(scenario, chosen) for scenario in wanted]
    samples = measure(
        [scenario for scenario in wanted if scenario.servers], arguments.rounds or (2 if arguments.quick else 5)
    )
    medians = {name: {server: median_of(runs) for server, runs in by.items()} for name, by in samples.items()}
    report(medians)
    bars = [
        bar
        for scenario in wanted
        if main_of(scenario) in medians.get(scenario.name, {})
        for bar in scenario.bars(medians[scenario.name])
    ]
    bars += crowd_bars(medians)
    missing = [
        scenario.name
        for scenario in wanted
        if scenario.servers and main_of(scenario) not in medians.get(scenario.name, {})
    ]
    print("\n" + "\n".join([*(bar.line() for bar in bars), *(f"MISSED  {name}: no run succeeded" for name in missing)]))
    if arguments.json is not None:
        document: Dict[str, Any] = {"samples": samples, "medians": medians}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    if arguments.plots is not None:
        draw_plots(medians, arguments.plots)
    return 0 if not missing and all(bar.is_met for bar in bars) else 1


def main_of(scenario: Scenario) -> str:
    """The server that its marks are about."""
    return ROLLCALL.name if ROLLCALL in scenario.servers else scenario.servers[0].name if scenario.servers else ""


def restrict(scenario: Scenario, chosen: Optional[set[str]]) -> Scenario:
    """The scenario with those of its servers that were asked for and can be had."""
    kept = []
    for server in scenario.servers:
        if chosen is None or server.name in chosen or server.name in scenario.always:
            reason = server.reason_against()
            if reason is None and len(scenario.servers) > 1 and compiler() is None:
                reason = "heartbeats need a C compiler for the generator (Debian: apt install gcc libc6-dev)"
            if reason is None:
                kept.append(server)
            else:
                print(f"left out: {scenario.name}: {server.name}: {reason}", file=sys.stderr)
    return replace(scenario, servers=tuple(kept))


if __name__ == "__main__":
    sys.exit(main())
