"""Eigenvalues of one symmetric matrix after another: most of the time that the deletions of a jackknife take."""

import numpy as np
import torch

from ganeval.summaries.moments import Float64


def symmetric_eigenvalues(matrix: Float64) -> Float64:
    """(D,) ascending eigenvalues of a symmetric (D, D) matrix, float64.

    By torch, whose LAPACK is MKL on x86: 0.20 s at D = 1280 on one core, numpy's OpenBLAS 0.35 s.
    """
    return np.asarray(torch.linalg.eigvalsh(torch.from_numpy(np.ascontiguousarray(matrix))).numpy(), dtype=np.float64)
