"""Rows for learning and for explaining, read from a data set without the whole of it in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from churn.features.catalog import Catalog
from churn.integrations.engine import Engine, as_written
from churn.integrations.engines import open_engine, owner_of
from churn.integrations.frames import read_labelled, read_matrix
from churn.integrations.layers import MATRIX_ORDER, Layer, source_folder
from churn.integrations.stale_runs import is_gone
from churn.snapshots.sampling import WEIGHT, SampleShares, choose_shares, draw_of, labelled_rows, sample_rows
from churn.snapshots.splits import Fold, split_dates

Folds = Callable[[pd.DataFrame, ChurnSettings], list[Fold]]


@dataclass(frozen=True)
class TrainingRows:
    """The rows to learn from and to be measured on, their catalogue, and figures of the sample (none of all rows)."""

    matrix: pd.DataFrame
    catalog: Catalog
    metrics: Mapping[str, float] = field(default_factory=dict)


def read_training_rows(dataset: Layer, settings: ChurnSettings, make_folds: Folds) -> TrainingRows:
    """Return the labelled rows, or the stated sample of them with its `sample_weight`.

    Shares are chosen so that the rows before the test dates fill `sample.max_rows`; dates that some fold is tested on
    come whole. The engine draws, so that only the sample reaches this process.

    Parameters
    ----------
    make_folds
        What will split the rows; here it is asked which dates are tested on.

    Raises
    ------
    ConfigRefused
        Where every row is tested on, so that no sample would be smaller.
    """
    if settings.sample.max_rows is None:
        return TrainingRows(*read_matrix(dataset))
    if settings.split.kind == "by_customer":
        raise ConfigRefused(["sample.max_rows: split=by_customer tests on every row, so all are read; take sample=all"])
    with _open_matrix(dataset, settings) as (engine, matrix):
        counts = _count_by_date(matrix)
        days = counts["as_of_date"].tolist()
        counted = counts[~counts["as_of_date"].isin(split_dates(days, settings.split, settings.embargo_days).test)]
        churned, stayed = int(counted["churned"].sum()), int(counted["stayed"].sum())
        shares = choose_shares(churned, stayed, settings.sample.max_rows)
        sample = sample_rows(matrix, shares, settings.sample.seed, _tested_dates(days, settings, make_folds))
        catalog = Catalog.from_rows(dataset.manifest["catalog"])
        rows = _read_through_scratch(engine, sample, catalog)
    learned = {"sample_rows": int((rows[WEIGHT] > 0).sum()), "sample_stands_for": churned + stayed}
    drawn = {"sample_churned_share": shares.churned, "sample_stayed_share": shares.stayed}
    return TrainingRows(rows, catalog, {**learned, **drawn})


def read_even_rows(dataset: Layer, settings: ChurnSettings) -> tuple[pd.DataFrame, Catalog]:
    """Return the labelled rows and their catalogue; above `sample.max_rows` an even sample, to describe them all by."""
    if settings.sample.max_rows is None:
        return read_matrix(dataset)
    catalog = Catalog.from_rows(dataset.manifest["catalog"])
    with _open_matrix(dataset, settings) as (engine, matrix):
        counts = _count_by_date(matrix)
        share = min(1.0, settings.sample.max_rows / int(counts[["churned", "stayed"]].to_numpy().sum()))
        sample = sample_rows(matrix, SampleShares(share, share), settings.sample.seed).drop(WEIGHT)
        return _read_through_scratch(engine, sample, catalog), catalog


def read_unseen_rows(dataset: Layer, settings: ChurnSettings, last_fit_date: str, max_rows: int) -> pd.DataFrame:
    """Return a sample of the labelled rows later than anything a model learned from (of all where none is later)."""
    with _open_matrix(dataset, settings) as (engine, matrix):
        labelled = labelled_rows(matrix)
        later = labelled.filter(labelled.as_of_date > ibis.date(last_fit_date))
        pool = later if later.count().to_pyarrow().as_py() else labelled
        chosen = pool.order_by([draw_of(pool, settings.sample.seed), *MATRIX_ORDER]).limit(max_rows)
        return _read_through_scratch(engine, chosen, Catalog.from_rows(dataset.manifest["catalog"]))


@contextmanager
def _open_matrix(dataset: Layer, settings: ChurnSettings) -> Iterator[tuple[Engine, ir.Table]]:
    """Open the engine with the matrix of a data set; its scratch folder is this process's own.

    Several processes may read at once, so what killed ones left is told by the names of their folders, and removed.
    """
    folder = source_folder(settings, "scratch") / "samples"
    for left in folder.glob("*"):
        if is_gone(owner_of(left)):
            shutil.rmtree(left, ignore_errors=True)
    with open_engine(settings.engine, folder) as engine:
        yield engine, engine.backend.read_parquet(as_written(dataset.path("matrix")))


def _count_by_date(matrix: ir.Table) -> pd.DataFrame:
    labelled = labelled_rows(matrix)
    left = labelled.churned.cast("int64").sum()
    counts: pd.DataFrame = (
        labelled.group_by("as_of_date")
        .agg(churned=left, stayed=labelled.count() - left)
        .order_by("as_of_date")
        .to_pyarrow()
        .to_pandas()
    )
    return counts


def _tested_dates(days: Sequence[date], settings: ChurnSettings, make_folds: Folds) -> list[date]:
    """Return the dates on which some fold is measured."""
    rows = pd.DataFrame({"as_of_date": pd.to_datetime(list(days))})
    is_tested = np.logical_or.reduce([fold.test for fold in make_folds(rows, settings)])
    return [day for day, wanted in zip(days, is_tested, strict=True) if wanted]


def _read_through_scratch(engine: Engine, rows: ir.Table, catalog: Catalog) -> pd.DataFrame:
    path = engine.scratch / "rows.parquet"
    engine.write(rows.order_by(list(MATRIX_ORDER)), path)
    return read_labelled(path, catalog)
