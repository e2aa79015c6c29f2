"""Engines: the same features from folded torch, OpenVINO and the plain network, in any company; bfloat16 measured."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from ganeval.backbones.call_sizes import CALL
from ganeval.backbones.calls import Measured, TorchNetwork, in_calls, joined
from ganeval.backbones.engines import use_engine
from ganeval.backbones.float32 import true_float32
from ganeval.backbones.loading import load_backbone, measured_error
from ganeval.errors import UsageError
from ganeval.files.disk_cache import cache_home, write_json
from ganeval.options import ScoreOptions
from ganeval.scoring.feature_pass import run_network
from tests.conftest import ToyBackbone
from tests.one_pass import score

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
ENGINES = ["torch", *(["openvino"] if importlib.util.find_spec("openvino") else [])]


def images(n, side=40, seed=0):
    rng = np.random.default_rng(seed)
    return [
        np.kron(rng.integers(0, 256, (3, side // 8, side // 8)), np.ones((8, 8))).astype(np.uint8) for _ in range(n)
    ]


def opened(engine, folder, precision="exact"):
    backbone = load_backbone("efflite0", device=CPU)
    use_engine(backbone, engine, precision, folder)
    return backbone


@pytest.mark.skipif("openvino" not in ENGINES, reason="needs OpenVINO")
def test_openvino_never_finds_what_it_would_phone_home_with():
    code = (
        "import sys, numpy as np, torch\n"
        "from ganeval.backbones.engines import use_engine\n"
        "from ganeval.backbones.loading import load_backbone\n"
        "from ganeval.scoring.feature_pass import run_network\n"
        "backbone = load_backbone('efflite0', device=torch.device('cpu'))\n"
        "print(use_engine(backbone, 'openvino').partition(' ')[0])\n"
        "run_network(backbone, [np.zeros((3, 40, 40), np.uint8)])\n"
        "print('openvino_telemetry' in sys.modules, 'openvino' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.split() == ["openvino", "False", "True"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Converted once for all tests."""
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def plain():
    return run_network(load_backbone("efflite0", device=CPU), images(11))


@pytest.mark.parametrize("engine", ENGINES)
def test_exact_features_are_those_of_the_plain_network(engine, plain, folder):
    features, logits = run_network(opened(engine, folder), images(11))

    assert np.abs(features - plain[0]).max() < 1e-5 * np.abs(plain[0]).max()
    assert np.abs(logits - plain[1]).max() < 1e-5 * np.abs(plain[1]).max()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_image_has_the_same_bits_in_any_company(engine, folder):
    backbone = opened(engine, folder)
    together, _ = run_network(backbone, images(11))

    alone = np.concatenate([run_network(backbone, [image])[0] for image in images(3)])

    assert np.array_equal(alone, together[:3])


@pytest.mark.parametrize("engine", ENGINES)
def test_fast_is_off_by_what_it_says(engine, plain, folder):
    backbone = opened(engine, folder, "fast")
    features, _ = run_network(backbone, images(CALL))

    error = measured_error(backbone)
    off = np.linalg.norm(features - plain[0][:CALL], axis=1) / np.linalg.norm(plain[0][:CALL], axis=1)
    assert error == pytest.approx(off.max(), rel=1e-3, abs=1e-6)
    assert error < 0.1
    assert measured_error(opened(engine, folder)) is None


@pytest.mark.slow
@pytest.mark.skipif("openvino" not in ENGINES, reason="OpenVINO is not installed")
def test_a_converted_network_is_kept_and_an_altered_file_of_it_is_not_trusted(tmp_path, monkeypatch, plain):
    first, _ = run_network(opened("openvino", tmp_path), images(3))
    (kept,) = tmp_path.glob("*.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr("torch.jit.trace", lambda *_, **__: pytest.fail("converted again"))
        again, _ = run_network(opened("openvino", tmp_path), images(3))
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x55")

    third, _ = run_network(opened("openvino", tmp_path), images(3))

    assert np.array_equal(first, again)
    assert np.array_equal(first, third)


def test_a_row_of_fast_states_its_error_and_has_another_fingerprint(make_folder):
    fake, real = make_folder("fake", 6), make_folder("real", 6, seed=1)
    options = {"reference": str(real), "metrics": "kd", "engine": "torch"}

    (exact,) = score(ScoreOptions(str(fake), **options)).results
    (fast,) = score(ScoreOptions(str(fake), **options, precision="fast")).results
    (cached,) = score(ScoreOptions(str(fake), **options, precision="fast")).results

    assert (exact.protocol.precision, fast.protocol.precision) == ("exact", "fast")
    assert exact.fingerprint != fast.fingerprint
    assert 0 < fast.provenance["fast_relative_error"] < 0.1
    assert cached.provenance["fast_relative_error"] == fast.provenance["fast_relative_error"]
    assert cached.value == fast.value
    assert "fast_relative_error" not in exact.provenance
    assert json.dumps(fast.to_dict())


def photos():
    """Crops of photos, on which the features of EfficientNet-Lite0 are far off in bfloat16."""
    rocket = skimage.data.rocket()
    crops = [rocket[y : y + 160, x : x + 160] for y in (0, 120, 240) for x in (0, 200, 400)]
    return [np.ascontiguousarray(crop.transpose(2, 0, 1)) for crop in crops]


@pytest.mark.parametrize("engine", ENGINES)
def test_fast_is_refused_if_features_are_too_far_off(engine, folder):
    with pytest.raises(UsageError, match=r"fast moves features of efflite0 by up to \d\d% .* exact"):
        run_network(opened(engine, folder, "fast"), photos())


def test_cached_features_that_are_too_far_off_are_refused(make_folder, monkeypatch):
    options = ScoreOptions(str(make_folder("fake", 3)), metrics="vendi", engine="torch", precision="fast")
    score(options)
    monkeypatch.setattr("ganeval.backbones.precision.MOST_ERROR", 1e-4)

    with pytest.raises(UsageError, match="fast moves features of efflite0"):
        score(options)


def test_calls_are_of_one_size_and_join_to_what_was_given():
    batch = torch.arange(2.0 * CALL - 3).reshape(-1, 1, 1, 1)

    calls = in_calls(batch, CALL)

    assert [len(call) for call in calls] == [CALL, CALL]
    assert torch.equal(joined([call.flatten(1) for call in calls], len(batch)), batch.flatten(1))
    pair = joined([(call, call + 1) for call in calls], len(batch))
    assert torch.equal(pair[1], batch + 1)


def test_the_exact_network_is_let_go_after_the_first_images():
    linear = torch.nn.utils.skip_init(torch.nn.Linear, 12, 3).requires_grad_(False)
    linear.weight.fill_(1 / 3), linear.bias.fill_(0.1)
    network = torch.nn.Sequential(torch.nn.Flatten(), linear)
    measured = Measured(TorchNetwork(network, CPU, "fast"), TorchNetwork(network, CPU, "exact"))

    measured(torch.ones(2, 3, 2, 2))

    assert measured.exact is None
    assert 0 <= measured.error < 0.05


def test_a_backbone_without_parameters_keeps_its_network():
    toy = ToyBackbone()
    before = toy.network

    assert use_engine(toy, "auto").startswith("torch")
    assert toy.network is before


@pytest.mark.skipif("openvino" not in ENGINES, reason="needs OpenVINO")
def test_a_row_names_the_engine_that_made_its_features_whatever_runs_now(make_folder, tmp_path):
    """Cached features, estimates, floors and moments stay what they were; the row says whose they are."""
    from ganeval.scoring.compare import compare

    fake, real = make_folder("fake", 8, seed=0), make_folder("real", 10, seed=1)
    more = make_folder("more", 3, seed=2)

    def row(engine, subject=fake, **given):
        options = ScoreOptions(str(subject), reference=str(real), metrics="kd@efflite0", engine=engine, **given)
        (found,) = score(options).results
        return found

    first, again, alone = row("openvino"), row("torch"), row("torch", cache=False)

    openvino, torch_ = first.provenance["engine"], alone.provenance["engine"]
    assert openvino.startswith("openvino ")
    assert torch_ == f"torch {torch.__version__}"
    assert again.provenance["engine"] == f"{openvino} (cached)"
    assert first.floor is not None
    assert (again.value, again.floor) == (first.value, first.floor)
    assert again.fingerprint == alone.fingerprint, "engines are provenance"
    assert alone.value == pytest.approx(first.value, rel=1e-3)

    for path in more.iterdir():
        path.rename(fake / f"new-{path.name}")
    mixed = row("torch")
    assert mixed.provenance["engine"] == f"{openvino} (18 images), {torch_} (3 images)"
    options = ScoreOptions(str(real), reference=str(real), metrics="kd@efflite0", engine="torch")
    (compared,) = compare(options, str(fake))
    assert compared.result.provenance["engine"] == f"{openvino} (17 images), {torch_} (3 images) (cached)"  # 10 of 11


@pytest.mark.skipif("openvino" not in ENGINES, reason="needs OpenVINO")
def test_a_kept_estimate_is_that_of_the_features_whose_engine_the_row_states(make_folder, monkeypatch, tmp_path):
    """Features go (a cache that was cleaned), estimates stay: they are of other features than the new ones."""
    import shutil

    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    fake, real = make_folder("fake", 8, seed=0), make_folder("real", 10, seed=1)
    options = {"reference": str(real), "metrics": "kd@efflite0,fd@efflite0"}
    score(ScoreOptions(str(fake), engine="openvino", **options))
    shutil.rmtree(tmp_path / "cache" / "features")

    rows = score(ScoreOptions(str(fake), engine="torch", **options)).results
    alone = score(ScoreOptions(str(fake), engine="torch", cache=False, **options)).results

    assert [row.value for row in rows] == [row.value for row in alone]
    assert [row.floor for row in rows] == [row.floor for row in alone]
    assert any(row.floor is not None for row in rows)
    assert {row.provenance["engine"] for row in rows} == {f"torch {torch.__version__}"}


def test_features_of_a_cache_that_names_no_engine_are_used_and_said_to_be_of_an_unknown_one(tmp_path):
    """What an earlier version wrote."""
    from safetensors import safe_open
    from safetensors.numpy import save

    from ganeval.scoring.feature_store import UNRECORDED, FeatureStore
    from ganeval.sources.image_facts import ImageFacts

    store = FeatureStore(tmp_path / "now", "toy")
    store.write([b"1" * 32], [ImageFacts(1, 1, "png", ())], np.ones((1, 4), np.float32), None, "torch 1")
    (path,) = (tmp_path / "now").iterdir()
    with safe_open(path, framework="numpy") as shard:
        meta = {key: value for key, value in shard.metadata().items() if key != "engine"}
        data = save({name: shard.get_tensor(name) for name in shard.keys()}, metadata=meta)  # noqa: SIM118
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / f"{hashlib.sha256(data).hexdigest()[:32]}.safetensors").write_bytes(data)

    assert FeatureStore(tmp_path / "now", "toy").find(b"1" * 32).engine == "torch 1"
    assert FeatureStore(tmp_path / "old", "toy").find(b"1" * 32).engine == UNRECORDED


def test_the_error_of_fast_is_the_largest_that_was_measured_where_features_come_from_the_cache(
    make_folder, monkeypatch
):
    monkeypatch.setattr("ganeval.backbones.precision.MOST_ERROR", 1.0)
    real = make_folder("real", 8, seed=1)
    options = {"reference": str(real), "metrics": "kd@efflite0", "engine": "torch", "precision": "fast"}
    first = score(ScoreOptions(str(make_folder("a", 8, seed=0)), **options)).results[0]
    folder = next(path.parent for path in cache_home().rglob("fast-error-*.json"))
    write_json(folder, "fast-error", 0.25)  # as another engine or device measured it

    second = score(ScoreOptions(str(make_folder("b", 8, seed=3)), **options)).results[0]

    assert 0 < first.provenance["fast_relative_error"] < 0.2
    assert second.provenance["fast_relative_error"] == 0.25


def test_networks_run_without_tf32_whatever_the_process_allows_and_leave_its_settings_as_they_were():
    """The settings are read by CUDA alone, but exist everywhere."""
    seen = []

    def settings():
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = settings()
    try:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        with true_float32(torch.device("cuda")):
            seen.append(settings())
        seen.append(settings())
        with pytest.raises(KeyError), true_float32(torch.device("cuda", 1)):
            raise KeyError
        seen.append(settings())
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before

    assert seen == [(False, False), (True, True), (True, True)]


ALLOWED = {
    "nothing": "",
    "products by name": "torch.set_float32_matmul_precision('medium')",
    "products": "torch.backends.cuda.matmul.allow_tf32 = True",
    "products by the new setting": "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
    "convolutions apart": "torch.backends.cudnn.conv.fp32_precision = 'ieee'",
    "bfloat16 on the CPU": "torch.backends.mkldnn.matmul.fp32_precision = 'bf16'",
    "everything": "torch.backends.fp32_precision = 'tf32'",
    "a race of algorithms": "torch.backends.cudnn.benchmark = True",
}

PROBE = """
import json
import sys

import numpy as np
import torch

from ganeval.backbones.float32 import true_float32

def settings():
    found = {}
    for backend, kind in map(str.split, ("cuda matmul", "cudnn conv", "cudnn rnn", "mkldnn matmul", "mkldnn conv")):
        found[f"{backend} {kind}"] = getattr(getattr(torch.backends, backend), kind).fp32_precision
    for name, read in {
        "old products": torch.get_float32_matmul_precision,
        "old convolutions": lambda: torch.backends.cudnn.allow_tf32,
    }.items():
        try:
            found[name] = read()
        except RuntimeError:
            found[name] = "refused"
    found["race"] = torch.backends.cudnn.benchmark
    return found

for allowed in json.loads(sys.argv[1]):
    exec(allowed)
    before = settings()
    with torch.autocast("cpu", dtype=torch.bfloat16), true_float32(torch.device("cpu")):
        inside, product = settings(), torch.ones(2, 2) @ torch.ones(2, 2)
    print(json.dumps([before, inside, settings(), str(product.dtype)]))
"""


def test_every_setting_that_allows_less_than_float32_is_off_while_a_network_runs_and_back_afterwards():
    """A process of its own: torch refuses its old settings for good once new ones were used."""
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("this PyTorch has the old settings only")
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(list(ALLOWED.values()))], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(ALLOWED)
    for allowed, (before, inside, after, dtype) in zip(ALLOWED, lines, strict=True):
        assert after == before, allowed
        assert {value for name, value in inside.items() if name[0] in "cm"} == {"ieee"}, allowed
        assert not inside["race"], allowed
        assert dtype == "torch.float32", allowed


def test_no_file_but_one_touches_the_settings_of_float32():
    words = ("allow_tf32", "fp32_precision", "set_float32_matmul_precision", "cudnn.benchmark")
    root = Path(__file__).parents[2]
    touching = {
        path.relative_to(root).as_posix()
        for folder in ("ganeval", "reference_models")
        for path in (root / folder).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in words)
    }
    assert touching == {"ganeval/backbones/float32.py"}
