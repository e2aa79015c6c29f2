"""`diff`: what it prints and writes, and what it refuses before or after the images were read."""

import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ganeval.cli.diff import print_comparisons
from ganeval.metrics.difference import Difference
from ganeval.scoring.compare import Comparison
from tests.conftest import TOY, ToyBackbone
from tests.rows import result


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    return lambda *arguments: command_line("diff", *arguments)


@pytest.fixture
def restored(tmp_path):
    """hr: originals; a: much noise; b: half as much, image by image."""
    rng = np.random.default_rng(0)

    def write(count=24, side=16):
        originals = np.kron(rng.integers(40, 216, (count, side // 4, side // 4, 3)), np.ones((1, 4, 4, 1)))
        noise = rng.normal(0, 16, originals.shape)
        for name, share in (("hr", 0.0), ("a", 1.0), ("b", 0.5)):
            (tmp_path / name).mkdir()
            for i, image in enumerate(np.clip(np.rint(originals + share * noise), 0, 255).astype(np.uint8)):
                Image.fromarray(image).save(tmp_path / name / f"{i:03d}.png")

    return write


@pytest.fixture
def network(monkeypatch):
    """The toy network under the default backbone's name, so that features cost nothing."""
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)


def test_rows_of_b_carry_the_difference_and_stdout_is_json_alone(run, restored):
    restored()
    code, out, err = run("a", "b", "--paired", "hr", "--metrics", "psnr", "--json", "-")

    assert code == 0, err
    (row,) = json.loads(out)["rows"]
    assert (row["subject"], row["against"], row["verdict"], row["paired"]) == ("b", "a", "better", True)
    assert row["delta"] == pytest.approx(row["value"] - row["value_a"])
    assert row["delta"] == pytest.approx(20 * np.log10(2), abs=0.3)  # half the noise
    assert row["ci95"][0] < row["delta"] < row["ci95"][1]
    assert (row["wins"], row["losses"]) == (24, 0)


def test_people_get_a_verdict_an_interval_and_how_it_was_found_and_a_file_the_rows(run, restored, tmp_path):
    restored()
    code, out, err = run("a", "b", "--paired", "hr", "--metrics", "psnr", "--json", "rows.json")
    answer, head, below, how = out.splitlines()

    assert code == 0, err
    assert answer == "B (b) is better than A (a) by psnr"
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert head == f"psnr  A {row['value_a']:.5g}  B {row['value']:.5g} ↑  better (24 pairs better, 0 worse)"
    assert f"B - A = {row['delta']:.5g}, 95% [" in below
    assert "smallest detectable" in below
    assert how.startswith("per-image differences, n=24: Student t interval")
    assert run("a", "b", "--paired", "hr", "--metrics", "psnr")[1] == out  # the file was beside it


def test_a_metric_that_the_images_are_too_small_for_is_told_beside_the_others(run, restored, monkeypatch):
    # Without those that need a network.
    monkeypatch.setattr("ganeval.scoring.compare.compared_keys", lambda *, paired: ["psnr", "ssim"] * paired)
    restored(count=6, side=8)  # ssim's window is 11 px
    code, out, err = run("a", "b", "--paired", "hr", "--json", "-")

    assert code == 0, err
    rows = {row["key"]: row for row in json.loads(out)["rows"]}
    assert (rows["ssim"]["value"], rows["ssim"]["verdict"]) == (None, "cannot tell")
    assert "11x11 pixels" in rows["ssim"]["note"]
    assert rows["psnr"]["delta"] > 3


def test_sides_that_lost_different_images_are_not_paired(run, restored, tmp_path):
    restored(count=5)
    (tmp_path / "b" / "003.png").write_bytes(b"no image")

    code, out, err = run("a", "b", "--paired", "hr", "--metrics", "psnr", "--on-bad", "skip")

    assert (code, out) == (3, "")
    assert "a and b were scored on different images (5 and 4)" in err


def test_sets_that_ended_with_other_counts_are_of_other_protocols(run, restored, tmp_path, network):
    restored(count=6)
    (tmp_path / "b" / "003.png").write_bytes(b"no image")

    more = ("--metrics", "kd", "--on-bad", "skip", "--engine", "torch")
    code, out, err = run("a", "b", "--reference", "hr", *more)

    assert (code, out) == (6, "")
    assert "have different protocols: n_fake 6, 5" in err


def test_a_metric_without_a_reference_is_refused_before_any_image_is_read(run, restored, tmp_path):
    restored(count=3)
    (tmp_path / "a" / "000.png").write_bytes(b"no image")

    code, out, err = run("a", "b", "--reference", "hr", "--metrics", "kd,cs")

    assert (code, out) == (2, "")
    assert "cs does not compare with a reference" in err


def test_a_plain_diff_of_few_images_says_of_each_metric_why_it_cannot_tell(run, restored, network):
    restored(count=4)
    code, out, err = run("a", "b", "--reference", "hr", "--json", "-", "--engine", "torch")

    assert code == 0, err
    rows = {row["key"]: row for row in json.loads(out)["rows"]}
    lacking = rows["precision@efflite0"]  # its neighbours are the fifth nearest
    assert (lacking["value"], lacking["verdict"], lacking["ci95"]) == (None, "cannot tell", None)
    assert lacking["note"]
    assert rows["kd@efflite0"]["value"] is not None


# ---- the words


def printed(*comparisons):
    out = io.StringIO()
    print_comparisons(comparisons, Console(file=out, width=200, highlight=False))
    return out.getvalue().splitlines()


def test_a_difference_that_was_not_seen_says_how_many_images_would_show_it():
    found = Difference(0.01, "no difference detected", 0.02, (-0.03, 0.05), 0.6, 0.056, 3136, True, "influence")
    first, *lines = printed(
        Comparison(result(1.01), "old", 1.0, found), Comparison(result(1.01, key="kd"), "old", 1.0, found)
    )

    assert first == "No difference between A (old) and B (folder) was detected"
    assert lines[0] == "fd@efflite0  A 1  B 1.01 ↓  no difference detected"
    assert lines[1].strip() == "B - A = 0.01, 95% [-0.0300, 0.0500], p 0.6, smallest detectable 0.056"
    assert lines[2].strip() == "a difference of this size would need about 3136 images per set"
    assert lines[3].startswith("kd           A 1")
    assert lines[-1] == "influence"  # once, for both
    assert len(lines) == 7
    by_pair = dataclasses.replace(found, wins=4, losses=4)
    _, *lines = printed(Comparison(result(1.01), "old", 1.0, by_pair))
    assert lines[2].strip() == "a difference of this size would need about 3136 pairs"


def test_a_difference_without_an_interval_is_a_number_and_a_reason():
    found = Difference(0.5, "cannot tell", note="rank-deficient: n < d")

    first, *lines = printed(Comparison(result(None, status="skipped"), "old", None, found))

    assert first == "Inconclusive: whether B (folder) is better than A (old)"
    assert lines[0] == "fd@efflite0  A -  B - ↓  cannot tell"
    assert [line.strip() for line in lines[1:]] == ["B - A = 0.5", "rank-deficient: n < d"]
    assert printed() == []


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (["better", "better"], "B (folder) is better than A (old) by m0, m1"),
        (["worse", "cannot tell"], "B (folder) is worse than A (old) by m0; inconclusive: m1"),
        (["better", "worse"], "B (folder) is better than A (old) by m0, and worse by m1"),
        (["better", "no difference detected"], "B (folder) is better than A (old) by m0; no difference detected: m1"),
        (
            ["no difference detected", "cannot tell"],
            "No difference between A (old) and B (folder) was detected; inconclusive: m1",
        ),
    ],
)
def test_the_first_line_answers_whether_b_is_better(verdicts, sentence):
    rows = [
        Comparison(result(1.0, key=f"m{i}"), "old", 1.0, Difference(0.5, verdict)) for i, verdict in enumerate(verdicts)
    ]

    assert printed(*rows)[0] == sentence


def test_two_single_images_are_versions_of_one_whatever_their_names(run, make_folder):
    first, second = (make_folder(name, 1, sizes=[(24, 24)], seed=seed) for seed, name in enumerate(("x", "y")))
    second = (second / "00000.png").rename(second / "other.png")

    code, out, err = run(
        str(first / "00000.png"), str(second), "--paired", str(first / "00000.png"), "--metrics", "ssim"
    )

    assert code == 0, err
    assert "cannot tell" in out
