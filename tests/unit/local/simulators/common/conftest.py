"""A toy vendor, small enough to see through, for the tests of what all simulators share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
import requests
from starlette.applications import Starlette

from local.simulators.common.app import build_app, simulator_of
from local.simulators.common.contract import Contract
from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.common.messages import Answer, Call, Json
from local.simulators.common.simulator import Simulator, Vendor

THING = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
}
ERROR = {
    "description": "",
    "content": {"application/json": {"schema": {"type": "object", "required": ["error"]}}},
}
CONTRACT = {
    "paths": {
        "/things": {
            "get": {
                "parameters": [{"name": "size", "in": "query", "schema": {"type": "integer"}}],
                "responses": {
                    "200": {
                        "description": "",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"items": {"type": "array", "items": THING}},
                                }
                            }
                        },
                    },
                    "4XX": ERROR,
                },
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": THING}},
                },
                "responses": {"201": {"description": ""}, "4XX": ERROR},
            },
        }
    }
}


class ToyVendor(Vendor):
    """Keeps things by name; a call without a key is refused."""

    name = "toy"
    base_path = "/api"

    def __init__(self) -> None:
        self.things: list[Json] = []
        self.broken = False
        self._contract = Contract(CONTRACT, "/api")

    def authenticate(self, call: Call) -> Answer | None:
        if call.header("X-Key") is None:
            return self.error(call, 401)
        call.tenant = call.header("X-Tenant")
        return None

    def contract_for(self, call: Call) -> Contract:
        return self._contract

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        if call.method == "POST":
            self.things.append(call.json())
            return Answer(201)
        if self.broken:
            return Answer(200, {"items": [{"name": 7}]})
        return Answer(200, {"items": self.things})

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        return Answer(int(status), {"error": message or "no", "code": code})

    def kind(self, call: Call, template: str | None) -> str:
        return f"toy.{call.method.lower()}"

    def relinked(self, call: Call, answer: Answer, url: str, *, empty: bool) -> Answer:
        return Answer(200, {"items": [] if empty else answer.body["items"], "next": url})

    def dump_state(self) -> Json:
        return {"things": self.things}

    def load_state(self, value: Json) -> None:
        if not isinstance(value, dict) or "things" not in value:
            message = "things are missing"
            raise ValueError(message)
        self.things = value["things"]


@dataclass
class Toy:
    """The toy behind an address: its API at ``/api/things``, its controls at ``/_sim``."""

    app: Starlette
    vendor: ToyVendor
    simulator: Simulator
    session: requests.Session
    url: str = "http://toy"
    slept: list[float] = field(default_factory=list)

    def get(self, path: str = "/api/things", **arguments: object) -> requests.Response:
        return self.session.get(self.url + path, **arguments)

    def post(self, thing: object) -> requests.Response:
        return self.session.post(self.url + "/api/things", json=thing)

    def break_with(self, *faults: Json) -> None:
        response = self.session.put(self.url + "/_sim/faults", json=list(faults))
        assert response.status_code == 200, response.text

    def kinds(self) -> Sequence[tuple[str, str]]:
        return [(call.kind, call.outcome) for call in self.simulator.calls.records()]


@pytest.fixture
def make_toy() -> Callable[[], Toy]:
    def make() -> Toy:
        vendor = ToyVendor()
        app = build_app(Simulator(vendor))
        session = requests.Session()
        session.trust_env = False
        session.headers["X-Key"] = "made-up"
        return Toy(app, vendor, simulator_of(app), session)

    return make


@pytest.fixture
def toy(make_toy: Callable[[], Toy]) -> Iterator[Toy]:
    """The toy without a socket; its latencies are noted, not slept."""
    made = make_toy()
    made.session.mount(made.url, InProcessAdapter(made.app, sleep=made.slept.append))
    with made.session:
        yield made
