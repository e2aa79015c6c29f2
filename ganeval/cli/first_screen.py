"""The first screen of `score`: what was compared, the headline numbers in the field's words, what they mean, what next.

`--full` prints the table of everything instead.
"""

import dataclasses
import math
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from ganeval.cli.consoles import encodable
from ganeval.escaping import printable
from ganeval.formatting import interval, significant
from ganeval.metrics.base import SetMetric
from ganeval.metrics.keys import ImageRequest, PairedRequest, Request, SetRequest, field_name, parse_keys
from ganeval.notebook.headline_rows import (
    headline_rows,
    is_headline,
    name_of,
    network_of,
    output_of,
    request_of,
    shown_value,
    title_of,
)
from ganeval.notebook.subject_table import SubjectTable
from ganeval.options import ScoreOptions
from ganeval.options.table import OPTIONS, words_of
from ganeval.results.result import PER_IMAGE, Result
from ganeval.scoring.against_floor import Reading, conclusion, read
from ganeval.scoring.plan import missing_weights, needed_weights

STYLES = {"no worse": "green", "worse": "red", "inconclusive": "yellow", None: ""}
_ENOUGH = re.compile(r"needs (more than )?([\d,]+) images")
_WITHOUT = re.compile(r"no interval: ([^;]+)")
_COPIES = "exact copies"
_IDENTICAL = re.compile(r"^all [\d,]+ pairs are identical")
_ABOUT_INTERVALS = re.compile(
    "no interval|exact copies|one training seed|reference images themselves|rank-deficient|debiased value|"
    "only at equal n|it needs|published protocol"
)


@dataclass(frozen=True)
class Line:
    """One number.

    Attributes:
        title: The metric in the field's words.
        value: With its unit; "" where there is none.
        interval: Of the value; says so where there is none.
        reading: What it means.
    """

    title: str
    value: str
    interval: str
    reading: Reading


@dataclass(frozen=True)
class Screen:
    """All of it.

    Attributes:
        head: What was compared, and what came out of it.
        lines: The numbers.
        below: What is to be known, and the next command.
    """

    head: tuple[str, ...]
    lines: tuple[Line, ...]
    below: tuple[str, ...]


def first_screen(results: Sequence[Result], options: ScoreOptions, *, doubtful: bool = False) -> Screen:
    """Makes the screen of one subject.

    Args:
        results: Its rows.
        options: What was asked for; named metrics are all shown, else the headline ones are.
        doubtful: True where the cheap checks of the images found something: then doctor is the next command.
    """
    shown = headline_rows(results, named=options.metrics is not None)
    sets = [row for row in shown if request_of(row).backbone is not None and not request_of(row).paired]
    networks = list(dict.fromkeys(network_of(row) for row in sets))
    one = networks[0] if len(networks) == 1 else None
    readings = {row.key: _reading(row) for row in shown}
    lines = tuple(
        Line(title_of(row, network=row not in sets or one is None), _value(row), _interval(row), readings[row.key])
        for row in shown
    )
    sentence = conclusion([(question, readings[row.key]) for row in sets if (question := output_of(row).question)])
    if any(_IDENTICAL.search(row.note) for row in shown):
        sentence = "Each image equals its original, pixel by pixel."
    same = "the generated images are the reference images themselves"
    if any(same in row.note for row in sets):
        sentence = f"{same[0].upper()}{same[1:]}."
    compared = _compared(shown or results, options, one) + ("; 95% intervals" if any(row.ci95 for row in shown) else "")
    head = (compared, *filter(None, [sentence]))
    trained = any("training_seed" in _origin(row) for row in shown)
    below = [
        *_without_interval(shown, readings),
        *_common_notes(sets),
        *_not_computed(results, shown, options),
        *_real_against_real(shown, readings),
        *(["Intervals cover sampling, not retraining: this is one training run."] if trained else []),
        *_to_fetch(results, shown, options),
        f"Next: {_next(shown, options, readings.values(), doubtful=doubtful)}",
    ]
    return Screen(head, lines, tuple(below))


def _origin(row: Result) -> dict[str, object]:
    found = row.provenance.get("subject")
    return dict(found) if isinstance(found, dict) else {}


def _reading(row: Result) -> Reading:
    """What a number means: of a pair metric the worst image, of a set metric the noise floor."""
    question = output_of(row).question
    by_image = row.provenance.get(PER_IMAGE)
    if row.status != "ok":
        return Reading(None, row.note)
    if isinstance(by_image, dict) and len(by_image) > 1:
        known = {stem: value for stem, value in by_image.items() if value is not None}
        pick = max if row.better == "lower" else min
        worst = pick(known, key=lambda stem: known[stem])
        alike = len(set(known.values())) == 1
        return Reading(None, "" if alike else f"worst: {worst} ({significant(known[worst])})")
    found = Reading(None, "") if question is None else read(row, question)
    raw = "" if row.debiased is None or row.value is None else f"raw {significant(row.value)}"
    return Reading(found.verdict, "; ".join(filter(None, [found.words, raw])))


def _value(row: Result) -> str:
    if row.value is None:
        return row.status
    metric = request_of(row).metric
    unit = "" if isinstance(metric, SetMetric) else metric.outputs[0].unit
    return f"{significant(shown_value(row) or 0.0)}{f' {unit}' if unit else ''}"


def _interval(row: Result) -> str:
    return "" if row.value is None else interval(row.ci95) or "no interval"


def _compared(rows: Sequence[Result], options: ScoreOptions, network: str | None) -> str:
    """What was compared with what, how many images, by which network."""
    subject = options.name or options.subject
    n_fake = next((row.n_fake for row in rows if row.n_fake is not None), None)
    n_real = next((row.n_real for row in rows if row.n_real is not None), None)
    images = "" if n_fake is None else f"{n_fake:,} image{'s' if n_fake != 1 else ''}"
    by = f"; network {network}" if network else ""
    if options.reference is None and options.paired is None:
        return f"{subject}: {images} without a reference{by}"
    sides = [side for side in (options.reference, options.paired) if side is not None]
    against = " and, image by image, ".join(dict.fromkeys(sides))
    if options.reference is None:
        return f"{subject} against {against}: {(n_fake or 0):,} pair{'s' if n_fake != 1 else ''}"
    counts = f"{images} each" if n_fake == n_real else f"{images} against {n_real or 0:,}"
    return f"{subject} against {against}: {counts}{by}"


def _without_interval(rows: Sequence[Result], readings: Mapping[str, Reading]) -> list[str]:
    """Numbers that are not to be quoted, with how many images would be enough, or else with why they have none."""
    enough: dict[int, list[str]] = {}
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.value is None or row.ci95 is not None:
            continue
        if found := _ENOUGH.search(row.note):
            count = int(found[2].replace(",", "")) + (1 if found[1] else 0)
            enough.setdefault(count, []).append(name_of(row))
        elif readings[row.key].verdict != "no worse" and (why := _WITHOUT.search(row.note)):
            reasons.setdefault(why[1], []).append(name_of(row))
    needs = [f"{_joined(titles)} ({count:,} per set needed)" for count, titles in enough.items()]
    quoted = [f"Too few images to quote: {'; '.join(needs)}"] if needs else []
    return quoted + [f"No interval of {_joined(titles)}: {reason}" for reason, titles in reasons.items()]


def _joined(names: Sequence[str]) -> str:
    words = list(dict.fromkeys(names))  # a metric by two networks is named once
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _common_notes(rows: Sequence[Result]) -> list[str]:
    """What the rows of set metrics have in common is about the images: one line."""
    notes = [row.note.split("; ") for row in rows if row.n_real is not None]
    if not notes:
        return []
    common = [note for note in notes[0] if note and all(note in other for other in notes[1:])]
    told = [note for note in common if (_COPIES in note and "no interval" in note) or not _ABOUT_INTERVALS.search(note)]
    return [f"Note: {'; '.join(told)}"] if told else []


def _real_against_real(rows: Sequence[Result], readings: Mapping[str, Reading]) -> list[str]:
    """What "real" means in the words beside the numbers."""
    held = [row for row in rows if row.floor_n is not None and readings[row.key].verdict is not None]
    if not held:
        return []
    n = max(row.floor_n or 0 for row in held)
    halves = f"two halves of the reference, {n:,} images each"
    parts = f"two parts of the reference, {n:,} images in the smaller"
    return [f"real: real against real, from {halves if min(r.n_real or 0 for r in held) // 2 <= n else parts}"]


def _not_computed(results: Sequence[Result], shown: Sequence[Result], options: ScoreOptions) -> list[str]:
    """Headline metrics that the images do not allow."""
    left = [
        row
        for row in results
        if row.status == "skipped"
        and row not in shown
        and is_headline(row)
        and missing_weights(request_of(row), options.weights) is None
    ]
    reasons: dict[str, list[str]] = {}
    for row in left:
        reasons.setdefault(row.note, []).append(title_of(row, network=False))
    return [f"Not computed: {', '.join(titles)}: {reason}" for reason, titles in reasons.items()]


def _to_fetch(results: Sequence[Result], shown: Sequence[Result], options: ScoreOptions) -> list[str]:
    """One line on the first canonical metric of sets and of pairs whose weights are missing, if none was computed."""
    first: dict[bool, Request] = {}
    for row in results:
        if row.status == "skipped" and field_name(row.key) and is_headline(row):
            request = request_of(row)
            if missing_weights(request, options.weights) is not None:
                first.setdefault(request.paired, request)
    for row in shown:
        if row.comparable_to_published and request_of(row).backbone is not None:
            first.pop(request_of(row).paired, None)
    if not first:
        return []
    titles = [str(field_name(request.asked)).partition(" (")[0] for request in first.values()]
    weights = [name for request in first.values() for name in needed_weights(request)]
    return [f"To get {_joined(titles)}: ganeval weights fetch {' '.join(weights)}"]


def _next(rows: Sequence[Result], options: ScoreOptions, readings: Iterable[Reading], *, doubtful: bool) -> str:
    """The one command that follows, with the options of this one that it takes, too."""
    subject = options.subject
    if options.reference is None and options.paired is None:
        if rows and all(isinstance(request_of(row), ImageRequest) for row in rows):
            return shlex.join(["ganeval", "diff", "OTHER", subject, *words_of(options, "diff")])
        same = shlex.join(["ganeval", "score", subject, *words_of(options, "score", without=("metrics",))])
        return f"{same} --reference REAL (a folder, or digits:test), or --paired ORIGINALS"
    origin = next((origin for row in rows if (origin := _origin(row))), {})
    if options.reference is not None and (doubtful or any(reading.verdict == "worse" for reading in readings)):
        read_as_images = any("reference_left_out" in row.provenance for row in rows)
        if not origin:  # doctor looks at all images
            against = ["--against", options.reference] if read_as_images else []
            more = words_of(options, "doctor", without=("num_samples", "seed"))
            return shlex.join(["ganeval", "doctor", subject, *against, *more])
        if origin.get("kind") == "checkpoint":
            return shlex.join(["ganeval", "sample", subject, "--views", "views"])
    return shlex.join(["ganeval", "diff", "OTHER", subject, *_compared_alike(options)])


def _compared_alike(options: ScoreOptions) -> list[str]:
    """The options of `diff` that compare as these scored; it takes one kind of comparison, and no metric without."""
    sets = options.reference is not None
    keys = [
        request.asked
        for request in (parse_keys(options.metrics) if options.metrics else [])
        if (sets and isinstance(request, SetRequest) and request.metric.reference)
        or (not sets and isinstance(request, PairedRequest))
    ]
    alike = dataclasses.replace(options, metrics=",".join(keys) or None)
    pairs = [name for name, option in OPTIONS.items() if option.group == "pairs"]
    return words_of(alike, "diff", without=("paired", *pairs) if sets else ())


def print_screen(screen: Screen, console: Console) -> None:
    """Columns where they fit, two lines a number where they do not; a pipe is as wide as it needs.

    A character that the output cannot encode becomes its plain letter: é is e there.
    """
    width = console.width if console.is_terminal else math.inf
    wide = [
        max((cell_len(cell(line)) for line in screen.lines), default=0) for cell in (_of_title, _of_value, _of_interval)
    ]
    total = sum(wide) + 6 + max((cell_len(line.reading.words) for line in screen.lines), default=0)
    for number, text in enumerate(screen.head):
        _print(text, console, width, "bold" if number == 0 else "")
    for line in screen.lines:
        words = Text(encodable(printable(line.reading.words), console.encoding), STYLES[line.reading.verdict])
        title, value, interval = _of_title(line), _of_value(line), _of_interval(line)
        if total <= width:
            cells = f"{_padded(title, wide[0])}  {value:>{wide[1]}}  {_padded(interval, wide[2])}  "
            console.print(Text(encodable(cells, console.encoding)) + words, crop=False, soft_wrap=True)
            continue
        _print(title, console, width, "")
        _print("  " + "  ".join(filter(None, [value, interval, words.plain])), console, width, words.style)
    for text in screen.below:
        _print(text, console, width, "dim")


def print_table(table: SubjectTable, results: Sequence[Result], options: ScoreOptions, console: Console) -> None:
    """A row a subject; where a terminal is narrower than that, a block a subject with a line a metric.

    Args:
        table: Of several subjects.
        results: The rows of one of them: what all have in common.
        options: What was asked for.
        console: Where to print.
    """
    width = console.width if console.is_terminal else math.inf
    shown = headline_rows(results, named=options.metrics is not None)
    networks = {network_of(row) for row in shown if not request_of(row).paired} - {""}
    together = dataclasses.replace(options, name=f"{len(table.subjects)} subjects")
    _print(
        _compared(shown or results, together, networks.pop() if len(networks) == 1 else None), console, width, "bold"
    )
    rows = range(len(table.subjects))
    marked = [[f"{c.marked_cell(row)}{'' if c.best == row else ' '}" for c in table.columns] for row in rows]
    headings = [f"{printable(column.heading)} " for column in table.columns]
    subjects = [printable(subject) for subject in table.subjects]
    left = max(map(cell_len, ["", *subjects]))
    wide = [max(map(cell_len, [heading, *cells])) for heading, *cells in zip(headings, *marked, strict=True)]
    if left + sum(each + 1 for each in wide) <= width:
        for subject, cells in (("", headings), *zip(subjects, marked, strict=True)):
            padded = [" " * (w - cell_len(cell)) + cell for cell, w in zip(cells, wide, strict=True)]
            line = Text(encodable(" ".join([_padded(subject, left), *padded]).rstrip(), console.encoding))
            console.print(line, soft_wrap=True, crop=False)
    else:
        for subject, cells in zip(subjects, marked, strict=True):
            _print(subject, console, width, "bold")
            for heading, cell in zip(headings, cells, strict=True):
                _print(f"  {heading.rstrip()}: {cell.rstrip()}", console, width, "")
    alone = options.reference is None and options.paired is None
    compare = _to_compare(() if options.name else table.subjects, options) if alone else []
    for note in (*table.notes, *_to_fetch(results, shown, options), *compare):
        _print(note, console, width, "dim")


def _to_compare(subjects: Sequence[str], options: ScoreOptions) -> list[str]:
    """How to compare what was scored side by side without a reference; of two sets the second is mostly meant as one.

    Args:
        subjects: As they were typed; () where they have names of their own.
        options: What was asked for.
    """
    if len(subjects) != 2:
        return ["To compare them, add --reference REAL or --paired ORIGINALS."]
    command = shlex.join(["ganeval", "score", subjects[0], *words_of(options, "score", without=("metrics",))])
    second = shlex.quote(subjects[1])
    return [
        f"To score {subjects[0]} against {subjects[1]}: {command} --reference {second} (sets), or --paired "
        f"{second} (image by image)"
    ]


def _of_title(line: Line) -> str:
    return printable(line.title)


def _of_value(line: Line) -> str:
    return line.value


def _of_interval(line: Line) -> str:
    return line.interval


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _print(text: str, console: Console, width: float, style: str | Style) -> None:
    shown = encodable(printable(text), console.encoding)
    indent = " " * (len(shown) - len(shown.lstrip()) + 2)
    lines = (
        [shown]
        if cell_len(shown) <= width
        else textwrap.wrap(shown, int(width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )
    for line in lines:
        console.print(Text(line, style), soft_wrap=True)
