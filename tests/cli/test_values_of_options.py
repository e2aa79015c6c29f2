"""Values that options do not take: errors of every command name the option, the value, and what it takes."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ganeval.cli.main import root
from ganeval.cli.options import Name, Value
from ganeval.options.kinds import File, Repeated

WRONG = ("", "-7", "0", "nope", "100000000000000000000", "a folder", "a file")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def parameters() -> list[tuple[tuple[str, ...], click.Parameter]]:
    return [(path, param) for path, command in commands(root) for param in command.params]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANEVAL_DATA", raising=False)
    Path("a folder").mkdir()
    Path("a file").write_text("")


def refused(kind) -> str | None:
    """A text that this kind doesn't take; None for one that takes any."""
    for text in WRONG:
        try:
            kind.read(text)
        except ValueError:
            return text
    return None


def test_no_value_is_checked_by_a_type_of_clicks():
    """Theirs say "x is not in the range x>=1", which is no English, or do not say what an option takes."""
    for path, param in parameters():
        types = param.type.types if isinstance(param.type, click.Tuple) else [param.type]
        own = all(isinstance(each, Value | Name) or each is click.STRING for each in types)
        assert own or (isinstance(param, click.Option) and param.is_flag), (path, param.name, param.type)


def test_a_wrong_value_is_named_with_its_option_and_what_it_takes(here, command_line):
    tried = set()
    for path, param in parameters():
        if not isinstance(param.type, Value) or (wrong := refused(param.type.kind)) is None:
            continue
        typed = (f"{param.opts[-1]}={wrong}",) if param.opts[-1].startswith("--") else (param.opts[0], wrong)
        code, out, err = command_line(*path, *((wrong,) if isinstance(param, click.Argument) else typed))
        tried.add(type(param.type.kind))

        name = param.human_readable_name if isinstance(param, click.Argument) else param.opts[-1]
        assert (code, out) == (2, ""), (path, err)
        assert err.startswith(f"ganeval: {name} "), (path, err)
        assert wrong in err, (path, err)
        assert "take" in err or "expected" in err or isinstance(param.type.kind, Repeated), (path, err)
        assert err.endswith(f"See `{' '.join(('ganeval', *path))} --help`.\n"), (path, err)
    assert {"Whole", "OneOf", "File", "Folder"} <= {kind.__name__ for kind in tried}


def test_an_option_at_the_end_without_its_value_says_what_it_takes(here, command_line):
    for path, param in parameters():
        if (
            not isinstance(param, click.Option)
            or param.is_eager
            or (isinstance(param.type, Value) and param.type.optional)
        ):
            continue
        name = param.opts[-1]
        code, out, err = command_line(*path, f"{name}=x" if param.is_flag else name)

        assert (code, out) == (2, ""), (path, err)
        words = "takes no value" if param.is_flag else "takes"
        assert err.startswith(f"ganeval: {name} {words}"), (path, err)


def test_an_option_in_the_place_of_a_value_is_not_taken_for_it(here, command_line):
    """click itself would measure `--full` in `--metrics --full`."""
    for path, param in parameters():
        if not isinstance(param, click.Option) or param.is_flag or getattr(param.type, "optional", False):
            continue
        name, own = param.opts[-1], next(iter(param.opts))
        for other in ("--help", own):
            code, out, err = command_line(*path, name, other)

            assert (code, out) == (2, ""), (path, err)
            assert err.startswith(f"ganeval: {name} takes "), (path, err)
            assert f"; the option {other} follows. Give it a value, or drop it." in err


def test_what_starts_with_dashes_can_be_a_value(here, command_line):
    code, _, err = command_line("score", "a file.png", "--name=--full")

    assert code != 0
    assert "follows" not in err
    assert "'a file.png'" in err


def test_a_missing_argument_says_what_it_takes(here, command_line):
    for path, command in commands(root):
        first = next((p for p in command.params if isinstance(p, click.Argument) and p.required), None)
        if first is None:
            continue
        code, _, err = command_line(*path)

        assert code == 2
        assert f"{first.human_readable_name} is missing: it takes " in err, (path, err)


def test_a_value_of_the_environment_is_named_by_its_variable(here, command_line, monkeypatch):
    monkeypatch.setenv("GANEVAL_DATA", "a file")
    code, _, err = command_line("data", "list")

    assert code == 2
    assert err.startswith("ganeval: GANEVAL_DATA (--data-root) takes a folder; a file is a file. Name its folder: .")


def test_a_checkpoint_behind_tile_is_not_taken_for_its_size_without_a_word(here, command_line):
    code, _, err = command_line("sample", "--tile", "srgan.safetensors", "--inputs", "a folder", "-o", "x")

    assert code == 2
    assert "--tile takes a whole number of at least 32; got 'srgan.safetensors'." in err
    assert "If you meant --tile alone, put 'srgan.safetensors' before it." in err


def test_a_word_that_is_nearly_one_of_a_few_is_offered(here, command_line):
    _, _, err = command_line("list", "metric")

    assert "WHAT takes models, recipes, metrics, backbones or datasets; got 'metric'. Did you mean 'metrics'?" in err


def test_what_is_here_and_what_is_not_are_both_files(here):
    assert File().check("a file") == Path("a file")
    assert File().check("new") == Path("new")
