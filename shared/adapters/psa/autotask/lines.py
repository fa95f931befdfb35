"""Between Autotask's services and bundles of a contract and our lines, both ways. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from shared.adapters.http.payload import Payload
from shared.domain.agreements import (
    MARKER_PREFIX,
    AgreementLine,
    CreateLine,
    QuantityStep,
)
from shared.domain.errors import RequestRefusedError, UnexpectedPayloadError
from shared.domain.ids import AgreementId, LineId, ProductId
from shared.domain.mappings import Billable
from shared.domain.periods import DAY

DESCRIPTION_LIMIT: Final = 1000
AROUND: Final = timedelta(days=400)
"""How far back and ahead units are read: over the longest period that is known, a year."""
_MOST_DIGITS: Final = 10

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """Services and bundles of services work alike, under other names.

    Attributes:
        prefix: What their ids begin with here, because Autotask counts both from 1.
        catalogue, lines, units, adjustments: Their entities.
        child: What a contract calls its own.
        product, line: The fields that name a product and a line.
    """

    prefix: str
    catalogue: str
    lines: str
    units: str
    adjustments: str
    child: str
    product: str
    line: str

    @property
    def line_fields(self) -> tuple[str, ...]:
        own = ("unitCost",) if self.prefix == "" else ()
        common = ("contractID", self.product, "unitPrice", "internalCurrencyAdjustedPrice")
        return (*common, *own, "invoiceDescription", "internalDescription")

    @property
    def unit_fields(self) -> tuple[str, ...]:
        return ("contractID", self.line, "startDate", "endDate", "units", "approveAndPostDate")


SERVICE: Final = Kind(
    prefix="",
    catalogue="Services",
    lines="ContractServices",
    units="ContractServiceUnits",
    adjustments="ContractServiceAdjustments",
    child="Services",
    product="serviceID",
    line="contractServiceID",
)
BUNDLE: Final = Kind(
    prefix="b",
    catalogue="ServiceBundles",
    lines="ContractServiceBundles",
    units="ContractServiceBundleUnits",
    adjustments="ContractServiceBundleAdjustments",
    child="ServiceBundles",
    product="serviceBundleID",
    line="contractServiceBundleID",
)
KINDS: Final = (SERVICE, BUNDLE)


@dataclass(frozen=True, slots=True)
class Units:
    """A row of units; both days are billed.

    Attributes:
        posted: It is approved and posted.
    """

    starts: date
    ends: date
    units: int
    posted: bool


def number(text: str) -> int | None:
    """Return an id of Autotask, which is a whole number, or ``None`` for any other text.

    Other text never gets into a path or a query.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def kind_and_number(text: str) -> tuple[Kind, int] | None:
    """Return what one of our ids of a line or a product stands for."""
    kind = BUNDLE if text.startswith(BUNDLE.prefix) else SERVICE
    found = number(text.removeprefix(kind.prefix))
    return None if found is None else (kind, found)


def meant(line_id: LineId) -> tuple[Kind, int]:
    """Return what the id of a line that was read stands for."""
    found = kind_and_number(line_id)
    if found is None:
        raise UnexpectedPayloadError(f"{line_id!r} is no line of Autotask")
    return found


def unit_rows(payloads: Iterable[Payload]) -> tuple[Units, ...]:
    """Return rows of one line, in the order of their days.

    Raises:
        UnexpectedPayloadError: A field is not what the contract says.
    """
    rows = (
        Units(
            starts=one["startDate"].day(),
            ends=one["endDate"].day(),
            units=one["units"].whole(),
            posted=one["approveAndPostDate"].day_or_none() is not None,
        )
        for one in payloads
    )
    return tuple(sorted(rows, key=lambda row: (row.starts, row.ends)))


def steps(rows: Iterable[Units], today: date) -> tuple[QuantityStep, ...]:
    """Return the quantities by day; of rows that overlap, the later one holds.

    Days between two rows have none; nor has today, after the last.
    """
    found: list[QuantityStep] = []
    free: date | None = None  # the first day after the rows so far
    for row in rows:
        if free is not None and row.starts > free:
            _step(found, free, 0)
        _step(found, row.starts, row.units, unposted=not row.posted)
        free = row.ends + DAY if free is None else max(free, row.ends + DAY)
    if free is not None and free <= today:
        _step(found, free, 0)
    return tuple(found)


def _step(
    found: list[QuantityStep], starts: date, quantity: int, *, unposted: bool = False
) -> None:
    if found and found[-1].starts == starts:
        found.pop()
    if not found or found[-1].quantity != quantity:
        found.append(QuantityStep(starts, quantity, unposted))


def line(kind: Kind, payload: Payload) -> AgreementLine:
    """Return a service or bundle of a contract as a line, without its units.

    Raises:
        UnexpectedPayloadError: A field is not what the contract says.
    """
    internal = (payload["internalDescription"].text_or_none() or "").strip()
    adjusted = payload["internalCurrencyAdjustedPrice"].decimal_or_none()
    return AgreementLine(
        agreement_id=AgreementId(str(payload["contractID"].whole())),
        line_id=LineId(f"{kind.prefix}{payload['id'].whole()}"),
        product_id=ProductId(f"{kind.prefix}{payload[kind.product].whole()}"),
        quantity=0,
        starts=None,
        ends=None,
        marker=internal if internal.startswith(MARKER_PREFIX) else None,
        description=payload["invoiceDescription"].text_or_none() or "",
        less_included=0,
        unit_price=payload["unitPrice"].decimal_or_none() if adjusted is None else adjusted,
        unit_cost=payload["unitCost"].decimal_or_none(),
        billable=Billable.BILLABLE,
        steps=(),
    )


def with_units(
    line: AgreementLine, rows: tuple[Units, ...], today: date, since: date
) -> AgreementLine:
    """Return the line with its units.

    Those of the first row may have been so for longer than was read, and are told like that: a
    change on the first day of its period would look as if somebody had made one on that day.

    Args:
        since: From this day on all rows were read.
    """
    by_day = steps(rows, today)
    begins = by_day[0].starts if by_day else None
    starts = None if begins is None or begins < since else begins
    if begins is not None and begins <= since:
        by_day = (replace(by_day[0], starts=min(begins, today - AROUND)), *by_day[1:])
    known = replace(line, starts=starts, steps=by_day)
    return replace(known, quantity=known.quantity_on(today))


def body(create: CreateLine, kind: Kind, contract: int, product: int) -> Body:
    """Return what puts the service on the contract, without units.

    Raises:
        RequestRefusedError: Autotask has no such line.
    """
    if create.ends is not None or create.quantity < 0:
        raise RequestRefusedError("Autotask has no lines with a last day, and no negative ones")
    if create.billable is not Billable.BILLABLE:
        raise RequestRefusedError("Autotask bills every service of a contract")
    return {
        "id": 0,
        "contractID": contract,
        kind.product: product,
        "unitPrice": create.unit_price,
        "invoiceDescription": create.description,
        "internalDescription": create.marker,
    }


def adjustment(kind: Kind, line_number: int, change: int, effective: date) -> Body:
    """Return what changes the units from a day on; only the calendar date counts."""
    return {
        kind.line: line_number,
        "unitChange": change,
        "effectiveDate": f"{effective.isoformat()}T00:00:00",
    }
