"""Waiting without blocking a worker: a message is put back until its connection may be used.

A PSA's wait pauses the connection. Graph counts calls by app and tenant, so its wait pauses that
tenant alone. Kinds come first in the keys: a Microsoft connection and a PSA may share a name.

Source: docs/adr/0017-stale-data-and-tenants-that-come-and-go.md
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NewType

from shared.domain.errors import (
    BadMessageError,
    ConnectionPausedError,
    LeaseTakenError,
    OutcomeInDoubtError,
    RateLimitError,
)
from shared.domain.ids import ConnectionName, TenantId
from shared.ports import Services
from shared.signals import Paused, Pauses

PauseKey = NewType("PauseKey", str)
"""What waits, by kind and name; people read it in messages."""

MOST_ATTEMPTS = 50
"""A message that had to wait this often is given up and shown to a person."""
LEASE_WAIT = timedelta(seconds=2)


def psa_key(name: ConnectionName) -> PauseKey:
    """Return the key of a PSA."""
    return PauseKey(f"psa/{name}")


def tenant_key(microsoft: ConnectionName, tenant_id: TenantId) -> PauseKey:
    """Return the key of one tenant of a Microsoft connection."""
    return PauseKey(f"microsoft/{microsoft}/{tenant_id}")


def partner_center_key(microsoft: ConnectionName) -> PauseKey:
    """Return the key of the Partner Center of a Microsoft connection."""
    return PauseKey(f"microsoft/{microsoft}/partner center")


def check_not_paused(key: PauseKey, services: Services) -> None:
    """Return at once when it may be used.

    Raises:
        ConnectionPausedError: It may not; says for how long.
    """
    until = services.connection_states.paused_until(key)
    if until is not None:
        raise ConnectionPausedError(key, until - services.clock.real_now())


def pause(key: PauseKey, wait: timedelta, services: Services) -> None:
    """Let all workers wait for so long from now."""
    services.connection_states.pause(key, services.clock.real_now() + wait)
    family, name = key.split("/")[:2]
    services.telemetry.measure(Pauses(1, f"{family}/{name}"))
    services.telemetry.tell(Paused(key, wait.total_seconds()))


@contextmanager
def asking_tenant(
    microsoft: ConnectionName, tenant_id: TenantId, services: Services
) -> Iterator[None]:
    """Ask Microsoft about one tenant inside the block; a 429 pauses that tenant and no other.

    Raises:
        ConnectionPausedError: The tenant is paused, or Graph asked to wait inside the block.
    """
    key = tenant_key(microsoft, tenant_id)
    check_not_paused(key, services)
    try:
        yield
    except RateLimitError as error:
        pause(key, error.retry_after, services)
        raise ConnectionPausedError(key, error.retry_after) from error


@contextmanager
def asking_psa(name: ConnectionName, services: Services) -> Iterator[None]:
    """Ask a PSA inside the block for a person who waits; a 429 pauses it for all workers.

    Raises:
        ConnectionPausedError: The PSA is paused.
        RateLimitError: It asked to wait inside the block.
    """
    key = psa_key(name)
    check_not_paused(key, services)
    try:
        yield
    except RateLimitError as error:
        pause(key, error.retry_after, services)
        raise


def wait_of(
    error: RateLimitError | ConnectionPausedError | LeaseTakenError | OutcomeInDoubtError,
    attempt: int,
    moment: datetime,
) -> timedelta:
    """Return how long the message has to wait, spread a little so that not all come back at once.

    A lease is usually given back long before it would end, so its wait is short.

    Raises:
        BadMessageError: It has waited often enough.
    """
    if attempt >= MOST_ATTEMPTS:
        raise BadMessageError(f"gave up after {attempt} waits: {error}")
    spread = timedelta(milliseconds=moment.microsecond % 1000)
    wait = max(error.retry_after, timedelta(seconds=1))
    return (min(wait, LEASE_WAIT) if isinstance(error, LeaseTakenError) else wait) + spread
