"""benchmarks/run.py: the arithmetic of its verdicts, and that it runs at all is for who runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, Tuple

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

from run import SERVERS, Bar, Load, Sample, bars, main, median_of


def sample(pings: float, kib: float = 10.0, joins: float = 1000.0) -> Sample:
    return {"pings_per_second": pings, "kib_per_client": kib, "joins_per_second": joins}


def test_a_bar_says_whether_it_is_met_and_by_what() -> None:
    assert Bar("speed", 3.0, least=3.0).is_met and not Bar("speed", 2.99, least=3.0).is_met
    assert Bar("memory", 16.0, most=16.0).is_met and not Bar("memory", 16.1, most=16.0).is_met
    assert Bar("speed", 2.5, least=3.0).line() == "MISSED  speed: 2.50 (>= 3)"


def test_the_bars_compare_with_the_naive_server_and_with_fewer_in_flight() -> None:
    few, all_of_them = Load(1000, 64), Load(1000, 1000)
    medians: Dict[Tuple[str, Load], Sample] = {
        ("rollcall", few): sample(9000, kib=15, joins=950),
        ("naive", few): sample(3000),
        ("rollcall", all_of_them): sample(6000),
        ("naive", all_of_them): sample(3000),
    }
    verdicts = {bar.what: bar.is_met for bar in bars(medians, [few, all_of_them])}
    assert verdicts == {
        "heartbeats against naive, 1000 clients, 64 in flight": True,
        "KiB for an idle client, 1000 clients": True,
        "joins a second, 1000 clients": True,
        "heartbeats against naive, 1000 clients, 1000 in flight": False,
        "all in flight against 64, 1000 clients": False,
    }


def test_medians_are_taken_figure_by_figure() -> None:
    assert median_of([sample(1, 9), sample(5, 1), sample(2, 5)]) == sample(2, 5)


def test_a_load_that_does_not_exist_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("the benchmarks need Linux")
    with pytest.raises(SystemExit) as ended:
        main(["--only", "7 clients"])
    assert ended.value.code == 2 and "no load is called" in capsys.readouterr().err
    assert SERVERS[0] == "rollcall"
