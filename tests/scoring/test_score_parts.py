"""The parts of a score: options that cannot be meant, statistics of another network, shares of a process, blame."""

import dataclasses

import numpy as np
import pytest
import torch

from ganeval.devices import resolve_device
from ganeval.errors import DataError, ProtocolMismatchError, ReferenceStatisticsError, UsageError, WeightsError
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.scoring.feature_pass import SourceSummary
from ganeval.scoring.image_influence import blame
from ganeval.scoring.loaded_networks import Passes
from ganeval.scoring.plan import make_plan
from ganeval.sources.decoding.rules import DECODE_POLICY
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from ganeval.summaries.reference_file import BackboneFacts, ReferenceStatistics
from tests.conftest import TOY, ToyBackbone
from tests.one_pass import score

CPU = torch.device("cpu")


@pytest.fixture
def toy(monkeypatch):
    """The toy network under the default backbone's name, so that a score costs nothing."""
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)
    return backbone


@pytest.fixture
def sets(tmp_path):
    """Two files of 40 images, the second a little brighter."""
    paths = []
    for name, shift in (("real", 0), ("fake", 30)):
        pixels = np.random.default_rng(shift).integers(0, 200, (40, 8, 8, 3)) + shift
        paths.append(str(tmp_path / f"{name}.npy"))
        np.save(paths[-1], pixels.astype(np.uint8))
    return paths


# ---- options that cannot be meant


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"batch_size": 0}, UsageError, "--batch-size takes a whole number of at least 1; got 0"),
        ({"num_samples": 1}, UsageError, "--num-samples takes a whole number of at least 2; got 1"),
        ({"paired": "hr", "crop_border": -4}, UsageError, "--crop-border takes a whole number of at least 0; got -4"),
        ({"blame": True}, UsageError, "--blame .* Add --reference REF"),
        ({"blame": True, "reference": "real", "metrics": "prdc,cs"}, UsageError, "--blame needs .* got prdc,cs. Add"),
        ({"weights": {"inception": "gone.pth"}}, WeightsError, "--weights inception=.*gone.pth: there is no such file"),
        ({"reference": "real", "metrics": "cs"}, UsageError, "none of cs compares with one"),
        ({"paired": "hr", "metrics": "psnr", "weights": {"inception": ""}}, UsageError, "no requested metric uses"),
    ],
    ids=["batch", "one image", "border", "blame", "blame of prdc", "no file", "no reference needed", "unused weights"],
)
def test_options_that_cannot_be_meant_are_refused_by_name(options, error, said, tmp_path):
    (tmp_path / "there.pth").write_bytes(b"weights")
    if "weights" in options:
        files = {name: tmp_path / (file or "there.pth") for name, file in options["weights"].items()}
        options = {**options, "weights": files}

    with pytest.raises(error, match=said):
        make_plan(ScoreOptions("fake", **options))


@pytest.mark.parametrize(("device", "said"), [("meta", "is not supported"), ("gpu", "is not a device")])
def test_a_device_that_runs_nothing_is_refused(device, said):
    with pytest.raises(UsageError, match=said):
        resolve_device(device)


def test_a_device_that_is_not_here_is_refused_with_what_is():
    there = torch.cuda.device_count()
    with pytest.raises(UsageError, match=f"{there} CUDA devices are here"):
        resolve_device(f"cuda:{there}")
    assert resolve_device("cpu") == CPU


# ---- statistics files


@pytest.mark.parametrize(
    ("options", "names", "part", "said"),
    [
        ({"weights": {"vgg16": "x"}}, ["efflite0"], None, "--weights names vgg16; the file is built for efflite0"),
        ({}, ["efflite0"], (1, 41), "--part 1/41: .* has only 40 images"),
    ],
    ids=["weights", "parts"],
)
def test_a_statistics_file_that_cannot_be_built_is_refused_before_a_network_runs(options, names, part, said, sets, toy):
    with pytest.raises(UsageError, match=said):
        build_reference(ScoreOptions(sets[0], **options), names, Silent(), part)
    assert toy.seen == 0


def statistics(name="efflite0", **changed):
    facts = {name: BackboneFacts("0" * 64, "area-8", "exact")}
    return dataclasses.replace(ReferenceStatistics("real", "", 40, DECODE_POLICY, {}, facts), **changed)


def passes(toy):
    return Passes({"efflite0": toy}, {}, {}, ScoreOptions("fake"), Silent())


def test_statistics_of_the_same_network_are_taken_and_those_of_a_peer_cannot_be_checked(toy):
    passes(toy).check_statistics(statistics(), "real.safetensors")
    other = {"efflite0": BackboneFacts("1" * 64, "", "exact")}
    passes(toy).check_statistics(statistics(peer=True, facts=other, decode=""), "real.npz")

    with pytest.raises(ProtocolMismatchError, match=r"built by another protocol of efflite0.*Build it again"):
        passes(toy).check_statistics(statistics(facts=other), "real.safetensors")


def test_statistics_of_another_network_say_which_metrics_they_serve(toy):
    with pytest.raises(ReferenceStatisticsError, match=r"for inception, not for efflite0\. .*--metrics fd@inception"):
        passes(toy).check_statistics(statistics("inception"), "real.safetensors")
    with pytest.raises(ProtocolMismatchError, match="made by clean-fid, whose features are those of inception-clean"):
        passes(toy).check_statistics(statistics("inception-clean", tool="clean-fid"), "real.npz")


# ---- blame


def test_blame_names_every_image_once_and_the_planted_one_first(toy, sets, tmp_path):
    planted = np.load(sets[1])
    planted[7] = 255
    np.save(tmp_path / "planted.npy", planted)
    options = ScoreOptions(
        str(tmp_path / "planted.npy"), reference=sets[0], metrics="fd,kd", engine="torch", blame=True, device="cpu"
    )
    table = score(options).blame

    assert list(table.columns) == ["image", "fd@efflite0", "kd@efflite0"]
    assert len(set(table["image"])) == 40
    assert int(table["image"][0]) == 7
    assert table["kd@efflite0"].sum() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("metrics", "columns"),
    [
        ("kd", ["kd@efflite0"]),
        ("kd,fd", ["kd@efflite0", "fd@efflite0"]),
        ("mind,prdc,kd", ["mind@efflite0", "kd@efflite0"]),
    ],
)
def test_blame_is_for_what_was_asked_for(toy, sets, metrics, columns):
    table = score(
        ScoreOptions(sets[1], reference=sets[0], metrics=metrics, engine="torch", blame=True, device="cpu")
    ).blame

    assert list(table.columns) == ["image", *columns]
    assert table[columns[0]].is_monotonic_decreasing


def test_blame_leaves_out_what_only_one_side_has_and_refuses_what_none_has():
    rng = np.random.default_rng(0)
    rows = {side: rng.normal(size=(30, 4)).astype(np.float32) for side in ("fake", "real")}
    whole = {side: SetSummary(Moments.of(made), FeatureBank.of(made)) for side, made in rows.items()}
    names = tuple(f"{i}.png" for i in range(30))
    fake = SourceSummary("s", {"toy": whole["fake"]}, "", names, (), (), (), {}, {})

    moments_only = SetSummary(whole["real"].moments)  # a statistics file without feature rows
    assert list(blame(fake, {"toy": moments_only}).columns) == ["image", "fd@toy"]
    with pytest.raises(DataError, match="none of this run has one"):
        blame(fake, {"inception": whole["real"]})
