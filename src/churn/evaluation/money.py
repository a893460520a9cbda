"""What a list is worth: expected profit per customer, the length of list that pays most, and EMPC.

A contact costs f; whoever stays anyway takes the incentive d; a leaver takes it with probability gamma and is then
worth v. So contacting a customer who leaves with probability p is worth p * gamma * (v - d) - (1 - p) * d - f, and
nobody is contacted because a probability passed 0.5. On the published list d is zero where the action named makes no
offer; a model is judged before causes are named, so there everybody is made one, as in the literature.

References
----------
Neslin et al. 2006, Defection detection. Verbraken, Verbeke, Baesens 2013, A novel profit maximizing metric for
measuring classification performance of customer churn prediction models (EMPC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression
from scipy.special import betainc, ndtri

from churn.core.settings import MoneySettings, PolicySettings
from churn.core.source import SourceSettings
from churn.evaluation.figures import BLUE, CAPACITY, INTERVAL, RED, new_figure
from churn.evaluation.ranking import rank_within_dates
from churn.features.catalog import MRR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVE_POINTS = 400


class MaximumProfit(NamedTuple):
    """EMPC: money per customer at the best list, and the share of customers on it."""

    profit: float
    share: float


def mrr_feature(source: SourceSettings) -> str:
    """Return the feature that holds what a customer pays a month; a ready table says which of its columns does."""
    return source.mrr_column or MRR


def monthly_revenue(rows: pd.DataFrame, feature: str) -> np.ndarray | None:
    """Return what each customer pays a month, shape (rows,); None where the company's tables hold no price."""
    return rows[feature].to_numpy(dtype=float) if feature in rows else None


def customer_values(mrr: np.ndarray, money: MoneySettings) -> np.ndarray:
    """Return what keeping each customer earns: monthly revenue x margin x expected months; NaN where none is known."""
    return np.asarray(mrr, dtype=float) * money.margin * money.lifetime_months


def contact_profit(
    leaves: np.ndarray, value: np.ndarray, money: MoneySettings, is_offered: np.ndarray | bool = True
) -> np.ndarray:
    """Return the profit of contacting each customer, shape (rows,).

    Parameters
    ----------
    leaves
        Probability of leaving for what is expected before, or the outcome (0 or 1) for what was earned after.
    value
        What keeping the customer earns.
    is_offered
        Whether the contact offers the incentive.
    """
    incentive = np.where(is_offered, money.incentive, 0.0)
    kept = leaves * money.acceptance * (value - incentive)
    return np.asarray(kept - (1 - leaves) * incentive - money.contact_cost)


def profit_list(rows: pd.DataFrame, expected: np.ndarray, capacity: int) -> np.ndarray:
    """Return which rows the list that pays most holds, shape (rows,).

    On each date the customers of highest expected profit, as long as it is above zero and the team has time.
    """
    worth = np.nan_to_num(expected, nan=-np.inf)
    return np.asarray((rank_within_dates(rows, worth) <= capacity) & (worth > 0))


def money_metrics(
    rows: pd.DataFrame, probability: np.ndarray, value: np.ndarray, policy: PolicySettings
) -> dict[str, float]:
    """Return figures of the lists that expected profit makes, each a mean per as-of date.

    `best_list_size` (customers whose contact is expected to pay), `profit_at_best_list` and `profit_at_capacity` (what
    those lists would have earned, given who left), `expected_profit_at_capacity` (what they were expected to earn).
    """
    expected = contact_profit(probability, value, policy.money)
    earned = contact_profit(rows["churned"].to_numpy(dtype=float), value, policy.money)
    dates = rows["as_of_date"].nunique()
    best = profit_list(rows, expected, len(rows))
    within = profit_list(rows, expected, policy.capacity)
    return {
        "best_list_size": float(best.sum() / dates),
        "profit_at_best_list": float(earned[best].sum() / dates),
        "profit_at_capacity": float(earned[within].sum() / dates),
        "expected_profit_at_capacity": float(expected[within].sum() / dates),
    }


def maximum_profit(observed: np.ndarray, rows: np.ndarray, money: MoneySettings) -> MaximumProfit:
    """Return EMPC of groups of customers in order of their score.

    For a known acceptance gamma the best list holds every stretch of the ROC curve's convex hull that pays; gamma is
    unknown, so profit is averaged over its Beta distribution. Stretches of the hull are the blocks of an isotonic
    regression, and each pays from its own gamma upwards, so the integral is a sum of incomplete Beta functions.

    Parameters
    ----------
    observed
        Share of leavers per group, highest score first.
    rows
        Customers per group, above zero (weights may be fractions).
    """
    hull = isotonic_regression(observed, weights=rows, increasing=False)
    rate, blocks = hull.x[hull.blocks[:-1]], hull.weights
    gain = rate * (money.value - money.incentive)
    cost = money.contact_cost + (1 - rate) * money.incentive
    least = np.clip(np.divide(cost, gain, out=np.ones_like(rate), where=gain > 0), 0, 1)
    a, b = money.acceptance_alpha, money.acceptance_beta
    accepts = 1 - betainc(a, b, least)
    profit = gain * money.acceptance * (1 - betainc(a + 1, b, least)) - cost * accepts
    return MaximumProfit(float(np.average(profit, weights=blocks)), float(np.average(accepts, weights=blocks)))


def profit_curve(rows: pd.DataFrame, probability: np.ndarray, value: np.ndarray, money: MoneySettings) -> pd.DataFrame:
    """Return money per list by its length, mean over as-of dates: `list_size`, `expected`, `earned`, `spread`.

    Customers come in order of expected profit; those of unknown value are left out. `spread` is the standard deviation
    of what is earned where every customer leaves with the probability given, independently of the others.
    """
    known = np.isfinite(value)
    kept, leaves, worth = rows[known], probability[known], value[known]
    expected = contact_profit(leaves, worth, money)
    earned = contact_profit(kept["churned"].to_numpy(dtype=float), worth, money)
    stake = contact_profit(np.ones_like(leaves), worth, money) - contact_profit(np.zeros_like(leaves), worth, money)
    variance = leaves * (1 - leaves) * stake**2
    ranks = rank_within_dates(kept, expected)
    by_rank = pd.DataFrame({"expected": expected, "earned": earned, "variance": variance}).groupby(ranks)
    dates = kept["as_of_date"].nunique()
    summed = by_rank[["expected", "earned"]].sum().cumsum() / dates
    summed["spread"] = np.sqrt(by_rank["variance"].sum().cumsum()) / dates
    thin = np.unique(np.linspace(0, len(summed) - 1, CURVE_POINTS).astype(int))
    curve: pd.DataFrame = summed.rename_axis("list_size").iloc[thin].reset_index()
    return curve


def plot_profit(curve: pd.DataFrame, capacity: int, currency: str) -> Figure:
    """Return the profit curve: money per list by its length, expected (with what chance makes of it) and earned."""
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    axes.plot(curve["list_size"], curve["expected"], color=BLUE, label="expected")
    around = ndtri((1 + INTERVAL) / 2) * curve["spread"]
    axes.fill_between(
        curve["list_size"], curve["expected"] - around, curve["expected"] + around, color=BLUE, alpha=0.15, lw=0,
        label=f"{INTERVAL:.0%} of what chance makes of it",
    )  # fmt: skip
    axes.plot(curve["list_size"], curve["earned"], color=RED, label="earned, given who left")
    best = curve["list_size"].iloc[int(curve["expected"].argmax())]
    axes.axvline(best, color=BLUE, lw=1, ls=":", label="longest list expected to pay")
    axes.axvline(capacity, **{**CAPACITY, "label": f"{CAPACITY['label']}: {capacity:,}"})
    axes.axhline(0, color="black", lw=0.8)
    axes.set(
        title="Profit by the length of the list", xlabel="customers contacted per date", ylabel=f"{currency} per date"
    )
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.25)
    axes.legend()
    return figure
