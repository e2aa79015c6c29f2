"""Latents to numbers: generator (B, Z) -> (B, 1); discriminator (B, 1) -> (B,)."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from ganeval.files.figures import figure_bytes, own_style
from reference_models.checkpoints.sampling import draw_tensor
from reference_models.data.training_data import mixture
from reference_models.kinds.base import Kind
from reference_models.kinds.unconditional import sample, step
from reference_models.training.held_out_grid import HeldOut
from reference_models.training.networks import Networks
from reference_models.training.sample_grid import GRID_SEED

HISTOGRAM_NUMBERS = 5000


def grid(networks: Networks, step: int, shown: Sequence[HeldOut]) -> bytes:
    """A histogram of generated numbers."""
    del step, shown
    network, spec, config = networks.best_generator, networks.spec, networks.config
    return histogram(draw_tensor(network, spec, config, range(HISTOGRAM_NUMBERS), GRID_SEED))


@own_style()
def histogram(numbers: Float[Tensor, "N 1"]) -> bytes:
    """A PNG: the density of generated numbers over that of the mixture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # a second to import; one model needs it
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bins = [k / 50 - 1 for k in range(101)]
    axes.hist(mixture(65_536, 1).numpy().ravel(), bins=bins, density=True, color="0.75", label="real")
    axes.hist(numbers.cpu().numpy().ravel(), bins=bins, density=True, histtype="step", color="C3", label="generated")
    axes.set_xlabel("value")
    axes.set_ylabel("density")
    axes.legend()
    return figure_bytes(figure, "png", dpi=100, tight=True)


ONE_DIMENSIONAL = Kind(step=step, grid=grid, sample=sample, images=False)
