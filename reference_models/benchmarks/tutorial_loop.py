"""The tutorials' training loops written out plainly: the yardstick of speed, and of losses.

Eager PyTorch, Adam with its defaults, images as floats on the CPU behind a DataLoader, one network call for each term
of a loss. Networks, data and noise are those of the project, so that losses can be compared number by number.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ganeval.errors import UsageError
from reference_models.checkpoints.sampling import stream
from reference_models.data.training_data import Batch, TrainingData, load_training_data
from reference_models.models import MODELS
from reference_models.models.layers import Projection, draws_from
from reference_models.recipes.recipe import Recipe, Techniques
from reference_models.training.losses import LOSSES, content_loss
from reference_models.training.networks import Networks, make_networks

CPU = torch.device("cpu")
POOL = 16  # batches of photo crops that the tutorial's DataLoader goes round in
_STEP, _DROPOUT, _POOL = 3, 4, 9  # streams of random numbers; the first two as in `reference_models.training.train`
_FIELDS = ("images", "labels", "condition", "other")

Losses = dict[str, Tensor]
Feed = Callable[[int], tuple[Batch, torch.Generator]]
"""Number of the step -> its batch, and the noise's generator."""


def plain(recipe: Recipe) -> Recipe:
    """A recipe without the techniques that its tutorial does not have.

    Raises:
        UsageError: a model whose tutorial's loop is not written out here.
    """
    kind = MODELS.get(recipe.model).kind_name
    if kind not in _STEPS or recipe.training.d_steps > 1 or recipe.training.loss == "wasserstein":
        raise UsageError(
            f"The plain loop knows one discriminator step a step of {', '.join(_STEPS)} models, no critics; "
            f"{recipe.name} is {kind}, {recipe.training.loss}. Drop --vs tutorial."
        )
    # Dropout's noise could not be the same in both; spectral norm moves on with every call, and ours makes one of two.
    settings = {k: v for k, v in recipe.settings.items() if k not in ("dropout", "spectral_norm")}
    training = dataclasses.replace(recipe.training, pretrain_steps=0)
    return dataclasses.replace(recipe, techniques=Techniques(), settings=settings, training=training)


class OurLoop:
    """Steps as `reference_models.training.train` makes them.

    Args:
        recipe: The plan.
        device: Where.
        double: In float64, where two orders of one sum do not part after a few steps of Adam.
        bf16: In bfloat16 where that is safe.
        data_root: Folder of data sets that are not embedded.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device = CPU,
        *,
        double: bool = False,
        bf16: bool = False,
        data_root: Path | None = None,
    ) -> None:
        self.networks = make_networks(recipe, 0, device, torch.Tensor.backward)
        self._data = data_of(recipe, device, data_root)
        self._device, self._double, self._bf16 = device, double, bf16
        if double:
            to_double(self.networks)

    def step(self, number: int) -> Losses:
        """One generator update with its discriminator updates."""
        rng, dropout = stream(0, _STEP, number, 0), stream(0, _DROPOUT, number, 0, device=self._device)
        kind = self.networks.spec.kind
        with draws_from(dropout), torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            return kind.step(self.networks, lambda k: cast(self._data.batch(number, rng), self._double), number, rng)


class TutorialLoop:
    """Steps as the tutorials write them.

    Args:
        recipe: A plan that `plain` made.
        feed: Gives the batches: `same_batches` to compare losses, `data_loader` to compare speed.
        double: In float64.
    """

    def __init__(self, recipe: Recipe, feed: Feed, *, double: bool = False) -> None:
        networks = make_networks(recipe, 0, CPU, torch.Tensor.backward)  # the same weights
        if double:
            to_double(networks)
        self._networks, self._weights, self._step = networks, recipe.weights, _STEPS[networks.spec.kind_name]
        self._g, self._d = (
            [as_written(network).to(memory_format=torch.contiguous_format) for network in side]
            for side in (networks.generators, networks.discriminators)
        )
        if networks.content is not None:
            networks.content.layers.to(memory_format=torch.contiguous_format)
        betas = (recipe.optimiser.beta1, recipe.optimiser.beta2)
        lr = recipe.schedule(0)
        self._g_optimiser = torch.optim.Adam([p for n in self._g for p in n.parameters()], lr=lr, betas=betas)
        self._d_optimisers = [torch.optim.Adam(n.parameters(), lr=lr, betas=betas) for n in self._d]
        self._game = LOSSES[recipe.training.loss]
        self._feed = feed

    def step(self, number: int) -> Losses:
        """One update of each network."""
        batch, rng = self._feed(number)
        return self._step(self, batch, rng)

    def adversarial(self, batch: Batch, rng: torch.Generator) -> Losses:
        """Latents, with labels where the model takes them, to images."""
        (g,), (d,) = self._g, self._d
        labels = (batch.labels,) if self._networks.spec.kind.labels else ()
        noise = torch.randn((len(batch.images), self._networks.config.latent_dim), generator=rng, device="cpu").to(
            batch.images.dtype
        )
        fake = g(noise, *labels)
        loss_d = self._judge(0, lambda images: d(images, *labels), batch.images, fake)
        loss_g = self._game.generator(d(fake, *labels))
        self._update(loss_g)
        return {"loss_d": loss_d, "loss_g": loss_g.detach()}

    def super_resolution(self, batch: Batch, rng: torch.Generator) -> Losses:
        """Small images to large ones, by content and against an adversary."""
        del rng
        (g,), (d,), content = self._g, self._d, self._networks.content
        if content is None:
            raise TypeError("the loop of super-resolution needs a content network")
        weights = self._weights
        fake = g(batch.condition)
        distance = content_loss([content(fake)], [content(batch.images).detach()], weights.content_scale)
        pixel = ((fake - batch.images) ** 2).mean()
        loss_d = self._judge(0, d, batch.images, fake)
        loss_g = self._game.generator(d(fake))
        self._update(weights.pixel * pixel + weights.content * distance + weights.adversarial * loss_g)
        return {"loss_d": loss_d, "loss_g": loss_g.detach(), "pixel": pixel.detach(), "content": distance.detach()}

    def unpaired(self, batch: Batch, rng: torch.Generator) -> Losses:
        """Two sets of images, there and back."""
        del rng
        (to_b, to_a), (d_b, d_a) = self._g, self._d
        a, b = batch.images, batch.other
        if b is None:
            raise TypeError("the unpaired loop needs images of both sets")
        identity = (to_a(a) - a).abs().mean() + (to_b(b) - b).abs().mean()
        fake_b, fake_a = to_b(a), to_a(b)
        loss_g = self._game.generator(d_b(fake_b)) + self._game.generator(d_a(fake_a))
        cycle = (to_a(fake_b) - a).abs().mean() + (to_b(fake_a) - b).abs().mean()
        w = self._weights
        self._update(w.adversarial * loss_g + w.cycle * cycle + w.identity * identity)
        losses = {"loss_g": loss_g.detach(), "cycle": cycle.detach(), "identity": identity.detach()}
        losses["loss_d_b"] = self._judge(0, d_b, b, fake_b)
        losses["loss_d_a"] = self._judge(1, d_a, a, fake_a)
        return losses

    def _judge(self, number: int, d: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
        loss = self._game.discriminator(d(real), d(fake.detach()), 1.0)
        self._d_optimisers[number].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._d_optimisers[number].step()
        return loss.detach()

    def _update(self, loss: Tensor) -> None:
        self._g_optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._g_optimiser.step()


_STEPS: Mapping[str, Callable[[TutorialLoop, Batch, torch.Generator], Losses]] = {
    "unconditional": TutorialLoop.adversarial,
    "conditional": TutorialLoop.adversarial,
    "super-resolution": TutorialLoop.super_resolution,
    "unpaired": TutorialLoop.unpaired,
}


def data_of(recipe: Recipe, device: torch.device = CPU, data_root: Path | None = None) -> TrainingData:
    """The training data of a recipe, in seed 0's order."""
    spec = MODELS.get(recipe.model)
    return load_training_data(
        recipe.data,
        spec.configure(recipe.settings),
        spec.output_range,
        batch_size=recipe.training.batch_size,
        seed=0,
        device=device,
        data_root=data_root,
    )


def as_written(network: nn.Module) -> nn.Module:
    """The network with the layers of PyTorch that its tutorial names, on the same weights, in place."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, Projection):
            with torch.device("meta"):  # draws no weights
                plain_layer = nn.ConvTranspose2d(
                    layer.in_channels, layer.out_channels, layer.weight.shape[-1], bias=False
                )
            plain_layer.weight = layer.weight
            network.set_submodule(name, plain_layer)
    return network


def to_double(networks: Networks) -> None:
    """All networks in float64."""
    network: nn.Module
    for network in (*networks.generators, *networks.discriminators):
        network.double()
    if networks.content is not None:
        networks.content.layers.double()


def cast(batch: Batch, double: bool) -> Batch:
    """The batch, its floats in float64 where asked."""
    if not double:
        return batch
    present: dict[str, Any] = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
    return Batch(**{k: v.double() if v is not None and v.is_floating_point() else v for k, v in present.items()})


def same_batches(recipe: Recipe, *, double: bool = False) -> Feed:
    """Batch and noise of step k exactly as the project draws them: to compare losses."""
    data = data_of(recipe)

    def feed(number: int) -> tuple[Batch, torch.Generator]:
        rng = stream(0, _STEP, number, 0)
        return cast(data.batch(number, rng), double), rng

    return feed


def data_loader(recipe: Recipe) -> Feed:
    """Floats on the CPU, shuffled and collated one by one: to compare speed."""
    data, size = data_of(recipe), recipe.training.batch_size
    batches = [data.batch(k, stream(0, _POOL, k)) for k in range(POOL)]
    present = [name for name in _FIELDS if getattr(batches[0], name) is not None]
    tensors = TensorDataset(*(torch.cat([getattr(b, name) for b in batches]) for name in present))

    rng = stream(0, _POOL, POOL)  # of the order of images; without it the DataLoader draws from torch's global one

    def endless() -> Iterator[list[Tensor]]:
        while True:
            yield from DataLoader(tensors, batch_size=size, shuffle=True, drop_last=True, generator=rng)

    rounds = endless()

    def feed(number: int) -> tuple[Batch, torch.Generator]:
        return Batch(**dict(zip(present, next(rounds), strict=True))), torch.Generator().manual_seed(number)

    return feed
