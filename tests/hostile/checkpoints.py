"""Networks of strangers: code in weights, headers that lie, checkpoints that ask for more than they hold."""

import hashlib
import io
import json
import pickle
import struct
import zipfile

import numpy as np
import torch
from safetensors.numpy import save

from ganeval.backbones import BACKBONES
from ganeval.sources.decoding.rules import DECODE_POLICY
from reference_models.models.build import build_generator
from tests.conftest import ToyBackbone
from tests.hostile.arrays import Code
from tests.hostile.case import SET, Box, error, score

LAST = "score last.safetensors --reference real --metrics fd"
NET = "score net.pth --generator net:Net --latent-dim 4 --value-range 0..1 --reference real --metrics fd"
SCRIPT = "score net.pt --latent-dim 4 --value-range 0..1 --reference real --metrics fd"
WEIGHTS = f"{SET} --weights efflite0=w.pth"
STATISTICS = "score fake --reference r.safetensors --metrics fd"
MODULE = b"import torch\n\n\nclass Net(torch.nn.Linear):\n    def __init__(self):\n        super().__init__(4, 4)\n"


def safetensors(tensors: dict[str, np.ndarray], **metadata: str) -> bytes:
    return save(tensors, metadata or None)


def lying(header: object, size: int | None = None, data: bytes = bytes(64)) -> bytes:
    """A safetensors file of any header and any stated length of it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def tensor(shape: list[int], offsets: list[int], kind: str = "F32") -> dict[str, object]:
    return {"x": {"dtype": kind, "shape": shape, "data_offsets": offsets}}


def torch_file(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def evil_pickle(name: str, **files: bytes):
    """A bare pickle that leaves the canary."""
    return lambda box: [box.put(name, pickle.dumps(Code(box))), *(box.put(k, v) for k, v in files.items())]


def evil_torch(name: str):
    """What torch.save writes, with code among the tensors."""
    return lambda box: [box.put(name, torch_file({"weight": Code(box)})), box.put("net.py", MODULE)]


def script(name: str):
    def make(box: Box) -> None:
        with zipfile.ZipFile(box.here / name, "w") as archive:
            archive.writestr("net/constants.pkl", pickle.dumps(Code(box)))
            archive.writestr("net/data.pkl", pickle.dumps(Code(box)))
            archive.writestr("net/version", b"3\n")

    return make


def last(**metadata: str):
    """The generator of gan-mlp, untrained, with some of its metadata changed."""

    def make(box: Box) -> None:
        network = build_generator("gan-mlp", SMALL)
        tensors = {key: value.detach().numpy().copy() for key, value in network.state_dict().items()}
        box.put("last.safetensors", safetensors(tensors, **{**GOOD, **metadata}))

    return make


SMALL = {"generator_widths": [8]}
GOOD = {
    "format": "ganeval-generator-1",
    "model": "gan-mlp",
    "config": json.dumps(SMALL),
    "recipe": "{}",
    "seed": "0",
    "step": "0",
    "score": "{}",
    "classes": "[]",
}


def damaged_zip(box: Box) -> None:
    data = torch_file({"a": torch.zeros(9)})
    box.put("w.pth", data.replace(b"PK\x01\x02", b"PK\x01\x99", 1))


def raw(name: str, data: bytes):
    return lambda box: [box.put(name, data), box.put("net.py", MODULE)]


def statistics(n: int = 4, *, wrong: str = "", **changed: object):
    """Reference statistics of the toy backbone, with a hash that is right for whatever is in them."""

    def make(box: Box) -> None:
        rows = np.random.default_rng(0).random((4, 16)).astype(np.float32)
        wide = rows.astype(np.float64)
        mean = wide.mean(axis=0)
        tensors = {
            "efflite0/mean": mean,
            "efflite0/scatter": (wide - mean).T @ (wide - mean),
            "efflite0/features": rows,
        } | changed.pop("tensors", {})
        total = hashlib.sha256()
        for name in sorted(tensors):
            total.update(name.encode() + tensors[name].tobytes())
        facts = {"weights_sha256": ToyBackbone().weights_sha256, "resize": "area-8", "precision": "exact"}
        record = {
            "name": "real", "content_sha256": "0" * 64, "n": n, "decode": DECODE_POLICY, "labels": None, "part": None,
            "backbones": {"efflite0": facts}, "tensors_sha256": wrong or total.hexdigest(), **changed,
        }  # fmt: skip
        box.put("r.safetensors", safetensors(tensors, format="ganeval-reference-1", reference=json.dumps(record)))

    return make


NAN = np.full(16, np.nan)
assert "efflite0" in BACKBONES

CASES = (
    error(
        "a pickle that runs code, called .pt",
        evil_pickle("net.pt"),
        "isn't a TorchScript archive; it was not opened",
        code=2,
        command=SCRIPT,
    ),
    error(
        "a zip of torch.save that runs code, called .pt",
        evil_torch("net.pt"),
        "isn't a TorchScript archive; it was not opened",
        code=2,
        command=SCRIPT,
    ),
    error("a state dict that runs code, with --generator", evil_torch("net.pth"), "nothing of it was run", command=NET),
    error(
        "a bare pickle that runs code, with --generator",
        evil_pickle("net.pth", **{"net.py": MODULE}),
        "nothing of it was run",
        command=NET,
    ),
    error("TorchScript whose constants run code", script("net.pt"), "cannot be read as TorchScript", command=SCRIPT),
    error("TorchScript, cut in half", raw("net.pt", b"PK\x03\x04" + bytes(100)), "cut off or damaged", command=SCRIPT),
    error("text called .pt", raw("net.pt", b"hello"), "isn't a TorchScript archive", code=2, command=SCRIPT),
    error(
        "a state dict of another network",
        raw("net.pth", torch_file({"weight": torch.zeros(3, 3)})),
        "do not fit",
        command=NET,
    ),
    error(
        "a state dict that holds a list", raw("net.pth", torch_file([1, 2])), "expected a plain state dict", command=NET
    ),
    error(
        "ONNX that is text",
        raw("net.onnx", b"hello"),
        "cannot be run as ONNX",
        needs="openvino",
        command="score net.onnx --latent-dim 4 --value-range 0..1 --reference real --metrics fd",
    ),
    error("weights that run code", evil_torch("w.pth"), "nothing of it was run", command=WEIGHTS),
    error("weights that are TorchScript", script("w.pth"), "holds code", command=WEIGHTS),
    error("weights cut in half", raw("w.pth", torch_file({"a": torch.zeros(999)})[:900]), "cut off", command=WEIGHTS),
    error("weights whose list of files is damaged", damaged_zip, "archive that is damaged", command=WEIGHTS),
    error("weights that are text", raw("w.pth", b"hello, world"), "neither a safetensors file nor", command=WEIGHTS),
    error("weights of another network", raw("w.pth", torch_file({"a": torch.zeros(3)})), "do not fit", command=WEIGHTS),
    error(
        "safetensors: a header of 2^62 bytes",
        raw("last.safetensors", lying({}, 1 << 62)),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "safetensors: a header longer than the file",
        raw("last.safetensors", lying({}, 5000)),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "safetensors: a header that is no JSON",
        raw("last.safetensors", lying(b"hello")),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "safetensors: a header of 100,000 brackets",
        raw("last.safetensors", lying(b"[" * 100_000)),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "safetensors: a tensor past the end",
        raw("last.safetensors", lying(tensor([99], [0, 396]))),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "safetensors: a tensor of 2^62 numbers",
        raw("last.safetensors", lying(tensor([1 << 62], [0, 64]))),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "safetensors: two tensors on the same bytes",
        raw("last.safetensors", lying({**tensor([16], [0, 64]), "y": tensor([16], [0, 64])["x"]})),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "safetensors: a kind of number that there is not",
        raw("last.safetensors", lying(tensor([16], [0, 64], "Q7"))),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error("safetensors: 0 bytes", raw("last.safetensors", b""), "cannot be read as a checkpoint", command=LAST),
    error(
        "safetensors: no checkpoint",
        raw("last.safetensors", lying(tensor([16], [0, 64]))),
        "isn't a checkpoint of",
        command=LAST,
    ),
    score("a checkpoint as it is written", last(), LAST, clean=last(), left_out=0),
    error(
        "checkpoint: of a later version",
        last(format="ganeval-generator-99"),
        "this version of ganeval reads",
        command=LAST,
    ),
    error("checkpoint: a model that there is not", last(model="../../etc"), "Unknown model", command=LAST),
    error(
        "checkpoint: settings that ask for 10^9 channels",
        last(config=json.dumps({"generator_widths": [10**9]})),
        "out of all proportion",
        command=LAST,
    ),
    error(
        "checkpoint: a negative width",
        last(config=json.dumps({"generator_widths": [-8]})),
        "must be at least 1",
        command=LAST,
    ),
    error("checkpoint: a width of NaN", last(config='{"generator_widths": [NaN]}'), "list of integers", command=LAST),
    error(
        "checkpoint: settings of 100,000 brackets",
        last(config="[" * 100_000),
        "cannot be read as a checkpoint",
        command=LAST,
    ),
    error(
        "checkpoint: settings for another network",
        last(config="{}"),
        "does not hold the generator that it names",
        command=LAST,
    ),
    error("checkpoint: a step that is no number", last(step="many"), "cannot be read as a checkpoint", command=LAST),
    error("checkpoint: a step of 5,000 digits", last(step="9" * 5000), "cannot be read as a checkpoint", command=LAST),
    score("reference statistics as they are written", statistics(), STATISTICS, clean=statistics()),
    error(
        "reference statistics changed by hand", statistics(wrong="0" * 64), "do not have the hash", command=STATISTICS
    ),
    error(
        "reference statistics of NaN, with a hash that fits",
        statistics(tensors={"efflite0/mean": NAN}),
        "finite moments",
        command=STATISTICS,
    ),
    error(
        "reference statistics of wrong shapes, with a hash that fits",
        statistics(tensors={"efflite0/mean": NAN[:9]}),
        "expected mean (D,)",
        command=STATISTICS,
    ),
    error(
        "reference statistics of fewer rows than they say",
        statistics(n=400),
        "one row and one label for each of 400",
        command=STATISTICS,
    ),
    error(
        "reference statistics whose record is a list",
        statistics(backbones=["efflite0"]),
        "cannot be read as reference statistics",
        command=STATISTICS,
    ),
    error(
        "reference statistics with a count of infinity",
        statistics(n=float("inf")),
        "cannot be read as reference statistics",
        command=STATISTICS,
    ),
    error(
        "reference statistics of another decode policy",
        statistics(decode="decode-v0"),
        "built by another protocol",
        code=6,
        command=STATISTICS,
    ),
    error(
        "merge: a file that is no part",
        statistics(),
        "not a part of one",
        command="merge r.safetensors -o {root}/out/all.safetensors",
    ),
    error(
        "reference show: text",
        raw("r.safetensors", b"hello"),
        "cannot be read as reference statistics",
        command="reference show r.safetensors",
    ),
)
