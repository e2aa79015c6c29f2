"""Vendi score: the effective number of different images in one set, without a reference.

What it measures: diversity; n identical images score 1, n mutually orthogonal feature vectors score n.
Why it can mislead: noise is diverse too; grows with n, so compare at equal n only.
Definition: Friedman & Dieng 2023 (arXiv 2210.02410), eq. (1): exp of the entropy of the eigenvalues of K / n, here with
    the cosine kernel. K / n and the D x D second moment of the unit-length rows have the same non-zero eigenvalues.
"""

import numpy as np

from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.metrics.kernel import unit_rows
from ganeval.summaries.base import SetSummary


def vendi_score(rows: np.ndarray) -> float:
    """Effective number of different rows under the cosine kernel, in [1, min(n, D)], higher is more diverse.

    Args:
        rows: (n, D) features, n >= 1.
    """
    n, dim = rows.shape
    if n > dim:
        gram = np.zeros((dim, dim))
        for start in range(0, n, 4096):
            part = unit_rows(rows[start : start + 4096])
            gram += part.T @ part
    else:
        unit = unit_rows(rows)
        gram = unit @ unit.T
    eigenvalues = np.clip(np.linalg.eigvalsh(gram / n), 0.0, None)
    eigenvalues = eigenvalues[eigenvalues > 1e-15]  # p log p -> 0; below are rounding errors of a trace-one matrix
    eigenvalues = eigenvalues / eigenvalues.sum()
    return float(np.exp(-(eigenvalues * np.log(eigenvalues)).sum()))


def compute_vendi(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`vendi` of the generated set; the reference is not looked at."""
    if fake.bank is None:
        raise ValueError("vendi needs the feature rows")
    return {"vendi": Estimate(vendi_score(fake.bank.rows()))}


VENDI = SetMetric(
    name="vendi",
    summary="Vendi score: effective number of different images, cosine kernel; needs no reference",
    outputs=(Output("vendi", "higher", (1.0, float("inf"))),),
    needs=frozenset({"bank"}),
    reference=False,
    symmetric=False,
    min_n=2,
    version=1,
    compute=compute_vendi,
    params={"kernel": "cosine", "order": 1},
)
