"""The checks of OpenSSF Scorecard that files alone decide, so that a change cannot undo one unnoticed.

Those that ask GitHub (branch protection, reviews, contributors, signed releases, webhooks) are not here. zizmor looks
closer at the workflows (`make check`). https://github.com/ossf/scorecard/blob/main/docs/checks.md
"""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = [*WORKFLOWS, ROOT / "action.yml"]


def loaded(path):
    return yaml.safe_load(path.read_text())


def steps(path):
    table = loaded(path)
    parts = table["jobs"].values() if "jobs" in table else [table["runs"]]
    return [step for part in parts for step in part["steps"]]


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
def test_pinned_dependencies_actions_by_commit(path):
    for step in steps(path):
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}", step.get("uses", "a/b@" + 40 * "0")), step["uses"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_pinned_dependencies_packages_by_version(path):
    """The project itself stands in quotes, as '.[cpu,dev]'; the Action installs PyTorch as its user asks."""
    for line in "\n".join(step.get("run", "") for step in steps(path)).splitlines():
        named = [word for word in line.partition("pip install ")[2].split() if re.match(r"[\w]", word)]
        assert all("==" in word for word in named), line


def test_pinned_dependencies_of_the_images_take_a_digest_and_the_versions_that_the_tests_run_with():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]

    assert set(bases) <= {"${BASE}", "base", "run"}, "a build names its base by digest: --build-arg BASE=...@sha256:..."
    assert all(
        "--constraint" in line or "--no-deps" in line for line in lines if re.search(r"pip (install|wheel)", line)
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_token_permissions_are_none_but_what_a_job_names(path):
    table = loaded(path)

    assert table["permissions"] == {}
    for name, job in table["jobs"].items():
        writes = {scope for scope, level in job["permissions"].items() if level == "write"}
        assert writes <= {"id-token", "pages", "contents"}, name
        assert "contents" not in writes or path.stem == "release", name


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
def test_dangerous_workflow_no_trigger_with_secrets_for_strangers_and_no_expression_in_a_script(path):
    triggers = set(loaded(path).get(True) or ())  # YAML reads the key `on` as true

    assert not triggers & {"pull_request_target", "workflow_run", "issue_comment"}
    assert not [step for step in steps(path) if "${{" in step.get("run", "")], "values go through env:"


def test_dependency_update_tool_watches_every_ecosystem():
    watched = {update["package-ecosystem"] for update in loaded(ROOT / ".github" / "dependabot.yml")["updates"]}

    assert watched == {"github-actions", "pip", "docker"}


def test_licence_security_policy_and_fuzzing_are_there():
    policy = (ROOT / "SECURITY.md").read_text()

    assert "Report a vulnerability" in policy
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "import atheris" in (ROOT / "tests" / "fuzz" / "guided.py").read_text()


def test_sbom_and_trusted_publishing_with_attestations_are_steps_of_the_release():
    said = "\n".join(step.get("run", "") for step in steps(ROOT / ".github" / "workflows" / "release.yml"))

    assert "cyclonedx-py requirements" in said
    assert "pypi_attestations sign" in said
    assert "twine upload --attestations" in said
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()


def test_no_binary_artifacts_are_kept():
    """Programs and libraries; weights, images and arrays of the tests are data."""
    try:
        done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    programs = (".exe", ".dll", ".so", ".dylib", ".jar", ".class", ".pyc", ".whl", ".wasm", ".o", ".a", ".bin")

    assert [name for name in done.stdout.splitlines() if name.endswith(programs)] == []
