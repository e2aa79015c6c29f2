"""Images that are exact copies of others: they add to the count of a set and tell nothing new."""

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt


def distinct_rows(rows: np.ndarray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each distinct row once: the place where it first occurs, ascending, and how often it occurs.

    Args:
        rows: (n, D); equal means bit for bit. Equal images have equal features, also where their files differ (the
            same pixels stored in two ways). Hashes are compared, because a row has up to 8 KB.
    """
    counts: dict[bytes, int] = {}
    firsts: list[int] = []
    for place, key in enumerate(_keys(rows)):
        if key not in counts:
            firsts.append(place)
        counts[key] = counts.get(key, 0) + 1
    return np.asarray(firsts, dtype=np.int64), np.asarray(list(counts.values()), dtype=np.int64)


def rows_in(rows: np.ndarray, others: np.ndarray) -> int:
    """How many rows are equal to one of the others, bit for bit.

    Args:
        rows: (n, D).
        others: (m, D).
    """
    known = set(_keys(others))
    return sum(key in known for key in _keys(rows))


def _keys(rows: np.ndarray) -> Iterator[bytes]:
    return (hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in np.ascontiguousarray(rows))
