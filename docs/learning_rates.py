"""Draws docs/images/learning-rates.png and prints the table of docs/learning-rates.md from finished runs.

    python docs/learning_rates.py RUN_FOLDER...

The folders are of one recipe under several schedules, each with the same training seeds.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt

SCORE = "score fd@efflite0"
ORDER = {"constant": "#6a737d", "linear": "#0b6e99", "exponential": "#b5651d", "cyclic": "#1a7f37"}
PICTURE = Path(__file__).parent / "images" / "learning-rates.png"


def main(folders: list[Path]) -> None:
    """Groups the runs by their schedule, draws rates and scores, and prints the table."""
    rates: dict[str, list[tuple[int, float]]] = {}
    scores: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for folder in folders:
        kind = json.loads((folder / "recipe.json").read_text())["schedule"]["kind"]
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        rates[kind] = [(line["step"], line["lr_g"]) for line in lines if "lr_g" in line]
        for line in lines:
            if SCORE in line:
                scores[kind][line["step"]].append(line[SCORE])
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for kind, colour in ORDER.items():
        if kind not in scores:
            continue
        left.plot(*zip(*rates[kind], strict=True), color=colour, label=kind)
        steps = sorted(scores[kind])
        means = [statistics.mean(scores[kind][step]) for step in steps]
        spreads = [statistics.stdev(scores[kind][step]) for step in steps]
        right.errorbar(steps, means, spreads, color=colour, capsize=3, marker="o", markersize=3, label=kind)
        last = scores[kind][steps[-1]]
        sys.stdout.write(f"| {kind} | {means[-1]:.1f} ± {spreads[-1]:.1f} | {', '.join(f'{v:.1f}' for v in last)} |\n")
    left.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    right.set(xlabel="step", ylabel="Fréchet distance (EfficientNet-Lite0)")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
