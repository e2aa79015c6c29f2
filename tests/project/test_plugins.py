"""Another package adds a metric, a backbone and a data set by entry points; what it breaks, it breaks alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganeval.errors import DataError, UsageError
from ganeval.metrics import METRICS
from ganeval.metrics.psnr import PSNR
from ganeval.registry import Entry, Registry

SAMPLE = Path(__file__).parents[1] / "sample_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that the sample package was installed into, without network."""
    folder = tmp_path_factory.mktemp("plugins")
    source = shutil.copytree(SAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run(
        [*pip, "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", "--target", folder / "site", source],
        check=True,
        capture_output=True,
    )
    return folder


def run(installed, *arguments):
    """A command where the package is installed."""
    paths = [str(installed / "site"), str(Path(__file__).parents[2])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "GANEVAL_CACHE": str(installed / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "ganeval", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=installed)


def rows(done):
    assert done.returncode == 0, done.stderr
    return {row["key"]: row for row in json.loads(done.stdout)["rows"]}


def test_list_says_where_each_comes_from_and_what_cannot_be_used(installed):
    done = run(installed, "list", "metrics", "--json")
    packages = {entry["name"]: entry["package"] for entry in json.loads(done.stdout)}

    assert packages["mean_error"] == "ganeval-sample 1.2"
    assert {name: of for name, of in packages.items() if of != "ganeval"} == {"mean_error": "ganeval-sample 1.2"}
    for words in (
        "The metric 'psnr' of the package ganeval-sample 1.2 is left out: ganeval has a metric of that name",
        "The metric 'second_fid' of the package ganeval-sample 1.2 cannot be used: 'fid', which it prints or takes",
        "The metric 'gone' of the package ganeval-sample 1.2 cannot be used: ModuleNotFoundError",
        "The metric 'number' of the package ganeval-sample 1.2 cannot be used: it is a int",
    ):
        assert words in done.stderr
    assert "package" in run(installed, "list", "backbones").stdout.splitlines()[0]


def test_a_metric_a_backbone_and_a_data_set_of_another_package_score(installed):
    command = ("score", "stripes", "--device", "cpu", "--json", "-")
    paired = rows(run(installed, *command, "--paired", "stripes:train", "--metrics", "mean_error,psnr"))
    levels = [np.random.default_rng(seed).integers(0, 256, (40, 1, 8, 3), dtype=np.uint8) for seed in (4, 5)]
    expected = np.abs(levels[0].mean((1, 2, 3)) - levels[1].mean((1, 2, 3))).mean()

    assert paired["mean_error"]["value"] == pytest.approx(expected, rel=1e-12)
    assert paired["mean_error"]["protocol"]["params"] == {"metric_of": "ganeval-sample"}
    assert "metric_of" not in paired["psnr"]["protocol"]["params"]
    by_set = rows(run(installed, *command, "--reference", "stripes:train", "--metrics", "kd@means"))
    assert by_set["kd@means"]["protocol"]["params"]["backbone_of"] == "ganeval-sample"


def test_a_broken_one_stops_only_what_asks_for_it(installed):
    asked = run(installed, "score", "stripes", "--paired", "stripes:train", "--metrics", "gone")

    assert asked.returncode == 3
    assert "package ganeval-sample 1.2 cannot be used: ModuleNotFoundError" in asked.stderr
    assert "Traceback" not in asked.stderr


def registry(monkeypatch, *entries):
    monkeypatch.setattr("ganeval.registry.entries_of_packages", lambda group: list(entries))
    return Registry("metric", METRICS._table, "ganeval.metrics", "ganeval.metrics.of_packages:why_unusable")


def test_two_packages_of_one_name_are_both_left_out(monkeypatch):
    table = registry(monkeypatch, Entry("x", "a 1", "a:X"), Entry("x", "b 2", "b:X"))

    assert table.names() == METRICS.names()
    with pytest.raises(DataError, match=r"of the package a 1 and b 2 is left out: 2 are called so"):
        table.get("x")
    assert "x" in table
    assert table.get("psnr") is PSNR


@pytest.mark.parametrize("name", ["X", "a@b", "", "a:b", "ü", "a" * 65])
def test_a_name_that_no_key_can_have_is_left_out(monkeypatch, name):
    table = registry(monkeypatch, Entry(name, "a 1", "ganeval.metrics.psnr:PSNR"))

    assert table.names() == METRICS.names()
    assert "names are of a-z" in table.problems()[0]


def test_an_unknown_name_offers_those_that_can_be_used():
    with pytest.raises(UsageError, match="Did you mean 'psnr'"):
        METRICS.get("psnrr")


def test_a_module_that_exits_on_import_ends_nothing(monkeypatch, tmp_path):
    (tmp_path / "plugin_that_exits.py").write_text("raise SystemExit(5)\n")
    monkeypatch.syspath_prepend(tmp_path)
    table = registry(monkeypatch, Entry("x", "a 1", "plugin_that_exits:X"))

    assert table.problems() == [
        "The metric 'x' of the package a 1 cannot be used: SystemExit: 5. Update or uninstall the package."
    ]
