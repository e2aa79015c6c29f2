"""From a backbone's name to the backbone: its weights file is checked at once, its network loaded when it is needed."""

from __future__ import annotations  # a score of cached features needs no network, and no torch

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ganeval.backbones import BACKBONES
from ganeval.backbones.engines import Engine, engine_of, use_engine
from ganeval.backbones.openvino_model import Converted
from ganeval.backbones.openvino_pipeline import OpenVinoModel, OpenVinoPipeline
from ganeval.backbones.precision import Precision
from ganeval.backbones.weights_store import NO_WEIGHTS_SHA256, find_weights

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ganeval.backbones.base import Backbone, BackboneInfo
    from ganeval.backbones.pipeline import Pipeline


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
    from ganeval.backbones.weights import NO_WEIGHTS, load_state_dict

    info = BACKBONES.get(name)
    weights = NO_WEIGHTS if info.weights is None else load_state_dict(info.weights.name, weights_file)
    return info.load(info, weights, device)


class LazyBackbone:
    """A backbone as rows and caches name it. Its network is loaded when the first image needs it.

    Args:
        info: The declaration.
        weights_sha256: Hash of its weights file, which was read to the end.
        pinned: False when the weights are not those of the declaration.
        engine: What will run the network.
        device_type: Where: "cpu", "cuda" or "mps".
        load: Loads the network under that engine; called once.
        model: What runs without PyTorch; None where the backbone itself must be loaded to run.

    Attributes:
        loaded: The backbone with its network, None before it is needed.
    """

    def __init__(
        self,
        info: BackboneInfo,
        weights_sha256: str,
        pinned: bool,
        engine: str,
        device_type: str,
        load: Callable[[], Backbone],
        model: OpenVinoModel | None = None,
    ) -> None:
        self.info = info
        self.weights_sha256 = weights_sha256
        self.pinned = pinned
        self.engine = engine
        self.device_type = device_type
        self.loaded: Backbone | None = None
        self.model = model
        self._load = load

    @property
    def key(self) -> str:
        """Name in a metric key, as that of `Backbone`."""
        return self.info.name if self.pinned else f"{self.info.name}#{self.weights_sha256[:8]}"

    def load(self) -> Backbone:
        """The backbone with its network.

        Raises:
            WeightsError: the weights do not fit the network.
        """
        if self.loaded is None:
            self.loaded = self._load()
        return self.loaded

    def behind(self, info: BackboneInfo) -> LazyBackbone:
        """The same network behind another preparation; it is loaded once for both.

        Args:
            info: Declares the preparation, with the same weights.
        """
        model = None if self.model is None else self.model.behind(info)
        return LazyBackbone(
            info,
            self.weights_sha256,
            self.pinned,
            self.engine,
            self.device_type,
            lambda: self.load().behind(info),
            model,
        )


def open_backbone(
    name: str,
    device: str,
    weights_file: Path | None = None,
    engine: Engine = "auto",
    precision: Precision = "exact",
    folder: Path | None = None,
) -> LazyBackbone:
    """Checks a backbone's weights and its engine, and loads nothing yet.

    Args:
        name: Registry name.
        device: Name of a device that exists.
        weights_file: As for `load_backbone`.
        engine: As for `use_engine`, as are `precision` and `folder`.
        precision: Of the network.
        folder: Where converted networks are kept.

    Raises:
        UsageError: no such backbone, or an engine that cannot run here.
        WeightsError: its weights are not on this machine, or are damaged.
    """
    info = BACKBONES.get(name)
    sha256, pinned = NO_WEIGHTS_SHA256, True
    if info.weights is not None:
        weights, pinned = find_weights(info.weights.name, weights_file)
        sha256 = weights.sha256
    runs = engine_of(engine, device, network=info.weights is not None)

    def load() -> Backbone:
        import torch

        backbone = load_backbone(name, device=torch.device(device), weights_file=weights_file)
        use_engine(backbone, engine, precision, folder)
        return backbone

    model = None
    if runs.startswith("openvino") and (preparation := info.preparation) is not None:

        def network() -> nn.Module:
            import torch

            return load_backbone(name, device=torch.device("cpu"), weights_file=weights_file).network

        converted = Converted(network, preparation.shape, f"{info.name}|{sha256}", folder)
        model = OpenVinoModel(info, preparation, converted, precision)
    return LazyBackbone(info, sha256, pinned, runs, device.partition(":")[0], load, model)


AnyBackbone: TypeAlias = "Backbone | LazyBackbone"


def open_pipeline(backbone: AnyBackbone) -> Pipeline | OpenVinoPipeline:
    """What takes images through a backbone: without PyTorch where its engine needs none.

    Raises:
        WeightsError: the weights do not fit the network.
    """
    if isinstance(backbone, LazyBackbone) and backbone.model is not None:
        return OpenVinoPipeline(backbone.model)
    from ganeval.backbones.pipeline import Pipeline

    return Pipeline(backbone.load())


def measured_error(backbone: AnyBackbone) -> float | None:
    """Largest relative error of features under "fast", once images went through; None under "exact"."""
    if isinstance(backbone, LazyBackbone) and backbone.model is not None:
        return backbone.model.error
    if backbone.loaded is None:
        return None
    from ganeval.backbones.calls import Measured

    network = backbone.loaded.network
    return network.error if isinstance(network, Measured) else None
