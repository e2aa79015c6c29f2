"""Generators: what may be given, how it is called, and what it must return; the same in Python and by name.

What is given is, in memory, the network or function itself; by name, what `package.module:factory` returns when it is
called without arguments, or what a file holds (TorchScript, ONNX, a state dict with its class). It is one of

* a network or function that has a latent shape: called with float32 latents (B, *latent), N(0, 1), -> images; where it
  has `classes`, int64 labels (B,) are its second argument;
* a function of two arguments, (indices, seed) by these names -> images, where image i depends on (seed, i) alone;
* a function of two arguments by other names, as in (count, rng) -> images, drawn from rng, a `torch.Generator`;
* a pipeline as diffusers has them, with arguments `batch_size` and `generator` (a `torch.Generator`) -> an object whose
  `images` are PIL images, an array (B, H, W, C) or a tensor (B, C, H, W) of floats in 0..1;
* a network or function of one argument, where inputs are given, that translates: a network gets float32 images
  (1, 3, H, W) in its own value range, a function uint8 (1, 3, H, W); -> images.

Images are one tensor or array (B, 1 or 3, H, W): uint8, or floats in a declared range, which is never guessed. What
cannot be seen from outside is stated by attributes of what is given, or by options and keywords, which win:

* `latent_dim`: width Z of a latent, or its shape, as in (100, 1, 1);
* `value_range`: "0..1" or "-1..1", what floats mean;
* `scale`: factor of a super-resolution generator, so that its inputs can be made from the originals;
* `classes`: names of K classes, or K; image i is asked to be of class i mod K.

Networks run in eval mode without gradients. A generator that draws noise from torch's global random number generator
gets the same noise for the same images, and the global one is put back afterwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ganeval.generators.source import Draw, LatentSpace
from ganeval.generators.translated import Translate
from ganeval.sources.arrays import ValueRange


@dataclass(frozen=True)
class Declared:
    """What options or keywords state of a generator; None where they state nothing.

    Attributes:
        latent: Shape of one latent.
        value_range: What floats mean.
    """

    latent: tuple[int, ...] | None = None
    value_range: ValueRange | None = None


@dataclass(frozen=True)
class Generator:
    """A generator that is ready to be asked.

    Attributes:
        name: What the user typed, or what rows call it.
        draw: Draws images, for a generator that draws; takes the class of all images, or None for classes in turn.
        translate: Translates one image, for a generator that translates.
        scale: Factor of a super-resolution generator.
        classes: Names of the classes, () for none.
        value_range: What its floats mean, None where it is not stated.
        facts: What rows say of it.
        latents: Its images at chosen latents, for a generator that draws from them; None for other generators.
        by_index: True for a function of indices, whose image i may belong to original i.
    """

    name: str
    draw: Callable[[int | None], Draw] | None = None
    translate: Translate | None = None
    scale: int | None = None
    classes: tuple[str, ...] = ()
    value_range: ValueRange | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    latents: LatentSpace | None = None
    by_index: bool = False
