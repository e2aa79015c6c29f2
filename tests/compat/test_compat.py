"""The drop-in functions: `explain`'s numbers under other libraries' names, their options, and what they refuse."""

import copy
import importlib
import inspect
import math
import pickle
import sys

import numpy as np
import pytest
import scipy.linalg
import torch
from PIL import Image
from torchmetrics import Metric, MetricCollection

from ganeval.compat import cleanfid as compat_cleanfid
from ganeval.compat import pytorch_fid as compat_pytorch_fid
from ganeval.compat.cleanfid import compute_fid
from ganeval.compat.pytorch_fid import calculate_fid_given_paths
from ganeval.compat.torch_fidelity import calculate_metrics
from ganeval.compat.torchmetrics import FrechetInceptionDistance
from ganeval.errors import DataError, GanevalError, TooFewSamplesError, UsageError, WeightsError
from ganeval.explain.explain import ExplainOptions, explain
from ganeval.explain.pipelines import parse_tools
from ganeval.metrics.kernel import classic_subsets
from ganeval.options import ScoreOptions
from tests.peer_networks import Trunk, instead_of_inception, local_weights, quiet, stack

SIZE = (33, 40)


@pytest.fixture
def cheap(monkeypatch):
    return instead_of_inception(monkeypatch)


@pytest.fixture
def folders(make_folder):
    return make_folder("fake", 5, [SIZE], seed=1, darken=4), make_folder("real", 6, [SIZE], seed=2)


@pytest.fixture
def explained(cheap, folders, inception_file):
    fake, real = folders
    options = ScoreOptions(str(fake), str(real), weights={"inception": inception_file}, cache=False)
    return {row.tool: row.value for row in explain(ExplainOptions(options, parse_tools(None))).rows}


def tensors(folder):
    return torch.from_numpy(stack(folder).transpose(0, 3, 1, 2).copy())


def test_each_function_gives_the_number_that_explain_gives(explained, cheap, folders, inception_file):
    fake, real = map(str, folders)
    file = inception_file
    cheap.clear()

    assert calculate_fid_given_paths([fake, real], 50, "cpu", 2048, 1, weights=file) == pytest.approx(
        explained["pytorch-fid"], rel=1e-9
    )
    for mode, tool in (
        ("clean", ""),
        ("legacy_pytorch", "-legacy-pytorch"),
        ("legacy_tensorflow", "-legacy-tensorflow"),
    ):
        value = compute_fid(fake, real, mode=mode, weights=file)
        assert value == pytest.approx(explained[f"clean-fid{tool}"], rel=1e-6)
    found = calculate_metrics(input1=fake, input2=real, fid=True, feature_extractor_weights_path=file)
    assert found == {"frechet_inception_distance": pytest.approx(explained["torch-fidelity"], rel=1e-6)}
    assert len(cheap) == 5, "each call loads the network once, for both sets"


def test_statistics_files_stand_for_folders(folders, inception_file, tmp_path, monkeypatch):
    instead_of_inception(monkeypatch, dim=2048)
    fake, _ = folders
    rows = np.abs(np.random.default_rng(0).normal(size=(50, 2048)))
    stats = tmp_path / "stats.npz"
    np.savez(stats, mu=rows.mean(0), sigma=np.cov(rows, rowvar=False))

    by_paths = calculate_fid_given_paths([str(fake), str(stats)], 50, "cpu", 2048, weights=inception_file)
    by_option = calculate_metrics(
        input1=str(fake), fid=True, fid_statistics_file=stats, feature_extractor_weights_path=inception_file
    )

    # another resize on the fakes, the same statistics
    assert by_option["frechet_inception_distance"] == pytest.approx(by_paths, rel=0.1)


def test_a_dataset_of_tensors_is_an_input(cheap, folders, inception_file):
    fake, real = folders
    by_folder = calculate_metrics(
        input1=fake, input2=real, fid=True, isc=True, isc_splits=2, feature_extractor_weights_path=inception_file
    )
    by_tensors = calculate_metrics(
        input1=list(tensors(fake)),
        input2=list(tensors(real)),
        fid=True,
        isc=True,
        isc_splits=2,
        feature_extractor_weights_path=inception_file,
    )

    assert by_tensors == pytest.approx(by_folder, rel=1e-6)
    with pytest.raises(DataError, match=r"expected a uint8 tensor \(3, H, W\)"):
        calculate_metrics(
            input1=[torch.zeros(3, 8, 8)] * 3, input2=real, fid=True, feature_extractor_weights_path=inception_file
        )


def test_files_are_found_as_the_library_finds_them(cheap, folders, inception_file):
    fake, real = folders
    whole = calculate_fid_given_paths([fake, real], weights=inception_file)
    (fake / "deep").mkdir()
    Image.new("RGB", SIZE).save(fake / "deep" / "more.png")

    assert calculate_fid_given_paths([fake, real], weights=inception_file) == pytest.approx(whole, rel=1e-9)
    assert compute_fid(fake, real, weights=inception_file) != pytest.approx(whole, rel=1e-3)
    flat = calculate_metrics(input1=fake, input2=real, fid=True, feature_extractor_weights_path=inception_file)
    deep = calculate_metrics(
        input1=fake, input2=real, fid=True, samples_find_deep=True, feature_extractor_weights_path=inception_file
    )
    assert flat != pytest.approx(deep, rel=1e-3)
    with pytest.raises(DataError, match="of which 0 have one of the extensions"):
        calculate_metrics(
            input1=fake, input2=real, fid=True, samples_find_ext="jpg", feature_extractor_weights_path=inception_file
        )


def test_the_class_sums_batches_resets_and_keeps_the_reference_where_it_is_told_to(
    cheap, explained, folders, inception_file
):
    fake, real = map(tensors, folders)
    metric = FrechetInceptionDistance(feature_extractor_weights_path=inception_file, reset_real_features=False)
    for batch in real.split(2):
        metric.update(batch, real=True)
    metric.update(fake, real=False)
    assert metric.compute().dtype == torch.float32
    assert float(metric.compute()) == pytest.approx(explained["torchmetrics-1.8"], rel=1e-5)
    metric.reset()
    with pytest.warns(UserWarning, match="before"), pytest.raises(TooFewSamplesError, match="at least 2 fake images"):
        metric.compute()
    metric.update(fake, real=False)
    assert float(metric.compute()) == pytest.approx(explained["torchmetrics-1.8"], rel=1e-5)

    floats = FrechetInceptionDistance(feature_extractor_weights_path=inception_file, normalize=True, antialias=False)
    floats.update(real / 255, real=True)
    floats.update(fake / 255, real=False)
    assert float(floats.compute()) == pytest.approx(explained["torchmetrics-1.7"], rel=1e-5)
    floats.reset()
    with pytest.warns(UserWarning, match="before"), pytest.raises(TooFewSamplesError, match="real images"):
        floats.compute()


def test_the_class_is_a_metric_of_torchmetrics(cheap, explained, folders, inception_file):
    """In a collection and a ModuleDict, moved, copied, pickled, called; its state dict is empty, as theirs is."""
    fake, real = map(tensors, folders)
    metric = FrechetInceptionDistance(feature_extractor_weights_path=inception_file, sync_on_compute=False)
    together = MetricCollection({"fid": metric})
    torch.nn.ModuleDict({"metrics": together})
    together.update(real, real=True)
    copied = copy.deepcopy(together)
    for one in (together, copied, pickle.loads(pickle.dumps(metric))):
        collection = one if isinstance(one, MetricCollection) else MetricCollection({"fid": one})
        collection.to("cpu").update(fake, real=False)
        assert float(collection.compute()["fid"]) == pytest.approx(explained["torchmetrics-1.8"], rel=1e-5)
    assert isinstance(metric, Metric)
    assert metric.device == torch.device("cpu")
    assert metric.state_dict() == {}
    assert not metric.sync_on_compute
    metric.half()
    assert metric.fake_sum.dtype == torch.float64
    metric.reset()
    assert math.isnan(float(metric(real, real=True)))
    assert float(metric(fake, real=False)) == pytest.approx(explained["torchmetrics-1.8"], rel=1e-5)
    assert float(metric.compute()) == pytest.approx(explained["torchmetrics-1.8"], rel=1e-5)


def test_the_class_joins_its_sums_over_processes_as_torchmetrics_does(cheap, explained, folders, inception_file):
    """Two processes with half of the images each, whose states a gatherer in place of torch.distributed joins."""
    fake, real = map(tensors, folders)
    given = {"feature_extractor_weights_path": inception_file}
    other = FrechetInceptionDistance(**given)
    other.update(real[1::2], real=True)
    other.update(fake[1::2], real=False)
    states = iter([getattr(other, name) for name in other._defaults])
    metric = FrechetInceptionDistance(
        **given, dist_sync_fn=lambda own, group: [own, next(states)], distributed_available_fn=lambda: True
    )
    metric.update(real[::2], real=True)
    metric.update(fake[::2], real=False)

    assert float(metric.compute()) == pytest.approx(explained["torchmetrics-1.8"], rel=1e-5)


def test_the_class_is_a_module_where_torchmetrics_is_not_installed(cheap, inception_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.delitem(sys.modules, "ganeval.compat.torchmetrics")
    monkeypatch.setattr("ganeval.compat.torchmetrics", importlib.import_module("ganeval.compat.torchmetrics"))
    metric = sys.modules["ganeval.compat.torchmetrics"].FrechetInceptionDistance(
        feature_extractor_weights_path=inception_file
    )

    assert not isinstance(metric, Metric)
    assert isinstance(metric, torch.nn.Module)
    torch.nn.ModuleDict({"fid": metric}).to("cpu")
    metric.update(torch.zeros(3, 3, 16, 16, dtype=torch.uint8), real=True)
    assert int(metric.real_count) == 3
    metric.reset()
    assert int(metric.real_count) == 0


@pytest.mark.parametrize(
    ("normalize", "images"),
    [
        (False, torch.zeros(2, 3, 8, 8)),
        (False, torch.zeros(2, 3, 8, 8, dtype=torch.int64)),
        (False, torch.zeros(2, 1, 8, 8, dtype=torch.uint8)),
        (True, torch.zeros(2, 3, 8, 8, dtype=torch.uint8)),
        (True, torch.full((2, 3, 8, 8), 1.1)),
        (True, torch.full((2, 3, 8, 8), float("nan"))),
    ],
)
def test_the_class_refuses_what_would_wrap_around(cheap, inception_file, normalize, images):
    metric = FrechetInceptionDistance(feature_extractor_weights_path=inception_file, normalize=normalize)

    with pytest.raises(DataError, match=r"update got|would wrap"):
        metric.update(images, real=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: calculate_fid_given_paths(["a", "b"], 50, "cpu", 768), "dims is not supported here. 768"),
        (lambda: calculate_fid_given_paths(["a"]), "takes two paths"),
        (lambda: calculate_fid_given_paths(["no", "where"]), "no does not exist"),
        (lambda: compute_fid("a", "b", mode="cleaner"), "Use one of clean"),
        (lambda: compute_fid("a"), "needs fdir1 and fdir2"),
        (lambda: compute_fid("a", dataset_name="FFHQ"), "its statistics file as fdir2"),
        (lambda: compute_fid("a", "b", gen=print), "ganeval.score"),
        (lambda: compute_fid("a", "b", model_name="clip_vit_b_32"), "fd@clip-vitb32"),
        (lambda: calculate_metrics(input1="a", input2="b", ppl=True), "metrics='ppl'"),
        (lambda: calculate_metrics(input1="a", input2="b", prc=True), "means VGG16"),
        (lambda: calculate_metrics(input1="a", input2="b", fid=True, feature_extractor="clip-vit-b-32"), "fd@BACKBONE"),
        (lambda: calculate_metrics(input1="a", input2="b", fid=True, feature_layer_fid="768"), "Use '2048'"),
        (lambda: calculate_metrics(input1="a", input2="b", kid=True, kid_kernel="rbf"), "cmmd"),
        (lambda: calculate_metrics(input1="a", input2="b"), "has no metric to compute"),
        (lambda: calculate_metrics(input2="b", fid=True), "needs input1"),
        (lambda: calculate_metrics(input1="a", fid=True), "Give it"),
        (lambda: calculate_metrics(input1="a", kid=True, fid_statistics_file="f"), "for FID alone"),
        (lambda: FrechetInceptionDistance(feature=64), "Use 2048"),
    ],
)
def test_what_is_not_supported_names_what_to_use(call, words):
    with pytest.raises((UsageError, DataError), match=words):
        call()


def test_without_weights_the_error_says_how_to_get_them(folders):
    for call in (
        lambda: calculate_fid_given_paths(folders),
        lambda: compute_fid(*folders),
        lambda: calculate_metrics(input1=folders[0], input2=folders[1], fid=True),
        FrechetInceptionDistance,
    ):
        with pytest.raises(WeightsError, match="ganeval weights fetch inception"):
            call()
    assert issubclass(WeightsError, GanevalError)


def test_signatures_begin_as_the_libraries_do():
    pytorch_fid = pytest.importorskip("pytorch_fid.fid_score")
    cleanfid = pytest.importorskip("cleanfid.fid")
    image = pytest.importorskip("torchmetrics.image.fid")
    defaults = pytest.importorskip("torch_fidelity.defaults").DEFAULTS

    def names(function):
        return [name for name, p in inspect.signature(function).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]

    for name in ("calculate_fid_given_paths", "save_fid_stats", "calculate_frechet_distance"):
        assert names(getattr(compat_pytorch_fid, name)) == names(getattr(pytorch_fid, name))
    for name in ("compute_fid", "compute_kid"):
        assert names(getattr(compat_cleanfid, name)) == names(getattr(cleanfid, name))
    assert names(FrechetInceptionDistance) == names(image.FrechetInceptionDistance)[:6]
    assert set(inspect.signature(calculate_metrics).parameters) - {"fid_statistics_file"} == set(defaults)


@pytest.mark.parametrize("module", [compat_pytorch_fid, compat_cleanfid])
def test_every_function_of_the_library_is_there_or_names_what_to_use(module):
    library = pytest.importorskip("cleanfid.fid" if module is compat_cleanfid else "pytorch_fid.fid_score")
    helpers = {"main", "build_feature_extractor", "get_files_features", "get_model_features", "get_batch_features"}
    helpers |= {"fid_folder", "fid_model", "fid_from_feats", "compare_folders", "get_folder_features"}
    own = {
        name
        for name, found in vars(library).items()
        if inspect.isfunction(found) and found.__module__ == library.__name__ and name not in helpers
    }
    for name in own - {name for name in vars(module) if not name.startswith("_")}:
        with pytest.raises(ImportError, match=f"has no {name}\\. .{{15}}"):
            getattr(module, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


def test_importing_what_is_not_here_names_the_substitute():
    with pytest.raises(ImportError, match=r"has no InceptionV3\. .*fd@inception-pytorch"):
        from ganeval.compat.pytorch_fid import InceptionV3  # noqa: F401
    with pytest.raises(ImportError, match=r"has no make_custom_stats\. .*ganeval reference build"):
        from ganeval.compat.cleanfid import make_custom_stats  # noqa: F401


def test_the_distance_of_statistics_has_its_closed_form():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 6)), rng.uniform(0.5, 2, (2, 6))
    expected = ((first[0] - first[1]) ** 2).sum() + ((np.sqrt(second[0]) - np.sqrt(second[1])) ** 2).sum()
    found = compat_pytorch_fid.calculate_frechet_distance(first[0], np.diag(second[0]), first[1], np.diag(second[1]))

    assert found == pytest.approx(expected, rel=1e-10)
    with pytest.raises(UsageError, match=r"expected \(D,\), \(D,\)"):
        compat_pytorch_fid.calculate_frechet_distance(first[0], np.eye(5), first[1], np.eye(6))


def test_saved_statistics_stand_for_their_folder(cheap, folders, inception_file, tmp_path):
    real = str(folders[1])
    compat_pytorch_fid.save_fid_stats([real, str(tmp_path / "s")], 50, "cpu", 2048, weights=inception_file)

    assert set(np.load(tmp_path / "s.npz")) == {"mu", "sigma"}
    with pytest.raises(UsageError, match="is there already"):
        compat_pytorch_fid.save_fid_stats([real, str(tmp_path / "s.npz")], 50, "cpu", 2048, weights=inception_file)
    with pytest.raises(DataError, match="does not exist"):
        compat_pytorch_fid.save_fid_stats(["gone", str(tmp_path / "t")], 50, "cpu", 2048, weights=inception_file)
    assert not (tmp_path / "t.npz").exists()


def test_kid_of_clean_fid_is_that_of_its_own_arithmetic(cheap, folders, inception_file, monkeypatch):
    cleanfid = pytest.importorskip("cleanfid.fid")
    fake, real = map(str, folders)
    rows = []

    def recorded(real, fake, *rest):
        rows.extend(bank.rows().astype(np.float64) for bank in (real, fake))
        return classic_subsets(real, fake, *rest)

    monkeypatch.setattr(compat_cleanfid, "classic_subsets", recorded)
    found = compat_cleanfid.compute_kid(fake, real, weights=inception_file, seed=3)
    monkeypatch.setattr(cleanfid.np.random, "choice", np.random.RandomState(3).choice)

    assert found == pytest.approx(cleanfid.kernel_distance(*rows), rel=1e-6)


HARMLESS = {
    "cache_root": "elsewhere",
    "datasets_root": "elsewhere",
    "datasets_download": False,
    "input1_model_z_size": 128,
    "input1_cache_name": "mine",
    "ppl_epsilon": 0.1,
    "prc_batch_size": 7,
    "feature_extractor_compile": True,
    "save_cpu_ram": True,
}


def test_arguments_that_move_no_value_are_taken(cheap, folders, inception_file):
    fake, real = map(str, folders)
    given = {"input1": fake, "input2": real, "fid": True, "feature_extractor_weights_path": inception_file}

    assert calculate_metrics(**given, **HARMLESS) == calculate_metrics(**given)


def test_a_data_set_that_the_library_registers_is_known_by_its_name(cheap, folders, inception_file, monkeypatch):
    monkeypatch.delenv("GANEVAL_DATA", raising=False)
    with pytest.raises(DataError, match=r"cifar10:train is not embedded"):
        calculate_metrics(
            input1=str(folders[0]), input2="cifar10-train", fid=True, feature_extractor_weights_path=inception_file
        )


@pytest.mark.slow
def test_values_are_those_of_the_libraries(make_folder, inception_file, monkeypatch):
    """Whole calls on both sides, with the real network; pytorch-fid and clean-fid where SciPy still lets them run.

    Few images: pytorch-fid stops with "Imaginary component" on other seeds.
    """
    import torch_fidelity
    from torchmetrics.image.fid import FrechetInceptionDistance as Theirs

    folders = (
        make_folder("fake", 4, [(47, 52)], seed=1, darken=4),
        make_folder("real", 5, [(47, 52)], seed=2),
    )
    fake, real = map(str, folders)
    pairs = {}
    options = {"isc": True, "fid": True, "kid": True, "prc": True, "kid_subsets": 10, "kid_subset_size": 4}
    options |= {"isc_splits": 2, "feature_extractor": "inception-v3-compat", "cuda": False, "cache": False}
    options |= {"feature_extractor_weights_path": str(inception_file), "verbose": False, "prc_neighborhood": 2}
    with quiet():
        theirs = torch_fidelity.calculate_metrics(input1=fake, input2=real, save_cpu_ram=True, **options)
        ours = calculate_metrics(input1=fake, input2=real, **options)
        assert set(ours) == set(theirs)
        pairs |= {name: (ours[name], theirs[name]) for name in theirs}
        metrics = [
            cls(feature_extractor_weights_path=str(inception_file)) for cls in (FrechetInceptionDistance, Theirs)
        ]
        for metric in metrics:
            for folder, is_real in zip(folders, (False, True), strict=True):
                metric.update(tensors(folder), real=is_real)
        pairs["torchmetrics"] = (float(metrics[0].compute()), float(metrics[1].compute()))
    if "disp" in inspect.signature(scipy.linalg.sqrtm).parameters:
        with quiet():
            trunk = Trunk(inception_file)
        with local_weights(monkeypatch, inception_file, trunk):
            from cleanfid.fid import compute_fid as theirs_clean
            from pytorch_fid.fid_score import calculate_fid_given_paths as theirs_paths

            pairs["pytorch-fid"] = (
                calculate_fid_given_paths([fake, real], 4, "cpu", 2048, 0, weights=inception_file),
                theirs_paths([fake, real], 4, "cpu", 2048, 0),
            )
            cpu = torch.device("cpu")
            pairs["clean-fid"] = (
                compute_fid(fake, real, weights=inception_file),
                theirs_clean(fake, real, num_workers=0, batch_size=4, device=cpu, use_dataparallel=False),
            )

    print({name: f"{abs(a - b) / abs(b):.1e}" if b else a for name, (a, b) in pairs.items()})  # noqa: T201
    for name, (mine, yours) in pairs.items():
        # a standard deviation of splits is a difference of nearly equal scores: float32's rounding is larger in it
        assert mine == pytest.approx(yours, rel=1e-4 if name.endswith("_std") else 1e-5), name
