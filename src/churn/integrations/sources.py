"""A company's raw inputs, mapped onto the canonical tables by the source's SELECTs."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import ibis.expr.types as ir

from churn.core.errors import ChurnError, DataRefused, first_line, refuse_together
from churn.core.source import InputSettings, SourceSettings
from churn.core.suggestions import did_you_mean
from churn.integrations.csv_files import explain_csv_error
from churn.integrations.databases import database_relation
from churn.integrations.engine import Engine, columns_of, identifier, shortage
from churn.integrations.raw_files import explain_line_endings, files_relation, find_files, origin_of
from churn.integrations.selects import one_select, refuse_assumed_zone
from churn.integrations.spark import SparkEngine
from churn.staging.contracts import contract_of

log = logging.getLogger(__name__)
MAPPED = "mapped_"  # begins the names of the views over the SELECTs


def open_source(engine: Engine, source: SourceSettings) -> dict[str, ir.Table]:
    """Return what the source's SELECTs yield, by canonical table name; nothing is read yet but headers and footers.

    Raises
    ------
    DataRefused
        When a file is missing or broken, or a SELECT does not fit its inputs.
    """
    open_inputs(engine, source)
    mapped, refusals, inputs = {}, [], _typed_inputs(engine, source)
    for table, select in source.tables.items():
        try:
            mapped[table] = _mapped(engine, table, select, source, inputs)
        except DataRefused as refusal:
            refusals.append(refusal)
    refuse_together(refusals)
    return mapped


def open_inputs(engine: Engine, source: SourceSettings) -> dict[str, str]:
    """Make a view of every raw input under its own name, and return the relation each reads, by that name.

    Raises
    ------
    DataRefused
        For every input that is missing, broken, or no table.
    """
    relations: dict[str, str] = {}
    refusals = []
    for name, settings in source.inputs.items():
        try:
            if isinstance(engine, SparkEngine):
                _read_by_spark(engine, name, settings)
            else:
                relations[name] = _open_input(engine, name, settings, source)
        except DataRefused as refusal:
            refusals.append(refusal)
    refuse_together(refusals)
    return relations


def _open_input(engine: Engine, name: str, settings: InputSettings, source: SourceSettings) -> str:
    if settings.connection_env is not None:
        relation = database_relation(engine, name, settings)
    else:
        relation = files_relation(engine, name, settings, source.tables.values())
    try:
        engine.define(name, f"SELECT * FROM {relation}")
    except Exception as error:
        raise explain_engine_error(error, name) from error
    return relation


def _read_by_spark(engine: SparkEngine, name: str, settings: InputSettings) -> None:
    """Let Spark read an input's files itself; what it cannot reach is refused."""
    if settings.path is None:
        raise DataRefused(
            "engine=spark reads files only", table=name, code="database_on_spark",
            remedy="Export the table as Parquet where Spark can read it, or validate with engine=duckdb",
        )  # fmt: skip
    try:
        engine.read_files(name, find_files(name, settings.path), settings)
    except ChurnError:
        raise
    except Exception as error:
        raise explain_engine_error(error, name) from error


def _typed_inputs(engine: Engine, source: SourceSettings) -> dict[str, dict[str, str]]:
    """Return the columns of every input with their types, where DuckDB reads them."""
    is_spark = isinstance(engine, SparkEngine)
    return {} if is_spark else {name: columns_of(engine, identifier(name)) for name in source.inputs}


def _mapped(
    engine: Engine, table: str, select: str, source: SourceSettings, inputs: Mapping[str, Mapping[str, str]]
) -> ir.Table:
    wanted = {column.name for column in contract_of(source, table).columns}
    try:
        query = select.strip().rstrip(";")
        if not isinstance(engine, SparkEngine):
            query = one_select(engine, table, select)
            _refuse_repeated(table, [str(row[0]) for row in engine.run(f"DESCRIBE {query}")], wanted)
            refuse_assumed_zone(table, query, inputs, source.time_zone)
        found = engine.define(f"{MAPPED}{table}", query)
        return found.rename(_as_the_contract_writes(found.columns, wanted))
    except DataRefused:
        raise
    except Exception as error:
        raise explain_engine_error(error, table) from error


def _as_the_contract_writes(columns: Iterable[str], wanted: Collection[str]) -> dict[str, str]:
    """Return, by their names in the contract, the columns that differ from these in upper and lower case alone.

    To SQL they are the same names.

    Examples
    --------
    >>> _as_the_contract_writes(["CUSTOMER_ID", "plan", "Region"], {"customer_id", "plan"})
    {'customer_id': 'CUSTOMER_ID'}
    """
    names = {name.casefold(): name for name in wanted}
    folded = {column: names.get(column.casefold(), column) for column in columns}
    return {name: column for column, name in folded.items() if name != column}


def _refuse_repeated(table: str, columns: Sequence[str], wanted: Collection[str]) -> None:
    """Refuse a SELECT that yields a column twice, of which a view would quietly keep the first."""
    folded = Counter(column.casefold() for column in columns)
    repeated = sorted(column for column in wanted if folded[column.casefold()] > 1)
    if repeated:
        raise DataRefused(
            f"the SELECT yields {', '.join(repeated)} more than once",
            table=table,
            column=repeated[0],
            code="repeated_column",
            remedy=f"Keep one, for example SELECT * EXCLUDE ({repeated[0]}), ... AS {repeated[0]}",
        )


def explain_engine_error(
    error: Exception, table: str, inputs: Mapping[str, InputSettings] = MappingProxyType({})
) -> Exception:
    """Return an error of the engine as a refusal that names the table and what to change; other errors as they are.

    A line of a CSV file that cannot be read is said of the one of `inputs` that the file belongs to.
    """
    if type(error).__module__.startswith("pyspark"):
        return DataRefused(
            f"Spark cannot read it: {first_line(error)}", table=table, code="bad_mapping",
            remedy="Correct the SELECT or the input in the source file; on Spark, SELECTs are Spark's SQL",
        )  # fmt: skip
    if "duckdb" not in type(error).__module__:
        return error
    lacking = shortage(error)
    if lacking is not None:
        return lacking
    csv_error = explain_csv_error(error, table, partial(origin_of, inputs=inputs))
    csv_error = csv_error or explain_line_endings(error, inputs)
    if csv_error is not None:
        return csv_error
    text = str(error)
    column = re.search(r'Referenced column "([^"]+)" not found', text)
    if column is not None:
        candidates = re.findall(r'"([^"]+)"', text.partition("Candidate bindings")[2])
        names = [c.rpartition(".")[2] for c in candidates]
        names = [name for name in names if name != column[1] and not name.startswith(MAPPED)]
        there = f" (nearest: {', '.join(dict.fromkeys(names))})" if names else ""
        return DataRefused(
            f"the SELECT asks for a column '{column[1]}' that its inputs do not have"
            f"{did_you_mean(column[1], names) or there}",
            table=table,
            column=column[1],
            code="missing_column",
            remedy="Correct the SELECT in the source file, or the export",
        )
    extension = re.search(r"required extension '(\w+)", text)
    if extension is not None:
        return DataRefused(
            f"the SELECT needs '{extension[1]}', an extension of DuckDB that is not installed",
            table=table,
            code="bad_mapping",
            remedy="Let it read what is named under 'inputs': workbooks and files of the net as CSV or Parquet on disk",
        )
    return DataRefused(
        f"the SELECT cannot be run: {first_line(error).rstrip('.!')}{_place_in(text)}",
        table=table,
        code="bad_mapping",
        remedy="Correct it in the source file; inputs are named under 'inputs'",
    )


def _place_in(text: str) -> str:
    r"""Return where a SELECT cannot be read; of other errors the engine counts the lines of what it made of it.

    Examples
    --------
    >>> _place_in('Parser Error: syntax error at or near "END"\n\nLINE 2:   CASE a END AS x\n     ^^^')
    ', in its line 2: CASE a END AS x'
    """
    found = re.search(r"^Parser Error:.*^LINE (\d+): *([^\n]*\S)", text, re.MULTILINE | re.DOTALL)
    return f", in its line {found[1]}: {found[2]}" if found else ""
