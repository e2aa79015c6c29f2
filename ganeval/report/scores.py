"""Score rows as the page shows them: one table a number and protocol, histories over steps or time, bars by class."""

import dataclasses
import datetime
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from ganeval.leaderboard.reading import Row
from ganeval.leaderboard.standings import UNTRAINED
from ganeval.report.axes import Axis
from ganeval.report.charts import Dot, DotChart, LineChart, Series
from ganeval.report.numbers import MINUS, number
from ganeval.report.svg import glyph_axis

MAX_TABLES = 40
MAX_ROWS = 200  # of a table; the rest is counted
MAX_CLASS_CHARTS = 24
MAX_HISTORIES = 24
MAX_LINES = 8  # of one history
SHORT = 7  # digits of a commit
DAY = datetime.timedelta(days=1)

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class ScoreRow:
    """One number.

    Attributes:
        label: What was scored.
        checkpoint: "last", "best", "untrained", ...; "" for images.
        dot: Value and interval.
        debiased: In words, "" where there is none.
        note: What the reader must know.
        day: On which it was scored, "" where unknown.
    """

    label: str
    checkpoint: str
    dot: Dot
    debiased: str
    note: str
    day: str


@dataclass(frozen=True)
class ScoreTable:
    """All numbers of one key under one fingerprint: what may be compared.

    Attributes:
        key: "fd@efflite0".
        better: "lower", "higher" or "neither".
        fingerprint: Of the protocol.
        counts: How many images the numbers are of, in words.
        rows: Best first.
        axis: Of the glyphs.
        floor: Between two parts of the reference, None where it was not measured.
        hidden: How many more rows there are.
    """

    key: str
    better: str
    fingerprint: str
    counts: str
    rows: Sequence[ScoreRow]
    axis: Axis
    floor: float | None
    hidden: int

    @property
    def chart(self) -> DotChart:
        """The same as a picture."""
        return DotChart(f"{self.key} {self.fingerprint}", self.key, tuple(row.dot for row in self.rows))


def usable(rows: Iterable[Row]) -> list[Row]:
    """Rows with a value and a protocol, the newest last."""
    kept = [row for row in rows if row.status == "ok" and row.value is not None and row.fingerprint is not None]
    return sorted(kept, key=lambda row: row.time or "")


def label_of(row: Row) -> str:
    """What a row is of: recipe and seed of a checkpoint, else the subject."""
    if row.recipe is None:
        return row.subject
    return row.recipe if row.training_seed is None else f"{row.recipe}, seed {row.training_seed}"


def score_tables(rows: Sequence[Row]) -> tuple[list[ScoreTable], int]:
    """One table a key and fingerprint, the newest row of each subject; numbers by class have their own charts.

    Returns:
        The MAX_TABLES with the most rows, in order of first appearance, and how many there are beyond.
    """
    groups = _groups(_whole(rows), lambda row: (row.key, row.fingerprint))
    large = set(sorted(groups, key=lambda key: -len(groups[key]))[:MAX_TABLES])
    tables = [
        _score_table(key, fingerprint or "", part)
        for (key, fingerprint), part in groups.items()
        if (key, fingerprint) in large
    ]
    return tables, len(groups) - len(tables)


def _score_table(key: str, fingerprint: str, rows: Sequence[Row]) -> ScoreTable:
    newest = {(label_of(row), row.checkpoint or ""): row for row in rows}
    sign = -1 if rows[-1].better == "higher" else 1
    ordered = sorted(newest.items(), key=lambda item: sign * _value(item[1]))
    shown = [_score_row(label, checkpoint, row) for (label, checkpoint), row in ordered[:MAX_ROWS]]
    last = rows[-1]
    sides = [
        f"{n:,} {word}" for n, word in ((last.n_fake, "images"), (last.n_real, "of the reference")) if n is not None
    ]
    return ScoreTable(
        key,
        last.better,
        fingerprint,
        " against ".join(sides),
        shown,
        glyph_axis([row.dot for row in shown], bars=False),
        last.floor,
        len(ordered) - len(shown),
    )


def _score_row(label: str, checkpoint: str, row: Row) -> ScoreRow:
    words = f"{label} {checkpoint}".strip()
    dot = Dot(words, _value(row), row.ci_low, row.ci_high, checkpoint == UNTRAINED)
    moment = _moment(row)
    return ScoreRow(label, checkpoint, dot, number(row.debiased), row.note, moment.date().isoformat() if moment else "")


def histories(rows: Sequence[Row]) -> list[LineChart]:
    """How a subject went: over training steps, over commits, and without commits over the days on which it was scored.

    A step or a commit counts once (its newest row); a chart over steps holds the seeds of one recipe, one over commits
    all that was scored under one name.
    """
    return list(islice(_histories(rows), MAX_HISTORIES))


def _histories(rows: Sequence[Row]) -> Iterator[LineChart]:
    for (key, _), part in _groups(_whole(rows), lambda row: (row.key, row.fingerprint)).items():
        trained = [row for row in part if row.recipe is not None and row.step is not None]
        for recipe, group in _groups(trained, lambda row: row.recipe).items():
            seeds = _groups(group, lambda row: row.training_seed)
            series = [_series(f"seed {seed}", [(row.step or 0, row) for row in one]) for seed, one in seeds.items()]
            yield from _chart(f"{recipe} {key}", "step", key, series)
        for label, group in _groups(part, label_of).items():
            committed = [row for row in group if row.commit is not None]
            if len({row.commit for row in committed}) > 1:
                yield from _over_commits(label, key, committed)
                continue
            untrained = [row for row in group if row.recipe is None or row.step is None]
            dated = [(moment, row) for row in untrained if (moment := _moment(row)) is not None]
            first = min((moment for moment, _ in dated), default=None)
            days = _series(key, [((moment - first) / DAY, row) for moment, row in dated if first is not None])
            yield from _chart(f"{label} {key}", "days since the first score", key, [days])


def _over_commits(label: str, key: str, rows: Sequence[Row]) -> list[LineChart]:
    """Rows in the order in which their commits were first scored; `usable` has put the newest last."""
    places = {commit: place for place, commit in enumerate(dict.fromkeys(row.commit or "" for row in rows))}
    kinds = _groups(rows, lambda row: row.checkpoint or key)
    series = [_series(kind, [(places[row.commit or ""], row) for row in group]) for kind, group in kinds.items()]
    names = tuple(commit[:SHORT] for commit in places)
    return [dataclasses.replace(chart, names=names) for chart in _chart(f"{label} {key}", "commit", key, series)]


def _series(name: str, placed: Iterable[tuple[float, Row]]) -> Series | None:
    """The newest row of each place; None where there are fewer than two places."""
    newest = sorted(dict(placed).items(), key=lambda pair: pair[0])
    if len(newest) < 2:
        return None
    points = [row for _, row in newest]
    return Series(
        name,
        tuple(float(x) for x, _ in newest),
        tuple(map(_value, points)),
        tuple(row.ci_low for row in points),
        tuple(row.ci_high for row in points),
    )


def _chart(title: str, x_label: str, y_label: str, series: Sequence[Series | None]) -> list[LineChart]:
    known = tuple(one for one in series if one is not None)
    return [LineChart(title, x_label, y_label, known[:MAX_LINES])] if known else []


def class_charts(rows: Sequence[Row]) -> list[DotChart]:
    """Bars by class of every subject's newest rows ("fd_per_class:7@efflite0"), worst class first."""
    parts: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        output, colon, rest = row.key.partition(":")
        if colon:
            name, at, backbone = rest.rpartition("@")
            who = f"{label_of(row)} {row.checkpoint or ''}".strip()
            # The last "@" parts the backbone; a class may be called anything.
            parts.setdefault((who, f"{output}{at}{backbone}" if at else output), {})[name if at else rest] = row
    charts = []
    for (who, key), named in islice(parts.items(), MAX_CLASS_CHARTS):
        higher = next(iter(named.values())).better == "higher"
        ordered = sorted(named.items(), key=lambda item: _value(item[1]), reverse=not higher)
        charts.append(DotChart(who, key, tuple(Dot(name, _value(row)) for name, row in ordered), bars=True))
    return charts


def interval(dot: Dot) -> str:
    """Both ends in words, "" without."""
    if dot.low is None or dot.high is None:
        return ""
    low, high = (f"{end:.4g}".replace("-", MINUS) for end in (dot.low, dot.high))
    return f"{low} to {high}"


def _whole(rows: Iterable[Row]) -> list[Row]:
    """Rows that are no part of another."""
    return [row for row in rows if ":" not in row.key]


def _groups(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """Groups in order of first appearance."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _value(row: Row) -> float:
    if row.value is None:
        raise ValueError(f"{row.file}:{row.line} has no value; `usable` leaves such rows out")
    return row.value


def _moment(row: Row) -> datetime.datetime | None:
    """When a row was scored; times without a zone are taken as UTC."""
    try:
        moment = datetime.datetime.fromisoformat(row.time or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
