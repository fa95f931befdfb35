"""The HaloPSA API: who may call, what the calls do, how errors look."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from local.simulators.common.app import build_app
from local.simulators.common.calls import CallWindow
from local.simulators.common.contract import Contract
from local.simulators.common.messages import Answer, Call, exact
from local.simulators.common.records import PsaVendor, Record
from local.simulators.common.refusals import RefusedError
from local.simulators.common.routing import PathTable
from local.simulators.common.simulator import Simulator
from local.simulators.halopsa.routes import HaloPsaControl
from local.simulators.halopsa.rules import written
from local.simulators.halopsa.state import Application, PsaState
from shared import exact_json

BASE_PATH = "/api"
TOKEN_PATH = "/auth/token"  # noqa: S105 - an address
CONTRACT = Path(__file__).parent.parent / "contracts" / "halopsa" / "openapi.json"
WINDOW = timedelta(minutes=5)

_SHAPES = ("result", "class", "message", "error", "text")
_SCOPE_OF = {
    "Client": "customers",
    "ClientContract": "contracts",
    "RecurringInvoice": "invoices",
    "Item": "items",
    "Tickets": "tickets",
}

Parameters = Mapping[str, str]
Handler = Callable[[Call, Parameters], Answer]


@dataclass(frozen=True, slots=True)
class _Token:
    client_id: str
    scopes: frozenset[str]
    expires: datetime


class HaloPsa(PsaVendor[PsaState]):
    """One HaloPSA instance."""

    name = "halopsa"
    base_path = BASE_PATH

    def __init__(self, state: PsaState) -> None:
        self.state = state
        self._contract = Contract.load(CONTRACT, BASE_PATH)
        self._tokens: dict[str, _Token] = {}
        self._serial = itertools.count(1)
        self._errors = itertools.count()
        self._calls = CallWindow(WINDOW)
        self._stale: dict[int, list[Record]] = {}  # by recurring invoice: what reads still show
        self._handlers = self._routes()

    # --- who is calling ----------------------------------------------------------------------

    def authenticate(self, call: Call) -> Answer | None:
        """Refuse unknown tokens (401), and what scope or agent do not allow (403)."""
        if not call.full_path.startswith(f"{BASE_PATH}/"):
            return None
        if not self._calls.takes(self.state.now(), self.state.switches.rate_limit):
            limit = self.state.switches.rate_limit
            message = f"Rate Limit Reached - {limit} Requests per rolling 5 minute window"
            return self.error(call, HTTPStatus.TOO_MANY_REQUESTS, message)
        scheme, _, value = (call.header("authorization") or "").partition(" ")
        token = self._tokens.get(value) if scheme.lower() == "bearer" else None
        application = None if token is None else self._application(token.client_id)
        if token is None or application is None or token.expires <= self.state.now():
            return self.error(call, HTTPStatus.UNAUTHORIZED, "the token is not known")
        call.principal = application
        if not _allowed(call, application, token.scopes):
            return self.error(call, HTTPStatus.FORBIDDEN, "you do not have permission to do this")
        return None

    def _application(self, client_id: str) -> Application | None:
        known = (one for one in self.state.applications if one.client_id == client_id)
        return next(known, None)

    # --- what calls do -----------------------------------------------------------------------

    def contract_for(self, call: Call) -> Contract | None:
        known = call.full_path == TOKEN_PATH or call.full_path.startswith(f"{BASE_PATH}/")
        return self._contract if known else None

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        del simulator
        if call.full_path == TOKEN_PATH:
            return self._token(call)
        found = self._handlers.find(call.path)
        if found is None:
            return self.error(call, HTTPStatus.NOT_FOUND, f"nothing at {call.path}")
        _, methods, parameters = found
        handler = methods.get(call.method)
        if handler is None:
            # The vendor has the call; Seatsync never makes it, and so it isn't simulated.
            return self.error(call, HTTPStatus.METHOD_NOT_ALLOWED, "not simulated")
        try:
            with self.state.lock:
                return handler(call, parameters)
        except RefusedError as error:
            return self.error(call, error.status, error.reason)

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        """Return an error in one of the five shapes that this API's errors have."""
        del call
        text = message or HTTPStatus(status).phrase
        shape = self.state.switches.error_shape or _SHAPES[next(self._errors) % len(_SHAPES)]
        if shape == "text":
            return Answer(status, text, content_type="text/plain", deliberate=True)
        bodies: dict[str, Record] = {
            "result": {"resultCode": code or status, "errorMessage": text},
            "class": {"ClassName": "HaloException", "Message": text},
            "message": {"Message": text},
            "error": {"error": text},
        }
        return Answer(status, bodies[shape], deliberate=True)

    def kind(self, call: Call, template: str | None) -> str:
        if call.full_path == TOKEN_PATH:
            return "halopsa.token"
        if template is None:
            return "halopsa.unknown"
        names = [part.lower() for part in template.split("/")[1:] if not part.startswith("{")]
        verb = "write" if call.method == "POST" else "get" if template.endswith("}") else "list"
        return f"halopsa.{'.'.join(names)}.{verb}"

    def routes(self, simulator: Simulator) -> Sequence[BaseRoute]:
        del simulator
        return HaloPsaControl(self.state).routes()

    def _routes(self) -> PathTable[dict[str, Handler]]:
        state = self.state
        table: dict[str, dict[str, Handler]] = {
            "/InstanceInfo": {"GET": lambda _call, _found: exact({"version": "2.196.1"})},
            "/Agent/me": {"GET": lambda _call, _found: exact({"id": 1, "name": "API"})},
            "/Tickets": {"POST": self._create_tickets},
            "/Client": {"GET": self._clients},
            "/Client/{id}": {"GET": self._one("client", lambda: state.records("clients").values())},
            "/ClientContract": {"GET": self._contracts},
            "/Item": {"GET": self._items},
            "/Item/{id}": {"GET": self._one("item", lambda: state.records("items").values())},
            "/RecurringInvoice": {"GET": self._headers, "POST": self._writing("post_invoices")},
            "/RecurringInvoice/Lines": {"POST": self._writing("post_lines")},
            "/RecurringInvoice/updatelines": {"POST": self._writing("update_lines")},
            "/RecurringInvoice/{id}": {"GET": self._header},
        }
        return PathTable(table.items())

    def _token(self, call: Call) -> Answer:
        form = call.form()
        tenant = call.argument("tenant")
        if self.state.tenant and tenant != self.state.tenant:
            return exact({"error": "invalid_tenant"}, HTTPStatus.BAD_REQUEST)
        wanted = frozenset(form.get("scope", "").split())
        for one in self.state.applications:
            if (one.client_id, one.secret) != (form.get("client_id"), form.get("client_secret")):
                continue
            if not wanted or ("all" not in one.scopes and not wanted <= one.scopes):
                return exact({"error": "invalid_scope"}, HTTPStatus.BAD_REQUEST)
            seconds = self.state.switches.token_seconds
            value = f"simulated-{next(self._serial)}"
            expires = self.state.now() + timedelta(seconds=seconds)
            self._tokens[value] = _Token(one.client_id, wanted, expires)
            return exact({"access_token": value, "token_type": "Bearer", "expires_in": seconds})
        return exact({"error": "invalid_client"}, HTTPStatus.BAD_REQUEST)

    # --- reads -------------------------------------------------------------------------------

    def _clients(self, call: Call, _found: Parameters) -> Answer:
        inactive = _is(call, "includeinactive")
        chosen = [one for one in self.state.clients.values() if inactive or not one.get("inactive")]
        return _page(call, "clients", chosen)

    def _contracts(self, call: Call, _found: Parameters) -> Answer:
        return _page(call, "contracts", _of_client(call, self.state.contracts.values()))

    def _items(self, call: Call, _found: Parameters) -> Answer:
        active = _is(call, "includeactive", usual=True)
        inactive = _is(call, "includeinactive")
        chosen = [
            one
            for one in self.state.items.values()
            if (inactive if one.get("_inactive") else active)
            and (one.get("isrecurringitem") or not _is(call, "recurringonly"))
        ]
        return _page(call, "items", chosen)

    def _headers(self, call: Call, _found: Parameters) -> Answer:
        chosen = _of_client(call, self.state.recurring_invoices.values())
        with_lines = _is(call, "includelines")
        shown = [self._shown(one, with_lines=with_lines) for one in chosen]
        return _page(call, "invoices", shown)

    def _header(self, call: Call, found: Parameters) -> Answer:
        number = _number(found["id"])
        header = self.state.recurring_invoices.get(number)
        if header is None:
            raise RefusedError(f"there is no recurring invoice {found['id']}", HTTPStatus.NOT_FOUND)
        answer = exact(self._shown(header, with_lines=_is(call, "includedetails")))
        stale = self._stale.get(number)
        if stale:
            older = stale.pop()
            if _is(call, "includedetails"):
                return exact(older)
        return answer

    def _one(self, what: str, records: Callable[[], Iterable[Record]]) -> Handler:
        def answer(_call: Call, found: Parameters) -> Answer:
            for record in records():
                if record["id"] == _number(found["id"]):
                    return exact(_public(record))
            raise RefusedError(f"there is no {what} {found['id']}", HTTPStatus.NOT_FOUND)

        return answer

    def _shown(self, header: Record, *, with_lines: bool) -> Record:
        lines = self.state.lines_of(int(header["id"]))
        client = self.state.clients[header["client_id"]]
        total = sum((_net(line) for line in lines), Decimal(0))
        shown: Record = {
            **_public(header),
            "client_name": client["name"],
            "is_recurring_invoice": True,
            "total": total,
        }
        return {**shown, "lines": [self._line(one) for one in lines]} if with_lines else shown

    def _line(self, line: Record) -> Record:
        item = self.state.items[line["_itemid"]]
        return {
            **line,
            "item_code": item["internalreference"],
            "net_amount": _net(line),
            "linked_item": {"id": item["id"], "name": item["name"]},
        }

    # --- writes ------------------------------------------------------------------------------

    def _create_tickets(self, call: Call, _found: Parameters) -> Answer:
        tickets = exact_json.loads(call.body)
        if any(one.get("client_id") not in self.state.clients for one in tickets):
            return self.error(call, HTTPStatus.BAD_REQUEST, "the client is not known")
        self.state.tickets += [
            {"id": number, **one} for number, one in enumerate(tickets, len(self.state.tickets) + 1)
        ]
        return exact(self.state.tickets[-1], HTTPStatus.CREATED)

    def _writing(self, method: str) -> Handler:
        def answer(call: Call, _found: Parameters) -> Answer:
            by = call.principal.client_id if isinstance(call.principal, Application) else "unknown"
            body = exact_json.loads(call.body)
            before = self._before(body)
            found = written(self.state, "api", by, method, body)
            for number, shown in before.items():
                self._stale[number] = [shown] * self.state.switches.lag_reads
            if method == "post_invoices":
                answers = [self._told(*pair) for pair in zip(found, body, strict=True)]
                return exact(answers[0] if answers else {"id": 0, "total": 0}, HTTPStatus.CREATED)
            return exact([self._line(one) for one in found], HTTPStatus.CREATED)

        return answer

    def _told(self, header: Record, sent: Record) -> Record:
        """Return what a write of a recurring invoice answers."""
        match self.state.switches.write_answers:
            case "saved":
                return self._shown(header, with_lines=True)
            case "sent":
                return {**sent, "id": header["id"]}
            case _:
                return {"id": header["id"], "total": 0}

    def _before(self, body: object) -> dict[int, Record]:
        if not self.state.switches.lag_reads or not isinstance(body, list):
            return {}
        numbers = {one.get("ihid", one.get("id")) for one in body if isinstance(one, Mapping)}
        headers = self.state.recurring_invoices
        return {
            number: exact_json.loads(
                exact_json.dumps(self._shown(headers[number], with_lines=True))
            )
            for number in numbers
            if number in headers
        }


def halopsa_app(state: PsaState, *, check_contracts: bool = True) -> Starlette:
    """Return the whole simulator as an application: API, control API, hand page."""
    simulator = Simulator(HaloPsa(state), clock=state.now, check_contracts=check_contracts)
    return build_app(simulator)


def _allowed(call: Call, application: Application, scopes: frozenset[str]) -> bool:
    right = "read" if call.method == "GET" else "edit"
    if right in application.denied:
        return False
    area = _SCOPE_OF.get(call.path.split("/")[1])
    return area is None or bool(scopes & {"all", right, f"{right}:{area}"})


def _page(call: Call, key: str, records: list[Record]) -> Answer:
    """Return a page, or the first ``count`` records; the count is of all."""
    if _is(call, "pageinate"):
        size = int(call.argument("page_size") or 50)
        first = (int(call.argument("page_no") or 1) - 1) * size
        chosen = records[first : first + size]
    else:
        chosen = records[: int(call.argument("count") or len(records))]
    return exact({"record_count": len(records), key: [_public(one) for one in chosen]})


def _of_client(call: Call, records: Iterable[Record]) -> list[Record]:
    wanted = call.argument("client_id")
    return [one for one in records if wanted is None or str(one["client_id"]) == wanted]


def _public(record: Record) -> Record:
    return {name: value for name, value in record.items() if not name.startswith("_")}


def _net(line: Record) -> Decimal:
    return Decimal(line.get("unit_price") or 0) * Decimal(line.get("qty_order") or 0)


def _is(call: Call, name: str, *, usual: bool = False) -> bool:
    given = call.argument(name)
    return usual if given is None else given.lower() == "true"


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() else 0
