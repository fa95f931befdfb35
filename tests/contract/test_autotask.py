"""The Autotask gateway against the simulator, without a socket."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

import pytest

from local.simulators.autotask import builders
from local.simulators.autotask.posting import approve_and_post
from local.simulators.autotask.state import DEMO_USER, PsaState
from local.simulators.autotask.vendor import autotask_app
from local.simulators.common.calls import CallRecord
from local.simulators.common.faults import Kind
from local.simulators.common.messages import Answer
from shared.adapters.psa.autotask.gateway import AutotaskGateway, autotask_gateway
from shared.adapters.psa.autotask.zone import AutotaskConfig
from shared.domain.agreements import (
    AdjustQuantity,
    Agreement,
    AgreementLine,
    ChangeKind,
    QuantityStep,
    RemoveLine,
    SetDescription,
    SetQuantity,
)
from shared.domain.errors import (
    AccessDeniedError,
    ConflictError,
    NotFoundError,
    OperatorActionError,
    RateLimitError,
    RequestRefusedError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, LineId, ProductId
from shared.domain.intents import has_landed
from shared.domain.mappings import Billable
from shared.domain.periods import Cycle
from tests.builders import AGREEMENT, COMPANY, NOW, PRODUCT, a_create, a_line
from tests.contract.psa_gateway import ODD_IDS, PsaGatewayContract, Trouble, with_contoso
from tests.contract.simulated_psa import FAULTS, Clock, SimulatedPsa

HOST = "http://autotask.test"
JANUARY = date(2026, 1, 1)
APRIL = date(2026, 4, 1)
MID_APRIL = date(2026, 4, 15)
YEAR_END = date(2026, 12, 31)
LONG_AGO = timedelta(seconds=11)
OTHER = AgreementId("7002")
T = TypeVar("T")
CONFIG = AutotaskConfig(
    url=HOST,
    user_name=DEMO_USER.user_name,
    secret=DEMO_USER.secret,
    integration_code=DEMO_USER.integration_code,
)
READS = (("GET", "**"), ("POST", "**/query**"))
CREATE = "/V1.0/Contracts/*/Service*"
ADJUST = "/V1.0/ContractService*Adjustments"
WRITES = (("POST", CREATE), ("POST", ADJUST), ("PATCH", CREATE))


class AutotaskServer(SimulatedPsa[PsaState]):
    """A simulated site, and a gateway that calls it in process."""

    host = HOST

    def __init__(self, config: AutotaskConfig = CONFIG) -> None:
        state = PsaState(now=lambda: NOW)
        state.switches.adjust_posted_periods = config.posted_periods
        super().__init__(state, autotask_app(state))
        self.kinds: list[str] = []
        self.waited: list[float] = []
        self.config = config
        self.gateway = self.gateway_with(config)

    def gateway_with(self, config: AutotaskConfig) -> AutotaskGateway:
        return autotask_gateway(
            ConnectionName("main"),
            config,
            self.clock,
            self.http,
            lambda kind, *_: self.kinds.append(kind),
            sleep=self.waited.append,
        )

    def add_company(self, company_id: CompanyId, name: str, *, deleted: bool = False) -> None:
        company = builders.a_company(int(company_id), name=name, active=not deleted)
        self.state.seed(companies=[company])

    def add_product(
        self, product_id: ProductId, name: str, *, price: Decimal, active: bool = True
    ) -> None:
        service = builders.a_service(int(product_id), name=name, price=price, active=active)
        self.state.seed(services=[service])

    def add_agreement(
        self,
        agreement_id: AgreementId,
        *,
        company_id: CompanyId = COMPANY,
        starts: date = JANUARY,
        ends: date | None = None,
        first_uninvoiced: date | None = APRIL,
        prorates: bool = True,
        cancelled: bool = False,
        **more: object,
    ) -> None:
        assert prorates, "Autotask always prorates"
        contract = builders.a_contract(
            int(agreement_id),
            company=int(company_id),
            starts=starts,
            ends=ends or YEAR_END,
            first_unposted=first_uninvoiced,
            status=0 if cancelled else 1,
        )
        self.state.seed(contracts=[contract | more])

    def add_line(self, line: AgreementLine, units: dict[date, int] | None = None) -> LineId:
        assert line.quantity is not None
        number = self.next_line()
        seeded = builders.a_contract_service(
            number,
            contract=int(line.agreement_id),
            service=int(line.product_id),
            units=units or {line.starts or JANUARY: line.quantity},
            price=line.unit_price,
            invoice_description=line.description,
            internal_description=line.marker,
        )
        self.state.seed(contract_services=[seeded])
        return LineId(str(number))

    def lines(self, agreement_id: AgreementId = AGREEMENT) -> tuple[AgreementLine, ...]:
        """Read through another gateway, without counting."""
        other = AutotaskServer(self.config)
        try:
            other.state.restore(self.state.dump())
            other.state.users = [DEMO_USER]
            other.state.zone = ""
            for _ in range(10):  # whatever shows late has shown by now
                found = other.gateway.list_lines(agreement_id)
            return found
        finally:
            other.close()

    def writes(self, call: CallRecord) -> bool:
        return call.method != "GET" and "/query" not in call.path

    def trouble(self, kind: Trouble, *, writes: bool, times: int | None = 1) -> None:
        if kind is Trouble.WRONG_KEYS:
            self.state.users = [builders.a_user()]
        elif kind is Trouble.FORBIDDEN:
            denied = frozenset({"write" if writes else "read"})
            self.state.users = [replace(DEMO_USER, denied=denied)]
        else:
            for method, path in WRITES if writes else READS:
                self.break_calls(method, path, times=times, **FAULTS[kind])


@pytest.fixture
def server():
    server = AutotaskServer()
    yield server
    server.close()
    # The gateway sends nothing that the published contract does not know.
    assert server.simulator.violations == []


@pytest.fixture
def site(server):
    return with_contoso(server)


@pytest.fixture
def line_id(site) -> LineId:
    return site.add_line(a_line())


class TestAutotask(PsaGatewayContract):
    """What holds for every PSA. What Autotask cannot do is left out, and tested below."""

    @pytest.fixture
    def server(self):
        # Its own tests say what happens where adjustments into posted periods are refused.
        server = AutotaskServer(replace(CONFIG, posted_periods=True))
        yield server
        server.close()
        assert server.simulator.violations == []

    # Every agreement prorates, and its units say what is posted.
    test_a_header_says_what_is_invoiced_and_whether_it_prorates = None
    # Lines have no last day, no fractions, nothing included, and may be many rows of units.
    test_cancelled_and_future_lines_are_listed_too = None
    test_a_long_list_is_complete = None
    test_a_short_list_is_one_call = None
    test_a_line_is_created_with_all_that_was_asked_for = None
    test_what_is_not_said_comes_from_the_product = None
    test_an_ended_line_is_opened_again = None
    test_a_line_that_is_gone_counts_as_removed = None
    # A credit is a smaller number of units.
    test_a_credit_is_a_line_with_a_negative_quantity = None
    # Quantities change by adjustments only, prices not at all.
    test_an_operation_changes_one_thing_and_may_be_repeated = None
    # A contract holds each product once; a new line comes in two steps.
    test_creating_twice_makes_two_lines = None
    test_a_line_whose_answer_was_lost_is_found_by_its_marker = None


def adjust(line_id: LineId, before: int, after: int, effective: date = APRIL) -> AdjustQuantity:
    return AdjustQuantity(AGREEMENT, line_id, before, after, effective)


# Headers and lines -------------------------------------------------------------------------------


def test_it_says_how_quantities_change(site):
    known = site.gateway.capabilities

    assert known.change is ChangeKind.DATED_ADJUSTMENTS
    assert (known.dated_lines, known.can_end, known.prorates_itself) == (False, False, True)
    assert (known.can_reach_zero, known.changes_invoiced) == (False, False)
    assert site.gateway_with(replace(CONFIG, units_to_zero=True)).capabilities.can_reach_zero


@pytest.mark.parametrize(
    ("period", "months", "first"),
    [
        ("Monthly", 1, date(2026, 4, 1)),
        ("Quarterly", 3, date(2026, 4, 1)),
        ("Yearly", 12, date(2027, 1, 1)),
    ],
)
def test_the_units_say_which_period_is_posted_next(site, period, months, first):
    other = AgreementId("7002")
    contract = builders.a_contract(7002, period=period, first_unposted=first)
    site.state.seed(contracts=[contract])
    site.add_line(a_line(agreement_id=other))

    read = site.gateway.get_agreement(other)

    assert read.cycle == Cycle(JANUARY, months)
    assert (read.cycle_name, read.first_uninvoiced) == (period, first)
    assert (read.prorates, read.active, read.problem) == (True, True, None)
    assert read.next_invoice is None


def test_a_contract_that_was_never_posted_begins_with_its_first_period(site):
    site.add_agreement(AgreementId("7002"), first_uninvoiced=None)
    site.add_line(a_line(agreement_id=AgreementId("7002")))

    assert site.gateway.get_agreement(AgreementId("7002")).first_uninvoiced == JANUARY


def test_posted_units_of_long_ago_are_found_too(site):
    site.add_agreement(AgreementId("7002"), starts=date(2025, 1, 1), first_uninvoiced=JANUARY)
    site.add_line(a_line(agreement_id=AgreementId("7002"), starts=date(2025, 1, 1)))
    site.state.switches.adjust_posted_periods = True

    assert site.gateway.get_agreement(AgreementId("7002")).first_uninvoiced == JANUARY


def test_a_period_of_unknown_length_has_no_calendar(site):
    contract = builders.a_contract(7002, period="Semi-Annual", first_unposted=None)
    site.state.seed(contracts=[contract])

    read = site.gateway.get_agreement(AgreementId("7002"))

    assert (read.cycle, read.cycle_name, read.first_uninvoiced) == (None, "Semi-Annual", None)


def test_only_contracts_for_recurring_services_are_agreements(site):
    site.state.seed(contracts=[builders.a_contract(7009, contract_type=1)])

    assert [one.agreement_id for one in site.gateway.list_agreements(None)] == [AGREEMENT]
    assert "recurring services" in site.gateway.get_agreement(AgreementId("7009")).problem


def test_an_inactive_contract_can_still_be_looked_at(site):
    site.add_agreement(AgreementId("7002"), cancelled=True)

    assert not site.gateway.get_agreement(AgreementId("7002")).active


def test_a_line_carries_its_units_by_day(site):
    units = {date(2026, 2, 1): 4, date(2026, 3, 10): 6, MID_APRIL: 9}
    line_id = site.add_line(a_line(marker="SEATSYNC-ours"), units)

    (line,) = site.gateway.list_lines(AGREEMENT)

    assert line.line_id == line_id
    assert (line.quantity, line.starts, line.ends) == (6, date(2026, 2, 1), None)
    assert line.steps == tuple(QuantityStep(day, seats) for day, seats in units.items())
    assert [line.quantity_on(date(2026, 4, day)) for day in (14, 15)] == [6, 9]
    assert line.quantity_on(JANUARY) == 0
    assert (line.marker, line.product_id) == ("SEATSYNC-ours", PRODUCT)
    assert (line.unit_price, line.billable) == (Decimal("31.00"), Billable.BILLABLE)


def test_a_service_without_units_is_a_line_of_none(site):
    site.state.seed(
        contract_services=[builders.a_contract_service(service=int(PRODUCT), units=None)]
    )

    (line,) = site.gateway.list_lines(AGREEMENT)

    assert (line.quantity, line.steps, line.starts) == (0, (), None)


def test_other_tools_texts_are_no_marks(site):
    site.add_line(a_line(marker="made by hand"))

    assert site.gateway.list_lines(AGREEMENT)[0].marker is None


def test_bundles_are_products_and_lines_of_their_own(site):
    site.state.seed(
        bundles=[builders.a_bundle(int(PRODUCT), name="Workplace")],
        contract_bundles=[builders.a_contract_bundle(601, bundle=int(PRODUCT), units=3)],
    )
    service = site.add_line(a_line())

    assert [one.product_id for one in site.gateway.list_products()] == [PRODUCT, f"b{PRODUCT}"]
    assert site.gateway.get_product(ProductId(f"b{PRODUCT}")).name == "Workplace"
    found = site.gateway.list_lines(AGREEMENT)
    assert [(one.line_id, one.product_id, one.quantity) for one in found] == [
        (service, PRODUCT, 10),
        ("b601", f"b{PRODUCT}", 3),
    ]
    changed = site.gateway.execute(adjust(LineId("b601"), 3, 5))
    assert changed.quantity_on(APRIL) == 5
    text = site.gateway.execute(SetDescription(AGREEMENT, LineId("b601"), "5 workplaces"))
    assert text.description == "5 workplaces"


def test_a_long_list_is_read_page_by_page(site):
    site.add_agreement(AGREEMENT, ends=date(2026, 4, 30))
    for number in range(600):
        site.add_line(a_line(quantity=number + 1))

    found = site.gateway.list_lines(AGREEMENT)

    assert [line.quantity for line in found] == list(range(1, 601))


def test_few_calls_read_an_agreement(site, line_id):
    site.gateway.list_lines(AGREEMENT)
    site.gateway.list_agreements(None)
    site.kinds.clear()

    site.gateway.list_lines(AGREEMENT)
    assert site.kinds == [
        "autotask.ContractServices.query",
        "autotask.ContractServiceUnits.query",
        "autotask.ContractServiceBundles.query",
    ]
    site.kinds.clear()
    for number in range(100):
        site.add_agreement(AgreementId(str(8000 + number)))
        site.add_line(a_line(agreement_id=AgreementId(str(8000 + number))))
    site.kinds.clear()

    assert len(site.gateway.list_agreements(None)) == 101
    assert len(site.kinds) == 3


@pytest.mark.parametrize("entity", ["Contracts", "ContractServices"])
@pytest.mark.parametrize("kind", [Kind.FOREIGN_LINK, Kind.REPEATED_LINK, Kind.TRUNCATED])
def test_a_broken_page_is_no_short_list(site, line_id, entity, kind):
    site.break_calls("POST", f"/V1.0/{entity}/query**", kind=kind, times=None)

    read = {
        "Contracts": lambda: site.gateway.list_agreements(None),
        "ContractServices": lambda: site.gateway.list_lines(AGREEMENT),
    }[entity]

    with pytest.raises(UnexpectedPayloadError):
        read()


def test_an_empty_page_is_no_end(site, line_id):
    site.break_calls("POST", "/V1.0/ContractServices/query", kind=Kind.EMPTY_PAGE)

    assert [one.line_id for one in site.gateway.list_lines(AGREEMENT)] == [line_id]


# Adjustments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "effective"), [(12, APRIL), (7, APRIL), (12, MID_APRIL), (11, date(2026, 6, 1))]
)
def test_the_difference_is_sent_once_and_read_back(site, line_id, after, effective):
    line = site.gateway.execute(adjust(line_id, 10, after, effective))

    assert line.quantity_on(effective - timedelta(days=1)) == 10
    assert line.quantity_on(effective) == line.quantity_on(YEAR_END) == after
    assert site.lines() == (line,)
    assert (site.write_count(), site.waited) == (1, [])


def test_what_is_there_already_is_not_sent_again(site, line_id):
    first = site.gateway.execute(adjust(line_id, 10, 12))
    second = site.gateway.execute(adjust(line_id, 10, 12))

    assert first == second
    assert site.write_count() == 1


def test_the_customer_is_billed_what_was_adjusted(site, line_id):
    site.gateway.execute(adjust(line_id, 10, 12, MID_APRIL))
    site.gateway.execute(adjust(line_id, 12, 11, date(2026, 4, 21)))

    invoices = approve_and_post(site.state, date(2026, 5, 1)).invoices

    amounts = [line["amount"] for one in invoices for line in one["lines"]]
    # 10 for April; 2 for 16 of 30 days; 1 less for 10; 11 for May.
    assert amounts == [Decimal(text) for text in ("310.00", "341.00", "33.07", "-10.33")]


def test_somebody_elses_change_goes_to_a_person(site, line_id):
    with pytest.raises(ConflictError, match="has 10 units on 2026-04-01"):
        site.gateway.execute(adjust(line_id, 9, 12))

    assert site.write_count() == 0


def test_a_change_planned_for_later_goes_to_a_person(site, line_id):
    site.gateway.execute(adjust(line_id, 10, 12, MID_APRIL))

    with pytest.raises(ConflictError, match="planned after"):
        site.gateway.execute(adjust(line_id, 10, 11))

    assert site.write_count() == 1


def test_a_second_change_for_a_date_is_refused_as_it_comes(site, line_id):
    site.gateway.execute(adjust(line_id, 10, 12))

    with pytest.raises(RequestRefusedError, match="duplicate data"):
        site.gateway.execute(adjust(line_id, 12, 13))

    assert site.lines()[0].quantity_on(APRIL) == 12


def test_posted_periods_are_left_alone(site, line_id):
    with pytest.raises(ConflictError, match="posted up to 2026-03-31"):
        site.gateway.execute(adjust(line_id, 10, 12, date(2026, 3, 17)))

    assert site.write_count() == 0


def test_a_site_may_take_changes_in_posted_periods(site, line_id):
    site.state.switches.adjust_posted_periods = True
    gateway = site.gateway_with(replace(CONFIG, posted_periods=True))

    line = gateway.execute(adjust(line_id, 10, 12, date(2026, 3, 17)))

    assert gateway.capabilities.changes_invoiced
    assert (line.quantity_on(date(2026, 3, 16)), line.quantity) == (10, 12)
    # What is added to a posted period is not posted, and yet the period counts as posted.
    assert gateway.get_agreement(AGREEMENT).first_uninvoiced == APRIL


def test_a_site_that_refuses_what_the_settings_promise_is_heard(site, line_id):
    gateway = site.gateway_with(replace(CONFIG, posted_periods=True))

    with pytest.raises(RequestRefusedError, match="approved and posted"):
        gateway.execute(adjust(line_id, 10, 12, date(2026, 3, 17)))


def test_no_units_are_left_only_where_the_site_takes_it(site, line_id):
    with pytest.raises(RequestRefusedError, match="UNITS_TO_ZERO"):
        site.gateway.execute(adjust(line_id, 10, 0))
    assert site.write_count() == 0

    gateway = site.gateway_with(replace(CONFIG, units_to_zero=True))
    with pytest.raises(RequestRefusedError, match="cannot be 0"):
        gateway.execute(adjust(line_id, 10, 0))
    site.state.switches.units_to_zero = True

    assert gateway.execute(adjust(line_id, 10, 0)).quantity_on(APRIL) == 0


def test_a_date_outside_the_contract_is_refused(site, line_id):
    with pytest.raises(OperatorActionError):
        site.gateway.execute(adjust(line_id, 10, 12, date(2027, 1, 1)))

    assert site.lines()[0].quantity_on(YEAR_END) == 10


def test_an_answer_without_an_id_is_a_success(site, line_id):
    site.state.switches.null_item_id = True

    assert site.gateway.execute(adjust(line_id, 10, 12)).quantity_on(APRIL) == 12
    assert site.gateway.execute(a_create(starts=APRIL, product_id=other_product(site)))


def test_units_that_show_late_are_waited_for_once(site, line_id):
    site.state.switches.lag_reads = 2

    assert site.gateway.execute(adjust(line_id, 10, 12)).quantity_on(APRIL) == 12
    assert (site.waited, site.write_count()) == ([2.0], 1)


def test_units_that_do_not_show_leave_the_outcome_open(site, line_id):
    site.state.switches.lag_reads = 9

    with pytest.raises(UnknownOutcomeError, match="shows 10"):
        site.gateway.execute(adjust(line_id, 10, 12))

    assert site.write_count() == 1


def test_units_that_show_something_else_go_to_a_person(site, line_id, monkeypatch):
    hand = site.state.lines[int(line_id)].adjustments
    send = site.gateway._send_adjustment  # somebody else writes in between

    def with_somebody_else(*given: object) -> None:
        send(*given)
        hand.append(replace(hand[-1], adjustment_id=9999, units=1))

    monkeypatch.setattr(site.gateway, "_send_adjustment", with_somebody_else)

    with pytest.raises(ConflictError, match="shows 13"):
        site.gateway.execute(adjust(line_id, 10, 12))
    assert site.waited == []


@pytest.mark.parametrize(
    ("trouble", "landed"),
    [
        (Trouble.LOST_ANSWER, True),
        (Trouble.DROPPED, False),
        (Trouble.UNAVAILABLE, False),
        (Trouble.HTML, False),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_lost_adjustment_is_settled_by_reading(site, line_id, trouble, landed):
    operation = adjust(line_id, 10, 12)
    site.trouble(trouble, writes=True)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(operation)

    assert site.write_count() == 1
    assert has_landed(operation, site.gateway.list_lines(AGREEMENT)) is landed
    # Whoever comes back to it neither doubles nor drops it.
    assert site.gateway.execute(operation).quantity_on(APRIL) == 12
    assert site.write_count() == (1 if landed else 2)
    assert site.lines()[0].quantity_on(APRIL) == 12


def test_an_adjustment_that_takes_too_long_is_sent_once(site, line_id):
    site.break_calls("POST", ADJUST, kind=Kind.LATENCY, seconds=100)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(adjust(line_id, 10, 12))

    assert site.write_count() == 1


def test_two_workers_with_one_plan_adjust_once(site, line_id):
    """A lease keeps them apart; were it lost, a date takes one adjustment."""
    operation = adjust(line_id, 10, 12)
    meet = threading.Barrier(2)
    site.gateway.list_lines(AGREEMENT)
    outcomes: list[object] = []

    def work() -> None:
        gateway = site.gateway_with(CONFIG)
        send = gateway._send_adjustment  # both have read before either writes

        def together(*given: object) -> None:
            meet.wait(5)
            send(*given)

        gateway._send_adjustment = together
        try:
            outcomes.append(gateway.execute(operation))
        except RequestRefusedError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert sorted(isinstance(one, AgreementLine) for one in outcomes) == [False, True]
    assert site.lines()[0].quantity_on(APRIL) == 12


# New lines and texts -----------------------------------------------------------------------------


def other_product(site: AutotaskServer) -> ProductId:
    site.add_product(ProductId("777"), "Exchange Online", price=Decimal("4.00"))
    return ProductId("777")


def test_a_line_is_created_with_its_units(site):
    create = a_create(
        quantity=2,
        starts=MID_APRIL,
        unit_price=Decimal("29.95"),
        description='2 seats\nfrom 15 April, "quoted" & <marked> – ü',
    )

    line = site.gateway.execute(create)

    assert site.lines() == (line,)
    assert line.steps == (QuantityStep(MID_APRIL, 2),)
    assert (line.quantity, line.starts, line.ends) == (0, MID_APRIL, None)
    assert (line.marker, line.product_id) == (create.marker, PRODUCT)
    assert (line.unit_price, line.description) == (Decimal("29.95"), create.description)
    assert has_landed(create, site.lines())


def test_what_is_not_said_comes_from_the_service(site):
    line = site.gateway.execute(a_create(starts=APRIL))

    assert (line.unit_price, line.description) == (Decimal("31.00"), "Microsoft 365 E5")


def test_a_contract_takes_each_product_once(site, line_id):
    with pytest.raises(ConflictError, match=f"already, as line {line_id}"):
        site.gateway.execute(a_create(starts=APRIL))

    assert site.write_count() == 0


def test_creating_again_changes_nothing(site):
    create = a_create(starts=APRIL)

    assert site.gateway.execute(create) == site.gateway.execute(create)
    assert site.write_count() == 2


@pytest.mark.parametrize("path", [CREATE, ADJUST])
@pytest.mark.parametrize("kind", [Kind.LOST_ANSWER, Kind.DROP])
def test_a_line_interrupted_in_between_is_finished_by_the_same_operation(site, path, kind):
    create = a_create(starts=APRIL, quantity=12)
    site.break_calls("POST", path, kind=kind, times=1)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(create)
    whole = path == ADJUST and kind is Kind.LOST_ANSWER
    assert has_landed(create, site.gateway.list_lines(AGREEMENT)) is whole

    line = site.gateway.execute(create)

    assert line.quantity_on(APRIL) == 12
    assert site.lines() == (line,)


def test_a_line_whose_units_are_refused_is_not_done(site):
    site.state.switches.same_date_twice = False
    site.break_calls("POST", ADJUST, kind=Kind.STATUS, status=500)

    with pytest.raises(UnknownOutcomeError, match="may be without its units"):
        site.gateway.execute(a_create(starts=APRIL))

    assert not has_landed(a_create(starts=APRIL), site.gateway.list_lines(AGREEMENT))


def test_a_new_line_that_shows_late_is_waited_for(site):
    site.state.switches.lag_reads = 2

    assert site.gateway.execute(a_create(starts=APRIL)).quantity_on(APRIL) == 10
    assert set(site.waited) == {2.0}


def test_a_site_that_forgets_our_mark_is_noticed_before_anything_doubles(site):
    site.state.switches.keeps_internal_description = False
    site.break_calls("POST", ADJUST, kind=Kind.DROP, times=1)
    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(a_create(starts=APRIL))

    with pytest.raises(ConflictError):
        site.gateway.execute(a_create(starts=APRIL))

    assert len(site.lines()) == 1


@pytest.mark.parametrize(
    "create",
    [
        a_create(starts=APRIL, ends=YEAR_END),
        a_create(starts=APRIL, quantity=-1),
        a_create(starts=APRIL, billable=Billable.NO_CHARGE),
        a_create(starts=date(2027, 1, 1)),
        a_create(starts=date(2026, 3, 17)),
    ],
    ids=["last day", "negative", "no charge", "outside", "posted"],
)
def test_a_line_that_cannot_be_is_refused_before_anything_is_written(site, create):
    site.add_product(ProductId("888"), "Posted before", price=Decimal("1.00"))
    site.add_line(a_line(product_id=ProductId("888")))

    with pytest.raises(RequestRefusedError):
        site.gateway.execute(create)

    assert site.write_count() == 0


@pytest.mark.parametrize("text", ["12 × E5", 'two\nlines, "quoted" & <marked>', ""])
def test_a_text_is_replaced_and_may_be_repeated(site, line_id, text):
    once = site.gateway.execute(SetDescription(AGREEMENT, line_id, text))
    twice = site.gateway.execute(SetDescription(AGREEMENT, line_id, text))

    assert once == twice
    assert once.description == text
    assert once.quantity == 10


@pytest.mark.parametrize(
    "operation",
    [SetQuantity(AGREEMENT, LineId("501"), 10, 12), RemoveLine(AGREEMENT, LineId("501"))],
    ids=["quantity", "remove"],
)
def test_what_autotask_lacks_is_refused_before_anything_is_sent(site, line_id, operation):
    with pytest.raises(RequestRefusedError, match="Autotask has no"):
        site.gateway.execute(operation)

    assert site.write_count() == 0


@pytest.mark.parametrize("odd", [*ODD_IDS, "b", "bb501"])
def test_odd_ids_are_not_adjusted(site, line_id, odd):
    for operation in (
        AdjustQuantity(AgreementId(odd), line_id, 10, 12, APRIL),
        AdjustQuantity(AGREEMENT, LineId(odd), 10, 12, APRIL),
        SetDescription(AGREEMENT, LineId(odd), "x"),
    ):
        with pytest.raises(RequestRefusedError):
            site.gateway.execute(operation)

    assert site.write_count() == 0


def test_a_line_of_another_agreement_is_not_adjusted(site, line_id):
    site.add_agreement(AgreementId("7002"))

    with pytest.raises(RequestRefusedError, match="there is no line"):
        site.gateway.execute(AdjustQuantity(AgreementId("7002"), line_id, 10, 12, APRIL))


# Zones and limits --------------------------------------------------------------------------------


def test_the_zone_is_asked_for_once(site, line_id):
    for _ in range(3):
        site.gateway.list_lines(AGREEMENT)

    assert site.kinds.count("autotask.zone") == 1


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
def test_a_site_that_moved_is_found_again(site, line_id, writes):
    site.gateway.list_lines(AGREEMENT)
    site.state.zone = "zone5"

    if writes:
        assert site.gateway.execute(adjust(line_id, 10, 12)).quantity_on(APRIL) == 12
    else:
        assert [one.line_id for one in site.gateway.list_lines(AGREEMENT)] == [line_id]

    assert site.kinds.count("autotask.zone") == 2
    assert site.lines()[0].quantity_on(APRIL) == (12 if writes else 10)


def test_a_site_that_moves_between_reading_and_writing_is_written_once(site, line_id, monkeypatch):
    send = site.gateway._send_adjustment  # the site moves in between

    def after_the_move(*given: object) -> None:
        site.state.zone = "zone5"
        send(*given)

    monkeypatch.setattr(site.gateway, "_send_adjustment", after_the_move)

    assert site.gateway.execute(adjust(line_id, 10, 12)).quantity_on(APRIL) == 12
    landed = [one for one in site.state.audit if one["change"] == "adjust"]
    assert len(landed) == 1


def test_wrong_keys_are_tried_once_more_at_most(site):
    site.gateway.list_companies()
    site.state.users = [replace(DEMO_USER, secret="changed")]
    site.simulator.calls.clear()

    with pytest.raises(AccessDeniedError, match="401") as caught:
        site.gateway.list_companies()

    assert "integration code" in caught.value.remedy
    assert len(site.simulator.calls.records()) == 2  # one refused, one for the zone


def test_an_unknown_user_is_told(site):
    gateway = site.gateway_with(replace(CONFIG, user_name="nobody@contoso.example"))

    with pytest.raises(AccessDeniedError, match="no zone") as caught:
        gateway.check()

    assert "user name" in caught.value.remedy


@pytest.mark.parametrize(
    "told",
    [
        "https://autotask.test/atservicesrest/",
        "http://elsewhere.example/atservicesrest/",
        "http://evilautotask.test/atservicesrest/",
        "not an address",
    ],
)
def test_keys_go_nowhere_but_to_autotask(site, told, monkeypatch):
    vendor = type(site.simulator.vendor)
    monkeypatch.setattr(vendor, "handle", lambda *_given: Answer(200, {"url": told}))

    with pytest.raises(UnexpectedPayloadError, match="zone"):
        site.gateway.list_companies()

    assert site.kinds == ["autotask.zone"]


def test_a_check_tells_how_much_is_used(site):
    assert site.gateway.check() == "Autotask PSA, 1 of 10000 calls used in the last hour"


@pytest.mark.parametrize("status", [429, 500])
def test_at_the_threshold_the_connection_waits(site, line_id, status):
    site.gateway.list_lines(AGREEMENT)
    switches = site.state.switches
    switches.threshold_applies, switches.threshold, switches.threshold_status = True, 1, status

    with pytest.raises(RateLimitError) as caught:
        site.gateway.execute(adjust(line_id, 10, 12))

    assert caught.value.retry_after >= timedelta(seconds=30)


def test_a_fault_of_the_server_is_no_refusal(site, line_id):
    site.break_calls("POST", "**/query", kind=Kind.STATUS, status=500)

    with pytest.raises(UpstreamUnavailableError):
        site.gateway.list_lines(AGREEMENT)


def test_no_more_than_three_calls_run_at_one_endpoint(site, monkeypatch):
    site.gateway.list_companies()
    site.simulator.latency = 1
    inside, go_on = threading.Barrier(4), threading.Event()
    held: list[float] = []

    def hold(seconds: float) -> None:
        held.append(seconds)
        if len(held) <= 3:
            inside.wait(5)
            go_on.wait(5)

    monkeypatch.setattr(site.adapter, "_sleep", hold)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(site.gateway.list_companies())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    inside.wait(5)
    limit = site.gateway._api._limit("Companies")
    another = limit.acquire(blocking=False)
    go_on.set()
    for thread in threads:
        thread.join(10)

    assert not another
    assert found == [1] * 8


def test_a_missing_agreement_is_told_from_an_empty_one(site):
    assert site.gateway.list_lines(AGREEMENT) == ()
    with pytest.raises(NotFoundError):
        site.gateway.list_lines(AgreementId("7999"))


def test_a_company_comes_with_its_web_site(site):
    site.state.seed(
        companies=[builders.a_company(250, name="Contoso", website="https://www.contoso.example/")]
    )

    [company] = site.gateway.list_companies()

    assert company.website == "https://www.contoso.example/"


# Headers and lines of many contracts at once ------------------------------------------------------

AT_ONCE = {
    "as usual": {"first_uninvoiced": APRIL},
    "in arrears": {"first_uninvoiced": date(2026, 3, 1)},
    "long in arrears": {"first_uninvoiced": date(2026, 2, 1)},
    "posted ahead": {"first_uninvoiced": date(2026, 5, 1)},
    "posted far ahead": {"first_uninvoiced": date(2026, 8, 1)},
    "never posted": {"first_uninvoiced": None},
    "ends with the period": {"first_uninvoiced": APRIL, "ends": date(2026, 3, 31)},
    "ends soon": {"first_uninvoiced": APRIL, "ends": date(2026, 4, 20)},
    "anchored within the month": {
        "first_uninvoiced": date(2026, 4, 15),
        "starts": date(2025, 12, 15),
    },
    "begins later": {"first_uninvoiced": None, "starts": date(2026, 5, 1)},
}


def at_once(site: AutotaskServer) -> dict[AgreementId, tuple[Agreement, tuple[AgreementLine, ...]]]:
    batches = site.gateway.list_with_lines({COMPANY})
    return {header.agreement_id: (header, own or ()) for batch in batches for header, own in batch}


def test_headers_and_lines_of_many_contracts_are_what_each_says_alone(site):
    numbers = [AgreementId(str(7100 + place)) for place in range(len(AT_ONCE))]
    for number, fields in zip(numbers, AT_ONCE.values(), strict=True):
        site.add_agreement(number, **fields)
        starts = fields.get("starts", JANUARY)
        site.add_line(a_line(agreement_id=number, starts=starts))
        site.add_line(a_line(agreement_id=number, starts=starts, quantity=3))
    quarterly, unknown = AgreementId("7201"), AgreementId("7202")
    for number, period in ((quarterly, "Quarterly"), (unknown, "Semi-Annual")):
        first = APRIL if number == quarterly else None
        contract = builders.a_contract(int(number), period=period, first_unposted=first)
        site.state.seed(contracts=[contract])
        site.add_line(a_line(agreement_id=number))
    site.add_company(CompanyId("999"), "Not ours")
    site.add_agreement(AgreementId("7300"), company_id=CompanyId("999"))
    site.add_agreement(AgreementId("7301"), cancelled=True)
    tomorrow = NOW.date() + timedelta(days=1)

    found = at_once(site)

    assert set(found) == {AGREEMENT, *numbers, quarterly, unknown}
    for number, (header, own) in found.items():
        assert header == site.gateway.get_agreement(number), number
        alone = site.gateway.list_lines(number)
        assert [line.line_id for line in own] == [line.line_id for line in alone]
        for day in (NOW.date(), tomorrow, max(tomorrow, header.first_uninvoiced or tomorrow)):
            told = [line.quantity_on(day) for line in own]
            assert told == [line.quantity_on(day) for line in alone], (number, day)


def test_a_change_ahead_is_told_with_many(site, line_id):
    site.gateway.execute(adjust(line_id, 10, 12))
    site.gateway.execute(adjust(line_id, 12, 11, date(2026, 4, 2)))

    ((_, (line,)),) = at_once(site).values()

    assert (line.quantity, line.quantity_on(APRIL)) == (10, 12)
    assert line.quantity_on(date(2026, 4, 2)) == 11


def test_bundles_come_with_many_too(site, line_id):
    site.state.seed(
        bundles=[builders.a_bundle(301, name="Workplace")],
        contract_bundles=[builders.a_contract_bundle(601, bundle=301, units=3)],
    )

    ((_, own),) = at_once(site).values()

    assert [(line.line_id, line.quantity) for line in own] == [(line_id, 10), ("b601", 3)]


def test_one_more_read_tells_what_was_posted_where_the_units_of_today_do_not(site):
    number = AgreementId("7100")
    site.add_agreement(number, first_uninvoiced=date(2026, 3, 1))
    site.add_line(a_line(agreement_id=number))
    at_once(site)
    site.kinds.clear()

    at_once(site)

    assert Counter(site.kinds) == {
        "autotask.Contracts.query": 1,
        "autotask.ContractServices.query": 1,
        "autotask.ContractServiceUnits.query": 2,
        "autotask.ContractServiceBundles.query": 1,
    }


# What a write goes on from ------------------------------------------------------------------------


def test_an_adjustment_goes_on_from_what_was_just_read(site, line_id):
    read = site.gateway.read_lines(AGREEMENT)
    site.kinds.clear()

    line = site.gateway.execute(adjust(line_id, 10, 12), read)

    assert site.lines() == (line,)
    assert site.kinds == [
        "autotask.ContractServiceAdjustments",
        "autotask.ContractServiceUnits.query",
    ]


def test_what_was_just_read_is_compared_too(site, line_id):
    read = site.gateway.read_lines(AGREEMENT)

    with pytest.raises(ConflictError, match="has 10 units"):
        site.gateway.execute(adjust(line_id, 9, 12), read)
    with pytest.raises(ConflictError, match="posted up to"):
        site.gateway.execute(adjust(line_id, 10, 12, date(2026, 3, 17)), read)

    assert site.write_count() == 0


def test_what_was_read_long_ago_is_read_again(site, line_id):
    read = replace(site.gateway.read_lines(AGREEMENT), read_from=Clock().real_now() - LONG_AGO)
    site.gateway.execute(adjust(line_id, 10, 11))

    with pytest.raises(ConflictError, match="has 11 units"):
        site.gateway.execute(adjust(line_id, 10, 12), read)


def test_somebody_who_writes_after_the_read_is_noticed(site, line_id):
    """No read before a difference can rule it out; the read after it tells."""
    read = site.gateway.read_lines(AGREEMENT)
    site.gateway.execute(adjust(line_id, 10, 13, APRIL))

    with pytest.raises(ConflictError, match="shows 15"):
        site.gateway.execute(adjust(line_id, 10, 12, date(2026, 4, 2)), read)


def test_units_alone_are_one_read(site, line_id):
    (known,) = site.gateway.list_lines(AGREEMENT)
    site.gateway.execute(adjust(line_id, 10, 12))
    site.kinds.clear()

    as_known = replace(known, description="as it was known")
    read = site.gateway.read_quantities(AGREEMENT, [as_known], line_id)

    assert site.kinds == ["autotask.ContractServiceUnits.query"]
    assert read.lines == (replace(site.lines()[0], description="as it was known"),)
    assert not read.whole
    site.kinds.clear()
    site.gateway.execute(adjust(line_id, 12, 13, date(2026, 4, 2)), read)
    assert len(site.kinds) == 2


def together(gateway: AutotaskGateway, *reads: Callable[[], T]) -> list[T]:
    """Let threads read, so that all of them have asked before the first query is sent."""
    gathered = gateway._units[""]
    with ThreadPoolExecutor(len(reads)) as pool:
        with gathered.held_back():
            asking = [pool.submit(one) for one in reads]
            with gathered._changed:
                everybody = lambda: len(gathered._waiting) == len(reads)  # noqa: E731 - is waited for
                assert gathered._changed.wait_for(everybody, 1.5)
        return [one.result(10) for one in asking]


@pytest.fixture
def other_line(site) -> LineId:
    """A line of a second agreement."""
    site.add_agreement(OTHER)
    return site.add_line(a_line(agreement_id=OTHER), {JANUARY: 4})


def test_units_of_several_contracts_are_one_read(site, line_id, other_line):
    known, other = site.gateway.list_lines(AGREEMENT), site.gateway.list_lines(OTHER)
    site.kinds.clear()

    read, beside = together(
        site.gateway,
        lambda: site.gateway.read_quantities(AGREEMENT, known, line_id),
        lambda: site.gateway.read_quantities(OTHER, other, other_line),
    )

    assert site.kinds == ["autotask.ContractServiceUnits.query"]
    assert (read.lines, beside.lines) == (known, other)


def test_what_is_read_before_a_change_and_after_another_is_one_read(site, line_id, other_line):
    """Each is told of its own line alone, as a read by itself would tell."""
    known = site.gateway.list_lines(AGREEMENT)
    (place,) = site.gateway.read_lines(OTHER).own.values()
    site.kinds.clear()

    read, rows = together(
        site.gateway,
        lambda: site.gateway.read_quantities(AGREEMENT, known, line_id),
        lambda: site.gateway._units_of(place),
    )

    assert site.kinds == ["autotask.ContractServiceUnits.query"]
    assert (read.lines, rows) == (known, place.rows)


def test_an_odd_row_of_a_contract_harms_no_other_one(site, line_id, other_line):
    known, other = site.gateway.list_lines(AGREEMENT), site.gateway.list_lines(OTHER)
    gathered = site.gateway._units[""]
    whole = gathered._read_all

    def one_is_odd(wanted):
        if any(one.contract == int(OTHER) for one in wanted):
            raise UnexpectedPayloadError("main: $.items[0].id: expected a whole number")
        return whole(wanted)

    def refused():
        with pytest.raises(UnexpectedPayloadError, match="whole number"):
            site.gateway.read_quantities(OTHER, other, other_line)

    gathered._read_all = one_is_odd
    read, _ = together(
        site.gateway,
        lambda: site.gateway.read_quantities(AGREEMENT, known, line_id),
        refused,
    )

    assert read.lines == known


def test_the_first_units_that_are_read_do_not_look_like_a_change_of_their_first_day(site, line_id):
    """A fall that waited for its period is dated back to its first day, if no sync ran on it: so
    what a run reads must not look as if somebody had changed the line on that day.
    """
    today = NOW.date()

    [[(_, (line,))]] = site.gateway.list_with_lines([COMPANY])

    assert [one.quantity for one in line.steps] == [10]
    assert line.steps[0].starts < today.replace(day=1)
    assert line.quantity_on(today) == 10


def test_what_is_planned_far_ahead_is_seen_of_the_line_that_changes(site, line_id):
    known = site.gateway.list_lines(AGREEMENT)
    site.gateway.execute(adjust(line_id, 10, 15, date(2026, 9, 1)))

    read = site.gateway.read_quantities(AGREEMENT, known, line_id)

    assert [one.quantity for one in read.lines[0].steps] == [10, 15]
    with pytest.raises(ConflictError, match="planned after"):
        site.gateway.execute(adjust(line_id, 10, 12), read)


def test_a_change_of_another_line_than_was_told_reads_it_first(site, line_id):
    """Of that one only the units of today were read."""
    site.add_product(ProductId("102"), "Microsoft 365 E3", price=Decimal("36.00"))
    beside = site.add_line(a_line(product_id=ProductId("102")), {JANUARY: 4, date(2026, 9, 1): 6})
    known = site.gateway.list_lines(AGREEMENT)

    read = site.gateway.read_quantities(AGREEMENT, known, line_id)

    assert [one.quantity for one in read.lines] == [10, 4]
    assert [len(one.steps) for one in read.lines] == [1, 1]
    with pytest.raises(ConflictError, match="planned after"):
        site.gateway.execute(adjust(beside, 4, 5), read)


def test_an_adjustment_that_fails_lets_reads_go_on(site, line_id):
    site.trouble(Trouble.FORBIDDEN, writes=True)
    with pytest.raises(AccessDeniedError):
        site.gateway.execute(adjust(line_id, 10, 12))
    site.state.users = [DEMO_USER]

    assert site.gateway._units[""]._holding == 0
    assert site.gateway.list_lines(AGREEMENT)[0].quantity == 10


def test_units_of_lines_that_nobody_knew_need_a_whole_read(site, line_id):
    known = site.gateway.list_lines(AGREEMENT)
    site.add_line(a_line(), {JANUARY: 3})

    assert site.gateway.read_quantities(AGREEMENT, known, line_id) is None


def test_a_known_line_without_units_needs_a_whole_read(site, line_id):
    known = site.gateway.list_lines(AGREEMENT)
    del site.state.lines[int(line_id)]

    assert site.gateway.read_quantities(AGREEMENT, known, line_id) is None
    assert site.gateway.read_quantities(AgreementId("x"), known, line_id) is None
