"""`agreement`: the share of images that are of the class asked for; and the backbone of bare pixels that serves it."""

import math
import re

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ganeval.backbones.engines import use_engine
from ganeval.backbones.loading import load_backbone
from ganeval.errors import DataError
from ganeval.metrics.agreement import AGREEMENT, share_estimate, split_by_class
from ganeval.summaries.bank import FeatureBank
from ganeval.summaries.base import SetSummary
from ganeval.summaries.moments import Moments

CENTRES = {"cat": (6.0, 0.0), "dog": (0.0, 6.0), "owl": (-6.0, -6.0)}  # 6 standard deviations apart and more


def labelled(n, seed, wrong=0.0, names=tuple(CENTRES)):
    """Rows around the centre of a class; the last `wrong` of each class are labelled as the next one."""
    rng = np.random.default_rng(seed)
    rows, labels = [], []
    for k, name in enumerate(names):
        rows.append(rng.normal(size=(n, 2)) + CENTRES[name])
        swapped = round(wrong * n)
        labels += [name] * (n - swapped) + [names[(k + 1) % len(names)]] * swapped
    return summary(np.concatenate(rows), labels)


def summary(rows, labels):
    return SetSummary(Moments.of(rows), FeatureBank.of(rows), None, tuple(labels))


@pytest.mark.parametrize("wrong", [0.0, 0.1, 0.35, 1.0])
def test_the_share_is_that_of_the_images_with_the_right_label(wrong):
    found = AGREEMENT.evaluate(labelled(60, 1), labelled(40, 2, wrong))

    assert found["agreement"].value == pytest.approx(1 - wrong)
    assert "right on 100.0% of 36 others" in found["agreement"].note
    assert found["agreement"].note.startswith("classifier of 144 real images")
    mean = np.mean([found[f"agreement:{name}"].value for name in CENTRES])
    assert mean == pytest.approx(1 - wrong)


def test_a_class_that_is_not_made_is_seen_in_its_own_row():
    fake = labelled(40, 2)
    labels = np.array(fake.labels)
    rows = fake.bank.rows()
    rows[labels == "owl"] = rows[labels == "cat"]
    found = AGREEMENT.evaluate(labelled(60, 1), summary(rows, labels))

    assert [found[f"agreement:{name}"].value for name in CENTRES] == [1.0, 1.0, 0.0]
    assert found["agreement"].value == pytest.approx(2 / 3)


def test_the_interval_is_wilsons():
    right, n, z = 83, 100, 1.959963984540054
    share = right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    estimate = share_estimate(right, n)

    assert estimate.ci95 == pytest.approx((centre - half, centre + half))
    assert estimate.stderr == pytest.approx(math.sqrt(share * (1 - share) / n))
    assert share_estimate(n, n).stderr is None, "a share of one has an interval and no standard error"
    assert share_estimate(n, n).ci95[0] == pytest.approx(n / (n + z * z))


def test_every_class_is_split_alike_and_nothing_is_in_both():
    labels = np.array(["a"] * 50 + ["b"] * 100 + ["c"])
    train, held = split_by_class(labels, 5, 5000, 0)
    few, same = split_by_class(labels, 5, 60, 0)

    assert len(set(train) | set(held)) == len(labels) == len(train) + len(held)
    assert [list(labels[held]).count(name) for name in "abc"] == [10, 20, 0]
    assert [list(labels[few]).count(name) for name in "abc"] == [20, 40, 1]
    assert np.array_equal(held, same)


@pytest.mark.parametrize(
    ("real", "fake", "said"),
    [
        (labelled(20, 1), labelled(20, 2, names=("cat", "dog")), None),
        (labelled(20, 1, names=("cat", "dog")), labelled(20, 2), "20 generated images are of ['owl']"),
        (labelled(20, 1, names=("cat",)), labelled(20, 2, names=("cat",)), "two classes or more"),
    ],
)
def test_classes_must_be_known_to_the_reference(real, fake, said):
    if said is None:
        assert AGREEMENT.evaluate(real, fake)["agreement"].value == 1.0
        return
    with pytest.raises(DataError) as error:
        AGREEMENT.evaluate(real, fake)
    assert said in str(error.value)


@pytest.mark.parametrize(("n", "held"), [(20, "60"), (400, "240")])
def test_classes_that_say_nothing_are_refused_with_the_counted_figure(n, held):
    """Held-out images of a large reference, all images of a small one, fold by fold."""
    for seed in range(3):
        real, fake = labelled(n, 1 + seed), labelled(20, 9)
        mixed = tuple(np.random.default_rng(seed).permutation(real.labels).tolist())
        with pytest.raises(DataError) as error:
            AGREEMENT.evaluate(summary(real.bank.rows(), mixed), fake)
        told = rf"right on (\d+) of {held} held-out reference images .* would be right on (\d+)"
        found = re.search(told, str(error.value))
        assert int(found[1]) - int(found[2]) < 0.25 * int(held)
        assert int(found[2]) == int(held) // 3
        assert "--no-labels" in str(error.value)


def test_a_few_images_of_two_classes_are_enough_where_all_are_right():
    real = labelled(12, 1, names=("cat", "dog"))
    assert AGREEMENT.evaluate(real, labelled(20, 2, names=("cat", "dog")))["agreement"].value == 1.0
    lonely = np.append(np.array(real.labels, dtype=object), "owl")
    rows = np.concatenate([real.bank.rows(), [[-6.0, -6.0]]])
    assert AGREEMENT.evaluate(summary(rows, lonely.tolist()), labelled(20, 2, names=("cat",)))["agreement"].value == 1.0


def test_on_pixels_the_classifier_knows_real_digits():
    """At least 95% of held-out real digits, or a disagreement would say little of the generator."""
    digits = load_digits()
    images = torch.from_numpy((digits.images * 255 / 16).round().astype(np.uint8))[:, None].expand(-1, 3, -1, -1)
    rows = load_backbone("pixels", device=torch.device("cpu"))(images).features.numpy()
    labels = [str(t) for t in digits.target]
    found = AGREEMENT.evaluate(summary(rows[:1200], labels[:1200]), summary(rows[1200:], labels[1200:]))

    assert found["agreement"].value > 0.95


def test_pixels_are_the_pixels():
    backbone = load_backbone("pixels", device=torch.device("cpu"))
    images = torch.randint(0, 256, (3, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    flat = torch.full((1, 3, 40, 24), 51, dtype=torch.uint8)

    assert torch.equal(backbone(images).features, images.flatten(1).float() / 255)
    assert torch.allclose(backbone(flat).features, torch.full((1, 768), 0.2))
    assert backbone.key == "pixels"
    assert use_engine(backbone, "auto").startswith("torch")
