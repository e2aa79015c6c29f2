"""From rows to the lines of a board: which rows are its own, seeds pooled, ranks with ties, anchors, what is apart."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ganeval.formatting import counted
from ganeval.leaderboard.boards import Board
from ganeval.leaderboard.cells import Cell, pooled, single
from ganeval.leaderboard.costs import COSTS, PARAMETERS, Cost, CostKind
from ganeval.leaderboard.pareto import front
from ganeval.leaderboard.reading import Row
from ganeval.leaderboard.significance import ByImage, Contender, Ranking, identical_images, place, rank, values_by_image

UNTRAINED, LAST, BEST = "untrained", "last", "best"


@dataclass(frozen=True)
class Entry:
    """One line of a board.

    Attributes:
        name: Recipe of a checkpoint, else the subject.
        checkpoint: "last", "best", ...; "" for what isn't a checkpoint.
        anchor: What the anchor is, in words; "" for an entry that is ranked.
        seeds: Training seeds pooled here; empty where there is none.
        cells: Key -> number.
        parameters: Of the generator, None where unknown.
        cost: Its costs by name, measured on one machine in one run each; those that are known.
        rank: "1", "2=", "2?", or "" for anchors and where the sort key is missing: see `significance.Ranking`.
        fronts: Costs in which no other entry beats it at its quality or better: "parameters", "training", "sampling".
    """

    name: str
    checkpoint: str
    anchor: str
    seeds: tuple[int, ...]
    cells: Mapping[str, Cell]
    parameters: int | None
    cost: Cost
    rank: str = ""
    fronts: tuple[str, ...] = ()

    def costs(self, kind: CostKind) -> float | None:
        """One cost, None where it is not known; parameters are those of the checkpoint that was scored."""
        return self.parameters if kind is PARAMETERS else self.cost.get(kind.name)


@dataclass(frozen=True)
class Column:
    """What one column shows.

    Attributes:
        key: Of its rows.
        better: Which direction is good.
        fingerprint: Of the protocol that all its numbers share.
        debiased: True where all rows have a bias-corrected value, which is then shown and ranked in place of the plain.
        pinned: Whether the board names the fingerprint; otherwise most rows have it.
        paired: Whether it is of image pairs, whose values by image are compared.
        facts: What of the protocol changes a number's meaning, in words: "100 pairs, Y, crop 4".
    """

    key: str
    better: str
    fingerprint: str
    debiased: bool
    pinned: bool
    paired: bool = False
    facts: str = ""


@dataclass(frozen=True)
class Apart:
    """A row of the board's data under another protocol: not comparable, so not in the table.

    Attributes:
        row: The row.
        differs: In which fields of the protocol, in words.
        advice: What brings it into the table, where that is another version of the metric; else "".
    """

    row: Row
    differs: str
    advice: str = ""


@dataclass(frozen=True)
class Standings:
    """A board with its lines, best first, then what could not be ranked, then the anchors.

    Attributes:
        board: What is shown.
        columns: One a key.
        entries: Its lines.
        apart: Rows of other protocols.
        tested: Pairs of entries whose difference in the sort key was tested, together, for the ranks.
        untested: Why -> pairs that could not be.
    """

    board: Board
    columns: tuple[Column, ...]
    entries: tuple[Entry, ...]
    apart: tuple[Apart, ...]
    tested: int
    untested: Mapping[str, int]


def feed(board: Board, rows: Sequence[Row]) -> list[Row]:
    """Rows with a value that the board is about: of its files, or of a fingerprint that it pins."""
    own = {file for file in {row.file for row in rows} if board.feeds_on(file)}
    return [
        row
        for row in rows
        if row.status == "ok"
        and row.fingerprint is not None
        and row.key in board.metrics
        and (row.file in own or board.fingerprints.get(row.key) == row.fingerprint)
        and (not board.models or row.model is None or row.model in board.models)
    ]


def stand(board: Board, rows: Sequence[Row], costs: Mapping[str, Cost] | None = None) -> Standings:
    """Pools, ranks and sets apart.

    Args:
        board: What to show.
        rows: Of any boards, in the order in which they were written.
        costs: Entry -> what it takes.
    """
    fed = feed(board, rows)
    chosen = {key: _fingerprint(board, key, fed) for key in board.metrics}
    shown = _without_repeats(_newest([row for row in fed if row.fingerprint == chosen[row.key]]))
    columns = tuple(_column(board, key, [row for row in shown if row.key == key]) for key in board.metrics)
    columns = tuple(column for column in columns if column.fingerprint)
    board = board if board.sort else replace(board, sort=_leading(board.metrics, shown))
    entries = _entries(board, shown, columns, costs or {})
    examples = {row.key: row for row in shown}
    others = {(row.key, row.fingerprint): row for row in fed if row.fingerprint != chosen[row.key]}
    words = {each: _not_shown(row, examples.get(row.key)) for each, row in others.items()}
    apart = tuple(Apart(row, *words[row.key, row.fingerprint]) for row in fed if (row.key, row.fingerprint) in words)
    ranking_rows = [row for row in shown if row.key == board.sort]
    lines, ranking = _ranked(entries, board.sort, columns, _by_image(ranking_rows), _identical(ranking_rows))
    return Standings(board, columns, lines, apart, ranking.tested, ranking.untested)


def identity(row: Row) -> tuple[str, str]:
    """Which line of a board a row belongs to: recipe (else subject) and checkpoint."""
    return row.recipe or row.subject, row.checkpoint or ""


def _leading(metrics: Sequence[str], shown: Sequence[Row]) -> str:
    """What a board without a sort key is ranked by: the first metric that has a standard error in every row."""
    known = [key for key in metrics if any(row.key == key for row in shown)]
    return next(
        (key for key in known if all(row.stderr is not None for row in shown if row.key == key)),
        known[0] if known else metrics[0],
    )


def _fingerprint(board: Board, key: str, fed: Sequence[Row]) -> str:
    """The pinned one, else that of most rows, and of those the latest.

    Protocols that differ in nothing but the version of the metric count together, and the newest version is taken: no
    row of an older one can be made any more.
    """
    if key in board.fingerprints:
        return board.fingerprints[key]
    own = [row for row in fed if row.key == key]
    texts = {row.fingerprint or "": row.protocol for row in own}
    fields = {print_: _fields(text) for print_, text in texts.items()}
    family = {print_: json.dumps(_of_any_version(known), sort_keys=True) for print_, known in fields.items()}
    counts = Counter(family[row.fingerprint or ""] for row in own)
    latest = {family[row.fingerprint or ""]: (row.time or "", place) for place, row in enumerate(own)}
    return max(
        fields,
        key=lambda print_: (counts[family[print_]], latest[family[print_]], _version(fields[print_])),
        default="",
    )


def _not_shown(row: Row, shown: Row | None) -> tuple[str, str]:
    """Why rows of a protocol are not in the table, and what brings them in, beside a row that is."""
    if shown is None:
        return "no row is shown", ""
    differs, theirs, ours = differing(row.protocol, shown.protocol), _fields(row.protocol), _fields(shown.protocol)
    if _of_any_version(theirs) != _of_any_version(ours):
        return differs, ""
    if _version(theirs) > _version(ours):
        return differs, "boards.toml pins the older version: score the rows of that again, and take the pin out"
    return differs, "Score them again with this version of ganeval, or pin the older protocols in boards.toml for all"


def _newest(rows: Sequence[Row]) -> list[Row]:
    """Of rows that say the same thing (line, seed and key) the latest; of equal times the one further down."""
    kept: dict[object, Row] = {}
    for row in sorted(rows, key=lambda row: row.time or ""):
        kept[(identity(row), row.training_seed, row.key)] = row
    return list(kept.values())


def _without_repeats(rows: Sequence[Row]) -> list[Row]:
    """One line for one network: without the best checkpoint of a recipe of which, for every seed, it is the last."""
    made: dict[tuple[str, str], set[object]] = {}
    for row in rows:
        if row.recipe is not None and row.step is not None:
            made.setdefault((row.recipe, row.checkpoint or ""), set()).add((row.key, row.training_seed, row.step))
    repeats = {name for name, stem in made if stem == BEST and made[name, BEST] == made.get((name, LAST))}
    return [row for row in rows if row.checkpoint != BEST or row.recipe not in repeats]


def _column(board: Board, key: str, rows: Sequence[Row]) -> Column:
    debiased = bool(rows) and all(row.debiased is not None for row in rows)
    fingerprint = rows[0].fingerprint or "" if rows else ""
    better = rows[0].better if rows else "neither"
    fields = _fields(rows[0].protocol) if rows else {}
    paired = fields.get("crop_border") is not None
    return Column(key, better, fingerprint, debiased, key in board.fingerprints, paired, _facts(fields, paired=paired))


def _facts(fields: Mapping[str, object], *, paired: bool) -> str:
    """How many images, and what was done to them."""
    n_real, n_fake = fields.get("n_real"), fields.get("n_fake")
    if not isinstance(n_fake, int):
        return ""
    if not paired:
        return f"n = {n_fake:,}" + (f" against {n_real:,}" if isinstance(n_real, int) and n_real != n_fake else "")
    facts = [counted(n_fake, "pair")]
    facts += ["Y"] if fields.get("channel") == "y" else []
    facts += [f"mod-crop {fields['params.mod_crop']}"] if "params.mod_crop" in fields else []
    facts += [f"crop {fields['crop_border']}"] if fields.get("crop_border") else []
    facts += ["masked"] if "params.mask" in fields else []
    return ", ".join(facts)


def _entries(board: Board, rows: Sequence[Row], columns: Sequence[Column], costs: Mapping[str, Cost]) -> list[Entry]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault(identity(row), []).append(row)
    entries = []
    for (name, checkpoint), group in groups.items():
        cells = {column.key: _cell(column, own) for column in columns if (own := _of_key(group, column.key))}
        label = next((board.anchors[row.subject] for row in group if row.subject in board.anchors), "")
        seeds = sorted({row.training_seed for row in group if row.training_seed is not None})
        sizes = [row.parameters for row in group if row.parameters is not None]
        anchor = label or (UNTRAINED if checkpoint == UNTRAINED else "")
        size, cost = sizes[-1] if sizes else None, costs.get(name, {})
        entries.append(Entry(name, checkpoint, anchor, tuple(seeds), cells, size, cost))
    return entries


def _of_key(rows: Sequence[Row], key: str) -> list[Row]:
    return [row for row in rows if row.key == key]


def _cell(column: Column, rows: Sequence[Row]) -> Cell:
    values = [row.debiased if column.debiased else row.value for row in rows]
    numbers = [value for value in values if value is not None]
    if len(numbers) > 1:
        return pooled(numbers)
    row = rows[0]
    interval = (row.ci_low, row.ci_high) if row.ci_low is not None and row.ci_high is not None else None
    return single(numbers[0], row.stderr, interval, row.degrees)


def _by_image(rows: Sequence[Row]) -> dict[tuple[str, str], ByImage]:
    """Line -> values by image of the metric that ranks, where a line has one row with them."""
    lines = Counter(map(identity, rows))
    kept = ((identity(row), values_by_image(row.per_image)) for row in rows if lines[identity(row)] == 1)
    return {line: values for line, values in kept if values is not None}


def _identical(rows: Sequence[Row]) -> dict[tuple[str, str], frozenset[str] | None]:
    """Line -> the images that its number leaves out; None where not all of its rows leave out the same."""
    found: dict[tuple[str, str], frozenset[str] | None] = {}
    for row in rows:
        line, images = identity(row), identical_images(row.per_image, row.identical_pairs)
        found[line] = images if found.get(line, images) == images else None
    return found


def _ranked(
    entries: Sequence[Entry],
    sort: str,
    columns: Sequence[Column],
    by_image: Mapping[tuple[str, str], ByImage],
    identical: Mapping[tuple[str, str], frozenset[str] | None],
) -> tuple[tuple[Entry, ...], Ranking]:
    column = next((column for column in columns if column.key == sort), None)
    better = "neither" if column is None else column.better
    sign = {"lower": 1.0, "higher": -1.0}.get(better)
    anchors = [entry for entry in entries if entry.anchor]
    unranked = [entry for entry in entries if not entry.anchor and (sign is None or sort not in entry.cells)]
    ranked = [entry for entry in entries if not entry.anchor and sign is not None and sort in entry.cells]
    quality = [-(sign or 0.0) * entry.cells[sort].mean for entry in ranked]
    fronts = {
        kind.front: front(quality, [_to_lower(entry.costs(kind), kind) for entry in ranked])
        for kind in COSTS
        if kind.front
    }
    lines = [(entry.name, entry.checkpoint) for entry in ranked]
    contenders = [
        Contender(entry.cells[sort], by_image.get(line), identical.get(line))
        for entry, line in zip(ranked, lines, strict=True)
    ]
    ranking = rank(contenders, better, paired=column is not None and column.paired)
    placed = [
        replace(entry, rank=text, fronts=tuple(name for name, on in fronts.items() if on[number]))
        for number, (entry, text) in enumerate(zip(ranked, ranking.ranks, strict=True))
    ]

    def order(entry: Entry) -> tuple[float, str, str]:
        mean = (sign or 0.0) * entry.cells[sort].mean if sort in entry.cells else float("inf")
        return mean, entry.name, entry.checkpoint

    placed.sort(key=lambda entry: (place(entry.rank), *order(entry)))
    return (*placed, *sorted(unranked, key=order), *sorted(anchors, key=order)), ranking


def _to_lower(cost: float | None, kind: CostKind) -> float | None:
    return -cost if cost is not None and kind.better == "higher" else cost


def differing(theirs: str, ours: str) -> str:
    """The fields in which two protocols differ, in words: "n_fake 200 instead of 599; seed 1 instead of 0".

    Args:
        theirs: Canonical JSON of the protocol that is set apart.
        ours: Of the one that is shown.
    """
    left, right = _fields(theirs), _fields(ours)
    names = [name for name in {**right, **left} if left.get(name) != right.get(name)]
    return "; ".join(f"{name} {_short(left.get(name))} instead of {_short(right.get(name))}" for name in names)


def _fields(protocol: str) -> dict[str, object]:
    fields: dict[str, object] = json.loads(protocol or "{}")
    params = fields.pop("params", None)
    return fields | ({f"params.{name}": value for name, value in params.items()} if isinstance(params, dict) else {})


def _version(fields: Mapping[str, object]) -> int:
    version = fields.get("version")
    return version if isinstance(version, int) else 0


def _of_any_version(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name != "version"}


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text[:8] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
