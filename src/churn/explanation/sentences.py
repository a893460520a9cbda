"""Reasons as sentences, in English and Japanese, with the customer's own numbers as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from churn.core.settings import Language
from churn.features.catalog import Feature

NOT_KNOWN: Mapping[Language, str] = {"en": "not known", "ja": "不明"}
LONGEST = 80  # characters of a category that a sentence quotes
SHARE, MONEY = "share", "currency"  # units of what is quoted in percent, and with the currency
# What a template filled with a number makes, and how people say it. `180+` is a value at its ceiling, as far back as
# anything is read: there may never have been one.
SAID: Mapping[Language, Sequence[tuple[re.Pattern[str], str]]] = {
    "en": [
        (re.compile(r"^Last (.+) (\d[\d,]*)\+ days ago"), r"No \1 in the last \2 days"),
        (re.compile(r": last (\d[\d,]*)\+ days ago"), r": none in the last \1 days"),
        (re.compile(r"\(typical: (\d[\d,]*)\+\)"), r"(typical: none in \1 days)"),
        (re.compile(r"\bin 0 days$"), "today"),
        (re.compile(r"(?<![\d.,])1 (different kind|day|hour|action|month|ticket|payment|time|obligation)s\b"), r"1 \1"),
    ],
    "ja": [
        (re.compile(r"：最後は(\d[\d,]*)\+日前"), r"：直近\1日間なし"),
        (re.compile(r"標準：(\d[\d,]*)\+日前"), r"標準：\1日間なし"),
        (re.compile(r"まで0日$"), "は本日"),
        (re.compile(r"(\d[\d,]*)\+(日|回|件)"), r"\1\2以上"),
    ],
}


def write_reason(
    feature: Feature, row: Mapping[str, Any], typical: Mapping[str, Any], language: Language, currency: str = ""
) -> str:
    """Return one reason as a sentence.

    Parameters
    ----------
    feature
        The feature that speaks.
    row
        The customer's feature values.
    typical
        Median or most frequent values of the rows the model was fitted on.
    currency
        What is written behind amounts of money.
    """
    value_of = feature.value_of or feature.name
    template = feature.reason_ja if language == "ja" else feature.reason_en
    money = currency if feature.unit.startswith(MONEY) else None
    quote = partial(shown, language=language, is_share=feature.unit == SHARE, currency=money)
    before = row.get(feature.prior_of) if feature.prior_of else None
    prior = quote(before)
    text = template.format(
        value=quote(row.get(value_of), ceiling=feature.ceiling),
        prior=prior,
        change=f"+{prior}" if isinstance(before, float) and before > 0 else prior,
        rank=rank_in_words(before, language),
        typical=quote(typical.get(value_of), ceiling=feature.ceiling),
    )
    for pattern, said in SAID[language]:
        text = pattern.sub(said, text)
    return text


def write_reasons(
    chosen: Sequence[Sequence[Feature]], features: pd.DataFrame, typical: Mapping[str, Any], language: Language,
    currency: str = "",
) -> list[list[str]]:  # fmt: skip
    """Return the sentences of every row, in the order chosen."""
    records: list[dict[str, Any]] = features.to_dict("records")  # type: ignore[assignment]
    return [
        [write_reason(feature, row, typical, language, currency) for feature in speakers]
        for speakers, row in zip(chosen, records, strict=True)
    ]


def rank_in_words(rank: Any, language: Language) -> str:
    """Return where a rank among comparable customers (percent of them that lie below) puts a customer.

    Examples
    --------
    >>> rank_in_words(97.6, "en"), rank_in_words(2.4, "en")
    ('more than 97% of comparable customers', 'only 3% of comparable customers lie below')
    >>> rank_in_words(0.0, "ja"), rank_in_words(97.6, "ja")
    ('同種の顧客で最小', '同種の顧客の97%を上回る')
    """
    if not isinstance(rank, int | float) or not np.isfinite(rank):
        return NOT_KNOWN[language]
    if rank == 0:
        said = ("the lowest of comparable customers", "同種の顧客で最小")
    elif rank == 100:
        said = ("the highest of comparable customers", "同種の顧客で最大")
    elif rank < 50:
        few = math.ceil(rank)
        said = (f"only {few}% of comparable customers lie below", f"下回る同種の顧客は{few}%のみ")
    else:
        many = math.floor(rank)
        said = (f"more than {many}% of comparable customers", f"同種の顧客の{many}%を上回る")
    return said[language == "ja"]


def shown(
    value: Any, language: Language, ceiling: float | None = None, *, is_share: bool = False, currency: str | None = None
) -> str:
    """Return a value as a sentence quotes it: a share in percent, money with its currency, a code in words."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)) or value is pd.NA:
        return NOT_KNOWN[language]
    if isinstance(value, str):
        text = value.replace("_", " ")
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    number = float(value)
    if is_share:
        return f"{shown(100 * number, language)}%"
    if currency is not None:
        return f"{number:,.{0 if number.is_integer() else 2}f} {currency}".rstrip()
    if ceiling is not None and number >= ceiling:
        return f"{ceiling:,.0f}+"
    if abs(number - round(number)) < 1e-9 or abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:,.{1 if abs(number) >= 10 else 2}f}".rstrip("0").rstrip(".")
