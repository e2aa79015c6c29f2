"""Sets of images with one planted fault each, made from the embedded photos, and what the doctor must find in them."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageFilter, PngImagePlugin

from ganeval.sources.datasets.table import open_dataset

LOSSLESS = ("astronaut", "chelsea", "coffee", "motorcycle")  # photos that are stored as PNG
N = 60


def tiles():
    """(subject, reference): every other tile of the lossless photos, 64 px, as Pillow images."""
    source = open_dataset("photos")
    chosen = [i for i, item in enumerate(source.items) if item.name.startswith(LOSSLESS)]
    images = [Image.fromarray(source.read(i).decode().pixels.transpose(1, 2, 0)) for i in chosen[: 2 * N + 40]]
    return images[0::2][:N], images[1::2][:N]


def png(image, path, **options):
    image.save(path.with_suffix(".png"), compress_level=1, **options)


def each(function, suffix=".png", **options):
    """A fault of every image: function(image, index) -> image."""

    def write(folder, ours, theirs):
        for i, image in enumerate(ours):
            changed = function(image, i)
            if suffix == ".png":
                png(changed, folder / f"{i:03d}", **options)
            else:
                changed.save(folder / f"{i:03d}{suffix}", **options)

    return write


def some(function, count):
    """A fault of the first `count` images."""
    return each(lambda image, i: function(image, i) if i < count else image)


def through_jpeg(image, quality):
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=quality)
    return Image.open(stored).convert("RGB")


def again(image, factor, rule):
    width, height = image.size
    return image.resize((width // factor, height // factor), Image.Resampling.BOX).resize((width, height), rule)


def values(function):
    return lambda image, _: Image.fromarray(
        np.clip(np.rint(function(np.asarray(image).astype(np.float64))), 0, 255).astype(np.uint8)
    )


def stretch(x):
    return (x - x.min()) * 255 / max(x.max() - x.min(), 1)


def noise(sigma, cell=1):
    rng = np.random.default_rng(0)

    def add(x):
        rough = rng.normal(0, sigma, (x.shape[0] // cell, x.shape[1] // cell, 1))
        return x + np.kron(rough, np.ones((cell, cell, 1)))

    return add


def with_alpha(image, _):
    solid = image.convert("RGBA")
    solid.putalpha(Image.linear_gradient("L").resize(image.size))
    return solid


def sixteen_bit(folder, ours, theirs):
    for i, image in enumerate(ours):
        grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
        Image.fromarray(grey).save(folder / f"{i:03d}.png", compress_level=1)


def twelve_bit(folder, ours, theirs):
    for i, image in enumerate(ours):
        grey = np.rint(np.asarray(image.convert("L")) * (4095 / 255)).astype(np.uint16)
        Image.fromarray(grey).save(folder / f"{i:03d}.png", compress_level=1)


def turned(folder, ours, theirs):
    exif = Image.Exif()
    exif[274] = 6
    for i, image in enumerate(ours):
        png(image, folder / f"{i:03d}", exif=exif.tobytes())


def animated(folder, ours, theirs):
    for i, image in enumerate(ours):
        png(image, folder / f"{i:03d}", save_all=True, append_images=[ours[i - 1]])


def profiled(folder, ours, theirs):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    each(lambda image, _: image, icc_profile=profile)(folder, ours, theirs)


def with_gamma(folder, ours, theirs):
    linear = PngImagePlugin.PngInfo()
    linear.add(b"gAMA", (100_000).to_bytes(4, "big"))
    each(lambda image, _: image, pnginfo=linear)(folder, ours, theirs)


def mislabelled(folder, ours, theirs):
    for i, image in enumerate(ours):
        image.save(folder / f"{i:03d}.png", "BMP")


def mixed_formats(folder, ours, theirs):
    for i, image in enumerate(ours):
        image.save(folder / f"{i:03d}.{'png' if i % 4 else 'bmp'}")


def mixed_sizes(folder, ours, theirs):
    for i, image in enumerate(ours):
        png(image if i % 3 else image.crop((0, 0, 36, 36)), folder / f"{i:03d}")


def clean(folder, ours, theirs):
    each(lambda image, _: image)(folder, ours, theirs)


def and_also(first, extra):
    """A clean set and something beside it."""

    def write(folder, ours, theirs):
        first(folder, ours, theirs)
        extra(folder, ours, theirs)

    return write


def truncate(folder, ours, theirs):
    for i in (3, 7):
        path = folder / f"{i:03d}.png"
        path.write_bytes(path.read_bytes()[:-200])


def empty_file(folder, ours, theirs):
    (folder / "zero.png").write_bytes(b"")


def link_outside(folder, ours, theirs):
    outside = folder.parent / "outside.png"
    ours[0].save(outside)
    (folder / "link.png").symlink_to(outside)


def notes_beside(folder, ours, theirs):
    (folder / "notes.txt").write_text("seed 0")
    (folder / ".hidden.png").write_bytes(b"")


def versions(folder, ours, theirs):
    for i, image in enumerate(ours):
        png(image, folder / f"{i // 2:03d}_{('fake_B', 'real_B')[i % 2]}")


def copied(folder, ours, theirs):
    each(lambda image, i: ours[i % 50])(folder, ours, theirs)


def nearly_copied(folder, ours, theirs):
    brighter = values(lambda x: 0.95 * x + 6)
    each(lambda image, i: brighter(ours[i - 30], i) if i >= 40 else image)(folder, ours, theirs)


def leaked(folder, ours, theirs):
    each(lambda image, i: theirs[i] if i < 6 else image)(folder, ours, theirs)


def nearly_leaked(folder, ours, theirs):
    darker = values(lambda x: 0.95 * x)
    each(lambda image, i: darker(through_jpeg(theirs[i], 85), i) if i < 6 else image)(folder, ours, theirs)


def one_picture(folder, ours, theirs):
    rough = values(noise(14, cell=4))
    each(lambda image, i: rough(ours[20], i))(folder, ours, theirs)


def collapsed(folder, ours, theirs):
    fine = values(noise(3))
    each(lambda image, i: fine(ours[20 + i % 3], i))(folder, ours, theirs)


def low_quality(folder, ours, theirs):
    each(lambda image, _: image, ".jpg", quality=50)(folder, ours, theirs)


def high_quality(folder, ours, theirs):
    each(lambda image, _: image, ".jpg", quality=95)(folder, ours, theirs)


@dataclass(frozen=True)
class Case:
    """One planted fault.

    `name` is what must be found; `severity` how bad it must be called; `also` what may be serious beside it, because
    it is the same fault; `against` whether it is held against clean images, "jpeg" against JPEG ones.
    """

    fault: str
    name: str
    severity: str
    write: Callable
    against: str | None = None
    also: tuple[str, ...] = ()
    few: int | None = None


R = Image.Resampling
CASES = (
    Case("JPEG of quality 40 against PNG", "formats", "serious", each(lambda i, _: i, ".jpg", quality=40), "png"),
    Case("JPEG of quality 98 against PNG", "formats", "warning", each(lambda i, _: i, ".jpg", quality=98), "png"),
    Case("JPEG of quality 50 against 95", "jpeg-quality", "serious", low_quality, "jpeg"),
    Case("JPEG of quality 30, alone", "jpeg-quality", "warning", each(lambda i, _: i, ".jpg", quality=30)),
    Case("PNG that were JPEG of quality 60", "jpeg-traces", "serious", each(lambda i, _: through_jpeg(i, 60)), "png"),
    Case("PNG that were JPEG of quality 60, alone", "jpeg-traces", "warning", each(lambda i, _: through_jpeg(i, 60))),
    Case("a quarter of the files BMP", "formats", "warning", mixed_formats),
    Case("a third of the images 36 px", "sizes", "warning", mixed_sizes),
    Case("half the reference's size", "sizes", "serious", each(lambda i, _: i.resize((32, 32), R.BICUBIC)), "png"),
    Case("three quarters of its height", "aspect", "warning", each(lambda i, _: i.crop((0, 8, 64, 56))), "png"),
    Case("enlarged twice, nearest", "enlarged", "serious", each(lambda i, _: again(i, 2, R.NEAREST)), "png"),
    Case("enlarged twice, bicubic", "enlarged", "serious", each(lambda i, _: again(i, 2, R.BICUBIC)), "png"),
    Case("enlarged four times, bilinear, alone", "enlarged", "warning", each(lambda i, _: again(i, 4, R.BILINEAR))),
    Case("blurred", "sharpness", "warning", each(lambda i, _: i.filter(ImageFilter.GaussianBlur(0.7))), "png"),
    Case("white noise", "sharpness", "warning", each(values(noise(25))), "png"),
    Case("half transparent", "alpha", "warning", each(with_alpha), "png"),
    Case("16-bit grey", "16-bit", "warning", sixteen_bit),
    Case("CMYK", "cmyk", "warning", each(lambda i, _: i.convert("CMYK"), ".tif")),
    Case("EXIF rotation", "exif", "warning", turned, "png"),
    Case("a palette of 256 colours", "palette", "warning", each(lambda i, _: i.quantize(256)), "png"),
    Case("two frames", "animated", "warning", animated),
    Case("a colour profile", "icc", "info", profiled),
    Case("12-bit samples in 16-bit files", "depth", "serious", twelve_bit, also=("range", "constant")),
    Case("a linear PNG gamma", "gamma", "info", with_gamma),
    Case("BMP called PNG", "mislabelled", "warning", mislabelled),
    Case("grey against colours", "grey", "serious", each(lambda i, _: i.convert("L").convert("RGB")), "png"),
    Case("a third of the images grey", "grey", "warning", some(lambda i, _: i.convert("L").convert("RGB"), 20)),
    Case("ten exact copies", "copies", "serious", copied),
    Case("twenty near-copies", "near-copies", "serious", nearly_copied),
    Case("six reference images", "leakage", "serious", leaked, "png"),
    Case("six reference images through JPEG, darker", "near-leakage", "serious", nearly_leaked, "png"),
    Case("three black images", "constant", "serious", some(values(lambda x: 0 * x), 3)),
    Case("one picture with noise on it", "variety", "serious", one_picture),
    Case("three pictures, again and again", "near-copies", "serious", collapsed, also=("variety",)),
    Case("twenty images", "count", "serious", clean, few=20),
    Case("values divided by four", "range", "serious", each(values(lambda x: x / 4)), "png"),
    Case("[-1, 1] scaled twice, alone", "range", "serious", each(values(lambda x: 150 + 0.4 * x))),
    Case("[-1, 1] clamped at 0", "clipping", "serious", each(values(lambda x: 2 * x - 255)), "png", ("constant",)),
    Case(
        "contrast tripled, alone",
        "clipping",
        "warning",
        each(values(lambda x: 3 * (x - 128) + 128)),
        None,
        ("constant",),
    ),
    Case("each image stretched", "min-max", "serious", each(values(stretch)), "png"),
    Case("each image stretched, alone", "min-max", "warning", each(values(stretch))),
    Case("BGR", "channel-order", "serious", each(values(lambda x: x[..., ::-1])), "png"),
    Case("GBR", "channel-order", "serious", each(values(lambda x: x[..., [1, 2, 0]])), "png"),
    Case("gamma applied twice", "light", "warning", each(values(lambda x: 255 * (x / 255) ** 2.2)), "png"),
    Case("half the contrast", "light", "warning", each(values(lambda x: 128 + 0.55 * (x - 128))), "png"),
    Case("two truncated files", "undecodable", "serious", and_also(clean, truncate)),
    Case("a file of zero bytes", "undecodable", "serious", and_also(clean, empty_file)),
    Case("a link out of the folder", "left-out", "warning", and_also(clean, link_outside)),
    Case("several versions of each picture", "versions", "serious", versions),
    Case("other files beside", "left-out", "info", and_also(clean, notes_beside)),
)
