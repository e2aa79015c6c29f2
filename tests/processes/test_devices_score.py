"""Several processes in one score: shares that cover every image once, one row, one number, errors that end all."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import ganeval
from ganeval.cli.main import root
from ganeval.cli.processes import start
from ganeval.errors import DataError, GanevalError, ProcessesError, UsageError
from ganeval.options import ScoreOptions
from ganeval.options.kinds import Duration
from ganeval.processes import connections as lines_module
from ganeval.processes.connections import Lines
from ganeval.processes.launch import Launched, launched
from ganeval.processes.shares import Processes, _device_of, open_processes
from ganeval.scoring.plan import make_plan
from ganeval.sources.base import ImageSource, Item
from tests.conftest import TOY, ToyBackbone
from tests.one_pass import score
from tests.ranks import GENERATOR, free_port, places, run_ranks

CPU = torch.device("cpu")
SLOW = pytest.mark.slow
TOY_ROUNDING = 1e-6  # the toy network rounds by its batch; real ones are called with one size
THREAD_ROUNDING = 1e-5  # PyTorch's float32 convolutions round by the number of threads: 4e-7 seen, one process or many


def place(rank, count, port, by="torchrun"):
    return Launched(by, rank, count, rank, count, "127.0.0.1", port)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Heartbeats every 20 ms, and no thread that ends the whole test run."""
    monkeypatch.setattr("ganeval.processes.connections.BEAT", 0.02)
    monkeypatch.setattr(Lines, "_leave", lambda self, failure: None)


def all_of(count, work, timeout=20.0):
    """Runs work(processes) in `count` processes that are threads here; what each gave or raised, by rank."""
    port, done = free_port(), {}

    def run(rank):
        try:
            processes = Processes(Lines(place(rank, count, port), timeout), CPU)
            with contextlib.contextmanager(lambda: (yield from ending(processes)))():
                done[rank] = work(processes)
        except BaseException as error:
            done[rank] = error

    threads = [threading.Thread(target=run, args=(rank,), name=f"rank-{rank}") for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [done.get(rank) for rank in range(count)]


def ending(processes):
    from ganeval.processes.shares import _ending_together

    return _ending_together(processes, None)


# ---- shares


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 5, 30])
def test_shares_cover_every_image_once_and_are_of_neighbours(n, count):
    class Line:
        def __init__(self, rank):
            self.rank, self.count = rank, count

    shares = [Processes(Line(rank), CPU).share(InArchives([1] * n)) for rank in range(count)]

    assert [index for share in shares for index in share] == list(range(n))
    assert max(len(s) for s in shares) - min(len(s) for s in shares) <= 1


class InArchives(ImageSource):
    """Images in archives of these sizes."""

    def __init__(self, sizes):
        self.name = "archives"
        self._archive = [number for number, size in enumerate(sizes) for _ in range(size)]
        self.items = [Item(f"{index:03d}") for index in range(len(self._archive))]

    def read(self, index):
        raise NotImplementedError

    def shard(self, index):
        return self._archive[index]


@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [
        ([10, 10, 10, 10], [20, 20]),
        ([10, 10, 10], [10, 20]),
        ([9, 8, 11, 12], [17, 23]),
        ([9, 8, 11, 12], [9, 19, 12]),
        ([30, 2], [16, 16]),  # one archive is nearly all: divided
        ([1] * 9, [3, 3, 3]),
        ([4, 4], [2, 2, 2, 2]),
        ([5], [2, 3]),
    ],
)
def test_an_archive_is_read_by_one_process_where_there_are_enough_of_them(sizes, lengths):
    class Line:
        def __init__(self, rank):
            self.rank, self.count = rank, len(lengths)

    shares = [Processes(Line(rank), CPU).share(InArchives(sizes)) for rank in range(len(lengths))]

    assert [index for share in shares for index in share] == list(range(sum(sizes)))
    assert [len(share) for share in shares] == lengths


def test_images_are_told_in_pieces_and_give_the_same_rows(toy, options, monkeypatch):
    """Three images a message, over three processes: the same numbers as in one message, and as one process."""
    sent, alone = [], score(options).results
    send = Lines.send

    def counted(self, rank, kind, facts=None, data=b""):
        if kind == "walked":
            sent.append(len(data) // 32)
        send(self, rank, kind, facts, data)

    monkeypatch.setattr("ganeval.scoring.gather_features.PIECE", 3)
    monkeypatch.setattr(Lines, "send", counted)
    found = all_of(3, lambda processes: score(options, processes=processes).results)[0]

    assert max(sent) == 3
    assert sum(sent) == 40 + 31 - (40 // 3 + 31 // 3)
    assert [row.value for row in found] == pytest.approx([row.value for row in alone], rel=TOY_ROUNDING)


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The toy network under the default backbone's name; each process has a cache of its own."""
    backbone = ToyBackbone()
    backbone.info = dataclasses.replace(TOY, name="efflite0")
    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", lambda *_: backbone)
    monkeypatch.setattr(
        "ganeval.scoring.loaded_networks.cache_home", lambda: tmp_path / threading.current_thread().name
    )
    return backbone


@pytest.fixture
def options(tmp_path):
    paths = []
    for name, shift, n in (("real", 0, 40), ("fake", 30, 31)):
        pixels = np.random.default_rng(shift).integers(0, 200, (n, 8, 8, 3)) + shift
        paths.append(str(tmp_path / f"{name}.npy"))
        np.save(paths[-1], pixels.astype(np.uint8))
    return ScoreOptions(paths[1], reference=paths[0], metrics="fd,kd,cs", engine="torch", device="cpu")


def test_moments_alone_have_the_same_bits_in_any_number_of_processes_and_no_row_is_sent(tmp_path, monkeypatch):
    rng, sent = np.random.default_rng(0), []
    for name, n in (("fake", 1000), ("real", 900)):
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8))
    paths = [str(tmp_path / f"{name}.npy") for name in ("fake", "real")]
    options = ScoreOptions(paths[0], reference=paths[1], metrics="fd@pixels", device="cpu", cache=False)
    send = Lines.send
    monkeypatch.setattr(
        Lines, "send", lambda self, rank, kind, *more: (sent.append(kind), send(self, rank, kind, *more))
    )
    rows = score(options).results[0]
    streamed = dataclasses.replace(options, moments_only=True)

    found = [all_of(count, lambda processes: score(streamed, processes=processes).results)[0] for count in (2, 3, 5)]

    alone = score(streamed).results[0]
    assert [each[0].value for each in found] == [alone.value] * 3
    assert alone.value == pytest.approx(rows.value, rel=1e-10)
    assert (alone.fingerprint, alone.n_fake, alone.n_real) == (rows.fingerprint, 1000, 900)
    assert "sum" in sent
    assert "rows" not in sent


@pytest.mark.parametrize("count", [2, 3])
def test_processes_without_a_common_disk_give_the_rows_of_one(toy, options, count):
    alone = score(dataclasses.replace(options, cache=False)).results
    toy.seen = 0

    first, *others = all_of(count, lambda processes: score(options, processes=processes).results)

    assert toy.seen == 31 + 40, "every image went through a network once, in one process"
    assert others == [()] * (count - 1)
    assert [row.value for row in first] == pytest.approx([row.value for row in alone], rel=TOY_ROUNDING)
    assert [row.fingerprint for row in first] == [row.fingerprint for row in alone]
    assert [row.provenance["subject_sha256"] for row in first] == [row.provenance["subject_sha256"] for row in alone]
    assert [row.note for row in first] == [row.note for row in alone]

    again = all_of(count, lambda processes: score(options, processes=processes).results)[0]
    assert toy.seen == 71, "each cache has its own share, and the first one has everything"
    assert [row.value for row in again] == [row.value for row in first]


def test_more_processes_than_images(toy, options, tmp_path):
    np.save(tmp_path / "few.npy", np.load(options.subject)[:3])
    few = dataclasses.replace(options, subject=str(tmp_path / "few.npy"), metrics="kd", cache=False)

    first = all_of(5, lambda processes: score(few, processes=processes).results)[0]

    assert first[0].n_fake == 3
    assert first[0].value == pytest.approx(score(few).results[0].value, rel=TOY_ROUNDING)


def test_no_cache_needs_no_common_folder(toy, options):
    uncached = dataclasses.replace(options, cache=False)
    alone = score(uncached).results

    first = all_of(2, lambda processes: score(uncached, processes=processes).results)[0]

    assert [row.value for row in first] == pytest.approx([row.value for row in alone], rel=TOY_ROUNDING)


def test_a_shared_cache_saves_the_sending(toy, options, monkeypatch, tmp_path):
    monkeypatch.setattr("ganeval.scoring.loaded_networks.cache_home", lambda: tmp_path / "shared")
    sent = []
    send = Lines.send

    def watched(self, rank, kind, facts=None, data=b""):
        sent.append((kind, facts is None))
        return send(self, rank, kind, facts, data)

    monkeypatch.setattr(Lines, "send", watched)

    all_of(2, lambda processes: score(options, processes=processes).results)

    assert ("rows", False) not in sent
    assert ("rows", True) in sent, "the end of the rows"


def test_bad_images_are_skipped_and_counted_in_every_share(make_folder, toy):
    fake, real = make_folder("fake", 12), make_folder("real", 12, seed=1)
    for number in (0, 11):
        (fake / f"{number:05d}.png").write_bytes(b"no image")
    options = ScoreOptions(str(fake), reference=str(real), metrics="fd", engine="torch", device="cpu", on_bad="skip")

    first = all_of(2, lambda processes: score(options, processes=processes).results)[0]

    assert first[0].n_fake == 10
    assert first[0].provenance["skipped"] == 2

    stopped = all_of(2, lambda processes: score(dataclasses.replace(options, on_bad="fail"), processes=processes))
    assert isinstance(stopped[0], GanevalError)
    assert stopped[0].exit_code == stopped[1].exit_code == 3


def test_a_statistics_file_is_read_by_all_and_shared_by_none(toy, options, tmp_path):
    from ganeval.progress import Silent
    from ganeval.scoring.build_reference import build_reference
    from ganeval.summaries.reference_file import save_reference

    statistics = build_reference(ScoreOptions(options.reference, engine="torch"), ["efflite0"], Silent())
    file = tmp_path / "real.safetensors"
    save_reference(file, statistics, features=True)
    toy.seen = 0

    rows = all_of(2, lambda p: score(dataclasses.replace(options, reference=str(file)), processes=p).results)[0]

    assert toy.seen == 31
    assert [row.value for row in rows] == pytest.approx([r.value for r in score(options).results], rel=TOY_ROUNDING)


# ---- what must be the same everywhere


def other_at(rank, changed, value):
    """`value` in one process, `changed` in the others."""
    return lambda processes: value if processes.rank != rank else changed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 3}, "other options"),
        ({"metrics": "fd"}, "other metrics"),
        ({"subject": "real"}, "other images of the subject than .*40 images .* against 31 images"),
    ],
    ids=["options", "metrics", "images"],
)
def test_processes_that_would_score_different_things_are_refused(toy, options, change, said):
    if "subject" in change:
        change = {"subject": options.reference}
    mine = other_at(1, dataclasses.replace(options, **change), options)

    first, second = all_of(2, lambda processes: score(mine(processes), processes=processes))

    assert isinstance(first, DataError)
    with pytest.raises(DataError, match=f"process 2 of 2 .* has {said}"):
        raise first
    assert isinstance(second, ProcessesError)
    assert second.exit_code == 3
    assert toy.seen == 0


def test_images_of_equal_names_and_other_bytes_are_refused(toy, options, tmp_path):
    changed = np.load(options.subject)
    changed[0] += 1
    np.save(tmp_path / "changed.npy", changed)
    mine = other_at(1, dataclasses.replace(options, subject=str(tmp_path / "changed.npy")), options)

    first, _ = all_of(2, lambda processes: score(mine(processes), processes=processes))

    with pytest.raises(DataError, match=r"names (\w+), bytes \w+ against .* names \1, bytes"):
        raise first


def test_other_weights_in_one_process_are_refused(toy, options, monkeypatch):
    other = ToyBackbone()
    other.info, other.weights_sha256 = toy.info, "1" * 64

    def opened(*_):
        return other if threading.current_thread().name == "rank-1" else toy

    monkeypatch.setattr("ganeval.scoring.loaded_networks.open_backbone", opened)

    first, _ = all_of(2, lambda processes: score(options, processes=processes))

    with pytest.raises(DataError, match=r"other networks efflite0 than .*1111.* against .*0000"):
        raise first


# ---- failures


def test_the_error_of_one_ends_all_with_its_exit_status_and_the_first_tells():
    def work(processes):
        if processes.rank == 1:
            raise UsageError("mine")
        while True:
            processes.lines.progress()
            time.sleep(0.01)

    first, second, third = all_of(3, work)

    assert isinstance(first, ProcessesError)
    assert str(first).startswith("process 2 of 3")
    assert str(first).endswith(": mine")
    assert first.aloud
    assert isinstance(second, UsageError)
    assert isinstance(third, ProcessesError)
    assert not third.aloud
    assert first.exit_code == second.exit_code == third.exit_code == 2


def test_an_error_of_the_first_after_the_others_are_done_is_theirs_too():
    def work(processes):
        if processes.rank == 0:
            time.sleep(0.2)
            raise DataError("cannot write")

    first, second = all_of(2, work)

    assert isinstance(first, DataError)
    assert isinstance(second, ProcessesError)
    assert second.exit_code == 3


def test_a_process_that_ends_without_a_word_is_known_at_once():
    def work(processes):
        if processes.rank == 1:
            processes.lines._lines[0].said_goodbye = True
            processes.lines._final = 0
            processes.lines._lines[0].socket.shutdown(socket.SHUT_RDWR)
            return
        while True:
            processes.lines.progress()
            time.sleep(0.01)

    first = all_of(2, work)[0]

    with pytest.raises(ProcessesError, match=r"process 2 of 2 .* ended without a word"):
        raise first


def test_a_process_that_gives_no_sign_of_life_is_lost_after_the_time_out():
    def work(processes):
        if processes.rank == 1:
            processes.lines._closed.set()  # no more heartbeats, as when it is stopped
        while True:
            processes.lines.progress()
            time.sleep(0.01)

    first = all_of(2, work, timeout=0.5)[0]

    with pytest.raises(ProcessesError, match=r"process 2 of 2 .* no progress for 0.5 s \(--timeout\): it was stopped"):
        raise first


def test_a_process_that_makes_no_progress_is_lost_after_the_time_out_and_one_that_waits_is_not():
    def work(processes):
        if processes.rank == 0:
            return processes.lines.receive(1, "never")
        if processes.rank == 2:
            return processes.lines.receive(0, "never")
        while True:
            processes.lines.check()
            time.sleep(0.01)

    first, second, third = all_of(3, work, timeout=0.5)

    with pytest.raises(ProcessesError, match=r"process 2 of 3 .* no progress for 0.5 s .*: it hangs"):
        raise first
    assert second.exit_code == third.exit_code == 3


def test_a_bug_in_one_process_keeps_its_traceback_there():
    def work(processes):
        if processes.rank == 1:
            raise ZeroDivisionError("a bug")
        processes.lines.receive(1, "never")

    first, second = all_of(2, work)

    assert isinstance(second, ZeroDivisionError)
    assert str(first).endswith("ZeroDivisionError: a bug")
    assert first.exit_code == 1


def test_a_library_that_fails_since_another_process_went_is_not_blamed():
    def work(processes):
        if processes.rank == 1:
            raise DataError("no data")
        raise RuntimeError("Connection closed by peer")

    first = all_of(2, work)[0]

    with pytest.raises(ProcessesError, match="no data"):
        raise first


# ---- finding each other


def test_a_process_that_does_not_come_is_named():
    with pytest.raises(ProcessesError, match=r"\(1 of 2\) did not all come within 0.3 s \(--timeout\)"):
        Lines(place(0, 2, free_port()), timeout=0.3)


def test_a_port_that_another_program_has_is_said():
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ProcessesError, match=f"Port {port} .* is taken by another program.*MASTER_PORT"):
            Lines(place(0, 2, port), timeout=1.0)


def test_a_first_process_that_is_not_there_is_said():
    with pytest.raises(ProcessesError, match=r"process 2 of 2 cannot reach the first one at 127.0.0.1") as caught:
        Lines(place(1, 2, free_port()), timeout=0.5)
    assert caught.value.aloud


def test_strangers_who_call_do_not_count(monkeypatch):
    served = []
    accept = lines_module._accept

    def visited(me, store, timeout):
        def call():
            while not store.check(["line"]):  # a wait would keep this client's other calls, `set` among them, waiting
                time.sleep(0.01)
            port = json.loads(store.get("line"))["port"]
            # Where the other process came first, the door is closed again.
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(b"\x00\x00\x00\x08GET / HT")
                served.append(stranger.recv(10))

        threading.Thread(target=call, daemon=True).start()
        return accept(me, store, timeout)

    monkeypatch.setattr("ganeval.processes.connections._accept", visited)

    assert all_of(2, lambda processes: processes.rank) == [0, 1]
    assert served in ([], [b""])


# ---- what launchers say


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WORLD_SIZE": "1", "RANK": "0"}, None),
        (
            {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"},
            Launched("torchrun", 3, 4, 1, 2, "node0", 29500),
        ),
        (
            {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "2", "SLURM_LOCALID": "0"},
            Launched("srun", 2, 4, 0, 2, "node0", 29500),
        ),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, None),  # a job of four tasks whose script runs once
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
    ],
    ids=["alone", "world of one", "torchrun", "srun", "sbatch without srun", "mpirun of one"],
)
def test_launchers_say_how_many_there_are(environment, expected):
    shared = {"MASTER_ADDR": "node0", "MASTER_PORT": "29500"}
    assert launched({**shared, **environment}) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SLURM_GPUS_PER_TASK": "1"}, "cuda:0"),
        ({"SLURM_TRES_PER_TASK": "cpu=4,gres/gpu=1"}, "cuda:0"),
        ({"SLURM_TRES_PER_TASK": "gres:gpu:1"}, "cuda:0"),
        ({"SLURM_GPU_BIND": "verbose,single:1"}, "cuda:0"),
        ({"SLURM_TRES_PER_TASK": "cpu=4"}, None),
        ({}, None),
    ],
)
def test_a_task_of_srun_that_sees_one_gpu_of_its_own_takes_it(variables, expected, monkeypatch):
    tasks = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "3", "MASTER_ADDR": "node0"}
    me = launched({**tasks, **variables})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    if expected is None:  # all four see the same one
        with pytest.raises(UsageError, match="4 processes on this machine"):
            _device_of("auto", me)
    else:
        assert str(_device_of("auto", me)) == expected


def test_srun_finds_address_and_port_by_itself():
    tasks = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_JOB_ID": "1234567"}
    me = launched({**tasks, "SLURM_STEP_NODELIST": "node[03-05,9]"})

    assert (me.address, me.port) == ("node[03-05,9]", 19567)
    assert lines_module._first_host(me.address) == "node03"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"WORLD_SIZE": "2"}, "RANK and MASTER_ADDR and MASTER_PORT are not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE must be a whole number; got 'two'"),
        ({"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, "number 2 of 2"),
        ({"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "99999"}, "port 99999"),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "mpirun started 2 processes"),
    ],
    ids=["rank", "word", "number", "port", "mpirun"],
)
def test_launchers_that_contradict_themselves_are_refused(environment, said):
    with pytest.raises(UsageError, match=said):
        launched(environment)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("90s", 90.0), ("10m", 600.0), ("1.5h", 5400.0)])
def test_the_time_out_is_written_in_seconds_or_minutes(text, seconds):
    assert Duration().read(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-3", "soon", "m", "1e9"])
def test_a_time_out_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="takes seconds or minutes"):
        Duration().read(text)


# ---- commands


@pytest.mark.parametrize("more", [{"paired": "x"}, {"until_se": 1.0, "metrics": "fd"}])
def test_what_runs_in_one_process_refuses_several(more):
    options = {"metrics": None} | more
    with pytest.raises(UsageError, match=r"2 processes .*--devices, torchrun or srun"):
        make_plan(ScoreOptions("a", "b", devices=2, **options))


@pytest.mark.parametrize(
    "arguments",
    [
        ["diff", "a", "b", "--reference", "c"],
        ["gate", "a", "--baseline", "b.jsonl"],
        ["reference", "build", "a", "-o", "b.safetensors"],
        ["merge", "a.safetensors", "-o", "b.safetensors"],
        ["leaderboard", "add", "a.jsonl"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_of_one_process_refuse_torchrun_and_say_so_once(arguments, tmp_path):
    first, second = run_ranks(arguments, tmp_path)

    assert (first.code, second.code) == (2, 2)
    assert f"torchrun started `ganeval {arguments[0]}` 2 times" in first.err
    assert second.err == ""


def test_devices_start_the_same_command_and_end_with_its_status(capfd):
    assert start(2, ["diff", "a", "b"]) == 2
    assert capfd.readouterr().err.count("--devices started `ganeval diff` 2 times") == 1


@pytest.mark.parametrize(
    ("device", "count", "said"),
    [("mps", 2, "go with --device auto, cpu or cuda; got 'mps'"), ("cuda", 99, ". CUDA devices are here")],
)
def test_processes_that_no_device_can_serve_are_refused(device, count, said, monkeypatch):
    for name, value in places(count)[0].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said), open_processes(device, 1):
        pass


def test_another_number_than_the_launcher_started_is_refused(monkeypatch):
    for name, value in places(2)[0].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="--devices 3: torchrun started 2 processes"), open_processes("cpu", 3):
        pass


def test_python_starts_no_processes_and_says_how(options):
    with pytest.raises(UsageError, match=r"2 devices need a process each.*torchrun --nproc-per-node 2"):
        ganeval.score(options.subject, reference=options.reference, devices=2)


def test_python_scores_alone_under_torchrun_unless_it_is_told(toy, options, monkeypatch):
    for name, value in places(2)[1].items():
        monkeypatch.setenv(name, value)

    assert ganeval.score(options.subject, reference=options.reference, metrics="fd", engine="torch")["fd"].n_fake == 31


def test_one_process_tells_of_an_unknown_option():
    result = CliRunner().invoke(root, ["score", "a", "--timeout", "never"])

    assert isinstance(result.exception, UsageError)


def test_two_processes_with_caches_of_their_own_print_and_append_the_rows_of_one(make_folder, tmp_path, monkeypatch):
    """The whole command, by the environment that torchrun makes; the first process is this one."""
    fake, real = make_folder("fake", 7, sizes=[(12, 12), (20, 9)]), make_folder("real", 6, seed=1)
    arguments = ["score", str(fake), "--reference", str(real), "--metrics", "fd,kd", "--engine", "torch", "--json", "-"]

    alone = CliRunner().invoke(root, arguments)
    command = [*arguments, "--append", str(tmp_path / "rows.jsonl")]
    here, there = ({**own, "GANEVAL_CACHE": str(tmp_path / f"cache-{own['RANK']}")} for own in places(2))
    other = [sys.executable, "-m", "ganeval.cli.main", *command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with monkeypatch.context() as patch, subprocess.Popen(other, env={**os.environ, **there}, **pipes) as second:
        for name, value in here.items():
            patch.setenv(name, value)
        first = CliRunner().invoke(root, command)
        out, err = second.communicate(timeout=300)

    assert (first.exit_code, second.returncode, out, err) == (0, 0, "", ""), first.stderr + err
    rows, expected = (json.loads(text)["rows"] for text in (first.stdout, alone.stdout))
    for one, other in zip(rows, expected, strict=True):
        assert one["value"] == pytest.approx(other["value"], rel=THREAD_ROUNDING, abs=1e-9)
        assert one["fingerprint"] == other["fingerprint"]
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == len(rows)
    assert all(any((tmp_path / f"cache-{rank}").rglob("*.safetensors")) for rank in (0, 1))


# ---- slow: real processes that die, stop, hang, lack data; another network


@pytest.fixture
def generated(make_folder, tmp_path):
    """Arguments that score a generator of 130 images, of which process 2 draws the second half."""
    (tmp_path / "fates.py").write_text(GENERATOR)
    real = make_folder("real", 20)
    return ["score", "fates:factory", "--num-samples", "130", "--reference", str(real), "--metrics", "fd", "--engine",
            "torch", "--no-cache", "--timeout", "40"]  # fmt: skip


@SLOW
@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize(
    ("fate", "said"),
    [
        ("SIGKILL", "ended without a word"),
        ("SIGSTOP", "made no progress for 40 s (--timeout)"),
        ("hang", "made no progress for 40 s (--timeout)"),
        ("SIGTERM", "stopped by SIGTERM"),
        ("SIGINT", "interrupted"),
    ],
)
def test_a_process_that_dies_stops_or_hangs_ends_the_other_with_one_error(generated, tmp_path, victim, fate, said):
    ended = run_ranks(generated, tmp_path, VICTIM=victim, FATE=fate)
    other = ended[1 - victim]

    told = ended[0].err + ended[1].err
    assert told.count("ganeval: ") == 1, told
    assert said in told
    assert "Traceback" not in told
    assert other.code == (130 if fate == "SIGINT" else 3)
    assert other.out == ""


@SLOW
@pytest.mark.parametrize("lacking", ["data", "weights"])
def test_a_process_without_data_or_weights_ends_all_with_one_error(make_folder, inception_file, tmp_path, lacking):
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
        shutil.copytree(make_folder(f"{home.name}-fake", 4), home / "fake")
        shutil.copyfile(inception_file, home / "weights.pth")
    shutil.rmtree(homes[1] / "fake") if lacking == "data" else (homes[1] / "weights.pth").unlink()
    arguments = ["score", "fake", "--reference", "fake", "--metrics", "fd@inception", "--engine", "torch"]

    first, second = run_ranks([*arguments, "--weights", "inception=weights.pth"], tmp_path, folders=homes)

    assert first.code == second.code != 0
    assert "ganeval: process 2 of 2" in first.err
    assert ("'fake'" if lacking == "data" else "weights.pth: there is no such file") in first.err
    assert second.err == ""
    assert "Traceback" not in first.err


@SLOW
@pytest.mark.parametrize("subject", ["folder", "generator"])
def test_any_number_of_processes_prints_the_same_row_once(make_folder, generated, tmp_path, subject):
    arguments = [*generated, "--json", "-"]
    if subject == "folder":
        arguments[1] = str(make_folder("fake", 21, sizes=[(12, 12), (20, 9)]))
    rows = {}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), str(tmp_path)])}
    for devices in (1, 2, 3):
        more = ["--devices", str(devices), "--batch-size", str(devices * 5)]
        command = [sys.executable, "-m", "ganeval.cli.main", *arguments, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows[devices] = json.loads(done.stdout)["rows"]

    for devices in (2, 3):
        for one, alone in zip(rows[devices], rows[1], strict=True):
            assert one["value"] == pytest.approx(alone["value"], rel=THREAD_ROUNDING), devices
            assert one["fingerprint"] == alone["fingerprint"]


@SLOW
def test_processes_of_devices_end_when_the_command_that_started_them_is_killed(generated, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), str(tmp_path)])}
    environment |= {"VICTIM": "1", "FATE": "hang"}
    command = [sys.executable, "-m", "ganeval.cli.main", *generated, "--timeout", "10m", "--devices", "2"]
    starter = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(15)
    starter.send_signal(signal.SIGKILL)

    out, _ = starter.communicate(timeout=60)  # ends when no process holds the pipe any more

    assert b"Traceback" not in out


def namespaces():
    """Whether this machine lets us make network namespaces."""
    if shutil.which("ip") is None or os.name != "posix" or os.geteuid() != 0:
        return False
    made = subprocess.run(["ip", "netns", "add", "ganeval-try"], capture_output=True)
    subprocess.run(["ip", "netns", "del", "ganeval-try"], capture_output=True)
    return made.returncode == 0


@pytest.fixture
def two_machines():
    """Two network namespaces, 10.77.0.1 and 10.77.0.2, that reach each other and nothing else."""
    if not namespaces():
        pytest.skip("needs root and `ip netns`")
    names = [f"ganeval-{os.getpid()}-{i}" for i in (0, 1)]
    run = lambda *command: subprocess.run(command, check=True, capture_output=True)  # noqa: E731
    try:
        for name in names:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "gv0", "netns", names[0], "type", "veth", "peer", "name", "gv1", "netns", names[1])
        for i, name in enumerate(names):
            run("ip", "-n", name, "addr", "add", f"10.77.0.{i + 1}/24", "dev", f"gv{i}")
            run("ip", "-n", name, "link", "set", f"gv{i}", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@SLOW
@pytest.mark.parametrize("fate", ["", "SIGKILL", "SIGSTOP", "no data"])
def test_torchrun_over_two_network_namespaces(two_machines, make_folder, tmp_path, fate):
    (tmp_path / "fates.py").write_text(GENERATOR)
    real = make_folder("real", 20)
    score_it = ["score", "fates:factory", "--num-samples", "130", "--reference", str(real), "--metrics", "fd,kd"]
    score_it += ["--engine", "torch", "--timeout", "40", "--json", "-"]
    processes = []
    for rank, name in enumerate(two_machines):
        own = {**os.environ, "GANEVAL_CACHE": str(tmp_path / f"cache-{rank}"), "VICTIM": "1", "FATE": fate or "none"}
        own |= {"PYTHONPATH": os.pathsep.join([os.getcwd(), str(tmp_path)])}
        own |= {} if fate.startswith("SIG") else {"VICTIM": "none"}
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", str(rank)]
        launcher += ["--nproc-per-node", "1", "--master-addr", "10.77.0.1", "--master-port", "29517"]
        launcher += ["-m", "ganeval.cli.main"]
        arguments = score_it if not (fate == "no data" and rank == 1) else [*score_it, "--reference", "gone"]
        command = ["ip", "netns", "exec", name, *launcher, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, env=own, cwd=tmp_path, text=True, **pipes))
    out, err = processes[0].communicate(timeout=300)
    if fate == "SIGSTOP":  # torchrun itself gives up a process that does not end
        subprocess.run(["pkill", "-KILL", "-P", str(processes[1].pid)], capture_output=True)
    processes[1].communicate(timeout=120)

    if not fate:
        assert processes[0].returncode == processes[1].returncode == 0, err
        alone = [sys.executable, "-m", "ganeval.cli.main", *score_it, "--no-cache"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), str(tmp_path)])}
        environment["OMP_NUM_THREADS"] = str(os.cpu_count())  # those of one process a machine
        done = subprocess.run(alone, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        for one, other in zip(json.loads(out)["rows"], json.loads(done.stdout)["rows"], strict=True):
            assert one["value"] == pytest.approx(other["value"], rel=1e-10)
        return
    said = {"SIGKILL": "ended without a word", "SIGSTOP": "made no progress for 40 s", "no data": "'gone'"}[fate]
    ours = err.partition("Traceback")[0]  # what follows is torchrun's own
    assert ours.count("ganeval: process 2 of 2") == 1, err
    assert said in ours
    assert processes[0].returncode != 0
