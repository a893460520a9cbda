from __future__ import annotations

import ibis
import pytest

from churn.staging.scrubbing import scrub_text
from churn.staging.stage import stage_tables
from tests.builders import make_source, text_table


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("write to jo.doe+x@mail.example.co.uk, please", "write to [email], please"),
        ("メールはtaro@example.jpへ", "メールは[email]へ"),
        ("card 4111 1111 1111 1111 was charged", "card [card] was charged"),
        ("4111-1111-1111-1111", "[card]"),
        ("call +81 90-1234-5678 today", "call [phone] today"),
        ("電話は03-1234-5678です", "電話は[phone]です"),
        ("ring (555) 123-4567 or 09012345678", "ring ([phone] or [phone]"),
        ("we have 25 seats and 3 plans since 2024", "we have 25 seats and 3 plans since 2024"),
        ("Ms TANAKA and tanaka-san", "Ms [name] and [name]-san"),
    ],
)
def test_what_identifies_a_person_is_taken_out(engine, text: str, clean: str):
    rows = ibis.memtable([{"text": text}], schema={"text": "string"})
    assert rows.select(text=scrub_text(rows.text, ["Tanaka"])).to_pyarrow()["text"].to_pylist() == [clean]


def test_texts_are_scrubbed_before_they_are_stored(engine):
    raw = {
        "customers": text_table("customer_id | signed_up_at\nA | 2024-01-01"),
        "events": text_table("customer_id | occurred_at | event_type\nA | 2024-01-02 | use"),
        "tickets": text_table("ticket_id | customer_id | opened_at | text\nT1 | A | 2024-01-03 | I am a@b.org, Sato"),
    }
    staged = stage_tables(raw, make_source(names_in_texts=["Sato"]))
    assert staged["tickets"].rows.to_pyarrow()["text"].to_pylist() == ["I am [email], [name]"]
