"""Several subjects in one table: a row a subject, a column a metric, the best value marked only where a test says so.

The same table for a terminal, Markdown, CSV, LaTeX and HTML.
"""

import dataclasses
import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganeval.escaping import latex, markdown, printable, spreadsheet
from ganeval.formatting import in_column
from ganeval.notebook.headline_rows import headline_rows, network_of, request_of, shown_value, title_of
from ganeval.notebook.training_spread import training_notes
from ganeval.results.result import Result

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
LATEX_ARROWS = {"lower": r" $\downarrow$", "higher": r" $\uparrow$", "neither": ""}
MARKED = "*"
BOLD = "Bold:"


@dataclass(frozen=True)
class Standing:
    """The best subject of one metric against the second.

    Attributes:
        key: The metric's.
        best: Place of the subject that is significantly better than all others, None where none is.
        words: The difference of best and second; "" where there is no number.
        untested: Why it was not tested, "" where it was.
    """

    key: str
    best: int | None
    words: str
    untested: str = ""


@dataclass(frozen=True)
class Column:
    """One metric.

    Attributes:
        key: Its metric key.
        title: Its name in the field's words.
        better: "lower", "higher" or "neither".
        values: One a subject; None where there is none.
        best: As in `Standing`.
    """

    key: str
    title: str
    better: str
    values: tuple[float | None, ...]
    best: int | None

    @property
    def heading(self) -> str:
        """The title with its direction."""
        return f"{self.title} {ARROWS[self.better]}".rstrip()

    def cell(self, place: int) -> str:
        """The value of one subject, as people read it."""
        return in_column(self.values)[place]

    def marked_cell(self, place: int) -> str:
        """The same with the mark of the best, in plain text."""
        return f"{self.cell(place)}{MARKED if self.best == place else ''}"


@dataclass(frozen=True)
class SubjectTable:
    """All of it.

    Attributes:
        subjects: What they are called.
        columns: One a metric.
        differences: Best against second in words, what was not tested, and how training runs vary.
    """

    subjects: tuple[str, ...]
    columns: tuple[Column, ...]
    differences: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the mark means in plain text, and the differences."""
        return self.notes_for(MARKED)

    def notes_for(self, mark: str) -> tuple[str, ...]:
        """The same where the best are marked otherwise, as "Bold:"."""
        marked = any(column.best is not None for column in self.columns)
        best = (f"{mark} the best, and significantly better than the second (95%)",) if marked else ()
        return (*best, *self.differences)

    @property
    def frame(self) -> "pd.DataFrame":
        """Values by subject and metric key."""
        import pandas as pd

        data = {
            column.key: [math.nan if value is None else value for value in column.values] for column in self.columns
        }
        return pd.DataFrame(data, index=pd.Index(self.subjects, name="subject"))

    def to_csv(self) -> str:
        """Values by metric key at full precision; a name that a spreadsheet would run gets an apostrophe."""
        return self.frame.rename(index=spreadsheet).to_csv()

    def to_markdown(self) -> str:
        """A table whose marked values are bold, with its notes."""
        head = ["", *(markdown(column.heading) for column in self.columns)]
        lines = [head, ["---", *["---:"] * len(self.columns)]]
        for place, subject in enumerate(self.subjects):
            cells = [f"**{c.cell(place)}**" if c.best == place else c.cell(place) for c in self.columns]
            lines.append([markdown(subject), *cells])
        table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        return table + "".join(f"\n{markdown(note)}\n" for note in self.notes_for(BOLD))

    def to_latex(self) -> str:
        """A booktabs table whose marked values are bold, with its notes as comments."""
        table = self._styled(latex, "textbf:--rwrap;", LATEX_ARROWS).to_latex(
            hrules=True, column_format="l" + "r" * len(self.columns)
        )
        return table + "".join(f"% {printable(note)}\n" for note in self.notes_for(BOLD))

    def to_html(self) -> str:
        """A table for a notebook: numbers to the right, marked values bold, no line that wraps."""
        styled = self._styled(
            html.escape, "font-weight:bold", {k: f" {v}" for k, v in ARROWS.items()}
        ).set_table_styles(
            [
                {"selector": "th, td", "props": "white-space:nowrap;text-align:right;padding:2px 8px"},
                {"selector": "th.row_heading", "props": "text-align:left"},
            ]
        )
        return str(styled.to_html())

    def _styled(self, escape: Callable[[str], str], bold: str, arrows: Mapping[str, str]) -> "Styler":
        import pandas as pd

        rows = range(len(self.subjects))
        frame = pd.DataFrame([[column.cell(row) for column in self.columns] for row in rows])
        marks = frame.copy()
        for number, column in enumerate(self.columns):
            marks[number] = [bold if column.best == row else "" for row in rows]
        headings = [_braced(escape(column.title) + arrows[column.better]) for column in self.columns]
        return (
            frame.style.apply(lambda _: marks, axis=None)
            .relabel_index(headings, axis="columns")
            .relabel_index([_braced(escape(subject)) for subject in self.subjects], axis="index")
        )


def _braced(label: str) -> str:
    """A label as pandas takes it: it calls `str.format` on each."""
    return label.replace("{", "{{").replace("}", "}}")


def _html(text: str) -> str:
    return html.escape(printable(text))


def subject_table(
    subjects: Sequence[str], rows: Sequence[Sequence[Result]], standings: Sequence[Standing], *, named: bool
) -> SubjectTable:
    """Makes the table.

    Args:
        subjects: What they are called.
        rows: The rows of each subject.
        standings: Best against second, by metric key.
        named: True where the user named the metrics: then all of them have a column.
    """
    chosen = [headline_rows(results, named=named) for results in rows]
    first: dict[str, Result] = {}
    for row in (row for results in chosen for row in results):
        first.setdefault(row.key, row)
    networks = {network_of(row) for row in first.values() if not request_of(row).paired and network_of(row)}
    found = {standing.key: standing for standing in standings}
    columns, words = [], []
    reasons: dict[str, list[str]] = {}
    for key, row in first.items():
        by_subject = [next((r for r in results if r.key == key and r.status == "ok"), None) for results in rows]
        if not any(by_subject):
            continue
        debiased = all(r is None or r.debiased is not None for r in by_subject)
        values = tuple(None if r is None else shown_value(r) if debiased else r.value for r in by_subject)
        title = title_of(row if debiased else dataclasses.replace(row, debiased=None), network=len(networks) > 1)
        standing = found.get(key)
        columns.append(Column(key, title, row.better, values, None if standing is None else standing.best))
        if standing is not None:
            if standing.words:
                words.append(f"{title}: {standing.words}{', untested' if standing.untested else ''}")
            if standing.untested:
                reasons.setdefault(standing.untested, []).append(title)
        words += training_notes(title, by_subject)
    words += [f"Untested: {', '.join(titles)}: {reason}" for reason, titles in reasons.items()]
    return SubjectTable(tuple(subjects), tuple(columns), tuple(words))
