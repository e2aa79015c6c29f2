"""Recipes of `wgan` and `wgan-gp`."""

import dataclasses

from reference_models.recipes.common import DIGITS, DIGITS_SCORE, EMA_SOURCE, FULL_SCORE, MNIST, OWN, on_fashion
from reference_models.recipes.recipe import Optimiser, Recipe, Techniques, Training
from reference_models.recipes.schedules import Constant

_CLIPPED = "Arjovsky et al. 2017 (arXiv:1701.07875), algorithm 1"
_PENALISED = "Gulrajani et al. 2017 (arXiv:1704.00028), algorithm 1"

WGAN = Recipe(
    name="wgan.mnist",
    model="wgan",
    tier="full",
    data=MNIST,
    training=Training(
        steps=93_700, batch_size=64, d_steps=5, loss="wasserstein", log_every=500, grid_every=9370, save_every=9370
    ),
    evaluation=FULL_SCORE,
    schedule=Constant(5e-5),
    optimiser=Optimiser("rmsprop", beta2=0.99),
    techniques=Techniques(clip=0.01),
    sources={"lr, batch, d_steps, clip, RMSprop": _CLIPPED, "steps": "this project: as many updates as gan-mlp"},
)
WGAN_CPU = dataclasses.replace(
    WGAN,
    name="wgan.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=3000, batch_size=64, d_steps=5, loss="wasserstein", grid_every=1000, save_every=1000),
    evaluation=DIGITS_SCORE,
    schedule=Constant(2e-4),
    techniques=Techniques(clip=0.01, ema=0.99),
    sources={
        "batch, d_steps, clip, RMSprop": _CLIPPED,
        "lr": "this project: four times the paper's, for the budget",
        "ema": EMA_SOURCE,
        "steps": OWN,
    },
)
WGAN_GP = dataclasses.replace(
    WGAN,
    name="wgan-gp.mnist",
    model="wgan-gp",
    schedule=Constant(1e-4),
    optimiser=Optimiser("adam", beta1=0.0, beta2=0.9),
    techniques=Techniques(gradient_penalty=10.0),
    sources={"lr, betas, batch, d_steps, penalty": _PENALISED, "steps": "this project: as many updates as gan-mlp"},
)
WGAN_GP_CPU = dataclasses.replace(
    WGAN_GP,
    name="wgan-gp.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=1800, batch_size=64, d_steps=5, loss="wasserstein", grid_every=600, save_every=600),
    evaluation=dataclasses.replace(DIGITS_SCORE, every=600),
    schedule=Constant(2e-4),
    techniques=Techniques(gradient_penalty=10.0, ema=0.99),
    sources={
        "betas, batch, d_steps, penalty": _PENALISED,
        "lr": "this project: twice the paper's, for the budget",
        "ema": EMA_SOURCE,
        "steps": OWN,
    },
)
WGAN_FASHION = on_fashion(WGAN_CPU)
WGAN_GP_FASHION = on_fashion(WGAN_GP_CPU)
