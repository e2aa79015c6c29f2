"""Full training of each grey model on Fashion-MNIST, in 3 to 60 minutes on two CPU cores.

`gan-fashion.fashion-mnist` and `cgan-dense.fashion-mnist` are the tutorials' own recipes, in their families' files.
Each recipe here states its changes to the tutorial's, which remains as `<model>.mnist`. Nearly all share two changes:

* samples come from the generator's moving average; without it a fully connected generator leaves speckle;
* the learning rate falls to zero over the second half, so that the last checkpoint does not depend on when training
  stops.

Recipes are scored halfway and at the end, against the whole test split.
"""

import dataclasses

from reference_models.recipes.cgan import CGAN_CONV, CGAN_DENSE, CGAN_MNIST
from reference_models.recipes.common import (
    ADAM_SOURCE,
    EMA_SOURCE,
    FASHION,
    FASHION_SCORE,
    TUTORIAL,
)
from reference_models.recipes.dcgan import FULL as DCGAN
from reference_models.recipes.fcn_cnn import FULL as FCN_CNN
from reference_models.recipes.mlp import GAN_BN, GAN_FASHION, GAN_MLP, GAN_MLP_SMALL, HINGE_GAN, LSGAN
from reference_models.recipes.progan import FULL as PROGAN
from reference_models.recipes.recipe import DataPlan, EvaluationPlan, Optimiser, Techniques, Training
from reference_models.recipes.schedules import Constant, Cyclic, ExponentialDecay, LinearDecay
from reference_models.recipes.wgan import WGAN, WGAN_GP

_OWN = "this project: an hour of two CPU cores at most"
_R1 = "Mescheder et al. 2018 (arXiv:1801.04406), eq. 9; its weight is this project's"
_COMMON = {"ema": EMA_SOURCE, "decay over the second half": "this project, as CycleGAN's"}


def _score(steps: int) -> EvaluationPlan:
    """Scores halfway and at the end."""
    return dataclasses.replace(FASHION_SCORE, every=steps // 2)


def _decay(lr: float, steps: int) -> LinearDecay:
    """Constant for half of the steps, then linear to zero."""
    return LinearDecay(lr, start=steps // 2, end=steps)


def _training(plan: Training, steps: int, batch_size: int) -> Training:
    """The tutorial's training with another number of steps."""
    return dataclasses.replace(
        plan, steps=steps, batch_size=batch_size, log_every=200, grid_every=steps // 10, save_every=steps // 20
    )


GAN_MLP_FASHION = dataclasses.replace(
    GAN_MLP,
    name="gan-mlp.fashion-mnist",
    data=FASHION,
    training=_training(GAN_MLP.training, 93_700, 64),
    evaluation=_score(93_700),
    schedule=_decay(2e-4, 93_700),
    techniques=Techniques(r1=0.1, ema=0.999),
    sources={"lr, batch, steps (100 epochs of 937)": TUTORIAL, "betas": ADAM_SOURCE, "r1": _R1, **_COMMON},
)
GAN_MLP_SMALL_FASHION = dataclasses.replace(
    GAN_MLP_SMALL,
    name="gan-mlp-small.fashion-mnist",
    data=FASHION,
    training=_training(GAN_MLP_SMALL.training, 93_600, 128),
    evaluation=_score(93_600),
    schedule=_decay(2e-4, 93_600),
    techniques=Techniques(r1=0.1, ema=0.999),
    sources={"lr, batch, steps (200 epochs of 468)": TUTORIAL, "betas": ADAM_SOURCE, "r1": _R1, **_COMMON},
)
# The same recipe with the tutorial's other schedules, for comparison: only the learning rate differs.
GAN_MLP_SMALL_EXPONENTIAL = dataclasses.replace(
    GAN_MLP_SMALL_FASHION,
    name="gan-mlp-small.fashion-mnist-exponential",
    schedule=ExponentialDecay(2e-4, decay=0.02, epoch_steps=468),
    sources={
        **{what: source for what, source in GAN_MLP_SMALL_FASHION.sources.items() if not what.startswith("decay")},
        "exponential decay": TUTORIAL,
        "decay 0.02 an epoch": "this project: a fiftieth of the first rate after the 200 epochs",
    },
)
GAN_MLP_SMALL_CYCLIC = dataclasses.replace(
    GAN_MLP_SMALL_FASHION,
    name="gan-mlp-small.fashion-mnist-cyclic",
    schedule=Cyclic(high=4e-4, low=2e-5, period=9360, warmup=468),
    sources={
        **{what: source for what, source in GAN_MLP_SMALL_FASHION.sources.items() if not what.startswith("decay")},
        "cyclic rate with warm-up": "the tutorial; the triangle is Smith 2017 (arXiv:1506.01186), section 3",
        "high, low, period (20 epochs), warm-up (1 epoch)": "this project: the mean rate is about the tutorial's",
    },
)
GAN_BN_FASHION = dataclasses.replace(
    GAN_BN,
    name="gan-bn.fashion-mnist",
    data=FASHION,
    training=_training(GAN_BN.training, 46_850, 64),
    evaluation=_score(46_850),
    schedule=_decay(2e-4, 46_850),
    techniques=Techniques(weight_penalty=1e-4, instance_noise=0.1, instance_noise_steps=23_425, ema=0.999),
    sources={
        **GAN_BN.sources,
        "weight penalty 1e-4": "this project: at the tutorial's 0.01 the sum of squares holds the discriminator near 0",
        "steps (50 epochs of 937)": _OWN,
        **_COMMON,
    },
)
GAN_FASHION_TUNED = dataclasses.replace(
    GAN_FASHION,
    name="gan-fashion.fashion-mnist-tuned",
    training=_training(GAN_FASHION.training, 46_800, 128),
    evaluation=_score(46_800),
    schedule=_decay(2e-4, 46_800),
    techniques=Techniques(r1=0.1, ema=0.999),
    sources={"lr, beta1, batch": TUTORIAL, "r1": _R1, "steps (100 epochs of 468)": _OWN, **_COMMON},
)
LSGAN_FASHION = dataclasses.replace(
    LSGAN,
    name="lsgan.fashion-mnist",
    data=FASHION,
    training=_training(LSGAN.training, 93_700, 64),
    evaluation=_score(93_700),
    schedule=_decay(2e-4, 93_700),
    techniques=Techniques(r1=0.1, ema=0.999),
    sources={**LSGAN.sources, "r1": _R1, **_COMMON},
)
HINGE_GAN_FASHION = dataclasses.replace(
    HINGE_GAN,
    name="hinge-gan.fashion-mnist",
    data=FASHION,
    training=_training(HINGE_GAN.training, 93_700, 64),
    evaluation=_score(93_700),
    schedule=_decay(2e-4, 93_700),
    techniques=Techniques(r1=0.1, ema=0.999),
    sources={**HINGE_GAN.sources, "r1": _R1, **_COMMON},
)
WGAN_FASHION = dataclasses.replace(
    WGAN,
    name="wgan.fashion-mnist",
    data=FASHION,
    training=_training(WGAN.training, 40_000, 64),
    evaluation=_score(40_000),
    schedule=_decay(5e-5, 40_000),
    techniques=Techniques(clip=0.01, ema=0.999),
    sources={**WGAN.sources, "steps": _OWN, **_COMMON},
)
WGAN_GP_FASHION = dataclasses.replace(
    WGAN_GP,
    name="wgan-gp.fashion-mnist",
    data=FASHION,
    training=_training(WGAN_GP.training, 40_000, 64),
    evaluation=_score(40_000),
    schedule=_decay(2e-4, 40_000),
    techniques=Techniques(gradient_penalty=10.0, ema=0.999),
    sources={
        **{what: source for what, source in WGAN_GP.sources.items() if not what.startswith("lr")},
        "betas, batch, d_steps, penalty": WGAN_GP.sources["lr, betas, batch, d_steps, penalty"],
        "lr": "this project: twice the paper's, for fewer steps",
        "steps": _OWN,
        **_COMMON,
    },
)
# The tutorial's cross entropy with dropout collapses to one mean image (see `gan-fcn-cnn.digits-cpu` for attempts).
FCN_CNN_FASHION = dataclasses.replace(
    FCN_CNN,
    name="gan-fcn-cnn.fashion-mnist",
    data=FASHION,
    training=dataclasses.replace(_training(FCN_CNN.training, 32_000, 64), d_steps=4, loss="wasserstein", init="he"),
    evaluation=_score(32_000),
    schedule=_decay(5e-4, 32_000),
    techniques=Techniques(gradient_penalty=10.0, ema=0.999),
    settings={"discriminator_widths": [16, 32], "dropout": 0.0},
    sources={
        "betas": ADAM_SOURCE,
        "loss, gradient penalty, no dropout": "Gulrajani et al. 2017 (arXiv:1704.00028), algorithm 1",
        "lr, d_steps, initialisation, widths, steps, batch": _OWN,
        **_COMMON,
    },
)
DCGAN_FASHION = dataclasses.replace(
    DCGAN,
    name="dcgan.fashion-mnist",
    data=FASHION,
    training=dataclasses.replace(_training(DCGAN.training, 40_000, 64), loss="hinge"),
    evaluation=_score(40_000),
    schedule=_decay(1e-4, 40_000),
    d_schedule=_decay(4e-4, 40_000),
    optimiser=Optimiser("adam", beta1=0.0, beta2=0.9),
    techniques=Techniques(ema=0.999),
    settings={"image_size": 28, "channels": 1, "width": 32, "spectral_norm": True},
    sources={
        "initialisation": DCGAN.sources["lr, batch, initialisation"],
        "two rates (1e-4 and 4e-4), betas": "Zhang et al. 2019 (arXiv:1805.08318), section 4; Heusel et al. 2017 "
        "(arXiv:1706.08500)",
        "spectral norm, hinge": "Miyato et al. 2018 (arXiv:1802.05957), section 3 and equation 16",
        "width, steps, batch": _OWN,
        **_COMMON,
    },
)
CGAN_CONV_FASHION = dataclasses.replace(
    CGAN_CONV,
    name="cgan-conv.fashion-mnist",
    data=FASHION,
    training=dataclasses.replace(_training(CGAN_CONV.training, 28_110, 64), init="normal"),
    evaluation=_score(28_110),
    schedule=_decay(2e-4, 28_110),
    techniques=Techniques(r1=0.1, ema=0.999),
    settings={"width": 64, "batch_norm": True},
    sources={
        "loss": TUTORIAL,
        "lr, betas": ADAM_SOURCE,
        "r1": _R1,
        "initialisation, BatchNorm": "this project: with He's initialisation one seed of three stays saturated noise",
        "width, steps (30 epochs of 937), batch": _OWN,
        **_COMMON,
    },
)
CGAN_DENSE_TUNED = dataclasses.replace(
    CGAN_DENSE,
    name="cgan-dense.fashion-mnist-tuned",
    training=_training(CGAN_DENSE.training, 46_800, 128),
    evaluation=_score(46_800),
    schedule=_decay(2e-4, 46_800),
    techniques=Techniques(r1=0.1, ema=0.999),
    sources={**CGAN_DENSE.sources, "r1": _R1, **_COMMON},
)
CGAN_MNIST_FASHION = dataclasses.replace(
    CGAN_MNIST,
    name="cgan-mnist.fashion-mnist",
    data=DataPlan("fashion-mnist", balanced=True),
    training=_training(CGAN_MNIST.training, 46_800, 64),
    evaluation=_score(46_800),
    schedule=_decay(2e-4, 46_800),
    techniques=Techniques(real_label=0.9, r1=0.1, ema=0.999),
    sources={
        "label smoothing, balanced classes": TUTORIAL,
        "label 0.9": "Salimans et al. 2016 (arXiv:1606.03498), section 3.4",
        "lr, betas": ADAM_SOURCE,
        "r1": _R1,
        "steps (50 epochs of 937), batch": _OWN,
        **_COMMON,
    },
)
# The small tier's R1 of 5 gives blobs at 1,400 steps: it is a strength for images of 256 pixels.
PROGAN_FASHION = dataclasses.replace(
    PROGAN,
    name="progan.fashion-mnist",
    data=FASHION,
    training=dataclasses.replace(_training(PROGAN.training, 16_000, 16), loss="non-saturating"),
    evaluation=_score(16_000),
    schedule=Constant(1e-3),
    techniques=Techniques(r1=0.5, ema=0.999, fade_steps=1000, stable_steps=1000),
    settings={"latent_dim": 64, "channels": 1, "fmap_base": 256, "fmap_max": 64},
    sources={
        "lr, betas": PROGAN.sources["lr, betas, penalty, drift, ema, images a phase"],
        "r1": _R1,
        "ema": EMA_SOURCE,
        "steps, steps a phase, widths": _OWN,
        "batch": PROGAN.sources["batch"],
    },
)
# Three tutorials' recipes end badly. They are included unchanged on the same data, to measure the difference.
GAN_BN_TUTORIAL, FCN_CNN_TUTORIAL, CGAN_MNIST_TUTORIAL = (
    dataclasses.replace(
        plan,
        name=f"{plan.model}.fashion-mnist-tutorial",
        data=dataclasses.replace(plan.data, id=FASHION.id),
        evaluation=_score(plan.training.steps),
        sources={**plan.sources, "the plan": f"{plan.name}, unchanged"},
    )
    for plan in (GAN_BN, FCN_CNN, CGAN_MNIST)
)
