"""Pre-flight agreements: read what bills on them, and say what a person should mend first.

Nothing is written to the PSA; what a customer has to mend is shown among its alerts until a later
pre-flight finds it no more. One agreement that cannot be read stops no other: that is its finding.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from shared.domain.agreements import Agreement, Product
from shared.domain.commerce import joined
from shared.domain.customers import Customer, CustomerState
from shared.domain.errors import ConflictError, RateLimitError, SeatsyncError
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, CustomerId, ProductId
from shared.domain.mappings import ExistingLine, LineGroup
from shared.domain.plans import Member
from shared.domain.preflight import (
    AgreementReport,
    BilledGroup,
    CommitmentEnd,
    Finding,
    FindingKind,
    PreflightRequest,
    Severity,
    findings_of,
)
from shared.domain.terms import Certainty
from shared.ports import Page, PsaConnection, Services
from shared.usecases.alert_board import tell_preflight
from shared.usecases.books import Book, Catalogue, local_date, open_book, open_catalogue
from shared.usecases.companies import customers_by_company, mapped_agreements
from shared.usecases.pauses import asking_psa

_FEW = 3
"""Up to so many companies are asked for one by one; of more, all agreements are listed."""


def preflight_connection(
    name: ConnectionName, services: Services, *, continuation: str | None, limit: int
) -> Page[AgreementReport]:
    """Return reports of the mapped agreements, by company, a page at a time.

    Args:
        limit: Companies in a page; each may have several agreements.

    Raises:
        NotFoundError: There is no such PSA connection.
        RetryableError, OperatorActionError: The PSA as a whole could not be read.
    """
    companies = customers_by_company(name, services)
    waiting = sorted(one for one in companies if one > (continuation or ""))
    page = {one: companies[one] for one in waiting[:limit]}
    more = waiting[limit - 1] if len(waiting) > limit else None
    with asking_psa(name, services):
        reports = tuple(_Preflight(name, services).of_companies(page))
    _tell(reports, services)
    return Page(reports, more)


def preflight_agreements(
    name: ConnectionName, agreement_ids: Sequence[AgreementId], services: Services
) -> tuple[AgreementReport, ...]:
    """Return a report of each named agreement, mapped or not.

    Raises: as ``preflight_connection``.
    """
    companies = customers_by_company(name, services)
    with asking_psa(name, services):
        reports = tuple(_Preflight(name, services).of_agreements(agreement_ids, companies))
    _tell(reports, services)
    return reports


def preflight_customer(customer_id: CustomerId, services: Services) -> tuple[AgreementReport, ...]:
    """Return reports of the agreements that a customer is mapped to.

    Raises:
        NotFoundError: There is no such customer.
        ConflictError: It is deleted.
        RetryableError, OperatorActionError: The PSA as a whole could not be read.
    """
    customer = services.customers.get(customer_id).value
    if customer.state is CustomerState.DELETED:
        raise ConflictError("the customer is deleted; add it again")
    # Other customers of its company may bill on the same agreements.
    neighbours = customers_by_company(customer.psa, services)[customer.company_id]
    with asking_psa(customer.psa, services):
        found = _Preflight(customer.psa, services).of_companies({customer.company_id: neighbours})
        reports = tuple(one for one in found if customer_id in one.customer_ids)
    _tell(reports, services)
    return reports


def _tell(reports: Iterable[AgreementReport], services: Services) -> None:
    """Show what is to be mended to the customers who are billed there."""
    for report in reports:
        findings: dict[str, str] = {}
        for one in report.findings:
            if one.severity is not Severity.INFO:
                name = "/".join((one.kind.value, *one.line_ids))
                findings[name] = f"agreement {report.agreement_id}: {one.text}"
        for customer_id in report.customer_ids:
            tell_preflight(customer_id, report.agreement_id, findings, services)


class _Preflight:
    """One pre-flight; what agreements share is read once."""

    def __init__(self, name: ConnectionName, services: Services) -> None:
        self._services = services
        self._psa: PsaConnection = services.connections.psa(name)
        self._today: date = local_date(services.clock.now(), self._psa)
        self._catalogue: Catalogue = open_catalogue(services)
        self._products: dict[ProductId, Product] | None = None

    def of_companies(self, companies: dict[CompanyId, list[Customer]]) -> Iterator[AgreementReport]:
        books = {one: self._books(customers) for one, customers in companies.items()}
        mapped = {one: mapped_agreements(books[one], self._today) for one in books}
        headers = self._headers([one for one in mapped if mapped[one]])
        for company_id, agreement_ids in mapped.items():
            for agreement_id in agreement_ids:
                yield self._report(agreement_id, company_id, books[company_id], headers)

    def of_agreements(
        self, agreement_ids: Sequence[AgreementId], companies: dict[CompanyId, list[Customer]]
    ) -> Iterator[AgreementReport]:
        books: dict[CompanyId, list[Book]] = {}
        headers: dict[AgreementId, Agreement] = {}
        for agreement_id in dict.fromkeys(agreement_ids):
            header = headers.get(agreement_id) or self._header(agreement_id)
            if isinstance(header, Finding):
                yield AgreementReport(agreement_id, None, None, (), (header,))
                continue
            company_id = header.company_id
            if company_id not in books:
                books[company_id] = self._books(companies.get(company_id, []))
                headers |= self._headers([company_id])
            headers[agreement_id] = header
            yield self._report(agreement_id, company_id, books[company_id], headers)

    def _books(self, customers: Iterable[Customer]) -> list[Book]:
        return [open_book(one, self._services, catalogue=self._catalogue) for one in customers]

    def _headers(self, companies: Sequence[CompanyId]) -> dict[AgreementId, Agreement]:
        gateway = self._psa.gateway
        if len(companies) > _FEW:
            found = gateway.list_agreements(None)
        else:
            found = tuple(x for one in companies for x in gateway.list_agreements(one))
        return {one.agreement_id: one for one in found}

    def _header(self, agreement_id: AgreementId) -> Agreement | Finding:
        """The header of an agreement that no list has, or why there is none."""
        try:
            return self._psa.gateway.get_agreement(agreement_id)
        except RateLimitError:
            raise
        except SeatsyncError as error:
            return Finding(FindingKind.UNREADABLE, Severity.BLOCK, str(error))

    def _report(
        self,
        agreement_id: AgreementId,
        company_id: CompanyId,
        books: list[Book],
        headers: dict[AgreementId, Agreement],
    ) -> AgreementReport:
        billed = [
            (book, group, members)
            for book in books
            for group, members in book.groups(self._today).values()
            if group.agreement_id == agreement_id
        ]
        customers = tuple(dict.fromkeys(book.customer.customer_id for book, _, _ in billed))
        header = headers.get(agreement_id) or self._header(agreement_id)
        if isinstance(header, Finding):
            return AgreementReport(agreement_id, company_id, None, customers, (header,))
        if header.company_id != company_id:
            finding = Finding(
                FindingKind.OTHER_COMPANY,
                Severity.BLOCK,
                f"it belongs to company {header.company_id}, and the customer is company "
                f"{company_id}; map to an agreement of its own",
            )
            return AgreementReport(agreement_id, company_id, header, customers, (finding,))
        try:
            findings = findings_of(
                PreflightRequest(
                    agreement=header,
                    children=tuple(x for x in headers.values() if x.parent_id == agreement_id),
                    lines=self._psa.gateway.list_lines(agreement_id),
                    groups=tuple(self._billed(*one) for one in billed),
                    capabilities=self._psa.gateway.capabilities,
                    today=self._today,
                )
            )
        except RateLimitError:
            raise
        except SeatsyncError as error:
            findings = (Finding(FindingKind.UNREADABLE, Severity.BLOCK, str(error)),)
        return AgreementReport(agreement_id, company_id, header, customers, findings)

    def _billed(self, book: Book, group: LineGroup, members: tuple[Member, ...]) -> BilledGroup:
        product = self._product(group.product_id)
        return BilledGroup(
            group=group,
            row_ids=tuple(dict.fromkeys(member.row_id for member in members)),
            line_id=book.ledger(group.group_id).line_id,
            adopts=any(m.mapping.existing_line is ExistingLine.ADOPT for m in members),
            product=product,
            price=group.price.price(None if product is None else product.price),
            commitments=tuple(end for member in members for end in _commitments(book, member)),
        )

    def _product(self, product_id: ProductId) -> Product | None:
        if self._products is None:
            catalogue = self._psa.gateway.list_products()
            self._products = {one.product_id: one for one in catalogue}
        return self._products.get(product_id)


def _commitments(book: Book, member: Member) -> Iterator[CommitmentEnd]:
    """The last days of a row's terms; a guess is nobody's commitment."""
    row = book.row(member.row_id)
    reading = None if book.record is None else book.record.partner
    for subscription in () if row is None else row.subscriptions:
        said = book.customer.stated_term(subscription.subscription_id)
        found = joined(subscription, reading, None if said is None else said.length)
        sure = found.term is not None and found.term.certainty is not Certainty.GUESSED
        if sure and found.ends is not None:
            yield CommitmentEnd(member.row_id, member.name, found.ends)
