"""Steps/s of the project's training loop against the tutorials', interleaved: `ganeval bench training` of five models.

    python -m tests.benchmarks.tutorial_loops             # steps/s and the ratios
    python -m tests.benchmarks.tutorial_loops dcgan       # of one model

The bfloat16 column pays where the processor multiplies bfloat16 itself (AMX, AVX-512 BF16); its losses are then those
of another precision.
"""

import sys

import torch

from reference_models.benchmarks.timing import time_training
from reference_models.recipes import RECIPES, default_recipe

MODELS_COMPARED = ("gan-mlp", "dcgan", "cgan-conv", "srgan", "cyclegan")


def main(names):
    print(f"{'model':<12}{'loop':<14}{'steps/s':>9}{'ratio':>8}   ({torch.get_num_threads()} threads)")
    for name in names or MODELS_COMPARED:
        recipe = RECIPES.get(default_recipe(name))
        timed = time_training(recipe, torch.device("cpu"), 10, 6, tutorial=True, bf16=True)
        for one in timed:
            print(f"{name:<12}{one.name:<14}{1 / one.median:>9.2f}{one.times(timed[-1]):>8.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
