"""docs/metrics: one page a metric, written from its declaration and the docstring of its file.

`pytest --update-golden tests/metrics/test_metric_pages.py` writes the pages; review the diff.
"""

import importlib
import math
import re
import tomllib
from pathlib import Path

import pytest

from ganeval.backbones import BACKBONES
from ganeval.metrics import METRICS
from ganeval.metrics.base import ImageMetric, OwnPairsMetric, PixelMetric, PyramidMetric, SetMetric

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "metrics"
SOURCE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]
SECTIONS = {
    "What it measures": r"What (?:it|they) measures?",
    "Why it can mislead": r"Why (?:it|they) can mislead",
    "Definition": r"Definition(?: of `\w+`)?",
    "Parity": r"Matches",
}
MODULES = {name: where.partition(":")[0] for name, where in METRICS._table.items()}  # of packages none
OWN = {name: METRICS.get(name) for name in MODULES}
NEEDS = {
    "bank": "every feature row",
    "moments": "mean and covariance of the features",
    "logits": "class probabilities",
    "labels": "class labels",
}
KINDS = {
    PixelMetric: "of image pairs, on their pixels",
    PyramidMetric: "of image pairs, on feature maps",
    ImageMetric: "of single images, without an original",
}


def module_of(name):
    return importlib.import_module(MODULES[name])


def sections(name):
    """Heading -> paragraphs, from the docstring of the file; those of another metric of the file are left out."""
    found = {}
    for heading, pattern in SECTIONS.items():
        for title, text in re.findall(rf"^({pattern}): (.*(?:\n    .*)*)", module_of(name).__doc__, re.MULTILINE):
            named = re.search(r"`(\w+)`", title)
            if named is None or named[1] == name:
                words = " ".join(text.split())
                is_name = heading == "Parity"  # of a tool, which may be written small
                found.setdefault(heading, []).append(words if is_name else f"{words[0].upper()}{words[1:]}")
    return found


def number(x):
    return "∞" if x == math.inf else "-∞" if x == -math.inf else f"{x:g}"


def kind(metric):
    if isinstance(metric, OwnPairsMetric):
        return "of random pairs of one set" if metric.paths is None else "of a generator"
    if isinstance(metric, SetMetric):
        return f"of sets, {'with' if metric.reference else 'without'} a reference"
    return KINDS[type(metric)]


def facts(metric):
    """What the declaration says, a line each."""
    backbones = getattr(metric, "backbones", ())
    lines = [
        f"Kind: {kind(metric)}.",
        *(
            f"`{o.name}`: {o.title}{f' in {o.unit}' if o.unit else ''}, from {number(o.range[0])} to "
            f"{number(o.range[1])}; {o.better if o.better != 'neither' else 'neither direction'} is better."
            for o in metric.outputs
        ),
        f"Version {metric.version}; parameters: "
        + (", ".join(f"{key} = {value}" for key, value in metric.params.items()) or "none")
        + ". Both are in the protocol of a row.",
    ]
    if isinstance(metric, SetMetric):
        lines.append(
            f"Needs {metric.min_n} images a set, and {', '.join(NEEDS[need] for need in sorted(metric.needs))} of each."
        )
        if metric.has_stderr:
            lines.append("Has a standard error and an interval wherever one is valid.")
    elif isinstance(metric, OwnPairsMetric):
        lines.append(
            f"Needs {metric.min_n} {'images' if metric.paths is None else 'paths'}; the row is the mean over pairs."
        )
    else:
        lines.append(f"Needs images of {metric.min_side}x{metric.min_side} pixels; the row is the mean over images.")
    if getattr(metric, "masked", None) is not None:
        lines.append("Has a value over the pixels of a mask (`--mask`).")
    if backbones:
        lines.append(f"Networks: {', '.join(backbones)}.")
    for alias, one in metric.aliases.items():
        lines.append(f"`{alias}`: {one.title}, on {one.backbone} with the published weights only.")
    weights = [metric.model] if isinstance(metric, ImageMetric) else []
    for backbone in backbones:
        info = BACKBONES.get(backbone)
        weights += [
            *([info.weights.name] if info.weights else []),
            *filter(None, [getattr(metric, "heads", {}).get(backbone)]),
        ]
    if weights:
        lines.append(f"Weights: {', '.join(dict.fromkeys(weights))} (`ganeval weights list`).")
    if not metric.plain:
        lines.append("Runs only when it is named.")
    return lines


def page(name):
    metric = OWN[name]
    file = Path(module_of(name).__file__).relative_to(ROOT).as_posix()
    against = "--paired ORIGINALS" if isinstance(metric, PixelMetric | PyramidMetric) else "--reference REFERENCE"
    needs = (
        ""
        if isinstance(metric, ImageMetric | OwnPairsMetric) or getattr(metric, "reference", True) is False
        else f" {against}"
    )
    text = [f"# {name}", "", f"{metric.summary[0].upper()}{metric.summary[1:]}.", ""]
    text += ["```sh", f"ganeval score SUBJECT{needs} --metrics {name}", "```", ""]
    for heading, paragraphs in sections(name).items():
        text += [f"## {heading}", "", *(line for paragraph in paragraphs for line in (paragraph, ""))]
        if heading == "Definition":
            text += ["## Protocol", "", *(f"* {line}" for line in facts(metric)), ""]
    return "\n".join([*text, "## Source", "", f"[{file}]({SOURCE}/blob/main/{file})", ""])


def index():
    lines = ["# Metrics", "", "One page a metric, written from its declaration (`pytest --update-golden`).", ""]
    lines += ["| metric | kind | what it is |", "|---|---|---|"]
    for name, metric in OWN.items():
        summary = metric.summary.replace("|", "\\|")
        lines.append(f"| [{name}]({name}.md) | {kind(metric)} | {summary} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", [*OWN, "README"])
def test_the_pages_are_up_to_date(name, request):
    text, file = index() if name == "README" else page(name), FOLDER / f"{name}.md"
    if request.config.getoption("--update-golden"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(text)

    assert file.read_text() == text, "pytest --update-golden tests/metrics/test_metric_pages.py"


@pytest.mark.parametrize("name", OWN)
def test_every_metric_says_what_it_measures_why_it_can_mislead_and_how_it_is_defined(name):
    assert {"What it measures", "Why it can mislead", "Definition"} <= sections(name).keys()


def test_no_page_is_left_of_a_metric_that_is_gone():
    assert {file.stem for file in FOLDER.glob("*.md")} == {*OWN, "README"}
