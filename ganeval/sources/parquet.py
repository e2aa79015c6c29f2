"""Images in parquet files, as Hugging Face keeps data sets: one column of image files, one of labels, maybe in shards.

Rows are streamed: a block of rows at a time is unpacked, and the last few blocks are kept for the threads that read
ahead. Nothing that a file says is opened: where a row holds a path in place of an image, the image is missing.
"""

import bisect
import itertools
import json
import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ganeval.errors import BadImageError, DataError, UsageError
from ganeval.escaping import encodable, printable
from ganeval.formatting import counted
from ganeval.sources.all_labels import Labelled, label_all
from ganeval.sources.archive import Openable
from ganeval.sources.base import ImageSource, Raw
from ganeval.sources.folder import file_raw
from ganeval.sources.limits import MAX_RATIO, is_bomb
from ganeval.sources.listing import Selection, two_sets
from ganeval.sources.read_once import check_size, require_file
from ganeval.sources.side_labels import LABELS

PARQUET_EXTENSION: Final = ".parquet"
MAX_ROWS: Final = 50_000_000
MAX_TEXT: Final = 1 << 28  # bytes of all labels or names of a file
_BLOCK_BYTES: Final = 4 << 20
_BLOCK_ROWS: Final = 64
_BLOCKS: Final = 16  # kept: 64 MiB, and more rows than are read ahead


@dataclass(frozen=True)
class _Columns:
    """Which columns of a file are read.

    Attributes:
        image: Of image files: bytes, or a struct with a field `bytes`.
        label: Of labels, None without.
        names: Of classes, by number; () for labels that are texts.
        paths: Whether the struct has file names.
        unread: A column that is called as labels are and holds other values, with its type; "" without.
    """

    image: str
    label: str | None
    names: tuple[str, ...]
    paths: bool
    unread: str = ""


class ParquetSource(ImageSource):
    """The images of one column of one or several parquet files, in the order of their rows.

    An image is called by the file name that its row states where all rows state different ones, else by its number.

    Args:
        files: Paths, or remote files.
        name: What the user typed.
        column: Of the images; None for the only one.

    Attributes:
        picked: True where a glob picked the files.

    Raises:
        UsageError: pyarrow is not installed.
        DataError: damaged, without a column of images, with several, or with other columns in each file.
    """

    def __init__(
        self, files: Sequence[Path | Openable], name: str, column: str | None = None, *, picked: bool = False
    ) -> None:
        self.name = name
        self.picked = picked
        self._files: list[_File] = []
        try:
            for path in files:
                self._files.append(_File(path, name, column))
            first = self._files[0].columns
            other = next((file for file in self._files if file.columns.image != first.image), None)
            if other is not None:
                raise DataError(
                    f"The files of {name!r} have images in different columns, {first.image!r} and "
                    f"{other.columns.image!r}. Name one file, or write them alike."
                )
            self._starts = list(itertools.accumulate((file.rows for file in self._files), initial=0))
            listed = self._listed()
            self.items, self.skipped, self.notes = listed.items, listed.skipped, listed.notes
        except (DataError, UsageError):
            self.close()
            raise

    def _listed(self) -> Labelled:
        labels = [label for file in self._files for label in file.labels()]
        names = [encodable(path) for file in self._files for path in file.paths()]
        count = self._starts[-1]
        if len(names) < count or len(set(names)) < count or any(not name or "/" in name for name in names):
            width = max(6, len(str(count - 1)))
            names = [f"{index:0{width}d}" for index in range(count)]
        listed = label_all(names, labels, repr(self.name))
        told = [
            f"the column {column} of {self.name!r} cannot be read as one class an image, so no labels are taken from it"
            for column in dict.fromkeys(file.unread for file in self._files if file.unread)
        ]
        return replace(listed, notes=(*listed.notes, *told))

    def shard(self, index: int) -> int | None:
        """Number of the file that holds an image, of several."""
        return bisect.bisect_right(self._starts, index) - 1 if len(self._files) > 1 else None

    def read(self, index: int) -> Raw:
        """Reads one row."""
        number = bisect.bisect_right(self._starts, index) - 1
        name = self.items[index].name
        data = self._files[number].image(index - self._starts[number], name)
        check_size(len(data), name)
        return file_raw(data, name)

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()


def tables_among(names: Iterable[str]) -> list[str]:
    """The parquet files that may hold images, sorted; `metadata.parquet` describes image files that lie beside it."""
    tables = [name for name in names if name.lower().endswith(PARQUET_EXTENSION)]
    return sorted(name for name in tables if name.rpartition("/")[2].lower() != f"metadata{PARQUET_EXTENSION}")


def holds_images(table: Path) -> bool:
    """Whether a parquet file has a column of images; many only describe the images that lie beside them."""
    try:
        schema = _pyarrow_parquet(str(table)).read_schema(table)
    except Exception:  # not installed, damaged: it is counted as left out
        return False
    return any(_of_files(field.type) for field in schema)


def two_parquet_sets(where: str, tables: Sequence[str], images: Sequence[str], selection: Selection) -> DataError:
    """The error for a folder with parquet files and image files."""
    advice = f"Name the folder of one of them, or pick with {selection.with_match('*.parquet')}"
    return two_sets(where, counted(len(tables), "parquet file"), images, advice)


def open_parquet_folder(
    files: Sequence[str], open_file: Callable[[str], Path | Openable], name: str, selection: Selection
) -> ParquetSource:
    """Opens the parquet files of a folder as one set.

    Args:
        files: Their names.
        open_file: From a name to what is opened.
        name: What the user typed.
        selection: Which of the files are meant.

    Raises:
        DataError: none is meant, or files of several splits ("train-00000-of-00002", "test-00000-of-00001").
    """
    chosen = [file for file in files if selection.takes(file)]
    splits = Counter(re.sub(r"\d.*$", "", file.removesuffix(PARQUET_EXTENSION)) for file in chosen)
    counted = ", ".join(f"{split or chosen[0]}* ({count:,})" for split, count in list(splits.items())[:12])
    if len(splits) > 1 and selection.match is None:
        raise DataError(
            f"{name!r} holds parquet files of {len(splits)} splits: {counted}. Scored as one set they give a number of "
            f"a mixture. Pick one with {selection.with_match(f'{next(iter(splits))}*')}, or take all with "
            f"{selection.with_match('*')}."
        )
    if not chosen:
        raise DataError(
            f"{selection.with_match(selection.match or '')} matches 0 of the {len(files):,} parquet files of {name!r} "
            f"({', '.join(map(repr, files[:3]))})."
        )
    return ParquetSource([open_file(file) for file in chosen], name, picked=selection.match is not None)


class _File:
    """One parquet file."""

    def __init__(self, path: Path | Openable, said: str, column: str | None) -> None:
        if isinstance(path, Path):
            require_file(path, said)
        self._said = str(path) if isinstance(path, Path) else said
        parquet = _pyarrow_parquet(said)
        try:
            opened = path if isinstance(path, Path) else path.open("rb")
            # Buffered: a row group may be the whole file. Not mapped: a file that shrinks would kill the process.
            self._file: Any = parquet.ParquetFile(opened, memory_map=False, buffer_size=1 << 20, pre_buffer=False)
            metadata = self._file.metadata
            groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
            counts = [group.num_rows for group in groups]
            if min(counts, default=0) < 0 or sum(counts) != metadata.num_rows or metadata.num_rows > MAX_ROWS:
                raise ValueError(
                    f"{metadata.num_rows:,} rows in {len(counts)} row groups; at most {MAX_ROWS:,} are read"
                )
            self.rows: int = metadata.num_rows
            self.columns = _columns_of(self._file.schema_arrow, said, column)
            self.unread: str = self.columns.unread
            # Of row groups, not of their columns: pyarrow 26 ends the process where the statistics of one are damaged.
            self._sizes: list[int] = [group.total_byte_size for group in groups]
            stored = path.stat().st_size if isinstance(path, Path) else 0
        except Exception as error:
            raise _damaged(said, error) from error
        if self.rows == 0:
            raise DataError(f"{said!r} has no row. Name a file with images.")
        if stored and is_bomb(sum(self._sizes), stored):
            raise DataError(
                f"{said!r} unpacks to {sum(self._sizes):,} bytes from {stored:,}; at most {MAX_RATIO} : 1 is read."
            )
        self._groups: list[int] = list(itertools.accumulate(counts, initial=0))
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._stream: Iterator[Any] = iter(())
        self._at = (-1, 0)  # row group and block that the stream gives next

    def labels(self) -> list[str | None]:
        """One an image, None where the row states none."""
        column, names = self.columns.label, self.columns.names
        values = [] if column is None else self._values(column, column)
        if column is not None and not values:
            self.unread = f"{column!r} (more than {MAX_TEXT:,} bytes)"
        return [_label(value, names) for value in values] or [None] * self.rows

    def paths(self) -> list[str]:
        """File names that the rows state, without their folders; [] where some state none."""
        if not self.columns.paths:
            return []
        values = self._values(f"{self.columns.image}.path", self.columns.image)
        if any(not isinstance(value, str) for value in values):
            return []
        return [str(value).replace("\\", "/").rpartition("/")[2] for value in values]

    def _values(self, leaf: str, column: str) -> list[Any]:
        """A small column as Python values; [] where it is not small."""
        values: list[Any] = []
        size = 0
        try:
            for batch in self._file.iter_batches(batch_size=1 << 14, columns=[leaf], use_threads=False):
                if (size := size + batch.nbytes) > MAX_TEXT:
                    return []
                values += (batch.column(0) if leaf == column else batch.column(0).field("path")).to_pylist()
        except Exception as error:
            raise _damaged(self._said, error) from error
        return values

    def image(self, row: int, name: str) -> bytes:
        """The stored image of a row."""
        group = bisect.bisect_right(self._groups, row) - 1
        number, place = divmod(row - self._groups[group], self._block_rows(group))
        with self._lock:
            try:
                value = self._block(group, number)[place].as_py()
            except BadImageError:
                raise
            except Exception as error:
                if isinstance(error, MemoryError):
                    raise
                raise BadImageError(
                    f"{name!r} in {self._said!r} cannot be read: {_words(error)}. The file is damaged: copy it again."
                ) from error
        data = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(data, bytes):
            return data
        stated = value.get("path") if isinstance(value, dict) else None
        where = f", but the path {printable(str(stated))[:100]!r}, which is not opened" if stated else ""
        raise BadImageError(
            f"{name!r} in {self._said!r} holds no image{where}. Write the data set with its images in it."
        )

    def _block_rows(self, group: int) -> int:
        """Rows that are unpacked at a time: few of large images."""
        rows = self._groups[group + 1] - self._groups[group]
        return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES * rows // max(1, self._sizes[group])))

    def _block(self, group: int, number: int) -> Any:
        """A block of rows, from those that are kept or from the stream, which begins anew only to go back."""
        if (group, number) in self._blocks:
            return self._blocks[group, number]
        if self._at[0] != group or self._at[1] > number:
            rows = self._block_rows(group)
            self._stream = self._file.iter_batches(
                batch_size=rows, row_groups=[group], columns=[self.columns.image], use_threads=False
            )
            self._at = (group, 0)
        while self._at[1] <= number:
            batch = next(self._stream)
            self._blocks[self._at] = batch.column(0)
            self._at = (group, self._at[1] + 1)
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        return self._blocks[group, number]

    def close(self) -> None:
        """Closes the file."""
        self._blocks.clear()
        self._file.close()


def _pyarrow_parquet(said: str) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(f"{said!r} is a parquet file, which pyarrow reads: pip install 'ganeval[parquet]'.") from error
    return parquet


def _columns_of(schema: Any, said: str, column: str | None) -> _Columns:
    """Which column holds images, and which labels."""
    names = list(schema.names)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(f"{said!r} has two columns called {twice[0]!r}. Rename one of them.")
    images = [name for name in names if _of_files(schema.field(name).type)]
    features = _features(schema.metadata)
    stated = [name for name in images if features.get(name, {}).get("_type") == "Image"]
    told = ", ".join(f"{printable(name)} ({schema.field(name).type})"[:80] for name in names[:12]) or "none"
    if column is None:
        found = stated or images
        if len(found) != 1:
            example = f" Name one, as in {said}:{found[0]}." if found else " Images are read from columns of bytes."
            raise DataError(f"{said!r} has {len(found)} columns of images among its columns ({told}).{example}")
        column = found[0]
    elif column not in images:
        what = "is not of images" if column in names else "is not there"
        raise DataError(f"{said!r}: the column {column!r} {what}; there are {told}. Name a column of image files.")
    from pyarrow import types

    kind = schema.field(column).type
    classes = [name for name in names if features.get(name, {}).get("_type") == "ClassLabel"]
    known = [
        name for label in LABELS for name in names if name.lower() == label and _may_label(schema.field(name).type)
    ]
    label = next(iter([name for name in known if name in classes] or classes or known), None)
    of_class = features.get(label or "", {}).get("names")
    called = [name for wanted in LABELS for name in names if name.lower() == wanted]
    stated_names = of_class if isinstance(of_class, list) and all(isinstance(one, str) for one in of_class) else []
    return _Columns(
        column,
        label,
        tuple(map(encodable, stated_names)),
        types.is_struct(kind) and kind.get_field_index("path") >= 0,
        f"{called[0]!r} ({schema.field(called[0]).type})"[:80] if called and label is None else "",
    )


def _of_files(kind: Any) -> bool:
    """Whether a column of this type may hold image files."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _of_files(kind.value_type)
    if types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _of_files(kind.field(index).type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _label(value: object, names: Sequence[str]) -> str | None:
    """The class that a row states; the `datasets` library writes -1 where it is not known."""
    if names and isinstance(value, int) and -1 <= value < len(names):
        return names[value] if value >= 0 else None
    return None if value is None else encodable(str(value))


def _may_label(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):  # a categorical column of pandas
        return _may_label(kind.value_type)
    texts = (types.is_string, types.is_large_string, types.is_string_view)
    return any(holds(kind) for holds in (types.is_integer, types.is_boolean, *texts))


def _features(metadata: Any) -> dict[str, dict[str, Any]]:
    """What the `datasets` library says of the columns; {} where it wrote nothing."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {name: one for name, one in features.items() if isinstance(one, dict)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


# Any exception: a reader that is fed hostile bytes may raise whatever it likes, and all of it means damage. What the
# memory cannot hold is another thing.


def _damaged(said: str, error: Exception) -> Exception:
    if isinstance(error, MemoryError | DataError | UsageError):
        return error
    remote = "It is damaged, or the connection broke off: try again, or copy it here"
    cause = remote if "://" in said else "It is damaged or cut short: copy it again"
    return DataError(f"Cannot read the parquet file {said!r}: {_words(error)}. {cause}.")


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
