"""Checkpoints: they come back as they were, and files from elsewhere are refused before anything is allocated."""

import json

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from ganeval.errors import UsageError, WeightsError
from reference_models.checkpoints.checkpoint import Checkpoint, is_checkpoint, load_checkpoint, save_checkpoint
from reference_models.models import MODELS
from reference_models.models.build import build_generator
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import recipe_to_json

CPU = torch.device("cpu")
SETTINGS = {
    "cgan-conv": {"width": 8},
    "cgan-mnist": {"width": 16},
    "dcgan": {"image_size": 28, "channels": 1, "width": 4},
    "progan": {"image_size": 8, "fmap_max": 4},
    "pix2pix": {"width": 4, "image_size": 32},
    "srresnet": {"width": 4, "n_blocks": 1},
    "srgan": {"width": 4, "n_blocks": 1},
    "cyclegan": {"width": 4, "n_blocks": 1, "image_size": 32},
}


def make(model="dcgan", **changes):
    spec = MODELS.get(model)
    settings = SETTINGS.get(model, {})
    network = build_generator(model, settings, torch.Generator().manual_seed(3))
    values = {
        "network": network,
        "spec": spec,
        "config": spec.configure(settings),
        "recipe": recipe_to_json(RECIPES.get("dcgan.digits-cpu")),
        "seed": 4,
        "step": 500,
        "score": {"metric": "fd@efflite0", "value": 12.5, "n": 256},
        "classes": ("0", "1"),
    }
    return Checkpoint(**(values | changes))


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, make())
    return path


def rewritten(path, tensors=None, **metadata):
    """The file again with other tensors or metadata; None removes a key."""
    with safe_open(path, framework="pt") as file:
        old = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        meta = {k: v for k, v in (file.metadata() | metadata).items() if v is not None}
    path.write_bytes(safetensors.torch.save(old if tensors is None else tensors(old), metadata=meta))
    return path


@pytest.mark.parametrize("model", MODELS.names())
def test_a_generator_comes_back_as_it_was(model, tmp_path):
    checkpoint = make(model)
    save_checkpoint(tmp_path / "g.safetensors", checkpoint)
    loaded = load_checkpoint(tmp_path / "g.safetensors", CPU)
    state = checkpoint.network.state_dict()

    assert state.keys() == loaded.network.state_dict().keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.network.state_dict().items())
    assert not loaded.network.training
    assert not any(parameter.requires_grad for parameter in loaded.network.parameters())
    for field in ("spec", "config", "recipe", "seed", "step", "score", "classes"):
        assert getattr(loaded, field) == getattr(checkpoint, field)


@pytest.fixture
def unpaired(tmp_path):
    """A file of both of cyclegan's generators, and the generators."""
    there, back = (build_generator("cyclegan", SETTINGS["cyclegan"], torch.Generator().manual_seed(k)) for k in (3, 4))
    recipe = recipe_to_json(RECIPES.get("cyclegan.photos-cpu"))
    save_checkpoint(tmp_path / "both.safetensors", make("cyclegan", network=there, back=back, recipe=recipe))
    return tmp_path / "both.safetensors", there, back


def same(network, other):
    state = other.state_dict()
    return all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_an_unpaired_model_keeps_both_generators_and_gives_the_one_asked_for(unpaired, tmp_path):
    path, there, back = unpaired
    plain, a2b, b2a = (load_checkpoint(path, CPU, direction) for direction in (None, "a2b", "b2a"))

    assert same(plain.network, there)
    assert same(a2b.network, there)
    assert same(a2b.back, back)
    assert same(b2a.network, back)
    assert same(b2a.back, there)
    assert b2a.origin(path)["direction"] == "b2a"
    assert not any(p.requires_grad for network in (b2a.network, b2a.back) for p in network.parameters())
    save_checkpoint(tmp_path / "again.safetensors", b2a)  # written again, a file means what it meant
    assert same(load_checkpoint(tmp_path / "again.safetensors", CPU, "b2a").network, back)


def test_a_recipes_own_direction_is_that_of_its_checkpoint(unpaired):
    path, there, back = unpaired
    recipe = recipe_to_json(RECIPES.get("cyclegan.vangogh2photo"))

    assert same(load_checkpoint(rewritten(path, recipe=json.dumps(recipe)), CPU).network, back)
    assert same(load_checkpoint(path, CPU, "a2b").network, there)


def test_a_direction_that_a_file_does_not_hold_is_refused(saved, unpaired):
    with pytest.raises(UsageError, match="one generator; drop --direction"):
        load_checkpoint(saved, CPU, "a2b")
    first = rewritten(unpaired[0], lambda old: {k: v for k, v in old.items() if not k.startswith("b2a/")})
    assert same(load_checkpoint(first, CPU).network, unpaired[1])
    with pytest.raises(UsageError, match="a2b alone"):
        load_checkpoint(first, CPU, "b2a")


def test_half_of_a_second_generator_is_refused(unpaired):
    half = rewritten(unpaired[0], lambda old: dict(sorted(old.items())[3:]))

    with pytest.raises(WeightsError, match="3 missing"):
        load_checkpoint(half, CPU)


def test_loading_moves_no_random_state(saved):
    before = torch.random.get_rng_state()
    load_checkpoint(saved, CPU)

    assert torch.equal(before, torch.random.get_rng_state())


def test_the_recipe_says_how_inputs_were_made(saved):
    assert load_checkpoint(saved, CPU).transform == "images"
    assert load_checkpoint(rewritten(saved, recipe="{}"), CPU).transform == ""


def test_a_checkpoint_is_known_by_its_metadata(saved, tmp_path):
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(2)}, other)

    assert is_checkpoint(saved)
    assert is_checkpoint(rewritten(saved, format="ganeval-generator-99"))
    assert not is_checkpoint(other)
    assert not is_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"format": None}, "isn't a checkpoint of `ganeval train-reference`"),
        ({"format": "ganeval-generator-2"}, r"format 'ganeval-generator-2'; this version of ganeval reads"),
        ({"model": "dcgna"}, "Did you mean 'dcgan'"),
        ({"model": None}, "cannot be read as a checkpoint"),
        ({"config": "{"}, "cannot be read as a checkpoint"),
        ({"config": "[1]"}, "settings are a list"),
        ({"config": json.dumps({"widht": 3})}, "Unknown setting of model 'dcgan'"),
        ({"config": json.dumps({"width": 10**9})}, "out of all proportion"),
        ({"config": json.dumps({"width": "8"})}, "must be an integer"),
        ({"config": json.dumps({"image_size": 64})}, "does not hold the generator that it names"),
        ({"model": "gan-mlp", "config": "{}"}, "does not hold the generator that it names"),
        ({"model": "gan-mlp", "config": json.dumps({"generator_widths": [1] * 10_000})}, "out of all proportion"),
        ({"model": "cyclegan", "config": json.dumps({"n_blocks": 60_000})}, "out of all proportion"),
        ({"recipe": "[]"}, "not what this version writes"),
        ({"seed": "many"}, "cannot be read as a checkpoint"),
        ({"config": "[" * 100_000}, "cannot be read as a checkpoint"),
    ],
)
def test_a_file_from_elsewhere_is_refused(metadata, said, saved):
    with pytest.raises(WeightsError, match=said):
        load_checkpoint(rewritten(saved, **metadata), CPU)


def shorter(tensors):
    return dict(list(tensors.items())[1:])


def wider(tensors):
    return {name: torch.zeros((*tensor.shape, 1)) for name, tensor in tensors.items()}


def doubled(tensors):
    return {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def longer(tensors):
    return tensors | {"extra": torch.zeros(1)}


@pytest.mark.parametrize("change", [shorter, wider, doubled, longer])
def test_tensors_that_are_not_the_models_are_counted(change, saved):
    with pytest.raises(WeightsError, match=r"\d+ tensors of another shape or type, \d+ missing, \d+ unexpected"):
        load_checkpoint(rewritten(saved, change), CPU)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(length, saved):
    data = saved.read_bytes()
    saved.write_bytes(data[:length])

    with pytest.raises(WeightsError, match="cannot be read as a checkpoint"):
        load_checkpoint(saved, CPU)


def test_a_pickle_is_not_unpickled(tmp_path):
    path = tmp_path / "evil.safetensors"
    torch.save({"x": torch.zeros(1)}, path)

    with pytest.raises(WeightsError, match="cannot be read"):
        load_checkpoint(path, CPU)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(WeightsError, match="There is no checkpoint"):
        load_checkpoint(tmp_path / "none.safetensors", CPU)


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(saved, make(step=501))

    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
