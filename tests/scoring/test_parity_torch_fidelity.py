"""From mixed-size PNG files to FID, IS, KID, precision and recall: torch-fidelity's numbers, given one weights file.

The weights are random in the canonical layout: the canonical file cannot be shipped, and the arithmetic does not care.
"""

import json
import re
import types

import numpy as np
import pytest
import torch
from torch_fidelity import calculate_metrics

from ganeval.backbones.loading import load_backbone
from ganeval.errors import UsageError, WeightsError
from ganeval.explain.cross_check import _settings, check_possible, cross_check
from ganeval.metrics.frechet import FD, frechet_of_rows
from ganeval.metrics.inception_score import log_softmax, split_scores
from ganeval.metrics.kernel import KD, classic_subsets
from ganeval.metrics.prdc import neighbourhoods
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.loaded_networks import open_store
from ganeval.sources.folder import FolderSource
from tests.one_pass import summarise

SIZES = [(40, 40), (64, 31), (299, 299), (330, 310)]


@pytest.fixture
def summaries(make_folder, inception_file, tmp_path):
    folders = make_folder("fake", 9, sizes=SIZES, seed=1, darken=4), make_folder("real", 10, sizes=SIZES, seed=2)
    backbone = load_backbone("inception", device=torch.device("cpu"), weights_file=inception_file)
    stores = {"inception": open_store(backbone, tmp_path / "features")}
    sides = [summarise(FolderSource(f), [backbone], stores, batch_size=8, on_bad="fail") for f in folders]
    return folders, [side.sets["inception"] for side in sides]


def test_every_shared_number_but_fid_agrees_within_1e_5(summaries, inception_file):
    (fake_folder, real_folder), (fake, real) = summaries
    with torch.random.fork_rng():  # it builds its network with the global RNG
        theirs = calculate_metrics(
            input1=str(fake_folder),
            input2=str(real_folder),
            feature_extractor="inception-v3-compat",
            batch_size=1,  # it cannot stack images of different sizes
            cuda=False,
            isc=True,
            kid=True,
            prc=True,
            kid_subsets=10,
            kid_subset_size=8,
            isc_splits=3,
            feature_extractor_weights_path=str(inception_file),
            cache=False,
            verbose=False,
            save_cpu_ram=True,
        )

    # FID is held against theirs by the cross-check below: the eigenvalues of its product of two 2048 x 2048 matrices
    # take ten seconds. Here against the nuclear norm of the rows, which has no noise below n = d + 1.
    exact = frechet_of_rows(real.bank.rows().astype(float), fake.bank.rows().astype(float))
    found = neighbourhoods(real.bank.rows(), fake.bank.rows(), 3, 5)
    ours = {
        "inception_score_mean": split_scores(log_softmax(fake.logits.rows()), 3, 2020).mean(),
        "kernel_inception_distance_mean": classic_subsets(real.bank, fake.bank, 10, 8, 2020).mean(),
        "precision": found.fake_inside.mean(),
        "recall": found.real_inside.mean(),
    }

    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], rel=1e-5), name
    assert FD.evaluate(real, fake)["fd"].value == pytest.approx(exact, rel=1e-10)
    assert np.isfinite(list(ours.values())).all()


def eigenvalues_of_low_rank(product):
    """Those of numpy, without the thousands that are zero: of the product in a basis of its columns."""
    basis, _ = np.linalg.qr(product @ np.random.default_rng(0).normal(size=(len(product), 12)))
    return np.linalg.eigvals(basis.T @ product @ basis)


@pytest.fixture(params=["low rank", pytest.param("as they are", marks=pytest.mark.slow)])
def their_eigenvalues(request, monkeypatch):
    """Theirs take ten seconds; the product of two covariances of six images each has at most five that are not zero."""
    if request.param == "low rank":
        linalg = types.SimpleNamespace(eigvals=eigenvalues_of_low_rank)
        monkeypatch.setattr("torch_fidelity.metric_fid.np", types.SimpleNamespace(**vars(np) | {"linalg": linalg}))


def test_a_cross_check_agrees_with_the_rows_which_never_borrow_the_canonical_name_of_other_weights(
    make_folder, inception_file, command_line, their_eigenvalues
):
    fake, real = make_folder("fake", 6, SIZES[:2], seed=1, darken=4), make_folder("real", 6, SIZES[:2], seed=2)
    command = ["score", fake, "--reference", real, "--metrics", "fid,kid,is,vendi@pixels", "--cross-check"]
    code, out, err = command_line(*command, "--weights", f"inception={inception_file}", "--json", "-")
    rows = {row["key"].partition("@")[0]: row for row in json.loads(out)["rows"]}

    assert code == 0
    assert "torch_fidelity" not in rows.pop("vendi")["provenance"]
    assert set(rows) == {"fd", "kd", "cs"}
    for row in rows.values():
        assert re.fullmatch(r"(fd|kd|cs)@inception#[0-9a-f]{8}", row["key"])
        checked = row["provenance"]["torch_fidelity"]
        # Below n = d + 1 torch-fidelity's FID sums the roots of rounding errors of 2,000 null eigenvalues; the darker
        # fakes keep the distance large against that (without: 2.6e-5 relative).
        assert checked["value"] == pytest.approx(row["value"], rel=1e-5)
        assert checked["difference"] < 1e-5
        assert checked["note"] == ""
        assert f"{row['key']}: torch-fidelity {checked['value']:.6g}, ganeval {row['value']:.6g}" in " ".join(
            err.split()
        )


def test_kid_of_sets_of_other_counts_says_how_theirs_differs():
    asked = [metric.torch_fidelity for metric in (KD, FD)]

    assert _settings(asked, range(12), range(15)) == (
        {"kid": True, "fid": True, "isc_splits": 1, "kid_subsets": 100, "kid_subset_size": 12},
        "its mean over 100 random subsets of 12, ours of all pairs",
    )
    assert _settings(asked, range(6000), range(6000))[0]["kid_subset_size"] == 1_000
    assert _settings(asked, range(9), range(9))[1] == ""


def test_what_cannot_be_cross_checked_is_refused_before_anything_is_scored(make_folder, inception_file, tmp_path):
    folder = str(make_folder("fake", 4))
    np.savez(tmp_path / "stats.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    weights = {"inception": inception_file}

    with pytest.raises(WeightsError, match="weights fetch inception"):
        check_possible(ScoreOptions(folder, folder))
    with pytest.raises(UsageError, match="holds statistics of them"):
        check_possible(ScoreOptions(folder, str(tmp_path / "stats.npz"), weights=weights))
    with pytest.raises(UsageError, match="a fixed number of images"):
        check_possible(ScoreOptions(folder, folder, weights=weights, until_se=1.0))
    with pytest.raises(UsageError, match="one process"):
        check_possible(ScoreOptions(folder, folder, weights=weights, devices=2))
    with pytest.raises(UsageError, match="Add --metrics fid,kid,is"):
        cross_check(ScoreOptions(folder, folder, weights=weights), [], Silent())
