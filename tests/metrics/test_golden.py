"""Pinned values of every registered metric: a changed number under an unchanged fingerprint is a failure.

`source` names the outside tool that gives the same number on the same input (test_set_metrics.py and
test_psnr_ssim.py compare with it directly), or the definition where no tool has the metric.
"""

import json

import numpy as np
import pytest
import torch

from ganeval.metrics import METRICS
from ganeval.metrics.base import PixelMetric, SetMetric
from ganeval.results.protocol import Protocol
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests.conftest import GOLDEN


def summary(n, seed, shift, learnable=False):
    """Rows from a formula, not from a generator whose stream may change."""
    i, j = np.meshgrid(np.arange(n), np.arange(10), indexing="ij")
    rows = np.abs(np.sin(1.7 * i * (j + 1) + seed) + 0.5 * np.cos(0.3 * i + j) + shift).astype(np.float32)
    # every other row for distances; classes that a classifier can learn where it must be above chance
    labels = tuple("ab"[int(rows[k, 0] > 0.8) if learnable else k % 2] for k in range(n))
    return SetSummary(Moments.of(rows), FeatureBank.of(rows), FeatureBank.of(rows[:, :6] * 3), labels)


def image(seed):
    y, x = torch.meshgrid(torch.arange(176.0), torch.arange(180.0), indexing="ij")
    planes = [127.5 + 100 * torch.sin(x / (5 + c) + seed) * torch.cos(y / (7 + c)) for c in range(3)]
    return torch.stack(planes)[None].to(torch.float64).numpy()


def values(name):
    metric = METRICS.get(name)
    params = dict(metric.params)
    if isinstance(metric, SetMetric):
        params |= {key: value for key, value in {"subsets": 5, "subset_size": 20}.items() if key in params}
        real, fake = (summary(*facts, learnable=name == "agreement") for facts in ((60, 0.0, 0.0), (50, 0.4, 0.2)))
        estimates = metric.compute(real, fake, params)
        return {key: estimate.value for key, estimate in estimates.items()}
    return {metric.output.name: float(metric.compute(image(0.05), image(0.0), params)[0])}


NAMES = [name for name in METRICS if isinstance(METRICS.get(name), SetMetric | PixelMetric)]


@pytest.mark.parametrize("name", NAMES)
def test_values_are_pinned(name, golden):
    for key, value in values(name).items():
        golden("metrics", key, value)


def test_every_golden_value_names_its_source_and_its_fingerprint():
    table = json.loads((GOLDEN / "metrics.json").read_text())

    for name, entry in table.items():
        metric = next(METRICS.get(n) for n in NAMES if name.partition(":")[0] in _outputs(METRICS.get(n)))
        protocol = Protocol(name, metric.version, dict(metric.params))

        assert entry["source"]
        assert entry.get("fingerprint") == protocol.fingerprint, (
            f"{name}: params or version changed; raise both knowingly"
        )


def _outputs(metric):
    return {o.name for o in metric.outputs} if isinstance(metric, SetMetric) else {metric.output.name}
