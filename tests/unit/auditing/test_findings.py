"""What an audit says of what it found: whose row, both values, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from churn.auditing.cut_comparison import CHECK
from churn.auditing.differences import COLUMNS
from churn.auditing.findings import Findings
from churn.auditing.rebuilds import WITHOUT_FUTURE
from churn.core.settings import ChurnSettings
from churn.modeling.foresight import Suspect
from pipelines.composition import compose

DAY = pd.Timestamp("2024-03-01")


def said(*rows: tuple[str, str, str, str, str], suspects: tuple[Suspect, ...] = ()) -> str:
    table = pd.DataFrame([(check, DAY, *rest) for check, *rest in rows], columns=COLUMNS)
    found = Findings(table, suspects, None, (), compose("audit", ChurnSettings, []).audit)
    return str(found.refusal(Path("differences.csv")))


def test_a_select_is_told_whose_row_it_is_both_values_and_how_to_mend_it() -> None:
    text = said(
        (CHECK, "tickets.priority", "C1 (T7)", "urgent", "low"), (CHECK, "incidents.(row)", "I3", "there", "not")
    )
    assert "tickets.priority: 1 values differ" in text
    assert "for example customer C1 (T7) as of 2024-03-01: urgent in the normal build, low source" in text
    assert "for example row I3" in text, "an incident is nobody's"
    assert "known_at, csat_at, valid_from" in text and "`plans`" in text
    assert "facts_as_of" not in text and "raise the limit" not in text, "advice is for what was found"


def test_code_that_looks_ahead_and_columns_under_suspicion_get_advice_of_their_own() -> None:
    code = said((WITHOUT_FUTURE, "sup_open_count", "C1", "1", "2"))
    assert "facts_as_of" in code and "valid_from" not in code
    assert "raise the limit" in said(suspects=(Suspect("prof_status_last", "outcome", 0.99, 0.95),))
