"""Recipes of `gan-fcn-cnn`."""

import dataclasses

from reference_models.recipe import Recipe, Techniques, Training
from reference_models.recipes.common import (
    ADAM_SOURCE,
    BETA_HALF,
    DIGITS,
    DIGITS_SCORE,
    EMA_SOURCE,
    FULL_SCORE,
    MNIST,
    OWN,
    TUTORIAL,
    on_fashion,
)
from reference_models.schedules import Constant

FULL = Recipe(
    name="gan-fcn-cnn.mnist",
    model="gan-fcn-cnn",
    tier="full",
    data=MNIST,
    training=Training(steps=46_800, batch_size=128, log_every=500, grid_every=4680, save_every=4680),
    evaluation=FULL_SCORE,
    schedule=Constant(2e-4),
    optimiser=BETA_HALF,
    sources={"loss, dropout": TUTORIAL, "lr, betas": ADAM_SOURCE, "steps (100 epochs of 468), batch": "this project"},
)
CPU = dataclasses.replace(
    FULL,
    name="gan-fcn-cnn.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=1200, batch_size=64, grid_every=400, save_every=400),
    evaluation=dataclasses.replace(DIGITS_SCORE, every=400),
    techniques=Techniques(ema=0.995),
    sources={"loss, dropout": TUTORIAL, "lr, betas": ADAM_SOURCE, "ema": EMA_SOURCE, "steps, batch": OWN},
)
FASHION_CPU = on_fashion(CPU)
