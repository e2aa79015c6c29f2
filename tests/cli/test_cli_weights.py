"""`ganeval weights`: data on stdout, messages on stderr, exit codes."""

import hashlib
import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from ganeval.backbones import weights_fetch, weights_files
from ganeval.backbones.weights_file import Url, WeightsFile
from ganeval.backbones.weights_store import cache_dir
from ganeval.cli.main import main, root
from ganeval.cli.weights import command
from ganeval.errors import UsageError, WeightsError

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The entry "tiny" and its published file."""
    entry = WeightsFile("tiny", "tiny.pth", SHA256, 7, Url("http://127.0.0.1:9/tiny.pth"), "MIT", "for a test")
    monkeypatch.setitem(weights_files(), "tiny", entry)
    path = tmp_path / "published.pth"
    path.write_bytes(CONTENT)
    return path


def _run(*arguments):
    return CliRunner().invoke(root, ["weights", *arguments])


def test_list_prints_a_table_with_every_file():
    result = _run("list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *weights_files()]
    assert lines[1].split()[:2] == ["efflite0", "yes"]
    assert lines[3].split()[:4] == ["inception", "no", "95.6", "MB"]
    assert str(cache_dir()) in result.stderr


def test_list_json_is_a_list_of_objects(tiny):
    _run("import", "tiny", str(tiny))
    rows = {row["name"]: row for row in json.loads(_run("list", "--json").stdout)}
    assert rows.keys() == weights_files().keys()
    assert rows["tiny"] == {
        "name": "tiny",
        "present": True,
        "path": str(cache_dir() / "tiny.pth"),
        "sha256": SHA256,
        "size": 7,
        "origin": "url",
        "source": "http://127.0.0.1:9/tiny.pth",
        "license": "MIT",
        "note": "for a test",
    }
    assert rows["inception"]["path"] is None
    assert rows["dinov2-vits14"]["sha256"] is None
    assert rows["efflite0"]["origin"] == "embedded"
    assert rows["lpips-vgg"]["source"] == "the package index (lpips==0.1.4)"


def test_list_loads_no_torch():
    code = (
        "import sys, ganeval.cli.weights as w; w.command(['list'], standalone_mode=False);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_import_prints_where_the_file_is_and_verify_its_hash(tiny):
    path = cache_dir() / "tiny.pth"
    assert _run("import", "tiny", str(tiny)).stdout == f"{path}\n"
    assert _run("verify", "tiny").stdout == f"tiny  {SHA256}  {path}\n"


def test_import_of_another_file_is_an_error(tiny):
    tiny.write_bytes(b"other")
    result = _run("import", "tiny", str(tiny))
    assert isinstance(result.exception, WeightsError)
    assert result.stdout == ""


def test_verify_without_names_checks_what_is_here(tiny):
    assert [line.split()[0] for line in _run("verify").stdout.splitlines()] == ["efflite0"]
    _run("import", "tiny", str(tiny))
    assert [line.split()[0] for line in _run("verify").stdout.splitlines()] == ["efflite0", "tiny"]


def test_verify_tells_every_damaged_file_and_still_lists_the_good(tiny):
    _run("import", "tiny", str(tiny))
    (cache_dir() / "tiny.pth").write_bytes(b"damaged")
    result = _run("verify", "tiny", "inception", "efflite0")
    assert result.stdout.startswith("efflite0  ")
    assert isinstance(result.exception, WeightsError)
    assert f"expected {SHA256}" in str(result.exception)
    assert "ganeval weights fetch inception" in str(result.exception)


def test_fetch_prints_paths_and_says_the_rest_on_stderr(tiny, monkeypatch):
    calls = []

    def fetch(name, *, progress):
        progress(0, None)
        progress(7, 7)
        calls.append(name)
        return cache_dir() / name

    monkeypatch.setattr(weights_fetch, "fetch", fetch)
    result = _run("fetch", "tiny", "inception")
    assert result.exit_code == 0
    assert result.stdout == f"{cache_dir() / 'tiny'}\n{cache_dir() / 'inception'}\n"
    assert "tiny: from http://127.0.0.1:9/tiny.pth (" in result.stderr
    assert calls == ["tiny", "inception"]


def test_all_are_those_that_come_with_no_package(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(weights_fetch, "fetch", lambda name, *, progress: asked.append(name) or name)
    result = _run("fetch", "all", "tiny")

    assert result.exit_code == 0
    assert asked == list(dict.fromkeys(asked))
    assert {"inception", "lpips-vgg", "tiny"} <= set(asked)
    assert "efflite0" not in asked


def test_fetch_checks_all_names_before_it_downloads(tiny, monkeypatch):
    monkeypatch.setattr(weights_fetch, "fetch", lambda *_, **__: pytest.fail("downloaded"))
    result = _run("fetch", "tiny", "incepton")
    assert isinstance(result.exception, UsageError)
    assert "inception" in str(result.exception)


def test_fetch_says_what_is_here_already(tiny):
    _run("import", "tiny", str(tiny))
    result = _run("fetch", "tiny")
    assert result.stdout == f"{cache_dir() / 'tiny.pth'}\n"
    assert "here already" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_bar_on_the_terminal_leaves_stdout_to_the_data():
    import pty

    outer, inner = pty.openpty()
    try:
        code = "from ganeval.cli.main import main; main(['weights', 'fetch', 'efflite0'])"
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=inner, check=True)
    finally:
        os.close(inner)
        os.close(outer)
    assert done.stdout.decode().strip().endswith("efficientnet-lite0-57934424.pth")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["weights", "verify", "inception"], 3),
        (["weights", "fetch", "nonsense"], 2),
        (["weights", "fetch"], 2),
        (["weights", "import", "inception", "no-such-file"], 3),
    ],
)
def test_a_users_error_has_its_exit_code_and_no_traceback(arguments, code, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert "Traceback" not in captured.err


def test_the_group_has_these_commands():
    assert isinstance(command, click.Group)
    assert sorted(command.commands) == ["fetch", "import", "list", "verify"]


@pytest.mark.parametrize("command", [["weights", "list"], ["list", "backbones"]])
def test_declarations_are_listed_without_torch(command):
    code = (
        "import sys; sys.modules['torch'] = None\n"  # an import of it raises ImportError
        f"from ganeval.cli.main import root; root({command!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "inception" in done.stdout
