"""When in its week something happens: weekday and hour rhythm, shifted to the customer's own time zone."""

from __future__ import annotations

import numpy as np

from churn.simulation.arrow import DAY_MICROSECONDS, epoch_microseconds
from churn.simulation.customers import Traits
from churn.simulation.settings import SimulationSettings
from churn.simulation.taxonomy import Flags, Floats, Ints
from churn.simulation.trajectory import Trajectory

HOUR_MICROSECONDS = DAY_MICROSECONDS // 24
WEEK_MICROSECONDS = 7 * DAY_MICROSECONDS
BATCH_MICROSECONDS = 15 * 60 * 1_000_000
NEVER = np.iinfo(np.int64).max  # of what does not happen
_TABLE = 65_536

_OFFICE = (1, 1, 1, 1, 1, 2, 4, 8, 20, 26, 26, 22, 14, 20, 25, 25, 22, 16, 8, 5, 4, 3, 2, 1)
_EVENING = (6, 3, 2, 1, 1, 2, 5, 8, 8, 8, 8, 9, 11, 10, 9, 9, 11, 14, 19, 24, 27, 26, 20, 12)
HOURS = {"saas": _OFFICE, "telecom": _EVENING, "consumer": _EVENING}


def rhythm(settings: SimulationSettings) -> Ints:
    """Return a table of 65,536 entries from which a random 16-bit number reads an hour of the week (0 to 167)."""
    weekday = (settings.start_date.weekday() + np.arange(7)) % 7
    by_day = np.where(weekday >= 5, settings.calendar.weekend_usage, 1.0)
    weights = np.outer(by_day, HOURS[settings.profile]).ravel()
    edges = np.cumsum(weights) / weights.sum()
    return np.searchsorted(edges, (np.arange(_TABLE) + 0.5) / _TABLE).astype(np.int64)


def draw_moments(
    rng: np.random.Generator, settings: SimulationSettings, traits: Traits, week: Ints, customer: Ints
) -> Ints:
    """Draw instants within the given weeks, microseconds since 1970, shape of `week`.

    Hours follow the rhythm of the customer's own time zone; an instant never falls out of its week.
    """
    draw = rng.integers(0, 2**32, week.size, dtype=np.uint32)
    slot = rhythm(settings)[(draw >> 16).astype(np.int64)]
    inside = (draw & np.uint32(0xFFFF)).astype(np.int64) * HOUR_MICROSECONDS // _TABLE
    offsets = np.array([c.utc_offset_hours for c in settings.countries.values()], np.int64)
    hour = (slot - offsets[traits.country[customer]]) % 168
    begin = epoch_microseconds(settings.start_date) + week * WEEK_MICROSECONDS
    return np.asarray(begin + hour * HOUR_MICROSECONDS + inside // 1_000_000 * 1_000_000)


def there_at(settings: SimulationSettings, record: Trajectory, week: Ints, customer: Ints, moment: Ints) -> Flags:
    """Return whether the customer was there at each moment."""
    begin = epoch_microseconds(settings.start_date) + week * WEEK_MICROSECONDS
    day = (moment - begin) / DAY_MICROSECONDS
    return np.asarray((day >= record.alive_from[week, customer]) & (day < record.alive_to[week, customer]))


def next_batch(moment: Ints) -> Ints:
    """Return when a fact was loaded: the end of the quarter of an hour it happened in."""
    return np.asarray((moment // BATCH_MICROSECONDS + 1) * BATCH_MICROSECONDS)


def later(rng: np.random.Generator, moment: Ints, hours: Floats, log_sd: float) -> Ints:
    """Return moments some time after others: log-normal delays around `hours`, whole seconds."""
    delay = hours * np.exp(np.float32(log_sd) * rng.standard_normal(moment.size, dtype=np.float32))
    return np.asarray(moment + (delay.astype(np.float64) * 3600).astype(np.int64) * 1_000_000)
