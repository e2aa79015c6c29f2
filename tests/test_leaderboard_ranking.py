"""Ranks: seeds pooled, ties where intervals do not separate, anchors never ranked, one protocol a column."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ganeval.errors import UsageError
from ganeval.leaderboard.boards import Board, load_boards
from ganeval.leaderboard.cells import Cell, beats, difference, pooled, ranks, single
from ganeval.leaderboard.pareto import front
from ganeval.leaderboard.ranking import ranked
from ganeval.leaderboard.reading import flat_rows, read_rows
from ganeval.leaderboard.rows import load
from ganeval.leaderboard.standings import Cost, stand
from ganeval.leaderboard.student import quantile, within
from ganeval.results import append_jsonl
from tests.rows import BASE, checkpoint, result, seeds

BOARD = Board("digits", "Digits", "digits:test", "fd@efflite0", ("fd@efflite0", "kd@efflite0"))


def stood(rows, board=BOARD, costs=None):
    return stand(board, [row._replace(file=f"{board.name}.jsonl") for row in flat_rows(rows)], costs)


def places(standings):
    return [(entry.rank, entry.name, entry.checkpoint) for entry in standings.entries]


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30, 101, 1000])
def test_students_t_in_closed_form_is_scipys(degrees):
    for t in (0.0, 1e-3, 0.7, 2.0, 12.7, 300.0):
        assert within(t, degrees) == pytest.approx(1 - 2 * stats.t.sf(t, degrees), abs=1e-12)
        assert within(-t, degrees) == within(t, degrees)
    assert quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-11)


def test_students_t_needs_a_degree_of_freedom():
    with pytest.raises(ValueError, match="at least one degree"):
        within(1.0, 0)


def test_pooled_seeds_have_their_mean_sd_and_t_interval():
    values = [3.0, 4.5, 4.0, 7.0]
    cell = pooled(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))

    assert (cell.mean, cell.n) == (np.mean(values), 4)
    assert cell.sd == pytest.approx(np.std(values, ddof=1))
    assert (cell.low, cell.high) == pytest.approx((low, high))


def test_equal_counts_and_spreads_give_welchs_interval_exactly():
    a, b = [1.0, 2.0, 3.0], [5.0, 6.0, 7.0]
    welch = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)

    assert difference(pooled(a), pooled(b)) == pytest.approx((welch.low, welch.high))


@settings(max_examples=60, deadline=None)
@given(
    *[st.lists(st.floats(-50, 50).map(lambda x: round(x, 3)), min_size=2, max_size=6, unique=True) for _ in range(2)]
)
def test_the_interval_of_two_pools_is_welchs_or_wider_by_the_rounding_of_its_degrees(a, b):
    test = stats.ttest_ind(b, a, equal_var=False)
    low, high = difference(pooled(a), pooled(b))
    delta, stderr = np.mean(b) - np.mean(a), (high - low) / 2 / quantile(math.floor(test.df + 1e-9))

    assert (low + high) / 2 == pytest.approx(delta, abs=1e-9)
    assert stderr == pytest.approx(math.hypot(stats.sem(a), stats.sem(b)), rel=1e-6)
    assert high - low >= (1 - 1e-6) * 2 * stats.t.ppf(0.975, test.df) * stderr


def test_one_result_against_several_seeds_takes_their_spread_for_its_own():
    several, one = pooled([4.0, 5.0, 6.0]), single(9.0, 0.01, (8.98, 9.02))
    half = stats.t.ppf(0.975, 2) * 1.0 * math.sqrt(1 + 1 / 3)

    assert difference(several, one) == pytest.approx((4.0 - half, 4.0 + half))
    assert difference(one, several) == pytest.approx((-4.0 - half, -4.0 + half))

    unsure = single(9.0, 3.0, (3.0, 15.0))
    wide = stats.t.ppf(0.975, 2) * math.hypot(1.0 / math.sqrt(3), 3.0)
    assert difference(several, unsure) == pytest.approx((4.0 - wide, 4.0 + wide))


def test_two_single_results_are_told_apart_by_their_standard_errors():
    a, b = single(1.0, 0.3, (0.4, 1.6)), single(2.0, 0.4, (1.2, 2.8))

    assert difference(a, b) == pytest.approx((1 - 1.959964 * 0.5, 1 + 1.959964 * 0.5))
    assert beats(a, b, "lower")
    assert not beats(a, b, "higher")
    assert not beats(a, b, "neither")


def test_without_a_standard_error_nothing_is_told_apart():
    assert difference(single(1.0, None, None), single(99.0, 0.1, (98.0, 100.0))) is None
    assert ranks([single(1.0, None, None), single(99.0, None, None)], "lower") == ["1=", "1="]


def test_seeds_without_any_spread_are_no_proof():
    assert difference(pooled([1.0, 1.0]), pooled([2.0, 2.0])) is None


def test_a_rank_counts_those_that_beat_it_though_ties_are_not_transitive():
    a, b, c = (single(value, 0.3, (0.0, 0.0)) for value in (1.0, 1.7, 2.4))

    assert not beats(a, b, "lower")
    assert not beats(b, c, "lower")
    assert beats(a, c, "lower")
    assert ranks([c, a, b], "lower") == ["2=", "1=", "1="]
    assert ranks([a, c], "lower") == ["1", "2"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(0.1, 3)), min_size=1, max_size=7),
    st.sampled_from(["lower", "higher"]),
)
def test_ranks_follow_their_definition(points, better):
    cells = [single(mean, stderr, (mean, mean)) for mean, stderr in points]
    sign = 1 if better == "lower" else -1

    def better_than(i, j):
        z = sign * (points[j][0] - points[i][0]) / math.hypot(points[i][1], points[j][1])
        return z > stats.norm.ppf(0.975)

    for i, text in enumerate(ranks(cells, better)):
        others = [j for j in range(len(cells)) if j != i]
        tied = any(not better_than(i, j) and not better_than(j, i) for j in others)
        assert text == f"{1 + sum(better_than(j, i) for j in others)}{'=' if tied else ''}"


def test_equal_models_share_the_first_rank_nineteen_times_in_twenty():
    """Seeds of two equal models: the one is put above the other in about 5% of draws."""
    rng = np.random.default_rng(5)
    draws = rng.normal(10, 1, (1500, 2, 4))
    parted = np.mean([ranks([pooled(list(a)), pooled(list(b))], "lower") != ["1=", "1="] for a, b in draws])

    assert 0.03 < parted < 0.065


def test_a_recipes_seeds_are_one_line_and_its_checkpoints_are_apart():
    best = [dataclasses.replace(row, provenance=at_step(row, 3)) for row in seeds([6.9, 7.3, 7.1], stem="best")]
    standings = stood([*seeds([7.0, 7.4, 7.2]), *best])

    assert sorted(places(standings)) == [("1=", "dcgan.digits-cpu", "best"), ("1=", "dcgan.digits-cpu", "last")]
    assert {entry.seeds for entry in standings.entries} == {(0, 1, 2)}
    assert standings.entries[0].cells["fd@efflite0"].mean == pytest.approx(7.1)
    assert standings.entries[0].parameters == 1_200_000


def test_a_best_checkpoint_that_is_the_last_has_no_second_line():
    last, best = seeds([7.0, 7.4, 7.2]), seeds([7.0, 7.4, 7.2], stem="best")
    other = seeds([9.0, 9.1, 8.9], "wgan.digits-cpu")
    one_differs = [dataclasses.replace(best[0], provenance=at_step(best[0], 3)), *best[1:]]

    # The wgan is second: one network counts once.
    assert places(stood([*last, *best, *other])) == [
        ("1", "dcgan.digits-cpu", "last"),
        ("2", "wgan.digits-cpu", "last"),
    ]
    for others in (one_differs, best[:2], [*best, checkpoint(0.5, key="kd@efflite0", stem="best")]):
        assert [place[2] for place in places(stood([*last, *others]))] == ["best", "last"]


def at_step(row, step):
    return {**row.provenance, "subject": {**row.provenance["subject"], "step": step}}


def test_clear_differences_are_ranked_and_the_table_is_sorted_by_them():
    rows = [
        *seeds([9.0, 9.1, 8.9], "wgan.digits-cpu"),
        *seeds([5.0, 5.1, 4.9]),
        *seeds([9.05, 9.1, 9.0], "mlp.digits-cpu"),
    ]

    assert [(rank, name) for rank, name, _ in places(stood(rows))] == [
        ("1", "dcgan.digits-cpu"),
        ("2=", "wgan.digits-cpu"),
        ("2=", "mlp.digits-cpu"),
    ]


def test_a_metric_that_should_be_high_ranks_the_other_way_round():
    board = dataclasses.replace(BOARD, sort="psnr", metrics=("psnr",))
    rows = [*seeds([20.0, 20.1], key="psnr", better="higher"), *seeds([30.0, 30.1], "b.x", key="psnr", better="higher")]

    assert [(rank, name) for rank, name, _ in places(stood(rows, board))] == [("1", "b.x"), ("2", "dcgan.digits-cpu")]


def test_anchors_are_shown_below_and_never_ranked():
    board = dataclasses.replace(BOARD, anchors={"digits:train": "real images"})
    rows = [
        *seeds([7.0, 8.0]),
        *seeds([80.0, 81.0], stem="untrained"),
        result(1.0, subject="digits:train"),
        result(9.0, subject="folder"),
    ]
    standings = stood(rows, board)

    assert places(standings) == [
        ("1=", "dcgan.digits-cpu", "last"),
        ("1=", "folder", ""),
        ("", "digits:train", ""),
        ("", "dcgan.digits-cpu", "untrained"),
    ]
    assert [entry.anchor for entry in standings.entries] == ["", "", "real images", "untrained"]


def test_a_row_that_was_measured_again_replaces_the_old_one():
    old, new = (checkpoint(v, seed=0, time=f"2026-01-0{day}T00:00:00+00:00") for v, day in ((7.0, 1), (6.0, 2)))
    for order in ([old, new], [new, old]):
        (entry,) = stood([*order, checkpoint(6.2, seed=1)]).entries
        assert entry.cells["fd@efflite0"].mean == pytest.approx(6.1)
        assert entry.seeds == (0, 1)
    same_time = [checkpoint(5.0, seed=0), checkpoint(4.0, seed=0)]
    assert stood(same_time).entries[0].cells["fd@efflite0"].mean == 4.0


def test_rows_of_another_protocol_are_listed_apart_with_what_differs():
    other = dataclasses.replace(BASE, n_fake=200, params={"ddof": 0}, reference_sha256="ef" * 32)
    standings = stood([*seeds([7.0, 7.1, 7.2]), *seeds([3.0], "cheat.digits-cpu", protocol=other)])

    assert [entry.name for entry in standings.entries] == ["dcgan.digits-cpu"]
    (apart,) = standings.apart
    assert apart.row.recipe == "cheat.digits-cpu"
    assert apart.differs == (
        "n_fake 200 instead of 599; reference_sha256 efefefef instead of cdcdcdcd; params.ddof 0 instead of 1"
    )


def test_a_pinned_fingerprint_wins_over_that_of_most_rows():
    other = dataclasses.replace(BASE, seed=5)
    rows = [*seeds([7.0, 7.1, 7.2]), *seeds([3.0], "few.digits-cpu", protocol=other)]
    pinned = dataclasses.replace(BOARD, fingerprints={"fd@efflite0": other.fingerprint})

    assert [(c.fingerprint, c.pinned) for c in stood(rows).columns] == [(BASE.fingerprint, False)]
    assert [(c.fingerprint, c.pinned) for c in stood(rows, pinned).columns] == [(other.fingerprint, True)]
    assert [entry.name for entry in stood(rows, pinned).entries] == ["few.digits-cpu"]
    assert len(stood(rows, pinned).apart) == 3


def test_a_pinned_row_joins_the_board_from_any_file_and_a_stranger_does_not():
    pinned = dataclasses.replace(BOARD, fingerprints={"fd@efflite0": BASE.fingerprint})
    rows = [row._replace(file="ci.jsonl") for row in flat_rows(seeds([7.0, 7.1]))]

    assert len(stand(pinned, rows).entries) == 1
    assert stand(BOARD, rows).entries == ()
    assert len(stand(BOARD, [row._replace(file="digits.h100.jsonl") for row in rows]).entries) == 1
    assert stand(BOARD, [row._replace(file="digits2.jsonl") for row in rows]).entries == ()


def test_only_a_boards_models_are_on_it():
    board = dataclasses.replace(BOARD, models=("dcgan",))

    assert [e.name for e in stood([*seeds([7.0]), *seeds([6.0], "wgan.x"), result(5.0)], board).entries] == [
        "folder",
        "dcgan.digits-cpu",
    ]


def test_a_column_shows_the_debiased_values_where_all_rows_have_them():
    rows = [*seeds([7.0, 7.2], debiased=6.0), result(9.0, debiased=8.0)]
    (column,) = stood(rows).columns
    means = {entry.name: entry.cells["fd@efflite0"].mean for entry in stood(rows).entries}

    assert column.debiased
    assert means == {"dcgan.digits-cpu": 6.0, "folder": 8.0}
    assert not stood([*rows, result(3.0, subject="other")]).columns[0].debiased
    assert stood([*rows, result(3.0, subject="other")]).entries[0].cells["fd@efflite0"].mean == 3.0


def test_a_metric_without_a_direction_and_an_entry_without_the_sort_key_have_no_rank():
    lonely = seeds([0.1, 0.2], "half.digits-cpu", key="kd@efflite0")

    assert places(stood([*seeds([7.0, 7.1]), *lonely]))[-1] == ("", "half.digits-cpu", "last")
    assert {rank for rank, *_ in places(stood(seeds([7.0, 8.0], better="neither")))} == {""}


def test_skipped_rows_and_rows_without_a_protocol_are_on_no_board():
    bare = dataclasses.replace(result(3.0), protocol=None)
    skipped = dataclasses.replace(result(3.0), value=None, status="skipped")

    assert stood([bare, skipped]).entries == ()


def _dominated(points, i):
    q, c = points[i]
    return any(oq >= q and oc <= c and (oq, oc) != (q, c) for oq, oc in points)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=12))
def test_the_front_is_what_nobody_dominates(points):
    flags = front([q for q, _ in points], [c for _, c in points])

    assert flags == [not _dominated(points, i) for i in range(len(points))]
    assert any(flags)


def test_a_front_of_one_says_nothing_and_unknown_costs_are_off_it():
    assert front([1.0, 2.0], [3.0, None]) == [False, False]
    assert front([1.0, 2.0, 3.0], [3.0, 2.0, None]) == [False, True, False]


def test_quality_is_set_against_each_cost():
    rows = [
        *seeds([5.0, 5.1], "big.x", parameters=9_000_000),
        *seeds([7.0, 7.1], "small.x", parameters=1_000_000),
        *seeds([8.0, 8.1], "bad.x", parameters=5_000_000),
    ]
    costs = {"big.x": Cost(600.0, 50.0), "small.x": Cost(900.0, 10.0), "bad.x": Cost(100.0, None)}
    fronts = {entry.name: entry.fronts for entry in stood(rows, costs=costs).entries}

    assert fronts == {
        "big.x": ("parameters", "training", "sampling"),
        "small.x": ("parameters",),
        "bad.x": ("training",),
    }


def test_the_tables_of_pandas_say_what_the_board_says(tmp_path):
    other = dataclasses.replace(BASE, seed=5)
    path = tmp_path / "digits.jsonl"
    append_jsonl(path, [*seeds([7.0, 7.4]), *seeds([80.0], stem="untrained"), result(3.0, protocol=other)])
    costs = {"dcgan.digits-cpu": Cost(60.0, 900.0)}
    found = ranked(BOARD, load(path), costs)
    first = found.table.iloc[0]

    assert list(found.table["rank"]) == ["1", ""]
    assert list(found.table["anchor"]) == [False, True]
    assert (first["entry"], first["seeds"], first["parameters"]) == ("dcgan.digits-cpu", 2, 1_200_000)
    assert (first["training_seconds"], first["images_per_second"]) == (60.0, 900.0)
    assert first["fd@efflite0 mean"] == pytest.approx(7.2)
    assert first["fd@efflite0 sd"] == pytest.approx(np.std([7.0, 7.4], ddof=1))
    assert first["fd@efflite0 low"] < 7.0 < 7.4 < first["fd@efflite0 high"]
    assert np.isnan(found.table["fd@efflite0 sd"].iloc[1])
    assert list(found.apart["differs"]) == ["seed 5 instead of 0"]
    assert found.standings == stand(BOARD, read_rows([path])[0], costs)


def test_an_empty_board_has_an_empty_table(tmp_path):
    (tmp_path / "none").mkdir()
    found = ranked(BOARD, load(tmp_path / "none"))

    assert (len(found.table), len(found.apart), len(found.columns)) == (0, 0, 0)
    assert list(found.table.columns[:4]) == ["rank", "entry", "checkpoint", "seeds"]


def test_the_boards_of_this_project_are_whole():
    boards = load_boards()

    assert {"digits", "fashion-mnist", "photos-sr", "set5-sr", "photos-edges", "photos-restyled"} <= boards.keys()
    for name, board in boards.items():
        assert board.name == name
        assert board.sort in board.metrics


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not toml", "cannot be read as TOML"),
        ("digits = 3", "expected a table"),
        ('[digits]\ntitle = "x"', "lacks data, sort, metrics"),
        ('[d]\ntitle="x"\ndata="x"\nsort="fd"\nmetrics=["kd"]', "fd is not among its metrics"),
        ('[d]\ntitle="x"\ndata="x"\nsort="fd"\nmetrics="fd"', "metrics must be a list of texts"),
        ('[d]\ntitle=3\ndata="x"\nsort="fd"\nmetrics=["fd"]', "title must be text"),
        ('[d]\ntitel="x"', "Did you mean 'title'"),
        ('[d]\ntitle="x"\ndata="x"\nsort="fd"\nmetrics=["fd"]\n[d.fingerprints]\nkd="0"', "kd is not among"),
        (
            '[d]\ntitle="x"\ndata="x"\nsort="fd"\nmetrics=["fd"]\n[d.anchors]\nreal=1',
            "anchors must be a table of texts",
        ),
    ],
)
def test_a_board_that_cannot_be_meant_is_refused_with_its_name(tmp_path, text, message):
    path = tmp_path / "boards.toml"
    path.write_text(text)

    with pytest.raises(UsageError, match=message):
        load_boards(path)


def test_a_cell_without_spread_ranks_with_one_that_has_it():
    cells = [pooled([1.0, 1.1, 0.9]), Cell(5.0, None, 1, None, None, None)]

    assert ranks(cells, "lower") == ["1", "2"]
    assert all(ranks(list(order), "lower").count("1") == 1 for order in itertools.permutations(cells))
