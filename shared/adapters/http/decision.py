"""What a failed call means: may it be sent again, and which error is it? All pure.

The first question decides both: a call that certainly changed nothing may run again
(``RetryableError``); a write that may have happened is an ``UnknownOutcomeError``, and somebody
reads before anybody writes again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.exact_json import Json

QUERY = "QUERY"
"""The method of a POST that only reads, such as Graph's ``$batch`` of GETs."""

READS = frozenset({"GET", "HEAD", "OPTIONS", QUERY})
DEFAULT_WAIT = timedelta(seconds=30)
SHORTEST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_TEXT = 200
TRIES = 2  # of a read whose connection failed

_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not a success.

    Attributes:
        text: The vendor's own short words, made safe to show; empty when it gave none.
        retry_after: How long the answer asks us to wait; ``None`` when it does not say.
        body: The parsed body for an adapter to look at, never to show; ``None`` without JSON.
    """

    status: int
    text: str = ""
    retry_after: timedelta | None = None
    body: Json = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The connection failed.

    Attributes:
        sent: The request may have reached the API; ``False`` only when it certainly did not.
        reason: What happened, as the name of the error.
    """

    sent: bool
    timed_out: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """A success whose body cannot be read: HTML, half a document, nothing at all."""

    status: int
    reason: str


Failure = Refusal | NoAnswer | Garbled


@dataclass(frozen=True, slots=True)
class Sent:
    """A call, as its errors name it.

    Attributes:
        method: ``QUERY`` for a POST that only reads.
        path: Without the query, which may hold names.
        request_id: What the vendor's support asks for; empty when the API has no such thing.
    """

    connection: str
    method: str
    path: str
    request_id: str = ""

    def __str__(self) -> str:
        method = "POST" if self.method == QUERY else self.method
        return f"{self.connection}: {method} {self.path}"


def changed_nothing(method: str, failure: Failure) -> bool:
    """Return whether the failed call certainly did no work upstream.

    A write did no work when the API refused it (4xx, 429 among them) or when it never left this
    machine. A 503 proves nothing: a proxy may send it after the API has done the work. Nor does a
    408, nor a redirect.
    """
    if method in READS:
        return True
    if isinstance(failure, Refusal):
        status = failure.status
        maybe_late = status == HTTPStatus.REQUEST_TIMEOUT
        return (
            HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and not maybe_late
        )
    return isinstance(failure, NoAnswer) and not failure.sent


def may_repeat_now(method: str, failure: Failure, tries: int) -> bool:
    """Return whether to send the call once more, at once, after so many tries.

    Only when the connection failed, as a kept one does that the API has closed meanwhile. Nothing
    is repeated after a time-out: the next one would take as long.
    """
    return (
        tries < TRIES
        and isinstance(failure, NoAnswer)
        and not failure.timed_out
        and changed_nothing(method, failure)
    )


def error_for(sent: Sent, failure: Failure, remedy: str) -> SeatsyncError:
    """Return the error that a failure is.

    Args:
        remedy: What a person should do when the API does not let us in.
    """
    if isinstance(failure, Refusal):
        return _refused(sent, failure, remedy)
    reason = failure.reason
    if isinstance(failure, Garbled):
        message = f"{sent}: {failure.status}, but {reason}{_reference(sent)}"
        if changed_nothing(sent.method, failure):
            return UnexpectedPayloadError(message)
        return UnknownOutcomeError(message)
    if changed_nothing(sent.method, failure):
        return _unavailable(sent, reason)
    return UnknownOutcomeError(f"{sent}: {reason}{_reference(sent)}")


def wait_asked(value: str | None, now: datetime) -> timedelta | None:
    """Return how long a ``Retry-After`` header asks to wait, from 1 second to 1 hour.

    Seconds and HTTP dates are understood; ``None`` for a missing header and for anything else.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return _bounded(timedelta(seconds=float(Decimal(text))))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _bounded(moment - now)


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header whatever its case, or ``None``."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), None)


def safe_text(text: object) -> str:
    """Return an API's own words on one line of at most 200 characters; other things are empty."""
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


def _refused(sent: Sent, failure: Refusal, remedy: str) -> SeatsyncError:
    said = f": {failure.text}" if failure.text else ""
    message = f"{sent}: {failure.status}{said}{_reference(sent)}"
    status = failure.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitError(sent.connection, failure.retry_after or DEFAULT_WAIT)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return AccessDeniedError(message, remedy)
    if not changed_nothing(sent.method, failure):
        return UnknownOutcomeError(message)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return _unavailable(sent, f"{status}{said}")
    if status < HTTPStatus.BAD_REQUEST:
        return UnexpectedPayloadError(message)
    return RequestRefusedError(message)


def _unavailable(sent: Sent, reason: str) -> UpstreamUnavailableError:
    what = str(sent).removeprefix(f"{sent.connection}: ")
    return UpstreamUnavailableError(sent.connection, f"{what}: {reason}{_reference(sent)}")


def _reference(sent: Sent) -> str:
    return f" (request {sent.request_id})" if sent.request_id else ""


def _bounded(wait: timedelta) -> timedelta:
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)
