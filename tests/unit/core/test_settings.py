from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from churn.core.errors import ConfigRefused
from churn.core.problem import DateRange, Problem, WindowSettings
from churn.core.settings import EngineSettings, ModelSettings, PolicySettings, ScoringSettings
from churn.core.source import InputSettings, SourceSettings
from churn.core.strict import build_settings
from tests.builders import make_settings, make_source, make_windows

WINDOWS = {"lead_days": 7, "horizon_days": 30, "embargo_days": 37, "cadence_days": 30, "observation_days": 90}
INPUT = {"path": "a.csv"}


def problems(kind, values) -> tuple[str, ...]:
    with pytest.raises(ConfigRefused) as refused:
        build_settings(kind, values)
    return refused.value.problems


def test_every_problem_is_said_at_once():
    found = problems(
        WindowSettings,
        WINDOWS | {"horizon_dayz": 30, "lead_days": "abc", "cadence_days": 0, "observation_days": "???"},
    )
    text = "\n".join(found)
    assert len(found) == 4
    assert "horizon_dayz: unknown key; did you mean 'horizon_days'?" in found
    assert "observation_days: a value must be given (observation_days=...)" in found
    assert "lead_days" in text and "'abc'" in text
    assert "cadence_days" in text and "greater than or equal to 1" in text


def test_missing_values_deep_inside_are_named_with_their_path():
    values = {"name": "acme", "inputs": {"a": {"path": "???"}}, "tables": {"customers": "x", "events": "x"}}
    assert problems(SourceSettings, values) == ("inputs.a.path: a value must be given (inputs.a.path=...)",)


def test_an_unknown_key_inside_a_group_suggests_that_groups_keys():
    values = {
        "name": "acme", "inputs": {"a": INPUT}, "tables": {"customers": "x", "events": "x"}, "max_orphan_shar": 0.5,
    }  # fmt: skip
    assert problems(SourceSettings, values) == ("max_orphan_shar: unknown key; did you mean 'max_orphan_share'?",)


def test_numbers_are_not_made_of_text():
    assert len(problems(PolicySettings, {"capacity": "10"})) == 1


@pytest.mark.parametrize("days", [0, -1, 4000])
def test_windows_have_at_least_one_day_and_a_sane_length(days: int):
    assert len(problems(WindowSettings, WINDOWS | {"observation_days": days})) == 1


@pytest.mark.parametrize(("grace_days", "embargo_days"), [(0, 40), (3, 40), (4, 41)])
def test_parts_lie_apart_until_labels_are_settled_grace_included(grace_days: int, embargo_days: int):
    parts = {
        "cohort": {"active": "subscription"},
        "label": {"kind": "contractual", "grace_days": grace_days},
        "windows": WINDOWS | {"embargo_days": 40},
        "features": {"families": ["support"], "windows_days": [7]},
    }
    assert build_settings(Problem, parts).embargo_days == embargo_days


def test_the_embargo_covers_lead_and_horizon():
    assert build_settings(WindowSettings, WINDOWS).embargo_days == 37
    (problem,) = problems(WindowSettings, WINDOWS | {"embargo_days": 36})
    assert "at least lead_days + horizon_days (37)" in problem


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        make_windows().lead_days = 3  # type: ignore[misc]


def test_a_range_of_dates_is_ordered():
    assert DateRange(first=date(2024, 1, 1), last=date(2024, 1, 1)).last == date(2024, 1, 1)
    (problem,) = problems(DateRange, {"first": "2024-02-01", "last": "2024-01-01"})
    assert "last (2024-01-01) is before first (2024-02-01)" in problem


def test_dates_come_as_iso_text():
    assert build_settings(ScoringSettings, {"as_of": "2024-02-29"}).as_of == date(2024, 2, 29)
    assert build_settings(ScoringSettings, {"as_of": "latest"}).as_of == "latest"
    assert problems(ScoringSettings, {"as_of": "2023-02-29"})


class TestInput:
    @pytest.mark.parametrize(
        "values", [{}, {"path": "a.csv", "connection_env": "DB", "table": "t"}, {"connection_env": "DB"}]
    )
    def test_an_input_has_one_entrance(self, values: dict[str, str]):
        assert len(problems(InputSettings, values)) == 1

    def test_a_delimiter_is_one_character(self):
        assert InputSettings(path="a", delimiter="\t").delimiter == "\t"
        assert problems(InputSettings, INPUT | {"delimiter": "||"})

    def test_an_encoding_nobody_knows_is_refused_before_anything_is_read(self):
        assert InputSettings(path="a", encoding="cp932").encoding == "cp932"
        (problem,) = problems(InputSettings, INPUT | {"encoding": "utf-9"})
        assert "utf-9" in problem


class TestSource:
    def test_customers_and_one_table_of_facts_are_required(self):
        base = {"name": "acme", "inputs": {"a": INPUT}}
        assert "'customers' is required" in problems(SourceSettings, base | {"tables": {"events": "x"}})[0]
        (problem,) = problems(SourceSettings, base | {"tables": {"customers": "x", "tickets": "x"}})
        assert "one of 'subscriptions' and 'events'" in problem

    def test_an_unknown_table_suggests_the_contracts(self):
        (problem,) = problems(
            SourceSettings,
            {"name": "acme", "inputs": {"a": INPUT}, "tables": {"customers": "x", "events": "x", "ticket": "x"}},
        )
        assert "unknown table 'ticket'; did you mean 'tickets'?" in problem

    def test_a_flat_source_maps_the_matrix_and_nothing_else(self):
        flat = {"name": "acme", "kind": "flat", "inputs": {"a": INPUT}}
        assert build_settings(SourceSettings, flat | {"tables": {"matrix": "x"}}).kind == "flat"
        assert problems(SourceSettings, flat | {"tables": {"customers": "x"}})

    @pytest.mark.parametrize("key", ["recency_column", "mrr_column"])
    def test_a_flat_source_names_columns_that_are_numbers(self, key: str):
        flat = {"name": "acme", "kind": "flat", "inputs": {"a": INPUT}, "tables": {"matrix": "x"}}
        flat["attributes"] = {"fee": "number", "town": "category"}
        assert getattr(build_settings(SourceSettings, flat | {key: "fee"}), key) == "fee"
        (problem,) = problems(SourceSettings, flat | {key: "fees"})
        assert f"{key}: no attribute 'fees' of role number; did you mean 'fee'?" in problem
        assert problems(SourceSettings, flat | {key: "town"})

    def test_tables_have_their_price_in_one_place(self):
        tables = {"name": "acme", "inputs": {"a": INPUT}, "tables": {"customers": "x", "subscriptions": "x"}}
        (problem,) = problems(SourceSettings, tables | {"mrr_column": "fee"})
        assert "'subscriptions' says it in its column 'mrr'" in problem

    @pytest.mark.parametrize("name", ["Acme", "a-b", "1a", "../x", ""])
    def test_a_name_is_safe_as_a_folder(self, name: str):
        with pytest.raises(ValidationError):
            make_source(name=name)

    def test_bare_roles_and_worded_ones_read_alike(self):
        source = build_settings(
            SourceSettings,
            {
                "name": "acme",
                "inputs": {"a": INPUT},
                "tables": {"customers": "x", "events": "x"},
                "attributes": {
                    "seats": {"role": "number", "cause": "pricing", "en": "seats bought"},
                    "country": "category",
                    "age_band": "protected",
                    "email": "pii",
                },
            },
        )
        assert source.attributes_of("category", "number") == ("seats", "country")
        assert source.attributes_of("pii") == ("email",)
        assert source.attribute("seats").cause == "pricing"
        assert source.attribute("country").role == "category"

    def test_an_unknown_cause_suggests_the_known_ones(self):
        source = {
            "name": "acme",
            "inputs": {"a": INPUT},
            "tables": {"customers": "x", "events": "x"},
            "event_types": {"login": {"cause": "low_engagment"}},
        }
        (problem,) = problems(SourceSettings, source)
        assert "unknown cause 'low_engagment'; did you mean 'low_engagement'?" in problem

    def test_a_time_zone_is_one_there_is(self):
        assert make_source(time_zone="Asia/Tokyo").time_zone == "Asia/Tokyo"
        assert make_source(time_zone="utc").time_zone == "utc"
        values = {"name": "acme", "inputs": {"a": INPUT}, "tables": {"customers": "x", "events": "x"}}
        (problem,) = problems(SourceSettings, values | {"time_zone": "Europe/Berln"})
        assert "unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?" in problem

    @pytest.mark.parametrize("share", [-0.1, 1.1])
    def test_shares_lie_between_none_and_all(self, share: float):
        with pytest.raises(ValidationError):
            make_source(max_orphan_share=share)


def test_a_model_names_its_estimator():
    assert problems(ModelSettings, {"name": "m", "encoding": "trees", "estimator": {"alpha": 1}})


@pytest.mark.parametrize("limit", ["4GB", "512MiB", "1.5GiB"])
def test_a_memory_limit_has_a_unit(limit: str):
    assert EngineSettings(memory_limit=limit).memory_limit == limit


@pytest.mark.parametrize("limit", ["4", "lots", "4GB; DROP TABLE x"])
def test_a_memory_limit_is_nothing_else(limit: str):
    with pytest.raises(ValidationError):
        EngineSettings(memory_limit=limit)


def test_settings_survive_json(tmp_path: Path):
    settings = make_settings(tmp_path)
    assert build_settings(type(settings), settings.model_dump(mode="json")) == settings
