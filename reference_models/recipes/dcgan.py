"""Recipes of `dcgan`."""

import dataclasses

from reference_models.recipe import Recipe, Techniques, Training
from reference_models.recipes.common import (
    ADAM_SOURCE,
    BETA_HALF,
    CIFAR10,
    DIGITS,
    DIGITS_SCORE,
    EMA_SOURCE,
    FULL_SCORE,
    OWN,
    on_fashion,
)
from reference_models.schedules import Constant

_PAPER = "Radford et al. 2016 (arXiv:1511.06434), section 4"

FULL = Recipe(
    name="dcgan.cifar10",
    model="dcgan",
    tier="full",
    data=CIFAR10,
    training=Training(
        steps=100_000, batch_size=128, init="normal", log_every=500, grid_every=10_000, save_every=10_000
    ),
    evaluation=FULL_SCORE,
    schedule=Constant(2e-4),
    optimiser=BETA_HALF,
    settings={"image_size": 32, "channels": 3, "width": 128},
    sources={"lr, batch, initialisation": _PAPER, "betas": ADAM_SOURCE, "steps": "mimicry's DCGAN on CIFAR-10"},
)
CPU = dataclasses.replace(
    FULL,
    name="dcgan.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=1500, batch_size=64, init="normal", grid_every=500, save_every=500),
    evaluation=dataclasses.replace(DIGITS_SCORE, every=500),
    settings={"image_size": 28, "channels": 1, "width": 32},
    techniques=Techniques(ema=0.99),
    sources={
        "lr, initialisation": _PAPER,
        "betas": ADAM_SOURCE,
        "ema": EMA_SOURCE,
        "steps, width, batch": OWN,
    },
)
FASHION_CPU = on_fashion(CPU)
