"""The ConnectWise gateway against the simulator, without a socket."""

import json
from datetime import date
from decimal import Decimal

import pytest

from local.simulators.common.faults import Kind
from local.simulators.connectwise import builders
from local.simulators.connectwise.state import DEMO_MEMBER, Member, PsaState
from local.simulators.connectwise.vendor import connectwise_app
from shared.adapters.psa.connectwise.gateway import (
    ConnectWiseConfig,
    ConnectWiseGateway,
    connectwise_gateway,
)
from shared.domain.agreements import AgreementLine, RemoveLine, SetQuantity
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    RequestRefusedError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, LineId, ProductId
from shared.domain.mappings import Billable
from tests.builders import AGREEMENT, COMPANY, NOW, PRODUCT, a_create, a_line
from tests.contract.psa_gateway import PsaGatewayContract, Trouble, with_contoso
from tests.contract.simulated_psa import FAULTS, SimulatedPsa

HOST = "http://connectwise.test"
ADDITIONS = "/finance/agreements/7001/additions"
CONFIG = ConnectWiseConfig(
    url=HOST,
    company_id="demo",
    public_key=DEMO_MEMBER.public_key,
    private_key=DEMO_MEMBER.private_key,
    client_id="00000000-0000-4000-8000-000000000001",
)
BILL_CUSTOMER = {
    Billable.BILLABLE: "Billable",
    Billable.DO_NOT_BILL: "DoNotBill",
    Billable.NO_CHARGE: "NoCharge",
}


class ConnectWiseServer(SimulatedPsa[PsaState]):
    """A simulated site, and a gateway that calls it in process."""

    host = HOST

    def __init__(self, config: ConnectWiseConfig = CONFIG) -> None:
        state = PsaState(now=lambda: NOW).seed(types=[builders.a_type()])
        super().__init__(state, connectwise_app(state))
        self.kinds: list[str] = []
        self.gateway = self.gateway_with(config)

    def gateway_with(self, config: ConnectWiseConfig) -> ConnectWiseGateway:
        return connectwise_gateway(
            ConnectionName("main"),
            config,
            self.clock,
            self.http,
            lambda kind, *_: self.kinds.append(kind),
        )

    def add_company(self, company_id: CompanyId, name: str, *, deleted: bool = False) -> None:
        self.state.seed(companies=[builders.a_company(int(company_id), name=name, deleted=deleted)])

    def add_product(
        self, product_id: ProductId, name: str, *, price: Decimal, active: bool = True
    ) -> None:
        product = builders.a_product(
            int(product_id), description=name, price=price, inactive=not active
        )
        self.state.seed(products=[product])

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
        **more: object,
    ) -> None:
        agreement = builders.an_agreement(
            int(agreement_id),
            company=int(company_id),
            starts=starts,
            ends=ends,
            next_invoice=first_uninvoiced,
            prorates=prorates,
            cancelled=starts if cancelled else None,
        )
        self.state.seed(agreements=[agreement | more])

    def add_line(self, line: AgreementLine) -> LineId:
        number = self.next_line()
        addition = builders.an_addition(
            number,
            agreement=int(line.agreement_id),
            product=int(line.product_id),
            quantity="2.5" if line.quantity is None else line.quantity,
            effective=line.starts or date(2026, 1, 1),
            cancelled=line.ends,
            price=line.unit_price,
            less_included=line.less_included,
            bill_customer=BILL_CUSTOMER[line.billable],
            serial_number=line.marker,
            invoice_description=line.description,
        )
        self.state.seed(additions=[addition])
        return LineId(str(number))

    def lines(self, agreement_id: AgreementId = AGREEMENT) -> tuple[AgreementLine, ...]:
        """Read through another gateway, without counting."""
        other = ConnectWiseServer()
        try:
            other.state.restore(self.state.dump())
            other.state.members = [DEMO_MEMBER]
            return other.gateway.list_lines(agreement_id)
        finally:
            other.close()

    def trouble(self, kind: Trouble, *, writes: bool, times: int | None = 1) -> None:
        if kind is Trouble.WRONG_KEYS:
            self.state.members = [Member("other", "other", "other")]
        elif kind is Trouble.FORBIDDEN:
            rights = ("add", "edit", "delete") if writes else ("inquire",)
            modules = ("system", "company", "finance", "procurement")
            denied = frozenset(f"{module}.{right}" for module in modules for right in rights)
            self.state.members = [Member("seatsync", CONFIG.public_key, CONFIG.private_key, denied)]
        else:
            for method in ("POST", "PATCH", "DELETE") if writes else ("GET",):
                self.break_calls(method, times=times, **FAULTS[kind])


@pytest.fixture
def server():
    server = ConnectWiseServer()
    yield server
    server.close()
    assert [one for one in server.simulator.violations if one.direction != "request"] == []


class TestConnectWise(PsaGatewayContract):
    @pytest.fixture
    def server(self, server: ConnectWiseServer):
        yield server
        # The gateway sends nothing that the published contract does not know.
        assert server.simulator.violations == []


@pytest.fixture
def site(server):
    return with_contoso(server)


def test_a_check_proves_keys_and_role_even_where_the_version_is_told_to_anybody(site):
    site.state.switches.info_without_sign_in = True
    assert site.gateway.check() == "ConnectWise PSA v2025.1.0"

    site.trouble(Trouble.WRONG_KEYS, writes=False)

    with pytest.raises(AccessDeniedError):
        site.gateway.check()


@pytest.mark.parametrize(
    ("module", "read"),
    [("finance", "check"), ("procurement", "check"), ("company", "list_companies")],
)
def test_who_lacks_a_right_is_told_which_a_role_needs(site, module, read):
    denied = frozenset({f"{module}.inquire"})
    site.state.members = [Member("readonly", CONFIG.public_key, CONFIG.private_key, denied)]

    with pytest.raises(AccessDeniedError, match="403") as caught:
        getattr(site.gateway, read)()

    assert "security role" in caught.value.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        ConnectWiseConfig(HOST, "nobody", CONFIG.public_key, CONFIG.private_key, "id"),
        ConnectWiseConfig(HOST, "demo", "wrong", CONFIG.private_key, "id"),
        ConnectWiseConfig(
            f"{HOST}/other/path", "demo", CONFIG.public_key, CONFIG.private_key, "id"
        ),
    ],
    ids=["company id", "keys", "path"],
)
def test_wrong_keys_are_told_although_they_are_answered_by_not_found(site, wrong):
    gateway = site.gateway_with(wrong)

    for call in (
        gateway.check,
        gateway.list_companies,
        lambda: gateway.list_agreements(None),
        lambda: gateway.get_agreement(AGREEMENT),
        lambda: gateway.list_lines(AGREEMENT),
        lambda: gateway.execute(a_create()),
        lambda: gateway.execute(RemoveLine(AGREEMENT, LineId("501"))),
    ):
        with pytest.raises(AccessDeniedError) as caught:
            call()
        assert "company id" in caught.value.remedy

    assert site.lines() == ()


def test_a_missing_client_id_is_told(site):
    gateway = site.gateway_with(
        ConnectWiseConfig(HOST, "demo", CONFIG.public_key, CONFIG.private_key, "")
    )

    with pytest.raises(AccessDeniedError) as caught:
        gateway.list_companies()

    assert "client id" in caught.value.remedy


def test_a_missing_agreement_costs_one_more_call_only_until_the_keys_are_proven(site):
    for _ in range(2):
        with pytest.raises(NotFoundError):
            site.gateway.get_agreement(AgreementId("7999"))

    assert site.kinds == [
        "connectwise.agreements.get",
        "connectwise.agreements.check",
        "connectwise.agreements.get",
    ]


def test_the_address_may_name_the_path_of_the_api(site):
    gateway = site.gateway_with(
        ConnectWiseConfig(
            f"{HOST}/v4_6_release/apis/3.0/",
            "demo",
            CONFIG.public_key,
            CONFIG.private_key,
            CONFIG.client_id,
        )
    )

    assert gateway.check()


def test_all_agreements_are_one_list_call(site):
    for number in range(7100, 7200):
        site.add_agreement(AgreementId(str(number)))

    assert len(site.gateway.list_agreements(None)) == 101
    assert site.kinds == ["connectwise.agreements.list"]


@pytest.mark.parametrize("kind", [Kind.REPEATED_LINK, Kind.FOREIGN_LINK])
@pytest.mark.parametrize("times", [1, None])
def test_a_link_that_leads_back_or_away_is_refused(site, kind, times):
    site.add_line(a_line())
    site.break_calls("GET", ADDITIONS, kind=kind, times=times)

    with pytest.raises(UnexpectedPayloadError):
        site.gateway.list_lines(AGREEMENT)


def test_an_empty_page_with_a_link_is_not_the_end(site):
    site.add_line(a_line())
    site.break_calls("GET", ADDITIONS, kind=Kind.EMPTY_PAGE, times=1)

    assert len(site.gateway.list_lines(AGREEMENT)) == 1


def test_a_line_deleted_between_two_pages_hides_no_other(site):
    ids = [site.add_line(a_line(quantity=number)) for number in range(1001)]
    pages = iter([lambda: site.state.delete_addition(int(ids[0]), who="hand", by="hand")])
    site.gateway._session._on_call = lambda *_: next(pages, lambda: None)()

    found = site.gateway.list_lines(AGREEMENT)

    assert [line.line_id for line in found] == ids


def test_a_bundle_is_not_offered(site):
    site.state.seed(products=[builders.a_product(102, product_class="Bundle")])

    assert [one.product_id for one in site.gateway.list_products()] == [PRODUCT]


def test_a_created_line_is_told_not_to_be_sent_to_purchasing(site):
    sent = []
    site.http.hooks["response"] = lambda answer, **_: sent.append(answer.request.body)

    site.gateway.execute(a_create())

    (body,) = [json.loads(one) for one in sent]
    assert (body["purchaseItemFlag"], body["specialOrderFlag"]) == (False, False)
    assert {"unitPrice", "invoiceDescription", "cancelledDate"}.isdisjoint(body)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'{"id": "x"}'])
def test_a_write_whose_answer_says_nothing_may_have_happened(site, content):
    site.http.hooks["response"] = lambda answer, **_: setattr(answer, "_content", content)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(a_create())

    assert len(site.lines()) == 1


def test_a_404_that_is_not_of_the_api_means_a_wrong_address_although_the_keys_were_right(site):
    site.gateway.list_companies()
    site.break_calls("GET", kind=Kind.HTML, status=404)

    with pytest.raises(AccessDeniedError) as caught:
        site.gateway.get_agreement(AGREEMENT)

    assert "URL" in caught.value.remedy


def test_a_refusal_says_why_in_the_words_of_connectwise(site):
    with pytest.raises(RequestRefusedError, match="no product 999"):
        site.gateway.execute(a_create(product_id=ProductId("999")))


@pytest.mark.parametrize("kind", [Kind.TRUNCATED, Kind.LOST_ANSWER])
def test_a_write_whose_answer_cannot_be_read_may_have_happened(site, kind):
    site.break_calls("POST", kind=kind, times=1)

    with pytest.raises(UnknownOutcomeError):
        site.gateway.execute(a_create())

    assert len(site.lines()) == 1


def test_a_quantity_that_was_saved_otherwise_is_told(site, monkeypatch):
    line_id = site.add_line(a_line())
    real = site.state.put_addition
    monkeypatch.setattr(
        PsaState,
        "put_addition",
        lambda _state, record, **more: real(record | {"quantity": Decimal(11)}, **more),
    )

    with pytest.raises(RequestRefusedError, match="another quantity"):
        site.gateway.execute(SetQuantity(AGREEMENT, line_id, 10, 12))


def test_one_broken_agreement_does_not_hide_the_others(site):
    site.add_agreement(AgreementId("7002"), nextInvoiceDate="soon")

    found = {one.agreement_id: one.problem for one in site.gateway.list_agreements(COMPANY)}

    assert found[AGREEMENT] is None
    assert "nextInvoiceDate" in (found[AgreementId("7002")] or "")


def test_secrets_do_not_show():
    assert CONFIG.private_key not in repr(CONFIG)


def test_a_company_comes_with_its_web_site(site):
    site.state.seed(
        companies=[builders.a_company(250, name="Contoso", website="https://www.contoso.example/")]
    )

    [company] = site.gateway.list_companies()

    assert company.website == "https://www.contoso.example/"


def test_a_child_agreement_names_its_parent(site):
    site.state.seed(agreements=[builders.an_agreement(7002, company=250, parent=7001)])

    found = {one.agreement_id: one.parent_id for one in site.gateway.list_agreements(COMPANY)}

    assert found == {"7001": None, "7002": "7001"}
