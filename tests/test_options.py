"""One table of options: command line, Python and `ganeval.toml` take the same values, and refuse the same ones."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ganeval
from ganeval.errors import UsageError
from ganeval.options import ScoreOptions
from ganeval.options.calls import TAKERS, keywords_source
from ganeval.options.table import DEFAULTS, keyword_of, taken_by

ROOT = Path(__file__).parent.parent


def test_the_keywords_of_python_are_those_of_the_table(request):
    file = ROOT / "ganeval" / "options" / "keywords.py"
    if request.config.getoption("--update-golden"):
        file.write_text(keywords_source())

    assert file.read_text() == keywords_source()


@pytest.mark.parametrize("taker", TAKERS)
def test_signatures_and_docstrings_show_every_keyword(taker):
    call = getattr(ganeval, TAKERS[taker])
    parameters = inspect.signature(call).parameters

    for name in taken_by(taker):
        assert parameters[keyword_of(name)].default == (None if DEFAULTS[name] == {} else DEFAULTS[name])
        assert f"\n        {keyword_of(name)}: " in call.__doc__


def test_a_keyword_that_there_is_not_is_a_type_error_that_names_the_right_one():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'num_samples'. Did you mean 'n'"):
        ganeval.score("x", num_samples=3)


def test_each_way_in_gives_one_form():
    given = ScoreOptions(
        "x", match="*.png", channel="Y", until_rel="1%", follow_links=True, latent_dim=9, metrics=["a"], weights=None
    )

    assert given == ScoreOptions(
        "x",
        match={"subject": "*.png"},
        channel="y",
        until_rel=0.01,
        follow_links="inside",
        latent_dim=(9,),
        metrics="a",
        weights={},
    )


@pytest.mark.parametrize("value", [True, 1.5, "3", -1, None])
def test_a_whole_number_is_nothing_else(value):
    with pytest.raises(UsageError, match="--seed takes a whole number of at least 0; got "):
        ScoreOptions("x", seed=value)


def test_the_table_needs_neither_numpy_nor_torch():
    code = "import sys, ganeval.cli.score, ganeval.options.calls; print({'numpy', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
