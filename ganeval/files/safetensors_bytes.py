"""Safetensors files with the same bytes each time they are written from the same tensors and metadata.

The library keeps metadata in a hash map with a random seed, so its order in the file changes from process to process;
two equal runs would leave checkpoints of different hashes. Here the entries are sorted. The format is described at
https://github.com/huggingface/safetensors: 8 bytes with the length of the header, the header as JSON, then the tensors.
"""

import json
from collections.abc import Mapping

import numpy as np
import safetensors.numpy

_LENGTH = 8


def tensor_bytes(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Tensors and metadata as a safetensors file."""
    return with_sorted_metadata(safetensors.numpy.save(dict(tensors), metadata=dict(metadata)))


def with_sorted_metadata(data: bytes) -> bytes:
    """A safetensors file whose metadata are in the order of their names.

    Args:
        data: As the library wrote it: its tensors are in a fixed order already.
    """
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    header = json.loads(data[_LENGTH:end])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _LENGTH)  # the tensors begin at a multiple of eight
    return b"".join((len(text).to_bytes(_LENGTH, "little"), text, memoryview(data)[end:]))
