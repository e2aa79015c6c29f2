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
