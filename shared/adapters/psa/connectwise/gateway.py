"""The ``PsaGateway`` of ConnectWise PSA."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import requests
from requests.utils import parse_header_links

from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import ApiSession, OnCall, Reply, pooled_http, with_path
from shared.adapters.psa.common import (
    AbsentError,
    absent,
    as_asked,
    companies_by_name,
    id_number,
    note_once,
    products_by_name,
    reading_what_was_saved,
)
from shared.adapters.psa.connectwise import additions, agreements
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
)
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    OperatorActionError,
    RequestRefusedError,
    SeatsyncError,
)
from shared.domain.ids import AgreementId, CompanyId, ConnectionName, ProductId
from shared.exact_json import Json
from shared.ports import Clock, Ticket

API_PATH: Final = "/v4_6_release/apis/3.0"
PAGE_SIZE: Final = 1000

_AGREEMENTS: Final = "/finance/agreements"
_CATALOG: Final = "/procurement/catalog"
_COMPANIES: Final = "/company/companies"
_TICKETS: Final = "/service/tickets"
_LONGEST_SUMMARY: Final = 100
_PRODUCT_FIELDS: Final = "id,identifier,description,price,cost,inactiveFlag,productClass"
_BUNDLE: Final = "Bundle"
_CHECK_KEYS: Final = (
    "Check the connection's URL, company id, public and private key: ConnectWise answers 'not "
    "found' when one of them is wrong."
)
_CHECK_ROLE: Final = (
    "Give the API member's security role the right that is missing (Finance, Agreements: inquire, "
    "add, edit, delete; Procurement, Product Catalog: inquire; Companies: inquire), and check the "
    "connection's client id."
)
# Pages are found by the last id of the page before, so that no record is skipped or read twice
# when another one is deleted meanwhile.
_FORWARD_ONLY: Final[Mapping[str, str]] = {"pagination-type": "forward-only"}


@dataclass(frozen=True, slots=True)
class ConnectWiseConfig:
    """How to reach a ConnectWise site.

    Attributes:
        url: Of the API; without a path, the usual one is added.
        company_id: The company id of the sign-in page.
        client_id: Of the integration, from the developer site.
    """

    url: str
    company_id: str
    public_key: str = field(repr=False)
    private_key: str = field(repr=False)
    client_id: str


class ConnectWiseGateway:
    """A PsaGateway for ConnectWise PSA. Safe to use from many threads."""

    def __init__(self, session: ApiSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._keys_proven = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            change=ChangeKind.DATED_LINES,
            credits=True,
            description_limit=additions.DESCRIPTION_LIMIT,
        )

    def check(self) -> str:
        info = Payload(self._listed("/system/info", {}, "system.info").json)
        version = info["version"].text()
        # The version is told to anybody on some sites; these two prove keys and role.
        self._first_of(_AGREEMENTS, "agreements.check")
        self._first_of(_CATALOG, "catalog.check")
        return f"ConnectWise PSA {version}"

    def open_ticket(self, ticket: Ticket) -> None:
        body: dict[str, object] = {
            "summary": ticket.title[:_LONGEST_SUMMARY],
            "company": {"id": int(ticket.company_id)},
            "initialDescription": ticket.text,
        }
        if ticket.board is not None:
            body["board"] = {"id": int(ticket.board)}
        if ticket.priority is not None:
            body["priority"] = {"id": int(ticket.priority)}
        self._session.send_json("POST", _TICKETS, body, kind="connectwise.tickets.create")

    def list_companies(self) -> tuple[Company, ...]:
        found = self._list(
            _COMPANIES, "companies.list", fields="id,name,website", conditions="deletedFlag=false"
        )
        companies = [
            Company(
                CompanyId(str(one["id"].whole())),
                one["name"].text(),
                one["website"].text_or_none() or "",
            )
            for one in found
        ]
        return companies_by_name(companies)

    def list_products(self) -> tuple[Product, ...]:
        found = self._list(_CATALOG, "catalog.list", fields=_PRODUCT_FIELDS)
        # ConnectWise refuses a bundle as an addition, so nobody should be offered one.
        products = [_product(one) for one in found if one["productClass"].text_or_none() != _BUNDLE]
        return products_by_name(products)

    def get_product(self, product_id: ProductId) -> Product:
        message = f"there is no product {product_id!r}"
        number = id_number(product_id)
        if number is None:
            raise NotFoundError(message)
        found = self._one(f"{_CATALOG}/{number}", "catalog.get", _PRODUCT_FIELDS, message)
        return _product(found.record(number))

    def list_agreements(self, company_id: CompanyId | None) -> tuple[Agreement, ...]:
        conditions = "cancelledFlag=false"
        if company_id is not None:
            number = id_number(company_id)
            if number is None:
                return ()  # no company can have such an id
            conditions = f"company/id={number} and {conditions}"
        read_at = self._clock.now()
        found = self._list(
            _AGREEMENTS, "agreements.list", fields=agreements.FIELDS, conditions=conditions
        )
        return tuple(agreements.agreement(one, read_at) for one in found)

    def get_agreement(self, agreement_id: AgreementId) -> Agreement:
        read_at = self._clock.now()
        path = _agreement_path(agreement_id)
        found = self._one(
            path,
            "agreements.get",
            agreements.FIELDS,
            f"there is no agreement {agreement_id!r}",
        )
        return agreements.agreement(found.record(int(agreement_id)), read_at)

    def list_lines(self, agreement_id: AgreementId) -> tuple[AgreementLine, ...]:
        path = f"{_agreement_path(agreement_id)}/additions"
        try:
            found = self._pages(path, "additions.list", fields=additions.FIELDS)
        except AbsentError as error:
            raise self._missing(f"there is no agreement {agreement_id!r}") from error
        return tuple(additions.line(one, agreement_id) for one in found)

    def execute(self, operation: Operation) -> AgreementLine | None:
        try:
            answer = self._written(operation)
        except AbsentError as error:
            missing = self._missing(str(error))
            if isinstance(missing, AccessDeniedError):
                raise missing from error
            if isinstance(operation, RemoveLine):
                return None  # gone already, as was asked for
            raise RequestRefusedError(str(error)) from error
        self._keys_proven = True
        return None if isinstance(operation, RemoveLine) else self._saved(operation, answer)

    def _written(self, operation: Operation) -> Json:
        path = _written_path(operation)
        if isinstance(operation, AdjustQuantity | AddProrata):
            raise RequestRefusedError("ConnectWise has no quantities by date")
        if isinstance(operation, CreateLine):
            body = additions.body(operation, _product_number(operation))
            return self._session.send_json("POST", path, body, kind="connectwise.additions.create")
        if isinstance(operation, RemoveLine):
            return self._session.send_json("DELETE", path, kind="connectwise.additions.delete")
        changes = additions.patch(operation)
        return self._session.send_json("PATCH", path, changes, kind="connectwise.additions.patch")

    def _saved(self, operation: Operation, answer: Json) -> AgreementLine:
        """Return the line that a write answered, once it is seen to be what was asked for."""
        connection = self._session.connection
        with reading_what_was_saved(connection, "the answer cannot be read"):
            saved = additions.line(Payload(answer), operation.agreement_id)
        return as_asked(connection, saved, additions.differences(operation, saved))

    # Reads ----------------------------------------------------------------------------------------

    def _list(
        self, path: str, kind: str, *, fields: str, conditions: str = ""
    ) -> tuple[Payload, ...]:
        try:
            return self._pages(path, kind, fields=fields, conditions=conditions)
        except AbsentError as error:
            raise _wrong_keys(error) from error

    def _pages(
        self, path: str, kind: str, *, fields: str, conditions: str = ""
    ) -> tuple[Payload, ...]:
        params: dict[str, str | int] = {"fields": fields, "pageSize": PAGE_SIZE}
        if conditions:
            params["conditions"] = conditions
        found: list[Payload] = []
        listed: set[int] = set()
        for reply in self._session.pages(
            path, params, next_link=_next_link, headers=_FORWARD_ONLY, kind=f"connectwise.{kind}"
        ):
            page = Payload(reply.json).items()
            note_once(listed, page, f"{self._session.connection}: {path}")
            found.extend(page)
        self._keys_proven = True
        return tuple(found)

    def _one(self, path: str, kind: str, fields: str, absent: str) -> Payload:
        try:
            answer = self._session.get_json(path, {"fields": fields}, kind=f"connectwise.{kind}")
        except AbsentError as error:
            raise self._missing(absent) from error
        self._keys_proven = True
        return Payload(answer)

    def _first_of(self, path: str, kind: str) -> None:
        self._listed(path, {"pageSize": 1, "fields": "id"}, kind)
        self._keys_proven = True

    def _listed(self, path: str, params: Mapping[str, str | int], kind: str) -> Reply:
        try:
            return self._session.get(path, params, kind=f"connectwise.{kind}")
        except AbsentError as error:
            raise _wrong_keys(error) from error

    def _missing(self, message: str) -> OperatorActionError:
        """Return whether a record is not there, or the keys are wrong: both are answered by 404.

        What cannot be told from what this process has seen is asked for once.
        """
        if not self._keys_proven:
            try:
                self._first_of(_AGREEMENTS, "agreements.check")
            except AccessDeniedError as denied:
                return denied
        return NotFoundError(message)


def connectwise_gateway(
    name: ConnectionName,
    config: ConnectWiseConfig,
    clock: Clock,
    http: requests.Session | None = None,
    on_call: OnCall | None = None,
) -> ConnectWiseGateway:
    """Return the gateway of a connection.

    Args:
        name: What errors call the connection.
        http: The transport to share; a pool of its own when ``None``.
        on_call: As ``ApiSession`` takes it.
    """
    user = f"{config.company_id}+{config.public_key}:{config.private_key}"
    headers = {
        "Authorization": f"Basic {base64.b64encode(user.encode()).decode()}",
        "clientId": config.client_id,
    }
    session = ApiSession(
        name,
        with_path(config.url, API_PATH),
        http or pooled_http(),
        headers=lambda: headers,
        error_text=_error_text,
        on_status=_special,
        on_call=on_call,
        remedy=_CHECK_ROLE,
        now=clock.real_now,
    )
    return ConnectWiseGateway(session, clock)


def _special(sent: Sent, refusal: Refusal) -> SeatsyncError | None:
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return AccessDeniedError(f"{sent}: 401: the keys were refused", _CHECK_KEYS)
    if refusal.status != HTTPStatus.NOT_FOUND:
        return None
    if not isinstance(refusal.body, dict):  # plain text: "Cannot route", or somebody else's page
        return AccessDeniedError(f"{sent}: 404 without a reason", _CHECK_KEYS)
    return absent(sent, refusal)


def _wrong_keys(error: AbsentError) -> AccessDeniedError:
    return AccessDeniedError(str(error), _CHECK_KEYS)


def _error_text(body: Json) -> str:
    reasons = [one["message"] for one in body.get("errors") or []]
    return "; ".join([body["message"], *reasons])


def _next_link(reply: Reply) -> str | None:
    links = parse_header_links(reply.headers.get("Link", ""))
    return next((link["url"] for link in links if link.get("rel") == "next"), None)


def _product(payload: Payload) -> Product:
    return Product(
        product_id=ProductId(str(payload["id"].whole())),
        code=payload["identifier"].text(),
        name=payload["description"].text_or_none() or payload["identifier"].text(),
        price=payload["price"].decimal_or_none(),
        cost=payload["cost"].decimal_or_none(),
        active=not payload["inactiveFlag"].flag_or_none(),
    )


def _agreement_path(agreement_id: AgreementId) -> str:
    number = id_number(agreement_id)
    if number is None:
        raise NotFoundError(f"there is no agreement {agreement_id!r}")
    return f"{_AGREEMENTS}/{number}"


def _written_path(operation: Operation) -> str:
    agreement = id_number(operation.agreement_id)
    if agreement is None:
        raise RequestRefusedError(f"there is no agreement {operation.agreement_id!r}")
    path = f"{_AGREEMENTS}/{agreement}/additions"
    if isinstance(operation, CreateLine):
        return path
    line = id_number(operation.line_id)
    if line is None:
        raise RequestRefusedError(f"there is no line {operation.line_id!r}")
    return f"{path}/{line}"


def _product_number(create: CreateLine) -> int:
    product = id_number(create.product_id)
    if product is None:
        raise RequestRefusedError(f"there is no product {create.product_id!r}")
    return product
