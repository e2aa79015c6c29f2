"""Script steps of action.yml and docs/ci.md, run here: every kind of CI stops the bad change and lets the good pass."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import ganeval
from ganeval.cli import main as cli
from ganeval.gate.rules import GateRule, GateRules, write_toml
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result, append_jsonl, read_jsonl, to_json

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
PAGE = (ROOT / "docs" / "ci.md").read_text()
VALUES = {"good": (1.0, 0.01), "bad": (9.0, 0.01), "unsure": (1.0, 9.0)}


def row(value, stderr):
    protocol = Protocol("kd", 1, backbone="efflite0", reference_sha256="r" * 64, n_real=100, n_fake=100)
    provenance = {"subject_sha256": f"{value} {stderr}"}
    return Result(
        "main", "kd@efflite0", value, "lower", 100, 100, protocol=protocol, stderr=stderr, provenance=provenance
    )


@pytest.fixture
def project(tmp_path):
    """Baseline, rules and three candidates as rows, and a `ganeval` on the path; steps run as a runner runs them."""
    append_jsonl(tmp_path / "baseline.jsonl", [row(1.0, 0.02)])
    (tmp_path / "gates.toml").write_text(write_toml(GateRules((GateRule("kd", 0.1),)), {}))
    for name, (value, stderr) in VALUES.items():
        (tmp_path / f"{name}.json").write_text(to_json([dataclasses.replace(row(value, stderr), subject=name)]))
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "ganeval"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ganeval.cli.main "$@"\n')
    command.chmod(0o755)
    runner = tmp_path / "runner"
    runner.mkdir()

    def run(script, **variables):
        environment = {
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(runner),
            "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
            "GITHUB_OUTPUT": str(runner / "output"),
            **variables,
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return tmp_path, run


def gate_step(**inputs):
    """The script of the action's gate step and its variables, with inputs as a workflow gives them."""
    step = next(s for s in ACTION["runs"]["steps"] if s.get("id") == "gate")
    values = {name: str(spec.get("default", "")) for name, spec in ACTION["inputs"].items()} | inputs
    variables = {}
    for name, expression in step["env"].items():
        wanted = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression)[1]
        variables[name] = values[wanted]
    return step["run"], variables


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("candidate", "code"), [("good", 0), ("bad", 4), ("unsure", 5)])
def test_the_github_action_stops_the_bad_change(project, candidate, code):
    folder, run = project
    script, variables = gate_step(subject=f"{candidate}.json")

    done = run(script, **variables)

    assert done.returncode == code, done.stderr
    output = dict(line.split("=", 1) for line in (folder / "runner" / "output").read_text().splitlines())
    assert output["exit-code"] == str(code)
    assert json.loads(Path(output["report"]).read_text())["exit_code"] == code
    assert Path(output["junit"]).read_text().startswith("<?xml")
    assert "| kd@efflite0" in (folder / "runner" / "summary.md").read_text()
    assert done.stdout.startswith({0: "::notice", 4: "::error", 5: "::warning"}[code])


def test_the_github_action_can_let_an_inconclusive_gate_pass(project):
    _, run = project
    script, variables = gate_step(subject="unsure.json", **{"allow-inconclusive": "true"})

    assert run(script, **variables).returncode == 0


def test_text_of_a_pull_request_does_not_become_script(project):
    folder, run = project
    script, variables = gate_step(subject='$(touch pwned) `touch pwned`; touch pwned; --help "')

    done = run(script, **variables)

    assert done.returncode not in (0, 4, 5)
    assert not (folder / "pwned").exists()
    assert "${{" not in "".join(step.get("run", "") for step in ACTION["runs"]["steps"])


def test_the_install_step_takes_this_version_by_default(project):
    folder, run = project
    (folder / "bin" / "python").write_text('#!/bin/sh\necho "$@"\n')
    (folder / "bin" / "python").chmod(0o755)
    step = ACTION["runs"]["steps"][0]

    own = run(step["run"], INSTALL="", TORCH_INDEX="https://an.index/cpu", GITHUB_ACTION_PATH="/actions/ganeval")
    other = run(step["run"], INSTALL="ganeval==9.9", TORCH_INDEX="")

    torch = "-m pip install --quiet --index-url https://an.index/cpu torch torchvision\n"
    assert own.stdout == torch + "-m pip install --quiet /actions/ganeval[cpu]\n"
    assert other.stdout == "-m pip install --quiet ganeval==9.9\n"
    assert ACTION["inputs"]["torch-index"]["default"] == "https://download.pytorch.org/whl/cpu"


def test_the_action_caches_by_commit_and_starts_from_the_newest_cache():
    (step,) = (s for s in ACTION["runs"]["steps"] if s.get("uses", "").startswith("actions/cache@"))
    key, restored = step["with"]["key"], step["with"]["restore-keys"].splitlines()

    assert key.endswith("-${{ github.sha }}")
    assert len(restored) == 2
    assert all(key.startswith(start) for start in restored)


def test_the_page_uses_the_action_at_the_tag_of_this_version():
    assert re.findall(r"uses: ganeval/ganeval@(\S+)", PAGE) == [f"v{ganeval.__version__}"]


def test_the_workflow_of_the_page_uses_inputs_that_the_action_has():
    (workflow,) = (yaml.safe_load(block) for block in blocks("yaml") if "runs-on" in block)
    (step,) = (s for s in workflow["jobs"]["gate"]["steps"] if "ganeval@" in s.get("uses", ""))

    assert set(step["with"]) <= set(ACTION["inputs"])
    assert {name for name, spec in ACTION["inputs"].items() if spec.get("required")} <= set(step["with"])


@pytest.mark.parametrize(("candidate", "code"), [("good", 0), ("bad", 4)])
def test_the_gitlab_job_stops_the_bad_change(project, candidate, code):
    folder, run = project
    (job,) = (yaml.safe_load(block)["gate"] for block in blocks("yaml") if "artifacts" in block)
    script = "\n".join(job["script"]).replace("new.safetensors", f"{candidate}.json")

    done = run(script, GANEVAL_INSTALLED="yes")

    assert done.returncode == code, done.stderr
    assert (folder / job["artifacts"]["reports"]["junit"]).exists()
    assert job["allow_failure"]["exit_codes"] == [5]


@pytest.mark.parametrize(("candidate", "code"), [("good", 0), ("bad", 4), ("unsure", 0)])
def test_the_shell_script_stops_the_bad_change_and_warns_where_it_cannot_tell(project, candidate, code):
    folder, run = project
    (script,) = blocks("bash")
    (folder / "gate.sh").write_text(script.replace("new.safetensors", f"{candidate}.json"))

    done = run("bash gate.sh")

    assert done.returncode == code, done.stderr
    assert ("could not tell" in done.stderr) == (candidate == "unsure")
    assert (folder / "gate.md").exists()


def test_the_rules_of_the_page_can_be_read(tmp_path):
    from ganeval.gate.rules import read_rules

    (text,) = blocks("toml")
    (tmp_path / "gates.toml").write_text(text)

    assert read_rules(tmp_path / "gates.toml").rules[0].metric == "kd@efflite0"


@pytest.mark.parametrize(("worse", "code"), [(0.0, 0), (0.03, 0), (0.117, 4)])  # an untrained one: 0.117
def test_the_gate_of_this_project_can_fail(worse, code, tmp_path, capsys):
    """Its committed baseline and rules; candidates as other code might train them."""
    folder = ROOT / "leaderboards" / "baselines"
    row = read_jsonl(folder / "gan-mlp.jsonl")[0][0]
    told = {**row.provenance, "subject_sha256": f"{worse}"}
    candidate = dataclasses.replace(row, value=row.value + worse, ci95=None, provenance=told)
    (tmp_path / "new.json").write_text(to_json([candidate]))
    named = ["--baseline", str(folder / "gan-mlp.jsonl"), "--rules", str(folder / "gan-mlp.toml")]

    with pytest.raises(SystemExit) as stop:
        cli.main(["gate", str(tmp_path / "new.json"), *named])

    assert (stop.value.code or 0) == code
    assert "kd@efflite0" in capsys.readouterr().out
    assert "leaderboards/baselines/gan-mlp.toml" in (ROOT / ".ci" / "gate").read_text()
