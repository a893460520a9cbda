from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from churn.modeling.encoding import ScaledNumbers, build_encoder, feature_of_output, known_categories, signed_log1p

FIT = pd.DataFrame(
    {
        "number": [1.0, 2.0, np.nan, 100.0] * 10,
        "empty": [np.nan] * 40,
        "plan": pd.Series(["basic", "team", None, "basic"] * 10, dtype="str"),
        "rare": pd.Series(["common"] * 37 + ["odd"] * 3, dtype="str"),
    }
)
NUMBERS, CATEGORIES = ["number", "empty"], ["plan", "rare"]


def _one(**values: object) -> pd.DataFrame:
    row = {"number": 1.0, "empty": np.nan, "plan": "basic", "rare": "common", **values}
    frame = pd.DataFrame({name: [value] for name, value in row.items()})
    return frame.astype({"plan": "str" if row["plan"] is np.nan else "object"})


def test_signed_log_compresses_both_sides_alike() -> None:
    assert signed_log1p(np.array([-9.0, 0.0, 9.0])) == pytest.approx([-np.log(10), 0, np.log(10)])


class TestTrees:
    encoder = build_encoder("trees", NUMBERS, CATEGORIES).fit(FIT)

    def test_numbers_stay_as_they_are_and_missing_stays_missing(self) -> None:
        encoded = self.encoder.transform(_one(number=np.nan))
        assert np.isnan(encoded[0, 0])
        assert self.encoder.transform(_one(number=7.5))[0, 0] == 7.5

    def test_a_column_that_was_always_empty_is_zero_ever_after(self) -> None:
        assert self.encoder.transform(_one())[0, 1] == 0
        assert self.encoder.transform(_one(empty=1e6))[0, 1] == 0

    def test_numbers_take_half_the_memory(self) -> None:
        assert self.encoder.transform(FIT).dtype == np.float32

    def test_categories_are_codes_in_the_order_of_their_names(self) -> None:
        codes = [self.encoder.transform(_one(plan=value))[0, 2] for value in ("basic", "team")]
        assert codes == [0, 1]

    @pytest.mark.parametrize("value", ["never seen", "", None, np.nan])
    def test_unseen_and_missing_categories_share_a_code_of_their_own(self, value: object) -> None:
        assert self.encoder.transform(_one(plan=value))[0, 2] == -1

    def test_there_is_one_output_per_feature(self) -> None:
        assert feature_of_output(self.encoder) == [*NUMBERS, *CATEGORIES]

    def test_columns_are_found_by_name(self) -> None:
        turned = _one(number=3.0)[["rare", "plan", "empty", "number"]]
        assert np.array_equal(self.encoder.transform(turned), self.encoder.transform(_one(number=3.0)), equal_nan=True)


class TestLinear:
    encoder = build_encoder("linear", NUMBERS, CATEGORIES).fit(FIT)

    def test_every_output_has_mean_zero_on_the_fitted_rows(self) -> None:
        assert self.encoder.transform(FIT).mean(axis=0) == pytest.approx(0, abs=1e-12)

    def test_numbers_are_what_scikit_learns_own_steps_give(self) -> None:
        values = pd.DataFrame(np.random.default_rng(0).lognormal(2, 2, (500, 3)), columns=["a", "b", "c"])
        values = values.where(values > 1).assign(c=3.0)
        steps = make_pipeline(SimpleImputer(strategy="median"), FunctionTransformer(signed_log1p), StandardScaler())
        expected = steps.fit_transform(values.to_numpy())
        assert ScaledNumbers().fit_transform(values) == pytest.approx(expected, abs=1e-12)
        single = ScaledNumbers().fit_transform(values.astype("float32"))
        assert single.dtype == np.float32
        assert single == pytest.approx(expected, abs=1e-5)

    def test_a_missing_number_counts_as_the_median(self) -> None:
        median = float(FIT["number"].median())
        assert self.encoder.transform(_one(number=np.nan)) == pytest.approx(self.encoder.transform(_one(number=median)))

    def test_a_column_that_was_always_empty_keeps_its_place_and_says_nothing(self) -> None:
        assert self.encoder.transform(_one())[0, 1] == 0
        assert self.encoder.transform(_one(empty=1e6)).shape[1] == len(feature_of_output(self.encoder))

    def test_outputs_name_the_feature_they_come_from(self) -> None:
        owners = feature_of_output(self.encoder)
        assert len(owners) == self.encoder.transform(_one()).shape[1]
        # plan: basic, and the others together (team and missing are too few); rare: common, the others
        assert owners == ["number", "empty", "plan", "plan", "rare", "rare"]

    @pytest.mark.parametrize("value", ["never seen", None])
    def test_unseen_and_missing_categories_count_as_the_rare_ones(self, value: object) -> None:
        assert self.encoder.transform(_one(plan=value)) == pytest.approx(self.encoder.transform(_one(plan="team")))

    def test_an_unseen_category_where_none_is_rare_belongs_to_none_of_them(self) -> None:
        fitted = build_encoder("linear", [], ["plan"]).fit(pd.DataFrame({"plan": ["a", "b"] * 30}))
        encoded = fitted.transform(pd.DataFrame({"plan": ["z"]}))
        assert encoded == pytest.approx(np.full((1, 2), -0.5))
        assert feature_of_output(fitted) == ["plan", "plan"]


@pytest.mark.parametrize("encoding", ["trees", "linear"])
class TestEither:
    def test_a_category_that_was_always_missing_is_no_obstacle(self, encoding: str) -> None:
        rows = pd.DataFrame({"number": np.arange(40.0), "none": pd.Series([None] * 40, dtype="str")})
        encoder = build_encoder(encoding, ["number"], ["none"]).fit(rows)  # type: ignore[arg-type]
        scored = encoder.transform(pd.DataFrame({"number": [1.0], "none": ["at last"]}))
        assert scored.shape[1] == len(feature_of_output(encoder))
        assert np.isfinite(scored).all()

    def test_only_numbers_or_only_categories_will_do(self, encoding: str) -> None:
        numbers = build_encoder(encoding, ["number"], []).fit(FIT)  # type: ignore[arg-type]
        categories = build_encoder(encoding, [], ["plan"]).fit(FIT)  # type: ignore[arg-type]
        assert feature_of_output(numbers) == ["number"]
        assert set(feature_of_output(categories)) == {"plan"}
        assert known_categories(numbers) == {}

    def test_known_categories_are_the_values_that_were_fitted(self, encoding: str) -> None:
        encoder = build_encoder(encoding, NUMBERS, CATEGORIES).fit(FIT)  # type: ignore[arg-type]
        assert known_categories(encoder) == {"plan": ["basic", "team"], "rare": ["common", "odd"]}
