from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from churn.core.errors import DataRefused
from churn.core.problem import DateRange
from churn.core.settings import ChurnSettings
from churn.core.source import InputSettings
from churn.features.catalog import Catalog
from churn.integrations.datasets import Dataset, build_flat_dataset, build_point_in_time_dataset
from churn.integrations.engines import open_engine
from churn.integrations.frames import to_frame
from churn.integrations.layers import Layer, dataset_key, read_staged, write_dataset
from churn.integrations.scoring_rows import require_same_features, rows_to_score
from churn.modeling.bundle import Bundle
from tests.builders import ENGINE, Company, copy_company, csv_text, make_settings, make_source, select_all, stage_source

FAMILIES = ["engagement", "peers", "support", "subscription", "payments", "profile"]


def settings_of(company: Company, **windows) -> ChurnSettings:
    """Return monthly dates from 1 February; the data covers 5 January to 31 May 2024."""
    settings = company.settings
    ranges = [DateRange(first=date(2024, 2, 1), last=date(2024, 5, 31))]
    changed = {
        "windows": settings.windows.model_copy(update={"as_of": ranges, **windows}),
        "features": settings.features.model_copy(update={"families": FAMILIES, "event_types": []}),
    }
    return settings.model_copy(update=changed)


def written(engine, settings: ChurnSettings, dataset: Dataset) -> Layer:
    key = dataset_key(settings, read_staged(settings))
    return write_dataset(engine, dataset.tables, settings, key, dataset.facts)[0]


def frame(layer: Layer, table: str) -> pd.DataFrame:
    return pd.read_parquet(layer.path(table), dtype_backend="numpy_nullable")


@pytest.fixture(scope="module")
def built(
    staged_company: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ChurnSettings, Dataset, Layer]]:
    """A data set on five dates, built once: no test here changes it."""
    settings = settings_of(copy_company(staged_company, tmp_path_factory.mktemp("it's built [1]")))
    with open_engine(ENGINE) as engine:
        dataset = build_point_in_time_dataset(engine, read_staged(settings), settings)
        yield settings, dataset, written(engine, settings, dataset)


class TestPointInTime:
    def test_every_table_has_one_row_per_snapshot_in_order(self, built):
        _, _, layer = built
        keys = frame(layer, "snapshots")[["as_of_date", "customer_id"]].astype(str).values.tolist()
        # C2 left on 1 May: asked about on 1 May itself (the end is on its outcome side), not on 31 May
        assert keys == sorted(
            [day, customer]
            for day in ("2024-02-01", "2024-03-02", "2024-04-01", "2024-05-01", "2024-05-31")
            for customer in ("C1", "C2", "C3")
            if not (customer == "C2" and day == "2024-05-31")
        )
        for table in ("labels", "features", "matrix"):
            assert frame(layer, table)[["as_of_date", "customer_id"]].astype(str).values.tolist() == keys

    def test_labels_are_known_or_say_why_not(self, built):
        labels = frame(built[2], "labels")
        of = {(str(r.as_of_date)[:10], r.customer_id): r for r in labels.itertuples()}
        assert of["2024-04-01", "C2"].churned
        assert not of["2024-04-01", "C1"].churned
        assert pd.isna(of["2024-05-01", "C2"].churned)
        assert of["2024-05-01", "C2"].left_out_because == "not_complete"

    def test_the_manifest_says_how_it_was_built(self, built):
        layer = built[2]
        facts = layer.manifest
        assert facts["coverage"] == ["2024-01-05", "2024-05-31"]
        assert facts["as_of_dates"] == ["2024-02-01", "2024-03-02", "2024-04-01", "2024-05-01", "2024-05-31"]
        assert facts["features"]["event_types"] == ["login"]  # what was known on the first date
        assert facts["switched_off"] == []
        catalog = Catalog.from_rows(facts["catalog"])
        assert catalog.fingerprint() == facts["feature_fingerprint"]
        assert list(frame(layer, "features").columns) == ["customer_id", "as_of_date", *catalog.names]

    def test_outcomes_are_counted_by_kind(self, engine, built):
        _, dataset, layer = built
        counts = dataset.count_outcomes(engine, layer)
        assert counts.metrics["rows"] == 14
        assert counts.metrics["churned"] == 1  # C2 as of 1 April
        assert counts.metrics["labelled"] == 9
        assert counts.metrics["left_out_not_complete"] == 5
        assert counts.summary == f"base rate {1 / 9:.2%}"
        assert "trainable as-of dates 2024-02-01 to 2024-04-01" in counts.lines[0]

    def test_leavers_who_come_back_and_a_date_unlike_the_others_are_said(self, engine, tmp_path: Path):
        months = [date(2024, month, 1) for month in range(1, 7)]
        labels = pd.DataFrame(
            {
                "customer_id": f"C{n}",
                "as_of_date": month,
                "churned": n < 60 if month < months[-1] else True,
                "is_label_complete": True,
                "label_end_date": date(2024, month.month + 1, 1),
                "left_out_because": None,
            }
            for month in months
            for n in range(200)
            if not (n < 20 and month == months[2])
        )
        back = (labels["customer_id"].isin([f"C{n}" for n in range(30)])) & (labels["as_of_date"] == months[3])
        labels.assign(churned=labels["churned"] & ~back).to_parquet(tmp_path / "labels.parquet")
        layer = Layer(tmp_path, {"rows": {}, "coverage_notes": ["qualifying events: nothing since 2024-06-01"]})
        lines = Dataset({}, {}).count_outcomes(engine, layer).lines
        assert lines[0] == "features: qualifying events: nothing since 2024-06-01"
        assert "2024-06-01 (100.0%)" in lines[2]
        assert lines[3].startswith("labels: of 60 who left by the label on 2024-01-01, at least 50% were active again")

    def test_features_do_not_see_labels(self, engine, company: Company, built):
        _, _, layer = built
        settings = settings_of(company)
        label = settings.label.model_copy(update={"grace_days": 21})
        changed = settings.model_copy(update={"label": label})
        other = written(engine, changed, build_point_in_time_dataset(engine, read_staged(changed), changed))
        pd.testing.assert_frame_equal(frame(layer, "features"), frame(other, "features"))

    def test_candidates_that_were_left_out_are_counted(self, engine, company: Company):
        settings = settings_of(company)
        cohort = settings.cohort.model_copy(update={"min_tenure_days": 60})
        settings = settings.model_copy(update={"cohort": cohort})
        dataset = build_point_in_time_dataset(engine, read_staged(settings), settings)
        counts = dataset.count_outcomes(engine, written(engine, settings, dataset))
        assert counts.metrics["excluded_too_young"] == 4  # all three on 1 February, C3 on 2 March
        assert "cohort: 4 not asked about: too young" in counts.lines


class TestScoring:
    def bundle(self, settings: ChurnSettings, layer: Layer) -> Bundle:
        features = settings.features.model_copy(update=layer.manifest["features"])
        problem = settings.model_copy(update={"features": features}).model_dump(
            mode="json", include={"cohort", "label", "windows", "features"}
        )
        catalog = Catalog.from_rows(layer.manifest["catalog"])
        return Bundle(None, None, catalog, "none", problem, 0.1)  # type: ignore[arg-type]

    @pytest.mark.parametrize("day", ["2024-03-02", "2024-05-31"])
    def test_rows_to_score_are_the_rows_that_training_would_see(self, engine, built, day: str):
        settings, _, layer = built
        scoring = settings.scoring.model_copy(update={"as_of": date.fromisoformat(day)})
        rows, as_of = rows_to_score(
            engine,
            read_staged(settings),
            settings.model_copy(update={"scoring": scoring}),
            self.bundle(settings, layer),
        )
        trained = frame(layer, "features")
        expected = trained[trained["as_of_date"].astype(str).str[:10] == day].reset_index(drop=True)
        rows = to_frame(rows)
        assert as_of == date.fromisoformat(day)
        assert rows["customer_id"].tolist() == expected["customer_id"].tolist()
        for name in expected.columns[2:]:
            pd.testing.assert_series_equal(
                rows[name].astype(object).where(rows[name].notna(), None),
                expected[name].astype(object).where(expected[name].notna(), None),
                check_dtype=False,
            )

    def test_the_latest_date_is_the_end_of_the_data(self, engine, built):
        settings, _, layer = built
        _, as_of = rows_to_score(engine, read_staged(settings), settings, self.bundle(settings, layer))
        assert as_of == date(2024, 5, 31)

    def test_the_models_problem_counts_and_not_the_present_one(self, engine, built):
        settings, _, layer = built
        changed = settings.model_copy(
            update={"features": settings.features.model_copy(update={"windows_days": [3], "event_types": ["other"]})}
        )
        rows, _ = rows_to_score(engine, read_staged(settings), changed, self.bundle(settings, layer))
        assert "eng_events_count_30d" in rows.columns and "eng_login_count_7d" in rows.columns

    @pytest.mark.parametrize("day", ["2024-06-01", "2023-01-01", "2024-01-05"])
    def test_a_date_outside_the_data_is_refused(self, engine, built, day: str):
        settings, _, layer = built
        scoring = settings.scoring.model_copy(update={"as_of": date.fromisoformat(day)})
        changed = settings.model_copy(update={"scoring": scoring})
        with pytest.raises(DataRefused) as refused:
            rows_to_score(engine, read_staged(settings), changed, self.bundle(settings, layer))
        assert refused.value.code == "as_of_outside_data"
        assert "after 2024-01-05 and up to 2024-05-31" in str(refused.value)

    def test_features_that_are_not_the_models_are_refused(self, built):
        catalog = Catalog.from_rows(built[2].manifest["catalog"])
        require_same_features(catalog, catalog)
        require_same_features(Catalog(catalog.features[::-1]), catalog)
        with pytest.raises(DataRefused) as refused:
            require_same_features(Catalog(catalog.features[1:]), catalog)
        assert refused.value.code == "feature_mismatch"
        assert f"1 missing or of another kind ({catalog.names[0]}), 0 new" in str(refused.value)
        assert "train again (where the gate then keeps the champion: churn promote VERSION" in str(refused.value)


class TestFlat:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> ChurnSettings:
        """A flat company with two dates, the second without outcomes, staged."""
        rows = [
            {"who": f"C{i}", "day": day, "plan": "ab"[i % 2], "seats": i, "churned": i % 2 if day < "2024-02" else ""}
            for day in ("2024-01-01", "2024-02-01")
            for i in range(4)
        ]
        (tmp_path / "flat.csv").write_text(csv_text(rows))
        source = make_source(
            kind="flat",
            inputs={"raw": InputSettings(path=str(tmp_path / "flat.csv"))},
            tables={"matrix": "SELECT who AS customer_id, day AS as_of_date, plan, seats, churned FROM raw"},
            attributes={"plan": "category", "seats": "number"},
        )
        settings = make_settings(tmp_path, source)
        stage_source(settings)
        return settings

    def test_a_ready_table_becomes_features_labels_and_matrix(self, engine, settings: ChurnSettings):
        dataset = build_flat_dataset(engine, read_staged(settings), settings)
        layer = written(engine, settings, dataset)
        assert dataset.facts["as_of_dates"] == ["2024-01-01", "2024-02-01"]
        features, labels = frame(layer, "features"), frame(layer, "labels")
        assert list(features.columns) == ["customer_id", "as_of_date", "plan", "seats"]
        assert labels["churned"].tolist()[:4] == [False, True, False, True]
        assert labels["churned"].isna().tolist() == [False] * 4 + [True] * 4
        counts = dataset.count_outcomes(engine, layer)
        assert (counts.metrics["labelled"], counts.metrics["left_out_not_complete"]) == (4, 4)

    def test_one_of_its_dates_is_scored(self, engine, settings: ChurnSettings):
        staged = read_staged(settings)
        bundle = Bundle(None, None, Catalog([]), "none", {}, 0.1)  # type: ignore[arg-type]
        rows, as_of = rows_to_score(engine, staged, settings, bundle)
        assert as_of == date(2024, 2, 1) and to_frame(rows)["seats"].tolist() == [0.0, 1.0, 2.0, 3.0]
        scoring = settings.scoring.model_copy(update={"as_of": date(2024, 3, 1)})
        with pytest.raises(DataRefused, match="Choose one of its dates: 2024-01-01, 2024-02-01"):
            rows_to_score(engine, staged, settings.model_copy(update={"scoring": scoring}), bundle)


def test_a_company_without_optional_tables_gets_what_its_tables_allow(engine, company: Company):
    source = company.source(tables=select_all("customers", "subscriptions"))
    company.stage(tables=select_all("customers", "subscriptions"))
    settings = settings_of(company).model_copy(update={"source": source})
    ranges = [DateRange(first=date(2024, 2, 1), last=date(2024, 2, 1))]
    settings = settings.model_copy(update={"windows": settings.windows.model_copy(update={"as_of": ranges})})
    dataset = build_point_in_time_dataset(engine, read_staged(settings), settings)
    assert dataset.facts["switched_off"] == ["engagement", "peers", "support", "payments"]
    assert {f["family"] for f in dataset.facts["catalog"]} == {"subscription", "profile"}


def test_customers_built_in_groups_give_the_same_bytes_as_all_at_once(engine, company: Company):
    settings, layers = settings_of(company), []
    wanted = settings.features.model_copy(update={"families": [*FAMILIES, "rhythm", "journey"]})
    for rows in (1_000_000, 2):
        limits = settings.engine.model_copy(update={"rows_per_group": rows})
        of = settings.model_copy(update={"engine": limits, "features": wanted})
        layer = written(engine, of, build_point_in_time_dataset(engine, read_staged(of), of))
        layers.append(layer.path("features").read_bytes())
    assert layers[0] == layers[1]
