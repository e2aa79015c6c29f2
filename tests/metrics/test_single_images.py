"""NIQE and BRISQUE: values of other tools given the same parameters, closed forms, slow oracles, errors, commands."""

import functools
import json
import re
import shutil

import numpy as np
import pytest
import scipy.stats
import skimage.data
from PIL import Image, ImageFilter
from safetensors.numpy import save_file

import ganeval
from ganeval.backbones.scene_models import convert_brisque, convert_niqe, load_model
from ganeval.backbones.weights_store import locate
from ganeval.errors import DataError, UsageError, WeightsError
from ganeval.metrics import brisque, niqe
from ganeval.metrics.brisque import BRISQUE, compute_brisque
from ganeval.metrics.luma import image_luma
from ganeval.metrics.niqe import NIQE, compute_niqe
from ganeval.metrics.scene_statistics import Sides, shape_of, shape_ratio
from tests import oracles

REAL = {name: locate(name) for name in ("niqe", "brisque")}  # at import: tests themselves run with an empty cache


def niqe_model():
    """Parameters from a formula: no photographs', but what other tools can be given as well."""
    i = np.arange(36.0)
    return {"mu": 1 + 0.5 * np.sin(i), "cov": 0.1 * np.eye(36) + 0.02 * np.cos(np.subtract.outer(i, i))}


def brisque_model():
    n, i = np.meshgrid(np.arange(20.0), np.arange(36.0), indexing="ij")
    vectors, weights = 0.4 * np.sin(1.3 * n * (i + 1)), 50 * np.cos(np.arange(20.0))
    return {"vectors": vectors, "weights": weights, "gamma": np.array([0.05]), "rho": np.array([-30.0])}


def svm_text(model):
    lines = [
        " ".join([f"{weight!r}", *(f"{i + 1}:{value!r}" for i, value in enumerate(vector))])
        for weight, vector in zip(model["weights"].tolist(), model["vectors"].tolist(), strict=True)
    ]
    head = [
        "svm_type epsilon_svr",
        "kernel_type rbf",
        "gamma 0.05",
        "nr_class 2",
        f"total_sv {len(lines)}",
        "rho -30.0",
    ]
    return "\n".join([*head, "SV", *lines]) + "\n"


SVM = svm_text(brisque_model())


@functools.cache
def photo(name):
    image = getattr(skimage.data, name)()
    image = image[:300, :301] if name == "coffee" else image  # odd sides
    return np.ascontiguousarray(image.transpose(2, 0, 1))


# BasicSR 8d56e3a `niqe` on its own luma with the parameters of `niqe_model`, without and with a border of 4; package
# brisque 0.2.0 `BRISQUE().score` with the machine of `brisque_model`; both with their own parameters.
PEERS = {
    "astronaut": ((21.97420292983002, 21.93395239270684), 59.70447058586325, 3.0649476661849033, 10.794862939073454),
    "chelsea": ((21.531286274119335, 21.547562538740316), 61.68073182338887, 2.625524381291432, 2.870766629424878),
    "coffee": ((21.33999156015538, 21.307669956914648), 55.85853406633157, 6.854186005236513, 10.913728608304922),
}
FLAT = {"astronaut"}  # its black places: the package counts the signs of rounding there, BasicSR rounds to float32


@pytest.mark.parametrize("name", PEERS)
def test_niqe_agrees_with_basicsr_given_the_same_parameters(name):
    for border, expected in zip((0, 4), PEERS[name][0], strict=True):
        image = photo(name)[:, border or None : -border or None, border or None : -border or None]

        assert compute_niqe(image, niqe_model(), NIQE.params) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", PEERS)
def test_brisque_agrees_with_the_package_given_the_same_machine(name):
    value = compute_brisque(photo(name), brisque_model(), BRISQUE.params)

    assert value == pytest.approx(PEERS[name][1], abs=2e-4 if name in FLAT else 1e-8)


@pytest.mark.skipif(None in REAL.values(), reason="ganeval weights fetch niqe brisque")
@pytest.mark.parametrize("name", PEERS)
def test_published_parameters_give_the_published_values(name):
    models = {metric.name: load_model(metric.name, metric.layout, REAL[metric.name]) for metric in (NIQE, BRISQUE)}

    assert compute_niqe(photo(name), models["niqe"].arrays, NIQE.params) == pytest.approx(PEERS[name][2], rel=1e-3)
    assert compute_brisque(photo(name), models["brisque"].arrays, {}) == pytest.approx(PEERS[name][3], abs=1e-3)


def test_niqe_agrees_with_the_slow_definition():
    image = photo("chelsea")[:, :200, :300]
    model = niqe_model()

    assert compute_niqe(image, model, NIQE.params) == pytest.approx(
        oracles.niqe(image_luma(image), model["mu"], model["cov"]), rel=1e-10
    )


@pytest.mark.parametrize("size", [(64, 64), (65, 67), (63, 90)])
def test_brisque_agrees_with_the_slow_definition(size):
    image = photo("coffee")[:, : size[0], : size[1]]
    x = oracles.brisque_features(image)
    low, high, model = np.asarray(brisque.SMALLEST), np.asarray(brisque.LARGEST), brisque_model()
    x = 2 * (x - low) / (high - low) - 1
    expected = 30.0 + sum(
        w * np.exp(-0.05 * sum((a - b) ** 2 for a, b in zip(v, x, strict=True)))
        for w, v in zip(model["weights"], model["vectors"], strict=True)
    )

    assert compute_brisque(image, model, {}) == pytest.approx(expected, rel=1e-8)


def test_shapes_have_closed_forms():
    """Laplace 1/2, Gauss 2/pi, uniform 3/4; of samples at quantiles the shape that they were drawn from."""
    assert shape_ratio(np.array([1.0, 2.0])) == pytest.approx([1 / 2, 2 / np.pi])
    assert shape_ratio(1e4) == pytest.approx(3 / 4, abs=1e-6)
    at = (np.arange(200_000) + 0.5) / 200_000
    samples = np.stack([scipy.stats.laplace.ppf(at), scipy.stats.norm.ppf(at)])
    assert shape_of(Sides.of(samples).ratio) == pytest.approx([1, 2], abs=2e-3)
    assert np.isnan(shape_of(Sides.of(np.ones((1, 4))).ratio)).all()


def test_niqe_is_a_distance_in_units_of_the_joint_covariance():
    """With a joint covariance of 1 in all directions it is Euclidean, and 0 from an image's own statistics."""
    image = photo("chelsea")
    luma = image_luma(image)[:288, :384]
    features = np.hstack([niqe._features(luma, 3, 4), niqe._features(niqe._halved(luma), 3, 4)])
    own = {"mu": features.mean(axis=0), "cov": 2 * np.eye(36) - np.cov(features, rowvar=False)}
    moved = {**own, "mu": own["mu"] + np.where(np.arange(36) == 7, 3.0, 0.0)}

    assert compute_niqe(image, own, NIQE.params) == pytest.approx(0, abs=1e-6)
    assert compute_niqe(image, moved, NIQE.params) == pytest.approx(3, rel=1e-6)


def test_brisque_without_support_vectors_is_its_constant():
    model = {**brisque_model(), "weights": np.zeros(20)}

    assert compute_brisque(photo("chelsea"), model, {}) == 30.0


def test_an_image_of_one_channel_is_its_own_luma():
    grey = photo("chelsea")[1:2]

    assert compute_niqe(grey, niqe_model(), NIQE.params) == pytest.approx(
        oracles.niqe(grey[0].astype(float), *niqe_model().values()), rel=1e-10
    )
    assert compute_brisque(grey, brisque_model(), {}) == pytest.approx(
        compute_brisque(np.repeat(grey, 3, axis=0), brisque_model(), {}), rel=1e-12
    )


@pytest.mark.parametrize(
    ("metric", "image", "message"),
    [
        (NIQE, np.zeros((3, 100, 180), np.uint8), "2 blocks of 96x96 pixels; the image is 180x100"),
        (NIQE, np.full((3, 200, 200), 7, np.uint8), "2 blocks with some texture; 0 of 4 are not flat"),
        (BRISQUE, np.full((3, 40, 40), 7, np.uint8), "the image is flat"),
    ],
)
def test_images_without_statistics_are_named(metric, image, message):
    model = niqe_model() if metric is NIQE else brisque_model()
    if metric is BRISQUE:
        image = np.zeros_like(image)

    with pytest.raises(DataError, match=message):
        metric.compute(image, model, metric.params)


@pytest.fixture
def models(tmp_path):
    """Options that name parameters from formulas."""
    save_file(niqe_model(), tmp_path / "niqe.safetensors")
    (tmp_path / "svm.txt").write_text(svm_text(brisque_model()))
    return {"niqe": tmp_path / "niqe.safetensors", "brisque": tmp_path / "svm.txt"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """20 crops of photographs, and the same blurred."""
    folder = tmp_path_factory.mktemp("crops")
    sharp, soft = folder / "sharp", folder / "soft"
    sharp.mkdir()
    soft.mkdir()
    for i in range(20):
        crop = photo(("chelsea", "coffee")[i % 2])[:, 4 * i : 4 * i + 100, 3 * i : 3 * i + 204]
        image = Image.fromarray(crop.transpose(1, 2, 0))
        image.save(sharp / f"{i:02}.png")
        image.filter(ImageFilter.GaussianBlur(1.5)).save(soft / f"{i:02}.png")
    return sharp, soft


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    """Runs a command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: command_line(*map(str, words))


def given(models):
    return [word for name, path in models.items() for word in ("--weights", f"{name}={path}")]


def test_the_publishers_files_are_read(tmp_path, models):
    np.savez(tmp_path / "p.npz", mu_pris_param=niqe_model()["mu"][None], cov_pris_param=niqe_model()["cov"])
    found = load_model("niqe", NIQE.layout, tmp_path / "p.npz")
    machine = load_model("brisque", BRISQUE.layout, models["brisque"])

    assert (found.arrays["cov"] == niqe_model()["cov"]).all()
    assert (machine.arrays["vectors"] == brisque_model()["vectors"]).all()
    assert (found.pinned, machine.pinned) == (False, False)


@pytest.mark.parametrize(
    ("convert", "content", "message"),
    [
        (convert_niqe, b"PK\x03\x04nonsense", "niqe_pris_params.npz"),
        (convert_brisque, b"svm_type c_svc\nkernel_type rbf\nSV\n", "it is c_svc with the kernel rbf"),
        (convert_brisque, SVM.replace("total_sv 20", "total_sv 21").encode(), "20 support vectors"),
        (convert_brisque, SVM.replace(" 36:", " 37:").encode(), "'37:.*' isn't one of 36"),
        (convert_brisque, b"\xff\xfe", "isn't a libsvm model"),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, convert, content, message):
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(WeightsError, match=message):
        convert(tmp_path / "file", tmp_path / "out")


def test_parameters_of_another_layout_are_refused(tmp_path):
    save_file({"mu": np.zeros(35), "cov": np.eye(36)}, tmp_path / "x.safetensors")

    with pytest.raises(WeightsError, match=r"expected mu of shape \(36,\) for 'niqe', found shape \(35,\)"):
        load_model("niqe", NIQE.layout, tmp_path / "x.safetensors")


def test_a_score_beside_psnr_writes_all_values_by_image(folders, models, tmp_path, run):
    sharp, soft = folders
    out = run("score", soft, "--paired", sharp, "--metrics", "psnr,niqe,brisque", "--crop-border", 2, *given(models),
              "--per-image", tmp_path / "v.csv", "--json", "-")  # fmt: skip
    rows = {row["key"].partition("#")[0]: row for row in json.loads(out[1])["rows"]}
    head, first, *_ = (tmp_path / "v.csv").read_text().splitlines()

    assert out[0] == 0, out
    assert head == "image,psnr,niqe,brisque"
    image = np.asarray(Image.open(soft / "00.png")).transpose(2, 0, 1)[:, 2:-2, 2:-2]
    assert float(first.split(",")[2]) == pytest.approx(compute_niqe(image, niqe_model(), NIQE.params), rel=1e-12)
    assert rows["niqe"]["protocol"]["crop_border"] == 2
    assert rows["niqe"]["protocol"]["params"] == NIQE.params
    assert rows["niqe"]["n_real"] is None
    assert rows["niqe"]["ci95"] is not None
    assert rows["niqe"]["comparable_to_published"] is False  # not the published parameters
    assert len(rows["brisque"]["provenance"]["per_image"]) == 20


def test_five_methods_are_one_command_with_all_values_of_a_picture_in_one_line(folders, models, tmp_path, run):
    """A super-resolution engineer's: suffixes of each method's own, NIQE beside PSNR, by image and as LaTeX."""
    sharp, _ = folders
    for number in range(5):
        folder = tmp_path / f"method{number}"
        folder.mkdir()
        for path in sorted(sharp.iterdir())[:6]:
            image = Image.open(path).filter(ImageFilter.GaussianBlur(0.5 + 0.4 * number))
            image.save(folder / f"{path.stem}_m{number}x4.png")
    originals = tmp_path / "hr"
    originals.mkdir()
    for path in sorted(sharp.iterdir())[:6]:
        (originals / path.name).write_bytes(path.read_bytes())
    weights = ["--weights", f"niqe={models['niqe']}"]
    code, table, err = run(
        "score", *(f"method{number}" for number in range(5)), "--paired", "hr", "--metrics", "psnr,ssim,niqe",
        "--channel", "y", "--crop-border", 2, *weights, "--per-image", "v.csv", "--format", "latex",
    )  # fmt: skip
    assert code == 0, err
    lines = [line.split(",") for line in (tmp_path / "v.csv").read_text().splitlines()]

    assert lines[0] == ["image", "psnr", "ssim", "niqe", "subject"]
    assert [(line[0], line[4]) for line in lines[1:]] == [(f"{i:02}", f"method{k}") for k in range(5) for i in range(6)]
    assert all(float(value) for line in lines[1:] for value in line[1:4])
    assert table.startswith(r"\begin{tabular}{lrrr}")
    assert all(rf"method{number} & " in table for number in range(5))
    assert "% NIQE (crop 2): " in table
    assert "scored on different images" not in table

    code, out, err = run(
        "diff", "method0", "method1", "--paired", "hr", "--metrics", "psnr,niqe", *weights, "--json", "-"
    )
    assert code == 0, err
    assert [row["paired"] for row in json.loads(out)["rows"]] == [True, True]
    scores = ganeval.score("method0", paired="hr", metrics="psnr,niqe", weights={"niqe": models["niqe"]})
    assert len(scores.per_image) == 6


def test_a_diff_is_paired_by_stem_and_needs_no_reference(folders, models, run):
    out = run("diff", *folders, "--metrics", "niqe,brisque", *given(models), "--json", "-")
    rows = json.loads(out[1])["rows"]

    assert out[0] == 0, out
    assert [row["paired"] for row in rows] == [True, True]
    assert rows[0]["delta"] == pytest.approx(rows[0]["value"] - rows[0]["value_a"], rel=1e-9)
    assert rows[0]["wins"] + rows[0]["losses"] == 20
    assert run("diff", *folders, "--metrics", "niqe,kd", *given(models))[0] == 2


def test_several_subjects_a_gate_and_python_take_them(folders, models, tmp_path, run):
    sharp, soft = folders
    table = run("score", sharp, soft, "--metrics", "niqe", "--weights", f"niqe={models['niqe']}", "--format", "md")
    baseline, rules = tmp_path / "b.jsonl", tmp_path / "g.toml"
    weights = ["--weights", f"niqe={models['niqe']}"]
    init = run(
        "gate", "init", sharp, "--metrics", "niqe", "--name", "x", "--baseline", baseline, "--rules", rules, *weights
    )
    same = run("gate", sharp, "--baseline", baseline, *weights)
    scores = ganeval.score(soft, metrics="niqe", weights={"niqe": models["niqe"]})

    assert "NIQE" in table[1]
    assert init[0] == same[0] == 0, (init, same)
    assert next(iter(scores)).value != 0
    with pytest.raises(UsageError, match="niqe go image by image"):
        ganeval.Evaluator(metrics="niqe", weights={"niqe": models["niqe"]}).update(np.zeros((2, 200, 200, 3), np.uint8))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--metrics", "niqe@inception"], 2, "niqe is a metric of single images and takes no backbone"),
        (["--metrics", "niqe", "--channel", "y"], 2, "belong to paired metrics"),
        (["--metrics", "niqe", "--crop-border", "40"], 3, "'00' is 204x100 .* 124x20 without its border"),
        (["--metrics", "niqe", "--paired", "SHARP"], 2, "none of niqe is a paired metric"),
        (["--metrics", "kd", "--per-image", "x.csv"], 2, "name metrics of single images"),
    ],
)
def test_what_cannot_be_used_is_named(folders, models, run, words, code, message):
    words = [str(folders[0]) if word == "SHARP" else word for word in words]
    weights = ["--weights", f"niqe={models['niqe']}"] if "niqe" in words else []
    out = run("score", folders[1], *words, *weights)

    assert out[0] == code, out
    assert re.search(message, " ".join(out[2].split()))


def test_without_its_parameters_a_metric_says_how_to_get_them(folders, run):
    out = run("score", folders[0], "--metrics", "niqe")

    assert out[0] == 3
    assert "ganeval weights fetch niqe" in out[2]


def test_a_bad_image_fails_or_is_skipped(folders, models, run, tmp_path):
    sharp = shutil.copytree(folders[0], tmp_path / "some")
    (sharp / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    weights = ["--weights", f"niqe={models['niqe']}", "--metrics", "niqe"]

    assert run("score", sharp, *weights)[0] == 3
    out = run("score", sharp, *weights, "--on-bad", "skip", "--json", "-")
    assert json.loads(out[1])["rows"][0]["n_fake"] == 20
    assert json.loads(out[1])["rows"][0]["provenance"]["skipped"] == 1
