"""What a source's SELECT may be: one statement that only reads its inputs, and yields the same whenever it is run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from churn.core.errors import DataRefused
from churn.integrations.engine import Engine, quoted

RANDOM = frozenset({"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "nextval", "setseed"})
CLOCK = frozenset({"now", "today", "get_current_time", "get_current_timestamp", "transaction_timestamp"})
CLOCK_WORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
SAMPLE = "a sample"
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
