"""End lines that another tool made: first shown, then ended exactly as they were shown.

Source: docs/adr/0023-ending-another-tools-lines.md
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from shared.domain.agreements import Agreement, AgreementLine
from shared.domain.customers import Customer, CustomerState
from shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    RateLimitError,
    SeatsyncError,
)
from shared.domain.foreign_lines import (
    EndOutcome,
    ForeignLine,
    LineEnding,
    OwnBilling,
    fingerprint_of,
    foreign_lines,
    group_of_line,
    judged,
    may_be_foreign,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, RunId
from shared.domain.mappings import ExistingLine
from shared.domain.runs import RunReason
from shared.ports import LicenseSync, Services
from shared.usecases.books import Book, local_date, open_book, open_catalogue
from shared.usecases.companies import customers_by_company, mapped_agreements
from shared.usecases.pauses import asking_psa
from shared.usecases.start_run import start_groups

MOST_AGREEMENTS = 200
"""So many agreements are read while a person waits."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which foreign lines to end, and when.

    Attributes:
        marker_prefix: What the other tool's marks begin with, letter by letter.
        last_day: The last day that they bill; a PSA date.
        agreement_ids: ``None`` for all that are mapped.
    """

    marker_prefix: str
    last_day: date
    agreement_ids: tuple[AgreementId, ...] | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """An agreement whose lines are not among those shown, and why."""

    agreement_id: AgreementId
    text: str


@dataclass(frozen=True, slots=True)
class ForeignPreview:
    """What would be ended.

    Attributes:
        fingerprint: Names what is shown; it has to be sent back to end just that.
    """

    lines: tuple[ForeignLine, ...]
    unread: tuple[Unread, ...]
    fingerprint: str


def preview_foreign_lines(
    name: ConnectionName, selection: Selection, services: Services
) -> ForeignPreview:
    """Return the lines with what would happen to each. Writes nothing.

    Raises:
        NotFoundError: There is no such PSA connection.
        InvalidInputError: The mark may be ours, or too many agreements are mapped.
        RateLimitError, ConnectionPausedError: The PSA asked to wait.
    """
    if not may_be_foreign(selection.marker_prefix):
        raise InvalidInputError({"marker_prefix": "Seatsync's own marks begin so"})
    with asking_psa(name, services):
        found = _Search(name, selection, services)
        lines = tuple(found.lines())
    shown = fingerprint_of(
        lines,
        selection.marker_prefix,
        selection.last_day,
        [f"{one.agreement_id}: {one.text}" for one in found.unread],
    )
    return ForeignPreview(lines, tuple(found.unread), shown)


def end_foreign_lines(
    name: ConnectionName,
    selection: Selection,
    fingerprint: str,
    services: Services,
    *,
    note: str,
    actor: str,
) -> tuple[RunId, ForeignPreview]:
    """Queue the lines that a preview showed as ending, and return the run.

    Each is read again before it is written, and left alone when it is not what was shown.

    Raises:
        ConflictError: The preview would show something else by now, or there is nothing to end;
            nothing was queued.
        others: as ``preview_foreign_lines``.
    """
    shown = preview_foreign_lines(name, selection, services)
    if shown.fingerprint != fingerprint:
        raise ConflictError("the lines are no longer what was shown; look at the preview again")
    messages = [
        LicenseSync(
            run_id=RunId(""),  # the new run's takes its place
            customer_id=one.customer_id,
            group_id=group_of_line(name, one.agreement_id, one.line.line_id),
            agreement_id=one.agreement_id,
            ending=LineEnding(
                line_id=one.line.line_id,
                marker=one.line.marker or "",
                ends=one.line.ends,
                last_day=selection.last_day,
                name=_name(one.line),
                note=note,
            ),
        )
        for one in shown.lines
        if one.outcome is EndOutcome.ENDS or _was_begun(name, one, services)
    ]
    if not messages:
        raise ConflictError("none of these lines can be ended")
    run_id = start_groups(messages, services, requested_by=actor, reason=RunReason.FOREIGN_LINES)
    return run_id, shown


def _was_begun(name: ConnectionName, shown: ForeignLine, services: Services) -> bool:
    """Whether an earlier run ended the line and never came to write down that it did."""
    group_id = group_of_line(name, shown.agreement_id, shown.line.line_id)
    return (
        shown.outcome is EndOutcome.ENDED
        and services.intents.get(shown.customer_id, group_id) is not None
    )


def _name(line: AgreementLine) -> str:
    return f"{line.product_name or line.description or line.product_id} ({line.marker})"


class _Search:
    """One search; agreements that cannot be read are kept apart."""

    def __init__(self, name: ConnectionName, selection: Selection, services: Services) -> None:
        self._selection = selection
        self._services = services
        self._psa = services.connections.psa(name)
        self._today = local_date(services.clock.now(), self._psa)
        self._companies = customers_by_company(name, services)
        self._catalogue = open_catalogue(services)
        self._books: dict[CompanyId, list[Book]] = {}
        self.unread: list[Unread] = []

    def lines(self) -> Iterator[ForeignLine]:
        for agreement_id in self._agreement_ids():
            try:
                header = self._psa.gateway.get_agreement(agreement_id)
                lines = self._psa.gateway.list_lines(agreement_id)
            except RateLimitError:
                raise
            except SeatsyncError as error:
                self.unread.append(Unread(agreement_id, str(error)))
                continue
            yield from self._of_agreement(header, lines)

    def _agreement_ids(self) -> list[AgreementId]:
        named = self._selection.agreement_ids
        if named is None:
            companies = (self._books_of(one) for one in self._companies)
            books = (book for company in companies for book in company)
            found = mapped_agreements(books, self._today)
        else:
            found = sorted(set(named))
        if len(found) > MOST_AGREEMENTS:
            raise InvalidInputError(
                {
                    "agreement_ids": f"{len(found)} agreements would be read; name at most "
                    f"{MOST_AGREEMENTS} of them"
                }
            )
        return found

    def _of_agreement(
        self, header: Agreement, lines: tuple[AgreementLine, ...]
    ) -> Iterator[ForeignLine]:
        books = self._books_of(header.company_id)
        own = _own_billing(header.agreement_id, lines, books, self._today)
        found = foreign_lines(lines, self._selection.marker_prefix, own)
        if not found:
            return
        customer = _customer_of(header.agreement_id, books, self._today)
        if customer is None:
            text = f"nobody of company {header.company_id} is a customer; add it first"
            self.unread.append(Unread(header.agreement_id, text))
            return
        refused = None
        if customer.state is not CustomerState.ACTIVE:
            refused = f"customer {customer.name} is {customer.state}: nothing is written for it"
        for line in found:
            yield judged(
                line,
                header,
                customer.customer_id,
                own,
                last_day=self._selection.last_day,
                can_end=self._psa.gateway.capabilities.can_end,
                refused=refused,
            )

    def _books_of(self, company_id: CompanyId) -> list[Book]:
        if company_id not in self._books:
            self._books[company_id] = [
                open_book(one, self._services, catalogue=self._catalogue)
                for one in self._companies.get(company_id, [])
            ]
        return self._books[company_id]


def _own_billing(
    agreement_id: AgreementId,
    lines: tuple[AgreementLine, ...],
    books: Iterable[Book],
    today: date,
) -> OwnBilling:
    ids, creating = set(), set()
    for book in books:
        for group, members in book.groups(today).values():
            line_id = book.ledger(group.group_id).line_id
            if line_id is not None:
                ids.add(line_id)
            elif group.agreement_id == agreement_id and all(
                m.mapping.existing_line is ExistingLine.CREATE for m in members
            ):
                creating.add(group.product_id)
        ids |= {one.value.line_id for one in book.ledgers.values() if one.value.line_id}
    return OwnBilling(tuple(x for x in lines if x.line_id in ids), frozenset(creating))


def _customer_of(agreement_id: AgreementId, books: Iterable[Book], today: date) -> Customer | None:
    """The customer that bills on the agreement, else an active one of its company."""
    ranked = sorted(
        books,
        key=lambda book: (
            agreement_id not in mapped_agreements([book], today),
            book.customer.state is not CustomerState.ACTIVE,
            book.customer.customer_id,
        ),
    )
    return ranked[0].customer if ranked else None
