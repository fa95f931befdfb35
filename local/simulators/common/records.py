"""What every simulated PSA keeps beside its own records: invoices, changes, switches, the time."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from threading import RLock
from typing import Any, ClassVar, Generic, TypeVar

from local.simulators.common.simulator import Vendor, utc_now

Record = dict[str, Any]
Json = Any
S = TypeVar("S", bound="PsaRecords")


@dataclass(kw_only=True)
class PsaRecords(ABC):
    """One site. Hold ``lock`` around everything that reads more than one thing, or writes.

    Attributes:
        kinds: Of its records; each is an attribute that holds them by id.
        switches: A dataclass: behaviour that differs between sites, or that nobody has proved.
    """

    kinds: ClassVar[Collection[str]]

    switches: Any = None
    invoices: list[Record] = field(default_factory=list)
    audit: list[Record] = field(default_factory=list)
    tickets: list[Record] = field(default_factory=list)
    now: Callable[[], datetime] = utc_now
    lock: RLock = field(default_factory=RLock)

    @abstractmethod
    def seed(self: S, **records: Iterable[Record]) -> S:
        """Add records as builders make them, by kind, and return the state.

        Raises:
            KeyError: There is no such kind, or a record refers to one that does not exist.
        """

    def records(self, kind: str) -> dict[int, Record]:
        """Return the records of a kind.

        Raises:
            KeyError: There is no such kind.
        """
        if kind not in self.kinds:
            raise KeyError(kind)
        found: dict[int, Record] = getattr(self, kind)
        return found

    @abstractmethod
    def own_dump(self) -> Record:
        """Return what is the PSA's own as JSON values."""

    @abstractmethod
    def own_restore(self: S, dumped: Mapping[str, Any], before: S) -> None:
        """Take what ``own_dump`` gave; what is left out stays as it was before."""

    def dump(self) -> Record:
        """Return everything as JSON values, as ``restore`` takes it."""
        with self.lock:
            dumped = {
                **self.own_dump(),
                "switches": asdict(self.switches),
                "invoices": self.invoices,
                "audit": self.audit,
            }
            return copy.deepcopy(dumped)

    def restore(self, dumped: Mapping[str, Any]) -> None:
        """Replace everything by what ``dump`` gave, or by builders' records as ``seed`` takes them.

        Raises:
            ValueError: It cannot be read; nothing has changed then.
        """
        other = type(self)(now=self.now)
        try:
            other.set_switches(dumped.get("switches", asdict(self.switches)))
            other.own_restore(dumped, self)
            other.invoices = list(dumped.get("invoices", []))
            other.audit = list(dumped.get("audit", []))
        except (KeyError, TypeError, AttributeError, StopIteration) as error:
            raise ValueError(f"the state cannot be read: {error!r}") from error
        with self.lock:
            for name in (known.name for known in fields(self) if known.name != "lock"):
                setattr(self, name, getattr(other, name))

    def set_switches(self, wanted: Mapping[str, Any]) -> None:
        """Set the named switches.

        Raises:
            KeyError: There is no such switch.
            TypeError: A value is of another kind than the switch.
        """
        known = {one.name for one in fields(self.switches)}
        for name, given in wanted.items():
            if name not in known:
                raise KeyError(name)
            before = getattr(self.switches, name)
            number = isinstance(before, Decimal) and type(given) is int
            value = Decimal(given) if number else given
            if type(value) is not type(before):
                raise TypeError(f"{name} is a {type(before).__name__}")
            setattr(self.switches, name, value)

    def change_record(self, kind: str, record_id: int, changes: Mapping[str, Any]) -> Record:
        """Change a record by hand; a null removes a field.

        Raises:
            KeyError: There is no such kind or record.
        """
        records = self.records(kind)
        before = records[record_id]
        after = {**before, **changes, "id": record_id}
        records[record_id] = {name: value for name, value in after.items() if value is not None}
        self.note("update", kind, record_id, before, records[record_id], who="hand", by="hand")
        return records[record_id]

    def note(
        self,
        change: str,
        kind: str,
        record_id: int,
        before: object,
        after: object,
        *,
        who: str,
        by: str,
        **more: object,
    ) -> None:
        """Add to the audit list."""
        entry = {
            "at": self.now().isoformat(),
            "who": who,
            "by": by,
            "change": change,
            "kind": kind,
            "id": record_id,
            **more,
        }
        self.audit.append({**entry, "before": copy.deepcopy(before), "after": copy.deepcopy(after)})


class PsaVendor(Vendor, Generic[S]):
    """A vendor whose whole state is one site's."""

    state: S

    def dump_state(self) -> Json:
        return self.state.dump()

    def load_state(self, value: Json) -> None:
        self.state.restore(value)
