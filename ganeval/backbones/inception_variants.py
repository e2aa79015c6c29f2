"""The Inception network behind the preprocessing of other tools: the same weights, other resizes, other FIDs.

Each row of `PREPARATIONS` is one way from pixels to the network's input of 299 px. Rows that a tool prints numbers with
are backbones of their own (`inception-pytorch`, `inception-clean`, `inception-antialias`), so that a score by one of
them never passes for a score by another. The rest are intermediate steps, from which `ganeval explain` measures what
each single change does.
Sources: pytorch-fid 0.3.0 `inception.py`; clean-fid 0.1.35 `resize.py` and `features.py` (Parmar, Zhang & Zhu 2022,
arXiv 2104.11222); torchmetrics 1.9.0 `image/fid.py`; torch-fidelity 0.4.0 `feature_extractor_inceptionv3.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ganeval.backbones.base import BackboneInfo
from ganeval.backbones.inception import INCEPTION, SIDE
from ganeval.backbones.preparation import Preparation
from ganeval.backbones.resize import Rule

_SCALES: Final[Mapping[object, str]] = {128.0: "(x-128)/128", 127.5: "x/127.5-1"}  # of a shift that equals the scale


def _then(rule: Rule, scale: float = 128.0, *, clips: bool = False) -> Preparation:
    """0..255 to -1..0.992, as the TensorFlow graph; by 127.5 to -1..1, as pytorch-fid."""
    return Preparation(rule, SIDE, scale, scale, clips)


PREPARATIONS: Final[Mapping[str, Preparation]] = {
    "inception": _then("tf1-bilinear"),
    "inception-halfpixel": _then("bilinear"),
    "inception-pytorch": _then("bilinear", 127.5),
    "inception-cubic": _then("bicubic-antialias"),
    "inception-clean": _then("bicubic-antialias", clips=True),
    "inception-antialias": _then("bilinear-antialias"),
}


def described(name: str) -> str:
    """A preparation in words, for the protocol.

    Args:
        name: A key of `PREPARATIONS`.
    """
    one = PREPARATIONS[name]
    return f"{one.rule}-{one.size} {'clipped ' if one.clips else ''}{_SCALES[one.scale]}"


def variant_info(name: str, summary: str) -> BackboneInfo:
    """The declaration of Inception behind another preparation.

    Args:
        name: A key of `PREPARATIONS`.
        summary: One line for people.
    """
    return replace(INCEPTION, name=name, summary=summary, resize=described(name), preparation=PREPARATIONS[name])


PYTORCH = variant_info(
    "inception-pytorch", "Inception with pytorch-fid's resize and range (clean-fid's legacy_pytorch)"
)
CLEAN = variant_info("inception-clean", "Inception with clean-fid's resize: Pillow's bicubic, not quantised")
ANTIALIAS = variant_info("inception-antialias", "Inception with the resize of torchmetrics from 1.8 on: antialiased")
