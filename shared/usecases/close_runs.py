"""Close runs whose items are all done, and show those that got stuck."""

from dataclasses import replace
from datetime import timedelta

from shared.domain.errors import StaleVersionError
from shared.domain.ids import RunId
from shared.domain.runs import FULL, ItemState, Run, RunItem, RunState, Tally, Totals, tally
from shared.ports import Services
from shared.signals import CycleTime, RunClosed, Seats
from shared.usecases.outcomes import fail
from shared.usecases.record_trend import record_total
from shared.usecases.stop_run import stops_are_over

STUCK_AFTER = timedelta(hours=6)
"""A queued item that nobody touched for this long is given up: its message must be lost."""


def close_runs(services: Services) -> tuple[RunId, ...]:
    """Stamp the totals of runs of which nothing waits, stopped ones too, and return those."""
    closed = []
    for run in services.runs.unclosed():
        items = tally(_unstuck(item, run, services) for item in services.runs.items(run.run_id))
        if items.totals.queued or not _began(run, items, services):
            continue
        done = _close(run, items.totals, services)
        if done is not None:
            closed.append(run.run_id)
            _tell(done, items, services)
    return tuple(closed)


def _began(run: Run, items: Tally, services: Services) -> bool:
    """Whether the run's items were stored; one that lists a PSA's agreements first has none yet."""
    age = services.clock.real_now() - run.started_at
    return items.last is not None or run.customers == 0 or age > STUCK_AFTER


def _unstuck(item: RunItem, run: Run, services: Services) -> RunItem:
    """The item as it is after one that nobody works on was given up."""
    now = services.clock.real_now()
    if item.state.final or now - item.updated_at <= STUCK_AFTER:
        return item
    if run.reason in FULL and _was_repeated(run, services):
        # The worker died while it queued the run, and the host started the timer again.
        done = replace(item, state=ItemState.UNCHANGED, detail="left to a later run")
        services.runs.put_items([replace(done, updated_at=now)])
        return done
    fail(item, "no worker finished this; try the run's failed items again", services)
    return replace(item, state=ItemState.FAILED)


def _was_repeated(run: Run, services: Services) -> bool:
    return any(
        later.reason in FULL
        and later.started_at > run.started_at
        and later.state is RunState.FINISHED
        for later in services.runs.list().items
    )


def run_totals(run: Run, services: Services) -> tuple[Run, Totals]:
    """Return a run with its totals as of now; one whose items are all done answers finished."""
    if run.totals is not None:
        return run, run.totals
    items = tally(services.runs.items(run.run_id))
    if items.last and items.totals.queued == 0 and run.state is RunState.RUNNING:
        return replace(run, state=RunState.FINISHED, finished_at=items.last), items.totals
    return run, items.totals


def _close(run: Run, totals: Totals, services: Services) -> Run | None:
    read = services.runs.get(run.run_id)
    state = RunState.STOPPED if read.value.state is RunState.STOPPED else RunState.FINISHED
    done = replace(read.value, state=state, finished_at=services.clock.real_now(), totals=totals)
    try:
        services.runs.save(read, done)
    except StaleVersionError:
        return None  # the next timer closes it
    services.headers.forget(run.run_id)
    if done.state is RunState.FINISHED and done.reason in FULL:
        stops_are_over(done, services)
        record_total(services)
    return done


def _tell(run: Run, items: Tally, services: Services) -> None:
    """Tell how the run went; it lasted until its last item, whenever it is closed."""
    telemetry, totals = services.telemetry, items.totals
    seconds = max(0.0, ((items.last or run.started_at) - run.started_at).total_seconds())
    telemetry.tell(
        RunClosed(
            run_id=run.run_id,
            reason=run.reason,
            state=run.state,
            seconds=seconds,
            changed=totals.changed,
            unchanged=totals.unchanged,
            held=totals.held,
            blocked=totals.blocked,
            failed=totals.failed,
        )
    )
    telemetry.measure(CycleTime(seconds, run.reason))
    if run.reason in FULL and totals.seats is not None:
        telemetry.measure(Seats(totals.seats))
