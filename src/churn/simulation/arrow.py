"""Numpy columns into Arrow columns of the contract: ids, instants, codes and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa

from churn.simulation.taxonomy import Days, Flags, Ints

INSTANT = pa.timestamp("us", tz="UTC")
DAY_MICROSECONDS = 86_400_000_000


def epoch_microseconds(day: date) -> int:
    """Return the instant a date begins, in microseconds since 1970, UTC."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(begin.timestamp()) * 1_000_000


def instants(start: date, days: Days, there: Flags | None = None) -> pa.Array:
    """Return days since `start` as instants, whole seconds; null where `there` is false."""
    seconds = np.floor(np.where(np.abs(days) < 1e5, days, 0) * 86_400).astype(np.int64)
    return clock(epoch_microseconds(start) + seconds * 1_000_000, there)


def clock(microseconds: Ints, there: Flags | None = None) -> pa.Array:
    """Return microseconds since 1970 as instants; null where `there` is false."""
    mask = None if there is None else ~there
    return pa.array(microseconds, type=pa.int64(), mask=mask).cast(INSTANT)


def ids(prefix: str, *parts: tuple[Ints | int, int, str]) -> pa.StringArray:
    """Return ids as text: a prefix, then zero-padded numbers, each followed by its suffix.

    Parameters
    ----------
    prefix
        Text every id begins with (ASCII).
    parts
        `(numbers, width, suffix)`: numbers of shape (n,) or one number for all, written with `width` digits.

    Examples
    --------
    >>> ids("S", (np.array([7, 12]), 4, "-"), (np.array([1, 2]), 1, "")).to_pylist()
    ['S0007-1', 'S0012-2']
    """
    n = max(int(np.size(numbers)) for numbers, _, _ in parts)
    width = len(prefix) + sum(digits + len(suffix) for _, digits, suffix in parts)
    text = np.empty((n, width), dtype=np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    at = len(prefix)
    for numbers, digits, suffix in parts:
        rest = np.asarray(numbers, dtype=np.int64)
        for place in range(digits - 1, -1, -1):
            rest, digit = np.divmod(rest, 10)
            text[:, at + place] = digit + 48
        at += digits
        text[:, at : at + len(suffix)] = np.frombuffer(suffix.encode(), dtype=np.uint8)
        at += len(suffix)
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(text))


def coded(codes: Ints, names: Sequence[str] | pa.Array, there: Flags | None = None) -> pa.DictionaryArray:
    """Return positions into `names` as text; null where `there` is false."""
    mask = None if there is None else ~there
    words = names if isinstance(names, pa.Array) else pa.array(list(names), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=mask), words)


def numbers(values: np.typing.NDArray[np.generic], there: Flags | None = None) -> pa.Array:
    """Return numbers as float64; null where `there` is false."""
    return pa.array(values.astype(np.float64), mask=None if there is None else ~there)
