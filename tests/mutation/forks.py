"""A pytest plugin: every test once, to see what it reaches; then each mutant in a fork, until a test fails.

`pytest -p tests.mutation.forks --mutants NAMES.json --outcomes OUTCOMES.jsonl`, in the folder that mutmut wrote.
"""

import functools
import json
import math
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

LONGEST = 2.0  # seconds of processor time above which a test is not run against mutants
PATIENCE = 3.0  # times what all tests of a mutant take without it, before it counts as one that never ends
HEADROOM = 8 << 30  # bytes a mutant may ask for on top of what the process has

KILLED, SURVIVED, UNREACHED = "killed", "survived", "unreached"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the names come from, and where the outcomes go."""
    parser.addoption("--mutants", required=True, help="JSON, mutmut's name -> hash of the function")
    parser.addoption("--outcomes", required=True, help="JSONL file that outcomes are appended to")


def pytest_runtestloop(session: pytest.Session) -> bool:
    """In place of pytest's own loop."""
    names: dict[str, str] = json.loads(Path(session.config.getoption("--mutants")).read_text())
    reached, seconds = _reached(session, next(iter(names), "").partition(".")[0])
    if session.testsfailed:
        raise session.Failed("the tests fail without a mutant")
    with Path(session.config.getoption("--outcomes")).open("a") as file:
        for number, (name, function) in enumerate(names.items(), 1):
            items = [item for item in reached.get(mangled_name_from_mutant_name(name), ()) if seconds[item] <= LONGEST]
            items.sort(key=seconds.__getitem__)
            started = time.monotonic()
            outcome, by = _try(session, name, items, sum(seconds[item] for item in items))
            row = {"mutant": name, "function": function, "outcome": outcome, "by": by}
            row["seconds"] = round(time.monotonic() - started, 3)
            file.write(json.dumps(row) + "\n")
            file.flush()
            sys.stderr.write(f"{number}/{len(names)} {outcome} {name} {by}\n")
    return True


def _reached(session: pytest.Session, package: str) -> tuple[dict[str, list[pytest.Item]], dict[pytest.Item, float]]:
    """Runs every test: function -> tests that call it, test -> processor time."""
    set_mutant_under_test("stats")
    reached: dict[str, list[pytest.Item]] = {}
    seconds: dict[pytest.Item, float] = {}
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        state()._stats.clear()
        _forget(package)
        started = time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds[item] = time.process_time() - started
        for function in state()._stats:
            reached.setdefault(function, []).append(item)
    return reached, seconds


def _try(session: pytest.Session, name: str, items: list[pytest.Item], seconds: float) -> tuple[str, str]:
    """Runs the tests of one mutant in a fork: its outcome, and the test or signal that killed it."""
    if not items:
        return UNREACHED, ""
    scratch = Path(session.config._tmp_path_factory.getbasetemp()).parent / f"mutant-{os.getpid()}"  # type: ignore[attr-defined]
    scratch.mkdir(exist_ok=True)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_the_fork(session, name, items, seconds, scratch, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        by = pipe.read()
    _, status = os.waitpid(child, 0)
    shutil.rmtree(scratch, ignore_errors=True)
    if os.WIFSIGNALED(status):
        return KILLED, signal.Signals(os.WTERMSIG(status)).name
    return (SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED), by


def _forget(package: str) -> None:
    """Empties its caches of functions: a value that an earlier test left there would hide a call, and a mutant."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package:
            for function in vars(module).values():
                if isinstance(function, functools._lru_cache_wrapper):
                    function.cache_clear()


def _in_the_fork(
    session: pytest.Session, name: str, items: list[pytest.Item], seconds: float, scratch: Path, writing: int
) -> None:
    """Never comes back: exits with 0 when every test passes. A mutant that never ends is ended by a signal."""
    code = 1
    try:
        limit = math.ceil(PATIENCE * seconds) + 5
        resource.setrlimit(resource.RLIMIT_CPU, (limit + int(time.process_time()), resource.RLIM_INFINITY))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + HEADROOM, resource.RLIM_INFINITY))
        signal.alarm(20 * limit)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        session.config._tmp_path_factory._basetemp = scratch  # type: ignore[attr-defined]
        _forget(name.partition(".")[0])
        set_mutant_under_test(name)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                os.write(writing, item.nodeid.encode())
                break
        else:
            code = 0
    finally:
        os._exit(code)
