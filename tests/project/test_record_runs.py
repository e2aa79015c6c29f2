"""How finished runs become rows: every recipe is scored on its own data, or on none."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest
import torch

from ganeval.errors import DataError
from ganeval.results.result import append_to_board, read_jsonl
from ganeval.sources.datasets.table import DATASETS
from reference_models.models import MODELS
from reference_models.recipes import RECIPES
from reference_models.recipes.measured import RunResult, pooled
from reference_models.training.devices import machine_of
from tests.rows import BASE, result, seeds

SPEC = importlib.util.spec_from_file_location("record_runs", Path(__file__).parents[2] / "docs" / "record_runs.py")
record_runs = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record_runs)
ALLOWED = {"photos-restyled": {"photos", "photos-evening"}}
IMAGES = [name for name in RECIPES if RECIPES.get(name).data.transform != "mixture"]


@pytest.mark.parametrize("name", IMAGES)
def test_a_recipe_is_scored_on_its_own_data_or_on_none(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GANEVAL_DATA", str(tmp_path))
    recipe = RECIPES.get(name)
    found = list(record_runs.plans(recipe, tmp_path / "last.safetensors"))

    for board, options in found:
        named = [place for place in (options.reference, options.paired, options.inputs) if place is not None]
        assert named
        if MODELS.get(recipe.model).kind_name == "super-resolution":
            assert board in ("photos-sr", "set5-sr", "bsd100-sr")  # enlarging is one task on any photograph
            continue
        allowed = ALLOWED.get(board, {recipe.data.id})
        for place in named:
            data = place.partition(":")[0]
            assert data in allowed if data in DATASETS else f"/{recipe.data.id}/" in place
    assert found or name == "pix2pix.facades"  # its inputs and outputs lie in one file: no board yet


def test_a_full_plan_is_scored_by_as_many_images_as_its_run_on_a_board_of_its_own(tmp_path):
    small, full = (RECIPES.get(f"cgan-conv.fashion-mnist{end}") for end in ("-cpu", ""))
    ((board, options), (_, labels)) = record_runs.plans(full, tmp_path / "last.safetensors")

    assert (board, options.num_samples, options.reference) == ("fashion-mnist-full", 10_000, "fashion-mnist:test")
    assert (labels.metrics, labels.num_samples) == ("agreement@pixels", 10_000)
    assert next(iter(record_runs.plans(small, tmp_path / "last.safetensors")))[0] == "fashion-mnist"


def test_both_directions_of_two_sets_are_scored(tmp_path, monkeypatch):
    monkeypatch.setenv("GANEVAL_DATA", str(tmp_path))
    found = list(record_runs.plans(RECIPES.get("cyclegan.horse2zebra"), tmp_path / "last.safetensors"))

    ends = [(board, Path(o.inputs).name, Path(o.reference).name, o.direction) for board, o in found]
    assert ends == [
        ("horse2zebra-a2b", "testA", "testB", "a2b"),
        ("horse2zebra-b2a", "testB", "testA", "b2a"),
    ]


def test_the_device_is_that_of_the_run_whose_time_is_told():
    fields = {"recipe": "dcgan.digits-cpu", "metric": "fd@efflite0", "better": "lower", "untrained": 2.0, "best": 1.0}
    runs = [
        RunResult(**fields, seed=seed, last=1.0, seconds=seconds, device=device)
        for seed, seconds, device in ((0, 9.0, "a slow one"), (1, 3.0, "a fast one"), (2, 5.0, ""))
    ]

    assert (pooled(runs)["seconds"], pooled(runs)["device"]) == (3.0, "a fast one")
    with pytest.raises(DataError, match="seed 1: its folder does not name the device"):
        pooled([dataclasses.replace(run, device="") for run in runs])


def test_a_machine_is_named_with_its_threads_and_cores():
    assert machine_of(torch.device("cpu")).startswith(f"{torch.get_num_threads()} thread")


def test_former_rows_go_with_the_protocols_that_only_they_named(tmp_path, monkeypatch):
    monkeypatch.setattr(record_runs, "RESULTS", tmp_path)
    other = dataclasses.replace(BASE, seed=8)
    rows = [
        *seeds([1.0, 2.0], "gan-mlp.digits-cpu"),
        *seeds([3.0], protocol=other),
        result(4.0, subject="digits:train"),
    ]
    append_to_board(tmp_path / "digits.jsonl", rows)

    record_runs.forget("gan-mlp.digits-cpu", {1})
    assert read_jsonl(tmp_path / "digits.jsonl") == ([rows[0], *rows[2:]], [])
    record_runs.forget("dcgan.digits-cpu", None)
    assert read_jsonl(tmp_path / "digits.jsonl") == ([rows[0], rows[3]], [])
    assert (tmp_path / "digits.jsonl").read_text().count('"kind": "protocol"') == 1
