"""benchmarks/: the arithmetic of its verdicts, its plots, and that a small run of it works."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Dict

import pytest

from tests.helpers import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from crowd import percentile
from plots import draw_plots
from run import (
    Bar,
    crowd_bars,
    joins_scenario,
    main,
    median_of,
    name_of,
    pings_scenario,
    recorded_scenario,
    restrict,
    scenarios,
    slow_scenario,
    with_ratios,
)
from scenarios import Sample, recorded
from servers import RECORDED, ROLLCALL, WITH_CLASS, compiler

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks need Linux")


def sample(pings: float, kib: float = 10.0, joins: float = 1000.0) -> Sample:
    return {"pings_per_second": pings, "kib_per_client": kib, "joins_per_second": joins}


def verdicts(bars: list[Bar]) -> Dict[str, bool]:
    return {bar.what: bar.is_met for bar in bars}


def test_a_bar_says_whether_it_is_met_and_by_what() -> None:
    assert Bar("speed", 3.0, least=3.0).is_met and not Bar("speed", 2.99, least=3.0).is_met
    assert Bar("memory", 16.0, most=16.0).is_met and not Bar("memory", 16.1, most=16.0).is_met
    assert Bar("speed", 2.5, least=3.0).line() == "MISSED  speed: 2.50 (>= 3)"


def test_heartbeats_are_held_against_each_peer_that_was_measured() -> None:
    medians = {
        "rollcall": sample(9000, kib=15, joins=950),
        "naive": sample(3000),
        "websockets threads": sample(1300),
    }
    assert verdicts(pings_scenario(1000, 64, 1.0).bars(medians)) == {
        "heartbeats against websockets threads, 1000 clients, 64 in flight": False,
        "heartbeats against naive, 1000 clients, 64 in flight": True,
        "KiB for an idle client, 1000 clients": True,
        "joins a second, 1000 clients": True,
    }
    assert verdicts(pings_scenario(1000, 1000, 1.0).bars(medians)) == {}


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler for the generator of heartbeats")
def test_the_mark_for_joins_does_not_depend_on_who_else_is_measured() -> None:
    scenario = pings_scenario(1000, 64, 1.0)
    marks = []
    for asked in ({"rollcall"}, {"websockets threads"}, {"naive", "C threads"}, None):
        measured = [server.name for server in restrict(scenario, asked).servers]
        assert {"rollcall", "naive"} <= set(measured), "the mark is 0.9 of the naive server's"
        medians = {name: sample(9000, joins=3000 if name == "rollcall" else 1000) for name in measured}
        marks += [bar for bar in scenario.bars(medians) if bar.what.startswith("joins")]
    assert len(marks) == 4 and {(bar.value, bar.least) for bar in marks} == {(3000, 900)}
    assert not [bar for bar in scenario.bars({"rollcall": sample(9000)}) if bar.what.startswith("joins")]
    fast = {"rollcall": sample(9000, joins=5500), "naive": sample(1, joins=9000)}
    assert verdicts(scenario.bars(fast))["joins a second, 1000 clients"], "5,000 is enough"


def test_all_in_flight_is_held_against_64() -> None:
    medians = {name_of(1000, 64): {"rollcall": sample(9000)}, name_of(1000, 1000): {"rollcall": sample(7000)}}
    assert verdicts(crowd_bars(medians)) == {"heartbeats with all in flight against 64, 1000 clients": False}


def test_stopped_clients_must_be_dropped_and_harm_nobody() -> None:
    ours = {"p99_ratio": 1.6, "kib_per_stuck": 10.0, "dropped": 20.0}
    assert list(verdicts(slow_scenario(10, 1.0).bars({"rollcall": ours})).values()) == [False, True, True]


def test_the_record_is_held_against_none_of_the_same_round() -> None:
    names = ("joining", "join_cpu", "join_cpu_all", "pings_per_second", "cpu_per_100k")
    quiet, busy = (dict.fromkeys(names, value) for value in (1.0, 3.0))
    rounds = [
        {"rollcall": quiet, "recorded": {**dict.fromkeys(names, 1.02), "missing": 0.0}},
        {"rollcall": busy, "recorded": {**dict.fromkeys(names, 3.03), "missing": 0.0}},
        {"rollcall": quiet, "recorded": {**dict.fromkeys(names, 9.0), "missing": 1.0}},
    ]
    scenario = recorded_scenario(1000, 1.0)
    paired = [with_ratios(found, scenario.ratios, "rollcall") for found in rounds]
    medians = {"recorded": median_of([found["recorded"] for found in paired])}
    assert medians["recorded"]["x joining"] == pytest.approx(1.02)
    assert verdicts(scenario.bars(medians)) == {
        "processor time of heartbeats, recorded against without": True,
        "seconds until 1000 are welcomed, recorded against without": True,
        "processor time until then, recorded against without": True,
        "missing in the database, recorded": True,
    }
    assert with_ratios({"recorded": quiet}, names, "rollcall") == {}, "a round without its pair says nothing"
    assert with_ratios({"recorded": quiet}, (), "rollcall") == {"recorded": quiet}


@needs_linux
@pytest.mark.skipif(compiler() is None, reason="there is no C compiler for the generator of heartbeats")
def test_who_joins_a_recorded_server_is_looked_for_in_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.REST", 0.0)  # a server that stops writes what it has
    found = recorded(WITH_CLASS, tmp_path, 40, 0.1)
    assert found["missing"] == 0 and found["join_cpu"] <= found["join_cpu_all"]
    (record,) = tmp_path.glob("*/Rollcall/record.db")
    with closing(sqlite3.connect(record)) as database:
        assert database.execute("SELECT count(*) FROM stays WHERE name LIKE 'Student %'").fetchone() == (40,)
    forgetful = replace(RECORDED, command=ROLLCALL.command)
    assert recorded(forgetful, tmp_path, 3, 0.1)["missing"] == 3


def test_medians_are_taken_figure_by_figure() -> None:
    assert median_of([sample(1, 9), sample(5, 1), sample(2, 5)]) == sample(2, 5)


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(number) for number in range(1, 201)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (100.0, 198.0, 7.0)


def test_everything_has_a_name_of_its_own() -> None:
    for quick in (False, True):
        names = [scenario.name for scenario in scenarios(quick)]
        assert len(set(names)) == len(names)


def test_plots_are_drawn_from_what_there_is(tmp_path: Path) -> None:
    draw_plots({joins_scenario(200, True).name: {"rollcall": {"mb_pushed": 1.0}}}, tmp_path)
    assert not list(tmp_path.iterdir())
    row = {"rollcall": sample(50000), "C threads <&>": sample(60000)}
    draw_plots({name_of(100, 64): row, name_of(1000, 64): row, name_of(1000, 1000): row}, tmp_path)
    for name in ("heartbeats.svg", "clients.svg"):
        picture = ElementTree.parse(tmp_path / name).getroot()
        words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
        assert "rollcall" in words and "C threads <&>" in words


@needs_linux
def test_a_load_that_does_not_exist_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "7 clients"])
    assert ended.value.code == 2 and "nothing here has '7 clients' in its name" in capsys.readouterr().err


@needs_linux
@pytest.mark.parametrize("servers", ["rolcall", "naive,mosquito", "", "naive,"])
def test_a_server_that_does_not_exist_is_bad_usage(servers: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--servers", servers, "--only", "expiry"])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and repr(servers.split(",")[-1]) in said and "websockets threads" in said


@needs_linux
def test_a_small_run_measures_prints_and_writes(tmp_path: Path) -> None:
    file = tmp_path / "samples.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--quick", "--rounds=1", "--only=200 join"]
    done = subprocess.run([*command, f"--json={file}"], capture_output=True, encoding="utf-8", timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(file.read_text())["samples"]["200 join"]["rollcall"]
    assert run["mb_pushed"] > 0.1 and run["exact_after_last"] > 0, run
    assert "200 join" in done.stdout


@pytest.mark.parametrize(("argument", "code", "words"), [("--help", 0, "usage: "), ("--nonsense", 2, "unrecognized")])
def test_the_window_s_benchmark_says_what_it_does(argument: str, code: int, words: str) -> None:
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "window.py"), argument], capture_output=True, encoding="utf-8",
        timeout=100, check=False, env={**os.environ, "DISPLAY": ""},
    )  # fmt: skip
    assert done.returncode == code and words in done.stdout + done.stderr and "window.py" in done.stdout + done.stderr


@pytest.mark.usefixtures("needs_display")
def test_the_window_is_measured() -> None:
    script = "import sys, window; window.RUNS = 1; sys.exit(window.main())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "benchmarks", capture_output=True, encoding="utf-8", timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4 and all(line.startswith(("met", "MISSED")) and " ms " in line for line in lines[1:])
