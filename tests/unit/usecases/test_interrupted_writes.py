"""Writes that may be sent once only, and whose answer got lost."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.agreements import AdjustQuantity
from shared.domain.alerts import AlertKind
from shared.domain.errors import UnknownOutcomeError
from shared.domain.intents import Intent
from shared.domain.runs import ItemState, RunReason
from shared.usecases.start_run import start_cycle
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant
from tests.builders import AGREEMENT, CUSTOMER
from tests.house import House


@pytest.fixture
def house():
    return House().with_customer().with_mapping().holds(10)


def interrupted(house, lands=False, **capabilities):
    """Let the answer to the next write be lost, and deliver its message once."""
    house.psa.capabilities = replace(house.psa.capabilities, **capabilities)
    house.psa.next_write(UnknownOutcomeError("the connection broke"), lands=lands)
    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    tenant = house.services.tenant_queue.take()
    sync_tenant(tenant, house.services, redelivered=False)
    message = house.services.license_queue.take()
    with pytest.raises(UnknownOutcomeError):
        sync_license(message, house.services)
    return message


def test_a_write_that_does_not_show_is_sent_again_only_when_it_could_have_shown(house):
    message = interrupted(house, reads_lag=True)

    sync_license(message, house.services)
    soon = len(house.psa.writes)
    [put_back] = house.services.license_queue.waiting
    house.drain()

    assert soon == 1
    assert timedelta(seconds=55) < put_back.delay < timedelta(seconds=65)
    assert (len(house.psa.writes), house.quantities) == (2, [10])


def test_a_write_that_shows_is_done_at_once(house):
    message = interrupted(house, lands=True, reads_lag=True)

    sync_license(message, house.services)

    assert (len(house.psa.writes), house.quantities) == (1, [10])
    assert house.services.intents.of_customer(CUSTOMER) == ()


def test_where_reads_do_not_lag_a_write_that_does_not_show_is_sent_again_at_once(house):
    message = interrupted(house)

    sync_license(message, house.services)

    assert (len(house.psa.writes), house.quantities) == (2, [10])


def test_a_difference_of_which_nobody_knows_what_became_is_for_a_person(house):
    house.cycle()
    [line] = house.lines
    [change] = house.history()
    ledger = house.services.ledgers.get(CUSTOMER, house.group_id).value
    difference = AdjustQuantity(AGREEMENT, line.line_id, 10, 12, date(2026, 3, 17))
    intent = Intent(
        replace(change, change_id="interrupted"),
        (difference,),
        replace(ledger, last_change="interrupted"),
        date(2026, 4, 1),
        house.clock.real_now(),
    )
    house.services.intents.open(intent)
    house.psa.add(replace(line, quantity=13))
    writes = len(house.psa.writes)

    run = house.holds(12).cycle()

    [item] = house.items(run)
    assert (item.state, len(house.psa.writes)) == (ItemState.FAILED, writes)
    assert "Set it to 10 or 12 in the PSA" in item.detail
    failed = [
        one.text for one in house.services.alerts.open_of(CUSTOMER) if one.kind is AlertKind.FAILED
    ]
    assert len(failed) == 1
    assert item.detail in failed[0]
    house.psa.add(replace(line, quantity=12))
    house.cycle()
    assert house.quantities == [12]
    assert house.services.intents.of_customer(CUSTOMER) == ()
