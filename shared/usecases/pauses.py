"""Waiting without blocking a worker: a message is put back until its connection may be used."""

from datetime import datetime, timedelta

from shared.domain.errors import (
    BadMessageError,
    ConnectionPausedError,
    LeaseTakenError,
    RateLimitError,
)
from shared.ports import Services

MOST_ATTEMPTS = 50
"""A message that had to wait this often is given up and shown to a person."""
LEASE_WAIT = timedelta(seconds=2)


def check_not_paused(name: str, services: Services) -> None:
    """Return at once when the connection may be used.

    Raises:
        ConnectionPausedError: It may not; says for how long.
    """
    until = services.connection_states.paused_until(name)
    if until is not None:
        raise ConnectionPausedError(name, until - services.clock.real_now())


def pause(error: RateLimitError, services: Services) -> None:
    """Pause the connection for all workers, as its API asked."""
    services.connection_states.pause(
        error.connection, services.clock.real_now() + error.retry_after
    )


def wait_of(
    error: RateLimitError | ConnectionPausedError | LeaseTakenError,
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
