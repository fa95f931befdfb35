"""What every HTTP function has in common: who may call, reading the request, telling errors.

    blueprint = func.Blueprint()


    @endpoint(
        blueprint,
        "GET",
        "api/customers/{customer_id}",
        role=Role.VIEWER,
        gives=shapes.Customer,
        tagged=True,
    )
    def get_customer(call: Call) -> func.HttpResponse:
        read = call.services.customers.get(call.customer_id)
        return ok(...)

The function's name in the host is the handler's. The host tries functions in the order of their
names and takes the first whose route fits, so a name may matter; a test walks all routes. What a
function takes and gives is its contract, from which the API's description is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import azure.functions as func

from functions import bodies
from functions.auth import Principal, Role, comes_from_elsewhere, principal
from functions.contracts import Contract, Query, Shape, whole_number
from functions.invocations import invocation, tell_fault
from functions.responses import (
    FOREIGN_PAGE,
    NOT_ALLOWED,
    NOT_JSON_TYPE,
    NOT_SIGNED_IN,
    HttpError,
    if_match,
    is_unexpected,
    problem,
)
from shared import bootstrap
from shared.domain import ids
from shared.domain.errors import InvalidInputError, NotFoundError
from shared.domain.ids import ConnectionName, CustomerId, CustomLicenseId, ProfileId, RowId, RunId
from shared.ports import Services
from shared.signals import FunctionCalled

PAGE = 100
LARGEST_PAGE = 500
READS = frozenset({"GET", "HEAD"})
PAGING = (
    Query("continuation", "Where the list goes on, as the last page said."),
    Query("limit", f"Entries a page; {PAGE} unless told.", whole_number(1, LARGEST_PAGE)),
)
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What a form on a page of any site can send without asking the browser's leave."""

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request of somebody who may make it."""

    request: func.HttpRequest
    principal: Principal

    @property
    def services(self) -> Services:
        """Everything use cases need."""
        return bootstrap.services()

    @property
    def actor(self) -> str:
        """Who is recorded with a write."""
        return self.principal.name

    # The address ------------------------------------------------------------------------------

    @property
    def customer_id(self) -> CustomerId:
        """The customer in the address."""
        return CustomerId(self.key("customer_id"))

    @property
    def row_id(self) -> RowId:
        """The row in the address."""
        try:
            return ids.row_id(self._part("row_id"))
        except InvalidInputError as error:
            raise NotFoundError(str(error)) from error

    @property
    def license_id(self) -> CustomLicenseId:
        """The custom licence in the address."""
        return CustomLicenseId(self.key("license_id"))

    @property
    def profile_id(self) -> ProfileId:
        """The billing profile in the address."""
        return ProfileId(self.key("profile_id"))

    @property
    def run_id(self) -> RunId:
        """The run in the address."""
        return RunId(self.key("run_id"))

    @property
    def connection(self) -> ConnectionName:
        """The connection in the address."""
        return ConnectionName(self.key("connection"))

    def key(self, name: str) -> str:
        """Return an id in the address.

        Raises:
            NotFoundError: Nothing of ours has such an id.
        """
        try:
            return ids.key(self._part(name), name)
        except InvalidInputError as error:
            raise NotFoundError(str(error)) from error

    def _part(self, name: str) -> str:
        return str(self.request.route_params.get(name, ""))


@dataclass(frozen=True, slots=True)
class Call(SignedRequest):
    """A request to the API, of somebody who may make it."""

    contract: Contract

    # The query --------------------------------------------------------------------------------

    def query(self, name: str) -> str | None:
        """Return a value of the query; an empty one counts as absent."""
        if name not in {one.name for one in self.contract.query}:
            raise AssertionError(f"the contract of {self.contract.name} has no {name}")
        return str(self.request.params.get(name, "")) or None

    def flag(self, name: str) -> bool:
        """Return whether the query says ``true``; absent is ``false``.

        Raises:
            InvalidInputError: It is neither ``true`` nor ``false``.
        """
        text = self.query(name) or "false"
        if text not in {"true", "false"}:
            raise InvalidInputError({name: "must be true or false"})
        return text == "true"

    @property
    def continuation(self) -> str | None:
        """Where a list goes on."""
        return self.query("continuation")

    @property
    def limit(self) -> int:
        """How many entries a page may have.

        Raises:
            InvalidInputError: It is no number from 1 to 500.
        """
        text = self.query("limit") or str(PAGE)
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0  # noqa: PLR2004 - far above any page
        if not 1 <= number <= LARGEST_PAGE:
            raise InvalidInputError({"limit": f"must be 1 to {LARGEST_PAGE}"})
        return number

    # The rest ---------------------------------------------------------------------------------

    @property
    def if_match(self) -> str | None:
        """The version that the caller saw; see ``responses.if_match``."""
        return if_match(self.request.headers.get("if-match"))

    def body(self, model: type[M], *, most: int = bodies.LARGEST_BODY) -> M:
        """Return the body; see ``bodies.read``."""
        return bodies.read(self.request, model, most=most)

    def body_or_nothing(self, model: type[M]) -> M:
        """Return the body, ``{}`` when there is none; see ``bodies.read_optional``."""
        return bodies.read_optional(self.request, model)

    def optional_body(self, model: type[M]) -> M | None:
        """Return the body, or ``None`` when there is none or it is ``{}``."""
        document = bodies.document(self.request) if self.request.get_body() else {}
        return None if document == {} else bodies.checked(document, model)

    def document(self) -> object:
        """Return the body as JSON values, for a route that takes several forms."""
        return bodies.document(self.request)


Handler = Callable[[Call], func.HttpResponse]
Answer = Callable[[func.HttpRequest], func.HttpResponse]
Trigger = Callable[[func.HttpRequest, func.Context], func.HttpResponse]
Teller = Callable[[Exception, func.HttpRequest, str], func.HttpResponse]


_contracts: dict[str, Contract] = {}


def contracts() -> tuple[Contract, ...]:
    """Return the contracts of all handlers that were registered, by name."""
    return tuple(_contracts[name] for name in sorted(_contracts))


def endpoint(
    blueprint: func.Blueprint,
    method: str,
    route: str,
    *,
    role: Role,
    gives: Shape = None,
    media: tuple[str, ...] = ("application/json",),
    status: HTTPStatus | None = None,
    located: bool = False,
    tagged: bool = False,
    matches: bool = False,
    takes: Shape = None,
    optional: bool = False,
    query: tuple[Query, ...] = (),
    outside: bool = False,
) -> Callable[[Handler], Trigger]:
    """Register a handler for signed-in callers who have the role.

    Args:
        status: Of the usual answer: 200, or 204 for one that gives nothing, unless told.

    ``Contract`` explains the others.
    """

    def register(handler: Handler) -> Trigger:
        usual = HTTPStatus.NO_CONTENT if gives is None else HTTPStatus.OK
        contract = Contract(
            name=handler.__name__,
            method=method,
            route=route,
            role=role,
            text=handler.__doc__ or "",
            gives=gives,
            media=media,
            status=usual if status is None else status,
            located=located,
            tagged=tagged,
            matches=matches,
            takes=takes,
            optional=optional,
            query=query,
            outside=outside,
        )

        def answer(request: func.HttpRequest) -> func.HttpResponse:
            caller = allowed(request, role)
            refuse_form(request)
            return handler(Call(request, caller, contract))

        return _registered(blueprint, contract, answer)

    return register


def open_endpoint(
    blueprint: func.Blueprint,
    method: str,
    route: str,
    *,
    gives: Shape,
    also: Mapping[HTTPStatus, Shape],
) -> Callable[[Answer], Trigger]:
    """Register a handler that anybody may call; ``Contract`` explains the rest."""

    def register(handler: Answer) -> Trigger:
        contract = Contract(
            name=handler.__name__,
            method=method,
            route=route,
            role=None,
            text=handler.__doc__ or "",
            gives=gives,
            also=also,
        )
        return _registered(blueprint, contract, handler)

    return register


def _registered(blueprint: func.Blueprint, contract: Contract, answer: Answer) -> Trigger:
    trigger = registered(
        blueprint,
        contract.method,
        contract.route,
        contract.name,
        documentation=contract.text,
        answer=answer,
        told=_told,
    )
    _contracts[contract.name] = contract
    return trigger


def registered(
    blueprint: func.Blueprint,
    method: str,
    route: str,
    name: str,
    *,
    documentation: str,
    answer: Answer,
    told: Teller,
) -> Trigger:
    """Register a function under its name; ``told`` answers with what went wrong."""

    # Written out instead of functools.wraps: the worker reads the signature to find the binding.
    def trigger(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        called = FunctionCalled(name, "http")
        with bootstrap.precedence().ahead(), invocation(called, context):
            try:
                response = answer(request)
            except Exception as error:  # noqa: BLE001 - the host would answer an empty 500
                response = told(error, request, name)
            return response

    trigger.__name__ = trigger.__qualname__ = name
    trigger.__doc__ = documentation
    route_to = blueprint.route(
        route=route,
        trigger_arg_name="request",
        methods=[method] if method else None,
        # Who may call is decided here, for every request: a key would be one more secret.
        auth_level=func.AuthLevel.ANONYMOUS,
    )
    blueprint.function_name(name)(route_to(trigger))
    return trigger


def allowed(request: func.HttpRequest, role: Role) -> Principal:
    """Return who calls, if they may.

    Raises:
        HttpError: Nobody is signed in, the role does not allow it, or another site's page asks.
    """
    caller = principal(request.headers, bootstrap.environment())
    if caller is None:
        raise HttpError(NOT_SIGNED_IN, "sign in with an account that has a role in this app")
    if request.method.upper() not in READS and comes_from_elsewhere(request.headers):
        raise HttpError(FOREIGN_PAGE, "a page of another site cannot change anything here")
    if not caller.may(role):
        raise HttpError(NOT_ALLOWED, f"this needs the app role Seatsync.{role.name.title()}")
    return caller


def refuse_form(request: func.HttpRequest) -> None:
    """Return unless a form was sent: any site's page can send one, and only JSON is asked for.

    Raises:
        HttpError: A form was sent.
    """
    if request.method.upper() not in READS and content_type(request) in FORM_TYPES:
        raise HttpError(NOT_JSON_TYPE, "send Content-Type: application/json")


def content_type(request: func.HttpRequest) -> str:
    """Return the body's type without its parameters, in lower case."""
    return str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()


def log_unexpected(error: Exception, name: str) -> None:
    """Tell a fault of ours: where it happened, without its words, which may quote what was sent."""
    if is_unexpected(error):
        tell_fault(name, error)


def _told(error: Exception, request: func.HttpRequest, name: str) -> func.HttpResponse:
    log_unexpected(error, name)
    return problem(error, request.url)
