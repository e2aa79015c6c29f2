"""Recipes of `progan`."""

import dataclasses

from reference_models.recipes.common import CIFAR10, DIGITS, FULL_SCORE, OWN, on_fashion
from reference_models.recipes.recipe import EvaluationPlan, Optimiser, Recipe, Techniques, Training
from reference_models.recipes.schedules import Constant

_PAPER = "Karras et al. 2018 (arXiv:1710.10196), appendix A"

FULL = Recipe(
    name="progan.cifar10",
    model="progan",
    tier="full",
    data=CIFAR10,
    # 600,000 images to fade a level in and 600,000 to stabilise it, batch size 16; 12 million images in total.
    training=Training(
        steps=750_000, batch_size=16, loss="wasserstein", log_every=1000, grid_every=37_500, save_every=37_500
    ),
    evaluation=dataclasses.replace(FULL_SCORE, every=37_500),
    schedule=Constant(1e-3),
    optimiser=Optimiser("adam", beta1=0.0, beta2=0.99),
    techniques=Techniques(gradient_penalty=10.0, drift=0.001, ema=0.999, fade_steps=37_500, stable_steps=37_500),
    sources={
        "lr, betas, penalty, drift, ema, images a phase": _PAPER,
        "batch": "the authors' code for 32x32",
        "one optimiser throughout": "this project: the authors' code forgets Adam's moments at every new level",
    },
)
CPU = dataclasses.replace(
    FULL,
    name="progan.digits-cpu",
    tier="cpu",
    data=DIGITS,
    training=Training(steps=1400, batch_size=16, loss="non-saturating", grid_every=400, save_every=400),
    evaluation=EvaluationPlan("fd@efflite0", n=256, every=500),
    techniques=Techniques(r1=5.0, ema=0.99, fade_steps=150, stable_steps=150),
    settings={"latent_dim": 64, "channels": 1, "fmap_base": 256, "fmap_max": 32},
    sources={
        "lr, betas": _PAPER,
        "r1": "Mescheder et al. 2018 (arXiv:1801.04406): cheaper than WGAN-GP with several critic steps",
        "steps, widths, batch": OWN,
    },
)
FASHION_CPU = on_fashion(CPU)
