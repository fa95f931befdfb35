"""Fault switches: rules that make a simulator slow, rude or broken on chosen calls."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from local.simulators.common.messages import Call, Json


class Kind(StrEnum):
    """What a rule does to a call."""

    LATENCY = "latency"  # answers after `seconds`; other rules still apply
    STATUS = "status"  # answers `status` in the vendor's shape, before any work
    THROTTLE = "throttle"  # 429, with Retry-After when `retry_after` is given
    HTML = "html"  # an HTML page with `status` (200 unless given) where JSON belongs
    DROP = "drop"  # closes the connection before any work
    LOST_ANSWER = "lost_answer"  # does the work, then closes the connection
    TRUNCATED = "truncated"  # does the work, sends half of the body
    EMPTY_PAGE = "empty_page"  # an empty page whose next link leads to the real first page
    REPEATED_LINK = "repeated_link"  # a page whose next link leads to itself
    FOREIGN_LINK = "foreign_link"  # a page whose next link leads to another host
    BATCH_STATUS = "batch_status"  # `status` for the matching sub-request inside a batch
    BATCH_MISSING = "batch_missing"  # the matching sub-request gets no answer in the batch


# Inside a batch there is no connection to drop and no body of its own to cut.
_INNER_ONLY = {Kind.BATCH_STATUS, Kind.BATCH_MISSING}
_INNER_TOO = {
    Kind.STATUS,
    Kind.THROTTLE,
    Kind.EMPTY_PAGE,
    Kind.REPEATED_LINK,
    Kind.FOREIGN_LINK,
}


class Fault(BaseModel):
    """One rule.

    ``path`` is a pattern: ``*`` stands for one segment, ``**`` for anything. It is compared with
    the path below the vendor's base path and with the whole path. ``times`` is how often the rule
    fires (null: always), ``skip`` how many matching calls pass before it does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    method: str = "*"
    path: str = "**"
    seconds: float = Field(default=0.0, ge=0)
    status: int | None = Field(default=None, ge=100, le=599)
    code: str | None = None  # the vendor's error code, where its error bodies have one
    retry_after: int | None = Field(default=None, ge=0)  # seconds
    times: int | None = Field(default=None, ge=0)
    skip: int = Field(default=0, ge=0)
    only_header: dict[str, str] | None = None
    tenant: str | None = None

    def matches(self, call: Call) -> bool:
        """Return whether the rule speaks of this call, its counters aside."""
        if call.inner and self.kind not in _INNER_ONLY | _INNER_TOO:
            return False
        if not call.inner and self.kind in _INNER_ONLY:
            return False
        if self.method not in {"*", call.method}:
            return False
        if self.tenant is not None and self.tenant.lower() != (call.tenant or "").lower():
            return False
        wanted = self.only_header or {}
        if any(call.header(name) != value for name, value in wanted.items()):
            return False
        pattern = _pattern(self.path)
        return any(pattern.fullmatch(path) for path in (call.path, call.full_path))


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", path)
    wild = {"**": ".*", "*": "[^/]*"}
    return re.compile("".join(wild.get(part) or re.escape(part) for part in parts), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Firing:
    """What the rules decided for one call: how long to wait, and the rule to play, if any."""

    seconds: float = 0.0
    fault: Fault | None = None


@dataclass(slots=True)
class _Counted:
    fault: Fault
    seen: int = 0
    fired: int = 0

    def fires(self) -> bool:
        """Count one matching call, and return whether the rule fires on it."""
        self.seen += 1
        exhausted = self.fault.times is not None and self.fired >= self.fault.times
        if self.seen <= self.fault.skip or exhausted:
            return False
        self.fired += 1
        return True


_RULES = TypeAdapter(list[Fault])


@dataclass(slots=True)
class FaultRules:
    """The rules in their order: all latencies add up, and the first other rule that fires wins."""

    _rules: list[_Counted] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def firing(self, call: Call) -> Firing:
        """Return what happens to this call. Counts it, so ask once for each call."""
        seconds = 0.0
        chosen: Fault | None = None
        with self._lock:
            for rule in self._rules:
                latency = rule.fault.kind is Kind.LATENCY
                if (chosen and not latency) or not rule.fault.matches(call) or not rule.fires():
                    continue
                if latency:
                    seconds += rule.fault.seconds
                else:
                    chosen = rule.fault
        return Firing(seconds, chosen)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._rules.extend(_Counted(fault) for fault in faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put these rules in place of all others, with fresh counters."""
        with self._lock:
            self._rules = [_Counted(fault) for fault in faults]

    def clear(self) -> None:
        self.replace([])

    def load(self, value: Json) -> None:
        """Replace the rules by a JSON list, or an object with ``faults``. Raises ValueError."""
        self.replace(parse_faults(value))

    def as_json(self) -> dict[str, object]:
        """Return the rules as ``load`` takes them, and how often each has fired."""
        with self._lock:
            return {
                "faults": [rule.fault.model_dump(mode="json") for rule in self._rules],
                "fired": [rule.fired for rule in self._rules],
            }


def parse_faults(value: Json) -> Sequence[Fault]:
    """Return the rules of a list, an object with ``faults``, or one rule. Raises ValueError."""
    if isinstance(value, dict):
        value = value.get("faults", [value])
    return _RULES.validate_python(value)
