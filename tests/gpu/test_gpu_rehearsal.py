"""The command for a machine with CUDA, rehearsed on the CPU: its files, its second call, its failures."""

import json

from tests.gpu import __main__ as gpu
from tests.gpu.work import CheckError, Part, Task, Work


def lines(out):
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_the_whole_command_runs_on_the_cpu_and_keeps_to_its_minutes(tmp_path, monkeypatch):
    """A few seconds are enough for the first check of each kind; nothing may break, whatever the machine is doing."""
    out = tmp_path / "out"
    monkeypatch.delenv("GANEVAL_DATA", raising=False)
    given = [
        "--minutes",
        "0.1",
        "--device",
        "cpu",
        "--images",
        "4",
        "--out",
        str(out),
        "--kept",
        str(tmp_path / "kept"),
    ]

    assert gpu.main(given) == 0
    found = lines(out)
    assert found[0]["task"] == "machine"
    assert {"torch", "python"} <= set(found[0]["versions"])
    assert [row for row in found if row["task"] == "features" and row["ok"]]
    assert not [row for row in found if "broke" in row]

    later = Task("later", lambda work: None)
    monkeypatch.setattr(gpu, "PARTS", (Part(1.0, (gpu.CHECKS[0], later)),))
    assert gpu.main(given) == 0
    again = lines(out)[len(found) :]
    assert [row["task"] for row in again] == ["later"]  # "machine" is finished, and not done again


def test_a_task_that_breaks_is_recorded_and_the_others_run(tmp_path, monkeypatch):
    ran = []

    def breaks(work):
        raise ZeroDivisionError("one over nothing")

    def refuses(work):
        raise CheckError("the command ended with 3")

    tasks = (Task("a", breaks), Task("b", refuses), Task("c", lambda work: ran.append(work.device)))
    monkeypatch.setattr(gpu, "PARTS", (Part(1.0, tasks),))
    work = Work("cpu", tmp_path, tmp_path, images=1)
    gpu.run_parts(work, 60)

    assert ran == ["cpu"]
    assert [row["task"] for row in lines(tmp_path)] == ["a", "b", "c"]
    assert len(work.failures) == 2
    assert (tmp_path / "finished").read_text().split() == ["c"]


def test_without_cuda_it_says_how_to_rehearse(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)

    assert gpu.main(["--minutes", "1", "--out", str(tmp_path)]) == 2
    assert "--device cpu" in capsys.readouterr().err
