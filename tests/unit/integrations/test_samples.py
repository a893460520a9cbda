from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn.core.errors import ConfigRefused
from churn.core.settings import ChurnSettings
from churn.integrations.engines import open_engine
from churn.integrations.frames import read_matrix
from churn.integrations.layers import Layer, source_folder
from churn.integrations.samples import read_even_rows, read_training_rows, read_unseen_rows
from churn.modeling.experiment import backtest_folds, build_folds
from churn.snapshots.sampling import WEIGHT
from tests.builders import make_settings
from tests.unit.modeling.toys import CATALOG, DATES, make_matrix

WINDOWS = {"lead_days": 1, "horizon_days": 20, "embargo_days": 21, "cadence_days": 30, "observation_days": 90}


@pytest.fixture(params=["one file", "parts"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Layer:
    """The toy matrix as an engine left it: one file, or a folder of parts."""
    matrix = make_matrix(400)
    matrix = matrix.assign(as_of_date=matrix["as_of_date"].dt.date, churned=matrix["churned"].astype(bool))
    path = tmp_path / "data set" / "matrix.parquet"
    path.parent.mkdir()
    if request.param == "parts":
        path.mkdir()
        for number, part in enumerate(np.array_split(np.arange(len(matrix)), 3)):
            matrix.iloc[part].to_parquet(path / f"part-0000{number}.zstd.parquet", index=False)
    else:
        matrix.to_parquet(path, index=False)
    return Layer(path.parent, {"fingerprint": "f", "catalog": CATALOG.to_rows()})


def settings_with(tmp_path: Path, max_rows: int | None = 600, **changes: Any) -> ChurnSettings:
    return make_settings(tmp_path, windows=WINDOWS, sample={"max_rows": max_rows}, **changes)


def test_without_a_limit_every_labelled_row_is_read(tmp_path: Path, dataset: Layer) -> None:
    rows = read_training_rows(dataset, settings_with(tmp_path, None), build_folds)
    pd.testing.assert_frame_equal(rows.matrix, read_matrix(dataset)[0])
    assert len(rows.matrix) == 400 * len(DATES) and WEIGHT not in rows.matrix and rows.metrics == {}


def test_a_sample_fills_the_limit_and_says_what_it_stands_for(tmp_path: Path, dataset: Layer) -> None:
    rows = read_training_rows(dataset, settings_with(tmp_path), build_folds)
    learned = rows.matrix[(rows.matrix[WEIGHT] > 0) & (rows.matrix["as_of_date"] < DATES[-1])]
    assert len(learned) == pytest.approx(600, rel=0.1)
    assert learned[WEIGHT].sum() == pytest.approx(rows.metrics["sample_stands_for"], rel=0.1)
    assert rows.metrics["sample_stands_for"] == 400 * (len(DATES) - 1)
    assert rows.metrics["sample_rows"] == (rows.matrix[WEIGHT] > 0).sum()
    assert rows.metrics["sample_churned_share"] < 1 > rows.metrics["sample_stayed_share"]


def test_dates_that_are_tested_on_come_whole_and_teach_nothing_more(tmp_path: Path, dataset: Layer) -> None:
    settings = settings_with(tmp_path)
    matrix = read_training_rows(dataset, settings, build_folds).matrix
    (fold,) = build_folds(matrix, settings)
    assert fold.test.sum() == 400
    assert (matrix.loc[fold.fit | fold.calibrate, WEIGHT] > 0).all()
    matrix = read_training_rows(dataset, settings, backtest_folds).matrix
    for fold in backtest_folds(matrix, settings):
        assert fold.test.sum() == 400
        assert (matrix.loc[fold.fit | fold.calibrate, WEIGHT] > 0).all()


def test_the_sample_is_the_same_again_and_another_with_another_seed(tmp_path: Path, dataset: Layer) -> None:
    first, again = (read_training_rows(dataset, settings_with(tmp_path), build_folds).matrix for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    other = make_settings(tmp_path, windows=WINDOWS, sample={"max_rows": 600, "seed": 1})
    assert not first.equals(read_training_rows(dataset, other, build_folds).matrix)


def test_a_split_that_tests_on_every_row_cannot_be_sampled(tmp_path: Path, dataset: Layer) -> None:
    settings = settings_with(tmp_path, split={"kind": "by_customer"})
    with pytest.raises(ConfigRefused, match="split=by_customer tests on every row"):
        read_training_rows(dataset, settings, build_folds)


def test_rows_to_explain_are_later_than_what_was_learned(tmp_path: Path, dataset: Layer) -> None:
    settings = settings_with(tmp_path)
    rows = read_unseen_rows(dataset, settings, "2024-04-01", 50)
    assert len(rows) == 50 and rows["as_of_date"].min() > pd.Timestamp("2024-04-01")
    pd.testing.assert_frame_equal(rows, read_unseen_rows(dataset, settings, "2024-04-01", 50))
    everything = read_unseen_rows(dataset, settings, "2025-01-01", 10_000)
    assert len(everything) == 400 * len(DATES)


def test_an_even_sample_keeps_the_shares_of_all_rows(tmp_path: Path, dataset: Layer) -> None:
    rows, _ = read_even_rows(dataset, settings_with(tmp_path))
    everything, catalog = read_even_rows(dataset, settings_with(tmp_path, None))
    assert len(everything) == 400 * len(DATES) and catalog.names == CATALOG.names
    assert len(rows) == pytest.approx(600, rel=0.1) and WEIGHT not in rows
    assert rows["churned"].mean() == pytest.approx(everything["churned"].mean(), abs=0.05)


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path, dataset: Layer) -> None:
    read_training_rows(dataset, settings_with(tmp_path), build_folds)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_what_killed_runs_left_is_removed_and_nothing_of_those_at_work(tmp_path: Path, dataset: Layer) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    settings = settings_with(tmp_path)
    samples = source_folder(settings, "scratch") / "samples"
    with open_engine(settings.engine, samples) as engine:
        at_work = engine.scratch.name
        for name in (at_work.replace(str(os.getpid()), str(gone.pid)), at_work.replace(socket.gethostname(), "other")):
            (samples / name / "spill").mkdir(parents=True)
        read_training_rows(dataset, settings, build_folds)
        assert {folder.name for folder in samples.iterdir()} == {
            at_work,
            at_work.replace(socket.gethostname(), "other"),
        }
