"""A network as a CUDA graph: its kernels are launched by one call, at addresses that stay.

Small kernels finish sooner than Python can launch the next one. The graph runs the same kernels in the same order, so
features keep their bits.
"""

import torch
from torch import Tensor, nn


class Captured:
    """A network captured for inputs of one shape.

    Args:
        network: In eval mode, on CUDA; prepared images -> a tensor or a tuple of tensors. It must have run before:
            a capture can neither load kernels nor choose algorithms.
        example: An input of the shape that all later ones have.

    Raises:
        RuntimeError: the network does what a graph cannot hold, as a copy to the host.
        torch.OutOfMemoryError: the device has no room for a second set of activations.
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self._network = network  # the graph holds addresses of its weights, not the weights
        device = example.device
        # Normal tensors: one made in inference mode could not be written to outside of it.
        with torch.inference_mode(False), torch.no_grad(), torch.cuda.device(device):
            self._input = torch.empty_like(example).copy_(example)
            # cuDNN and cuBLAS keep a workspace a stream, so the stream of the capture is warmed up itself.
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                network(self._input)
            self._graph = torch.cuda.CUDAGraph()
            # Other threads of the process may go on to use CUDA meanwhile.
            with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
                self._outputs: Tensor | tuple[Tensor, ...] = network(self._input)
            torch.cuda.current_stream(device).wait_stream(stream)

    def __call__(self, prepared: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The network's outputs, in memory of their own."""
        self._input.copy_(prepared)
        self._graph.replay()
        if isinstance(self._outputs, Tensor):
            return self._outputs.clone()
        return tuple(output.clone() for output in self._outputs)
