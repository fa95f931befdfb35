"""A simulator: a vendor's behaviour with the contract checks, faults and log around it."""

from __future__ import annotations

import threading
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.routing import BaseRoute

from local.simulators.common.calls import CallLog, CallRecord
from local.simulators.common.contract import Contract
from local.simulators.common.faults import Fault, FaultRules, Kind
from local.simulators.common.messages import Answer, Call, Json

_KEPT_VIOLATIONS = 1000
_HTML = "<!DOCTYPE html><html><body><h1>Service unavailable</h1></body></html>"
FOREIGN_URL = "https://pages.example.invalid/next"


class Vendor(ABC):
    """What is a vendor's own: who may call, what calls do, how errors and pages look.

    The methods run one at a time under the simulator's lock, so they may change state freely.
    """

    name: str
    base_path: str = ""

    @abstractmethod
    def authenticate(self, call: Call) -> Answer | None:
        """Return the vendor's refusal, or None after setting ``tenant`` and ``principal``."""

    @abstractmethod
    def contract_for(self, call: Call) -> Contract | None:
        """Return the contract this call stands under, or None for calls outside any."""

    @abstractmethod
    def handle(self, call: Call, simulator: Simulator) -> Answer:
        """Do the work of a call that passed its contract. Unknown things answer like the vendor.

        A batch sends its parts through ``simulator.answer_inner``.
        """

    @abstractmethod
    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        """Return an error in the vendor's shape; no message means the vendor's usual one."""

    @abstractmethod
    def kind(self, call: Call, template: str | None) -> str:
        """Return what the log counts this call as, such as ``connectwise.additions.list``."""

    def relinked(self, call: Call, answer: Answer, url: str, *, empty: bool) -> Answer:
        """Return a page with its next link set to ``url``, and without its items when ``empty``.

        The default leaves the answer alone, for vendors that page otherwise.
        """
        del call, url, empty
        return answer

    def first_page_url(self, call: Call) -> str:
        """Return where an empty page's next link leads: to the first page with the items."""
        return call.url()

    @abstractmethod
    def dump_state(self) -> Json:
        """Return the whole state as JSON, as ``load_state`` takes it."""

    @abstractmethod
    def load_state(self, value: Json) -> None:
        """Replace the whole state. Raises ValueError, and then changes nothing."""

    def routes(self, simulator: Simulator) -> Sequence[BaseRoute]:
        """Return the hand pages, ``/`` among them."""
        del simulator
        return []


@dataclass(frozen=True, slots=True)
class Violation:
    """A call or an answer that broke the contract; an answer that did is our own fault."""

    direction: str  # request | response | internal
    method: str
    path: str
    status: int
    problems: list[str]
    at: datetime

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"at": self.at.isoformat()}


def utc_now() -> datetime:
    return datetime.now(UTC)


class Simulator:
    """One vendor, with everything a test may watch or break."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        clock: Callable[[], datetime] = utc_now,
        call_limit: int | None = None,
        check_contracts: bool = True,
    ) -> None:
        """Wrap a vendor.

        Args:
            vendor: The behaviour.
            clock: What "now" is, aware; used for the log.
            call_limit: How many calls the log keeps; all when None.
            check_contracts: False for benchmarks, where the checks would cost more than the calls.
        """
        self.vendor = vendor
        self.faults = FaultRules()
        self.calls = CallLog(call_limit)
        self.latency = 0.0  # seconds that every call of the vendor's API takes
        self.lag_reads = 0  # how many GETs after a write answer what they did before it
        self.check_contracts = check_contracts
        self.lock = threading.RLock()
        self.neighbours: list[Simulator] = []  # mounted in the same application
        self._clock = clock
        self._seen: dict[str, Answer] = {}
        self._older: dict[str, Answer] = {}
        self._older_left = 0
        self._violations: deque[Violation] = deque(maxlen=_KEPT_VIOLATIONS)

    @property
    def violations(self) -> list[Violation]:
        with self.lock:
            return list(self._violations)

    def clear_violations(self) -> None:
        with self.lock:
            self._violations.clear()

    def authenticate(self, call: Call) -> Answer | None:
        with self.lock:
            return self.vendor.authenticate(call)

    def answer(self, call: Call, fault: Fault | None) -> Answer:
        """Return the answer to an authenticated call, the chosen fault included.

        Dropping connections is the caller's business: only it has one.
        """
        with self.lock:
            if fault is not None and fault.kind in _BEFORE_WORK:
                return self._refusal(call, fault)
            answer = self._lagging(call, self._checked_work(call))
            return self._broken(call, answer, fault) if fault is not None else answer

    def answer_inner(self, call: Call) -> Answer | None:
        """Return the answer to a sub-request of a batch; None when a fault makes it go missing."""
        call.inner = True
        refusal = self.authenticate(call)
        fault = None if refusal else self.faults.firing(call).fault
        missing = fault is not None and fault.kind is Kind.BATCH_MISSING
        answer = refusal or (None if missing else self.answer(call, fault))
        self.log(call, answer, outcome="lost" if missing else "answered")
        return answer

    def log(self, call: Call, answer: Answer | None, *, outcome: str = "answered") -> None:
        contract = self.vendor.contract_for(call)
        template = contract.template(call.method, call.full_path) if contract else None
        self.calls.record(
            CallRecord(
                kind=self.vendor.kind(call, template),
                method=call.method,
                path=call.full_path,
                template=template,
                status=answer.status if answer else None,
                at=self._clock(),
                outcome=outcome,
                tenant=call.tenant,
                inner=call.inner,
            )
        )

    def _lagging(self, call: Call, answer: Answer) -> Answer:
        """Return what the same read answered before the last write, while reads lag behind."""
        if not self.lag_reads:
            return answer
        url = call.url()
        if call.method != "GET":
            self._older, self._older_left = dict(self._seen), self.lag_reads
        elif self._older_left and url in self._older:
            self._older_left -= 1
            return self._older[url]
        else:
            self._seen[url] = answer
        return answer

    def _checked_work(self, call: Call) -> Answer:
        contract = self.vendor.contract_for(call) if self.check_contracts else None
        if contract:
            problems = contract.check_request(
                call.method, call.full_path, call.query, call.headers, call.body
            )
            if problems:
                known = contract.template(call.method, call.full_path) is not None
                status = HTTPStatus.BAD_REQUEST if known else HTTPStatus.NOT_FOUND
                self._violated("request", call, status, problems)
                return self.vendor.error(call, status, "; ".join(problems))
        try:
            answer = self.vendor.handle(call, self)
        except Exception:  # noqa: BLE001 - a bug in a simulator must show up as one, not hang a test
            self._violated("internal", call, 500, [traceback.format_exc()])
            return self.vendor.error(call, HTTPStatus.INTERNAL_SERVER_ERROR)
        if contract and not answer.deliberate:
            problems = contract.check_response(
                call.method, call.full_path, answer.status, answer.all_headers, answer.content
            )
            if problems:
                self._violated("response", call, answer.status, problems)
                message = "the simulator's answer broke the contract: " + "; ".join(problems)
                return self.vendor.error(call, HTTPStatus.INTERNAL_SERVER_ERROR, message)
        return answer

    def _violated(self, direction: str, call: Call, status: int, problems: list[str]) -> None:
        self._violations.append(
            Violation(direction, call.method, call.full_path, status, problems, self._clock())
        )

    def _refusal(self, call: Call, fault: Fault) -> Answer:
        if fault.kind is Kind.HTML:
            status = fault.status or HTTPStatus.OK
            return Answer(status, _HTML, content_type="text/html", deliberate=True)
        throttled = fault.kind is Kind.THROTTLE
        usual = HTTPStatus.TOO_MANY_REQUESTS if throttled else HTTPStatus.SERVICE_UNAVAILABLE
        answer = self.vendor.error(call, fault.status or usual, code=fault.code)
        if fault.retry_after is not None:
            answer = answer.with_headers({"Retry-After": str(fault.retry_after)})
        return replace(answer, deliberate=True)

    def _broken(self, call: Call, answer: Answer, fault: Fault) -> Answer:
        if fault.kind is Kind.TRUNCATED:
            half = answer.content[: len(answer.content) // 2]
            broken = replace(answer, body=half)
        elif fault.kind is Kind.EMPTY_PAGE:
            url = self.vendor.first_page_url(call)
            broken = self.vendor.relinked(call, answer, url, empty=True)
        elif fault.kind is Kind.REPEATED_LINK:
            broken = self.vendor.relinked(call, answer, call.url(), empty=False)
        elif fault.kind is Kind.FOREIGN_LINK:
            broken = self.vendor.relinked(call, answer, FOREIGN_URL, empty=False)
        else:
            return answer
        return replace(broken, deliberate=True)


_BEFORE_WORK = frozenset({Kind.STATUS, Kind.THROTTLE, Kind.HTML, Kind.BATCH_STATUS})
