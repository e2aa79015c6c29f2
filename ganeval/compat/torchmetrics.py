"""torchmetrics' class: `from ganeval.compat.torchmetrics import FrechetInceptionDistance`.

Values: those of torchmetrics 1.9.0 (`antialias=True`, its default since 1.8) or 1.7 (`antialias=False`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from ganeval.compat.shared import distance, open_network, refuse
from ganeval.errors import DataError, TooFewSamplesError
from ganeval.explain.pipelines import TOOLS
from ganeval.scoring.feature_pass import run_network
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


class _Sums(nn.Module):
    """Stand-in for `torchmetrics.Metric` if torchmetrics is not installed: sums as buffers."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        del settings  # torchmetrics' options of synchronisation
        self._defaults: dict[str, Tensor] = {}

    @property
    def device(self) -> torch.device:
        """Device of the sums."""
        return next(self.buffers()).device

    def add_state(self, name: str, default: Tensor, dist_reduce_fx: str) -> None:
        """Adds a sum with its initial value."""
        del dist_reduce_fx
        self._defaults[name] = default.clone()
        self.register_buffer(name, default, persistent=False)

    def reset(self) -> None:
        """Resets all sums to their initial values."""
        for name, default in self._defaults.items():
            setattr(self, name, default.detach().clone().to(getattr(self, name).device))


if TYPE_CHECKING:
    _Base = _Sums
else:
    try:
        from torchmetrics import Metric as _Base  # a MetricCollection accepts only this class
    except ImportError:
        _Base = _Sums


class FrechetInceptionDistance(_Base):
    """FID by batches: `update(images, real=...)`, `compute()`, `reset()`.

    A `torchmetrics.Metric` if torchmetrics is installed, else an `nn.Module`. `to(device)` moves sums and network. It
    works in a `MetricCollection` or a `ModuleDict`, and its sums are added up over processes by `compute`, unless
    `sync_on_compute=False`. A direct call adds a batch and returns the FID so far, or NaN while a set has fewer than
    two images (torchmetrics raises an error).

    Args:
        feature: 2048.
        reset_real_features: Whether `reset` also clears the reference.
        normalize: True for floats in 0..1, truncated to bytes as torchmetrics does; False for uint8.
        input_img_size: Ignored: it belongs to a custom network.
        feature_extractor_weights_path: File in the canonical layout; None for the canonical one in ganeval's cache.
        antialias: True for the resize of torchmetrics from 1.8 on, False for that of 1.7 and older.
        device: Initial device of the network, or "auto".
        settings: Options of `torchmetrics.Metric`, such as `sync_on_compute=False`.

    Raises:
        GanevalError: weights that cannot be used, or a `feature` that is not supported.

    Example:
        fid = FrechetInceptionDistance()
        fid.update(real_images, real=True)
        fid.update(fake_images, real=False)
        fid.compute()
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    plot_lower_bound: float = 0.0
    real_count: Tensor
    real_sum: Tensor
    real_products: Tensor
    fake_count: Tensor
    fake_sum: Tensor
    fake_products: Tensor

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
        **settings: Any,
    ) -> None:
        del input_img_size
        refuse(
            "FrechetInceptionDistance",
            [("feature", feature != 2048, "Use 2048; for other networks ganeval.score(..., metrics='fd@BACKBONE').")],
        )
        super().__init__(**settings)
        self.reset_real_features = reset_real_features
        self.normalize = normalize
        self._weights = feature_extractor_weights_path
        self._tool = TOOLS["torchmetrics-1.8" if antialias else "torchmetrics-1.7"]
        self._network: Any = None
        self._place: str | torch.device = device
        dim = self._opened().info.dim or 0
        for side in ("real", "fake"):
            self.add_state(f"{side}_count", torch.zeros((), dtype=torch.int64, device="cpu"), "sum")
            self.add_state(f"{side}_sum", torch.zeros(dim, dtype=torch.float64, device="cpu"), "sum")
            self.add_state(f"{side}_products", torch.zeros(dim, dim, dtype=torch.float64, device="cpu"), "sum")

    def _opened(self) -> Any:
        """The network, loaded again after a move or a copy; it isn't part of the state."""
        if self._network is None:
            with contextlib.ExitStack() as stack:  # nothing stays on disk
                passes = open_network(
                    stack, self._tool.path, weights=self._weights, device=self._place, batch_size=32, cache=False
                )
            self._network = passes.backbones[self._tool.path].load()
        return self._network

    def _apply(self, fn: Callable[[Tensor], Tensor], *arguments: Any, **others: Any) -> Self:
        """Called by `to`, `cuda` and `cpu`: the network moves with the sums, which stay float64."""
        before = self.fake_sum.device
        super()._apply(lambda tensor: fn(tensor).to(tensor.dtype), *arguments, **others)  # type: ignore[no-untyped-call]
        if self.fake_sum.device != before:
            self._place, self._network = self.fake_sum.device, None
        return self

    def __getstate__(self) -> dict[str, Any]:
        kept: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        return {**kept, "_network": None}

    def update(self, imgs: Tensor, real: bool) -> None:
        """Adds a batch.

        Args:
            imgs: (N, 3, H, W); uint8, or floats in 0..1 with `normalize`.
            real: True for the reference.

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
        features, _ = run_network(self._opened(), list(imgs.detach().cpu().numpy()))
        rows = torch.from_numpy(features).double().to(self.fake_sum.device)
        side = "real" if real else "fake"
        setattr(self, f"{side}_count", getattr(self, f"{side}_count") + len(rows))
        setattr(self, f"{side}_sum", getattr(self, f"{side}_sum") + rows.sum(dim=0))
        setattr(self, f"{side}_products", getattr(self, f"{side}_products") + rows.T @ rows)

    def compute(self) -> Tensor:
        """The FID of all batches, a float32 scalar.

        Raises:
            TooFewSamplesError: fewer than two images in a set.
        """
        sides = {side: self._moments(side) for side in ("real", "fake")}
        for side, moments in sides.items():
            if moments.n < 2:
                raise TooFewSamplesError(
                    f"FID needs at least 2 {side} images; update(..., real={side == 'real'}) got {moments.n}."
                )
        value = distance(SetSummary(sides["real"]), SetSummary(sides["fake"]), self._tool)
        return torch.tensor(value, dtype=torch.float32, device=self.fake_sum.device)

    def forward(self, imgs: Tensor, real: bool) -> Tensor:
        """Adds a batch and returns the FID so far; NaN while a set has fewer than two images."""
        self.update(imgs, real)
        if min(int(self.real_count), int(self.fake_count)) < 2:
            return torch.tensor(float("nan"), device=self.fake_sum.device)
        return self.compute()

    def reset(self) -> None:
        """Clears the generated images, and the reference if `reset_real_features` is set."""
        names = ("real_count", "real_sum", "real_products")
        kept = {name: getattr(self, name) for name in names if not self.reset_real_features}
        super().reset()
        for name, value in kept.items():
            setattr(self, name, value)

    def _moments(self, side: str) -> Moments:
        n = int(getattr(self, f"{side}_count"))
        total, products = (getattr(self, f"{side}_{name}").cpu().numpy() for name in ("sum", "products"))
        mean = total / max(n, 1)
        return Moments(n, mean, products - n * mean[:, None] * mean[None, :])
