"""Queue triggers: poll, run, renew, retry, and move what keeps failing to the poison queue.

A message that runs is hidden for its *lease*, which is renewed at half time; each renewal
gives a new pop receipt, and only the newest one deletes. A host that is killed leaves its
messages hidden until their lease ends. Message texts are never logged.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.queue import QueueMessage, QueueServiceClient

from local.hosting.converters import queue_message
from local.hosting.functions import Function
from local.hosting.hostjson import QueueOptions
from local.hosting.invoking import Invoker, nothing

logger = logging.getLogger("host")

T = TypeVar("T")

FIRST_DELAY_SECONDS = 0.1
MAX_QUEUE_NAME = 63
POISON_SUFFIX = "-poison"
# Part of the lease after which a renewal that failed is tried again.
RENEWALS_TRIED_AGAIN = 0.1


class UndecodableMessageError(ValueError):
    """A message's text is not Base64 of UTF-8 text."""


class LeaseLostError(Exception):
    """The message is gone, or belongs to someone else now."""


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next look at a queue: growing while it is empty.

    Attributes:
        jitter: Gives a random factor for each wait, so that pollers do not march in step.
    """

    maximum: float
    minimum: float = FIRST_DELAY_SECONDS
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.8, 1.2))  # noqa: S311 - not a secret
    _misses: int = 0

    def reset(self) -> None:
        """Start again from the shortest wait: the queue had something."""
        self._misses = 0

    def next_delay(self) -> float:
        """Return the seconds to wait after finding nothing once more."""
        self._misses += 1
        if self._misses == 1:
            return min(self.minimum, self.maximum)
        growth: float = self.jitter() * 2 ** min(self._misses - 2, 20) * self.minimum
        return min(self.minimum + growth, self.maximum)


def decode_text(content: str, *, base64_encoded: bool) -> str:
    """Return the text of a message.

    Raises:
        UndecodableMessageError: It should be Base64 of UTF-8 and is not.
    """
    if not base64_encoded:
        return content
    try:
        return base64.b64decode(content, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise UndecodableMessageError from error


def encode_text(text: str, *, base64_encoded: bool) -> str:
    """Return the text as it goes into a queue."""
    return base64.b64encode(text.encode()).decode("ascii") if base64_encoded else text


class StoredQueue:
    """One queue of a storage account, called from the loop without blocking it."""

    def __init__(self, service: QueueServiceClient, name: str, executor: Executor) -> None:
        self.name = name
        self._service = service
        self._client = service.get_queue_client(
            name, message_encode_policy=None, message_decode_policy=None
        )
        self._executor = executor

    async def receive(self, count: int, lease_seconds: float) -> list[QueueMessage]:
        """Return up to that many messages, hidden for the lease; none if there is no queue."""

        def receive() -> list[QueueMessage]:
            return list(
                self._client.receive_messages(
                    messages_per_page=count,
                    max_messages=count,
                    visibility_timeout=round(lease_seconds),
                )
            )

        try:
            return await self._off_loop(receive)
        except ResourceNotFoundError:
            return []

    async def hide(self, message: QueueMessage, receipt: str, seconds: float) -> str:
        """Set for how long the message stays hidden, from now, and return its new receipt.

        Raises:
            LeaseLostError: The receipt is not the newest one, or the message is gone.
        """

        def update() -> str:
            updated = self._client.update_message(
                message.id, receipt, visibility_timeout=round(seconds)
            )
            return str(updated.pop_receipt)

        return await self._with_receipt(update)

    async def delete(self, message: QueueMessage, receipt: str) -> None:
        """Delete the message.

        Raises:
            LeaseLostError: The receipt is not the newest one, or the message is gone.
        """
        await self._with_receipt(lambda: self._client.delete_message(message.id, receipt))

    async def put(self, content: str) -> None:
        """Add a message as it is, and create the queue when it is missing."""

        def put() -> None:
            try:
                self._client.send_message(content)
            except ResourceNotFoundError:
                with contextlib.suppress(ResourceExistsError):  # another message's first write
                    self._client.create_queue()
                self._client.send_message(content)

        await self._off_loop(put)

    def poison(self) -> "StoredQueue | None":
        """Return the queue for messages that keep failing, or None where the host has none."""
        name = f"{self.name}{POISON_SUFFIX}"
        if self.name.endswith(POISON_SUFFIX) or len(name) > MAX_QUEUE_NAME:
            return None
        return StoredQueue(self._service, name, self._executor)

    async def _with_receipt(self, call: Callable[[], T]) -> T:
        try:
            return await self._off_loop(call)
        except HttpResponseError as error:
            if error.status_code in {400, 404}:
                raise LeaseLostError from error
            raise

    async def _off_loop(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


@dataclass(slots=True)
class Lease:
    """The hold on a message that runs: its newest receipt."""

    receipt: str


class QueueListener:
    """Runs one function for the messages of its queue."""

    def __init__(
        self,
        function: Function,
        queue: StoredQueue,
        invoker: Invoker,
        options: QueueOptions,
        *,
        poison_written: Callable[[str], None] = lambda _queue: None,
    ) -> None:
        """Take the function and its queue.

        Args:
            poison_written: Told the name of a poison queue after something went there.
        """
        self._function = function
        self._queue = queue
        self._poison = queue.poison()
        self._invoker = invoker
        self._options = options
        self._poison_written = poison_written
        self._backoff = Backoff(options.max_polling_seconds)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._stopping = False
        self._reachable = True

    @property
    def queue_name(self) -> str:
        return self._queue.name

    def wake(self) -> None:
        """Look at the queue now: something was put there."""
        self._backoff.reset()
        self._awake.set()

    def stop(self) -> None:
        """Receive nothing more. What runs goes on; :meth:`run` returns when it has ended."""
        self._stopping = True
        self._awake.set()

    async def run(self) -> None:
        """Poll until stopped, then wait for the messages that run."""
        while not self._stopping:
            if len(self._in_flight) > self._options.new_batch_threshold:
                await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
                continue
            messages = await self._receive()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._in_flight.add(task)
                task.add_done_callback(self._in_flight.discard)
            if messages:
                self._backoff.reset()
            else:
                await _within(self._awake, self._backoff.next_delay())
        if self._in_flight:
            await asyncio.wait(self._in_flight)

    async def _receive(self) -> Sequence[QueueMessage]:
        self._awake.clear()
        if self._stopping:
            return []
        try:
            messages = await self._queue.receive(
                self._options.batch_size, self._options.lease_seconds
            )
        except AzureError as error:
            if self._reachable:
                logger.warning("cannot read queue %s: %s", self._queue.name, _cause(error))
            self._reachable = False
            return []
        if not self._reachable:
            logger.info("queue %s can be read again", self._queue.name)
        self._reachable = True
        return messages

    async def _process(self, message: QueueMessage) -> None:
        lease = Lease(str(message.pop_receipt))
        ended = asyncio.Event()
        renewal = asyncio.create_task(self._renew(message, lease, ended))
        try:
            settle = await self._attempt(message)
        finally:
            # Not cancelled: a renewal on its way still gives the receipt that counts.
            ended.set()
            await asyncio.wait([renewal])
        try:
            await settle(message, lease.receipt)
        except LeaseLostError:
            logger.warning("message %s of %s belongs to another", message.id, self._queue.name)
        except AzureError as error:
            logger.error(  # noqa: TRY400 - the cause is named; a traceback could hold the message
                "cannot settle message %s of %s: %s; it comes back when its lease ends",
                message.id,
                self._queue.name,
                _cause(error),
            )

    async def _attempt(
        self, message: QueueMessage
    ) -> Callable[[QueueMessage, str], Awaitable[None]]:
        """Run the function for the message, and return what to do with the message then."""
        count = int(message.dequeue_count or 0)
        if count > self._options.max_dequeue_count:
            return self._move_to_poison
        try:
            text = decode_text(str(message.content), base64_encoded=self._options.base64)
        except UndecodableMessageError:
            logger.error(  # noqa: TRY400 - the traceback would hold the message
                "message %s of %s is not Base64 text and goes to poison as it is",
                message.id,
                self._queue.name,
            )
            return self._move_to_poison
        argument = text if self._function.as_text else queue_message(text, _metadata(message))
        try:
            await self._invoker.invoke(
                self._function,
                argument,
                reason=f"message {message.id} of {self._queue.name}, delivery {count}",
                convert=nothing,
            )
        except Exception:  # noqa: BLE001 - the invoker has logged it; the message decides what is next
            if count >= self._options.max_dequeue_count:
                return self._move_to_poison
            return self._give_back
        return self._queue.delete

    async def _give_back(self, message: QueueMessage, receipt: str) -> None:
        await self._queue.hide(message, receipt, self._options.visibility_seconds)

    async def _move_to_poison(self, message: QueueMessage, receipt: str) -> None:
        if self._poison is None:
            logger.error(
                "message %s of %s stays hidden: no poison queue", message.id, self.queue_name
            )
            return
        await self._poison.put(str(message.content))
        logger.error("message %s of %s went to poison", message.id, self._queue.name)
        self._poison_written(self._poison.name)
        await self._queue.delete(message, receipt)

    async def _renew(self, message: QueueMessage, lease: Lease, ended: asyncio.Event) -> None:
        delay = self._options.lease_seconds / 2
        while not await _within(ended, delay):
            try:
                lease.receipt = await self._queue.hide(
                    message, lease.receipt, self._options.lease_seconds
                )
                delay = self._options.lease_seconds / 2
            except LeaseLostError:
                logger.warning("lost message %s of %s while it ran", message.id, self._queue.name)
                return
            except AzureError as error:
                logger.warning("cannot renew message %s: %s", message.id, _cause(error))
                delay = self._options.lease_seconds * RENEWALS_TRIED_AGAIN


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Return whether the event came within that time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _metadata(message: QueueMessage) -> dict[str, object]:
    times = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    return {
        "Id": str(message.id),
        "PopReceipt": str(message.pop_receipt),
        "DequeueCount": int(message.dequeue_count or 0),
        **{name: _iso(moment) for name, moment in times.items() if moment is not None},
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _cause(error: AzureError) -> str:
    status = getattr(error, "status_code", None)
    return f"{type(error).__name__} {status}" if status else type(error).__name__
