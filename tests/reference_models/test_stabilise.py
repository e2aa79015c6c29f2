"""The stabilising techniques against closed forms; each repeats from its torch.Generator."""

import itertools
import math

import pytest
import torch
from torch import nn

from ganeval.errors import DataError, UsageError
from reference_models.models.layers import draws_from
from reference_models.training.stabilise import (
    EMA,
    DiffAugment,
    FadeIn,
    InstanceNoise,
    ReplayBuffer,
    add_spectral_norm,
    class_balanced_indices,
    clip_weights,
    drift_penalty,
    gradient_penalty,
    r1_penalty,
    weight_penalty,
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=rng(seed), dtype=dtype)


def mlp(*widths, seed=0):
    with draws_from(rng(seed)):
        layers = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
    return nn.Sequential(*layers)


def test_clipping_really_clips_and_leaves_what_is_inside():
    critic = mlp(50, 20)
    before = [p.detach().clone() for p in critic.parameters()]
    clip_weights(critic, 0.01)

    for old, new in zip(before, critic.parameters(), strict=True):
        assert new.abs().max() <= 0.01
        assert torch.equal(new, old.clamp(-0.01, 0.01))
        assert new.requires_grad
    assert before[0].abs().max() > 0.01


@pytest.mark.parametrize("slope", [0.25, 1.0, 7.5])
def test_gradient_penalty_of_a_linear_critic_is_its_slope_minus_one_squared(slope):
    weight = randn(3 * 4 * 4)
    weight *= slope / weight.norm()
    value = gradient_penalty(lambda x: x.flatten(1) @ weight, randn(6, 3, 4, 4), randn(6, 3, 4, 4, seed=1), rng())

    assert value.item() == pytest.approx((slope - 1) ** 2, abs=1e-12)


def test_gradient_penalty_is_taken_between_real_and_fake_and_trains_the_critic():
    # f(x) = ½ a‖x‖² has gradient a·x; from real 0 to fake e the norm is a·t‖e‖ with t drawn from the generator.
    a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    fake = randn(8, 5).requires_grad_()
    value = gradient_penalty(lambda x: 0.5 * a * x.square().sum(1), torch.zeros_like(fake), fake, rng(3))
    value.backward()
    t = torch.rand(8, 1, generator=rng(3), dtype=torch.float64)
    norms = (t * fake.detach()).norm(dim=1)

    assert value.item() == pytest.approx((2 * norms - 1).square().mean().item(), rel=1e-12)
    assert a.grad.item() == pytest.approx((2 * (2 * norms - 1) * norms).mean().item(), rel=1e-12)
    assert fake.grad is None


def test_gradient_penalty_of_a_flat_critic_is_one_with_a_finite_gradient():
    weight = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    value = gradient_penalty(lambda x: x @ weight, randn(4, 5), randn(4, 5, seed=1), rng())
    value.backward()

    assert value == 1.0
    assert torch.isfinite(weight.grad).all()


def test_r1_of_a_quadratic_is_the_mean_square_distance():
    real = randn(10, 2, 3, 3)
    value = r1_penalty(lambda x: 1.5 * x.square().sum((1, 2, 3)), real)

    assert value.item() == pytest.approx(0.5 * 9 * real.flatten(1).square().sum(1).mean().item(), rel=1e-12)
    assert not real.requires_grad


def test_drift_is_the_mean_square_of_real_scores_and_only_the_critic_feels_it():
    scores = torch.tensor([1.0, -3.0], requires_grad=True)
    drift = drift_penalty(scores)
    drift.backward()

    assert drift == 5.0
    assert scores.grad.tolist() == [1.0, -3.0]


def test_penalties_take_patch_maps():
    weight = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    value = r1_penalty(lambda x: nn.functional.conv2d(x, weight, stride=2), randn(3, 1, 4, 4))

    assert value == 0.5 * 16  # every pixel is in one patch: 16 gradients of 1


def test_weight_penalty_sums_squares_of_weights_alone():
    network = nn.Sequential(mlp(3, 4), nn.BatchNorm1d(4), mlp(4, 2))
    expected = sum(network[i][0].weight.square().sum() for i in (0, 2))
    network_loss = weight_penalty(network)
    network_loss.backward()

    assert network_loss.item() == pytest.approx(expected.item())
    assert torch.allclose(network[0][0].weight.grad, 2 * network[0][0].weight)
    assert network[0][0].bias.grad is None
    with pytest.raises(UsageError, match="ReLU has none"):
        weight_penalty(nn.ReLU())


def test_spectral_norm_brings_the_largest_singular_value_to_one():
    def normed(seed):
        with draws_from(rng(1)):
            layers = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 5))
        return add_spectral_norm(layers, rng(seed))

    network, again, other = normed(2), normed(2), normed(3)
    images = randn(2, 2, 4, 4, dtype=torch.float32)
    assert torch.equal(network(images), again(images))
    assert not torch.equal(network(images), other(images))
    for _ in range(50):
        network(images)
    for layer in (network[0], network[3]):
        assert torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item() == pytest.approx(1.0, abs=0.01)
    names = list(network.state_dict())
    assert list(add_spectral_norm(network, rng()).state_dict()) == names
    assert torch.isfinite(weight_penalty(network))


def test_instance_noise_fades_linearly_to_nothing():
    noise = InstanceNoise(std=0.4, decay_steps=100)
    images = torch.zeros(4, 1, 50, 50)

    assert [noise.std_at(step) for step in (0, 50, 100, 1000)] == pytest.approx([0.4, 0.2, 0.0, 0.0])
    assert noise(images, 50, rng()).std().item() == pytest.approx(0.2, rel=0.03)
    assert torch.equal(noise(images, 50, rng()), noise(images, 50, rng()))
    draws = rng()
    assert noise(images, 100, draws) is images
    assert torch.equal(draws.get_state(), rng().get_state())
    with pytest.raises(UsageError, match="decay_steps must be at least 1; got 0"):
        InstanceNoise(0.1, 0)


def test_the_replay_buffer_fills_then_exchanges_with_its_probability_and_age():
    # A slot is overtaken with chance p/C a step, so a past image's age is geometric: mean C/p = 10, sd sqrt(90).
    capacity, probability, steps = 5, 0.5, 20_000
    buffer, draws = ReplayBuffer(capacity, probability), rng()
    ages = []
    for first in range(0, steps, 100):
        (shown,) = buffer.exchange((torch.arange(first, first + 100.0),), draws)
        ages += (torch.arange(first, first + 100) - shown).tolist()
    past = torch.tensor([age for age in ages if age > 0])

    assert ages[:capacity] == [0] * capacity
    assert len(past) / steps == pytest.approx(probability, abs=4 * math.sqrt(0.25 / steps))
    assert past.mean().item() == pytest.approx(10, abs=4 * math.sqrt(90 / len(past)))
    assert past.std().item() == pytest.approx(math.sqrt(90), rel=0.06)
    assert (past == 1).float().mean().item() == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / len(past)))
    assert len(buffer) == capacity


@pytest.mark.parametrize(("probability", "expected"), [(0.0, [*range(8)]), (1.0, [0, *range(7)])])
def test_the_replay_buffers_extremes_are_pass_through_and_always_past(probability, expected):
    buffer, draws = ReplayBuffer(1, probability), rng()
    shown = [buffer.exchange((torch.full((1, 1), float(i)),), draws)[0].item() for i in range(8)]

    assert shown == expected


def test_the_replay_buffer_keeps_images_with_their_labels_and_no_gradient():
    buffer, draws = ReplayBuffer(8, 0.5), rng()
    for step in range(20):
        labels = torch.arange(4) + 4 * step
        images, shown = buffer.exchange((labels[:, None].float().requires_grad_() * 2, labels), draws)
        assert torch.equal(images[:, 0], 2.0 * shown)
        assert not images.requires_grad
    assert (shown < 76).any()


def test_a_restored_replay_buffer_goes_on_as_if_nothing_had_happened():
    def feed(buffer, draws, start):
        return [buffer.exchange((torch.arange(i, i + 4.0),), draws)[0] for i in range(start, start + 40, 4)]

    buffer, draws = ReplayBuffer(6, 0.5), rng()
    assert buffer.state_dict() == {}
    feed(buffer, draws, 0)
    kept, state = buffer.state_dict(), draws.get_state()
    restored, later = ReplayBuffer(6, 0.5), torch.Generator()
    restored.load_state_dict(kept)
    later.set_state(state)

    for a, b in zip(feed(buffer, draws, 40), feed(restored, later, 40), strict=True):
        assert torch.equal(a, b)
    restored.load_state_dict({})
    assert len(restored) == 0


def test_the_replay_buffer_refuses_what_cannot_be():
    with pytest.raises(UsageError, match="capacity of at least 1; got 0"):
        ReplayBuffer(0, 0.5)
    with pytest.raises(UsageError, match=r"probability must be 0 to 1; got 1\.5"):
        ReplayBuffer(5, 1.5)
    with pytest.raises(DataError, match="has 9 rows; expected one length of at most 5"):
        ReplayBuffer(5, 0.5).load_state_dict({"0": torch.zeros(9, 1)})
    with pytest.raises(DataError, match="has 2 and 3 rows"):
        ReplayBuffer(5, 0.5).load_state_dict({"0": torch.zeros(3, 1), "1": torch.zeros(2)})


def test_ema_has_its_closed_form_after_k_updates():
    network = mlp(3, 2).double()
    ema, decay = EMA(network, 0.9), 0.9
    start = network[0].weight.detach().clone()
    targets = [randn(2, 3, seed=k) for k in range(7)]
    for target in targets:
        network[0].weight.data.copy_(target)
        ema.update(network)
    expected = decay**7 * start + sum((1 - decay) * decay ** (6 - k) * t for k, t in enumerate(targets))

    assert torch.allclose(ema.average[0].weight, expected, atol=1e-14)
    assert not ema.average[0].weight.requires_grad
    assert torch.equal(network[0].weight, targets[-1])


def test_ema_copies_batchnorm_statistics_and_can_be_resumed():
    network = nn.Sequential(mlp(3, 2), nn.BatchNorm1d(2))
    ema = EMA(network, 0.5)
    network(randn(8, 3, dtype=torch.float32))
    ema.update(network)
    kept = ema.state_dict()
    resumed = EMA(nn.Sequential(mlp(3, 2, seed=1), nn.BatchNorm1d(2)), 0.5)
    resumed.load_state_dict(kept)
    network[0][0].weight.data.zero_()
    ema.update(network), resumed.update(network)

    assert torch.equal(kept["1.running_mean"], network[1].running_mean)
    assert not ema.average.training
    assert network.training
    for name, tensor in ema.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])
    assert not torch.equal(kept["0.0.weight"], ema.state_dict()["0.0.weight"])
    with pytest.raises(UsageError, match=r"below 1; got 1\.0"):
        EMA(network, 1.0)


def test_balanced_sampling_gives_every_class_its_count_in_every_round():
    labels = torch.tensor([7] * 50 + [3] * 4 + [9] * 13)[torch.randperm(67, generator=rng(5))]
    indices = class_balanced_indices(labels, 26, rng())
    drawn = labels[indices].reshape(26, 3)

    assert torch.equal(drawn.sort(dim=1).values, torch.tensor([3, 7, 9]).expand(26, 3))
    assert len(drawn.unique(dim=0)) == 6  # the order within a round is free
    counts = torch.bincount(indices, minlength=67)
    assert sorted(counts[labels == 3].tolist()) == [6, 6, 7, 7]
    assert counts[labels == 9].tolist() == [2] * 13
    assert sorted(counts[labels == 7].tolist()) == [0] * 24 + [1] * 26
    assert torch.equal(indices, class_balanced_indices(labels, 26, rng()))
    assert not torch.equal(indices, class_balanced_indices(labels, 26, rng(1)))
    with pytest.raises(DataError, match="got none"):
        class_balanced_indices(torch.empty(0, dtype=torch.int64), 4, rng())


def test_fade_in_visits_every_level_from_zero_to_one():
    plan = FadeIn(levels=3, fade_steps=4, stable_steps=2)
    seen = [tuple(plan.at(step)) for step in range(16)]
    faded = [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]

    assert seen == [(0, 1.0)] * 2 + [(1, a) for a in faded] + [(2, a) for a in faded] + [(2, 1.0)] * 2
    assert plan.growing_steps == 12
    assert plan.at(plan.growing_steps) == (2, 1.0)
    assert plan.at(plan.growing_steps - 1).alpha < 1.0
    assert plan.at(10**9) == (2, 1.0)
    with pytest.raises(UsageError, match="fade_steps must be at least 1; got 0"):
        FadeIn(3, 0, 5)


def test_diffaugment_at_zero_strength_is_the_identity_and_draws_nothing():
    images, draws = randn(2, 3, 8, 8), rng()

    assert torch.equal(DiffAugment(0.0, 0.0, 0.0)(images, draws), images)
    assert torch.equal(draws.get_state(), rng().get_state())


@pytest.mark.parametrize("strengths", [(1.0, 0.0, 0.0), (0.0, 0.25, 0.0), (0.0, 0.0, 0.5), (1.0, 0.125, 0.5)])
def test_diffaugment_is_differentiable_and_repeats(strengths):
    augment = DiffAugment(*strengths)
    images = randn(2, 3, 4, 4).requires_grad_()

    assert torch.autograd.gradcheck(lambda x: augment(x, rng(4)), (images,))
    assert torch.equal(augment(images, rng(4)), augment(images, rng(4)))
    assert not torch.equal(augment(images, rng(4)), augment(images, rng(5)))


def test_translation_shifts_each_image_by_its_own_offset_and_fills_with_zeros():
    images = randn(40, 2, 8, 6) + 10  # no zeros inside
    moved = DiffAugment(0.0, 0.25, 0.0)(images, rng())
    padded = nn.functional.pad(images, (2, 2, 2, 2))  # reach: 8 · .25 = 2, 6 · .25 rounded = 2
    found = set()
    for image, window in zip(moved, padded, strict=True):
        offsets = [(r, c) for r in range(5) for c in range(5) if torch.equal(window[:, r : r + 8, c : c + 6], image)]
        assert len(offsets) == 1
        found.update(offsets)
    assert {r for r, _ in found} == {c for _, c in found} == set(range(5))


def test_cutout_zeroes_one_square_per_image():
    images = torch.ones(200, 1, 8, 8)
    cut = DiffAugment(0.0, 0.0, 0.5)(images, rng())
    holes = 1 - cut[:, 0]
    heights, widths = holes.amax(2).sum(1), holes.amax(1).sum(1)

    assert torch.equal(holes.sum((1, 2)), heights * widths)  # a full rectangle
    assert heights.max() == widths.max() == 4
    assert heights.min() == 2  # centred on the rim, half of it lies outside
    assert (holes.amax(0) == 1).all()


def test_colour_is_an_affine_map_of_grey_images_within_its_bounds():
    image = randn(1, 1, 6, 6).expand(300, 3, 6, 6)
    recoloured = DiffAugment(1.0, 0.0, 0.0)(image, rng())
    contrast = recoloured.std((1, 2, 3)) / image.std((1, 2, 3))
    brightness = (recoloured - image).mean((1, 2, 3))

    assert 0.5 <= contrast.min() < 0.55
    assert 1.45 < contrast.max() <= 1.5
    assert -0.5 <= brightness.min() < -0.45
    assert 0.45 < brightness.max() <= 0.5
    assert torch.allclose(recoloured[:, 0], recoloured[:, 2], atol=1e-12)  # grey stays grey


def test_colour_saturation_scales_the_distance_from_grey():
    image = torch.zeros(300, 3, 2, 2, dtype=torch.float64)
    image[:, 0] = 3.0
    recoloured = DiffAugment(1.0, 0.0, 0.0)(image, rng())
    spread = recoloured[:, 0] - recoloured[:, 1]  # 3 · saturation (0..2) · contrast (.5..1.5)

    assert 0.0 <= spread.min() < 0.2
    assert 7.0 < spread.max() <= 9.0


def test_diffaugment_refuses_strengths_outside_zero_to_one():
    with pytest.raises(UsageError, match=r"cutout must be 0 to 1; got 1\.5"):
        DiffAugment(0.0, 0.0, 1.5)
