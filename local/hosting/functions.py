"""What the local host knows of a function: its trigger, its parameters, its outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """A function that answers HTTP requests. No methods means every method."""

    route: str
    methods: frozenset[str]
    auth_level: str


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """A function that runs for each message of a queue.

    Attributes:
        connection: Name of the setting that says which storage account.
    """

    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """A function that runs by a schedule.

    Attributes:
        schedule: An NCRONTAB expression or a time span, ``%SETTING%`` already resolved.
        use_monitor: Whether its status is kept, so that a missed run is made up for.
    """

    schedule: str
    run_on_startup: bool
    use_monitor: bool


Trigger = HttpTrigger | QueueTrigger | TimerTrigger


@dataclass(frozen=True, slots=True)
class QueueOutput:
    """A queue that a function writes to through a parameter or its return value."""

    parameter: str
    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app.

    Attributes:
        parameter: Name of the parameter that takes the trigger's data.
        as_text: Whether that parameter wants the bare text of a queue message.
        returns_value: Whether the function has a ``$return`` binding.
        wants_context: Whether it takes the invocation's ``context``.
    """

    name: str
    call: Callable[..., Any]
    is_async: bool
    trigger: Trigger
    parameter: str
    as_text: bool
    outputs: tuple[QueueOutput, ...]
    returns_value: bool
    wants_context: bool
    directory: str
