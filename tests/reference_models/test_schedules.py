"""The learning rate schedules: end points, torch's own schedulers, JSON, and what is refused."""

import json
import math

import pytest
import torch

from ganeval.errors import UsageError
from reference_models.recipes.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Cyclic,
    ExponentialDecay,
    LinearDecay,
    StepDecay,
    TimeDecay,
    schedule_from_json,
    schedule_to_json,
)

EXAMPLES = {
    "constant": Constant(2e-4),
    "time": TimeDecay(0.1, decay=0.5, epoch_steps=10),
    "exponential": ExponentialDecay(0.1, decay=0.2, epoch_steps=10),
    "step": StepDecay(1e-4, factor=0.1, every=100),
    "linear": LinearDecay(2e-4, start=100, end=200),
    "cosine": Cosine(0.1, final=0.01, steps=100),
    "cyclic": Cyclic(high=0.1, low=0.02, period=20, warmup=4),
}


def test_every_schedule_has_an_example_here():
    assert {name: type(example) for name, example in EXAMPLES.items()} == dict(SCHEDULES)


@pytest.mark.parametrize(
    ("name", "step", "rate"),
    [
        ("constant", 0, 2e-4),
        ("constant", 10**9, 2e-4),
        ("time", 9, 0.1),
        ("time", 10, 0.1 / 1.5),
        ("time", 45, 0.1 / 3),
        ("exponential", 9, 0.1),
        ("exponential", 10, 0.1 * math.exp(-0.2)),
        ("exponential", 55, 0.1 / math.e),
        ("step", 99, 1e-4),
        ("step", 100, 1e-5),
        ("step", 299, 1e-6),
        ("linear", 0, 2e-4),
        ("linear", 100, 2e-4),
        ("linear", 150, 1e-4),
        ("linear", 200, 0.0),
        ("linear", 999, 0.0),
        ("cosine", 0, 0.1),
        ("cosine", 50, 0.055),
        ("cosine", 100, 0.01),
        ("cosine", 500, 0.01),
        ("cyclic", 0, 0.02),
        ("cyclic", 3, 0.08),
        ("cyclic", 4, 0.1),
        ("cyclic", 14, 0.02),
        ("cyclic", 24, 0.1),
        ("cyclic", 29, 0.06),
    ],
)
def test_schedules_pass_through_their_stated_points(name, step, rate):
    assert EXAMPLES[name](step) == pytest.approx(rate, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize(
    ("schedule", "of_torch"),
    [
        (StepDecay(0.5, 0.1, 3), lambda o: torch.optim.lr_scheduler.StepLR(o, 3, gamma=0.1)),
        (ExponentialDecay(0.5, 0.3, 1), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, math.exp(-0.3))),
        (Cosine(0.5, 0.1, 20), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20, eta_min=0.1)),
    ],
)
def test_schedules_agree_with_torchs(schedule, of_torch):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = of_torch(optimiser)
    for step in range(20):
        assert schedule(step) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        scheduler.step()


def test_the_triangle_agrees_with_torchs_cyclic_schedule():
    # torch's starts at the low end: half a period later than ours.
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CyclicLR(optimiser, 0.02, 0.1, step_size_up=5, cycle_momentum=False)
    ours = Cyclic(high=0.1, low=0.02, period=10, warmup=0)
    for step in range(30):
        assert ours(step + 5) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        scheduler.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_survive_json_and_are_never_negative(name):
    carried = json.loads(json.dumps(schedule_to_json(EXAMPLES[name])))

    assert carried["kind"] == name
    assert schedule_from_json(carried) == EXAMPLES[name]
    assert all(EXAMPLES[name](step) >= 0.0 for step in range(1000))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "cosin", "lr": 1.0}, "Unknown schedule 'cosin'. Did you mean 'cosine'"),
        ({"lr": 1.0}, "Unknown schedule 'None'"),
        ({"kind": "linear", "lr": 1.0}, "schedule 'linear' lacks 2 setting.* start, end"),
        ({"kind": "constant", "lr": 1.0, "decay": 0.1}, "setting of schedule 'constant': 'decay'"),
        ({"kind": "constant", "lr": "fast"}, "schedule 'constant': lr must be a finite number; got 'fast'"),
        ({"kind": "constant", "lr": -1.0}, "lr must be at least 0; got -1.0"),
        ({"kind": "step", "lr": 1.0, "factor": 0.1, "every": 0}, "every must be at least 1; got 0"),
        ({"kind": "time", "lr": 1.0, "decay": -1.0, "epoch_steps": 1}, "decay must be at least 0"),
        ({"kind": "linear", "lr": 1.0, "start": 5, "end": 5}, "start must be below end; got start 5, end 5"),
        ({"kind": "cyclic", "high": 1.0, "low": 0.0, "period": 1, "warmup": 0}, "period must be at least 2; got 1"),
        ({"kind": "cyclic", "high": 1.0, "low": 0.0, "period": 4, "warmup": -1}, "warmup must be at least 0"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(values, message):
    with pytest.raises(UsageError, match=message):
        schedule_from_json(values)
