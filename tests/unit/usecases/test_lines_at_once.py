"""Lines that a run reads for many agreements at once, and when they are read again."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from shared.domain.agreements import Agreement, AgreementLine
from shared.domain.alerts import AlertKind
from shared.domain.errors import RateLimitError, UpstreamUnavailableError
from shared.domain.ids import CompanyId
from shared.domain.runs import ItemState, RunReason
from shared.usecases.start_run import start_cycle
from tests.builders import AGREEMENT, COMPANY, LINE, a_line
from tests.fakes.psa import FakePsa
from tests.house import House

Batches = Iterator[tuple[tuple[Agreement, tuple[AgreementLine, ...] | None], ...]]


@dataclass(slots=True)
class BulkPsa(FakePsa):
    """A PSA that lists the lines of many agreements at once; ``late`` shows them as they were."""

    late: tuple[AgreementLine, ...] | None = None

    def list_with_lines(self, companies: Collection[CompanyId]) -> Batches:
        self._read("list_with_lines")
        shown = tuple(self.lines.values()) if self.late is None else self.late
        yield tuple(
            (self._now(one), tuple(x for x in shown if x.agreement_id == one.agreement_id))
            for one in self.agreements.values()
            if one.company_id in companies
        )


@pytest.fixture
def house():
    """A customer whose line of 10 was taken over."""
    house = House(psa=BulkPsa().add(a_line(LINE, quantity=10)))
    house.with_customer().with_mapping().holds(10).cycle()
    house.psa.calls.clear()
    return house


def test_a_quiet_run_reads_no_agreement_on_its_own(house):
    house.cycle()

    assert house.psa.reads == ["list_with_lines"]


def test_before_a_change_the_lines_are_read_whole(house):
    house.holds(12).cycle()

    first_write = house.psa.calls.index(house.psa.writes[0])
    assert house.psa.calls[:first_write].count("list_lines") == 1


def test_what_is_put_before_a_person_is_read_again(house):
    house.psa.late = (replace(house.psa.lines[LINE], quantity=7),)

    run = house.cycle()

    assert house.psa.reads.count("list_lines") == 1
    assert [item.state for item in house.items(run)] == [ItemState.UNCHANGED]


def test_sync_now_reads_its_own_agreement(house):
    run = house.sync_now()

    assert house.psa.reads == ["get_agreement", "list_lines"]
    assert [item.state for item in house.items(run)] == [ItemState.UNCHANGED]


def test_where_many_cannot_be_read_at_once_each_is_read_on_its_own(house, monkeypatch):
    def away(psa: BulkPsa, companies: Collection[CompanyId]) -> Batches:
        assert companies == {COMPANY}
        yield ((psa._now(psa.agreements[AGREEMENT]), None),)  # a batch without the lines
        raise UpstreamUnavailableError("main", "the PSA is away")

    monkeypatch.setattr(BulkPsa, "list_with_lines", away)

    house.cycle()

    assert house.psa.reads == ["list_agreements", "list_lines"]


def test_a_psa_that_asks_to_wait_is_asked_for_nothing_more(house, monkeypatch):
    def busy(psa: BulkPsa, companies: Collection[CompanyId]) -> Batches:
        assert companies == {COMPANY}
        raise RateLimitError("main", timedelta(seconds=30))
        yield ()

    monkeypatch.setattr(BulkPsa, "list_with_lines", busy)

    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)

    assert house.psa.calls == []
    (alert,) = house.services.alerts.open()
    assert alert.kind is AlertKind.CONNECTION
