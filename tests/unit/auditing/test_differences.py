from __future__ import annotations

import numpy as np
import pandas as pd

from churn.auditing.differences import find_differences, summarise_differences

DAY = pd.Timestamp("2024-03-01")


def frame(**columns) -> pd.DataFrame:
    size = len(next(iter(columns.values())))
    names = columns.pop("customer_id", list("ABCD")[:size])
    return pd.DataFrame({"customer_id": names, "as_of_date": DAY, **columns})


def rows(left: pd.DataFrame, right: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    found = find_differences(left, right, "check")
    return list(found[["feature", "customer_id", "value", "other_value"]].itertuples(index=False, name=None))


def test_equal_tables_do_not_differ_whatever_the_order_of_their_rows():
    table = frame(count=[1.0, 2.0, np.nan], plan=["a", None, "b"])
    assert rows(table, table.iloc[::-1]) == []


def test_the_last_digits_of_a_sum_do_not_count_and_any_other_digit_does():
    left = frame(x=[0.1 + 0.2, 1000.0])
    assert rows(left, frame(x=[0.3, 1000.0])) == []
    assert rows(left, frame(x=[0.3, 1000.001])) == [("x", "B", "1000.0", "1000.001")]


def test_a_value_against_none_and_one_category_against_another_are_named_with_both():
    left, right = frame(x=[1.0, np.nan], plan=["a", "b"]), frame(x=[np.nan, 2.0], plan=["a", None])
    assert rows(left, right) == [("x", "A", "1.0", "null"), ("x", "B", "null", "2.0"), ("plan", "B", "b", "null")]


def test_a_customer_in_one_cohort_alone_is_named():
    left, right = frame(customer_id=["A", "B"], x=[1.0, 2.0]), frame(customer_id=["B", "C"], x=[2.0, 3.0])
    assert rows(left, right) == [("(cohort)", "A", "in", "out"), ("(cohort)", "C", "out", "in")]


def test_a_column_that_only_the_future_has_differs_everywhere():
    assert rows(frame(x=[1.0]), frame(x=[1.0], y=[2.0])) == [("y", "A", "(no such column)", "2.0")]


def test_a_summary_counts_values_and_dates_and_keeps_one_example():
    left = frame(x=[1.0, 2.0, 3.0], y=[0.0, 0.0, 0.0])
    found = find_differences(left, frame(x=[9.0, 9.0, 9.0], y=[0.0, 0.0, 1.0]), "check")
    summary = summarise_differences(found)
    assert summary["feature"].tolist() == ["x", "y"]
    assert summary["values"].tolist() == [3, 1]
    assert summary.loc[1, ["customer_id", "value", "other_value"]].tolist() == ["C", "0.0", "1.0"]
