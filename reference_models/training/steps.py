"""What one training step does: four small functions, one for each way in which models see data.

Each makes the discriminator's update(s) and the generator's, and gives the losses as tensors on the device: nothing
waits for a number. A fake that the discriminator was trained on serves the generator's update as well, since the
generator has not moved in between.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_models.data.training_data import Batch
from reference_models.models.base import Kind
from reference_models.training.losses import content_loss, cycle_loss, identity_loss, l1_loss, pixel_loss
from reference_models.training.networks import Networks
from reference_models.training.stabilise import (
    ReplayBuffer,
    clip_weights,
    drift_penalty,
    gradient_penalty,
    r1_penalty,
    weight_penalty,
)

Losses = dict[str, Tensor]
DrawBatch = Callable[[int], Batch]  # number of the discriminator update within the step -> its batch
Arguments = tuple[object, ...]  # what a network takes beside latents or images: labels; level and alpha; a condition
Judge = Callable[[Tensor, Arguments], Tensor]


@contextmanager
def frozen(networks: Sequence[nn.Module]) -> Iterator[None]:
    """No gradients for these networks' weights inside: the generator's update needs none of the discriminator's."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)


def adversarial_step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """Latents to images or numbers, alone, with labels, or growing."""
    (generator,), (discriminator,) = networks.generators, networks.discriminators
    losses: Losses = {}

    def judge(images: Tensor, arguments: Arguments) -> Tensor:
        return discriminator(images, *arguments)  # type: ignore[no-any-return]

    fake, arguments = torch.empty(0, device="cpu"), ()  # type: tuple[Tensor, Arguments]
    d_steps = networks.recipe.training.d_steps
    for number in range(d_steps):
        batch = draw(number)
        real, arguments = _grown(networks, batch, step)
        noise = torch.randn((len(real), networks.config.latent_dim), generator=rng, device=rng.device).to(real)
        with torch.set_grad_enabled(number == d_steps - 1):
            fake = generator(noise, *arguments)
        losses |= _update_discriminator(networks, 0, judge, real, fake, arguments, step, rng)
    with frozen([discriminator]):
        loss = networks.game.generator(judge(_seen(networks, fake, step, rng), arguments))
        _minimise(networks, loss, networks.g_optimiser)
    return losses | {"loss_g": loss.detach()}


def paired_step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """An input image to its one true output (pix2pix)."""
    (generator,), (discriminator,) = networks.generators, networks.discriminators
    weights = networks.recipe.weights
    batch = draw(0)
    if batch.condition is None:
        raise TypeError("a paired model needs data with conditions")
    arguments: Arguments = (batch.condition,)

    def judge(images: Tensor, arguments: Arguments) -> Tensor:
        return discriminator(*arguments, images)  # type: ignore[no-any-return]

    fake = generator(batch.condition)
    losses = _update_discriminator(networks, 0, judge, batch.images, fake, arguments, step, rng)
    with frozen([discriminator]):
        game = networks.game.generator(judge(_seen(networks, fake, step, rng), arguments))
        distance = l1_loss(fake, batch.images)
        _minimise(networks, weights.adversarial * game + weights.l1 * distance, networks.g_optimiser)
    return losses | {"loss_g": game.detach(), "l1": distance.detach()}


def super_resolution_step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """A small image to a large one, by pixels, by content, and against an adversary where there is one."""
    (generator,) = networks.generators
    weights = networks.recipe.weights
    batch = draw(0)
    if batch.condition is None:
        raise TypeError("super-resolution needs data with low-resolution images")
    real = batch.images
    fake = generator(batch.condition)
    pixels = pixel_loss(fake, real)
    if step < networks.recipe.training.pretrain_steps:
        _minimise(networks, pixels, networks.g_optimiser)
        return {"pixel": pixels.detach()}
    losses: Losses = {"pixel": pixels.detach()}
    total = weights.pixel * pixels
    if networks.content is not None:
        with torch.no_grad():
            real_maps = networks.content(real)
        content = content_loss([networks.content(fake)], [real_maps], weights.content_scale)
        losses["content"] = content.detach()
        total = total + weights.content * content
    if not networks.discriminators:
        _minimise(networks, total, networks.g_optimiser)
        return losses
    (discriminator,) = networks.discriminators

    def judge(images: Tensor, arguments: Arguments) -> Tensor:
        del arguments
        return discriminator(images)  # type: ignore[no-any-return]

    losses |= _update_discriminator(networks, 0, judge, real, fake, (), step, rng)
    with frozen([discriminator]):
        game = networks.game.generator(judge(_seen(networks, fake, step, rng), ()))
        _minimise(networks, total + weights.adversarial * game, networks.g_optimiser)
    return losses | {"loss_g": game.detach()}


def unpaired_step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator) -> Losses:
    """Two sets of images without pairs, there and back (CycleGAN)."""
    to_b, to_a = networks.generators
    weights = networks.recipe.weights
    batch = draw(0)
    if batch.other is None:
        raise TypeError("an unpaired model needs data of two sets")
    a, b = batch.images, batch.other
    # InstanceNorm looks at one image at a time, so what to_b makes of a and of b comes from one pass.
    fake_b, same_b = to_b(torch.cat([a, b])).chunk(2)
    fake_a, same_a = to_a(torch.cat([b, a])).chunk(2)
    judges: list[Judge] = [lambda images, _, d=d: d(images) for d in networks.discriminators]  # type: ignore[misc]
    with frozen(networks.discriminators):
        game = networks.game.generator(judges[0](_seen(networks, fake_b, step, rng), ()))
        game = game + networks.game.generator(judges[1](_seen(networks, fake_a, step, rng), ()))
        cycle = cycle_loss(a, to_a(fake_b), b, to_b(fake_a))
        same = identity_loss(a, same_a, b, same_b)
        total = weights.adversarial * game + weights.cycle * cycle + weights.identity * same
        _minimise(networks, total, networks.g_optimiser)
    losses: Losses = {"loss_g": game.detach(), "cycle": cycle.detach(), "identity": same.detach()}
    for number, (real, fake) in enumerate(((b, fake_b), (a, fake_a))):
        update = _update_discriminator(networks, number, judges[number], real, fake, (), step, rng)
        losses |= {f"{name}_{'ba'[number]}": loss for name, loss in update.items()}
    return losses


Step = Callable[[Networks, DrawBatch, int, torch.Generator], Losses]
STEPS: Mapping[Kind, Step] = {
    "unconditional": adversarial_step,
    "conditional": adversarial_step,
    "one-dimensional": adversarial_step,
    "progressive": adversarial_step,
    "paired": paired_step,
    "super-resolution": super_resolution_step,
    "unpaired": unpaired_step,
}


def _grown(networks: Networks, batch: Batch, step: int) -> tuple[Tensor, Arguments]:
    """Real images as the discriminator gets them now, and what both networks take beside images."""
    if networks.fade is not None:
        level, alpha = networks.fade.at(step)
        return at_level(batch.images, level, alpha, networks.config.levels), (level, alpha)
    if networks.spec.kind == "conditional" and batch.labels is not None:
        return batch.images, (batch.labels,)
    return batch.images, ()


def at_level(images: Tensor, level: int, alpha: float, levels: int) -> Tensor:
    """Images shrunk to a level of a progressive network, faded with those of the level below (ProGAN, figure 2)."""
    shrunk = F.avg_pool2d(images, 2 ** (levels - 1 - level)) if level < levels - 1 else images
    if level > 0 and alpha < 1.0:
        coarse = F.interpolate(F.avg_pool2d(shrunk, 2), scale_factor=2, mode="nearest")
        shrunk = torch.lerp(coarse, shrunk, alpha)
    return shrunk


def _update_discriminator(
    networks: Networks,
    number: int,
    judge: Judge,
    real: Tensor,
    fake: Tensor,
    arguments: Arguments,
    step: int,
    rng: torch.Generator,
) -> Losses:
    """One update of discriminator `number`, with whatever technique the recipe switches on."""
    techniques, discriminator = networks.recipe.techniques, networks.discriminators[number]
    if networks.d_optimiser is None:
        raise TypeError(f"{networks.recipe.name} has a discriminator and no optimiser for it")
    fake, fake_arguments = fake.detach(), arguments
    if networks.replays:
        fake, fake_arguments = _replayed(networks.replays[number], fake, arguments, rng)
    seen_real, seen_fake = _seen(networks, real, step, rng), _seen(networks, fake, step, rng)
    real_scores, fake_scores = _scores(networks, judge, seen_real, seen_fake, arguments, fake_arguments)
    loss = networks.game.discriminator(real_scores, fake_scores, techniques.real_label)
    losses: Losses = {
        "loss_d": loss.detach(),
        "d_real": networks.game.judgement(real_scores),
        "d_fake": networks.game.judgement(fake_scores),
    }
    if (accuracy := networks.game.accuracy(real_scores, fake_scores)) is not None:
        losses["d_accuracy"] = accuracy
    if techniques.gradient_penalty:
        penalty = gradient_penalty(lambda images: judge(images, arguments), seen_real, seen_fake, rng)
        losses["penalty"] = penalty.detach()
        loss = loss + techniques.gradient_penalty * penalty
    if techniques.drift:
        drift = drift_penalty(real_scores)
        losses["drift"] = drift.detach()
        loss = loss + techniques.drift * drift
    if techniques.r1:
        slope = r1_penalty(lambda images: judge(images, arguments), seen_real)
        losses["r1"] = slope.detach()
        loss = loss + techniques.r1 * slope
    if techniques.weight_penalty:
        loss = loss + techniques.weight_penalty * weight_penalty(discriminator)
    _minimise(networks, loss, networks.d_optimiser)
    if techniques.clip:
        clip_weights(discriminator, techniques.clip)
    return losses


def _scores(
    networks: Networks, judge: Judge, real: Tensor, fake: Tensor, arguments: Arguments, fake_arguments: Arguments
) -> tuple[Tensor, Tensor]:
    """Scores of both: one pass where each image is judged alone, two where BatchNorm would mix real with fake."""
    if networks.mixes_batch:
        return judge(real, arguments), judge(fake, fake_arguments)
    both = tuple(
        torch.cat([a, b]) if isinstance(a, Tensor) and isinstance(b, Tensor) else a
        for a, b in zip(arguments, fake_arguments, strict=True)
    )
    scores = judge(torch.cat([real, fake]), both)
    return scores[: len(real)], scores[len(real) :]


def _replayed(
    buffer: ReplayBuffer, fake: Tensor, arguments: Arguments, rng: torch.Generator
) -> tuple[Tensor, Arguments]:
    """Some past fakes in the place of new ones, with the labels or conditions that they were made for."""
    tensors = tuple(argument for argument in arguments if isinstance(argument, Tensor))
    shown, *others = buffer.exchange((fake, *tensors), rng)
    return shown, tuple(others)


def _seen(networks: Networks, images: Tensor, step: int, rng: torch.Generator) -> Tensor:
    """Images as the discriminator sees them: augmented, then with instance noise."""
    if networks.augment is not None:
        images = networks.augment(images, rng)
    return images if networks.noise is None else networks.noise(images, step, rng)


def _minimise(networks: Networks, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One update. Networks of which no gradient came keep their weights: Adam passes over them."""
    optimiser.zero_grad(set_to_none=True)
    networks.backward(loss)
    networks.share_gradients(optimiser)
    optimiser.step()
