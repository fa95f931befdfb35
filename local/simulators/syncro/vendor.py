"""The Syncro API: who may call, what the calls do, how errors look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from local.simulators.common.app import build_app
from local.simulators.common.calls import CallWindow
from local.simulators.common.contract import Contract
from local.simulators.common.messages import Answer, Call, exact, number_of
from local.simulators.common.records import PsaVendor, Record
from local.simulators.common.refusals import RefusedError
from local.simulators.common.routing import PathTable
from local.simulators.common.simulator import Simulator
from local.simulators.syncro.routes import SyncroControl
from local.simulators.syncro.state import PsaState
from shared import exact_json

BASE_PATH = "/api/v1"
CONTRACT = Path(__file__).parent.parent / "contracts" / "syncro" / "openapi.json"
PAGE_SIZE = 25
WINDOW = timedelta(minutes=1)

Parameters = Mapping[str, str]
Handler = Callable[[Call, Parameters], Answer]


class Syncro(PsaVendor[PsaState]):
    """One Syncro account."""

    name = "syncro"
    base_path = BASE_PATH

    def __init__(self, state: PsaState) -> None:
        self.state = state
        self._contract = Contract.load(CONTRACT, BASE_PATH)
        self._calls = CallWindow(WINDOW)
        self._handlers = self._routes()

    def authenticate(self, call: Call) -> Answer | None:
        if not self._calls.takes(self.state.now(), self.state.switches.rate_limit):
            return self.error(call, HTTPStatus.TOO_MANY_REQUESTS, "Too many requests")
        scheme, _, value = (call.header("authorization") or "").partition(" ")
        token = next((one for one in self.state.tokens if one.value == value), None)
        if scheme.lower() != "bearer" or token is None:
            return self.error(call, HTTPStatus.UNAUTHORIZED, "Not authorized")
        if ("read" if call.method == "GET" else "edit") in token.denied:
            return self.error(call, HTTPStatus.FORBIDDEN, "The token lacks a permission")
        return None

    def contract_for(self, call: Call) -> Contract | None:
        return self._contract if call.full_path.startswith(f"{BASE_PATH}/") else None

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        del simulator
        found = self._handlers.find(call.path)
        handler = None if found is None else found[1].get(call.method)
        if found is None or handler is None:
            return self.error(call, HTTPStatus.NOT_FOUND, "Not found")
        try:
            with self.state.lock:
                return handler(call, found[2])
        except RefusedError as error:
            return self.error(call, error.status, error.reason)

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        del call, code
        text = message or HTTPStatus(status).phrase
        listed = status == HTTPStatus.UNPROCESSABLE_ENTITY
        return Answer(status, {"error": [text] if listed else text}, deliberate=True)

    def kind(self, call: Call, template: str | None) -> str:
        if template is None:
            return "syncro.unknown"
        names = [part for part in template.split("/")[1:] if not part.startswith("{")]
        verb = {"POST": "post", "PUT": "put"}.get(
            call.method, "get" if template.endswith("}") else "list"
        )
        return f"syncro.{'.'.join(names)}.{verb}"

    def routes(self, simulator: Simulator) -> Sequence[BaseRoute]:
        del simulator
        return SyncroControl(self.state).routes()

    def _routes(self) -> PathTable[dict[str, Handler]]:
        state = self.state
        table: dict[str, dict[str, Handler]] = {
            "/customers": {
                "GET": self._list("customers", lambda: state.records("customers").values())
            },
            "/products": {
                "GET": self._list("products", lambda: state.records("products").values())
            },
            "/products/{id}": {"GET": self._product},
            "/schedules": {"GET": self._schedules},
            "/schedules/{id}": {"GET": self._schedule},
            "/schedules/{id}/add_line_item": {"POST": self._add},
            "/schedules/{id}/remove_line_item": {"POST": self._remove},
            "/schedules/{id}/line_items/{line}": {"PUT": self._change},
        }
        return PathTable(table.items())

    def _list(self, key: str, records: Callable[[], Iterable[Record]]) -> Handler:
        return lambda call, _found: self._page(call, key, list(records()))

    def _schedules(self, call: Call, _found: Parameters) -> Answer:
        wanted = call.argument("customer_id")
        chosen = [
            self._shown(one)
            for one in self.state.schedules.values()
            if wanted is None or str(one["customer_id"]) == wanted
        ]
        return self._page(call, "schedules", chosen)

    def _schedule(self, _call: Call, found: Parameters) -> Answer:
        schedule = self.state.schedules.get(number_of(found["id"]))
        if schedule is None:
            raise RefusedError("Not found", HTTPStatus.NOT_FOUND)
        return exact({"schedule": self._shown(schedule)})

    def _product(self, _call: Call, found: Parameters) -> Answer:
        product = self.state.products.get(number_of(found["id"]))
        if product is None:
            raise RefusedError("Not found", HTTPStatus.NOT_FOUND)
        return exact({"product": product})

    def _add(self, call: Call, found: Parameters) -> Answer:
        body = exact_json.loads(call.body)
        line = self.state.save_line(number_of(found["id"]), body, None, who="api")
        return exact({"schedule_line_item": _line(line)})

    def _change(self, call: Call, found: Parameters) -> Answer:
        body = exact_json.loads(call.body)
        number = number_of(found["line"])
        line = self.state.save_line(number_of(found["id"]), body, number, who="api")
        return exact({"schedule_line_item": _line(line)})

    def _remove(self, call: Call, found: Parameters) -> Answer:
        body = exact_json.loads(call.body)
        number = body.get("schedule_line_item_id") if isinstance(body, Mapping) else None
        self.state.remove_line(number_of(found["id"]), number, who="api")
        return exact({"success": True})

    def _shown(self, schedule: Record) -> Record:
        lines = [_line(one) for one in self.state.lines_of(schedule["id"])]
        shown = {name: value for name, value in schedule.items() if not name.startswith("_")}
        subtotal = sum((one["price_retail"] * Decimal(one["quantity"]) for one in lines), Decimal())
        return {**shown, "subtotal": subtotal, "lines": lines}

    def _page(self, call: Call, key: str, records: list[Record]) -> Answer:
        number = int(call.argument("page") or 1)
        chosen = records[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        body: Record = {key: chosen}
        if self.state.switches.pages_tell_total:
            body["meta"] = {
                "total_pages": -(-len(records) // PAGE_SIZE),
                "total_entries": len(records),
                "per_page": PAGE_SIZE,
                "page": number,
            }
        return exact(body)


def syncro_app(state: PsaState, *, check_contracts: bool = True) -> Starlette:
    """Return the whole simulator as an application: API, control API, hand page."""
    simulator = Simulator(Syncro(state), clock=state.now, check_contracts=check_contracts)
    return build_app(simulator)


def _line(line: Record) -> Record:
    """Return a line as the API shows it: quantities are text."""
    cents = Decimal(100)
    return {
        **line,
        "quantity": format(Decimal(line["quantity"]), "f"),
        "retail_cents": int(Decimal(line["price_retail"]) * cents),
        "cost_cents": int(Decimal(line["price_cost"]) * cents),
    }
