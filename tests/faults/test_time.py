"""Times that are ambiguous, impossible or in another unit: converted where the source says how, else refused."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.core.source import InputSettings
from tests.builders import COMPANY, Company, ids_of, select_all

HEAD = "event_id,customer_id,occurred_at,event_type\n"


def events(*times: str) -> str:
    return HEAD + "".join(f"E{i},C1,{time},login\n" for i, time in enumerate(times, start=1))


def staged_times(company: Company) -> list[datetime]:
    return [row["occurred_at"] for row in sorted(company.rows("events"), key=lambda row: row["event_id"])]


def events_parquet(company: Company, values: list[Any], kind: pa.DataType) -> dict[str, InputSettings]:
    path = company.file("events", "parquet")
    rows = len(values)
    columns = {
        "event_id": [f"E{i}" for i in range(1, rows + 1)],
        "customer_id": ["C1"] * rows,
        "occurred_at": pa.array(values, kind),
        "event_type": ["login"] * rows,
    }
    pq.write_table(pa.table(columns), path)
    return {"events_raw": InputSettings(path=str(path))}


def events_with_a_length(company: Company, unit: str) -> dict[str, InputSettings]:
    inputs = events_parquet(company, [datetime(2024, 2, 1)], pa.timestamp("us"))
    path = company.file("events", "parquet")
    lengths = pa.array([timedelta(hours=1, minutes=30)], pa.duration(unit))
    pq.write_table(pq.read_table(path).append_column("value", lengths), path)
    return inputs


def aware_customers(company: Company) -> None:
    company.write("customers", re.sub(r"(2024-01-0\d)", r"\1T00:00:00Z", COMPANY["customers"]))


class TestNaive:
    def test_naive_text_without_a_zone_is_refused(self, company: Company):
        aware_customers(company)
        company.write("events", events("2024-02-01T10:00:00Z", "2024-02-01T10:00:00", "2024-02-02"))
        refusal = company.refuse(time_zone=None)
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == (
            "naive_time",
            "events",
            "occurred_at",
            2,
        )
        assert ids_of(refusal) == ("E2", "E3")
        assert "time_zone: UTC" in str(refusal)

    @pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("s"), pa.date32()])
    def test_naive_columns_of_a_parquet_without_a_zone_are_refused(self, company: Company, kind: pa.DataType):
        aware_customers(company)
        inputs = events_parquet(company, [datetime(2024, 2, 1)], kind)
        refusal = company.refuse(inputs=inputs, time_zone=None)
        assert (refusal.code, refusal.table, refusal.column) == ("naive_time", "events", "occurred_at")

    @pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ms")])
    def test_naive_columns_are_local_times_of_the_sources_zone(self, company: Company, kind: pa.DataType):
        inputs = events_parquet(company, [datetime(2024, 2, 1, 3), datetime(2024, 7, 1, 3)], kind)
        company.stage(inputs=inputs, time_zone="Europe/Berlin")
        assert staged_times(company) == [datetime(2024, 2, 1, 2), datetime(2024, 7, 1, 1)]

    @pytest.mark.parametrize("naive", [pa.timestamp("us"), pa.timestamp("ns"), pa.date32()])
    def test_parquet_files_with_and_without_a_zone_are_not_read_as_one(self, company: Company, naive: pa.DataType):
        first = Path(events_parquet(company, [datetime(2024, 2, 1)], naive)["events_raw"].path or "")
        first.rename(first.with_name("events-1.parquet"))
        events_parquet(company, [datetime(2024, 2, 2)], pa.timestamp("us", "UTC"))
        files = InputSettings(path=str(first.with_name("events*.parquet")))
        refusal = company.refuse(inputs={"events_raw": files}, time_zone="Asia/Tokyo")
        assert (refusal.code, refusal.table, refusal.column) == ("mixed_time_zones", "events_raw", "occurred_at")
        assert "a time zone in events.parquet and none in events-1.parquet" in str(refusal)

    @pytest.mark.parametrize("zone", [None, "UTC"])
    def test_nanoseconds_never_round_the_end_of_a_day_into_the_next(self, company: Company, zone: str | None):
        aware_customers(company)
        inputs = events_parquet(company, [1706745599_999999999], pa.timestamp("ns", zone))
        company.stage(inputs=inputs, time_zone="UTC")
        assert staged_times(company) == [datetime(2024, 1, 31, 23, 59, 59, 999999)]

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_a_length_of_time_is_no_number_until_the_mapping_says_in_which_unit(self, company: Company, unit: str):
        inputs = events_with_a_length(company, unit)
        refusal = company.refuse(inputs=inputs)
        assert (refusal.code, refusal.table, refusal.column) == ("not_a_number", "events", "value")
        assert "epoch(column) / 3600 for hours" in str(refusal)
        hours = {"events": "SELECT * REPLACE (epoch(value) / 3600 AS value) FROM events_raw"}
        company.stage(inputs=inputs, tables={**select_all("customers"), **hours})
        assert [row["value"] for row in company.rows("events")] == [1.5]

    def test_lengths_of_time_in_several_units_are_not_read_as_one(self, company: Company):
        first = Path(events_with_a_length(company, "us")["events_raw"].path or "")
        first.rename(first.with_name("events-1.parquet"))
        events_with_a_length(company, "ns")
        refusal = company.refuse(inputs={"events_raw": InputSettings(path=str(first.with_name("events*.parquet")))})
        assert (refusal.code, refusal.table, refusal.column) == ("mixed_units", "events_raw", "value")
        assert "stored in us in events-1.parquet and in ns in events.parquet" in str(refusal)

    def test_a_day_without_an_hour_is_its_local_midnight(self, company: Company):
        company.write("events", events("2024-02-01"))
        company.stage(time_zone="Asia/Tokyo")
        assert staged_times(company) == [datetime(2024, 1, 31, 15)]


class TestBothInOneSelect:
    def given(self, company: Company, older: str = "occurred_at") -> dict[str, Any]:
        """Return what a source says of events with a zone beside older ones without, read as `older` says."""
        old = Path(events_parquet(company, [datetime(2024, 2, 1, 10)], pa.timestamp("us"))["events_raw"].path or "")
        old = old.rename(old.with_name("old.parquet"))
        new = events_parquet(company, [datetime(2024, 2, 2, 10)], pa.timestamp("us", "UTC"))
        both = (
            f"SELECT * FROM events_raw UNION ALL SELECT * REPLACE ('E2' AS event_id, {older} AS occurred_at) FROM old"
        )
        inputs = {**new, "old": InputSettings(path=str(old))}
        return {"inputs": inputs, "tables": {**select_all("customers"), "events": both}}

    def test_times_without_a_zone_are_not_taken_for_utc(self, company: Company):
        refusal = company.refuse(**self.given(company), time_zone="Asia/Tokyo")
        assert (refusal.code, refusal.table, refusal.column) == ("assumed_zone", "events", "occurred_at")
        assert "timezone('Asia/Tokyo', occurred_at)" in str(refusal)

    def test_they_are_instants_where_the_select_says_in_which_zone(self, company: Company):
        company.stage(**self.given(company, "timezone('Asia/Tokyo', occurred_at)"), time_zone="Asia/Tokyo")
        assert staged_times(company) == [datetime(2024, 2, 2, 10), datetime(2024, 2, 1, 1)]

    def test_they_are_instants_where_the_source_says_utc(self, company: Company):
        company.stage(**self.given(company), time_zone="UTC")
        assert staged_times(company) == [datetime(2024, 2, 2, 10), datetime(2024, 2, 1, 10)]


class TestAware:
    def test_offsets_are_converted_also_where_they_differ(self, company: Company):
        aware_customers(company)
        company.write(
            "events",
            events(
                "2024-02-01T10:00:00Z", "2024-02-01T10:00:00+09:00", "2024-02-01 10:00:00-05",
                "2024-02-01T10:00:00.5+0030", "2024-02-01 10:00:00 UTC",
            ),
        )  # fmt: skip
        company.stage(time_zone=None)
        assert staged_times(company) == [
            datetime(2024, 2, 1, 10),
            datetime(2024, 2, 1, 1),
            datetime(2024, 2, 1, 15),
            datetime(2024, 2, 1, 9, 30, 0, 500000),
            datetime(2024, 2, 1, 10),
        ]

    @pytest.mark.parametrize("offset", ["+99:99", "-15", "+05:60"])
    def test_an_offset_that_no_place_has_is_no_time(self, company: Company, offset: str):
        company.write("events", events(f"2024-02-01T10:00:00{offset}"))
        assert company.refuse().code == "not_a_time"

    def test_with_a_zone_stated_naive_and_aware_may_stand_together(self, company: Company):
        company.write("events", events("2024-02-01T10:00:00", "2024-02-01T10:00:00Z", "2024-02-01T10:00:00+01:00"))
        company.stage(time_zone="Europe/Berlin")
        assert staged_times(company) == [
            datetime(2024, 2, 1, 9), datetime(2024, 2, 1, 10), datetime(2024, 2, 1, 9),
        ]  # fmt: skip

    def test_instants_of_a_parquet_need_no_zone(self, company: Company):
        aware_customers(company)
        moments = [datetime(2024, 2, 1, 10, tzinfo=UTC)]
        company.stage(inputs=events_parquet(company, moments, pa.timestamp("us", "America/New_York")), time_zone=None)
        assert staged_times(company) == [datetime(2024, 2, 1, 10)]

    def test_microseconds_survive(self, company: Company):
        company.write("events", events("2024-02-01T10:00:00.123456", "2024-01-31T23:59:59.999999Z"))
        company.stage()
        assert staged_times(company) == [
            datetime(2024, 2, 1, 10, 0, 0, 123456),
            datetime(2024, 1, 31, 23, 59, 59, 999999),
        ]


class TestSummerTime:
    def test_an_hour_that_does_not_exist_moves_forward_and_is_counted(self, company: Company):
        company.write("events", events("2024-03-31T01:59:59", "2024-03-31T02:30:00", "2024-03-31T03:00:00"))
        _, staged = company.stage(time_zone="Europe/Berlin")
        assert staged_times(company) == [
            datetime(2024, 3, 31, 0, 59, 59), datetime(2024, 3, 31, 1, 30), datetime(2024, 3, 31, 1, 0),
        ]  # fmt: skip
        assert dict(staged["events"].counts) == {"clock_moved:occurred_at": 1}

    def test_an_hour_that_comes_twice_is_read_one_way_and_counted(self, company: Company):
        company.write("events", events("2024-10-27T01:30:00", "2024-10-27T02:30:00", "2024-10-27T03:30:00"))
        _, staged = company.stage(time_zone="Europe/Berlin")
        before, twice, after = staged_times(company)
        assert (before, after) == (datetime(2024, 10, 26, 23, 30), datetime(2024, 10, 27, 2, 30))
        assert twice == datetime(2024, 10, 27, 1, 30)
        assert dict(staged["events"].counts) == {"clock_moved:occurred_at": 1}
        assert not staged["events"].has_rejected

    @pytest.mark.parametrize("text", ["2024-03-31T02:30:00", "2024-10-27T02:30:00"])
    def test_the_source_may_refuse_such_hours(self, company: Company, text: str):
        company.write("events", events("2024-02-01", text))
        refusal = company.refuse(time_zone="Europe/Berlin", clock_changes="refuse")
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == (
            "clock_change", "events", "occurred_at", 1,
        )  # fmt: skip
        assert ids_of(refusal) == ("E2",)

    def test_local_times_of_a_parquet_are_counted_too(self, company: Company):
        inputs = events_parquet(company, [datetime(2024, 3, 31, 2, 30)], pa.timestamp("us"))
        _, staged = company.stage(inputs=inputs, time_zone="Europe/Berlin")
        assert dict(staged["events"].counts) == {"clock_moved:occurred_at": 1}

    def test_instants_are_never_ambiguous(self, company: Company):
        company.write("events", events("2024-03-31T02:30:00Z", "2024-10-27T02:30:00+02:00"))
        _, staged = company.stage(time_zone="Europe/Berlin")
        assert dict(staged["events"].counts) == {}


class TestFormats:
    def test_anything_but_iso_8601_is_refused(self, company: Company):
        texts = (
            "01/02/2024", "1.2.2024", "2024/02/01", "Feb 1 2024", "20240201", "2024-02-30", "2024-13-01",
            "2024-02-01T25:00:00", "1706745600", "1706745600000", "45323.5", "yesterday", "2024-02-01 10:00 CET",
            "2024-02-01T10:00:00 +01", "2024-02-01T10:00 Europe/Berlin", "2024-02-01T10",
        )  # fmt: skip
        company.write("events", events("2024-02-01", *texts))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column) == ("not_a_time", "events", "occurred_at")
        assert refusal.count == len(texts)
        assert ids_of(refusal) == ("E10", "E11", "E12", "E13", "E14")
        assert "strptime(column, '%d/%m/%Y')" in str(refusal)

    @pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.time64("us")])
    def test_numbers_are_no_times(self, company: Company, kind: pa.DataType):
        refusal = company.refuse(inputs=events_parquet(company, [1706745600], kind))
        assert (refusal.code, refusal.table, refusal.column) == ("not_a_time", "events", "occurred_at")
        assert "epoch_ms(column) or to_timestamp(column)" in str(refusal)

    def test_the_remedies_named_in_the_messages_work(self, company: Company):
        company.write("events", HEAD + "E1,C1,01/02/2024,login\nE2,C1,1706745600,login\n")
        select = (
            "SELECT * REPLACE (CASE WHEN occurred_at LIKE '%/%' THEN strptime(occurred_at, '%d/%m/%Y') "
            "ELSE epoch_ms(CAST(occurred_at AS BIGINT) * 1000) END AS occurred_at) FROM events_raw"
        )
        company.stage(tables={"customers": "SELECT * FROM customers_raw", "events": select})
        assert staged_times(company) == [datetime(2024, 2, 1), datetime(2024, 2, 1)]

    def test_seconds_read_as_milliseconds_fall_outside_the_sane_dates(self, company: Company):
        company.write("events", HEAD + "E1,C1,1706745600,login\n")
        select = "SELECT * REPLACE (epoch_ms(CAST(occurred_at AS BIGINT)) AS occurred_at) FROM events_raw"
        refusal = company.refuse(tables={"customers": "SELECT * FROM customers_raw", "events": select})
        assert (refusal.code, refusal.column, refusal.count) == ("outside_sane_dates", "occurred_at", 1)
        assert "[1990-01-01, 2100-01-01)" in str(refusal)

    def test_a_column_that_is_always_empty_has_no_times(self, company: Company):
        company.write("subscriptions", "subscription_id,customer_id,started_at,ended_at\nS1,C1,2024-01-01,\n")
        company.stage()
        assert [row["ended_at"] for row in company.rows("subscriptions")] == [None]

    def test_a_typed_null_column_has_no_times(self, company: Company):
        select = (
            "SELECT 'S1' AS subscription_id, 'C1' AS customer_id, DATE '2024-01-01' AS started_at, NULL AS ended_at"
        )
        company.stage(tables={"customers": "SELECT * FROM customers_raw", "subscriptions": select})
        assert [row["ended_at"] for row in company.rows("subscriptions")] == [None]


class TestSentinels:
    SENTINELS = ("9999-12-31", "0001-01-01", "1900-01-01")

    def subscriptions(self, *ends: str) -> str:
        rows = [f"S{i},C1,2024-01-01,{end}" for i, end in enumerate(ends, start=1)]
        return "\n".join(["subscription_id,customer_id,started_at,ended_at", *rows])

    def test_insane_dates_are_refused_where_nobody_listed_them(self, company: Company):
        insane = (*self.SENTINELS, "9999-12-31T23:59:59", "2100-01-01", "1989-12-31T23:59:59")
        company.write("subscriptions", self.subscriptions(*insane, "2099-12-31T23:59:59", "2024-01-01"))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column) == ("outside_sane_dates", "subscriptions", "ended_at")
        assert refusal.count == len(insane)
        assert ids_of(refusal) == ("S1", "S2", "S3", "S4", "S5")
        assert "sentinel_dates" in str(refusal)

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
    def test_listed_sentinels_are_no_value_in_every_zone(self, company: Company, zone: str):
        company.write(
            "subscriptions", self.subscriptions(*self.SENTINELS, "9999-12-31T23:59:59", "1900-01-01T00:00:00")
        )
        sentinels = [date.fromisoformat(text) for text in self.SENTINELS]
        company.stage(sentinel_dates=sentinels, time_zone=zone)
        assert [row["ended_at"] for row in company.rows("subscriptions")] == [None] * 5

    def test_a_sentinel_in_a_required_time_is_a_missing_value(self, company: Company):
        company.write("events", events("2024-02-01", "1900-01-01"))
        refusal = company.refuse(sentinel_dates=[date(1900, 1, 1)])
        assert (refusal.code, refusal.column, refusal.count, ids_of(refusal)) == ("null", "occurred_at", 1, ("E2",))

    @pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.date32()])
    def test_sentinels_of_a_parquet(self, company: Company, kind: pa.DataType):
        path = company.file("subscriptions", "parquet")
        columns = {
            "subscription_id": ["S1"],
            "customer_id": ["C1"],
            "started_at": pa.array([datetime(2024, 1, 1)], kind),
            "ended_at": pa.array([datetime(9999, 12, 31)], kind),
        }
        pq.write_table(pa.table(columns), path)
        inputs = {"subscriptions_raw": InputSettings(path=str(path))}
        refusal = company.refuse(inputs=inputs)
        assert (refusal.code, refusal.column) == ("outside_sane_dates", "ended_at")
        company.stage(inputs=inputs, sentinel_dates=[date(9999, 12, 31)])
        assert [row["ended_at"] for row in company.rows("subscriptions")] == [None]

    def test_the_sane_range_is_the_sources_to_move(self, company: Company):
        company.write("customers", COMPANY["customers"].replace("2024-01-01", "1975-06-01"))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, ids_of(refusal)) == ("outside_sane_dates", "customers", ("C1",))
        company.stage(earliest_date=date(1970, 1, 1))


class TestKnownAt:
    def test_a_delay_is_measured_from_the_main_time_and_never_negative(self, company: Company):
        company.write(
            "events",
            "event_id,customer_id,occurred_at,event_type,known_at\n"
            "E1,C1,2024-02-01T10:00:00,login,2024-02-03T10:00:00\n"
            "E2,C1,2024-02-01T10:00:00,login,2024-01-01T00:00:00\n"
            "E3,C1,2024-02-01T10:00:00,login,\n",
        )
        company.stage(lag_hours={"events": 6})
        delays = [
            row["known_delay_us"] / 3_600_000_000 for row in sorted(company.rows("events"), key=lambda r: r["event_id"])
        ]
        assert delays == [54.0, 6.0, 6.0]
        assert "known_at" not in company.rows("events")[0]

    def test_the_declared_lag_of_a_table_is_its_own(self, company: Company):
        company.write("payments", COMPANY["payments"])
        company.stage(lag_hours={"events": 24})
        assert {row["known_delay_us"] for row in company.rows("events")} == {24 * 3_600_000_000}
        assert {row["known_delay_us"] for row in company.rows("payments")} == {0}
