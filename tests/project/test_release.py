"""What is published: metadata, one version, typed packages, completion; and a wheel that works by itself."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement

import ganeval
from ganeval.cli import main as cli
from reference_models.shipped.table import shipped

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normalised(requirement):
    """The name in a requirement, as PEP 503 compares names."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


REQUIRED = {normalised(text) for text in PROJECT["dependencies"]}
EXTRAS = {normalised(text) for texts in PROJECT["optional-dependencies"].values() for text in texts}


def test_the_licence_is_an_expression_with_its_text_and_no_classifier_says_it_again():
    assert PROJECT["license"] == "Apache-2.0"
    assert [text for name in PROJECT["license-files"] if "Apache License" in (text := (ROOT / name).read_text())]
    assert not [line for line in PROJECT["classifiers"] if line.startswith("License ::")]  # PEP 639


def test_the_classifiers_agree_with_what_is_required_and_with_what_is_there():
    oldest = re.search(r">=(\d+\.\d+)", PROJECT["requires-python"])[1]

    versions = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    tried = re.search(r"for v in ([\d. ]+);", (ROOT / "Makefile").read_text())[1].split()

    assert versions[0] == oldest
    assert tried == versions[::-1]
    assert f"python: {json.dumps(versions)}" in workflow
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (ROOT / "ganeval" / "py.typed").is_file()
    assert (ROOT / "reference_models" / "py.typed").is_file()
    assert PROJECT["description"]
    assert (ROOT / PROJECT["readme"]).is_file()


def test_the_version_stands_in_one_place():
    stated = [
        path
        for package in ("ganeval", "reference_models")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^__version__ = ", path.read_text(), re.MULTILINE)
    ]

    assert [path.name for path in stated] == ["_version.py"]
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", ganeval.__version__)


def pins():
    """(normalised name, version) of every line of constraints.txt; a line that is no exact pin fails here."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)==([\w.!+]+)", line) for line in lines if line]
    assert all(found), [line for line, pin in zip(filter(None, lines), found, strict=True) if pin is None]
    return [(normalised(pin[1]), pin[2]) for pin in found if pin]


def installed_closure(requirements):
    """Normalised name -> installed version of what these requirements need here, and what that needs in turn.

    A root that is not installed (an extra that was not asked for) is passed over; a missing dependency of one fails.
    """
    versions, seen = {}, set()
    waiting = [(requirement, True) for requirement in map(Requirement, requirements)]
    while waiting:
        requirement, root = waiting.pop()
        name = normalised(requirement.name)
        wanted = {(name, extra) for extra in ("", *requirement.extras)} - seen
        seen |= wanted
        if not wanted:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            assert root, f"{name} is required by something and not installed"
            continue
        versions[name] = distribution.version
        for text in distribution.requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for _, extra in wanted):
                waiting.append((needed, False))
    return versions


def test_every_pin_is_exact_and_stands_once():
    names = [name for name, _ in pins()]

    assert len(names) > 50
    assert len(set(names)) == len(names)


def test_everything_that_the_tests_run_with_is_pinned_to_the_version_that_is_installed():
    extras = [text for texts in PROJECT["optional-dependencies"].values() for text in texts]
    installed = installed_closure([*PROJECT["dependencies"], *extras])
    pinned = dict(pins())

    assert set(installed) >= REQUIRED
    assert sorted(set(installed) - set(pinned)) == [], "installed, and not pinned in constraints.txt"
    # A local part, as in 2.14.1+cpu, names a build of the same release.
    differing = {name: (v, pinned[name]) for name, v in installed.items() if v.partition("+")[0] != pinned[name]}
    assert differing == {}, "not the pinned environment: pip install -c constraints.txt"


def test_every_dependency_has_its_reason():
    reasons = (ROOT / "docs" / "adr" / "0001-dependencies.md").read_text().lower().replace("_", "-")

    assert not {name for name in REQUIRED | EXTRAS if name not in reasons}


def complete(*words, shell="bash"):
    """What a shell would offer behind these words."""
    environment = {**os.environ, "_GANEVAL_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(words)}
    environment["COMP_CWORD"] = str(len(words) - 1)
    code = "from ganeval.cli.main import main; import sys\ntry: main()\nfinally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    *offered, torch = done.stdout.splitlines()
    return {line.rpartition(",")[2] for line in offered}, torch == "True"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ganeval", "sc"), {"score"}),
        (("ganeval", ""), set(cli.COMMANDS)),
        (("ganeval", "leaderboard", "e"), {"export"}),
        (("ganeval", "score", "x", "--ref"), {"--reference"}),
        (("ganeval", "score", "x", "--on-bad", ""), {"fail", "skip"}),
    ],
)
def test_the_shell_completes_commands_options_and_choices_without_torch(words, offered):
    found, torch = complete(*words)

    assert offered <= found
    assert not torch


@pytest.mark.parametrize(
    "words",
    [
        ("ganeval", "score", "./sa"),
        ("ganeval", "score", "x", "--reference", "./re"),
        ("ganeval", "diff", "x", "./sa"),
        ("ganeval", "doctor", "x", "--against", "./re"),
        ("ganeval", "explain", "./sa"),
        ("ganeval", "gate", "x", "y", "./sa"),
        ("ganeval", "sample", "./sa"),
        ("ganeval", "reference", "build", "./sa"),
    ],
)
def test_the_shell_completes_the_names_of_files_where_images_are_asked_for(words):
    environment = {**os.environ, "_GANEVAL_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words) - 1)}
    environment["COMP_WORDS"] = " ".join(words)
    done = CliRunner().invoke(cli.root, [], prog_name="ganeval", env=environment, complete_var="_GANEVAL_COMPLETE")

    assert done.stdout.splitlines() == [f"file,{words[-1]}"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell):
    environment = {**os.environ, "_GANEVAL_COMPLETE": f"{shell}_source"}
    code = "from ganeval.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)

    page = (ROOT / "docs" / "installing.md").read_text()
    assert "_GANEVAL_COMPLETE" in done.stdout
    assert f"_GANEVAL_COMPLETE={shell}_source ganeval" in page


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel and an sdist, made by the stated backend in an environment of its own."""
    place = tmp_path_factory.mktemp("built")
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "hatchling>=1.25"], check=True, timeout=300)
    subprocess.run([python, "-m", "hatchling", "build", "-d", place / "dist"], check=True, cwd=ROOT, timeout=300)
    return place / "dist"


@pytest.mark.slow
@pytest.mark.network
def test_the_wheel_holds_types_templates_and_boards_and_the_sdist_its_tests(built):
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    names = set(zipfile.ZipFile(wheel).namelist())

    assert wheel.name == f"ganeval-{ganeval.__version__}-py3-none-any.whl"
    assert {"ganeval/py.typed", "reference_models/py.typed", "ganeval/leaderboard/shipped/boards.toml"} <= names
    assert {f"reference_models/shipped/{name}.safetensors" for name in shipped()} <= names
    assert [name for name in names if name.startswith("ganeval/report/templates/")]
    assert not [name for name in names if name.startswith(("tests/", "docs/")) or "__pycache__" in name]
    info = next(name for name in names if name.endswith("METADATA"))
    metadata = zipfile.ZipFile(wheel).read(info).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert {normalised(line[15:]) for line in metadata.splitlines() if line.startswith("Requires-Dist: ")} >= REQUIRED
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "tests/conftest.py", "docs/security.md", "constraints.txt", "LICENSE"} <= inside
    assert {f"reference_models/shipped/{name}.safetensors" for name in shipped()} <= inside


@pytest.mark.slow
@pytest.mark.network
def test_the_wheel_scores_from_outside_the_repository(built, tmp_path):
    """Installed alone; its dependencies are lent by a path file, since torch alone is gigabytes."""
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([scripts / "python", "-m", "pip", "install", "-q", "--no-deps", wheel], check=True, timeout=300)
    (site,) = (tmp_path / "venv").rglob("site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GANEVAL"))}
    environment |= {"GANEVAL_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    (tmp_path / "work").mkdir()

    def call(*words):
        done = subprocess.run(
            words, cwd=tmp_path / "work", env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = call(scripts / "python", "-c", "import ganeval, reference_models as r; print(ganeval.__file__, r.__file__)")
    command = ["score", "digits:test", "--reference", "digits:train", "--num-samples", "40", "--metrics", "fd"]
    rows = json.loads(call(scripts / "ganeval", *command, "--engine", "torch", "--json", "-"))["rows"]

    assert all(Path(path).is_relative_to(tmp_path) for path in where.split())
    assert rows[0]["key"] == "fd@efflite0"
    assert rows[0]["value"] > 0
    assert ganeval.__version__ in call(scripts / "ganeval", "--version")
    assert "digits" in call(scripts / "ganeval", "leaderboard", "show", "--board", "digits")
    call(scripts / "ganeval", "sample", "dcgan.digits-cpu", "-n", "4", "-o", "made")
    assert len(list((tmp_path / "work" / "made").glob("*.png"))) == 4


def test_the_citation_names_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())

    assert cited["version"] == ganeval.__version__
    assert cited["license"] == "Apache-2.0"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere PyTorch has one build")
@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="with a GPU its build is right")
@pytest.mark.parametrize("reachable", [True, False])
def test_without_a_gpu_the_cpu_build_of_pytorch_is_asked_for_and_its_absence_told(tmp_path, reachable):
    """With an interpreter that only notes what it is asked."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ "$1" != -c ] || exit {0 if reachable else 1}\n')
    python.chmod(0o755)
    command = [ROOT / ".ci" / "environment", python.parent.parent, "python3", "https://an.index/cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    asked = (tmp_path / "asked").read_text().splitlines()

    assert ("--no-deps --index-url https://an.index/cpu torch torchvision" in asked[1]) == reachable
    assert asked[-1] == "-m pip install --quiet --constraint constraints.txt torch torchvision"
    assert ("PyTorch for the CPU" if reachable else "5.6 GB on the disk instead of 0.7") in done.stdout


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_workflows_call_what_make_has(workflow):
    """A step that calls `make X` names a target, and no checkout leaves credentials behind."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = workflow.read_text()

    assert set(re.findall(r"\bmake ([a-z]+)", text)) <= targets
    assert "persist-credentials: false" in text or "checkout" not in text
