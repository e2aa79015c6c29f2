"""Recipes of `cyclegan`: bundled photos restyled by a known rule, horse2zebra, vangogh2photo."""

import dataclasses

from reference_models.recipes.common import BETA_HALF, EMA_SOURCE
from reference_models.recipes.recipe import DataPlan, EvaluationPlan, LossWeights, Recipe, Techniques, Training
from reference_models.recipes.schedules import LinearDecay

_PAPER = "Zhu et al. 2017 (arXiv:1703.10593), section 4 and appendix 7.1"

HORSE2ZEBRA = Recipe(
    name="cyclegan.horse2zebra",
    model="cyclegan",
    tier="full",
    data=DataPlan("horse2zebra", transform="two-sets", flip=True),
    # 200 epochs of the larger set's 1,334 images, batch size 1.
    training=Training(
        steps=266_800,
        batch_size=1,
        loss="least-squares",
        init="normal",
        log_every=200,
        grid_every=13_340,
        save_every=13_340,
    ),
    evaluation=EvaluationPlan("fd@inception", n=120, every=13_340),
    schedule=LinearDecay(2e-4, start=133_400, end=266_800),
    optimiser=BETA_HALF,
    techniques=Techniques(replay=50, replay_share=0.5),
    weights=LossWeights(adversarial=2.0, cycle=10.0, identity=5.0),
    sources={
        "lr, betas, batch, 200 epochs with linear decay, buffer 50, cycle 10": _PAPER,
        "identity 5, jitter 286 -> 256, flips": "the authors' code",
        "adversarial 2": "the paper's generator loss has no factor of one half, `losses.LOSSES` has",
    },
)
VANGOGH2PHOTO = dataclasses.replace(
    HORSE2ZEBRA,
    name="cyclegan.vangogh2photo",
    data=DataPlan("vangogh2photo", transform="two-sets", flip=True),
    # 200 epochs of the larger set's 6,287 images.
    training=dataclasses.replace(HORSE2ZEBRA.training, steps=1_257_400, grid_every=62_870, save_every=62_870),
    # The first set is the paintings, so that photo to painting, its purpose, is direction b2a.
    evaluation=EvaluationPlan("fd@inception", n=751, every=62_870, direction="b2a"),
    schedule=LinearDecay(2e-4, start=628_700, end=1_257_400),
)
CPU = dataclasses.replace(
    HORSE2ZEBRA,
    name="cyclegan.photos-cpu",
    tier="cpu",
    data=DataPlan("photos", transform="restyled", flip=True),
    training=Training(
        steps=500,
        batch_size=4,
        loss="least-squares",
        init="normal",
        log_every=20,
        grid_every=250,
        save_every=250,
    ),
    evaluation=EvaluationPlan("psnr", n=114, every=250),
    schedule=LinearDecay(2e-4, start=250, end=500),  # constant: 27.5 dB after 250 steps, 27.1 after 500
    techniques=Techniques(replay=50, replay_share=0.5, ema=0.99),
    weights=LossWeights(adversarial=2.0, cycle=10.0, identity=1.0),
    settings={"image_size": 64, "width": 16, "n_blocks": 2, "skip": True},
    sources={
        "betas, buffer 50, cycle 10, initialisation": _PAPER,
        "the restyling": "this project: one map a colour channel, so that the truth is known; matching histograms "
        "reaches 60 dB without training, so the board shows that the game works, not what it is for",
        "identity 1": "this project: at 5 a generator of this few steps stays at the identity",
        "ema": EMA_SOURCE,
        "lr, steps, batch, 64 px, width, blocks": "this project: chosen to train in minutes on two CPU cores",
    },
)
