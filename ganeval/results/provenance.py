"""Where a number came from: versions, machine, time. Recorded beside the protocol, never part of the fingerprint."""

import datetime
import functools
import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path

from ganeval._version import __version__
from ganeval.devices import cpu_threads
from ganeval.files.read_write import MAX_SETTINGS, read_text

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pillow", "torch-fidelity")


def installed_versions() -> dict[str, str]:
    """Version of each package that may move a last digit; absent ones are left out."""
    found = {package: _version_of(package) for package in PACKAGES}
    packages = {package: version for package, version in found.items() if version is not None}
    return {"ganeval": __version__, "python": platform.python_version(), **packages}


@functools.cache
def _version_of(package: str) -> str | None:
    """Read once a process, not once a row: the metadata of some packages hold thousands of lines of licences."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, object]:
    """Operating system, processor kind and core count; no host name, no user name, no path."""
    return {"system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count() or 1}


def commit(folder: Path) -> str | None:
    """The commit that a folder's git repository has checked out, as hexadecimal digits; None outside of one.

    Read from the repository's own files: git need not be installed. Changes that are not committed do not show.

    Args:
        folder: In the working tree.
    """
    try:
        top = next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
        if top is None:
            return None
        git = top / ".git"
        if git.is_file():  # a worktree or a submodule: a line that says where its files are
            git = top / read_text(git, MAX_SETTINGS).partition("gitdir:")[2].strip()
        head = read_text(git / "HEAD", MAX_SETTINGS).strip()
        branch = head.removeprefix("ref:").strip()
        if head != branch:
            shared = git / "commondir"
            common = git / read_text(shared, MAX_SETTINGS).strip() if shared.is_file() else git
            head = _branch_head(common, branch)
    except (OSError, UnicodeDecodeError):
        return None
    return head if re.fullmatch(r"[0-9a-f]{40,64}", head) else None


def _branch_head(git: Path, branch: str) -> str:
    """The commit of "refs/heads/main", from its own file or from the packed ones; "" before the first commit."""
    if (git / branch).is_file():
        return read_text(git / branch, MAX_SETTINGS).strip()
    packed = git / "packed-refs"
    lines = read_text(packed, MAX_SETTINGS).splitlines() if packed.is_file() else []
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {branch}")), "")


def provenance(device: str) -> dict[str, object]:
    """All of it for one run.

    Args:
        device: "cpu", "cuda:0", ... as the run used it.
    """
    record: dict[str, object] = {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": device,
        "versions": installed_versions(),
        **machine(),
    }
    if (found := commit(Path.cwd())) is not None:
        record["commit"] = found
    record["threads"] = cpu_threads()
    torch = sys.modules.get("torch")
    if torch is not None and device.startswith("cuda"):
        record["device_name"] = torch.cuda.get_device_name(device)
        record["tf32"] = False  # even if the process allows it: `backbones.float32.true_float32`
    return record
