"""Which features of a ready table are computed from the label: the SELECT is run again with the label's column hidden.

A column of the raw table is the label's own where holding it constant changes `churned`. What else it changes knows
the outcome: an encoding by the mean of the label, a flag of the same status.
"""

from __future__ import annotations

import pandas as pd

from churn.auditing.differences import COLUMNS
from churn.core.source import SourceSettings
from churn.integrations.cut_comparison import LABEL, WHOLE, differs
from churn.integrations.engine import Engine, identifier, quoted
from churn.integrations.input_times import columns_of
from churn.integrations.source_cuts import PROBE, keep_results
from churn.integrations.sources import open_inputs
from churn.staging.contracts import contract_of

CHECK = "source without the label"
TABLE = "matrix"


def probe_label(engine: Engine, source: SourceSettings) -> pd.DataFrame:
    """Return the values of a ready table that change when a raw column of the label is held constant.

    Looked at are inputs with as many rows as the table: in others (orders, of which the later ones make the label) the
    same column may be read for both, each from its own time.
    """
    relations = open_inputs(engine, source)
    keep_results(engine, source, [TABLE], WHOLE)
    if LABEL not in columns_of(engine, f"{WHOLE}{TABLE}"):
        return pd.DataFrame(columns=COLUMNS)
    rows = engine.run(f"SELECT count(*) FROM {WHOLE}{TABLE}")[0][0]
    found = []
    for name, relation in relations.items():
        is_beside = engine.run(f"SELECT count(*) FROM {relation}")[0][0] == rows
        for column in columns_of(engine, relation) if is_beside else ():
            one = f"(SELECT min({identifier(column)}) FROM {relation}) AS {identifier(column)}"
            engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS SELECT * REPLACE ({one}) FROM {relation}")
            keep_results(engine, source, [TABLE], PROBE)
            found += _changed_with_the_label(engine, source)
        engine.run(f"CREATE OR REPLACE VIEW {identifier(name)} AS SELECT * FROM {relation}")
    changed = pd.DataFrame(found, columns=["feature", "as_of_date", "customer_id", "value", "other_value"])
    return changed.assign(check=CHECK)[COLUMNS]


def _changed_with_the_label(engine: Engine, source: SourceSettings) -> list[tuple[object, ...]]:
    contract, there = contract_of(source, TABLE), columns_of(engine, f"{WHOLE}{TABLE}")
    on = " AND ".join(f"w.{identifier(k)} IS NOT DISTINCT FROM c.{identifier(k)}" for k in contract.key)
    both = f"FROM {WHOLE}{TABLE} w JOIN {PROBE}{TABLE} c ON {on} WHERE"
    if not engine.run(f"SELECT count(*) {both} {differs(LABEL)}")[0][0]:
        return []
    names = [c.name for c in contract.columns if c.name in there and c.name not in (*contract.key, LABEL)]
    parts = [
        f"SELECT '{TABLE}.{quoted(name)}', w.as_of_date::DATE, w.customer_id::VARCHAR, "
        f"w.{identifier(name)}::VARCHAR, c.{identifier(name)}::VARCHAR {both} {differs(name)} ORDER BY 3"
        for name in names
    ]
    return [row for part in parts for row in engine.run(part)]
