"""Topics of short texts, English and Japanese, learned with the model and named by their own words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import TfidfVectorizer

from churn.snapshots.splits import even_step

# Words of Latin letters, and runs of kanji or katakana: readable as they stand, with no tokenizer for Japanese.
WORD = r"\[\w+\]|[a-z]{3,}|[一-龯々]{2,}|[ァ-ヶー]{2,}"
MOST_FITTED = 20_000
MOST_WORDS = 3_000
LEAST_TEXTS = 20
NAMING_WORDS = 3


class TextTopics(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """How much each text speaks of each of a few topics: TF-IDF of its words, then a non-negative factorisation.

    Parameters
    ----------
    topics
        Number of topics.

    References
    ----------
    Lee and Seung 1999, Learning the parts of objects by non-negative matrix factorization.
    """

    def __init__(self, topics: int = 16) -> None:
        self.topics = topics

    def fit(self, rows: pd.DataFrame, _target: object = None) -> TextTopics:
        """Learn words and topics from the rows that hold a text; at most 20,000 of them, evenly spaced."""
        texts = [text for text in self._texts(rows) if text]
        fitted = texts[:: even_step(len(texts), MOST_FITTED)]
        self.has_topics_ = len(fitted) >= LEAST_TEXTS
        if not self.has_topics_:
            return self
        self.words_ = TfidfVectorizer(
            token_pattern=WORD, min_df=max(2, len(fitted) // 1000), max_df=0.5, max_features=MOST_WORDS,
            sublinear_tf=True,
        )  # fmt: skip
        try:
            counted = self.words_.fit_transform(fitted)
        except ValueError:  # no word is common enough
            self.has_topics_ = False
            return self
        self.factors_ = NMF(min(self.topics, counted.shape[1]), init="nndsvda", max_iter=200, tol=1e-3, random_state=0)
        with np.errstate(invalid="ignore"):  # texts rebuilt exactly have an error of zero, or below it by rounding
            self.factors_.fit(counted)
        return self

    def transform(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the weight of every topic, shape (rows, topics); zeros where nothing was written."""
        out = np.zeros((len(rows), self.topics), dtype=np.float32)
        texts = self._texts(rows)
        written = np.array([bool(text) for text in texts], dtype=bool)
        if self.has_topics_ and written.any():
            found = self.factors_.transform(self.words_.transform([text for text in texts if text]))
            out[np.flatnonzero(written)[:, None], np.arange(found.shape[1])] = found
        return out

    def name_topics(self) -> list[str]:
        """Return the most telling words of every topic, joined by commas."""
        if not self.has_topics_:
            return []
        words = self.words_.get_feature_names_out()
        return [", ".join(words[np.argsort(-topic)[:NAMING_WORDS]]) for topic in self.factors_.components_]

    def get_feature_names_out(self, names: Sequence[str]) -> np.ndarray:
        """Return one name per topic."""
        return np.array([f"{name}_{i}" for name in names for i in range(self.topics)], dtype=object)

    def _texts(self, rows: pd.DataFrame) -> list[str]:
        column = rows.iloc[:, 0]
        return [text.lower() if isinstance(text, str) else "" for text in column]


def describe_texts(topics: TextTopics, rows: pd.DataFrame) -> list[str | None]:
    """Return for each text the words of the topic it speaks of most, None where it speaks of none, shape (rows,)."""
    weights, names = topics.transform(rows), topics.name_topics()
    return [names[row.argmax()] if names and row.max() > 0 else None for row in weights]
