"""The pages show what the program prints: each `$ ganeval` in a block of text is run and compared.

`pytest --update-golden tests/project/test_output_blocks.py` writes what was printed into the pages; review the diff.
The tutorials show output as well; test_tutorials.py runs and compares it, from the top of the page to its end.
"""

import re
import shlex
import subprocess
import sys

import pytest

from tests.shown_output import PYTHON, ROOT, compare, evened, printed_by, rewrite, shown

# Page -> how its images are made, by a command or by the page's own Python block; "" where the command brings its own.
MADE = {
    "README.md": "",
    "docs/doctor.md": "make_sets.py",
    "docs/first-screens.md": "",
    "docs/tutorials/super-resolution.md": "",
    "docs/explain.md": "-m ganeval.bench.materials . --images 200 --size 64 --weights",
}
# Terms are differences of FIDs near 1.8e6, whose float32 means round by 2e-6 of that, on each processor in its own way.
ROUNDING = {"docs/explain.md": 4.0}
SLOW = {"docs/explain.md"}  # 400 images through Inception in six preparations


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def one_cache(features, monkeypatch):
    """Blocks share features, as they do for a reader: README scores the same digits in a shell and in Python."""
    monkeypatch.setenv("GANEVAL_CACHE", str(features))


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def make_images(page, folder):
    made = MADE[page]
    if made.endswith(".py"):
        blocks = re.findall(r"^```python\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)
        (folder / made).write_text(next(block for block in blocks if block.startswith(f"# {made}\n")))
    if made:
        subprocess.run([sys.executable, *shlex.split(made)], cwd=folder, check=True, capture_output=True)


def test_every_page_that_shows_output_is_compared():
    pages = [path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]]
    compared = {*MADE, *(page for page in pages if page.startswith("docs/tutorials/"))}

    assert {page for page in pages if not page.endswith(".zh.md") and shown(text_of(page))} <= compared
    assert all(shown(text_of(page)) for page in MADE)


@pytest.mark.parametrize(
    "page", [p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.zh.md"), *ROOT.glob("docs/**/*.zh.md")]]
)
def test_a_translation_shows_the_same_output(page):
    assert shown(text_of(page)) == shown(text_of(page.replace(".zh.md", ".md")))


@pytest.mark.parametrize("page", [pytest.param(p, marks=[pytest.mark.slow] * (p in SLOW)) for p in MADE])
def test_a_page_shows_what_the_program_prints(page, tmp_path, monkeypatch, command_line, request, one_cache):
    make_images(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    for command, expected in shown(text_of(page)):
        code, printed, said = command_line(*shlex.split(command)[1:])
        assert code == 0, said
        if request.config.getoption("--update-golden"):
            rewrite(ROOT / page, f"$ {command}\n{expected}", f"$ {command}\n{evened(printed)}")
        else:
            compare(printed, expected, ROUNDING.get(page, 2e-4))


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_a_python_block_prints_what_the_page_shows(page, tmp_path, monkeypatch, request, one_cache):
    monkeypatch.chdir(tmp_path)
    for code, expected in PYTHON.findall(text_of(page)):
        printed = printed_by(code)
        if request.config.getoption("--update-golden"):
            rewrite(ROOT / page, f"```text\n{expected}```", f"```text\n{printed}```")
        else:
            compare(printed, expected)


def test_the_effect_that_doctors_page_explains_is_one_that_it_shows():
    page = text_of("docs/doctor.md")
    before, after = re.search(r"`(\d+) → (\d+)` reads: chance alone gives (?=\1 at)", page).groups()

    assert f"{before} → {after}" in shown(page)[0][1]
    assert f"the damage makes it\n{after}." in page
