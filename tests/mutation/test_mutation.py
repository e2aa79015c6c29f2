"""`python -m tests.mutation` on a project of three functions: noticed faults are killed, the others are named."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mutmut", reason="the extra `mutation`")

HERE = Path(__file__).parent
FILES = {
    "pyproject.toml": """
[tool.mutmut]
source_paths = ["toy"]
only_mutate = ["toy/sums.py"]
pytest_add_cli_args_test_selection = ["tests/test_sums.py"]
""",
    "toy/__init__.py": "",
    "toy/sums.py": """
def half(x):
    return x / 2

def loose(x):
    return x * 3

def unused(x):
    return x + 1
""",
    "tests/__init__.py": "",
    "tests/test_sums.py": """
from toy.sums import half, loose

def test_a_half():
    assert half(3) == 1.5

def test_something_comes_out():
    assert loose(3) is not None
""",
}


def run(folder, *options):
    command = [sys.executable, "-m", "tests.mutation", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)


def outcomes(folder):
    return [json.loads(line) for line in (folder / "mutants" / "outcomes.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_faults_that_a_test_notices_are_killed_and_the_others_are_named(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copytree(HERE, tmp_path / "tests" / "mutation", ignore=shutil.ignore_patterns("test_*"))

    some = run(tmp_path, "--sample", "3", "--at-least", "0")
    first = outcomes(tmp_path)
    every = run(tmp_path, "--at-least", "0.34")

    assert len(first) == 3, some.stderr
    assert outcomes(tmp_path)[:3] == first, "a larger sample goes on where a smaller one ended"
    rows = {row["mutant"].partition(".x_")[2].partition("__")[0]: row for row in outcomes(tmp_path)}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "half": "killed",
        "loose": "survived",
        "unused": "unreached",
    }
    assert rows["half"]["by"] == "tests/test_sums.py::test_a_half"
    assert (some.returncode, every.returncode) == (0, 1), every.stderr
    assert "| `toy.sums` | 6 | 6 | 2 | 33% |" in every.stdout
    assert "survived: toy.sums.x_loose__mutmut_1" in every.stdout
    assert len(outcomes(tmp_path)) == 6, "nothing is tried twice"
