"""The loop over single images: every metric of one image on each of them, read, decoded and measured in threads.

Images are freed once measured: memory holds a few, never the set.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ganeval.errors import BadImageError, DataError
from ganeval.formatting import counted
from ganeval.metrics.base import many_copies
from ganeval.metrics.keys import ImageRequest
from ganeval.metrics.scene_statistics import Float64
from ganeval.scoring.read_pairs import WAITING_PIXELS, wide
from ganeval.scoring.read_pairs import mod_crop as cropped_to
from ganeval.sources.base import ImageSource, content_hash
from ganeval.sources.decoding_differences import Seen
from ganeval.sources.read_ahead import WORKERS, read_ahead

Model = Mapping[str, Float64]


@dataclass(frozen=True)
class ImageScores:
    """Values of each image, with facts of its decoding.

    Attributes:
        stems: Name of each scored image, without extension, in the order of the source; that of its original if it is
            scored as one of a pair as well.
        values: Key -> one finite float64 an image, in the order of `stems`.
        skipped: "stem: reason" of images left out under on_bad="skip".
        seen: What decoding did to each scored image.
        sha256: Content hash of the images that were scored.
        seconds: Time by stage.
        left_out: Reason -> entries of the folder or archive that are no images of the set.
        copies: How many images are exact copies of another.
    """

    stems: list[str]
    values: dict[str, Float64]
    skipped: list[str]
    seen: list[Seen]
    sha256: str
    seconds: dict[str, float]
    left_out: dict[str, int] = field(default_factory=dict)
    copies: int = 0

    @property
    def repeated(self) -> str:
        """How many images are copies, in words; "" where none is."""
        return f"{self.copies} of {len(self.stems)} images are exact copies of others" if self.copies else ""

    @property
    def independent(self) -> bool:
        """False if so many images are copies that a standard error, an interval or a test would be overconfident."""
        return not many_copies(self.copies, len(self.stems))


@dataclass(frozen=True)
class _Measured:
    """One image, without its pixels."""

    stem: str
    values: list[float]
    digest: bytes
    seen: Seen


def score_images(
    source: ImageSource,
    requests: Sequence[ImageRequest],
    models: Mapping[str, Model],
    *,
    crop_border: int,
    mod_crop: int,
    on_bad: Literal["fail", "skip"],
    progress: Callable[[int], None] | None,
    names: Sequence[str] | None = None,
) -> ImageScores:
    """Runs every metric on every image.

    Args:
        source: The images.
        requests: Metrics; no two of one name.
        models: Weights-table name -> fitted parameters, for all that the requests name.
        crop_border: Pixels cut off each side before anything else.
        mod_crop: Before that, images are cropped at the right and bottom to multiples of it; 0 for not.
        on_bad: What to do with an image that cannot be decoded.
        progress: Called with the number of images since the last call.
        names: What to call the images, in their order; None for their own names without extension.

    Raises:
        BadImageError: an image cannot be decoded and on_bad is "fail".
        DataError: a metric is not defined on an image, or no image is left.
    """
    stems = [item.stem for item in source.items] if names is None else names
    found: list[_Measured] = []
    skipped: list[str] = []
    started = time.perf_counter()

    def load(position: int) -> _Measured | BadImageError:
        return _measure(source, position, stems[position], requests, models, crop_border, mod_crop)

    with contextlib.closing(
        read_ahead(load, len(source), ahead=WORKERS, pixels=lambda _: 0, limit=WAITING_PIXELS)
    ) as measured:
        for position, one in enumerate(measured):
            if isinstance(one, BadImageError):
                if on_bad == "fail":
                    raise one
                skipped.append(f"{stems[position]}: {one}")
            else:
                found.append(one)
            if progress is not None:
                progress(1)
    if not found:
        first = f"; first: {skipped[0]}" if skipped else ""
        raise DataError(f"No image of {source.name} could be decoded ({counted(len(source), 'image')}){first}")
    values = np.asarray([one.values for one in found], dtype=np.float64)
    return ImageScores(
        stems=[one.stem for one in found],
        values={request.outputs[0]: values[:, i] for i, request in enumerate(requests)},
        skipped=skipped,
        seen=[one.seen for one in found],
        sha256=content_hash([one.digest for one in found]),
        seconds={"read, decode and measure": time.perf_counter() - started},
        left_out=dict(source.skipped),
        copies=len(found) - len({one.digest for one in found}),
    )


def _measure(
    source: ImageSource,
    position: int,
    stem: str,
    requests: Sequence[ImageRequest],
    models: Mapping[str, Model],
    border: int,
    multiple: int,
) -> _Measured | BadImageError:
    try:
        raw = source.read(position)
        decoded = raw.decode()
    except BadImageError as error:
        return error
    seen = Seen.of(raw, decoded)
    pixels = cropped_to(decoded.pixels[:1] if seen.one_channel else decoded.pixels, multiple)
    height, width = pixels.shape[1:]
    side = min(height, width) - 2 * border
    if side < 1:
        raise DataError(
            f"{stem!r} is {wide((height, width))} (width x height): a border of {border} pixels on each side leaves "
            f"nothing of it. Cut at most {(min(height, width) - 1) // 2}."
        )
    cut = np.ascontiguousarray(pixels[:, border : height - border, border : width - border])
    values: list[float] = []
    for request in requests:
        metric = request.metric
        if side < metric.min_side:
            cropped = f", {wide((height - 2 * border, width - 2 * border))} without its border" if border else ""
            raise DataError(
                f"{metric.name} needs images of at least {metric.min_side}x{metric.min_side} pixels; {stem!r} is "
                f"{wide((height, width))} (width x height){cropped}. Leave {metric.name} out, or score larger images."
            )
        try:
            values.append(metric.compute(cut, models[metric.model], request.metric.params))
        except DataError as error:
            raise DataError(f"{stem!r}: {error} Leave {metric.name} out, or move the image aside.") from error
    return _Measured(stem, values, raw.digest, seen)
