"""`ganeval gate` on rows and on images: exit codes, which baseline is meant, what is refused, reports stay text."""

import dataclasses
import json
import os
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import ProtocolMismatchError, UsageError
from ganeval.gate.baseline import choose_baseline
from ganeval.gate.modes import GateOptions
from ganeval.gate.rules import GateRule, GateRules, read_rules, write_toml
from ganeval.gate.run import run_gate
from ganeval.progress import Silent
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result, append_jsonl, append_to_board, read_jsonl, to_json

HOSTILE = 'evil|<script>"x"</script>\n::error::pwned\x1b[2J@everyone`%0A'


def row(value, stderr=0.01, *, subject="main", key="kd@efflite0", better="lower", sha=None, origin=None, **protocol):
    fields = {"backbone": "efflite0", "reference_sha256": "r" * 64, "n_real": 100, "n_fake": 100, **protocol}
    provenance = {"subject_sha256": sha or f"{subject}{value}"} | ({"subject": origin} if origin else {})
    made = Protocol(key.partition("@")[0], 1, **fields)
    return Result(subject, key, value, better, 100, made.n_fake, protocol=made, stderr=stderr, provenance=provenance)


@pytest.fixture
def run(command_line, monkeypatch, tmp_path):
    """Runs a command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    return command_line


def write(rows, path="new.json"):
    Path(path).write_text(to_json(rows))
    return path


def rules_file(*rules, **head):
    text = write_toml(GateRules(tuple(GateRule(*rule) for rule in rules), **head), {})
    Path("gates.toml").write_text(text)
    return "gates.toml"


@pytest.fixture
def recorded(run, tmp_path):
    """A baseline of one subject, and rules for it."""
    append_jsonl(tmp_path / "baseline.jsonl", [row(1.0), row(0.5, key="recall@efflite0", better="higher")])
    rules_file(("kd@efflite0", 0.1), ("recall@efflite0", 0.1))
    return lambda *rows, **options: run(
        "gate", write(rows), "--baseline", "baseline.jsonl", "--rules", "gates.toml", *options.get("more", ())
    )


# ---- verdicts and exit codes


@pytest.mark.parametrize(
    ("kd", "recall", "stderr", "code", "verdict"),
    [
        (1.01, 0.5, 0.01, 0, "pass"),
        (0.4, 0.9, 0.01, 0, "pass"),  # better is never a failure
        (1.5, 0.5, 0.01, 4, "fail"),
        (1.01, 0.2, 0.01, 4, "fail"),  # recall fell
        (1.1, 0.5, 0.01, 5, "inconclusive"),  # at the margin
        (1.0, 0.5, 0.5, 5, "inconclusive"),  # nothing could have been seen
    ],
)
def test_exit_codes_follow_the_verdict(recorded, kd, recall, stderr, code, verdict):
    found, out, _ = recorded(row(kd, stderr, sha="new"), row(recall, stderr, key="recall@efflite0", better="higher"))

    assert found == code
    assert out.startswith(f"gate {verdict}: new.json against main")
    assert "mode: two sets of samples" in out
    assert "mde" in out


def test_json_holds_every_number_and_the_exit_code(recorded):
    code, out, _ = recorded(row(1.5), row(0.5, key="recall@efflite0", better="higher"), more=["--json", "-"])

    report = json.loads(out)
    assert code == report["exit_code"] == 4
    assert [rule["verdict"] for rule in report["rules"]] == ["fail", "pass"]
    assert report["rules"][0]["worse"] == pytest.approx(0.5)
    assert report["rules"][0]["mde"] == pytest.approx((1.6449 + 0.8416) * 0.01 * 2**0.5, rel=1e-3)
    assert len(report["rows"]) == 2


def test_a_gate_that_cannot_fail_is_visible(recorded):
    _, out, _ = recorded(row(1.0, 9.0, sha="new"), row(0.5, key="recall@efflite0", better="higher"))

    assert "too few images for this margin: mde" in out
    assert "images a side would do" in out


def test_without_rules_margins_come_from_the_baselines_own_errors_and_it_is_said(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", [row(1.0)])

    code, out, _ = run("gate", write([row(1.001, subject="new")]), "--baseline", "b.jsonl")

    assert code == 0
    assert "no rules were given" in out


# ---- which baseline


def test_the_newest_row_of_the_subject_counts(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", [row(9.0), row(1.0)])
    rules_file(("kd", 0.1))

    code, _, _ = run("gate", write([row(1.5, subject="main")]), "--baseline", "b.jsonl", "--rules", "gates.toml")

    assert code == 4


def test_a_baseline_without_the_subject_is_a_mismatch_and_names_what_it_has(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", [row(1.0), row(2.0, subject="other")])
    new = write([row(1.0, subject="new")])

    code, _, err = run("gate", new, "--baseline", "b.jsonl")
    named, _, err_named = run("gate", new, "--baseline", "b.jsonl", "--name", "third")
    chosen, _, _ = run("gate", new, "--baseline", "b.jsonl", "--name", "other")

    assert code == named == 6
    assert "no baseline of 'new'" in err
    assert "'main', 'other'" in err
    assert "--name" in err
    assert "no baseline of 'third'" in err_named
    assert chosen == 0


def test_an_empty_baseline_is_a_mismatch_too(run):
    Path("b.jsonl").write_text("")

    code, _, err = run("gate", write([row(1.0)]), "--baseline", "b.jsonl")

    assert code == 6
    assert "no scored row" in err


def test_a_checkpoint_finds_its_recipe_and_its_kind_of_checkpoint():
    def of(seed, kind, recipe="dcgan"):
        origin = {"recipe": recipe, "checkpoint": kind, "training_seed": seed}
        return row(1.0 + seed, subject=f"{recipe}-{seed}-{kind}", origin=origin)

    rows = [of(0, "last"), of(0, "best"), of(1, "last"), of(0, "last", "wgan")]
    origin = {"recipe": "dcgan", "checkpoint": "best"}

    found = choose_baseline(rows, "b.jsonl", name=None, subjects=["new.safetensors"], origin=origin)

    assert [r.subject for r in found.rows] == ["dcgan-0-best"]
    assert choose_baseline(rows, "b", name="wgan", subjects=["x"], origin={}).rows[0].subject == "wgan-0-last"


def test_another_protocol_is_refused_and_the_fields_are_listed(recorded):
    code, _, err = recorded(row(1.0, n_fake=50, seed=3), row(0.5, key="recall@efflite0", better="higher"))

    assert code == 6
    assert "n_fake 100, 50" in err
    assert "seed 0, 3" in err


def test_an_older_baseline_of_the_same_protocol_is_preferred_to_a_newer_one_of_another(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", [row(1.0), row(5.0, n_fake=50)])

    code, _, _ = run("gate", write([row(1.0, subject="new", sha="s")]), "--baseline", "b.jsonl")

    assert code == 0


def test_a_rule_for_a_metric_that_is_not_recorded_is_a_mismatch(recorded):
    rules_file(("fid", 1.0))

    code, _, err = recorded(row(1.0))

    assert code == 6
    assert "kd@efflite0, recall@efflite0" in err


def test_a_candidate_that_lacks_a_metric_is_told_how_to_score_it(recorded):
    code, _, err = recorded(row(1.0))

    assert code == 6
    assert "--metrics recall@efflite0" in err


# ---- damaged and future files


def test_a_cut_off_last_line_is_told_by_its_number_and_the_rest_counts(recorded):
    with Path("baseline.jsonl").open("a") as file:
        file.write('{"schema": 1, "subje')

    code, _, err = recorded(row(1.0), row(0.5, key="recall@efflite0", better="higher"))

    assert code == 0
    assert "baseline.jsonl:3" in err


def test_a_baseline_may_hold_its_protocols_on_lines_of_their_own(recorded):
    rows, _ = read_jsonl(Path("baseline.jsonl"))
    Path("baseline.jsonl").unlink()
    append_to_board(Path("baseline.jsonl"), rows)

    code, _, _ = recorded(row(1.0), row(0.5, key="recall@efflite0", better="higher"))

    assert code == 0


def test_a_row_of_a_future_schema_is_refused_by_name(recorded):
    with Path("baseline.jsonl").open("a") as file:
        file.write(json.dumps({"schema": 99, **row(1.0).to_dict()}) + "\n")

    code, _, err = recorded(row(1.0))

    assert code == 3
    assert "schema 99" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "cannot be read"),
        ("mode = 'quick'", "Unknown mode 'quick'"),
        ("levle = 0.1", "Did you mean 'level'"),
        ("level = 0.7", "between 0 and 0.5"),
        ("", "has no rule"),
        ("[[rule]]\nmargin = 1.0", "names no metric"),
        ("[[rule]]\nmetric = 'kd'\nmargin = 0", "above 0"),
        ("[[rule]]\nmetric = 'kd'\nmargin = '2 percent'", "a fraction"),
        ("[[rule]]\nmetric = 'kd'\nmargin = -1.0", "above 0"),
        ("[[rule]]\nmetric = 'kd'\nmargin = nan", "above 0"),
        ("[[rule]]\nmetric = 'kd'\nmargin = 1\n[[rule]]\nmetric = 'kd'\nmargin = 2", "two rules for kd"),
        ("version = 2", "version 2"),
        ("[run]\nrefrence = 'x'", "Did you mean 'reference'"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused_in_words(tmp_path, text, said):
    path = tmp_path / "gates.toml"
    path.write_text(text)

    with pytest.raises(UsageError, match=said):
        read_rules(path)


def test_rules_are_read_back_as_they_were_written(tmp_path):
    rules = GateRules(
        (GateRule("kd@efflite0", 0.0021, why=HOSTILE), GateRule(HOSTILE, 0.02, relative=True)),
        mode="retrained",
        level=0.01,
        run={"reference": HOSTILE},
    )
    path = tmp_path / "gates.toml"
    path.write_text(write_toml(rules, {HOSTILE: HOSTILE}))

    assert read_rules(path) == rules
    assert len(tomllib.loads(path.read_text())["rule"]) == 2


# ---- reports


def test_hostile_names_stay_text_everywhere(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", [row(1.0, subject=HOSTILE)])
    rules_file(("kd", 0.1))
    new = write([dataclasses.replace(row(5.0, subject=HOSTILE), note=HOSTILE)])

    code, out, _ = run(
        *("gate", new, "--baseline", "b.jsonl", "--rules", "gates.toml", "--name", HOSTILE, "--junit", "j.xml"),
        *("--markdown", "m.md", "--annotations", "github"),
    )

    assert code == 4
    assert "\x1b" not in out
    commands = [line for line in out.splitlines() if line.startswith("::")]
    assert [line.partition(" ")[0] for line in commands] == ["::error"]
    assert "pwned" not in [line.partition("::")[2] for line in out.splitlines()]
    markdown = Path("m.md").read_text()
    assert "<script>" not in markdown
    assert "\n::error" not in markdown
    assert " @everyone" not in markdown
    suite = ET.parse("j.xml").getroot().find("testsuite")
    assert "<script>" in suite.get("name")  # as text: the parser gave it back


def test_junit_counts_failures_and_errors(recorded):
    recorded(row(1.5), row(0.5, 0.5, key="recall@efflite0", better="higher", sha="x"), more=["--junit", "j.xml"])

    root = ET.parse("j.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "1")
    failed, unsure = root.iter("testcase")
    assert "margin 0.1: fail" in failed.find("failure").get("message")
    assert "recall@efflite0" in failed.find("failure").text  # the whole table
    assert unsure.find("error").get("type") == "inconclusive"


def test_markdown_is_appended_and_a_table_that_github_draws(recorded):
    Path("summary.md").write_text("# before\n")

    recorded(row(1.5), row(0.5, key="recall@efflite0", better="higher"), more=["--markdown", "summary.md"])

    text = Path("summary.md").read_text()
    assert text.startswith("# before\n")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert "**fail**" in text


def test_annotations_are_a_notice_when_all_pass_and_leave_json_alone(recorded):
    passing = [row(1.0), row(0.5, key="recall@efflite0", better="higher")]

    _, out, _ = recorded(*passing, more=["--annotations", "github"])
    _, data, err = recorded(*passing, more=["--annotations", "github", "--json", "-"])

    assert out.startswith("::notice title=ganeval gate::gate pass")
    assert json.loads(data)["verdict"] == "pass"
    assert err.startswith("::notice")


# ---- init and accept


def test_init_and_accept_from_rows_and_the_file_only_grows(run, tmp_path):
    first = run("gate", "init", write([row(1.0)]), "--name", "main", "--why", "first")
    before = Path("baseline.jsonl").read_bytes()
    again, _, err = run("gate", "init", write([row(1.0)]))
    gate = ("gate", write([row(2.0, subject="b")], "b.json"), "--baseline", "baseline.jsonl", "--rules", "gates.toml")
    failed = run(*gate)[0]
    accepted = run(
        "gate", "accept", "b.json", "--baseline", "baseline.jsonl", "--rules", "gates.toml", "--why", "better look"
    )
    passed = run(*gate)[0]

    assert (first[0], again, failed, accepted[0], passed) == (0, 2, 4, 0, 0)
    assert "gate accept" in err
    assert "kd@efflite0  1 -> 2" in accepted[1]
    assert Path("baseline.jsonl").read_bytes().startswith(before)
    rows, problems = read_jsonl(Path("baseline.jsonl"))
    assert problems == []
    assert [r.subject for r in rows] == ["main", "main"]
    assert rows[1].provenance["gate"]["why"] == "better look"
    assert read_rules(Path("gates.toml")).rules[0].metric == "kd@efflite0"


def test_in_a_narrow_terminal_each_rule_is_a_block(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    append_jsonl(tmp_path / "baseline.jsonl", [row(1.0)])
    code, out, _ = run("gate", write([row(2.0, subject="b")], "b.json"), "--baseline", "baseline.jsonl")
    _, *block = out.partition("\nmode: ")[0].splitlines()

    assert code in (0, 4, 5)
    assert block[0].startswith("kd@efflite0 ↓: ")
    assert max(map(len, block)) <= 60
    assert all(f"{name} " in " ".join(block) for name in ("baseline", "now", "worse by", "margin"))


def test_accept_refuses_another_protocol_and_writes_nothing(recorded, run):
    before = Path("baseline.jsonl").read_bytes()

    code, _, err = run("gate", "accept", write([row(1.0, n_fake=7)]), "--baseline", "baseline.jsonl")

    assert code == 6
    assert "n_fake 100, 7" in err
    assert Path("baseline.jsonl").read_bytes() == before


def test_init_of_what_cannot_be_gated_writes_nothing(run):
    code, _, err = run("gate", "init", write([row(1.0, None)]))

    assert code == 2
    assert "standard error" in err
    assert not Path("baseline.jsonl").exists()
    assert not Path("gates.toml").exists()


# ---- training seeds


def seeds(*values, recipe="dcgan", first=0):
    return [
        row(v, subject=f"{recipe}/{s}", origin={"recipe": recipe, "checkpoint": "last", "training_seed": s})
        for s, v in enumerate(values, start=first)
    ]


def test_three_seeds_a_side_are_a_retrained_model(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", seeds(1.0, 1.05, 0.95))
    rules_file(("kd", 0.1))
    more = ("--baseline", "b.jsonl", "--rules", "gates.toml", "--name", "dcgan", "--json", "-")

    code, out, _ = run("gate", write(seeds(2.0, 2.05, 1.95, first=3)), *more)
    same, _, _ = run("gate", write(seeds(1.0, 1.02, 0.97, first=3)), *more)

    report = json.loads(out)
    assert (code, same) == (4, 0)
    assert report["mode"] == "retrained"
    assert "3 training seeds against 3" in report["how"]
    assert report["rules"][0]["degrees"] == pytest.approx(4.0)


def test_too_few_seeds_are_refused_with_both_counts(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", seeds(1.0, 1.05))
    rules_file(("kd", 0.1))

    more = ("--baseline", "b.jsonl", "--rules", "gates.toml", "--name", "dcgan")
    code, _, err = run("gate", write(seeds(1.0, 1.1, 1.2)), *more, "--mode", "retrained")

    assert code == 2
    assert "the baseline has 2, the candidate 3" in err


def test_seeds_accepted_together_stand_for_the_model_not_those_before(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", seeds(9.0, 9.5, 9.2))
    rules_file(("kd", 0.1))
    write(seeds(1.0, 1.02, 0.97, first=10), "accepted.json")

    run("gate", "accept", "accepted.json", "--baseline", "b.jsonl", "--name", "dcgan")
    code, out, _ = run(
        *("gate", write(seeds(1.0, 1.01, 0.98, first=20)), "--baseline", "b.jsonl", "--rules", "gates.toml"),
        *("--name", "dcgan", "--json", "-"),
    )

    assert code == 0
    assert json.loads(out)["rules"][0]["baseline"] == pytest.approx(np.mean([1.0, 1.02, 0.97]))


def test_one_checkpoint_against_another_seed_judges_the_checkpoint_and_says_so(run, tmp_path):
    append_jsonl(tmp_path / "b.jsonl", seeds(1.0))

    _, out, _ = run("gate", write(seeds(1.001, first=7)), "--baseline", "b.jsonl")

    assert "judges the checkpoint, not the recipe" in out


# ---- images: scored here, by the baseline's protocol


@pytest.fixture
def folders(run, tmp_path):
    """hr: originals; old: 16 restored images; slightly, worse: the same with a little and with much more noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (16, 6, 6, 3), dtype=np.uint8).astype(float)
    originals = np.kron(coarse, np.ones((1, 4, 4, 1)))
    noise = rng.normal(0, 6, originals.shape)
    sets = {
        "hr": originals,
        "old": originals + noise,
        "slightly": originals + 1.001 * noise,
        "worse": originals + 2 * noise,
    }
    for name, images in sets.items():
        (tmp_path / name).mkdir()
        for i, image in enumerate(np.clip(np.rint(images), 0, 255).astype(np.uint8)):
            Image.fromarray(image).save(tmp_path / name / f"{i:03d}.png")
    code, out, err = run("gate", "init", "old", "--paired", "hr", "--metrics", "psnr,ssim")
    assert code == 0, err
    return out


GATE = ("--baseline", "baseline.jsonl", "--rules", "gates.toml", "--json", "-")


def test_init_of_pairs_keeps_values_by_image_and_the_way_to_score(folders):
    rows, _ = read_jsonl(Path("baseline.jsonl"))

    assert len(rows[0].provenance["per_image"]) == 16
    assert read_rules(Path("gates.toml")).run == {"paired": "hr"}
    assert "psnr: may get worse by 0.1" in folders


def test_recorded_values_by_image_are_enough_without_the_old_images(folders, run):
    Path("old").rename("gone")

    slightly, out, _ = run("gate", "slightly", *GATE)
    worse, _, _ = run("gate", "worse", *GATE)

    assert (slightly, worse) == (0, 4)
    assert json.loads(out)["mode"] == "samples"
    assert json.loads(out)["how"] == "the same images; differences image by image"


def test_old_images_that_are_still_there_are_paired_and_their_bytes_compared_first(folders, run):
    code, out, _ = run("gate", "slightly", *GATE)
    failed, _, _ = run("gate", "worse", *GATE, "--against", "old")
    same, untouched, _ = run("gate", "old", *GATE, "--against", "gone" if Path("gone").exists() else "old")

    report = json.loads(out)
    assert (code, failed, same) == (0, 4, 0)
    assert report["mode"] == "same-weights"
    assert "of 16 images differ, by at most 1 of 255" in report["how"]
    assert "all 16 images are the same, byte for byte" in json.loads(untouched)["how"]


def test_old_images_that_were_overwritten_are_not_taken_for_the_baseline(folders, run):
    for path in Path("worse").iterdir():
        (Path("old") / path.name).write_bytes(path.read_bytes())

    code, out, err = run("gate", "worse", *GATE)

    assert code == 4  # against itself it would have passed
    assert "no longer gives the images" in err
    assert json.loads(out)["mode"] == "samples"


def test_unrelated_sets_whose_files_share_numbers_are_two_sets_of_samples(make_folder, run):
    for name, seed in (("real", 1), ("old", 2), ("new", 3)):
        make_folder(name, 30, seed=seed)
    made, _, err = run("gate", "init", "old", "--reference", "real", "--metrics", "kd@pixels")
    assert made == 0, err

    _, out, err = run("gate", "new", *GATE)
    _, paired, _ = run("gate", "new", *GATE, "--against", "old")

    assert json.loads(out)["mode"] == "samples"
    assert "share names, not pictures" in err
    assert "other pictures" in json.loads(paired)["how"]


def test_another_number_of_images_is_refused_before_any_is_scored(folders, run):
    (Path("slightly") / "000.png").unlink()

    code, _, err = run("gate", "slightly", *GATE)

    assert code == 6
    assert "n_fake 16, 15" in err


def test_a_missing_original_side_is_asked_for(folders, run):
    Path("gates.toml").write_text('[[rule]]\nmetric = "psnr"\nmargin = 0.1\n')

    code, _, err = run("gate", "slightly", *GATE)

    assert code == 2
    assert "--paired REF" in err


def test_accept_of_images_scores_them_as_the_baseline_was(folders, run):
    code, out, err = run("gate", "accept", "worse", "--baseline", "baseline.jsonl", "--rules", "gates.toml")
    passed, _, _ = run("gate", "worse", *GATE, "--mode", "samples")

    assert code == 0, err
    assert "psnr" in out
    assert passed == 0


# ---- programs


def test_a_metric_without_a_better_direction_cannot_be_gated(tmp_path):
    neither = row(1.0, better="neither", key="vendi@efflite0")
    append_jsonl(tmp_path / "b.jsonl", [neither])
    (tmp_path / "n.json").write_text(to_json([dataclasses.replace(neither, subject="n")]))
    rules = GateRules((GateRule("vendi", 0.1),))

    with pytest.raises(UsageError, match="no better direction"):
        run_gate(GateOptions((str(tmp_path / "n.json"),), tmp_path / "b.jsonl", rules), None, Silent())


def test_the_inception_score_alone_draws_a_warning(tmp_path):
    score = row(2.0, better="higher", key="cs@efflite0")
    append_jsonl(tmp_path / "b.jsonl", [score])
    (tmp_path / "n.json").write_text(to_json([dataclasses.replace(score, subject="n")]))
    rules = GateRules((GateRule("cs", 0.1),))

    report = run_gate(GateOptions((str(tmp_path / "n.json"),), tmp_path / "b.jsonl", rules), None, Silent())

    assert any("alone cannot tell" in note for note in report.notes)


def test_rows_of_two_subjects_are_not_one_candidate(tmp_path):
    append_jsonl(tmp_path / "b.jsonl", [row(1.0)])
    (tmp_path / "n.json").write_text(to_json([row(1.0, subject="a"), row(1.0, subject="b")]))

    with pytest.raises(UsageError, match="'a', 'b'"):
        run_gate(GateOptions((str(tmp_path / "n.json"),), tmp_path / "b.jsonl"), None, Silent())


def test_nothing_is_compared_when_the_baseline_has_no_protocol(tmp_path):
    bare = dataclasses.replace(row(1.0), protocol=None)
    append_jsonl(tmp_path / "b.jsonl", [bare])
    (tmp_path / "n.json").write_text(to_json([dataclasses.replace(bare, provenance={})]))

    with pytest.raises(ProtocolMismatchError, match="no protocol"):
        run_gate(
            GateOptions((str(tmp_path / "n.json"),), tmp_path / "b.jsonl", GateRules((GateRule("kd", 0.1),))),
            None,
            Silent(),
        )


# ---- speed


def test_help_and_a_gate_of_rows_load_no_torch_and_help_takes_under_half_a_second(recorded):
    write([row(1.0), row(0.5, key="recall@efflite0", better="higher")])
    code = (
        "import sys\nfrom ganeval.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit as stop: assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules, 'torch'\nassert 'pandas' not in sys.modules, 'pandas'\n"
    )

    def cpu_seconds(*arguments):
        before = os.times()
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    started = time.monotonic()
    help_seconds = min(cpu_seconds("gate", "--help") for _ in range(3))
    cpu_seconds("gate", "new.json", "--baseline", "baseline.jsonl", "--rules", "gates.toml")

    assert help_seconds < 0.5, f"{help_seconds:.2f} s of processor time ({time.monotonic() - started:.1f} s in all)"
