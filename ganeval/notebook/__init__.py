"""Results as a notebook and a terminal show them: a table, a picture, and each row by its key."""

import base64
import contextlib
import html
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ganeval.errors import BadImageError
from ganeval.escaping import printable
from ganeval.formatting import filled_columns, interval
from ganeval.notebook.by_image import Ends, by_image, ends_of
from ganeval.notebook.experiment_log import log_numbers, logged_name
from ganeval.notebook.subject_table import BOLD, Standing, SubjectTable, subject_table
from ganeval.results.result import Result
from ganeval.sources.base import ImageSource

if TYPE_CHECKING:
    import pandas as pd

    from ganeval.scoring.compare import Comparison

SHOWN = 16  # images of the picture
CELL = 64  # pixels of its longest side in the picture, at most
GREY = 128
STYLE = "border-collapse:collapse;white-space:nowrap"


def picture_of_ends(source: ImageSource, ends: Ends) -> bytes:
    """PNG of the worst images in a row above the best; b"" where the source calls its images by other names."""
    places = {item.stem: index for index, item in enumerate(source.items)}
    chosen = [places[stem] for stem in (*ends.worst, *ends.best) if stem in places]
    return picture_of(source, chosen, len(ends.worst)) if len(chosen) == 2 * len(ends.worst) else b""


def picture_of(source: ImageSource, chosen: Sequence[int] | None = None, columns: int | None = None) -> bytes:
    """PNG of some images of a source, in a grid; large ones are shrunk, undecodable ones left out.

    Args:
        source: Of the images.
        chosen: Which; None for the first ones.
        columns: Images in a row; None makes the grid about square.
    """
    images: list[Image.Image] = []
    for index in range(min(SHOWN, len(source))) if chosen is None else chosen:
        with contextlib.suppress(BadImageError):
            pixels = source.read(index).decode().pixels
            images.append(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))))
            images[-1].thumbnail((CELL, CELL))
    if not images:
        return b""
    width, height = max(image.width for image in images), max(image.height for image in images)
    columns = columns or math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    canvas = Image.new("RGB", (columns * (width + 2) - 2, rows * (height + 2) - 2), (GREY, GREY, GREY))
    for index, image in enumerate(images):
        canvas.paste(image, (index % columns * (width + 2), index // columns * (height + 2)))
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG")
    return buffer.getvalue()


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are text, in lines that do not wrap; notes, its last column, stand below by number."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(printable(cell))}</{tag}>" for cell in cells) + "</tr>"

    shown, lines, notes = _numbered(head, rows)
    body = "".join(line(cells, "td") for cells in lines)
    table = f'<table style="{STYLE}"><thead>{line(shown, "th")}</thead><tbody>{body}</tbody></table>'
    return table + "".join(f"<div>{html.escape(printable(note))}</div>" for note in notes)


def html_picture(png: bytes, alt: str) -> str:
    """An image element that holds its data."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{html.escape(alt, quote=True)}" src="data:image/png;base64,{data}">'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _noted_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text, its notes below by number."""
    shown, lines, notes = _numbered(head, rows)
    return "\n".join([_text_table(shown, lines), *map(printable, notes)])


def _numbered(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]], list[str]]:
    """The columns that have a value, with numbers for the notes of the last one; the notes in a list of their own."""
    kept, notes = filled_columns(head, rows), dict[str, int]()
    numbered = [[*row[:-1], f"[{notes.setdefault(row[-1], len(notes) + 1)}]" if row[-1] else ""] for row in rows]
    shown = [[cells[column] for column in kept] for cells in ([*head[:-1], ""], *numbered)]
    return shown[0], shown[1:], [f"[{number}] {note}" for note, number in notes.items()]


def _no_such_row(key: str, known: Sequence[str]) -> KeyError:
    return KeyError(f"{key!r}; there are {', '.join(known)}")


@dataclass(frozen=True, repr=False)
class Scores:
    """What `ganeval.score` gives.

    Attributes:
        rows: One a number, in the order of the request; of several subjects one after the other.
        picture: PNG of the subject's first images.
        standings: Of several subjects the best against the second, by metric.
        named: True where the metrics were named: then tables have a column for each.
        influences: With `blame=True` each image's influence on the distances, worst first: a table with the columns
            `image` and one for each metric. None without.
        ends: PNG of the worst and the best images, where a metric keeps its values by image.
    """

    rows: tuple[Result, ...]
    picture: bytes = field(default=b"")
    standings: tuple[Standing, ...] = ()
    named: bool = False
    influences: "pd.DataFrame | None" = field(default=None, compare=False, repr=False)
    ends: bytes = field(default=b"")

    HEAD = ("metric", "value", "debiased", "95% interval", "n", "note")

    def __getitem__(self, key: str) -> Result:
        """The row of a key ("fd@efflite0") in any case, or of its part before "@" where only one row has it.

        Raises:
            KeyError: none or several; the message lists what there is.
        """
        exact = [row for row in self.rows if row.key == key]
        asked = key.lower()
        near = [row for row in self.rows if asked in (row.key.lower(), row.key.partition("@")[0].lower())]
        found = exact or near
        if len(found) != 1:
            raise _no_such_row(key, [row.key for row in self.rows])
        return found[0]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def subjects(self) -> tuple[str, ...]:
        """What the subjects are called."""
        return tuple(dict.fromkeys(row.subject for row in self.rows))

    def of(self, subject: str) -> "Scores":
        """The rows of one of several subjects.

        Raises:
            KeyError: there is none of that name; the message lists what there is.
        """
        found = tuple(row for row in self.rows if row.subject == subject)
        if not found:
            raise _no_such_row(subject, self.subjects)
        return Scores(found, named=self.named)

    def dict(self) -> "dict[str, float] | dict[str, dict[str, float]]":
        """Values by metric key, of several subjects by subject and metric key; metrics without a value are left out."""
        by_subject = {
            subject: {row.key: row.value for row in self.of(subject) if row.value is not None}
            for subject in self.subjects
        }
        return by_subject if len(by_subject) > 1 else next(iter(by_subject.values()), {})

    def log(self, target: object, step: int) -> None:
        """Writes the values to an experiment log as "score/kd-efflite0", of several subjects "score/<subject>/...".

        Args:
            target: A TensorBoard SummaryWriter, a W&B run, the module mlflow, or a Lightning logger.
            step: Of training.

        Raises:
            UsageError: the target is none of these.
        """
        several = len(self.subjects) > 1
        numbers = {
            logged_name("score", *([row.subject] if several else []), row.key): row.value
            for row in self.rows
            if row.value is not None
        }
        log_numbers(target, numbers, step)

    @property
    def table(self) -> SubjectTable:
        """A row a subject, a column a metric."""
        rows = [self.of(subject).rows for subject in self.subjects]
        return subject_table(self.subjects, rows, self.standings, named=self.named)

    def to_latex(self) -> str:
        """The table in LaTeX, for booktabs."""
        return self.table.to_latex()

    def to_markdown(self) -> str:
        """The table in Markdown."""
        return self.table.to_markdown()

    def to_csv(self) -> str:
        """The table as CSV, with metric keys for columns and values at full precision."""
        return self.table.to_csv()

    @property
    def frame(self) -> "pd.DataFrame":
        """One line a row, with stderr, interval (low, high), counts, status, note and fingerprint."""
        import pandas as pd

        return pd.DataFrame(
            {
                "subject": [row.subject for row in self.rows],
                "key": [row.key for row in self.rows],
                "value": [row.value for row in self.rows],
                "stderr": [row.stderr for row in self.rows],
                "low": [None if row.ci95 is None else row.ci95[0] for row in self.rows],
                "high": [None if row.ci95 is None else row.ci95[1] for row in self.rows],
                "debiased": [row.debiased for row in self.rows],
                "better": [row.better for row in self.rows],
                "n_real": [row.n_real for row in self.rows],
                "n_fake": [row.n_fake for row in self.rows],
                "status": [row.status for row in self.rows],
                "note": [row.note for row in self.rows],
                "fingerprint": [row.fingerprint for row in self.rows],
            }
        )

    @property
    def per_image(self) -> "pd.DataFrame":
        """Values of paired metrics, one line an image: subject, image, and a column for each metric that keeps them.

        Rows of more than 5,000 images keep none; `ganeval score --per-image FILE` writes those too. PSNR of a pair of
        identical images is infinite.
        """
        import pandas as pd

        lines: dict[tuple[str, str], dict[str, object]] = {}
        keys = []
        for row in self.rows:
            for image, value in (by_image(row) or {}).items():
                line = lines.setdefault((row.subject, image), {"subject": row.subject, "image": image})
                line[row.key] = math.inf if value is None else value
            keys += [row.key] if by_image(row) is not None else []
        return pd.DataFrame(list(lines.values()), columns=["subject", "image", *dict.fromkeys(keys)])

    def _cells(self, rows: Sequence[Result]) -> list[tuple[str, ...]]:
        return [
            (
                row.key,
                _number(row.value),
                _number(row.debiased),
                interval(row.ci95),
                "" if row.n_fake is None else str(row.n_fake),
                row.note,
            )
            for row in rows
        ]

    def __repr__(self) -> str:
        if len(self.subjects) > 1:
            table = self.table
            head = ("", *(column.heading for column in table.columns))
            places = enumerate(table.subjects)
            lines = [(name, *(column.marked_cell(place) for column in table.columns)) for place, name in places]
            return "\n".join([_text_table(head, lines), *map(printable, table.notes)])
        reasons: dict[str, list[str]] = {}
        for row in self.rows:
            if row.value is None:
                reasons.setdefault(row.note, []).append(row.key)
        shown = _noted_table(self.HEAD, self._cells([row for row in self.rows if row.value is not None]))
        return "\n".join([shown, *(printable(f"no {', '.join(keys)}: {why}") for why, keys in reasons.items())])

    def _repr_html_(self) -> str:
        if len(self.subjects) > 1:
            table = self.table
            notes = "".join(f"<div>{html.escape(printable(note))}</div>" for note in table.notes_for(BOLD))
            return f"<div>{table.to_html()}{notes}</div>"
        picture = html_picture(self.picture, "the first images that were scored") if self.picture else ""
        return f"<div>{picture}{html_table(self.HEAD, self._cells(self.rows))}{self._html_ends()}</div>"

    def _html_ends(self) -> str:
        ends = ends_of(self.rows)
        if ends is None or not self.ends:
            return ""
        rows = (("worst", ends.worst), ("best", ends.best))
        words = [f"{place} by {ends.key}: {', '.join(stems)}" for place, stems in rows]
        lines = "".join(f"<div>{html.escape(printable(line))}</div>" for line in words)
        return html_picture(self.ends, "the worst images, above the best ones") + lines


@dataclass(frozen=True, repr=False)
class Comparisons:
    """What `ganeval.compare` gives: is B better than A?

    Attributes:
        rows: One a metric.
        pictures: PNG of the first images of A and of B.
    """

    rows: "tuple[Comparison, ...]"
    pictures: tuple[bytes, bytes] = (b"", b"")

    HEAD = ("metric", "A", "B", "B - A", "95% interval", "B is", "smallest detectable", "note")

    def __getitem__(self, key: str) -> "Comparison":
        """As in `Scores`.

        Raises:
            KeyError: none or several; the message lists what there is.
        """
        exact = [row for row in self.rows if row.result.key == key]
        found = exact or [row for row in self.rows if row.result.key.partition("@")[0] == key]
        if len(found) != 1:
            raise _no_such_row(key, [row.result.key for row in self.rows])
        return found[0]

    def __iter__(self) -> "Iterator[Comparison]":
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def frame(self) -> "pd.DataFrame":
        """One line a metric: key, a, b, delta, stderr, low, high, p, verdict, mde, paired, note."""
        import pandas as pd

        differences = [row.difference for row in self.rows]
        return pd.DataFrame(
            {
                "key": [row.result.key for row in self.rows],
                "a": [row.value_a for row in self.rows],
                "b": [row.result.value for row in self.rows],
                "delta": [d.delta for d in differences],
                "stderr": [d.stderr for d in differences],
                "low": [None if d.ci95 is None else d.ci95[0] for d in differences],
                "high": [None if d.ci95 is None else d.ci95[1] for d in differences],
                "p": [d.p for d in differences],
                "verdict": [d.verdict for d in differences],
                "mde": [d.mde for d in differences],
                "paired": [d.paired for d in differences],
                "note": [d.note for d in differences],
            }
        )

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                row.result.key,
                _number(row.value_a),
                _number(row.result.value),
                _number(row.difference.delta),
                interval(row.difference.ci95),
                row.difference.verdict,
                _number(row.difference.mde),
                row.difference.note,
            )
            for row in self.rows
        ]

    def __repr__(self) -> str:
        return _noted_table(self.HEAD, self._cells())

    def _repr_html_(self) -> str:
        sides = "".join(
            html_picture(png, f"first images of {s}") for s, png in zip("AB", self.pictures, strict=True) if png
        )
        return f"<div>{sides}{html_table(self.HEAD, self._cells())}</div>"
