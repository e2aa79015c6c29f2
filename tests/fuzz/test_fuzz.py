"""Whatever bytes a parser is given, it ends with a value or with an error of ours, in time.

A few dozen inputs a parser; `python -m tests.fuzz --minutes 10` tries hundreds of thousands.
"""

import contextlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganeval.errors import GanevalError
from tests.fuzz.attempt import attempt, scratch, time_limit
from tests.fuzz.mutate import CHANGES, mutated
from tests.fuzz.parsers import PARSERS, Parser

pytestmark = pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="alarms")


@pytest.fixture(scope="module")
def folder():
    with scratch() as made:
        yield made


@pytest.fixture(scope="module")
def corpus(folder):
    found = {}
    for parser in PARSERS:
        (folder / parser.name).mkdir()
        found[parser.name] = parser.seeds(folder / parser.name)
    return found


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_a_seed_is_read(parser, folder, corpus):
    accepted = 0
    for seed in corpus[parser.name]:
        assert attempt(parser, seed, folder / parser.name) is None
        with contextlib.suppress(GanevalError):
            parser.parse(seed, folder / parser.name)
            accepted += 1

    if parser.name == "statistics npz":
        return  # a good one has 2048 x 2048 numbers, which take a second to check; this one is good up to its width
    assert accepted, "no seed is a good one, so what is spoilt goes no deeper than the first check"


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_a_spoilt_input_gives_a_value_or_an_error_of_ours(parser, folder, corpus):
    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.integers(0, 2**32).map(lambda n: mutated(corpus[parser.name], random.Random(n))), st.binary()))
    def check(data):
        found = attempt(parser, data, folder / parser.name)
        assert found is None, found

    check()


def test_every_change_is_one_that_keeps_bytes_bytes():
    for change in CHANGES:
        for seed in range(50):
            for data in (b"", b"x", bytes(range(100))):
                assert isinstance(change(data, [data, b"other"], random.Random(seed)), bytes)


def test_a_parser_that_raises_hangs_or_dies_is_found(tmp_path):
    def broken(data: bytes, folder: Path) -> object:
        raise KeyError(data)

    found = attempt(Parser("broken", broken, lambda folder: []), b"x", tmp_path)

    assert found is not None
    assert (found.parser, found.error) == ("broken", "KeyError: b'x'")
    with pytest.raises(TimeoutError), time_limit(0.05):
        time.sleep(20)


@pytest.mark.slow
def test_the_runner_says_how_many_executions_and_what_it_found(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz", "--minutes", "0.4", "--only", "tom", "--keep", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "executions of 4 parsers" in ran.stdout
    assert "0 findings" in ran.stdout
