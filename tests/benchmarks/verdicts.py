"""False verdicts and power of `diff`: `python -m tests.benchmarks.verdicts`, one table, 95% binomial intervals.

A and B are drawn from one distribution (no difference), or B has noise on it. Paired: image i of both is one image, but
for one in five of B's, which is its own. The reference is drawn anew each time ("random") or once for all ("fixed"). A,
B and the reference are of 500 each (--count), ReLU mixtures of 16 dimensions, or with --features FILE.npz (arrays
`rows`, (n, D), and `labels`) disjoint draws of those in 64 random directions: the reference of every other image, A and
B of the first eight classes of the rest. Power: B's noise is chosen on few draws so that the difference is about the
printed minimum detectable effect. Beside what it came to over that effect: verdicts that see it, and those that see it
where every difference is moved by one amount, so that their mean is the mean effect. --first K takes other draws, and
another fixed reference.
"""

import argparse
import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from ganeval.metrics.difference import LEVEL, Difference, set_differences
from ganeval.stats.student_t import quantile
from ganeval.summaries.moments import Float64
from tests.benchmarks.coverage import set_metric, summary
from tests.benchmarks.laws import relu_mixture

N, D, CLASSES, REPLACED, TRIAL = 500, 64, 8, 0.2, 20
METRICS = {"fd": "fd", "kd": "kd", "cmmd": "cmmd", "mind": "mind"}
METRICS |= dict.fromkeys(("precision", "recall", "density", "coverage"), "prdc")
Draw = Callable[[np.random.Generator, int], Float64]
"""(generator, n) -> (n, d) rows."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        paired: Image by image.
        fixed: One reference for all draws.
        n: Images of each set.
        first: Number of the first draw.
    """

    paired: bool
    fixed: bool
    n: int = N
    first: int = 0

    @property
    def words(self) -> tuple[str, str]:
        """As the table has them."""
        return ("paired" if self.paired else "unpaired", "fixed" if self.fixed else "random")


def laws(features: Path | None) -> tuple[Draw, Draw]:
    """Of the reference, and of A and B."""
    if features is None:
        real, fake = relu_mixture(16, 0.0), relu_mixture(16, 0.15)
        return lambda rng, n: real(rng, n)[0], lambda rng, n: fake(rng, n)[0]
    with np.load(features) as file:
        rows, labels = file["rows"], file["labels"]
    rows = (rows @ np.random.default_rng(13).normal(size=(rows.shape[1], D)) / rows.shape[1] ** 0.5).astype(np.float32)
    first, rest = rows[::2], rows[np.isin(labels, np.unique(labels)[:CLASSES])][1::2]
    return tuple(lambda rng, n, of=of: of[rng.choice(len(of), n, replace=False)] for of in (first, rest))  # type: ignore[return-value]


def pair(fake: Draw, rng: np.random.Generator, noise: float, setting: Setting) -> tuple[Float64, Float64]:
    """A and B."""
    n = setting.n
    both = fake(rng, 2 * n)
    a, b = both[:n], both[n:]
    if setting.paired:
        b = np.where(rng.random(n)[:, None] < REPLACED, b, a)
    # Of one spread for all draws: that of the draw itself would be random and shared by all of B's images.
    spread = fake(np.random.default_rng(1), 4 * n).std(axis=0)
    return a, b + noise * rng.normal(size=b.shape) * spread


def draws(
    name: str, drawn: tuple[Draw, Draw], setting: Setting, noise: float, count: int
) -> dict[str, list[Difference]]:
    """Output -> differences of many draws, each as `ganeval diff` gives it."""
    metric = set_metric(METRICS.get(name, name))
    found: dict[str, list[Difference]] = {output.name: [] for output in metric.outputs}
    for draw in range(setting.first, setting.first + count):
        rng = np.random.default_rng((draw, 7, setting.paired))
        real = drawn[0](np.random.default_rng(setting.first) if setting.fixed else rng, setting.n)
        sides = [summary((rows, rows[:, :1])) for rows in (real, *pair(drawn[1], rng, noise, setting))]
        estimates = [metric.evaluate(sides[0], side) for side in sides[1:]]
        both = {output: (estimates[0][output], estimates[1][output]) for output in found}
        order = np.arange(setting.n) if setting.paired else None
        for output, one in set_differences(metric, sides[0], sides[1], sides[2], both, order).items():
            found[output].append(one)
    return found


def ratio(found: Sequence[Difference]) -> float:
    """Mean difference over the mean detectable effect."""
    effects = [one.mde for one in found if one.mde is not None]
    return abs(float(np.mean([one.delta for one in found]))) / float(np.mean(effects))


def noise_for(output: str, drawn: tuple[Draw, Draw], setting: Setting) -> float:
    """The noise on B at which the difference is about the detectable effect, from few draws."""
    noise = 0.25
    for _ in range(5):  # differences grow with the noise to the power of 1 to 4
        noise /= ratio(draws(output, drawn, setting, noise, TRIAL)[output]) ** 0.35
    return noise


def counted(number: int, count: int) -> str:
    """A share with its binomial interval."""
    low, high = stats.binomtest(number, count).proportion_ci(0.95)
    return f"{number / count:.3f} [{low:.3f}, {high:.3f}]"


def seen(found: Sequence[Difference]) -> int:
    """Verdicts that say that something differs."""
    return sum(one.verdict in ("better", "worse") for one in found)


def at_effect(found: Sequence[Difference]) -> int:
    """The same where the mean difference is the mean detectable effect."""
    mean = float(np.mean([one.delta for one in found]))
    shift = mean / ratio(found) - mean
    known = [one for one in found if one.stderr is not None]
    limits = [quantile(1.0 - LEVEL / 2, math.inf if one.degrees is None else one.degrees) for one in known]
    return sum(abs(one.delta + shift) > t * (one.stderr or 0.0) for one, t in zip(known, limits, strict=True))


def covered(found: Sequence[Difference]) -> int:
    """Intervals that hold the mean difference."""
    mean = float(np.mean([one.delta for one in found]))
    return sum(one.ci95 is not None and one.ci95[0] <= mean <= one.ci95[1] for one in found)


def spread_ratio(found: Sequence[Difference]) -> float:
    """Root mean square of the standard errors over the spread of the differences."""
    errors: Float64 = np.array([one.stderr for one in found if one.stderr is not None])
    return float(np.sqrt(np.mean(errors**2)) / np.std([one.delta for one in found], ddof=1))


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--metrics", default=",".join(METRICS), help="comma-separated outputs")
    parser.add_argument("--features", type=Path)
    parser.add_argument("--count", type=int, default=N, help="images a set")
    parser.add_argument("--pairs", choices=("paired", "unpaired"))
    parser.add_argument("--reference", choices=("fixed", "random"))
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--power", action="store_true", help="draws with a difference")
    options = parser.parse_args()
    drawn, count, asked = laws(options.features), options.draws, options.metrics.split(",")
    n, first = options.count, options.first
    settings = [Setting(paired, fixed, n, first) for paired in (False, True) for fixed in (True, False)]
    settings = [one for one in settings if {options.pairs, options.reference} <= {*one.words, None}]
    if options.power:
        print("| metric | pairs | reference | difference / MDE | seen | seen at the MDE | SE / sd | interval holds |")
        print("|---|---|---|---:|---|---|---:|---|")
        for output, setting in itertools.product(asked, settings):
            found = draws(output, drawn, setting, noise_for(output, drawn, setting), count)[output]
            shares = [counted(number, count) for number in (seen(found), at_effect(found), covered(found))]
            cells = [
                output,
                *setting.words,
                f"{ratio(found):.2f}",
                *shares[:2],
                f"{spread_ratio(found):.2f}",
                shares[2],
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
        return
    print("| metric | pairs | reference | false verdicts | SE / sd |")
    print("|---|---|---|---|---:|")
    for name, setting in itertools.product(dict.fromkeys(METRICS[output] for output in asked), settings):
        for output, found in draws(name, drawn, setting, 0.0, count).items():
            if output in asked:
                cells = [output, *setting.words, counted(seen(found), count), f"{spread_ratio(found):.2f}"]
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
