"""Why customers said they left: what they named in answer to the survey on leaving.

An answer exists because somebody leaves, so it is part of the outcome, never a feature.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn.core.contract import CAUSES, DELAY, KEY
from churn.core.windows import first_visible_date

SURVEY = "cancellation"


def build_stated_causes(responses: ir.Table, dated: ir.Table) -> ir.Table:
    """Return the cause that each customer named last, between the as-of date and the day the label is complete.

    Grain: customer x as-of date, for customers who named one. Columns `customer_id`, `as_of_date`, `stated_cause`. A
    `reason` that is no cause's id says nothing. Of answers given at one instant that of the highest id is the last.

    Parameters
    ----------
    responses
        Staged survey answers, with `reason`.
    dated
        Snapshots: `customer_id`, `as_of_date` and `complete_on`.
    """
    said = responses.filter(responses.survey == SURVEY, responses.reason.isin(CAUSES))
    said = said.select(
        "customer_id", "response_id", "answered_at", "reason",
        visible_from=first_visible_date(said.answered_at, said[DELAY]),
    )  # fmt: skip
    asked = dated.select(*KEY, "complete_on")
    within = asked.join(
        said,
        [
            asked.customer_id == said.customer_id,
            said.answered_at >= asked.as_of_date.cast("timestamp(6)"),
            said.visible_from <= asked.complete_on,
        ],
    )
    newest_first = ibis.window(group_by=KEY, order_by=[within.answered_at.desc(), within.response_id.desc()])
    last = within.mutate(place=ibis.row_number().over(newest_first))
    return last.filter(last.place == 0).select(*KEY, stated_cause=last.reason)
