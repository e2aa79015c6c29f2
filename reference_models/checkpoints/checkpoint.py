"""Generators on disk: safetensors with the model's name, settings and recipe as JSON, and no code.

A file from elsewhere is checked before anything is allocated for it: format, model, settings, then the name, type and
shape of every tensor against the network built on the meta device.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ganeval.errors import UsageError, WeightsError
from ganeval.files.read_write import write_atomically
from ganeval.files.safetensors_bytes import with_sorted_metadata
from reference_models.models import MODELS
from reference_models.models.base import ModelSpec
from reference_models.models.build import build_generator
from reference_models.models.config import to_json
from reference_models.recipes.recipe import Direction, RecipeJson

PREFIX = "ganeval-generator-"
VERSION = 1
BACK = "b2a/"  # prefix of the second generator's tensors, if there are two
# A hostile file may ask for any size; no model of the table comes near these.
MAX_SETTING = 65_536
MAX_WIDTHS = 64


@dataclass(frozen=True)
class Checkpoint:
    """A generator with the metadata of its file.

    Attributes:
        network: In eval mode, without gradients; of an unpaired model the generator of `direction`.
        spec: The model.
        config: Its settings.
        recipe: The recipe as JSON; {} for an external generator.
        seed: Training seed.
        step: Steps done.
        score: Periodic score at that step as {"metric", "value"}, or {}.
        classes: Names of the classes, () for none.
        back: An unpaired model's other generator; None for other models, and in files of before it was kept.
        direction: What `network` translates: from the first set to the second, or back.
    """

    network: nn.Module
    spec: ModelSpec
    config: Any
    recipe: RecipeJson
    seed: int
    step: int
    score: Mapping[str, object] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    back: nn.Module | None = None
    direction: Direction = "a2b"

    @property
    def transform(self) -> str:
        """How the recipe made the generator's inputs ("crops", "edges", ...), "" if unknown."""
        data = self.recipe.get("data")
        return str(data.get("transform", "")) if isinstance(data, Mapping) else ""

    def origin(self, path: Path) -> dict[str, object]:
        """The facts of a row under `provenance["subject"]`, for the checkpoint at `path`."""
        return {
            "kind": "checkpoint",
            "model": self.spec.name,
            "recipe": str(self.recipe.get("name", "")),
            "training_seed": self.seed,
            "step": self.step,
            "checkpoint": path.stem,
            "parameters": sum(parameter.numel() for parameter in self.network.parameters()),
            **({"direction": self.direction} if self.spec.kind.generators > 1 else {}),
        }

    def generators(self) -> dict[str, nn.Module]:
        """Prefix of the tensor names in the file -> generator; that of the first set has none."""
        back, network = (self.network, self.back) if self.direction == "b2a" else (self.back, self.network)
        return {name: module for name, module in (("", network), (BACK, back)) if module is not None}


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, half: bool = False) -> None:
    """Writes a generator, whole or not at all; `half` keeps its numbers in float16, at half the size."""
    metadata = {
        "format": f"{PREFIX}{VERSION}",
        "model": checkpoint.spec.name,
        "config": json.dumps(to_json(checkpoint.config)),
        "recipe": json.dumps(checkpoint.recipe),
        "seed": str(checkpoint.seed),
        "step": str(checkpoint.step),
        "score": json.dumps(dict(checkpoint.score)),
        "classes": json.dumps(list(checkpoint.classes)),
    }
    tensors = {
        f"{prefix}{name}": (tensor.half() if half and tensor.is_floating_point() else tensor)
        .detach()
        .cpu()
        .contiguous()
        for prefix, network in checkpoint.generators().items()
        for name, tensor in network.state_dict().items()
    }
    write_atomically(path, with_sorted_metadata(safetensors.torch.save(tensors, metadata=metadata)))


def load_checkpoint(path: Path, device: torch.device, direction: Direction | None = None) -> Checkpoint:
    """Reads a generator.

    Args:
        path: The file.
        device: Where the generator shall be.
        direction: Which of an unpaired model's two; None for its recipe's own.

    Raises:
        UsageError: a direction of a model that has one generator, or that an older file doesn't hold.
        WeightsError: no such file, not a checkpoint, of another version, truncated, or tensors that are not the
            model's.
    """
    if not path.is_file():
        raise WeightsError(f"There is no checkpoint {path}. `ganeval train-reference` writes last.safetensors.")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata)
            names = set(file.keys())
            spec = MODELS.get(metadata["model"])
            config = spec.configure(_checked_settings(path, json.loads(metadata["config"]), len(names)))
            two = spec.kind.generators > 1 and any(name.startswith(BACK) for name in names)
            with torch.device("meta"):
                networks = {
                    prefix: build_generator(spec.name, to_json(config)) for prefix in (("", BACK) if two else ("",))
                }
            slices = {name: file.get_slice(name) for name in names}
            shapes = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
            _check_layout(path, networks, shapes)
            tensors = {name: _whole(file.get_tensor(name)) for name in names}
            recipe, classes = json.loads(metadata["recipe"]), json.loads(metadata["classes"])
            score, seed, step = json.loads(metadata["score"]), int(metadata["seed"]), int(metadata["step"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise WeightsError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}: {error}). It is truncated or not a file "
            "of `ganeval train-reference`; train again or use another."
        ) from error
    except UsageError as error:
        raise WeightsError(f"{path}: {error} The file is damaged or from a later version.") from error
    for prefix, network in networks.items():
        own = {name: tensors[f"{prefix}{name}"] for name in network.state_dict()}
        network.load_state_dict(own, assign=True)
        network.to(device).eval().requires_grad_(False)
    if not isinstance(recipe, dict) or not isinstance(score, dict) or not isinstance(classes, list):
        raise WeightsError(f"{path}: its recipe, score or classes are not what this version writes. Train again.")
    chosen = _direction(path, spec, recipe, direction, two=two)
    network, back = networks[""], networks.get(BACK)
    if chosen == "b2a" and back is not None:
        network, back = back, network
    return Checkpoint(network, spec, config, recipe, seed, step, score, tuple(map(str, classes)), back, chosen)


def _whole(tensor: Tensor) -> Tensor:
    """In single precision where the file holds half: networks compute in float32 either way."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def _direction(path: Path, spec: ModelSpec, recipe: RecipeJson, asked: Direction | None, *, two: bool) -> Direction:
    """The requested direction, or the recipe's; a file of one generator has only that from the first set."""
    if asked is not None and spec.kind.generators == 1:
        raise UsageError(f"{path} holds {spec.name}, which has one generator; drop --direction.")
    if asked == "b2a" and not two:
        raise UsageError(
            f"{path} holds the generator of the direction a2b alone: it was written before both were kept. Train the "
            "recipe again for b2a."
        )
    plan = recipe.get("evaluation")
    own: Direction = "b2a" if isinstance(plan, Mapping) and plan.get("direction") == "b2a" else "a2b"
    return asked or (own if two else "a2b")


def is_checkpoint(path: Path) -> bool:
    """True for a safetensors file whose metadata names a generator, of any version."""
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return str((file.metadata() or {}).get("format", "")).startswith(PREFIX)
    except (SafetensorError, OSError):
        return False


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    found = metadata.get("format", "")
    if not found.startswith(PREFIX):
        raise WeightsError(
            f"{path} isn't a checkpoint of `ganeval train-reference`: its format is {found or 'not stated'!r}, "
            f"expected {PREFIX}{VERSION}. For a bare state dict, name its network: --generator package.module:Class."
        )
    if found != f"{PREFIX}{VERSION}":
        raise WeightsError(
            f"{path} is of format {found!r}; this version of ganeval reads {PREFIX}{VERSION}. Use the version that "
            "wrote it, or train again."
        )


def _checked_settings(path: Path, settings: object, tensors: int) -> Mapping[str, object]:
    """Settings that cannot ask for a network out of all proportion to the file.

    Raises:
        WeightsError: they do.
    """
    if not isinstance(settings, dict):
        raise WeightsError(f"{path}: its settings are a {type(settings).__name__}; expected an object. Train again.")
    for name, value in settings.items():
        numbers = value if isinstance(value, list) else [value]
        limit = tensors if str(name).startswith("n_") else MAX_SETTING  # n_blocks and the like bring tensors each
        if len(numbers) > MAX_WIDTHS or any(isinstance(n, int | float) and abs(n) > limit for n in numbers):
            raise WeightsError(
                f"{path}: its setting {name} is out of all proportion to a file of {tensors} tensors. The file is "
                "damaged or hostile; use another."
            )
    return settings


def _check_layout(
    path: Path, networks: Mapping[str, nn.Module], found: Mapping[str, tuple[str, tuple[int, ...]]]
) -> None:
    kinds = {torch.float32: "F32", torch.int64: "I64"}
    own = {
        f"{prefix}{name}": (kinds[tensor.dtype], tuple(tensor.shape))
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    found = {name: ("F32" if kind == "F16" else kind, shape) for name, (kind, shape) in found.items()}
    wrong = [name for name in own if name in found and found[name] != own[name]]
    missing, unexpected = sorted(own.keys() - found.keys()), sorted(found.keys() - own.keys())
    if wrong or missing or unexpected:
        first = (wrong + missing + unexpected)[0]
        raise WeightsError(
            f"{path} does not hold the generator that it names: {len(wrong)} tensors of another shape or type, "
            f"{len(missing)} missing, {len(unexpected)} unexpected; first {first}: {found.get(first, 'missing')}, "
            f"expected {own.get(first, 'nothing')}. The file is damaged; train again or use another."
        )
