"""Errors, grouped by what the caller should do next.

SeatsyncError
├── RetryableError              nothing was changed; the same work may run again
│   ├── RateLimitError          an API asked to wait; the PSA or that tenant pauses
│   ├── UpstreamUnavailableError
│   ├── ConnectionPausedError   the connection is paused or its circuit is open
│   ├── LeaseTakenError         another worker is at this line group
│   ├── OutcomeInDoubtError     an interrupted write may not show yet
│   └── StaleVersionError       somebody saved the entity first
├── UnknownOutcomeError         a write may have happened; read before writing again
└── OperatorActionError         running again cannot help; show it to a person
    ├── AccessDeniedError
    ├── RequestRefusedError
    ├── UnexpectedPayloadError
    ├── InvalidPeriodError
    ├── InvalidInputError       names the field
    ├── NotFoundError
    ├── ConflictError           the request contradicts what is stored
    ├── OwnedLinesError         names the lines that somebody has to decide about
    ├── BadMessageError         a queue message nobody can work on
    └── SettingsError           names every setting at fault

Messages hold the facts that let a person act, never a body, a token or a user's name.
"""

from datetime import timedelta


class SeatsyncError(Exception):
    """Something Seatsync could not do."""


class RetryableError(SeatsyncError):
    """Nothing was changed; the same work may run again."""


class RateLimitError(RetryableError):
    """An API refused the call before doing any work.

    Attributes:
        connection: The connection that said so, for people: a Microsoft one and a PSA may have
            one name.
        retry_after: How long the API asked us to wait.
    """

    def __init__(self, connection: str, retry_after: timedelta) -> None:
        self.connection = connection
        self.retry_after = retry_after
        super().__init__(f"{connection} asked us to wait {retry_after.total_seconds():.0f} s")


class UpstreamUnavailableError(RetryableError):
    """A read failed for a reason that may pass: no connection, a time-out, a 5xx answer.

    Attributes:
        connection: The connection that failed.
    """

    def __init__(self, connection: str, message: str) -> None:
        self.connection = connection
        super().__init__(f"{connection}: {message}")


class ConnectionPausedError(RetryableError):
    """The connection is paused for all workers.

    Attributes:
        retry_after: How long the pause still lasts.
    """

    def __init__(self, connection: str, retry_after: timedelta) -> None:
        self.connection = connection
        self.retry_after = retry_after
        super().__init__(f"{connection} is paused for {retry_after.total_seconds():.0f} s")


class LeaseTakenError(RetryableError):
    """Another worker holds the lease of this line group.

    Attributes:
        retry_after: When the lease ends unless it is renewed.
    """

    def __init__(self, name: str, retry_after: timedelta) -> None:
        self.retry_after = retry_after
        super().__init__(f"another worker holds the lease of {name}")


class OutcomeInDoubtError(RetryableError):
    """An interrupted write does not show, and may still come to: it is too early to send it again.

    Attributes:
        retry_after: When that time is over.
    """

    def __init__(self, name: str, retry_after: timedelta) -> None:
        self.retry_after = retry_after
        super().__init__(f"waiting to see what became of an interrupted write to {name}")


class StaleVersionError(RetryableError):
    """Somebody saved the entity after it was read."""


class UnknownOutcomeError(SeatsyncError):
    """A write was sent and its answer was lost; it may have happened."""


class OperatorActionError(SeatsyncError):
    """Running again cannot help; a person has to act."""


class AccessDeniedError(OperatorActionError):
    """An API refused us: sign-in failed or a permission is missing.

    Attributes:
        remedy: What the person should grant or renew.
        everywhere: Whether the whole connection is let in nowhere, and not one tenant only.
    """

    def __init__(self, message: str, remedy: str, *, everywhere: bool = False) -> None:
        self.remedy = remedy
        self.everywhere = everywhere
        super().__init__(message)

    @property
    def in_full(self) -> str:
        """What happened, and what to do about it."""
        return f"{str(self).rstrip('.')}. {self.remedy}"


class RequestRefusedError(OperatorActionError):
    """An API understood the request and refused it."""


class UnexpectedPayloadError(OperatorActionError):
    """An API answered something else than its contract says; the message names the field."""


class InvalidPeriodError(OperatorActionError):
    """A date lies outside the billing period it was used with, or a period is empty."""


class InvalidInputError(OperatorActionError):
    """A value given by a person cannot be used.

    Attributes:
        errors: Reasons by field name.
    """

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in errors.items()))


class NotFoundError(OperatorActionError):
    """What the request names is not there."""


class ConflictError(OperatorActionError):
    """The request contradicts what is stored."""


class OwnedLinesError(OperatorActionError):
    """Lines of ours are in the way, and nobody said what becomes of them.

    Attributes:
        lines: Which they are, as dataclasses.
    """

    def __init__(self, message: str, lines: tuple[object, ...]) -> None:
        self.lines = lines
        super().__init__(message)


class BadMessageError(OperatorActionError):
    """A queue message that cannot be worked on, whoever tries."""


class SettingsError(OperatorActionError):
    """Settings are missing or wrong; the message names every one of them."""
