"""The parity table of docs/parity.md: each metric beside an outside tool on the same images, features and weights.

    GANEVAL_DATA=./data python -m tests.benchmarks.parity --photos bsd100=FOLDER --photos set5=FOLDER --peers FOLDER

Photographs are compared with what bicubic x4 makes of them; of each photograph a crop of 176 pixels, so that every
metric is defined on it. Features are EfficientNet-Lite0's of Fashion-MNIST, against a shipped generator. `--peers` is
a folder for `sys.path` with tools that the tests do not install: checkouts of BasicSR and dgm-eval, the unpacked wheels
of DISTS_pytorch and brisque, cv2, libsvm; a row whose tool is not there is left out. VGG16 has random weights.
"""

import argparse
import importlib.util
import os
import sys
import tempfile
import types
from pathlib import Path

import lpips
import numpy as np
import piq
import scipy.signal
import skimage.metrics
import torch
from PIL import Image
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchvision import models

from ganeval.backbones.loading import load_backbone
from ganeval.backbones.scene_models import load_model
from ganeval.backbones.weights import load_state_dict
from ganeval.metrics import METRICS
from ganeval.metrics.base import ImageMetric, PixelMetric, PyramidMetric
from ganeval.metrics.luma import to_luma
from ganeval.options import ScoreOptions
from ganeval.scoring.evaluator import Evaluator

SIDE = 176
QUIET = {"verbose": False}


def module(path, **stand_ins):
    """A module from one file of a checkout, without what its package imports."""
    for name, attributes in stand_ins.items():
        made = sys.modules[name.replace("__", ".")] = types.ModuleType(name.replace("__", "."))
        made.__dict__.update(attributes)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


class Peers:
    """Functions of tools that may not be here: name -> function, or None."""

    def __init__(self, folder):
        self.folder = folder
        sys.path[:0] = [str(folder), str(folder / "site")]

    def basicsr(self):
        """BasicSR's functions, and its NIQE, from a checkout."""
        code = self.folder / "BasicSR" / "basicsr"
        registry = types.SimpleNamespace(register=lambda: lambda function: function)
        color = module(code / "utils" / "color_util.py")
        common = {"basicsr": {}, "basicsr__metrics": {}, "basicsr__utils__registry": {"METRIC_REGISTRY": registry}}
        util = module(code / "metrics" / "metric_util.py", basicsr__utils={"bgr2ycbcr": color.bgr2ycbcr}, **common)
        matlab = module(code / "utils" / "matlab_functions.py")
        shared = {
            "basicsr__metrics__metric_util": vars(util),
            "basicsr__utils__color_util": vars(color),
            "basicsr__utils__matlab_functions": vars(matlab),
        }
        return (module(code / "metrics" / name, **shared) for name in ("psnr_ssim.py", "niqe.py"))

    def dgm_eval(self, name):
        """A file of dgm-eval's metrics."""
        return module(self.folder / "dgm-eval" / "dgm_eval" / "metrics" / f"{name}.py")


def photographs(folder, most):
    """(fake, real) uint8 (3, H, W): the middle of each photograph, and bicubic x4 of it."""
    files = sorted(file for file in Path(folder).iterdir() if file.suffix == ".png" and "LR" not in file.stem)[:most]
    for file in files:
        image = Image.open(file).convert("RGB")
        left, top = ((side - SIDE) // 2 for side in image.size)
        real = image.crop((left, top, left + SIDE, top + SIDE))
        small = real.resize((SIDE // 4, SIDE // 4), Image.Resampling.BICUBIC)
        fake = small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        yield tuple(np.ascontiguousarray(np.asarray(one).transpose(2, 0, 1)) for one in (fake, real))


def random_vgg16(folder):
    """The network of torchvision with random weights, and the backbones that a file of them gives."""
    with torch.random.fork_rng():
        torch.manual_seed(0)  # noqa: TID251 - inside the fork
        net = models.vgg16(weights=None).eval()
    file = folder / "vgg16.pth"
    torch.save(net.state_dict(), file)
    cpu = torch.device("cpu")
    return net, {name: load_backbone(name, device=cpu, weights_file=file) for name in ("vgg16", "vgg16-l2pool")}


def by_pixels(function, scale=1.0):
    """A function of float64 tensors (1, C, H, W) in 0..255, as one of two images."""
    return lambda fake, real: (
        scale * float(function(*(torch.from_numpy(image.astype(np.float64))[None] for image in (fake, real))))
    )


def by_arrays(function):
    """A function of BGR images (H, W, 3), as one of two images."""
    return lambda *images: float(function(*(image.transpose(1, 2, 0)[..., ::-1].copy() for image in images)))


def image_tools(peers, folder):
    """(metric, tool, its function of (fake, real), ours of (fake, real))."""
    net, backbones = random_vgg16(folder)

    def ours(name, channel="rgb", border=0):
        metric = METRICS.get(name)
        heads = None
        if isinstance(metric, PyramidMetric):
            heads = load_state_dict(metric.heads[metric.backbones[0]], given.get(name)).state
        model = load_model(metric.model, metric.layout, None).arrays if isinstance(metric, ImageMetric) else None

        def value(fake, real):
            cut = [i[:, border : i.shape[1] - border, border : i.shape[2] - border] for i in (fake, real)]
            if isinstance(metric, ImageMetric):
                return metric.compute(cut[0], model, metric.params)
            if isinstance(metric, PixelMetric):
                images = [(to_luma(i) if channel == "y" else i.astype(np.float64))[None] for i in cut]
                return float(metric.compute(*images, metric.params)[0])
            net = backbones[metric.backbones[0]]
            with torch.inference_mode():
                maps = [dict(zip(net.pyramid_layers, net.pyramid(torch.from_numpy(i)[None]), strict=True)) for i in cut]
            names = metric.layers.get(net.info.name, net.pyramid_layers)
            return float(metric.compute(*(tuple(m[n] for n in names) for m in maps), heads, metric.params))

        return value

    given = {"lpips": Path(lpips.__file__).parent / "weights" / "v0.1" / "vgg.pth"}
    two = {"data_range": 255}
    paper = {"gaussian_weights": True, "use_sample_covariance": False, "channel_axis": 0, **two}
    yield "psnr", "scikit-image", lambda f, r: skimage.metrics.peak_signal_noise_ratio(r, f, **two), ours("psnr")
    yield "ssim", "scikit-image", lambda f, r: skimage.metrics.structural_similarity(f, r, **paper), ours("ssim")
    yield "ms_ssim", "piq", by_pixels(lambda x, y: piq.multi_scale_ssim(x, y, **two)), ours("ms_ssim")
    yield "mse", "scikit-image", lambda f, r: skimage.metrics.mean_squared_error(f, r), ours("mse")
    yield "rmse", "scikit-image", lambda f, r: skimage.metrics.mean_squared_error(f, r) ** 0.5, ours("rmse")
    yield "mae", "piq/torch l1_loss", by_pixels(torch.nn.functional.l1_loss), ours("mae")
    yield "gmsd", "piq", by_pixels(lambda x, y: piq.gmsd(x, y, **two)), ours("gmsd")
    yield "vif", "piq", by_pixels(lambda x, y: piq.vif_p(x, y, **two)), ours("vif")
    yield "fsim", "piq", by_pixels(lambda x, y: piq.fsim(x, y, **two)), ours("fsim")
    stand_in = types.SimpleNamespace(vgg16=lambda **_: net)
    lpips.pretrained_networks.tv = stand_in
    peer = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)

    def by_lpips(fake, real):
        with torch.inference_mode():
            return float(peer(*(torch.from_numpy(i)[None] / 127.5 - 1 for i in (fake, real))))

    yield "lpips", "lpips", by_lpips, ours("lpips")
    try:
        (pixels, niqe), own_niqe = peers.basicsr(), ours("niqe", border=4)
        yield (
            "psnr, Y, border 4",
            "BasicSR",
            by_arrays(lambda f, r: pixels.calculate_psnr(f, r, 4, test_y_channel=True)),
            ours("psnr", "y", 4),
        )
        yield (
            "ssim, Y, border 4",
            "BasicSR",
            by_arrays(lambda f, r: pixels.calculate_ssim(f, r, 4, test_y_channel=True)),
            ours("ssim", "y", 4),
        )
        # 96-pixel blocks of the whole crop: a border of 4 would leave one
        yield (
            "niqe",
            "BasicSR",
            by_arrays(lambda f, _: niqe.calculate_niqe(np.tile(f, (2, 2, 1)), 4)),
            lambda f, r: own_niqe(np.tile(f, (1, 2, 2)), r),
        )
    except (ImportError, FileNotFoundError) as error:
        print(f"without BasicSR: {error}", file=sys.stderr)
    try:
        import DISTS_pytorch.DISTS_pt as code
        from DISTS_pytorch import DISTS

        code.models = types.SimpleNamespace(vgg16=lambda **_: net)
        prefix, sys.prefix = sys.prefix, str(next(peers.folder.glob("DISTS_pytorch*/data")))  # where its weights lie
        dists, sys.prefix = DISTS().eval(), prefix

        def by_dists(fake, real):
            with torch.inference_mode():
                return float(dists(*(torch.from_numpy(i)[None].float() / 255 for i in (fake, real))))

        yield "dists", "DISTS_pytorch", by_dists, ours("dists")
    except (ImportError, StopIteration) as error:
        print(f"without DISTS_pytorch: {error}", file=sys.stderr)
    try:
        from brisque import BRISQUE

        machine = BRISQUE(url=False)
        scale = machine.scale_features  # SciPy's optimiser gives arrays of one number today
        machine.scale_features = lambda features: scale([float(np.ravel(each)[0]) for each in features])
        yield "brisque", "brisque", lambda f, _: machine.score(f.transpose(1, 2, 0)), ours("brisque")

        def flat_at_zero(image, size, sigma):
            kernel = machine.gaussian_kernel2d(size, sigma)
            mean = scipy.signal.convolve2d(image, kernel, "same")
            off = np.where(np.abs(image - mean) < 1e-12, 0.0, image - mean)
            return off / (machine.local_deviation(image, mean, kernel) + 1 / 255)

        def without_signs(fake, _):
            machine.calculate_mscn_coefficients = flat_at_zero
            value = machine.score(fake.transpose(1, 2, 0))
            del machine.calculate_mscn_coefficients
            return value

        yield "brisque", "brisque, flat places at 0", without_signs, ours("brisque")
    except ImportError as error:
        print(f"without brisque: {error}", file=sys.stderr)


def fashion(n):
    """Summaries of n real images and of n of a shipped generator."""
    root = Path(os.environ["GANEVAL_DATA"])
    options = ScoreOptions(
        "dcgan.fashion-mnist", reference="fashion-mnist:test", metrics="fd,cs", num_samples=n, data_root=root
    )
    with Evaluator(options) as evaluator:
        outcome = evaluator.score("dcgan.fashion-mnist")
        return evaluator.read_reference(options).sets["efflite0"], outcome.summary.sets["efflite0"]


def set_tools(peers, real, fake):
    """(metric, tool, its value, ours)."""
    rows = {"real": real.canonical.bank.rows(), "fake": fake.canonical.bank.rows()}
    tensors = {name: torch.from_numpy(value) for name, value in rows.items()}
    both = tensors["fake"], tensors["real"]

    def ours(name, output=None, **params):
        metric = METRICS.get(name)
        return metric.compute(real.canonical, fake.canonical, {**metric.params, **params})[output or name].value

    stats = [fid_features_to_statistics(each) for each in both]
    fid = fid_statistics_to_metric(*stats, **QUIET)["frechet_inception_distance"]
    yield "fd", "torch-fidelity", fid, ours("fd")
    wide = [(r.astype(np.float64).mean(0), np.cov(r.astype(np.float64), rowvar=False)) for r in rows.values()]
    yield "fd", "pytorch-fid", calculate_frechet_distance(*wide[0], *wide[1]), ours("fd")
    kid = kid_features_to_metric(
        *both, kid_subsets=10, kid_subset_size=200, kid_kernel="poly", kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1.0, rng_seed=2020, **QUIET,
    )  # fmt: skip
    yield (
        "kd_classic",
        "torch-fidelity",
        kid["kernel_inception_distance_mean"],
        ours("kd_classic", subsets=10, subset_size=200),
    )
    prc = prc_features_to_metric(*both, prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=False, **QUIET)
    for name in ("precision", "recall"):
        yield name, "torch-fidelity", prc[name], ours("prdc", name)
    logits = torch.from_numpy(fake.canonical.logits.rows()).double()
    isc = isc_features_to_metric(logits, splits=10, shuffle=True, rng_seed=2020)
    yield "cs_classic", "torch-fidelity", isc["inception_score_mean"], ours("cs_classic")
    try:
        yield "authpct", "dgm-eval", peers.dgm_eval("authpct").compute_authpct(*rows.values()), ours("authpct")
        yield "vendi", "dgm-eval", peers.dgm_eval("vendi").compute_vendi_score(rows["fake"]), ours("vendi")
        prdc = peers.dgm_eval("prdc").compute_prdc(*rows.values(), nearest_k=5, realism=False)
        for name in ("density", "coverage"):
            yield name, "dgm-eval", prdc[name], ours("prdc", name)
        polynomial = peers.dgm_eval("mmd").compute_polynomial_mmd
        yield "kd", "dgm-eval", polynomial(*(r.astype(np.float64) for r in rows.values())), ours("kd")
    except (ImportError, FileNotFoundError) as error:
        print(f"without dgm-eval: {error}", file=sys.stderr)


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--peers", type=Path, default=Path("peers"))
    parser.add_argument("--most", type=int, default=20, help="photographs of a folder")
    parser.add_argument("-n", type=int, default=1000, help="images a set")
    given = parser.parse_args()
    peers = Peers(given.peers)
    print("| images | metric | tool | largest relative difference |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        sets = {
            name: list(photographs(place, given.most)) for name, _, place in (p.partition("=") for p in given.photos)
        }
        for metric, tool, theirs, ours in image_tools(peers, Path(folder)):
            for name, pairs in sets.items():
                found = [(theirs(*pair), ours(*pair)) for pair in pairs]
                print(f"| {name}, {len(pairs)} | {metric} | {tool} | {largest(found):.1e} |", flush=True)
    for metric, tool, theirs, ours in set_tools(peers, *fashion(given.n)):
        print(f"| Fashion-MNIST, {given.n} | {metric} | {tool} | {largest([(theirs, ours)]):.1e} |", flush=True)


def largest(found):
    """Of |ours - theirs| / |theirs|."""
    return max(abs(ours - theirs) / max(abs(theirs), 1e-12) for theirs, ours in found)


if __name__ == "__main__":
    main()
