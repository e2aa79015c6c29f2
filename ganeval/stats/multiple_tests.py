"""Many tests at once: Holm's correction over a family, Benjamini and Hochberg's over discoveries. Pure Python."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order; each below 0.05 holds with a family-wise error of at most 5%.

    Holm 1979, "A simple sequentially rejective multiple test procedure" (Scandinavian Journal of Statistics 6, 65-70):
    the i-th smallest times m - i + 1, made monotone and cut off at 1. Valid under any dependence.
    """
    order = _ascending(p_values)
    adjusted, largest = [0.0] * len(order), 0.0
    for place, i in enumerate(order):
        largest = max(largest, p_values[i] * (len(order) - place))
        adjusted[i] = min(largest, 1.0)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order; of those below 0.05 at most 5% are expected to be false discoveries.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate" (Journal of the Royal Statistical Society B 57,
    289-300): the i-th smallest times m / i, made monotone from above. Where nothing differs at all, the chance of any
    discovery is at most 5%.
    """
    order = _ascending(p_values)
    adjusted, smallest = [0.0] * len(order), 1.0
    for place in range(len(order) - 1, -1, -1):
        i = order[place]
        smallest = min(smallest, p_values[i] * len(order) / (place + 1))
        adjusted[i] = smallest
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError(f"p-values lie in [0, 1]; got {list(p_values)}")
    return sorted(range(len(p_values)), key=p_values.__getitem__)
