"""The feature catalogue: what each feature means, in which unit, which cause it speaks for, and how it is worded.

Names follow `<source>_<measure>_<aggregate>[_<n>d]`, for example `eng_active_days_count_30d`, and are parseable.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

MRR = "sub_mrr_sum"  # the feature that holds what a customer pays a month, built out of the subscriptions
AGGREGATES = ("count", "sum", "mean", "max", "min", "prior", "trend", "ratio", "rank", "days", "last")
NAME = re.compile(
    rf"^(?P<source>[a-z]+)_(?P<measure>[a-z0-9_]+?)_(?P<aggregate>{'|'.join(AGGREGATES)})(_(?P<days>\d+)d)?$"
)


@dataclass(frozen=True)
class Feature:
    """One column of the feature table and all that is said about it.

    Parameters
    ----------
    name
        Column name, `<source>_<measure>_<aggregate>[_<n>d]`.
    family
        The family that builds it.
    cause
        Cause id its contributions are summed under.
    unit
        Unit of the value (`days`, `events`, `ratio`, ...); a `share` is quoted in percent.
    en, ja
        Meaning in words.
    reason_en, reason_ja
        Sentence templates over `{value}`, `{prior}`, `{change}` (the prior with its sign), `{rank}` (the prior in
        words) and `{typical}`.
    topic
        Features with one topic tell the same fact: at most one of them becomes a reason.
    kind
        Number, category, or text.
    empty
        Value where the customer has no row in the source table; None stays null.
    value_of, prior_of
        Features whose values fill `{value}` and `{prior}`; by default itself and none.
    part_of
        Feature of which it counts a part: where both have one value, they tell the same fact.
    ceiling
        Value that means "this or more" (how far back anything is read); it is worded so.
    reads_days
        How many days back its window begins; null where no beginning of a table cuts it off.
    direction
        1 where more of it can only raise the risk, -1 where it can only lower it, 0 where either may be.
    """

    name: str
    family: str
    cause: str
    unit: str
    en: str
    ja: str
    reason_en: str
    reason_ja: str
    topic: str
    kind: Literal["number", "category", "text"] = "number"
    empty: float | None = None
    value_of: str | None = None
    prior_of: str | None = None
    part_of: str | None = None
    ceiling: float | None = None
    reads_days: int | None = None
    direction: int = 0


class Catalog:
    """The features of one feature table, in column order."""

    def __init__(self, features: Iterable[Feature]) -> None:
        self.features = tuple(features)
        self._by_name = {feature.name: feature for feature in self.features}
        if len(self._by_name) != len(self.features):
            names = [f.name for f in self.features]
            raise ValueError(f"feature names repeat: {sorted({n for n in names if names.count(n) > 1})}")

    def __getitem__(self, name: str) -> Feature:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def names(self) -> list[str]:
        """All column names, in order."""
        return [feature.name for feature in self.features]

    @property
    def categories(self) -> list[str]:
        """Names of the category columns."""
        return [feature.name for feature in self.features if feature.kind == "category"]

    def fingerprint(self) -> str:
        """Return a short id of names, kinds and order; a model refuses features with another one."""
        text = json.dumps([(f.name, f.kind) for f in self.features])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_rows(self) -> list[dict[str, object]]:
        """Return one plain mapping per feature, for JSON."""
        return [asdict(feature) for feature in self.features]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> Catalog:
        """Return the catalogue that `to_rows` wrote."""
        return cls(Feature(**row) for row in rows)  # type: ignore[arg-type]


def parse_name(name: str) -> dict[str, str | None]:
    """Return source, measure, aggregate and days of a feature name.

    Examples
    --------
    >>> parse_name("eng_active_days_count_30d")
    {'source': 'eng', 'measure': 'active_days', 'aggregate': 'count', 'days': '30'}

    Raises
    ------
    ValueError
        When the name is not of that form.
    """
    match = NAME.match(name)
    if match is None:
        raise ValueError(f"'{name}' is not <source>_<measure>_<aggregate>[_<n>d]")
    return match.groupdict()


def plain_name(name: str) -> str:
    """Return what people call a category or attribute: its feature name without source and aggregate.

    Examples
    --------
    >>> plain_name("sub_plan_last"), plain_name("prof_country_last")
    ('plan', 'country')
    """
    return name.removeprefix("prof_").removeprefix("sub_").removesuffix("_last")
