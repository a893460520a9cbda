"""What a source's SELECT may be: one statement that only reads its inputs, and yields the same whenever it is run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import duckdb

from churn.core.errors import DataRefused
from churn.integrations.engine import Engine, identifier, quoted

RANDOM = frozenset({"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "nextval", "setseed"})
CLOCK = frozenset({"now", "today", "get_current_time", "get_current_timestamp", "transaction_timestamp"})
CLOCK_WORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
SAMPLE = "a sample"
INSTANT = "TIMESTAMP WITH TIME ZONE"
_FILE = re.compile(r"^(read_\w+|\w+_scan|glob)$|[./]", re.IGNORECASE)


def one_select(engine: Engine, table: str, select: str) -> str:
    """Return a mapping's SELECT without what may follow it.

    Raises
    ------
    DataRefused
        When it is no single SELECT, reads files that are no inputs, or what it yields hangs on chance or on the hour at
        which it is run.
    """
    statements = engine.backend.con.extract_statements(select)
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        raise DataRefused(
            f"the mapping must be one SELECT and holds {' and '.join(kinds) or 'nothing'}",
            table=table,
            code="bad_mapping",
            remedy="Leave one SELECT over the inputs in the source file; what has to be made first belongs into a WITH",
        )
    query = str(statements[0].query).strip().rstrip("; \n")
    tree = json.loads(engine.run(f"SELECT json_serialize_sql('{quoted(query)}')")[0][0])
    files = sorted(set(_files(tree)))
    if files:
        raise DataRefused(
            f"the SELECT reads {', '.join(files)} by itself: no fingerprint and no audit would know of it",
            table=table,
            code="unnamed_input",
            remedy="Name the file under 'inputs' and read it by that name",
        )
    changing = sorted(set(_changing(engine, tree)))
    if changing:
        raise DataRefused(
            f"the SELECT asks for {', '.join(changing)}: its rows would be others at every run",
            table=table,
            code="changing_mapping",
            remedy="Let it hang on the data alone: hash(id) for random() or a sample, a stated day such as "
            "DATE '2026-06-01' for now()",
        )
    return query


def refuse_assumed_zone(table: str, query: str, inputs: Mapping[str, Mapping[str, str]], zone: str | None) -> None:
    """Refuse a SELECT that makes instants of columns whose times carry no zone: the engine takes them for UTC.

    It does so unasked where a UNION or coalesce brings them together with times that carry one. The types are those of
    the SELECT bound to empty tables; what cannot be bound to such (rows out of a function) is not judged.

    Parameters
    ----------
    inputs
        Columns of every input the SELECT may read, with their types.
    zone
        The zone that such times are in, as the source says.

    Raises
    ------
    DataRefused
        Unless that is UTC.
    """
    kinds = {kind for columns in inputs.values() for kind in columns.values()}
    if str(zone).upper() == "UTC" or not any(map(_lacks_a_zone, kinds)):
        return
    assumed = sorted({node["children"][0]["alias"] for node in _nodes(_bound(query, inputs)) if _assumes_a_zone(node)})
    if assumed:
        raise DataRefused(
            f"the SELECT makes instants of {', '.join(assumed)}, whose times carry no zone: they would be read as UTC",
            table=table,
            column=assumed[0],
            code="assumed_zone",
            remedy=f"Write timezone('{zone or 'Asia/Tokyo'}', {assumed[0]}), with the zone they are in, where the "
            "SELECT reads them",
        )


def _bound(query: str, inputs: Mapping[str, Mapping[str, str]]) -> Any:
    """Return the plan of a SELECT over empty tables, in which every cast and type is written out."""
    with suppress(duckdb.Error), duckdb.connect(config={"threads": 1}) as empty:
        for name, columns in inputs.items():
            listed = ", ".join(f"{identifier(column)} {kind}" for column, kind in columns.items())
            empty.execute(f"CREATE TABLE {identifier(name)} ({listed})")
        return json.loads(empty.execute("SELECT json_serialize_plan(?)", [query]).fetchall()[0][0])
    return {}


def _assumes_a_zone(node: dict[str, Any]) -> bool:
    """Return whether a node of a bound SELECT casts a column of times without a zone to instants."""
    if node.get("type") != "OPERATOR_CAST" or node["return_type"]["id"] != INSTANT:
        return False
    (child,) = node["children"]
    return child["type"] == "BOUND_REF" and _lacks_a_zone(child["return_type"]["id"])


def _lacks_a_zone(kind: str) -> bool:
    return kind.startswith(("TIMESTAMP", "DATE")) and not ("TIME ZONE" in kind or "TIMESTAMPTZ" in kind)


def _files(tree: Any) -> Iterator[str]:
    """Yield the files, or the functions that read some, that a SELECT takes rows from."""
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"])
            if _FILE.search(name):
                yield f"{name}()"
        elif node.get("type") == "BASE_TABLE" and _FILE.search(str(node["table_name"])):
            yield f"'{node['table_name']}'"


def _changing(engine: Engine, tree: Any) -> Iterator[str]:
    """Yield the functions and words of a SELECT whose value changes while the data does not."""
    columns = {row[0].casefold() for row in engine.run("SELECT DISTINCT column_name FROM duckdb_columns()")}
    for node in _nodes(tree):
        name = str(node.get("function_name", "")).casefold()
        if name in RANDOM | CLOCK:
            yield f"{name}()"
        if node.get("sample"):
            yield SAMPLE
        word = "".join(node.get("column_names") or ()).casefold() if node.get("class") == "COLUMN_REF" else ""
        if word in CLOCK_WORDS - columns:  # a column of that name goes before the clock
            yield word


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(part)
