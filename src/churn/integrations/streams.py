"""Streams of Arrow rows, of which a part is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds


def open_parts(path: Path) -> ds.Dataset:
    """Return Parquet as a data set of Arrow: a file, or a folder of parts in the order of their names."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    return ds.dataset([str(file) for file in files])


def in_groups(rows: pa.RecordBatchReader, size: int) -> Iterator[pa.Table]:
    """Yield rows in groups of one size, the last one smaller, however they came; at least one, be it empty.

    So what is made of equal rows has equal bytes, whatever the engine handed out at a time.

    Examples
    --------
    >>> batches = [pa.record_batch({"x": list(range(n))}) for n in (1, 4, 2)]
    >>> [len(group) for group in in_groups(pa.RecordBatchReader.from_batches(batches[0].schema, batches), 3)]
    [3, 3, 1]
    """
    held, is_first = rows.schema.empty_table(), True
    for batch in rows:
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        while len(held) >= size:
            yield held.slice(0, size).combine_chunks()
            held, is_first = held.slice(size), False
    if len(held) or is_first:
        yield held.combine_chunks()


def sort_rows(rows: pa.Table, order: Sequence[str]) -> pa.Table:
    """Return rows in ascending order of some columns."""
    return rows.take(pc.sort_indices(rows, [(name, "ascending") for name in order]))


def slices_of(counts: Sequence[tuple[Any, int]], most: int | None) -> list[tuple[Any, Any]]:
    """Return the first and last value of consecutive slices of at most so many rows, or of one value with more.

    Parameters
    ----------
    counts
        Values, ascending, and how many rows have each.
    most
        None makes one slice of all.

    Examples
    --------
    >>> slices_of([("a", 2), ("b", 1), ("c", 9)], 3)
    [('a', 'b'), ('c', 'c')]
    """
    slices: list[tuple[Any, Any]] = []
    held = 0
    for value, rows in counts:
        held += rows
        if slices and (most is None or held <= most):
            slices[-1] = (slices[-1][0], value)
        else:
            slices.append((value, value))
            held = rows
    return slices
