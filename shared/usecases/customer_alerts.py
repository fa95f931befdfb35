"""What a person should know of a customer's rows, once its tenant was read completely.

Source: docs/adr/0020-alerts-and-digests.md
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from shared.domain.agreements import AgreementLine, is_of, is_ours
from shared.domain.alerts import AlertKind
from shared.domain.commerce import Joined, Owner, joined, owner_of
from shared.domain.ids import GroupId
from shared.domain.licensing import LicenseRow, RowKind, Subscription, SubscriptionStatus
from shared.domain.mappings import group_of
from shared.domain.plans import Member
from shared.domain.windows import reducible, renewal
from shared.ports import Services
from shared.usecases.books import Book
from shared.usecases.outcomes import Board
from shared.usecases.proposals import proposal_for, transfers_of

CREDITS_SHOWN = timedelta(days=92)
"""A credit that is due is told for a quarter, unless somebody dismisses it."""


class CustomerAlerts:
    """The alerts of one customer's rows, from its book alone: nothing more is read."""

    def __init__(self, book: Book, board: Board, services: Services, today: date) -> None:
        self.book = book
        self.board = board
        self.services = services
        self.today = today
        self.now = services.clock.now()
        self.rows = tuple(row for row in book.rows() if not book.is_excluded(row))
        self.name = book.customer.name

    def tell(self, members: Iterable[Member]) -> None:
        """Raise and clear all of them."""
        self._each(AlertKind.MISSING_PROFILE, self._missing_profile)
        self._each(AlertKind.IN_GRACE, self._in_grace)
        self._each(AlertKind.SEATS_REDUCIBLE, self._reducible)
        self._each(AlertKind.RENEWAL, self._renewal)
        self._each(AlertKind.HELD_BY_DISABLED, self._held_by_disabled)
        self._minimums(members)
        self._transfers()

    def _each(self, kind: AlertKind, told: Callable[[LicenseRow], tuple[str, str] | None]) -> None:
        """One alert for each row of which there is something to tell: its text and its matter."""
        kept = set()
        for row in self.rows:
            found = told(row)
            if found is not None:
                text, matter = found
                kept.add(self.board.show(kind, text, subject="", row=row.row_id, matter=matter))
        self.board.clear({kind}, keep=kept)

    def _missing_profile(self, row: LicenseRow) -> tuple[str, str] | None:
        seats = 0 if row.counts is None else row.counts.enabled + row.counts.warning
        if not seats or self.book.is_decided(row):
            return None
        text = f"{row.name} has {seats} seats and no billing profile: map or exclude it"
        offered = proposal_for(self.book, row)
        return (text if offered is None else f"{text}. {offered.why}"), str(seats)

    def _in_grace(self, row: LicenseRow) -> tuple[str, str] | None:
        if row.kind is RowKind.CUSTOM or row.counts is None:
            return None
        seats = row.counts.warning - row.counts.trial_warning
        if seats <= 0:
            return None
        ends = sorted(
            one.next_lifecycle_at
            for one in row.subscriptions
            if one.status is SubscriptionStatus.WARNING
            and not one.is_trial
            and one.next_lifecycle_at is not None
        )
        until = f" until {_day(ends[0].date())}" if ends else ""
        text = (
            f"{self.name}: {seats} seats of {row.name} expired and are in grace{until}: renew "
            "them, or let them go. The mapping says whether they are billed meanwhile"
        )
        return text, f"{seats}{until}"

    def _reducible(self, row: LicenseRow) -> tuple[str, str] | None:
        if self._of_users(row):
            return None
        movements = () if self.book.record is None else self.book.record.movements
        found = reducible(row, self._terms(row), movements, self.now)
        if found is None:
            return None
        first = found.windows[0]
        text = (
            f"{self.name}: {found.seats} seats of {row.name} are assigned to nobody, and Microsoft "
            f"takes seats back through {_day(_last_day(first.until))}, because {first.because}"
        )
        return text, f"{found.seats} {first.until.date()}"

    def _renewal(self, row: LicenseRow) -> tuple[str, str] | None:
        if self._of_users(row):
            return None
        near = [found for one in self._terms(row) if (found := renewal(one, self.today))]
        if not near:
            return None
        first = min(near, key=lambda found: found.on)
        seats = sum(found.seats for found in near if found.on == first.on)
        ends = "ends" if first.renews is False else "renews"
        text = (
            f"{self.name}: the {first.length} commitment of {seats} seats of {row.name} {ends} on "
            f"{_day(first.on)}: until seven days after a renewal, seats can be given back"
        )
        return text, f"{ends} {first.on}"

    def _held_by_disabled(self, row: LicenseRow) -> tuple[str, str] | None:
        if row.kind is not RowKind.LICENSE or not row.disabled:
            return None
        text = (
            f"{self.name}: {row.disabled} seats of {row.name} are held by accounts that may not "
            "sign in, as shared mailboxes and people who left: most of them need no licence"
        )
        return text, str(row.disabled)

    def _minimums(self, members: Iterable[Member]) -> None:
        kind = AlertKind.MINIMUM_FOR_NONE
        kept = {
            self.board.show(
                kind,
                f"{self.name}: {one.name} has no active seats, and its minimum of "
                f"{one.mapping.minimum} is billed",
                subject="",
                row=one.row_id,
                matter=str(one.mapping.minimum),
            )
            for one in members
            if one.billed.minimum_for_none and one.mapping.effective_to is None
        }
        self.board.clear({kind}, keep=kept)

    def _transfers(self) -> None:
        """One alert for each pair of rows of which one lost what the other won."""
        kind = AlertKind.LOOKS_LIKE_TRANSFER
        kept = {
            self.board.show(kind, one.text, subject=one.to_row, row=one.from_row)
            for one in transfers_of(self.book)
        }
        self.board.clear({kind}, keep=kept)

    def _of_users(self, row: LicenseRow) -> bool:
        """Whether the row counts users: nothing that was bought shows in it."""
        return row.kind is RowKind.CUSTOM or self.book.customer.filter is not None

    def _terms(self, row: LicenseRow) -> list[Joined]:
        """The row's subscriptions, apart from those that certainly somebody else sold."""
        reading = None if self.book.record is None else self.book.record.partner
        return [
            joined(one, reading, None if said is None else said.length)
            for one in row.subscriptions
            if self._sold_by_us(one)
            for said in [self.book.customer.stated_term(one.subscription_id)]
        ]

    def _sold_by_us(self, one: Subscription) -> bool:
        customer = self.book.customer
        partner = self.services.connections.microsoft(customer.microsoft).partner_tenant_id
        return owner_of(one, customer.tenant_id, partner) in {None, Owner.PARTNER}


def tell_orphans(
    lines: Iterable[AgreementLine], book: Book, today: date, board: Board, services: Services
) -> None:
    """Show lines with our mark that go on and that no mapping bills, on the agreements just read.

    Customers of one company may share an agreement, so that the others' mappings are looked at
    before a line is called an orphan; they are read only when there is such a line.
    """
    going_on = (one for one in lines if is_ours(one) and one.ends is None)
    strange = _not_of(going_on, book.groups(today))
    if strange:
        strange = _not_of(strange, _groups_of_company(book, services))
    kept = set()
    for one in strange:
        text = (
            f"{book.customer.name}: line {one.line_id} on agreement {one.agreement_id} "
            f"({one.product_name or one.product_id}, quantity {one.quantity}) carries our mark, "
            "and no mapping keeps it right: end it in the PSA, or map its licence again"
        )
        subject = f"{one.agreement_id}/{one.line_id}"
        kept.add(board.show(AlertKind.ORPHAN_LINE, text, subject=subject))
    board.clear({AlertKind.ORPHAN_LINE}, keep=kept)


def forget_credits(board: Board) -> None:
    """Clear credits that were told long enough."""
    board.expire(AlertKind.CREDIT_DUE, CREDITS_SHOWN)


def _not_of(lines: Iterable[AgreementLine], groups: Iterable[GroupId]) -> list[AgreementLine]:
    groups = tuple(groups)
    return [one for one in lines if not any(is_of(one, group) for group in groups)]


def _groups_of_company(book: Book, services: Services) -> set[GroupId]:
    """Line groups of all customers that the PSA bills as this one's company."""
    mine = book.customer.psa, book.customer.company_id
    profiles = book.catalogue.profiles
    return {
        group_of(mapping.value, profiles[mapping.value.profile_id]).group_id
        for one in services.customers.all()
        if (one.psa, one.company_id) == mine
        for mapping in services.mappings.of_customer(one.customer_id)
        if mapping.value.profile_id in profiles
    }


def _last_day(until: datetime) -> date:
    return (until - timedelta(days=1)).date()


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
