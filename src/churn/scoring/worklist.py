"""The list a team works from: within capacity, ordered, with a random part left uncontacted where that is wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import numpy as np
import pandas as pd

from churn.core.errors import ConfigRefused
from churn.core.settings import PolicySettings


def build_worklist(scores: pd.DataFrame, policy: PolicySettings, not_to_contact: Collection[str] = ()) -> pd.DataFrame:
    """Return the customers of one date that the team should contact.

    Grain: customer x as-of date; the scores' columns plus `list_position` (1 is first) and `arm` (`treatment`, or
    `control` for the share that is to be left uncontacted so that the list's worth can be measured).

    The order is the policy's `rank_by`; ties go to the other of probability and money, then to the lower id. Ranked by
    expected profit, the list ends where a contact is no longer expected to pay.

    Parameters
    ----------
    not_to_contact
        Ids of customers who asked to be left alone: scored, never listed.

    Raises
    ------
    ConfigRefused
        When the list should follow expected profit and no customer's price is known.
    """
    scores = scores[~scores["customer_id"].isin(list(not_to_contact))]
    if policy.rank_by == "expected_profit":
        scores = _worth_a_contact(scores)
    other = "mrr_at_risk" if policy.rank_by == "churn_probability" else "churn_probability"
    keys = scores.assign(**{c: scores[c].fillna(0.0) for c in (policy.rank_by, other)})
    order = keys.sort_values(
        [policy.rank_by, other, "customer_id"], ascending=[False, False, True], kind="stable"
    ).index
    chosen = scores.loc[order[: policy.capacity]].reset_index(drop=True)
    return chosen.assign(
        list_position=np.arange(1, len(chosen) + 1),
        arm=[
            assign_arm(i, d, policy.control_share)
            for i, d in zip(chosen["customer_id"], chosen["as_of_date"], strict=True)
        ],
    )


def assign_arm(customer_id: str, as_of_date: str, control_share: float) -> str:
    """Return `treatment` or `control`: a draw that depends on the customer and the date alone, so a re-run agrees."""
    digest = hashlib.sha256(f"arm:{as_of_date}:{customer_id}".encode()).digest()
    return "control" if int.from_bytes(digest[:8], "big") / 2**64 < control_share else "treatment"


def _worth_a_contact(scores: pd.DataFrame) -> pd.DataFrame:
    if len(scores) and scores["expected_profit"].isna().all():
        raise ConfigRefused(
            ["policy.rank_by=expected_profit: this company's tables hold no price (mrr); rank by churn_probability"]
        )
    return scores[scores["expected_profit"] > 0]
