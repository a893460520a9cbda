"""A company of two hundred customers on six dates, small enough to fit in a blink, and bundles fitted on it."""

from __future__ import annotations

import functools
import os
from typing import Any, Literal

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression

from churn.features.catalog import Catalog, Feature
from churn.modeling.bundle import Bundle
from churn.modeling.calibration import Method
from churn.modeling.fit import Candidate, fit_bundle
from churn.snapshots.splits import Fold

DATES = pd.to_datetime([f"2024-0{month}-01" for month in range(1, 7)])
PROBLEM = {"windows": {"lead_days": 7}}


def make_feature(name: str, cause: str = "unexplained", **more: Any) -> Feature:
    """A feature whose words are its name."""
    words = {"en": name, "ja": name, "reason_en": f"{name} is {{value}}", "reason_ja": f"{name}は{{value}}"}
    return Feature(**{"name": name, "family": "toy", "cause": cause, "unit": "", "topic": name, **words, **more})


CATALOG = Catalog(
    [
        make_feature("plan", "pricing", kind="category"),
        make_feature("eng_activity_recency_days", "low_engagement", unit="days"),
        make_feature("eng_sessions_count_30d", "low_engagement", topic="eng_activity_recency_days"),
        make_feature("tickets_open", "poor_support"),
        make_feature("country", kind="category"),
        make_feature("sub_mrr_sum", "pricing"),
        make_feature("never_filled", "competition"),
    ]
)


def make_matrix(customers: int = 200, seed: int = 0) -> pd.DataFrame:
    """Labelled rows, customer x date: recency and tickets drive the outcome, one column is always empty."""
    generator = np.random.default_rng(seed)
    rows = customers * len(DATES)
    recency, tickets = generator.exponential(10, rows), generator.poisson(0.5, rows).astype(float)
    log_odds = -2.5 + 0.12 * recency + 0.9 * tickets
    frame = pd.DataFrame(
        {
            "customer_id": np.tile([f"c{n:03}" for n in range(customers)], len(DATES)),
            "as_of_date": np.repeat(DATES, customers),
            "churned": (generator.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(int),
            "plan": generator.choice(["basic", "team", "enterprise"], rows, p=[0.6, 0.39, 0.01]),
            "eng_activity_recency_days": recency,
            "eng_sessions_count_30d": np.where(generator.random(rows) < 0.1, np.nan, 40 / (1 + recency)),
            "tickets_open": tickets,
            "country": np.where(generator.random(rows) < 0.2, None, generator.choice(["JP", "DE", "US"], rows)),
            "sub_mrr_sum": generator.lognormal(3, 1, rows).round(2),
            "never_filled": np.full(rows, np.nan),
        }
    )
    left_after = pd.to_timedelta(
        np.where(frame["churned"] == 1, 7 + np.arange(rows) % 20, 60 + np.arange(rows) % 300), "D"
    )
    frame["followed_until"] = pd.Timestamp("2024-08-01")
    left_on = frame["as_of_date"] + left_after
    frame["left_on"] = left_on.where(left_on < frame["followed_until"])
    kind = pd.Series(np.where(generator.random(rows) < 0.3, "involuntary", "voluntary"), dtype="str")
    frame["left_kind"] = kind.where(frame["left_on"].notna())
    return frame.assign(plan=frame["plan"].astype("str"), country=frame["country"].astype("str"))


def make_fold(matrix: pd.DataFrame) -> Fold:
    """Three dates fit, one calibrates, two test."""
    date = matrix["as_of_date"]
    return Fold("toy", *(date.isin(DATES[part]).to_numpy() for part in (slice(0, 3), slice(3, 4), slice(4, 6))))


def make_candidate(encoding: Literal["trees", "linear"]) -> Candidate:
    """A small model of either kind."""
    if encoding == "linear":
        return Candidate("logistic", "linear", LogisticRegression(C=0.5, max_iter=500))
    trees = LGBMClassifier(
        n_estimators=25, num_leaves=7, min_child_samples=20, deterministic=True, force_row_wise=True, n_jobs=1,
        verbose=-1, random_state=0,
    )  # fmt: skip
    return Candidate("lightgbm", "trees", trees)


@functools.cache
def fitted(encoding: Literal["trees", "linear"], calibration: Method = "sigmoid") -> Bundle:
    """A bundle fitted on the toy company."""
    matrix = make_matrix()
    return fit_bundle(matrix, make_fold(matrix), make_candidate(encoding), CATALOG, calibration, PROBLEM)


def rows_of(date: int = 5, customers: int = 200) -> pd.DataFrame:
    """The feature rows of one date, as they come to be scored."""
    matrix = make_matrix()
    return matrix[matrix["as_of_date"] == DATES[date]].drop(columns="churned").head(customers).reset_index(drop=True)
