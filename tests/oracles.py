"""Slow float64 second opinions, written from the definitions and without looking at the package's code."""

import itertools
import math

import numpy as np
import scipy.linalg


def frechet(real, fake):
    """|m_r - m_g|^2 + tr(S_r + S_g - 2 (S_r S_g)^(1/2)) with the general eigenvalues of the product."""
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    S_r, S_g = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    gap = real.mean(0) - fake.mean(0)
    root_trace = np.sqrt(np.maximum(scipy.linalg.eigvals(S_r @ S_g).real, 0)).sum()
    return gap @ gap + np.trace(S_r) + np.trace(S_g) - 2 * root_trace


def kernel_distance(real, fake):
    """Unbiased MMD^2, cubic kernel, by three double loops."""
    d = len(real[0])

    def k(x, y):
        return (sum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / d + 1) ** 3

    n, m = len(real), len(fake)
    rr = sum(k(a, b) for a, b in itertools.permutations(real, 2)) / (n * (n - 1))
    ff = sum(k(a, b) for a, b in itertools.permutations(fake, 2)) / (m * (m - 1))
    rf = sum(k(a, b) for a in real for b in fake) / (n * m)
    return rr + ff - 2 * rf


def cmmd(real, fake, sigma=10.0):
    """1000 x V-statistic MMD^2, RBF on unit-length rows."""

    def unit(x):
        return [float(v) / math.sqrt(sum(float(u) ** 2 for u in x)) for v in x]

    def k(x, y):
        return math.exp(-sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * sigma**2))

    real, fake = [unit(x) for x in real], [unit(x) for x in fake]

    def mean(A, B):
        return sum(k(a, b) for a in A for b in B) / (len(A) * len(B))

    return 1000 * (mean(real, real) + mean(fake, fake) - 2 * mean(real, fake))


def sliced_wasserstein(real, fake, directions):
    """3 d x mean over directions of the squared W2, by a fine common quantile grid of lcm(n, m) points."""
    n, m, d = len(real), len(fake), len(real[0])
    fine = math.lcm(n, m)
    total = 0.0
    for u in directions:
        a = np.repeat(np.sort(np.asarray(real, np.float64) @ u), fine // n)
        b = np.repeat(np.sort(np.asarray(fake, np.float64) @ u), fine // m)
        total += ((a - b) ** 2).mean()
    return 3 * d * total / len(directions)


def prdc(real, fake, k, k_density):
    """Precision, recall, density, coverage by sorted distance lists."""

    def distance(x, y):
        return math.dist(map(float, x), map(float, y))

    def radius(x, others, neighbour):
        return sorted(distance(x, y) for y in others if y is not x)[neighbour - 1]

    real_r = [radius(x, real, k) for x in real]
    real_rd = [radius(x, real, k_density) for x in real]
    fake_r = [radius(x, fake, k) for x in fake]
    precision = np.mean([any(distance(f, r) <= rad for r, rad in zip(real, real_r, strict=True)) for f in fake])
    recall = np.mean([any(distance(r, f) <= rad for f, rad in zip(fake, fake_r, strict=True)) for r in real])
    density = sum(distance(f, r) <= rad for f in fake for r, rad in zip(real, real_rd, strict=True))
    coverage = np.mean([any(distance(f, r) <= rad for f in fake) for r, rad in zip(real, real_rd, strict=True)])
    return precision, recall, density / (k_density * len(fake)), coverage


def classifier_score(logits):
    """exp of the mean KL divergence of each row's softmax from the mean softmax."""
    p = [[math.exp(v - max(row)) for v in map(float, row)] for row in (list(map(float, r)) for r in logits)]
    p = [[v / sum(row) for v in row] for row in p]
    q = [sum(column) / len(p) for column in zip(*p, strict=True)]
    kl = [sum(a * math.log(a / b) for a, b in zip(row, q, strict=True) if a > 0) for row in p]
    return math.exp(sum(kl) / len(kl))


def vendi(features):
    """exp of the entropy of the eigenvalues of the n x n cosine similarity matrix over n."""
    unit = np.asarray(features, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    eigenvalues = scipy.linalg.eigvalsh(unit @ unit.T / len(unit))
    return math.exp(-sum(v * math.log(v) for v in eigenvalues if v > 1e-14))
