"""Stop a run that would change more than is likely: a person looks before more is written."""

from collections.abc import Iterable
from dataclasses import replace

from shared.domain.alerts import AlertKind
from shared.domain.guards import GuardSettings, stops_run, stops_run_by_tenants
from shared.domain.ids import CustomerId, RunId
from shared.domain.plans import Plan, PlanStatus
from shared.domain.runs import Run, RunState
from shared.ports import Services
from shared.signals import RunStopped
from shared.usecases.alert_board import board_of, raise_alert


def stop_if_unlikely(
    run_id: RunId,
    customer_id: CustomerId,
    plans: Iterable[Plan],
    guards: GuardSettings,
    services: Services,
) -> None:
    """Count a customer's changes into its run, and stop the run when they are too many.

    Called before the customer's lines are queued, so that its own changes wait too. Lines that are
    written already stay as they are; what is still queued is held.
    """
    plans = tuple(plans)
    changing = sum(1 for plan in plans if _unconfirmed(plan))
    emptied = _emptied(plans)
    if not changing and not emptied:
        return
    before, after = services.runs.change(
        run_id, lambda run: _counted(run, changing, customer_id if emptied else None, guards)
    )
    if before.state is RunState.RUNNING and after.state is RunState.STOPPED:
        text = f"the run was stopped: {after.stop_reason}"
        raise_alert(AlertKind.RUN_STOPPED, text, services, subject=run_id)
        services.telemetry.tell(RunStopped(run_id, after.changing, len(after.emptied)))


def _counted(run: Run, changing: int, emptied: CustomerId | None, guards: GuardSettings) -> Run:
    """The run with a customer's changes, and with the customer where it would fall to 0."""
    counted = replace(run, changing=run.changing + changing)
    if run.state is not RunState.RUNNING:
        return counted
    if emptied is not None and emptied not in run.emptied:
        counted = replace(counted, emptied=(*run.emptied, emptied))
    reason = _reason(counted, guards)
    if reason is None:
        return counted
    return replace(counted, state=RunState.STOPPED, stop_reason=reason)


def stops_are_over(run: Run, services: Services) -> None:
    """Clear what runs raised that were stopped before this full run began, as it went through."""
    board = board_of(None, services)
    for alert in board.open(AlertKind.RUN_STOPPED):
        if alert.raised_at <= run.started_at:
            board.close(alert)
    board.save()


def _unconfirmed(plan: Plan) -> bool:
    return plan.status is PlanStatus.CHANGE and bool(plan.operations) and not plan.confirmed


def _emptied(plans: tuple[Plan, ...]) -> bool:
    """Whether everything the customer was billed for falls to 0."""
    before = sum(plan.previous or 0 for plan in plans)
    unknown = any(plan.needed is None for plan in plans)
    return before > 0 and not unknown and sum(plan.needed or 0 for plan in plans) == 0


def _reason(run: Run, guards: GuardSettings) -> str | None:
    if stops_run(run.changing, run.lines, guards):
        return f"{run.changing} lines would change, of {run.lines} in the last full run"
    if stops_run_by_tenants(len(run.emptied), run.customers, guards):
        return f"{len(run.emptied)} of {run.customers} customers would fall to 0"
    return None
