from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.core.contract import CAUSES
from churn.modeling.hazard import INVOLUNTARY, LEAST_OF_A_KIND
from churn.modeling.kinds import BY_WILL, MISNAMED, NAMED, chances_by_kind, kinds_of

MODEL = ["payment_failure", "poor_support", "pricing", "journey_stage"]


def _named(cause: str) -> int:
    return NAMED + CAUSES.index(cause)


def test_kinds_of_outcomes_tell_who_left_by_will_who_did_not_and_who_left_unknown() -> None:
    rows = pd.DataFrame({"churned": [0, 1, 1, 1], "churn_kind": [None, None, "involuntary", "voluntary"]})
    assert kinds_of(rows).tolist() == [0, 1, INVOLUNTARY, BY_WILL]
    assert kinds_of(rows.assign(churn_kind=None)).tolist() == [0, 1, 1, 1]
    assert kinds_of(rows[["churned"]]).tolist() == [0, 1, 1, 1]


def test_a_leaver_who_named_a_cause_is_of_its_kind_unless_the_payment_failed() -> None:
    rows = pd.DataFrame(
        {
            "churned": [0, 1, 1, 1, 1],
            "churn_kind": [None, None, "involuntary", "voluntary", "voluntary"],
            "stated_cause": ["pricing", "pricing", "pricing", "competition", None],
        }
    )
    assert kinds_of(rows).tolist() == [0, _named("pricing"), INVOLUNTARY, _named("competition"), BY_WILL]
    nobody_asked = kinds_of(rows.assign(stated_cause=None))
    assert nobody_asked.tolist() == kinds_of(rows.drop(columns="stated_cause")).tolist()


def _chances(kind: int, causes: list[str] = MODEL, unpaid: int = LEAST_OF_A_KIND) -> list[float]:
    kinds = np.array([0, kind, *[INVOLUNTARY] * unpaid])
    return next(chances.tolist() for rows, chances in chances_by_kind(kinds, causes) if 1 in rows)


def test_a_named_cause_is_mostly_the_right_one_and_never_that_of_failed_payments() -> None:
    wrong = pytest.approx(MISNAMED / 3)
    assert _chances(_named("pricing")) == [0, wrong, 1 - MISNAMED, wrong]
    assert _chances(BY_WILL) == [0, 1, 1, 1]
    assert _chances(_named("pricing"), unpaid=LEAST_OF_A_KIND - 1) == [wrong, wrong, 1 - MISNAMED, wrong]


def test_what_nothing_explains_is_what_all_causes_share() -> None:
    assert _chances(_named("unexplained")) == _chances(_named("journey_stage"))


@pytest.mark.parametrize(("named", "causes"), [("competition", MODEL[1:]), ("pricing", ["pricing"])])
def test_a_cause_without_features_or_rivals_says_nothing_of_the_others(named: str, causes: list[str]) -> None:
    assert _chances(_named(named), causes) == [1] * len(causes)


def test_every_leaver_is_of_one_kind_and_who_stayed_of_none() -> None:
    kinds = np.random.default_rng(0).choice([0, 1, INVOLUNTARY, BY_WILL, _named("pricing")], 500)
    rows = np.concatenate([rows for rows, _ in chances_by_kind(kinds, MODEL)])
    assert sorted(rows) == np.flatnonzero(kinds > 0).tolist()
