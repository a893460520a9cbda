"""Texts of tickets and answers: sentences of a theme put together in English or Japanese."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
import pyarrow as pa

from churn.simulation.customers import Traits
from churn.simulation.phrases import BODIES, CLOSINGS, DETAILS, OPENINGS
from churn.simulation.settings import SimulationSettings
from churn.simulation.taxonomy import Flags, Ints

THEMES = tuple(BODIES)
LANGUAGES = ("en", "ja")


@lru_cache(maxsize=1)
def _bank() -> tuple[pa.Array, Ints, Ints]:
    """Return all texts, and where those of each (theme, language) begin and how many they are."""
    texts: list[str] = []
    begins, sizes = [], []
    for theme, language in product(THEMES, LANGUAGES):
        begins.append(len(texts))
        gap = " " if language == "en" else ""
        pieces = product(OPENINGS[language], BODIES[theme][language], DETAILS[language], CLOSINGS[language])
        texts += [gap.join(piece for piece in parts if piece) for parts in pieces]
        sizes.append(len(texts) - begins[-1])
    return pa.array(texts, pa.string()), np.array(begins), np.array(sizes)


def language_of(settings: SimulationSettings, traits: Traits, customer: Ints) -> Ints:
    """Return the position in `LANGUAGES` of the language each customer writes in."""
    codes = np.array([LANGUAGES.index(country.language) for country in settings.countries.values()])
    return np.asarray(codes[traits.country[customer]])


def write_texts(rng: np.random.Generator, theme: Ints, language: Ints, there: Flags | None = None) -> pa.Array:
    """Return one text per row, drawn for its theme (position in `THEMES`) and language; null where not `there`."""
    texts, begins, sizes = _bank()
    group = theme * len(LANGUAGES) + language
    chosen = begins[group] + (rng.random(theme.size) * sizes[group]).astype(np.int64)
    return texts.take(pa.array(chosen, mask=None if there is None else ~there))
