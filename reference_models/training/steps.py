"""Parts of a training step that kinds of models share (`reference_models.kinds` has the steps).

Losses stay tensors on the device, without synchronisation. The fakes of the discriminator's update are reused in the
generator's: its weights have not changed in between.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from reference_models.data.training_data import Batch
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
DrawBatch = Callable[[int], Batch]  # index of the discriminator update within the step -> its batch
Arguments = tuple[object, ...]  # further arguments of a network: labels; level and alpha; a condition
Judge = Callable[[Tensor, Arguments], Tensor]
Present = Callable[[Networks, Batch, int], tuple[Tensor, Arguments]]
"""Networks, batch, step -> the real images as the discriminator gets them, and the other arguments of both networks."""


@contextmanager
def frozen(networks: Sequence[nn.Module]) -> Iterator[None]:
    """Switches gradients of these networks' weights off in the block: the generator's update needs none of them."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)


def adversarial_step(networks: Networks, draw: DrawBatch, step: int, rng: torch.Generator, present: Present) -> Losses:
    """The training step of models that draw images or numbers from latents."""
    (generator,), (discriminator,) = networks.generators, networks.discriminators
    losses: Losses = {}

    def judge(images: Tensor, arguments: Arguments) -> Tensor:
        return discriminator(images, *arguments)  # type: ignore[no-any-return]

    fake, arguments = torch.empty(0, device="cpu"), ()  # type: tuple[Tensor, Arguments]
    d_steps = networks.recipe.training.d_steps
    for number in range(d_steps):
        batch = draw(number)
        real, arguments = present(networks, batch, step)
        noise = torch.randn((len(real), networks.config.latent_dim), generator=rng, device=rng.device).to(real)
        with torch.set_grad_enabled(number == d_steps - 1):
            fake = generator(noise, *arguments)
        losses |= update_discriminator(networks, 0, judge, real, fake, arguments, step, rng)
    with frozen([discriminator]):
        loss = networks.game.generator(judge(seen(networks, fake, step, rng), arguments))
        minimise(networks, loss, networks.g_optimiser)
    return losses | {"loss_g": loss.detach()}


def update_discriminator(
    networks: Networks,
    number: int,
    judge: Judge,
    real: Tensor,
    fake: Tensor,
    arguments: Arguments,
    step: int,
    rng: torch.Generator,
) -> Losses:
    """One update of discriminator `number`, with the recipe's stabilisers."""
    techniques, discriminator = networks.recipe.techniques, networks.discriminators[number]
    if networks.d_optimiser is None:
        raise TypeError(f"{networks.recipe.name} has a discriminator without an optimiser")
    fake, fake_arguments = fake.detach(), arguments
    if networks.replays:
        fake, fake_arguments = _replayed(networks.replays[number], fake, arguments, rng)
    seen_real, seen_fake = seen(networks, real, step, rng), seen(networks, fake, step, rng)
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
    minimise(networks, loss, networks.d_optimiser)
    if techniques.clip:
        clip_weights(discriminator, techniques.clip)
    return losses


def _scores(
    networks: Networks, judge: Judge, real: Tensor, fake: Tensor, arguments: Arguments, fake_arguments: Arguments
) -> tuple[Tensor, Tensor]:
    """Scores of real and fake: in one pass, or in two if BatchNorm would mix them."""
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
    """Replaces some fakes by past ones, with the labels or conditions of those."""
    tensors = tuple(argument for argument in arguments if isinstance(argument, Tensor))
    shown, *others = buffer.exchange((fake, *tensors), rng)
    return shown, tuple(others)


def seen(networks: Networks, images: Tensor, step: int, rng: torch.Generator) -> Tensor:
    """The discriminator's inputs: augmented images with instance noise."""
    if networks.augment is not None:
        images = networks.augment(images, rng)
    return images if networks.noise is None else networks.noise(images, step, rng)


def minimise(networks: Networks, loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """One update. Networks without gradients keep their weights: Adam skips them."""
    optimiser.zero_grad(set_to_none=True)
    networks.backward(loss)
    networks.share_gradients(optimiser)
    optimiser.step()
