"""The same images give the same rows under any names and in any order, with and without a cache."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ganeval.backbones.base import Output
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.summaries.reference_file import save_reference
from tests.conftest import TOY, ToyBackbone
from tests.one_pass import score

ORDERS = 4
METRICS = "fd,kd,cmmd,mind,prdc,cs,cs_classic,vendi,fd_per_class,agreement"


class SteadyBackbone(ToyBackbone):
    """Gives the same features in any batch, as real backbones do by calls of one size."""

    def forward(self, prepared):
        features = (prepared.flatten(1).double() @ self.projection.double()).relu()
        return Output(features.float(), (features @ self.classifier.double()).float())


@pytest.fixture
def toy(monkeypatch):
    backbone = SteadyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)


@pytest.fixture(scope="module")
def images():
    """520 labelled images a side: enough for every interval."""
    rng = np.random.default_rng(5)
    sides = {}
    for side, shift in (("fake", 60), ("real", 0)):
        coarse = rng.integers(0, 156 - shift, (520, 4, 4, 3)).astype(np.uint8) + np.uint8(shift)
        coarse[1::2, :2] += np.uint8(100)  # class b is brighter above
        sides[side] = [(coarse[i], "ab"[i % 2]) for i in range(520)]
    return sides


def named(home, images, number):
    """The images in folders of their classes, under names whose order is the number's."""
    for side, pairs in images.items():
        order = np.random.default_rng(number).permutation(len(pairs)) if number else np.arange(len(pairs))
        for label in "ab":
            (home / side / label).mkdir(parents=True)
        for (pixels, label), place in zip(pairs, order, strict=True):
            Image.fromarray(pixels).save(home / side / label / f"{place:04d}.png")


def told(options):
    """Rows without their times and names, and without the word on what was cached."""
    rows = []
    for result in score(options).results:
        row = result.to_dict()
        for key in ("timing", "subject"):
            row.pop(key)
        row["provenance"].pop("time")
        row["provenance"].pop("reference_left_out", None)  # a statistics file knows no folder
        row["provenance"]["engine"] = row["provenance"]["engine"].removesuffix(" (cached)")
        rows.append(json.dumps(row, sort_keys=True))
    return rows


def test_orders_and_namings_give_the_same_rows_with_and_without_a_cache(images, toy, tmp_path, monkeypatch):
    """The network's shards differ too: each run writes 64 rows a shard, in its own order."""
    monkeypatch.setattr("ganeval.scoring.feature_pass.SHARD_ROWS", 64)
    monkeypatch.setattr("ganeval.scoring.feature_pass.KEPT_MOMENTS", 100)
    keys = ",".join(f"{name}@efflite0" for name in METRICS.split(","))
    seen = []
    for number in range(ORDERS):
        home = tmp_path / str(number)
        named(home, images, number)
        options = ScoreOptions(str(home / "fake"), str(home / "real"), metrics=keys, engine="torch")
        seen.append(told(options))
        seen.append(told(dataclasses.replace(options, cache=False)))
        shutil.rmtree(home)

    for rows in seen[1:]:
        assert rows == seen[0]
    rows = [json.loads(row) for row in seen[0]]
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["key"] for row in rows if row["floor"] is not None} >= {"fd@efflite0", "kd@efflite0", "mind@efflite0"}
    assert sum(row["ci95"] is not None for row in rows) > 7


@pytest.mark.parametrize("part", [None, "folder"])
def test_a_statistics_file_gives_the_rows_of_its_folder(images, toy, tmp_path, part):
    """Also after the folder was scored: floors and estimates are kept, and each is that of its own reference."""
    named(tmp_path, {side: pairs[:120] for side, pairs in images.items()}, 3)
    keys = "fd@efflite0,kd@efflite0,mind@efflite0,prdc@efflite0"
    options = ScoreOptions(str(tmp_path / "fake"), str(tmp_path / "real"), metrics=keys, engine="torch")
    built = build_reference(ScoreOptions(str(tmp_path / "real"), engine="torch"), ["efflite0"], Silent())
    save_reference(tmp_path / "real.safetensors", built, features=True)

    if part == "folder":
        score(options)
    again = told(dataclasses.replace(options, reference=str(tmp_path / "real.safetensors")))

    fresh = told(dataclasses.replace(options, cache=False))
    for row in zip(again, fresh, strict=True):
        ours, theirs = (dict(json.loads(text)) for text in row)
        del ours["provenance"], theirs["provenance"]  # a file does not state how its images were decoded
        assert ours == theirs


def test_a_file_without_digests_has_floors_of_its_own(images, toy, tmp_path):
    """Files of early versions keep the order of the names: theirs must not be taken for that of the images."""
    named(tmp_path, {side: pairs[:120] for side, pairs in images.items()}, 4)
    options = ScoreOptions(
        str(tmp_path / "fake"), str(tmp_path / "real"), metrics="kd@efflite0,fd@efflite0", engine="torch"
    )
    built = build_reference(ScoreOptions(str(tmp_path / "real"), engine="torch"), ["efflite0"], Silent())
    old = {name: dataclasses.replace(one, digests=None) for name, one in built.sets.items()}
    save_reference(tmp_path / "old.safetensors", dataclasses.replace(built, digests=(), sets=old), features=True)
    earlier = dataclasses.replace(options, reference=str(tmp_path / "old.safetensors"))

    folder = told(options)

    assert told(earlier) == told(dataclasses.replace(earlier, cache=False))
    assert folder == told(dataclasses.replace(options, cache=False))
