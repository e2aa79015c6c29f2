"""Parts that recipes of several families share."""

import dataclasses

from reference_models.recipes.recipe import DataPlan, EvaluationPlan, Optimiser, Recipe

DIGITS = DataPlan("digits")
MNIST = DataPlan("mnist")
FASHION = DataPlan("fashion-mnist")
CIFAR10 = DataPlan("cifar10")

BETA_HALF = Optimiser("adam", beta1=0.5, beta2=0.999)

# 256 images against the whole test split: ten seconds of one core, enough to rank checkpoints of one run.
DIGITS_SCORE = EvaluationPlan("fd@efflite0", n=256, every=1000)
FULL_SCORE = EvaluationPlan("fd@inception", n=10_000, every=10_000)
# As many as the test split, by the embedded network: a run needs no weights that have to be fetched.
FASHION_SCORE = EvaluationPlan("fd@efflite0", n=10_000, every=10_000)

OWN = "this project: chosen to train in minutes on two CPU cores"
TUTORIAL = "the tutorial"
ADAM_SOURCE = "Radford et al. 2016 (arXiv:1511.06434), section 4: betas 0.5, 0.999"
EMA_SOURCE = "Yazici et al. 2019 (arXiv:1806.04498)"


def on_fashion(recipe: Recipe) -> Recipe:
    """A model's small recipe on Fashion-MNIST: the same plan and steps on real data, minutes of one core.

    It is judged by 2,000 images, more than the 1,280 features, so that the distance is of full rank.
    """
    steps = recipe.training.steps
    return dataclasses.replace(
        recipe,
        name=f"{recipe.model}.fashion-mnist-cpu",
        tier="data",
        data=dataclasses.replace(recipe.data, id=FASHION.id),
        evaluation=EvaluationPlan("fd@efflite0", n=2000, every=steps // 2),
        sources={**recipe.sources, "the plan": f"{recipe.name}, unchanged"},
    )
