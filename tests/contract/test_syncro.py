"""The Syncro gateway against the simulator, without a socket."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from local.simulators.common.faults import Kind
from local.simulators.syncro import builders
from local.simulators.syncro.state import DEMO_TOKEN, PsaState, Token
from local.simulators.syncro.vendor import syncro_app
from shared.adapters.psa.syncro.gateway import WAIT, SyncroConfig, SyncroGateway, syncro_gateway
from shared.domain.agreements import (
    AddProrata,
    AgreementLine,
    ChangeKind,
    EndLine,
    LineKind,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.errors import (
    RateLimitError,
    RequestRefusedError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, LineId, ProductId
from shared.domain.mappings import Billable
from shared.domain.periods import Cycle
from tests.builders import AGREEMENT, APRIL, COMPANY, NOW, PRODUCT, TODAY, a_create, a_line, dollars
from tests.contract.psa_gateway import PsaGatewayContract, Trouble, some_call, with_contoso
from tests.contract.simulated_psa import FAULTS, SimulatedPsa

HOST = "http://syncro.test"
CONFIG = SyncroConfig(HOST, DEMO_TOKEN.value, calls_per_minute=10_000)


class SyncroServer(SimulatedPsa[PsaState]):
    """A simulated account, and a gateway that calls it in process."""

    host = HOST

    def __init__(self, config: SyncroConfig = CONFIG) -> None:
        state = PsaState(now=lambda: NOW)
        super().__init__(state, syncro_app(state))
        self.gateway = self.gateway_with(config)

    def gateway_with(self, config: SyncroConfig) -> SyncroGateway:
        return syncro_gateway(ConnectionName("main"), config, self.clock, self.http)

    def add_company(self, company_id: CompanyId, name: str, *, deleted: bool = False) -> None:
        customer = builders.a_customer(int(company_id), name=name, disabled=deleted)
        self.state.seed(customers=[customer])

    def add_product(
        self, product_id: ProductId, name: str, *, price: Decimal, active: bool = True
    ) -> None:
        product = builders.a_product(int(product_id), name=name, price=price, disabled=not active)
        self.state.seed(products=[product])

    def add_agreement(
        self,
        agreement_id: AgreementId,
        *,
        company_id: CompanyId = COMPANY,
        starts: date = date(2026, 1, 1),
        ends: date | None = None,
        first_uninvoiced: date = APRIL,
        prorates: bool = True,
        cancelled: bool = False,
        **more: object,
    ) -> None:
        del starts, ends, prorates  # a schedule has none of them
        schedule = builders.a_schedule(
            int(agreement_id),
            customer=int(company_id),
            next_run=first_uninvoiced,
            paused=cancelled,
        )
        self.state.seed(schedules=[schedule | more])

    def add_line(self, line: AgreementLine) -> LineId:
        number = self.next_line()
        reference = "" if line.marker is None else f"\nRef. {line.marker}"
        record = builders.a_line(
            number,
            schedule=int(line.agreement_id),
            product=int(line.product_id),
            quantity="2.5" if line.quantity is None else line.quantity,
            price=line.unit_price,
            description=f"{line.description}{reference}",
        )
        self.state.seed(lines=[record])
        return LineId(str(number))

    def lines(self, agreement_id: AgreementId = AGREEMENT) -> tuple[AgreementLine, ...]:
        """Read through another gateway, without counting."""
        other = SyncroServer()
        try:
            other.state.restore(self.state.dump())
            other.state.tokens = [DEMO_TOKEN]
            other.state.switches.rate_limit = 0
            return other.gateway.list_lines(agreement_id)
        finally:
            other.close()

    def trouble(self, kind: Trouble, *, writes: bool, times: int | None = 1) -> None:
        if kind is Trouble.WRONG_KEYS:
            self.state.tokens = [Token("other")]
        elif kind is Trouble.FORBIDDEN:
            denied = frozenset({"edit" if writes else "read"})
            self.state.tokens = [replace(DEMO_TOKEN, denied=denied)]
        else:
            for method in ("POST", "PUT") if writes else ("GET",):
                self.break_calls(method, times=times, **FAULTS[kind])


@pytest.fixture
def server():
    server = SyncroServer()
    yield server
    server.close()
    # The gateway sends nothing that the contract does not know.
    assert server.simulator.violations == []


@pytest.fixture
def site(server):
    return with_contoso(server)


class TestSyncro(PsaGatewayContract):
    """The differences from the contract are Syncro's own, and each says why."""

    def test_a_header_says_what_is_invoiced_and_whether_it_prorates(self, site):
        """A schedule has neither first nor last day; its periods run from the next run."""
        site.add_agreement(AgreementId("7002"), first_uninvoiced=date(2026, 3, 31))

        read = site.gateway.get_agreement(AgreementId("7002"))

        assert (read.company_id, read.cycle) == (COMPANY, Cycle(date(2026, 3, 31), 1))
        assert read.first_uninvoiced == read.next_invoice == date(2026, 3, 31)
        assert (read.starts, read.ends) == (None, None)
        assert (read.active, read.prorates, read.problem) == (True, False, None)

    def test_cancelled_and_future_lines_are_listed_too(self, site):
        """Lines have no dates, and are all billed."""
        given = [
            a_line(quantity=1, starts=None),
            a_line(quantity=-4, starts=None),
            a_line(quantity=None, starts=None, marker="SEATSYNC-other"),
            a_line(quantity=0, starts=None, description=""),
        ]
        ids = [site.add_line(line) for line in given]

        found = {line.line_id: line for line in site.gateway.list_lines(AGREEMENT)}

        assert list(found) == ids
        for line_id, line in zip(ids, given, strict=True):
            own = found[line_id]
            expected = replace(
                line, line_id=line_id, unit_cost=own.unit_cost, product_name=own.product_name
            )
            assert own == expected

    def test_a_line_is_created_with_all_that_was_asked_for(self, site):
        """It has no dates."""
        create = a_create(
            quantity=2,
            unit_price=dollars("29.95"),
            description='2 seats\nfrom 17 March, "quoted" & <marked> – ü',
        )

        line = site.gateway.execute(create)

        assert site.lines() == (line,)
        assert (line.quantity, line.marker) == (2, create.marker)
        assert (line.unit_price, line.product_id) == (dollars("29.95"), PRODUCT)
        assert line.description == create.description

    @pytest.mark.parametrize(
        ("operation", "changed"),
        [
            (lambda line: SetQuantity(AGREEMENT, line, 10, 12), {"quantity": 12}),
            (lambda line: SetQuantity(AGREEMENT, line, 10, 0), {"quantity": 0}),
            (lambda line: SetDescription(AGREEMENT, line, "12 × E5"), {"description": "12 × E5"}),
            (
                lambda line: SetPrice(AGREEMENT, line, dollars("31"), dollars("29.95")),
                {"unit_price": dollars("29.95")},
            ),
        ],
        ids=["quantity", "zero", "description", "price"],
    )
    def test_an_operation_changes_one_thing_and_may_be_repeated(self, site, operation, changed):
        """A line cannot be ended."""
        super().test_an_operation_changes_one_thing_and_may_be_repeated(site, operation, changed)

    def test_an_ended_line_is_opened_again(self, site):
        """It cannot be ended, and so not opened."""
        line_id = site.add_line(a_line(starts=None))

        for day in (TODAY, None):
            with pytest.raises(RequestRefusedError, match="no dates"):
                site.gateway.execute(EndLine(AGREEMENT, line_id, day))

        assert not site.gateway.capabilities.can_end

    @pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
    @pytest.mark.parametrize(
        ("trouble", "wait"),
        [(Trouble.THROTTLED, timedelta(seconds=7)), (Trouble.THROTTLED_WITHOUT_WAIT, WAIT)],
    )
    def test_throttling_says_how_long_to_wait_and_does_nothing(self, site, writes, trouble, wait):
        """Its limit is by the minute."""
        site.trouble(trouble, writes=writes)

        with pytest.raises(RateLimitError) as caught:
            some_call(site, writes=writes)

        assert caught.value.retry_after == wait
        assert caught.value.connection == "main"
        assert site.lines() == ()


# What is Syncro's own ----------------------------------------------------------------------------


def test_it_has_plain_quantities(site):
    found = site.gateway.capabilities

    assert found.change is ChangeKind.PLAIN_QUANTITY
    assert (found.credits, found.prorates_itself, found.changes_invoiced) == (False,) * 3


def test_a_new_text_keeps_our_reference(site):
    line_id = site.add_line(a_line(marker="SEATSYNC-ours"))

    line = site.gateway.execute(SetDescription(AGREEMENT, line_id, "12 × E5"))

    assert line.marker == "SEATSYNC-ours"
    assert site.state.lines[int(line_id)]["description"] == "12 × E5\nRef. SEATSYNC-ours"


def test_a_text_is_replaced_whole_on_a_line_of_somebody_else(site):
    line_id = site.add_line(a_line())

    site.gateway.execute(SetDescription(AGREEMENT, line_id, "new"))

    assert site.state.lines[int(line_id)]["description"] == "new"


def test_only_lines_that_syncro_has_are_made(site):
    line_id = site.add_line(a_line())
    for operation in (
        a_create(kind=LineKind.DATED, ends=date(2026, 3, 31)),
        a_create(billable=Billable.NO_CHARGE),
        AddProrata(AGREEMENT, line_id, 10, 2, TODAY),
    ):
        with pytest.raises(RequestRefusedError):
            site.gateway.execute(operation)

    assert site.write_count() == 0


def test_a_line_of_a_product_that_is_gone_is_still_read(site):
    site.state.seed(lines=[builders.a_line(600, product=None)])

    (line,) = site.gateway.list_lines(AGREEMENT)

    assert line.product_id == ""


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("count", [24, 25, 26, 50])
def test_lists_are_complete_whether_or_not_they_tell_how_long_they_are(server, tells, count):
    server.state.switches.pages_tell_total = tells
    for number in range(1, count + 1):
        server.add_company(CompanyId(str(number)), f"Company {number}")

    assert len(server.gateway.list_companies()) == count


def test_a_record_that_comes_twice_is_refused(server):
    for number in range(1, 51):
        server.add_company(CompanyId(str(number)), f"Company {number}")
    real = server.http.get_adapter(HOST).send

    def first_page_again(request, **more):
        request.url = request.url.replace("page=2", "page=1")
        return real(request, **more)

    server.http.get_adapter(HOST).send = first_page_again

    with pytest.raises(UnexpectedPayloadError, match="twice"):
        server.gateway.list_companies()


def test_a_line_is_not_taken_for_removed_while_it_is_there(site, monkeypatch):
    line_id = site.add_line(a_line())
    monkeypatch.setattr(PsaState, "remove_line", lambda *_given, **_more: None)

    with pytest.raises(RequestRefusedError, match="to be removed"):
        site.gateway.execute(RemoveLine(AGREEMENT, line_id))


def test_a_removal_that_cannot_be_seen_may_have_happened(site):
    line_id = site.add_line(a_line())
    site.break_calls("GET", kind=Kind.STATUS, status=503, skip=1)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(RemoveLine(AGREEMENT, line_id))

    assert site.lines() == ()


@pytest.mark.parametrize("kind", [Kind.TRUNCATED, Kind.LOST_ANSWER])
def test_a_write_whose_answer_cannot_be_read_may_have_happened(site, kind):
    site.break_calls("POST", kind=kind, times=1)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(a_create())

    assert len(site.lines()) == 1


def test_a_refusal_says_why_in_the_words_of_syncro(site):
    site.state.switches.refuse_zero = True
    line_id = site.add_line(a_line())

    with pytest.raises(RequestRefusedError, match="Quantity must be other than 0"):
        site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 0))


def test_our_own_limit_is_kept_before_syncro_s(site):
    gateway = site.gateway_with(replace(CONFIG, calls_per_minute=1))
    gateway.list_lines(AGREEMENT)

    with pytest.raises(RateLimitError) as caught:
        gateway.list_lines(AGREEMENT)

    assert caught.value.retry_after == timedelta(minutes=1)
    site.clock.real += timedelta(minutes=1)
    gateway.list_lines(AGREEMENT)


def test_one_broken_schedule_does_not_hide_the_others(site):
    site.simulator.check_contracts = False
    site.add_agreement(AgreementId("7002"), next_run="soon")
    site.add_agreement(AgreementId("7003"), frequency="Biweekly")

    found = {one.agreement_id: one for one in site.gateway.list_agreements(COMPANY)}

    assert found[AGREEMENT].problem is None
    assert "next run" in (found[AgreementId("7002")].problem or "")
    unknown = found[AgreementId("7003")]
    assert (unknown.cycle, unknown.cycle_name, unknown.first_uninvoiced) == (None, "Biweekly", None)


def test_secrets_do_not_show():
    assert CONFIG.token not in repr(CONFIG)
