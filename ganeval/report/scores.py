"""Score rows as the page shows them: one table a number and protocol, histories over steps or time, bars by class."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from ganeval.report.axes import Axis
from ganeval.report.charts import Dot, DotChart, LineChart, Series
from ganeval.report.svg import glyph_axis
from ganeval.report.words import MINUS, number

MAX_ROWS = 200  # of a table; the rest is counted
MAX_CLASS_CHARTS = 24
MAX_HISTORIES = 24
ANCHORS = frozenset({"untrained"})
DAY = 86_400.0


@dataclass(frozen=True)
class ScoreRow:
    """One number.

    Attributes:
        label: What was scored.
        checkpoint: "last", "best", "untrained", ...; "" for images.
        dot: Value and interval.
        debiased: In words, "" where there is none.
        note: What the reader must know.
        time: Day on which it was scored.
    """

    label: str
    checkpoint: str
    dot: Dot
    debiased: str
    note: str
    time: str


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
        floor: Between two halves of the reference, None where it was not measured.
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


def usable(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a value, the newest last."""
    return rows[(rows["status"] == "ok") & rows["value"].notna()].sort_values(
        "time", kind="stable", na_position="first"
    )


def label_of(row: Mapping[str, Any]) -> str:
    """What a row is of: recipe and seed of a checkpoint, else the subject."""
    recipe = text(row["recipe"])
    if not recipe:
        return text(row["subject"])
    seed = whole(row["training_seed"])
    return recipe if seed is None else f"{recipe}, seed {seed}"


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as mappings of column to cell."""
    return cast(list[dict[str, Any]], rows.to_dict("records"))


def text(value: object) -> str:
    """A cell as text; "" for a missing one."""
    return "" if value is None or value is pd.NA or value != value else str(value)


def whole(value: object) -> int | None:
    """A cell as an integer; None for a missing one."""
    return None if not text(value) else int(float(text(value)))


def real(value: object) -> float | None:
    """A cell as a number; None for a missing one."""
    return None if not text(value) else float(text(value))


def score_tables(rows: pd.DataFrame) -> list[ScoreTable]:
    """One table a key and fingerprint, the newest row of each subject; numbers by class have their own charts."""
    kept = rows[~rows["key"].str.contains(":")]
    return [_score_table(str(key), str(print_), part) for (key, print_), part in _groups(kept, ["key", "fingerprint"])]


def _score_table(key: str, fingerprint: str, rows: pd.DataFrame) -> ScoreTable:
    newest: dict[tuple[str, str], ScoreRow] = {}
    for row in records(rows):
        label, checkpoint = label_of(row), text(row["checkpoint"])
        dot = Dot(
            f"{label} {checkpoint}".strip(),
            float(row["value"]),
            real(row["ci_low"]),
            real(row["ci_high"]),
            checkpoint in ANCHORS,
        )
        debiased = number(real(row["debiased"]))
        newest[label, checkpoint] = ScoreRow(label, checkpoint, dot, debiased, text(row["note"]), day_of(row["time"]))
    last = rows.iloc[-1]
    better = text(last["better"])
    ordered = sorted(newest.values(), key=lambda one: -one.dot.value if better == "higher" else one.dot.value)
    shown = ordered[:MAX_ROWS]
    sides = [f"{whole(last[name]):,} {word}" for name, word in COUNTED if whole(last[name]) is not None]
    return ScoreTable(
        key,
        better,
        fingerprint,
        " against ".join(sides),
        shown,
        glyph_axis([row.dot for row in shown], bars=False),
        real(last["floor"]),
        len(ordered) - len(shown),
    )


COUNTED = (("n_fake", "images"), ("n_real", "of the reference"))


def histories(rows: pd.DataFrame) -> list[LineChart]:
    """How a subject went: over training steps where rows know theirs, else over the days on which it was scored.

    A step counts once (its newest row); a chart holds the seeds of one recipe.
    """
    kept = rows[~rows["key"].str.contains(":")]
    charts: list[LineChart] = []
    for (key, _), part in _groups(kept, ["key", "fingerprint"]):
        over_steps = part[part["step"].notna() & (part["recipe"].fillna("") != "")]
        for recipe, group in _groups(over_steps, ["recipe"]):
            series = [_series(f"seed {seed}", one, "step") for seed, one in _groups(group, ["training_seed"])]
            charts += _chart(f"{recipe} {key}", "step", str(key), series)
        others = part[~part.index.isin(over_steps.index)]
        for subject, group in _groups(others, ["subject"]):
            days = group.assign(day=_days(group["time"])).dropna(subset=["day"])
            charts += _chart(f"{subject} {key}", "days since the first score", str(key), [_series(key, days, "day")])
    return charts[:MAX_HISTORIES]


def _series(name: object, rows: pd.DataFrame, x: str) -> Series | None:
    """None where there are fewer than two places."""
    newest = rows.drop_duplicates(x, keep="last").sort_values(x)
    if len(newest) < 2:
        return None
    ends = [tuple(real(v) for v in newest[name]) for name in ("ci_low", "ci_high")]
    return Series(str(name), tuple(map(float, newest[x])), tuple(map(float, newest["value"])), *ends)


def _chart(title: str, x_label: str, y_label: str, series: Sequence[Series | None]) -> list[LineChart]:
    known = tuple(one for one in series if one is not None)
    return [LineChart(title, x_label, y_label, known[:8])] if known else []


def _days(times: "pd.Series[Any]") -> "pd.Series[Any]":
    """Days since the first of these times."""
    return cast("pd.Series[Any]", (times - times.min()).dt.total_seconds() / DAY)


def day_of(time: object) -> str:
    """The day of a time stamp, "" where it is not known."""
    return time.date().isoformat() if isinstance(time, pd.Timestamp) and text(time) else ""


def class_charts(rows: pd.DataFrame) -> list[DotChart]:
    """Bars by class of every subject's newest rows ("fd_per_class:7@efflite0"), worst class first."""
    classed = rows[rows["key"].str.contains(":")]
    labels = [f"{label_of(row)} {text(row['checkpoint'])}".strip() for row in records(classed)]
    names = classed["key"].str.extract(r"^(?P<output>[^:]*):(?P<label>.*?)(?:@(?P<backbone>[^@]*))?$")
    classed = classed.assign(who=labels, **names)
    charts: list[DotChart] = []
    for (who, output, backbone), part in _groups(classed, ["who", "output", "backbone"]):
        newest = part.drop_duplicates("label", keep="last")
        newest = newest.sort_values("value", ascending=text(newest["better"].iloc[-1]) == "higher", kind="stable")
        dots = tuple(Dot(str(row["label"]), float(row["value"])) for row in records(newest))
        charts.append(DotChart(str(who), f"{output}@{backbone}" if text(backbone) else str(output), dots, bars=True))
    return charts[:MAX_CLASS_CHARTS]


def _groups(rows: pd.DataFrame, names: list[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Groups in order of first appearance; a single name gives plain keys."""
    for key, part in rows.groupby(names, sort=False, dropna=False):
        yield (key[0] if len(names) == 1 else key), part


def interval(dot: Dot) -> str:
    """Both ends in words, "" without."""
    if dot.low is None or dot.high is None:
        return ""
    low, high = (f"{end:.4g}".replace("-", MINUS) for end in (dot.low, dot.high))
    return f"{low} to {high}"
