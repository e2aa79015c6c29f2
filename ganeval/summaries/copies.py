"""Images that are exact copies of others: they add to the count of a set and tell nothing new."""

import hashlib

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
    for place, row in enumerate(np.ascontiguousarray(rows)):
        key = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        if key not in counts:
            firsts.append(place)
        counts[key] = counts.get(key, 0) + 1
    return np.asarray(firsts, dtype=np.int64), np.asarray(list(counts.values()), dtype=np.int64)
