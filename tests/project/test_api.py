"""`ganeval.score` and `ganeval.compare`: the numbers of the command line, and no trace left in the caller's process."""

import dataclasses
import io
import json
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image

import ganeval
from ganeval.cli import main as cli
from ganeval.errors import DataError, UsageError
from ganeval.generators.open import open_generator
from ganeval.notebook.by_image import ends_of
from ganeval.notebook.progress import NotebookReporter
from ganeval.options import ScoreOptions
from ganeval.sources.base import content_hash

RNG = np.random.default_rng(0)
PHOTOS = RNG.integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)


def worse(images, by=9):
    return np.clip(images.astype(int) + RNG.integers(-by, by + 1, images.shape), 0, 255).astype(np.uint8)


class Noisy(torch.nn.Module):
    """A small generator with batch normalisation, dropout and noise of its own from torch's global stream."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3 * 8 * 8)
        self.norm = torch.nn.BatchNorm1d(3 * 8 * 8)
        self.drop = torch.nn.Dropout()
        with torch.no_grad():
            self.linear.weight.copy_(torch.linspace(-1, 1, 4 * 192).reshape(192, 4))

    def forward(self, z):
        x = self.drop(self.norm(self.linear(z))) + 0.1 * torch.randn(len(z), 192)
        return torch.tanh(x).reshape(-1, 3, 8, 8)


@pytest.fixture
def noisy():
    with torch.random.fork_rng(devices=[]):
        return Noisy()


# ---- the same numbers as the command line


def test_arrays_tensors_and_files_have_the_same_score(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    bad = worse(PHOTOS)
    for name, images in (("bad", bad), ("real", PHOTOS)):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{i:06d}.png")

    from_arrays = ganeval.score(bad, paired=PHOTOS, metrics=["psnr", "ssim"])
    tensors = [torch.from_numpy(x).permute(0, 3, 1, 2) for x in (bad, PHOTOS)]
    from_tensors = ganeval.score(tensors[0], paired=tensors[1], metrics="psnr,ssim")
    from_folders = ganeval.score(tmp_path / "bad", paired=tmp_path / "real", metrics="psnr,ssim")
    cli.main(["score", "bad", "--paired", "real", "--metrics", "psnr,ssim", "--json", "-"])
    printed = json.loads(capsys.readouterr().out)["rows"]

    values = [[row.value for row in scores] for scores in (from_arrays, from_tensors, from_folders)]
    assert values[0] == values[1] == values[2] == [row["value"] for row in printed]
    assert from_arrays["psnr"].fingerprint == from_tensors["psnr"].fingerprint
    assert from_arrays["psnr"].subject == "array (6, 24, 24, 3)"
    assert from_tensors["psnr"].n_fake == 6


def test_floats_in_their_range_are_the_bytes_they_stand_for():
    bad = worse(PHOTOS)
    floats = torch.from_numpy(bad).permute(0, 3, 1, 2) / 127.5 - 1

    assert (
        ganeval.score(floats, paired=PHOTOS, metrics="ssim", value_range="-1..1")["ssim"].value
        == ganeval.score(bad, paired=PHOTOS, metrics="ssim")["ssim"].value
    )


def test_compare_is_paired_and_finds_the_worse_side():
    a, b = worse(PHOTOS.repeat(4, 0), 4), worse(PHOTOS.repeat(4, 0), 12)

    found = ganeval.compare(a, b, paired=PHOTOS.repeat(4, 0), metrics="psnr")

    assert found["psnr"].difference.verdict == "worse"
    assert found["psnr"].difference.losses == 24
    assert found.frame["verdict"].tolist() == ["worse"]
    assert found.pictures[0] != found.pictures[1]


# ---- inside a training loop


def test_a_network_is_left_as_it_was_and_so_is_every_random_stream(noisy):
    """The fixture of all tests checks the global streams; a frozen layer stays in eval, the rest in train."""
    noisy.train()
    noisy.norm.eval()
    before = {name: tensor.clone() for name, tensor in noisy.state_dict().items()}
    state = torch.get_rng_state()

    scores = [
        ganeval.score(noisy, n=70, latent_dim=4, value_range="-1..1", metrics="vendi", seed=3, engine="torch")
        for _ in range(2)
    ]

    assert [m.training for m in (noisy, noisy.linear, noisy.norm, noisy.drop)] == [True, True, False, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in noisy.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in noisy.parameters())
    assert scores[0]["vendi"].value == scores[1]["vendi"].value
    assert scores[0]["vendi"].subject == "Noisy"
    assert scores[0]["vendi"].n_fake == 70


def test_a_network_goes_back_to_training_when_the_score_fails(noisy):
    noisy.train()

    with pytest.raises(DataError, match="value_range="):
        ganeval.score(noisy, n=4, latent_dim=4, metrics="vendi", engine="torch")

    assert noisy.training
    assert noisy.drop.training


def test_image_i_of_a_generator_depends_on_seed_and_i_alone(noisy):
    def draw(n, seed):
        options = ScoreOptions("noisy", num_samples=n, seed=seed, latent_dim=(4,), value_range="-1..1")
        source = open_generator(dataclasses.replace(options, in_memory={"noisy": noisy.eval()}))
        return [source.read(i).digest for i in reversed(range(n))][::-1]

    assert draw(10, 1) == draw(80, 1)[:10]
    assert content_hash(draw(10, 1)) != content_hash(draw(10, 2))


def test_a_callable_draws_from_the_generator_it_is_given():
    def photos(count, rng):
        return torch.randint(0, 256, (count, 3, 16, 16), generator=rng, dtype=torch.uint8)

    a, b, other = (ganeval.score(photos, n=5, seed=seed, metrics="vendi@pixels") for seed in (1, 1, 2))

    assert a["vendi"].value == b["vendi"].value
    assert a["vendi"].value != other["vendi"].value
    assert a["vendi"].subject == "photos"


# ---- what is shown


def test_a_notebook_shows_a_table_and_a_picture_and_text_stays_text():
    scores = ganeval.score(PHOTOS, paired=worse(PHOTOS), metrics="psnr,ssim", name="<b>mine</b>\x1b[2J")
    shown = scores._repr_html_()

    assert "data:image/png;base64,iVBOR" in shown
    assert "psnr" in shown
    assert "<b>" not in shown
    assert "psnr" in repr(scores)
    assert list(scores.frame["key"]) == ["psnr", "ssim"]
    assert scores.frame["value"].notna().all()
    image = Image.open(io.BytesIO(scores.picture))
    assert image.size == (3 * 26 - 2, 2 * 26 - 2)


def test_values_by_image_and_pictures_of_the_worst_and_the_best():
    wrong = PHOTOS.copy()
    for place in range(len(wrong)):
        wrong[place, : place + 1] //= 2  # ever worse
    scores = ganeval.score(wrong, paired=PHOTOS, metrics="psnr,ssim")
    table = scores.per_image
    ends = ends_of(scores.rows)

    assert list(table.columns) == ["subject", "image", "psnr", "ssim"]
    assert len(table) == len(PHOTOS)
    assert table["psnr"].mean() == pytest.approx(scores["psnr"].value, rel=1e-8)
    order = list(table.sort_values("psnr")["image"])
    count = min(4, len(order) // 2)
    assert (ends.key, ends.worst, ends.best) == ("psnr", tuple(order[:count]), tuple(order[::-1][:count]))
    assert Image.open(io.BytesIO(scores.ends)).size == (count * 26 - 2, 2 * 26 - 2)
    assert f"worst by psnr: {order[0]}" in scores._repr_html_()
    assert ganeval.score(PHOTOS, metrics="cs").per_image.empty
    assert ganeval.score(PHOTOS, metrics="cs").ends == b""


def test_a_pair_without_a_difference_is_infinite_and_neither_worst_nor_best():
    wrong = PHOTOS.copy()
    wrong[1:] //= 2
    scores = ganeval.score(wrong, paired=PHOTOS, metrics="psnr")

    assert np.isinf(scores.per_image["psnr"]).sum() == 1
    same = scores.per_image.loc[np.isinf(scores.per_image["psnr"]), "image"].item()
    ends = ends_of(scores.rows)
    assert same not in (*ends.worst, *ends.best)


class Shown:
    """In the place of IPython: keeps what is displayed."""

    def __init__(self):
        self.pages, self.ids = [], []

    def display(self, page, display_id):
        self.ids.append(display_id)
        self.pages.append(page)
        return self

    def update(self, page):
        self.pages.append(page)


@pytest.mark.parametrize(("shell", "drawn"), [("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False)])
def test_a_notebook_has_a_progress_bar_and_a_terminal_has_none(monkeypatch, shell, drawn):
    shown = Shown()
    module, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    module.get_ipython = lambda: type(shell, (), {})()
    display.display, display.HTML = shown.display, str
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    ganeval.score(PHOTOS, paired=worse(PHOTOS), metrics="psnr")

    assert bool(shown.pages) is drawn
    assert all("<progress" in page for page in shown.pages[:1])
    assert shown.pages[-1:] == ([""] if drawn else [])


def test_a_bar_counts_steps_and_its_title_stays_text(monkeypatch):
    shown = Shown()
    monkeypatch.setattr("ganeval.notebook.progress.EVERY", 0.0)
    with NotebookReporter(shown.display, str).stage("<b>read", 4) as advance:
        advance(1)
        advance(3)

    assert ["&lt;b&gt;read" in page for page in shown.pages] == [True, True, True, False]
    assert [page.rpartition(" ")[2] for page in shown.pages[:3]] == ["0/4</div>", "1/4</div>", "4/4</div>"]


def test_a_row_is_found_by_its_key_and_a_wrong_key_names_the_right_ones():
    scores = ganeval.score(PHOTOS, paired=worse(PHOTOS), metrics="psnr,ssim")

    assert scores["ssim"] in scores
    assert len(scores) == 2
    with pytest.raises(KeyError, match="psnr, ssim"):
        scores["fd"]


# ---- what is refused


@pytest.mark.parametrize(
    ("subject", "arguments", "said"),
    [
        (torch.zeros(3, 8, 8), {}, "N, C, H, W"),
        (np.zeros((2, 3, 8, 8), np.uint8), {}, "channels first"),
        (np.zeros((2, 8, 8, 3), np.float32), {}, "value_range="),
        (lambda count, rng: None, {}, "n="),
        (torch.nn.Identity(), {"n": 4}, "latent_dim"),
        (3.5, {}, "float cannot be scored"),
    ],
)
def test_subjects_that_are_no_images_are_refused_in_words(subject, arguments, said):
    with pytest.raises((UsageError, DataError), match=said):
        ganeval.score(subject, metrics="vendi", **arguments)


def test_a_reference_in_memory_is_checked_under_its_own_name():
    with pytest.raises(DataError, match="'reference' has shape"):
        ganeval.score(PHOTOS, reference=np.zeros((2, 3, 8, 8), np.uint8), metrics="kd")


# ---- loading


def test_importing_the_package_loads_no_torch_and_the_names_are_there():
    code = "import sys, ganeval; assert 'torch' not in sys.modules; assert 'pandas' not in sys.modules; ganeval.score"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        _ = ganeval.scores


def test_a_second_subject_is_answered_with_the_keywords_for_it():
    with pytest.raises(TypeError, match=r"score\(A, reference=B\) for two sets.*several subjects are a list"):
        ganeval.score("a", "b")
