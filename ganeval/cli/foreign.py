"""Generators of other projects as subjects: `package.module:factory`, TorchScript, ONNX, a bare state dict."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch

from ganeval.errors import UsageError
from ganeval.plan import ScoreOptions
from ganeval.recorded import refuse_recorded
from ganeval.scoring import resolve_device
from ganeval.sources.dataset import DATASETS
from ganeval.sources.foreign import Declared, Generator, wrap
from ganeval.sources.foreign_files import (
    ONNX_EXTENSION,
    TORCH_EXTENSIONS,
    OnnxNetwork,
    call_factory,
    is_factory_name,
    load_into_class,
    load_torchscript,
)
from reference_models.translation import enlarged_from_truth


def foreign_kind(options: ScoreOptions) -> str | None:
    """What kind of foreign generator the subject is; None for anything else."""
    path = Path(options.subject)
    if path.is_file():
        suffix = path.suffix.lower()
        if options.generator is not None:
            return "state dict"
        return "onnx" if suffix == ONNX_EXTENSION else "torchscript" if suffix in TORCH_EXTENSIONS else None
    known = options.subject.partition(":")[0] in DATASETS
    return "factory" if is_factory_name(options.subject) and not path.exists() and not known else None


def open_foreign(options: ScoreOptions, kind: str) -> Generator:
    """Loads a foreign generator.

    Args:
        options: The subject, and what the user stated of it.
        kind: As `foreign_kind` gives it.

    Raises:
        UntrustedPlaceError: a file named it, and not a person.
        UsageError: it cannot be called, a statement is missing, or it cannot be scored this way.
        WeightsError: a file that is damaged, holds code or does not fit.
        DataError: its own code failed.
    """
    for place in (options.subject, options.generator):
        refuse_recorded(place, "a generator of another project, whose code or pickle would be loaded")
    device = resolve_device(options.device)
    declared = Declared(options.latent_dim, options.value_range)
    translates = options.inputs is not None or options.paired is not None
    made = _made(options, kind, device)
    found = wrap(made, options.subject, declared, device, translates=translates)
    facts = {**_identity(options, kind), **found.facts}
    if found.translate is None or options.inputs is not None:
        return dataclasses.replace(found, facts=facts)
    if options.paired is None:
        raise UsageError(f"{options.subject} translates images. Name them with --inputs FOLDER.")
    if found.scale is None:
        raise UsageError(
            f"{options.subject} states no scale, so its inputs cannot be made from the originals. Name them with "
            "--inputs FOLDER (files of the same stems), or give it the attribute scale."
        )
    return dataclasses.replace(found, facts=facts, translate=enlarged_from_truth(found.translate, found.scale))


def _made(options: ScoreOptions, kind: str, device: torch.device) -> object:
    """What the factory returned or the file holds."""
    path = Path(options.subject)
    if kind == "factory":
        if options.generator is not None:
            raise UsageError(f"--generator names the network of a state dict; {options.subject} is a generator itself.")
        return call_factory(options.subject)
    if kind == "onnx":
        if device.type != "cpu":
            raise UsageError(f"{path} is an ONNX model, which runs on the CPU. Use --device cpu.")
        return OnnxNetwork(path)
    if options.generator is not None:
        return load_into_class(path, options.generator)
    return load_torchscript(path, device)


def _identity(options: ScoreOptions, kind: str) -> Mapping[str, object]:
    """What rows say of where the generator came from."""
    facts: dict[str, object] = {"kind": kind}
    if options.generator is not None:
        facts["model"] = options.generator
    if kind == "factory":
        facts["model"] = options.subject
    else:
        facts["sha256"] = hashlib.sha256(Path(options.subject).read_bytes()).hexdigest()
    return facts
