"""The columns every hand-written way builds, named as the project names them, and what an empty one holds."""

from __future__ import annotations

from benchmarks.feature_work.work import EVENT_TYPES, OBSERVATION_DAYS, VALUE_TYPES, WINDOWS_DAYS

VALUED = tuple(i for i, name in enumerate(EVENT_TYPES) if name in VALUE_TYPES)
NOT_IN_FEATURETOOLS = (
    "_prior_", "_trend_", "_value_mean_", "first_response", "escalated", "reopened", "sup_open_", "unanswered",
    "sup_tickets_recency",
)  # fmt: skip
HOURS = {"first_response": "first_response_at", "resolution": "resolved_at"}


def filled_with() -> dict[str, float]:
    """Return what a customer without facts has; the other columns stay null for them."""
    zero = [f"eng_{name}_{days}d" for days in WINDOWS_DAYS for name in (
        "active_days_count", "events_count", "types_count", "active_days_prior", "active_days_trend", "events_trend",
    )]  # fmt: skip
    zero += [f"eng_{name}_{kind}_{d}d" for name in EVENT_TYPES for d in WINDOWS_DAYS for kind in ("count", "trend")]
    zero += [f"eng_active_days_pace_trend_{days}d" for days in WINDOWS_DAYS[:-1]]
    zero += [f"eng_{name}_value_sum_{days}d" for name in VALUE_TYPES for days in WINDOWS_DAYS]
    zero += [f"sup_{name}_count_{days}d" for days in WINDOWS_DAYS for name in ("tickets", "escalated", "reopened")]
    zero += ["sup_open_count", "sup_open_age_days", "sup_unanswered_count"]
    reach = ["eng_activity_recency_days", *(f"eng_{name}_recency_days" for name in EVENT_TYPES)]
    return dict.fromkeys(zero, 0.0) | dict.fromkeys([*reach, "sup_tickets_recency_days"], float(OBSERVATION_DAYS))
