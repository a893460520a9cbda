"""Which rows of a published list a reader wants, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from churn.core.contract import CAUSES
from churn.core.errors import ConfigRefused
from churn.core.settings import Language
from churn.core.suggestions import did_you_mean
from churn.explanation.causes import CAUSE_TEXTS

FIRST_COLUMNS = [
    "list_position", "customer_id", "as_of_date", "churn_probability", "risk_rank", "risk_band", "mrr", "mrr_at_risk",
    "expected_profit", "cause", "cause_text", "reasons", "action", "arm",
]  # fmt: skip
LAST_COLUMNS = ["model_name", "model_version", "model_run_id"]
NO_PRICE = "no customer has a price: map subscriptions.mrr, or name the mrr_column of a ready table"
HIDDEN = ["reasons_en", "reasons_ja", "action_en", "action_ja", "raw_score"]


@dataclass(frozen=True)
class Selection:
    """What a reader asks for: the first `top` rows, of these segments and this cause, worth at least `min_mrr`."""

    top: int | None = None
    segments: Mapping[str, str] = field(default_factory=dict)
    cause: str | None = None
    min_mrr: float | None = None
    language: Language = "en"


def select_rows(rows: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Return the rows asked for, in the list's order, with words in the reader's language.

    Raises
    ------
    ConfigRefused
        For a segment, value or cause that is not there.
    """
    problems = _problems(rows, selection)
    if problems:
        raise ConfigRefused(problems)
    kept = rows
    for column, value in selection.segments.items():
        kept = kept[kept[column].astype(str) == value]
    if selection.cause is not None:
        kept = kept[kept["cause"] == selection.cause]
    if selection.min_mrr is not None:
        kept = kept[kept["mrr"] >= selection.min_mrr]
    kept = kept.head(selection.top) if selection.top is not None else kept
    return _in_words(kept.reset_index(drop=True), selection.language)


def _problems(rows: pd.DataFrame, selection: Selection) -> list[str]:
    fixed = {*FIRST_COLUMNS, *LAST_COLUMNS, *HIDDEN} - {"risk_band", "arm"}
    segments = [column for column in rows.columns if column not in fixed]
    problems = [
        f"--segment {name}: no such segment{did_you_mean(name, segments)} (there are {', '.join(segments)})"
        for name in selection.segments
        if name not in segments
    ]
    for name, value in selection.segments.items():
        known = sorted(rows[name].dropna().astype(str).unique()) if name in segments else [value]
        if value not in known:
            problems.append(f"--segment {name}={value}: nobody on the list{did_you_mean(value, known)} "
                            f"(there are {', '.join(known[:10])})")  # fmt: skip
    if selection.cause is not None and selection.cause not in CAUSES:
        problems.append(f"--cause {selection.cause}: no such cause{did_you_mean(selection.cause, CAUSES)} "
                        f"(there are {', '.join(CAUSES)})")  # fmt: skip
    if selection.min_mrr is not None and rows["mrr"].isna().all():
        problems.append(f"--min-mrr: {NO_PRICE}")
    return problems


def _in_words(rows: pd.DataFrame, language: Language) -> pd.DataFrame:
    worded = rows.assign(
        reasons=rows[f"reasons_{language}"].map(list),
        action=rows[f"action_{language}"],
        cause_text=[getattr(CAUSE_TEXTS[cause], language) for cause in rows["cause"]],
    ).drop(columns=[column for column in HIDDEN if column in rows])
    first = [column for column in FIRST_COLUMNS if column in worded]
    middle = [column for column in worded.columns if column not in (*FIRST_COLUMNS, *LAST_COLUMNS)]
    return worded[[*first, *middle, *LAST_COLUMNS]]
