"""What every model said of the test rows, in a form that can be kept with a run and measured again beside other runs.

Customers are named by a hash; `customer_order` keeps the order of their ids, on which ties and resamples depend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

SUFFIX = "_probability"
KEYS = ["customer", "as_of_date"]


def to_predictions(rows: pd.DataFrame, probabilities: Mapping[str, np.ndarray], mrr: np.ndarray | None) -> pd.DataFrame:
    """Return one row per test row: `customer` (hash), `as_of_date`, `churned`, `mrr`, `<model>_probability`.

    The model to judge has the first of the probability columns.
    """
    codes, ids = pd.factorize(rows["customer_id"], sort=True)
    hashed = np.array([hashlib.sha256(str(customer).encode()).hexdigest()[:20] for customer in ids])
    frame = pd.DataFrame(
        {
            "customer": hashed[codes],
            "customer_order": codes,
            "as_of_date": rows["as_of_date"].to_numpy(),
            "churned": rows["churned"].to_numpy(dtype=int),
            "mrr": np.full(len(rows), np.nan) if mrr is None else mrr,
        }
    )
    return frame.assign(**{f"{name}{SUFFIX}": p for name, p in probabilities.items()})


def measured_rows(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows as the metrics want them: `customer_id`, `as_of_date`, `churned`."""
    return predictions[["customer_order", "as_of_date", "churned"]].rename(columns={"customer_order": "customer_id"})


def probabilities_of(predictions: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return probabilities by model, the one to judge first, shape (rows,) each."""
    names = [name for name in predictions.columns if name.endswith(SUFFIX)]
    return {name.removesuffix(SUFFIX): predictions[name].to_numpy(dtype=float) for name in names}


def judged_probability(predictions: pd.DataFrame) -> np.ndarray:
    """Return the probabilities of the model that the run is about, shape (rows,)."""
    return next(iter(probabilities_of(predictions).values()))


def prices_of(predictions: pd.DataFrame) -> np.ndarray | None:
    """Return what each customer pays a month, shape (rows,); None where no price is known."""
    mrr = predictions["mrr"].to_numpy(dtype=float)
    return mrr if np.isfinite(mrr).any() else None


def fingerprint_of(predictions: pd.DataFrame) -> str:
    """Return an id of the test set: which customers, on which dates, with which outcome, in whatever order."""
    seconds = predictions["as_of_date"].astype("datetime64[s]")  # Parquet gives dates back in another unit
    keyed = predictions[[*KEYS, "churned"]].assign(as_of_date=seconds)
    hashes = np.sort(pd.util.hash_pandas_object(keyed, index=False).to_numpy())
    return hashlib.sha256(hashes.tobytes()).hexdigest()[:16]


def in_order_of(predictions: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return predictions of the same test set in the order of the rows of another."""
    found = other[KEYS].merge(predictions, on=KEYS, how="left", validate="one_to_one")
    return found[list(predictions.columns)]
