"""Ids that spreadsheets and exporters mangle: they survive as text, or the table is refused with examples."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.core.source import InputSettings
from tests.builders import COMPANY, Company, csv_text, ids_of, select_all

AWKWARD = [
    "00123",
    "NA",
    "None",
    "null",
    "nan",
    "1234567890123456789",
    "1E5",
    "3-4",
    "TRUE",
    "ünïcode 漢字",
    " padded ",
]


def customers(ids: list[Any]) -> list[dict[str, Any]]:
    return [{"customer_id": value, "signed_up_at": "2024-01-01", "country": "DE"} for value in ids]


def events(ids: list[Any]) -> list[dict[str, Any]]:
    return [
        {"event_id": f"E{i:04}", "customer_id": value, "occurred_at": "2024-02-01", "event_type": "login"}
        for i, value in enumerate(ids)
    ]


def as_parquet(company: Company, table: str, columns: dict[str, Any]) -> InputSettings:
    path = company.file(table, "parquet")
    pq.write_table(pa.table(columns), path)
    return InputSettings(path=str(path))


class TestRoundTrip:
    def test_awkward_ids_survive_a_csv_unchanged(self, company: Company):
        company.write("customers", csv_text(customers(AWKWARD)))
        company.write("events", csv_text(events(AWKWARD)))
        company.stage(tables=select_all("customers", "events"))
        assert sorted(r["customer_id"] for r in company.rows("customers")) == sorted(AWKWARD)
        assert {r["event_id"]: r["customer_id"] for r in company.rows("events")} == {
            f"E{i:04}": value for i, value in enumerate(AWKWARD)
        }

    def test_whole_numbers_of_nineteen_digits_in_one_table_meet_text_in_another(self, company: Company):
        number = 1234567890123456789
        inputs = {
            "customers_raw": as_parquet(
                company, "customers", {"customer_id": [number, 7], "signed_up_at": ["2024-01-01"] * 2}
            )
        }
        company.write("events", csv_text(events([str(number), "7"])))
        company.stage(inputs=inputs, tables=select_all("customers", "events"), attributes={})
        assert [r["customer_id"] for r in company.rows("customers")] == [str(number), "7"]
        assert sorted(r["customer_id"] for r in company.rows("events")) == [str(number), "7"]

    def test_a_leading_zero_lost_in_one_table_is_an_orphan_and_not_silently_joined(self, company: Company):
        inputs = {
            "customers_raw": as_parquet(company, "customers", {"customer_id": [123], "signed_up_at": ["2024-01-01"]})
        }
        company.write("events", csv_text(events(["00123"])))
        refusal = company.refuse(inputs=inputs, tables=select_all("customers", "events"), attributes={})
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("orphan", "events", "customer_id", 1)
        assert "Most of them are customers but for leading zeros" in str(refusal)

    def test_a_column_of_whole_numbers_that_gains_a_null_arrives_as_floats_and_is_refused(self, company: Company):
        columns = {"customer_id": pa.array([1.0, 2.0, None], pa.float64()), "signed_up_at": ["2024-01-01"] * 3}
        refusal = company.refuse(inputs={"customers_raw": as_parquet(company, "customers", columns)}, attributes={})
        assert (refusal.code, refusal.table, refusal.column) == ("float_id", "customers", "customer_id")
        assert "text or whole numbers" in str(refusal)


class TestNulls:
    @pytest.mark.parametrize("empty", ["", '""'])
    def test_one_in_a_thousand_is_dropped_before_any_join_and_counted(self, company: Company, empty: str):
        company.write("events", csv_text(events(["C1"] * 999)) + f"E9999,{empty},2024-02-01,login\n")
        _, staged = company.stage()
        assert dict(staged["events"].counts) == {"null:customer_id": 1}
        assert len(company.rows("events")) == 999
        assert [r["broken_rule"] for r in company.rows("rejected_events")] == ["null:customer_id"]

    def test_two_in_a_thousand_are_refused(self, company: Company):
        company.write("events", csv_text(events(["C1"] * 998)) + "X1,,2024-02-01,login\nX2,,2024-02-01,login\n")
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("null", "events", "customer_id", 2)
        assert ids_of(refusal) == ("X1", "X2")
        assert "max_null_share (now 0.001)" in str(refusal)

    def test_the_source_may_tolerate_more(self, company: Company):
        company.append("events", "X1,,2024-02-01,login")
        _, staged = company.stage(max_null_share=0.5)
        assert dict(staged["events"].counts) == {"null:customer_id": 1}

    def test_a_customer_without_an_id(self, company: Company):
        company.append("customers", ",2024-01-04,DE")
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("null", "customers", "customer_id", 1)
        assert ids_of(refusal) == ()

    def test_a_ticket_without_its_own_id_names_the_customer(self, company: Company):
        company.append("tickets", ",C3,2024-02-01,,")
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("null", "tickets", "ticket_id", 1)
        assert ids_of(refusal) == ("C3",)


class TestOrphans:
    def test_one_in_a_hundred_is_dropped_and_counted(self, company: Company):
        company.write("events", csv_text(events(["C1"] * 99 + ["C9"])))
        _, staged = company.stage()
        assert dict(staged["events"].counts) == {"orphan:customer_id": 1}
        assert len(company.rows("events")) == 99
        assert [r["customer_id"] for r in company.rows("rejected_events")] == ["C9"]

    def test_two_in_a_hundred_are_refused(self, company: Company):
        company.write("events", csv_text(events(["C1"] * 98 + ["C8", "C9"])))
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("orphan", "events", "customer_id", 2)
        assert ids_of(refusal) == ("E0098", "E0099")
        assert "max_orphan_share (now 0.01)" in str(refusal)

    @pytest.mark.parametrize(
        ("table", "line"), [("tickets", "T9,C9,2024-02-01,,"), ("payments", "P9,C9,2024-02-01,5,failed")]
    )
    def test_every_table_of_customers_is_checked(self, company: Company, table: str, line: str):
        company.append(table, line)
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.count) == ("orphan", table, 1)
        assert ids_of(refusal) == (line[:2],)

    def test_incidents_belong_to_nobody(self, company: Company):
        company.write("incidents", "incident_id,started_at,kind\nI1,2024-02-01,outage")
        inputs = {"incidents_raw": InputSettings(path=str(company.file("incidents")))}
        company.stage(inputs=inputs, tables=select_all("customers", "events", "incidents"))
        assert [r["incident_id"] for r in company.rows("incidents")] == ["I1"]


class TestDuplicates:
    @pytest.mark.parametrize(
        ("table", "line", "column", "example"),
        [
            ("customers", "C2,2024-01-02,JP", "customer_id", "C2"),
            ("customers", "C2,2024-03-02,DE", "customer_id", "C2"),
            ("tickets", "T1,C1,2024-02-01T09:00:00,2024-02-03T09:00:00,4", "ticket_id", "T1"),
            ("tickets", "T1,C3,2024-02-02,,", "ticket_id", "T1"),
            ("payments", "P2,C2,2024-02-03,20,succeeded", "payment_id", "P2"),
            ("subscriptions", "S1,C1,pro,70,2024-01-01,", "subscription_id", "S1"),
        ],
    )
    def test_a_repeated_key_is_refused(self, company: Company, table: str, line: str, column: str, example: str):
        company.append(table, line)
        refusal = company.refuse()
        assert (refusal.code, refusal.table, refusal.column, refusal.count) == ("duplicate_key", table, column, 1)
        assert ids_of(refusal) == (example,)
        assert "QUALIFY row_number()" in str(refusal)

    def test_new_terms_of_a_subscription_are_no_duplicate(self, company: Company):
        company.append("subscriptions", "S2,C2,pro,50,2024-05-01,")
        company.stage()
        assert len(company.rows("subscriptions")) == 4

    def test_versions_of_a_customer_are_no_duplicate_but_the_same_version_is(self, company: Company):
        head = "customer_id,valid_from,signed_up_at,country\nC1,2024-01-01,2024-01-01,DE\nC1,2024-03-01,2024-01-01,FR\n"
        rest = "C2,2024-01-01,2024-01-01,DE\nC3,2024-01-01,2024-01-01,DE\n"
        company.write("customers", head + rest)
        company.stage()
        assert len(company.rows("customers")) == 4
        company.write("customers", head + rest + "C1,2024-03-01,2024-01-01,ES\n")
        with pytest.raises(
            Exception, match=r"the same customer_id \+ valid_from more than once \(1 row\); for example C1"
        ):
            company.stage()

    def test_an_event_sent_twice_is_kept_once_and_counted(self, company: Company):
        line = COMPANY["events"].strip().splitlines()[1]
        company.append("events", line, line)
        _, staged = company.stage()
        assert dict(staged["events"].counts) == {"duplicate": 2}
        assert [r["event_id"] for r in company.rows("events")] == ["E1", "E2", "E3"]

    def test_of_two_versions_of_an_event_the_same_one_is_kept_whatever_their_order(self, company: Company):
        first, second = "E9,C3,2024-03-01,login", "E9,C3,2024-03-01,share"
        company.append("events", first, second)
        company.stage()
        kept = [r for r in company.rows("events") if r["event_id"] == "E9"]
        company.append("events", second, first)
        company.stage()
        assert len(kept) == 1
        assert [r for r in company.rows("events") if r["event_id"] == "E9"] == kept

    def test_without_event_ids_full_rows_are_compared_also_where_a_value_is_missing(self, company: Company):
        company.write(
            "events",
            "customer_id,occurred_at,event_type,value\n"
            "C1,2024-02-01,login,\nC1,2024-02-01,login,\nC1,2024-02-01,login,1\nC2,2024-02-01,login,\n",
        )
        _, staged = company.stage()
        assert dict(staged["events"].counts) == {"duplicate": 1}
        assert sorted((r["customer_id"], str(r["value"])) for r in company.rows("events")) == [
            ("C1", "1.0"), ("C1", "None"), ("C2", "None"),
        ]  # fmt: skip

    def test_events_without_an_id_are_not_taken_for_each_other(self, company: Company):
        company.append("events", ",C1,2024-02-01,login", ",C2,2024-02-01,login")
        _, staged = company.stage()
        assert dict(staged["events"].counts) == {}
        assert len(company.rows("events")) == 5
