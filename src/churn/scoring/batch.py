"""The scores of customers of one date: probability, band, money, cause, reasons and action, each row by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.types import is_float_dtype

from churn.core.settings import PolicySettings
from churn.evaluation.money import contact_profit, customer_values, monthly_revenue
from churn.explanation.causes import CAUSE_TEXTS, OFFERS, sum_by_cause, top_cause
from churn.explanation.contributions import explain_rows
from churn.explanation.reasons import choose_reasons, facts_told, tells
from churn.explanation.sentences import write_reasons
from churn.features.catalog import MRR, plain_name
from churn.modeling.bundle import Bundle

LISTS = ("reasons_en", "reasons_ja")


class ModelMark(NamedTuple):
    """Which registered model a score comes from."""

    name: str
    version: str
    run_id: str


def score_rows(
    features: pd.DataFrame,
    bundle: Bundle,
    policy: PolicySettings,
    mark: ModelMark,
    segments: Sequence[str] = (),
    price: str = MRR,
) -> pd.DataFrame:
    """Return the scores of customers of one date, without their rank.

    Grain: customer x as-of date, in the order of the rows. A row's score depends on that row alone, so the customers of
    a date can be scored in any parts, anywhere.

    Parameters
    ----------
    features
        `customer_id`, `as_of_date` and the bundle's columns.
    segments
        Further columns by which lists can be filtered.
    price
        The column that holds what a customer pays a month; money is unknown where it is not there.
    """
    explained = explain_rows(bundle, features)
    probability = bundle.probability(explained.raw_score)
    paid = monthly_revenue(features, price)
    mrr = np.full(len(features), np.nan) if paid is None else paid
    cause = top_cause(sum_by_cause(explained.values, bundle.catalog))
    quoted = bundle.in_words(features)
    can_tell = tells(quoted, bundle.catalog, bundle.typical)
    facts = facts_told(quoted, bundle.catalog)
    chosen = choose_reasons(explained.values, bundle.catalog, policy.reasons, can_tell, cause, facts, bundle.alike)
    scores = pd.DataFrame(
        {
            "customer_id": features["customer_id"].to_numpy(),
            "as_of_date": features["as_of_date"].dt.strftime("%Y-%m-%d").to_numpy(),
            "churn_probability": probability,
            "raw_score": explained.raw_score,
            "risk_band": risk_bands(probability, bundle.base_rate, policy),
            **bundle.outlook(features, probability),
            "mrr": mrr,
            "mrr_at_risk": probability * mrr,
            "expected_profit": contact_profit(
                probability, customer_values(mrr, policy.money), policy.money, np.isin(cause, OFFERS)
            ),
            "cause": cause,
            "reasons_en": write_reasons(chosen, quoted, bundle.typical, "en", policy.currency),
            "reasons_ja": write_reasons(chosen, quoted, bundle.typical, "ja", policy.currency),
            "action_en": [CAUSE_TEXTS[c].action_en for c in cause],
            "action_ja": [CAUSE_TEXTS[c].action_ja for c in cause],
            "model_name": mark.name,
            "model_version": mark.version,
            "model_run_id": mark.run_id,
        }
    )
    for name, column in {**segment_columns(bundle), **{name: name for name in segments}}.items():
        scores[name] = features[column].astype("object").where(features[column].notna(), None).to_numpy()
    return scores


def schema_of(some: pd.DataFrame, segments: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the types of all scores, from those of a few rows.

    Types are stated, not inferred: a column may be empty in one part and filled in another.

    Parameters
    ----------
    some
        What `score_rows` made of at least one row.
    segments
        Types of the further columns by which lists can be filtered.
    """
    texts = {name: pa.list_(pa.string()) for name in LISTS}
    numbers = {str(name): pa.float64() for name, kind in some.dtypes.items() if is_float_dtype(kind)}
    known = {**numbers, **texts, **segments}
    return pa.schema([(str(name), known.get(str(name), pa.string())) for name in some.columns])


def segment_columns(bundle: Bundle) -> dict[str, str]:
    """Return the categories a list can be filtered by, as `name -> feature column` (`plan -> sub_plan_last`)."""
    return {plain_name(name): name for name in bundle.catalog.categories}


def risk_bands(probability: np.ndarray, base_rate: float, policy: PolicySettings) -> np.ndarray:
    """Return `high`, `medium` or `low`, by how many times the odds exceed those of the base rate, shape (rows,)."""
    odds = probability / np.clip(1 - probability, 1e-12, None)
    times = odds / (base_rate / (1 - base_rate))
    return np.select([times >= policy.high_band, times >= policy.medium_band], ["high", "medium"], "low")
