"""Recipes of the conditional GANs: `cgan-conv`, `cgan-dense`, `cgan-mnist`."""

import dataclasses

from reference_models.recipes.common import (
    ADAM_SOURCE,
    BETA_HALF,
    DIGITS,
    DIGITS_SCORE,
    EMA_SOURCE,
    FASHION,
    FASHION_SCORE,
    FULL_SCORE,
    MNIST,
    OWN,
    TUTORIAL,
    on_fashion,
)
from reference_models.recipes.recipe import DataPlan, Recipe, Techniques, Training
from reference_models.recipes.schedules import Constant, LinearDecay, TimeDecay

CGAN_CONV = Recipe(
    name="cgan-conv.mnist",
    model="cgan-conv",
    tier="full",
    data=MNIST,
    training=Training(steps=46_800, batch_size=128, log_every=500, grid_every=4680, save_every=4680),
    evaluation=FULL_SCORE,
    schedule=Constant(2e-4),
    optimiser=BETA_HALF,
    sources={"loss": TUTORIAL, "lr, betas": ADAM_SOURCE, "steps (100 epochs of 468), batch": "this project"},
)
# With He initialisation the first images are saturated noise; one of three seeds never recovered.
CGAN_CONV_CPU = dataclasses.replace(
    CGAN_CONV,
    name="cgan-conv.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=1200, batch_size=64, init="normal", grid_every=400, save_every=400),
    evaluation=dataclasses.replace(DIGITS_SCORE, every=400),
    schedule=LinearDecay(1e-3, start=800, end=1200),
    settings={"width": 64, "batch_norm": True},
    techniques=Techniques(real_label=0.9, r1=0.1, ema=0.99),
    sources={
        "loss": TUTORIAL,
        "betas": ADAM_SOURCE,
        "label 0.9": "Salimans et al. 2016 (arXiv:1606.03498), section 3.4",
        "r1": "Mescheder et al. 2018 (arXiv:1801.04406), eq. 9; its weight is this project's",
        "ema": EMA_SOURCE,
        "lr, decay, initialisation, BatchNorm, steps, width, batch": OWN,
    },
)
CGAN_DENSE = dataclasses.replace(
    CGAN_CONV,
    name="cgan-dense.fashion-mnist",
    model="cgan-dense",
    data=FASHION,
    evaluation=dataclasses.replace(FASHION_SCORE, every=15_600),
)
CGAN_DENSE_CPU = dataclasses.replace(
    CGAN_CONV_CPU,
    name="cgan-dense.digits-cpu",
    model="cgan-dense",
    training=Training(steps=12_000, batch_size=64, log_every=100, grid_every=3000, save_every=3000),
    evaluation=dataclasses.replace(DIGITS_SCORE, every=3000),
    schedule=Constant(2e-4),
    settings={},
    techniques=Techniques(ema=0.995),
    sources={"loss": TUTORIAL, "lr, betas": ADAM_SOURCE, "ema": EMA_SOURCE, "steps, batch": OWN},
)
CGAN_MNIST = dataclasses.replace(
    CGAN_CONV,
    name="cgan-mnist.mnist",
    model="cgan-mnist",
    data=DataPlan("mnist", balanced=True),
    schedule=TimeDecay(2e-4, decay=0.01, epoch_steps=468),
    techniques=Techniques(real_label=0.9),
    sources={
        "label smoothing, balanced classes, decaying rate": TUTORIAL,
        "label 0.9": "Salimans et al. 2016 (arXiv:1606.03498), section 3.4",
        "lr, betas": ADAM_SOURCE,
        "steps (100 epochs of 468), batch": "this project",
    },
)
# Without R1 and He initialisation each class collapses to one saturated image (fd 199 at 4,000 steps; with them 165).
CGAN_MNIST_CPU = dataclasses.replace(
    CGAN_MNIST,
    name="cgan-mnist.digits-cpu",
    tier="cpu",
    data=DataPlan("digits", balanced=True),
    training=Training(steps=5000, batch_size=64, init="he", grid_every=1000, save_every=1000),
    evaluation=DIGITS_SCORE,
    schedule=TimeDecay(5e-4, decay=0.005, epoch_steps=18),
    techniques=Techniques(real_label=0.9, r1=0.1, ema=0.995),
    sources={
        "label smoothing, balanced classes, decaying rate": TUTORIAL,
        "label 0.9": "Salimans et al. 2016 (arXiv:1606.03498), section 3.4",
        "betas": ADAM_SOURCE,
        "r1": "Mescheder et al. 2018 (arXiv:1801.04406), eq. 9; its weight is this project's",
        "ema": EMA_SOURCE,
        "lr, initialisation, steps, batch": OWN,
    },
)
CGAN_CONV_FASHION = on_fashion(CGAN_CONV_CPU)
CGAN_DENSE_FASHION = on_fashion(CGAN_DENSE_CPU)
CGAN_MNIST_FASHION = on_fashion(CGAN_MNIST_CPU)
