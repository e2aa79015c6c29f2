"""Pictures of a trained generator: rows of images with labels, and the density of a generator of numbers."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganeval.files.figures import figure_bytes, own_style
from ganeval.sources.base import Pixels
from reference_models.data.training_data import MIXTURE

CELL = 72  # side of an image on a sheet, pixels
GAP, MARGIN, LINE = 4, 8, 15


@dataclass(frozen=True)
class Row:
    """One row of a sheet.

    Attributes:
        label: Text on the left, one or more lines.
        images: uint8 (3, H, W) each; None leaves a gap.
        captions: Text below each image, "" for none.
    """

    label: str
    images: Sequence[Pixels | None]
    captions: Sequence[str] = ()


def sheet(title: str, headings: Sequence[str], rows: Sequence[Row]) -> bytes:
    """A PNG of rows of images with their labels.

    Args:
        title: Lines at the top.
        headings: Text above each column, "" for none.
        rows: Rows of images.
    """
    font = ImageFont.load_default(11)
    columns = max(len(row.images) for row in rows)
    lines = title.count("\n") + 1
    heights = [CELL + GAP + (LINE if any(row.captions) else 0) for row in rows]
    top = MARGIN + LINE * (lines + 1)
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    label = MARGIN + max(round(probe.multiline_textbbox((0, 0), row.label, font=font)[2]) for row in rows)
    width = max(label + columns * (CELL + GAP), round(probe.multiline_textbbox((0, 0), title, font=font)[2]))
    canvas = Image.new("RGB", (2 * MARGIN + width, top + sum(heights) + MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    pen.multiline_text((MARGIN, MARGIN), title, "black", font, spacing=LINE - 11)
    for column, heading in enumerate(headings):
        pen.text((MARGIN + label + column * (CELL + GAP), top - LINE), heading, "black", font)
    for row, height in zip(rows, heights, strict=True):
        pen.multiline_text((MARGIN, top + 2), row.label, "black", font, spacing=2)
        for column, pixels in enumerate(row.images):
            left = MARGIN + label + column * (CELL + GAP)
            if pixels is not None:
                canvas.paste(_cell(pixels), (left, top))
            if column < len(row.captions):
                pen.text((left, top + CELL), row.captions[column], "dimgray", font)
        top += height
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG")
    return buffer.getvalue()


def _cell(pixels: Pixels) -> Image.Image:
    """An image resized to a cell; small ones are enlarged by whole factors."""
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    factor = CELL / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BICUBIC)


def mixture_density(at: np.ndarray) -> np.ndarray:
    """The true density of the recipe `mixture-1d`, per unit."""
    parts = [w / (s * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((at - m) / s) ** 2) for w, m, s in MIXTURE]
    return np.asarray(np.sum(parts, axis=0))


def numbers_distance(numbers: Float[Tensor, "N 1"]) -> float:
    """1-Wasserstein distance of numbers to the true mixture: the mean gap between sorted numbers and its quantiles."""
    values = np.sort(numbers.detach().to("cpu", torch.float64).numpy().ravel())
    grid = np.linspace(-1.5, 1.5, 300_001)
    cumulative = np.cumsum(mixture_density(grid))
    levels = (np.arange(len(values)) + 0.5) / len(values)
    return float(np.abs(values - np.interp(levels, cumulative / cumulative[-1], grid)).mean())


@own_style()
def density_picture(numbers: Float[Tensor, "N 1"], title: str) -> bytes:
    """A PNG: the histogram of generated numbers over the true density of the mixture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # takes a second to import; only one model needs it
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    grid = np.linspace(-1, 1, 801)
    values = numbers.detach().to("cpu", torch.float64).numpy().ravel()
    axes.hist(values, bins=np.linspace(-1, 1, 101).tolist(), density=True, color="0.8", label="generated")
    axes.plot(grid, mixture_density(grid), color="C3", label="true density")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("value")
    axes.set_ylabel("density")
    axes.legend()
    return figure_bytes(figure, "png", dpi=110, tight=True)
