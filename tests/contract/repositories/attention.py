"""What every repository of approvals, alerts and settings does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.approvals import ApprovalState
from shared.domain.digests import Claims, DeliveryState, Frequency, Routing
from shared.domain.errors import NotFoundError, StaleVersionError
from shared.domain.guards import GuardSettings
from shared.domain.preferences import DefaultView, Preferences
from tests.builders import (
    CUSTOMER,
    E5_ROW,
    NOW,
    OTHER_CUSTOMER,
    OTHER_GROUP,
    a_delivery,
    a_dismissal,
    an_alert,
    an_approval,
)
from tests.contract.repositories.stored import at_once

APPROVED = ApprovalState.APPROVED
LATER = NOW + timedelta(hours=1)


class ApprovalsContract:
    """A suite."""

    def test_an_approval_comes_back_as_it_was_stored(self, stored):
        approval = replace(an_approval(), note="ä", decided_by="x@msp.example", decided_at=NOW)
        stored.approvals.put([approval])

        assert stored.approvals.get(approval.approval_id).value == approval

    def test_a_missing_approval_is_an_error(self, stored):
        with pytest.raises(NotFoundError):
            stored.approvals.get("none")

    def test_a_customers_open_approvals_are_found(self, stored):
        mine = [an_approval("a"), an_approval("b", group_id=OTHER_GROUP)]
        closed = an_approval("c", state=APPROVED)
        stored.approvals.put([*mine, closed, an_approval("d", customer_id=OTHER_CUSTOMER)])

        assert set(stored.approvals.open_of(CUSTOMER)) == set(mine)

    def test_customers_whose_ids_begin_alike_do_not_mix(self, stored):
        stored.approvals.put([an_approval(customer_id=f"{CUSTOMER}-2")])

        assert stored.approvals.open_of(CUSTOMER) == ()

    def test_an_approval_put_again_is_replaced(self, stored):
        stored.approvals.put([an_approval()])
        stored.approvals.put([replace(an_approval(), note="new")])

        assert [a.note for a in stored.approvals.open_of(CUSTOMER)] == ["new"]
        assert [a.note for a in stored.approvals.list(open_only=False).items] == ["new"]

    def test_a_closed_approval_is_not_open_any_more(self, stored):
        stored.approvals.put([an_approval("a"), an_approval("b")])

        gone = [an_approval(name, state=ApprovalState.SUPERSEDED) for name in ("a", "never")]
        stored.approvals.put(gone)
        stored.approvals.put(gone)

        assert stored.approvals.open_of(CUSTOMER) == (an_approval("b"),)
        assert len(stored.approvals.list(open_only=False).items) == 3

    def test_an_approval_opens_again(self, stored):
        stored.approvals.put([an_approval(state=ApprovalState.SUPERSEDED)])
        stored.approvals.put([an_approval()])

        assert stored.approvals.open_of(CUSTOMER) == (an_approval(),)

    def test_a_decision_needs_the_version_it_read(self, stored):
        stored.approvals.put([an_approval()])
        read = stored.approvals.get(an_approval().approval_id)

        stored.approvals.save(read, replace(read.value, state=APPROVED))

        with pytest.raises(StaleVersionError):
            stored.approvals.save(read, replace(read.value, state=ApprovalState.REJECTED))
        assert stored.approvals.get(an_approval().approval_id).value.state is APPROVED
        assert stored.approvals.open_of(CUSTOMER) == ()

    def test_of_two_decisions_at_once_one_counts(self, stored):
        stored.approvals.put([an_approval()])
        read = stored.approvals.get(an_approval().approval_id)

        answers = at_once(
            lambda: stored.approvals.save(read, replace(read.value, state=APPROVED)),
            lambda: stored.approvals.save(read, replace(read.value, state=ApprovalState.REJECTED)),
        )

        assert sum(isinstance(answer, StaleVersionError) for answer in answers) == 1

    def test_lists_page(self, stored):
        approvals = [an_approval(f"plan-{number}") for number in range(5)]
        closed = [an_approval(f"old-{number}", state=APPROVED) for number in range(4)]
        stored.approvals.put([*approvals, *closed])

        for open_only, expected in [(True, approvals), (False, [*approvals, *closed])]:
            seen, continuation = [], None
            while True:
                page = stored.approvals.list(
                    open_only=open_only, continuation=continuation, limit=2
                )
                seen += page.items
                continuation = page.continuation
                if continuation is None:
                    break
            assert len(seen) == len(expected)
            assert set(seen) == set(expected)

    def test_more_approvals_than_one_transaction_holds(self, stored):
        names = [f"plan-{number}" for number in range(120)]
        stored.approvals.put(an_approval(name) for name in names)
        stored.approvals.put(an_approval(name, state=APPROVED) for name in names[10:])

        assert len(stored.approvals.open_of(CUSTOMER)) == 10
        assert len(stored.approvals.list(open_only=False, limit=500).items) == 120

    def test_a_customers_closed_approvals_are_found_and_forgotten(self, stored):
        closed = an_approval("a", state=APPROVED)
        other = an_approval("b", state=APPROVED, customer_id=f"{CUSTOMER}-2")
        stored.approvals.put([closed, other, an_approval("c")])

        (found,) = stored.approvals.closed_of(CUSTOMER)

        assert found.value == closed
        assert stored.approvals.forget(found)
        assert stored.approvals.closed_of(CUSTOMER) == ()
        assert len(stored.approvals.closed_of(other.customer_id)) == 1
        assert len(stored.approvals.open_of(CUSTOMER)) == 1

    def test_an_approval_that_opened_meanwhile_is_not_forgotten(self, stored):
        stored.approvals.put([an_approval(state=APPROVED)])
        (found,) = stored.approvals.closed_of(CUSTOMER)
        stored.approvals.put([an_approval()])

        assert not stored.approvals.forget(found)
        assert stored.approvals.open_of(CUSTOMER) == (an_approval(),)
        assert stored.approvals.get(an_approval().approval_id).value == an_approval()


class AlertsContract:
    """A suite."""

    @pytest.mark.parametrize(
        "alert",
        [
            an_alert(),
            an_alert(AlertKind.CONNECTION, customer_id=None, row_id=None, cleared_at=LATER),
        ],
        ids=["row", "connection"],
    )
    def test_an_alert_comes_back_as_it_was_stored(self, stored, alert):
        stored.alerts.put([alert])

        assert stored.alerts.get(alert.alert_id).value == alert

    def test_a_missing_alert_is_an_error(self, stored):
        with pytest.raises(NotFoundError):
            stored.alerts.get("none")

    def test_open_alerts_are_found_by_customer(self, stored):
        mine = an_alert()
        theirs = an_alert(customer_id=OTHER_CUSTOMER)
        nobodys = an_alert(AlertKind.CONNECTION, customer_id=None, row_id=None, subject="psa-main")
        closed = an_alert(AlertKind.DRIFT, cleared_at=LATER)
        stored.alerts.put([mine, theirs, nobodys, closed])

        assert stored.alerts.open_of(CUSTOMER) == (mine,)
        assert stored.alerts.open_of(OTHER_CUSTOMER) == (theirs,)
        assert stored.alerts.open_of(None) == (nobodys,)

    def test_an_alert_is_cleared_and_raised_again(self, stored):
        stored.alerts.put([an_alert()])
        stored.alerts.put([an_alert(cleared_at=LATER)])
        assert stored.alerts.open_of(CUSTOMER) == ()
        assert stored.alerts.list(open_only=True).items == ()
        assert stored.alerts.list(open_only=False).items == (an_alert(cleared_at=LATER),)

        again = an_alert(raised_at=LATER, text="once more")
        stored.alerts.put([again])

        assert stored.alerts.list(open_only=True).items == (again,)
        assert stored.alerts.list(open_only=False).items == (again,)

    def test_an_open_alert_changes_its_words_and_its_moment(self, stored):
        stored.alerts.put([an_alert()])
        stored.alerts.put([an_alert(text="worse", raised_at=LATER)])

        assert stored.alerts.open_of(CUSTOMER) == (an_alert(text="worse", raised_at=LATER),)

    def test_clearing_what_was_never_raised_is_no_error(self, stored):
        stored.alerts.put([an_alert(cleared_at=LATER)])

        assert stored.alerts.open_of(CUSTOMER) == ()

    def test_one_alert_put_twice_is_the_later_one(self, stored):
        stored.alerts.put([an_alert(text="one"), an_alert(text="two")])

        assert [alert.text for alert in stored.alerts.open_of(CUSTOMER)] == ["two"]

    def test_two_workers_may_clear_the_same_alert(self, stored):
        alerts = [an_alert(subject=f"group-{number}") for number in range(20)]
        stored.alerts.put(alerts)
        cleared = [replace(alert, cleared_at=LATER) for alert in alerts]

        answers = at_once(*[lambda: stored.alerts.put(cleared)] * 2)

        assert answers == [None, None]
        assert stored.alerts.open_of(CUSTOMER) == ()

    def test_lists_page(self, stored):
        alerts = [an_alert(subject=f"group-{number}") for number in range(5)]
        stored.alerts.put(alerts)

        first = stored.alerts.list(open_only=True, limit=3)
        second = stored.alerts.list(open_only=True, continuation=first.continuation, limit=3)

        assert {alert.row_id for alert in first.items} == {E5_ROW}
        assert set(first.items) | set(second.items) == set(alerts)
        assert (len(first.items), len(second.items), second.continuation) == (3, 2, None)

    def test_alerts_are_filtered_by_kind_customer_and_state(self, stored):
        mine = an_alert()
        drift = an_alert(AlertKind.DRIFT)
        gone = an_alert(AlertKind.STALE, cleared_at=LATER)
        theirs = an_alert(customer_id=f"{CUSTOMER}-2")
        nobodys = an_alert(AlertKind.CONNECTION, customer_id=None, row_id=None)
        stored.alerts.put([mine, drift, gone, theirs, nobodys], news=[mine.alert_id])

        def found(**filters):
            return set(stored.alerts.list(**filters).items)

        assert found(open_only=True, kind=AlertKind.HELD) == {mine, theirs}
        assert found(open_only=True, customer_id=CUSTOMER) == {mine, drift}
        assert found(customer_id=CUSTOMER) == {mine, drift, gone}
        assert found(customer_id=CUSTOMER, kind=AlertKind.DRIFT) == {drift}
        assert found(cleared_only=True) == {gone}
        assert found() == {mine, drift, gone, theirs, nobodys}
        assert set(stored.alerts.open()) == {mine, drift, theirs, nobodys}

    def test_cleared_alerts_are_found_by_customer_and_forgotten(self, stored):
        cleared = an_alert(cleared_at=LATER)
        of_none = an_alert(customer_id=None, row_id=None, cleared_at=LATER)
        other = an_alert(customer_id=f"{CUSTOMER}-2", cleared_at=LATER)
        stored.alerts.put([cleared, of_none, other, an_alert(subject="open")])

        (found,) = stored.alerts.cleared_of(CUSTOMER)

        assert found.value == cleared
        assert stored.alerts.forget(found)
        assert stored.alerts.cleared_of(CUSTOMER) == ()
        assert [one.value for one in stored.alerts.cleared_of(None)] == [of_none]
        assert len(stored.alerts.open_of(CUSTOMER)) == 1

    def test_an_alert_that_was_raised_meanwhile_is_not_forgotten(self, stored):
        stored.alerts.put([an_alert(cleared_at=LATER)])
        (found,) = stored.alerts.cleared_of(CUSTOMER)
        stored.alerts.put([an_alert()])

        assert not stored.alerts.forget(found)
        assert stored.alerts.open_of(CUSTOMER) == (an_alert(),)

    def test_an_announcement_stays_until_it_is_forgotten(self, stored):
        alerts = [an_alert(subject=f"group-{number}") for number in range(120)]
        told = [alert.alert_id for alert in alerts[1:]]
        stored.alerts.put(alerts, news=told)
        stored.alerts.put([replace(alert, cleared_at=LATER) for alert in alerts[:60]])

        assert set(stored.alerts.news()) == set(told)

        stored.alerts.forget_news(told[10:])
        stored.alerts.forget_news([*told[5:20], "never"])
        assert set(stored.alerts.news()) == set(told[:5])
        assert len(stored.alerts.open()) == 60


class DismissalsContract:
    """A suite."""

    def test_the_last_word_on_an_alert_counts_until_it_is_taken_back(self, stored):
        first = a_dismissal()
        second = replace(first, reason="still so", until=LATER)
        stored.dismissals.put(first)
        stored.dismissals.put(second)

        assert stored.dismissals.get(first.alert_id) == second
        assert stored.dismissals.all() == {first.alert_id: second}

        stored.dismissals.remove(first.alert_id)
        stored.dismissals.remove(first.alert_id)
        assert stored.dismissals.get(first.alert_id) is None
        assert stored.dismissals.all() == {}

    def test_a_dismissal_is_no_alert(self, stored):
        stored.dismissals.put(a_dismissal())

        assert stored.alerts.list().items == ()
        assert stored.alerts.open() == stored.alerts.news() == ()


class DeliveriesContract:
    """A suite."""

    def test_nothing_is_claimed_at_first(self, stored):
        read = stored.deliveries.claims()

        assert (read.value, read.version) == (Claims(), "")
        assert stored.deliveries.all() == ()

    def test_a_claim_and_its_deliveries_are_stored_together(self, stored):
        claims = Claims({Frequency.DAILY: "2026-03-17"}, ("all.1",))
        opened = stored.deliveries.open(stored.deliveries.claims(), claims, [a_delivery()])

        assert stored.deliveries.claims() == opened
        assert opened.value == claims
        assert [read.value for read in stored.deliveries.all()] == [a_delivery()]

    def test_of_two_claims_at_once_one_counts_with_its_deliveries(self, stored):
        first = stored.deliveries.claims()

        def claim(name):
            claims = Claims({Frequency.DAILY: name})
            return stored.deliveries.open(first, claims, [a_delivery(name)])

        answers = at_once(lambda: claim("a"), lambda: claim("b"))

        assert sum(isinstance(answer, StaleVersionError) for answer in answers) == 1
        [kept] = stored.deliveries.all()
        assert stored.deliveries.claims().value.periods == {Frequency.DAILY: kept.value.delivery_id}
        with pytest.raises(StaleVersionError):
            stored.deliveries.open(first, Claims(), [a_delivery("c")])

    def test_of_two_workers_that_mark_a_delivery_one_does(self, stored):
        stored.deliveries.open(stored.deliveries.claims(), Claims(), [a_delivery()])
        [read] = stored.deliveries.all()
        marked = replace(read.value, state=DeliveryState.SENDING, tried_at=LATER, attempts=1)

        saved = stored.deliveries.save(read, marked)

        with pytest.raises(StaleVersionError):
            stored.deliveries.save(read, marked)
        assert stored.deliveries.all() == (saved,)
        assert stored.deliveries.save(saved, replace(marked, problem="ä")).value.problem == "ä"

    def test_a_forgotten_delivery_is_gone(self, stored):
        claims = stored.deliveries.claims()
        stored.deliveries.open(claims, Claims(), [a_delivery("a"), a_delivery("b")])

        stored.deliveries.forget([a_delivery("a")])
        stored.deliveries.forget([a_delivery("a")])

        assert [read.value.delivery_id for read in stored.deliveries.all()] == ["b"]


class SettingsContract:
    """A suite."""

    def test_the_settings_have_defaults(self, stored):
        read = stored.settings.get()

        assert (read.value, read.version) == (Preferences(), "")

    def test_saved_settings_come_back(self, stored):
        wanted = Preferences(
            GuardSettings(fall_seats=1, freeze_days=3),
            default_view=DefaultView.SUBSCRIPTIONS,
            alert_routing=Routing({AlertKind.RENEWAL: Frequency.OFF}, hour=7),
        )
        saved = stored.settings.save(stored.settings.get(), wanted)

        assert stored.settings.get() == saved
        assert saved.value == wanted

    def test_stale_settings_are_refused(self, stored):
        defaults = stored.settings.get()
        saved = stored.settings.save(defaults, Preferences(GuardSettings(fall_seats=1)))
        stored.settings.save(saved, Preferences(GuardSettings(fall_seats=2)))

        for stale in (defaults, saved):
            with pytest.raises(StaleVersionError):
                stored.settings.save(stale, Preferences(GuardSettings(fall_seats=3)))
        assert stored.settings.get().value.guards.fall_seats == 2
