"""Numbers as people read them."""

import math

import pytest

from ganeval.formatting import counted, filled_columns, in_column, interval, significant


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (28.8, "28.80"),
        (0.847, "0.8470"),
        (999.96, "1000"),
        (1234.5, "1234"),
        (123456.0, "123456"),
        (-5.133e-05, "-5.133e-05"),
        (2e9, "2.000e+09"),
        (0.0, "0"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_a_number_keeps_its_significant_digits(value, shown):
    assert significant(value) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([28.418, 28.8], ["28.42", "28.80"]),  # dB, as papers print them
        ([0.8101, 0.7784], ["0.8101", "0.7784"]),
        ([55.54, 175.77, None], ["55.54", "175.77", "-"]),
        ([0.0368, -0.001383], ["0.036800", "-0.001383"]),
        ([5000.0, 1.2], ["5000.00", "1.20"]),
        ([0.0, 0.0], ["0", "0"]),
        ([1234567.0, 3.0], ["1.235e+06", "3.000"]),
        ([math.inf, 3.0], ["inf", "3.000"]),
        ([], []),
    ],
)
def test_a_column_has_one_number_of_decimals(values, shown):
    assert in_column(values) == shown


def test_intervals_and_counts():
    assert interval((0.815, 0.88)) == "[0.815, 0.880]"
    assert interval(None) == ""
    assert (counted(1, "row"), counted(1200, "row")) == ("1 row", "1,200 rows")


def test_a_column_without_any_value_is_left_out_of_a_table():
    head = ("name", "seeds", "value", "mde")

    assert filled_columns(head, [("a", "", "1", "-"), ("b", "", "", "-")]) == [0, 2]
    assert filled_columns(head, [("a", "", "1", "-"), ("b", "3", "", "-")]) == [0, 1, 2]
    assert filled_columns(head, []) == [0, 1, 2, 3]
