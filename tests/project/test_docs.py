"""The pages agree with the program: docs/cli.md is generated, links lead somewhere, commands in pages exist."""

import ast
import importlib
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ganeval.cli import main as cli

ROOT = Path(__file__).parents[2]
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def commands(command, path=("ganeval",)):
    """Every command and subcommand, depth first."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


def reference():
    """docs/cli.md as the program would write it."""
    lines = ["# Command line", "", "Generated from the program (`pytest --update-golden`)."]
    for path, _ in commands(cli.root):
        result = CliRunner().invoke(cli.root, [*path[1:], "--help"], prog_name="ganeval", terminal_width=100)
        text = "\n".join(line.rstrip() for line in result.output.strip().splitlines())
        lines += ["", f"## {' '.join(path)}", "", "```", text, "```"]
    return "\n".join(lines) + "\n"


def test_the_command_line_page_is_up_to_date(request):
    page = ROOT / "docs" / "cli.md"
    text = reference()
    if request.config.getoption("--update-golden"):
        page.write_text(text)

    assert page.read_text() == text


def test_every_command_has_a_help_text_and_its_leaves_an_example():
    for path, command in commands(cli.root):
        assert command.help, path
        if not isinstance(command, click.Group):
            assert f"{' '.join(path)}" in command.help, f"{' '.join(path)} has no example"


def test_every_option_has_a_help_text_that_names_what_it_takes():
    for path, command in commands(cli.root):
        for option in command.params:
            if isinstance(option, click.Option):
                said = option.help or ""
                assert said.endswith("."), f"{path} {option.opts}: {said!r} is no sentence"
                assert not re.match(r"(Of|For|By|Whose|Default)\b", said), f"{path} {option.opts}: {said!r}"


def test_no_line_of_a_list_of_commands_is_cut_off():
    for path, command in commands(cli.root):
        if isinstance(command, click.Group):
            context = click.Context(command)
            lines = {name: command.get_command(context, name) for name in command.list_commands(context)}
            cut = [name for name, found in lines.items() if found.get_short_help_str(80).endswith("...")]
            assert not cut, f"{' '.join(path)}: {cut}"


@pytest.mark.parametrize("page", ["installing.md", "installing.zh.md"])
def test_the_page_on_installing_names_every_extra(page):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)

    assert set(extras) <= {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if target.startswith(REPOSITORY):
            path = re.sub(r"(/blob/|/raw/)main/", "", target.removeprefix(REPOSITORY))
            assert (ROOT / path).exists(), f"{page.name}: {target}"
        elif "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readmes_have_absolute_links_since_the_package_index_shows_them_too():
    for page in ("README.md", "README.zh.md"):
        targets = re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text())
        assert len(targets) > 60
        assert not [target for target in targets if not target.startswith("https://")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_in_pages_parse(page):
    """Every `ganeval ...` line in a code block names a command and options that exist."""
    table = {path[1:]: command for path, command in commands(cli.root)}
    for block in re.findall(r"```(?:sh)?\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True) if "ganeval " in line[:12] else []
            if not words or words[0] != "ganeval" or page.name == "cli.md":
                continue
            command = table.get(tuple(words[1:3])) or table.get(tuple(words[1:2]))
            assert command is not None, line
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert {w for w in words if w.startswith("--")} <= known | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_what_pages_import_from_this_project_is_there(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and re.match(r"(ganeval|reference_models)\b", node.module or ""):
                module = importlib.import_module(node.module)
                assert not [alias.name for alias in node.names if not hasattr(module, alias.name)], node.module


def test_help_works_for_every_command():
    for path, _ in commands(cli.root):
        result = CliRunner().invoke(cli.root, [*path[1:], "--help"])
        assert result.exit_code == 0, path


def test_the_map_names_every_folder_of_the_packages():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The map")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `([\w/]+)/` \|", table, re.MULTILINE))
    folders = {
        file.parent.relative_to(ROOT).as_posix()
        for package in ("ganeval", "reference_models")
        for file in (ROOT / package).rglob("__init__.py")
        if file.parent != ROOT / package
    }

    assert folders <= named
    assert all((ROOT / folder).is_dir() for folder in named)
