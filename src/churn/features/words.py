"""Features out of the catalogue file: the words, unit, cause and direction of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from churn.core.source import EventTypeSettings
from churn.features.catalog import Feature

CATALOG_FILE = "catalog.yaml"
TEXTS = ("en", "ja", "reason_en", "reason_ja")
EFFECTS: Mapping[str | None, Literal[-1, 0, 1]] = {"raises": 1, "lowers": -1, None: 0}
USE = "low_engagement"


@cache
def read_words() -> Mapping[str, Mapping[str, Any]]:
    """Return the catalogue file: family -> feature name without days -> words."""
    text = resources.files("churn.features").joinpath(CATALOG_FILE).read_text(encoding="utf-8")
    content: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)
    return content


def describe(
    family: str, name: str, *, days: int | None = None, reach: int | None = None, is_alone: bool = False
) -> Feature:
    """Return a feature as the catalogue file words it.

    Parameters
    ----------
    family, name
        Its place in the file; `name` is the column's without the days.
    days
        Length of its window; the column then ends in `_<days>d`.
    reach
        How many days back anything is read, for features whose empty value is that.
    is_alone
        Whether there is nothing before the window to compare with; then `alone_en` and `alone_ja` word the reason.

    Raises
    ------
    KeyError
        When the file has no such entry.
    """
    words = read_words()[family][name]
    if is_alone and "alone_en" in words:
        reasons = {"reason_en": words["alone_en"], "reason_ja": words["alone_ja"]}
        words = {key: value for key, value in {**words, **reasons}.items() if key != "prior_of"}
    return _feature(family, name, words, words["cause"], EFFECTS[words.get("effect")], days, reach)


def describe_event_type(
    name: str,
    slug: str,
    event_type: str,
    words: EventTypeSettings,
    *,
    days: int | None = None,
    reach: int | None = None,
) -> Feature:
    """Return a feature of one event type, with the name, cause and effect that the company gives it.

    Parameters
    ----------
    name
        Entry of the section `event_type`, for example `eng_<type>_count`.
    slug
        The event type's name in columns.
    """
    entry = read_words()["event_type"][name]
    label = {"en": words.en or event_type.replace("_", " "), "ja": words.ja or event_type.replace("_", " ")}
    texts = {key: _labelled(entry[key], label[key[-2:]]) for key in TEXTS}
    filled = {**entry, **texts, "topic": entry["topic"].replace("<type>", slug)}
    direction = words.direction if entry["effect"] == "same" else EFFECTS[_OPPOSITE[words.direction]]
    return _feature("engagement", name.replace("<type>", slug), filled, words.cause or USE, direction, days, reach)


_OPPOSITE: Mapping[int, str | None] = {1: "lowers", -1: "raises", 0: None}


def _labelled(template: str, label: str) -> str:
    return template.replace("{label}", label).replace("{Label}", label[:1].upper() + label[1:])


def _feature(
    family: str, name: str, words: Mapping[str, Any], cause: str, direction: Literal[-1, 0, 1],
    days: int | None, reach: int | None,
) -> Feature:  # fmt: skip
    suffix = f"_{days}d" if days is not None else ""
    texts = {key: words[key].replace("{n}", str(days)) for key in TEXTS}
    is_reach = words.get("empty") == "reach"
    empty = float(reach) if is_reach and reach is not None else words.get("empty")
    return Feature(
        name=f"{name}{suffix}",
        family=family,
        cause=cause,
        unit=words["unit"],
        topic=words["topic"],
        kind=words.get("kind", "number"),
        empty=empty,
        value_of=f"{words['value_of']}{suffix}" if "value_of" in words else None,
        prior_of=f"{words['prior_of']}{suffix}" if "prior_of" in words else None,
        ceiling=empty if is_reach else None,
        direction=direction,
        **texts,
    )
