"""The OpenVINO package: whether it is here, and its import, with nothing that phones home."""

import contextlib
import functools
import importlib.metadata
import sys
from collections.abc import Iterator
from typing import Any


@functools.cache
def openvino_version() -> str | None:
    """Version of the installed OpenVINO, or None. Imports nothing."""
    try:
        return importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        return None


def import_openvino() -> Any:
    """OpenVINO, imported nowhere else: at the first import its converter takes hold of what it phones home with."""
    with without_telemetry():
        import openvino
    return openvino


@contextlib.contextmanager
def without_telemetry() -> Iterator[None]:
    """OpenVINO's converter phones home when it can import `openvino_telemetry`; in here it cannot."""
    before = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is None:
            del sys.modules["openvino_telemetry"]
        else:
            sys.modules["openvino_telemetry"] = before
