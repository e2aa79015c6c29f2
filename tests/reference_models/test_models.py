"""The reference models: sizes, shapes, gradients, settings, and that labels and conditions are really seen."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ganeval.errors import DataError, UsageError
from reference_models.data.transforms import bicubic_enlargement
from reference_models.models import MODELS
from reference_models.models.build import build_discriminator, build_generator, parameter_count
from reference_models.models.config import to_json
from reference_models.models.layers import (
    EqualisedConv2d,
    EqualisedLinear,
    PixelNorm,
    Projection,
    draws_from,
    initialise,
    with_minibatch_stddev,
    with_one_hot,
)
from reference_models.recipes import RECIPES
from reference_models.training.losses import LOSSES

# Trainable parameters at the default settings: generator, discriminator.
PARAMETERS = {
    "gan-1d": (34_689, 33_537),
    "gan-mlp": (1_486_352, 533_505),
    "gan-mlp-small": (114_064, 100_609),
    "gan-fcn-cnn": (579_728, 80_769),
    "gan-bn": (1_489_936, 1_329_153),
    "gan-fashion": (1_489_936, 533_505),
    "wgan": (559_632, 533_505),
    "wgan-gp": (559_632, 533_505),
    "lsgan": (1_486_352, 533_505),
    "hinge-gan": (1_486_352, 533_505),
    "dcgan": (3_576_704, 2_765_568),
    "cgan-conv": (1_483_625, 89_185),
    "cgan-dense": (115_600, 101_889),
    "cgan-mnist": (72_385, 208_801),
    "progan": (20_727_308, 20_726_785),
    "pix2pix": (54_413_955, 2_768_705),
    "srresnet": (1_547_350, None),
    "srgan": (1_547_350, 23_563_649),
    "cyclegan": (11_378_179, 2_764_737),
}
# Settings that make a step cheap; a model that is not here is small enough as it is.
SMALL = {
    "dcgan": {"image_size": 32, "width": 8},
    "progan": {"image_size": 16, "latent_dim": 16, "fmap_base": 64, "fmap_max": 16},
    "pix2pix": {"image_size": 32, "width": 8},
    "srresnet": {"image_size": 32, "n_blocks": 2, "width": 8},
    "srgan": {"image_size": 32, "n_blocks": 2, "width": 8, "head": 16},
    "cyclegan": {"image_size": 32, "width": 8, "n_blocks": 2},
}
LINEAR_OUTPUT = {"progan", "srresnet", "srgan"}
CONDITIONAL = [name for name in PARAMETERS if MODELS.get(name).kind.labels]
B = 4


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def networks(name, device="cpu", **settings):
    config = {**SMALL.get(name, {}), **settings}
    draws = rng()
    generator = build_generator(name, config, draws).to(device)
    discriminator = build_discriminator(name, config, draws)
    return MODELS.get(name).configure(config), generator, discriminator and discriminator.to(device)


def inputs(name, config, device="cpu"):
    """What the generator takes besides its settings, drawn from seed 1."""
    kind, draws = MODELS.get(name).kind_name, rng(1)
    if kind == "super-resolution":
        side = config.image_size // config.scale
        return (torch.rand(B, config.channels, side, side, generator=draws).to(device),)
    if kind in ("paired", "unpaired"):
        channels = config.condition_channels if kind == "paired" else config.channels
        shape = (B, channels, config.image_size, config.image_size)
        return ((2 * torch.rand(shape, generator=draws) - 1).to(device),)
    latents = torch.randn(B, config.latent_dim, generator=draws).to(device)
    return (latents, torch.arange(B, device=device) % config.classes) if kind == "conditional" else (latents,)


def judge(name, discriminator, given, images):
    if MODELS.get(name).kind.labels:
        return discriminator(images, given[1])
    return discriminator(given[0], images) if MODELS.get(name).kind_name == "paired" else discriminator(images)


def image_shape(name, config):
    return (B, 1) if name == "gan-1d" else (B, config.channels, config.image_size, config.image_size)


def test_every_model_of_the_table_is_pinned_here():
    assert list(PARAMETERS) == MODELS.names()


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_default_sizes_are_pinned_and_stated_in_the_docs(name):
    spec = MODELS.get(name)
    with torch.device("meta"):
        found = [parameter_count(spec.build_generator(spec.config))]
        found.append(spec.build_discriminator and parameter_count(spec.build_discriminator(spec.config)))

    assert tuple(found) == PARAMETERS[name]
    module = "reference_models.models.wgan" if name.startswith("wgan") else spec.build_generator.__module__
    for count in found:
        assert count is None or f"{count:,}" in sys.modules[module].__doc__


def test_progan_at_1024_pixels_has_the_papers_23_million_parameters():
    spec = MODELS.get("progan")
    config = spec.configure({"image_size": 1024})
    with torch.device("meta"):
        sizes = [parameter_count(build(config)) for build in (spec.build_generator, spec.build_discriminator)]

    assert [round(size / 1e6, 1) for size in sizes] == [23.1, 23.1]


def test_sizes_agree_with_the_published_code():
    # PyTorch's DCGAN example prints 3,576,704 and 2,765,568; pytorch-CycleGAN-and-pix2pix prints millions.
    assert PARAMETERS["dcgan"] == (3_576_704, 2_765_568)
    assert [round(n / 1e6, 3) for n in PARAMETERS["pix2pix"]] == [54.414, 2.769]
    assert [round(n / 1e6, 3) for n in PARAMETERS["cyclegan"]] == [11.378, 2.765]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_spec_says_what_a_reader_needs(name):
    spec = MODELS.get(name)

    assert spec.name == name
    assert spec.summary.endswith(".")
    assert "\n" not in spec.summary
    assert "arXiv:" in spec.paper
    assert (spec.build_discriminator is None) == (name == "srresnet")


@pytest.mark.parametrize("name", PARAMETERS)
def test_outputs_have_the_stated_shape_and_range(name):
    config, generator, discriminator = networks(name)
    given = inputs(name, config)
    with draws_from(rng()):  # dropout
        images = generator(*given)
        scores = None if discriminator is None else judge(name, discriminator, given, images)
    low, high = MODELS.get(name).output_range

    assert images.shape == image_shape(name, config)
    assert generator.output_range == (low, high)
    assert name in LINEAR_OUTPUT or (low <= images.min() and images.max() <= high)
    assert images.std() > 1e-3
    if discriminator is not None:
        side = {"pix2pix": 32 // 8 - 2, "cyclegan": 32 // 16}.get(name)
        assert scores.shape == ((B,) if side is None else (B, 1, side, side))


def scores_and_fakes(name, config, generator, discriminator, given, real):
    """Pairs of (scores of real, scores of fake), and the highest level's fakes."""
    if name == "progan":  # every level once, half faded in: each layer has its turn
        levels = range(config.levels)
        fakes = [generator(*given, level, 0.5) for level in levels]
        reals = [nn.functional.adaptive_avg_pool2d(real, 4 * 2**level) for level in levels]
        judged = [[discriminator(images[level], level, 0.5) for level in levels] for images in (reals, fakes)]
        return list(zip(*judged, strict=True)), fakes[-1]
    fake = generator(*given)
    if discriminator is None:
        return [], fake
    return [(judge(name, discriminator, given, real), judge(name, discriminator, given, fake))], fake


def train_two_steps(name, device):
    """Two steps of plain SGD on both networks; checks every parameter's gradient on the way."""
    config, generator, discriminator = networks(name, device)
    given = inputs(name, config, device)
    loss = LOSSES["non-saturating"]
    real = torch.rand(image_shape(name, config), generator=rng(2)).to(device)
    for _ in range(2):
        with draws_from(torch.Generator(device).manual_seed(3)):  # dropout
            pairs, fake = scores_and_fakes(name, config, generator, discriminator, given, real)
        objectives = [(generator, sum((loss.generator(f) for _, f in pairs), (fake - real).abs().mean()))]
        if discriminator is not None:
            objectives.append((discriminator, sum(loss.discriminator(r, f, 0.9) for r, f in pairs)))
        updates = []
        for network, objective in objectives:
            parameters = dict(network.named_parameters())
            gradients = torch.autograd.grad(objective, parameters.values(), retain_graph=True, allow_unused=True)
            for key, gradient in zip(parameters, gradients, strict=True):
                assert gradient is not None, f"{name}: {key} has no gradient"
                assert torch.isfinite(gradient).all(), f"{name}: {key}"
            assert sum(g.abs().sum() for g in gradients) > 0
            updates += zip(parameters.values(), gradients, strict=True)
        with torch.no_grad():
            for parameter, gradient in updates:
                parameter.sub_(0.01 * gradient)


@pytest.mark.parametrize("name", PARAMETERS)
def test_two_steps_give_every_parameter_a_finite_gradient(name):
    train_two_steps(name, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("name", PARAMETERS)
def test_two_steps_run_on_cuda(name):
    train_two_steps(name, "cuda")


@pytest.mark.gpu
def test_a_cuda_generator_can_be_lent_too():
    lent, before = torch.Generator("cuda").manual_seed(5), torch.cuda.get_rng_state()
    with draws_from(lent):
        first = torch.rand(4, device="cuda")

    assert torch.equal(before, torch.cuda.get_rng_state())
    assert torch.equal(first, torch.rand(4, device="cuda", generator=torch.Generator("cuda").manual_seed(5)))
    assert not torch.equal(first, torch.rand(4, device="cuda", generator=lent))


@pytest.mark.parametrize("name", ["dcgan", "progan", "cgan-conv", "pix2pix"])
@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_weights_come_from_the_generator_and_the_global_rng_stays(name, build):
    before = torch.get_rng_state()
    first, again, other = (build(name, SMALL.get(name, {}), rng(seed)).state_dict() for seed in (3, 3, 4))
    unseeded = [build(name, SMALL.get(name, {})).state_dict() for _ in range(2)]

    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
    assert all(torch.equal(unseeded[0][key], unseeded[1][key]) for key in first)


def test_two_networks_from_one_generator_differ():
    draws = rng()
    first, second = (build_generator("gan-1d", {}, draws) for _ in range(2))

    assert not torch.equal(first.layers[0].weight, second.layers[0].weight)


def test_lent_draws_are_the_generators_own_and_dropout_repeats():
    before = torch.get_rng_state()
    lent = rng(7)
    with draws_from(lent):
        first = torch.rand(5)
    second = torch.rand(5, generator=lent)
    whole = torch.rand(10, generator=rng(7))
    dropped = []
    for _ in range(2):
        with draws_from(rng(8)):
            dropped.append(nn.functional.dropout(torch.ones(100), 0.5))

    assert torch.equal(torch.cat([first, second]), whole)
    assert torch.equal(*dropped)
    assert torch.equal(before, torch.get_rng_state())


def test_the_global_rng_comes_back_when_the_borrower_fails():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="size"), draws_from(rng()):
        torch.rand(3) + torch.rand(2)

    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", PARAMETERS)
def test_settings_survive_json_and_rebuild_the_same_network(name):
    spec = MODELS.get(name)
    settings = {**SMALL.get(name, {}), "widths": [8, 16]} if name == "gan-1d" else SMALL.get(name, {})
    config = spec.configure(settings)
    carried = json.loads(json.dumps(to_json(config)))

    assert spec.configure(carried) == config
    rebuilt = build_generator(name, carried)
    rebuilt.load_state_dict(build_generator(name, settings, rng(9)).state_dict(), strict=True)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("dcgan", {"image_sise": 32}, r"setting of model 'dcgan'.* 'image_sise'. Did you mean 'image_size'"),
        ("dcgan", {"image_size": "32"}, r"model 'dcgan': image_size must be an integer; got '32' \(str\)"),
        ("dcgan", {"image_size": True}, r"image_size must be an integer; got True \(bool\)"),
        ("dcgan", {"spectral_norm": 1}, "spectral_norm must be true or false; got 1"),
        ("dcgan", {"image_size": 44}, "4, 5, 6 or 7 times a power of two .* got 44"),
        ("dcgan", {"image_size": 7}, "got 7"),
        ("dcgan", {"channels": 0}, "channels must be at least 1; got 0"),
        ("gan-mlp", {"generator_widths": [256, "512"]}, "generator_widths must be a list of integers"),
        ("gan-mlp", {"generator_widths": [256, 0]}, "generator_widths must be at least 1; got 0"),
        ("gan-mlp", {"generator_block": "selu"}, "must be one of 'relu', 'batchnorm-relu', 'leaky-batchnorm'"),
        ("gan-1d", {"widths": []}, "widths must name at least one hidden layer; got none"),
        ("gan-bn", {"dropout": 1}, "dropout must be at least 0 and below 1; got 1.0"),
        ("gan-bn", {"dropout": math.nan}, "dropout must be a finite number"),
        ("cgan-conv", {"image_size": 30}, "a multiple of 4 and at least 16; got 30"),
        ("cgan-mnist", {"width": 7}, "width must be even; got 7"),
        ("progan", {"image_size": 48}, "power of two, 8 to 1024; got 48"),
        ("progan", {"fmap_base": 8}, "fmap_base must be at least 16"),
        ("pix2pix", {"image_size": 40}, "a multiple of 16 and at least 32; got 40"),
        ("cyclegan", {"image_size": 16}, "at least 32; got 16"),
        ("srgan", {"scale": 3}, "scale must be a power of two .* got 3"),
        ("srgan", {"image_size": 90}, "multiple of the scale 4"),
        ("dgcan", {}, "Unknown model 'dgcan'. Did you mean 'dcgan'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name, settings, message):
    with pytest.raises(UsageError, match=message):
        build_generator(name, settings)


def test_an_integer_is_taken_for_a_float():
    assert MODELS.get("gan-bn").configure({"dropout": 0}).dropout == 0.0


@pytest.mark.parametrize("size", [8, 16, 20, 28, 32, 48, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_takes_every_side_it_promises(size, channels):
    config, generator, discriminator = networks("dcgan", image_size=size, channels=channels, width=4)
    images = generator(*inputs("dcgan", config))

    assert images.shape == (B, channels, size, size)
    assert discriminator(images).shape == (B,)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gan-mlp", {"image_size": 9, "channels": 3}),
        ("gan-fcn-cnn", {"image_size": 13, "channels": 2}),
        ("cgan-conv", {"image_size": 32, "channels": 3, "classes": 4, "width": 16}),
        ("cgan-dense", {"image_size": 11, "channels": 3, "classes": 4}),
        ("cgan-mnist", {"image_size": 16, "channels": 3, "classes": 4}),
        ("cgan-mnist", {"image_size": 32, "classes": 6}),
        ("pix2pix", {"image_size": 48, "channels": 1, "condition_channels": 2, "width": 4}),
        ("srgan", {"image_size": 48, "scale": 2, "channels": 1}),
        ("cyclegan", {"image_size": 48, "channels": 1}),
        ("progan", {"image_size": 8, "channels": 1}),
    ],
)
def test_other_sizes_channels_and_classes_work(name, settings):
    config, generator, discriminator = networks(name, **settings)
    given = inputs(name, config)
    with draws_from(rng()):  # dropout
        images = generator(*given)
        scores = judge(name, discriminator, given, images)

    assert images.shape == image_shape(name, config)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", CONDITIONAL)
def test_both_conditional_networks_see_the_label(name):
    config, generator, discriminator = networks(name)
    generator.eval(), discriminator.eval()
    latents = torch.randn(1, config.latent_dim, generator=rng()).expand(config.classes, -1)
    labels = torch.arange(config.classes)
    images = generator(latents, labels)
    scores = discriminator(images[:1].expand(config.classes, -1, -1, -1), labels)

    assert torch.pdist(images.flatten(1)).min() > 1e-3
    assert len(scores.unique()) == config.classes


@pytest.mark.parametrize(("statistics", "normalised"), [("batch", True), ("running", False)])
def test_pix2pix_normalises_by_the_test_image_where_the_paper_does(statistics, normalised):
    settings = {"image_size": 32, "width": 4, "test_statistics": statistics}
    network = build_generator("pix2pix", settings, rng(1)).eval()
    maps = []
    layer = next(layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    layer.register_forward_hook(lambda layer, given, made: maps.append(made.detach()))
    with torch.no_grad():
        first, again = (network(torch.randn(1, 3, 32, 32, generator=rng(2))) for _ in range(2))
    deviations = maps[0].std(dim=(0, 2, 3), unbiased=False)

    assert torch.equal(first, again)
    assert torch.allclose(deviations, torch.ones_like(deviations), atol=1e-2) == normalised
    assert RECIPES.get("pix2pix.facades").settings["test_statistics"] == "batch"


def test_pix2pix_judges_the_pair_and_is_deterministic_in_eval():
    config, generator, discriminator = networks("pix2pix")
    (condition,) = inputs("pix2pix", config)
    with draws_from(rng()):
        assert not torch.equal(generator(condition), generator(condition))
    generator.eval(), discriminator.eval()
    images = generator(condition)

    assert torch.equal(images, generator(condition))
    assert not torch.allclose(discriminator(condition, images), discriminator(condition.flip(0), images))


@pytest.mark.parametrize(("scale", "side"), [(2, 11), (4, 7), (8, 3)])
def test_srresnet_enlarges_any_size_by_its_scale(scale, side):
    config, generator, _ = networks("srresnet", scale=scale)

    assert generator(torch.rand(2, config.channels, side, 9, generator=rng())).shape == (2, 3, scale * side, scale * 9)


def test_a_generator_on_top_of_bicubic_begins_there_and_learns_at_once():
    images = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    _, generator, _ = networks("srgan", bicubic_skip=True)

    assert torch.equal(generator(images), bicubic_enlargement(images, 4))
    generator(images).square().sum().backward()
    assert generator.enlarge[-1].weight.grad.abs().max() > 0


def test_srgans_discriminator_has_the_papers_plan_and_takes_any_crop():
    spec = MODELS.get("srgan")
    with torch.device("meta"):
        discriminator = spec.build_discriminator(spec.config)
    plan = [(m.out_channels, m.stride[0]) for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    head = [(m.in_features, m.out_features) for m in discriminator.modules() if isinstance(m, nn.Linear)]

    assert plan == [(64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)]
    assert head == [(512 * 6 * 6, 1024), (1024, 1)]
    _, _, small = networks("srgan")
    for side in (24, 96, 100):
        assert small(torch.rand(2, 3, side, side, generator=rng())).shape == (2,)


def receptive_field(discriminator, images):
    """Rows of the input that the middle value of the map depends on, with the normalisations taken out."""
    for parent in list(discriminator.modules()):
        for key, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d | nn.InstanceNorm2d):
                setattr(parent, key, nn.Identity())
    images.requires_grad_(True)
    both = (images, images.detach()) if type(discriminator).__name__ == "PairPatchGAN" else (images,)
    scores = discriminator(*both)
    middle = scores.shape[-1] // 2
    (gradient,) = torch.autograd.grad(scores[0, 0, middle, middle], images)
    return int((gradient.abs().sum(dim=(0, 1, 3)) > 0).sum())


@pytest.mark.parametrize(("name", "map_side", "field"), [("pix2pix", 256 // 8 - 2, 70), ("cyclegan", 256 // 16, 94)])
def test_patchgans_have_the_stated_map_and_receptive_field(name, map_side, field):
    discriminator = build_discriminator(name, {"width": 2}, rng())
    images = torch.rand(1, 3, 256, 256, generator=rng())
    both = (images, images) if name == "pix2pix" else (images,)

    assert discriminator(*both).shape == (1, 1, map_side, map_side)
    assert receptive_field(discriminator, images) == field


def test_cyclegan_pads_zeros_at_top_and_left_alone():
    discriminator = build_discriminator("cyclegan", {"width": 2}, rng())
    (pad,) = [m for m in discriminator.modules() if isinstance(m, nn.ZeroPad2d)]

    expected = torch.zeros(1, 1, 3, 3)
    expected[0, 0, 1:, 1:] = 1
    assert torch.equal(pad(torch.ones(1, 1, 2, 2)), expected)


@pytest.mark.parametrize(("name", "factor"), [("cyclegan", 4), ("pix2pix", 32)])
def test_sides_that_would_not_come_back_are_refused(name, factor):
    _, generator, _ = networks(name)
    generator.eval()

    assert generator(torch.zeros(1, 3, 2 * factor, factor + 32)).shape == (1, 3, 2 * factor, factor + 32)
    with pytest.raises(DataError, match=f"multiples of {factor}; got {factor + 2}x64"):
        generator(torch.zeros(1, 3, factor + 2, 64))


@pytest.mark.parametrize("level", [1, 2])
def test_progans_fade_in_starts_at_the_level_below_and_ends_without_it(level):
    config, generator, discriminator = networks("progan")
    latents = torch.randn(B, config.latent_dim, generator=rng())
    below, above = generator(latents, level - 1), generator(latents, level)
    doubled = below.repeat_interleave(2, 2).repeat_interleave(2, 3)

    assert above.shape[-1] == 4 * 2**level
    assert torch.equal(generator(latents, level, 0.0), doubled)
    assert torch.allclose(generator(latents, level, 0.25), 0.75 * doubled + 0.25 * above, atol=1e-6)
    halved = nn.functional.avg_pool2d(above, 2)
    assert torch.allclose(discriminator(above, level, 0.0), discriminator(halved, level - 1), atol=1e-6)
    assert not torch.allclose(discriminator(above, level), discriminator(halved, level - 1))


def test_progan_refuses_another_level_or_size():
    config, generator, discriminator = networks("progan")
    with pytest.raises(ValueError, match="level must be 0 to 2; got 3"):
        generator(torch.zeros(1, config.latent_dim), 3)
    with pytest.raises(ValueError, match="level 1 takes images of 8 pixels; got 16"):
        discriminator(torch.zeros(2, 3, 16, 16), 1)


def test_dcgans_spectral_norm_replaces_batchnorm_and_brings_singular_values_to_one():
    _, _, discriminator = networks("dcgan", spectral_norm=True)
    for _ in range(50):
        discriminator(torch.zeros(2, 3, 32, 32))
    layers = [m for m in discriminator.modules() if parametrize.is_parametrized(m, "weight")]

    assert not any(isinstance(m, nn.BatchNorm2d) for m in discriminator.modules())
    assert len(layers) == 4
    for layer in layers:
        assert torch.linalg.svdvals(layer.weight.detach().flatten(1))[0] == pytest.approx(1.0, abs=0.02)


def test_gan_fashions_batchnorm_follows_the_activation_with_keras_constants():
    layers = build_generator("gan-fashion", {}).layers

    assert [type(m).__name__ for m in layers[:3]] == ["Linear", "LeakyReLU", "BatchNorm1d"]
    assert {(m.momentum, m.eps) for m in layers if isinstance(m, nn.BatchNorm1d)} == {(0.2, 1e-3)}


@pytest.mark.parametrize(
    ("init", "std"), [("xavier", math.sqrt(2 / (100 + 256))), ("he", math.sqrt(2 / 100)), ("normal", 0.02)]
)
def test_initialisations_have_their_papers_spread(init, std):
    before = torch.get_rng_state()
    network = build_generator("gan-bn", {}, rng(), init)
    first, again = network.layers[0], build_generator("gan-bn", {}, rng(), init).layers[0]
    gains = network.layers[1].weight.detach()

    assert first.weight.std().item() == pytest.approx(std, rel=0.02)
    assert abs(first.weight.mean().item()) < 4 * std / math.sqrt(first.weight.numel())
    assert torch.equal(first.weight, again.weight)
    assert torch.count_nonzero(first.bias) == 0
    assert gains.std().item() == pytest.approx(0.02 if init == "normal" else 0.0, rel=0.2)
    assert gains.mean().item() == pytest.approx(1.0, abs=0.01)
    assert torch.equal(before, torch.get_rng_state())


def test_initialisation_reaches_the_weight_behind_spectral_norm():
    discriminator = build_discriminator("dcgan", {"spectral_norm": True}, rng(), "normal")

    weight = discriminator.layers[2].parametrizations["weight"].original
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)


def test_initialisation_refuses_what_it_would_break_or_does_not_know():
    with pytest.raises(UsageError, match="equalised learning rate"):
        build_generator("progan", SMALL["progan"], rng(), "he")
    with pytest.raises(UsageError, match=r"Unknown initialisation 'lecun'\. Available: default, xavier, he, normal"):
        initialise(nn.ReLU(), "lecun", rng())


@pytest.mark.parametrize(("layer", "shape"), [(EqualisedLinear, (64,)), (EqualisedConv2d, (8, 8, 8))])
def test_equalised_layers_keep_n01_weights_and_unit_gain(layer, shape):
    with draws_from(rng()):
        made = layer(64, 512, gain=1.0) if layer is EqualisedLinear else layer(8, 512, 3, gain=1.0)
    response = made(torch.randn(16, *shape, generator=rng(1)))
    inside = response if layer is EqualisedLinear else response[:, :, 1:-1, 1:-1]  # the rim sees padding

    assert made.weight.std().item() == pytest.approx(1.0, rel=0.02)
    assert inside.std().item() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_projection_is_the_transposed_convolution_of_its_weights(layout):
    with draws_from(rng()):
        layer = Projection(5, 6, 4).double().to(memory_format=layout)
    pixels = torch.randn(3, 5, 1, 1, generator=rng(1), dtype=torch.float64, requires_grad=True)
    maps = layer(pixels)
    wanted = nn.functional.conv_transpose2d(pixels, layer.weight)
    slopes = [torch.autograd.grad(found.square().sum(), (pixels, layer.weight)) for found in (maps, wanted)]

    assert maps.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(maps, wanted, rtol=1e-13)
    for found, expected in zip(*slopes, strict=True):
        assert torch.allclose(found, expected, rtol=1e-12)


def test_pixel_norm_gives_unit_mean_square():
    normed = PixelNorm()(7 * torch.randn(2, 5, 3, 3, generator=rng()))

    assert torch.allclose(normed.square().mean(dim=1), torch.ones(2, 3, 3), atol=1e-5)


def test_minibatch_stddev_is_one_plane_of_the_mean_deviation():
    # Per pixel the batch is {0, 2} in channel 0 (sd 1) and {0, 6} in channel 1 (sd 3): the mean is 2.
    maps = torch.zeros(2, 2, 3, 3)
    maps[1, 0], maps[1, 1] = 2.0, 6.0
    equal = torch.ones(2, 1, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(with_minibatch_stddev(equal).sum(), equal)

    assert torch.allclose(with_minibatch_stddev(maps)[:, 2], torch.full((2, 3, 3), 2.0))
    assert torch.equal(with_minibatch_stddev(maps)[:, :2], maps)
    assert torch.isfinite(gradient).all()


def test_one_hot_is_appended_in_the_features_type():
    joined = with_one_hot(torch.zeros(2, 1, dtype=torch.float64), torch.tensor([2, 0]), 3)

    assert torch.equal(joined, torch.tensor([[0, 0, 0, 1], [0, 1, 0, 0]], dtype=torch.float64))


def test_a_generator_built_on_the_meta_device_takes_a_checkpoints_tensors():
    made = build_generator("dcgan", SMALL["dcgan"], rng(2)).eval()
    with torch.device("meta"):
        empty = build_generator("dcgan", SMALL["dcgan"])
    empty.load_state_dict(made.state_dict(), assign=True)
    latents = torch.randn(2, 100, generator=rng())

    assert torch.equal(empty.eval()(latents), made(latents))


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MODELS.get("dcgan").config.width = 3


def test_listing_the_models_loads_no_torch():
    code = "import sys, reference_models.models as m; assert len(m.MODELS) == 19; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
