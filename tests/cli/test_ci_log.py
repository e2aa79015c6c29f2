"""The log of a CI: no name, key, note or message of a file becomes a command to the runner."""

import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ganeval.cli.ci_log import Guarded, guarded_streams
from ganeval.escaping import inert_lines, printable
from ganeval.gate.modes import GateOptions
from ganeval.gate.report import to_annotations, to_markdown, to_text
from ganeval.gate.rules import GateRule, GateRules
from ganeval.gate.run import run_gate
from ganeval.progress import Silent
from ganeval.results.result import append_jsonl, to_json
from tests.conftest import TOY, ToyBackbone
from tests.gate.test_gate import row

KEY, SUBJECT, NOTE = "::set-env name=PATH::/tmp", "##[add-mask]x", "a\n::stop-commands::b\r##vso[task.setvariable]c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", r"\u003a:error::x"),
        ("  \t::error::x", "  \t" + r"\u003a:error::x"),
        ("a\n::b\r::c\r\n ::d", "a\n" + r"\u003a:b" + "\r" + r"\u003a:c" + "\r\n " + r"\u003a:d"),
        ("x ##[error]y", r"x \u0023#[error]y"),
        ("##vso[a]b ##teamcity[c]", r"\u0023#vso[a]b \u0023#teamcity[c]"),
        ("a::b: ##c [", "a::b: ##c ["),
        ("/a/test_x.py::test_y", "/a/test_x.py::test_y"),
    ],
)
def test_what_a_ci_would_obey_gets_an_escape_and_nothing_else(text, shown):
    assert inert_lines(text) == shown
    assert inert_lines(shown) == shown
    assert json.loads(f'"{inert_lines("##[x]")}"') == "##[x]"


def test_a_line_that_is_written_in_parts_is_guarded_as_well():
    out = io.StringIO()
    guarded = Guarded(out)
    for part in ("a\n", "  ", "::error::x\n", ":", ":error\n", "fine ", "::x\n", "::y"):
        guarded.write(part)

    lines = out.getvalue().splitlines()
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert lines[-2:] == ["fine ::x", r"\u003a:y"]


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A baseline and a candidate whose texts are commands."""
    monkeypatch.chdir(tmp_path)
    append_jsonl(tmp_path / "baseline.jsonl", [row(1.0, key=KEY, subject=SUBJECT)])
    Path("new.json").write_text(to_json([row(5.0, key=KEY, subject=SUBJECT, sha="new")]))
    return GateRules((GateRule(KEY, 0.1, why=NOTE),))


def test_what_a_gate_prints_commands_nothing(hostile):
    report = run_gate(GateOptions(("new.json",), Path("baseline.jsonl"), hostile), None, Silent())

    for text in (to_text(report), to_markdown(report)):
        assert inert_lines(text) == text
    for line in to_annotations(report):
        assert "\n" not in line
        assert line.startswith("::error title=ganeval gate")
        assert inert_lines(line[2:]) == line[2:]


def test_a_gates_table_has_no_column_without_a_value_and_explains_the_others_alone(hostile):
    report = run_gate(GateOptions(("new.json",), Path("baseline.jsonl"), hostile), None, Silent())
    unknown = dataclasses.replace(report.rulings[0], low=None, high=None, mde=None, fails_from=None)
    bare = dataclasses.replace(report, rulings=(unknown,))

    for show in (to_text, to_markdown):
        assert "fails from" in show(report)
        assert "mde" not in show(bare)
        assert "95% bounds" not in show(bare)
        assert "worse by: change in the bad direction." in show(bare)


@pytest.mark.parametrize("target", ["-", "report.json"])
def test_in_a_ci_only_annotations_are_commands(hostile, command_line, monkeypatch, target):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Path("gates.toml").write_text('[[rule]]\nmetric = "::set-env name=PATH::/tmp"\nmargin = 0.1\n')
    options = ("--baseline", "baseline.jsonl", "--rules", "gates.toml", "--annotations", "github", "--json", target)
    code, out, err = command_line("gate", "new.json", *options)

    assert code == 4
    commands = [line for line in (out + err).splitlines() if inert_lines(line) != line]
    assert [line[:8] for line in commands] == ["::error "]
    written = out if target == "-" else Path(target).read_text()
    assert json.loads(written)["rules"][0]["metric"] == KEY


SERVERS = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


@pytest.mark.parametrize("name", ["::error::a", "##[error]b"])
def test_errors_and_tables_of_other_commands_are_guarded_as_well(tmp_path, command_line, monkeypatch, name):
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    Image.new("RGB", (8, 8)).save(Path(name) / "x.png")
    (Path(name) / "::warning::bad.png").write_bytes(b"no")
    for variable in SERVERS:
        with monkeypatch.context() as server:
            server.setenv(variable, "true")
            for arguments in (("score", name, "--metrics", "vendi"), ("doctor", name), ("score", f"{name}x"), (name,)):
                _, out, err = command_line(*arguments)
                assert inert_lines(out + err) == out + err, (variable, arguments)


@pytest.mark.parametrize("variable", SERVERS)
def test_each_server_alone_is_known_by_its_variable(monkeypatch, variable):
    for other in SERVERS:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with guarded_streams():
        assert not isinstance(sys.stdout, Guarded)
    monkeypatch.setenv(variable, "true")
    with guarded_streams():
        assert isinstance(sys.stdout, Guarded)


def test_what_goes_into_a_file_is_data_and_stays(hostile, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    command = [sys.executable, "-m", "ganeval.cli.main", "gate", "new.json", "--baseline", "baseline.jsonl"]
    Path("gates.toml").write_text('[[rule]]\nmetric = "::set-env name=PATH::/tmp"\nmargin = 0.1\n')
    with open("out.json", "w") as out:
        subprocess.run([*command, "--rules", "gates.toml", "--json", "-"], stdout=out, check=False)

    assert json.loads(Path("out.json").read_text())["subject"] == "new.json"
    assert SUBJECT in Path("out.json").read_text()
    assert printable(SUBJECT) not in Path("out.json").read_text()
