"""`merge`: parts computed apart give the statistics of the whole set, and what is no whole set is refused."""

import dataclasses
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganeval.cli.main import root
from ganeval.errors import ProtocolMismatchError, ReferenceStatisticsError, UsageError
from ganeval.metrics.frechet import frechet_distance
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.scoring.build_reference import build_reference
from ganeval.sources.base import content_hash
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.merge_files import merge
from ganeval.summaries.moments import Moments
from ganeval.summaries.reference_file import BackboneFacts, ReferenceStatistics, Whole, load_reference, save_reference
from tests.conftest import TOY, ToyBackbone
from tests.one_pass import score

FACTS = {"toy": BackboneFacts("0" * 64, "area-8", "exact")}
ROWS = np.random.default_rng(0).normal(size=(25, 6)).astype(np.float32)
DIGESTS = [bytes([i]) * 32 for i in range(25)]


WHOLE = Whole(25, "ab" * 32, "cd" * 32, None, 0, "1.0")


def part(number, count, facts=FACTS, name="set", whole=WHOLE, own=None, skipped=0):
    own = range(number - 1, 25, count) if own is None else own
    digests = tuple(DIGESTS[i] for i in own)
    labels = tuple("ab"[i % 2] for i in own)
    sets = {"toy": SetSummary(Moments.of(ROWS[own]), FeatureBank.of(ROWS[own]), None, labels)}
    return ReferenceStatistics(
        name,
        content_hash(digests),
        len(own),
        "v1",
        sets,
        facts,
        digests=digests,
        indices=tuple(own),
        part=(number, count),
        whole=whole,
        skipped=skipped,
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_parts_in_any_order_give_the_whole_set(count):
    parts = [part(number, count) for number in range(count, 0, -1)]

    whole = merge(parts, [str(p.part) for p in parts])

    assert (whole.n, whole.content_sha256, whole.part) == (25, content_hash(DIGESTS), None)
    assert np.array_equal(whole.sets["toy"].bank.rows(), ROWS)
    assert whole.sets["toy"].labels == tuple("ab"[i % 2] for i in range(25))
    other = Moments.of(ROWS[::-1] * 2 + 1)
    ours, theirs = frechet_distance(other, whole.sets["toy"].moments), frechet_distance(other, Moments.of(ROWS))
    assert ours == pytest.approx(theirs, rel=1e-10)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([part(1, 3), part(3, 3)], "2 of 3 parts .*17 of 25 images of set, without part 2 of 3"),
        ([part(1, 2), part(1, 2)], "file0 and file1 are both part 1, of 13 images"),
        ([part(1, 2), part(2, 3)], "file0 is part 1/2 and file1 part 2/3: parts of two divisions"),
        ([part(1, 2), part(2, 2, own=range(0, 25, 2))], "file0 and file1 overlap: both hold image 0 of 25, and 13 of"),
        ([part(1, 2), part(2, 2, own=[1, 3])], "The 2 parts hold 15 of 25 images of set, and 10 are missing"),
        ([part(1, 2), part(2, 2, skipped=1)], "hold 25 of 25 images of set, and 1 are too many"),
        ([ReferenceStatistics("set", "", 3, "v1", {}, FACTS)], "file0 holds a whole set"),
        ([part(1, 2), part(2, 2, whole=None)], "file1 is a part that an early version of ganeval wrote"),
    ],
    ids=["missing", "twice", "mixed", "overlapping", "cut", "too many", "whole", "early"],
)
def test_what_is_no_whole_set_is_refused(parts, said):
    with pytest.raises(ReferenceStatisticsError, match=said):
        merge(parts, [f"file{i}" for i in range(len(parts))])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"facts": {"toy": BackboneFacts("0" * 64, "area-8", "fast")}}, "toy's precision exact against fast"),
        ({"facts": {"toy": BackboneFacts("1" * 64, "area-8", "exact")}}, "toy's weights 00000000 against 11111111"),
        ({"whole": replace(WHOLE, images=26)}, "images 25 against 26"),
        ({"whole": replace(WHOLE, names_sha256="ef" * 32)}, "names abababab against efefefef"),
        ({"whole": replace(WHOLE, bytes_sha256="ef" * 32)}, "content cdcdcdcd against efefefef"),
        ({"whole": replace(WHOLE, num_samples=25)}, "--num-samples None against 25"),
        ({"whole": replace(WHOLE, seed=7)}, "--seed 0 against 7"),
        ({"whole": replace(WHOLE, version="2.0")}, "ganeval 1.0 against 2.0"),
    ],
    ids=["precision", "weights", "count", "names", "content", "subset", "seed", "version"],
)
def test_parts_of_other_sets_and_protocols_are_refused(other, said):
    with pytest.raises(ProtocolMismatchError, match=f"a .part 1/2 of set. and b .part 2/2 of set.*{said}"):
        merge([part(1, 2), part(2, 2, **other)], ["a", "b"])


def test_the_same_set_may_lie_elsewhere_on_another_machine():
    assert merge([part(1, 2), part(2, 2, name="/mnt/set")], ["a", "b"]).n == 25


def test_images_that_were_skipped_are_not_missed():
    whole = merge([part(1, 2), part(2, 2, own=range(1, 23, 2), skipped=1)], ["a", "b"])

    assert (whole.n, whole.skipped) == (24, 1)


def test_the_commands_build_parts_and_join_them_to_the_file_of_the_whole_set(make_folder, tmp_path):
    folder = str(make_folder("real", 7))

    def run(*arguments):
        result = CliRunner().invoke(root, [*arguments, *(["--engine", "torch"] if arguments[0] == "reference" else [])])
        assert result.exit_code == 0, result.output
        return result.stdout.split()[-1]

    whole = run("reference", "build", folder, "-o", str(tmp_path / "whole.safetensors"))
    parts = [str(tmp_path / f"part-{k}.safetensors") for k in (1, 2)]
    for k, path in enumerate(parts, start=1):
        run("reference", "build", folder, "-o", path, "--part", f"{k}/2")
    merged = run("merge", *parts, "-o", str(tmp_path / "merged.safetensors"))
    for arguments in (["score", folder, "--reference", parts[0]], ["score", parts[0], "--reference", folder]):
        refused = CliRunner().invoke(root, arguments)
        assert isinstance(refused.exception, ReferenceStatisticsError)
        assert "is part 1 of 2 of" in str(refused.exception)
        assert "with 4 images. Join all parts with `ganeval merge`" in str(refused.exception)

    assert merged == whole
    a, b = (load_reference(tmp_path / f"{name}.safetensors") for name in ("whole", "merged"))
    assert np.array_equal(a.sets["efflite0"].bank.rows(), b.sets["efflite0"].bank.rows())
    assert np.allclose(a.sets["efflite0"].moments.scatter, b.sets["efflite0"].moments.scatter, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b"])
def test_a_part_that_there_is_not_is_refused(tmp_path, text):
    arguments = ["reference", "build", "digits", "-o", str(tmp_path / "x.safetensors"), "--part", text]
    result = CliRunner().invoke(root, arguments)

    assert isinstance(result.exception, UsageError)
    assert "--part takes K/N" in str(result.exception)


@pytest.mark.parametrize("merged", [True, False], ids=["merged", "in one go"])
def test_a_statistics_file_as_subject_gives_the_rows_of_its_images(toy, tmp_path, merged):
    """The same values, intervals and fingerprints; of a seeded subset too."""
    images = {}
    for name, seed in (("real", 0), ("fake", 1)):
        images[name] = str(tmp_path / f"{name}.npy")
        np.save(images[name], np.random.default_rng(seed).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    common = {"num_samples": 30, "seed": 5, "engine": "torch", "device": "cpu"}
    expected = score(ScoreOptions(images["fake"], images["real"], metrics="fd,kd,prdc", **common)).results

    subject = tmp_path / "fake.safetensors"
    numbers = [(k, 3) for k in (1, 2, 3)] if merged else [None]
    built = [build_reference(ScoreOptions(images["fake"], **common), ["efflite0"], Silent(), k) for k in numbers]
    for number, one in enumerate(built):
        save_reference(tmp_path / f"part-{number}.safetensors", one, features=True)
    files = [tmp_path / f"part-{number}.safetensors" for number in range(len(built))]
    whole = merge([load_reference(f) for f in files], list(map(str, files))) if merged else built[0]
    save_reference(subject, whole, features=True)
    real = tmp_path / "real.safetensors"
    save_reference(real, build_reference(ScoreOptions(images["real"], **common), ["efflite0"], Silent()), features=True)
    plain = {"engine": "torch", "device": "cpu", "cache": False}
    rows = score(ScoreOptions(str(subject), str(real), metrics="fd,kd,prdc", **plain)).results

    for row, other in zip(rows, expected, strict=True):
        assert row.value == pytest.approx(other.value, rel=1e-10, abs=1e-12)
        assert (row.stderr or 0.0) == pytest.approx(other.stderr or 0.0, rel=1e-8)
        assert row.fingerprint == other.fingerprint
        assert row.provenance["subject_sha256"] == other.provenance["subject_sha256"]


@pytest.fixture
def toy(monkeypatch):
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)
    return backbone


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"paired": "x"}, "--paired needs"),
        ({"blame": True, "reference": "x"}, "--blame needs"),
        ({"num_samples": 5}, "--num-samples needs"),
    ],
    ids=["paired", "blame", "subset"],
)
def test_what_needs_images_is_refused_with_a_statistics_file(toy, tmp_path, options, said):
    file = tmp_path / "set.safetensors"
    save_reference(file, merge([part(1, 1)], ["a"]), features=True)

    with pytest.raises(UsageError, match=f"holds features of a set and not its images, which .*{said}"):
        score(ScoreOptions(str(file), **options))


def test_an_early_file_serves_as_reference_and_says_why_not_as_subject(tmp_path):
    file = tmp_path / "early.safetensors"
    save_reference(file, replace(merge([part(1, 1)], ["a"]), whole=None), features=True)

    assert load_reference(file).n == 25
    with pytest.raises(ReferenceStatisticsError, match=r"written by an early version.*It serves as --reference"):
        score(ScoreOptions(str(file), metrics="vendi"))


def test_parts_of_tar_shards_take_whole_shards(tmp_path, toy):
    folder = tmp_path / "shards"
    folder.mkdir()
    for shard, count in enumerate((3, 5, 1)):
        with tarfile.open(folder / f"set-{shard}.tar", "w") as tar:
            for number in range(count):
                data = io.BytesIO()
                pixels = np.random.default_rng([shard, number]).integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(data, "png")
                member = tarfile.TarInfo(f"{number}.png")
                member.size = data.tell()
                tar.addfile(member, io.BytesIO(data.getvalue()))
    options = ScoreOptions(str(folder), engine="torch", device="cpu", cache=False)

    parts = [build_reference(options, ["efflite0"], Silent(), (number, 2)) for number in (1, 2)]

    assert [one.indices for one in parts] == [(0, 1, 2, 8), (3, 4, 5, 6, 7)]
    whole = merge(parts, ["a", "b"])
    assert whole.content_sha256 == build_reference(options, ["efflite0"], Silent()).content_sha256
    with pytest.raises(UsageError, match="has only 3 tar files with 9 images"):
        build_reference(options, ["efflite0"], Silent(), (1, 4))
