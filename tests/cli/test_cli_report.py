"""`ganeval report` from the command line: what it writes, what it refuses, and what it does not import."""

import os
import subprocess
import sys

import pytest

from tests.report_inputs import checkpoint_row, write_pairs, write_rows, write_run


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    """Runs a command in an empty folder: (exit code, stdout, stderr)."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    return lambda *arguments: command_line("report", *arguments)


def test_it_writes_the_page_and_prints_its_name(run, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", [checkpoint_row(40.0)])

    code, out, err = run("--results", rows, "--runs", write_run(tmp_path / "run"), "--out", "page.html")

    assert (code, out) == (0, "page.html\n")
    assert "MB, loads nothing" in err
    assert (tmp_path / "work" / "page.html").read_text().startswith("<!doctype html>")


def test_plots_are_written_beside_it(run, tmp_path):
    code, _, _ = run("--runs", write_run(tmp_path / "run"), "--plots", "plots")

    assert code == 0
    names = sorted(path.name for path in (tmp_path / "work" / "plots").iterdir())
    assert "001-toy.digits-cpu-fd-efflite0.svg" in [name.replace("@", "-") for name in names]
    assert len([name for name in names if name.endswith(".png")]) == len(names) / 2


def test_pairs_take_a_table_and_two_folders(run, tmp_path):
    code, _, _ = run("--pairs", *write_pairs(tmp_path, ["a", "b"]))

    assert code == 0
    assert 'class="compare"' in (tmp_path / "work" / "report.html").read_text()


def test_rows_of_the_project_are_taken_where_none_are_named(run, tmp_path):
    write_rows(tmp_path / "leaderboards" / "results" / "mine.jsonl", [checkpoint_row(40.0)])

    code, _, _ = run()

    assert code == 0
    assert "toy.digits-cpu" in (tmp_path / "work" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--out", "missing/page.html"], 2, "does not exist"),
        (["--out", "."], 2, "is a folder"),
        (["--runs", "missing"], 3, "is no folder"),
        (["--runs", "."], 3, "No run of train-reference"),
        (["--results", "missing.jsonl"], 3, "No rows at missing.jsonl"),
        (["--blame", "missing.csv", "."], 3, "Cannot read missing.csv"),
        (["--pairs", "missing.csv", "."], 2, "--pairs takes 3 values, CSV FAKE REAL; got fewer."),
        (["--results", "empty.jsonl"], 3, "nothing to show"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(run, tmp_path, arguments, code, words):
    (tmp_path / "work" / "empty.jsonl").write_text("")

    found, _, err = run(*arguments)

    assert found == code
    assert words in err
    assert not (tmp_path / "work" / "report.html").exists()


def test_it_needs_no_torch(tmp_path):
    write_run(tmp_path / "run")
    write_rows(tmp_path / "rows.jsonl", [checkpoint_row(40.0)])
    program = (
        "import sys; from ganeval.cli.main import main; "
        "main(['report', '--runs', 'run', '--results', 'rows.jsonl', '--plots', 'plots']); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ
    )

    assert done.returncode == 0, done.stderr
