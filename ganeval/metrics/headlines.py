"""How people read a metric: its name in the field's words, the question that it answers, its place on the screen."""

from dataclasses import dataclass
from typing import Literal

Question = Literal["distance", "fidelity", "diversity", "pair", "classifier"]
"""How far from the reference; do the images look real; is the reference covered; how near is each image to its
original; how sure and varied is a classifier."""


@dataclass(frozen=True)
class Headline:
    """One output on the short screen.

    Attributes:
        order: Its place there, from the top.
        title: Its name in the field's words.
        question: What it answers.
        published: The published number that it is on the canonical network, and is not on any other; "" for none.
    """

    order: int
    title: str
    question: Question
    published: str = ""


HEADLINES = {
    "fd": Headline(1, "Fréchet distance", "distance", "FID"),
    "kd": Headline(2, "Kernel distance", "distance", "KID"),
    "cmmd": Headline(3, "CLIP kernel distance", "distance", "CMMD"),
    "precision": Headline(4, "Precision", "fidelity"),
    "recall": Headline(5, "Recall", "diversity"),
    "cs": Headline(6, "Classifier score", "classifier", "Inception Score"),
    "psnr": Headline(7, "PSNR", "pair"),
    "ssim": Headline(8, "SSIM", "pair"),
    "lpips": Headline(9, "LPIPS", "pair"),
    "pd": Headline(10, "Perceptual distance", "pair", "LPIPS"),
}
"""By output."""

READ_AS = {"density": HEADLINES["precision"], "coverage": HEADLINES["recall"], "mind": HEADLINES["fd"]}
"""Outputs that answer the question of another and are not on the short screen."""

FIELD_NAMES = {
    "fid": "FID",
    "kid": "KID",
    "is": "Inception Score",
    "fd_dinov2": "FD-DINOv2",
    "cmmd": "CMMD",
    "lpips": "LPIPS (VGG16)",
    "lpips_alex": "LPIPS (AlexNet)",
    "vgg": "VGG19 distance",
}
"""By canonical key."""
