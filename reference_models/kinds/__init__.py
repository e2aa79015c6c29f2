"""The table of kinds of reference models. To add one: write its file, add its line here; a model names its kind.

Listing the names loads no torch.
"""

from typing import TYPE_CHECKING

from ganeval.registry import Registry

if TYPE_CHECKING:
    from reference_models.kinds.base import Kind

KINDS: "Registry[Kind]" = Registry(
    "kind of model",
    {
        "unconditional": "reference_models.kinds.unconditional:UNCONDITIONAL",
        "conditional": "reference_models.kinds.conditional:CONDITIONAL",
        "progressive": "reference_models.kinds.progressive:PROGRESSIVE",
        "one-dimensional": "reference_models.kinds.one_dimensional:ONE_DIMENSIONAL",
        "paired": "reference_models.kinds.paired:PAIRED",
        "unpaired": "reference_models.kinds.unpaired:UNPAIRED",
        "super-resolution": "reference_models.kinds.super_resolution:SUPER_RESOLUTION",
    },
)
