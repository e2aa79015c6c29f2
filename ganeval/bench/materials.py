"""What a benchmark reads: two folders of PNGs cut from real photos, and one file of random Inception weights.

Runs as a process of its own (`python -m ganeval.bench.materials`), so that the process that measures others stays small
and does not load torch.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from ganeval.backbones.networks.inception import InceptionNetwork
from ganeval.backbones.weights import load_into
from ganeval.bench.materials_names import FAKE, PICKLED, REAL, WEIGHTS
from ganeval.sources.base import Pixels
from ganeval.sources.datasets.photos import photo, photo_names

NOISE: Final = 12.0  # standard deviation in grey levels of what makes the fakes fakes
SEED: Final = 1


def random_inception(seed: int) -> dict[str, Tensor]:
    """A state dict in the canonical layout: He's initialisation, and BatchNorm statistics of random coarse images.

    With unit statistics activations would explode; with the classifier as drawn one class would take all.

    Args:
        seed: The same seed gives the same tensors.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        network = InceptionNetwork()
    state: dict[str, Tensor] = {}
    for key, tensor in network.state_dict().items():
        if tensor.dim() >= 2:
            state[key] = torch.randn(tensor.shape, generator=generator, device="cpu") * (2 / tensor[0].numel()) ** 0.5
        else:
            centre = 1.0 if key.endswith(("bn.weight", "running_var")) else 0.0
            state[key] = centre + 0.2 * torch.rand(tensor.shape, generator=generator, device="cpu")
    load_into(network, state, "inception")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # running statistics become those of the one batch below
    coarse = torch.rand(4, 3, 7, 9, generator=generator, device="cpu") * 2 - 1
    with torch.no_grad():
        network.train()(F.interpolate(coarse, (107, 107)))
        network.fc.weight.mul_(0.1)
    return {key: tensor.detach().contiguous() for key, tensor in network.state_dict().items()}


def crop(photos: list[Pixels], size: int, rng: np.random.Generator) -> Pixels:
    """A random square of one of the photos, mirrored half of the time, uint8 (3, size, size).

    Smaller photos than the square are enlarged by Pillow's Lanczos filter first.
    """
    whole = photos[int(rng.integers(len(photos)))]
    _, height, width = whole.shape
    if min(height, width) < size:
        scale = size / min(height, width)
        image = Image.fromarray(np.ascontiguousarray(whole.transpose(1, 2, 0)))
        larger = image.resize(
            (max(size, round(width * scale)), max(size, round(height * scale))), Image.Resampling.LANCZOS
        )
        whole = np.asarray(larger).transpose(2, 0, 1)
        _, height, width = whole.shape
    top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    cut = whole[:, top : top + size, left : left + size]
    return cut[:, :, ::-1] if rng.integers(2) else cut


def write_folder(folder: Path, n: int, size: int, *, split: str, noise: float) -> None:
    """Writes n PNGs, the first ones the same whatever n is.

    Args:
        folder: Made here; files that are there already are left.
        n: How many.
        size: Side in pixels.
        split: Photos to cut from: "train" or "test".
        noise: Standard deviation of Gaussian noise in grey levels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photos = [photo(name) for name in photo_names(split)]
    for number in range(n):
        path = folder / f"{number:06d}.png"
        if path.exists():
            continue
        rng = np.random.default_rng((SEED, number, len(split)))
        pixels = crop(photos, size, rng).astype(np.float32)
        if noise:
            pixels = pixels + rng.normal(scale=noise, size=pixels.shape).astype(np.float32)
        pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(path, compress_level=1)


def write_weights(folder: Path) -> None:
    """The same random weights twice: safetensors, and as torch.save writes them for tools that read nothing else."""
    state = random_inception(SEED)
    save_file(state, folder / WEIGHTS)
    torch.save(state, folder / PICKLED)


def write_all(folder: Path, n: int, size: int, *, images: bool, weights: bool) -> None:
    """Folders `fake` and `real` of n images each, and the weights, as far as asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    if images:
        write_folder(folder / REAL, n, size, split="train", noise=0.0)
        write_folder(folder / FAKE, n, size, split="test", noise=NOISE)
    if weights and not (folder / PICKLED).exists():
        write_weights(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=0, help="of each side; 0 writes none")
    parser.add_argument("--size", type=int, default=256, help="pixels a side")
    parser.add_argument("--weights", action="store_true")
    given = parser.parse_args()
    write_all(given.folder, given.images, given.size, images=given.images > 0, weights=given.weights)
