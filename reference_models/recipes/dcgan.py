"""Recipes of `dcgan`."""

import dataclasses

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
from reference_models.recipes.recipe import Recipe, Techniques, Training
from reference_models.recipes.schedules import Constant, LinearDecay

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
# With BatchNorm in the discriminator, the discriminator wins at once (N(0, 0.02), 2e-4: its loss is below 0.01 within
# 500 steps, seeds 0 and 1). With noise and smoothing against that, images turn grey (fd 141 to 161 after 1,200 steps,
# three seeds). Spectral norm instead of BatchNorm keeps the balance: fd 164 after 600 steps at 5e-4, 123 at 1e-3 with
# the hinge loss, 68 after 1,400 (seed 0).
CPU = dataclasses.replace(
    FULL,
    name="dcgan.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=1400, batch_size=64, loss="hinge", init="he", grid_every=700, save_every=700),
    evaluation=dataclasses.replace(DIGITS_SCORE, every=700),
    schedule=LinearDecay(1e-3, start=700, end=1400),
    settings={"image_size": 28, "channels": 1, "width": 32, "spectral_norm": True},
    techniques=Techniques(ema=0.99),
    sources={
        "betas": ADAM_SOURCE,
        "spectral norm, hinge": "Miyato et al. 2018 (arXiv:1802.05957), section 3 and equation 16",
        "ema": EMA_SOURCE,
        "lr, decay, initialisation, steps, width, batch": OWN,
    },
)
FASHION_CPU = on_fashion(CPU)
