"""Map rows, move them between lines, exclude them, split and merge them.

A row that leaves a line which we own never leaves it at once: the old line bills it through the end
of the settled period, and the new one from the day after. Both are never billed for one day.

Source: docs/adr/0010-moving-a-row-to-another-line.md
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from shared.domain.agreements import Agreement
from shared.domain.charging import last_settled_day
from shared.domain.customers import Customer
from shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
)
from shared.domain.ids import (
    AgreementId,
    CustomerId,
    ProfileId,
    RowId,
    SkuId,
    sku_row,
)
from shared.domain.licensing import LicenseRow, RowKind
from shared.domain.mappings import (
    BillingProfile,
    DescriptionOptions,
    ExistingLine,
    Mapping,
    OnDrift,
    RowExclusion,
    group_of,
)
from shared.domain.quantities import Grace
from shared.ports import PsaConnection, Services, Versioned
from shared.usecases.books import Book, local_date
from shared.usecases.preview import (
    GroupPreview,
    book_with_rows,
    known_row,
    preview_customer,
    preview_mapping,
)
from shared.usecases.versions import check_version

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MappingDraft:
    """A mapping as a person fills it in; the fields are those of ``Mapping``."""

    profile_id: ProfileId
    agreement_id: AgreementId
    included: int
    minimum: int
    negative_prorate: bool
    override_start: date | None
    description: DescriptionOptions
    grace: Grace
    count_trials: bool
    existing_line: ExistingLine
    on_drift: OnDrift


@dataclass(frozen=True, slots=True)
class _Move:
    """A row's mapping, what it leaves behind, and the licence it leaves, cut at that day.

    Attributes:
        licence: The licence's mapping through the last day, and from the day after.
    """

    mapping: Mapping | None
    superseded: tuple[Mapping, ...] = ()
    licence: tuple[Mapping, Mapping] | None = None


def get_mapping(customer_id: CustomerId, row_id: RowId, services: Services) -> Versioned[Mapping]:
    """Return the row's mapping.

    Raises:
        NotFoundError: There is no such customer, or the row has no mapping.
    """
    services.customers.get(customer_id)
    found = services.mappings.get(customer_id, row_id)
    if found is None:
        raise NotFoundError(f"row {row_id} has no mapping")
    return found


def save_mapping(
    customer_id: CustomerId,
    row_id: RowId,
    draft: MappingDraft,
    services: Services,
    *,
    if_match: str | None,
    actor: str,
) -> Versioned[Mapping]:
    """Map a row, or change its mapping.

    Args:
        if_match: The version the person saw; ``None`` replaces whatever is there.

    Raises:
        NotFoundError: There is no such customer or row.
        InvalidInputError: A field cannot be used; it says which and why.
        StaleVersionError: Somebody saved the mapping first.
        ConflictError: The row is excluded.
    """
    work = _Mapping(customer_id, row_id, services)
    read = work.read(if_match)
    mapping = work.drafted(draft, actor)
    if row_id in work.book.exclusions:
        raise ConflictError("the row is excluded; include it before it is mapped")
    move = work.moved(None if read is None else read.value, mapping)
    if move.licence is not None:
        work.save_licence(*move.licence)
    saved = services.mappings.put(read, move.mapping, move.superseded)
    if saved is None:
        raise AssertionError("a mapping was given")
    return saved


def preview_draft(
    customer_id: CustomerId, row_id: RowId, draft: MappingDraft, services: Services, *, actor: str
) -> tuple[GroupPreview, ...]:
    """Return what saving this mapping and syncing would write, for all lines it touches.

    Raises:
        NotFoundError: There is no such customer or row.
        InvalidInputError: A field cannot be used; it says which and why.
    """
    work = _Mapping(customer_id, row_id, services)
    mapping = work.drafted(draft, actor)
    move = work.moved(work.book.current(row_id), mapping)
    drafts = (move.mapping or mapping, *move.superseded, *(move.licence or ()))
    return preview_mapping(work.book, row_id, drafts, services)


def preview_row(
    customer_id: CustomerId,
    row_id: RowId,
    draft: MappingDraft | None,
    services: Services,
    *,
    actor: str,
) -> tuple[GroupPreview, ...]:
    """Return what a sync would write for a row, by an unsaved mapping or by the stored one.

    Raises:
        NotFoundError: There is no such customer or row, or neither mapping.
        InvalidInputError: A field cannot be used; it says which and why.
    """
    if draft is not None:
        return preview_draft(customer_id, row_id, draft, services, actor=actor)
    get_mapping(customer_id, row_id, services)
    return tuple(
        preview
        for preview in preview_customer(customer_id, services)
        if any(member.row_id == row_id for member in preview.members)
    )


def delete_mapping(
    customer_id: CustomerId,
    row_id: RowId,
    services: Services,
    *,
    if_match: str | None,
    leave_line: bool,
) -> None:
    """Take a row's mapping away; its line ends at the end of the period, or is left as it is.

    A row without a mapping is no error.

    Raises:
        NotFoundError: There is no such customer.
        StaleVersionError: Somebody saved the mapping first.
    """
    services.customers.get(customer_id)
    read = services.mappings.get(customer_id, row_id)
    if read is None:
        return
    work = _Mapping(customer_id, row_id, services)
    read = work.read(if_match)
    if read is None:
        return
    move = _Move(None) if leave_line else work.moved(read.value, None)
    services.mappings.put(read, None, move.superseded)


def exclude_row(
    customer_id: CustomerId, row_id: RowId, services: Services, *, leave_line: bool, actor: str
) -> None:
    """Never bill a row again, and raise no alert for it.

    Args:
        leave_line: Leave an owned line as it is; else it ends at the end of the period.

    Raises:
        NotFoundError: There is no such customer or row.
    """
    customer = services.customers.get(customer_id).value
    known_row(book_with_rows(customer, services), row_id)
    delete_mapping(customer_id, row_id, services, if_match=None, leave_line=leave_line)
    services.mappings.exclude(
        RowExclusion(customer_id, row_id, leave_line, actor, services.clock.now())
    )


def include_row(customer_id: CustomerId, row_id: RowId, services: Services) -> None:
    """Take a row's exclusion away; a row that is not excluded is no error.

    Raises:
        NotFoundError: There is no such customer.
    """
    services.customers.get(customer_id)
    services.mappings.include(customer_id, row_id)


def split_row(customer_id: CustomerId, row_id: RowId, services: Services) -> None:
    """Show a licence's subscriptions as rows of their own; what is billed does not change yet.

    Raises:
        NotFoundError: There is no such customer or row.
        ConflictError: The row is no licence, or it has no subscriptions.
    """
    read = services.customers.get(customer_id)
    sku_id = _licence(read.value, row_id, services)
    customer = read.value
    services.customers.save(
        read,
        replace(customer, split=customer.split | {sku_id}, merged=customer.merged - {sku_id}),
    )


def merge_row(customer_id: CustomerId, row_id: RowId, services: Services) -> None:
    """Show a licence as one row again; its subscriptions' own mappings end.

    Their lines end at the end of the settled period, and the licence's own mapping, if it had one,
    bills them from the day after.

    Raises:
        NotFoundError: There is no such customer or row.
        ConflictError: The row is no licence.
        StaleVersionError: Somebody saved one of the mappings first; merge again.
    """
    read = services.customers.get(customer_id)
    sku_id = _licence(read.value, row_id, services)
    work = _Mapping(customer_id, sku_row(sku_id), services)
    for apart in work.mapped_apart(sku_id):
        own = services.mappings.get(customer_id, apart)
        if own is None:
            continue
        move = work.moved(own.value, None)
        last = move.superseded[-1].effective_to if move.superseded else None
        licence = None if last is None else work.licence_cut_at(last)
        if licence is not None:
            work.save_licence(*licence)
        services.mappings.put(own, None, move.superseded)
    customer = read.value
    services.customers.save(
        read,
        replace(customer, split=customer.split - {sku_id}, merged=customer.merged | {sku_id}),
    )


def _licence(customer: Customer, row_id: RowId, services: Services) -> SkuId:
    row = known_row(book_with_rows(customer, services), row_id)
    if row.sku_id is None or not row.subscriptions:
        raise ConflictError("only a licence with subscriptions can be split or merged")
    return row.sku_id


def settled_through(agreement: Agreement, today: date) -> date:
    """Return the last day that a line of the agreement still has to bill for a row that leaves."""
    if agreement.cycle is None or agreement.first_uninvoiced is None:
        return today
    return last_settled_day(agreement.cycle, today, agreement.first_uninvoiced)


class _Mapping:
    """One edit of one row's mapping."""

    def __init__(self, customer_id: CustomerId, row_id: RowId, services: Services) -> None:
        self.services = services
        self.row_id = row_id
        customer = services.customers.get(customer_id).value
        self.book: Book = book_with_rows(customer, services)
        self.row: LicenseRow = known_row(self.book, row_id)
        self.psa: PsaConnection = services.connections.psa(customer.psa)
        self.today = local_date(services.clock.now(), self.psa)

    def read(self, if_match: str | None) -> Versioned[Mapping] | None:
        """The current mapping, if it is still the one the person saw."""
        read = self.services.mappings.get(self.book.customer.customer_id, self.row_id)
        check_version(None if read is None else read.version, if_match, "this mapping")
        return read

    def drafted(self, draft: MappingDraft, actor: str) -> Mapping:
        """The draft as a mapping, checked against profile, agreement and company."""
        errors: dict[str, str] = {}
        profile = self.book.catalogue.profiles.get(draft.profile_id)
        if profile is None:
            errors["profile_id"] = "there is no such billing profile"
        elif profile.psa != self.book.customer.psa:
            errors["profile_id"] = "the billing profile belongs to another PSA connection"
        problem = self._agreement_problem(draft.agreement_id, profile)
        if problem:
            errors["agreement_id"] = problem
        if errors:
            raise InvalidInputError(errors)
        return Mapping(
            customer_id=self.book.customer.customer_id,
            row_id=self.row_id,
            profile_id=draft.profile_id,
            agreement_id=draft.agreement_id,
            included=draft.included,
            minimum=draft.minimum,
            negative_prorate=draft.negative_prorate,
            override_start=draft.override_start,
            description=draft.description,
            grace=draft.grace,
            count_trials=draft.count_trials,
            existing_line=draft.existing_line,
            on_drift=draft.on_drift,
            saved_by=actor,
            saved_at=self.services.clock.now(),
        )

    def _agreement_problem(
        self, agreement_id: AgreementId, profile: BillingProfile | None
    ) -> str | None:
        try:
            agreement = self.psa.gateway.get_agreement(agreement_id)
        except NotFoundError:
            return "there is no such agreement"
        if agreement.company_id != self.book.customer.company_id:
            return "the agreement belongs to another company than the customer"
        types = () if profile is None else profile.agreement_types
        if types and agreement.type_name not in types:
            return f"the billing profile is not for agreements of type {agreement.type_name}"
        return None

    def moved(self, old: Mapping | None, new: Mapping | None) -> _Move:
        """What saving ``new`` leaves of ``old``, and from when ``new`` bills."""
        if old is None:
            return _Move(None) if new is None else self._out_of_licence(new)
        last = self._leaves_after(old, new)
        if last is None:
            kept = None if new is None else replace(new, effective_from=self._since(old, new))
            return _Move(kept)
        # The person who moves the row confirms what the move does to the line it leaves.
        superseded = (replace(old, effective_to=last, saved_at=self.services.clock.now()),)
        return _Move(None if new is None else replace(new, effective_from=last + DAY), superseded)

    def _leaves_after(self, old: Mapping, new: Mapping | None) -> date | None:
        """The last day ``old`` bills if ``new`` takes its place; ``None``: nothing is to end."""
        if new is not None and self._same_line(old, new):
            return None
        if old.effective_from is None and not self._owns_line(old):
            return None
        agreement = self.psa.gateway.get_agreement(old.agreement_id)
        last = settled_through(agreement, self.today)
        if old.effective_from is not None and old.effective_from > last:
            return old.effective_from - DAY  # it has not begun, and never will
        return last

    def _since(self, old: Mapping, new: Mapping) -> date | None:
        return old.effective_from if self._same_line(old, new) else None

    def _out_of_licence(self, new: Mapping) -> _Move:
        """A subscription's first own mapping: its licence bills it through the settled days."""
        if self.row.kind is not RowKind.SUBSCRIPTION or self.row.sku_id is None:
            return _Move(new)
        licence = self.book.current(sku_row(self.row.sku_id))
        if licence is None or self._same_line(licence, new) or not self._owns_line(licence):
            return _Move(new)
        agreement = self.psa.gateway.get_agreement(licence.agreement_id)
        last = settled_through(agreement, self.today)
        return _Move(replace(new, effective_from=last + DAY), licence=self.licence_cut_at(last))

    def _same_line(self, one: Mapping, other: Mapping) -> bool:
        profiles = self.book.catalogue.profiles
        if one.profile_id not in profiles or other.profile_id not in profiles:
            return False
        mine = group_of(one, profiles[one.profile_id])
        return mine == group_of(other, profiles[other.profile_id])

    def _owns_line(self, mapping: Mapping) -> bool:
        return self.book.owned_line(mapping, self.today) is not None

    def mapped_apart(self, sku_id: SkuId) -> tuple[RowId, ...]:
        """The licence's subscriptions with a mapping of their own, those that are gone too."""
        return tuple(
            mapping.row_id
            for mapping in self.book.mappings
            if mapping.effective_to is None
            and (row := self.book.row(mapping.row_id)) is not None
            and row.kind is RowKind.SUBSCRIPTION
            and row.sku_id == sku_id
        )

    def licence_cut_at(self, last: date) -> tuple[Mapping, Mapping] | None:
        """The licence's own mapping through a day and from the day after, when its count changes.

        ``None`` when the licence has no mapping, or is cut there already.
        """
        licence = None
        if self.row.sku_id is not None:
            licence = self.book.current(sku_row(self.row.sku_id))
        if licence is None or (licence.effective_from or date.min) > last:
            return None
        licence = replace(licence, saved_at=self.services.clock.now())
        return replace(licence, effective_to=last), replace(licence, effective_from=last + DAY)

    def save_licence(self, before: Mapping, after: Mapping) -> None:
        """Store the two parts of the licence's mapping in one step."""
        read = self.services.mappings.get(after.customer_id, after.row_id)
        self.services.mappings.put(read, after, (before,))
