"""Which rows are learned from where not all can be: nearly all who left, a share of those who stayed, weights for both.

The draw depends on customer, date and seed alone, so every engine and any partition of the rows gives the same sample.
A row's weight is how many rows it stands for, so means over the sample are those of all rows: probabilities come out at
the true base rate, and no model needs to be corrected afterwards.

References
----------
Horvitz and Thompson 1952 (weights of one over the chance to be drawn); King and Zeng 2001 (the rare class whole, two to
five of the others for each; weighting stays right when the model is not).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

WEIGHT = "sample_weight"
LEAVERS_SHARE = 0.25
DIGITS = 8


class SampleShares(NamedTuple):
    """Which share of the rows of those who left, and of those who stayed, is drawn."""

    churned: float
    stayed: float


def choose_shares(churned: int, stayed: int, max_rows: int) -> SampleShares:
    """Return the shares that give about `max_rows` rows.

    Leavers come whole, as far as they do not exceed a quarter of the sample or their own share of all rows.

    Examples
    --------
    >>> choose_shares(churned=1_000, stayed=99_000, max_rows=10_000)
    SampleShares(churned=1.0, stayed=0.09090909090909091)
    >>> choose_shares(churned=50_000, stayed=50_000, max_rows=10_000)
    SampleShares(churned=0.1, stayed=0.1)
    """
    if churned + stayed <= max_rows:
        return SampleShares(1.0, 1.0)
    most = max_rows * max(LEAVERS_SHARE, churned / (churned + stayed))
    kept = min(churned, most)
    return SampleShares(kept / churned if churned else 1.0, (max_rows - kept) / stayed if stayed else 1.0)


def sample_rows(matrix: ir.Table, shares: SampleShares, seed: int, whole_dates: Collection[date] = ()) -> ir.Table:
    """Return the labelled rows that are drawn, with `sample_weight`; on whole dates the others too, with a weight of 0.

    Grain: customer x as-of date, as the matrix.
    """
    labelled = labelled_rows(matrix)
    drawn = ibis.cases(
        (labelled.churned & _is_drawn(labelled, shares.churned, seed), 1.0 / shares.churned),
        (~labelled.churned & _is_drawn(labelled, shares.stayed, seed), 1.0 / shares.stayed),
        else_=0.0,
    )
    weighted = labelled.mutate(**{WEIGHT: drawn})
    is_read = weighted[WEIGHT] > 0
    if whole_dates:
        is_read |= weighted.as_of_date.isin(sorted(whole_dates))
    return weighted.filter(is_read)


def labelled_rows(matrix: ir.Table) -> ir.Table:
    """Return the rows whose outcome is known."""
    return matrix.filter(matrix.churned.notnull())


def draw_of(rows: ir.Table, seed: int) -> ir.StringValue:
    """Return a text of hexadecimal digits per row, evenly spread, that depends on customer, date and seed alone."""
    key = ibis.literal(f"{seed}:") + rows.customer_id + ibis.literal(":") + rows.as_of_date.cast("string")
    return key.hexdigest("md5").substr(0, DIGITS)


def _is_drawn(rows: ir.Table, share: float, seed: int) -> ir.BooleanValue:
    limit = math.ceil(share * 16**DIGITS)
    return ibis.literal(True) if limit >= 16**DIGITS else draw_of(rows, seed) < f"{limit:0{DIGITS}x}"
