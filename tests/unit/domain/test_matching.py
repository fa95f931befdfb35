"""Which company a tenant probably is, how surely, and why."""

import pytest

from shared.domain.ids import CompanyId
from shared.domain.matching import Match, best_matches, normalised, site_of
from tests.builders import a_company

CONTOSO, FABRIKAM, ADATUM = (CompanyId(one) for one in ("1", "2", "3"))


def matched(tenants, *companies, taken=None) -> list[tuple[str | None, int, bool]]:
    """Return company, score and sureness of each tenant."""
    found = best_matches(tenants, companies, taken or {})
    assert all(one.why for one in found)
    return [(one.company and one.company.company_id, one.score, one.sure) for one in found]


def match(name: str, domain: str, *companies, taken=None) -> Match:
    [found] = best_matches([(name, domain)], companies, taken or {})
    return found


@pytest.mark.parametrize(
    ("tenant", "company", "site", "score", "sure"),
    [
        (("Contoso Ltd", "contoso.example"), "CONTOSO Inc.", "", 100, True),
        (("Contoso", "contoso.example"), "Contoso", "https://www.contoso.example/en", 100, True),
        (("Contoso", "contoso.example"), "Contoso", "contoso.test", 100, True),
        (("Contoso", "contoso.example"), "Contoso", "www.contoso-bakery.test", 89, False),
        (("C. Holding", "contoso.example"), "Contoso Bakery", "contoso.example", 96, True),
        (("C. Holding", "contoso.example"), "Contoso", "", 90, True),
        (("Contoso Bakery", "x.example"), "Contoso Bakeries", "", 86, False),
        (("Café Müller GmbH", "x.example"), "Cafe Muller", "", 100, True),
        (("Contoso", "contoso.onmicrosoft.com"), "Other", "onmicrosoft.com", None, False),
        (("Tailspin", "tailspin.example"), "Woodgrove", "woodgrove.example", None, False),
    ],
)
def test_a_company_is_matched_by_name_and_by_domain(tenant, company, site, score, sure):
    [found] = matched([tenant], a_company(CONTOSO, name=company, website=site))

    assert found == ((CONTOSO, score, sure) if score else (None, 0, False))


def test_two_companies_of_one_name_leave_it_to_a_person():
    found = match(
        "Contoso",
        "x.example",
        a_company(CONTOSO, name="Contoso"),
        a_company(FABRIKAM, name="Contoso AG"),
    )

    assert (found.score, found.sure) == (100, False)
    assert "Contoso AG fits nearly as well" in found.why


def test_the_domain_decides_between_two_of_one_name():
    found = match(
        "Contoso",
        "contoso.example",
        a_company(CONTOSO, name="Contoso"),
        a_company(FABRIKAM, name="Contoso", website="contoso.example"),
    )

    assert found.company is not None
    assert (found.company.company_id, found.score, found.sure) == (FABRIKAM, 100, True)


def test_a_name_that_points_to_one_and_a_domain_to_another_leave_it_to_a_person():
    found = match(
        "Contoso",
        "fabrikam.example",
        a_company(CONTOSO, name="Contoso"),
        a_company(FABRIKAM, name="Fabrikam", website="fabrikam.example"),
    )

    assert not found.sure


def test_two_tenants_are_never_sure_of_one_company():
    company = a_company(CONTOSO, name="Contoso")

    found = best_matches([("Contoso", "a.example"), ("Contoso Inc", "b.example")], [company], {})

    assert [(one.score, one.sure) for one in found] == [(100, False), (100, False)]
    assert "Contoso Inc" in found[0].why


def test_a_tenant_that_is_only_similar_takes_nothing_from_one_that_is_the_company():
    company = a_company(CONTOSO, name="Contoso Bakery")
    tenants = [("Contoso Bakery", "a.example"), ("Contoso Bakeries", "b.example")]

    assert matched(tenants, company) == [(CONTOSO, 100, True), (CONTOSO, 86, False)]


def test_a_company_that_is_a_customer_already_is_not_sure():
    found = match(
        "Contoso",
        "contoso.example",
        a_company(CONTOSO, name="Contoso"),
        taken={CONTOSO: "Contoso Berlin"},
    )

    assert (found.score, found.sure) == (100, False)
    assert "it is customer Contoso Berlin already" in found.why


def test_the_order_of_companies_does_not_matter():
    companies = [
        a_company(CONTOSO, name="Contoso Bakery"),
        a_company(FABRIKAM, name="Fabrikam"),
        a_company(ADATUM, name="Adatum Bakery"),
    ]
    tenants = [("Fabrikam Inc", "f.example"), ("Adatum Bakeries", "a.example"), ("X", "y.example")]

    assert matched(tenants, *companies) == matched(tenants, *reversed(companies))


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://www.Contoso.example/de?x=1", "contoso.example"),
        ("contoso.example.", "contoso.example"),
        ("http://contoso.example:8080", "contoso.example"),
        (" mail.contoso.example ", "mail.contoso.example"),
        ("contoso.onmicrosoft.com", ""),
        ("https://facebook.com/contoso", ""),
        ("contoso", ""),
        ("http://[broken", ""),
        ("", ""),
    ],
)
def test_a_site_is_the_host_that_somebody_has_for_himself(address, site):
    assert site_of(address) == site


def test_a_name_of_legal_forms_alone_is_kept():
    assert normalised("The Company Ltd.") == "the company ltd"
