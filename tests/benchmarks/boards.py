"""How often boards split equal entries, and how many true differences they find: `python -m tests.benchmarks.boards`.

Draws boards of normal training seeds and ranks them with `ganeval.leaderboard.significance`. Equal split: the fraction
of boards of equal entries in which some pair differs significantly, with its 95% binomial interval. Found: the fraction
of truly different pairs that are found, where half of the entries are better. Beside them what other procedures give on
the same draws: Welch's t for each pair by itself, and the same corrected by Benjamini and Hochberg. Spreads: the same
for all entries ("equal"), drawn log-uniform over a factor of four ("1 to 4"), or one entry with five times that of the
rest ("one of 5").
"""

import argparse
import itertools
import math

import numpy as np
from scipy import stats

from ganeval.leaderboard.cells import Cell, pooled
from ganeval.leaderboard.significance import Contender, rank
from ganeval.stats.multiple_tests import benjamini_hochberg
from ganeval.stats.student_t import sum_degrees, two_sided_p
from ganeval.summaries.moments import Float64

SHIFTS = {3: 3.0, 5: 1.9}  # standard deviations between the halves, by seeds


def spreads(kind: str, entries: int, rng: np.random.Generator) -> Float64:
    """(entries,) standard deviations over seeds."""
    if kind == "1 to 4":
        return np.exp(rng.uniform(0.0, np.log(4.0), entries))
    return np.r_[np.ones(entries - 1), 5.0 if kind == "one of 5" else 1.0]


def _welch_p(a: Cell, b: Cell) -> float:
    errors = [((cell.sd or 0.0) / cell.n**0.5, cell.n - 1.0) for cell in (a, b)]
    return two_sided_p((b.mean - a.mean) / math.hypot(errors[0][0], errors[1][0]), sum_degrees(*errors))


def found_pairs(seeds: Float64) -> dict[str, set[tuple[int, int]]]:
    """Procedure -> pairs (better, worse) that it calls different; lower is better.

    Args:
        seeds: (entries, seeds).
    """
    pairs = list(itertools.combinations(range(len(seeds)), 2))
    cells = [pooled(row.tolist()) for row in seeds]
    welch = [_welch_p(cells[i], cells[j]) for i, j in pairs]

    def ordered(p_values: list[float]) -> set[tuple[int, int]]:
        better = [(i, j) if cells[i].mean < cells[j].mean else (j, i) for i, j in pairs]
        return {pair for pair, p in zip(better, p_values, strict=True) if p <= 0.05}

    ahead = set(rank([Contender(cell) for cell in cells], "lower").different)
    return {"ganeval": ahead, "Welch, each pair": ordered(welch), "Welch, BH": ordered(benjamini_hochberg(welch))}


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=1000, help="draws a line")
    parser.add_argument("--entries", type=int, nargs="+", default=(2, 3, 10, 20))
    parser.add_argument("--first", type=int, default=0, help="number of the first draw; others are other draws")
    options = parser.parse_args()
    boards, first = options.boards, options.first
    names = ("ganeval", "Welch, each pair", "Welch, BH")
    columns = [
        "entries",
        "seeds",
        "spreads",
        *(f"{what}: {name}" for what in ("equal split", "found") for name in names),
    ]
    print(f"| {' | '.join(columns)} |")
    print("|---:|---:|---|" + "---|" * 6)
    for entries, seeds, kind in itertools.product(options.entries, (3, 5), ("equal", "1 to 4", "one of 5")):
        split, power = dict.fromkeys(names, 0), dict.fromkeys(names, 0.0)
        means = np.where(np.arange(entries) % 2 == 0, 0.0, SHIFTS[seeds])
        truly = {(i, j) for i in range(entries) for j in range(entries) if means[i] < means[j]}
        for board in range(first, first + boards):
            rng = np.random.default_rng((board, entries, seeds, len(kind)))
            noise = rng.normal(size=(entries, seeds)) * spreads(kind, entries, rng)[:, None]
            for name, found in found_pairs(noise).items():
                split[name] += bool(found)
            for name, found in found_pairs(noise + means[:, None]).items():
                power[name] += len(found & truly) / len(truly) / boards
        cells = []
        for name in names:
            low, high = stats.binomtest(split[name], boards).proportion_ci(0.95)
            cells.append(f"{split[name] / boards:.3f} [{low:.3f}, {high:.3f}]")
        cells += [f"{power[name]:.2f}" for name in names]
        print(f"| {entries} | {seeds} | {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
