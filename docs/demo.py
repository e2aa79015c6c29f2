"""`make demo`: scores real and generated images with the real command line, and shows that damage shows.

Everything it needs comes with the installation: the digits of scikit-learn, the photographs of scikit-image and
scikit-learn, the EfficientNet-Lite0 weights, two trained generators. It writes below `demo/` and takes a few minutes on
two cores.
"""

import io
import shutil
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image, ImageDraw

from ganeval.sources.datasets.photos import photo, photo_names

HERE = Path("demo")
SIDE = 192  # pixels of an enlarged photograph's crop


def run(*arguments: str) -> None:
    """Shows a command and runs it; stops the demo when it fails."""
    print(f"\n$ ganeval {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", "ganeval.cli.main", *arguments], check=True)


def crops() -> dict[str, Image.Image]:
    """One crop of each photograph, SIDE x SIDE, from its middle."""
    pictures = {}
    for name in photo_names("all"):
        whole = Image.fromarray(photo(name).transpose(1, 2, 0))
        left, top = (whole.width - SIDE) // 2, (whole.height - SIDE) // 2
        pictures[name] = whole.crop((left, top, left + SIDE, top + SIDE))
    return pictures


def damaged(picture: Image.Image, kind: str) -> Image.Image:
    """The picture after going through a quarter of its size and back, or through JPEG at quality 10."""
    if kind == "jpeg":
        stored = io.BytesIO()
        picture.save(stored, "JPEG", quality=10)
        return Image.open(io.BytesIO(stored.getvalue())).convert("RGB")
    method = {"bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}[kind]
    small = picture.resize((SIDE // 4, SIDE // 4), Image.Resampling.BICUBIC)
    return small.resize((SIDE, SIDE), method)


def write_pictures() -> None:
    """Folders demo/real, demo/bicubic, demo/nearest, demo/jpeg, and demo/pictures.png to look at."""
    shutil.rmtree(HERE, ignore_errors=True)
    pictures = crops()
    kinds = ["real", "bicubic", "nearest", "jpeg"]
    sheet = Image.new("RGB", (len(pictures) * (SIDE + 4), len(kinds) * (SIDE + 20)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, kind in enumerate(kinds):
        folder = HERE / kind
        folder.mkdir(parents=True)
        draw.text((4, row * (SIDE + 20) + 4), kind, fill="black")
        for column, (name, picture) in enumerate(pictures.items()):
            shown = picture if kind == "real" else damaged(picture, kind)
            shown.save(folder / f"{name}.png")
            sheet.paste(shown, (column * (SIDE + 4), row * (SIDE + 20) + 18))
    sheet.save(HERE / "pictures.png")


def main() -> None:
    """Runs the demo."""
    started = time.perf_counter()
    write_pictures()
    print("Handwritten digits against other handwritten digits: both real, so the distances are the noise floor.")
    run("score", "digits:test", "--reference", "digits:train", "--num-samples", "400")
    print("\nDigits that two trained generators draw, against real ones, and the board that they are on.")
    run("sample", "dcgan.digits-cpu", "-n", "64", "--grid", "-o", "demo/dcgan.png")
    run("sample", "cgan-conv.digits-cpu", "-n", "16", "--class", "3", "--grid", "-o", "demo/threes.png")
    run("score", "dcgan.digits-cpu", "--reference", "digits:test", "--num-samples", "400")
    run("leaderboard", "show", "--board", "digits")
    print("\nPhotographs enlarged from a quarter of their size, or squeezed through JPEG, against the originals.")
    for kind in ("bicubic", "nearest", "jpeg"):
        run("score", f"demo/{kind}", "--paired", "demo/real", "--metrics", "psnr,ssim,pd@efflite0")
    print(f"\nDone in {time.perf_counter() - started:.0f} s. Next: ganeval score --help")
    print("Look at demo/dcgan.png, demo/threes.png and demo/pictures.png.")


if __name__ == "__main__":
    main()
