"""Slow float64 second opinions, written from the definitions and without looking at the package's code."""

import itertools
import math

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.stats


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


def gmsd(fake, real, c=170.0):
    """Gradient magnitude similarity deviation of two grey images (H, W) of even sides, place by place."""

    def small(image):
        height, width = image.shape
        return np.array([[image[i : i + 2, j : j + 2].mean() for j in range(0, width, 2)] for i in range(0, height, 2)])

    def edges(image):
        across = scipy.ndimage.correlate(image, np.array([[-1, 0, 1]] * 3) / 3, mode="constant")
        down = scipy.ndimage.correlate(image, np.array([[-1, 0, 1]] * 3).T / 3, mode="constant")
        return np.hypot(across, down)

    x, y = edges(small(fake)), edges(small(real))
    return np.std((2 * x * y + c) / (x**2 + y**2 + c))


def gaussian_means(image, taps):
    """Means under a Gaussian of sigma = taps / 5, where it lies inside the image (H, W)."""
    offsets = np.arange(taps) - taps // 2
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * (taps / 5) ** 2))
    return scipy.signal.correlate2d(image, window / window.sum(), mode="valid")


def vif(fake, real, noise=2.0):
    """Visual information fidelity of two grey images (H, W): vifp_mscale.m, with two-dimensional windows."""
    kept = shown = 0.0
    for scale, taps in enumerate((17, 9, 5, 3)):
        if scale:
            fake, real = gaussian_means(fake, taps)[::2, ::2], gaussian_means(real, taps)[::2, ::2]
        m_f, m_r = gaussian_means(fake, taps), gaussian_means(real, taps)
        var_f, var_r = gaussian_means(fake**2, taps) - m_f**2, gaussian_means(real**2, taps) - m_r**2
        for f, r, cov in zip(var_f.flat, var_r.flat, (gaussian_means(fake * real, taps) - m_f * m_r).flat, strict=True):
            gain = max(cov / r, 0.0)
            left = f - gain * cov
            kept += np.log10(1 + gain**2 * r / (left + noise))
            shown += np.log10(1 + r / noise)
    return kept / shown


def phase_congruency(image, k=2.0):
    """Kovesi's phasecong2 with the settings of FSIM, for a grey image (H, W); one orientation, one scale at a time."""
    height, width = image.shape
    v, u = np.meshgrid(*(np.fft.fftfreq(n) * (n / (n - n % 2)) for n in (height, width)), indexing="ij")
    radius, spectrum = np.hypot(u, v), np.fft.fft2(image)
    radius[0, 0] = 1.0
    energy = amplitudes = 0.0
    for orientation in range(4):
        # the axes as piq has them: the angle is measured from the downward axis, against the one to the right
        direction = np.exp(1j * orientation * np.pi / 4)
        turn = np.angle((v - 1j * u) * direction.conjugate())
        filters = []
        for wavelength in (6, 12, 24, 48):
            radial = np.exp(-(np.log(radius * wavelength) ** 2) / (2 * np.log(0.55) ** 2))
            filter_ = radial * np.exp(-(turn**2) / (2 * (np.pi / 4.8) ** 2)) / (1 + (radius / 0.45) ** 30)
            filter_[0, 0] = 0.0
            filters.append(filter_)
        answers = [np.fft.ifft2(spectrum * filter_) for filter_ in filters]
        total = sum(answers)
        phase = np.angle(total)
        deviations = [np.angle(answer) - phase for answer in answers]
        found = sum(abs(a) * (np.cos(d) - abs(np.sin(d))) for a, d in zip(answers, deviations, strict=True))
        power = np.sort((abs(answers[0]) ** 2).ravel())[(image.size - 1) // 2] / np.log(2) / (filters[0] ** 2).sum()
        spread = [np.fft.ifft2(filter_).real * np.sqrt(image.size) for filter_ in filters]
        squares = sum((s**2).sum() for s in spread)
        cross = sum((spread[i] * spread[j]).sum() for i in range(4) for j in range(i + 1, 4))
        tau = np.sqrt(power * squares + 2 * power * cross)
        threshold = (tau * np.sqrt(np.pi / 2) + k * np.sqrt((2 - np.pi / 2) * tau**2)) / 1.7
        energy = energy + np.maximum(found - threshold, 0.0)
        amplitudes = amplitudes + sum(abs(answer) for answer in answers)
    return energy / amplitudes


def fsim(fake, real):
    """FSIM of two grey images (H, W) below 384 pixels, from Zhang et al. 2011."""

    def edges(image):
        kernel = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]) / 16
        return np.hypot(*(scipy.ndimage.correlate(image, side, mode="constant") for side in (kernel, kernel.T)))

    pairs = [(phase_congruency(fake), phase_congruency(real), 0.85), (edges(fake), edges(real), 160)]
    alike = np.prod([(2 * x * y + t) / (x**2 + y**2 + t) for x, y, t in pairs], axis=0)
    weights = np.maximum(*pairs[0][:2])
    return (alike * weights).sum() / weights.sum()


def authpct(train, fake):
    """Percent of fakes further from their nearest training row than that row from its own nearest."""
    train, fake = np.asarray(train, np.float64), np.asarray(fake, np.float64)
    authentic = 0
    for row in fake:
        to_train = [math.dist(row, other) for other in train]
        near = int(np.argmin(to_train))
        authentic += min(math.dist(train[near], train[j]) for j in range(len(train)) if j != near) < to_train[near]
    return 100 * authentic / len(fake)


def clipped(real, fake, k):
    """Clipped Density and Clipped Coverage, with the sum over all j that Salvy et al. 2025 write for the scale."""
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    n, m = len(real), len(fake)
    others = [sorted(math.dist(real[i], real[j]) for j in range(n) if j != i) for i in range(n)]
    radii = np.array([row[k - 1] for row in others])
    short = np.minimum(radii, np.median(radii))
    balls_real = [sum(math.dist(real[i], real[j]) <= short[i] for i in range(n) if i != j) for j in range(n)]
    balls_fake = [sum(math.dist(real[i], row) <= short[i] for i in range(n)) for row in fake]
    density = np.mean([min(c / k, 1) for c in balls_fake]) / np.mean([min(c / k, 1) for c in balls_real])
    inside = [sum(math.dist(real[i], row) <= radii[i] for row in fake) for i in range(n)]
    coverage = np.mean([min(c, k) / k for c in inside])
    scale = [0.0] * k
    for good in range(k, m + 1):
        law = scipy.stats.betabinom(good, k, n - k)
        scale.append(sum(min(j, k) * law.pmf(j) for j in range(good + 1)) / k)
    return min(density, 1.0), sum(value < coverage for value in scale) / (m + 1)


def _window():
    x = np.arange(7) - 3
    window = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * (7 / 6) ** 2))
    return window / window.sum()


def _locally_normalised(luma, constant, mode, resolution):
    mean = scipy.ndimage.correlate(luma, _window(), mode=mode)
    deviation = np.sqrt(np.abs(scipy.ndimage.correlate(luma**2, _window(), mode=mode) - mean**2))
    difference = luma - mean
    return np.where(np.abs(difference) < resolution, 0, difference) / (deviation + constant)


def _one_sided(samples):
    """Left and right deviation, and the ratio that gives the shape; zeros belong to `right` where they are in it."""
    samples = [float(x) for x in np.ravel(samples)]
    left, right = [x for x in samples if x < 0], [x for x in samples if x > 0]
    return left, right, samples


def _ratio_of(left, right, samples):
    skew = left / right
    ratio = np.mean(np.abs(samples)) ** 2 / np.mean(np.square(samples))
    return ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2


def _gaussian_ratio(shape):
    return math.gamma(2 / shape) ** 2 / (math.gamma(1 / shape) * math.gamma(3 / shape))


def niqe(luma, mu, cov, block=96):
    """NIQE of rounded luma by loops over blocks, shapes by trying all 9,801, the second scale by MATLAB's rule."""
    rows, columns = luma.shape[0] // block, luma.shape[1] // block
    luma = np.asarray(luma, np.float64)[: rows * block, : columns * block]
    shapes = np.arange(0.2, 10.001, 0.001)
    ratios = np.asarray([_gaussian_ratio(shape) for shape in shapes])

    def cubic(x):
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0

    def half_matrix(length):
        matrix = np.zeros((length // 2, length))
        for i in range(length // 2):
            for j in range(2 * i - 4, 2 * i + 6):
                mirrored = -1 - j if j < 0 else 2 * length - 1 - j if j >= length else j
                matrix[i, mirrored] += 0.5 * cubic(0.5 * (2 * i + 0.5 - j))
        return matrix

    def fit(samples):
        left, right, samples = _one_sided(samples)
        left, right = (math.sqrt(np.mean(np.square(half))) for half in (left, right))
        shape = float(shapes[np.argmin((ratios - _ratio_of(left, right, samples)) ** 2)])
        scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
        return shape, left * scale, right * scale

    found = []
    for scale in (1, 2):
        normal = _locally_normalised(luma, 1.0, "nearest", 1e-5)
        side, features = block // scale, []
        for r, c in itertools.product(range(rows), range(columns)):
            part = normal[r * side : (r + 1) * side, c * side : (c + 1) * side]
            shape, left, right = fit(part)
            feature = [shape, (left + right) / 2]
            for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
                shape, left, right = fit(part * np.roll(part, shift, (0, 1)))
                feature += [shape, (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape), left, right]
            features.append(feature)
        found.append(features)
        luma = half_matrix(luma.shape[0]) @ luma @ half_matrix(luma.shape[1]).T
    features = np.hstack(found)
    gap = np.asarray(mu) - features.mean(0)
    return math.sqrt(gap @ np.linalg.inv((np.asarray(cov) + np.cov(features, rowvar=False)) / 2) @ gap)


def brisque_features(rgb):
    """The 36 statistics of the package brisque for (3, H, W) pixels, by lists and bisection."""
    grey = (0.2125 * rgb[0] + 0.7154 * rgb[1] + 0.0721 * rgb[2]) / 255

    def root(ratio):
        low, high = 0.05, 50.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if _gaussian_ratio(middle) < ratio else (low, middle)
        return low

    def half(image):
        taps, size = (-0.09375, 0.59375, 0.59375, -0.09375), round(len(image) / 2)
        at = [[min(max(2 * i - 1 + k, 0), len(image) - 1) for k in range(4)] for i in range(size)]
        return np.asarray([sum(tap * image[j] for tap, j in zip(taps, places, strict=True)) for places in at])

    found = []
    for _ in range(2):
        normal = _locally_normalised(grey, 1 / 255, "constant", 1e-12)
        maps = [
            normal, normal[:, :-1] * normal[:, 1:], normal[:-1] * normal[1:], normal[:-1, :-1] * normal[1:, 1:],
            normal[1:, :-1] * normal[:-1, 1:],
        ]  # fmt: skip
        for number, samples in enumerate(maps):
            left, right, samples = _one_sided(samples)
            right += [x for x in samples if x == 0]
            left, right = (math.sqrt(np.mean(np.square(one))) for one in (left, right))
            shape = root(_ratio_of(left, right, samples))
            if number == 0:
                found += [shape, (left**2 + right**2) / 2]
                continue
            mean = (right - left) * math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
            found += [shape, mean * math.gamma(2 / shape) / math.gamma(1 / shape), left**2, right**2]
        grey = half(half(grey).T).T
    return np.asarray(found)


def dists(fake, real, alpha, beta, c=1e-6):
    """DISTS of lists of maps (C, h, w): 1 minus weighted similarities of means and of correlations, by channel."""
    total, at = 0.0, 0
    for x, y in zip(fake, real, strict=True):
        for a, b in zip(x, y, strict=True):
            means = (2 * a.mean() * b.mean() + c) / (a.mean() ** 2 + b.mean() ** 2 + c)
            covariance = ((a - a.mean()) * (b - b.mean())).mean()
            total += alpha[at] * means + beta[at] * (2 * covariance + c) / (a.var() + b.var() + c)
            at += 1
    return 1 - total / (sum(alpha) + sum(beta))


def feature_likelihood(train, baseline, test, fake):
    """dgm-eval's FLS in float64, with the widths fitted by torch's autograd, Adam and schedule."""
    import torch

    sets = [torch.as_tensor(np.asarray(x, np.float64)) for x in (train, baseline, test, fake)]
    everything = torch.cat(sets)
    train, baseline, test, fake = ((x - everything.mean(0)) / everything.std(0) for x in sets)
    dim = train.shape[1]

    def log_likelihoods(data, centres, log_widths):
        squared = (data[:, None] - centres[None]).square().sum(2)
        terms = -squared / 2 / log_widths.exp() - dim / 2 * log_widths - math.log(len(centres))
        return torch.logsumexp(terms, 1)

    def held_out(centres):
        log_widths = torch.zeros(len(centres), dtype=torch.float64, requires_grad=True)
        adam = torch.optim.Adam([log_widths], lr=0.5)
        for step in range(100):
            adam.param_groups[0]["lr"] = 0.5 if step < 50 else 0.05
            adam.zero_grad()
            (-log_likelihoods(train, centres, log_widths).mean()).backward()
            adam.step()
            with torch.no_grad():
                log_widths.clamp_(-100, 20)
        return -log_likelihoods(test, centres, log_widths.detach()).mean()

    return 100 * math.exp(-2 * float(held_out(fake) - held_out(baseline)) / dim)
