from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn.core.settings import EvaluationSettings, SliceSettings
from churn.evaluation.ranking import rank_within_dates, top_lists
from churn.evaluation.report import build_report
from churn.evaluation.slices import (
    calibration_gap,
    describe_slice,
    measure_slices,
    slice_labels,
    worst_calibrated,
    worst_slice,
)
from churn.features.catalog import Catalog
from tests.unit.modeling.toys import CATALOG, make_feature

SETTINGS = EvaluationSettings(
    bootstrap_samples=20, slices=SliceSettings(min_rows=50, min_positives=10, bootstrap_samples=40)
)
CAPACITY = 60


def _rows(customers: int = 400) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Two dates; the score knows nothing in the north, and says twice the truth in the east."""
    generator = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "customer_id": np.tile([f"c{n:03}" for n in range(customers)], 2),
            "as_of_date": np.repeat(pd.to_datetime(["2024-01-01", "2024-02-01"]), customers),
        }
    )
    place = np.tile(np.array(["north", "east", "south", "south"])[np.arange(customers) % 4], 2)
    truth = 1 / (1 + np.exp(1.5 - 1.5 * generator.normal(size=len(rows))))
    rows["churned"] = (generator.random(len(rows)) < truth).astype(int)
    said = np.where(place == "north", generator.permutation(truth), np.where(place == "east", 2 * truth, truth))
    return rows, np.clip(said, 0.001, 0.999), place


@pytest.fixture(scope="module")
def slices() -> pd.DataFrame:
    rows, said, place = _rows()
    lists = top_lists(rows, rank_within_dates(rows, said), CAPACITY)
    return measure_slices(rows, {"place": place}, said, lists, SETTINGS, protected=["place"]).set_index("value")


class TestMeasuring:
    def test_a_slice_of_everybody_has_the_metrics_of_the_report(self) -> None:
        rows, said, _ = _rows()
        halves = np.where(np.arange(len(rows)) < len(rows) - 1, "most", "one")
        whole = build_report(rows, {"m": said}, SETTINGS, CAPACITY).metrics["m"]
        lists = top_lists(rows, rank_within_dates(rows, said), CAPACITY)
        (found,) = measure_slices(rows, {"half": halves}, said, lists, SETTINGS).to_dict("records")
        assert found["auc"] == pytest.approx(whole["auc"].value, abs=0.01)
        assert found["rows"] == len(rows) - 1
        assert set(whole) <= set(found)

    def test_every_metric_has_an_interval_around_it(self, slices: pd.DataFrame) -> None:
        for name in ("auc", "average_precision", "log_loss", "calibration_slope", "listed_share"):
            assert (slices[f"{name}_low"] <= slices[f"{name}_high"]).all()
        assert (slices["auc_low"] < slices["auc"]).all() and (slices["auc"] < slices["auc_high"]).all()

    def test_counts_rows_customers_and_leavers(self, slices: pd.DataFrame) -> None:
        rows, *_ = _rows()
        assert slices.loc["south", "rows"] == 2 * slices.loc["south", "customers"] == 400
        assert slices["positives"].sum() == rows["churned"].sum()
        assert slices["is_protected"].all()

    def test_the_shares_of_the_list_add_up_to_the_list(self, slices: pd.DataFrame) -> None:
        assert (slices["listed_share"] * slices["rows"]).sum() == pytest.approx(2 * CAPACITY)

    def test_the_weak_slice_is_found(self, slices: pd.DataFrame) -> None:
        worst = worst_slice(slices.reset_index())
        assert worst is not None and worst["value"] == "north"
        assert worst["auc_high"] < slices.loc["south", "auc_low"]
        assert "place = north (200 rows): AUC 0." in describe_slice(worst)

    def test_the_slice_that_is_told_too_much_is_found(self, slices: pd.DataFrame) -> None:
        worst = worst_calibrated(slices.reset_index())
        assert worst is not None and worst["value"] == "east"
        gaps = calibration_gap(slices)
        assert gaps["east"] > 1.2 and gaps["south"] == 1.0

    @pytest.mark.parametrize("limits", [{"min_rows": 201}, {"min_positives": 70}])
    def test_small_slices_are_left_out(self, limits: dict[str, int]) -> None:
        rows, said, place = _rows()
        settings = SETTINGS.model_copy(update={"slices": SETTINGS.slices.model_copy(update=limits)})
        assert list(measure_slices(rows, {"place": place}, said, [], settings)["value"]) == ["south"]

    def test_nobody_large_enough_is_an_empty_table(self) -> None:
        rows, said, place = _rows(20)
        found = measure_slices(rows, {"place": place}, said, [], SETTINGS)
        assert found.empty and worst_slice(found) is None and worst_calibrated(found) is None

    def test_only_the_most_frequent_values_are_measured(self) -> None:
        rows, said, place = _rows()
        settings = SETTINGS.model_copy(update={"slices": SETTINGS.slices.model_copy(update={"max_values": 2})})
        assert list(measure_slices(rows, {"place": place}, said, [], settings)["value"]) == ["east", "south"]


class TestLabels:
    ROWS = pd.DataFrame({"plan": ["basic", None], "country": ["JP", "DE"], "tickets_open": [1.0, 9.0],
                         "eng_activity_recency_days": [np.nan, 3.0]})  # fmt: skip

    def _labels(self, **settings: object) -> dict[str, list[str]]:
        beside = pd.DataFrame({"age_band": ["20-29", None]})
        kept = Catalog([f for f in CATALOG.features if f.name in self.ROWS])
        labels = slice_labels(self.ROWS, beside, kept, SliceSettings(**settings))  # type: ignore[arg-type]
        return {name: list(values) for name, values in labels.items()}

    def test_categories_and_what_stands_beside_are_slices_as_they_are(self) -> None:
        assert self._labels() == {"age_band": ["20-29", "(none)"], "plan": ["basic", "(none)"], "country": ["JP", "DE"]}

    def test_numbers_are_cut_where_asked_for(self) -> None:
        found = self._labels(numbers=["tickets_open", "eng_activity_recency_days"], bins=2)
        assert found["tickets_open"] == ["1 to 9", "1 to 9"]
        assert found["eng_activity_recency_days"] == ["(none)", "3"]

    def test_numbers_among_the_attributes_are_always_cut(self) -> None:
        size = Catalog([make_feature("prof_employees_last", family="profile")])
        rows = pd.DataFrame({"prof_employees_last": np.arange(8.0)})
        labels = slice_labels(rows, pd.DataFrame(index=rows.index), size, SliceSettings(bins=2))
        assert set(labels["employees"]) == {"0 to 4", "4 to 7"} or set(labels["employees"]) == {"0 to 3", "3 to 7"}
