"""The ``PsaGateway`` of HaloPSA."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import requests

from shared.adapters.http.budget import CallBudget
from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import ApiSession, OnCall, pooled_http, with_path
from shared.adapters.psa.common import (
    AbsentError,
    absent,
    as_asked,
    companies_by_name,
    id_number,
    note_once,
    products_by_name,
    reading_what_was_saved,
    said,
    see_whole,
)
from shared.adapters.psa.halopsa import invoices, lines
from shared.adapters.psa.halopsa.token import Application, TokenSource
from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    Company,
    CreateLine,
    Operation,
    Product,
    RemoveLine,
    SetQuantity,
)
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    OperatorActionError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, ProductId
from shared.exact_json import Json
from shared.ports import Clock, LinesRead, Ticket

PAGE_SIZE: Final = 100
MOST_PAGES: Final = 1000
WINDOW: Final = timedelta(minutes=5)
WAIT: Final = timedelta(minutes=2)
"""After a 429: the window rolls for five minutes, and HaloPSA does not say how long to wait."""

_INVOICES: Final = "/RecurringInvoice"
_ITEMS: Final = "/Item"
_CLIENTS: Final = "/Client"
_CALLS_OF_A_CHANGE: Final = 3  # read, write, read
_CALLS_UPON_A_READ: Final = 2  # write, read
_CALLS_OF_A_NEW_LINE: Final = 2  # write, read
_CHECK: Final = (
    "Check the connection's addresses, tenant, client id and secret, the application's scopes, and "
    "what the agent behind the application may see and edit: clients, recurring invoices, items."
)

Params = Mapping[str, str | int]
Raw = dict[str, Any]
Lines = tuple[AgreementLine, ...]


@dataclass(frozen=True, slots=True)
class HaloPsaConfig:
    """How to reach a HaloPSA instance.

    Attributes:
        url: The resource server; without a path, ``/api`` is added.
        application: Who signs in, and where.
        negative_prorata: The instance takes pro-rata rows that take seats away.
        calls_per_window: Calls that this process makes within five minutes.
    """

    url: str
    application: Application
    negative_prorata: bool = False
    calls_per_window: int = 250


class HaloPsaGateway:
    """A PsaGateway for HaloPSA. Safe to use from many threads."""

    def __init__(
        self,
        session: ApiSession,
        tokens: TokenSource,
        budget: CallBudget,
        clock: Clock,
        *,
        negative_prorata: bool,
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._budget = budget
        self._clock = clock
        self._negative = negative_prorata

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            change=ChangeKind.PRORATA_ROWS,
            credits=self._negative,
            description_limit=lines.DESCRIPTION_LIMIT,
            prorates_itself=True,
            reads_lag=True,
            writes_whole_agreement=True,
        )

    def check(self) -> str:
        info = Payload(self._listed("/InstanceInfo", {}, "instanceinfo"))
        version = info["version"].text_or_none() if info.is_object else None
        # The version may be told to any application; these two prove what it may see.
        self._listed(_INVOICES, {"count": 1}, "invoices.check")
        self._listed(_ITEMS, {"count": 1, "recurringonly": "true"}, "items.check")
        return " ".join(["HaloPSA", version or ""]).strip()

    def open_ticket(self, ticket: Ticket) -> None:
        body: dict[str, object] = {
            "summary": ticket.title,
            "details": ticket.text,
            "client_id": int(ticket.company_id),
        }
        if ticket.board is not None:
            body["tickettype_id"] = int(ticket.board)
        if ticket.priority is not None:
            body["priority_id"] = int(ticket.priority)
        self._budget.take()
        self._post("/Tickets", [body], "tickets.write")

    def list_companies(self) -> tuple[Company, ...]:
        found = self._pages(_CLIENTS, "clients", {"includeinactive": "false"}, "clients.list")
        companies = [
            Company(
                CompanyId(str(one["id"].whole())),
                one["name"].text_or_none() or "",
                one["website"].text_or_none() or one["domain"].text_or_none() or "",
            )
            for one in found
        ]
        return companies_by_name(companies)

    def list_products(self) -> tuple[Product, ...]:
        products = [
            _product(one, active=active)
            for active in (True, False)
            for one in self._items(active=active)
        ]
        return products_by_name(products)

    def get_product(self, product_id: ProductId) -> Product:
        message = f"there is no product {product_id!r}"
        number = _number(product_id)
        if number is None:
            raise NotFoundError(message)
        try:
            found = Payload(
                self._get(f"{_ITEMS}/{number}", {"includedetails": "true"}, "items.get")
            )
        except AbsentError as error:
            raise NotFoundError(message) from error
        # An item does not tell whether it is active: only the lists do.
        inactive = {one["id"].whole() for one in self._items(active=False)}
        return _product(found.record(number), active=number not in inactive)

    def list_agreements(self, company_id: CompanyId | None) -> tuple[Agreement, ...]:
        params: dict[str, str | int] = {}
        if company_id is not None:
            number = _number(company_id)
            if number is None:
                return ()  # no client can have such an id
            params["client_id"] = number
        read_at = self._clock.now()
        found = self._pages(_INVOICES, "invoices", params, "invoices.list")
        agreements = [invoices.agreement(one, read_at) for one in found]
        return tuple(one for one in agreements if one.active)

    def get_agreement(self, agreement_id: AgreementId) -> Agreement:
        read_at = self._clock.now()
        return invoices.agreement(Payload(self._invoice_or_missing(agreement_id)), read_at)

    def list_lines(self, agreement_id: AgreementId) -> tuple[AgreementLine, ...]:
        return _lines(self._invoice_or_missing(agreement_id), agreement_id)

    def list_with_lines(
        self, companies: Collection[CompanyId]
    ) -> Iterator[tuple[tuple[Agreement, Lines | None], ...]]:
        """Return agreements and lines as a list of recurring invoices tells them.

        The lines of one that the list does not tell in full are left out.
        """
        params = {"includelines": "true"}
        read_at = self._clock.now()
        for page in self._each_page(_INVOICES, "invoices", params, "invoices.list_with_lines"):
            listed = ((invoices.agreement(one, read_at), one) for one in page)
            yield tuple(
                (header, _listed_lines(one, header.agreement_id))
                for header, one in listed
                if header.active and header.company_id in companies
            )
            read_at = self._clock.now()

    def read_lines(self, agreement_id: AgreementId) -> LinesRead:
        read_from = self._clock.real_now()
        invoice = self._invoice_or_missing(agreement_id)
        return LinesRead(agreement_id, _lines(invoice, agreement_id), read_from, invoice)

    def execute(self, operation: Operation, read: LinesRead | None = None) -> AgreementLine | None:
        header = _number(operation.agreement_id)
        if header is None:
            raise RequestRefusedError(f"there is no recurring invoice {operation.agreement_id!r}")
        if isinstance(operation, AdjustQuantity):
            raise RequestRefusedError("HaloPSA has no quantities by date: it has pro-rata rows")
        if isinstance(operation, CreateLine):
            return self._created(operation, header)
        return self._changed(operation, header, read)

    # Writes ---------------------------------------------------------------------------------------

    def _created(self, create: CreateLine, header: int) -> AgreementLine:
        item = _number(create.product_id)
        if item is None:
            raise RequestRefusedError(f"there is no product {create.product_id!r}")
        body = lines.body(create, header, item)
        self._budget.take(_CALLS_OF_A_NEW_LINE)
        self._post(f"{_INVOICES}/Lines", [body], "lines.create")
        with reading_what_was_saved(self._name, "it cannot be read again"):
            saved = _lines(self._read_back(header), create.agreement_id)
        # The newest of those with our marker: a line was made now, whatever was there before.
        own = [one for one in saved if one.marker == create.marker]
        if not own:
            raise UnknownOutcomeError(f"{self._name}: written, but the new line is not to be seen")
        newest = max(own, key=lambda one: int(one.line_id))
        return as_asked(self._name, newest, lines.differences(create, newest))

    def _changed(
        self, operation: Operation, header: int, read: LinesRead | None
    ) -> AgreementLine | None:
        """Read, compare, write the whole invoice, and see it as it was saved.

        An omitted line would be lost. What was read a moment ago is not read again.
        """
        assert not isinstance(operation, CreateLine)  # noqa: S101 - told apart by the caller
        before = self._before(operation, header, read)
        raw = _raw_lines(before)
        own = next((one for one in raw if str(one.get("id")) == operation.line_id), None)
        if own is None:
            if isinstance(operation, RemoveLine):
                return None  # gone already, as was asked for
            raise RequestRefusedError(f"there is no line {operation.line_id!r}")
        current = lines.line(Payload(own), operation.agreement_id)
        if isinstance(operation, RemoveLine):
            wanted = [lines.to_send(one) for one in raw if one is not own]
        else:
            changed = lines.changed(own, current, operation, negative=self._negative)
            if changed is None:
                return current  # it is so already
            wanted = [changed if one is own else lines.to_send(one) for one in raw]
        answer = self._post(_INVOICES, [{"id": header, "lines": wanted}], "invoices.write")
        told = (
            invoices.saved(answer, header)
            if isinstance(operation, SetQuantity | AddProrata)
            else None
        )
        if told is not None:
            try:
                line = self._outcome(operation, current, raw, told)
            except (RequestRefusedError, UnexpectedPayloadError, UnknownOutcomeError):
                pass  # only a read can say that something went wrong
            else:
                self._budget.give_back()
                return line
        return self._outcome(operation, current, raw, self._read_back(header))

    def _before(self, operation: Operation, header: int, read: LinesRead | None) -> Raw:
        """Return the invoice as it is before the write: as it was read, or read now."""
        upon = read is not None and read.serves(operation, self._clock.real_now())
        self._budget.take(_CALLS_UPON_A_READ if upon else _CALLS_OF_A_CHANGE)
        if upon and read is not None:
            return _object(read.own)
        try:
            return self._invoice(header)
        except AbsentError as error:
            raise RequestRefusedError(str(error)) from error

    def _outcome(
        self, operation: Operation, current: AgreementLine, before: list[Raw], after: Raw
    ) -> AgreementLine | None:
        """Return the line as it is in the invoice after the write.

        Args:
            current: The line as it was.
            before: All lines as they were.

        Raises:
            RequestRefusedError: It is not as was asked for, or another line changed.
            UnknownOutcomeError: It is as it was.
        """
        assert not isinstance(operation, CreateLine)  # noqa: S101 - told apart by the caller
        with reading_what_was_saved(self._name, "it cannot be read again"):
            saved = _lines(after, operation.agreement_id)
        self._nothing_else_changed(before, _raw_lines(after), operation.line_id)
        line = next((one for one in saved if one.line_id == operation.line_id), None)
        if isinstance(operation, RemoveLine):
            if line is not None:
                raise RequestRefusedError(f"{self._name}: line {line.line_id} is still there")
            return None
        if line is None:
            raise RequestRefusedError(f"{self._name}: line {operation.line_id} is gone")
        if line == current:
            message = f"{self._name}: written, but line {line.line_id} still is as it was"
            raise UnknownOutcomeError(message)
        return as_asked(self._name, line, lines.differences(operation, line))

    def _nothing_else_changed(self, before: list[Raw], after: list[Raw], own: str) -> None:
        """Tell a person when the write touched lines that it was to leave alone.

        Raises:
            RequestRefusedError: A line is gone, or has another quantity.
        """
        now = {str(one.get("id")): one for one in after}
        for one in before:
            number = str(one.get("id"))
            if number == own or lines.is_computed(Payload(one)):
                continue
            if number not in now:
                raise RequestRefusedError(
                    f"{self._name}: line {number} was lost when line {own} was written; restore it"
                )
            if Payload(one)["qty_order"].value != Payload(now[number])["qty_order"].value:
                raise RequestRefusedError(
                    f"{self._name}: line {number} changed while line {own} was written; check it"
                )

    def _read_back(self, header: int) -> Raw:
        """Return the invoice after a write; when it cannot be read, the outcome is unknown."""
        try:
            return self._invoice(header)
        except SeatsyncError as error:
            message = f"{self._name}: written, but it cannot be read again: {error}"
            raise UnknownOutcomeError(message) from error

    # Calls ----------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self._session.connection

    def _invoice_or_missing(self, agreement_id: AgreementId) -> Raw:
        number = _number(agreement_id)
        message = f"there is no agreement {agreement_id!r}"
        if number is None:
            raise NotFoundError(message)
        self._budget.take()
        try:
            return self._invoice(number)
        except AbsentError as error:
            raise NotFoundError(message) from error

    def _invoice(self, number: int) -> Raw:
        params = {"includedetails": "true"}
        found = self._get_unpaid(f"{_INVOICES}/{number}", params, "invoices.get")
        return _object(Payload(found).record(number).value)

    def _items(self, *, active: bool) -> tuple[Payload, ...]:
        params = {
            "includeactive": "true" if active else "false",
            "includeinactive": "false" if active else "true",
            "recurringonly": "true",
        }
        return self._pages(_ITEMS, "items", params, "items.list")

    def _pages(self, path: str, key: str, params: Params, kind: str) -> tuple[Payload, ...]:
        """Return a whole list. Raises: as ``_each_page``."""
        return tuple(one for page in self._each_page(path, key, params, kind) for one in page)

    def _each_page(
        self, path: str, key: str, params: Params, kind: str
    ) -> Iterator[tuple[Payload, ...]]:
        """Return a list by its pages, each read when it is asked for.

        Raises:
            UnexpectedPayloadError: It does not hold as many records as it says, or one twice.
        """
        where = f"{self._name}: {path}"
        listed: set[int] = set()
        for number in range(1, MOST_PAGES + 1):
            page: dict[str, str | int] = {
                "pageinate": "true",
                "page_size": PAGE_SIZE,
                "page_no": number,
            }
            answer = Payload(self._listed(path, {**params, **page}, kind))
            count, items = answer["record_count"].count(), answer[key].items()
            note_once(listed, items, where)
            over = len(listed) >= count or not items
            if over:
                see_whole(listed, count, where)
            yield items
            if over:
                return
        raise UnexpectedPayloadError(f"{where} has more than {MOST_PAGES} pages")

    def _listed(self, path: str, params: Params, kind: str) -> Json:
        try:
            return self._get(path, params, kind)
        except AbsentError as error:
            raise AccessDeniedError(str(error), _CHECK) from error

    def _get(self, path: str, params: Params, kind: str) -> Json:
        self._budget.take()
        return self._get_unpaid(path, params, kind)

    def _get_unpaid(self, path: str, params: Params, kind: str) -> Json:
        kind = f"halopsa.{kind}"
        try:
            return self._session.get_json(path, params, kind=kind)
        except _StaleTokenError:
            self._tokens.forget()
        return self._let_in(lambda: self._session.get_json(path, params, kind=kind))

    def _post(self, path: str, body: object, kind: str) -> Json:
        kind = f"halopsa.{kind}"
        try:
            return self._session.send_json("POST", path, body, kind=kind)
        except AbsentError as error:
            raise RequestRefusedError(str(error)) from error
        except _StaleTokenError:  # refused before any work, so it may be sent again
            self._tokens.forget()
        return self._let_in(lambda: self._session.send_json("POST", path, body, kind=kind))

    @staticmethod
    def _let_in(call: Callable[[], Json]) -> Json:
        try:
            return call()
        except _StaleTokenError as error:
            raise AccessDeniedError(str(error), _CHECK) from error


class _StaleTokenError(OperatorActionError):
    """401: the token is not taken any more."""


def halopsa_gateway(
    name: ConnectionName,
    config: HaloPsaConfig,
    clock: Clock,
    http: requests.Session | None = None,
    on_call: OnCall | None = None,
) -> HaloPsaGateway:
    """Return the gateway of a connection.

    Args:
        name: What errors call the connection.
        http: The transport to share; a pool of its own when ``None``.
        on_call: As ``ApiSession`` takes it.
    """
    transport = http or pooled_http()
    tokens = TokenSource(
        name,
        config.application,
        transport,
        clock.real_now,
        remedy=_CHECK,
        throttled=WAIT,
        on_call=on_call,
    )
    session = ApiSession(
        name,
        with_path(config.url, "/api"),
        transport,
        headers=tokens.headers,
        error_text=_error_text,
        on_status=_special,
        on_call=on_call,
        remedy=_CHECK,
        now=clock.real_now,
    )
    budget = CallBudget(name, config.calls_per_window, WINDOW, clock.real_now)
    return HaloPsaGateway(session, tokens, budget, clock, negative_prorata=config.negative_prorata)


def _special(sent: Sent, refusal: Refusal) -> SeatsyncError | None:
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return _StaleTokenError(f"{sent}: 401{said(refusal)}")
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitError(sent.connection, refusal.retry_after or WAIT)
    if refusal.status == HTTPStatus.NOT_FOUND:
        return absent(sent, refusal)
    return None


def _error_text(body: Json) -> str:
    """Return the words of an error, whichever of HaloPSA's shapes it has."""
    for field in ("errorMessage", "Message", "error_description", "error"):
        if isinstance(body.get(field), str):
            return str(body[field])
    return ""


def _product(payload: Payload, *, active: bool) -> Product:
    number = payload["id"].whole()
    code = payload["internalreference"].text_or_none() or ""
    price = payload["recurringprice"].decimal_or_none()
    cost = payload["recurringcost"].decimal_or_none()
    return Product(
        product_id=ProductId(str(number)),
        code=code,
        name=payload["name"].text_or_none() or code or str(number),
        price=payload["baseprice"].decimal_or_none() if price is None else price,
        cost=payload["costprice"].decimal_or_none() if cost is None else cost,
        active=active,
    )


def _lines(invoice: Raw, agreement_id: AgreementId) -> Lines:
    return tuple(lines.line(one, agreement_id) for one in Payload(invoice)["lines"].records())


def _listed_lines(invoice: Payload, agreement_id: AgreementId) -> Lines | None:
    """Return the lines that a list shows with an invoice; ``None`` where they are not whole.

    Nobody has proved that a list shows each line's rows as a single read does: a line that does
    not even name them is not judged by.
    """
    try:
        raw = [_object(one.value) for one in invoice["lines"].records()]
        if all("prorata_data" in one for one in raw):
            return tuple(lines.line(Payload(one), agreement_id) for one in raw)
    except UnexpectedPayloadError:  # whoever needs this one reads it, and says so
        pass
    return None


def _raw_lines(invoice: Raw) -> list[Raw]:
    return [_object(one.value) for one in Payload(_object(invoice))["lines"].records()]


def _object(value: Json) -> Raw:
    if not isinstance(value, dict):
        raise UnexpectedPayloadError("$: expected an object")
    return dict(value)


def _number(text: str) -> int | None:
    return id_number(text, negative=True)  # recurring invoices count downwards
