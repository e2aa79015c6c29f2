"""`ganeval sample`: draws images from a generator, or translates a folder of inputs, into files or one grid."""

import dataclasses
from pathlib import Path

import click

from ganeval.cli.options import PATH, PLACE, Value, takes, whole
from ganeval.cli.progress import RichReporter
from ganeval.errors import DataError, UsageError, WeightsError
from ganeval.options import ScoreOptions
from ganeval.options.kinds import Whole

DRAWN = 64  # images where -n is not given: one grid
TILE = 256  # pixels of a side: a photo of 900 x 700 through srgan.bsds500 takes 1.5 GB in tiles, 5.1 GB whole
LOOKED_AT = 1000  # the same with --views: enough to count one in a hundred


@click.command("sample", short_help="Draw images from a checkpoint.")
@click.argument("checkpoint", type=PLACE)
@click.option("-n", "count", type=whole(1), help="Number of images. Default: 64, or all inputs.")
@click.option("-o", "out", type=PATH, help="New folder; with --grid a PNG file.")
@click.option("--class", "class_name", metavar="C", help="Class by name or number, of a conditional model.")
@click.option("--grid", is_flag=True, help="Write one PNG with all images side by side.")
@click.option("--views", type=PATH, help="Folder for pictures of copies, repetitions and classes.")
@click.option(
    "--reference", type=PLACE, metavar="REF", help="Training images for --views. Default: the checkpoint's own."
)
@click.option(
    "--tile",
    type=Value(Whole(32), optional=True),
    is_flag=False,
    flag_value=TILE,
    metavar="[PX]",
    help=f"Translate large inputs in tiles of PX pixels ({TILE}), a multiple of 32; memory depends on the tile alone.",
)
@takes("sample")
def command(
    checkpoint: str,
    options: ScoreOptions,
    count: int | None,
    out: Path | None,
    class_name: str | None,
    grid: bool,
    views: Path | None,
    reference: str | None,
    tile: int | None,
) -> None:
    """Draw images from CHECKPOINT: a file of train-reference, TorchScript, ONNX, or package.module:factory.

    CHECKPOINT may also be the name of a recipe with a shipped checkpoint (`ganeval list recipes` marks them), or the
    folder of a run, whose last checkpoint is taken.

    Image i depends only on the seed and i: -n 10 gives the first 10 images of -n 1000. Conditional models take their
    classes in turn, and write each class into a folder of its own.

    --tile gives the output of the whole image. Seams may show with networks that normalise over the image or see
    further than 32 pixels, such as cyclegan and pix2pix.

    --views writes pictures of what the model learned, with the numbers in views.json: samples beside their nearest
    training images, the most similar samples, one row per class; for gan-1d the density.

    \b
    ganeval sample cgan-conv.digits-cpu --class 3 -n 16 -o threes
    ganeval sample runs/dcgan.digits-cpu-seed0/last.safetensors -n 1000 -o samples
    ganeval sample last.safetensors -n 100 --class 7 --grid -o sevens.png
    ganeval sample srgan.safetensors --inputs ./low-resolution -o enlarged
    ganeval sample srgan.safetensors --inputs photo.png --tile -o enlarged
    ganeval sample cyclegan.safetensors --inputs ./evening --direction b2a -o by-day
    ganeval sample generator.pt --latent-dim 100 --value-range -1..1 -o samples
    ganeval sample last.safetensors --views views
    """
    _check_target(out, grid, views)
    if tile is not None:
        _check_tile(tile, options)

    from ganeval.cli.views import is_of_numbers, training_set, write_density, write_views
    from ganeval.generators.open import open_generator
    from ganeval.generators.shipped import checkpoint_file

    file = checkpoint_file(checkpoint)
    default = None if options.inputs is not None else LOOKED_AT if views is not None else DRAWN
    options = dataclasses.replace(
        options,
        reference=None if views is None else reference or training_set(file),
        drawn=count or default,
    )
    if views is not None and options.inputs is not None:
        raise UsageError("--views are of generators that draw images; drop it, or --inputs.")
    if views is not None and is_of_numbers(file):
        options = dataclasses.replace(options, drawn=count)
        _say(write_density(file, options, views), views)
        return
    source = open_generator(options, class_name, tile)
    if source is None:
        raise _no_generator(checkpoint)
    if views is not None:
        _say(write_views(source, options, views), views)
    if out is not None:
        total = len(source) if count is None else min(count, len(source))
        write = write_grid if grid else write_files
        write(source, total, out)
        click.echo(str(out))


def _say(lines: list[str], views: Path) -> None:
    """What was found, and where the pictures are."""
    for line in lines:
        click.echo(line, err=True)
    click.echo(str(views))


def _no_generator(subject: str) -> UsageError | WeightsError:
    from ganeval.sources.datasets.table import DATASETS
    from ganeval.sources.resolve import near_paths

    if not Path(subject).exists() and subject.partition(":")[0] not in DATASETS:
        near = near_paths(Path(subject))
        return WeightsError(
            f"There is no checkpoint {subject}.{near} `ganeval train-reference` writes last.safetensors."
        )
    return UsageError(
        f"{subject} isn't a generator; expected a checkpoint of train-reference, TorchScript, ONNX, a state dict with "
        "--generator package.module:Class, or package.module:factory."
    )


def _check_target(out: Path | None, grid: bool, views: Path | None) -> None:
    """A target that cannot be written is told before the network is loaded."""
    if views is not None and views.exists() and not views.is_dir():
        raise UsageError(f"--views {views} is a file. Name a folder.")
    if out is None:
        if views is None or grid:
            raise UsageError(
                "Name where the images go with -o FOLDER, or ask for pictures of them with --views FOLDER."
            )
        return
    if grid and out.suffix.lower() != ".png":
        raise UsageError(f"--grid writes one PNG file; -o {out} does not end in .png.")
    if grid and not out.absolute().parent.is_dir():
        raise UsageError(f"Cannot write {out}: the folder {out.absolute().parent} does not exist. Create it.")
    if not grid and out.suffix.lower() in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"-o {out} is named as a picture. Add --grid for one PNG with all images, or name a folder.")
    if not grid and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not an empty folder. Name a new one with -o.")


def _check_tile(tile: int, options: ScoreOptions) -> None:
    from ganeval.generators.translated import OVERLAP

    if tile % OVERLAP:
        raise UsageError(f"--tile takes a multiple of {OVERLAP} pixels; got {tile}. Take {tile // OVERLAP * OVERLAP}.")
    if options.inputs is None:
        raise UsageError("--tile divides the images of --inputs. Name some, or drop it.")


def write_files(source: "object", count: int, out: Path) -> None:
    """One PNG an image, in a folder a class; into a hidden folder beside `out` first, renamed when all are there."""
    from PIL import Image

    from ganeval.files.read_write import new_folder
    from ganeval.sources.base import ImageSource

    if not isinstance(source, ImageSource):
        raise TypeError("write_files takes an ImageSource")
    reporter = RichReporter()
    try:
        # `_check_target` has found it absent or empty.
        with new_folder(out) as part, reporter.stage(source.name, count) as advance:
            for index in range(count):
                item = source.items[index]
                folder = part / folder_name(item.label) if item.label is not None else part
                path = folder / f"{item.stem}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(source.read(index).decode().pixels.transpose(1, 2, 0)).save(path)
                advance(1)
    except OSError as error:
        raise DataError(f"Cannot write images to {out}: {error.strerror or error}. Free space there.") from error


def folder_name(label: str) -> str:
    """A class name as a folder: "T-shirt/top" is one folder, not two, and ".." is no way out."""
    name = "".join(c if c.isalnum() or c in "-_ ." else "-" for c in label)
    return name if name.strip(". ") else "-" * max(1, len(name))


def write_grid(source: "object", count: int, out: Path) -> None:
    """All images in one PNG; they must be of one size."""
    import numpy as np
    import torch

    from ganeval.sources.base import ImageSource
    from reference_models.checkpoints.sampling import grid_of, save_png

    if not isinstance(source, ImageSource):
        raise TypeError("write_grid takes an ImageSource")
    images = [source.read(index).decode().pixels for index in range(count)]
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise UsageError(f"The {count} images are of {len(sizes)} sizes, which make no grid. Drop --grid.")
    try:
        save_png(out, grid_of(torch.from_numpy(np.stack(images)), (0.0, 1.0)))
    except OSError as error:
        raise DataError(f"Cannot write {out}: {error.strerror or error}. Choose another file.") from error
