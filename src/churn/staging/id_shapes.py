"""Ids that are the same but for how they are written: spaces, zeros, a decimal point, letter case, Unicode form."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

HIDDEN = r"\p{C}"  # signs that nobody sees: a byte order mark, a space of no width, a control character
COMPOSED = "composed"  # accents put together, full-width signs made plain: Unicode's form NFKC
WIDE = str.maketrans({str(digit): chr(0xFF10 + digit) for digit in range(10)})

WRITINGS: Mapping[str, tuple[Callable[[ir.Table], Any], str]] = {
    "spaces around them": (lambda ids: ids.customer_id.strip(), "trim({column})"),
    "a decimal point that numbers have gained": (
        lambda ids: ids.customer_id.re_replace(r"\.0+$", ""),
        "regexp_replace({column}::VARCHAR, '\\.0+$', '')",
    ),
    "leading zeros": (lambda ids: ids.customer_id.re_replace("^0+", ""), "ltrim({column}::VARCHAR, '0')"),
    "capital and small letters": (lambda ids: ids.customer_id.upper(), "upper({column})"),
    "signs that nobody sees": (
        lambda ids: ids.customer_id.re_replace(HIDDEN, ""),
        r"regexp_replace({column}, '\p{{C}}', '', 'g')",
    ),
    "how Unicode writes accents or wide signs": (
        lambda ids: ids[COMPOSED],
        f"nfc_normalize(translate({{column}}, '{'0123456789'.translate(WIDE)}', '0123456789'))",
    ),
}
MOST = 0.5  # share of the strangers that must turn out to be customers


def find_alike(customers: ir.Table) -> list[tuple[str, str]]:
    """Return pairs of customers' ids that differ only by spaces around them, letter case or Unicode form, sorted.

    Parameters
    ----------
    customers
        Staged customers: `customer_id`, perhaps several rows of each.
    """
    ids = _composed(customers)
    alike = ids.group_by(written=ids[COMPOSED].re_replace(HIDDEN, "").strip().upper()).agg(
        first=ids.customer_id.min(), last=ids.customer_id.max()
    )
    pairs = alike.filter(alike["first"] != alike["last"]).order_by("written").to_pyarrow().to_pylist()
    return [(row["first"], row["last"]) for row in pairs]


def explain_strangers(strangers: ir.Table, customers: ir.Table) -> str | None:
    """Return what to do about ids that would be customers if written alike, or None when they would not.

    Parameters
    ----------
    strangers
        Rows whose `customer_id` the customers table does not have.
    customers
        One row per customer: `customer_id`.
    """
    ids, known = _composed(strangers), _composed(customers)
    wanted = MOST * ids.count().to_pyarrow().as_py()
    for difference, (write, sql) in WRITINGS.items():
        written = ids.select(alike=write(ids))
        if written.semi_join(known.select(alike=write(known)), "alike").count().to_pyarrow().as_py() > wanted:
            return (
                f"Most of them are customers but for {difference}: write both tables' ids alike in the SELECTs, "
                f"for example {sql.format(column='customer_id')} AS customer_id"
            )
    return None


def _composed(rows: ir.Table) -> ir.Table:
    """Return each `customer_id` once, and beside it how it is written in Unicode's compatible form."""
    ids = rows.select("customer_id").distinct()
    foreign = ids.filter(ids.customer_id.re_search(r"[^\x00-\x7f]")).to_pyarrow()["customer_id"].to_pylist()
    forms = ibis.memtable(
        [{"foreign": text, COMPOSED: unicodedata.normalize("NFKC", text)} for text in foreign],
        schema={"foreign": "string", COMPOSED: "string"},
    )
    beside = ids.left_join(forms, ids.customer_id == forms.foreign)
    return beside.select("customer_id", **{COMPOSED: ibis.coalesce(beside[COMPOSED], beside.customer_id)})
