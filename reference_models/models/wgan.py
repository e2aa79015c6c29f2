"""`wgan` and `wgan-gp`: fully connected generator and critic under the Wasserstein loss.

Sources: Arjovsky et al. 2017 (arXiv:1701.07875), weights clipped; Gulrajani et al. 2017 (arXiv:1704.00028), gradient
penalty. The networks are the same; the recipes differ.
Fixed: the tutorial stops before the training loop; the recipes hold the papers' (5 critic steps a generator step).
The critic has neither sigmoid nor normalisation: its score is a number of any size, and the gradient penalty is of
each image alone, which BatchNorm would mix.
Parameters at the default settings: generator 559,632; critic 533,505.
"""

from reference_models.models.base import SIGNED, Architecture
from reference_models.models.mlp import MLPConfig, MLPDiscriminator, MLPGenerator

WGAN = Architecture(
    output_range=SIGNED,
    config=MLPConfig(generator_widths=(256, 512), discriminator_activation="relu"),
    build_generator=MLPGenerator,
    build_discriminator=MLPDiscriminator,
)
