"""Timer triggers: run each function when it is due, once, on one host, and never twice at a time.

A run that was missed while no host was up is made up for once, at start, with ``past_due``.
Ticks that pass while the function runs are not run later: the next one is computed when the
run has ended.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from azure.core.exceptions import AzureError

from local.hosting.converters import timer_request
from local.hosting.functions import Function, TimerTrigger
from local.hosting.invoking import Invoker, nothing
from local.hosting.ncrontab import fires_more_than_once_a_minute, parse_schedule
from local.hosting.timerstatus import (
    StatusConflictError,
    StoredStatus,
    TimerStatus,
    TimerStatusStore,
)

logger = logging.getLogger("host")

T = TypeVar("T")

HOLD = timedelta(seconds=60)
HOLD_RENEWAL_SECONDS = 20.0
STORAGE_RETRY_SECONDS = 2.0
STORAGE_TRIES = 10
LONGEST_SLEEP_SECONDS = 30.0


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Due:
    """A run that this host has claimed."""

    held: StoredStatus
    past_due: bool


class TimerListener:
    """Runs one timer function by its schedule until stopped."""

    def __init__(
        self,
        function: Function,
        trigger: TimerTrigger,
        store: TimerStatusStore,
        invoker: Invoker,
        executor: Executor,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._schedule = parse_schedule(trigger.schedule)
        self._store = store
        self._invoker = invoker
        self._executor = executor
        self._now = now
        self._stopped = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._monitored = trigger.use_monitor and not fires_more_than_once_a_minute(
            self._schedule, now()
        )

    def stop(self) -> None:
        """Start nothing more; :meth:`run` returns when what runs has ended."""
        self._stopped.set()

    async def fire(self) -> None:
        """Run now, by hand. The schedule and its status stay as they are."""
        async with self._one_at_a_time:
            await self._invoke(past_due=False, status=None, reason="by hand")

    async def run(self) -> None:
        """Wait for each tick and run it, until stopped. No error ends the schedule."""
        starting = True
        while not self._stopped.is_set():
            try:
                due = await self._claim(starting=starting)
            except StatusConflictError:
                continue
            except AzureError as error:
                logger.warning(
                    "timer %s: no storage (%s)", self._function.name, type(error).__name__
                )
                await self._sleep(STORAGE_RETRY_SECONDS)
                continue
            starting = False
            if due is not None:
                await self._run(due)

    async def _claim(self, *, starting: bool) -> Due | None:
        """Take the run that is due, or sleep for a while and return None.

        Raises:
            StatusConflictError: Another host took it, or changed the status, first.
        """
        name, now = self._function.name, self._now()
        stored = await self._off_loop(lambda: self._store.read(name))
        if stored is None or stored.status.schedule != self._schedule.text:
            fresh = TimerStatus(self._schedule.text, None, self._schedule.next_after(now), now)
            version = stored.version if stored else None
            stored = await self._write(fresh, version)
        elif starting and not self._monitored and not _held(stored.status, now):
            # Nothing is made up for without a monitor: the old tick is forgotten.
            moved = replace(stored.status, next=self._schedule.next_after(now), updated=now)
            stored = await self._write(moved, stored.version)
        status = stored.status
        if _held(status, now):
            await self._sleep_until(status.busy_until)
            return None
        is_due = status.next is not None and status.next <= now
        if not is_due and not (starting and self._trigger.run_on_startup):
            await self._sleep_until(status.next)
            return None
        # A tick that is late because this host was not there is past due; one that this host
        # waited for is not, even if it wakes a little late. A host that died while running
        # leaves its hold behind, and its tick is past due for the one that takes over.
        past_due = is_due and (starting or status.busy_until is not None)
        held = replace(status, busy_until=now + HOLD, updated=now)
        return Due(await self._write(held, stored.version), past_due)

    async def _run(self, due: Due) -> None:
        began = self._now()
        ended = asyncio.Event()
        keeping = asyncio.create_task(self._keep(due.held, ended))
        status = due.held.status.for_function() if self._monitored else None
        try:
            async with self._one_at_a_time:
                await self._invoke(
                    past_due=due.past_due,
                    status=status,
                    reason="past due" if due.past_due else "timer",
                )
        finally:
            ended.set()
        await self._finish(began, await keeping)

    async def _finish(self, began: datetime, held: StoredStatus) -> None:
        """Save that the run has ended. Unsaved, the tick would run again when the hold ends."""
        for _ in range(STORAGE_TRIES):
            now = self._now()
            done = TimerStatus(self._schedule.text, began, self._schedule.next_after(now), now)
            try:
                await self._write(done, held.version)
            except StatusConflictError:
                break
            except AzureError:
                await asyncio.sleep(STORAGE_RETRY_SECONDS)
            else:
                return
        logger.warning("timer %s: its status could not be saved", self._function.name)

    async def _invoke(self, *, past_due: bool, status: dict[str, str] | None, reason: str) -> None:
        request = timer_request(past_due=past_due, status=status, adjust_for_dst=True)
        try:
            await self._invoker.invoke(self._function, request, reason=reason, convert=nothing)
        except Exception:  # noqa: BLE001 - logged by the invoker; the schedule goes on
            return

    async def _keep(self, held: StoredStatus, ended: asyncio.Event) -> StoredStatus:
        """Renew the hold while the function runs, and return the status as last written."""
        while True:
            try:
                await asyncio.wait_for(ended.wait(), HOLD_RENEWAL_SECONDS)
            except TimeoutError:
                longer = replace(held.status, busy_until=self._now() + HOLD)
                try:
                    held = await self._write(longer, held.version)
                except (StatusConflictError, AzureError):
                    logger.warning("timer %s: its hold is not renewed", self._function.name)
            else:
                return held

    async def _write(self, status: TimerStatus, version: str | None) -> StoredStatus:
        name = self._function.name
        return await self._off_loop(lambda: self._store.write(name, status, version))

    async def _sleep_until(self, moment: datetime | None) -> None:
        """Sleep until the moment, or a while if it is far: a clock may jump, a row may change."""
        seconds = LONGEST_SLEEP_SECONDS
        if moment is not None:
            seconds = min(seconds, (moment - self._now()).total_seconds())
        await self._sleep(max(seconds, 0.001))

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return

    async def _off_loop(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _held(status: TimerStatus, now: datetime) -> bool:
    return status.busy_until is not None and status.busy_until > now
