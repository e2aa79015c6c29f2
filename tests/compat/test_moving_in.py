"""The Python blocks of docs/moving-in.md run as they stand, in a folder that has what they name."""

import re
from pathlib import Path

import numpy as np
import torch

from tests.peer_networks import instead_of_inception, stack

PAGE = Path(__file__).parents[2] / "docs" / "moving-in.md"


def test_the_pages_blocks_run(make_folder, tmp_path, monkeypatch, inception_file):
    instead_of_inception(monkeypatch, dim=2048, file=inception_file)
    monkeypatch.chdir(tmp_path)
    folders = [make_folder(name, 12, seed=seed) for seed, name in enumerate(("samples", "real"))]
    rows = np.abs(np.random.default_rng(0).normal(size=(40, 2048)))
    np.savez(tmp_path / "cifar10.npz", mu=rows.mean(0), sigma=np.cov(rows, rowvar=False))
    fakes, reals = (torch.from_numpy(stack(folder).transpose(0, 3, 1, 2).copy()) for folder in folders)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    for block in blocks:
        scope = {"real_images": reals, "fake_images": fakes}
        exec(compile(block, str(PAGE), "exec"), scope)

    assert len(blocks) == 3
    assert isinstance(scope["calculate_metrics"](input1="samples", isc=True)["inception_score_mean"], float)


def test_the_page_names_every_function_and_every_tool():
    text = PAGE.read_text()
    for name in ("pytorch_fid", "cleanfid", "torch_fidelity", "torchmetrics"):
        assert f"ganeval.compat.{name}" in text
    from ganeval.summaries.peer_files.origins import ORIGINS

    for tool, origin in ORIGINS.items():
        assert re.search(rf"\| `{tool}` \|.*\| `{origin.backbone}` \|", text), tool
