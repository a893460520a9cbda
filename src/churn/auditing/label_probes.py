"""Which features of a ready table are computed from the label: the SELECT is run again with the label's column hidden.

A column of the raw table is the label's own where holding it constant changes `churned`. What else it changes knows
the outcome: an encoding by the mean of the label, a flag of the same status.
"""

from __future__ import annotations

import pandas as pd

from churn.auditing.cut_comparison import LABEL, WHOLE, differs, shown
from churn.auditing.differences import COLUMNS
from churn.auditing.input_times import find_times
from churn.auditing.source_cuts import PROBE, keep_results
from churn.core.source import SourceSettings
from churn.integrations.engine import Engine, columns_of, identifier, quoted
from churn.integrations.sources import open_inputs
from churn.staging.contracts import contract_of

CHECK = "source without the label"
TABLE = "matrix"
MOST_ROWS_EACH = 2


def probe_label(engine: Engine, source: SourceSettings) -> pd.DataFrame:
    """Return the values of a ready table that change when a raw column of the label is held constant.

    Of an input with times it is held in the rows that lie on or after the table's middle date, and what changes on that
    date counts: labels of earlier dates may be known. Of others it is held everywhere, where they have about as many
    rows as the table: in longer ones (orders, of which the later ones make the label) it may be read for both.
    """
    opened, selects = open_inputs(engine, source), source.tables.values()
    keep_results(engine, source, [TABLE], WHOLE)
    if LABEL not in columns_of(engine, f"{WHOLE}{TABLE}"):
        return pd.DataFrame(columns=COLUMNS)
    days = [row[0] for row in engine.run(f"SELECT as_of_date::DATE FROM {WHOLE}{TABLE} ORDER BY 1")]
    middle = sorted(set(days))[len(set(days)) // 2]
    found = []
    for name, relation in opened.items():
        times = find_times(engine, relation, selects, source.inputs[name].times) if days[0] < days[-1] else {}
        relation, zone = f"{relation} AS {identifier(name)}", source.time_zone or "UTC"
        come = [f"({identifier(n)} IS NULL OR {time.has_come(zone, middle)})" for n, time in times.items()]
        is_earlier, when = " AND ".join(come) or "false", f"w.as_of_date::DATE = DATE '{middle}'" if come else "true"
        is_beside = come or engine.run(f"SELECT count(*) FROM {relation}")[0][0] < MOST_ROWS_EACH * len(days)
        for column in map(identifier, columns_of(engine, relation) if is_beside else ()):
            held = f"CASE WHEN {is_earlier} THEN {column} ELSE (SELECT min({column}) FROM {relation}) END AS {column}"
            engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS SELECT * REPLACE ({held}) FROM {relation}")
            keep_results(engine, source, [TABLE], PROBE)
            found += _changed_with_the_label(engine, source, when)
        engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS SELECT * FROM {relation}")
    changed = pd.DataFrame(found, columns=["feature", "as_of_date", "customer_id", "value", "other_value"])
    return changed.assign(check=CHECK)[COLUMNS]


def _changed_with_the_label(engine: Engine, source: SourceSettings, when: str) -> list[tuple[object, ...]]:
    contract, there = contract_of(source, TABLE), columns_of(engine, f"{WHOLE}{TABLE}")
    on = " AND ".join(f"w.{identifier(k)} IS NOT DISTINCT FROM c.{identifier(k)}" for k in contract.key)
    both = f"FROM {WHOLE}{TABLE} w JOIN {PROBE}{TABLE} c ON {on} WHERE {when} AND"
    if not engine.run(f"SELECT count(*) {both} {differs(LABEL)}")[0][0]:
        return []
    names = [c.name for c in contract.columns if c.name in there and c.name not in (*contract.key, LABEL)]
    parts = [
        f"SELECT '{TABLE}.{quoted(name)}', w.as_of_date::DATE, w.customer_id::VARCHAR, "
        f"{shown(name)} {both} {differs(name)} ORDER BY 3"
        for name in names
    ]
    return [row for part in parts for row in engine.run(part)]
