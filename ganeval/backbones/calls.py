"""Networks as an engine runs them: calls of one fixed size, BatchNorm folded, and bfloat16 beside what it approximates.

A call of one fixed size gives an image the same bits in any company: libraries choose their kernels by the batch, and
with them the order of their sums. It also bounds memory: an Inception call of 32 images holds 1 GB, one of 8 a quarter.
"""

import contextlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganeval.backbones.engines import Precision

Outputs = Tensor | tuple[Tensor, ...]

CALL = 8  # images; on the CPU larger calls take the same time an image, and more memory
CUDA_CALL = 64


@contextlib.contextmanager
def without_tf32(device: torch.device) -> Iterator[None]:
    """Float32 convolutions and products in float32: on CUDA torch rounds convolutions to TF32 unless it is told not to.

    What the caller allows for its own training does not reach a score, and stands afterwards as it was.
    """
    if device.type != "cuda":
        yield
        return
    products = torch.backends.cuda.matmul
    before = products.allow_tf32
    products.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        products.allow_tf32 = before


def call_size(device: torch.device) -> int:
    """Images that one call of a network takes on a device."""
    return CALL if device.type == "cpu" else CUDA_CALL


def in_calls(prepared: Tensor, size: int) -> list[Tensor]:
    """Prepared images (B, 3, S, T) in pieces of `size`, the last one filled up with zeros."""
    missing = -len(prepared) % size
    return list(torch.split(F.pad(prepared, (0, 0) * (prepared.dim() - 1) + (0, missing)), size))


def joined(parts: list[Outputs], count: int) -> Outputs:
    """The outputs of the pieces as those of one call, without what filled up the last one."""
    if isinstance(parts[0], Tensor):
        return torch.cat([part for part in parts if isinstance(part, Tensor)])[:count]
    return tuple(torch.cat(columns)[:count] for columns in zip(*parts, strict=True))


def folded(network: nn.Module) -> nn.Module:
    """The network in inference mode with each BatchNorm folded into its convolution, channels last.

    Features differ from the plain network's by rounding, below 1e-5 of the largest.
    """
    if any(isinstance(part, nn.BatchNorm2d) for part in network.modules()):
        from torch.fx.experimental.optimization import fuse  # seldom needed, and slow to import

        network = fuse(network)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


class TorchNetwork(nn.Module):
    """A network run by torch in calls of one size.

    Args:
        network: In eval mode.
        device: Where it lives.
        precision: "exact" is float32 without TF32; "fast" is bfloat16 by autocast.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision) -> None:
        super().__init__()
        self.network = network
        self.device = device
        self.precision = precision

    def forward(self, prepared: Tensor) -> Outputs:
        """Runs a batch of any size; float32 comes out."""
        parts = [self._call(part) for part in in_calls(prepared, call_size(self.device))]
        return joined(parts, len(prepared))

    def _call(self, part: Tensor) -> Outputs:
        part = part.contiguous(memory_format=torch.channels_last)
        with (
            without_tf32(self.device),
            torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "fast"),
        ):
            outputs = self.network(part)
        return outputs.float() if isinstance(outputs, Tensor) else tuple(output.float() for output in outputs)


class Measured(nn.Module):
    """A fast network that is held against the exact one on its first images, once.

    Args:
        fast: What runs.
        exact: What it approximates; let go after the first call.

    Attributes:
        error: Largest relative error of the features of one image, |fast - exact| / |exact|, None before the first
            call.
    """

    def __init__(self, fast: nn.Module, exact: nn.Module) -> None:
        super().__init__()
        self.fast = fast
        self.exact: nn.Module | None = exact
        self.error: float | None = None

    def forward(self, prepared: Tensor) -> Outputs:
        """Runs the fast network; the first time also the exact one, on as many images as one call takes."""
        outputs: Outputs = self.fast(prepared)
        if self.exact is not None:
            few = prepared[:CALL]
            exact = _features(self.exact(few)).double()
            distance = (_features(outputs)[: len(few)].double() - exact).norm(dim=1)
            self.error = float((distance / exact.norm(dim=1).clamp(min=torch.finfo(torch.float32).tiny)).max())
            self.exact = None
        return outputs


def _features(outputs: Outputs) -> Tensor:
    return outputs if isinstance(outputs, Tensor) else outputs[0]
