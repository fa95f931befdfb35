"""Stop a run that would change more than is likely: a person looks before more is written."""

from collections.abc import Iterable
from dataclasses import replace

from shared.domain.alerts import AlertKind
from shared.domain.errors import StaleVersionError
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
    while True:
        read = services.runs.get(run_id)
        run = replace(read.value, changing=read.value.changing + changing)
        if emptied and run.state is RunState.RUNNING and customer_id not in run.emptied:
            run = replace(run, emptied=(*run.emptied, customer_id))
        reason = _reason(run, guards)
        stops = reason is not None and run.state is RunState.RUNNING
        if stops:
            run = replace(run, state=RunState.STOPPED, stop_reason=reason)
        try:
            services.runs.save(read, run)
        except StaleVersionError:
            continue  # another tenant's worker counted at the same moment
        if stops:
            text = f"the run was stopped: {reason}"
            raise_alert(AlertKind.RUN_STOPPED, text, services, subject=run_id)
            services.telemetry.tell(RunStopped(run_id, run.changing, len(run.emptied)))
        return


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
