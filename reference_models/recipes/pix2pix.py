"""Recipes of `pix2pix`: edges to photos on bundled data, and facades."""

import dataclasses

from reference_models.recipes.common import BETA_HALF, EMA_SOURCE
from reference_models.recipes.recipe import DataPlan, EvaluationPlan, LossWeights, Recipe, Techniques, Training
from reference_models.recipes.schedules import LinearDecay

_PAPER = "Isola et al. 2017 (arXiv:1611.07004), appendix 6.2"

FULL = Recipe(
    name="pix2pix.facades",
    model="pix2pix",
    tier="full",
    data=DataPlan("facades", transform="pairs", flip=True),
    # 200 epochs of 400 images, batch size 1.
    training=Training(steps=80_000, batch_size=1, init="normal", log_every=100, grid_every=4000, save_every=4000),
    evaluation=EvaluationPlan("fd@inception", n=106, every=4000),
    schedule=LinearDecay(2e-4, start=40_000, end=80_000),
    optimiser=BETA_HALF,
    weights=LossWeights(adversarial=1.0, l1=100.0),
    settings={"test_statistics": "batch"},
    sources={
        "statistics of the test image": "the same, section 3.4",
        "batch, flips, jitter, lr, betas, initialisation, L1 100, 200 epochs": _PAPER,
        "decay over the second half": "the authors' PyTorch code",
    },
)
CPU = dataclasses.replace(
    FULL,
    name="pix2pix.photos-cpu",
    tier="cpu",
    data=DataPlan("photos", transform="edges", flip=True),
    training=Training(steps=1000, batch_size=4, init="he", log_every=20, grid_every=500, save_every=500),
    evaluation=EvaluationPlan("pd@efflite0", n=114, every=250),
    schedule=LinearDecay(5e-4, start=500, end=1000),
    techniques=Techniques(ema=0.99),
    settings={"image_size": 64, "condition_channels": 1, "width": 24, "enlarge": "nearest"},
    sources={
        "betas, L1 100": _PAPER,
        "decay over the second half": "the authors' PyTorch code",
        "ema": EMA_SOURCE,
        "enlarge nearest": "Odena et al. 2016 (doi:10.23915/distill.00003): transposed ones leave a checkerboard",
        "edges as inputs": "this project: they hold neither brightness nor colour, and there are five photos to learn "
        "these from, so a test photo's colours are guessed: 12.5 to 14.7 dB, where the mean colour of the training "
        "photos, all over, has 11.0",
        "lr, initialisation, steps, width, batch, 64 px": "this project: chosen to train in minutes on two CPU cores",
    },
)
_FROM_PHOTO = {key: value for key, value in CPU.sources.items() if key != "edges as inputs"}
GREY = dataclasses.replace(
    CPU,
    name="pix2pix.photos-grey-cpu",
    data=dataclasses.replace(CPU.data, transform="grey"),
    sources={
        **_FROM_PHOTO,
        "grey photos as inputs": "this project: left grey they have 16.7 dB, coloured 18.3 to 19.1; colours "
        "that the five training photos lack are guessed",
    },
)
MASKED = dataclasses.replace(
    CPU,
    name="pix2pix.photos-masked-cpu",
    data=dataclasses.replace(CPU.data, transform="masked"),
    settings={**CPU.settings, "condition_channels": 3},
    sources={
        **_FROM_PHOTO,
        "photos with holes as inputs": "this project: left as they are they have 18.5 dB, filled in 23.2 to 24.4",
    },
)
