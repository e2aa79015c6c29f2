"""The 13 convolutions of VGG16 (configuration D), under the names of the weights that `convert_h5` writes."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ganeval.backbones.networks.vgg_blocks import BLOCKS


class VggConvolutions(nn.Module):
    """conv1_1 .. conv5_3, each followed by ReLU, with 2x2 max pooling between the blocks."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for block, width, convs in BLOCKS:
            for conv in range(1, convs + 1):
                self.add_module(f"conv{block}_{conv}", nn.Conv2d(channels, width, 3, padding=1))
                channels = width

    def maps(self, prepared: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The 13 maps, relu1_1 .. relu5_3. Differentiable, so they can serve as a training loss.

        Args:
            prepared: BGR minus the means. Block b's maps have ceil(H / 2^(b-1)) rows.
        """
        x = prepared
        outputs = []
        for block, _, convs in BLOCKS:
            if block > 1:
                # ceil_mode is TensorFlow's "SAME" for 2x2 / 2: an odd last row or column forms a window of its own.
                x = F.max_pool2d(x, 2, ceil_mode=True)
            for conv in range(1, convs + 1):
                x = F.relu(self.get_submodule(f"conv{block}_{conv}")(x))
                outputs.append(x)
        return tuple(outputs)

    def forward(self, prepared: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 512"]:
        """relu5_3 averaged over the image."""
        return self.maps(prepared)[-1].mean(dim=(2, 3))
