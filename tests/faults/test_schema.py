"""Columns and values that are not what the contract says."""

from __future__ import annotations

import logging
import math
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.core.source import InputSettings
from tests.builders import COMPANY, Company, ids_of, select_all

EVENTS_WITH_VALUE = "event_id,customer_id,occurred_at,event_type,value\nE1,C1,2024-02-01,login,1\n"


def replaced(table: str, old: str, new: str) -> str:
    return COMPANY[table].replace(old, new)


def payments_parquet(company: Company, amounts: list[Any], kind: pa.DataType) -> dict[str, InputSettings]:
    path = company.file("payments", "parquet")
    rows = len(amounts)
    columns = {
        "payment_id": [f"P{i}" for i in range(rows)],
        "customer_id": ["C1"] * rows,
        "attempted_at": ["2024-02-01"] * rows,
        "amount": pa.array(amounts, kind),
        "status": ["failed"] * rows,
    }
    pq.write_table(pa.table(columns), path)
    return {"payments_raw": InputSettings(path=str(path))}


class TestNested:
    @pytest.mark.parametrize(("column", "value"), [("customer_id", "{'a': customer_id}"), ("country", "[country]")])
    def test_a_list_or_struct_is_no_text(self, company: Company, column: str, value: str):
        tables = select_all("customers", "events")
        tables["customers"] = f"SELECT * REPLACE ({value} AS {column}) FROM customers_raw"
        refusal = company.refuse(tables=tables)
        assert (refusal.code, refusal.table, refusal.column) == ("nested_value", "customers", column)
        assert "Take one part of it in the SELECT" in str(refusal)

    def test_ids_with_digits_after_the_point_are_refused_and_whole_decimals_are_not(self, company: Company):
        tables = select_all("customers", "events")
        tables["events"] = "SELECT * REPLACE (row_number() OVER ()::DECIMAL(18, {}) AS event_id) FROM events_raw"
        refusal = company.refuse(tables=tables | {"events": tables["events"].format(2)})
        assert (refusal.code, refusal.table, refusal.column) == ("float_id", "events", "event_id")
        company.stage(tables=tables | {"events": tables["events"].format(0)})
        assert sorted(row["event_id"] for row in company.rows("events")) == ["1", "2", "3"]


class TestMapping:
    def test_what_fails_while_it_runs_names_its_table(self, company: Company):
        tables = select_all("customers", "events")
        tables["events"] = "SELECT * REPLACE (strptime(occurred_at, '%d/%m/%Y') AS occurred_at) FROM events_raw"
        refusal = company.refuse(tables=tables)
        assert (refusal.code, refusal.table) == ("bad_mapping", "events")
        assert "2024-01-05T10:00:00" in str(refusal)

    def test_a_repeated_column_of_a_parquet_file_is_refused(self, company: Company):
        path = company.file("customers", "parquet")
        columns = [pa.array(["C1"]), pa.array(["2024-01-01"]), pa.array(["DE"]), pa.array(["JP"])]
        pq.write_table(pa.table(columns, names=["customer_id", "signed_up_at", "country", "Country"]), path)
        refusal = company.refuse(inputs={"customers_raw": InputSettings(path=str(path))})
        assert (refusal.code, refusal.table) == ("duplicate_header", "customers_raw")
        assert "the header repeats Country, country" in str(refusal)


class TestColumns:
    @pytest.mark.parametrize(
        ("table", "column", "renamed"),
        [
            ("customers", "customer_id", "custmer_id"),
            ("customers", "signed_up_at", "signup_at"),
            ("subscriptions", "started_at", "start_at"),
            ("events", "event_type", "eventtype"),
            ("events", "occurred_at", "occured_at"),
            ("tickets", "opened_at", "open_at"),
            ("payments", "status", "state"),
        ],
    )
    def test_a_renamed_column_is_refused_and_the_nearest_name_suggested(
        self, company: Company, table: str, column: str, renamed: str
    ):
        company.write(table, replaced(table, column, renamed))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column) == ("missing_column", table, column)
        assert f"did you mean '{renamed}'?" in str(refusal)
        assert f"Let the SELECT of '{table}'" in str(refusal)

    def test_several_missing_columns_are_said_together(self, company: Company):
        company.write("events", "event_id,a,b\nE1,1,2")
        refusal = company.refuse()
        assert "required columns customer_id, occurred_at, event_type missing" in str(refusal)
        assert "yields event_id, a, b" in str(refusal)

    def test_everything_wrong_with_the_tables_is_said_at_once(self, company: Company):
        company.write("subscriptions", COMPANY["subscriptions"].replace("started_at", "start_at"))
        company.append("events", "E90,C1,not a time,login", "E91,,2024-03-01T00:00:00Z,login")
        refusal = company.refuse()
        first, *lines = str(refusal).splitlines()
        assert first == f"{len(lines)} problems in the data:"
        told = {(part.table, part.column, part.code) for part in refusal.parts}
        assert ("subscriptions", "started_at", "missing_column") in told
        assert {("events", "occurred_at", "not_a_time"), ("events", "customer_id", "null")} < told
        assert len(told) == len(lines) == 3

    def test_everything_wrong_with_the_selects_is_said_at_once(self, company: Company):
        tables = {
            "customers": "SELECT *, nothing_1 AS a FROM customers_raw",
            "events": "SELECT *, nothing_2 AS b FROM events_raw",
        }
        refusal = company.refuse(tables=tables)
        assert [part.column for part in refusal.parts] == ["nothing_1", "nothing_2"]

    def test_a_select_that_asks_for_a_column_that_is_not_there(self, company: Company):
        tables = {"customers": "SELECT * FROM customers_raw", "events": "SELECT *, costumer_id AS c FROM events_raw"}
        refusal = company.refuse(tables=tables)
        assert (refusal.code, refusal.table, refusal.column) == ("missing_column", "events", "costumer_id")
        assert "did you mean 'customer_id'?" in str(refusal)

    @pytest.mark.parametrize("select", ["SELEC * FROM events_raw", "SELECT * FROM event_raw"])
    def test_a_select_that_cannot_be_run(self, company: Company, select: str):
        refusal = company.refuse(tables={"customers": "SELECT * FROM customers_raw", "events": select})
        assert (refusal.code, refusal.table) == ("bad_mapping", "events")

    def test_a_listed_attribute_that_the_mapping_does_not_yield(self, company: Company):
        company.write("customers", replaced("customers", "country", "county"))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column) == ("missing_column", "customers", "country")
        assert "did you mean 'county'?" in str(refusal)

    def test_an_attribute_may_bear_the_name_of_an_optional_column_of_another_table(self, company: Company):
        company.write("subscriptions", "subscription_id,customer_id,started_at\nS1,C1,2024-01-01")
        company.write("customers", replaced("customers", "country", "plan"))
        company.stage(attributes={"plan": "category"})
        assert "plan" not in company.rows("subscriptions")[0]

    def test_a_pii_attribute_need_not_be_exported(self, company: Company):
        company.stage(attributes={"country": "category", "email": "pii", "note": "free"})

    def test_the_order_of_columns_does_not_matter(self, company: Company):
        before = company.rows("events")
        rows = [line.split(",") for line in COMPANY["events"].strip().splitlines()]
        company.write("events", "\n".join(",".join(reversed(row)) for row in rows))
        layer, _ = company.stage()
        assert company.rows("events") == before
        assert layer.fingerprint == company.stage()[0].fingerprint

    def test_extra_columns_are_dropped_and_named_once(self, company: Company, caplog: pytest.LogCaptureFixture):
        rows = COMPANY["events"].strip().splitlines()
        company.write("events", "\n".join([rows[0] + ",secret,more", *(row + ",x,y" for row in rows[1:])]))
        with caplog.at_level(logging.INFO, "churn"):
            company.stage()
        assert "secret" not in company.rows("events")[0]
        assert [m for m in caplog.messages if "secret" in m] == [
            "events: columns nobody listed are dropped: secret, more"
        ]

    def test_pii_and_free_text_never_reach_the_staged_layer(self, company: Company):
        rows = COMPANY["customers"].strip().splitlines()
        company.write(
            "customers", "\n".join([rows[0] + ",email,note", *(f"{row},canary@x.org,canary" for row in rows[1:])])
        )
        company.stage(attributes={"country": "category", "email": "pii", "note": "free"})
        assert set(company.rows("customers")[0]) == {"customer_id", "signed_up_at", "country"}
        assert not any(b"canary" in content for content in company.on_disk().values())

    @pytest.mark.parametrize("again", ["country", "COUNTRY"])
    def test_a_column_that_the_select_yields_twice(self, company: Company, again: str):
        select = f"SELECT *, lower(country) AS {again} FROM customers_raw"
        refusal = company.refuse(tables=select_all("customers", "events") | {"customers": select})
        assert (refusal.code, refusal.table, refusal.column) == ("repeated_column", "customers", "country")
        assert "EXCLUDE (country)" in str(refusal)

    def test_columns_that_nobody_wants_may_come_twice(self, company: Company):
        select = "SELECT *, 1 AS extra, 2 AS extra FROM customers_raw"
        company.stage(tables=select_all("customers", "events") | {"customers": select})

    def test_each_column_is_counted_in_full_whatever_other_columns_of_its_rows_break(self, company: Company):
        company.write(
            "subscriptions",
            'subscription_id,customer_id,mrr,started_at\nS1,C1,"1,5",01.02.2024\nS2,C2,2,01.02.2024\nS3,C9,"2,5",2024-02-01',
        )
        refusal = company.refuse()
        assert {(part.column, part.count) for part in refusal.parts} == {("mrr", 2), ("started_at", 2)}


class TestNumbers:
    def test_a_date_is_none(self, company: Company):
        select = "SELECT * REPLACE (DATE '2024-01-01' AS country) FROM customers_raw"
        refusal = company.refuse(
            tables=select_all("customers", "events") | {"customers": select}, attributes={"country": "number"}
        )
        assert (refusal.code, refusal.table, refusal.column) == ("not_a_number", "customers", "country")

    def test_text_that_is_not_a_number(self, company: Company):
        texts = ["1,234", "12 EUR", "NA", "1.2.3", "--", "１２x"]
        company.write(
            "events", EVENTS_WITH_VALUE + "".join(f'E{i},C1,2024-02-01,login,"{t}"\n' for i, t in enumerate(texts, 2))
        )
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("not_a_number", "events", "value", 6)
        assert ids_of(refusal) == ("E2", "E3", "E4", "E5", "E6")
        assert "replace(column, ',', '')" in str(refusal)

    def test_text_that_is_one(self, company: Company):
        texts = ["1.5", " 7 ", "-2e3", "", " ", "NaN"]
        company.write(
            "events", EVENTS_WITH_VALUE + "".join(f"E{i},C1,2024-02-02,login,{t}\n" for i, t in enumerate(texts, 2))
        )
        company.stage()
        values = {row["event_id"]: row["value"] for row in company.rows("events")}
        assert list(values.values()) == [1.0, 1.5, 7.0, -2000.0, None, None, None]

    def test_numbers_out_of_this_world(self, company: Company):
        texts = ["inf", "-inf", "1e308", "-1e13"]
        company.write(
            "events", EVENTS_WITH_VALUE + "".join(f"E{i},C1,2024-02-01,login,{t}\n" for i, t in enumerate(texts, 2))
        )
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("out_of_range", "events", "value", 4)
        assert ids_of(refusal) == ("E2", "E3", "E4", "E5")

    @pytest.mark.parametrize(
        ("table", "old", "new", "column"),
        [
            ("subscriptions", "pro,50,", "pro,-50,", "mrr"),
            ("tickets", ",4\n", ",-1\n", "csat"),
            ("tickets", ",4\n", ",101\n", "csat"),
        ],
    )
    def test_numbers_below_or_above_the_contracts_range(
        self, company: Company, table: str, old: str, new: str, column: str
    ):
        company.write(table, replaced(table, old, new))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("out_of_range", table, column, 1)
        assert "contract's range [0" in str(refusal)
        assert ids_of(refusal) == (("S1",) if table == "subscriptions" else ("T1",))

    def test_infinities_of_a_parquet(self, company: Company):
        refusal = company.refuse(inputs=payments_parquet(company, [1.0, math.inf, -math.inf, 1e308], pa.float64()))
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("out_of_range", "payments", "amount", 3)
        assert ids_of(refusal) == ("P1", "P2", "P3")

    def test_not_a_number_is_no_value(self, company: Company):
        inputs = payments_parquet(company, [1.0, math.nan], pa.float64())
        refusal = company.refuse(inputs=inputs)
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("null", "payments", "amount", 1)

    @pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.float32(), pa.decimal128(12, 2)])
    def test_every_kind_of_number_is_read(self, company: Company, kind: pa.DataType):
        company.stage(inputs=payments_parquet(company, [1, 20], kind))
        assert [r["amount"] for r in company.rows("payments")] == [1.0, 20.0]

    def test_an_integer_column_that_gains_nulls_keeps_them(self, company: Company):
        path = company.file("events", "parquet")
        columns = {
            "customer_id": ["C1", "C2"],
            "occurred_at": ["2024-02-01", "2024-02-02"],
            "event_type": ["login"] * 2,
            "value": pa.array([1, None], pa.int64()),
        }
        pq.write_table(pa.table(columns), path)
        company.stage(inputs={"events_raw": InputSettings(path=str(path))})
        assert [r["value"] for r in company.rows("events")] == [1.0, None]

    def test_an_attribute_of_role_number_is_checked_too(self, company: Company):
        company.write("customers", replaced("customers", ",JP", ',"1,000"').replace(",DE", ",1").replace(",FR", ",2"))
        refusal = company.refuse(attributes={"country": "number"})
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == (
            "not_a_number",
            "customers",
            "country",
            1,
        )
        assert ids_of(refusal) == ("C2",)

    def test_an_attribute_out_of_this_world_is_told_its_bounds(self, company: Company):
        company.write("customers", replaced("customers", ",JP", ",inf").replace(",DE", ",1").replace(",FR", ",2"))
        refusal = company.refuse(attributes={"country": "number"})
        assert (refusal.code, refusal.column, ids_of(refusal)) == ("out_of_range", "country", ("C2",))
        assert "None" not in str(refusal)


class TestValues:
    def test_an_unknown_status(self, company: Company):
        company.append(
            "payments", "P3,C1,2024-02-01,1,paid", "P4,C1,2024-02-01,1,SUCCEEDED", "P5,C1,2024-02-01,1,failed "
        )
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == (
            "unknown_value",
            "payments",
            "status",
            3,
        )
        assert ids_of(refusal) == ("P3", "P4", "P5")
        assert "succeeded, failed, refunded, disputed" in str(refusal)

    def test_a_missing_status(self, company: Company):
        company.write("payments", replaced("payments", "20,failed", "20,"))
        refusal = company.refuse()
        assert (refusal.code, refusal.column, refusal.count) == ("null", "status", 1)

    def test_an_unknown_end_reason(self, company: Company):
        company.write(
            "subscriptions",
            "subscription_id,customer_id,started_at,ended_at,end_reason\nS1,C1,2024-01-01,2024-02-01,angry\n",
        )
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column) == ("unknown_value", "subscriptions", "end_reason")
        assert ids_of(refusal) == ("S1",)

    def test_at_most_five_examples_are_shown_and_all_are_counted(self, company: Company):
        company.append("payments", *(f"Q{i},C1,2024-02-01,1,odd" for i in range(9)))
        refusal = company.refuse()
        assert (refusal.count, ids_of(refusal)) == (9, ("Q0", "Q1", "Q2", "Q3", "Q4"))

    def test_a_subscription_that_ends_before_it_starts(self, company: Company):
        company.write("subscriptions", replaced("subscriptions", "2024-05-01", "2023-05-01"))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == (
            "reversed", "subscriptions", "ended_at", 1,
        )  # fmt: skip
        assert ids_of(refusal) == ("S2",)

    def test_few_reversed_rows_are_rejected_where_the_source_allows_them(self, company: Company):
        company.write("subscriptions", replaced("subscriptions", "2024-05-01", "2023-05-01"))
        _, staged = company.stage(max_reversed_share=0.4)
        assert dict(staged["subscriptions"].counts) == {"reversed:ended_at": 1}
        assert [r["subscription_id"] for r in company.rows("subscriptions")] == ["S1", "S3"]

    def test_ends_at_once_is_not_reversed(self, company: Company):
        company.write("subscriptions", replaced("subscriptions", "2024-05-01", "2024-01-02"))
        company.stage()
        assert len(company.rows("subscriptions")) == 3
