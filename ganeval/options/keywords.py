"""Keywords of the Python calls, made from the table by `pytest --update-golden tests/options`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ganeval.generators.in_memory import Images, Subject


class ScoreKeywords(TypedDict, total=False):
    """Keywords of `ganeval.score`."""

    reference: Subject | None
    """Images, generator or statistics file that set metrics compare with."""
    paired: Images | None
    """Original images that paired metrics compare with, matched by file stem."""
    train: Images | None
    """Images that the generator was trained on, for metrics that look for copies of them. Always all of them."""
    metrics: str | Sequence[str] | None
    """Comma-separated metric keys, as in fid,kd@efflite0. Default: all that can run."""
    channel: Literal["rgb", "y"]
    """Color channel for metrics of pixels, PSNR and SSIM among them."""
    crop_border: int
    """Pixels to cut off each edge before paired metrics."""
    pair_by: str | None
    """Pair names without a suffix, by the group of a regular expression, or by order. Default: names agree."""
    mask: Images | None
    """Masks: paired metrics use their white pixels only. A single image masks all."""
    mod_crop: int
    """Crop images right and bottom to multiples of N, the scale of the model."""
    peak: int | None
    """White level of 16-bit files, 4095 for 12-bit data. Default: 65535."""
    inputs: Images | None
    """Images that an image-to-image generator translates."""
    generator: str | None
    """Network class that a bare state dict belongs to."""
    state_key: str | None
    """Where a checkpoint keeps the network's state dict, as in g_ema. Default: the only one in it."""
    latent_dim: int | Sequence[int] | None
    """Shape of one latent of an external generator: 100 or 100x1x1."""
    direction: Literal["a2b", "b2a"] | None
    """Generator of a cyclegan checkpoint. Default: its recipe's."""
    n: int | None
    """Images to score: size of a seeded subset per set, or images that a generator draws."""
    seed: int
    """Seed of the subset and of latents."""
    match: str | Mapping[str, str] | None
    """Take only files that match, as in '*_fake_B.png'; SET is reference, paired, mask, inputs or train."""
    tile: str | Mapping[str, str] | None
    """Cut strips of R rows and C columns into images: all, or number N; SET as in match=."""
    labels: bool | None
    """Take folders as classes, or not. Default: as classes, unless their names only count up."""
    follow_links: bool | Literal["no", "inside", "anywhere"]
    """Follow links that stay inside the folder or archive."""
    batch_size: int
    """Images per network call."""
    device: str
    """Device of the networks: auto, cpu, cuda or cuda:1."""
    engine: Literal["auto", "torch", "openvino"]
    """Engine that runs networks on a CPU."""
    on_bad: Literal["fail", "skip"]
    """What to do with an image that cannot be decoded."""
    weights: Mapping[str, str | Path] | None
    """Weights file to use in place of the pinned one, in the same layout."""
    value_range: Literal["0..1", "-1..1"] | None
    """Range of floats in arrays and from generators; never guessed."""
    data_root: str | Path | None
    """Folder of data sets, in torchvision's layout."""
    cache: bool
    """Keep features between runs."""
    moments_only: bool
    """Keep no feature rows, so that memory and disk stay small for any number of images: fd alone."""
    precision: Literal["exact", "fast"]
    """Precision of networks: exact is float32, fast bfloat16 with its error measured."""
    devices: int
    """Processes that share the work; with CUDA, one per device."""
    timeout: float
    """Several processes: time without progress (90, 90s, 10m) after which all end."""
    until_se: float | None
    """Score 500, 1000, 2000, ... images, at most n=, until the standard error is X."""
    until_rel: float | None
    """The same with X as a fraction of the value, at most 10%."""
    blame: bool
    """Also compute each image's influence on fd, kd, mind and cmmd."""
    name: str | None
    """Name of the subject in the rows."""


class CompareKeywords(TypedDict, total=False):
    """Keywords of `ganeval.compare`."""

    reference: Subject | None
    """Images, generator or statistics file that set metrics compare with."""
    paired: Images | None
    """Original images that paired metrics compare with, matched by file stem."""
    train: Images | None
    """Images that the generator was trained on, for metrics that look for copies of them. Always all of them."""
    metrics: str | Sequence[str] | None
    """Comma-separated metric keys, as in fid,kd@efflite0. Default: all that can run."""
    channel: Literal["rgb", "y"]
    """Color channel for metrics of pixels, PSNR and SSIM among them."""
    crop_border: int
    """Pixels to cut off each edge before paired metrics."""
    pair_by: str | None
    """Pair names without a suffix, by the group of a regular expression, or by order. Default: names agree."""
    mask: Images | None
    """Masks: paired metrics use their white pixels only. A single image masks all."""
    mod_crop: int
    """Crop images right and bottom to multiples of N, the scale of the model."""
    peak: int | None
    """White level of 16-bit files, 4095 for 12-bit data. Default: 65535."""
    inputs: Images | None
    """Images that an image-to-image generator translates."""
    generator: str | None
    """Network class that a bare state dict belongs to."""
    state_key: str | None
    """Where a checkpoint keeps the network's state dict, as in g_ema. Default: the only one in it."""
    latent_dim: int | Sequence[int] | None
    """Shape of one latent of an external generator: 100 or 100x1x1."""
    direction: Literal["a2b", "b2a"] | None
    """Generator of a cyclegan checkpoint. Default: its recipe's."""
    n: int | None
    """Images to score: size of a seeded subset per set, or images that a generator draws."""
    seed: int
    """Seed of the subset and of latents."""
    match: str | Mapping[str, str] | None
    """Take only files that match, as in '*_fake_B.png'; SET is reference, paired, mask, inputs or train."""
    tile: str | Mapping[str, str] | None
    """Cut strips of R rows and C columns into images: all, or number N; SET as in match=."""
    labels: bool | None
    """Take folders as classes, or not. Default: as classes, unless their names only count up."""
    follow_links: bool | Literal["no", "inside", "anywhere"]
    """Follow links that stay inside the folder or archive."""
    batch_size: int
    """Images per network call."""
    device: str
    """Device of the networks: auto, cpu, cuda or cuda:1."""
    engine: Literal["auto", "torch", "openvino"]
    """Engine that runs networks on a CPU."""
    on_bad: Literal["fail", "skip"]
    """What to do with an image that cannot be decoded."""
    weights: Mapping[str, str | Path] | None
    """Weights file to use in place of the pinned one, in the same layout."""
    value_range: Literal["0..1", "-1..1"] | None
    """Range of floats in arrays and from generators; never guessed."""
    data_root: str | Path | None
    """Folder of data sets, in torchvision's layout."""
    cache: bool
    """Keep features between runs."""


class CheckKeywords(TypedDict, total=False):
    """Keywords of `ganeval.check`."""

    reference: Subject | None
    """Images, generator or statistics file that set metrics compare with."""
    paired: Images | None
    """Original images that paired metrics compare with, matched by file stem."""
    pair_by: str | None
    """Pair names without a suffix, by the group of a regular expression, or by order. Default: names agree."""
    mask: Images | None
    """Masks: paired metrics use their white pixels only. A single image masks all."""
    inputs: Images | None
    """Images that an image-to-image generator translates."""
    generator: str | None
    """Network class that a bare state dict belongs to."""
    state_key: str | None
    """Where a checkpoint keeps the network's state dict, as in g_ema. Default: the only one in it."""
    latent_dim: int | Sequence[int] | None
    """Shape of one latent of an external generator: 100 or 100x1x1."""
    match: str | Mapping[str, str] | None
    """Take only files that match, as in '*_fake_B.png'; SET is reference, paired, mask, inputs or train."""
    tile: str | Mapping[str, str] | None
    """Cut strips of R rows and C columns into images: all, or number N; SET as in match=."""
    labels: bool | None
    """Take folders as classes, or not. Default: as classes, unless their names only count up."""
    follow_links: bool | Literal["no", "inside", "anywhere"]
    """Follow links that stay inside the folder or archive."""
    batch_size: int
    """Images per network call."""
    device: str
    """Device of the networks: auto, cpu, cuda or cuda:1."""
    engine: Literal["auto", "torch", "openvino"]
    """Engine that runs networks on a CPU."""
    on_bad: Literal["fail", "skip"]
    """What to do with an image that cannot be decoded."""
    weights: Mapping[str, str | Path] | None
    """Weights file to use in place of the pinned one, in the same layout."""
    value_range: Literal["0..1", "-1..1"] | None
    """Range of floats in arrays and from generators; never guessed."""
    data_root: str | Path | None
    """Folder of data sets, in torchvision's layout."""
    cache: bool
    """Keep features between runs."""


class EvaluatorKeywords(TypedDict, total=False):
    """Keywords of `ganeval.Evaluator`."""

    reference: Subject | None
    """Images, generator or statistics file that set metrics compare with."""
    paired: Images | None
    """Original images that paired metrics compare with, matched by file stem."""
    train: Images | None
    """Images that the generator was trained on, for metrics that look for copies of them. Always all of them."""
    metrics: str | Sequence[str] | None
    """Comma-separated metric keys, as in fid,kd@efflite0. Default: all that can run."""
    channel: Literal["rgb", "y"]
    """Color channel for metrics of pixels, PSNR and SSIM among them."""
    crop_border: int
    """Pixels to cut off each edge before paired metrics."""
    pair_by: str | None
    """Pair names without a suffix, by the group of a regular expression, or by order. Default: names agree."""
    mask: Images | None
    """Masks: paired metrics use their white pixels only. A single image masks all."""
    mod_crop: int
    """Crop images right and bottom to multiples of N, the scale of the model."""
    peak: int | None
    """White level of 16-bit files, 4095 for 12-bit data. Default: 65535."""
    inputs: Images | None
    """Images that an image-to-image generator translates."""
    generator: str | None
    """Network class that a bare state dict belongs to."""
    state_key: str | None
    """Where a checkpoint keeps the network's state dict, as in g_ema. Default: the only one in it."""
    latent_dim: int | Sequence[int] | None
    """Shape of one latent of an external generator: 100 or 100x1x1."""
    direction: Literal["a2b", "b2a"] | None
    """Generator of a cyclegan checkpoint. Default: its recipe's."""
    n: int | None
    """Images to score: size of a seeded subset per set, or images that a generator draws."""
    seed: int
    """Seed of the subset and of latents."""
    match: str | Mapping[str, str] | None
    """Take only files that match, as in '*_fake_B.png'; SET is reference, paired, mask, inputs or train."""
    tile: str | Mapping[str, str] | None
    """Cut strips of R rows and C columns into images: all, or number N; SET as in match=."""
    labels: bool | None
    """Take folders as classes, or not. Default: as classes, unless their names only count up."""
    follow_links: bool | Literal["no", "inside", "anywhere"]
    """Follow links that stay inside the folder or archive."""
    batch_size: int
    """Images per network call."""
    device: str
    """Device of the networks: auto, cpu, cuda or cuda:1."""
    engine: Literal["auto", "torch", "openvino"]
    """Engine that runs networks on a CPU."""
    on_bad: Literal["fail", "skip"]
    """What to do with an image that cannot be decoded."""
    weights: Mapping[str, str | Path] | None
    """Weights file to use in place of the pinned one, in the same layout."""
    value_range: Literal["0..1", "-1..1"] | None
    """Range of floats in arrays and from generators; never guessed."""
    data_root: str | Path | None
    """Folder of data sets, in torchvision's layout."""
    cache: bool
    """Keep features between runs."""
    precision: Literal["exact", "fast"]
    """Precision of networks: exact is float32, fast bfloat16 with its error measured."""
    until_se: float | None
    """Score 500, 1000, 2000, ... images, at most n=, until the standard error is X."""
    until_rel: float | None
    """The same with X as a fraction of the value, at most 10%."""
    blame: bool
    """Also compute each image's influence on fd, kd, mind and cmmd."""
