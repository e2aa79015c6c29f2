"""Random groups: the standard error of a statistic from its values on disjoint parts of the data.

For statistics of nearest neighbours the jackknife is wrong: leaving images out changes balls in a way that a new draw
would not, and its SE came out 1.0 to 2.5 times too large in simulation. Ten disjoint groups are ten real, independent
draws of a smaller size; a statistic that is a mean over local neighbourhoods varies like 1/n at every size, so the SE
at n is sd(groups)/sqrt(G). Where the statistic is a share, its level depends on the size, and with it the binomial part
of its variance p (1 - p) / n: that part is carried over from the groups' level to the level at n (a design effect).

Source: Wolter 2007, Introduction to Variance Estimation (2nd ed.), chapter 2; Kish 1965 for the design effect.
"""

import math

import numpy as np

from ganeval.stats.counts import check_count
from ganeval.summaries.moments import Float64

GROUPS = 10
FEWEST = 2.0  # mean count a group of the rarer outcome, below which the spread of the groups says too little


def group_stderr(values: Float64) -> float:
    """Standard error at full size from the values on G disjoint groups, G - 1 degrees of freedom.

    Args:
        values: (G,) G >= 2.

    Raises:
        TooFewSamplesError: fewer than two groups.
    """
    check_count("A standard error", len(values), 2, "groups")
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def share_stderr(share: float, values: Float64, n: int) -> float | None:
    """The same for a share, times the root of p (1 - p) at full size over p (1 - p) at the groups' mean level.

    Never below the binomial standard error: neighbourhoods that share images vary more than independent ones, not less.

    Args:
        share: p of all rows, in [0, 1].
        values: (G,) shares in the groups.
        n: Rows that the share is of.

    Returns:
        The standard error, or None where the share is so near 0 or 1 that the groups hold too few of the rarer outcome.
    """
    level = float(np.mean(values))
    rarer = min(level, 1.0 - level) * n / len(values)
    if rarer < FEWEST or not 0.0 < share < 1.0:
        return None
    effect = group_stderr(values) / math.sqrt(level * (1.0 - level))
    return math.sqrt(share * (1.0 - share)) * max(effect, 1.0 / math.sqrt(n))
