"""Each kind of dirt: what it does to a table, how much of it, and that the rest stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from churn.core.errors import ConfigRefused
from churn.simulation.soiling import DELIVERED, Delivery, deliver
from tests.unit.simulation.companies import Company, settings_of


@pytest.fixture
def clean(company_of: Callable[[str], Company]) -> Company:
    return company_of("small")


def delivered(clean: Company, table: str, *words: str) -> tuple[pd.DataFrame, Delivery]:
    """Return the clean rows of the first block's table and what is delivered of them."""
    settings = settings_of("small", *(f"simulation.dirt.{word}" for word in words))
    rows = pq.read_table(clean.home / "raw" / table / "part-00000.parquet")
    return rows.to_pandas(), deliver(settings, table, rows, 0)


def assert_share(count: int, of: int, share: float) -> None:
    assert abs(count - share * of) <= 4 * np.sqrt(share * of) + 1


@pytest.mark.parametrize("table", ["customers", *DELIVERED])
def test_without_dirt_the_very_same_rows_are_delivered(clean: Company, table: str) -> None:
    rows, delivery = delivered(clean, table)
    assert delivery.rows.to_pandas().equals(rows)
    assert delivery.changed is None and not delivery.counts


@pytest.mark.parametrize("table", DELIVERED)
def test_late_facts_are_known_later_and_nothing_else_changes(clean: Company, table: str) -> None:
    rows, delivery = delivered(clean, table, "late_share=0.2", "late_days=4")
    dirty = delivery.rows.to_pandas()
    delay = dirty["known_at"] - rows["known_at"]
    late = delay > pd.Timedelta(0)
    assert late.sum() == pytest.approx(delivery.counts["late"], abs=2)
    assert_share(int(late.sum()), len(rows), 0.2)
    assert (delay >= pd.Timedelta(0)).all()
    assert delay[late].mean() / pd.Timedelta(days=1) == pytest.approx(4, rel=0.4)
    assert dirty.drop(columns="known_at").equals(rows.drop(columns="known_at"))


def test_duplicates_are_rows_of_events_sent_again(clean: Company) -> None:
    rows, delivery = delivered(clean, "events", "duplicate_share=0.05")
    dirty = delivery.rows.to_pandas()
    assert len(dirty) == len(rows) + delivery.counts["duplicates"]
    assert_share(delivery.counts["duplicates"], len(rows), 0.05)
    assert dirty.drop_duplicates().reset_index(drop=True).equals(rows)
    assert not delivered(clean, "tickets", "duplicate_share=0.05")[1].counts.get("duplicates")


def test_any_delivered_table_can_be_made_to_repeat_rows(clean: Company) -> None:
    rows, delivery = delivered(clean, "tickets", "duplicate_share=0.2", "duplicate_tables=[tickets]")
    assert delivery.rows.num_rows == len(rows) + delivery.counts["duplicates"] > len(rows)


@pytest.mark.parametrize("table", DELIVERED)
def test_orphans_belong_to_a_customer_nobody_has(clean: Company, table: str) -> None:
    rows, delivery = delivered(clean, table, "orphan_share=0.1")
    dirty = delivery.rows.to_pandas()
    unknown = ~dirty["customer_id"].isin(clean.tables["customers"]["customer_id"])
    assert unknown.sum() == delivery.counts["orphans"] > 0
    assert_share(int(unknown.sum()), len(rows), 0.1)
    assert dirty[~unknown].equals(rows[~unknown])


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("customers", ["country", "segment", "acquisition_channel", "company_size"]),
        ("events", ["value"]),
        ("tickets", ["priority", "category", "csat", "text"]),
        ("messages", ["channel", "campaign"]),
        ("responses", ["score", "text"]),
    ],
)
def test_missing_values_are_in_columns_that_may_be_empty(clean: Company, table: str, columns: list[str]) -> None:
    rows, delivery = delivered(clean, table, "missing_share=0.3")
    dirty = delivery.rows.to_pandas()
    gone = dirty.isna() & ~rows.isna()
    assert sorted(gone.columns[gone.any()]) == sorted(columns)
    assert gone.to_numpy().sum() == delivery.counts["missing"]
    for column in columns:
        assert_share(int(gone[column].sum()), int(rows[column].notna().sum()), 0.3)


class TestSchemaChange:
    FROM = date(2023, 10, 1)

    def changed(self, clean: Company, table: str, **change: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        text = ", ".join(f"{key}: {value}" for key, value in {**change, "table": table, "from_date": self.FROM}.items())
        rows, delivery = delivered(clean, table, f"schema_change={{{text}}}")
        assert delivery.changed is not None
        after = delivery.changed.to_pandas()
        assert delivery.counts == {f"schema_{change['kind']}": len(after)}
        assert len(after) > 0
        return rows, delivery.rows.to_pandas(), after

    def test_files_before_and_after_the_date_share_the_rows(self, clean: Company) -> None:
        rows, before, after = self.changed(clean, "tickets", kind="added", new_name="product")
        start = pd.Timestamp(self.FROM, tz="UTC")
        assert (before["opened_at"] < start).all() and (after["opened_at"] >= start).all()
        assert len(before) + len(after) == len(rows)

    def test_a_renamed_column_has_another_name_and_the_same_values(self, clean: Company) -> None:
        rows, before, after = self.changed(clean, "events", kind="renamed", column="event_type", new_name="kind")
        assert list(before.columns) == list(rows.columns)
        assert "event_type" not in after and set(after["kind"]) <= set(rows["event_type"])

    def test_an_added_column_comes_last(self, clean: Company) -> None:
        rows, before, after = self.changed(clean, "events", kind="added", new_name="device")
        assert list(after.columns) == [*rows.columns, "device"]
        assert list(before.columns) == list(rows.columns)

    def test_a_retyped_column_holds_numbers_as_a_spreadsheet_writes_them(self, clean: Company) -> None:
        rows, before, after = self.changed(clean, "payments", kind="retyped", column="amount")
        assert before["amount"].dtype == "float64"
        numbers = after["amount"].str.replace(",", "").astype(float)
        assert after["amount"].str.contains(",").any()
        assert np.allclose(sorted([*before["amount"], *numbers]), sorted(rows["amount"]), atol=0.06)


def test_from_the_drift_month_on_values_are_scaled_and_common_events_lost(clean: Company) -> None:
    rows, delivery = delivered(clean, "events", "drift_month=10", "drift_factor=2.0")
    dirty = delivery.rows.to_pandas()
    start = pd.Timestamp(clean.settings.start_date, tz="UTC") + pd.Timedelta(days=9 * 30.4375)
    early, late = dirty[dirty["occurred_at"] < start], dirty[dirty["occurred_at"] >= start]
    assert early.equals(rows[rows["occurred_at"] < start])
    was = rows.set_index("event_id")["value"].reindex(late["event_id"]).to_numpy()
    assert np.allclose(late["value"].to_numpy(), np.round(2 * was, 1), equal_nan=True)
    lost = rows[~rows["event_id"].isin(dirty["event_id"])]
    assert set(lost["event_type"]) == {"session"} and len(lost) == delivery.counts["drift_lost"]
    assert_share(len(lost), int(((rows["event_type"] == "session") & (rows["occurred_at"] >= start)).sum()), 1 / 3)


def test_on_the_outage_day_no_event_arrives(clean: Company) -> None:
    rows, delivery = delivered(clean, "events", "outage_date=2023-08-09")
    on_day = rows["occurred_at"].dt.strftime("%Y-%m-%d") == "2023-08-09"
    assert on_day.sum() == delivery.counts["outage_lost"] > 0
    assert delivery.rows.to_pandas().equals(rows[~on_day].reset_index(drop=True))


def test_the_same_seed_hits_the_same_rows(clean: Company) -> None:
    words = ("late_share=0.1", "orphan_share=0.1", "missing_share=0.1", "duplicate_share=0.1")
    assert delivered(clean, "events", *words)[1].rows.equals(delivered(clean, "events", *words)[1].rows)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("late_share=1.5", "late_share"),
        ("outage_date=2030-01-01", "outside the history"),
        ("drift_month=19", "after the last month"),
        ("duplicate_tables=[incidents]", "duplicate_tables"),
        ("schema_change={table: events, kind: renamed, column: kind, new_name: k, from_date: 2023-09-01}", "no 'kind'"),
        ("schema_change={table: events, kind: renamed, column: value, from_date: 2023-09-01}", "new_name"),
        ("schema_change={table: events, kind: retyped, column: event_type, from_date: 2023-09-01}", "numbers"),
        ("schema_change={table: events, kind: added, new_name: value, from_date: 2023-09-01}", "new_name"),
        ("schema_change={table: events, kind: added, new_name: x, from_date: 2019-09-01}", "outside the history"),
    ],
)
def test_dirt_that_cannot_be_is_refused(word: str, problem: str) -> None:
    with pytest.raises(ConfigRefused, match=problem):
        settings_of("small", f"simulation.dirt.{word}")
