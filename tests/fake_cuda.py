"""CUDA as far as the pipeline uses it, on the CPU: copies that run late, and graphs that replay recorded operations.

Kernels run at once. A copy runs when something waits for it: whoever reads before that, reads rubbish.
"""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Event:
    def __init__(self):
        self.stream, self.place, self.waited = None, 0, False

    def record(self, stream):
        self.stream, self.place = stream, stream.issued

    def synchronize(self):
        self.waited = True
        self.stream.run_to(self.place)


class Stream:
    """A queue of operations, run to a place when something waits for it."""

    current = None

    def __init__(self, device=None):
        self.queue, self.issued = [], 0

    def add(self, operation):
        self.queue.append(operation)
        self.issued += 1

    def run_to(self, place):
        while self.issued - len(self.queue) < place:
            self.queue.pop(0)()

    def wait_event(self, event):
        event.stream.run_to(event.place)

    def wait_stream(self, other):
        other.run_to(other.issued)


class _Recorder(TorchDispatchMode):
    def __init__(self, graph):
        super().__init__()
        self.graph = graph

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.graph.recorded.append((function, args, kwargs or {}, result))
        return result


class Graph:
    """Operations with the very tensors that they were recorded with."""

    made = 0

    def __init__(self):
        self.recorded = []
        Graph.made += 1

    def replay(self):
        for function, args, kwargs, result in self.recorded:
            again = function(*args, **kwargs)
            for old, new in zip(_tensors(result), _tensors(again), strict=True):
                if old.data_ptr() != new.data_ptr():  # a view is there already
                    old.copy_(new)


def _tensors(result):
    return [one for one in (result if isinstance(result, tuple | list) else [result]) if isinstance(one, torch.Tensor)]


def late_copy(staged, device):
    """A copy to the device: queued on the current stream."""
    target = torch.full_like(staged, 77)
    Stream.current.add(lambda: target.copy_(staged))
    return target


def install(monkeypatch):
    """Puts the fakes in place of `torch.cuda`; tensors stay on the CPU."""
    compute = Stream()
    monkeypatch.setattr(Stream, "current", compute)
    monkeypatch.setattr(Graph, "made", 0)

    @contextlib.contextmanager
    def on(stream):
        before, Stream.current = Stream.current, stream
        yield
        Stream.current = before

    @contextlib.contextmanager
    def capture(graph, stream, capture_error_mode):
        assert capture_error_mode == "thread_local"
        with on(stream), _Recorder(graph):
            yield

    for name, fake in {
        "Stream": Stream,
        "Event": Event,
        "CUDAGraph": Graph,
        "graph": capture,
        "stream": on,
        "current_stream": lambda device=None: Stream.current,
        "device": lambda device: contextlib.nullcontext(),
        "get_device_name": lambda device=None: "NVIDIA Fake 80GB",
    }.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
    monkeypatch.setattr("ganeval.backbones.staging._copy", late_copy)
