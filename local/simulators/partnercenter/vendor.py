"""Partner Center REST v1: customers and their subscriptions, for an app of the partner.

It lives beside sign-in and Graph, at ``/partnercenter`` of the Microsoft simulator, because it
takes that simulator's tokens and sells what that simulator's tenants hold. Its own control API
and pages are below the same path.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from local.simulators.common.app import build_app
from local.simulators.common.contract import Contract
from local.simulators.common.messages import Answer, Call, Json
from local.simulators.common.routing import PathTable
from local.simulators.common.simulator import Simulator, Vendor
from local.simulators.microsoft.state import MicrosoftState
from local.simulators.microsoft.tokens import TokenStore
from local.simulators.partnercenter import pages
from local.simulators.partnercenter.rows import customer_row, is_broken, subscription_row
from local.simulators.partnercenter.state import PartnerCenterState

MOUNTED_AT = "/partnercenter"
BASE_PATH = f"{MOUNTED_AT}/v1"
_CONTRACT = Path(__file__).parents[1] / "contracts" / "partnercenter" / "openapi.json"
_HOSTS = frozenset(
    {"api.partnercenter.microsoft.com", "partner.partnercenterapi.microsoftonline.cn"}
)
_USUAL_PAGE = 100
_TOKEN = "MS-ContinuationToken"  # noqa: S105 - a header's name
# Numbers and words: both occur.
_ERRORS: dict[int, tuple[int | str, str]] = {
    400: (2000, "The request is malformed."),
    401: ("unauthorized", "The access token is missing, expired or for another service."),
    403: (1000, "Access denied."),
    404: (20002, "The resource was not found."),
    500: ("5000", "An internal error occurred."),
    503: ("5003", "The service is unavailable."),
}

Handler = Callable[[Call, dict[str, str]], Answer]


@cache
def partner_center_contract() -> Contract:
    """Return the contract of Partner Center, read once."""
    return Contract.load(_CONTRACT, BASE_PATH)


class PartnerCenter(Vendor):
    """Partner Center over the state and the tokens of the Microsoft simulator."""

    name = "partnercenter"
    base_path = BASE_PATH

    def __init__(
        self,
        state: Callable[[], MicrosoftState],
        tokens: TokenStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._tokens = tokens
        self._clock = clock
        routes: list[tuple[str, Handler]] = [
            ("/customers", self._customers),
            ("/customers/{customer}", self._customer),
            ("/customers/{customer}/subscriptions", self._subscriptions),
            ("/customers/{customer}/subscriptions/{subscription}", self._subscription),
            ("/customers/{customer}/subscribedskus", self._users_only),
        ]
        self._routes = PathTable(routes)

    @property
    def state(self) -> PartnerCenterState:
        return self._state().partner_center

    def authenticate(self, call: Call) -> Answer | None:
        scheme, _, text = (call.header("Authorization") or "").partition(" ")
        token = self._tokens.find(text) if scheme.lower() == "bearer" else None
        if token is None or token.expires_at <= self._clock() or token.audience not in _HOSTS:
            return self.error(call, HTTPStatus.UNAUTHORIZED)
        call.tenant, call.principal = token.tenant_id, token
        known = self.state.app_ids
        if token.tenant_id != self._state().partner_tenant_id or (
            known is not None and token.client_id not in known
        ):
            return self.error(call, HTTPStatus.FORBIDDEN)
        return None

    def contract_for(self, call: Call) -> Contract | None:
        del call
        return partner_center_contract()

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        del simulator
        found = self._routes.find(call.path)
        if found is None:
            return self.error(call, HTTPStatus.NOT_FOUND)
        _, handler, given = found
        answer = handler(call, given)
        request_id = call.header("MS-RequestId") or str(uuid.uuid4())
        return answer.with_headers({"MS-RequestId": request_id})

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        del call
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            text = message or "Rate limit is exceeded. Try again in 57 seconds."
            return Answer(status, {"statusCode": int(status), "message": text})
        usual_code, usual_message = _ERRORS.get(int(status), (int(status), "Error."))
        body: Json = {
            "code": code or usual_code,
            "description": message or usual_message,
            "data": [],
            "source": "PartnerFD",
        }
        return Answer(int(status), body)

    def kind(self, call: Call, template: str | None) -> str:
        del call
        if template is None:
            return "partnercenter.unknown"
        words = [part for part in template.split("/") if part and not part.startswith("{")]
        one = ".one" if template.endswith("}") else ""
        return f"partnercenter.{'.'.join(words)}{one}"

    def relinked(self, call: Call, answer: Answer, url: str, *, empty: bool) -> Answer:
        if not isinstance(answer.body, dict) or "items" not in answer.body:
            return answer
        body: dict[str, Json] = dict(answer.body)
        token = call.header(_TOKEN) or _token(0)
        uri = self._next_uri(call) if url == call.url() else url
        body |= _next(uri, token, body["links"])
        if empty:
            body |= {"items": [], "totalCount": 0}
        return replace(answer, body=body)

    def dump_state(self) -> Json:
        return self.state.model_dump(mode="json")

    def load_state(self, value: Json) -> None:
        self._state().partner_center = PartnerCenterState.model_validate(value)

    def routes(self, simulator: Simulator) -> Sequence[BaseRoute]:
        return pages.routes(self._state, simulator, MOUNTED_AT)

    # --- the work ----------------------------------------------------------------------------

    def _customers(self, call: Call, given: dict[str, str]) -> Answer:
        del given
        largest = self.state.largest_page
        size = int(call.argument("size") or min(_USUAL_PAGE, largest))
        if not 1 <= size <= largest:
            return self.error(call, 400, f"The page size must be between 1 and {largest}.")
        start = 0
        if call.argument("seekOperation"):
            try:
                start = _offset(call.header(_TOKEN) or "")
            except ValueError:
                return self.error(call, 400, "The continuation token is missing or invalid.")
        found = self.state.customers[start : start + size]
        links: Json = {"self": {"uri": f"/customers?size={size}", "method": "GET", "headers": []}}
        body: Json = {
            "totalCount": len(found),  # of this page, as the real one counts
            "items": [customer_row(one) for one in found],
            "links": links,
            "attributes": {"objectType": "Collection"},
        }
        if start + size < len(self.state.customers):
            body |= _next(self._next_uri(call), _token(start + size), links)
        return Answer(200, body)

    def _customer(self, call: Call, given: dict[str, str]) -> Answer:
        customer = self.state.customer(given["customer"])
        if customer is None:
            return self.error(call, 404, f"Customer {given['customer']} was not found.")
        return Answer(200, customer_row(customer, alone=True))

    def _subscriptions(self, call: Call, given: dict[str, str]) -> Answer:
        customer = self.state.customer(given["customer"])
        if customer is None:
            return self.error(call, 404, f"Customer {given['customer']} was not found.")
        uri = f"/customers/{customer.tenant_id}/subscriptions"
        body = {
            "totalCount": len(customer.subscriptions),
            "items": [subscription_row(customer, one) for one in customer.subscriptions],
            "links": {"self": {"uri": uri, "method": "GET", "headers": []}},
            "attributes": {"objectType": "Collection"},
        }
        return Answer(200, body, deliberate=is_broken(customer))

    def _subscription(self, call: Call, given: dict[str, str]) -> Answer:
        customer = self.state.customer(given["customer"])
        found = customer.subscription(given["subscription"]) if customer else None
        if customer is None or found is None:
            text = f"Subscription with ID {given['subscription']} not found."
            return replace(self.error(call, 404, text), body=_subscription_missing(text))
        return Answer(200, subscription_row(customer, found), deliberate=is_broken(customer))

    def _users_only(self, call: Call, given: dict[str, str]) -> Answer:
        del given
        return self.error(call, 403, "This resource is for an app together with a user.")

    @staticmethod
    def _next_uri(call: Call) -> str:
        size = call.argument("size")
        return f"{call.path}?{f'size={size}&' if size else ''}seekOperation=Next"


def partner_center_app(
    state: Callable[[], MicrosoftState],
    tokens: TokenStore,
    clock: Callable[[], datetime],
    beside: Simulator,
) -> Starlette:
    """Return the application that stands at ``MOUNTED_AT`` beside another simulator."""
    simulator = Simulator(PartnerCenter(state, tokens, clock), clock=clock)
    simulator.check_contracts = beside.check_contracts
    simulator.lock = beside.lock  # they share their state
    beside.neighbours.append(simulator)
    return build_app(simulator)


def _next(uri: str, token: str, links: Json) -> dict[str, Json]:
    headers = [{"key": _TOKEN, "value": token}]
    return {
        "continuationToken": token,
        "links": dict(links) | {"next": {"uri": uri, "method": "GET", "headers": headers}},
    }


def _token(offset: int) -> str:
    return base64.b64encode(f"customers-{offset}".encode()).decode()


def _offset(token: str) -> int:
    """Return where a token goes on. Raises ValueError."""
    try:
        text = base64.b64decode(token, validate=True).decode()
    except binascii.Error as error:
        raise ValueError(token) from error
    return int(text.removeprefix("customers-"))


def _subscription_missing(text: str) -> Json:
    return {"code": 20003, "description": text, "data": [], "source": "PartnerFD"}
