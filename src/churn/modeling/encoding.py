"""Inputs of estimators: encoders that are fitted with the model, inside the fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from churn.core.settings import Encoding
from churn.modeling.tone import TextTone
from churn.modeling.topics import TextTopics

RARE = 20
SCORES = ("text_csat_mean", "text_nps_mean")  # what a writer said in numbers: the tone of texts is learned from them


def signed_log1p(values: np.ndarray) -> np.ndarray:
    """Return sign(x) * log(1 + |x|): counts and amounts with long tails become comparable. One copy, no more."""
    logs = np.abs(values)
    np.log1p(logs, out=logs)
    return np.asarray(np.copysign(logs, values, out=logs))


class PlainNumbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers as single-precision floats, missing ones included: half the memory, and nothing trees could tell apart.

    A column without any value in the fitted rows becomes zero: nothing was learned of it, and not every estimator can
    take a column that is nowhere filled.
    """

    def fit(self, rows: pd.DataFrame, _target: object = None) -> PlainNumbers:
        """Remember which columns are empty."""
        self.is_empty_ = rows.isna().all(axis=0).to_numpy(dtype=bool)
        return self

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the numbers, shape (rows, columns), float32."""
        numbers = rows.to_numpy(dtype=np.float32)
        return np.where(self.is_empty_, np.float32(0), numbers) if self.is_empty_.any() else numbers

    def get_feature_names_out(self, names: Sequence[str]) -> np.ndarray:
        """Return the names given: one output per column."""
        return np.asarray(names, dtype=object)


class ScaledNumbers(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers with gaps filled by their median, log-compressed, centred and scaled, one column at a time.

    What `SimpleImputer`, a logarithm and `StandardScaler` give, at the memory of the result alone: each of the three
    makes whole copies of what it is given. A column without any value in the fitted rows counts as zero.
    """

    def fit(self, rows: pd.DataFrame, _target: object = None) -> ScaledNumbers:
        """Learn medians, and means and deviations of the logarithms."""
        self.medians_, self.means_, self.scales_ = np.zeros((3, rows.shape[1]))
        for position in range(rows.shape[1]):
            values = _column(rows, position)
            there = values[~np.isnan(values)]
            self.medians_[position] = np.median(there) if len(there) else 0.0
            logs = self._filled_logs(values, position)
            self.means_[position] = logs.mean(dtype=float)
            self.scales_[position] = logs.std(dtype=float) if logs.min() < logs.max() else 1.0
        return self

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the scaled numbers, shape (rows, columns); float32 where all numbers given are, else float64."""
        is_single = all(dtype == np.float32 for dtype in rows.dtypes)
        scaled = np.empty(rows.shape, dtype=np.float32 if is_single else float)
        for position in range(rows.shape[1]):
            logs = self._filled_logs(_column(rows, position), position)
            scaled[:, position] = (logs - self.means_[position]) / self.scales_[position]
        return scaled

    def _filled_logs(self, values: np.ndarray, position: int) -> np.ndarray:
        return signed_log1p(np.where(np.isnan(values), self.medians_[position], values))

    def get_feature_names_out(self, names: Sequence[str]) -> np.ndarray:
        """Return the names given: one output per column."""
        return np.asarray(names, dtype=object)


def _column(rows: pd.DataFrame, position: int) -> np.ndarray:
    return rows.iloc[:, position].to_numpy(dtype=float, na_value=np.nan)


def build_encoder(
    encoding: Encoding, numbers: Sequence[str], categories: Sequence[str], texts: Sequence[str] = ()
) -> ColumnTransformer:
    """Return the unfitted encoder of a feature frame.

    `trees`: numbers as they are (missing included), categories as integer codes in the order of their names, unseen
    and missing ones as -1; one output column per feature, in the order numbers, categories.
    `linear`: numbers imputed by their median, log-compressed and scaled; categories one-hot and centred, rare ones
    together. Every output has mean zero on the fitted rows, so coefficient times value is its exact contribution.
    Texts become weights of topics and a tone, either way.
    """
    scores = [name for name in numbers if name in SCORES]
    topics = [(f"text:{name}", _scaled(TextTopics(), encoding), [name]) for name in texts]
    topics += [(f"tone:{name}", _scaled(TextTone(), encoding), [name, *scores]) for name in texts]
    if encoding == "trees":
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1, dtype=np.float32
        )
        return ColumnTransformer(
            [("numbers", PlainNumbers(), list(numbers)), ("categories", codes, list(categories)), *topics]
        )
    one_hot = make_pipeline(
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False),
        StandardScaler(with_std=False),
    )
    return ColumnTransformer(
        [("numbers", ScaledNumbers(), list(numbers)), ("categories", one_hot, list(categories)), *topics]
    )


def _scaled(part: TextTopics | TextTone, encoding: Encoding) -> TextTopics | TextTone | Pipeline:
    return part if encoding == "trees" else make_pipeline(part, StandardScaler())


def count_text_outputs(texts: int) -> int:
    """Return how many outputs an unfitted encoder has for some texts."""
    return texts * (TextTopics().topics + 1)


def build_pipeline(
    encoding: Encoding,
    numbers: Sequence[str],
    categories: Sequence[str],
    estimator: Any,
    texts: Sequence[str] = (),
) -> Pipeline:
    """Return the unfitted pipeline `encode` -> `model`."""
    return Pipeline([("encode", build_encoder(encoding, numbers, categories, texts)), ("model", estimator)])


def feature_of_output(encoder: ColumnTransformer) -> list[str]:
    """Return, for every output column of a fitted encoder, the feature it comes from."""
    numbers, categories = (list(columns) for _, _, columns in encoder.transformers[:2])
    fitted = encoder.named_transformers_["categories"]
    topics = [name for name, part in text_topics(encoder).items() for _ in range(part.topics)]
    topics += [str(columns[0]) for name, _, columns in encoder.transformers_ if name.startswith("tone:")]
    if not categories or not isinstance(fitted, Pipeline):
        return [*numbers, *categories, *topics]
    widths = _widths(fitted[0])
    return [*numbers, *(name for name, width in zip(categories, widths, strict=True) for _ in range(width)), *topics]


def text_topics(encoder: ColumnTransformer) -> dict[str, TextTopics]:
    """Return the fitted topics of every text column."""
    found = {}
    for name, part, columns in encoder.transformers_:
        if name.startswith("text:"):
            found[str(columns[0])] = part[0] if isinstance(part, Pipeline) else part
    return found


def _widths(fitted: OneHotEncoder) -> list[int]:
    infrequent = fitted.infrequent_categories_
    return [
        len(kept) - (len(rare) if rare is not None else 0) + (1 if rare is not None else 0)
        for kept, rare in zip(fitted.categories_, infrequent, strict=True)
    ]


def known_categories(encoder: ColumnTransformer) -> dict[str, list[str]]:
    """Return the values each category column had when the encoder was fitted."""
    columns = list(encoder.transformers[1][2])
    if not columns:
        return {}
    fitted = encoder.named_transformers_["categories"]
    codes = fitted[0] if isinstance(fitted, Pipeline) else fitted
    return {
        name: [v for v in values if isinstance(v, str)] for name, values in zip(columns, codes.categories_, strict=True)
    }
