from functools import partial

import numpy as np
import pytest
import skimage.data
import timm
import torch
from PIL import Image
from timm.models.vision_transformer import VisionTransformer as TimmTransformer
from timm.models.vision_transformer import _convert_openai_clip as timm_from_openai
from torch_fidelity.feature_extractor_clip import build_model

from ganeval.backbones import clip, dinov2
from ganeval.backbones.networks.dinov2 import VisionTransformer, resample_positions
from ganeval.backbones.weights import LoadedWeights
from ganeval.errors import WeightsError

CPU = torch.device("cpu")
TINY = clip.Tower(side=64, patch=16, width=128, depth=2, dim=32)


def on_meta(build):
    """Builds a network with shapes and no numbers."""
    with torch.device("meta"):
        return build()


def shapes(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def random_state(network, seed):
    """Numbers of a size that lets every tensor matter: weights ~ 1 / sqrt(inputs), gains around 1, the rest ~ .3."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "gamma")) or "ln_" in name:
            state[name] = 1 + 0.3 * noise
        elif tensor.dim() >= 2 and "embed" not in name.split(".")[0].removeprefix("patch_"):
            state[name] = noise / tensor[0].numel() ** 0.5
        else:
            state[name] = 0.3 * noise
    return state


def loaded(state):
    return LoadedWeights(state, "0" * 64, False)


def photo(height, width):
    return np.array(skimage.data.coffee()[:height, :width])


def to_tensor(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def transformer(name):
    size = dinov2.SIZES[name]
    return VisionTransformer(size.width, size.depth, size.heads)


@pytest.fixture(scope="module")
def vits14_state():
    return random_state(on_meta(lambda: transformer("dinov2-vits14")), seed=0)


@pytest.fixture(scope="module")
def vits14(vits14_state):
    return dinov2.DinoV2(dinov2.VITS14, loaded(vits14_state), CPU)


@pytest.mark.parametrize(
    ("info", "timm_name"),
    [
        (dinov2.VITS14, "vit_small_patch14_dinov2"),
        (dinov2.VITB14, "vit_base_patch14_dinov2"),
        (dinov2.VITL14, "vit_large_patch14_dinov2"),
    ],
)
def test_dinov2_has_the_tensors_of_the_published_files(info, timm_name):
    ours = shapes(on_meta(lambda: transformer(info.name)).state_dict())
    theirs = shapes(on_meta(lambda: timm.create_model(timm_name, pretrained=False)).state_dict())

    assert ours == theirs | {"mask_token": (1, info.dim)}  # which timm drops on conversion


def timm_vits14(state, side):
    with torch.random.fork_rng(devices=[]):
        network = timm.create_model("vit_small_patch14_dinov2", pretrained=False, img_size=side).eval()
    network.load_state_dict({name: tensor for name, tensor in state.items() if name != "mask_token"})
    return network


def test_dinov2_is_timms_at_518_px_given_the_same_weights(vits14, vits14_state):
    prepared = torch.randn(1, 3, 518, 518, generator=torch.Generator().manual_seed(1))

    with torch.no_grad():
        expected = timm_vits14(vits14_state, 518)(prepared)

    torch.testing.assert_close(vits14.forward(prepared).features, expected, rtol=0, atol=2e-5)


def keys_weights(distance, a=-0.75):
    """Keys' cubic kernel, Keys 1981 equation (4) for general a."""
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def hub_matrix(patches):
    """(patches, 37): one axis of the hub's resampling, sample j at (j + 1/2) 37 / (patches + 0.1) - 1/2."""
    matrix = np.zeros((patches, 37))
    for j in range(patches):
        centre = (j + 0.5) * 37 / (patches + 0.1) - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            matrix[j, min(max(tap, 0), 36)] += keys_weights(centre - tap)
    return matrix


def test_positions_are_resampled_as_the_hub_does():
    table = torch.randn(1, 1 + 37 * 37, 6, generator=torch.Generator().manual_seed(2))
    grid = table[0, 1:].double().numpy().reshape(37, 37, 6)

    resampled = resample_positions(table, 16, 20)

    expected = np.einsum("ri,sj,ijd->rsd", hub_matrix(16), hub_matrix(20), grid).reshape(320, 6)
    assert torch.equal(resampled[:, 0], table[:, 0])
    np.testing.assert_allclose(resampled[0, 1:].numpy(), expected, atol=2e-5)
    plain = torch.nn.functional.interpolate(torch.from_numpy(grid).permute(2, 0, 1)[None], (16, 20), mode="bicubic")
    assert np.abs(plain[0].permute(1, 2, 0).reshape(320, 6).numpy() - expected).max() > 0.1  # the 0.1 is no detail
    assert resample_positions(table, 37, 37) is table


def test_dinov2_is_timms_at_224_px_with_the_hubs_positions(vits14, vits14_state):
    table = vits14_state["pos_embed"]
    grid = table[0, 1:].double().numpy().reshape(37, 37, 384)
    resampled = torch.from_numpy(np.einsum("ri,sj,ijd->rsd", hub_matrix(16), hub_matrix(16), grid)).float()
    state = vits14_state | {"pos_embed": torch.cat((table[:, :1], resampled.reshape(1, 256, 384)), dim=1)}
    images = to_tensor(photo(300, 400))

    with torch.no_grad():
        expected = timm_vits14(state, 224)(vits14.prepare(images))

    output = vits14(images)
    assert output.features.shape == (1, 384)
    assert output.logits is None
    assert not output.features.requires_grad
    torch.testing.assert_close(output.features, expected, rtol=0, atol=2e-5)


def test_dinov2_squeezes_with_pillows_filter_and_does_not_round(vits14):
    pixels = photo(300, 400)
    channels = [
        np.asarray(Image.fromarray(pixels[..., c].astype(np.float32)).resize((224, 224), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (np.stack(channels) / 255 - mean[:, None, None]) / std[:, None, None]

    prepared = vits14.prepare(to_tensor(pixels))

    np.testing.assert_allclose(prepared[0].numpy(), expected, atol=1e-4)


def test_dinov2_with_registers_is_refused(vits14_state):
    state = vits14_state | {"register_tokens": torch.zeros(1, 4, 384)}

    with pytest.raises(WeightsError, match=r"dinov2-vits14.*1 unexpected \(register_tokens\)"):
        dinov2.DinoV2(dinov2.VITS14, loaded(state), CPU)


@pytest.fixture
def tiny_clip(monkeypatch):
    """A CLIP backbone of two narrow blocks, and its OpenAI state dict in half precision, text tower included."""
    monkeypatch.setitem(clip.TOWERS, "clip-vitb32", TINY)
    tower = random_state(on_meta(lambda: clip.image_tower(TINY)), seed=3)
    state = {f"visual.{name}": tensor.half() for name, tensor in tower.items()}
    state |= {"text_projection": torch.zeros(64, TINY.dim), "logit_scale": torch.zeros(())}
    return clip.Clip(clip.VITB32, loaded(state), CPU), state


def test_clip_is_torch_fidelitys_given_the_same_file(tiny_clip):
    backbone, state = tiny_clip
    prepared = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(4))

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        expected = build_model(dict(state), torch.float32).visual(prepared)

    output = backbone.forward(prepared)
    assert output.features.shape == (3, 32)
    assert output.features.dtype == torch.float32
    assert output.logits is None
    torch.testing.assert_close(output.features, expected, rtol=0, atol=1e-5)


def test_clip_is_timms_given_the_same_weights(tiny_clip):
    backbone, state = tiny_clip
    prepared = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    with torch.random.fork_rng(devices=[]):
        network = TimmTransformer(
            img_size=64,
            patch_size=16,
            embed_dim=128,
            depth=2,
            num_heads=2,
            num_classes=32,
            pre_norm=True,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-5),
            act_layer="quick_gelu",
        ).eval()
    network.load_state_dict({name: tensor.float() for name, tensor in timm_from_openai(state, network).items()})

    with torch.no_grad():
        expected = network(prepared)

    torch.testing.assert_close(backbone.forward(prepared).features, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("info", "timm_name"),
    [
        (clip.VITB32, "vit_base_patch32_clip_quickgelu_224"),
        (clip.VITL14_336, "vit_large_patch14_clip_quickgelu_336"),
    ],
)
def test_clip_has_the_tensors_of_the_published_files(info, timm_name):
    ours = on_meta(lambda: clip.image_tower(clip.TOWERS[info.name])).state_dict()
    theirs = on_meta(lambda: timm.create_model(timm_name, pretrained=False, num_classes=info.dim))

    converted = timm_from_openai({f"visual.{name}": tensor for name, tensor in ours.items()}, theirs)

    assert shapes(converted) == shapes(theirs.state_dict())
    assert {name for name in ours if "." not in name} == {"class_embedding", "positional_embedding", "proj"}


@pytest.mark.parametrize("size", [(300, 401), (401, 300), (96, 96), (64, 64)])
def test_clip_crops_and_resizes_as_cmmds_reference(tiny_clip, size):
    backbone, _ = tiny_clip
    pixels = photo(*size)
    side, top, left = min(size), (size[0] - min(size)) // 2, (size[1] - min(size)) // 2
    image = (
        Image.fromarray(pixels).crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.BICUBIC)
    )

    prepared = backbone.prepare(to_tensor(pixels))

    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).reshape(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).reshape(3, 1, 1)
    levels = (prepared[0] * std + mean) * 255
    difference = (levels - torch.from_numpy(np.array(image)).permute(2, 0, 1)).abs()
    assert (difference > 1e-3).float().mean() < 0.01  # ties of the two roundings
    assert difference.max() < 2.5


def test_clip_weights_without_an_image_tower_are_refused():
    state = {"text_projection": torch.zeros(512, 512), "logit_scale": torch.zeros(())}

    with pytest.raises(
        WeightsError, match=r"clip-vitb32 have no tensor named visual\.\*; 2 others, such as logit_scale"
    ):
        clip.Clip(clip.VITB32, loaded(state), CPU)


def test_one_clip_is_not_taken_for_another(tiny_clip):
    _, state = tiny_clip

    with pytest.raises(WeightsError, match=r"clip-vitl14-336.*missing.*of another shape"):
        clip.Clip(clip.VITL14_336, loaded(state), CPU)
