"""State dicts of wrapped networks, and checkpoints that hold several."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import ganeval
from ganeval.errors import DataError, GanevalError, UsageError, WeightsError
from ganeval.generators.state_dicts import state_for

CODE = """
import torch

class Net(torch.nn.Module):
    latent_dim = 4
    value_range = "-1..1"

    def __init__(self):
        super().__init__()
        self.main = torch.nn.Sequential(torch.nn.Linear(4, 192))

    def forward(self, z):
        return torch.tanh(self.main(z)).reshape(-1, 3, 8, 8)
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    (tmp_path / "state_nets.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    np.save("real.npy", rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8))
    weight = torch.from_numpy(rng.normal(size=(192, 4)).astype(np.float32))
    return {"main.0.weight": weight, "main.0.bias": torch.zeros(192)}


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def score(file, **options):
    found = ganeval.score(
        file, reference="real.npy", metrics="kd@pixels", generator="state_nets:Net", device="cpu", n=8, **options
    )
    return next(iter(found))


@pytest.mark.parametrize(
    ("make", "key", "told"),
    [
        (lambda s: prefixed(s, "module."), None, "'module.' was taken off the names of all 2 tensors"),
        (lambda s: prefixed(s, "_orig_mod."), None, "'_orig_mod.' was taken off"),
        (lambda s: prefixed(s, "module._orig_mod."), None, "'module._orig_mod.' was taken off"),
        (lambda s: {"n_averaged": torch.tensor(3), **prefixed(s, "module.")}, None, "'module.' was taken off"),
        (lambda s: {"state_dict": s, "epoch": 3}, None, "the state dict under 'state_dict' was taken"),
        (lambda s: {"model": {"ema": prefixed(s, "module.")}}, None, "under 'model.ema' was taken; 'module.' was"),
        (lambda s: {"g": {"x": torch.ones(1)}, "g_ema": s, "step": 1}, "g_ema", ""),
        (lambda s: {"nets": {"G": s, "D": s}}, "nets.G", ""),
        (lambda s: {"state_dict": {**prefixed(s, "generator."), "d.x": torch.ones(1)}}, "state_dict.generator", ""),
        (lambda s: {**prefixed(s, "ema_model."), **prefixed(s, "online_model.")}, "ema_model", ""),
        (lambda s: {"a.b": s, "a": 3}, "a.b", ""),
    ],
)
def test_the_tensors_of_the_network_are_found_and_what_was_done_is_said(net, make, key, told):
    torch.save(net, "plain.pth")
    torch.save(make(net), "made.pth")
    plain, made = score("plain.pth"), score("made.pth", state_key=key)

    assert made.value == plain.value
    assert told in made.note
    assert made.provenance["subject"].get("state_key") == key


def test_safetensors_lose_a_prefix_too(net):
    torch.save(net, "plain.pth")
    save_file(prefixed(net, "module."), "made.safetensors")

    assert score("made.safetensors").value == score("plain.pth").value


@pytest.mark.parametrize(
    ("make", "key", "error", "words"),
    [
        (lambda s: {"g": s, "g_ema": s}, None, WeightsError, r"more than one state dict: 'g' \(2 tensors\), 'g_ema'"),
        (lambda s: {"g": s, "g_ema": s}, "gema", UsageError, r"no state dict there\. Did you mean 'g_ema'"),
        (lambda s: s, "g_ema", UsageError, r"no state dict there"),
        (lambda s: {"epoch": 3, "lr": 0.1}, None, WeightsError, r"without a state dict .* 'epoch', 'lr'"),
        (lambda s: [s], None, WeightsError, r"holds a list"),
        (lambda s: {"state_dict": {}}, None, WeightsError, r"without a state dict"),
        (lambda s: {"module.a": torch.ones(1), "other.b": torch.ones(1)}, None, WeightsError, r"do not fit"),
        (lambda s: {1: {2: s, 3: s}}, None, WeightsError, r"'1\.2' \(2 tensors\)"),
    ],
)
def test_what_cannot_be_found_is_refused_with_what_there_is(net, make, key, error, words):
    torch.save(make(net), "made.pth")
    with pytest.raises(error, match=words):
        score("made.pth", state_key=key)


def test_a_dict_that_holds_itself_ends(net):
    loop = {}
    loop["loop"] = loop
    torch.save(loop, "made.pth")
    with pytest.raises(GanevalError):
        state_for(nn.Identity(), Path("made.pth"), "loop.loop.loop.loop.loop.loop")
    with pytest.raises(GanevalError):
        state_for(nn.Identity(), Path("made.pth"))


@pytest.mark.parametrize("options", [{}, {"latent_dim": 4}, {"state_key": "g"}, {"generator": "state_nets:Net"}])
def test_a_file_that_is_not_there_is_said_first(net, options):
    with pytest.raises(DataError, match=re.escape("'typo.pth' does not exist")):
        ganeval.score("typo.pth", reference="real.npy", **options)


def test_a_key_belongs_to_a_state_dict(net):
    with pytest.raises(UsageError, match=r"state_key="):
        ganeval.score("real.npy", state_key="g_ema")
    with pytest.raises(UsageError, match=r"state_key= picks the tensors"):
        ganeval.score("state_nets:Net", reference="real.npy", state_key="g_ema", n=8)
