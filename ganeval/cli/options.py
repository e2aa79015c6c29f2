"""Options of commands, made from the table (`ganeval.options.table`)."""

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem
from click.types import StringParamType

from ganeval.cli.config import Settings
from ganeval.errors import UsageError
from ganeval.options.kinds import File, FileOrFolder, Folder, Kind, Links, OneOf, Place, Repeated, Switch, Whole
from ganeval.options.table import DEFAULTS, OPTIONS, Group, ScoreOptions, flag_of, taken_by
from ganeval.registry import imported, listed

Command = TypeVar("Command", bound=Callable[..., Any])
FEW = 12  # names that fit into an error


class Value(StringParamType):
    """A value of one of the kinds, those of the table and those of a command's own options alike.

    Args:
        kind: The kind.
        optional: Whether the option may be given without a value (click's `flag_value`).
    """

    def __init__(self, kind: Kind, *, optional: bool = False) -> None:
        self.kind = kind
        self.optional = optional
        self.name = type(kind).__name__.lower()

    @property
    def takes(self) -> str:
        """Which values, for errors."""
        return self.kind.takes

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str | None:
        """What the help page shows in place of a value; arguments have names, unless they are one of a few words."""
        return self.kind.metavar or None if isinstance(param, click.Option) or isinstance(self.kind, OneOf) else None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """What the text means; a default isn't text.

        Raises:
            UsageError: nothing; the message starts with the option.
        """
        if not isinstance(value, str):
            return value
        try:
            return self.kind.read(value)
        except ValueError as error:
            called = _called(param, ctx)
            alone = f" If you meant {called} alone, put {value!r} before it." if self.optional else ""
            raise UsageError(f"{called} {error}{alone}") from error

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The words that there are; the shell's own file names."""
        if isinstance(self.kind, OneOf):
            return [CompletionItem(word) for word in self.kind.words if word.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file")] if isinstance(self.kind, Place | FileOrFolder) else []


def _called(param: click.Parameter | None, ctx: click.Context | None) -> str:
    """Where a value was given: its option, its argument, or the environment variable that holds it."""
    if param is None:
        return "The value"
    if isinstance(param, click.Argument):
        return param.human_readable_name
    if ctx is not None and ctx.get_parameter_source(str(param.name)) is ParameterSource.ENVIRONMENT:
        return f"{param.envvar} ({param.opts[-1]})"
    return param.opts[-1]


class Name(StringParamType):
    """A name of one or several tables, in any case; one that isn't listed reaches the command as it was typed.

    Args:
        places: "package.module:TABLE", or a function that gives it; imported when a name is typed.
    """

    name = "name"

    def __init__(self, *places: str) -> None:
        self._places = places

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it is listed."""
        del param, ctx
        return listed(str(value), self._known())

    @property
    def takes(self) -> str:
        """Which values, for errors."""
        known = self._known()
        return f"a name, as in {known[0]}" if len(known) > FEW else f"one of {', '.join(known)}"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that there are."""
        return [CompletionItem(name) for name in self._known() if name.startswith(incomplete.casefold())]

    def _known(self) -> list[str]:
        tables = [imported(place) for place in self._places]
        return [name for table in tables for name in (table() if callable(table) else table)]


class GroupedOption(click.Option):
    """An option of a command's own that has a place in a section of its help page.

    Args:
        group: A group of the table, or one of the command's own.
    """

    def __init__(self, *declared: Any, group: str, **settings: Any) -> None:
        super().__init__(*declared, **settings)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help page has sections: its own groups, those of the table of options, its other options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        own = [option.group for option in options if isinstance(option, GroupedOption)]
        in_table = get_args(Group)
        sections: dict[str, list[tuple[str, str]]] = {
            group: [] for group in (*(group for group in own if group not in in_table), *in_table, "")
        }
        for each in options:
            record, known = each.get_help_record(ctx), OPTIONS.get(str(each.name))
            group = each.group if isinstance(each, GroupedOption) else "" if known is None else known.group
            if record is not None:
                sections[group].append(record)
        for group, records in sections.items():
            if records:
                with formatter.section(f"Options for {group}" if group else "Other options"):
                    formatter.write_dl(records)


MODEL = Name("reference_models.models:MODELS", "reference_models.recipes:RECIPES")
RECIPE = Name("reference_models.recipes:RECIPES")
DATASET = Name("ganeval.sources.datasets.table:DATASETS")
WEIGHTS = Name("ganeval.backbones:weights_files")
BACKBONE = Name("ganeval.backbones:BACKBONES")
PLACE = Value(Place())
"""What is mostly a path, and may name a data set or a factory: the tab key completes file names."""
FILE = Value(File())
FOLDER = Value(Folder())
PATH = Value(FileOrFolder())


def one_of(words: Iterable[str]) -> Value:
    """One of a few words."""
    return Value(OneOf(tuple(words)))


def whole(least: int) -> Value:
    """A whole number, of at least this."""
    return Value(Whole(least))


def option(name: str) -> Callable[[Command], Command]:
    """One option of the table, for a command that does not take all of a score."""
    known, default, flag = OPTIONS[name], DEFAULTS[name], flag_of(name)
    if isinstance(known.kind, Links):
        return with_options(
            click.option(flag, name, flag_value="inside", default=default, help=known.help),
            click.option(f"{flag}-anywhere", name, flag_value="anywhere", help="Follow links out of it, too."),
        )
    if isinstance(known.kind, Switch):
        if default is None:
            return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=known.help)
        if default:
            return click.option(f"--no-{flag[2:]}", name, flag_value=False, default=True, help=known.kind.off)
        return click.option(flag, name, is_flag=True, help=known.help)
    several = isinstance(known.kind, Repeated)
    written = None if several or default is None else known.kind.write(default)
    return click.option(
        flag,
        name,
        type=Value(known.kind),
        multiple=several,
        callback=_gather if several else None,
        default=written,
        show_default=written is not None,
        envvar=known.variable,
        help=known.help,
    )


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options in the order in which the help page is to show them."""

    def apply(command: Command) -> Command:
        for each in reversed(options):
            command = each(command)
        return command

    return apply


def _gather(ctx: click.Context, param: click.Parameter, entries: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Entries of an option that is given several times, as one dict."""
    del ctx
    kind = OPTIONS[str(param.name)].kind
    if not isinstance(kind, Repeated):
        raise TypeError(f"{param.name} is given once")
    try:
        return kind.gather(entries)
    except ValueError as error:
        raise UsageError(f"{param.opts[-1]} {error}") from error


def was_typed(ctx: click.Context, name: str) -> bool:
    """Whether a person gave the option, on the command line or in its environment variable."""
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def takes(command: str, own: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """All options of a command, which reach it as one `options: ScoreOptions`.

    The subject is the command's first argument, of several the first. What a settings file holds stands in for what
    was not typed; it goes to `score` alone, and the folder of data sets also to `reference build`.

    Args:
        command: A word of `Option.takers`.
        own: Options that the command declares by itself, in another form.
    """
    names = [name for name, known in taken_by(command).items() if known.flag and name not in own]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        @click.pass_context
        def call(ctx: click.Context, /, **given: Any) -> None:
            typed = {name: given.pop(name) for name in names}
            first = given[str(ctx.command.params[0].name)]
            settings = ctx.ensure_object(Settings)
            typed |= {name: value for name, value in settings.of(command).items() if not was_typed(ctx, name)}
            subject = first[0] if isinstance(first, tuple) else first
            function(options=ScoreOptions(subject, **typed, config_file=settings.file), **given)

        return with_options(*map(option, names))(call)

    return decorate


def check_writable(*targets: Path | None) -> None:
    """Refuses an output whose folder is not there, before anything runs.

    Raises:
        UsageError: naming the file and the folder.
    """
    for target in targets:
        if target is not None and not target.absolute().parent.is_dir():
            raise UsageError(f"Cannot write {target}: the folder {target.absolute().parent} does not exist. Create it.")
