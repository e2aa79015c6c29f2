"""The page itself: templates filled in, one style sheet and one script inside, and a policy that forbids the rest."""

import base64
import datetime
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ganeval._version import __version__
from ganeval.doctor.section import DoctorSection
from ganeval.errors import DataError
from ganeval.formatting import counted
from ganeval.leaderboard.timing_board import TimingTable
from ganeval.report import svg
from ganeval.report.boards import BoardView, dot_of, in_words
from ganeval.report.charts import DotChart, LineChart
from ganeval.report.crops import CropSheet
from ganeval.report.galleries import Gallery
from ganeval.report.numbers import number, spread, to_spread
from ganeval.report.pictures import Album
from ganeval.report.protocols import ProtocolFacts
from ganeval.report.runs import Training
from ganeval.report.scores import ScoreTable, interval

MAX_BYTES = 8_000_000
PICTURE_BYTES = 5_500_000
MAX_LINE_VALUES = 20  # rows of the table under a chart
IN_SIGHT = 6  # charts of a section; further ones are folded away
FIRST_GRIDS = 2  # runs of one recipe whose grids are in sight; those of the others are folded away
# Control characters, halves of surrogate pairs (bytes of file names that are no text), marks that turn the direction.
NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Page:
    """What a report holds; empty sections are left out of it.

    Attributes:
        boards: Leaderboards.
        timings: Tables of each machine's latest run.
        tables: Scores by key and fingerprint.
        tables_left_out: How many further ones there are.
        histories: Scores over steps or days.
        classes: Bars by class.
        trainings: Runs by recipe.
        pairs: Pairs under a slider.
        blamed: Images by their influence.
        examined: What `doctor` found in images.
        protocols: Fingerprints and what they stand for.
        album: Every picture of the above.
        problems: What could not be read, in words.
    """

    boards: Sequence[BoardView]
    timings: Sequence[TimingTable]
    tables: Sequence[ScoreTable]
    tables_left_out: int
    histories: Sequence[LineChart]
    classes: Sequence[DotChart]
    trainings: Sequence[Training]
    pairs: Sequence[Gallery]
    crops: Sequence[CropSheet]
    blamed: Sequence[Gallery]
    examined: Sequence[DoctorSection]
    protocols: Sequence[ProtocolFacts]
    album: Album
    problems: list[str]

    @property
    def sections(self) -> list[tuple[str, str]]:
        """(id, words) of the sections that are there, for the navigation."""
        known = [
            ("boards", "Boards", self.boards),
            ("timings", "Timings", self.timings),
            ("scores", "Scores", self.tables),
            ("history", "History", self.histories),
            ("classes", "By class", self.classes),
            ("training", "Training", self.trainings),
            ("pairs", "Pairs", self.pairs),
            ("crops", "Crops", self.crops),
            ("blame", "Images", self.blamed),
            ("doctor", "Examined", self.examined),
            ("protocols", "Protocols", self.protocols),
        ]
        return [(name, words) for name, words, content in known if content]


def render(page: Page, title: str) -> bytes:
    """The whole file as UTF-8.

    Raises:
        DataError: it would be larger than MAX_BYTES.
    """
    style, script = asset("report.css"), asset("report.js")
    environment = Environment(
        loader=PackageLoader("ganeval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "number": number,
        "spread": spread,
        "to_spread": to_spread,
        "counted": counted,
        "dot_of": dot_of,
        "in_words": in_words,
        "interval": interval,
        "line_values": line_values,
        "draw_lines": svg.line_chart,
        "draw_histogram": svg.histogram,
        "draw_scatter": svg.scatter,
        "glyph": svg.glyph,
        "glyph_axis": svg.glyph_axis,
        "glyph_scale": svg.glyph_scale,
        "pictures": page.album.encode(PICTURE_BYTES),
    }
    text = environment.get_template("page.html.j2").render(
        title=title,
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        summary=_summary(page),
        sections=page.sections,
        written=_moment().strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        first_grids=FIRST_GRIDS,
        in_sight=IN_SIGHT,
        boards=page.boards,
        timings=page.timings,
        tables=page.tables,
        tables_left_out=page.tables_left_out,
        histories=page.histories,
        classes=page.classes,
        trainings=page.trainings,
        pairs=page.pairs,
        crops=page.crops,
        blamed=page.blamed,
        examined=page.examined,
        protocols=page.protocols,
        problems=page.problems,
    )
    data = NO_TEXT.sub("\ufffd", text).encode("utf-8")
    if len(data) > MAX_BYTES:
        raise DataError(
            f"The page would be {len(data):,} bytes; at most {MAX_BYTES:,} are written. Name fewer --runs or --results."
        )
    return data


def policy(style: str, script: str) -> str:
    """A content security policy: this style sheet, this script, pictures inside the page, and nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def line_values(chart: LineChart) -> list[tuple[str, list[str]]]:
    """Rows of the table under a chart: the place, and each series' value there; evenly chosen where there are many."""
    places = sorted({x for series in chart.series for x in series.x})
    if len(places) > MAX_LINE_VALUES:
        places = [places[round(i)] for i in np.linspace(0, len(places) - 1, MAX_LINE_VALUES)]
    known = [dict(zip(series.x, series.y, strict=True)) for series in chart.series]
    words = [chart.names[int(place)] if chart.names else f"{place:,.6g}" for place in places]
    return [(word, [number(values.get(place)) for values in known]) for word, place in zip(words, places, strict=True)]


def _moment() -> datetime.datetime:
    """When the page was written; $SOURCE_DATE_EPOCH where it is set, so that a page can be made again byte for byte."""
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    if stated.isdecimal() and len(stated) < 12:
        return datetime.datetime.fromtimestamp(int(stated), datetime.UTC)
    return datetime.datetime.now(datetime.UTC)


def _summary(page: Page) -> str:
    parts = []
    if page.boards:
        parts.append(counted(len(page.boards), "board"))
    if page.tables:
        parts.append(counted(sum(len(table.rows) + table.hidden for table in page.tables), "score"))
    if page.trainings:
        parts.append(counted(sum(len(group.runs) for group in page.trainings), "training run"))
    if page.pairs:
        parts.append(counted(sum(gallery.count for gallery in page.pairs), "pair"))
    return " · ".join(parts)


def asset(name: str) -> str:
    """A file of the templates' folder."""
    return (resources.files("ganeval.report") / "templates" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
