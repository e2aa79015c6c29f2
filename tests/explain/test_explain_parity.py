"""Each emulated tool against the tool itself, given the same weights file; ADM and StyleGAN against their description.

The matrix roots of pytorch-fid and clean-fid take minutes on 2048 x 2048 and stop working with SciPy 1.18: here their
features are compared and the arithmetic is finished from the rows in float64; whole calls are under `slow`.
"""

import inspect

import numpy as np
import pytest
import scipy.linalg
import torch

from ganeval.backbones.inception_variants import PREPARATIONS
from ganeval.explain.explain import ExplainOptions, explain
from ganeval.explain.pipelines import parse_tools
from ganeval.options import ScoreOptions
from tests.peer_networks import (
    Trunk,
    adm_features,
    local_weights,
    nvidia_resize,
    quiet,
    root_trace,
    rows_distance,
    stack,
    stylegan_moments,
)

cleanfid = pytest.importorskip("cleanfid", reason="clean-fid is not installed: pip install clean-fid")
pytest.importorskip("torchmetrics", reason="torchmetrics is not installed: pip install torchmetrics")
SIZE = (47, 52)
CPU = torch.device("cpu")


@pytest.fixture
def folders(make_folder):
    """Darker fakes: the distance is large against the rounding that 2,000 null eigenvalues add in the libraries."""
    fake, real = make_folder("fake", 4, sizes=[SIZE], seed=1, darken=4), make_folder("real", 5, sizes=[SIZE], seed=2)
    return real, fake


@pytest.fixture
def trunk(inception_file):
    with quiet():
        return Trunk(inception_file)


def explained(real, fake, file, tools=None, **more):
    options = ScoreOptions(str(fake), str(real), weights={"inception": file}, engine="torch", device="cpu", cache=False)
    return {row.tool: row for row in explain(ExplainOptions(options, parse_tools(tools), **more)).rows}


@pytest.mark.parametrize("size", [(32, 32), (299, 299), (180, 411), (299, 640)])
def test_preparations_are_those_of_the_libraries(size):
    from cleanfid.resize import build_resizer
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x as tf1

    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 11, 13, generator=generator) * 255
    images = torch.nn.functional.interpolate(coarse, size, mode="bilinear").round().to(torch.uint8)
    images[:, :, ::3] = 255 - images[:, :, ::3]  # edges, so that the bicubic overshoots

    def by_clean_fid(mode):
        with quiet():
            made = [build_resizer(mode)(image.permute(1, 2, 0).numpy()) for image in images]
        return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)

    wide = images.float()
    expected = {
        "inception": (tf1(wide, (299, 299), align_corners=False) - 128) / 128,
        "inception-pytorch": 2 * torch.nn.functional.interpolate(wide / 255, (299, 299), mode="bilinear") - 1,
        "inception-clean": (by_clean_fid("clean") - 128) / 128,
        "inception-antialias": (
            torch.nn.functional.interpolate(wide, (299, 299), mode="bilinear", antialias=True) - 128
        )
        / 128,
    }

    for name, theirs in expected.items():
        # 5e-5 is 0.006 grey levels: Pillow sums in float64, torch in float32
        assert torch.allclose(PREPARATIONS[name].tensor(images), theirs, rtol=0, atol=5e-5), name
    assert torch.allclose((nvidia_resize(images) - 128) / 128, expected["inception"], rtol=0, atol=5e-4)
    legacy = 2 * (by_clean_fid("legacy_pytorch") / 255) - 1
    assert torch.allclose(PREPARATIONS["inception-pytorch"].tensor(images), legacy, rtol=0, atol=1e-5)
    if size == (32, 32):
        assert (PREPARATIONS["inception-cubic"].tensor(images).abs() > 1.01).any(), (
            "nothing overshoots: clipping is not tested"
        )


@pytest.mark.slow
def test_every_tool_prints_what_the_tool_itself_prints(folders, inception_file, trunk, monkeypatch):
    real, fake = folders
    ours = explained(real, fake, inception_file)
    arrays, theirs = [stack(folder) for folder in folders], {}
    with local_weights(monkeypatch, inception_file, trunk):
        from cleanfid.fid import build_feature_extractor, get_folder_features
        from pytorch_fid.fid_score import get_activations
        from pytorch_fid.inception import InceptionV3

        network = InceptionV3([3])
        rows = [get_activations(sorted(f.glob("*.png")), network, batch_size=4, num_workers=0) for f in folders]
        theirs["pytorch-fid"] = rows_distance(*rows)
        modes = {"clean": "", "legacy_pytorch": "-legacy-pytorch", "legacy_tensorflow": "-legacy-tensorflow"}
        for mode, ending in modes.items():
            model = build_feature_extractor(mode, CPU, use_dataparallel=False)
            rows = [
                get_folder_features(str(f), model, num_workers=0, batch_size=4, device=CPU, mode=mode, verbose=False)
                for f in folders
            ]
            theirs[f"clean-fid{ending}"] = rows_distance(*rows, mean=np.float32)
    rows = [adm_features(array, trunk) for array in arrays]
    theirs["adm"] = theirs["torch-fidelity"] = rows_distance(*rows, mean=np.float32)
    for name, antialias in (("torchmetrics-1.7", False), ("torchmetrics-1.8", True)):
        theirs[name] = rows_distance(*(torchmetrics_rows(a, inception_file, antialias) for a in arrays))
    (m_real, S_real), (m_fake, S_fake) = (stylegan_moments(array, trunk) for array in arrays)
    root = root_trace(S_real, S_fake, rank=len(arrays[0]) - 1)
    theirs["stylegan"] = np.square(m_real - m_fake).sum() + np.trace(S_real + S_fake) - 2 * root

    errors = {name: ours[name].value / value - 1 for name, value in theirs.items()}
    assert set(theirs) == set(ours) - {"ganeval"}
    assert max(map(abs, errors.values())) < 1e-5, errors
    for row in ours.values():
        assert row.value == pytest.approx(ours["ganeval"].value + sum(row.terms.values()), rel=1e-12)


def torchmetrics_rows(array, file, antialias):
    from torchmetrics.image.fid import NoTrainInceptionV3

    with quiet(), torch.no_grad():
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(file), antialias=antialias)
        return network(torch.from_numpy(array.transpose(0, 3, 1, 2).copy())).numpy()


@pytest.mark.slow
def test_whole_calls_of_the_libraries_print_the_same(folders, inception_file, trunk, monkeypatch):
    """With their own matrix roots, which sum the roots of 2,000 rounding errors: the fakes are far from the reals."""
    import torch_fidelity
    from torchmetrics.image.fid import FrechetInceptionDistance

    real, fake = folders
    ours, theirs = explained(real, fake, inception_file), {}
    with quiet():
        theirs["torch-fidelity"] = torch_fidelity.calculate_metrics(
            input1=str(fake),
            input2=str(real),
            feature_extractor_weights_path=str(inception_file),
            fid=True,
            cuda=False,
            cache=False,
            verbose=False,
            save_cpu_ram=True,
        )["frechet_inception_distance"]
        for name, antialias in (("torchmetrics-1.7", False), ("torchmetrics-1.8", True)):
            metric = FrechetInceptionDistance(feature_extractor_weights_path=str(inception_file), antialias=antialias)
            for folder, is_real in ((real, True), (fake, False)):
                metric.update(torch.from_numpy(stack(folder).transpose(0, 3, 1, 2).copy()), real=is_real)
            theirs[name] = float(metric.compute())
    if "disp" in inspect.signature(scipy.linalg.sqrtm).parameters:
        with local_weights(monkeypatch, inception_file, trunk):
            from cleanfid.fid import compute_fid
            from pytorch_fid.fid_score import calculate_fid_given_paths

            theirs["pytorch-fid"] = calculate_fid_given_paths([str(fake), str(real)], 4, "cpu", 2048, 0)
            for mode, ending in (("clean", ""), ("legacy_pytorch", "-legacy-pytorch")):
                theirs[f"clean-fid{ending}"] = compute_fid(
                    str(fake), str(real), mode=mode, num_workers=0, batch_size=4, device=CPU, use_dataparallel=False
                )

    errors = {name: ours[name].value / value - 1 for name, value in theirs.items()}
    print({name: f"{error:.1e}" for name, error in errors.items()})  # noqa: T201 - the figures of docs/explain.md
    assert max(map(abs, errors.values())) < 1e-5, errors
