"""Which entries of a board differ: a p-value for each pair, corrected over all pairs of the board, and ranks.

Ten equal entries of three seeds make 45 pairs; each judged by itself at 5%, some pair differed in half of such boards.
So the p-values are corrected by Benjamini and Hochberg over all pairs: where nothing differs, a board shows a
difference with a chance of at most 5%. What that costs in power comes back by sharing the spread of seeds over entries
(`ganeval.stats.moderated_variances`). `python -m tests.benchmarks.boards` measures both.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ganeval.leaderboard.cells import Cell
from ganeval.stats.moderated_variances import CommonVariance, common_variance
from ganeval.stats.multiple_tests import benjamini_hochberg
from ganeval.stats.sign_flips import EXACT_UP_TO, exact_sign_flip_p, fewest_pairs
from ganeval.stats.student_t import sum_degrees, two_sided_p

LEVEL = 0.05
MOST = 200  # entries that are compared with each other, the best: 19,900 pairs, a quarter of a second
LARGE = 1e70  # a spread whose powers would overflow; nothing measured has one, but a file of rows may
NOT_AMONG_BEST = f"only the best {MOST} entries are compared with each other"
NO_IMAGES = "values by image are missing: score again"
OTHER_IMAGES = "scored on other images"
ONE_SIDED = "identical to their originals in different images, where no difference is finite"
NO_SPREAD = "no spread to judge by"
NO_STDERR = "no standard error, and one seed"

ByImage = Mapping[str, float | None]


@dataclass(frozen=True)
class Contender:
    """One entry as far as its place is concerned.

    Attributes:
        cell: Its number.
        by_image: Image -> value of a paired metric, None where infinite; None where they were not kept, or of several
            seeds. A mean is over the finite ones, so that entries compare only where the same images are infinite.
        identical: Those infinite ones, which several seeds have to leave out alike; None where they do not, or where it
            is not known which images they are.
    """

    cell: Cell
    by_image: ByImage | None = None
    identical: frozenset[str] | None = frozenset()


@dataclass(frozen=True)
class Ranking:
    """The places of a board.

    Attributes:
        ranks: In the order of the contenders: "1", "2=", "3?", "3=?". 1 + the number of entries that are significantly
            better; "=" where a tested entry is not significantly different, "?" where one could not be tested. Of more
            than 200 entries the best 200 are compared, and the others are all "201?".
        tested: Pairs with a p-value: the family of the correction.
        untested: Why -> pairs without.
        different: (better, worse) of each pair that differs significantly, as places among the contenders.
    """

    ranks: tuple[str, ...]
    tested: int
    untested: Mapping[str, int]
    different: frozenset[tuple[int, int]]


def place(rank: str) -> int:
    """The number of a rank."""
    return int(rank.rstrip("=?"))


def rank(contenders: Sequence[Contender], better: str, *, paired: bool = False, share: bool = True) -> Ranking:
    """Ranks with the false discovery rate held at 5% over all pairs.

    "Not significantly different" is not transitive: a and b may tie, b and c too, and a still be better than c.
    Counting those that are better than an entry gives a 1, b 1 and c 2, each with "=", and needs no order among ties.

    Args:
        contenders: Entries of one column.
        better: "lower" or "higher"; otherwise no entry is better than another.
        paired: The column is a metric of image pairs, which only differences image by image compare.
        share: Share the spread of seeds over the entries.
    """
    contenders = _without_overflow(contenders)
    cells = [contender.cell for contender in contenders]
    sign = {"lower": 1.0, "higher": -1.0}.get(better, 0.0)
    common = common_variance([(c.sd**2, c.n - 1) for c in cells if c.sd is not None]) if share else None
    best = sorted(range(len(cells)), key=lambda i: sign * cells[i].mean)
    pairs = list(itertools.combinations(sorted(best[:MOST]), 2))
    found = [_p_value(contenders[i], contenders[j], common, paired) for i, j in pairs]
    tested = [k for k, p in enumerate(found) if isinstance(p, float)]
    adjusted = dict(zip(tested, benjamini_hochberg([p for p in found if isinstance(p, float)]), strict=True))
    tied, unknown = [False] * len(cells), [False] * len(cells)
    different = set()
    for k, (i, j) in enumerate(pairs):
        ahead = sign * (cells[j].mean - cells[i].mean)
        if k not in adjusted:
            unknown[i] = unknown[j] = True
        elif adjusted[k] > LEVEL or ahead == 0.0:
            tied[i] = tied[j] = True
        else:
            different.add((i, j) if ahead > 0.0 else (j, i))
    wins = Counter(worse for _, worse in different)
    ranks = [f"{1 + wins[i]}{'=' * tied[i]}{'?' * unknown[i]}" for i in range(len(cells))]
    untested = Counter(reason for reason in found if isinstance(reason, str))
    if rest := best[MOST:]:
        untested[NOT_AMONG_BEST] += math.comb(len(cells), 2) - len(pairs)
        for i in rest:
            ranks[i] = f"{MOST + 1}?"
    return Ranking(tuple(ranks), len(tested), untested, frozenset(different))


def _without_overflow(contenders: Sequence[Contender]) -> Sequence[Contender]:
    """The contenders, in a unit in which the squares of their spreads are numbers; nearly always their own."""
    cells = [contender.cell for contender in contenders]
    largest = max((spread for cell in cells for spread in (cell.sd, cell.stderr) if spread), default=0.0)
    if largest < LARGE:
        return contenders
    return [
        replace(
            contender,
            cell=replace(
                cell,
                mean=cell.mean / largest,
                sd=None if cell.sd is None else cell.sd / largest,
                stderr=None if cell.stderr is None else cell.stderr / largest,
            ),
        )
        for contender, cell in zip(contenders, cells, strict=True)
    ]


def _p_value(a: Contender, b: Contender, common: CommonVariance | None, paired: bool) -> float | str:
    """Two-sided p of no difference, or why there is none."""
    if a.cell.sd is None and b.cell.sd is None and paired:
        if a.by_image is None or b.by_image is None:
            return NO_IMAGES
        if a.by_image.keys() != b.by_image.keys():
            return OTHER_IMAGES
        if any((a.by_image[image] is None) != (b.by_image[image] is None) for image in a.by_image):
            return ONE_SIDED
        values = ((a.by_image[image], b.by_image[image]) for image in a.by_image)
        return paired_p([y - x for x, y in values if x is not None and y is not None])
    if paired and (a.identical is None or a.identical != b.identical):
        return ONE_SIDED
    parts = [_variance_of_mean(cell, common, paired) for cell in (a.cell, b.cell)]
    errors = [part for part in parts if not isinstance(part, str)]
    if len(errors) < 2:
        return next(part for part in parts if isinstance(part, str))
    variance = math.fsum(part for part, _ in errors)
    if variance == 0.0:
        return NO_SPREAD
    if common is not None:
        degrees = min(degrees for _, degrees in errors)
    else:
        degrees = sum_degrees(*((math.sqrt(part), degrees) for part, degrees in errors))
    return two_sided_p((b.cell.mean - a.cell.mean) / math.sqrt(variance), degrees)


def paired_p(differences: Sequence[float]) -> float | str:
    """Two-sided p of a zero mean difference, or why there is none.

    Student's t; up to 15 pairs also the exact sign-flip test, of which the larger p counts: of so few, t relies on
    normality.

    Args:
        differences: One an image, finite.
    """
    n = len(differences)
    if n and not any(differences):
        return 1.0
    if sum(difference != 0.0 for difference in differences) < fewest_pairs(LEVEL):
        return f"fewer than {fewest_pairs(LEVEL)} images differ, too few for any significance"
    mean = math.fsum(differences) / n
    sd = math.hypot(*(difference - mean for difference in differences)) / math.sqrt(n - 1)
    if sd <= 1e-12 * abs(mean):
        return NO_SPREAD
    p = two_sided_p(mean / (sd / math.sqrt(n)), n - 1)
    # Not significant by t is not significant: then the exact p, which takes a thousand times as long, decides nothing.
    return max(p, exact_sign_flip_p(differences)) if n <= EXACT_UP_TO and p <= LEVEL else p


def _variance_of_mean(cell: Cell, common: CommonVariance | None, paired: bool) -> tuple[float, float] | str:
    """(variance of the cell's mean, degrees of freedom), or why it is not known.

    One result has the spread of seeds that all entries share, or its own standard error where that is larger; of a
    paired metric the latter is a spread between images, which both entries share.
    """
    if cell.sd is not None:
        if common is None:
            return cell.sd**2 / cell.n, cell.n - 1.0
        variance, degrees = common.moderated(cell.sd**2, cell.n - 1)
        return variance / cell.n, degrees
    own = 0.0 if cell.stderr is None or paired else cell.stderr**2
    if common is not None and common.variance >= own:
        return common.alone()
    return (own, math.inf if cell.degrees is None else cell.degrees) if own else NO_STDERR


def identical_images(text: str, count: int | None) -> frozenset[str] | None:
    """Images of a row whose value is infinite; None where there are some and the row does not name them.

    Args:
        text: What it kept by image, as JSON; "" for nothing.
        count: How many there are, None where it does not say.
    """
    if not text or "null" not in text:  # which spares most rows the parser
        return None if count and not text else frozenset()
    return frozenset(image for image, value in (values_by_image(text) or {}).items() if value is None)


def values_by_image(text: str) -> ByImage | None:
    """What a row kept, from its JSON; None where it kept nothing."""
    values = json.loads(text) if text else None
    return values if isinstance(values, dict) and values else None
