"""Learning rate schedules: frozen dataclasses, pure functions of the step, with a table and a JSON form.

A step is one generator update, counted from 0. Schedules that tutorials define per epoch have `epoch_steps`, the number
of steps in an epoch, and change between epochs only.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ganeval.errors import UsageError
from ganeval.registry import unknown_name
from reference_models.models.config import ConfigValue, from_json, require_not_negative, require_positive, to_json


@runtime_checkable
class Schedule(Protocol):
    """A schedule: step -> learning rate."""

    def __call__(self, step: int) -> float:
        """The learning rate of a step, >= 0."""


@dataclass(frozen=True)
class Constant:
    """`lr`, always."""

    lr: float

    def __post_init__(self) -> None:
        require_not_negative(self)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        del step
        return self.lr


@dataclass(frozen=True)
class TimeDecay:
    """lr / (1 + decay · epoch): Keras 2's `decay`, per epoch."""

    lr: float
    decay: float
    epoch_steps: int

    def __post_init__(self) -> None:
        require_positive(self)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        return self.lr / (1.0 + self.decay * (step // self.epoch_steps))


@dataclass(frozen=True)
class ExponentialDecay:
    """lr · e^(-decay · epoch)."""

    lr: float
    decay: float
    epoch_steps: int

    def __post_init__(self) -> None:
        require_positive(self)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        return self.lr * math.exp(-self.decay * (step // self.epoch_steps))


@dataclass(frozen=True)
class StepDecay:
    """lr · factor^(step // every): SRGAN has factor 0.1 every 100,000 steps."""

    lr: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        require_positive(self)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        return self.lr * self.factor ** (step // self.every)


@dataclass(frozen=True)
class LinearDecay:
    """lr until `start`, then linear to 0 at `end`; CycleGAN decays over its second half."""

    lr: float
    start: int
    end: int

    def __post_init__(self) -> None:
        require_not_negative(self)
        if self.start >= self.end:
            raise UsageError(f"start must be below end; got start {self.start}, end {self.end}.")

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        return self.lr * min(1.0, max(0.0, (self.end - step) / (self.end - self.start)))


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `lr` at 0 to `final` at `steps`, then `final` (Loshchilov & Hutter 2017, eq. 5)."""

    lr: float
    final: float
    steps: int

    def __post_init__(self) -> None:
        require_positive(self)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        share = min(1.0, step / self.steps)
        return self.final + 0.5 * (self.lr - self.final) * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class Cyclic:
    """A linear warm-up to `high`, then a triangle high -> low -> high every `period` steps (Smith 2017).

    Attributes:
        high: Largest learning rate, first reached at step `warmup`.
        low: Smallest after the warm-up, reached half a period later.
        period: Steps per triangle, at least 2.
        warmup: Steps of the warm-up; step s < warmup has high · (s+1) / (warmup+1), so the first is not 0.
    """

    high: float
    low: float
    period: int
    warmup: int

    def __post_init__(self) -> None:
        require_not_negative(self)
        if self.period < 2:
            raise UsageError(f"period must be at least 2; got {self.period}.")

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        if step < self.warmup:
            return self.high * (step + 1) / (self.warmup + 1)
        phase = (step - self.warmup) % self.period / self.period
        return self.low + (self.high - self.low) * abs(2.0 * phase - 1.0)


SCHEDULES: Mapping[str, type[Schedule]] = {
    "constant": Constant,
    "time": TimeDecay,
    "exponential": ExponentialDecay,
    "step": StepDecay,
    "linear": LinearDecay,
    "cosine": Cosine,
    "cyclic": Cyclic,
}


def schedule_over(kind: str, lr: float, steps: int) -> Schedule:
    """The default schedule of a kind for a run of `steps`, with start or maximum `lr`.

    "time" ends at half of `lr` and "exponential" at a tenth, "step" falls to a tenth halfway, "linear" and "cosine" end
    at zero, "cyclic" warms up for 1% of the run and has ten triangles down to a tenth of `lr`.

    Raises:
        UsageError: an unknown kind.
    """
    epoch, half = max(1, steps // 100), max(1, steps // 2)
    made: Mapping[str, Schedule] = {
        "constant": Constant(lr),
        "time": TimeDecay(lr, decay=0.01, epoch_steps=epoch),
        "exponential": ExponentialDecay(lr, decay=math.log(10.0) / 100.0, epoch_steps=epoch),
        "step": StepDecay(lr, factor=0.1, every=half),
        "linear": LinearDecay(lr, start=steps // 2, end=steps),
        "cosine": Cosine(lr, final=0.0, steps=steps),
        "cyclic": Cyclic(high=lr, low=lr / 10.0, period=max(2, steps // 10), warmup=steps // 100),
    }
    if kind not in made:
        raise unknown_name("schedule", kind, list(made))
    return made[kind]


def schedule_to_json(schedule: Schedule) -> dict[str, ConfigValue]:
    """A schedule as {"kind": name, field: value, ...}."""
    (kind,) = (name for name, schedule_type in SCHEDULES.items() if schedule_type is type(schedule))
    return {"kind": kind, **to_json(schedule)}


def schedule_from_json(values: Mapping[str, object]) -> Schedule:
    """The schedule from the form of `schedule_to_json`.

    Raises:
        UsageError: a missing or unknown kind, an unknown or missing field, or a value of the wrong type.
    """
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in SCHEDULES:
        raise unknown_name("schedule", str(kind), list(SCHEDULES))
    fields = {name: value for name, value in values.items() if name != "kind"}
    return from_json(SCHEDULES[kind], fields, f"schedule {kind!r}")
