"""Training written to TensorBoard and MLflow: the numbers arrive at their steps, under names both tools take."""

import importlib.util
import io
import json
import sys
import types

import numpy as np
import pytest
from PIL import Image

from ganeval.cli import main as cli
from reference_models.recipes import RECIPES
from reference_models.training import loggers
from reference_models.training.train import Unheard

SHORT = ["--seed", "3", "--device", "cpu", "--set", "steps=20", "--set", "log_every=10", "--set", "grid_every=20"]
SHORT += ["--set", "save_every=20", "--set", "evaluation.every=20", "--set", "evaluation.n=64"]


def train(folder, kind):
    """A short run with --log, and its own metrics.jsonl: what the logger must have got."""
    cli.main(["train-reference", "gan-1d", "--out", str(folder), "--log", kind, *SHORT])
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "written"), [("score fd@efflite0", "score/fd-efflite0"), ("images/s", "images/s"), ("loss_g", "loss_g")]
)
def test_names_keep_to_letters_that_both_tools_take(name, written):
    assert loggers.tag(name) == written


def test_a_logger_that_is_not_installed_is_refused_before_training(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(SystemExit) as stop:
        train(tmp_path / "run", "mlflow")

    assert stop.value.code == 2
    assert "pip install 'ganeval[mlflow]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_every_line_of_the_journal(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines = train(tmp_path / "run", "tensorboard")

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [line["step"] for line in lines] == [10, 20]
    for name in ("loss_g", "loss_d"):
        expected = [(line["step"], pytest.approx(line[name], rel=1e-6)) for line in lines]
        assert [(event.step, event.value) for event in events.Scalars(name)] == expected
    (score,) = [name for name in lines[-1] if name.startswith("score ")]
    (event,) = events.Scalars(loggers.tag(score))
    assert event.value == pytest.approx(lines[-1][score], rel=1e-6)

    pictures = events.Images("grids")
    assert [picture.step for picture in pictures] == [0, 20]
    with Image.open(tmp_path / "run" / "grids" / "0000020.png") as grid:
        assert (pictures[1].width, pictures[1].height) == grid.size
        sent = Image.open(io.BytesIO(pictures[1].encoded_image_string))
        assert np.array_equal(np.asarray(sent.convert("RGB")), np.asarray(grid.convert("RGB")))


@pytest.mark.filterwarnings("ignore")  # of MLflow's own imports
def test_mlflow_gets_the_journal_and_the_recipe(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")

    lines = train(tmp_path / "run", "mlflow")

    client = mlflow.MlflowClient()
    (experiment,) = client.search_experiments(filter_string="name = 'ganeval'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["training.steps"] == "20"
    assert run.data.params["seed"] == "3"
    history = client.get_metric_history(run.info.run_id, "loss_g")
    assert [(one.step, one.value) for one in history] == [(line["step"], line["loss_g"]) for line in lines]
    kept = [artifact.path for artifact in client.list_artifacts(run.info.run_id, "grids")]
    assert kept == ["grids/0000000.png", "grids/0000020.png"]


class Tracking:
    """In the place of MLflow's client: keeps what it is sent, in MLflow's own words."""

    def __init__(self, known=None):
        self.known = known
        self.created, self.runs, self.tags, self.params, self.metrics, self.files, self.ended = ([] for _ in range(7))

    def get_experiment_by_name(self, name):
        return self.known

    def create_experiment(self, name):
        self.created.append(name)
        return "7"

    def create_run(self, number, run_name):
        self.runs.append((number, run_name))
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id="run-1"))

    def set_tag(self, run, key, value):
        self.tags.append((run, key, value))

    def log_param(self, run, key, value):
        self.params.append((run, key, value))

    def log_metric(self, run, key, value, step):
        self.metrics.append((run, key, value, step))

    def log_artifact(self, run, path, folder):
        self.files.append((run, path.rpartition("/")[2], folder))

    def set_terminated(self, run, status):
        self.ended.append((run, status))


@pytest.fixture
def tracking(monkeypatch):
    """Lets `import mlflow` find a client of the given state, with or without the package."""

    def install(known=None):
        client = Tracking(known)
        module = types.ModuleType("mlflow")
        module.MlflowClient = lambda: client
        monkeypatch.setitem(sys.modules, "mlflow", module)
        return client

    return install


def test_mlflow_gets_one_run_with_the_plan_every_number_and_the_grids(tracking, tmp_path, monkeypatch):
    client = tracking()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    lines = train(tmp_path / "run", "mlflow")

    assert client.created == ["ganeval"]
    ((number, name),) = client.runs
    assert number == "7"
    assert name.startswith("gan-1d.mixture-1d-cpu+")
    assert name.endswith("-seed3")
    params = {key: value for _, key, value in client.params}
    assert (params["seed"], params["training.steps"], params["evaluation.n"]) == (3, 20, 64)
    assert not [key for key in params if key.startswith("sources")]  # where choices come from is for people
    assert {type(value) for value in params.values()} <= {int, float, str, bool}
    losses = [(value, step) for _, key, value, step in client.metrics if key == "loss_g"]
    assert losses == [(line["loss_g"], line["step"]) for line in lines]
    assert [name for _, name, _ in client.files] == ["0000000.png", "0000020.png"]
    assert client.ended == [("run-1", "FINISHED")]


def test_a_run_that_fails_is_failed_in_mlflow_and_one_without_a_number_is_none(tracking, tmp_path):
    client = tracking(types.SimpleNamespace(experiment_id="4"))
    recipe = RECIPES.get("gan-1d.mixture-1d-cpu")

    def interrupted():
        with loggers.logged("mlflow", Unheard(), recipe, tmp_path, 0) as reporter:
            reporter.training(1, {"loss_g": 0.5})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert client.runs == [("4", "gan-1d.mixture-1d-cpu-seed0")]
    assert client.created == []  # the experiment was there
    assert client.ended == [("run-1", "FAILED")]

    with loggers.logged("mlflow", Unheard(), recipe, tmp_path, 0):
        pass
    assert len(client.runs) == len(client.ended) == 1


def leveldb_records(data):
    """The records of a .wandb file: a header of 7 bytes, then blocks of 32 KiB in the format of LevelDB's log."""
    place, parts = 7, []
    while place + 7 <= len(data):
        room = 32_768 - place % 32_768
        if room < 7:
            place += room
            continue
        size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        if kind == 0:
            break
        parts.append(data[place + 7 : place + 7 + size])
        place += 7 + size
        if kind in (1, 4):  # full, last
            yield b"".join(parts)
            parts = []


@pytest.mark.filterwarnings("ignore")  # of W&B's own imports
def test_wandb_offline_gets_the_journal_the_recipe_and_the_grids(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    for name, value in (("WANDB_MODE", "offline"), ("WANDB_SILENT", "true")):
        monkeypatch.setenv(name, value)
    lines = train(tmp_path / "run", "wandb")
    wandb.teardown()  # its process has written everything

    (file,) = (tmp_path / "run").glob("wandb/offline-run-*/run-*.wandb")
    history, config = [], {}
    for data in leveldb_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "history":
            items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            history.append(items)
        if kind == "run":
            config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
    steps = {row["_step"]: row for row in history}

    assert config["seed"] == 3
    assert config["training.steps"] == 20
    assert {step for step, row in steps.items() if "loss_g" in row} == {line["step"] for line in lines}
    for line in lines:
        assert steps[line["step"]]["loss_g"] == line["loss_g"]
    assert {step for step, row in steps.items() if any("grids" in name for name in row)} == {0, 20}


class WandbRun:
    """In the place of a W&B run: keeps what it is sent, and refuses a step smaller than the last, as W&B does."""

    def __init__(self, options):
        self.options, self.logged, self.ended, self.step = options, [], [], -1

    def log(self, numbers, step):
        assert step >= self.step
        self.step = step
        self.logged.append((step, numbers))

    def finish(self, exit_code):
        self.ended.append(exit_code)


def test_wandb_gets_one_run_with_the_plan_in_the_order_of_steps(tmp_path, monkeypatch):
    runs = []
    module = types.ModuleType("wandb")
    module.init = lambda **options: runs.append(WandbRun(options)) or runs[-1]
    module.Image = lambda path: ("image", path.rpartition("/")[2])
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    lines = train(tmp_path / "run", "wandb")
    (run,) = runs

    assert (run.options["project"], run.options["name"]) == (
        "ganeval",
        "gan-1d.mixture-1d-cpu+" + run.options["name"][22:],
    )
    assert run.options["dir"] == str(tmp_path / "run")
    assert run.options["config"]["training.steps"] == 20
    assert [numbers["grids"] for _, numbers in run.logged if "grids" in numbers] == [
        ("image", "0000000.png"),
        ("image", "0000020.png"),
    ]
    assert [(step, n["loss_g"]) for step, n in run.logged if "loss_g" in n] == [(x["step"], x["loss_g"]) for x in lines]
    assert run.ended == [0]
