"""Draws docs/images/verdicts.png: four sets of images, what `ganeval score` says of each, and the kernel distance.

    python docs/first_picture.py FOLDER_OF_DATA_SETS

Needs Fashion-MNIST in that folder (`ganeval data fetch fashion-mnist`).
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from ganeval.sources.datasets.mnist import read_idx

COUNT, SHOWN = 2000, 9
GENERATOR = "gan-fashion.fashion-mnist"
INK, MUTED, GOOD, BAD = "#1b1f24", "#6a737d", "#1a7f37", "#b42318"


def jpeg(pixels: NDArray[np.uint8]) -> Image.Image:
    """The picture after JPEG of quality 10."""
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "JPEG", quality=10)
    return Image.open(io.BytesIO(stored.getvalue()))


def write(folder: Path, images: NDArray[np.uint8], change: Callable[[NDArray[np.uint8]], Image.Image]) -> Path:
    """A folder of the first COUNT images, each changed."""
    folder.mkdir()
    for number, pixels in enumerate(images[:COUNT]):
        change(pixels).save(folder / f"{number:04}.png")
    return folder


def ganeval(*words: str) -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "ganeval.cli.main", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main(data: Path) -> None:
    """Makes the sets, scores them, and draws."""
    raw = data / "FashionMNIST" / "raw"
    images = read_idx(next(raw.glob("t10k-images-idx3-ubyte*")), 3)
    labels = read_idx(next(raw.glob("t10k-labels-idx1-ubyte*")), 1)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        write(place / "drawn", images, Image.fromarray)
        ganeval("sample", GENERATOR, "-n", str(COUNT), "-o", str(place / "gan"))
        sets = {
            "Other real images": str(place / "drawn"),
            "Three of ten classes": str(write(place / "few", images[labels < 3], Image.fromarray)),
            "JPEG, quality 10": str(write(place / "jpeg", images, jpeg)),
            "A small GAN": str(place / "gan"),
        }
        options = ["--reference", "fashion-mnist:train", "--num-samples", str(COUNT), "--data-root", str(data)]
        chosen = ["--metrics", "kd,precision,recall"]
        figure, rows = plt.subplots(
            len(sets), 2, figsize=(10, 4.4), width_ratios=[1.15, 1], layout="constrained", dpi=200
        )
        for (title, folder), (strip, scale) in zip(sets.items(), rows, strict=True):
            said = ganeval("score", folder, *options, *chosen).splitlines()[1]
            print(title, folder, said, sep=" | ")
            found = {
                row["key"]: row
                for row in json.loads(ganeval("score", folder, *options, *chosen, "--json", "-"))["rows"]
            }
            files = sorted(Path(folder).rglob("*.png"))[:SHOWN]
            strip.imshow(
                np.concatenate([np.asarray(Image.open(file).convert("L")) for file in files], axis=1), cmap="gray"
            )
            strip.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
            strip.axis("off")
            draw(scale, found["kd@efflite0"], said)
        rows[-1, 1].set_xlabel("Kernel distance to 2,000 real images, with its 95% interval", fontsize=8, color=MUTED)
        rows[-1, 1].tick_params(labelbottom=True)
        figure.savefig(Path(__file__).parent / "images" / "verdicts.png", facecolor="white")


def draw(axes: Axes, row: dict[str, object], said: str) -> None:
    """One distance with its interval, and the answer above it."""
    colour = GOOD if said.startswith("No difference") else BAD
    value = float(str(row["value"]))
    ends = row["ci95"] if isinstance(row["ci95"], list) else [value, value]
    axes.plot(ends, [0, 0], color=colour, linewidth=3, solid_capstyle="round")
    axes.plot([value], [0], "o", color=colour, markersize=7)
    axes.set_xscale("symlog", linthresh=1e-3)
    axes.set(xlim=(-1e-3, 2), ylim=(-1, 1), yticks=[])
    axes.set_title(said, loc="left", fontsize=9, color=colour, wrap=True)
    axes.tick_params(labelbottom=False, labelsize=8, colors=MUTED)
    axes.spines[["top", "left", "right"]].set_visible(False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
