"""Foreign generators as subjects: what they give becomes the right bytes, and what they cannot be is said."""

import importlib.util
import pickle
import sys
import textwrap
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ganeval
from ganeval.backbones.engines import openvino_version
from ganeval.errors import DataError, UsageError, WeightsError
from ganeval.generators.base import Declared
from ganeval.generators.latents import draws_from, latents
from ganeval.generators.open import open_generator
from ganeval.generators.output import to_bytes
from ganeval.generators.wrap import wrap
from ganeval.options import ScoreOptions
from reference_models.checkpoints.checkpoint import Checkpoint, save_checkpoint
from reference_models.data.transforms import low_resolution
from reference_models.models import MODELS
from reference_models.models.build import build_generator
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import recipe_to_json
from tests.onnx_files import write_onnx

CODE = """
    import numpy as np
    import torch
    from torch import nn

    class Tanh(nn.Module):
        latent_dim = 5
        value_range = "-1..1"

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(5, 3 * 4 * 6)

        def forward(self, z):
            return torch.tanh(self.linear(z)).reshape(-1, 3, 4, 6)

    class Bare(nn.Module):  # states nothing
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.full((1,), 0.1))

        def forward(self, z):
            return self.weight * z.reshape(len(z), 1, 1, -1).expand(-1, 3, 2, -1)

    class Noisy(Tanh):
        def forward(self, z):
            return torch.tanh(self.linear(z) + torch.randn(len(z), 72)).reshape(-1, 3, 4, 6)

    class Conditional(nn.Module):
        latent_dim, value_range, classes = 2, "0..1", ("cat", "dog")

        def forward(self, z, labels):
            return (labels / 2 + 0.25).reshape(-1, 1, 1, 1).expand(-1, 1, 3, 3)

    class Doubling(nn.Module):  # floats in, floats out, twice as large
        value_range, scale = "-1..1", 2

        def forward(self, images):
            assert images.min() >= -1 and images.max() <= 1
            return images.repeat_interleave(2, 2).repeat_interleave(2, 3)

    def drawer():
        def draw(indices, seed):
            return np.stack([np.full((1, 2, 3), 10 * seed + i % 10, dtype=np.uint8) for i in indices])
        return draw

    def inverter():
        return lambda images: 255 - images

    def gives(what):
        return lambda: (lambda indices, seed: what(len(indices)))

    nan = gives(lambda n: torch.full((n, 3, 2, 2), float("nan")))
    flat = gives(lambda n: torch.zeros(n, 12))
    text = gives(lambda n: "images")
    longs = gives(lambda n: torch.zeros(n, 3, 2, 2, dtype=torch.int64))
    signed = gives(lambda n: torch.rand(n, 3, 8, 8) * 2 - 1)
    bytes_as_floats = gives(lambda n: torch.rand(n, 3, 8, 8) * 255)
    failing = gives(lambda n: 1 / 0)
    number = 7
    three = lambda: lambda a, b, c: None
    broken = lambda: {}["no"]
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module `foreign_code` in the current folder, forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "foreign_code.py").write_text(textwrap.dedent(CODE))
    yield "foreign_code"
    sys.modules.pop("foreign_code", None)
    importlib.invalidate_caches()


@pytest.fixture
def code(module):
    """The same module, imported."""
    spec = importlib.util.spec_from_file_location("seen_by_tests", f"{module}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def run(command_line):
    return command_line


def seeded(make):
    """A network with the weights that a factory's network gets."""
    with draws_from(torch.Generator().manual_seed(0)):
        return make()


def torchscript(network, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and in wide use
        torch.jit.trace(network, torch.zeros(2, 5)).save(str(path))


def opened(subject, n=3, **more):
    return open_generator(ScoreOptions(subject=str(subject), num_samples=n, device="cpu", **more))


def pixels(source):
    return np.stack([source.read(index).decode().pixels for index in range(len(source))])


def bytes_of(floats):
    """The project's rule, written out."""
    return np.rint(np.clip((floats.astype(np.float64) + 1) / 2, 0, 1) * 255).astype(int)


def near(images, floats):
    """Equal but for a last bit, which a network may round otherwise in a batch of another size."""
    assert np.abs(images.astype(int) - bytes_of(floats)).max() <= 1
    assert (images == bytes_of(floats)).mean() > 0.99


def folder(path, count=2, height=6, width=8):
    path.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path / f"{number}.png")
    return path


def test_a_module_gives_what_its_network_makes_of_the_projects_latents(module, code):
    source = opened(f"{module}:Tanh", n=70, seed=3)
    network = seeded(code.Tanh)
    with torch.no_grad():
        floats = network(latents(range(70), 5, 3)).numpy()

    near(pixels(source), floats)
    assert source.origin == {"kind": "factory", "model": f"{module}:Tanh", "parameters": 5 * 72 + 72}
    again = opened(f"{module}:Tanh", n=7, seed=3)
    assert np.array_equal(pixels(source)[:7], pixels(again)), "neither n nor a second run changes an image"
    assert not np.array_equal(pixels(opened(f"{module}:Tanh", n=7, seed=4)), pixels(again))


def test_noise_of_the_networks_own_is_the_same_for_the_same_images(module):
    first, second = opened(f"{module}:Noisy", n=5), opened(f"{module}:Noisy", n=66)

    assert np.array_equal(pixels(first), pixels(second)[:5])
    assert not np.array_equal(pixels(first), pixels(opened(f"{module}:Tanh", n=5)))


def test_latents_may_have_a_shape(module):
    source = opened(f"{module}:Bare", latent_dim=(4, 1, 1), value_range="-1..1")

    near(pixels(source)[:, 0, 0], 0.1 * latents(range(3), 4, 0).numpy())


def test_a_function_draws_by_index_and_seed(module):
    source = opened(f"{module}:drawer", n=4, seed=2)

    assert pixels(source)[:, 0, 0, 0].tolist() == [20, 21, 22, 23]
    assert source.read(0).decode().notes == {"grey"}


def test_classes_come_in_turn_and_are_labels(module):
    source = opened(f"{module}:Conditional", n=4)
    dogs = open_generator(ScoreOptions(f"{module}:Conditional", num_samples=3, device="cpu"), "dog")

    assert [item.label for item in source.items] == ["cat", "dog", "cat", "dog"]
    assert pixels(source)[:, 0, 0, 0].tolist() == [64, 191, 64, 191]
    assert pixels(dogs)[:, 0, 0, 0].tolist() == [191, 191, 191]


def test_translators_get_the_inputs_that_are_named(module, tmp_path, run):
    low = folder(tmp_path / "low")
    inverted = opened(f"{module}:inverter", n=None, inputs=str(low))
    with Image.open(low / "1.png") as image:
        expected = 255 - np.asarray(image).transpose(2, 0, 1)

    assert [item.name for item in inverted.items] == ["0.png", "1.png"]
    assert np.array_equal(inverted.read(1).decode().pixels, expected)
    status, out, err = run("sample", f"{module}:Doubling", "--inputs", "low", "-o", "high", "--device", "cpu")
    assert (status, out.strip()) == (0, "high"), err
    with Image.open("high/0.png") as large, Image.open("low/0.png") as small:
        assert np.array_equal(np.asarray(large), np.asarray(small).repeat(2, 0).repeat(2, 1))


def test_super_resolution_of_a_known_scale_is_scored_from_the_originals(module, tmp_path, run):
    originals = folder(tmp_path / "hr", height=9, width=13)
    made = opened(f"{module}:Doubling", n=None, paired=str(originals))

    assert made.read(0).decode().pixels.shape == (3, 9, 13)
    status, out, err = run("score", f"{module}:Doubling", "--paired", originals, "--metrics", "psnr", "--device", "cpu")
    assert status == 0, err
    assert "PSNR" in out
    status, _, err = run("score", f"{module}:inverter", "--paired", originals, "--metrics", "psnr", "--device", "cpu")
    assert status == 2
    assert "states no scale" in err


def test_torchscript_runs_with_the_statements_of_the_command_line(module, code, tmp_path):
    network = seeded(code.Tanh)
    torchscript(network, "g.pt")
    source = opened("g.pt", latent_dim=(5,), value_range="-1..1")
    with torch.no_grad():
        floats = network(latents(range(3), 5, 0)).numpy()

    near(pixels(source), floats)
    assert source.origin["kind"] == "torchscript"
    assert source.origin["parameters"] == 432
    assert len(source.origin["sha256"]) == 64


@pytest.mark.skipif(openvino_version() is None, reason="OpenVINO is an extra")
@pytest.mark.parametrize("batch", ["n", 1, 5])
def test_onnx_runs_whatever_batch_it_was_exported_with(batch, tmp_path):
    rng = np.random.default_rng(0)
    weight, shape = rng.standard_normal((4, 12)).astype(np.float32), np.array([-1, 3, 2, 2], dtype=np.int64)
    nodes = [("MatMul", ["x", "w"], "a"), ("Tanh", ["a"], "b"), ("Reshape", ["b", "s"], "y")]
    write_onnx(tmp_path / "g.onnx", nodes, {"w": weight, "s": shape}, [batch, 4], [batch, 3, 2, 2])
    source = opened(tmp_path / "g.onnx", n=6, value_range="-1..1")

    near(pixels(source), np.tanh(latents(range(6), 4, 0).numpy() @ weight).reshape(-1, 3, 2, 2))
    assert source.origin["kind"] == "onnx"
    assert "openvino_telemetry" not in sys.modules


@pytest.mark.parametrize("write", ["safetensors", "torch"])
def test_a_bare_state_dict_needs_its_class(write, module, code, tmp_path, run):
    from safetensors.torch import save_file

    network = seeded(code.Tanh)
    state = network.state_dict()
    path = tmp_path / ("g.safetensors" if write == "safetensors" else "g.pth")
    (save_file if write == "safetensors" else torch.save)(state, path)
    source = opened(path, generator=f"{module}:Tanh")
    with torch.no_grad():
        floats = network(latents(range(3), 5, 0)).numpy()

    near(pixels(source), floats)
    assert source.origin["model"] == f"{module}:Tanh"
    status, _, err = run("sample", path, "-o", "x", "--device", "cpu")
    assert status == (3 if write == "safetensors" else 2)
    assert "--generator package.module:Class" in err


class Hostile:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return open, ("was_run", "w")


def files(tmp_path, code):
    torch.save({"linear.weight": torch.zeros(72, 5)}, tmp_path / "missing.pth")
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "nested.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "missing.pth").read_bytes()[:300])
    (tmp_path / "hostile.pth").write_bytes(pickle.dumps(Hostile()))
    torch.save({"a": Hostile()}, tmp_path / "hostile_zip.pth")
    torchscript(seeded(lambda: nn.Linear(5, 5)), tmp_path / "whole.pt")
    (tmp_path / "half.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:400])
    (tmp_path / "bad.onnx").write_bytes(b"no model at all")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["no_such_module:make"], 2, "There is no module 'no_such_module'"),
        (["digitz:test"], 2, "Did you mean the data set 'digits'"),
        (["foreign_code:Tnah"], 2, "Did you mean 'Tanh'"),
        (["foreign_code:number"], 2, "is a int, which cannot be called"),
        (["foreign_code:three"], 2, "takes 3 arguments"),
        (["foreign_code:broken"], 3, "KeyError: 'no' (at "),
        (["foreign_code:Bare"], 2, "the shape of its latents is not stated"),
        (["foreign_code:Bare", "--latent-dim", "9"], 3, "float32 from"),
        (["foreign_code:Bare", "--latent-dim", "9x"], 2, "--latent-dim takes a width or a shape"),
        (["foreign_code:Tanh", "--latent-dim", "4"], 3, "cannot be multiplied"),
        (["foreign_code:Doubling"], 2, "the shape of its latents is not stated"),
        (["foreign_code:inverter"], 2, "translates images"),
        (["foreign_code:drawer", "--inputs", "."], 2, "draws images from noise"),
        (["foreign_code:drawer", "--class", "7"], 2, "has no classes"),
        (["foreign_code:Conditional", "--class", "cta"], 2, "Did you mean 'cat'"),
        (["foreign_code:nan", "--value-range", "0..1"], 3, "are NaN or infinite"),
        (["foreign_code:flat", "--value-range", "0..1"], 3, "(64, 12) for 64 images; expected (64, 1 or 3"),
        (["foreign_code:text"], 3, "returned a str"),
        (["foreign_code:longs"], 3, "torch.int64"),
        (["foreign_code:signed", "--value-range", "0..1"], 3, "far outside of the declared range 0..1"),
        (["foreign_code:bytes_as_floats", "--value-range", "-1..1"], 3, "far outside"),
        (["foreign_code:failing"], 3, "ZeroDivisionError"),
        (["foreign_code:drawer", "--generator", "foreign_code:Tanh"], 2, "names the network of a state dict"),
        (["missing.pth", "--generator", "foreign_code:Tanh"], 3, "1 missing (linear.bias)"),
        (["nested.pth", "--generator", "foreign_code:Tanh"], 3, "'epoch', 'state_dict'"),
        (["cut.pth", "--generator", "foreign_code:Tanh"], 3, "cut off"),
        (["missing.pth", "--generator", "foreign_code:drawer"], 2, "expected a torch.nn.Module"),
        (["missing.pth"], 2, "isn't a TorchScript archive"),
        (["hostile.pth"], 2, "was not opened"),
        (["hostile.pth", "--generator", "foreign_code:Tanh"], 3, "nothing of it was run"),
        (["hostile_zip.pth", "--generator", "foreign_code:Tanh"], 3, "nothing of it was run"),
        (["half.pt", "--latent-dim", "5"], 3, "cut off or damaged"),
        (["whole.pt", "--latent-dim", "5", "--value-range", "0..1"], 3, "(64, 5) for 64 images"),
        (["bad.onnx"], 3, "cannot be run as ONNX"),
        (["gone.onnx"], 3, "There is no checkpoint gone.onnx"),
        (["missing.pth", "--generator", "foreign_code:Tanh", "--device", "cuda:99"], 2, "CUDA devices are here"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_written(arguments, status, said, module, code, tmp_path, run):
    files(tmp_path, code)
    before = {path.name for path in tmp_path.iterdir()}
    device = [] if "--device" in arguments else ["--device", "cpu"]
    found, out, err = run("sample", *arguments, *device, "-o", "out")

    assert (found, out) == (status, "")
    assert said in err
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} - before <= {"__pycache__"}


def test_from_python_a_name_takes_the_same_statements(module):
    scores = ganeval.score(
        f"{module}:Bare", latent_dim=4, value_range="-1..1", n=12, metrics="vendi@pixels", device="cpu"
    )

    assert 1 < scores["vendi@pixels"].value < 12
    assert scores["vendi@pixels"].provenance["subject"]["kind"] == "factory"


def sr_checkpoint(path):
    spec = MODELS.get("srresnet")
    settings = {"width": 4, "n_blocks": 1, "image_size": 16}
    network = build_generator("srresnet", settings, torch.Generator().manual_seed(0))
    plan = recipe_to_json(RECIPES.get("srresnet.photos-cpu"))
    save_checkpoint(path, Checkpoint(network, spec, spec.configure(settings), plan, 0, 9, {}, ()))


def test_a_super_resolution_checkpoint_takes_inputs_that_are_given(tmp_path, run):
    """The low resolution of the originals, given as files, is enlarged to the same images as when it is made."""
    sr_checkpoint(tmp_path / "sr.safetensors")
    originals = folder(tmp_path / "hr", height=24, width=32)
    (tmp_path / "lr").mkdir()
    for path in originals.iterdir():
        with Image.open(path) as image:
            small = low_resolution(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255.0, 4)
        Image.fromarray((small[0] * 255).round().byte().permute(1, 2, 0).numpy()).save(tmp_path / "lr" / path.name)
    made = opened(tmp_path / "sr.safetensors", n=None, paired=str(originals))
    given = opened(tmp_path / "sr.safetensors", n=None, paired=str(originals), inputs=str(tmp_path / "lr"))

    assert np.array_equal(pixels(made), pixels(given))
    assert given.origin["model"] == "srresnet"
    with pytest.raises(UsageError, match="translates images"):
        opened(tmp_path / "sr.safetensors")
    with pytest.raises(UsageError, match="knows the width of its latents"):
        opened(tmp_path / "sr.safetensors", paired=str(originals), latent_dim=(5,))


def test_options_of_generators_are_refused_for_images(tmp_path):
    with pytest.raises(UsageError, match="Remove --latent-dim: only generators"):
        opened(folder(tmp_path / "images"), latent_dim=(5,))
    assert opened(folder(tmp_path / "other")) is None
    assert opened("digits:test") is None


def test_floats_become_bytes_by_the_projects_rule_with_a_little_overshoot_cut_off():
    floats = torch.tensor([-1.2, -1.0, 0.0, 0.5, 1.0, 1.2]).reshape(1, 1, 1, 6)

    assert to_bytes(floats, 1, "g", "-1..1").flatten().tolist() == [0, 0, 128, 191, 255, 255]
    with pytest.raises(DataError, match="infinite"):
        to_bytes(floats / 0, 1, "g", "-1..1")
    with pytest.raises(DataError, match="far outside"):
        to_bytes(floats * 2, 1, "g", "-1..1")


def test_torchscript_is_not_run_where_a_state_dict_was_named(tmp_path):
    torchscript(seeded(lambda: nn.Linear(5, 5)), tmp_path / "script.pth")

    with pytest.raises(WeightsError, match="TorchScript archive, which holds code"):
        opened(tmp_path / "script.pth", generator="torch.nn:Identity")


class Stating:
    """A function that draws grey images and states whatever it is given."""

    def __init__(self, **stated):
        vars(self).update(stated)

    def __call__(self, indices, seed):
        return np.full((len(indices), 1, 2, 3), 7, dtype=np.uint8)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Stating(value_range="0..255"), r"states the value range '0\.\.255'; expected one of 0\.\.1"),
        (Stating(latent_dim="100"), "states latent_dim '100'; expected a width such as 100, or a shape"),
        (Stating(latent_dim=()), r"states latent_dim \(\)"),
        (7, "mine is a int; expected a torch.nn.Module, or a function"),
    ],
)
def test_statements_that_cannot_be_are_refused_with_what_was_stated(made, said):
    with pytest.raises(UsageError, match=said):
        wrap(made, "mine", Declared(), translates=False)


def test_a_number_of_classes_names_them_by_number_and_a_function_draws_them_in_turn_only():
    made = wrap(Stating(classes=3), "mine", Declared(), translates=False)

    assert made.classes == ("0", "1", "2")
    assert made.draw(None)([0, 1], 0).shape == (2, 1, 2, 3)
    with pytest.raises(UsageError, match="draws its classes in turn and cannot be asked for one; drop --class"):
        made.draw(1)


def test_a_network_that_translates_floats_must_say_what_black_and_white_are():
    with pytest.raises(UsageError, match=r"what black and white are is not stated. Give --value-range 0\.\.1 \| "):
        wrap(nn.Identity(), "mine", Declared(), translates=True)
    made = wrap(nn.Identity(), "mine", Declared(value_range="-1..1"), translates=True)
    image = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    assert np.array_equal(made.translate(image), image)
