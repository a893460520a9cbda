from __future__ import annotations

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier

from churn.modeling.fit import Candidate
from churn.modeling.shift import run_shift_test
from tests.unit.modeling.toys import CATALOG, make_fold, make_matrix

TREES = Candidate("quick", "trees", LGBMClassifier(n_estimators=30, min_child_samples=10, n_jobs=1, verbose=-1))
FIRST_DAYS = 0.4  # of those who leave, so many do so before the shifted outcome begins


def shifted_of(matrix: pd.DataFrame) -> pd.Series:
    """The outcome some days later: those who leave first do not count, the others are as they were."""
    is_first = np.random.default_rng(1).random(len(matrix)) < FIRST_DAYS
    return matrix["churned"].astype(float).mask((matrix["churned"] == 1) & is_first)


def test_what_customers_do_over_months_outlives_the_shift():
    matrix = make_matrix()
    test = run_shift_test(matrix, shifted_of(matrix), make_fold(matrix), TREES, CATALOG, 7)
    assert test is not None and test.auc > 0.7
    assert abs(test.lost) < 0.05


def test_a_column_written_while_they_leave_collapses_and_is_named_first():
    matrix = make_matrix()
    shifted = shifted_of(matrix)
    leaving = (matrix["churned"] == 1) & shifted.isna()
    echoed = matrix.assign(sub_mrr_sum=np.where(leaving, 0.0, matrix["sub_mrr_sum"] + 1.0))  # refunded on the way out
    test = run_shift_test(echoed, shifted, make_fold(matrix), TREES, CATALOG, 7)
    assert test is not None and test.lost > 0.05
    assert next(iter(test.lost_by_feature)) == "sub_mrr_sum"


def test_too_few_leavers_give_no_answer():
    matrix = make_matrix()
    rare = matrix.assign(churned=0)
    assert run_shift_test(rare, shifted_of(matrix), make_fold(matrix), TREES, CATALOG, 7) is None
