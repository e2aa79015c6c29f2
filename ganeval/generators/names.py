"""How the name of a generator looks; nothing is opened, and torch is not imported."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ganeval.sources.arrays import part_of_file

TORCH_EXTENSIONS: Final = (".pt", ".pth", ".ts", ".torchscript", ".jit", ".bin", ".ckpt")
ONNX_EXTENSION: Final = ".onnx"
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def is_importable(factory: str) -> bool:
    """Whether the package of a factory's name is installed or in the current folder; nothing is imported."""
    package = factory.partition(":")[0].partition(".")[0]
    return find_spec(package) is not None or Path(package).is_dir() or Path(f"{package}.py").is_file()


def is_factory_name(text: str) -> bool:
    """True for what has the form "package.module:factory" and names no part of a file ("samples.npz:images")."""
    return _FACTORY.fullmatch(text) is not None and part_of_file(text) is None
