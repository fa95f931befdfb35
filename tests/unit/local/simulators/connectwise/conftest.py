"""A site with one customer, and a session signed in to it, without a socket."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import requests

from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.connectwise.builders import (
    a_company,
    a_product,
    a_type,
    an_addition,
    an_agreement,
)
from local.simulators.connectwise.state import PsaState
from local.simulators.connectwise.vendor import BASE_PATH, connectwise_app
from shared import exact_json

HOST = "http://connectwise.test"
NOON = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)


@dataclass
class Site:
    """What a test holds: the state, and ways to call the API and the control API."""

    state: PsaState
    session: requests.Session

    def call(self, method: str, path: str, json: object = None, **options) -> requests.Response:
        if json is not None:
            options["data"] = exact_json.dumps(json)
            options["headers"] = {
                "Content-Type": "application/json",
                **options.get("headers", {}),
            }
        return self.session.request(method, f"{HOST}{BASE_PATH}{path}", **options)

    def get(self, path: str, **parameters: str) -> requests.Response:
        return self.call("GET", path, params=parameters)

    def ids(self, path: str, **parameters: str) -> list[int]:
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return [record["id"] for record in answer.json()]

    def control(self, method: str, path: str, json: object = None) -> requests.Response:
        body = None if json is None else exact_json.dumps(json)
        return self.session.request(method, f"{HOST}/_sim{path}", data=body)

    def violations(self) -> list[dict]:
        return self.control("GET", "/violations").json()["violations"]


def money(answer: requests.Response):
    """Return the parsed body with its numbers as they were written."""
    return answer.json(parse_float=Decimal)


@pytest.fixture
def new_site() -> Iterator[Callable[[PsaState], Site]]:
    sessions: list[requests.Session] = []

    def build(state: PsaState) -> Site:
        session = requests.Session()
        sessions.append(session)
        session.mount(HOST, InProcessAdapter(connectwise_app(state), sleep=lambda _seconds: None))
        session.auth = ("demo+demo-public", "demo-private")
        session.headers["clientId"] = "00000000-0000-4000-8000-000000000001"
        return Site(state, session)

    yield build
    for session in sessions:
        session.close()


@pytest.fixture
def site(new_site) -> Site:
    """Ten seats of one product on agreement 7001; March 2026 is invoiced, April is next."""
    state = PsaState(now=lambda: NOON).seed(
        companies=[a_company()],
        types=[a_type()],
        products=[a_product()],
        agreements=[an_agreement()],
        additions=[an_addition()],
    )
    return new_site(state)


@pytest.fixture
def numbers_as_written():
    return money


@pytest.fixture
def day():
    return date.fromisoformat
