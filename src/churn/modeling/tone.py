"""The tone of texts, English and Japanese: what score their writer would give, learned from those who gave one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from churn.snapshots.splits import even_step

MOST_FITTED = 20_000
MOST_PIECES = 20_000
LEAST_SCORED = 100
MOST_CHARACTERS = 300  # of a text, its newest part: the tone of today


class TextTone(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """How pleased a text sounds, in standard deviations of the scores it was learned from; 0 where there is none.

    Pieces of two and three characters, which need no tokenizer for Japanese, weighed by a ridge regression on the
    scores (satisfaction, recommendation) that came with the texts. Each kind of score is brought to one scale on the
    fitted rows, so that any company's will do. Without enough scores every tone is 0.

    Parameters
    ----------
    strength
        Penalty of the ridge.
    """

    def __init__(self, strength: float = 3.0) -> None:
        self.strength = strength

    def fit(self, rows: pd.DataFrame, _target: object = None) -> TextTone:
        """Learn from the rows that hold a text and a score; the first column is the text, the others are scores."""
        texts, scores = _texts(rows), _one_scale(rows.iloc[:, 1:])
        known = np.flatnonzero((texts != "") & np.isfinite(scores))
        known = known[:: even_step(len(known), MOST_FITTED)]
        self.has_tone_ = len(known) >= LEAST_SCORED and float(scores[known].std()) > 0
        if self.has_tone_:
            self.pieces_ = TfidfVectorizer(
                analyzer="char", ngram_range=(2, 3), min_df=max(3, len(known) // 1000), max_features=MOST_PIECES,
                sublinear_tf=True, dtype=np.float32,
            )  # fmt: skip
            self.weights_ = Ridge(alpha=self.strength, solver="lsqr")
            self.weights_.fit(self.pieces_.fit_transform(texts[known]), scores[known])
        return self

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the tone of every text, shape (rows, 1)."""
        tones, texts = np.zeros(len(rows), dtype=np.float32), _texts(rows)
        written = texts != ""
        if self.has_tone_ and written.any():
            distinct, place = np.unique(texts[written], return_inverse=True)
            tones[written] = self.weights_.predict(self.pieces_.transform(distinct))[place]
        return tones[:, None]

    def get_feature_names_out(self, names: Sequence[str]) -> np.ndarray:
        """Return one name."""
        return np.array([f"{names[0]}_tone"], dtype=object)


def _texts(rows: pd.DataFrame) -> np.ndarray:
    return np.array([t.lower()[:MOST_CHARACTERS] if isinstance(t, str) else "" for t in rows.iloc[:, 0]], dtype=object)


def _one_scale(scores: pd.DataFrame) -> np.ndarray:
    """Return the mean of each row's scores in standard deviations of their kind, shape (rows,); NaN without any."""
    numbers = scores.astype(float)
    spread = numbers.std().where(lambda s: s > 0)
    return ((numbers - numbers.mean()) / spread).mean(axis=1).to_numpy(dtype=float)
