"""What no feature may do, whatever the company: look ahead, mind the order of rows, or depend on other dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.core.contract import DELAY
from churn.features.losses import build_losses
from churn.features.matrix import build_features
from churn.snapshots.beginnings import find_beginnings
from tests.builders import make_inputs, make_source
from tests.invariants.facts import (
    CATEGORIES,
    CUSTOMERS,
    DATES,
    EVENT_TYPES,
    KEYS,
    LATER_TIMES,
    MAIN_TIME,
    OBSERVATION_DAYS,
    WINDOWS_DAYS,
    Facts,
    Machine,
    Row,
    as_known,
    companies,
    companies_of_terms,
    differences,
    fill,
    incident_as_known,
    is_visible,
    midnight,
    shifted,
)

FAMILIES = (
    "engagement", "rhythm", "seats", "support", "messages", "feedback", "quality", "obligations", "subscription",
    "journey", "payments", "profile", "texts",
)  # fmt: skip
CALENDAR = (
    "sub_to_renewal_days",
    "sub_renewals_count",
    "rhy_weekend_ratio_30d",
)  # months and weeks have their own ways
SHIFT = timedelta(days=367)  # over a leap day, onto other days of the week
SINGLE = DATES[1:3]
HERE = ("A", "B")  # the cohort of losses; who left is not in it
DAYS = st.sampled_from(SINGLE)
EXAMPLES = 15
BEGUN = {"events": "2024-02-22", **dict.fromkeys(("tickets", "messages", "responses", "payments"), "2024-03-01")}
TABLES = {
    "eng": "events", "rhy": "events", "seat": "events", "sup": "tickets", "msg": "messages", "fb": "responses",
    "pay": "payments",
}  # fmt: skip
RECORDED = ("engagement", "rhythm", "seats", "support", "messages", "feedback", "payments")


def features(staged, dates: Sequence[date] = DATES, families: Sequence[str] = FAMILIES, **options):
    inputs = make_inputs(
        staged,
        families,
        *map(str, dates),
        customers=CUSTOMERS,
        windows_days=WINDOWS_DAYS,
        event_types=EVENT_TYPES,
        value_types=EVENT_TYPES,
        ticket_categories=CATEGORIES,
        observation_days=OBSERVATION_DAYS,
        source=make_source(attributes={"country": "category", "seats": "number"}, seats="seats"),
        **options,
    )
    return build_features(inputs).table


@pytest.fixture(scope="module")
def among(engine) -> Machine:
    """All dates together."""
    return Machine(engine, features)


@pytest.fixture(scope="module")
def alone(engine) -> dict[date, Machine]:
    """Some dates, each on its own."""
    return {day: Machine(engine, lambda staged, d=day: features(staged, [d])) for day in SINGLE}


@pytest.fixture(scope="module")
def later(engine) -> Machine:
    """All dates together, some days later."""
    return Machine(engine, lambda staged: features(staged, [day + SHIFT for day in DATES]))


@pytest.fixture(scope="module")
def recorded(engine) -> Machine:
    """All dates together, of tables that begin on some day."""
    return Machine(engine, lambda staged: features(staged, families=RECORDED, beginnings=BEGUN))


def same(left: dict[tuple[str, date], Row], right: dict[tuple[str, date], Row]) -> None:
    assert set(left) == set(right)
    for key, row in left.items():
        assert differences(row, right[key]) == {}, key


def on(rows: dict[tuple[str, date], Row], day: date) -> dict[tuple[str, date], Row]:
    return {key: row for key, row in rows.items() if key[1] == day}


@given(facts=companies(), day=DAYS)
@settings(max_examples=EXAMPLES)
def test_one_date_built_alone_equals_the_same_date_built_among_many(among, alone, facts: Facts, day: date):
    same(alone[day](facts), on(among(facts), day))


@given(facts=companies(), day=DAYS)
@settings(max_examples=EXAMPLES)
def test_deleting_all_that_was_not_visible_on_a_date_changes_no_feature(among, alone, facts: Facts, day: date):
    same(alone[day](as_known(facts, day)), on(among(facts), day))


@given(facts=companies(), future=companies(), day=DAYS)
@settings(max_examples=EXAMPLES)
def test_inventing_a_future_changes_no_feature(among, alone, facts: Facts, future: Facts, day: date):
    same(alone[day](with_future(facts, future, day)), on(among(facts), day))


def with_future(facts: Facts, future: Facts, day: date) -> Facts:
    """Return the facts with others that no one could see on the date, and with other outcomes of those one could."""
    out: Facts = {"customers": facts["customers"] + versions_to_come(future, day)}
    for table, main in MAIN_TIME.items():
        key = KEYS.get(table)
        unseen = [dict(row) for row in future[table] if not is_visible(row[main], row[DELAY], day)]
        renamed = [row | ({key: f"future-{row[key]}"} if key else {}) for row in unseen]
        donors = future[table]
        pairs = [(row, donors[at % len(donors)] if donors else row) for at, row in enumerate(facts[table])]
        out[table] = [other_outcome(row, table, donor, day) for row, donor in pairs] + renamed
    to_come = [row for row in future["incidents"] if incident_as_known(row, day) is None]
    out["incidents"] = facts["incidents"] + [row | {"incident_id": f"future-{row['incident_id']}"} for row in to_come]
    return out


def versions_to_come(future: Facts, day: date) -> list[Row]:
    return [c for c in future["customers"] if c["valid_from"] is not None and c["valid_from"] >= midnight(day)]


def other_outcome(row: Row, table: str, donor: Row, day: date) -> Row:
    """Return the fact with what was not visible of it replaced by what is not visible of another."""
    out = dict(row)
    for name, companions in LATER_TIMES[table].items():
        hidden = not is_visible(row[name], row[DELAY], day) and not is_visible(donor[name], row[DELAY], day)
        if hidden:
            out |= {c: donor[c] for c in (name, *companions)}
    return out


@given(facts=companies(), data=st.data())
@settings(max_examples=EXAMPLES)
def test_the_order_of_rows_never_matters(among, facts: Facts, data: st.DataObject):
    shuffled = {table: data.draw(st.permutations(rows)) for table, rows in facts.items()}
    same(among(facts), among(shuffled))


@given(facts=companies())
@settings(max_examples=EXAMPLES)
def test_shifting_all_times_by_some_days_changes_nothing(among, later, facts: Facts):
    before, after = among(facts), later(shifted(facts, SHIFT))
    assert set(after) == {(customer, day + SHIFT) for customer, day in before}
    for (customer, day), row in before.items():
        kept = {name: value for name, value in row.items() if name not in ("as_of_date", *CALENDAR)}
        assert differences(after[customer, day + SHIFT], kept) == {}, (customer, day)


@given(facts=companies())
@settings(max_examples=EXAMPLES)
def test_another_customers_facts_change_nothing(among, facts: Facts):
    whole = among(facts)
    only = among({table: [row for row in rows if row.get("customer_id", "A") == "A"] for table, rows in facts.items()})
    for day in DATES:
        assert differences(only["A", day], whole["A", day]) == {}


def days_read(name: str) -> int | None:
    """Return how many days back a window begins, as its name has it: of a change, the window before as well."""
    stem, _, length = name.rpartition("_")
    if not (length.endswith("d") and length[:-1].isdigit()):
        return None
    if stem == "eng_active_days_pace_trend":
        return max(WINDOWS_DAYS)
    if stem == "seat_active_ratio":
        return OBSERVATION_DAYS
    return int(length[:-1]) * (2 if stem.endswith(("_trend", "_prior")) else 1)


@given(facts=companies())
@settings(max_examples=EXAMPLES)
def test_a_window_that_begins_before_its_table_is_unknown_and_no_other_value_changes(among, recorded, facts: Facts):
    whole = among(facts)
    for (customer, day), row in recorded(facts).items():
        for name, value in row.items():
            reads, table = days_read(name), TABLES.get(name.partition("_")[0])
            is_cut = reads is not None and day - timedelta(days=reads) < date.fromisoformat(BEGUN[str(table)])
            assert value == (None if is_cut else whole[customer, day][name]), (customer, day, name)


@given(facts=companies(), future=companies(), day=DAYS)
@settings(max_examples=EXAMPLES)
def test_where_a_table_begins_is_what_was_known_on_the_date(engine, facts: Facts, future: Facts, day: date):
    def begun(of: Facts, dates: Sequence[date]) -> dict[str, date | None]:
        fill(engine, of)
        tables = {table: engine.backend.table(table) for table in ("customers", *MAIN_TIME)}
        return {table: found.get(day) for table, found in find_beginnings(tables, make_source(), dates).items()}

    normal = begun(facts, DATES)
    assert begun(as_known(facts, day), [day]) == normal
    assert begun(with_future(facts, future, day), [day]) == normal


class TestPeers:
    """Ranks are relative to the other customers; all else holds for them as well. They, and prices against use, are
    built from other families, anew each time.
    """

    def ranks(self, engine, facts: Facts, dates: Sequence[date]) -> dict[tuple[str, date], Row]:
        fill(engine, facts)
        staged = {table: engine.backend.table(table) for table in ("customers", "events", "subscriptions")}
        rows = features(staged, dates, ["peers", "pricing"]).to_pyarrow().to_pylist()
        return {(row["customer_id"], row["as_of_date"]): row for row in rows}

    @given(facts=companies())
    @settings(max_examples=4)
    def test_derived_features_do_not_look_ahead_or_at_other_dates(self, engine, facts: Facts):
        together = self.ranks(engine, facts, DATES)
        for day in SINGLE:
            same(self.ranks(engine, as_known(facts, day), [day]), on(together, day))

    @given(facts=companies())
    @settings(max_examples=4)
    def test_ranks_lie_between_none_and_all_and_someone_is_lowest(self, engine, facts: Facts):
        ranks = self.ranks(engine, facts, DATES)
        for name in [name for name in next(iter(ranks.values())) if "_rank_" in f"{name}_"]:
            for day in DATES:
                values = [row[name] for (_, d), row in ranks.items() if d == day]
                assert all(0.0 <= value <= 100.0 for value in values) and min(values) == 0.0


def losses(staged, dates: Sequence[date] = DATES):
    inputs = make_inputs(
        {table: staged[table] for table in ("customers", "subscriptions")},
        ["losses"],
        *map(str, dates),
        customers=HERE,
        windows_days=WINDOWS_DAYS,
        observation_days=OBSERVATION_DAYS,
        source=make_source(attributes={"country": "segment"}),
    )
    return build_losses(inputs, {}).table


@pytest.fixture(scope="module")
def together(engine) -> Machine:
    """Losses of all dates."""
    return Machine(engine, losses)


@pytest.fixture(scope="module")
def single(engine) -> dict[date, Machine]:
    """Losses of some dates, each on its own."""
    return {day: Machine(engine, lambda staged, d=day: losses(staged, [d])) for day in SINGLE}


@pytest.fixture(scope="module")
def moved(engine) -> Machine:
    """Losses of all dates, some days later."""
    return Machine(engine, lambda staged: losses(staged, [day + SHIFT for day in DATES]))


class TestLosses:
    """Who left is counted among customers outside the cohort: their facts change shares, but only by what was known."""

    @given(facts=companies_of_terms(), future=companies_of_terms(), day=DAYS)
    @settings(max_examples=EXAMPLES)
    def test_do_not_look_ahead_or_at_other_dates(self, together, single, facts: Facts, future: Facts, day: date):
        rows = on(together(facts), day)
        same(single[day](as_known(facts, day)), rows)
        same(single[day](with_future(facts, future, day)), rows)

    @given(facts=companies_of_terms(), data=st.data())
    @settings(max_examples=EXAMPLES)
    def test_do_not_mind_the_order_of_rows(self, together, facts: Facts, data: st.DataObject):
        shuffled = {table: data.draw(st.permutations(rows)) for table, rows in facts.items()}
        same(together(shuffled), together(facts))

    @given(facts=companies_of_terms())
    @settings(max_examples=EXAMPLES)
    def test_do_not_mind_a_shift_of_all_times(self, together, moved, facts: Facts):
        after = moved(shifted(facts, SHIFT))
        for (customer, day), row in together(facts).items():
            assert differences(after[customer, day + SHIFT], row | {"as_of_date": day + SHIFT}) == {}
