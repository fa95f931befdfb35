"""From Autotask's contract to our agreement. Pure.

Which period is posted next is our reading of the units; ``docs/psa-adapters.md`` says why, and what
would prove it wrong.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from shared.adapters.http.payload import Payload
from shared.domain.agreements import Agreement
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import AgreementId, CompanyId
from shared.domain.periods import Cycle

FIELDS: Final = (
    "companyID",
    "contractName",
    "contractType",
    "contractPeriodType",
    "startDate",
    "endDate",
    "status",
)
RECURRING_SERVICE: Final = 7
"""The only type of contract that holds services."""
ACTIVE: Final = 1
MONTHS: Final[Mapping[str, int]] = {"monthly": 1, "quarterly": 3, "yearly": 12, "annual": 12}
"""Months of a period type by its label in lower case; other types are not known."""

_PERIOD_TYPE: Final = "contractPeriodType"
_TYPE: Final = "Recurring Service"
_MOST_DIGITS: Final = 10


def period_labels(fields: Payload) -> dict[int, str]:
    """Return what the numbers of contract period types mean on this site.

    Args:
        fields: What ``Contracts/entityInformation/fields`` answers.
    """
    for one in fields["fields"].items():
        if one["name"].text() == _PERIOD_TYPE:
            values = one["picklistValues"].items()
            return {_number(value["value"]): value["label"].text() for value in values}
    raise UnexpectedPayloadError(f"{fields.where}: there is no field {_PERIOD_TYPE}")


def cycle(payload: Payload, labels: Mapping[int, str]) -> Cycle | None:
    """Return a contract's periods; ``None`` where they cannot be known."""
    starts = payload["startDate"].day_or_none()
    months = MONTHS.get(_label(payload, labels).strip().lower())
    return None if starts is None or months is None else Cycle(starts, months)


def _label(payload: Payload, labels: Mapping[int, str]) -> str:
    number = payload[_PERIOD_TYPE].whole_or_none()
    return "" if number is None else labels.get(number, "")


def agreement(
    payload: Payload, labels: Mapping[int, str], last_posted: date | None, read_at: datetime
) -> Agreement:
    """Return a contract's header.

    Args:
        last_posted: First day of the latest units that are approved and posted.

    Raises:
        UnexpectedPayloadError: A field is not what the contract says.
    """
    starts, ends = payload["startDate"].day_or_none(), payload["endDate"].day_or_none()
    label, periods = _label(payload, labels), cycle(payload, labels)
    return Agreement(
        agreement_id=AgreementId(str(payload["id"].whole())),
        company_id=CompanyId(str(payload["companyID"].whole())),
        name=payload["contractName"].text(),
        type_name=_TYPE,
        active=payload["status"].whole_or_none() == ACTIVE,
        starts=starts,
        ends=ends,
        cycle=periods,
        cycle_name=label,
        first_uninvoiced=first_unposted(periods, last_posted),
        next_invoice=None,
        prorates=True,
        problem=_problem(payload, starts),
        read_at=read_at,
    )


def first_unposted(cycle: Cycle | None, last_posted: date | None) -> date | None:
    """Return the first day of the period after the last posted one; ``None`` when unknown.

    A period counts as posted as soon as any units of it are: nothing may be dated into it.
    """
    if cycle is None:
        return None
    if last_posted is None:
        return cycle.anchor
    return cycle.after(cycle.containing(last_posted)).start


def _number(value: Payload) -> int:
    """Return a number of a pick list, which comes as text."""
    text = value.text()
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise UnexpectedPayloadError(f"{value.where}: expected a whole number as text")
    return int(text)


def _problem(payload: Payload, starts: date | None) -> str | None:
    if payload["contractType"].whole_or_none() != RECURRING_SERVICE:
        return "the contract is not for recurring services; choose one that is"
    if starts is None:
        return "the contract has no start date, so its billing periods cannot be known"
    return None
