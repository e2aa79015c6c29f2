"""Stabilisers of adversarial training, each of which any recipe may switch on.

Those that draw random numbers take a torch.Generator; a CPU generator gives the same numbers for every device. Those
with state have a `state_dict` of tensors, so that a resumed run continues exactly.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from ganeval.errors import DataError, UsageError
from reference_models.models.config import require_positive
from reference_models.models.layers import draws_from, integers, normal_like, raw_weight, uniform

Critic = Callable[[Tensor], Tensor]


@torch.no_grad()
def clip_weights(critic: nn.Module, bound: float) -> None:
    """Clamps every parameter to [-bound, bound], in place: WGAN's Lipschitz constraint (arXiv:1701.07875, alg. 1)."""
    for parameter in critic.parameters():
        parameter.clamp_(-bound, bound)


def gradient_penalty(
    critic: Critic, real: Float[Tensor, "B ..."], fake: Float[Tensor, "B ..."], generator: torch.Generator
) -> Float[Tensor, ""]:
    """E(‖∇f(x̂)‖ - 1)² at random points between real and fake (WGAN-GP, arXiv:1704.00028, eq. 3); times 10 in the paper.

    Args:
        critic: Images -> scores; with labels, `lambda x: critic(x, labels)`. Without BatchNorm: if scores depend on
            other images of the batch, the norm is not that of one image's gradient.
        real: Real images.
        fake: As many generated images, which are detached.
        generator: Draws one point on each line, U[0, 1).
    """
    where = uniform((len(real),) + (1,) * (real.ndim - 1), real, generator)
    points = torch.lerp(real.detach(), fake.detach(), where).requires_grad_(True)
    slopes: Tensor = torch.linalg.vector_norm(_input_gradient(critic, points).flatten(1), dim=1)
    return (slopes - 1.0).square().mean()


def r1_penalty(discriminator: Critic, real: Float[Tensor, "B ..."]) -> Float[Tensor, ""]:
    """½ E‖∇D(x)‖² at real images (Mescheder et al. 2018, arXiv:1801.04406, eq. 9); times γ in the paper."""
    gradient = _input_gradient(discriminator, real.detach().requires_grad_(True))
    return 0.5 * gradient.flatten(1).square().sum(dim=1).mean()


def drift_penalty(real_scores: Float[Tensor, "B ..."]) -> Float[Tensor, ""]:
    """E f(x)² of real images: keeps the scores of a critic near zero, as its loss depends on their differences only.

    Source: Karras et al. 2018 (arXiv:1710.10196), appendix A.1, where its weight is .001.
    """
    return real_scores.square().mean()


def _input_gradient(critic: Critic, points: Tensor) -> Tensor:
    """d(sum of scores)/d(images), itself differentiable."""
    gradients: tuple[Tensor, ...] = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return gradients[0]


def weight_penalty(network: nn.Module) -> Float[Tensor, ""]:
    """Sum of squares of all weights of two or more dimensions, without biases and gains; times λ in the recipe."""
    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
    squares = [raw_weight(layer).square().sum() for layer in network.modules() if isinstance(layer, layers)]
    if not squares:
        raise UsageError(f"A weight penalty needs a network with weights; {type(network).__name__} has none.")
    return torch.stack(squares).sum()


def add_spectral_norm(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Divides the weight of every linear and convolutional layer by its largest singular value, in place.

    Source: Miyato et al. 2018 (arXiv:1802.05957), one power iteration a forward pass. Layers with it are skipped.

    Args:
        network: The discriminator, after initialisation.
        generator: Draws the start vectors of the power iteration.
    """
    with draws_from(generator):
        for layer in list(network.modules()):
            plain = isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
            if plain and not parametrize.is_parametrized(layer, "weight"):
                parametrizations.spectral_norm(layer)
    return network


@dataclass(frozen=True)
class InstanceNoise:
    """Instance noise: Gaussian noise on the discriminator's inputs, real and fake, that decays to zero.

    Source: Sønderby et al. 2017 (arXiv:1610.04490).

    Attributes:
        std: Standard deviation at step 0, in the images' units.
        decay_steps: Steps until it is 0, linearly.
    """

    std: float
    decay_steps: int

    def __post_init__(self) -> None:
        require_positive(self)

    def std_at(self, step: int) -> float:
        """Standard deviation at a step, >= 0."""
        return self.std * max(0.0, 1.0 - step / self.decay_steps)

    def __call__(self, images: Float[Tensor, "B ..."], step: int, generator: torch.Generator) -> Float[Tensor, "B ..."]:
        """The images with noise; no random numbers are drawn once the noise is zero."""
        std = self.std_at(step)
        return images + std * normal_like(images, generator) if std > 0.0 else images


class ReplayBuffer:
    """Past fakes, some of which replace new ones in the discriminator's batch.

    While it fills, images are stored and returned. After that each one is, with `probability`, exchanged for a random
    past one, which is returned instead. CycleGAN's pool has probability 0.5 and capacity 50 (arXiv:1703.10593,
    section 4, after Shrivastava et al. 2017, arXiv:1612.07828, section 2.3). A large capacity and a small probability
    give experience replay, in which that fraction of the discriminator's fakes is old.

    Args:
        capacity: Number of stored images.
        probability: Probability of an exchange, 0..1.
    """

    def __init__(self, capacity: int, probability: float) -> None:
        if capacity < 1:
            raise UsageError(f"A replay buffer needs a capacity of at least 1; got {capacity}.")
        if not 0.0 <= probability <= 1.0:
            raise UsageError(f"A replay buffer's probability must be 0 to 1; got {probability}.")
        self.capacity = capacity
        self.probability = probability
        self._kept: list[tuple[Tensor, ...]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def exchange(self, rows: tuple[Tensor, ...], generator: torch.Generator) -> tuple[Tensor, ...]:
        """Returns the discriminator's batch in place of `rows`.

        Args:
            rows: (images,) or (images, labels, ...): tensors of B corresponding rows. They are detached.
            generator: Draws 2B numbers, whether or not the buffer is full.

        Raises:
            DataError: a loaded state has another shape.
        """
        count = len(rows[0])
        if self._kept and [part.shape for part in self._kept[0]] != [part.shape[1:] for part in rows]:
            raise DataError(
                f"The replay buffer's state holds rows of {[tuple(part.shape) for part in self._kept[0]]}; expected "
                f"{[tuple(part.shape[1:]) for part in rows]}. Remove the run's folder and start again."
            )
        coins = torch.rand(count, generator=generator, device=generator.device).tolist()
        places = torch.randint(self.capacity, (count,), generator=generator, device=generator.device).tolist()
        shown = []
        for index in range(count):
            row = tuple(tensor[index].detach().clone() for tensor in rows)
            if len(self._kept) < self.capacity:
                self._kept.append(row)
                shown.append(row)
            elif coins[index] < self.probability:
                shown.append(self._kept[places[index]])
                self._kept[places[index]] = row
            else:
                shown.append(row)
        return tuple(torch.stack([row[k].to(rows[k].device) for row in shown]) for k in range(len(rows)))

    def state_dict(self) -> dict[str, Tensor]:
        """The stored rows: "0" images, "1" labels, ...; empty while the buffer is empty."""
        return {str(k): torch.stack(column) for k, column in enumerate(zip(*self._kept, strict=True))}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Loads a `state_dict`.

        Raises:
            DataError: more rows than the capacity, or columns of different lengths.
        """
        columns = [state[str(k)] for k in range(len(state))]
        lengths = sorted({len(column) for column in columns})
        if len(lengths) > 1 or (lengths and lengths[0] > self.capacity):
            raise DataError(
                f"The replay buffer's state has {' and '.join(map(str, lengths))} rows; expected one length of at most "
                f"{self.capacity}. It belongs to a run with another recipe."
            )
        self._kept = [tuple(column[i].clone() for column in columns) for i in range(lengths[0] if lengths else 0)]


class EMA:
    """An exponential moving average of a network: average = decay · average + (1 - decay) · network, every update.

    Source: Yazıcı et al. 2019 (arXiv:1806.04498). Buffers (BatchNorm's statistics) are copied, not averaged.

    Args:
        network: Its copy is the first average.
        decay: 0..1; the average looks back about 1 / (1 - decay) updates.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        if not 0.0 <= decay < 1.0:
            raise UsageError(f"EMA's decay must be at least 0 and below 1; got {decay}.")
        self.decay = decay
        self.average = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Updates the average."""
        for average, parameter in zip(self.average.parameters(), network.parameters(), strict=True):
            average.lerp_(parameter, 1.0 - self.decay)
        for kept, buffer in zip(self.average.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of the average's tensors, under the network's names."""
        return {name: tensor.clone() for name, tensor in self.average.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Loads a `state_dict`."""
        self.average.load_state_dict(state)


def class_balanced_indices(labels: Int[Tensor, " N"], per_class: int, generator: torch.Generator) -> Int[Tensor, " M"]:
    """Indices of one epoch with `per_class` images of each class, evenly spread.

    Each block of K indices, counted from the start, holds each of the K classes once. An image is repeated only after
    all others of its class.

    Args:
        labels: Class of each image.
        per_class: Images of each class; M = K · per_class.
        generator: CPU generator.

    Raises:
        DataError: no labels.
    """
    columns = []
    for label in torch.unique(labels.cpu()):
        members = torch.nonzero(labels.cpu() == label).squeeze(1)
        rounds = -(-per_class // len(members))
        shuffled = [members[torch.randperm(len(members), generator=generator, device="cpu")] for _ in range(rounds)]
        columns.append(torch.cat(shuffled)[:per_class])
    if not columns:
        raise DataError("Class-balanced sampling needs labels; got none.")
    table = torch.stack(columns, dim=1)  # (per_class, K)
    order = torch.rand(table.shape, generator=generator, device="cpu").argsort(dim=1)
    return table.gather(1, order).flatten()


class Stage(NamedTuple):
    """How far a progressive network has grown."""

    level: int
    alpha: float


@dataclass(frozen=True)
class FadeIn:
    """Growth schedule of a progressive network: each new level is faded in, then trained (ProGAN, arXiv:1710.10196).

    Attributes:
        levels: Number of resolutions.
        fade_steps: Steps in which alpha rises from 0 to 1, on each level but the first.
        stable_steps: Steps at alpha 1 on each level but the last, which lasts to the end.
    """

    levels: int
    fade_steps: int
    stable_steps: int

    def __post_init__(self) -> None:
        require_positive(self)

    @property
    def growing_steps(self) -> int:
        """Steps until the last level is fully faded in."""
        return (self.levels - 1) * (self.stable_steps + self.fade_steps)

    def at(self, step: int) -> Stage:
        """Level and alpha (0 <= alpha <= 1) at a step; alpha is 0 on a new level's first step."""
        if step < self.stable_steps:
            return Stage(0, 1.0)
        phase, within = divmod(step - self.stable_steps, self.fade_steps + self.stable_steps)
        if phase + 1 >= self.levels:
            return Stage(self.levels - 1, 1.0)
        return Stage(phase + 1, min(1.0, within / self.fade_steps))


@dataclass(frozen=True)
class DiffAugment:
    """DiffAugment: differentiable random colour, translation and cutout of real and fake images.

    Source: Zhao et al. 2020 (arXiv:2006.10738), section 3.3; the paper's strengths are color=1, translation=1/8,
    cutout=1/2. A strength of 0 switches a part off.

    Attributes:
        color: Brightness moves by up to ±color/2, saturation by a factor 1 ± color, contrast by 1 ± color/2.
        translation: Largest shift as a fraction of the side; new pixels are 0.
        cutout: Side of the square that is set to 0, as a fraction of the image's; its centre is uniform in the image.
    """

    color: float
    translation: float
    cutout: float

    def __post_init__(self) -> None:
        for name in ("color", "translation", "cutout"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"DiffAugment's {name} must be 0 to 1; got {getattr(self, name)}.")

    def __call__(self, images: Float[Tensor, "B C H W"], generator: torch.Generator) -> Float[Tensor, "B C H W"]:
        """Augments each image independently."""
        if self.color > 0.0:
            images = self._recolour(images, generator)
        if self.translation > 0.0:
            images = self._translate(images, generator)
        if self.cutout > 0.0:
            images = self._cut_out(images, generator)
        return images

    def _recolour(self, images: Tensor, generator: torch.Generator) -> Tensor:
        brightness, saturation, contrast = uniform((3, len(images), 1, 1, 1), images, generator) - 0.5
        images = images + brightness * self.color
        grey = images.mean(dim=1, keepdim=True)
        images = grey + (images - grey) * (1.0 + 2.0 * saturation * self.color)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        recoloured: Tensor = mean + (images - mean) * (1.0 + contrast * self.color)
        return recoloured

    def _translate(self, images: Tensor, generator: torch.Generator) -> Tensor:
        for dim in (2, 3):
            side = images.shape[dim]
            reach = int(side * self.translation + 0.5)
            shift = integers(-reach, reach, (len(images), 1), images, generator)
            source = torch.arange(side, device=images.device) - shift  # (B, side)
            shape = (len(images), 1, side, 1) if dim == 2 else (len(images), 1, 1, side)
            inside = ((source >= 0) & (source < side)).reshape(shape)
            index = source.clamp(0, side - 1).reshape(shape).expand_as(images)
            images = images.gather(dim, index) * inside
        return images

    def _cut_out(self, images: Tensor, generator: torch.Generator) -> Tensor:
        spans = []
        for side in images.shape[2:]:
            size = int(side * self.cutout + 0.5)
            first = integers(0, side - 1, (len(images), 1), images, generator) - size // 2
            place = torch.arange(side, device=images.device)
            spans.append((place >= first) & (place < first + size))  # (B, side)
        hole = spans[0][:, None, :, None] & spans[1][:, None, None, :]
        return images * ~hole
