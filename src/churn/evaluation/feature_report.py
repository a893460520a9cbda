"""What each feature is worth: how often missing, how it moves between dates, what it tells alone and in the model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from churn.core.settings import ReportSettings
from churn.evaluation.stability import measure_drift
from churn.features.catalog import Catalog, Feature
from churn.modeling.leaks import known_value_aucs, single_feature_aucs
from churn.snapshots.splits import even_step

DATE = "as_of_date"
QUANTILES = {"low": 0.05, "lower": 0.25, "median": 0.5, "upper": 0.75, "high": 0.95}
ENOUGH_ROWS = 20_000  # of one date or of the reference: quantiles and shares of more are the same to two digits


def describe_by_date(
    matrix: pd.DataFrame, catalog: Catalog, is_fit: np.ndarray, settings: ReportSettings
) -> pd.DataFrame:
    """Return the distribution of every feature on every as-of date; grain feature x as-of date.

    Columns `missing_share`, the quantiles (null for categories), `drift` against the rows that fit, and `is_drifting`
    where that is above the limit and above what chance does to so few rows. Texts are left out.

    Parameters
    ----------
    is_fit
        Which rows fit, shape (rows,): the dates a model may learn from.
    """
    is_kept = _even_part(matrix)
    rows, is_reference = matrix.loc[is_kept], is_fit[is_kept]
    day, days = pd.factorize(rows[DATE], sort=True)
    names = [str(d)[:10] for d in days]
    parts = [
        pd.DataFrame({"feature": feature.name, DATE: names, **_distribution(rows[feature.name], feature, day)}).assign(
            **_moved(rows[feature.name], is_reference, day, settings.max_drift)
        )
        for feature in catalog.features
        if feature.kind != "text"
    ]
    return pd.concat(parts, ignore_index=True)


def _even_part(matrix: pd.DataFrame) -> np.ndarray:
    """Return which rows are read: an even part of each date where the dates are large, shape (rows,)."""
    dates = matrix.groupby(DATE)[DATE]
    step = even_step(int(dates.size().max()), ENOUGH_ROWS)
    return np.asarray(dates.cumcount() % step == 0)


def _distribution(values: pd.Series, feature: Feature, day: np.ndarray) -> dict[str, np.ndarray]:
    """Return the share of missing values and the quantiles of each date, shape (dates,) each."""
    known, count = values.notna().to_numpy(), int(day.max()) + 1
    quantiles = np.full((count, len(QUANTILES)), np.nan)
    for number in range(count) if feature.kind == "number" else ():
        found = values.to_numpy(dtype=float)[known & (day == number)]
        if len(found):
            quantiles[number] = np.quantile(found, list(QUANTILES.values()))
    missing = 1 - np.bincount(day, weights=known, minlength=count) / np.bincount(day, minlength=count)
    return {"missing_share": missing, **dict(zip(QUANTILES, quantiles.T, strict=True))}


def _moved(values: pd.Series, is_reference: np.ndarray, day: np.ndarray, limit: float) -> dict[str, np.ndarray]:
    drift = measure_drift(values, is_reference, day)
    return {"drift": drift.psi, "is_drifting": drift.psi > np.maximum(limit, drift.by_chance)}


def describe_features(
    matrix: pd.DataFrame,
    catalog: Catalog,
    is_fit: np.ndarray,
    by_date: pd.DataFrame,
    importance: Mapping[str, float] | None,
) -> pd.DataFrame:
    """Return one row per feature, in the order of the catalogue.

    `auc_alone` (0.5 to 1, missing values a group of their own) and `direction` (what more of it goes with, where it is
    known) come from the rows that fit and no others, so that a choice made by them has not looked at the test dates.
    `importance` is the share of all contributions.

    Parameters
    ----------
    by_date
        What `describe_by_date` returns.
    importance
        Mean absolute contribution by feature, None without a model.
    """
    rows = matrix.loc[is_fit]
    aucs, directed = single_feature_aucs(rows, catalog), known_value_aucs(rows, catalog)
    total = sum(importance.values()) if importance else 0.0
    moved = by_date.groupby("feature", sort=False).agg(drift=("drift", "max"), drifting_dates=("is_drifting", "sum"))
    table = pd.DataFrame(
        {
            "feature": feature.name,
            "family": feature.family,
            "cause": feature.cause,
            "unit": feature.unit,
            "en": feature.en,
            "ja": feature.ja,
            "missing_share": float(matrix[feature.name].isna().mean()),
            "auc_alone": aucs[feature.name],
            "direction": _direction(directed.get(feature.name, 0.5)),
            "importance": importance[feature.name] / total if importance and total else np.nan,
        }
        for feature in catalog.features
    )
    return table.join(moved, on="feature").fillna({"drift": 0.0, "drifting_dates": 0})


def _direction(auc: float) -> str:
    return "" if auc == 0.5 else "raises" if auc > 0.5 else "lowers"


def sum_by_family(features: pd.DataFrame, seconds: Mapping[str, float], max_missing: float) -> pd.DataFrame:
    """Return one row per family: features, those mostly missing or drifting, the best alone, importance, seconds.

    Parameters
    ----------
    features
        What `describe_features` returns.
    seconds
        What building each family took; empty where nothing was timed.
    """
    lines = []
    for family, rows in features.groupby("family", sort=False):
        best = _best(rows)
        lines.append(
            {
                "family": family,
                "features": len(rows),
                "missing_share": rows["missing_share"].mean(),
                "mostly_missing": int((rows["missing_share"] > max_missing).sum()),
                "drifting": int((rows["drifting_dates"] > 0).sum()),
                "best_feature": best["feature"],
                "best_auc_alone": best["auc_alone"],
                "importance": rows["importance"].sum(min_count=1),
                "seconds": seconds.get(str(family), np.nan),
            }
        )
    return pd.DataFrame(lines)


def report_lines(families: pd.DataFrame) -> list[str]:
    """Return the table of families as lines of text."""
    head = f"{'family':<14}{'features':>9}{'missing':>9}{'drifting':>9}{'importance':>11}{'seconds':>9}  best alone"
    lines = [
        f"{row['family']:<14}{row['features']:>9}{row['missing_share']:>9.0%}{row['drifting']:>9}"
        f"{_share(row['importance']):>11}{_seconds(row['seconds']):>9}  "
        f"{row['best_feature']} ({row['best_auc_alone']:.3f})"
        for row in families.to_dict("records")
    ]
    return [head, *lines]


def report_metrics(features: pd.DataFrame, families: pd.DataFrame, max_missing: float) -> dict[str, float]:
    """Return the counts, and importance and seconds by family where they were measured, for MLflow."""
    by_family = {
        f"{column}_{row['family']}": float(row[column])
        for row in families.to_dict("records")
        for column in ("importance", "seconds")
    }
    counts = {
        "features": float(len(features)),
        "mostly_missing": float((features["missing_share"] > max_missing).sum()),
        "drifting": float((features["drifting_dates"] > 0).sum()),
        "best_auc_alone": float(features["auc_alone"].max()),
    }
    return counts | {name: value for name, value in by_family.items() if np.isfinite(value)}


def summarise_features(features: pd.DataFrame, families: pd.DataFrame, max_missing: float) -> str:
    """Return the report in one line."""
    best = _best(features)
    parts = [
        f"{len(features)} features of {len(families)} families",
        f"{int((features['missing_share'] > max_missing).sum())} mostly missing",
        f"{int((features['drifting_dates'] > 0).sum())} drifting",
        f"best alone {best['feature']} (AUC {best['auc_alone']:.3f}"
        + (f", more of it {best['direction']} the risk)" if best["direction"] else ")"),
    ]
    if families["importance"].notna().any():
        first = families.iloc[int(families["importance"].argmax())]
        parts.append(f"{first['family']} carries {first['importance']:.0%} of the model")
    if families["seconds"].notna().any():
        parts.append(f"one date takes {families['seconds'].sum():.1f} s")
    return "; ".join(parts)


def _best(features: pd.DataFrame) -> pd.Series:
    return features.iloc[int(features["auc_alone"].to_numpy().argmax())]


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"


def _seconds(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"
