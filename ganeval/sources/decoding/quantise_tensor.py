"""The project's float-to-uint8 rule for tensors, on their own device; see `quantise` for the rule itself."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ganeval.sources.decoding.quantise import nan_error


def quantise_tensor(x: Float[Tensor, "*shape"]) -> UInt8[Tensor, "*shape"]:
    """Turns floats in [0, 1] into bytes: round(clamp(x, 0, 1) · 255), ties to even.

    Raises:
        DataError: a value is NaN.
    """
    missing = int(x.isnan().sum())
    if missing:
        raise nan_error(missing, x.numel())
    wide = x if x.dtype == torch.float64 else x.float()
    return wide.clamp(0, 1).mul(255).round().to(torch.uint8)
