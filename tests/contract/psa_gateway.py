"""What every ``PsaGateway`` does, whatever PSA is behind it.

A subclass gives the fixture ``server``: a PSA to arrange, to break and to look at, and the gateway
to it. Ids are whole numbers as text; lines get theirs from the server.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Protocol, TypeVar

import pytest

from shared.domain.agreements import (
    AgreementLine,
    EndLine,
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
    SeatsyncError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.domain.ids import AgreementId, CompanyId, LineId, ProductId
from shared.domain.mappings import Billable
from shared.domain.periods import Cycle
from shared.ports import PsaGateway
from tests.builders import AGREEMENT, COMPANY, PRODUCT, TODAY, a_create, a_line, dollars

ODD_IDS = [
    "",
    "x/y",
    "..",
    "../companies",
    "7001/additions",
    "7001?fields=id",
    "7001#",
    "7001 or id=1",
    "7001%2F",
    "-7001",
    "\u0667\u0660\u0660\u0661",  # digits, and not ours
    "9" * 400,
]


class Trouble(Enum):
    """What can go wrong with a call."""

    THROTTLED = "throttled"  # asks to wait 7 seconds
    THROTTLED_WITHOUT_WAIT = "throttled, without saying for how long"
    UNAVAILABLE = "answered by 503"
    DROPPED = "the connection breaks before any work"
    LOST_ANSWER = "the work is done, and the connection breaks"
    HTML = "a page comes back where JSON belongs, before any work"
    FORBIDDEN = "a permission is missing"
    WRONG_KEYS = "nobody is let in"


class PsaServer(Protocol):
    """A PSA to arrange, to break, and to look at."""

    gateway: PsaGateway

    def add_company(self, company_id: CompanyId, name: str, *, deleted: bool = False) -> None: ...

    def add_product(
        self, product_id: ProductId, name: str, *, price: Decimal, active: bool = True
    ) -> None: ...

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
        """Add one that is invoiced monthly, in advance."""

    def add_line(self, line: AgreementLine) -> LineId:
        """Add a line by hand, as the builder describes it, under an id of the server's choice."""

    def lines(self, agreement_id: AgreementId = AGREEMENT) -> tuple[AgreementLine, ...]:
        """Look at the lines behind the gateway's back."""

    def write_count(self) -> int:
        """Count the writes that reached the server."""

    def read_count(self) -> int:
        """Count the reads that reached the server."""

    def trouble(self, kind: Trouble, *, writes: bool, times: int | None = 1) -> None:
        """Let the next reads or writes go wrong; all of them when ``times`` is ``None``."""


Server = TypeVar("Server", bound=PsaServer)


def with_contoso(server: Server) -> Server:
    """Add one company with one agreement and one product, without a line."""
    server.add_company(COMPANY, "Contoso")
    server.add_product(PRODUCT, "Microsoft 365 E5", price=dollars("31.00"))
    server.add_agreement(AGREEMENT)
    return server


class PsaGatewayContract:
    """Run by each gateway and by the fake."""

    @pytest.fixture
    def site(self, server: PsaServer) -> PsaServer:
        return with_contoso(server)

    # Reads ---------------------------------------------------------------------------------------

    def test_a_working_connection_says_what_it_is(self, site):
        assert site.gateway.check()

    def test_companies_come_by_name_without_deleted_ones(self, server):
        server.add_company(CompanyId("3"), "tailspin")
        server.add_company(CompanyId("2"), "Fabrikam")
        server.add_company(CompanyId("1"), "Gone", deleted=True)
        server.add_company(CompanyId("10"), "Adatum")

        found = server.gateway.list_companies()

        assert [(one.company_id, one.name) for one in found] == [
            ("10", "Adatum"),
            ("2", "Fabrikam"),
            ("3", "tailspin"),
        ]

    def test_products_come_by_name_with_inactive_ones(self, server):
        server.add_product(ProductId("2"), "Project", price=dollars("10.005"))
        server.add_product(ProductId("1"), "Exchange", price=dollars("4"), active=False)

        found = server.gateway.list_products()

        assert [(one.product_id, one.name, one.price, one.active) for one in found] == [
            ("1", "Exchange", dollars("4"), False),
            ("2", "Project", dollars("10.005"), True),
        ]

    def test_a_product_is_the_same_alone_and_in_the_catalogue(self, server):
        server.add_product(ProductId("2"), "Project", price=dollars("10.005"))
        server.add_product(ProductId("1"), "Exchange", price=dollars("4"), active=False)

        for product in server.gateway.list_products():
            assert server.gateway.get_product(product.product_id) == product

    def test_agreements_are_those_of_the_company_or_of_all(self, site):
        other = CompanyId("251")
        site.add_company(other, "Fabrikam")
        site.add_agreement(AgreementId("7002"), company_id=other)
        site.add_agreement(AgreementId("7003"), cancelled=True)

        def ids(company_id: CompanyId | None) -> list[str]:
            return [one.agreement_id for one in site.gateway.list_agreements(company_id)]

        assert (ids(COMPANY), ids(other), ids(CompanyId("252"))) == (["7001"], ["7002"], [])
        assert sorted(ids(None)) == ["7001", "7002"]

    def test_a_header_says_what_is_invoiced_and_whether_it_prorates(self, site):
        site.add_agreement(
            AgreementId("7002"),
            starts=date(2026, 1, 31),
            ends=date(2026, 12, 30),
            first_uninvoiced=date(2026, 2, 28),
            prorates=False,
        )

        read = site.gateway.get_agreement(AgreementId("7002"))

        assert read.company_id == COMPANY
        assert read.cycle == Cycle(date(2026, 1, 31), 1)
        assert read.first_uninvoiced == date(2026, 2, 28)
        assert (read.starts, read.ends) == (date(2026, 1, 31), date(2026, 12, 30))
        assert (read.active, read.prorates, read.problem) == (True, False, None)

    def test_a_header_is_the_same_alone_and_in_a_list(self, site):
        (listed,) = site.gateway.list_agreements(COMPANY)

        assert replace(site.gateway.get_agreement(AGREEMENT), read_at=listed.read_at) == listed

    def test_cancelled_and_future_lines_are_listed_too(self, site):
        given = [
            a_line(quantity=1, starts=date(2025, 1, 1), ends=date(2025, 12, 31)),
            a_line(quantity=2, starts=date(2026, 1, 1)),
            a_line(quantity=3, starts=date(2027, 1, 1)),
            a_line(quantity=-4, starts=date(2026, 3, 17), ends=date(2026, 3, 31)),
            a_line(quantity=None, marker="SEATSYNC-other", billable=Billable.NO_CHARGE),
            a_line(quantity=0, less_included=2, billable=Billable.DO_NOT_BILL, description=""),
        ]
        ids = [site.add_line(line) for line in given]

        found = {line.line_id: line for line in site.gateway.list_lines(AGREEMENT)}

        assert list(found) == ids
        for line_id, line in zip(ids, given, strict=True):
            expected = replace(
                line,
                line_id=line_id,
                unit_cost=found[line_id].unit_cost,
                product_name=found[line_id].product_name,
            )
            assert found[line_id] == expected

    def test_a_line_of_another_agreement_is_not_listed(self, site):
        other = AgreementId("7002")
        site.add_agreement(other)
        site.add_line(a_line(agreement_id=other))

        assert site.gateway.list_lines(AGREEMENT) == ()

    def test_a_long_list_is_complete(self, site):
        for number in range(2500):
            site.add_line(a_line(quantity=number))

        found = site.gateway.list_lines(AGREEMENT)

        assert [line.quantity for line in found] == list(range(2500))
        assert site.write_count() == 0

    def test_a_short_list_is_one_call(self, site):
        site.add_line(a_line())

        site.gateway.list_lines(AGREEMENT)

        assert site.read_count() == 1

    def test_an_agreement_that_is_not_there_is_not_found(self, site):
        missing = AgreementId("7999")

        with pytest.raises(NotFoundError, match="7999"):
            site.gateway.get_agreement(missing)
        with pytest.raises(NotFoundError, match="7999"):
            site.gateway.list_lines(missing)
        with pytest.raises(NotFoundError, match="999"):
            site.gateway.get_product(ProductId("999"))

    # Operations ----------------------------------------------------------------------------------

    def test_a_line_is_created_with_all_that_was_asked_for(self, site):
        create = a_create(
            marker="SEATSYNC-0123456789ab-20260317-260317-260331",
            quantity=2,
            starts=date(2026, 3, 17),
            ends=date(2026, 3, 31),
            unit_price=dollars("29.95"),
            description='2 seats\nfrom 17 March, "quoted" & <marked> – ü',
            billable=Billable.NO_CHARGE,
        )

        line = site.gateway.execute(create)

        assert site.lines() == (line,)
        assert (line.quantity, line.starts, line.ends) == (2, create.starts, create.ends)
        assert (line.marker, line.billable) == (create.marker, Billable.NO_CHARGE)
        assert (line.unit_price, line.product_id) == (dollars("29.95"), PRODUCT)
        assert line.description == create.description

    def test_what_is_not_said_comes_from_the_product(self, site):
        line = site.gateway.execute(a_create(ends=None, unit_price=None, description=None))

        assert (line.ends, line.unit_price) == (None, dollars("31.00"))
        assert line.product_name == "Microsoft 365 E5"

    def test_a_credit_is_a_line_with_a_negative_quantity(self, site):
        if not site.gateway.capabilities.credits:
            pytest.skip("this PSA takes no credits")

        assert site.gateway.execute(a_create(quantity=-3, ends=date(2026, 3, 31))).quantity == -3

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
        ],
        ids=["quantity", "zero", "end", "description", "price"],
    )
    def test_an_operation_changes_one_thing_and_may_be_repeated(
        self, site, operation: Callable, changed
    ):
        line_id = site.add_line(a_line(marker="SEATSYNC-ours"))
        (before,) = site.lines()

        once = site.gateway.execute(operation(line_id))
        twice = site.gateway.execute(operation(line_id))

        assert once == twice == replace(before, **changed)
        assert site.lines() == (once,)
        assert site.write_count() == 2

    def test_an_ended_line_is_opened_again(self, site):
        line_id = site.add_line(a_line(ends=TODAY))

        line = site.gateway.execute(EndLine(AGREEMENT, line_id, None))

        assert line.ends is None
        assert site.lines() == (line,)

    def test_a_line_that_is_gone_counts_as_removed(self, site):
        line_id = site.add_line(a_line())
        kept = site.add_line(a_line(quantity=1))

        for _ in range(2):
            assert site.gateway.execute(RemoveLine(AGREEMENT, line_id)) is None

        assert [line.line_id for line in site.lines()] == [kept]

    def test_creating_twice_makes_two_lines(self, site):
        """No PSA knows our marker: whoever writes has to look first."""
        for _ in range(2):
            site.gateway.execute(a_create(marker="SEATSYNC-same"))

        assert [line.marker for line in site.lines()] == ["SEATSYNC-same"] * 2

    # Trouble -------------------------------------------------------------------------------------

    @pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
    @pytest.mark.parametrize(
        ("trouble", "wait"),
        [
            (Trouble.THROTTLED, timedelta(seconds=7)),
            (Trouble.THROTTLED_WITHOUT_WAIT, timedelta(seconds=30)),
        ],
    )
    def test_throttling_says_how_long_to_wait_and_does_nothing(self, site, writes, trouble, wait):
        site.trouble(trouble, writes=writes)

        with pytest.raises(RateLimitError) as caught:
            some_call(site, writes=writes)

        assert caught.value.retry_after == wait
        assert caught.value.connection == "main"
        assert site.lines() == ()

    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            (Trouble.UNAVAILABLE, UpstreamUnavailableError),
            (Trouble.DROPPED, UpstreamUnavailableError),
            (Trouble.HTML, UnexpectedPayloadError),
            (Trouble.FORBIDDEN, AccessDeniedError),
            (Trouble.WRONG_KEYS, AccessDeniedError),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_a_failed_read_is_told_by_what_to_do_next(self, site, trouble, error):
        site.trouble(trouble, writes=False, times=None)

        for read in reads_of(site.gateway):
            with pytest.raises(error):
                read()

    @pytest.mark.parametrize("trouble", [Trouble.FORBIDDEN, Trouble.WRONG_KEYS])
    def test_who_is_not_let_in_is_told_what_to_check(self, site, trouble):
        site.trouble(trouble, writes=False, times=None)

        with pytest.raises(AccessDeniedError) as caught:
            site.gateway.list_companies()

        assert caught.value.remedy

    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            (Trouble.UNAVAILABLE, UnknownOutcomeError),
            (Trouble.DROPPED, UnknownOutcomeError),
            (Trouble.HTML, UnknownOutcomeError),
            (Trouble.FORBIDDEN, AccessDeniedError),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_a_failed_write_is_sent_once_and_told_by_what_to_do_next(self, site, trouble, error):
        site.trouble(trouble, writes=True)

        with pytest.raises(error):
            site.gateway.execute(a_create())

        assert site.write_count() == 1
        assert site.lines() == ()

    def test_a_line_whose_answer_was_lost_is_found_by_its_marker(self, site):
        site.trouble(Trouble.LOST_ANSWER, writes=True)

        with pytest.raises(UnknownOutcomeError):
            site.gateway.execute(a_create(marker="SEATSYNC-lost", quantity=12))

        (line,) = site.gateway.list_lines(AGREEMENT)
        assert (line.marker, line.quantity) == ("SEATSYNC-lost", 12)
        assert site.write_count() == 1

    @pytest.mark.parametrize(
        "operation",
        [
            a_create(product_id=ProductId("999")),
            a_create(agreement_id=AgreementId("7999")),
            SetQuantity(AGREEMENT, LineId("999"), 1, 2),
            EndLine(AGREEMENT, LineId("999"), TODAY),
        ],
        ids=["product", "agreement", "line", "end"],
    )
    def test_what_the_psa_refuses_is_refused(self, site, operation):
        with pytest.raises(RequestRefusedError):
            site.gateway.execute(operation)

        assert site.lines() == ()

    def test_an_inactive_product_is_refused(self, site):
        site.add_product(ProductId("102"), "Old", price=dollars("1"), active=False)

        with pytest.raises(RequestRefusedError):
            site.gateway.execute(a_create(product_id=ProductId("102")))

    @pytest.mark.parametrize("odd", ODD_IDS)
    def test_odd_ids_lead_nowhere(self, site, odd):
        site.add_line(a_line())
        before = site.lines()

        with pytest.raises(NotFoundError):
            site.gateway.get_agreement(AgreementId(odd))
        with pytest.raises(NotFoundError):
            site.gateway.list_lines(AgreementId(odd))
        with pytest.raises(NotFoundError):
            site.gateway.get_product(ProductId(odd))
        assert site.gateway.list_agreements(CompanyId(odd)) == ()
        for operation in (
            a_create(agreement_id=AgreementId(odd)),
            a_create(product_id=ProductId(odd)),
            SetQuantity(AGREEMENT, LineId(odd), 1, 2),
            RemoveLine(AgreementId(odd), before[0].line_id),
        ):
            with pytest.raises(RequestRefusedError):
                site.gateway.execute(operation)

        assert site.lines() == before

    def test_errors_name_the_connection_and_no_secret(self, site):
        site.trouble(Trouble.UNAVAILABLE, writes=True)

        with pytest.raises(SeatsyncError) as caught:
            site.gateway.execute(a_create(description="for Ada Lovelace"))

        assert "main" in str(caught.value)
        assert "Ada" not in str(caught.value)


def some_call(site: PsaServer, *, writes: bool) -> object:
    if writes:
        return site.gateway.execute(a_create())
    return site.gateway.list_lines(AGREEMENT)


def reads_of(gateway: PsaGateway) -> tuple[Callable[[], object], ...]:
    return (
        gateway.check,
        gateway.list_companies,
        gateway.list_products,
        lambda: gateway.get_product(PRODUCT),
        lambda: gateway.list_agreements(None),
        lambda: gateway.get_agreement(AGREEMENT),
        lambda: gateway.list_lines(AGREEMENT),
    )
