"""`python -m tests.fuzz --minutes 10`: mutates a seed corpus over all parsers, round robin, and says what it found.

The work is done by a child process, a minute at a time, with a limit on its memory: when a library in C takes it down,
the input it died of is a finding too, and the next minute begins.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROUND = 60.0  # seconds a child
EXTRA = 3 << 30  # bytes of address space beyond what the child has after its imports
LAST = "last-input"


def main(arguments: list[str] | None = None) -> int:
    """Runs the children, prints the table, exits 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="Another number gives other inputs.")
    parser.add_argument("--only", default="", help="Parsers whose name contains this.")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="Folder for inputs that broke one.")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child is not None:
        child(given)
        return 0
    end, count, done, findings = time.monotonic() + 60 * given.minutes, 0, Counter[str](), {}
    while (left := end - time.monotonic()) > 5:
        given.keep.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz", "--child", str(count), "--seed", str(given.seed)]
        command += ["--only", given.only, "--keep", str(given.keep), "--minutes", str(min(left, ROUND) / 60)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        count += 1
        for line in ran.stdout.splitlines():
            told = json.loads(line)
            done.update(told.get("executions", {}))
            if "error" in told:
                findings.setdefault((told["parser"], told["place"], told["error"].partition(":")[0]), told)
        if ran.returncode != 0:
            died = given.keep / LAST
            name = died.read_bytes().partition(b"\n")[0].decode() if died.is_file() else "start"
            saved = given.keep / f"died-{count}"
            if died.is_file():
                died.rename(saved)
            told = {"parser": name, "place": "process", "error": f"exit {ran.returncode}", "file": str(saved)}
            findings.setdefault((name, "process", str(ran.returncode)), told)
            done[name] += 1
    for name, executions in sorted(done.items()):
        print(f"{executions:9,}  {name}")
    print(f"{sum(done.values()):9,}  executions of {len(done)} parsers in {given.minutes:g} minutes")
    for told in findings.values():
        print(f"FOUND {told['parser']} at {told['place']}: {told['error']} ({told['file']})")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


def child(given: argparse.Namespace) -> None:
    """One round; a line of JSON a finding, and one with the counts at the end."""
    from tests.fuzz.attempt import attempt, scratch, seeded
    from tests.fuzz.mutate import mutated
    from tests.fuzz.parsers import PARSERS

    end = time.monotonic() + 60 * given.minutes
    chosen = [parser for parser in PARSERS if given.only in parser.name]
    done: Counter[str] = Counter()
    seen: set[tuple[str, str, str]] = set()
    rng = seeded(given.seed, given.child)
    _limit_memory()
    last = os.open(given.keep / LAST, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    with scratch() as folder:
        corpora = {}
        for parser in chosen:
            (folder / parser.name).mkdir()
            corpora[parser.name] = parser.seeds(folder / parser.name)
        while time.monotonic() < end:
            for parser in chosen:
                data = mutated(corpora[parser.name], rng)
                os.ftruncate(last, os.pwrite(last, parser.name.encode() + b"\n" + data, 0))
                found = attempt(parser, data, folder / parser.name)
                done[parser.name] += 1
                if found is not None and (found.parser, found.place, found.error[:20]) not in seen:
                    seen.add((found.parser, found.place, found.error[:20]))
                    place = given.keep / f"{found.parser}-{found.place}-{given.child}-{done[parser.name]}".replace(
                        " ", "_"
                    )
                    place.write_bytes(found.data)
                    told = {"parser": found.parser, "place": found.place, "error": found.error, "file": str(place)}
                    print(json.dumps(told), flush=True)
    os.close(last)
    (given.keep / LAST).unlink()
    print(json.dumps({"executions": done}), flush=True)


def _limit_memory() -> None:
    """A parser that wants gigabytes gets a MemoryError, and that is a finding."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmSize"))
        size = int(line.split()[1]) * 1024 + EXTRA
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    sys.exit(main())
