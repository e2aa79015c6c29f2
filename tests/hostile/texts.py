"""Settings, rules, rows and boards of wrong types, and options that mean nothing."""

import json

from ganeval.results.protocol import Protocol
from ganeval.results.result import Result
from tests.hostile.case import PAIRED, SET, Box, error, score

GATE = "gate {root}/box/new.json --baseline base.jsonl --rules gates.toml"
NESTED = b"[" * 100_000
RULES = b'[[rule]]\nmetric = "psnr"\nmargin = "2%"\n'


def settings(text: str | bytes):
    return lambda box: box.put("ganeval.toml", text if isinstance(text, bytes) else text.encode())


def project(text: str):
    return lambda box: box.put("pyproject.toml", text.encode())


def row(**changed: object) -> dict[str, object]:
    """A good row, with some fields changed."""
    protocol = Protocol(
        "psnr", 1, {}, decode="x", channel="rgb", crop_border=0, reference_sha256="0", n_real=4, n_fake=4
    )
    result = Result("fake", "psnr", 20.0, "higher", 4, 4, protocol=protocol, stderr=0.5, ci95=(19.0, 21.0))
    return {"schema": 1, **result.to_dict(), **changed}


def gate(lines: bytes, rules: bytes = RULES):
    """A baseline and rules; the new rows are good."""

    def make(box: Box) -> None:
        box.put("base.jsonl", lines)
        box.put("gates.toml", rules)
        box.put("new.json", json.dumps({"schema": 1, "rows": [row()]}).encode())

    return make


def rows(lines: bytes):
    return lambda box: box.put("rows.jsonl", lines)


def line(**changed: object) -> bytes:
    return json.dumps(row(**changed)).encode() + b"\n"


def with_field(name: str, text: str) -> bytes:
    """A row with a field in JSON that Python would not write."""
    return line(**{name: "HERE"}).replace(b'"HERE"', text.encode())


def boards(text: bytes):
    def make(box: Box) -> None:
        box.put("leaderboards/boards.toml", text)
        box.put("leaderboards/results/digits.jsonl", line())

    return make


def all_bad(box: Box) -> None:
    for path in box.fake.iterdir():
        path.write_bytes(b"x")


BRACKETS = f"train-reference gan-mlp --set steps={'[' * 100_000} --out {{root}}/out/run"
PART = f"reference build real -o {{root}}/out/r.safetensors --part 1/{'9' * 5000}"
GOOD = line()
DANGLING = json.dumps({name: value for name, value in row().items() if name != "protocol"}).encode() + b"\n"
PROTOCOL = {"kind": "protocol", "fingerprint": row()["fingerprint"], "protocol": row()["protocol"]}
ONCE = json.dumps(PROTOCOL).encode() + b"\n" + DANGLING


def commanding(box: Box) -> None:
    """Rows, rules and a candidate whose key and subject are commands to GitHub's runner."""
    key, subject = "::set-env name=PATH::/tmp", "##[add-mask]x"
    made = row(key=key, subject=subject, note="a\n::error::b")
    box.put("base.jsonl", json.dumps(made).encode() + b"\n")
    box.put("new.json", json.dumps({"schema": 1, "rows": [{**made, "key": "psnr"}]}).encode())


CASES = (
    error(
        "rows whose key and subject are commands to a CI",
        commanding,
        "can be gated",
        command="gate {root}/box/new.json --baseline base.jsonl",
        code=2,
    ),
    error("ganeval.toml: no TOML", settings("seed = = 1"), "cannot be read as TOML", code=2),
    error("ganeval.toml: bytes that are no text", settings(b"seed = \xff\xfe"), "cannot be read as TOML", code=2),
    error("ganeval.toml: 100,000 brackets", settings(b"a = " + NESTED), "cannot be read as TOML", code=2),
    error("ganeval.toml: a setting that there is not", settings("sead = 1"), "Did you mean 'seed'", code=2),
    error("ganeval.toml: text for a number", settings("seed = 'one'"), "seed takes a whole number", code=2),
    error("ganeval.toml: true for a number", settings("seed = true"), "seed takes a whole number", code=2),
    error("ganeval.toml: a table for a text", settings("[reference]\nx = 1"), "reference is a dict; expected", code=2),
    error("ganeval.toml: a negative seed", settings("seed = -1"), "takes a whole number of at least", code=2),
    error("ganeval.toml: a batch of 0", settings("batch_size = 0"), "takes a whole number of at least", code=2),
    error(
        "pyproject.toml: [[tool.ganeval]], a list of tables",
        project("[[tool.ganeval]]\nseed = 1"),
        "must be a table",
        code=2,
    ),
    error("pyproject.toml: tool is a number", project("# [tool.ganeval]\ntool = 3"), "must be a table", code=2),
    score("pyproject.toml of others, which is no TOML", project("tool = = 3")),
    error(
        "ganeval.toml: an address as the reference",
        settings('reference = "memory://x"'),
        "type it yourself: --reference memory://x",
        code=2,
        command="score fake --metrics fd",
    ),
    error("gates.toml: no TOML", gate(GOOD, b"rule = = 1"), "cannot be read as rules", code=2, command=GATE),
    error(
        "gates.toml: 100,000 brackets", gate(GOOD, b"a = " + NESTED), "cannot be read as rules", code=2, command=GATE
    ),
    error(
        "gates.toml: a margin of NaN",
        gate(GOOD, RULES.replace(b'"2%"', b"nan")),
        "margin must be above 0",
        code=2,
        command=GATE,
    ),
    error(
        "gates.toml: a margin of 400 digits",
        gate(GOOD, RULES.replace(b'"2%"', b"9" * 400)),
        "margin is a number",
        code=2,
        command=GATE,
    ),
    error(
        "gates.toml: a margin of infinity",
        gate(GOOD, RULES.replace(b'"2%"', b"inf")),
        "margin must be above 0",
        code=2,
        command=GATE,
    ),
    error(
        "gates.toml: a list for a margin",
        gate(GOOD, RULES.replace(b'"2%"', b"[1]")),
        "margin is a number",
        code=2,
        command=GATE,
    ),
    error("gates.toml: rules that are a number", gate(GOOD, b"rule = 3"), "has no rule", code=2, command=GATE),
    error("baseline: text", gate(b"hello\n"), "has no scored row", code=6, command=GATE),
    error("baseline: bytes", gate(bytes(range(256)) * 40), "has no scored row", code=6, command=GATE),
    error("baseline: 100,000 brackets", gate(NESTED), "has no scored row", code=6, command=GATE),
    error("baseline: of a later version", gate(line(schema=99)), "Upgrade ganeval", command=GATE),
    error(
        "baseline: a value edited by hand, its fingerprint kept",
        gate(line(n_fake="4")),
        "has no scored row",
        code=6,
        command=GATE,
    ),
    error(
        "baseline: a protocol edited by hand",
        gate(line(protocol={**row()["protocol"], "n_fake": 5})),
        "has no scored row",
        code=6,
        command=GATE,
    ),
    error("baseline: a value of NaN", gate(with_field("value", "NaN")), "has no scored row", code=6, command=GATE),
    error("baseline: a value of 1e999", gate(with_field("value", "1e999")), "has no scored row", code=6, command=GATE),
    error(
        "baseline: a whole number of 400 digits",
        gate(with_field("value", "9" * 400)),
        "has no scored row",
        code=6,
        command=GATE,
    ),
    error(
        "baseline: an interval of numbers of 400 digits",
        gate(with_field("ci95", f"[{'9' * 400}, {'9' * 400}]")),
        "has no scored row",
        code=6,
        command=GATE,
    ),
    error(
        "baseline: a row that names a protocol which is not there",
        gate(DANGLING),
        "has no scored row",
        code=6,
        command=GATE,
    ),
    error(
        "leaderboard add: a row that names a protocol which is not there",
        rows(DANGLING),
        "no line above it in its file holds that protocol",
        command="leaderboard add rows.jsonl --results {root}/out",
    ),
    error(
        "leaderboard add: a protocol that does not hash to its name",
        rows(json.dumps(PROTOCOL | {"fingerprint": "0" * 16}).encode() + b"\n" + DANGLING),
        "is called '0000000000000000'",
        command="leaderboard add rows.jsonl --results {root}/out",
    ),
    error("baseline: a protocol that is a list", gate(line(protocol=[1])), "has no scored row", code=6, command=GATE),
    error(
        "baseline: a protocol of wrong types",
        gate(line(protocol={**row()["protocol"], "params": 3})),
        "has no scored row",
        code=6,
        command=GATE,
    ),
    error(
        "baseline: a pipe that no one writes to",
        lambda box: gate(GOOD)(box),
        "no/such",
        command=GATE.replace("base.jsonl", "no/such.jsonl"),
    ),
    error(
        "leaderboard add: lines that are no rows",
        rows(b"hello\n[1]\n" + line(subject=3)),
        "holds no row",
        command="leaderboard add rows.jsonl --results {root}/out",
    ),
    error(
        "leaderboard add: 5,000 damaged lines: ten are told",
        rows(b"hello\n" * 5000),
        "holds no row",
        command="leaderboard add rows.jsonl --results {root}/out",
    ),
    error("boards.toml: no TOML", boards(b"x = = 1"), "cannot be read as TOML", code=2, command="leaderboard show"),
    error(
        "boards.toml: 100,000 brackets",
        boards(b"x = " + NESTED),
        "cannot be read as TOML",
        code=2,
        command="leaderboard show",
    ),
    error(
        "boards.toml: a board that is a number",
        boards(b"digits = 3"),
        "expected a table",
        code=2,
        command="leaderboard show",
    ),
    error(
        "boards.toml: metrics that are a text",
        boards(b'[digits]\nmetrics = "psnr"'),
        "metrics must be",
        code=2,
        command="leaderboard show",
    ),
    error(
        "leaderboard add: no rows at all",
        rows(b"\n\n"),
        "holds no row",
        command="leaderboard add rows.jsonl --results {root}/out",
    ),
    error(
        "leaderboard add: a board called ../../x",
        rows(GOOD),
        "isn't a name of a file",
        code=2,
        command="leaderboard add rows.jsonl --board ../../x --results {root}/out",
    ),
    error(
        "--metrics that there are not",
        lambda box: None,
        "Unknown metric",
        code=2,
        command="score fake --metrics '@@,,#'",
    ),
    error("--metrics: nothing", lambda box: None, "", code=2, command="score fake --metrics ''"),
    error(
        "--device that there is not",
        lambda box: None,
        "not a device",
        code=2,
        command=f"{PAIRED} --device 'cuda:99999999999999999999'",
    ),
    error(
        "--latent-dim of 5,000 digits",
        lambda box: None,
        "--latent-dim takes",
        code=2,
        command=f"{PAIRED} --latent-dim {'9' * 5000}",
    ),
    error(
        "--num-samples that is no number", lambda box: None, "--num-samples", code=2, command=f"{SET} --num-samples 1e9"
    ),
    error(
        "--pair-by: a regular expression that backtracks for ever",
        lambda box: [box.put(f"{side}/{'a' * 60}{end}!.png", b"") for side in ("fake", "real") for end in "aA"],
        "it backtracks",
        code=2,
        command=f"{PAIRED} --pair-by '^(a+)+$'",
    ),
    error(
        "--pair-by: a regular expression of 500 brackets",
        lambda box: None,
        "not a regular expression",
        code=2,
        command=f"{PAIRED} --pair-by '{'(' * 500}'",
    ),
    error(
        "--pair-by: a regular expression that repeats 2^64 times",
        lambda box: None,
        "not a regular expression",
        code=2,
        command=f"{PAIRED} --pair-by '(a{{{{{1 << 64}}}}})'",
    ),
    error(
        "--pair-by: a group that all names share",
        lambda box: None,
        "gives 4 names of fake the same ''",
        code=2,
        command=f"{PAIRED} --pair-by '()'",
    ),
    error(
        "--mod-crop larger than the pictures",
        lambda box: None,
        "less than --mod-crop 17",
        command=f"{PAIRED} --mod-crop 17",
    ),
    error(
        "--tile that does not divide the pictures",
        lambda box: None,
        "do not divide",
        command=f"{PAIRED} --tile 3x3:1",
    ),
    error(
        "--tile of more tiles than there are digits for",
        lambda box: None,
        "--tile takes rows x columns",
        code=2,
        command=f"{PAIRED} --tile {'9' * 50}x2",
    ),
    error("an empty subject", lambda box: None, "", code=2, command="score '' --metrics vendi"),
    error(
        "an address of a scheme that there is not",
        lambda box: None,
        "isn't a scheme that fsspec knows",
        code=2,
        command="score nosuch://x/y",
    ),
    error("an address that is none", lambda box: None, "cannot be opened", code=2, command="score 'http://[::1/x'"),
    error(
        "a generator's module that there is not",
        lambda box: None,
        "There is no module",
        code=2,
        command="score no.such:thing",
    ),
    error(
        "a generator's module that raises",
        lambda box: box.put("bad.py", b"1 / 0\n"),
        "failed on being imported",
        command="score bad:make",
    ),
)
