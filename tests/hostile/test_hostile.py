"""Every hostile input ends as the table in docs/hostile-inputs.md says; the table is written from the cases."""

import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from ganeval.cli.show import csv
from ganeval.report.galleries import by_own_name, known_rows, read_values
from ganeval.sources.folder import FolderSource
from tests.hostile.case import PAIRED, SET, Case
from tests.hostile.judge import clean, judge
from tests.hostile.table import CASES, markdown

PAGE = Path(__file__).parents[2] / "docs" / "hostile-inputs.md"
MARKS = (
    "<!-- The table is written by `pytest tests/hostile/test_hostile.py --update-golden`. -->",
    "<!-- End of the table. -->",
)

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "mkfifo"), reason="pipes, alarms")


PARAMETERS = [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else []) for case in CASES]


@pytest.fixture(scope="module", autouse=True)
def libraries_are_loaded(tmp_path_factory):
    """What the first command of a process imports is no memory of a hostile input's."""
    with pytest.MonkeyPatch.context() as patch:
        for name, command in (("paired", PAIRED), ("set", SET)):
            clean(Case(name, "score", lambda box: None, command), tmp_path_factory.mktemp(name), patch)


@pytest.fixture(scope="module")
def cleaned():
    """(clean input, command) -> what it gave: most cases are held against the same few."""
    return {}


@pytest.mark.filterwarnings("default")  # as outside of tests: what Pillow merely warns of is no refusal
@pytest.mark.parametrize("case", PARAMETERS)
def test_a_hostile_input_ends_as_promised(case, tmp_path, monkeypatch, cleaned):
    if case.needs is not None and importlib.util.find_spec(case.needs) is None:
        pytest.skip(f"{case.needs} is not installed")
    ran = judge(case, tmp_path, monkeypatch)

    if case.outcome == "error":
        return
    wanted = case.clean, case.clean_command or case.command
    if wanted not in cleaned:
        cleaned[wanted] = clean(case, tmp_path, monkeypatch)
    expected = cleaned[wanted]
    assert expected.code == 0, expected.err
    assert expected.values
    assert ran.values.keys() == expected.values.keys()
    for key, value in expected.values.items():
        assert value is not None
        assert ran.values[key] == pytest.approx(value, rel=1e-9), key
    assert (ran.counted("skipped"), ran.counted("left_out")) == (case.skipped, case.left_out)


def test_the_table_names_each_case_once_and_there_are_enough():
    names = [case.name for case in CASES]

    assert len(names) == len(set(names))
    assert len(names) >= 75
    assert {case.outcome for case in CASES} == {"score", "skip", "error"}


def test_the_page_holds_the_table(request):
    page = PAGE.read_text()
    wanted = f"{MARKS[0]}\n\n{markdown()}\n{MARKS[1]}"
    if request.config.getoption("--update-golden"):
        page = re.sub(f"{re.escape(MARKS[0])}.*?{re.escape(MARKS[1])}", lambda _: wanted, page, flags=re.DOTALL)
        PAGE.write_text(page)

    assert wanted in PAGE.read_text()


def test_a_stem_that_is_a_formula_is_text_in_the_csv_and_is_found_again(tmp_path):
    formula = "=HYPERLINK('x')"
    Image.new("RGB", (4, 4)).save(tmp_path / f"{formula}.png")
    table = pd.DataFrame({"image": [formula], "psnr": [20.0]})

    text = csv(table)

    assert text.splitlines()[1].startswith("'=")
    (tmp_path / "psnr.csv").write_text(text)
    read = read_values(tmp_path / "psnr.csv", "x")
    assert len(known_rows(read, tmp_path, [by_own_name(FolderSource(tmp_path))])) == 1
