"""An entry's scores as Hugging Face model-card metadata ("model-index"), to be pasted between a card's two `---`.

Format: https://huggingface.co/docs/hub/model-cards-appendix and `huggingface_hub.model_index_to_eval_results`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from ganeval.errors import UsageError
from ganeval.escaping import printable
from ganeval.leaderboard.cells import Cell
from ganeval.leaderboard.showing import number
from ganeval.leaderboard.standings import LAST, Column, Entry, Standings
from ganeval.registry import listed, unknown_name

PREFERRED = LAST  # "best" was chosen by its score, which flatters it


def model_index(boards: Iterable[Standings], name: str, checkpoint: str | None = None) -> str:
    """YAML of all numbers of one entry, over all boards.

    Args:
        boards: Where to look.
        name: Of the entry: a recipe, or a subject.
        checkpoint: Of the entry; None for "last" where there is one, else for its only one.

    Raises:
        UsageError: no such entry or checkpoint, or several checkpoints and none named.
    """
    found = [(standings, entry) for standings in boards for entry in standings.entries]
    name = listed(name, {entry.name for _, entry in found})
    own = [(standings, entry) for standings, entry in found if entry.name == name]
    if not own:
        raise unknown_name("entry", name, sorted({entry.name for _, entry in found}))
    stems = sorted({entry.checkpoint for _, entry in own})
    stem = checkpoint if checkpoint is not None else PREFERRED if PREFERRED in stems else stems[0]
    if stem not in stems or (checkpoint is None and stem != PREFERRED and len(stems) > 1):
        raise UsageError(f"{name} has the checkpoints {', '.join(map(repr, stems))}. Name one with --checkpoint.")
    results = [_result(standings, entry) for standings, entry in own if entry.checkpoint == stem]
    return "\n".join(yaml_lines({"model-index": [{"name": name, "results": results}]})) + "\n"


def _result(standings: Standings, entry: Entry) -> dict[str, object]:
    board = standings.board
    data, _, split = (board.data or board.name).partition(":")
    return {
        "task": {"type": board.task, "name": board.title},
        "dataset": {"type": data, "name": board.title, **({"split": split} if split else {})},
        "metrics": [
            _metric(column, entry.cells[column.key], entry) for column in standings.columns if column.key in entry.cells
        ],
    }


def _metric(column: Column, cell: Cell, entry: Entry) -> dict[str, object]:
    several = cell.sd is not None
    about = f"mean of {cell.n} training seeds, sd {number(cell.sd, 2)}" if cell.sd is not None else entry.checkpoint
    args = {
        "fingerprint": column.fingerprint,
        **({"checkpoint": entry.checkpoint} if entry.checkpoint else {}),
        **({"seeds": cell.n, "sd": cell.sd} if several else {}),
        **({"ci95": [cell.low, cell.high]} if cell.low is not None else {}),
        **({"debiased": True} if column.debiased else {}),
    }
    name = f"{column.key} ({about})" if about else column.key
    return {"type": column.key, "value": cell.mean, "name": name, "args": args, "verified": False}


def yaml_lines(value: object, indent: int = 0) -> list[str]:
    """YAML of plain tables, lists and scalars; scalars and texts in JSON's form, which YAML 1.2 reads as it is."""
    pad = " " * indent
    if isinstance(value, Mapping):
        lines = []
        for key, inner in value.items():
            nested = isinstance(inner, Mapping | Sequence) and not isinstance(inner, str)
            lines += [f"{pad}{key}:", *yaml_lines(inner, indent + 2)] if nested else [f"{pad}{key}: {_scalar(inner)}"]
        return lines
    if isinstance(value, Sequence) and not isinstance(value, str):
        lines = []
        for inner in value:
            first, *rest = yaml_lines(inner, indent + 2)
            lines += [f"{pad}- {first.lstrip()}", *rest]
        return lines
    return [f"{pad}{_scalar(value)}"]


def _scalar(value: object) -> str:
    text = json.dumps(printable(value) if isinstance(value, str) else value, ensure_ascii=False, allow_nan=False)
    # YAML 1.1 takes 1e-05 for a text.
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text
