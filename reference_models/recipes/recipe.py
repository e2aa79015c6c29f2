"""A recipe: a frozen training configuration, from data to evaluation, with its expected score.

Variants are made by `dataclasses.replace`, without inheritance or a file format. Every part is a flat dataclass, so
that `--set part.key=value` and a checkpoint's JSON share one check, that of `reference_models.models.config`.
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ganeval.errors import UsageError
from ganeval.registry import unknown_name
from reference_models.models.config import (
    ConfigValue,
    require_not_negative,
    require_positive,
    require_share,
    to_json,
    updated,
)
from reference_models.recipes.schedules import SCHEDULES, Cyclic, Schedule, schedule_over, schedule_to_json

Tier = Literal["cpu", "data", "full"]
LossName = Literal["minimax", "non-saturating", "wasserstein", "least-squares", "hinge"]
Transform = Literal["images", "mixture", "crops", "edges", "grey", "masked", "restyled", "pairs", "two-sets"]
InitName = Literal["default", "xavier", "he", "normal"]
Precision = Literal["32-true", "bf16-mixed"]
Direction = Literal["a2b", "b2a"]
DIRECTIONS: tuple[Direction, Direction] = ("a2b", "b2a")


@dataclass(frozen=True)
class DataPlan:
    """The data set and its transform (`reference_models.data.training_data` has the rules).

    Attributes:
        id: A data set id of `ganeval list datasets`, "mixture-1d", or a folder below the data folder ("div2k").
        train: Split for training.
        test: Split for periodic scores.
        transform: "images": single images, resized to the model's side; "mixture": random numbers; "crops": random
            crops of photos, for super-resolution; "edges", "grey" and "masked": random crops, with inputs made from
            them by `transforms.CONDITIONS`; "restyled": random crops, and independent ones of the restyled photos;
            "pairs": files with input and output side by side; "two-sets": two folders of images.
        flip: Mirror half of the images.
        balanced: Sample all classes equally often.
    """

    id: str
    train: str = "train"
    test: str = "test"
    transform: Transform = "images"
    flip: bool = False
    balanced: bool = False


@dataclass(frozen=True)
class Training:
    """Number of steps, and intervals of logs and checkpoints. A step is one generator update.

    Attributes:
        steps: Generator updates.
        batch_size: Images per batch, over all devices.
        d_steps: Discriminator updates per step.
        pretrain_steps: First steps, in which the generator is trained on pixels alone (super-resolution).
        loss: A name of `losses.LOSSES`.
        init: Initialisation of both networks.
        precision: Precision of the networks: float32, or mixed with bfloat16.
        log_every: Steps between lines of metrics.jsonl.
        grid_every: Steps between sample grids.
        save_every: Steps between resumable states: the most that a killed run loses.
    """

    steps: int
    batch_size: int
    d_steps: int = 1
    pretrain_steps: int = 0
    loss: LossName = "non-saturating"
    init: InitName = "default"
    precision: Precision = "32-true"
    log_every: int = 50
    grid_every: int = 1000
    save_every: int = 1000

    def __post_init__(self) -> None:
        require_not_negative(self)
        for name in ("steps", "batch_size", "d_steps", "log_every", "grid_every", "save_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1; got {getattr(self, name)}.")


@dataclass(frozen=True)
class Optimiser:
    """Adam (beta1, beta2) or RMSprop (beta2 is its smoothing); the learning rate is the schedule's."""

    kind: Literal["adam", "rmsprop"] = "adam"
    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self) -> None:
        require_share("beta1", self.beta1)
        require_share("beta2", self.beta2)


@dataclass(frozen=True)
class Techniques:
    """Stabilisers of `stabilise.py`; all are off by default.

    Attributes:
        real_label: The discriminator's target for real images; 0.9 is one-sided label smoothing.
        gradient_penalty: Weight of the gradient penalty.
        r1: γ of R1.
        drift: Weight of the drift penalty, which keeps the critic's scores of real images near zero.
        clip: Bound of the critic's weights; 0 for none.
        weight_penalty: λ of the L2 penalty on the discriminator's weights.
        ema: Decay of the generator's moving average, which is sampled and saved; 0 for none.
        instance_noise: Standard deviation of the noise on the discriminator's inputs at step 0.
        instance_noise_steps: Steps until that noise is zero.
        replay: Capacity of the replay buffer for the discriminator.
        replay_share: Probability that a past fake replaces a new one.
        augment_color: DiffAugment's strengths, of color, ...
        augment_translation: ... translation ...
        augment_cutout: ... and cutout.
        spectral_norm: Apply it to every layer of the discriminator.
        fade_steps: Steps in which a new level of a progressive network is faded in.
        stable_steps: Steps on a level before the next one.
    """

    real_label: float = 1.0
    gradient_penalty: float = 0.0
    r1: float = 0.0
    drift: float = 0.0
    clip: float = 0.0
    weight_penalty: float = 0.0
    ema: float = 0.0
    instance_noise: float = 0.0
    instance_noise_steps: int = 1
    replay: int = 0
    replay_share: float = 0.5
    augment_color: float = 0.0
    augment_translation: float = 0.0
    augment_cutout: float = 0.0
    spectral_norm: bool = False
    fade_steps: int = 0
    stable_steps: int = 0

    def __post_init__(self) -> None:
        require_not_negative(self)
        require_share("ema", self.ema)
        if self.real_label > 1.0 or self.replay_share > 1.0:
            raise UsageError(f"real_label and replay_share must be at most 1; got {self}.")


@dataclass(frozen=True)
class LossWeights:
    """Weights of an image-to-image model's losses.

    Attributes:
        adversarial: Weight of the adversarial loss.
        l1: Weight of the absolute difference to the true image.
        pixel: Weight of the squared difference to the true image.
        content: Weight of the squared difference of feature maps.
        content_network: Network of the maps: "hedvgg16" or "vgg19".
        content_layer: Layer of the maps.
        content_scale: Factor on the maps.
        cycle: Weight of the cycle consistency loss.
        identity: Weight of the identity loss.
    """

    adversarial: float = 1.0
    l1: float = 0.0
    pixel: float = 0.0
    content: float = 0.0
    content_network: Literal["none", "hedvgg16", "vgg19"] = "none"
    content_layer: str = "relu5_4"
    content_scale: float = 1.0
    cycle: float = 0.0
    identity: float = 0.0

    def __post_init__(self) -> None:
        require_not_negative(self)
        if (self.content > 0.0) != (self.content_network != "none"):
            raise UsageError(
                f"A content loss needs a weight and a network; got content {self.content} on {self.content_network!r}."
            )


@dataclass(frozen=True)
class EvaluationPlan:
    """Periodic scores, by which the best checkpoint is chosen.

    Attributes:
        metric: A metric key ("fd@efflite0", "psnr"), or "w1" for numbers.
        n: Images per score; image-to-image models use all test images up to n.
        every: Steps between scores; the last step is always scored.
        direction: Generator of an unpaired model that is scored, and the default direction of its checkpoints: "a2b"
            from the first set to the second, "b2a" back.
    """

    metric: str
    n: int
    every: int
    direction: Direction = "a2b"

    def __post_init__(self) -> None:
        require_positive(self)


@dataclass(frozen=True)
class Expected:
    """Measured result of a recipe over training seeds, for one metric and checkpoint.

    `sd` is None with fewer than three seeds, which give no interval to check against.
    """

    metric: str
    checkpoint: Literal["untrained", "last", "best"]
    mean: float
    sd: float | None
    seeds: int


@dataclass(frozen=True)
class Recipe:
    """A training recipe.

    Attributes:
        name: "<model>.<data>" for the full recipe, "<model>.<data>-cpu" for the small one; "-tuned" for a variant of a
            tutorial's recipe.
        model: A name of `MODELS`.
        tier: "cpu" runs in minutes on two cores with bundled data; "data" too, but needs a data set; "full" is for a
            GPU, or for up to an hour on two cores.
        data: Data set and transform.
        training: Steps, batch, loss.
        evaluation: Periodic scores.
        schedule: Learning rate of the generator, and of the discriminator unless it has its own.
        d_schedule: Learning rate of the discriminator; None for the same.
        optimiser: Optimiser of both networks.
        techniques: Stabilisers.
        weights: Weights of an image-to-image model's losses.
        settings: Settings of the model that differ from its defaults.
        sources: Settings -> source of their values; values without a source are this project's choice.
        expected: Measured results, () before there are any.
        wall_time: Minutes and device, in words; "" until measured.
    """

    name: str
    model: str
    tier: Tier
    data: DataPlan
    training: Training
    evaluation: EvaluationPlan
    schedule: Schedule
    d_schedule: Schedule | None = None
    optimiser: Optimiser = Optimiser()
    techniques: Techniques = Techniques()
    weights: LossWeights = LossWeights()
    settings: Mapping[str, ConfigValue] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    expected: tuple[Expected, ...] = ()
    wall_time: str = ""


SETTINGS = ("data", "training", "optimiser", "techniques", "weights", "evaluation")
RATES = ("schedule", "d_schedule")
PARTS = (*SETTINGS, *RATES)
WITHOUT_LABELS = ("wasserstein", "hinge")  # losses
RecipeJson = dict[str, Any]


def plan_to_json(recipe: Recipe) -> RecipeJson:
    """The settings that determine the weights of a run, as JSON: runs with equal settings and seed are the same run."""
    parts: RecipeJson = {part: to_json(getattr(recipe, part)) for part in SETTINGS}
    for part in RATES:
        schedule = getattr(recipe, part)
        parts[part] = None if schedule is None else schedule_to_json(schedule)
    return {"name": recipe.name, "model": recipe.model, "tier": recipe.tier, "settings": dict(recipe.settings), **parts}


def recipe_to_json(recipe: Recipe) -> RecipeJson:
    """All settings, with sources and expected results, as JSON."""
    return {
        **plan_to_json(recipe),
        "sources": dict(recipe.sources),
        "expected": [dataclasses.asdict(expected) for expected in recipe.expected],
        "wall_time": recipe.wall_time,
    }


def with_settings(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """The recipe changed by `key=value` assignments of `--set`; a changed recipe has no expected results.

    Its name ends in six digits of the changed settings' sha256, so that boards, which pool training seeds by name, keep
    its rows apart from those of the recipe.

    Args:
        recipe: The recipe.
        assignments: "steps=200" (of `training`), "model.width=32", or "<part>.<key>=<value>". Values are JSON, or text.
            "lr=1e-3" sets the rate of any schedule. "loss=hinge" also switches the stabilisers that belong to a loss
            (`for_loss`), unless they are set too. "schedule.kind=cyclic" selects another schedule over the run's
            steps, whose other settings may be set too. "d_schedule.lr=4e-4" gives the discriminator its own schedule,
            a copy of the generator's.

    Raises:
        UsageError: no "=", an unknown key, or an invalid value.
    """
    changed, named = recipe, set[str]()
    rates: dict[str, dict[str, object]] = {part: {} for part in RATES}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise UsageError(f"--set takes key=value, as in --set steps=200; got {assignment!r}.")
        part, dot, name = key.strip().partition(".")
        if not dot and part == "lr":
            if recipe.d_schedule is not None:
                raise UsageError(
                    f"--set lr: {recipe.name} has two learning rates; write schedule.lr=... and d_schedule.lr=..."
                )
            part, dot, name = "schedule", ".", "lr"
        named.add(f"{part}.{name}" if dot else f"training.{part}")
        if dot and part in RATES:
            rates[part][name] = _parsed(text.strip())
        else:
            changed = _with_setting(changed, key.strip(), _parsed(text.strip()))
    if changed.training.loss != recipe.training.loss:
        changed = for_loss(changed, named)
    for part in RATES:  # last: they may depend on the number of steps, and the second on the first
        if rates[part]:
            own: dict[str, Any] = {part: _schedule(changed, part, rates[part])}
            changed = dataclasses.replace(changed, **own)
    if not assignments:
        return recipe
    plan = plan_to_json(changed)
    name = recipe.name
    if plan != plan_to_json(recipe):
        name += f"+{hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:6]}"
    return dataclasses.replace(changed, name=name, expected=(), wall_time="")


def for_loss(recipe: Recipe, named: Collection[str] = ()) -> Recipe:
    """The recipe with the stabilisers of its loss; settings in `named` ("techniques.clip") are kept.

    The critic of the Wasserstein loss must be 1-Lipschitz, and is trained ahead of the generator: it gets the gradient
    penalty and five updates per step (Gulrajani et al. 2017, algorithm 1), unless it is bounded in another way. Other
    losses need neither penalty nor clipping. Label smoothing needs a loss with labels.

    Raises:
        UsageError: label smoothing was set for a loss without labels.
    """
    techniques, training = recipe.techniques, recipe.training
    if training.loss in WITHOUT_LABELS and techniques.real_label != 1.0:
        if "techniques.real_label" in named:
            raise UsageError(
                f"The {training.loss} loss has no labels to smooth: drop techniques.real_label, or use minimax, "
                "non-saturating or least-squares."
            )
        techniques = dataclasses.replace(techniques, real_label=1.0)
    if training.loss == "wasserstein":
        bounded = techniques.clip or techniques.gradient_penalty or techniques.spectral_norm
        if not bounded and "techniques.gradient_penalty" not in named:
            techniques = dataclasses.replace(techniques, gradient_penalty=10.0)
        if training.d_steps == 1 and "training.d_steps" not in named:
            training = dataclasses.replace(training, d_steps=5)
    else:
        unused = [key for key in ("clip", "gradient_penalty", "drift") if f"techniques.{key}" not in named]
        techniques = updated(techniques, dict.fromkeys(unused, 0.0), f"techniques of {recipe.name}")
    return dataclasses.replace(recipe, techniques=techniques, training=training)


def taken_along(before: Recipe, after: Recipe, assignments: Sequence[str]) -> list[str]:
    """Settings that changed without being set: "techniques.clip=0.0"."""
    named = {assignment.partition("=")[0].strip() for assignment in assignments}
    changed = []
    for part in ("training", "techniques"):
        old, new = to_json(getattr(before, part)), to_json(getattr(after, part))
        changed += [
            f"{part}.{key}={json.dumps(value)}"
            for key, value in new.items()
            if value != old[key] and f"{part}.{key}" not in named and not (part == "training" and key in named)
        ]
    return changed


def _with_setting(recipe: Recipe, key: str, value: object) -> Recipe:
    part, dot, name = key.partition(".")
    if not dot:
        part, name = "training", key
    if part == "model":
        from reference_models.models import MODELS

        spec = MODELS.get(recipe.model)
        config = to_json(spec.configure({**recipe.settings, name: value}))
        return dataclasses.replace(recipe, settings={**recipe.settings, name: config[name]})
    if part not in PARTS:
        raise unknown_name("part of a recipe:", part, ["model", *PARTS])
    try:
        changed = updated(getattr(recipe, part), {name: value}, f"{part} of {recipe.name}")
    except UsageError as error:
        homes = [p for p in (*SETTINGS, "schedule") if name in to_json(getattr(recipe, p))]
        if not dot and homes and part not in homes:
            raise UsageError(f"--set {key}: that belongs to another part; write {homes[0]}.{name}=...") from error
        raise UsageError(f"--set {key}: {error}") from error
    return dataclasses.replace(recipe, **{part: changed})


def _schedule(recipe: Recipe, part: str, values: dict[str, object]) -> Schedule:
    """A schedule with the given settings.

    Raises:
        UsageError: an unknown kind or setting, or an invalid value.
    """
    named = {name: value for name, value in values.items() if name != "kind"}
    current: Schedule = getattr(recipe, part) or recipe.schedule
    kind = str(values.get("kind", schedule_to_json(current)["kind"]))
    if SCHEDULES.get(kind) is not type(current):
        lr = current.high if isinstance(current, Cyclic) else current(0)
        current = schedule_over(kind, lr, recipe.training.steps)
    top = named.get("lr")
    if isinstance(current, Cyclic) and isinstance(top, int | float) and current.high > 0.0:
        del named["lr"]  # for a triangle it is the top; the bottom scales with it
        named = {"high": top, "low": current.low * top / current.high, **named}
    try:
        return updated(current, named, f"{part} of {recipe.name}, {kind!r}")
    except UsageError as error:
        raise UsageError(f"--set {part}.{next(iter(named), 'kind')}: {error}") from error


def _parsed(text: str) -> object:
    """A JSON value, a number in Python's notation, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # a number of 5,000 digits is a ValueError too
        pass
    try:
        return float(text)
    except ValueError:
        return text
