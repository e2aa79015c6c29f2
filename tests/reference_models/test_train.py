"""The training loop: every small recipe trains, a seed repeats, a killed run resumes to the same bits."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import nn

from ganeval.backbones.hedvgg import HEDVGG16, LAYERS, HedVgg16
from ganeval.backbones.networks.hedvgg import VggConvolutions
from ganeval.backbones.weights import LoadedWeights
from ganeval.errors import DataError, UsageError
from ganeval.results.result import read_jsonl
from reference_models.checkpoints.sampling import stream
from reference_models.kinds.progressive import at_level
from reference_models.models.layers import draws_from
from reference_models.recipes import RECIPES
from reference_models.recipes.recipe import with_settings
from reference_models.training.content_loss import _first_layers
from reference_models.training.evaluation import PeriodicEvaluator, PeriodicScore, needed_weights_of
from reference_models.training.networks import make_networks
from reference_models.training.run_log import DivergedError, LossMeter, truncate_logs
from reference_models.training.train import TrainOptions, train

CPU = torch.device("cpu")
SMALL = [name for name in RECIPES if RECIPES.get(name).tier == "cpu"]
DENSE = ["model.generator_widths=[16,24]", "model.discriminator_widths=[24,16]"]
TINY = {
    **dict.fromkeys(("gan-bn", "gan-fashion", "gan-mlp", "gan-mlp-small", "hinge-gan", "lsgan"), DENSE),
    "cgan-conv": ["model.width=8"],
    "cgan-mnist": ["model.width=16"],
    "dcgan": ["model.width=4"],
    "gan-fcn-cnn": ["model.discriminator_widths=[4,8]"],
    "progan": ["model.fmap_max=4", "techniques.fade_steps=1", "techniques.stable_steps=1", "steps=8"],
    "pix2pix": ["model.width=4", "model.image_size=32"],
    "srresnet": ["model.width=4", "model.n_blocks=1", "model.image_size=16"],
    "srgan": ["model.width=4", "model.n_blocks=1", "model.image_size=16", "model.pool=1", "pretrain_steps=1"],
    "cyclegan": ["model.width=4", "model.n_blocks=1", "model.image_size=32"],
}


class Quiet:
    """A reporter that says nothing and can interrupt at a step."""

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.messages = []
        self.done = 0

    def stage(self, title, total):
        return contextlib.nullcontext(self._advance)

    def _advance(self, steps):
        self.done += steps
        if self.stop_at is not None and self.done >= self.stop_at:
            raise KeyboardInterrupt

    def message(self, text):
        self.messages.append(text)

    def training(self, step, values):
        pass

    def scoring(self, step):
        return contextlib.nullcontext()


class WeightScore:
    """In the place of the evaluator: a number that depends on the weights and costs nothing."""

    better = "lower"

    def __init__(self, recipe, device, data_root):
        pass

    def score(self, network, name="", origin=None):
        return PeriodicScore(float(sum(parameter.detach().double().abs().sum() for parameter in network.parameters())))

    def is_better(self, value, best):
        return best is None or value < best


class TinyContent(nn.Module):
    """In the place of a VGG: one fixed convolution."""

    def __init__(self, name, layer, device):
        super().__init__()
        with draws_from(torch.Generator().manual_seed(0)):
            self.layer = nn.Conv2d(3, 2, 3)

    def forward(self, images):
        return self.layer(images)


@pytest.fixture
def cheap(monkeypatch):
    monkeypatch.setattr("reference_models.training.train.PeriodicEvaluator", WeightScore)
    monkeypatch.setattr("reference_models.training.networks.ContentNetwork", TinyContent)


def tiny(name, *settings):
    recipe = RECIPES.get(name)
    common = ["steps=2", "batch_size=4", "grid_every=2", "save_every=1", "log_every=1", "evaluation.every=2"]
    return with_settings(recipe, [*common, *TINY.get(recipe.model, []), *settings])


def weights(folder):
    return load_file(folder / "state.safetensors") | {
        f"last/{name}": tensor for name, tensor in load_file(folder / "last.safetensors").items()
    }


def assert_same_weights(first, second):
    first, second = weights(first), weights(second)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


@pytest.mark.parametrize("name", SMALL)
def test_every_small_recipe_trains_and_a_seed_repeats(name, tmp_path, cheap):
    recipe = tiny(name)
    outcomes = [train(TrainOptions(recipe, tmp_path / str(k), seed=5, device="cpu"), Quiet()) for k in range(2)]

    assert_same_weights(tmp_path / "0", tmp_path / "1")
    assert outcomes[0].last_score == outcomes[1].last_score
    assert outcomes[0].steps == recipe.training.steps
    rows = [json.loads(line) for line in (tmp_path / "0" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, recipe.training.steps + 1))
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert {"images/s", "lr_g"} <= rows[0].keys()
    assert rows[-1][f"score {recipe.evaluation.metric}"] == outcomes[0].last_score
    # what --set changed is not the recipe's own plan
    assert json.loads((tmp_path / "0" / "recipe.json").read_text())["name"].startswith(f"{name}+")
    assert sorted(p.name for p in (tmp_path / "0" / "grids").iterdir())[0] == "0000000.png"
    assert not list((tmp_path / "0").glob(".*"))


class Memory(Quiet):
    """A reporter that notes the memory of this process at every line of losses."""

    def __init__(self):
        super().__init__()
        self.resident = {}

    def training(self, step, values):
        self.resident[step] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")
@pytest.mark.parametrize("name", ["gan-mlp.digits-cpu", "dcgan.digits-cpu", "cyclegan.photos-cpu"])
def test_memory_does_not_grow_over_5000_steps(name, tmp_path, cheap):
    """One tensor of a batch kept a step would be 4,000 x 12 KB = 47 MiB; the allocator's own wandering is below 16."""
    settings = ["steps=5000", "log_every=100", "grid_every=1000", "save_every=500", "evaluation.every=1000"]
    seen = Memory()
    train(TrainOptions(tiny(name, *settings), tmp_path / "run", seed=0, device="cpu"), seen)

    early = max(memory for step, memory in seen.resident.items() if step <= 1000)
    late = max(seen.resident.values())
    assert len(seen.resident) == 50
    assert late - early < 16


def test_the_drift_term_of_a_recipe_is_logged_and_trains_the_critic(tmp_path, cheap):
    for weight in (0.0, 1.0):
        recipe = tiny("wgan-gp.digits-cpu", "steps=1", "d_steps=1", f"techniques.drift={weight}")
        train(TrainOptions(recipe, tmp_path / str(weight), device="cpu"), Quiet())
    lines = [json.loads((tmp_path / f"{w}" / "metrics.jsonl").read_text().splitlines()[-1]) for w in (0.0, 1.0)]
    critics = [load_file(tmp_path / f"{w}" / "state.safetensors") for w in (0.0, 1.0)]

    assert "drift" not in lines[0]
    assert lines[1]["drift"] > 0
    assert lines[0]["loss_d"] == lines[1]["loss_d"]  # the game alone, as the penalties have lines of their own
    assert any(not torch.equal(critics[0][key], critics[1][key]) for key in critics[0] if "discriminator" in key)
    assert RECIPES.get("progan.cifar10").techniques.drift == 0.001


@pytest.mark.parametrize("name", ["gan-mlp.digits-cpu", "cyclegan.photos-cpu"])
def test_training_moves_every_network_and_another_seed_ends_elsewhere(name, tmp_path, cheap):
    recipe = tiny(name, "techniques.ema=0")
    for seed in (1, 2):
        train(TrainOptions(recipe, tmp_path / str(seed), seed=seed, device="cpu"), Quiet())
    begun = make_networks(recipe, 1, CPU, lambda loss: loss.backward())
    one, two = weights(tmp_path / "1"), weights(tmp_path / "2")

    for name, network in begun.by_name().items():
        for key, parameter in network.named_parameters():
            moved = not torch.equal(one[f"{name}/{key}"], parameter.detach())
            assert moved or not parameter.any() or "bias" in key, f"{name}/{key}"
    assert any(not torch.equal(one[key], two[key]) for key in one)


# Between them: BatchNorm and EMA; dropout, instance noise and weight penalty; two of each network with replay buffers;
# RMSprop with several critic steps; an optimiser without state yet; growth.
RESUMED = {
    "dcgan.digits-cpu": ["techniques.spectral_norm=true", "techniques.augment_translation=.1"],
    "gan-bn.digits-cpu": [],
    "cyclegan.photos-cpu": ["techniques.replay=3"],
    "wgan.digits-cpu": ["d_steps=2"],
    "srgan.photos-cpu": ["pretrain_steps=4"],
    "progan.digits-cpu": ["steps=9"],
    "cgan-mnist.digits-cpu": ["techniques.replay=3", "batch_size=5"],
}


@pytest.mark.parametrize(("name", "settings"), RESUMED.items(), ids=list(RESUMED))
def test_an_interrupted_run_resumes_to_the_same_bits(name, settings, tmp_path, cheap):
    recipe = tiny(name, "steps=7", "save_every=2", "grid_every=3", *settings)
    stop = int(np.random.Generator(np.random.PCG64(len(name))).integers(3, 7))
    options = TrainOptions(recipe, tmp_path / "whole", seed=2, device="cpu")
    whole = train(options, Quiet())
    parts = dataclasses.replace(options, out=tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        train(parts, Quiet(stop_at=stop))
    reporter = Quiet()
    resumed = train(dataclasses.replace(parts, resume=True), reporter)

    assert reporter.messages == [f"resumed at step {stop // 2 * 2} of {recipe.training.steps}"]
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    assert (resumed.last_score, resumed.best_score, resumed.best_step) == (
        whole.last_score,
        whole.best_score,
        whole.best_step,
    )
    lines = [
        [{k: v for k, v in json.loads(line).items() if k != "images/s"} for line in file.read_text().splitlines()]
        for file in (tmp_path / "whole" / "metrics.jsonl", tmp_path / "parts" / "metrics.jsonl")
    ]
    assert lines[0] == lines[1]
    for grid in (tmp_path / "whole" / "grids").iterdir():
        assert grid.read_bytes() == (tmp_path / "parts" / "grids" / grid.name).read_bytes()


KILLED = """
import os, signal
from ganeval.cli.main import main
from reference_models.training.train import _Run

step = _Run._step
_Run._step = lambda self, number: os.kill(os.getpid(), signal.SIGKILL) if number == 13 else step(self, number)
main()
"""


def test_a_run_killed_without_warning_resumes_to_the_same_bits(tmp_path):
    """Between two states, in its fourteenth step."""
    settings = ["steps=20", "d_steps=1", "save_every=5", "grid_every=20", "log_every=1", "evaluation.n=64"]
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, "train-reference", "gan-1d", "--device", "cpu", "--out", str(folder)]
    command += [part for setting in settings for part in ("--set", setting)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 13

    recipe, reporter = with_settings(RECIPES.get("gan-1d.mixture-1d-cpu"), settings), Quiet()
    train(TrainOptions(recipe, folder, device="cpu", resume=True), reporter)
    train(TrainOptions(recipe, tmp_path / "whole", device="cpu"), Quiet())

    assert reporter.messages == ["resumed at step 10 of 20"]
    assert_same_weights(folder, tmp_path / "whole")


def test_a_finished_run_is_left_as_it_is(tmp_path, cheap):
    options = TrainOptions(tiny("gan-mlp.digits-cpu"), tmp_path / "run", device="cpu")
    first = train(options, Quiet())
    before = (tmp_path / "run" / "last.safetensors").read_bytes()
    again = train(dataclasses.replace(options, resume=True), Quiet())

    assert again.last_score == first.last_score
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, r"seed 0 \(now 1\)"),
        ({"recipe": "steps=3"}, r"plan\.training\.steps 2 \(now 3\)"),
        ({"recipe": "schedule.lr=.5"}, r"plan\.schedule\.lr 0\.0005 \(now 0\.5\)"),
        ({"resume": False}, "already holds a run"),
    ],
)
def test_another_run_is_not_resumed_and_stays_as_it_is(change, said, tmp_path, cheap):
    options = TrainOptions(tiny("gan-mlp.digits-cpu"), tmp_path / "run", device="cpu", resume=True)
    train(options, Quiet())
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.*")}
    if "recipe" in change:
        change = {"recipe": with_settings(options.recipe, [change["recipe"]])}

    with pytest.raises(UsageError, match=said):
        train(dataclasses.replace(options, **change), Quiet())

    assert {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.*")} == before


def test_a_folder_with_something_else_in_it_is_refused(tmp_path, cheap):
    (tmp_path / "thesis.tex").write_text("important")

    with pytest.raises(UsageError, match="exists and isn't a run's folder"):
        train(TrainOptions(tiny("gan-mlp.digits-cpu"), tmp_path, device="cpu"), Quiet())


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_state_is_told_apart_from_a_bug(damage, tmp_path, cheap):
    options = TrainOptions(tiny("gan-mlp.digits-cpu"), tmp_path / "run", device="cpu", resume=True)
    train(options, Quiet())
    state = tmp_path / "run" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1000] if damage is None else damage)

    with pytest.raises(DataError, match="cannot be read"):
        train(options, Quiet())


def rewritten(data: bytes, tensors=None, **metadata):
    """A state with other tensors or metadata; None removes an entry."""
    size = int.from_bytes(data[:8], "little")
    kept = json.loads(data[8 : 8 + size])["__metadata__"] | metadata
    found = safetensors.torch.load(data)
    if tensors is not None:
        tensors(found)
    return safetensors.torch.save(found, metadata={key: value for key, value in kept.items() if value is not None})


def progress(**changes):
    return {"progress": json.dumps({"step": 2, "best_score": 1.0, "best_step": 2, "last_score": 1.0} | changes)}


def without(*starts):
    def change(tensors):
        for name in [name for name in tensors if name.startswith(starts)]:
            del tensors[name]

    return change


def put(name, tensor):
    return lambda tensors: tensors.__setitem__(name, tensor)


HOSTILE_STATES = {
    "step that is text": progress(step="2"),
    "negative step": progress(step=-1),
    "step of 1e308": progress(step=1e308),
    "step of 5,000 digits": {"progress": progress()["progress"].replace('"step": 2', '"step": ' + "9" * 5000)},
    "step beyond the plan": progress(step=3),
    "step that is true": progress(step=True),
    "best step in the future": progress(best_step=9),
    "score that is text": progress(best_score="low"),
    "score of infinity": progress(last_score=float("inf")),
    "score of 400 digits": progress(best_score=10**400),
    "progress that is a list": {"progress": "[]"},
    "progress with more in it": progress(more=1),
    "progress of 100,000 brackets": {"progress": "[" * 100_000},
    "no progress": {"progress": None},
    "identity that is a number": {"identity": "3"},
    "all moments removed": {"tensors": without("g_optimiser", "d_optimiser")},
    "all moments and their number removed": {"tensors": without("g_optimiser", "d_optimiser"), "moments": None},
    "the moments of one parameter removed": {"tensors": without("g_optimiser/0/")},
    "one moment removed": {"tensors": without("g_optimiser/0/exp_avg_sq")},
    "a generator removed": {"tensors": without("generator0")},
    "everything removed": {"tensors": without("")},
    "an unknown tensor": {"tensors": put("generator9/x", torch.zeros(2))},
    "a moment of an unknown parameter": {"tensors": put("g_optimiser/999/exp_avg", torch.zeros(2))},
    "a parameter's number that is text": {"tensors": put("g_optimiser/x/exp_avg", torch.zeros(2))},
    "a moment of another shape": {"tensors": put("g_optimiser/0/exp_avg", torch.zeros(2))},
    "a moment of another type": {"tensors": put("g_optimiser/0/step", torch.zeros((), dtype=torch.int64))},
    "steps of the optimiser of NaN": {"tensors": put("g_optimiser/0/step", torch.tensor(float("nan")))},
}


def test_a_state_of_a_stranger_is_refused_in_words(tmp_path, cheap):
    options = TrainOptions(tiny("gan-mlp.digits-cpu"), tmp_path / "run", device="cpu", resume=True)
    train(options, Quiet())
    state = tmp_path / "run" / "state.safetensors"
    good = state.read_bytes()
    state.write_bytes(rewritten(good))
    train(options, Quiet())

    for name, change in HOSTILE_STATES.items():
        state.write_bytes(rewritten(good, **change))
        before = {path: path.read_bytes() for path in state.parent.glob("*.*")}
        with pytest.raises((DataError, UsageError), match=r"state\.safetensors|holds a run that differs") as caught:
            train(options, Quiet())
        assert len(str(caught.value)) < 1000, name
        assert {path: path.read_bytes() for path in state.parent.glob("*.*")} == before, name


def test_resuming_writes_nothing_where_links_of_the_folder_lead(tmp_path, cheap):
    options = TrainOptions(tiny("gan-mlp.digits-cpu"), tmp_path / "run", device="cpu", resume=True)
    train(options, Quiet())
    folder, precious = tmp_path / "run", tmp_path / "precious"
    precious.write_text("kept\n")
    (folder / "metrics.jsonl").unlink()
    (folder / "metrics.jsonl").symlink_to(precious)
    with pytest.raises(DataError, match="leads out of"):
        train(options, Quiet())
    (folder / "state.safetensors").unlink()  # begun, and no state yet: written anew
    train(options, Quiet())
    assert precious.read_text() == "kept\n"

    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(folder / "grids")
    (folder / "grids").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="grids is a symbolic link"):
        train(options, Quiet())
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("line", ['{"step": "2"}', '{"step": null}', '{"step": [1]}', "[" * 100_000, "9" * 5000])
def test_lines_of_a_stranger_are_dropped_from_the_measurements_of_a_resumed_run(line, tmp_path):
    (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1}}\n{line}\n{{"step": 9}}\n')
    truncate_logs(tmp_path, 5)

    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n'


@pytest.mark.parametrize("seed", [0, 1])
def test_nan_stops_the_run_and_leaves_the_last_checkpoint(seed, tmp_path, cheap):
    recipe = tiny("lsgan.digits-cpu", "steps=60", "schedule.lr=1e30", "techniques.ema=0")

    with pytest.raises(DivergedError, match="Lower the learning rate"):
        train(TrainOptions(recipe, tmp_path / "run", seed=seed, device="cpu"), Quiet())

    for file in (tmp_path / "run").glob("*.safetensors"):
        assert all(bool(tensor.isfinite().all()) for tensor in load_file(file).values())


def test_one_image_for_all_latents_stops_the_run(tmp_path, cheap):
    small = ["model.generator_widths=[4]", "model.latent_dim=1", "init=normal"]
    recipe = tiny("gan-mlp-small.digits-cpu", "steps=100", "save_every=100", "schedule.lr=0", *small)

    with pytest.raises(DivergedError, match=r"collapsed before step 100: 64 latents give the same image \(mean"):
        train(TrainOptions(recipe, tmp_path / "run", device="cpu"), Quiet())


def test_a_meter_means_between_two_lines_and_finds_a_single_nan():
    meter = LossMeter()
    for value in (1.0, 2.0):
        meter.add({"loss": torch.tensor(value)})
    meter.add({"loss": torch.tensor(6.0), "late": torch.tensor(5.0)})

    assert meter.means(3) == {"loss": 3.0, "late": 5.0}
    assert meter.means(3) == {}
    meter.add({"loss": torch.tensor(float("nan"))})
    meter.add({"loss": torch.tensor(1.0)})
    with pytest.raises(DivergedError, match="before step 5"):
        meter.means(5)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("dcgan.digits-cpu", ["model.spectral_norm=false"]),
        ("pix2pix.photos-cpu", []),
        ("srgan.photos-cpu", ["model.image_size=20"]),
        ("cyclegan.photos-cpu", []),
        ("gan-mlp.digits-cpu", []),
    ],
)
def test_one_image_a_batch_is_enough_where_batchnorm_has_many_values_a_channel(name, settings, tmp_path, cheap):
    outcome = train(TrainOptions(tiny(name, "batch_size=1", *settings), tmp_path / "run", device="cpu"), Quiet())

    assert outcome.steps == 2


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("hinge-gan.digits-cpu", ["techniques.real_label=.9"], "no labels to smooth"),
        (
            "dcgan.digits-cpu",
            ["model.spectral_norm=false", "techniques.gradient_penalty=10"],
            "BatchNorm in the discriminator mixes images",
        ),
        ("gan-bn.digits-cpu", ["batch_size=1"], "at least two images per batch"),
        ("cgan-dense.digits-cpu", ["batch_size=1"], "at least two images per batch"),
        ("srgan.photos-cpu", ["batch_size=1"], "at least two images per batch"),
        ("gan-mlp.digits-cpu", ["techniques.fade_steps=3"], "belong to progressive models"),
        ("progan.digits-cpu", ["steps=3"], "Set steps above 6"),
        ("progan.digits-cpu", ["init=he"], "Use 'default'"),
        ("gan-mlp.digits-cpu", ["batch_size=2000"], "larger than the 1198 images"),
        ("gan-mlp.digits-cpu", ["model.channels=2"], "Set model.channels"),
        ("cgan-mnist.digits-cpu", ["model.classes=3"], "Set model.classes"),
    ],
)
def test_combinations_that_cannot_be_are_refused_before_anything_is_written(name, settings, said, tmp_path, cheap):
    with pytest.raises(UsageError, match=said):
        train(TrainOptions(tiny(name, *settings), tmp_path / "run", device="cpu"), Quiet())

    assert not (tmp_path / "run").exists()


def test_images_fade_from_the_level_below():
    images = torch.rand((2, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    coarse = nn.functional.interpolate(nn.functional.avg_pool2d(images, 2), scale_factor=2)

    assert torch.equal(at_level(images, 2, 1.0, 3), images)
    assert torch.allclose(at_level(images, 2, 0.0, 3), coarse)
    assert torch.allclose(at_level(images, 2, 0.5, 3), (images + coarse) / 2)
    assert torch.allclose(at_level(images, 0, 1.0, 3), nn.functional.avg_pool2d(images, 4))


def test_the_content_network_is_the_backbones_map_with_a_gradient():
    rng = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in VggConvolutions().state_dict().items()}
    state = {name: torch.randn(shape, generator=rng) / 20 for name, shape in shapes.items()}
    backbone = HedVgg16(HEDVGG16, LoadedWeights(state, "0" * 64, False), CPU)
    images = torch.randint(0, 256, (1, 3, 20, 18), generator=rng, dtype=torch.uint8)
    layers, normalise = _first_layers(backbone, "relu3_2")
    pixels = images.float().requires_grad_(True)
    found = layers(normalise(pixels))
    found.sum().backward()

    assert torch.allclose(found, backbone.pyramid(images)[LAYERS.index("relu3_2")], rtol=1e-4, atol=1e-5)
    assert pixels.grad.abs().sum() > 0


def test_a_run_fetches_the_weights_of_its_metric_and_of_its_content_loss():
    assert needed_weights_of(RECIPES.get("gan-1d.mixture-1d-cpu")) == []
    assert needed_weights_of(RECIPES.get("srgan.photos-cpu")) == ["efflite0", "hedvgg16"]
    assert needed_weights_of(RECIPES.get("srgan.div2k")) == ["efflite0", "vgg19"]
    assert needed_weights_of(RECIPES.get("srresnet.photos-cpu")) == []


@pytest.mark.parametrize("name", ["gan-1d.mixture-1d-cpu", "srresnet.photos-cpu", "cyclegan.photos-cpu"])
def test_scores_repeat_and_leave_the_network_in_its_mode(name):
    recipe = tiny(name, "evaluation.n=6")
    networks = make_networks(recipe, 0, CPU, lambda loss: loss.backward())
    evaluator = PeriodicEvaluator(recipe, CPU, None)
    network = networks.best_generator.train()

    assert evaluator.score(network).value == evaluator.score(network).value
    assert network.training


def test_the_periodic_score_is_that_of_the_score_command(tmp_path, monkeypatch):
    from ganeval.generators.open import open_generator
    from ganeval.options import ScoreOptions
    from reference_models.training import evaluation
    from tests.one_pass import score

    monkeypatch.setattr(evaluation, "MAX_REFERENCE", 20)
    recipe = tiny("gan-mlp-small.digits-cpu", "evaluation.n=20")
    outcome = train(TrainOptions(recipe, tmp_path / "run", device="cpu"), Quiet())
    options = ScoreOptions(
        str(tmp_path / "run" / "last.safetensors"),
        reference="digits:test",
        metrics="fd@efflite0",
        num_samples=20,
        seed=evaluation.SCORE_SEED,
        device="cpu",
    )
    drawn = open_generator(options)
    again = PeriodicEvaluator(recipe, CPU, None).score_images(drawn)

    assert again.value == pytest.approx(outcome.last_score, rel=1e-9)
    (row,) = score(options).results
    assert row.n_fake == row.n_real == 20


def test_streams_of_different_places_are_unrelated():
    firsts = [
        torch.rand(1, generator=stream(*place)).item() for place in ((0, 1), (0, 2), (1, 1), (0, 1, 0), (0, 1, 1))
    ]

    assert len(set(firsts)) == len(firsts)
    assert torch.equal(torch.rand(3, generator=stream(4, 2)), torch.rand(3, generator=stream(4, 2)))


def test_periodic_scores_are_rows_that_boards_read_and_a_resumed_run_has_each_once(tmp_path, monkeypatch):
    monkeypatch.setattr("reference_models.training.evaluation.MAX_REFERENCE", 20)
    recipe = tiny("gan-mlp-small.digits-cpu", "evaluation.n=20", "steps=4", "evaluation.every=2", "save_every=2")
    out = tmp_path / "run"
    outcome = train(TrainOptions(recipe, out, device="cpu"), Quiet())
    rows, problems = read_jsonl(out / "scores.jsonl")

    assert problems == []
    assert [row.provenance["subject"]["step"] for row in rows] == [2, 4]
    assert rows[-1].value == outcome.last_score
    assert (rows[-1].subject, rows[-1].key, rows[-1].status) == (recipe.name, "fd@efflite0", "ok")
    assert rows[-1].provenance["subject"]["training_seed"] == 0
    assert rows[-1].n_fake == 20
    truncate_logs(out, 3)
    assert read_jsonl(out / "scores.jsonl")[0] == rows[:1]
