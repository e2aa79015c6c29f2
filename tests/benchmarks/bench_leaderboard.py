"""Boards: how long rows take to load and to rank, and what of it is the JSON alone."""

import json

import orjson
import pytest

from ganeval.leaderboard.boards import Board
from ganeval.leaderboard.reading import read_rows
from ganeval.leaderboard.rows import load
from ganeval.leaderboard.standings import stand
from tests.rows import seeds, write_many

GROUP = "rows, 100,000 lines"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    write_many(path, 100_000)
    return path


@pytest.mark.benchmark(group=GROUP)
def test_load_to_a_table(benchmark, path):
    assert len(benchmark.pedantic(load, args=(path,), rounds=3)) == 100_000


@pytest.mark.benchmark(group=GROUP)
def test_load_to_plain_rows(benchmark, path):
    assert len(benchmark.pedantic(read_rows, args=([path],), rounds=3)[0]) == 100_000


@pytest.mark.benchmark(group=GROUP)
@pytest.mark.parametrize("parse", [json.loads, orjson.loads], ids=["json", "orjson"])
def test_parse_only(benchmark, path, parse):
    def work():
        with path.open("rb") as file:
            return sum(bool(parse(text)) for text in file)

    assert benchmark.pedantic(work, rounds=3) == 100_000


@pytest.mark.benchmark(group="one board of 60 entries, 5 seeds, 7 metrics")
def test_stand(benchmark, path, tmp_path):
    from ganeval.results.result import append_jsonl

    keys = tuple(f"metric{k}@efflite0" for k in range(7))
    for k, key in enumerate(keys):
        for i in range(60):
            values = [float(k + i + seed) for seed in range(5)]
            append_jsonl(tmp_path / "board.jsonl", seeds(values, f"model{i}.digits-cpu", key=key))
    rows, _ = read_rows([tmp_path / "board.jsonl"])
    board = Board("board", "Board", "digits:test", keys[0], keys)

    assert len(benchmark.pedantic(stand, args=(board, rows), rounds=3).entries) == 60
