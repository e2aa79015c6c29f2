"""Networks as an engine runs them: calls of one fixed size, BatchNorm folded, and bfloat16 beside what it approximates.

A call of one fixed size gives an image the same bits in any company: libraries choose their kernels by the batch, and
with them the order of their sums.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganeval.backbones.call_sizes import CALL, SMALLER, call_size
from ganeval.backbones.cuda_graph import Captured
from ganeval.backbones.float32 import true_float32
from ganeval.backbones.precision import Precision, refuse_inexact

Outputs = Tensor | tuple[Tensor, ...]


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
    """A network run by torch in calls of one size; on CUDA as a graph, which needs no launch of its own a layer.

    Args:
        network: In eval mode.
        device: Where it lives.
        precision: "exact" is float32 without TF32; "fast" is bfloat16 by autocast.

    Attributes:
        size: Images a call.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision) -> None:
        super().__init__()
        self.network = network
        self.device = device
        self.precision = precision
        self.size = call_size(device.type)
        self._captured: Captured | None = None
        self._no_graph = ""  # why a capture failed
        self._calls = 0

    @property
    def remark(self) -> str:
        """What an engine's name leaves out, for provenance; "" where there is nothing."""
        parts = [f"calls of {self.size} images"] if self.size != call_size(self.device.type) else []
        return ", ".join([*parts, f"no CUDA graph: {self._no_graph}"] if self._no_graph else parts)

    def forward(self, prepared: Tensor) -> Outputs:
        """Runs a batch of any size; float32 comes out."""
        with (
            true_float32(self.device),
            torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "fast"),
        ):
            parts = [self._call(part) for part in in_calls(prepared, self.size)]
        return joined(parts, len(prepared))

    def shrink(self) -> bool:
        """Makes calls smaller, once; False if they are already. The next call has other bits, and less memory."""
        if self.size != call_size(self.device.type):
            return False
        self.size //= SMALLER
        self._captured, self._calls = None, 0
        return True

    def _call(self, part: Tensor) -> Outputs:
        part = part.contiguous(memory_format=torch.channels_last)
        self._calls += 1
        if self._calls > 1 and self.device.type == "cuda" and not self._no_graph and self._captured is None:
            try:  # the first call has loaded kernels and chosen algorithms, which a capture can't
                self._captured = Captured(self.network, part)
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._no_graph = str(error).strip().partition("\n")[0]
        outputs = self.network(part) if self._captured is None else self._captured(part)
        return outputs.float() if isinstance(outputs, Tensor) else tuple(output.float() for output in outputs)


class Measured(nn.Module):
    """A fast network that is held against the exact one on its first images, once.

    Args:
        fast: What runs.
        exact: What it approximates; freed after the first call.
        name: Of the backbone, for an error.

    Attributes:
        error: Largest relative error of the features of one image, |fast - exact| / |exact|, None before the first
            call.
    """

    def __init__(self, fast: nn.Module, exact: nn.Module, name: str = "this network") -> None:
        super().__init__()
        self.name = name
        self.fast = fast
        self.exact: nn.Module | None = exact
        self.error: float | None = None

    def forward(self, prepared: Tensor) -> Outputs:
        """Runs the fast network; the first time also the exact one, on as many images as one call takes.

        Raises:
            UsageError: the first images' features are too far off.
        """
        outputs: Outputs = self.fast(prepared)
        if self.exact is not None:
            few = prepared[:CALL]
            exact = _features(self.exact(few)).cpu().double()  # on the CPU: not every device has float64
            distance = (_features(outputs)[: len(few)].cpu().double() - exact).norm(dim=1)
            self.error = float((distance / exact.norm(dim=1).clamp(min=torch.finfo(torch.float32).tiny)).max())
            self.exact = None
            refuse_inexact(self.error, self.name)
        return outputs

    @property
    def remark(self) -> str:
        """That of the fast network."""
        return remark_of(self.fast)

    def shrink(self) -> bool:
        """Makes calls smaller, as `TorchNetwork.shrink` does; the exact network's as well."""
        smaller = shrink(self.fast)
        return (self.exact is not None and shrink(self.exact)) or smaller


def remark_of(network: nn.Module) -> str:
    """What an engine's name leaves out of a network; "" for one that isn't run in calls here."""
    return network.remark if isinstance(network, TorchNetwork | Measured) else ""


def shrink(network: nn.Module) -> bool:
    """Makes the calls of a network smaller; False where they are already, or can't be."""
    return isinstance(network, TorchNetwork | Measured) and network.shrink()


def _features(outputs: Outputs) -> Tensor:
    return outputs if isinstance(outputs, Tensor) else outputs[0]
