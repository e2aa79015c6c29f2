"""A backbone without weights: the mean of each channel."""

from ganeval.backbones.base import Backbone, BackboneInfo, Output


class Means(Backbone):
    def __init__(self, info, weights, device):
        import torch

        super().__init__(info, weights, device)
        self.network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

    def prepare(self, images):
        import torch

        return images.to(self.device, torch.float32)

    def forward(self, prepared):
        return Output(self.network(prepared))


MEANS = BackboneInfo("means", "mean of each channel", None, 3, None, "none", False, False, Means)
