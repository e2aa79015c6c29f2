"""`ganeval doctor` as a user meets it: table, JSON, exit codes, refusals."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    monkeypatch.delenv("GANEVAL_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    return lambda *arguments: command_line("doctor", *arguments)


def test_a_table_names_each_finding_and_the_details_stand_below(run, make_folder):
    folder = make_folder("samples", 60, sizes=[(64, 64)])
    (folder / "zero.png").write_bytes(b"")

    code, out, err = run(folder, "--no-effects")

    assert code == 0
    assert err == ""
    table, _, details = out.partition("[1] 1 image of 61 cannot be decoded; first: zero: 'zero.png': the file is empty")
    assert details
    assert "serious" in table
    assert "undecodable" in table
    assert "1 of 61" in table
    assert "-> Write them again." in details
    assert out.startswith("Fix before scoring: 1 serious, ")
    assert max(map(len, table.splitlines())) <= 100


def test_json_has_a_row_for_each_finding(run, make_folder):
    real, samples = make_folder("real", 60, seed=1), make_folder("samples", 60, seed=2)
    (samples / "leak.png").write_bytes((real / "00000.png").read_bytes())
    (samples / "leak2.png").write_bytes((real / "00001.png").read_bytes())

    code, out, _ = run(samples, "--against", real, "--no-effects", "--json", "-")

    found = json.loads(out)
    assert code == 0
    assert (found["schema"], found["n"], found["n_against"]) == (1, 62, 60)
    (row,) = [row for row in found["rows"] if row["name"] == "leakage"]
    assert row["severity"] == "serious"
    assert (row["count"], row["of"]) == (2, 62)
    assert row["examples"] == ["leak", "leak2"]
    assert row["effect"] is None
    assert found["counts"]["serious"] == sum(row["severity"] == "serious" for row in found["rows"])


def test_a_json_file_is_written_beside_the_table(run, make_folder, tmp_path):
    code, out, _ = run(make_folder("a", 50), "--no-effects", "--json", "found.json")

    assert code == 0
    assert "warning" in out
    assert json.loads((tmp_path / "found.json").read_text())["rows"]


@pytest.mark.parametrize(("level", "expected"), [("serious", 0), ("warning", 4), ("info", 4)])
def test_fail_on_exits_4_from_that_severity_on(run, make_folder, level, expected):
    folder = make_folder("a", 60)

    assert run(folder, "--no-effects", "--fail-on", level)[0] == expected
    assert run(folder, "--no-effects")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing/here"], 3, "does not exist"),
        (["digits", "--against", "stats.npz", "--no-effects"], 2, "holds statistics; doctor compares images"),
        (["digits", "--json", "no/such/folder.json"], 2, "the folder"),
        (["digits", "--device", "cuda:99"], 2, "--device"),
        (["digits", "--device", "cuda:99", "--no-effects"], 2, "--device"),
        (["digits", "--fail-on", "much"], 2, "--fail-on"),
        (["digitz"], 2, "Did you mean 'digits'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(run, arguments, code, words, tmp_path):
    np.savez(tmp_path / "stats.npz", mu=np.zeros(2), sigma=np.eye(2))

    found, out, err = run(*arguments)

    assert found == code
    assert words in err
    assert out == ""


def test_a_subset_is_seeded_and_both_sides_are_cut(run):
    rows = [
        run(
            "digits:test",
            "--against",
            "digits:train",
            "--num-samples",
            "80",
            "--seed",
            s,
            "--no-effects",
            "--json",
            "-",
        )
        for s in (0, 0, 1)
    ]

    first, again, other = (json.loads(out) for _, out, _ in rows)
    assert first == again
    assert first["n"] == first["n_against"] == other["n"] == 80


def test_names_of_files_drive_no_terminal(run, make_folder):
    folder = make_folder("a", 60)
    (folder / "\x1b[31mred.png").write_bytes(b"no image")

    _, out, _ = run(folder, "--no-effects")

    assert "\x1b[31m" not in out
    assert "\\x1b[31mred" in out


def test_no_torch_is_imported_without_effects(make_folder):
    folder = make_folder("a", 10)
    code = f"import sys; from ganeval.cli.main import main; main(['doctor', {str(folder)!r}, '--no-effects']); "

    done = subprocess.run(
        [sys.executable, "-c", code + "assert 'torch' not in sys.modules"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GANEVAL_CACHE": str(folder.parent)},
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_effects_are_measured_with_the_network_that_scores(run, make_folder, tmp_path):
    real, lossy = make_folder("real", 60, sizes=[(64, 64)], seed=1), tmp_path / "lossy"
    lossy.mkdir()
    for path in make_folder("clean", 60, sizes=[(64, 64)], seed=2).iterdir():
        Image.open(path).save(lossy / f"{path.stem}.jpg", quality=20)

    code, out, _ = run(lossy, "--against", real, "--engine", "torch", "--json", "-")

    (row,) = [row for row in json.loads(out)["rows"] if row["name"] == "formats"]
    assert code == 0
    assert row["effect"]["key"] == "fd@efflite0"
    assert row["effect"]["n"] == 30
    assert row["effect"]["damaged"] > row["effect"]["clean"]
    assert row["effect"]["damage"] == "saved as JPEG of quality 20"


def test_several_subjects_make_one_table(run, make_folder, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    good, copied, real = make_folder("good", 60, seed=1), make_folder("copied", 60, seed=2), make_folder("real", 60)
    for name in ("00000.png", "00001.png"):
        (copied / f"leak-{name}").write_bytes((real / name).read_bytes())

    code, out, err = run(good, copied, "--against", real)
    _, text, _ = run(good, copied, "--against", real, "--json", "-")

    head, _, first, second, last = out.splitlines()
    assert (code, err) == (0, "")
    assert head.startswith("1 of 2 subjects need fixing before they are scored against ")
    assert "leakage" not in first
    assert "leakage 3.2%" in second
    assert last == f"Next: ganeval doctor {good} --against {real}"
    alone = [json.loads(run(one, "--against", real, "--no-effects", "--json", "-")[1]) for one in (good, copied)]
    assert json.loads(text) == {"schema": 1, "examinations": alone}


def test_two_sets_without_a_reference_are_told_how_they_are_compared(run, make_folder):
    fake, real = make_folder("fake", 50, seed=1), make_folder("real", 50)

    code, out, _ = run(fake, real, "--fail-on", "serious")

    assert code == 0
    assert out.splitlines()[-1] == f"Next: ganeval doctor {fake} --against {real}"
