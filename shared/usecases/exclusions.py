"""Global exclusions: SKUs that no customer is billed for."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from shared.domain.customers import CustomerState
from shared.domain.errors import OwnedLinesError
from shared.domain.ids import AgreementId, CustomerId, LineId, RowId, SkuId
from shared.domain.mappings import GlobalExclusion
from shared.ports import Services, Versioned
from shared.usecases.books import Book, global_exclusions, open_book, open_catalogue
from shared.usecases.edit_mapping import delete_mapping
from shared.usecases.preview import psa_today
from shared.usecases.versions import check_version


@dataclass(frozen=True, slots=True)
class OwnedLine:
    """A line of ours that bills a SKU which is to be excluded."""

    sku_id: SkuId
    customer_id: CustomerId
    customer_name: str
    row_id: RowId
    agreement_id: AgreementId
    line_id: LineId


def save_exclusions(
    items: tuple[GlobalExclusion, ...],
    leave_line: Mapping[SkuId, bool],
    services: Services,
    *,
    if_match: str | None,
) -> Versioned[tuple[GlobalExclusion, ...]]:
    """Replace the list; from now on it is the MSP's own.

    Rows of a newly excluded SKU with a line of ours lose their mapping: the line ends at the end of
    the settled period, or stays as it is. Mappings that never wrote a line are kept, and rest.

    Args:
        leave_line: For SKUs where a person has said so, whether their lines stay as they are.

    Raises:
        StaleVersionError: Somebody saved the list first.
        OwnedLinesError: New SKUs have lines, and nobody said what becomes of them. Nothing is
            changed.
    """
    read = global_exclusions(services)
    check_version(read.version, if_match, "the exclusions")
    unique = {item.sku_id: item for item in items}
    lines = lines_billing(unique.keys() - {one.sku_id for one in read.value}, services)
    undecided = tuple(line for line in lines if line.sku_id not in leave_line)
    if undecided:
        raise OwnedLinesError(
            f"{len(undecided)} lines bill what would be excluded; say for each of the SKUs whether "
            "they end or are left as they are",
            undecided,
        )
    # Before the list: a crash in between leaves lines that end, and a list to be saved again.
    for line in lines:
        delete_mapping(
            line.customer_id,
            line.row_id,
            services,
            if_match=None,
            leave_line=leave_line[line.sku_id],
        )
    return services.exclusions.save(
        read, tuple(sorted(unique.values(), key=lambda item: item.sku_id))
    )


def lines_billing(skus: AbstractSet[SkuId], services: Services) -> tuple[OwnedLine, ...]:
    """Return the lines of ours that bill one of the SKUs."""
    return tuple(_owned_lines(skus, services))


def _owned_lines(skus: AbstractSet[SkuId], services: Services) -> Iterator[OwnedLine]:
    if not skus:
        return
    catalogue = open_catalogue(services)
    for customer in services.customers.all():
        if customer.state is CustomerState.DELETED:
            continue
        if not services.mappings.of_customer(customer.customer_id):
            continue
        book = open_book(customer, services, catalogue=catalogue)
        today = psa_today(customer, services)
        for mapping in book.mappings:
            sku_id = _sku_of(book, mapping.row_id)
            line_id = book.owned_line(mapping, today)
            if mapping.effective_to is not None or line_id is None:
                continue
            if sku_id is None or sku_id not in skus:
                continue
            yield OwnedLine(
                sku_id=sku_id,
                customer_id=customer.customer_id,
                customer_name=customer.name,
                row_id=mapping.row_id,
                agreement_id=mapping.agreement_id,
                line_id=line_id,
            )


def _sku_of(book: Book, row_id: RowId) -> SkuId | None:
    row = book.row(row_id)
    if row is not None:
        return row.sku_id
    return SkuId(row_id.removeprefix("sku-")) if row_id.startswith("sku-") else None
