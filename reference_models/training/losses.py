"""Losses: adversarial losses as pairs of pure functions, and the losses of image-to-image models.

Every function takes scores of any shape ((B,) or a PatchGAN's (B, 1, h, w)) before any sigmoid and returns a mean, so
batch size and map size do not change a loss's scale. softplus(s) = log(1 + e^s) = -log(1 - sigmoid(s)) is used where
the papers write logarithms of probabilities: it neither overflows nor takes the logarithm of zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ganeval.errors import UsageError

Loss = Float[Tensor, ""]


@dataclass(frozen=True)
class AdversarialLoss:
    """An adversarial loss.

    Attributes:
        discriminator: (scores of real, scores of fake, real_label) -> loss of the discriminator. `real_label` is the
            target for real images: 1, or 0.9 for one-sided label smoothing (Salimans et al. 2016, section 3.4; the
            target for fakes stays 0). Losses without labels accept only 1.
        generator: scores of fake -> loss of the generator.
        source: Paper and equation.
        probability: True if D(x) = sigmoid(score) is the probability that an image is real; else D(x) is the score.
        boundary: Score above which an image is classified as real; None for a critic, which does not classify.
    """

    discriminator: Callable[[Tensor, Tensor, float], Loss]
    generator: Callable[[Tensor], Loss]
    source: str
    probability: bool = False
    boundary: float | None = 0.0

    @torch.no_grad()
    def judgement(self, scores: Tensor) -> Float[Tensor, ""]:
        """Mean D(x) of images, as tutorials plot it: 1/2 for real and fake if they cannot be told apart."""
        return (torch.sigmoid(scores) if self.probability else scores).mean()

    @torch.no_grad()
    def accuracy(self, real_scores: Tensor, fake_scores: Tensor) -> Float[Tensor, ""] | None:
        """Balanced accuracy of the discriminator: real and fake images count half each."""
        if self.boundary is None:
            return None
        right = (real_scores > self.boundary).float().mean() + (fake_scores <= self.boundary).float().mean()
        return 0.5 * right


def cross_entropy_discriminator(real_scores: Tensor, fake_scores: Tensor, real_label: float) -> Loss:
    """-E[a log D(x) + (1-a) log(1-D(x))] - E log(1-D(G(z))), a = real_label, D = sigmoid(score)."""
    real = real_label * F.softplus(-real_scores) + (1.0 - real_label) * F.softplus(real_scores)
    return real.mean() + F.softplus(fake_scores).mean()


def saturating_generator(fake_scores: Tensor) -> Loss:
    """E log(1-D(G(z))): the zero-sum game, whose gradient vanishes if the discriminator is certain."""
    return -F.softplus(fake_scores).mean()


def non_saturating_generator(fake_scores: Tensor) -> Loss:
    """-E log D(G(z)): the same fixed point, with a gradient where the discriminator is certain."""
    return F.softplus(-fake_scores).mean()


def wasserstein_discriminator(real_scores: Tensor, fake_scores: Tensor, real_label: float) -> Loss:
    """E f(G(z)) - E f(x); minus this estimates the 1-Wasserstein distance for a 1-Lipschitz f."""
    _require_no_smoothing("wasserstein", real_label)
    return fake_scores.mean() - real_scores.mean()


def wasserstein_generator(fake_scores: Tensor) -> Loss:
    """-E f(G(z))."""
    return -fake_scores.mean()


def least_squares_discriminator(real_scores: Tensor, fake_scores: Tensor, real_label: float) -> Loss:
    """½ E(D(x) - a)² + ½ E D(G(z))², a = real_label."""
    return 0.5 * (real_scores - real_label).square().mean() + 0.5 * fake_scores.square().mean()


def least_squares_generator(fake_scores: Tensor) -> Loss:
    """½ E(D(G(z)) - 1)²."""
    return 0.5 * (fake_scores - 1.0).square().mean()


def hinge_discriminator(real_scores: Tensor, fake_scores: Tensor, real_label: float) -> Loss:
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))."""
    _require_no_smoothing("hinge", real_label)
    return F.relu(1.0 - real_scores).mean() + F.relu(1.0 + fake_scores).mean()


def hinge_generator(fake_scores: Tensor) -> Loss:
    """-E D(G(z))."""
    return -fake_scores.mean()


LOSSES: Mapping[str, AdversarialLoss] = {
    "minimax": AdversarialLoss(
        cross_entropy_discriminator, saturating_generator, "Goodfellow et al. 2014, arXiv:1406.2661, eq. 1", True
    ),
    "non-saturating": AdversarialLoss(
        cross_entropy_discriminator,
        non_saturating_generator,
        "Goodfellow et al. 2014, arXiv:1406.2661, section 3",
        True,
    ),
    "wasserstein": AdversarialLoss(
        wasserstein_discriminator, wasserstein_generator, "Arjovsky et al. 2017, arXiv:1701.07875, eq. 2", boundary=None
    ),
    "least-squares": AdversarialLoss(
        least_squares_discriminator, least_squares_generator, "Mao et al. 2017, arXiv:1611.04076, eq. 9", boundary=0.5
    ),
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator, "Lim and Ye 2017, arXiv:1705.02894, section 2"),
}


def l1_loss(fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"]) -> Loss:
    """Mean absolute difference of images (pix2pix, arXiv:1611.07004, eq. 3)."""
    return (fake - real).abs().mean()


def pixel_loss(fake: Float[Tensor, "B C H W"], real: Float[Tensor, "B C H W"]) -> Loss:
    """Mean squared difference of images (SRResNet, arXiv:1609.04802, eq. 4)."""
    return (fake - real).square().mean()


def cycle_loss(
    real_a: Float[Tensor, "B C H W"],
    cycled_a: Float[Tensor, "B C H W"],
    real_b: Float[Tensor, "B C H W"],
    cycled_b: Float[Tensor, "B C H W"],
) -> Loss:
    """|F(G(a)) - a| + |G(F(b)) - b|, mean absolute differences (CycleGAN, arXiv:1703.10593, eq. 2)."""
    return l1_loss(cycled_a, real_a) + l1_loss(cycled_b, real_b)


def identity_loss(
    real_a: Float[Tensor, "B C H W"],
    same_a: Float[Tensor, "B C H W"],
    real_b: Float[Tensor, "B C H W"],
    same_b: Float[Tensor, "B C H W"],
) -> Loss:
    """|F(a) - a| + |G(b) - b|: an image of a generator's target set should not change (CycleGAN, section 5.2).

    `same_a` is the output of the generator towards A for `real_a`.
    """
    return l1_loss(same_a, real_a) + l1_loss(same_b, real_b)


def content_loss(fake_maps: Sequence[Tensor], real_maps: Sequence[Tensor], scale: float) -> Loss:
    """Mean squared difference of feature maps, averaged over maps (SRGAN, arXiv:1609.04802, eq. 5).

    The paper's sum over channels is a mean here. The real maps are detached.

    Args:
        fake_maps: (B, C, h, w) each, of the generated images.
        real_maps: The same maps of the real images.
        scale: Factor on the maps before the difference; the paper's is 1/12.75, "about .006" of the loss.

    Raises:
        ValueError: no maps, or unequal numbers of maps.
    """
    if not fake_maps or len(fake_maps) != len(real_maps):
        raise ValueError(
            f"content loss needs the same maps of fake and real; got {len(fake_maps)} and {len(real_maps)}"
        )
    terms = [(scale * (fake - real.detach())).square().mean() for fake, real in zip(fake_maps, real_maps, strict=True)]
    return torch.stack(terms).mean()


def _require_no_smoothing(name: str, real_label: float) -> None:
    if real_label != 1.0:
        raise UsageError(
            f"The {name} loss has no labels to smooth: real_label must be 1; got {real_label}. "
            "Use minimax, non-saturating or least-squares, or no label smoothing."
        )
