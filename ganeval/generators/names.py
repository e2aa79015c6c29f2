"""How the name of a generator looks; nothing is opened, and torch is not imported."""

import re
from typing import Final

from ganeval.sources.arrays import part_of_file

TORCH_EXTENSIONS: Final = (".pt", ".pth", ".ts", ".torchscript", ".jit", ".bin", ".ckpt")
ONNX_EXTENSION: Final = ".onnx"
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def is_factory_name(text: str) -> bool:
    """True for what has the form "package.module:factory" and names no part of a file ("samples.npz:images")."""
    return _FACTORY.fullmatch(text) is not None and part_of_file(text) is None
