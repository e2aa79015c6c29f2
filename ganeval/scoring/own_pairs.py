"""Rows of metrics of pairs that the subject itself gives: two of its images, or the ends of a path of its generator."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ganeval.errors import BadImageError, DataError, TooFewSamplesError, UsageError
from ganeval.formatting import counted
from ganeval.generators.source import Draw, GeneratorSource, LatentSpace
from ganeval.metrics.base import Distances, Estimate, OwnPairsMetric, Paths
from ganeval.metrics.keys import OwnPairsRequest, printed_key
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter
from ganeval.results.protocol import Protocol
from ganeval.results.provenance import provenance
from ganeval.results.result import Result
from ganeval.scoring.build_result import Row, Seen
from ganeval.scoring.pair_pass import PairRequest, PairScores, score_pairs
from ganeval.scoring.paired_metrics import PairNetworks
from ganeval.scoring.read_pairs import wide
from ganeval.sources.base import ImageSource, Item, Raw

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
    from torch import Tensor

    from ganeval.backbones.base import Backbone

Pairs = npt.NDArray[np.int64]


class _Ends(ImageSource):
    """One image of each pair, under the number of the pair."""

    def __init__(self, source: ImageSource, places: npt.NDArray[np.int64]) -> None:
        self.name = source.name
        self._source = source
        self._places = places
        self.items = [Item(f"{pair:09d}") for pair in range(len(places))]

    def read(self, index: int) -> Raw:
        """Reads the image where it stands."""
        return self._source.read(int(self._places[index]))


class _Resized:
    """A backbone whose maps are of images of a fixed size.

    Args:
        backbone: Gives the maps.
        side: Of the images that it sees: by areas where both sides are larger, bilinear otherwise.
    """

    def __init__(self, backbone: Backbone, side: int) -> None:
        self.info, self.device, self.pyramid_layers = backbone.info, backbone.device, backbone.pyramid_layers
        self._backbone, self._side = backbone, side

    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps of the resized images."""
        import torch.nn.functional as F

        pixels, size = images.to(self.device).float(), (self._side, self._side)
        if min(pixels.shape[2:]) > self._side:
            return self._backbone.pyramid(F.interpolate(pixels, size, mode="area"))
        return self._backbone.pyramid(F.interpolate(pixels, size, mode="bilinear", align_corners=False))


def own_pairs_source(metric: OwnPairsMetric, subject: ImageSource) -> ImageSource:
    """The images whose pairs a metric measures: the subject's, or the ends of paths through its latents.

    Raises:
        UsageError: the metric is of a generator, and the subject is none that is asked by latents.
        TooFewSamplesError: fewer images or paths than it needs.
    """
    if len(subject) < metric.min_n:
        raise TooFewSamplesError(
            f"{metric.name} needs at least {metric.min_n} generated images; got {len(subject)}. Add images."
        )
    if metric.paths is None:
        return subject
    if not isinstance(subject, GeneratorSource) or (space := subject.latents) is None:
        raise UsageError(
            f"{metric.name} follows the latents of a generator, and {subject.name} is no generator that is called with "
            "latents. Score a checkpoint, a shipped recipe, or package.module:factory with --latent-dim Z."
        )
    paths = metric.paths(len(subject), space.width, space.classes, metric.params)
    return GeneratorSource(_along(paths, space), 2 * len(subject), 0, subject.name)


def _along(paths: Paths, space: LatentSpace) -> Draw:
    """Images 2k and 2k + 1: the ends of path k."""
    import torch

    from ganeval.generators.latents import draws_from

    ends = np.stack([paths.starts, paths.ends], axis=1).reshape(-1, space.width)

    def draw(indices: Sequence[int], seed: int) -> object:
        place = np.asarray(indices) % len(ends)  # a block reaches past the last image
        classes = [] if paths.classes is None else paths.classes[place // 2].tolist()
        with draws_from(torch.Generator(torch.device("cpu")).manual_seed(seed)):
            return space.images(torch.from_numpy(ends[place]), classes)

    return draw


def score_own_pairs(
    request: OwnPairsRequest, options: ScoreOptions, subject: ImageSource, networks: PairNetworks, reporter: Reporter
) -> list[Result]:
    """Draws the pairs of a metric, measures them and estimates.

    Args:
        request: The metric on its backbone.
        options: As given by the user.
        subject: The images to score, or a generator.
        networks: With the backbone, and its heads.
        reporter: Where progress goes.

    Raises:
        UsageError: a metric of a generator, for a subject that is none.
        DataError: images that cannot be used; two of a pair that differ in size.
    """
    metric = request.metric
    source = own_pairs_source(metric, subject)
    labels = tuple(item.label or "" for item in source.items)
    groups = metric.draw(labels if all(labels) else None, len(source), metric.params)
    pairs = np.concatenate(list(groups.values()))
    backbone = networks.backbones[request.backbone]
    of, seen_by = metric.of, {request.backbone: backbone}
    if metric.side is None:
        _check_sizes(metric, source, pairs)
    else:
        of = dataclasses.replace(of, min_side=1)
        seen_by = {request.backbone: _Resized(backbone, metric.side)}  # type: ignore[dict-item] # its maps alone are used
    with reporter.stage(f"{metric.name} of {subject.name}", len(pairs)) as advance:
        scores = score_pairs(
            _Ends(source, pairs[:, 0]),
            _Ends(source, pairs[:, 1]),
            [PairRequest(of, request.backbone, dict(of.params))],
            channel="rgb",
            crop_border=0,
            batch_size=options.batch_size,
            backbones=seen_by,
            heads={name: loaded.state for name, loaded in networks.heads.items()},
            on_bad=options.on_bad,
            progress=advance,
        )
    if scores.skipped:
        reporter.message(f"{counted(len(scores.skipped), 'pair')} skipped; first: {scores.skipped[0]}")
    [values] = scores.values.values()
    kept = np.full(len(pairs), np.nan)
    kept[np.asarray([int(stem) for stem in scores.stems])] = values
    found = metric.estimate(_by_group(groups, kept), metric.params)
    return [
        _row(request, options, output, estimate, scores, len(subject), networks)
        for output, estimate in found.items()
        if output.partition(":")[0] in request.outputs
    ]


def _check_sizes(metric: OwnPairsMetric, source: ImageSource, pairs: Pairs) -> None:
    """Refuses images of several sizes, with counts, before any network runs; what cannot be decoded is told later.

    Raises:
        DataError: as said.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for place in np.unique(pairs).tolist():
        with contextlib.suppress(BadImageError):
            height, width = source.read(place).decode().pixels.shape[1:]
            sizes[height, width] += 1
    if len(sizes) > 1:
        named = ", ".join(f"{count} of {wide(size)}" for size, count in sizes.most_common(3))
        raise DataError(
            f"{metric.name} compares the images of {source.name} with each other, and they have {len(sizes)} sizes "
            f"(width x height): {named}{', ...' if len(sizes) > 3 else ''}. Crop or resize all to one size."
        )


def _by_group(groups: Mapping[str, Pairs], values: npt.NDArray[np.float64]) -> dict[str, Distances]:
    """The distances of each group, without pairs that were skipped.

    Raises:
        DataError: none is left of a group.
    """
    found, start = {}, 0
    for label, pairs in groups.items():
        own = values[start : start + len(pairs)]
        start += len(pairs)
        whole = np.isfinite(own)
        if not whole.any():
            raise DataError(f"No pair of images{f' of class {label!r}' if label else ''} could be decoded.")
        found[label] = Distances(own[whole], pairs[whole])
    return found


def _row(
    request: OwnPairsRequest,
    options: ScoreOptions,
    output: str,
    estimate: Estimate,
    scores: PairScores,
    n: int,
    networks: PairNetworks,
) -> Result:
    metric, backbone = request.metric, networks.backbones[request.backbone]
    head = networks.heads.get(metric.heads.get(request.backbone, ""))
    pinned = backbone.pinned and (head is None or head.pinned)
    key = printed_key(output, backbone.key)
    if head is not None and not head.pinned:
        key = f"{output}@{backbone.key}#{head.sha256[:8]}"
    declared = next(one for one in metric.outputs if one.name == output.partition(":")[0])
    seen = Seen(None, n, scores.fake_sha256, len(scores.skipped), scores.left_out)
    [layers] = [str(params["layers"]) for params in scores.params.values()]
    protocol = Protocol(
        metric=output,
        version=metric.version,
        params={**metric.params, "layers": layers},
        backbone=backbone.info.name,
        weights_sha256=backbone.weights_sha256,
        heads_sha256=None if head is None else head.sha256,
        resize="native size" if metric.side is None else f"area or bilinear {metric.side}",
    )
    return Row(options, key, declared.better, seen).of(
        estimate,
        protocol,
        notes=[],
        comparable_to_published=pinned and backbone.info.canonical,
        origin=provenance(networks.device),
        more={},
        seconds=scores.seconds,
    )
