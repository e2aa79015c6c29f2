"""The table of recipes, by model and tier. To add one: write it in its family's file, add its line here.

Listing the names loads no torch.
"""

import dataclasses
from typing import TYPE_CHECKING

from ganeval.registry import Registry, unknown_name

if TYPE_CHECKING:
    from reference_models.recipes.recipe import Recipe

_R = "reference_models.recipes"


class RecipeTable(Registry["Recipe"]):
    """The registry of recipes, with their measured results."""

    def get(self, name: str) -> "Recipe":
        """A recipe, with its measured results from `expected.json`.

        Raises:
            UsageError: no such recipe; the message names similar ones.
        """
        from reference_models.recipes.expected import expected_of

        plan = super().get(name)
        expected, wall_time = expected_of(plan.name)
        return dataclasses.replace(plan, expected=expected, wall_time=wall_time)


RECIPES = RecipeTable(
    "recipe",
    {
        "gan-1d.mixture-1d-cpu": f"{_R}.gan_1d:CPU",
        "gan-1d.mixture-1d": f"{_R}.gan_1d:FULL",
        "gan-mlp.digits-cpu": f"{_R}.mlp:GAN_MLP_CPU",
        "gan-mlp.fashion-mnist-cpu": f"{_R}.mlp:GAN_MLP_FASHION",
        "gan-mlp.fashion-mnist": f"{_R}.fashion_mnist:GAN_MLP_FASHION",
        "gan-mlp.mnist": f"{_R}.mlp:GAN_MLP",
        "gan-mlp-small.digits-cpu": f"{_R}.mlp:GAN_MLP_SMALL_CPU",
        "gan-mlp-small.fashion-mnist-cpu": f"{_R}.mlp:GAN_MLP_SMALL_FASHION",
        "gan-mlp-small.fashion-mnist": f"{_R}.fashion_mnist:GAN_MLP_SMALL_FASHION",
        "gan-mlp-small.fashion-mnist-exponential": f"{_R}.fashion_mnist:GAN_MLP_SMALL_EXPONENTIAL",
        "gan-mlp-small.fashion-mnist-cyclic": f"{_R}.fashion_mnist:GAN_MLP_SMALL_CYCLIC",
        "gan-mlp-small.mnist": f"{_R}.mlp:GAN_MLP_SMALL",
        "gan-fcn-cnn.digits-cpu": f"{_R}.fcn_cnn:CPU",
        "gan-fcn-cnn.fashion-mnist-cpu": f"{_R}.fcn_cnn:FASHION_CPU",
        "gan-fcn-cnn.fashion-mnist": f"{_R}.fashion_mnist:FCN_CNN_FASHION",
        "gan-fcn-cnn.fashion-mnist-tutorial": f"{_R}.fashion_mnist:FCN_CNN_TUTORIAL",
        "gan-fcn-cnn.mnist": f"{_R}.fcn_cnn:FULL",
        "gan-bn.digits-cpu": f"{_R}.mlp:GAN_BN_CPU",
        "gan-bn.fashion-mnist-cpu": f"{_R}.mlp:GAN_BN_FASHION",
        "gan-bn.fashion-mnist": f"{_R}.fashion_mnist:GAN_BN_FASHION",
        "gan-bn.fashion-mnist-tutorial": f"{_R}.fashion_mnist:GAN_BN_TUTORIAL",
        "gan-bn.mnist": f"{_R}.mlp:GAN_BN",
        "gan-fashion.digits-cpu": f"{_R}.mlp:GAN_FASHION_CPU",
        "gan-fashion.fashion-mnist-cpu": f"{_R}.mlp:GAN_FASHION_FASHION",
        "gan-fashion.fashion-mnist": f"{_R}.mlp:GAN_FASHION",
        "gan-fashion.fashion-mnist-tuned": f"{_R}.fashion_mnist:GAN_FASHION_TUNED",
        "wgan.digits-cpu": f"{_R}.wgan:WGAN_CPU",
        "wgan.fashion-mnist-cpu": f"{_R}.wgan:WGAN_FASHION",
        "wgan.fashion-mnist": f"{_R}.fashion_mnist:WGAN_FASHION",
        "wgan.mnist": f"{_R}.wgan:WGAN",
        "wgan-gp.digits-cpu": f"{_R}.wgan:WGAN_GP_CPU",
        "wgan-gp.fashion-mnist-cpu": f"{_R}.wgan:WGAN_GP_FASHION",
        "wgan-gp.fashion-mnist": f"{_R}.fashion_mnist:WGAN_GP_FASHION",
        "wgan-gp.mnist": f"{_R}.wgan:WGAN_GP",
        "lsgan.digits-cpu": f"{_R}.mlp:LSGAN_CPU",
        "lsgan.fashion-mnist-cpu": f"{_R}.mlp:LSGAN_FASHION",
        "lsgan.fashion-mnist": f"{_R}.fashion_mnist:LSGAN_FASHION",
        "lsgan.mnist": f"{_R}.mlp:LSGAN",
        "hinge-gan.digits-cpu": f"{_R}.mlp:HINGE_GAN_CPU",
        "hinge-gan.fashion-mnist-cpu": f"{_R}.mlp:HINGE_GAN_FASHION",
        "hinge-gan.fashion-mnist": f"{_R}.fashion_mnist:HINGE_GAN_FASHION",
        "hinge-gan.mnist": f"{_R}.mlp:HINGE_GAN",
        "dcgan.digits-cpu": f"{_R}.dcgan:CPU",
        "dcgan.fashion-mnist-cpu": f"{_R}.dcgan:FASHION_CPU",
        "dcgan.fashion-mnist": f"{_R}.fashion_mnist:DCGAN_FASHION",
        "dcgan.cifar10": f"{_R}.dcgan:FULL",
        "cgan-conv.digits-cpu": f"{_R}.cgan:CGAN_CONV_CPU",
        "cgan-conv.fashion-mnist-cpu": f"{_R}.cgan:CGAN_CONV_FASHION",
        "cgan-conv.fashion-mnist": f"{_R}.fashion_mnist:CGAN_CONV_FASHION",
        "cgan-conv.mnist": f"{_R}.cgan:CGAN_CONV",
        "cgan-dense.digits-cpu": f"{_R}.cgan:CGAN_DENSE_CPU",
        "cgan-dense.fashion-mnist-cpu": f"{_R}.cgan:CGAN_DENSE_FASHION",
        "cgan-dense.fashion-mnist": f"{_R}.cgan:CGAN_DENSE",
        "cgan-dense.fashion-mnist-tuned": f"{_R}.fashion_mnist:CGAN_DENSE_TUNED",
        "cgan-mnist.digits-cpu": f"{_R}.cgan:CGAN_MNIST_CPU",
        "cgan-mnist.fashion-mnist-cpu": f"{_R}.cgan:CGAN_MNIST_FASHION",
        "cgan-mnist.fashion-mnist": f"{_R}.fashion_mnist:CGAN_MNIST_FASHION",
        "cgan-mnist.fashion-mnist-tutorial": f"{_R}.fashion_mnist:CGAN_MNIST_TUTORIAL",
        "cgan-mnist.mnist": f"{_R}.cgan:CGAN_MNIST",
        "progan.digits-cpu": f"{_R}.progan:CPU",
        "progan.fashion-mnist-cpu": f"{_R}.progan:FASHION_CPU",
        "progan.fashion-mnist": f"{_R}.fashion_mnist:PROGAN_FASHION",
        "progan.cifar10": f"{_R}.progan:FULL",
        "pix2pix.photos-cpu": f"{_R}.pix2pix:CPU",
        "pix2pix.photos-grey-cpu": f"{_R}.pix2pix:GREY",
        "pix2pix.photos-masked-cpu": f"{_R}.pix2pix:MASKED",
        "pix2pix.facades": f"{_R}.pix2pix:FULL",
        "srresnet.photos-cpu": f"{_R}.srgan:SRRESNET_CPU",
        "srresnet.bsds500": f"{_R}.srgan:SRRESNET_BSDS500",
        "srresnet.div2k": f"{_R}.srgan:SRRESNET",
        "srgan.photos-cpu": f"{_R}.srgan:SRGAN_CPU",
        "srgan.bsds500": f"{_R}.srgan:SRGAN_BSDS500",
        "srgan.div2k": f"{_R}.srgan:SRGAN",
        "cyclegan.photos-cpu": f"{_R}.cyclegan:CPU",
        "cyclegan.horse2zebra": f"{_R}.cyclegan:HORSE2ZEBRA",
        "cyclegan.vangogh2photo": f"{_R}.cyclegan:VANGOGH2PHOTO",
    },
)


def recipes_of(model: str) -> list[str]:
    """Names of a model's recipes; the small tier comes first."""
    return [name for name in RECIPES if name.partition(".")[0] == model]


def default_recipe(model: str) -> str:
    """The small recipe of a model, which `train-reference MODEL` runs.

    Raises:
        UsageError: no such model.
    """
    names = recipes_of(model.lower())
    if not names:
        raise unknown_name("model", model, list(dict.fromkeys(name.partition(".")[0] for name in RECIPES)))
    return names[0]
