"""Every block of every tutorial runs, in order, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shown_output import compare, console, evened, rewrite, words_of

PAGES = sorted(
    page
    for page in (Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md")
    if page.stem != "README" and not page.name.endswith(".zh.md")
)
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)
TRAINS = "train-reference"  # what comes below it shows numbers of a network that the page itself trained


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
def test_a_tutorial_runs_word_for_word_and_prints_what_it_shows(page, tmp_path, request):
    """Numbers of networks that the page itself trains are not compared: rounding grows over the steps."""

    def run(script):
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, "PATH": tools},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    trained = False
    for kind, text in blocks(page):
        trained = trained or TRAINS in text
        if kind == "python":
            (tmp_path / text.split("\n", 1)[0].removeprefix("# ")).write_text(text)
        elif kind == "sh":
            run(text)
        for command, expected in console(text) if kind == "text" else ():
            printed = evened(run(command))
            if request.config.getoption("--update-golden"):
                rewrite(page, f"$ {command}\n{expected}", f"$ {command}\n{printed}")
            elif trained:
                assert words_of(printed) == words_of(expected)
            else:
                compare(printed, expected)
