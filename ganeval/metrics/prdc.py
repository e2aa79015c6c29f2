"""Precision, recall, density and coverage: quality and diversity apart, by balls around nearest neighbours.

What it measures: precision and density, the share of generated images near real ones; recall and coverage, the share
    of real images near generated ones.
Why it can mislead: depends on k, on the backbone and on both counts; outliers blow the balls up (Naeem et al.).
Definition: precision and recall, Kynkaanniemi et al. 2019 (arXiv 1904.06991), eq. (1)-(3), k = 3;
    density and coverage, Naeem et al. 2020 (arXiv 2002.09797), eq. (3)-(6), k = 5.
Matches: torch-fidelity 0.4.0 `metric_prc.py` (precision, recall at equal k), exactly up to ties.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.errors import TooFewSamplesError
from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.metrics.neighbours import CHUNK, approximate, neighbour_radii, prepare, within
from ganeval.metrics.prdc_difference import prdc_difference_errors
from ganeval.metrics.prdc_given_reference import prdc_given_reference
from ganeval.metrics.prdc_halves import DEGREES, half_scores, half_stderr
from ganeval.metrics.uncertainty import NEAR_END, join
from ganeval.stats.counts import check_count
from ganeval.stats.groups import GROUPS, share_stderr
from ganeval.stats.influence import influence_stderr
from ganeval.stats.intervals import share_interval, t_interval
from ganeval.stats.jackknife import block_numbers
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

GROUP_SIZE = 50  # images a side in one of the groups of the standard error; below, its level is too far from the score
RARER = 10.0  # reference images that are covered, or are not, below which the interval of coverage is withheld
ALONE = 0.1  # of a set in one ball and in no other: digits against clothes 0.17 to 0.76, generated clothes up to 0.05
TIE = 1e-9  # relative; an image that is itself a k-th neighbour lies on the sphere and counts as inside


@dataclass(frozen=True)
class Neighbourhoods:
    """Who lies in whose ball, as counts.

    Attributes:
        fake_inside: (n_f,) bool, the generated image lies in some real ball (k of precision).
        real_inside: (n_r,) bool, the real image lies in some generated ball (k of precision).
        balls: (n_f,) int, how many real balls (k of density) hold the generated image.
        members: (n_r,) int, how many generated images lie in the real image's own ball (k of density).
        fake_alone: Most generated images that one real ball holds and no other one does (k of precision).
        real_alone: Most real images that one generated ball holds and no other one does (k of precision).
    """

    fake_inside: npt.NDArray[np.bool_]
    real_inside: npt.NDArray[np.bool_]
    balls: npt.NDArray[np.int64]
    members: npt.NDArray[np.int64]
    fake_alone: int
    real_alone: int

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """(n_r,) some generated image lies in the real image's own ball."""
        return self.members > 0

    def scores(self, k_density: int) -> Float64:
        """(4,) precision, recall, density, coverage."""
        means = [x.mean() for x in (self.fake_inside, self.real_inside, self.balls, self.covered)]
        return np.asarray(means) / (1.0, 1.0, k_density, 1.0)


def neighbourhoods(real: np.ndarray, fake: np.ndarray, k: int, k_density: int) -> Neighbourhoods:
    """Counts ball memberships between two sets of rows, in blocks of bounded memory.

    Args:
        real: (n_r, D) rows, n_r > max(k, k_density).
        fake: (n_f, D) rows, n_f > k.
        k: Neighbour of precision and recall.
        k_density: Neighbour of density and coverage.
    """
    a, b = prepare(real, fake)
    grow = 1.0 + TIE
    real_radii = {n: grow * radii for n, radii in neighbour_radii(a, tuple(sorted({k, k_density}))).items()}
    fake_radii = grow * neighbour_radii(b, (k,))[k]
    fake_held, fake_holder, balls = (np.zeros(len(fake), dtype=np.int64) for _ in range(3))
    real_held, real_holder, members = (np.zeros(len(real), dtype=np.int64) for _ in range(3))
    for start in range(0, len(fake), CHUNK):
        part = slice(start, min(start + CHUNK, len(fake)))
        squared = approximate(b, part, a)
        inside = within(b, part, a, squared, real_radii[k])
        fake_held[part], fake_holder[part] = np.count_nonzero(inside, axis=1), inside.argmax(axis=1)
        in_ball = within(b, part, a, squared, real_radii[k_density])
        balls[part] = in_ball.sum(axis=1)
        members += in_ball.sum(axis=0)
        inside = within(b, part, a, squared, fake_radii[part, None])
        held = np.count_nonzero(inside, axis=0)
        once = np.flatnonzero(held == 1)
        real_holder[once] = part.start + inside[:, once].argmax(axis=0)
        real_held += held
    alone = (
        int(np.bincount(holder[held == 1], minlength=1).max())
        for held, holder in ((fake_held, fake_holder), (real_held, real_holder))
    )
    return Neighbourhoods(fake_held > 0, real_held > 0, balls, members, *alone)


def group_scores(real: np.ndarray, fake: np.ndarray, k: int, k_density: int) -> Float64:
    """(10, 4) the scores on ten disjoint parts of both sets: a tenth of the work of the scores themselves.

    Enough for precision and recall, not for density and coverage (`ganeval.metrics.prdc_halves`).

    Raises:
        TooFewSamplesError: a part has too few images for a ball.
    """
    check_count("Scores by groups", min(len(real), len(fake)), GROUPS, "images a side")
    in_real, in_fake = block_numbers(len(real), GROUPS), block_numbers(len(fake), GROUPS)
    parts = [neighbourhoods(real[in_real == g], fake[in_fake == g], k, k_density) for g in range(GROUPS)]
    return np.stack([part.scores(k_density) for part in parts])


def _share_estimate(value: float, groups: Float64, n: int, note: str) -> Estimate:
    """Precision or recall with its interval; `n` images are what it is a share of."""
    stderr = share_stderr(value, groups, n)
    if stderr is None:
        return Estimate(value, note=join(note, NEAR_END))
    method = f"{GROUPS} random groups, both sets random, Student t on the logit; of the expectation at this n"
    return Estimate(value, stderr, share_interval(value, stderr, GROUPS - 1), None, method, note, GROUPS - 1)


def _coverage_estimate(value: float, halves: Float64, n: int, note: str) -> Estimate:
    """Coverage of n reference images with its interval, from its values on halves."""
    stderr, rarer = half_stderr(halves), min(value, 1.0 - value) * n
    if rarer < RARER or stderr == 0.0:
        return Estimate(value, note=join(note, NEAR_END))
    degrees = min(DEGREES, rarer)
    method = "random halves, both sets random, Student t on the logit; of the expectation at this n"
    return Estimate(value, stderr, share_interval(value, stderr, degrees), None, method, note, degrees)


def _density_estimate(found: Neighbourhoods, k_density: int, value: float, halves: Float64, note: str) -> Estimate:
    """Density with its interval: the larger of two standard errors, because each is too small for some distributions.

    Density is a mean over pairs: influence of a generated image, the balls that hold it; of a reference image, what its
    ball holds (its radius taken as given). Over draws of real features that was 0.85 to 0.87 of the spread, halves 0.92
    to 0.95; of ReLU mixtures in 6 and 16 dimensions 1.11 to 1.53, halves 0.82 to 1.10.
    """
    by_fake = found.balls / k_density
    by_real = found.members * (len(found.members) / (len(found.balls) * k_density))
    stderr = max(half_stderr(halves), influence_stderr(by_fake, by_real))
    degrees = min(DEGREES, float(np.count_nonzero(found.balls)))
    if stderr == 0.0:
        return Estimate(value, note=join(note, "no interval: every ball holds as much as any other"))
    low, high = t_interval(value, stderr, degrees)
    method = "larger of influence and random halves, both sets random, Student t; of the expectation at this n"
    return Estimate(value, stderr, (max(low, 0.0), high), None, method, note, degrees)


def prdc_of_rows(real: np.ndarray, fake: np.ndarray, params: Params) -> dict[str, float]:
    """All four of two sets of rows, the values alone."""
    k, k_density = int(params["k"]), int(params["k_density"])
    scores = neighbourhoods(real, fake, k, k_density).scores(k_density)
    return dict(zip(("precision", "recall", "density", "coverage"), map(float, scores), strict=True))


@dataclass(frozen=True)
class Scored:
    """Values of two sets, and what their standard errors are made of.

    Attributes:
        real: (m, D) rows of the reference.
        fake: (n, D) rows of the generated images.
        found: Who lies in whose ball.
        k: Neighbour of precision and recall.
        k_density: Neighbour of density and coverage.
        note: What the reader must know of all four.
        few: Too few images for a standard error.
    """

    real: np.ndarray
    fake: np.ndarray
    found: Neighbourhoods
    k: int
    k_density: int
    note: str
    few: bool

    @property
    def values(self) -> tuple[float, float, float, float]:
        """Precision, recall, density, coverage."""
        precision, recall, density, coverage = map(float, self.found.scores(self.k_density))
        return precision, recall, density, coverage


def _scored(real: SetSummary | None, fake: SetSummary, params: Params) -> Scored:
    if real is None or real.bank is None or fake.bank is None:
        raise ValueError("prdc needs the feature rows of both sides")
    k, k_density = int(params["k"]), int(params["k_density"])
    need = max(k, k_density) + 1
    for side, bank in (("reference", real.bank), ("generated", fake.bank)):
        if len(bank) < need:
            raise TooFewSamplesError(
                f"prdc with k = {k} and k_density = {k_density} needs at least {need} {side} images; got {len(bank)}."
            )
    a, b = real.bank.rows(), fake.bank.rows()
    note = "" if len(a) == len(b) else f"n differs ({len(a)} real, {len(b)} fake); the published protocol has equal n"
    fewest = GROUPS * max(GROUP_SIZE, need)
    few = min(real.distinct, fake.distinct) < fewest
    note = join(note, f"no interval: it needs {fewest} images a side" if few else "")
    return Scored(a, b, neighbourhoods(a, b, k, k_density), k, k_density, note, few)


def compute_prdc(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """All four from two summaries, with standard errors and intervals of their expectations at this n.

    Measured with 60-100 draws a case, ReLU mixtures of 8 to 64 dimensions, n = 500 to 1000: the intervals cover 91-100%
    where they are shown. The block jackknife's SE would be 1.0 to 2.5 times too large.
    """
    scored = _scored(real, fake, params)
    return _precision_recall(scored) | _density_coverage(scored)


def compute_precision_recall(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """The first two alone: density and coverage need many random halves for their errors, these do not."""
    return _precision_recall(_scored(real, fake, params))


def _precision_recall(scored: Scored) -> dict[str, Estimate]:
    found, note, (precision, recall, _, _) = scored.found, scored.note, scored.values
    n_real, n_fake = len(scored.real), len(scored.fake)
    notes = (
        join(note, _outlier_note("reference", found.fake_alone, n_fake, "generated")),
        join(note, _outlier_note("generated", found.real_alone, n_real, "reference")),
    )
    if scored.few:
        return {"precision": Estimate(precision, note=notes[0]), "recall": Estimate(recall, note=notes[1])}
    groups = group_scores(scored.real, scored.fake, scored.k, scored.k_density)
    return {
        "precision": _share_estimate(precision, groups[:, 0], n_fake, notes[0]),
        "recall": _share_estimate(recall, groups[:, 1], n_real, notes[1]),
    }


def _density_coverage(scored: Scored) -> dict[str, Estimate]:
    note, (_, _, density, coverage) = scored.note, scored.values
    if scored.few:
        return {"density": Estimate(density, note=note), "coverage": Estimate(coverage, note=note)}
    halves = half_scores(scored.real, scored.fake, scored.k_density)
    return {
        "density": _density_estimate(scored.found, scored.k_density, density, halves.density, note),
        "coverage": _coverage_estimate(coverage, halves.coverage, len(scored.real), note),
    }


def _outlier_note(owner: str, alone: int, n: int, held: str) -> str:
    """What the reader must know where one image far from all others has a ball that decides a share."""
    if alone <= ALONE * n:
        return ""
    return f"the ball of one {owner} image alone holds {alone / n:.0%} of the {held} images: an outlier decides"


PRDC = SetMetric(
    name="prdc",
    summary="Precision, recall (k = 3), density and coverage (k = 5) by nearest-neighbour balls",
    outputs=(
        Output(
            "precision",
            "higher",
            (0.0, 1.0),
            "Precision",
            on_itself=1.0,
            compared={"efflite0": 4},
            gateable=True,
            headline=4,
            question="fidelity",
        ),
        Output(
            "recall",
            "higher",
            (0.0, 1.0),
            "Recall",
            on_itself=1.0,
            worse_with_noise=False,
            compared={"efflite0": 5},
            gateable=True,
            headline=5,
            question="diversity",
        ),
        Output(
            "density",
            "higher",
            (0.0, float("inf")),
            "Density",
            on_itself="varies",
            gateable=True,
            question="fidelity",
        ),
        Output("coverage", "higher", (0.0, 1.0), "Coverage", on_itself=1.0, gateable=True, question="diversity"),
    ),
    needs=frozenset({"bank"}),
    reference=True,
    symmetric=False,
    min_n=6,
    version=1,
    compute=compute_prdc,
    params={"k": 3, "k_density": 5},
    of_rows=prdc_of_rows,
    has_stderr=True,
    given_reference=prdc_given_reference,
    difference_errors=prdc_difference_errors,
    plain={"efflite0": 4, "inception": 12},
)
