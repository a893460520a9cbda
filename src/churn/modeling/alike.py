"""Which features rise and fall together, so that two reasons with their numbers would tell one thing twice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn.features.catalog import Catalog

STRONG = 0.8  # rank correlation: two thirds of what one says of who has more, the other says as well
ENOUGH_ROWS = 5_000  # know a strong correlation to about a hundredth


def find_alike(rows: pd.DataFrame, catalog: Catalog) -> list[list[str]]:
    """Return the pairs of numbers that reasons quote whose ranks are strongly correlated, in either direction.

    Of many rows an even part is read. A value that is not known ranks in the middle, so features that are hardly ever
    known together are not alike.

    References
    ----------
    Spearman 1904, The proof and measurement of association between two things.
    """
    quoted = {feature.value_of or feature.name for feature in catalog.features}
    names = [f.name for f in catalog.features if f.kind == "number" and f.name in quoted]
    ranks = rows.iloc[:: -(-len(rows) // ENOUGH_ROWS) or 1][names].rank()
    centred = (ranks - ranks.mean()).fillna(0.0).to_numpy()
    size = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    first, second = np.nonzero(np.triu(np.abs(unit.T @ unit) >= STRONG, k=1))
    return [[names[one], names[other]] for one, other in zip(first, second, strict=True)]
