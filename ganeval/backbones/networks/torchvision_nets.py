"""Torchvision's networks cut for features: one that ends in features and logits, one that gives maps."""

from jaxtyping import Float
from torch import Tensor, nn
from torchvision import models


class Classifier(nn.Module):
    """Prepared images -> (second hidden layer after its ReLU, logits), from torchvision's own layers."""

    def __init__(self, net: models.VGG | models.AlexNet) -> None:
        super().__init__()
        layers = list(net.classifier)
        # Both families end in Linear, ReLU, (Dropout,) Linear; VGG has a dropout after that ReLU, AlexNet before.
        last_relu = max(index for index, layer in enumerate(layers) if isinstance(layer, nn.ReLU))
        self.features = net.features
        self.avgpool = net.avgpool
        self.hidden = nn.Sequential(*layers[: last_relu + 1])
        self.top = nn.Sequential(*layers[last_relu + 1 :])

    def forward(self, prepared: Float[Tensor, "B 3 S T"]) -> tuple[Float[Tensor, "B 4096"], Float[Tensor, "B 1000"]]:
        """4096 features, not negative, and 1000 logits."""
        features: Tensor = self.hidden(self.avgpool(self.features(prepared)).flatten(1))
        return features, self.top(features)


class FeatureMaps(nn.Module):
    """Normalised images of any size -> feature maps at the named layers. Differentiable, for use in a loss.

    Args:
        features: torchvision's `features`.
        indices: Which layers' outputs to give, ascending.
    """

    def __init__(self, features: nn.Sequential, indices: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(features[: indices[-1] + 1])
        self.indices = frozenset(indices)

    def forward(self, normalised: Float[Tensor, "B 3 H W"]) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The maps, shallow to deep."""
        maps = []
        x: Tensor = normalised
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.indices:
                maps.append(x)
        return tuple(maps)
