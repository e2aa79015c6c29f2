"""JSON of an explanation: result rows with tool, terms and steps."""

import dataclasses
from typing import Any

from ganeval.backbones.inception_variants import described
from ganeval.explain.explain import ExplainOptions, Explanation
from ganeval.explain.features import OTHER_WEIGHTS
from ganeval.explain.pillow import PILLOW_POLICY
from ganeval.explain.pipelines import TOOLS
from ganeval.explain.waterfall import OTHER, OWN, Row
from ganeval.metrics.base import Estimate
from ganeval.metrics.frechet import FD
from ganeval.metrics.keys import printed_key
from ganeval.results.protocol import Protocol
from ganeval.results.provenance import provenance
from ganeval.results.result import SCHEMA, Result
from ganeval.scoring.build_result import Row as ResultRow
from ganeval.scoring.build_result import Seen
from ganeval.sources.decoding.rules import DECODE_POLICY


def note_of(row: Row) -> str:
    """Why there is no value; "" if there is one."""
    if not row.refusal:
        return ""
    alone = "" if row.alone is None else f"; given the images one by one it prints {row.alone:.6g}"
    return f"would refuse: {row.refusal}{alone}"


def result_of(row: Row, found: Explanation, options: ExplainOptions) -> Result:
    """A result row whose protocol has the tool's preparation and arithmetic."""
    tool = TOOLS.get(row.tool)
    path = "inception" if tool is None else tool.path
    sha256 = found.other_sha256 if row.tool == OTHER else found.weights_sha256
    pinned = found.pinned and row.tool != OTHER
    key = printed_key(FD.name, path if pinned else f"{path}#{sha256[:8]}")
    if row.value is None or row.n_fake is None:
        return Result(found.subject, key, None, "lower", row.n_real, row.n_fake, "skipped", note_of(row))
    run = dataclasses.replace(options.run, name=found.subject)
    seen = Seen(row.n_real, row.n_fake, found.content_sha256[0], found.skipped, found.left_out)
    own = row.tool in (OWN, OTHER) or tool is None
    arithmetic = {} if own or tool is None else {"ddof": tool.ddof, "mean": tool.mean, "tool": tool.name}
    protocol = Protocol(
        metric=FD.name,
        version=FD.version,
        params={**FD.params, **arithmetic},
        backbone=path,
        weights_sha256=sha256,
        resize=described(path),
        decode=DECODE_POLICY if own else PILLOW_POLICY,
        reference_sha256=found.content_sha256[1],
    )
    engine = found.engines[OTHER_WEIGHTS if row.tool == OTHER else path]
    return ResultRow(run, key, "lower", seen).of(
        Estimate(row.value),
        protocol,
        notes=(),
        comparable_to_published=pinned and not found.statistics,
        origin={**provenance(found.device), "engine": engine},
        more={},
        seconds={},
    )


def to_json(found: Explanation, options: ExplainOptions) -> dict[str, Any]:
    """The JSON of `ganeval explain --json`."""
    return {
        "schema": SCHEMA,
        "subject": found.subject,
        "reference": found.reference,
        "passes": list(found.passes),
        "notes": list(found.notes),
        "rows": [
            {
                **result_of(row, found, options).to_dict(),
                "tool": row.tool,
                "terms": dict(row.terms),
                "one_by_one": row.alone,
                "steps": row.steps,
                "root": TOOLS[row.tool].root if row.tool in TOOLS else "",
            }
            for row in found.rows
        ],
    }
