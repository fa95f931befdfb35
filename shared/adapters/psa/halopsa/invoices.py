"""From HaloPSA's recurring invoice to our agreement. Pure.

Which period it invoices next is our reading of its calendar; ``docs/psa-adapters.md`` says why,
and what would prove it wrong.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from shared.adapters.http.payload import Payload
from shared.adapters.psa.halopsa.dates import day_or_none
from shared.domain.agreements import Agreement
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import AgreementId, CompanyId
from shared.domain.periods import Cycle
from shared.exact_json import Json

MONTHS: Final[Mapping[str, int]] = {
    "monthly": 1,
    "quarterly": 3,
    "yearly": 12,
    "annual": 12,
    "annually": 12,
}
"""Months of a period by its name in lower case; other periods are not known."""
TYPE_NAME: Final = "Recurring invoice"


def agreement(payload: Payload, read_at: datetime) -> Agreement:
    """Return a recurring invoice's header.

    A date that cannot be read becomes its problem, so that one broken record does not hide all
    the others of a list.

    Raises:
        UnexpectedPayloadError: Any other field is not what the contract says.
    """
    number = payload["id"].whole()
    unreadable: list[str] = []

    def day(field: str) -> date | None:
        try:
            return day_or_none(payload[field])
        except UnexpectedPayloadError:
            unreadable.append(field)
            return None

    starts, ends = day("startdate"), day("enddate")
    next_invoice, period_start = day("nextcreationdate"), day("period_start_date")
    cycle_name = payload["periodname"].text_or_none() or ""
    months = MONTHS.get(cycle_name.strip().lower())
    cycle = None if starts is None or months is None else Cycle(starts, months)
    reference = payload["reference"].text_or_none() or payload["contract_ref"].text_or_none()
    return Agreement(
        agreement_id=AgreementId(str(number)),
        company_id=CompanyId(str(payload["client_id"].whole())),
        name=reference or f"{TYPE_NAME} {number}",
        type_name=TYPE_NAME,
        active=not payload["disabled"].flag_or_none(),
        starts=starts,
        ends=ends,
        cycle=cycle,
        cycle_name=cycle_name,
        first_uninvoiced=first_uninvoiced(cycle, period_start, next_invoice),
        next_invoice=next_invoice,
        prorates=True,
        problem=_problem(unreadable, starts),
        read_at=read_at,
    )


def first_uninvoiced(
    cycle: Cycle | None, period_start: date | None, next_invoice: date | None
) -> date | None:
    """Return the first day of the first period without an invoice; ``None`` when unknown.

    Args:
        period_start: First day of what the next invoice bills, where HaloPSA tells it. One that
            does not begin a period of the cycle makes the answer unknown.
        next_invoice: Without it, the period that the next invoice's date lies in.
    """
    told = period_start or next_invoice
    if cycle is None or told is None:
        return None
    start = cycle.containing(told).start
    return start if period_start in {None, start} else None


def saved(answer: Json, number: int) -> dict[str, Json] | None:
    """Return the recurring invoice that a write answered, where that tells what was saved.

    What only comes back as it was sent has no client and no ids for new rows.
    """
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    try:
        told = Payload(answer)
        if not told.is_object or told["id"].whole() != number:
            return None
        told["client_id"].whole()
        for one in told["lines"].items():
            rows = one["prorata_data"]
            for row in () if rows.is_null else rows.items():
                row["id"].whole()
    except UnexpectedPayloadError:
        return None
    return dict(answer)


def _problem(unreadable: list[str], starts: date | None) -> str | None:
    if unreadable:
        return f"the recurring invoice's {' and '.join(unreadable)} cannot be read; correct it"
    if starts is None:
        return "the recurring invoice has no start date, so its periods cannot be known"
    return None
