"""Share of generated images whose class is the one that was asked for, by a classifier trained on the reference.

What it measures: whether a conditional generator makes what it is asked.
Why it can mislead: it counts the classifier's mistakes too (how often it is right on real images stands in the note),
    and a generator that gives one good image a class reaches 100%. On digits `agreement@pixels` is right on 98% of real
    images, `agreement@efflite0` on 93%.
Definition: "GAN-test" of Shmelkov et al., How good is my GAN?, ECCV 2018 (arXiv 1807.09499), here
    with a support vector machine (RBF kernel) on the backbone's features.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from ganeval.errors import DataError
from ganeval.metrics.base import Estimate, Output, Params, SetMetric
from ganeval.summaries.base import SetSummary

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


def compute_agreement(real: SetSummary | None, fake: SetSummary, params: Params) -> dict[str, Estimate]:
    """`agreement`, and that of every class as "agreement:<label>".

    Raises:
        DataError: the reference has one class, or not those that were asked for.
    """
    from sklearn.svm import SVC  # half a second to import, and the table of metrics imports this module

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
    machine = SVC(C=float(params["C"]), kernel="rbf", gamma="scale", random_state=int(params["seed"]))
    machine.fit(rows[train].astype(np.float64), real_labels[train])
    note = f"classifier of {len(train)} real images"
    if len(held):
        right = float((machine.predict(rows[held].astype(np.float64)) == real_labels[held]).mean())
        note += f", right on {right:.1%} of {len(held)} others"
    agrees = machine.predict(fake.bank.rows().astype(np.float64)) == asked
    estimates = {"agreement": share_estimate(int(agrees.sum()), len(agrees), note)}
    for label in sorted(set(asked.tolist())):
        of_class = agrees[asked == label]
        estimates[f"agreement:{label}"] = share_estimate(int(of_class.sum()), len(of_class))
    return estimates


AGREEMENT = SetMetric(
    name="agreement",
    summary="Share of images whose class, by a classifier trained on the reference, is the one asked for",
    outputs=(Output("agreement", "higher", (0.0, 1.0)),),
    needs=frozenset({"bank", "labels"}),
    reference=True,
    symmetric=False,
    min_n=10,
    version=2,
    compute=compute_agreement,
    params={"classifier": "svm-rbf", "C": 10.0, "most": 5000, "held_out": 5, "seed": 2020},
    has_stderr=True,
)
