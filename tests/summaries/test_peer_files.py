"""Statistics files of other tools: read as they were written, nothing in them is run, and their protocol holds."""

import collections
import io
import json
import pickle
import pickletools
import sys
import types
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganeval.backbones import BACKBONES
from ganeval.compat.pytorch_fid import calculate_fid_given_paths
from ganeval.errors import ProtocolMismatchError, ReferenceStatisticsError, UsageError
from ganeval.explain.explain import ExplainOptions, explain
from ganeval.explain.pipelines import TOOLS, parse_tools
from ganeval.files.unpickle import KNOWN, Array, Callee, DType, Reader, Refused, value_at
from ganeval.metrics.frechet import uncertain_fd
from ganeval.options import ScoreOptions
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import UNKNOWN_N, Moments
from ganeval.summaries.peer_files.contents import read_contents
from ganeval.summaries.peer_files.import_statistics import import_statistics
from ganeval.summaries.peer_files.origins import ORIGINS
from ganeval.summaries.peer_files.torch_archive import read_torch
from ganeval.summaries.reference_file import load_reference, save_reference
from tests.peer_networks import Cheap, instead_of_inception

N = 60
ROWS = np.abs(np.random.default_rng(0).normal(size=(N, 2048))).astype(np.float32)
MU, SIGMA = ROWS.mean(0, dtype=np.float64), np.cov(ROWS, rowvar=False)
OFF = 1e-9 + 1e-6 * np.abs(SIGMA)
MU_S, SIGMA_S = MU[:2023], SIGMA[:2023, :2023]  # as if the spatial map were the first of them


def stylegan_cache(path):
    wide = ROWS.astype(np.float64)
    facts = {"capture_all": False, "capture_mean_cov": True, "max_items": N, "num_items": N, "num_features": 2048}
    sums = {"all_features": [], "raw_mean": wide.sum(0), "raw_cov": wide.T @ wide}
    path.write_bytes(pickle.dumps(facts | sums))


def edm2_statistics(path):
    other = {"mu": np.zeros(1024), "sigma": np.eye(1024)}
    stats = {"num_images": N, "fid": {"mu": MU, "sigma": SIGMA}, "fd_dinov2": other}
    path.write_bytes(pickle.dumps(stats))


def fidelity_statistics(path):
    """As torch-fidelity's fid_features_to_statistics and torch_atomic_save leave it: a float32 mean."""
    torch.save({"mu": ROWS.mean(axis=0), "sigma": SIGMA}, path)


def npz(path, **arrays):
    np.savez(path, **arrays)


FILES = {
    "fid_stats.npz": ("ttur", lambda p: npz(p, mu=MU, sigma=SIGMA), None, False),
    "saved.npz": ("pytorch-fid", lambda p: npz(p, mu=MU, sigma=SIGMA), None, False),
    "mine_clean_custom_na.npz": ("clean-fid", lambda p: npz(p, mu=MU.astype(np.float32), sigma=SIGMA), None, False),
    "mine_clean_custom_na_kid.npz": ("clean-fid", lambda p: np.savez_compressed(p, feats=ROWS), N, True),
    "x_legacy_pytorch_custom_na.npz": ("clean-fid-legacy-pytorch", lambda p: npz(p, mu=MU, sigma=SIGMA), None, False),
    "x_legacy_tensorflow_custom.npz": (
        "clean-fid-legacy-tensorflow",
        lambda p: npz(p, mu=MU, sigma=SIGMA),
        None,
        False,
    ),
    "VIRTUAL_imagenet.npz": (
        "adm",
        lambda p: npz(p, arr_0=np.zeros((7, 8, 8, 3), np.uint8), mu=MU, sigma=SIGMA, mu_s=MU_S, sigma_s=SIGMA_S),
        None,  # the seven images are not those that mu and sigma are of
        False,
    ),
    "cifar10-32x32.npz": ("edm", lambda p: npz(p, mu=MU, sigma=SIGMA), None, False),
    "img512.pkl": ("edm", edm2_statistics, N, False),
    "ffhq-inception.pkl": ("stylegan", stylegan_cache, N, False),
    "x-inception-v3-compat-stat-fid-2048.pt": ("torch-fidelity", fidelity_statistics, None, False),
    "x-inception-v3-compat-features-2048.pt": (
        "torch-fidelity",
        lambda p: torch.save(torch.from_numpy(ROWS), p),
        N,
        True,
    ),
    "rows.npy": ("pytorch-fid", lambda p: np.save(p, ROWS), N, True),
}


@pytest.mark.parametrize("name", FILES)
def test_each_tools_file_is_read_with_what_it_says_of_itself(tmp_path, name):
    tool, write, n, rows = FILES[name]
    path = tmp_path / name
    write(path)

    found = import_statistics(path, tool, weights_sha256="ab" * 32, resize="words")

    backbone, *spatial = found.sets
    assert backbone == ORIGINS[tool].backbone
    assert spatial == [ORIGINS[tool].spatial] * bool(ORIGINS[tool].spatial)
    assert found.n == n
    assert found.tool == tool
    moments = found.sets[backbone].moments
    assert moments.n == (UNKNOWN_N if n is None else n)
    assert np.allclose(moments.mean, MU, rtol=1e-6)
    assert (np.abs(moments.covariance() - SIGMA) <= OFF).all()
    assert (found.sets[backbone].bank is not None) == rows


def test_every_origin_is_a_path_of_the_table_and_agrees_with_explain():
    for name, origin in ORIGINS.items():
        assert origin.backbone in BACKBONES
        if name in TOOLS:
            assert origin.backbone == TOOLS[name].path


@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickles_of_every_protocol_give_the_same_arrays(tmp_path, protocol, monkeypatch):
    easy = type("EasyDict", (dict,), {"__module__": "dnnlib.util", "__qualname__": "EasyDict"})
    for name in ("dnnlib", "dnnlib.util"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["dnnlib.util"].EasyDict = easy
    arrays = {
        "f4": ROWS[:2],
        "big": ROWS[:2].astype(">f8"),
        "fortran": np.asfortranarray(ROWS[:3, :5]),
        "ints": np.arange(6, dtype=np.int64).reshape(2, 3),
        "scalar": np.float64(0.5),
        "empty": np.zeros((0, 4)),
        "ordered": collections.OrderedDict(a=np.ones(2)),
        "easy": easy(b=np.float32(2.0), c=[1, "two", None, (3.5, True)]),
        "bytes": b"\x00\xff",
    }
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(arrays, protocol=protocol))

    found = read_contents(path)

    for name in ("f4", "big", "fortran", "ints", "empty"):
        assert np.array_equal(value_at(found, [name]), arrays[name]), name
    assert found["scalar"] == 0.5
    assert np.array_equal(value_at(found, ["ordered", "a"]), np.ones(2))
    assert found["easy"] == {"b": 2.0, "c": [1, "two", None, (3.5, True)]}
    assert found["bytes"] == b"\x00\xff"


def test_tensors_of_every_layout_are_torchs(tmp_path):
    base = torch.arange(24.0).reshape(2, 3, 4)
    tensors = {
        "plain": base,
        "transposed": base.transpose(0, 2),
        "part": base[1, :, 1:3],
        "double": base.double(),
        "half": base.half(),
        "long": base.long(),
        "empty": base[:0],
        "zero-dim": base[0, 0, 3],
    }
    torch.save(tensors, tmp_path / "x.pt")

    found = read_torch(tmp_path / "x.pt")

    for name, tensor in tensors.items():
        assert np.array_equal(value_at(found, [name]), tensor.numpy()), name


class Touch:
    """A payload that leaves a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def pickled(*instructions):
    """A hand-written pickle."""
    return b"\x80\x04" + b"".join(instructions) + b"."


def text(value):
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def name_of(module, name):
    return text(module) + text(name) + b"\x93"


RECONSTRUCT = name_of("numpy._core.multiarray", "_reconstruct")
MALICE = {
    "os.system": name_of("os", "system") + text("true") + b"\x85R",
    "eval": name_of("builtins", "eval") + text("1") + b"\x85R",
    "getattr of what is allowed": name_of("builtins", "getattr") + RECONSTRUCT + text("__call__") + b"\x86R",
    "dotted name": name_of("collections", "OrderedDict.__init__"),
    "a submodule of numpy": name_of("numpy", "load") + text("x.npy") + b"\x85R",
    "numpy's own loader": name_of("numpy.lib.npyio", "NpzFile") + b")\x81",
    "import by another name": name_of("importlib", "import_module") + text("os") + b"\x85R",
    "INST opcode": b"(S'true'\nios\nsystem\n",
    "OBJ opcode": b"(" + name_of("os", "system") + text("true") + b"o",
    "a state for a builder": RECONSTRUCT + b"}" + text("_build") + b"Nsb",
    "slots of a builder": RECONSTRUCT + b"N}" + text("_build") + b"Ns\x86b",
    "a state for dict": name_of("collections", "OrderedDict") + b"}" + text("get") + b"Nsb",
    "slots of dict": name_of("collections", "OrderedDict") + b"N}" + text("get") + b"Ns\x86b",
    "an array of another class": RECONSTRUCT + b"(" + RECONSTRUCT + b"K\x00\x85C\x01btR",
    "an array of objects": name_of("numpy", "dtype") + text("O8") + b"\x85R",
    "a structured type": name_of("numpy", "dtype") + text("V8") + b"\x85R",
    "persistent id": text("x") + b"Q",
    "extension code": b"\x82\x01",
    "memo that is not there": b"h\x07",
    "a far memo": b"Nr\xff\xff\xff\x7f0h\x00",
    "a set": b"\x8f",
    "a key that is hashed for ever": b"}(((tttNs",
    "a key that is a tuple": b"})Ns",
    "an object of a known name": name_of("numpy", "dtype") + b")\x81",
    "keyword arguments": name_of("collections", "OrderedDict") + b")}\x92",
    "an array that grows": RECONSTRUCT + b"K\x00a",
    "text in another encoding": name_of("_codecs", "encode") + text("x") + text("rot13") + b"\x86R",
    "protocol 0": b"cos\nsystem\n(S'true'\ntR",
    "a call of a type": name_of("dnnlib.util", "EasyDict") + b")R",
    "stack that is empty": b"0",
    "a promise of bytes": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x00",
    "a promise of text": b"\x8d\xff\xff\xff\xff\xff\xff\x00\x00",
    "no end": b"N",
}


@pytest.mark.parametrize("name", MALICE)
def test_a_pickle_that_does_more_than_hold_arrays_is_refused(tmp_path, name):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04" + MALICE[name] if name == "no end" else pickled(MALICE[name]))

    with pytest.raises(ReferenceStatisticsError, match=r"nothing of it was run|cannot be read"):
        read_contents(path)


def test_payloads_leave_no_trace_in_any_kind_of_file(tmp_path):
    trace = tmp_path / "trace"
    payload = {"mu": Touch(trace), "sigma": SIGMA[:2]}
    for protocol in range(6):
        (tmp_path / f"{protocol}.pkl").write_bytes(pickle.dumps(payload, protocol=protocol))
    torch.save(payload, tmp_path / "x.pt")
    np.save(tmp_path / "x.npy", np.array(payload, dtype=object), allow_pickle=True)
    np.savez(tmp_path / "x.npz", mu=np.array(Touch(trace), dtype=object), sigma=SIGMA[:2])
    files = [*tmp_path.glob("*.pkl"), tmp_path / "x.pt", tmp_path / "x.npy", tmp_path / "x.npz"]

    for path in files:
        with pytest.raises(ReferenceStatisticsError, match=path.name):
            import_statistics(path, "edm", weights_sha256="", resize="")
    assert len(files) == 9
    assert not trace.exists()
    assert b"open" in b"".join(str(op).encode() for op in pickletools.genops((tmp_path / "4.pkl").read_bytes()))


def archive(path, program, storages=(), **members):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/data.pkl", program)
        for key, data in enumerate(storages):
            file.writestr(f"x/data/{key}", data)
        for name, data in members.items():
            file.writestr(f"x/{name}", data)


def tensor_program(offset=0, size=(2,), stride=(1,), count=2, key="0", kind="storage", type_="FloatStorage"):
    class Storage:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return (
                (kind, getattr(torch, type_, torch.FloatStorage), key, "cpu", count)
                if isinstance(obj, Storage)
                else None
            )

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, size, stride, False, collections.OrderedDict())

    stream = io.BytesIO()
    Pickler(stream, 2).dump(Tensor())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("reaches past", {"offset": 1}),
        ("reaches past", {"stride": (3,)}),
        ("from 2 values", {"size": (1 << 40,), "stride": (0,)}),
        ("sides or strides", {"size": (-1,)}),
        ("sides or strides", {"stride": (-1,)}),
        ("offset of -1", {"offset": -1}),
        ("with 1 strides", {"size": (1, 2)}),
        ("holds 2 float32, and says 3", {"count": 3}),
        ("a tensor storage", {"kind": "module"}),
        ("cannot be read", {"key": "../../9"}),
    ],
)
def test_a_tensor_that_reaches_out_of_its_storage_is_refused(tmp_path, words, options):
    path = tmp_path / "x.pt"
    archive(path, tensor_program(**options), [np.arange(2, dtype=np.float32).tobytes()])

    with pytest.raises(ReferenceStatisticsError, match=words):
        read_contents(path)


def test_the_hand_made_archive_is_sound(tmp_path):
    archive(tmp_path / "x.pt", tensor_program(), [np.arange(2, dtype=np.float32).tobytes()])

    assert np.array_equal(read_contents(tmp_path / "x.pt"), [0.0, 1.0])


def test_archives_that_torch_does_not_write_are_refused(tmp_path):
    path = tmp_path / "x.pt"
    torch.save(torch.ones(3), path, _use_new_zipfile_serialization=False)
    with pytest.raises(ReferenceStatisticsError, match=r"since 1\.6"):
        read_contents(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("constants.pkl", b"")
    with pytest.raises(ReferenceStatisticsError, match=r"0 files called data\.pkl"):
        read_contents(path)
    archive(path, tensor_program(), [b"\0" * 8], byteorder=b"big")
    with pytest.raises(ReferenceStatisticsError, match="order"):
        read_contents(path)
    archive(path, pickle.dumps(Touch(tmp_path / "trace"), protocol=2))
    with pytest.raises(ReferenceStatisticsError, match="nothing of it was run"):
        read_contents(path)
    assert not (tmp_path / "trace").exists()


SMALL = pickle.dumps({"mu": ROWS[0, :4], "n": 3, "more": [1.5, "a", {"b": np.float64(1)}]}, protocol=4)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_pickles_are_read_or_refused(data):
    """Whatever bytes change, the reader gives plain things or raises; nothing but the table is ever called."""
    damaged = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    try:
        found = Reader(bytes(damaged[:cut])).load()
    except (Refused, ValueError):  # UnicodeError is one
        return
    assert isinstance(found, dict | list | tuple | str | int | float | bytes | None | Array | DType | Callee) or (
        found in KNOWN.values()
    )


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("x.npz", lambda p: npz(p, mu=MU, sigma=SIGMA[:5]), r"expected \(D,\)"),
        ("x.npz", lambda p: npz(p, mu=MU[:64], sigma=SIGMA[:64, :64]), "64 dimensions"),
        ("x.npz", lambda p: npz(p, mu=MU * np.nan, sigma=SIGMA), "NaN"),
        ("x.npz", lambda p: npz(p, mu=MU, sigma=np.triu(SIGMA)), "not symmetric"),
        ("x.npz", lambda p: npz(p, mu=MU.astype(int), sigma=SIGMA), "int64 where floats"),
        ("x.npz", lambda p: npz(p, arr_0=np.zeros((7, 8, 8, 3), np.uint8)), "score against it as it is"),
        ("x.npz", lambda p: npz(p, other=MU), "neither mu and sigma nor feats"),
        ("x.npz", lambda p: npz(p, feats=ROWS[:, :64]), "expected feature rows"),
        ("x.npz", lambda p: npz(p, feats=ROWS * np.nan), "NaN"),
        ("x.npy", lambda p: np.save(p, ROWS[0]), "expected feature rows"),
        ("x.pkl", lambda p: p.write_bytes(pickle.dumps({"num_images": -5, "mu": MU, "sigma": SIGMA})), "of -5 images"),
        ("x.pkl", lambda p: p.write_bytes(pickle.dumps({"raw_mean": MU, "raw_cov": SIGMA})), "None images"),
        ("x.pkl", lambda p: p.write_bytes(pickle.dumps([1, 2])), "holds list"),
        ("x.pkl", lambda p: p.write_bytes(b""), "cannot be read"),
        ("x.npz", lambda p: p.write_bytes(b"PK"), "cannot be read"),
        ("x.json", lambda p: p.write_text("{}"), "expected .npz"),
        ("x.npz", lambda p: None, "There is no file"),
    ],
)
def test_what_is_no_statistics_is_refused(tmp_path, name, write, words):
    write(tmp_path / name)

    with pytest.raises(ReferenceStatisticsError, match=words):
        import_statistics(tmp_path / name, "edm", weights_sha256="", resize="")


def test_names_and_counts_that_contradict_are_refused(tmp_path):
    for name, tool, words in (
        ("x_legacy_pytorch_custom_na.npz", "clean-fid", "clean-fid-legacy-pytorch"),
        ("x_clean_custom_na.npz", "clean-fid-legacy-tensorflow", "--from clean-fid"),
    ):
        with pytest.raises(UsageError, match=words):
            import_statistics(tmp_path / name, tool, weights_sha256="", resize="")
    np.save(tmp_path / "rows.npy", ROWS)
    with pytest.raises(UsageError, match=f"says {N} itself"):
        import_statistics(tmp_path / "rows.npy", "pytorch-fid", weights_sha256="", resize="", n=7)
    npz(tmp_path / "x.npz", mu=MU, sigma=SIGMA)
    assert import_statistics(tmp_path / "x.npz", "ttur", weights_sha256="", resize="", n=77).n == 77


@pytest.mark.parametrize("imported", [True, False], ids=["imported", "as it is"])
def test_reference_batches_of_guided_diffusion_serve_sfid_by_their_spatial_statistics(tmp_path, imported):
    """The distance that its evaluator prints: of its mu_s and sigma_s, with the divisor n - 1."""
    from ganeval.metrics import METRICS

    path = tmp_path / "VIRTUAL_imagenet.npz"
    npz(path, arr_0=np.zeros((7, 8, 8, 3), np.uint8), mu=MU, sigma=SIGMA, mu_s=MU_S, sigma_s=SIGMA_S)
    given = {"weights_sha256": "ab" * 32, "resize": "words"}
    found = import_statistics(path, "adm", **given) if imported else load_reference(path)
    if imported:
        save_reference(tmp_path / "x.safetensors", found, features=True)
        found = load_reference(tmp_path / "x.safetensors")
    rows = ROWS[:, : len(MU_S)].astype(np.float64) + 0.25
    fake = SetSummary(Moments.of(rows), FeatureBank.of(rows))
    value = METRICS.get("fd").evaluate(found.sets["inception-spatial"], fake)["fd"].value

    # Both are of the same covariance, so that only the means differ.
    assert value == pytest.approx(0.25**2 * len(MU_S), rel=1e-6)
    assert list(found.sets) == ["inception", "inception-spatial"]
    assert found.facts["inception-spatial"] == found.facts["inception"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (lambda: {"mu_s": np.zeros(2048), "sigma_s": np.eye(2048)}, "statistics of 2048 dimensions.*2023-d"),
        (lambda: {"mu_s": np.zeros(2023)}, "without sigma_s"),
        (lambda: {"sigma_s": np.eye(2023)}, "without mu_s"),
        (lambda: {"mu_s": np.full(2023, np.nan), "sigma_s": np.eye(2023)}, "mu_s and sigma_s: mu or sigma holds NaN"),
        (lambda: {"mu_s": np.zeros(2023), "sigma_s": np.eye(2022)}, "mu has shape"),
        (lambda: {"mu_s": np.zeros(2023), "sigma_s": -np.eye(2023)}, "negative eigenvalues"),
    ],
)
def test_spatial_statistics_that_are_none_are_refused(tmp_path, arrays, words):
    npz(tmp_path / "x.npz", mu=MU, sigma=SIGMA, **arrays())

    for read in (load_reference, lambda path: import_statistics(path, "adm", weights_sha256="", resize="")):
        with pytest.raises(ReferenceStatisticsError, match=words):
            read(tmp_path / "x.npz")


def test_an_imported_reference_comes_back_from_its_file(tmp_path):
    npz(tmp_path / "x.npz", mu=MU, sigma=SIGMA)
    found = import_statistics(tmp_path / "x.npz", "ttur", weights_sha256="ab" * 32, resize="r")
    save_reference(tmp_path / "x.safetensors", found, features=True)

    loaded = load_reference(tmp_path / "x.safetensors")

    assert (loaded.n, loaded.tool, loaded.peer, loaded.facts) == (None, "ttur", False, found.facts)
    assert loaded.sets["inception"].moments.n == UNKNOWN_N
    assert not loaded.sets["inception"].counted


def test_without_a_count_there_is_no_interval():
    rng = np.random.default_rng(1)
    fake = np.abs(rng.normal(size=(400, 4))).astype(np.float32)
    side = SetSummary(Moments.of(fake), FeatureBank.of(fake))
    moments = Moments.of(np.abs(rng.normal(size=(500, 4)) + 0.5))

    counted, uncounted = (uncertain_fd(1.0, SetSummary(moments, counted=known), side) for known in (True, False))

    assert counted.ci95 is not None
    assert (uncounted.ci95, uncounted.stderr, uncounted.debiased) == (None, None, None)
    assert "number of images is not known" in uncounted.note


@pytest.fixture
def command(monkeypatch, command_line, tmp_path):
    instead_of_inception(monkeypatch, dim=2048)
    monkeypatch.setattr(
        "ganeval.backbones.loading.use_engine",
        lambda backbone, *_: setattr(backbone, "network", Cheap()) or "cheap",
    )
    monkeypatch.chdir(tmp_path)

    return command_line


def test_a_subject_is_compared_on_the_tools_own_path_and_on_no_other(
    command, make_folder, inception_file, tmp_path, monkeypatch
):
    """clean-fid's statistics of the reals, brought in, give the number that it prints of the images themselves."""
    fake, real = make_folder("fake", 7, [(24, 20)], seed=1), make_folder("real", 9, [(24, 20)], seed=2)
    weights = ("--weights", f"inception={inception_file}")
    options = ScoreOptions(str(fake), str(real), weights={"inception": inception_file}, cache=False)
    theirs = explain(ExplainOptions(options, parse_tools("clean-fid"))).rows[1].value
    clean = BACKBONES.get("inception-clean")
    from ganeval.backbones.loading import load_backbone
    from tests.peer_networks import stack

    backbone = load_backbone("inception-clean", device=torch.device("cpu"), weights_file=inception_file)
    images = torch.from_numpy(stack(real).transpose(0, 3, 1, 2).copy())
    rows = Cheap()(backbone.prepare(images))[0].numpy()
    npz(tmp_path / "reals_clean_custom_na.npz", mu=rows.mean(0), sigma=np.cov(rows, rowvar=False))

    code, out, err = command(
        "reference", "import", "reals_clean_custom_na.npz", "--from", "clean-fid", "-o", "r.safetensors", *weights
    )
    assert code == 0
    assert len(out.strip()) == 64
    assert "an unknown number of images" in err
    assert "score with --metrics fd@inception-clean" in " ".join(err.split())

    code, out, _ = command("reference", "show", "r.safetensors")
    assert "made by     clean-fid" in out
    assert clean.resize in out
    assert "unknown" in out

    score = ("score", fake, "--reference", "r.safetensors", "--no-cache", "--engine", "torch", *weights, "--json", "-")
    code, out, _ = command(*score, "--metrics", "fd@inception-clean")
    (row,) = json.loads(out)["rows"]
    assert code == 0
    assert row["value"] == pytest.approx(theirs, rel=1e-6)
    assert (row["n_real"], row["ci95"], row["debiased"], row["comparable_to_published"]) == (None, None, None, False)
    assert "imported from clean-fid, of an unknown number of images" in row["note"]

    by_option = [part if part != "--reference" else "--fid-statistics-file" for part in score]
    assert json.loads(command(*by_option, "--metrics", "fd@inception-clean")[1])["rows"][0]["value"] == row["value"]

    code, out, err = command(*score, "--metrics", "fid")
    assert (code, out) == (6, "")
    assert "--metrics fd@inception-clean" in " ".join(err.split())
    with pytest.raises(ProtocolMismatchError, match="made by clean-fid"):
        calculate_fid_given_paths([fake, tmp_path / "r.safetensors"], weights=inception_file)


@pytest.mark.parametrize("name", ["score", "explain"])
def test_a_file_that_must_be_imported_first_says_so(command, tmp_path, name):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({}))
    for file, code, words in (
        ("x.pkl", 3, "ganeval reference import x.pkl --from TOOL"),
        ("no.npz", 3, "There is no file no.npz"),
    ):
        found, out, err = command(name, "digits:test", "--fid-statistics-file", file)
        assert (found, out) == (code, "")
        assert words in " ".join(err.split())
    assert command(name, "digits:test", "--fid-statistics-file", "x.pkl", "--reference", "digits:train")[0] == 2


def test_statistics_of_other_weights_are_no_reference(command, make_folder, inception_file, tmp_path):
    npz(tmp_path / "x.npz", mu=MU, sigma=SIGMA)
    command("reference", "import", "x.npz", "--from", "ttur", "-o", "r.safetensors")
    fake = make_folder("fake", 4, seed=1)

    weights = ("--weights", f"inception={inception_file}")
    code, _, err = command("score", fake, "--reference", "r.safetensors", "--metrics", "fid", *weights)

    assert code == 6
    assert "Import it again, with the weights" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["x.npz", "--from", "tur", "-o", "r.safetensors"], 2, "--from"),
        (["x.npz", "--from", "ttur", "-o", "r.npz"], 2, "must end in .safetensors"),
        (["x.npz", "--from", "ttur", "-o", "no/r.safetensors"], 2, "the folder"),
        (["x.npz", "--from", "ttur", "-o", "r.safetensors", "--n", "1"], 2, "--n"),
        (["x.npz", "--from", "ttur", "-o", "r.safetensors", "--weights", "vgg16=a"], 2, "inception alone"),
        (["x.npz", "--from", "ttur", "-o", "r.safetensors", "--weights", "inception=a"], 3, "Cannot read"),
        (["x.npz", "--from", "ttur", "-o", "r.safetensors"], 3, "There is no file x.npz"),
    ],
)
def test_what_cannot_be_meant_is_refused(command, arguments, code, words, tmp_path):
    found, out, err = command("reference", "import", *arguments)

    assert (found, out) == (code, "")
    assert words in " ".join(err.split())
    assert not (tmp_path / "r.safetensors").exists()
