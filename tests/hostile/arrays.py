"""Array files and data sets whose headers lie, or that hold code."""

import contextlib
import gzip
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.archives import CRC, FLAGS, METHOD, patched
from tests.hostile.case import NAMES, Box, error, picture, score, swapped

IMAGES = np.stack([picture(name) for name in NAMES])
NPZ, NPY = "score fake.npz --metrics vendi", "score fake.npy --metrics vendi"
FLOATS = f"{NPY} --value-range 0..1"
CIFAR = "score cifar10:test --data-root . --metrics vendi"
MNIST = "score mnist:test --data-root . --metrics vendi"
FOLDER = "score fake --metrics vendi"
REFERENCE = "score fake --reference stats.npz --metrics fd"


class Code:
    """Leaves the canary when it is unpickled."""

    def __init__(self, box: Box) -> None:
        self.path = str(box.canary)

    def __reduce__(self):
        return open, (self.path, "w")


def npy(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz(packed: bool = True, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def objects(box: Box) -> np.ndarray:
    array = np.empty((4, 2, 2, 3), object)
    array.fill(Code(box))
    return array


def header(text: str, version: int = 1) -> bytes:
    """A header of any text, as numpy writes one."""
    body = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(body)) + body


def says(shape: str, kind: str = "|u1") -> bytes:
    return header(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}") + bytes(1000)


def parquet(pictures=None, struct: bool = False, **options) -> bytes:
    """A parquet file of the pictures, in a column of bytes or as Hugging Face writes them."""
    import pyarrow
    from pyarrow import parquet as files

    data = [encoded(IMAGES[i]) for i in range(len(NAMES))] if pictures is None else pictures
    rows = [{"bytes": one, "path": None} for one in data] if struct else data
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]) if struct else pyarrow.binary()
    table = pyarrow.table({"image": pyarrow.array(rows, kind), "label": list(range(len(data)))})
    buffer = io.BytesIO()
    files.write_table(table, buffer, **options)
    return buffer.getvalue()


def video(path) -> bytes:
    """Three frames of 32 pixels, in the container that the ending names."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frames = [
            av.VideoFrame.from_ndarray(np.full((32, 32, 3), shade, np.uint8), format="rgb24") for shade in range(3)
        ]
        for frame in [*frames, None]:
            for packet in stream.encode(frame):
                container.mux(packet)
    return path.read_bytes()


def encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(**options):
    return lambda box: box.put("fake.parquet", parquet(**options))


def outside_by_path(box: Box) -> None:
    """A row that names a file outside in place of its image."""
    import pyarrow
    from pyarrow import parquet as files

    rows = [{"bytes": None, "path": str(box.outside / "secret.png")}] * 2
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    buffer = io.BytesIO()
    files.write_table(pyarrow.table({"image": pyarrow.array(rows, kind)}), buffer)
    box.put("fake.parquet", buffer.getvalue())


def npz_of(name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def array(data):
    return lambda box: box.put("fake.npy", npy(data))


def raw(data: bytes, name: str = "fake.npy"):
    return lambda box: box.put(name, data)


def twice(box: Box) -> None:
    data = npz(arr_0=IMAGES, arr_x=255 - IMAGES)
    box.put("fake.npz", data.replace(b"arr_x.npy", b"arr_0.npy"))


def damaged(box: Box) -> None:
    data = bytearray(npz(arr_0=IMAGES))
    data[200:260] = bytes(60)
    box.put("fake.npz", bytes(data))


def one_value(value: float):
    values = IMAGES / np.float32(255)
    values[1, 2, 3, 0] = value
    return array(values)


@contextlib.contextmanager
def shortened(box: Box) -> Iterator[None]:
    """The file loses its second half when its first image was read."""
    from ganeval.sources.arrays import ArraySource

    read = ArraySource.read

    def reading(self, index: int):
        os.truncate(box.here / "fake.npy", 1500)
        return read(self, index)

    with swapped(ArraySource, "read", reading):
        yield


def statistics(packed: bool = False, **arrays):
    return lambda box: box.put("stats.npz", npz(packed, **arrays))


def pickled_array(shape: bytes, data: bytes = b"") -> bytes:
    """A pickle of protocol 4 of one array; the instructions of its shape are given."""
    given = b"B" + struct.pack("<I", len(data)) + data
    return (
        b"\x80\x04cnumpy.core.numeric\n_frombuffer\n("
        + given
        + b"cnumpy\ndtype\n(X\x02\0\0\0f8tR"
        + shape
        + b"X\x01\0\0\0CtR."
    )


def long_number(size: int) -> bytes:
    """The instruction of a whole number of so many bytes."""
    return b"\x8b" + struct.pack("<I", size) + bytes([255] * (size - 1)) + b"\x7f"


def mappings_of_the_same_pairs() -> bytes:
    """100,000 pairs, made into a mapping 30,000 times."""
    pairs = b"]q\0(" + b"".join(b"K\x01K\x01\x86" for _ in range(100_000)) + b"e0"
    return b"\x80\x04" + pairs + b"ccollections\nOrderedDict\nq\x010" + b"h\x01h\0\x85R0" * 30_000 + b"N."


def unpacking_together() -> bytes:
    """A file of torch.save with two storages that unpack to 60 MiB each, below the limit of one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}, protocol=2))
        for key in ("0", "1"):
            archive.writestr(f"a/data/{key}", bytes(60 << 20))
    return buffer.getvalue()


IMPORT = "reference import stats.{kind} --from {tool} -o {{root}}/out/r.safetensors"


def batch(data: bytes):
    return lambda box: box.put("cifar-10-batches-py/test_batch", data)


def tuples_of_tuples() -> bytes:
    """A key that takes 2^60 steps to hash."""
    nested = b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) + b"0" for i in range(60))
    return b"\x80\x02}K\x01\x85q\x000" + nested + b"h\x3cK\x01s."


def idx(images: bytes, zipped: bool = False):
    def make(box: Box) -> None:
        ending = ".gz" if zipped else ""
        box.put(f"MNIST/raw/t10k-images-idx3-ubyte{ending}", gzip.compress(images) if zipped else images)
        box.put("MNIST/raw/t10k-labels-idx1-ubyte", struct.pack(">II", 0x0801, 4) + bytes(4))

    return make


def lmdb(spoil=lambda data: data):
    """A database in place of the folder, as the library wrote it or spoilt."""
    data = gzip.decompress((Path(__file__).parent.parent / "golden" / "lmdb-0.9.35.mdb.gz").read_bytes())
    return lambda box: box.put("fake.lmdb/data.mdb", spoil(data))


EYE = np.eye(2048)
LMDB = "score fake.lmdb --metrics vendi"
PARQUET = "score fake.parquet --metrics vendi --no-labels"
CASES = (
    error("LMDB: cut in half", lmdb(lambda data: data[: len(data) // 2]), "Cannot read the LMDB", command=LMDB),
    error("LMDB: text", lmdb(lambda data: b"hello"), "Cannot read the LMDB", command=LMDB),
    error(
        "LMDB: a tree whose root is 2^60",
        lmdb(lambda data: data[:128] + b"\0" * 7 + b"\x10" + data[136:4224] + b"\0" * 7 + b"\x10" + data[4232:]),
        "leads out of the file or in a circle",
        command=LMDB,
    ),
    score("parquet of the same pictures", table(), PARQUET, clean_command=FOLDER, needs="pyarrow"),
    score("parquet as Hugging Face writes it", table(struct=True), PARQUET, clean_command=FOLDER, needs="pyarrow"),
    error(
        "parquet: rows that name files outside in place of their images",
        outside_by_path,
        "which is not opened",
        command=PARQUET,
        needs="pyarrow",
    ),
    error(
        "parquet: 256 MiB of zeros in place of pictures",
        table(pictures=[bytes(64 << 20)] * 4, compression="zstd", use_dictionary=False),
        "at most 200 : 1",
        command=PARQUET,
        memory=700,
        needs="pyarrow",
    ),
    error(
        "parquet: cut in half",
        lambda box: box.put("fake.parquet", parquet()[:1000]),
        "damaged or cut short",
        command=PARQUET,
        needs="pyarrow",
    ),
    error(
        "parquet: text",
        lambda box: box.put("fake.parquet", b"hello"),
        "damaged or cut short",
        command=PARQUET,
        needs="pyarrow",
    ),
    error(
        "parquet: pictures that are none",
        table(pictures=[b"no picture"] * 4),
        "000000",
        command=PARQUET,
        needs="pyarrow",
    ),
    score("npz of the same pictures", raw(npz(arr_0=IMAGES), "fake.npz"), NPZ, clean_command=FOLDER),
    error(
        "npz: a pickle that runs code",
        lambda box: box.put("fake.npz", npz(arr_0=objects(box))),
        "Python objects",
        command=NPZ,
    ),
    error(
        "npy: a pickle that runs code",
        lambda box: box.put("fake.npy", npy(objects(box), allow_pickle=True)),
        "Python objects",
        command=NPY,
    ),
    error(
        "npy: a header that is code",
        lambda box: box.put("fake.npy", header(f"open({str(box.canary)!r}, 'w')")),
        "Cannot read arrays",
        command=NPY,
    ),
    error("npy: a header of 4,000 brackets", raw(header("[" * 4000)), "Cannot read arrays", command=NPY),
    error(
        "npy: a header that says 2^50 pictures",
        raw(says("(1125899906842624, 16, 16, 3)")),
        "1,129 bytes it has",
        command=NPY,
    ),
    error("npy: a negative shape", raw(says("(-4, -16, 16, 3)")), "Cannot read arrays", command=NPY),
    error(
        "npz: packed, and says 2^40 pictures",
        raw(npz_of("arr_0.npy", says("(1099511627776, 16, 16, 3)")), "fake.npz"),
        "which is not the",
        command=NPZ,
    ),
    error(
        "npz: 128 MiB of one value, 1,000 : 1",
        lambda box: box.put("fake.npz", npz(arr_0=np.zeros((128, 512, 683, 3), np.uint8))),
        "at most 200 : 1",
        command=NPZ,
        memory=300,
    ),
    error("npz: one name twice", twice, "two of its arrays have one name", command=NPZ),
    error(
        "npz: encrypted",
        raw(patched(npz(arr_0=IMAGES), FLAGS, "<H", 1, "arr_0.npy"), "fake.npz"),
        "encrypted",
        command=NPZ,
    ),
    error(
        "npz: compressed by a method that there is not",
        raw(patched(npz(arr_0=IMAGES), METHOD, "<H", 77, "arr_0.npy"), "fake.npz"),
        "by method 77",
        command=NPZ,
    ),
    error("npz: damaged in the middle", damaged, "Cannot read arrays", command=NPZ),
    error(
        "npz: a wrong checksum",
        raw(patched(npz(arr_0=IMAGES), CRC, "<I", 7, "arr_0.npy"), "fake.npz"),
        "Bad CRC-32",
        command=NPZ,
    ),
    error("npz: an empty zip file", raw(b"PK\x05\x06" + bytes(18), "fake.npz"), "holds 0 arrays", command=NPZ),
    error("npy: cut in half", raw(npy(IMAGES)[:1000]), "Cannot read arrays", command=NPY),
    error(
        "npy: shortened while it is read",
        array(IMAGES),
        "became shorter while it was read",
        command=NPY,
        fault=shortened,
        changes=True,
    ),
    error("npy: channels first", array(IMAGES.transpose(0, 3, 1, 2)), "transpose(0, 2, 3, 1)", command=NPY),
    error("npy: a single picture", array(IMAGES[0]), "expected (images, height, width, channels)", command=NPY),
    error("npy: no picture at all", array(IMAGES[:0]), "none of them 0", command=NPY),
    error("npy: 32-bit integers", array(IMAGES.astype(np.int32)), "expected uint8 (0 to 255) or floats", command=NPY),
    error(
        "npy: complex numbers", array(IMAGES.astype(np.complex64)), "expected uint8 (0 to 255) or floats", command=NPY
    ),
    error("npy: text", array(np.full((4, 2, 2, 3), "x")), "expected uint8 (0 to 255) or floats", command=NPY),
    error(
        "npy: records", array(np.zeros((4, 2, 2, 3), [("x", "u1")])), "expected uint8 (0 to 255) or floats", command=NPY
    ),
    error("npy: floats of no stated range", array(IMAGES / np.float32(255)), "--value-range", command=NPY),
    score("npy: floats from 0 to 1", array(IMAGES / np.float32(255)), FLOATS, clean_command=FOLDER),
    score("npy: floats of 8 bytes, high byte first", array((IMAGES / 255).astype(">f8")), FLOATS, clean_command=FOLDER),
    error("npy: one NaN", one_value(np.nan), "nan at index (1, 2, 3, 0)", command=FLOATS),
    error("npy: one infinity", one_value(np.inf), "inf at index (1, 2, 3, 0)", command=FLOATS),
    error("npy: one value of 1.5", one_value(1.5), "1.5 at index (1, 2, 3, 0)", command=FLOATS),
    error(
        "npz: mu and sigma as the subject",
        raw(npz(mu=np.zeros(4), sigma=np.eye(4)), "fake.npz"),
        "statistics, not images",
        command=NPZ,
    ),
    error(
        "statistics: sigma with NaN", statistics(mu=EYE[0], sigma=EYE * np.nan), "NaN or infinite", command=REFERENCE
    ),
    error(
        "statistics: sigma that is not square",
        statistics(mu=EYE[0], sigma=EYE[:9]),
        "sigma (9, 2048)",
        command=REFERENCE,
    ),
    error(
        "statistics: sigma that is not a covariance",
        statistics(mu=EYE[0], sigma=-EYE),
        "isn't a covariance",
        command=REFERENCE,
    ),
    error(
        "statistics: a pickle that runs code",
        lambda box: box.put("stats.npz", npz(mu=objects(box), sigma=EYE)),
        "Python objects",
        command=REFERENCE,
    ),
    error(
        "statistics: text",
        statistics(mu=np.full(2048, "x"), sigma=EYE),
        "cannot be read as mu/sigma",
        command=REFERENCE,
    ),
    error(
        "statistics: sigma says more than there is",
        lambda box: box.put("stats.npz", npz(False, mu=EYE[0], sigma=EYE[:1]).replace(b"(1, 2048)", b"(9, 2048)")),
        "which is not the",
        command=REFERENCE,
    ),
    error(
        "statistics: encrypted",
        raw(patched(npz(mu=EYE[0], sigma=EYE), FLAGS, "<H", 1, "sigma.npy"), "stats.npz"),
        "encrypted",
        command=REFERENCE,
    ),
    error(
        "statistics: cut in half",
        lambda box: box.put("stats.npz", npz(mu=EYE[0], sigma=EYE)[:5000]),
        "Cannot read arrays",
        command=REFERENCE,
    ),
    error(
        "a tool's pickle: an array whose ten sides are numbers of 100 kB",
        raw(pickled_array(b"(" + long_number(100_000) * 10 + b"t"), "stats.pkl"),
        "a whole number of 799,999 bits",
        command=IMPORT.format(kind="pkl", tool="stylegan"),
    ),
    error(
        "a tool's pickle: an array of 200,000 sides",
        raw(pickled_array(b"(" + b"M\xff\xff" * 200_000 + b"t"), "stats.pkl"),
        "at most 64 are read",
        command=IMPORT.format(kind="pkl", tool="stylegan"),
    ),
    error(
        "a tool's pickle: the same 100,000 pairs made into a mapping 30,000 times",
        raw(mappings_of_the_same_pairs(), "stats.pkl"),
        "again and again",
        command=IMPORT.format(kind="pkl", tool="stylegan"),
    ),
    error(
        "a tool's pickle: 2 million instructions",
        raw(b"\x80\x04" + b"N0" * (1 << 20) + b"N.", "stats.pkl"),
        "more than 1,048,576 instructions",
        command=IMPORT.format(kind="pkl", tool="stylegan"),
    ),
    error(
        "a tool's torch file: two storages that unpack to 60 MiB each",
        lambda box: box.put("stats.pt", unpacking_together()),
        "unpack to 125,829,",
        command=IMPORT.format(kind="pt", tool="torch-fidelity"),
    ),
    error(
        "CIFAR-10: a pickle that runs code",
        lambda box: batch(pickle.dumps({"data": Code(box)}))(box),
        "is code and not data",
        command=CIFAR,
    ),
    error(
        "CIFAR-10: a pickle with a memo of 64 GiB",
        batch(b"\x80\x02}r\xff\xff\xff\xff."),
        "it lacks data and labels",
        command=CIFAR,
    ),
    error(
        "CIFAR-10: a pickle with a key that takes 2^60 steps to hash",
        batch(tuples_of_tuples()),
        "a key of type tuple",
        command=CIFAR,
    ),
    error("CIFAR-10: text", batch(b"hello"), "is not a batch of CIFAR-10", command=CIFAR),
    error(
        "MNIST: more pictures promised than there are",
        idx(struct.pack(">IIII", 0x0803, 4000, 28, 28) + bytes(9)),
        "holds 9",
        command=MNIST,
    ),
    error(
        "MNIST: 2 GiB of nothing, packed 1,000 : 1",
        idx(struct.pack(">IIII", 0x0803, 1 << 17, 128, 128) + bytes(1 << 26), zipped=True),
        "at most 200 : 1",
        command=MNIST,
    ),
    error(
        "MNIST: floats",
        idx(struct.pack(">IIII", 0x0D03, 4, 28, 28) + bytes(9)),
        "IDX file of unsigned bytes",
        command=MNIST,
    ),
)
