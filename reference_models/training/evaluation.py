"""Periodic scores during training: the same numbers that `ganeval score` prints."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from torch import nn

from ganeval.backbones import BACKBONES
from ganeval.errors import UsageError
from ganeval.generators.source import GeneratorSource
from ganeval.metrics.base import ImageMetric, OwnPairsMetric
from ganeval.metrics.keys import parse_key
from ganeval.options import ScoreOptions
from ganeval.results.result import Result
from ganeval.scoring.evaluator import Evaluator, with_origin
from ganeval.scoring.plan import needed_weights
from ganeval.sources.base import ImageSource, Pixels, seeded_subset
from ganeval.sources.datasets.photos_evening import restyle
from reference_models.checkpoints.sampling import draw_tensor, image_drawer
from reference_models.checkpoints.translation import TranslatedSource, translator
from reference_models.data.training_data import folder_of, mixture, open_split
from reference_models.data.transforms import CONDITIONS
from reference_models.models import MODELS
from reference_models.recipes.recipe import Direction, Recipe

SCORE_SEED = 1_000_003  # latents of periodic scores: the same in every run, and other than those of the grids
BATCH = 32
MAX_REFERENCE = 10_000  # most test images that a periodic score compares with
GENERATED: Final = "generated"
HELD_OUT: Final = "<test images>"
NUMBERS = "w1"  # key for models of numbers: 1-Wasserstein distance to 65,536 samples of the mixture


def needed_weights_of(recipe: Recipe) -> list[str]:
    """Names of the weights that a run loads: those of its metric and of its content loss."""
    names = [] if recipe.evaluation.metric == NUMBERS else needed_weights(parse_key(recipe.evaluation.metric))
    if recipe.weights.content_network != "none":
        file = BACKBONES.get(recipe.weights.content_network).weights
        names += [] if file is None else [file.name]
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class PeriodicScore:
    """The score of a generator during training.

    Attributes:
        value: The metric; NaN if the images have none.
        rows: Its row, as `ganeval score` would write it; none for numbers, which aren't images.
    """

    value: float
    rows: tuple[Result, ...] = ()


class PeriodicEvaluator:
    """Scores a generator against the recipe's test images. The network is loaded and the reference read once.

    Args:
        recipe: Gives the metric, the test images and their number.
        device: Where the metric's network runs.
        data_root: Folder of data sets that are not embedded.

    Raises:
        UsageError: a metric that does not fit the model.
        DataError: test images are missing.
        WeightsError: the metric's weights are not on this machine.
    """

    def __init__(self, recipe: Recipe, device: torch.device, data_root: Path | None) -> None:
        self._recipe = recipe
        self._spec = MODELS.get(recipe.model)
        self._config = self._spec.configure(recipe.settings)
        self.better: Literal["lower", "higher"] = "lower"
        key, count = recipe.evaluation.metric, recipe.evaluation.n
        if (key == NUMBERS) != (not self._spec.kind.images):
            raise UsageError(f"{recipe.model} cannot be scored by {key!r}: set evaluation.metric.")
        if key == NUMBERS:
            return
        request = parse_key(key)
        metric = request.metric
        if isinstance(metric, ImageMetric | OwnPairsMetric):
            raise UsageError(
                f"{key} uses the generated images alone; choose a metric that compares them for periodic scores."
            )
        output = next(o for o in metric.outputs if o.name == request.outputs[0])
        if output.better == "neither":
            raise UsageError(f"{key} has no better direction, so it cannot choose a checkpoint.")
        self.better = output.better
        if heads := getattr(metric, "heads", None):
            raise UsageError(
                f"{key} needs learned heads ({', '.join(heads.values())}); choose psnr, ssim or pd for periodic scores."
            )
        if request.paired and not self._spec.kind.translates:
            raise UsageError(f"{key} compares pairs of images; {recipe.model} draws new images.")
        self._paired, self._output = request.paired, output.name
        self._inputs, truth, self._from_truth = held_out(recipe, data_root)
        # Pairs must be the same items as the inputs.
        compared = seeded_subset(truth, count if request.paired else MAX_REFERENCE, 0)
        options = ScoreOptions(
            GENERATED,
            reference=None if request.paired else HELD_OUT,
            paired=HELD_OUT if request.paired else None,
            metrics=key,
            seed=SCORE_SEED,
            batch_size=BATCH,
            device=str(device),
            in_memory={HELD_OUT: compared},
        )
        self._evaluator = Evaluator(options)

    def is_better(self, value: float, best: float | None) -> bool:
        """True if `value` is better than `best`; always True for the first value."""
        return best is None or (value < best if self.better == "lower" else value > best)

    def score(
        self, network: nn.Module, name: str = GENERATED, origin: Mapping[str, object] | None = None
    ) -> PeriodicScore:
        """The metric of a generator. Its mode and all random states are restored.

        Args:
            network: The generator.
            name: Name in its row.
            origin: Model, recipe, seed and step, for its row.
        """
        was_training = network.training
        network.eval()
        try:
            if self._recipe.evaluation.metric == NUMBERS:
                return PeriodicScore(self._wasserstein(network))
            return self.score_images(self._fakes(network), name, origin)
        finally:
            network.train(was_training)

    def score_images(
        self, fake: ImageSource, name: str = GENERATED, origin: Mapping[str, object] | None = None
    ) -> PeriodicScore:
        """The metric of a set of images, whose features are not cached."""
        if self._paired:
            held = {**self._evaluator.options.in_memory, GENERATED: fake}
            results = self._evaluator.score(GENERATED, name, held).results
        else:
            try:
                self._evaluator.update(fake)
                results = self._evaluator.compute(name, alone=True).results
            finally:
                self._evaluator.reset()
        rows = tuple(with_origin(row, origin or {}) for row in results if row.key.partition("@")[0] == self._output)
        value = next((row.value for row in rows if row.value is not None), math.nan)
        return PeriodicScore(value, rows)

    def _wasserstein(self, network: nn.Module) -> float:
        """1-Wasserstein distance in one dimension: the mean distance of sorted samples."""
        count = self._recipe.evaluation.n
        fake = draw_tensor(network, self._spec, self._config, range(count), SCORE_SEED).double().flatten().cpu()
        # Quantiles of a sample whose seed differs from that of the training data.
        levels = (np.arange(count) + 0.5) / count
        real = np.quantile(mixture(65_536, 1).double().flatten().numpy(), levels)
        return float(np.abs(np.sort(fake.numpy()) - real).mean())

    def _fakes(self, network: nn.Module) -> ImageSource:
        if self._spec.kind.translates:
            transform = self._recipe.data.transform
            rule = translator(network, self._spec, self._config, transform, from_truth=self._from_truth)
            return TranslatedSource(seeded_subset(self._inputs, self._recipe.evaluation.n, 0), rule, "generated")
        draw = image_drawer(network, self._spec, self._config)
        return GeneratorSource(draw, self._recipe.evaluation.n, SCORE_SEED, "generated")


def held_out(
    recipe: Recipe, data_root: Path | None, direction: Direction | None = None
) -> tuple[ImageSource, ImageSource, bool]:
    """The test images: inputs, true outputs, and whether the inputs are made from the true outputs.

    Args:
        recipe: Gives the data set.
        data_root: Folder of data sets that are not embedded.
        direction: Direction of an unpaired model; None for the recipe's.
    """
    plan = recipe.data
    back = (direction or recipe.evaluation.direction) == "b2a"
    if plan.transform == "two-sets":
        given, wanted = (folder_of(plan, f"{plan.test}{letter}", data_root) for letter in ("BA" if back else "AB"))
        return given, wanted, False
    if plan.transform == "pairs":
        files = folder_of(plan, plan.test, data_root)
        left, right = (TranslatedSource(files, half, plan.id) for half in (_left, _right))
        return right, left, False  # the photo is on the left, its labels on the right
    if plan.transform in ("crops", "restyled", *CONDITIONS) and plan.id != "photos":
        source = folder_of(plan, plan.test, data_root)
    else:
        config = MODELS.get(recipe.model).configure(recipe.settings)
        source = open_split(plan, plan.test, data_root, getattr(config, "image_size", None))
    if plan.transform == "restyled":
        restyled = TranslatedSource(source, restyle, "restyled")
        return (restyled, source, False) if back else (source, restyled, False)
    return source, source, True


def _left(pixels: Pixels) -> Pixels:
    return pixels[:, :, : pixels.shape[2] // 2]


def _right(pixels: Pixels) -> Pixels:
    middle = pixels.shape[2] // 2
    return pixels[:, :, middle : 2 * middle]
