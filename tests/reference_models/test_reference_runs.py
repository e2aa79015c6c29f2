"""Folders of runs and periodic scores: where a run may write, how a finished one is read, which scores are refused."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import nn
from torchvision import models

from ganeval.backbones.torchvision_nets import VGG19, TorchvisionNet
from ganeval.backbones.weights import LoadedWeights
from ganeval.errors import DataError, UsageError
from ganeval.sources.datasets.photos_evening import restyle
from reference_models.checkpoints.checkpoint import Checkpoint, save_checkpoint
from reference_models.kinds.one_dimensional import ONE_DIMENSIONAL
from reference_models.models import MODELS
from reference_models.models.build import build_generator
from reference_models.recipes import RECIPES
from reference_models.recipes.expected import read_expected
from reference_models.recipes.measured import read_run
from reference_models.recipes.recipe import plan_to_json, recipe_to_json, with_settings
from reference_models.training import content_loss as content
from reference_models.training import evaluation
from reference_models.training.devices import from_all, open_fabric
from reference_models.training.evaluation import PeriodicEvaluator, PeriodicScore
from reference_models.training.networks import make_networks
from reference_models.training.run_folder import check_folder, open_folder
from reference_models.training.run_log import DivergedError
from reference_models.training.train import TrainOptions, Unheard, train

CPU = torch.device("cpu")
FULL = RECIPES.get("gan-1d.mixture-1d-cpu")
NUMBERS = dataclasses.replace(FULL, evaluation=dataclasses.replace(FULL.evaluation, n=50))


def generator(recipe, seed):
    return build_generator(recipe.model, recipe.settings, torch.Generator().manual_seed(seed))


class Heard(Unheard):
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


# ---- finished runs


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A folder as `train` leaves it at the recipe's last step: 100 images a second until half the steps, then 200."""
    monkeypatch.setattr(RECIPES, "get", lambda name: NUMBERS)
    steps, spec = NUMBERS.training.steps, MODELS.get(NUMBERS.model)
    lines = [{"step": steps // 2, "images/s": 100.0, f"score {NUMBERS.evaluation.metric}": 0.25}]
    lines += [{"step": steps, "images/s": 200.0, f"score {NUMBERS.evaluation.metric}": 0.5}]
    (tmp_path / "recipe.json").write_text(json.dumps(recipe_to_json(NUMBERS)))
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = recipe_to_json(NUMBERS)
    kept = Checkpoint(generator(NUMBERS, 4), spec, spec.configure(NUMBERS.settings), told, 4, steps)
    save_checkpoint(tmp_path / "last.safetensors", kept)
    return tmp_path


def test_a_finished_run_is_read_with_its_last_and_best_score_and_the_time_of_its_steps(finished):
    found = read_run(finished)

    training = NUMBERS.training
    assert (found.recipe, found.seed, found.better) == (NUMBERS.name, 4, "lower")
    assert (found.last, found.best) == (0.5, 0.25)
    half = training.steps // 2 * training.batch_size
    assert found.seconds == pytest.approx(half / 100 + (training.steps * training.batch_size - half) / 200)
    # what it is set against: the generator of this seed before its first step, scored as the run scored the others
    untrained = make_networks(NUMBERS, 4, CPU, torch.Tensor.backward).best_generator
    assert found.untrained == PeriodicEvaluator(NUMBERS, CPU, None).score(untrained).value


def test_a_machine_that_slept_during_a_run_adds_no_training_time(finished):
    steps, metric = NUMBERS.training.steps, NUMBERS.evaluation.metric
    lines = [{"step": step, "images/s": 100.0} for step in range(1, steps)]
    lines[2]["images/s"] = 0.0  # an hour between two lines, rounded
    lines.append({"step": steps, "images/s": 100.0, f"score {metric}": 0.5})
    (finished / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert read_run(finished).seconds == pytest.approx(steps * NUMBERS.training.batch_size / 100)


def test_a_run_of_a_changed_recipe_is_no_result_of_the_recipe(finished):
    stored = json.loads((finished / "recipe.json").read_text())
    stored["schedule"]["lr"] *= 2
    (finished / "recipe.json").write_text(json.dumps(stored))

    with pytest.raises(DataError, match=r"of another plan than gan-1d\.mixture-1d-cpu: schedule differ"):
        read_run(finished)


def test_a_run_of_before_a_setting_existed_is_a_result_where_the_recipe_leaves_it_at_its_default(finished, monkeypatch):
    stored = json.loads((finished / "recipe.json").read_text())
    del stored["techniques"]["drift"], stored["evaluation"]["direction"]
    (finished / "recipe.json").write_text(json.dumps(stored))

    assert read_run(finished).last == 0.5
    drifting = dataclasses.replace(NUMBERS, techniques=dataclasses.replace(NUMBERS.techniques, drift=0.1))
    monkeypatch.setattr("reference_models.recipes.measured.RECIPES.get", lambda name: drifting)
    with pytest.raises(DataError, match="techniques differ"):
        read_run(finished)


@pytest.mark.parametrize("kept", [0, 1], ids=["nothing yet", "half of the steps"])
def test_a_run_that_stopped_on_its_way_is_no_result(kept, finished):
    file = finished / "metrics.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:kept]))

    with pytest.raises(DataError, match=f"not finished: expected {NUMBERS.training.steps:,} steps"):
        read_run(finished)


def test_a_folder_without_a_run_is_told_apart(tmp_path):
    with pytest.raises(DataError, match="holds no run that can be read"):
        read_run(tmp_path)


def test_measured_results_that_are_no_table_are_refused(tmp_path):
    (tmp_path / "expected.json").write_text("[]")

    with pytest.raises(DataError, match="is not a JSON object"):
        read_expected(tmp_path / "expected.json")
    assert read_expected(tmp_path / "none.json") == {}


# ---- which folder a run may write to


@pytest.fixture
def begun(tmp_path):
    """A run that was killed before its first state: its recipe stands there and nothing else."""
    (tmp_path / "recipe.json").write_text(json.dumps(recipe_to_json(NUMBERS)))
    return tmp_path


def test_a_run_killed_before_its_first_state_is_started_again_only_where_that_was_asked(begun):
    identity = {"plan": plan_to_json(NUMBERS)}

    with pytest.raises(UsageError, match="holds a run without a saved state"):
        check_folder(begun, False, identity)
    check_folder(begun, True, identity)


@pytest.mark.parametrize("stored", [None, "{"], ids=["another recipe", "a damaged one"])
def test_a_begun_run_of_another_recipe_is_not_overwritten(stored, begun):
    if stored is not None:
        (begun / "recipe.json").write_text(stored)
    plan = plan_to_json(NUMBERS if stored is not None else with_settings(NUMBERS, ["steps=7"]))

    with pytest.raises(UsageError, match="a run of another recipe"):
        check_folder(begun, True, {"plan": plan})


def test_a_second_process_writes_nothing_into_the_folder_and_resumes_from_the_first_ones_state(tmp_path):
    recipe = with_settings(NUMBERS, ["steps=4", "evaluation.n=50", "evaluation.every=4", "save_every=4"])
    networks = make_networks(recipe, 0, CPU, torch.Tensor.backward)
    open_folder(tmp_path / "new", recipe, networks, {}, Heard(), rank=1)
    assert not (tmp_path / "new").exists()

    train(TrainOptions(recipe, tmp_path / "run", device="cpu"), Unheard())
    metrics = tmp_path / "run" / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 5}\n')
    state, reporter = json.loads(_metadata(tmp_path / "run" / "state.safetensors")["identity"]), Heard()

    assert open_folder(tmp_path / "run", recipe, networks, state, reporter, rank=0).step == 4
    assert '{"step": 5}' not in metrics.read_text()  # the first process cuts what was written after the state
    assert reporter.messages == ["resumed at step 4 of 4"]


def _metadata(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()


# ---- what ends a run


def test_a_score_that_is_not_a_number_stops_the_run_and_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(PeriodicEvaluator, "score", lambda self, network, name, origin: PeriodicScore(math.nan))
    recipe = with_settings(NUMBERS, ["steps=4", "evaluation.every=2"])

    with pytest.raises(DivergedError, match="The score at step 2 is nan"):
        train(TrainOptions(recipe, tmp_path / "run", device="cpu"), Unheard())
    assert {path.name for path in (tmp_path / "run").glob("*.safetensors")} == {"untrained.safetensors"}


def test_weights_that_overflow_behind_a_finite_loss_are_not_saved(tmp_path, monkeypatch):
    def overflowing(networks, *arguments):
        losses = ONE_DIMENSIONAL.step(networks, *arguments)
        with torch.no_grad():
            next(networks.discriminators[0].parameters()).fill_(math.inf)
        return losses

    changed = dataclasses.replace(ONE_DIMENSIONAL, step=overflowing)
    monkeypatch.setattr("reference_models.kinds.one_dimensional.ONE_DIMENSIONAL", changed)
    recipe = with_settings(NUMBERS, ["steps=1", "evaluation.n=50"])

    with pytest.raises(DivergedError, match=r"before step 1: weights of \S+ are NaN or infinite"):
        train(TrainOptions(recipe, tmp_path / "run", device="cpu"), Unheard())
    assert not (tmp_path / "run" / "last.safetensors").exists()


def test_a_batch_that_devices_cannot_share_evenly_is_refused(tmp_path, monkeypatch):
    class Three:
        world_size, global_rank, is_global_zero, device, backward = 3, 0, True, CPU, torch.Tensor.backward

        def all_reduce(self, tensor, reduce_op):
            return tensor

    monkeypatch.setattr("reference_models.training.train.open_fabric", lambda *arguments: Three())
    recipe = with_settings(NUMBERS, ["batch_size=64"])

    with pytest.raises(UsageError, match="A batch of 64 cannot be split evenly over 3 devices"):
        train(TrainOptions(recipe, tmp_path / "run"), Unheard())
    assert not (tmp_path / "run").exists()


def test_more_cuda_devices_than_there_are_is_refused():
    there = torch.cuda.device_count()

    with pytest.raises(UsageError, match=f"{there + 1} CUDA devices were asked for; {there} are here"):
        open_fabric("cuda", there + 1, "32-true")


def test_what_every_device_has_comes_in_the_order_of_the_devices(monkeypatch):
    def gather(found, own):
        found[:] = [own, {"fakes": torch.ones(2)}]

    class Two:
        world_size = 2

    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    first, second = from_all(Two(), {"fakes": torch.zeros(3)})

    assert (first["fakes"].tolist(), second["fakes"].tolist()) == ([0.0] * 3, [1.0] * 2)


# ---- periodic scores


@pytest.mark.parametrize(
    ("recipe", "metric", "said"),
    [
        ("gan-1d.mixture-1d-cpu", "fd@efflite0", "gan-1d cannot be scored by 'fd@efflite0'"),
        ("dcgan.digits-cpu", evaluation.NUMBERS, "dcgan cannot be scored by"),
        ("dcgan.digits-cpu", "psnr", "psnr compares pairs of images; dcgan draws new images"),
        ("srresnet.photos-cpu", "lpips", r"lpips needs learned heads \(lpips-vgg, lpips-alex\); choose psnr"),
    ],
)
def test_a_periodic_score_that_cannot_be_is_refused_before_training(recipe, metric, said):
    recipe = RECIPES.get(recipe)
    recipe = dataclasses.replace(recipe, evaluation=dataclasses.replace(recipe.evaluation, metric=metric))

    with pytest.raises(UsageError, match=said):
        PeriodicEvaluator(recipe, CPU, None)


def photos(folder, count, width=64):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(count)
    for i in range(count):
        coarse = rng.integers(0, 256, (8, width // 8, 3), dtype=np.uint8)
        Image.fromarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8))).save(folder / f"{i}.png")


@pytest.mark.usefixtures("short_sets")
def test_pairs_side_by_side_are_scored_from_labels_on_the_right_to_photos_on_the_left(tmp_path):
    recipe = RECIPES.get("pix2pix.facades")
    photos(tmp_path / "facades" / recipe.data.test, 2, width=128)
    inputs, truth, made = evaluation.held_out(recipe, tmp_path)

    with Image.open(tmp_path / "facades" / recipe.data.test / "0.png") as image:
        whole = np.asarray(image).transpose(2, 0, 1)
    assert not made
    assert np.array_equal(inputs.read(0).decode().pixels, whole[:, :, 64:])
    assert np.array_equal(truth.read(0).decode().pixels, whole[:, :, :64])


@pytest.mark.usefixtures("short_sets")
def test_two_sets_are_scored_from_the_first_to_the_second_and_crops_from_themselves(tmp_path):
    unpaired, crops = RECIPES.get("cyclegan.horse2zebra"), RECIPES.get("srgan.div2k")
    for side, count in (("A", 2), ("B", 3)):
        photos(tmp_path / "horse2zebra" / f"{unpaired.data.test}{side}", count)
    photos(tmp_path / "div2k" / crops.data.test, 4)

    inputs, truth, made = evaluation.held_out(unpaired, tmp_path)
    assert (len(inputs), len(truth), made) == (2, 3, False)
    inputs, truth, made = evaluation.held_out(unpaired, tmp_path, "b2a")
    assert (len(inputs), len(truth), made) == (3, 2, False)
    inputs, truth, made = evaluation.held_out(crops, tmp_path)
    assert (len(inputs), made) == (4, True)
    assert inputs is truth


def test_restyled_photos_are_scored_against_the_same_photos_restyled():
    inputs, truth, made = evaluation.held_out(RECIPES.get("cyclegan.photos-cpu"), None)

    assert not made
    assert np.array_equal(truth.read(0).decode().pixels, restyle(inputs.read(0).decode().pixels))
    back, photo, made = evaluation.held_out(RECIPES.get("cyclegan.photos-cpu"), None, "b2a")
    assert not made
    assert np.array_equal(back.read(0).decode().pixels, restyle(photo.read(0).decode().pixels))


@pytest.mark.usefixtures("short_sets")
def test_vangogh2photo_makes_paintings_of_photographs(tmp_path):
    # The data set's first set is the paintings; what the tutorial wants is photo to painting.
    recipe = RECIPES.get("cyclegan.vangogh2photo")
    for side, count in (("A", 2), ("B", 3)):
        photos(tmp_path / "vangogh2photo" / f"test{side}", count)
    inputs, truth, _ = evaluation.held_out(recipe, tmp_path)

    assert recipe.evaluation.direction == "b2a"
    assert (len(inputs), len(truth)) == (3, 2)


# ---- content losses


@pytest.fixture(scope="module")
def vgg19():
    """Random convolutions; the linear layers, which no content loss runs, are one number each."""
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in models.vgg19(weights=None).state_dict().items()}
    rng = torch.Generator().manual_seed(0)
    state = {
        key: torch.randn(shape, generator=rng) / math.sqrt(math.prod(shape[1:]))
        if len(shape) == 4
        else torch.zeros(1).expand(shape)
        for key, shape in shapes.items()
    }
    return TorchvisionNet(VGG19, LoadedWeights(state, "0" * 64, False), CPU)


def test_a_content_network_of_vgg19_gives_the_backbones_map_and_a_gradient_to_the_images(vgg19, monkeypatch):
    monkeypatch.setattr(content, "load_backbone", lambda name, device: vgg19)
    network = content.ContentNetwork("vgg19", "relu2_2", CPU)
    images = torch.randint(0, 256, (1, 3, 24, 20), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    pixels = (images.float() / 255).requires_grad_(True)
    found = network(pixels)
    found.sum().backward()

    expected = vgg19.pyramid(images)[vgg19.pyramid_layers.index("relu2_2")]
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.layers) == 4  # of sixteen
    assert pixels.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_content_loss_on_a_layer_or_network_that_has_none_is_refused(vgg19, toy, monkeypatch):
    monkeypatch.setattr(content, "load_backbone", lambda name, device: {"vgg19": vgg19, "toy": toy}[name])
    toy.pyramid_layers = ("all",)

    with pytest.raises(UsageError, match=r"vgg19 has no layer 'relu6_1'; it has relu1_1, "):
        content.ContentNetwork("vgg19", "relu6_1", CPU)
    with pytest.raises(UsageError, match=r"toy cannot serve as a content loss\. Use hedvgg16 or vgg19"):
        content.ContentNetwork("toy", "all", CPU)
