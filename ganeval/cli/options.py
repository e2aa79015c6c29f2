"""Options that several commands share, each defined once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

from ganeval.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Any], Any]


class Place(StringParamType):
    """What is mostly a path (and may name a data set or a factory): any text, and the tab key completes file names."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text as it is: of one that a settings file gave, the mark that says so stays (`ganeval.untrusted`)."""
        return value if isinstance(value, str) else super().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leaves it to the shell."""
        return [CompletionItem(incomplete, type="file")]


PLACE = Place()


def parse_weights(values: tuple[str, ...]) -> dict[str, Path]:
    """Reads BACKBONE=FILE pairs.

    Raises:
        UsageError: no "=", or a backbone given twice.
    """
    files: dict[str, Path] = {}
    for value in values:
        name, equals, file = value.partition("=")
        if not equals or not name or not file:
            raise UsageError(f"--weights takes BACKBONE=FILE, as in --weights inception=weights.pth; got {value!r}.")
        if name in files:
            raise UsageError(f"--weights names {name} twice: {files[name]} and {file}.")
        files[name] = Path(file)
    return files


def parse_match(values: tuple[str, ...]) -> dict[str, str]:
    """Reads GLOB (of the subject) and SET=GLOB.

    Raises:
        UsageError: two globs for one set, or none.
    """
    globs: dict[str, str] = {}
    for value in values:
        place, equals, glob = value.partition("=")
        if not equals or place not in ("subject", "reference", "paired", "inputs"):
            place, glob = "subject", value
        if not glob:
            raise UsageError(f"--match takes a glob, as in --match '*_fake_B.png'; got {value!r}.")
        if place in globs:
            raise UsageError(f"--match picks files of the {place} twice: {globs[place]!r} and {glob!r}. Give one.")
        globs[place] = glob
    return globs


def check_match(match: dict[str, str], **given: str | None) -> None:
    """Refuses a glob for a set that is not given.

    Raises:
        UsageError: naming it.
    """
    for place in match:
        if place != "subject" and given.get(place) is None:
            raise UsageError(f"--match {place}=... picks files of --{place}, which is not given. Add it, or drop that.")


def parse_share(text: str) -> float:
    """Reads "1%" or "0.01".

    Raises:
        UsageError: no number.
    """
    try:
        return float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError as error:
        raise UsageError(f"A share is written 1% or 0.01; got {text!r}.") from error


def parse_timeout(text: str) -> float:
    """Reads "90", "90s", "10m" or "2h", in seconds.

    Raises:
        UsageError: no number above 0.
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    if not (number.replace(".", "", 1).isdecimal() and len(number) < 10 and float(number) > 0):
        raise UsageError(f"--timeout takes seconds or minutes above 0, as in 90 or 10m; got {text[:40]!r}.")
    return float(number) * unit


def parse_latent(value: str | None) -> tuple[int, ...] | None:
    """Reads the shape of one latent, "100" or "100x1x1".

    Raises:
        UsageError: no numbers, or one below 1.
    """
    if value is None:
        return None
    sides = value.split("x")
    if not all(side.isdecimal() and len(side) < 10 and int(side) > 0 for side in sides):
        raise UsageError(f"--latent-dim takes a width or a shape, as in 100 or 100x1x1; got {value[:60]!r}.")
    return tuple(int(side) for side in sides)


PEAK: Option = click.option(
    "--peak",
    type=click.IntRange(1, 65_535),
    metavar="N",
    help="White in 16-bit files: 4095 for 12-bit data. Default: 65535.",
)
"""Where images are read for a protocol of one's own: `score`, `diff`, `gate init`, `reference build`, `doctor`."""

COMPARED: tuple[Option, ...] = (
    click.option(
        "--reference", type=PLACE, metavar="REF", help="What set metrics compare with; also a statistics file."
    ),
    click.option(
        "--paired", type=PLACE, metavar="REF", help="Originals that paired metrics compare with, by file stem."
    ),
    click.option("--metrics", metavar="KEYS", help="Comma-separated, as in fid,kd@efflite0. Default: all it can."),
    click.option("--channel", type=click.Choice(["rgb", "y"]), default="rgb", show_default=True, help="Of psnr, ssim."),
    click.option("--crop-border", type=click.IntRange(min=0), default=0, show_default=True, help="Pixels off a side."),
    PEAK,
)
"""What a subject is compared with and how: `score` and `diff`."""

GENERATED: tuple[Option, ...] = (
    click.option(
        "--inputs", type=PLACE, metavar="REF", help="What a generator that translates images is to translate."
    ),
    click.option("--generator", metavar="MODULE:CLASS", help="The network that a bare state dict belongs to."),
    click.option(
        "--latent-dim",
        metavar="Z",
        callback=lambda _context, _option, value: parse_latent(value),
        help="Shape of a latent of a foreign generator: 100 or 100x1x1.",
    ),
)
"""What must be said of a generator that its file does not say: `score`, `diff` and `sample`."""

DIRECTION: tuple[Option, ...] = (
    click.option(
        "--direction",
        type=click.Choice(["a2b", "b2a"]),
        help="Which generator of a cyclegan checkpoint. Default: its recipe's.",
    ),
)
"""Which of two generators: `score`, `diff` and `sample`."""

LISTED: tuple[Option, ...] = (
    click.option(
        "--match",
        multiple=True,
        metavar="[SET=]GLOB",
        callback=lambda _context, _option, values: parse_match(values),
        help="Only files that match, as in '*_fake_B.png'; SET is reference, paired or inputs.",
    ),
    click.option(
        "--labels/--no-labels",
        "labels",
        default=None,
        help="Folders are classes, or are not. Default: where they do not merely count.",
    ),
    click.option("--follow-links", "follow_links", flag_value="inside", default="no", help="Links inside the folder."),
    click.option("--follow-links-anywhere", "follow_links", flag_value="anywhere", help="Links out of it, too."),
)
"""Which files of folders and archives are images of the set: wherever such are read."""

SUBSET: tuple[Option, ...] = (
    click.option("--num-samples", type=click.IntRange(min=2), metavar="N", help="Seeded subset of N a side."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the subset."),
)
"""Which images: where a protocol is not given yet."""

READ: tuple[Option, ...] = (
    *LISTED,
    click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Images a call."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1."),
    click.option(
        "--engine",
        type=click.Choice(["auto", "torch", "openvino"]),
        default="auto",
        show_default=True,
        help="What runs networks on a CPU.",
    ),
    click.option(
        "--on-bad", type=click.Choice(["fail", "skip"]), default="fail", show_default=True, help="Bad images."
    ),
    click.option(
        "--weights",
        multiple=True,
        metavar="BACKBONE=FILE",
        callback=lambda _context, _option, values: parse_weights(values),
        help="Other weights in the same layout.",
    ),
    click.option(
        "--value-range", type=click.Choice(["0..1", "-1..1"]), help="What floats of arrays and generators mean."
    ),
    click.option(
        "--data-root", type=click.Path(path_type=Path), envvar="GANEVAL_DATA", help="Data sets in torchvision's layout."
    ),
    click.option("--no-cache", is_flag=True, help="Keep no features between runs."),
)
"""How images are read and networks run."""

PRECISION: Option = click.option(
    "--precision",
    type=click.Choice(["exact", "fast"]),
    default="exact",
    show_default=True,
    help="Of networks: float32, or bfloat16.",
)
"""Where features are computed for a protocol of one's own: `score` and `reference build`."""

DEVICES: tuple[Option, ...] = (
    click.option(
        "--devices",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Processes that share the work; on CUDA one a device.",
    ),
    click.option(
        "--timeout",
        metavar="TIME",
        default="10m",
        show_default=True,
        callback=lambda _context, _option, value: parse_timeout(value),
        help="Of several processes: after so long without progress (90, 90s, 10m), one ends all.",
    ),
)
"""How many processes score, and how long they wait for each other: `score`, `train-reference`."""

RUN = (*SUBSET, *READ)
"""Both: `score`, `diff` and `reference build`."""


def with_options(*options: Option) -> Callable[[Command], Command]:
    """Applies options in the order in which the help page is to show them."""

    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


def check_writable(*targets: Path | None) -> None:
    """Refuses an output whose folder is not there, before anything runs.

    Raises:
        UsageError: naming the file and the folder.
    """
    for target in targets:
        if target is not None and not target.absolute().parent.is_dir():
            raise UsageError(f"Cannot write {target}: the folder {target.absolute().parent} does not exist. Create it.")
