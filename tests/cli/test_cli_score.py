"""The command line's contract: what it prints, what it refuses, and with which exit code."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ganeval.cli import main as cli
from ganeval.results.result import read_jsonl


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    """Runs a command in an empty folder: (exit code, stdout, stderr)."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.delenv("GANEVAL_DATA", raising=False)

    return command_line


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """One real run for several tests: 60 digits against 60 others, so that each has every class."""
    folder = tmp_path_factory.mktemp("scored")
    command = ["score", "digits:test", "--reference", "digits:train", "--num-samples", "60", "--engine", "torch"]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as here, contextlib.redirect_stdout(printed):  # a process less to start
        here.chdir(folder)
        here.setenv("GANEVAL_CACHE", str(folder / "cache"))
        cli.main([*command, "--json", "-", "--append", "rows.jsonl", "--name", "mine"])
    return folder, json.loads(printed.getvalue())


# ---- what it prints


def test_a_plain_score_has_every_embedded_set_metric_and_skips_the_canonical_ones(scored):
    rows = {row["key"]: row for row in scored[1]["rows"]}

    assert scored[1]["schema"] == 1
    for name in ("fd", "kd", "mind", "precision", "recall", "density", "coverage", "cs", "vendi", "fd_per_class"):
        row = rows[f"{name}@efflite0"]
        assert row["status"] == "ok"
        assert np.isfinite(row["value"])
        assert row["subject"] == "mine"
        assert row["n_fake"] == 60
        assert row["comparable_to_published"] is False
        assert row["protocol"]["backbone"] == "efflite0"
    for name in ("fid", "kid", "is", "prdc@inception", "fd_dinov2", "cmmd"):
        assert rows[name]["status"] == "skipped"
        assert rows[name]["value"] is None
        assert "ganeval weights fetch" in rows[name]["note"]
    assert any(key.startswith("fd_per_class:") for key in rows)


def test_appended_rows_are_the_printed_ones(scored):
    results, problems = read_jsonl(scored[0] / "rows.jsonl")

    assert problems == []
    assert [r.key for r in results] == [row["key"] for row in scored[1]["rows"] if row["status"] == "ok"]


def test_paired_scores_print_a_table_and_write_a_csv(run, make_folder):
    hr = make_folder("hr", 5, sizes=[(40, 40), (32, 48)])
    sr = hr.parent / "sr"
    sr.mkdir()
    for path in hr.iterdir():
        Image.fromarray(np.asarray(Image.open(path)) // 2 * 2).save(sr / path.name)

    code, out, _ = run("score", sr, "--paired", hr, "--metrics", "psnr,ssim", "--per-image", "values.csv")

    assert code == 0
    assert "PSNR" in out
    assert "SSIM" in out
    table = pd.read_csv("values.csv", dtype={"image": str})
    assert list(table.columns) == ["image", "psnr", "ssim"]
    assert list(table["image"]) == [f"{i:05d}" for i in range(5)]
    assert table["psnr"].between(40, 60).all()


def test_json_goes_to_a_file_and_the_table_to_stdout(run, make_folder):
    folder = make_folder("a", 3)

    code, out, _ = run("score", folder, "--paired", folder, "--metrics", "ssim", "--json", "rows.json")

    assert code == 0
    assert "SSIM" in out
    (row,) = json.loads(Path("rows.json").read_text())["rows"]
    assert row["value"] == pytest.approx(1.0)
    assert row["protocol"]["channel"] == "rgb"


def test_identical_pairs_have_no_finite_psnr_and_say_so(run, make_folder):
    folder = make_folder("a", 3)

    code, out, _ = run("score", folder, "--paired", folder, "--metrics", "psnr", "--json", "-")

    (row,) = json.loads(out)["rows"]
    assert code == 0
    assert row["status"] == "failed"
    assert row["value"] is None
    assert "identical" in row["note"]


def test_defaults_come_from_ganeval_toml_and_options_win(run, make_folder):
    folder = make_folder("a", 3)
    Path("ganeval.toml").write_text(f'paired = "{folder}"\nmetrics = ["ssim"]\nchannel = "y"\n')

    _, out, _ = run("score", folder, "--json", "-")
    (from_file,) = json.loads(out)["rows"]
    _, out, _ = run("score", folder, "--channel", "rgb", "--json", "-")
    (from_option,) = json.loads(out)["rows"]

    assert from_file["protocol"]["channel"] == "y"
    assert from_file["provenance"]["config_file"] == "ganeval.toml"
    assert from_option["protocol"]["channel"] == "rgb"


@pytest.mark.parametrize("what", ["metrics", "backbones", "datasets"])
def test_lists_are_for_people_and_for_machines(run, what):
    code, out, _ = run("list", what)
    _, machine, _ = run("list", what, "--json")

    assert code == 0
    entries = json.loads(machine)
    assert all(entry["name"] in out for entry in entries)
    assert all(entry["summary"] for entry in entries)
    assert len(out.splitlines()) == 1 + len(entries)  # in a pipe, a line each


def test_a_reference_file_stands_for_its_images(run, make_folder):
    fake, real = make_folder("fake", 8), make_folder("real", 9, seed=1)
    options = ["--metrics", "fd,kd", "--json", "-"]

    code, content, _ = run("reference", "build", real, "-o", "real.safetensors")
    _, direct, _ = run("score", fake, "--reference", real, *options)
    _, stored, _ = run("score", fake, "--reference", "real.safetensors", *options)
    _, shown, _ = run("reference", "show", "real.safetensors")

    direct, stored = (json.loads(out)["rows"] for out in (direct, stored))
    assert code == 0
    assert [r["value"] for r in direct] == pytest.approx([r["value"] for r in stored], rel=1e-12)
    assert [r["fingerprint"] for r in direct] == [r["fingerprint"] for r in stored]
    assert stored[0]["protocol"]["reference_sha256"] == content.strip()
    assert content.strip() in shown


def test_an_altered_reference_file_is_refused(run, make_folder):
    real = make_folder("real", 6)
    run("reference", "build", real, "-o", "real.safetensors")
    data = bytearray(Path("real.safetensors").read_bytes())
    data[-3] ^= 64
    Path("real.safetensors").write_bytes(data)

    code, _, err = run("score", real, "--reference", "real.safetensors")

    assert code == 3
    assert "hash" in err


def test_moments_alone_serve_fd_and_nothing_else(run, make_folder):
    fake, real = make_folder("fake", 6), make_folder("real", 6, seed=1)
    run("reference", "build", real, "-o", "small.safetensors", "--moments-only")

    assert run("score", fake, "--reference", "small.safetensors", "--metrics", "fd", "--json", "-")[0] == 0
    code, _, err = run("score", fake, "--reference", "small.safetensors", "--metrics", "kd")

    assert code == 3
    assert "moments only" in err


def test_a_score_by_moments_keeps_no_features_and_runs_what_moments_are_enough_for(
    run, make_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    fake, real = make_folder("fake", 6), make_folder("real", 6, seed=1)

    code, out, _ = run("score", fake, "--reference", real, "--moments-only", "--json", "-")

    rows = [row for row in json.loads(out)["rows"] if row["status"] == "ok"]
    assert code == 0
    assert [row["key"] for row in rows] == ["fd@efflite0"]
    assert not (tmp_path / "cache" / "features").exists()
    for more, words in ((("--metrics", "fd,kd"), "kd need"), (("--blame", "b.csv"), "--blame needs feature rows")):
        code, _, err = run("score", fake, "--reference", real, "--moments-only", *more)
        assert code == 2
        assert words in err


# ---- what it refuses


def test_bad_input_gets_one_paragraph_the_right_code_and_writes_nothing(run, make_folder, tmp_path):
    good, one = make_folder("good", 4), make_folder("one", 1)
    other = make_folder("other", 4, suffix=".bmp")
    for path, letter in zip(sorted(other.iterdir()), "abcd", strict=True):
        path.rename(path.with_stem(letter))
    empty = tmp_path / "empty"
    empty.mkdir()
    text = make_folder("text", 2)
    (text / "zz.png").write_text("hello")
    broken = make_folder("broken", 1)
    (broken / "00000.png").write_text("hello")
    (tmp_path / "weights.pth").write_bytes(b"not weights")
    foreign = f"inception={tmp_path}/weights.pth"
    cases = [
        (3, "0 images", ["score", empty]),
        (3, "does not exist", ["score", tmp_path / "missing"]),
        (3, "zz.png", ["score", text]),
        (3, "at least 2", ["score", one]),
        (3, "at least 2", ["score", good, "--reference", one]),
        (3, "00000.png", ["score", broken]),  # before it is said that one image is too few
        (3, "00000.png", ["score", good, "--reference", broken]),
        (3, "00000.png", ["diff", broken, good, "--reference", good]),
        (3, "at least 2", ["score", broken, "--on-bad", "skip"]),
        (3, "00000", ["score", good, "--paired", other]),
        (3, "at least 6", ["score", good, "--reference", good, "--metrics", "prdc"]),
        (3, "at least 1000", ["score", good, "--reference", good, "--metrics", "kd_classic"]),
        (3, "weights fetch inception", ["score", good, "--reference", good, "--metrics", "fid"]),
        (3, "class labels", ["score", good, "--reference", good, "--metrics", "fd_per_class"]),
        (3, "weights.pth", ["score", good, "--reference", good, "--metrics", "fid", "--weights", foreign]),
        (2, "Did you mean 'fid'", ["score", good, "--metrics", "fidd"]),
        (2, "Did you mean 'inception'", ["score", good, "--metrics", "fd@inceptoin"]),
        (2, "Did you mean 'fashion-mnist'", ["score", "fashion-mnst:test"]),
        (2, "--reference REF", ["score", good, "--metrics", "kd"]),
        (2, "--paired REF", ["score", good, "--metrics", "psnr"]),
        (2, "--paired", ["score", good, "--channel", "y"]),
        (2, "--paired", ["score", good, "--per-image", "x.csv"]),
        (2, "paired metric", ["score", good, "--paired", good, "--metrics", "cs"]),
        (2, "takes BACKBONE=FILE", ["score", good, "--weights", "inception"]),
        (2, "folder", ["score", good, "--append", "no/such/folder/x.jsonl"]),
        (2, "CUDA", ["score", good, "--device", "cuda:99"]),
        (2, "not a device", ["score", good, "--device", "gpu"]),
        (2, "Did you mean 'score'", ["scor", good]),
        (2, "No such option", ["score", good, "--metric", "fid"]),
        (2, "psnr is a metric of pixels", ["score", good, "--paired", good, "--metrics", "psnr@efflite0"]),
        (2, "lpips is defined on", ["score", good, "--paired", good, "--metrics", "lpips@efflite0"]),
        (2, "needs a classifier", ["score", good, "--metrics", "cs@dinov2-vits14"]),
        (3, "FashionMNIST", ["score", "fashion-mnist:test"]),
        (2, ".safetensors", ["reference", "build", good, "-o", "x.npz"]),
        (3, "isn't a statistics file", ["reference", "show", good / "00000.png"]),
    ]
    for expected, words, arguments in cases:
        code, out, err = run(*arguments)

        assert (code, out) == (expected, ""), (arguments, err)
        assert words in " ".join(err.split()), (arguments, err)
        assert len(err.strip().splitlines()) <= 6, err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "words", "command"),
    [
        ("score a --gpu 0", "Use --device cuda", "score"),
        ("score a --input2 b", "Use --reference REF", "score"),
        ("score --fake a --real b", "Use the images themselves", "score"),
        ("diff a b --gt c", "Use --reference REF", "diff"),
        ("score a --metric fid", "'--metrics'", "score"),
        ("list --gpu metrics", "No such option '--gpu'.", "list"),
        ("gate init a --seed x", "--seed takes a whole number", "gate init"),
        ("scor a", "Did you mean 'score'", ""),
    ],
)
def test_a_wrong_option_gets_the_right_one_and_the_help_of_its_command(run, typed, words, command):
    code, out, err = run(*typed.split())

    assert (code, out) == (2, "")
    assert words in err
    assert err.endswith(f"See `{' '.join(['ganeval', *command.split()])} --help`.\n")


def test_metric_names_are_read_without_regard_to_case(run, make_folder):
    folder = make_folder("a", 4, sizes=((32, 32),))

    code, out, _ = run("score", folder, "--paired", folder, "--metrics", "PSNR,Ssim", "--json", "-")

    assert code == 0
    assert [row["key"] for row in json.loads(out)["rows"]] == ["psnr", "ssim"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metrix = 'fid'", "Did you mean 'metrics'"),
        ("seed = 'x'", "seed takes a whole number of at least 0; got 'x'"),
        ("seed = = 1", "cannot be read as TOML"),
        ("on_bad = 'maybe'", "on_bad takes fail or skip; got 'maybe'"),
    ],
)
def test_a_wrong_settings_file_is_an_error_of_usage(run, make_folder, text, words):
    Path("ganeval.toml").write_text(text)

    code, _, err = run("score", make_folder("a", 3))

    assert code == 2
    assert words in err


def test_a_bug_keeps_its_traceback_and_exits_with_one(make_folder, tmp_path):
    """An error that is not the user's is not dressed up."""
    code = "import ganeval.cli.main as m, ganeval.cli.list as l; l.TABLES['metrics'] = lambda: 1 / 0; "
    code += "m.main(['list', 'metrics'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_help_imports_no_torch():
    code = "import sys, ganeval.cli.main as m\ntry: m.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith("False")


def test_every_command_has_help_and_an_example(run):
    for name in cli.COMMANDS:
        code, out, _ = run(name, "--help")

        assert code == 0
        assert f"ganeval {name}" in out


def test_control_characters_in_names_never_reach_the_terminal(run, make_folder):
    folder = make_folder("a", 3)
    (folder / "bad\x1b[31m.png").write_text("no image")

    code, out, err = run("score", folder)

    assert code == 3
    assert "\x1b" not in out + err
