"""The HaloPSA gateway against the simulator, without a socket."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from local.simulators.common.calls import CallRecord
from local.simulators.common.faults import Kind
from local.simulators.halopsa import builders
from local.simulators.halopsa.invoicing import run_invoices
from local.simulators.halopsa.state import DEMO_APPLICATION, PsaState
from local.simulators.halopsa.state import Application as SimulatedApplication
from local.simulators.halopsa.vendor import halopsa_app
from shared.adapters.psa.halopsa.gateway import WAIT, HaloPsaConfig, HaloPsaGateway, halopsa_gateway
from shared.adapters.psa.halopsa.token import Application
from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    AgreementLine,
    EndLine,
    LineKind,
    ProrataRow,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
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

HOST = "http://halopsa.test"
WRITES = "/RecurringInvoice**"
APPLICATION = Application(
    auth_url=f"{HOST}/auth",
    tenant="demo",
    client_id=DEMO_APPLICATION.client_id,
    client_secret=DEMO_APPLICATION.secret,
)
CONFIG = HaloPsaConfig(HOST, APPLICATION, negative_prorata=True, calls_per_window=10_000)


class HaloPsaServer(SimulatedPsa[PsaState]):
    """A simulated instance, and a gateway that calls it in process."""

    host = HOST

    def __init__(self, config: HaloPsaConfig = CONFIG) -> None:
        state = PsaState(now=lambda: NOW)
        state.switches.negative_prorata = True
        super().__init__(state, halopsa_app(state))
        self.gateway = self.gateway_with(config)

    def gateway_with(self, config: HaloPsaConfig) -> HaloPsaGateway:
        return halopsa_gateway(ConnectionName("main"), config, self.clock, self.http)

    def add_company(self, company_id: CompanyId, name: str, *, deleted: bool = False) -> None:
        client = builders.a_client(int(company_id), name=name, active=not deleted)
        self.state.seed(clients=[client])

    def add_product(
        self, product_id: ProductId, name: str, *, price: Decimal, active: bool = True
    ) -> None:
        item = builders.an_item(int(product_id), name=name, price=price, active=active)
        self.state.seed(items=[item])

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
        del prorates  # each row of a line is prorated, whatever the invoice says
        header = builders.a_recurring_invoice(
            int(agreement_id),
            client=int(company_id),
            starts=starts,
            ends=ends,
            first_uninvoiced=first_uninvoiced,
            disabled=cancelled,
        )
        self.state.seed(recurring_invoices=[header | more])

    def add_line(self, line: AgreementLine, **more: object) -> LineId:
        number = self.next_line()
        record = builders.a_line(
            number,
            recurring_invoice=int(line.agreement_id),
            item=int(line.product_id),
            quantity="2.5" if line.quantity is None else line.quantity,
            starts=line.starts,
            ends=line.ends,
            price=line.unit_price,
            text=line.description,
            reference=line.marker,
            inactive=line.billable is not Billable.BILLABLE,
        )
        self.state.seed(lines=[record | more])
        return LineId(str(number))

    def lines(self, agreement_id: AgreementId = AGREEMENT) -> tuple[AgreementLine, ...]:
        """Read through another gateway, without counting."""
        other = HaloPsaServer()
        try:
            other.state.restore(self.state.dump())
            other.state.applications = [DEMO_APPLICATION]
            other.state.switches.rate_limit = 0
            return other.gateway.list_lines(agreement_id)
        finally:
            other.close()

    def calls(self) -> list[CallRecord]:
        return [one for one in super().calls() if one.kind != "halopsa.token"]

    def trouble(self, kind: Trouble, *, writes: bool, times: int | None = 1) -> None:
        if kind is Trouble.WRONG_KEYS:
            self.state.applications = [SimulatedApplication("other", "other")]
        elif kind is Trouble.FORBIDDEN:
            denied = frozenset({"edit" if writes else "read"})
            self.state.applications = [replace(DEMO_APPLICATION, denied=denied)]
        else:
            self.break_calls("POST" if writes else "GET", times=times, **FAULTS[kind])

    def break_calls(self, method: str, path: str = "", **fault: object) -> None:
        super().break_calls(method, path or (WRITES if method == "POST" else "**"), **fault)


@pytest.fixture
def server():
    server = HaloPsaServer()
    yield server
    server.close()
    # The gateway sends nothing that the published contract does not know.
    assert server.simulator.violations == []


@pytest.fixture
def site(server):
    return with_contoso(server)


class TestHaloPsa(PsaGatewayContract):
    """The differences from the contract are HaloPSA's own, and each says why."""

    def test_a_header_says_what_is_invoiced_and_whether_it_prorates(self, site):
        """Rows of a line are always prorated."""
        site.add_agreement(
            AgreementId("7002"),
            starts=date(2026, 1, 31),
            ends=date(2026, 12, 30),
            first_uninvoiced=date(2026, 2, 28),
        )

        read = site.gateway.get_agreement(AgreementId("7002"))

        assert (read.company_id, read.cycle) == (COMPANY, Cycle(date(2026, 1, 31), 1))
        assert read.first_uninvoiced == date(2026, 2, 28)
        assert (read.starts, read.ends) == (date(2026, 1, 31), date(2026, 12, 30))
        assert (read.active, read.prorates, read.problem) == (True, True, None)

    def test_cancelled_and_future_lines_are_listed_too(self, site):
        """No part of a line is included elsewhere, and lines at no charge are only cheap."""
        given = [
            a_line(quantity=1, starts=date(2025, 1, 1), ends=date(2025, 12, 31)),
            a_line(quantity=3, starts=date(2027, 1, 1)),
            a_line(quantity=None, marker="SEATSYNC-other"),
            a_line(quantity=0, billable=Billable.DO_NOT_BILL, starts=None),
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
        """Its seats come by a row, and it has no last day."""
        create = a_create(
            quantity=2,
            starts=TODAY,
            unit_price=dollars("29.95"),
            description='2 seats\nfrom 17 March, "quoted" & <marked> – ü',
        )

        line = site.gateway.execute(create)

        assert site.lines() == (line,)
        assert (line.quantity, line.starts, line.marker) == (2, TODAY, create.marker)
        assert line.waiting == (ProrataRow(TODAY, 2),)
        assert (line.unit_price, line.product_id) == (dollars("29.95"), PRODUCT)
        assert line.description == create.description

    def test_a_credit_is_a_line_with_a_negative_quantity(self, site):
        """It is a row of the line."""
        line_id = site.add_line(a_line())

        line = site.gateway.execute(AddProrata(AGREEMENT, line_id, 10, -3, TODAY))

        assert (line.quantity, line.waiting) == (7, (ProrataRow(TODAY, -3),))

    @pytest.mark.parametrize(
        ("operation", "changed"),
        [
            (lambda line: SetQuantity(AGREEMENT, line, 10, 12), {"quantity": 12}),
            (lambda line: SetQuantity(AGREEMENT, line, 10, 0), {"quantity": 0}),
            (lambda line: EndLine(AGREEMENT, line, TODAY), {"ends": TODAY}),
            (lambda line: SetDescription(AGREEMENT, line, "12 × E5"), {"description": "12 × E5"}),
            (
                lambda line: SetPrice(AGREEMENT, line, dollars("31"), dollars("29.95")),
                {"unit_price": dollars("29.95")},
            ),
            (
                lambda line: AddProrata(AGREEMENT, line, 10, 2, TODAY),
                {"quantity": 12, "waiting": (ProrataRow(TODAY, 2),)},
            ),
        ],
        ids=["quantity", "zero", "end", "description", "price", "row"],
    )
    def test_an_operation_changes_one_thing_and_may_be_repeated(self, site, operation, changed):
        """What is so already is not written again."""
        line_id = site.add_line(a_line(marker="SEATSYNC-ours"))
        site.add_line(a_line(quantity=3))
        before, other = site.lines()

        once = site.gateway.execute(operation(line_id))
        twice = site.gateway.execute(operation(line_id))

        assert once == twice == replace(before, **changed)
        assert site.lines() == (once, other)
        assert site.write_count() == 1

    @pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
    @pytest.mark.parametrize(
        ("trouble", "wait"),
        [(Trouble.THROTTLED, timedelta(seconds=7)), (Trouble.THROTTLED_WITHOUT_WAIT, WAIT)],
    )
    def test_throttling_says_how_long_to_wait_and_does_nothing(self, site, writes, trouble, wait):
        """Its window rolls for five minutes, so the usual wait is of minutes."""
        site.trouble(trouble, writes=writes)

        with pytest.raises(RateLimitError) as caught:
            some_call(site, writes=writes)

        assert caught.value.retry_after == wait
        assert caught.value.connection == "main"
        assert site.lines() == ()


# What is HaloPSA's own ---------------------------------------------------------------------------


def test_ids_may_be_negative(site):
    site.add_agreement(AgreementId("-94"))
    line_id = site.add_line(a_line(agreement_id=AgreementId("-94")))

    line = site.gateway.execute(SetQuantity(AgreementId("-94"), line_id, 10, 12))

    assert (line.agreement_id, line.quantity) == ("-94", 12)


def test_the_lines_of_many_agreements_come_by_the_page(site):
    numbers = [AgreementId(str(8000 + n)) for n in range(130)]
    for number in numbers:
        site.add_agreement(number)
        rows = [builders.a_row(TODAY, 2) | {"id": int(number)}]
        site.add_line(a_line(agreement_id=number), prorata_data=rows)
    elsewhere = AgreementId("9000")
    site.add_company(CompanyId("999"), "Not ours")
    site.add_agreement(elsewhere, company_id=CompanyId("999"))
    site.add_agreement(AgreementId("9001"), cancelled=True)
    before = site.read_count()

    batches = list(site.gateway.list_with_lines({COMPANY}))

    assert site.read_count() - before == 2
    headers = [header for batch in batches for header, _ in batch]
    assert headers == list(site.gateway.list_agreements(COMPANY))
    found = {header.agreement_id: lines for batch in batches for header, lines in batch}
    assert list(found) == [AGREEMENT, *numbers]
    for number in (numbers[5], numbers[-1]):
        assert found[number] == site.lines(number)
        assert found[number][0].waiting == (ProrataRow(TODAY, 2),)


@pytest.mark.parametrize("unlike", ["no rows", "unreadable", "no lines"])
def test_lines_that_a_list_does_not_tell_in_full_are_left_out(site, monkeypatch, unlike):
    other = AgreementId("7002")
    site.add_agreement(other)
    site.add_line(a_line(agreement_id=other))
    site.add_line(a_line())
    shown = site.simulator.vendor._shown

    def as_a_list(header, *, with_lines):
        found = shown(header, with_lines=with_lines)
        if with_lines and header["id"] == int(other):
            if unlike == "no lines":
                del found["lines"]
            elif unlike == "no rows":
                found["lines"] = [
                    {name: value for name, value in line.items() if name != "prorata_data"}
                    for line in found["lines"]
                ]
            else:
                undated = {"id": 1, "quantity": 2}
                found["lines"] = [line | {"prorata_data": [undated]} for line in found["lines"]]
        return found

    monkeypatch.setattr(site.simulator.vendor, "_shown", as_a_list)

    (batch,) = site.gateway.list_with_lines({COMPANY})

    assert [(one.agreement_id, lines is None) for one, lines in batch] == [
        (AGREEMENT, False),
        (other, True),
    ]


def test_the_quantity_counts_rows_that_no_invoice_has_seen(site):
    rows = [
        builders.a_row(TODAY, 2) | {"id": 1},
        builders.a_row(APRIL, -1) | {"id": 2},
        builders.a_row(date(2026, 2, 1), 7, invoiced=True) | {"id": 3},
    ]
    site.add_line(a_line(), prorata_data=rows)

    (line,) = site.gateway.list_lines(AGREEMENT)

    assert line.quantity == 11
    assert line.waiting == (ProrataRow(TODAY, 2), ProrataRow(APRIL, -1))


def test_a_row_becomes_quantity_after_the_invoice_and_the_seats_stay(site):
    line_id = site.add_line(a_line())
    site.gateway.execute(AddProrata(AGREEMENT, line_id, 10, 2, TODAY))

    (invoice,) = run_invoices(site.state, APRIL).invoices

    # 31.00 x 10, and 31.00 x 46/31 for two seats from 17 March to 30 April
    assert invoice["total"] == Decimal("402.00")
    (line,) = site.gateway.list_lines(AGREEMENT)
    assert (line.quantity, line.waiting) == (12, ())


@pytest.mark.parametrize("trouble", [Trouble.LOST_ANSWER, Trouble.DROPPED])
def test_a_row_whose_answer_was_lost_is_there_once_after_the_next_try(site, trouble):
    line_id = site.add_line(a_line())
    operation = AddProrata(AGREEMENT, line_id, 10, 2, TODAY)
    site.trouble(trouble, writes=True)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(operation)
    line = site.gateway.execute(operation)

    assert (line.quantity, line.waiting) == (12, (ProrataRow(TODAY, 2),))
    assert len(site.state.lines[int(line_id)]["prorata_data"]) == 1


def test_rows_of_one_day_are_one_row(site):
    line_id = site.add_line(a_line())
    site.gateway.execute(AddProrata(AGREEMENT, line_id, 10, 2, TODAY))
    line = site.gateway.execute(AddProrata(AGREEMENT, line_id, 12, -3, TODAY))

    assert (line.quantity, line.waiting) == (9, (ProrataRow(TODAY, -1),))
    assert len(site.state.lines[int(line_id)]["prorata_data"]) == 1


def test_a_row_is_not_added_to_another_number_than_it_was_planned_for(site):
    line_id = site.add_line(a_line(quantity=11))

    with pytest.raises(RequestRefusedError, match="11 seats now, not 10"):
        site.gateway.execute(AddProrata(AGREEMENT, line_id, 10, 2, TODAY))

    assert site.write_count() == 0


def test_the_quantity_is_not_written_while_rows_wait(site):
    line_id = site.add_line(a_line())
    site.gateway.execute(AddProrata(AGREEMENT, line_id, 10, 2, TODAY))

    with pytest.raises(RequestRefusedError, match="wait for an invoice"):
        site.gateway.execute(SetQuantity(AGREEMENT, line_id, 12, 13))


def test_seats_are_taken_away_by_rows_only_where_the_settings_say_so(site):
    gateway = site.gateway_with(replace(CONFIG, negative_prorata=False))
    line_id = site.add_line(a_line())

    with pytest.raises(RequestRefusedError, match="NEGATIVE_PRORATA"):
        gateway.execute(AddProrata(AGREEMENT, line_id, 10, -2, TODAY))

    assert (gateway.capabilities.credits, site.gateway.capabilities.credits) == (False, True)
    assert site.write_count() == 0


def test_what_the_instance_refuses_is_refused(site):
    site.state.switches.negative_prorata = False
    line_id = site.add_line(a_line())

    with pytest.raises(RequestRefusedError):
        site.gateway.execute(AddProrata(AGREEMENT, line_id, 10, -2, TODAY))

    assert site.lines()[0].quantity == 10


def test_a_calculated_line_is_never_written_and_does_not_hinder_others(site):
    computed = site.add_line(a_line(), recurring_invoice_quantity_type=3)
    ours = site.add_line(a_line())
    sent = []
    site.http.hooks["response"] = lambda answer, **_: sent.append(answer.request.body)

    for operation in (
        SetQuantity(AGREEMENT, computed, 10, 12),
        AddProrata(AGREEMENT, computed, 10, 2, TODAY),
        SetDescription(AGREEMENT, computed, "x"),
    ):
        with pytest.raises(RequestRefusedError, match="calculates"):
            site.gateway.execute(operation)
    site.gateway.execute(SetQuantity(AGREEMENT, ours, 10, 12))

    assert [(one.quantity, one.computed) for one in site.lines()] == [(10, True), (12, False)]
    (body,) = [json.loads(one) for one in sent if one and one[:1] in {"[", b"["}]
    assert ["qty_order" in line for line in body[0]["lines"]] == [False, True]


def kinds_of(site: HaloPsaServer) -> list[str]:
    """What was called of recurring invoices, in order."""
    kinds = [one.kind for one in site.simulator.calls.records()]
    return [one.removeprefix("halopsa.recurringinvoice.") for one in kinds if "invoice" in one]


def test_a_change_is_a_read_and_a_write_whose_answer_shows_it(site):
    line_id = site.add_line(a_line())

    line = site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12))

    assert line == site.lines()[0]
    assert kinds_of(site) == ["get", "write"]


@pytest.mark.parametrize("answers", ["sent", "id"])
def test_an_answer_that_does_not_tell_what_was_saved_is_followed_by_a_read(site, answers):
    line_id = site.add_line(a_line())
    site.state.switches.write_answers = answers

    line = site.gateway.execute(AddProrata(AGREEMENT, line_id, 10, 2, TODAY))

    assert line.quantity == 12
    assert kinds_of(site) == ["get", "write", "get"]


def test_an_answer_that_shows_something_else_is_settled_by_a_read(site, monkeypatch):
    line_id = site.add_line(a_line())
    shown = site.simulator.vendor._told

    def late(header, sent):
        answer = shown(header, sent)
        return answer | {"lines": [one | {"qty_order": 10} for one in answer["lines"]]}

    monkeypatch.setattr(site.simulator.vendor, "_told", late)

    assert site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12)).quantity == 12
    assert kinds_of(site) == ["get", "write", "get"]


def test_only_a_change_of_seats_is_taken_from_the_answer(site):
    line_id = site.add_line(a_line())

    site.gateway.execute(SetDescription(AGREEMENT, line_id, "new"))

    assert kinds_of(site) == ["get", "write", "get"]


def test_a_write_goes_on_from_what_was_just_read(site):
    line_id, other = site.add_line(a_line()), site.add_line(a_line(quantity=3))
    read = site.gateway.read_lines(AGREEMENT)

    line = site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12), read)

    assert (line.quantity, [one.line_id for one in read.lines]) == (12, [line_id, other])
    assert site.lines() == (line, read.lines[1])
    assert kinds_of(site) == ["get", "write"]


@pytest.mark.parametrize("why", ["old", "of another agreement", "from the future"])
def test_a_write_reads_again_where_what_was_read_does_not_serve(site, why):
    line_id, other = site.add_line(a_line()), AgreementId("7002")
    site.add_agreement(other)
    read = site.gateway.read_lines(other if why == "of another agreement" else AGREEMENT)
    site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 11))
    if why != "of another agreement":
        site.clock.real += timedelta(seconds=11 if why == "old" else -1)

    # What was read says 10; it is 11 by now.
    with pytest.raises(RequestRefusedError, match="has 11 seats now"):
        site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12), read)


def test_a_line_lost_to_another_writer_is_told(site, monkeypatch):
    ours, theirs = site.add_line(a_line()), site.add_line(a_line())
    site.state.switches.write_answers = "id"
    real = site.gateway._post

    def post(*given):
        answer = real(*given)
        del site.state.lines[int(theirs)]
        return answer

    monkeypatch.setattr(site.gateway, "_post", post)

    with pytest.raises(RequestRefusedError, match=f"line {theirs} was lost"):
        site.gateway.execute(SetQuantity(AGREEMENT, ours, 10, 12))


def test_a_write_that_is_not_to_be_seen_yet_may_have_happened(site):
    line_id = site.add_line(a_line())
    site.state.switches.lag_reads = 1
    site.state.switches.write_answers = "id"

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12))

    assert site.gateway.list_lines(AGREEMENT)[0].quantity == 12


@pytest.mark.parametrize("kind", [Kind.THROTTLE, Kind.STATUS, Kind.HTML, Kind.TRUNCATED])
def test_a_write_that_cannot_be_read_again_may_have_happened(site, kind):
    line_id = site.add_line(a_line())
    site.state.switches.write_answers = "id"
    site.break_calls("GET", kind=kind, skip=1)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12))


def test_only_lines_that_halopsa_has_are_made(site):
    for create in (
        a_create(kind=LineKind.DATED, ends=date(2026, 3, 31)),
        a_create(billable=Billable.NO_CHARGE),
        a_create(quantity=-1),
    ):
        with pytest.raises(RequestRefusedError):
            site.gateway.execute(create)
    with pytest.raises(RequestRefusedError, match="pro-rata rows"):
        site.gateway.execute(AdjustQuantity(AGREEMENT, LineId("501"), 10, 12, TODAY))

    assert site.write_count() == 0


def test_removing_a_line_keeps_the_others(site):
    gone, kept = site.add_line(a_line()), site.add_line(a_line())

    site.gateway.execute(RemoveLine(AGREEMENT, gone))

    assert [one.line_id for one in site.lines()] == [kept]


def test_a_long_list_of_agreements_has_several_pages(site):
    for number in range(7100, 7350):
        site.add_agreement(AgreementId(str(number)))

    assert len(site.gateway.list_agreements(None)) == 251
    assert site.read_count() == 3


def test_a_list_that_is_shorter_than_it_says_is_refused(site):
    content = json.dumps({"record_count": 2, "invoices": []}).encode()

    def shorten(answer, **_):
        if "RecurringInvoice" in answer.url:
            answer._content = content

    site.http.hooks["response"] = shorten

    with pytest.raises(UnexpectedPayloadError, match="counts 2"):
        site.gateway.list_agreements(None)


def test_one_token_serves_many_calls_until_shortly_before_its_end(site):
    tokens = lambda: site.simulator.calls.counts()["halopsa.token"]  # noqa: E731 - short
    for _ in range(3):
        site.gateway.list_companies()
    assert tokens() == 1

    site.clock.real += timedelta(minutes=59, seconds=30)
    site.gateway.list_companies()

    assert tokens() == 2


@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
def test_a_token_that_is_not_taken_any_more_is_renewed_once(site, writes):
    site.gateway.list_companies()
    site.simulator.vendor._tokens.clear()

    some_call(site, writes=writes)

    assert len(site.lines()) == int(writes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant": "other"},
        {"client_id": "other"},
        {"client_secret": "other"},
        {"scopes": ""},
        {"auth_url": f"{HOST}/elsewhere"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_wrong_keys_are_told_with_what_to_check(site, wrong):
    gateway = site.gateway_with(replace(CONFIG, application=replace(APPLICATION, **wrong)))

    with pytest.raises(AccessDeniedError) as caught:
        gateway.check()

    assert "tenant" in caught.value.remedy


def test_a_scope_that_is_missing_is_told(site):
    narrow = replace(APPLICATION, scopes="read:customers")
    gateway = site.gateway_with(replace(CONFIG, application=narrow))

    assert gateway.list_companies()
    with pytest.raises(AccessDeniedError) as caught:
        gateway.check()

    assert "scopes" in caught.value.remedy


def test_errors_of_every_shape_are_told_in_halopsa_s_words(site):
    for shape in ("result", "class", "message", "error"):
        site.state.switches.error_shape = shape
        with pytest.raises(RequestRefusedError, match="no item 999"):
            site.gateway.execute(a_create(product_id=ProductId("999")))
    site.state.switches.error_shape = "text"
    with pytest.raises(RequestRefusedError, match="400"):
        site.gateway.execute(a_create(product_id=ProductId("999")))


def test_our_own_limit_is_kept_before_halopsa_s(site):
    gateway = site.gateway_with(replace(CONFIG, calls_per_window=4))
    line_id = site.add_line(a_line())
    gateway.list_lines(AGREEMENT)
    gateway.list_lines(AGREEMENT)
    site.clock.real += timedelta(minutes=1)

    # A change may take three calls, and is not begun with two.
    with pytest.raises(RateLimitError) as caught:
        gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12))

    assert caught.value.retry_after == timedelta(minutes=4)
    assert site.write_count() == 0
    site.clock.real += timedelta(minutes=4)
    assert gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12)).quantity == 12


def test_halopsa_s_own_limit_asks_for_minutes(site):
    site.state.switches.rate_limit = 1
    site.gateway.list_lines(AGREEMENT)

    with pytest.raises(RateLimitError) as caught:
        site.gateway.list_lines(AGREEMENT)

    assert timedelta(minutes=1) <= caught.value.retry_after <= timedelta(minutes=5)


def test_one_broken_agreement_does_not_hide_the_others(site):
    site.simulator.check_contracts = False
    site.add_agreement(AgreementId("7002"), nextcreationdate="soon")
    site.add_agreement(AgreementId("7003"), startdate="1900-01-01T00:00:00")

    found = {one.agreement_id: one.problem for one in site.gateway.list_agreements(COMPANY)}

    assert found[AGREEMENT] is None
    assert "nextcreationdate" in (found[AgreementId("7002")] or "")
    assert "start date" in (found[AgreementId("7003")] or "")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"period_start_date": None}, APRIL),
        ({"period_start_date": "2026-03-01T00:00:00"}, date(2026, 3, 1)),
        ({"period_start_date": "2026-03-15T00:00:00"}, None),
        ({"period_start_date": None, "nextcreationdate": None}, None),
        ({"periodname": "Every 4 weeks"}, None),
    ],
)
def test_the_first_period_without_an_invoice_is_told_or_unknown(site, fields, expected):
    site.add_agreement(AGREEMENT, **fields)

    assert site.gateway.get_agreement(AGREEMENT).first_uninvoiced == expected


def test_a_missing_agreement_is_not_found_with_any_id(site):
    with pytest.raises(NotFoundError):
        site.gateway.get_agreement(AgreementId("-7"))


def test_secrets_do_not_show():
    assert APPLICATION.client_secret not in repr(CONFIG)


def test_a_company_comes_with_its_web_site(site):
    site.state.seed(
        clients=[builders.a_client(250, name="Contoso", website="https://www.contoso.example/")]
    )

    [company] = site.gateway.list_companies()

    assert company.website == "https://www.contoso.example/"
