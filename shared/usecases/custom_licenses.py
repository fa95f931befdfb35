"""Make, change and delete custom licences."""

from dataclasses import dataclass, replace
from datetime import date

from shared.domain.custom import CopyOf, CustomLicense, Source, check_sources
from shared.domain.errors import ConflictError, NotFoundError
from shared.domain.ids import CustomerId, CustomLicenseId
from shared.ports import Services, Versioned
from shared.usecases.books import Book
from shared.usecases.edit_mapping import delete_mapping
from shared.usecases.preview import book_with_rows
from shared.usecases.versions import check_version

WHAT = "this custom licence"


@dataclass(frozen=True, slots=True)
class CustomLicenseDraft:
    """A custom licence as a person fills it in; the fields are those of ``CustomLicense``."""

    name: str
    source: Source


def list_custom_licenses(
    customer_id: CustomerId, services: Services
) -> tuple[Versioned[CustomLicense], ...]:
    """Return the customer's custom licences, by name.

    Raises:
        NotFoundError: There is no such customer.
    """
    services.customers.get(customer_id)
    found = services.custom_licenses.of_customer(customer_id)
    kept = (one for one in found if not one.value.retired)
    return tuple(sorted(kept, key=lambda one: (one.value.name.casefold(), one.value.license_id)))


def get_custom_license(
    customer_id: CustomerId, license_id: CustomLicenseId, services: Services
) -> Versioned[CustomLicense]:
    """Return a custom licence.

    Raises:
        NotFoundError: There is no such customer, or it has none with this id.
    """
    services.customers.get(customer_id)
    found = services.custom_licenses.get(customer_id, license_id)
    if found.value.retired:
        raise NotFoundError(f"custom licence {license_id} was deleted")
    return found


def add_custom_license(
    customer_id: CustomerId, draft: CustomLicenseDraft, services: Services, *, actor: str
) -> Versioned[CustomLicense]:
    """Make a custom licence; it is counted when it is first looked at, or at the next sync.

    Raises:
        NotFoundError: There is no such customer.
        InvalidInputError: The source cannot be counted; it says why.
    """
    license_id = CustomLicenseId(services.ids.new())
    made = _drafted(customer_id, license_id, draft, services, actor)
    return services.custom_licenses.add(made)


def change_custom_license(
    customer_id: CustomerId,
    license_id: CustomLicenseId,
    draft: CustomLicenseDraft,
    services: Services,
    *,
    if_match: str | None,
    actor: str,
) -> Versioned[CustomLicense]:
    """Rename a custom licence or let it count something else.

    Raises:
        NotFoundError: There is no such customer, or it has none with this id.
        InvalidInputError: The source cannot be counted; it says why.
        StaleVersionError: Somebody saved it first.
    """
    read = get_custom_license(customer_id, license_id, services)
    check_version(read.version, if_match, WHAT)
    changed = _drafted(customer_id, license_id, draft, services, actor)
    return services.custom_licenses.save(read, changed)


def delete_custom_license(
    customer_id: CustomerId,
    license_id: CustomLicenseId,
    services: Services,
    *,
    if_match: str | None,
    leave_line: bool | None,
) -> None:
    """Delete a custom licence; one that is billed goes on until its line has ended.

    Args:
        leave_line: What becomes of the line of a mapped one: it stays as it is, or ends at the end
            of the period. ``None`` refuses to delete a mapped one.

    Raises:
        NotFoundError: There is no such customer, or it has none with this id.
        ConflictError: It is mapped and nobody said what becomes of its line, or others copy it.
        StaleVersionError: Somebody saved it first.
    """
    read = get_custom_license(customer_id, license_id, services)
    check_version(read.version, if_match, WHAT)
    row_id = read.value.row_id
    copies = [
        one.value.name
        for one in services.custom_licenses.of_customer(customer_id)
        if isinstance(one.value.source, CopyOf) and row_id in one.value.source.rows
    ]
    if copies:
        raise ConflictError(f"it is copied by {', '.join(sorted(copies))}; change that first")
    if services.mappings.get(customer_id, row_id) is not None:
        if leave_line is None:
            raise ConflictError(
                "it is mapped; say what becomes of its line with ?line=end or ?line=leave"
            )
        delete_mapping(customer_id, row_id, services, if_match=None, leave_line=leave_line)
    services.mappings.include(customer_id, row_id)
    left = services.mappings.of_customer(customer_id)
    if any(mapping.value.row_id == row_id for mapping in left):
        services.custom_licenses.save(read, replace(read.value, retired=True))
    else:
        services.custom_licenses.delete(read)


def forget_retired(book: Book, services: Services, today: date) -> None:
    """Remove the deleted custom licences whose lines have ended."""
    going_on = {m.row_id for m in book.mappings if (m.effective_to or date.max) >= today}
    copied = {
        row for one in book.custom if isinstance(one.source, CopyOf) for row in one.source.rows
    }
    done = {
        one.license_id
        for one in book.custom
        if one.retired and one.row_id not in going_on and one.row_id not in copied
    }
    if not done:
        return
    for read in services.custom_licenses.of_customer(book.customer.customer_id):
        if read.value.license_id in done and read.value.retired:
            services.custom_licenses.delete(read)


def _drafted(
    customer_id: CustomerId,
    license_id: CustomLicenseId,
    draft: CustomLicenseDraft,
    services: Services,
    actor: str,
) -> CustomLicense:
    customer = services.customers.get(customer_id).value
    made = CustomLicense(
        customer_id=customer_id,
        license_id=license_id,
        name=draft.name,
        source=draft.source,
        saved_by=actor,
        saved_at=services.clock.now(),
    )
    if isinstance(draft.source, CopyOf):
        book = book_with_rows(customer, services)
        others = {
            one.row_id: one.source
            for one in book.custom
            if one.license_id != license_id and not one.retired
        }
        tenants = [row for row in draft.source.rows if book.row(row) is not None]
        known = [row for row in tenants if row not in {one.row_id for one in book.custom}]
        check_sources(made.row_id, draft.source, others, known)
    return made
