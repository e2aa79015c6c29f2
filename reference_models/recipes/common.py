"""Parts that recipes of several families share."""

from reference_models.recipe import DataPlan, EvaluationPlan, Optimiser

DIGITS = DataPlan("digits")
MNIST = DataPlan("mnist")
FASHION = DataPlan("fashion-mnist")
CIFAR10 = DataPlan("cifar10")

BETA_HALF = Optimiser("adam", beta1=0.5, beta2=0.999)

# 256 images against the whole test split: ten seconds of one core, enough to rank checkpoints of one run.
DIGITS_SCORE = EvaluationPlan("fd@efflite0", n=256, every=1000)
FULL_SCORE = EvaluationPlan("fd@inception", n=10_000, every=10_000)

OWN = "this project: tuned to two minutes of two CPU cores"
TUTORIAL = "the tutorial"
ADAM_SOURCE = "Radford et al. 2016 (arXiv:1511.06434), section 4: betas .5, .999"
EMA_SOURCE = "Yazici et al. 2019 (arXiv:1806.04498)"
