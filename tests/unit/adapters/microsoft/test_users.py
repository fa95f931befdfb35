"""Reading who has which licence: page by page, completely, and in little memory."""

import tracemalloc
from collections.abc import Iterator

import pytest

from local.simulators.common.faults import Kind
from local.simulators.microsoft.builders import a_tenant, a_user
from shared.adapters.http.payload import Payload
from shared.adapters.microsoft.users import assigned_users_of
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from tests.builders import E5, EXCHANGE, TENANT
from tests.microsoft_site import USERS, MicrosoftSite, microsoft_site

TWO_PAGES = 1200


@pytest.fixture
def site() -> Iterator[MicrosoftSite]:
    """Contoso has users on two pages."""
    users = [a_user(f"User {number:04}", sku_ids=[E5]) for number in range(TWO_PAGES)]
    with microsoft_site(a_tenant("Contoso", tenant_id=TENANT, users=users)) as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "rule", "error"),
    [
        (Kind.STATUS, {"status": 400}, RequestRefusedError),
        (Kind.STATUS, {"status": 403}, AccessDeniedError),
        (Kind.STATUS, {"status": 503}, UpstreamUnavailableError),
        (Kind.THROTTLE, {"retry_after": 9}, RateLimitError),
        (Kind.HTML, {}, UnexpectedPayloadError),
        (Kind.DROP, {}, UpstreamUnavailableError),
        (Kind.TRUNCATED, {}, UnexpectedPayloadError),
        (Kind.REPEATED_LINK, {}, UnexpectedPayloadError),
        (Kind.FOREIGN_LINK, {}, UnexpectedPayloadError),
    ],
)
@pytest.mark.parametrize("page", [0, 1])
def test_a_failed_page_is_an_error_and_never_a_part(site, page, kind, rule, error):
    site.fault(kind, USERS, skip=page, **rule)

    with pytest.raises(SeatsyncError) as caught:
        site.source.assigned_users(TENANT)

    assert type(caught.value) is error


def test_an_empty_page_is_not_the_last(site):
    site.fault(Kind.EMPTY_PAGE, USERS, times=1)

    assert len(site.source.assigned_users(TENANT)) == TWO_PAGES


def test_a_page_of_users_is_as_large_as_graph_allows(site):
    site.source.assigned_users(TENANT)

    assert site.counts()["graph.users"] == 2


def test_a_token_that_is_refused_on_the_way_starts_the_read_again(site):
    site.fault(Kind.STATUS, USERS, status=401, skip=1, times=1)

    assert len(site.source.assigned_users(TENANT)) == TWO_PAGES
    assert site.counts()["graph.users"] == 4


def test_reading_a_tenants_licences_reads_no_users(site):
    site.source.read_tenant(TENANT)

    assert "graph.users" not in site.counts()


def test_a_missing_permission_is_named(site):
    site.tenant(TENANT).consents = {site.config.client_id: ["Organization.Read.All"]}

    with pytest.raises(AccessDeniedError) as caught:
        site.source.assigned_users(TENANT)

    assert "User.Read.All" in caught.value.remedy
    assert "adminconsent" in caught.value.remedy


def test_a_user_that_comes_twice_is_refused(site):
    users = site.tenant(TENANT).users
    users.append(users[0])

    with pytest.raises(UnexpectedPayloadError, match="came twice"):
        site.source.assigned_users(TENANT)


def a_row(number: int = 0, **changed: object) -> dict[str, object]:
    return {
        "id": f"{number:08}-0000-4000-8000-000000000000",
        "displayName": f"User {number:06}",
        "userPrincipalName": f"user.{number:06}@contoso.example",
        "assignedLicenses": [{"skuId": E5.upper(), "disabledPlans": []}],
    } | changed


def read(*rows: dict[str, object]) -> list[tuple[str, str, frozenset[str]]]:
    found = assigned_users_of(Payload(row, f"$.value[{n}]") for n, row in enumerate(rows))
    return [(user.name, user.address, user.sku_ids) for user in found]


def test_licences_are_once_each_and_in_lower_case():
    both = [{"skuId": E5}, {"skuId": E5.upper()}, {"skuId": EXCHANGE}]

    assert read(a_row(assignedLicenses=both))[0][2] == {E5, EXCHANGE}


@pytest.mark.parametrize("name", [None, "", " \N{NO-BREAK SPACE}"])
def test_a_user_without_a_name_goes_by_the_address(name):
    assert read(a_row(displayName=name))[0][0] == "user.000000@contoso.example"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"assignedLicenses": None}, "assignedLicenses: expected a list"),
        ({"assignedLicenses": [{"skuId": None}]}, "skuId: expected text"),
        ({"assignedLicenses": [{"skuId": "E5"}]}, "skuId: expected a GUID"),
        ({"userPrincipalName": None}, "userPrincipalName: expected text"),
        ({"id": None}, "id: expected text"),
    ],
)
def test_a_row_that_is_not_as_agreed_is_refused_without_naming_anyone(changed, named):
    with pytest.raises(UnexpectedPayloadError, match=named) as caught:
        read(a_row(**changed))

    assert "user." not in str(caught.value)


def test_twenty_thousand_users_stay_small():
    number = 20_000
    rows = (Payload(a_row(one)) for one in range(number))

    tracemalloc.start()
    users = assigned_users_of(rows)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(users) == number
    assert kept < 10_000_000
    assert peak < 15_000_000
    assert len({id(user.sku_ids) for user in users}) == 1
