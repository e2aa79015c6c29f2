"""Everything that may change a reported number, frozen, and its fingerprint.

Two numbers may be compared when their fingerprints are equal. Device, library versions, host and time are provenance:
they are recorded beside the number, not in here.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ganeval.errors import DataError

Scalar = int | float | str | bool | None
QUANTISATION = "uint8: round(clamp(x, 0, 1) * 255)"


@dataclass(frozen=True)
class Protocol:
    """The full definition of one number.

    Attributes:
        metric: Registry name of the metric's output ("fd", "precision", "psnr").
        version: The metric's version; raised whenever its code changes a reported number.
        params: The metric's own parameters (k, layers, subsets, seeds of drawn directions).
        backbone: Registry name, or None for a metric of pixels.
        weights_sha256: Hash of the backbone's weights file.
        heads_sha256: Hash of extra learned weights (LPIPS heads).
        resize: The backbone's preprocessing in words.
        decode: Version of the policy table that turns files into uint8 RGB.
        quantisation: The float-to-uint8 rule.
        precision: "exact" (fp32) or "fast" (bf16 in the network).
        channel: "rgb" or "y" for metrics of pixels, None otherwise.
        crop_border: Pixels cut off each side in paired metrics, None otherwise.
        reference_sha256: Content hash of the reference images, or hash of a statistics file.
        n_real: Count of reference images, None where unknown or without reference.
        n_fake: Count of scored images.
        num_samples: The subset that was asked for, None for all.
        seed: Seed of the subset and of the latents.
    """

    metric: str
    version: int
    params: Mapping[str, Scalar] = field(default_factory=dict)
    backbone: str | None = None
    weights_sha256: str | None = None
    heads_sha256: str | None = None
    resize: str | None = None
    decode: str | None = None
    quantisation: str = QUANTISATION
    precision: str = "exact"
    channel: str | None = None
    crop_border: int | None = None
    reference_sha256: str | None = None
    n_real: int | None = None
    n_fake: int = 0
    num_samples: int | None = None
    seed: int = 0

    def canonical_json(self) -> str:
        """The one way to write this protocol: sorted keys, no spaces, no NaN."""
        return self._canonical

    @functools.cached_property
    def _canonical(self) -> str:
        fields = {name: getattr(self, name) for name in _names()}  # `asdict` is slower: it copies values
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @functools.cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of the sha256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, object]:
        """Plain JSON types."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(row: Mapping[str, object]) -> "Protocol":
        """Reads what `to_dict` wrote.

        Raises:
            DataError: an unknown or missing field, as in a row of another version of ganeval; or no JSON, as infinity.
        """
        unknown, missing = sorted(row.keys() - _names()), sorted(_names() - row.keys())
        if unknown or missing:
            raise DataError(
                f"A protocol has fields that this version does not know: {unknown}, and lacks {missing}. "
                "Read the row with the version of ganeval that wrote it."
            )
        protocol = Protocol(**dict(row))  # type: ignore[arg-type]
        try:
            protocol.fingerprint  # noqa: B018 - computed once and kept: what has none isn't a protocol
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"A protocol cannot be written as JSON ({error}). Score again.") from error
        return protocol


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(Protocol))


def differing_fields(a: Protocol, b: Protocol) -> dict[str, tuple[object, object]]:
    """The fields in which two protocols differ, field -> (a's, b's): what to show before refusing a comparison."""
    left, right = a.to_dict(), b.to_dict()
    return {name: (left[name], right[name]) for name in left if left[name] != right[name]}
