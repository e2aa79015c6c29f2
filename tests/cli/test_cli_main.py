"""The entry point: what the machine or the user ends has its own words and status; a bug keeps its traceback."""

import errno
import os
import subprocess
import sys
import types

import click
import pytest

import ganeval
from ganeval.cli import main as cli


@pytest.fixture
def ends(capsys, monkeypatch):
    """Runs a command that raises: (status, stderr)."""

    def call(error):
        def failing(**options):
            raise error

        monkeypatch.setattr(cli.root, "main", failing)
        with pytest.raises(SystemExit) as stop:
            cli.main(["list"])
        out, err = capsys.readouterr()
        assert out == ""
        return stop.value.code, err

    return call


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    ],
    ids=["Python", "PyTorch on the CPU", "PyTorch on CUDA"],
)
def test_a_full_memory_is_told_with_what_helps(error, ends):
    code, err = ends(error)

    assert code == 3
    assert err.startswith("ganeval: the memory is full. Lower --batch-size")


def test_a_full_disk_is_told_with_its_place_on_one_line(ends):
    code, err = ends(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/cache\n/x"))

    assert code == 3
    assert err.splitlines() == [err.rstrip("\n")]
    assert "No space left on device (/cache" in err
    assert "GANEVAL_CACHE" in err
    assert "(" not in ends(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))[1].partition("Allow")[0]


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes differ"), OSError(errno.EPERM, "no"), ValueError("x")],
    ids=lambda e: type(e).__name__,
)
def test_a_bug_is_not_dressed_up(error, monkeypatch):
    def failing(**options):
        raise error

    monkeypatch.setattr(cli.root, "main", failing)
    with pytest.raises(type(error)) as raised:
        cli.main(["list"])
    assert raised.value is error


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (click.Abort(), 130), (BrokenPipeError(), 0)])
def test_an_interruption_and_a_reader_that_went_away_are_no_errors_of_ours(stop, code, ends, monkeypatch):
    forgotten = []
    monkeypatch.setattr(cli, "_forget_output", lambda: forgotten.append(True))

    found, err = ends(stop)

    assert found == code
    assert ("interrupted" in err) == (code == 130)
    assert forgotten == [True] * (code == 0)


def test_a_command_that_is_none_is_not_imported_and_one_that_click_cannot_run_is_a_bug(monkeypatch):
    context = click.Context(cli.root)
    assert cli.root.get_command(context, "no-such") is None
    assert "no-such" not in cli.root.list_commands(context)

    monkeypatch.setitem(cli.COMMANDS, "broken", ("broken_module", ""))
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: types.SimpleNamespace(command=print))
    with pytest.raises(TypeError, match=r"broken_module\.command isn't a click command"):
        cli.root.get_command(context, "broken")


def test_python_m_ganeval_is_the_command():
    done = subprocess.run([sys.executable, "-m", "ganeval", "--version"], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout.split()[-1]) == (0, ganeval.__version__)


@pytest.mark.parametrize("words", ["list models", "data list --json"])
def test_output_into_a_pipe_that_was_closed_is_no_error(words):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "ganeval", *words.split()]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
