"""From contributions to the parts of a model to contributions to its score, along the line from the base to a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

POINTS = 16  # of the quadrature; what is left is far below the tolerance, and is shared out


def mean_gradient(base: np.ndarray, path: np.ndarray, gradient: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return a gradient averaged along the straight line from the base to every row, shape (rows, parts).

    Parameters
    ----------
    base
        Where the line begins, shape (parts,) or (rows, parts).
    path
        The way from there to the row, shape (rows, parts).
    gradient
        The score's gradient by each part, of values of the parts, shape (rows, parts) both.

    References
    ----------
    Sundararajan, Taly, Yan 2017, Axiomatic attribution for deep networks (integrated gradients).
    """
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    total = np.zeros_like(path)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total += weight * gradient(base + node * path)
    return total


def share_out(values: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return values with a rest added to each row, shared by absolute weight (evenly where all are zero).

    Shapes: values (..., parts), rest (...).
    """
    size = np.abs(values) + np.finfo(float).tiny
    return np.asarray(values + size / size.sum(axis=-1, keepdims=True) * rest[..., None])
