"""Features in words: out of the catalogue file, and of the attributes that a company words itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from churn.core.errors import ConfigRefused
from churn.core.source import EventTypeSettings, SourceSettings
from churn.features.catalog import Feature

CATALOG_FILE = "catalog.yaml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where the library was built with it
TEXTS = ("en", "ja", "reason_en", "reason_ja")
# What more of a feature does to the risk; that of a kind may do the same as its kind, or the opposite.
EFFECTS: Mapping[str | None, int] = {"raises": 1, "lowers": -1, None: 0, "same": 1, "opposite": -1}
# The family of each section of kinds, and the cause of a kind for which the company names none.
SECTIONS: Mapping[str, tuple[str, str]] = {
    "event_type": ("engagement", "low_engagement"),
    "ticket_category": ("support", "poor_support"),
}
VALUE_OF: Mapping[str, str] = {"en": "value of {}", "ja": "{}の値"}  # where a source does not say what is measured


@cache
def read_words() -> Mapping[str, Mapping[str, Any]]:
    """Return the catalogue file: family -> feature name without days -> words."""
    text = resources.files("churn.features").joinpath(CATALOG_FILE).read_text(encoding="utf-8")
    content: Mapping[str, Mapping[str, Any]] = yaml.load(text, Loader=LOADER)  # noqa: S506 it is a safe one
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
        How many days back anything is read, for features whose empty value is that, or that compare with all of it.
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


def describe_kind(
    section: Literal["event_type", "ticket_category"],
    name: str,
    slug: str,
    kind: str,
    words: EventTypeSettings,
    *,
    days: int | None = None,
    reach: int | None = None,
) -> Feature:
    """Return a feature of one kind of event or ticket, with the name, cause and effect that the company gives it.

    Parameters
    ----------
    section, name
        Entry of the file, for example `eng_<type>_count` of the section `event_type`.
    slug
        The kind's name in columns.
    kind
        The kind as the company writes it, its name in words where it gives none.
    """
    family, usual_cause = SECTIONS[section]
    entry = read_words()[section][name]
    label = {"en": words.en or kind.replace("_", " "), "ja": words.ja or kind.replace("_", " ")}
    measured = {
        "en": words.value_en or VALUE_OF["en"].format(label["en"]),
        "ja": words.value_ja or VALUE_OF["ja"].format(label["ja"]),
    }
    texts = {key: _labelled(entry[key], label=label[key[-2:]], measured=measured[key[-2:]]) for key in TEXTS}
    filled = {**entry, **texts}
    for key in ("topic", "value_of", "prior_of", "part_of"):
        if key in entry:
            filled[key] = entry[key].replace("<type>", slug)
    direction = words.direction * EFFECTS[entry.get("effect")]
    return _feature(family, name.replace("<type>", slug), filled, words.cause or usual_cause, direction, days, reach)


def describe_attribute(source: SourceSettings, name: str, column: str, family: str) -> Feature:
    """Return the feature of an attribute of role `number` or `category`, in the source's own words where it has any."""
    words = source.attribute(name)
    en, ja = words.en or name.replace("_", " "), words.ja or name.replace("_", " ")
    is_number = words.role == "number"
    return Feature(
        name=column,
        family=family,
        cause=words.cause or "unexplained",
        unit="",
        en=en,
        ja=ja,
        reason_en=f"{en[:1].upper()}{en[1:]}: {{value}}{' (typical: {typical})' if is_number else ''}",
        reason_ja=f"{ja}：{{value}}{'（標準：{typical}）' if is_number else ''}",
        topic=f"{family}:{name}",
        kind="number" if is_number else "category",
    )


def slugs_of(kinds: Sequence[str], taken: Collection[str], setting: str, table: str) -> list[str]:
    """Return the names of kinds in columns: Latin letters, digits and `_`; one without any is named by its place.

    Raises
    ------
    ConfigRefused
        When two become one name, or one that is taken.
    """
    slugs = [re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or f"type{i}" for i, name in enumerate(kinds)]
    clashes = sorted({s for s in slugs if slugs.count(s) > 1 or s in taken})
    if clashes:
        raise ConfigRefused(
            [
                f"features.{setting}: {', '.join(clashes)}: two kinds become one column name, or one that is taken; "
                f"rename them in the source's SELECT of {table}"
            ]
        )
    return slugs


def _labelled(template: str, **words: str) -> str:
    for name, text in words.items():
        template = template.replace(f"{{{name}}}", text)
        template = template.replace(f"{{{name.capitalize()}}}", text[:1].upper() + text[1:])
    return template


def _feature(
    family: str, name: str, words: Mapping[str, Any], cause: str, direction: int,
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
        **{key: f"{words[key]}{suffix}" for key in ("value_of", "prior_of", "part_of") if key in words},
        ceiling=empty if is_reach else None,
        reads_days=_reads_days(words.get("windows", 1), days, reach),
        direction=direction,
        **texts,
    )


def _reads_days(windows: int | Literal["reach"], days: int | None, reach: int | None) -> int | None:
    if days is None or windows == 0:
        return None
    return reach if windows == "reach" else days * windows
