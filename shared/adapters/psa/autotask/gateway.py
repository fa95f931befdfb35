"""The ``PsaGateway`` of Autotask PSA."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import requests

from shared.adapters.gathering import GatheredReads
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import OnCall, pooled_http
from shared.adapters.psa.autotask import contracts, lines
from shared.adapters.psa.autotask.lines import BUNDLE, KINDS, SERVICE, Kind, Units
from shared.adapters.psa.autotask.zone import AutotaskConfig, Filter, ZonedApi
from shared.domain.agreements import (
    AdjustQuantity,
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    Company,
    CreateLine,
    Operation,
    Product,
    SetDescription,
)
from shared.domain.errors import (
    ConflictError,
    NotFoundError,
    RequestRefusedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, LineId, ProductId
from shared.domain.periods import DAY, Cycle
from shared.ports import Clock, LinesRead, Ticket

T = TypeVar("T")

READ_BACK_SECONDS: Final = 2.0
"""How long to wait before reading a second time what was written."""

_AHEAD: Final = timedelta(days=7)
"""How far beyond the first day that is not posted changes may be: each has a day of its own."""
_LATELY: Final = (timedelta(days=31), timedelta(days=93))
"""How far back to look for posted units at first: most contracts post every month."""
_MOST_VALUES: Final = 500
"""As many as a condition may hold."""
_AGREEMENTS_AT_ONCE: Final = 200
"""Of so many the lines are in memory together."""


class AutotaskGateway:
    """A PsaGateway for Autotask PSA. Safe to use from many threads."""

    def __init__(
        self,
        api: ZonedApi,
        config: AutotaskConfig,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the site, and what waits for so many seconds before units are read again."""
        self._api = api
        self._config = config
        self._clock = clock
        self._zone = ZoneInfo(config.time_zone)
        self._sleep = sleep
        self._units = {
            kind.prefix: GatheredReads(partial(self._units_of_all, kind)) for kind in KINDS
        }
        self._lock = threading.Lock()
        self._labels: dict[int, str] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            change=ChangeKind.DATED_ADJUSTMENTS,
            credits=True,
            description_limit=lines.DESCRIPTION_LIMIT,
            can_reach_zero=self._config.units_to_zero,
            can_end=False,
            prorates_itself=True,
            reads_lag=True,
            changes_invoiced=self._config.posted_periods,
            can_price=False,
        )

    def check(self) -> str:
        told = Payload(self._api.get_json("ThresholdInformation", kind="autotask.threshold"))
        limit = told["externalRequestThreshold"].whole()
        used = told["currentTimeframeRequestCount"].whole()
        # Anybody with keys is told the threshold; these two prove the security level.
        self._api.records("Contracts", [_exists("id")], (), most=1)
        self._api.records("Services", [_exists("id")], (), most=1)
        return f"Autotask PSA, {used} of {limit} calls used in the last hour"

    def open_ticket(self, ticket: Ticket) -> None:
        due = self._clock.real_now() + _TICKET_DUE
        body = {
            "companyID": int(ticket.company_id),
            "queueID": None if ticket.board is None else int(ticket.board),
            "priority": None if ticket.priority is None else int(ticket.priority),
            "status": _NEW,
            "title": ticket.title[:_LONGEST_TITLE],
            "description": ticket.text[:_LONGEST_TEXT],
            "dueDateTime": f"{due:%Y-%m-%dT%H:%M:%SZ}",
        }
        self._api.send_json("POST", "Tickets", body, kind="autotask.Tickets.create")

    def list_companies(self) -> tuple[Company, ...]:
        fields = ("companyName", "webAddress")
        found = self._api.records("Companies", [_is("isActive", value=True)], fields)
        companies = [
            Company(
                CompanyId(str(one["id"].whole())),
                one["companyName"].text(),
                one["webAddress"].text_or_none() or "",
            )
            for one in found
        ]
        return tuple(sorted(companies, key=lambda one: (one.name.casefold(), one.company_id)))

    def list_products(self) -> tuple[Product, ...]:
        products = [
            _product(kind, one)
            for kind in KINDS
            for one in self._api.records(kind.catalogue, [_exists("id")], _PRODUCT_FIELDS)
        ]
        return tuple(sorted(products, key=lambda one: (one.name.casefold(), one.product_id)))

    def get_product(self, product_id: ProductId) -> Product:
        meant = lines.kind_and_number(product_id)
        if meant is not None:
            kind, number = meant
            for one in self._api.records(kind.catalogue, [_is("id", number)], _PRODUCT_FIELDS):
                return _product(kind, one.record(number))
        raise NotFoundError(f"there is no product {product_id!r}")

    def list_agreements(self, company_id: CompanyId | None) -> tuple[Agreement, ...]:
        filters = list(_OFFERED)
        if company_id is not None:
            number = lines.number(company_id)
            if number is None:
                return ()  # no company can have such an id
            filters.append(_is("companyID", number))
        return self._agreements(filters)

    def get_agreement(self, agreement_id: AgreementId) -> Agreement:
        number = lines.number(agreement_id)
        found = () if number is None else self._agreements([_is("id", number)], number)
        if not found:
            raise NotFoundError(f"there is no agreement {agreement_id!r}")
        return found[0]

    def list_lines(self, agreement_id: AgreementId) -> tuple[AgreementLine, ...]:
        return self.read_lines(agreement_id).lines

    def read_lines(self, agreement_id: AgreementId) -> LinesRead:
        read_from, number = self._clock.real_now(), lines.number(agreement_id)
        if number is None:
            raise NotFoundError(f"there is no agreement {agreement_id!r}")
        own = [_is("contractID", number)]
        places = [place for kind in KINDS for place in self._places(kind, own)]
        if not places and not self._api.records("Contracts", [_is("id", number)], ()):
            raise NotFoundError(f"there is no agreement {agreement_id!r}")
        return self._read(agreement_id, places, read_from)

    def read_quantities(
        self, agreement_id: AgreementId, known: Sequence[AgreementLine], changing: LineId
    ) -> LinesRead | None:
        """Read the units of the contract's lines: one call, or one for each kind of them, that
        those who read at the same time share.
        """
        read_from, number = self._clock.real_now(), lines.number(agreement_id)
        if number is None:
            return None
        its_kind, its_number = lines.meant(changing)
        of_kind: defaultdict[str, dict[int, AgreementLine]] = defaultdict(dict)
        for line in known:
            kind, own = lines.meant(line.line_id)
            of_kind[kind.prefix][own] = line
        places = []
        for kind in KINDS:
            mine = of_kind[kind.prefix]
            if not mine:
                continue
            wanted = _Wanted(number, its_number if kind is its_kind else None, others=True)
            rows = self._units[kind.prefix].read(wanted)
            if rows.keys() != {own for own, line in mine.items() if line.steps}:
                return None
            for own, line in mine.items():
                since = None if own == wanted.line else self._today() - DAY
                places.append(self._place_of(kind, line, rows.get(own, ()), since))
        return self._read(agreement_id, places, read_from, changing)

    def _read(
        self,
        agreement_id: AgreementId,
        places: "list[_Place]",
        read_from: datetime,
        changing: LineId | None = None,
    ) -> LinesRead:
        """Return lines; where all units of only one were read, a write goes on from that one."""
        found = tuple(self._as_line(place) for place in places)
        own = {
            place.line.line_id: place
            for place in places
            if changing is None or place.line.line_id == changing
        }
        return LinesRead(agreement_id, found, read_from, own, whole=changing is None)

    def list_with_lines(
        self, companies: Collection[CompanyId]
    ) -> Iterator[tuple[tuple[Agreement, tuple[AgreementLine, ...] | None], ...]]:
        """Return agreements with their lines, and units from yesterday to a few days after the
        first day that is not posted: what is changed ahead is dated there.
        """
        numbers = sorted({n for one in companies if (n := lines.number(one)) is not None})
        for some in _chunks(numbers):
            read_at = self._clock.now()
            found = self._api.records(
                "Contracts", [*_OFFERED, _among("companyID", some)], contracts.FIELDS
            )
            labels = self._period_labels() if found else {}
            # Those with long periods are read apart: as far ahead, others have many units.
            alike: defaultdict[int, list[Payload]] = defaultdict(list)
            for one in found:
                cycle = contracts.cycle(one, labels)
                alike[0 if cycle is None else cycle.months].append(one)
            for own in alike.values():
                for few in _chunks(own, _AGREEMENTS_AT_ONCE):
                    yield self._with_lines(few, labels, read_at)

    def _with_lines(
        self, records: Sequence[Payload], labels: Mapping[int, str], read_at: datetime
    ) -> tuple[tuple[Agreement, tuple[AgreementLine, ...] | None], ...]:
        """Return contracts with their lines, from one reading of units for both."""
        today = self._today()
        cycles = {one["id"].whole(): contracts.cycle(one, labels) for one in records}
        until = max(_next_start(cycle, today) for cycle in cycles.values()) + _AHEAD
        places = self._places_until(until, cycles)
        posted = self._last_posted_by(places, cycles)
        headers = {
            one["id"].whole(): contracts.agreement(
                one, labels, posted.get(one["id"].whole()), read_at
            )
            for one in records
        }
        ahead = {
            number: header.first_uninvoiced + _AHEAD
            for number, header in headers.items()
            if header.first_uninvoiced is not None and header.first_uninvoiced + _AHEAD > until
        }
        if ahead:
            places |= self._places_until(max(ahead.values()), ahead)
        return tuple(
            (header, tuple(self._as_line(place) for place in places[number]))
            for number, header in headers.items()
        )

    def _places_until(self, until: date, numbers: Collection[int]) -> "dict[int, list[_Place]]":
        """Return the lines of contracts with their units from yesterday on."""
        found: dict[int, list[_Place]] = {number: [] for number in numbers}
        among = [_among("contractID", sorted(numbers))]
        for kind in KINDS:
            for place in self._places(kind, among, self._today() - DAY, until):
                if place.contract not in found:
                    raise UnexpectedPayloadError(
                        f"{self._api.connection}: {kind.lines} lists lines of another contract"
                    )
                found[place.contract].append(place)
        return found

    def _last_posted_by(
        self, places: "Mapping[int, list[_Place]]", cycles: Mapping[int, Cycle | None]
    ) -> dict[int, date]:
        """Return what ``_last_posted`` does, of contracts whose units around today were read.

        Those whose units do not tell where the posted ones end are asked for.
        """
        known: dict[int, date] = {}
        unclear: list[int] = []
        for number, own in places.items():
            cycle, rows = cycles[number], [row for place in own for row in place.rows]
            if cycle is None or not own:
                continue  # its periods are not known, or it says nothing
            last = max((row.starts for row in rows if row.posted), default=None)
            if last is not None and _reaches(rows, cycle.after(cycle.containing(last)).last_day):
                known[number] = last
            else:
                unclear.append(number)
        bundles = any(place.kind is BUNDLE for number in unclear for place in places[number])
        return known | self._last_posted(unclear, KINDS if bundles else (SERVICE,))

    def execute(self, operation: Operation, read: LinesRead | None = None) -> AgreementLine | None:
        match operation:
            case CreateLine():
                return self._create(operation)
            case AdjustQuantity():
                return self._adjust(operation, read)
            case SetDescription():
                return self._describe(operation)
            case _:
                what = type(operation).__name__
                raise RequestRefusedError(
                    f"{self._api.connection}: Autotask has no {what}: its lines change by "
                    "adjustments only, and cannot be ended or priced anew from outside"
                )

    # Writes ---------------------------------------------------------------------------------------

    def _adjust(self, wanted: AdjustQuantity, read: LinesRead | None) -> AgreementLine:
        """Send the difference once, if the units are still what they were.

        Nothing takes an adjustment back, and sent twice it counts twice.
        """
        place = self._just_read(wanted, read)
        if place is None:
            place = self._place(wanted.agreement_id, wanted.line_id)
        now = place.units_on(wanted.effective)
        if now == wanted.after:
            return self._as_line(place)
        self._may_change(wanted, place, now)
        self._send_adjustment(place, wanted.after - wanted.before, wanted.effective)
        return self._read_back(wanted, place)

    def _just_read(self, wanted: AdjustQuantity, read: LinesRead | None) -> "_Place | None":
        if read is None or not read.serves(wanted, self._clock.real_now()):
            return None
        known = read.own
        return known.get(wanted.line_id) if isinstance(known, dict) else None

    def _may_change(self, wanted: AdjustQuantity, place: "_Place", now: int) -> None:
        where = f"{self._api.connection}: line {wanted.line_id}"
        if now != wanted.before:
            raise ConflictError(
                f"{where} has {now} units on {wanted.effective}, neither {wanted.before} as "
                f"planned nor {wanted.after}: somebody changed it"
            )
        if place.changes_after(wanted.effective):
            raise ConflictError(f"{where} has a change planned after {wanted.effective}")
        posted = place.posted_through
        if not self._config.posted_periods and posted is not None and wanted.effective <= posted:
            raise ConflictError(
                f"{where}: {wanted.effective} lies in a period that is posted up to {posted}"
            )
        if wanted.after < 0 or (wanted.after == 0 and not self._config.units_to_zero):
            raise RequestRefusedError(
                f"{where} cannot have {wanted.after} units; change it or end the contract in "
                "Autotask, or set UNITS_TO_ZERO if the site takes it"
            )

    def _create(self, create: CreateLine) -> AgreementLine:
        """Put the service on the contract, then give it its units.

        A service of ours that is there without units is what an interruption in between left.
        """
        contract = lines.number(create.agreement_id)
        meant = lines.kind_and_number(create.product_id)
        if contract is None or meant is None:
            raise RequestRefusedError(
                f"there is no agreement {create.agreement_id!r} or no product {create.product_id!r}"
            )
        kind, product = meant
        body = lines.body(create, kind, contract, product)
        self._may_begin(create)
        conditions = [_is("contractID", contract), _is(kind.product, product)]
        existing = self._first(kind, conditions)
        if existing is None:
            existing = self._put(kind, contract, body, conditions)
        elif existing.marker == create.marker and _is_whole(existing, create):
            return existing
        elif existing.marker != create.marker or existing.steps:
            raise ConflictError(
                f"{self._api.connection}: contract {contract} has product {create.product_id} "
                f"already, as line {existing.line_id}; Autotask takes each product once"
            )
        if create.quantity == 0:
            return existing
        try:
            place = self._place(create.agreement_id, existing.line_id)
            self._send_adjustment(place, create.quantity, create.starts)
            wanted = AdjustQuantity(
                create.agreement_id, existing.line_id, 0, create.quantity, create.starts
            )
            return self._read_back(wanted, place)
        except SeatsyncError as error:
            raise UnknownOutcomeError(
                f"{self._api.connection}: line {existing.line_id} was created, and may be without "
                f"its units: {error}"
            ) from error

    def _may_begin(self, create: CreateLine) -> None:
        """Refuse what would leave a service without units behind."""
        try:
            header = self.get_agreement(create.agreement_id)
        except NotFoundError as error:
            raise RequestRefusedError(str(error)) from error
        first = header.first_uninvoiced
        early = first is not None and create.starts < first and not self._config.posted_periods
        outside = (header.starts is not None and create.starts < header.starts) or (
            header.ends is not None and create.starts > header.ends
        )
        if header.problem or not header.active or early or outside:
            reason = header.problem or (
                "it is inactive"
                if not header.active
                else f"its periods are posted up to {first}"
                if early
                else "the first day lies outside its dates"
            )
            raise RequestRefusedError(
                f"{self._api.connection}: no new line from {create.starts} on agreement "
                f"{create.agreement_id}: {reason}"
            )

    def _put(
        self, kind: Kind, contract: int, body: lines.Body, conditions: Sequence[Filter]
    ) -> AgreementLine:
        path = f"Contracts/{contract}/{kind.child}"
        self._api.send_json("POST", path, body, kind=f"autotask.{kind.lines}.create")
        # The answer's id may be null: the contract holds each product once, so it can be found.
        for again in (False, True):
            if again:
                self._sleep(READ_BACK_SECONDS)
            with self._written("that is new"):
                line = self._first(kind, conditions)
            if line is not None:
                return line
        raise UnknownOutcomeError(f"{self._api.connection}: a new line does not show yet")

    def _describe(self, wanted: SetDescription) -> AgreementLine:
        kind, contract, number = self._meant(wanted.agreement_id, wanted.line_id)
        path = f"Contracts/{contract}/{kind.child}"
        body = {"id": number, "invoiceDescription": wanted.text}
        self._api.send_json("PATCH", path, body, kind=f"autotask.{kind.lines}.patch")
        with self._written(wanted.line_id):
            line = self._as_line(self._place(wanted.agreement_id, wanted.line_id))
        if line.description.split() != wanted.text.split():
            raise RequestRefusedError(
                f"{self._api.connection}: line {wanted.line_id} was saved with another "
                "invoiceDescription than was asked for; it may be set to the service's own"
            )
        return line

    def _send_adjustment(self, place: "_Place", change: int, effective: date) -> None:
        kind = place.kind
        body = lines.adjustment(kind, place.number, change, effective)
        with self._units[kind.prefix].held_back():  # the units are read after it
            self._api.send_json("POST", kind.adjustments, body, kind=f"autotask.{kind.adjustments}")

    def _read_back(self, wanted: AdjustQuantity, place: "_Place") -> AgreementLine:
        """Return the line once its units show the change; they may take a moment.

        An adjustment touches nothing else of the line, so only the units are read again.
        """
        shown = wanted.before
        for again in (False, True):
            if again:
                self._sleep(READ_BACK_SECONDS)
            with self._written(wanted.line_id):
                place = replace(place, rows=self._units_of(place))
            shown = place.units_on(wanted.effective)
            if shown == wanted.after:
                with self._written(wanted.line_id):
                    return self._as_line(place)
            if shown != wanted.before:
                break
        message = (
            f"{self._api.connection}: line {wanted.line_id} was adjusted from {wanted.before} to "
            f"{wanted.after} units on {wanted.effective}, and shows {shown}"
        )
        if shown == wanted.before:
            raise UnknownOutcomeError(message)
        raise ConflictError(message)

    @contextmanager
    def _written(self, line_id: str) -> Iterator[None]:
        """Let a read that fails after a write say that nobody knows what the write did."""
        try:
            yield
        except SeatsyncError as error:
            raise UnknownOutcomeError(
                f"{self._api.connection}: line {line_id} was written, but it cannot be read again: "
                f"{error}"
            ) from error

    # Reads ----------------------------------------------------------------------------------------

    def _agreements(
        self, filters: Sequence[Filter], only: int | None = None
    ) -> tuple[Agreement, ...]:
        """Return contracts; with ``only``, the one of that number."""
        read_at = self._clock.now()
        found = self._api.records("Contracts", filters, contracts.FIELDS)
        if only is not None:
            found = tuple(one.record(only) for one in found)
        if not found:
            return ()
        labels = self._period_labels()
        posted = self._last_posted([one["id"].whole() for one in found])
        return tuple(
            contracts.agreement(one, labels, posted.get(one["id"].whole()), read_at)
            for one in found
        )

    def _period_labels(self) -> dict[int, str]:
        with self._lock:
            if self._labels is None:
                path = "Contracts/entityInformation/fields"
                told = Payload(self._api.get_json(path, kind="autotask.Contracts.fields"))
                self._labels = contracts.period_labels(told)
            return self._labels

    def _last_posted(
        self, numbers: Sequence[int], kinds: Sequence[Kind] = KINDS
    ) -> dict[int, date]:
        """Return the first day of each contract's latest posted units; none for one without."""
        found: dict[int, date] = {}
        for back in (*_LATELY, None):
            rest = [number for number in numbers if number not in found]
            ends: list[Filter] = []
            if back is not None:
                since = (self._today() - back).isoformat()
                ends = [{"op": "gte", "field": "endDate", "value": since}]
            found |= self._posted(rest, ends, kinds)
        return found

    def _posted(
        self, numbers: Sequence[int], filters: Sequence[Filter], kinds: Sequence[Kind]
    ) -> dict[int, date]:
        latest: dict[int, date] = {}
        for some in _chunks(numbers):
            conditions = [_among("contractID", some), _exists("approveAndPostDate"), *filters]
            for kind in kinds:
                for row in self._api.records(kind.units, conditions, ("contractID", "startDate")):
                    number, starts = row["contractID"].whole(), row["startDate"].day()
                    latest[number] = max(starts, latest.get(number, starts))
        return latest

    def _places(
        self,
        kind: Kind,
        conditions: Sequence[Filter],
        since: date | None = None,
        until: date | None = None,
    ) -> "list[_Place]":
        """Return lines of one kind, in the order of their ids; units as of ``_unit_rows``."""
        found = self._api.records(kind.lines, conditions, kind.line_fields)
        if not found:
            return []
        rows = self._unit_rows(kind, conditions, since, until)
        return [
            self._place_of(kind, lines.line(kind, one), rows[one["id"].whole()], since)
            for one in sorted(found, key=lambda one: one["id"].whole())
        ]

    def _place_of(
        self, kind: Kind, line: AgreementLine, rows: Sequence[Payload], since: date | None = None
    ) -> "_Place":
        since = since or self._today() - lines.AROUND
        return _Place(kind, line, lines.unit_rows(rows), since)

    def _first(self, kind: Kind, conditions: Sequence[Filter]) -> AgreementLine | None:
        for place in self._places(kind, conditions):
            return self._as_line(place)
        return None

    def _place(self, agreement_id: AgreementId, line_id: LineId) -> "_Place":
        """Return a line's record, and where its units stand."""
        kind, contract, number = self._meant(agreement_id, line_id)
        conditions = [_is("contractID", contract), _is("id", number)]
        for one in self._api.records(kind.lines, conditions, kind.line_fields):
            place = self._place_of(kind, lines.line(kind, one.record(number)), ())
            return replace(place, rows=self._units_of(place))
        raise RequestRefusedError(f"there is no line {line_id!r} on agreement {agreement_id!r}")

    def _units_of(self, place: "_Place") -> tuple[Units, ...]:
        kind, number = place.kind, place.number
        rows = self._units[kind.prefix].read(_Wanted(place.contract, number, others=False))
        return lines.unit_rows(rows.get(number, ()))

    def _units_of_all(self, kind: Kind, wanted: "Sequence[_Wanted]") -> "list[_Rows]":
        """Return for each the rows of its line, and of the contract's others where it wants them:
        those of its line around today, of others at least those of today.
        """
        today = self._today()
        found: defaultdict[int, dict[int, list[Payload]]] = defaultdict(dict)
        for some in _chunks(wanted):
            conditions = [_among("contractID", sorted({one.contract for one in some}))]
            own = sorted({one.line for one in some if one.line is not None})
            if any(one.others for one in some):
                near: list[Filter] = [
                    {"op": "gte", "field": "endDate", "value": (today - DAY).isoformat()},
                    {"op": "lte", "field": "startDate", "value": (today + DAY).isoformat()},
                ]
                its = [_among(kind.line, own)] if own else []
                conditions += [{"op": "or", "items": [*its, one]} for one in near]
            else:
                conditions.append(_among(kind.line, own))
            for line, rows in self._unit_rows(kind, conditions).items():
                found[rows[0]["contractID"].whole()][line] = rows
        return [
            {line: rows for line, rows in found[one.contract].items() if one.keeps(line)}
            for one in wanted
        ]

    def _as_line(self, place: "_Place") -> AgreementLine:
        return lines.with_units(place.line, place.rows, self._today(), place.since)

    def _unit_rows(
        self,
        kind: Kind,
        conditions: Sequence[Filter],
        since: date | None = None,
        until: date | None = None,
    ) -> defaultdict[int, list[Payload]]:
        """Return the rows of units by line: those around today, or between two days."""
        since, until = since or self._today() - lines.AROUND, until or self._today() + lines.AROUND
        around = [
            {"op": "gte", "field": "endDate", "value": since.isoformat()},
            {"op": "lte", "field": "startDate", "value": until.isoformat()},
        ]
        rows: defaultdict[int, list[Payload]] = defaultdict(list)
        for row in self._api.records(kind.units, [*conditions, *around], kind.unit_fields):
            rows[row[kind.line].whole()].append(row)
        return rows

    def _meant(self, agreement_id: AgreementId, line_id: LineId) -> tuple[Kind, int, int]:
        contract, meant = lines.number(agreement_id), lines.kind_and_number(line_id)
        if contract is None or meant is None:
            raise RequestRefusedError(f"there is no line {line_id!r} on agreement {agreement_id!r}")
        return meant[0], contract, meant[1]

    def _today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()


_Rows = Mapping[int, Sequence[Payload]]
"""Rows of units by the number of their line."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Units that are asked for.

    Attributes:
        line: The line whose units around today are wanted.
        others: Those of the contract's other lines are wanted too, as they are today.
    """

    contract: int
    line: int | None
    others: bool

    def keeps(self, line: int) -> bool:
        """Whether the rows of a line of the contract are wanted."""
        return self.others or line == self.line


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line's units stand.

    Attributes:
        line: All but its units.
        rows: Its units, in the order of their days.
        since: From this day on all of them were read.
    """

    kind: Kind
    line: AgreementLine
    rows: tuple[Units, ...]
    since: date

    @property
    def contract(self) -> int:
        """The contract's number."""
        return int(self.line.agreement_id)

    @property
    def number(self) -> int:
        """The line's number."""
        return lines.meant(self.line.line_id)[1]

    def units_on(self, day: date) -> int:
        """Return the units in force; of rows that overlap, the later one holds."""
        known = [row.units for row in self.rows if row.starts <= day <= row.ends]
        return known[-1] if known else 0

    def changes_after(self, day: date) -> bool:
        """Return whether the units differ from those of the day at some later one."""
        later = [row.units for row in self.rows if row.ends >= day and row.starts > day]
        return any(one != other for one, other in pairwise([self.units_on(day), *later]))

    @property
    def posted_through(self) -> date | None:
        """The last day of the last row that is posted."""
        return max((row.ends for row in self.rows if row.posted), default=None)


def autotask_gateway(
    name: ConnectionName,
    config: AutotaskConfig,
    clock: Clock,
    http: requests.Session | None = None,
    on_call: OnCall | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> AutotaskGateway:
    """Return the gateway of a connection.

    Args:
        name: What errors call the connection.
        http: The transport to share; a pool of its own when ``None``.
        on_call: As ``ApiSession`` takes it.
        sleep: Waits for so many seconds before units are read a second time.
    """
    api = ZonedApi(name, config, http or pooled_http(), now=clock.real_now, on_call=on_call)
    return AutotaskGateway(api, config, clock, sleep)


_NEW: Final = 1  # the status of a new ticket, the same on every site
_TICKET_DUE: Final = timedelta(days=1)
_LONGEST_TITLE: Final = 255
_LONGEST_TEXT: Final = 8000
_PRODUCT_FIELDS: Final = ("name", "unitPrice", "unitCost", "isActive")


def _is_whole(line: AgreementLine, create: CreateLine) -> bool:
    """Return whether the line has the units that it was created for."""
    return bool(line.steps) and line.quantity_on(create.starts) == create.quantity


def _product(kind: Kind, payload: Payload) -> Product:
    return Product(
        product_id=ProductId(f"{kind.prefix}{payload['id'].whole()}"),
        code=payload["name"].text(),
        name=payload["name"].text(),
        price=payload["unitPrice"].decimal_or_none(),
        cost=payload["unitCost"].decimal_or_none(),
        active=payload["isActive"].flag_or_none() or False,
    )


def _is(field: str, value: int | str | bool) -> Filter:  # noqa: FBT001 - a field's value
    return {"op": "eq", "field": field, "value": value}


def _exists(field: str) -> Filter:
    return {"op": "exist", "field": field}


def _among(field: str, values: Sequence[int]) -> Filter:
    return {"op": "in", "field": field, "value": list(values)}


def _chunks(values: Sequence[T], size: int = _MOST_VALUES) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


_OFFERED: Final = (
    _is("contractType", contracts.RECURRING_SERVICE),
    _is("status", contracts.ACTIVE),
)
"""Contracts that are agreements for us."""


def _reaches(rows: Iterable[Units], day: date) -> bool:
    return any(row.ends >= day for row in rows)


def _next_start(cycle: Cycle | None, today: date) -> date:
    """Return the first day of the period after the one that holds today."""
    if cycle is None:
        return today
    return cycle.after(cycle.containing(max(today, cycle.anchor))).start
