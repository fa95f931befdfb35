"""The Autotask API: who may call, what the calls do, how errors look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from local.simulators.autotask import rules
from local.simulators.autotask.limits import ZONE_HEADER, Gate, Traffic
from local.simulators.autotask.query import Place, Query
from local.simulators.autotask.routes import AutotaskControl
from local.simulators.autotask.rules import RefusedError
from local.simulators.autotask.state import BUNDLE, PERIOD_TYPES, SERVICE, ApiUser, Kind, PsaState
from local.simulators.common.app import build_app
from local.simulators.common.contract import Contract
from local.simulators.common.messages import Answer, Call, exact, number_of
from local.simulators.common.records import PsaVendor, Record
from local.simulators.common.routing import PathTable
from local.simulators.common.simulator import Simulator
from shared import exact_json

BASE_PATH = "/atservicesrest"
CONTRACT = Path(__file__).parent.parent / "contracts" / "autotask" / "openapi.json"

_ZONE = "/V1.0/ZoneInformation"
_SPELLINGS = {"/v1.0/": "/V1.0/", "/zoneInformation": "/ZoneInformation", "/query/next": "/query"}
_PICKLISTS: dict[str, dict[str, dict[int, str]]] = {
    "Contracts": {
        "contractPeriodType": {number: label for number, (label, _) in PERIOD_TYPES.items()},
        "status": {0: "Inactive", 1: "Active"},
        "contractType": {1: "Time And Materials", 7: "Recurring Service"},
    },
}

Parameters = Mapping[str, str]
Handler = Callable[[Call, Parameters], Answer]
Records = Callable[[frozenset[int] | None], Iterable[Record]]


class Autotask(PsaVendor[PsaState]):
    """One Autotask site."""

    name = "autotask"
    base_path = BASE_PATH

    def __init__(self, state: PsaState) -> None:
        self.state = state
        self.used: Callable[[], int] = lambda: 0  # calls within the last hour
        self._contract = Contract.load(
            CONTRACT, BASE_PATH, rewrites=_SPELLINGS, extra_query=("paging",)
        )
        self._collections: dict[str, tuple[str, Records]] = {
            "Companies": ("CompanyModel", self._all("companies")),
            "Services": ("ServiceModel", self._all("services")),
            "ServiceBundles": ("ServiceBundleModel", self._all("bundles")),
            "Contracts": ("ContractModel", self._all("contracts")),
            "ContractServices": ("ContractServiceModel", lambda _of: self._lines(SERVICE)),
            "ContractServiceBundles": (
                "ContractServiceBundleModel",
                lambda _of: self._lines(BUNDLE),
            ),
            "ContractServiceUnits": (
                "ContractServiceUnitModel",
                lambda of: self._units(SERVICE, of),
            ),
            "ContractServiceBundleUnits": (
                "ContractServiceBundleUnitModel",
                lambda of: self._units(BUNDLE, of),
            ),
        }
        self._handlers = self._routes()

    # --- who is calling ----------------------------------------------------------------------

    def authenticate(self, call: Call) -> Answer | None:
        """Refuse wrong keys, and right ones in a zone that the site is not in."""
        if _spelt(call.path) == _ZONE:
            return None
        if call.header(ZONE_HEADER) != self.state.zone:
            return self.error(call, HTTPStatus.UNAUTHORIZED)
        keys = tuple(call.header(name) for name in ("username", "secret", "apiintegrationcode"))
        for user in self.state.users:
            if keys == (user.user_name, user.secret, user.integration_code):
                call.principal = user
                right = "read" if _only_reads(call) else "write"
                if right in user.denied:
                    return self.error(call, HTTPStatus.FORBIDDEN)
                return None
        return self.error(call, HTTPStatus.UNAUTHORIZED)

    # --- what calls do -----------------------------------------------------------------------

    def contract_for(self, call: Call) -> Contract | None:
        return self._contract if call.full_path.startswith(f"{BASE_PATH}/") else None

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        del simulator
        found = self._handlers.find(_spelt(call.path))
        if found is None:
            return self.error(call, HTTPStatus.NOT_FOUND)
        _, methods, parameters = found
        handler = methods.get(call.method)
        if handler is None:
            # The vendor has the call; Seatsync never makes it, and so it isn't simulated.
            refusal = self.error(call, HTTPStatus.METHOD_NOT_ALLOWED, "not simulated")
            return Answer(refusal.status, refusal.body, deliberate=True)
        try:
            with self.state.lock:
                return handler(call, parameters)
        except RefusedError as error:
            return exact({"errors": error.reasons}, error.status)

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        del call, code
        if status == HTTPStatus.BAD_REQUEST:
            status = HTTPStatus.INTERNAL_SERVER_ERROR  # so does this API answer what is invalid
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return Answer(status)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR and message is None:
            return exact({}, status)
        return exact({"errors": [message or HTTPStatus(status).phrase]}, status)

    def kind(self, call: Call, template: str | None) -> str:
        if template is None:
            return "autotask.unknown"
        names = [part for part in template.split("/")[1:] if not part.startswith("{")]
        names = [name for name in names if name != "V1.0"]
        if names[-1] in {"query", "count", "fields"}:
            return "autotask." + ".".join(names)
        verb = {"POST": "create", "PATCH": "patch", "PUT": "replace"}.get(call.method, "get")
        return f"autotask.{'.'.join(names)}.{verb}"

    def relinked(self, call: Call, answer: Answer, url: str, *, empty: bool) -> Answer:
        del call
        page = exact_json.loads(answer.content)
        if "pageDetails" not in page:
            return answer
        page["pageDetails"]["nextPageUrl"] = url
        page["items"] = [] if empty else page["items"]
        return exact(page)

    def first_page_url(self, call: Call) -> str:
        return f"{self._address(call)}/query/next?{Place().argument}"

    def routes(self, simulator: Simulator) -> Sequence[BaseRoute]:
        del simulator
        return AutotaskControl(self.state).routes()

    def _routes(self) -> PathTable[dict[str, Handler]]:
        table: dict[str, dict[str, Handler]] = {
            _ZONE: {"GET": self._zone},
            "/VersionInformation": {"GET": self._versions},
            "/V1.0/Tickets": {"POST": self._create_ticket},
            "/V1.0/ThresholdInformation": {"GET": self._threshold},
        }
        for entity in self._collections:
            query = self._querying(entity)
            table[f"/V1.0/{entity}/query"] = {"GET": query, "POST": query}
            count = self._counting(entity)
            table[f"/V1.0/{entity}/query/count"] = {"GET": count, "POST": count}
            table[f"/V1.0/{entity}/{{id}}"] = {"GET": self._getting(entity)}
            table[f"/V1.0/{entity}/entityInformation/fields"] = {"GET": self._fields(entity)}
        for kind, child in ((SERVICE, "Service"), (BUNDLE, "ServiceBundle")):
            table[f"/V1.0/Contracts/{{parentId}}/{child}s"] = {
                "POST": self._creating(kind),
                "PATCH": self._patching(kind),
            }
            table[f"/V1.0/Contract{child}Adjustments"] = {"POST": self._adjusting(kind)}
            table[f"/V1.0/Contracts/{{parentId}}/{child}Adjustments"] = {
                "POST": self._adjusting(kind)
            }
        return PathTable(table.items())

    # --- about the site ----------------------------------------------------------------------

    def _zone(self, call: Call, parameters: Parameters) -> Answer:
        del parameters
        wanted = (call.argument("user") or "").lower()
        if wanted not in {user.user_name.lower() for user in self.state.users}:
            return exact({"errors": ["The user was not found."]}, 500)
        zone = f"/{self.state.zone}" if self.state.zone else ""
        return exact(
            {
                "zoneName": self.state.zone or "Simulated zone",
                "url": f"{call.base_url}{zone}{BASE_PATH}/",
                "webUrl": f"{call.base_url}/",
                "ci": 1,
            }
        )

    def _versions(self, call: Call, parameters: Parameters) -> Answer:
        del call, parameters
        return exact({"apiVersions": ["V1.0"]})

    def _threshold(self, call: Call, parameters: Parameters) -> Answer:
        del call, parameters
        return exact(
            {
                "externalRequestThreshold": self.state.switches.threshold,
                "requestThresholdTimeframe": 60,
                "currentTimeframeRequestCount": self.used(),
            }
        )

    # --- reads -------------------------------------------------------------------------------

    def _all(self, kind: str) -> Records:
        return lambda _of: self.state.records(kind).values()

    def _lines(self, kind: Kind) -> Iterable[Record]:
        rules.let_time_pass(self.state)
        lines = self.state.lines.values()
        return [one.record for one in lines if one.kind is kind and not one.hidden]

    def _units(self, kind: Kind, contracts: frozenset[int] | None) -> Iterable[Record]:
        rules.let_time_pass(self.state)
        return rules.unit_rows(self.state, kind, contracts)

    def _querying(self, entity: str) -> Handler:
        model, records = self._collections[entity]

        def answer(call: Call, _parameters: Parameters) -> Answer:
            known = _fields_of(model)
            query = Query.read(_sent(call), known)
            place = Place.read(call.argument("paging"))
            found = query.found(records(query.contracts))
            rest = [one for one in found if one["id"] > place.after]
            page, more = rest[: query.page_size], len(rest) > query.page_size
            link = None
            if more:
                link = f"{self._address(call)}/query/next?{Place(page[-1]['id']).argument}"
                if call.method == "GET":
                    link += f"&search={quote(call.argument('search') or '', safe='')}"
            return exact(
                {
                    "items": [query.columns(one, known) for one in page],
                    "pageDetails": {
                        "count": len(page),
                        "requestCount": query.page_size,
                        "prevPageUrl": None,
                        "nextPageUrl": link,
                    },
                }
            )

        return answer

    def _counting(self, entity: str) -> Handler:
        model, records = self._collections[entity]

        def answer(call: Call, _parameters: Parameters) -> Answer:
            query = Query.read(_sent(call), _fields_of(model))
            return exact({"queryCount": len(query.found(records(query.contracts)))})

        return answer

    def _getting(self, entity: str) -> Handler:
        model, records = self._collections[entity]

        def answer(_call: Call, parameters: Parameters) -> Answer:
            for record in records(None):
                if str(record["id"]) == parameters["id"]:
                    known = _fields_of(model)
                    return exact({"item": {name: record.get(name) for name in sorted(known)}})
            return exact({"errors": ["No matching records found."]}, HTTPStatus.NOT_FOUND)

        return answer

    def _fields(self, entity: str) -> Handler:
        model, _ = self._collections[entity]

        def answer(_call: Call, _parameters: Parameters) -> Answer:
            lists = _PICKLISTS.get(entity, {})
            return exact(
                {
                    "fields": [
                        {
                            "name": name,
                            "isPickList": name in lists,
                            "picklistValues": [
                                {"value": str(number), "label": label, "isActive": True}
                                for number, label in lists.get(name, {}).items()
                            ],
                        }
                        for name in sorted(_fields_of(model))
                    ]
                }
            )

        return answer

    # --- writes ------------------------------------------------------------------------------

    def _create_ticket(self, call: Call, parameters: Parameters) -> Answer:
        del parameters
        ticket = _body(call)
        if ticket["companyID"] not in self.state.records("companies"):
            return exact({"errors": ["companyID: the record was not found."]}, 500)
        self.state.tickets.append({"id": len(self.state.tickets) + 1, **ticket})
        return self._item(len(self.state.tickets))

    def _creating(self, kind: Kind) -> Handler:
        def answer(call: Call, parameters: Parameters) -> Answer:
            body = _of_parent(call, parameters)
            line = rules.create_line(self.state, kind, body, who="api", by=_user(call))
            return self._item(line.line_id)

        return answer

    def _patching(self, kind: Kind) -> Handler:
        def answer(call: Call, parameters: Parameters) -> Answer:
            body = _body(call)
            parent = number_of(parameters["parentId"])
            line = rules.patch_line(self.state, kind, parent, body, who="api", by=_user(call))
            return self._item(line.line_id)

        return answer

    def _adjusting(self, kind: Kind) -> Handler:
        def answer(call: Call, parameters: Parameters) -> Answer:
            body = _of_parent(call, parameters) if parameters else _body(call)
            return self._item(rules.adjust(self.state, kind, body, who="api", by=_user(call)))

        return answer

    def _item(self, number: int) -> Answer:
        return exact({"itemId": None if self.state.switches.null_item_id else number})

    def _address(self, call: Call) -> str:
        zone = f"/{self.state.zone}" if self.state.zone else ""
        path = call.full_path.partition("/query")[0]
        return f"{call.base_url}{zone}{path}"


def autotask_app(state: PsaState, *, check_contracts: bool = True) -> Starlette:
    """Return the whole simulator as an application: API, control API, hand page."""
    vendor = Autotask(state)
    simulator = Simulator(vendor, clock=state.now, check_contracts=check_contracts)
    app = build_app(simulator)
    traffic = Traffic(state)
    vendor.used = lambda: traffic.used
    app.add_middleware(Gate, state=state, simulator=simulator, traffic=traffic)
    return app


@cache
def _fields_of(model: str) -> frozenset[str]:
    document = exact_json.loads(CONTRACT.read_bytes())
    return frozenset(document["components"]["schemas"][model]["properties"])


def _spelt(path: str) -> str:
    for spelling, known in _SPELLINGS.items():
        path = path.replace(spelling, known)
    return path


def _only_reads(call: Call) -> bool:
    return call.method == "GET" or "/query" in call.path


def _sent(call: Call) -> object:
    text = (call.argument("search") or "").encode() if call.method == "GET" else call.body
    try:
        return exact_json.loads(text)
    except ValueError as error:
        raise RefusedError(f"The query is not JSON: {error}") from error


def _body(call: Call) -> Mapping[str, Any]:
    try:
        body = exact_json.loads(call.body)
    except ValueError as error:
        raise RefusedError(f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError("The body is not an object.")
    return body


def _of_parent(call: Call, parameters: Parameters) -> Mapping[str, Any]:
    parent = number_of(parameters["parentId"])
    body = _body(call)
    if body.get("contractID", parent) != parent:
        raise RefusedError("contractID does not match the parent in the address.")
    return {**body, "contractID": parent}


def _user(call: Call) -> str:
    return call.principal.user_name if isinstance(call.principal, ApiUser) else "unknown"
