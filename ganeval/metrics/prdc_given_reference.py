"""Errors of precision, recall, density and coverage over the generated images alone, with the reference held fixed.

* Precision is binomial: each generated image lies inside the fixed balls of the reference or not, independently; with
  two of each added, so that a precision of 0 has an error too (Agresti & Coull 1998, The American Statistician 52).
* Density is a mean of how many fixed balls hold each generated image.
* Recall and coverage are no means over generated images. Two random halves of them are two independent draws of half
  the size against the same reference, and four quarters are four. Their variance doesn't fall like 1 / n: that of
  coverage falls faster, because most balls are filled already, that of recall more slowly, because balls of generated
  images shrink as they get more. As a multiple of p (1 - p) / m, the variance of m independent images (a design effect,
  Kish 1965), it moves slowly: what it moves by from quarters to halves, it is taken to move by once more. That of
  coverage falls by somewhat more, the more so where images that are never covered count in p (1 - p): its standard
  error comes out at 0.99 to 1.13 times the spread (six distributions, 1,000 to 4,000 draws each).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.metrics.base import Params
from ganeval.metrics.neighbours import CHUNK, approximate, pairs, prepare
from ganeval.metrics.prdc_difference import balls, nearest
from ganeval.stats.influence import SamplingError, sampling_error
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Float64

SPLITS = 80  # random divisions into quarters, each into halves as well
SPLIT_SEED = 19
FEWEST = 80  # generated images: a quarter has 20
DEGREES = 12.0  # behind the extrapolated variance, by its scatter over draws
MOST = 2.0  # times that of halves
LEAST = 2.0  # reference images: the variance of a count that came out at 0, with two added as for precision


@dataclass(frozen=True)
class Covered:
    """Which images are in which balls.

    Attributes:
        inside: (n,) generated images in some ball of the reference (k of precision).
        balls: (n,) in how many balls of the reference each is (k of density).
        recall: Groups (1, 2, 4) -> (S, groups) share of the reference in balls of each group of generated images.
        coverage: The same of reference images whose own ball holds an image of the group.
    """

    inside: npt.NDArray[np.bool_]
    balls: Float64
    recall: dict[int, Float64]
    coverage: dict[int, Float64]


def prdc_given_reference(real: SetSummary, fake: SetSummary, params: Params) -> dict[str, SamplingError]:
    """Output -> error over draws of generated images; without recall and coverage where these are too few.

    Args:
        real: The reference.
        fake: The generated images, in canonical order.
        params: `k` and `k_density`.

    Raises:
        DataError: a set lacks its feature rows.
    """
    if real.bank is None or fake.bank is None:
        raise DataError("The error of precision, recall, density and coverage needs the feature rows of both sets.")
    found = covered(real.bank.rows(), fake.bank.rows(), int(params["k"]), int(params["k_density"]))
    n, m = fake.moments.n, real.moments.n
    share = (int(found.inside.sum()) + 2) / (n + 4)
    stderr = math.sqrt(share * (1.0 - share) / (n + 4))
    errors = {
        "precision": SamplingError(stderr, (1.0 - 2.0 * share) / ((n + 4) * stderr)),
        "density": sampling_error((found.balls - found.balls.mean()) / int(params["k_density"]), 0.0),
    }
    if n >= FEWEST:
        errors["recall"] = _of_parts(found.recall, m)
        errors["coverage"] = _of_parts(found.coverage, m)._replace(cautious=True)
    return errors


def _of_parts(scores: dict[int, Float64], m: int) -> SamplingError:
    """The error of a share of m reference images, from its values on halves and quarters of the generated images."""
    whole, halves, quarters = (float(np.mean(scores[count] * (1.0 - scores[count]))) for count in (1, 2, 4))
    of_halves, of_quarters = (float(scores[count].var(axis=1, ddof=1).mean()) for count in (2, 4))
    effect = 0.0
    if of_halves > 0.0 and of_quarters > 0.0:
        effect = of_halves / halves
        effect *= min(effect / (of_quarters / quarters), MOST)
    return SamplingError(math.sqrt(max(effect * whole, LEAST / m**2)), degrees=DEGREES)


def covered(real: np.ndarray, fake: np.ndarray, k: int, k_density: int) -> Covered:
    """Scores of halves and quarters of the generated images, in one pass over their distances to the reference.

    Args:
        real: (m, D) rows.
        fake: (n, D) rows.
        k: Neighbour of precision and recall.
        k_density: Neighbour of density and coverage.
    """
    of_real, of_fake = prepare(real, fake)
    n, m = len(of_fake), len(of_real)
    rng = np.random.Generator(np.random.PCG64(SPLIT_SEED))
    quarters = np.stack([rng.permutation(n) % 4 for _ in range(SPLITS)]).astype(np.int8)
    distances, near = nearest(of_real)[0], nearest(of_fake)
    radii, wide = distances[:, k - 1], distances[:, k_density - 1]
    parts = {4: quarters, 2: quarters // np.int8(2), 1: np.zeros((1, n), dtype=np.int8)}
    own = {count: balls(of_fake, groups, (k,), near).radii[k] for count, groups in parts.items()}
    inside, held = np.zeros(n, dtype=bool), np.zeros(n)
    recall, coverage = (
        {count: np.zeros((len(groups), count, m), dtype=bool) for count, groups in parts.items()} for _ in range(2)
    )
    widest = own[4].max(axis=0)
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        squared = approximate(of_fake, part, of_real)
        i, j = pairs(squared <= np.maximum(np.maximum(radii, wide)[None, :], widest[part, None]))
        d = squared[i, j]
        i += start
        inside[i[d <= radii[j]]] = True
        dense = d <= wide[j]
        held += np.bincount(i[dense], minlength=n)
        for count, groups in parts.items():
            for split in range(len(groups)):
                group, ball = groups[split, i], d <= own[count][split, i]
                recall[count][split, group[ball], j[ball]] = True
                coverage[count][split, group[dense], j[dense]] = True
    shares = [{count: hit.mean(axis=2) for count, hit in hits.items()} for hits in (recall, coverage)]
    return Covered(inside, held, *shares)
