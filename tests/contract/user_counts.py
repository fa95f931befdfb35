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
CHILD = "99999999-0000-4000-8000-000000000002"
OTHER_CHILD = "99999999-0000-4000-8000-000000000003"
GRANDCHILD = "99999999-0000-4000-8000-000000000004"
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

    def group(
        self,
        tenant_id: TenantId,
        group_id: str,
        members: Iterable[Person],
        inner: Iterable[str] = (),
        things: Iterable[str] = (),
    ) -> None:
        """Let a tenant that has these users have a group of them.

        Args:
            inner: Ids of groups that are members too.
            things: Kinds of other members, one each: ``device``, ``orgContact``.
        """

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


def members(
    source: UserCounts,
    group_id: str = GROUP,
    *,
    include_disabled: bool = True,
    nested: bool = False,
) -> int:
    return source.count_group_members(
        TENANT, group_id, include_disabled=include_disabled, nested=nested
    )


def nested_members(source: UserCounts, group_id: str = GROUP) -> int:
    return members(source, group_id, nested=True)


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

    def test_devices_contacts_and_deeper_members_never_count(self, world):
        world.hold(TENANT, EVERYONE)
        odd = ["device", "orgContact", "servicePrincipal"]
        world.group(TENANT, GRANDCHILD, [GUEST])
        world.group(TENANT, CHILD, [BOB, EVE], [GRANDCHILD], ["device", "orgContact"])
        world.group(TENANT, GROUP, [ADA], [CHILD], odd)

        assert members(world.source) == 1
        assert members(world.source, nested=True) == 3
        assert members(world.source, nested=True, include_disabled=False) == 2

    def test_who_is_in_several_groups_counts_once(self, world):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, CHILD, [ADA, BOB])
        world.group(TENANT, OTHER_CHILD, [BOB, EVE])
        world.group(TENANT, GROUP, [ADA], [CHILD, OTHER_CHILD])

        assert members(world.source, nested=True) == 3

    def test_groups_that_hold_each_other_or_themselves_come_to_an_end(self, world):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, CHILD, [BOB], [GROUP])
        world.group(TENANT, GROUP, [ADA], [CHILD, GROUP])

        assert members(world.source, nested=True) == 2

    def test_a_group_without_users_has_those_of_its_groups(self, world):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, CHILD, [ADA])
        world.group(TENANT, GROUP, [], [CHILD])

        assert members(world.source) == 0
        assert members(world.source, nested=True) == 1

    @pytest.mark.parametrize("nested", [False, True])
    def test_a_group_is_known_in_capital_letters_too(self, world, nested):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, GROUP, [ADA])

        assert members(world.source, GROUP.upper(), nested=nested) == 1

    def test_an_empty_group_has_nobody(self, world):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, GROUP, [])

        assert members(world.source) == 0

    @pytest.mark.parametrize("nested", [False, True])
    def test_a_group_that_is_not_there_is_no_empty_group(self, world, nested):
        world.hold(TENANT, EVERYONE)

        with pytest.raises(NotFoundError):
            members(world.source, nested=nested)

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
    @pytest.mark.parametrize("count", [users, members, nested_members])
    def test_trouble_is_an_error_and_never_a_number(self, world, count, trouble, error):
        world.hold(TENANT, EVERYONE)
        world.group(TENANT, GROUP, [ADA, BOB, EVE, DAN, GUEST])
        getattr(world, trouble)(*([17] if trouble == "throttle" else []))

        with pytest.raises(SeatsyncError) as caught:
            count(world.source)
        world.recover()

        assert type(caught.value) is error
        assert count(world.source) == 5
