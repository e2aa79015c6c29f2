"""What a data set's publisher offers and which files of it lie where below the data folder; nothing here opens them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """One folder of files below the data folder, out of an archive.

    Attributes:
        into: Below the data folder, "bsds500/train".
        count: How many files it must hold.
        inside: Folders of the archive that its files come from, by their names alone.
        ending: Of the files that are taken.
        md5: File name -> its published MD5, where there is one.
    """

    into: str
    count: int
    inside: tuple[str, ...]
    ending: str = ""
    md5: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """One file that is downloaded.

    Attributes:
        urls: Where the same bytes lie; the first that answers is taken.
        size: Bytes, as the publisher or who pinned it says, None where no one does; for display.
        digest: "md5:..." or "sha256:..."; "" where none is published: then the first fetch pins it.
        pinned_by: Who published that hash, "" for none.
        folders: What is taken out of an archive; () for a file that is kept as it is.
        into: The folder of a file that is kept as it is.
    """

    urls: tuple[str, ...]
    size: int | None = None
    digest: str = ""
    pinned_by: str = ""
    folders: tuple[Folder, ...] = ()
    into: str = ""

    @property
    def name(self) -> str:
        """Its file name."""
        return self.urls[0].rpartition("/")[2]

    def missing(self, root: Path) -> list[str]:
        """What of it is not below the data folder, in words; [] where all of it is."""
        if not self.folders:
            kept = root / self.into / self.name
            return [] if kept.is_file() or kept.with_suffix("").is_file() else [f"{self.into}/{self.name}"]
        return [words for folder in self.folders if (words := missing_of(folder, root))]


def files_of(folder: Folder, root: Path) -> list[Path]:
    """The files of one folder that are there, sorted."""
    place = root / folder.into
    if not place.is_dir():
        return []
    wanted = {*folder.md5} if folder.md5 else None
    return sorted(
        path
        for path in place.iterdir()
        if path.is_file() and not path.name.startswith(".") and (wanted is None or path.name in wanted)
    )


def missing_of(folder: Folder, root: Path) -> str:
    """What of one folder is not there, in words; "" where all of it is."""
    found = files_of(folder, root)
    if len(found) >= folder.count:
        return ""
    if folder.md5 and found:
        names = {path.name for path in found}
        return ", ".join(f"{folder.into}/{name}" for name in folder.md5 if name not in names)
    if not found:
        return f"{folder.into} ({folder.count} files)"
    return f"{folder.into} ({len(found)} of {folder.count} files are there)"


def missing_of_all(published: tuple[Published, ...], root: Path) -> list[str]:
    """What of a data set is not below the data folder."""
    return [words for each in published for words in each.missing(root)]
