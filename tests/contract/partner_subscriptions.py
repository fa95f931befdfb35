"""What every keeper of PartnerSubscriptions promises."""

from dataclasses import replace
from datetime import date
from typing import Protocol

import pytest

from shared.domain.commitments import BillingCycle, CommitmentStatus, PartnerSubscription
from shared.domain.customers import DirectoryTenant
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    RateLimitError,
    SeatsyncError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId
from shared.domain.terms import TermLength
from shared.ports import PartnerSubscriptions
from tests.builders import OTHER_TENANT, TENANT, a_directory_tenant

CONTOSO = a_directory_tenant()
FABRIKAM = a_directory_tenant(OTHER_TENANT, name="fabrikam")
ANNUAL = PartnerSubscription(
    commerce_id="c0ffee01-0000-4000-8000-000000000001",
    friendly_name="Microsoft 365 E5",
    term=TermLength.ANNUAL,
    billing_cycle=BillingCycle.MONTHLY,
    commitment_end=date(2027, 1, 13),
    auto_renew=True,
    quantity=20,
    status=CommitmentStatus.ACTIVE,
    is_trial=False,
    next_quantity=None,
)
MONTHLY = replace(
    ANNUAL,
    commerce_id="c0ffee02-0000-4000-8000-000000000002",
    term=TermLength.MONTHLY,
    commitment_end=None,
    auto_renew=False,
    quantity=0,
    status=CommitmentStatus.DELETED,
)


class World(Protocol):
    """Partner Center's answers, and a Partner Center behind them that tests can arrange."""

    source: PartnerSubscriptions

    def hold(self, customer: DirectoryTenant, *subscriptions: PartnerSubscription) -> None:
        """Let the partner resell this to a customer."""

    def throttle(self, seconds: int) -> None:
        """Let reads be refused with a wait."""

    def break_down(self) -> None:
        """Let reads fail for a reason that may pass."""

    def lock_out(self) -> None:
        """Let Partner Center refuse the app."""

    def garble(self) -> None:
        """Let reads bring something else than the contract says."""

    def recover(self) -> None:
        """Let reads work again."""


class PartnerSubscriptionsContract:
    """The suite; a subclass provides the fixture ``world``."""

    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError

    def test_customers_come_by_name(self, world):
        world.hold(FABRIKAM)
        world.hold(CONTOSO)

        assert world.source.customers() == (CONTOSO, FABRIKAM)

    def test_a_partner_without_customers_has_none(self, world):
        assert world.source.customers() == ()

    def test_subscriptions_read_as_they_were_bought(self, world):
        world.hold(CONTOSO, ANNUAL, MONTHLY)

        assert world.source.subscriptions(TENANT) == (ANNUAL, MONTHLY)

    def test_a_customer_may_have_bought_nothing(self, world):
        world.hold(CONTOSO)

        assert world.source.subscriptions(TENANT) == ()

    def test_customers_are_kept_apart(self, world):
        world.hold(CONTOSO, ANNUAL)
        world.hold(FABRIKAM, MONTHLY)

        assert world.source.subscriptions(TENANT) == (ANNUAL,)
        assert world.source.subscriptions(OTHER_TENANT) == (MONTHLY,)

    def test_case_27_seats_of_the_next_term_are_not_those_of_now(self, world):
        fewer = replace(ANNUAL, next_quantity=18)
        world.hold(CONTOSO, fewer)

        (found,) = world.source.subscriptions(TENANT)

        assert (found.quantity, found.next_quantity) == (20, 18)

    def test_a_customer_of_somebody_else_is_not_found(self, world):
        world.hold(CONTOSO)

        with pytest.raises(NotFoundError):
            world.source.subscriptions(TenantId("33333333-3333-4333-8333-333333333333"))

    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            ("throttle", RateLimitError),
            ("break_down", UpstreamUnavailableError),
            ("lock_out", AccessDeniedError),
            ("garble", UnexpectedPayloadError),
        ],
    )
    @pytest.mark.parametrize("read", ["customers", "subscriptions"])
    def test_trouble_is_an_error_and_passes(self, world, read, trouble, error):
        world.hold(CONTOSO, ANNUAL)
        getattr(world, trouble)(*([17] if trouble == "throttle" else []))
        arguments = [TENANT] if read == "subscriptions" else []

        with pytest.raises(SeatsyncError) as caught:
            getattr(world.source, read)(*arguments)
        world.recover()

        assert type(caught.value) is error
        if isinstance(caught.value, RateLimitError):
            assert (caught.value.connection, caught.value.retry_after.seconds) == ("main", 17)
        if isinstance(caught.value, AccessDeniedError):
            assert caught.value.remedy
        assert len(getattr(world.source, read)(*arguments)) == 1
