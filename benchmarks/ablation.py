"""What each family of features is worth: the configured model with and without it, on the simulated and on real sets.

Usage: python benchmarks/ablation.py [customers] [SET ...]     (default 10,000 simulated customers and no real set)
Choices are made by the figures of the calibration dates, which lie before every test date and whose outcomes the model
has not seen. The test dates stand beside them and decide nothing. `former` are the six families there were first.
Prints one table per company, and the same figures as JSON last.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import pandas as pd

from churn.core.problem import FamilyName
from churn.core.settings import ChurnSettings
from churn.evaluation.ranking import area_under_roc, auc, average_precision, group_by_score
from churn.features.catalog import Catalog
from churn.integrations.frames import read_matrix
from churn.integrations.layers import source_folder
from churn.modeling.experiment import build_folds
from churn.modeling.fit import TARGET, fit_bundle
from churn.simulation.answers import read_truth, truth_folder
from churn.simulation.settings import SimulateSettings
from pipelines import simulate, validate
from pipelines.composition import compose
from pipelines.estimators import build_candidates
from pipelines.features import ensure_dataset

EVERY = f"features.families=[{','.join(get_args(FamilyName))}]"
FORMER = ("engagement", "peers", "support", "subscription", "payments", "profile")


@dataclass(frozen=True)
class Line:
    """One model: what it had, and its figures; `captured` is the share of the oracle's AUC above chance."""

    features: str
    columns: int
    calibration_auc: float
    calibration_ap: float
    calibration_captured: float | None
    test_auc: float
    test_ap: float


def ablate(settings: ChurnSettings, has_truth: bool) -> Iterator[Line]:
    """Yield the figures with everything, with the former families, and without each family in turn."""
    matrix, catalog = read_matrix(ensure_dataset(settings))
    families = list(dict.fromkeys(feature.family for feature in catalog.features))
    chosen = {"all": families, "former": [name for name in families if name in FORMER]}
    chosen |= {f"without {name}": [other for other in families if other != name] for name in families}
    for name, kept in chosen.items():
        yield measure(name, matrix, Catalog([f for f in catalog.features if f.family in kept]), settings, has_truth)


def measure(name: str, matrix: pd.DataFrame, catalog: Catalog, settings: ChurnSettings, has_truth: bool) -> Line:
    """Return the figures of the model fitted on some of the features, over all folds of the split."""
    parts: dict[str, list[pd.DataFrame]] = {"calibrate": [], "test": []}
    for fold in build_folds(matrix, settings):
        model, _ = build_candidates(settings)
        bundle = fit_bundle(matrix, fold, model, catalog, "none", {})
        for part, found in parts.items():
            rows = matrix.loc[getattr(fold, part)]
            found.append(rows[["customer_id", "as_of_date", TARGET]].assign(score=bundle.raw_score(rows)))
    held = {part: pd.concat(found) for part, found in parts.items()}
    captured = captured_share(held["calibrate"], settings) if has_truth else None
    return Line(name, len(catalog.names), *_areas(held["calibrate"]), captured, *_areas(held["test"]))


def _areas(rows: pd.DataFrame) -> tuple[float, float]:
    """Return AUC and average precision."""
    left, total = group_by_score(rows["score"].to_numpy(), rows[TARGET].to_numpy(float))
    return float(area_under_roc(left, total - left)), float(average_precision(left, total))


def captured_share(rows: pd.DataFrame, settings: ChurnSettings) -> float:
    """Return the model's AUC above chance against the oracle's, over all outcomes that could have been."""
    folder, tables = truth_folder(settings), source_folder(settings, "raw")
    truths = [
        read_truth(folder, tables, day.date(), settings.windows.horizon_days).assign(as_of_date=day)
        for day in sorted(rows["as_of_date"].unique())
    ]
    both = rows.merge(pd.concat(truths).drop(columns=TARGET), on=["customer_id", "as_of_date"])
    truth = both["true_probability"].to_numpy(float)
    own, best = (auc(score, truth) - 0.5 for score in (both["score"].to_numpy(float), truth))
    return float(own / best)


def run(name: str, words: list[str], work: Path, customers: int | None = None) -> list[Line]:
    """Build one company in a work folder, print its table and return the lines."""
    places = [f"paths.{place}={work}/{place}" for place in ("data", "models", "runs")]
    if customers is None:
        settings: ChurnSettings = compose("train", ChurnSettings, [*words, *places])
    else:
        simulated = compose("simulate", SimulateSettings, [*words, f"simulation.customers={customers}", *places])
        simulate.run(simulated)
        settings = simulated
    validate.run(settings)
    print(
        f"\n{name}\n\n| features | columns | AUC | AP | captured | test AUC | test AP |\n|---|---|---|---|---|---|---|"
    )
    lines = []
    for line in ablate(settings, customers is not None):
        values = list(asdict(line).values())
        shown = ["" if value is None else f"{value:.4f}" for value in values[2:]]
        print(f"| {' | '.join([line.features, str(line.columns), *shown])} |", flush=True)
        lines.append(line)
    return lines


def main(words: list[str]) -> int:
    """Run the companies asked for, print tables and the same figures as JSON last."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)
    customers = next((int(word) for word in words if word.isdigit()), 10_000)
    figures = {}
    with tempfile.TemporaryDirectory() as work:
        if customers:
            figures["simulated"] = run("simulated", ["experiment=oracle", EVERY], Path(work), customers)
        for name in (word for word in words if not word.isdigit()):
            figures[name] = run(name, [f"experiment={name}", EVERY], Path(work))
    print(json.dumps({name: [asdict(line) for line in lines] for name, lines in figures.items()}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
