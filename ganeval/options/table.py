"""The one table of options: each is a line of `ScoreOptions`, with its help text, its check and who takes it.

Made from it: the options of the commands (`ganeval.cli.options`), the keywords of the Python calls
(`ganeval.options.keywords`, written by `pytest --update-golden tests/options`), and the keys of `ganeval.toml`
(`ganeval.cli.config`). To add an option, add its line here and use it.
"""

import functools
import os
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from ganeval.errors import UsageError
from ganeval.options.kinds import (
    Device,
    Duration,
    Folder,
    Fraction,
    Globs,
    Keys,
    Kind,
    LatentShape,
    Links,
    OneOf,
    PairRule,
    Place,
    Positive,
    Reference,
    Switch,
    Text,
    Tiles,
    WeightFiles,
    Whole,
)

if TYPE_CHECKING:
    from ganeval.sources.base import ImageSource
    from ganeval.sources.listing import Place as Set
    from ganeval.sources.listing import Selection

Group = Literal["inputs", "subset", "compute", "pairs", "generators", "stopping", "rows"]

# Who takes an option: commands, a word each; `evaluator` is `ganeval.Evaluator`.
_FREE: Final = "score evaluator diff init"  # a protocol of one's own
_ALL: Final = f"{_FREE} gate explain doctor build"
_NETWORKS: Final = f"{_FREE} gate explain build"
_GENERATORS: Final = f"{_FREE} gate sample explain doctor"


@dataclass(frozen=True)
class Option:
    """What the table holds of an option beside its name, type and default.

    Attributes:
        group: The section of the help page.
        help: One sentence for the help page and for Python.
        takers: Who takes it, as words with blanks between them.
        kind: How it is written, and which values are valid.
        keyword: Its name in Python, if that is another one.
        flag: False if the command line has something else in its place.
        setting: Whether `ganeval.toml` may hold it: it runs no code, loads no file but images, and starts no processes.
        variable: Environment variable that holds a default.
    """

    group: Group
    help: str
    takers: str
    kind: Kind
    keyword: str | None = None
    flag: bool = True
    setting: bool = True
    variable: str | None = None


@dataclass(frozen=True)
class ScoreOptions:
    """All that `ganeval score` can be told; the same names as on the command line.

    Attributes:
        subject: Folder, archive, npz, data set id, generator; or a name in `in_memory`.
        in_memory: Name of a subject -> the tensor, array, network or function itself.
        drawn: Images that a generator draws if `num_samples` is None; None for as many as the reference has.
        config_file: Name of the file that defaults were read from, for the row's provenance.
    """

    subject: str
    reference: Annotated[
        str | None,
        Option(
            "inputs",
            "Images, generator or statistics file that set metrics compare with.",
            f"{_FREE} gate explain",
            Reference(),
        ),
    ] = None
    paired: Annotated[
        str | None,
        Option(
            "inputs",
            "Original images that paired metrics compare with, matched by file stem.",
            f"{_FREE} gate explain",
            Place(),
        ),
    ] = None
    train: Annotated[
        str | None,
        Option(
            "inputs",
            "Images that the generator was trained on, for metrics that look for copies of them. Always all of them.",
            "score evaluator diff",
            Place(),
        ),
    ] = None
    metrics: Annotated[
        str | None,
        Option(
            "inputs", "Comma-separated metric keys, as in fid,kd@efflite0. Default: all that can run.", _FREE, Keys()
        ),
    ] = None
    channel: Annotated[
        Literal["rgb", "y"],
        Option("pairs", "Color channel for metrics of pixels, PSNR and SSIM among them.", f"{_FREE} explain", OneOf()),
    ] = "rgb"
    crop_border: Annotated[
        int, Option("pairs", "Pixels to cut off each edge before paired metrics.", f"{_FREE} explain", Whole(0))
    ] = 0
    pair_by: Annotated[
        str | None,
        Option(
            "pairs",
            "Pair names without a suffix, by the group of a regular expression, or by order. Default: names agree.",
            f"{_FREE} gate explain",
            PairRule(),
        ),
    ] = None
    mask: Annotated[
        str | None,
        Option(
            "pairs",
            "Masks: paired metrics use their white pixels only. A single image masks all.",
            f"{_FREE} gate",
            Place(),
        ),
    ] = None
    mod_crop: Annotated[
        int,
        Option(
            "pairs",
            "Crop images right and bottom to multiples of N, the scale of the model.",
            f"{_FREE} explain",
            Whole(0, 1024),
        ),
    ] = 0
    peak: Annotated[
        int | None,
        Option(
            "inputs",
            "White level of 16-bit files, 4095 for 12-bit data. Default: 65535.",
            f"{_FREE} doctor build",
            Whole(1, 65_535),
        ),
    ] = None
    inputs: Annotated[
        str | None,
        Option("generators", "Images that an image-to-image generator translates.", _GENERATORS, Place()),
    ] = None
    generator: Annotated[
        str | None,
        Option(
            "generators",
            "Network class that a bare state dict belongs to.",
            _GENERATORS,
            Text("MODULE:CLASS", "package.module:Class"),
            setting=False,
        ),
    ] = None
    state_key: Annotated[
        str | None,
        Option(
            "generators",
            "Where a checkpoint keeps the network's state dict, as in g_ema. Default: the only one in it.",
            _GENERATORS,
            Text("KEY", "a key of the checkpoint"),
        ),
    ] = None
    latent_dim: Annotated[
        tuple[int, ...] | None,
        Option(
            "generators",
            "Shape of one latent of an external generator: 100 or 100x1x1.",
            _GENERATORS,
            LatentShape(),
        ),
    ] = None
    direction: Annotated[
        Literal["a2b", "b2a"] | None,
        Option(
            "generators",
            "Generator of a cyclegan checkpoint. Default: its recipe's.",
            "score evaluator diff sample explain doctor",
            OneOf(),
        ),
    ] = None
    num_samples: Annotated[
        int | None,
        Option(
            "subset",
            "Images to score: size of a seeded subset per set, or images that a generator draws.",
            f"{_FREE} explain doctor build",
            Whole(2),
            keyword="n",
        ),
    ] = None
    seed: Annotated[
        int, Option("subset", "Seed of the subset and of latents.", f"{_FREE} explain doctor build sample", Whole(0))
    ] = 0
    match: Annotated[
        Mapping[str, str],
        Option(
            "inputs",
            "Take only files that match, as in '*_fake_B.png'; SET is reference, paired, mask, inputs or train.",
            _ALL,
            Globs(),
        ),
    ] = field(default_factory=dict)
    tile: Annotated[
        Mapping[str, str],
        Option(
            "inputs",
            "Cut strips of R rows and C columns into images: all, or number N; SET as in --match.",
            f"{_FREE} gate",
            Tiles(),
        ),
    ] = field(default_factory=dict)
    labels: Annotated[
        bool | None,
        Option(
            "inputs",
            "Take folders as classes, or not. Default: as classes, unless their names only count up.",
            _ALL,
            Switch(),
        ),
    ] = None
    follow_links: Annotated[
        Literal["no", "inside", "anywhere"],
        Option("inputs", "Follow links that stay inside the folder or archive.", _ALL, Links()),
    ] = "no"
    batch_size: Annotated[int, Option("compute", "Images per network call.", _ALL, Whole(1))] = 32
    device: Annotated[
        str, Option("compute", "Device of the networks: auto, cpu, cuda or cuda:1.", f"{_ALL} sample", Device())
    ] = "auto"
    engine: Annotated[
        Literal["auto", "torch", "openvino"], Option("compute", "Engine that runs networks on a CPU.", _ALL, OneOf())
    ] = "auto"
    on_bad: Annotated[
        Literal["fail", "skip"],
        Option("inputs", "What to do with an image that cannot be decoded.", _NETWORKS, OneOf()),
    ] = "fail"
    weights: Annotated[
        Mapping[str, Path],
        Option(
            "compute",
            "Weights file to use in place of the pinned one, in the same layout.",
            _NETWORKS,
            WeightFiles(),
            setting=False,
        ),
    ] = field(default_factory=dict)
    value_range: Annotated[
        Literal["0..1", "-1..1"] | None,
        Option("inputs", "Range of floats in arrays and from generators; never guessed.", f"{_ALL} sample", OneOf()),
    ] = None
    data_root: Annotated[
        Path | None,
        Option(
            "inputs",
            "Folder of data sets, in torchvision's layout.",
            f"{_ALL} sample",
            Folder(),
            variable="GANEVAL_DATA",
        ),
    ] = None
    cache: Annotated[
        bool, Option("compute", "Keep features between runs.", _ALL, Switch("Keep no features between runs."))
    ] = True
    moments_only: Annotated[
        bool,
        Option(
            "compute",
            "Keep no feature rows, so that memory and disk stay small for any number of images: fd alone.",
            "score build",
            Switch(),
        ),
    ] = False
    precision: Annotated[
        Literal["exact", "fast"],
        Option(
            "compute",
            "Precision of networks: exact is float32, fast bfloat16 with its error measured.",
            "score evaluator build",
            OneOf(),
        ),
    ] = "exact"
    devices: Annotated[
        int,
        Option(
            "compute", "Processes that share the work; with CUDA, one per device.", "score", Whole(1), setting=False
        ),
    ] = 1
    timeout: Annotated[
        float,
        Option(
            "compute",
            "Several processes: time without progress (90, 90s, 10m) after which all end.",
            "score",
            Duration(),
            setting=False,
        ),
    ] = 600.0
    until_se: Annotated[
        float | None,
        Option(
            "stopping",
            "Score 500, 1000, 2000, ... images, at most --num-samples, until the standard error is X.",
            "score evaluator",
            Positive(),
        ),
    ] = None
    until_rel: Annotated[
        float | None,
        Option("stopping", "The same with X as a fraction of the value, at most 10%.", "score evaluator", Fraction()),
    ] = None
    blame: Annotated[
        bool,
        Option(
            "rows",
            "Also compute each image's influence on fd, kd, mind and cmmd.",
            "score evaluator",
            Switch(),
            flag=False,
            setting=False,
        ),
    ] = False
    name: Annotated[
        str | None,
        Option("rows", "Name of the subject in the rows.", "score explain", Text("TEXT", "a name"), setting=False),
    ] = None
    in_memory: Mapping[str, object] = field(default_factory=dict)
    drawn: int | None = None
    config_file: str | None = None

    def __post_init__(self) -> None:
        """Checks each option and puts it into one form.

        Raises:
            UsageError: a value that the option doesn't take.
        """
        for name in OPTIONS:
            object.__setattr__(self, name, checked(name, getattr(self, name), flag_of(name)))
        if self.subject not in self.in_memory:
            object.__setattr__(self, "subject", Place().check(self.subject))

    def selection(self, place: "Set") -> "Selection":
        """Which files of one of the sets are meant."""
        from ganeval.sources.listing import Selection, Tile

        tile = Tile(*Tiles().parse(self.tile[place])) if place in self.tile else None
        return Selection(self.match.get(place), self.labels, self.follow_links, place, tile)

    def open(self, place: "Set", name: str, *, mixed: bool = False) -> "ImageSource":
        """Opens one of the sets as `open_source` does, as these options read it."""
        from ganeval.sources.resolve import open_source

        return open_source(
            name,
            data_root=self.data_root,
            value_range=self.value_range,
            peak=self.peak,
            selection=self.selection(place),
            mixed=mixed,
        )

    def check_match(self) -> None:
        """Refuses a glob for a set that is not given.

        Raises:
            UsageError: naming it.
        """
        given = {
            "subject": self.subject,
            "reference": self.reference,
            "paired": self.paired,
            "mask": self.mask,
            "inputs": self.inputs,
            "train": self.train,
        }
        for option, does, places in (("--match", "picks files", self.match), ("--tile", "cuts images", self.tile)):
            for place in places:
                if given[place] is None:
                    raise UsageError(
                        f"{option} '{place}=...' {does} of --{place}, which is not given. Add it, or drop that."
                    )

    @property
    def selected(self) -> dict[str, object]:
        """The choice of files, classes and pairs, for a row's provenance; {} by default."""
        chosen = {
            "match": dict(self.match),
            "tile": dict(self.tile),
            "labels": self.labels,
            "follow_links": self.follow_links,
            "pair_by": self.pair_by,
        }
        default: dict[str, object] = {"match": {}, "tile": {}, "labels": None, "follow_links": "no", "pair_by": None}
        return {name: value for name, value in chosen.items() if value != default[name]}

    @property
    def decode(self) -> str:
        """How files become 8-bit RGB, for the protocol."""
        from ganeval.sources.decoding.rules import decode_policy

        return decode_policy(self.peak)


def _options() -> dict[str, Option]:
    options = {}
    for name, hint in get_type_hints(ScoreOptions, include_extras=True).items():
        if get_origin(hint) is Annotated:
            type_, option = get_args(hint)
            options[name] = replace(option, kind=option.kind.of(type_))
    return options


OPTIONS: Final = _options()
"""Name -> what the table says of it, in the order of the table."""

DEFAULTS: Final[dict[str, Any]] = {
    known.name: {} if known.default is MISSING else known.default
    for known in fields(ScoreOptions)
    if known.name in OPTIONS
}
"""Name -> default."""


@functools.cache
def taken_by(taker: str) -> dict[str, Option]:
    """The options of a command, by a word of `Option.takers`."""
    return {name: option for name, option in OPTIONS.items() if taker in option.takers.split()}


def flag_of(name: str) -> str:
    """How the command line writes the name of an option."""
    return f"--{name.replace('_', '-')}"


def words_of(options: ScoreOptions, taker: str, *, without: Collection[str] = ()) -> list[str]:
    """The words of a command line for what these options have that is no default, as far as another command takes it.

    Args:
        options: Of a run.
        taker: The other command.
        without: Options to leave out.
    """
    given = {name: getattr(options, name) for name, o in taken_by(taker).items() if o.flag and name not in without}
    return [
        word
        for name, value in given.items()
        if value != DEFAULTS[name] and os.environ.get(OPTIONS[name].variable or "") != str(value)
        for word in OPTIONS[name].kind.as_typed(flag_of(name), value)
    ]


def keyword_of(name: str) -> str:
    """How Python calls the option."""
    return OPTIONS[name].keyword or name


def checked(name: str, value: object, called: str) -> Any:
    """A value in the form that a score uses; None is the default if that is None or empty.

    Args:
        name: The option.
        value: From Python, from a settings file, or read from a text.
        called: What an error calls the option.

    Raises:
        UsageError: the option doesn't take it.
    """
    if value is None and DEFAULTS[name] in (None, {}):
        return DEFAULTS[name]
    try:
        return OPTIONS[name].kind.check(value)
    except ValueError as error:
        raise UsageError(f"{called} {error}") from error
