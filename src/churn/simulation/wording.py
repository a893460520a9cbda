"""Texts of tickets and answers: sentences of a theme put together in English or Japanese."""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import product

import numpy as np
import pyarrow as pa
import yaml

from churn.core.contract import CAUSES
from churn.simulation.customers import Traits
from churn.simulation.settings import SimulationSettings
from churn.simulation.taxonomy import Flags, Ints

THEMES = (*CAUSES, "praise")
LANGUAGES = ("en", "ja")
PIECES = ("openings", "bodies", "details", "closings")


@cache
def text_bank(profile: str) -> tuple[pa.Array, Ints, Ints]:
    """Return all texts of a kind of company, and where those of each (theme, language) begin and how many they are."""
    file = resources.files("churn.simulation").joinpath("phrases", f"{profile}.yaml")
    phrases = yaml.safe_load(file.read_text(encoding="utf-8"))
    texts: list[str] = []
    begins, sizes = [], []
    for theme, language in product(THEMES, LANGUAGES):
        begins.append(len(texts))
        gap = " " if language == "en" else ""
        of_theme = {**phrases, "bodies": phrases["bodies"][theme]}
        pieces = product(*(of_theme[name][language] for name in PIECES))
        texts += [gap.join(piece for piece in parts if piece) for parts in pieces]
        sizes.append(len(texts) - begins[-1])
    return pa.array(texts, pa.string()), np.array(begins), np.array(sizes)


def language_of(settings: SimulationSettings, traits: Traits, customer: Ints) -> Ints:
    """Return the position in `LANGUAGES` of the language each customer writes in."""
    codes = np.array([LANGUAGES.index(country.language) for country in settings.countries.values()])
    return np.asarray(codes[traits.country[customer]])


def write_texts(
    rng: np.random.Generator, profile: str, theme: Ints, language: Ints, there: Flags | None = None
) -> pa.Array:
    """Return one text per row, drawn for its theme (position in `THEMES`) and language; null where not `there`."""
    texts, begins, sizes = text_bank(profile)
    group = theme * len(LANGUAGES) + language
    chosen = begins[group] + (rng.random(theme.size) * sizes[group]).astype(np.int64)
    return texts.take(pa.array(chosen, mask=None if there is None else ~there))
