"""Stages against the field's own code, in one run: `make bench`. Read the ratios inside a group, not the seconds."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganeval.backbones.resize import tf1_bilinear
from ganeval.metrics.frechet import frechet_distance, frechet_of_summaries
from ganeval.metrics.psnr import compute_psnr
from ganeval.metrics.ssim import SSIM, compute_ssim
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(2048, 2048)) / 2048**0.5
    return [np.maximum(rng.normal(size=(2500, 2048)) @ mixing + shift, 0).astype(np.float32) for shift in (0.0, 0.1)]


@pytest.mark.benchmark(group="frechet solve, d = 2048, from moments")
def test_frechet_of_ganeval(benchmark, features):
    moments = [Moments.of(side) for side in features]
    assert benchmark.pedantic(frechet_distance, args=tuple(moments), rounds=3) > 0


@pytest.mark.benchmark(group="frechet solve, d = 2048, from moments")
def test_frechet_of_torch_fidelity(benchmark, features):
    stats = [fid_features_to_statistics(torch.from_numpy(side)) for side in features]
    assert (
        benchmark.pedantic(fid_statistics_to_metric, args=(*stats, False), rounds=3)["frechet_inception_distance"] > 0
    )


@pytest.mark.benchmark(group="frechet solve, d = 2048, from moments")
def test_frechet_of_pytorch_fid_by_scipy(benchmark, features):
    from pytorch_fid.fid_score import calculate_frechet_distance

    stats = [part for side in features for part in (side.mean(axis=0), np.cov(side, rowvar=False))]
    assert benchmark.pedantic(calculate_frechet_distance, args=tuple(stats), rounds=1) > 0


@pytest.mark.benchmark(group="frechet solve, d = 2048, 200 images a side")
def test_frechet_of_few_rows_of_ganeval(benchmark, features):
    sides = [SetSummary(Moments.of(side[:200]), FeatureBank.of(side[:200])) for side in features]
    assert benchmark.pedantic(frechet_of_summaries, args=tuple(sides), rounds=3) > 0


@pytest.mark.benchmark(group="frechet solve, d = 2048, 200 images a side")
def test_frechet_of_few_rows_of_torch_fidelity(benchmark, features):
    stats = [fid_features_to_statistics(torch.from_numpy(side[:200])) for side in features]
    assert (
        benchmark.pedantic(fid_statistics_to_metric, args=(*stats, False), rounds=1)["frechet_inception_distance"] > 0
    )


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    real = np.kron(rng.integers(0, 256, (12, 3, 41, 61)), np.ones((8, 8)))[..., :321, :481].astype(np.uint8)
    return np.clip(real + rng.normal(scale=9, size=real.shape), 0, 255).astype(np.uint8), real


@pytest.mark.benchmark(group="PSNR + SSIM of 12 pairs, 481 x 321")
def test_pairs_of_ganeval(benchmark, pairs):
    def work():
        sides = [side.astype(np.float64) for side in pairs]
        return compute_psnr(*sides, {}).mean(), compute_ssim(*sides, SSIM.params).mean()

    assert benchmark.pedantic(work, rounds=3, warmup_rounds=1)[0] > 20


@pytest.mark.benchmark(group="PSNR + SSIM of 12 pairs, 481 x 321")
def test_pairs_of_scikit_image(benchmark, pairs):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}

    def work():
        values = [peak_signal_noise_ratio(real, fake, data_range=255) for fake, real in zip(*pairs, strict=True)]
        for fake, real in zip(*pairs, strict=True):
            structural_similarity(real, fake, channel_axis=0, **options)
        return values

    assert benchmark.pedantic(work, rounds=3, warmup_rounds=1)[0] > 20


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (32, 3, 256, 256), generator=generator, dtype=torch.uint8)


@pytest.mark.benchmark(group="TensorFlow 1 resize, 256 to 299, 32 images")
def test_resize_of_ganeval(benchmark, images):
    assert benchmark.pedantic(tf1_bilinear, args=(images, (299, 299)), rounds=5, warmup_rounds=1).shape[-1] == 299


@pytest.mark.benchmark(group="TensorFlow 1 resize, 256 to 299, 32 images")
def test_resize_of_torch_fidelity(benchmark, images):
    def resize():
        return interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)

    assert benchmark.pedantic(resize, rounds=3, warmup_rounds=1).shape[-1] == 299
