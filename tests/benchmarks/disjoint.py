"""Coverage of all that `score` shows, on disjoint draws of real features: `python -m tests.benchmarks.disjoint`.

--features FILE.npz holds `rows` (n, D), `logits` (n, K) and `labels` of real images. The reference is drawn from every
other image, the model from the first eight classes of the rest, both without replacement, in 64 random directions. What
an interval should hold is the debiased metric of both populations; where the interval is of the expectation at this n
(neighbours), the mean of the draws. Without replacement a draw of n of N images scatters less by sqrt(1 - n / N), and
what an interval is off is divided by that. Of a metric with influences the part of first order is known exactly: the
influences of all images of both populations. It says by how much each set scatters less, and takes the place of chance
in bias and spread (regression estimator: Cochran 1977, "Sampling Techniques", section 7.3): of 26 draws of fd the part
of first order happened to scatter by 1.21 times as much as it does over all draws. Every registered metric of sets is
in the table, also those that show no interval, and why not; metrics of pairs and of single images show one of the mean
over images, whose values are taken from 2,000 pairs: images of --data and the same ones compressed.

`ok`: a coverage of 92 to 98% is compatible with the draws (95% binomial interval). Draws are appended to --out as they
come; one that stands there is not scored again.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from ganeval.errors import GanevalError
from ganeval.metrics import METRICS
from ganeval.metrics.base import Estimate, SetMetric
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64, Moments
from tests.benchmarks.coverage import centre, judged, set_metric
from tests.benchmarks.verdicts import CLASSES, D

OF_EXPECTATION = ("prdc", "authpct", "clipped", "agreement")  # at this n; elsewhere of the populations


@dataclass(frozen=True)
class Population:
    """Images to draw from.

    Attributes:
        rows: (N, d).
        logits: (N, K).
        labels: (N,).
    """

    rows: Float64
    logits: Float64
    labels: np.ndarray

    def summary(self, chosen: np.ndarray) -> SetSummary:
        """Some of them, as metrics take them."""
        rows, logits = (part[chosen].astype(np.float32) for part in (self.rows, self.logits))
        labels = tuple(self.labels[chosen].tolist())
        return SetSummary(Moments.of(rows), FeatureBank.of(rows), FeatureBank.of(logits), labels)

    def drawn(self, rng: np.random.Generator, n: int) -> SetSummary:
        """N of them, each once."""
        return self.summary(rng.choice(len(self.rows), n, replace=False))

    @property
    def d(self) -> int:
        """Dimensions."""
        return int(self.rows.shape[1])

    @property
    def whole(self) -> SetSummary:
        """All of them."""
        return self.summary(np.arange(len(self.rows)))


@dataclass(frozen=True)
class Case:
    """What is drawn.

    Attributes:
        n: Images a set.
        draws: How often.
        out: Where the draws are kept.
    """

    n: int
    draws: int
    out: Path | None


def populations(file: Path, d: int) -> tuple[Population, Population]:
    """Of the reference and of the model."""
    with np.load(file) as read:
        rows, logits, labels = read["rows"], read["logits"], read["labels"]
    if d < rows.shape[1]:
        rows = rows @ np.random.default_rng(13).normal(size=(rows.shape[1], d)) / rows.shape[1] ** 0.5
    known = np.flatnonzero(np.isin(labels, np.unique(labels)[:CLASSES]))
    real, fake = np.arange(0, len(rows), 2), known[known % 2 == 1]
    return tuple(Population(rows[own], logits[own], labels[own]) for own in (real, fake))  # type: ignore[return-value]


def truths(metric: SetMetric, real: SetSummary, fake: SetSummary, draws: list[dict[str, Estimate]]) -> dict[str, float]:
    """Output -> what its intervals should hold."""
    if metric.name in OF_EXPECTATION:
        return {name: float(np.mean([draw[name].value for draw in draws])) for name in draws[0]}
    found = metric.compute(real, fake, metric.params)
    return {name: centre(estimate) for name, estimate in found.items()}


@dataclass(frozen=True)
class FirstOrder:
    """A metric's part of first order: of a draw, the mean influence of its images, relative to both populations.

    Attributes:
        real: (N,) influence of each image of the reference's population.
        fake: (M,) the same of the model's.
        n: Images a set.
    """

    real: Float64
    fake: Float64
    n: int

    @staticmethod
    def of(metric: SetMetric, real: Population, fake: Population, n: int) -> "FirstOrder | None":
        """None for a metric without influences."""
        if metric.influences is None:
            return None
        of_fake, of_real = metric.influences(real.whole, fake.whole, metric.params)
        return None if of_real is None else FirstOrder(of_real, of_fake, n)

    def of_draw(self, draw: int) -> float:
        """Of the images that `scored` draws."""
        rng = np.random.default_rng((draw, self.n))
        return sum(float(side[rng.choice(len(side), self.n, replace=False)].mean()) for side in (self.real, self.fake))

    @property
    def spread(self) -> float:
        """Standard deviation over draws without replacement."""
        sides = (self.real, self.fake)
        return float(np.sqrt(sum(side.var(ddof=1) * (1.0 / self.n - 1.0 / len(side)) for side in sides)))

    @property
    def left_over(self) -> float:
        """The same over that of independent draws."""
        return self.spread / float(np.sqrt((self.real.var(ddof=1) + self.fake.var(ddof=1)) / self.n))


def scored(metric: SetMetric, real: Population, fake: Population, case: Case) -> Iterator[dict[str, Estimate]]:
    """Output -> estimate, draw by draw; each is kept in the file as soon as it is known.

    Raises:
        GanevalError: the metric cannot be had of so many images.
    """
    known = kept(case.out)
    for draw in range(case.draws):
        key = f"{metric.name} {real.d} {case.n} {draw}"
        if key not in known:
            rng = np.random.default_rng((draw, case.n))
            known[key] = dict(metric.evaluate(real.drawn(rng, case.n), fake.drawn(rng, case.n)))
            if case.out is not None:
                found = {name: dataclasses.asdict(one) for name, one in known[key].items()}
                with case.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"draw": key, "found": found}) + "\n")
        yield known[key]


def kept(file: Path | None) -> dict[str, dict[str, Estimate]]:
    """Draw -> output -> estimate, of a file of draws; {} without one."""
    if file is None or not file.exists():
        return {}
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {row["draw"]: {name: Estimate(**one) for name, one in row["found"].items()} for row in rows}


def table(metric: SetMetric, real: Population, fake: Population, case: Case) -> None:
    """Prints the lines of one metric."""
    draws: list[dict[str, Estimate]] = []
    try:
        for found in scored(metric, real, fake, case):
            draws.append(found)
            if len(draws) == 5 and all(one.ci95 is None for draw in draws for one in draw.values()):
                break  # it shows none
    except GanevalError as error:
        print(f"| {metric.name} | {real.d} | {case.n} | | | | | {str(error)[:60]} |", flush=True)
        return
    names = [output.name for output in metric.outputs]
    shown = {name: [one[name] for one in draws if one[name].ci95 is not None] for name in names}
    expected = truths(metric, real.whole, fake.whole, draws) if any(shown.values()) else {}
    first = FirstOrder.of(metric, real, fake, case.n) if expected else None
    less = left_over(case.n, real, fake) if first is None else first.left_over
    for name in names:
        if shown[name]:
            rest = line([one[name] for one in draws], expected[name], less, first)
            print(f"| {name} | {real.d} | {case.n} | {rest}", flush=True)
        else:
            print(
                f"| {name} | {real.d} | {case.n} | none | | | | {draws[0][name].note.partition(';')[0]} |", flush=True
            )


def left_over(n: int, real: Population, fake: Population) -> float:
    """By how much less draws without replacement scatter, both sides alike."""
    return float(np.sqrt(1.0 - 0.5 * (n / len(real.rows) + n / len(fake.rows))))


def line(found: list[Estimate], truth: float, less: float, first: FirstOrder | None) -> str:
    """One line of the table, less what it is of.

    Args:
        found: Draws 0, 1, 2, ...
        truth: What their intervals should hold.
        less: What is left of the spread without replacement.
        first: The part of first order, where that is known.
    """
    centres = np.array([centre(one) for one in found])
    mean, spread = float(centres.mean()), float(centres.std(ddof=1)) / less
    if first is not None:
        linear = np.array([first.of_draw(draw) for draw in range(len(found))])
        slope, mean = (float(one) for one in np.polyfit(linear, centres, 1))
        rest = float((centres - mean - slope * linear).std(ddof=2))
        spread = float(np.hypot(slope * first.spread, rest)) / less
    shown = [one for one in found if one.ci95 is not None]
    missed = sum(not holds(one, truth, less) for one in shown)
    errors = [one.stderr for one in found if one.stderr is not None]
    ratio = float(np.sqrt(np.mean(np.square(errors)))) / spread
    low, high = stats.binomtest(len(shown) - missed, len(shown)).proportion_ci(0.95)
    cells = [f"{len(shown)} of {len(found)}", f"{1 - missed / len(shown):.3f} [{low:.3f}, {high:.3f}]"]
    cells += [f"{(mean - truth) / spread:+.2f}", f"{ratio:.2f}", judged(len(shown), missed)]
    return f"{' | '.join(cells)} |"


def holds(one: Estimate, truth: float, less: float) -> bool:
    """Whether the interval holds the truth of endless images."""
    if one.ci95 is None:
        return False
    middle = centre(one)
    return one.ci95[0] <= middle + (truth - middle) / less <= one.ci95[1]


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--count", type=int, default=500, help="images a set")
    parser.add_argument("--directions", type=int, default=D)
    parser.add_argument("--metrics", default="", help="comma-separated, all without")
    parser.add_argument("--out", type=Path, help="file of draws")
    options = parser.parse_args()
    real, fake = populations(options.features, options.directions)
    asked = set(filter(None, options.metrics.split(",")))
    case = Case(options.count, options.draws, options.out)
    print("| interval of | d | n | shown | covers | bias / sd | SE / sd | |")
    print("|---|---:|---:|---|---|---:|---:|---|")
    for name in METRICS:
        if isinstance(METRICS.get(name), SetMetric) and (not asked or name in asked):
            table(set_metric(name), real, fake, case)


if __name__ == "__main__":
    main()
