"""Counting people: numbers that come as text, what is counted, and what is not."""

import io
from collections.abc import Iterator

import pytest
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from local.simulators.microsoft.builders import a_device, a_group, a_tenant, a_user
from shared.domain.errors import AccessDeniedError, UnexpectedPayloadError
from tests.builders import E5, TENANT
from tests.microsoft_site import GRAPH_URL, MicrosoftSite, microsoft_site


@pytest.fixture
def site() -> Iterator[MicrosoftSite]:
    """Sales has Ann, Bo (disabled), a laptop, and a group with Ann and Cy; Cy's group has Sales."""
    ann, bo, cy = (a_user(name, sku_ids=[E5]) for name in ("Ann", "Bo", "Cy"))
    bo.account_enabled = False
    laptop = a_device("Laptop")
    inner = a_group("Inner", [ann, cy])
    sales = a_group("Sales", [ann, bo, laptop, inner])
    inner.member_ids.append(sales.id)
    tenant = a_tenant(
        "Contoso",
        tenant_id=TENANT,
        users=[ann, bo, cy],
        groups=[sales, inner],
        things=[laptop],
    )
    with microsoft_site(tenant) as made:
        yield made


def everyone(site: MicrosoftSite) -> int:
    return site.source.count_users(TENANT, licensed_only=False, domain=None, enabled_only=False)


def of_sales(site: MicrosoftSite, **options: bool) -> int:
    sales = site.tenant(TENANT).groups[0].id
    wanted = {"include_disabled": True} | options
    return site.source.count_group_members(TENANT, sales, **wanted)


def test_case_30_neither_devices_nor_groups_count_as_members(site):
    assert of_sales(site) == 2
    assert of_sales(site, include_disabled=False) == 1


def test_case_30_members_of_inner_groups_count_only_when_asked_for_and_once(site):
    assert of_sales(site, nested=True) == 3
    assert of_sales(site, nested=True, include_disabled=False) == 2


def test_nested_members_are_listed_by_page_and_by_their_ids_alone(site):
    tenant = site.tenant(TENANT)
    many = [a_user(f"Number {number}") for number in range(1100)]
    tenant.users.extend(many)
    tenant.groups[1].member_ids.extend(one.id for one in many)
    sent = []
    adapter = site.http.get_adapter("http://")
    real_send = adapter.send

    def send(request, **options):
        if "/groups/" in request.url:
            sent.append(request)
        return real_send(request, **options)

    adapter.send = send

    assert of_sales(site, nested=True) == 1103

    # Sales' groups, its users, and two pages of the inner group's.
    assert [kind for kind, _, _ in site.calls].count("graph.members") == len(sent) == 4
    assert all("%24select=id&" in one.url or "skiptoken" in one.url for one in sent)
    assert {one.headers["ConsistencyLevel"] for one in sent} == {"eventual"}


def test_a_count_is_one_call(site):
    everyone(site)
    of_sales(site)

    assert site.counts()["graph.users.count"] == 1
    assert [kind for kind, _, _ in site.calls].count("graph.count") == 2


class Answering(BaseAdapter):
    """Answers every call with the same text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.requests = []

    def send(self, request, **_):
        self.requests.append(request)
        raw = HTTPResponse(
            body=io.BytesIO(self.content),
            headers={"Content-Type": "text/plain"},
            status=200,
            preload_content=False,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self):
        pass


def answered(site: MicrosoftSite, content: bytes) -> Answering:
    answering = Answering(content)
    site.http.mount(f"{GRAPH_URL}/v1.0/users/", answering)
    return answering


@pytest.mark.parametrize(
    ("content", "number"),
    [(b"893", 893), (b"\xef\xbb\xbf893", 893), (b" 893\r\n", 893), (b"0", 0)],
)
def test_case_29_a_number_comes_as_text_with_or_without_a_mark(site, content, number):
    answered(site, content)

    assert everyone(site) == number


@pytest.mark.parametrize(
    "content", [b"", b"many", b"-1", b"12.5", b"1,000", b'"893"', b"true", b"null", b"{}", b"<p>"]
)
def test_case_29_anything_else_is_no_number_and_not_zero(site, content):
    answered(site, content)

    with pytest.raises(UnexpectedPayloadError):
        everyone(site)


def test_a_count_asks_for_text_and_says_that_it_may_lag(site):
    answering = answered(site, b"1")
    everyone(site)

    (request,) = answering.requests
    assert request.headers["ConsistencyLevel"] == "eventual"
    assert request.headers["Accept"] == "text/plain"


@pytest.mark.parametrize(
    ("count", "permission"), [(everyone, "User.Read.All"), (of_sales, "GroupMember.Read.All")]
)
def test_a_missing_permission_is_named(site, count, permission):
    site.tenant(TENANT).consents = {site.config.client_id: ["Organization.Read.All"]}

    with pytest.raises(AccessDeniedError) as caught:
        count(site)

    assert permission in caught.value.remedy
