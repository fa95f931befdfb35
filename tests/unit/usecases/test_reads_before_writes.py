"""What is read before a write, and what a write goes on from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    AgreementLine,
    Capabilities,
    ChangeKind,
    Operation,
    QuantityStep,
)
from shared.domain.alerts import AlertKind
from shared.domain.errors import UnknownOutcomeError
from shared.domain.ids import AgreementId, CompanyId, LineId
from shared.domain.runs import ItemState, RunReason
from shared.ports import READ_IS_FRESH, LicenseSync, LinesRead
from shared.usecases.start_run import start_cycle
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant
from tests.builders import AGREEMENT, APRIL, CUSTOMER, LINE, MARCH, a_line
from tests.fakes.clock import FakeClock
from tests.fakes.psa import FakePsa
from tests.house import House
from tests.property.adjusted import AUTOTASK
from tests.unit.usecases.test_lines_at_once import Batches

WHOLE = Capabilities(
    ChangeKind.PRORATA_ROWS,
    credits=False,
    description_limit=255,
    reads_lag=True,
    writes_whole_agreement=True,
)


@dataclass(slots=True)
class UponPsa(FakePsa):
    """A PSA whose writes go on from what was read."""

    clock: FakeClock = field(default_factory=FakeClock)
    upon: list[LinesRead | None] = field(default_factory=list)

    def read_lines(self, agreement_id: AgreementId) -> LinesRead:
        return LinesRead(agreement_id, self.list_lines(agreement_id), self.clock.real_now())

    def execute(self, operation: Operation, read: LinesRead | None = None) -> AgreementLine | None:
        self.upon.append(read)
        return FakePsa.execute(self, operation)


@dataclass(slots=True)
class UnitsPsa(UponPsa):
    """A PSA that tells quantities apart from lines; ``unknown`` says that there are others."""

    unknown: bool = False

    def list_with_lines(self, companies: Collection[CompanyId]) -> Batches:
        self._read("list_with_lines")
        for one in self.agreements.values():
            if one.company_id in companies:
                yield ((self._now(one), self.lines_of(one.agreement_id)),)

    def read_quantities(
        self, agreement_id: AgreementId, known: Sequence[AgreementLine], changing: LineId
    ) -> LinesRead | None:
        self._read("read_quantities")
        if self.unknown:
            return None
        shown = tuple(
            replace(one, quantity=now.quantity, steps=now.steps)
            for one in known
            for now in [self.lines[one.line_id]]
        )
        return LinesRead(agreement_id, shown, self.clock.real_now(), whole=False)


def house_with(psa: UponPsa, capabilities: Capabilities) -> House:
    house = House(psa=psa).with_customer().with_mapping().holds(10).invoiced_through(MARCH)
    psa.clock = house.clock
    psa.capabilities = capabilities
    steps = (QuantityStep(date(2026, 1, 1), 10),) if capabilities is AUTOTASK else None
    psa.add(replace(a_line(LINE, quantity=10), steps=steps))
    house.cycle()
    psa.calls.clear()
    return house


def begun(house: House) -> LicenseSync:
    """Begin a cycle, and return the message about the line group."""
    house._a_little_later()
    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    sync_tenant(house.services.tenant_queue.take(), house.services)
    return house.services.license_queue.take()


# Quantities alone --------------------------------------------------------------------------------


@pytest.fixture
def units():
    return house_with(UnitsPsa(), AUTOTASK)


def test_a_change_of_units_reads_the_units_and_no_more(units):
    units.holds(12).cycle()

    assert units.psa.reads == ["list_with_lines", "read_quantities"]
    assert [type(one) for one in units.psa.writes] == [AdjustQuantity]
    (read,) = units.psa.upon
    assert (read.agreement_id, read.whole) == (AGREEMENT, False)


def test_units_that_somebody_changed_meanwhile_are_not_written_over(units):
    """The run's lines say 10; what is read under the lease says 15."""
    message = begun(units.holds(12))
    line = units.psa.lines[LINE]
    units.psa.edit(
        LINE, quantity=15, steps=(*(line.steps or ()), QuantityStep(date(2026, 3, 12), 15))
    )
    units.psa.calls.clear()

    sync_license(message, units.services)

    assert units.psa.writes == []
    # What is put before a person is read whole.
    assert units.psa.reads == ["read_quantities", "list_lines"]
    (item,) = units.items(message.run_id)
    assert item.state is ItemState.HELD


@pytest.mark.parametrize("why", ["other lines", "old", "written since"])
def test_lines_are_read_whole_where_what_is_known_does_not_do(units, why):
    units.holds(12)
    message = begun(units)
    units.psa.calls.clear()
    units.psa.unknown = why == "other lines"
    if why == "old":
        units.clock.pass_time(timedelta(minutes=61))
    if why == "written since":
        (read,) = units.services.ledgers.of_customer(CUSTOMER)
        kept = replace(read.value, written_at=units.clock.now())
        units.services.ledgers.save(read, kept)

    sync_license(message, units.services)

    assert units.psa.reads[-1] == "list_lines"
    assert ("read_quantities" in units.psa.reads) == (why == "other lines")
    assert [one.after for one in units.psa.writes] == [12]
    assert units.psa.upon[0].whole


def test_sync_now_reads_whole(units):
    units.holds(12).sync_now()

    assert "read_quantities" not in units.psa.reads
    assert len(units.psa.writes) == 1


def test_an_interrupted_change_is_judged_by_whole_lines(units):
    units.psa.next_write(UnknownOutcomeError("main: the connection broke"))

    units.holds(12).cycle()

    first = units.psa.calls.index(units.psa.writes[0])
    assert "read_quantities" not in units.psa.calls[first:]
    # What is sent again goes on from a read of after the failure.
    assert len(units.psa.writes) == 2
    assert units.psa.lines[LINE].quantity == 12


# Writes upon reads -------------------------------------------------------------------------------


def test_a_write_goes_on_from_what_was_planned_upon():
    house = house_with(UponPsa(), WHOLE)

    house.holds(12).cycle()

    (read,) = house.psa.upon
    assert [one.quantity for one in read.lines] == [10]
    before = house.psa.calls[: house.psa.calls.index(house.psa.writes[0])]
    assert before.count("list_lines") == 2  # the tenant's, and the one under the lease


def test_only_the_first_write_goes_on_from_what_was_read():
    house = house_with(UponPsa(), replace(AUTOTASK, reads_lag=True))
    house.psa.edit(LINE, steps=(QuantityStep(date(2026, 1, 1), 10),))
    house.holds(8).cycle()  # waits for April

    house.on(date(2026, 4, 9)).holds(11).cycle()

    assert [one.effective for one in house.psa.writes] == [APRIL, date(2026, 4, 9)]
    assert [read is None for read in house.psa.upon] == [False, True]


@pytest.mark.parametrize(
    ("age", "agreement_id", "serves"),
    [
        (timedelta(0), AGREEMENT, True),
        (READ_IS_FRESH, AGREEMENT, True),
        (READ_IS_FRESH + timedelta(seconds=1), AGREEMENT, False),
        (timedelta(seconds=-1), AGREEMENT, False),
        (timedelta(0), AgreementId("7002"), False),
    ],
)
def test_what_was_read_serves_its_own_agreement_for_some_seconds(age, agreement_id, serves):
    now = FakeClock().real_now()
    read = LinesRead(agreement_id, (), now - age)

    assert read.serves(AddProrata(AGREEMENT, LINE, 10, 2, APRIL), now) is serves


# Reads that lag ----------------------------------------------------------------------------------


def test_nothing_is_written_upon_lines_that_do_not_show_the_last_write_yet():
    house = house_with(UponPsa(), WHOLE)
    house.holds(12).cycle()
    shown = house.psa.lines[LINE]
    late = replace(shown, quantity=10, waiting=())
    house.holds(13)
    message = begun(house)
    house.psa.lines[LINE] = late
    house.psa.calls.clear()

    sync_license(message, house.services)

    assert house.psa.writes == []
    (again,) = house.services.license_queue.waiting
    assert timedelta(0) < again.delay <= house.services.leases.lasts
    assert AlertKind.DRIFT not in {one.kind for one in house.services.alerts.open_of(CUSTOMER)}
    house.psa.lines[LINE] = shown
    house.drain()
    assert house.quantities == [13]
