"""What must not get worse, and by how much: the rules of a gate and the file `gates.toml` that holds them."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from ganeval.errors import UsageError
from ganeval.files.read_write import MAX_SETTINGS, read_text
from ganeval.registry import unknown_name
from ganeval.untrusted import RecordedPlace

Mode = Literal["auto", "samples", "same-weights", "retrained"]
MODES: tuple[Mode, ...] = get_args(Mode)
VERSION = 1
LEVEL = 0.05
RUN_KEYS = ("reference", "paired", "against", "name")


@dataclass(frozen=True)
class GateRule:
    """One line of what must not get worse, and by how much.

    Attributes:
        metric: Key of a row ("kd@efflite0", "psnr"), or its part before "@" where the baseline has only one such row.
        margin: How much worse is still accepted: in the metric's own unit, or a fraction of the baseline's value.
        relative: True where `margin` is a share (0.02 for "2%").
        why: Where the margin comes from, for whoever reads the file.
    """

    metric: str
    margin: float
    relative: bool = False
    why: str = ""

    def margin_at(self, baseline: float) -> float:
        """The margin in the metric's own unit.

        Raises:
            UsageError: a share of a baseline of zero.
        """
        if not self.relative:
            return self.margin
        if baseline == 0.0:
            raise UsageError(
                f"The rule for {self.metric} allows {self.margin:.3g} of the baseline, which is 0. Give its margin as "
                "a number."
            )
        return self.margin * abs(baseline)

    @property
    def said(self) -> str:
        """The margin as it stands in the file: 0.002 or 2%."""
        return f"{self.margin * 100:.6g}%" if self.relative else f"{self.margin:.6g}"


@dataclass(frozen=True)
class GateRules:
    """The whole file.

    Attributes:
        rules: One a metric, at least one.
        mode: How the sides are compared; "auto" chooses by what there is.
        level: Chance of failing an unchanged model, over all rules together; in (0, 0.5).
        run: How the subject is scored where the command line does not say: reference, paired, against, name.
    """

    rules: tuple[GateRule, ...]
    mode: Mode = "auto"
    level: float = LEVEL
    run: Mapping[str, str] = field(default_factory=dict)


def read_rules(path: Path) -> GateRules:
    """Reads `gates.toml`.

    Raises:
        UsageError: not there, not TOML, an unknown key, or a margin that cannot be meant; the message names the rule.
    """
    try:
        table = tomllib.loads(read_text(path, MAX_SETTINGS))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise UsageError(
            f"{path} cannot be read as rules of a gate: {error}. `ganeval gate init` writes one."
        ) from error
    _check_keys(path, "key", table, ("version", "mode", "level", "run", "rule"))
    if table.get("version", VERSION) != VERSION:
        raise UsageError(f"{path} is of version {table['version']!r}; this ganeval reads {VERSION}. Upgrade ganeval.")
    mode, level, run = table.get("mode", "auto"), table.get("level", LEVEL), table.get("run", {})
    if mode not in MODES:
        raise UsageError(f"{path}: {unknown_name('mode', str(mode), list(MODES))}")
    if not isinstance(level, float) or not 0.0 < level < 0.5:
        raise UsageError(f"{path}: level is a number between 0 and 0.5, usually {LEVEL}; got {level!r}.")
    if not isinstance(run, dict) or not all(isinstance(value, str) for value in run.values()):
        raise UsageError(f"{path}: [run] holds texts: {', '.join(RUN_KEYS)}; got {run!r}.")
    _check_keys(path, "key in [run]", run, RUN_KEYS)
    rules = table.get("rule", [])
    if not isinstance(rules, list) or not rules:
        raise UsageError(f'{path} has no rule. Write [[rule]] with metric = "kd@efflite0" and margin = "2%", say.')
    read = tuple(_read_rule(path, number, rule) for number, rule in enumerate(rules, start=1))
    names = [rule.metric for rule in read]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path} has two rules for {', '.join(twice)}. Keep one of each.")
    places = {key: RecordedPlace(value, str(path), f"[run] {key}", f"--{key}") for key, value in run.items()}
    return GateRules(read, mode, level, places)


def _read_rule(path: Path, number: int, rule: object) -> GateRule:
    where = f"{path}, rule {number}"
    if not isinstance(rule, dict):
        raise UsageError(f"{where} is no table. Write [[rule]] with metric and margin.")
    _check_keys(path, f"key in rule {number}", rule, ("metric", "margin", "why"))
    metric, margin = rule.get("metric"), rule.get("margin")
    if not isinstance(metric, str) or not metric:
        raise UsageError(f'{where} names no metric. Write metric = "kd@efflite0", say.')
    relative = isinstance(margin, str) and margin.endswith("%")
    try:
        if isinstance(margin, bool) or not isinstance(margin, str | int | float):
            raise ValueError
        amount = float(margin.removesuffix("%")) / 100 if isinstance(margin, str) and relative else float(margin)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{where} ({metric}): margin is a number in the unit of the metric, or a fraction of the baseline as in "
            f'"2%"; got {margin!r:.60}.'
        ) from None
    if not 0.0 < amount < math.inf:
        raise UsageError(
            f"{where} ({metric}): margin must be above 0; got {margin!r}. With a margin of 0 no model, not even an "
            "unchanged one, could pass."
        )
    return GateRule(metric, amount, relative, str(rule.get("why", "")))


def _check_keys(path: Path, kind: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{path}: {unknown_name(kind, key, list(known))}")


def write_toml(rules: GateRules, left_out: Mapping[str, str]) -> str:
    """The file as `gate init` writes it, with what each part means.

    Args:
        rules: What goes in.
        left_out: Metric -> why there is no rule for it; written as comments.
    """
    lines = [
        "# A quality gate, written by `ganeval gate init`. Review the margins: how much worse each metric may get.",
        f"version = {VERSION}",
        f"mode = {_quoted(rules.mode)}  # {', '.join(MODES)}",
        f"level = {rules.level}  # chance of failing a model that is worse by just its margins, over all rules",
        "",
        "[run]  # how the subject is scored; options on the command line win",
        *(f"{key} = {_quoted(rules.run[key])}" for key in RUN_KEYS if key in rules.run),
    ]
    for rule in rules.rules:
        margin = _quoted(rule.said) if rule.relative else repr(rule.margin)
        lines += [
            "",
            "[[rule]]",
            f"metric = {_quoted(rule.metric)}",
            f'margin = {margin}  # or a fraction of the baseline: "2%"',
        ]
        lines += [f"why = {_quoted(rule.why)}"] if rule.why else []
    if left_out:
        lines += ["", "# Scored, but not gated:"]
        lines += [f"# {_quoted(f'{metric}: {why}')}" for metric, why in left_out.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string: quotes, backslashes and control characters escaped."""
    escaped = "".join("\\" + c if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08X}" for c in text)
    return f'"{escaped}"'
