"""The losses against numbers worked out by hand, torch's own cross entropy, and the limits of float32."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ganeval.errors import UsageError
from reference_models.training.losses import LOSSES, content_loss, cycle_loss, identity_loss, l1_loss, pixel_loss

LN2, LN3 = math.log(2), math.log(3)
# Name: scores of real, scores of fake, discriminator's loss, generator's loss.
# sigmoid(ln 3) = 3/4 and sigmoid(-ln 3) = 1/4, so the cross entropies are logarithms of small fractions.
BY_HAND = {
    "minimax": ([0, LN3], [0, -LN3], math.log(8 / 3), 0.5 * math.log(3 / 8)),
    "non-saturating": ([0, LN3], [0, -LN3], math.log(8 / 3), 1.5 * LN2),
    "wasserstein": ([3, 5], [1, 2], 1.5 - 4, -1.5),
    "least-squares": ([1, 3], [1, -1], 0.5 * 2 + 0.5 * 1, 0.5 * 2),
    "hinge": ([2, 0.5], [-3, 1], 0.25 + 1.0, 1.0),
}


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_every_loss_is_worked_out_here():
    assert list(BY_HAND) == list(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_hand_worked_numbers(name):
    real, fake, of_discriminator, of_generator = BY_HAND[name]

    assert LOSSES[name].discriminator(tensor(real), tensor(fake), 1.0).item() == pytest.approx(of_discriminator)
    assert LOSSES[name].generator(tensor(fake)).item() == pytest.approx(of_generator)


@pytest.mark.parametrize("name", LOSSES)
def test_a_patch_map_counts_like_as_many_scores(name):
    real, fake = torch.randn(2, 3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    loss = LOSSES[name]

    assert loss.discriminator(real, fake, 1.0) == loss.discriminator(real.flatten(), fake.flatten(), 1.0)
    assert loss.generator(fake) == loss.generator(fake.flatten())


@pytest.mark.parametrize("name", LOSSES)
def test_each_side_pulls_the_scores_its_own_way(name):
    real, fake = tensor([0.3]).requires_grad_(), tensor([-0.2]).requires_grad_()
    up, down = torch.autograd.grad(LOSSES[name].discriminator(real, fake, 1.0), (real, fake))
    (fooled,) = torch.autograd.grad(LOSSES[name].generator(fake), fake)

    assert up < 0
    assert fooled < 0
    # 0.5 · s² pulls fakes to 0, which from -0.2 is upwards; all others pull them down.
    assert (down < 0) == (name == "least-squares")


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_scores_give_finite_losses_and_gradients(name, size):
    scores = torch.tensor([size], requires_grad=True)
    for value in (LOSSES[name].discriminator(scores, scores, 1.0), LOSSES[name].generator(scores)):
        (gradient,) = torch.autograd.grad(value, scores)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("label", [1.0, 0.9])
def test_cross_entropy_agrees_with_torch(label):
    real, fake = torch.randn(2, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = binary_cross_entropy_with_logits(real, torch.full_like(real, label))
    expected += binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))

    for name in ("minimax", "non-saturating"):
        assert LOSSES[name].discriminator(real, fake, label).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize(("name", "best"), [("non-saturating", math.log(9)), ("least-squares", 0.9)])
def test_one_sided_smoothing_moves_the_best_real_score_and_leaves_the_fakes(name, best):
    real, fake = tensor([best]).requires_grad_(), tensor([0.7]).requires_grad_()
    at_best, of_fake = torch.autograd.grad(LOSSES[name].discriminator(real, fake, 0.9), (real, fake))
    (unsmoothed,) = torch.autograd.grad(LOSSES[name].discriminator(real, fake, 1.0), fake)

    assert at_best.item() == pytest.approx(0.0, abs=1e-12)
    assert of_fake == unsmoothed


@pytest.mark.parametrize("name", ["wasserstein", "hinge"])
def test_games_without_labels_refuse_smoothing(name):
    with pytest.raises(UsageError, match=f"The {name} loss has no labels to smooth.* got 0.9"):
        LOSSES[name].discriminator(tensor([0.0]), tensor([0.0]), 0.9)


def test_image_losses_equal_hand_worked_numbers():
    zeros, ones, halves = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), -0.5)

    assert l1_loss(halves, zeros) == 0.5
    assert pixel_loss(halves, zeros) == 0.25
    assert cycle_loss(zeros, halves, ones, zeros) == 0.5 + 1.0
    assert identity_loss(zeros, zeros, ones, halves) == 1.5


def test_content_loss_is_the_mean_over_maps_and_moves_the_fake_alone():
    fake = [torch.full((1, 2, 2, 2), 3.0, requires_grad=True), torch.full((1, 4, 1, 1), 1.0, requires_grad=True)]
    real = [torch.full((1, 2, 2, 2), 1.0, requires_grad=True), torch.full((1, 4, 1, 1), 1.0, requires_grad=True)]
    value = content_loss(fake, real, 0.5)
    value.backward()

    assert value.item() == pytest.approx(0.5**2 * (4.0 + 0.0) / 2)
    assert real[0].grad is None
    assert fake[0].grad.abs().sum() > 0


def test_content_loss_refuses_missing_maps():
    with pytest.raises(ValueError, match="got 0 and 0"):
        content_loss([], [], 1.0)
    with pytest.raises(ValueError, match="got 1 and 2"):
        content_loss([torch.zeros(1)], [torch.zeros(1)] * 2, 1.0)


def test_what_tutorials_watch_is_a_probability_where_there_is_one_and_the_score_elsewhere():
    scores = torch.tensor([0.0, 2.0], requires_grad=True)

    for name in ("minimax", "non-saturating"):
        assert LOSSES[name].judgement(scores) == pytest.approx((0.5 + 1 / (1 + math.exp(-2))) / 2)
    for name in ("wasserstein", "hinge", "least-squares"):
        assert LOSSES[name].judgement(scores) == 1.0
    assert not LOSSES["hinge"].judgement(scores).requires_grad
