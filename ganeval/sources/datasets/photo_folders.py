"""Data sets that are folders of photos below the data folder, each split a folder; their files declare them by this."""

from functools import partial
from pathlib import Path

from ganeval.errors import DataError
from ganeval.sources.base import ImageSource
from ganeval.sources.datasets.published import Published, missing_of
from ganeval.sources.datasets.table import DatasetInfo, how_to_get
from ganeval.sources.folder import FolderSource


def photo_folders(
    name: str, summary: str, licence: str, published: tuple[Published, ...], layout: str, splits: tuple[str, ...]
) -> DatasetInfo:
    """The declaration of one such set: a split lies in <name>/<split>, or in <name> where there is one split.

    Args:
        name: The id, and the folder.
        summary: One line.
        licence: As far as its makers say.
        published: Where it comes from.
        layout: What goes where, for people who bring it by hand.
        splits: The first is meant where none is named.
    """
    return DatasetInfo(
        name=name,
        summary=summary,
        splits=splits,
        default_split=splits[0],
        channels=3,
        size=None,
        classes=0,
        licence=licence,
        embedded=False,
        load=partial(load_split, name, published, layout, one=len(splits) == 1),
        published=published,
    )


def load_split(
    name: str, published: tuple[Published, ...], layout: str, split: str, data_root: Path | None, *, one: bool
) -> ImageSource:
    """The images of one split.

    Raises:
        DataError: no data folder, no such folder below it, or fewer images than the set has.
    """
    into = name if one else f"{name}/{split}"
    if data_root is None or not (data_root / into).is_dir():
        looked = "no data folder was named" if data_root is None else f"there is no folder {str(data_root / into)!r}"
        raise DataError(f"Data set {name} is not embedded, and {looked}. {how_to_get(name)}, or put there {layout}.")
    folders = [folder for each in published for folder in each.folders if folder.into == into]
    short = [words for folder in folders if (words := missing_of(folder, data_root))]
    if short:
        raise DataError(
            f"Data set {name} is half there in {str(data_root)!r}: {', '.join(short)}. `ganeval data fetch {name}` "
            "brings the rest. Images of your own are a folder of their own, by its path."
        )
    return FolderSource(data_root / into, f"{name}:{split}")
