"""No tensor is made on the process's default device: each names its own.

The default is "meta" here, whose tensors have no values. So a forgotten device fails as it would under
`torch.set_default_device("cuda")`.
"""

import numpy as np
import pytest
import torch

import ganeval
from ganeval.backbones.engines import openvino_version
from reference_models.benchmarks.timing import time_training
from reference_models.checkpoints.sampling import grid_of
from reference_models.recipes import RECIPES, default_recipe

CPU = torch.device("cpu")


@pytest.fixture
def nowhere():
    with torch.device("meta"):
        yield


def images(count, side, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("engine", ["torch", pytest.param("openvino", marks=pytest.mark.slow)])
def test_set_metrics(engine):
    if engine == "openvino" and openvino_version() is None:
        pytest.skip("needs OpenVINO")
    scores = ganeval.score(
        images(12, 40, 0), reference=images(12, 40, 1), metrics="fd,kd,cs,prdc,mind,vendi", engine=engine, device="cpu"
    )
    assert all(np.isfinite(value) for value in scores.dict().values())


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("metrics", ["psnr,ssim,ms_ssim,mae,gmsd,vif,fsim,pd@efflite0"])
def test_paired_metrics(metrics):
    scores = ganeval.score(images(2, 180, 0), paired=images(2, 180, 1), metrics=metrics, device="cpu", channel="rgb")
    assert all(np.isfinite(value) for value in scores.dict().values())


@pytest.mark.usefixtures("nowhere")
def test_batches_of_tensors():
    with ganeval.Evaluator(reference=images(12, 40, 1), metrics="fd", device="cpu") as evaluator:
        evaluator.update(torch.from_numpy(images(12, 40, 0).transpose(0, 3, 1, 2).copy()))
        assert np.isfinite(evaluator.compute()["fd"].value)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("model", ["cgan-conv", "srresnet"])
def test_a_training_step(model):
    timed = time_training(RECIPES.get(default_recipe(model)), CPU, 1, 1, tutorial=False, bf16=False)
    assert timed[0].seconds[0] > 0


@pytest.mark.usefixtures("nowhere")
def test_a_grid():
    assert grid_of(torch.zeros(3, 1, 4, 4, dtype=torch.uint8, device="cpu"), (0.0, 1.0)).shape == (1, 10, 10)
