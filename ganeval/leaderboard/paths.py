"""Where rows and boards are: in the project that one stands in, else the copy that comes with the installation."""

from pathlib import Path

import ganeval
from ganeval.errors import DataError


def project_folder(start: Path) -> Path | None:
    """The `leaderboards` folder of `start` or of a folder above it, up to the root of the repository; None without."""
    for folder in (start, *start.parents):
        if (folder / "leaderboards" / "results").is_dir():
            return folder / "leaderboards"
        if (folder / ".git").exists():
            return None
    return None


def shipped_folder() -> Path:
    """The copy of `leaderboards` in the installed package; in a checkout, the checkout's own."""
    package = Path(ganeval.__file__).parent
    installed = package / "leaderboard" / "shipped"
    return installed if installed.is_dir() else package.parent / "leaderboards"


def leaderboards_folder() -> Path:
    """The working directory's project's folder, else the shipped copy."""
    return project_folder(Path.cwd()) or shipped_folder()


def row_files(results: Path | None = None) -> list[Path]:
    """Files of rows, sorted by name.

    Args:
        results: One file, or a folder of `*.jsonl`; None for `leaderboards_folder() / "results"`.

    Raises:
        DataError: there is no such file or folder.
    """
    folder = leaderboards_folder() / "results" if results is None else results
    if folder.is_file():
        return [folder]
    if not folder.is_dir() and results is not None:
        raise DataError(f"No rows at {folder}: expected a .jsonl file or a folder of them. Check the path.")
    return sorted(path for path in folder.glob("*.jsonl") if path.is_file())


def timing_files(results: Path | None = None) -> list[Path]:
    """Files of timings among `row_files`: `timings*.jsonl`, or the one file that was named.

    Raises:
        DataError: there is no such file or folder.
    """
    files = row_files(results)
    return files if results in files else [file for file in files if file.name.startswith("timings")]
