"""What one block of customers went through: the record that every table is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from churn.simulation.customers import Traits
from churn.simulation.process import States
from churn.simulation.taxonomy import STATE_CAUSES, Flags, Floats, Ints

SUCCEEDED, FAILED, EXPIRED = 1, 2, 3
Columns = dict[str, np.typing.NDArray[Any]]


@dataclass
class Snapshot:
    """Customers who could be asked about at the start of a week, and their states then."""

    week: int
    where: Ints
    traits: Traits
    states: States
    past_due: Ints


@dataclass
class Trajectory:
    """Weeks on the first axis, customers of the block on the last.

    A customer is there from `alive_from` to `alive_to` (days within the week, empty where equal). `attempt` is 0 for
    no payment attempt, else `SUCCEEDED`, `FAILED` or `EXPIRED` (failed, as the card ran out). `support_size` is the
    shock of a badly handled ticket. The lists hold one mapping of columns per week in which something happened.
    """

    severity: Floats
    alive_from: Floats
    alive_to: Floats
    leaving_soon: Flags
    attempt: np.typing.NDArray[np.int8]
    attempt_day: Floats
    amount: Floats
    past_due: np.typing.NDArray[np.int8]
    support_size: Floats
    terms: list[Columns] = field(default_factory=list)
    departures: list[Columns] = field(default_factory=list)
    interventions: list[Columns] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)

    @property
    def weeks(self) -> int:
        """Number of recorded weeks."""
        return int(self.alive_to.shape[0])

    @property
    def alive(self) -> Flags:
        """Whether a customer was there at any time in a week, shape (weeks, n)."""
        return np.asarray(self.alive_to > self.alive_from)


def empty_trajectory(weeks: int, n: int) -> Trajectory:
    """Return a record to be filled week by week."""
    return Trajectory(
        severity=np.zeros((weeks, len(STATE_CAUSES), n), np.float32),
        alive_from=np.zeros((weeks, n), np.float32),
        alive_to=np.zeros((weeks, n), np.float32),
        leaving_soon=np.zeros((weeks, n), np.bool_),
        attempt=np.zeros((weeks, n), np.int8),
        attempt_day=np.zeros((weeks, n), np.float32),
        amount=np.zeros((weeks, n), np.float32),
        past_due=np.zeros((weeks, n), np.int8),
        support_size=np.zeros((weeks, n), np.float32),
    )


def joined(parts: list[Columns]) -> Columns:
    """Return the mappings put end to end, column by column; empty where there is none."""
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
