"""The loop over image pairs: metrics of pixels by the threads that decode them, networks on batches of one size.

Each network sees each image once, whatever the number of its metrics. Memory holds a few batches, never the set.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ganeval.devices import is_out_of_memory
from ganeval.errors import BadImageError, DataError, DeviceMemoryError, UsageError, WeightsError
from ganeval.formatting import counted
from ganeval.metrics.base import Params, PixelMetric, PyramidMetric, many_copies
from ganeval.metrics.luma import crop_border as cut
from ganeval.metrics.luma import pair_luma
from ganeval.metrics.pair_mean import Float64, MeanUncertainty, NoEstimate, mean_estimate, uncertainty_of_mean
from ganeval.scoring.masks import Mask, Masks, check_mask
from ganeval.scoring.pair_names import pair_up
from ganeval.scoring.read_pairs import WAITING_PIXELS, Pair, Size, read_pairs, wide
from ganeval.sources.base import ImageSource, content_hash
from ganeval.sources.decoding_differences import Both

if TYPE_CHECKING:
    import torch
    from jaxtyping import UInt8
    from torch import Tensor

    from ganeval.backbones.base import Backbone

Images = tuple[npt.NDArray[Any], npt.NDArray[Any]]  # (1, C, H, W), uint8 or float64

__all__ = [
    "MeanUncertainty",
    "NoEstimate",
    "PairRequest",
    "PairScores",
    "mean_estimate",
    "score_pairs",
    "uncertainty_of_mean",
]

# A VGG16 that gives all its maps holds 276 float32 a pixel (2·64 + 2·128/4 + 3·256/16 + 3·512/64 + 3·512/256 = 270, and
# the input): 0.6 GB for a batch of this size. An image that is larger than this goes alone.
BATCH_PIXELS = 2**19
# On a CPU larger calls are no faster, and maps that outgrow the caches cost: LPIPS takes 1.17 times the network's time
# with one pair of 256x256 a call, 1.24 with two, 1.38 with four.
CPU_BATCH_PIXELS = 2**16
SMALLER = 4  # a batch that the device's memory doesn't hold is tried once in this many parts


@dataclass(frozen=True)
class PairRequest:
    """One paired metric, on one backbone.

    Attributes:
        metric: The declaration.
        backbone: Registry name, None for a metric of pixels.
        params: All of the metric's parameters. "layers" ("relu2_2,relu3_3") chooses maps other than the declared ones.
        required: With an image that is too small for the metric: True fails; False leaves the metric out and says why
            in `PairScores.too_small` (a plain score runs what the images allow).
    """

    metric: PixelMetric | PyramidMetric
    backbone: str | None
    params: Params
    required: bool = True

    @property
    def key(self) -> str:
        """Name of its values, as in "psnr" and "lpips@vgg16"."""
        name = self.metric.output.name
        return name if self.backbone is None else f"{name}@{self.backbone}"


@dataclass(frozen=True)
class PairScores:
    """Per-image values, and what was seen on the way.

    Attributes:
        stems: Name of each scored pair, that of its original without extension, in the order of the fake source.
        values: Key of a request -> one float64 a pair, in the order of `stems`. +inf under PSNR is a pair of identical
            images; nothing else is infinite, and nothing is NaN.
        params: Key -> parameters that were used, with "layers" written out: what a row must state.
        too_small: Key -> why it has no values; only requests with required=False.
        skipped: "stem: reason" of pairs left out under on_bad="skip".
        seen: What decoding did to the fake and to the real image of each scored pair.
        fake_sha256: Content hash of the fakes that were scored.
        real_sha256: Content hash of their originals.
        seconds: Time by stage.
        left_out: Reason -> entries of the fakes' folder or archive that are no images of the set.
        mask_sha256: Content hash of the masks, None without.
        marked: Pixels that the masks mark, of all pairs together.
        pixels: Pixels of all pairs without their border.
        digests: sha256 of both images of each scored pair.
        copies: How many pairs are exact copies of another pair, in both images.
        paired_by: What was taken off the names to pair them; "" where they agree as they are.
        warnings: What the user should be told of the run.
    """

    stems: list[str]
    values: dict[str, Float64]
    params: dict[str, Params]
    too_small: dict[str, str]
    skipped: list[str]
    seen: list[Both]
    fake_sha256: str
    real_sha256: str
    seconds: dict[str, float]
    left_out: dict[str, int] = field(default_factory=dict)
    copies: int = 0
    paired_by: str = ""
    warnings: tuple[str, ...] = ()
    mask_sha256: str | None = None
    marked: int = 0
    pixels: int = 0
    digests: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def repeated(self) -> str:
        """How many pairs are copies, in words; "" where none is."""
        return f"{self.copies} of {len(self.stems)} pairs are exact copies of others" if self.copies else ""

    @property
    def independent(self) -> bool:
        """False where so many pairs are copies that a standard error, an interval or a test would be too sure."""
        return not many_copies(self.copies, len(self.stems))


def score_pairs(
    fake: ImageSource,
    real: ImageSource,
    requests: Sequence[PairRequest],
    *,
    channel: Literal["rgb", "y"],
    crop_border: int,
    pair_by: str | None = None,
    mod_crop: int = 0,
    masks: Masks | None = None,
    batch_size: int,
    backbones: Mapping[str, Backbone],
    heads: Mapping[str, Mapping[str, Tensor]],
    on_bad: Literal["fail", "skip"],
    progress: Callable[[int], None] | None,
) -> PairScores:
    """Runs every metric on every pair of images.

    Args:
        fake: The images to score.
        real: Their originals.
        requests: Metrics; no two with one key.
        channel: What metrics of pixels look at: all three colours, or the luma of `pair_luma`. Networks see RGB.
        crop_border: Pixels cut off each side, for all metrics, before anything else.
        pair_by: How names pair, as in `--pair-by`.
        mod_crop: Both images are cropped at the right and bottom to multiples of it, before the border; 0 for not.
        masks: Which pixels of each fake count, for metrics that have a value over them; None for all.
        batch_size: Pairs a batch at most, >= 1; fewer of large images (`BATCH_PIXELS`, `CPU_BATCH_PIXELS`).
        backbones: Registry name -> network, for all that the requests name.
        heads: Weights-table name ("lpips-vgg") -> state dict, for all that the requests' metrics name.
        on_bad: What to do with a pair of which an image cannot be decoded.
        progress: Called with the number of pairs read since the last call.

    Raises:
        BadImageError: an image cannot be decoded and on_bad is "fail".
        DataError: names do not pair up, two images of a pair differ in size, an image is too small for a required
            metric or for the cut border, a network gives NaN, or no pair is left.
        UsageError: two requests with one key, or layers that the backbone does not have.
        WeightsError: a backbone or heads are missing, or heads do not fit.
    """
    pairing = pair_up(fake, real, pair_by)
    indices = pairing.indices
    run = _Run(
        requests=list(requests),
        pixel_requests=tuple(request for request in requests if isinstance(request.metric, PixelMetric)),
        params=_resolve(requests, backbones, heads),
        channel=channel,
        border=crop_border,
        batch_size=batch_size,
        backbones=backbones,
        heads=heads,
        values={request.key: np.full(len(indices), math.nan) for request in requests},
    )
    kept: list[int] = []
    stems: list[str] = []
    digests: list[tuple[bytes, bytes]] = []
    skipped: list[str] = []
    seen: list[Both] = []
    mask_digests: list[bytes] = []
    started = time.perf_counter()
    reading = read_pairs(fake, real, indices, 2 * batch_size, mod_crop, run.measure, masks)
    with contextlib.closing(reading) as ahead, threadpool_limits(1, "blas"):  # a product a core, not all for one
        for position, loaded in enumerate(ahead):
            run.seconds["read+decode (waited)"] += time.perf_counter() - started
            if isinstance(loaded, BadImageError):
                if on_bad == "fail":
                    raise loaded
                skipped.append(f"{fake.items[indices[position][0]].stem}: {loaded}")
            else:
                kept.append(position)
                stems.append(loaded.stem)
                digests.append(loaded.digests)
                seen.append(loaded.seen)
                mask_digests.append(loaded.mask_digest)
                run.add(loaded)
            if progress is not None:
                progress(1)
            started = time.perf_counter()
    if not kept:
        raise DataError(
            f"No pair of {fake.name} and {real.name} could be decoded ({counted(len(indices), 'pair')}); first: "
            f"{skipped[0]}"
        )
    run.finish()
    return PairScores(
        stems=stems,
        values={request.key: run.values[request.key][kept] for request in run.requests},
        params=run.params,
        too_small=run.too_small,
        skipped=skipped,
        seen=seen,
        fake_sha256=content_hash([pair[0] for pair in digests]),
        real_sha256=content_hash([pair[1] for pair in digests]),
        seconds=dict(run.seconds),
        left_out=dict(fake.skipped),
        copies=len(digests) - len(set(digests)),
        paired_by=pairing.told,
        warnings=tuple(run.warnings),
        mask_sha256=content_hash(mask_digests) if masks is not None else None,
        marked=run.marked,
        pixels=run.pixels,
        digests=tuple(digests),
    )


def _resolve(
    requests: Sequence[PairRequest],
    backbones: Mapping[str, Backbone],
    heads: Mapping[str, Mapping[str, Tensor]],
) -> dict[str, Params]:
    """Checks that all that is needed is there; key -> parameters, with the layers written out."""
    params: dict[str, Params] = {}
    for request in requests:
        metric, key = request.metric, request.key
        if key in params:
            raise UsageError(f"{key} is asked for twice. Ask for it once, or in two runs where the parameters differ.")
        params[key] = dict(request.params)
        if isinstance(metric, PixelMetric):
            if request.backbone is not None:
                raise UsageError(f"{metric.name} is a metric of pixels and takes no backbone; got {key}.")
            continue
        if request.backbone not in metric.backbones:
            raise UsageError(f"{metric.name} is defined on {', '.join(metric.backbones)}; got {request.backbone}.")
        if request.backbone not in backbones:
            raise WeightsError(f"{key} needs backbone {request.backbone}, which was not loaded.")
        head = metric.heads.get(request.backbone)
        if head is not None and head not in heads:
            raise WeightsError(f"{key} needs the weights {head!r}. Run `ganeval weights fetch {head}`.")
        there = backbones[request.backbone].pyramid_layers
        chosen = str(request.params.get("layers", ""))
        layers = tuple(chosen.split(",")) if chosen else metric.layers.get(request.backbone, there)
        if unknown := [layer for layer in layers if layer not in there]:
            raise UsageError(f"{key}: {request.backbone} has no layer {', '.join(unknown)}; it has {', '.join(there)}.")
        params[key] = {**request.params, "layers": ",".join(layers)}
    return params


@dataclass
class _Run:
    """Pairs on their way through the metrics.

    `requests` loses those for which an image is too small; `pixel_requests` are all of the metrics of pixels.
    """

    requests: list[PairRequest]
    pixel_requests: tuple[PairRequest, ...]
    params: dict[str, Params]
    channel: Literal["rgb", "y"]
    border: int
    batch_size: int
    backbones: Mapping[str, Backbone]
    heads: Mapping[str, Mapping[str, Tensor]]
    values: dict[str, Float64]
    waiting: dict[Size, list[Pair]] = field(default_factory=dict)
    too_small: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    marked: int = 0
    pixels: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def device(self) -> torch.device:
        """Where the networks run: all on one device."""
        return next(iter(self.backbones.values())).device

    def measure(self, pair: Pair) -> dict[str, float]:
        """Values of the metrics of pixels. An image that is too small for one is left to `add`."""
        side = min(pair.size) - 2 * self.border
        requests = [r for r in self.pixel_requests if r.metric.min_side <= side]
        if side < 1 or not requests:
            return {}
        started = time.perf_counter()
        fake, real = cut(pair.fake, self.border), cut(pair.real, self.border)
        mask = self._mask_of(pair)
        shown = pair_luma(fake, real, pair.seen[1].one_channel) if self.channel == "y" else (fake, real)
        metrics = [(r, r.metric) for r in requests if isinstance(r.metric, PixelMetric)]
        stored: Images = shown[0][None], shown[1][None]
        wide = stored
        if not all(metric.takes_bytes for _, metric in metrics):
            wide = stored[0].astype(np.float64, copy=False), stored[1].astype(np.float64, copy=False)
        values = {
            request.key: _value(metric, *(stored if metric.takes_bytes else wide), mask, request.params)
            for request, metric in metrics
        }
        with self.lock:
            self.seconds["pixels"] += time.perf_counter() - started
        return values

    def _mask_of(self, pair: Pair) -> Mask | None:
        """The mask without the border, checked."""
        if pair.mask is None:
            return None
        mask = cut(pair.mask[None], self.border)[0] if pair.mask.shape == pair.size else pair.mask
        check_mask(pair.mask, pair.stem, pair.size, mask)
        return mask

    def add(self, pair: Pair) -> None:
        """Takes the values of a pair, queues it with others of its size for the networks, and runs what is full."""
        self._check(pair)
        mask = self._mask_of(pair)
        self.marked += 0 if mask is None else int(np.count_nonzero(mask))
        self.pixels += 0 if mask is None else mask.size
        for request in self.requests:
            if isinstance(request.metric, PixelMetric):
                self._keep(request, [pair], np.asarray([pair.values[request.key]]))
        if all(isinstance(request.metric, PixelMetric) for request in self.requests):
            return
        queue = self.waiting.setdefault(pair.size, [])
        queue.append(pair)
        most = min(BATCH_PIXELS, CPU_BATCH_PIXELS) if self.device.type == "cpu" else BATCH_PIXELS
        if len(queue) >= min(self.batch_size, max(1, most // pair.area)):
            self._score(self.waiting.pop(pair.size))
        elif sum(p.area for waiting in self.waiting.values() for p in waiting) > WAITING_PIXELS:
            largest = max(self.waiting, key=lambda size: size[0] * size[1] * len(self.waiting[size]))
            self._score(self.waiting.pop(largest))

    def finish(self) -> None:
        """Runs what is left."""
        for batch in self.waiting.values():
            self._score(batch)
        self.waiting.clear()

    def _check(self, pair: Pair) -> None:
        """Leaves out metrics for which an image is too small, or fails."""
        side = min(pair.size) - 2 * self.border
        if side < 1:
            raise DataError(
                f"{pair.stem!r} is {wide(pair.size)} (width x height): a border of {self.border} pixels on each side "
                f"leaves nothing of it. Cut at most {(min(pair.size) - 1) // 2}."
            )
        for request in [r for r in self.requests if r.metric.min_side > side]:
            left = wide((pair.size[0] - 2 * self.border, pair.size[1] - 2 * self.border))
            cropped = f", {left} without its border of {self.border}" if self.border else ""
            least = request.metric.min_side
            reason = (
                f"{request.key} needs images of at least {least}x{least} pixels; {pair.stem!r} is {wide(pair.size)} "
                f"(width x height){cropped}."
            )
            if request.required:
                raise DataError(f"{reason} Leave {request.key} out, or score larger images.")
            self.requests.remove(request)
            self.too_small[request.key] = reason
            del self.values[request.key], self.params[request.key]

    def _score(self, batch: Sequence[Pair]) -> None:
        """Every metric of a network on pairs of one size; in smaller batches, once the memory did not hold one."""
        reason = self._try(batch)
        if reason and not self.warnings:
            self.batch_size = max(1, len(batch) // SMALLER)
            self.warnings.append(
                f"{self.device} ran out of memory; from here on it gets {self.batch_size} pairs a batch."
            )
            parts = (batch[start : start + self.batch_size] for start in range(0, len(batch), self.batch_size))
            reason = next(filter(None, map(self._try, parts)), "")
        if reason:
            raise DeviceMemoryError(
                f"{self.device} has too little memory for {len(batch)} pairs of {wide(batch[0].size)} pixels; smaller "
                f"batches were tried as well: {reason}. Free memory there, score smaller images, or use another "
                "--device."
            )

    def _try(self, batch: Sequence[Pair]) -> str:
        """Scores a batch; why the memory does not hold it, "" where it does."""
        import torch

        try:
            with torch.inference_mode():
                self._score_batch(batch)
            return ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).strip().partition("\n")[0][:200].rstrip(".")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return reason or "no more memory"

    def _score_batch(self, batch: Sequence[Pair]) -> None:
        import torch

        from ganeval.backbones.float32 import true_float32

        fake = cut(torch.from_numpy(np.stack([pair.fake for pair in batch])), self.border)
        real = cut(torch.from_numpy(np.stack([pair.real for pair in batch])), self.border)
        by_backbone: dict[str, list[PairRequest]] = defaultdict(list)
        for request in self.requests:
            if request.backbone is not None:
                by_backbone[request.backbone].append(request)
        for name, requests in by_backbone.items():
            started = time.perf_counter()
            with true_float32(self.backbones[name].device):
                self._score_maps(batch, fake, real, self.backbones[name], requests)
            self.seconds[f"network {name}"] += time.perf_counter() - started

    def _score_maps(
        self,
        batch: Sequence[Pair],
        fake: UInt8[Tensor, "B 3 H W"],
        real: UInt8[Tensor, "B 3 H W"],
        backbone: Backbone,
        requests: Sequence[PairRequest],
    ) -> None:
        import torch

        masks = [self._mask_of(pair) for pair in batch]
        layers = {request.key: str(self.params[request.key]["layers"]).split(",") for request in requests}
        wanted = {layer for names in layers.values() for layer in names}
        fake_maps, real_maps = _maps(backbone, fake, wanted), _maps(backbone, real, wanted)
        for request in requests:
            if isinstance(request.metric, PyramidMetric):
                metric, params = request.metric, self.params[request.key]
                fakes, reals = (tuple(maps[layer] for layer in layers[request.key]) for maps in (fake_maps, real_maps))
                heads = self.heads.get(metric.heads.get(request.backbone or "", ""))
                if metric.masked is not None and (marked := [mask for mask in masks if mask is not None]):
                    distances = metric.masked(fakes, reals, heads, torch.from_numpy(np.stack(marked)), params)
                else:
                    distances = metric.compute(fakes, reals, heads, params)
                self._keep(request, batch, distances.cpu().numpy())

    def _keep(self, request: PairRequest, batch: Sequence[Pair], found: Float64) -> None:
        """Files the values of a batch; only PSNR may be infinite."""
        bad = np.isnan(found) if isinstance(request.metric, PixelMetric) else ~np.isfinite(found)
        if bad.any():
            raise DataError(
                f"{request.key} is NaN or infinite for {int(bad.sum())} of {len(batch)} pairs, the first of them "
                f"{batch[int(bad.argmax())].stem!r}. The weights are damaged, or not made for this network."
            )
        self.values[request.key][[pair.position for pair in batch]] = found


def _value(
    metric: PixelMetric, fake: npt.NDArray[Any], real: npt.NDArray[Any], mask: Mask | None, params: Params
) -> float:
    """The value of one pair, over the mask if there is one."""
    if mask is None:
        return float(metric.compute(fake, real, params)[0])
    if metric.masked is None:
        raise UsageError(f"{metric.name} has no value over a mask.")
    return metric.masked(fake, real, mask, params)


def _maps(backbone: Backbone, images: UInt8[Tensor, "B 3 H W"], wanted: set[str]) -> dict[str, Tensor]:
    """The wanted maps by name; the others are let go of."""
    maps = zip(backbone.pyramid_layers, backbone.pyramid(images), strict=True)
    return {name: values for name, values in maps if name in wanted}
