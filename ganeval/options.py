"""The options of a score, as the command line and Python give them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ganeval.sources.base import ImageSource
from ganeval.sources.decoding.rules import decode_policy
from ganeval.sources.listing import Links, Place, Selection
from ganeval.sources.resolve import open_source


@dataclass(frozen=True)
class ScoreOptions:
    """All that `ganeval score` can be told; the same names as on the command line.

    Attributes:
        subject: Folder, archive, npz, data set id.
        reference: What set metrics compare with: the same kinds, or a statistics file.
        paired: The originals that paired metrics compare with, file by file.
        metrics: Comma-separated keys; None runs everything that the inputs and the weights allow.
        num_samples: Size of a seeded subset of the subject and of the reference (not of a statistics file).
        seed: Seed of the subset.
        batch_size: Images a network call.
        device: "auto", "cpu", "cuda", "cuda:1".
        engine: What runs the networks: "auto", "torch" or "openvino".
        precision: Of the networks of set metrics: "exact" is float32, "fast" bfloat16 with its error measured.
        devices: How many processes share the images of set metrics; with CUDA one a device.
        on_bad: What to do with an image that cannot be decoded.
        channel: "rgb" or "y", for psnr, ssim and ms_ssim.
        crop_border: Pixels cut off each side before paired metrics.
        weights: Backbone name -> weights file to use in place of the pinned one.
        data_root: Folder of data sets.
        value_range: What floats in an array mean; never guessed.
        peak: The 16-bit sample that means white, for samples of fewer bits in 16-bit files; None for 65,535.
        cache: Keep features between runs.
        name: What the rows call the subject.
        blame: Also compute each image's influence on the metrics that have one (fd, kd), in the order asked for.
        until_se: Look at growing counts, and stop when the standard error is no larger than this.
        until_rel: The same with the standard error as a share of the value, in (0, 0.1].
        inputs: What a generator that translates images is to translate, by the same kinds as `subject`.
        generator: "package.module:Class" of the network that a bare state dict (`subject`) belongs to.
        latent_dim: Shape of one latent of a generator that does not state it, as in (100,) or (100, 1, 1).
        direction: Which of the two generators of an unpaired model's checkpoint; None for its recipe's own.
        match: Glob by set ("subject", "reference", "paired", "inputs"): only files that it matches are taken.
        labels: True takes folders as classes, False takes no classes; None takes folders that seem to be classes.
        follow_links: Links in folders and archives that are followed: "no", "inside" or "anywhere".
        in_memory: Name of a subject -> the tensor, array, network or function that it stands for.
        drawn: Images of a generator in memory where `num_samples` is None.
        config_file: Name of the file that defaults were read from, for the row's provenance.
    """

    subject: str
    reference: str | None = None
    paired: str | None = None
    metrics: str | None = None
    num_samples: int | None = None
    seed: int = 0
    batch_size: int = 32
    device: str = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"
    precision: Literal["exact", "fast"] = "exact"
    devices: int = 1
    on_bad: Literal["fail", "skip"] = "fail"
    channel: Literal["rgb", "y"] = "rgb"
    crop_border: int = 0
    weights: Mapping[str, Path] = field(default_factory=dict)
    data_root: Path | None = None
    value_range: Literal["0..1", "-1..1"] | None = None
    peak: int | None = None
    cache: bool = True
    name: str | None = None
    blame: bool = False
    until_se: float | None = None
    until_rel: float | None = None
    inputs: str | None = None
    generator: str | None = None
    latent_dim: tuple[int, ...] | None = None
    direction: Literal["a2b", "b2a"] | None = None
    match: Mapping[str, str] = field(default_factory=dict)
    labels: bool | None = None
    follow_links: Links = "no"
    in_memory: Mapping[str, object] = field(default_factory=dict)
    drawn: int | None = None
    config_file: str | None = None

    def selection(self, place: Place) -> Selection:
        """Which files of one of the sets are meant."""
        return Selection(self.match.get(place), self.labels, self.follow_links, place)

    def open(self, place: Place, name: str, *, mixed: bool = False) -> ImageSource:
        """Opens one of the sets as `open_source` does, as these options read it."""
        return open_source(
            name,
            data_root=self.data_root,
            value_range=self.value_range,
            peak=self.peak,
            selection=self.selection(place),
            mixed=mixed,
        )

    @property
    def selected(self) -> dict[str, object]:
        """What was said of files and classes, for a row's provenance; {} where nothing was."""
        said = {"match": dict(self.match), "labels": self.labels, "follow_links": self.follow_links}
        default: dict[str, object] = {"match": {}, "labels": None, "follow_links": "no"}
        return {name: value for name, value in said.items() if value != default[name]}

    @property
    def decode(self) -> str:
        """How files become 8-bit RGB, for the protocol."""
        return decode_policy(self.peak)
