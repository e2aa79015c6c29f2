"""The pages show what the program prints: each block that begins with `$ ganeval` is run and compared.

`pytest --update-golden tests/test_output_blocks.py` writes what was printed into the pages; review the diff.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHOWN = re.compile(r"^```(?:text)?\n\$ (ganeval [^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")

# Page -> how its images are made, by a command or by the page's own Python block; "" where the command brings its own.
MADE = {
    "README.md": "",
    "README.zh.md": "",
    "docs/doctor.md": "make_sets.py",
    "docs/tutorials/compare-models.md": "",
    "docs/tutorials/score-a-folder.md": "make_folders.py",
    "docs/tutorials/super-resolution.md": "",
    "docs/explain.md": "-m ganeval.bench.materials . --images 200 --size 64 --weights",
}
# Terms are differences of FIDs near 1.8e6, whose float32 means round by 2e-6 of that, on each processor in its own way.
ROUNDING = {"docs/explain.md": 4.0}
# 400 images through Inception in six preparations; sets of a thousand images in each of three scores.
SLOW = {"docs/explain.md", "docs/tutorials/compare-models.md", "docs/tutorials/score-a-folder.md"}


def shown(page):
    """(command, output) of each of the page's blocks."""
    return SHOWN.findall((ROOT / page).read_text(encoding="utf-8"))


def without_hash(text):
    """Random weights are sums of floats, whose last bits differ between processors, and with them the file's hash."""
    return re.sub(r"\bweights [0-9a-f]{8}\b", "weights HASH", text)


def words_of(text):
    """The text with numbers taken out and spaces evened: columns move where a number has a digit more."""
    return [" ".join(NUMBER.sub("#", line).split()) for line in without_hash(text).strip().splitlines()]


def numbers_of(text):
    return [float(number.replace(",", "")) for number in NUMBER.findall(without_hash(text))]


def make_images(page, folder):
    made = MADE[page]
    if made.endswith(".py"):
        blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
        (folder / made).write_text(next(block for block in blocks if block.startswith(f"# {made}\n")))
    if made:
        subprocess.run([sys.executable, *shlex.split(made)], cwd=folder, check=True, capture_output=True)


def test_every_page_that_shows_output_is_compared():
    pages = [*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")]

    assert {str(page.relative_to(ROOT)) for page in pages if SHOWN.search(page.read_text(encoding="utf-8"))} == {*MADE}


def test_both_readmes_show_the_same_output():
    assert shown("README.md") == shown("README.zh.md")


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.slow] * (p in SLOW)) for p in MADE if p != "README.zh.md"]
)
def test_a_page_shows_what_the_program_prints(page, tmp_path, monkeypatch, command_line, request):
    """The same words, and numbers within 2%: the last digits differ between machines."""
    make_images(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    for command, expected in shown(page):
        code, printed, said = command_line(*shlex.split(command)[1:])
        assert code == 0, said
        printed = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())

        if request.config.getoption("--update-golden"):
            for name in ["README.md", "README.zh.md"] if page == "README.md" else [page]:
                text = (ROOT / name).read_text(encoding="utf-8")
                before = f"$ {command}\n{expected}```"
                (ROOT / name).write_text(text.replace(before, f"$ {command}\n{printed}```"), encoding="utf-8")
            continue

        assert words_of(printed) == words_of(expected)
        tolerance = ROUNDING.get(page, 2e-4)
        assert numbers_of(printed) == pytest.approx(numbers_of(expected), rel=0.02, abs=tolerance)


def test_the_effect_that_doctors_page_explains_is_one_that_it_shows():
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    before, after = re.search(r"`(\d+) → (\d+)` reads: chance alone gives (?=\1 at)", page).groups()

    assert f"{before} → {after}" in shown("docs/doctor.md")[0][1]
    assert f"the damage makes it\n{after}." in page
