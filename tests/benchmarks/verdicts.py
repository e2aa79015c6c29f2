"""False verdicts and power of `diff`: `python -m tests.benchmarks.verdicts`, one table, 95% binomial intervals.

A and B are drawn from one distribution (no difference), or B from one that is further away. Paired: image i of both has
one latent, of which it keeps nine tenths of its variance. The reference is drawn anew each time ("random") or once for
all ("fixed"). ReLU mixtures of 16 dimensions, 500 images of A, B and the reference each. Power: B's shift is chosen by
bisection on ten draws of 4,000 images so that the difference is about the printed minimum detectable effect; what the
difference was over that effect stands beside it, with the power that a normal test has there.
"""

import argparse
import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import stats

from ganeval.metrics.base import SetMetric
from ganeval.metrics.difference import Difference, set_difference
from ganeval.summaries.moments import Float64
from tests.benchmarks.coverage import centre, set_metric, summary
from tests.benchmarks.laws import Rows, relu_mixture

N, D, BASE = 500, 16, 0.15
METRICS = (("fd", "fd"), ("kd", "kd"), ("cmmd", "cmmd"), ("mind", "mind"), ("prdc", "precision"), ("prdc", "recall"))


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        paired: Image by image.
        fixed: One reference for all draws.
    """

    paired: bool
    fixed: bool


def pair(rng: np.random.Generator, n: int, further: float, paired: bool) -> tuple[Rows, Rows]:
    """A and B."""
    if not paired:
        return relu_mixture(D, BASE)(rng, n), relu_mixture(D, BASE + further)(rng, n)
    seed = int(rng.integers(2**32))
    sides = [relu_mixture(D, shift)(np.random.default_rng(seed), n)[0] for shift in (BASE, BASE + further)]
    own = [relu_mixture(D, shift)(rng, n)[0] for shift in (BASE, BASE + further)]
    # One in ten images of each side is its own; the others share what they were drawn from.
    mixed = [np.where(rng.random(n)[:, None] < 0.1, mine, shared) for mine, shared in zip(own, sides, strict=True)]
    return (mixed[0], mixed[0][:, :10]), (mixed[1], mixed[1][:, :10])


def compared(metric: SetMetric, output: str, real: Rows, a: Rows, b: Rows, paired: bool) -> Difference:
    """As `ganeval diff` does."""
    sides = [summary(rows) for rows in (real, a, b)]
    found = [metric.evaluate(sides[0], side)[output] for side in sides[1:]]
    return set_difference(metric, output, *sides, (found[0], found[1]), np.arange(N) if paired else None)


def draws(metric: SetMetric, output: str, setting: Setting, further: float, count: int) -> list[Difference]:
    """Differences of many draws."""
    found = []
    for draw in range(count):
        rng = np.random.default_rng((draw, round(1e6 * further), setting.paired))
        real = relu_mixture(D, 0.0)(np.random.default_rng(0) if setting.fixed else rng, N)
        found.append(compared(metric, output, real, *pair(rng, N, further, setting.paired), setting.paired))
    return found


def true_difference(metric: SetMetric, output: str, further: float) -> float:
    """Of ten larger draws, or of shares, which depend on the count, of twenty of the same."""
    n, count = (N, 20) if metric.name == "prdc" else (4 * N, 6)
    values: list[float] = []
    for draw in range(count):
        rng = np.random.default_rng((draw, 5))
        real = summary(relu_mixture(D, 0.0)(rng, n))
        a, b = (summary(rows) for rows in pair(rng, n, further, paired=True))
        values.append(centre(metric.evaluate(real, b)[output]) - centre(metric.evaluate(real, a)[output]))
    return float(np.mean(values))


def shift_for(metric: SetMetric, output: str, effect: float) -> float:
    """The shift of B at which the difference is about `effect`."""
    low, high = 0.0, 0.6
    for _ in range(6):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if abs(true_difference(metric, output, middle)) < effect else (low, middle)
    return 0.5 * (low + high)


def counted(number: int, count: int) -> str:
    """A share with its binomial interval."""
    low, high = stats.binomtest(number, count).proportion_ci(0.95)
    return f"{number / count:.3f} [{low:.3f}, {high:.3f}]"


def seen(found: Sequence[Difference]) -> int:
    """Verdicts that say that something differs."""
    return sum(one.verdict in ("better", "worse") for one in found)


def spread_ratio(found: Sequence[Difference]) -> float:
    """Root mean square of the standard errors over the spread of the differences."""
    errors: Float64 = np.array([one.stderr for one in found if one.stderr is not None])
    return float(np.sqrt(np.mean(errors**2)) / np.std([one.delta for one in found], ddof=1))


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--metrics", default="", help="comma-separated outputs, all when left out")
    options = parser.parse_args()
    count, chosen = options.draws, set(filter(None, options.metrics.split(",")))
    print("| metric | pairs | reference | false verdicts | SE / sd | difference / MDE | seen | a normal test |")
    print("|---|---|---|---|---:|---:|---|---:|")
    for name, output in METRICS:
        if chosen and output not in chosen:
            continue
        metric = set_metric(name)
        for setting in (Setting(p, f) for p in (False, True) for f in (True, False)):
            null = draws(metric, output, setting, 0.0, count)
            effect = float(np.mean([one.mde for one in null if one.mde is not None]))
            cells = [counted(seen(null), count), f"{spread_ratio(null):.2f}", "", "", ""]
            if not setting.fixed:
                further = shift_for(metric, output, effect)
                found = draws(metric, output, setting, further, count // 2)
                mde = float(np.mean([one.mde for one in found if one.mde is not None]))
                ratio = abs(float(np.mean([one.delta for one in found]))) / mde
                normal = float(stats.norm.sf(1.96 - 2.80 * ratio))
                cells[2:] = [f"{ratio:.2f}", counted(seen(found), count // 2), f"{normal:.2f}"]
            words = ("paired" if setting.paired else "unpaired", "fixed" if setting.fixed else "random")
            print(f"| {output} | {' | '.join(words)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
