"""Runs a case through the real command line and holds what happened against what is promised."""

import contextlib
import dataclasses
import faulthandler
import gc
import hashlib
import io
import json
import os
import shlex
import signal
import stat
import sys
from pathlib import Path

import pytest

from ganeval.cli.main import main
from ganeval.escaping import inert_lines
from tests.conftest import TOY, ToyBackbone
from tests.hostile.case import Box, Case, fill

HARD_LIMIT = 120  # seconds, after which the whole test process ends: a thread that never comes back cannot be stopped
_STATUS = Path("/proc/self/status")


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str
    peak: int  # MiB beyond what the process held before

    @property
    def rows(self):
        return json.loads(self.out)["rows"]

    @property
    def values(self):
        found = {row["key"]: row["value"] for row in self.rows}
        return found | {f"floor of {row['key']}": row["floor"] for row in self.rows if row["floor"] is not None}

    def counted(self, what):
        """The count that every row must give alike."""
        counts = {json.dumps(row["provenance"][what], sort_keys=True) for row in self.rows}
        assert len(counts) == 1, counts
        found = json.loads(counts.pop())
        plain = ("hidden", "hidden folder", "no image extension")
        return found if isinstance(found, int) else sum(n for why, n in found.items() if why not in plain)


def judge(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Makes the input, runs the command, and checks everything that holds for every case."""
    box = Box(folder / "hostile")
    monkeypatch.setattr("ganeval.scoring.pair_names.REGEX_SECONDS", 1)  # as sure a refusal as after five
    fill(box)
    case.make(box)
    before = listing(box)
    with case.fault(box):
        ran = run(box, case.command, monkeypatch, compared=case.outcome != "error", seconds=case.seconds)
    if os.listdir(box.root / "tmp"):
        gc.collect()  # what goes when a process ends
    told = f"{case.name}: exit {ran.code}\n{ran.out[-2000:]}\n{ran.err[-3000:]}"

    assert ran.code == case.code, told
    assert "Traceback" not in ran.err, told
    words = " ".join(ran.err.split())
    assert all(word in words for word in case.says), told
    assert not [c for c in ran.out + ran.err if not c.isprintable() and c not in "\n\t"], told
    assert inert_lines(ran.out + ran.err) == ran.out + ran.err, f"a line commands a CI: {told}"
    assert not box.canary.exists(), f"code was run: {told}"
    if not case.changes:
        assert listing(box) == before, f"something was written outside of the output folder: {told}"
    assert os.listdir(box.root / "tmp") == [], told
    assert ran.peak <= case.memory, f"{ran.peak} MiB: {told}"
    if case.outcome == "error":
        assert ran.out == "", told
        assert len(ran.err) < 4000, told
    return ran


def clean(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """The run whose value the case must give."""
    box = Box(folder / "clean")
    fill(box)
    case.clean(box)
    return run(box, case.clean_command or case.command, monkeypatch, compared=True, seconds=case.seconds)


def run(box: Box, command: str, monkeypatch: pytest.MonkeyPatch, *, compared: bool, seconds: float) -> Ran:
    """One command in a box, in this process."""
    arguments = shlex.split(command.format(root=box.root)) + (["--json", "-"] if compared else [])
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    out, err = io.StringIO(), io.StringIO()
    with monkeypatch.context() as patch:
        patch.chdir(box.here)
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.delenv("GANEVAL_DATA", raising=False)
        patch.setenv("GITHUB_ACTIONS", "true")
        for name, path in {"GANEVAL_CACHE": box.cache, "TMPDIR": box.root / "tmp", "HOME": box.root / "home"}.items():
            patch.setenv(name, str(path))
        patch.setattr("tempfile.tempdir", str(box.root / "tmp"))
        if "--weights" not in arguments:
            patch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)
        held = _reset_peak()
        with time_limit(seconds), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(arguments)
                code = 0
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        peak = _peak() - held
    return Ran(code, out.getvalue(), err.getvalue(), peak)


@contextlib.contextmanager
def time_limit(seconds: float):
    """Ends what hangs."""

    def ring(*_):
        raise TimeoutError(f"not done after {seconds} s")

    old = signal.signal(signal.SIGALRM, ring)
    faulthandler.dump_traceback_later(HARD_LIMIT, exit=True)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, old)


def listing(box: Box) -> dict[str, tuple]:
    """Everything below the root but the output, the cache and the scratch folder; what could block is not opened."""
    found: dict[str, tuple] = {}
    folders = [str(box.root)]
    own = {str(box.out), str(box.cache), str(box.root / "tmp")}
    while folders:
        for entry in os.scandir(folders.pop()):
            if entry.path in own:
                continue
            status = entry.stat(follow_symlinks=False)
            small = stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20
            digest = hashlib.sha256(Path(entry.path).read_bytes()).hexdigest() if small else ""
            found[entry.path] = status.st_mode, status.st_size, status.st_mtime_ns, digest
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
    return found


def _reset_peak() -> int:
    """Forgets the largest size so far (Linux); gives the present one in MiB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _field("VmRSS")


def _peak() -> int:
    return _field("VmHWM")


def _field(name: str) -> int:
    """In MiB; 0 where the system does not say."""
    if not _STATUS.is_file():
        return 0
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) // 1024
