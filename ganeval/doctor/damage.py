"""Deliberate damage to clean images, to measure the effect of a finding on a score."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ganeval.sources.base import Pixels


@dataclass(frozen=True)
class Damage:
    """One way to damage images.

    Attributes:
        words: Description, as in "saved as JPEG of quality 50".
        pixels: uint8 (3, H, W) -> the same kind; None where single images stay as they are.
        share: Fraction of the images that are damaged.
        repeat: Fraction of the images that are replaced by copies of others.
    """

    words: str
    pixels: Callable[[Pixels], Pixels] | None = None
    share: float = 1.0
    repeat: float = 0.0


def _to_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _to_pixels(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def as_jpeg(quality: int) -> Damage:
    """Saved as JPEG (Pillow's chroma subsampling) and read again."""

    def save(pixels: Pixels) -> Pixels:
        stored = io.BytesIO()
        _to_image(pixels).save(stored, "JPEG", quality=quality)
        return _to_pixels(Image.open(stored))

    return Damage(f"saved as JPEG of quality {quality}", save)


def resized(width: int, height: int) -> Damage:
    """Resized to one common size (bicubic, antialiased)."""

    def resize(pixels: Pixels) -> Pixels:
        return _to_pixels(_to_image(pixels).resize((width, height), Image.Resampling.BICUBIC))

    return Damage(f"resized to {width} × {height}", resize)


def enlarged(factor: int, *, nearest: bool) -> Damage:
    """Made `factor` times smaller and larger again."""
    rule = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC

    def enlarge(pixels: Pixels) -> Pixels:
        _, height, width = pixels.shape
        small = _to_image(pixels).resize((max(1, width // factor), max(1, height // factor)), Image.Resampling.BOX)
        return _to_pixels(small.resize((width, height), rule))

    return Damage(f"made {factor} times smaller and larger again ({'nearest' if nearest else 'bicubic'})", enlarge)


def permuted(order: tuple[int, int, int]) -> Damage:
    """Colour channels in another order."""
    words = "".join("RGB"[i] for i in order)
    return Damage(f"channels in the order {words}", lambda pixels: np.ascontiguousarray(pixels[list(order)]))


def as_grey() -> Damage:
    """Colours replaced by their luma (BT.601, as Pillow's mode L)."""
    return Damage("made grey", lambda pixels: _to_pixels(_to_image(pixels).convert("L")))


def stretched() -> Damage:
    """Each image stretched to fill 0 to 255."""

    def stretch(pixels: Pixels) -> Pixels:
        low, high = int(pixels.min()), int(pixels.max())
        return mapped(pixels, 255.0 / max(1, high - low), -255.0 * low / max(1, high - low))

    return Damage("each image stretched to 0..255", stretch)


def mapped(pixels: Pixels, gain: float, offset: float) -> Pixels:
    """round(clamp(gain · x + offset)), x in 0 to 255."""
    return np.asarray(np.clip(np.rint(gain * pixels.astype(np.float32) + offset), 0, 255), dtype=np.uint8)


def linear(gain: float, offset: float, words: str) -> Damage:
    """Every value x becomes gain · x + offset, clamped."""
    return Damage(words, lambda pixels: mapped(pixels, gain, offset))


def flat(share: float) -> Damage:
    """A fraction of the images replaced by black."""
    return Damage(f"{share:.1%} of the images black", np.zeros_like, share)


def turned(share: float) -> Damage:
    """A fraction of the images rotated by 90 degrees, as by tools that ignore EXIF."""
    return Damage(f"{share:.1%} of the images turned by a quarter", lambda pixels: np.rot90(pixels, axes=(1, 2)), share)


def as_palette(share: float) -> Damage:
    """A fraction of the images reduced to 256 colors each (Pillow's median cut, dithered)."""
    return Damage(
        f"{share:.1%} of the images with a palette of 256 colours",
        lambda pixels: _to_pixels(_to_image(pixels).quantize(256)),
        share,
    )


def repeated(share: float) -> Damage:
    """A fraction of the images replaced by copies of others."""
    return Damage(f"{share:.1%} of the images replaced by copies of others", repeat=share)
