"""Training written to TensorBoard and MLflow: the numbers arrive at their steps, under names both tools take."""

import importlib.util
import io
import json

import numpy as np
import pytest
from PIL import Image

from ganeval.cli import main as cli
from reference_models import loggers

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
