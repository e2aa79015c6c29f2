"""The networks, optimisers, averages and buffers of a run, built from a recipe and one seed."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganeval.errors import UsageError
from reference_models.checkpoints.sampling import stream
from reference_models.models import MODELS
from reference_models.models.base import ModelSpec
from reference_models.models.build import build_discriminator, build_generator
from reference_models.models.srgan import SRDiscriminator
from reference_models.recipes.recipe import DIRECTIONS, Recipe
from reference_models.training.content_loss import ContentNetwork
from reference_models.training.losses import LOSSES, AdversarialLoss
from reference_models.training.stabilise import EMA, DiffAugment, FadeIn, InstanceNoise, ReplayBuffer, add_spectral_norm

_WEIGHTS = 0  # its stream of random numbers


@dataclass
class Networks:
    """The networks of a run with their optimisers and stabilisers.

    Attributes:
        recipe: The recipe.
        spec: The model.
        config: Its settings.
        generators: One; for an unpaired model two, A to B and B to A.
        discriminators: Discriminator k sees the images of generator k; empty for a model without.
        g_optimiser: The optimiser of all generators.
        d_optimiser: The optimiser of all discriminators, or None.
        game: The adversarial loss.
        averages: One EMA per generator, or empty.
        replays: One buffer per discriminator, or empty.
        augment: DiffAugment, or None.
        noise: Instance noise, or None.
        fade: The growth schedule of a progressive network, or None.
        content: The network of the content loss, or None.
        mixes_batch: True if a score of the discriminator depends on the other images of the batch.
        backward: Computes gradients of a loss.
        share_gradients: Averages gradients over devices; does nothing on one.
    """

    recipe: Recipe
    spec: ModelSpec
    config: Any
    generators: list[nn.Module]
    discriminators: list[nn.Module]
    g_optimiser: torch.optim.Optimizer
    d_optimiser: torch.optim.Optimizer | None
    game: AdversarialLoss
    averages: list[EMA]
    replays: list[ReplayBuffer]
    augment: DiffAugment | None
    noise: InstanceNoise | None
    fade: FadeIn | None
    content: ContentNetwork | None
    mixes_batch: bool
    backward: Callable[[Tensor], None]
    share_gradients: Callable[[torch.optim.Optimizer], None]

    @property
    def sampled(self) -> list[nn.Module]:
        """The networks for samples and checkpoints: each generator, or its moving average if there is one."""
        return [average.average for average in self.averages] or self.generators

    @property
    def best_generator(self) -> nn.Module:
        """The scored generator; of an unpaired model, that of the recipe's direction."""
        return self.sampled[DIRECTIONS.index(self.recipe.evaluation.direction)]

    def by_name(self) -> dict[str, nn.Module]:
        """Every trained network by its name in state files."""
        named: dict[str, nn.Module] = {f"generator{k}": network for k, network in enumerate(self.generators)}
        named.update({f"discriminator{k}": network for k, network in enumerate(self.discriminators)})
        return named

    def full_size(self, step: int) -> bool:
        """False while a progressive network still grows; it is scored from then on."""
        if self.fade is None:
            return True
        stage = self.fade.at(step)
        return stage.level == self.config.levels - 1 and stage.alpha >= 1.0

    def set_learning_rates(self, step: int) -> dict[str, float]:
        """Applies the schedules; returns the current learning rates."""
        rates = {"lr_g": self.recipe.schedule(step)}
        if self.d_optimiser is not None:
            rates["lr_d"] = (self.recipe.d_schedule or self.recipe.schedule)(step)
            for group in self.d_optimiser.param_groups:
                group["lr"] = rates["lr_d"]
        for group in self.g_optimiser.param_groups:
            group["lr"] = rates["lr_g"]
        return rates


def no_sharing(optimiser: torch.optim.Optimizer) -> None:
    """Does nothing: a single device has nothing to average."""
    del optimiser


def make_networks(
    recipe: Recipe,
    seed: int,
    device: torch.device,
    backward: Callable[[Tensor], None],
    share_gradients: Callable[[torch.optim.Optimizer], None] = no_sharing,
    devices: int = 1,
) -> Networks:
    """Builds everything on the CPU, so that a seed gives the same weights for every device, then moves it.

    Args:
        recipe: The recipe.
        seed: Seed of the weights.
        device: Device of the networks.
        backward: Computes gradients of a loss.
        share_gradients: Averages gradients over devices.
        devices: Number of devices that share a batch.

    Raises:
        UsageError: settings that do not fit the model or each other.
        WeightsError: the content network's weights are not on this machine.
    """
    spec = MODELS.get(recipe.model)
    config = spec.configure(recipe.settings)
    techniques, training = recipe.techniques, recipe.training
    rng = stream(seed, _WEIGHTS)
    discriminators: list[nn.Module] = []
    with torch.device("cpu"):
        generators = [
            build_generator(recipe.model, recipe.settings, rng, training.init) for _ in range(spec.kind.generators)
        ]
        for _ in range(spec.kind.generators):
            discriminator = build_discriminator(recipe.model, recipe.settings, rng, training.init)
            if discriminator is not None:
                if techniques.spectral_norm:
                    add_spectral_norm(discriminator, rng)
                discriminators.append(discriminator)
    _check(recipe, spec, config, discriminators)
    if training.batch_size < 2 * devices and _needs_two_images(config, [*generators, *discriminators]):
        raise UsageError(
            f"BatchNorm in {recipe.model} needs at least two images per batch on each device, or it has one value per "
            f"channel; got {training.batch_size} on {devices}. Set batch_size={2 * devices} or more."
        )
    for network in (*generators, *discriminators):
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    strengths = (techniques.augment_color, techniques.augment_translation, techniques.augment_cutout)
    noise = InstanceNoise(techniques.instance_noise, techniques.instance_noise_steps)
    weights = recipe.weights
    return Networks(
        recipe=recipe,
        spec=spec,
        config=config,
        generators=generators,
        discriminators=discriminators,
        g_optimiser=_optimiser(recipe, generators),
        d_optimiser=_optimiser(recipe, discriminators) if discriminators else None,
        game=LOSSES[training.loss],
        averages=[EMA(generator, techniques.ema) for generator in generators] if techniques.ema else [],
        replays=[ReplayBuffer(techniques.replay, techniques.replay_share) for _ in discriminators if techniques.replay],
        augment=DiffAugment(*strengths) if any(strengths) else None,
        noise=noise if techniques.instance_noise else None,
        fade=FadeIn(config.levels, techniques.fade_steps, techniques.stable_steps) if techniques.fade_steps else None,
        content=ContentNetwork(weights.content_network, weights.content_layer, device) if weights.content else None,
        mixes_batch=spec.kind.scores_batches or any(_mixes_batch(network) for network in discriminators),
        backward=backward,
        share_gradients=share_gradients,
    )


def _optimiser(recipe: Recipe, networks: list[nn.Module]) -> torch.optim.Optimizer:
    parameters = list(itertools.chain.from_iterable(network.parameters() for network in networks))
    lr, chosen = recipe.schedule(0), recipe.optimiser
    if chosen.kind == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=lr, alpha=chosen.beta2)
    # fused: one pass over each tensor on CPU and CUDA; the update rule is that of the default.
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return torch.optim.Adam(parameters, lr=lr, betas=(chosen.beta1, chosen.beta2), fused=fused)


def _mixes_batch(network: nn.Module) -> bool:
    return any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in network.modules())


def _needs_two_images(config: Any, networks: list[nn.Module]) -> bool:
    """True if BatchNorm has one value per channel and image, which has no variance.

    This holds for BatchNorm of vectors and of 1x1 maps: SRGAN's discriminator halves its image four times. Larger maps
    are normalised over their pixels: pix2pix is trained that way, with one image per batch.
    """
    if any(isinstance(layer, nn.BatchNorm1d) for network in networks for layer in network.modules()):
        return True
    return any(isinstance(network, SRDiscriminator) for network in networks) and config.image_size <= 16


def _check(recipe: Recipe, spec: ModelSpec, config: Any, discriminators: list[nn.Module]) -> None:
    """Refuses combinations of settings that do not train as stated.

    Raises:
        UsageError: the message names the setting.
    """
    techniques = recipe.techniques
    if recipe.training.loss in ("wasserstein", "hinge") and techniques.real_label != 1.0:
        raise UsageError(f"The {recipe.training.loss} loss has no labels to smooth; set techniques.real_label=1.")
    spec.kind.check(recipe, config)
    if recipe.evaluation.direction != "a2b" and spec.kind.generators == 1:
        raise UsageError(f"{recipe.model} has one generator; set evaluation.direction=a2b.")
    penalised = techniques.gradient_penalty > 0 or techniques.r1 > 0
    if penalised and any(_mixes_batch(network) for network in discriminators):
        raise UsageError(
            "A gradient penalty needs the gradient of each image alone; BatchNorm in the discriminator mixes images. "
            "Set techniques.gradient_penalty=0 and techniques.r1=0, or choose a model without it."
        )
