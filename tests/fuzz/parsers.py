"""Every parser of strangers' bytes: its seeds, and a call that gives a value or one of our errors."""

import contextlib
import gzip
import hashlib
import importlib.util
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fsspec
import numpy as np
import torch
from PIL import Image

from ganeval.backbones.scene_models import load_model
from ganeval.backbones.weights import read_state_dict
from ganeval.cli import config, reference
from ganeval.doctor.jpeg_quality import jpeg_quality
from ganeval.doctor.read_findings import read_examination
from ganeval.errors import UsageError
from ganeval.escaping import encodable, markdown, printable, spreadsheet
from ganeval.files import disk_cache
from ganeval.files.unpickle import value_at
from ganeval.gate.baseline import read_row_file
from ganeval.gate.rules import read_rules
from ganeval.generators.state_dicts import state_for
from ganeval.leaderboard.adding import read_source
from ganeval.leaderboard.boards import load_boards
from ganeval.leaderboard.reading import read_rows
from ganeval.leaderboard.timings import TimingRow, read_timings
from ganeval.metrics.brisque import BRISQUE
from ganeval.metrics.keys import parse_keys
from ganeval.metrics.niqe import NIQE
from ganeval.options.kinds import Fraction, Kind, LatentShape, PairRule, Tiles, WeightFiles
from ganeval.report.galleries import read_values
from ganeval.report.runs import find_runs, read_run
from ganeval.results import result as results
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.archive import open_archive
from ganeval.sources.arrays import open_array_file
from ganeval.sources.base import ImageSource
from ganeval.sources.datasets.cifar import read_batch
from ganeval.sources.datasets.mnist import read_idx
from ganeval.sources.decoding.exif import orientation_of
from ganeval.sources.decoding.rules import decode
from ganeval.sources.digest_memo import FORMAT as MEMO_FORMAT
from ganeval.sources.digest_memo import DigestMemo
from ganeval.sources.file_list import FileList
from ganeval.sources.folder import FolderSource
from ganeval.sources.image_facts import ImageFacts
from ganeval.sources.listing import labelled, reason_to_skip
from ganeval.sources.lmdb import LmdbSource
from ganeval.sources.parquet import ParquetSource
from ganeval.sources.remote import open_remote
from ganeval.sources.resolve import is_remote
from ganeval.sources.shards import expand
from ganeval.sources.video import VideoSource
from ganeval.summaries.peer_files.contents import read_contents
from ganeval.summaries.reference_file import is_statistics_file, load_reference
from reference_models.checkpoints.checkpoint import is_checkpoint, load_checkpoint
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import with_settings
from reference_models.training.networks import make_networks
from reference_models.training.state import Progress, load_state, save_state
from tests.hostile import archives, arrays, checkpoints, images, other_inputs, texts
from tests.hostile.case import Box
from tests.image_files import GREY, RGB, png, saved, tiff

GOLDEN = Path(__file__).parent.parent / "golden"
Parse = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Parser:
    """One way in.

    Attributes:
        name: Of the row in the runner's table.
        parse: Reads bytes; the folder is its own to write in.
        seeds: Good inputs that are to be spoilt.
    """

    name: str
    parse: Parse
    seeds: Callable[[Path], list[bytes]]


def whole(source: ImageSource) -> int:
    """Reads and decodes every item, as --on-bad skip does."""
    from ganeval.errors import BadImageError

    read = 0
    try:
        for index in range(len(source)):
            with contextlib.suppress(BadImageError):
                read += source.read(index).decode().pixels.size
    finally:
        source.close()
    return read


def with_file(name: str, call: Callable[[Path], object]) -> Parse:
    """A parser that takes a path."""

    def parse(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return call(path)

    return parse


def cached_json(data: bytes, folder: Path) -> object:
    """A value of the cache whose hash is right, whoever wrote it."""
    disk_cache.write_checked(folder, "value", data, "json")
    return disk_cache.read_json(folder, "value")


def of_text(call: Callable[[str], object]) -> Parse:
    """A parser that takes what somebody typed."""
    return lambda data, folder: call(data.decode("utf-8", "surrogateescape"))


def of_value(kind: Kind) -> Parse:
    """What an option takes, which refuses with a ValueError that the option's name is put in front of."""

    def parse(data: bytes, folder: Path) -> object:
        try:
            return kind.read(data.decode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise UsageError(f"--option {error}") from error

    return parse


def given(*seeds: bytes) -> Callable[[Path], list[bytes]]:
    return lambda folder: list(seeds)


def made(make: Callable[[Box], object], name: str) -> Callable[[Path], list[bytes]]:
    """What a hostile case writes, before it is spoilt."""

    def seeds(folder: Path) -> list[bytes]:
        box = Box(folder)
        box.here.mkdir(exist_ok=True)
        make(box)
        return [(box.here / name).read_bytes()]

    return seeds


def names(data: bytes, folder: Path) -> object:
    """A folder of files with these names, and the rules that names go through."""
    found = []
    place = folder / "names"
    place.mkdir(exist_ok=True)
    for old in os.scandir(os.fsencode(place)):
        os.unlink(old.path)
    for name in data.split(b"\0")[:8]:
        stored = name.replace(b"/", b"_")[:255]
        if stored not in (b"", b".", b".."):
            with contextlib.suppress(OSError):
                Path(os.fsdecode(os.fsencode(place) + b"/" + stored)).touch()
        text = encodable(os.fsdecode(name))
        text.encode()
        found.append((reason_to_skip(text), printable(text), markdown(text), spreadsheet(text)))
    labelled({os.fsdecode(name) for name in data.split(b"\0")})
    FolderSource(place)
    return found


def address(text: str) -> object:
    """An address, where nothing but this machine's memory is asked."""
    scheme = text.partition("://")[0].lower()
    return open_remote(text) if is_remote(text) and scheme in ("memory", "data", "nosuch", "reference", "zip") else None


def addresses(folder: Path) -> list[bytes]:
    """Addresses in this process's own memory, where an archive and a folder lie."""
    memory = fsspec.filesystem("memory")
    memory.pipe({"/fuzz/a.zip": archives.zipped(FEW), **{f"/fuzz/b/{name}": data for name, data in FEW.items()}})
    return [b"memory://fuzz/a.zip", b"memory://fuzz/b", b"zip://x", b"data://a", b"nosuch://a"]


def run_folder(data: bytes, folder: Path) -> object:
    """A run of train-reference: the recipe and its measurements in one seed, with a zero byte between."""
    recipe, _, lines = data.partition(b"\0")
    place = folder / "run"
    place.mkdir(exist_ok=True)
    (place / "recipe.json").write_bytes(recipe)
    (place / "metrics.jsonl").write_bytes(lines)
    from ganeval.report.pictures import Album

    return [read_run(found, Album(), []) for found in find_runs(place)]


def feature_shard(folder: Path) -> list[bytes]:
    store = FeatureStore(folder / "seed", "toy")
    facts = [ImageFacts(4, 4, "png", ("grey",))] * 3
    store.write([bytes([i]) * 32 for i in range(3)], facts, np.ones((3, 2), np.float32), None)
    return [path.read_bytes() for path in (folder / "seed").glob("*.safetensors")]


def index_shard(path: Path) -> object:
    store = FeatureStore(path.parent / "store", "toy")
    store._index(path)
    return [store.find(bytes([i]) * 32) for i in range(3)]


def memo(data: bytes, folder: Path) -> object:
    known = DigestMemo(folder / "memo", folder)
    known.path.parent.mkdir(exist_ok=True)
    known.path.write_bytes(f"{MEMO_FORMAT} {hashlib.sha256(data).hexdigest()}\n".encode() + data)
    known.reload()
    return known.find("a.png", os.stat(folder))


PLAYERS = make_networks(RECIPES.get("gan-mlp-small.digits-cpu"), 0, torch.device("cpu"), torch.Tensor.backward)


def training_state(folder: Path) -> list[bytes]:
    save_state(folder / "seed.safetensors", PLAYERS, Progress(0), {"seed": 0}, [])
    return [(folder / "seed.safetensors").read_bytes()]


def exam() -> bytes:
    row = {"name": "copies", "severity": "warning", "count": 1, "of": 4, "says": "x", "do": "y", "examples": ["a"]}
    return json.dumps({"schema": 1, "subject": "a", "against": None, "n": 4, "checks": 9, "rows": [row]}).encode()


def cifar_batches() -> list[bytes]:
    rows = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2], b"filenames": [b"a", b"b"]}
    return [pickle.dumps(rows, protocol=protocol) for protocol in (0, 2, 4)]


def idx_files() -> list[bytes]:
    data = struct.pack(">IIII", 0x0803, 2, 3, 4) + bytes(24)
    return [data, gzip.compress(data)]


def statistics_npz() -> bytes:
    return arrays.npz(mu=np.zeros(64), sigma=np.eye(64))


def imported(path: Path) -> object:
    """The tree of a peer's file, and what is looked up in it."""
    tree = read_contents(path)
    return [value_at(tree, keys) for keys in (("mu",), ("fid", "mu"), ("raw_mean",), ("all_features",))]


def tensors_of_a_peer() -> dict[str, object]:
    return {"mu": torch.zeros(8), "sigma": torch.eye(8), "n": 9}


def peers_pickles() -> list[bytes]:
    plain = {"mu": np.zeros(8), "sigma": np.eye(8), "num_images": 9, "fid": {"mu": np.float64(3)}}
    return [pickle.dumps(plain, protocol=protocol) for protocol in (0, 2, 4, 5)]


def benchmark_json() -> bytes:
    stats = {"min": 0.1, "mean": 0.2, "median": 0.2, "stddev": 0.01, "rounds": 5}
    one = {"name": "test_x", "fullname": "a::test_x", "group": None, "stats": stats}
    machine = {
        "python_version": "3.11",
        "node": "x",
        "machine": "x86_64",
        "system": "Linux",
        "cpu": {"brand_raw": "x", "count": 2},
    }
    return json.dumps(
        {"machine_info": machine, "benchmarks": [one], "version": "5.1", "datetime": "2026-01-01", "commit_info": {}}
    ).encode()


def torch_zip() -> list[bytes]:
    return [
        checkpoints.torch_file({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}),
        checkpoints.safetensors({"x": np.zeros((2, 3), np.float32)}),
        checkpoints.lying(checkpoints.tensor([16], [0, 64])),
    ]


TINY = torch.nn.BatchNorm1d(3)


def nested_states() -> list[bytes]:
    state = TINY.state_dict()
    wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
    return [checkpoints.torch_file(made) for made in (wrapped, {"g": state, "d": state}, {"a": {"b": wrapped}, "n": 3})]


SMALL = Image.fromarray(images.B[:6, :7])
IMAGE_SEEDS = {
    "png": [
        saved(SMALL, "PNG"),
        saved(SMALL, "PNG", exif=images.exif(6)),
        png(images.GREY_16, GREY, 16),
        png(images.DEEP, RGB, 16, interlaced=True),
        images.palette_with_alpha(),
        images.animated("PNG"),
    ],
    "jpeg": [
        saved(SMALL, "JPEG"),
        saved(SMALL.convert("CMYK"), "JPEG"),
        saved(SMALL, "JPEG", progressive=True, exif=images.exif(3)),
    ],
    "gif": [saved(SMALL.convert("P"), "GIF"), images.animated("GIF")],
    "webp": [saved(SMALL, "WEBP", lossless=True), saved(SMALL, "WEBP"), images.animated("WEBP")],
    "tiff": [saved(SMALL, "TIFF"), tiff(images.DEEP), saved(SMALL, "TIFF", compression="tiff_lzw"), images.tiff_loop()],
    "bmp": [saved(SMALL, "BMP"), saved(SMALL.convert("P"), "BMP"), saved(SMALL.convert("1"), "BMP")],
    "ppm": [saved(SMALL, "PPM"), saved(SMALL.convert("L"), "PPM"), b"P3 2 1 255\n1 2 3 4 5 6\n", b"P1 2 1\n1 0\n"],
}


if importlib.util.find_spec("pillow_heif") is not None:
    IMAGE_SEEDS["heic"] = [other_inputs.heic_bytes(), other_inputs.heic_bytes(deep=True)]


def image(kind: str) -> Parser:
    return Parser(f"image {kind}", lambda data, folder: decode(data, f"x.{kind}"), given(*IMAGE_SEEDS[kind]))


def file_list(data: bytes, folder: Path) -> object:
    """A list beside a few pictures."""
    for name, picture in FEW.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(picture)
    (folder / "list.txt").write_bytes(data)
    return whole(FileList(folder / "list.txt", "list.txt"))


def archive(data: bytes, folder: Path) -> object:
    path = folder / "archive"
    path.write_bytes(data)
    return whole(open_archive(path))


FEW = dict(list(archives.PICTURES.items())[:2])
LABELLED = FEW | {f"{name.partition('.')[0]}.json": b'{"label": 3}' for name in FEW}
RECIPE = b'{"name": "dcgan.digits-cpu", "model": "dcgan", "data": {"name": "digits"}, "training": {"steps": 9}}'
GATES = b'version = 1\nlevel = 0.05\n[run]\nreference = "x"\n[[rule]]\nmetric = "kd@efflite0"\nmargin = "2%"\n'
BOARDS = b'[a]\ntitle = "A"\ndata = "digits"\nsort = "fd"\nmetrics = ["fd", "kd"]\n[a.anchors]\nx = "real"\n'
TIMING = json.dumps(
    TimingRow("x", "resize", 0.5, "s", 5, 1, "cpu", {"python": "3.11"}, "m", "0", "2026-01-01", "bench", 0.1).to_dict()
).encode()

SVM = b"svm_type epsilon_svr\nkernel_type rbf\ngamma 0.05\ntotal_sv 2\nrho -30.5\nSV\n1.5 1:0.5 36:-2e-3\n-1 2:1\n"
PARSERS: tuple[Parser, ...] = (
    *map(image, IMAGE_SEEDS),
    Parser("EXIF", lambda data, folder: orientation_of(data), given(images.exif(6), b"Exif\0\0" + images.exif(3))),
    Parser("JPEG tables", lambda data, folder: jpeg_quality(data), given(*IMAGE_SEEDS["jpeg"])),
    Parser("zip", archive, given(archives.zipped(FEW), archives.zipped(FEW, method=zipfile.ZIP_STORED))),
    Parser(
        "tar",
        archive,
        given(archives.tarred(FEW), archives.tarred(LABELLED), archives.sparse_tar(), archives.tar_backwards_by_pax()),
    ),
    Parser("tar.gz", archive, given(archives.tarred(FEW, mode="w:gz"))),
    Parser("names", names, given(b"a.png\0b/c.png\0.x\0\xff.png\0\\xff.png", b"=cmd\n.png\0../../x.gif")),
    Parser(
        "list of files",
        file_list,
        given(*(b"# a set\n\n" + "\n".join(FEW).encode() + end for end in (b"", b"\r\n../a/b.png\nx://a.png"))),
    ),
    Parser(
        "npy",
        with_file("a.npy", lambda path: whole(open_array_file(path, value_range="0..1"))),
        given(
            arrays.npy(arrays.IMAGES[:2]),
            arrays.npy(arrays.IMAGES[:2] / np.float32(255)),
            arrays.npy(np.asfortranarray(arrays.IMAGES[:2])),
        ),
    ),
    Parser(
        "npz",
        with_file("a.npz", lambda path: whole(open_array_file(path, value_range="0..1"))),
        given(arrays.npz(arr_0=arrays.IMAGES[:2]), arrays.npz(False, arr_0=arrays.IMAGES[:2], arr_1=np.arange(2))),
    ),
    Parser(
        "parquet",
        with_file("a.parquet", lambda path: whole(ParquetSource([path], "a.parquet"))),
        lambda folder: [arrays.parquet(), arrays.parquet(struct=True), arrays.parquet(compression="none")],
    ),
    Parser(
        "lmdb",
        with_file("data.mdb", lambda path: whole(LmdbSource(path, "data.mdb"))),
        lambda folder: [gzip.decompress((GOLDEN / "lmdb-0.9.35.mdb.gz").read_bytes())],
    ),
    Parser(
        "video",
        with_file("a.mkv", lambda path: whole(VideoSource(path, "a.mkv"))),
        lambda folder: [arrays.video(folder / f"a.{ending}") for ending in ("mkv", "avi", "mp4")],
    ),
    Parser(
        "statistics npz",
        with_file("s.npz", lambda path: is_statistics_file(path) and load_reference(path)),
        given(statistics_npz(), arrays.npz(False, mu=np.zeros(64), sigma=np.eye(64))),
    ),
    Parser(
        "statistics safetensors",
        with_file("s.safetensors", load_reference),
        made(checkpoints.statistics(), "r.safetensors"),
    ),
    Parser("peers' pickle", with_file("s.pkl", imported), lambda folder: peers_pickles()),
    Parser(
        "peers' torch file", with_file("s.pt", imported), lambda folder: [checkpoints.torch_file(tensors_of_a_peer())]
    ),
    Parser("weights", with_file("w.pth", read_state_dict), lambda folder: torch_zip()),
    Parser(
        "parameters of niqe",
        with_file("p.npz", lambda path: load_model("niqe", NIQE.layout, path)),
        lambda folder: niqe_npz(folder),
    ),
    Parser(
        "parameters of brisque",
        with_file("s.txt", lambda path: load_model("brisque", BRISQUE.layout, path)),
        given(SVM),
    ),
    Parser("state dicts", with_file("w.pth", lambda path: state_for(TINY, path)), lambda folder: nested_states()),
    Parser(
        "checkpoint",
        with_file("last.safetensors", lambda path: is_checkpoint(path) and load_checkpoint(path, torch.device("cpu"))),
        made(checkpoints.last(), "last.safetensors"),
    ),
    Parser(
        "training state",
        with_file("state.safetensors", lambda path: load_state(path, PLAYERS, {"seed": 0}, 0)),
        training_state,
    ),
    Parser("idx", with_file("x", lambda path: read_idx(path, 3)), lambda folder: idx_files()[:1]),
    Parser("idx.gz", with_file("x.gz", lambda path: read_idx(path, 3)), lambda folder: idx_files()[1:]),
    Parser(
        "CIFAR-10 batch", with_file("batch", read_batch), lambda folder: [*cifar_batches(), arrays.tuples_of_tuples()]
    ),
    Parser(
        "ganeval.toml",
        with_file("ganeval.toml", config.read_file),
        given(b'seed = 1\nmetrics = ["fid"]\ndata_root = "x"\n'),
    ),
    Parser(
        "pyproject.toml",
        with_file("pyproject.toml", config.read_file),
        given(b"[tool.ganeval]\nseed = 1\n[project]\nname = 'x'\n"),
    ),
    Parser("gates.toml", with_file("gates.toml", read_rules), given(GATES)),
    Parser("boards.toml", with_file("boards.toml", load_boards), given(BOARDS)),
    Parser(
        "rows .jsonl",
        with_file("rows.jsonl", results.read_jsonl),
        given(texts.GOOD, texts.GOOD * 2, TIMING + texts.GOOD, texts.ONCE),
    ),
    Parser(
        "rows on a board",
        with_file("rows.jsonl", lambda path: read_rows([path])),
        given(texts.GOOD, texts.GOOD * 2, TIMING, texts.ONCE),
    ),
    Parser("rows to add", with_file("rows.jsonl", read_source), given(texts.GOOD, TIMING)),
    Parser("timings", with_file("t.jsonl", lambda path: read_timings([path])), given(TIMING, TIMING + b"\n" + TIMING)),
    Parser("rows .json", with_file("rows.json", read_row_file), given(b'{"schema": 1, "rows": [' + texts.GOOD + b"]}")),
    Parser("benchmark .json", with_file("b.json", read_source), given(benchmark_json())),
    Parser("examination", lambda data, folder: read_examination(data, "x"), given(exam())),
    Parser(
        "CSV of values", with_file("v.csv", lambda path: read_values(path, "x")), given(b"image,psnr\na,20.5\nb,21\n")
    ),
    Parser("run folder", run_folder, given(RECIPE + b'\0{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')),
    Parser("feature shard", with_file("f.safetensors", index_shard), feature_shard),
    Parser("cached JSON", cached_json, lambda folder: [b'{"values": {"fd": 1.5}, "n": 3}']),
    Parser("remembered digests", memo, given(bytes(range(136)))),
    Parser(
        "--metrics", of_text(parse_keys), given(b"fid,kd@efflite0", b"psnr", b"recall@inception,prdc", b"pd@hedvgg16")
    ),
    Parser("--part", of_text(reference.parse_part), given(b"1/4", b"12/12")),
    Parser("--weights", of_value(WeightFiles()), given(b"inception=a/b.pth")),
    Parser("--latent-dim", of_value(LatentShape()), given(b"100", b"100x1x1")),
    Parser("--pair-by", of_value(PairRule()), given(b"x4", rb"(\d+)", rb"^(?:sr|hr)_(\d{4})[^/]*$", b"order")),
    Parser("--tile", of_value(Tiles()), given(b"1x3:2", b"paired=8x8")),
    Parser("--until-rel", of_value(Fraction()), given(b"1%", b"0.01")),
    Parser(
        "--set",
        of_text(lambda text: with_settings(RECIPES.get("dcgan.digits-cpu"), [text])),
        given(b"steps=200", b"model.width=32", b"optimiser.lr=0.1"),
    ),
    Parser("patterns", of_text(expand), given(b"part-{00..15}.tar", b"{0..1}/{0..9}.tar")),
    Parser(
        "addresses",
        of_text(address),
        addresses,
    ),
)


def niqe_npz(folder: Path) -> list[bytes]:
    np.savez(folder / "seed.npz", mu_pris_param=np.ones((1, 36)), cov_pris_param=np.eye(36))
    return [(folder / "seed.npz").read_bytes()]
