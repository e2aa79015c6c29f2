"""Every `ganeval` line in the shell blocks of docs runs, in order, where there is what the page names."""

import contextlib
import glob
import io
import re
import shlex
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage.data import astronaut

from ganeval.cli import main as cli
from tests.peer_networks import instead_of_inception
from tests.sources.test_sources_dataset import write_mnist

ROOT = Path(__file__).parents[2]
PAGES = [
    "docs/ci.md",
    "docs/doctor.md",
    "docs/explain.md",
    "docs/faq.md",
    "docs/gate-statistics.md",
    "docs/generators.md",
    "docs/installing.md",
    "docs/leaderboards.md",
    "docs/report.md",
    "docs/scale-out.md",
    "docs/training.md",
]
ELSEWHERE = {
    "docs/moving-in.md": "files of other tools: tests/generators/test_foreign.py, tests/compat/test_moving_in.py",
    "docs/security.md": "tests/fuzz/test_fuzz.py",
    "docs/mutation.md": "tests/mutation/test_mutation.py",
    "docs/cli.md": "tests/project/test_docs.py",
    "docs/learning-rates.md": "minutes of training: tests/reference_models/test_schedules.py",
    "docs/parity.md": "minutes, with other packages: tests/benchmarks/parity.py",
    "docs/performance.md": "tests/bench/test_bench.py",
    "ganeval score ./samples --reference ./real --metrics fid,kid,is --cross-check": "with real weights: "
    "tests/scoring/test_parity_torch_fidelity.py",
    "ganeval data fetch": "needs a network: tests/sources/test_data_fetch.py",
    "ganeval data verify": "the same",
    "ganeval bench": "minutes, by whole processes: tests/bench/test_bench.py",
    "ganeval leaderboard add build/benchmark.json": "minutes: tests/leaderboard/test_leaderboard_timings.py",
    "ganeval leaderboard show --board timings": "the same",
}
NOT_HERE = ("import lightning", "import wandb", "lpips")  # packages of their own, and canonical weights
MAY_BE = {"gate": {0, 4, 5}, "doctor": {0, 4}}  # a verdict is no failure of the command

MODULES = {
    "my_gan.py": """
import safetensors.torch
import torch

class Generator(torch.nn.Module):
    latent_dim, value_range = 128, "-1..1"

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(128, 3 * 16 * 16)

    def forward(self, latents):
        return self.layer(latents).tanh().view(-1, 3, 16, 16)

def generator():
    network = Generator()
    network.load_state_dict(safetensors.torch.load_file("generator.safetensors"))
    return network
""",
    "my_sr.py": """
import torch

class Enlarger(torch.nn.Module):
    scale, value_range = 4, "0..1"

    def forward(self, images):
        return torch.nn.functional.interpolate(images, scale_factor=4, mode="nearest")

def network():
    return Enlarger()
""",
}


def lines(page):
    """The page's commands, without comments and without those that are tested elsewhere."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    found = [line for block in blocks for line in block.splitlines() if line.startswith("ganeval ")]
    return [line for line in found if not line.startswith(tuple(ELSEWHERE))]


def run(line):
    """One command, in this process: exit code and what it said on stderr."""
    words = [found for word in shlex.split(line, comments=True)[1:] for found in sorted(glob.glob(word)) or [word]]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main(words)
        except SystemExit as stop:
            code = stop.code or 0
    return code, err.buffer.getvalue().decode()


def write_pictures(folder):
    """Two sets of 24 pictures, each under two names; pairs for super-resolution; an archive and a data set."""
    photo = Image.fromarray(astronaut())
    crops = [photo.crop((x, y, x + 64, y + 64)) for x in range(0, 448, 64) for y in range(0, 448, 64)]
    chosen = {"real": crops[:24], "samples": crops[24:48], "new": crops[24:48], "hr": crops[:6]}
    chosen["old"] = [crop.resize((32, 32)).resize((64, 64)) for crop in chosen["new"]]
    chosen["lr"] = [crop.resize((16, 16), Image.Resampling.BICUBIC) for crop in chosen["hr"]]
    chosen["sr"] = chosen["a"] = [crop.resize((64, 64), Image.Resampling.BICUBIC) for crop in chosen["lr"]]
    chosen["bicubic"] = chosen["mine"] = chosen["sr"]
    chosen["lanczos"] = [crop.resize((64, 64), Image.Resampling.LANCZOS) for crop in chosen["lr"]]
    chosen["b"] = [crop.resize((64, 64), Image.Resampling.NEAREST) for crop in chosen["lr"]]
    for name, pictures in chosen.items():
        (folder / name).mkdir()
        for number, picture in enumerate(pictures):
            picture.save(folder / name / f"{number:03}.png")
    with zipfile.ZipFile(folder / "samples.zip", "w") as archive:
        for path in sorted((folder / "samples").iterdir()):
            archive.write(path, path.name)
    write_mnist(folder / "data", "FashionMNIST", "train", 60)
    rows = np.abs(np.random.default_rng(0).normal(size=(40, 2048)))
    np.savez(folder / "stats.npz", mu=rows.mean(0), sigma=np.cov(rows, rowvar=False))


def write_models(folder):
    """A checkpoint of a few steps under each name, foreign generators, and rows and a baseline of the checkpoint."""
    short = "--set steps=4 --set evaluation.every=4 --set evaluation.n=32"
    for seed in range(3):  # copies of one checkpoint are one seed to the gate
        trained = folder / "runs" / f"main-seed{seed}"
        assert run(f"ganeval train-reference gan-mlp {short} --seed {seed} --out {trained}")[0] == 0
        shutil.copytree(trained, folder / "runs" / f"new-seed{seed}")
    trained = shutil.copytree(folder / "runs" / "main-seed0", folder / "runs" / "dcgan.digits-cpu-seed0")
    for name in ("main.safetensors", "new.safetensors"):
        shutil.copy(trained / "last.safetensors", folder / name)
    for name, text in MODULES.items():
        (folder / name).write_text(text)
    generator = torch.Generator().manual_seed(0)
    state = {
        "layer.weight": torch.randn(768, 128, generator=generator),
        "layer.bias": torch.randn(768, generator=generator),
    }
    torch.save(state, folder / "weights.pth")
    save_file(state, folder / "generator.safetensors")
    few = "--reference digits:test --num-samples 100 --metrics kd"
    assert run(f"ganeval score new.safetensors {few} --append scores.jsonl")[0] == 0
    for name in ("a", "b"):
        assert run(f"ganeval score ./{name} --paired ./hr --metrics psnr --per-image {name}.csv")[0] == 0


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """The cache of all pages: each reads the same images."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def made(tmp_path_factory, features):
    """A folder with everything that the pages name."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("GANEVAL_CACHE", str(features))
        patch.delenv("GANEVAL_DATA", raising=False)
        shutil.copytree(ROOT / "leaderboards", folder / "leaderboards")
        write_pictures(folder)
        write_models(folder)
    return folder


@pytest.fixture
def place(made, features, tmp_path, monkeypatch, inception_file):
    """A copy of that folder; Inception's place taken by something small, and gates by few images."""
    folder = shutil.copytree(made, tmp_path / "place")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GANEVAL_CACHE", str(features))
    monkeypatch.delenv("GANEVAL_DATA", raising=False)
    monkeypatch.syspath_prepend(str(folder))
    instead_of_inception(monkeypatch, dim=2048, file=inception_file)
    monkeypatch.setattr("ganeval.gate.scorer.first_count", lambda options: options.num_samples or 60)
    return folder


def test_every_page_with_commands_is_run_here_or_elsewhere():
    english = [page for page in (ROOT / "docs").glob("*.md") if not page.name.endswith(".zh.md")]
    pages = [page for page in english if re.search(r"^```sh\n", page.read_text(), re.MULTILINE)]
    named = {*PAGES, *ELSEWHERE}

    assert not {str(page.relative_to(ROOT)) for page in pages} - named
    assert all(lines(page) for page in PAGES)
    assert all((ROOT / why.rpartition(" ")[2]).exists() for why in ELSEWHERE.values() if why.endswith(".py"))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_word_for_word(page, place):
    for line in lines(page):
        if line.startswith("ganeval gate init") and "--baseline" in line:  # a new baseline takes the place of the old
            Path("baseline.jsonl").unlink(missing_ok=True)
            Path("gates.toml").unlink(missing_ok=True)
        code, said = run(line)

        assert code in MAY_BE.get(line.split()[1], {0}), f"{line}\nexit {code}\n{said}"
        assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:Implicitly cleaning up:ResourceWarning"
)  # the page drops its evaluators, as many do
@pytest.mark.parametrize("page", ["docs/api.md", "docs/leaderboards.md"])
def test_the_python_blocks_of_a_page_run_as_they_stand(page, place):
    told = []
    with torch.random.fork_rng():  # layers draw their weights from the global stream
        generator = torch.nn.Sequential(torch.nn.Linear(100, 192), torch.nn.Tanh(), torch.nn.Unflatten(1, (3, 8, 8)))
    scope = {
        "steps": 1,
        "generator": generator,
        "discriminator": None,
        "train_step": lambda *_: None,
        "log": lambda *given: told.append(given),
        "model": lambda images: images,
        "loader": [2 * torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0)) - 1],
        "step": 0,
        "writer": SimpleNamespace(add_scalar=lambda *given: None),
    }
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    for block in blocks:
        if any(words in block for words in NOT_HERE):
            continue
        exec(compile(block, page, "exec"), scope)

    if page == "docs/api.md":
        (step, values), found = told[0], scope["found"]
        assert step == 0
        assert {"kd@efflite0", "precision@efflite0", "recall@efflite0"} <= set(values)
        assert found.rows[0].tool == "ganeval"
        for row in found.rows[1:]:
            assert row.value - found.rows[0].value == pytest.approx(sum(row.terms.values()), rel=1e-9)
    else:
        assert len(scope["board"].table) > 0
