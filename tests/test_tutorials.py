"""Every block of every tutorial runs, in order, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted(
    page for page in (Path(__file__).parent.parent / "docs" / "tutorials").glob("*.md") if page.stem != "README"
)
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page):
    """(kind, text) of the page's blocks in order."""
    return BLOCK.findall(page.read_text())


def test_every_tutorial_is_listed_and_leads_back():
    listed = (PAGES[0].parent / "README.md").read_text()
    assert len(PAGES) == 5
    for page in PAGES:
        assert f"]({page.name})" in listed
        assert "](README.md)" in page.read_text()
        assert any(kind == "sh" and "ganeval " in text for kind, text in blocks(page)), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_python_block_says_which_file_it_is(page):
    for kind, text in blocks(page):
        if kind == "python":
            compile(text, page.name, "exec")
            assert re.match(r"# \w+\.py\n", text), page.name


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_runs_word_for_word(page, tmp_path):
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for kind, text in blocks(page):
        if kind == "python":
            (tmp_path / text.split("\n", 1)[0].removeprefix("# ")).write_text(text)
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=tmp_path,
            env={**os.environ, "PATH": tools},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
