"""torchmetrics' class: `from ganeval.compat.torchmetrics import FrechetInceptionDistance`.

Values: those of torchmetrics 1.9.0 (`antialias=True`, its default since 1.8) or 1.7 (`antialias=False`).
"""

import contextlib
from pathlib import Path

import torch
from torch import Tensor

from ganeval.compat.shared import distance, open_network, refuse
from ganeval.errors import DataError, TooFewSamplesError
from ganeval.explain.pipelines import TOOLS
from ganeval.scoring.feature_pass import run_network
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


class FrechetInceptionDistance:
    """FID by batches: `update(images, real=...)`, `compute()`, `reset()`.

    Of one process: sums of several are not joined.

    Args:
        feature: 2048.
        reset_real_features: Whether `reset` forgets the reference too.
        normalize: True for floats in 0..1, cut to bytes as torchmetrics does (no rounding); False for uint8.
        input_img_size: Taken and not used: it goes with a network of one's own.
        feature_extractor_weights_path: File in the canonical layout; None for the canonical one in ganeval's cache.
        antialias: True for the resize of torchmetrics from 1.8 on, False for that of 1.7 and older.
        device: Where the network runs, or "auto".

    Raises:
        GanevalError: weights that cannot be used, or a `feature` that is not supported.

    Example:
        fid = FrechetInceptionDistance()
        fid.update(real_images, real=True)
        fid.update(fake_images, real=False)
        fid.compute()
    """

    def __init__(
        self,
        feature: int = 2048,
        reset_real_features: bool = True,
        normalize: bool = False,
        input_img_size: tuple[int, int, int] = (3, 299, 299),
        feature_extractor_weights_path: str | Path | None = None,
        antialias: bool = True,
        *,
        device: str | torch.device = "auto",
    ) -> None:
        del input_img_size
        refuse(
            "FrechetInceptionDistance",
            [("feature", feature != 2048, "Use 2048; for other networks ganeval.score(..., metrics='fd@BACKBONE').")],
        )
        self.reset_real_features = reset_real_features
        self.normalize = normalize
        self._tool = TOOLS["torchmetrics-1.8" if antialias else "torchmetrics-1.7"]
        with contextlib.ExitStack() as stack:  # nothing is kept on disk
            passes = open_network(
                stack,
                self._tool.path,
                weights=feature_extractor_weights_path,
                device=device,
                batch_size=32,
                cache=False,
            )
        self._backbone = passes.backbones[self._tool.path].load()
        self._moments = {True: self._nothing(), False: self._nothing()}

    def update(self, imgs: Tensor, real: bool) -> None:
        """Adds a batch.

        Args:
            imgs: (N, 3, H, W); uint8, or floats in 0..1 with `normalize`.
            real: Which side it belongs to.

        Raises:
            DataError: another shape or type, or floats outside of 0..1.
        """
        if imgs.dim() != 4 or imgs.shape[1] != 3 or imgs.is_floating_point() != self.normalize:
            expected = "floats in 0..1" if self.normalize else "uint8"
            raise DataError(f"update got {imgs.dtype} {tuple(imgs.shape)}; expected {expected}, (N, 3, height, width).")
        if self.normalize:
            if not bool(((imgs >= 0) & (imgs <= 1)).all()):
                raise DataError("update got floats outside of 0..1, or NaN; bytes would wrap around. Scale them first.")
            imgs = (imgs * 255).byte()
        elif imgs.dtype != torch.uint8:
            raise DataError(f"update got {imgs.dtype}; expected uint8, or floats in 0..1 with normalize=True.")
        if not len(imgs):
            return
        features, _ = run_network(self._backbone, list(imgs.detach().cpu().numpy()))
        self._moments[bool(real)] = self._moments[bool(real)].merge(Moments.of(features))

    def compute(self) -> Tensor:
        """The FID of what was added, a float32 scalar.

        Raises:
            TooFewSamplesError: fewer than two images on a side.
        """
        for side, real in (("real", True), ("fake", False)):
            if self._moments[real].n < 2:
                raise TooFewSamplesError(
                    f"FID needs at least 2 {side} images; update(..., real={real}) got {self._moments[real].n}."
                )
        value = distance(SetSummary(self._moments[True]), SetSummary(self._moments[False]), self._tool)
        return torch.tensor(value, dtype=torch.float32, device="cpu")

    def reset(self) -> None:
        """Forgets the fakes, and the reals unless they were to be kept."""
        self._moments[False] = self._nothing()
        if self.reset_real_features:
            self._moments[True] = self._nothing()

    def _nothing(self) -> Moments:
        return Moments.empty(self._backbone.info.dim or 0)
