"""Nominal against actual coverage of every set metric's 95% interval: `python -m tests.benchmarks.coverage`.

Draws many pairs of sets from known laws, scores each pair with the package, and counts how often the shown interval
holds the truth. Laws: Gaussians (truth of fd in closed form) and ReLU mixtures (correlated, non-negative, clustered, as
pooled features are), at several n / d. The truth of mind, cs and vendi is the debiased value of two large sets. That of
kd and cmmd, whose estimates have no bias, is the mean of the draws; so is that of precision, recall, density and
coverage, whose intervals are of the expectation at this n. `percentile bootstrap` resamples images for fd and shows
why it is not used.

Where an interval is shown in few of the draws only (laws a little apart), those are the draws that came out far, and
`covered`, which is among the shown, says little; `missed`, the share of all draws whose shown interval does not hold
the truth, is what a user meets. It should be at most 0.05.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ganeval.metrics import METRICS
from ganeval.metrics.base import Estimate, SetMetric
from ganeval.metrics.frechet import frechet_distance
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64, Moments

Law = Callable[[np.random.Generator, int], Float64]
CLASSES = 10


def gaussian(d: int, shift: float) -> Law:
    """Diagonal covariance with a spread of two decades; the second law is wider and shifted by `shift`."""
    scale = np.geomspace(1.0, 0.1, d) * (1.0 + shift)
    return lambda rng, n: rng.normal(size=(n, d)) * scale + shift / d**0.5


def relu_mixture(d: int, shift: float) -> Law:
    """Four clusters, mixed and cut at zero."""
    mixing = np.random.default_rng(5).normal(size=(d, d)) / d**0.5
    centres, scale = np.random.default_rng(9).normal(size=(4, d)), np.linspace(0.3, 2.0, d)

    def draw(rng: np.random.Generator, n: int) -> Float64:
        rows = (rng.normal(size=(n, d)) * scale + centres[rng.integers(0, 4, n)]) @ mixing
        # The little noise keeps units that are rarely on from being constant in a small sample.
        return np.maximum(rows * (1.0 + shift) + shift, 0.0) + 1e-3 * rng.normal(size=(n, d))

    return draw


LAWS = {"gaussian": gaussian, "relu": relu_mixture}


@dataclass(frozen=True)
class Case:
    """One line of the table: metric, law, width, images a side, planted shift."""

    metric: str
    law: str
    d: int
    n: int
    shift: float


def summary(rows: Float64) -> SetSummary:
    """Features, and logits made of the first of them."""
    features = rows.astype(np.float32)
    return SetSummary(Moments.of(features), FeatureBank.of(features), FeatureBank.of(features[:, :CLASSES] * 2))


def evaluate(metric: SetMetric, real: Float64, fake: Float64) -> dict[str, Estimate]:
    """The metric with fewer directions, where it has directions."""
    params = dict(metric.params) | ({"projections": 60} if "projections" in metric.params else {})
    return metric.evaluate(summary(real), summary(fake), params)


def centre(estimate: Estimate) -> float:
    """What the interval is about."""
    return estimate.value if estimate.debiased is None else estimate.debiased


def truth(case: Case, draws: Sequence[dict[str, Estimate]]) -> dict[str, float]:
    """Output -> what the intervals should hold."""
    outputs = list(draws[0])
    if case.metric in ("prdc", "kd", "cmmd"):
        return {name: float(np.mean([centre(draw[name]) for draw in draws])) for name in outputs}
    rng, (real, fake) = np.random.default_rng(123), laws(case)
    if case.metric == "fd":
        sides = [Moments.empty(case.d), Moments.empty(case.d)]
        for _ in range(20):
            sides = [m.merge(Moments.of(law(rng, 50_000))) for m, law in zip(sides, (real, fake), strict=True)]
        return {"fd": frechet_distance(*sides)}
    size = 100_000 if case.metric in ("cs", "vendi") else 12_000
    large = evaluate(set_metric(case.metric), real(rng, size), fake(rng, size))
    return {name: centre(estimate) for name, estimate in large.items()}


def set_metric(name: str) -> SetMetric:
    """The registered metric."""
    metric = METRICS.get(name)
    if not isinstance(metric, SetMetric):
        raise TypeError(f"{name} is no set metric")
    return metric


def laws(case: Case) -> tuple[Law, Law]:
    """The reference's law and the generated one."""
    return LAWS[case.law](case.d, 0.0), LAWS[case.law](case.d, case.shift)


def run(case: Case, replicates: int) -> list[str]:
    """Lines of the table for one case."""
    started, (real, fake) = time.perf_counter(), laws(case)
    draws = []
    for replicate in range(replicates):
        rng = np.random.default_rng((replicate, case.n, case.d))
        draws.append(evaluate(set_metric(case.metric), real(rng, case.n), fake(rng, case.n)))
    expected = truth(case, draws)
    lines = []
    for name, target in expected.items():
        rows = [draw[name] for draw in draws]
        centres, plain = np.array([centre(e) for e in rows]), np.mean([e.value for e in rows])
        errors = [e.stderr for e in rows if e.stderr is not None]
        shown = [e.ci95 for e in rows if e.ci95 is not None]
        missed = sum(not low <= target <= high for low, high in shown)
        inside = 1 - missed / len(shown) if shown else float("nan")
        ratio = np.sqrt(np.mean(np.square(errors))) / centres.std() if errors else float("nan")
        lines.append(
            f"{name:<10} {case.law:<8} {case.d:>5} {case.n:>6} {case.n / case.d:>6.1f} {case.shift:>5.2f} "
            f"{target:>10.4g} {plain:>10.4g} {centres.mean():>10.4g} {centres.std():>9.3g} {ratio:>7.2f} "
            f"{len(shown) / replicates:>6.2f} {inside:>8.3f} {missed / replicates:>7.3f}"
        )
    lines[-1] += f"   {time.perf_counter() - started:.0f} s"
    return lines


def bootstrap(case: Case, replicates: int, resamples: int = 100) -> str:
    """Coverage of the percentile bootstrap of fd, for comparison."""
    (real, fake), target, inside = laws(case), truth(case, [{"fd": Estimate(0.0)}])["fd"], 0
    for replicate in range(replicates):
        rng = np.random.default_rng((replicate, case.n, case.d))
        a, b = real(rng, case.n), fake(rng, case.n)
        values = []
        for _ in range(resamples):
            x, y = (side[rng.integers(0, case.n, case.n)] for side in (a, b))
            values.append(frechet_distance(Moments.of(x), Moments.of(y)))
        low, high = np.quantile(values, [0.025, 0.975])
        inside += int(low <= target <= high)
    return f"fd, percentile bootstrap, {case.law}, d = {case.d}, n = {case.n}: covers {inside / replicates:.3f}"


def cases(quick: bool) -> list[Case]:
    """The table's lines: n/d from 1.2 to 50 for fd, two sizes and two distances for the others."""
    ratios = (1.2, 1.6, 3, 10, 50)
    found = [
        Case("fd", law, d, int(ratio * d), shift)
        for law in LAWS
        for d in ((16,) if quick else (16, 64, 256))
        for ratio in ratios[: 4 if d == 256 else 5]
        for shift in (0.0, 0.1, 0.3)
    ]
    for metric in ("kd", "cmmd", "mind", "cs", "vendi"):
        found += [
            Case(metric, "relu", d, n, shift)
            for d, n in (((16, 200),) if quick else ((16, 100), (16, 800), (64, 200), (64, 800)))
            for shift in (0.0, 0.1, 0.3)
        ]
    found += [Case("prdc", "relu", d, 500, shift) for d in (8, 16, 64) for shift in (0.0, 0.1, 0.3)]
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="only d = 16, and one size")
    parser.add_argument("--metrics", default="", help="comma-separated, all when left out")
    parser.add_argument("--bootstrap", action="store_true", help="also the percentile bootstrap of fd")
    options = parser.parse_args()
    chosen = set(filter(None, options.metrics.split(",")))
    error = (0.95 * 0.05 / options.replicates) ** 0.5
    print(
        f"{options.replicates} replicates; a true 95% shows as 0.950 ± {2 * error:.3f}; shown: share with an interval"
    )
    print(
        "metric     law          d      n    n/d shift      truth      plain   debiased        sd   se/sd  shown  "
        "covered  missed"
    )
    for case in cases(options.quick):
        if not chosen or case.metric in chosen:
            replicates = max(20, options.replicates // 4) if case.d >= 256 else options.replicates
            print("\n".join(run(case, replicates)), flush=True)
    if options.bootstrap:
        for law in LAWS:
            case = dataclasses.replace(cases(True)[0], law=law, d=32, n=160, shift=0.3)
            print(bootstrap(case, max(20, options.replicates // 5)), flush=True)


if __name__ == "__main__":
    main()
