"""Archives that climb, lie, explode or never end."""

import contextlib
import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import NAMES, PAIRED, Box, error, picture, score, skip, swapped
from tests.hostile.images import PNG, Image, saved

PICTURES = {f"{name}.png": saved(Image.fromarray(picture(name)), "PNG") for name in NAMES}
ZIP = "score fake.zip --paired real --metrics psnr"
TAR = "score fake.tar --paired real --metrics psnr"
SET_ZIP, SET_TAR = "score fake.zip --metrics vendi", "score fake.tar --metrics vendi"
SET_ZIP_SKIP, SET_TAR_SKIP = f"{SET_ZIP} --on-bad skip", f"{SET_TAR} --on-bad skip"
FOLDER = "score fake --metrics vendi"


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def zip_of(members: dict[str, bytes], **options):
    return lambda box: box.put("fake.zip", zipped(members, **options))


def prefixed(prefix: str) -> dict[str, bytes]:
    """All four pictures below a folder that is somewhere else."""
    return {prefix + name: data for name, data in PICTURES.items()}


def patched(data: bytes, field: int, form: str, value: int, member: str = "b.png") -> bytes:
    """A zip with one field of a member's entry in the central directory changed."""
    at = data.rindex(member.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    edited = bytearray(data)
    struct.pack_into(form, edited, at + field, value)
    return bytes(edited)


FLAGS, METHOD, CRC, SIZE, OFFSET, ATTRIBUTES = 8, 10, 16, 24, 42, 38


def zip_with(field: int, form: str, value: int):
    return lambda box: box.put("fake.zip", patched(zipped(PICTURES), field, form, value))


def twice(box: Box) -> None:
    box.put("fake.zip", zipped(PICTURES | {"B.png": PNG}).replace(b"B.png", b"b.png"))


def zip_bomb() -> dict[str, bytes]:
    """A member of 128 MiB that packs to 130 kB, 1,030 : 1."""
    return PICTURES | {"e.png": bytes(1 << 27)}


def overlapping(box: Box) -> None:
    """Every name leads to the same bytes."""
    data = zipped(PICTURES)
    for name in NAMES[1:]:
        data = patched(data, OFFSET, "<I", 0, f"{name}.png")
    box.put("fake.zip", data)


def tarred(members: dict[str, bytes], *extra: tuple[str, dict], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, fields in extra:
            info = tarfile.TarInfo(name)
            for key, value in fields.items():
                setattr(info, key, value)
            archive.addfile(info)
    return buffer.getvalue()


def tar_of(*arguments, **options):
    return lambda box: box.put("fake.tar", tarred(*arguments, **options))


def block(name: str, kind: bytes, size: int) -> bytes:
    """A tar header of any size, negative ones too, with its checksum."""
    info = tarfile.TarInfo(name)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (size % (1 << 96)).to_bytes(12, "big") if size < 0 else b"%011o\0" % size
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def members(*names: str) -> bytes:
    """The beginning of a tar file of pictures, without an end mark."""
    size = sum(512 + -(-len(PICTURES[f"{name}.png"]) // 512) * 512 for name in names)
    return tarred({f"{name}.png": PICTURES[f"{name}.png"] for name in names})[:size]


def tar_backwards() -> bytes:
    """CVE-2025-8194: a member of negative size leads the reader back to its own header, for ever."""
    return members(*NAMES) + block("e.png", b"0", -512) + bytes(10240)


def tar_backwards_by_pax() -> bytes:
    record = b"18 size=-99999999\n"
    return block("x", b"x", len(record)) + record.ljust(512, b"\0") + block("e.png", b"0", 0) + bytes(10240)


def tar_header_of_a_gibibyte() -> bytes:
    """A name of 1 GiB, packed to 1 MB; it would be read as a header."""
    packer, parts = zlib.compressobj(9, zlib.DEFLATED, 31), []
    parts.append(packer.compress(block("././@LongLink", b"L", 1 << 30)))
    for _ in range(64):
        parts.append(packer.compress(bytes(1 << 20)))
    return b"".join([*parts, packer.flush()])


def tar_headers_in_headers() -> bytes:
    """5,000 extended headers in front of one member: each is read inside of the reading of the one before it."""
    record = b"12 path=abc\n"
    return (block("x", b"x", len(record)) + record.ljust(512, b"\0")) * 5000 + tarred(PICTURES)


def sparse_tar() -> bytes:
    """A sparse member of 500 MB that holds nothing: old GNU format, its real size in the header."""
    header = bytearray(block("e.png", b"S", 0))
    header[483:495] = b"%011o\0" % 500_000_000
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return members(*NAMES) + bytes(header) + bytes(10240)


def after_listing(change):
    """Does something to fake.zip when it was listed and nothing of it was read."""

    @contextlib.contextmanager
    def fault(box: Box) -> Iterator[None]:
        from ganeval.sources.archive import ZipSource

        once = [box.here / "fake.zip"]
        read = ZipSource.read

        def reading(self, index: int):
            if once:
                change(once.pop())
            return read(self, index)

        with swapped(ZipSource, "read", reading):
            yield

    return fault


def shorten(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(100)


def nothing(box: Box) -> None:
    """The untouched box."""


CASES = (
    score("zip: names that climb (../../a.png)", zip_of(prefixed("../../")), SET_ZIP, clean_command=FOLDER),
    score("zip: absolute names (/etc/a.png)", zip_of(prefixed("/etc/")), SET_ZIP, clean_command=FOLDER),
    score("zip: names of Windows (C:\\a.png)", zip_of(prefixed("C:\\")), SET_ZIP, clean_command=FOLDER),
    error("zip: one name twice", twice, "more than once", command=ZIP),
    error("zip: an encrypted member", zip_with(FLAGS, "<H", 1), "'b.png' in 'fake.zip' is encrypted", command=ZIP),
    skip(
        "zip: an encrypted member, with --on-bad skip",
        zip_with(FLAGS, "<H", 1),
        SET_ZIP_SKIP,
        clean_command=FOLDER,
        clean=lambda box: box.drop(),
        skipped=1,
    ),
    error("zip: compressed by LZMA", zip_of(PICTURES, method=zipfile.ZIP_LZMA), "method 14", command=ZIP),
    error(
        "zip: a member of 128 MiB, 1,030 : 1",
        lambda box: box.put("fake.zip", zipped(zip_bomb())),
        "'e.png'",
        "at most 200 : 1",
        command=SET_ZIP,
    ),
    error(
        "zip: a member that says 10,000 : 1", zip_with(SIZE, "<I", 4_000_000_000), "at most 536,870,912", command=ZIP
    ),
    error(
        "zip: a member that says less than it holds", zip_with(SIZE, "<I", 9), "'b.png'", "cannot be read", command=ZIP
    ),
    error("zip: a wrong checksum", zip_with(CRC, "<I", 9), "Bad CRC-32", command=ZIP),
    error("zip: a member that lies past the end", zip_with(OFFSET, "<I", 999_999), "'b.png'", command=ZIP),
    error("zip: all names lead to the same bytes", overlapping, "cannot be read", command=ZIP),
    skip(
        "zip: a member that is a link to /etc/passwd",
        lambda box: box.put(
            "fake.zip", patched(zipped(PICTURES | {"e.png": b"/etc/passwd"}), ATTRIBUTES, "<I", 0o120777 << 16, "e.png")
        ),
        SET_ZIP,
        clean_command=FOLDER,
        left_out=1,
    ),
    error(
        "zip: an archive in an archive",
        zip_of({"inner.zip": zipped(PICTURES)}),
        "0 images among 1 file in",
        command=ZIP,
    ),
    error(
        "zip: cut in half",
        lambda box: box.put("fake.zip", zipped(PICTURES)[:900]),
        "It is damaged or cut short",
        command=ZIP,
    ),
    error("zip: 0 bytes", lambda box: box.put("fake.zip", b""), "starts with b''", command=ZIP),
    error(
        "zip: RAR called .zip",
        lambda box: box.put("fake.zip", b"Rar!\x1a\x07\x00" + bytes(300)),
        "isn't an archive",
        command=ZIP,
    ),
    error(
        "zip: shortened after it was listed",
        zip_of(PICTURES),
        "The archive is damaged",
        command=ZIP,
        fault=after_listing(shorten),
        changes=True,
    ),
    score(
        "zip: a member without a name",
        lambda box: box.put("fake.zip", zipped(PICTURES | {"e.png": b"x"}).replace(b"e.png", b"\0.png")),
        SET_ZIP,
        clean_command=FOLDER,
    ),
    score("tar: names that climb (../../a.png)", tar_of(prefixed("../../")), SET_TAR, clean_command=FOLDER),
    score("tar: absolute names (/etc/a.png)", tar_of(prefixed("/etc/")), SET_TAR, clean_command=FOLDER),
    skip(
        "tar: a symbolic link, a hard link, a device and a pipe",
        tar_of(
            PICTURES,
            ("e.png", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
            ("f.png", {"type": tarfile.LNKTYPE, "linkname": "a.png"}),
            ("g.png", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}),
            ("h.png", {"type": tarfile.FIFOTYPE}),
        ),
        TAR,
        left_out=4,
        clean_command=PAIRED,
    ),
    error(
        "tar: a member of negative size (CVE-2025-8194)",
        lambda box: box.put("fake.tar", tar_backwards()),
        "a member of -512 bytes",
        command=TAR,
    ),
    error(
        "tar: a negative size in an extended header",
        lambda box: box.put("fake.tar", tar_backwards_by_pax()),
        "It is damaged",
        command=TAR,
    ),
    error(
        "tar: a header of 1 GiB, packed 1,000 : 1",
        lambda box: box.put("fake.tar", tar_header_of_a_gibibyte()),
        "at most 1,048,576 are read",
        command=TAR,
    ),
    error(
        "tar: 5,000 headers before one member",
        lambda box: box.put("fake.tar", tar_headers_in_headers()),
        "It is damaged",
        command=TAR,
    ),
    error("tar: a sparse member of 500 MB", lambda box: box.put("fake.tar", sparse_tar()), "sparse", command=SET_TAR),
    skip(
        "tar: a sparse member, with --on-bad skip",
        lambda box: box.put("fake.tar", sparse_tar()),
        SET_TAR_SKIP,
        clean_command=FOLDER,
        skipped=1,
    ),
    error(
        "tar: cut between two members", lambda box: box.put("fake.tar", members("a", "b")), "no end mark", command=TAR
    ),
    error(
        "tar.gz: 128 MiB of nothing, 1,000 : 1",
        lambda box: box.put("fake.tar", gzip.compress(tarred({"e.png": bytes(1 << 27)}))),
        "at most 200 : 1",
        command=TAR,
    ),
    error(
        "tar.gz: cut in half",
        lambda box: box.put("fake.tar", tarred(PICTURES, mode="w:gz")[:-900]),
        "It is damaged",
        command=TAR,
    ),
    error(
        "tar: bzip2", lambda box: box.put("fake.tar", tarred(PICTURES, mode="w:bz2")), "isn't an archive", command=TAR
    ),
    error(
        "a pattern of 10 billion names",
        nothing,
        "must run upwards over at most 100,000",
        code=2,
        command="score part-{{0..99999}}-{{0..99999}}.tar --metrics vendi",
    ),
    error(
        "a pattern with a number of 5,000 digits",
        nothing,
        "too long",
        command=f"score part-{{{{0..{'9' * 5000}}}}}.tar",
    ),
)
