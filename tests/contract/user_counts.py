"""What every keeper of UserCounts promises."""

from collections.abc import Iterable
from typing import Protocol

import pytest

from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    RateLimitError,
    SeatsyncError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId
from shared.ports import UserCounts
from tests.builders import OTHER_TENANT, TENANT
from tests.fakes.microsoft import Person

GROUP = "99999999-0000-4000-8000-000000000001"
ADA = Person("ada@contoso.example")
BOB = Person("bob@contoso.example", enabled=False)
EVE = Person("eve@shop.contoso.example", licensed=False)
DAN = Person("Dan@CONTOSO.example", enabled=False, licensed=False)
GUEST = Person("carl_other.example#EXT#@contoso.onmicrosoft.example", licensed=False)
EVERYONE = (ADA, BOB, EVE, DAN, GUEST)


class World(Protocol):
    """Counts, and a directory behind them that tests can arrange."""

    source: UserCounts

    def hold(self, tenant_id: TenantId, people: Iterable[Person]) -> None:
        """Let a tenant have these users."""

    def group(self, tenant_id: TenantId, group_id: str, members: Iterable[Person]) -> None:
        """Let a tenant that has these users have a group of them."""

    def throttle(self, seconds: int) -> None:
        """Let counts be refused with a wait."""

    def break_down(self) -> None:
        """Let counts fail for a reason that may pass."""

    def withdraw_consent(self) -> None:
        """Let the tenant lock us out."""

    def garble(self) -> None:
        """Let counts bring something else than the contract says."""

    def recover(self) -> None:
        """Let counts work again."""


def users(source: UserCounts, tenant_id: TenantId = TENANT, **changed: object) -> int:
    """Count users; everybody, unless the test says otherwise."""
    wanted = {"licensed_only": False, "domain": None, "enabled_only": False} | changed
    return source.count_users(tenant_id, **wanted)


def members(source: UserCounts, group_id: str = GROUP, *, include_disabled: bool = True) -> int:
    return source.count_group_members(TENANT, group_id, include_disabled=include_disabled)


class UserCountsContract:
    """The suite; a subclass provides the fixture ``world``."""

    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("wanted", "number"),
        [
            ({}, 5),
            ({"licensed_only": True}, 2),
            ({"enabled_only": True}, 3),
            ({"domain": "contoso.example"}, 3),
            ({"domain": "@Contoso.Example "}, 3),
            ({"domain": "shop.contoso.example"}, 1),
            ({"domain": "example"}, 0),
            ({"domain": "o'contoso.example"}, 0),
            ({"domain": "contoso.example", "enabled_only": True}, 1),
            ({"domain": "contoso.example", "licensed_only": True, "enabled_only": True}, 1),
            ({"domain": "shop.contoso.example", "licensed_only": True}, 0),
        ],
    )
    def test_users_are_counted_as_wanted(self, world, wanted, number):
        world.hold(TENANT, EVERYONE)

        assert users(world.source, **wanted) == number

    def test_a_tenant_may_have_nobody(self, world):
        world.hold(TENANT, [])

        assert users(world.source) == 0

    def test_tenants_are_kept_apart(self, world):
        world.hold(TENANT, EVERYONE)
        world.hold(OTHER_TENANT, [ADA])

        assert (users(world.source), users(world.source, OTHER_TENANT)) == (5, 1)

    def test_members_of_a_group_are_counted_with_the_disabled_or_without(self, world):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, GROUP, [ADA, BOB, EVE])

        assert members(world.source) == 3
        assert members(world.source, include_disabled=False) == 2

    def test_a_group_is_known_in_capital_letters_too(self, world):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, GROUP, [ADA])

        assert members(world.source, GROUP.upper()) == 1

    def test_an_empty_group_has_nobody(self, world):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, GROUP, [])

        assert members(world.source) == 0

    def test_a_group_that_is_not_there_is_no_empty_group(self, world):
        world.hold(TENANT, EVERYONE)

        with pytest.raises(NotFoundError):
            members(world.source)

    def test_an_unknown_tenant_is_a_persons_turn(self, world):
        with pytest.raises(AccessDeniedError):
            users(world.source, TenantId("33333333-3333-4333-8333-333333333333"))

    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            ("throttle", RateLimitError),
            ("break_down", UpstreamUnavailableError),
            ("withdraw_consent", AccessDeniedError),
            ("garble", UnexpectedPayloadError),
        ],
    )
    @pytest.mark.parametrize("count", [users, members])
    def test_trouble_is_an_error_and_never_a_number(self, world, count, trouble, error):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, GROUP, [ADA, BOB, EVE, DAN, GUEST])
        getattr(world, trouble)(*([17] if trouble == "throttle" else []))

        with pytest.raises(SeatsyncError) as caught:
            count(world.source)
        world.recover()

        assert type(caught.value) is error
        assert count(world.source) == 5
