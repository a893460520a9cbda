"""Sources of randomness: one per purpose and block, so that the data never depends on who is computed when."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from churn.simulation.taxonomy import Floats, Ints

UNIT_SD = np.float32(12**0.5)


class Purpose(IntEnum):
    """What random numbers are for; each purpose has its own stream in each block."""

    CALENDAR = 0
    CUSTOMERS = 1
    PROCESS = 2
    ENGAGEMENT = 3
    SUPPORT = 4
    OUTREACH = 5
    BILLING = 6
    TRUTH = 7
    DIRT = 8


def generator(seed: int, purpose: Purpose, block: int = 0) -> np.random.Generator:
    """Return the generator of one purpose in one block; the same arguments give the same numbers."""
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(int(purpose), block))
    return np.random.Generator(np.random.SFC64(sequence))


def uniform(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Floats:
    """Return numbers in [0, 1), float32."""
    return rng.random(shape, dtype=np.float32)


def innovations(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Floats:
    """Return noise of mean 0 and standard deviation 1 for the weekly moves of the states.

    Uniform rather than normal: ten times as fast, and a sum over weeks is close to normal all the same.
    """
    return (uniform(rng, shape) - np.float32(0.5)) * UNIT_SD


def pick(rng: np.random.Generator, shares: list[float], size: int) -> Ints:
    """Return positions drawn with the given shares, shape (size,)."""
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges, rng.random(size), side="right").astype(np.int64)


def poisson(rng: np.random.Generator, rates: Floats) -> Ints:
    """Return Poisson counts, shape of `rates`, by inverting the distribution function.

    Much faster than the general sampler for the small rates of a week. Exact up to rounding for rates below 80.
    """
    flat = np.minimum(rates.ravel(), np.float32(80.0)).astype(np.float64)
    term = np.exp(-flat)
    draws = rng.random(flat.size)
    counts = np.zeros(flat.size, dtype=np.int64)
    left = np.flatnonzero(draws >= term)
    flat, total, term, draws = flat[left], term[left].copy(), term[left], draws[left]
    step = 0
    while left.size and step < 400:
        step += 1
        counts[left] = step
        term = term * (flat / step)
        total = total + term
        more = draws >= total
        left, flat, total, term, draws = left[more], flat[more], total[more], term[more], draws[more]
    return counts.reshape(rates.shape)
