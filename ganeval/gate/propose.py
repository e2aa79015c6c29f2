"""First rules from scored rows: which metrics can be gated at this count, and margins that an unchanged model passes.

A margin of 2 z SE (z of the one-sided level, SE of the difference) is symmetric: were SE known, an unchanged model
would pass 95 times in 100, and one that is worse by twice the margin would fail 95 times in 100. SE comes out low where
the value does, so that fewer pass; each rule says how many. Of training seeds SE is hardly known, and the factor is
that of the predictive distribution (`ganeval.gate.expectation`).
"""

import math
from collections.abc import Mapping, Sequence

from ganeval.gate.evidence import FEWEST_SEEDS, SEED_SHARE, larger_draw, recorded_error, seed_values, stderr_and_degrees
from ganeval.gate.expectation import passes, passes_seeds, seeds_factor
from ganeval.gate.rules import LEVEL, GateRule, GateRules, Mode
from ganeval.metrics.keys import declared
from ganeval.results.identical_pairs import one_sided
from ganeval.results.result import PER_IMAGE, Result
from ganeval.stats.student_t import quantile, sum_degrees

SHARE = 0.02
CODE_SHARE = 0.005  # same weights, new code: 0.5%
CODE_SPREAD = 0.1  # of the row's own standard error, where that is more: nobody could see it


def propose(
    rows: Mapping[str, Sequence[Result]], mode: Mode, run: Mapping[str, str]
) -> tuple[GateRules, dict[str, str]]:
    """Rules for the metrics that can be gated, and why there is none for the others.

    Args:
        rows: Key -> the baseline's rows, one a training seed.
        mode: "auto" chooses "retrained" where there are three seeds of every metric.
        run: What goes into [run].
    """
    seeded = bool(rows) and all(len(found) >= FEWEST_SEEDS for found in rows.values())
    mode = "retrained" if mode == "auto" and seeded else mode
    rules: list[GateRule] = []
    left_out: dict[str, str] = {}
    for key, found in rows.items():
        rule = _rule(key, found, mode)
        if isinstance(rule, GateRule):
            rules.append(rule)
        else:
            left_out[key] = rule
    return GateRules(tuple(rules), mode, LEVEL, run), left_out


def _rule(key: str, rows: Sequence[Result], mode: Mode) -> GateRule | str:
    row = rows[-1]
    output = key.partition("@")[0]
    known = declared(row.protocol.metric if row.protocol is not None else output)
    paired = row.protocol is not None and row.protocol.crop_border is not None
    if row.better == "neither":
        return "it has no better direction"
    if known is None or not known[1].gateable:
        return "alone it does not tell a worse model from another one"
    if mode == "retrained":
        return _of_seeds(key, rows)
    value = row.value if row.debiased is None else row.debiased
    if value is None:
        return row.note or row.status
    if mode == "same-weights":
        margin = max(CODE_SHARE * abs(value), CODE_SPREAD * (row.stderr or 0.0))
        return (
            GateRule(key, rounded_up(margin), why="0.5% of the baseline, or a tenth of its standard error")
            if margin
            else "it is 0"
        )
    if paired:
        margin, unit = (known[1].margin.amount, known[1].margin.unit) if known[1].margin is not None else (SHARE, "%")
        if PER_IMAGE not in row.provenance:
            return "its values by image were not kept"
        if unit == "%" and value == 0.0:
            return "it is 0, of which no share is a margin"
        return GateRule(key, margin, unit == "%", why="image by image")
    error = stderr_and_degrees(row, given=True)
    if error is None:
        return row.note or "it has no standard error"
    larger, drawn = larger_draw(row)
    recorded = stderr_and_degrees(larger, given=True) or error
    degrees = sum_degrees(error, recorded)
    spread = 2.0 * quantile(1.0 - LEVEL, degrees) * math.hypot(error[0], recorded[0])
    if not spread and not value:
        return "it is 0, and has no spread"
    margin = rounded_up(max(spread, SHARE * abs(value)))
    why = f"{100 * SHARE:g}% of the baseline"
    if spread >= SHARE * abs(value):
        why = "2 z standard errors of a difference at this n" + _share_of(spread, value)
    scatter = recorded_error(larger, row, drawn, given=True)
    if scatter is not None:
        chance = passes(margin / scatter.stderr, scatter.baseline, scatter.candidate, LEVEL)
        why += f"; {'at least ' if scatter.cautious else ''}{100 * chance:.0f} of 100 unchanged models pass"
    return GateRule(key, margin, why=why)


def _of_seeds(key: str, rows: Sequence[Result]) -> GateRule | str:
    if len(rows) < FEWEST_SEEDS:
        return f"{len(rows)} training seeds; a retrained model needs {FEWEST_SEEDS} a side"
    if any(one_sided(rows, rows)):
        return "its seeds are identical to the originals in different images, which no mean holds: gate by ssim or mse"
    (values,) = seed_values(rows)
    sd, k = float(values.std(ddof=1)), len(values)
    spread = seeds_factor(k, LEVEL) * sd
    margin = max(spread, sd, SEED_SHARE * abs(float(values.mean())))
    if margin == 0.0:
        return "its seeds all gave 0"
    passes = passes_seeds(margin / sd, k, k, LEVEL) if sd > 0.0 else 1.0
    why = f"sd {sd:.3g} over {k} training seeds; {100 * passes:.0f} of 100 unchanged models of {k} seeds pass"
    return GateRule(key, rounded_up(margin), why=why + _share_of(margin, float(values.mean())))


def _share_of(margin: float, value: float) -> str:
    share = math.inf if value == 0.0 else margin / abs(value)
    return f"; {100 * share:.2g}% of the baseline" if share < 1 else ""


def rounded_up(margin: float) -> float:
    """Two significant digits, upwards."""
    step = 10.0 ** (math.floor(math.log10(margin)) - 1)
    return float(f"{math.ceil(margin / step - 1e-9) * step:.2g}")
