"""Summarises a set for a statistics file."""

import contextlib
from collections.abc import Sequence

from ganeval._version import __version__
from ganeval.backbones import BACKBONES
from ganeval.devices import device_name
from ganeval.errors import UsageError
from ganeval.options import ScoreOptions
from ganeval.processes.listing_hash import list_source
from ganeval.progress import Reporter
from ganeval.scoring.feature_pass import in_memory
from ganeval.scoring.loaded_networks import OpenedNetworks, open_passes
from ganeval.scoring.open_inputs import open_subject_source
from ganeval.sources.base import ImageSource, Subset
from ganeval.summaries.reference_file import BackboneFacts, ReferenceStatistics, Whole


def part_indices(source: ImageSource, number: int, count: int) -> Sequence[int]:
    """Images of part `number` of `count`: every count-th one, or all of every count-th tar file of a set in several.

    Raises:
        UsageError: more parts than there are images, or tar files.
    """
    shards = sorted({shard for index in range(len(source)) if (shard := source.shard(index)) is not None})
    if count > (len(shards) or len(source)):
        what = f"{len(shards)} tar files with {len(source)} images" if shards else f"{len(source)} images"
        raise UsageError(f"--part {number}/{count}: {source.name} has only {what}. Take fewer parts.")
    if not shards:
        return range(number - 1, len(source), count)
    own = set(shards[number - 1 :: count])
    return [index for index in range(len(source)) if source.shard(index) in own]


def build_reference(
    options: ScoreOptions, names: Sequence[str], reporter: Reporter, part: tuple[int, int] | None = None
) -> ReferenceStatistics:
    """Summarises a source for a statistics file.

    Args:
        options: `subject` is the source; its subset, batch, device and weights options apply.
        names: Backbones.
        reporter: Where progress goes.
        part: (k, n) for every n-th image from the k-th on, k from 1, or every n-th tar file of a set in several: one
            machine's share, for `merge`.

    Raises:
        GanevalError: an input that cannot be used.
    """
    device = device_name(options.device)
    files = [BACKBONES.get(name).weights for name in names]
    unused = sorted(set(options.weights) - {file.name for file in files if file is not None})
    if unused:
        raise UsageError(f"--weights names {', '.join(unused)}; the file is built for {', '.join(names)}.")
    for name in names:
        if BACKBONES.get(name).dim is None:
            raise UsageError(f"Backbone {name} has no feature vector to summarise; it serves paired metrics only.")
    with contextlib.ExitStack() as stack:
        whole = open_subject_source(options, stack)
        indices = part_indices(whole, *(part or (1, 1)))
        source = whole if part is None else Subset(whole, indices)
        passes = open_passes(OpenedNetworks().open_all(names, device, options), options, reporter, stack)
        listing = list_source(whole)
        passed = passes.run(source, source.name)
        facts = {
            name: BackboneFacts(backbone.weights_sha256, backbone.info.resize, options.precision)
            for name, backbone in passes.backbones.items()
        }
        place = {} if part is None else dict(zip((item.name for item in source.items), indices, strict=True))
        return ReferenceStatistics(
            source.name,
            passed.content_sha256,
            passed.n,
            options.decode,
            # Without a cache the rows lie in a folder that goes with this call.
            {name: one if options.cache else in_memory(one) for name, one in passed.sets.items()},
            facts,
            digests=passed.digests,
            indices=() if part is None else tuple(place[name] for name in passed.names),
            part=part,
            whole=Whole(
                listing.images,
                listing.names_sha256,
                listing.bytes_sha256,
                options.num_samples,
                options.seed,
                __version__,
            ),
            skipped=len(passed.skipped),
        )
