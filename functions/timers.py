"""Timers: the daily cycle, closing runs, and telling people about alerts."""

import logging

import azure.functions as func

from shared import bootstrap
from shared.domain.runs import RunReason
from shared.usecases.close_runs import close_runs
from shared.usecases.prune import prune
from shared.usecases.send_digests import send_digests
from shared.usecases.start_run import start_cycle

logger = logging.getLogger(__name__)
blueprint = func.Blueprint()

TIMER = "timer"
"""Who asked for a scheduled run, in history."""
EACH_FIVE_MINUTES = "0 */5 * * * *"
EACH_MINUTE = "30 * * * * *"
EACH_HOUR = "0 17 * * * *"


@blueprint.function_name("start_sync_cycle")
@blueprint.timer_trigger(arg_name="timer", schedule="%SYNC_SCHEDULE%")
def on_start_sync_cycle(timer: func.TimerRequest) -> None:
    """Queue all active customers."""
    run_id = start_cycle(bootstrap.services(), requested_by=TIMER, reason=RunReason.SCHEDULED)
    logger.info("run %s started%s", run_id, " late" if timer.past_due else "")


@blueprint.function_name("close_runs")
@blueprint.timer_trigger(arg_name="timer", schedule=EACH_FIVE_MINUTES)
def on_close_runs(timer: func.TimerRequest) -> None:
    """Stamp the totals of runs whose items are all done."""
    del timer
    for run_id in close_runs(bootstrap.services()):
        logger.info("run %s closed", run_id)


@blueprint.function_name("send_digests")
@blueprint.timer_trigger(arg_name="timer", schedule=EACH_MINUTE)
def on_send_digests(timer: func.TimerRequest) -> None:
    """Send the digests that are due, and what is urgent once its run is over."""
    del timer
    sent = send_digests(bootstrap.services())
    if sent:
        logger.info("%d messages about alerts sent", sent)


@blueprint.function_name("prune_storage")
@blueprint.timer_trigger(arg_name="timer", schedule=EACH_HOUR)
def on_prune_storage(timer: func.TimerRequest) -> None:
    """Remove a part of what is older than the settings keep."""
    del timer
    gone = prune(bootstrap.services())
    logger.info(
        "removed %s runs, %s changes, %s points of trends and %s pauses",
        gone.runs,
        gone.changes,
        gone.trend_points,
        gone.pauses,
    )
