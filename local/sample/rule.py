"""What the PSA must hold after the first sync, worked out apart from Seatsync's own code.

The whole rule, in words: seats in good order count, trials never; seats in grace count when there
are no others. Less the included ones, but at least the minimum. What is not invoiced yet is put
on the line itself. What began or is invoiced already gets a line of its own for the seats that
came on top, through its last day, unless the agreement does not prorate. Nothing is credited.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from local.sample.agreements import DAY, Kind, Terms, add_months, terms
from local.sample.connectwise import agreement_id, existing_lines, product_id
from local.sample.customers import CUSTOMERS, Ending, License, SampleCustomer
from local.simulators.microsoft.state import Status


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A line of an agreement. ``ends`` is its last day, ``None`` for one that goes on."""

    agreement_id: int
    product_id: int
    quantity: int
    starts: date
    ends: date | None = None


Key = tuple[int, int]
"""An agreement and a product: what one line stands for."""


def seats_due(license_: License) -> int:
    """Return the seats to bill of a licence that is mapped."""
    if license_.billing is None:
        raise ValueError(f"{license_.part_number} is not billed")
    paid = [purchase for purchase in license_.purchases if not purchase.trial]
    active = sum(p.seats for p in paid if p.status is Status.ENABLED)
    if active == 0:
        active = sum(p.seats for p in paid if p.status is Status.WARNING)
    return max(license_.billing.minimum, active - license_.billing.included, 0)


def lines_due(today: date) -> list[Line]:
    """Return all lines that the agreements must hold, if the first sync is made today."""
    before = {(one.agreement_id, one.product_id): one for one in existing_lines(today)}
    wanted: dict[Key, int] = defaultdict(int)
    kinds: dict[Key, Kind] = {}
    left_alone = set()
    for customer in CUSTOMERS:
        for license_ in customer.licenses:
            if license_.billing is None:
                continue
            key = _key(customer, license_)
            kinds[key] = license_.billing.agreement
            wanted[key] += seats_due(license_)
            if license_.billing.ending is not Ending.BILLED:
                left_alone.add(key)
    due: list[Line] = []
    for key, seats in wanted.items():
        own, line = terms(kinds[key], today), before.get(key)
        if line is not None and key in left_alone:
            due.append(Line(*key, line.quantity, line.starts))
        elif line is not None:
            due.extend(_changed(key, line.quantity, seats, own, today))
        elif seats and key not in left_alone:
            due.append(Line(*key, seats, _first_day(own, today)))
    return sorted(due, key=_order)


def differences(due: list[Line], found: list[Line]) -> list[str]:
    """Return what is missing from the PSA, and what is there and should not be."""
    missing = [f"missing: {_words(line)}" for line in due if line not in found]
    extra = [f"not due: {_words(line)}" for line in found if line not in due]
    twice = [
        f"twice: {_words(line)}"
        for line in sorted(set(found), key=_order)
        if found.count(line) > due.count(line) > 0
    ]
    return missing + extra + twice


def _changed(key: Key, old: int, seats: int, own: Terms, today: date) -> list[Line]:
    """A line that was there: what becomes of it, and the seats that came on top."""
    not_invoiced_from = own.invoiced_through + DAY
    standing = seats if not_invoiced_from >= today else old
    lines = [Line(*key, standing, own.starts)]
    begun = own.period_end if own.period_start < today else today - DAY
    settled_through = max(own.invoiced_through, begun)
    if seats > old and own.prorates and settled_through >= today:
        lines.append(Line(*key, seats - old, today, settled_through))
    return lines


def _first_day(own: Terms, today: date) -> date:
    if own.prorates or own.period_start == today:
        return today
    return add_months(own.period_start, 1)


def _key(customer: SampleCustomer, license_: License) -> Key:
    billing = license_.billing
    if billing is None:
        raise ValueError(f"{license_.part_number} is not billed")
    return (
        agreement_id(customer, billing.agreement),
        product_id(billing.product or license_.part_number),
    )


def _order(line: Line) -> tuple[int, int, date, int]:
    return line.agreement_id, line.product_id, line.starts, line.quantity


def _words(line: Line) -> str:
    until = "" if line.ends is None else f" through {line.ends}"
    return (
        f"agreement {line.agreement_id}, product {line.product_id}: {line.quantity} from "
        f"{line.starts}{until}"
    )
