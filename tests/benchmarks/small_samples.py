"""Three promises of small samples, `python -m tests.benchmarks.small_samples`, one table each, 95% binomial intervals.

1. The interval of a mean of per-image values: Student's t and the accelerated bootstrap (BCa), of normal and skewed
   values, at 20 to 200 images. With --photos FOLDER of real ones instead: psnr, ssim and pd of tiles of 96 x 96 pixels,
   every other one, compressed by JPEG at quality 30, and what they differ by at 60 and 30.
2. `--until-rel`: the mean of kd where looks at growing counts stop by a standard error relative to the value, over that
   of all images; ReLU mixtures of 16 dimensions, looks at 50, 100, ... 1600 images.
3. `--check`: how often a fresh training seed is inside the range of 3, 5 and 10 seeds, normal and log-normal ones with
   a coefficient of variation of 0.02 to 0.3, beside the chance that is printed.
"""

import argparse
import io
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats

import ganeval
from ganeval.metrics.kernel import cubic_kernel, kernel_sums
from ganeval.notebook.by_image import by_image
from ganeval.stats.intervals import bca_interval, mean_interval
from ganeval.stats.sequential import planned_looks
from ganeval.summaries.moments import Float64
from reference_models.recipes.expected import check_range
from reference_models.recipes.recipe import Expected
from tests.benchmarks.laws import relu_mixture

Law = Callable[[np.random.Generator, int], Float64]
LAWS: dict[str, tuple[Law, float]] = {
    "normal": (lambda rng, n: rng.normal(0.0, 1.0, n), 0.0),
    "log-normal, sigma 0.5": (lambda rng, n: rng.lognormal(0.0, 0.5, n), math.exp(0.125)),
    "exponential": (lambda rng, n: rng.exponential(1.0, n), 1.0),
}
GOALS = (0.02, 0.05, 0.1, 0.2, 0.4)
TILE, QUALITIES = 96, (30, 60)


def counted(number: int, draws: int) -> str:
    """A share with its binomial interval."""
    low, high = stats.binomtest(number, draws).proportion_ci(0.95)
    return f"{number / draws:.3f} [{low:.3f}, {high:.3f}]"


def photo_laws(photos: Path) -> dict[str, tuple[Law, float]]:
    """Per-image values of all tiles of a folder's photos, drawn independently."""
    with tempfile.TemporaryDirectory() as home:
        folders = {quality: Path(home, str(quality)) for quality in (100, *QUALITIES)}
        for folder in folders.values():
            folder.mkdir()
        for path in sorted(photos.rglob("*.png")):
            with Image.open(path) as photo:
                whole = photo.convert("RGB")
            for left in range(0, whole.width - TILE + 1, 2 * TILE):
                for top in range(0, whole.height - TILE + 1, 2 * TILE):
                    tile, name = whole.crop((left, top, left + TILE, top + TILE)), f"{path.stem}-{left}-{top}.png"
                    tile.save(folders[100] / name)
                    for quality in QUALITIES:
                        written = io.BytesIO()
                        tile.save(written, "JPEG", quality=quality)
                        Image.open(written).save(folders[quality] / name)
        metrics = "psnr,ssim,pd@efflite0"
        rows = {
            quality: ganeval.score(folders[quality], paired=folders[100], metrics=metrics, cache=False).rows
            for quality in QUALITIES
        }
    values: dict[str, Float64] = {}
    for low, high in zip(rows[30], rows[60], strict=True):
        a, b = (known_values(by_image(row)) for row in (low, high))
        values |= {low.key: a, f"{low.key}, difference": b - a}
    return {
        name: (lambda rng, n, own=own: own[rng.integers(0, len(own), n)], float(own.mean()))  # type: ignore[misc]
        for name, own in values.items()
    }


def known_values(found: Mapping[str, float | None] | None) -> Float64:
    """In the order of the images."""
    return np.asarray([value for _, value in sorted((found or {}).items())], dtype=np.float64)


def means(draws: int, laws: Mapping[str, tuple[Law, float]]) -> None:
    """Coverage of t and BCa."""
    print("| values | images | Student t covers | BCa covers |\n|---|---:|---|---|")
    for name, (law, mean) in laws.items():
        for n in (20, 30, 50, 100, 200):
            held = dict.fromkeys(("t", "bca"), 0)
            for draw in range(draws):
                values = law(np.random.default_rng((draw, n)), n)
                for kind, (low, high) in (("t", mean_interval(values)), ("bca", bca_interval(values, resamples=1999))):
                    held[kind] += low <= mean <= high
            print(f"| {name} | {n} | {counted(held['t'], draws)} | {counted(held['bca'], draws)} |", flush=True)


def stopping(draws: int) -> None:
    """Bias of the value at the stop."""
    real, fake, looks = relu_mixture(16, 0.0), relu_mixture(16, 0.1), planned_looks(50, 1600)
    at_stop: dict[float, list[float]] = {goal: [] for goal in GOALS}
    whole = []
    for draw in range(draws):
        rng = np.random.default_rng((draw, 77))
        rows = real(rng, looks[-1])[0], fake(rng, looks[-1])[0]
        values = []
        for n in looks:
            sums = kernel_sums(rows[0][:n], rows[1][:n], cubic_kernel)
            values.append((sums.mmd2_unbiased(), sums.stderr()))
        whole.append(values[-1][0])
        for goal in GOALS:
            reached = (value for value, stderr in values if value and stderr / abs(value) <= goal)
            at_stop[goal].append(next(reached, values[-1][0]))
    print("| `--until-rel` | value at the stop over that of all images, less 1 | 95% interval |\n|---:|---:|---|")
    for goal, values_of in at_stop.items():
        off = (np.asarray(values_of) - np.asarray(whole)) / np.mean(whole)
        mean, error = float(off.mean()), 1.96 * float(off.std(ddof=1)) / math.sqrt(draws)
        print(f"| {goal:.0%} | {mean:+.1%} | {mean - error:+.1%} to {mean + error:+.1%} |", flush=True)


def checks(draws: int) -> None:
    """Fresh seeds inside the range, the untrained generator out of reach and at three times the mean."""
    print("| seeds | deviation | distribution | untrained | printed | inside |\n|---:|---:|---|---|---:|---|")
    for seeds in (3, 5, 10):
        for deviation in (0.02, 0.1, 0.3):
            for name in ("normal", "log-normal"):
                for untrained in (None, 3.0):
                    inside, printed = 0, 0.0
                    for draw in range(draws):
                        rng = np.random.default_rng((draw, seeds, round(100 * deviation)))
                        z = deviation * rng.normal(size=seeds + 1)
                        *known, fresh = 1.0 + z if name == "normal" else np.exp(z)
                        expected = Expected("fd", "last", float(np.mean(known)), float(np.std(known, ddof=1)), seeds)
                        found = check_range(expected, untrained)
                        inside += found.low <= fresh <= found.high
                        printed += found.passes / draws
                    reach = "-" if untrained is None else f"{untrained:g} times"
                    cells = (seeds, deviation, name, reach, f"{printed:.3f}", counted(inside, draws))
                    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def main() -> None:
    """Prints the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--photos", type=Path, help="prints the first table alone, of real values")
    options = parser.parse_args()
    if options.photos is not None:
        means(options.draws, photo_laws(options.photos))
        return
    checks(options.draws)
    print()
    means(options.draws, LAWS)
    print()
    stopping(options.draws)


if __name__ == "__main__":
    main()
