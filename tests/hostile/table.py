"""All cases, and the table of them that stands in docs/hostile-inputs.md."""

from tests.hostile import archives, arrays, checkpoints, disk, folders, images, other_inputs, texts
from tests.hostile.case import Case

GROUPS = {
    "Image files": images.CASES,
    "Names, links and files that change": folders.CASES,
    "Archives": archives.CASES,
    "Arrays, statistics and data sets": arrays.CASES,
    "Videos, strips, masks and HEIC": other_inputs.CASES,
    "Checkpoints, weights and reference statistics": checkpoints.CASES,
    "Settings, rules, rows and options": texts.CASES,
    "Disks and caches": disk.CASES,
}
CASES: tuple[Case, ...] = tuple(case for cases in GROUPS.values() for case in cases)


def markdown() -> str:
    """The table, one section a group."""
    counts = {kind: sum(case.outcome == kind for case in CASES) for kind in ("score", "skip", "error")}
    lines = [
        f"{len(CASES)} cases: {counts['score']} are scored like the clean input, {counts['skip']} are scored without "
        f"the bad part, which is counted, and {counts['error']} are refused.",
        "",
    ]
    for title, cases in GROUPS.items():
        lines += [f"### {title}", "", "| input | outcome |", "|---|---|"]
        lines += [f"| {case.name} | {outcome(case)} |" for case in cases]
        lines += [""]
    return "\n".join(lines)


def outcome(case: Case) -> str:
    """What must come of a case, in words."""
    if case.outcome == "error":
        return f"refused, exit {case.code}" + (f": “{case.says[-1]}”" if case.says else "")
    if case.outcome == "score":
        return "scored like the clean input"
    counted = [f"{case.skipped} skipped"] * bool(case.skipped) + [f"{case.left_out} left out"] * bool(case.left_out)
    return f"scored without it, {' and '.join(counted)}"
