"""Pre-flight of agreements: what is read for it, and how far one failure reaches."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.errors import (
    ConnectionPausedError,
    NotFoundError,
    RateLimitError,
    UpstreamUnavailableError,
)
from shared.domain.ids import AgreementId, CompanyId, CustomerId
from shared.domain.mappings import PriceKind, PricePolicy
from shared.domain.terms import TermLength
from shared.ports import Page
from shared.usecases.customers import delete_customer
from shared.usecases.preflight import (
    preflight_agreements,
    preflight_connection,
    preflight_customer,
)
from shared.usecases.state_term import state_term
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    EDITOR,
    MAIN,
    NOW,
    OTHER_AGREEMENT,
    OTHER_CUSTOMER,
    OTHER_TENANT,
    SUBSCRIPTION_ROW,
    TODAY,
    a_company,
    a_line,
    a_mapping,
    a_profile,
    a_snapshot,
    a_subscription,
    an_agreement,
    dollars,
)
from tests.house import House

OTHER_COMPANY = CompanyId("251")


def kinds(page: Page | tuple) -> dict[str, list[str]]:
    reports = page.items if isinstance(page, Page) else page
    return {one.agreement_id: [finding.kind.value for finding in one.findings] for one in reports}


def whole(house: House, limit: int = 100, continuation: str | None = None) -> Page:
    return preflight_connection(MAIN, house.services, continuation=continuation, limit=limit)


@pytest.fixture
def house() -> House:
    """Contoso on agreement 7001 and Fabrikam on 7002, both ready."""
    house = House().with_customer().with_mapping().holds(10)
    house.psa.add(
        a_company(OTHER_COMPANY, name="Fabrikam"),
        an_agreement(OTHER_AGREEMENT, company_id=OTHER_COMPANY),
    )
    house.with_customer(
        customer_id=OTHER_CUSTOMER, tenant_id=OTHER_TENANT, company_id=OTHER_COMPANY
    )
    return house.with_mapping(customer_id=OTHER_CUSTOMER, agreement_id=OTHER_AGREEMENT)


def test_all_mapped_agreements_are_looked_at_and_nothing_is_written(house):
    assert kinds(whole(house)) == {"7001": [], "7002": []}
    assert house.psa.writes == []


def open_findings(house: House) -> list[str]:
    return [
        one.text
        for one in house.services.alerts.open_of(CUSTOMER)
        if one.kind is AlertKind.PREFLIGHT
    ]


def test_what_is_to_be_mended_is_an_alert_of_its_customer_until_it_is_found_no_more(house):
    sound = house.psa.agreements[AGREEMENT]
    house.psa.add(replace(sound, first_uninvoiced=None, next_invoice=None))

    whole(house)
    whole(house)

    (text,) = open_findings(house)
    assert text.startswith("agreement 7001: ")
    house.psa.add(sound)
    preflight_customer(CUSTOMER, house.services)
    assert open_findings(house) == []


def test_each_page_holds_so_many_companies(house):
    first = whole(house, limit=1)
    second = whole(house, limit=1, continuation=first.continuation)

    assert (list(kinds(first)), list(kinds(second))) == (["7001"], ["7002"])
    assert second.continuation is None


def test_one_agreement_that_cannot_be_read_is_a_finding_and_stops_no_other(house):
    del house.psa.agreements[AGREEMENT]

    assert kinds(whole(house)) == {"7001": ["unreadable"], "7002": []}


def test_lines_that_cannot_be_read_are_a_finding(house, monkeypatch):
    read = house.psa.list_lines

    def broken(agreement_id: AgreementId) -> tuple:
        if agreement_id == AGREEMENT:
            raise UpstreamUnavailableError("main", "503")
        return read(agreement_id)

    monkeypatch.setattr(type(house.psa), "list_lines", lambda _psa, one: broken(one))

    assert kinds(whole(house)) == {"7001": ["unreadable"], "7002": []}


def test_a_psa_that_asks_to_wait_is_left_alone_by_all(house):
    house.psa.next_read(RateLimitError("main", timedelta(seconds=7)))

    with pytest.raises(RateLimitError):
        whole(house)
    with pytest.raises(ConnectionPausedError):
        whole(house)


def test_an_agreement_of_another_company_is_a_finding(house):
    house.psa.add(an_agreement(AGREEMENT, company_id=OTHER_COMPANY))

    assert kinds(preflight_customer(CUSTOMER, house.services)) == {"7001": ["other_company"]}


def test_a_customers_own_agreements_are_looked_at(house):
    [report] = preflight_customer(CUSTOMER, house.services)

    assert (report.agreement_id, report.customer_ids) == (AGREEMENT, (CUSTOMER,))


def test_two_customers_of_one_company_are_billed_on_one_report(house):
    house.with_customer(customer_id=CustomerId("second"), tenant_id=OTHER_TENANT)
    house.with_mapping(customer_id=CustomerId("second"))

    [report] = preflight_customer(CUSTOMER, house.services)

    assert report.customer_ids == (CUSTOMER, CustomerId("second"))


def test_named_agreements_are_looked_at_mapped_or_not(house):
    house.psa.add(
        an_agreement(AgreementId("7003"), company_id=CompanyId("999")),
        a_line(agreement_id=AgreementId("7003"), marker="ACME-1"),
    )
    named = [AgreementId(one) for one in ("7003", "7999", "7001", "7001")]

    found = preflight_agreements(MAIN, named, house.services)

    assert kinds(found) == {"7003": ["other_tool"], "7999": ["unreadable"], "7001": []}


def test_a_child_agreement_and_its_parent_are_told(house):
    child = AgreementId("7004")
    house.psa.add(an_agreement(child, parent_id=AGREEMENT))

    found = preflight_agreements(MAIN, [AGREEMENT, child], house.services)

    assert kinds(found) == {"7001": ["parent_agreement"], "7004": ["child_agreement"]}


def test_the_catalogue_and_the_agreements_are_read_once(house):
    for number in range(5):
        name = CustomerId(f"customer{number}")
        company, agreement = CompanyId(str(300 + number)), AgreementId(str(8000 + number))
        house.psa.add(an_agreement(agreement, company_id=company))
        house.with_customer(customer_id=name, company_id=company)
        house.with_mapping(customer_id=name, agreement_id=agreement)
    house.psa.calls.clear()

    whole(house)

    assert sorted(house.psa.reads) == ["list_agreements", *["list_lines"] * 7, "list_products"]


def test_the_end_of_a_commitment_counts_once_somebody_knows_its_term(house):
    renews = a_subscription(next_lifecycle_at=NOW + timedelta(days=200))
    house.microsoft.hold(a_snapshot(subscriptions=[renews]))
    house.cycle()
    house.psa.add(an_agreement(ends=TODAY + timedelta(days=30)))
    assert kinds(preflight_customer(CUSTOMER, house.services)) == {"7001": []}

    state_term(
        CUSTOMER,
        SUBSCRIPTION_ROW,
        TermLength.ANNUAL,
        house.services,
        if_match=None,
        actor=EDITOR,
    )

    assert kinds(preflight_customer(CUSTOMER, house.services)) == {
        "7001": ["ends_before_commitment"]
    }


def test_a_line_with_another_price_than_the_profiles_is_told():
    house = House().with_customer()
    policy = PricePolicy(PriceKind.FIXED, dollars("29.95"))
    house.services.profiles.add(a_profile(price=policy))
    house.services.mappings.put(None, a_mapping())
    house.psa.add(a_line())
    house.holds(10).cycle()

    assert kinds(preflight_customer(CUSTOMER, house.services)) == {"7001": ["price"]}


def test_a_connection_that_is_not_there_is_not_found(house):
    with pytest.raises(NotFoundError):
        preflight_connection("nowhere", house.services, continuation=None, limit=10)


def test_deleted_customers_are_left_out(house):
    delete_customer(OTHER_CUSTOMER, house.services, if_match=None)

    assert list(kinds(whole(house))) == ["7001"]
