"""The ``PsaGateway`` of Syncro."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final

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
    see_whole,
)
from shared.adapters.psa.syncro import schedules
from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    Company,
    CreateLine,
    Operation,
    Product,
    RemoveLine,
    SetDescription,
)
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, LineId, ProductId
from shared.exact_json import Json
from shared.ports import Clock

API_PATH: Final = "/api/v1"
PAGE_SIZE: Final = 25  # Syncro's own; a page with fewer records is the last
MOST_PAGES: Final = 1000
WINDOW: Final = timedelta(minutes=1)
WAIT: Final = timedelta(minutes=1)
"""After a 429 that does not say for how long to wait."""

_SCHEDULES: Final = "/schedules"
_PRODUCTS: Final = "/products"
_CHECK: Final = (
    "Check the connection's address and API token, and the token's permissions: customers, "
    "products, recurring invoices (view and edit)."
)

Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class SyncroConfig:
    """How to reach a Syncro account.

    Attributes:
        url: Of the account; without a path, the usual one of the API is added.
        calls_per_minute: Calls that this process makes within a minute.
    """

    url: str
    token: str = field(repr=False)
    calls_per_minute: int = 150


class SyncroGateway:
    """A PsaGateway for Syncro. Safe to use from many threads."""

    def __init__(self, session: ApiSession, budget: CallBudget, clock: Clock) -> None:
        self._session = session
        self._budget = budget
        self._clock = clock

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            change=ChangeKind.PLAIN_QUANTITY,
            credits=False,
            description_limit=schedules.DESCRIPTION_LIMIT,
            can_end=False,
            changes_invoiced=False,
        )

    def check(self) -> str:
        self._listed(_SCHEDULES, {"page": 1}, "schedules.check")
        self._listed(_PRODUCTS, {"page": 1}, "products.check")
        return "Syncro"

    def list_companies(self) -> tuple[Company, ...]:
        companies = [
            Company(CompanyId(str(one["id"].whole())), _customer_name(one))
            for one in self._pages("/customers", "customers", {}, "customers.list")
            if not one["disabled"].flag_or_none()
        ]
        return companies_by_name(companies)

    def list_products(self) -> tuple[Product, ...]:
        found = self._pages(_PRODUCTS, "products", {}, "products.list")
        products = [_product(one) for one in found]
        return products_by_name(products)

    def get_product(self, product_id: ProductId) -> Product:
        return _product(self._product(product_id))

    def list_agreements(self, company_id: CompanyId | None) -> tuple[Agreement, ...]:
        params: dict[str, str | int] = {}
        if company_id is not None:
            number = id_number(company_id)
            if number is None:
                return ()  # no customer can have such an id
            params["customer_id"] = number
        read_at = self._clock.now()
        found = self._pages(_SCHEDULES, "schedules", params, "schedules.list")
        agreements = [schedules.agreement(one, read_at) for one in found]
        return tuple(one for one in agreements if one.active)

    def get_agreement(self, agreement_id: AgreementId) -> Agreement:
        read_at = self._clock.now()
        return schedules.agreement(self._schedule(agreement_id), read_at)

    def list_lines(self, agreement_id: AgreementId) -> tuple[AgreementLine, ...]:
        found = self._schedule(agreement_id)["lines"].records()
        return tuple(schedules.line(one, agreement_id) for one in found)

    def execute(self, operation: Operation) -> AgreementLine | None:
        number = id_number(operation.agreement_id)
        if number is None:
            raise RequestRefusedError(f"there is no schedule {operation.agreement_id!r}")
        path = f"{_SCHEDULES}/{number}"
        if isinstance(operation, CreateLine):
            return self._created(operation, path)
        line = id_number(operation.line_id)
        if line is None:
            raise RequestRefusedError(f"there is no line {operation.line_id!r}")
        if isinstance(operation, RemoveLine):
            self._remove(operation, path, line)
            return None
        marker = None
        if isinstance(operation, SetDescription):
            marker = self._line(operation.agreement_id, operation.line_id).marker
        body = schedules.changes(operation, marker)
        answer = self._write("PUT", f"{path}/line_items/{line}", body, "lines.put")
        return self._saved(operation, answer)

    # Writes ---------------------------------------------------------------------------------------

    def _created(self, create: CreateLine, path: str) -> AgreementLine:
        number = id_number(create.product_id)
        if number is None:
            raise RequestRefusedError(f"there is no product {create.product_id!r}")
        try:
            product = self._product(create.product_id)
        except NotFoundError as error:
            raise RequestRefusedError(str(error)) from error
        text = product["description"].text_or_none() or ""
        body = schedules.body(create, number, product["name"].text_or_none() or "", text)
        answer = self._write("POST", f"{path}/add_line_item", body, "lines.create")
        return self._saved(create, answer)

    def _remove(self, operation: RemoveLine, path: str, line: int) -> None:
        """Remove a line, and see that it is gone: the name of the field is not documented."""
        try:
            lines = self.list_lines(operation.agreement_id)
        except NotFoundError as error:
            raise RequestRefusedError(str(error)) from error
        if all(one.line_id != operation.line_id for one in lines):
            return  # gone already, as was asked for
        body = {"schedule_line_item_id": line}
        self._write("POST", f"{path}/remove_line_item", body, "lines.remove")
        try:
            left = self.list_lines(operation.agreement_id)
        except SeatsyncError as error:
            message = f"{self._name}: removed, but the schedule cannot be read again: {error}"
            raise UnknownOutcomeError(message) from error
        if {one.line_id for one in left} != {one.line_id for one in lines} - {operation.line_id}:
            raise RequestRefusedError(
                f"{self._name}: line {line} was to be removed; the lines left are not the others"
            )

    def _line(self, agreement_id: AgreementId, line_id: LineId) -> AgreementLine:
        try:
            lines = self.list_lines(agreement_id)
        except NotFoundError as error:
            raise RequestRefusedError(str(error)) from error
        for one in lines:
            if one.line_id == line_id:
                return one
        raise RequestRefusedError(f"there is no line {line_id!r}")

    def _saved(self, operation: Operation, answer: Json) -> AgreementLine:
        """Return the line that a write answered, once it is seen to be what was asked for."""
        with reading_what_was_saved(self._name, "the answer cannot be read"):
            payload = Payload(answer)["schedule_line_item"]
            saved = schedules.line(payload, operation.agreement_id)
        return as_asked(self._name, saved, schedules.differences(operation, saved))

    # Calls ----------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self._session.connection

    def _schedule(self, agreement_id: AgreementId) -> Payload:
        found = self._one(_SCHEDULES, agreement_id, "agreement")
        return found["schedule"].record(int(agreement_id))

    def _product(self, product_id: ProductId) -> Payload:
        found = self._one(_PRODUCTS, product_id, "product")
        return found["product"].record(int(product_id))

    def _one(self, path: str, record_id: str, called: str) -> Payload:
        message = f"there is no {called} {record_id!r}"
        number = id_number(record_id)
        if number is None:
            raise NotFoundError(message)
        try:
            return Payload(self._get(f"{path}/{number}", {}, f"{path.removeprefix('/')}.get"))
        except AbsentError as error:
            raise NotFoundError(message) from error

    def _pages(self, path: str, key: str, params: Params, kind: str) -> tuple[Payload, ...]:
        """Return a whole list.

        Raises:
            UnexpectedPayloadError: It does not hold as many records as it says, or one twice.
        """
        where = f"{self._name}: {path}"
        found: list[Payload] = []
        listed: set[int] = set()
        for number in range(1, MOST_PAGES + 1):
            page = Payload(self._listed(path, {**params, "page": number}, kind))
            items = page[key].items()
            note_once(listed, items, where)
            found.extend(items)
            if _is_last(page, number, len(items)):
                see_whole(listed, _meta(page, "total_entries"), where)
                return tuple(found)
        raise UnexpectedPayloadError(f"{where} has more than {MOST_PAGES} pages")

    def _listed(self, path: str, params: Params, kind: str) -> Json:
        try:
            return self._get(path, params, kind)
        except AbsentError as error:
            raise AccessDeniedError(str(error), _CHECK) from error

    def _get(self, path: str, params: Params, kind: str) -> Json:
        self._budget.take()
        return self._session.get_json(path, params, kind=f"syncro.{kind}")

    def _write(self, method: str, path: str, body: object, kind: str) -> Json:
        self._budget.take()
        try:
            return self._session.send_json(method, path, body, kind=f"syncro.{kind}")
        except AbsentError as error:
            raise RequestRefusedError(str(error)) from error


def syncro_gateway(
    name: ConnectionName,
    config: SyncroConfig,
    clock: Clock,
    http: requests.Session | None = None,
    on_call: OnCall | None = None,
) -> SyncroGateway:
    """Return the gateway of a connection.

    Args:
        name: What errors call the connection.
        http: The transport to share; a pool of its own when ``None``.
        on_call: As ``ApiSession`` takes it.
    """
    headers = {"Authorization": f"Bearer {config.token}"}
    session = ApiSession(
        name,
        with_path(config.url, API_PATH),
        http or pooled_http(),
        headers=lambda: headers,
        error_text=_error_text,
        on_status=_special,
        on_call=on_call,
        remedy=_CHECK,
        now=clock.real_now,
    )
    budget = CallBudget(name, config.calls_per_minute, WINDOW, clock.real_now)
    return SyncroGateway(session, budget, clock)


def _special(sent: Sent, refusal: Refusal) -> SeatsyncError | None:
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitError(sent.connection, refusal.retry_after or WAIT)
    if refusal.status == HTTPStatus.NOT_FOUND:
        return absent(sent, refusal)
    return None


def _error_text(body: Json) -> str:
    error = body["error"]
    return error if isinstance(error, str) else "; ".join(error)


def _is_last(page: Payload, number: int, size: int) -> bool:
    total = _meta(page, "total_pages")
    return size < PAGE_SIZE if total is None else size == 0 or number >= total


def _meta(page: Payload, field: str) -> int | None:
    """Return what a page says of its list, where it says anything."""
    return None if page["meta"].is_null else page["meta"][field].count_or_none()


def _customer_name(payload: Payload) -> str:
    names = (payload[key].text_or_none() for key in ("business_name", "fullname"))
    return next((name for name in names if name), "")


def _product(payload: Payload) -> Product:
    number = str(payload["id"].whole())
    return Product(
        product_id=ProductId(number),
        code=payload["upc_code"].text_or_none() or "",
        name=payload["name"].text_or_none() or number,
        price=payload["price_retail"].decimal_or_none(),
        cost=payload["price_cost"].decimal_or_none(),
        active=not payload["disabled"].flag_or_none(),
    )
