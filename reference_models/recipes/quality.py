"""A recipe's lines on the boards, the quality bar for generated images, and descriptions of sample grids."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ganeval.leaderboard.boards import load_boards
from ganeval.leaderboard.paths import row_files
from ganeval.leaderboard.reading import read_rows
from ganeval.leaderboard.standings import Entry, Standings, stand
from reference_models.recipes.recipe import Recipe

PICTURES = Path(__file__).parent / "pictures.toml"
AGREEMENT = 0.9  # fraction of a conditional model's images that a classifier assigns to the requested class
_PRECISION, _RECALL, _AGREEMENT = "precision@efflite0", "recall@efflite0", "agreement@pixels"


@dataclass(frozen=True)
class Picture:
    """A person's description of a sample grid.

    Attributes:
        sha256: First 12 digits of the hash of the picture.
        shows: Description, one line.
        faults: Visible faults: "speckle", "texture", "classes missing".
    """

    sha256: str
    shows: str
    faults: tuple[str, ...] = ()


def picture_of(recipe: str) -> Picture:
    """The sample grid of a recipe; a new one has a placeholder as its description."""
    return pictures().get(recipe, Picture("", "This grid has not been described yet."))


def pictures(path: Path = PICTURES) -> dict[str, Picture]:
    """Recipe -> sample grid, for the described ones."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Picture(row["sha256"], row["shows"], tuple(row.get("faults", ()))) for name, row in table.items()}


@cache
def standings() -> tuple[Standings, ...]:
    """Every board of the project, ranked."""
    rows, _ = read_rows(row_files(None))
    return tuple(stand(board, rows) for board in load_boards().values())


def boards_of(recipe: Recipe) -> list[tuple[Standings, list[Entry]]]:
    """Board and lines of a recipe, for each board with such lines, in order of training."""
    order = ("untrained", "last", "best", "shipped")
    found = []
    for board in standings():
        lines = [entry for entry in board.entries if entry.name == recipe.name and entry.checkpoint in order]
        if lines:
            found.append((board, sorted(lines, key=lambda entry: order.index(entry.checkpoint))))
    return found


def cells(board: Standings, entry: Entry) -> list[str]:
    """The means of an entry as text, one per column, with the deviation over training seeds if known."""
    shown = (entry.cells.get(column.key) for column in board.columns)
    return [
        "" if cell is None else f"{cell.mean:.4g}" + ("" if cell.sd is None else f" ± {cell.sd:.2g}") for cell in shown
    ]


def misses(board: Standings, last: Entry, faults: Sequence[str]) -> list[str] | None:
    """Criteria of the quality bar that a recipe's last checkpoint misses; None if the bar does not apply.

    The bar: precision and recall above 0 (some images are close to real ones, and not all to the same few); for
    conditional models an agreement of at least 90%, or that of real images if lower; and no visible fault in the
    sample grid.

    Args:
        board: The board of the line, with real images for comparison.
        last: The line of the last checkpoint.
        faults: Faults of its sample grid.
    """
    if _PRECISION not in last.cells:
        return None
    means = {key: cell.mean for key, cell in last.cells.items()}
    missed = [f"{key.partition('@')[0]} is 0" for key in (_PRECISION, _RECALL) if means.get(key) == 0]
    real = [entry.cells[_AGREEMENT].mean for entry in anchors(board).values() if _AGREEMENT in entry.cells]
    agreement, least = means.get(_AGREEMENT, 1.0), min([AGREEMENT, *real])
    if agreement < least:
        missed.append(
            f"agreement is {agreement:.1%}, below {least:.1%}{', that of real images' if least < AGREEMENT else ''}"
        )
    return [*missed, *faults]


def last_of(lines: Sequence[Entry]) -> Entry | None:
    """The line of the last checkpoint."""
    return next((entry for entry in lines if entry.checkpoint == "last"), None)


def anchors(board: Standings) -> Mapping[str, Entry]:
    """The lines for comparison of a board, by label: real images, bicubic enlargement, ..."""
    return {entry.anchor: entry for entry in board.entries if entry.anchor not in ("", "untrained")}
