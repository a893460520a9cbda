"""A company of 60 customers with one ticket and one contract each; half of what happens, happens after the cut."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn.auditing.source_cuts import SourceCut, cut_source
from churn.core.errors import DataRefused
from churn.core.source import InputSettings
from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from tests.builders import ENGINE, make_source, select_all

CUT = date(2024, 3, 1)
RAW = {
    "customers": "SELECT 'C' || i AS customer_id, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS signed_up_at, "
    "CASE WHEN i % 3 = 0 THEN signed_up_at + to_days(i) END AS closed_at, "
    "CASE WHEN i % 3 = 0 THEN 'price' END AS close_reason, i % 4 AS size FROM range(1, 121) t(i)",
    "subscriptions": "SELECT 'S' || i AS subscription_id, 'C' || i AS customer_id, 'basic' AS plan, "
    "TIMESTAMPTZ '2024-01-01 00:00:00+00' AS started_at, CASE WHEN i % 3 = 0 THEN started_at + to_days(i) END AS "
    "ended_at, CASE WHEN i % 2 = 0 THEN started_at + to_days(2 * i) END AS trial_over FROM range(1, 121) t(i)",
    "tickets": "SELECT 'T' || i AS ticket_id, 'C' || i AS customer_id, TIMESTAMPTZ '2024-01-01 08:00:00+00' "
    "+ to_days(i) AS opened_at, CASE WHEN i % 4 > 0 THEN opened_at + to_days(30) END AS resolved_at, "
    "CASE WHEN i % 4 > 0 THEN 'solved' ELSE 'open' END AS status, CASE WHEN i % 4 > 0 THEN i % 5 END AS csat, "
    "opened_at + CASE WHEN i % 10 = 9 THEN INTERVAL 12 DAY ELSE INTERVAL 1 HOUR END AS loaded_at "
    "FROM range(1, 121) t(i)",
}  # fmt: skip
UNMAPPED = "SELECT * EXCLUDE (loaded_at) FROM tickets_raw"
PLAIN = "SELECT * EXCLUDE (loaded_at), loaded_at AS known_at FROM tickets_raw"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(ENGINE) as opened:
        yield opened


@pytest.fixture(scope="module")
def raw(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    for name, select in RAW.items():
        engine.run(f"COPY ({select}) TO '{folder / name}.parquet' (FORMAT parquet)")
    return folder


TOTAL = "1.0 / count(*) OVER (PARTITION BY customer)"
DAYS = {"day": "(SELECT any_value(start) FROM courses c WHERE c.course = clicks.course) + to_days(clicks.day)"}


class Audited:
    """The source cut of the company with some SELECTs of its own."""

    def __init__(self, engine: Engine, raw: Path, **files: Path) -> None:
        self.engine, self.raw, self.files = engine, raw, {name: raw / f"{name}.parquet" for name in RAW} | files

    def cut(
        self,
        attributes: tuple[str, ...] = (),
        dates: tuple[date, ...] = (CUT,),
        plans: tuple[str, ...] = (),
        **tables: str,
    ) -> SourceCut:
        changes: dict[str, Any] = {
            "inputs": {
                f"{name}_raw": InputSettings(path=str(path), plans=list(plans) if name == "subscriptions" else [])
                for name, path in self.files.items()
            },
            "tables": {**select_all("customers", "subscriptions"), "tickets": PLAIN, **tables},
            "attributes": dict.fromkeys(attributes, "category"),
        }
        return cut_source(self.engine, make_source(**changes), dates)

    def named(self, attributes: tuple[str, ...] = (), **tables: str) -> set[str]:
        return set(self.cut(attributes, **tables).differences["feature"])


@pytest.fixture
def audited(engine: Engine, raw: Path) -> Audited:
    return Audited(engine, raw)


def test_the_company_as_it_is_passes(audited: Audited) -> None:
    assert audited.named(("size",)) == set()


def test_a_value_that_came_with_a_time_is_not_there_before_it(audited: Audited) -> None:
    found = audited.cut(("close_reason",)).differences
    assert set(found["feature"]) == {"customers.close_reason"}
    assert set(found["value"]) == {"price"} and set(found["other_value"]) == {"null"}
    assert "C60" in set(found["customer_id"]), "it closes on the sixtieth day, at the instant itself"
    assert "C57" not in set(found["customer_id"]), "it closed before"


def test_a_status_is_as_it_was_before_its_time(audited: Audited) -> None:
    found = audited.cut(tickets=PLAIN.replace("*", "status AS priority, *")).differences
    assert set(found["feature"]) == {"tickets.priority"}
    assert set(zip(found["value"], found["other_value"], strict=True)) == {("solved", "open")}


@pytest.mark.parametrize("size", ["size", "(closed_on = '')::INT"])
def test_an_empty_text_says_that_there_is_no_time(audited: Audited, tmp_path: Path, size: str) -> None:
    text = "CASE WHEN closed_at < '2024-03-01' THEN strftime(closed_at AT TIME ZONE 'UTC', '%Y-%m-%d') ELSE '' END"
    people = f"SELECT customer_id, size, {text} AS closed_on FROM '{audited.raw}/customers.parquet'"
    audited.engine.run(f"COPY ({people}) TO '{tmp_path}/customers.parquet' (FORMAT parquet)")
    written = Audited(audited.engine, audited.raw, customers=tmp_path / "customers.parquet")
    select = (
        f"SELECT customer_id, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS signed_up_at, {size} AS size FROM customers_raw"
    )
    assert written.named(("size",), customers=select) == set()


def test_a_select_may_filter_and_mask_by_such_a_status(audited: Audited) -> None:
    masked = PLAIN.replace(
        "*", "CASE WHEN status = 'solved' THEN resolved_at END AS resolved_at, * EXCLUDE (resolved_at)", 1
    )
    masked = masked.replace("(resolved_at) EXCLUDE (loaded_at)", "(resolved_at, loaded_at)")
    assert audited.named(tickets=f"{masked} WHERE status IN ('open', 'solved')") == set()


def test_an_answer_dated_before_it_was_given_is_named(audited: Audited) -> None:
    assert audited.named(tickets=PLAIN.replace("*", "opened_at AS csat_at, *")) == {"tickets.csat"}


def test_a_time_computed_from_one_to_come_is_named(audited: Audited) -> None:
    early = "SELECT * REPLACE (ended_at - INTERVAL 20 DAY AS ended_at) FROM subscriptions_raw"
    assert audited.named(subscriptions=early) == {"subscriptions.ended_at"}
    asked = "SELECT *, ended_at - INTERVAL 20 DAY AS cancel_requested_at FROM subscriptions_raw"
    assert audited.named(subscriptions=asked) == {"subscriptions.cancel_requested_at"}


def test_a_plan_under_a_name_of_its_own_is_known_before_its_time(audited: Audited) -> None:
    trial = "SELECT *, trial_over AS trial_ends_at FROM subscriptions_raw"
    assert audited.named(subscriptions=trial) == set()


def test_a_plan_taken_from_what_happens_later_is_named(audited: Audited) -> None:
    trial = "SELECT *, least(trial_over, ended_at) AS trial_ends_at FROM subscriptions_raw"
    assert audited.named(subscriptions=trial) == {"subscriptions.trial_ends_at"}


def test_a_plan_that_an_attribute_is_made_of_is_stated(audited: Audited) -> None:
    months = "SELECT c.*, date_diff('day', s.started_at, s.trial_over) AS agreed FROM customers_raw c "
    months += "JOIN subscriptions_raw s USING (customer_id)"
    assert audited.named(("agreed",), customers=months) == {"customers.agreed"}
    assert audited.cut(("agreed",), plans=("trial_over",), customers=months).differences.empty
    with pytest.raises(DataRefused, match=r"no column of times trail_over.* did you mean 'trial_over'"):
        audited.cut(plans=("trail_over",))


@pytest.mark.parametrize(("ahead", "named"), [(240, set()), (30, {"subscriptions.plan"})])
def test_nothing_arrives_with_times_that_lie_ahead_of_all_data(
    audited: Audited, tmp_path: Path, ahead: int, named: set[str]
) -> None:
    yearly = "CASE WHEN row_number() OVER () % 2 = 0 THEN 'yearly' ELSE 'monthly' END"
    contracts = f"SELECT * EXCLUDE (trial_over) REPLACE ({yearly} AS plan) FROM '{audited.raw}/subscriptions.parquet'"
    renews = f"CASE WHEN plan = 'yearly' THEN TIMESTAMPTZ '2024-03-01 00:00:00+00' + to_days({ahead}) END AS renews_at"
    path = tmp_path / "subscriptions.parquet"
    audited.engine.run(f"COPY (SELECT *, {renews} FROM ({contracts})) TO '{path}' (FORMAT parquet)")
    assert Audited(audited.engine, audited.raw, subscriptions=path).named() == named


def test_facts_that_were_loaded_days_later_are_named_unless_that_is_mapped(audited: Audited) -> None:
    found = audited.cut(tickets=UNMAPPED).differences
    assert set(found["feature"]) == {"tickets.(row)"}
    assert list(found["customer_id"]) == ["C49 (T49)", "C59 (T59)"], "whose ticket, and which"


@pytest.mark.parametrize("name", ["received_at", "created_on", "collector_tstamp", "_fivetran_synced", "etl_tstamp"])
@pytest.mark.parametrize(
    ("select", "named"),
    [
        ("*", {"tickets.(row)"}),
        ("* EXCLUDE ({name})", {"tickets.(row)"}),
        ("* EXCLUDE ({name}), {name} AS csat_at", set()),
    ],
)
def test_a_time_that_nobody_reads_tells_when_rows_arrived_by_its_name(
    audited: Audited, tmp_path: Path, name: str, select: str, named: set[str]
) -> None:
    renamed = f"SELECT * EXCLUDE (loaded_at, csat), loaded_at AS {name} FROM '{audited.raw}/tickets.parquet'"
    audited.engine.run(f"COPY ({renamed}) TO '{tmp_path}/tickets.parquet' (FORMAT parquet)")
    moved = Audited(audited.engine, audited.raw, tickets=tmp_path / "tickets.parquet")
    assert moved.named(tickets=f"SELECT {select.format(name=name)} FROM tickets_raw") == named


def test_the_time_of_an_export_says_nothing_of_when_facts_were_known(audited: Audited, tmp_path: Path) -> None:
    export = "* REPLACE (TIMESTAMPTZ '2024-07-01 00:00:00+00' AS loaded_at)"
    whole = audited.raw / "tickets.parquet"
    audited.engine.run(f"COPY (SELECT {export} FROM '{whole}') TO '{tmp_path}/tickets.parquet' (FORMAT parquet)")
    moved = Audited(audited.engine, audited.raw, tickets=tmp_path / "tickets.parquet")
    assert moved.named(tickets=UNMAPPED) == set()


def test_hours_count_where_every_time_names_its_instant(audited: Audited) -> None:
    earlier = PLAIN.replace("(loaded_at)", "(loaded_at) REPLACE (opened_at - INTERVAL 9 HOUR AS opened_at)")
    found = audited.cut(tickets=earlier.replace("loaded_at AS", "opened_at - INTERVAL 9 HOUR AS")).differences
    assert set(found["feature"]) == {"tickets.(row)"}
    assert "C60 (T60)" in set(found["customer_id"]), "it is opened at eight on the morning of the cut"


LOCAL = "SELECT * EXCLUDE (loaded_at) REPLACE ({zone} AS opened_at) FROM tickets_raw"


@pytest.mark.parametrize(
    ("zone", "named"),
    [
        ("timezone('UTC', opened_at)", {"C49 (T49)", "C59 (T59)"}),  # loaded late, as ever
        ("timezone('Pacific/Honolulu', opened_at)", {"C49 (T49)", "C59 (T59)", "C60 (T60)"}),
    ],
)
def test_local_times_are_read_as_the_sources_zone_reads_them(audited: Audited, zone: str, named: set[str]) -> None:
    found = audited.cut(tickets=LOCAL.format(zone=zone)).differences
    assert set(found["customer_id"]) == named


def test_hours_may_be_those_of_a_time_zone_where_times_name_none(audited: Audited, tmp_path: Path) -> None:
    whole = audited.raw / "tickets.parquet"
    naive = "* REPLACE (timezone('Asia/Tokyo', opened_at) AS opened_at)"
    audited.engine.run(f"COPY (SELECT {naive} FROM '{whole}') TO '{tmp_path}/tickets.parquet' (FORMAT parquet)")
    moved = Audited(audited.engine, audited.raw, tickets=tmp_path / "tickets.parquet")
    found = moved.cut(tickets=LOCAL.format(zone="opened_at - INTERVAL 9 HOUR")).differences
    assert set(found["customer_id"]) == {"C49 (T49)"}, "loaded late by more than any zone counts"


EVENTS = "SELECT ticket_id AS event_id, customer_id, opened_at AS occurred_at, status AS event_type FROM tickets_raw t"
LATEST = "QUALIFY row_number() OVER (ORDER BY opened_at DESC) <= 80"


@pytest.mark.parametrize("columns", [EVENTS, EVENTS.replace("ticket_id AS event_id, ", "")])
@pytest.mark.parametrize("left_out", [LATEST, "ORDER BY opened_at DESC LIMIT 80"])
def test_events_left_out_for_what_came_later_are_named(audited: Audited, columns: str, left_out: str) -> None:
    events = columns.replace("status", "'ticket'")
    found = audited.cut(events=f"{events} {left_out}").differences
    assert set(found["feature"]) >= {"events.(row)"}
    assert "left out" in set(found["value"])


def test_customers_who_are_there_for_what_they_do_later_are_named(audited: Audited) -> None:
    rated = (
        "SELECT * FROM customers_raw WHERE customer_id IN (SELECT customer_id FROM tickets_raw WHERE opened_at {when})"
    )
    bought = "SELECT * EXCLUDE (trial_over) REPLACE ({since} AS started_at) FROM subscriptions_raw"
    later = rated.format(when="> '2024-03-01'")
    found = audited.cut(customers=later).differences
    assert set(found["feature"]) == {"customers.(row)"} and set(found["value"]) == {"there"}
    assert audited.named(customers=rated.format(when="< '2024-02-01'")) == set()
    nobody = bought.format(since="started_at + INTERVAL 90 DAY")
    assert audited.named(customers=later, subscriptions=nobody) == set(), "with whom there was nothing to do by then"


def test_an_id_may_be_a_number_in_one_table_and_a_text_in_another(audited: Audited) -> None:
    numbers = (
        "SELECT * EXCLUDE (trial_over) REPLACE (substr(customer_id, 2)::INT AS customer_id) FROM subscriptions_raw"
    )
    texts = "SELECT * REPLACE (substr(customer_id, 2) AS customer_id) FROM {}_raw"
    tickets = f"SELECT * EXCLUDE (loaded_at), loaded_at AS known_at FROM ({texts.format('tickets')})"
    assert audited.named(subscriptions=numbers, customers=texts.format("customers"), tickets=tickets) == set()


def test_repeated_events_are_nobodys_loss(audited: Audited) -> None:
    again = EVENTS.replace("status", "'ticket'")
    assert "events.(row)" not in audited.named(events=f"{again} UNION ALL {again}")


def test_facts_that_begin_after_the_first_date_are_cut_at_a_later_one(audited: Audited) -> None:
    late = PLAIN.replace("*", "CASE WHEN opened_at > '2024-03-05' THEN resolved_at::VARCHAR END AS priority, *", 1)
    assert audited.named(tickets=late) == set()
    assert audited.named(dates=(CUT, date(2024, 3, 20)), tickets=late) == {"tickets.priority"}


@pytest.mark.parametrize(("told", "named"), [("told", set()), ("started_at - INTERVAL 30 DAY", {"incidents.(row)"})])
def test_an_incident_is_announced_once_that_is_on_record(
    audited: Audited, tmp_path: Path, told: str, named: set[str]
) -> None:
    columns = "*" if told == "told" else "* EXCLUDE (told)"
    changes = "SELECT 'I' || i AS incident_id, TIMESTAMPTZ '2024-03-01 00:00:00+00' + to_days(20 * i) AS started_at, "
    changes += "started_at - INTERVAL 30 DAY AS told, 'price_change' AS kind FROM range(-3, 4) t(i)"
    path = tmp_path / "incidents.parquet"
    audited.engine.run(f"COPY (SELECT {columns} FROM ({changes})) TO '{path}' (FORMAT parquet)")
    whole = Audited(audited.engine, audited.raw, incidents=path)
    assert whole.named(incidents=f"SELECT *, {told} AS announced_at FROM incidents_raw") == named


def test_instants_of_nanoseconds_are_cut_like_any_other(engine: Engine, audited: Audited, tmp_path: Path) -> None:
    for name in RAW:
        rows = pq.read_table(audited.raw / f"{name}.parquet")
        finer = [
            pa.field(f.name, pa.timestamp("ns", f.type.tz) if pa.types.is_timestamp(f.type) else f.type)
            for f in rows.schema
        ]
        pq.write_table(rows.cast(pa.schema(finer)), tmp_path / f"{name}.parquet")
    fine = Audited(engine, tmp_path)
    assert fine.named(("size",)) == set()
    looks_ahead = "SELECT customer_id, signed_up_at, count(closed_at) OVER () AS size FROM customers_raw"
    assert fine.named(("size",), customers=looks_ahead) == {"customers.size"}


def test_a_table_of_which_nothing_is_left_is_named(audited: Audited) -> None:
    late = "SELECT * REPLACE (customer_id AS customer_id) FROM customers_raw WHERE closed_at > '2024-04-01'"
    assert any("no row is left before" in note and "customers" in note for note in audited.cut(customers=late).notes)
    assert not any("no row is left" in note for note in audited.cut().notes)


@pytest.mark.parametrize(
    ("times", "share", "named"), [(DAYS, "1", set()), (DAYS, TOTAL, {"events.value"}), ({}, TOTAL, set())]
)
def test_days_since_a_beginning_are_cut_where_it_is_stated_what_day_they_are(
    engine: Engine, tmp_path: Path, times: dict[str, str], share: str, named: set[str]
) -> None:
    selects = {
        "courses": "SELECT 'A' AS course, DATE '2024-01-01' AS start",
        "clicks": "SELECT 'A' AS course, 'C' || i % 9 AS customer, i AS day FROM range(120) t(i)",
    }
    for name, select in selects.items():
        engine.run(f"COPY ({select}) TO '{tmp_path / name}.parquet' (FORMAT parquet)")
    source = make_source(
        inputs={
            "courses": InputSettings(path=str(tmp_path / "courses.parquet")),
            "clicks": InputSettings(path=str(tmp_path / "clicks.parquet"), times=times),
        },
        tables={
            "customers": "SELECT DISTINCT customer AS customer_id, start AS signed_up_at FROM clicks "
            "JOIN courses USING (course)",
            "events": "SELECT customer AS customer_id, start + day::INT AS occurred_at, 'click' AS event_type, "
            f"{share} AS value FROM clicks JOIN courses USING (course)",
        },
    )
    cut = cut_source(engine, source, [CUT])
    assert set(cut.differences["feature"]) == named
    assert any("clicks" in note for note in cut.notes) == (not times), "an input that cannot be cut is named"
