"""Periodic scores, by ganeval's own engine and metrics: the same numbers that `ganeval score` prints."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from torch import nn

from ganeval.backbones import BACKBONES
from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.errors import UsageError
from ganeval.files.disk_cache import cache_home
from ganeval.generators.source import GeneratorSource
from ganeval.metrics.base import ImageMetric, SetMetric
from ganeval.metrics.keys import parse_key
from ganeval.scoring.feature_pass import summarise
from ganeval.scoring.loaded_networks import open_store
from ganeval.scoring.pair_pass import PairRequest, score_pairs
from ganeval.scoring.plan import needed_weights
from ganeval.sources.base import ImageSource, Pixels, seeded_subset
from ganeval.sources.datasets.photos_evening import restyle
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from reference_models.checkpoints.sampling import draw_tensor, image_drawer
from reference_models.checkpoints.translation import TranslatedSource, needs_inputs, translator
from reference_models.data.training_data import folder_of, mixture, open_split
from reference_models.models import MODELS
from reference_models.recipes.recipe import Direction, Recipe

SCORE_SEED = 1_000_003  # latents of periodic scores: the same for every run, and not those of the grids
BATCH = 32
MAX_REFERENCE = 10_000  # test images that a periodic score compares with at most
NUMBERS = "w1"  # the key for numbers: 1-Wasserstein distance to 65,536 draws of the mixture


def needed_weights_of(recipe: Recipe) -> list[str]:
    """Weights that a run loads: its metric's and its content loss's."""
    names = [] if recipe.evaluation.metric == NUMBERS else needed_weights(parse_key(recipe.evaluation.metric))
    if recipe.weights.content_network != "none":
        file = BACKBONES.get(recipe.weights.content_network).weights
        names += [] if file is None else [file.name]
    return list(dict.fromkeys(names))


class Evaluator:
    """Scores a generator against the recipe's test images. The reference goes through the network once.

    Args:
        recipe: Which metric, which test images, how many.
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
        self._device = device
        self._root = data_root
        self.better: Literal["lower", "higher"] = "lower"
        if (recipe.evaluation.metric == NUMBERS) != (self._spec.kind == "one-dimensional"):
            raise UsageError(f"{recipe.model} cannot be scored by {recipe.evaluation.metric!r}: set evaluation.metric.")
        if recipe.evaluation.metric == NUMBERS:
            return
        self._request = parse_key(recipe.evaluation.metric)
        metric = self._request.metric
        if isinstance(metric, ImageMetric):
            raise UsageError(
                f"{recipe.evaluation.metric} is a metric of single images; choose a set metric or a paired one for "
                "periodic scores."
            )
        outputs = metric.outputs if isinstance(metric, SetMetric) else (metric.output,)
        output = next(o for o in outputs if o.name == self._request.outputs[0])
        self._output = output.name
        if output.better == "neither":
            raise UsageError(f"{recipe.evaluation.metric} has no better direction, so it cannot choose a checkpoint.")
        self.better = output.better
        if heads := getattr(metric, "heads", None):
            raise UsageError(
                f"{recipe.evaluation.metric} needs learned heads ({', '.join(heads.values())}); choose psnr, ssim or "
                "pd for periodic scores."
            )
        name = self._request.backbone
        self._backbone = None if name is None else load_backbone(name, device=device)
        if self._backbone is not None and not self._request.paired:
            use_engine(self._backbone, "auto")
        if self._request.paired and not needs_inputs(self._spec):
            raise UsageError(f"{recipe.evaluation.metric} compares image with image; {recipe.model} draws new ones.")
        self._inputs, self._truth, self._from_truth = held_out(recipe, data_root)
        self._real: SetSummary | None = None
        if not self._request.paired:
            # Cached by content between runs, as `ganeval score` does; generated images never are.
            self._real = self._summary(seeded_subset(self._truth, MAX_REFERENCE, 0), cache_home() / "features")

    def is_better(self, value: float, best: float | None) -> bool:
        """True where `value` beats `best`, and for the first value."""
        return best is None or (value < best if self.better == "lower" else value > best)

    def score(self, network: nn.Module) -> float:
        """The metric of a generator; its mode is left as it was, and no random state moves."""
        was_training = network.training
        network.eval()
        try:
            if self._recipe.evaluation.metric == NUMBERS:
                return self._wasserstein(network)
            fake = self._fakes(network)
            return self._paired(fake) if self._request.paired else self._set(fake)
        finally:
            network.train(was_training)

    def _wasserstein(self, network: nn.Module) -> float:
        """1-Wasserstein distance in one dimension: the mean distance of sorted samples."""
        count = self._recipe.evaluation.n
        fake = draw_tensor(network, self._spec, self._config, range(count), SCORE_SEED).double().flatten().cpu()
        # Quantiles of a sample of another seed than the one trained on.
        levels = (np.arange(count) + 0.5) / count
        real = np.quantile(mixture(65_536, 1).double().flatten().numpy(), levels)
        return float(np.abs(np.sort(fake.numpy()) - real).mean())

    def _fakes(self, network: nn.Module) -> ImageSource:
        if needs_inputs(self._spec):
            transform = self._recipe.data.transform
            rule = translator(network, self._spec, self._config, transform, from_truth=self._from_truth)
            return TranslatedSource(seeded_subset(self._inputs, self._recipe.evaluation.n, 0), rule, "generated")
        draw = image_drawer(network, self._spec, self._config)
        return GeneratorSource(draw, self._recipe.evaluation.n, SCORE_SEED, "generated")

    def _set(self, fake: ImageSource) -> float:
        metric = cast(SetMetric, self._request.metric)
        return metric.evaluate(self._real, self._summary(fake))[self._output].value

    def _summary(self, source: ImageSource, root: Path | None = None) -> SetSummary:
        """Features of a source, in memory; `root` keeps them on disk as well."""
        if self._backbone is None:
            raise UsageError(f"{self._recipe.evaluation.metric} needs a backbone.")
        with tempfile.TemporaryDirectory(prefix="ganeval-") as folder:
            stores = {self._backbone.info.name: open_store(self._backbone, Path(folder) if root is None else root)}
            passed = summarise(source, [self._backbone], stores, batch_size=BATCH, on_bad="fail")
            summary = passed.sets[self._backbone.info.name]
            return replace(summary, bank=_in_memory(summary.bank), logits=_in_memory(summary.logits))

    def _paired(self, fake: ImageSource) -> float:
        metric, key = self._request.metric, self._recipe.evaluation.metric
        if isinstance(metric, SetMetric | ImageMetric):
            raise TypeError(f"{key} is no paired metric")
        request = PairRequest(metric, self._request.backbone, metric.params)
        backbones = {} if self._backbone is None else {self._backbone.info.name: self._backbone}
        scores = score_pairs(
            fake,
            seeded_subset(self._truth, self._recipe.evaluation.n, 0),  # the same items as the inputs
            [request],
            channel="rgb",
            crop_border=0,
            batch_size=BATCH,
            backbones=backbones,
            heads={},
            on_bad="fail",
            progress=None,
        )
        return float(scores.values[request.key].mean())


def _in_memory(bank: FeatureBank | None) -> FeatureBank | None:
    return None if bank is None else FeatureBank.of(bank.rows(), bank.indices().tolist())


def held_out(
    recipe: Recipe, data_root: Path | None, direction: Direction | None = None
) -> tuple[ImageSource, ImageSource, bool]:
    """The test images: (inputs, true outputs, whether the inputs are made from the true outputs).

    Args:
        recipe: Which images.
        data_root: Folder of data sets that are not embedded.
        direction: Of an unpaired model; None for the recipe's own.
    """
    plan = recipe.data
    back = (direction or recipe.evaluation.direction) == "b2a"
    if plan.transform == "two-sets":
        given, wanted = (folder_of(plan, f"{plan.test}{letter}", data_root) for letter in ("BA" if back else "AB"))
        return given, wanted, False
    if plan.transform == "pairs":
        files = folder_of(plan, plan.test, data_root)
        left, right = (TranslatedSource(files, half, plan.id) for half in (_left, _right))
        return right, left, False  # the photo is on the left, the labels it is made of on the right
    if plan.transform in ("crops", "edges", "restyled") and plan.id != "photos":
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
