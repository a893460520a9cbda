"""The customers of a date to score, with features built as the model's own were, and whom a list leaves alone."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from churn.core.errors import DataRefused
from churn.core.problem import Problem
from churn.core.settings import ChurnSettings
from churn.core.strict import build_settings
from churn.features.attributes import attributes_beside
from churn.features.catalog import Catalog
from churn.integrations.datasets import candidates_on, features_on
from churn.integrations.engine import Engine
from churn.integrations.layers import MATRIX_ORDER, Layer, open_tables
from churn.integrations.rollups import open_rollup
from churn.snapshots.cohort import build_snapshots
from churn.snapshots.coverage import measure_coverage
from churn.snapshots.grid import check_as_of_date

if TYPE_CHECKING:
    from churn.modeling.bundle import Bundle


def rows_to_score(engine: Engine, staged: Layer, settings: ChurnSettings, bundle: Bundle) -> tuple[ir.Table, date]:
    """Return the feature rows of the cohort on the date to score, built as the model's own were, and that date.

    Attributes of role `segment` stand beside the features, under their own names.

    The cohort, windows and features are the model's, not the present configuration's; the functions are those that
    built its training rows.

    Raises
    ------
    DataRefused
        When the date is outside the data, or the features are not those the model was trained on.
    """
    tables = open_tables(engine, staged)
    if settings.source.kind == "flat":
        return _flat_rows_to_score(tables["matrix"], settings)
    problem = build_settings(Problem, bundle.problem)
    features = problem.features.model_copy(update={"mode": settings.features.mode})  # how, not what: of this night
    as_trained = settings.model_copy(
        update={name: getattr(problem, name) for name in Problem.model_fields} | {"features": features}
    )
    coverage = measure_coverage(tables, settings.source, problem.label.qualifying_events)
    as_of = wanted_date(settings, coverage.end)
    check_as_of_date(as_of, coverage)
    snapshots = build_snapshots(candidates_on(tables, (as_of,), as_trained)).cache()
    built, _ = features_on(tables, snapshots, (as_of,), as_trained, open_rollup(engine, staged, as_trained))
    require_same_features(built.catalog, bundle.catalog)
    beside = attributes_beside(tables["customers"], settings.source, snapshots, roles=("segment",))
    rows = built.table if beside is None else built.table.join(beside, MATRIX_ORDER)
    return rows.order_by(list(MATRIX_ORDER)).cache(), as_of


def customers_not_to_contact(engine: Engine, staged: Layer, settings: ChurnSettings) -> ir.Table | None:
    """Return `customer_id` of those who may not be contacted, None where the source does not say.

    An attribute of role `no_contact` is 1 in any of the customer's versions.
    """
    flags = settings.source.attributes_of("no_contact")
    rows = open_tables(engine, staged)[settings.source.people]
    there = [rows[flag] == 1 for flag in flags if flag in rows.columns]
    return rows.filter(ibis.or_(*there)).select("customer_id").distinct() if there else None


def wanted_date(settings: ChurnSettings, latest: date) -> date:
    """Return the date to score: the one asked for, or the latest there is."""
    wanted = settings.scoring.as_of
    return wanted if isinstance(wanted, date) else latest


def _flat_rows_to_score(flat: ir.Table, settings: ChurnSettings) -> tuple[ir.Table, date]:
    dated = flat.mutate(as_of_date=flat.as_of_date.date())
    dates = sorted(dated.select("as_of_date").distinct().to_pyarrow()["as_of_date"].to_pylist())
    as_of = wanted_date(settings, dates[-1])
    if as_of not in dates:
        raise DataRefused(
            f"the table has no rows of {as_of}", code="as_of_outside_data",
            remedy=f"Choose one of its dates: {', '.join(str(d) for d in dates[-5:])}",
        )  # fmt: skip
    return dated.filter(dated.as_of_date == as_of).order_by(list(MATRIX_ORDER)), as_of


def require_same_features(built: Catalog, trained: Catalog) -> None:
    """Refuse to score with features that are not the model's.

    Raises
    ------
    DataRefused
        Naming what is missing and what is new.
    """
    kinds = {feature.name: feature.kind for feature in built.features}
    expected = {feature.name: feature.kind for feature in trained.features}
    if kinds == expected:
        return
    missing = [name for name, kind in expected.items() if kinds.get(name) != kind]
    new = [name for name in kinds if name not in expected]
    raise DataRefused(
        f"the features built now are not the model's: {len(missing)} missing or of another kind "
        f"({', '.join(missing[:5]) or 'none'}), {len(new)} new ({', '.join(new[:5]) or 'none'})",
        code="feature_mismatch",
        remedy="A table or attribute came or went: restore it, or train again (where the gate then keeps the champion: "
        "churn promote VERSION --force --why TEXT)",
    )
