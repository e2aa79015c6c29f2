"""What all tests share: a private cache, a toy backbone, small image folders, and golden values."""

import gc
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from ganeval.backbones.base import Backbone, BackboneInfo, Output
from ganeval.backbones.networks.inception import InceptionNetwork
from ganeval.backbones.openvino_model import Converted
from ganeval.backbones.weights import LoadedWeights, load_into
from ganeval.cli.main import main
from tests.option_names import foreign_options

GOLDEN = Path(__file__).parent / "golden"

# Examples have no time limit: hypothesis's 200 ms fail on a busy machine. Nothing is written to the checkout.
settings.register_profile("ganeval", deadline=None, database=None)
settings.load_profile("ganeval")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/*.json; review the diff")


def pytest_collection_finish():
    """What was imported and collected stays to the end; the garbage collector need not go over it again."""
    gc.freeze()


@pytest.fixture(scope="session")
def private_folders(tmp_path_factory):
    """Empty folders, one a call. `mktemp` reads the names of all that it has made, which thousands of tests feel."""
    root, numbers = tmp_path_factory.mktemp("private"), itertools.count()

    def make():
        folder = root / str(next(numbers))
        folder.mkdir(mode=0o700)
        return folder

    return make


@pytest.fixture(autouse=True)
def private_cache(private_folders, monkeypatch):
    """No test reads or writes the user's cache or settings, or sees how wide the terminal is."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("GANEVAL_CACHE", str(private_folders()))
    monkeypatch.setenv("TORCH_HOME", str(private_folders()))
    monkeypatch.delenv("GANEVAL_WEIGHTS_MIRROR", raising=False)


@pytest.fixture(scope="session", autouse=True)
def networks_are_traced_once():
    """Each test has a cache of its own, in which each would trace and convert the same network for OpenVINO anew."""
    trace, known = Converted._traced, {}

    def traced(self, openvino, network, images):
        if self._folder is None:  # kept nowhere: a network of the test's own
            return trace(self, openvino, network, images)
        if (key := (self._key, images)) not in known:
            known[key] = trace(self, openvino, network, images)
        return known[key].clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Converted, "_traced", traced)
        yield


@pytest.fixture(autouse=True)
def coverage_goes_on():
    """A stack that runs full takes the trace function with it: put back what `make coverage` listens with."""
    before = sys.gettrace()
    yield
    if sys.gettrace() is None and before is not None:
        sys.settrace(before)


@pytest.fixture(autouse=True)
def global_random_state_is_left_alone():
    """The global RNGs are neither moved nor read by the package; moving them fails the test that did it."""
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    yield
    assert torch.equal(before[0], torch.random.get_rng_state()), "torch's global RNG was moved"
    assert np.array_equal(before[1], np.random.get_state()[1]), "numpy's global RNG was moved"


@pytest.fixture
def short_sets(monkeypatch):
    """Data sets that are folders of photos may hold a few images only."""
    monkeypatch.setattr("ganeval.sources.datasets.photo_folders.missing_of", lambda folder, root: "")


@pytest.fixture
def command_line(capsys):
    """Calls `ganeval` in this process: (exit code, stdout, stderr); a traceback is never an answer."""

    def call(*arguments):
        arguments = [str(argument) for argument in arguments]
        try:
            main(arguments)
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert code == 0 or not (foreign := foreign_options(arguments, captured.err)), (foreign, captured.err)
        return code, captured.out, captured.err

    return call


@pytest.fixture
def golden(request):
    """Compares a number with tests/golden/<file>.json[name] = {value, tolerance, source}."""

    def as_pinned(entry):
        return pytest.approx(entry["value"], rel=entry["tolerance"])

    def check(file: str, name: str, value: float) -> None:
        path = GOLDEN / f"{file}.json"
        table = json.loads(path.read_text())
        if request.config.getoption("--update-golden") and not (name in table and value == as_pinned(table[name])):
            table.setdefault(name, {"source": "", "tolerance": 1e-9})["value"] = value
            path.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n")
        assert name in table, f"{path} has no {name!r}: --update-golden begins an entry, whose source you name"
        assert value == as_pinned(table[name]), f"{file}: {name}"

    return check


TOY = BackboneInfo(
    name="toy",
    summary="16 fixed random projections of the 8x8 image, for tests",
    weights=None,
    dim=16,
    classes=5,
    resize="area-8",
    canonical=False,
    pyramid=False,
    load=lambda info, weights, device: ToyBackbone(),
)


class ToyBackbone(Backbone):
    """A backbone that costs nothing; counts the images its network saw."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        super().__init__(TOY, LoadedWeights({}, "0" * 64, pinned=True), torch.device("cpu"))
        self.network = torch.nn.Identity()
        self.projection = torch.randn(192, 16, generator=generator) / 192**0.5
        self.classifier = torch.randn(16, 5, generator=generator)
        self.seen = 0

    def prepare(self, images):
        return torch.nn.functional.adaptive_avg_pool2d(images.float(), (8, 8)) / 255

    def forward(self, prepared):
        self.seen += len(prepared)
        features = (prepared.flatten(1) @ self.projection).relu()
        return Output(features, features @ self.classifier)


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory):
    """Random weights in the canonical layout, with BatchNorm statistics of random images so that nothing explodes."""
    generator = torch.Generator().manual_seed(1)
    with torch.device("meta"):
        network = InceptionNetwork()
    state = {}
    for key, tensor in network.state_dict().items():
        if tensor.dim() >= 2:
            state[key] = torch.randn(tensor.shape, generator=generator) * (2 / tensor[0].numel()) ** 0.5  # He
        else:  # scale and variance around 1, shift and mean around 0
            centre = 1.0 if key.endswith(("bn.weight", "running_var")) else 0.0
            state[key] = centre + 0.2 * torch.rand(tensor.shape, generator=generator)
    load_into(network, state, "inception")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # running statistics become those of the one batch below
    with torch.no_grad():
        coarse = torch.rand(4, 3, 7, 9, generator=generator) * 2 - 1
        network.train()(torch.nn.functional.interpolate(coarse, (107, 107)))
        network.fc.weight.mul_(0.1)  # else one class takes all, and torch-fidelity's 0 log 0 is NaN
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def toy():
    return ToyBackbone()


@pytest.fixture
def make_folder(tmp_path):
    """Writes a folder of random PNGs: make_folder("name", n, sizes=[(h, w), ...], seed=0) -> path."""

    def make(name, n, sizes=((12, 12),), seed=0, suffix=".png", darken=1):
        rng = np.random.default_rng(seed)
        folder = tmp_path / name
        folder.mkdir()
        for i in range(n):
            height, width = sizes[i % len(sizes)]
            base = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
            pixels = np.kron(base, np.ones((4, 4, 1), dtype=np.uint8))[:height, :width] // darken
            Image.fromarray(pixels).save(folder / f"{i:05d}{suffix}")
        return folder

    return make
