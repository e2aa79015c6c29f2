"""Scoring until the standard error is small enough: the same numbers as a plain score of the count it stopped at."""

import dataclasses
import json

import numpy as np
import pytest

from ganeval.cli import main as cli
from ganeval.errors import TooFewSamplesError, UsageError
from ganeval.generators.base import Generator
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.sources.arrays import ArraySource
from ganeval.sources.remembered import Remembered
from tests.conftest import TOY, ToyBackbone
from tests.one_pass import score


def draw_images(shift, log=None):
    """Image i of a seed is random and depends on (seed, i) alone."""

    def draw(indices, seed):
        if log is not None:
            log.extend(indices)
        each = [np.random.default_rng((seed, i)).integers(0, 200, (3, 8, 8)) + shift for i in indices]
        return np.stack(each).astype(np.uint8)

    return draw


def channels_last(shift, n, seed):
    return draw_images(shift)(range(n), seed).transpose(0, 2, 3, 1)


@pytest.fixture
def toy(monkeypatch):
    """The toy network under the default backbone's name, and a small first look, so that a score costs nothing."""
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.until.FIRST_LOOK", 100)
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)
    return backbone


@pytest.fixture
def real(tmp_path):
    path = tmp_path / "real.npy"
    np.save(path, channels_last(0, 600, 99))
    return path


class Told(Silent):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


def until(real, log=None, **settings):
    """Of a generator in memory, which draws as many images as are asked for."""
    subject = {"toy.gen": draw_images(20, log)}
    return ScoreOptions("toy.gen", reference=str(real), metrics="kd", engine="torch", in_memory=subject, **settings)


def test_it_stops_at_the_first_look_that_is_sure_enough(real, toy):
    reporter = Told()
    sure = [score(until(real, num_samples=n)).results[0].stderr for n in (100, 200, 400, 800)]
    outcome = score(until(real, num_samples=800, until_se=1.001 * sure[2]), reporter)
    (row,) = outcome.results

    assert row.n_fake == 400
    assert row.stderr == pytest.approx(sure[2])
    assert row.stderr <= 1.001 * sure[2] < sure[1]
    assert "reached at look 3 of at most 4, n = 400" in row.note
    facts = row.provenance["sequential"]
    assert (facts["reached"], facts["looks"], facts["n"], facts["planned"]) == (True, 3, 400, [100, 200, 400, 800])
    assert len(reporter.messages) == 3


def test_the_row_is_that_of_a_plain_score_of_its_count(real, toy):
    """Same images, same number, same fingerprint: anyone can repeat it with --num-samples."""
    (whole,) = score(until(real, num_samples=800)).results
    stopped = score(until(real, num_samples=800, until_se=0.15 * whole.value)).results[0]
    plain = score(until(real, num_samples=stopped.n_fake)).results[0]

    assert 100 < stopped.n_fake < 800
    assert stopped.fingerprint == plain.fingerprint
    assert (stopped.value, stopped.ci95, stopped.floor) == (plain.value, plain.ci95, plain.floor)
    assert stopped.stderr <= 0.15 * whole.value


def test_no_image_is_drawn_or_put_through_the_network_twice(real, toy):
    log = []
    outcome = score(until(real, num_samples=800, until_se=1e-12, cache=False, log=log))

    assert outcome.results[0].n_fake == 800
    assert toy.seen == 800 + 600, "800 generated images and the whole reference, once each"
    # A block of 64 that a look cuts in two may be drawn again for the images of the next look.
    assert len(log) <= 800 + 64 * 5
    assert outcome.summary.computed["efflite0"] == 800


def test_a_target_out_of_reach_is_said_to_be(real, toy):
    (row,) = score(until(real, num_samples=200, until_se=1e-12)).results

    assert "SE <= 1e-12 not reached at look 2 of at most 2, n = 200" in row.note
    assert row.provenance["sequential"]["reached"] is False


def test_a_set_is_looked_at_in_seeded_subsets(real, toy, tmp_path):
    path = tmp_path / "fake.npy"
    np.save(path, channels_last(20, 300, 5))
    options = dataclasses.replace(until(real, until_se=1e-12, seed=3), subject=str(path), metrics="fd")
    (row,) = score(options).results
    (plain,) = score(dataclasses.replace(options, until_se=None, num_samples=300)).results

    assert row.provenance["sequential"]["planned"] == [100, 200, 300]
    assert (row.fingerprint, row.n_real) == (plain.fingerprint, 300)
    assert row.value == pytest.approx(plain.value, rel=1e-12)


def test_every_named_metric_must_be_sure(real, toy):
    options = dataclasses.replace(until(real, num_samples=400, until_rel=0.1), metrics="fd,kd,precision")
    rows = score(options).results
    alone = score(dataclasses.replace(options, metrics="fd")).results[0]

    assert len({row.n_fake for row in rows}) == 1
    assert rows[0].n_fake >= alone.n_fake


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"metrics": None, "until_se": 1.0}, "add --metrics"),
        ({"until_se": 0.0}, "above 0"),
        ({"until_rel": 1.0}, "at most 10%, as in 1% or 0.01; got 1.0"),
        ({"until_rel": 0.11}, "biases it upwards"),
        ({"until_rel": 0.0}, "above 0"),
        ({"until_rel": 0.1, "until_se": 1.0}, "two rules"),
        ({"metrics": "kd_classic", "until_se": 1.0}, "no standard error"),
        ({"metrics": "fd,kd", "until_se": 1.0}, "several"),
        ({"metrics": "fd,psnr", "paired": "x", "until_rel": 0.1}, "Drop --paired"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused_before_anything_is_read(settings, said):
    options = ScoreOptions("nowhere", reference="nowhere", metrics="fd")

    with pytest.raises(UsageError, match=said):
        score(dataclasses.replace(options, **settings))


def test_a_set_no_larger_than_the_first_look_is_refused(real, toy):
    with pytest.raises(TooFewSamplesError, match="looks first at 100 images"):
        score(until(real, num_samples=100, until_se=1.0))


def test_the_command_line_takes_a_share_in_percent(real, toy, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("fake.npy", channels_last(40, 500, 5))
    cli.main(["score", "fake.npy", "--reference", str(real), "--metrics", "kd", "--until-rel", "10%", "--json", "-"])
    out = capsys.readouterr()
    (row,) = json.loads(out.out)["rows"]

    assert row["stderr"] <= 0.10 * row["value"]
    assert "SE of kd@efflite0" in out.err
    assert "asked for: SE <= 10% of the value" in out.err
    with pytest.raises(SystemExit) as stop:
        cli.main(["score", "fake.npy", "--reference", str(real), "--metrics", "kd", "--until-rel", "much"])
    assert stop.value.code == 2


def test_a_remembered_source_reads_each_image_once_and_decodes_on_demand():
    class Counting(ArraySource):
        reads = 0

        def read(self, index):
            self.reads += 1
            return super().read(index)

    source = Counting(channels_last(0, 5, 1), "s")
    remembered = Remembered(source)
    first, again = remembered.read(3), remembered.read(-2)

    assert source.reads == 1
    assert first.digest == again.digest
    assert np.array_equal(again.decode().pixels, first.decode().pixels)
    assert source.reads == 2


def test_a_row_of_one_training_seed_says_that_its_interval_leaves_training_out(real, toy, monkeypatch):
    (unknown,) = score(until(real, num_samples=100)).results
    facts = {"recipe": "dcgan.digits-cpu", "training_seed": 3}
    drawer = Generator("toy.gen", draw=lambda only: draw_images(20), facts=facts)
    monkeypatch.setattr("ganeval.generators.external.from_memory", lambda options: drawer)
    (trained,) = score(until(real, num_samples=100)).results

    assert "one training seed: the interval leaves out how seeds of the recipe differ" in trained.note
    assert "training seed" not in unknown.note
    assert trained.ci95 == unknown.ci95
