"""Opens the generators of other projects: one function a kind of file."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

import torch
from torch import nn

from ganeval.devices import resolve_device
from ganeval.errors import UsageError
from ganeval.files.read_write import sha256_of
from ganeval.generators.base import Declared, Generator
from ganeval.generators.load import OnnxNetwork, call_factory, load_into_class, load_torchscript
from ganeval.generators.translated import Translate
from ganeval.generators.wrap import wrap
from ganeval.options import ScoreOptions
from ganeval.registry import imported
from ganeval.untrusted import refuse_recorded

ENLARGED: Final = "reference_models.checkpoints.translation:enlarged_from_truth"  # by the rule of recipes


def from_memory(options: ScoreOptions) -> Generator:
    """A network or function in memory; it stays on its device."""
    made = options.in_memory[options.subject]
    if not callable(made):
        raise UsageError(
            f"{type(made).__name__} cannot be scored; expected a path, a tensor, an array, a network or a function."
        )
    kind = "network" if isinstance(made, nn.Module) else "function"
    return _ready(made, options, {"kind": f"{kind} in memory", "model": options.subject})


def from_factory(options: ScoreOptions) -> Generator:
    """What `package.module:factory` returns."""
    _check_trust(options)
    if options.generator is not None:
        raise UsageError(f"--generator names the network of a state dict; {options.subject} is a generator itself.")
    return _ready(call_factory(options.subject), options, {"kind": "factory", "model": options.subject})


def from_state_dict(options: ScoreOptions) -> Generator:
    """The network that `generator` names, with the tensors of a file."""
    _check_trust(options)
    network, told = load_into_class(Path(options.subject), options.generator or "", options.state_key)
    facts = {"kind": "state dict", "model": options.generator, **_hash_of(options)}
    facts |= {"remark": told} if told else {}
    facts |= {"state_key": options.state_key} if options.state_key else {}
    return _ready(network, options, facts)


def from_torchscript(options: ScoreOptions) -> Generator:
    """A TorchScript archive."""
    device = _check_trust(options)
    script = load_torchscript(Path(options.subject), device)
    return _ready(script, options, {"kind": "torchscript", **_hash_of(options)})


def from_onnx(options: ScoreOptions) -> Generator:
    """An ONNX file."""
    if _check_trust(options).type != "cpu":
        raise UsageError(f"{options.subject} is an ONNX model, which runs on the CPU. Use --device cpu.")
    return _ready(OnnxNetwork(Path(options.subject)), options, {"kind": "onnx", **_hash_of(options)})


def _ready(made: object, options: ScoreOptions, facts: Mapping[str, object]) -> Generator:
    """A generator of anyone's, with what rows say of it."""
    if isinstance(made, nn.Module) and options.subject not in options.in_memory:
        made.to(resolve_device(options.device)).eval()
    translates = options.inputs is not None or options.paired is not None
    declared = Declared(options.latent_dim, options.value_range)
    found = wrap(made, options.subject, declared, translates=translates)
    found = dataclasses.replace(found, facts={**facts, **found.facts})
    if found.translate is None or options.inputs is not None:
        return found
    if options.paired is None:
        raise UsageError(f"{options.subject} translates images. Name them with --inputs FOLDER.")
    if found.scale is None:
        raise UsageError(
            f"{options.subject} states no scale, so its inputs cannot be made from the originals. Name them with "
            "--inputs FOLDER (files of the same stems), or give it the attribute scale."
        )
    enlarged = cast(Callable[[Translate, int], Translate], imported(ENLARGED))
    return dataclasses.replace(found, translate=enlarged(found.translate, found.scale))


def _check_trust(options: ScoreOptions) -> torch.device:
    """The device to load on, where a person and not a file named the generator; both are known before it is loaded."""
    for place in (options.subject, options.generator):
        refuse_recorded(place, "a generator of another project, whose code or pickle would be loaded")
    return resolve_device(options.device)


def _hash_of(options: ScoreOptions) -> dict[str, str]:
    return {"sha256": sha256_of(Path(options.subject))}
