"""What a metric is: a declaration, and a pure function of summaries (set metrics), of image pairs or of single images.

A metric never owns a network, never reads a file and never touches a global random number generator. Its declared
properties (direction, range, symmetry, smallest n) are checked by the law tests over every registered metric.
"""

from __future__ import annotations  # declarations are read without torch, whose types stand in them

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError, TooFewSamplesError
from ganeval.stats.influence import SamplingError
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

Better = Literal["lower", "higher", "neither"]
Question = Literal["distance", "fidelity", "diversity", "pair", "classifier"]
"""How far from the reference; do the images look real; is the reference covered; how near is each image to its
original; how sure and varied is a classifier."""
Params = Mapping[str, int | float | str | bool]
Sides = Sequence[tuple[str, SetSummary]]

COPIES = 0.05
"""Share of exact copies in a set above which its numbers have no standard error: they count as independent draws there.

Measured with k of n generated images replaced by second copies of k others, 50 to 120 draws a case (ReLU mixtures of 64
and 640 dimensions, n/d from 1.6 to 6): up to 5% copies the intervals of fd cover 94-98% and those of kd 92%; at 20%
those of fd cover 83%, because its debiased value is a standard error too high. By Kish's design effect (1965, Survey
Sampling) the standard error of a mean is too small by the root of 1 + 2 k/n, or by more where an image has many copies.
A generator that repeats itself draws its copies independently. Then a standard error would be right, but its images
look the same as files that were copied.
"""


@dataclass(frozen=True)
class Alias:
    """A name that the field uses for a metric on one backbone.

    Attributes:
        backbone: Registry name.
        title: As it is written in papers ("FID").
    """

    backbone: str
    title: str


@dataclass(frozen=True)
class TorchFidelity:
    """How torch-fidelity computes the same number, on Inception.

    Attributes:
        argument: Of its `calculate_metrics`.
        answer: Key of the value in what it returns.
        of_subsets: True where it averages over random subsets of both sets.
    """

    argument: str
    answer: str
    of_subsets: bool = False


@dataclass(frozen=True)
class Margin:
    """How much worse is worth stopping a change for, where that is known from use and not from a spread.

    Attributes:
        amount: In the metric's unit, or a share of the baseline.
        unit: "%" for a share, "dB", "".
    """

    amount: float
    unit: str


@dataclass(frozen=True)
class Output:
    """One number that a metric prints.

    Attributes:
        name: The part of the key before "@" ("fd", "precision").
        better: Which direction is good.
        range: Smallest and largest possible value (inf allowed).
        title: What it is called in a sentence ("Frechet distance").
        unit: "" for dimensionless, "dB", "nats", ...
        unbiased: The expectation (of the debiased value, where there is one) does not depend on the counts, exactly.
        on_itself: What a set metric gives for a set against itself, "varies" where that depends on the set; what a
            paired metric gives for equal images, where that is not the best end of its range.
        worse_with_noise: True where noise on the images moves the number to the worse; False where it need not.
        headline: Its place on the first screen, 1 first; None for what only the full table shows.
        question: What it answers for people; None for what no short sentence says.
        published: The published number that it is on the canonical network, and is not on any other; "" for none.
        compared: Backbone ("" for pixels) -> its place in a plain `diff`: where its difference has a standard error.
        alone: Why a gate must not stand on this number alone; "" where it may.
        gateable: True where it tells a worse model from another one. Paired metrics are compared image by image.
        margin: Of a gate on a paired metric.
        first_gate: Backbone ("" for pixels) -> its place in a gate's first baseline.
    """

    name: str
    better: Better
    range: tuple[float, float]
    title: str
    unit: str = ""
    unbiased: bool = False
    on_itself: float | Literal["varies"] | None = None
    worse_with_noise: bool = True
    headline: int | None = None
    question: Question | None = None
    published: str = ""
    compared: Mapping[str, int] = field(default_factory=dict)
    alone: str = ""
    gateable: bool = False
    margin: Margin | None = None
    first_gate: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """A value, with its uncertainty where one is valid.

    Attributes:
        value: The metric, finite.
        stderr: Standard error of `value` (or of `debiased` where given), None where none is valid.
        ci95: 95% interval, None where none is valid.
        debiased: Bias-corrected value, None for an unbiased metric or where no correction is valid.
        method: How the uncertainty was computed ("influence", "block jackknife, G=20", ...).
        note: What the reader must know ("2 identical pairs left out of the mean").
        degrees: Degrees of freedom behind `stderr`, for Student's t; None for a normal distribution.
    """

    value: float
    stderr: float | None = None
    ci95: tuple[float, float] | None = None
    debiased: float | None = None
    method: str | None = None
    note: str = ""
    degrees: float | None = None


class DifferenceError(NamedTuple):
    """How sure a difference is.

    Attributes:
        stderr: Standard error.
        degrees: Degrees of freedom behind it; inf for a normal distribution.
        note: What the reader must know.
    """

    stderr: float
    degrees: float
    note: str = ""


DifferenceErrors = Callable[[SetSummary, SetSummary, SetSummary, bool, Params], dict[str, DifferenceError | str]]


@dataclass(frozen=True)
class Training:
    """What a metric does with the images that the generator was trained on (`--train`).

    Attributes:
        compute: (training set, real, fake, params) -> as `SetMetric.compute`. `real` is None without a reference.
        of_rows: (training rows, real rows, fake rows, params) -> as `SetMetric.of_rows`.
        min_n: Smallest training set.
        alone: True where the number then needs no reference.
    """

    compute: Callable[[SetSummary, SetSummary | None, SetSummary, Params], dict[str, Estimate]]
    of_rows: Callable[[np.ndarray, np.ndarray, np.ndarray, Params], dict[str, float]]
    min_n: int
    alone: bool


@dataclass(frozen=True)
class SetMetric:
    """A function of one or two summaries.

    Attributes:
        name: Registry name; the family of its outputs ("prdc" prints precision, recall, density, coverage).
        summary: One line for `ganeval list metrics`.
        outputs: What it prints, in order.
        needs: Parts of a SetSummary it reads: "moments", "bank", "logits", "labels".
        reference: True when it needs a reference summary.
        symmetric: True when swapping real and fake gives the same numbers.
        min_n: Smallest count on either side.
        version: Raised whenever a reported number changes.
        params: Everything else that changes the number; goes into the protocol.
        compute: (real, fake, params) -> one Estimate per output name. `real` is None without reference. Whatever is
            drawn at random (subsets, directions) is drawn from a seed in params.
        of_rows: (real rows, fake rows, params) -> plain values, without uncertainty: what the noise floor is made of.
        null_bias: How the value between two sets of one distribution, which is a bias, depends on the counts: like
            1 / n_real + 1 / n_fake where "n > d", or as that of "normal quantiles" on a line. None where it is neither.
            The noise floor goes by it.
        has_stderr: True when it gives a standard error wherever one is valid; what `--until-se` can wait for.
        influences: (real, fake, params) -> influence of each generated image on the only output, and of each reference
            image, None for a reference known by its moments only; positive where an image raises the value. What
            `--blame` shows and the difference of two sets is made of; None for a metric without a formula.
        second_influence: (real, fake, influences of the generated images, params) -> mean over pairs of generated
            images of IF(x) IF(x, y) IF(y), IF(x, y) being what image y adds to the influence of x: how the standard
            error moves with the value. None where `influences` is.
        given_reference: (real, fake, params) -> output name -> error over the generated images alone, with the
            reference fixed, of a metric without influences; outputs of which it is not known are left out.
        difference_errors: (real, a, b, paired, params) -> output name -> error of b's less a's or why there is none,
            of a metric without influences. Images are in canonical order, partners at the same index.
        aliases: The field's own names: they stand for the pairing with pinned weights, and only for it.
        plain: Backbone -> its place in a score that names no metrics; {} for what runs only when it is asked for.
        too_few: What to do where there are fewer than `min_n` images, besides adding some.
        mean_over_networks: True for a number without a scale of its own: asked for on several backbones, it is also
            given as their mean.
        training: What it does with the training set, where that is given; None for a metric that has no use for it.
        torch_fidelity: How torch-fidelity computes it, for `--cross-check`; None where it does not.
    """

    name: str
    summary: str
    outputs: tuple[Output, ...]
    needs: frozenset[str]
    reference: bool
    symmetric: bool
    min_n: int
    version: int
    compute: Callable[[SetSummary | None, SetSummary, Params], dict[str, Estimate]]
    params: Params = field(default_factory=dict)
    of_rows: Callable[[np.ndarray, np.ndarray, Params], dict[str, float]] | None = None
    null_bias: Literal["normal quantiles", "n > d"] | None = None
    has_stderr: bool = False
    influences: Callable[[SetSummary, SetSummary, Params], tuple[Float64, Float64 | None]] | None = None
    second_influence: Callable[[SetSummary, SetSummary, Float64, Params], float] | None = None
    given_reference: Callable[[SetSummary, SetSummary, Params], dict[str, SamplingError]] | None = None
    difference_errors: DifferenceErrors | None = None
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    plain: Mapping[str, int] = field(default_factory=dict)
    too_few: str = ""
    mean_over_networks: bool = False
    training: Training | None = None
    torch_fidelity: TorchFidelity | None = None

    def trained_on(self, train: SetSummary, sha256: str, *, reference: bool) -> SetMetric:
        """The metric with the training set of the generator; its parameters, and so the protocol, name the set.

        Args:
            train: Summary of the training set.
            sha256: Content hash of the training set.
            reference: Whether there is a reference besides.

        Raises:
            DataError: the training set lacks feature rows.
            TooFewSamplesError: it has too few images.
        """
        training = self.training
        if training is None:
            return self
        if train.bank is None:
            raise DataError(f"{self.name} needs every feature row, and the training set is known by its moments only.")
        n = train.moments.n
        if n < training.min_n:
            raise TooFewSamplesError(
                f"{self.name} needs at least {training.min_n} training images; got {n}. Add images."
            )
        train = train.canonical
        rows = train.bank.rows() if train.bank is not None else np.empty((0, 0))
        return replace(
            self,
            compute=lambda real, fake, params: training.compute(train, real, fake, params),
            of_rows=lambda real, fake, params: training.of_rows(rows, real, fake, params),
            params={**self.params, "train": f"{sha256[:16]}: {n} images"},
            reference=reference or not training.alone,
        )

    def lacking(self, real: SetSummary | None, fake: SetSummary) -> str:
        """What a side does not have of what the metric needs, in words; "" when all is there."""
        sides = [("generated set", fake)] + ([("reference", real)] if self.reference and real is not None else [])
        for side, summary in sides:
            if "labels" in self.needs and summary.labels is None:
                return f"class labels, and the {side} has none: give images in class folders, or a labelled data set"
            if "bank" in self.needs and summary.bank is None:
                return f"every feature row, and the {side} is known by its moments only"
            if "logits" in self.needs and summary.logits is None:
                return f"class probabilities, and the {side} has none"
        return "a reference" if self.reference and real is None else ""

    def evaluate(self, real: SetSummary | None, fake: SetSummary, params: Params | None = None) -> dict[str, Estimate]:
        """Checks that both sides have what the metric needs, then computes: output name -> estimate.

        The sets are taken in canonical order, so that nothing depends on the names of the images. Exact copies are
        stated. The value is given with any number of them, because copies are what a collapsed generator draws, and it
        is right for them; where they are many, the uncertainty is not.

        Args:
            real: Summary of the reference, None without one.
            fake: Summary of the generated set.
            params: In place of the metric's own.

        Raises:
            DataError: a side lacks labels, feature rows or logits.
            TooFewSamplesError: a side has fewer images than `min_n`.
        """
        if what := self.lacking(real, fake):
            raise DataError(f"{self.name} needs {what}.")
        fake, real = fake.canonical, None if real is None else real.canonical
        sides = [("generated", fake)] + ([("reference", real)] if self.reference and real is not None else [])
        for side, summary in sides:
            n = summary.moments.n
            if n < self.min_n:
                raise TooFewSamplesError(f"{self.name} needs at least {self.min_n} {side} images; got {n}. Add images.")
        found = self.compute(real, fake, self.params if params is None else params)
        note, many = copies_note(sides), too_many_copies(sides)
        return {name: with_copies(estimate, note, many) for name, estimate in found.items()} if note else found


def copies_note(sides: Sides) -> str:
    """How many images of each side are copies, in words; "" where none is.

    Args:
        sides: What each set is called, with its summary.
    """
    counts = [(name, side.moments.n, side.moments.n - side.distinct) for name, side in sides]
    return "; ".join(
        f"{copies} of {n} {name} images are exact copies of others" for name, n, copies in counts if copies
    )


def too_many_copies(sides: Sides) -> bool:
    """True where the copies in a set are too many for a standard error."""
    return any(many_copies(side.moments.n - side.distinct, side.moments.n) for _, side in sides)


def many_copies(copies: int, n: int) -> bool:
    """True where so many of n images, or pairs, are copies that a standard error would be too small."""
    return copies > COPIES * n


def with_copies(estimate: Estimate, note: str, many: bool) -> Estimate:
    """An estimate with the note on copies; without its uncertainty where they are many."""
    if many and (estimate.stderr is not None or estimate.ci95 is not None or estimate.debiased is not None):
        note += ": no interval, no standard error and no debiased value, which take images as independent draws"
        return Estimate(estimate.value, note="; ".join(filter(None, [estimate.note, note])))
    return replace(estimate, note="; ".join(filter(None, [estimate.note, note])))


PixelCompute = Callable[
    ["Float[np.ndarray, 'B C H W']", "Float[np.ndarray, 'B C H W']", Params], "Float[np.ndarray, ' B']"
]
Masked = Callable[
    ["Float[np.ndarray, 'B C H W']", "Float[np.ndarray, 'B C H W']", npt.NDArray[np.bool_], Params], float
]


def over_pixels(compute: PixelCompute) -> Masked:
    """`PixelMetric.masked` of a metric of single pixels: its value on the marked ones, in a row."""

    def masked(
        fake: Float[np.ndarray, "1 C H W"],
        real: Float[np.ndarray, "1 C H W"],
        mask: npt.NDArray[np.bool_],
        params: Params,
    ) -> float:
        return float(compute(fake[:, :, None, mask], real[:, :, None, mask], params)[0])

    return masked


class _ByImage:
    """What metrics whose value is a mean over images answer as set metrics do."""

    output: Output

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The one output, as set metrics have them."""
        return (self.output,)

    @property
    def null_bias(self) -> None:
        """None: a mean over images has no bias that counts move."""
        return None


@dataclass(frozen=True)
class PixelMetric(_ByImage):
    """A paired metric of the pixels themselves: psnr, ssim, ms_ssim.

    Attributes:
        compute: (fake, real, params) -> (B,) float64. Images are NumPy arrays, float64 (B, C, H, W) on the 0..255
            scale, C = 3 (RGB) or 1 (Y), already cropped. Called by several threads at a time. +inf is a legal value
            (identical images under PSNR).
        min_side: Smallest height and width it is defined for.
        masked: (fake, real, mask, params) -> the value over the pixels that a boolean mask (H, W) marks, of one pair
            (1, C, H, W); None for a metric that has none.
        takes_bytes: Whether `compute` and `masked` also take uint8, with the same value: no copy is made in float64.
        plain: As in SetMetric; "" for pixels.
        Others as in SetMetric.
    """

    name: str
    summary: str
    output: Output
    symmetric: bool
    min_side: int
    version: int
    compute: Callable[[Float[np.ndarray, "B C H W"], Float[np.ndarray, "B C H W"], Params], Float[np.ndarray, " B"]]
    masked: Masked | None = None
    takes_bytes: bool = False
    params: Params = field(default_factory=dict)
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    plain: Mapping[str, int] = field(default_factory=dict)


def in_torch(
    compute: Callable[[Tensor, Tensor, Params], Tensor],
) -> Callable[[np.ndarray, np.ndarray, Params], np.ndarray]:
    """A function of tensors as one of NumPy arrays, for a `PixelMetric` that torch computes."""

    def computed(fake: np.ndarray, real: np.ndarray, params: Params) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return compute(torch.as_tensor(fake), torch.as_tensor(real), params).numpy()

    return computed


@dataclass(frozen=True)
class PyramidMetric(_ByImage):
    """A paired metric of feature maps: lpips, vgg, pd. RGB at native size, cropped like the pixel metrics.

    Attributes:
        backbones: Backbones it is defined on; the first is the default ("vgg16", "alexnet" for lpips).
        heads: Backbone name -> weights-table name of extra learned weights ({"vgg16": "lpips-vgg"}), or empty.
        head_shapes: Channels of the maps -> name and shape of each of these weights; None without any.
        layers: Backbone name -> names of the maps it is defined on, out of `Backbone.pyramid_layers`; a backbone that
            is not listed gives all of its maps. "layers" in params ("relu2_2,relu3_3") takes their place, and rows
            state it there.
        compute: (fake_maps, real_maps, heads, params) -> (B,) float64. `heads` is a state dict or None.
        masked: As `compute`, with masks (B, H, W) after the heads; None for a metric that has no value over a mask.
        min_side: Smallest height and width that leave every map non-empty.
        Others as in SetMetric.
    """

    name: str
    summary: str
    output: Output
    symmetric: bool
    min_side: int
    version: int
    backbones: tuple[str, ...]
    compute: Callable[
        [tuple[Tensor, ...], tuple[Tensor, ...], Mapping[str, Tensor] | None, Params], Float[Tensor, " B"]
    ]
    heads: Mapping[str, str] = field(default_factory=dict)
    head_shapes: Callable[[Sequence[int]], dict[str, tuple[int, ...]]] | None = None
    masked: (
        Callable[
            [tuple[Tensor, ...], tuple[Tensor, ...], Mapping[str, Tensor] | None, Bool[Tensor, "B H W"], Params],
            Float[Tensor, " B"],
        ]
        | None
    ) = None
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    params: Params = field(default_factory=dict)
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    plain: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageMetric(_ByImage):
    """A metric of one image, without an original: niqe, brisque.

    Attributes:
        model: Weights-table name of the fitted parameters it goes by.
        layout: Name of each of these arrays -> its shape, where -1 is any length.
        compute: (image, model, params) -> value. The image is uint8 (C, H, W), C = 3 (RGB), or 1 where it is stored in
            one channel, already cropped. Raises DataError for an image that it is not defined on. Called in threads.
        min_side: Smallest height and width it is defined for.
        comparable: True where the published model gives numbers that compare with the field's.
        Others as in SetMetric.
    """

    name: str
    summary: str
    output: Output
    min_side: int
    version: int
    model: str
    layout: Mapping[str, tuple[int, ...]]
    compute: Callable[[npt.NDArray[np.uint8], Mapping[str, Float64], Params], float]
    comparable: bool
    params: Params = field(default_factory=dict)
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    plain: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Distances:
    """Distances of some pairs of a subject's images.

    Attributes:
        values: (m,) float64.
        pairs: (m, 2) places of the two images of each.
    """

    values: Float64
    pairs: npt.NDArray[np.int64]


@dataclass(frozen=True)
class OwnPairsMetric:
    """A metric of pairs that the subject itself gives: two of its images, or two near points of a generator.

    Attributes:
        of: The paired metric that measures each pair; its backbones, heads and layers are this one's.
        draw: (label of every image or None, number of images, params) -> (m, 2) places of the images of each pair, by
            group: "" for all images, a label for those of a class. Drawn from a seed in params.
        estimate: (distances by group, params) -> output name, maybe with a class -> estimate.
        paths: (number of paths, latent width, number of classes, params) -> `Paths`, where images 2k and 2k + 1 are to
            be the ends of path k; None for a metric of any images.
        side: Images are resized to so many pixels before the network; None for their own size.
        min_n: Fewest images, or paths.
        Others as in SetMetric.
    """

    name: str
    summary: str
    outputs: tuple[Output, ...]
    of: PyramidMetric
    draw: Callable[[tuple[str, ...] | None, int, Params], Mapping[str, npt.NDArray[np.int64]]]
    estimate: Callable[[Mapping[str, Distances], Params], dict[str, Estimate]]
    min_n: int
    version: int
    paths: Callable[[int, int, int, Params], Paths] | None = None
    side: int | None = None
    params: Params = field(default_factory=dict)
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    plain: Mapping[str, int] = field(default_factory=dict)

    @property
    def backbones(self) -> tuple[str, ...]:
        """Those of the paired metric."""
        return self.of.backbones

    @property
    def heads(self) -> Mapping[str, str]:
        """Those of the paired metric."""
        return self.of.heads

    @property
    def null_bias(self) -> None:
        """None: a mean over pairs has no bias that counts move."""
        return None


@dataclass(frozen=True)
class Paths:
    """Short paths through the latents of a generator.

    Attributes:
        starts: (m, Z) float32.
        ends: (m, Z) float32.
        classes: (m,) class of both ends, None for a generator without classes.
    """

    starts: npt.NDArray[np.float32]
    ends: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64] | None


PairedMetric = PixelMetric | PyramidMetric
Metric = SetMetric | PixelMetric | PyramidMetric | ImageMetric | OwnPairsMetric
