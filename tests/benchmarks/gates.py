"""What gates promise and what they do: `python -m tests.benchmarks.gates`, one table.

Unchanged models go through gates whose margins `propose` made of the baseline, as `gate init` does. Passes and fails
are what happened, with 95% binomial intervals; `printed` is the mean of what the gate itself prints of an unchanged
model. Retrained models are normal values, one a training seed. Sets of samples are draws of ReLU mixtures of 16
dimensions, 400 images of candidate and baseline against one reference of 400; the number behind the metric is how far
the mixture is from the reference, "larger draw" the baseline with four times as many images beside its row. With
--features FILE.npz (`rows`, (n, D), and `labels`) they are disjoint draws of those in 64 random directions, 500 images
each: the reference of every other image, the model of the first eight classes of the rest. Same weights are paired
differences of 400 images, normal, with a margin of 2.5 standard errors of independent ones; and of a metric, two sets
that share four of five images, with the margin that the baseline proposes for samples. Rules of one gate are
independent: three draws of one line are one gate of three, so that a line of three has a third of the gates. `worse by
the margin` is a model that is exactly at its margin. A baseline of which no rule can be made is drawn again, and how
many were is said.
"""

import argparse
import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from ganeval.gate.evidence import KNOWN, LARGER, from_comparison, from_samples, from_seeds
from ganeval.gate.fixed_reference import Errors, errors_given_reference, stored
from ganeval.gate.propose import propose
from ganeval.gate.rules import GateRule
from ganeval.gate.ruling import Evidence, judge, overall, unchanged_passes
from ganeval.metrics.base import Estimate
from ganeval.metrics.difference import Difference, paired_difference, set_differences
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result
from ganeval.scoring.compare import Comparison
from ganeval.summaries.moments import Float64
from tests.benchmarks.coverage import set_metric, summary
from tests.benchmarks.laws import relu_mixture
from tests.benchmarks.verdicts import laws

LEVEL = 0.05
PRDC = ("precision", "recall", "density", "coverage")
Cases = list[tuple[GateRule, Evidence]]
Drawn = tuple[GateRule, Evidence, Evidence]
"""A rule, its evidence of an unchanged model, and that of the same draw of a model that is worse by the margin."""
Draw = Callable[[np.random.Generator], Drawn]


class NoRuleError(Exception):
    """A baseline that gates by nothing."""


def row(value: float, stderr: float | None = None, seed: int | None = None, **provenance: object) -> Result:
    """A row of kd."""
    protocol = Protocol("kd", 1, {}, "efflite0", "0" * 64)
    facts = {"subject": {"training_seed": seed}, "subject_sha256": str(value), **provenance}
    return Result("model", "kd@efflite0", value, "lower", 400, 400, protocol=protocol, stderr=stderr, provenance=facts)


def rule_for(rows: Sequence[Result]) -> GateRule:
    """As `gate init` proposes it."""
    rules, left_out = propose({rows[0].key: rows}, "retrained" if len(rows) > 1 else "samples", {})
    if not rules.rules:
        raise NoRuleError(str(left_out))
    return rules.rules[0]


def retrained(seeds: int, candidate: int | None = None) -> Draw:
    """Training seeds of mean 10 and standard deviation 1."""

    def draw(rng: np.random.Generator) -> Drawn:
        baseline = [row(float(v), seed=i) for i, v in enumerate(rng.normal(10.0, 1.0, seeds))]
        rule, values = rule_for(baseline), rng.normal(10.0, 1.0, candidate or seeds)
        models = [[row(float(v) + by, seed=i) for i, v in enumerate(values)] for by in (0.0, rule.margin)]
        return rule, from_seeds(baseline, models[0]), from_seeds(baseline, models[1])

    return draw


Sampler = Callable[[np.random.Generator, int], Float64]


class Scorer:
    """Scores feature rows against one reference by a metric, as `gate` does; what was scored before is remembered.

    Args:
        name: Of the metric.
        reference: Rows.
    """

    def __init__(self, name: str, reference: Float64) -> None:
        self.metric = set_metric(name)
        self.reference = summary((reference, reference[:, :1]))
        self._scored: dict[bytes, tuple[dict[str, Estimate], Errors]] = {}
        self._compared: dict[bytes, dict[str, Difference]] = {}

    def scored(self, rows: Float64) -> tuple[dict[str, Estimate], Errors]:
        """Output -> estimate, and output -> error given the reference."""
        key = _digest(rows)
        if key not in self._scored:
            fake = summary((rows, rows[:, :1]))
            found = dict(self.metric.evaluate(self.reference, fake))
            self._scored[key] = found, errors_given_reference(self.metric, self.reference, fake)
        return self._scored[key]

    def row(self, output: str, rows: Float64) -> Result:
        """The row of one output."""
        found, errors = self.scored(rows)
        one, n, m = found[output], len(rows), self.reference.moments.n
        better = next(each.better for each in self.metric.outputs if each.name == output)
        known = stored(errors[output]) if output in errors else {}
        plain = Result(
            "model",
            f"{output}@efflite0",
            one.value,
            better,
            m,
            n,
            protocol=Protocol(output, 1, {}, "efflite0", "0" * 64, n_real=m, n_fake=n),
            provenance={"subject_sha256": _digest(rows).hex(), **known},
        )
        return dataclasses.replace(plain, stderr=one.stderr, debiased=one.debiased, degrees=one.degrees, note=one.note)

    def compared(self, output: str, a: Float64, b: Float64) -> Difference:
        """The paired difference of one output."""
        key = _digest(a) + _digest(b)
        if key not in self._compared:
            (one, _), (other, _) = (self.scored(rows) for rows in (a, b))
            both = {name: (one[name], other[name]) for name in one}
            sides = [summary((rows, rows[:, :1])) for rows in (a, b)]
            order = np.arange(len(a))
            self._compared[key] = set_differences(self.metric, self.reference, sides[0], sides[1], both, order)
        return self._compared[key][output]


def _digest(rows: Float64) -> bytes:
    return hashlib.sha256(rows.tobytes()).digest()


def moved(one: Result, by: float) -> Result:
    """The row of a model that is worse by so much."""
    shift = -by if one.better == "higher" else by
    debiased = None if one.debiased is None else one.debiased + shift
    return dataclasses.replace(one, value=(one.value or 0.0) + shift, debiased=debiased)


def samples(scorer: Scorer, output: str, model: Sampler, n: int, *, larger: bool = False) -> Draw:
    """Two sets of samples against one fixed reference."""

    def draw(rng: np.random.Generator) -> Drawn:
        both = model(rng, 2 * n)
        baseline, candidate = scorer.row(output, both[:n]), scorer.row(output, both[n:])
        if larger:
            more = scorer.row(output, model(rng, 4 * n))
            known = {name: more.provenance.get(name) for name in KNOWN}
            kept = {"n": 4 * n, "value": more.value, "stderr": more.stderr, "degrees": more.degrees, **known}
            baseline = dataclasses.replace(baseline, provenance={**baseline.provenance, LARGER: kept})
        rule = rule_for([baseline])
        return rule, from_samples(baseline, candidate), from_samples(baseline, moved(candidate, rule.margin))

    return draw


def new_code(scorer: Scorer, output: str, model: Sampler, n: int) -> Draw:
    """Two sets of which four images in five are the same, image by image."""

    def draw(rng: np.random.Generator) -> Drawn:
        both = model(rng, n + n // 5)
        a, b = both[:n], np.concatenate([both[n:], both[n // 5 : n]])
        old, new = scorer.row(output, a), scorer.row(output, b)
        rule, found = rule_for([old]), scorer.compared(output, a, b)
        return rule, *(compared(old, new, found, by) for by in (0.0, rule.margin))

    return draw


def compared(old: Result, new: Result, found: Difference, worse: float) -> Evidence:
    """The evidence of a comparison of which the newer set is worse by so much."""
    shift = -worse if old.better == "higher" else worse
    difference = dataclasses.replace(found, delta=found.delta + shift)
    return from_comparison(Comparison(moved(new, worse), "old", old.value or 0.0, difference))


def toy(shift: float) -> tuple[Float64, Sampler]:
    """A reference, and a mixture so far from it."""
    law = relu_mixture(16, shift)
    return relu_mixture(16, 0.0)(np.random.default_rng(0), 400)[0], lambda rng, n: law(rng, n)[0]


def real_features(file: Path) -> tuple[Float64, Sampler]:
    """A reference of real features, and a model that lacks two classes."""
    of_reference, of_model = laws(file)
    return of_reference(np.random.default_rng(0), 500), of_model


def same_weights(rng: np.random.Generator) -> Drawn:
    """Per-image differences of standard deviation 1, the metric better where higher."""
    rule = GateRule("kd@efflite0", 2.5 / math.sqrt(400) * math.sqrt(2.0))
    a = rng.normal(30.0, 4.0, 400)
    b = a + rng.normal(0.0, 1.0, 400)
    found = paired_difference(a, b, "higher")
    old, new = (dataclasses.replace(row(float(x.mean())), better="higher") for x in (a, b))
    return rule, compared(old, new, found, 0.0), compared(old, new, found, rule.margin)


def counted(number: int, draws: int) -> str:
    """A share with its binomial interval."""
    low, high = stats.binomtest(number, draws).proportion_ci(0.95)
    return f"{number / draws:.3f} [{low:.3f}, {high:.3f}]"


def modes(features: Path | None) -> Iterator[tuple[str, Draw]]:
    """Every line of the table."""
    for seeds in (3, 5, 10):
        yield f"retrained, {seeds} seeds", retrained(seeds)
    yield "retrained, 5 against 3", retrained(5, 3)
    for shift in (0.1, 0.2, 0.4):
        reference, model = toy(shift)
        yield f"samples, kd {shift}", samples(Scorer("kd", reference), "kd", model, 400)
    reference, model = toy(0.2)
    yield "samples, kd 0.2, larger draw", samples(Scorer("kd", reference), "kd", model, 400, larger=True)
    yield "same weights, images", same_weights
    if features is not None:
        reference, model = real_features(features)
        scorers = {name: Scorer(name, reference) for name in ("fd", "kd", "mind", "prdc")}
        by_output = {"fd": "fd", "kd": "kd", "mind": "mind", **dict.fromkeys(PRDC, "prdc")}
        for mode, drawn in (("samples", samples), ("same weights", new_code)):
            for output, name in by_output.items():
                yield f"{mode}, {output}", drawn(scorers[name], output, model, 500)


def several(draw: Draw, count: int, seed: int) -> tuple[list[Drawn], int]:
    """So many draws, and how many others had no rule."""
    rng, found, without = np.random.default_rng(seed), list[Drawn](), 0
    while len(found) < count:
        try:
            found.append(draw(rng))
        except NoRuleError:
            without += 1
    return found, without


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", action="append", help="one mode of the table, several times for several")
    parser.add_argument("--seed", type=int, default=7, help="of the draws")
    parser.add_argument("--features", type=Path)
    options = parser.parse_args()
    draws, only = options.draws, options.only
    print("| mode | rules | printed | unchanged passes | unchanged fails | worse by the margin: fails |")
    print("|---|---:|---:|---|---|---|")
    for name, draw in modes(options.features):
        if only and name not in only:
            continue
        drawn, without = several(draw, draws, options.seed)
        name += f", {without} of {draws + without} baselines without a rule" if without else ""
        for rules in (1, 3):
            gates = [drawn[i : i + rules] for i in range(0, draws - rules + 1, rules)]
            same = [judge([(rule, found) for rule, found, _ in gate], LEVEL) for gate in gates]
            worse = [overall(judge([(rule, found) for rule, _, found in gate], LEVEL)) for gate in gates]
            printed = np.mean([unchanged_passes(rulings) or 1.0 for rulings in same])
            verdicts = [overall(rulings) for rulings in same]
            counts = verdicts.count("pass"), verdicts.count("fail"), worse.count("fail")
            cells = [counted(number, len(gates)) for number in counts]
            print(f"| {name} | {rules} | {printed:.3f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
