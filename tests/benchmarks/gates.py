"""What gates promise and what they do: `python -m tests.benchmarks.gates`, one table.

Unchanged models go through gates whose margins `propose` made of the baseline, as `gate init` does. Passes and fails
are what happened, with 95% binomial intervals; `printed` is the mean of what the gate itself prints of an unchanged
model. Retrained models are normal values, one a training seed. Sets of samples are kd of ReLU mixtures of 16
dimensions, 400 images each of candidate, baseline and reference, the baseline with and without its larger draw. Same
weights are paired differences of 400 images, normal, with a margin of 2.5 standard errors of independent ones. Rules
of one gate are independent. `worse by the margin` is a model that is exactly at its margin.
"""

import argparse
import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from ganeval.gate.evidence import GIVEN, LARGER, from_comparison, from_samples, from_seeds
from ganeval.gate.propose import propose
from ganeval.gate.rules import GateRule
from ganeval.gate.ruling import Evidence, judge, overall, unchanged_passes
from ganeval.metrics.difference import paired_difference
from ganeval.metrics.kernel import cubic_kernel, kernel_sums
from ganeval.results.protocol import Protocol
from ganeval.results.result import Result
from ganeval.scoring.compare import Comparison
from ganeval.stats.influence import influence_stderr
from tests.benchmarks.laws import relu_mixture

LEVEL = 0.05
Cases = list[tuple[GateRule, Evidence]]
Draw = Callable[[np.random.Generator, float], tuple[GateRule, Evidence]]
"""(generator, worse by how many margins) -> a rule and its evidence."""


def row(value: float, stderr: float | None = None, seed: int | None = None, **provenance: object) -> Result:
    """A row of kd."""
    protocol = Protocol("kd", 1, {}, "efflite0", "0" * 64)
    facts = {"subject": {"training_seed": seed}, "subject_sha256": str(value), **provenance}
    return Result("model", "kd@efflite0", value, "lower", 400, 400, protocol=protocol, stderr=stderr, provenance=facts)


def rule_for(rows: Sequence[Result]) -> GateRule:
    """As `gate init` proposes it."""
    rules, _ = propose({"kd@efflite0": rows}, "retrained" if len(rows) > 1 else "samples", {})
    return rules.rules[0]


def retrained(seeds: int, candidate: int | None = None) -> Draw:
    """Training seeds of mean 10 and standard deviation 1."""

    def draw(rng: np.random.Generator, worse: float) -> tuple[GateRule, Evidence]:
        baseline = [row(float(v), seed=i) for i, v in enumerate(rng.normal(10.0, 1.0, seeds))]
        rule = rule_for(baseline)
        values = rng.normal(10.0 + worse * rule.margin, 1.0, candidate or seeds)
        return rule, from_seeds(baseline, [row(float(v), seed=i) for i, v in enumerate(values)])

    return draw


def samples(larger: bool) -> Draw:
    """kd of one fixed reference."""
    reference = relu_mixture(16, 0.0)(np.random.default_rng(0), 400)[0]
    law = relu_mixture(16, 0.2)

    def scored(rows: np.ndarray) -> tuple[float, float]:
        sums = kernel_sums(reference, rows, cubic_kernel)
        return sums.mmd2_unbiased(), influence_stderr(sums.fake_influence())

    def draw(rng: np.random.Generator, worse: float) -> tuple[GateRule, Evidence]:
        value, stderr = scored(law(rng, 400)[0])
        baseline = row(value, stderr, **{GIVEN: stderr})
        if larger:
            more, error = scored(law(rng, 1600)[0])
            kept = {"n": 1600, "value": more, "stderr": error, "degrees": None, GIVEN: error}
            baseline = dataclasses.replace(baseline, provenance={**baseline.provenance, LARGER: kept})
        rule = rule_for([baseline])
        value, stderr = scored(law(rng, 400)[0])
        return rule, from_samples(baseline, row(value + worse * rule.margin, stderr, **{GIVEN: stderr}))

    return draw


def same_weights(rng: np.random.Generator, worse: float) -> tuple[GateRule, Evidence]:
    """Per-image differences of standard deviation 1, the metric better where higher."""
    rule = GateRule("kd@efflite0", 2.5 / math.sqrt(400) * math.sqrt(2.0))
    a = rng.normal(30.0, 4.0, 400)
    b = a - worse * rule.margin + rng.normal(0.0, 1.0, 400)
    difference = paired_difference(a, b, "higher")
    now = dataclasses.replace(row(float(b.mean())), better="higher")
    return rule, from_comparison(Comparison(now, "old", float(a.mean()), difference))


def counted(number: int, draws: int) -> str:
    """A share with its binomial interval."""
    low, high = stats.binomtest(number, draws).proportion_ci(0.95)
    return f"{number / draws:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", action="append", help="one mode of the table, several times for several")
    options = parser.parse_args()
    draws, only = options.draws, options.only
    print("| mode | rules | printed | unchanged passes | unchanged fails | worse by the margin: fails |")
    print("|---|---:|---:|---|---|---|")
    for name, draw in (
        ("retrained, 3 seeds", retrained(3)),
        ("retrained, 5 seeds", retrained(5)),
        ("retrained, 10 seeds", retrained(10)),
        ("retrained, 5 against 3", retrained(5, 3)),
        ("samples", samples(larger=False)),
        ("samples, larger draw", samples(larger=True)),
        ("same weights", same_weights),
    ):
        for rules in (1, 3) if not only or name in only else ():
            rng, passed, failed, at_margin, printed = np.random.default_rng((7, rules)), 0, 0, 0, 0.0
            for _ in range(draws):
                rulings = judge([draw(rng, 0.0) for _ in range(rules)], LEVEL)
                passed += overall(rulings) == "pass"
                failed += overall(rulings) == "fail"
                printed += (unchanged_passes(rulings) or 0.0) / draws
                at_margin += overall(judge([draw(rng, 1.0) for _ in range(rules)], LEVEL)) == "fail"
            cells = [counted(number, draws) for number in (passed, failed, at_margin)]
            print(f"| {name} | {rules} | {printed:.3f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
