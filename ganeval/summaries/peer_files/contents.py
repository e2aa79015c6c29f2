"""From a file of any tool (npz, npy, pkl, pt) to a tree of arrays; by its ending, hostile or not."""

import io
from pathlib import Path
from typing import Any, Final

import numpy as np

from ganeval.errors import DataError, ReferenceStatisticsError
from ganeval.files.read_write import MAX_STATISTICS, read_bytes
from ganeval.files.unpickle import WITH_OBJECTS, Array, Reader, Refused
from ganeval.sources.npy import header_fields, holds_statistics, npz_members, open_member, read_header
from ganeval.summaries.peer_files.torch_archive import read_torch

ENDINGS: Final = (".npz", ".npy", ".pkl", ".pickle", ".pt", ".pth")
_WANTED: Final = (
    "mu",
    "sigma",
    "mu_s",
    "sigma_s",
    "feats",
    "arr_0",
)  # of an npz; images of ADM's files are left where they are


def read_contents(path: Path) -> object:
    """A dict of arrays and numbers, maybe nested, or one array.

    Args:
        path: Its ending decides how it is read.

    Raises:
        ReferenceStatisticsError: another ending, damaged, or holding more than arrays and plain containers.
    """
    readers = {".npz": _npz, ".npy": _npy, ".pkl": _pickle, ".pickle": _pickle, ".pt": read_torch, ".pth": read_torch}
    if path.suffix.lower() not in readers:
        raise ReferenceStatisticsError(f"{path} ends in {path.suffix!r}; expected {', '.join(ENDINGS)}.")
    try:
        found = readers[path.suffix.lower()](path)
    except DataError as error:
        raise ReferenceStatisticsError(str(error)) from error
    except Refused as error:
        raise ReferenceStatisticsError(
            f"{path} was refused, and nothing of it was run: {error}. Expected arrays and plain containers alone. "
            "Save mu and sigma by numpy.savez in the tool that made it."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # a parser may raise any exception on hostile bytes
        raise ReferenceStatisticsError(
            f"{path} cannot be read ({type(error).__name__}: {error}); it may be cut off. Write it again."
        ) from error
    return found.values if isinstance(found, Array) else found


def _npz(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with npz_members(path) as (archive, members):
        for name in _WANTED:
            if name not in members:
                continue
            array = open_member(path, archive, members[name])
            # Images are recognised by their shape and never read.
            found[name] = np.asarray(array[:]) if len(array.shape) < 3 else array
        if not found:
            raise Refused(
                f"it holds the arrays {', '.join(sorted(members)) or 'none'}, and neither mu and sigma nor feats"
            )
    return found


def _npy(path: Path) -> object:
    data = read_bytes(path, MAX_STATISTICS)
    if holds_statistics(path):
        stream = io.BytesIO(data)
        header_fields(stream)
        found = Reader(data[stream.tell() :], WITH_OBJECTS).load()
        if not isinstance(found, Array) or found.single is None:
            raise Refused("it holds Python objects, and not one dict of mu and sigma")
        return found.single
    header = read_header(io.BytesIO(data), len(data), path.name)  # refuses Python objects
    return header.array(data[header.begin :][: header.nbytes])


def _pickle(path: Path) -> object:
    return Reader(read_bytes(path, MAX_STATISTICS)).load()
