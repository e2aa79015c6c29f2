"""Timings: validated, appended, read from pytest-benchmark, and ranked within one machine and one run only."""

import dataclasses
import json
import subprocess
import sys

import pytest

from ganeval.errors import DataError
from ganeval.leaderboard import append_timings, load_timings
from ganeval.leaderboard.costs import COSTS, SAMPLING, TRAINING
from ganeval.leaderboard.pytest_benchmark import read_pytest_benchmark
from ganeval.leaderboard.showing import timing_columns_sheet
from ganeval.leaderboard.timing_board import by_columns, costs, latest, timing_tables
from ganeval.leaderboard.timings import UNITS, TimingRow, read_timings

ROW = TimingRow(
    name="dcgan.digits-cpu",
    stage="sampling, batch 64",
    value=900.0,
    unit="images/s",
    n=20,
    threads=2,
    device="cpu",
    versions={"torch": "2.14.1"},
    machine="Linux x86_64, 2 cores",
    run="a1",
    time="2026-01-01T00:00:00+00:00",
    source="ganeval bench",
    sd=9.0,
)


def row(**changes):
    return dataclasses.replace(ROW, **changes)


def test_timings_are_read_back_as_they_were_appended(tmp_path):
    path = tmp_path / "timings.jsonl"
    append_timings(path, [ROW])
    append_timings(path, [row(name="other", sd=None, threads=None)])

    assert read_timings([path]) == ([ROW, row(name="other", sd=None, threads=None)], [])
    table = load_timings(tmp_path)
    assert list(table["name"]) == ["dcgan.digits-cpu", "other"]
    assert json.loads(table["versions"][0]) == {"torch": "2.14.1"}
    assert load_timings(path).equals(table)


def test_only_files_of_timings_are_searched_for_them(tmp_path):
    append_timings(tmp_path / "digits.jsonl", [ROW])
    append_timings(tmp_path / "timings-h100.jsonl", [ROW])

    assert len(load_timings(tmp_path)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "furlongs"}, "one of images/s"),
        ({"value": float("nan")}, "finite and not negative"),
        ({"value": -1.0}, "finite and not negative"),
        ({"value": "1"}, "finite and not negative"),
        ({"sd": float("inf")}, "sd must be finite"),
        ({"n": 0}, "whole numbers"),
        ({"threads": "two"}, "whole numbers"),
        ({"machine": None}, "machine must be text"),
        ({"versions": "2.14"}, "versions must be a table"),
    ],
)
def test_a_timing_that_cannot_be_meant_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        row(**change)


def test_damaged_timings_are_reported_with_their_number(tmp_path):
    path = tmp_path / "timings.jsonl"
    append_timings(path, [ROW])
    good = json.loads(path.read_text())
    lines = [{**good, "unit": "miles"}, {**good, "extra": 1}, {k: v for k, v in good.items() if k != "run"}]
    path.write_text(path.read_text() + "".join(json.dumps(line) + "\n" for line in lines))
    rows, problems = read_timings([path])

    assert rows == [ROW]
    assert [problem.split(":")[1] for problem in problems] == ["2", "3", "4"]
    path.write_text('{"kind": "timing", "schema": 99}\n')
    with pytest.raises(DataError, match="schema 99"):
        read_timings([path])


def test_rows_of_another_run_or_machine_are_never_ranked_together():
    others = [
        row(value=1.0, run="b2"),
        row(value=2.0, machine="Linux x86_64, 64 cores"),
        row(value=3.0, stage="decode"),
    ]
    tables = timing_tables([ROW, row(name="b", value=500.0), *others])

    assert sorted(len(table.lines) for table in tables) == [1, 1, 1, 2]
    for table in tables:
        assert {(line.row.machine, line.row.run, line.row.stage) for line in table.lines} == {
            (table.machine, table.run, table.stage)
        }


def test_timings_tie_where_their_spread_does_not_part_them():
    rows = [ROW, row(name="b", value=901.0), row(name="c", value=450.0)]
    (table,) = timing_tables(rows)

    assert [(line.rank, line.row.name) for line in table.lines] == [
        ("1=", "b"),
        ("1=", "dcgan.digits-cpu"),
        ("3", "c"),
    ]
    assert table.lines[2].times_best == pytest.approx(901 / 450)


def test_less_is_better_where_the_unit_says_so_and_counts_are_exact():
    slow, fast = row(name="slow", unit="ms", value=9.0, sd=0.1), row(name="fast", unit="ms", value=3.0, sd=0.1)
    assert [line.row.name for line in timing_tables([slow, fast])[0].lines] == ["fast", "slow"]

    sizes = [
        row(name=name, unit="parameters", value=v, n=1, sd=None) for name, v in (("a", 10.0), ("b", 9.0), ("c", 9.0))
    ]
    assert [(x.rank, x.row.name) for x in timing_tables(sizes)[0].lines] == [("1=", "b"), ("1=", "c"), ("3", "a")]
    assert set(UNITS.values()) == {"lower", "higher"}


def test_single_timings_are_untested():
    lines = timing_tables([row(n=1, sd=None), row(name="b", n=1, sd=None, value=1.0)])[0].lines

    assert [line.rank for line in lines] == ["1?", "1?"]


def test_the_latest_run_of_each_machine_is_shown():
    old, new = row(run="old", time="2025-01-01T00:00:00+00:00"), row(run="new", time="2026-02-01T00:00:00+00:00")
    other = row(machine="another", run="other", time="2024-01-01T00:00:00+00:00")

    assert {table.run for table in latest(timing_tables([old, new, other]))} == {"new", "other"}


def test_costs_come_from_one_run_and_one_machine():
    stage, unit = SAMPLING.stage, SAMPLING.unit
    wide = [row(name=name, stage=stage, unit=unit, value=value, run="wide") for name, value in (("a", 5.0), ("b", 6.0))]
    later = row(name="a", stage=stage, unit=unit, value=99.0, run="later", time="2026-05-01T00:00:00+00:00")
    trained = row(name="a", stage=TRAINING.stage, unit=TRAINING.unit, value=60.0, n=1, sd=None)
    found = costs(timing_tables([*wide, later, trained]))

    assert found == {"a": {"training_seconds": 60.0, "images_per_second": 5.0}, "b": {"images_per_second": 6.0}}
    assert costs([]) == {}


# As pytest-benchmark 5.3.1 wrote it, without what is not read.
WRITTEN = {
    "machine_info": {
        "node": "secret-host",
        "machine": "x86_64",
        "python_version": "3.11.7",
        "system": "Linux",
        "cpu": {"count": 2, "brand_raw": "Intel(R) Xeon(R) Processor"},
    },
    "commit_info": {"id": "b807baf41054532f8f7f0b66610a42e60de635f5", "dirty": True},
    "benchmarks": [
        {
            "group": group,
            "name": name,
            "fullname": f"tests/benchmarks/bench_stages.py::{name}",
            "stats": {"median": median, "stddev": stddev, "rounds": rounds},
        }
        for group, name, median, stddev, rounds in (
            ("resize", "test_resize_of_ganeval", 0.767, 0.141, 5),
            ("resize", "test_resize_of_torch_fidelity", 2.543, 0.055, 3),
            (None, "test_alone", 0.1, 0, 1),
        )
    ],
    "datetime": "2026-11-22T04:16:56.153724+00:00",
    "version": "5.3.1",
}


def test_the_file_of_pytest_benchmark_feeds_the_same_board(tmp_path):
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps(WRITTEN))
    rows = read_pytest_benchmark(path)
    tables = {table.stage: table for table in timing_tables(rows)}

    assert [(line.rank, line.row.name, line.row.value) for line in tables["resize"].lines] == [
        ("1", "resize_of_ganeval", 0.767),
        ("2", "resize_of_torch_fidelity", 2.543),
    ]
    assert set(tables) == {"resize", "tests/benchmarks/bench_stages.py"}
    assert {timing.machine for timing in rows} == {"Linux x86_64, 2 cores, Intel(R) Xeon(R) Processor"}
    assert rows[0].versions == {"python": "3.11.7", "commit": "b807baf41054+changes"}
    assert (rows[0].source, rows[0].device, rows[0].threads) == ("pytest-benchmark 5.3.1", "cpu", None)
    assert len({timing.run for timing in rows}) == 1
    assert rows[2].sd is None
    assert "secret-host" not in str(rows)


def test_what_a_suite_adds_of_device_threads_and_versions_is_taken_over(tmp_path):
    told = {"ganeval": {"device": "cuda:0", "threads": 3, "versions": {"torch": "9"}}}
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps({**WRITTEN, "machine_info": {**WRITTEN["machine_info"], **told}}))
    (first, *_) = read_pytest_benchmark(path)

    assert (first.device, first.threads, first.versions["torch"]) == ("cuda:0", 3, "9")


@pytest.mark.slow
def test_the_benchmarks_of_this_project_can_be_added(tmp_path):
    """Through pytest-benchmark itself, and the hook that tells device, threads and versions."""
    out = tmp_path / "benchmark.json"
    suite = ["tests/benchmarks/bench_stages.py", "-o", "python_files=bench_*.py", "-m", "", "-k", "resize"]
    subprocess.run([sys.executable, "-m", "pytest", "-q", f"--benchmark-json={out}", *suite], check=True)
    rows = read_pytest_benchmark(out)
    (table,) = timing_tables(rows)

    assert {line.row.name for line in table.lines} == {"resize_of_ganeval", "resize_of_torch_fidelity"}
    assert all(timing.threads and timing.versions["torch"] for timing in rows)
    assert all(timing.value > 0 for timing in rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "isn't a file written by pytest --benchmark-json"),
        ('{"machine_info": {}, "benchmarks": [{}], "datetime": ""}', "cannot be read"),
    ],
)
def test_what_pytest_benchmark_did_not_write_is_refused(tmp_path, content, message):
    path = tmp_path / "x.json"
    path.write_text(content)

    with pytest.raises(DataError, match=message):
        read_pytest_benchmark(path)
    with pytest.raises(DataError, match="Check the path"):
        read_pytest_benchmark(tmp_path / "none.json")


def test_costs_have_one_direction_each_and_names_of_their_own():
    assert all(cost.unit in UNITS and cost.better == UNITS[cost.unit] for cost in COSTS)
    for facts in ([c.name for c in COSTS], [(c.stage, c.unit) for c in COSTS], [c.head for c in COSTS]):
        assert len(set(facts)) == len(COSTS)


def test_a_benchmark_may_list_timings_of_its_own(tmp_path):
    content = json.loads(json.dumps(WRITTEN))
    listed = [
        {"name": "dcgan.x", "stage": "latency p95, batch 1", "value": 4.0, "unit": "ms", "n": 100, "sd": None},
        {
            "name": "dcgan.x",
            "stage": "one image",
            "value": 7e6,
            "unit": "FLOP",
            "n": 1,
            "note": "counted",
            "threads": 1,
        },
    ]
    content["benchmarks"][0]["extra_info"] = {"timings": listed}
    content["machine_info"]["ganeval"] = {"device": "cpu", "threads": 2, "note": "load 3.0 on 2 cores"}
    path = tmp_path / "benchmark.json"
    path.write_text(json.dumps(content))
    rows = read_pytest_benchmark(path)

    assert [(row.name, row.stage, row.unit, row.value, row.n, row.sd) for row in rows[:2]] == [
        ("dcgan.x", "latency p95, batch 1", "ms", 4.0, 100, None),
        ("dcgan.x", "one image", "FLOP", 7e6, 1, None),
    ]
    assert [row.threads for row in rows[:2]] == [2, 1]
    assert [row.note for row in rows[:2]] == ["load 3.0 on 2 cores", "counted; load 3.0 on 2 cores"]
    assert rows[2].name == "resize_of_torch_fidelity"
    content["benchmarks"][0]["extra_info"] = {"timings": [{"name": "dcgan.x", "speed": 3}]}
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="cannot be read"):
        read_pytest_benchmark(path)


def test_stages_of_the_same_names_are_columns_of_one_sheet():
    batch = [row(name=name, value=value) for name, value in (("a", 900.0), ("b", 450.0))]
    work = [row(name=name, stage="one image", unit="FLOP", value=v, sd=None) for name, v in (("b", 2e6), ("c", 4e6))]
    apart = [row(name="resize", stage="decode", unit="s"), row(name="a", run="b2", stage="one image", unit="FLOP")]
    groups = by_columns(timing_tables([*work, *batch, *apart]))
    (group,) = [group for group in groups if len(group) > 1]
    sheet = timing_columns_sheet(group)

    assert sorted(len(group) for group in groups) == [1, 1, 2]
    assert sheet.head == ("name", "images/s ↑", "FLOP ↓")
    assert sheet.lines == (("a", "900*", ""), ("b", "450", "2M*"), ("c", "", "4M"))
    assert "cpu, 2 threads" in sheet.notes
