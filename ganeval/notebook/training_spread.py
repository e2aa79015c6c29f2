"""Several checkpoints of one recipe beside each other: how much of what they differ by is training, how much images."""

from collections.abc import Mapping, Sequence

from ganeval.notebook.headline_rows import shown_value
from ganeval.results.result import Result
from ganeval.stats.components import components


def training_notes(title: str, rows: Sequence[Result | None]) -> list[str]:
    """One sentence for each recipe that was trained with several seeds; [] where none was.

    Args:
        title: What the metric is called.
        rows: Its row of each subject, None where there is none.
    """
    trained: dict[tuple[object, object, str], dict[object, tuple[float, float]]] = {}
    for row in rows:
        subject = None if row is None else row.provenance.get("subject")
        if row is None or row.stderr is None or not isinstance(subject, Mapping):
            continue
        value, seed = shown_value(row), subject.get("training_seed")
        if value is not None and seed is not None and subject.get("recipe"):
            same = subject["recipe"], subject.get("checkpoint"), row.fingerprint or ""
            trained.setdefault(same, {})[seed] = value, row.stderr
    notes = []
    for (recipe, _, _), seeds in trained.items():
        if len(seeds) > 1:
            found = components(*zip(*seeds.values(), strict=True))
            notes.append(
                f"{title}, {len(seeds)} training seeds of {recipe}: {found.mean:.4g}, standard deviation "
                f"{found.total:.2g}: {found.sampling:.2g} by the images drawn, {found.training:.2g} by training"
            )
    return notes
