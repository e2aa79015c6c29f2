"""Folders whose names, links and special files lead elsewhere, and files that change while they are read."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ganeval.files import read_write as files
from ganeval.sources import folder
from tests.hostile.case import PAIRED, SET, Box, error, picture, score, skip, swapped
from tests.hostile.images import PNG, saved
from tests.hostile.images import Image as Pillow

PASSWORDS = "/etc/passwd"
UNICODE = "Ünï-\N{PILE OF POO}-\N{RIGHT-TO-LEFT OVERRIDE}gnp"
ESCAPES = "line\nbreak \x1b[31m\x07\x00".replace("\x00", "")


def rename(new: str):
    """Another stem for the second picture, on both sides."""

    def make(box: Box) -> None:
        for side in (box.fake, box.real):
            (side / "b.png").rename(side / f"{new}.png")

    return make


def bad_called(new: str):
    return lambda box: (rename(new)(box), (box.fake / f"{new}.png").write_bytes(b"x"))


def link(target: str, name: str = "fake/e.png"):
    """A link below `here`; {root} is the box's root."""
    return lambda box: os.symlink(target.format(root=box.root), box.here / name)


def both(*makes):
    return lambda box: [make(box) for make in makes]


def special(name: str):
    return lambda box: os.mkfifo(box.here / name)


def not_text(box: Box) -> None:
    """A name that is no UTF-8."""
    for side in (box.fake, box.real):
        os.rename(side / "b.png", os.fsencode(side) + b"/\xff.png")


def two_names_written_alike(box: Box) -> None:
    not_text(box)
    (box.fake / "\\xff.png").write_bytes(PNG)


def deep(box: Box) -> None:
    """The second pair below 1,200 folders: more than Python's stack has room for."""
    for side in (box.fake, box.real):
        inner = "/".join("d" * 1200)
        here = os.open(side, os.O_RDONLY)
        for _ in range(1200):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        os.rename(side / "b.png", f"{side}/{inner}/b.png")


@contextlib.contextmanager
def then_removed(box: Box) -> Iterator[None]:
    """What pytest could not remove: its own rmtree is recursive."""
    try:
        yield
    finally:
        subprocess.run(["rm", "-rf", str(box.here)], check=True)


def before_reading(change):
    """Does something to fake/b.png between the listing and the reading."""

    @contextlib.contextmanager
    def fault(box: Box) -> Iterator[None]:
        whole, path = folder.read_whole, str(box.fake / "b.png")

        def read(where: str, name: str):
            if where == path:
                change(box, Path(path))
            return whole(where, name)

        with swapped(folder, "read_whole", read):
            yield

    return fault


def replace_by(make):
    def change(box: Box, path: Path) -> None:
        path.unlink()
        make(box, path)

    return before_reading(change)


@contextlib.contextmanager
def growing(box: Box) -> Iterator[None]:
    """Every look at the status of fake/b.png finds a byte more."""

    class System:
        def __getattr__(self, name: str):
            return getattr(os, name)

        def fstat(self, descriptor: int) -> os.stat_result:
            status = os.fstat(descriptor)
            if os.path.samestat(status, os.stat(box.fake / "b.png")):
                with open(box.fake / "b.png", "ab") as file:
                    file.write(b"x")
            return status

    with swapped(files, "os", System()):
        yield


@contextlib.contextmanager
def forbidden(box: Box) -> Iterator[None]:
    """fake/b.png may not be opened, as root may open everything."""

    class System:
        def __getattr__(self, name: str):
            return getattr(os, name)

        def open(self, path: str, flags: int) -> int:
            if Path(path).parent.name == "fake" and Path(path).name == "b.png":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return os.open(path, flags)

    with swapped(files, "os", System()):
        yield


def sparse(box: Box) -> None:
    """A tebibyte of nothing."""
    os.truncate(box.fake / "b.png", 1 << 40)


def only(*names: str):
    """A fake folder of these empty files."""

    def make(box: Box) -> None:
        for path in box.fake.iterdir():
            path.unlink()
        for name in names:
            box.put(f"fake/{name}", b"")

    return make


def many_left_out(box: Box) -> None:
    os.symlink(f"{box.outside}/secret.png", box.fake / "e.png")
    os.symlink("f.png", box.fake / "f.png")
    os.symlink("../fake", box.fake / "g.png")
    os.mkfifo(box.fake / "h.png")
    box.put("fake/.hidden.png", PNG)
    box.put("fake/notes.txt", b"")


def by_link(box: Box) -> None:
    """The second picture lies in a folder below, and a link to it has its name."""
    box.put("fake/.store/b.dat", PNG)
    (box.fake / "b.png").unlink()
    os.symlink(".store/b.dat", box.fake / "b.png")


def tar_elsewhere(box: Box) -> None:
    only()(box)
    (box.outside / "secret.tar").write_bytes(b"x" * 600)
    os.symlink(box.outside / "secret.tar", box.fake / "part.tar")


SKIPPING = f"{PAIRED} --on-bad skip"
UNPAIRED = "score fake --metrics vendi"


def without_b(box: Box) -> None:
    box.drop("b")


def alone(box: Box) -> None:
    """One pair, and a picture of another name with the pixels of its original."""
    for stem in "acd":
        box.drop(stem)
    box.put("original.png", (box.real / "b.png").read_bytes())


def listed(*lines: str | bytes):
    """list.txt beside the folders, of these lines; {root} is the box's root."""

    def make(box: Box) -> None:
        data = [one if isinstance(one, bytes) else one.format(root=box.root).encode() for one in lines]
        box.put("list.txt", b"\n".join(data))

    return make


ALL_FOUR = ("fake/a.png", "fake/b.png", "fake/c.png", "fake/d.png")
LIST = "score list.txt --paired real --metrics psnr"
ONE = "score fake/b.png --paired original.png --metrics psnr"

CASES = (
    score(
        "a list of files with comments, empty lines, CRLF, a byte order mark and `..`",
        listed(
            b"\xef\xbb\xbf# mine", "", "fake/a.png\r", "./fake/b.png", " fake/../fake/c.png", "{root}/box/fake/d.png"
        ),
        LIST,
        clean_command=PAIRED,
    ),
    error("a list that names a file that is missing", listed("#", *ALL_FOUR, "fake/e.png"), "line 6", command=LIST),
    error(
        "a list that names a file twice", listed(*ALL_FOUR, "./fake/b.png"), "the file of line 2 again", command=LIST
    ),
    error("a list that names an address", listed("https://example.com/a.png"), "is an address", command=LIST),
    error(
        "a list that names another machine's folder", listed("\\\\host\\share\\a.png"), "is an address", command=LIST
    ),
    error("a list that names a file by file://", listed("file://{root}/box/fake/a.png"), "is an address", command=LIST),
    error("a list that names /etc/passwd", listed("/etc/passwd"), "is not called an image", command=LIST),
    error(
        "a list that names a link out of its folder",
        both(listed(*ALL_FOUR, "fake/e.png"), link("{root}/outside/secret.png")),
        "--follow-links-anywhere",
        command=LIST,
    ),
    error(
        "a list that names a file below a linked folder",
        both(listed(*ALL_FOUR, "far/secret.png"), link("{root}/outside", "far")),
        "--follow-links-anywhere",
        command=LIST,
    ),
    error("a list that names a pipe", both(listed("x.png"), special("x.png")), "not a regular file", command=LIST),
    error(
        "a list that names a device", both(listed("x.png"), link("/dev/zero", "x.png")), "regular file", command=LIST
    ),
    error("a list that names a link to itself", both(listed("x.png"), link("x.png", "x.png")), "line 1", command=LIST),
    error("a list with a line of a mebibyte", listed("x" * (1 << 20) + ".png"), "File name too long", command=LIST),
    error("a list with a zero byte", listed(b"fake/\0.png"), "cannot be opened", command=LIST),
    error("a list with an escape sequence", listed(b"\x1b[31m.png"), "\\x1b[31m", command=LIST),
    error("a list that is no text", listed(PNG), "is not UTF-8 text", command=LIST),
    error("a list of comments", listed("# none"), "lists no image", command=LIST),
    error(
        "a list of 1 TiB",
        lambda box: [listed("")(box), os.truncate(box.here / "list.txt", 1 << 40)],
        "at most",
        command=LIST,
    ),
    error("a list that is a pipe", special("list.txt"), "not a regular file", command=LIST),
    score("two single images of different names", alone, ONE, clean=alone, clean_command=PAIRED),
    error(
        "a single image against a folder",
        lambda box: None,
        "is a single image, and real is a set of 4",
        command="score fake/b.png --paired real --metrics psnr",
    ),
    error(
        "a single image as a set",
        lambda box: None,
        "got 1 from fake/b.png. Name a folder of images",
        command="score fake/b.png --reference real --metrics fd",
    ),
    error(
        "a single image that is cut off",
        both(alone, lambda box: box.swap("fake/b.png", PNG[:60])),
        "b.png",
        command=ONE,
    ),
    error(
        "a single image that is a pipe",
        special("x.png"),
        "not a regular file",
        command="score x.png --paired fake/b.png --metrics psnr",
    ),
    error("a single image that is a device", link("/dev/zero", "x.png"), "not a regular file", command="score x.png"),
    score(
        "a single image that is a link, as a person named it",
        both(alone, link("original.png", "x.png")),
        "score fake/b.png --paired x.png --metrics psnr",
        clean=alone,
        clean_command=PAIRED,
    ),
    score("names in Unicode, with a change of direction", rename(UNICODE)),
    score("a name with a line break, an escape sequence and a bell", rename(ESCAPES)),
    error("a bad image of such a name: the terminal sees it escaped", bad_called(ESCAPES), "\\x1b[31m"),
    score("a name of 255 bytes", rename("n" * 251)),
    score("a name that is no UTF-8", not_text),
    error("two names that are written alike", two_names_written_alike, "both written"),
    score("1,200 folders in each other", deep, fault=then_removed, changes=True),
    error("a subject of 5,000 letters", lambda box: None, "File name too long", command=f"score {'x' * 5000}"),
    skip("a link out of the folder", link("{root}/outside/secret.png"), PAIRED, left_out=1),
    skip("a link to /etc/passwd called e.png", link(PASSWORDS), PAIRED, left_out=1),
    skip("a link to itself", link("e.png"), PAIRED, left_out=1),
    skip("a link to a folder above: a loop", link("../fake", "fake/loop.png"), PAIRED, left_out=1),
    skip("a link to a folder above, called as no image", link("..", "fake/loop"), PAIRED, left_out=1),
    skip("a link to nothing", link("nothing.png"), PAIRED, left_out=1),
    score("a link to a file inside of the folder", by_link, clean=lambda box: None),
    skip("a pipe called e.png", special("fake/e.png"), PAIRED, left_out=1),
    skip("all of these, in a set", many_left_out, SET, left_out=4),
    error(
        "a folder of links that lead outside",
        both(only(), link("{root}/outside/secret.png")),
        "--follow-links-anywhere",
        command=UNPAIRED,
    ),
    error("a tar file that is a link out of its folder", tar_elsewhere, "links that lead out of it", command=UNPAIRED),
    error("a pipe as the subject", special("x.zip"), "not a regular file", command="score x.zip"),
    error("a pipe called .npy", special("x.npy"), "not a regular file", command="score x.npy"),
    error("a device called .npz", link("/dev/zero", "x.npz"), "not a regular file", command="score x.npz"),
    error(
        "a pipe by its address",
        special("x.zip"),
        "not a regular file",
        command="score file://{root}/box/x.zip",
    ),
    error(
        "an archive within an address",
        lambda box: None,
        "reads one address through another",
        command="score zip::file://{root}/box/x.zip",
        code=2,
    ),
    error(
        "a run whose recipe.json is a link out of its folder",
        lambda box: [box.put("run/metrics.jsonl", b""), link("{root}/outside/secret.png", "run/recipe.json")(box)],
        "leads out of run",
        command="report --runs run --out {root}/out/report.html",
    ),
    error(
        "a run whose recipe.json is a pipe",
        lambda box: [box.put("run/metrics.jsonl", b""), special("run/recipe.json")(box)],
        "not a regular file",
        command="report --runs run --out {root}/out/report.html",
    ),
    error("a link to itself as the subject", link("x.zip", "x.zip"), "does not exist", command="score x.zip"),
    error("an empty folder", only(), "0 images among 0 files", command=UNPAIRED),
    error("a folder of other files", only("a.txt", ".b.png"), "1 hidden, 1 no image extension", command=UNPAIRED),
    error("a file of 1 TiB", sparse, "at most 536,870,912"),
    error("a file that may not be read", lambda box: None, "Permission denied", fault=forbidden),
    skip(
        "a file that may not be read, with --on-bad skip",
        lambda box: None,
        SKIPPING,
        fault=forbidden,
        skipped=1,
        clean=without_b,
    ),
    error(
        "a file that vanishes before it is read",
        lambda box: None,
        "was listed but cannot be read",
        fault=before_reading(lambda box, path: path.unlink()),
        changes=True,
    ),
    skip(
        "a file that vanishes, with --on-bad skip",
        lambda box: None,
        SKIPPING,
        skipped=1,
        clean=without_b,
        fault=before_reading(lambda box, path: path.unlink()),
        changes=True,
    ),
    error(
        "a file that becomes a pipe before it is read",
        lambda box: None,
        "not a regular file",
        fault=replace_by(lambda box, path: os.mkfifo(path)),
        changes=True,
    ),
    error(
        "a file that becomes a link out of the folder before it is read",
        lambda box: None,
        "cannot be read",
        fault=replace_by(lambda box, path: path.symlink_to(box.outside / "secret.png")),
        changes=True,
    ),
    error(
        "a file that becomes a folder before it is read",
        lambda box: None,
        "not a regular file",
        fault=replace_by(lambda box, path: path.mkdir()),
        changes=True,
    ),
    error(
        "a file that grows while it is read", lambda box: None, "changed while it was read", fault=growing, changes=True
    ),
    error(
        "a picture replaced by another size before it is read",
        lambda box: None,
        "17x16",
        changes=True,
        fault=before_reading(
            lambda box, path: path.write_bytes(saved(Pillow.fromarray(picture("b")).resize((17, 16)), "PNG"))
        ),
    ),
)
