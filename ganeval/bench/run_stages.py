"""The stages of one backbone on images made for the purpose."""

import tempfile
from pathlib import Path

import torch

from ganeval.backbones.base import Backbone
from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.backbones.weights_store import locate
from ganeval.bench.materials import write_all
from ganeval.bench.materials_names import REAL, WEIGHTS
from ganeval.bench.stages import Limits, Stage, measure_stages
from ganeval.sources.folder import FolderSource


def run_stages(
    name: str, images: int, size: int, repeats: int, engine: str, precision: str
) -> tuple[list[Stage], Limits]:
    """Times the stages of a backbone; Inception without its weights gets random ones.

    Args:
        name: Registry name.
        images: Of a repeat.
        size: Pixels a side.
        repeats: Of each stage.
        engine: "auto", "torch" or "openvino".
        precision: "exact" or "fast".

    Raises:
        GanevalError: an unknown backbone, weights that are not here, an engine that cannot run.
    """
    with tempfile.TemporaryDirectory(prefix="ganeval-bench-") as scratch:
        home = Path(scratch)
        drawn = name == "inception" and locate(name) is None
        write_all(home, images, size, images=True, weights=drawn)

        def opened() -> Backbone:
            weights = home / WEIGHTS if drawn else None
            return load_backbone(name, device=torch.device("cpu"), weights_file=weights)

        def start(backbone: Backbone) -> None:
            use_engine(backbone, engine, precision)  # type: ignore[arg-type]

        return measure_stages(FolderSource(home / REAL), opened, start, repeats)
