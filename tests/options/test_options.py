"""One table of options: command line, Python and `ganeval.toml` take the same values, and refuse the same ones."""

import inspect
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganeval
from ganeval.cli import main as cli
from ganeval.cli.score import command as score
from ganeval.errors import GanevalError, UsageError
from ganeval.options import ScoreOptions
from ganeval.options.calls import TAKERS, in_python, keywords_source
from ganeval.options.table import DEFAULTS, OPTIONS, flag_of, keyword_of, taken_by, words_of

ROOT = Path(__file__).parents[2]
TYPED = [name for name, option in taken_by("score").items() if option.flag]
FAKE = ("fake", "--reference", "real", "--metrics", "kd@pixels")
PAIRS = ("fake", "--paired", "real", "--metrics", "psnr")
NET = ("net.pt", "--reference", "real", "--metrics", "kd@pixels", "--num-samples", "12")
DEEP = ("fake", "--reference", "real", "--metrics", "kd@efflite0")


@dataclass(frozen=True)
class Case:
    """One option with a value that is not its default.

    Attributes:
        typed: The option on the command line.
        python: The same value in Python.
        toml: The same value in ganeval.toml; "" if it may not stand there.
        changes: What of the first row, or of the error, it changes: a field, or one of `provenance.*`.
        score: The rest of the command line.
    """

    typed: tuple[str, ...]
    python: object
    toml: str
    changes: str
    score: tuple[str, ...] = FAKE


CASES = {
    "reference": Case(("--reference", "real"), "real", '"real"', "error", ("fake", "--metrics", "kd@pixels")),
    "paired": Case(("--paired", "real"), "real", '"real"', "error", ("fake", "--metrics", "psnr")),
    "train": Case(("--train", "real"), "real", '"real"', "error", ("fake", "--metrics", "authpct@pixels")),
    "metrics": Case(("--metrics", "ssim"), ["ssim"], '["ssim"]', "key", ("fake", "--paired", "real")),
    "channel": Case(("--channel", "Y"), "y", '"y"', "fingerprint", PAIRS),
    "crop_border": Case(("--crop-border", "2"), 2, "2", "fingerprint", PAIRS),
    "pair_by": Case(("--pair-by", "(.*)"), "(.*)", '"(.*)"', "provenance.pair_by", PAIRS),
    "mask": Case(("--mask", "masks"), "masks", '"masks"', "error", PAIRS),
    "mod_crop": Case(("--mod-crop", "3"), 3, "3", "fingerprint", PAIRS),
    "peak": Case(("--peak", "4095"), 4095, "4095", "fingerprint"),
    "inputs": Case(
        ("--inputs", "fake"), "fake", '"fake"', "error", ("options_nets:darker", *PAIRS[1:], "--device", "cpu")
    ),
    "generator": Case(
        ("--generator", "options_nets:Net"), "options_nets:Net", "", "error", (*NET, "--latent-dim", "4")
    ),
    "state_key": Case(
        ("--state-key", "g_ema"),
        "g_ema",
        '"g_ema"',
        "error",
        (*NET, "--generator", "options_nets:Net", "--latent-dim", "4"),
    ),
    "latent_dim": Case(("--latent-dim", "4"), 4, "4", "error", (*NET, "--generator", "options_nets:Net")),
    "direction": Case(("--direction", "b2a"), "b2a", '"b2a"', "error"),
    "num_samples": Case(("--num-samples", "8"), 8, "8", "fingerprint"),
    "seed": Case(("--seed", "3"), 3, "3", "fingerprint", (*FAKE, "--num-samples", "8")),
    "match": Case(("--match", "*[0-7].png"), "*[0-7].png", '{ subject = "*[0-7].png" }', "n_fake"),
    "tile": Case(("--tile", "2x2"), "2x2", '{ subject = "2x2" }', "n_fake"),
    "labels": Case(("--no-labels",), False, "false", "provenance.labels"),
    "follow_links": Case(("--follow-links",), True, "true", "n_fake", ("linked", *FAKE[1:])),
    "batch_size": Case(("--batch-size", "5"), 5, "5", "nothing"),
    "device": Case(("--device", "cpu"), "cpu", '"cpu"', "nothing"),
    "engine": Case(("--engine", "torch"), "torch", '"torch"', "provenance.engine", DEEP),
    "on_bad": Case(("--on-bad", "skip"), "skip", '"skip"', "error", ("broken", *FAKE[1:])),
    "weights": Case(("--weights", "inception=none.pth"), {"inception": "none.pth"}, "", "error"),
    "value_range": Case(("--value-range", "0..1"), "0..1", '"0..1"', "error", ("floats.npy", *FAKE[1:])),
    "data_root": Case(
        ("--data-root", "no"), Path("no"), '"no"', "error", ("cifar10:test", "--metrics", "vendi@pixels")
    ),
    "cache": Case(("--no-cache",), False, "false", "nothing"),
    "moments_only": Case(("--moments-only",), True, "true", "error"),
    "precision": Case(("--precision", "fast"), "fast", '"fast"', "fingerprint", DEEP),
    "devices": Case(("--devices", "0"), 0, "", "error"),
    "timeout": Case(("--timeout", "90s"), 90.0, "", "nothing"),
    "until_se": Case(("--until-se", "0.01"), 0.01, "0.01", "error"),
    "until_rel": Case(("--until-rel", "1%"), 0.01, '"1%"', "error"),
    "name": Case(("--name", "mine"), "mine", "", "subject"),
}

NETS = """
import torch

class Net(torch.nn.Module):
    value_range = "-1..1"

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 192)

    def forward(self, z):
        return torch.tanh(self.linear(z)).reshape(-1, 3, 8, 8)

def darker():
    return lambda images: images // 2
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with sets and networks, and a cache of its own."""
    rng = np.random.default_rng(0)
    for name, shift in (("real", 0), ("fake", 9), ("broken", 20), ("linked", 5)):
        (tmp_path / name).mkdir()
        for i, pixels in enumerate(rng.integers(0, 200, (12, 16, 16, 3))):
            Image.fromarray((pixels + shift).astype(np.uint8)).save(tmp_path / name / f"{i:02d}.png")
    (tmp_path / "broken" / "03.png").write_bytes(b"no image")
    (tmp_path / "linked" / "part").mkdir()
    (tmp_path / "linked" / "part" / "12.png").write_bytes((tmp_path / "real" / "00.png").read_bytes())
    (tmp_path / "linked" / "link").symlink_to("part")
    np.save(tmp_path / "floats.npy", rng.random((12, 8, 8, 3), dtype=np.float32))
    (tmp_path / "options_nets.py").write_text(NETS)
    torch.save({"linear.weight": torch.ones(192, 4), "linear.bias": torch.zeros(192)}, tmp_path / "net.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANEVAL_DATA", raising=False)
    return tmp_path


def outcome(call):
    """The rows of a score, or the error, without times."""
    try:
        return [{**row, "timing": None} for row in call()]
    except GanevalError as error:
        return str(error)


def by_command(capsys, *arguments):
    """Outcome of the command line; errors as Python says them."""

    def call():
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            told = []
            patch.setattr(cli, "tell", lambda error, command, advice, hint: told.append(f"{error} {advice}".strip()))
            try:
                cli.main(["score", *arguments, "--json", "-"])
            except SystemExit as end:
                if end.code:
                    raise GanevalError(told[0]) from None
        return json.loads(capsys.readouterr().out)["rows"]

    found = outcome(call)
    return in_python(found, {keyword_of(name) for name in taken_by("score")}) if isinstance(found, str) else found


def by_python(score, **keywords):
    """Outcome of `ganeval.score` with the arguments of a command line and one keyword."""
    subject, *rest = score
    read = {
        name: OPTIONS[name].kind.read(text)
        for flag, text in zip(rest[::2], rest[1::2], strict=True)
        for name in [flag[2:].replace("-", "_")]
    }
    given = {keyword_of(name): value for name, value in read.items()} | keywords
    return outcome(lambda: [row.to_dict() for row in ganeval.score(subject, **given)])


def field_of(found, path):
    """One field of the first row; the error itself for "error", the number of rows for "rows"."""
    if path == "error" or isinstance(found, str):
        return found
    value = found[0]
    for name in path.split("."):
        value = value.get(name)
    return value


def test_every_option_of_score_has_a_case():
    assert list(CASES) == TYPED


@pytest.mark.parametrize("name", CASES)
def test_command_line_python_and_settings_give_the_same_row_and_the_option_changes_it(name, place, capsys):
    case = CASES[name]
    typed = by_command(capsys, *case.score, *case.typed)
    python = by_python(case.score, **{keyword_of(name): case.python})
    without = by_command(capsys, *case.score)

    assert plain(typed) == plain(python)
    if case.toml:
        (place / "ganeval.toml").write_text(f"{name} = {case.toml}\n")
        assert plain(by_command(capsys, *case.score)) == plain(typed)
    if case.changes == "nothing":
        assert field_of(typed, "fingerprint") == field_of(without, "fingerprint")
        assert field_of(typed, "value") == pytest.approx(field_of(without, "value"), rel=1e-6)
    else:
        assert field_of(typed, case.changes) != field_of(without, case.changes)


def plain(found):
    """Rows without what differs from run to run."""
    if isinstance(found, str):
        return found.replace("\n", " ")
    return [
        (row["subject"], row["key"], row["value"], row["status"], row["fingerprint"], row["n_fake"]) for row in found
    ]


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("devices", "name")])
def test_an_option_is_typed_again_as_the_command_line_reads_it(name):
    options = ScoreOptions("fake", **{name: CASES[name].python})
    words = words_of(options, "score")
    again = score.make_context("score", ["fake", *words], **cli.root.context_settings)

    assert words
    assert ScoreOptions("fake", **{name: again.params[name]}) == options
    assert words_of(options, "score", without=(name,)) == []


def test_a_folder_that_the_environment_names_is_not_typed_again(monkeypatch):
    monkeypatch.setenv("GANEVAL_DATA", "data")

    assert words_of(ScoreOptions("fake", data_root=Path("data")), "score") == []
    assert words_of(ScoreOptions("fake", data_root=Path("more")), "score") == ["--data-root", "more"]


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
        assert f"\n    {keyword_of(name)}: " in inspect.getdoc(call)  # 3.13 takes the indentation off `__doc__`


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


@pytest.mark.parametrize("command", ["score", "diff", "explain"])
def test_the_help_page_has_a_section_for_each_group_of_the_table(command, command_line):
    _, page, _ = command_line(command, "--help")
    grouped, _, own = page.partition("Other options:")
    found = {text.partition(":")[0]: text for text in grouped.split("Options for ")[1:]}

    assert "--help" in own
    for name, known in taken_by(command).items():
        if known.flag and (command, name) != ("score", "name"):  # which score takes once a subject
            assert flag_of(name).removeprefix("--") in found[known.group], name
