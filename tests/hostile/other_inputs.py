"""Videos, strips, masks, photos of phones and clones of the Hub: files that lie, options that do not fit them."""

import io

import numpy as np
from PIL import Image

from tests.hostile.arrays import IMAGES, npz, parquet, raw, video
from tests.hostile.case import NAMES, PAIRED, Box, error, picture, score, skip

VIDEO = "score fake.mkv --metrics vendi"
STRIPS = "score strips --metrics vendi --no-labels"
MASKED = f"{PAIRED} --mask masks"
FOLDER = "score fake --metrics vendi --no-labels"
PARQUET = "score fake.parquet --metrics vendi --no-labels"
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
WHITE = np.full((16, 16), 255, np.uint8)


def film(ending: str, spoil=lambda data: data):
    """Three frames in a container, as they are or spoilt."""

    def make(box: Box) -> None:
        path = box.root / f"film.{ending}"
        data = video(path)
        path.unlink()
        box.put(f"fake.{ending}", spoil(data))

    return make


def sound(box: Box) -> None:
    """A container with sound alone."""
    import av

    path = box.root / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in stream.encode(frame):
            container.mux(packet)
    box.put("fake.mkv", path.read_bytes())
    path.unlink()


def strips(box: Box, last=lambda strip: strip) -> None:
    """Each clean picture between two others; the last strip may be another."""
    for name in NAMES:
        strip = np.hstack([picture(name, 5), picture(name), picture(name, 6)])
        stream = io.BytesIO()
        Image.fromarray(last(strip) if name == NAMES[-1] else strip).save(stream, "PNG")
        box.put(f"strips/{name}.png", stream.getvalue())


def uneven(box: Box) -> None:
    strips(box, lambda strip: strip[:, :-1])


def masks(*, last=WHITE, mode: str | None = None, capitals: bool = False):
    """White masks; the last may be another."""

    def make(box: Box) -> None:
        for one in NAMES:
            image = Image.fromarray(last if one == NAMES[-1] else WHITE)
            stream = io.BytesIO()
            (image if mode is None else image.convert(mode)).save(stream, "PNG")
            box.put(f"masks/{one.upper() if capitals else one}.png", stream.getvalue())

    return make


def transparent(box: Box) -> None:
    """Black masks of which the alpha channel says what counts."""
    for one in NAMES:
        half = np.zeros((16, 16, 4), np.uint8)
        half[:8, :, 3] = 255
        stream = io.BytesIO()
        Image.fromarray(half).save(stream, "PNG")
        box.put(f"masks/{one}.png", stream.getvalue())


def categories(box: Box) -> None:
    """Pictures and labels as pandas keeps categories."""
    import pyarrow
    from pyarrow import parquet as files

    table = files.read_table(io.BytesIO(parquet()))
    columns = {name: table[name].combine_chunks().dictionary_encode() for name in table.column_names}
    buffer = io.BytesIO()
    files.write_table(pyarrow.table(columns), buffer)
    box.put("fake.parquet", buffer.getvalue())


def heic_bytes(deep: bool = False) -> bytes:
    """A photo of a phone, of 8 or 10 bits."""
    import pillow_heif

    pixels = picture("b")
    samples = (pixels.astype("<u2") * 257) if deep else pixels
    stream = io.BytesIO()
    made = pillow_heif.from_bytes(mode="RGB;16" if deep else "RGB", size=(16, 16), data=samples.tobytes())
    made.save(stream, quality=-1, chroma=444)
    return stream.getvalue()


def heic(spoil=lambda data: data, deep: bool = False):
    """It in place of b.png, as it is or spoilt."""
    return lambda box: box.swap("fake/b.heic", spoil(heic_bytes(deep)))


def larger(data: bytes) -> bytes:
    """The header says 30,000 x 30,000."""
    at = data.index(b"ispe") + 8
    return data[:at] + (30_000).to_bytes(4, "big") * 2 + data[at + 8 :]


def clone(box: Box) -> None:
    """A data set of the Hub as it is cloned."""
    box.put("ds/README.md", b"# photos")
    box.put("ds/.gitattributes", b"")
    box.put("ds/data/train-00000-of-00001.parquet", parquet())


CASES = (
    error(
        "video: cut in half",
        film("mp4", lambda data: data[: len(data) // 2]),
        "damaged or cut short",
        command=VIDEO.replace("mkv", "mp4"),
        needs="av",
    ),
    error("video: text", raw(b"hello" * 99, "fake.mkv"), "begins as no video", command=VIDEO, needs="av"),
    error(
        "video: a playlist that names an address",
        raw(PLAYLIST, "fake.mkv"),
        "begins as no video",
        command=VIDEO,
        needs="av",
    ),
    error(
        "video: a playlist behind the mark of a container",
        raw(b"\0\0\0\x10ftypisom\0\0\0\0" + PLAYLIST, "fake.mp4"),
        "fake.mp4",
        command=VIDEO.replace("mkv", "mp4"),
        needs="av",
    ),
    error("video: 0 bytes", raw(b"", "fake.mkv"), "begins as no video", command=VIDEO, needs="av"),
    error("video: sound alone", sound, "holds no video frame", command=VIDEO, needs="av"),
    error(
        "video: every 0th frame",
        film("mkv"),
        "is not a number of frames",
        command=VIDEO.replace(".mkv", ".mkv:0"),
        code=2,
        needs="av",
    ),
    error(
        "a folder of videos",
        lambda box: [
            film("mkv")(box),
            (box.here / "films").mkdir(),
            (box.here / "fake.mkv").rename(box.here / "films/a.mkv"),
        ],
        "Name one video by itself",
        command="score films --metrics vendi",
        needs="av",
    ),
    skip(
        "a video among pictures",
        lambda box: [film("mkv")(box), (box.here / "fake.mkv").rename(box.fake / "e.mkv")],
        PAIRED,
        left_out=1,
        needs="av",
    ),
    score(
        "strips of three, of which the second is meant",
        strips,
        f"{STRIPS} --tile 1x3:2",
        clean_command=FOLDER,
    ),
    error("strips of three, one a pixel short", uneven, "do not divide", command=f"{STRIPS} --tile 1x3:2"),
    error("strips cut into 999 x 999", strips, "at most 4,096 tiles", command=f"{STRIPS} --tile 999x999", code=2),
    error("strips: the fourth of three", strips, "takes one of them", command=f"{STRIPS} --tile 1x3:4", code=2),
    score("masks that mark all", masks(), MASKED, clean_command=PAIRED),
    score("masks of one bit", masks(mode="1"), MASKED, clean_command=PAIRED),
    score("masks with a palette", masks(mode="P"), MASKED, clean_command=PAIRED),
    score(
        "masks in an npz, of True and False",
        lambda box: box.put("masks.npz", npz(arr_0=np.ones((4, 16, 16), bool))),
        f"{PAIRED} --mask masks.npz --pair-by order",
        clean_command=f"{PAIRED} --pair-by order",
    ),
    error("masks of 0 and 1", masks(last=WHITE // 255), "(255, not 1)", command=MASKED),
    error(
        "masks of 16 bits that hold 0 and 255", masks(last=WHITE.astype(np.uint16)), "marks no pixel", command=MASKED
    ),
    error("masks that say what counts by their alpha channel", transparent, "transparent in places", command=MASKED),
    error("a mask of another size", masks(last=WHITE[:8]), "16x8", command=MASKED),
    error("a mask of no pixel", masks(last=WHITE * 0), "marks no pixel", command=MASKED),
    score("masks whose names are written in capitals", masks(capitals=True), MASKED, clean_command=PAIRED),
    error(
        "HEIC cut in half", heic(lambda data: data[: len(data) // 2]), "cannot decode this heic", needs="pillow_heif"
    ),
    error("HEIC that says 30,000 x 30,000", heic(larger), "b.heic", needs="pillow_heif"),
    error("HEIC of 10 bits", heic(deep=True), "samples of 10 bits", needs="pillow_heif"),
    error("HEIC: its first bytes alone", heic(lambda data: data[:64]), "cannot decode this heic", needs="pillow_heif"),
    error("text called .heic", lambda box: box.swap("fake/b.heic", b"hello"), "not an image", needs="pillow_heif"),
    score("parquet: pictures and labels as categories", categories, PARQUET, clean_command=FOLDER, needs="pyarrow"),
    score(
        "a data set of the Hub as it is cloned",
        clone,
        "score ds --metrics vendi --no-labels",
        clean_command=FOLDER,
        needs="pyarrow",
    ),
    error(
        "npz: a named array of masks scored as pictures",
        lambda box: box.put("fake.npz", npz(images=IMAGES > 100)),
        "holds bool",
        command="score fake.npz:images --metrics vendi",
    ),
    error(
        "a list whose lines hold a label besides",
        lambda box: box.put("list.txt", b"fake/a.png 0\nfake/b.png 1\n"),
        "Write the path alone",
        command="score list.txt --metrics vendi",
    ),
)
