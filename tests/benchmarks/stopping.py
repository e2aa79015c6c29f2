"""What stopping and checking do to numbers: `python -m tests.benchmarks.stopping`, two tables.

`--until-rel`, with --features FILE.npz (`rows`, `logits`, `labels`, as for `tests.benchmarks.disjoint`): a score looks
at 500, 1,000 and 2,000 images and stops at the first look at which its standard error is small enough beside its value.
Bias is how far the mean of the values that it stopped at is from the distance of both populations. Above 10% the option
is refused; these lines say why.

`--check`: every recorded run of every recipe is held against the interval that the other runs of its recipe predict.
The chance that `--check` prints for a fresh seed stands beside how many are inside, by number of seeds behind the
interval.
"""

import argparse
import dataclasses
import itertools
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats

from reference_models.recipes.expected import check_range, read_expected
from reference_models.recipes.recipe import Expected
from tests.benchmarks.coverage import centre, set_metric
from tests.benchmarks.disjoint import populations, truths

LOOKS = (500, 1000, 2000)
GOALS = ((0.07, 1.2), (0.1, 1.2), (0.2, 1.08), (0.4, 1.0))
"""Standard error that is enough, and what the model's features are multiplied by: a distance at which the first two
looks are about as sure as that, so that chance decides between them."""


def counted(number: int, count: int) -> str:
    """A share with its binomial interval."""
    low, high = stats.binomtest(number, count).proportion_ci(0.95)
    return f"{number / count:.3f} [{low:.3f}, {high:.3f}]"


def until(file: Path, draws: int, d: int) -> None:
    """Prints the first table."""
    real, plain = populations(file, d)
    print("| metric | stops at SE | mean n | bias of the value | bias / SE | interval holds |")
    print("|---|---:|---:|---|---:|---|")
    for name, (goal, factor) in itertools.product(("kd", "fd"), GOALS):
        metric = set_metric(name)
        fake = dataclasses.replace(plain, rows=factor * plain.rows)
        truth = truths(metric, real.whole, fake.whole, [])[name]
        runs = []
        for draw in range(draws):
            rng = np.random.default_rng((draw, 11))
            order = rng.permutation(len(real.rows)), rng.permutation(len(fake.rows))
            looks = [metric.evaluate(real.summary(order[0][:n]), fake.summary(order[1][:n]))[name] for n in LOOKS]
            runs.append(looks)
        ended = []
        for looks in runs:
            small = [e.stderr is not None and e.stderr <= goal * abs(centre(e)) for e in looks]
            ended.append(small.index(True) if True in small else len(looks) - 1)
        found = [looks[at] for looks, at in zip(runs, ended, strict=True)]
        values = np.array([centre(one) for one in found])
        low, high = stats.t.interval(0.95, draws - 1, values.mean(), values.std(ddof=1) / draws**0.5)
        shown = [one.ci95 for one in found if one.ci95 is not None]
        errors = [one.stderr for one in found if one.stderr is not None]
        n = statistics.mean(LOOKS[at] for at in ended)
        shares = (100.0 * (end / truth - 1.0) for end in (values.mean(), low, high))
        bias = "{:+.1f}% [{:+.1f}, {:+.1f}]".format(*shares)
        off = (values.mean() - truth) / float(np.mean(errors))
        held = counted(sum(a <= truth <= b for a, b in shown), len(shown))
        print(f"| {name} | {100 * goal:.0f}% | {n:,.0f} | {bias} | {off:+.2f} | {held} |", flush=True)


def check() -> None:
    """Prints the second table."""
    inside: dict[int, list[tuple[bool, float]]] = defaultdict(list)
    for entry in read_expected().values():
        runs = entry.get("runs", [])
        for metric in {run["metric"] for run in runs}:
            values = [run["last"] for run in runs if run["metric"] == metric]
            starts = [run["untrained"] for run in runs if run["metric"] == metric and run["untrained"] is not None]
            for i, value in enumerate(values):
                rest = values[:i] + values[i + 1 :]
                if len(rest) < 2 or statistics.stdev(rest) == 0.0:
                    continue
                expected = Expected(metric, "last", statistics.mean(rest), statistics.stdev(rest), len(rest))
                accepted = check_range(expected, statistics.mean(starts) if starts else None)
                inside[len(rest)].append((accepted.low <= value <= accepted.high, accepted.passes))
    print("| seeds behind the interval | runs held against it | printed | inside |")
    print("|---:|---:|---:|---|")
    for seeds, found in sorted(inside.items()):
        passes = statistics.mean(chance for _, chance in found)
        print(
            f"| {seeds} | {len(found)} | {passes:.3f} | {counted(sum(ok for ok, _ in found), len(found))} |", flush=True
        )
    every = [one for found in inside.values() for one in found]
    passes = statistics.mean(chance for _, chance in every)
    print(f"| all | {len(every)} | {passes:.3f} | {counted(sum(ok for ok, _ in every), len(every))} |", flush=True)


def main() -> None:
    """Prints both tables in Markdown, the first where there are features."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--directions", type=int, default=64)
    options = parser.parse_args()
    if options.features is not None:
        until(options.features, options.draws, options.directions)
    check()


if __name__ == "__main__":
    main()
