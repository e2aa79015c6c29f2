"""How often doctor finds something in clean real images: `python -m tests.benchmarks.doctor_alarms`.

Draws disjoint pairs of random subsets of Fashion-MNIST, CIFAR-10 and BSD100 (below GANEVAL_DATA), holds one against the
other, and counts the findings by check and severity. Whatever is not "info" is a false alarm, but for `count` (the
subsets are small) and for what is true of the set (BSD100's PNG files were JPEG).
"""

import argparse
import os
from collections import Counter
from pathlib import Path

import numpy as np

from ganeval.doctor.examine import examine
from ganeval.progress import Silent
from ganeval.sources.base import Subset
from ganeval.sources.resolve import open_source

SETS = (("fashion-mnist:test", (100, 1000)), ("cifar10-test.zip", (100, 1000)), ("bsd100", (50,)))


def main() -> None:
    """Prints one line a set and size, as a row of a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--root", type=Path, default=Path(os.environ.get("GANEVAL_DATA", ".")))
    arguments = parser.parse_args()
    print("| set | images a side | pairs | serious | warning | info |\n|---|---|---|---|---|---|", flush=True)
    for name, counts in SETS:
        path = arguments.root / name
        whole = open_source(str(path) if path.exists() else name, data_root=arguments.root)
        for n in counts:
            found: dict[str, Counter[str]] = {"serious": Counter(), "warning": Counter(), "info": Counter()}
            for draw in range(arguments.draws):
                order = np.random.default_rng(draw).permutation(len(whole)).tolist()
                sides = [Subset(whole, order[:n]), Subset(whole, order[n : 2 * n])]
                for finding in examine(sides[0], sides[1], Silent()).findings:
                    found[finding.severity][finding.name] += 1
            cells = [", ".join(f"{k} {v}" for k, v in sorted(c.items())) or "none" for c in found.values()]
            print(f"| {name} | {n:,} | {arguments.draws} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
