"""Files that are not what their names say are told for what they are, in every kind of input."""

import numpy as np
import pytest
from PIL import Image

from ganeval.errors import BadImageError, DataError
from ganeval.files.lookalikes import absent, other_kind
from ganeval.sources.decoding.rules import decode
from ganeval.sources.resolve import open_source

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html><html><head><title>404</title></head></html>"


@pytest.mark.parametrize("ending", ["png", "zip", "tar", "tar.gz", "npz", "npy", "parquet", "mdb", "mp4", "txt"])
@pytest.mark.parametrize(("data", "words"), [(LFS, "Git LFS .*`git lfs pull`"), (PAGE, "a web page")])
def test_a_file_whose_content_is_elsewhere_is_told_under_any_name(tmp_path, ending, data, words):
    (tmp_path / f"set.{ending}").write_bytes(data)
    with pytest.raises(DataError, match=words):
        open_source(str(tmp_path / f"set.{ending}"), data_root=None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (LFS, "'a.png': not an image but a pointer of Git LFS"),
        (b"/annex/objects/MD5E-s1--0.png\n", "git annex get"),
        (PAGE, "a web page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "SVG"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\x76\x2f\x31\x01\x02\0\0\0", "OpenEXR, a format that is not decoded here"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "Radiance HDR, a format"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04", "a zip file"),
    ],
)
def test_what_lies_among_images_is_told(data, words):
    with pytest.raises(BadImageError, match=words):
        decode(data, "a.png")


def test_real_files_are_left_alone(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    assert other_kind((tmp_path / "a.png").read_bytes()) == ""
    assert absent(b"PK\x03\x04") == absent(b"") == absent(b"images/0.png\n") == ""
