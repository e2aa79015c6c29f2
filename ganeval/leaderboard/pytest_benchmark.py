"""Reads the file that `pytest --benchmark-json` writes, so that benchmarks feed the same board as `ganeval bench`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganeval.errors import DataError
from ganeval.files.read_write import MAX_JSON, read_bytes
from ganeval.leaderboard.timings import TimingRow
from ganeval.results.result import parse_json

TIMINGS = "timings"
"""In a benchmark's `extra_info`: timings to take in place of its seconds, each as fields of a timing."""


def is_pytest_benchmark(content: object) -> bool:
    """Whether parsed JSON is such a file."""
    return isinstance(content, dict) and {"machine_info", "benchmarks", "datetime"} <= content.keys()


def read_pytest_benchmark(path: Path) -> list[TimingRow]:
    """One timing a benchmark: the median of its rounds, in seconds; or those that it lists in its `extra_info`.

    Benchmarks of one group are ranked against each other; one without a group is in that of its file. If the suite's
    `pytest_benchmark_update_machine_info` hook adds "ganeval" with `device`, `threads`, `versions` and `note`, these
    are taken over; otherwise the device is "cpu" and the threads are unknown. The host's name is not.

    Raises:
        DataError: the file cannot be read, or is of another kind.
    """
    try:
        content = parse_json(read_bytes(path, MAX_JSON))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Check the path.") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}. Expected the file of pytest --benchmark-json.") from error
    if not is_pytest_benchmark(content):
        raise DataError(
            f"{path} isn't a file written by pytest --benchmark-json: it lacks machine_info, benchmarks or datetime."
        )
    return benchmark_timings(content, str(path))


def benchmark_timings(content: Any, where: str) -> list[TimingRow]:
    """The timings in such a file's parsed JSON.

    Args:
        content: The object.
        where: Its file, for messages.

    Raises:
        DataError: a benchmark lacks what it should have.
    """
    try:
        machine, commit = content["machine_info"], content.get("commit_info") or {}
        told: Mapping[str, Any] = machine.get("ganeval") or {}
        versions = {"python": machine["python_version"], **told.get("versions", {})}
        if commit.get("id"):
            versions["commit"] = commit["id"][:12] + ("+changes" if commit.get("dirty") else "")
        identity = f"{content['datetime']} {commit.get('id')} {machine.get('node')}"
        common = {
            "threads": told.get("threads"),
            "device": told.get("device", "cpu"),
            "versions": versions,
            "machine": _machine(machine),
            "run": hashlib.sha256(identity.encode()).hexdigest()[:12],
            "time": content["datetime"],
            "source": f"pytest-benchmark {content.get('version', '')}".strip(),
            "note": told.get("note", ""),
        }
        return [
            TimingRow(**{**common, **measured, "note": _joined(measured.get("note", ""), common["note"])})
            for benchmark in content["benchmarks"]
            for measured in _measured(benchmark)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{where}: a benchmark cannot be read: {error!r}. Expected pytest-benchmark's format."
        ) from error


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _measured(benchmark: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fields of the timings of a benchmark: its own list where it has one, else its median."""
    if TIMINGS in benchmark.get("extra_info", {}):
        return [{"sd": None, **measured} for measured in benchmark["extra_info"][TIMINGS]]
    stats = benchmark["stats"]
    return [
        {
            "name": benchmark["name"].removeprefix("test_"),
            "stage": benchmark["group"] or benchmark["fullname"].partition("::")[0],
            "value": stats["median"],
            "unit": "s",
            "n": stats["rounds"],
            "sd": stats["stddev"] if stats["rounds"] > 1 else None,
        }
    ]


def _machine(info: Mapping[str, Any]) -> str:
    cpu = info.get("cpu") or {}
    parts = [f"{info['system']} {info['machine']}"]
    parts += [f"{cpu['count']} cores"] if cpu.get("count") else []
    return ", ".join(parts + ([cpu["brand_raw"]] if cpu.get("brand_raw") else []))
