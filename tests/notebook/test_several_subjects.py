"""Several subjects in one table: a value is marked only where a test separates it from the second."""

import io
import json
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import ganeval
from ganeval.cli.first_screen import print_table
from ganeval.errors import UsageError
from ganeval.notebook import Scores
from ganeval.notebook.subject_table import Standing, subject_table
from ganeval.options import ScoreOptions
from ganeval.scoring.several_subjects import score_several
from ganeval.stats.components import components
from tests.rows import checkpoint, result, seeds


def write(folder, images):
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03d}.png")


def pairs(folder, count, *, gap):
    """hr, and two subjects whose PSNR differs by `gap` dB and 0.25 dB of noise by image."""
    rng = np.random.default_rng(0)
    hr = rng.integers(40, 216, (count, 32, 32, 3)).astype(np.uint8)
    write(folder / "hr", hr)
    for name, better in (("a", 0.0), ("b", gap)):
        images = []
        for image in hr:
            sigma = 255.0 * 10 ** (-(30.0 + better + rng.normal(0, 0.25)) / 20)
            images.append(np.clip(image + rng.normal(0, sigma, image.shape), 0, 255).round().astype(np.uint8))
        write(folder / name, images)
    return folder


@pytest.fixture(scope="module")
def hundred(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("hundred"), 100, gap=0.2)


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("five"), 5, gap=0.2)


def test_a_difference_of_a_fifth_of_a_decibel_is_separated_by_a_hundred_pairs(hundred, monkeypatch, command_line):
    monkeypatch.chdir(hundred)
    code, out, err = command_line("score", "a", "b", "--paired", "hr", "--metrics", "psnr")
    head, columns, a, b, legend, difference = out.splitlines()

    assert code == 0, err
    assert head == "2 subjects against hr: 100 pairs"
    assert columns.split() == ["PSNR", "↑"]
    assert not a.endswith("*")
    assert b.endswith("*")
    assert legend == "* the best, and significantly better than the second (95%)"
    assert difference.startswith("PSNR: b against a +0.")


def test_five_pairs_are_untested_and_the_table_says_so(five, monkeypatch, command_line):
    monkeypatch.chdir(five)
    code, out, _ = command_line("score", "a", "b", "--paired", "hr", "--metrics", "psnr")

    assert code == 0
    assert "*" not in out
    assert "Untested: PSNR: cannot be significant: with 5 pairs" in out.splitlines()[-1]


def test_subjects_that_are_the_same_are_not_separated(hundred, monkeypatch, command_line):
    monkeypatch.chdir(hundred)
    _, out, _ = command_line("score", "a", "./a", "--paired", "hr", "--metrics", "psnr")

    assert "*" not in out
    assert out.splitlines()[-1].endswith("no difference detected")


def test_sets_are_separated_as_diff_separates_them(tmp_path, monkeypatch, command_line):
    rng = np.random.default_rng(0)
    real, near, far = (rng.integers(0, high, (60, 16, 16, 3)).astype(np.uint8) for high in (256, 256, 60))
    for name, images in (("real", real), ("near", near), ("far", far)):
        write(tmp_path / name, images)
    monkeypatch.chdir(tmp_path)
    asked = ["--reference", "real", "--metrics", "kd@pixels,vendi@pixels"]
    code, out, err = command_line("score", "far", "near", *asked)
    _, _, far_line, near_line, *notes = out.splitlines()
    _, difference, _ = command_line("diff", "far", "near", "--reference", "real", "--metrics", "kd@pixels")

    assert code == 0, err
    assert "*" not in far_line
    assert near_line.count("*") == 1
    assert "better" in difference
    assert any(note.startswith("Untested: ") and "Vendi score: " in note for note in notes)


def test_sets_are_tested_by_metrics_that_were_named_by_their_family(tmp_path):
    rng = np.random.default_rng(0)
    real, near, far = (rng.integers(0, high, (60, 16, 16, 3)).astype(np.uint8) for high in (256, 256, 60))
    scores = ganeval.score({"far": far, "near": near}, reference=real, metrics="prdc@pixels")

    assert len(scores.standings) == 4
    assert not any("no standard error" in standing.words for standing in scores.standings)


def test_sets_of_other_sizes_are_cut_to_one_and_that_is_said(tmp_path, monkeypatch, command_line):
    rng = np.random.default_rng(0)
    for name, count in (("real", 30), ("small", 20), ("large", 30)):
        write(tmp_path / name, rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8))
    monkeypatch.chdir(tmp_path)
    options = ["--reference", "real", "--metrics", "kd@pixels", "--json", "-"]
    code, out, err = command_line("score", "large", "small", *options)

    assert code == 0, err
    assert {row["n_fake"] for row in json.loads(out)["rows"]} == {20}
    assert "20 of each are compared" in err


def test_files_hold_every_subject(hundred, monkeypatch, command_line, tmp_path):
    monkeypatch.chdir(hundred)
    files = ["--append", tmp_path / "rows.jsonl", "--per-image", tmp_path / "values.csv", "--json", tmp_path / "x.json"]
    code, _, err = command_line(
        "score", "a", "b", "--name", "A", "--name", "B", "--paired", "hr", "--metrics", "psnr,ssim", *files
    )
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    values = (tmp_path / "values.csv").read_text().splitlines()

    assert code == 0, err
    assert [(row["subject"], row["key"]) for row in rows] == [(s, k) for s in "AB" for k in ("psnr", "ssim")]
    assert len(json.loads((tmp_path / "x.json").read_text())["rows"]) == 4
    assert values[0] == "image,psnr,ssim,subject"
    assert len(values) == 201
    assert {line.rpartition(",")[2] for line in values[1:]} == {"A", "B"}


def test_two_subjects_without_a_reference_are_told_how_to_compare(five, monkeypatch, command_line):
    monkeypatch.chdir(five)
    code, out, err = command_line("score", "a", "b", "--metrics", "vendi@pixels")

    assert code == 0, err
    assert out.splitlines()[-1] == (
        "To score a against b: ganeval score a --reference b (sets), or --paired b (image by image)"
    )
    assert out.count("without a reference") == 2  # in the first line, and as the reason why nothing was tested


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "a", "--paired", "hr"], "Two subjects are called 'a'"),
        (["a", "b", "--name", "x", "--paired", "hr"], "--name was given 1 times for 2 subjects"),
        (["a", "--name", "x", "--name", "y"], "--name was given 2 times for 1 subjects"),
        (["a", "b", "--reference", "hr", "--blame", "x.csv"], "take one subject"),
        (["a", "b", "--reference", "hr", "--metrics", "kd", "--until-se", "1"], "take one subject"),
        (["a", "missing", "--paired", "hr"], "Unknown path or data set 'missing'"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_runs(five, monkeypatch, command_line, arguments, words):
    monkeypatch.chdir(five)
    code, out, err = command_line("score", *arguments)

    assert code in (2, 3)
    assert words in err
    assert out == ""


def scores():
    standings = (Standing("psnr", 1, "b against a +1 [0.5, 1.5]"),)
    values = {r"a_1|<b>\x": 30.0, "=b": 31.0}
    rows = [result(value, subject=name, key="psnr", better="higher") for name, value in values.items()]
    return Scores(tuple(rows), standings=standings, named=True)


def test_names_are_escaped_in_every_format():
    table = scores().table

    assert r"a\_1\|&lt;b&gt;\\x" in table.to_markdown()
    assert "**31.00**" in table.to_markdown()
    assert "\nBold: the best, and significantly better" in table.to_markdown()
    assert "% Bold: the best, and significantly better" in table.to_latex()
    assert table.notes[0].startswith("* the best, and significantly better")
    assert r"a\_1|\textless{}b\textgreater{}\textbackslash{}x" in table.to_latex()
    assert r"\textbf{31.00}" in table.to_latex()
    assert r"PSNR $\uparrow$" in table.to_latex()
    assert "a_1|&lt;b&gt;" in table.to_html()
    assert "'=b,31.0" in table.to_csv()


def test_scores_of_several_subjects_in_python():
    found = scores()

    assert found.dict() == {r"a_1|<b>\x": {"psnr": 30.0}, "=b": {"psnr": 31.0}}
    assert found.of("=b").dict() == {"psnr": 31.0}
    assert found.of("=b")["psnr"].value == 31.0
    assert found.table.frame.loc["=b", "psnr"] == 31.0
    with pytest.raises(KeyError, match="there are"):
        found.of("c")


def test_python_takes_paths_and_names_and_images_in_memory(hundred, monkeypatch):
    monkeypatch.chdir(hundred)
    by_path = ganeval.score(["a", "b"], paired="hr", metrics="psnr")
    images = np.stack([np.asarray(Image.open(path)) for path in sorted(Path("b").iterdir())])
    originals = np.stack([np.asarray(Image.open(path)) for path in sorted(Path("hr").iterdir())])
    mixed = ganeval.score({"black": images // 2, "mine": images}, paired=originals, metrics="psnr")

    assert by_path.subjects == ("a", "b")
    assert "**" in by_path.to_markdown()
    assert mixed.dict()["mine"] == pytest.approx(by_path.dict()["b"])
    assert mixed.table.columns[0].best == 1


def test_the_best_of_sets_in_memory_is_tested_too():
    rng = np.random.default_rng(0)
    real, near, far = (rng.integers(0, high, (60, 16, 16, 3)).astype(np.uint8) for high in (256, 256, 60))
    found = ganeval.score({"far": far, "near": near}, reference=real, metrics="kd@pixels")

    assert found.table.columns[0].best == 1


@pytest.mark.parametrize("width", [100, 40])
def test_a_narrow_terminal_gets_a_block_a_subject(width):
    out = io.StringIO()
    options = ScoreOptions(subject="a", paired="hr", metrics="psnr")
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    print_table(scores().table, scores().rows, options, console)
    lines = out.getvalue().splitlines()

    assert all(len(line) <= width for line in lines)
    assert any(line.endswith("31.00*") for line in lines)


def test_one_subject_of_a_table_may_lack_a_metric():
    rows = [[result(1.0)], [result(None, status="failed", note="why")]]
    table = subject_table(["a", "b"], rows, [], named=True)

    assert table.columns[0].cell(1) == "-"
    assert np.isnan(table.frame.loc["b", "fd@efflite0"])


def test_several_trainings_of_one_recipe_are_told_apart_from_their_images():
    """Variances add up: 3, 4 and 5 of which images alone give .6 differ by .8 of training."""
    rows = [[row] for row in seeds([3.0, 4.0, 5.0], stderr=0.6)]
    table = subject_table(["a", "b", "c"], rows, [], named=True)
    words = "3 training seeds of dcgan.digits-cpu: 4, standard deviation 1: 0.6 by the images drawn, 0.8 by training"

    assert [note.partition(", ")[2] for note in table.notes] == [words]
    assert words in table.to_markdown()


@pytest.mark.parametrize(
    "rows",
    [
        [checkpoint(3.0, stderr=0.6), checkpoint(4.0, stderr=0.6)],
        [checkpoint(3.0, stderr=0.6), checkpoint(4.0, seed=1)],
        [checkpoint(3.0, stderr=0.6), checkpoint(4.0, seed=1, stem="best", stderr=0.6)],
        [checkpoint(3.0, stderr=0.6), checkpoint(4.0, "gan-mlp.digits-cpu", seed=1, stderr=0.6)],
        [result(3.0, stderr=0.6), result(4.0, stderr=0.6)],
    ],
    ids=["one seed twice", "no standard error", "another checkpoint", "another recipe", "folders"],
)
def test_what_is_not_several_trainings_has_no_spread_of_trainings(rows):
    assert subject_table(["a", "b"], [[row] for row in rows], [], named=True).notes == ()


def test_the_components_of_trainings_are_those_they_were_drawn_with():
    rng = np.random.default_rng(0)
    found = [
        components(rng.normal(0.0, 2.0, 5) + rng.normal(0.0, 1.0, 5), [1.0] * 5).training ** 2 for _ in range(2000)
    ]

    assert np.mean(found) == pytest.approx(4.0, rel=0.1)
    assert components([1.0, 1.1], [5.0, 5.0]).training == 0.0


class Run:
    """A W&B run, as far as a log of numbers is concerned."""

    def __init__(self):
        self.logged = []

    def log(self, numbers, step):
        self.logged.append((numbers, step))


def test_scores_are_logged_to_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        scores().of("=b").log(writer, 7)
    events = EventAccumulator(str(tmp_path))
    events.Reload()

    assert [(event.step, event.value) for event in events.Scalars("score/psnr")] == [(7, 31.0)]


def test_scores_are_logged_to_a_run_and_to_mlflow_by_their_methods():
    run = Run()
    scores().log(run, 3)
    mlflow = types.SimpleNamespace(log=None, log_metrics=run.log)
    scores().of("=b").log(mlflow, 4)

    assert run.logged == [({"score/a_1--b--x/psnr": 30.0, "score/-b/psnr": 31.0}, 3), ({"score/psnr": 31.0}, 4)]
    with pytest.raises(UsageError, match="SummaryWriter"):
        scores().log(object(), 1)


def test_a_notebook_shows_a_table_that_does_not_wrap_and_a_terminal_the_same():
    found = scores()

    assert "white-space:nowrap" in found._repr_html_().replace(" ", "")
    assert "font-weight:bold" in found._repr_html_().replace(" ", "")
    assert "<div>Bold: the best, " in found._repr_html_()
    assert "31.00*" in repr(found)
    assert "nowrap" in found.of("=b")._repr_html_()


def test_several_processes_take_one_subject():
    with pytest.raises(UsageError, match="one subject"):
        score_several(ScoreOptions(subject="", devices=2), ["a", "b"])


def test_a_row_is_found_by_its_name_in_any_case_and_what_was_not_computed_stands_below_the_table():
    rows = (result(1.0), result(None, key="fid", status="skipped", note="no weights"))
    found = Scores(rows)

    assert found["FD"] is found["fd@EFFLITE0"] is rows[0]
    assert repr(found).splitlines()[-1] == "no fid: no weights"
    assert "protocol" not in repr(rows[0])


def test_a_table_of_one_subject_has_no_column_without_a_value():
    plain, corrected = Scores((result(1.0),)), Scores((result(1.0, debiased=0.5),))

    assert "debiased" not in repr(plain) + plain._repr_html_()
    assert "debiased" in repr(corrected)
    assert "<th>debiased</th>" in corrected._repr_html_()
