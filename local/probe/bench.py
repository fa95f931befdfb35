"""Where questions are asked: one agreement, one product, and the app's own gateway to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from shared.domain.agreements import (
    MARKER_PREFIX,
    Agreement,
    AgreementLine,
    CreateLine,
    LineKind,
    Operation,
    Product,
    RemoveLine,
)
from shared.domain.errors import (
    ConflictError,
    RateLimitError,
    RequestRefusedError,
    UnknownOutcomeError,
)
from shared.domain.mappings import Billable
from shared.domain.periods import Cycle
from shared.ports import PsaGateway

MARK = f"{MARKER_PREFIX}PROBE"
"""What the marks of all lines of the probe begin with."""
TEXT = "Seatsync probe"
"""Their text, by which they are known where a PSA does not keep the mark."""
LONGEST_LAG = 60.0
"""How many seconds to look for what was written."""
LOOK_EVERY = 1.0
_MOST_WAITS = 3

Lines = Sequence[AgreementLine]
_T = TypeVar("_T")


class ProbeError(Exception):
    """The probe cannot go on; the message says why."""


class Answer(Enum):
    """What came out."""

    YES = "yes"
    NO = "no"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Finding:
    """A question and its answer.

    Attributes:
        detail: What was seen.
        advice: What follows: the setting that may be turned on, or that there is none.
    """

    question: str
    answer: Answer
    detail: str
    advice: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a write went.

    Attributes:
        done: It was taken, and shows; ``None`` when it never showed.
        reason: Why not, in the PSA's words.
    """

    done: bool | None
    reason: str = ""

    @property
    def answer(self) -> Answer:
        """The answer to whether the PSA takes it."""
        return Answer.OPEN if self.done is None else Answer.YES if self.done else Answer.NO


@dataclass
class Bench:
    """One probing.

    Attributes:
        connection: The PSA connection's name, for the names of settings.
        header: The agreement.
        today: Of the PSA's time zone.
        sleep, monotonic: How to wait, and what the time is, in seconds.
        findings: The answers so far.
        left: What could not be undone, for a person.
    """

    gateway: PsaGateway
    connection: str
    header: Agreement
    product: Product
    today: date
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    findings: list[Finding] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    _longest: float = 0.0
    _late: list[str] = field(default_factory=list)

    @property
    def cycle(self) -> Cycle:
        """The agreement's periods; one without them is not probed."""
        if self.header.cycle is None:
            raise ProbeError("the agreement's billing periods are not known")
        return self.header.cycle

    @property
    def first(self) -> date:
        """First day that no invoice has seen: what is written there can still be undone."""
        return self.header.first_uninvoiced or self.today

    def setting(self, name: str, value: str) -> str:
        """Return a setting of the connection as the environment has it."""
        return f"PSA__{self.connection}__{name}={value}"

    def lines(self) -> Lines:
        """Return all lines of the agreement."""
        return self._patiently(lambda: self.gateway.list_lines(self.header.agreement_id))

    def own(self) -> list[AgreementLine]:
        """Return the probe's own lines."""
        return [one for one in self.lines() if is_own(one)]

    def marked(self, mark: str) -> AgreementLine | None:
        """Return the line with this mark."""
        return next((one for one in self.lines() if one.marker == mark), None)

    def new_line(
        self,
        serial: int,
        quantity: int,
        starts: date,
        ends: date | None = None,
        price: Decimal | None = None,
    ) -> CreateLine:
        """Return the operation that adds a line of the probe."""
        return CreateLine(
            agreement_id=self.header.agreement_id,
            marker=mark(serial),
            kind=LineKind.STANDING if ends is None else LineKind.DATED,
            product_id=self.product.product_id,
            quantity=quantity,
            starts=starts,
            ends=ends,
            unit_price=price,
            description=TEXT,
            billable=Billable.BILLABLE,
        )

    def attempt(self, operation: Operation, shows: Callable[[Lines], bool]) -> Outcome:
        """Write once, and look until it shows.

        Raises:
            ProbeError: The PSA cannot be reached.
        """
        began = self.monotonic()
        late = False
        try:
            self._patiently(lambda: self.gateway.execute(operation))
        except (RequestRefusedError, ConflictError) as error:
            return Outcome(done=False, reason=str(error))
        except UnknownOutcomeError as error:
            if isinstance(error.__cause__, RequestRefusedError | ConflictError):
                return Outcome(done=False, reason=str(error.__cause__))
            late = True
        return self.watched(type(operation).__name__, shows, began=began, late=late)

    def remove(self, line: AgreementLine) -> Outcome:
        """Remove a line, and look until it is gone."""

        def is_gone(lines: Lines) -> bool:
            return all(one.line_id != line.line_id for one in lines)

        return self.attempt(RemoveLine(line.agreement_id, line.line_id), is_gone)

    def watched(
        self, what: str, shows: Callable[[Lines], bool], *, began: float, late: bool = False
    ) -> Outcome:
        """Look until something that was sent shows, and remember how long that took."""
        while not shows(self.lines()):
            late = True
            if self.monotonic() - began > LONGEST_LAG:
                self._late.append(what)
                return Outcome(done=None, reason=f"not to be seen after {LONGEST_LAG:.0f} s")
            self.sleep(LOOK_EVERY)
        self._longest = max(self._longest, self.monotonic() - began)
        if late:
            self._late.append(what)
        return Outcome(done=True)

    def found(self, question: str, answer: Answer, detail: str, advice: str) -> None:
        """Keep an answer."""
        self.findings.append(Finding(question, answer, detail, advice))

    def tell_lag(self) -> None:
        """Keep how late reads showed what was written."""
        self.found(
            "Does a write show by the time Seatsync looks?",
            Answer.NO if self._late else Answer.YES,
            f"within {self._longest:.1f} s"
            + (f"; late: {', '.join(dict.fromkeys(self._late))}" if self._late else ""),
            "no setting; late writes stay open, and are looked at again before anything is sent"
            if self._late
            else "nothing to set",
        )

    def _patiently(self, call: Callable[[], _T]) -> _T:
        """Call again when the PSA asks to wait; nothing has been done then."""
        for _ in range(_MOST_WAITS):
            try:
                return call()
            except RateLimitError as error:
                self.sleep(error.retry_after.total_seconds())
        return call()


def mark(serial: int) -> str:
    """Return the mark of one of the probe's lines."""
    return f"{MARK}-{serial}"


def is_own(line: AgreementLine) -> bool:
    """Return whether the probe made the line."""
    return (line.marker or "").startswith(MARK) or line.description == TEXT
