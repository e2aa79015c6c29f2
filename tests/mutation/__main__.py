"""`python -m tests.mutation --sample 900`: what share of small faults the tests notice, module by module.

In the folder of the project, with the extra `mutation`: mutmut writes all mutants to `mutants/`, a seeded sample of
them is tried there by `tests.mutation.forks`, and the outcomes go to mutmut's own records, so that `mutmut results` and
`mutmut show NAME` know them. A sample is the beginning of one seeded order over all mutants, in which each module comes
up in proportion to its mutants: a larger sample of the same seed goes on where a smaller one ended.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name
from scipy.stats import binomtest

ROOM = Path("mutants")
OUTCOMES = ROOM / "outcomes.jsonl"
CODES = {"killed": 1, "survived": 0, "unreached": 33}  # mutmut's


def module(name: str) -> str:
    """ganeval.stats.groups of ganeval.stats.groups.x_group_stderr__mutmut_1."""
    return name.partition(".x")[0]


def in_order(names: list[str], seed: int) -> list[str]:
    """All mutants, shuffled within their module and the modules dealt out in proportion."""
    by_module: dict[str, list[str]] = {}
    for name in sorted(names):
        by_module.setdefault(module(name), []).append(name)
    place: dict[str, float] = {}
    for key, members in sorted(by_module.items()):
        draw = random.Random(f"{seed} {key}")
        draw.shuffle(members)
        first = draw.random()
        place |= {name: (number + first) / len(members) for number, name in enumerate(members)}
    return sorted(names, key=place.__getitem__)


def generate() -> dict[str, SourceFileMutationData]:
    """Writes the mutants with mutmut; those of files that did not change since the last time stay."""
    set_mutant_under_test("mutant_generation")
    ROOM.mkdir(exist_ok=True)
    sys.stderr.write("mutmut writes the mutants ...\n")
    with contextlib.redirect_stdout(sys.stderr):
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(1)
    records = {}
    for path in walk_mutatable_files():
        record = SourceFileMutationData(path=path)
        record.load()
        records |= dict.fromkeys(record.exit_code_by_key, record)
    return records


def digest(record: SourceFileMutationData, name: str) -> str:
    """Hash of the function that a mutant is of."""
    return record.hash_by_function_name[mangled_name_from_mutant_name(name).rpartition(".")[2]]


def attempt(names: dict[str, str]) -> None:
    """Tries mutants (name -> hash of the function), one after the other, in one process that forks."""
    (ROOM / "names.json").write_text(json.dumps(names))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation.forks", "--rootdir=.", "--tb=native"]
    command += ["--mutants", "names.json", "--outcomes", OUTCOMES.name]
    command += [*config().pytest_add_cli_args, *config().pytest_add_cli_args_test_selection]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOM, env=environment, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout[-5000:]}\nThe tests ended with status {done.returncode}.")


def outcomes(digests: dict[str, str]) -> dict[str, dict[str, str]]:
    """The last row of every mutant that was tried, where its function is still the same."""
    rows = map(json.loads, OUTCOMES.read_text().splitlines() if OUTCOMES.exists() else ())
    return {row["mutant"]: row for row in rows if digests.get(row["mutant"]) == row["function"]}


def table(names: list[str], found: dict[str, dict[str, str]]) -> str:
    """Markdown: mutants, how many were tried and killed, module by module and together, with Wilson's interval."""
    every, tried = Counter(map(module, names)), Counter(map(module, found))
    killed = Counter(module(name) for name, row in found.items() if row["outcome"] == "killed")
    lines = ["| module | mutants | tried | killed | share |", "|---|---|---|---|---|"]
    for key in sorted(every):
        share = f"{killed[key] / tried[key]:.0%}" if tried[key] else ""
        lines.append(f"| `{key.removeprefix('ganeval.')}` | {every[key]} | {tried[key]} | {killed[key]} | {share} |")
    k, n = killed.total(), tried.total()
    low, high = binomtest(k, n).proportion_ci(0.95, method="wilson")
    lines.append(f"| together | {every.total()} | {n} | {k} | {k / n:.1%} [{low:.1%}, {high:.1%}] |")
    return "\n".join(lines)


def main() -> int:
    """Exit status 0 where the share of killed mutants reaches --at-least, 1 below."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, help="mutants to try, over all modules in proportion; all without it")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--only", default="", help="names that begin with this, such as ganeval.stats.groups")
    parser.add_argument("--again", action="store_true", help="those that survived are tried once more")
    parser.add_argument("--at-least", type=float, default=0.85, help="share that is to be killed")
    chosen = parser.parse_args()
    records = generate()
    names = [name for name in in_order(list(records), chosen.seed) if name.startswith(chosen.only)]
    sample = {name: digest(records[name], name) for name in names[: chosen.sample]}
    done = {name for name, row in outcomes(sample).items() if row["outcome"] == "killed" or not chosen.again}
    if todo := {name: function for name, function in sample.items() if name not in done}:
        attempt(todo)
    found = outcomes(sample)
    for name, row in found.items():
        records[name].exit_code_by_key[name] = CODES[row["outcome"]]
    for record in set(records.values()):
        record.save()
    sys.stdout.write(table(names, found) + "\n")
    for name in sorted(name for name, row in found.items() if row["outcome"] != "killed"):
        sys.stdout.write(f"{found[name]['outcome']}: {name}\n")
    return 0 if sum(row["outcome"] == "killed" for row in found.values()) >= chosen.at_least * len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
