"""The first screen of `score`: twelve lines that say what was compared, what came out, what it means and what next."""

import dataclasses
import io
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ganeval.cli.first_screen import Line, Screen, first_screen, print_screen
from ganeval.cli.main import main
from ganeval.options import ScoreOptions
from ganeval.results.result import PER_IMAGE
from ganeval.scoring.against_floor import Reading, conclusion, read
from tests.rows import BASE, result

SETS = ScoreOptions(subject="samples", reference="real")


def printed(screen, width=200, terminal=True, encoding="utf-8"):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    print_screen(screen, Console(file=out, width=width, force_terminal=terminal, highlight=False, color_system=None))
    out.flush()
    return raw.getvalue().decode(encoding).splitlines()


def write_folder(folder, images):
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:05d}.png")


def rows(*changes):
    """fd without an interval, kd, precision and recall as a plain score of two folders gives them."""
    note = "rank-deficient: n = 599 <= d = 1280; mostly bias; no interval: it needs more than 1349 images a side"
    plain = {
        "fd": result(61.4, floor=38.4, note=note),
        "kd": result(0.018, key="kd@efflite0", stderr=0.001, ci95=(0.015, 0.021), floor=-0.001),
        "precision": result(
            0.88, key="precision@efflite0", better="higher", stderr=0.02, ci95=(0.84, 0.91), floor=0.89
        ),
        "recall": result(0.2, key="recall@efflite0", better="higher", stderr=0.03, ci95=(0.15, 0.27), floor=0.94),
    }
    protocols = {name: dataclasses.replace(BASE, metric=name) for name in plain}
    changed = {key: fields for change in changes for key, fields in change.items()}
    return [
        dataclasses.replace(row, floor_n=299, protocol=protocols[name], **changed.get(name, {}))
        for name, row in plain.items()
    ]


def test_the_screen_of_two_folders_answers_in_twelve_lines():
    skipped = [result(None, key=key, status="skipped", note="weights not on this machine") for key in ("fid", "kid")]
    lines = printed(first_screen(rows() + skipped, SETS))

    assert lines == [
        "samples against real: 599 images each; network EfficientNet-Lite0; 95% intervals",
        "Diversity lost: the images look real but leave out part of the reference.",
        "Fréchet distance (not FID)    61.40  no interval       1.6x real against real",
        "Kernel distance (not KID)   0.01800  [0.0150, 0.0210]  worse than real",
        "Precision                    0.8800  [0.840, 0.910]    no worse than real (0.89)",
        "Recall                       0.2000  [0.150, 0.270]    diversity lost (real: 0.94)",
        "Too few images to quote: Fréchet distance (1,350 per set needed)",
        "real: real against real, from two halves of the reference, 299 images each",
        "To get FID: ganeval weights fetch inception",
        "Next: ganeval doctor samples",
    ]


@pytest.mark.parametrize("width", [60, 40])
def test_a_narrow_terminal_gets_every_word_and_no_line_that_runs_over(width):
    wide, narrow = (printed(first_screen(rows(), SETS), columns) for columns in (200, width))

    words = [word for line in wide for word in line.split()]
    assert sorted(word for line in narrow for word in line.split()) == sorted(words)
    assert all(len(line) <= width for line in narrow)


def test_a_pipe_has_a_line_a_number_of_any_width():
    assert printed(first_screen(rows(), SETS), 20, terminal=False) == printed(first_screen(rows(), SETS))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk"])
def test_an_output_that_cannot_encode_a_letter_gets_a_plain_one(encoding):
    options = dataclasses.replace(SETS, subject="样本")
    lines = printed(first_screen(rows(), options), encoding=encoding)

    assert any(line.split()[0] in ("Fréchet", "Frechet") for line in lines)
    assert lines[0].startswith(("样本 against", r"\u6837\u672c against"))


def test_the_name_of_a_file_drives_no_terminal():
    options = dataclasses.replace(SETS, subject="a\x1b[31mb", reference="[red]real")
    lines = printed(first_screen(rows(), options))

    assert lines[0].startswith(r"a\x1b[31mb against [red]real: ")
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("question", "fields", "verdict", "words"),
    [
        ("distance", {"value": 30.0, "floor": 30.2}, "no worse", "no worse than real (0.99x)"),
        ("distance", {"value": 36.0, "floor": 30.0}, "inconclusive", "inconclusive (1.2x real)"),
        ("distance", {"value": 60.0, "floor": 30.0}, "worse", "2x real against real"),
        ("distance", {"value": 0.0, "floor": 30.0}, "no worse", "no worse than real (0x)"),
        ("distance", {"value": 3.0, "floor": 0.0}, "inconclusive", "inconclusive (real: 0)"),
        ("distance", {"value": 9.0, "debiased": 0.1, "stderr": 0.2, "floor": 8.0}, "no worse", "no worse than real"),
        (
            "distance",
            {"value": 9.0, "debiased": 3.0, "stderr": 0.2, "ci95": (2.6, 3.4), "floor": 6.0},
            "worse",
            "1.5x real against real",
        ),
        ("distance", {"value": 0.1, "stderr": 0.01, "ci95": (0.08, 0.12), "floor": 0.0001}, "worse", "worse than real"),
        ("fidelity", {"value": 0.5, "stderr": 0.02, "floor": 0.9}, "worse", "looks less real (real: 0.90)"),
        ("diversity", {"value": 0.0, "floor": 0.9}, "worse", "diversity lost (real: 0.90)"),
        ("diversity", {"value": 0.95, "stderr": 0.02, "floor": 0.9}, "no worse", "no worse than real (0.90)"),
        # 598 images (the rows' n) against a floor of 299: 1.96 * .0255 * 3^.5 = .087, with 9 degrees 2.26 * ... = .100
        ("diversity", {"value": 0.82, "stderr": 0.0255, "floor": 0.913}, "worse", "diversity lost (real: 0.91)"),
        (
            "diversity",
            {"value": 0.82, "stderr": 0.0255, "degrees": 9.0, "floor": 0.913},
            "no worse",
            "no worse than real (0.91)",
        ),
        ("pair", {"value": 30.0}, None, ""),
        ("distance", {"value": 3.0}, None, ""),
    ],
)
def test_a_number_is_held_against_the_floor_at_its_own_counts(question, fields, verdict, words):
    assert read(result(**{"floor_n": 299, **fields}), question) == Reading(verdict, words)


def test_fifty_images_whose_recall_equals_the_floor_are_inconclusive():
    few = dataclasses.replace(BASE, n_real=50, n_fake=50)

    assert read(result(0.9, protocol=few, floor=0.9, floor_n=25), "diversity").verdict == "inconclusive"


def test_fractions_of_equal_sets_are_seldom_called_worse(tmp_path):
    """Draws of one distribution, without a standard error: below the floor's margin in none of 40."""
    from ganeval.metrics.prdc import prdc_of_rows

    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=(200, 8)), rng.normal(size=(200, 8))
        floor = prdc_of_rows(real[:100], real[100:], {"k": 3, "k_density": 5})["recall"]
        recall = prdc_of_rows(real, fake, {"k": 3, "k_density": 5})["recall"]
        counted = dataclasses.replace(BASE, n_real=200, n_fake=200)
        found.append(read(result(recall, protocol=counted, floor=floor, floor_n=100), "diversity").verdict)

    assert "worse" not in found


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (("no worse", "no worse", "no worse"), "No difference from real images was detected."),
        (("worse", "no worse", "worse"), "Diversity lost: the images look real but leave out part of the reference."),
        (("worse", "inconclusive", "worse"), "Diversity lost: the images leave out part of the reference."),
        (("worse", "worse", "worse"), "The images look less real than the reference's, and are less diverse."),
        (
            ("worse", "worse", "no worse"),
            "The images look less real than the reference's; their diversity is that of real images.",
        ),
        (("worse", "no worse", "no worse"), "The images differ from the reference by more than real images do."),
        (
            ("inconclusive", "no worse", "no worse"),
            "Inconclusive: too few images to detect a difference from real ones.",
        ),
        ((None, None, None), ""),
    ],
)
def test_the_sentence_joins_what_the_numbers_say(verdicts, sentence):
    questions = ("distance", "fidelity", "diversity")

    assert conclusion([(q, Reading(v, "")) for q, v in zip(questions, verdicts, strict=True)]) == sentence


def test_every_row_of_a_named_metric_is_shown():
    named = dataclasses.replace(SETS, metrics="mind")
    row = result(5.0, key="mind@efflite0", protocol=dataclasses.replace(BASE, metric="mind"), floor=4.0, floor_n=9)

    assert first_screen([row], named).lines == (
        Line(
            "Sliced Wasserstein distance", "5.000", "no interval", Reading("inconclusive", "inconclusive (1.2x real)")
        ),
    )


def test_networks_are_named_where_rows_have_several():
    other = dataclasses.replace(BASE, backbone="inception", metric="fd")
    named = dataclasses.replace(SETS, metrics="fd,fid")
    screen = first_screen([result(5.0), result(9.0, key="fid", protocol=other, comparable_to_published=True)], named)

    assert [line.title for line in screen.lines] == ["Fréchet distance (EfficientNet-Lite0, not FID)", "FID"]
    assert "network" not in screen.head[0]


def test_canonical_numbers_take_the_place_of_those_of_the_bundled_network():
    inception = dataclasses.replace(BASE, backbone="inception", metric="fd")
    fid = result(9.0, key="fid", protocol=inception, comparable_to_published=True)
    screen = first_screen([*rows(), fid], SETS)

    assert [line.title for line in screen.lines] == ["FID"]
    assert not any(line.startswith("To get") for line in screen.below)


def test_a_trained_generator_is_told_what_its_interval_leaves_out():
    facts = {"kind": "checkpoint", "training_seed": 0}
    screen = first_screen([dataclasses.replace(r, provenance={"subject": facts}) for r in rows()], SETS)

    assert "Intervals cover sampling, not retraining: this is one training run." in screen.below
    assert screen.below[-1] == "Next: ganeval sample samples --views views"


def test_other_weights_are_named_by_their_hash():
    row = result(9.0, key="fd@inception#1a2b3c4d", protocol=dataclasses.replace(BASE, backbone="inception"))
    screen = first_screen([row], SETS)

    assert "with weights 1a2b3c4d" in screen.head[0]
    assert screen.lines[0].title == "Fréchet distance (not FID)"


def test_options_that_change_a_paired_number_stand_beside_it_and_the_worst_image_too(tmp_path, command_line):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)
    write_folder(tmp_path / "hr", images)
    damaged = images // 2 + 60
    damaged[1] = 0
    write_folder(tmp_path / "sr", damaged)
    options = ["--channel", "y", "--crop-border", "2", "--metrics", "psnr,ssim"]
    code, out, _ = command_line("score", tmp_path / "sr", "--paired", tmp_path / "hr", *options)
    head, psnr, ssim, *below = out.splitlines()

    assert code == 0
    assert head.endswith(": 3 pairs")
    assert psnr.startswith("PSNR (Y, crop 2) ")
    assert ssim.startswith("SSIM (Y, crop 2) ")
    assert "dB" in psnr
    assert "worst: 00001 (" in psnr
    hr, sr = shlex.quote(str(tmp_path / "hr")), shlex.quote(str(tmp_path / "sr"))
    more = "--metrics psnr,ssim --channel y --crop-border 2"
    assert below[-1] == f"Next: ganeval diff OTHER {sr} --paired {hr} {more}"


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        ({"paired": "hr", "metrics": "psnr,niqe,fd"}, "--paired hr --metrics psnr"),
        ({"reference": "r", "metrics": "fd,psnr,is", "paired": "hr", "channel": "y"}, "--reference r --metrics fd"),
        ({"reference": "r", "metrics": "is", "num_samples": 9, "seed": 2}, "--reference r --num-samples 9 --seed 2"),
        ({"reference": "r", "match": "*.png", "labels": False}, "--reference r --match 'subject=*.png' --no-labels"),
    ],
)
def test_the_next_command_compares_as_this_one_scored(asked, more):
    assert first_screen([], ScoreOptions("a", **asked)).below[-1] == f"Next: ganeval diff OTHER a {more}"


def test_the_next_command_without_a_reference_keeps_what_was_asked_for():
    screen = first_screen([], ScoreOptions("a", match="*_B.png", metrics="vendi"))

    assert screen.below[-1].startswith("Next: ganeval score a --match 'subject=*_B.png' --reference REAL")


def test_identical_pairs_say_why_there_is_no_number():
    row = result(None, key="psnr", status="failed", note="all 3 pairs are identical (PSNR is infinite)")
    lines = printed(first_screen([row], ScoreOptions(subject="a", paired="b")))

    assert lines[1] == "Each image equals its original, pixel by pixel."
    assert "all 3 pairs are identical" in lines[2]
    assert "no interval" not in lines[2]


def test_a_value_that_all_images_share_names_no_worst_image():
    row = result(1.0, key="ssim", better="higher", provenance={PER_IMAGE: {"a": 1.0, "b": 1.0}})
    (line,) = first_screen([row], ScoreOptions(subject="a", paired="b")).lines

    assert line.reading.words == ""
    assert line.interval == "no interval"


def test_the_name_of_a_data_set_is_not_a_picture(monkeypatch, capsys):
    from ganeval.cli.consoles import open_console

    print_screen(Screen(("digits:test against digits:train: 5",), (), ()), open_console())

    assert capsys.readouterr().out == "digits:test against digits:train: 5\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "a", "--reference", "b", "--metrics", "kd@pixels"],
        ["score", "a", "--reference", "b", "--metrics", "kd@pixels", "--full"],
        ["score", "a", "b", "--paired", "b", "--metrics", "psnr,ssim"],
        ["score", "a", "b", "--paired", "b", "--metrics", "psnr,ssim", "--format", "md"],
        ["diff", "a", "b", "--reference", "b", "--metrics", "kd@pixels"],
        ["doctor", "a", "--no-effects"],
        ["list", "metrics"],
    ],
    ids=" ".join,
)
def test_no_command_fails_where_the_output_cannot_encode_its_words(arguments, encoding, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name in "ab":
        write_folder(tmp_path / name, rng.integers(0, 256, (8, 24, 24, 3), dtype=np.uint8))
    monkeypatch.chdir(tmp_path)
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))

    main(arguments)

    sys.stdout.flush()
    assert raw.getvalue()


def test_consoles_are_opened_in_one_place():
    sources = (Path(__file__).parents[2] / "ganeval").rglob("*.py")

    assert [p.name for p in sources if re.search(r"\b_?Console\(", p.read_text(encoding="utf-8"))] == ["consoles.py"]


def test_an_empty_screen_prints_its_head():
    assert printed(Screen(("a",), (), ("b",))) == ["a", "b"]
