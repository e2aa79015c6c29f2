"""Stages against the field's own code, in one run: `make bench`. Read the ratios inside a group, not the seconds."""

import numpy as np
import pytest
import torch
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganeval.backbones.resize import tf1_bilinear
from ganeval.metrics.frechet import frechet_distance
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
