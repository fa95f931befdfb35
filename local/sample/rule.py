"""What the PSA must hold after the first sync, worked out apart from Seatsync's own code.

The whole rule, in words: seats in good order count, trials never; seats in grace count when there
are no others. Less the included ones, but at least the minimum. Nothing is credited. How a PSA
holds a change that begins today is what tells the four kinds apart.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date

from local.sample.agreements import Kind, add_months, terms
from local.sample.customers import CUSTOMERS, Ending, License, SampleCustomer
from local.sample.psa import agreement_number, existing_lines, product_id
from local.simulators.microsoft.state import Status
from local.sites.site import DAY, Held, Line, Terms, in_order

Key = tuple[int, int]
"""An agreement and a product: what one line stands for."""
Change = Callable[[Key, Line, int, Terms, date], list[Held]]
"""What becomes of a line that was there, when so many seats are due from today on."""


def seats_due(license_: License) -> int:
    """Return the seats to bill of a licence that is mapped."""
    if license_.billing is None:
        raise ValueError(f"{license_.part_number} is not billed")
    paid = [purchase for purchase in license_.purchases if not purchase.trial]
    active = sum(p.seats for p in paid if p.status is Status.ENABLED)
    if active == 0:
        active = sum(p.seats for p in paid if p.status is Status.WARNING)
    return max(license_.billing.minimum, active - license_.billing.included, 0)


def states_due(license_: License) -> tuple[str, ...]:
    """Return the states that a licence may be in after the first sync.

    A PSA may have to wait for an invoice before a line can have fewer seats.
    """
    billing = license_.billing
    if billing is None:
        return ("excluded",)
    if billing.ending is not Ending.BILLED:
        return (billing.ending.value,)
    return ("in_step", "waiting") if seats_due(license_) < (billing.line or 0) else ("in_step",)


def lines_due(psa: str, today: date) -> list[Held]:
    """Return all that a PSA's agreements must hold, if the first sync is made today."""
    before: dict[Key, list[Line]] = defaultdict(list)
    for line in existing_lines(psa, today):
        before[line.agreement, line.product].append(line)
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
    due: list[Held] = []
    for key, seats in wanted.items():
        own, lines = terms(kinds[key], today), before[key]
        if lines and key in left_alone:
            due.extend(held for line in lines for held in _as_it_was(key, line, psa))
        elif lines:
            due.extend(_CHANGES[psa](key, lines[0], seats, own, today))
        elif seats and key not in left_alone:
            due.append(Held(*key, seats, _first_day(psa, own, today)))
    return in_order(due)


def differences(due: list[Held], found: list[Held]) -> list[str]:
    """Return what is missing from the PSA, and what is there and should not be."""
    missing = [f"missing: {_words(line)}" for line in due if line not in found]
    extra = [f"not due: {_words(line)}" for line in found if line not in due]
    twice = [
        f"twice: {_words(line)}"
        for line in in_order(set(found))
        if found.count(line) > due.count(line) > 0
    ]
    return missing + extra + twice


def _dated_lines(key: Key, line: Line, seats: int, own: Terms, today: date) -> list[Held]:
    """What is not invoiced yet is put on the line itself. What began or is invoiced already gets a
    line of its own for the seats on top, through its last day, if the agreement prorates.
    """
    held = [Held(*key, _standing(line, seats, own, today), own.starts)]
    begun = own.period_end if own.period_start < today else today - DAY
    settled_through = max(own.invoiced_through, begun)
    if seats > line.quantity and own.prorates and settled_through >= today:
        held.append(Held(*key, seats - line.quantity, today, settled_through))
    return held


def _dated_units(key: Key, line: Line, seats: int, own: Terms, today: date) -> list[Held]:
    """More seats count from today. Fewer count from the first day of a period, and are said on that
    day, or on the day before when that period is the next to be invoiced: nothing takes them back.
    """
    begins = today
    if seats < line.quantity and own.period_start < today:
        begins += DAY
        if begins != own.not_invoiced_from:
            seats = line.quantity
    if seats == line.quantity:
        return [Held(*key, seats, own.starts)]
    return [Held(*key, line.quantity, own.starts, begins - DAY), Held(*key, seats, begins)]


def _prorata_rows(key: Key, line: Line, seats: int, own: Terms, today: date) -> list[Held]:
    """More seats wait in a row from today on, until an invoice has seen it. Fewer are put on the
    line when the next invoice bills only days that lie ahead.
    """
    if seats <= line.quantity or own.not_invoiced_from == today:
        return [Held(*key, _standing(line, seats, own, today), own.starts)]
    return [
        Held(*key, line.quantity, own.starts),
        Held(*key, seats - line.quantity, today),
    ]


def _plain_quantity(key: Key, _line: Line, seats: int, _own: Terms, _today: date) -> list[Held]:
    """Everything counts from the next invoice on."""
    return [Held(*key, seats, None)]


_CHANGES: Mapping[str, Change] = {
    "connectwise": _dated_lines,
    "autotask": _dated_units,
    "halopsa": _prorata_rows,
    "syncro": _plain_quantity,
}


def _standing(line: Line, seats: int, own: Terms, today: date) -> int:
    return seats if own.not_invoiced_from >= today else line.quantity


def _as_it_was(key: Key, line: Line, psa: str) -> list[Held]:
    if psa == "syncro":
        return [Held(*key, line.quantity, None)]
    if line.later is None:
        return [Held(*key, line.quantity, line.starts)]
    day, quantity = line.later
    return [Held(*key, line.quantity, line.starts, day - DAY), Held(*key, quantity, day)]


def _first_day(psa: str, own: Terms, today: date) -> date | None:
    if psa == "syncro":
        return None
    if psa != "connectwise" or own.prorates or own.period_start == today:
        return today  # only ConnectWise has agreements that do not prorate
    return add_months(own.period_start, 1)


def _key(customer: SampleCustomer, license_: License) -> Key:
    billing = license_.billing
    if billing is None:
        raise ValueError(f"{license_.part_number} is not billed")
    return (
        agreement_number(customer, billing.agreement),
        product_id(billing.product or license_.part_number),
    )


def _words(held: Held) -> str:
    since = "" if held.starts is None else f" from {held.starts}"
    until = "" if held.ends is None else f" through {held.ends}"
    return f"agreement {held.agreement}, product {held.product}: {held.quantity}{since}{until}"
