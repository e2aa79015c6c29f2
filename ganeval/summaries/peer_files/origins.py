"""The tools whose statistics can be imported, a row each. To add one, add a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Origin:
    """A tool that keeps statistics.

    Attributes:
        backbone: The path that its features are of.
        files: What its files are, in words.
        spatial: The path that `mu_s` and `sigma_s` are of; "" for a tool that has none.
    """

    backbone: str
    files: str
    spatial: str = ""


ORIGINS: Final[Mapping[str, Origin]] = {
    "ttur": Origin("inception", "npz with mu and sigma"),
    "pytorch-fid": Origin("inception-pytorch", "npz with mu and sigma (--save-stats)"),
    "clean-fid": Origin("inception-clean", "npz of mode clean: mu and sigma, or feats (..._kid.npz)"),
    "clean-fid-legacy-pytorch": Origin("inception-pytorch", "the same of mode legacy_pytorch"),
    "clean-fid-legacy-tensorflow": Origin("inception", "the same of mode legacy_tensorflow"),
    "adm": Origin(
        "inception", "reference batches: npz with mu and sigma, mu_s and sigma_s, beside images", "inception-spatial"
    ),
    "edm": Origin("inception", "npz with mu and sigma (EDM), pkl with fid (EDM2)"),
    "stylegan": Origin("inception", "pkl of its metrics cache: raw_mean, raw_cov, num_items"),
    "torch-fidelity": Origin("inception", "pt of its cache: ...-stat-fid-2048.pt, ...-features-2048.pt"),
}
