"""The Inception networks of other tools with a local weights file, and oracles for tools that pip does not install.

No library downloads anything here: each one's loader is pointed at the file.
"""

import contextlib
import dataclasses
import types
import warnings

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from ganeval.backbones import inception_variants
from ganeval.backbones.base import Backbone
from ganeval.backbones.inception import INCEPTION
from ganeval.backbones.loading import LazyBackbone
from ganeval.backbones.weights import load_state_dict
from ganeval.explain import explain as explaining
from ganeval.scoring import loaded_networks


class Trunk(FeatureExtractorInceptionV3):
    """torch-fidelity's network on prepared images: float (B, 3, 299, 299) to (B, 2048)."""

    def __init__(self, file):
        super().__init__("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(file))

    def forward(self, x):
        for name, layer in self.named_children():
            if name != "fc":
                x = layer(x)
        return x.flatten(1)


def nvidia_resize(images):
    """What NVIDIA's inception-2015-12-05.pt does inside: an affine grid, shifted to TensorFlow's sampling points."""
    x = images.to(torch.float32)
    _, _, height, width = x.shape
    theta = torch.eye(2, 3)
    theta[0, 2] += 1 / width - 1 / 299
    theta[1, 2] += 1 / height - 1 / 299
    grid = F.affine_grid(theta.unsqueeze(0).repeat(len(x), 1, 1), [len(x), 3, 299, 299], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


class Nvidia(torch.nn.Module):
    """The TorchScript archive of StyleGAN and clean-fid: `layers`, and a call that resizes first."""

    def __init__(self, trunk):
        super().__init__()
        self.layers = trunk

    def forward(self, images, return_features=False):
        assert return_features
        return self.layers((nvidia_resize(images) - 128) / 128)


@contextlib.contextmanager
def quiet():
    """Libraries of 2021 to 2023 under this year's torch, torchvision and SciPy; some filter warnings for good."""
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def local_weights(monkeypatch, file, trunk):
    """pytorch-fid and clean-fid with the file (and the network that was made of it) in place of their downloads."""
    import cleanfid.inception_pytorch
    import cleanfid.inception_torchscript
    import pytorch_fid.inception

    state = load_state_dict("inception", file).state
    with monkeypatch.context() as patch, quiet():
        for module in (pytorch_fid.inception, cleanfid.inception_pytorch):
            patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: state)
        patch.setattr(cleanfid.inception_torchscript, "check_download_inception", lambda **_: None)
        jit = types.SimpleNamespace(load=lambda _: Nvidia(trunk))
        stand_in = types.SimpleNamespace(jit=jit, __version__=torch.__version__)
        patch.setattr(cleanfid.inception_torchscript, "torch", stand_in)
        yield


def stack(folder):
    """A folder of images of one size as the user of an array tool makes it: uint8 (N, H, W, 3)."""
    from PIL import Image

    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))])


@torch.no_grad()
def adm_features(array, trunk):
    """guided-diffusion's evaluator: float32 NHWC into the graph of 2015, which resizes and scales itself."""
    rows = []
    for batch in np.array_split(array, -(-len(array) // 4)):
        images = torch.from_numpy(batch.astype(np.float32).transpose(0, 3, 1, 2))
        resized = interpolate_bilinear_2d_like_tensorflow1x(images, size=(299, 299), align_corners=False)
        rows.append(trunk((resized - 128) * 0.0078125).numpy())
    return np.concatenate(rows)


@torch.no_grad()
def stylegan_moments(array, trunk):
    """stylegan2-ada-pytorch's FeatureStats: float64 sums of features, covariance with divisor n."""
    detector = Nvidia(trunk)
    total, squares = np.zeros(2048), np.zeros((2048, 2048))
    for batch in np.array_split(array, -(-len(array) // 4)):
        rows = detector(torch.from_numpy(batch.transpose(0, 3, 1, 2).copy()), return_features=True).numpy()
        rows = rows.astype(np.float64)
        total += rows.sum(axis=0)
        squares += rows.T @ rows
    mean = total / len(array)
    return mean, squares / len(array) - np.outer(mean, mean)


def root_trace(S_a, S_b, rank):
    """tr (S_a S_b)^{1/2} for S_a of low rank: with S_a = F F^T the roots are those of the eigenvalues of F^T S_b F."""
    values, vectors = scipy.linalg.eigh(S_a, subset_by_index=(len(S_a) - rank, len(S_a) - 1))
    F = vectors * np.sqrt(values)
    return np.sqrt(np.clip(np.linalg.eigvalsh(F.T @ S_b @ F), 0, None)).sum()


def rows_distance(real, fake, mean=np.float64, ddof=1):
    """The Frechet distance straight from few rows: tr (S_r S_f)^{1/2} is the nuclear norm of A C^T."""
    a, b = (np.asarray(rows, np.float64) for rows in (real, fake))
    gap = np.mean(np.asarray(real, mean), axis=0) - np.mean(np.asarray(fake, mean), axis=0)
    A, C = ((rows - rows.mean(0)) / np.sqrt(len(rows) - ddof) for rows in (a, b))
    nuclear = np.linalg.svd(A @ C.T, compute_uv=False).sum()
    return float(gap.dot(gap)) + (A * A).sum() + (C * C).sum() - 2 * nuclear


class Cheap(torch.nn.Module):
    """Stands for the network: sees every grey level of the prepared image and costs nothing.

    Attributes:
        seen: Images that all of them were shown since `instead_of_inception`.
    """

    seen = 0

    def __init__(self, dim=2048):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.projection = torch.randn(3 * 19 * 19, dim, generator=generator) / 33

    def forward(self, prepared):
        Cheap.seen += len(prepared)
        pooled = F.adaptive_avg_pool2d(prepared, (19, 19)).flatten(1)
        rows = (pooled @ self.projection).relu() + 1.0
        return rows, rows[:, : rows.shape[1] // 2]


def instead_of_inception(monkeypatch, dim=48, file=None):
    """Puts `Cheap` where `explain` and the drop-in functions open their network.

    Args:
        monkeypatch: Takes it back.
        dim: Width of its features; 2048 where a file of statistics is to fit.
        file: Weights where none are given.

    Returns:
        Takes the weights file of each network that is loaded.
    """
    narrow = dataclasses.replace(INCEPTION, dim=dim, classes=dim // 2)
    opened = loaded_networks.open_backbone
    loaded = []

    def open_cheap(name, device, weights_file=None, *settings):
        if name != "inception":
            return opened(name, device, weights_file, *settings)
        given = weights_file or file
        if given not in _LOADED:
            _LOADED[given] = load_state_dict(name, given)
        weights = _LOADED[given]

        def load():
            loaded.append(given)
            backbone = Backbone(narrow, weights, torch.device(device))
            backbone.network = Cheap(dim)
            return backbone

        return LazyBackbone(narrow, weights.sha256, weights.pinned, "cheap", torch.device(device).type, load)

    monkeypatch.setattr(inception_variants, "INCEPTION", narrow)
    monkeypatch.setattr(loaded_networks, "open_backbone", open_cheap)
    if file is not None:
        monkeypatch.setattr(explaining, "locate", lambda _: file)
    Cheap.seen = 0
    return loaded


_LOADED = {}
