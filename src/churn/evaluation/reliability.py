"""Whether probabilities mean what they say: log loss, Brier score, calibration error, slope and intercept."""

from __future__ import annotations

import numpy as np

EDGE = 1e-7
BINS = 15  # of the calibration error (Naeini, Cooper, Hauskrecht 2015), of equal mass as in Nixon et al. 2019
NEWTON_STEPS = 25
HALVINGS = 30
FURTHEST = 1e6  # a longer step, in log-odds, says that scores hardly vary
TOLERANCE = 1e-6


def equal_mass_bins(probability: np.ndarray) -> np.ndarray:
    """Return the bin of each row, shape (rows,); bins hold about as many rows each, those of equal probability one."""
    _, of_row, rows = np.unique(probability, return_inverse=True, return_counts=True)
    return place_values(rows, BINS)[of_row]


def place_values(rows: np.ndarray, count: int) -> np.ndarray:
    """Return the equal-mass bin of each value, shape (values,), of how many rows have it; values ascend.

    A value's place is that of its middle row, however many rows share it.
    """
    middle = np.cumsum(rows) - rows / 2
    return np.asarray((middle * count // rows.sum()).astype(int))


def row_losses(probability: np.ndarray, churned: np.ndarray) -> dict[str, np.ndarray]:
    """Return log loss and Brier score per row, shape (rows,) each; their weighted means are the metrics."""
    clipped = np.clip(probability, EDGE, 1 - EDGE)
    return {
        "log_loss": -(churned * np.log(clipped) + (1 - churned) * np.log1p(-clipped)),
        "brier": (probability - churned) ** 2,
    }


def without_noise(drawn: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the calibration errors of resamples freed of what chance alone puts into every bin.

    Distances are never negative, so chance adds to them: the error of the rows holds it once, those of their resamples
    twice, and an interval of these lies above the truth and above the figure itself. Chance and distance add up in
    squares; two shares are taken out of each resample, so that intervals hold the truth. The figure that stands before
    an interval is the plain one, chance included: never smaller than anybody would compute.

    Parameters
    ----------
    drawn
        Calibration errors of resamples, shape (draws,).
    noise
        How far the gaps of each resample are from those of the rows, summed over the bins: what chance does, shape
        (draws,).

    References
    ----------
    Broecker 2012, Estimating reliability and resolution of probability forecasts through decomposition of the
    empirical score (what chance adds to it).

    Examples
    --------
    >>> without_noise(np.array([0.05, 0.06, 0.08]), np.array([0.02, 0.03, 0.04])).round(3).tolist()
    [0.026, 0.042, 0.068]
    """
    return np.sqrt(np.maximum(drawn**2 - 2 * float(np.mean(noise)) ** 2, 0.0))


def calibration_line(
    probability: np.ndarray,
    churned: np.ndarray,
    weights: np.ndarray | None = None,
    near: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and intercept of the outcome regressed on the predicted log-odds (1 and 0 when perfect).

    Not a number when the probabilities do not vary or the outcomes are separated.

    Parameters
    ----------
    probability, churned, weights
        What was predicted, the outcome (or its rate) and how often it counts, shape (rows, ...); one line per column.
    near
        A line to begin the search at.

    References
    ----------
    Cox 1958; Van Calster et al. 2019 for slope and intercept as measures of calibration.
    """
    clipped = np.clip(probability, EDGE, 1 - EDGE)
    x, y = np.log(clipped) - np.log1p(-clipped), np.asarray(churned, dtype=float)
    weight = np.ones_like(y) if weights is None else weights
    x_columns, y_columns, weight_columns = (values.reshape(len(y), -1) for values in (x, y, weight))
    slope, intercept = _fit_lines(x_columns, y_columns, weight_columns, near)
    return slope.reshape(y.shape[1:]), intercept.reshape(y.shape[1:])


def _fit_lines(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, near: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    """Return slope and intercept of the logistic regression of each column by Newton steps, shape (2, columns)."""
    lines = np.full((2, x.shape[1]), np.nan)
    rate = np.average(y, axis=0, weights=weight)
    there = weight > 0
    spread = np.max(x, axis=0, where=there, initial=-np.inf) - np.min(x, axis=0, where=there, initial=np.inf)
    left = np.flatnonzero((spread >= EDGE) & (rate > 0) & (rate < 1))
    at = np.stack([np.zeros(len(left)), np.log(rate[left] / (1 - rate[left]))])
    if near is not None and np.isfinite(near).all():
        at[:] = np.reshape(near, (2, 1))
    x, y, weight = x[:, left], y[:, left], weight[:, left]
    p, worth = _judge(at, x, y, weight)
    for _ in range(NEWTON_STEPS):
        step = _newton_step(p, x, y, weight)
        size = np.abs(step).max(axis=0)
        lines[:, left[size < TOLERANCE]] = (at + step)[:, size < TOLERANCE]
        go_on = (size >= TOLERANCE) & (size < FURTHEST)  # neither found, nor without a step to make
        if not go_on.any():
            break
        if not go_on.all():
            left, at, step, worth = left[go_on], at[:, go_on], step[:, go_on], worth[go_on]
            x, y, weight = x[:, go_on], y[:, go_on], weight[:, go_on]
        at, p, worth = _downhill(at, step, worth, x, y, weight)
    return lines


def _newton_step(p: np.ndarray, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the step of each column, shape (2, columns); not a number where the information is singular."""
    pull, spread = weight * (y - p), weight * p * (1 - p)
    by_slope, by_intercept = (pull * x).sum(axis=0), pull.sum(axis=0)
    spread_x = spread * x
    a, b, c = (spread_x * x).sum(axis=0), spread_x.sum(axis=0), spread.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            np.stack([c * by_slope - b * by_intercept, a * by_intercept - b * by_slope]) / (a * c - b * b)
        )


def _downhill(
    at: np.ndarray, step: np.ndarray, worth: np.ndarray, x: np.ndarray, y: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where steps lead, with `_judge` of it; a full step may run away, then it is halved until it does not."""
    for _ in range(HALVINGS):
        p, there = _judge(at + step, x, y, weight)
        if (there <= worth).all():
            return at + step, p, there
        step = np.where(there <= worth, step, step / 2)
    at = np.where(there <= worth, at + step, at)
    return at, *_judge(at, x, y, weight)


def _judge(at: np.ndarray, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of every row under a line per column, and the log loss of each line."""
    log_odds = at[0] * x + at[1]
    odds = np.exp(-np.abs(log_odds))
    loss = np.log1p(odds) + np.maximum(log_odds, 0) - y * log_odds
    return np.where(log_odds >= 0, 1.0, odds) / (1 + odds), (weight * loss).sum(axis=0)


def reliability_table(probability: np.ndarray, churned: np.ndarray) -> list[dict[str, float]]:
    """Return one row per equal-mass bin that holds any: `rows`, mean `predicted`, `observed` rate."""
    of_row = equal_mass_bins(probability)
    rows, predicted, observed = (np.bincount(of_row, weights) for weights in (None, probability, churned))
    return [
        {"rows": int(n), "predicted": float(p / n), "observed": float(o / n)}
        for n, p, o in zip(rows, predicted, observed, strict=True)
        if n
    ]
