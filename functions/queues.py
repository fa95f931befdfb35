"""Queue triggers: read a tenant, write a line group, and give up what failed for good.

An error raised here makes the host deliver the message again, and after ``maxDequeueCount``
deliveries move it to the poison queue; before that it is noted on the run's waiting items, so that
the Runs page tells why they wait.

A message that cannot be read, or that nobody can work on, is not raised: it would fail in the same
way each time. It is kept with its reason in a run at once, and only then leaves the queue; when
the storage cannot take it, that error is raised and the host keeps the message.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

import azure.functions as func

from shared import bootstrap
from shared.domain.errors import BadMessageError, SeatsyncError
from shared.messages import decode_license, decode_tenant, decode_urgent
from shared.ports import LicenseSync, Services, TenantSync
from shared.usecases.poison import (
    give_up_license,
    give_up_tenant,
    give_up_unreadable,
    note_trouble,
)
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant

logger = logging.getLogger(__name__)
blueprint = func.Blueprint()

TENANT_SYNC = "tenant-sync"
LICENSE_SYNC = "license-sync"
SYNC_NOW = "sync-now"
STORAGE = "AzureWebJobsStorage"

M = TypeVar("M", bound=TenantSync | LicenseSync)


@blueprint.function_name("sync_tenant")
@blueprint.queue_trigger(arg_name="message", queue_name=TENANT_SYNC, connection=STORAGE)
def on_sync_tenant(message: func.QueueMessage) -> None:
    """Read a tenant once and plan its customers."""

    def work(request: TenantSync, services: Services) -> None:
        redelivered = _deliveries(message) > 1
        sync_tenant(request, services, redelivered=redelivered)

    _work(TENANT_SYNC, message, decode_tenant, work, give_up_tenant)


@blueprint.function_name("sync_license")
@blueprint.queue_trigger(arg_name="message", queue_name=LICENSE_SYNC, connection=STORAGE)
def on_sync_license(message: func.QueueMessage) -> None:
    """Bring one line group up to date."""
    _work(LICENSE_SYNC, message, decode_license, sync_license, give_up_license)


@blueprint.function_name("sync_now")
@blueprint.queue_trigger(arg_name="message", queue_name=SYNC_NOW, connection=STORAGE)
def on_sync_now(message: func.QueueMessage) -> None:
    """Do what a person waits for, of either kind, past all that waits in the other queues."""

    def work(request: TenantSync | LicenseSync, services: Services) -> None:
        if isinstance(request, TenantSync):
            sync_tenant(request, services, redelivered=_deliveries(message) > 1)
        else:
            sync_license(request, services)

    _work(SYNC_NOW, message, decode_urgent, work, _give_up_either)


@blueprint.function_name("sync_tenant_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{TENANT_SYNC}-poison", connection=STORAGE)
def on_sync_tenant_poison(message: func.QueueMessage) -> None:
    """Fail the items of a tenant's message that failed for good."""
    _give_up(TENANT_SYNC, message, decode_tenant, give_up_tenant)


@blueprint.function_name("sync_license_poison")
@blueprint.queue_trigger(
    arg_name="message", queue_name=f"{LICENSE_SYNC}-poison", connection=STORAGE
)
def on_sync_license_poison(message: func.QueueMessage) -> None:
    """Fail the item of a line group's message that failed for good."""
    _give_up(LICENSE_SYNC, message, decode_license, give_up_license)


@blueprint.function_name("sync_now_poison")
@blueprint.queue_trigger(arg_name="message", queue_name=f"{SYNC_NOW}-poison", connection=STORAGE)
def on_sync_now_poison(message: func.QueueMessage) -> None:
    """Fail the items of a message that a person waited for and that failed for good."""
    _give_up(SYNC_NOW, message, decode_urgent, _give_up_either)


def _give_up_either(request: TenantSync | LicenseSync, services: Services) -> None:
    if isinstance(request, TenantSync):
        give_up_tenant(request, services)
    else:
        give_up_license(request, services)


def _work(
    queue: str,
    message: func.QueueMessage,
    decode: Callable[[bytes], M],
    work: Callable[[M, Services], None],
    give_up: Callable[[M, Services], None],
) -> None:
    services = bootstrap.services()
    request = _decoded(queue, message, decode, services)
    if request is None:
        return
    try:
        work(request, services)
    except BadMessageError as error:
        note_trouble(request, str(error), services)
        give_up(request, services)
        logger.warning("%s: run %s: given up", queue, request.run_id)
        return
    except Exception as error:
        _note(request, error, services)
        raise
    logger.info("%s: run %s: done on delivery %d", queue, request.run_id, _deliveries(message))


def _give_up(
    queue: str,
    message: func.QueueMessage,
    decode: Callable[[bytes], M],
    give_up: Callable[[M, Services], None],
) -> None:
    services = bootstrap.services()
    request = _decoded(queue, message, decode, services)
    if request is None:
        return
    give_up(request, services)
    logger.warning("%s: run %s: given up after all deliveries", queue, request.run_id)


def _decoded(
    queue: str, message: func.QueueMessage, decode: Callable[[bytes], M], services: Services
) -> M | None:
    """Return what the message asks for; one that cannot be read is kept and ``None`` returned."""
    body = message.get_body()
    try:
        return decode(body)
    except BadMessageError as error:
        give_up_unreadable(queue, body.decode("utf-8", "replace"), str(error), services)
        logger.warning("%s: a message cannot be read; it is kept in a run of its own", queue)
        return None


def _note(request: TenantSync | LicenseSync, error: Exception, services: Services) -> None:
    """Tell a person why the items wait; the words of a fault of ours may quote anything."""
    ours = isinstance(error, SeatsyncError)
    reason = str(error) if ours else f"a fault in Seatsync ({type(error).__name__}); see the log"
    try:
        note_trouble(request, reason, services)
    except SeatsyncError:
        logger.warning("run %s: its trouble could not be noted", request.run_id)


def _deliveries(message: func.QueueMessage) -> int:
    return message.dequeue_count or 1
