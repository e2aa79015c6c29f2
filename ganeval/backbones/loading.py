"""From a backbone's name to the backbone, with its weights loaded and checked."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch

from ganeval.backbones import BACKBONES
from ganeval.backbones.base import Backbone, BackboneInfo
from ganeval.backbones.weights import NO_WEIGHTS, LoadedWeights, load_state_dict


def load_backbone(name: str, *, device: torch.device, weights_file: Path | None = None) -> Backbone:
    """Loads a backbone. Never reaches the network.

    Args:
        name: Registry name ("inception").
        device: Where its network is to run.
        weights_file: Other weights in the same layout; the backbone's `key` then carries their hash
            ("inception#1a2b3c4d"), unless it is the pinned one.

    Raises:
        UsageError: no such backbone.
        WeightsError: its weights are not on this machine, are damaged or do not fit.
    """
    info = BACKBONES.get(name)
    weights = load_state_dict(info.weights[0], weights_file) if info.weights else NO_WEIGHTS
    module, _, attribute = info.loader.partition(":")
    loader: object = getattr(importlib.import_module(module), attribute)
    return cast(Callable[[BackboneInfo, LoadedWeights, torch.device], Backbone], loader)(info, weights, device)
