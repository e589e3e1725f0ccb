"""Measure the server against the plain form of itself.

``python benchmarks/run.py [--quick] [--only NAME] [--json FILE]``

Every server is a process of its own, and so is the load generator, a small C program that is compiled on the spot
(``cc``). The servers take turns, several times over, and what is printed are medians and ratios: single figures of
a shared machine mean little. ``generator`` is the generator's share of one processor; far below 1.00 it was not the
bottleneck. Loads are bounded in time and count and go to 127.0.0.1 only.

The servers: ``rollcall`` as it comes (message_rate so high that the check stays on the path but never bites),
``two cpus``, the same with ``one_cpu = false``, and ``naive``, see ``naive_server.py``.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
REGISTER_1 = '{"type":"register","client_ip":"127.0.0.1","client_port":%d}\n'
REGISTER_2 = (
    '{"type":"register","client_ip":"127.0.0.1","client_port":5000,"protocol":2,"name":"c%d","roster":false}\n'
)
SERVERS = ("rollcall", "two cpus", "naive")
REST = 3.0
"""Seconds after the joins before the memory is read: late work of the joins is done by then."""

Sample = Dict[str, float]


@dataclass(frozen=True)
class Load:
    """One kind of load; ``in_flight`` pings are under way at any time."""

    clients: int
    in_flight: int

    @property
    def name(self) -> str:
        return f"{self.clients} clients, {self.in_flight} in flight"


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


def build_generator(folder: Path) -> Path:
    """The compiled load generator. Raises SystemExit with a sentence where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("benchmarks need a C compiler for the load generator (Debian: apt install gcc libc6-dev)")
    program = folder / "generator"
    subprocess.run([compiler, "-O2", "-o", str(program), str(HERE / "generator.c")], check=True)
    return program


def command_of(server: str, folder: Path) -> List[str]:
    """How to start that server on a free port."""
    if server == "naive":
        return [sys.executable, str(HERE / "naive_server.py"), "0"]
    settings = {"message_rate": 1_000_000, "max_clients": 20_000, "one_cpu": server == "rollcall"}
    file = folder / f"{server}.toml"
    file.write_text("[server]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return [sys.executable, str(ROOT / "server.py"), "--config", str(file), "--host", "127.0.0.1", "--port", "0"]


def resident_kib(pid: int) -> float:
    """Resident memory of a process, counted page by page (the counter in ``status`` lags behind)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    match = re.search(r"^Rss: +(\d+) kB", text, re.MULTILINE)
    return float(match.group(1)) if match else float("nan")


def measure(server: str, load: Load, seconds: float, generator: Path, folder: Path) -> Sample:
    """One run of one server under one load."""
    with (folder / "log").open("w") as log, subprocess.Popen(
        command_of(server, folder), stdout=subprocess.PIPE, stderr=log, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        try:
            announced = (re.search(r"^Listening on .*:(\d+)", line) for line in process.stdout)
            port = next(match.group(1) for match in announced if match)
            before = resident_kib(process.pid)
            register = REGISTER_1 if server == "naive" else REGISTER_2
            arguments = [str(generator), port, str(load.clients), str(load.in_flight), f"{seconds:g}", register]
            with subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
            ) as driver:
                assert driver.stdin is not None and driver.stdout is not None
                if driver.stdout.readline() != "joined\n":
                    raise SystemExit(f"{server}: not every client was registered; see {folder / 'log'}")
                try:
                    process.wait(REST)
                    raise SystemExit(f"{server} ended: {(folder / 'log').read_text()}")
                except subprocess.TimeoutExpired:
                    pass
                memory = (resident_kib(process.pid) - before) / load.clients
                output, _ = driver.communicate("go\n", timeout=seconds + 60)
            return {**json.loads(output), "kib_per_client": memory}
        finally:
            process.terminate()


def median_of(runs: List[Sample]) -> Sample:
    """The median of each figure over several runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def bars(medians: Dict[Tuple[str, Load], Sample], loads: List[Load]) -> List[Bar]:
    """The marks for what was measured."""
    found = []
    for load in loads:
        ours, naive = medians["rollcall", load], medians["naive", load]
        ratio = ours["pings_per_second"] / naive["pings_per_second"]
        found.append(Bar(f"heartbeats against naive, {load.name}", ratio, least=3.0))
        if load.in_flight == load.clients:
            few = medians.get(("rollcall", Load(load.clients, 64)))
            if few is not None:
                kept = ours["pings_per_second"] / few["pings_per_second"]
                found.append(Bar(f"all in flight against 64, {load.clients} clients", kept, least=0.8))
        else:
            found.append(Bar(f"KiB for an idle client, {load.clients} clients", ours["kib_per_client"], most=16.0))
            least = min(5000.0, 0.9 * naive["joins_per_second"])
            found.append(Bar(f"joins a second, {load.clients} clients", ours["joins_per_second"], least=round(least)))
    return found


def main(argv: Optional[List[str]] = None) -> int:
    """Run the benchmarks; returns 0 if every bar is met, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer clients, shorter, two runs of each instead of five")
    parser.add_argument("--only", metavar="NAME", help="only loads whose name contains NAME, such as '1000 clients'")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every sample to FILE")
    arguments = parser.parse_args(argv)
    if not Path("/proc/self/smaps_rollup").exists():
        raise SystemExit("benchmarks read the memory of processes from /proc and need Linux")
    counts = (100, 1000) if arguments.quick else (100, 1000, 5000, 10000)
    loads = [Load(count, in_flight) for count in counts for in_flight in sorted({64, count})]
    loads = [load for load in loads if arguments.only is None or arguments.only in load.name]
    if not loads:
        parser.error(f"--only: no load is called {arguments.only!r}")
    seconds, rounds = (2.0, 2) if arguments.quick else (5.0, 5)
    samples: Dict[Tuple[str, Load], List[Sample]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generator = build_generator(folder)
        for number in range(rounds):
            for load in loads:
                for server in SERVERS:
                    print(f"round {number + 1} of {rounds}: {load.name}: {server}", file=sys.stderr, flush=True)
                    samples.setdefault((server, load), []).append(measure(server, load, seconds, generator, folder))
    medians = {key: median_of(runs) for key, runs in samples.items()}
    report(medians, loads)
    results = bars(medians, loads)
    print("\n" + "\n".join(bar.line() for bar in results))
    if arguments.json is not None:
        rows: List[Dict[str, Any]] = [
            {"server": server, "clients": load.clients, "in_flight": load.in_flight, "samples": runs}
            for (server, load), runs in samples.items()
        ]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if all(bar.is_met for bar in results) else 1


def report(medians: Dict[Tuple[str, Load], Sample], loads: List[Load]) -> None:
    """Print the table of medians."""
    titles = ("pings/s", "x naive", "p50 ms", "p99 ms", "joins/s")
    print(" " * 34 + "".join(f"{title:>9}" for title in titles) + f"{'KiB each':>10}{'generator':>11}")
    for load in loads:
        print(load.name)
        base = medians["naive", load]["pings_per_second"]
        for server in SERVERS:
            row = medians[server, load]
            pings = row["pings_per_second"]
            print(
                f"    {server:30}{pings:9.0f}{pings / base:9.2f}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}"
                f"{row['joins_per_second']:9.0f}{row['kib_per_client']:10.1f}{row['generator_cpu']:11.2f}"
            )


if __name__ == "__main__":
    sys.exit(main())
