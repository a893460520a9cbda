"""As of 1 March 2024, seven days of lead, thirty of outcome: the outcome window is [8 March, 7 April)."""

from __future__ import annotations

from datetime import date

import pytest

from churn.core.problem import CohortSettings, LabelSettings
from churn.snapshots.labels import build_spells
from tests.builders import label_of, make_windows, plain, staged_table

DAY = "2024-03-01"
COVERED = "2024-07-01"
GRACE = LabelSettings(kind="contractual", grace_days=14)
CUSTOMERS = "customer_id | signed_up_at\n" + "\n".join(f"{name} | 2020-01-01" for name in "ABCDEF")


def subscriptions(*rows: str, columns: str = "ended_at | end_reason"):
    lines = [f"S{i} | {row}" for i, row in enumerate(rows)]
    text = "\n".join([f"subscription_id | customer_id | started_at | {columns}", *lines])
    return {"customers": staged_table("customers", CUSTOMERS), "subscriptions": staged_table("subscriptions", text)}


def label(*rows: str, as_of: str = DAY, data_end: str = COVERED, columns: str = "ended_at | end_reason", **options):
    (row,) = label_of(subscriptions(*rows, columns=columns), as_of, data_end=data_end, **options).values()
    return row


def outcomes(
    *rows: str, columns: str = "ended_at | end_reason", **options
) -> dict[str, tuple[bool | None, str | None]]:
    found = label_of(subscriptions(*rows, columns=columns), DAY, data_end=COVERED, **options)
    return {customer: (row["churned"], row["left_out_because"]) for (customer, _), row in found.items()}


def outcome(*rows: str, **options) -> tuple[bool | None, str | None]:
    row = label(*rows, **options)
    return row["churned"], row["left_out_because"]


class TestOutcomeWindow:
    def test_an_end_counts_inside_the_outcome_window_only(self, engine):
        found = outcomes(
            "A | 2024-01-01 | 2024-03-01 00:00:00 |",  # exactly at as-of: the outcome side, inside the lead
            "B | 2024-01-01 | 2024-03-07 23:59:59.999999 |",
            "C | 2024-01-01 | 2024-03-08 00:00:00 |",  # the first instant of the outcome
            "D | 2024-01-01 | 2024-04-06 23:59:59.999999 |",
            "E | 2024-01-01 | 2024-04-07 00:00:00 |",  # the first instant after it
            "F | 2024-01-01 | |",
        )
        assert found == {
            "A": (None, "left_in_lead"),
            "B": (None, "left_in_lead"),
            "C": (True, None),
            "D": (True, None),
            "E": (False, None),
            "F": (False, None),
        }

    def test_without_lead_an_end_at_as_of_is_churn(self, engine):
        windows = make_windows(lead_days=0)
        assert outcome("A | 2024-01-01 | 2024-03-01 |", windows=windows) == (True, None)

    def test_an_end_that_was_known_too_late_means_they_had_left_already(self, engine):
        row = "A | 2024-01-01 | 2024-02-15 | | 2024-02-01"  # known a month late: still in the cohort on 1 March
        assert outcome(row, columns="ended_at | end_reason | known_at") == (None, "left_already")

    def test_the_truth_counts_whenever_it_became_known(self, engine):
        row = "A | 2024-01-01 | 2024-04-01 | | 2024-01-20"  # the end of 1 April shows on the 20th
        assert outcome(row, columns="ended_at | end_reason | known_at") == (True, None)

    def test_every_row_says_when_its_label_is_complete(self, engine):
        assert label("A | 2024-01-01 | |")["label_end_date"] == date(2024, 4, 7)
        assert label("A | 2024-01-01 | |", label=GRACE)["label_end_date"] == date(2024, 4, 21)


class TestComing:
    def test_a_new_start_within_the_grace_days_continues_the_spell(self, engine):
        restarts = {
            "A": "2024-03-20",  # at once
            "B": "2024-04-03",  # exactly at the end of the grace days
            "C": "2024-04-03 00:00:00.000001",
            "D": "2024-04-30",
        }
        firsts = [f"{name} | 2024-01-01 | 2024-03-20 |" for name in restarts]
        found = outcomes(*firsts, *(f"{name} | {start} | |" for name, start in restarts.items()), label=GRACE)
        assert {name: churned for name, (churned, _) in found.items()} == {"A": False, "B": False, "C": True, "D": True}

    def test_without_grace_only_a_seamless_change_continues(self, engine):
        firsts = [f"{name} | 2024-01-01 | 2024-03-20 |" for name in "AB"]
        found = outcomes(*firsts, "A | 2024-03-20 | |", "B | 2024-03-20 00:00:01 | |")
        assert found == {"A": (False, None), "B": (True, None)}

    def test_a_chain_of_returns_is_followed_to_its_end(self, engine):
        chain = ("A | 2024-01-01 | 2024-03-10 |", "A | 2024-03-15 | 2024-03-20 |", "A | 2024-03-30 | 2024-04-05 |")
        assert outcome(*chain, label=GRACE) == (True, None)
        assert outcome(*chain, "A | 2024-04-15 | |", label=GRACE) == (False, None)

    def test_leaving_in_the_lead_and_returning_within_grace_is_staying(self, engine):
        assert outcome("A | 2024-01-01 | 2024-03-03 |", "A | 2024-03-10 | |", label=GRACE) == (False, None)

    def test_leaving_in_the_lead_and_returning_later_is_left_out(self, engine):
        assert outcome("A | 2024-01-01 | 2024-03-03 |", "A | 2024-03-25 | |", label=GRACE) == (None, "left_in_lead")

    def test_who_was_away_before_starts_a_new_spell(self, engine):
        rows = ("A | 2023-01-01 | 2023-06-01 |", "A | 2024-02-01 | 2024-03-20 |")
        assert outcome(*rows, label=GRACE) == (True, None)

    def test_who_comes_back_later_is_asked_about_again(self, engine):
        rows = subscriptions("A | 2024-01-01 | 2024-03-10 |", "A | 2024-05-01 | |")
        found = label_of(rows, DAY, "2024-05-10", data_end=COVERED, label=GRACE)
        assert [row["churned"] for row in found.values()].count(True) == 1
        assert found["A", DAY]["churned"] is True and found["A", "2024-05-10"]["churned"] is False


class TestSeveral:
    def test_the_last_of_several_running_subscriptions_decides(self, engine):
        found = outcomes(
            "A | 2024-01-01 | 2024-03-10 |", "A | 2024-02-01 | |",
            "B | 2024-01-01 | 2024-03-10 |", "B | 2024-02-01 | 2024-04-01 |",
            "C | 2024-01-01 | 2024-05-10 |", "C | 2024-02-01 | 2024-03-10 |",
        )  # fmt: skip
        assert found == {"A": (False, None), "B": (True, None), "C": (False, None)}

    def test_a_subscription_bought_after_as_of_keeps_them(self, engine):
        assert outcome("A | 2024-01-01 | 2024-03-20 |", "A | 2024-03-15 | |") == (False, None)

    def test_a_trial_that_becomes_a_plan_is_no_churn(self, engine):
        rows = ("A | 2024-02-20 | 2024-03-20 | switched", "A | 2024-03-20 | |")
        assert outcome(*rows) == (False, None)

    def test_a_trial_that_just_ends_is_churn_of_no_known_kind(self, engine):
        row = label("A | 2024-02-20 | 2024-03-20 | switched")
        assert (row["churned"], row["churn_kind"]) == (True, None)

    def test_a_switch_with_an_overlap_is_no_churn(self, engine):
        assert outcome("A | 2024-01-01 | 2024-03-20 | switched", "A | 2024-03-19 | |") == (False, None)

    def test_customers_do_not_mix(self, engine):
        rows = ("A | 2024-01-01 | 2024-03-20 |", "B | 2024-03-20 | |", "B | 2024-01-01 | 2024-03-10 |")
        found = label_of(subscriptions(*rows), DAY, data_end=COVERED, label=GRACE)
        assert {key[0]: row["churned"] for key, row in found.items()} == {"A": True, "B": False}


class TestKind:
    def test_the_reason_of_the_end_is_the_kind_of_churn(self, engine):
        reasons = {"A": "voluntary", "B": "involuntary", "C": "switched", "D": ""}
        rows = subscriptions(*(f"{name} | 2024-01-01 | 2024-03-20 | {reason}" for name, reason in reasons.items()))
        found = label_of(rows, DAY, data_end=COVERED)
        assert {name: row["churn_kind"] for (name, _), row in found.items()} == {
            "A": "voluntary", "B": "involuntary", "C": None, "D": None,
        }  # fmt: skip

    def test_the_reason_of_the_last_end_counts(self, engine):
        rows = ("A | 2024-01-01 | 2024-03-10 | involuntary", "A | 2024-01-15 | 2024-03-20 | voluntary")
        assert label(*rows)["churn_kind"] == "voluntary"

    def test_an_unknown_last_reason_is_not_replaced_by_an_earlier_one(self, engine):
        rows = ("A | 2024-01-01 | 2024-03-10 | involuntary", "A | 2024-01-15 | 2024-03-20 |")
        assert label(*rows)["churn_kind"] is None

    def test_of_two_ends_at_once_the_kind_does_not_depend_on_the_order_of_rows(self, engine):
        rows = ["A | 2024-01-01 | 2024-03-20 | involuntary", "A | 2024-01-02 | 2024-03-20 | voluntary"]
        assert label(*rows)["churn_kind"] == label(*reversed(rows))["churn_kind"]

    def test_who_stays_has_no_kind(self, engine):
        assert label("A | 2024-01-01 | 2024-06-20 | voluntary")["churn_kind"] is None

    def test_tables_without_ends_or_reasons_are_read(self, engine):
        text = "subscription_id | customer_id | started_at\nS1 | A | 2024-01-01"
        staged = {
            "customers": staged_table("customers", CUSTOMERS),
            "subscriptions": staged_table("subscriptions", text),
        }
        (row,) = label_of(staged, DAY, data_end=COVERED).values()
        assert (row["churned"], row["churn_kind"]) == (False, None)


class TestStatedCause:
    """The label of 1 March is complete on 7 April."""

    RESPONSES = "response_id | customer_id | answered_at | survey | reason | known_at"

    def stated(self, *answers: str, ended: str = "2024-03-20") -> dict[str, str | None]:
        staged = subscriptions(*(f"{name} | 2024-01-01 | {ended} | voluntary" for name in "ABC"))
        text = "\n".join([self.RESPONSES, *(f"R{n} | {answer}" for n, answer in enumerate(answers))])
        found = label_of(staged | {"responses": staged_table("responses", text)}, DAY, data_end=COVERED)
        return {name: row["stated_cause"] for (name, _), row in found.items()}

    def test_a_leaver_has_the_cause_named_on_leaving(self, engine):
        found = self.stated(
            "A | 2024-03-19 10:00 | cancellation | pricing |", "B | 2024-03-19 10:00 | nps | pricing |",
            "C | 2024-03-19 10:00 | cancellation | too dear |",
        )  # fmt: skip
        assert found == {"A": "pricing", "B": None, "C": None}

    def test_an_answer_counts_from_the_date_until_the_label_is_complete(self, engine):
        found = self.stated(
            "A | 2024-03-01 00:00 | cancellation | pricing |", "B | 2024-02-29 23:59 | cancellation | pricing |",
            "C | 2024-04-06 10:00 | cancellation | pricing | 2024-04-08 10:00",
        )  # fmt: skip
        assert found == {"A": "pricing", "B": None, "C": None}

    def test_the_last_answer_counts(self, engine):
        answers = ("A | 2024-03-19 | cancellation | pricing |", "A | 2024-03-21 | cancellation | competition |")
        at_once = ("B | 2024-03-19 | cancellation | pricing |", "B | 2024-03-19 | cancellation | competition |")
        assert self.stated(*answers, *at_once) == {"A": "competition", "B": "competition", "C": None}

    def test_who_stays_has_none(self, engine):
        assert self.stated("A | 2024-03-19 | cancellation | pricing |", ended="2024-06-20")["A"] is None

    def test_answers_without_reasons_are_read(self, engine):
        text = "response_id | customer_id | answered_at | survey\nR1 | A | 2024-03-19 | cancellation"
        staged = subscriptions("A | 2024-01-01 | 2024-03-20 |") | {"responses": staged_table("responses", text)}
        (row,) = label_of(staged, DAY, data_end=COVERED).values()
        assert (row["churned"], row["stated_cause"]) == (True, None)


class TestCompleteness:
    def test_an_outcome_that_the_data_does_not_cover_is_unknown_never_false(self, engine):
        ends = {"A": "", "B": "2024-03-20", "C": "2024-03-03"}
        rows = subscriptions(*(f"{name} | 2024-01-01 | {end} |" for name, end in ends.items()))
        for row in label_of(rows, DAY, data_end="2024-04-06").values():
            assert (row["churned"], row["is_label_complete"], row["left_out_because"]) == (None, False, "not_complete")

    def test_the_day_after_the_window_completes_it(self, engine):
        row = label("A | 2024-01-01 | |", data_end="2024-04-07")
        assert (row["churned"], row["is_label_complete"], row["left_out_because"]) == (False, True, None)

    @pytest.mark.parametrize(("data_end", "churned"), [("2024-04-20", None), ("2024-04-21", True)])
    def test_the_grace_days_must_be_covered_too(self, engine, data_end: str, churned: bool | None):
        assert label("A | 2024-01-01 | 2024-04-06 |", data_end=data_end, label=GRACE)["churned"] is churned

    def test_left_in_lead_is_complete_but_null(self, engine):
        row = label("A | 2024-01-01 | 2024-03-03 |")
        assert (row["churned"], row["is_label_complete"]) == (None, True)


class TestFollowUp:
    """When customers left, also after the outcome window, as far as it is settled."""

    def test_every_settled_leaving_has_its_day_and_kind(self, engine):
        row = label("A | 2024-01-01 | 2024-06-10 08:00:00 | involuntary")
        assert (row["churned"], row["left_on"], row["left_kind"]) == (False, date(2024, 6, 10), "involuntary")
        assert row["followed_until"] == date(2024, 7, 1)

    def test_who_might_still_come_back_has_not_left_yet(self, engine):
        row = label("A | 2024-01-01 | 2024-06-20 |", label=GRACE)
        assert (row["left_on"], row["left_kind"], row["followed_until"]) == (None, None, date(2024, 6, 17))

    def test_an_end_that_lies_ahead_is_not_a_leaving(self, engine):
        assert label("A | 2024-01-01 | 2024-09-01 | voluntary")["left_on"] is None


class TestSpells:
    def spells(self, *rows: str, grace_days: int = 0):
        table = subscriptions(*rows)["subscriptions"]
        found = plain(build_spells(table, grace_days), "customer_id", "spell_start")
        return [(str(row["spell_start"])[:10], str(row["spell_end"])[:10], row["kind"]) for row in found]

    def test_touching_and_overlapping_subscriptions_are_one_spell(self, engine):
        rows = ("A | 2024-01-01 | 2024-02-01 |", "A | 2024-02-01 | 2024-03-01 |", "A | 2024-02-15 | 2024-02-20 |")
        assert self.spells(*rows) == [("2024-01-01", "2024-03-01", None)]

    def test_a_short_subscription_inside_a_long_one_does_not_end_it(self, engine):
        rows = (
            "A | 2024-01-01 | 2024-06-01 | voluntary",
            "A | 2024-02-01 | 2024-02-02 | involuntary",
            "A | 2024-05-01 | |",
        )
        assert self.spells(*rows) == [("2024-01-01", "None", None)]

    def test_gaps_open_new_spells(self, engine):
        rows = ("A | 2024-01-01 | 2024-02-01 |", "A | 2024-02-05 | 2024-03-01 |", "A | 2024-04-01 | |")
        assert [spell[:2] for spell in self.spells(*rows)] == [
            ("2024-01-01", "2024-02-01"), ("2024-02-05", "2024-03-01"), ("2024-04-01", "None"),
        ]  # fmt: skip
        assert [spell[:2] for spell in self.spells(*rows, grace_days=10)] == [
            ("2024-01-01", "2024-03-01"), ("2024-04-01", "None"),
        ]  # fmt: skip

    def test_a_subscription_that_ends_at_once_is_a_spell_of_no_length(self, engine):
        assert self.spells("A | 2024-01-01 | 2024-01-01 | voluntary") == [("2024-01-01", "2024-01-01", "voluntary")]


class TestInactivity:
    BUYERS = CohortSettings(active="events", active_days=90)
    INACTIVITY = LabelSettings(kind="inactivity")

    def labels(self, events: str, *as_of: str, data_end: str = COVERED, label: LabelSettings = INACTIVITY):
        staged = {"customers": staged_table("customers", CUSTOMERS), "events": staged_table("events", events)}
        return label_of(staged, *(as_of or (DAY,)), data_end=data_end, label=label, cohort=self.BUYERS)

    def test_an_event_in_the_outcome_window_is_staying(self, engine):
        events = """
        customer_id | occurred_at         | event_type
        A           | 2024-03-07 23:59:59 | buy
        B           | 2024-03-08 00:00:00 | buy
        C           | 2024-04-06 23:59:59 | buy
        D           | 2024-04-07 00:00:00 | buy
        """
        before = "".join(f"{name} | 2024-02-01 | buy\n" for name in "ABCD")
        found = self.labels(events.rstrip() + "\n" + before)
        assert {name: row["churned"] for (name, _), row in found.items()} == {
            "A": True,  # inside the lead: says nothing about the outcome
            "B": False,
            "C": False,
            "D": True,
        }
        assert {(row["churn_kind"], row["left_out_because"]) for row in found.values()} == {(None, None)}

    def test_only_events_that_qualify_keep_a_customer(self, engine):
        events = """
        customer_id | occurred_at | event_type
        A           | 2024-02-01  | buy
        A           | 2024-03-20  | return
        B           | 2024-03-20  | buy
        """.rstrip()
        only_buying = LabelSettings(kind="inactivity", qualifying_events=["buy"])
        assert self.labels(events, label=only_buying)["A", DAY]["churned"] is True
        assert self.labels(events)["A", DAY]["churned"] is False

    def test_an_event_that_became_known_late_still_happened(self, engine):
        events = """
        customer_id | occurred_at | event_type | known_at
        A           | 2024-02-01  | buy        |
        A           | 2024-03-20  | buy        | 2024-06-01
        """.rstrip()
        assert self.labels(events)["A", DAY]["churned"] is False

    def test_an_uncovered_window_is_unknown_even_where_an_event_was_seen(self, engine):
        events = "customer_id | occurred_at | event_type\nA | 2024-02-01 | buy\nA | 2024-03-20 | buy"
        row = self.labels(events, data_end="2024-04-06")["A", DAY]
        assert (row["churned"], row["left_out_because"]) == (None, "not_complete")

    def test_each_date_is_labelled_on_its_own(self, engine):
        events = """
        customer_id | occurred_at | event_type
        A           | 2024-02-01  | buy
        A           | 2024-03-20  | buy
        B           | 2024-04-20  | buy
        """.rstrip()
        found = self.labels(events, DAY, "2024-04-01")
        assert found["A", DAY]["churned"] is False and found["A", "2024-04-01"]["churned"] is True

    def test_a_window_in_which_nobody_did_anything_was_not_observed(self, engine):
        events = """
        customer_id | occurred_at | event_type
        A           | 2024-02-01  | buy
        B           | 2024-02-01  | buy
        A           | 2024-03-20  | visit
        """.rstrip()
        only_buying = LabelSettings(kind="inactivity", qualifying_events=["buy"])
        for row in self.labels(events, label=only_buying).values():
            assert (row["churned"], row["left_out_because"]) == (None, "nothing_recorded")
            assert row["is_label_complete"] is False
