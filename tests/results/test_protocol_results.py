"""Protocols, fingerprints and rows: what is equal hashes equal, what differs never does, nothing is lost on disk."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeval.errors import DataError
from ganeval.results.protocol import Protocol, differing_fields
from ganeval.results.result import Result, append_jsonl, read_jsonl, to_json
from tests.rows import append_together

PROTOCOL = Protocol("fd", 1, {"ddof": 1}, "efflite0", "ab" * 32, n_real=10, n_fake=20)


def row(value=1.5, **changes):
    fields = {"subject": "s", "key": "fd@efflite0", "better": "lower", "n_real": 10, "n_fake": 20, "protocol": PROTOCOL}
    return Result(value=value, **(fields | changes))


def test_the_fingerprint_is_pinned():
    """A change here changes every fingerprint ever printed."""
    assert PROTOCOL.fingerprint == "0aa2abcf2a682681"
    assert len(PROTOCOL.fingerprint) == 16


@given(st.permutations(["k", "k_density", "layer", "seed"]))
def test_the_order_of_parameters_never_matters(order):
    values = {"k": 3, "k_density": 5, "layer": "relu5_4", "seed": 7}
    shuffled = Protocol("prdc", 1, {name: values[name] for name in order})

    assert shuffled.fingerprint == Protocol("prdc", 1, values).fingerprint


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Protocol)])
def test_any_changed_field_changes_the_fingerprint(name):
    old = getattr(PROTOCOL, name)
    new = {"k": 4} if name == "params" else 17 if isinstance(old, int) or old is None else f"{old}x"
    changed = dataclasses.replace(PROTOCOL, **{name: new})

    assert changed.fingerprint != PROTOCOL.fingerprint
    assert list(differing_fields(PROTOCOL, changed)) == [name]


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=30), st.integers(0, 10**9))
def test_a_row_survives_the_way_to_json_and_back(value, subject, n_fake):
    original = row(value, subject=subject, n_fake=n_fake, ci95=(-1.0, value), note=subject)

    assert Result.from_dict(json.loads(json.dumps(original.to_dict()))) == original


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_never_written(bad):
    for field in ({"value": bad}, {"stderr": bad}, {"debiased": bad}, {"ci95": (0.0, bad)}):
        with pytest.raises(ValueError, match="NaN or an infinity"):
            row(**field)


def test_a_status_goes_with_its_value():
    with pytest.raises(ValueError, match="does not go with"):
        row(None)
    with pytest.raises(ValueError, match="does not go with"):
        row(1.0, status="skipped")


def test_json_has_the_promised_keys():
    (written,) = json.loads(to_json([row()]))["rows"]
    promised = "subject key value stderr ci95 debiased better n_real n_fake status note fingerprint protocol provenance"

    assert set(promised.split()) | {"timing"} <= set(written)
    assert written["fingerprint"] == PROTOCOL.fingerprint


def test_appended_rows_are_read_back(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    append_jsonl(path, [row(1.0)])
    append_jsonl(path, [row(2.0), row(3.0)])

    results, problems = read_jsonl(path)

    assert [r.value for r in results] == [1.0, 2.0, 3.0]
    assert problems == []


def test_a_cut_last_line_is_reported_and_the_next_row_stays_whole(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, [row(1.0), row(2.0)])
    path.write_bytes(path.read_bytes()[:-40])
    append_jsonl(path, [row(3.0)])

    results, problems = read_jsonl(path)

    assert [r.value for r in results] == [1.0, 3.0]
    assert len(problems) == 1
    assert ":2:" in problems[0]


def test_a_row_whose_protocol_was_edited_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, [row()])
    path.write_text(path.read_text().replace('"n_fake": 20', '"n_fake": 50000'))

    results, problems = read_jsonl(path)

    assert results == []
    assert "fingerprint" in problems[0]


@pytest.mark.parametrize("line", ["[1, 2]", "7", "{}", '{"schema": 1, "subject": 3}', "null", '{"value": "x"}'])
def test_lines_of_the_wrong_kind_are_reported_with_their_number(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text(f"\n{line}\n")

    results, problems = read_jsonl(path)

    assert results == []
    assert ":2:" in problems[0]


def test_a_future_schema_is_refused_by_name(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"schema": 99}\n')

    with pytest.raises(DataError, match="schema 99"):
        read_jsonl(path)


def test_processes_that_append_at_once_lose_nothing(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_together(path, 3, 50)

    results, problems = read_jsonl(path)

    assert problems == []
    told = sorted((r.provenance["subject"]["training_seed"], r.value) for r in results)
    assert told == [(worker, float(value)) for worker in range(3) for value in range(50)]
