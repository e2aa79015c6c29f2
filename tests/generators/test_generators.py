"""One contract for generators: what is given in memory and by name is checked, called and refused the same way."""

import dataclasses
import importlib
import re
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

import ganeval
from ganeval.errors import DataError, GanevalError, UsageError
from ganeval.generators.base import Declared
from ganeval.generators.external import ENLARGED
from ganeval.generators.open import ENDINGS, OPENERS, kind_of, open_generator
from ganeval.generators.wrap import wrap
from ganeval.options import ScoreOptions
from ganeval.options.calls import in_python

PICTURES = "torch.tanh(torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(0)))"

CODE = f"""
    import numpy as np
    import torch
    from PIL import Image
    from torch import nn

    def tanh(n):
        return {PICTURES}

    class Net(nn.Module):
        latent_dim = 4

        def __init__(self, value_range=None, give=lambda images: images):
            super().__init__()
            self.value_range, self.give = value_range, give
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, z):
            return self.give(self.weight * tanh(len(z)) + 0 * z.sum())

    def gives(give, value_range=None):
        return lambda: Net(value_range, give)

    signed = gives(lambda x: x)
    unit = gives(lambda x: (x + 1) / 2)
    levels = gives(lambda x: (x + 1) * 127.5)
    halves = gives(lambda x: x.half())
    integers = gives(lambda x: ((x + 1) * 127.5).int())
    booleans = gives(lambda x: x > 0)
    complexes = gives(lambda x: x.to(torch.complex64))
    missing = gives(lambda x: x / (x - x))
    last = gives(lambda x: x.permute(0, 2, 3, 1))
    two = gives(lambda x: x[:, :2])
    four = gives(lambda x: torch.cat([x, x[:, :1]], 1))
    fewer = gives(lambda x: x[:-1])
    empty = gives(lambda x: x[:0])
    flat = gives(lambda x: x[0])
    meta = gives(lambda x: x.to("meta"))
    sparse = gives(lambda x: x.to_sparse())
    pair = gives(lambda x: (x, x[:, 0, 0]))
    named = gives(lambda x: dict(latents=x[:, 0, 0], images=x))
    images_list = gives(lambda x: list(x))
    pictures = gives(lambda x: [Image.new("RGB", (8, 8)) for _ in x])
    picture = gives(lambda x: Image.new("RGB", (8, 8)))
    nothing = gives(lambda x: None)
    text = gives(lambda x: "images")
    objects = gives(lambda x: np.array([None] * len(x)))
    output = gives(lambda x: type("PipelineOutput", (), dict(images=x))())
    raises = gives(lambda x: x[:, :, 99, 99])
"""

REFUSED = [
    # factory, value range, what is said
    ("signed", None, r"gave torch\.float32 from -\S+ to \S+, whose range is not stated"),
    ("signed", "0..1", r"gave values from -\S+ to \S+, .*% of them far outside of the declared range 0\.\.1"),
    ("levels", "0..1", "far outside of the declared range"),
    ("levels", "-1..1", "far outside of the declared range"),
    ("integers", "-1..1", r"gave torch\.int32; expected uint8 \(0 to 255\) or floats"),
    ("booleans", "-1..1", r"gave torch\.bool"),
    ("complexes", "-1..1", r"gave torch\.complex64"),
    ("missing", "-1..1", r"12,288 values of 12,288 that are NaN or infinite"),
    ("last", "-1..1", r"\(64, 8, 8, 3\) for 64 images; .* channels last: return images\.permute\(0, 3, 1, 2\)"),
    ("two", "-1..1", r"\(64, 2, 8, 8\) for 64 images; .* Two channels"),
    ("four", "-1..1", r"\(64, 4, 8, 8\) for 64 images; .* alpha"),
    ("fewer", "-1..1", r"\(63, 3, 8, 8\) for 64 images; .* as many images as it is asked for"),
    ("empty", "-1..1", r"\(0, 3, 8, 8\) for 64 images; .* empty"),
    ("flat", "-1..1", r"\(3, 8, 8\) for 64 images; .* a batch"),
    ("meta", "-1..1", r"returned a meta tensor \(64, 3, 8, 8\)"),
    ("sparse", "-1..1", r"returned a sparse_coo tensor \(64, 3, 8, 8\)"),
    (
        "pair",
        "-1..1",
        r"returned a tuple of 2 tensors \(\(64, 3, 8, 8\), \(64, 8\)\); expected one tensor \(64, 1 or 3, height, "
        r"width\)\. Return the first: lambda z: net\(z\)\[0\]",
    ),
    ("named", "-1..1", r"returned a dict \('latents': \(64, 8\), 'images': .*lambda z: net\(z\)\['images'\]"),
    ("images_list", "-1..1", r"returned a list of 64 tensors \(\(3, 8, 8\), .*Return torch\.stack\(images\)"),
    ("pictures", "-1..1", r"returned a list of 64 PIL images \(8 x 8, .*Return np\.stack"),
    ("picture", "-1..1", r"returned a PIL image"),
    ("nothing", "-1..1", r"returned None; .* lack a return"),
    ("text", "-1..1", "returned a str"),
    ("objects", "-1..1", r"returned an array of object \(64,\)"),
    ("output", "-1..1", r"returned a PipelineOutput; .*lambda z: net\(z\)\.images"),
    ("raises", "-1..1", "IndexError: index 99 is out of bounds"),
]


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A module `generator_code` in the current folder, forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "generator_code.py").write_text(textwrap.dedent(CODE))
    sys.path.insert(0, str(tmp_path))
    yield importlib.import_module("generator_code")
    sys.path.remove(str(tmp_path))
    sys.modules.pop("generator_code", None)
    importlib.invalidate_caches()


@pytest.mark.parametrize(("made", "value_range", "said"), REFUSED, ids=[f"{f}-{r}" for f, r, _ in REFUSED])
def test_python_and_the_command_line_refuse_the_same_with_their_own_words(code, command_line, made, value_range, said):
    arguments = ["--metrics", "vendi@pixels", "--num-samples", "8", "--device", "cpu"]
    arguments += [] if value_range is None else ["--value-range", value_range]
    status, out, err = command_line("score", f"generator_code:{made}", *arguments)
    network = getattr(code, made)()
    network.train()

    with pytest.raises(DataError) as raised:
        ganeval.score(network, n=8, value_range=value_range, metrics="vendi@pixels", device="cpu")

    assert network.training
    assert (status, out) == (3, "")
    assert re.search(said, str(raised.value)), raised.value
    assert re.search(said.replace(" ", r"\s+"), " ".join(err.split())), err
    by_name = " ".join(err.split()).removeprefix("ganeval: ").removeprefix("Error: ")
    in_memory = str(raised.value)
    assert "--" not in in_memory
    assert "value_range=" not in by_name
    assert in_memory.startswith("Net ")


@pytest.mark.parametrize(("made", "value_range"), [("signed", "-1..1"), ("halves", "-1..1"), ("unit", "0..1")])
def test_python_and_the_command_line_have_the_same_images(code, made, value_range):
    options = ScoreOptions(f"generator_code:{made}", num_samples=70, seed=3, value_range=value_range, device="cpu")
    by_name = open_generator(options)
    in_memory = open_generator(dataclasses.replace(options, subject="net", in_memory={"net": getattr(code, made)()}))
    short = open_generator(dataclasses.replace(options, num_samples=5))

    first, second = ([source.read(i).digest for i in range(64)] for source in (by_name, in_memory))
    assert first == second
    assert [short.read(i).digest for i in range(5)] == first[:5]


class Stated(nn.Module):
    """A conditional network that states all of it."""

    classes, latent_dim, value_range = ("cat", "dog"), 2, "0..1"

    def forward(self, z, labels):
        assert z.shape == (64, 2)
        return (labels / 2 + 0.25).reshape(-1, 1, 1, 1).expand(-1, 1, 3, 3) + 0 * z.sum()


def test_attributes_are_read_in_memory_as_by_name():
    source = open_generator(ScoreOptions("net", num_samples=4, in_memory={"net": Stated()}))

    assert [item.label for item in source.items] == ["cat", "dog", "cat", "dog"]
    assert [int(source.read(i).decode().pixels[0, 0, 0]) for i in range(4)] == [64, 191, 64, 191]
    assert source.origin == {"kind": "network in memory", "model": "net", "parameters": 0}
    scores = ganeval.score(Stated(), n=8, metrics="vendi@pixels", device="cpu")
    assert scores["vendi@pixels"].provenance["subject"]["model"] == "Stated"


def test_keywords_win_over_attributes_as_options_do():
    class Other(nn.Module):
        latent_dim, value_range = 7, "0..1"

        def forward(self, z):
            assert z.shape[1:] == (2, 1, 1)
            return torch.tanh(z).expand(-1, 2, 3, 3)[:, :1] * 1.0

    options = ScoreOptions("net", num_samples=3, in_memory={"net": Other()})
    with pytest.raises(DataError, match="AssertionError"):
        open_generator(options)
    source = open_generator(dataclasses.replace(options, latent_dim=(2, 1, 1), value_range="-1..1"))
    assert source.read(0).decode().pixels.shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value_range": "0..255"}, "value_range= takes 0..1 or -1..1; got '0..255'"),
        ({"latent_dim": "100"}, "latent_dim= takes a width such as 100, or a shape; got '100'"),
        ({"latent_dim": 0}, "got 0"),
        ({"latent_dim": True}, "got True"),
        ({"latent_dim": ()}, "got ()"),
        ({"n": 1}, "n= takes a whole number of at least 2; got 1"),
        ({"inputs": 3.5}, "inputs= is a float; expected a path, a data set, a tensor or an array"),
        ({"generator": "torch.nn:Identity"}, "generator="),
    ],
)
def test_keywords_that_cannot_be_are_refused_by_their_names(given, said):
    subject = np.zeros((4, 8, 8, 3), np.uint8)
    with pytest.raises(UsageError) as raised:
        ganeval.score(subject if "generator" not in given else "digits:test", metrics="vendi@pixels", **given)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("value_range", "tanh", "states the value range 'tanh'; expected one of 0..1, -1..1"),
        ("latent_dim", 0, "states latent_dim 0"),
        ("latent_dim", True, "states latent_dim True"),
        ("latent_dim", 1.5, "states latent_dim 1.5"),
        ("classes", 0, "states classes 0"),
        ("classes", "cat", "states classes 'cat'"),
        ("classes", ("cat", "cat"), "2 classes of 1 names"),
    ],
)
def test_attributes_that_cannot_be_are_refused(attribute, value, said):
    network = Stated()
    setattr(network, attribute, value)
    with pytest.raises(UsageError) as raised:
        wrap(network, "net", Declared(), translates=False)
    assert said in str(raised.value)


@pytest.mark.parametrize("scale", [0, -4, 1.5, True])
def test_a_scale_that_cannot_be_is_refused(scale):
    network = nn.Identity()
    network.scale = scale
    with pytest.raises(UsageError, match="states the scale"):
        wrap(network, "net", Declared(value_range="0..1"), translates=True)


def test_a_function_of_two_arguments_is_told_apart_by_their_names(tmp_path):
    seen = {}

    def by_index(indices, seed):
        seen["indices"] = (indices, seed)
        return np.zeros((len(indices), 1, 2, 2), np.uint8)

    def by_count(count, rng):
        seen["count"] = (count, rng.initial_seed())
        return torch.zeros(count, 1, 2, 2, dtype=torch.uint8)

    for function in (by_index, by_count):
        open_generator(ScoreOptions("f", num_samples=3, seed=5, in_memory={"f": function}))
    assert seen["indices"] == (list(range(64)), 5)
    assert seen["count"][0] == 64


def test_a_network_in_memory_translates_what_inputs_name(make_folder):
    class Doubling(nn.Module):
        value_range, scale = "-1..1", 2

        def forward(self, images):
            return images.repeat_interleave(2, 2).repeat_interleave(2, 3)

    originals = make_folder("hr", 3, [(8, 12)])
    given = ganeval.score(Doubling(), inputs=originals, metrics="vendi@pixels", device="cpu")
    made = ganeval.score(Doubling(), paired=originals, metrics="psnr", device="cpu")

    assert given["vendi@pixels"].n_fake == 3
    assert made["psnr"].n_fake == 3
    with pytest.raises(UsageError, match="inputs=FOLDER"):
        ganeval.score(Doubling(), metrics="vendi@pixels", n=4)


def test_a_generator_draws_as_many_images_as_the_reference_has(make_folder):
    real = make_folder("real", 9)
    scores = ganeval.score(Stated(), reference=real, metrics="kd@pixels", device="cpu")
    assert (scores["kd@pixels"].n_fake, scores["kd@pixels"].n_real) == (9, 9)


def test_a_sigmoid_that_is_said_to_be_a_tanh_is_scored_and_doubted():
    """Only a person can know: bright drawings look the same."""

    def unit(count, rng):
        return torch.rand(count, 3, 8, 8, generator=rng)

    def words(subject, value_range):
        scores = ganeval.score(subject, n=8, value_range=value_range, metrics="vendi@pixels", device="cpu")
        return scores["vendi@pixels"].note

    images = unit(8, torch.Generator().manual_seed(0))
    for subject in (unit, images, images.permute(0, 2, 3, 1).numpy()):
        assert "8 images none has a value below 0 of the range -1..1" in words(subject, "-1..1")
        assert "below 0" not in words(subject, "0..1")
    assert "below 0" not in words(lambda count, rng: 2 * unit(count, rng) - 1, "-1..1")
    assert "below 0" not in words(images * 0.1, "-1..1"), "almost grey, as a network that was hardly trained draws"


def test_one_batch_at_every_call_is_refused_but_a_collapsed_generator_is_scored():
    batch = np.random.default_rng(0).integers(0, 256, (64, 3, 8, 8), dtype=np.uint8)
    with pytest.raises(DataError, match="images 64 to 127 that are images 0 to 63 again"):
        ganeval.score(lambda count, rng: batch[:count], n=100, metrics="vendi@pixels", device="cpu")
    one = batch[:1].repeat(64, 0)
    scores = ganeval.score(lambda count, rng: one, n=100, metrics="vendi@pixels", device="cpu")
    assert scores["vendi@pixels"].value == pytest.approx(1)


def test_what_requires_grad_or_is_an_odd_array_is_taken():
    weight = torch.zeros(1, requires_grad=True)
    floats = [
        lambda count, rng: torch.zeros(count, 1, 2, 2, requires_grad=True) + 0.5,
        lambda count, rng: weight + torch.full((count, 3, 2, 2), 0.5),
        lambda count, rng: np.full((count, 3, 2, 2), 0.5, dtype=">f4"),
        lambda count, rng: np.full((count, 3, 2, 2), 0.5, dtype=np.float16)[..., ::-1],
        lambda count, rng: np.broadcast_to(np.float64(0.5), (count, 3, 2, 2)),
        lambda count, rng: np.full((count, 3, 2, 2), 0.5, dtype=np.longdouble),
        lambda count, rng: torch.full((count, 3, 2, 2), 0.5, dtype=torch.bfloat16),
    ]
    for function in floats:
        source = open_generator(ScoreOptions("f", num_samples=2, value_range="0..1", in_memory={"f": function}))
        assert set(source.read(1).decode().pixels.flatten().tolist()) == {128}


@pytest.mark.parametrize(
    ("images", "given", "said"),
    [
        (torch.zeros(4, 8, 8, 3), {"value_range": "0..1"}, r"channels last: give images\.permute"),
        (torch.zeros(4, 2, 8, 8), {"value_range": "0..1"}, r"Channels are 1, 3 or 4"),
        (torch.zeros(3, 8, 8), {"value_range": "0..1"}, "missing dimension"),
        (torch.zeros(0, 3, 8, 8), {"value_range": "0..1"}, "none of them 0"),
        (torch.zeros(4, 3, 8, 8), {}, r"value_range='0\.\.1' or '-1\.\.1'"),
        (torch.zeros(4, 3, 8, 8) - 0.5, {"value_range": "0..1"}, "has -0.5 at index"),
        (
            torch.zeros(4, 3, 8, 8) + 200,
            {"value_range": "-1..1"},
            r"has 200.0 at index .* from 200 to 200, as bytes do",
        ),
        (torch.zeros(4, 3, 8, 8) + 200.5, {}, "whose range nothing says.* round them and convert to uint8"),
        (torch.zeros(4, 3, 8, 8) / 0, {"value_range": "-1..1"}, "has nan at index"),
        (torch.zeros(4, 3, 8, 8).int(), {"value_range": "0..1"}, "holds int32"),
        (torch.zeros(4, 3, 8, 8, device="meta"), {"value_range": "0..1"}, "must be dense; got a meta tensor"),
        (torch.zeros(4, 3, 8, 8).to_sparse(), {"value_range": "0..1"}, "must be dense"),
    ],
)
def test_images_given_directly_have_the_same_checks_as_subject_and_as_reference(images, given, said):
    fine = np.zeros((4, 8, 8, 3), np.uint8)
    for subject, reference in ((images, fine), (fine, images)):
        with pytest.raises(GanevalError, match=said) as raised:
            ganeval.score(subject, reference=reference, metrics="kd@pixels", device="cpu", **given)
        assert "--" not in str(raised.value)


def test_images_that_require_grad_or_are_half_precision_are_taken():
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for subject in (images.clone().requires_grad_(), images.half(), images.bfloat16(), images.permute(0, 1, 3, 2)):
        ganeval.score(subject, metrics="vendi@pixels", value_range="0..1", device="cpu")


# ---- the table of openers


def test_every_opener_of_the_table_is_there():
    for place in (*OPENERS.values(), ENLARGED):
        module, _, name = place.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
    assert set(ENDINGS) < set(OPENERS)


def test_a_kind_is_known_by_the_subject_alone(tmp_path):
    names = {"a.pt": "torchscript", "a.ONNX": "onnx", "a.safetensors": "checkpoint", "a.npz": None, "a.png": None}
    for name, kind in names.items():
        (tmp_path / name).write_bytes(b"")
        assert kind_of(ScoreOptions(str(tmp_path / name))) == kind
    assert kind_of(ScoreOptions(str(tmp_path / "a.pt"), generator="torch.nn:Identity")) == "state dict"
    assert kind_of(ScoreOptions("package.module:factory")) == "factory"
    assert kind_of(ScoreOptions("digits:test")) is None
    assert kind_of(ScoreOptions("x", in_memory={"x": print})) == "in memory"
    assert kind_of(ScoreOptions("x", in_memory={"x": np.zeros(1)})) is None


# ---- the words of Python


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("Give --value-range 0..1 | -1..1 (or x).", "Give value_range='0..1' or '-1..1' (or x)."),
        ("Add --reference REF.", "Add reference=REF."),
        ("--reference is given, but", "reference= is given, but"),
        ("Give --num-samples N", "Give n=N"),
        ("Use --device cpu.", "Use device='cpu'."),
        ("--no-cache or --on-bad skip", "cache=False or on_bad='skip'"),
        ("run `ganeval weights fetch x --reference y`", "run `ganeval weights fetch x --reference y`"),
        ("--unheard-of stays", "--unheard-of stays"),
        ("State white with --peak 4095.", "State white with peak=4095."),
    ],
)
def test_options_are_keywords_in_python(text, python):
    names = {"value_range", "reference", "n", "device", "cache", "on_bad", "peak"}
    assert in_python(text, names) == python
