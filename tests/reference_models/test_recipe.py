"""Recipes: both tiers of every model, settings that are checked, JSON that says everything."""

import dataclasses
import json
import re
import subprocess
import sys

import pytest

from ganeval.errors import UsageError
from ganeval.sources.datasets.table import DATASETS
from reference_models.models import MODELS
from reference_models.recipes import RECIPES, default_recipe, recipes_of
from reference_models.recipes.recipe import Training, plan_to_json, recipe_to_json, with_settings
from reference_models.recipes.schedules import SCHEDULES, Constant, Cyclic, ExponentialDecay
from reference_models.training.evaluation import NUMBERS

EMBEDDED = {"digits", "photos", "mixture-1d"}
# Full plans on one data set beside another: with named changes, the tutorial's own, or under another schedule.
VARIANTS = {name: f"-{name}" for name in ("tuned", "tutorial", "exponential", "cyclic")}


def test_every_model_has_a_small_and_a_full_recipe():
    for model in MODELS:
        tiers = [RECIPES.get(name).tier for name in recipes_of(model)]

        assert tiers[0] == "cpu", model
        assert "full" in tiers, model
        assert RECIPES.get(default_recipe(model)).tier == "cpu"


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_recipe_is_named_after_its_model_data_and_tier(name):
    recipe = RECIPES.get(name)
    suffix = VARIANTS.get(name.rpartition("-")[2], "") if recipe.tier == "full" else "-cpu"
    if recipe.data.transform in ("grey", "masked"):
        suffix = f"-{recipe.data.transform}{suffix}"

    assert recipe.name == name == f"{recipe.model}.{recipe.data.id}{suffix}"
    assert (recipe.data.id in EMBEDDED) == (recipe.tier == "cpu" or recipe.data.id == "mixture-1d")
    assert recipe.data.id in EMBEDDED | set(DATASETS)


def test_every_grey_model_has_a_plan_on_fashion_mnist_that_ends_within_an_hour_and_needs_no_fetched_weights():
    grey = [name for name in MODELS if f"{name}.fashion-mnist-cpu" in RECIPES]
    plans = [RECIPES.get(f"{name}.fashion-mnist") for name in grey]

    assert len(plans) == 14
    assert {(plan.tier, plan.data.id, plan.data.test) for plan in plans} == {("full", "fashion-mnist", "test")}
    assert {(plan.evaluation.metric, plan.evaluation.n) for plan in plans} == {("fd@efflite0", 10_000)}
    assert all(plan.training.steps <= 93_700 for plan in plans)
    tutorial = RECIPES.get("gan-fashion.fashion-mnist")
    assert (tutorial.training.steps, tutorial.training.batch_size, tutorial.schedule.lr) == (10_001, 128, 2e-4)


def test_srgan_on_bsds500_begins_as_a_network_like_its_rival_and_says_where_its_game_departs_from_the_papers():
    rival, srgan, paper = (RECIPES.get(name) for name in ("srresnet.bsds500", "srgan.bsds500", "srgan.div2k"))

    assert srgan.training.steps - srgan.training.pretrain_steps >= 5000
    assert srgan.training.pretrain_steps <= rival.training.steps <= srgan.training.steps
    assert (paper.weights.adversarial, paper.weights.content, paper.weights.content_scale) == (1e-3, 1.0, 1 / 12.75)
    assert srgan.weights.adversarial == 1e-4
    assert "adversarial 1e-4" in srgan.sources
    assert srgan.weights.content == 0.5
    assert any(name.startswith("content on relu2_2") for name in srgan.sources)
    assert srgan.schedule(srgan.training.pretrain_steps) == pytest.approx(1e-4, rel=0.25)
    assert {name: srgan.settings[name] for name in rival.settings} == rival.settings
    assert srgan.data == rival.data


@pytest.mark.parametrize("model", ["gan-bn", "gan-fcn-cnn", "cgan-mnist"])
def test_a_tutorials_bad_plan_stays_as_it_is_with_ours_beside_it_on_the_same_data(model):
    tutorial, ours = (RECIPES.get(f"{model}.fashion-mnist{end}") for end in ("-tutorial", ""))
    plan, source = plan_to_json(tutorial), plan_to_json(RECIPES.get(f"{model}.mnist"))

    assert {part for part in plan if plan[part] != source[part]} == {"name", "data", "evaluation"}
    assert plan["data"] == plan_to_json(ours)["data"]
    assert tutorial.techniques != ours.techniques


def test_recipes_use_the_exponential_and_the_cyclic_rate_and_differ_in_nothing_else():
    plans = [plan_to_json(RECIPES.get(f"gan-mlp-small.fashion-mnist{end}")) for end in ("", "-exponential", "-cyclic")]

    assert [plan.pop("schedule")["kind"] for plan in plans] == ["linear", "exponential", "cyclic"]
    assert len({json.dumps({**plan, "name": ""}) for plan in plans}) == 1


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_recipe_fits_its_model_and_says_where_its_values_come_from(name):
    recipe = RECIPES.get(name)
    spec = MODELS.get(recipe.model)

    spec.configure(recipe.settings)
    assert recipe.sources
    assert all(source for source in recipe.sources.values())
    assert (recipe.evaluation.metric == NUMBERS) == (not spec.kind.images)


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_recipe_survives_json(name):
    recipe = RECIPES.get(name)
    stored = json.loads(json.dumps(recipe_to_json(recipe)))

    assert stored == recipe_to_json(recipe)
    assert {key: stored[key] for key in plan_to_json(recipe)} == plan_to_json(recipe)
    assert stored["training"]["steps"] == recipe.training.steps


def test_listing_recipes_loads_no_torch():
    code = "import sys; from reference_models.recipes import RECIPES; RECIPES.names(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_settings_change_the_part_that_they_name():
    recipe = RECIPES.get("dcgan.digits-cpu")
    changed = with_settings(
        recipe, ["steps=7", "model.width=8", "schedule.lr=1e-3", "techniques.ema=.5", "data.flip=true", "init=he"]
    )

    assert changed.training == dataclasses.replace(recipe.training, steps=7, init="he")
    assert changed.settings == {**recipe.settings, "width": 8}
    assert changed.schedule.lr == 1e-3
    assert changed.techniques == dataclasses.replace(recipe.techniques, ema=0.5)
    assert changed.data.flip
    assert recipe.training.steps != 7


def test_a_changed_recipe_expects_nothing_and_an_unchanged_one_stays_the_same():
    recipe = dataclasses.replace(RECIPES.get("dcgan.digits-cpu"), wall_time="2 minutes")

    assert with_settings(recipe, []) is recipe
    assert with_settings(recipe, ["steps=7"]).wall_time == ""
    assert with_settings(recipe, ["steps=7"]).expected == ()


def test_a_changed_recipe_has_a_name_of_its_own_so_that_no_board_pools_it_with_the_recipe():
    recipe = RECIPES.get("dcgan.digits-cpu")
    few, other = with_settings(recipe, ["steps=7"]), with_settings(recipe, ["steps=8"])

    assert re.fullmatch(r"dcgan\.digits-cpu\+[0-9a-f]{6}", few.name)
    assert few.name != other.name
    assert with_settings(recipe, ["init=he", "steps=7"]).name == with_settings(recipe, ["steps=7", "init=he"]).name
    assert with_settings(recipe, [f"steps={recipe.training.steps}"]).name == recipe.name


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("steps", "takes key=value"),
        ("=3", "takes key=value"),
        ("stepz=3", "Did you mean 'steps'"),
        ("steps=many", "must be an integer"),
        ("steps=0", "steps must be at least 1"),
        ("steps=1.5", "must be an integer"),
        ("ema=.9", "write techniques.ema="),
        ("techniques.ema=1", "below 1"),
        ("techniques.spectral_norm=1", "true or false"),
        ("model.widht=3", "Did you mean 'width'"),
        ("model.width=-1", "width must be at least 1"),
        ("loss=bce", "must be one of"),
        ("moddel.width=3", "Did you mean 'model'"),
        ("lr=fast", "must be a finite number"),
        ("schedule=cyclic", "Unknown setting of training"),
        ("schedule.kind=cylic", "Did you mean 'cyclic'"),
        ("schedule.kind=[1]", "Unknown schedule"),
        ("schedule.decay=.1", "Unknown setting of schedule of dcgan.digits-cpu, 'linear'"),
        ("d_schedule.lrr=1", "Did you mean 'lr'"),
        ("schedule.lr=nan", "finite"),
        ("weights.content=1", "needs a weight and a network"),
    ],
)
def test_a_setting_that_cannot_be_is_named(assignment, said):
    with pytest.raises(UsageError, match=said):
        with_settings(RECIPES.get("dcgan.digits-cpu"), [assignment])


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_kind_of_schedule_can_be_set_by_its_name_alone(kind):
    recipe = RECIPES.get("gan-mlp-small.mnist")
    changed = with_settings(recipe, [f"schedule.kind={kind}", "steps=1000"])
    rates = [changed.schedule(step) for step in range(1000)]

    assert type(changed.schedule) is SCHEDULES[kind]
    assert max(rates) == pytest.approx(2e-4)
    assert min(rates) >= 0
    assert kind == "constant" or min(rates) < 0.6 * max(rates)  # it goes over this run's steps, not the recipe's
    back = with_settings(recipe, ["steps=1000", f"schedule.kind={kind}"])
    assert (back.schedule, back.name) == (changed.schedule, changed.name)


def test_a_schedules_settings_are_taken_together_with_its_kind():
    recipe = RECIPES.get("dcgan.digits-cpu")
    named = ["schedule.period=20", "schedule.kind=cyclic", "schedule.high=.01", "schedule.low=0", "schedule.warmup=0"]

    assert with_settings(recipe, named).schedule == Cyclic(high=0.01, low=0.0, period=20, warmup=0)
    # start alone would lie beyond the old end: both are set at once
    assert with_settings(recipe, ["schedule.start=2000", "schedule.end=3000"]).schedule.end == 3000


def test_the_discriminator_gets_a_schedule_of_its_own():
    recipe = RECIPES.get("gan-mlp.mnist")
    faster = with_settings(recipe, ["d_schedule.lr=8e-4"])
    other = with_settings(recipe, ["d_schedule.kind=exponential", "d_schedule.decay=.5", "schedule.lr=1e-4"])

    assert (faster.schedule.lr, faster.d_schedule) == (2e-4, Constant(8e-4))
    assert other.d_schedule == ExponentialDecay(1e-4, decay=0.5, epoch_steps=937)
    assert plan_to_json(faster)["d_schedule"] == {"kind": "constant", "lr": 8e-4}


def test_an_unknown_model_gets_a_suggestion():
    with pytest.raises(UsageError, match="Did you mean 'gan-mlp'"):
        default_recipe("gan-mpl")


def test_a_training_without_steps_is_refused():
    with pytest.raises(UsageError, match="steps must be at least 1"):
        Training(steps=0, batch_size=4)
