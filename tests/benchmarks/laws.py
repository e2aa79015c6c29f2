"""Pairs of laws whose distance is known: what the coverage benchmark draws from.

Toy laws are continuous; their truth comes from very many draws. A real law is the empirical law of a few thousand
feature rows, drawn from with replacement: draws are independent, and the truth is the metric of the rows themselves.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.sources.base import ImageSource, seeded_subset
from ganeval.sources.resolve import open_source
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

BLUR = 0.7  # pixels of 28: hardly seen by eye
BLURRED = 3000  # images; the network is what takes time
CLASSES_KEPT = 8

Rows = tuple[Float64, Float64]
"""Features (n, d) and logits (n, K) of the same images."""
Law = Callable[[np.random.Generator, int], Rows]


@dataclass(frozen=True)
class Pair:
    """A reference's law and a generated one.

    Attributes:
        real: Draws n images of the reference.
        fake: Draws n generated images.
        populations: All rows of both, where the laws are empirical.
    """

    real: Law
    fake: Law
    populations: tuple[Rows, Rows] | None = None


def _with_logits(features: Float64) -> Rows:
    return features, features[:, :10] * 2


def gaussian(d: int, shift: float) -> Law:
    """Diagonal covariance with a spread of two decades; the second law is wider and shifted by `shift`."""
    scale = np.geomspace(1.0, 0.1, d) * (1.0 + shift)
    return lambda rng, n: _with_logits(rng.normal(size=(n, d)) * scale + shift / d**0.5)


def relu_mixture(d: int, shift: float) -> Law:
    """Four clusters, mixed and cut at zero: correlated, non-negative, clustered, as pooled features are."""
    mixing = np.random.default_rng(5).normal(size=(d, d)) / d**0.5
    centres, scale = np.random.default_rng(9).normal(size=(4, d)), np.linspace(0.3, 2.0, d)

    def draw(rng: np.random.Generator, n: int) -> Rows:
        rows = (rng.normal(size=(n, d)) * scale + centres[rng.integers(0, 4, n)]) @ mixing
        # The little noise keeps units that are rarely on from being constant in a small sample.
        return _with_logits(np.maximum(rows * (1.0 + shift) + shift, 0.0) + 1e-3 * rng.normal(size=(n, d)))

    return draw


def empirical(rows: Rows) -> Law:
    """Independent draws of given rows, with replacement."""

    def draw(rng: np.random.Generator, n: int) -> Rows:
        chosen = rng.integers(0, len(rows[0]), n)
        return rows[0][chosen], rows[1][chosen]

    return draw


def without_replacement(rows: Rows) -> Law:
    """The same without replacement, for nearest neighbours, which equal images would upset."""

    def draw(rng: np.random.Generator, n: int) -> Rows:
        chosen = rng.permutation(len(rows[0]))[:n]
        return rows[0][chosen], rows[1][chosen]

    return draw


def real_data() -> str:
    """Which data set the real features are of."""
    return "fashion-mnist" if os.environ.get("GANEVAL_DATA") else "digits"


def _root() -> Path | None:
    root = os.environ.get("GANEVAL_DATA")
    return None if root is None else Path(root)


def _features(subject: str) -> SetSummary:
    return build_reference(ScoreOptions(subject, data_root=_root()), ["efflite0"], Silent()).sets["efflite0"]


def _rows(summary: SetSummary, keep: Sequence[int] | None = None) -> Rows:
    if summary.bank is None or summary.logits is None:
        raise RuntimeError("efflite0 gives features and logits")
    features, logits = summary.bank.rows(), summary.logits.rows()
    chosen = np.arange(len(features)) if keep is None else np.asarray(keep)
    return features[chosen], logits[chosen]


def _blurred(source: ImageSource) -> np.ndarray:
    images = (source.read(i).decode().pixels.transpose(1, 2, 0) for i in range(len(source)))
    return np.stack([np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(BLUR))) for image in images])


@lru_cache
def populations(difference: str) -> tuple[Rows, Rows]:
    """Features of a reference and of a set that differs from it as told: "classes" or "blur".

    The reference is the test split of Fashion-MNIST, or all digits. "classes" leaves out its last two classes, "blur"
    blurs some of its images. The network runs once; ganeval's cache keeps the features.
    """
    name = "fashion-mnist:test" if real_data() == "fashion-mnist" else "digits:all"
    reference = _features(name)
    if difference == "classes":
        labels = reference.labels or ()
        kept = sorted(set(labels))[:CLASSES_KEPT]
        return _rows(reference), _rows(reference, [i for i, label in enumerate(labels) if label in kept])
    source = seeded_subset(open_source(name, data_root=_root()), BLURRED, 0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "blurred.npy"
            np.save(path, _blurred(source))
            return _rows(reference), _rows(_features(str(path)))
    finally:
        source.close()


def projected(rows: Rows, d: int) -> Rows:
    """Features in d random directions, the same for every set; all of them where d is their width."""
    features, logits = rows
    width = features.shape[1]
    if d == width:
        return rows
    directions = np.random.default_rng(13).normal(size=(width, d)) / width**0.5
    return features @ directions, logits


@lru_cache
def real_pair(difference: str, d: int, replacement: bool = True, logits: bool = True) -> Pair:
    """Real features in d directions with a planted difference; logits cost as much as features to draw."""
    real, fake = (projected(rows, d) for rows in populations(difference))
    if not logits:
        real, fake = ((features, scores[:, :1]) for features, scores in (real, fake))
    draw = empirical if replacement else without_replacement
    return Pair(draw(real), draw(fake), (real, fake))


def toy_pair(name: str, d: int, shift: float) -> Pair:
    """Two toy laws a shift apart."""
    law = {"gaussian": gaussian, "relu": relu_mixture}[name]
    return Pair(law(d, 0.0), law(d, shift))
