"""Messages that failed for good: the item says why, an alert tells a person, nothing is lost."""

from dataclasses import replace

from shared.domain.ids import CustomerId
from shared.domain.runs import ItemState, Run, RunItem, RunReason, RunState
from shared.ports import LicenseSync, Services, TenantSync
from shared.usecases.outcomes import AGAIN, fail

UNREADABLE = CustomerId("unreadable")
"""Stands for the customer of a message that nobody can read."""


def give_up_tenant(message: TenantSync, services: Services) -> None:
    """Fail the customers of a tenant's message, with the last reason a worker noted."""
    for customer_id in message.customer_ids:
        item = _item(message, customer_id, services)
        if not item.state.final:
            why = item.detail or "the tenant could not be read; see the log"
            fail(item, why, services, todo=AGAIN)


def give_up_license(message: LicenseSync, services: Services) -> None:
    """Fail a line group's item, with the last reason a worker noted."""
    item = _item(message, message.customer_id, services)
    if not item.state.final:
        why = item.detail or "the line could not be written; see the log"
        fail(item, why, services, todo=AGAIN)


def give_up_unreadable(queue: str, body: str, reason: str, services: Services) -> None:
    """Keep a message that nobody can read, in a run of its own, so that a person sees it."""
    now = services.clock.real_now()
    run = Run(
        run_id=services.runs.new_id(now),
        reason=RunReason.UNREADABLE,
        requested_by=queue,
        state=RunState.RUNNING,
        started_at=now,
        finished_at=None,
        customers=0,
        lines=0,
    )
    services.runs.add(run)
    item = RunItem(
        run_id=run.run_id,
        customer_id=UNREADABLE,
        group_id=None,
        rows=(),
        state=ItemState.QUEUED,
        before=None,
        after=None,
        detail="",
        updated_at=now,
        message=body,
    )
    fail(item, f"a message on {queue} cannot be read: {reason}", services)


def note_trouble(message: TenantSync | LicenseSync, reason: str, services: Services) -> None:
    """Keep why a delivery failed on the waiting items, for the Runs page and for giving up."""
    customers = message.customer_ids if isinstance(message, TenantSync) else (message.customer_id,)
    noted = []
    for customer_id in customers:
        item = _item(message, customer_id, services)
        if not item.state.final:
            noted.append(replace(item, detail=reason, updated_at=services.clock.real_now()))
    services.runs.put_items(noted)


def _item(
    message: TenantSync | LicenseSync, customer_id: CustomerId, services: Services
) -> RunItem:
    wanted = RunItem(
        run_id=message.run_id,
        customer_id=customer_id,
        group_id=message.group_id if isinstance(message, LicenseSync) else None,
        rows=(),
        state=ItemState.QUEUED,
        before=None,
        after=None,
        detail="",
        updated_at=services.clock.real_now(),
    )
    return services.runs.get_item(message.run_id, wanted.item_id) or wanted
