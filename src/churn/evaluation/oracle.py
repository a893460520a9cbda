"""A model beside the best possible one: a simulated company knows the probability and the cause of every leaving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn.evaluation.figures import BLUE, in_percent, new_figure
from churn.evaluation.ranking import auc
from churn.evaluation.reliability import equal_mass_bins, row_losses
from churn.modeling.calibration import logit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP_SHARE = 0.1
SMALLEST = 1e-6  # log-odds of less would drown everything else
DRIVERS = ("severity_", "contribution_", "past_due_")


@dataclass(frozen=True)
class OracleReport:
    """What the comparison found.

    `metrics` are plain figures; `calibration` has one row per bin of the prediction (`rows`, `predicted`, `truth`);
    `causes` one row per true cause (`customers`, `base_rate`, `agreement`, `lift`); `confusion` counts true against
    named causes in the top risk decile; `missed` one row per driver of the truth (`driver`, `correlation`,
    `share_of_error`), what the model misses most first.
    """

    metrics: Mapping[str, float]
    calibration: pd.DataFrame
    causes: pd.DataFrame
    confusion: pd.DataFrame
    missed: pd.DataFrame


def compare_with_truth(rows: pd.DataFrame) -> OracleReport:
    """Return the report of one or more scored dates.

    Parameters
    ----------
    rows
        Customer x as-of date: `churn_probability` and `cause` of the model, `true_probability` and `true_cause`, and
        `churned` (what then happened, 0 or 1). Columns that begin with one of `DRIVERS` are what made the truth.

    Notes
    -----
    Figures with `expected_` take the true probability of leaving in place of the outcome that happened to be drawn: the
    mean over all outcomes that could have been, free of that draw's noise. `cause_base_rate` is the agreement of causes
    named as often as the model names them, but to anybody.
    """
    predicted = rows["churn_probability"].to_numpy(dtype=float)
    truth = rows["true_probability"].to_numpy(dtype=float)
    churned = rows["churned"].to_numpy(dtype=float)
    metrics: dict[str, float] = {}
    for prefix, outcome in (("", churned), ("expected_", truth)):
        model, oracle = auc(predicted, outcome), auc(truth, outcome)
        metrics |= {f"{prefix}auc": model, f"{prefix}oracle_auc": oracle}
        metrics[f"{prefix}captured_auc_share"] = (model - 0.5) / (oracle - 0.5)
        metrics[f"{prefix}log_loss"] = float(row_losses(predicted, outcome)["log_loss"].mean())
        metrics[f"{prefix}oracle_log_loss"] = float(row_losses(truth, outcome)["log_loss"].mean())
    calibration = _calibration(predicted, truth)
    gap = (calibration["predicted"] - calibration["truth"]).abs()
    metrics["calibration_error_against_truth"] = float(np.average(gap, weights=calibration["rows"]))
    top = rows[predicted >= np.quantile(predicted, 1 - TOP_SHARE)]
    metrics["cause_agreement"] = float((top["cause"] == top["true_cause"]).mean())
    causes = _by_cause(top)
    metrics["cause_base_rate"] = float(np.average(causes["base_rate"], weights=causes["customers"]))
    for column in ("agreement", "base_rate"):
        metrics |= {
            f"cause_{column}_{cause}": float(v) for cause, v in zip(causes["cause"], causes[column], strict=True)
        }
    if "true_error" in rows:
        metrics["true_probability_error"] = float(rows["true_error"].mean())
    missed = _missed(rows, predicted, truth)
    missed_shares = zip(missed["driver"], missed["share_of_error"], strict=True)
    metrics |= {f"missed_{driver}": float(share) for driver, share in missed_shares}
    metrics["mean_probability"], metrics["mean_true_probability"] = float(predicted.mean()), float(truth.mean())
    confusion = pd.crosstab(top["true_cause"], top["cause"])
    return OracleReport(metrics, calibration, causes, confusion, missed)


def _calibration(predicted: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame({"bin": equal_mass_bins(predicted), "predicted": predicted, "truth": truth})
    grouped = frame.groupby("bin").agg(rows=("truth", "size"), predicted=("predicted", "mean"), truth=("truth", "mean"))
    return grouped.reset_index(drop=True)


def _by_cause(top: pd.DataFrame) -> pd.DataFrame:
    """Return agreement per true cause beside its base rate: how often that cause is named to anybody."""
    named = top["cause"].value_counts(normalize=True)
    records = []
    for cause, group in top.groupby("true_cause"):
        agreement, base_rate = float((group["cause"] == cause).mean()), float(named.get(cause, 0.0))
        records.append({"cause": cause, "customers": len(group), "base_rate": base_rate, "agreement": agreement,
                        "lift": agreement / base_rate if base_rate else 0.0})  # fmt: skip
    return pd.DataFrame(records).sort_values("customers", ascending=False, ignore_index=True)


def _missed(rows: pd.DataFrame, predicted: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Return what the model's features do not say: drivers of the truth that go with its error.

    The error is the true log-odds less the predicted, weighted by the true probability, so that those who leave count.
    `share_of_error` is the share of its variance that the driver alone explains (a straight line); a positive
    correlation means that the risk of customers with much of the driver is underestimated.
    """
    error = logit(truth, SMALLEST) - logit(predicted, SMALLEST)
    names = [name for name in rows.columns if name.startswith(DRIVERS)]
    found = [(name, _correlation(rows[name].to_numpy(dtype=float), error, truth)) for name in names]
    records = [{"driver": name, "correlation": r, "share_of_error": r * r} for name, r in found]
    table = pd.DataFrame(records, columns=["driver", "correlation", "share_of_error"])
    return table.sort_values("share_of_error", ascending=False, ignore_index=True)


def _correlation(left: np.ndarray, right: np.ndarray, weights: np.ndarray) -> float:
    covariance = np.cov(left, right, aweights=weights)
    spread = float(np.sqrt(covariance[0, 0] * covariance[1, 1]))
    return float(covariance[0, 1]) / spread if spread > 0 else 0.0


def plot_truth(report: OracleReport) -> Mapping[str, Figure]:
    """Return the pictures of a report: `oracle_calibration` and `oracle_causes`."""
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    table = report.calibration
    axes.plot(table["predicted"], table["truth"], "o-", color=BLUE, label="model")
    top = float(max(table["predicted"].max(), table["truth"].max()))
    axes.plot([0, top], [0, top], color="black", lw=0.8, ls=":", label="perfect")
    axes.set(title="Calibration against the truth", xlabel="predicted probability", ylabel="mean true probability")
    axes.legend()
    in_percent(axes, "xy")
    customers = report.confusion.sum(axis=1)
    every = sorted({*report.confusion.index, *report.confusion.columns})  # a cause never named keeps its place as well
    shares = report.confusion.div(customers, axis=0).reindex(columns=every, fill_value=0.0)
    causes = new_figure(8.4, 6.4)
    grid = causes.subplots()
    grid.imshow(shares.to_numpy(), cmap="Blues", vmin=0, vmax=1)
    grid.set_xticks(range(len(shares.columns)), shares.columns, rotation=60, ha="right")
    grid.set_yticks(range(len(shares.index)), [f"{cause} ({customers[cause]:,})" for cause in shares.index])
    grid.set(title="Top risk decile: true cause against the cause named", xlabel="named", ylabel="true (customers)")
    for line, row in enumerate(shares.to_numpy()):
        for column, share in enumerate(row):
            if share == 0:
                continue
            colour = "white" if share > 0.5 else "black"
            grid.text(column, line, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=8)
    return {"oracle_calibration": figure, "oracle_causes": causes}
