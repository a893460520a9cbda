"""Fitted bundles: a model on earlier rows, its calibrator on later ones, the model again on all; the recency rule."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from churn.core.errors import DataRefused
from churn.core.source import SourceSettings
from churn.features.catalog import Catalog
from churn.modeling.alike import find_alike
from churn.modeling.bundle import Bundle, raw_score_of
from churn.modeling.calibration import LEAST_SLOPE, Method, fit_calibrator
from churn.modeling.competing import group_by_cause
from churn.modeling.encoding import build_pipeline, count_text_outputs
from churn.modeling.follow_up import follow_up, known_by
from churn.modeling.kinds import kinds_of
from churn.modeling.stopping import choose_tree_count
from churn.snapshots.sampling import WEIGHT
from churn.snapshots.splits import Fold, even_step, rows_in

log = logging.getLogger(__name__)
TARGET = "churned"
ENOUGH_ROWS = 20_000  # the middle of so many is known to a hundredth of a standard deviation
RECENCY = ("eng_activity_recency_days", "sub_terms_age_days", "prof_age_days")


@dataclass(frozen=True)
class Candidate:
    """An estimator to be fitted: its name, how inputs are encoded, the unfitted object, and the columns it may use.

    With `stopping_rounds` the number of trees is chosen on the later fit rows; with `monotone` LightGBM keeps to the
    directions of the catalogue; with `least_columns` each of its trees sees at least so many, whatever share it is
    given; with `inputs` of `recency` the one column of the recency rule is all it may use.
    """

    name: str
    encoding: Literal["trees", "linear"]
    estimator: Any
    columns: tuple[str, ...] = ()
    stopping_rounds: int | None = None
    monotone: bool = False
    least_columns: int | None = None
    inputs: Literal["all", "recency"] = "all"


class Lesson(NamedTuple):
    """What is learned from: rows, their outcome or what followed, their weights, and the outcome as known on a date."""

    rows: pd.DataFrame
    target: np.ndarray
    weight: np.ndarray | None
    known_on: Callable[..., np.ndarray] | None


def recency_rule(catalog: Catalog, source: SourceSettings) -> Candidate:
    """Return the baseline every model must beat: one number, "how long ago", and nothing else.

    A logistic regression on the logarithm of that one column, so that it has probabilities; its ranking is the rule's.

    Raises
    ------
    DataRefused
        When no column says how long ago anything was.
    """
    wanted = (source.recency_column,) if source.recency_column else RECENCY
    column = next((name for name in wanted if name in catalog), None)
    if column is None:
        raise DataRefused(
            f"no feature tells how long ago something happened (looked for {', '.join(str(w) for w in wanted)})",
            code="no_recency",
            remedy="Name one under recency_column in the source file",
        )
    return Candidate("recency", "linear", LogisticRegression(C=1e6, max_iter=1000), (column,))


def fit_bundle(
    matrix: pd.DataFrame,
    fold: Fold,
    candidate: Candidate,
    catalog: Catalog,
    calibration: Method,
    problem: Mapping[str, Any],
) -> Bundle:
    """Return the candidate fitted on the fold's `fit` rows and calibrated on its `calibrate` rows.

    The model is fitted on the `fit` rows, and its probabilities are corrected by what they were worth on the later
    `calibrate` rows. Then it is fitted once more, with as many trees, on all rows known before the test dates, so that
    what is published has seen the latest; the correction is kept, moved so that the mean on the `calibrate` rows holds.

    Parameters
    ----------
    matrix
        Labelled rows: `customer_id`, `as_of_date`, `churned` and the catalogue's columns; of a sample also
        `sample_weight`, by which every row stands for so many.
    """
    used = Catalog([f for f in catalog.features if not candidate.columns or f.name in candidate.columns])
    numbers = [f.name for f in used.features if f.kind == "number"]
    texts = [f.name for f in used.features if f.kind == "text"]
    ordered = Catalog([used[name] for name in (*numbers, *used.categories, *texts)])
    pipeline = build_pipeline(candidate.encoding, numbers, used.categories, clone(candidate.estimator), texts)
    if candidate.monotone:
        _constrain(pipeline["model"], _directions(ordered))
    if candidate.least_columns is not None:
        _widen(pipeline["model"], candidate.least_columns / len(_directions(ordered)))
    if "groups" in pipeline["model"].get_params(deep=False):
        pipeline["model"].set_params(groups=group_by_cause(ordered, len(_directions(ordered))))
    lesson = _lesson(matrix, fold, candidate, problem)
    if candidate.stopping_rounds is not None:
        chosen = choose_tree_count(
            pipeline, lesson.rows, lesson.target, candidate.stopping_rounds, lesson.known_on, lesson.weight,
            is_in_time=known_by(matrix, fold) is not None,
        )  # fmt: skip
        pipeline["model"].set_params(**chosen)
    _learn(pipeline, ordered, lesson)
    calibrator = fit_calibrator("none", np.empty(0), np.empty(0))
    if fold.calibrate.any():
        later = rows_in(matrix, fold.calibrate)
        churned, weight = later[TARGET].to_numpy(dtype=int), weights_of(later)
        honest = fit_calibrator(calibration, raw_score_of(pipeline, later[ordered.names]), churned, weight)
        if honest.slope == LEAST_SLOPE:
            log.warning("%s: scores do not rise with the outcome on the calibration dates", candidate.name)
        lesson = _lesson(matrix, fold.to_the_last(), candidate, problem)
        pipeline = _learn(clone(pipeline), ordered, lesson)
        calibrator = honest.moved_to(raw_score_of(pipeline, later[ordered.names]), churned, weight)
    seen = lesson.rows
    return Bundle(
        pipeline, calibrator, ordered, candidate.name, problem,
        base_rate=float(np.average(seen[TARGET], weights=lesson.weight)), typical=describe_typical(seen, ordered),
        last_fit_date=str(seen["as_of_date"].max().date()), alike=find_alike(seen, ordered),
    )  # fmt: skip


def _lesson(matrix: pd.DataFrame, fold: Fold, candidate: Candidate, problem: Mapping[str, Any]) -> Lesson:
    """Return what a candidate learns from the `fit` rows of a fold."""
    rows, known_on = rows_in(matrix, fold.fit), None
    target = rows[TARGET].to_numpy(dtype=int)
    if getattr(candidate.estimator, "needs_follow_up", False):
        known_on = partial(follow_up, lead_days=problem["windows"]["lead_days"])
        target = known_on(rows, until=known_by(matrix, fold))
    elif getattr(candidate.estimator, "needs_kinds", False):
        target = kinds_of(rows)
    return Lesson(rows, target, weights_of(rows), known_on)


def _learn(pipeline: Pipeline, catalog: Catalog, lesson: Lesson) -> Pipeline:
    """Return the pipeline, fitted."""
    weight = {} if lesson.weight is None else {"model__sample_weight": lesson.weight}
    return pipeline.fit(lesson.rows[catalog.names], lesson.target, **weight)


def weights_of(rows: pd.DataFrame) -> np.ndarray | None:
    """Return how many rows each row stands for, shape (rows,), or None where each is itself."""
    return rows[WEIGHT].to_numpy(dtype=float) if WEIGHT in rows else None


def _constrain(estimator: Any, directions: list[int]) -> None:
    """Keep an estimator to the catalogue's directions; LightGBM and scikit-learn have a word of their own for it."""
    word = "monotonic_cst" if "monotonic_cst" in estimator.get_params() else "monotone_constraints"
    estimator.set_params(**{word: directions})


def _widen(estimator: Any, least_share: float) -> None:
    """Let every tree of an estimator, or of those it is made of, see at least such a share of the columns."""
    shares = {name: share for name, share in estimator.get_params().items() if name.endswith("colsample_bytree")}
    estimator.set_params(**{name: min(max(share, least_share), 1.0) for name, share in shares.items()})


def _directions(catalog: Catalog) -> list[int]:
    """Return the direction of every output of the encoder for trees; topics and tone of texts may go either way."""
    own = [feature.direction for feature in catalog.features if feature.kind != "text"]
    return [*own, *[0] * count_text_outputs(len(catalog.features) - len(own))]


def describe_typical(rows: pd.DataFrame, catalog: Catalog) -> dict[str, Any]:
    """Return the median of each number and the most frequent value of each category, for use in reasons.

    Of many rows an even part is enough for words.
    """
    rows = rows.iloc[:: even_step(len(rows), ENOUGH_ROWS)]
    typical: dict[str, Any] = {}
    weight = pd.Series(weights_of(rows), index=rows.index) if WEIGHT in rows else None
    for feature in catalog.features:
        values = rows[feature.name].dropna()
        if len(values) and feature.kind != "text":
            typical[feature.name] = _typical(values, None if weight is None else weight[values.index], feature.kind)
    return typical


def _typical(values: pd.Series, weight: pd.Series | None, kind: str) -> float | str:
    if weight is None:
        return float(values.median()) if kind == "number" else str(values.mode().iloc[0])
    total = weight.groupby(values).sum()
    middle = total.cumsum() >= total.sum() / 2
    return float(total.index[int(middle.argmax())]) if kind == "number" else str(total.idxmax())


def require_outcomes(matrix: pd.DataFrame, folds: list[Fold], least: int) -> None:
    """Refuse rows with one class only or too few churners to learn from or to measure with.

    Where nothing is calibrated, no row need be there for it.

    Raises
    ------
    DataRefused
        Naming the part and its counts.
    """
    for fold in folds:
        for part, needed in (("fit", least), ("calibrate", max(least // 10, 1)), ("test", max(least // 5, 1))):
            target = matrix.loc[getattr(fold, part), TARGET]
            if part == "calibrate" and target.empty:
                continue
            positives, rows = int(target.sum()), len(target)
            if positives < needed or positives == rows:
                raise DataRefused(
                    f"the '{part}' rows of {fold.name} hold {positives:,} churned and {rows - positives:,} stayed; "
                    f"at least {needed:,} churned and one stayed are needed",
                    code="too_few_positives",
                    remedy="Take more dates or a longer horizon, or lower evaluation.min_positives"
                    if matrix[TARGET].any()
                    else "Nobody leaves at all: does the mapping yield ended_at (or churned)?",
                )
