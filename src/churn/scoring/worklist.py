"""The list a team works from: within capacity, ordered, with a random part left uncontacted where that is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from churn.core.errors import ConfigRefused
from churn.core.settings import PolicySettings
from churn.scoring.selection import NO_PRICE
from churn.snapshots.splits import draw_share


def rank_scores(scores: ir.Table) -> ir.Table:
    """Return the scores of one date with `risk_rank` 1, 2, ..., in that order.

    The tie rule: higher probability first, then more money, then the lower id. Only these three columns are brought
    together in one place.
    """
    keys = scores.select("customer_id", "churn_probability", "mrr")
    so_far = ibis.window(order_by=_order(keys, ("churn_probability", "mrr")), preceding=None, following=0)
    ranked = scores.join(keys.select("customer_id", risk_rank=keys.customer_id.count().over(so_far)), "customer_id")
    return ranked.relocate("risk_rank", before="risk_band").order_by("risk_rank")


def build_worklist(scores: ir.Table, policy: PolicySettings, left_alone: ir.Table | None = None) -> pd.DataFrame:
    """Return the customers of one date that the team should contact.

    Grain: customer x as-of date; the scores' columns plus `list_position` (1 is first) and `arm` (`treatment`, or
    `control` for the share that is to be left uncontacted so that the list's worth can be measured).

    The order is the policy's `rank_by`; ties go to the other of probability and money, then to the lower id. Ranked by
    expected profit, the list ends where a contact is no longer expected to pay.

    Parameters
    ----------
    left_alone
        `customer_id` of those who asked not to be contacted: scored, never listed.

    Raises
    ------
    ConfigRefused
        When the list should follow money and no customer's price is known.
    """
    if left_alone is not None:
        scores = scores.anti_join(left_alone, "customer_id")
    if policy.rank_by != "churn_probability":
        _require_prices(scores, policy.rank_by)
    if policy.rank_by == "expected_profit":
        scores = scores.filter(scores.expected_profit > 0)
    other = "mrr_at_risk" if policy.rank_by == "churn_probability" else "churn_probability"
    ordered = scores.order_by(_order(scores, (policy.rank_by, other)))
    chosen: pd.DataFrame = ordered.limit(policy.capacity).to_pyarrow().to_pandas()
    return chosen.assign(
        list_position=np.arange(1, len(chosen) + 1),
        arm=[
            assign_arm(i, d, policy.control_share)
            for i, d in zip(chosen["customer_id"], chosen["as_of_date"], strict=True)
        ],
    )


def count_left_alone(scores: ir.Table, left_alone: ir.Table | None) -> int:
    """Return how many of the scored customers asked not to be contacted."""
    if left_alone is None:
        return 0
    return int(scores.semi_join(left_alone, "customer_id").count().to_pyarrow().as_py())


def assign_arm(customer_id: str, as_of_date: str, control_share: float) -> str:
    """Return `treatment` or `control`: a draw that depends on the customer and the date alone, so a re-run agrees."""
    return "control" if draw_share(f"{as_of_date}:{customer_id}", seed="arm") < control_share else "treatment"


def _order(scores: ir.Table, columns: Sequence[str]) -> list[ir.Value]:
    """Return an order without ties: the columns falling, what is unknown as nothing, then the ids rising."""
    return [*(scores[name].fill_null(0.0).desc() for name in columns), scores.customer_id.asc()]


def _require_prices(scores: ir.Table, rank_by: str) -> None:
    customers, priced = scores.count(), scores[rank_by].count()
    if ((customers > 0) & (priced == 0)).to_pyarrow().as_py():
        raise ConfigRefused([f"policy.rank_by={rank_by}: {NO_PRICE}; or rank by churn_probability"])
