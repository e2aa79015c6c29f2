"""FID and IS by torchmetrics, as its documentation uses it: a loader of uint8 batches, two metrics."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


class Folder(Dataset[Tensor]):
    """The PNGs of a folder, uint8 (3, H, W)."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("*.png"))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as image:
            return torch.from_numpy(np.asarray(image.convert("RGB")).transpose(2, 0, 1).copy())


def loop(fake: Path, real: Path, weights: Path, batch: int) -> dict[str, float]:
    """Both numbers."""
    from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
    from torchmetrics.image.inception import InceptionScore

    name = "inception-v3-compat"
    fid = FrechetInceptionDistance(feature=NoTrainInceptionV3(name, ["2048"], str(weights)))
    score = InceptionScore(feature=NoTrainInceptionV3(name, ["logits_unbiased"], str(weights)))
    for folder, is_real in ((real, True), (fake, False)):
        for images in DataLoader(Folder(folder), batch_size=batch, num_workers=2):
            fid.update(images, real=is_real)
            if not is_real:
                score.update(images)
    return {"fid": float(fid.compute()), "is": float(score.compute()[0])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("fake", "real", "weights"):
        parser.add_argument(name, type=Path)
    parser.add_argument("batch", type=int)
    given = parser.parse_args()
    print(json.dumps(loop(given.fake, given.real, given.weights, given.batch)))  # noqa: T201 - read by `ganeval bench`
