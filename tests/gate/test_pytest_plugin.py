"""The pytest plugin in a project of its own: passes the good generator, fails the regressed one, and weighs nothing."""

import importlib.metadata
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from ganeval.cli import main as cli

GENERATOR = '''
import torch


class Strokes(torch.nn.Module):
    """Bright bars whose place follows from the latent; a regressed one has lost half of their contrast."""

    def __init__(self, contrast):
        super().__init__()
        self.contrast = contrast
        self.places = torch.nn.Parameter(torch.arange(28.0), requires_grad=False)

    def forward(self, z):
        centre = 14 + 6 * z[:, :1, None]
        bar = torch.exp(-((self.places[None, :, None] - centre) ** 2) / 8) * torch.ones(1, 1, 28)
        return (self.contrast * bar)[:, None].clamp(0, 1).repeat(1, 3, 1, 1)
'''

TESTS = """
import sys

import pytest

TORCH_AT_COLLECTION = "torch" in sys.modules


def test_pytest_started_without_torch():
    assert not TORCH_AT_COLLECTION


def test_good(ganeval_quality):
    from generator import Strokes

    network = Strokes(1.0).train()
    report = ganeval_quality(network, n=24, latent_dim=4, value_range="0..1", engine="torch")
    assert report.verdict == "pass"
    assert network.training


def test_regressed(ganeval_quality):
    from generator import Strokes

    ganeval_quality(Strokes(0.4), n=24, latent_dim=4, value_range="0..1", engine="torch")


def test_assert_quality_takes_samples_too():
    from generator import Strokes
    from ganeval.pytest_plugin import QualityError, assert_quality
    import torch

    samples = Strokes(0.4)(torch.randn(24, 4, generator=torch.Generator().manual_seed(5)))
    with pytest.raises(QualityError, match="kd@efflite0") as caught:
        assert_quality(samples, baseline="base.jsonl", rules="gates.toml", value_range="0..1", engine="torch")
    assert caught.value.report.exit_code == 4


def test_beside_benchmark(benchmark):
    benchmark(sum, range(100))
"""

INI = "[pytest]\nganeval_baseline = base.jsonl\nganeval_rules = gates.toml\nfilterwarnings = error\n"


def bars(seed):
    """24 images (n, h, w, 3) of the good generator, with other latents than any gate draws."""
    centres = 14 + 6 * np.random.default_rng(seed).standard_normal((24, 1))
    bar = np.exp(-((np.arange(28) - centres) ** 2) / 8)
    return np.rint(255 * bar).astype(np.uint8)[:, :, None, None].repeat(28, 2).repeat(3, 3)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a generator, a baseline that `gate init` wrote, and its tests; and how to run pytest in it."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "generator.py").write_text(GENERATOR)
    (folder / "test_generator.py").write_text(TESTS)
    (folder / "pytest.ini").write_text(INI)
    for name, seed in (("old.npy", 99), ("real.npy", 98)):
        np.save(folder / name, bars(seed))
    environment = {**os.environ, "GANEVAL_CACHE": str(folder / "cache"), "COLUMNS": "120"}
    init = ["gate", "init", "old.npy", "--baseline", "base.jsonl", "--reference", "real.npy"]
    with pytest.MonkeyPatch.context() as here:  # a process less to start
        here.chdir(folder)
        here.setenv("GANEVAL_CACHE", environment["GANEVAL_CACHE"])
        cli.main([*init, "--metrics", "kd", "--num-samples", "24", "--engine", "torch"])
    registered = any(e.value == "ganeval.pytest_plugin" for e in importlib.metadata.entry_points(group="pytest11"))
    plugin = [] if registered else ["-p", "ganeval.pytest_plugin"]

    def run(*arguments):
        command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return folder, run


def test_the_good_generator_passes_the_regressed_one_fails_and_the_table_is_shown(project):
    folder, run = project

    done = run("--junitxml", "junit.xml", "--benchmark-disable-gc", "--benchmark-max-time=0.01")

    assert "1 failed, 4 passed" in done.stdout, done.stdout + done.stderr
    assert "FAILED test_generator.py::test_regressed" in done.stdout
    failure = done.stdout.partition("= FAILURES =")[2]
    assert "gate fail: Strokes against old.npy" in failure
    assert "margin" in failure
    passed = done.stdout.partition("= ganeval gates =")[2]
    assert "gate pass: Strokes against old.npy" in passed
    properties = ET.parse(folder / "junit.xml").getroot().iter("property")
    assert [p.get("name") for p in properties] == ["ganeval gate", "ganeval gate"]


def test_the_plugin_is_an_entry_point_of_the_package():
    import tomllib
    from pathlib import Path

    table = tomllib.loads((Path(cli.__file__).parents[2] / "pyproject.toml").read_text())

    assert table["project"]["entry-points"]["pytest11"] == {"ganeval": "ganeval.pytest_plugin"}


@pytest.mark.slow
def test_the_benchmark_gate_of_pytest_benchmark_works_beside_it(project):
    """A second run against the first one's timings, with a limit that nothing breaks, and the quality gate in both."""
    _, run = project
    chosen = ["-k", "good or benchmark", "--benchmark-max-time=0.01"]

    first = run(*chosen, "--benchmark-save=base")
    second = run(*chosen, "--benchmark-compare", "--benchmark-compare-fail=median:100000%")

    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 0, second.stdout + second.stderr
    assert "gate pass" in second.stdout
