"""Causes, latent states and retention actions of the simulated company, as data.

The order of `STATE_CAUSES` is the order of the first axis of every severity array; `VOLUNTARY_CAUSES` that of the
hazard parts. Actions follow the taxonomy of causes: each fits one cause and spills a little onto the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Floats = np.typing.NDArray[np.float32]
Days = np.typing.NDArray[np.float64]
Flags = np.typing.NDArray[np.bool_]
Ints = np.typing.NDArray[np.int64]

STATE_CAUSES = (
    "low_engagement",  # the state: habit
    "poor_support",  # the state: goodwill
    "product_quality",  # the state: trust
    "poor_experience",  # the state: satisfaction
    "pricing",  # the state: price tolerance
    "missing_personalisation",  # the state: fit
    "competition",  # the state: loyalty
    "unexpected_change",  # the state: stability
)
VOLUNTARY_CAUSES = (*STATE_CAUSES, "journey_stage", "unexplained")
PAYMENT = "payment_failure"
RESPONSE_KINDS = ("savable", "unmoved", "woken_up")


@dataclass(frozen=True)
class Action:
    """One retention action: the cause it fits, its strength there and elsewhere, its cost per customer.

    `efficacy` is the share of the fitting cause's hazard that the action removes for a fully responsive customer,
    `spill` the share of every other voluntary cause's. `contacts` says whether the customer notices: only then can
    a customer be woken up.
    """

    name: str
    cause: str
    efficacy: float
    spill: float = 0.05
    contacts: bool = True
    cost: float = 5.0


ACTIONS = (
    Action("tailored_check_in", "low_engagement", 0.55, 0.10, cost=12.0),
    Action("onboarding_help", "low_engagement", 0.45, cost=20.0),
    Action("usage_tips", "low_engagement", 0.30, 0.02, cost=1.0),
    Action("fewer_messages", "low_engagement", 0.20, 0.02, contacts=False, cost=0.5),
    Action("senior_agent", "poor_support", 0.65, cost=25.0),
    Action("support_follow_up", "poor_support", 0.45, cost=8.0),
    Action("proactive_contact", "poor_support", 0.35, 0.10, cost=10.0),
    Action("fix_notice", "product_quality", 0.40, cost=2.0),
    Action("credit", "product_quality", 0.45, 0.10, cost=30.0),
    Action("priority_fix", "product_quality", 0.65, contacts=False, cost=60.0),
    Action("personal_call", "poor_experience", 0.55, 0.12, cost=18.0),
    Action("close_feedback_loop", "poor_experience", 0.45, cost=6.0),
    Action("right_size_plan", "pricing", 0.60, cost=10.0),
    Action("annual_offer", "pricing", 0.50, 0.10, cost=40.0),
    Action("explain_change", "pricing", 0.25, cost=2.0),
    Action("tailored_recommendations", "missing_personalisation", 0.50, contacts=False, cost=3.0),
    Action("segment_content", "missing_personalisation", 0.35, cost=2.0),
    Action("value_review", "competition", 0.50, 0.08, cost=20.0),
    Action("roadmap_talk", "competition", 0.40, cost=20.0),
    Action("price_match", "competition", 0.60, 0.10, cost=45.0),
    Action("early_notice", "unexpected_change", 0.35, cost=2.0),
    Action("migration_help", "unexpected_change", 0.60, cost=25.0),
    Action("payment_method_update", PAYMENT, 0.60, 0.0, contacts=False, cost=2.0),
    Action("retry_schedule", PAYMENT, 0.40, 0.0, contacts=False, cost=1.0),
    Action("success_review", "journey_stage", 0.45, 0.08, cost=15.0),
    Action("ordinary_contact", "unexplained", 0.10, 0.03, cost=4.0),
)
ACTION_NAMES = tuple(action.name for action in ACTIONS)


def action_efficacy() -> Floats:
    """Return the share of each voluntary cause's hazard an action removes, shape (actions, voluntary causes)."""
    table = np.zeros((len(ACTIONS), len(VOLUNTARY_CAUSES)), dtype=np.float32)
    for row, action in enumerate(ACTIONS):
        table[row] = action.spill
        if action.cause in VOLUNTARY_CAUSES:
            table[row, VOLUNTARY_CAUSES.index(action.cause)] = action.efficacy
    return table


def cause_index(cause: str) -> int:
    """Return the position of a state-driven cause on the severity axis; ValueError for any other cause."""
    return STATE_CAUSES.index(cause)
