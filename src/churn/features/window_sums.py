"""Window sums over events: grouped once by customer and segment of time, and the segments summed per date and window.

Segments are multiplied by 0/1 flags that tell which windows they belong to; counts over two windows share one sum.
Active days are bits, one a day, joined by OR: a day seen twice is one day. A fact that became known late joins a date
only from the first as-of date on that sees it.
"""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from churn.core.contract import DELAY, KEY
from churn.core.windows import EPOCH, days_between, first_visible_date, is_within_days
from churn.features.segments import Lookback, SegmentPlan
from churn.features.sums import exact_value, sum_facts

SHARED = 2.0**26  # more events than a customer has in any window; two such counts fit in one float64, exactly


def mark_days(events: ir.Table, plan: SegmentPlan) -> ir.Table:
    """Return the events on days that a window covers, with `day` and `late_from` added and `value` on its grid.

    `late_from` is the first date on which a fact counts, null where that is the day after it, as for most; then no
    arithmetic of instants is needed. A company without values has nulls. Grain: event.
    """
    first, last = plan.segments[0].start, plan.segments[-1].end
    covered = events.filter(is_within_days(events.occurred_at, first, last))
    visible_from = first_visible_date(covered.occurred_at, covered[DELAY]).cast("date")
    return covered.mutate(
        day=covered.occurred_at.date(),
        late_from=(covered[DELAY] == 0).ifelse(ibis.null("date"), visible_from),
        value=exact_value(covered["value"]) if "value" in covered.columns else ibis.null("float64"),
    )


def place_days(facts: ir.Table, plan: SegmentPlan) -> ir.Table:
    """Return facts with what the calendar says of their `day`, and `seen_from`, the first as-of date that sees them."""
    placed = facts.join(plan.calendar(), "day")
    return placed.mutate(seen_from=plan.first_seen(placed))


def sum_segments(
    facts: ir.Table, plan: SegmentPlan, event_types: Sequence[str], value_types: Sequence[str] = ()
) -> ir.Table:
    """Return per customer and as-of date the sums over each look-back.

    Columns per look-back `L`: `L__events`, `L__days` (active days), `L__n<i>` and `L__v<i>` (events and summed values
    of the i-th type, values only for `value_types`; values of different types are never added up);
    and over the whole reach `since`, `since<i>` (whole days since the last event) and `word<k>`, the active days as
    bits (bit b of word k is the day `k * WORD_DAYS + b + 1` days before).
    Grain: customer x as-of date, customers with facts only.

    Parameters
    ----------
    facts
        What `mark_days` returns, or sums of it over stretches of days that no window edge cuts (`rollup`).
    """
    parts = _per_segment(facts, plan, event_types, value_types)
    counts, values, lasts = (_columns(parts, *kinds) for kinds in (("events", "n"), ("v",), ("last",)))
    pairs = {f"pair{k}": plan.lookbacks[2 * k : 2 * k + 2] for k in range(-(-len(plan.lookbacks) // 2))}
    seen = parts.join(plan.membership(), "segment_id")
    seen = seen.filter(seen.seen_from <= seen.as_of_date)
    seen = seen.mutate(**{pair: _weight(seen, looks) for pair, looks in pairs.items()})
    summed = seen.group_by(*KEY).agg(
        **{f"{pair}__{name}": (seen[name] * seen[pair]).sum() for pair in pairs for name in counts},
        **{f"{look.name}__{name}": (seen[name] * seen[look.name]).sum() for look in plan.lookbacks for name in values},
        **{name: seen[name].max() for name in lasts},
        **{f"word{k}": (seen.day_bits * seen[f"word{k}"]).bit_or() for k in plan.words},
    )
    apart = {
        f"{look.name}__{name}": _count_of(summed[f"{pair}__{name}"], place)
        for pair, looks in pairs.items()
        for place, look in enumerate(looks)
        for name in counts
    }
    today = days_between(ibis.literal(EPOCH), summed.as_of_date)
    return summed.mutate(
        **apart,
        **{f"{look.name}__days": plan.count_days(summed, look) for look in plan.lookbacks},
        **{name.replace("last", "since"): today - summed[name].nullif(0) for name in lasts},
    ).drop(*lasts, *[f"{pair}__{name}" for pair in pairs for name in counts])


def _columns(parts: ir.Table, *kinds: str) -> list[str]:
    return [name for name in parts.columns if name.rstrip("0123456789") in kinds]


def _per_segment(
    facts: ir.Table, plan: SegmentPlan, event_types: Sequence[str], value_types: Sequence[str]
) -> ir.Table:
    """Return sums of facts by customer, segment and first date that sees them; those of a rollup stay as they are."""
    placed = place_days(facts, plan)
    keys = ("customer_id", "segment_id", "seen_from")
    if "day_bits" in facts.columns:
        return placed.mutate(day_bits=placed.day_bits * placed.day_bit).drop("day", "late_from", "on_time")
    return sum_facts(placed, keys, event_types, value_types)


def _weight(seen: ir.Table, looks: Sequence[Lookback]) -> ir.NumericValue:
    """Return the factor by which one sum holds the counts of two look-backs, the second one `SHARED` times."""
    first, *second = (seen[look.name] for look in looks)
    return first + second[0] * SHARED if second else first


def _count_of(both: ir.NumericValue, place: int) -> ir.NumericValue:
    """Return the count of the first or second of two look-backs out of the sum they share."""
    second = (both / SHARED).floor().cast("float64")
    return second if place else both - second * SHARED
