"""What lies under the name of another file: a pointer of Git LFS, the page of a failed download, no picture at all."""

from typing import Final

START: Final = 64
"""Bytes that tell."""

_ABSENT: Final = (
    ((b"version https://git-lfs",), "a pointer of Git LFS and not the file itself. Fetch it with `git lfs pull`"),
    ((b"/annex/objects/", b"../.git/annex/"), "a pointer of git-annex and not the file itself. Run `git annex get`"),
    ((b"<!doctype html", b"<html"), "a web page, as a failed download leaves one. Download the file again"),
)
"""First bytes, in lower case, of what stands where a file should be -> what it is, and the next step."""

_OTHER: Final = (
    ((b"<?xml", b"<svg"), "an XML or SVG file. Render it as PNG"),
    ((b"\x93numpy",), "a NumPy array. Stack the arrays in one .npz, or save them as PNG"),
    ((b"%pdf-",), "a PDF. Render it as PNG"),
    ((b"pk\x03\x04",), "a zip file. Name it by itself, with the ending .zip"),
)


def absent(start: bytes) -> str:
    """The kind of pointer that this file is, its content being elsewhere, and the next step; "" for a real file.

    Args:
        start: Its first bytes, `START` of them.
    """
    return _found(start, _ABSENT)


def other_kind(start: bytes) -> str:
    """The same, also of real files that are no pictures."""
    return _found(start, (*_ABSENT, *_OTHER))


def _found(start: bytes, kinds: tuple[tuple[tuple[bytes, ...], str], ...]) -> str:
    begins = start[:START].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((words for first, words in kinds if begins.startswith(first)), "")
