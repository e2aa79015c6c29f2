"""Files: read where they are regular and of a bounded size; written whole, by the umask, with equal bytes."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from safetensors import safe_open

from ganeval.errors import DataError
from ganeval.files import read_write as files
from ganeval.files.safetensors_bytes import tensor_bytes, with_sorted_metadata
from ganeval.report.charts import LineChart, Series
from ganeval.report.plots import draw
from ganeval.results.result import append_lines
from ganeval.scoring.feature_store import FeatureStore
from ganeval.sources.image_facts import ImageFacts
from ganeval.summaries.reference_file import save_reference
from reference_models.checkpoints.checkpoint import save_checkpoint
from reference_models.recipes import RECIPES
from reference_models.training.networks import make_networks
from reference_models.training.state import Progress, save_state
from tests.reference_models.test_checkpoint import make
from tests.summaries.test_reference import statistics

posix = pytest.mark.skipif(os.name != "posix", reason="modes and pipes are POSIX")


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=["022", "002", "077"])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def write_everything(folder: Path) -> list[Path]:
    """One file of each kind that is written from equal things."""
    save_checkpoint(folder / "last.safetensors", make())
    save_reference(folder / "r.safetensors", statistics(tuple("ab" * 10)), features=True)
    store = FeatureStore(folder / "store", "toy")
    store.write([b"x" * 32], [ImageFacts(4, 4, "png", ("grey",))], np.ones((1, 2), np.float32), None)
    networks = make_networks(RECIPES.get("gan-mlp.digits-cpu"), 0, torch.device("cpu"), torch.Tensor.backward)
    save_state(
        folder / "state.safetensors", networks, Progress(3, 1.0, 2, 1.0), {"plan": {"b": 1, "a": 2}, "seed": 0}, []
    )
    return sorted(path for path in folder.rglob("*") if path.is_file())


@posix
def test_files_have_the_mode_that_the_umask_says(tmp_path, umask, command_line):
    written = write_everything(tmp_path)
    append_lines(tmp_path / "rows.jsonl", ["{}"])
    files.write_output(tmp_path / "report.html", "page")
    assert command_line("sample", written[0], "-n", "2", "-o", tmp_path / "samples")[0] == 0
    written += [tmp_path / "rows.jsonl", tmp_path / "report.html", *(tmp_path / "samples").iterdir()]

    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in written} == {oct(0o666 & ~umask)}
    assert stat.S_IMODE((tmp_path / "samples").stat().st_mode) == 0o777 & ~umask


def test_the_same_things_are_written_with_the_same_bytes(tmp_path):
    copies = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        copies.append({path.name: path.read_bytes() for path in write_everything(tmp_path / name)})

    assert copies[0].keys() == copies[1].keys() == copies[2].keys()  # shards are called by their hash
    assert [name for name in copies[0] if not copies[0][name] == copies[1][name] == copies[2][name]] == []


def test_two_processes_with_different_hash_seeds_write_the_same_bytes(tmp_path):
    script = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from ganeval.report.charts import LineChart, Series\n"
        "from ganeval.report.plots import draw\n"
        "from ganeval.files.safetensors_bytes import tensor_bytes\n"
        "metadata = {name: name for name in {'format', 'model', 'config', 'recipe', 'seed', 'step'}}\n"
        "tensors = {name: np.ones(3, np.float32) for name in {'a', 'b', 'c', 'd'}}\n"
        "Path(sys.argv[1], 't.safetensors').write_bytes(tensor_bytes(tensors, metadata))\n"
        "chart = LineChart('t', 'x', 'y', (Series('a', (1.0, 2.0), (1.0, 2.0)),), None)\n"
        "[Path(sys.argv[1], f'c.{kind}').write_bytes(data) for kind, data in draw(chart).items()]\n"
    )
    processes = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        processes.append(subprocess.Popen([sys.executable, "-c", script, str(folder)], env=environment))
    assert [process.wait() for process in processes] == [0, 0]
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / seed).iterdir()} for seed in ("1", "2"))

    assert first == second
    assert len(first) == 3


def test_a_style_file_of_the_current_folder_changes_no_chart_and_runs_no_latex(monkeypatch):
    chart = LineChart("a_b", "x", "y", (Series("a", (1.0, 2.0), (1.0, 2.0)),), None)
    plain = draw(chart)
    monkeypatch.setattr("subprocess.check_output", None)
    with mpl.rc_context({"text.usetex": True, "lines.linewidth": 9, "axes.facecolor": "red"}):
        assert draw(chart) == plain
        assert mpl.rcParams["lines.linewidth"] == 9


def test_a_report_is_written_again_byte_for_byte(tmp_path, command_line, monkeypatch):
    from tests.hostile.texts import GOOD

    (tmp_path / "rows.jsonl").write_bytes(GOOD)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    for name in ("a.html", "b.html"):
        assert command_line("report", "--results", tmp_path / "rows.jsonl", "--out", tmp_path / name)[0] == 0

    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert b"1970-01-02" in (tmp_path / "a.html").read_bytes()


def test_sorted_metadata_leave_tensors_and_metadata_as_they_are(tmp_path):
    tensors = {"b": np.arange(5, dtype=np.int64), "a": np.ones((2, 3), np.float32), "é": np.zeros(1, np.uint8)}
    data = tensor_bytes(tensors, {"z": "ü\n", "a": "{}"})
    (tmp_path / "t.safetensors").write_bytes(data)

    assert with_sorted_metadata(data) == data
    assert data.index(b'"a":"{}"') < data.index(b'"z"')
    with safe_open(tmp_path / "t.safetensors", framework="numpy") as file:
        assert file.metadata() == {"z": "ü\n", "a": "{}"}
        assert all(np.array_equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())


@posix
def test_an_output_that_is_a_device_or_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    files.write_output(tmp_path / "pipe", "text")
    reader.join(10)

    assert read == [b"text"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    with pytest.raises(DataError, match="Cannot write"):
        files.write_output(tmp_path, "text")


@posix
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link out", "large", "sparse"])
def test_what_is_not_a_regular_file_of_bounded_size_is_not_read(tmp_path, kind):
    home, path = tmp_path / "home", tmp_path / "home" / "x"
    home.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link out":
        path.symlink_to(tmp_path / "secret")
    else:
        with path.open("wb") as file:
            file.truncate(101 if kind == "large" else 1 << 40)

    with pytest.raises(files.UnfitFileError):
        files.read_bytes(path, 100, home)
    if kind != "link out":
        with pytest.raises(files.UnfitFileError):
            files.read_bytes(path, 100)


def test_a_link_inside_its_folder_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").symlink_to("a")

    assert files.read_bytes(tmp_path / "b", 100, tmp_path) == b"a"


def test_a_line_without_an_end_is_cut_and_the_next_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE", 8)
    (tmp_path / "rows").write_bytes(b"short\n" + b"x" * 100 + b"\nnext\n12345678\nlast")
    with files.open_regular(tmp_path / "rows") as file:
        assert list(files.lines(file)) == [b"short\n", b"xxxxxxxx", b"next\n", b"12345678", b"last"]


@posix
def test_nothing_is_appended_to_where_a_link_leads(tmp_path):
    (tmp_path / "precious").write_bytes(b"kept")
    (tmp_path / "log").symlink_to("precious")

    with pytest.raises(OSError, match="link"):
        files.append(tmp_path / "log", b"line\n")
    assert (tmp_path / "precious").read_bytes() == b"kept"
