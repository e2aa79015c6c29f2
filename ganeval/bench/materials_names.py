"""Names of what a benchmark reads, apart from the code that makes it, which loads torch."""

from typing import Final

FAKE: Final = "fake"
REAL: Final = "real"
WEIGHTS: Final = "inception.safetensors"
PICKLED: Final = "inception.pth"
