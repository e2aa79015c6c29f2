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
from reference_models.schedules import Constant, LinearDecay

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
# At N(0, .02), 2e-4 and width 32 the first images are grey, the discriminator's loss falls below .01 within 500 steps
# and the generator never leaves grey (seeds 0 and 1).
CPU = dataclasses.replace(
    FULL,
    name="dcgan.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=1200, batch_size=64, init="he", grid_every=400, save_every=400),
    evaluation=dataclasses.replace(DIGITS_SCORE, every=400),
    schedule=LinearDecay(1e-3, start=600, end=1200),
    settings={"image_size": 28, "channels": 1, "width": 32},
    techniques=Techniques(real_label=0.9, instance_noise=0.2, instance_noise_steps=600, ema=0.99),
    sources={
        "betas": ADAM_SOURCE,
        "label .9": "Salimans et al. 2016 (arXiv:1606.03498), section 3.4",
        "noise": "Sonderby et al. 2017 (arXiv:1610.04490), section 4",
        "ema": EMA_SOURCE,
        "lr, decay, initialisation, steps, width, batch": OWN,
    },
)
FASHION_CPU = on_fashion(CPU)
