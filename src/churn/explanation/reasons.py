"""Reasons in plain words: what raises a customer's risk, with the customer's own numbers.

A reason says what goes together with the risk; it does not claim a cause is proved. Only contributions that raise the
risk become reasons; features of one topic become one, and no two reasons of a customer tell one fact, or nearly one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from churn.core.settings import Language
from churn.features.catalog import Catalog, Feature

NOT_KNOWN: Mapping[Language, str] = {"en": "not known", "ja": "不明"}
LONGEST = 80  # characters of a category that a sentence quotes
SHARE = "share"  # unit of what is quoted in percent
NEARLY = 0.05  # share of the typical value within which a number says nothing
_ONE = re.compile(r"(?<![\d.,])1 (day|hour|action|month|ticket|payment|kind|time)s\b")
_OR_MORE_JA = re.compile(r"(\d[\d,]*)\+(日|回|件)")


def choose_reasons(
    values: np.ndarray,
    catalog: Catalog,
    count: int,
    can_tell: np.ndarray | None = None,
    causes: Sequence[str] | np.ndarray | None = None,
    facts: np.ndarray | None = None,
    alike: Sequence[Sequence[str]] = (),
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
    facts
        Which fact every feature tells (see `facts_told`), shape (rows, features); of those that tell the same, the
        first to speak does.
    alike
        Pairs of features that rise and fall together; of the facts of two, the first to speak is told.
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
    told = np.tile(np.arange(len(of_feature)), (len(values), 1)) if facts is None else facts
    is_same = _same_facts(alike, catalog)
    chosen = []
    for row, best in enumerate(order):
        speakers = [_speaker(speaking[row], of_feature == t) for t in best if weight[row, t] > 0]
        if causes is not None:
            speakers = _evidence_first(speakers, catalog, str(causes[row]))
        chosen.append([catalog.features[number] for number in _first_to_tell(speakers, told[row], is_same, count)])
    return chosen


def _speaker(contributions: np.ndarray, is_member: np.ndarray) -> int:
    return int(np.where(is_member, contributions, -np.inf).argmax())


def _evidence_first(speakers: list[int], catalog: Catalog, cause: str) -> list[int]:
    evidence = next((number for number in speakers if catalog.features[number].cause == cause), None)
    return speakers if evidence is None else [evidence, *(number for number in speakers if number != evidence)]


def _same_facts(alike: Sequence[Sequence[str]], catalog: Catalog) -> np.ndarray:
    """Return which features tell the same as which, shape (features, features): themselves, and those alike."""
    place = {name: number for number, name in enumerate(catalog.names)}
    is_same = np.eye(len(place), dtype=bool)
    for one, other in alike:
        is_same[place[one], place[other]] = is_same[place[other], place[one]] = True
    return is_same


def _first_to_tell(speakers: Sequence[int], facts: np.ndarray, is_same: np.ndarray, count: int) -> list[int]:
    first: list[int] = []
    for number in speakers:
        if len(first) < count and not is_same[facts[number], facts[first]].any():
            first.append(number)
    return first


def facts_told(features: pd.DataFrame, catalog: Catalog) -> np.ndarray:
    """Return which fact every feature tells, as the number of the feature whose fact it is, shape (rows, features).

    A feature tells what it quotes. Where a part is as large as the whole it belongs to, both tell the same: the only
    ticket there was, and the only ticket about billing; a customer for 60 days, on the present terms for 60 days.
    """
    place = {name: number for number, name in enumerate(catalog.names)}
    return np.column_stack([_fact(features, feature, catalog, place) for feature in catalog.features])


def _fact(features: pd.DataFrame, feature: Feature, catalog: Catalog, place: Mapping[str, int]) -> np.ndarray:
    quoted = feature.value_of or feature.name
    if quoted != feature.name and quoted in place:
        return _fact(features, catalog[quoted], catalog, place)
    own = np.full(len(features), place[feature.name])
    if feature.part_of is None or feature.part_of not in place:
        return own
    of_whole = _fact(features, catalog[feature.part_of], catalog, place)
    return np.where(features[feature.name] == features[feature.part_of], of_whole, own)


def tells(features: pd.DataFrame, catalog: Catalog, typical: Mapping[str, Any]) -> np.ndarray:
    """Return which values are worth quoting, shape (rows, features).

    A value that is not known is not, nor one whose prior is not known, nor a number that would be compared with nearly
    itself ("326 days, typical: 323").
    """
    columns = [_tells(features, feature, typical) for feature in catalog.features]
    return np.column_stack(columns)


def _tells(features: pd.DataFrame, feature: Feature, typical: Mapping[str, Any]) -> np.ndarray:
    quoted = feature.value_of or feature.name
    told = [quoted, feature.prior_of] if feature.prior_of else [quoted]
    is_known = features.reindex(columns=told).notna().all(axis=1).to_numpy()
    usual = typical.get(quoted)
    if quoted not in features or "{typical}" not in feature.reason_en:
        return np.asarray(is_known)
    if not isinstance(usual, int | float) or not np.isfinite(usual):
        return np.asarray(is_known)
    away = np.abs(features[quoted].to_numpy(dtype=float) - usual)
    return np.asarray(is_known & (away > NEARLY * abs(usual)))


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
    quote = partial(shown, language=language, is_share=feature.unit == SHARE)
    before = row.get(feature.prior_of) if feature.prior_of else None
    prior = quote(before)
    text = template.format(
        value=quote(row.get(value_of), ceiling=feature.ceiling),
        prior=prior,
        change=f"+{prior}" if isinstance(before, float) and before > 0 else prior,
        typical=quote(typical.get(value_of), ceiling=feature.ceiling),
    )
    return _ONE.sub(r"1 \1", text) if language == "en" else _OR_MORE_JA.sub(r"\1\2以上", text)


def write_reasons(
    chosen: Sequence[Sequence[Feature]], features: pd.DataFrame, typical: Mapping[str, Any], language: Language
) -> list[list[str]]:
    """Return the sentences of every row, in the order chosen."""
    records: list[dict[str, Any]] = features.to_dict("records")  # type: ignore[assignment]
    return [
        [write_reason(feature, row, typical, language) for feature in speakers]
        for speakers, row in zip(chosen, records, strict=True)
    ]


def shown(value: Any, language: Language, ceiling: float | None = None, *, is_share: bool = False) -> str:
    """Return a value as a sentence quotes it, a share in percent."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)) or value is pd.NA:
        return NOT_KNOWN[language]
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    number = float(value)
    if is_share:
        return f"{shown(100 * number, language)}%"
    if ceiling is not None and number >= ceiling:
        return f"{ceiling:,.0f}+"
    if abs(number - round(number)) < 1e-9 or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:,.{1 if abs(number) >= 10 else 2}f}".rstrip("0").rstrip(".")
