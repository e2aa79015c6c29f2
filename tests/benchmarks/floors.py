"""A perfect model beside its noise floor: `python -m tests.benchmarks.floors`, one table.

Reference and subject are independent draws of one ReLU mixture. Mean value over mean floor, with a 95% Student t
interval over the draws, of the floor as `score` prints it and of that of the parts of the reference themselves. With
--features FILE.npz (an array `rows`, (n, 1280)) disjoint draws of those in random directions are taken instead.
"""

import argparse
from pathlib import Path

import numpy as np

from ganeval.scoring.noise_floor import at_counts, noise_floor
from ganeval.stats.intervals import mean_interval
from ganeval.summaries.moments import Float64
from tests.benchmarks.coverage import set_metric, summary
from tests.benchmarks.laws import relu_mixture

CASES = (  # metric, d, reference images, generated images, draws
    *(("fd", 64, real, fake, 40) for real, fake in ((500, 500), (500, 2000), (2000, 500), (200, 100))),
    *(("fd", 256, real, fake, 20) for real, fake in ((1000, 1000), (4000, 500), (500, 4000), (400, 400))),
    ("fd", 1280, 2000, 2000, 5),
    *(("mind", 64, real, fake, 150) for real, fake in ((500, 500), (2000, 500), (500, 2000), (4000, 1000))),
)


def drawn(rows: Float64 | None, d: int, counts: tuple[int, int], draw: int) -> tuple[Float64, Float64]:
    """Reference and subject of one distribution, disjoint."""
    rng = np.random.default_rng((draw, d, *counts))
    if rows is None:
        law = relu_mixture(d, 0.0)
        return law(rng, counts[0])[0], law(rng, counts[1])[0]
    chosen = rows[rng.permutation(len(rows))[: sum(counts)]]
    return chosen[: counts[0]], chosen[counts[0] :]


def projected(rows: Float64, d: int) -> Float64:
    """In d fixed random directions; as they are where d is their width."""
    if d == rows.shape[1]:
        return rows
    return rows @ np.random.default_rng(13).normal(size=(rows.shape[1], d)) / rows.shape[1] ** 0.5


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--metrics", default="fd,mind", help="comma-separated")
    parser.add_argument("--first", type=int, default=0, help="number of the first draw; others are other draws")
    options = parser.parse_args()
    file, first = options.features, options.first
    rows = None if file is None else np.asarray(np.load(file)["rows"], dtype=np.float64)
    print("| metric | d | n_real | n_fake | draws | value / floor | value / floor before it is carried over |")
    print("|---|---:|---:|---:|---:|---|---:|")
    for name, d, n_real, n_fake, draws in CASES:
        if name not in options.metrics.split(","):
            continue
        metric = set_metric(name)
        if metric.of_rows is None:
            raise TypeError(f"{name} has no floor")
        population = None if rows is None else projected(rows, d)
        value, carried, halved = np.empty(draws), np.empty(draws), np.empty(draws)
        for draw in range(draws):
            real, fake = (summary((one, one[:, :1])) for one in drawn(population, d, (n_real, n_fake), first + draw))
            if real.bank is None or fake.bank is None:
                raise RuntimeError("sets have rows")
            values = metric.of_rows(real.bank.rows(), fake.bank.rows(), metric.params)
            halves = noise_floor(metric, real, n_fake)
            if halves is None:
                raise RuntimeError("too few images for halves")
            value[draw], halved[draw] = values[name], halves.values[name]
            carried[draw] = at_counts(halves, metric, real, fake, values).values[name]
        ratio = value.mean() / carried.mean()
        low, high = np.asarray(mean_interval(value - ratio * carried)) / carried.mean() + ratio
        found = f"{ratio:.3f} [{low:.3f}, {high:.3f}]"
        cells = (name, d, n_real, n_fake, draws, found, f"{value.mean() / halved.mean():.2f}")
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
