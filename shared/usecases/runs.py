"""Runs as a person sees them."""

from shared.domain.errors import InvalidInputError
from shared.domain.ids import RunId
from shared.domain.runs import ItemState, Run, RunItem, Totals
from shared.ports import Page, Services
from shared.usecases.close_runs import run_totals


def get_run(run_id: RunId, services: Services) -> tuple[Run, Totals]:
    """Return a run with its totals as of now.

    Raises:
        NotFoundError: There is none with this id.
    """
    return run_totals(services.runs.get(run_id).value, services)


def list_runs(
    services: Services, *, continuation: str | None, limit: int
) -> Page[tuple[Run, Totals]]:
    """Return runs, newest first, each with its totals as of now."""
    page = services.runs.list(continuation, limit)
    return Page(tuple(run_totals(run, services) for run in page.items), page.continuation)


def list_items(
    run_id: RunId,
    services: Services,
    *,
    state: str | None,
    continuation: str | None,
    limit: int,
) -> Page[RunItem]:
    """Return a run's items, of one state if given, a page at a time.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: There is no such state.
    """
    services.runs.get(run_id)
    if state is not None and state not in set(ItemState):
        raise InvalidInputError({"state": f"must be one of {', '.join(ItemState)}"})
    found = sorted(
        (
            item
            for item in services.runs.items(run_id)
            if state in {None, item.state} and item.item_id > (continuation or "")
        ),
        key=lambda item: item.item_id,
    )
    more = found[limit - 1].item_id if len(found) > limit else None
    return Page(tuple(found[:limit]), more)
