"""The tutorials' training loops written out plainly, to be as fast as, and to give the same losses as: the yardstick.

Eager PyTorch, Adam with its defaults, images as floats on the CPU behind a DataLoader, one network call for each term
of a loss. Networks, data and noise are those of the project, so the losses can be compared number by number.

    python -m tests.benchmarks.tutorial_loops             # steps/s, interleaved, and the ratios
    python -m tests.benchmarks.tutorial_loops dcgan       # of one model

The third column is this project's loop with `--set precision=bf16-mixed`, which pays where the processor multiplies
bfloat16 itself (AMX, AVX-512 BF16); its losses are then those of another precision.
"""

import dataclasses
import statistics
import sys
import time

import torch
from torch.utils.data import DataLoader, TensorDataset

from reference_models.data import Batch, load_training_data
from reference_models.losses import LOSSES, content_loss
from reference_models.models import MODELS
from reference_models.players import make_players
from reference_models.recipe import Techniques
from reference_models.recipes import RECIPES
from reference_models.sampling import stream
from reference_models.steps import STEPS

CPU = torch.device("cpu")
MODELS_COMPARED = ("gan-mlp", "dcgan", "cgan-conv", "srgan", "cyclegan")
POOL = 16  # batches of photo crops that the tutorial's DataLoader goes round in


def plain(name):
    """The small recipe of a model without the techniques that its tutorial does not have."""
    data = "photos" if MODELS.get(name).kind in ("super-resolution", "unpaired", "paired") else "digits"
    recipe = RECIPES.get(f"{name}.{data}-cpu")
    # Dropout's noise could not be the same in both; spectral norm moves on with every call, and ours makes one of two.
    settings = {k: v for k, v in recipe.settings.items() if k not in ("dropout", "spectral_norm")}
    training = dataclasses.replace(recipe.training, pretrain_steps=0)
    return dataclasses.replace(recipe, techniques=Techniques(), settings=settings, training=training)


class Ours:
    """Steps as `reference_models.train` makes them."""

    def __init__(self, recipe, double=False, bf16=False):
        self.players = make_players(recipe, 0, CPU, torch.Tensor.backward)
        self.data = data_of(recipe)
        self.double = double
        self.bf16 = bf16
        if double:
            to_double(self.players)

    def step(self, number):
        rng = stream(0, 3, number, 0)
        kind = self.players.spec.kind
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return STEPS[kind](self.players, lambda k: cast(self.data.batch(number, rng), self.double), number, rng)


class Tutorial:
    """Steps as the tutorials write them."""

    def __init__(self, recipe, feed=None, double=False):
        players = make_players(recipe, 0, CPU, torch.Tensor.backward)  # the same weights
        if double:
            to_double(players)
        self.players, self.weights, self.spec = players, recipe.weights, players.spec
        self.g, self.d = (
            [n.to(memory_format=torch.contiguous_format) for n in side]
            for side in (players.generators, players.discriminators)
        )
        betas = (recipe.optimiser.beta1, recipe.optimiser.beta2)
        lr = recipe.schedule(0)
        self.g_optimiser = torch.optim.Adam([p for n in self.g for p in n.parameters()], lr=lr, betas=betas)
        self.d_optimisers = [torch.optim.Adam(n.parameters(), lr=lr, betas=betas) for n in self.d]
        self.game = LOSSES[recipe.training.loss]
        self.feed = feed

    def step(self, number):
        batch, rng = self.feed(number)
        kind = {"unpaired": self.unpaired, "super-resolution": self.super_resolution}
        return kind.get(self.spec.kind, self.adversarial)(batch, rng)

    def adversarial(self, batch, rng):
        (g,), (d,), labels = self.g, self.d, () if batch.labels is None else (batch.labels,)
        if self.spec.kind != "conditional":
            labels = ()
        noise = torch.randn((len(batch.images), self.players.config.latent_dim), generator=rng)
        fake = g(noise, *labels)
        loss_d = self.judge(0, lambda images: d(images, *labels), batch.images, fake)
        loss_g = self.game.generator(d(fake, *labels))
        self.update(loss_g)
        return {"loss_d": loss_d, "loss_g": loss_g.detach()}

    def super_resolution(self, batch, rng):
        (g,), (d,) = self.g, self.d
        fake = g(batch.condition)
        content = content_loss(
            [self.players.content(fake)], [self.players.content(batch.images).detach()], self.weights.content_scale
        )
        pixel = ((fake - batch.images) ** 2).mean()
        loss_d = self.judge(0, d, batch.images, fake)
        loss_g = self.game.generator(d(fake))
        self.update(self.weights.pixel * pixel + self.weights.content * content + self.weights.adversarial * loss_g)
        return {"loss_d": loss_d, "loss_g": loss_g.detach(), "pixel": pixel.detach(), "content": content.detach()}

    def unpaired(self, batch, rng):
        (to_b, to_a), (d_b, d_a) = self.g, self.d
        a, b = batch.images, batch.other
        identity = (to_a(a) - a).abs().mean() + (to_b(b) - b).abs().mean()
        fake_b, fake_a = to_b(a), to_a(b)
        loss_g = self.game.generator(d_b(fake_b)) + self.game.generator(d_a(fake_a))
        cycle = (to_a(fake_b) - a).abs().mean() + (to_b(fake_a) - b).abs().mean()
        w = self.weights
        self.update(w.adversarial * loss_g + w.cycle * cycle + w.identity * identity)
        losses = {"loss_g": loss_g.detach(), "cycle": cycle.detach(), "identity": identity.detach()}
        losses["loss_d_b"] = self.judge(0, d_b, b, fake_b)
        losses["loss_d_a"] = self.judge(1, d_a, a, fake_a)
        return losses

    def judge(self, number, d, real, fake):
        loss = self.game.discriminator(d(real), d(fake.detach()), 1.0)
        self.d_optimisers[number].zero_grad()
        loss.backward()
        self.d_optimisers[number].step()
        return loss.detach()

    def update(self, loss):
        self.g_optimiser.zero_grad()
        loss.backward()
        self.g_optimiser.step()


def data_of(recipe):
    spec = MODELS.get(recipe.model)
    config = spec.configure(recipe.settings)
    return load_training_data(
        recipe.data, config, spec.output_range, batch_size=recipe.training.batch_size, seed=0, device=CPU
    )


def to_double(players):
    """Networks in float64, where two orders of one sum do not part after a few steps of Adam."""
    for network in (*players.generators, *players.discriminators):
        network.double()
    if players.content is not None:
        players.content.layers.double()


def cast(batch, double):
    if not double:
        return batch
    present = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
    return Batch(**{k: v.double() if v is not None and v.is_floating_point() else v for k, v in present.items()})


def same_batches(recipe, double=False):
    """Batch and noise of step k exactly as the project draws them: to compare losses."""
    data = data_of(recipe)

    def feed(number):
        rng = stream(0, 3, number, 0)
        return cast(data.batch(number, rng), double), rng

    return feed


def data_loader(recipe):
    """Floats on the CPU, shuffled and collated one by one: to compare speed."""
    data, size = data_of(recipe), recipe.training.batch_size
    fields = ("images", "labels", "condition", "other")
    batches = [data.batch(k, stream(0, 9, k)) for k in range(POOL)]
    present = [f for f in fields if getattr(batches[0], f) is not None]
    tensors = TensorDataset(*(torch.cat([getattr(b, f) for b in batches]) for f in present))

    def endless():
        while True:
            yield from DataLoader(tensors, batch_size=size, shuffle=True, drop_last=True)

    rounds = endless()
    return lambda number: (
        Batch(**dict(zip(present, next(rounds), strict=True))),
        torch.Generator().manual_seed(number),
    )


def compare(name, steps=10, rounds=6):
    """Steps/s of each side, and the median of its ratios to the tutorial in neighbouring rounds (A B C C B A)."""
    recipe = plain(name)
    sides = {
        "ours": Ours(recipe),
        "tutorial": Tutorial(recipe, data_loader(recipe)),
        "bf16": Ours(recipe, bf16=True),
    }
    done = dict.fromkeys(sides, 0)
    for side in sides.values():
        side.step(0)
    rates = {which: [] for which in sides}
    for number in range(rounds):
        for which in list(sides) if number % 2 == 0 else reversed(list(sides)):
            started = time.perf_counter()
            for _ in range(steps):
                done[which] += 1
                sides[which].step(done[which])
            rates[which].append(steps / (time.perf_counter() - started))
    ratios = {
        which: statistics.median(a / b for a, b in zip(rates[which], rates["tutorial"], strict=True)) for which in sides
    }
    return {which: statistics.median(rates[which]) for which in sides}, ratios


def main(names):
    threads = torch.get_num_threads()
    print(f"{'model':<12}{'tutorial, steps/s':>18}{'ours':>9}{'ratio':>8}{'bf16':>9}{'ratio':>8}   ({threads} threads)")
    for name in names or MODELS_COMPARED:
        rates, ratios = compare(name)
        print(
            f"{name:<12}{rates['tutorial']:>18.2f}{rates['ours']:>9.2f}{ratios['ours']:>8.2f}"
            f"{rates['bf16']:>9.2f}{ratios['bf16']:>8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
