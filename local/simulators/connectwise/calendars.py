"""Read an agreement's billing terms from its record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from local.simulators.common.billing import Calendar
from local.simulators.common.invoicing import NotInvoicedError
from local.simulators.connectwise.billing import MONTHS_OF_CYCLE, Terms

Record = Mapping[str, Any]


def day(value: str | None) -> date | None:
    """Return the calendar date of one of the API's datetimes; the time of day means nothing."""
    return date.fromisoformat(value[:10]) if value else None


def terms_of(agreement: Record) -> Terms:
    """Return what the agreement says about its invoices.

    Raises:
        NotInvoicedError: It does not say enough, or has a cycle that is not simulated.
    """
    cycle = agreement.get("billingCycle", {}).get("name", "")
    months = MONTHS_OF_CYCLE.get(str(cycle).strip().lower())
    if months is None:
        raise NotInvoicedError(f"the billing cycle '{cycle}' is not simulated")

    starts = day(agreement.get("startDate"))
    anchor = day(agreement.get("billStartDate")) or starts
    next_invoice = day(agreement.get("nextInvoiceDate"))
    if anchor is None or next_invoice is None:
        raise NotInvoicedError("it has no start or no next invoice date")

    period_type = agreement.get("periodType")
    if period_type not in {"Current", "Future"}:
        raise NotInvoicedError(f"the period type '{period_type}' does not say what is invoiced")
    return Terms(
        calendar=Calendar(anchor, months),
        next_invoice=next_invoice,
        invoices_ahead=period_type == "Future",
        prorates=bool(agreement.get("prorateFlag")),
        starts=starts,
        ends=last_day(agreement),
    )


def last_day(agreement: Record) -> date | None:
    """Return the last day the agreement covers: its end, or its cancellation if that is earlier."""
    ends = None if agreement.get("noEndingDateFlag") else day(agreement.get("endDate"))
    if not agreement.get("cancelledFlag"):
        return ends
    cancelled = day(agreement.get("dateCancelled")) or date.min
    return cancelled if ends is None else min(ends, cancelled)


def invoiced_through(agreement: Record) -> date | None:
    """Return the last day of the last invoiced period, or None where no calendar says so."""
    try:
        return terms_of(agreement).first_uninvoiced.start - timedelta(days=1)
    except NotInvoicedError:
        return None
