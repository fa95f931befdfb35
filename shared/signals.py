"""What the app tells of itself: spans, numbers and log events, each with its fields.

docs/telemetry.md explains every one, and what to do with it; a test compares the two. A field is
an id of ours, a name from the settings, a kind, a count or a time: never a person's name or
address, a secret, an address of a vendor, or its words.
"""

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Signal:
    """Anything that is told."""

    NAME: ClassVar[str]

    @property
    def fields(self) -> dict[str, Value]:
        """The fields that have a value."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in found.items() if value is not None}


# Spans -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span(Signal):
    """Work that takes time, within other work; fields in braces of its name are put there."""

    @property
    def title(self) -> str:
        """What it is called where it is looked at."""
        return self.NAME.format_map(self.fields)

    @property
    def failed(self) -> bool:
        """Whether its own fields say that it failed; an error inside the block says it too."""
        return False


@dataclass(frozen=True, slots=True)
class FunctionCalled(Span):
    """One invocation of a function."""

    NAME = "function {function}"
    function: str
    trigger: Literal["http", "queue", "timer"]
    run_id: str | None = None
    delivery: int | None = None


@dataclass(frozen=True, slots=True)
class RunStarting(Span):
    """Reading what a run needs once, and queueing its customers."""

    NAME = "run.start"
    run_id: str
    reason: str
    customers: int


@dataclass(frozen=True, slots=True)
class TenantReading(Span):
    """Reading and counting one tenant."""

    NAME = "tenant.read"
    run_id: str
    tenant_id: str
    microsoft: str


@dataclass(frozen=True, slots=True)
class CustomerPlanning(Span):
    """Planning all line groups of one customer."""

    NAME = "customer.plan"
    run_id: str
    customer_id: str
    psa: str


@dataclass(frozen=True, slots=True)
class GroupWriting(Span):
    """Writing one line group: the intent, the operations, the books."""

    NAME = "group.write"
    run_id: str
    customer_id: str
    group_id: str
    psa: str
    operations: int


@dataclass(frozen=True, slots=True)
class GroupRecovering(Span):
    """Finishing or forgetting what an earlier delivery began."""

    NAME = "group.recover"
    run_id: str
    customer_id: str
    group_id: str
    psa: str


Outcome = Literal["ok", "refused", "throttled", "broken", "no_answer"]


@dataclass(frozen=True, slots=True)
class ApiCalled(Span):
    """One try of one call to a vendor's API.

    Attributes:
        connection: What the settings call it.
        kind: What is asked, as ``connectwise.additions.patch``; its first part is the vendor.
        status: The HTTP status; ``None`` when no answer came.
        attempt: 1 for the first try of the call.
    """

    NAME = "call {kind}"
    connection: str
    kind: str
    method: str
    status: int | None
    attempt: int

    @property
    def vendor(self) -> str:
        """Whose API it is."""
        return self.kind.partition(".")[0]

    @property
    def outcome(self) -> Outcome:
        """How it went, in few words to count by."""
        if self.status is None:
            return "no_answer"
        if self.status == 429:  # noqa: PLR2004 - HTTP's own number
            return "throttled"
        if self.status >= 500:  # noqa: PLR2004 - HTTP's own number
            return "broken"
        return "ok" if self.status < 400 else "refused"  # noqa: PLR2004 - HTTP's own number

    @property
    def failed(self) -> bool:
        return self.outcome != "ok"


# Numbers -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Metric(Signal):
    """A number; what is not its value is what it can be told apart by.

    Attributes:
        UNIT: As OpenTelemetry writes units: ``s``, or what is counted in braces.
        SORT: A counter adds up, a gauge is what it was last, a histogram is every value.
    """

    UNIT: ClassVar[str]
    SORT: ClassVar[Literal["counter", "gauge", "histogram"]]
    value: float

    @property
    def dimensions(self) -> dict[str, Value]:
        """The fields without the value."""
        return {name: value for name, value in self.fields.items() if name != "value"}


@dataclass(frozen=True, slots=True)
class Seats(Metric):
    """Seats on all standing lines, when a run over all customers is closed."""

    NAME = "seatsync.seats"
    UNIT = "{seat}"
    SORT = "gauge"


@dataclass(frozen=True, slots=True)
class ChangesWritten(Metric):
    """Changes written to a PSA."""

    NAME = "seatsync.changes"
    UNIT = "{change}"
    SORT = "counter"
    psa: str


@dataclass(frozen=True, slots=True)
class Holds(Metric):
    """Plans put before a person for the first time."""

    NAME = "seatsync.holds"
    UNIT = "{hold}"
    SORT = "counter"
    reason: str


@dataclass(frozen=True, slots=True)
class Calls(Metric):
    """Calls to vendors' APIs, every try."""

    NAME = "seatsync.calls"
    UNIT = "{call}"
    SORT = "counter"
    connection: str
    vendor: str
    kind: str
    outcome: str


@dataclass(frozen=True, slots=True)
class CallTime(Metric):
    """How long vendors' APIs take to answer."""

    NAME = "seatsync.call_time"
    UNIT = "s"
    SORT = "histogram"
    connection: str
    vendor: str
    kind: str


@dataclass(frozen=True, slots=True)
class Pauses(Metric):
    """Times that a connection, or a tenant behind one, asked to wait."""

    NAME = "seatsync.pauses"
    UNIT = "{pause}"
    SORT = "counter"
    connection: str


@dataclass(frozen=True, slots=True)
class CycleTime(Metric):
    """From the start of a run to its last item."""

    NAME = "seatsync.cycle_time"
    UNIT = "s"
    SORT = "histogram"
    reason: str


@dataclass(frozen=True, slots=True)
class QueueAge(Metric):
    """From a message's creation to the beginning of its handling."""

    NAME = "seatsync.queue_age"
    UNIT = "s"
    SORT = "histogram"
    queue: str
    put_back: bool


@dataclass(frozen=True, slots=True)
class FailedItems(Metric):
    """Items of runs that failed."""

    NAME = "seatsync.failed_items"
    UNIT = "{item}"
    SORT = "counter"
    item: Literal["tenant", "group"]


# Log events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event(Signal):
    """Something that happened, as one line of the log; fields in braces of its text are put there.

    A field that may be missing is not in the text.
    """

    LEVEL: ClassVar[Literal["info", "warning", "error"]]
    TEXT: ClassVar[str]

    @property
    def text(self) -> str:
        """The line."""
        return self.TEXT.format_map(self.fields)


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run was opened, and its customers queued."""

    NAME = "run_started"
    LEVEL = "info"
    TEXT = "run {run_id} started: {reason}, {customers} customers"
    run_id: str
    reason: str
    customers: int


@dataclass(frozen=True, slots=True)
class RunClosed(Event):
    """All items of a run are done."""

    NAME = "run_closed"
    LEVEL = "info"
    TEXT = (
        "run {run_id} closed after {seconds:.0f} s: {changed} changed, {unchanged} unchanged, "
        "{held} held, {blocked} blocked, {failed} failed"
    )
    run_id: str
    reason: str
    state: str
    seconds: float
    changed: int
    unchanged: int
    held: int
    blocked: int
    failed: int


@dataclass(frozen=True, slots=True)
class RunStopped(Event):
    """A run was stopped because much more would change than usual."""

    NAME = "run_stopped"
    LEVEL = "warning"
    TEXT = "run {run_id} stopped: {changing} lines would change, {emptied} customers fall to 0"
    run_id: str
    changing: int
    emptied: int


@dataclass(frozen=True, slots=True)
class ChangeWritten(Event):
    """A change is in the PSA, in the ledger and in the history."""

    NAME = "change_written"
    LEVEL = "info"
    TEXT = "run {run_id}: group {group_id} of {customer_id} written, {operations} operations"
    run_id: str
    customer_id: str
    group_id: str
    psa: str
    operations: int
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class PlanHeld(Event):
    """A plan was put before a person for the first time."""

    NAME = "plan_held"
    LEVEL = "info"
    TEXT = "run {run_id}: group {group_id} of {customer_id} is held: {reasons}"
    run_id: str
    customer_id: str
    group_id: str
    reasons: str


@dataclass(frozen=True, slots=True)
class ItemFailed(Event):
    """An item of a run failed; the Runs page says why, in words."""

    NAME = "item_failed"
    LEVEL = "warning"
    TEXT = "run {run_id}: an item of {customer_id} failed"
    run_id: str
    customer_id: str
    group_id: str | None


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """A connection, or a tenant behind one, asked to wait; all workers do."""

    NAME = "paused"
    LEVEL = "warning"
    TEXT = "{connection} is paused for {seconds:.0f} s"
    connection: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MessageDone(Event):
    """A queue message was worked off, or put back to wait."""

    NAME = "message_done"
    LEVEL = "info"
    TEXT = "{queue}: run {run_id}: done on delivery {delivery}"
    queue: str
    run_id: str
    delivery: int


@dataclass(frozen=True, slots=True)
class MessageFailed(Event):
    """A delivery of a queue message failed; the host delivers it again."""

    NAME = "message_failed"
    LEVEL = "warning"
    TEXT = "{queue}: run {run_id}: delivery {delivery} failed: {error}"
    queue: str
    run_id: str
    delivery: int
    error: str


@dataclass(frozen=True, slots=True)
class MessageGivenUp(Event):
    """A queue message failed for good: its items are failed, and a person is told."""

    NAME = "message_given_up"
    LEVEL = "error"
    TEXT = "{queue}: run {run_id}: given up"
    queue: str
    run_id: str


@dataclass(frozen=True, slots=True)
class MessageUnreadable(Event):
    """A queue message cannot be read; it is kept in a run of its own."""

    NAME = "message_unreadable"
    LEVEL = "error"
    TEXT = "{queue}: a message cannot be read; it is kept in a run of its own"
    queue: str


@dataclass(frozen=True, slots=True)
class TroubleNotNoted(Event):
    """Why a message waits could not be noted on its items."""

    NAME = "trouble_not_noted"
    LEVEL = "warning"
    TEXT = "run {run_id}: its trouble could not be noted: {error}"
    run_id: str
    error: str


@dataclass(frozen=True, slots=True)
class Fault(Event):
    """A fault of ours: what it was and where, without its words, which may quote anything."""

    NAME = "fault"
    LEVEL = "error"
    TEXT = "{function} failed: {error}\n{where}"
    function: str
    error: str
    where: str


@dataclass(frozen=True, slots=True)
class DigestsSent(Event):
    """Messages about alerts were sent."""

    NAME = "digests_sent"
    LEVEL = "info"
    TEXT = "{messages} messages about alerts sent"
    messages: int


@dataclass(frozen=True, slots=True)
class Pruned(Event):
    """What is older than the settings keep was removed."""

    NAME = "pruned"
    LEVEL = "info"
    TEXT = (
        "removed {runs} runs, {changes} changes, {points} points of trends, {pauses} pauses and "
        "{closed} alerts and decisions"
    )
    runs: int
    changes: int
    points: int
    pauses: int
    closed: int


@dataclass(frozen=True, slots=True)
class TelemetryOff(Event):
    """Telemetry could not be set up; the app works without it."""

    NAME = "telemetry_off"
    LEVEL = "error"
    TEXT = "telemetry could not be set up and is left out: {error}"
    error: str


SPANS: tuple[type[Span], ...] = (
    FunctionCalled,
    RunStarting,
    TenantReading,
    CustomerPlanning,
    GroupRecovering,
    GroupWriting,
    ApiCalled,
)
METRICS: tuple[type[Metric], ...] = (
    Seats,
    ChangesWritten,
    Holds,
    Calls,
    CallTime,
    Pauses,
    CycleTime,
    QueueAge,
    FailedItems,
)
EVENTS: tuple[type[Event], ...] = (
    RunStarted,
    RunClosed,
    RunStopped,
    ChangeWritten,
    PlanHeld,
    ItemFailed,
    Paused,
    MessageDone,
    MessageFailed,
    MessageGivenUp,
    MessageUnreadable,
    TroubleNotNoted,
    Fault,
    DigestsSent,
    Pruned,
    TelemetryOff,
)
