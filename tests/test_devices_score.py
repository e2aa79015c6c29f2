"""Several processes in one score: shares that cover every image once, one row, one number, errors that end all."""

import json
import subprocess
import sys

import pytest

from ganeval.devices import Processes
from ganeval.errors import UsageError
from ganeval.plan import ScoreOptions, make_plan


class Alone:
    """A fabric of one rank among several that do nothing."""

    device = "cpu"

    def __init__(self, rank, count, others=()):
        self.global_rank, self.world_size, self.others = rank, count, others

    def broadcast(self, text, src):
        return text

    def all_reduce(self, codes, reduce_op):
        for rank, code in self.others:
            codes[rank] = code
        return codes


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 5, 30])
def test_shares_cover_every_image_once_and_are_of_neighbours(n, count):
    shares = [Processes(Alone(rank, count)).share(n) for rank in range(count)]

    assert [index for share in shares for index in share] == list(range(n))
    assert max(len(s) for s in shares) - min(len(s) for s in shares) <= 1


def test_the_error_of_one_ends_all_with_its_exit_status():
    mine = Processes(Alone(1, 3))
    with pytest.raises(UsageError, match="mine"), mine.together():
        raise UsageError("mine")

    other = Processes(Alone(1, 3, others=[(0, 3)]))
    with pytest.raises(SystemExit) as stop, other.together():
        pass
    assert stop.value.code == 3

    with Processes(Alone(1, 3)).together():
        pass


@pytest.mark.parametrize("more", [{"paired": "x"}, {"until_se": 1.0, "metrics": "fd"}])
def test_what_runs_in_one_process_refuses_several(more):
    options = {"metrics": None} | more
    with pytest.raises(UsageError, match="--devices 2"):
        make_plan(ScoreOptions("a", "b", devices=2, **options))


@pytest.mark.slow
def test_any_number_of_processes_prints_the_same_row_once(make_folder, tmp_path):
    fake, real = make_folder("fake", 21, sizes=[(12, 12), (20, 9)]), make_folder("real", 20, seed=1)
    rows = {}
    for devices in (1, 2, 3):
        arguments = ["score", str(fake), "--reference", str(real), "--metrics", "fd,kd", "--engine", "torch"]
        more = ["--no-cache", "--devices", str(devices), "--batch-size", str(devices * 5), "--json", "-"]
        done = subprocess.run(
            [sys.executable, "-m", "ganeval.cli.main", *arguments, *more], capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stderr
        rows[devices] = json.loads(done.stdout)["rows"]

    for devices in (2, 3):
        for one, alone in zip(rows[devices], rows[1], strict=True):
            assert one["value"] == pytest.approx(alone["value"], rel=1e-9), devices
            assert one["fingerprint"] == alone["fingerprint"]


@pytest.mark.slow
def test_a_bad_image_in_one_share_ends_all_processes_with_status_3(make_folder):
    fake, real = make_folder("fake", 12), make_folder("real", 12, seed=1)
    (fake / "00011.png").write_bytes((fake / "00011.png").read_bytes()[:60])
    arguments = ["score", str(fake), "--reference", str(real), "--metrics", "fd", "--engine", "torch", "--devices", "2"]

    done = subprocess.run(
        [sys.executable, "-m", "ganeval.cli.main", *arguments], capture_output=True, text=True, timeout=900
    )

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
