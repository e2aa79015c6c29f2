"""The notebooks are executed, small, and run from their top to their end."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def cells(notebook):
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def test_there_are_two_and_each_is_a_page_of_the_site():
    assert [path.stem for path in NOTEBOOKS] == ["learn-a-gan", "score-your-samples"]
    assert all(f"({path.name})" in path.with_suffix(".md").read_text() for path in NOTEBOOKS)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_executed_in_order_and_its_outputs_are_small(notebook):
    assert [cell["execution_count"] for cell in cells(notebook)] == [*range(1, len(cells(notebook)) + 1)]
    assert sum(bool(cell["outputs"]) for cell in cells(notebook)) >= 5
    assert not [output for cell in cells(notebook) for output in cell["outputs"] if output["output_type"] == "error"]
    assert notebook.stat().st_size < 300_000


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """An interpreter with what runs notebooks; everything else is lent by a path file."""
    place = tmp_path_factory.mktemp("jupyter") / "venv"
    venv.create(place, with_pip=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    pins = ROOT / "docs" / "notebooks" / "requirements.txt"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", pins], check=True, timeout=300)
    (site,) = place.rglob("site-packages")
    (site / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    return python


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_end(notebook, jupyter, tmp_path):
    """It prints as often as the notebook that is kept; numbers of trained networks differ between machines."""
    copy = tmp_path / notebook.name
    copy.write_bytes(notebook.read_bytes())
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [jupyter, ROOT / "docs" / "run_notebook.py", copy]
    done = subprocess.run(command, env={**os.environ, "PATH": tools}, capture_output=True, text=True, timeout=1800)

    assert done.returncode == 0, done.stderr
    assert [len(cell["outputs"]) for cell in cells(copy)] == [len(cell["outputs"]) for cell in cells(notebook)]
