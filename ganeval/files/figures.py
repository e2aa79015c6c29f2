"""A matplotlib figure as a file: the same bytes for the same figure, without a date or random identifiers."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNDATED: Final[Mapping[str, dict[str, Any]]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


@contextlib.contextmanager
def own_style(settings: Mapping[Any, object] = MappingProxyType({})) -> Iterator[None]:
    """Matplotlib's own style: no `matplotlibrc` has a part in it.

    One is also read from the current folder, which may be untrusted: `text.usetex` in it would run LaTeX.

    Args:
        settings: On top of it.
    """
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        yield


def figure_bytes(figure: "Figure", kind: str, *, dpi: int, tight: bool = False) -> bytes:
    """The figure as a file.

    Args:
        figure: What to draw.
        kind: "png", "svg" or "pdf".
        dpi: Pixels an inch.
        tight: Cut margins off.
    """
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "ganeval"}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_UNDATED[kind], bbox_inches="tight" if tight else None)
    return buffer.getvalue()
