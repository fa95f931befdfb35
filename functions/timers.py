"""Timers: the daily cycle, closing runs, and telling people about alerts."""

import azure.functions as func

from functions.invocations import invocation
from shared import bootstrap
from shared.domain.runs import RunReason
from shared.signals import DigestsSent, FunctionCalled, Pruned
from shared.usecases.close_runs import close_runs
from shared.usecases.prune import prune
from shared.usecases.send_digests import send_digests
from shared.usecases.start_run import start_cycle

blueprint = func.Blueprint()

TIMER = "timer"
"""Who asked for a scheduled run, in history."""
EACH_FIVE_MINUTES = "0 */5 * * * *"
EACH_MINUTE = "30 * * * * *"
EACH_HOUR = "0 17 * * * *"


@blueprint.function_name("start_sync_cycle")
@blueprint.timer_trigger(arg_name="timer", schedule="%SYNC_SCHEDULE%")
def on_start_sync_cycle(timer: func.TimerRequest, context: func.Context) -> None:
    """Queue all active customers."""
    del timer
    with invocation(FunctionCalled("start_sync_cycle", "timer"), context):
        start_cycle(bootstrap.services(), requested_by=TIMER, reason=RunReason.SCHEDULED)


@blueprint.function_name("close_runs")
@blueprint.timer_trigger(arg_name="timer", schedule=EACH_FIVE_MINUTES)
def on_close_runs(timer: func.TimerRequest, context: func.Context) -> None:
    """Stamp the totals of runs whose items are all done."""
    del timer
    with invocation(FunctionCalled("close_runs", "timer"), context):
        close_runs(bootstrap.services())


@blueprint.function_name("send_digests")
@blueprint.timer_trigger(arg_name="timer", schedule=EACH_MINUTE)
def on_send_digests(timer: func.TimerRequest, context: func.Context) -> None:
    """Send the digests that are due, and what is urgent once its run is over."""
    del timer
    with invocation(FunctionCalled("send_digests", "timer"), context):
        services = bootstrap.services()
        sent = send_digests(services)
        if sent:
            services.telemetry.tell(DigestsSent(sent))


@blueprint.function_name("prune_storage")
@blueprint.timer_trigger(arg_name="timer", schedule=EACH_HOUR)
def on_prune_storage(timer: func.TimerRequest, context: func.Context) -> None:
    """Remove a part of what is older than the settings keep."""
    del timer
    with invocation(FunctionCalled("prune_storage", "timer"), context):
        services = bootstrap.services()
        gone = prune(services)
        services.telemetry.tell(
            Pruned(gone.runs, gone.changes, gone.trend_points, gone.pauses, gone.closed)
        )
