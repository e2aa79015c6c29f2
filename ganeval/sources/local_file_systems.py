"""On which file systems the status of a file tells that its content is the same as before.

The kernel sets a file's time of status change, and no program can set it back, on the local file systems listed here.
Others invent it: squashfs, ISO 9660 and FAT copy the time of modification, FUSE and network file systems pass on what
their server says, and an overlay shows the files of another image under the same path. There, two images that are
mounted at one path in turn can agree in all of a file's status. Sources: the kernel's documentation of each file system
(Documentation/filesystems), proc_pid_mountinfo(5), statvfs(3).
"""

import os
import re
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
KEEPS_TIMES: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "bcachefs", "zfs", "tmpfs"})
IMAGES: Final = frozenset({7, 43})
"""Major numbers of loop and network block devices: disk images, which come and go under one device number."""

_OCTAL: Final = re.compile(r"\\([0-7]{3})")  # how the table writes spaces, tabs, line ends and backslashes
Volume = tuple[int, int]
"""Device number and identity of a mounted file system."""


def volume_of(folder: Path, mounts: Path = MOUNTS) -> Volume | None:
    """The file system that holds a folder, None where the status of its files is not to be trusted or not known.

    Writable local file systems on a disk or in memory are trusted. The identity is that of `statvfs`, which ext4,
    btrfs, zfs and tmpfs take from the unique identifier of the volume: two that are mounted at one path in turn differ.

    Args:
        folder: Any folder.
        mounts: The kernel's table of mounts; where there is none (macOS, Windows) nothing is trusted.
    """
    try:
        device, identity = os.stat(folder).st_dev, os.statvfs(folder).f_fsid
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (OSError, AttributeError):  # AttributeError: no statvfs on Windows
        return None
    if os.major(device) in IMAGES:
        return None
    kinds: set[tuple[str, bool]] = set()
    below: dict[int, str] = {}
    resolved = os.path.realpath(folder)
    for line in lines:
        left, _, right = line.partition(" - ")
        place, kind = left.split(" "), right.split(" ")
        if len(place) < 5 or len(kind) < 3:
            return None
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), place[4]).rstrip("/")
        if place[2] == f"{os.major(device)}:{os.minor(device)}":
            kinds.add((kind[0], "rw" in kind[2].split(",")))
        if resolved == point or resolved.startswith(f"{point}/"):
            below[len(point)] = kind[0]  # of several at one point the last is on top
    if not kinds and below and below[max(below)] == "btrfs":
        kinds.add(("btrfs", True))  # a subvolume has a device number that the table does not show
    trusted = len(kinds) > 0 and all(kind in KEEPS_TIMES and writable for kind, writable in kinds)
    return (device, identity) if trusted else None


def is_invented(stat: os.stat_result) -> bool:
    """True for a time of status change that looks like a copy of the time of modification: equal, in whole seconds.

    A file that was written once has equal times too, but the kernel's clock gives them fractions of a second. Tools
    that make images of file systems (mke2fs -d) write one whole second into both.
    """
    return stat.st_ctime_ns == stat.st_mtime_ns and stat.st_ctime_ns % 1_000_000_000 == 0
