"""Queue triggers: read a tenant, write a line group, and give up what failed for good.

An error raised here makes the host deliver the message again, and after ``maxDequeueCount``
deliveries move it to the poison queue; before that it is noted on the run's waiting items, so that
the Runs page tells why they wait.

A message that cannot be read, or that nobody can work on, is not raised: it would fail in the same
way each time. It is kept with its reason in a run at once, and only then leaves the queue; when
the storage cannot take it, that error is raised and the host keeps the message.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import TypeVar

import azure.functions as func

from functions.invocations import invocation
from shared import bootstrap
from shared.domain.errors import BadMessageError, SeatsyncError
from shared.messages import decode_license, decode_tenant, decode_urgent
from shared.ports import LicenseSync, Services, TenantSync
from shared.signals import (
    FunctionCalled,
    MessageDone,
    MessageFailed,
    MessageGivenUp,
    MessageUnreadable,
    QueueAge,
    TroubleNotNoted,
)
from shared.usecases.poison import (
    give_up_license,
    give_up_tenant,
    give_up_unreadable,
    note_trouble,
)
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant

blueprint = func.Blueprint()

TENANT_SYNC = "tenant-sync"
LICENSE_SYNC = "license-sync"
SYNC_NOW = "sync-now"
STORAGE = "AzureWebJobsStorage"
_FUNCTIONS = {TENANT_SYNC: "sync_tenant", LICENSE_SYNC: "sync_license", SYNC_NOW: "sync_now"}

M = TypeVar("M", bound=TenantSync | LicenseSync)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message, as the host gives it."""

    queue: str
    message: func.QueueMessage
    context: func.Context

    @property
    def number(self) -> int:
        """Which delivery of the message it is, from 1."""
        return self.message.dequeue_count or 1


@blueprint.function_name("sync_tenant")
@blueprint.queue_trigger(arg_name="message", queue_name=TENANT_SYNC, connection=STORAGE)
def on_sync_tenant(message: func.QueueMessage, context: func.Context) -> None:
    """Read a tenant once and plan its customers."""
    delivery = Delivery(TENANT_SYNC, message, context)

    def work(request: TenantSync, services: Services) -> None:
        sync_tenant(request, services, redelivered=delivery.number > 1)

    with bootstrap.precedence().giving_way():
        _work(delivery, decode_tenant, work, give_up_tenant)


@blueprint.function_name("sync_license")
@blueprint.queue_trigger(arg_name="message", queue_name=LICENSE_SYNC, connection=STORAGE)
def on_sync_license(message: func.QueueMessage, context: func.Context) -> None:
    """Bring one line group up to date."""
    delivery = Delivery(LICENSE_SYNC, message, context)
    bootstrap.precedence().give_way()  # now, and not while it holds the line group's lease
    _work(delivery, decode_license, sync_license, give_up_license)


@blueprint.function_name("sync_now")
@blueprint.queue_trigger(arg_name="message", queue_name=SYNC_NOW, connection=STORAGE)
def on_sync_now(message: func.QueueMessage, context: func.Context) -> None:
    """Do what a person waits for, of either kind, past all that waits in the other queues."""
    delivery = Delivery(SYNC_NOW, message, context)

    def work(request: TenantSync | LicenseSync, services: Services) -> None:
        if isinstance(request, TenantSync):
            sync_tenant(request, services, redelivered=delivery.number > 1)
        else:
            sync_license(request, services)

    with bootstrap.precedence().ahead():
        _work(delivery, decode_urgent, work, _give_up_either)


@blueprint.function_name("sync_tenant_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{TENANT_SYNC}-poison", connection=STORAGE)
def on_sync_tenant_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Fail the items of a tenant's message that failed for good."""
    _give_up(Delivery(TENANT_SYNC, message, context), decode_tenant, give_up_tenant)


@blueprint.function_name("sync_license_poison")
@blueprint.queue_trigger(
    arg_name="message", queue_name=f"{LICENSE_SYNC}-poison", connection=STORAGE
)
def on_sync_license_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Fail the item of a line group's message that failed for good."""
    _give_up(Delivery(LICENSE_SYNC, message, context), decode_license, give_up_license)


@blueprint.function_name("sync_now_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{SYNC_NOW}-poison", connection=STORAGE)
def on_sync_now_poison(message: func.QueueMessage, context: func.Context) -> None:
    """Fail the items of a message that a person waited for and that failed for good."""
    _give_up(Delivery(SYNC_NOW, message, context), decode_urgent, _give_up_either)


def _give_up_either(request: TenantSync | LicenseSync, services: Services) -> None:
    if isinstance(request, TenantSync):
        give_up_tenant(request, services)
    else:
        give_up_license(request, services)


def _work(
    delivery: Delivery,
    decode: Callable[[bytes], M],
    work: Callable[[M, Services], None],
    give_up: Callable[[M, Services], None],
) -> None:
    services = bootstrap.services()
    request = _decoded(delivery, decode, services)
    if request is None:
        return
    _tell_age(delivery, request, services)
    queue, number = delivery.queue, delivery.number
    called = FunctionCalled(_FUNCTIONS[queue], "queue", request.run_id, number)
    with invocation(called, delivery.context, request.traceparent):
        try:
            work(request, services)
        except BadMessageError as error:
            note_trouble(request, str(error), services)
            give_up(request, services)
            services.telemetry.tell(MessageGivenUp(queue, request.run_id))
            return
        except Exception as error:
            _note(request, error, services)
            failed = MessageFailed(queue, request.run_id, number, type(error).__name__)
            services.telemetry.tell(failed)
            raise
        services.telemetry.tell(MessageDone(queue, request.run_id, number))


def _give_up(
    delivery: Delivery,
    decode: Callable[[bytes], M],
    give_up: Callable[[M, Services], None],
) -> None:
    services = bootstrap.services()
    request = _decoded(delivery, decode, services)
    if request is None:
        return
    function = f"{_FUNCTIONS[delivery.queue]}_poison"
    called = FunctionCalled(function, "queue", request.run_id, delivery.number)
    with invocation(called, delivery.context, request.traceparent):
        give_up(request, services)
        services.telemetry.tell(MessageGivenUp(delivery.queue, request.run_id))


def _decoded(delivery: Delivery, decode: Callable[[bytes], M], services: Services) -> M | None:
    """Return what the message asks for; one that cannot be read is kept and ``None`` returned."""
    queue, body = delivery.queue, delivery.message.get_body()
    try:
        return decode(body)
    except BadMessageError as error:
        give_up_unreadable(queue, body.decode("utf-8", "replace"), str(error), services)
        services.telemetry.tell(MessageUnreadable(queue))
        return None


def _tell_age(delivery: Delivery, request: TenantSync | LicenseSync, services: Services) -> None:
    """Tell how long a message waited, the wait it was told to keep included."""
    created = delivery.message.insertion_time
    if created is not None and delivery.number == 1:
        age = services.clock.real_now() - created.astimezone(UTC)
        put_back = request.attempt > 1
        services.telemetry.measure(
            QueueAge(max(0.0, age.total_seconds()), delivery.queue, put_back)
        )


def _note(request: TenantSync | LicenseSync, error: Exception, services: Services) -> None:
    """Tell a person why the items wait; the words of a fault of ours may quote anything."""
    ours = isinstance(error, SeatsyncError)
    reason = str(error) if ours else f"a fault in Seatsync ({type(error).__name__}); see the log"
    try:
        note_trouble(request, reason, services)
    except SeatsyncError as trouble:
        services.telemetry.tell(TroubleNotNoted(request.run_id, type(trouble).__name__))
