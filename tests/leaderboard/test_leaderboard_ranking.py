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
from ganeval.leaderboard.cells import Cell, pooled, single
from ganeval.leaderboard.pareto import front
from ganeval.leaderboard.ranking import ranked
from ganeval.leaderboard.reading import flat_rows, read_rows
from ganeval.leaderboard.rows import load
from ganeval.leaderboard.showing import board_sheet, to_markdown
from ganeval.leaderboard.significance import (
    MOST,
    NO_IMAGES,
    NO_SPREAD,
    NO_STDERR,
    NOT_AMONG_BEST,
    ONE_SIDED,
    OTHER_IMAGES,
    Contender,
    paired_p,
    place,
    rank,
)
from ganeval.leaderboard.standings import stand
from ganeval.results.result import append_jsonl
from tests.rows import BASE, checkpoint, result, seeds

PSNR = dataclasses.replace(BASE, metric="psnr", backbone=None, crop_border=0)
BOARD = Board("digits", "Digits", "digits:test", "fd@efflite0", ("fd@efflite0", "kd@efflite0"))


def stood(rows, board=BOARD, costs=None):
    return stand(board, [row._replace(file=f"{board.name}.jsonl") for row in flat_rows(rows)], costs)


def places(standings):
    return [(entry.rank, entry.name, entry.checkpoint) for entry in standings.entries]


def test_pooled_seeds_have_their_mean_sd_and_t_interval():
    values = [3.0, 4.5, 4.0, 7.0]
    cell = pooled(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))

    assert (cell.mean, cell.n) == (np.mean(values), 4)
    assert cell.sd == pytest.approx(np.std(values, ddof=1))
    assert (cell.low, cell.high) == pytest.approx((low, high))


def ranks(cells, better="lower", **options):
    return list(rank([Contender(cell) for cell in cells], better, **options).ranks)


def images(values):
    return {f"img{i:03d}": value for i, value in enumerate(values)}


def of_images(*columns):
    """Entries of a paired metric, one list of values by image each."""
    cells = [single(float(np.mean(column)), 1.0, None, len(column) - 1) for column in columns]
    return [Contender(cell, images(map(float, column))) for cell, column in zip(cells, columns, strict=True)]


def test_two_entries_of_equal_counts_are_compared_by_the_pooled_t_of_their_seeds():
    a, b = [1.0, 2.0, 3.0], [3.6, 4.6, 5.6]
    p = stats.ttest_ind(a, b).pvalue  # equal spreads: pooling and moderation are the same

    assert p == pytest.approx(0.033, abs=0.002)
    assert ranks([pooled(a), pooled(b)]) == ["1", "2"]
    assert ranks([pooled(a), pooled([3.2, 4.2, 5.2])]) == ["1=", "1="]  # p = .054


def test_without_sharing_two_entries_are_compared_by_welchs_t():
    a, b = [1.0, 2.0, 3.0], [3.0, 3.1, 3.2]
    assert stats.ttest_ind(a, b, equal_var=False).pvalue == pytest.approx(0.2, abs=0.05)
    for shift, expected in ((0.0, ["1=", "1="]), (6.0, ["1", "2"])):
        assert ranks([pooled(a), pooled([value + shift for value in b])], share=False) == expected


def test_one_result_against_several_seeds_has_their_spread_or_its_own_if_larger():
    several = pooled([4.0, 5.0, 6.0])
    half = stats.t.ppf(0.975, 2) * math.sqrt(1 + 1 / 3)
    for away, expected in ((0.99 * half, ["1=", "1="]), (1.01 * half, ["1", "2"])):
        assert ranks([several, single(5.0 + away, 0.01, None)]) == expected
    assert ranks([several, single(5.0 + 1.01 * half, 3.0, None)]) == ["1=", "1="]


@pytest.mark.parametrize("size", [1e-60, 1e60, 1e200])
def test_places_do_not_depend_on_the_unit(size):
    """Squares of 1e200 are too large, of which a traceback came."""
    cells = [pooled([x * size for x in side]) for side in ((1.0, 2.0, 3.0), (3.6, 4.6, 5.6), (4.0, 4.9, 5.7))]
    assert ranks(cells) == ["1", "2=", "2="]
    assert ranks([single(size, 0.3 * size, None), single(2.2 * size, 0.4 * size, None)]) == ["1", "2"]
    assert paired_p([size, 1.1 * size] * 10) == pytest.approx(paired_p([1.0, 1.1] * 10))


def test_two_single_results_are_compared_by_their_standard_errors_and_degrees():
    a, b = single(1.0, 0.3, (0.4, 1.6)), single(1.99, 0.4, (1.2, 2.8))

    assert ranks([a, b]) == ["1", "2"]  # 1.98 standard errors
    assert ranks([a, b], "higher") == ["2", "1"]
    assert ranks([a, b], "neither") == ["1=", "1="]
    nine = [dataclasses.replace(cell, degrees=9.0) for cell in (a, b)]
    assert ranks(nine) == ["1=", "1="]  # where 2.12 are asked for


def test_what_cannot_be_tested_is_called_untested():
    found = rank([Contender(single(1.0, None, None)), Contender(single(99.0, 0.1, None))], "lower")

    assert found.ranks == ("1?", "1?")
    assert found.tested == 0
    assert found.untested == {NO_STDERR: 1}
    assert rank([Contender(pooled([1.0, 1.0])), Contender(pooled([2.0, 2.0]))], "lower").untested == {NO_SPREAD: 1}
    mixed = [single(1.0, 0.1, None), single(1.05, 0.1, None), single(9.0, None, None)]
    assert ranks(mixed) == ["1=?", "1=?", "1?"]


def test_a_rank_counts_those_that_are_better_though_ties_are_not_transitive():
    a, b, c = (single(value, 0.3, None) for value in (1.0, 1.7, 2.4))

    assert ranks([c, a, b]) == ["2=", "1=", "1="]
    assert ranks([a, c]) == ["1", "2"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(0.1, 3)), min_size=2, max_size=7),
    st.sampled_from(["lower", "higher"]),
)
def test_ranks_follow_their_definition(points, better):
    sign = 1 if better == "lower" else -1
    pairs = list(itertools.combinations(range(len(points)), 2))
    away = {(i, j): (points[j][0] - points[i][0]) / math.hypot(points[i][1], points[j][1]) for i, j in pairs}
    p_values = stats.false_discovery_control([2 * stats.norm.sf(abs(z)) for z in away.values()])
    differ = {pair: p <= 0.05 for pair, p in zip(pairs, p_values, strict=True)}

    found = ranks([single(mean, stderr, None) for mean, stderr in points], better)
    for i, text in enumerate(found):
        mine = {(a if b == i else b): differ[a, b] for a, b in pairs if i in (a, b)}
        worse = sum(apart and sign * (points[i][0] - points[j][0]) > 0 for j, apart in mine.items())
        assert text == f"{1 + worse}{'=' if not all(mine.values()) else ''}"


def test_ten_equal_entries_are_seldom_split():
    """Each pair judged at 5% by itself, some pair of ten equal entries was split in half of such boards."""
    rng = np.random.default_rng(5)
    split = [ranks([pooled(list(seeds)) for seeds in rng.normal(10, 1, (10, 3))]) != ["1="] * 10 for _ in range(300)]

    assert np.mean(split) <= 0.06


def test_a_better_half_of_ten_entries_is_seen():
    rng = np.random.default_rng(6)
    means = np.repeat([0.0, 4.0], 5)
    draws = rng.normal(means[:, None], 1, (20, 10, 3))
    seen = [sum(place(text) > 1 for text in ranks([pooled(list(seeds)) for seeds in draw])) for draw in draws]

    assert np.mean(seen) > 4.5


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_of_very_many_entries_the_best_are_compared_and_the_rest_is_untested(better):
    """Pairs grow with the square of the entries: 3,000 of them would take a minute."""
    values = np.random.default_rng(1).permutation(3000.0 + np.arange(3000))
    found = rank([Contender(single(float(value), 0.01, None)) for value in values], better)
    order = np.argsort(values if better == "lower" else -values)

    assert [found.ranks[i] for i in order[: MOST + 2]] == [*map(str, range(1, MOST + 1)), "201?", "201?"]
    assert found.tested == math.comb(MOST, 2)
    assert found.untested == {NOT_AMONG_BEST: math.comb(3000, 2) - found.tested}


def test_a_paired_metric_is_ranked_by_its_differences_image_by_image():
    """Lanczos and bicubic enlargement of 100 images: .18 dB apart in all of them, where images differ by 4 dB."""
    rng = np.random.default_rng(0)
    bicubic = 23.14 + rng.normal(0, 4, 100)
    lanczos = bicubic + 0.18 + rng.normal(0, 0.05, 100)

    assert rank(of_images(bicubic, lanczos), "higher", paired=True).ranks == ("2", "1")
    assert rank(of_images(bicubic, bicubic), "higher", paired=True).ranks == ("1=", "1=")


def test_paired_entries_that_cannot_be_compared_say_why():
    kept, other = of_images([1.0, 2.0, 3.5, 4.0, 9.0, 8.0, 1.0], [2.0, 3.0, 4.0, 5.5, 9.5, 8.1, 0.5])
    five = of_images([1.0, 2.0, 3.5, 4.0, 9.0], [2.0, 3.0, 4.0, 5.5, 9.5])
    renamed = dataclasses.replace(other, by_image={f"x{name}": value for name, value in other.by_image.items()})
    for pair, reason in (
        ([kept, dataclasses.replace(other, by_image=None)], NO_IMAGES),
        ([kept, renamed], OTHER_IMAGES),
        (five, "fewer than 6 images differ, too few for any significance"),
    ):
        found = rank(pair, "higher", paired=True)
        assert (found.ranks, found.untested) == (("1?", "1?"), {reason: 1})


def test_entries_that_are_identical_to_their_originals_in_different_images_are_not_compared():
    """A is better in every image; its mean leaves out its ten best ones, and is lower than B's."""
    hard = np.random.default_rng(0).normal(30.0, 1.0, 10)
    a, b = np.append(hard, np.full(10, np.inf)), np.append(hard - 0.5 + 0.01 * np.arange(10), np.full(10, 40.0))

    def entry(values):
        by_image = {str(i): None if np.isinf(v) else float(v) for i, v in enumerate(values)}
        return Contender(single(float(values[np.isfinite(values)].mean()), 0.1, None), by_image)

    found = rank([entry(a), entry(b)], "higher", paired=True)
    assert (found.ranks, found.untested) == (("1?", "1?"), {ONE_SIDED: 1})
    both = [entry(np.append(side, np.inf)) for side in (hard, hard - 0.5 + 0.01 * np.arange(10))]
    assert rank(both, "higher", paired=True).ranks == ("1", "2")


def test_seeds_that_are_identical_to_their_originals_in_different_images_are_not_compared():
    """A is better in every image, and its best ones are in no mean: three seeds each would rank it second."""
    board = dataclasses.replace(BOARD, metrics=("psnr",), sort="psnr")

    def entry(recipe, last, by, count=0):
        rows = []
        for seed in range(3):
            values = {str(i): 30.0 + by + 0.01 * seed for i in range(9)} | {"x": last}
            mean = float(np.mean([value for value in values.values() if value is not None]))
            subject = {"recipe": recipe, "training_seed": seed, "checkpoint": "last"}
            kept = {"per_image": values} if not count else {"identical_pairs": count}
            given = {"subject": recipe, "key": "psnr", "better": "higher", "protocol": PSNR}
            rows.append(result(mean, **given, provenance={"subject": subject, **kept}))
        return rows

    for rows, ranks in (
        (entry("a", None, 0.5) + entry("b", 40.0, 0.0), ["1?", "1?"]),
        (entry("a", None, 0.5) + entry("b", None, 0.0), ["1", "2"]),
        (entry("a", 40.0, 0.5) + entry("b", 40.0, 0.0), ["1", "2"]),
        (entry("a", None, 0.5, count=3) + entry("b", None, 0.0, count=3), ["1?", "1?"]),
    ):
        assert [entry.rank for entry in stood(rows, board).entries] == ranks


def test_few_pairs_are_held_to_the_exact_test_too():
    few = [0.1, 0.11, 0.1, 0.09, 0.1, 0.1]

    assert paired_p(few) == pytest.approx(2 / 2**6)
    many = list(np.random.default_rng(0).normal(0.1, 0.3, 40))
    assert paired_p(many) == pytest.approx(stats.ttest_1samp(many, 0.0).pvalue)
    assert paired_p([0.5] * 30) == NO_SPREAD
    assert paired_p([0.0] * 30) == 1.0


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


def test_the_newest_version_of_a_metric_is_shown_and_the_older_rows_say_what_to_do():
    newer = dataclasses.replace(BASE, version=BASE.version + 1)
    small = dataclasses.replace(newer, n_fake=50)
    old, new = seeds([7.0, 7.1, 7.2]), seeds([6.9], "new.digits-cpu", protocol=newer)
    few = seeds([9.0], "few.digits-cpu", protocol=small)
    pinned = dataclasses.replace(BOARD, fingerprints={"fd@efflite0": BASE.fingerprint})

    for rows in ([*old, *new, *few], [*few, *new, *old]):
        standings = stood(rows)
        assert [entry.name for entry in standings.entries] == ["new.digits-cpu"]
        told = {each.differs: each.advice for each in standings.apart}
        assert told["version 1 instead of 2"].startswith("Score them again with this version of ganeval, or pin")
        assert told["n_fake 50 instead of 599"] == ""
    standings = stood([*old, *new, *few], pinned)
    assert [entry.name for entry in standings.entries] == ["dcgan.digits-cpu"]
    told = {each.differs: each.advice for each in standings.apart}
    assert told["version 2 instead of 1"].startswith("boards.toml pins the older version: score the rows of that again")
    note = next(note for note in board_sheet(standings).notes if "version 2" in note)
    assert note.startswith(f"apart, not comparable: 1 row of new.digits-cpu (fd@efflite0 {newer.fingerprint}): ")


def test_a_small_trial_of_the_newest_version_does_not_empty_a_board():
    trial = dataclasses.replace(BASE, version=BASE.version + 1, n_fake=50)
    standings = stood([*seeds([7.0, 7.1, 7.2]), *seeds([9.0], "trial.digits-cpu", protocol=trial)])

    assert [entry.name for entry in standings.entries] == ["dcgan.digits-cpu"]


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


def test_a_board_of_images_has_no_column_of_seeds_and_keeps_its_names_on_the_left():
    sheet = board_sheet(stood([result(3.0, subject="a"), result(5.0, subject="b")]))
    trained = board_sheet(stood([*seeds([7.0, 7.2]), result(9.0)]))

    assert sheet.head == ("rank", "entry", "fd ↓")
    assert sheet.left == {0, 1}
    assert sheet.fixed == 3
    assert "| :-- | :-- | --: |" in to_markdown(sheet)
    assert trained.head[:5] == ("rank", "entry", "checkpoint", "seeds", "fd ↓")


@pytest.mark.parametrize(
    ("keys", "heads", "note"),
    [
        (["fd@efflite0", "kd@efflite0"], ["fd ↓", "kd ↓"], "on efflite0"),
        (
            ["fd@efflite0", "kd@efflite0", "fd@pixels"],
            ["fd ↓", "kd ↓", "fd@pixels ↓"],
            "on efflite0 where no network is named",
        ),
        (["fd@efflite0", "fd@pixels"], ["fd@efflite0 ↓", "fd@pixels ↓"], None),
        (["psnr", "fd@efflite0", "kd@efflite0"], ["psnr ↓", "fd ↓", "kd ↓"], "on efflite0"),
        (["psnr", "fd@efflite0", "kd@efflite0", "fd@pixels"], None, None),
    ],
)
def test_headings_leave_out_the_network_that_most_columns_share(keys, heads, note):
    board = dataclasses.replace(BOARD, sort=keys[0], metrics=tuple(keys))
    sheet = board_sheet(stood([result(3.0, subject=s, key=key) for s in "ab" for key in keys], board))
    heads = heads or [f"{key} ↓" for key in keys]

    assert list(sheet.head[2:]) == heads
    assert any(told in (note, f"{note};") for told in sheet.notes) or note is None


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
    costs = {
        "big.x": {"training_seconds": 600.0, "images_per_second": 50.0},
        "small.x": {"training_seconds": 900.0, "images_per_second": 10.0},
        "bad.x": {"training_seconds": 100.0},
    }
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
    costs = {"dcgan.digits-cpu": {"training_seconds": 60.0, "images_per_second": 900.0, "flop": 4e6}}
    found = ranked(BOARD, load(path), costs)
    first = found.table.iloc[0]

    assert list(found.table["rank"]) == ["1", ""]
    assert list(found.table["anchor"]) == [False, True]
    assert (first["entry"], first["seeds"], first["parameters"]) == ("dcgan.digits-cpu", 2, 1_200_000)
    assert (first["training_seconds"], first["images_per_second"], first["flop"]) == (60.0, 900.0, 4e6)
    assert np.isnan(first["latency_p95_ms"])
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
        ('[digits]\ntitle = "x"', "lacks data, metrics"),
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


def test_without_a_sort_key_the_first_metric_with_an_error_in_every_row_ranks():
    board = dataclasses.replace(BOARD, sort="")
    unsure = [*seeds([5.0], "a.x"), *seeds([7.0], "b.x")]
    sure = [dataclasses.replace(row, stderr=0.1) for row in unsure]
    kernel = [dataclasses.replace(row, key="kd@efflite0") for row in sure]

    assert stood([*unsure, *kernel], board).board.sort == "kd@efflite0"
    assert stood([*unsure[:1], *sure[1:], *kernel], board).board.sort == "kd@efflite0"
    assert stood([*sure, *kernel], board).board.sort == "fd@efflite0"
    assert stood(unsure, board).board.sort == "fd@efflite0"
    assert stand(board, []).board.sort == "fd@efflite0"
