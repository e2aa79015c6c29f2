"""The blocks of VGG16 (configuration D), known without torch."""

from typing import Final

BLOCKS: Final = ((1, 64, 2), (2, 128, 2), (3, 256, 3), (4, 512, 3), (5, 512, 3))
"""Number, channels and convolutions of each block."""
