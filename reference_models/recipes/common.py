"""Parts shared by recipes of several families."""

import dataclasses

from reference_models.recipes.recipe import DataPlan, EvaluationPlan, Optimiser, Recipe

DIGITS = DataPlan("digits")
MNIST = DataPlan("mnist")
FASHION = DataPlan("fashion-mnist")
CIFAR10 = DataPlan("cifar10")

BETA_HALF = Optimiser("adam", beta1=0.5, beta2=0.999)

# 256 images against the whole test split: ten seconds on one core, enough to rank the checkpoints of a run.
DIGITS_SCORE = EvaluationPlan("fd@efflite0", n=256, every=1000)
FULL_SCORE = EvaluationPlan("fd@inception", n=10_000, every=10_000)
# As many images as the test split, with the bundled network: a run needs no download of weights.
FASHION_SCORE = EvaluationPlan("fd@efflite0", n=10_000, every=10_000)

OWN = "this project: chosen to train in minutes on two CPU cores"
TUTORIAL = "the tutorial"
ADAM_SOURCE = "Radford et al. 2016 (arXiv:1511.06434), section 4: betas 0.5, 0.999"
EMA_SOURCE = "Yazici et al. 2019 (arXiv:1806.04498)"


def on_fashion(recipe: Recipe) -> Recipe:
    """A model's small recipe on Fashion-MNIST: the same settings and steps on real data, minutes on one core.

    It is scored on 2,000 images, more than the 1,280 features, so that covariances have full rank.
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
