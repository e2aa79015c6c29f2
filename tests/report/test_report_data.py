"""What the report reads: run folders, rows, pairs and blame, and what it tells of what it cannot read."""

import dataclasses
import json
import os

import pytest

from ganeval.errors import DataError
from ganeval.leaderboard.reading import read_rows
from ganeval.options import ScoreOptions
from ganeval.report import galleries
from ganeval.report.charts import Dot, Series
from ganeval.report.page import line_values
from ganeval.report.pictures import Album
from ganeval.report.plots import draw
from ganeval.report.protocols import protocols
from ganeval.report.runs import MAX_GRIDS, by_recipe, find_runs, read_run
from ganeval.report.scores import MAX_TABLES, class_charts, histories, score_tables, usable
from ganeval.report.svg import line_chart
from tests.report_inputs import (
    checkpoint_row,
    write_pairs,
    write_picture,
    write_rows,
    write_run,
    write_values,
)

PLAIN = ScoreOptions("")


def read(folder, rows):
    """The rows as a report gets them."""
    return usable(read_rows([write_rows(folder / "rows.jsonl", rows)])[0])


def test_runs_are_found_below_the_folder_that_was_named(tmp_path):
    expected = [write_run(tmp_path / "runs" / "a" / str(seed)) for seed in (0, 1)]

    assert find_runs(tmp_path / "runs") == expected
    assert find_runs(expected[0]) == [expected[0]]


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(DataError, match="No run of train-reference"):
        find_runs(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        find_runs(tmp_path / "missing")


def test_a_run_gives_its_curves_and_at_most_eight_grids_with_first_and_last(tmp_path):
    folder = write_run(tmp_path / "r", steps=tuple(range(0, 1300, 100)))
    problems = []

    run = read_run(folder, Album(), problems)

    assert run.curves["loss_g"][0][:2] == (10.0, 20.0)
    assert run.curves["loss_g"][1][:2] == (1.0, 0.5)
    steps = [step for step, _ in run.grids]
    assert len(steps) == MAX_GRIDS
    assert (steps[0], steps[-1]) == (0, 1200)
    assert problems == []


def test_other_pictures_of_a_run_are_shown_with_words(tmp_path):
    folder = write_run(tmp_path / "r")
    write_picture(folder / "views" / "nearest.png")
    write_picture(folder / "my_own-picture.png")

    run = read_run(folder, Album(), [])

    assert [words for words, _ in run.views] == ["my own picture", "samples beside their nearest training images"]


def test_what_cannot_be_read_of_a_run_is_told_and_the_rest_is_kept(tmp_path):
    folder = write_run(tmp_path / "r")
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"step": 300, "loss_g": NaN}\n["no row"]\n{"step": 310, "loss_g"')
    (folder / "grids" / "0000400.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    problems = []

    run = read_run(folder, Album(), problems)

    assert max(run.curves["loss_g"][0]) == 200
    assert [step for step, _ in run.grids] == [0, 100, 200]
    assert len(problems) == 2
    assert "2 of 23 lines" in problems[0]
    assert "0000400.png" in problems[1]


def test_runs_of_one_recipe_share_a_chart_with_a_line_a_run(tmp_path):
    folders = [write_run(tmp_path / str(seed)) for seed in (0, 1)]

    (group,) = by_recipe(read_run(folder, Album(), []) for folder in folders)

    assert [chart.y_label for chart in group.scores] == ["fd@efflite0"]
    assert [series.name for series in group.losses[0].series] == ["0", "1"]
    assert ("training.steps", "200") in group.plan


def test_the_expected_result_is_a_band_of_one_sd(tmp_path):
    folder = write_run(tmp_path / "r")
    recipe = json.loads((folder / "recipe.json").read_text())
    recipe["expected"] = [{"checkpoint": "last", "metric": "fd@efflite0", "mean": 80.0, "sd": 3.0, "seeds": 5}]
    (folder / "recipe.json").write_text(json.dumps(recipe))

    (group,) = by_recipe([read_run(folder, Album(), [])])

    assert group.scores[0].band == (77.0, 83.0)
    assert group.expected == ["last: fd@efflite0 80 ± 3 over 5 seeds"]

    recipe["expected"][0] |= {"sd": None, "seeds": 1}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    (group,) = by_recipe([read_run(folder, Album(), [])])
    assert (group.scores[0].band, group.expected) == (None, ["last: fd@efflite0 80 of 1 seed"])


def test_numbers_of_other_protocols_stand_in_other_tables(tmp_path):
    rows = [checkpoint_row(50.0, seed=0), checkpoint_row(40.0, seed=1), checkpoint_row(3.0, "kd@efflite0")]

    tables, _ = score_tables(read(tmp_path, rows))

    assert [table.key for table in tables] == ["fd@efflite0", "kd@efflite0"]
    assert [row.dot.value for row in tables[0].rows] == [40.0, 50.0]
    assert tables[0].rows[0].dot == Dot("toy.digits-cpu, seed 1 last", 40.0, 39.0, 41.0)
    assert tables[0].counts == "100 images against 100 of the reference"
    assert tables[0].floor == 2.0


def test_of_a_subject_scored_twice_the_newest_row_counts(tmp_path):
    old, new = checkpoint_row(50.0), checkpoint_row(45.0)
    new = checkpoint_row(45.0, provenance={**old.provenance, "time": "2026-05-01T00:00:00+00:00"})

    ((table,), _) = score_tables(read(tmp_path, [new, old]))

    assert [(row.dot.value, row.day) for row in table.rows] == [(45.0, "2026-05-01")]


def test_higher_is_better_puts_the_highest_first(tmp_path):
    rows = [checkpoint_row(v, "precision@efflite0", seed=s, better="higher") for s, v in enumerate((0.2, 0.8))]

    ((table,), _) = score_tables(read(tmp_path, rows))

    assert [row.dot.value for row in table.rows] == [0.8, 0.2]


def test_skipped_rows_are_no_scores(tmp_path):
    skipped = checkpoint_row(None, "fid", status="skipped", protocol=None, ci95=None, stderr=None)

    assert score_tables(read(tmp_path, [skipped])) == ([], 0)


def test_a_history_goes_over_the_steps_of_a_run(tmp_path):
    kinds = (("untrained", 0, 90.0), ("best", 120, 30.0), ("last", 200, 35.0))
    rows = [checkpoint_row(v, checkpoint=c, step=s, seed=seed) for seed in (0, 1) for c, s, v in kinds]

    (chart,) = histories(read(tmp_path, rows))

    assert [series.name for series in chart.series] == ["seed 0", "seed 1"]
    assert chart.series[0] == Series(
        "seed 0", (0.0, 120.0, 200.0), (90.0, 30.0, 35.0), (89.0, 29.0, 34.0), (91.0, 31.0, 36.0)
    )


def test_a_history_of_images_goes_over_days(tmp_path):
    rows = [
        checkpoint_row(v, subject="samples", provenance={"time": f"2026-03-0{day}T00:00:00+00:00"})
        for day, v in ((1, 50.0), (3, 40.0))
    ]

    (chart,) = histories(read(tmp_path, rows))

    assert chart.x_label == "days since the first score"
    assert chart.series[0].x == (0.0, 2.0)
    assert chart.series[0].y == (50.0, 40.0)


def test_a_history_goes_over_the_commits_of_a_project(tmp_path):
    """In the order in which they were scored, the newest row of each; last and best checkpoint are two lines."""
    rows = []
    for day, (letter, last) in enumerate((("c", 50.0), ("a", 40.0), ("a", 39.0), ("b", 45.0)), start=1):
        facts = checkpoint_row(last).provenance
        told = {**facts, "time": f"2026-03-0{day}T00:00:00+00:00", "commit": letter * 40}
        best = {**told, "subject": {**told["subject"], "checkpoint": "best"}}
        rows += [checkpoint_row(last, provenance=told), checkpoint_row(last - 1, provenance=best)]

    (chart,) = [chart for chart in histories(read(tmp_path, rows)) if chart.x_label == "commit"]

    assert chart.names == ("ccccccc", "aaaaaaa", "bbbbbbb")
    assert {series.name: series.y for series in chart.series} == {
        "last": (50.0, 39.0, 45.0),
        "best": (49.0, 38.0, 44.0),
    }
    assert line_values(chart)[1] == ("aaaaaaa", ["39.000", "38.000"])
    drawn = line_chart(chart)
    assert ">ccccccc</text>" in drawn
    assert "last: 39.000 at aaaaaaa" in drawn
    assert draw(chart)["svg"].startswith(b"<?xml")


def test_numbers_by_class_are_bars_with_the_worst_first(tmp_path):
    rows = [checkpoint_row(v, f"fd_per_class:{c}@efflite0") for c, v in (("T-shirt/top", 5.0), ("a:b", 9.0))]

    (chart,) = class_charts(read(tmp_path, rows))

    assert chart.x_label == "fd_per_class@efflite0"
    assert chart.title == "toy.digits-cpu, seed 0 last"
    assert [(dot.label, dot.value) for dot in chart.dots] == [("a:b", 9.0), ("T-shirt/top", 5.0)]
    assert chart.bars


def test_a_protocol_lists_its_fields_and_how_it_was_run(tmp_path):
    row = checkpoint_row(5.0)

    (facts,) = protocols(read(tmp_path, [row]), {row.fingerprint})

    assert facts.fingerprint == row.fingerprint
    assert ("backbone", "efflite0") in facts.fields
    assert facts.runs == ["cpu, 1 thread, 2 cores, ganeval 0.1.0"]


def test_pairs_show_the_worst_the_middle_and_the_best(tmp_path):
    named = write_pairs(tmp_path, [f"p{i}" for i in range(12)])

    gallery = galleries.read_pairs(*named, PLAIN, Album(), [])

    assert [(one.stem, one.place) for one in gallery.shown] == [
        ("p0", "worst"),
        ("p1", "worst"),
        ("p2", "worst"),
        ("p5", "median"),
        ("p6", "median"),
        ("p9", "best"),
        ("p10", "best"),
        ("p11", "best"),
    ]
    assert gallery.shown[0].values == [("psnr", 20.0), ("lpips", 0.5)]
    assert sum(gallery.histograms[0].counts) == 12


def test_scored_images_of_other_names_are_found_by_those_of_their_originals(tmp_path):
    named = write_pairs(tmp_path, [f"p{i}" for i in range(6)])
    for path in list((tmp_path / "fake").iterdir()):
        path.rename(path.with_stem(f"{path.stem}_x4"))

    gallery = galleries.read_pairs(*named, PLAIN, Album(), [])

    assert [one.stem for one in gallery.shown if one.place == "worst"] == ["p0", "p1", "p2"]
    assert all(one.real is not None for one in gallery.shown)


def test_scored_images_are_found_by_the_rule_that_paired_them(tmp_path):
    named = write_pairs(tmp_path, [f"p{i}" for i in range(6)])
    for place, path in enumerate(sorted((tmp_path / "fake").iterdir())):
        path.rename(path.with_stem(f"out{7 * place}_of-{path.stem}_x{place}"))

    by_rule = dataclasses.replace(PLAIN, pair_by=r"(p\d+)")
    gallery = galleries.read_pairs(*named, by_rule, Album(), [])

    assert [one.stem for one in gallery.shown if one.place == "worst"] == ["p0", "p1", "p2"]
    with pytest.raises(DataError, match=r"No image of .* \(6 images\)"):
        galleries.read_pairs(*named, PLAIN, Album(), [])


def test_the_scored_images_may_be_those_of_a_generator(tmp_path):
    _, _, real = write_pairs(tmp_path, ["p0", "p1"])
    values = write_values(tmp_path / "values.csv", ("psnr",), [("p0", 20.0), ("p1", 21.0)])

    gallery = galleries.read_pairs(values, "reference_models.baselines:bicubic_x4", real, PLAIN, Album(), [])

    assert sorted(one.stem for one in gallery.shown) == ["p0", "p1"]
    assert all(one.real is not None for one in gallery.shown)


def test_a_metric_where_lower_is_better_ranks_the_other_way_round(tmp_path):
    named = write_pairs(tmp_path, [f"p{i}" for i in range(6)], metrics=("pd@efflite0", "psnr"))

    gallery = galleries.read_pairs(*named, PLAIN, Album(), [])

    assert [one.stem for one in gallery.shown if one.place == "worst"] == ["p5", "p4", "p3"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_few_pairs_are_shown_once_each(tmp_path, count):
    gallery = galleries.read_pairs(*write_pairs(tmp_path, [f"p{i}" for i in range(count)]), PLAIN, Album(), [])

    assert sorted(one.stem for one in gallery.shown) == [f"p{i}" for i in range(count)]


def test_blame_shows_both_ends(tmp_path):
    stems = [f"i{i}" for i in range(40)]
    for place, stem in enumerate(stems):
        write_picture(tmp_path / "images" / f"{stem}.png", seed=place)
    table = write_values(tmp_path / "blame.csv", ["fd@efflite0"], [(stem, -i) for i, stem in enumerate(stems)])

    gallery = galleries.read_blame(table, str(tmp_path / "images"), PLAIN, Album(), [])

    assert [one.stem for one in gallery.shown if one.place == "worst"] == stems[:12]
    assert [one.stem for one in gallery.shown if one.place == "best"] == stems[-12:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Cannot read"),
        ("image,psnr\n", "expected 'image' and then numbers|no row with a finite psnr"),
        ("name,psnr\na,1\n", "has the columns 'name', 'psnr'"),
        ("image,psnr\na,good\n", "expected 'image' and then numbers"),
        ("image,psnr\na,\n", "no row with a finite psnr"),
        ("image,psnr\nelsewhere,1\n", r"No image of .* \(1 image\) is in .*'elsewhere' and 'p0'"),
    ],
)
def test_a_table_that_fits_no_images_is_refused(tmp_path, content, message):
    table, fake, real = write_pairs(tmp_path, ["p0"])
    table.write_text(content)

    with pytest.raises(DataError, match=message):
        galleries.read_pairs(table, fake, real, PLAIN, Album(), [])


def test_of_many_protocols_the_most_used_have_tables_and_the_rest_is_counted(tmp_path):
    few = [checkpoint_row(1.0, f"fd@b{k}") for k in range(MAX_TABLES + 3)]
    many = [checkpoint_row(1.0, "kd@efflite0", seed=seed) for seed in range(2)]

    tables, left_out = score_tables(read(tmp_path, [*few, *many]))

    assert len(tables) == MAX_TABLES
    assert left_out == 4
    assert "kd@efflite0" in [table.key for table in tables]


def test_a_class_may_be_called_anything(tmp_path):
    rows = [checkpoint_row(1.0, "fd_per_class:a@b:c@efflite0"), checkpoint_row(2.0, "agreement:x", better="higher")]

    charts = class_charts(read(tmp_path, rows))

    assert [(chart.x_label, chart.dots[0].label) for chart in charts] == [
        ("fd_per_class@efflite0", "a@b:c"),
        ("agreement", "x"),
    ]


# ---- run folders of strangers


@pytest.mark.parametrize("name", ["recipe.json", "metrics.jsonl", "grids/0000100.png", "sheet.png", "last.safetensors"])
@pytest.mark.parametrize("kind", ["link out", "pipe", "device", "endless"])
def test_a_run_gives_no_file_of_elsewhere_and_no_pipe_and_no_device(tmp_path, name, kind):
    folder = write_run(tmp_path / "runs" / "a")
    secret = tmp_path / "secret"
    secret.write_bytes(b'{"name": "secret", "step": 1, "loss_secret": 1}\n')
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        with path.open("wb") as file:
            file.truncate(1 << 42)
    else:
        path.symlink_to(secret if kind == "link out" else "/dev/zero")
    problems = []
    if name == "recipe.json":
        with pytest.raises(DataError, match=r"recipe\.json"):
            read_run(folder, Album(), problems)
        return
    run = read_run(folder, Album(), problems)

    assert "secret" not in repr(run)
    assert len(run.grids) == (2 if name.startswith("grids") else 3)
    if name != "last.safetensors":
        assert any(str(path) in problem for problem in problems)


def test_runs_that_links_lead_to_elsewhere_are_not_found(tmp_path):
    inside, outside = write_run(tmp_path / "runs" / "a"), write_run(tmp_path / "elsewhere" / "b")
    (tmp_path / "runs" / "b").symlink_to(outside)

    assert find_runs(tmp_path / "runs") == [inside]
