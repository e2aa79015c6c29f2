"""The quality gate in pytest: `assert_quality(samples, baseline=...)`, and the fixture `ganeval_quality`.

Loaded by pytest in every run of every project that has ganeval installed, so it imports nothing heavy until it is used.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from ganeval.gate.rules import GateRules, Mode
    from ganeval.gate.run import GateReport
    from ganeval.generators.in_memory import Images, Subject
    from ganeval.sources.arrays import ValueRange

PROPERTY = "ganeval gate"


class QualityError(AssertionError):
    """A gate that did not pass; the message is its table.

    Attributes:
        report: What the gate found.
    """

    def __init__(self, report: "GateReport", table: str) -> None:
        super().__init__(f"\n{table}")
        self.report = report


def assert_quality(
    samples: "Subject",
    *,
    baseline: str | Path,
    rules: "str | Path | GateRules | None" = None,
    against: "Subject | None" = None,
    mode: "Mode" = "auto",
    name: str | None = None,
    reference: "Images | None" = None,
    paired: "Images | None" = None,
    n: int | None = None,
    latent_dim: int | Sequence[int] | None = None,
    value_range: "ValueRange | None" = None,
    device: str = "auto",
    engine: Literal["auto", "torch", "openvino"] = "auto",
    weights: Mapping[str, Path] | None = None,
    data_root: Path | None = None,
    allow_inconclusive: bool = False,
    seen: "Callable[[GateReport], None] | None" = None,
) -> "GateReport":
    """Scores samples as the baseline was scored, and fails where they are worse by more than the rules allow.

    Args:
        samples: Tensor, array, folder, archive, data set, checkpoint, network, callable, or a file of rows.
        baseline: File of rows; `ganeval gate init` writes one.
        rules: `gates.toml` or rules; None derives margins from the baseline's own standard errors.
        against: The older samples or generator, for a paired comparison.
        mode: How the sides are compared.
        name: Subject or recipe in the baseline, where it has several.
        reference: What set metrics compare with, where the rules do not say.
        paired: What paired metrics compare with, where the rules do not say.
        n: Images that a generator draws, where the baseline was scored on a whole set of so many.
        latent_dim: Width or shape of one latent of a network.
        value_range: What floats mean.
        device: Of the scoring network.
        engine: What runs it on a CPU.
        weights: Backbone name -> weights file.
        data_root: Folder of data sets.
        allow_inconclusive: True if an inconclusive gate does not fail the test.
        seen: Called with the report, for every verdict.

    Returns:
        The report of a gate that passed.

    Raises:
        QualityError: it failed, or is inconclusive.
        GanevalError: samples, baseline or rules cannot be used, or do not go together.
    """
    __tracebackhide__ = True
    from ganeval.api import check  # torch is imported here, not when pytest starts
    from ganeval.gate.report import to_text

    report = check(
        samples,
        baseline=baseline,
        rules=rules,
        against=against,
        mode=mode,
        name=name,
        reference=reference,
        paired=paired,
        n=n,
        latent_dim=latent_dim,
        value_range=value_range,
        device=device,
        engine=engine,
        weights=weights,
        data_root=data_root,
    )
    if seen is not None:
        seen(report)
    if report.verdict == "fail" or (report.verdict == "inconclusive" and not allow_inconclusive):
        raise QualityError(report, to_text(report))
    return report


@pytest.fixture
def ganeval_quality(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> "Callable[..., GateReport]":
    """`assert_quality` with baseline and rules from the ini file, and its table in the summary and the JUnit file.

    def test_generator_is_no_worse(ganeval_quality):
        ganeval_quality(network, n=2000, latent_dim=100, value_range="-1..1")
    """

    def seen(report: "GateReport") -> None:
        from ganeval.gate.report import to_text

        request.node.user_properties.append((PROPERTY, to_text(report)))

    return functools.partial(
        assert_quality,
        baseline=_beside_ini(pytestconfig, "ganeval_baseline") or pytestconfig.rootpath / "baseline.jsonl",
        rules=_beside_ini(pytestconfig, "ganeval_rules"),
        allow_inconclusive=bool(pytestconfig.getini("ganeval_allow_inconclusive")),
        seen=seen,
    )


def _beside_ini(config: pytest.Config, key: str) -> Path | None:
    """A file named in the ini file, relative to the folder of the project."""
    value = str(config.getini(key))
    return config.rootpath / value if value else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings of the fixture."""
    parser.addini("ganeval_baseline", "ganeval: recorded rows (default: baseline.jsonl)", default="")
    parser.addini("ganeval_rules", "ganeval: gates.toml (default: margins from the baseline)", default="")
    parser.addini("ganeval_allow_inconclusive", "ganeval: an inconclusive gate passes", type="bool", default=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table of every gate that passed; those of failed ones are in the failures."""
    tables = [
        (report.nodeid, text)
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        for key, text in report.user_properties
        if key == PROPERTY
    ]
    if tables:
        terminalreporter.section("ganeval gates")
    for nodeid, text in tables:
        terminalreporter.write_line(nodeid)
        terminalreporter.write_line(str(text))
