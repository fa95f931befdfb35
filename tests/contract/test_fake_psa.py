"""The fake PSA keeps the same promises as the real gateways."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from shared.domain.agreements import AgreementLine
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    SeatsyncError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.domain.ids import AgreementId, CompanyId, LineId, ProductId
from shared.domain.periods import Cycle
from tests.builders import AGREEMENT, COMPANY, a_company, a_product, an_agreement
from tests.contract.psa_gateway import PsaGatewayContract, Trouble
from tests.fakes.psa import FakePsa

FOREVER = 100


class FakeServer:
    """The fake is its own server."""

    def __init__(self) -> None:
        self.gateway = FakePsa()
        self._next_id = 500

    def add_company(self, company_id: CompanyId, name: str, *, deleted: bool = False) -> None:
        if not deleted:
            self.gateway.add(a_company(company_id, name=name))

    def add_product(
        self, product_id: ProductId, name: str, *, price: Decimal, active: bool = True
    ) -> None:
        self.gateway.add(a_product(product_id, name=name, price=price, active=active))

    def add_agreement(
        self,
        agreement_id: AgreementId,
        *,
        company_id: CompanyId = COMPANY,
        starts: date = date(2026, 1, 1),
        ends: date | None = None,
        first_uninvoiced: date = date(2026, 4, 1),
        prorates: bool = True,
        cancelled: bool = False,
    ) -> None:
        if cancelled:
            return
        self.gateway.add(
            an_agreement(
                agreement_id,
                company_id=company_id,
                starts=starts,
                ends=ends,
                cycle=Cycle(starts, 1),
                first_uninvoiced=first_uninvoiced,
                next_invoice=first_uninvoiced,
                prorates=prorates,
            )
        )

    def add_line(self, line: AgreementLine) -> LineId:
        self._next_id += 1
        line_id = LineId(str(self._next_id))
        self.gateway.add(replace(line, line_id=line_id))
        return line_id

    def lines(self, agreement_id: AgreementId = AGREEMENT) -> tuple[AgreementLine, ...]:
        return self.gateway.lines_of(agreement_id)

    def write_count(self) -> int:
        return len(self.gateway.writes)

    def read_count(self) -> int:
        return len(self.gateway.reads)

    def trouble(self, kind: Trouble, *, writes: bool, times: int | None = 1) -> None:
        if kind is Trouble.LOST_ANSWER:
            self.gateway.lose_next_answer()
            return
        errors = [_error(kind, writes=writes)] * (times or FOREVER)
        if writes:
            self.gateway.next_write(*errors)
        else:
            self.gateway.next_read(*errors)


def _error(kind: Trouble, *, writes: bool) -> SeatsyncError:
    if kind is Trouble.THROTTLED:
        return RateLimitError("main", timedelta(seconds=7))
    if kind is Trouble.THROTTLED_WITHOUT_WAIT:
        return RateLimitError("main", timedelta(seconds=30))
    if kind in {Trouble.FORBIDDEN, Trouble.WRONG_KEYS}:
        return AccessDeniedError("main: 403", "grant it")
    if writes:
        return UnknownOutcomeError("main: the outcome is unknown")
    if kind is Trouble.HTML:
        return UnexpectedPayloadError("main: an HTML page")
    return UpstreamUnavailableError("main", "not there")


class TestFakePsa(PsaGatewayContract):
    @pytest.fixture
    def server(self) -> FakeServer:
        return FakeServer()
