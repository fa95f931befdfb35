"""From ConnectWise's agreement to ours. Pure.

Which period an agreement invoices next is our reading of its calendar; ``docs/psa-adapters.md``
says why, and what would prove it wrong.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from shared.adapters.http.payload import Payload
from shared.adapters.psa.connectwise.dates import day_or_none
from shared.domain.agreements import Agreement
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import AgreementId, CompanyId
from shared.domain.periods import Cycle

FIELDS: Final = (
    "id,name,type,company,agreementStatus,cancelledFlag,startDate,endDate,noEndingDateFlag,"
    "billingCycle,billStartDate,nextInvoiceDate,periodType,prorateFlag,oneTimeFlag,billOneTimeFlag,"
    "parentAgreement"
)
MONTHS: Final[Mapping[str, int]] = {
    "monthly": 1,
    "quarterly": 3,
    "annual": 12,
    "annually": 12,
    "yearly": 12,
}
"""Months of a billing cycle by its name in lower case; other cycles are not known."""


def agreement(payload: Payload, read_at: datetime) -> Agreement:
    """Return an agreement's header.

    A date that cannot be read becomes the agreement's problem, so that one broken agreement does
    not hide all the others of a list.

    Raises:
        UnexpectedPayloadError: Any other field is not what the contract says.
    """
    days = _Days(payload)
    starts = days.get("startDate")
    anchor = days.get("billStartDate") or starts
    ends = None if _is(payload, "noEndingDateFlag") else days.get("endDate")
    next_invoice = days.get("nextInvoiceDate")
    cycle_name = _name_of(payload["billingCycle"])
    months = MONTHS.get(cycle_name.strip().lower())
    cycle = None if anchor is None or months is None else Cycle(anchor, months)
    return Agreement(
        agreement_id=AgreementId(str(payload["id"].whole())),
        company_id=CompanyId(str(payload["company"]["id"].whole())),
        name=payload["name"].text(),
        type_name=_name_of(payload["type"]),
        active=_is_active(payload),
        starts=starts,
        ends=ends,
        cycle=cycle,
        cycle_name=cycle_name,
        first_uninvoiced=first_uninvoiced(
            cycle, payload["periodType"].text_or_none(), next_invoice
        ),
        next_invoice=next_invoice,
        prorates=_is(payload, "prorateFlag"),
        problem=_problem(payload, days, anchor),
        read_at=read_at,
        parent_id=_parent(payload["parentAgreement"]),
    )


def first_uninvoiced(
    cycle: Cycle | None, period_type: str | None, next_invoice: date | None
) -> date | None:
    """Return the first day of the first period without an invoice; ``None`` when unknown.

    Args:
        period_type: ``Current``: the next invoice bills the period that its date lies in.
            ``Future``: the one after it. Nothing is known of the others.
    """
    if cycle is None or next_invoice is None:
        return None
    period = cycle.containing(next_invoice)
    if period_type == "Current":
        return period.start
    if period_type == "Future":
        return cycle.after(period).start
    return None


class _Days:
    """The dates of a payload; those that cannot be read are ``None``, and are remembered."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self.unreadable: list[str] = []

    def get(self, field: str) -> date | None:
        try:
            return day_or_none(self._payload[field])
        except UnexpectedPayloadError:
            self.unreadable.append(field)
            return None


def _is(payload: Payload, field: str) -> bool:
    return payload[field].flag_or_none() or False


def _is_active(payload: Payload) -> bool:
    status = payload["agreementStatus"].text_or_none()
    # Old versions have no status; whether the agreement has ended, its dates say.
    return status in {"Active", None} and not _is(payload, "cancelledFlag")


def _parent(reference: Payload) -> AgreementId | None:
    return None if reference.is_null else AgreementId(str(reference["id"].whole()))


def _name_of(reference: Payload) -> str:
    return "" if reference.is_null else reference["name"].text_or_none() or ""


def _problem(payload: Payload, days: _Days, anchor: date | None) -> str | None:
    if _is(payload, "oneTimeFlag") or _is(payload, "billOneTimeFlag"):
        return "the agreement is billed one time only; choose a recurring one"
    if days.unreadable:
        return f"the agreement's {' and '.join(days.unreadable)} cannot be read; correct it"
    if anchor is None:
        return "the agreement has no start date, so its billing periods cannot be known"
    return None
