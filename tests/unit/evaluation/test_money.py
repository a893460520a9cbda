from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from churn.core.settings import MoneySettings, PolicySettings
from churn.evaluation.metrics import Measured
from churn.evaluation.money import (
    contact_profit,
    customer_values,
    maximum_profit,
    money_metrics,
    monthly_revenue,
    mrr_feature,
    plot_profit,
    profit_curve,
    profit_list,
)
from tests.builders import make_source

MONEY = MoneySettings()
POLICY = PolicySettings(capacity=2)
GRID = 20_000


def _rows(dates: int = 2, customers: int = 200) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    rows = pd.DataFrame(
        {
            "customer_id": np.tile([f"c{n:03}" for n in range(customers)], dates),
            "as_of_date": np.repeat(pd.to_datetime([f"2024-0{m}-01" for m in range(1, dates + 1)]), customers),
        }
    )
    probability = generator.beta(1, 6, len(rows))
    return (
        rows.assign(churned=(generator.random(len(rows)) < probability).astype(int)),
        probability,
        generator.lognormal(5, 1, len(rows)),
    )


class TestPrice:
    def test_a_ready_table_says_which_of_its_columns_holds_it(self) -> None:
        flat = make_source(kind="flat", tables={"matrix": "x"}, attributes={"fee": "number"}, mrr_column="fee")
        assert [mrr_feature(source) for source in (make_source(), flat)] == ["sub_mrr_sum", "fee"]

    def test_is_none_where_no_column_holds_one(self) -> None:
        rows = pd.DataFrame({"fee": [2.0, np.nan]})
        assert monthly_revenue(rows, "sub_mrr_sum") is None
        assert list(np.nan_to_num(monthly_revenue(rows, "fee"))) == [2.0, 0.0]


class TestContact:
    def test_a_sure_leaver_is_worth_the_share_who_accept_less_the_contact(self) -> None:
        assert contact_profit(np.array([1.0]), np.array([200.0]), MONEY)[0] == pytest.approx(0.3 * 190 - 1)

    def test_who_stays_anyway_takes_the_incentive(self) -> None:
        assert contact_profit(np.array([0.0]), np.array([200.0]), MONEY)[0] == pytest.approx(-11)

    def test_a_contact_without_an_offer_costs_no_incentive(self) -> None:
        worth = contact_profit(np.array([1.0, 0.0]), np.array([200.0, 200.0]), MONEY, np.array([False, False]))
        assert worth == pytest.approx([0.3 * 200 - 1, -1])

    def test_the_threshold_comes_from_money_and_is_far_from_a_half(self) -> None:
        p = np.linspace(0, 1, 100_001)
        pays = p[contact_profit(p, np.full_like(p, 200.0), MONEY) > 0].min()
        assert pays == pytest.approx(11 / (0.3 * 190 + 10), abs=1e-4)

    def test_value_is_revenue_times_margin_times_months_and_unknown_stays_unknown(self) -> None:
        money = MoneySettings(margin=0.5, lifetime_months=10)
        assert list(customer_values(np.array([20.0, 0.0]), money)) == [100.0, 0.0]
        assert np.isnan(customer_values(np.array([np.nan]), money)[0])


class TestList:
    ROWS = pd.DataFrame({"customer_id": list("abcd"), "as_of_date": pd.Timestamp("2024-01-01")})

    def test_holds_the_most_profitable_within_capacity_and_none_that_costs(self) -> None:
        worth = np.array([5.0, -1.0, 9.0, 7.0])
        assert list(profit_list(self.ROWS, worth, 2)) == [False, False, True, True]
        assert list(profit_list(self.ROWS, worth, 9)) == [True, False, True, True]

    def test_nobody_of_unknown_value(self) -> None:
        assert list(profit_list(self.ROWS, np.array([np.nan, 1.0, np.nan, 0.0]), 9)) == [False, True, False, False]

    def test_figures_are_means_per_date(self) -> None:
        rows = pd.DataFrame(
            {"customer_id": ["a", "b"] * 2, "as_of_date": pd.to_datetime(["2024-01-01"] * 2 + ["2024-02-01"] * 2),
             "churned": [1, 0, 0, 0]}
        )  # fmt: skip
        found = money_metrics(rows, np.array([0.9, 0.0, 0.9, 0.9]), np.full(4, 200.0), POLICY)
        assert found["best_list_size"] == 1.5
        assert found["profit_at_best_list"] == pytest.approx(((0.3 * 190 - 1) - 11 - 11) / 2)
        assert found["expected_profit_at_capacity"] == pytest.approx(3 * (0.9 * 57 - 0.1 * 10 - 1) / 2)

    def test_no_other_list_is_expected_to_earn_more(self) -> None:
        rows, probability, value = _rows()
        expected = contact_profit(probability, value, MONEY)
        best = expected[profit_list(rows, expected, len(rows))].sum()
        generator = np.random.default_rng(0)
        assert best >= max(expected[generator.random(len(rows)) < share].sum() for share in np.linspace(0, 1, 50))
        assert best == pytest.approx(expected[expected > 0].sum())


class TestCurve:
    def test_is_the_money_of_lists_of_growing_length(self) -> None:
        rows, probability, value = _rows()
        curve = profit_curve(rows, probability, value, MONEY)
        expected = contact_profit(probability, value, MONEY)
        for size, money in curve[["list_size", "expected"]].iloc[[0, 10, -1]].to_numpy():
            best = sum(np.sort(expected[(rows["as_of_date"] == d).to_numpy()])[::-1][: int(size)].sum()
                       for d in rows["as_of_date"].unique())  # fmt: skip
            assert money == pytest.approx(best / 2)

    def test_knows_how_far_chance_moves_what_is_earned(self) -> None:
        rows, probability, value = _rows(dates=1)
        leaves = np.random.default_rng(0).random((len(rows), 4000)) < probability[:, None]
        earned = contact_profit(leaves, value[:, None], MONEY).sum(axis=0)
        assert profit_curve(rows, probability, value, MONEY)["spread"].iloc[-1] == pytest.approx(earned.std(), rel=0.05)

    def test_tops_out_where_the_best_list_ends(self) -> None:
        rows, probability, value = _rows(dates=1)
        curve = profit_curve(rows, probability, value, MONEY)
        size = money_metrics(rows, probability, value, POLICY)["best_list_size"]
        assert curve.loc[curve["expected"].idxmax(), "list_size"] == size

    def test_is_drawn_with_the_capacity_and_the_best_length(self) -> None:
        rows, probability, value = _rows()
        (axes,) = plot_profit(profit_curve(rows, probability, value, MONEY), 20, "EUR").axes
        assert axes.get_ylabel() == "EUR per date"
        assert {text.get_text() for text in axes.get_legend().get_texts()} >= {"expected", "the team's capacity: 20"}


def _by_integration(score: np.ndarray, churned: np.ndarray, money: MoneySettings) -> float:
    """The definition: the best list for each acceptance, found by trying every length, averaged over its density."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    leavers = np.r_[0, np.cumsum(churned[order])[ends]]
    stayers = np.r_[0, np.cumsum(1 - churned[order])[ends]]

    gamma = (np.arange(GRID) + 0.5) / GRID
    gain = np.outer(gamma, leavers) * (money.value - money.incentive)
    best = (gain - leavers * money.contact_cost - stayers * (money.incentive + money.contact_cost)).max(axis=1)
    density = beta(money.acceptance_alpha, money.acceptance_beta).pdf(gamma)
    return float((best * density).mean() / len(score))


class TestMaximumProfit:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize(
        "money", [MONEY, MoneySettings(value=50, incentive=20), MoneySettings(acceptance_alpha=2, acceptance_beta=3)]
    )
    def test_equals_the_numerical_integral_of_its_definition(self, seed: int, money: MoneySettings) -> None:
        generator = np.random.default_rng(seed)
        churned = (generator.random(150) < 0.3).astype(float)
        score = np.round(churned + generator.normal(scale=1.2, size=150), 1)
        found = Measured(churned, 1 / (1 + np.exp(-score)), [], money).measure()["empc"]
        assert found == pytest.approx(_by_integration(score, churned, money), rel=1e-5, abs=1e-6)

    def test_a_perfect_score_contacts_the_leavers_who_pay(self) -> None:
        perfect = maximum_profit(np.array([1.0, 0.0]), np.array([30.0, 70.0]), MONEY)
        assert perfect.profit == pytest.approx(0.3 * (0.3 * 190 - 1), rel=1e-3)
        assert perfect.share == pytest.approx(0.3, rel=1e-3)

    def test_a_score_that_knows_nothing_is_one_group(self) -> None:
        spread = maximum_profit(np.array([0.1, 0.2, 0.3]), np.full(3, 10.0), MONEY)
        assert spread.profit == pytest.approx(maximum_profit(np.array([0.2]), np.array([30.0]), MONEY).profit)

    def test_is_never_negative_for_nobody_need_be_contacted(self) -> None:
        assert maximum_profit(np.array([0.01]), np.array([100.0]), MONEY).profit == pytest.approx(0, abs=1e-9)

    def test_counts_weights_as_so_many_customers(self) -> None:
        generator = np.random.default_rng(2)
        churned, score = (generator.random(80) < 0.4).astype(float), generator.random(80)
        weights = generator.integers(1, 4, 80)
        repeated = Measured(np.repeat(churned, weights), np.repeat(score, weights), [], MONEY).measure()["empc"]
        (weighted,) = Measured(churned, score, [], MONEY).resample(weights[:, None].astype(float))["empc"]
        assert weighted == pytest.approx(repeated)
