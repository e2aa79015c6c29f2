"""Whole estimates are pinned: value, debiased value, standard error, interval, and the words about them.

A method and a note are what a reader knows of a number, and the gate and the boards read them too: a changed word or
digit here is a changed row. `pytest tests/metrics/test_estimates.py --update-golden` rewrites the file; review it.
"""

import json

import numpy as np
import pytest

from ganeval.errors import DataError
from ganeval.metrics import METRICS
from ganeval.metrics.base import SetMetric
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests.conftest import GOLDEN

FILE = GOLDEN / "estimates.json"


def rows(n, d, seed, shift=0.0, scale=1.0):
    """Uniform-looking rows from a formula, not from a generator whose stream may change."""
    i, j = np.meshgrid(np.arange(n), np.arange(d), indexing="ij")
    noise = np.abs(np.sin(12.9898 * i + 78.233 * j + 37.719 * seed) * 43758.5453) % 1.0
    return (scale * noise + shift).astype(np.float32)


def summary(features, bank=True, classes=3, counted=True):
    labels = tuple("abcdefgh"[k % classes] for k in range(len(features)))
    kept = FeatureBank.of(features) if bank else None
    return SetSummary(Moments.of(features), kept, FeatureBank.of(features[:, :5] * 4), labels, counted)


def sides(n, m, d=6, shift=0.3, **real):
    return summary(rows(n, d, 1), **real), summary(rows(m, d, 2, shift, 1.2))


def near_classes(n, seed, apart=0.55):
    """Rows around three corners, near enough for some to be taken for another class."""
    features = rows(n, 6, seed)
    for k in range(n):
        features[k, k % 3] += apart
    return features


def dead(n, seed):
    """Forty dimensions, of which five vary, like ReLUs that never fire."""
    return np.concatenate([rows(n, 5, seed, 0.2 * seed), np.zeros((n, 35), dtype=np.float32)], axis=1)


def one_differs(n):
    """All images alike but the first: an entropy within two standard errors of none."""
    features = np.ones((n, 6), dtype=np.float32)
    features[0, 0] = 3.0
    return features


SPECIAL = {
    "fd": ("fd", sides(90, 70), {}),
    "fd, alike": ("fd", sides(90, 90, shift=-0.1), {}),
    "fd, reference of moments": ("fd", sides(90, 70, bank=False), {}),
    "fd, reference not counted": ("fd", sides(90, 70, counted=False), {}),
    "fd, generated set of moments": ("fd", sides(90, 70)[::-1], {"fake_bank": False}),
    "fd, few rows and a reference not counted": ("fd", sides(40, 11, 12, counted=False), {}),
    "fd, few rows, generated set of moments": ("fd", sides(11, 40, 12)[::-1], {"fake_bank": False}),
    "fd, few rows, reference of moments": ("fd", sides(5, 8, 12, bank=False), {}),
    "fd, few rows on both sides": ("fd", sides(9, 8, 12), {}),
    "fd, few reference rows": ("fd", sides(9, 70, 12), {}),
    "fd, few generated rows": ("fd", sides(90, 8, 12), {}),
    "fd, as many rows as dimensions": ("fd", sides(40, 40, 40), {}),
    "fd, one row too few": ("fd", sides(100, 44, 40), {}),
    "fd, just enough rows": ("fd", sides(100, 45, 40), {}),
    "fd, fewer rows than dimensions, of which few vary": ("fd", (summary(dead(30, 1)), summary(dead(35, 2))), {}),
    "fd, nineteen images": ("fd", sides(90, 19), {}),
    "fd, twenty images": ("fd", sides(20, 90), {}),
    "fd_per_class": ("fd_per_class", sides(40, 30), {}),
    "fd_per_class, few rows": ("fd_per_class", sides(16, 13, 9), {}),
    "kd": ("kd", sides(50, 40), {}),
    "kd, alike": ("kd", sides(50, 40, shift=-0.1), {}),
    "kd, nineteen images": ("kd", sides(19, 40), {}),
    "kd_classic": ("kd_classic", sides(50, 40), {"subsets": 4, "subset_size": 20}),
    "cmmd": ("cmmd", sides(50, 40, shift=2.0), {}),
    "cmmd, nineteen images": ("cmmd", sides(50, 19), {}),
    "mind": ("mind", sides(50, 40), {"projections": 140}),
    "mind, alike": ("mind", sides(40, 40, shift=-0.1), {"projections": 140}),
    "mind, nineteen images": ("mind", sides(19, 40), {"projections": 140}),
    "prdc": ("prdc", sides(520, 500, 4, 0.05), {}),
    "prdc, too few for an interval": ("prdc", sides(500, 499, 4, 0.05), {}),
    "prdc, equal counts": ("prdc", sides(30, 30, 4, 0.05), {}),
    "prdc, far, other counts": ("prdc", sides(510, 500, 4, 9.0), {}),
    "prdc, far": ("prdc", sides(500, 500, 4, 9.0), {}),
    "clipped": ("clipped", sides(50, 40, 4, 0.05), {}),
    "authpct": ("authpct", sides(50, 40, 4, 0.05), {}),
    "cs": ("cs", sides(50, 61), {}),
    "cs, nineteen images": ("cs", sides(50, 19), {}),
    "cs, one image differs": ("cs", (None, summary(one_differs(61))), {}),
    "cs_classic": ("cs_classic", sides(50, 61), {}),
    "vendi": ("vendi", sides(50, 61), {}),
    "vendi, one image differs": ("vendi", (None, summary(one_differs(61))), {}),
    "vendi, twice as many images as dimensions": ("vendi", sides(50, 24, 12), {}),
    "vendi, nineteen images": ("vendi", sides(50, 19), {}),
    "agreement": ("agreement", (summary(near_classes(90, 1)), summary(near_classes(60, 2))), {}),
    "agreement, some of the reference": (
        "agreement",
        (summary(near_classes(90, 1)), summary(near_classes(60, 2))),
        {"most": 30, "held_out": 3},
    ),
    "agreement, none held out": ("agreement", (summary(near_classes(12, 1, 3)), summary(near_classes(12, 2))), {}),
}
# Every metric of sets has these three, so that an added one needs no line here.
SETS = [name for name in METRICS if isinstance(METRICS.get(name), SetMetric)]
PLAIN = {name: (name, sides(50, 40), {}) for name in SETS}
CONSTANT = {
    f"{name}, constant": (name, (summary(np.ones((60, 6))), summary(np.ones((60, 6)))), {"projections": 20})
    for name in SETS
}
ITSELF = {
    f"{name}, itself": (name, (summary(rows(60, 6, 1)), summary(rows(60, 6, 1))), {"projections": 20}) for name in SETS
}
PINNED = PLAIN | SPECIAL | CONSTANT | ITSELF


def evaluated(case):
    """Output name -> what a row would say of it, plain JSON; under "refused" why there is none."""
    name, (real, fake), changed = PINNED[case]
    changed = dict(changed)
    if not changed.pop("fake_bank", True):
        fake = SetSummary(fake.moments, None, fake.logits, fake.labels)
    metric = METRICS.get(name)
    params = dict(metric.params) | {key: value for key, value in changed.items() if key in metric.params}
    try:
        found = metric.compute(real, fake, params)
    except DataError as error:
        return {"refused": {"note": str(error)}}
    return {
        output: {
            "value": e.value,
            "debiased": e.debiased,
            "stderr": e.stderr,
            "ci95": None if e.ci95 is None else list(e.ci95),
            "method": e.method,
            "note": e.note,
        }
        for output, e in found.items()
    }


@pytest.mark.parametrize("case", PINNED)
def test_an_estimate_is_pinned_with_its_uncertainty_and_its_words(case, request):
    found = evaluated(case)
    if request.config.getoption("--update-golden"):
        table = json.loads(FILE.read_text()) | {case: found}
        FILE.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    expected = json.loads(FILE.read_text())[case]

    assert list(found) == list(expected)
    for output, row in found.items():
        for field, there in expected[output].items():
            if isinstance(there, str) or there is None:
                assert row[field] == there, f"{output}: {field}"
            else:
                assert row[field] == pytest.approx(there, rel=1e-6, abs=1e-11), f"{output}: {field}"


def test_no_pinned_estimate_is_left_over_and_every_set_metric_has_one():
    assert set(json.loads(FILE.read_text())) == set(PINNED)


@pytest.mark.parametrize("name", [n for n in METRICS if getattr(METRICS.get(n), "of_rows", None)])
@pytest.mark.parametrize(("n", "m", "d"), [(40, 30, 6), (10, 9, 30), (30, 10, 30), (10, 30, 30)])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_the_value_of_rows_is_the_value_of_their_summaries(name, n, m, d, scale):
    """What the noise floor is made of is the metric itself: also with fewer rows than dimensions."""
    metric = METRICS.get(name)
    real, fake = rows(n, d, 1, 0.0, scale), rows(m, d, 2, 0.3 * scale, scale)
    params = dict(metric.params) | ({"projections": 140} if "projections" in metric.params else {})
    expected = {output: e.value for output, e in metric.compute(summary(real), summary(fake), params).items()}

    assert metric.of_rows(real, fake, params) == pytest.approx(expected, rel=1e-9)
