"""Why other libraries print another PSNR or SSIM of the same pairs: what each does, and what each step does to it.

A tool is a list of settings. Each number starts at ganeval's own and is taken to the tool's by one setting after the
other, so that the terms sum to the difference.
Sources, read or run on the same images: scikit-image 0.26 `peak_signal_noise_ratio`, `structural_similarity`; BasicSR
1.4.2 `calculate_psnr`, `calculate_ssim`; piq 0.8.0 `psnr`, `ssim`; torchmetrics 1.9.0 `peak_signal_noise_ratio`,
`structural_similarity_index_measure`; the MATLAB route of super-resolution tables: `rgb2ycbcr`, shave, `ssim_index.m`.
"""

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.formatting import counted
from ganeval.metrics.luma import crop_border, pair_luma
from ganeval.options import ScoreOptions
from ganeval.progress import Reporter, Silent
from ganeval.scoring.open_inputs import open_originals, open_subject_source
from ganeval.scoring.pair_names import pair_up
from ganeval.scoring.read_pairs import Pair, read_pairs, wide

Float64 = npt.NDArray[np.float64]
Metric = Literal["psnr", "ssim"]
OWN: Final = "ganeval"
SMALLEST: Final = 11  # pixels; the window of every way but one
IDENTICAL: Final = "identical pairs, whose PSNR is infinite, are left out of the mean"


@dataclass(frozen=True)
class Way:
    """How a PSNR and an SSIM come about; the fields are in the order of the terms.

    Attributes:
        channel: All three colours, or the Y of BT.601 in 16..235.
        border: Pixels cut off each edge.
        rounded: Whether the Y is rounded to whole numbers, as MATLAB's `rgb2ycbcr` does for bytes.
        shrunk: SSIM of images whose smaller side has 384 pixels or more is of means over blocks.
        window: Of SSIM: Gaussian of 11 taps and sigma 1.5, or uniform of 7x7.
        edges: SSIM only where the window fits, or everywhere, with mirrored pixels outside.
        covariance: Of SSIM: divided by n, or by n - 1.
        white: What the constants of SSIM are of: 255, or the largest minus the smallest value of each pair.
        epsilon: Added to the mean squared error of values in 0..1.
        pooled: PSNR of the mean squared error of all pairs, in place of the mean over pairs.
    """

    channel: Literal["rgb", "y"] = "rgb"
    border: int = 0
    rounded: bool = True
    shrunk: bool = False
    window: Literal["gaussian", "uniform"] = "gaussian"
    edges: Literal["valid", "mirrored"] = "valid"
    covariance: Literal["population", "sample"] = "population"
    white: Literal["255", "each pair"] = "255"
    epsilon: float = 0.0
    pooled: bool = False


TERMS: Final[Mapping[str, str]] = {
    "channel": "RGB in place of the Y of BT.601, or the other way round",
    "border": "pixels that are cut off, or are not",
    "rounded": "a Y that is not rounded to whole numbers",
    "shrunk": "images of 384 pixels and more are shrunk first, to a smaller side of about 256",
    "window": "a uniform window of 7x7 in place of a Gaussian one of 11x11",
    "edges": "windows that reach over the edge, where they see mirrored pixels",
    "covariance": "covariances divided by n - 1 in place of n",
    "white": "constants of the range of values in each pair, in place of 255",
    "epsilon": "1e-8 added to the mean squared error: at most 80 dB",
    "pooled": "one PSNR of the mean squared error of all pairs",
}
"""Field of `Way` -> what changes it, for people."""
OF: Final[Mapping[Metric, tuple[str, ...]]] = {
    "psnr": ("channel", "border", "rounded", "epsilon", "pooled"),
    "ssim": ("channel", "border", "rounded", "shrunk", "window", "edges", "covariance", "white"),
}
"""The fields that a metric depends on."""
TITLES: Final[Mapping[Metric, str]] = {"psnr": "PSNR, dB", "ssim": "SSIM"}
DIGITS: Final[Mapping[Metric, int]] = {"psnr": 2, "ssim": 4}
"""After the point, as tables have them."""


@dataclass(frozen=True)
class PixelTool:
    """A tool that prints PSNR and SSIM.

    Attributes:
        name: On the command line.
        calls: What is called, for people; no number where there is none.
        way: What it does.
        borders: Whether it is given the border of the run.
    """

    name: str
    calls: Mapping[Metric, str]
    way: Way
    borders: bool = False


_SKIMAGE: Final = "structural_similarity(a, b, channel_axis=2"
_LIGHTNING: Final = "structural_similarity_index_measure(a, b"
TOOLS: Final[Mapping[str, PixelTool]] = {
    tool.name: tool
    for tool in (
        PixelTool(
            "scikit-image",
            {"psnr": "peak_signal_noise_ratio(a, b)", "ssim": f"{_SKIMAGE})"},
            Way(window="uniform", covariance="sample"),
        ),
        PixelTool("scikit-image-gaussian", {"ssim": f"{_SKIMAGE}, gaussian_weights=True)"}, Way(covariance="sample")),
        PixelTool("basicsr", {m: f"calculate_{m}(a, b, crop_border)" for m in OF}, Way(), borders=True),
        PixelTool(
            "basicsr-y",
            {m: f"calculate_{m}(a, b, crop_border, test_y_channel=True)" for m in OF},
            Way(channel="y", rounded=False),
            borders=True,
        ),
        PixelTool("piq", {m: f"{m}(a, b)" for m in OF}, Way(shrunk=True, epsilon=1e-8)),
        PixelTool(
            "torchmetrics",
            {"psnr": "PeakSignalNoiseRatio(data_range=255)", "ssim": f"{_LIGHTNING}, data_range=255)"},
            Way(edges="mirrored", pooled=True),
        ),
        PixelTool(
            "torchmetrics-no-range", {"ssim": f"{_LIGHTNING}), a pair a call"}, Way(edges="mirrored", white="each pair")
        ),
        PixelTool(
            "matlab-y",
            {"psnr": "psnr(a, b) after rgb2ycbcr and shave", "ssim": "ssim_index(a, b) after rgb2ycbcr and shave"},
            Way(channel="y"),
            borders=True,
        ),
    )
}


@dataclass(frozen=True)
class PixelRow:
    """What one tool prints.

    Attributes:
        tool: `OWN` or a name of `TOOLS`.
        metric: Which number.
        value: The mean over pairs, None where none is finite.
        terms: Term -> what it adds; they sum to the difference from ganeval's own.
        call: What is called.
        note: What the reader must know.
    """

    tool: str
    metric: Metric
    value: float | None
    terms: Mapping[str, float]
    call: str
    note: str = ""


@dataclass(frozen=True)
class PixelExplanation:
    """What was found.

    Attributes:
        subject: What the user typed.
        originals: What the user typed.
        pairs: How many.
        rows: By metric, ganeval's own first.
        skipped: Pairs that could not be decoded.
    """

    subject: str
    originals: str
    pairs: int
    rows: tuple[PixelRow, ...]
    skipped: int


def parse_pixel_tools(text: str | None) -> tuple[PixelTool, ...]:
    """The tools that were named, all by default.

    Raises:
        UsageError: no such tool.
    """
    names = list(TOOLS) if text is None else list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    if not names or (unknown := [name for name in names if name not in TOOLS]):
        which = ", ".join(unknown) if names else "nothing"
        raise UsageError(f"--tools names {which}; with --paired it takes some of {', '.join(TOOLS)}.")
    return tuple(TOOLS[name] for name in names)


def steps(own: Way, tool: PixelTool, border: int, metric: Metric) -> list[tuple[str, Way]]:
    """From ganeval's way to the tool's, a setting at a time; only those that the metric depends on.

    A Y that is rounded or not is a setting of a tool that looks at Y.
    """
    end = replace(tool.way, border=border if tool.borders else 0)
    way, found = own, []
    for name in (each.name for each in fields(Way)):
        if name not in OF[metric] or (name == "rounded" and end.channel == "rgb"):
            continue
        changed = replace(way, **{name: getattr(end, name)})
        if changed != way:
            way = changed
            found.append((name, way))
    return found


def pixels_of(pair: Pair, way: Way) -> tuple[Float64, Float64]:
    """The pair as a way sees it: (C, H, W), 0..255."""
    fake, real = crop_border(pair.fake, way.border), crop_border(pair.real, way.border)
    if way.channel == "rgb":
        return fake.astype(np.float64), real.astype(np.float64)
    own = pair.seen[1].one_channel
    if way.rounded:
        return pair_luma(fake, real, own)
    one, other = ((image[:1].astype(np.float64) if own else _unrounded(image)) for image in (fake, real))
    return one, other


def _unrounded(image: npt.NDArray[np.uint8]) -> Float64:
    """16 + (65.481 R + 128.553 G + 24.966 B) / 255, as BasicSR's `to_y_channel` leaves it."""
    weights = np.asarray((65.481, 128.553, 24.966)) / 255.0
    return np.asarray(16.0 + np.tensordot(weights, image.astype(np.float64), 1))[None]


def squared_error(pair: Pair, way: Way) -> float:
    """Mean squared error of values in 0..255."""
    fake, real = pixels_of(pair, way)
    return float(np.square(fake - real).mean())


def psnr_of(errors: Float64, areas: Float64, way: Way) -> float | None:
    """PSNR of the mean squared errors of all pairs; pooled, each pixel counts alike. None where all are 0."""
    errors = errors / 255.0**2 + way.epsilon
    if way.pooled:
        errors = np.average(errors, weights=areas, keepdims=True)
    finite = errors[errors > 0.0]
    return float(-10.0 * np.log10(finite).mean()) if len(finite) else None


def ssim_of(pair: Pair, way: Way) -> float:
    """SSIM of one pair, in float64, by scipy's filters: slower than `ganeval.metrics.ssim`, and for any way."""
    fake, real = pixels_of(pair, way)
    if way.shrunk:
        fake, real = _shrunk(fake), _shrunk(real)
    white = 255.0 if way.white == "255" else max(np.ptp(fake), np.ptp(real))
    if white == 0.0:
        return math.nan  # torchmetrics divides 0 by 0
    c1, c2 = (0.01 * white) ** 2, (0.03 * white) ** 2
    size = 11 if way.window == "gaussian" else 7
    taps = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2)) if way.window == "gaussian" else np.ones(7)
    taps /= taps.sum()
    unbiased = size**2 / (size**2 - 1) if way.covariance == "sample" else 1.0

    def mean(plane: Float64) -> Float64:
        rows = ndimage.correlate1d(plane, taps, axis=0, mode="mirror")
        return np.asarray(ndimage.correlate1d(rows, taps, axis=1, mode="mirror"))

    found = []
    for x, y in zip(fake, real, strict=True):
        mx, my = mean(x), mean(y)
        vx, vy, cov = (unbiased * (mean(a * b) - ma * mb) for a, b, ma, mb in (
            (x, x, mx, mx), (y, y, my, my), (x, y, mx, my)
        ))  # fmt: skip
        values = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        margin = size // 2 if way.edges == "valid" else 0
        found.append(crop_border(values, margin).mean() if margin else values.mean())
    return float(np.mean(found))


def _shrunk(image: Float64) -> Float64:
    """Means over f x f blocks, f = round(smaller side / 256); what does not fill a block at the end is left out."""
    factor = max(1, round(min(image.shape[1:]) / 256))
    height, width = (side - side % factor for side in image.shape[1:])
    blocks = image[:, :height, :width].reshape(len(image), height // factor, factor, width // factor, factor)
    return np.asarray(blocks.mean(axis=(2, 4)))


def explain_pixels(
    options: ScoreOptions, tools: Sequence[PixelTool], reporter: Reporter | None = None
) -> PixelExplanation:
    """What each tool prints for the pairs of a run, and why.

    Args:
        options: Subject, originals and how they pair; channel and border are ganeval's own, and the border that tools
            with such an argument are given.
        tools: Which.
        reporter: Where progress goes; silent when None.

    Raises:
        GanevalError: an input that cannot be used.
    """
    reporter = Silent() if reporter is None else reporter
    own = Way(channel=options.channel, border=options.crop_border)
    routes = {
        (metric, tool.name): steps(own, tool, options.crop_border, metric)
        for metric in OF
        for tool in tools
        if metric in tool.calls
    }
    ways: dict[Metric, list[Way]] = {
        metric: list(
            dict.fromkeys([own, *(way for (m, _), route in routes.items() if m == metric for _, way in route)])
        )
        for metric in OF
    }
    with contextlib.ExitStack() as stack:
        subject = open_subject_source(options, stack)
        originals = open_originals(options, subject, stack)
        if originals is None:
            raise UsageError("Name the originals: --paired REF.")
        indices = pair_up(subject, originals, options.pair_by).indices

        def measure(pair: Pair) -> dict[str, float]:
            if min(pair.size) - 2 * options.crop_border < SMALLEST:
                raise DataError(
                    f"SSIM needs {SMALLEST} pixels; {pair.stem!r} is {wide(pair.size)} (width x height)"
                    f"{f' less {options.crop_border} on each edge' if options.crop_border else ''}."
                )
            found = {f"psnr {k}": squared_error(pair, way) for k, way in enumerate(ways["psnr"])}
            found["area"] = pair.area
            return found | {f"ssim {k}": ssim_of(pair, way) for k, way in enumerate(ways["ssim"])}

        kept: list[Mapping[str, float]] = []
        skipped = 0
        with (
            reporter.stage(f"{subject.name} against {originals.name}", len(indices)) as advance,
            contextlib.closing(read_pairs(subject, originals, indices, 4, options.mod_crop, measure)) as pairs,
        ):
            for pair in pairs:
                if isinstance(pair, BadImageError):
                    if options.on_bad == "fail":
                        raise pair
                    skipped += 1
                else:
                    kept.append(pair.values)
                advance(1)
        if not kept:
            raise DataError(f"No pair could be decoded ({counted(len(indices), 'pair')}).")
        names = options.name or subject.name, originals.name
    areas = np.asarray([one["area"] for one in kept])
    values: dict[tuple[Metric, Way], float | None] = {}
    for metric, each in ways.items():
        for k, way in enumerate(each):
            column = np.asarray([one[f"{metric} {k}"] for one in kept])
            mean = psnr_of(column, areas, way) if metric == "psnr" else float(column.mean())
            values[metric, way] = None if mean is None or math.isnan(mean) else mean
    identical = sum(one["psnr 0"] == 0.0 for one in kept)
    rows = [row for metric in OF for row in _rows(metric, own, tools, routes, values, identical)]
    return PixelExplanation(names[0], names[1], len(kept), tuple(rows), skipped)


def _rows(
    metric: Metric,
    own: Way,
    tools: Sequence[PixelTool],
    routes: Mapping[tuple[Metric, str], list[tuple[str, Way]]],
    values: Mapping[tuple[Metric, Way], float | None],
    identical: int,
) -> list[PixelRow]:
    said = f"{identical} {IDENTICAL}" if metric == "psnr" and identical else ""
    first = values[metric, own]
    rows = [PixelRow(OWN, metric, first, {}, f"--channel {own.channel} --crop-border {own.border}", said)]
    for tool in (tool for tool in tools if metric in tool.calls):
        before, terms, end = first, {}, own
        for name, way in routes[metric, tool.name]:
            after = values[metric, way]
            if before is not None and after is not None:
                terms[name] = after - before
            before, end = after, way
        exact = not end.pooled and end.epsilon == 0.0
        rows.append(PixelRow(tool.name, metric, values[metric, end], terms, tool.calls[metric], said if exact else ""))
    return rows


def to_json(found: PixelExplanation) -> dict[str, object]:
    """What `ganeval explain --paired --json` prints."""
    return {
        "schema": 1,
        "subject": found.subject,
        "paired": found.originals,
        "pairs": found.pairs,
        "skipped": found.skipped,
        "rows": [
            {
                "tool": row.tool,
                "key": row.metric,
                "value": row.value,
                "terms": dict(row.terms),
                "call": row.call,
                "note": row.note,
            }
            for row in found.rows
        ],
    }
