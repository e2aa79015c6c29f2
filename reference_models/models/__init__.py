"""The table of reference models. To add one: write its family's file, add its entry here; tests and lists find it.

Listing the models loads no torch: an entry tells what a model is, and its networks are imported when they are built.
`reference_models.models.build` makes them from a name and a configuration.
"""

from ganeval.registry import Registry
from reference_models.models.base import ModelSpec

GOODFELLOW = "Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, arXiv:1406.2661"
MIRZA = "Mirza and Osindero, Conditional Generative Adversarial Nets, 2014, arXiv:1411.1784"

_SPECS = (
    ModelSpec(
        "gan-1d",
        "reference_models.models.gan_1d:GAN_1D",
        kind_name="one-dimensional",
        summary="Two small MLPs that learn a 1-D mixture.",
        paper=GOODFELLOW,
        fixed="The discriminator's sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "gan-mlp",
        "reference_models.models.mlp:GAN_MLP",
        kind_name="unconditional",
        summary="Fully connected GAN, 256-512-1024 against 512-256.",
        paper=GOODFELLOW,
        fixed="The generator's 784 numbers become an image; the sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "gan-mlp-small",
        "reference_models.models.mlp:GAN_MLP_SMALL",
        kind_name="unconditional",
        summary="Fully connected GAN with one hidden layer of 128 on each side.",
        paper=GOODFELLOW,
        fixed="The generator's 784 numbers become an image; the sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "gan-fcn-cnn",
        "reference_models.models.fcn_cnn:GAN_FCN_CNN",
        kind_name="unconditional",
        summary="Fully connected generator against a convolutional discriminator.",
        paper=GOODFELLOW,
        fixed="The generator's 784 probabilities become an image; the sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "gan-bn",
        "reference_models.models.mlp:GAN_BN",
        kind_name="unconditional",
        summary="Fully connected GAN with BatchNorm, dropout, weight penalty and instance noise.",
        paper=GOODFELLOW,
        fixed="The sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "gan-fashion",
        "reference_models.models.mlp:GAN_FASHION",
        kind_name="unconditional",
        summary="Fully connected GAN for Fashion-MNIST, BatchNorm after LeakyReLU.",
        paper=GOODFELLOW,
        fixed="Keras's BatchNorm momentum 0.8 is PyTorch's 0.2; the sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "wgan",
        "reference_models.models.wgan:WGAN",
        kind_name="unconditional",
        summary="Fully connected Wasserstein GAN, clipped weights.",
        paper="Arjovsky et al., Wasserstein GAN, ICML 2017, arXiv:1701.07875",
        fixed="The tutorial has no training loop; the recipe is the paper's.",
    ),
    ModelSpec(
        "wgan-gp",
        "reference_models.models.wgan:WGAN",
        kind_name="unconditional",
        summary="Fully connected Wasserstein GAN, gradient penalty.",
        paper="Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017, arXiv:1704.00028",
        fixed="The tutorial has no training loop; the recipe is the paper's.",
    ),
    ModelSpec(
        "lsgan",
        "reference_models.models.mlp:GAN_MLP",
        kind_name="unconditional",
        summary="Fully connected GAN under the least squares loss.",
        paper="Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017, arXiv:1611.04076",
        fixed="No sigmoid before the least squares loss, where it would flatten the gradient.",
    ),
    ModelSpec(
        "hinge-gan",
        "reference_models.models.mlp:GAN_MLP",
        kind_name="unconditional",
        summary="Fully connected GAN under the hinge loss.",
        paper="Lim and Ye, Geometric GAN, 2017, arXiv:1705.02894",
        fixed="No sigmoid before the hinge, whose margins at -1 and 1 a probability never reaches.",
    ),
    ModelSpec(
        "dcgan",
        "reference_models.models.dcgan:DCGAN",
        kind_name="unconditional",
        summary="Convolutional GAN with BatchNorm; 28, 32, 48, 64, ... pixels.",
        paper="Radford et al., Unsupervised Representation Learning with DCGANs, ICLR 2016, arXiv:1511.06434",
        fixed="The sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "cgan-conv",
        "reference_models.models.cgan:CGAN_CONV",
        kind_name="conditional",
        summary="Conditional GAN of convolutions, label embedded on both sides.",
        paper=MIRZA,
        fixed="The tutorial's discriminator has no label; it is embedded as an image plane.",
    ),
    ModelSpec(
        "cgan-dense",
        "reference_models.models.cgan:CGAN_DENSE",
        kind_name="conditional",
        summary="Conditional GAN with one hidden layer of 128 on each side.",
        paper=MIRZA,
        fixed="The tutorial's discriminator ignores the label it is given; here it is one of its inputs.",
    ),
    ModelSpec(
        "cgan-mnist",
        "reference_models.models.cgan:CGAN_MNIST",
        kind_name="conditional",
        summary="Conditional GAN with a dense-to-convolutional generator and a dense discriminator.",
        paper=MIRZA,
        fixed="The tutorial's generator stops at 4x4x8; it is completed to the image.",
    ),
    ModelSpec(
        "progan",
        "reference_models.models.progan:PROGAN",
        kind_name="progressive",
        summary="Progressively grown GAN with fade-in, 4x4 to 32x32 and on.",
        paper="Karras et al., Progressive Growing of GANs, ICLR 2018, arXiv:1710.10196",
        fixed="",
    ),
    ModelSpec(
        "pix2pix",
        "reference_models.models.pix2pix:PIX2PIX",
        kind_name="paired",
        summary="U-Net against a PatchGAN on pairs of images.",
        paper="Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, "
        "arXiv:1611.07004",
        fixed="The sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "srresnet",
        "reference_models.models.srgan:SRRESNET",
        kind_name="super-resolution",
        summary="Super-resolution x4 by pixel loss, SRGAN's generator alone.",
        paper="Ledig et al., Photo-Realistic Single Image Super-Resolution Using a GAN, CVPR 2017, arXiv:1609.04802",
        fixed="",
    ),
    ModelSpec(
        "srgan",
        "reference_models.models.srgan:SRGAN",
        kind_name="super-resolution",
        summary="Super-resolution x4 with content loss and an adversary.",
        paper="Ledig et al., Photo-Realistic Single Image Super-Resolution Using a GAN, CVPR 2017, arXiv:1609.04802",
        fixed="The discriminator's dense head takes any crop; the sigmoid is folded into the loss.",
    ),
    ModelSpec(
        "cyclegan",
        "reference_models.models.cyclegan:CYCLEGAN",
        kind_name="unpaired",
        summary="Unpaired translation by two generators and two PatchGANs.",
        paper="Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, ICCV 2017, "
        "arXiv:1703.10593",
        fixed="",
    ),
)

MODELS = Registry("model", {spec.name: spec for spec in _SPECS})
