"""The one place where a Result and its Protocol are built, for metrics of sets and of pairs."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ganeval.metrics.base import Better, Estimate
from ganeval.metrics.keys import other_packages
from ganeval.options import ScoreOptions
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result


@dataclass(frozen=True)
class Seen:
    """Facts of the scored images that a row states.

    Attributes:
        n_real: Number of reference images, None without a reference or if unknown.
        n_fake: Number of scored images.
        sha256: Content hash of the scored images.
        skipped: Images left out because they could not be decoded.
        left_out: Reason -> entries of the folder or archive that are not images of the set.
    """

    n_real: int | None
    n_fake: int
    sha256: str
    skipped: int
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Row:
    """A row before its number is known.

    Attributes:
        options: Give the subset, seed, decoding and files of protocol and provenance.
        key: The printed key.
        better: The better direction.
        seen: The images.
    """

    options: ScoreOptions
    key: str
    better: Better
    seen: Seen

    def without_value(self, reason: str, status: Literal["skipped", "failed"] = "skipped") -> Result:
        """The row of a number that could not be computed."""
        return missing_result(self.options, self.key, self.better, reason, status, self.seen)

    def of(
        self,
        estimate: Estimate,
        protocol: Protocol,
        *,
        notes: Sequence[str],
        comparable_to_published: bool,
        origin: Mapping[str, object],
        more: Mapping[str, object],
        seconds: Mapping[str, float],
        floor: tuple[float, int] | None = None,
    ) -> Result:
        """The row of a number.

        Args:
            estimate: The number with its uncertainty.
            protocol: States the metric, its network and its reference; counts and subset are filled in, and the
                decoding if it states none.
            notes: Limits of the number besides the estimate's own note; empty ones are left out.
            comparable_to_published: As in the row.
            origin: Device, versions and engine, for the provenance.
            more: Further entries of the provenance.
            seconds: Time by stage.
            floor: The noise floor (real vs real), and the images in each half.
        """
        options, seen = self.options, self.seen
        return Result(
            subject=options.name or options.subject,
            key=self.key,
            value=estimate.value,
            better=self.better,
            n_real=seen.n_real,
            n_fake=seen.n_fake,
            note="; ".join(filter(None, [estimate.note, *notes])),
            protocol=dataclasses.replace(
                protocol,
                params={**protocol.params, **other_packages(protocol.metric, protocol.backbone)},
                decode=options.decode if protocol.decode is None else protocol.decode,
                n_real=seen.n_real,
                n_fake=seen.n_fake,
                num_samples=options.num_samples,
                seed=options.seed,
            ),
            stderr=estimate.stderr,
            ci95=estimate.ci95,
            degrees=estimate.degrees,
            debiased=estimate.debiased,
            method=estimate.method,
            floor=None if floor is None else floor[0],
            floor_n=None if floor is None else floor[1],
            comparable_to_published=comparable_to_published,
            provenance={
                **origin,
                "config_file": options.config_file,
                "subject_sha256": seen.sha256,
                "skipped": seen.skipped,
                "left_out": dict(seen.left_out),
                **more,
                **options.selected,
            },
            timing={stage: round(taken, 4) for stage, taken in seconds.items()},
        )


def missing_result(
    options: ScoreOptions,
    key: str,
    better: str,
    reason: str,
    status: Literal["skipped", "failed"] = "skipped",
    seen: Seen | None = None,
) -> Result:
    """The row of a number that could not be computed, perhaps before any image was read."""
    n_real, n_fake = (None, None) if seen is None else (seen.n_real, seen.n_fake)
    return Result(options.name or options.subject, key, None, better, n_real, n_fake, status=status, note=reason)
