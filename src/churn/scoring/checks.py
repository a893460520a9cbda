"""What a whole date's scores must be before anything is published, and the figures of the date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import ibis.expr.types as ir

from churn.core.errors import EXAMPLE_IDS, DataRefused
from churn.modeling.bundle import Bundle
from churn.modeling.encoding import known_categories

MAX_ODDS_SHIFT = 10.0
LEAST_ROWS_TO_VARY = 20
EDGE = 1e-9
SHOWN = 40  # characters of a value in a message


class ScoreTotals(NamedTuple):
    """What is counted over all customers of a date; `invalid` scores are missing or outside 0 to 1."""

    customers: int
    invalid: int
    lowest: float
    highest: float
    mean: float
    mrr_at_risk: float


def measure_scores(scores: ir.Table) -> ScoreTotals:
    """Return the totals of the scores of one date."""
    probability = scores.churn_probability
    row = scores.aggregate(
        customers=scores.count(),
        invalid=(~probability.between(0, 1)).fill_null(True).sum(),  # what is no number is above all numbers
        lowest=probability.min(),
        highest=probability.max(),
        mean=probability.mean(),
        mrr_at_risk=scores.mrr_at_risk.sum(),
    )
    (found,) = row.to_pyarrow().to_pylist()
    return ScoreTotals(**{name: value or 0 for name, value in found.items()})


def check_scores(totals: ScoreTotals, customers: int, base_rate: float) -> None:
    """Refuse scores that cannot be right before anything is published.

    Parameters
    ----------
    customers
        How many were to be scored.
    base_rate
        Share that left in training.

    Raises
    ------
    DataRefused
        For values that are missing or outside 0 to 1, all equal, or far from the training base rate.
    """
    if totals.customers != customers:
        raise RuntimeError("customers in are not customers out")
    if totals.invalid:
        raise DataRefused(
            "scores are missing or outside 0 to 1", count=totals.invalid, code="invalid_scores",
            remedy="Check the features of these customers; nothing was published",
        )  # fmt: skip
    if customers >= LEAST_ROWS_TO_VARY and totals.lowest == totals.highest:
        raise DataRefused(
            f"all {customers:,} scores are {totals.lowest:.4f}", code="constant_scores",
            remedy="Check that the features are not all empty on this date; nothing was published",
        )  # fmt: skip
    mean = min(max(totals.mean, EDGE), 1 - EDGE)
    shift = (mean / (1 - mean)) / (base_rate / (1 - base_rate))
    if not 1 / MAX_ODDS_SHIFT <= shift <= MAX_ODDS_SHIFT:
        raise DataRefused(
            f"the mean score is {mean:.2%}, in training {base_rate:.2%} left", code="shifted_scores",
            remedy="Check the source for a missing or broken table on this date; nothing was published",
        )  # fmt: skip


def count_customers(features: ir.Table) -> int:
    """Return how many customers are to be scored.

    Raises
    ------
    DataRefused
        When nobody is there to score.
    """
    customers = int(features.count().to_pyarrow().as_py())
    if not customers:
        raise DataRefused(
            "nobody is in the cohort on this date",
            code="empty_cohort",
            remedy="Check the as-of date and the cohort rules",
        )
    return customers


def check_categories(features: ir.Table, bundle: Bundle, max_share: float) -> dict[str, float]:
    """Return the share of rows per category column whose value training never saw, of those that have one.

    Raises
    ------
    DataRefused
        When a share exceeds the limit, or a column of the model is not there.
    """
    bundle.require_columns(features.columns)
    known = known_categories(bundle.pipeline.named_steps["encode"])
    unseen = {name: _is_unseen(features[name], values) for name, values in known.items()}
    means = {name: is_unseen.mean(where=features[name].notnull()) for name, is_unseen in unseen.items()}
    (found,) = features.aggregate(**means).to_pyarrow().to_pylist() if means else ({},)
    shares = {name: float(share or 0.0) for name, share in found.items()}
    for name, share in shares.items():
        if share > max_share:
            rows = features.filter(unseen[name])
            values = rows.select(name).distinct().order_by(name).limit(EXAMPLE_IDS).to_pyarrow()[name].to_pylist()
            raise DataRefused(
                f"{share:.1%} of rows hold values training never saw", column=name, code="unseen_categories",
                count=int(rows.count().to_pyarrow().as_py()), examples=[f"'{value[:SHOWN]}'" for value in values],
                remedy=f"Train again, or raise policy.max_unseen_share (now {max_share:g})",
            )  # fmt: skip
    return shares


def _is_unseen(values: ir.Value, known: Sequence[str]) -> ir.BooleanValue:
    """Return which values are not among the known; of a column that was empty in training, every value."""
    return values.notnull() & ~values.isin(known) if known else values.notnull()


def summarise_scores(totals: ScoreTotals, listed: int, unseen: Mapping[str, float]) -> dict[str, float]:
    """Return the figures of one scored date: customers, mean probability, money at risk, share of unseen values."""
    return {
        "customers_scored": totals.customers,
        "customers_listed": listed,
        "mean_probability": totals.mean,
        "mrr_at_risk": totals.mrr_at_risk,
        "max_unseen_share": max(unseen.values(), default=0.0),
    }
