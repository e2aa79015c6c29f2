"""No code outside `ganeval/metrics` decides by the name of a metric: it asks the declaration."""

import ast
from pathlib import Path

import pytest

from ganeval.metrics import METRICS
from ganeval.metrics.keys import aliases, output_owners

ROOT = Path(__file__).parents[2]
NAMES = {*METRICS.names(), *aliases(), *output_owners()} - {"precision"}  # also an option
# Files whose subject is numbers of other tools, which have the same names.
OTHERS = {
    "ganeval/bench/peers.py": "fid and is as other tools print them",
    "ganeval/bench/scoring.py": "the same",
    "ganeval/bench/torchmetrics_loop.py": "the same",
    "ganeval/cli/bench.py": "the same",
    "ganeval/compat/torch_fidelity.py": "arguments of torch-fidelity's function",
    "ganeval/explain/pixels.py": "PSNR and SSIM of other tools",
    "ganeval/summaries/peer_files/import_statistics.py": "a key of EDM2's files",
    "ganeval/cli/views.py": "a key of the JSON of `sample --views`",
    "ganeval/report/runs.py": "a probability density",
}


def deciding(tree):
    """Strings that code compares with, looks up by or lists, with their lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left, _, others):
                parts = [left, *others]
            case ast.Dict(keys, _):
                parts = keys
            case ast.Subscript(_, key):
                parts = [key]
            case ast.Set(parts) | ast.List(parts) | ast.Tuple(parts):
                pass
            case ast.MatchValue(value):
                parts = [value]
            case _:
                continue
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.lineno, part.value


def found_in(text):
    return [(line, value) for line, value in deciding(ast.parse(text)) if value.partition("@")[0] in NAMES]


def test_metrics_are_known_by_their_declarations():
    files = [path for path in (ROOT / "ganeval").rglob("*.py") if "ganeval/metrics/" not in path.as_posix()]
    found = {path.relative_to(ROOT).as_posix(): found_in(path.read_text(encoding="utf-8")) for path in files}
    by_name = {name: places for name, places in found.items() if places}

    assert not {name: places for name, places in by_name.items() if name not in OTHERS}, "make it a trait in metrics/"
    assert set(OTHERS) <= set(by_name), "a file without names needs no line here"


@pytest.mark.parametrize(
    "text",
    ['x == "fd"', 'y["kd@efflite0"]', '{"psnr": 1}', 'name in ("ssim", "other")', 'match m:\n case "lpips": pass'],
)
def test_a_decision_by_name_is_found(text):
    assert found_in(text)
