from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from churn.core.settings import EvaluationSettings
from churn.evaluation.report import Report, build_report, table_lines
from churn.evaluation.resampling import Estimate

SETTINGS = EvaluationSettings(bootstrap_samples=40)


def _test_rows(customers: int = 60, dates: int = 3) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows of several dates, a score that knows something, and one that knows nothing."""
    generator = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "customer_id": np.tile([f"c{n:02}" for n in range(customers)], dates),
            "as_of_date": np.repeat(pd.to_datetime([f"2024-0{m}-01" for m in range(1, dates + 1)]), customers),
        }
    )
    knows = generator.normal(size=len(rows))
    rows["churned"] = (generator.random(len(rows)) < 1 / (1 + np.exp(1 - 1.5 * knows))).astype(int)
    return rows, 1 / (1 + np.exp(1 - 1.5 * knows)), generator.random(len(rows)) * 0.5


class TestReport:
    def test_points_are_the_plain_metrics(self) -> None:
        rows, knows, _ = _test_rows()
        report = build_report(rows, {"model": knows}, SETTINGS, capacity=5)
        auc = report.metrics["model"]["auc"]
        assert auc.value == pytest.approx(roc_auc_score(rows["churned"], knows))
        assert auc.low < auc.value < auc.high
        assert (report.rows, report.positives) == (len(rows), rows["churned"].sum())
        assert report.metrics["model"]["observed_rate"].value == pytest.approx(rows["churned"].mean())

    @pytest.mark.parametrize("slope", [1.0, 0.4])
    def test_a_calibration_error_lies_in_its_interval_and_so_does_the_truth(self, slope: float) -> None:
        held = 0
        for seed in range(10):
            generator = np.random.default_rng(seed)
            log_odds = generator.normal(-2, 1, 2_000)
            said, true = (1 / (1 + np.exp(-x)) for x in (log_odds, slope * (log_odds + 2) - 2))
            rows = pd.DataFrame({"customer_id": np.arange(2_000), "as_of_date": pd.Timestamp("2024-01-01")})
            rows = rows.assign(churned=(generator.random(2_000) < true).astype(int))
            found = build_report(rows, {"m": said}, SETTINGS, capacity=5).metrics["m"]["calibration_error"]
            assert found.low <= found.value <= found.high
            truth = float(np.abs([(said - true)[part].mean() for part in np.array_split(said.argsort(), 15)]).mean())
            held += found.low <= truth + 1e-3 and truth <= found.high
            plain = np.abs(
                [(said - rows["churned"])[part].mean() for part in np.array_split(said.argsort(), 15)]
            ).mean()
            assert found.value == pytest.approx(plain, rel=0.15)  # its bins break ties otherwise
        assert held >= 8

    def test_intervals_are_wider_when_few_customers_fill_the_rows(self) -> None:
        rows, knows, _ = _test_rows()
        many = rows.assign(customer_id=[f"c{n}" for n in range(len(rows))])
        few = rows.assign(customer_id=[f"c{n % 6}" for n in rows.index])
        settings = EvaluationSettings(bootstrap_samples=200)

        def width(of: pd.DataFrame) -> float:
            estimate = build_report(of, {"m": knows}, settings, capacity=5).metrics["m"]["observed_rate"]
            return estimate.high - estimate.low

        few_churned = few["customer_id"].isin(["c0", "c1"]).astype(int)  # outcomes depend on the customer alone
        assert width(few.assign(churned=few_churned)) > 3 * width(many.assign(churned=few_churned))

    def test_a_model_against_itself_differs_by_exactly_nothing(self) -> None:
        rows, knows, _ = _test_rows()
        report = build_report(rows, {"model": knows, "twin": knows.copy()}, SETTINGS, capacity=5)
        for estimate in report.against["twin"].values():
            assert estimate == (0.0, 0.0, 0.0)

    def test_differences_are_paired_and_so_narrower_than_the_metrics(self) -> None:
        rows, knows, _ = _test_rows()
        near = knows + np.random.default_rng(0).normal(scale=1e-3, size=len(knows))
        report = build_report(rows, {"model": knows, "near": np.clip(near, 0, 1)}, SETTINGS, capacity=5)
        alone, paired = report.metrics["model"]["auc"], report.against["near"]["auc"]
        assert paired.high - paired.low < 0.1 * (alone.high - alone.low)

    def test_money_breaks_ties_at_the_capacity(self) -> None:
        rows = pd.DataFrame({"customer_id": ["a", "b"], "as_of_date": pd.Timestamp("2024-01-01"), "churned": [0, 1]})
        report = build_report(rows, {"m": np.array([0.5, 0.5])}, SETTINGS, 1, value=np.array([1.0, 9.0]))
        assert report.metrics["m"]["precision_at_capacity"].value == 1.0

    def test_flat_leaves_out_what_is_not_a_number_but_never_for_the_model_itself(self) -> None:
        rows, knows, _ = _test_rows()
        constant = np.full(len(knows), 0.3)
        flat = build_report(rows, {"knows": knows, "constant": constant}, SETTINGS, 5).flat()
        assert "constant_calibration_slope" not in flat
        assert {"constant_auc", "auc", "auc_low", "auc_high"} <= set(flat)
        assert np.isfinite(list(flat.values())).all()
        assert np.isnan(build_report(rows, {"constant": constant}, SETTINGS, 5).flat()["calibration_slope"])

    def test_row_order_never_matters(self) -> None:
        rows, knows, _ = _test_rows()
        order = np.random.default_rng(5).permutation(len(rows))
        straight = build_report(rows, {"m": knows}, SETTINGS, 5).flat()
        shuffled = build_report(rows.iloc[order].reset_index(drop=True), {"m": knows[order]}, SETTINGS, 5).flat()
        assert shuffled == pytest.approx(straight)

    def test_lines_name_every_model_and_its_figures(self) -> None:
        rows, knows, guesses = _test_rows()
        report = build_report(rows, {"lightgbm": knows, "recency": guesses}, SETTINGS, 5)
        head, models, *metrics = table_lines(report)
        assert head.startswith(f"test: {len(rows)} rows, {rows['churned'].sum()} churned")
        assert models.split() == ["lightgbm", "recency"]
        auc = next(line for line in metrics if line.split()[0] == "auc")
        for name in ("lightgbm", "recency"):
            estimate = report.metrics[name]["auc"]
            assert f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]" in auc

    def test_columns_stay_apart_however_wide_a_figure_is(self) -> None:
        wide = dict.fromkeys(
            ("auc", "average_precision", "lift_at_10pct", "capture_rate_at_capacity", "log_loss", "calibration_error",
             "calibration_slope"), Estimate(29.1, -340.5, 417.3)
        )  # fmt: skip
        lines = table_lines(Report({"recency": wide, "logistic": wide}, {}, 10, 1))
        assert lines[2].endswith("29.100 [-340.500, 417.300]  29.100 [-340.500, 417.300]")
