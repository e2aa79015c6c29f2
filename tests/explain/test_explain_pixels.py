"""What other packages print as PSNR and SSIM: the packages on the same pairs, and recorded values of BasicSR."""

import json

import numpy as np
import piq
import pytest
import skimage.color
import skimage.data
import skimage.metrics
import torch
from PIL import Image
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image import PeakSignalNoiseRatio

from ganeval.explain.pixels import OF, OWN, TOOLS, explain_pixels, parse_pixel_tools
from ganeval.options import ScoreOptions

BORDER = 4
# calculate_psnr, calculate_ssim of BasicSR 1.4.2 with crop_border=4, test_y_channel=False and True, on `photographs()`
BASICSR = {
    "rgb": [(23.79683231540692, 0.7450923965112354), (26.069856184651922, 0.7606464383530057)],
    "y": [(25.306418870131363, 0.7765871353338955), (27.561427103351864, 0.7825070924529649)],
}


def photographs():
    """Two photographs, one over 384 pixels, and each as the means of its blocks of 4x4 pixels: whole numbers."""
    for real in (skimage.data.astronaut()[:388, :392], skimage.data.coffee()[40:168, 100:260]):
        height, width, _ = real.shape
        blocks = real.reshape(height // 4, 4, width // 4, 4, 3).astype(np.int64).sum(axis=(1, 3))
        yield ((blocks + 8) // 16).astype(np.uint8).repeat(4, 0).repeat(4, 1), real


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for k, pair in enumerate(photographs()):
        for name, image in zip(("fake", "real"), pair, strict=True):
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(image).save(folder / name / f"{k}.png")
    return folder


@pytest.fixture(scope="module")
def found(folders):
    options = ScoreOptions(str(folders / "fake"), paired=str(folders / "real"), channel="y", crop_border=BORDER)
    explained = explain_pixels(options, tuple(TOOLS.values()))
    return {(row.tool, row.metric): row for row in explained.rows}


def tensors():
    for fake, real in photographs():
        yield tuple(torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in (fake, real))


def cut(image):
    return image[BORDER:-BORDER, BORDER:-BORDER]


def by_scikit_image(metric, channel, *, border, **how):
    values = []
    for fake, real in photographs():
        if border:
            fake, real = cut(fake), cut(real)
        if channel == "y":
            fake, real = (skimage.color.rgb2ycbcr(image)[..., :1] for image in (fake, real))
        if channel == "rounded y":
            fake, real = (np.floor(skimage.color.rgb2ycbcr(image)[..., :1] + 0.5) for image in (fake, real))
        if metric == "psnr":
            values.append(skimage.metrics.peak_signal_noise_ratio(real, fake, data_range=255))
        else:
            values.append(skimage.metrics.structural_similarity(real, fake, channel_axis=2, data_range=255, **how))
    return np.mean(values)


def by_piq_ssim():
    return np.mean([float(piq.ssim(a.double(), b.double(), data_range=255)) for a, b in tensors()])


PAPER = {"gaussian_weights": True, "use_sample_covariance": False}


@pytest.mark.parametrize(
    ("tool", "metric", "peer"),
    [
        ("scikit-image", "psnr", lambda: by_scikit_image("psnr", "rgb", border=False)),
        ("scikit-image", "ssim", lambda: by_scikit_image("ssim", "rgb", border=False)),
        ("scikit-image-gaussian", "ssim", lambda: by_scikit_image("ssim", "rgb", border=False, gaussian_weights=True)),
        ("basicsr", "psnr", lambda: np.mean([psnr for psnr, _ in BASICSR["rgb"]])),
        ("basicsr", "ssim", lambda: np.mean([ssim for _, ssim in BASICSR["rgb"]])),
        ("basicsr-y", "psnr", lambda: np.mean([psnr for psnr, _ in BASICSR["y"]])),
        ("basicsr-y", "ssim", lambda: np.mean([ssim for _, ssim in BASICSR["y"]])),
        ("basicsr-y", "ssim", lambda: by_scikit_image("ssim", "y", border=True, **PAPER)),
        ("matlab-y", "psnr", lambda: by_scikit_image("psnr", "rounded y", border=True)),
        ("matlab-y", "ssim", lambda: by_scikit_image("ssim", "rounded y", border=True, **PAPER)),
        ("piq", "psnr", lambda: np.mean([float(piq.psnr(a.double(), b.double(), 255)) for a, b in tensors()])),
        ("piq", "ssim", by_piq_ssim),
        (
            "torchmetrics",
            "ssim",
            lambda: np.mean(
                [
                    float(structural_similarity_index_measure(a.double(), b.double(), data_range=255.0))
                    for a, b in tensors()
                ]
            ),
        ),
        (
            "torchmetrics-no-range",
            "ssim",
            lambda: np.mean([float(structural_similarity_index_measure(a.double(), b.double())) for a, b in tensors()]),
        ),
    ],
)  # fmt: skip
def test_each_tool_prints_what_the_package_prints(found, tool, metric, peer):
    row = found[tool, metric]

    assert row.value == pytest.approx(float(peer()), rel=2e-6)
    assert row.value == pytest.approx(found[OWN, metric].value + sum(row.terms.values()), rel=1e-12)


def test_torchmetrics_pools_the_squared_error_of_the_set(found):
    metric = PeakSignalNoiseRatio(data_range=255.0)
    for fake, real in tensors():
        metric.update(fake.double(), real.double())

    assert found["torchmetrics", "psnr"].value == pytest.approx(float(metric.compute()), rel=1e-6)
    assert found["torchmetrics", "psnr"].terms["pooled"] < 0


def test_what_a_tool_does_as_ganeval_does_is_no_term(found):
    assert found["matlab-y", "psnr"].terms == found["matlab-y", "ssim"].terms == {}
    assert set(found["basicsr-y", "ssim"].terms) == {"rounded"}
    assert set(found["piq", "ssim"].terms) == {"channel", "border", "shrunk"}
    assert found["piq", "ssim"].terms["shrunk"] > 0.01
    assert set(found["scikit-image", "ssim"].terms) == {"channel", "border", "window", "covariance"}


def test_the_command_prints_both_tables_and_json(folders, command_line):
    pair = [folders / "fake", "--paired", folders / "real"]
    code, out, _ = command_line("explain", *pair, "--tools", "basicsr,piq", "--crop-border", "4")
    assert code == 0
    assert "PSNR, dB" in out
    assert out.splitlines()[0].startswith("1 of 2 tools print another PSNR. Furthest from ganeval's is piq: ")
    assert out.splitlines()[0].endswith(" dB, mostly by border.")
    assert "shrunk: images of 384 pixels and more" in out

    code, out, _ = command_line("explain", *pair, "--tools", "basicsr", "--json", "-")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert [(row["tool"], row["key"]) for row in rows] == [(t, m) for m in OF for t in (OWN, "basicsr")]
    assert rows[0]["value"] == rows[1]["value"]


def test_identical_pairs_are_told_and_flat_ones_have_no_range(tmp_path, command_line):
    for name in ("fake", "real"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (20, 20), (40, 40, 40)).save(tmp_path / name / "a.png")
    code, out, _ = command_line("explain", tmp_path / "fake", "--paired", tmp_path / "real", "--json", "-")
    values = {(row["tool"], row["key"]): row for row in json.loads(out)["rows"]}

    assert code == 0
    assert values[OWN, "psnr"]["value"] is None
    assert "1 identical pairs" in values[OWN, "psnr"]["note"]
    assert values["piq", "psnr"]["value"] == pytest.approx(80.0)
    assert values[OWN, "ssim"]["value"] == 1.0
    assert values["torchmetrics-no-range", "ssim"]["value"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--reference", "real"], 2, "belong to the FID"),
        (["--tools", "pytorch-fid"], 2, "--tools names pytorch-fid; with --paired it takes some of scikit-image"),
        (["--tools", ","], 2, "--tools names nothing"),
        (["--plot", "x.png"], 2, "--plot belong to the FID"),
        (["--crop-border", "300"], 3, "SSIM needs 11 pixels"),
    ],
)
def test_what_cannot_be_explained_is_refused(folders, command_line, arguments, code, words):
    arguments = [folders / a if a == "real" else a for a in arguments]
    found, _, err = command_line("explain", folders / "fake", "--paired", folders / "real", *arguments)

    assert found == code
    assert words in " ".join(err.split())


def test_options_of_pairs_need_pairs(folders, command_line):
    code, _, err = command_line("explain", folders / "fake", "--reference", folders / "real", "--channel", "y")

    assert code == 2
    assert "belong to --paired REF" in " ".join(err.split())
    assert len(parse_pixel_tools(None)) == len(TOOLS)
