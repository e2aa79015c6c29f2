"""`merge`: parts computed apart give the statistics of the whole set, and what is no whole set is refused."""

import numpy as np
import pytest
from click.testing import CliRunner

from ganeval.cli.main import root
from ganeval.errors import ProtocolMismatchError, ReferenceStatisticsError
from ganeval.merging import merge
from ganeval.metrics.frechet import frechet_distance
from ganeval.reference import BackboneFacts, ReferenceStatistics, load_reference
from ganeval.sources.base import content_hash
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

FACTS = {"toy": BackboneFacts("0" * 64, "area-8", "exact")}
ROWS = np.random.default_rng(0).normal(size=(25, 6)).astype(np.float32)
DIGESTS = [bytes([i]) * 32 for i in range(25)]


def part(number, count, facts=FACTS, name="set"):
    own = range(number - 1, 25, count)
    digests = tuple(DIGESTS[i] for i in own)
    labels = tuple("ab"[i % 2] for i in own)
    sets = {"toy": SetSummary(Moments.of(ROWS[own]), FeatureBank.of(ROWS[own]), None, labels)}
    return ReferenceStatistics(
        name, content_hash(digests), len(own), "v1", sets, facts, False, digests, tuple(own), (number, count)
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
        ([part(1, 3), part(3, 3)], "without part 2 of 3"),
        ([part(1, 2), part(1, 2)], "both part 1"),
        ([part(1, 2), part(2, 3)], "no whole set"),
        ([ReferenceStatistics("set", "", 3, "v1", {}, FACTS)], "holds a whole set"),
    ],
    ids=["missing", "twice", "mixed", "whole"],
)
def test_what_is_no_whole_set_is_refused(parts, said):
    with pytest.raises(ReferenceStatisticsError, match=said):
        merge(parts, [f"file{i}" for i in range(len(parts))])


def test_parts_of_other_protocols_are_refused():
    other = {"toy": BackboneFacts("0" * 64, "area-8", "fast")}

    with pytest.raises(ProtocolMismatchError, match="different sets or protocols"):
        merge([part(1, 2), part(2, 2, facts=other)], ["a", "b"])


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

    assert merged == whole
    a, b = (load_reference(tmp_path / f"{name}.safetensors") for name in ("whole", "merged"))
    assert np.array_equal(a.sets["efflite0"].bank.rows(), b.sets["efflite0"].bank.rows())
    assert np.allclose(a.sets["efflite0"].moments.scatter, b.sets["efflite0"].moments.scatter, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b"])
def test_a_part_that_there_is_not_is_refused(tmp_path, text):
    from ganeval.errors import UsageError

    arguments = ["reference", "build", "digits", "-o", str(tmp_path / "x.safetensors"), "--part", text]
    result = CliRunner().invoke(root, arguments)

    assert isinstance(result.exception, UsageError)
    assert "--part takes K/N" in str(result.exception)
