"""The audit on the simulated company: it passes as the company is, and every planted leak is caught and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import get_args

import ibis
import ibis.expr.types as ir
import mlflow
import pandas as pd
import pytest

from churn.auditing.alarms import raise_alarms
from churn.auditing.rebuilds import SETTINGS, Rebuilds, rebuild, sample_customers
from churn.auditing.source_cuts import cut_source
from churn.core.contract import DELAY
from churn.core.problem import FamilyName
from churn.core.settings import ChurnSettings
from churn.core.source import AttributeSettings, SourceSettings
from churn.features import engagement, family, matrix, peers, profile, subscription, support, window_sums
from churn.features.family import FamilyTable, FeatureInputs
from churn.integrations import datasets
from churn.integrations.audit_verdicts import find_audit
from churn.integrations.engine import Engine
from churn.integrations.engines import open_engine
from churn.integrations.layers import dataset_key, open_tables, read_staged
from churn.integrations.mlflow_store import connect
from churn.snapshots import cohort
from pipelines.estimators import build_candidate
from tests.builders import ENGINE
from tests.pipelines.demo import IGNORED, Demo

pytestmark = [pytest.mark.filterwarnings(message) for message in IGNORED]
Tables = Mapping[str, ir.Table]
SAMPLE = 200


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine(ENGINE) as opened:
        yield opened


@pytest.fixture(scope="module")
def settings(demo: Demo) -> ChurnSettings:
    return demo.settings("audit", ["audit.dates=1", f"audit.customers={SAMPLE}", "windows.max_dates=4"])


@pytest.fixture(scope="module")
def longer(demo: Demo) -> ChurnSettings:
    return demo.settings("audit", ["audit.dates=2", "windows.max_dates=6", "audit.customers=600"])


@pytest.fixture(scope="module")
def tables(engine: Engine, settings: ChurnSettings) -> dict[str, ir.Table]:
    """A sample of the company with dirt it may lack: late facts, versions of customers, facts at midnight."""
    staged = sample_customers(open_tables(engine, read_staged(settings)), settings.audit)
    day = ibis.interval(days=1)
    for name in ("events", "tickets", "payments", "messages", "responses"):
        late = staged[name].customer_id.right(1).isin(("1", "2"))
        staged[name] = staged[name].mutate(**{DELAY: ibis.ifelse(late, 5 * 86_400_000_000, 0).cast("int64")}).cache()
    staged["obligations"] = invoices_of(staged["payments"]).cache()
    people = staged["customers"].mutate(valid_from=ibis.null("timestamp(6)"))
    moved = people.mutate(valid_from=people.signed_up_at + 200 * day, seats=people.seats + 1)
    staged["customers"] = people.union(moved).cache()
    return staged


def invoices_of(payments: ir.Table) -> ir.Table:
    """Return an obligation for every payment: known a week before it, due three days after, met by what succeeds."""
    day = ibis.interval(days=1)
    met_at = ibis.ifelse(payments.status == "succeeded", payments.attempted_at, ibis.null("timestamp(6)"))
    return payments.select(
        DELAY, "customer_id", obligation_id="payment_id", opened_at=payments.attempted_at - 7 * day,
        due_at=payments.attempted_at + 3 * day, met_at=met_at, weight=payments.amount, score=payments.amount,
    )  # fmt: skip


def audited(tables: Tables, settings: ChurnSettings, *families: str) -> Rebuilds:
    features = settings.features.model_copy(update={"families": list(families), "windows_days": [7, 30]})
    return rebuild(tables, settings.model_copy(update={"features": features}))


def with_segments(settings: ChurnSettings) -> ChurnSettings:
    """Return the settings of a company that compares its customers within their country."""
    attributes = {**settings.source.attributes, "country": AttributeSettings(role="segment")}
    return settings.model_copy(update={"source": settings.source.model_copy(update={"attributes": attributes})})


def named(rebuilds: Rebuilds) -> set[str]:
    return set(rebuilds.differences["feature"])


def test_the_company_with_its_dirt_passes(tables: Tables, settings: ChurnSettings) -> None:
    found = audited(tables, with_segments(settings), *get_args(FamilyName))
    assert {feature.family for feature in found.normal.catalog.features} == set(get_args(FamilyName))
    assert len(found.differences) == 0, found.differences.head(20).to_string()
    assert found.compared > 10_000


class TestPlantedLeaks:
    """Each test breaks the code in one place, as a hurried person would."""

    @pytest.fixture(autouse=True)
    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch.setattr

    def test_a_ticket_resolved_tomorrow_counts_as_resolved(self, tables: Tables, settings: ChurnSettings) -> None:
        def unmasked(inputs: FeatureInputs, table: str, times, still_open=None) -> ir.Table:
            return facts_as_of(inputs, table, times[:1])

        facts_as_of = family.facts_as_of
        self.patch(support, "facts_as_of", unmasked)
        assert {"sup_open_count", "sup_resolution_hours_mean_30d"} & named(audited(tables, settings, "support"))

    def test_known_at_is_ignored(self, tables: Tables, settings: ChurnSettings) -> None:
        self.patch(window_sums, "first_visible_date", lambda at, _delay: at.date() + ibis.interval(days=1))
        found = audited(tables, settings, "engagement")
        assert {"eng_events_count_30d", "eng_active_days_count_30d"} <= named(found)
        row = found.differences.iloc[0]
        assert row["customer_id"] and row["value"] != row["other_value"]

    def test_a_fact_exactly_at_midnight_is_let_in(self, tables: Tables, settings: ChurnSettings) -> None:
        def inclusive(at, delay):
            return (at + delay.as_interval("us") - ibis.interval(microseconds=1)).date() + ibis.interval(days=1)

        self.patch(family, "first_visible_date", inclusive)
        assert "pay_failed_count_7d" in named(audited(tables, settings, "payments"))

    def test_an_average_over_the_whole_table(self, tables: Tables, settings: ChurnSettings) -> None:
        def against_everybody(inputs: FeatureInputs) -> FamilyTable:
            built = engagement.build_engagement(inputs)
            events = inputs.staged["events"]
            mean = events.group_by("customer_id").agg(events=events.count()).events.mean().as_scalar()
            name = "eng_events_count_30d"
            return replace(built, table=built.table.mutate(**{name: built.table[name] / mean}))

        self.patch(matrix, "FAMILIES", {**matrix.FAMILIES, "engagement": matrix.Family(("events",), against_everybody)})
        assert named(audited(tables, settings, "engagement")) == {"eng_events_count_30d"}

    def test_values_standardised_over_all_dates(self, tables: Tables, settings: ChurnSettings) -> None:
        def standardised(inputs: FeatureInputs) -> FamilyTable:
            built = engagement.build_engagement(inputs)
            name = "eng_events_count_7d"
            return replace(
                built, table=built.table.mutate(**{name: built.table[name] - built.table[name].mean().over()})
            )

        self.patch(matrix, "FAMILIES", {**matrix.FAMILIES, "engagement": matrix.Family(("events",), standardised)})
        assert named(audited(tables, settings, "engagement")) == {"eng_events_count_7d"}

    def test_ranks_over_all_dates(self, tables: Tables, settings: ChurnSettings) -> None:
        def over_all(rows: ir.Table, column: str, _segments) -> ir.Value:
            return (ibis.percent_rank().over(ibis.window(order_by=rows[column])) * 100.0).cast("float64")

        self.patch(peers, "_rank", over_all)
        assert "peer_events_rank_30d" in named(audited(tables, settings, "engagement", "peers"))

    def test_event_types_found_in_all_the_events(self, tables: Tables, settings: ChurnSettings) -> None:
        def all_time(inputs: FeatureInputs):
            found = inputs.staged["events"].select("event_type").distinct().to_pyarrow()["event_type"].to_pylist()
            return inputs.settings.model_copy(update={"event_types": sorted(found), "value_types": []})

        self.patch(datasets, "complete_settings", all_time)
        found = audited(tables, settings, "engagement")
        assert {SETTINGS, "eng_invented_type_count_7d"} <= named(found)

    def test_the_newest_version_of_a_customer(self, tables: Tables, settings: ChurnSettings) -> None:
        def newest(customers: ir.Table, snapshots: ir.Table) -> ir.Table:
            window = ibis.window(group_by="customer_id", order_by=customers.valid_from.desc(nulls_first=False))
            last = customers.mutate(version=ibis.row_number().over(window)).filter(ibis._.version == 0)
            return snapshots.left_join(last, "customer_id").drop("customer_id_right")

        self.patch(profile, "customers_as_of", newest)
        assert {"prof_seats_last", "prof_country_last"} <= named(audited(tables, settings, "profile"))

    def test_an_end_in_the_future_closes_a_subscription(self, tables: Tables, settings: ChurnSettings) -> None:
        def with_ends(inputs: FeatureInputs) -> ir.Table:
            rows = terms(inputs)
            return rows.mutate(is_running=rows.ended_at.isnull())

        terms = subscription.terms_as_of
        self.patch(subscription, "terms_as_of", with_ends)
        assert "sub_tenure_days" in named(audited(tables, settings, "subscription"))

    def test_a_cohort_that_leaves_out_who_will_cancel(self, tables: Tables, settings: ChurnSettings) -> None:
        def survivors(subscriptions: ir.Table, grid: ir.Table) -> ir.Table:
            return running(subscriptions.filter(subscriptions.cancel_requested_at.isnull()), grid)

        running = cohort.running_subscriptions
        self.patch(cohort, "running_subscriptions", survivors)
        assert "(cohort)" in named(audited(tables, settings, "profile"))


class TestLeaksInTheSource:
    """SELECTs as a data scientist might write them; staged facts alone would never show it."""

    def cut(self, engine: Engine, settings: ChurnSettings, select: str, **attributes: str) -> set[str]:
        changed: SourceSettings = settings.source.model_copy(
            update={
                "tables": {**settings.source.tables, "customers": select},
                "attributes": {**settings.source.attributes, **attributes},
            }
        )
        found = cut_source(engine, changed, [pd.Timestamp("2024-01-15").date()])
        self.notes = found.notes
        return set(found.differences["feature"])

    def test_the_demos_own_selects_pass(self, engine: Engine, settings: ChurnSettings) -> None:
        assert self.cut(engine, settings, settings.source.tables["customers"]) == set()

    @pytest.mark.parametrize(
        ("select", "attribute"),
        [
            (
                "SELECT c.*, (SELECT count(*) FROM events_raw e WHERE e.customer_id = c.customer_id) AS total "
                "FROM customers_raw c",
                "total",
            ),
            (
                "SELECT c.*, s.ended FROM customers_raw c LEFT JOIN (SELECT customer_id, max(ended_at) AS ended "
                "FROM subscriptions_raw GROUP BY customer_id) s USING (customer_id)",
                "ended",
            ),
            (
                "SELECT c.*, CASE WHEN e.last < DATE '2024-05-01' THEN 'asleep' ELSE 'awake' END AS state FROM "
                "customers_raw c LEFT JOIN (SELECT customer_id, max(occurred_at) AS last FROM events_raw GROUP BY 1) e "
                "USING (customer_id)",
                "state",
            ),
        ],
    )
    def test_an_attribute_computed_from_all_of_history_is_named(
        self, engine: Engine, settings: ChurnSettings, select: str, attribute: str
    ) -> None:
        assert self.cut(engine, settings, select, **{attribute: "category"}) == {f"customers.{attribute}"}

    def test_customers_left_out_for_what_they_do_later_are_named(self, engine: Engine, settings: ChurnSettings) -> None:
        select = (
            "SELECT * FROM customers_raw WHERE customer_id IN "
            "(SELECT customer_id FROM subscriptions_raw GROUP BY 1 HAVING count(*) = count(ended_at) + 1)"
        )
        assert "customers.(row)" in self.cut(engine, settings, select)

    @pytest.mark.parametrize("columns", ["*", "* EXCLUDE (event_id)"])
    @pytest.mark.parametrize(
        ("change", "feature"),
        [
            ("value / avg(value) OVER () AS value", "events.value"),
            (
                "occurred_at - INTERVAL 7 DAY AS occurred_at, known_at - INTERVAL 7 DAY AS known_at",
                "events.(row)",
            ),
        ],
    )
    def test_events_that_take_from_later_ones_are_named_with_a_key_or_without(
        self, engine: Engine, settings: ChurnSettings, columns: str, change: str, feature: str
    ) -> None:
        events = f"SELECT {columns} FROM (SELECT * REPLACE ({change}) FROM events_raw)"
        source = settings.source.model_copy(update={"tables": {**settings.source.tables, "events": events}})
        changed = settings.model_copy(update={"source": source})
        assert self.cut(engine, changed, settings.source.tables["customers"]) == {feature}

    def test_events_without_a_key_pass_where_they_take_from_none(self, engine: Engine, settings: ChurnSettings) -> None:
        events = "SELECT * EXCLUDE (event_id) FROM events_raw"
        source = settings.source.model_copy(update={"tables": {**settings.source.tables, "events": events}})
        changed = settings.model_copy(update={"source": source})
        assert self.cut(engine, changed, settings.source.tables["customers"]) == set()

    def test_rows_that_were_overwritten_later_are_noted(self, engine: Engine, settings: ChurnSettings) -> None:
        inputs = {**settings.source.inputs}
        staged = settings.source.model_copy(update={"inputs": inputs})
        path = engine.scratch / "overwritten.parquet"
        engine.run(
            f"COPY (SELECT *, TIMESTAMPTZ '2024-06-01 00:00:00+00' AS last_updated FROM "
            f"read_parquet('{inputs['customers_raw'].path}')) TO '{path}' (FORMAT parquet)"
        )
        inputs["customers_raw"] = inputs["customers_raw"].model_copy(update={"path": str(path)})
        changed = settings.model_copy(update={"source": staged.model_copy(update={"inputs": inputs})})
        self.cut(engine, changed, "SELECT * FROM customers_raw")
        assert "customers_raw.last_updated: 100% of the rows were written after 2024-01-15" in self.notes[0]


class TestAlarms:
    """Columns that were written by the export itself: only what they know gives them away."""

    def suspects(
        self, engine: Engine, settings: ChurnSettings, change: Callable[[dict[str, ir.Table]], ir.Table]
    ) -> dict[str, str]:
        whole = sample_customers(open_tables(engine, read_staged(settings)), settings.audit)
        tables = {**whole, "customers": change(whole)}
        features = settings.features.model_copy(update={"families": ["engagement", "profile"], "windows_days": [30]})
        changed = settings.model_copy(
            update={
                "features": features,
                "source": settings.source.model_copy(
                    update={"attributes": {**settings.source.attributes, "leak": "number", "status": "category"}}
                ),
            }
        )
        rebuilds = rebuild(tables, changed)
        assert len(rebuilds.differences) == 0, "no rebuild can show such a leak"
        alarms = raise_alarms(tables, rebuilds, changed, build_candidate(changed.audit.model))
        return {suspect.feature: suspect.knows for suspect in alarms.suspects}

    def test_an_honest_company_raises_none(self, engine: Engine, longer: ChurnSettings) -> None:
        assert self.suspects(engine, longer, lambda t: t["customers"]) == {}

    def test_a_total_over_the_whole_history(self, engine: Engine, longer: ChurnSettings) -> None:
        def lifetime(t: dict[str, ir.Table]) -> ir.Table:
            total = t["events"].group_by("customer_id").agg(leak=t["events"].count().cast("float64"))
            return t["customers"].left_join(total, "customer_id").drop("customer_id_right")

        assert self.suspects(engine, longer, lifetime) == {"prof_leak_last": "facts yet to come"}

    def test_a_status_that_says_who_left_in_the_end(self, engine: Engine, longer: ChurnSettings) -> None:
        def status(t: dict[str, ir.Table]) -> ir.Table:
            subs = t["subscriptions"]
            ended = subs.group_by("customer_id").agg(is_gone=subs.ended_at.notnull().all())
            rows = t["customers"].left_join(ended, "customer_id").drop("customer_id_right")
            return rows.mutate(status=ibis.ifelse(rows.is_gone, "closed", "open")).drop("is_gone")

        assert self.suspects(engine, longer, status) == {"prof_status_last": "leaving at any time later"}


class TestStage:
    def test_a_data_set_that_passes_may_be_promoted(self, own_demo: Demo) -> None:
        done = own_demo.ok("audit", "--as-of", "2024-03-01", "audit.customers=150", "features.windows_days=[30]")
        assert "audit: passed:" in done.out
        settings = own_demo.settings("audit", ["features.windows_days=[30]"])
        key = dataset_key(settings, read_staged(settings))
        assert find_audit(settings, key) == "passed"
        assert find_audit(settings, "another") is None

    def test_a_leak_ends_with_code_1_names_it_and_is_remembered(
        self, own_demo: Demo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(window_sums, "first_visible_date", lambda at, _delay: at.date() + ibis.interval(days=1))
        words = ("features.families=[engagement]", "features.windows_days=[30]")
        done = own_demo.run("audit", "--as-of", "2024-03-01", "audit.customers=150", "audit.source=false", *words)
        assert done.code == 1
        assert "eng_events_count_30d:" in done.err and "values differ with another future" in done.err
        settings = own_demo.settings("audit", words)
        key = dataset_key(settings, read_staged(settings))
        assert find_audit(settings, key) == "failed"
        client, experiment = connect(settings)
        run = client.search_runs([experiment], "tags.stage = 'audit'")[0]
        assert (run.info.status, run.data.tags["failure.code"]) == ("FAILED", "look_ahead")
        content = json.loads(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/audit.json"))
        (table,) = own_demo.runs.glob("audit/*/differences.csv")
        named = pd.read_csv(table, dtype=str)
        assert set(named["feature"]) >= {"eng_events_count_30d"}
        assert named.loc[0, "customer_id"] not in json.dumps(content)
        assert named.loc[0, "customer_id"] not in run.data.tags["failure.message"]
