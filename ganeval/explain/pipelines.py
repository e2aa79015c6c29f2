"""The table of emulated tools, with their preparation and arithmetic. To add one, add a row.

Versions that were read: pytorch-fid 0.3.0, clean-fid 0.1.35, torch-fidelity 0.4.0, torchmetrics 1.7 and 1.9,
guided-diffusion `evaluations/evaluator.py` (2021), stylegan2-ada-pytorch and stylegan3 `metrics/metric_utils.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ganeval.registry import listed, unknown_name

Term = Literal["weights", "decode", "n", "resize", "quantisation", "range", "dtype", "ddof"]
TERMS: Final[tuple[Term, ...]] = ("weights", "decode", "n", "resize", "quantisation", "range", "dtype", "ddof")
"""What two tools can differ in, in the order in which a waterfall takes the steps."""

TERM_WORDS: Final[Mapping[Term, str]] = {
    "weights": "another weights file",
    "decode": "files read by Pillow's convert('RGB') alone: alpha dropped, 16 bits cut, EXIF rotation ignored",
    "n": "which files of a folder are read",
    "resize": "how images come to 299 px",
    "quantisation": "values that overshoot 0..255 are cut off",
    "range": "x/127.5-1 in place of (x-128)/128",
    "dtype": "means of features in float32",
    "ddof": "covariances divided by n in place of n - 1",
}


@dataclass(frozen=True)
class Reading:
    """File selection and batching of a tool.

    Attributes:
        extensions: Extensions that it reads, without the dot; None if the user's code reads the files.
        any_case: Whether "PNG" counts as "png".
        nested: Whether subfolders are searched.
        stack: Batch size within which images must have one size; None for the whole set, 1 if each image is resized
            alone.
    """

    extensions: frozenset[str] | None
    any_case: bool
    nested: bool
    stack: int | None

    def takes(self, name: str) -> bool:
        """Whether the tool reads the file of this path, with "/" between folders."""
        if self.extensions is None:
            return True
        folder, _, file = name.rpartition("/")
        stem, dot, ending = file.rpartition(".")
        known = (ending.lower() if self.any_case else ending) in self.extensions
        return bool(stem and dot and known) and (self.nested or not folder)


@dataclass(frozen=True)
class Tool:
    """One tool, or one of its modes.

    Attributes:
        name: Name on the command line and in tables.
        path: Key of `PREPARATIONS`: the preprocessing before the network.
        way: Steps of the waterfall from ganeval's own preparation to `path`: (term, key of `PREPARATIONS`), in order.
        mean: Type of the feature mean.
        ddof: Divisor of covariances is n - ddof.
        reading: File selection.
        steps: The whole pipeline in one line.
        root: The call of the matrix root, if it can fail.
    """

    name: str
    path: str
    way: tuple[tuple[Term, str], ...]
    mean: Literal["float64", "float32"]
    ddof: Literal[0, 1]
    reading: Reading
    steps: str
    root: str = ""


_PYTORCH_FID = frozenset({"bmp", "jpg", "jpeg", "pgm", "png", "ppm", "tif", "tiff", "webp"})
_CLEAN_FID = _PYTORCH_FID | {"JPEG", "JPG", "PNG"}
_FIDELITY = frozenset({"png", "jpg", "jpeg"})
_OWN_ARRAYS = Reading(None, True, True, None)
_SQRTM = "scipy.linalg.sqrtm(disp=False): an error from SciPy 1.18 on, and for few images often 'Imaginary component'"

_TOOLS = (
    Tool(
        "torch-fidelity",
        "inception",
        (),
        "float32",
        1,
        Reading(_FIDELITY, True, False, 64),
        "TF1 bilinear, (x-128)/128, float32 mean, n - 1",
    ),
    Tool(
        "pytorch-fid",
        "inception-pytorch",
        (("resize", "inception-halfpixel"), ("range", "inception-pytorch")),
        "float64",
        1,
        Reading(_PYTORCH_FID, False, False, 50),
        "half-pixel bilinear without antialiasing, x/127.5-1, float64 mean, n - 1",
        _SQRTM,
    ),
    Tool(
        "clean-fid",
        "inception-clean",
        (("resize", "inception-cubic"), ("quantisation", "inception-clean")),
        "float32",
        1,
        Reading(_CLEAN_FID, False, True, 1),
        "Pillow's bicubic on float planes, clipped to 0..255, (x-128)/128, float32 mean, n - 1",
        _SQRTM,
    ),
    Tool(
        "clean-fid-legacy-pytorch",
        "inception-pytorch",
        (("resize", "inception-halfpixel"), ("range", "inception-pytorch")),
        "float32",
        1,
        Reading(_CLEAN_FID, False, True, 1),
        "half-pixel bilinear without antialiasing, x/127.5-1, float32 mean, n - 1",
        _SQRTM,
    ),
    Tool(
        "clean-fid-legacy-tensorflow",
        "inception",
        (),
        "float32",
        1,
        Reading(_CLEAN_FID, False, True, 32),
        "TF1 bilinear, (x-128)/128, float32 mean, n - 1",
        _SQRTM,
    ),
    Tool(
        "torchmetrics-1.7",
        "inception",
        (),
        "float64",
        1,
        _OWN_ARRAYS,
        "TF1 bilinear, (x-128)/128, float64 sums, n - 1 (torchmetrics up to 1.7)",
    ),
    Tool(
        "torchmetrics-1.8",
        "inception-antialias",
        (("resize", "inception-antialias"),),
        "float64",
        1,
        _OWN_ARRAYS,
        "antialiased half-pixel bilinear, (x-128)/128, float64 sums, n - 1 (torchmetrics from 1.8 on)",
    ),
    Tool(
        "adm",
        "inception",
        (),
        "float32",
        1,
        _OWN_ARRAYS,
        "TF1 bilinear inside the graph, (x-128)/128, float32 mean, n - 1 (guided-diffusion's evaluator)",
        _SQRTM,
    ),
    Tool(
        "stylegan",
        "inception",
        (),
        "float64",
        0,
        _OWN_ARRAYS,
        "TF1 bilinear inside the network, (x-128)/128, float64 sums, covariance divided by n (StyleGAN2-ADA, 3)",
        _SQRTM,
    ),
)

TOOLS: Final[Mapping[str, Tool]] = {tool.name: tool for tool in _TOOLS}


def parse_tools(text: str | None) -> tuple[Tool, ...]:
    """Reads a comma-separated list of names; all tools for None.

    Raises:
        UsageError: an unknown name, or an empty list.
    """
    if text is None:
        return _TOOLS
    names = list(dict.fromkeys(listed(part.strip(), TOOLS) for part in text.split(",")))
    for name in names:
        if name not in TOOLS:
            raise unknown_name("tool", name, list(TOOLS))
    return tuple(TOOLS[name] for name in names)
