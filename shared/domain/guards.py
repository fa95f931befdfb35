"""Guards: when a plan waits for a person although it could be written."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from shared.domain.agreements import Agreement, SetPrice
from shared.domain.plans import Plan, PlanStatus, Reason, ReasonKind


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Thresholds; a change is held when it is larger than both figures of a pair allow.

    Attributes:
        fall_seats, fall_percent: A fall of more than the larger of the two is held.
        rise_seats, rise_percent: The same for a rise.
        to_zero_from: A fall to 0 from this many seats or more is held.
        run_stop_percent, run_stop_lines: A run stops when more than this share of its lines change,
            and at least so many.
        tenant_stop_percent, tenant_stop_tenants: A run stops when more than this share of its
            customers fall to 0, and at least so many.
        freeze_days: Days before the next invoice from which plans wait for it; 0 is off.
    """

    fall_seats: int = 5
    fall_percent: int = 25
    rise_seats: int = 20
    rise_percent: int = 100
    to_zero_from: int = 3
    run_stop_percent: int = 20
    run_stop_lines: int = 20
    tenant_stop_percent: int = 10
    tenant_stop_tenants: int = 2
    freeze_days: int = 0


def guarded(plan: Plan, settings: GuardSettings, agreement: Agreement, today: date) -> Plan:
    """Return the plan, held where a guard says so.

    The first write of a mapping that a person just saved is not held by its size: the preview
    showed it. A change that is only remembered today, because the standing line has to wait for
    its invoice, is held today: that is when a person can still say no.

    Source:
        docs/adr/0009-guards-and-approvals.md
    """
    if plan.adopts or plan.ledger is None:
        return plan
    if plan.status not in {PlanStatus.CHANGE, PlanStatus.IN_STEP, PlanStatus.WAITING}:
        return plan
    reasons = []
    if plan.operations:
        reasons = [*_calendar(plan, settings, agreement, today), *_prices(plan)]
    if not plan.confirmed:
        reasons.extend(_size(plan, settings))
    return plan.held(tuple(reasons)) if reasons else plan


def stops_run(changes: int, lines: int, settings: GuardSettings) -> bool:
    """Return whether so many changed lines stop a run over ``lines`` lines."""
    return changes >= settings.run_stop_lines and changes > _percent(
        lines, settings.run_stop_percent
    )


def stops_run_by_tenants(emptied: int, tenants: int, settings: GuardSettings) -> bool:
    """Return whether so many tenants that fell to 0 stop a run over ``tenants`` tenants."""
    return emptied >= settings.tenant_stop_tenants and emptied > _percent(
        tenants, settings.tenant_stop_percent
    )


def _calendar(
    plan: Plan, settings: GuardSettings, agreement: Agreement, today: date
) -> list[Reason]:
    reasons = []
    if plan.back_dated:
        days = ", ".join(day.isoformat() for day in plan.back_dated)
        reasons.append(
            Reason(ReasonKind.BACK_DATED, f"charges days that are invoiced already, from {days}")
        )
    invoice = agreement.next_invoice
    if settings.freeze_days and invoice is not None:
        frozen_from = invoice - timedelta(days=settings.freeze_days)
        if frozen_from <= today <= invoice:
            reasons.append(
                Reason(ReasonKind.FREEZE, f"waits for the invoice of {invoice.isoformat()}")
            )
    return reasons


def _prices(plan: Plan) -> list[Reason]:
    return [
        Reason(ReasonKind.PRICE, f"changes the price of a seat from {op.before} to {op.after}")
        for op in plan.operations
        if isinstance(op, SetPrice)
    ]


def _size(plan: Plan, settings: GuardSettings) -> list[Reason]:
    old, new = plan.previous, plan.needed
    if old is None or new is None:
        return []
    if new == 0 and old >= settings.to_zero_from:
        return [Reason(ReasonKind.TO_ZERO, f"falls from {old} to 0")]
    if old - new > max(Decimal(settings.fall_seats), _percent(old, settings.fall_percent)):
        return [Reason(ReasonKind.FALL, f"falls from {old} to {new}")]
    if new - old > max(Decimal(settings.rise_seats), _percent(old, settings.rise_percent)):
        return [Reason(ReasonKind.RISE, f"rises from {old} to {new}")]
    return []


def _percent(of: int, percent: int) -> Decimal:
    return Decimal(of * percent).scaleb(-2)
