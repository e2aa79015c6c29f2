"""Share of generated images whose class is the one that was asked for, by a classifier trained on the reference.

What it measures: whether a conditional generator makes what it is asked.
Why it can mislead: it counts the classifier's mistakes too (how often it is right on real images stands in the note;
    where that is not clearly more than by always naming the largest class, there is no number), and a generator that
    gives one good image a class reaches 100%. On digits `agreement@pixels` is right on 98% of real images,
    `agreement@efflite0` on 93%.
Definition: "GAN-test" of Shmelkov et al., How good is my GAN?, ECCV 2018 (arXiv 1807.09499), here
    with a support vector machine (RBF kernel) on the backbone's features.
"""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.summaries.base import SetSummary

if TYPE_CHECKING:
    from sklearn.svm import SVC

Labels = npt.NDArray[np.str_]


def split_by_class(
    labels: Labels, share: int, most: int, seed: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices of images to train on and of held-out ones, class by class, ascending.

    Args:
        labels: (n,) class names.
        share: Every class gives 1 / share of its images, rounded down, to the held-out ones.
        most: Images to train on at most, the same share of every class.
        seed: Of the draw; numpy's PCG64.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    train: list[npt.NDArray[np.intp]] = []
    held: list[npt.NDArray[np.intp]] = []
    kept = min(1.0, most / max(len(labels) * (1 - 1 / share), 1.0))
    for name in sorted(set(labels.tolist())):
        members = rng.permutation(np.flatnonzero(labels == name))
        out = len(members) // share
        held.append(members[:out])
        train.append(members[out : out + max(1, round((len(members) - out) * kept))])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(held))


def share_estimate(right: int, n: int, note: str = "") -> Estimate:
    """A share with its binomial standard error and Wilson's interval."""
    share = right / n
    from scipy import stats  # a second to import

    low, high = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    stderr = float(np.sqrt(share * (1 - share) / n))
    method = "binomial, Wilson's interval; of this classifier"
    return Estimate(share, stderr or None, (float(low), float(high)), None, method, note)


def fold_numbers(labels: Labels, count: int, seed: int) -> npt.NDArray[np.intp]:
    """Which of `count` folds each image is in: the images of every class dealt out in turn, in a drawn order."""
    rng = np.random.Generator(np.random.PCG64(seed))
    order = np.concatenate([rng.permutation(np.flatnonzero(labels == name)) for name in sorted(set(labels.tolist()))])
    folds = np.empty(len(labels), dtype=np.intp)
    folds[order] = np.arange(len(labels)) % count
    return folds


def cross_validated(rows: npt.NDArray[np.float64], labels: Labels, params: Params) -> int:
    """How many images are named rightly by a classifier that was trained on the other folds."""
    folds = fold_numbers(labels, int(params["held_out"]), int(params["seed"]))
    right = 0
    for fold in sorted(set(folds.tolist())):
        rest, held = folds != fold, folds == fold
        if len(set(labels[rest].tolist())) > 1:
            machine = _classifier(params).fit(rows[rest], labels[rest])
            right += int((machine.predict(rows[held]) == labels[held]).sum())
    return right


def check_above_chance(right: int, labels: Labels) -> None:
    """Refuses a classifier that says nothing of classes.

    Args:
        right: Of the held-out images.
        labels: Of all of them.

    Raises:
        DataError: not clearly more are right than would be if the largest class were named each time.
    """
    n, (name, largest) = len(labels), Counter(labels.tolist()).most_common(1)[0]
    chance, share = largest / n, right / n
    above = (share - chance) / max(1 - chance, 1 / n)  # 0 by chance, 1 where all are right
    scatter = SCATTER * np.sqrt(n * chance * (1 - chance))
    if above >= LEAST_ABOVE and right - largest > SURE * scatter:
        return
    raise DataError(
        f"agreement: the classifier is right on {right} of {n} held-out reference images ({share:.0%}); naming "
        f"{name!r} each time would be right on {largest} ({chance:.0%}). So the classes cannot be told from these "
        "features, or the folders do not name classes: drop their labels with --no-labels, give more reference images, "
        "or use another backbone."
    )


SURE = 3.5  # standard deviations above chance
# Counts over folds share classifiers: on 60 images whose labels were shuffled they scattered 1.23 times as much as
# binomial counts (60 draws).
SCATTER = 1.25
LEAST_ABOVE = 0.1  # of the way from chance to all right, however many images make less significant
FEW_HELD = 100  # with fewer held-out images all of the reference is used, fold by fold


def _classifier(params: Params) -> "SVC":
    from sklearn.svm import SVC  # half a second to import, and the table of metrics imports this module

    return SVC(C=float(params["C"]), kernel="rbf", gamma="scale", random_state=int(params["seed"]))


def compute_agreement(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`agreement`, and that of every class as "agreement:<label>".

    Raises:
        DataError: the reference has one class, or not those that were asked for, or its classes cannot be told apart.
    """
    if real is None or real.bank is None or fake.bank is None or real.labels is None or fake.labels is None:
        raise ValueError("agreement needs feature rows and labels on both sides")
    real_labels, asked = np.asarray(real.labels), np.asarray(fake.labels)
    known = sorted(set(real_labels.tolist()))
    strange = Counter(label for label in asked.tolist() if label not in set(known))
    if len(known) < 2 or strange:
        found = f"{sum(strange.values())} generated images are of {sorted(strange)[:3]}" if strange else "no others"
        raise DataError(
            f"agreement needs a reference of two classes or more that has those of the generated images; it has "
            f"{known[:5]}{', ...' if len(known) > 5 else ''}, and {found}. Name the classes alike on both sides."
        )
    train, held = split_by_class(real_labels, int(params["held_out"]), int(params["most"]), int(params["seed"]))
    rows = real.bank.rows()
    machine = _classifier(params).fit(rows[train].astype(np.float64), real_labels[train])
    note = f"classifier of {len(train)} real images"
    right = int((machine.predict(rows[held].astype(np.float64)) == real_labels[held]).sum()) if len(held) else 0
    if len(held):
        note += f", right on {right / len(held):.1%} of {len(held)} others"
    if len(held) < FEW_HELD:
        check_above_chance(cross_validated(rows.astype(np.float64), real_labels, params), real_labels)
    else:
        check_above_chance(right, real_labels[held])
    agrees = machine.predict(fake.bank.rows().astype(np.float64)) == asked
    estimates = {"agreement": share_estimate(int(agrees.sum()), len(agrees), note)}
    for label in sorted(set(asked.tolist())):
        of_class = agrees[asked == label]
        estimates[f"agreement:{label}"] = share_estimate(int(of_class.sum()), len(of_class))
    return estimates


AGREEMENT = SetMetric(
    name="agreement",
    summary="Share of images whose class, by a classifier trained on the reference, is the one asked for",
    outputs=(
        Output(
            "agreement",
            "higher",
            (0.0, 1.0),
            "Right class",
            on_itself="varies",
            worse_with_noise=False,
        ),
    ),
    needs=frozenset({"bank", "labels"}),
    reference=True,
    symmetric=False,
    min_n=10,
    version=2,
    compute=compute_agreement,
    params={"classifier": "svm-rbf", "C": 10.0, "most": 5000, "held_out": 5, "seed": 2020},
    has_stderr=True,
    plain={"efflite0": 8},
)
