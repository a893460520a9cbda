"""Reasons in plain words: what raises a customer's risk, with the customer's own numbers.

A reason says what goes together with the risk; it does not claim a cause is proved. Only contributions that raise the
risk become reasons, and features that tell the same fact (one topic) become one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from churn.core.settings import Language
from churn.features.catalog import Catalog, Feature

NOT_KNOWN: Mapping[Language, str] = {"en": "not known", "ja": "不明"}
LONGEST = 80  # characters of a category that a sentence quotes
NEARLY = 0.05  # share of the typical value within which a number says nothing
_ONE = re.compile(r"(?<![\d.,])1 (day|hour|action|month|ticket|payment|kind|time)s\b")


def choose_reasons(
    values: np.ndarray,
    catalog: Catalog,
    count: int,
    can_tell: np.ndarray | None = None,
    causes: Sequence[str] | np.ndarray | None = None,
) -> list[list[Feature]]:
    """Return for each row the features that speak for its strongest topics, at most `count`, strongest first.

    Where the row's cause is given, the strongest topic that speaks for it comes first: no cause without its evidence.

    Parameters
    ----------
    values
        Contributions, shape (rows, features).
    can_tell
        Which values are worth quoting (see `tells`), same shape; a topic in which none is stays silent.
    causes
        The cause named for each row, shape (rows,).
    """
    topics = sorted({feature.topic for feature in catalog.features})
    place = {topic: number for number, topic in enumerate(topics)}
    of_feature = np.array([place[feature.topic] for feature in catalog.features])
    by_topic = np.zeros((len(values), len(topics)))
    np.add.at(by_topic.T, of_feature, values.T)
    speaking = values if can_tell is None else np.where(can_tell, values, -np.inf)
    loudest = np.full_like(by_topic, -np.inf)
    np.maximum.at(loudest.T, of_feature, speaking.T)
    weight = np.where(loudest > 0, by_topic, -np.inf)
    order = np.argsort(-weight, axis=1, kind="stable")
    chosen = []
    for row, best in enumerate(order):
        speakers = [_speaker(speaking[row], of_feature == t, catalog) for t in best if weight[row, t] > 0]
        if causes is not None:
            speakers = _evidence_first(speakers, str(causes[row]))
        chosen.append(speakers[:count])
    return chosen


def _evidence_first(speakers: list[Feature], cause: str) -> list[Feature]:
    evidence = next((feature for feature in speakers if feature.cause == cause), None)
    return speakers if evidence is None else [evidence, *(f for f in speakers if f is not evidence)]


def tells(features: pd.DataFrame, catalog: Catalog, typical: Mapping[str, Any]) -> np.ndarray:
    """Return which values are worth quoting, shape (rows, features).

    A value that is not known is not, nor a number that would be compared with nearly itself ("326 days, typical: 323").
    """
    columns = [_tells(features, feature, typical) for feature in catalog.features]
    return np.column_stack(columns)


def _tells(features: pd.DataFrame, feature: Feature, typical: Mapping[str, Any]) -> np.ndarray:
    quoted = feature.value_of or feature.name
    if quoted not in features:
        return np.ones(len(features), dtype=bool)
    values = features[quoted]
    usual = typical.get(quoted)
    if "{typical}" not in feature.reason_en or not isinstance(usual, int | float) or not np.isfinite(usual):
        return values.notna().to_numpy()
    return (values - usual).abs().gt(NEARLY * abs(usual)).to_numpy()


def _speaker(contributions: np.ndarray, is_member: np.ndarray, catalog: Catalog) -> Feature:
    return catalog.features[int(np.where(is_member, contributions, -np.inf).argmax())]


def write_reason(feature: Feature, row: Mapping[str, Any], typical: Mapping[str, Any], language: Language) -> str:
    """Return one reason as a sentence.

    Parameters
    ----------
    feature
        The feature that speaks.
    row
        The customer's feature values.
    typical
        Median or most frequent values of the rows the model was fitted on.
    """
    value_of = feature.value_of or feature.name
    template = feature.reason_ja if language == "ja" else feature.reason_en
    text = template.format(
        value=_shown(row.get(value_of), language, feature.ceiling),
        prior=_shown(row.get(feature.prior_of) if feature.prior_of else None, language),
        typical=_shown(typical.get(value_of), language, feature.ceiling),
    )
    return _ONE.sub(r"1 \1", text) if language == "en" else text


def write_reasons(
    chosen: Sequence[Sequence[Feature]], features: pd.DataFrame, typical: Mapping[str, Any], language: Language
) -> list[list[str]]:
    """Return the sentences of every row, in the order chosen."""
    records: list[dict[str, Any]] = features.to_dict("records")  # type: ignore[assignment]
    return [
        [write_reason(feature, row, typical, language) for feature in speakers]
        for speakers, row in zip(chosen, records, strict=True)
    ]


def _shown(value: Any, language: Language, ceiling: float | None = None) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)) or value is pd.NA:
        return NOT_KNOWN[language]
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    number = float(value)
    if ceiling is not None and number >= ceiling:
        return f"{ceiling:,.0f}+"
    if abs(number - round(number)) < 1e-9 or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:,.{1 if abs(number) >= 10 else 2}f}".rstrip("0").rstrip(".")
