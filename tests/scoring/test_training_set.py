"""`--train`: what metrics do with the images that a generator was trained on, and what the rows say of them."""

import numpy as np
import pytest

import ganeval
from ganeval.errors import DataError, TooFewSamplesError, UsageError
from ganeval.metrics import METRICS
from ganeval.metrics.base import SetMetric
from ganeval.metrics.likelihood import likelihood_score
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from ganeval.summaries.reference_file import save_reference
from tests import oracles

SETS = {name: metric for name in METRICS if isinstance(metric := METRICS.get(name), SetMetric)}
TRAINED = [name for name, metric in SETS.items() if metric.training is not None]
SHA = "0123456789abcdef" * 4


def rows(n, seed, shift=0.0, d=5):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def summary(features):
    return SetSummary(Moments.of(features), FeatureBank.of(features))


@pytest.fixture
def sets(make_folder):
    """Folders with pictures of their own: generated, training, held out."""
    return (
        make_folder("fake", 9, seed=1, darken=2),
        make_folder("train", 14, seed=2),
        make_folder("real", 12, seed=3),
    )


# ---- the declarations


@pytest.mark.parametrize("name", TRAINED)
def test_a_metric_with_its_training_set_is_a_metric_whose_parameters_name_the_set(name):
    metric, train = SETS[name], summary(rows(40, 1))
    bound = metric.trained_on(train, SHA, reference=True)
    real, fake = summary(rows(30, 2)), summary(rows(30, 3, 0.2))
    by_rows = bound.of_rows(real.bank.rows(), fake.bank.rows(), bound.params)

    assert bound.params == {**metric.params, "train": "0123456789abcdef: 40 images"}
    assert {output: estimate.value for output, estimate in bound.evaluate(real, fake).items()} == by_rows
    assert bound.evaluate(real, fake) != metric.evaluate(real, fake)
    assert metric.params.get("train") is None


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_set_that_cannot_be_used_is_refused(name):
    metric, few = SETS[name], summary(rows(SETS[name].training.min_n - 1, 1))

    with pytest.raises(TooFewSamplesError, match=rf"{name} needs at least {metric.training.min_n} training images"):
        metric.trained_on(few, SHA, reference=True)
    with pytest.raises(DataError, match="training set is known by its moments only"):
        metric.trained_on(SetSummary(Moments.of(rows(20, 1))), SHA, reference=True)


@pytest.mark.parametrize("name", [name for name in SETS if name not in TRAINED])
def test_other_metrics_stay_as_they_are(name):
    assert SETS[name].trained_on(summary(rows(20, 1)), SHA, reference=True) is SETS[name]


@pytest.mark.parametrize("name", TRAINED)
def test_copies_of_training_images_are_told_from_fresh_ones(name):
    train, real = rows(80, 1, d=3), rows(40, 2, d=3)
    metric = SETS[name].trained_on(summary(train), SHA, reference=True)
    copies, fresh = summary(train[::2] + np.float32(1e-4)), summary(rows(40, 4, d=3))
    [found], [expected] = (metric.evaluate(summary(real), fake).values() for fake in (copies, fresh))

    assert found.value < 0.7 * expected.value, "higher is better: a generator that copies is found out"


def test_authpct_with_a_training_set_is_that_against_it():
    train, fake = rows(40, 1), rows(25, 2)
    metric = METRICS.get("authpct").trained_on(summary(train), SHA, reference=False)

    assert not metric.reference
    assert metric.evaluate(None, summary(fake))["authpct"].value == oracles.authpct(train, fake)


def test_fls_with_a_training_set_is_dgm_evals_of_its_two_halves():
    """dgm-eval: train and baseline from the training set, the test set as it is. All images are used."""
    train, real, fake = rows(40, 1).astype(float), rows(20, 2).astype(float), rows(20, 3, 0.3).astype(float)
    metric = METRICS.get("fls")
    order = np.random.default_rng(metric.params["seed"]).permutation(40)
    parts = train[np.sort(order[:20])], train[np.sort(order[20:])], real, fake
    bound = metric.trained_on(summary(train.astype(np.float32)), SHA, reference=True)
    found = bound.evaluate(*(summary(x.astype(np.float32)) for x in (real, fake)))["fls"]

    assert found.value == pytest.approx(likelihood_score(*parts), rel=1e-12)
    assert found.value == pytest.approx(oracles.feature_likelihood(*parts), rel=1e-8)
    assert "two parts of 20 training images, 20 reference and 20 generated images" in found.note


# ---- a score


def test_each_metric_takes_the_set_that_it_compares_with_and_rows_name_it(sets):
    fake, train, real = sets
    given = {"metrics": "fd@pixels,authpct@pixels,fls@pixels", "engine": "torch"}
    scores = {row.key: row for row in ganeval.score(fake, reference=real, train=train, **given)}
    plain = {row.key: row for row in ganeval.score(fake, reference=real, **given)}
    [alone] = ganeval.score(fake, train=train, metrics="authpct@pixels")
    [against] = ganeval.score(fake, reference=train, metrics="authpct@pixels")

    assert scores["fd@pixels"].fingerprint == plain["fd@pixels"].fingerprint
    assert scores["authpct@pixels"].value == alone.value == against.value
    assert scores["authpct@pixels"].fingerprint != plain["authpct@pixels"].fingerprint
    assert scores["fls@pixels"].value != plain["fls@pixels"].value
    for key in ("authpct@pixels", "fls@pixels"):
        assert scores[key].protocol.params["train"].endswith(": 14 images")
        assert scores[key].n_real == 12
    assert alone.n_real is None
    assert "train" not in plain["fls@pixels"].protocol.params


def test_the_noise_floor_of_authpct_is_that_of_held_out_images(sets):
    fake, train, real = sets
    [row] = ganeval.score(fake, reference=real, train=train, metrics="authpct@pixels")
    [itself] = ganeval.score(real, train=train, metrics="authpct@pixels")

    assert row.floor is not None
    assert abs(row.floor - itself.value) <= 50
    assert row.floor_n == 6


def test_num_samples_leaves_the_training_set_whole(sets):
    fake, train, _ = sets
    [row] = ganeval.score(fake, train=train, metrics="authpct@pixels", n=4)

    assert row.n_fake == 4
    assert row.protocol.params["train"].endswith(": 14 images")


def test_a_training_set_without_named_metrics_runs_those_that_take_one(sets):
    fake, train, real = sets
    alone = ganeval.score(fake, train=train).dict()
    both = ganeval.score(fake, reference=real, train=train).dict()

    assert "authpct@efflite0" in alone
    assert "fls@efflite0" not in alone
    assert {"authpct@efflite0", "fls@efflite0", "fd@efflite0"} <= set(both)


def test_an_evaluator_reads_the_training_set_once_and_takes_batches(sets):
    from PIL import Image

    fake, train, real = sets
    batch = [Image.open(path) for path in sorted(fake.iterdir())]
    with ganeval.Evaluator(reference=real, train=train, metrics="authpct@pixels,fls@pixels") as evaluator:
        scores = evaluator.score(batch)
        evaluator.update(batch)
        again = evaluator.compute()

    assert again.dict() == scores.dict()
    assert [row.fingerprint for row in again] == [row.fingerprint for row in scores]


def test_images_in_memory_and_statistics_files_are_training_sets(sets, tmp_path):
    from PIL import Image

    fake, train, _ = sets
    given = {"metrics": "authpct@pixels", "engine": "torch"}
    [expected] = ganeval.score(fake, train=train, **given)
    [memory] = ganeval.score(fake, train=[Image.open(path) for path in sorted(train.iterdir())], **given)
    file = tmp_path / "train.safetensors"
    build(train, file)
    [stored] = ganeval.score(fake, train=file, **given)

    assert memory.value == stored.value == expected.value
    assert stored.fingerprint == expected.fingerprint


def build(folder, file):
    options = ScoreOptions(str(folder), engine="torch")
    save_reference(file, build_reference(options, ["pixels"], Silent()), features=True)


def test_the_reference_that_is_the_training_set_is_told_of(sets):
    fake, train, _ = sets
    rows = {
        row.key: row for row in ganeval.score(fake, reference=train, train=train, metrics="authpct@pixels,fd@pixels")
    }

    assert "the reference images are the training images themselves" in rows["authpct@pixels"].note
    assert "training" not in rows["fd@pixels"].note
    [copied] = ganeval.score(train, train=train, metrics="authpct@pixels")
    assert copied.value == 0.0
    assert "the generated images are the training images themselves" in copied.note


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": "fd@pixels", "reference": 2}, r"none of fd@pixels takes a training set.*authpct or fls"),
        ({"metrics": "fls@pixels"}, r"A reference set is needed for fls@pixels"),
        ({"metrics": "fls@pixels,authpct@pixels"}, r"A reference set is needed for fls@pixels\. "),
        ({"metrics": "psnr", "paired": 0}, r"none of psnr takes a training set"),
    ],
)  # fmt: skip
def test_a_training_set_that_nothing_takes_is_refused(sets, options, words):
    given = {key: sets[value] if isinstance(value, int) else value for key, value in options.items()}

    with pytest.raises(UsageError, match=words):
        ganeval.score(sets[0], train=sets[1], **given)


def test_a_missing_or_small_training_set_is_refused_before_anything_runs(sets, make_folder, tmp_path):
    with pytest.raises(DataError, match=r"nowhere.*does not exist"):
        ganeval.score(sets[0], train=tmp_path / "nowhere", metrics="authpct@pixels")
    with pytest.raises(TooFewSamplesError, match="fls@pixels needs at least 4 training images; got 3"):
        ganeval.score(sets[0], reference=sets[2], train=make_folder("few", 3), metrics="fls@pixels")
    with pytest.raises(UsageError, match=r"train.*not given"):
        ganeval.score(sets[0], reference=sets[2], match={"train": "*.png"}, metrics="fd@pixels")


def test_a_glob_picks_from_the_training_set(sets):
    fake, train, _ = sets
    [row] = ganeval.score(fake, train=train, match={"train": "0000*.png"}, metrics="authpct@pixels")
    names = [path.name for path in train.iterdir() if path.name.startswith("0000")]

    assert row.protocol.params["train"].endswith(f": {len(names)} images")
    assert 2 <= len(names) < 14
