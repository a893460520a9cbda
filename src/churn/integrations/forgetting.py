"""Customers to be forgotten: removed from all that was published and built, and kept out from then on.

Only the hashes of their ids are kept, so that a later delivery that still holds them can be filtered.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from churn.core.errors import DataRefused
from churn.core.settings import ChurnSettings
from churn.integrations.layers import kept_layers, source_folder
from churn.integrations.locks import RUN_LOCK, hold_lock
from churn.integrations.publication import publish, published_dates, read_published
from churn.integrations.store import output_errors, read_json, write_json

FORGOTTEN = "forgotten.json"
BUILT = ("staged", "datasets", "rollup", "scratch")


def read_forgotten(settings: ChurnSettings) -> frozenset[str]:
    """Return the SHA-256 of the id of every customer of the source who was forgotten."""
    path = _file(settings)
    return (
        frozenset(read_json(path, "Restore it from a copy: it keeps forgotten customers out", _are_marks))
        if path.is_file()
        else frozenset()
    )


def _are_marks(content: object) -> bool:
    return isinstance(content, list) and all(isinstance(mark, str) for mark in content)


def without_forgotten(tables: Mapping[str, ir.Table], forgotten: Collection[str]) -> dict[str, ir.Table]:
    """Return the mapped tables without the rows of forgotten customers."""
    if not forgotten:
        return dict(tables)
    marks = sorted(forgotten)
    return {
        name: table.filter(~table.customer_id.cast("string").hexdigest("sha256").isin(marks))
        if "customer_id" in table.columns
        else table
        for name, table in tables.items()
    }


def forget(settings: ChurnSettings, customer_ids: Sequence[str]) -> int:
    """Forget customers and return from how many published lists they were taken.

    Their ids' hashes are kept first, then every published date is published again without them, then what was built
    of the source (staged tables, data sets, the rollup of events) is removed: validate it again before the next list.

    Raises
    ------
    DataRefused
        When there is no customer of one of these ids: a misspelt id would leave its owner in place.
    RunLocked
        When a stage is at work on the source.
    OutputFailed
        When a file cannot be written.
    """
    lists = source_folder(settings, "lists")
    with ExitStack() as held:
        for layer in ("lists", "staged", "datasets"):
            held.enter_context(hold_lock(source_folder(settings, layer) / RUN_LOCK))
        _refuse_unknown(settings, customer_ids)
        marks = {hashlib.sha256(customer_id.encode()).hexdigest() for customer_id in customer_ids}
        write_json(_file(settings), sorted(read_forgotten(settings) | marks))
        changed = sum(_take_from_list(lists, day, customer_ids) for day in published_dates(lists))
        for layer in BUILT:
            folder = source_folder(settings, layer)
            with output_errors(folder):
                for path in folder.glob("[!.]*"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return changed


def _refuse_unknown(settings: ChurnSettings, customer_ids: Sequence[str]) -> None:
    """Refuse ids that neither the staged tables nor a list has; where such a table is not whole, nobody can tell.

    They all go in the end, also those that somebody who was stopped has half removed.
    """
    lists, staged = source_folder(settings, "lists"), kept_layers(settings)
    if not staged:
        return
    people = settings.source.people
    try:
        held = [pd.read_parquet(layer.path(people), columns=["customer_id"]) for layer in staged]
    except (pa.ArrowInvalid, OSError):
        return
    held += [read_published(lists, day, "scores")[0] for day in published_dates(lists)]
    known = {customer_id for rows in held for customer_id in rows["customer_id"]}
    unknown = [customer_id for customer_id in customer_ids if customer_id not in known]
    if unknown:
        raise DataRefused(
            f"{len(unknown)} of the ids are in no table and on no list of source '{settings.source.name}'; nobody is "
            "forgotten",
            table=people,
            column="customer_id",
            code="unknown_customer",
            examples=unknown,
            remedy="Write ids as the source does, leading zeros included",
        )


def _take_from_list(lists: Path, day: str, customer_ids: Sequence[str]) -> bool:
    tables, facts = {}, {}
    found = False
    for name in ("scores", "worklist"):
        rows, entry = read_published(lists, day, name)
        leaving = rows["customer_id"].isin(list(customer_ids))
        found = found or bool(leaving.any())
        tables[name] = rows[~leaving].reset_index(drop=True)
        facts = {key: value for key, value in entry.items() if key not in ("files", "rows")}
    if found:
        publish(lists, date.fromisoformat(day), tables, facts)
    return found


def _file(settings: ChurnSettings) -> Path:
    return settings.paths.data / settings.source.name / FORGOTTEN
