"""`explain`: terms add up, passes are shared, files are read and refused as each tool would, the command says so."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from ganeval.backbones.inception import INCEPTION
from ganeval.backbones.inception_variants import PREPARATIONS, described
from ganeval.errors import UsageError
from ganeval.explain.explain import ExplainOptions, explain
from ganeval.explain.features import mean_in_float32, part_of
from ganeval.explain.frechet_parts import parts_of
from ganeval.explain.pipelines import TOOLS, parse_tools
from ganeval.generators.open import REFERENCE_SEED
from ganeval.options import ScoreOptions
from ganeval.sources import folder as folder_source
from ganeval.summaries.bank import Block, FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments
from tests.oracles import frechet
from tests.peer_networks import Cheap, instead_of_inception

ALL = parse_tools(None)


@pytest.fixture
def cheap(monkeypatch):
    return instead_of_inception(monkeypatch)


@pytest.fixture
def run(cheap, inception_file):
    def call(fake, real, tools=None, *, terms=True, statistics=None, other=None, **more):
        options = ScoreOptions(
            str(fake), None if real is None else str(real), weights={"inception": inception_file}, cache=False, **more
        )
        return explain(ExplainOptions(options, parse_tools(tools), terms, statistics, other))

    return call


def rows_of(found):
    return {row.tool: row for row in found.rows}


def test_terms_add_up_to_the_difference(run, make_folder):
    found = rows_of(run(make_folder("fake", 7, [(40, 33)], seed=1), make_folder("real", 9, [(40, 33)], seed=2)))

    start = found["ganeval"].value
    assert list(found) == ["ganeval", *TOOLS]
    for row in found.values():
        assert row.value == pytest.approx(start + sum(row.terms.values()), rel=1e-12), row.tool
    assert set(found["pytorch-fid"].terms) == {"resize", "range"}
    assert list(found["clean-fid"].terms) == ["resize", "quantisation", "dtype"]
    assert list(found["stylegan"].terms) == ["ddof"]
    assert found["torchmetrics-1.7"].terms == {}
    assert all(abs(change) > 0 for row in found.values() for change in row.terms.values())


def test_each_image_is_decoded_once_and_shown_once_in_each_preparation(run, cheap, make_folder, monkeypatch):
    decoded = []
    decode = folder_source.decode
    monkeypatch.setattr(folder_source, "decode", lambda data, name: decoded.append(name) or decode(data, name))
    fake, real = make_folder("fake", 8, seed=1), make_folder("real", 8, seed=2)

    found = run(fake, real)

    assert len(cheap) == 1, "one network behind all preparations"
    assert sorted(decoded) == sorted(2 * [f"{i:05d}.png" for i in range(8)])
    assert set(found.passes) == set(PREPARATIONS)
    assert Cheap.seen == 16 * len(PREPARATIONS)


def test_without_terms_the_numbers_are_the_same_and_the_network_sees_less(run, make_folder):
    fake, real = make_folder("fake", 5, seed=1), make_folder("real", 5, seed=2)
    full, short = run(fake, real), run(fake, real, terms=False)

    assert len(short.passes) == 4
    for name, row in rows_of(short).items():
        assert row.value == pytest.approx(rows_of(full)[name].value, rel=1e-12)
        assert not {"range", "quantisation"} & set(row.terms)


def test_files_that_pillow_converts_otherwise_are_a_term_of_their_own(run, make_folder, tmp_path):
    real, fake = make_folder("real", 6, [(20, 20)], seed=2), make_folder("fake", 6, [(20, 20)], seed=1)
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted(fake.glob("*.png"))):
        image = Image.open(path).convert("RGBA")
        if number % 2:
            image.putalpha(90)
        image.save(path)
        Image.open(path).convert("RGB").save(flat / path.name)

    mixed, plain = rows_of(run(fake, real)), rows_of(run(flat, real))

    assert mixed["ganeval"].value != pytest.approx(plain["ganeval"].value, rel=1e-3)
    for name in TOOLS:
        assert mixed[name].value == pytest.approx(plain[name].value, rel=1e-6), name
        # the same pixels in other batches, whose float32 sums differ in the last digit on some processors
        assert mixed[name].terms["decode"] == pytest.approx(plain["ganeval"].value - mixed["ganeval"].value, rel=2e-6)


def test_each_tool_finds_the_files_that_it_looks_for(run, make_folder):
    real, fake = make_folder("real", 6, seed=2), make_folder("fake", 8, seed=1)
    (fake / "deep").mkdir()
    (fake / "00000.png").rename(fake / "deep" / "00000.png")
    (fake / "00001.png").rename(fake / "00001.PNG")
    Image.open(fake / "00002.png").save(fake / "00002.bmp")
    (fake / "00002.png").unlink()

    found = rows_of(run(fake, real))

    counts = {name: row.n_fake for name, row in found.items()}
    assert counts["ganeval"] == counts["clean-fid"] == counts["adm"] == 8
    assert counts["pytorch-fid"] == 6  # not the folder, not .PNG
    assert counts["torch-fidelity"] == 6  # not the folder, not .bmp
    assert "n" in found["pytorch-fid"].terms
    assert "n" not in found["clean-fid"].terms
    shutil.rmtree(fake / "deep")
    (fake / "00001.PNG").unlink()
    assert rows_of(run(fake, real))["pytorch-fid"].value == pytest.approx(found["pytorch-fid"].value, rel=1e-12)


def test_a_subset_of_a_folder_is_still_a_folder(run, make_folder):
    real, fake = make_folder("real", 6, seed=2), make_folder("fake", 6, seed=1, suffix=".bmp")

    found = run(fake, real, num_samples=4)

    assert rows_of(found)["pytorch-fid"].n_fake == 4
    assert "finds 0 of 4 images" in rows_of(found)["torch-fidelity"].refusal
    assert not any("no folder" in note for note in found.notes)


def test_what_is_no_folder_counts_as_given_whole(run, make_folder, tmp_path):
    real, fake = make_folder("real", 4, seed=2), make_folder("fake", 4, seed=1)
    shutil.make_archive(str(tmp_path / "fake"), "zip", fake)

    zipped, plain = run(tmp_path / "fake.zip", real), run(fake, real)

    assert any("a set that isn't a folder" in note for note in zipped.notes)
    for name, row in rows_of(zipped).items():
        assert row.value == pytest.approx(rows_of(plain)[name].value, rel=1e-9)


def test_a_tool_that_finds_nothing_refuses(run, make_folder):
    real, fake = make_folder("real", 4, seed=2), make_folder("fake", 4, seed=1, suffix=".bmp")

    row = rows_of(run(fake, real))["torch-fidelity"]

    assert row.value is None
    assert row.alone is None
    assert "finds 0 of 4 images" in row.refusal


def test_mixed_sizes_are_refused_by_those_that_stack_before_they_resize(run, make_folder):
    real, fake = make_folder("real", 6, [(20, 20)], seed=2), make_folder("fake", 6, [(20, 20), (31, 24)], seed=1)

    found = rows_of(run(fake, real))

    assert found["clean-fid"].value is not None
    assert found["clean-fid-legacy-pytorch"].value is not None
    for name in ("pytorch-fid", "torch-fidelity", "clean-fid-legacy-tensorflow"):
        assert found[name].value is None
        assert "2 sizes in" in found[name].refusal
        assert found[name].alone > 0  # a batch size of one cures it
    assert found["torch-fidelity"].alone == pytest.approx(found["ganeval"].value, rel=1e-4)
    for name in ("adm", "stylegan", "torchmetrics-1.8"):
        assert (found[name].value, found[name].alone) == (None, None)


def test_a_batch_of_one_size_is_no_refusal(run, make_folder, monkeypatch):
    """torch-fidelity stacks 64 at a time: sizes that change between batches do not meet."""
    real, fake = make_folder("real", 4, [(12, 12)], seed=2), make_folder("fake", 66, [(12, 12)], seed=1)
    for path in sorted(fake.glob("*.png"))[64:]:
        Image.open(path).resize((16, 16)).save(path)

    found = rows_of(run(fake, real, "torch-fidelity,pytorch-fid"))

    assert found["torch-fidelity"].value is not None
    assert found["pytorch-fid"].refusal.endswith("a batch of 50 has one")


def test_files_that_cannot_be_decoded_stop_the_tools_that_read_files(run, make_folder):
    real, fake = make_folder("real", 4, seed=2), make_folder("fake", 5, seed=1)
    (fake / "00000.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    found = rows_of(run(fake, real, on_bad="skip"))

    assert found["pytorch-fid"].value is None
    assert "1 files" in found["pytorch-fid"].refusal
    assert found["stylegan"].value is not None  # arrays: whoever made them left it out


def test_other_weights_have_a_term(run, make_folder, inception_file, tmp_path):
    fake, real = make_folder("fake", 4, seed=1), make_folder("real", 4, seed=2)
    other = tmp_path / "other.pth"
    state = torch.load(inception_file, weights_only=True)  # noqa: TID251
    torch.save({key: value * 1.5 for key, value in state.items()}, other)

    found = run(fake, real, "adm", other=other)

    row = rows_of(found)["ganeval, other weights"]
    assert set(row.terms) == {"weights"}
    assert found.other_sha256 != found.weights_sha256


def test_a_generator_is_explained_as_the_images_that_it_draws(run, make_folder):
    folder = make_folder("real", 8, [(12, 12)], seed=2)

    def drawn(indices, seed):
        rows = [np.random.default_rng((seed, index)).integers(0, 256, (3, 12, 12), np.uint8) for index in indices]
        return torch.from_numpy(np.stack(rows))

    def images(seed):
        return drawn(range(8), seed).permute(0, 2, 3, 1).numpy()

    forth, plain = (rows_of(run("x", folder, num_samples=8, in_memory={"x": x})) for x in (drawn, images(0)))
    back, reference = (
        rows_of(run(folder, "x", num_samples=8, in_memory={"x": x})) for x in (drawn, images(REFERENCE_SEED))
    )

    for found, expected in ((forth, plain), (back, reference)):
        assert {name: row.value for name, row in found.items()} == {name: row.value for name, row in expected.items()}


def test_features_without_images_are_refused(run, make_folder, command_line, tmp_path):
    folder = make_folder("real", 6)
    built = tmp_path / "set.safetensors"
    assert command_line("reference", "build", folder, "-o", built, "--backbone", "pixels")[0] == 0

    with pytest.raises(UsageError, match=r"set\.safetensors holds features of a set, .* Name the images"):
        run(built, folder)


def test_statistics_of_another_tool_stand_for_the_reference(run, make_folder, tmp_path, monkeypatch):
    instead_of_inception(monkeypatch, dim=2048)
    fake = make_folder("fake", 6, seed=1)
    rng = np.random.default_rng(0)
    real = np.abs(rng.normal(size=(40, 2048)))
    np.savez(tmp_path / "stats.npz", mu=real.mean(0), sigma=np.cov(real, rowvar=False))

    found = run(fake, None, statistics=tmp_path / "stats.npz")

    rows = rows_of(found)
    assert all(row.n_real is None for row in rows.values())
    assert any("file of statistics" in note for note in found.notes)
    assert rows["pytorch-fid"].value == pytest.approx(
        rows["ganeval"].value + sum(rows["pytorch-fid"].terms.values()), rel=1e-12
    )


def test_the_parts_give_every_arithmetic():
    rng = np.random.default_rng(0)
    a, b = (np.abs(rng.normal(size=(n, 5)) + s).astype(np.float32) for n, s in ((30, 0.0), (20, 0.3)))
    parts = parts_of(*(SetSummary(Moments.of(rows), FeatureBank.of(rows)) for rows in (a, b)))

    assert parts.value() == pytest.approx(frechet(a, b), rel=1e-10)
    S_a, S_b = (np.cov(rows.astype(float), rowvar=False, ddof=0) for rows in (a, b))
    root = np.sqrt(np.linalg.eigvals(S_a @ S_b).real).sum()
    gap = a.mean(0, dtype=float) - b.mean(0, dtype=float)
    assert parts.value(ddof=0) == pytest.approx(gap @ gap + np.trace(S_a + S_b) - 2 * root, rel=1e-10)
    narrow = a.mean(0) - b.mean(0)
    assert parts.value("float32") - parts.value() == pytest.approx(float(narrow.dot(narrow)) - gap @ gap, abs=1e-12)


def test_the_float32_mean_is_numpys_to_the_bit():
    rows = np.random.default_rng(0).exponential(size=(1000, 7)).astype(np.float32)
    blocks = tuple(Block(np.arange(s, s + 250), lambda s=s: rows[s : s + 250]) for s in (500, 0, 750, 250))

    assert np.array_equal(mean_in_float32(FeatureBank(7, blocks)), rows.mean(axis=0))
    part = part_of(SetSummary(Moments.of(rows), FeatureBank(7, blocks)), [3, 400, 999])
    assert np.array_equal(part.bank.rows(), rows[[3, 400, 999]])
    assert part.moments.n == 3


def test_the_first_preparation_is_inceptions_own():
    assert described("inception") == INCEPTION.resize
    assert PREPARATIONS["inception"] == INCEPTION.preparation


@pytest.fixture
def command(cheap, command_line, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    return lambda *arguments: command_line("explain", *arguments)


def test_the_command_prints_a_row_a_tool_and_what_the_columns_mean(command, make_folder, inception_file, tmp_path):
    real, fake = make_folder("real", 6, [(20, 20)], seed=2), make_folder("fake", 6, [(20, 20), (31, 24)], seed=1)

    code, out, _ = command(fake, "--reference", real, "--weights", f"inception={inception_file}", "--plot", "why.svg")

    assert code == 0
    table, _, details = out.partition("6 images against 6")
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["ganeval", *TOOLS]
    assert re.match(r"\d of \d+ tools print another FID \(by 0.1% or more\). Furthest from ganeval's is ", table)
    assert max(map(len, table.splitlines())) <= 120
    assert "pytorch-fid would refuse: 2 sizes in" in details
    assert "given the images one by one it prints" in details
    assert "quantisation: values that overshoot" in details
    assert "not the canonical ones" in details
    assert (tmp_path / "why.svg").read_bytes().startswith(b"<?xml")


def test_json_rows_are_result_rows_with_their_terms(command, make_folder, inception_file):
    fake, real = make_folder("fake", 4, seed=1), make_folder("real", 4, seed=2)

    code, out, _ = command(fake, "--reference", real, "--weights", f"inception={inception_file}", "--json", "-")

    found = json.loads(out)
    assert code == 0
    rows = {row["tool"]: row for row in found["rows"]}
    assert len({row["fingerprint"] for row in rows.values()}) == len(rows)  # ten protocols
    assert rows["clean-fid"]["key"].startswith("fd@inception-clean#")
    assert rows["clean-fid"]["protocol"]["resize"] == described("inception-clean")
    assert rows["stylegan"]["protocol"]["params"] == {"ddof": 0, "mean": "float64", "tool": "stylegan"}
    assert not rows["ganeval"]["comparable_to_published"]
    start = rows["ganeval"]["value"]
    for row in rows.values():
        assert row["value"] == pytest.approx(start + sum(row["terms"].values()))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["digits"], 2, "--reference REF or --fid-statistics-file"),
        (["digits", "--reference", "digits", "--fid-statistics-file", "f.npz"], 2, "one of the three"),
        (["digits", "--reference", "digits", "--tools", "pytorch-fit"], 2, "Did you mean 'pytorch-fid'"),
        (["digits", "--reference", "digits", "--tools", ""], 2, "Unknown tool ''"),
        (["digits", "--reference", "digits", "--plot", "why.gif"], 2, ".png, .svg, .pdf"),
        (["digits", "--reference", "digits", "--plot", "no/why.png"], 2, "the folder"),
        (["digits", "--reference", "digits"], 3, "ganeval weights fetch inception"),
        (["digits", "--reference", "digits", "--weights", "inception=no.pth"], 3, "there is no file no.pth"),
        (["digits", "--reference", "digits", "--weights", "vgg16=no.pth"], 2, "uses inception alone"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(command, arguments, code, words):
    found, out, err = command(*arguments)

    assert (found, out) == (code, "")
    assert words in err
