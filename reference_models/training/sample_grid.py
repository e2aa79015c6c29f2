"""Sample grids of models that draw from latents; the latents are the same in every run."""

from jaxtyping import Float
from torch import Tensor

from reference_models.checkpoints.sampling import draw_tensor, grid_of, png
from reference_models.kinds.base import Sample
from reference_models.training.networks import Networks
from reference_models.training.run_log import DivergedError

GRID_SEED = 7  # latents of the grids: the same in every run, so that grids can be compared
GRID_IMAGES = 64
# Mean over pixels of the standard deviation over a grid's images, in grey levels; real digits have about 90.
COLLAPSED_BELOW = 0.5
# In the first quarter of the steps, and in the first 100, a generator may still give one image.
COLLAPSE_SHARE, COLLAPSE_STEPS = 0.25, 100


def sample_grid(networks: Networks, step: int, *, columns: int = 8, sample: Sample | None = None) -> bytes:
    """A PNG of 64 samples.

    Args:
        networks: The networks.
        step: Steps done.
        columns: Columns of the grid.
        sample: Draws images; None for the default of the kind of model.

    Raises:
        DivergedError: all latents give the same image.
    """
    network, spec, config = networks.best_generator, networks.spec, networks.config
    images = draw_tensor(network, spec, config, range(GRID_IMAGES), GRID_SEED, sample=sample)
    if step >= max(COLLAPSE_SHARE * networks.recipe.training.steps, COLLAPSE_STEPS):
        _refuse_collapse(images, networks, step)
    return png(grid_of(images, spec.output_range, columns))


def _refuse_collapse(images: Float[Tensor, "B C H W"], networks: Networks, step: int) -> None:
    low, high = networks.spec.output_range
    spread = float(images.float().std(dim=0).mean()) * 255.0 / (high - low)
    if spread < COLLAPSED_BELOW:
        raise DivergedError(
            f"The generator collapsed before step {step:,}: {len(images)} latents give the same image (mean spread "
            f"{spread:.2f} grey levels, at least {COLLAPSED_BELOW} expected). Use another seed, or add a stabiliser "
            "(--set techniques.augment_translation=.125, techniques.real_label=.9)."
        )
