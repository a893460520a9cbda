"""The scores of one date: probability, rank, band, money, cause, reasons and action of every customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from churn.core.errors import DataRefused
from churn.core.settings import PolicySettings
from churn.evaluation.money import MRR, contact_profit, customer_values
from churn.evaluation.ranking import rank_within_dates
from churn.explanation.causes import CAUSE_TEXTS, sum_by_cause, top_cause
from churn.explanation.contributions import explain_rows
from churn.explanation.reasons import choose_reasons, tells, write_reasons
from churn.modeling.bundle import Bundle
from churn.modeling.encoding import known_categories

MAX_ODDS_SHIFT = 10.0
LEAST_ROWS_TO_VARY = 20


class ModelMark(NamedTuple):
    """Which registered model a score comes from."""

    name: str
    version: str
    run_id: str


def score_customers(
    features: pd.DataFrame, bundle: Bundle, policy: PolicySettings, mark: ModelMark, segments: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the scores of one date.

    Grain: customer x as-of date, ordered by `risk_rank`. Customers in are customers out.

    Parameters
    ----------
    features
        `customer_id`, `as_of_date` and the bundle's columns.
    segments
        Further columns by which lists can be filtered.

    Raises
    ------
    DataRefused
        When nobody is there to score, or the scores cannot be right.
    """
    if features.empty:
        raise DataRefused(
            "nobody is in the cohort on this date",
            code="empty_cohort",
            remedy="Check the as-of date and the cohort rules",
        )
    explained = explain_rows(bundle, features)
    probability = bundle.probability(explained.raw_score)
    check_scores(probability, bundle.base_rate)
    mrr = features[MRR].to_numpy(dtype=float) if MRR in features else np.full(len(features), np.nan)
    cause = top_cause(sum_by_cause(explained.values, bundle.catalog))
    quoted = bundle.in_words(features)
    can_tell = tells(quoted, bundle.catalog, bundle.typical)
    chosen = choose_reasons(explained.values, bundle.catalog, policy.reasons, can_tell, cause)
    scores = pd.DataFrame(
        {
            "customer_id": features["customer_id"].to_numpy(),
            "as_of_date": features["as_of_date"].dt.strftime("%Y-%m-%d").to_numpy(),
            "churn_probability": probability,
            "raw_score": explained.raw_score,
            "risk_rank": rank_within_dates(features, probability, mrr),
            "risk_band": risk_bands(probability, bundle.base_rate, policy),
            **bundle.outlook(features, probability),
            "mrr": mrr,
            "mrr_at_risk": probability * mrr,
            "expected_profit": contact_profit(probability, customer_values(mrr, policy.money), policy.money),
            "cause": cause,
            "reasons_en": write_reasons(chosen, quoted, bundle.typical, "en"),
            "reasons_ja": write_reasons(chosen, quoted, bundle.typical, "ja"),
            "action_en": [CAUSE_TEXTS[c].action_en for c in cause],
            "action_ja": [CAUSE_TEXTS[c].action_ja for c in cause],
            "model_name": mark.name,
            "model_version": mark.version,
            "model_run_id": mark.run_id,
        }
    )
    for name, column in {**segment_columns(bundle), **{name: name for name in segments}}.items():
        scores[name] = features[column].astype("object").where(features[column].notna(), None).to_numpy()
    if len(scores) != len(features):
        raise RuntimeError("customers in are not customers out")
    return scores.sort_values("risk_rank", ignore_index=True)


def segment_columns(bundle: Bundle) -> dict[str, str]:
    """Return the categories a list can be filtered by, as `name -> feature column` (`plan -> sub_plan_last`)."""
    return {
        feature.name.removeprefix("prof_").removeprefix("sub_").removesuffix("_last"): feature.name
        for feature in bundle.catalog.features
        if feature.kind == "category"
    }


def risk_bands(probability: np.ndarray, base_rate: float, policy: PolicySettings) -> np.ndarray:
    """Return `high`, `medium` or `low`, by how many times the odds exceed those of the base rate, shape (rows,)."""
    odds = probability / np.clip(1 - probability, 1e-12, None)
    times = odds / (base_rate / (1 - base_rate))
    return np.select([times >= policy.high_band, times >= policy.medium_band], ["high", "medium"], "low")


def check_scores(probability: np.ndarray, base_rate: float) -> None:
    """Refuse scores that cannot be right before anything is published.

    Raises
    ------
    DataRefused
        For values that are missing or outside 0 to 1, all equal, or far from the training base rate.
    """
    invalid = int((~((probability >= 0) & (probability <= 1))).sum())
    if invalid:
        raise DataRefused(
            "scores are missing or outside 0 to 1", count=invalid, code="invalid_scores",
            remedy="Check the features of these customers; nothing was published",
        )  # fmt: skip
    if len(probability) >= LEAST_ROWS_TO_VARY and np.ptp(probability) == 0:
        raise DataRefused(
            f"all {len(probability):,} scores are {probability[0]:.4f}", code="constant_scores",
            remedy="Check that the features are not all empty on this date; nothing was published",
        )  # fmt: skip
    mean = float(np.clip(probability.mean(), 1e-9, 1 - 1e-9))
    shift = (mean / (1 - mean)) / (base_rate / (1 - base_rate))
    if not 1 / MAX_ODDS_SHIFT <= shift <= MAX_ODDS_SHIFT:
        raise DataRefused(
            f"the mean score is {mean:.2%}, in training {base_rate:.2%} left", code="shifted_scores",
            remedy="Check the source for a missing or broken table on this date; nothing was published",
        )  # fmt: skip


def check_categories(features: pd.DataFrame, bundle: Bundle, max_share: float) -> dict[str, float]:
    """Return the share of rows per category column whose value training never saw.

    Raises
    ------
    DataRefused
        When a share exceeds the limit, or a column of the model is not there.
    """
    shares = {}
    selected = bundle.select(features)
    for name, known in known_categories(bundle.pipeline.named_steps["encode"]).items():
        values = selected[name].dropna()
        shares[name] = float((~values.isin(known)).mean()) if len(values) else 0.0
        if shares[name] > max_share:
            raise DataRefused(
                f"{shares[name]:.1%} of rows hold values training never saw", column=name, code="unseen_categories",
                remedy=f"Train again, or raise policy.max_unseen_share (now {max_share:g})",
            )  # fmt: skip
    return shares


def summarise_scores(scores: pd.DataFrame, worklist: pd.DataFrame, unseen: Mapping[str, float]) -> dict[str, float]:
    """Return the figures of one scored date: customers, mean probability, money at risk, share of unseen values."""
    return {
        "customers_scored": len(scores),
        "customers_listed": len(worklist),
        "mean_probability": float(scores["churn_probability"].mean()),
        "mrr_at_risk": float(scores["mrr_at_risk"].sum()),
        "max_unseen_share": max(unseen.values(), default=0.0),
    }
