"""The table of backbones, and the files of weights that they declare. To add one: write its file, add its line here."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ganeval.registry import Registry

if TYPE_CHECKING:
    from ganeval.backbones.base import BackboneInfo
    from ganeval.backbones.weights_file import WeightsFile

BACKBONES: Registry[BackboneInfo] = Registry(
    "backbone",
    {
        "efflite0": "ganeval.backbones.efflite:EFFLITE0",
        "hedvgg16": "ganeval.backbones.hedvgg:HEDVGG16",
        "pixels": "ganeval.backbones.pixels:PIXELS",
        "inception": "ganeval.backbones.inception:INCEPTION",
        "inception-spatial": "ganeval.backbones.inception_spatial:INCEPTION_SPATIAL",
        "inception-pytorch": "ganeval.backbones.inception_variants:PYTORCH",
        "inception-clean": "ganeval.backbones.inception_variants:CLEAN",
        "inception-antialias": "ganeval.backbones.inception_variants:ANTIALIAS",
        "vgg16": "ganeval.backbones.torchvision_nets:VGG16",
        "vgg16-l2pool": "ganeval.backbones.vgg16_l2pool:VGG16_L2POOL",
        "vgg19": "ganeval.backbones.torchvision_nets:VGG19",
        "alexnet": "ganeval.backbones.torchvision_nets:ALEXNET",
        "dinov2-vits14": "ganeval.backbones.dinov2:VITS14",
        "dinov2-vitb14": "ganeval.backbones.dinov2:VITB14",
        "dinov2-vitl14": "ganeval.backbones.dinov2:VITL14",
        "clip-vitb32": "ganeval.backbones.clip:VITB32",
        "clip-vitl14-336": "ganeval.backbones.clip:VITL14_336",
    },
    "ganeval.backbones",
    "ganeval.backbones.of_packages:why_unusable",
)


@functools.cache
def weights_files() -> dict[str, WeightsFile]:
    """All weights files by name: those of backbones, in the order of the table, their heads, and scene models."""
    from ganeval.backbones.scene_models import SCENE_MODELS

    declared = [BACKBONES.get(name) for name in BACKBONES]
    own = [info.weights for info in declared if info.weights is not None]
    return {file.name: file for file in (*own, *(head for info in declared for head in info.heads), *SCENE_MODELS)}
