"""The table of reference models. To add one: write its family's file, add its line here; tests and lists find it.

Listing the names loads no torch. `reference_models.models.build` makes networks from a name and a configuration.
"""

from typing import TYPE_CHECKING

from ganeval.registry import Registry

if TYPE_CHECKING:
    from reference_models.models.base import ModelSpec

MODELS: "Registry[ModelSpec]" = Registry(
    "model",
    {
        "gan-1d": "reference_models.models.gan_1d:GAN_1D",
        "gan-mlp": "reference_models.models.mlp:GAN_MLP",
        "gan-mlp-small": "reference_models.models.mlp:GAN_MLP_SMALL",
        "gan-fcn-cnn": "reference_models.models.fcn_cnn:GAN_FCN_CNN",
        "gan-bn": "reference_models.models.mlp:GAN_BN",
        "gan-fashion": "reference_models.models.mlp:GAN_FASHION",
        "wgan": "reference_models.models.wgan:WGAN",
        "wgan-gp": "reference_models.models.wgan:WGAN_GP",
        "lsgan": "reference_models.models.mlp:LSGAN",
        "hinge-gan": "reference_models.models.mlp:HINGE_GAN",
        "dcgan": "reference_models.models.dcgan:DCGAN",
        "cgan-conv": "reference_models.models.cgan:CGAN_CONV",
        "cgan-dense": "reference_models.models.cgan:CGAN_DENSE",
        "cgan-mnist": "reference_models.models.cgan:CGAN_MNIST",
        "progan": "reference_models.models.progan:PROGAN",
        "pix2pix": "reference_models.models.pix2pix:PIX2PIX",
        "srresnet": "reference_models.models.srgan:SRRESNET",
        "srgan": "reference_models.models.srgan:SRGAN",
        "cyclegan": "reference_models.models.cyclegan:CYCLEGAN",
    },
)
