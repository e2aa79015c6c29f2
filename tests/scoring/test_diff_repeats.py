"""`diff` on real features, many times: two halves of one set hardly ever differ, a worse JPEG quality is seen."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganeval.metrics import METRICS
from ganeval.metrics.difference import set_differences
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.scoring.compare import compare
from ganeval.sources.resolve import open_source
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

REPEATS = 100


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """(1797, 1280) features of all digits; the network runs once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANEVAL_CACHE", str(tmp_path_factory.mktemp("digits")))
        return build_reference(ScoreOptions("digits:all"), ["efflite0"], Silent()).sets["efflite0"].bank.rows()


def summary(rows):
    return SetSummary(Moments.of(rows), FeatureBank.of(rows))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dim"), [("fd", 64), ("kd", 1280), ("mind", 64)])
def test_two_halves_of_one_set_are_not_told_apart(name, dim, digits):
    """A third is the reference, the rest is cut in two at random; fd needs n > d, so it sees 64 random directions."""
    directions = np.random.default_rng(0).normal(size=(1280, dim)).astype(np.float32) / 1280**0.5
    rows, metric = (digits @ directions if dim < 1280 else digits), METRICS.get(name)
    verdicts = []
    for seed in range(REPEATS):
        order = np.random.default_rng(seed).permutation(len(rows))
        real, a, b = (summary(rows[part]) for part in np.array_split(order, 3))
        estimates = (metric.evaluate(real, a)[name], metric.evaluate(real, b)[name])
        verdicts.append(set_differences(metric, real, a, b, {name: estimates}, None)[name].verdict)

    counts = {v: verdicts.count(v) for v in sorted(set(verdicts))}
    print(name, counts)  # noqa: T201 - figures for the reader
    assert counts.get("no difference detected", 0) >= 93, counts


@pytest.mark.slow
@pytest.mark.data
def test_a_worse_jpeg_quality_is_seen(tmp_path):
    """1500 photos of CIFAR-10, n > d = 1280, re-encoded at quality 95 and 40, against the originals."""
    root = os.environ.get("GANEVAL_DATA")
    if not root or not (Path(root) / "cifar10-test.zip").is_file():
        pytest.skip("GANEVAL_DATA has no cifar10-test.zip")
    whole = open_source(str(Path(root) / "cifar10-test.zip"), data_root=None)
    step = len(whole) // 1500
    originals = [whole.read(step * i).decode().pixels.transpose(1, 2, 0) for i in range(1500)]
    whole.close()
    for quality in (100, 95, 40):
        images = originals if quality == 100 else [encoded(image, quality) for image in originals]
        np.save(tmp_path / f"q{quality}.npy", np.stack(images))

    options = ScoreOptions(str(tmp_path / "q95.npy"), reference=str(tmp_path / "q100.npy"), metrics="fd,kd,mind")
    for row in compare(options, str(tmp_path / "q40.npy")):
        found = row.difference
        print(row.result.key, found.delta, found.ci95, found.p, found.verdict)  # noqa: T201 - figures for the reader
        assert found.verdict == "worse", row.result.key
        assert 0.0 < found.ci95[0] < found.delta < found.ci95[1]
        assert found.paired == (row.result.key.partition("@")[0] in ("fd", "kd"))


def encoded(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))
