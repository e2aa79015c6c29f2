"""Checks of pixel values: range, clipping, stretching of single images, light, contrast, order of the channels."""

from typing import Final

import numpy as np
import numpy.typing as npt

from ganeval.doctor.check import Check, percent, share_of
from ganeval.doctor.damage import Damage, linear, permuted, stretched
from ganeval.doctor.facts import Looks, Values
from ganeval.doctor.finding import Finding, Severity

NARROW: Final = 0.5
SMALLER: Final = 0.8
MIN_IMAGES: Final = 8
TAIL: Final = 0.001  # quantile of all values that the used range leaves out at each end
CLIPPED: Final = 0.2
CLIPPED_MORE: Final = 0.05
FEW: Final = 0.01  # share of an image's values at either end that stretching puts there at most
STRETCHED: Final = 0.98
SHIFT: Final = 4.0  # grey levels
CONTRAST: Final = 1.25
SURE: Final = 4.0  # standard errors
SWAPPED: Final = 40.0  # Hotelling's T²; 6 degrees of freedom: 5e-7 by chance
BETTER: Final = 4.0

Float64 = npt.NDArray[np.float64]
Order = tuple[int, int, int]


def value_range(seen: Looks, reference: Looks | None) -> Finding | None:
    """Values that use only part of 0 to 255."""
    low, high = _used(seen.values)
    used = (high - low) / 255.0
    theirs = None
    if reference is not None:
        theirs = (np.subtract(*_used(reference.values)[::-1])) / 255.0
    if used >= SMALLER * (1.0 if theirs is None else theirs):
        return None
    severity: Severity = "serious" if used < NARROW * (1.0 if theirs is None else theirs) else "warning"
    rest = "" if theirs is None or reference is None else ", the reference's {} to {}".format(*_used(reference.values))
    return Finding(
        "range",
        severity,
        seen.n,
        seen.n,
        f"the set's values span only {low} to {high}{rest} ({TAIL:.1%} at each end left aside)",
        "Look how floats became bytes: [0, 1] saved without times 255, [-1, 1] scaled twice, or a last layer that "
        "does not reach its ends.",
        damage=linear((high - low) / 255.0, low, f"values squeezed into {low}..{high}"),
    )


def clipping(seen: Looks, reference: Looks | None) -> Finding | None:
    """Values that pile up at exactly 0 or 255."""
    ours = _ends(seen.values)
    if reference is None:
        if ours < CLIPPED or not seen.colourful:
            return None
        severity: Severity = "warning"
        rest = "; photos rarely have more than a few percent"
    else:
        theirs = _ends(reference.values)
        if ours - theirs < CLIPPED_MORE or ours - theirs < SURE * _ends_error(seen.values, reference.values):
            return None
        severity = "serious" if ours - theirs >= CLIPPED else "warning"
        rest = f", {percent(theirs)} of the reference's"
    worst = np.argsort(-(seen.values.at_low + seen.values.at_high), kind="stable")
    low, high = float(seen.values.at_low.mean()), float(seen.values.at_high.mean())
    return Finding(
        "clipping",
        severity,
        int(((seen.values.at_low + seen.values.at_high) >= CLIPPED_MORE).sum()),
        seen.n,
        f"{percent(ours)} of all values are exactly 0 ({percent(low)}) or 255 ({percent(high)}){rest}",
        "Look for an output in [-1, 1] that was clamped to [0, 1], a wrong range, or a contrast that was raised.",
        seen.facts.stems(worst),
        _as_clipped(reference, low, high),
    )


def stretching(seen: Looks, reference: Looks | None) -> Finding | None:
    """Every image reaches exactly 0 and 255: each was stretched separately."""
    ours, few = share_of(_touch(seen.values)), share_of(_sparse_touch(seen.values))
    if seen.n < MIN_IMAGES or ours < STRETCHED:
        return None
    severity: Severity = "warning"
    if reference is None:
        if few < 0.5:
            return None  # the ends are crowded: a black ground, blown skies
        rest = f", {percent(few)} with at most {FEW:.0%} of their values at either end"
    else:
        theirs = share_of(_touch(reference.values))
        if theirs > SMALLER:
            return None
        rest, severity = f", {percent(theirs)} of the reference's", "serious"
    return Finding(
        "min-max",
        severity,
        round(ours * seen.n),
        seen.n,
        f"{percent(ours)} of the images touch both 0 and 255{rest}: each was stretched to fill the range",
        "Save with one fixed rule: x in [-1, 1] becomes (x + 1) / 2; with torchvision, save_image(..., "
        "normalize=True, value_range=(-1, 1)).",
        damage=stretched(),
    )


def light(seen: Looks, reference: Looks | None) -> Finding | None:
    """Brightness or contrast that differs from the reference's."""
    if reference is None or min(seen.n, reference.n) < 2:
        return None
    shift, shift_error = _difference(seen.values.mean.mean(axis=1), reference.values.mean.mean(axis=1))
    spread = [looks.values.sd.mean(axis=1) for looks in (seen, reference)]
    change, change_error = _difference(*spread)
    ratio = float(spread[0].mean() / max(float(spread[1].mean()), 1e-9))
    brighter = abs(shift) >= SHIFT and abs(shift) >= SURE * shift_error
    harder = max(ratio, 1.0 / max(ratio, 1e-9)) >= CONTRAST and abs(change) >= SURE * change_error
    if not (brighter or harder):
        return None
    said = [f"{abs(shift):.1f} grey levels {'brighter' if shift > 0 else 'darker'} (± {shift_error:.1f})"] * brighter
    said += [f"of {ratio:.2f} times the contrast"] * harder
    theirs = float(reference.values.mean.mean())
    return Finding(
        "light",
        "warning",
        seen.n,
        seen.n,
        f"the images are {' and '.join(said)} against the reference, on average",
        "If the generator does this, it is part of its score; if saving did it (gamma, range, rounding), repair that.",
        damage=linear(
            ratio if harder else 1.0,
            theirs + shift - (ratio if harder else 1.0) * theirs,
            f"mean moved by {shift:+.1f}" + (f", contrast × {ratio:.2f}" if harder else ""),
        ),
    )


def channel_order(seen: Looks, reference: Looks | None) -> Finding | None:
    """Colors that match the reference's far better in another channel order."""
    if reference is None or not (seen.colourful and reference.colourful) or min(seen.n, reference.n) < 16:
        return None
    distances = {order: _colour_distance(seen.values, reference.values, order) for order in _ORDERS}
    best = min(distances, key=lambda order: distances[order])
    plain = distances[_ORDERS[0]]
    if best == _ORDERS[0] or plain < SWAPPED or plain < BETTER * distances[best]:
        return None
    words = "".join("RGB"[i] for i in best)
    return Finding(
        "channel-order",
        "serious",
        seen.n,
        seen.n,
        f"the colours agree with the reference's {plain / max(distances[best], 1.0):.0f} times better with the "
        f"channels read as {words} (T² {distances[best]:.0f} against {plain:.0f})",
        "OpenCV reads and writes BGR: convert before saving (image[..., ::-1]).",
        damage=permuted(best),
    )


_ORDERS: Final[tuple[Order, ...]] = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def _used(values: Values) -> tuple[int, int]:
    """The TAIL and 1 - TAIL quantiles of all values."""
    cumulated = np.cumsum(values.histogram) / values.histogram.sum()
    return int(np.searchsorted(cumulated, TAIL, side="right")), int(np.searchsorted(cumulated, 1.0 - TAIL))


def _ends(values: Values) -> float:
    return float((values.at_low + values.at_high).mean())


def _ends_error(ours: Values, theirs: Values) -> float:
    """Standard error of the difference of the shares at the ends."""
    return _difference(ours.at_low + ours.at_high, theirs.at_low + theirs.at_high)[1]


def _touch(values: Values) -> npt.NDArray[np.bool_]:
    return np.asarray((values.low == 0) & (values.high == 255))


def _sparse_touch(values: Values) -> npt.NDArray[np.bool_]:
    """Touches both ends with few values: a black background or a blown sky has many."""
    return np.asarray(_touch(values) & (values.at_low <= FEW) & (values.at_high <= FEW))


def _as_clipped(reference: Looks | None, low: float, high: float) -> Damage | None:
    if reference is None:
        return None
    cumulated = np.cumsum(reference.values.histogram) / reference.values.histogram.sum()
    bottom = int(np.searchsorted(cumulated, low))
    top = max(bottom + 1, int(np.searchsorted(cumulated, 1.0 - high)))
    gain = 255.0 / (top - bottom)
    return linear(gain, -gain * bottom, f"contrast raised until {percent(low)} and {percent(high)} are clipped")


def _difference(ours: Float64, theirs: Float64) -> tuple[float, float]:
    """Difference of means and its standard error, infinite if a set has one image."""
    if min(len(ours), len(theirs)) < 2:
        return float(ours.mean() - theirs.mean()), float("inf")
    error = np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
    return float(ours.mean() - theirs.mean()), float(error)


def _colour_distance(ours: Values, theirs: Values, order: Order) -> float:
    """Hotelling's T² between per-image channel means and deviations (6 numbers an image), ours read in `order`."""
    a = np.concatenate([ours.mean[:, order], ours.sd[:, order]], axis=1)
    b = np.concatenate([theirs.mean, theirs.sd], axis=1)
    covariance = np.cov(a, rowvar=False) / len(a) + np.cov(b, rowvar=False) / len(b)
    delta = a.mean(axis=0) - b.mean(axis=0)
    ridge = 1e-6 * np.trace(covariance) / len(delta)
    return float(delta @ np.linalg.solve(covariance + ridge * np.eye(len(delta)), delta))


VALUE_CHECKS: Final[tuple[Check[Looks], ...]] = (
    Check(
        "range",
        "Do the values fill the range?",
        f"{TAIL:.1%} to {1 - TAIL:.1%} quantile below {SMALLER:.0%} of 0..255 (or of the reference's): warning, below "
        f"{NARROW:.0%}: serious",
        "a thousand values at either end are enough to show that a set can reach it",
        value_range,
    ),
    Check(
        "clipping",
        "Do values pile up at 0 or 255?",
        f"{CLIPPED_MORE:.0%} of all values (and {SURE:g} standard errors) more than in the reference: "
        f"warning, {CLIPPED:.0%}: serious; "
        f"without a reference {CLIPPED:.0%} of a coloured set: warning",
        "grey sets on a black ground are half zeros by nature, so without a reference only colours are judged",
        clipping,
    ),
    Check(
        "min-max",
        "Was each image stretched to 0..255 by itself?",
        f"{STRETCHED:.0%} of the images touch both ends: serious where at most {SMALLER:.0%} of the reference's do; "
        f"without a reference a warning, where half of them have at most {FEW:.0%} of their values at either end",
        "a stretch maps one value to 0 and one to 255; seen on real sets: 34% (CIFAR-10), 71% (BSD100), 92% and 98% "
        "with crowded ends (Fashion-MNIST, digits); large photos may touch both by nature",
        stretching,
    ),
    Check(
        "light",
        "Are brightness and contrast the reference's?",
        f"means {SHIFT:g} grey levels apart, or contrast {CONTRAST:g} times, and {SURE:g} standard errors: warning",
        "a generator may be that far off by itself, so never serious",
        light,
    ),
    Check(
        "channel-order",
        "Are the channels in the reference's order?",
        f"T² of channel means and deviations from {SWAPPED:g} on and {BETTER:g} times that of another order: serious",
        "each channel order is tried; two halves of one set give T² around 6",
        channel_order,
    ),
)
