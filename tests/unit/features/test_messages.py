"""As of 1 February 2024 over windows of 7 and 30 days, observed for 90."""

from __future__ import annotations

import pytest

from tests.builders import features_of, staged_table

DAY = "2024-02-01"
HEAD = "message_id | customer_id | sent_at | opened_at | clicked_at | unsubscribed_at"
FIVE = (
    "A | 2024-01-31 09:00 | 2024-01-31 10:00 | 2024-01-31 10:05 |",
    "A | 2024-01-26 09:00 | 2024-02-01 00:00 | | ",
    "A | 2024-01-10 09:00 | 2024-01-12 09:00 | | 2024-01-12 09:01",
    "A | 2024-01-09 09:00 | | |",
    "A | 2023-11-02 09:00 | 2023-11-02 10:00 | 2023-11-02 10:00 | 2023-11-02 10:00",
)


def messages(*rows: str, head: str = HEAD, as_of=(DAY,), **options):
    lines = [f"M{number} | {row}" for number, row in enumerate(rows)]
    return features_of(
        {"messages": staged_table("messages", "\n".join([head, *lines]))}, ["messages"], *as_of, **options
    )


def test_five_messages_by_hand(engine):
    row = messages(*FIVE)["A", DAY]
    assert (row["msg_sent_count_7d"], row["msg_sent_count_30d"]) == (2.0, 4.0)
    assert (row["msg_opened_ratio_7d"], row["msg_opened_ratio_30d"]) == (0.5, 0.5)  # one is opened at the very instant
    assert (row["msg_clicked_ratio_7d"], row["msg_clicked_ratio_30d"]) == (0.5, 0.25)
    assert row["msg_opened_recency_days"] == 1.0
    assert row["msg_unsubscribed_count"] == 1.0  # the other is out of sight


def test_what_is_opened_later_counts_from_then_on(engine):
    rows = messages(*FIVE, as_of=(DAY, "2024-02-02"))
    assert [rows["A", day]["msg_opened_ratio_7d"] for day in (DAY, "2024-02-02")] == [0.5, 1.0]


def test_without_messages_shares_are_not_known(engine):
    row = messages(*FIVE, customers="AZ")["Z", DAY]
    assert (row["msg_sent_count_30d"], row["msg_opened_ratio_30d"], row["msg_opened_recency_days"]) == (0.0, None, 90.0)


@pytest.mark.parametrize(
    ("columns", "names"),
    [("", {"sent_count_7d"}), (" | clicked_at", {"sent_count_7d", "clicked_ratio_7d"})],
)
def test_columns_that_are_not_there_switch_their_features_off(engine, columns: str, names: set[str]):
    head = f"message_id | customer_id | sent_at{columns}"
    built = messages("A | 2024-01-30" + " | " * bool(columns), head=head, windows_days=(7,))["A", DAY]
    assert {name.removeprefix("msg_") for name in built if name.startswith("msg_")} == names
