"""How much memory an untrusted file may make us allocate: every limit of the image sources, with its reason.

A limit that is reached is an error with the numbers in it, never a silent cut.
"""

from typing import Final

MAX_PIXELS: Final = 1 << 26
"""Largest width × height of one image, 67,108,864 (8192 × 8192): 201 MB as RGB. Pillow itself warns from 89,478,485."""

MAX_FILE_BYTES: Final = 1 << 29
"""Largest stored size of one image file or archive member, 512 MiB: MAX_PIXELS of uncompressed 16-bit RGBA."""

MAX_RATIO: Final = 200
"""Largest uncompressed / compressed size of an archive or member above RATIO_FROM. Deflate's own ceiling is 1032."""

RATIO_FROM: Final = 1 << 26
"""Below this uncompressed size, 64 MiB, any ratio is harmless: a flat test picture compresses 1000 : 1."""


def is_bomb(uncompressed: int, compressed: int) -> bool:
    """True when a declared or measured size can only be meant to fill the memory."""
    return uncompressed > RATIO_FROM and uncompressed > MAX_RATIO * max(compressed, 1)
