"""The gate at its edges: candidates without a value, files that cannot be meant, old images that changed in size."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ganeval.errors import DataError, ProtocolMismatchError, UsageError
from ganeval.gate.baseline import ACCEPTED
from ganeval.gate.evidence import from_comparison, from_samples
from ganeval.gate.fixed_reference import with_given_reference
from ganeval.gate.image_differences import compare_outputs
from ganeval.gate.modes import GateOptions
from ganeval.gate.record import accept, accepted_rows
from ganeval.gate.rules import GateRule, GateRules, read_rules
from ganeval.gate.run import run_gate
from ganeval.gate.scorer import Scorer, first_rows
from ganeval.metrics.difference import Difference
from ganeval.options import ScoreOptions
from ganeval.progress import Silent
from ganeval.results.result import append_jsonl, read_jsonl, to_json
from ganeval.scoring.compare import Comparison
from ganeval.scoring.evaluator import ScoreOutcome
from ganeval.sources.arrays import ArraySource
from tests.gate.test_gate import row, seeds

RULES = GateRules((GateRule("kd", 0.1),))


class Heard(Silent):
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def gate(tmp_path):
    """Gates files of rows against a baseline of rows: gate([baseline rows], [rows of file 1], ...) -> report."""

    def call(recorded, *files, rules=RULES, name=None, mode="auto"):
        append_jsonl(tmp_path / "b.jsonl", recorded)
        paths = []
        for number, rows in enumerate(files):
            paths.append(str(tmp_path / f"{number}.json"))
            Path(paths[-1]).write_text(to_json(rows))
        options = GateOptions(tuple(paths), tmp_path / "b.jsonl", rules, name=name, mode=mode)
        return run_gate(options, None, Silent())

    return call


def without(made, note="too few images"):
    return dataclasses.replace(made, value=None, stderr=None, status="skipped", note=note)


# ---- candidates without a value


def test_a_candidate_without_a_value_is_inconclusive_and_says_why(gate):
    report = gate([row(1.0)], [without(row(1.0, subject="new"))])

    (ruling,) = report.rulings
    assert ruling.verdict == "inconclusive"
    assert "the candidate has no value: too few images" in ruling.evidence.note
    assert report.exit_code == 5


def test_one_training_seed_without_a_value_leaves_the_recipe_unjudged(gate):
    mine = seeds(1.0, 1.1, 1.2, first=3)
    report = gate(seeds(1.0, 1.05, 0.95), [mine[0], without(mine[1]), mine[2]], name="dcgan", mode="retrained")

    (ruling,) = report.rulings
    assert report.mode == "retrained"
    assert ruling.verdict == "inconclusive"
    assert "the candidate has no value" in ruling.evidence.note


def test_a_row_without_a_standard_error_says_which_side_lacks_it():
    lacking = dataclasses.replace(row(1.2, subject="new"), stderr=None, note="n < d")
    old = dataclasses.replace(row(1.2, subject="new"), stderr=None, note="older version")

    assert from_samples(row(1.0), lacking).note == "n < d"
    assert from_samples(old, row(1.0)).note == "older version"
    assert from_samples(row(1.0), lacking).stderr is None


def test_a_comparison_without_a_value_is_no_evidence():
    found = Comparison(without(row(1.0)), "old", 1.0, Difference(0.0, "cannot tell"))

    with pytest.raises(ValueError, match="has no value"):
        from_comparison(found)


# ---- what cannot be gated


def test_rows_and_images_in_one_gate_are_refused(tmp_path):
    append_jsonl(tmp_path / "b.jsonl", [row(1.0)])
    (tmp_path / "n.json").write_text(to_json([row(1.0)]))
    options = GateOptions((str(tmp_path / "n.json"), "folder"), tmp_path / "b.jsonl", RULES)

    with pytest.raises(UsageError, match="not both in one gate"):
        run_gate(options, None, Silent())


def test_a_file_without_rows_is_refused_by_name(gate):
    with pytest.raises(UsageError, match=r"0\.json holds no rows. Write them with `ganeval score --json"):
        gate([row(1.0)], [])


def test_a_baseline_of_which_nothing_can_be_gated_asks_for_rules(gate):
    with pytest.raises(UsageError, match=r"No metric of .*b\.jsonl can be gated \(kd@efflite0: .*Write --rules"):
        gate([row(1.0, stderr=None)], [row(1.0)], rules=None)


def test_two_training_seeds_are_too_few_for_one_model_and_too_many_for_one_candidate(gate):
    with pytest.raises(UsageError, match="2 subjects are given, which are taken as training seeds of one model"):
        gate(seeds(1.0), seeds(1.0, 1.1, first=3), name="dcgan")


def test_a_training_seed_counts_once(tmp_path):
    class Scores:
        """Says of every subject that it is seed 3."""

        def rows(self, subject, wanted):
            return {"kd@efflite0": seeds(1.0, first=3)[0]}

        def origin(self, subject):
            return {"recipe": "dcgan", "checkpoint": "last"}

    append_jsonl(tmp_path / "b.jsonl", seeds(1.0, 1.05, 0.95))
    options = GateOptions(("a", "b", "c"), tmp_path / "b.jsonl", RULES, name="dcgan")

    with pytest.raises(UsageError, match=r"training seeds \[3, 3, 3\]; each counts once"):
        run_gate(options, Scores(), Silent())


def test_the_same_images_twice_are_one_training_seed(gate):
    """Three copies have no spread, and any distance from the baseline would be a change."""
    a, b, c = (row(v, subject=f"run{i}") for i, v in enumerate((1.0, 1.1, 0.9)))
    twin = dataclasses.replace(a, subject="copy")

    with pytest.raises(UsageError, match="run0 and copy hold the same images, so they are one training seed"):
        accepted_rows([[a], [b], [twin]], name=None, why="")
    accepted_rows([[a], [b], [c]], name=None, why="")
    made = [
        dataclasses.replace(one, provenance=one.provenance | {"subject_sha256": "same"}) for one in seeds(2.0, 2.0, 2.0)
    ]
    with pytest.raises(UsageError, match="hold the same images"):
        gate(seeds(1.0, 1.05, 0.95), made, name="dcgan")


def test_one_seed_that_is_named_twice_among_unknown_ones_counts_once():
    known, again, unknown = (*seeds(1.0, first=1), *seeds(1.2, first=1), row(2.0))

    with pytest.raises(UsageError, match=r"training seeds \[1, 2, 1\]; each counts once"):
        accepted_rows([[known], [], [unknown], [again]], name="model", why="")
    with pytest.raises(UsageError, match=r"training seeds \[1, 1\]; each counts once"):
        accepted_rows([[known], [unknown]], name="model", why="")


def test_seeds_scored_in_two_ways_are_not_one_candidate(gate):
    old, new = (
        [dataclasses.replace(one, protocol=dataclasses.replace(one.protocol, version=version)) for one in rows]
        for version, rows in ((1, seeds(1.0, 1.05, 0.95)), (2, seeds(1.3, 1.35, 1.25, first=10)))
    )
    mixed = [*seeds(1.0, 1.02, first=20), dataclasses.replace(new[2], provenance=seeds(1.25, first=30)[0].provenance)]

    with pytest.raises(ProtocolMismatchError, match="version 1, 2"):
        gate([*old, *new], mixed, name="dcgan")


def test_a_baseline_with_too_few_seeds_of_the_candidates_protocol_is_refused(gate):
    """One row of the old protocol has no spread; its three newer ones are of another."""
    newer = [
        dataclasses.replace(one, protocol=dataclasses.replace(one.protocol, version=2)) for one in seeds(1, 1.1, 0.9)
    ]

    with pytest.raises(ProtocolMismatchError, match="has 1 training seed of dcgan whose kd@efflite0 was scored"):
        gate([*seeds(1.0), *newer], seeds(1.0, 1.02, 0.97, first=3), name="dcgan")


def test_two_rules_that_mean_one_metric_are_refused(gate):
    rules = GateRules((GateRule("kd", 0.1), GateRule("kd@efflite0", 0.2)))

    with pytest.raises(UsageError, match="The rules kd and kd@efflite0 are for one metric, kd@efflite0"):
        gate([row(1.0)], [row(1.1)], rules=rules)


def test_same_weights_cannot_be_judged_from_files_of_rows(gate):
    with pytest.raises(UsageError, match="give the older one with --against SUBJECT, and no file of rows"):
        gate([row(1.0)], [row(1.0)], mode="same-weights")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[run]\nreference = 3\n[[rule]]\nmetric = "kd"\nmargin = 0.1\n', r"\[run\] holds texts: reference"),
        ("rule = [3]\n", "rule 1 is no table"),
    ],
)
def test_rules_of_the_wrong_kind_are_refused_in_words(text, said, tmp_path):
    (tmp_path / "gates.toml").write_text(text)

    with pytest.raises(UsageError, match=said):
        read_rules(tmp_path / "gates.toml")


def test_a_margin_in_percent_is_of_the_size_of_the_baseline():
    assert GateRule("kd", 0.02, relative=True).margin_at(-0.5) == pytest.approx(0.01)
    assert GateRule("kd", 0.02).margin_at(-0.5) == 0.02


# ---- recording


def test_rows_without_a_value_are_no_baseline():
    with pytest.raises(DataError, match="no row with a value to record"):
        accepted_rows([[without(row(1.0))]], name=None, why="")


def test_several_subjects_are_told_apart_by_their_own_training_seed_or_by_their_order():
    known, unknown = seeds(1.0, first=7)[0], row(2.0)
    found = accepted_rows([[known], [unknown]], name="model", why="")

    assert [one.provenance["subject"]["training_seed"] for one in found] == [7, 1]
    assert {one.subject for one in found} == {"model"}


def test_accepting_takes_the_metrics_of_the_baseline_and_tells_of_damaged_lines(tmp_path):
    baseline, reporter = tmp_path / "b.jsonl", Heard()
    append_jsonl(baseline, [row(1.0)])
    append_jsonl(tmp_path / "new.jsonl", [row(0.9), row(0.5, key="recall@efflite0", better="higher")])
    for file in (baseline, tmp_path / "new.jsonl"):
        file.write_text(file.read_text() + '{"cut')
    pairs = accept([str(tmp_path / "new.jsonl")], baseline, name=None, why="review", scorer=None, reporter=reporter)

    assert [(old.value, new.value) for old, new in pairs] == [(1.0, 0.9)]
    assert len(reporter.messages) >= 2
    rows, _ = read_jsonl(baseline)
    assert [(one.key, one.value) for one in rows] == [("kd@efflite0", 1.0), ("kd@efflite0", 0.9)]
    assert rows[-1].provenance[ACCEPTED]["why"] == "review"


def test_a_first_baseline_needs_something_to_compare_with():
    with pytest.raises(UsageError, match="give --reference REF or --paired REF"):
        first_rows(ScoreOptions("folder"), Silent())


# ---- images


def images(count=4, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_a_plain_first_baseline_of_pairs_has_the_paired_metrics_that_run_here(make_folder, monkeypatch):
    monkeypatch.setattr("ganeval.gate.scorer.first_gate_keys", lambda *, paired: ["psnr", "ssim", "lpips@vgg16"])
    monkeypatch.setattr(
        "ganeval.gate.scorer.missing_weights", lambda request, _: "no file" if request.backbone == "vgg16" else None
    )
    folder = make_folder("a", 4, sizes=[(24, 24)])
    originals = make_folder("b", 4, sizes=[(24, 24)], seed=1)
    rows = first_rows(ScoreOptions(str(folder), paired=str(originals), device="cpu"), Silent())

    assert [(one.key, one.status) for one in rows] == [("psnr", "ok"), ("ssim", "ok")]
    assert all(len(one.provenance["per_image"]) == 4 for one in rows)
    assert Scorer(ScoreOptions(str(folder)), Silent()).origin(str(folder)) == {}


def test_a_recorded_row_without_a_protocol_cannot_be_scored_again():
    with pytest.raises(ProtocolMismatchError, match="has no protocol, so it cannot be scored again"):
        Scorer(ScoreOptions("x"), Silent()).rows("x", [dataclasses.replace(row(1.0), protocol=None)])


def test_metrics_without_a_reference_have_no_paired_comparison():
    lone = row(1.0, key="cs@efflite0", reference_sha256=None, n_real=None)

    assert Scorer(ScoreOptions("x"), Silent()).comparisons("old", "new", [lone]) == {}


def test_images_of_another_size_differ_without_a_largest_difference():
    old = images()
    same, other = ArraySource(old, "old"), ArraySource(images(side=9), "new")
    found = compare_outputs(same, other)

    assert (found.differing, found.largest, found.mean) == (4, None, None)
    assert found.said == "4 of 4 images differ, some in size"


def test_of_very_many_images_all_bytes_are_compared_and_some_pixels():
    old = images(count=600, side=2)
    new = np.where(old < 255, old + 1, old).astype(np.uint8)
    found = compare_outputs(ArraySource(old, "old"), ArraySource(new, "new"))

    assert (found.n, found.differing, found.largest) == (600, 600, 1)
    assert found.mean == pytest.approx((old < 255).mean(), abs=0.02)


def test_rows_stay_as_they_are_where_the_features_are_gone():
    made = row(1.0)
    outcome = ScoreOutcome((made,))

    assert with_given_reference(outcome) == [made]


@pytest.mark.parametrize(("count", "related"), [(2, True), (40, False)], ids=["too few to tell", "enough"])
def test_sets_that_share_names_alone_are_told_from_new_images_of_the_same_weights(count, related):
    old, other = images(count, seed=1), images(count, seed=2)
    nearly = np.clip(old.astype(int) + 3, 0, 255).astype(np.uint8)

    assert compare_outputs(ArraySource(old, "old"), ArraySource(nearly, "new")).related
    found = compare_outputs(ArraySource(old, "old"), ArraySource(other, "other"))
    assert found.related is related
    assert ("other pictures" in found.said) is not related


def test_models_that_share_latents_or_classes_are_not_the_same_weights():
    """Half of the pictures alike is more than chance, and less than new code leaves."""
    old, other = images(40, seed=1), images(40, seed=2)
    mixed = np.where(np.arange(40)[:, None, None, None] % 4 < 2, other, np.clip(old.astype(int) + 3, 0, 255))

    found = compare_outputs(ArraySource(old, "old"), ArraySource(mixed.astype(np.uint8), "mixed"))

    assert not found.related
    assert found.nearer[0] > 25
