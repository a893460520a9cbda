"""Which reasons a customer is given: what raises the risk, and can be told with the customer's own numbers.

A reason says what goes together with the risk; it does not claim a cause is proved. Only contributions that raise the
risk become reasons; features of one topic become one, and no two reasons of a customer tell one fact, or nearly one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from churn.features.catalog import Catalog, Feature

NEARLY = 0.05  # share of the typical value within which a number says nothing; of all peers, for a rank
MIDDLE = 50.0  # the rank of who stands in the middle of comparable customers


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
    itself ("326 days, typical: 323"), nor one whose comparison speaks against the risk ("active on 32 days in the last
    90, 0 in the 90 before").
    """
    columns = [_tells(features, feature, catalog, typical) for feature in catalog.features]
    return np.column_stack(columns)


def _tells(features: pd.DataFrame, feature: Feature, catalog: Catalog, typical: Mapping[str, Any]) -> np.ndarray:
    quoted = feature.value_of or feature.name
    told = [quoted, feature.prior_of] if feature.prior_of else [quoted]
    is_known = features.reindex(columns=told).notna().all(axis=1).to_numpy()
    compared = _comparison(features, feature, quoted, typical) if quoted in features else None
    if compared is None:
        return np.asarray(is_known)
    excess, least = compared
    direction = catalog[quoted].direction if quoted in catalog else feature.direction
    return np.asarray(is_known & (np.abs(excess) > least) & (direction * excess >= 0))


def _comparison(
    features: pd.DataFrame, feature: Feature, quoted: str, typical: Mapping[str, Any]
) -> tuple[np.ndarray, float] | None:
    """Return how far what a sentence quotes lies above what it compares it with, and how far says something."""
    template, usual = feature.reason_en, typical.get(quoted)
    if "{typical}" in template and isinstance(usual, int | float) and np.isfinite(usual):
        return features[quoted].to_numpy(dtype=float) - usual, NEARLY * abs(usual)
    if feature.prior_of is None or feature.prior_of not in features:
        return None
    prior = features[feature.prior_of].to_numpy(dtype=float)
    if "{rank}" in template:
        return prior - MIDDLE, NEARLY * 2 * MIDDLE
    if "{change}" in template:
        return prior, 0.0
    return features[quoted].to_numpy(dtype=float) - prior, 0.0
