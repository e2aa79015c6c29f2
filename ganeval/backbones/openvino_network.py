"""OpenVINO under a backbone whose own class prepares images and reads the outputs, as torch modules do."""

import torch
from torch import Tensor, nn

from ganeval.backbones.call_sizes import CALL
from ganeval.backbones.calls import Outputs, in_calls, joined
from ganeval.backbones.openvino_model import Compiled, Converted, Rows
from ganeval.backbones.precision import Precision


class OpenVinoNetwork(nn.Module):
    """A compiled OpenVINO model that is called like the network it replaces; compiled by its first call.

    Args:
        converted: The model.
        precision: "exact" is float32, "fast" bfloat16 (float32 on processors without it).
    """

    def __init__(self, converted: Converted, precision: Precision) -> None:
        super().__init__()
        self._compiled = Compiled(converted, precision)

    def forward(self, prepared: Tensor) -> Outputs:
        """Runs a batch of any size, its calls side by side on the cores."""
        calls = in_calls(prepared, CALL)
        results: dict[int, Rows] = {}
        for place, call in enumerate(calls):
            self._compiled.begin(call.contiguous().numpy(), results, place)
        self._compiled.wait()
        rows = [tuple(map(torch.from_numpy, results[place])) for place in range(len(calls))]
        results.clear()  # the queue keeps what it was given last
        parts: list[Outputs] = [row[0] if len(row) == 1 else row for row in rows]
        return joined(parts, len(prepared))
