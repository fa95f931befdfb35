"""What every ``LeaseRepository`` and ``ConnectionStates`` does."""

from datetime import timedelta

import pytest

from shared.domain.errors import LeaseTakenError, SeatsyncError
from shared.domain.ids import ConnectionName
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    GROUP,
    MAIN,
    NOW,
    OTHER_AGREEMENT,
    OTHER_CUSTOMER,
    OTHER_GROUP,
)
from tests.contract.repositories.stored import at_once

SECOND = timedelta(seconds=1)


class LeasesContract:
    """A suite."""

    def test_a_lease_is_held_by_one(self, stored):
        stored.leases.take(CUSTOMER, GROUP)

        with pytest.raises(LeaseTakenError) as caught:
            stored.leases.take(CUSTOMER, GROUP)
        assert caught.value.retry_after == 60 * SECOND

    def test_groups_and_customers_have_their_own(self, stored):
        stored.leases.take(CUSTOMER, GROUP)

        stored.leases.take(CUSTOMER, OTHER_GROUP)
        stored.leases.take(OTHER_CUSTOMER, GROUP)

    def test_an_agreement_has_a_lease_of_its_own(self, stored):
        held = stored.leases.take_agreement(MAIN, AGREEMENT)

        with pytest.raises(LeaseTakenError):
            stored.leases.take_agreement(MAIN, AGREEMENT)
        stored.leases.take_agreement(MAIN, OTHER_AGREEMENT)
        stored.leases.take_agreement(ConnectionName("other"), AGREEMENT)
        stored.leases.take(CUSTOMER, GROUP)
        held.release()
        stored.leases.take_agreement(MAIN, AGREEMENT)

    def test_a_released_lease_is_free(self, stored):
        lease = stored.leases.take(CUSTOMER, GROUP)

        lease.release()
        lease.release()

        stored.leases.take(CUSTOMER, GROUP)

    def test_a_lease_ends_after_60_seconds(self, stored, clock):
        stored.leases.take(CUSTOMER, GROUP)

        clock.pass_time(59 * SECOND)
        with pytest.raises(LeaseTakenError) as caught:
            stored.leases.take(CUSTOMER, GROUP)
        assert caught.value.retry_after == SECOND

        clock.pass_time(SECOND)
        stored.leases.take(CUSTOMER, GROUP)

    def test_billing_time_does_not_end_a_lease(self, stored, clock):
        stored.leases.take(CUSTOMER, GROUP)
        clock.travel_to(NOW + timedelta(days=30))

        with pytest.raises(LeaseTakenError):
            stored.leases.take(CUSTOMER, GROUP)

    def test_a_kept_lease_lasts_on(self, stored, clock):
        lease = stored.leases.take(CUSTOMER, GROUP)
        for _ in range(10):
            clock.pass_time(25 * SECOND)
            lease.keep()

        with pytest.raises(LeaseTakenError):
            stored.leases.take(CUSTOMER, GROUP)

    def test_a_lease_is_renewed_after_20_seconds_and_not_before(self, stored, clock):
        lease = stored.leases.take(CUSTOMER, GROUP)
        clock.pass_time(19 * SECOND)
        lease.keep()
        clock.pass_time(41 * SECOND)
        stored.leases.take(CUSTOMER, GROUP).release()

        lease = stored.leases.take(CUSTOMER, GROUP)
        clock.pass_time(20 * SECOND)
        lease.keep()
        clock.pass_time(59 * SECOND)
        with pytest.raises(LeaseTakenError):
            stored.leases.take(CUSTOMER, GROUP)

    def test_a_lease_that_another_worker_took_is_lost(self, stored, clock):
        mine = stored.leases.take(CUSTOMER, GROUP)
        clock.pass_time(60 * SECOND)
        theirs = stored.leases.take(CUSTOMER, GROUP)

        with pytest.raises(LeaseTakenError):
            mine.keep()
        mine.release()
        theirs.keep()
        with pytest.raises(LeaseTakenError):
            stored.leases.take(CUSTOMER, GROUP)

    def test_a_late_holder_goes_on_when_nobody_else_came(self, stored, clock):
        mine = stored.leases.take(CUSTOMER, GROUP)
        clock.pass_time(300 * SECOND)

        mine.keep()

        with pytest.raises(LeaseTakenError):
            stored.leases.take(CUSTOMER, GROUP)

    def test_a_lease_that_came_and_went_is_lost_to_its_first_holder(self, stored, clock):
        mine = stored.leases.take(CUSTOMER, GROUP)
        clock.pass_time(60 * SECOND)
        stored.leases.take(CUSTOMER, GROUP).release()

        with pytest.raises(LeaseTakenError):
            mine.keep()

    def test_of_eight_workers_one_gets_a_free_lease(self, stored):
        answers = at_once(*[lambda: stored.leases.take(CUSTOMER, GROUP)] * 8)

        refused = [answer for answer in answers if isinstance(answer, SeatsyncError)]
        assert len(refused) == 7
        assert {type(error) for error in refused} == {LeaseTakenError}

    def test_of_eight_workers_one_takes_over_an_ended_lease(self, stored, clock):
        stored.leases.take(CUSTOMER, GROUP)
        clock.pass_time(61 * SECOND)

        answers = at_once(*[lambda: stored.leases.take(CUSTOMER, GROUP)] * 8)

        assert sum(isinstance(answer, LeaseTakenError) for answer in answers) == 7


class ConnectionsContract:
    """A suite."""

    def test_a_connection_is_not_paused_at_first(self, stored):
        assert stored.connection_states.paused_until("microsoft-main") is None

    def test_a_pause_ends_by_itself(self, stored, clock):
        stored.connection_states.pause("psa-main", NOW + 30 * SECOND)

        assert stored.connection_states.paused_until("psa-main") == NOW + 30 * SECOND
        clock.pass_time(30 * SECOND)
        assert stored.connection_states.paused_until("psa-main") is None

    def test_a_longer_pause_stays(self, stored):
        stored.connection_states.pause("psa-main", NOW + 90 * SECOND)
        stored.connection_states.pause("psa-main", NOW + 30 * SECOND)

        assert stored.connection_states.paused_until("psa-main") == NOW + 90 * SECOND

    def test_a_pause_gets_longer(self, stored):
        stored.connection_states.pause("psa-main", NOW + 30 * SECOND)
        stored.connection_states.pause("psa-main", NOW + 90 * SECOND)

        assert stored.connection_states.paused_until("psa-main") == NOW + 90 * SECOND

    def test_connections_pause_alone(self, stored):
        stored.connection_states.pause("psa-main", NOW + 30 * SECOND)

        assert stored.connection_states.paused_until("psa-second") is None

    def test_a_pause_counts_real_time(self, stored, clock):
        stored.connection_states.pause("psa-main", NOW + 30 * SECOND)
        clock.travel_to(NOW + timedelta(days=30))

        assert stored.connection_states.paused_until("psa-main") is not None

    def test_of_many_pauses_at_once_the_longest_stays(self, stored):
        def pause(seconds):
            return lambda: stored.connection_states.pause("psa-main", NOW + seconds * SECOND)

        answers = at_once(*[pause(seconds) for seconds in (10, 60, 30, 50)])

        assert answers == [None] * 4
        assert stored.connection_states.paused_until("psa-main") == NOW + 60 * SECOND

    def test_when_tenants_were_listed_is_kept_by_connection(self, stored):
        assert stored.connection_states.tenants_listed_at(MAIN) is None
        stored.connection_states.tenants_listed(MAIN, NOW)
        stored.connection_states.tenants_listed(MAIN, NOW + timedelta(days=1))

        assert stored.connection_states.tenants_listed_at(MAIN) == NOW + timedelta(days=1)
        assert stored.connection_states.tenants_listed_at(ConnectionName("other")) is None

    def test_a_listing_is_no_pause(self, stored):
        stored.connection_states.tenants_listed(MAIN, NOW + timedelta(days=1))

        assert stored.connection_states.paused_until(MAIN) is None
