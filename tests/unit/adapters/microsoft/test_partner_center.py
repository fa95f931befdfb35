"""Reading Partner Center: signing in, pages, odd rows, and the edge cases by their numbers."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from local.simulators.common.faults import Fault, Kind
from local.simulators.microsoft.builders import a_subscription, a_tenant, an_id
from local.simulators.partnercenter.builders import (
    a_partner_customer,
    a_partner_subscription,
    partner_center_of,
)
from shared.adapters.http.decision import DEFAULT_WAIT
from shared.adapters.http.payload import Payload
from shared.adapters.microsoft.clouds import CLOUDS, CloudName
from shared.adapters.microsoft.commitments import partner_subscriptions, reseller_customers
from shared.adapters.microsoft.partnercenter import partner_center
from shared.domain.commitments import BillingCycle, CommitmentStatus, PartnerSubscription
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    SettingsError,
    UnexpectedPayloadError,
)
from shared.domain.terms import TermLength
from tests.builders import E5, MAIN, TENANT
from tests.microsoft_site import MicrosoftSite, microsoft_site

CONTRACT = Path(__file__).parents[4] / "local/simulators/contracts/partnercenter/openapi.json"
COMMERCE_ID = "c0ffee01-0000-4000-8000-000000000001"


@pytest.fixture
def site() -> Iterator[MicrosoftSite]:
    """Contoso's 20 seats of E5 were bought through the partner."""
    with microsoft_site(a_tenant("Contoso", [a_subscription(E5, 20)], tenant_id=TENANT)) as made:
        made.state.partner_center = partner_center_of(made.state)
        yield made


def fault(site: MicrosoftSite, kind: Kind, **rule: object) -> None:
    site.partner_center_simulator.faults.add(Fault(kind=kind, **rule))


def counts(site: MicrosoftSite) -> dict[str, int]:
    return site.partner_center_simulator.calls.counts()


def example(name: str, path: str = "/customers/{customer-tenant-id}/subscriptions") -> dict:
    """Return an example answer of the contract."""
    answers = json.loads(CONTRACT.read_text("utf-8"))["paths"][path]["get"]["responses"]
    value: dict = answers["200"]["content"]["application/json"]["examples"][name]["value"]
    return value


def parsed(*rows: dict) -> list[PartnerSubscription]:
    return list(partner_subscriptions(Payload(row, f"$[{n}]") for n, row in enumerate(rows)))


def a_row(**changed: object) -> dict[str, object]:
    return {
        "id": COMMERCE_ID,
        "offerId": "CFQ7TTC0LCHC:0002:CFQ7TTC0X7T2",
        "productType": {"id": "OnlineServicesNCE"},
        "friendlyName": "Microsoft 365 E5",
        "quantity": 20,
        "unitType": "Licenses",
        "billingType": "license",
        "status": "active",
        "commitmentEndDate": "2027-01-13T00:00:00Z",
    } | changed


# Both sides --------------------------------------------------------------------------------------


def test_one_subscription_has_one_id_on_both_sides(site):
    snapshot = site.source.read_tenant(TENANT)

    (bought,) = site.new_partner_center().subscriptions(TENANT)

    assert bought.commerce_id == snapshot.subscriptions[0].commerce_id
    assert bought.quantity == snapshot.subscriptions[0].total_licenses


def test_a_connection_without_partner_center_has_none(site):
    assert partner_center(MAIN, site.config, site.http) is None


def test_the_app_signs_in_as_itself_even_where_customers_are_entered_otherwise(site):
    source = site.new_partner_center(refresh_token="never used")

    assert [one.tenant_id for one in source.customers()] == [TENANT]


def test_calls_say_who_they_are_for(site):
    sent = []
    adapter = site.http.get_adapter("http://")
    real_send = adapter.send

    def send(request, **options):
        if "/partnercenter/" in request.url:
            sent.append(request.headers)
        return real_send(request, **options)

    adapter.send = send
    site.new_partner_center().customers()

    (headers,) = sent
    assert headers["MS-Contract-Version"] == "v1"
    assert len(headers["MS-RequestId"]) == len(headers["MS-CorrelationId"]) == 36


def test_a_token_is_asked_for_once(site):
    source = site.new_partner_center()
    source.customers()
    source.subscriptions(TENANT)

    assert site.counts()["login.token"] == 1


def test_a_token_that_is_refused_is_renewed_once(site):
    source = site.new_partner_center()
    source.customers()
    site.vendor.tokens.revoke_all()

    assert len(source.customers()) == 1
    assert site.counts()["login.token"] == 2


def test_a_partner_that_has_no_partner_center_is_told_what_to_set(site):
    site.state.partner_center.app_ids = []

    with pytest.raises(AccessDeniedError) as caught:
        site.new_partner_center().customers()

    assert "PARTNER_CENTER" in caught.value.remedy


def test_a_cloud_without_partner_center_is_a_setting_at_fault(site):
    with pytest.raises(SettingsError, match=r"^MICROSOFT__main__PARTNER_CENTER: "):
        site.new_partner_center(cloud_name=CloudName.DOD)


@pytest.mark.parametrize("name", [CloudName.GLOBAL, CloudName.GCC_HIGH, CloudName.CHINA])
def test_without_urls_the_calls_go_to_the_cloud(site, name):
    cloud = CLOUDS[name]
    site.state.login_host = cloud.login_host
    hosts: set[str] = set()
    adapter = site.http.get_adapter("https://")
    real_send = adapter.send

    def send(request, **options):
        hosts.add(request.url.split("/")[2])
        request.url = request.url.replace(
            f"{cloud.partner_center_host}/v1", f"{cloud.partner_center_host}/partnercenter/v1"
        )
        return real_send(request, **options)

    adapter.send = send
    source = site.new_partner_center(cloud_name=name, login_url=None, partner_center_url=None)

    assert len(source.customers()) == 1
    assert hosts == {cloud.login_host, cloud.partner_center_host}


# Case 28: pages ----------------------------------------------------------------------------------


def many_customers(site: MicrosoftSite, number: int) -> None:
    site.state.partner_center.customers = [
        a_partner_customer(an_id(f"tenant-{one}"), name=f"Customer {one:04}")
        for one in range(number)
    ]


def test_case_28_more_customers_than_one_page_holds_are_read_to_the_last(site):
    many_customers(site, 1101)

    assert len(site.new_partner_center().customers()) == 1101
    assert counts(site)["partnercenter.customers"] == 3


def test_an_empty_page_is_not_the_last(site):
    many_customers(site, 3)
    fault(site, Kind.EMPTY_PAGE, times=1)

    assert len(site.new_partner_center().customers()) == 3


@pytest.mark.parametrize("kind", [Kind.REPEATED_LINK, Kind.FOREIGN_LINK])
@pytest.mark.parametrize("number", [0, 3])
def test_a_list_that_goes_in_circles_is_refused(site, kind, number):
    many_customers(site, number)
    fault(site, kind)

    with pytest.raises(UnexpectedPayloadError, match="has no end" if number == 0 else "came twice"):
        site.new_partner_center().customers()


def test_a_next_link_elsewhere_is_not_followed_there(site):
    many_customers(site, 600)
    fault(site, Kind.FOREIGN_LINK, times=1)
    hosts = set()
    for prefix in ("http://", "https://"):
        adapter = site.http.get_adapter(prefix)

        def send(request, *, _send=adapter.send, **options):
            hosts.add(request.url.split("/")[2])
            return _send(request, **options)

        adapter.send = send

    with pytest.raises(UnexpectedPayloadError):
        site.new_partner_center().customers()

    assert hosts == {"login.test", "partner.test"}


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.TRUNCATED, Kind.THROTTLE, Kind.HTML])
def test_a_page_that_fails_is_no_part_of_a_list(site, kind):
    many_customers(site, 600)
    fault(site, kind, skip=1)

    with pytest.raises(Exception, match=r"main|asked") as caught:
        site.new_partner_center().customers()

    assert type(caught.value).__module__ == "shared.domain.errors"


def test_a_next_page_without_a_token_is_refused(site, monkeypatch):
    source = site.new_partner_center()
    page = {"items": [], "links": {"next": {"uri": "/customers?seekOperation=Next"}}}
    monkeypatch.setattr(source._session, "get_json", lambda *_, **__: page)

    with pytest.raises(UnexpectedPayloadError, match="no token"):
        source.customers()


@pytest.mark.parametrize("place", ["header", "body", "body alone"])
def test_the_token_of_the_next_page_may_stand_in_two_places(site, monkeypatch, place):
    header = [{"key": "ms-continuationtoken", "value": "next"}]
    link = {"uri": "/customers", "headers": header if place == "header" else None}
    first = {
        "items": [],
        "links": None if place == "body alone" else {"next": link},
        "continuationToken": None if place == "header" else "next",
    }
    asked = []

    def get_json(path, query, *, headers, kind):
        asked.append(headers.get("MS-ContinuationToken"))
        return {"items": []} if len(asked) > 1 else first

    source = site.new_partner_center()
    monkeypatch.setattr(source._session, "get_json", get_json)

    assert source.customers() == ()
    assert asked == [None, "next"]


# The other cases of part 7 -----------------------------------------------------------------------


@pytest.mark.parametrize("relationship", ["none", "advisor", "syndication", "microsoft_support"])
def test_case_18_only_customers_that_are_resold_to_count(site, relationship):
    site.state.partner_center.customers.append(
        a_partner_customer(an_id("other"), name="Advised", relationship=relationship)
    )

    assert [one.name for one in site.new_partner_center().customers()] == ["Contoso"]


def test_case_23_a_read_shows_a_change_at_once(site):
    # Webhooks come up to two days late; a read does not wait for one.
    source = site.new_partner_center()
    source.subscriptions(TENANT)
    site.state.partner_center.customers[0].subscriptions[0].quantity = 25

    assert source.subscriptions(TENANT)[0].quantity == 25


@pytest.mark.parametrize(
    ("written", "last_day"),
    [
        ("2027-01-13T00:00:00Z", date(2027, 1, 13)),
        ("2027-01-13T23:59:59Z", date(2027, 1, 13)),
        ("2027-01-13T16:57:14.0966728Z", date(2027, 1, 13)),
        ("2027-01-13T16:57:14.498252", date(2027, 1, 13)),
        ("2027-01-13T22:00:00-05:00", date(2027, 1, 14)),
        ("9999-12-31T00:00:00Z", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("0001-01-01T00:00:00", None),
        (None, None),
    ],
)
def test_case_24_an_end_is_the_last_day_however_it_is_written(written, last_day):
    assert parsed(a_row(commitmentEndDate=written))[0].commitment_end == last_day


@pytest.mark.parametrize(
    ("written", "last_day"),
    [
        ("2018-02-10T00:00:00Z", date(2018, 2, 9)),
        ("2016-12-12T08:00:00Z", date(2016, 12, 12)),
        ("2018-03-01T00:00:00", date(2018, 2, 28)),
    ],
)
def test_case_24_an_old_offer_names_the_moment_after_its_term(written, last_day):
    legacy = a_row(commitmentEndDate=written, offerId=COMMERCE_ID, productType=None)

    assert parsed(legacy)[0].commitment_end == last_day


def test_case_24_the_end_may_stand_in_the_other_field():
    row = a_row(commitmentEndDate=None, commitmentEndDateTime="2027-01-13T23:59:59Z")

    assert parsed(row)[0].commitment_end == date(2027, 1, 13)


def test_case_24_seven_digits_come_over_the_wire(site):
    bought = site.state.partner_center.customers[0].subscriptions[0]
    bought.created_at = datetime(2026, 1, 14, tzinfo=UTC)
    bought.raw_put = {"commitmentEndDate": "2027-01-13T16:57:14.0966728Z"}

    (found,) = site.new_partner_center().subscriptions(TENANT)

    assert found.commitment_end == date(2027, 1, 13)


@pytest.mark.parametrize(
    ("billing", "unit", "counts_seats"),
    [
        ("license", "Licenses", True),
        ("License", "none", True),
        (None, "License(s)", True),
        ("none", "Licenses", True),
        ("usage", "Usage-based", False),
        ("usage", "Licenses", False),
        ("none", "none", False),
        ("benefit", "Benefit", False),
        (None, None, False),
    ],
)
def test_case_25_a_quantity_is_seats_only_where_licences_are_sold(billing, unit, counts_seats):
    row = a_row(
        billingType=billing,
        unitType=unit,
        quantity=1,
        scheduledNextTermInstructions={"quantity": 2},
    )

    (found,) = parsed(row)

    expected = (1, 2) if counts_seats else (None, None)
    assert (found.quantity, found.next_quantity) == expected


def test_case_26_a_throttle_is_known_by_its_status(site):
    fault(site, Kind.THROTTLE, retry_after=57)
    with pytest.raises(RateLimitError) as caught:
        site.new_partner_center().customers()
    assert caught.value.retry_after == timedelta(seconds=57)

    site.partner_center_simulator.faults.clear()
    fault(site, Kind.THROTTLE)
    with pytest.raises(RateLimitError) as caught:
        site.new_partner_center().customers()
    assert caught.value.retry_after == DEFAULT_WAIT


@pytest.mark.parametrize("code", ["600009", None])
def test_case_26_errors_of_any_code_tell_their_words(site, code):
    fault(site, Kind.STATUS, status=400, code=code)

    with pytest.raises(Exception, match="The request is malformed"):
        site.new_partner_center().customers()


def test_case_27_a_scheduled_decrease_is_announced_and_not_applied(site):
    bought = site.state.partner_center.customers[0].subscriptions[0]
    bought.next_quantity = 18

    (found,) = site.new_partner_center().subscriptions(TENANT)

    assert (found.quantity, found.next_quantity) == (20, 18)


# Rows --------------------------------------------------------------------------------------------


def test_the_contracts_own_examples_read_as_they_should():
    rows = parsed(*example("mixed")["items"])

    assert [one.quantity for one in rows] == [20, 5, 30, 12, 10, 25, 2]
    assert [one.next_quantity for one in rows] == [18, *[None] * 6]
    assert [one.term for one in rows] == [
        TermLength.ANNUAL,
        TermLength.ANNUAL,
        TermLength.MONTHLY,
        TermLength.ANNUAL,
        TermLength.ANNUAL,
        TermLength.MONTHLY,
        TermLength.TRIENNIAL,
    ]
    assert rows[0].billing_cycle is BillingCycle.MONTHLY
    assert [one.commitment_end for one in rows[:2]] == [date(2027, 1, 13), date(2026, 7, 17)]
    assert rows[4].status is CommitmentStatus.SUSPENDED
    assert [one.is_trial for one in rows] == [False] * 5 + [True, False]


@pytest.mark.parametrize(
    ("name", "quantity", "last_day"),
    [("nce", 15, date(2022, 1, 13)), ("addon", 2, date(2018, 2, 9)), ("azure", None, None)],
)
def test_the_contracts_single_examples_read_as_they_should(name, quantity, last_day):
    path = "/customers/{customer-tenant-id}/subscriptions/{subscription-id}"

    (found,) = parsed(example(name, path))

    assert (found.quantity, found.commitment_end) == (quantity, last_day)
    assert found.commerce_id == found.commerce_id.lower()


@pytest.mark.parametrize("name", ["legacy", "software"])
def test_old_and_odd_examples_can_be_read(name):
    (found,) = parsed(*example(name)["items"])

    assert found.status is CommitmentStatus.ACTIVE
    assert found.term is (TermLength.TRIENNIAL if name == "software" else None)


def test_the_contracts_customers_read_as_they_should():
    rows = [row for name in ("page1", "page2") for row in example(name, "/customers")["items"]]

    found = reseller_customers(Payload(row) for row in rows)

    assert [(one.name, one.domain) for one in found] == [
        ("Contoso", "contoso.onmicrosoft.com"),
        ("Fabrikam", "fabrikam.onmicrosoft.com"),
    ]


def test_what_is_left_out_is_unknown():
    bare = {"id": COMMERCE_ID.upper()}

    assert parsed(bare) == [
        PartnerSubscription(
            commerce_id=COMMERCE_ID,
            friendly_name=COMMERCE_ID,
            term=None,
            billing_cycle=None,
            commitment_end=None,
            auto_renew=None,
            quantity=None,
            status=None,
            is_trial=None,
            next_quantity=None,
        )
    ]


@pytest.mark.parametrize(
    ("changed", "field", "expected"),
    [
        ({"billingCycle": "Annual"}, "billing_cycle", BillingCycle.ANNUAL),
        ({"billingCycle": "oneTime"}, "billing_cycle", BillingCycle.ONE_TIME),
        ({"billingCycle": "unknown"}, "billing_cycle", None),
        ({"termDuration": "p1y"}, "term", TermLength.ANNUAL),
        ({"termDuration": "P5Y"}, "term", None),
        ({"termDuration": "annual"}, "term", None),
        ({"termDuration": ""}, "term", None),
        ({"status": "none"}, "status", None),
        ({"status": "Active"}, "status", CommitmentStatus.ACTIVE),
        ({"friendlyName": " E5\N{NO-BREAK SPACE}"}, "friendly_name", "E5"),
        ({"friendlyName": "", "offerName": "Offer"}, "friendly_name", "Offer"),
    ],
)
def test_words_are_known_however_they_are_written(changed, field, expected):
    assert getattr(parsed(a_row(**changed))[0], field) == expected


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"id": None}, "id: expected text"),
        ({"id": "offer"}, "id: expected a GUID"),
        ({"quantity": -1}, "quantity: expected a whole number, 0 or more"),
        ({"quantity": "20"}, "quantity: expected a whole number"),
        ({"autoRenewEnabled": "yes"}, "autoRenewEnabled: expected true or false"),
        ({"commitmentEndDate": "soon"}, "commitmentEndDate: expected a date with a time"),
    ],
)
def test_a_row_that_is_not_as_agreed_is_refused(changed, told):
    with pytest.raises(UnexpectedPayloadError, match=told):
        parsed(a_row(**changed))


def test_a_subscription_that_comes_twice_is_refused():
    with pytest.raises(UnexpectedPayloadError, match="came twice"):
        parsed(a_row(), a_row(id=COMMERCE_ID.upper()))


def test_a_customer_that_comes_twice_is_refused(site):
    customers = site.state.partner_center.customers
    customers.append(customers[0])

    with pytest.raises(UnexpectedPayloadError, match="came twice"):
        site.new_partner_center().customers()


def test_a_commitment_without_an_end_has_none(site):
    site.state.partner_center.customers[0].subscriptions = [
        a_partner_subscription(COMMERCE_ID.upper(), commitment_end=None)
    ]

    (found,) = site.new_partner_center().subscriptions(TENANT)

    assert (found.commerce_id, found.commitment_end) == (COMMERCE_ID, None)
