from __future__ import annotations

import pickle

import pytest

from churn.core import errors as e
from tests.builders import ids_of


def test_a_refusal_says_place_problem_count_examples_and_remedy():
    error = e.DataRefused(
        "values below zero", remedy="Correct the export", code="out_of_range", table="payments", column="amount",
        count=1200, examples=["P1", "P2", "P3", "P4", "P5", "P6"],
    )  # fmt: skip
    assert str(error) == (
        "payments.amount: values below zero (1,200 rows); for example P1, P2, P3, P4, P5. Correct the export"
    )
    assert ids_of(error) == ("P1", "P2", "P3", "P4", "P5")


def test_a_refusal_without_place_or_count_is_still_a_sentence():
    assert str(e.DataRefused("no fact in any table", remedy="Check the paths")) == (
        "no fact in any table. Check the paths"
    )


def test_one_row_is_not_rows():
    assert "(1 row)" in str(e.DataRefused("broken", remedy="Fix it", count=1))


def test_all_problems_of_a_configuration_are_listed():
    error = e.ConfigRefused(["a: wrong", "b: missing"])
    assert error.problems == ("a: wrong", "b: missing")
    assert str(error).splitlines() == [
        "2 problems in the configuration; nothing was read:",
        "  - a: wrong",
        "  - b: missing",
    ]


@pytest.mark.parametrize(
    ("kind", "exit_code", "code"),
    [
        (e.DataRefused, 1, "data"),
        (e.ConfigRefused, 2, "config"),
        (e.DependencyDown, 3, "dependency"),
        (e.OutputFailed, 4, "output"),
        (e.RunLocked, 75, "locked"),
    ],
)
def test_exit_codes_are_those_of_the_contract(kind: type[e.ChurnError], exit_code: int, code: str):
    assert (kind.exit_code, kind.code) == (exit_code, code)
    assert issubclass(kind, e.ChurnError)


@pytest.mark.parametrize(
    "error",
    [
        e.DataRefused("broken", remedy="Fix it", code="orphan", table="events", count=2, examples=["E1"]),
        e.ConfigRefused(["a: wrong"]),
        e.DependencyDown("no answer", code="database"),
    ],
)
def test_an_error_crosses_process_borders_with_its_text_and_code(error: e.ChurnError):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.code, copy.exit_code) == (
        type(error), str(error), error.code, error.exit_code,
    )  # fmt: skip
