"""Nominal against actual coverage of every 95% interval: `python -m tests.benchmarks.coverage`, one table in one run.

Draws many pairs of sets from laws whose distance is known, scores each pair with the package, and counts how often the
shown interval holds the truth. Laws: Gaussians, ReLU mixtures, and real efflite0 features with a planted difference
(Fashion-MNIST where GANEVAL_DATA is set, digits otherwise), in all their dimensions and in random projections, at
several n / d. The truth is the metric of 20,000 to 400,000 draws, or of the whole population where that is finite.
That of kd and cmmd on toy laws, whose estimates have no bias, is the mean of the draws; so is that of precision,
recall, density and coverage, whose intervals are of the expectation at this n.

Columns: `shown` is the share of draws with an interval, `covered` the share of those that hold the truth, `missed` the
share of all draws whose shown interval does not hold it. `ok` says that a true coverage of 92 to 98% is compatible with
the count of draws (two-sided binomial 95% interval).

Rows are appended to --out as they come; a case that stands there is not run again. --plot draws the pictures from it.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import stats

from ganeval.metrics import METRICS
from ganeval.metrics.base import Estimate, SetMetric
from ganeval.metrics.difference import paired_difference, set_differences
from ganeval.metrics.frechet import frechet_distance
from ganeval.stats.intervals import mean_interval
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests.benchmarks.laws import Pair, Rows, real_data, real_pair, toy_pair

PROJECTIONS = 60  # directions of mind: its interval is for given directions, few do as well as many
REAL = ("classes", "blur")


@dataclass(frozen=True)
class Case:
    """Some lines of the table.

    Attributes:
        metric: Registry name, or "diff:fd" and the like, or "mean:t", "mean:bca" for means of per-image values.
        law: "gaussian", "relu" or "real"; "lognormal" for per-image values.
        difference: Shift of a toy law, or which planted difference of real features.
        d: Width.
        n: Images a side.
        replicates: Draws.
    """

    metric: str
    law: str
    difference: float | str
    d: int
    n: int
    replicates: int

    @property
    def key(self) -> str:
        """What tells it from other cases."""
        data = real_data() if self.law == "real" else ""
        return f"{self.metric}|{self.law}{data}|{self.difference}|{self.d}|{self.n}"


def summary(rows: Rows) -> SetSummary:
    """What metrics ask of a set."""
    features = rows[0].astype(np.float32)
    return SetSummary(Moments.of(features), FeatureBank.of(features), FeatureBank.of(rows[1].astype(np.float32)))


def set_metric(name: str) -> SetMetric:
    """The registered metric, mind with fewer directions."""
    metric = METRICS.get(name)
    if not isinstance(metric, SetMetric):
        raise TypeError(f"{name} is no set metric")
    if "projections" in metric.params:
        return dataclasses.replace(metric, params={**metric.params, "projections": PROJECTIONS})
    return metric


def centre(estimate: Estimate) -> float:
    """What the interval is about."""
    return estimate.value if estimate.debiased is None else estimate.debiased


def pair_of(case: Case) -> Pair:
    """The laws of a case."""
    if case.law == "real":
        return real_pair(str(case.difference), case.d, case.metric != "prdc", logits=case.metric == "cs")
    return toy_pair(case.law, case.d, float(case.difference))


@lru_cache
def toy_frechet(law: str, d: int, shift: float) -> float:
    """Distance of two toy laws from 400,000 draws of each: known to a thousandth."""
    pair, rng, sides = toy_pair(law, d, shift), np.random.default_rng(123), [Moments.empty(d), Moments.empty(d)]
    for _ in range(20):
        draws = (pair.real(rng, 20_000), pair.fake(rng, 20_000))
        sides = [m.merge(Moments.of(rows)) for m, (rows, _) in zip(sides, draws, strict=True)]
    return frechet_distance(*sides)


def truth(metric: str, case: Case, draws: Sequence[dict[str, Estimate]]) -> dict[str, float]:
    """Output -> what the intervals should hold."""
    pair, found = pair_of(case), set_metric(metric)
    if metric == "prdc" or (metric in ("kd", "cmmd") and pair.populations is None):
        return {name: float(np.mean([centre(draw[name]) for draw in draws])) for name in draws[0]}
    if pair.populations is not None:
        real, fake = (summary(rows) for rows in pair.populations)
        if metric == "fd":
            return {"fd": frechet_distance(real.moments, fake.moments)}
        estimate = found.evaluate(real, fake)[metric]
        # A U-statistic leaves out pairs of one atom with itself, which draws with replacement do meet.
        return {metric: kernel_truth(metric, real, fake) if metric in ("kd", "cmmd") else estimate.value}
    if metric == "fd":
        return {"fd": toy_frechet(case.law, case.d, float(case.difference))}
    rng, size = np.random.default_rng(123), 100_000 if metric in ("cs", "vendi") else 20_000
    large = found.evaluate(summary(pair.real(rng, size)), summary(pair.fake(rng, size)))
    return {name: centre(estimate) for name, estimate in large.items()}


def kernel_truth(metric: str, real: SetSummary, fake: SetSummary) -> float:
    """MMD^2 of two finite populations: the V-statistic, diagonals included."""
    from ganeval.metrics.kernel import cubic_kernel, kernel_sums, rbf_kernel, unit_rows

    if real.bank is None or fake.bank is None:
        raise RuntimeError("populations have rows")
    if metric == "kd":
        return kernel_sums(real.bank.rows(), fake.bank.rows(), cubic_kernel).mmd2_biased()
    rows = (unit_rows(side.bank.rows()) for side in (real, fake) if side.bank is not None)
    return 1000.0 * kernel_sums(*rows, rbf_kernel(10.0)).mmd2_biased()


# ---- draws: (centre, plain value, stderr, interval) of each output


Draw = tuple[float, float, float | None, tuple[float, float] | None]


def score_draws(case: Case) -> tuple[dict[str, float], dict[str, list[Draw]]]:
    """Intervals of `score`."""
    pair, metric, draws = pair_of(case), set_metric(case.metric), []
    for replicate in range(case.replicates):
        rng = np.random.default_rng((replicate, case.n, case.d))
        draws.append(metric.evaluate(summary(pair.real(rng, case.n)), summary(pair.fake(rng, case.n))))
    found = {name: [(centre(e[name]), e[name].value, e[name].stderr, e[name].ci95) for e in draws] for name in draws[0]}
    return truth(case.metric, case, draws), found


def diff_draws(case: Case) -> tuple[dict[str, float], dict[str, list[Draw]]]:
    """Intervals of `diff`: A is the law at this difference, B a worse one, unpaired and paired by the same images."""
    name = case.metric.removeprefix("diff:")
    shift, metric = float(case.difference), set_metric(name)
    near, far = toy_pair(case.law, case.d, shift), toy_pair(case.law, case.d, 1.5 * shift)
    found: dict[str, list[Draw]] = {f"{name} unpaired": [], f"{name} paired": []}
    for replicate in range(case.replicates):
        for kind, rows in found.items():
            rng = np.random.default_rng((replicate, case.n, case.d))
            real = summary(near.real(rng, case.n))
            state = rng.bit_generator.state
            a = summary(near.fake(rng, case.n))
            if kind.endswith(" paired"):
                rng.bit_generator.state = state  # the same random numbers: image i of B is image i of A, moved further
            b = summary(far.fake(rng, case.n))
            order = np.arange(case.n) if kind.endswith(" paired") else None
            estimates = (metric.evaluate(real, a)[name], metric.evaluate(real, b)[name])
            difference = set_differences(metric, real, a, b, {name: estimates}, order)[name]
            rows.append((difference.delta, difference.delta, difference.stderr, difference.ci95))
    if name == "fd":
        target = toy_frechet(case.law, case.d, 1.5 * shift) - toy_frechet(case.law, case.d, shift)
    else:  # without bias: the mean of the draws, of the paired ones because they scatter least
        target = float(np.mean([row[0] for row in found[f"{name} paired"]]))
    return dict.fromkeys(found, target), found


def mean_draws(case: Case) -> tuple[dict[str, float], dict[str, list[Draw]]]:
    """Intervals of means of per-image values, skewed as perceptual distances are: `score` and `diff` with --paired."""
    rows: list[Draw] = []
    for replicate in range(case.replicates):
        values = np.random.default_rng((replicate, case.n)).lognormal(0.0, float(case.difference), case.n)
        stderr = float(values.std(ddof=1)) / case.n**0.5
        if case.metric == "mean:t":
            interval: tuple[float, float] | None = mean_interval(values)
        else:
            interval = paired_difference(np.zeros(case.n), values, "lower").ci95
        rows.append((float(values.mean()), float(values.mean()), stderr, interval))
    return {case.metric: float(np.exp(float(case.difference) ** 2 / 2))}, {case.metric: rows}


# ---- the table


def run(case: Case) -> list[dict[str, object]]:
    """Lines of the table for one case."""
    started = time.process_time()
    how = (
        diff_draws
        if case.metric.startswith("diff:")
        else mean_draws
        if case.metric.startswith("mean:")
        else score_draws
    )
    expected, found = how(case)
    seconds, lines = time.process_time() - started, []
    for name, target in expected.items():
        centres = np.array([row[0] for row in found[name]])
        errors = [row[2] for row in found[name] if row[2] is not None]
        shown = [row[3] for row in found[name] if row[3] is not None]
        missed = sum(not low <= target <= high for low, high in shown)
        spread = float(centres.std(ddof=1))
        lines.append(
            {
                "key": case.key,
                "output": name,
                **dataclasses.asdict(case),
                "difference": str(case.difference),
                "truth": target,
                "plain": float(np.mean([row[1] for row in found[name]])),
                "centre": float(centres.mean()),
                "sd": spread,
                "se_over_sd": float(np.sqrt(np.mean(np.square(errors)))) / spread if errors and spread else None,
                "shown": len(shown),
                "missed": missed,
                "seconds": seconds / len(expected),
            }
        )
    return lines


def judged(shown: int, missed: int) -> str:
    """ "ok", "low" or "high": is a coverage of 92 to 98% compatible with these counts?"""
    if not shown:
        return "withheld"
    low, high = stats.binomtest(shown - missed, shown).proportion_ci(0.95)
    return "low" if high < 0.92 else "high" if low > 0.98 else "ok"


HEADER = (
    f"{'interval of':<17} {'law':<9} {'differs':<8} {'d':>5} {'n':>6} {'n/d':>5} {'truth':>10} {'plain':>10} "
    f"{'centre':>10} {'sd':>9} {'se/sd':>6} {'draws':>6} {'shown':>6} {'covered':>8} {'missed':>7}"
)


def line(row: dict[str, object]) -> str:
    """One line of the table."""
    r, (n, d, draws, shown, missed) = row, (int(str(row[k])) for k in ("n", "d", "replicates", "shown", "missed"))
    covered, ratio = f"{1 - missed / shown:.3f}" if shown else "-", r["se_over_sd"]
    return (
        f"{r['output']:<17} {r['law']:<9} {r['difference']:<8} {d:>5} {n:>6} {n / d:>5.1f} {r['truth']:>10.4g} "
        f"{r['plain']:>10.4g} {r['centre']:>10.4g} {r['sd']:>9.3g} {'-' if ratio is None else f'{ratio:.2f}':>6} "
        f"{draws:>6} {shown / draws:>6.2f} {covered:>8} {missed / draws:>7.3f} {judged(shown, missed)}"
    )


def cases(scale: float) -> list[Case]:
    """All lines; `scale` times the usual number of draws, never below 10."""

    def draws(usual: int) -> int:
        return max(10, round(scale * usual))

    found = [
        Case("fd", law, shift, d, int(ratio * d), draws(count))
        for law, d, ratios, shifts, count in (
            ("gaussian", 16, (1.2, 1.6, 3, 10, 50), (0.1, 0.3), 200),
            ("relu", 16, (1.2, 1.6, 3, 10, 50), (0.0, 0.1, 0.3), 200),
            ("relu", 64, (1.2, 1.6, 3, 10, 50), (0.3,), 120),
            ("relu", 256, (1.6, 4), (0.3,), 40),
        )
        for ratio in ratios
        for shift in shifts
    ]
    for metric in ("kd", "cmmd", "mind", "cs", "vendi"):
        small = (16, 100, 0.3), (16, 800, 0.1), (16, 800, 0.3), (64, 800, 0.3)
        found += [Case(metric, "relu", shift, d, n, draws(150)) for d, n, shift in small]
    found += [Case("prdc", "relu", 0.3, d, 500, draws(100)) for d in (8, 64)]
    found += [Case(f"diff:{name}", "relu", 0.2, 16, n, draws(200)) for name in ("fd", "kd") for n in (100, 800)]
    found += [Case("mean:t", "lognormal", 0.5, 1, n, draws(2000)) for n in (5, 10, 20, 100)]
    found += [Case("mean:bca", "lognormal", 0.5, 1, n, draws(400)) for n in (20, 100)]
    for difference in REAL:
        found += [Case("fd", "real", difference, 64, int(ratio * 64), draws(300)) for ratio in (1.2, 1.6, 3, 10, 50)]
        found += [Case(metric, "real", difference, 1280, 1000, draws(60)) for metric in ("kd", "cmmd", "mind", "cs")]
        found += [Case("vendi", "real", difference, 64, 640, draws(100))]
        found += [Case("prdc", "real", difference, 1280, 1000, draws(40))]
    found += [Case("vendi", "real", "classes", 1280, 3200, draws(12))]
    found += [Case("fd", "real", "classes", 1280, n, draws(count)) for n, count in ((2048, 20), (5120, 8))]
    return found


def read(path: Path | None) -> list[dict[str, object]]:
    """Lines of earlier runs."""
    return [json.loads(text) for text in path.read_text().splitlines()] if path is not None and path.exists() else []


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of draws")
    parser.add_argument("--metrics", default="", help="comma-separated, all when left out")
    parser.add_argument("--laws", default="", help="comma-separated: gaussian, relu, real, lognormal")
    parser.add_argument("--out", type=Path, help="JSON lines: read, and appended to")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw docs' pictures from --out and stop")
    options = parser.parse_args()
    known = read(options.out)
    if options.plot:
        from tests.benchmarks.coverage_plots import draw

        draw(known, options.plot)
        return
    chosen, laws = set(filter(None, options.metrics.split(","))), set(filter(None, options.laws.split(",")))
    print(HEADER, flush=True)
    for case in cases(options.scale):
        if (chosen and case.metric not in chosen) or (laws and case.law not in laws):
            continue
        lines = [row for row in known if row["key"] == case.key and row["replicates"] == case.replicates]
        if not lines:
            lines = run(case)
            if options.out:
                with options.out.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in lines)
        print("\n".join(line(row) for row in lines), flush=True)


if __name__ == "__main__":
    main()
