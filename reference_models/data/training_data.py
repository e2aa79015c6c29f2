"""Training data, resident in memory as bytes: by data set id, by folder, or drawn; batches by number.

Batch b is a function of (seed, b) alone, so a resumed run needs no position in the data. With several devices each
takes every n-th row of the same batch.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ganeval.errors import DataError, UsageError
from ganeval.registry import unknown_name
from ganeval.sources.base import ImageSource, Pixels
from ganeval.sources.datasets.photos import photo, photo_names
from ganeval.sources.datasets.photos_evening import restyle
from ganeval.sources.datasets.table import DATASETS, open_dataset
from reference_models.checkpoints.sampling import stream
from reference_models.data.own_folder import is_own, open_own
from reference_models.data.transforms import CONDITIONS, low_resolution, resized, to_range
from reference_models.models.base import OutputRange
from reference_models.recipes.recipe import DataPlan
from reference_models.training.stabilise import class_balanced_indices

JITTER = 286 / 256  # pix2pix's and CycleGAN's random crops: 256 of 286 pixels
# `mixture-1d`: four normals, as (weight, mean, standard deviation), inside the generator's (-1, 1).
MIXTURE = ((0.25, -0.65, 0.05), (0.25, -0.2, 0.08), (0.3, 0.25, 0.05), (0.2, 0.7, 0.06))
_ORDER, _MIXTURE = 1, 2  # streams of random numbers


@dataclass(frozen=True)
class Batch:
    """What one update sees; images in the model's own range.

    Attributes:
        images: (B, C, H, W), or (B, 1) for numbers: what is real.
        labels: (B,) int64, where there are classes.
        condition: (B, C', h, w): the generator's input, for pairs and super-resolution.
        other: (B, C, H, W) of the other set, without pairs.
    """

    images: Float[Tensor, "B ..."]
    labels: Int[Tensor, " B"] | None = None
    condition: Float[Tensor, "B ..."] | None = None
    other: Float[Tensor, "B ..."] | None = None


class TrainingData(Protocol):
    """Anything that gives batches.

    Attributes:
        classes: Names of the classes, () for none.
        digest: sha256 over all that is trained on: a run resumed on other data is refused.
    """

    classes: tuple[str, ...]
    digest: str

    def batch(self, number: int, rng: torch.Generator) -> Batch:
        """Batch `number`; `rng` draws crops and flips."""
        ...


class ResidentData:
    """Images of one size, or numbers, each shown once an epoch; the last, smaller batch of an epoch is left out.

    Args:
        images: uint8 (N, C, H, W), or float32 (N, 1) numbers.
        labels: (N,) or None.
        classes: Names of the classes.
        plan: `flip` and `balanced` apply.
        output_range: What bytes are scaled to.
        batch_size: Over all devices.
        seed: Of the order.
        device: Where the data lie.
        rank: This device's number, and ...
        world_size: ... how many there are.

    Raises:
        UsageError: a batch larger than the data, or balanced without labels.
    """

    def __init__(
        self,
        images: UInt8[Tensor, "N C H W"] | Float[Tensor, "N 1"],
        labels: Int[Tensor, " N"] | None,
        classes: tuple[str, ...],
        plan: DataPlan,
        output_range: OutputRange,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size > len(images):
            raise UsageError(f"A batch of {batch_size} is larger than the {len(images)} images of {plan.id}.")
        if plan.balanced and labels is None:
            raise UsageError(f"Class-balanced batches need labels; {plan.id} has none.")
        self.classes = classes
        self.digest = hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest()
        self._images = images.to(device)
        self._labels = labels
        self._plan = plan
        self._range = output_range
        self._size = batch_size
        self._seed = seed
        self._share = slice(rank, None, world_size)
        self._device = device
        self._order: tuple[int, Tensor] = (-1, torch.empty(0, device="cpu"))

    def batch(self, number: int, rng: torch.Generator) -> Batch:
        """Batch `number`, counted over all epochs."""
        epoch, place = divmod(number, len(self._images) // self._size)
        rows = self._epoch(epoch)[place * self._size : (place + 1) * self._size][self._share]
        images = self._images[rows.to(self._device)]
        if images.dtype == torch.uint8:
            images = to_range(images, self._range)
        if self._plan.flip:
            images = flipped((images,), rng)[0]
        labels = None if self._labels is None else self._labels[rows].to(self._device)
        return Batch(images, labels)

    def _epoch(self, epoch: int) -> Tensor:
        """Row numbers in the order of one epoch."""
        if self._order[0] != epoch:
            generator = stream(self._seed, _ORDER, epoch)
            if self._plan.balanced and self._labels is not None:
                per_class = -(-len(self._images) // len(self.classes))
                order = class_balanced_indices(self._labels, per_class, generator)
            else:
                order = torch.randperm(len(self._images), generator=generator, device="cpu")
            self._order = (epoch, order)
        return self._order[1]


class CropData:
    """Random crops of photos of any size, each with what belongs to it.

    Args:
        photos: uint8 (C, H, W) each.
        conditions: uint8 (C', H, W) each, cut at the same place as the photo; () for none.
        others: A second set, cut independently; () for none.
        side: Of the crops.
        scale: Factor of the low-resolution images that become the condition; 0 for none.
        plan: `flip` applies.
        output_range: What bytes are scaled to.
        batch_size: On this device.
        device: Where the data lie.

    Raises:
        DataError: no photo, or one that is smaller than the crops.
    """

    classes: tuple[str, ...] = ()

    def __init__(
        self,
        photos: Sequence[Pixels],
        conditions: Sequence[Pixels],
        others: Sequence[Pixels],
        plan: DataPlan,
        output_range: OutputRange,
        *,
        side: int,
        scale: int,
        batch_size: int,
        device: torch.device,
    ) -> None:
        small = [p.shape for p in (*photos, *others) if min(p.shape[1:]) < side]
        if not photos or small:
            raise DataError(
                f"{plan.id}: {len(photos)} photos, {len(small)} of them smaller than crops of {side}x{side} pixels. "
                "Give larger images, or set model.image_size lower."
            )
        digest = hashlib.sha256()
        for pixels in (*photos, *conditions, *others):
            digest.update(pixels.tobytes())
        self.digest = digest.hexdigest()
        self._sets = [_tensors(pixels, device) for pixels in (photos, conditions, others)]
        self._plan = plan
        self._range = output_range
        self._side = side
        self._scale = scale
        self._size = batch_size

    def batch(self, number: int, rng: torch.Generator) -> Batch:
        """Crops drawn from `rng`; photos are chosen by area, so that every crop is about equally likely."""
        del number  # nothing here is shown in turn
        photos, conditions, others = self._sets
        images, condition = self._crops(photos, conditions, rng)
        other = self._crops(others, [], rng)[0] if others else None
        if self._plan.flip:
            pair = flipped((images,) if condition is None else (images, condition), rng)
            images, condition = pair[0], None if condition is None else pair[1]
            other = None if other is None else flipped((other,), rng)[0]  # a set without pairs has coins of its own
        if self._scale:
            condition = low_resolution(images, self._scale)
        return Batch(images, None, condition, other)

    def _crops(
        self, photos: list[Tensor], conditions: list[Tensor], rng: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        areas = torch.tensor([float(p.shape[1] * p.shape[2]) for p in photos], device=rng.device)
        chosen = torch.multinomial(areas, self._size, replacement=True, generator=rng).tolist()
        where = torch.rand((self._size, 2), generator=rng, device=rng.device).tolist()
        crops: list[Tensor] = []
        inputs: list[Tensor] = []
        for index, (down, right) in zip(chosen, where, strict=True):
            top = int(down * (photos[index].shape[1] - self._side + 1))
            left = int(right * (photos[index].shape[2] - self._side + 1))
            window = (slice(None), slice(top, top + self._side), slice(left, left + self._side))
            crops.append(photos[index][window])
            if conditions:
                inputs.append(conditions[index][window])
        images = to_range(torch.stack(crops), self._range)
        return images, to_range(torch.stack(inputs), self._range) if inputs else None


def flipped(images: tuple[Tensor, ...], rng: torch.Generator) -> tuple[Tensor, ...]:
    """Mirrors half of the rows, the same rows of every tensor."""
    coins = torch.rand(len(images[0]), generator=rng, device=rng.device) < 0.5
    choice = coins.to(images[0].device).reshape(-1, 1, 1, 1)
    return tuple(torch.where(choice, batch.flip(3), batch) for batch in images)


def _tensors(pixels: Sequence[Pixels], device: torch.device) -> list[Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(p)).to(device) for p in pixels]


def mixture(count: int, seed: int) -> Float[Tensor, "N 1"]:
    """Numbers drawn from `MIXTURE`."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(_MIXTURE,))))
    weights, means, deviations = np.array(MIXTURE).T
    component = rng.choice(len(MIXTURE), size=count, p=weights)
    drawn = means[component] + deviations[component] * rng.standard_normal(count)
    return torch.from_numpy(drawn.astype(np.float32)).unsqueeze(1)


def load_training_data(
    plan: DataPlan,
    config: Any,
    output_range: OutputRange,
    *,
    batch_size: int,
    seed: int,
    device: torch.device,
    data_root: Path | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> TrainingData:
    """Loads what a recipe trains on.

    Args:
        plan: Which data, and the transform.
        config: The model's settings; `image_size`, `channels` and `scale` are looked at.
        output_range: What bytes are scaled to.
        batch_size: Over all devices.
        seed: Of the order of data.
        device: Where the data shall lie.
        data_root: Folder of data sets that are not embedded.
        rank: This device's number.
        world_size: How many devices there are.

    Raises:
        UsageError: unknown data, or data that the model cannot take.
        DataError: files are missing; the message says which go where.
    """
    resident = {"batch_size": batch_size, "seed": seed, "rank": rank, "world_size": world_size}
    if plan.transform == "mixture":
        numbers = mixture(65_536, 0)  # the data are the same for every training seed
        return ResidentData(numbers, None, (), plan, output_range, device=device, **resident)
    if plan.transform == "images":
        images, labels, classes = load_images(plan, config, data_root)
        return ResidentData(images, labels, classes, plan, output_range, device=device, **resident)
    photos, conditions, others = load_photo_sets(plan, config, data_root)
    scale = config.scale if plan.transform == "crops" else 0
    local = batch_size // world_size
    side: int = config.image_size
    return CropData(
        photos, conditions, others, plan, output_range, side=side, scale=scale, batch_size=local, device=device
    )


def load_images(
    plan: DataPlan, config: Any, data_root: Path | None
) -> tuple[UInt8[Tensor, "N C H W"], Int[Tensor, " N"] | None, tuple[str, ...]]:
    """All images of a split at the model's size and channels, their labels, and the classes in the data's order."""
    source = open_split(plan, plan.train, data_root, config.image_size)
    info = None if is_own(plan.id) else DATASETS.get(plan.id)
    if info is not None and config.channels not in (info.channels, 3):
        raise UsageError(
            f"{plan.id} has {info.channels} channels; the model has {config.channels}. Set model.channels."
        )
    images = torch.from_numpy(read_all(source)[:, : config.channels])
    images = resized(images, (config.image_size, config.image_size))
    labels = [item.label for item in source.items]
    if None in labels:
        return images, None, ()
    classes = tuple(sorted({str(label) for label in labels}))
    wanted = getattr(config, "classes", len(classes))
    if len(classes) > wanted:
        raise UsageError(f"{plan.id} has {len(classes)} classes; the model has {wanted}. Set model.classes.")
    return images, torch.tensor([classes.index(str(label)) for label in labels], device="cpu"), classes


def read_all(source: ImageSource) -> npt.NDArray[np.uint8]:
    """Every image of a source of one size, uint8 (N, 3, H, W)."""
    return np.stack([source.read(index).decode().pixels for index in range(len(source))])


def load_photo_sets(
    plan: DataPlan, config: Any, data_root: Path | None
) -> tuple[list[Pixels], list[Pixels], list[Pixels]]:
    """Photos, their conditions and the second set, as the transform makes them."""
    side = round(config.image_size * JITTER)
    if plan.transform == "two-sets":
        sets = [_scaled(folder_of(plan, f"{plan.train}{ab}", data_root), side) for ab in "AB"]
        return sets[0], [], sets[1]
    if plan.transform == "pairs":
        files = _whole(folder_of(plan, plan.train, data_root))
        halves = [(p[:, :, : p.shape[2] // 2], p[:, :, p.shape[2] // 2 : p.shape[2] // 2 * 2]) for p in files]
        photos, labels = ([_at(half[k], side) for half in halves] for k in (0, 1))
        return photos, labels, []
    photos = [photo(n) for n in photo_names(plan.train)] if plan.id == "photos" else _photos_of(plan, data_root)
    if plan.transform in CONDITIONS:
        return photos, [CONDITIONS[plan.transform](p) for p in photos], []
    return photos, [], [restyle(p) for p in photos] if plan.transform == "restyled" else []


def _photos_of(plan: DataPlan, data_root: Path | None) -> list[Pixels]:
    return _whole(folder_of(plan, plan.train, data_root))


def folder_of(plan: DataPlan, split: str, data_root: Path | None) -> ImageSource:
    """A folder data set's images of one split.

    Raises:
        UsageError: no such data set.
        DataError: its folder is not there, or not whole; the message says how to bring it.
    """
    if plan.id not in DATASETS and not is_own(plan.id):
        raise unknown_name("data set for this recipe:", plan.id, DATASETS.names())
    return open_split(plan, split, data_root, None)


def open_split(plan: DataPlan, split: str, data_root: Path | None, side: int | None) -> ImageSource:
    """The images of one split: of a data set, or of a folder of one's own, as squares of `side` where that is named."""
    return open_own(split, data_root, side) if is_own(plan.id) else open_dataset(f"{plan.id}:{split}", data_root)


def _whole(source: ImageSource) -> list[Pixels]:
    return [source.read(index).decode().pixels for index in range(len(source))]


def _scaled(source: ImageSource, side: int) -> list[Pixels]:
    return [_at(pixels, side) for pixels in _whole(source)]


def _at(pixels: Pixels, side: int) -> Pixels:
    batch = torch.from_numpy(np.ascontiguousarray(pixels))[None]
    scaled: Pixels = resized(batch, (side, side))[0].numpy()
    return scaled
